/* Settings of recipients: reading blocks, texts in the store, and look-ups. */
#include "core/settings.h"

#include "core/address.h"
#include "lib/names.h"
#include "lib/store/store.h"

enum { WORD_MAX = 64, WORDS_MAX = 32 };

struct settings {
	struct arena *arena;
	struct names *names; /* struct settings_values by address, domain or "default" */
	const struct conf_place *place;
};

/* ---- values ---- */

static const char *check_number(struct str text)
{
	double number;

	return conf_parse_number(text, &number) && number >= -1000 && number <= 1000 ? NULL : "expected a score, -1000 to 1000";
}

static const char *check_flag(struct str text)
{
	return str_is(text, "on") || str_is(text, "off") ? NULL : "expected on or off";
}

static const char *check_word(struct str text)
{
	if (text.n == 0 || text.n > WORD_MAX)
		return "expected a word of 1 to 64 octets";
	for (size_t i = 0; i < text.n; i++)
		if (!is_alnum((unsigned char)text.p[i]) && !strchr("._-", text.p[i]))
			return "expected letters, digits, . _ and -";
	return NULL;
}

static const char *check_words(struct str text)
{
	const char *wrong = NULL;
	struct str word;
	size_t n = 0;

	while (!wrong && str_word(&text, &word)) {
		wrong = check_word(word);
		if (++n > WORDS_MAX)
			wrong = "expected at most 32 words";
	}
	return n ? wrong : "expected names of filters";
}

static const char *(*const checks[SETTINGS])(struct str text) = {
    [SETTING_SPAM_REJECT] = check_number,
    [SETTING_SPAM_QUARANTINE] = check_number,
    [SETTING_SPAM_TAG] = check_number,
    [SETTING_GREYLIST] = check_flag,
    [SETTING_FILTERS_OFF] = check_words,
    [SETTING_LANGUAGE] = check_word,
    [SETTING_CLASS] = check_word,
};

int settings_row(struct str name)
{
	for (int i = 0; i < SETTINGS; i++)
		if (str_is(name, settings_directives[i].name))
			return i;
	return -1;
}

const char *settings_wrong(int row, struct str value)
{
	return checks[row](value);
}

/* ---- blocks ---- */

static void set_value(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct settings_values *values = target;
	int row = settings_row(node->tokens[0].text);
	struct buf text = {0};
	const char *wrong;

	if (!conf_expect_args(load, node, 1, row == SETTING_FILTERS_OFF ? WORDS_MAX : 1, settings_directives[row].args) ||
	    !conf_expect_block(load, node, false))
		return;
	for (size_t i = 1; i < node->n; i++)
		buf_addf(&text, "%s%.*s", i > 1 ? " " : "", STR_ARG(node->tokens[i].text));
	values->v[row] = buf_take(&text, load->arena);
	wrong = checks[row](values->v[row]);
	if (wrong)
		conf_error(load, node->tokens[1].place, "%s is wrong here; %s", conf_token_show(load->arena, &node->tokens[1]), wrong);
}

const struct directive settings_directives[] = {
    [SETTING_SPAM_REJECT] = {.name = "spam-reject", .type = CONF_CUSTOM, .set = set_value, .args = "SCORE",
	.help = "fact settings.spam-reject: from this score on a policy rejects"},
    [SETTING_SPAM_QUARANTINE] = {.name = "spam-quarantine", .type = CONF_CUSTOM, .set = set_value, .args = "SCORE",
	.help = "fact settings.spam-quarantine: from this score on a policy quarantines"},
    [SETTING_SPAM_TAG] = {.name = "spam-tag", .type = CONF_CUSTOM, .set = set_value, .args = "SCORE",
	.help = "fact settings.spam-tag: from this score on a policy tags"},
    [SETTING_GREYLIST] = {.name = "greylist", .type = CONF_CUSTOM, .set = set_value, .args = "on | off",
	.help = "off: the filter greylist leaves these recipients alone"},
    [SETTING_FILTERS_OFF] = {.name = "filters-off", .type = CONF_CUSTOM, .set = set_value, .args = "FILTER...",
	.help = "filters that do not work for these recipients: what they found does not count in the score"},
    [SETTING_LANGUAGE] = {.name = "language", .type = CONF_CUSTOM, .set = set_value, .args = "WORD",
	.help = "fact settings.language, for texts of a policy: de, fr"},
    [SETTING_CLASS] = {.name = "class", .type = CONF_CUSTOM, .set = set_value, .args = "WORD",
	.help = "fact settings.class: recipients of one class may share a message (when-recipients-differ defer)"},
    [SETTINGS] = {0},
};

