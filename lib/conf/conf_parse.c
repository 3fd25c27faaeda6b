/*
 * Text to tree: the lexer, statements and blocks, include files. Goes on after every error, so that
 * one run shows them all.
 */
#include "lib/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum lexeme { LEX_TOKEN, LEX_SEMICOLON, LEX_OPEN, LEX_CLOSE, LEX_END };

/* One text that is being read; parent is the file that included it. */
struct reader {
	struct conf_load *load;
	const char *p, *end;
	struct conf_place here;
	const struct reader *parent;
	unsigned depth; /* of includes */
	bool is_torn;	/* a string without end has swallowed what stood behind it */
	dev_t device;	/* 0 with inode 0: a text in memory */
	ino_t inode;
};

/* Tokens of the statement in hand. */
struct tokens {
	struct conf_token *v;
	size_t n, room;
};

static enum lexeme lex(struct reader *r, struct conf_token *ret_token);
static bool parse_statement(struct reader *r, unsigned depth, struct conf_place open,
    struct conf_node ***tail);
static struct conf_node *parse_path(struct conf_load *load, const struct reader *parent, const char *path,
    struct conf_place place);

static struct conf_node *parse_all(struct reader *r)
{
	struct conf_node *first = NULL, **tail = &first;

	while (parse_statement(r, 0, (struct conf_place){0}, &tail))
		;
	return first;
}

struct conf_node *conf_parse_text(struct conf_load *load, const char *name, struct str text)
{
	struct str copy = arena_str(load->arena, text);
	struct reader r = {.load = load,
	    .p = copy.p,
	    .end = copy.p + copy.n,
	    .here = {arena_cstr(load->arena, str_of(name)), 1, 1}};

	load->files++;
	return parse_all(&r);
}

struct conf_node *conf_parse_file(struct conf_load *load, const char *path)
{
	return parse_path(load, NULL, path, (struct conf_place){path, 0, 0});
}

/* ---- statements ---- */

static void tokens_add(struct tokens *t, struct conf_token token)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 16;
		t->v = reallocarray(t->v, t->room, sizeof *t->v);
		if (!t->v)
			abort();
	}
	t->v[t->n++] = token;
}

static struct conf_node *node_new(struct reader *r, struct tokens *t)
{
	struct conf_node *node = arena_alloc(r->load->arena, sizeof *node);

	node->tokens = arena_array(r->load->arena, t->n ? t->n : 1, sizeof *node->tokens);
	if (t->n)
		memcpy(node->tokens, t->v, t->n * sizeof *t->v);
	else
		node->tokens[0].place = r->here;
	node->n = t->n;
	free(t->v);
	*t = (struct tokens){0};
	return node;
}

/* A block that is nested too deeply: read and forgotten. */
static void skip_block(struct reader *r)
{
	struct conf_token token;
	enum lexeme kind;
	size_t open = 1;

	while (open > 0 && (kind = lex(r, &token)) != LEX_END)
		open += kind == LEX_OPEN ? 1 : kind == LEX_CLOSE ? (size_t)-1 : 0;
}

static void parse_block(struct reader *r, unsigned depth, struct conf_place open, struct conf_node *node)
{
	struct conf_node **tail = &node->children;

	node->has_block = true;
	if (depth >= CONF_BLOCK_DEPTH) {
		conf_error(r->load, open, "blocks are nested more than %d deep", CONF_BLOCK_DEPTH);
		skip_block(r);
	} else {
		while (parse_statement(r, depth + 1, open, &tail))
			;
	}
	node->end = r->here;
}

/* Files that `include` names, in the place of the statement. */
static void include(struct reader *r, const struct conf_node *node, struct conf_node ***tail)
{
	struct conf_place place = node->tokens[0].place;
	const char *path;
	glob_t found = {0};
	int rc;

	if (node->n != 2 || node->tokens[1].kind == TOKEN_OP || node->tokens[1].text.n == 0) {
		conf_error(r->load, place, "include: expected one path: include \"PATH\";");
		return;
	}
	place = node->tokens[1].place;
	path = conf_path(r->load->arena, place, node->tokens[1].text).p;
	rc = glob(path, GLOB_ERR, NULL, &found);
	if (rc == GLOB_NOMATCH && !strpbrk(path, "*?["))
		conf_error(r->load, place, "cannot read '%s': %s", path, strerror(ENOENT));
	else if (rc != 0 && rc != GLOB_NOMATCH)
		conf_error(r->load, place, "cannot list '%s': %s", path, strerror(errno));
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
		**tail = parse_path(r->load, r, found.gl_pathv[i], place);
		while (**tail)
			*tail = &(**tail)->next;
	}
	globfree(&found);
}

