/*
 * The commands of reevectl: the one table that running, usage, help and the page reevectl(8) come
 * from. A line of args is one way of calling a command.
 */
#include <string.h>

#include "gateway/ctl/ctl.h"
#include "gateway/manual.h"

#define SELECTION "[ID...] [SELECTION] [--json]"
#define SELECTION_HELP \
	"SELECTION is --sender ADDRESS, --recipient ADDRESS, --domain DOMAIN (of the recipient), --older TIME, " \
	"--younger TIME (30m, 2h, 5d) or --all; several narrow it down."

const struct ctl_command ctl_commands[] = {
    {"check", ctl_check, "[FILE] [--json]", "check configuration, policy, rules and lists; all errors, exit 0 or 1",
	"Reads everything that the daemon would read and reports all errors and warnings with file:line:column. Nothing "
	"is started and nothing is changed."},
    {"scan", ctl_scan, "[--client IP] [--helo NAME] [--from ADDRESS] [--rcpt ADDRESS]... [--as-received]\n"
	"     [--offline] [--learn-state] [--json|--explain] FILE|DIR|-...",
	"run the whole chain on message files; nothing is sent, no state is changed",
	"Prints a line per message, --explain the whole trail: findings, statements, facts, which one decided. The "
	"options give the envelope; with --client the early stages run too. --as-received takes client, HELO name and "
	"recipient of each message from the Received field that this host (hostname) wrote: with -c FILE it tells what "
	"another policy does to a folder of mail that came. --offline asks no DNS: what needs it is told as not run. "
	"--learn-state lets filters write what they learn. The exit status is 0 whatever the verdicts, 1 when a file could not be read."},
    {"spf", ctl_spf, "--client IP --helo NAME --from ADDRESS", "one SPF evaluation, as JSON",
	"An empty ADDRESS is the null sender: then the HELO name is checked."},
    {"auth", ctl_auth, "[--client IP] [--helo NAME] [--from ADDRESS] FILE", "SPF, DKIM, ARC and DMARC of a message, as JSON",
	"Without --client there is no SPF."},
    {"dkim", ctl_dkim, "genkey [--type rsa|ed25519] [--bits N] [--out FILE] DOMAIN SELECTOR\n"
	"show DOMAIN SELECTOR KEYFILE\n"
	"test DOMAIN SELECTOR [KEYFILE]",
	"make signing keys, print and test their DNS records",
	"genkey makes a private key and prints the record for the DNS; show prints the record of a key that there is; "
	"test asks whether the DNS has a usable record, and with KEYFILE whether it is the right one."},
    {"dmarc", ctl_dmarc, "report [--day YYYY-MM-DD|yesterday|today] [--out DIR] [--send] [DOMAIN...]\n"
	"failures",
	"reports to other domains: list, write, send",
	"Lists what other domains are owed about a day (default: yesterday, UTC). --out writes the reports as files, --send "
	"hands them to the queue, once per domain and day; the daemon does it every night. failures lists the failure reports "
	"that wait to be sent."},
    {"fuzzy", ctl_fuzzy, "spam|ham|forget|show FILE|DIR... [--json]", "mark messages for the filter fuzzy, or show what is known",
	"What was marked as spam makes messages like it known spam; ham outweighs half as many marks as spam; forget "
	"takes the marks of a message back. show prints how many were like it. Needs no running daemon."},
    {"learn", ctl_learn, "spam|ham [--domain DOMAIN] [--errors] FILE|DIR...\nforget [--domain DOMAIN] FILE|DIR...\n"
	"show [--domain DOMAIN] [--json]\nreset",
	"teach the filter learn; files may be mboxes",
	"forget takes back what was taught with the same message; spam and ham do so too, when it was taught as the other. "
	"--errors learns only what would not be known by 9 to 1; --domain teaches for the recipients of one domain. "
	"reset forgets everything. A running daemon takes over within seconds what was learnt."},
    {"mime", ctl_mime, "FILE", "MIME structure of a message as JSON",
	"Parts with types, names, offsets, sizes and hashes, and the anomalies that were found."},
    {"queue", ctl_queue, "list|show|retry|hold|release|delete " SELECTION,
	"look at mail that waits for delivery, and steer it",
	"list has a line per recipient, show all about them; retry tries now; hold keeps back until release; delete "
	"removes without a report to anybody. " SELECTION_HELP},
    {"quarantine", ctl_quarantine, "list|show|delete " SELECTION "\nrelease [--no-lesson] " SELECTION,
	"look at mail that policy set aside, let it go or remove it",
	"show prints the verdict with its trail; release delivers unchanged to the recipients it was held for, "
	"and is a lesson of ham for the filter learn (--no-lesson: none). An ID "
	"is the key that list prints. Needs no running daemon. " SELECTION_HELP},
    {"list", ctl_list, "add|del NAME ENTRY... [--for ADDRESS|DOMAIN] [--expires TIME] [--owner O] [--comment T]\n"
	"show [NAME [--for ADDRESS|DOMAIN]] [--json]\n"
	"export NAME [--for ADDRESS|DOMAIN]\n"
	"import NAME FILE|- [--for ADDRESS|DOMAIN] [--expires TIME] [--owner O]",
	"lists that are kept in the store; a change counts at once",
	"For lists that the configuration declares as `list NAME state;`. With --for an entry counts only for mail of that "
	"recipient or domain."},
    {"policy", ctl_policy, "set ADDRESS|DOMAIN|default NAME VALUE\n"
	"unset ADDRESS|DOMAIN|default [NAME]\n"
	"show [ADDRESS|DOMAIN|default] [--json]",
	"settings of recipients and domains: thresholds, filters, greylisting, language, class",
	"What is set for an address goes before its domain's, and that before the default; all of them before the "
	"configuration's. reevectl help settings names them."},
    {"rate", ctl_rate, "show [KEY] [--json]\nreset KEY|--all", "how full rate limits are; start them anew",
	"A KEY chooses what has it as a whole part: an address, a domain, a network, a limit."},
    {"greylist", ctl_greylist, "show [ADDRESS|CLIENT|ORIGIN] [--json]\n"
	"stats [--json]\n"
	"release ADDRESS|CLIENT|ORIGIN|--all\n"
	"forget ADDRESS|CLIENT|ORIGIN|--all",
	"who waits and who is let through; what greylisting stopped; let somebody through now",
	"An origin is the domain that SPF or DKIM vouched for, or the client's network; a domain "
	"also means what its senders wait with. forget makes them wait anew."},
    {"reputation", ctl_reputation, "show [NETWORK|DOMAIN|CLIENT] [--json]\nreset NETWORK|DOMAIN|CLIENT|--all",
	"how mail of networks and domains was judged; forget it", ""},
    {"rules", ctl_rules, "lint|list|test [--all] [FILE.cf...] [--json]\n"
	"cost [--all] [FILE.cf...] MESSAGE|FOLDER... [--json]",
	"examine rule files",
	"lint says for each rule whether it is supported, approximated or ignored, and why, and warns of slow or useless "
	"ones; test runs the samples beside the rules; cost measures where the time goes. Without FILEs: those of the "
	"configuration."},
    {"scanner", ctl_scanner, "status|reload [--json]", "the virus scanner of the running daemon: its state; load its databases again",
	""},
    {"reload", ctl_reload, "", "check the configuration and have the running daemon take it over",
	"Any error leaves the old one in force and is printed. Sessions keep the one that they started with."},
    {"stats", ctl_stats, "[--json]", "counters of the running daemon",
	"A line per counter: process, group, name, value. What each one counts: reevectl help counters."},
    {"trace", ctl_trace, "[--json]\nADDRESS|NETWORK [TIME]\noff",
	"log all that is said in a client's SMTP sessions for a while",
	"For TIME (default 10m), in the log of the running daemon (event trace), sessions that are open included; no reload "
	"is needed. Alone it lists what is being traced."},
    {"help", ctl_help, "[NAME|TOPIC]\nman [mailreeve.conf|reevectl]",
	"explain a command, directive, filter, fact, finding or action", "man prints a manual page."},
    {0},
};