struct settings *settings_new(struct arena *a)
{
	struct settings *ss = arena_alloc(a, sizeof *ss);

	ss->arena = a;
	ss->names = names_new(a);
	return ss;
}

bool settings_key(struct arena *a, struct str who, struct str *ret_key)
{
	ptrdiff_t at = str_rchr(who, '@');
	struct str domain = str_from(who, (size_t)(at + 1)), ascii;

	*ret_key = STR("default");
	if (str_is(who, "default"))
		return true;
	if (at == 0 || who.n > STORE_KEY_MAX || !domain_to_ascii(a, domain, &ascii) || !domain_is_valid(ascii, false))
		return false;
	*ret_key = str_lower(a, at < 0 ? ascii : arena_printf(a, "%.*s@%.*s", (int)at, who.p, STR_ARG(ascii)));
	return true;
}

void settings_add(struct settings *ss, struct conf_load *load, const struct conf_node *node)
{
	struct settings_values *values;

	if (!conf_expect_args(load, node, 1, SIZE_MAX, "DOMAIN|ADDRESS|default... { spam-reject SCORE; ... }") ||
	    !conf_expect_block(load, node, true))
		return;
	if (!ss->place)
		ss->place = &node->tokens[0].place;
	values = arena_alloc(ss->arena, sizeof *values);
	conf_apply(load, settings_directives, node->children, values, "settings", node->tokens[0].place);
	for (size_t i = 1; i < node->n; i++) {
		struct str key;

		if (!settings_key(ss->arena, node->tokens[i].text, &key))
			conf_error(load, node->tokens[i].place, "%s is wrong here; expected a domain, an address or default",
			    conf_token_show(load->arena, &node->tokens[i]));
		else if (names_add(ss->names, key, values))
			conf_error(load, node->tokens[i].place, "%s has settings already", conf_token_show(load->arena, &node->tokens[i]));
	}
}

const struct conf_place *settings_place(const struct settings *ss)
{
	return ss->place;
}

/* ---- the store's texts ---- */

void settings_read(struct str text, struct settings_values *ret_values)
{
	struct str line;

	*ret_values = (struct settings_values){0};
	while (str_split(&text, '\n', &line)) {
		ptrdiff_t blank = str_chr(line, ' ');
		struct str value = str_from(line, (size_t)(blank + 1));
		int row = blank > 0 ? settings_row(str_sub(line, 0, (size_t)blank)) : -1;

		if (row >= 0 && !checks[row](value))
			ret_values->v[row] = value;
	}
}

struct str settings_write(struct arena *a, const struct settings_values *values)
{
	struct buf out = {0};

	for (int i = 0; i < SETTINGS; i++)
		if (values->v[i].n)
			buf_addf(&out, "%s %.*s\n", settings_directives[i].name, STR_ARG(values->v[i]));
	return buf_take(&out, a);
}

/* ---- look-ups ---- */

static void fill_in(struct settings_values *to, const struct settings_values *from)
{
	for (int i = 0; from && i < SETTINGS; i++)
		if (to->v[i].n == 0)
			to->v[i] = from->v[i];
}

enum res settings_find(const struct settings *ss, struct store *store, struct str address, struct str domain,
    struct arena *a, struct settings_values *ret_values)
{
	const struct str levels[] = {str_lower(a, address), str_lower(a, domain), STR("default")};

	*ret_values = (struct settings_values){0};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct settings_values stored;
		struct store_entry entry;
		enum res res = store && levels[i].n ? store_get(store, SETTINGS_TABLE, levels[i], a, &entry) : RES_NONE;

		if (res == RES_TEMP)
			return res;
		if (res == RES_OK) {
			settings_read(entry.value, &stored);
			fill_in(ret_values, &stored);
		}
		fill_in(ret_values, names_get(ss->names, levels[i]));
	}
	return RES_OK;
}
