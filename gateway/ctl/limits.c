/*
 * reevectl rate, greylist and reputation: what these filters keep in the store, to look at and to take
 * back. A KEY chooses what has it as a whole part: an address, a domain, a network, a limit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filters/greylist.h"
#include "filters/reputation.h"
#include "gateway/ctl/select.h"
#include "gateway/ctl/state.h"
#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/json.h"

struct walk {
	struct ctl *ctl;
	struct str wanted; /* "" all */
	struct ctl_keys keys;
	struct ctl_keys origins;
	struct buf out;
	size_t n;
	bool any; /* something was printed */
};

static void flush(struct walk *w)
{
	ctl_print(buf_str(&w->out));
	w->out.n = 0;
	w->any = true;
}

/* An address in a network is meant, too. */
static bool is_part(struct str part, struct str wanted)
{
	struct cidr net;
	struct ip ip;

	if (str_ieq(part, wanted))
		return true;
	return cidr_parse(part, false, &net) && ip_parse(wanted, &ip) && cidr_has(&net, &ip);
}

/* Whether the name that the verb got is one of the parts of the text; NUL separates always. */
static bool has_part(struct str text, const char *separators, struct str wanted)
{
	size_t start = 0;

	if (wanted.n == 0 || is_part(text, wanted))
		return true;
	for (size_t i = 0; i <= text.n; i++)
		if (i == text.n || memchr(separators, text.p[i], strlen(separators) + 1)) {
			if (i > start && is_part(str_sub(text, start, i - start), wanted))
				return true;
			start = i + 1;
		}
	return false;
}

/* The one argument of show and reset; 2 on wrong usage. Without one, what changes needs --all. */
static int read_wanted(struct walk *w, int argc, char **argv, bool changes)
{
	bool all = ctl_flag(&argc, argv, "--all");

	if (argc > 2 || (argc == 2 && all))
		return 2;
	w->wanted = str_of(argc == 2 ? argv[1] : "");
	if (!changes || all || argc == 2)
		return 0;
	ctl_fail("which? name one, or say --all");
	return 2;
}

static int each(struct walk *w, struct store *st, const char *table, const char *prefix,
    bool (*one)(void *arg, const struct store_entry *entry))
{
	enum res res = store_each(st, table, str_of(prefix), one, w);

	buf_free(&w->out);
	return res == RES_OK ? 0 : ctl_fail("the store cannot be reached");
}

/* none: what people are told when there is nothing to show. */
static int show(struct ctl *ctl, struct store *st, int argc, char **argv, const char *table,
    bool (*one)(void *arg, const struct store_entry *entry), const char *none)
{
	struct walk w = {.ctl = ctl};
	int status = read_wanted(&w, argc, argv, false) ? 2 : each(&w, st, table, "", one);

	if (status == 0 && !w.any && !ctl->json)
		puts(none);
	return status;
}

/* ---- rate ---- */

/* "60 connections per 1m by client" NL KEY...; false when it is no limit's. */
static bool read_limit(struct str key, struct str *ret_limit, struct str *ret_keys, struct store_rate *ret_rate)
{
	struct str rest, count, unit, per, time;
	uint64_t capacity;

	*ret_keys = key;
	if (!str_split(ret_keys, '\n', ret_limit) || !ret_keys->p)
		return false;
	rest = *ret_limit;
	if (!str_word(&rest, &count) || !str_word(&rest, &unit) || !str_word(&rest, &per) || !str_word(&rest, &time) ||
	    !conf_parse_size(count, &capacity) || capacity == 0 || capacity > INT64_MAX || !conf_parse_duration(time, &ret_rate->per_ms))
		return false;
	ret_rate->capacity = (int64_t)capacity;
	return ret_rate->per_ms > 0;
}

static bool rate_show_entry(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	struct arena *a = arena_new(0);
	struct store_rate rate = {0};
	struct str limit, keys;
	double used;

	if (read_limit(entry->key, &limit, &keys, &rate) &&
	    (has_part(keys, "\n", w->wanted) || str_eq(limit, w->wanted))) {
		used = 100 * (1 - store_level_at(entry->value, &rate).left / (double)rate.capacity);
		if (w->ctl->json) {
			struct json j = json_start(&w->out);

			json_open(&j, '{');
			json_kv(&j, "limit", limit);
			json_kv(&j, "key", ctl_plain(a, keys, 0));
			json_key(&j, "used");
			json_number(&j, used / 100);
			json_kv_int(&j, "taken", (int64_t)(used / 100 * (double)rate.capacity + 0.5));
			json_close(&j);
			buf_addc(&w->out, '\n');
		} else {
			if (w->n++ == 0)
				buf_addf(&w->out, "%5s  %-40s %s\n", "USED", "LIMIT", "KEY");
			buf_addf(&w->out, "%4.0f%%  %-40.*s %.*s\n", used, STR_ARG(limit), STR_ARG(ctl_plain(a, keys, 0)));
		}
		flush(w);
	}
	arena_free(a);
	return true;
}

