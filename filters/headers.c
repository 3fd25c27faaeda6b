/*
 * headers: what must be there once and is not, is there twice, or is not written as RFC 5322 part
 * 3.6 wants it. Programs that send real mail get these right; what they do not agree on (two From
 * fields, bare line ends, lines that are no field) is where checks can be fooled.
 */
#include "filters/headers.h"
#include "core/filter.h"
#include "core/mailbox.h"
#include "lib/clock.h"

struct headers_conf {
	int64_t received_max, future_ms, past_ms;
};

static const struct directive directives[] = {
    {.name = "received-max", .type = CONF_INT, .offset = offsetof(struct headers_conf, received_max),
	.def = "30", .min = 1, .max = 1000, .args = "COUNT", .help = "more Received fields are a finding"},
    {.name = "date-future", .type = CONF_DURATION, .offset = offsetof(struct headers_conf, future_ms),
	.def = "12h", .min = 60000, .max = 0x7fffffffffff, .args = "DURATION",
	.help = "a Date that lies further ahead is a finding"},
    {.name = "date-past", .type = CONF_DURATION, .offset = offsetof(struct headers_conf, past_ms), .def = "30d",
	.min = 60000, .max = 0x7fffffffffff, .args = "DURATION", .help = "a Date that is older is a finding"},
    {0},
};

static const struct fact_def facts[] = {
    {"headers.missing", FACT_LIST, STAGE_HEADER, NULL, "fields that should be there, in lower case"},
    {"headers.duplicate", FACT_LIST, STAGE_HEADER, NULL, "fields that are there more than once and must not be"},
    {"headers.malformed", FACT_LIST, STAGE_HEADER, NULL, "fields that are not written as they must be"},
    {"headers.broken", FACT_BOOL, STAGE_HEADER, NULL,
	"programs may not agree where a line or the header section ends: NUL, bare CR or LF, a line that is no field"},
    {"headers.8bit", FACT_BOOL, STAGE_HEADER, NULL, "octets beyond ASCII in a message that is not SMTPUTF8"},
    {"headers.received", FACT_INT, STAGE_HEADER, NULL, "number of Received fields"},
    {"headers.date-ahead", FACT_DURATION, STAGE_HEADER, NULL, "how far Date is ahead of our clock; below 0: behind it"},
    {0},
};

static const struct finding_def findings[] = {
    {"headers.missing-from", 2.5, "there is no From field"},
    {"headers.missing-date", 1.5, "there is no Date field"},
    {"headers.missing-message-id", 0.5, "there is no Message-ID field"},
    {"headers.missing-subject", 0.5, "there is no Subject field"},
    {"headers.missing-to", 0.5, "there is no To, Cc or Bcc field"},
    {"headers.missing-mime-version", 0.3, "there are MIME fields, but no MIME-Version"},
    {"headers.duplicate-from", 3.0, "more than one From field"},
    {"headers.duplicate", 1.5, "a field is there more than once that must not be"},
    {"headers.malformed-from", 1.5, "From holds no plain address"},
    {"headers.malformed-date", 1.0, "Date is not a date"},
    {"headers.malformed-message-id", 0.8, "Message-ID is not <left@right>"},
    {"headers.malformed-mime-version", 0.5, "MIME-Version is not 1.0"},
    {"headers.date-future", 1.5, "Date lies in the future"},
    {"headers.date-past", 0.8, "Date lies far in the past"},
    {"headers.received", 1.0, "too many Received fields"},
    {"headers.nul", 3.0, "a NUL in the header section"},
    {"headers.bare-newline", 2.0, "CR or LF alone in the header section"},
    {"headers.broken", 1.5, "a line of the header section is no field"},
    {"headers.over", 2.0, "the header section is longer than we read"},
    {"headers.8bit", 0.8, "octets beyond ASCII in a message that is not SMTPUTF8"},
    {0},
};

/* RFC 5322 part 3.6 and RFC 2045 part 3: at most once each. */
static const struct single {
	const char *name, *lower;
	const char *missing; /* finding; NULL: may be missing */
} singles[] = {
    {"From", "from", "headers.missing-from"},
    {"Date", "date", "headers.missing-date"},
    {"Message-ID", "message-id", "headers.missing-message-id"},
    {"Subject", "subject", "headers.missing-subject"},
    {"To", "to", NULL},
    {"Cc", "cc", NULL},
    {"Bcc", "bcc", NULL},
    {"Sender", "sender", NULL},
    {"Reply-To", "reply-to", NULL},
    {"In-Reply-To", "in-reply-to", NULL},
    {"References", "references", NULL},
    {"MIME-Version", "mime-version", NULL},
    {"Content-Type", "content-type", NULL},
    {"Content-Transfer-Encoding", "content-transfer-encoding", NULL},
    {"Content-Disposition", "content-disposition", NULL},
    {"Content-ID", "content-id", NULL},
};

static void missing(struct session *s, const char *finding, const char *lower)
{
	fact_add_text(FACTS(s), "headers.missing", str_of(lower));
	finding_add(s, finding, "no %s", lower);
}

