/* Walks the tables and writes them as text for terminals or as a manual page. */
#include "gateway/manual.h"

#include "gateway/counters.h"
#include "gateway/snapshot.h"

enum { WIDTH = 90, STEP = 4 };

/* A greatest value that only keeps sums in range (of milliseconds, in microseconds) is not worth telling. */
#define NO_BOUND 0x7fffffffffff

/* Where a piece of the manual goes: the same calls write both forms. */
struct page {
	struct arena *arena;
	struct buf *out;
	bool is_man;
	size_t depth; /* of blocks */
};

/* ---- writing ---- */

/* man(7): a backslash is an escape, a hyphen may be broken, and . and ' start requests in a line. */
void manual_roff(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool is_start = out->n == 0 || out->p[out->n - 1] == '\n';

		if (is_start && (s.p[i] == '.' || s.p[i] == '\''))
			buf_adds(out, "\\&");
		if (s.p[i] == '\\')
			buf_adds(out, "\\e");
		else if (s.p[i] == '-')
			buf_adds(out, "\\-");
		else
			buf_addc(out, s.p[i]);
	}
}

static void add_blanks(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_addc(out, ' ');
}

/* Words in lines of at most WIDTH columns. */
void manual_wrap(struct buf *out, size_t indent, struct str text)
{
	size_t column = 0;
	struct str word;

	while (str_word(&text, &word)) {
		if (column > indent && column + 1 + word.n > WIDTH) {
			buf_addc(out, '\n');
			column = 0;
		}
		if (column == 0) {
			add_blanks(out, indent);
			column = indent;
		} else {
			buf_addc(out, ' ');
			column++;
		}
		buf_add(out, word);
		column += word.n;
	}
	if (column)
		buf_addc(out, '\n');
}

static void heading(struct page *p, const char *title)
{
	if (p->is_man)
		buf_addf(p->out, ".SH \"%s\"\n", title);
	else
		buf_addf(p->out, "%s%s\n\n", p->out->n ? "\n" : "", title);
}

static void subheading(struct page *p, const char *title)
{
	if (p->is_man) {
		buf_adds(p->out, ".SS \"");
		manual_roff(p->out, str_of(title));
		buf_adds(p->out, "\"\n");
	} else {
		buf_addf(p->out, "\n%s\n", title);
	}
}

static void paragraph(struct page *p, const char *text)
{
	if (p->is_man) {
		buf_adds(p->out, ".PP\n");
		manual_roff(p->out, str_of(text));
		buf_addc(p->out, '\n');
	} else {
		manual_wrap(p->out, 2, str_of(text));
	}
}

static void literal(struct page *p, const char *text)
{
	if (p->is_man) {
		buf_adds(p->out, ".PP\n.nf\n.RS 2\n");
		manual_roff(p->out, str_of(text));
		buf_adds(p->out, ".RE\n.fi\n");
	} else {
		buf_adds(p->out, text);
	}
}

/* "name args", and what it does under it. */
static void term(struct page *p, const char *name, const char *args, const char *help)
{
	const char *space = args && *args ? " " : "";

	if (p->is_man) {
		buf_adds(p->out, ".TP\n.B ");
		manual_roff(p->out, arena_printf(p->arena, "%s%s%s", name, space, args ? args : ""));
		buf_addc(p->out, '\n');
		manual_roff(p->out, str_of(help));
		buf_addc(p->out, '\n');
	} else {
		add_blanks(p->out, 2 + p->depth * STEP);
		buf_addf(p->out, "%s%s%s\n", name, space, args ? args : "");
		manual_wrap(p->out, 2 + (p->depth + 1) * STEP, str_of(help));
	}
}

static void deeper(struct page *p, bool is_in)
{
	if (p->is_man)
		buf_adds(p->out, is_in ? ".RS\n" : ".RE\n");
	p->depth += is_in ? 1 : (size_t)-1;
}

/* ---- directives ---- */

static const char *type_args(const struct directive *d)
{
	static const char *const args[] = {
	    [CONF_FLAG] = "on | off",
	    [CONF_INT] = "NUMBER",
	    [CONF_NUMBER] = "NUMBER",
	    [CONF_SIZE] = "SIZE",
	    [CONF_DURATION] = "DURATION",
	    [CONF_STRING] = "TEXT",
	    [CONF_PATH] = "PATH",
	    [CONF_CHOICE] = "WORD",
	    [CONF_STRINGS] = "TEXT...",
	    [CONF_CIDRS] = "NETWORK...",
	    [CONF_CUSTOM] = "",
	};

	return d->args ? d->args : args[d->type];
}

static const char *bound(struct page *p, const struct directive *d, double value)
{
	if (d->type == CONF_SIZE)
		return conf_size_text(p->arena, (uint64_t)value).p;
	if (d->type == CONF_DURATION)
		return conf_duration_text(p->arena, (int64_t)value).p;
	return arena_printf(p->arena, "%.15g", value).p;
}