static void finish(struct reader *r, struct conf_node *node, struct conf_node ***tail)
{
	if (node->n && conf_is_word(&node->tokens[0], "include") && !node->has_block) {
		include(r, node, tail);
		return;
	}
	**tail = node;
	*tail = &node->next;
}

/* What stands where a ; should: the end of the block or of the text. Not said of what a string took with it. */
static void unfinished(struct reader *r, const struct tokens *t, const char *before)
{
	const struct conf_token *last = &t->v[t->n - 1];

	if (!r->is_torn)
		conf_error(r->load, last->place, "missing ';' behind %s, before %s",
		    conf_token_show(r->load->arena, last), before);
}

/*
 * One statement to *tail; false at the end of the block (depth > 0, opened at `open`) or text.
 * A lone ; is nothing, so that "};" is allowed.
 */
static bool parse_statement(struct reader *r, unsigned depth, struct conf_place open,
    struct conf_node ***tail)
{
	struct tokens tokens = {0};
	struct conf_token token;
	struct conf_node *node;

	for (;;) {
		enum lexeme kind = lex(r, &token);

		if (kind == LEX_TOKEN) {
			tokens_add(&tokens, token);
			continue;
		}
		if (kind == LEX_SEMICOLON && tokens.n == 0)
			return true;
		if (kind == LEX_CLOSE && depth == 0) {
			conf_error(r->load, token.place, "'}' without a '{' before it");
			free(tokens.v);
			return true;
		}
		if (kind == LEX_END && depth > 0 && !r->is_torn)
			conf_error(r->load, open, "this '{' is never closed; expected '}' before the end of the file");
		if ((kind == LEX_CLOSE || kind == LEX_END) && tokens.n > 0)
			unfinished(r, &tokens, kind == LEX_CLOSE ? "'}'" : "the end of the file");
		if (kind == LEX_OPEN && tokens.n == 0)
			conf_error(r->load, token.place, "'{' without a name before it");
		if ((kind == LEX_CLOSE || kind == LEX_END) && tokens.n == 0)
			return false;
		node = node_new(r, &tokens);
		node->end = token.place;
		if (kind == LEX_OPEN)
			parse_block(r, depth, token.place, node);
		if (node->n > 0)
			finish(r, node, tail);
		return kind == LEX_OPEN || kind == LEX_SEMICOLON;
	}
}

/* ---- files ---- */

static const char *file_open(const char *path, struct stat *ret_stat, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*ret_fd = fd;
	if (fd < 0 || fstat(fd, ret_stat) != 0)
		return strerror(errno);
	if (S_ISDIR(ret_stat->st_mode))
		return "it is a folder";
	if (!S_ISREG(ret_stat->st_mode))
		return "it is no regular file";
	return ret_stat->st_size > CONF_FILE_BYTES ? "it is larger than 16 MiB" : NULL;
}

static const char *file_read(struct arena *a, int fd, size_t size, struct str *ret_text)
{
	char *p = arena_alloc(a, size + 1);
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, p + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return strerror(errno);
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret_text = (struct str){p, n};
	return NULL;
}

static bool is_open_already(const struct reader *r, const struct stat *st)
{
	for (; r; r = r->parent)
		if (r->inode == st->st_ino && r->device == st->st_dev)
			return true;
	return false;
}

static struct conf_node *parse_path(struct conf_load *load, const struct reader *parent, const char *path,
    struct conf_place place)
{
	struct reader r = {.load = load, .parent = parent, .depth = parent ? parent->depth + 1 : 0};
	const char *wrong = NULL;
	struct stat st = {0};
	struct str text = STR("");
	int fd = -1;

	if (r.depth > CONF_INCLUDE_DEPTH)
		wrong = "files include each other more than 16 deep";
	else if (load->files++ >= CONF_FILES_MAX)
		wrong = "more than 1000 files are included";
	if (!wrong)
		wrong = file_open(path, &st, &fd);
	if (!wrong && is_open_already(parent, &st))
		wrong = "it includes itself";
	if (!wrong)
		wrong = file_read(load->arena, fd, (size_t)st.st_size, &text);
	if (fd >= 0)
		close(fd);
	if (wrong) {
		conf_error(load, place, "cannot read '%s': %s%s", path, wrong,
		    parent ? "" : "; another file is named with -c FILE");
		return NULL;
	}
	r.p = text.p;
	r.end = text.p + text.n;
	r.here = (struct conf_place){arena_cstr(load->arena, str_of(path)), 1, 1};
	r.device = st.st_dev;
	r.inode = st.st_ino;
	if (str_starts(text, STR("\xef\xbb\xbf")))
		r.p += 3;
	return parse_all(&r);
}

/* ---- the lexer ---- */

