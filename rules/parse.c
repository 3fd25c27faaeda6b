/*
 * Reads rule files line by line: comments, `lang`, `if` blocks, `include`, and one keyword per line
 * from the tables below. What is neither a rule, a known setting nor a known option of SpamAssassin
 * is an error with file and line. Rules and settings are collected; nothing is compiled here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/keyword.h"
#include "rules/rule.h"

struct if_level {
	unsigned line;
	bool was_skipping; /* outside of it */
};

static void parse_text(struct parser *p, struct str text);

struct rules_conf *rules_conf_new(struct arena *a, struct conf_load *load)
{
	struct rules_conf *conf = arena_alloc(a, sizeof *conf);

	conf->arena = a;
	conf->load = load;
	conf->settings_last = &conf->settings;
	conf->replace_start = STR("<");
	conf->replace_end = STR(">");
	return conf;
}

struct rule *rules_conf_find(const struct rules_conf *conf, struct str name)
{
	struct rule *r = conf->buckets[str_hash(name) % RULE_BUCKETS];

	while (r && !str_eq(r->name, name))
		r = r->hash_next;
	return r;
}

struct rule *rules_conf_rule(struct rules_conf *conf, struct str name)
{
	struct rule *r = rules_conf_find(conf, name), **bucket;

	if (r)
		return r;
	r = arena_alloc(conf->arena, sizeof *r);
	r->name = arena_str(conf->arena, name);
	if (str_starts(name, STR("__")))
		r->flags |= RULE_IS_SUB;
	bucket = &conf->buckets[str_hash(name) % RULE_BUCKETS];
	r->hash_next = *bucket;
	*bucket = r;
	if (conf->count == conf->room) {
		size_t room = conf->room ? conf->room * 2 : 1024;
		struct rule **more = arena_array(conf->arena, room, sizeof(struct rule *));
		if (conf->count)
			memcpy(more, conf->rules, conf->count * sizeof(struct rule *));
		conf->rules = more;
		conf->room = room;
	}
	conf->rules[conf->count++] = r;
	return r;
}

void parser_setting(struct parser *p, struct str value)
{
	struct rule_setting *s = arena_alloc(p->conf->arena, sizeof *s);

	s->keyword = arena_str(p->conf->arena, p->keyword);
	s->value = arena_str(p->conf->arena, value);
	s->place = p->place;
	*p->conf->settings_last = s;
	p->conf->settings_last = &s->next;
}

/* Reads a whole file; false with errno. The caller frees *ret_text. */
static bool read_file(const char *path, struct buf *ret_text)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	do {
		n = fread(buf_reserve(ret_text, 65536), 1, 65536, f);
		ret_text->n += n;
	} while (n == 65536 && ret_text->n <= RULE_FILE_MAX);
	if (ferror(f) || ret_text->n > RULE_FILE_MAX) {
		errno = ferror(f) ? EIO : EFBIG;
		fclose(f);
		return false;
	}
	fclose(f);
	return true;
}

static bool load_file(struct rules_conf *conf, const char *path, struct conf_place place, unsigned depth)
{
	struct buf text = {0};
	struct parser p = {.conf = conf, .depth = depth};

	if (!read_file(path, &text)) {
		conf_error(conf->load, place, "cannot read rule file '%s': %s", path, strerror(errno));
		buf_free(&text);
		return false;
	}
	conf->files++;
	p.place.file = arena_cstr(conf->arena, str_of(path));
	parse_text(&p, buf_str(&text));
	buf_free(&text);
	return true;
}

bool rules_conf_load(struct rules_conf *conf, const char *path, struct conf_place place)
{
	return load_file(conf, path, place, 0);
}

void rules_conf_text(struct rules_conf *conf, const char *name, struct str text)
{
	struct parser p = {.conf = conf};

	p.place.file = arena_cstr(conf->arena, str_of(name));
	parse_text(&p, text);
}

/* ---- lines ---- */

/* Cuts a comment off and makes \# a #. The result is in the parser's line buffer. */
static struct str without_comment(struct parser *p, struct str line)
{
	p->line.n = 0;
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] != '\\'))
			break;
		if (line.p[i] == '#')
			p->line.n--;
		buf_addc(&p->line, line.p[i]);
	}
	return str_trim(buf_str(&p->line));
}

/* "#+ text" must hit, "#- text" must not: belongs to the rule defined last. */
static void take_sample(struct parser *p, struct str line)
{
	struct rule_sample *s, **last;

	if (p->is_skipping || !p->last_rule || line.n < 3 || !is_space(line.p[2]))
		return;
	s = arena_alloc(p->conf->arena, sizeof *s);
	s->text = arena_str(p->conf->arena, str_trim(str_from(line, 3)));
	s->must_hit = line.p[1] == '+';
	s->place = p->place;
	for (last = &p->last_rule->samples; *last; last = &(*last)->next)
		;
	*last = s;
}

