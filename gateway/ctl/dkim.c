/*
 * reevectl dkim: keys for signing. genkey makes one, show prints the DNS record that belongs to it,
 * test asks whether the DNS has a usable one, and the right one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "auth/key.h"
#include "core/address.h"
#include "gateway/ctl/ctl.h"
#include "lib/json.h"

enum { KEY_FILE_MAX = 64 * 1024, STRING_MAX = 255, TIMEOUT_MS = 10000 };

struct request {
	struct ctl *ctl;
	enum crypto_kind kind;
	unsigned bits;
	const char *file;
	struct str domain, selector, name;
};

static const char *type_name(const struct crypto_key *key)
{
	return crypto_key_kind(key) == CRYPTO_RSA ? "rsa" : "ed25519";
}

static struct str record_of(struct arena *a, const struct crypto_key *key)
{
	return arena_printf(a, "v=DKIM1; k=%s; p=%.*s", type_name(key), STR_ARG(crypto_public_text(a, key)));
}

/* As a zone file has it: strings of at most 255 octets. */
static void print_record(const struct request *r, const struct crypto_key *key)
{
	struct str record = record_of(r->ctl->arena, key);
	struct buf out = {0};

	if (r->ctl->json) {
		struct json json = json_start(&out);

		json_open(&json, '{');
		json_kv(&json, "name", r->name);
		json_kv(&json, "type", STR("TXT"));
		json_kv(&json, "value", record);
		json_kv_int(&json, "bits", crypto_key_bits(key));
		json_kv(&json, "file", str_of(r->file));
		json_close(&json);
	} else {
		buf_addf(&out, "%.*s. IN TXT (", STR_ARG(r->name));
		for (size_t i = 0; i < record.n; i += STRING_MAX)
			buf_addf(&out, "%s\"%.*s\"", record.n > STRING_MAX ? "\n\t" : " ",
			    STR_ARG(str_sub(record, i, STRING_MAX)));
		buf_adds(&out, " )");
	}
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
}

/* Only its owner may read it, and nothing is overwritten. */
static bool write_key(const char *path, struct str pem)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, pem.p, pem.n) == (ssize_t)pem.n && fsync(fd) == 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return ok;
}

/* The line for the configuration, to whose folder a relative path would belong. */
static void tell_key(const struct request *r)
{
	char *path = r->ctl->json ? NULL : realpath(r->file, NULL);

	if (path)
		fprintf(stderr, "private key: %s\nfilter dkim { sign %.*s selector %.*s key \"%s\"; }\n", path,
		    STR_ARG(r->domain), STR_ARG(r->selector), path);
	free(path);
}

static int genkey(struct request *r)
{
	struct str pem = STR("");
	struct crypto_key *key = crypto_generate(r->kind, r->bits, r->ctl->arena, &pem);

	if (!key)
		return ctl_fail("the key could not be made");
	if (!r->file)
		r->file = arena_printf(r->ctl->arena, "%.*s.pem", STR_ARG(r->name)).p;
	if (!write_key(r->file, pem)) {
		crypto_key_free(key);
		return ctl_fail(errno == EEXIST ? "%s exists, and keys are not overwritten; choose another --out" :
						  "%s: %s", r->file, strerror(errno));
	}
	tell_key(r);
	print_record(r, key);
	crypto_key_free(key);
	return 0;
}

static struct crypto_key *load_key(const char *path)
{
	struct crypto_key *key = NULL;
	FILE *file = fopen(path, "rb");
	char text[KEY_FILE_MAX];
	size_t n;

