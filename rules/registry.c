/* See registry.h. */
#include "rules/registry.h"

#include "core/url/url.h"
#include "rules/evals/evals_private.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, TOP_MAX = 24 };

struct registry {
	struct text_set *two, *three;
};

static void add_words(struct text_set *set, struct arena *a, struct str words)
{
	struct str word;

	while (str_word(&words, &word))
		text_set_add(set, a, word);
}

struct registry *registry_new(struct arena *a, const struct rules_conf *conf)
{
	struct registry *g = arena_alloc(a, sizeof *g);

	*g = (struct registry){text_set_new(a), text_set_new(a)};
	for (const struct rule_setting *s = conf->settings; s; s = s->next) {
		if (str_is(s->keyword, "util_rb_2tld"))
			add_words(g->two, a, s->value);
		else if (str_is(s->keyword, "util_rb_3tld"))
			add_words(g->three, a, s->value);
		else if (str_is(s->keyword, "clear_util_rb"))
			*g = (struct registry){text_set_new(a), text_set_new(a)};
	}
	return g;
}

/* The last n labels; all of the host when it has no more. */
static struct str last_labels(struct str host, size_t n)
{
	size_t at = host.n;

	while (at && (host.p[at - 1] != '.' || --n))
		at--;
	return str_from(host, at);
}

struct str registry_domain(const struct registry *g, struct str host)
{
	struct str two = last_labels(host, 2), three = last_labels(host, 3);

	if (host_is_address(host) || (text_set_is_empty(g->two) && text_set_is_empty(g->three)))
		return domain_registered(host);
	if (text_set_has(g->three, three))
		return last_labels(host, 4);
	return text_set_has(g->two, two) ? three : two;
}

/* ---- hosts in text ---- */

static bool is_bar(char c)
{
	return c == '.' || c == '_' || c == '-';
}

/* Octets behind the dot that are a top level domain; 0: none. */
static size_t top_length(struct str behind)
{
	char copy[TOP_MAX + 3] = "x.";
	size_t n = 0;

	while (n < behind.n && n <= TOP_MAX && (is_alnum(behind.p[n]) || behind.p[n] == '-'))
		n++;
	if (n < 2 || n > TOP_MAX || (n < behind.n && is_bar(behind.p[n])))
		return 0;
	memcpy(copy + 2, behind.p, n);
	return host_is_public((struct str){copy, n + 2}) ? n : 0;
}

/* The longest start of the word that ends in a top level domain; 0: none. */
static size_t host_length(struct str word)
{
	struct str s = str_sub(word, 0, HOST_MAX);

	for (;;) {
		ptrdiff_t dot = str_rchr(s, '.');
		size_t top = dot > 0 ? top_length(str_from(word, (size_t)dot + 1)) : 0;
		if (top)
			return (size_t)dot + 1 + top;
		if (dot <= 0)
			return 0;
		s.n = (size_t)dot;
	}
}

static bool is_label(struct str label, bool may_have_underscore)
{
	if (!label.n || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_alnum(label.p[i]) && label.p[i] != '-' && (label.p[i] != '_' || !may_have_underscore))
			return false;
	return true;
}

static bool is_host(struct str host)
{
	size_t dots = 0, left;
	struct str label;

	for (size_t i = 0; i < host.n; i++)
		dots += host.p[i] == '.';
	left = dots + 1;
	while (str_split(&host, '.', &label))
		if (!is_label(label, left-- > 2))
			return false;
	return dots > 0;
}

static size_t word_length(struct str text)
{
	size_t n = 0;

	while (n < text.n && !is_space(text.p[n]))
		n++;
	return n;
}

/* Behind an @, from the last one back: the first that is followed by a host decides. */
static bool behind_at(struct str text, struct str *ret_host)
{
	for (size_t i = text.n; i-- > 0;) {
		struct str rest = str_from(text, i + 1);
		size_t n = text.p[i] == '@' ? host_length(str_sub(rest, 0, word_length(rest))) : 0;
		*ret_host = str_sub(rest, 0, n);
		if (n)
			return is_host(*ret_host);
	}
	return false;
}

bool registry_find_host(struct str text, struct str *ret_host)
{
	size_t i = 0;

	if (behind_at(text, ret_host))
		return true;
	while (i < text.n) {
		struct str rest = str_from(text, i), word = str_sub(rest, 0, word_length(rest));
		bool is_start = i == 0 || !is_bar(text.p[i - 1]);
		size_t n = is_start ? host_length(word) : 0;
		*ret_host = str_sub(word, 0, n);
		if (n && is_host(*ret_host))
			return true;
		/* Without a host in the word none starts later in it. */
		i += n ? n : is_start && word.n ? word.n : 1;
	}
	return false;
}
