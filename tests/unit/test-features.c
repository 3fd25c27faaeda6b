/* What the learner sees of a message. */
#include <stdlib.h>

#include "tests/unit/features-kit.h"
#include "tests/unit/growing.h"

static size_t zone_start(const struct features *f, enum learner_zone zone)
{
	return zone ? f->ends[zone - 1] : 0;
}

static size_t zone_size(const struct features *f, enum learner_zone zone)
{
	return f->ends[zone] - zone_start(f, zone);
}

/* The feature of that zone that stands for the word; 0 when there is none. */
static uint32_t feature_of(const struct features *f, enum learner_zone zone, struct str word)
{
	for (size_t i = zone_start(f, zone); i < f->ends[zone]; i++)
		if (str_eq(f->words[i], word))
			return f->v[i];
	return 0;
}

static bool has_feature(const struct features *f, enum learner_zone zone, uint32_t feature)
{
	for (size_t i = zone_start(f, zone); i < f->ends[zone]; i++)
		if (f->v[i] == feature)
			return true;
	return false;
}

static void line_ends_do_not_matter(void **state)
{
	struct features lf = features_of(STR("Subject: x\nMessage-ID:\n <a@b>\nContent-Type: text/plain;\n charset=utf-8\n\nhello\nworld\n"));
	struct features crlf =
	    features_of(STR("Subject: x\r\nMessage-ID:\r\n <a@b>\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\nhello\r\nworld\r\n"));

	(void)state;
	assert_true(features_digest(&lf) == features_digest(&crlf));
}

static void use_text(struct arena *a, struct str text)
{
	struct session *s = session_new(chain, NULL, FACE_SCAN);
	struct features f;

	(void)a;
	message_start(s)->spool = spool_of(text);
	headers_parse(s->message->arena, text, &s->message->headers);
	features_make(s->message->arena, s->message, &(struct feature_source){0}, &f);
	assert_true(f.n <= LEARNER_FEATURES_MAX && f.ends[ZONE_COUNT - 1] == f.n);
	session_free(s);
}

static void takes_linear_time(void **state)
{
	enum { KB = 1024 };

	(void)state;
	assert_linear("words", use_text, "Subject: s\n\n", STR("cheap pills 17 "), 256 * KB);
	assert_linear("links", use_text, "Subject: s\n\n", STR("http://a.example/b c\n"), 64 * KB);
	assert_linear("fields", use_text, "Received: ", STR("from a.b.c by d;\nReceived: "), 64 * KB);
	assert_linear("a field", use_text, "Subject: ", STR("a.b@"), 64 * KB);
	assert_linear("nothing", use_text, "Subject: s\n\n", STR("\0"), 256 * KB);
}

static void features_are_bounded_and_leave_our_fields_out(void **state)
{
	struct buf text = {0};
	struct features f, with, without;

	(void)state;
	buf_adds(&text, "Subject: x\r\n\r\n");
	for (uint64_t i = 0, seed = 1; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		buf_addc(&text, i % 60 == 59 ? '\n' : (char)('!' + (seed >> 33) % 90));
	}
	f = features_of(buf_str(&text));
	assert_true(f.n <= LEARNER_FEATURES_MAX && f.n > 1000);
	buf_free(&text);
	with = features_of(STR("Delivered-To: a@b\r\nX-Spam-Flag: YES\r\nSubject: x\r\n\r\ny\r\n"));
	without = features_of(STR("Subject: x\r\n\r\ny\r\n"));
	assert_true(features_digest(&with) == features_digest(&without));
	with = features_of(STR("Received: from a by store.ours.example\r\nReceived: from c\r\n by MX.ours.example; now\r\n"
			       "Received: from d by e\r\nSubject: x\r\n\r\ny\r\n"));
	without = features_of(STR("Received: from d by e\r\nSubject: x\r\n\r\ny\r\n"));
	assert_true(features_digest(&with) == features_digest(&without));
	with = features_of(STR("Received: from d by f\r\nSubject: x\r\n\r\ny\r\n"));
	assert_true(features_digest(&with) != features_digest(&without));
	f = features_of(STR(""));
	assert_true(f.n > 0);
}