static bool rate_collect(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	struct store_rate rate;
	struct str limit, keys;

	if (!w->wanted.n || (read_limit(entry->key, &limit, &keys, &rate) &&
				(has_part(keys, "\n", w->wanted) || str_eq(limit, w->wanted))))
		ctl_keys_add(w->ctl, &w->keys, entry->key);
	return true;
}

static int rate_show(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	return show(ctl, st, argc, argv, "rate", rate_show_entry, "no limit is in use");
}

static int rate_reset(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct walk w = {.ctl = ctl};
	int status = read_wanted(&w, argc, argv, true);

	if (!status)
		status = each(&w, st, "rate", "", rate_collect);
	return status ? status : ctl_keys_delete(ctl, st, "rate", &w.keys, "reset");
}

int ctl_rate(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {{"show", rate_show, false}, {"reset", rate_reset, true}};

	return ctl_state_run(ctl, argc, argv, verbs, 2);
}

/* ---- greylist ---- */

/* The value of a directive in the configuration's `filter greylist` block. */
static struct str greylist_directive(struct ctl *ctl, const char *name, const char *otherwise)
{
	for (const struct conf_node *n = ctl_config(ctl)->root; n; n = n->next)
		for (const struct conf_node *d = n->n > 1 && str_is(n->tokens[0].text, "filter") && str_is(n->tokens[1].text, "greylist")
			 ? n->children : NULL; d; d = d->next)
			if (d->n == 2 && str_is(d->tokens[0].text, name))
				return d->tokens[1].text;
	return str_of(otherwise);
}

static const struct greylist_kind {
	char letter;
	const char *name;
	int64_t unit; /* of its time, in a second */
} greylist_kinds[] = {{'p', "waits", 1000}, {'a', "allowed", 1}, {'v', "signed", 1}};

/* NULL: not shown; first tries stand beside those that wait. */
static const struct greylist_kind *greylist_kind(struct str key)
{
	for (size_t i = 0; key.n && i < sizeof greylist_kinds / sizeof *greylist_kinds; i++)
		if (greylist_kinds[i].letter == key.p[0])
			return &greylist_kinds[i];
	return NULL;
}

static bool is_sender_domain(struct str rest, struct str wanted)
{
	struct str origin, sender;

	return str_split(&rest, '\0', &origin) && str_split(&rest, '\0', &sender) &&
	       str_ieq(str_from(sender, (size_t)(str_rchr(sender, '@') + 1)), wanted);
}

/* A letter, then ORIGIN [NUL SENDER NUL RCPT]: see filters/greylist.h. A domain means its senders, too. */
static bool greylist_fits(const struct walk *w, struct str key)
{
	struct str rest = str_from(key, 1);

	return has_part(rest, "\n", w->wanted) || is_sender_domain(rest, w->wanted);
}

static struct str arrow(struct arena *a, struct str key)
{
	struct str rest = str_from(key, 1), origin = STR(""), sender = STR(""), rcpt = STR("");

	str_split(&rest, '\0', &origin);
	if (!str_split(&rest, '\0', &sender))
		return ctl_plain(a, origin, 0);
	str_split(&rest, '\0', &rcpt);
	return ctl_plain(a, arena_printf(a, "%.*s  <%.*s> -> <%.*s>", STR_ARG(origin), STR_ARG(sender), STR_ARG(rcpt)), 0);
}

static bool greylist_show_entry(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	const struct greylist_kind *kind = greylist_kind(entry->key);
	struct arena *a = arena_new(0);
	uint64_t since = 0;

	if (kind && greylist_fits(w, entry->key)) {
		str_u64(entry->value, &since);
		since /= (uint64_t)kind->unit;
		if (w->ctl->json) {
			struct json j = json_start(&w->out);

			json_open(&j, '{');
			json_kv(&j, "state", str_of(kind->name));
			json_kv(&j, "what", arrow(a, entry->key));
			json_kv_int(&j, "since", (int64_t)since);
			json_kv_int(&j, "expires", entry->expires);
			json_close(&j);
			buf_addc(&w->out, '\n');
		} else
			buf_addf(&w->out, "%-8s %5.*s  %.*s\n", kind->name,
			    STR_ARG(ctl_age(a, clock_now() - (int64_t)since)), STR_ARG(arrow(a, entry->key)));
		flush(w);
	}
	arena_free(a);
	return true;
}

