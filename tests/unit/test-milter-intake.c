/* What an MTA hands to the milter front end becomes the bytes that were on the wire, within limits. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/chain.h"
#include "gateway/milter/intake.h"
#include "gateway/smtp/wire.h"
#include "tests/unit/unit.h"

/* ---- the MTA ---- */

struct macro {
	const char *name, *value;
};

struct mta {
	struct arena *arena;
	struct chain *chain;
	struct intake in;
	const struct macro *macros;
	struct intake_macros get;
};

static const char *get_macro(void *arg, const char *name)
{
	const struct mta *mta = arg;

	for (const struct macro *m = mta->macros; m && m->name; m++)
		if (!strcmp(m->name, name))
			return m->value;
	return NULL;
}

static const struct intake_limits usual = {.message = 4096, .recipients = 3, .hops = 2};

static struct mta *mta_new(bool has_leading_space)
{
	struct arena *a = arena_new(0);
	struct mta *mta = arena_alloc(a, sizeof *mta);

	mta->arena = a;
	mta->chain = chain_new(a, &(struct filter_env){.arena = a}, fact_registry_new(a));
	mta->in = (struct intake){.s = session_new(mta->chain, NULL, FACE_MILTER), .limits = usual, .spool_dir = -1,
	    .has_leading_space = has_leading_space};
	mta->get = (struct intake_macros){get_macro, mta};
	return mta;
}

static void mta_free(struct mta *mta)
{
	struct arena *a = mta->arena;

	intake_free(&mta->in);
	session_free(mta->in.s);
	chain_close(mta->chain);
	arena_free(a);
}

static void mail(struct mta *mta)
{
	char *from[] = {(char *)"<a@example.com>", NULL}, *to[] = {(char *)"<b@example.net>", NULL};

	assert_null(intake_mail(&mta->in, from, &mta->get));
	assert_null(intake_rcpt(&mta->in, to));
	intake_keep(&mta->in);
}

static void ended_well(const char *wrong)
{
	if (wrong)
		fail_msg("refused: %s", wrong);
}

static struct str bytes(struct mta *mta)
{
	ended_well(intake_end(&mta->in, &mta->get));
	return spool_data(mta->in.s->message->spool);
}

static const struct headers *headers_of(const struct mta *mta)
{
	return &mta->in.s->message->headers;
}

/* ---- fields ---- */

