/* DMARC: record, tree walk, alignment; section numbers are those of RFC 9989. */
#include "auth/dmarc.h"

#include <assert.h>
#include <stdio.h>

#include "core/url/url.h"
#include "lib/res.h"

const char *const dmarc_method_words[] = {"treewalk", "psl", NULL};
const char *const dmarc_policy_words[] = {"none", "quarantine", "reject", NULL};

/* ---- the record (4.7, 4.8) ---- */

static bool read_policy(struct str value, enum dmarc_policy *ret_policy)
{
	for (int i = 0; dmarc_policy_words[i]; i++)
		if (str_iis(value, dmarc_policy_words[i])) {
			*ret_policy = (enum dmarc_policy)i;
			return true;
		}
	return false;
}

/* One of the letters, or what it was before. */
static char read_letter(struct str value, const char *letters, char old)
{
	int c = value.n == 1 ? to_lower((unsigned char)value.p[0]) : 0;

	return c && strchr(letters, c) ? (char)c : old;
}

/* The list has at least one mailto: URI with a local part and a domain. */
static bool has_address(struct str list)
{
	struct str uri;

	while (str_split(&list, ',', &uri)) {
		uri = str_trim(uri);
		if (str_istarts(uri, STR("mailto:")) && str_chr(uri, '@') > 7 && str_rchr(uri, '@') + 1 < (ptrdiff_t)uri.n)
			return true;
	}
	return false;
}

enum { TAG_P, TAG_SP, TAG_NP, TAG_ADKIM, TAG_ASPF, TAG_T, TAG_PSD, TAG_RUA, TAG_RUF, TAG_FO, TAG_COUNT };

static const char *const tag_names[TAG_COUNT] = {"p", "sp", "np", "adkim", "aspf", "t", "psd", "rua", "ruf", "fo"};

/* value: .p is NULL when the tag is not there; what it cannot say leaves the default. */
static void read_tags(struct dmarc_record *r, const struct str values[TAG_COUNT])
{
	r->has_p = read_policy(values[TAG_P], &r->p);
	r->has_sp = read_policy(values[TAG_SP], &r->sp);
	r->has_np = read_policy(values[TAG_NP], &r->np);
	r->is_strict_dkim = read_letter(values[TAG_ADKIM], "rs", 'r') == 's';
	r->is_strict_spf = read_letter(values[TAG_ASPF], "rs", 'r') == 's';
	r->is_testing = read_letter(values[TAG_T], "yn", 'n') == 'y';
	r->psd = read_letter(values[TAG_PSD], "ynu", 'u');
	r->rua = values[TAG_RUA].p ? values[TAG_RUA] : STR("");
	r->ruf = values[TAG_RUF].p ? values[TAG_RUF] : STR("");
	r->fo = values[TAG_FO].p ? values[TAG_FO] : STR("");
}

/* A policy that cannot be read is p=none where reports are wanted, and no policy elsewhere (4.10.1). */
static void settle_policies(struct dmarc_record *r, const struct str values[TAG_COUNT])
{
	if (r->has_p && r->has_sp == (values[TAG_SP].p != NULL) && r->has_np == (values[TAG_NP].p != NULL))
		return;
	r->has_p = r->has_sp = r->has_np = false;
	r->p = r->sp = r->np = DMARC_POLICY_NONE;
	r->is_broken = !has_address(r->rua);
}

/* Of a tag that is there twice the first one counts. */
static void keep_tag(struct str name, struct str value, struct str values[TAG_COUNT])
{
	for (int i = 0; i < TAG_COUNT; i++)
		if (str_iis(name, tag_names[i]) && !values[i].p)
			values[i] = value;
}

bool dmarc_record_parse(struct str text, struct dmarc_record *ret_record)
{
	struct str values[TAG_COUNT] = {STR_NONE}, spec;
	struct dmarc_record r = {0};
	bool is_first = true;

	while (str_split(&text, ';', &spec)) {
		ptrdiff_t equals = str_chr(spec, '=');
		struct str name = str_trim(str_sub(spec, 0, equals < 0 ? spec.n : (size_t)equals));
		struct str value = equals < 0 ? STR("") : str_trim(str_from(spec, (size_t)equals + 1));

		if (is_first && (!str_iis(name, "v") || !str_is(value, "DMARC1")))
			return false;
		if (!is_first && equals >= 0)
			keep_tag(name, value, values);
		is_first = false;
	}
	read_tags(&r, values);
	settle_policies(&r, values);
	*ret_record = r;
	return !is_first;
}

static struct str cut_at(struct str text, char c)
{
	ptrdiff_t at = str_chr(text, c);

	return at < 0 ? text : str_sub(text, 0, (size_t)at);
}