static const char *help_of(struct page *p, const struct directive *d)
{
	struct buf b = {0};

	buf_adds(&b, d->help ? d->help : "");
	if (d->at_start)
		buf_adds(&b, "; a change needs a restart");
	if (d->def && strcmp(d->def, "{}") != 0)
		buf_addf(&b, "; default %s", d->def);
	if (d->max >= NO_BOUND)
		buf_addf(&b, "; %s at least", bound(p, d, d->min));
	else if (d->min != 0 || d->max != 0)
		buf_addf(&b, "; %s to %s", bound(p, d, d->min), bound(p, d, d->max));
	if (d->required)
		buf_adds(&b, "; must be given");
	if (d->repeats || d->type == CONF_STRINGS || d->type == CONF_CIDRS)
		buf_adds(&b, "; may be repeated");
	return buf_take(&b, p->arena).p;
}

static void directives(struct page *p, const struct directive *table)
{
	for (const struct directive *d = table; d && d->name; d++) {
		term(p, d->name, type_args(d), help_of(p, d));
		if (d->block) {
			deeper(p, true);
			directives(p, d->block);
			deeper(p, false);
		}
	}
}

static void all_directives(struct page *p)
{
	heading(p, "DIRECTIVES");
	directives(p, config_directives);
	term(p, "include", "\"PATH\"",
	    "reads other files in this place: relative to the file that includes them, patterns (*.conf) in sorted order");
}

/* ---- filters, facts, findings ---- */

static const char *words_text(struct page *p, const struct fact_def *def)
{
	size_t n = 0;

	while (def->words && def->words[n])
		n++;
	return arena_printf(p->arena, " (%s)", conf_names_text(p->arena, def->words, n)).p;
}

static void fact(struct page *p, const struct fact_def *def)
{
	static const char *const types[] = {
	    [FACT_BOOL] = "yes or no",
	    [FACT_INT] = "number",
	    [FACT_NUMBER] = "number",
	    [FACT_TEXT] = "text",
	    [FACT_WORD] = "word",
	    [FACT_IP] = "address",
	    [FACT_DURATION] = "duration",
	    [FACT_LIST] = "list of texts",
	};

	term(p, def->name, arena_printf(p->arena, "(%s, from %s on)", types[def->type], stage_name(def->stage)).p,
	    arena_printf(p->arena, "%s%s", def->help, def->words ? words_text(p, def) : "").p);
}

static void facts(struct page *p, const struct fact_def *table)
{
	for (; table && table->name; table++)
		fact(p, table);
}

static void finding(struct page *p, const struct finding_def *def)
{
	term(p, def->name, arena_printf(p->arena, "(score %.10g)", def->score).p, def->help);
}

static void findings(struct page *p, const struct finding_def *table)
{
	for (; table && table->name; table++)
		finding(p, table);
}

static void filter(struct page *p, const struct filter *f)
{
	subheading(p, arena_printf(p->arena, "filter %s", f->name).p);
	paragraph(p, f->help ? f->help : "");
	directives(p, f->directives);
	facts(p, f->facts);
	findings(p, f->findings);
}

static void all_filters(struct page *p)
{
	heading(p, "FILTERS");
	paragraph(p, "Filters run in the order in which the configuration names them; one that is not named does not run. "
		     "Each sets facts and adds findings with scores. Every filter block takes:");
	directives(p, chain_common_directives);
	for (size_t i = 0; builtin_filters[i]; i++)
		filter(p, builtin_filters[i]);
}

static void filter_names(struct page *p)
{
	heading(p, "FILTERS");
	for (size_t i = 0; builtin_filters[i]; i++)
		term(p, builtin_filters[i]->name, "", builtin_filters[i]->help ? builtin_filters[i]->help : "");
}

static void own_facts(struct page *p)
{
	heading(p, "FACTS");
	paragraph(p, "Facts are known from a stage on; one that was not set compares false with everything. These are "
		     "always there:");
	facts(p, core_facts);
}

static void all_facts(struct page *p)
{
	own_facts(p);
	for (size_t i = 0; builtin_filters[i]; i++)
		if (builtin_filters[i]->facts && builtin_filters[i]->facts->name) {
			subheading(p, arena_printf(p->arena, "filter %s", builtin_filters[i]->name).p);
			facts(p, builtin_filters[i]->facts);
		}
}

