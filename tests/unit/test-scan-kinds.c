/* Kinds of content: each row of the table of magics at its bounds, and what needs a second look. */
#include <stdlib.h>

#include "scanner/content/content.h"
#include "tests/unit/unit.h"

enum { SAMPLE = 40000 };

/* A file of n octets in its own memory, so that a sanitizer sees each octet behind it. */
static enum wire_kind_id kind_of(const char *octets, size_t n)
{
	char *copy = malloc(n ? n : 1);
	enum wire_kind_id kind;

	assert_non_null(copy);
	memcpy(copy, octets, n);
	kind = content_kind((struct str){copy, n});
	free(copy);
	return kind;
}

/* What a kind asks for beyond its magic. */
static const struct {
	enum wire_kind_id kind;
	unsigned at;
	const char *octets;
	unsigned n;
} more[] = {
    {KIND_BMP, 14, "\050\0\0\0", 4}, {KIND_EXE, 60, "\200\0\0\0", 4},	   {KIND_EXE, 128, "PE\0\0", 4},
    {KIND_LHA, 6, "-", 1},	   {KIND_BZIP2, 3, "91AY&SY", 7},	   {KIND_SWF, 3, "\011", 1},
    {KIND_LZMA, 5, "\377\377\377\377", 4}, {KIND_ICO, 4, "\001\0", 2},
};

static void fill(char *sample, const struct content_magic *m)
{
	memset(sample, 0, SAMPLE);
	memcpy(sample + m->offset, m->octets, m->n);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (more[i].kind == m->kind)
			memcpy(sample + more[i].at, more[i].octets, more[i].n);
}

/* So many octets must be there; kinds without a second look need their magic and no more. */
static size_t least_of(const struct content_magic *m)
{
	static const struct {
		enum wire_kind_id kind;
		size_t least;
	} rows[] = {{KIND_BMP, 26}, {KIND_EXE, 28}, {KIND_LHA, 23}, {KIND_BZIP2, 11}, {KIND_SWF, 9}, {KIND_LZMA, 14},
	    {KIND_ICO, 23}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].kind == m->kind)
			return rows[i].least;
	return m->offset + m->n;
}

static void each_row_at_its_bounds(void **state)
{
	size_t n;
	const struct content_magic *rows = content_magics(&n);
	char *sample = malloc(SAMPLE);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct content_magic *m = &rows[i];
		size_t least = least_of(m);

		fill(sample, m);
		assert_int_equal(kind_of(sample, least), m->kind);
		assert_int_equal(kind_of(sample, SAMPLE), m->kind);
		assert_int_not_equal(kind_of(sample, least - 1), m->kind);
		assert_int_not_equal(kind_of(sample, m->offset + m->n - 1), m->kind);
		for (unsigned k = 0; k < m->n; k++) {
			fill(sample, m);
			sample[m->offset + k] ^= 0x55;
			assert_int_not_equal(kind_of(sample, SAMPLE), m->kind);
		}
	}
	free(sample);
}

/*
 * A program says where its second header is: inside, at the end, behind it. The offset and what is
 * before it hold no zero octet, which by itself would say DOS program.
 */
static void header_of_a_program(void **state)
{
	enum { AT = 0x01010101 };
	static const struct {
		size_t n;
		char octet;
		enum wire_kind_id kind;
	} rows[] = {{AT + 2, 'P', KIND_EXE}, {AT + 3, 'N', KIND_EXE}, {AT + 2, 'L', KIND_EXE}, {AT + 2, 'x', KIND_UNKNOWN},
	    {AT + 1, 'P', KIND_UNKNOWN}, {AT, 'P', KIND_UNKNOWN}, {64, 'P', KIND_UNKNOWN}};
	char *sample = malloc(AT + 3);

	(void)state;
	memset(sample, 1, AT + 3);
	memcpy(sample, "MZ", 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sample[AT] = rows[i].octet;
		assert_int_equal(kind_of(sample, rows[i].n), rows[i].kind);
	}
	free(sample);
}

