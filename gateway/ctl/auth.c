/*
 * reevectl spf, auth: sender authentication of one client or one message, as JSON. They need no
 * configuration: the resolver is that of --dns or of the system, signatures are judged by default
 * settings.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/auth.h"
#include "gateway/ctl/ctl.h"

enum { QUERIES = 120, TIMEOUT_MS = 20000, HOST_MAX = 256 };

struct identity {
	struct ip client;
	struct str helo, sender, receiver;
};

static const struct option options[] = {
    {"client", required_argument, NULL, 'c'},
    {"helo", required_argument, NULL, 'h'},
    {"from", required_argument, NULL, 'f'},
    {NULL, 0, NULL, 0},
};

/* False when the options are wrong; optind then stands behind them. */
static bool read_identity(int argc, char **argv, struct identity *id)
{
	static char host[HOST_MAX];
	int c;

	gethostname(host, sizeof host - 1);
	*id = (struct identity){.helo = STR(""), .sender = STR(""), .receiver = str_of(host)};
	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			id->helo = str_of(optarg);
		else if (c == 'f')
			id->sender = str_of(optarg);
		else if (c != 'c')
			return false;
		else if (!ip_parse(str_of(optarg), &id->client))
			return ctl_fail("--client: '%s' is no IP address", optarg) == 0;
	}
	/* <a@b> as in MAIL FROM is understood too. */
	if (str_starts(id->sender, STR("<")) && str_ends(id->sender, STR(">")))
		id->sender = str_sub(id->sender, 1, id->sender.n - 2);
	return true;
}

static struct dns_scope *scope_of(struct dns *dns)
{
	static const struct dns_limits limits = {.queries = QUERIES, .timeout_ms = TIMEOUT_MS};

	return dns_scope_new(dns, &limits, NULL, NULL);
}

static void check_spf(struct ctl *ctl, struct dns_scope *scope, const struct identity *id, struct spf_report *report)
{
	struct spf_query q = {.client = id->client, .helo = id->helo, .sender = id->sender, .receiver = id->receiver};

	spf_check(ctl->arena, scope, &q, report);
}

static void print_json(struct buf *out)
{
	buf_addc(out, '\n');
	ctl_print(buf_str(out));
	buf_free(out);
}

int ctl_spf(struct ctl *ctl, int argc, char **argv)
{
	struct spf_report report;
	struct buf out = {0};
	struct json json = json_start(&out);
	struct dns_scope *scope;
	struct identity id;
	struct dns *dns;

	argc = ctl_options(ctl, argc, argv);
	if (!read_identity(argc, argv, &id) || optind != argc || id.client.family == 0)
		return ctl_usage(ctl);
	dns = ctl_dns(ctl);
	scope = scope_of(dns);
	check_spf(ctl, scope, &id, &report);
	json_open(&json, '{');
	json_kv(&json, "result", str_of(spf_result_words[report.result]));
	json_kv(&json, "explanation", report.explanation);
	json_kv(&json, "domain", report.domain);
	json_kv(&json, "mechanism", report.mechanism);
	json_kv(&json, "identity", report.identity == SPF_HELO ? STR("helo") : STR("mailfrom"));
	json_kv(&json, "reason", report.problem);
	json_close(&json);
	print_json(&out);
	dns_scope_free(scope);
	dns_free(dns);
	return 0;
}

/* Everything is asked for before anything is awaited. */
static struct auth *check_message(struct ctl *ctl, struct dns_scope *scope, const struct identity *id, struct str message)
{
	static const struct signature_options defaults = {.minimum_rsa_bits = 1024};
	struct auth *auth = auth_new(ctl->arena);
	struct headers headers;
	struct str body;

	headers_parse(ctl->arena, message, &headers);
	body = str_from(message, headers.body);
	auth_start_dkim(auth, &headers, &defaults, ctl);
	auth_start_arc(auth, &headers, &defaults, ctl);
	dkim_ask(auth->dkim, scope);
	arc_ask(auth->arc, scope);
	auth_start_dmarc(auth, scope, &headers);
	if (id->client.family) {
		check_spf(ctl, scope, id, &auth->spf);
		auth->has_spf = true;
		auth->sender = id->sender;
	}
	auth_finish_dkim(auth, scope, &headers, body);
	auth_finish_arc(auth, scope, &headers, body);
	auth_finish_dmarc(auth, scope);
	return auth;
}

int ctl_auth(struct ctl *ctl, int argc, char **argv)
{
	struct buf out = {0};
	struct json json = json_start(&out);
	struct dns_scope *scope;
	struct identity id;
	struct str message;
	struct dns *dns;

	argc = ctl_options(ctl, argc, argv);
	if (!read_identity(argc, argv, &id) || optind != argc - 1)
		return ctl_usage(ctl);
	if (!ctl_read_message(ctl, argv[optind], &message))
		return 1;
	dns = ctl_dns(ctl);
	scope = scope_of(dns);
	auth_json(check_message(ctl, scope, &id, message), STR(""), &json);
	print_json(&out);
	dns_scope_free(scope);
	dns_free(dns);
	return 0;
}
