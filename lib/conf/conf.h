/*
 * Configuration text: words, "strings", blocks in braces and semicolons, # comments, and
 *
 *     include "PATH";            relative to the including file, globs allowed, in sorted order
 *
 * conf_parse() makes a tree of nodes whose every token knows file:line:column. Meaning comes later:
 * conf_apply() fills a struct from a block by a table of directives; whoever has a language of his
 * own (policy) reads the tokens himself. All errors are collected in one list, none stops the work.
 */
#ifndef REEVE_LIB_CONF_CONF_H
#define REEVE_LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/str.h"

enum conf_limits {
	CONF_INCLUDE_DEPTH = 16,
	CONF_BLOCK_DEPTH = 32,
	CONF_FILE_BYTES = 16 * 1024 * 1024,
	CONF_FILES_MAX = 1000, /* in one load */
	CONF_WORD_MAX = 4096,  /* octets of a word or string */
	CONF_ERRORS_MAX = 100, /* kept, and as many warnings; all are counted */
};

struct conf_place {
	const char *file;
	unsigned line, column; /* from 1 */
};

enum conf_token_kind {
	TOKEN_WORD,   /* bare: letters, digits and . _ - / : @ * % + [ ] $ & | ^ \ ' ` ? */
	TOKEN_STRING, /* in double quotes, on one line; escapes \" \\ \n \t are resolved, any other
			 backslash stays, so that "\d+" is a pattern; never a keyword */
	TOKEN_OP,     /* one of == != =~ !~ >= <= > < ( ) , = ! ~ */
};

struct conf_token {
	enum conf_token_kind kind;
	struct str text;
	struct conf_place place;
};

/* One statement: its tokens (tokens[0] is the name), and a block when it has one. */
struct conf_node {
	struct conf_token *tokens;
	size_t n;
	bool has_block;
	struct conf_node *children; /* first statement of the block */
	struct conf_node *next;
	struct conf_place end; /* the ; or the } */
};

enum conf_severity { CONF_ERROR, CONF_WARNING };

struct conf_error {
	enum conf_severity severity;
	struct conf_place place;
	struct str text; /* "unknown directive 'dealy'; did you mean 'delay'?" */
	struct conf_error *next;
};

/* One load: the arena that owns all nodes and values, and the errors found so far. */
struct conf_load {
	struct arena *arena;
	struct conf_error *first, **last;
	size_t errors, warnings;
	size_t files; /* read so far */
};

