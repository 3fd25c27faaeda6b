/*
 * JSON of quarantined messages. The reader knows strings, numbers, true and false, and the nesting
 * that the writer makes; unknown keys are skipped, so that newer files can be read.
 */
#include "gateway/quarantine/quarantine_json.h"

#include <stdlib.h>

#include "lib/json.h"

enum { DEPTH_MAX = 8, RECIPIENTS_MAX = 100000, NUMBER_MAX = 32 };

/* ---- writing ---- */

static void write_recipients(const struct quarantine_item *item, struct json *j)
{
	json_key(j, "recipients");
	json_open(j, '[');
	for (size_t i = 0; i < item->recipient_count; i++) {
		json_open(j, '{');
		json_kv(j, "address", item->recipients[i].address);
		if (item->recipients[i].orcpt.n)
			json_kv(j, "orcpt", item->recipients[i].orcpt);
		json_kv_int(j, "notify", item->recipients[i].notify);
		json_close(j);
	}
	json_close(j);
}

void quarantine_json_write(const struct quarantine_item *item, struct buf *out)
{
	struct json j = json_start(out);

	json_open(&j, '{');
	json_kv(&j, "id", str_of(item->id));
	json_kv_int(&j, "arrived", item->arrived);
	json_kv(&j, "client", item->client);
	json_kv(&j, "helo", item->helo);
	json_kv(&j, "sender", item->sender);
	json_kv(&j, "envid", item->envid);
	json_kv_int(&j, "ret", item->ret);
	json_kv_bool(&j, "8bit", item->is_8bit);
	json_kv_bool(&j, "utf8", item->is_utf8);
	write_recipients(item, &j);
	json_kv(&j, "subject", item->subject);
	json_key(&j, "score");
	json_number(&j, item->score);
	json_kv(&j, "verdict", item->verdict);
	json_kv(&j, "decided_by", item->decided_by);
	json_kv_int(&j, "size", (int64_t)item->size);
	json_kv(&j, "trail", item->trail);
	json_close(&j);
	buf_addc(out, '\n');
}

/* ---- reading ---- */

struct reader {
	struct arena *arena;
	struct str rest;
	struct quarantine_item *item;
	struct queue_recipient *recipients;
	size_t n, room;
};

static int peek(struct reader *r)
{
	while (r->rest.n && is_space(r->rest.p[0]))
		r->rest = str_from(r->rest, 1);
	return r->rest.n ? (unsigned char)r->rest.p[0] : -1;
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != (unsigned char)c)
		return false;
	r->rest = str_from(r->rest, 1);
	return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 63));
	out[2] = (char)(0x80 | (c & 63));
	return 3;
}

/* What stands behind a backslash; the octets taken, 0 when it is none. The writer makes no pairs of surrogates. */
static size_t escape(struct str s, char *out, size_t *ret_n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = s.n ? strchr(from, s.p[0]) : NULL;
	uint32_t c = 0;

	if (s.n && s.p[0] && at) {
		out[0] = to[at - from];
		*ret_n = 1;
		return 1;
	}
	if (s.n < 5 || s.p[0] != 'u')
		return 0;
	for (int i = 1; i < 5; i++) {
		int digit = hex_value((unsigned char)s.p[i]);
		if (digit < 0)
			return 0;
		c = c << 4 | (unsigned)digit;
	}
	*ret_n = put_utf8(out, c);
	return 5;
}

static bool read_text(struct reader *r, struct str *ret_text)
{
	char *out;
	size_t n = 0, i = 0, step;
	ptrdiff_t end;

	if (!take(r, '"'))
		return false;
	/* The first quote that no backslash protects: the text cannot be longer. */
	for (end = 0; (size_t)end < r->rest.n && r->rest.p[end] != '"'; end++)
		end += r->rest.p[end] == '\\';
	if ((size_t)end >= r->rest.n)
		return false;
	out = (char *)arena_array(r->arena, (size_t)end + 4, 1);
	while (i < (size_t)end) {
		size_t got = 1;
		if (r->rest.p[i] != '\\') {
			out[n++] = r->rest.p[i++];
			continue;
		}
		step = escape(str_sub(r->rest, i + 1, (size_t)end - i - 1), out + n, &got);
		if (step == 0)
			return false;
		n += got;
		i += 1 + step;
	}
	r->rest = str_from(r->rest, (size_t)end + 1);
	*ret_text = (struct str){out, n};
	return true;
}

static bool read_number(struct reader *r, double *ret_value)
{
	char text[NUMBER_MAX + 1];
	size_t n = 0;
	char *end;

	peek(r);
	while (n < r->rest.n && n < NUMBER_MAX && (is_digit((unsigned char)r->rest.p[n]) || strchr("+-.eE", r->rest.p[n])))
		n++;
	if (n == 0)
		return false;
	memcpy(text, r->rest.p, n);
	text[n] = '\0';
	*ret_value = strtod(text, &end);
	r->rest = str_from(r->rest, n);
	return end == text + n;
}