const struct ctl_command *ctl_command_find(const char *name)
{
	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const char *ctl_command_near(const char *name)
{
	const char *names[sizeof ctl_commands / sizeof *ctl_commands];
	size_t n = 0;

	for (const struct ctl_command *c = ctl_commands; c->name; c++)
		names[n++] = c->name;
	return conf_near(str_of(name), names, n);
}

/* Each way of calling it, the first behind head, which is empty or "usage: ". */
static void add_forms(const struct ctl_command *c, const char *head, struct buf *out)
{
	const char *indent = *head ? "       " : "";
	struct str rest = str_of(c->args), line;

	do {
		ptrdiff_t end = str_chr(rest, '\n');

		line = end < 0 ? rest : str_sub(rest, 0, (size_t)end);
		rest = end < 0 ? STR_NONE : str_from(rest, (size_t)end + 1);
		buf_addf(out, "%s", head);
		if (!str_starts(line, STR(" ")))
			buf_addf(out, "reevectl %s%s", c->name, line.n ? " " : "");
		buf_addf(out, "%.*s\n", STR_ARG(line));
		head = indent;
	} while (rest.n);
}

void ctl_command_usage(const struct ctl_command *c, struct buf *out)
{
	add_forms(c, "usage: ", out);
}

void ctl_command_text(const struct ctl_command *c, struct buf *out)
{
	add_forms(c, "", out);
	buf_addf(out, "  %s\n", c->help);
	manual_wrap(out, 2, str_of(c->more));
}

static void add_roff_forms(const struct ctl_command *c, struct buf *out)
{
	struct buf forms = {0};

	add_forms(c, "", &forms);
	buf_adds(out, ".nf\n.B \"");
	for (size_t i = 0; i + 1 < forms.n; i++) {
		if (forms.p[i] == '\n')
			buf_adds(out, "\"\n.B \"");
		else
			manual_roff(out, (struct str){forms.p + i, 1});
	}
	buf_adds(out, "\"\n.fi\n");
	buf_free(&forms);
}

void ctl_commands_page(struct buf *out)
{
	buf_adds(out, ".\\\" Made by reevectl help man reevectl: change the table in the source, not this file.\n"
		      ".TH REEVECTL 8 \"\" Mailreeve \"Mailreeve manual\"\n"
		      ".SH NAME\nreevectl \\- look at and steer the Mailreeve mail gateway\n"
		      ".SH SYNOPSIS\n.B reevectl\n[\\-c FILE] [\\-\\-dns IP:PORT] [\\-\\-now UNIXTIME] COMMAND [ARGUMENT...]\n"
		      ".SH OPTIONS\n"
		      ".TP\n.BI \\-c \" FILE\"\nthe configuration (default /etc/mailreeve/mailreeve.conf)\n"
		      ".TP\n.BI \\-\\-dns \" IP:PORT\"\nask this name server instead of the configured ones\n"
		      ".TP\n.BI \\-\\-now \" UNIXTIME\"\nact as if it were that time: for signatures that have expired\n"
		      ".TP\n.B \\-\\-json\none JSON object per line on standard output, and nothing else\n"
		      ".SH COMMANDS\n");
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		buf_addf(out, ".SS %s\n", c->name);
		add_roff_forms(c, out);
		buf_adds(out, ".PP\n");
		manual_roff(out, str_of(c->help));
		buf_adds(out, ".\n");
		manual_roff(out, str_of(c->more));
		buf_adds(out, "\n");
	}
	buf_adds(out, ".SH \"EXIT STATUS\"\n0 when it did what was asked, 1 when the answer is no or something failed (the reason "
		      "is on standard error), 2 for a call that is wrong.\n"
		      ".SH \"SEE ALSO\"\n.BR mailreeve.conf (5),\n.BR mailreeved (8)\n");
}