/* Wherever in the text it stands, in whatever case, and however long it is: eight octets are read at once where they can be. */
static void a_word_is_the_same_everywhere(void **state)
{
	const char *letters = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghij";

	(void)state;
	for (int n = 1; n < 40; n++) {
		struct str word = arena_printf(arena, "%.*s", n, letters);
		struct features first = features_of(arena_printf(arena, "Subject: s\n\n%.*s another one behind it\n", n, letters));
		struct features last = features_of(arena_printf(arena, "Subject: s\n\none before %.*s", n, letters));
		struct str upper = arena_str(arena, word);
		struct features loud;

		for (size_t i = 0; i < upper.n; i++)
			((char *)upper.p)[i] = (char)to_upper(upper.p[i]);
		loud = features_of(arena_printf(arena, "Subject: s\n\nand %.*s, too\n", STR_ARG(upper)));
		assert_true(feature_of(&first, ZONE_WORD, word) != 0);
		assert_true(has_feature(&last, ZONE_WORD, feature_of(&first, ZONE_WORD, word)));
		assert_int_equal(feature_of(&loud, ZONE_WORD, upper), feature_of(&first, ZONE_WORD, word));
		assert_int_equal(feature_of(&first, ZONE_WORD, arena_printf(arena, "%.*s?", n, letters)), 0);
	}
}

/* As long as 40, it is no word: base64, or a separator. */
static void what_is_too_long_is_no_word(void **state)
{
	struct str long_word = STR("abcdefghijklmnopqrstuvwxyz0123456789abcd");
	struct features at = features_of(arena_printf(arena, "Subject: s\n\nit is %.*s here\n", STR_ARG(long_word)));
	struct features below = features_of(arena_printf(arena, "Subject: s\n\nit is %.39s here\n", long_word.p));

	(void)state;
	assert_int_equal(feature_of(&at, ZONE_WORD, long_word), 0);
	assert_true(feature_of(&below, ZONE_WORD, str_sub(long_word, 0, 39)) != 0);
}

static void what_occurs_again_is_one_feature(void **state)
{
	struct features once = features_of(STR("Subject: s\n\ncheap pills and cheap pills\n"));
	struct features often = features_of(STR("Subject: s\n\ncheap pills and cheap pills and cheap pills and cheap pills\n"));

	(void)state;
	assert_int_equal(zone_size(&once, ZONE_WORD), zone_size(&often, ZONE_WORD));
	for (size_t i = 0; i < often.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(often.v[i] != often.v[k]);
}

/* Grams do not know where a line ends, nor how many octets were looked at at once. */
static void grams_are_those_of_the_whole_text(void **state)
{
	struct buf text = {0};
	struct features whole, part;
	size_t missing = 0;

	(void)state;
	buf_adds(&text, "Subject: s\n\n");
	for (int i = 0; i < 90; i++)
		buf_addf(&text, "%c%c%c%c ", 'a' + i % 26, 'a' + i * 7 % 26, 'a' + i * 11 % 26, 'a' + i * i % 26);
	whole = features_of(buf_str(&text));
	for (size_t at = 13; at < 313; at += 100) {
		struct str piece = str_sub(buf_str(&text), at, at + 120);

		part = features_of(arena_printf(arena, "Subject: s\n\n%.*s", STR_ARG(piece)));
		assert_true(zone_size(&part, ZONE_TEXT_GRAM) > 5);
		for (size_t i = zone_start(&part, ZONE_TEXT_GRAM); i < part.ends[ZONE_TEXT_GRAM]; i++)
			missing += !has_feature(&whole, ZONE_TEXT_GRAM, part.v[i]);
	}
	assert_int_equal(missing, 0);
	buf_free(&text);
}

static void the_subject_has_zones_of_its_own(void **state)
{
	struct features f = features_of(STR("Subject: cheap pills\n\npills for you\n"));
	uint32_t in_subject = feature_of(&f, ZONE_SUBJECT, STR("pills")), in_text = feature_of(&f, ZONE_WORD, STR("pills"));

	(void)state;
	assert_true(in_subject != 0 && in_text != 0 && in_subject != in_text);
	assert_true(feature_of(&f, ZONE_SUBJECT, STR("cheap pills")) != 0);
	assert_int_equal(feature_of(&f, ZONE_SUBJECT, STR("you")), 0);
	assert_int_equal(feature_of(&f, ZONE_WORD, STR("cheap")), 0);
	assert_int_equal(zone_size(&f, ZONE_SUBJECT_GRAM), strlen("cheap pills\n") - 3); /* as rules see it, a line */
	f = features_of(STR("From: a@b\n\npills for you\n"));
	assert_int_equal(zone_size(&f, ZONE_SUBJECT) + zone_size(&f, ZONE_SUBJECT_GRAM), 0);
}

/* The last word ends where what is looked at of a subject ends, or before, or it does not end there. */
static void the_subject_is_bounded(void **state)
{
	char x[LEARNER_SUBJECT_BYTES];

	(void)state;
	memset(x, 'x', sizeof x);
	for (int before = LEARNER_SUBJECT_BYTES - 7; before <= LEARNER_SUBJECT_BYTES - 5; before++) {
		struct features f = features_of(arena_printf(arena, "Subject: %.*s pills\n\nhello\n", before, x));
		bool is_seen = feature_of(&f, ZONE_SUBJECT, STR("pills")) != 0;

		assert_int_equal(is_seen, before + 6 <= LEARNER_SUBJECT_BYTES);
	}
}

static void people_have_a_zone(void **state)
{
	static const char *const fields[] = {"From", "to", "CC", "Reply-To", "Sender", "Errors-To"};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct features f = features_of(arena_printf(arena, "%s: Ann <ann@mail.example.org>\nSubject: s\n\nhello\n", fields[i]));
		bool is_person = i < 5;

		assert_int_equal(feature_of(&f, ZONE_ADDRESS, STR("Ann")) != 0, is_person);
		assert_int_equal(feature_of(&f, ZONE_ADDRESS, STR("ann@mail.example.org")) != 0, is_person);
		assert_int_equal(feature_of(&f, ZONE_ADDRESS, STR(".example.org")) != 0, is_person);
	}
}