static bool read_word(struct reader *r, struct str word)
{
	peek(r);
	if (!str_starts(r->rest, word))
		return false;
	r->rest = str_from(r->rest, word.n);
	return true;
}

static bool read_bool(struct reader *r, bool *ret_value)
{
	*ret_value = read_word(r, STR("true"));
	return *ret_value || read_word(r, STR("false"));
}

static bool skip_value(struct reader *r, int depth);

/* Members of an object or elements of an array, the opening bracket already taken. */
static bool skip_list(struct reader *r, int depth, char close, bool has_keys)
{
	struct str key;

	if (take(r, close))
		return true;
	do {
		if (has_keys && (!read_text(r, &key) || !take(r, ':')))
			return false;
		if (!skip_value(r, depth + 1))
			return false;
	} while (take(r, ','));
	return take(r, close);
}

static bool skip_value(struct reader *r, int depth)
{
	struct str text;
	double number;
	bool flag;

	if (depth > DEPTH_MAX)
		return false;
	switch (peek(r)) {
	case '"':
		return read_text(r, &text);
	case '{':
		return take(r, '{') && skip_list(r, depth, '}', true);
	case '[':
		return take(r, '[') && skip_list(r, depth, ']', false);
	case 't':
	case 'f':
		return read_bool(r, &flag);
	case 'n':
		return read_word(r, STR("null"));
	default:
		return read_number(r, &number);
	}
}

static bool each_member(struct reader *r, bool (*member)(struct reader *r, struct str key))
{
	struct str key;

	if (!take(r, '{'))
		return false;
	if (take(r, '}'))
		return true;
	do {
		if (!read_text(r, &key) || !take(r, ':') || !member(r, key))
			return false;
	} while (take(r, ','));
	return take(r, '}');
}

static bool recipient_member(struct reader *r, struct str key)
{
	struct queue_recipient *q = &r->recipients[r->n];
	double notify;

	if (str_is(key, "address"))
		return read_text(r, &q->address);
	if (str_is(key, "orcpt"))
		return read_text(r, &q->orcpt);
	if (!str_is(key, "notify"))
		return skip_value(r, 0);
	if (!read_number(r, &notify) || notify < 0 || notify > 15)
		return false;
	q->notify = (unsigned)notify;
	return true;
}

static bool read_recipients(struct reader *r)
{
	if (!take(r, '['))
		return false;
	if (take(r, ']'))
		return true;
	do {
		if (r->n == r->room) {
			struct queue_recipient *more;
			r->room = r->room ? 2 * r->room : 4;
			if (r->room > RECIPIENTS_MAX)
				return false;
			more = arena_array(r->arena, r->room, sizeof *more);
			if (r->n)
				memcpy(more, r->recipients, r->n * sizeof *more);
			r->recipients = more;
		}
		if (!each_member(r, recipient_member) || r->recipients[r->n].address.n == 0)
			return false;
		r->n++;
	} while (take(r, ','));
	return take(r, ']');
}

static bool read_int(struct reader *r, double least, double most, int64_t *ret_value)
{
	double v;

	if (!read_number(r, &v) || !(v >= least && v <= most))
		return false;
	*ret_value = (int64_t)v;
	return true;
}

static bool read_id(struct reader *r)
{
	struct str id;

	if (!read_text(r, &id) || id.n >= sizeof r->item->id)
		return false;
	memcpy(r->item->id, id.p, id.n);
	return true;
}

static bool item_member(struct reader *r, struct str key)
{
	struct quarantine_item *item = r->item;
	const struct {
		const char *name;
		struct str *text;
	} texts[] = {{"client", &item->client}, {"helo", &item->helo}, {"sender", &item->sender},
	    {"envid", &item->envid}, {"subject", &item->subject}, {"verdict", &item->verdict},
	    {"decided_by", &item->decided_by}, {"trail", &item->trail}};
	int64_t number;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_is(key, texts[i].name))
			return read_text(r, texts[i].text);
	if (str_is(key, "id"))
		return read_id(r);
	if (str_is(key, "arrived"))
		return read_int(r, 0, 1e15, &item->arrived);
	if (str_is(key, "score"))
		return read_number(r, &item->score);
	if (str_is(key, "8bit"))
		return read_bool(r, &item->is_8bit);
	if (str_is(key, "utf8"))
		return read_bool(r, &item->is_utf8);
	if (str_is(key, "recipients"))
		return read_recipients(r);
	if (str_is(key, "ret")) {
		bool ok = read_int(r, DSN_RET_NONE, DSN_RET_HDRS, &number);
		item->ret = ok ? (enum dsn_ret)number : DSN_RET_NONE;
		return ok;
	}
	return skip_value(r, 0);
}

bool quarantine_json_read(struct arena *a, struct str text, struct quarantine_item *ret_item)
{
	struct reader r = {.arena = a, .rest = text, .item = ret_item};

	*ret_item = (struct quarantine_item){0};
	if (text.n > QUARANTINE_JSON_MAX || !each_member(&r, item_member) || r.n == 0)
		return false;
	ret_item->recipients = r.recipients;
	ret_item->recipient_count = r.n;
	return true;
}
