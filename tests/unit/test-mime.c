#include <stdio.h>
#include <stdlib.h>

#include "core/content/mime.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static struct mime *parse(const char *text)
{
	return mime_parse(arena, str_of(text), NULL);
}

#define HEAD "MIME-Version: 1.0\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n"

/* Children that belong to the first reading. */
static size_t children(const struct mime_part *part)
{
	size_t n = 0;

	for (part = part->first; part; part = part->next)
		n += !part->is_alternative_reading;
	return n;
}

static void tree(void **state)
{
	struct mime *m = parse(MIXED "preamble\r\n--x\r\nContent-Type: Text/HTML; charset=\"UTF-8\"\r\n\r\n<b>\r\n"
	    "\r\n--x  \r\n\r\nplain\r\n--x--\r\nepilogue\r\n");
	struct mime_part *p = m->root;

	(void)state;
	assert_str(p->type, "multipart/mixed");
	assert_int_equal(children(p), 2);
	p = mime_next(p);
	assert_str(p->type, "text/html");
	assert_str(p->charset, "utf-8");
	assert_str(p->body, "<b>\r\n");
	p = mime_next(p);
	assert_str(p->type, "text/plain");
	assert_str(p->body, "plain");
	assert_null(mime_next(p));
	assert_int_equal(m->anomalies, 0);
	assert_false(m->is_ambiguous);
}

static void nested_message(void **state)
{
	struct mime *m = parse(HEAD "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\nfirst\n--d\n"
	    "Content-Type: message/rfc822\n\n>From x\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\ninner\n--d--\n");
	struct mime_part *p = m->root->first;

	(void)state;
	assert_str(p->type, "message/rfc822");
	assert_str(p->first->body, "first");
	p = p->next;
	assert_str(p->first->type, "multipart/mixed");
	assert_str(p->first->first->body, "inner");
	assert_true(p->first->anomalies & MIME_MISSING_END);
}

static void anomaly(const char *text, uint32_t bit)
{
	struct mime *m = parse(text);

	if (!(m->anomalies & bit))
		print_error("no %s in: %s\n", mime_anomaly_name(bit), text);
	assert_true(m->anomalies & bit);
}

static void anomalies(void **state)
{
	(void)state;
	anomaly(MIXED "--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x--\r\n", MIME_DUPLICATE_BOUNDARY);
	anomaly(HEAD "Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\na\r\n--x--\r\n", MIME_MISSING_BOUNDARY);
	anomaly(MIXED "text\r\n", MIME_MISSING_BOUNDARY);
	anomaly(MIXED "--x\r\n\r\na", MIME_MISSING_END);
	anomaly(HEAD "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n", MIME_DUPLICATE_TYPE);
	anomaly(HEAD "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n", MIME_DUPLICATE_ENCODING);
	anomaly(HEAD "Content-Transfer-Encoding: zip\r\n\r\n", MIME_UNKNOWN_ENCODING);
	anomaly(HEAD "Content-Type: zip\r\n\r\n", MIME_BAD_TYPE);
	anomaly(HEAD "Content-Type: text/plain charset=x\r\n\r\n", MIME_BAD_PARAMETER);
	anomaly(HEAD "Content-Type: text/plain; charset=x; charset=y\r\n\r\n", MIME_DUPLICATE_PARAMETER);
	anomaly(HEAD "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\n",
	    MIME_CONFLICTING_NAMES);
	anomaly(MIXED "--x\r\n\r\na\rb\r\n--x--\r\n", MIME_BARE_CR);
	anomaly(MIXED "--x\r\n\r\na\nb\r\n--x--\r\n", MIME_BARE_LF);
	anomaly(MIXED "--x\r\nno colon\r\n\r\na\r\n--x--\r\n", MIME_HEADER_WITHOUT_COLON);
	anomaly(MIXED "--x\r\nA: b\r\n--x--\r\n", MIME_HEADER_WITHOUT_BODY);
	anomaly(HEAD "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: base64\r\n\r\n--x\r\n\r\na\r\n--x--\r\n",
	    MIME_ENCODED_MULTIPART);
	anomaly(HEAD "X: gr\xfc\xdf\r\n\r\n", MIME_8BIT_HEADER);
	anomaly(MIXED "--x\r\n\r\na\r\n--x--\r\n--x\r\n\r\nb\r\n", MIME_DATA_BEHIND_END);
	anomaly("Content-Type: text/plain\r\n\r\n", MIME_VERSION_MISSING);
	anomaly(MIXED "--x\r\n\r\na\r\n--xy\r\n\r\nb\r\n--x--\r\n", MIME_BOUNDARY_PREFIX);
	anomaly("X: a\rb\r\n\r\n", MIME_CONTROL_HEADER);
	for (uint32_t bit = 1; bit <= MIME_UUENCODED_TEXT; bit <<= 1)
		assert_non_null(mime_anomaly_name(bit));
	assert_null(mime_anomaly_name((uint32_t)MIME_UUENCODED_TEXT << 1));
}

