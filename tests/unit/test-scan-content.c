/* Detectors on what is made to keep them busy: rings in tables and trees, and inputs that grow. */
#include <stdlib.h>

#include "lib/clock.h"
#include "scanner/content/aes.h"
#include "scanner/content/content.h"
#include "scanner/engine.h"
#include "tests/unit/growing.h"

enum { SIZE = 400 * 1000 };

static const struct wire_settings limits = {.max_members = 100, .max_depth = 4, .max_member = 8 << 20, .max_total = 16 << 20,
    .max_ratio = 250};

/* Examines the bytes; the milliseconds that it took. */
static double examine(struct str bytes, uint32_t *ret_flags)
{
	static char room[WIRE_ANSWER_MAX];
	struct wire_head request = {.op = WIRE_SCAN, .id = 1}, head;
	struct wire_answer answer;
	struct content_job job = {.answer = &answer, .is_hashed = true, .limits = &limits, .deadline_us = UINT64_MAX};
	int64_t before = clock_ticks_ns();

	wire_answer_start(&answer, room, &request);
	*ret_flags = content_examine(&job, bytes, false);
	assert_true(wire_read_answer(wire_answer_finish(&answer), &head));
	return (double)(clock_ticks_ns() - before) / 1e6;
}

static void put32(char *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(n >> 8 * i);
}

/* An OLE file of eight sectors whose first holds the table of chains, with all chains in one sector. */
static void fill_ole(char *file, size_t n)
{
	memset(file, 0, n);
	memcpy(file, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
	file[30] = 9;
	file[32] = 6;
	put32(file + 44, 1);
	put32(file + 56, 4096);
	put32(file + 60, 2);
	put32(file + 68, 0xfffffffe);
	for (size_t at = 76; at < 512; at += 4)
		put32(file + at, 0xffffffff);
	put32(file + 76, 0);
	put32(file + 48, 1); /* the folder */
	for (uint32_t i = 0; i < 128; i++)
		put32(file + 512 + 4 * i, i == 1 ? 1 : 2); /* each chain is a ring */
}

static void put_entry(char *p, const char *name, int type, uint32_t child, uint32_t start, uint32_t size)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		p[2 * i] = name[i];
	p[64] = (char)(2 * n + 2);
	p[66] = (char)type;
	p[67] = 1;
	for (int i = 0; i < 3; i++)
		put32(p + 68 + 4 * i, child);
	put32(p + 116, start);
	put32(p + 120, size);
}

static void rings(void **state)
{
	char file[9 * 512];
	uint32_t flags;

	(void)state;
	/* The chain of tables leads to itself, and holds nothing that would fill up. */
	fill_ole(file, sizeof file);
	put32(file + 68, 3);
	put32(file + 72, 0xffffffff);
	put32(file + 512 * 4, 0xffffffff);
	put32(file + 512 * 4 + 508, 3);
	assert_true(examine((struct str){file, sizeof file}, &flags) < 2000);
	/* So does the folder, its tree, and the stream that all of its entries name. */
	fill_ole(file, sizeof file);
	put_entry(file + 1024, "Root Entry", 5, 1, 2, 0xffffffff);
	for (uint32_t i = 1; i < 4; i++)
		put_entry(file + 1024 + 128 * i, "WordDocument", 2, i % 4, 2, 0xffffffff);
	assert_true(examine((struct str){file, sizeof file}, &flags) < 2000);
}

static void run(struct arena *a, struct str in)
{
	uint32_t flags;

	(void)a;
	examine(in, &flags);
}

/* All entries of a folder name the stream that costs most to look at. */
static void busy_folder(const char *name, uint32_t entries)
{
	size_t n = 512 * 3 + 128 * (size_t)entries;
	char *file = calloc(1, n + 512);
	uint32_t flags;
	double took;

	assert_non_null(file);
	fill_ole(file, 9 * 512 < n ? 9 * 512 : n);
	for (uint32_t i = 0; i < 128; i++)
		put32(file + 512 + 4 * i, i + 1);
	put32(file + 48, 0xfffffff0); /* no folder: it is looked for */
	for (uint32_t i = 0; i < entries; i++)
		put_entry(file + 1536 + 128 * i, name, i ? 2 : 5, 1, 1, 4096);
	took = examine((struct str){file, n}, &flags);
	if (took >= 5000)
		print_message("%s: %.0f ms\n", name, took);
	assert_true(took < 5000);
	free(file);
}

static void busy_folders(void **state)
{
	static const char *const names[] = {"WordDocument", "Workbook", "PowerPoint Document", "__substg1.0_37010102", "\1Ole10Native", "Package"};

	(void)state;
	for (size_t i = 0; GROWING_IS_TIMED && i < sizeof names / sizeof *names; i++)
		busy_folder(names[i], 30000);
}

