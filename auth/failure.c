/*
 * Failure reports. Table "dmarc-failure": DOMAIN TAB hash of the kind = the note; "dmarc-failures": the
 * same key = how many messages; "dmarc-failure-sent": the same key, while its kind stays quiet;
 * "dmarc-failure-rate": buckets by domain, and "*" of all.
 */
#include "auth/failure.h"

#include <inttypes.h>
#include <sys/random.h>

#include "auth/tags.h"
#include "lib/clock.h"

static const char notes_table[] = "dmarc-failure", count_table[] = "dmarc-failures", sent_table[] = "dmarc-failure-sent",
		  rate_table[] = "dmarc-failure-rate", secret_table[] = "dmarc-secret";

enum { LINE_MAX_OCTETS = 998, KIND_OCTETS = 8, PSEUDONYM = 10, SECRET = 32, FIELDS_MAX_OCTETS = 12 * 1024, FIELD_MAX_OCTETS = 8 * 1024,
	RECORD_SHOWN = 800 };

/* ---- who wants one ---- */

static bool has_failed_signature(const struct auth *auth)
{
	for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++)
		if (auth->dkim->v[i].result == AUTH_FAIL)
			return true;
	return false;
}

static bool has_failed_spf(const struct auth *auth)
{
	return auth->has_spf && (auth->spf.result == SPF_FAIL || auth->spf.result == SPF_SOFTFAIL);
}

/* Records of public suffixes are not asked (RFC 9991 part 2). */
enum failure_kind failure_wanted(const struct auth *auth)
{
	const struct dmarc_report *r = &auth->dmarc;
	struct str fo = r->record.fo;

	if (!auth->has_dmarc || r->record.ruf.n == 0 || r->record.psd == 'y' ||
	    (r->result != AUTH_PASS && r->result != AUTH_FAIL))
		return FAILURE_NOT;
	if (r->result == AUTH_FAIL && (fo.n == 0 || tag_has_word(fo, "0") || tag_has_word(fo, "1")))
		return FAILURE_DMARC;
	if (tag_has_word(fo, "1") && !(r->is_spf_aligned && r->is_dkim_aligned))
		return FAILURE_DMARC;
	if (tag_has_word(fo, "d") && has_failed_signature(auth))
		return FAILURE_DKIM;
	return tag_has_word(fo, "s") && has_failed_spf(auth) ? FAILURE_SPF : FAILURE_NOT;
}

/* ---- what is shown of the message ---- */

static void add_pseudonym(struct buf *out, struct str local, struct str secret)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct buf text = {0};

	buf_add(&text, secret);
	buf_add(&text, local);
	digest_of(CRYPTO_SHA256, buf_str(&text), digest);
	buf_free(&text);
	for (size_t i = 0; i < PSEUDONYM / 2; i++)
		buf_addf(out, "%02x", digest[i]);
}

static bool is_local_octet(unsigned char c)
{
	return is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

/* What stands in front of an "@": an atom with dots, also inside quotes, or all of a quoted string. */
static void redact_line(struct buf *out, struct str line, struct str secret)
{
	size_t done = 0, atom = 0, quote = 0;
	bool is_quoted = false;

	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c == '@') {
			size_t from = i > 0 && line.p[i - 1] == '"' && !is_quoted ? quote : atom;

			if (from >= done && from < i) {
				buf_add(out, str_sub(line, done, from - done));
				add_pseudonym(out, str_sub(line, from, i - from), secret);
				done = i;
			}
		} else if (c == '"') {
			quote = is_quoted ? quote : i;
			is_quoted = !is_quoted;
		}
		if (c == '@' || !is_local_octet(c))
			atom = i + 1;
	}
	buf_add(out, str_from(line, done));
}

/* One line of *text, cut and without octets that break lines. */
static struct str next_line(struct arena *a, struct str *text)
{
	struct str line;
	char *out;
	size_t n = 0;

	str_split(text, '\n', &line);
	out = arena_alloc(a, line.n + 1);
	for (size_t i = 0; i < line.n && n < LINE_MAX_OCTETS; i++)
		if (line.p[i] && line.p[i] != '\r')
			out[n++] = line.p[i];
	return (struct str){out, n};
}

void failure_redact(struct buf *out, struct str field, struct str secret)
{
	struct arena *a = arena_new(0);

	while (field.n) {
		size_t from = out->n;

		redact_line(out, next_line(a, &field), secret);
		if (out->n > from + LINE_MAX_OCTETS)
			out->n = from + LINE_MAX_OCTETS;
		buf_adds(out, "\r\n");
	}
	arena_free(a);
}