static int greylist_show(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	return show(ctl, st, argc, argv, GREYLIST_TABLE, greylist_show_entry, "nobody is known, and nobody waits");
}

static bool greylist_collect(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	struct str rest = str_from(entry->key, 1), origin;

	if (entry->key.n < 2 || !greylist_fits(w, entry->key))
		return true;
	ctl_keys_add(w->ctl, &w->keys, entry->key);
	if (entry->key.p[0] == 'p' && str_split(&rest, '\0', &origin) && (!w->origins.n || !str_eq(w->origins.v[w->origins.n - 1], origin)))
		ctl_keys_add(w->ctl, &w->origins, origin);
	return true;
}

static int greylist_forget(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct walk w = {.ctl = ctl};
	int status = read_wanted(&w, argc, argv, true);

	if (!status)
		status = each(&w, st, GREYLIST_TABLE, "", greylist_collect);
	return status ? status : ctl_keys_delete(ctl, st, GREYLIST_TABLE, &w.keys, "forgotten");
}

static unsigned network_bits(struct walk *w, const struct ip *ip)
{
	uint64_t bits = 0;

	str_u64(greylist_directive(w->ctl, ip->family == 4 ? "network-bits-4" : "network-bits-6", ip->family == 4 ? "24" : "64"), &bits);
	return (unsigned)bits;
}

/*
 * An origin that nobody has seen yet: the network of an address, a network, or a domain; a domain also
 * beside the networks its senders came from, for when SPF or DKIM passes.
 */
static int add_origin(struct walk *w, struct str name)
{
	char text[CIDR_TEXT_MAX];
	struct ip ip;
	struct cidr net;

	for (size_t i = 0; i < w->origins.n; i++)
		if (str_ieq(w->origins.v[i], name))
			return 0;
	if (w->origins.n > 0 && (str_chr(name, '@') >= 0 || ip_parse(name, &ip) || cidr_parse(name, false, &net)))
		return 0;
	if (ip_parse(name, &ip)) {
		net = cidr_of(&ip, network_bits(w, &ip));
		ctl_keys_add(w->ctl, &w->origins, cidr_format(&net, text));
	} else if (cidr_parse(name, false, &net)) {
		if (net.bits != network_bits(w, &net.ip))
			return ctl_fail("origins are networks of /%u; name an address of it", network_bits(w, &net.ip));
		ctl_keys_add(w->ctl, &w->origins, cidr_format(&net, text));
	} else if (str_chr(name, '@') < 0) {
		ctl_keys_add(w->ctl, &w->origins, str_lower(w->ctl->arena, name));
	}
	return 0;
}

static int greylist_release(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct walk w = {.ctl = ctl};
	int64_t allow_for = ctl_seconds(ctl, "allow-for", arena_cstr(ctl->arena, greylist_directive(ctl, "allow-for", "36d")));
	struct str now = arena_printf(ctl->arena, "%" PRId64, clock_now());
	int status = read_wanted(&w, argc, argv, true);

	if (!status)
		status = each(&w, st, GREYLIST_TABLE, "p", greylist_collect);
	if (status)
		return status;
	if (w.wanted.n)
		status = add_origin(&w, w.wanted);
	if (status)
		return status;
	if (w.origins.n == 0)
		return ctl_fail("nobody of that name waits");
	for (size_t i = 0; i < w.origins.n; i++) {
		struct str key = arena_printf(ctl->arena, "a%.*s", STR_ARG(w.origins.v[i]));

		if (store_put(st, GREYLIST_TABLE, key, now, allow_for) != RES_OK)
			return ctl_fail("the store cannot be reached");
		if (!ctl->json)
			printf("%.*s is let through\n", STR_ARG(ctl_plain(ctl->arena, w.origins.v[i], 0)));
	}
	return 0;
}

static bool count_waiting(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;

	(void)entry;
	w->n++;
	return true;
}

