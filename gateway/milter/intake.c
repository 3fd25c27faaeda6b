/* Macros, envelope and content of an MTA become a session and a message; called by the callbacks. */
#include "gateway/milter/intake.h"

#include <stdatomic.h>

#include "core/chain.h"
#include "gateway/smtp/wire.h"

enum { NAME_MAX_OCTETS = 1000 };

static const char too_large[] = "552 5.3.4 the message is larger than this system takes";
static const char no_space[] = "452 4.3.1 no room to scan the message, try again later";
static const char no_memory[] = "452 4.3.1 out of memory for messages, try again later";

/* ---- macros ---- */

/* Oversized values are cut: no fact needs them. "" when there is none. Not copied. */
static struct str macro(const struct intake_macros *macros, const char *name)
{
	const char *value = macros->get(macros->arg, name);

	return str_sub(str_of(value ? value : ""), 0, NAME_MAX_OCTETS);
}

/* A session may see many messages: what stays the same is not copied again. */
static void set(struct arena *a, struct str value, struct str *to)
{
	if (!str_eq(value, *to))
		*to = arena_str(a, value);
}

/* Only a value replaces what is known already. */
static void take(const struct intake_macros *macros, struct arena *a, const char *name, struct str *to)
{
	struct str value = macro(macros, name);

	if (value.n)
		set(a, value, to);
}

/*
 * A name is believed when the MTA has confirmed it by a look-up of the address. Postfix only passes
 * such names on; Sendmail passes others too and says so in a macro.
 */
static bool is_confirmed(const struct intake_macros *macros, struct str name)
{
	struct str resolved = macro(macros, "{client_resolve}");

	return name.n && name.p[0] != '[' && !str_is(name, "unknown") && (!resolved.n || str_is(resolved, "OK"));
}

void intake_connect(struct intake *in, const char *name, const struct intake_macros *macros)
{
	struct session *s = in->s;
	struct str client = str_sub(str_of(name ? name : ""), 0, NAME_MAX_OCTETS);
	struct str address = macro(macros, "{daemon_addr}");

	if (is_confirmed(macros, client))
		s->client_name = arena_str(s->arena, client);
	if (!address.n)
		address = macro(macros, "{if_addr}");
	ip_parse(address, &s->local);
	take(macros, s->arena, "{daemon_name}", &s->mta_daemon);
}

/*
 * Sendmail names the subject of any certificate, and says beside it whether it could verify it. Postfix
 * names only what it verified, and never says so: there its name has to do. Nothing said is nothing verified.
 */
static bool has_verified(const struct intake_macros *macros)
{
	struct str verify = macro(macros, "{verify}");

	return str_is(verify, "OK") || (!verify.n && str_starts(macro(macros, "v"), STR("Postfix")));
}

static void take_tls(struct intake *in, const struct intake_macros *macros)
{
	struct session *s = in->s;

	take(macros, s->arena, "{tls_version}", &s->tls_version);
	take(macros, s->arena, "{cipher}", &s->tls_cipher);
	if (has_verified(macros))
		take(macros, s->arena, "{cert_subject}", &s->tls_peer);
}

void intake_helo(struct intake *in, const char *name, const struct intake_macros *macros)
{
	set(in->s->arena, str_sub(str_of(name), 0, NAME_MAX_OCTETS), &in->s->helo);
	take_tls(in, macros);
}

/* ---- envelope ---- */

/* The argument is <path> or, from some MTAs, a bare address; the MTA has checked its grammar. */
static void read_path(struct arena *a, const char *text, struct address *ret_address)
{
	struct str rest = str_trim(str_of(text));
	ptrdiff_t at;

	if (rest.n && rest.p[0] == '<' && !address_path(a, &rest, true, true, ret_address))
		return;
	rest = str_sub(str_trim(str_of(text)), 0, NAME_MAX_OCTETS);
	if (rest.n && rest.p[0] == '<')
		rest = str_sub(rest, 1, rest.n > 1 && rest.p[rest.n - 1] == '>' ? rest.n - 2 : rest.n - 1);
	at = str_rchr(rest, '@');
	*ret_address = (struct address){.text = arena_str(a, rest), .is_utf8 = !str_is_ascii(rest)};
	ret_address->local = str_sub(ret_address->text, 0, at < 0 ? rest.n : (size_t)at);
	ret_address->domain = at < 0 ? STR("") : str_lower(a, str_from(rest, (size_t)at + 1));
}

const char *intake_mail(struct intake *in, char **argv, const struct intake_macros *macros)
{
	struct session *s = in->s;
	struct message *m;

	intake_reset(in);
	m = message_start(s);
	read_path(m->arena, argv[0] ? argv[0] : "", &m->sender);
	for (char **word = argv; word[0] && word[1]; word++)
		mail_params(m->arena, str_of(word[1]), m);
	take_tls(in, macros);
	set(s->arena, macro(macros, "{auth_authen}"), &s->auth_user);
	take(macros, m->arena, "i", &m->queue_id);
	return in->limits.message && m->declared_size > in->limits.message ? too_large : NULL;
}

