/* One comparison after the other, the surest first. Linear in the names; names are at most 255 octets. */
#include "core/url/lookalike.h"

#include "core/address.h"
#include "core/text/unicode.h"
#include "core/url/url.h"

/* What is put beside a name to make it look official. */
static const char *const words[] = {
    "account", "accounts", "admin", "alert", "alerts", "auth", "bank", "banking", "billing", "center", "client",
    "cloud", "customer", "delivery", "desk", "document", "docs", "email", "group", "help", "helpdesk", "hr", "id",
    "info", "invoice", "login", "mail", "member", "my", "net", "notice", "office", "official", "online", "order",
    "parcel", "pay", "payment", "payments", "payroll", "portal", "private", "refund", "secure", "security", "service",
    "services", "shop", "sign", "signin", "sso", "store", "support", "team", "track", "tracking", "update", "user",
    "verification", "verify", "web", "webmail",
};

static bool is_word(struct str s)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_is(s, words[i]))
			return true;
	return false;
}

static struct str first_label(struct str domain)
{
	ptrdiff_t dot = str_chr(domain, '.');

	return dot < 0 ? domain : str_sub(domain, 0, (size_t)dot);
}

void lookalike_prepare(struct arena *a, struct str host, struct lookalike_host *ret_host)
{
	struct lookalike_host *h = ret_host;
	struct str shown;

	while (host.n && host.p[host.n - 1] == '.')
		host.n--;
	*h = (struct lookalike_host){.host = str_lower(a, host)};
	h->domain = domain_registered(h->host);
	h->skeleton = unicode_skeleton(a, domain_to_unicode(a, h->domain, &shown) ? shown : h->domain);
	h->label = first_label(h->skeleton);
}

/* Edit distance at most 1, two neighbours swapped counting as one. */
static bool is_near(struct str x, struct str y)
{
	size_t front = 0, back = 0, most = x.n > y.n ? x.n : y.n, least = x.n + y.n - most;

	if (most - least > 1)
		return false;
	while (front < least && x.p[front] == y.p[front])
		front++;
	while (back < least - front && x.p[x.n - 1 - back] == y.p[y.n - 1 - back])
		back++;
	if (most - front - back <= 1)
		return true;
	return x.n == y.n && x.n - front - back == 2 && x.p[front] == y.p[front + 1] && x.p[front + 1] == y.p[front];
}

/* "example-login", "login.example", "secureexample": the name, and words that mean nothing of their own. */
static bool has_word_added(struct str label, struct str name)
{
	ptrdiff_t at = str_find(label, name);
	struct str before, behind, part;
	bool is_part = false;

	for (struct str rest = label; str_split(&rest, '-', &part);)
		is_part |= str_eq(part, name);
	if (is_part && label.n > name.n)
		return true;
	if (at < 0 || label.n == name.n)
		return false;
	before = str_sub(label, 0, (size_t)at);
	behind = str_from(label, (size_t)at + name.n);
	return (!before.n || is_word(before)) && (!behind.n || is_word(behind));
}

static bool is_below(struct str host, struct str domain)
{
	return str_eq(host, domain) || (host.n > domain.n && str_ends(host, domain) && host.p[host.n - domain.n - 1] == '.');
}

/* The domain as labels in front of another registered one; example.com.au is registered itself. */
static bool is_in_front(const struct lookalike_host *other, struct str domain)
{
	struct str host = other->host;
	ptrdiff_t at = str_find(host, domain);
	size_t end = (size_t)at + domain.n;

	return at >= 0 && end < host.n && (size_t)at < host.n - other->domain.n &&
	    (host.p[end] == '.' || host.p[end] == '-') && (at == 0 || host.p[at - 1] == '.');
}

/* One name with two endings: no accident where it was made to look so, else only for a name of some length. */
static enum lookalike check_ending(const struct lookalike_host *mine, const struct lookalike_host *other)
{
	if (!str_eq(first_label(other->domain), first_label(mine->domain)))
		return LOOKALIKE_SHAPE;
	return mine->label.n >= LOOKALIKE_ENDING_MIN ? LOOKALIKE_ENDING : LOOKALIKE_NONE;
}

enum lookalike lookalike_check(const struct lookalike_host *mine, const struct lookalike_host *other)
{
	if (!other->label.n || !mine->label.n || host_is_address(other->host) || is_below(other->host, mine->domain))
		return LOOKALIKE_NONE;
	if (is_in_front(other, mine->domain))
		return LOOKALIKE_SUBDOMAIN;
	if (str_eq(other->skeleton, mine->skeleton))
		return LOOKALIKE_SHAPE;
	if (str_eq(other->label, mine->label))
		return check_ending(mine, other);
	if (mine->label.n >= LOOKALIKE_TYPO_MIN && is_near(other->label, mine->label))
		return LOOKALIKE_TYPO;
	return mine->label.n >= LOOKALIKE_WORD_MIN && has_word_added(other->label, mine->label) ? LOOKALIKE_WORD : LOOKALIKE_NONE;
}

const char *lookalike_name(enum lookalike kind)
{
	static const char *const names[] = {"none", "shape", "typo", "word", "ending", "subdomain"};

	return names[kind];
}