/* NUL cannot stand in a C string. */
static void nul_in_body(void **state)
{
	static const char text[] = HEAD "\r\nab\0cd and some more octets to fill a block of the scan\r\n";

	(void)state;
	assert_true(mime_parse(arena, (struct str){text, sizeof text - 1}, NULL)->anomalies & MIME_NUL);
}

static struct str line_of_length(size_t n)
{
	struct buf b = {0};

	buf_adds(&b, HEAD "\r\nfirst\r\n");
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, "\r\nlast\r\n");
	return buf_take(&b, arena);
}

static void long_line(void **state)
{
	(void)state;
	assert_false(mime_parse(arena, line_of_length(997), NULL)->anomalies & MIME_LONG_LINE);
	assert_false(mime_parse(arena, line_of_length(998), NULL)->anomalies & MIME_LONG_LINE);
	assert_true(mime_parse(arena, line_of_length(999), NULL)->anomalies & MIME_LONG_LINE);
	assert_true(mime_parse(arena, line_of_length(5000), NULL)->anomalies & MIME_LONG_LINE);
}

static struct mime *with_parts(size_t n)
{
	struct buf b = {0};

	buf_adds(&b, MIXED);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "--x\r\n\r\n%zu\r\n", i);
	buf_adds(&b, "--x--\r\n");
	return mime_parse(arena, buf_take(&b, arena), NULL);
}

static void part_limit(void **state)
{
	struct mime *m;

	(void)state;
	assert_int_equal(with_parts(MIME_PARTS_MAX - 2)->part_count, MIME_PARTS_MAX - 1);
	m = with_parts(MIME_PARTS_MAX - 1);
	assert_int_equal(m->part_count, MIME_PARTS_MAX);
	assert_false(m->anomalies & MIME_PART_LIMIT);
	m = with_parts(MIME_PARTS_MAX);
	assert_int_equal(m->part_count, MIME_PARTS_MAX);
	assert_true(m->anomalies & MIME_PART_LIMIT);
	assert_true(with_parts(5 * MIME_PARTS_MAX)->anomalies & MIME_PART_LIMIT);
}

/* n levels of multipart, a text in the innermost. */
static struct mime *with_levels(size_t n)
{
	struct buf b = {0};

	buf_addf(&b, HEAD);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", i, i);
	buf_adds(&b, "Content-Type: text/x-deep\r\n\r\ndeep\r\n");
	for (size_t i = n; i-- > 0;)
		buf_addf(&b, "--b%zu--\r\n", i);
	return mime_parse(arena, buf_take(&b, arena), NULL);
}

static unsigned deepest(const struct mime *m)
{
	unsigned depth = 0;

	for (struct mime_part *p = m->root; p; p = mime_next(p))
		depth = p->depth > depth ? p->depth : depth;
	return depth;
}

static void depth_limit(void **state)
{
	(void)state;
	assert_int_equal(deepest(with_levels(MIME_DEPTH_MAX - 1)), MIME_DEPTH_MAX - 1);
	assert_int_equal(deepest(with_levels(MIME_DEPTH_MAX)), MIME_DEPTH_MAX);
	assert_false(with_levels(MIME_DEPTH_MAX)->anomalies & MIME_DEPTH_LIMIT);
	assert_int_equal(deepest(with_levels(MIME_DEPTH_MAX + 1)), MIME_DEPTH_MAX);
	assert_true(with_levels(MIME_DEPTH_MAX + 1)->anomalies & MIME_DEPTH_LIMIT);
	assert_int_equal(deepest(with_levels(3000)), MIME_DEPTH_MAX);
}

