/*
 * Parameters of MAIL and RCPT (RFC 5321 4.1.2, 1870, 6152, 6531, 3461), by tables of keywords.
 * What is not offered is 555, what is offered and wrong or given twice is 501.
 */
#include "gateway/smtp/wire.h"

enum { ENVID_MAX = 100, ORCPT_MAX = 500, SIZE_DIGITS_MAX = 20 };

static const char bad_syntax[] = "501 5.5.4 syntax error in parameters";
static const char bad_value[] = "501 5.5.4 bad parameter value";
static const char given_twice[] = "501 5.5.4 parameter given twice";
static const char unknown[] = "555 5.5.4 parameter not recognized";

/* esmtp-keyword: letters, digits and hyphens, no hyphen first; esmtp-value: no =, SP, controls. */
static bool key_is_valid(struct str key)
{
	if (key.n == 0 || !is_alnum((unsigned char)key.p[0]))
		return false;
	for (size_t i = 0; i < key.n; i++)
		if (!is_alnum((unsigned char)key.p[i]) && key.p[i] != '-')
			return false;
	return true;
}

static bool value_is_valid(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c <= 32 || c == '=' || c == 127)
			return false;
	}
	return value.n > 0;
}

bool param_next(struct str *rest, struct str *ret_key, struct str *ret_value, bool *ret_bad)
{
	struct str word;
	ptrdiff_t at;

	*ret_bad = false;
	if (!str_word(rest, &word))
		return false;
	at = str_chr(word, '=');
	*ret_key = at < 0 ? word : str_sub(word, 0, (size_t)at);
	*ret_value = at < 0 ? STR_NONE : str_from(word, (size_t)at + 1);
	*ret_bad = !key_is_valid(*ret_key) || (at >= 0 && !value_is_valid(*ret_value));
	return true;
}

/* ---- MAIL ---- */

/* 20 digits are a size (RFC 1870 part 4) that may be more than we can count: too large, not bad syntax. */
static const char *mail_size(struct arena *a, struct str value, struct message *m)
{
	(void)a;
	if (value.n == 0 || value.n > SIZE_DIGITS_MAX || !str_is_digits(value))
		return bad_value;
	if (!str_u64(value, &m->declared_size))
		m->declared_size = UINT64_MAX;
	return NULL;
}

static const char *mail_body(struct arena *a, struct str value, struct message *m)
{
	(void)a;
	m->is_8bit = str_iis(value, "8BITMIME");
	return m->is_8bit || str_iis(value, "7BIT") ? NULL : bad_value;
}

static const char *mail_utf8(struct arena *a, struct str value, struct message *m)
{
	(void)a;
	m->is_utf8 = true;
	return value.p ? bad_value : NULL;
}

static const char *mail_ret(struct arena *a, struct str value, struct message *m)
{
	(void)a;
	m->ret = str_iis(value, "FULL") ? DSN_RET_FULL : str_iis(value, "HDRS") ? DSN_RET_HDRS : DSN_RET_NONE;
	return m->ret == DSN_RET_NONE ? bad_value : NULL;
}

/* Stands for printable characters only (RFC 3461 parts 4.2 and 4.4): who decodes it behind us may not look. */
static bool is_printable(struct arena *a, struct str xtext)
{
	struct str text;

	return xtext_decode(a, xtext, &text);
}

static const char *mail_envid(struct arena *a, struct str value, struct message *m)
{
	if (value.n == 0 || value.n > ENVID_MAX || !xtext_is_valid(value) || !is_printable(a, value))
		return bad_value;
	m->envid = arena_str(a, value);
	return NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct arena *a, struct str value, struct message *m);
} mail_table[] = {
    {"SIZE", mail_size}, {"BODY", mail_body}, {"SMTPUTF8", mail_utf8}, {"RET", mail_ret}, {"ENVID", mail_envid}};

const char *mail_params(struct arena *a, struct str rest, struct message *m)
{
	struct str key, value;
	unsigned seen = 0;
	bool is_bad;

	while (param_next(&rest, &key, &value, &is_bad)) {
		size_t i = 0, n = sizeof mail_table / sizeof *mail_table;
		const char *wrong;

		if (is_bad)
			return bad_syntax;
		while (i < n && !str_iis(key, mail_table[i].key))
			i++;
		if (i == n)
			return unknown;
		if (seen & 1u << i)
			return given_twice;
		seen |= 1u << i;
		wrong = mail_table[i].set(a, value, m);
		if (wrong)
			return wrong;
	}
	return NULL;
}

/* ---- RCPT ---- */

static const struct {
	const char *word;
	unsigned bit;
} notify_words[] = {{"NEVER", NOTIFY_NEVER}, {"SUCCESS", NOTIFY_SUCCESS}, {"FAILURE", NOTIFY_FAILURE},
    {"DELAY", NOTIFY_DELAY}};

static const char *rcpt_notify(struct arena *a, struct str value, struct recipient *r)
{
	struct str rest = value, word;

	(void)a;
	while (str_split(&rest, ',', &word)) {
		unsigned bit = 0;

		for (size_t i = 0; i < sizeof notify_words / sizeof *notify_words; i++)
			if (str_iis(word, notify_words[i].word))
				bit = notify_words[i].bit;
		if (bit == 0 || r->notify & bit)
			return bad_value;
		r->notify |= bit;
	}
	/* NEVER stands alone. */
	return r->notify & NOTIFY_NEVER && r->notify != NOTIFY_NEVER ? bad_value : r->notify ? NULL : bad_value;
}

/* addr-type ";" xtext; RFC 6533 allows UTF-8 in the address of type utf-8. */
static const char *rcpt_orcpt(struct arena *a, struct str value, struct recipient *r)
{
	ptrdiff_t semicolon = str_chr(value, ';');
	struct str type, text;

	if (semicolon <= 0 || value.n > ORCPT_MAX)
		return bad_value;
	type = str_sub(value, 0, (size_t)semicolon);
	text = str_from(value, (size_t)semicolon + 1);
	if (!key_is_valid(type) || text.n == 0 || !is_printable(a, text))
		return bad_value;
	if (!xtext_is_valid(text) && !(str_iis(type, "utf-8") && str_is_utf8(text)))
		return bad_value;
	r->orcpt = arena_str(a, value);
	return NULL;
}

const char *rcpt_params(struct arena *a, struct str rest, struct recipient *r)
{
	struct str key, value;
	bool has_notify = false, has_orcpt = false, is_bad;

	while (param_next(&rest, &key, &value, &is_bad)) {
		bool is_notify = str_iis(key, "NOTIFY");
		bool *seen = is_notify ? &has_notify : &has_orcpt;
		const char *wrong;

		if (is_bad)
			return bad_syntax;
		if (!is_notify && !str_iis(key, "ORCPT"))
			return unknown;
		if (*seen)
			return given_twice;
		*seen = true;
		wrong = is_notify ? rcpt_notify(a, value, r) : rcpt_orcpt(a, value, r);
		if (wrong)
			return wrong;
	}
	return NULL;
}