static void advance(struct reader *r)
{
	unsigned char c = (unsigned char)*r->p++;

	if (c == '\n') {
		r->here.line++;
		r->here.column = 1;
	} else if ((c & 0xc0) != 0x80) {
		r->here.column++; /* characters, not octets */
	}
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end) {
		if (*r->p == '#') {
			while (r->p < r->end && *r->p != '\n')
				advance(r);
		} else if (is_space((unsigned char)*r->p)) {
			advance(r);
		} else {
			return;
		}
	}
}

static bool is_word_char(unsigned char c)
{
	return is_alnum(c) || c >= 0x80 || (c && strchr("._-/:@*%+[]$&|^\\'`?", c));
}

static void lex_word(struct reader *r, struct conf_token *t)
{
	const char *start = r->p;

	while (r->p < r->end && is_word_char((unsigned char)*r->p))
		advance(r);
	t->kind = TOKEN_WORD;
	t->text = str_range(start, r->p);
}

/* What a backslash and c stand for; -1: the backslash stays (patterns need it). */
static int escaped(char c)
{
	return c == '"' || c == '\\' ? c : c == 'n' ? '\n' : c == 't' ? '\t' : -1;
}

static void lex_string(struct reader *r, struct conf_token *t)
{
	struct buf text = {0};

	advance(r);
	while (r->p < r->end && *r->p != '"' && *r->p != '\n') {
		int c = *r->p == '\\' && r->p + 1 < r->end ? escaped(r->p[1]) : -1;

		if (c >= 0)
			advance(r);
		buf_addc(&text, c >= 0 ? (char)c : *r->p);
		advance(r);
	}
	r->is_torn |= r->p == r->end || *r->p != '"';
	if (r->p < r->end && *r->p == '"')
		advance(r);
	else
		conf_error(r->load, t->place, "this string has no closing '\"' on its line");
	t->kind = TOKEN_STRING;
	t->text = buf_take(&text, r->load->arena);
}

static bool lex_operator(struct reader *r, struct conf_token *t)
{
	static const char *const operators[] = {
	    "==", "!=", "=~", "!~", ">=", "<=", ">", "<", "(", ")", ",", "=", "!", "~"};
	struct str rest = str_range(r->p, r->end);

	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		struct str op = str_of(operators[i]);
		if (!str_starts(rest, op))
			continue;
		for (size_t n = 0; n < op.n; n++)
			advance(r);
		t->kind = TOKEN_OP;
		t->text = op;
		return true;
	}
	return false;
}

/* Quotes as word processors make them. */
static bool has_fine_quotes(const struct conf_token *t)
{
	static const char *const marks[] = {"\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e", "\xe2\x80\x98", "\xe2\x80\x99"};

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (t->kind == TOKEN_WORD && str_starts(t->text, str_of(marks[i])))
			return true;
	return false;
}

static void check_text(struct reader *r, struct conf_token *t)
{
	if (has_fine_quotes(t))
		conf_error(r->load, t->place, "typographic quotes in %s; expected plain ones: \"TEXT\"",
		    conf_token_show(r->load->arena, t));
	if (t->text.n > CONF_WORD_MAX) {
		conf_error(r->load, t->place, "this is longer than %d octets", CONF_WORD_MAX);
		t->text.n = CONF_WORD_MAX;
	}
	if (!str_is_utf8(t->text))
		conf_error(r->load, t->place, "%s is no UTF-8", conf_token_show(r->load->arena, t));
	else if (t->text.n && memchr(t->text.p, 0, t->text.n))
		conf_error(r->load, t->place, "a NUL octet in %s", conf_token_show(r->load->arena, t));
}

static enum lexeme lex_mark(struct reader *r)
{
	char c = *r->p;

	if (c == ';' || c == '{' || c == '}') {
		advance(r);
		return c == ';' ? LEX_SEMICOLON : c == '{' ? LEX_OPEN : LEX_CLOSE;
	}
	return LEX_TOKEN;
}

static enum lexeme lex(struct reader *r, struct conf_token *ret_token)
{
	for (;;) {
		enum lexeme mark;

		skip_blanks(r);
		*ret_token = (struct conf_token){.place = r->here};
		if (r->p == r->end)
			return LEX_END;
		mark = lex_mark(r);
		if (mark != LEX_TOKEN)
			return mark;
		if (*r->p == '"')
			lex_string(r, ret_token);
		else if (is_word_char((unsigned char)*r->p))
			lex_word(r, ret_token);
		else if (!lex_operator(r, ret_token)) {
			conf_error(r->load, r->here, "unexpected octet 0x%02x", (unsigned char)*r->p);
			advance(r);
			continue;
		}
		check_text(r, ret_token);
		return LEX_TOKEN;
	}
}