static struct str unescape(struct arena *a, struct str uri)
{
	char *out = arena_alloc(a, uri.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < uri.n; i++) {
		bool is_escape = uri.p[i] == '%' && i + 2 < uri.n && hex_value(uri.p[i + 1]) >= 0 && hex_value(uri.p[i + 2]) >= 0;

		out[n++] = is_escape ? (char)(hex_value(uri.p[i + 1]) << 4 | hex_value(uri.p[i + 2])) : uri.p[i];
		i += is_escape ? 2 : 0;
	}
	return (struct str){out, n};
}

/* Escapes may hide anything, line ends too: only what could stand in an envelope is an address. */
bool dmarc_next_address(struct arena *a, struct str *rest, struct address *ret_address)
{
	struct str uri;

	while (str_split(rest, ',', &uri)) {
		uri = str_trim(uri);
		if (!str_istarts(uri, STR("mailto:")))
			continue;
		uri = cut_at(cut_at(str_from(uri, 7), '!'), '?');
		if (!address_parse(a, unescape(a, uri), false, ret_address) && ret_address->domain.n &&
		    domain_is_valid(ret_address->domain, false))
			return true;
	}
	return false;
}

/* ---- the tree walk (4.10) ---- */

struct step {
	struct str domain;
	struct dmarc_record record;
	bool has_record;
};

struct walk {
	struct step v[DMARC_WALK_MAX];
	size_t n;
	struct str organization;
	bool is_temporary;
};