/* Messages in messages, without boundaries. */
static void message_depth(void **state)
{
	struct buf b = {0};
	struct mime *m;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_adds(&b, "Content-Type: message/rfc822\r\n\r\n");
	m = mime_parse(arena, buf_take(&b, arena), NULL);
	assert_int_equal(deepest(m), MIME_DEPTH_MAX);
	assert_true(m->anomalies & MIME_DEPTH_LIMIT);
}

static struct mime *with_boundary(size_t n)
{
	struct buf b = {0}, boundary = {0};

	while (boundary.n < n)
		buf_addc(&boundary, 'B');
	buf_addf(&b, HEAD "Content-Type: multipart/mixed; boundary=\"%.*s\"\r\n\r\n--%.*s\r\n\r\na\r\n--%.*s--\r\n",
	    (int)n, boundary.p, (int)n, boundary.p, (int)n, boundary.p);
	buf_free(&boundary);
	return mime_parse(arena, buf_take(&b, arena), NULL);
}

static void boundary_limit(void **state)
{
	(void)state;
	assert_int_equal(children(with_boundary(MIME_BOUNDARY_MAX - 1)->root), 1);
	assert_int_equal(children(with_boundary(MIME_BOUNDARY_MAX)->root), 1);
	assert_int_equal(children(with_boundary(MIME_BOUNDARY_MAX + 1)->root), 0);
	assert_true(with_boundary(MIME_BOUNDARY_MAX + 1)->anomalies & MIME_MISSING_BOUNDARY);
}

static struct mime *with_params(size_t n)
{
	struct buf b = {0};

	buf_adds(&b, HEAD "Content-Type: text/plain");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, ";\r\n p%zu=v", i);
	buf_adds(&b, "\r\n\r\n");
	return mime_parse(arena, buf_take(&b, arena), NULL);
}

static void param_limit(void **state)
{
	(void)state;
	assert_int_equal(with_params(MIME_PARAMS_MAX - 1)->root->param_count, MIME_PARAMS_MAX - 1);
	assert_int_equal(with_params(MIME_PARAMS_MAX)->root->param_count, MIME_PARAMS_MAX);
	assert_int_equal(with_params(MIME_PARAMS_MAX)->anomalies, 0);
	assert_int_equal(with_params(MIME_PARAMS_MAX + 1)->root->param_count, MIME_PARAMS_MAX);
	assert_true(with_params(MIME_PARAMS_MAX + 1)->anomalies & MIME_BAD_PARAMETER);
}

static const char *named(const char *fields)
{
	struct mime *m = mime_parse(arena, arena_printf(arena, HEAD "%s\r\n\r\n", fields), NULL);

	return arena_cstr(arena, m->root->filename);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(named("Content-Disposition: attachment; filename=\"a b.txt\""), "a b.txt");
	assert_string_equal(named("Content-Disposition: attachment; filename=my file.doc"), "my file.doc");
	assert_string_equal(named("Content-Disposition: attachment; filename=\"a\\\"b.txt\""), "a\"b.txt");
	assert_string_equal(named("Content-Disposition: attachment; filename=\"C:\\x\\y.exe\""), "C:\\x\\y.exe");
	assert_string_equal(named("Content-Disposition: attachment; filename=\"cut.exe"), "cut.exe");
	assert_string_equal(named("Content-Disposition: attachment; filename=a(1).pdf"), "a(1).pdf");
	assert_string_equal(named("Content-Disposition: attachment; filename=a.pdf (comment)"), "a.pdf");
	assert_string_equal(named("Content-Disposition: attachment;\r\n filename*=utf-8'de'%E2%82%AC.txt"), "\xe2\x82\xac.txt");
	assert_string_equal(named("Content-Disposition: attachment;\r\n filename*1*=%BC.txt;\r\n filename*0*=iso-8859-1''%FC"),
	    "\xc3\xbc\xc2\xbc.txt");
	assert_string_equal(named("Content-Disposition: attachment; filename*0=\"a.\"; filename*1=\"exe\""), "a.exe");
	assert_string_equal(named("Content-Disposition: attachment; filename=\"=?utf-8?B?4oKsLnR4dA==?=\""), "\xe2\x82\xac.txt");
	assert_string_equal(named("Content-Type: image/png; name*0=\"=?utf-8?Q?=E2=82\"; name*1=\"=AC.png?=\""), "\xe2\x82\xac.png");
	assert_string_equal(named("Content-Type: application/zip; name=plain.zip"), "plain.zip");
	assert_string_equal(named("Content-Disposition: attachment; filename=a.txt; filename*=utf-8''b.exe"), "b.exe");
	assert_string_equal(named("Content-Disposition: filename=only.txt"), "only.txt");
	assert_string_equal(named("Content-Type: text/plain (c(d)e); name=x.txt (f"), "x.txt (f");
}