static void check_counts(struct session *s, const struct headers *h)
{
	for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
		const struct single *f = &singles[i];
		size_t n = headers_count(h, f->name);

		if (n == 0 && f->missing)
			missing(s, f->missing, f->lower);
		if (n < 2)
			continue;
		fact_add_text(FACTS(s), "headers.duplicate", str_of(f->lower));
		finding_add(s, i == 0 ? "headers.duplicate-from" : "headers.duplicate", "%zu %s fields", n, f->name);
	}
	if (!headers_get(h, "To", 0) && !headers_get(h, "Cc", 0) && !headers_get(h, "Bcc", 0))
		missing(s, "headers.missing-to", "to");
	if (headers_get(h, "Content-Type", 0) && !headers_get(h, "MIME-Version", 0))
		missing(s, "headers.missing-mime-version", "mime-version");
}

static void malformed(struct session *s, const char *finding, const char *lower, struct str value)
{
	fact_add_text(FACTS(s), "headers.malformed", str_of(lower));
	finding_add(s, finding, "%s is \"%.*s\"", lower, STR_ARG(str_sub(value, 0, 100)));
}

/* The first field of that name, unfolded; false when there is none. */
static bool value_of(struct session *s, const char *name, struct str *ret_value)
{
	const struct header *field = headers_get(&s->message->headers, name, 0);

	if (field)
		*ret_value = header_unfold(filter_arena(s), field->value);
	return field != NULL;
}

/* "2505d", "3h", "12m": as exact as a reader wants it. */
static struct str about(struct session *s, int64_t ms)
{
	static const int64_t units[] = {86400000, 3600000, 60000};
	size_t i = 0;

	ms = ms < 0 ? -ms : ms;
	while (i < 2 && ms < 2 * units[i])
		i++;
	return conf_duration_text(filter_arena(s), ms / units[i] * units[i]);
}

static void check_date(struct session *s, const struct headers_conf *c)
{
	struct str value;
	int64_t when, ahead_ms;

	if (!value_of(s, "Date", &value))
		return;
	if (!headers_parse_date(value, &when)) {
		malformed(s, "headers.malformed-date", "date", value);
		return;
	}
	ahead_ms = (when - clock_now()) * 1000;
	fact_set_duration(FACTS(s), "headers.date-ahead", ahead_ms);
	if (ahead_ms > c->future_ms)
		finding_add(s, "headers.date-future", "Date is %.*s ahead", STR_ARG(about(s, ahead_ms)));
	else if (-ahead_ms > c->past_ms)
		finding_add(s, "headers.date-past", "Date is %.*s old", STR_ARG(about(s, ahead_ms)));
}

static void check_from(struct session *s)
{
	struct mailboxes from;
	struct str value;

	if (!value_of(s, "From", &value))
		return;
	mailboxes_parse(filter_arena(s), value, &from);
	if (from.n == 0 || (from.odd & MAILBOX_BROKEN))
		malformed(s, "headers.malformed-from", "from", value);
}

/* RFC 2045 part 4; comments are allowed around the parts. */
static bool is_mime_version(struct str value)
{
	bool is_comment = false;
	char plain[8];
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (c == '(' || c == ')') {
			is_comment = c == '(';
		} else if (!is_comment && !is_space(c)) {
			if (n == sizeof plain)
				return false;
			plain[n++] = c;
		}
	}
	return str_is((struct str){plain, n}, "1.0");
}

static void check_values(struct session *s)
{
	struct str value;

	check_from(s);
	if (value_of(s, "Message-ID", &value) && !headers_is_message_id(value))
		malformed(s, "headers.malformed-message-id", "message-id", value);
	if (value_of(s, "MIME-Version", &value) && !is_mime_version(value))
		malformed(s, "headers.malformed-mime-version", "mime-version", value);
}

static void check_octets(struct session *s, const struct headers *h)
{
	bool is_8bit = h->has_8bit && !s->message->is_utf8;

	fact_set_bool(FACTS(s), "headers.broken",
	    h->has_nul || h->has_bare_cr || h->has_bare_lf || h->broken_at || h->is_over);
	fact_set_bool(FACTS(s), "headers.8bit", is_8bit);
	if (h->has_nul)
		finding_add(s, "headers.nul", "a NUL in the header section");
	if (h->has_bare_cr || h->has_bare_lf)
		finding_add(s, "headers.bare-newline", "a %s alone in the header section", h->has_bare_cr ? "CR" : "LF");
	if (h->broken_at)
		finding_add(s, "headers.broken", "the line at octet %zu is no field", h->broken_at);
	if (h->is_over)
		finding_add(s, "headers.over", "only the first %zu fields were read", h->n);
	if (is_8bit)
		finding_add(s, "headers.8bit", "octets beyond ASCII");
}

static enum outcome headers_run(struct session *s, const void *conf)
{
	const struct headers_conf *c = conf;
	const struct headers *h = &s->message->headers;
	size_t received = headers_count(h, "Received");

	check_octets(s, h);
	check_counts(s, h);
	check_values(s);
	check_date(s, c);
	fact_set_int(FACTS(s), "headers.received", (int64_t)received);
	if (received > (size_t)c->received_max)
		finding_add(s, "headers.received", "%zu Received fields", received);
	return RUN_OK;
}

const struct filter headers_filter = {
    .name = "headers",
    .help = "header fields that are missing, doubled or malformed",
    .directives = directives,
    .conf_size = sizeof(struct headers_conf),
    .facts = facts,
    .findings = findings,
    .run = {[STAGE_HEADER] = headers_run},
};