static unsigned count_labels(struct str domain)
{
	unsigned n = domain.n > 0;

	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

/* The name to ask for after `domain`; "" at the end. */
static struct str next_name(struct str domain)
{
	unsigned labels = count_labels(domain), drop = labels > DMARC_WALK_MAX ? labels - (DMARC_WALK_MAX - 1) : 1;

	while (drop--) {
		ptrdiff_t dot = str_chr(domain, '.');

		domain = dot < 0 ? STR("") : str_from(domain, (size_t)dot + 1);
	}
	return domain;
}

/*
 * From the reserve where it must be: a message that makes us ask a lot elsewhere, with many signatures or
 * a long SPF record, must not keep us from knowing what its author's domain says.
 */
static struct dns_ticket *ask_record(struct dns_scope *dns, struct str domain)
{
	char name[300];
	int n = snprintf(name, sizeof name, "_dmarc.%.*s", STR_ARG(domain));

	return dns_ask_reserved(dns, (struct str){name, n > 0 && n < (int)sizeof name ? (size_t)n : 0}, DNS_TXT);
}

/* Records of another kind are passed over; of two DMARC records none counts. */
static void read_step(struct step *step, const struct dns_answer *answer)
{
	struct dmarc_record record;
	unsigned found = 0;

	for (size_t i = 0; i < answer->n; i++)
		if (dmarc_record_parse(answer->records[i].data, &record)) {
			step->record = record;
			found++;
		}
	step->has_record = found == 1;
}

static const struct step *take_step(struct dns_scope *dns, struct str domain, struct walk *walk)
{
	struct step *step = &walk->v[walk->n++];
	const struct dns_answer *answer = dns_wait(ask_record(dns, domain));

	assert(walk->n <= DMARC_WALK_MAX);
	step->domain = domain;
	if (answer->status == DNS_OK)
		read_step(step, answer);
	else if (answer->status != DNS_NXDOMAIN && answer->status != DNS_NODATA && answer->status != DNS_BADNAME)
		walk->is_temporary = true;
	return step;
}

/* The name one label below `parent` on the way to `domain`. */
static struct str child_towards(struct str domain, struct str parent)
{
	struct str head = str_sub(domain, 0, domain.n - parent.n - 1);
	ptrdiff_t dot = str_rchr(head, '.');

	return dot < 0 ? domain : str_from(domain, (size_t)dot + 1);
}

static struct str organization_of(const struct walk *walk)
{
	struct str start = walk->v[0].domain, fewest = start;

	for (size_t i = 0; i < walk->n; i++) {
		const struct step *step = &walk->v[i];

		if (!step->has_record)
			continue;
		if (step->record.psd == 'n')
			return step->domain;
		if (step->record.psd == 'y' && i > 0)
			return child_towards(start, step->domain);
		fewest = step->domain;
	}
	return fewest;
}

static void walk_tree(struct dns_scope *dns, struct str domain, struct walk *walk)
{
	*walk = (struct walk){.n = 0};
	for (struct str name = domain; name.n; name = next_name(name)) {
		const struct step *step = take_step(dns, name, walk);

		if ((step->has_record && step->record.psd != 'u') || walk->n == DMARC_WALK_MAX)
			break;
	}
	walk->organization = organization_of(walk);
}

/* Two questions at most: the author's own record, and that of the registered domain. */
static void walk_list(struct dns_scope *dns, struct str domain, struct walk *walk)
{
	*walk = (struct walk){.organization = domain_registered(domain)};
	if (!take_step(dns, domain, walk)->has_record && !str_eq(walk->organization, domain))
		take_step(dns, walk->organization, walk);
}

void dmarc_ask(struct dns_scope *dns, enum dmarc_method method, struct str author)
{
	if (method == DMARC_PSL) {
		ask_record(dns, author);
		ask_record(dns, domain_registered(author));
		return;
	}
	/* The last one is a top-level name: nearly always empty, and asked for only when it matters. */
	for (struct str name = author; count_labels(name) > 1; name = next_name(name))
		ask_record(dns, name);
}

enum { RELATED_LABELS_MAX = 4, RELATED_USED_MAX = 30 }; /* the rest is left to dmarc_check() */

/* The last two labels; more is not needed to tell strangers apart. */
static struct str last_labels(struct str domain)
{
	ptrdiff_t dot = str_rchr(domain, '.');

	dot = dot > 0 ? str_rchr(str_sub(domain, 0, (size_t)dot), '.') : -1;
	return str_from(domain, (size_t)(dot + 1));
}

void dmarc_ask_related(struct dns_scope *dns, struct str author, struct str domain)
{
	ptrdiff_t dot = str_rchr(author, '.');

	if (dns_scope_used(dns) > RELATED_USED_MAX || count_labels(domain) > RELATED_LABELS_MAX || str_ieq(author, domain) ||
	    !str_ieq(last_labels(author), last_labels(domain)))
		return;
	dmarc_ask(dns, DMARC_TREEWALK, domain);
	ask_record(dns, str_from(author, (size_t)(dot + 1)));
}

int dmarc_organization(struct arena *a, struct dns_scope *dns, struct str domain, struct str *ret_domain)
{
	struct walk walk;

	if (domain.n == 0)
		return RES_NONE;
	walk_tree(dns, domain, &walk);
	*ret_domain = arena_str(a, walk.organization);
	return walk.is_temporary ? RES_TEMP : RES_OK;
}

/* ---- policy discovery (4.10.1) ---- */

static const struct step *step_at(const struct walk *walk, struct str domain)
{
	for (size_t i = 0; i < walk->n; i++)
		if (walk->v[i].has_record && str_eq(walk->v[i].domain, domain))
			return &walk->v[i];
	return NULL;
}

/* The author's own record, else the organization's, else that of the public suffix. */
static const struct step *find_policy(const struct walk *walk)
{
	const struct step *found = step_at(walk, walk->v[0].domain);

	if (!found)
		found = step_at(walk, walk->organization);
	for (size_t i = 0; !found && i < walk->n; i++)
		if (walk->v[i].has_record && walk->v[i].record.psd == 'y')
			found = &walk->v[i];
	return found;
}

/* np speaks of names that do not exist at all (3.2.13). */
static enum dmarc_policy policy_for(struct dns_scope *dns, const struct step *step, struct str author)
{
	const struct dmarc_record *r = &step->record;

	if (str_eq(step->domain, author))
		return r->p;
	if (r->has_np && dns_wait(dns_ask_reserved(dns, author, DNS_A))->status == DNS_NXDOMAIN)
		return r->np;
	return r->has_sp ? r->sp : r->p;
}

/* ---- alignment (4.4, 4.10.2) ---- */

static bool is_at_or_below(struct str domain, struct str parent)
{
	return str_ieq(domain, parent) ||
	    (domain.n > parent.n && str_iends(domain, parent) && domain.p[domain.n - parent.n - 1] == '.');
}

/* organization: of the author. Two domains with one organization lie both below it. */
static int is_aligned(struct arena *a, struct dns_scope *dns, const struct dmarc_report *report,
    const struct dmarc_id *id)
{
	bool is_strict = id->is_spf ? report->record.is_strict_spf : report->record.is_strict_dkim;
	struct str organization = STR("");
	int res = RES_OK;

	if (str_ieq(id->domain, report->author))
		return RES_OK;
	if (is_strict || !is_at_or_below(id->domain, report->organization))
		return RES_NONE;
	if (report->method == DMARC_PSL)
		organization = domain_registered(id->domain);
	else
		res = dmarc_organization(a, dns, str_lower(a, id->domain), &organization);
	if (res != RES_OK)
		return res;
	return str_ieq(organization, report->organization) ? RES_OK : RES_NONE;
}

static void judge(struct arena *a, struct dns_scope *dns, const struct dmarc_id *ids, size_t n,
    struct dmarc_report *report)
{
	bool is_open = false;

	for (size_t i = 0; i < n; i++) {
		int res = is_aligned(a, dns, report, &ids[i]);

		if (res == RES_TEMP || (res == RES_OK && ids[i].is_temporary))
			is_open = true;
		else if (res == RES_OK && ids[i].is_spf)
			report->is_spf_aligned = true;
		else if (res == RES_OK)
			report->is_dkim_aligned = true;
	}
	if (report->is_spf_aligned || report->is_dkim_aligned)
		report->result = AUTH_PASS;
	else if (is_open) {
		report->result = AUTH_TEMPERROR;
		report->reason = STR("an aligned identifier could not be checked now");
	} else
		report->result = AUTH_FAIL;
}

static const struct dmarc_record no_record = {.psd = 'u', .rua = {"", 0}, .ruf = {"", 0}, .fo = {"", 0}};

static bool any_needs_organization(const struct dmarc_report *report, const struct dmarc_id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!str_ieq(ids[i].domain, report->author) &&
		    !(ids[i].is_spf ? report->record.is_strict_spf : report->record.is_strict_dkim))
			return true;
	return false;
}