static void all_findings(struct page *p)
{
	heading(p, "FINDINGS");
	paragraph(p, "The score of a message is the sum over its findings. `score FINDING NUMBER;` in the block of its filter "
		     "sets another score. The findings of filter rules are those of its rule files.");
	for (size_t i = 0; builtin_filters[i]; i++)
		if (builtin_filters[i]->findings && builtin_filters[i]->findings->name) {
			subheading(p, arena_printf(p->arena, "filter %s", builtin_filters[i]->name).p);
			findings(p, builtin_filters[i]->findings);
		}
}

/* ---- the policy ---- */

static void words(struct page *p, const struct policy_word *table)
{
	for (; table->name; table++)
		term(p, table->name, table->args, table->help);
}

static void actions(struct page *p)
{
	heading(p, "ACTIONS");
	paragraph(p, "Statements of a policy: ACTION [if CONDITION];");
	words(p, policy_actions);
	paragraph(p, "Texts are templates: {fact} is replaced by its value, {{ and }} are braces. Values are made safe for the "
		     "place where they land: one line, printable, in ASCII where the client cannot take more.");
}

static void operators(struct page *p)
{
	heading(p, "CONDITIONS");
	paragraph(p, "A fact that is yes or no stands alone; every other fact is compared. Values are numbers, sizes (25M), "
		     "durations (5m), addresses and networks, texts in double quotes, and the words of a word fact. All of "
		     "it is checked when the configuration is read.");
	/* The operators have their name in their arguments. */
	for (const struct policy_word *w = policy_operators; w->name; w++)
		term(p, w->args, "", w->help);
}

static void policy(struct page *p)
{
	heading(p, "POLICY");
	paragraph(p, "policy { at STAGE { STATEMENT... } ... } says what becomes of the mail. The stages are connect, helo, "
		     "mail, rcpt, header and message; at rcpt and message it runs for each recipient. Statements run in "
		     "order; accept, reject, tempfail, quarantine, discard and stop end the stage. What no statement ends "
		     "goes on to the next stage, and at message it is tempfailed: nothing is taken by accident. A filter "
		     "that could not do its work speaks before the policy, by its on-failure word.");
}

static void default_policy(struct page *p)
{
	if (p->is_man)
		heading(p, "DEFAULT POLICY");
	literal(p, policy_default_text);
}

static void syntax(struct page *p)
{
	heading(p, "SYNTAX");
	paragraph(p, "A statement is a name, its arguments, and a semicolon or a block in braces. # starts a comment. Words "
		     "need no quotes; texts with blanks or other signs stand in double quotes, on one line, with \\\" and "
		     "\\\\ for those two signs and \\n, \\t for a line end and a tab.");
	paragraph(p, "A SIZE is a number of octets with K, M, G or T behind it (powers of 1024). A DURATION is a number with "
		     "ms, s, m, h, d or w, several in a row add up (1h30m), and a number alone is seconds. A PATH is relative "
		     "to the file that it stands in. A NETWORK is an address, or an address and the length of its prefix.");
	paragraph(p, "What is unknown, given twice or unreadable is an error. All errors are reported in one run, each with "
		     "file:line:column: reevectl check.");
}

static void lists(struct page *p)
{
	heading(p, "LISTS");
	paragraph(p, "An entry of a list is an address (joe@example.org), a text or a domain with all addresses in it "
		     "(example.org), a domain and all below it (.example.org), a network (192.0.2.0/24), or a pattern "
		     "(/^bounce-[0-9]+@/). Case is ignored. Files have one entry a line. A list of kind state is kept in the "
		     "store and may change at any time; it has no patterns, and networks of /8, /16, /24 and /32, or /32, "
		     "/48, /56, /64 and /128 for IPv6.");
}

static void all_counters(struct page *p)
{
	const char *group = "";

	heading(p, "COUNTERS");
	paragraph(p, "reevectl stats has a line for each: process, group, name, value. They count from the start of the process "
		     "on, and a reload does not reset them; what is said to be now goes up and down.");
	for (const struct counter *c = counters; c->group; c++) {
		if (strcmp(c->group, group) != 0)
			subheading(p, group = c->group);
		term(p, c->name, "", c->help);
	}
	for (size_t i = 0; builtin_filters[i]; i++) {
		if (builtin_filters[i]->counters)
			subheading(p, builtin_filters[i]->name);
		for (const struct filter_counter *c = builtin_filters[i]->counters; c && c->name; c++)
			term(p, c->name, "", c->help);
	}
}

/* ---- topics ---- */

static const struct topic {
	const char *name, *singular, *help;
	void (*write)(struct page *p);
} topics[] = {
    {"syntax", NULL, "how configuration files are written", syntax},
    {"directives", "directive", "every directive, with defaults and limits", all_directives},
    {"filters", "filter", "the filters that there are", filter_names},
    {"facts", "fact", "what policies can ask for", all_facts},
    {"findings", "finding", "what filters notice, and its score", all_findings},
    {"lists", "list-entries", "what can stand in a list", lists},
    {"stages", "stage", "how a policy runs", policy},
    {"actions", "action", "what policies can do", actions},
    {"operators", "operator", "how conditions are written", operators},
    {"counters", "counter", "what reevectl stats counts", all_counters},
    {"policy-default", NULL, "the policy that applies without a policy block", default_policy},
};

