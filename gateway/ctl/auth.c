/*
 * reevectl spf, auth: sender authentication of one client or one message, as JSON. They need no
 * configuration; of one that is named with -c they take the host name, the resolvers and the settings
 * of the filters dkim, arc and dmarc.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/report.h"
#include "core/chain.h"
#include "gateway/ctl/ctl.h"
#include "gateway/snapshot.h"

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
static bool read_identity(struct ctl *ctl, int argc, char **argv, struct identity *id)
{
	static char host[HOST_MAX];
	int c;

	gethostname(host, sizeof host - 1);
	if (ctl->has_config_option)
		snprintf(host, sizeof host, "%.*s", STR_ARG(ctl_config(ctl)->hostname));
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
	static const struct dns_limits limits = {.queries = QUERIES, .timeout_ms = TIMEOUT_MS, .reserve = QUERIES / 4};

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
	if (!read_identity(ctl, argc, argv, &id) || optind != argc || id.client.family == 0)
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

struct settings_of {
	struct dkim_settings dkim;
	struct signature_options arc;
	enum dmarc_method method;
};

static void take_settings(const struct chain *chain, struct settings_of *settings)
{
	for (size_t i = 0; i < chain_length(chain); i++) {
		const struct chain_slot *slot = chain_at(chain, i);

		if (strcmp(slot->filter->name, "dkim") == 0)
			settings->dkim = *(const struct dkim_settings *)slot->conf;
		else if (strcmp(slot->filter->name, "arc") == 0)
			settings->arc = *(const struct signature_options *)slot->conf;
		else if (strcmp(slot->filter->name, "dmarc") == 0)
			settings->method = (enum dmarc_method)((const struct report_conf *)slot->conf)->method;
	}
}

/* False with the errors on stderr when a configuration was named and cannot be used. */
static bool read_settings(struct ctl *ctl, struct settings_of *settings)
{
	static const char *const names[] = {"dkim", "arc", "dmarc", NULL};
	const struct snapshot_world world = {.only_check = true, .only_filters = names};
	struct arena *a = ctl->arena;
	struct snapshot *snapshot;
	struct conf_load load;

	*settings = (struct settings_of){.dkim.options = SIGNATURE_DEFAULTS, .arc = SIGNATURE_DEFAULTS};
	if (!ctl->has_config_option)
		return true;
	conf_load_init(&load, a);
	snapshot = snapshot_load(ctl->config_path, &world, &load, a);
	if (!snapshot)
		conf_errors_tell(&load);
	else
		take_settings(snapshot->chain, settings);
	return snapshot != NULL;
}

/* Everything is asked for before anything is awaited. */
static struct auth *check_message(struct ctl *ctl, struct dns_scope *scope, const struct identity *id,
    const struct settings_of *settings, struct str message)
{
	struct auth *auth = auth_new(ctl->arena);
	struct headers headers;
	struct str body;

	headers_parse(ctl->arena, message, &headers);
	body = str_from(message, headers.body);
	auth->method = settings->method;
	auth->accepts_partial = settings->dkim.accepts_partial;
	auth_start_dkim(auth, &headers, &settings->dkim.options, ctl);
	auth_start_arc(auth, &headers, &settings->arc, ctl);
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
	struct settings_of settings;
	struct dns_scope *scope;
	struct identity id;
	struct str message;
	struct dns *dns;

	argc = ctl_options(ctl, argc, argv);
	if (!read_identity(ctl, argc, argv, &id) || optind != argc - 1)
		return ctl_usage(ctl);
	if (!ctl_read_message(ctl, argv[optind], &message) || !read_settings(ctl, &settings))
		return 1;
	dns = ctl_dns(ctl);
	scope = scope_of(dns);
	auth_json(check_message(ctl, scope, &id, &settings, message), STR(""), &json);
	print_json(&out);
	dns_scope_free(scope);
	dns_free(dns);
	return 0;
}