/* Fields whose addresses are the sender's own, or identifiers that both sides need. */
static bool is_senders(struct str name)
{
	static const char *const names[] = {"From", "Sender", "Return-Path", "Message-ID", "References", "In-Reply-To",
	    "DKIM-Signature", "Date", "Content-Type", "MIME-Version", "List-Id"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(name, names[i]))
			return true;
	return false;
}

static void add_plain(struct buf *out, struct str text, size_t most)
{
	struct arena *a = arena_new(0);

	while (text.n && out->n < most) {
		buf_add(out, next_line(a, &text));
		buf_adds(out, "\r\n");
	}
	arena_free(a);
}

static struct str shown_of(struct arena *a, const struct message *m, const struct report_conf *conf, struct str secret)
{
	struct str body = str_from(spool_data(m->spool), m->headers.body);
	struct buf out = {0};

	for (size_t i = 0; i < m->headers.n; i++) {
		const struct header *h = &m->headers.v[i];
		size_t before = out.n;

		if (is_senders(h->name))
			add_plain(&out, str_sub(h->raw, 0, FIELD_MAX_OCTETS), SIZE_MAX);
		else
			failure_redact(&out, str_sub(h->raw, 0, FIELD_MAX_OCTETS), secret);
		if (out.n > FAILURE_TEXT_MAX) { /* a field is there as a whole or not at all */
			out.n = before;
			break;
		}
	}
	if (conf->failure_body > 0) {
		buf_adds(&out, "\r\n");
		add_plain(&out, str_sub(body, 0, (size_t)conf->failure_body), FAILURE_TEXT_MAX);
	}
	return buf_take(&out, a);
}

/* ---- the machine-readable part (RFC 6591 part 3.1) ---- */

static const struct signature *failed_signature(const struct auth *auth, bool must_be_aligned)
{
	const struct dmarc_report *r = &auth->dmarc;

	for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++) {
		const struct signature *sig = &auth->dkim->v[i];

		if (sig->result != AUTH_PASS && sig->domain.n &&
		    (!must_be_aligned || str_ieq(sig->ascii, r->author) || str_ieq(sig->ascii, r->organization)))
			return sig;
	}
	return NULL;
}

static const char *failure_word(const struct auth *auth, enum failure_kind kind)
{
	const struct signature *sig = failed_signature(auth, false);

	if (kind == FAILURE_DMARC)
		return "dmarc";
	if (kind == FAILURE_SPF)
		return "spf";
	return sig && str_istarts(sig->reason, STR("body")) ? "bodyhash" : "signature";
}

static const char *alignment_word(const struct dmarc_report *r)
{
	return r->is_dkim_aligned ? (r->is_spf_aligned ? "none" : "spf") : r->is_spf_aligned ? "dkim" : "dkim, spf";
}

/* Values are what peers sent: one line, no controls. */
static void add_field(struct buf *out, const char *name, struct str value)
{
	if (value.n == 0)
		return;
	buf_addf(out, "%s: ", name);
	value = str_sub(value, 0, 900);
	for (size_t i = 0; i < value.n; i++)
		buf_addc(out, (unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f ? ' ' : value.p[i]);
	buf_adds(out, "\r\n");
}

static void add_signature(struct buf *out, const struct signature *sig)
{
	if (!sig)
		return;
	add_field(out, "DKIM-Domain", sig->ascii);
	add_field(out, "DKIM-Identity", sig->identity);
	add_field(out, "DKIM-Selector", sig->selector);
}

static void add_spf(struct arena *a, struct buf *out, const struct spf_report *spf)
{
	struct buf text = {0};

	buf_add_quoted(&text, str_sub(spf->record, 0, RECORD_SHOWN));
	add_field(out, "SPF-DNS", arena_printf(a, "txt : %.*s : %.*s", STR_ARG(spf->domain), STR_ARG(buf_str(&text))));
	buf_free(&text);
}

static struct str fields_of(struct arena *a, const struct session *s, enum failure_kind kind, const char *delivery)
{
	const struct auth *auth = s->message->auth;
	const struct dmarc_report *r = &auth->dmarc;
	struct buf out = {0};
	char ip[IP_TEXT_MAX];

	buf_addf(&out, "Feedback-Type: auth-failure\r\nUser-Agent: Mailreeve\r\nVersion: 1\r\nAuth-Failure: %s\r\n",
	    failure_word(auth, kind));
	if (auth->results.n && auth->results.n < FIELDS_MAX_OCTETS)
		buf_addf(&out, "Authentication-Results: %.*s\r\n", STR_ARG(auth->results));
	add_field(&out, "Identity-Alignment", str_of(alignment_word(r)));
	add_signature(&out, r->is_dkim_aligned && kind != FAILURE_DKIM ? NULL : failed_signature(auth, kind == FAILURE_DMARC));
	if (auth->has_spf && auth->spf.record.n && (kind == FAILURE_SPF || (!r->is_spf_aligned && auth->spf.result != SPF_PASS)))
		add_spf(a, &out, &auth->spf);
	add_field(&out, "Delivery-Result", str_of(delivery));
	add_field(&out, "Original-Envelope-Id", str_of(s->message->id));
	add_field(&out, "Original-Mail-From", arena_printf(a, "<%.*s>", STR_ARG(s->message->sender.text)));
	report_add_date(&out, "Arrival-Date", clock_now());
	add_field(&out, "Source-IP", s->client.family ? ip_format(&s->client, ip) : STR(""));
	if (s->client_port)
		buf_addf(&out, "Source-Port: %u\r\n", s->client_port);
	add_field(&out, "Reported-Domain", r->author);
	return buf_take(&out, a);
}

/* ---- taking notes ---- */

/* Messages that fail in the same way, from the same place, are told of together. */
static struct str kind_key(struct arena *a, const struct session *s, enum failure_kind kind)
{
	const struct auth *auth = s->message->auth;
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct buf text = {0};
	char ip[IP_TEXT_MAX];

	buf_addf(&text, "%d %.*s %.*s %.*s %d", kind, STR_ARG(ip_format(&s->client, ip)), STR_ARG(auth->dmarc.author),
	    STR_ARG(s->message->sender.domain), auth->has_spf ? (int)auth->spf.result : -1);
	for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++)
		buf_addf(&text, " %.*s %.*s %d", STR_ARG(auth->dkim->v[i].domain), STR_ARG(auth->dkim->v[i].selector),
		    (int)auth->dkim->v[i].result);
	digest_of(CRYPTO_SHA256, buf_str(&text), digest);
	text.n = 0;
	buf_addf(&text, "%.*s\t", STR_ARG(auth->dmarc.domain));
	for (size_t i = 0; i < KIND_OCTETS; i++)
		buf_addf(&text, "%02x", digest[i]);
	return buf_take(&text, a);
}