static void folds_become_crlf_and_no_value_becomes_two_fields(void **state)
{
	static const struct {
		const char *value, *wire;
	} rows[] = {
	    {" plain", "X: plain\r\n\r\n"},
	    {" a\n b", "X: a\r\n b\r\n\r\n"},
	    {" a\n\tb\n  c", "X: a\r\n\tb\r\n  c\r\n\r\n"},
	    {" a\r\n b", "X: a\r\n b\r\n\r\n"},
	    {"\n b", "X:\r\n b\r\n\r\n"},
	    {" a\nSubject: forged", "X: a\r\n Subject: forged\r\n\r\n"},
	    {" a\n\nbody", "X: a\r\n \r\n body\r\n\r\n"},
	    {" a\n", "X: a\r\n \r\n\r\n"},
	    {" a\rb", "X: a\rb\r\n\r\n"},
	    {"", "X:\r\n\r\n"},
	    {" ", "X: \r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mta *mta = mta_new(true);

		mail(mta);
		intake_field(&mta->in, "X", rows[i].value);
		assert_str(bytes(mta), rows[i].wire);
		assert_int_equal(headers_of(mta)->n, 1);
		mta_free(mta);
	}
}

static void leading_blanks_are_as_the_mta_tells_them(void **state)
{
	static const char *const values[] = {"none", " one", "  two", "\ttab", ""};

	(void)state;
	for (int has = 0; has < 2; has++)
		for (size_t i = 0; i < 5; i++) {
			struct mta *mta = mta_new(has);
			const char *wanted = arena_printf(mta->arena, "X:%s%s\r\n\r\n", has ? "" : " ", values[i]).p;

			mail(mta);
			intake_field(&mta->in, "X", values[i]);
			assert_str(bytes(mta), wanted);
			mta_free(mta);
		}
}

/* A name is what stood before the colon: whatever it holds, it makes one field and no more. */
static void odd_names_make_one_field(void **state)
{
	static const struct {
		const char *name, *wire;
	} rows[] = {{"X-Name", "X-Name: v\r\n\r\n"}, {"a:b", "a:b: v\r\n\r\n"}, {"two words", "two?words: v\r\n\r\n"},
	    {"Gr\xc3\xbc", "Gr??: v\r\n\r\n"}, {"X \t", "X \t: v\r\n\r\n"},
	    {" X", "?X: v\r\n\r\n"}, {" ", "?: v\r\n\r\n"}, {"X\nSubject", "X?Subject: v\r\n\r\n"}, {"X\r\n\r\n", "X????: v\r\n\r\n"},
	    {"", "?: v\r\n\r\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mta *mta = mta_new(true);

		mail(mta);
		intake_field(&mta->in, rows[i].name, " v");
		intake_field(&mta->in, "Subject", " true");
		assert_null(intake_eoh(&mta->in));
		intake_body(&mta->in, STR("body"));
		assert_str(bytes(mta), arena_printf(mta->arena, "%.*sSubject: true\r\n\r\nbody", (int)strlen(rows[i].wire) - 2,
		    rows[i].wire).p);
		assert_int_equal(headers_of(mta)->n, 2);
		assert_int_equal(headers_count(headers_of(mta), "Subject"), 1);
		mta_free(mta);
	}
}

static void fields_behind_the_border_are_not_taken(void **state)
{
	struct mta *mta = mta_new(true);

	(void)state;
	mail(mta);
	intake_field(&mta->in, "A", " 1");
	intake_body(&mta->in, STR("text\r\n"));
	intake_field(&mta->in, "B", " 2");
	assert_str(bytes(mta), "A: 1\r\n\r\ntext\r\n");
	mta_free(mta);
}

/* ---- the body ---- */

static void every_cut_gives_the_same_bytes(void **state)
{
	static const char body[] = "\r\n..one\r\n\r\n.\r\ntwo\0nul\r\rthree\n\xff\xfe";
	struct str all = {body, sizeof body - 1};

	(void)state;
	for (size_t first = 0; first <= all.n; first++)
		for (size_t second = first; second <= all.n; second++) {
			struct mta *mta = mta_new(true);
			struct str got;

			mail(mta);
			intake_field(&mta->in, "A", " 1");
			assert_null(intake_eoh(&mta->in));
			assert_true(intake_body(&mta->in, str_sub(all, 0, first)));
			assert_true(intake_body(&mta->in, str_sub(all, first, second - first)));
			assert_true(intake_body(&mta->in, str_from(all, second)));
			got = bytes(mta);
			assert_true(str_starts(got, STR("A: 1\r\n\r\n")));
			assert_true(str_eq(str_from(got, 8), all));
			assert_int_equal(headers_of(mta)->body, 8);
			mta_free(mta);
		}
}

static void a_message_may_be_empty(void **state)
{
	struct mta *mta = mta_new(true);

	(void)state;
	mail(mta);
	assert_str(bytes(mta), "\r\n");
	assert_int_equal(headers_of(mta)->n, 0);
	mta_free(mta);
}

/* ---- the same border as over SMTP ---- */

static bool into_spool(void *arg, struct str run)
{
	return spool_add(arg, run);
}

/* What the SMTP front end makes of the octets, which have no dots to unstuff. */
static struct spool *over_smtp(struct str wire)
{
	struct spool *spool = spool_new(-1, SPOOL_MEMORY);
	struct content_reader reader;
	size_t used;

	content_start(&reader, false, false, 998, into_spool, spool);
	assert_int_equal(content_feed(&reader, wire, &used), CONTENT_MORE);
	assert_true(spool_finish(spool));
	return spool;
}

/* As an MTA reads the header section: name, colon, value with its folds, until an empty line. */
static void over_milter(struct mta *mta, struct str wire, size_t piece)
{
	mail(mta);
	while (wire.n && !str_starts(wire, STR("\r\n"))) {
		ptrdiff_t colon = str_chr(wire, ':');
		struct buf value = {0};
		bool is_fold = false;

		assert_true(colon > 0);
		const char *name = arena_cstr(mta->arena, str_sub(wire, 0, (size_t)colon));
		wire = str_from(wire, (size_t)colon + 1);
		do {
			size_t n = 0;

			while (wire.p[n] != '\r')
				n++;
			buf_adds(&value, is_fold ? "\n" : "");
			buf_add(&value, str_sub(wire, 0, n));
			wire = str_from(wire, n + 2);
			is_fold = true;
		} while (wire.n && (wire.p[0] == ' ' || wire.p[0] == '\t'));
		buf_addc(&value, '\0');
		intake_field(&mta->in, name, value.p);
		buf_free(&value);
	}
	assert_null(intake_eoh(&mta->in));
	for (wire = str_from(wire, 2); wire.n; wire = str_from(wire, piece))
		intake_body(&mta->in, str_sub(wire, 0, piece));
	ended_well(intake_end(&mta->in, &mta->get));
}

static void the_border_is_that_of_the_smtp_face(void **state)
{
	static const char *const messages[] = {
	    "Subject: a\r\n\r\nbody\r\n",
	    "Subject: a\r\n\r\n",
	    "Subject: a\r\nTo: b\r\n c\r\n\td\r\n\r\nLooks: like a field\r\n\r\nx\r\n",
	    "Subject: a\r\n\r\n\r\n\r\nbody behind empty lines\r\n",
	    "Subject:a\r\nX:\r\n b\r\nY:  two\r\n\r\n folded body line\r\n",
	    "A: 1\r\na: 2\r\nA: 3\r\n\r\n.\r\n..\r\n",
	    "X-Long: 0123456789 0123456789 0123456789\r\n\t0123456789\r\n \r\n 0123456789\r\nB: c\r\n\r\nend",
	    "\r\nbody only\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		for (size_t piece = 1; piece < 40; piece += 6) {
			struct mta *mta = mta_new(true);
			struct spool *smtp = over_smtp(str_of(messages[i]));
			struct headers h;

			headers_parse(mta->arena, spool_data(smtp), &h);
			over_milter(mta, str_of(messages[i]), piece);
			assert_true(str_eq(spool_data(smtp), spool_data(mta->in.s->message->spool)));
			assert_int_equal(h.body, headers_of(mta)->body);
			assert_int_equal(h.n, headers_of(mta)->n);
			for (size_t f = 0; f < h.n; f++)
				assert_true(str_eq(h.v[f].raw, headers_of(mta)->v[f].raw));
			spool_free(smtp);
			mta_free(mta);
		}
}

/* ---- limits ---- */

/* A message of so many octets; what is said at its end. */
static const char *of_size(struct mta *mta, size_t size)
{
	static const char filler[8192];
	bool wants_more;

	mail(mta);
	intake_field(&mta->in, "A", " 1");
	intake_eoh(&mta->in);
	wants_more = intake_body(&mta->in, (struct str){filler, size - 8});
	assert_int_equal(wants_more, size <= usual.message);
	return intake_end(&mta->in, &mta->get);
}

static void message_size_at_the_limit(void **state)
{
	struct mta *mta = mta_new(true);

	(void)state;
	assert_null(of_size(mta, usual.message - 1));
	assert_int_equal(spool_size(mta->in.s->message->spool), usual.message - 1);
	assert_null(of_size(mta, usual.message));
	assert_string_equal(of_size(mta, usual.message + 1), "552 5.3.4 the message is larger than this system takes");
	assert_null(of_size(mta, usual.message)); /* nothing of the large one is left */
	mta->in.limits.message = 0;		  /* none */
	mail(mta);
	assert_true(intake_body(&mta->in, (struct str){arena_alloc(mta->arena, 100000), 100000}));
	assert_null(intake_end(&mta->in, &mta->get));
	mta_free(mta);
}

/* A budget for all messages together: what does not fit is deferred, and given back. */
static void memory_of_all_messages_is_bounded(void **state)
{
	static const char filler[2048];
	_Atomic uint64_t used = 0;
	struct mta *first = mta_new(true), *second = mta_new(true);

	(void)state;
	first->in.used = second->in.used = &used;
	first->in.limits.memory_total = second->in.limits.memory_total = 100000;
	mail(first);
	intake_field(&first->in, "A", " 1");
	assert_true(intake_body(&first->in, (struct str){filler, 2048}));
	assert_true(used >= 2056 && used <= 100000);
	second->in.limits.memory_total = used + 1; /* room for nothing more */
	mail(second);
	assert_false(intake_body(&second->in, (struct str){filler, 2048}));
	assert_string_equal(intake_end(&second->in, &second->get), "452 4.3.1 out of memory for messages, try again later");
	assert_true(used >= 2056 && used <= 100000);
	ended_well(intake_end(&first->in, &first->get));
	intake_reset(&first->in);
	intake_reset(&second->in);
	assert_int_equal(used, 0);
	mta_free(first);
	mta_free(second);
}

/* Above its memory a message goes to a file; without one it is deferred, not let pass. */
static void a_message_beyond_its_memory_needs_a_file(void **state)
{
	static const char filler[2048];

	(void)state;
	for (int has_folder = 0; has_folder < 2; has_folder++) {
		struct mta *mta = mta_new(true);

		mta->in.limits.memory = 1024;
		mta->in.spool_dir = has_folder ? open("/tmp", O_DIRECTORY | O_RDONLY | O_CLOEXEC) : 9999; /* no such descriptor */
		mail(mta);
		intake_body(&mta->in, (struct str){filler, 2048});
		if (has_folder)
			ended_well(intake_end(&mta->in, &mta->get));
		else
			assert_string_equal(intake_end(&mta->in, &mta->get), "452 4.3.1 no room to scan the message, try again later");
		if (has_folder)
			assert_int_equal(spool_size(mta->in.s->message->spool), 2050);
		intake_reset(&mta->in);
		if (has_folder)
			close(mta->in.spool_dir);
		mta_free(mta);
	}
}

static void declared_size_at_the_limit(void **state)
{
	static const struct {
		const char *word;
		bool is_ok;
	} rows[] = {{"SIZE=4095", true}, {"SIZE=4096", true}, {"SIZE=4097", false},
	    {"size=99999999999999999999", false}, {"SIZE=4x", true}}; /* no number: the octets will tell */
	struct mta *mta = mta_new(true);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *argv[] = {(char *)"<a@example.com>", (char *)"BODY=8BITMIME", (char *)rows[i].word, NULL};

		assert_int_equal(!intake_mail(&mta->in, argv, &mta->get), rows[i].is_ok);
	}
	mta_free(mta);
}

static void recipients_at_the_limit(void **state)
{
	struct mta *mta = mta_new(true);
	char *argv[] = {(char *)"<b@example.net>", NULL};

	(void)state;
	assert_null(intake_mail(&mta->in, argv, &mta->get));
	for (int i = 0; i < 3; i++) {
		assert_null(intake_rcpt(&mta->in, argv));
		intake_keep(&mta->in);
	}
	assert_string_equal(intake_rcpt(&mta->in, argv), "452 4.5.3 too many recipients");
	assert_int_equal(mta->in.s->message->recipients, 3);
	mta_free(mta);
}

static void hops_at_the_limit(void **state)
{
	struct mta *mta = mta_new(true);

	(void)state;
	for (int hops = 1; hops <= 3; hops++) {
		const char *wrong;

		mail(mta);
		for (int i = 0; i < hops; i++)
			intake_field(&mta->in, "Received", " from a by b");
		wrong = intake_eoh(&mta->in);
		assert_int_equal(!wrong, hops <= usual.hops);
		assert_int_equal(!intake_end(&mta->in, &mta->get), hops <= usual.hops);
	}
	mta_free(mta);
}

static const char *section_of(struct mta *mta, size_t octets)
{
	char *value = arena_alloc(mta->arena, octets);

	memset(value, 'v', octets);
	value[octets - strlen("X:\r\n")] = '\0';
	mail(mta);
	intake_field(&mta->in, "X", value);
	return intake_eoh(&mta->in);
}

static void header_section_at_the_limit(void **state)
{
	struct mta *mta = mta_new(true);

	(void)state;
	mta->in.limits.message = 0;
	assert_null(section_of(mta, HEADER_BYTES_MAX - 1));
	assert_null(section_of(mta, HEADER_BYTES_MAX));
	assert_non_null(section_of(mta, HEADER_BYTES_MAX + 1));
	mail(mta);
	for (size_t i = 0; i < 4000; i++) /* what is far too much is not kept */
		intake_field(&mta->in, "X", " 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789"
		    " 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789");
	assert_true(mta->in.header.n <= 2 * HEADER_BYTES_MAX + 1000);
	assert_non_null(intake_eoh(&mta->in));
	for (int i = 0; i < 3; i++) {
		mail(mta);
		for (size_t n = 0; n < HEADER_COUNT_MAX - 1 + (size_t)i; n++)
			intake_field(&mta->in, "X", " v");
		assert_int_equal(!intake_eoh(&mta->in), i < 2);
	}
	mta_free(mta);
}

static void long_names_are_cut(void **state)
{
	struct mta *mta = mta_new(true);
	char *name = arena_alloc(mta->arena, 5000);
	char *argv[] = {name, NULL};

	(void)state;
	for (size_t n = 999; n <= 1001; n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		intake_helo(&mta->in, name, &mta->get);
		assert_int_equal(mta->in.s->helo.n, n < 1000 ? n : 1000);
	}
	memset(name, 'n', 4999);
	assert_null(intake_mail(&mta->in, argv, &mta->get));
	assert_true(mta->in.s->message->sender.text.n <= 1000);
	mta_free(mta);
}

/* ---- envelope and macros ---- */

static void paths_as_mtas_write_them(void **state)
{
	static const struct {
		const char *word, *text, *domain, *path;
	} rows[] = {
	    {"<b@Example.NET>", "b@Example.NET", "example.net", "<b@Example.NET>"},
	    {"b@example.net", "b@example.net", "example.net", "<b@example.net>"},
	    {"<b>", "b", "", "<b>"},
	    {"b", "b", "", "<b>"},
	    {"<\"odd local\"@example.net>", "\"odd local\"@example.net", "example.net", "<\"odd local\"@example.net>"},
	    {"<Postmaster>", "Postmaster", "", "<Postmaster>"},
	    {"<@a.example:b@example.net>", "b@example.net", "example.net", "<@a.example:b@example.net>"},
	    {"<b@example.net", "b@example.net", "example.net", "<b@example.net"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mta *mta = mta_new(true);
		char *from[] = {(char *)"<>", NULL}, *to[] = {(char *)rows[i].word, (char *)"NOTIFY=NEVER", NULL};
		const struct recipient *r;

		assert_null(intake_mail(&mta->in, from, &mta->get));
		assert_int_equal(mta->in.s->message->sender.text.n, 0);
		assert_null(intake_rcpt(&mta->in, to));
		intake_keep(&mta->in);
		r = mta->in.s->message->first;
		assert_str(r->address.text, rows[i].text);
		assert_str(r->address.domain, rows[i].domain);
		assert_str(intake_path_of(&mta->in, r), rows[i].path);
		assert_int_equal(mta->in.is_postmaster, i == 5);
		mta_free(mta);
	}
}

/* Who may be believed when he names a certificate: it is one that he verified. */
static void certificates(void **state)
{
	static const struct {
		struct macro macros[4];
		const char *peer;
	} rows[] = {
	    {{{"v", "8.17.1"}, {"{verify}", "OK"}, {"{cert_subject}", "/CN=pc"}}, "/CN=pc"},
	    {{{"v", "8.17.1"}, {"{verify}", "FAIL"}, {"{cert_subject}", "/CN=pc"}}, ""},
	    {{{"v", "8.17.1"}, {"{verify}", "NO"}}, ""},
	    {{{"v", "8.17.1"}, {"{cert_subject}", "/CN=pc"}}, ""}, /* its macro list does not have it */
	    {{{"{cert_subject}", "/CN=pc"}}, ""},
	    {{{"v", "Postfix 3.7.11"}, {"{cert_subject}", "pc"}}, "pc"},
	    {{{"v", "Postfix 3.7.11"}, {"{verify}", "FAIL"}, {"{cert_subject}", "pc"}}, ""},
	    {{{"v", "Postfix 3.7.11"}}, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mta *mta = mta_new(true);

		mta->macros = rows[i].macros;
		intake_connect(&mta->in, "pc.example.com", &mta->get);
		intake_helo(&mta->in, "pc", &mta->get);
		assert_str(mta->in.s->tls_peer, rows[i].peer);
		mta_free(mta);
	}
}

/* What the two MTAs say of the same client. */
static void macros_become_facts(void **state)
{
	static const struct macro postfix[] = {{"{daemon_name}", "smtpd"}, {"{daemon_addr}", "192.0.2.25"},
	    {"v", "Postfix 3.7.11"}, {"{tls_version}", "TLSv1.3"}, {"{cipher}", "AES"}, {"{cert_subject}", "/CN=pc"},
	    {"{auth_authen}", "joe"}, {"i", "4XQ1"}, {NULL, NULL}};
	static const struct macro sendmail[] = {{"{daemon_name}", "MTA"}, {"{if_addr}", "192.0.2.25"},
	    {"{client_resolve}", "FORGED"}, {"{verify}", "FAIL"}, {"{cert_subject}", "/CN=liar"}, {"i", "5AB2"}, {NULL, NULL}};
	const struct macro *const mtas[] = {postfix, sendmail};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mta *mta = mta_new(true);
		const struct session *s = mta->in.s;
		char ip[IP_TEXT_MAX];

		mta->macros = mtas[i];
		intake_connect(&mta->in, "pc.example.com", &mta->get);
		intake_helo(&mta->in, "pc", &mta->get);
		mail(mta);
		assert_str(s->client_name, i == 0 ? "pc.example.com" : "");
		assert_str(ip_format(&s->local, ip), "192.0.2.25");
		assert_str(s->mta_daemon, i == 0 ? "smtpd" : "MTA");
		assert_str(s->tls_cipher, i == 0 ? "AES" : "");
		assert_str(s->tls_peer, i == 0 ? "/CN=pc" : "");
		assert_str(s->auth_user, i == 0 ? "joe" : "");
		assert_str(s->message->queue_id, i == 0 ? "4XQ1" : "5AB2");
		mta->macros = NULL; /* the next message is nobody's */
		mail(mta);
		assert_str(s->auth_user, "");
		assert_str(s->message->queue_id, "");
		mta_free(mta);
	}
}

static void only_confirmed_names_are_believed(void **state)
{
	static const struct {
		const char *name, *resolve, *wanted;
	} rows[] = {{"pc.example", NULL, "pc.example"}, {"pc.example", "OK", "pc.example"}, {"pc.example", "FAIL", ""},
	    {"pc.example", "TEMP", ""}, {"[192.0.2.7]", NULL, ""}, {"unknown", NULL, ""}, {"", NULL, ""}, {NULL, NULL, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mta *mta = mta_new(true);
		struct macro macros[] = {{"{client_resolve}", rows[i].resolve}, {NULL, NULL}};

		mta->macros = macros;
		intake_connect(&mta->in, rows[i].name, &mta->get);
		assert_str(mta->in.s->client_name, rows[i].wanted);
		mta_free(mta);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(folds_become_crlf_and_no_value_becomes_two_fields),
	    cmocka_unit_test(leading_blanks_are_as_the_mta_tells_them),
	    cmocka_unit_test(odd_names_make_one_field),
	    cmocka_unit_test(fields_behind_the_border_are_not_taken),
	    cmocka_unit_test(every_cut_gives_the_same_bytes),
	    cmocka_unit_test(a_message_may_be_empty),
	    cmocka_unit_test(the_border_is_that_of_the_smtp_face),
	    cmocka_unit_test(message_size_at_the_limit),
	    cmocka_unit_test(memory_of_all_messages_is_bounded),
	    cmocka_unit_test(a_message_beyond_its_memory_needs_a_file),
	    cmocka_unit_test(declared_size_at_the_limit),
	    cmocka_unit_test(recipients_at_the_limit),
	    cmocka_unit_test(hops_at_the_limit),
	    cmocka_unit_test(header_section_at_the_limit),
	    cmocka_unit_test(long_names_are_cut),
	    cmocka_unit_test(paths_as_mtas_write_them),
	    cmocka_unit_test(certificates), cmocka_unit_test(macros_become_facts),
	    cmocka_unit_test(only_confirmed_names_are_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