	if (!file) {
		ctl_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	n = fread(text, 1, sizeof text, file);
	fclose(file);
	key = crypto_private_key((struct str){text, n});
	if (!key)
		ctl_fail("%s: no private key in PEM form (RSA or Ed25519)", path);
	return key;
}

static int show(struct request *r)
{
	struct crypto_key *key = r->file ? load_key(r->file) : NULL;

	if (!r->file)
		return ctl_usage(r->ctl);
	if (!key)
		return 1;
	print_record(r, key);
	crypto_key_free(key);
	return 0;
}

/* Whether one record is usable; with a key of our own, whether it is that one. */
static const char *judge_record(const struct request *r, struct str record, const struct crypto_key *own)
{
	enum crypto_kind kind = own ? crypto_key_kind(own) : str_ifind(record, STR("ed25519")) >= 0 ? CRYPTO_ED25519 : CRYPTO_RSA;
	struct arena *a = r->ctl->arena;
	struct dkim_key found;
	const char *problem = dkim_key_parse(a, record, kind, CRYPTO_SHA256, &found);

	if (problem || !own)
		return problem;
	return str_eq(crypto_public_text(a, found.key), crypto_public_text(a, own)) ? NULL : "is another key than that of the file";
}

static int test_answer(const struct request *r, const struct dns_answer *answer, const struct crypto_key *own)
{
	const char *problem = "has no record";

	if (answer->status != DNS_OK)
		return ctl_fail("%.*s: %s", STR_ARG(r->name), dns_answer_problem(answer));
	if (answer->n > 1)
		fprintf(stderr, "reevectl: %.*s has %zu records; one is right\n", STR_ARG(r->name), answer->n);
	for (size_t i = 0; i < answer->n && problem; i++)
		problem = judge_record(r, answer->records[i].data, own);
	if (problem)
		return ctl_fail("%.*s: %s", STR_ARG(r->name), problem);
	printf("%.*s: %s\n", STR_ARG(r->name), own ? "the key in the DNS belongs to the file" : "the key in the DNS can be used");
	return 0;
}

static int test(struct request *r)
{
	static const struct dns_limits limits = {.queries = 10, .timeout_ms = TIMEOUT_MS};
	struct crypto_key *own = r->file ? load_key(r->file) : NULL;
	struct dns_scope *scope;
	struct dns *dns;
	int status;

	if (r->file && !own)
		return 1;
	dns = ctl_dns(r->ctl);
	scope = dns_scope_new(dns, &limits, NULL, NULL);
	status = test_answer(r, dns_get(scope, r->name, DNS_TXT), own);
	dns_scope_free(scope);
	dns_free(dns);
	crypto_key_free(own);
	return status;
}

static const struct option options[] = {
    {"type", required_argument, NULL, 't'},
    {"bits", required_argument, NULL, 'b'},
    {"out", required_argument, NULL, 'o'},
    {NULL, 0, NULL, 0},
};

static bool read_options(struct request *r, int argc, char **argv)
{
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t bits;

		if (c == 'o')
			r->file = optarg;
		else if (c == 't' && (strcmp(optarg, "rsa") == 0 || strcmp(optarg, "ed25519") == 0))
			r->kind = optarg[0] == 'r' ? CRYPTO_RSA : CRYPTO_ED25519;
		else if (c == 'b' && str_u64(str_of(optarg), &bits) && bits >= 1024 && bits <= CRYPTO_RSA_MAX)
			r->bits = (unsigned)bits;
		else
			return false;
	}
	return argc - optind >= 2 && argc - optind <= 3;
}

int ctl_dkim(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct request *r);
	} verbs[] = {{"genkey", genkey}, {"show", show}, {"test", test}};
	struct request r = {.ctl = ctl, .kind = CRYPTO_RSA, .bits = 2048};

	argc = ctl_options(ctl, argc, argv);
	if (argc < 2 || !read_options(&r, argc - 1, argv + 1))
		return ctl_usage(ctl);
	r.domain = str_of(argv[1 + optind]);
	r.selector = str_of(argv[2 + optind]);
	if (argc - 1 - optind == 3)
		r.file = argv[3 + optind];
	if (!domain_is_valid(r.domain, false) || !domain_is_valid(r.selector, false))
		return ctl_fail("'%s' with selector '%s' is no domain name", argv[1 + optind], argv[2 + optind]);
	r.name = arena_printf(ctl->arena, "%.*s._domainkey.%.*s", STR_ARG(r.selector), STR_ARG(r.domain));
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(&r);
	return ctl_usage(ctl);
}