/* Made at the first need, and then kept: pseudonyms must not change with each start. */
static bool get_secret(struct store *store, struct arena *a, struct str *ret_secret)
{
	struct store_entry entry;
	char fresh[SECRET];
	enum res res;

	if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh)
		return false;
	res = store_add(store, secret_table, STR("redaction"), (struct str){fresh, sizeof fresh}, 0, a, &entry);
	*ret_secret = res == RES_NONE ? entry.value : arena_str(a, (struct str){fresh, sizeof fresh});
	return res == RES_OK || res == RES_NONE;
}

static bool take_token(struct store *store, const struct report_conf *conf, struct str domain)
{
	const struct store_rate one = {conf->failure_limit, 3600 * 1000}, all = {FAILURE_AN_HOUR_MAX, 3600 * 1000};

	return store_bucket(store, rate_table, domain, &one, 1, NULL) == RES_OK &&
	    store_bucket(store, rate_table, STR("*"), &all, 1, NULL) == RES_OK;
}

/* The note as it is kept: a line of head, then the two texts, with a NUL between them that neither has. */
static struct str pack(struct arena *a, const struct failure_note *n)
{
	struct buf out = {0};

	buf_addf(&out, "%" PRId64 "\t%d\t%.*s\n", n->taken, n->has_body, STR_ARG(n->ruf));
	buf_add(&out, n->fields);
	buf_addc(&out, '\0');
	buf_add(&out, n->shown);
	return buf_take(&out, a);
}

void failure_note(struct store *store, const struct report_conf *conf, const struct session *s, const char *delivery)
{
	const struct auth *auth = s->message->auth;
	enum failure_kind kind = auth ? failure_wanted(auth) : FAILURE_NOT;
	struct failure_note note = {.taken = clock_now(), .has_body = conf->failure_body > 0};
	struct arena *a = s->message->arena;
	struct str key, secret;
	int64_t count;

	if (!store || kind == FAILURE_NOT)
		return;
	key = kind_key(a, s, kind);
	if (store_count(store, count_table, key, 1, FAILURE_KEEP_SECONDS, &count) != RES_OK ||
	    store_has(store, sent_table, key) != RES_NONE || store_has(store, notes_table, key) != RES_NONE ||
	    !take_token(store, conf, auth->dmarc.domain) || !get_secret(store, a, &secret))
		return;
	note.ruf = tag_squeeze(a, auth->dmarc.record.ruf);
	note.fields = fields_of(a, s, kind, delivery);
	note.shown = shown_of(a, s->message, conf, secret);
	store_put(store, notes_table, key, pack(a, &note), FAILURE_KEEP_SECONDS);
}

/* ---- reading back ---- */

