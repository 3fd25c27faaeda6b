/*
 * Facts: typed, named values that filters find and that policy reads. Each is declared in a table
 * ({name, type, stage, help}): the policy compiler checks names, types and stages against it and
 * the manual is generated from it. A fact that was not set is absent: it compares false with all.
 *
 * Facts live in three scopes: session (set at connect and helo), message (mail, header, message)
 * and recipient (rcpt). A look-up for a recipient sees all three, the innermost first.
 */
#ifndef REEVE_CORE_FACT_H
#define REEVE_CORE_FACT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/str.h"

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_HEADER,
	STAGE_MESSAGE,
	STAGE_COUNT,
};

enum fact_type {
	FACT_BOOL,
	FACT_INT,      /* int64_t */
	FACT_NUMBER,   /* double */
	FACT_TEXT,     /* any octets */
	FACT_WORD,     /* text out of a closed set (words): compared with bare words in policies */
	FACT_IP,
	FACT_DURATION, /* int64_t milliseconds */
	FACT_LIST,     /* texts; `in` and == ask whether any of them matches */
};

/* Row of a table that ends with a row without name. */
struct fact_def {
	const char *name; /* "spf.result"; a filter's own fact may also be just its name: "spf" */
	enum fact_type type;
	enum stage stage;	  /* from which on it can be known */
	const char *const *words; /* WORD: NULL-terminated */
	const char *help;
};

struct fact {
	const struct fact_def *def;
	union {
		bool boolean;
		int64_t integer; /* INT, DURATION */
		double number;
		struct str text; /* TEXT, WORD */
		struct ip ip;
		struct {
			const struct str *v;
			size_t n;
		} list;
	} u;
};

/* All declarations of a snapshot: immutable, built once per load. */
struct fact_registry;

struct fact_registry *fact_registry_new(struct arena *a);
/* Adds a table; returns the name of a fact that was declared before, or NULL. */
const char *fact_registry_add(struct fact_registry *r, const struct fact_def *table);
const struct fact_def *fact_def_find(const struct fact_registry *r, struct str name);
/* For help and near names: all, in the order of their tables. */
size_t fact_registry_count(const struct fact_registry *r);
const struct fact_def *fact_registry_at(const struct fact_registry *r, size_t i);

/* The values of one scope. {registry, arena} filled in is an empty one. */
struct facts {
	const struct fact_registry *registry;
	struct arena *arena;
	struct fact *v;
	size_t n, room;
};

/* Setting one again replaces it. The name must be declared and the type right (assert). */
void fact_set_bool(struct facts *f, const char *name, bool value);
void fact_set_int(struct facts *f, const char *name, int64_t value);
void fact_set_number(struct facts *f, const char *name, double value);
void fact_set_text(struct facts *f, const char *name, struct str value); /* copied */
void fact_set_word(struct facts *f, const char *name, const char *word);
void fact_set_ip(struct facts *f, const char *name, const struct ip *value);
void fact_set_duration(struct facts *f, const char *name, int64_t ms);
/* Appends to a FACT_LIST; the texts are copied. */
void fact_add_text(struct facts *f, const char *name, struct str value);
/* Not "", and nothing twice. */
void fact_add_text_once(struct facts *f, const char *name, struct str value);

/* NULL when it is not set in this scope. */
const struct fact *fact_get(const struct facts *f, const struct fact_def *def);
const struct fact *fact_find(const struct facts *f, const char *name);
/* As a policy template shows it: "192.0.2.1", "5m", "a, b"; not made safe for any sink. */
struct str fact_text(struct arena *a, const struct fact *fact);

const char *stage_name(enum stage stage);

#endif
