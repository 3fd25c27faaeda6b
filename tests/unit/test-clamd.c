/* clamd's answers: what is clean, what is not, and what is none; addresses; times of databases. */
#include <stdio.h>
#include <stdlib.h>

#include "filters/clamav_clamd.h"
#include "tests/unit/unit.h"

static void answers(void **state)
{
	static const struct {
		const char *line;
		enum wire_status status;
		const char *text;
	} rows[] = {
	    {"stream: OK", WIRE_CLEAN, ""},
	    {"fd[12]: OK", WIRE_CLEAN, ""},
	    {"stream: Eicar-Signature FOUND", WIRE_INFECTED, "Eicar-Signature"},
	    {"fd[9]: Eicar(44d88612fea8a8f36de82e1278abb02f:68) FOUND", WIRE_INFECTED, "Eicar"},
	    {"stream: a: b FOUND", WIRE_INFECTED, "a: b"},
	    {"stream: Heuristics.Encrypted.Zip FOUND", WIRE_ENCRYPTED, "Heuristics.Encrypted.Zip"},
	    {"stream: Heuristics.Limits.Exceeded.MaxFiles FOUND", WIRE_LIMIT, "Heuristics.Limits.Exceeded.MaxFiles"},
	    {"stream: Heuristics.Broken.Executable FOUND", WIRE_BROKEN, "Heuristics.Broken.Executable"},
	    {"stream: Heuristics.Phishing.Email FOUND", WIRE_INFECTED, "Heuristics.Phishing.Email"},
	    {"INSTREAM size limit exceeded. ERROR", WIRE_LIMIT, "INSTREAM size limit exceeded."},
	    {"stream: Can't allocate memory ERROR", WIRE_UNSCANNED, "Can't allocate memory"},
	    {"COMMAND READ TIMED OUT ERROR", WIRE_UNSCANNED, "COMMAND READ TIMED OUT"},
	    {" ERROR", WIRE_UNSCANNED, ""},
	};
	static const char *const nonsense[] = {"", "OK", "FOUND", "ERROR", ": ", "stream:OK", "stream: ok", "stream: OK ", "stream: ",
	    "stream:  FOUND", "stream: FOUND", "UNKNOWN COMMAND", "stream: OK\nstream: OK"};
	struct str text;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(clamd_answer(str_of(rows[i].line), &text), rows[i].status);
		assert_str(text, rows[i].text);
	}
	for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
		assert_int_equal(clamd_answer(str_of(nonsense[i]), &text), WIRE_UNSCANNED);
}

static void times(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	assert_int_equal(clamd_database_time(STR("ClamAV 1.4.6/27800/Thu Nov 26 08:12:01 2020")), 1606378321);
	assert_int_equal(clamd_database_time(STR("ClamAV 1.4.6/27800/Thu Nov  5 08:12:01 2020")), 1604563921);
	assert_int_equal(clamd_database_time(STR("ClamAV 1.4.6")), 0);
	assert_int_equal(clamd_database_time(STR("ClamAV 1.4.6/")), 0);
	assert_int_equal(clamd_database_time(STR("ClamAV 1.4.6/27800/yesterday")), 0);
	assert_int_equal(clamd_database_time(STR("/Thu Nov 26 08:12:01 2020 and much more text behind it, which is no date at all")), 0);
}

/* One configured socket: accepted, or an error. */
static bool is_socket(const char *text)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct conf_token token = {.kind = TOKEN_WORD, .text = str_of(text)};
	struct conf_strings sockets = {&token, 1};
	struct clamd *c;

	conf_load_init(&load, a);
	c = clamd_new(&load, &sockets, 1000, 1000);
	assert_int_equal(c != NULL, load.first == NULL);
	arena_free(a);
	return c != NULL;
}

static void sockets(void **state)
{
	char path[120] = "/";

	(void)state;
	assert_true(is_socket("/run/clamav/clamd.ctl"));
	assert_true(is_socket("unix:/run/clamav/clamd.ctl"));
	assert_true(is_socket("127.0.0.1:3310"));
	assert_true(is_socket("[::1]:3310"));
	assert_false(is_socket("127.0.0.1"));
	assert_false(is_socket("clamd:3310"));
	assert_false(is_socket("run/clamd.ctl"));
	memset(path + 1, 'x', 106);
	assert_true(is_socket(path)); /* 107 octets and the zero behind them */
	path[107] = 'x';
	assert_false(is_socket(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(times), cmocka_unit_test(sockets)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