static bool unpack(const struct store_entry *entry, struct failure_note *ret_note)
{
	struct str head, taken, has_body, rest = entry->value;
	struct failure_note note = {.key = entry->key, .incidents = 1};
	ptrdiff_t tab = str_chr(entry->key, '\t');
	uint64_t number;

	if (tab < 0 || !str_split(&rest, '\n', &head) || !str_split(&head, '\t', &taken) || !str_split(&head, '\t', &has_body) ||
	    !str_u64(taken, &number) || !str_split(&rest, '\0', &note.fields))
		return false;
	note.domain = str_sub(entry->key, 0, (size_t)tab);
	note.taken = (int64_t)number;
	note.has_body = str_is(has_body, "1");
	note.ruf = head;
	note.shown = rest;
	*ret_note = note;
	return true;
}

struct keys {
	struct arena *arena;
	struct str v[FAILURE_AT_ONCE_MAX];
	size_t n;
};

static bool keep_key(void *arg, const struct store_entry *entry)
{
	struct keys *keys = arg;

	keys->v[keys->n++] = arena_str(keys->arena, entry->key);
	return keys->n < FAILURE_AT_ONCE_MAX;
}

static bool give(struct store *store, struct str key, bool (*each)(void *arg, const struct failure_note *note), void *arg)
{
	struct arena *a = arena_new(0);
	struct store_entry entry, count;
	struct failure_note note;
	bool goes_on = true;
	uint64_t number;

	if (store_get(store, notes_table, key, a, &entry) == RES_OK && unpack(&entry, &note)) {
		if (store_get(store, count_table, key, a, &count) == RES_OK && str_u64(count.value, &number) && number > 0)
			note.incidents = (int64_t)number;
		goes_on = each(arg, &note);
	}
	arena_free(a);
	return goes_on;
}

bool failure_is_due(const struct failure_note *note)
{
	return note->taken <= clock_now() - FAILURE_GATHER_SECONDS;
}

/* Names first: what is done with a note may take its time, and the store must not wait for it. */
enum res failure_each(struct store *store, bool (*each)(void *arg, const struct failure_note *note), void *arg)
{
	struct arena *a = arena_new(0);
	struct keys *keys = arena_alloc(a, sizeof *keys);
	enum res res;

	keys->arena = a;
	res = store_each(store, notes_table, STR(""), keep_key, keys);
	for (size_t i = 0; i < keys->n; i++)
		if (!give(store, keys->v[i], each, arg))
			break;
	arena_free(a);
	return res;
}

void failure_done(struct store *store, const struct failure_note *note, bool was_sent)
{
	const struct store_change changes[] = {
	    {.what = STORE_DELETE, .table = notes_table, .key = note->key},
	    {.what = STORE_DELETE, .table = count_table, .key = note->key},
	    {.what = STORE_PUT, .table = sent_table, .key = note->key, .value = STR("1"), .ttl = FAILURE_QUIET_SECONDS},
	};

	store_apply(store, changes, was_sent ? 3 : 2);
}

/* ---- the message ---- */

/* Made of the text itself: nobody can write a text that has the hash of itself in it. */
static struct str boundary_of(struct arena *a, struct str text)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct buf out = {0};

	digest_of(CRYPTO_SHA256, text, digest);
	buf_adds(&out, "=_");
	for (size_t i = 0; i < 16; i++)
		buf_addf(&out, "%02x", digest[i]);
	return buf_take(&out, a);
}

static void start_part(struct buf *out, struct str boundary, const char *type, bool is_8bit)
{
	buf_addf(out, "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", STR_ARG(boundary), type,
	    is_8bit ? "8bit" : "7bit");
}

struct str failure_mail(struct arena *a, const struct failure_note *note, struct str from, struct str id, const struct str *to,
    size_t n)
{
	struct str boundary = boundary_of(a, note->shown);
	struct buf out = {0};

	report_add_head(&out, from, to, n, arena_printf(a, "DMARC failure report about %.*s", STR_ARG(note->domain)), id);
	buf_addf(&out, "Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=\"%.*s\"\r\n", STR_ARG(boundary));
	start_part(&out, boundary, "text/plain; charset=utf-8", false);
	buf_addf(&out, "This is an authentication failure report about mail with From in the domain\r\n%.*s. "
		       "%" PRId64 " like it came in. Recipients are not named.\r\n",
	    STR_ARG(note->domain), note->incidents);
	start_part(&out, boundary, "message/feedback-report", !str_is_ascii(note->fields));
	buf_add(&out, note->fields);
	buf_addf(&out, "Incidents: %" PRId64 "\r\n", note->incidents);
	start_part(&out, boundary, note->has_body ? "message/rfc822" : "text/rfc822-headers", !str_is_ascii(note->shown));
	buf_add(&out, note->shown);
	buf_addf(&out, "\r\n--%.*s--\r\n", STR_ARG(boundary));
	return buf_take(&out, a);
}