/* Header sections of parts have the limits of header.h. */
static void part_header_limit(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_adds(&b, MIXED "--x\r\n");
	for (int i = 0; i <= HEADER_COUNT_MAX; i++)
		buf_adds(&b, "A: b\r\n");
	buf_adds(&b, "\r\nbody\r\n--x--\r\n");
	assert_true(mime_parse(arena, buf_take(&b, arena), NULL)->anomalies & MIME_HEADER_LIMIT);
}

static void uuencoded_text(void **state)
{
	struct mime *m = parse("\r\nhello\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nbye\r\nbegin with a word\r\n");
	struct mime_part *inner = m->root->first;

	(void)state;
	assert_true(m->anomalies & MIME_UUENCODED_TEXT);
	assert_true(mime_is_leaf(m->root));
	assert_non_null(inner);
	assert_null(inner->next);
	assert_str(inner->filename, "cat.txt");
	assert_str(mime_decoded(m, inner), "Cat");
	assert_str(str_sub(str_of("begin 644 cat.txt"), 0, 5), "begin");
	assert_null(parse("\nbegin 644 x\nthis is no data at all, is it\nend\n")->root->first);
	assert_null(parse("\nbegin 644 x\nno data\nand no end\n")->root->first);
	assert_null(parse("\nbegin 644 x\nno data\n#0V%T\nand no end\n")->root->first);
}

/* What decoders pass over hides no file: lines of text, a missing end or name, another file behind it. */
static void uuencoded_oddly(void **state)
{
	static const char *const rows[] = {
	    "\nbegin 644 x\n#0V%T\n", "\nbegin 644 x\n#0V%T\nwords\nend\n", "\nbegin 644 x\nwords, and more\nof them\n#0V%T\nend\n",
	    "\nbegin 644 \n#0V%T\nend\n", "\nbegin 644\n#0V%T\nend\n", "\nbegin  0644\tx\n#0V%T\nend\n",
	    "\nbegin 644 y\nbegin 644 x\n#0V%T\nbegin 644 z\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mime *m = parse(rows[i]);

		assert_non_null(m->root->first);
		assert_null(m->root->first->next);
		assert_str(mime_decoded(m, m->root->first), "Cat");
	}
}

/* ---- the union of all readings ---- */

#define PROGRAM "TVotSElEREVO"	/* base64 of: MZ-HIDDEN */
#define CODED "Content-Transfer-Encoding: base64\r\n"
#define HIDDEN CODED "Content-Disposition: attachment; filename=a.exe\r\n\r\n" PROGRAM "\r\n"

static bool is_program(struct str octets)
{
	return str_find(octets, STR("MZ-HIDDEN")) >= 0;
}

static bool program_is_seen(struct mime *m)
{
	for (struct mime_part *part = m->root; part; part = mime_next(part)) {
		if (!mime_has_content(part))
			continue;
		mime_decoded(m, part);
		if (is_program(part->decoded_all) || is_program(part->decoded_unpadded))
			return true;
	}
	return false;
}