/* `lang en ...` applies to texts for people; the product speaks English. */
static bool strip_lang(struct str *line)
{
	struct str rest = *line, word;

	if (!str_word(&rest, &word) || !str_is(word, "lang"))
		return true;
	if (!str_word(&rest, &word) || !(str_starts(STR("en_US"), word)))
		return false;
	*line = str_trim(rest);
	return true;
}

static void start_if(struct parser *p, struct str condition)
{
	bool value = false;
	const char *error = NULL;

	if (p->if_depth == RULE_IF_DEPTH) {
		parser_error(p, "more than %d nested if blocks", RULE_IF_DEPTH);
		return;
	}
	p->ifs[p->if_depth++] = (struct if_level){p->place.line, p->is_skipping};
	if (condition.n == 0)
		error = "the condition is missing";
	else
		error = rules_condition(p->conf, condition, &value);
	if (error && !p->is_skipping)
		parser_error(p, "%s in '%.*s'", error, STR_ARG(condition));
	if (!value)
		p->is_skipping = true;
}

/* else belongs to the innermost block; nothing is taken when a block around it is not. */
static void flip_if(struct parser *p, struct str value)
{
	struct if_level *level;

	if (p->if_depth == 0 || value.n) {
		parser_error(p, p->if_depth ? "unexpected text behind else" : "else without if");
		return;
	}
	level = &p->ifs[p->if_depth - 1];
	if (!level->was_skipping)
		p->is_skipping = !p->is_skipping;
}

static void end_if(struct parser *p, struct str value)
{
	if (p->if_depth == 0 || value.n)
		parser_error(p, p->if_depth ? "unexpected text behind endif" : "endif without if");
	if (p->if_depth)
		p->is_skipping = p->ifs[--p->if_depth].was_skipping;
}

static void include_file(struct parser *p, struct str value)
{
	struct str dir = str_of(p->place.file);
	ptrdiff_t slash = str_rchr(dir, '/');
	struct str path;

	if (p->depth + 1 > RULE_INCLUDE_DEPTH) {
		parser_error(p, "files include each other more than %d deep", RULE_INCLUDE_DEPTH);
		return;
	}
	if (value.n == 0) {
		parser_error(p, "a file name was expected");
		return;
	}
	if (value.p[0] == '/' || slash < 0)
		path = arena_str(p->conf->arena, value);
	else
		path = arena_printf(p->conf->arena, "%.*s/%.*s", (int)slash, dir.p, STR_ARG(value));
	load_file(p->conf, path.p, p->place, p->depth + 1);
}

/* The words that hold inside skipped blocks too, then the rest. */
static void take_line(struct parser *p, struct str line)
{
	struct str rest, word;
	char name[64];
	size_t n;

	if (line.n == 0 || !strip_lang(&line))
		return;
	rest = line;
	if (!str_word(&rest, &word))
		return;
	rest = str_trim(rest);
	for (n = 0; n < word.n && n < sizeof name; n++)
		name[n] = word.p[n] == '-' ? '_' : (char)to_lower(word.p[n]);
	p->keyword = (struct str){name, n};
	if (str_is(p->keyword, "if"))
		start_if(p, rest);
	else if (str_is(p->keyword, "ifplugin"))
		start_if(p, arena_printf(p->conf->arena, "plugin(%.*s)", STR_ARG(rest)));
	else if (str_is(p->keyword, "else"))
		flip_if(p, rest);
	else if (str_is(p->keyword, "endif"))
		end_if(p, rest);
	else if (p->is_skipping)
		return;
	else if (str_is(p->keyword, "include"))
		include_file(p, rest);
	else
		parser_keyword(p, rest);
}

static void parse_text(struct parser *p, struct str text)
{
	struct if_level ifs[RULE_IF_DEPTH];
	struct str line;

	p->ifs = ifs;
	while (str_split(&text, '\n', &line)) {
		p->place.line++;
		p->place.column = 1;
		if (line.n > RULE_LINE_MAX) {
			parser_error(p, "line longer than %d octets", RULE_LINE_MAX);
			continue;
		}
		if (str_starts(line, STR("#+")) || str_starts(line, STR("#-")))
			take_sample(p, line);
		else
			take_line(p, without_comment(p, line));
	}
	while (p->if_depth) {
		struct conf_place place = p->place;
		place.line = p->ifs[--p->if_depth].line;
		conf_error(p->conf->load, place, "if without endif");
	}
	buf_free(&p->line);
}