void conf_load_init(struct conf_load *load, struct arena *a);
/* Says what is wrong, what was expected, and the likely fix, in one line without a final dot. */
void conf_error(struct conf_load *load, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conf_warning(struct conf_load *load, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends "file:line:column: error: text\n" for each, to out. */
void conf_errors_print(const struct conf_load *load, struct buf *out);
/* The same to standard error. */
void conf_errors_tell(const struct conf_load *load);

/*
 * The nearest of names, or NULL: by edit distance (at most 2 or a third of the length), else one that shares whole
 * parts ("message-size" and "message").
 */
const char *conf_near(struct str word, const char *const *names, size_t n);

/* "a, b or c". */
const char *conf_names_text(struct arena *a, const char *const *names, size_t n);

/* How a token is shown in messages: "word 'x'", "string \"x\"", "'=='", shortened. */
const char *conf_token_show(struct arena *a, const struct conf_token *t);

/* NULL only when the file itself cannot be read (also an error in load) or is empty. */
struct conf_node *conf_parse_file(struct conf_load *load, const char *path);
/* Text that is in memory; name stands for the file. */
struct conf_node *conf_parse_text(struct conf_load *load, const char *name, struct str text);

/* ---- directives ---- */

enum conf_type {
	CONF_FLAG,     /* bool: on off (yes no true false); the bare name is on */
	CONF_INT,      /* int64_t, within min..max */
	CONF_NUMBER,   /* double, within min..max */
	CONF_SIZE,     /* uint64_t bytes: 100, 64K, 25M, 2G (powers of 1024) */
	CONF_DURATION, /* int64_t milliseconds: 250ms, 30s, 5m, 1h30m, 7d; a bare number is seconds */
	CONF_STRING,   /* struct str (word or string); the arena's copy is NUL-terminated */
	CONF_PATH,     /* struct str; relative paths are relative to the file of the directive */
	CONF_CHOICE,   /* int: index in choices */
	CONF_STRINGS,  /* struct conf_strings; one or more, repeatable */
	CONF_CIDRS,    /* struct conf_cidrs; one or more, repeatable */
	CONF_CUSTOM,   /* set() does it all */
};

struct conf_strings {
	struct conf_token *v; /* with places, for later errors */
	size_t n;
};

struct conf_cidrs {
	struct cidr *v;
	size_t n;
};

/* Row of a table that ends with a row without name. The manual is generated from it. */
struct directive {
	const char *name;
	enum conf_type type;
	size_t offset;		    /* of the field in the target struct */
	const char *def;	    /* default, as one would write it; NULL: none */
	double min, max;	    /* INT, NUMBER, SIZE, DURATION (ms); both 0: no bounds */
	const char *const *choices; /* CHOICE: NULL-terminated */
	const char *args;	    /* how the arguments look, for the manual: "COUNT per DURATION" */
	const char *help;	    /* one line: what it does */
	/* CUSTOM, or a block: reads the node into target; errors go to load. */
	void (*set)(struct conf_load *load, const struct conf_node *node, void *target);
	const struct directive *block; /* CUSTOM with a block: its table, for the manual only */
	bool repeats;
	bool required;
	bool at_start; /* read once: a change needs a restart; said by the manual and at a reload */
};

/*
 * Fills target by table from the list of statements: defaults first, then each statement. Unknown
 * directive, wrong type, out of bounds, given twice without repeats, missing required one: errors
 * with near-name hints. owner stands in messages ("filter greylist") and place is the block's.
 */
void conf_apply(struct conf_load *load, const struct directive *table, const struct conf_node *list,
    void *target, const char *owner, struct conf_place place);
/*
 * The same for a block whose statements come from two tables, each with its own target (a filter's
 * own words, and those that all filters take). A name in both belongs to the first.
 */
void conf_apply_both(struct conf_load *load, const struct directive *table, void *target,
    const struct directive *common, void *common_target, const struct conf_node *list, const char *owner,
    struct conf_place place);

/* Tokens behind the name must be min..max; else an error that shows `args` ("COUNT per DURATION"). */
bool conf_expect_args(struct conf_load *load, const struct conf_node *node, size_t min, size_t max,
    const char *args);
/* The block is missing or superfluous: an error. */
bool conf_expect_block(struct conf_load *load, const struct conf_node *node, bool wanted);
/* Appends a copy of the token's text; v grows in the load's arena. */
void conf_strings_add(struct conf_load *load, struct conf_strings *list, const struct conf_token *t);
/* Where a relative path is relative to the file of the place; NUL-terminated. */
struct str conf_path(struct arena *a, struct conf_place place, struct str path);
/* "word" and not "\"word\"". */
bool conf_is_word(const struct conf_token *t, const char *word);

/* The values, for whoever reads tokens himself; false and an error in load when it is none. */
bool conf_size(struct conf_load *load, const struct conf_token *t, uint64_t *ret_bytes);
bool conf_duration(struct conf_load *load, const struct conf_token *t, int64_t *ret_ms);
bool conf_int(struct conf_load *load, const struct conf_token *t, int64_t *ret_value);
bool conf_number(struct conf_load *load, const struct conf_token *t, double *ret_value);
bool conf_flag(struct conf_load *load, const struct conf_token *t, bool *ret_value);
bool conf_text(struct conf_load *load, const struct conf_token *t, struct str *ret_text);
bool conf_choice(struct conf_load *load, const struct conf_token *t, const char *const *choices,
    int *ret_index);
bool conf_cidr(struct conf_load *load, const struct conf_token *t, struct cidr *ret_net);
/* "ADDRESS:PORT" or "[V6]:PORT" or, with a default port above 0, ADDRESS alone. */
bool conf_endpoint(struct conf_load *load, const struct conf_token *t, uint16_t default_port,
    struct ip *ret_ip, uint16_t *ret_port);
/* "7d", "250ms": the shortest text that conf_duration reads back. */
struct str conf_duration_text(struct arena *a, int64_t ms);
struct str conf_size_text(struct arena *a, uint64_t bytes);
/* The same grammar without a load, for text from elsewhere: false when it is none. */
bool conf_parse_size(struct str text, uint64_t *ret_bytes);
bool conf_parse_duration(struct str text, int64_t *ret_ms);
bool conf_parse_number(struct str text, double *ret_value);

#endif