enum { TOPICS = sizeof topics / sizeof *topics };

void manual_topics(struct buf *out)
{
	for (size_t i = 0; i < TOPICS; i++)
		buf_addf(out, "  %-16s %s\n", topics[i].name, topics[i].help);
	buf_addf(out, "  %-16s %s\n", "NAME", "a filter, directive, fact, finding, action or operator");
}

void manual_page(struct arena *a, struct buf *out)
{
	struct page p = {.arena = a, .out = out, .is_man = true};
	static void (*const parts[])(struct page *p) = {syntax, all_directives, lists, all_filters, policy, actions,
	    operators, own_facts, default_policy, all_counters};

	buf_adds(out, ".\\\" Made by reevectl help man: change the tables in the source, not this file.\n"
		      ".TH MAILREEVE.CONF 5 \"\" Mailreeve \"Mailreeve manual\"\n"
		      ".SH NAME\nmailreeve.conf \\- configuration and policy of the Mailreeve mail gateway\n"
		      ".SH SYNOPSIS\n.B /etc/mailreeve/mailreeve.conf\n");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		parts[i](&p);
	buf_adds(out, ".SH \"SEE ALSO\"\n.BR mailreeved (8),\n.BR reevectl (8)\n");
}

/* ---- names ---- */

/* Looking for one name: what was found is written, all names are kept for a near one. */
struct search {
	struct page page;
	struct str name;
	size_t found;
	const char **names;
	size_t n, room;
};

static bool is_it(struct search *s, const char *name)
{
	if (s->n == s->room) {
		const char **more;

		s->room = s->room ? 2 * s->room : 256;
		more = arena_array(s->page.arena, s->room, sizeof *more);
		if (s->n)
			memcpy(more, s->names, s->n * sizeof *more);
		s->names = more;
	}
	s->names[s->n++] = name;
	if (!str_is(s->name, name))
		return false;
	if (s->found++)
		buf_addc(s->page.out, '\n');
	return true;
}

static void search_directives(struct search *s, const struct directive *table, const char *where)
{
	for (const struct directive *d = table; d && d->name; d++) {
		if (is_it(s, d->name)) {
			buf_addf(s->page.out, "directive in %s:\n", where);
			directives(&s->page, (struct directive[]){*d, {0}});
		}
		if (d->block)
			search_directives(s, d->block, arena_printf(s->page.arena, "%s of %s", d->name, where).p);
	}
}

static void search_filter(struct search *s, const struct filter *f)
{
	if (is_it(s, f->name))
		filter(&s->page, f);
	search_directives(s, f->directives, arena_printf(s->page.arena, "filter %s", f->name).p);
	for (const struct fact_def *d = f->facts; d && d->name; d++)
		if (is_it(s, d->name)) {
			buf_addf(s->page.out, "fact of filter %s:\n", f->name);
			fact(&s->page, d);
		}
	for (const struct finding_def *d = f->findings; d && d->name; d++)
		if (is_it(s, d->name)) {
			buf_addf(s->page.out, "finding of filter %s:\n", f->name);
			finding(&s->page, d);
		}
}

static void search_words(struct search *s, const struct policy_word *table, const char *what, bool is_operator)
{
	for (; table->name; table++)
		if (is_it(s, table->name)) {
			buf_addf(s->page.out, "%s:\n", what);
			term(&s->page, is_operator ? table->args : table->name, is_operator ? "" : table->args, table->help);
		}
}

bool manual_explain(struct arena *a, struct str name, struct buf *out, const char **ret_near)
{
	struct search s = {.page = {.arena = a, .out = out}, .name = name};

	*ret_near = NULL;
	for (size_t i = 0; i < TOPICS; i++)
		if (is_it(&s, topics[i].name) || (topics[i].singular && is_it(&s, topics[i].singular))) {
			topics[i].write(&s.page);
			return true;
		}
	search_directives(&s, config_directives, "the configuration");
	search_directives(&s, chain_common_directives, "every filter");
	for (const struct fact_def *d = core_facts; d->name; d++)
		if (is_it(&s, d->name)) {
			buf_adds(out, "fact:\n");
			fact(&s.page, d);
		}
	for (size_t i = 0; builtin_filters[i]; i++)
		search_filter(&s, builtin_filters[i]);
	search_words(&s, policy_actions, "action of policies", false);
	search_words(&s, policy_operators, "operator of conditions", true);
	if (s.found == 0)
		*ret_near = conf_near(name, s.names, s.n);
	return s.found > 0;
}