/* What a fuzzer found: the header at offset 64 of 64 octets. */
static void header_behind_the_end(void **state)
{
	char sample[64];

	(void)state;
	for (uint32_t at = 0xffffff00; at != 0; at++) {
		memset(sample, 1, sizeof sample);
		memcpy(sample, "MZ", 2);
		for (int k = 0; k < 4; k++)
			sample[60 + k] = (char)(at >> 8 * k);
		kind_of(sample, sizeof sample);
	}
	memset(sample, 1, sizeof sample);
	memcpy(sample, "MZ", 2);
	memcpy(sample + 60, "\100\0\0\0", 4);
	assert_int_equal(kind_of(sample, sizeof sample), KIND_EXE);
}

static void texts(void **state)
{
	static const struct {
		const char *text;
		enum wire_kind_id kind;
	} rows[] = {
	    {"", KIND_EMPTY}, {"hello\n", KIND_TEXT}, {"\001\002\003\004", KIND_UNKNOWN}, {"  \r\n<!DOCTYPE HTML>", KIND_HTML},
	    {"\xef\xbb\xbf<HTML>", KIND_HTML}, {"text first <sCript>", KIND_HTML}, {"<?xml version='1.0'?><a/>", KIND_XML},
	    {"<?xml version='1.0'?><svg/>", KIND_SVG}, {"<?xml version='1.0'?><html/>", KIND_HTML}, {"@echo off", KIND_BATCH},
	    {"[InternetShortcut]\nURL=x", KIND_URL}, {"Received: by x\n", KIND_MAIL}, {"\n\n{\\rtf1", KIND_RTF},
	    {"a few words before %PDF-1.4", KIND_PDF}, {"BM is how this text begins, and it is no picture", KIND_TEXT},
	    {"MZ begins this one; no program holds only words that people read, I think", KIND_TEXT},
	    {"ID;PWXL;N;E\n", KIND_SLK}, {"MIME-Version: 1.0\nX: y\n\n", KIND_MAIL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(kind_of(rows[i].text, strlen(rows[i].text)), rows[i].kind);
	assert_int_equal(kind_of("\xff\xfe<\0h\0t\0m\0l\0>\0", 14), KIND_HTML);
	assert_int_equal(kind_of("\xfe\xff\0<\0?\0x\0m\0l\0 ", 14), KIND_XML);
}

/* What is known by more than a magic at a fixed place. */
static void others(void **state)
{
	char sample[1024] = {0};

	(void)state;
	memcpy(sample, "\xca\xfe\xba\xbe\0\0\0\064", 8);
	assert_int_equal(kind_of(sample, 9), KIND_CLASS);
	assert_int_equal(kind_of(sample, 8), KIND_UNKNOWN);
	sample[7] = 2;
	assert_int_equal(kind_of(sample, 9), KIND_MACHO);
	memcpy(sample, "\x60\xea\x28\x0a", 4); /* 2600: the most that a header of ARJ has */
	assert_int_equal(kind_of(sample, 35), KIND_ARJ);
	assert_int_equal(kind_of(sample, 34), KIND_UNKNOWN);
	sample[2]++;
	assert_int_equal(kind_of(sample, 35), KIND_UNKNOWN);
	memset(sample, 0, sizeof sample);
	memcpy(sample + 1024 - 512, "koly", 4);
	assert_int_equal(kind_of(sample, 1024), KIND_DMG);
	memcpy(sample + 1024 - 512, "conectix", 8);
	assert_int_equal(kind_of(sample, 1024), KIND_DISK); /* fixed: a word about it at the end */
	assert_int_equal(kind_of(sample, 1023), KIND_UNKNOWN);
	memcpy(sample, "\xeb\x3c\x90MSDOS5.0", 11);
	memcpy(sample + 510, "\x55\xaa", 2);
	assert_int_equal(kind_of(sample, 512), KIND_DISK);
	assert_int_equal(kind_of(sample, 511), KIND_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_row_at_its_bounds),
	    cmocka_unit_test(header_of_a_program),
	    cmocka_unit_test(header_behind_the_end),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