static void set_broken(struct dmarc_report *report)
{
	report->reason = STR("the policy record has no readable policy");
}

/*
 * The first look-up may be all: where the author's own record is there and has no policy, or nothing
 * needs the organizational domain, the rest of the tree is not walked.
 */
static bool check_own_record(struct arena *a, struct dns_scope *dns, const struct dmarc_id *ids, size_t n,
    struct dmarc_report *report)
{
	const struct dns_answer *answer = dns_wait(ask_record(dns, report->author));
	struct step step = {.domain = report->author};

	if (answer->status == DNS_OK)
		read_step(&step, answer);
	if (!step.has_record)
		return false;
	if (step.record.is_broken) {
		set_broken(report);
		return true;
	}
	report->record = step.record;
	if (any_needs_organization(report, ids, n))
		return false;
	report->domain = report->author;
	report->published = step.record.p;
	judge(a, dns, ids, n, report);
	return true;
}

static void lower_for_test(struct dmarc_report *report)
{
	report->policy = report->published;
	if (report->record.is_testing && report->policy != DMARC_POLICY_NONE)
		report->policy--;
}

static void copy_texts(struct arena *a, struct dmarc_report *report)
{
	report->domain = arena_str(a, report->domain);
	report->record.rua = arena_str(a, report->record.rua);
	report->record.ruf = arena_str(a, report->record.ruf);
	report->record.fo = arena_str(a, report->record.fo);
}

static void check_walk(struct arena *a, struct dns_scope *dns, const struct dmarc_id *ids, size_t n,
    struct dmarc_report *report)
{
	const struct step *step;
	struct walk walk;

	if (report->method == DMARC_PSL)
		walk_list(dns, report->author, &walk);
	else
		walk_tree(dns, report->author, &walk);
	step = find_policy(&walk);
	report->record = no_record;
	if (walk.is_temporary) {
		report->result = AUTH_TEMPERROR;
		report->reason = STR("policy not available now");
		return;
	}
	if (!step)
		return;
	if (step->record.is_broken) {
		set_broken(report);
		return;
	}
	report->record = step->record;
	report->domain = step->domain;
	report->organization = arena_str(a, walk.organization);
	report->published = policy_for(dns, step, report->author);
	judge(a, dns, ids, n, report);
}

void dmarc_check(struct arena *a, struct dns_scope *dns, enum dmarc_method method, struct str author,
    const struct dmarc_id *ids, size_t n, struct dmarc_report *ret_report)
{
	struct dmarc_report report = {.method = method, .reason = STR(""), .domain = STR(""), .organization = STR(""), .record = no_record};

	report.author = str_lower(a, author);
	if (!dns) {
		report.result = AUTH_TEMPERROR;
		report.reason = STR("no resolver");
	} else if (!check_own_record(a, dns, ids, n, &report)) {
		check_walk(a, dns, ids, n, &report);
	}
	lower_for_test(&report);
	copy_texts(a, &report);
	*ret_report = report;
}

/* fail before errors before none before pass; among failures the stricter policy. */
bool dmarc_is_worse(const struct dmarc_report *a, const struct dmarc_report *b)
{
	static const int badness[] = {[AUTH_NONE] = 1, [AUTH_PASS] = 0, [AUTH_FAIL] = 4, [AUTH_POLICY] = 1,
	    [AUTH_NEUTRAL] = 1, [AUTH_TEMPERROR] = 3, [AUTH_PERMERROR] = 2};

	if (badness[a->result] != badness[b->result])
		return badness[a->result] > badness[b->result];
	return a->policy > b->policy;
}