/* Who was deferred, never came back, and does not wait any more: that is what was stopped. */
static int greylist_stats(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	static const char *const names[] = {GREYLIST_DELAYED, GREYLIST_TOO_EARLY, GREYLIST_CAME_BACK, GREYLIST_ALLOWED,
	    GREYLIST_EXEMPT, "waiting", "stopped"};
	struct walk w = {.ctl = ctl};
	struct store_entry entry;
	uint64_t values[7] = {0};
	struct json j;

	(void)argv;
	if (argc != 1)
		return 2;
	for (size_t i = 0; i < 5; i++)
		if (store_get(st, GREYLIST_COUNTS, str_of(names[i]), ctl->arena, &entry) == RES_OK)
			str_u64(entry.value, &values[i]);
	if (each(&w, st, GREYLIST_TABLE, "p", count_waiting))
		return 1;
	values[5] = w.n;
	values[6] = values[0] > values[2] + w.n ? values[0] - values[2] - w.n : 0;
	j = json_start(&w.out);
	if (ctl->json)
		json_open(&j, '{');
	for (size_t i = 0; i < 7; i++) {
		if (ctl->json)
			json_kv_int(&j, names[i], (int64_t)values[i]);
		else
			buf_addf(&w.out, "%-10s %" PRIu64 "\n", names[i], values[i]);
	}
	if (ctl->json) {
		json_close(&j);
		buf_addc(&w.out, '\n');
	}
	flush(&w);
	buf_free(&w.out);
	return 0;
}

int ctl_greylist(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {{"show", greylist_show, false}, {"stats", greylist_stats, false},
	    {"release", greylist_release, true}, {"forget", greylist_forget, true}};

	return ctl_state_run(ctl, argc, argv, verbs, 4);
}

/* ---- reputation ---- */

static bool reputation_show_entry(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	struct arena *a = arena_new(0);
	struct history h;

	if ((has_part(entry->key, "", w->wanted) || has_part(str_from(entry->key, (size_t)(str_chr(entry->key, ':') + 1)), "", w->wanted)) &&
	    history_read(entry->value, &h)) {
		double counters[] = {h.ham, h.spam, h.refused, h.volume};
		static const char *const names[] = {"ham", "spam", "refused", "volume"};
		struct json j = json_start(&w->out);

		if (w->ctl->json) {
			json_open(&j, '{');
			json_kv(&j, "subject", entry->key);
			for (size_t i = 0; i < 4; i++) {
				json_key(&j, names[i]);
				json_number(&j, counters[i]);
			}
			json_kv_int(&j, "first", h.first);
			json_kv_int(&j, "last", h.at);
			json_close(&j);
			buf_addc(&w->out, '\n');
		} else {
			if (w->n++ == 0)
				buf_addf(&w->out, "%8s %8s %8s %8s %6s %6s  %s\n", "HAM", "SPAM", "REFUSED", "ALL", "FIRST", "LAST", "OF");
			buf_addf(&w->out, "%8.1f %8.1f %8.1f %8.1f %6.*s %6.*s  %.*s\n", counters[0], counters[1], counters[2], counters[3],
			    STR_ARG(ctl_age(a, clock_now() - h.first)), STR_ARG(ctl_age(a, clock_now() - h.at)),
			    STR_ARG(ctl_plain(a, entry->key, 0)));
		}
		flush(w);
	}
	arena_free(a);
	return true;
}

static bool reputation_collect(void *arg, const struct store_entry *entry)
{
	struct walk *w = arg;
	struct str name = str_from(entry->key, (size_t)(str_chr(entry->key, ':') + 1));

	if (has_part(entry->key, "", w->wanted) || has_part(name, "", w->wanted))
		ctl_keys_add(w->ctl, &w->keys, entry->key);
	return true;
}

static int reputation_show(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	return show(ctl, st, argc, argv, REPUTATION_TABLE, reputation_show_entry, "nobody has a reputation yet");
}

static int reputation_reset(struct ctl *ctl, struct store *st, int argc, char **argv)
{
	struct walk w = {.ctl = ctl};
	int status = read_wanted(&w, argc, argv, true);

	if (!status)
		status = each(&w, st, REPUTATION_TABLE, "", reputation_collect);
	return status ? status : ctl_keys_delete(ctl, st, REPUTATION_TABLE, &w.keys, "forgotten");
}

int ctl_reputation(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {{"show", reputation_show, false}, {"reset", reputation_reset, true}};

	return ctl_state_run(ctl, argc, argv, verbs, 2);
}