static void growing(void **state)
{
	static const struct {
		const char *start, *again;
	} rows[] = {
	    {"%PDF-1.4\n", "1 0 obj<</Type/ObjStm/Filter/FlateDecode>>stream\nx"}, {"%PDF-1.4\n", "stream"}, {"%PDF-1.4\n", "obj"},
	    {"%PDF-1.4\n", "/#4"}, {"%PDF-1.4\n", "/Encrypt 1 0 R"},
	    {"%PDF-1.4/Encrypt 1 0 R\n", "21 0 obj "}, {"{\\rtf1", "{\\*\\objdata 01"}, {"{\\rtf1", "\\objdata 01}"}, {"{\\rtf1", "{\\fldinst "},
	    {"{\\rtf1", "\\bin1 "}, {"<?xml version='1.0'?>", "<Relationship a='"}, {"<?xml version='1.0'?>", "<w:instrText"},
	    {"<?xml version='1.0'?>", "<fldSimple instr=\"&#"}, {"<?xml version='1.0'?><relationship>", "<"},
	    {"<?xml version='1.0'?><relationship>", "<a b="}, {"<html>", "<script"}, {"<html>", "onload"}, {"a,b\n", "=|'"},
	    {"a,b\n", "|"}, {"ID;P\n", "C;E|'"}, {"ID;P\n", ";;;"}, {"MIME-Version: 1.0\n", "QWN0aXZlTWlt"}, {"ActiveMime", "x"},
	    {"MIME-Version: 1.0\n", "Content-Transfer-Encoding: base64\n\nQUFB\n"}, {"MIME-Version: 1.0\n", "Content-Transfer-Encoding:"},
	    {"MIME-Version: 1.0\n", "Content-Transfer-Encoding: 8bit\n\nname=\"x\n\n"}, {"text\n", "begin 644 a\n"},
	    {"text\n", "begin 644 a\n#0V%T\n"}, {"\x78\x9f\x3e\x22", "\x02\x02\x90\x06"}, {"SZDD\x88\xf0\x27\x33", "\xff\x01"},
	    {"(This file must be converted with BinHex 4.0):", "!\"#"}, {"<html><script>", "'+'"}, {"<html><script>", "\"   "},
	    {"<html><script>", "['"}, {"<html><script>", "'QUFBQUFBQUFBQUFBQUFBQUFBQUFB"}, {"<html>", "<a b on"}, {"<html><a ", "on "},
	    {"%PDF-1.4\n", "/EF<</F 1 0 R>>"}, {"%PDF-1.4\n/EF<</F 1 0 R>>", "1 0 obj<<>>stream\nx"},
	    {"%PDF-1.4\n", "1 0 obj<</Type/ObjStm/Filter/LZWDecode>>stream\nx"},
	    {"%PDF-1.4\n", "1 0 obj<</Type/EmbeddedFile/Filter[/A85/A85/A85]>>stream\nx"},
	    {"a,b\n=", "a|'"}, {"%PDF-1.4\n", "1 0 obj<</Filter<<[("}, {"MIME-Version: 1.0\n", "Content-Type: a/b; name*1=\"x\n\n"},
	    {"<html><script>", "[1,"}, {"<html>", "<a href='&#1"}, {"\xff\xd8\xff", "7z\xbc\xaf\x27\x1c"}, {"", "\x50\x2a\x4d\x18"},
	    {"\x09\x08\x10", "\x01"}, {"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_linear(rows[i].again, run, rows[i].start, str_of(rows[i].again), SIZE);
}

/* NIST SP 800-38A, F.2.1. */
static void aes(void **state)
{
	static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c},
	    iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	    wanted[32] = {0x76, 0x49, 0xab, 0xac, 0x81, 0x19, 0xb2, 0x46, 0xce, 0xe9, 0x8e, 0x9b, 0x12, 0xe9, 0x19, 0x7d, 0x50, 0x86, 0xcb, 0x9b,
		0x50, 0x72, 0x19, 0xee, 0x95, 0xdb, 0x11, 0x3a, 0x91, 0x76, 0x78, 0xb2};
	uint8_t data[33] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57,
	    0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51, 7};

	(void)state;
	aes128_cbc_encrypt(key, iv, data, 33);
	assert_memory_equal(data, wanted, 32);
	assert_int_equal(data[32], 7); /* no whole block */
	aes_cbc_decrypt(key, sizeof key, iv, data, 33);
	assert_memory_equal(data, "k\xc1\xbe\xe2.@\x9f\x96", 8);
	assert_memory_equal(data + 16, "\xae-\x8aW\x1e\x03\xac\x9c", 8);
}

