/*
 * A program that puts functions behind lines of text, for the suites: a command per line, fields
 * between tabs, %XX for octets that would disturb; one line of JSON comes back.
 */
#ifndef REEVE_TESTS_PROBE_H
#define REEVE_TESTS_PROBE_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/arena.h"
#include "lib/json.h"
#include "lib/str.h"

enum { FIELDS_MAX = 16 };

struct probe {
	struct arena *arena; /* of one command */
	struct str field[FIELDS_MAX];
	struct json json;
	void *own; /* the program's, NULL when a command begins */
};

struct command {
	const char *name;
	void (*run)(struct probe *p);
};

static inline struct str probe_unescape(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0) {
			out[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return (struct str){out, n};
}

/* Empty when there is no such file. */
static inline struct str probe_file(struct arena *a, struct str path)
{
	FILE *f = fopen(arena_cstr(a, path), "rbe");
	struct buf b = {0};
	size_t n;

	while (f && (n = fread(buf_reserve(&b, 1 << 16), 1, 1 << 16, f)) > 0)
		b.n += n;
	if (f)
		fclose(f);
	return buf_take(&b, a);
}

static inline void probe_line(const struct command *commands, struct str line)
{
	struct probe room = {.arena = arena_new(0)}, *p = &room;
	struct buf out = {0};
	struct str part;
	size_t n = 0;

	for (size_t i = 0; i < FIELDS_MAX; i++)
		p->field[i] = STR("");
	while (n < FIELDS_MAX && str_split(&line, '\t', &part))
		p->field[n++] = probe_unescape(p->arena, part);
	p->json = json_start(&out);
	json_open(&p->json, '{');
	for (const struct command *c = commands; c->name; c++)
		if (str_is(p->field[0], c->name))
			c->run(p);
	json_close(&p->json);
	buf_addc(&out, '\n');
	fwrite(out.p, 1, out.n, stdout);
	fflush(stdout);
	buf_free(&out);
	arena_free(p->arena);
}

/* Until the input ends; the last command has no name. */
static inline void probe_serve(const struct command *commands)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		probe_line(commands, (struct str){line, (size_t)n});
	}
	free(line);
}

#endif