/* A program for which one must read the message as some other program would. */
static const struct {
	const char *what, *text;
	bool is_plain; /* no doubt: our first reading has it */
} hidden[] = {
    {"nothing odd", MIXED "--x\r\n" HIDDEN "--x--\r\n", true},
    {"second of two types", HEAD "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"first of two types", HEAD "Content-Type: multipart/mixed; boundary=x\r\nContent-Type: text/plain\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"last of two boundaries", HEAD "Content-Type: multipart/mixed; boundary=y; boundary=x\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"second of two encodings", MIXED "--x\r\nContent-Transfer-Encoding: 7bit\r\n" HIDDEN "--x--\r\n", false},
    {"comment before the encoding", MIXED "--x\r\nContent-Transfer-Encoding: (x) base64\r\n\r\n" PROGRAM "\r\n--x--\r\n", true},
    {"quoted encoding", MIXED "--x\r\nContent-Transfer-Encoding: \"base64\"\r\n\r\n" PROGRAM "\r\n--x--\r\n", true},
    {"boundary that only begins alike", MIXED "--xyz\r\n" HIDDEN "--xyz--\r\n", false},
    {"behind the closing delimiter", MIXED "--x\r\n\r\na\r\n--x--\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"no boundary parameter", HEAD "Content-Type: multipart/mixed\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"another boundary than announced", HEAD "Content-Type: multipart/mixed; boundary=z\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"boundary as encoded word", HEAD "Content-Type: multipart/mixed; boundary=\"=?us-ascii?Q?x?=\"\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"boundary in sections", HEAD "Content-Type: multipart/mixed; boundary*1=y; boundary*0=x\r\n\r\n--xy\r\n" HIDDEN "--xy--\r\n", true},
    {"multipart without subtype", HEAD "Content-Type: multipart; boundary=x\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"one boundary on two levels", MIXED "--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n"
	"a\r\n--x--\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"base64 multipart", HEAD "Content-Type: multipart/mixed; boundary=x\r\n" CODED "\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"lone CR as line ends", HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r--x\r" CODED "\r" PROGRAM "\r\n--x--\r\n", false},
    {"a message with lone CR only", "MIME-Version: 1.0\rContent-Type: multipart/mixed; boundary=x\r\r--x\r"
	"Content-Transfer-Encoding: base64\r\r" PROGRAM "\r--x--\r", false},
    {"CR CR LF as line ends", "MIME-Version: 1.0\r\r\nContent-Type: multipart/mixed;\r\r\n boundary=x\r\r\n"
	"\r\r\n--x\r\r\nContent-Transfer-Encoding: base64\r\r\n\r\r\n" PROGRAM "\r\r\n--x--\r\r\n", false},
    {"line without colon on top", HEAD "no colon\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" HIDDEN "--x--\r\n", false},
    {"line without colon in a part", MIXED "--x\r\nno colon\r\n" HIDDEN "--x--\r\n", false},
    {"line without colon before a message", MIXED "--x\r\nContent-Type: message/rfc822\r\nno colon\r\n\r\n" HIDDEN "--x--\r\n", false},
    {"line without colon before the body", MIXED "--x\r\n" CODED "no colon!\r\n\r\n" PROGRAM "\r\n--x--\r\n", false},
    {"unknown message type", MIXED "--x\r\nContent-Type: message/x-other\r\n\r\n" HIDDEN "--x--\r\n", false},
    {"message type that is none", MIXED "--x\r\nContent-Type: message/r=fc822\r\n\r\n" HIDDEN "--x--\r\n", false},
    {"fragment", HEAD "Content-Type: message/partial; id=a; number=1; total=1\r\n\r\n" HIDDEN, false},
    {"message in base64", MIXED "--x\r\nContent-Type: message/rfc822\r\n" CODED "\r\n"
	"Q29udGVudC1UcmFuc2Zlci1FbmNvZGluZzogYmFzZTY0CgpUVm90U0VsRVJFVk8K\r\n--x--\r\n", true},
    {"padding amid base64", MIXED "--x\r\n" CODED "\r\nQQ==" PROGRAM "\r\n--x--\r\n", true},
    {"an equals sign amid base64", MIXED "--x\r\n" CODED "\r\nTVo=tSElEREVO\r\n--x--\r\n", true},
    {"junk amid base64", MIXED "--x\r\n" CODED "\r\n!TVo?tSE*lERE-VO\r\n--x--\r\n", true},
    {"two doubts at once", HEAD "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=\"=?us-ascii?Q?x?=\"\r\n\r\n--x\r\n"
	"no colon\r\n" HIDDEN "--x--\r\n", false},
    {"lone CR and one of two other doubts", HEAD "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: 8bit\r\n"
	"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r--x\r"
	"Content-Transfer-Encoding: base64\rContent-Transfer-Encoding: 8bit\r\r" PROGRAM "\r\n--x--\r\n", false},
    {"lone CR behind the encoding", HEAD "Content-Transfer-Encoding: base64\rx\r\n\r\n" PROGRAM "\r\n", false},
    {"uuencoded text", HEAD "\r\nbegin 644 a.exe\r\n)35HM2$E$1$5.\r\n`\r\nend\r\n", true},
    {"uuencoded text with a line of words", HEAD "\r\nbegin 644 a.exe\r\nplain words, many of them\r\n)35HM2$E$1$5.\r\n`\r\nend\r\n", true},
    {"uuencoded text without a name", HEAD "\r\nbegin 644 \r\n)35HM2$E$1$5.\r\n`\r\nend\r\n", true},
    {"uuencoded text without an end", HEAD "\r\nbegin 644 a.exe\r\n)35HM2$E$1$5.\r\n", true},
};

static void readings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		struct mime *m = parse(hidden[i].text);

		if (!program_is_seen(m) || m->is_ambiguous == hidden[i].is_plain)
			print_error("%s\n", hidden[i].what);
		assert_true(program_is_seen(m));
		assert_int_equal(m->is_ambiguous, !hidden[i].is_plain);
	}
}

/* To some programs a NUL ends the boundary. */
static void a_boundary_with_a_nul(void **state)
{
	static const char text[] = HEAD "Content-Type: multipart/mixed; boundary=\"ab\0cd\"\r\n\r\n--ab\0cd\r\n\r\nx\r\n"
	                           "--ab\r\n" HIDDEN "--ab--\r\n--ab\0cd--\r\n";
	struct mime *m = mime_parse(arena, (struct str){text, sizeof text - 1}, NULL);

	(void)state;
	assert_true(program_is_seen(m));
	assert_true(m->is_ambiguous);
}

/* The names that programs may show; the extension decides what a double click does. */
static void other_names(void **state)
{
	static const char *const fields[] = {
	    "Content-Disposition: attachment; filename=a.txt\r\nContent-Disposition: attachment; filename=a.exe\r\n",
	    "Content-Disposition: attachment; filename=a.txt; filename=a.exe\r\n",
	    "Content-Disposition: attachment; filename=a.txt; filename*=utf-8''a.exe\r\n",
	    "Content-Disposition: attachment; filename*0=a; filename*1=.exe; filename=a.txt\r\n",
	    "Content-Disposition: attachment; filename=\"a.txt\".exe\r\n",
	    "Content-Disposition: attachment; filename=a.exe b.txt\r\n",
	    "Content-Disposition: attachment; filename=\"=?utf-8?B?YQ?\r\n =?utf-8?Q?.exe?=\"; filename=a.txt\r\n",
	    "Content-Disposition: attachment; filename=\"=?utf-8?Q?a?=\r\n =?utf-8?Q?.exe?=\"; filename=a.txt\r\n",
	    "Content-Type: image/gif; name=a.exe\r\nContent-Disposition: attachment; filename=a.txt\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct mime_part *p = parse(arena_printf(arena, HEAD "%s\r\nx", fields[i]).p)->root;

		if (!str_ends(p->filename, STR(".exe")) && !str_ends(p->other_filename, STR(".exe")))
			print_error("%s", fields[i]);
		assert_true(str_ends(p->filename, STR(".exe")) || str_ends(p->other_filename, STR(".exe")));
		assert_true(p->anomalies & MIME_CONFLICTING_NAMES);
	}
}

/* Two names, of which one has no extension, are both kept but no conflict. */
static void names_without_extension(void **state)
{
	struct mime *m = parse(HEAD "Content-Type: application/pgp-signature; name=\"OpenPGP_signature.asc\"\r\n"
	    "Content-Disposition: attachment; filename=\"OpenPGP_signature\"\r\n\r\nx");

	(void)state;
	assert_str(m->root->filename, "OpenPGP_signature");
	assert_str(m->root->other_filename, "OpenPGP_signature.asc");
	assert_false(m->is_ambiguous);
	/* Octets that are no text in their charset: a program that does not convert shows them as they are. */
	m = parse(HEAD "Content-Disposition: attachment; filename*=iso-2022-jp''%1B%24B%24%22.exe\r\n\r\nx");
	assert_true(str_ends(m->root->other_filename, STR(".exe")));
	/* A quote that cuts an encoded word: some programs take it out. */
	m = parse(HEAD "Content-Disposition: attachment; filename=\"=?utf-8?B?ZmlsZS5l\"eGU=?=\"\r\n\r\nx");
	assert_str(m->root->other_filename, "file.exe");
}

/* A report about mail holds fields, no message: nothing to doubt. */
static void reports(void **state)
{
	struct mime *m = parse(HEAD "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n"
	    "\r\nReporting-MTA: dns; a.example\r\n\r\nAction: failed\r\n--x--\r\n");

	(void)state;
	assert_false(m->is_ambiguous);
	assert_true(mime_is_leaf(m->root->first));
}

/* Where no part is found the body is what programs show. */
static void hollow(void **state)
{
	struct mime *m = parse(MIXED "just text\r\n");

	(void)state;
	assert_true(mime_is_hollow(m->root));
	assert_true(mime_has_content(m->root));
	assert_str(mime_decoded(m, m->root), "just text\r\n");
	assert_false(mime_is_hollow(parse(MIXED "--x\r\n\r\na\r\n--x--\r\n")->root));
}

/* Beyond the limits of reading again the message counts as ambiguous. */
static void reading_limit(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_adds(&b, "A: b\r\n\r\na\rb");
	while (b.n < 17 * 1024 * 1024)
		buf_adds(&b, "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n");
	assert_true(mime_parse(arena, buf_str(&b), NULL)->is_ambiguous);
	b.n = 1024 * 1024;
	assert_false(mime_parse(arena, buf_str(&b), NULL)->is_ambiguous);
	buf_free(&b);
}

static void octets(struct buf *b, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addc(b, (char)(value >> (8 * i)));
}

static void attribute(struct buf *b, uint8_t level, uint32_t id, struct str data)
{
	octets(b, level, 1);
	octets(b, id, 4);
	octets(b, (uint32_t)data.n, 4);
	buf_add(b, data);
	octets(b, 0, 2);
}

/* n files in a container, each with a long name in a property. */
static struct mime *with_tnef(size_t n, size_t cut)
{
	struct buf b = {0}, p = {0};

	buf_adds(&b, HEAD "Content-Type: application/ms-tnef\r\n\r\n");
	octets(&b, 0x223e9f78, 4);
	octets(&b, 1, 2);
	attribute(&b, 1, 0x89006, STR("1234"));
	octets(&p, 2, 4);
	octets(&p, 0x0e200003, 4); /* a number */
	octets(&p, 99, 4);
	octets(&p, 0x3707001f, 4);
	octets(&p, 1, 4);
	octets(&p, 8, 4);
	buf_add(&p, (struct str){"\xfc\0.\0x\0\0\0", 8});
	for (size_t i = 0; i < n; i++) {
		attribute(&b, 2, 0x69002, STR("rendering"));
		attribute(&b, 2, 0x18010, STR("SHORT.X"));
		attribute(&b, 2, 0x6800f, STR("data"));
		attribute(&b, 2, 0x69005, buf_str(&p));
	}
	buf_free(&p);
	b.n -= cut;
	return mime_parse(arena, buf_take(&b, arena), NULL);
}

static void tnef(void **state)
{
	struct mime *m = with_tnef(2, 0);
	struct mime_part *p = m->root->first;

	(void)state;
	assert_int_equal(m->part_count, 3);
	assert_str(p->filename, "\xc3\xbc.x");
	assert_str(mime_decoded(m, p), "data");
	assert_str(p->next->filename, "\xc3\xbc.x");
	/* Broken off: what came before stays. */
	assert_str(with_tnef(1, 30)->root->first->filename, "SHORT.X");
	assert_int_equal(with_tnef(99, 0)->part_count, 100);
	assert_int_equal(with_tnef(100, 0)->part_count, 101);
	assert_int_equal(with_tnef(101, 0)->part_count, 101);
}

/* ---- growing inputs ---- */

static void run(struct arena *a, struct str in)
{
	mime_parse(a, in, NULL);
}

static void linear(void **state)
{
	enum { MB = 1024 * 1024 };

	(void)state;
	assert_linear("lines", run, MIXED, STR("\r\n"), 2 * MB);
	assert_linear("dashes", run, MIXED, STR("--\r\n"), MB);
	assert_linear("delimiters", run, MIXED, STR("--x\r\n\r\n"), MB);
	assert_linear("closing delimiters", run, MIXED, STR("--x--\r\n"), MB);
	assert_linear("boundary prefixes", run, MIXED "--x\r\n\r\n", STR("--xxxxxxxx\r\n"), MB);
	assert_linear("messages", run, HEAD, STR("Content-Type: message/rfc822\r\n\r\n"), MB);
	assert_linear("levels", run, HEAD, STR("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"), MB);
	assert_linear("long header line", run, HEAD "A: ", STR("aaaaaaaaaaaaaaa"), MB);
	assert_linear("colonless lines", run, MIXED "--x\r\n", STR("no colon\r\nContent-Type: a/b\r\n"), MB);
	assert_linear("lone CR", run, MIXED, STR("\r--x\r"), MB);
	assert_linear("parameters", run, HEAD "Content-Type: a/b", STR("; a*0*=%41"), 120 * 1024);
	assert_linear("comments", run, HEAD "Content-Type: a/b ", STR("("), 120 * 1024);
	assert_linear("quotes", run, HEAD "Content-Type: a/b; ", STR("a=\"b"), 120 * 1024);
	assert_linear("uuencode", run, HEAD "\r\n", STR("begin 644 x\n#0V%T\n#0V%T\n"), MB);
	assert_linear("begin", run, HEAD "\r\n", STR("begin "), MB);
	assert_linear("one long line", run, HEAD "\r\n", STR("0123456789abcdef"), 4 * MB);
}

/* 32 boundaries that differ in their last octets only. */
static void linear_stack(void **state)
{
	struct buf head = {0};

	(void)state;
	buf_adds(&head, HEAD);
	for (int i = 0; i < MIME_DEPTH_MAX; i++)
		buf_addf(&head, "Content-Type: multipart/mixed; boundary=%0200d\r\n\r\n--%0200d\r\n", i, i);
	buf_addf(&head, "\r\n\r\n%c", '\0');
	assert_linear("deep stack", run, head.p, arena_printf(arena, "--%0200d\r\n", 99), 1024 * 1024);
	buf_free(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tree),
	    cmocka_unit_test(nested_message),
	    cmocka_unit_test(anomalies),
	    cmocka_unit_test(nul_in_body),
	    cmocka_unit_test(long_line),
	    cmocka_unit_test(part_limit),
	    cmocka_unit_test(depth_limit),
	    cmocka_unit_test(message_depth),
	    cmocka_unit_test(boundary_limit),
	    cmocka_unit_test(param_limit),
	    cmocka_unit_test(names),
	    cmocka_unit_test(part_header_limit),
	    cmocka_unit_test(uuencoded_text),
	    cmocka_unit_test(uuencoded_oddly),
	    cmocka_unit_test(readings), cmocka_unit_test(a_boundary_with_a_nul),
	    cmocka_unit_test(other_names),
	    cmocka_unit_test(names_without_extension),
	    cmocka_unit_test(reports),
	    cmocka_unit_test(hollow),
	    cmocka_unit_test(reading_limit),
	    cmocka_unit_test(tnef),
	    cmocka_unit_test(linear),
	    cmocka_unit_test(linear_stack),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