/* Our own hosts do not count. */
static void the_last_two_hosts_are_told_from_those_before(void **state)
{
	struct str text = STR("Received: from four.example by mx.ours.example; now\nReceived: from three.example by four.example; now\n"
			      "Received: from two.example by three.example; now\nReceived: from one.example by two.example; now\n"
			      "Subject: s\n\nhello\n");
	struct features f = features_of(text);

	(void)state;
	assert_true(feature_of(&f, ZONE_HOP, STR("three.example")) != 0 && feature_of(&f, ZONE_HOP, STR("two.example")) != 0);
	assert_int_equal(feature_of(&f, ZONE_HOP, STR("one.example")), 0);
	assert_int_equal(feature_of(&f, ZONE_HOP, STR("now")), 0);
	assert_true(feature_of(&f, ZONE_PATH, STR("one.example")) != 0);
	assert_int_equal(feature_of(&f, ZONE_PATH, STR("three.example")), 0);
	assert_true(feature_of(&f, ZONE_HOP, STR("two.example")) != feature_of(&f, ZONE_PATH, STR("two.example")));
	f = features_of(str_from(text, (size_t)str_find(text, STR("Received: from two"))));
	assert_int_equal(zone_size(&f, ZONE_PATH), 0);
}

static void rules_that_hit_are_features(void **state)
{
	struct str text = STR("Subject: s\n\nhello\n");
	const struct str names[] = {STR("HTML_MESSAGE"), STR("MISSING_DATE"), STR("HTML_MESSAGE")};
	struct features without = features_of(text), with = features_with(text, names, 3), other = features_with(text, names, 1);

	(void)state;
	assert_string_equal(zone_name(ZONE_RULE), "rule");
	assert_int_equal(zone_size(&without, ZONE_RULE), 0);
	assert_int_equal(zone_size(&with, ZONE_RULE), 2);
	assert_true(feature_of(&with, ZONE_RULE, STR("MISSING_DATE")) != 0);
	assert_int_equal(feature_of(&other, ZONE_RULE, names[0]), feature_of(&with, ZONE_RULE, names[0]));
	assert_int_equal(with.n, without.n + 2);
	/* It is the same message when the rules are others. */
	assert_true(features_digest(&with) == features_digest(&without) && features_digest(&other) == features_digest(&without));
}

static void rules_are_bounded(void **state)
{
	struct str names[LEARNER_RULES + 1];

	(void)state;
	for (int i = 0; i <= LEARNER_RULES; i++)
		names[i] = arena_printf(arena, "RULE_%d", i);
	for (size_t n = LEARNER_RULES - 1; n <= LEARNER_RULES + 1; n++) {
		struct features f = features_with(STR("Subject: s\n\nhello\n"), names, n);

		assert_int_equal(zone_size(&f, ZONE_RULE), n < LEARNER_RULES ? n : LEARNER_RULES);
		assert_true(zone_size(&f, ZONE_WORD) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(line_ends_do_not_matter),
	    cmocka_unit_test(takes_linear_time),
	    cmocka_unit_test(features_are_bounded_and_leave_our_fields_out),
	    cmocka_unit_test(a_word_is_the_same_everywhere),
	    cmocka_unit_test(what_is_too_long_is_no_word),
	    cmocka_unit_test(what_occurs_again_is_one_feature),
	    cmocka_unit_test(grams_are_those_of_the_whole_text),
	    cmocka_unit_test(the_subject_has_zones_of_its_own),
	    cmocka_unit_test(the_subject_is_bounded),
	    cmocka_unit_test(people_have_a_zone),
	    cmocka_unit_test(the_last_two_hosts_are_told_from_those_before),
	    cmocka_unit_test(rules_that_hit_are_features),
	    cmocka_unit_test(rules_are_bounded),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