/* The same, F.2.6: a longer key. */
static void aes256(void **state)
{
	static const uint8_t key[32] = {0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
	    0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4},
	    iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	    wanted[16] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a};
	uint8_t data[16] = {0xf5, 0x8c, 0x4c, 0x04, 0xd6, 0xe5, 0xf1, 0xba, 0x77, 0x9e, 0xab, 0xfb, 0x5f, 0x7b, 0xfb, 0xd6};

	(void)state;
	aes_cbc_decrypt(key, sizeof key, iv, data, sizeof data);
	assert_memory_equal(data, wanted, sizeof wanted);
}

/* The smallest volume that is FAT32: the root folder is a chain, and so is the file. */
static void fat32(void **state)
{
	enum { RESERVED = 32, TABLE = 513, CLUSTERS = 65600, SECTORS = RESERVED + TABLE + CLUSTERS };
	static const char program[] = "MZ-and-so-on";
	char *disk = calloc(SECTORS, 512), *table = disk + 512 * RESERVED, *data = table + 512 * TABLE;
	uint32_t flags;

	(void)state;
	assert_non_null(disk);
	memcpy(disk, "\xeb\x58\x90MSDOS5.0\0\2\1", 14);
	disk[14] = RESERVED;
	disk[16] = 1;
	put32(disk + 32, SECTORS);
	put32(disk + 36, TABLE);
	put32(disk + 44, 2);
	memcpy(disk + 510, "\x55\xaa", 2);
	put32(table + 8, 0x0fffffff);
	put32(table + 12, 70);
	put32(table + 4 * 70, 0x0fffffff);
	memcpy(data, "RUN     EXE\x20", 12);
	data[26] = 3;
	put32(data + 28, 700);
	memcpy(data + 512, program, sizeof program);
	data[512 + 60] = 64;
	memcpy(data + 512 + 64, "PE", 2);
	examine((struct str){disk, (size_t)SECTORS * 512}, &flags);
	assert_int_equal(flags & (WIRE_F_PROGRAM | WIRE_F_IMAGE | WIRE_F_BROKEN), WIRE_F_PROGRAM | WIRE_F_IMAGE);
	put32(table + 12, 0x0fffffff); /* the file is longer than its chain */
	examine((struct str){disk, (size_t)SECTORS * 512}, &flags);
	assert_true(flags & WIRE_F_BROKEN);
	free(disk);
}

/* When its time is over what has not been looked at is told. */
static void out_of_time(void **state)
{
	static const struct str empty_zip = {"PK\005\006\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22};
	static char room[WIRE_ANSWER_MAX];
	struct wire_head request = {.op = WIRE_SCAN, .id = 1};
	struct wire_answer answer;
	struct content_job job = {.answer = &answer, .limits = &limits, .deadline_us = UINT64_MAX};

	(void)state;
	wire_answer_start(&answer, room, &request);
	assert_false(content_examine(&job, empty_zip, false) & WIRE_F_LIMIT);
	job.deadline_us = 1;
	assert_true(content_examine(&job, empty_zip, false) & WIRE_F_LIMIT);
	assert_true(job.is_over);
}

/* A file of each length up to its whole: what is torn off must not be read. */
static void torn(void **state)
{
	static const char *const starts[] = {"Rar!\x1a\x07\x01", "\x60\xea\x20", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "PK\003\004", "PK\005\006",
	    "%PDF-1.4/ObjStm stream\n", "{\\rtf1{\\*\\objdata 01050000020000000800", "\x09\x08\x10", "ActiveMime",
	    "\x78\x9f\x3e\x22\1\1\2\x0f\x80", "SZDD\x88\xf0\x27\x33", "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n",
	    "begin 644 a\n#", "(This file must be converted with BinHex 4.0):", "<html><script>'", "%PDF-1.4/ObjStm/Filter/LZW stream\n",
	    "%PDF-1.4/ObjStm/Filter/RL stream\n", "\xeb\x3c\x90MSDOS5.0"};

	(void)state;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		for (size_t n = 1; n < 700; n++) {
			char *copy = malloc(n);
			size_t have = strlen(starts[i]);
			uint32_t flags;

			assert_non_null(copy);
			memset(copy, 1, n);
			memcpy(copy, starts[i], have < n ? have : n);
			examine((struct str){copy, n}, &flags);
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rings), cmocka_unit_test(busy_folders), cmocka_unit_test(growing), cmocka_unit_test(torn), cmocka_unit_test(aes),
	    cmocka_unit_test(aes256),
	    cmocka_unit_test(fat32), cmocka_unit_test(out_of_time),
	};

	clock_init();
	engine_init();
	archive_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