const char *intake_rcpt(struct intake *in, char **argv)
{
	struct message *m = in->s->message;
	struct address address;
	struct intake_path *path;

	if ((int64_t)m->recipients >= in->limits.recipients)
		return "452 4.5.3 too many recipients";
	read_path(m->arena, argv[0] ? argv[0] : "", &address);
	recipient_start(m, &address);
	for (char **word = argv; word[0] && word[1]; word++)
		rcpt_params(m->arena, str_of(word[1]), m->current);
	in->is_postmaster = address.domain.n == 0 && str_iis(address.local, "postmaster");
	path = arena_alloc(m->arena, sizeof *path);
	path->recipient = m->current;
	path->text = str_trim(str_of(argv[0] ? argv[0] : ""));
	path->text = path->text.n && path->text.p[0] == '<' ? arena_str(m->arena, path->text)
							     : arena_printf(m->arena, "<%.*s>", STR_ARG(path->text));
	path->next = in->paths;
	in->paths = path;
	return NULL;
}

void intake_keep(struct intake *in)
{
	recipient_keep(in->s->message);
}

struct str intake_path_of(const struct intake *in, const struct recipient *r)
{
	const struct intake_path *path = in->paths;

	while (path && path->recipient != r)
		path = path->next;
	return path ? path->text : STR("<>");
}

/* ---- content ---- */

/* Counts what the spool holds in memory now against the budget of the process. */
static bool charge(struct intake *in, size_t now)
{
	uint64_t used;

	if (!in->used || now == in->charged)
		return true;
	used = atomic_fetch_add(in->used, now - in->charged) + now - in->charged;
	in->charged = now;
	return in->limits.memory_total == 0 || used <= in->limits.memory_total;
}

static void fail(struct intake *in, const char *reply)
{
	struct message *m = in->s->message;

	in->failed = reply;
	spool_free(m->spool);
	m->spool = NULL;
	charge(in, 0);
}

static void add_bytes(struct intake *in, struct str bytes)
{
	struct message *m = in->s->message;

	in->size += bytes.n;
	if (in->failed)
		return;
	if (!m->spool)
		m->spool = spool_new(in->spool_dir, in->limits.memory ? in->limits.memory : SPOOL_MEMORY);
	if (in->limits.message && in->size > in->limits.message)
		fail(in, too_large);
	else if (!spool_add(m->spool, bytes))
		fail(in, no_space);
	else if (!charge(in, spool_memory(m->spool)))
		fail(in, no_memory);
}

/* Line ends become CRLF; what follows one is a continuation, or the field would become two. */
static void add_value(struct buf *out, struct str value)
{
	while (value.n) {
		ptrdiff_t at = str_chr(value, '\n');
		size_t n = at < 0 ? value.n : (size_t)at;

		buf_add(out, str_sub(value, 0, n - (at > 0 && value.p[n - 1] == '\r')));
		if (at < 0)
			return;
		value = str_from(value, n + 1);
		buf_adds(out, value.n && (value.p[0] == ' ' || value.p[0] == '\t') ? "\r\n" : "\r\n ");
	}
}

/*
 * What the MTA calls a field is one: a name that is none in our eyes would end the section there, and hide
 * the fields behind it. Blanks in front of the colon may stand.
 */
static void add_name(struct buf *out, struct str name)
{
	size_t end = name.n;

	while (end > 1 && (name.p[end - 1] == ' ' || name.p[end - 1] == '\t'))
		end--;
	for (size_t i = 0; i < end; i++)
		buf_addc(out, name.p[i] > ' ' && name.p[i] < 0x7f ? name.p[i] : '?');
	if (!name.n)
		buf_addc(out, '?');
	buf_add(out, str_from(name, end));
}

void intake_field(struct intake *in, const char *name, const char *value)
{
	struct buf *out = &in->header;

	/* The limit of the parser, and room to see that it was passed. */
	if (in->is_in_body || out->n > 2 * HEADER_BYTES_MAX)
		return;
	add_name(out, str_of(name));
	buf_addc(out, ':');
	if (!in->has_leading_space)
		buf_addc(out, ' ');
	add_value(out, str_of(value));
	buf_adds(out, "\r\n");
}

const char *intake_eoh(struct intake *in)
{
	struct message *m = in->s->message;

	if (in->is_in_body)
		return NULL;
	in->is_in_body = true;
	buf_adds(&in->header, "\r\n");
	headers_parse_within(m->arena, buf_str(&in->header), m->limits, &m->headers);
	add_bytes(in, buf_str(&in->header));
	return content_headers_wrong(&m->headers, in->limits.hops);
}

bool intake_body(struct intake *in, struct str piece)
{
	intake_eoh(in); /* when the MTA has not told */
	add_bytes(in, piece);
	if (in->failed)
		return false;
	chain_data(in->s, piece);
	return true;
}

const char *intake_end(struct intake *in, const struct intake_macros *macros)
{
	struct message *m = in->s->message;

	intake_eoh(in);
	take(macros, m->arena, "i", &m->queue_id);
	if (!in->failed && !spool_finish(m->spool))
		fail(in, no_space);
	if (in->failed)
		return in->failed;
	headers_parse_within(m->arena, spool_data(m->spool), m->limits, &m->headers);
	return content_headers_wrong(&m->headers, in->limits.hops);
}

/* ---- ends ---- */

void intake_reset(struct intake *in)
{
	if (in->s)
		message_end(in->s);
	charge(in, 0);
	in->header.n = 0;
	in->size = 0;
	in->failed = NULL;
	in->is_in_body = in->is_postmaster = false;
	in->paths = NULL;
}

void intake_free(struct intake *in)
{
	intake_reset(in);
	buf_free(&in->header);
}
