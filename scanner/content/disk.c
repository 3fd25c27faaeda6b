/*
 * Disks as files, which Windows opens with a click: FAT file systems, alone or in partitions. Files are
 * looked at like members of an archive. Other file systems are told as what cannot be read.
 */
#include <string.h>

#include "scanner/content/content.h"

enum {
	SECTOR = 512, ENTRY = 32, FOLDERS_MAX = 1000, ENTRIES_MAX = 65536, DEPTH_MAX = 32, NAME_UNITS = 260, PARTITIONS_MAX = 128,
	IS_FOLDER = 0x10, IS_LABEL = 0x08, IS_LONG = 0x0f, DELETED = 0xe5, LONG_UNITS = 13,
	FAT12_MAX = 4085, FAT16_MAX = 65525
};

struct fat {
	struct content_job *job;
	struct str volume;
	size_t sector, cluster; /* octets */
	size_t table, root, data; /* where they begin */
	size_t root_n;		  /* octets of the root folder; 0: it is a chain */
	uint32_t root_cluster, clusters;
	unsigned bits;
	uint64_t budget; /* octets that may still be copied: chains may cross */
	unsigned folders, entries, depth;
	uint32_t flags;
};

/* ---- the file system ---- */

static bool open_fat(struct fat *f)
{
	struct str b = f->volume;
	uint32_t reserved = content_u16(b, 14), tables = content_u16(b, 16) & 0xff, table_n = content_u16(b, 22);
	uint32_t total = content_u16(b, 19), per_cluster = content_u16(b, 13) & 0xff, roots = content_u16(b, 17);

	f->sector = content_u16(b, 11);
	if (f->sector < SECTOR || f->sector > 4096 || (f->sector & (f->sector - 1)) || !per_cluster || !reserved || !tables || tables > 4)
		return false;
	total = total ? total : content_u32(b, 32);
	table_n = table_n ? table_n : content_u32(b, 36);
	f->cluster = per_cluster * f->sector;
	f->table = reserved * f->sector;
	f->root = f->table + (size_t)tables * table_n * f->sector;
	f->root_n = (size_t)roots * ENTRY;
	f->data = f->root + (f->root_n + f->sector - 1) / f->sector * f->sector;
	if (!table_n || f->data >= b.n || (uint64_t)total * f->sector < f->data)
		return false;
	f->clusters = (uint32_t)(((uint64_t)total * f->sector - f->data) / f->cluster);
	f->bits = f->clusters < FAT12_MAX ? 12 : f->clusters < FAT16_MAX ? 16 : 32;
	f->root_cluster = content_u32(b, 44);
	f->budget = 2 * (uint64_t)b.n;
	return true;
}

/* What follows in the chain; 0 at its end. */
static uint32_t next_cluster(const struct fat *f, uint32_t at)
{
	uint32_t next;

	if (f->bits == 12) {
		next = content_u16(f->volume, f->table + at + at / 2);
		next = at & 1 ? next >> 4 : next & 0xfff;
	} else {
		next = f->bits == 16 ? content_u16(f->volume, f->table + 2 * (size_t)at) :
		    content_u32(f->volume, f->table + 4 * (size_t)at) & 0x0fffffff;
	}
	return next >= 2 && next < f->clusters + 2 ? next : 0;
}

static void read_chain(struct fat *f, uint32_t at, size_t most, struct buf *out)
{
	for (uint32_t steps = 0; at >= 2 && steps <= f->clusters && out->n < most && f->budget; steps++) {
		struct str piece = str_sub(f->volume, f->data + (size_t)(at - 2) * f->cluster, f->cluster);

		piece = str_sub(piece, 0, most - out->n);
		piece = str_sub(piece, 0, f->budget);
		f->budget -= piece.n;
		buf_add(out, piece);
		if (piece.n == 0)
			return;
		at = next_cluster(f, at);
	}
}

/* ---- names ---- */

struct name {
	uint16_t units[NAME_UNITS];
	size_t n; /* of a long name; 0 there is none */
};

/* Thirteen units in three places; pieces stand before the entry, the last one first. */
static void take_long(struct name *name, struct str entry)
{
	static const unsigned char places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned number = (unsigned char)entry.p[0] & 0x1f;
	size_t from = (number ? number - 1 : 0) * (size_t)LONG_UNITS;

	for (size_t i = 0; i < LONG_UNITS && from + i < NAME_UNITS; i++) {
		unsigned unit = content_u16(entry, places[i]);

		if (unit == 0)
			break;
		name->units[from + i] = (uint16_t)unit;
		if (from + i + 1 > name->n)
			name->n = from + i + 1;
	}
}

static void short_name(struct str entry, struct buf *out)
{
	for (size_t i = 0; i < 11; i++) {
		if (i == 8 && entry.p[8] != ' ')
			buf_addc(out, '.');
		if (entry.p[i] != ' ')
			buf_addc(out, (unsigned char)entry.p[i] < 0x80 ? entry.p[i] : '?');
	}
}

static void put_name(const struct name *name, struct str entry, struct buf *out)
{
	struct buf wide = {0}, utf8 = {0};

	if (!name->n)
		short_name(entry, out);
	for (size_t i = 0; i < name->n; i++) {
		buf_addc(&wide, (char)name->units[i]);
		buf_addc(&wide, (char)(name->units[i] >> 8));
	}
	if (name->n)
		buf_add(out, content_utf8(buf_str(&wide), &utf8));
	buf_free(&wide);
	buf_free(&utf8);
}

/* ---- folders ---- */

static void read_folder(struct fat *f, struct str folder, unsigned depth);

static void one_file(struct fat *f, struct str entry, struct str name)
{
	struct buf bytes = {0};
	size_t size = content_u32(entry, 28), most = size < f->job->limits->max_member ? size : f->job->limits->max_member;
	uint32_t first = content_u16(entry, 26) | (f->bits == 32 ? content_u16(entry, 20) << 16 : 0);

	read_chain(f, first, most, &bytes);
	f->flags |= bytes.n < most ? WIRE_F_BROKEN : 0;
	if (most < size) {
		f->job->is_over = true;
		f->flags |= WIRE_F_LIMIT;
	}
	f->flags |= content_embedded(f->job, name, buf_str(&bytes), f->depth);
	buf_free(&bytes);
}

static void one_folder(struct fat *f, struct str entry, unsigned depth)
{
	struct buf bytes = {0};
	uint32_t first = content_u16(entry, 26) | (f->bits == 32 ? content_u16(entry, 20) << 16 : 0);

	if (depth >= DEPTH_MAX || f->folders++ >= FOLDERS_MAX) {
		f->job->is_over = true;
		return;
	}
	read_chain(f, first, (size_t)ENTRIES_MAX * ENTRY, &bytes);
	read_folder(f, buf_str(&bytes), depth + 1);
	buf_free(&bytes);
}

static void read_folder(struct fat *f, struct str folder, unsigned depth)
{
	struct name name = {.n = 0};
	struct buf text = {0};

	for (; folder.n >= ENTRY && folder.p[0] && !content_is_over(f->job); folder = str_from(folder, ENTRY)) {
		struct str entry = str_sub(folder, 0, ENTRY);
		unsigned kind = (unsigned char)entry.p[11];

		if (f->entries++ >= ENTRIES_MAX)
			f->job->is_over = true;
		if ((unsigned char)entry.p[0] == DELETED) {
			name.n = 0;
			continue;
		}
		if ((kind & 0x3f) == IS_LONG) {
			take_long(&name, entry);
			continue;
		}
		text.n = 0;
		put_name(&name, entry, &text);
		name.n = 0;
		if (kind & IS_LABEL || entry.p[0] == '.')
			continue;
		if (kind & IS_FOLDER)
			one_folder(f, entry, depth);
		else
			one_file(f, entry, buf_str(&text));
	}
	buf_free(&text);
}

static bool read_volume(struct content_job *job, struct str volume, unsigned depth, uint32_t *flags)
{
	struct fat f = {.job = job, .volume = volume, .depth = depth};
	struct buf root = {0};

	if (volume.n < SECTOR || !open_fat(&f))
		return false;
	if (f.root_n)
		buf_add(&root, str_sub(volume, f.root, f.root_n));
	else
		read_chain(&f, f.root_cluster, (size_t)ENTRIES_MAX * ENTRY, &root);
	read_folder(&f, buf_str(&root), 0);
	buf_free(&root);
	*flags |= f.flags;
	return true;
}

/* ---- partitions ---- */

static bool read_partition(struct content_job *job, struct str disk, uint64_t first, unsigned depth, uint32_t *flags)
{
	return first > 0 && first < disk.n / SECTOR && read_volume(job, str_from(disk, first * SECTOR), depth, flags);
}

/* The newer list of partitions; false when none of them could be read. */
static bool read_gpt(struct content_job *job, struct str disk, unsigned depth, uint32_t *flags)
{
	struct str head = str_sub(disk, SECTOR, SECTOR);
	uint32_t n = content_u32(head, 80), size = content_u32(head, 84);
	size_t at = (size_t)content_u32(head, 72) * SECTOR;
	bool any = false;

	for (uint32_t i = 0; str_starts(head, STR("EFI PART")) && size >= 128 && i < n && i < PARTITIONS_MAX; i++)
		any |= read_partition(job, disk, content_u32(disk, at + (size_t)i * size + 32), depth, flags);
	return any;
}

static bool read_partitions(struct content_job *job, struct str disk, unsigned depth, uint32_t *flags)
{
	bool any = false;

	for (size_t i = 0; i < 4; i++)
		any |= read_partition(job, disk, content_u32(disk, 446 + 16 * i + 8), depth, flags);
	return any || read_gpt(job, disk, depth, flags);
}

/* libclamav looks for partitions only: files are scanned here. */
uint32_t disk_flags(struct content_job *job, struct str disk, unsigned depth)
{
	bool was_unseen = job->is_unseen, is_read;
	uint32_t flags = 0;

	job->is_unseen = true;
	is_read = read_volume(job, disk, depth, &flags) || read_partitions(job, disk, depth, &flags);
	job->is_unseen = was_unseen;
	job->is_unread |= !is_read || flags & WIRE_F_BROKEN;
	job->is_missed |= job->is_over;
	return is_read ? flags : flags | WIRE_F_BROKEN;
}
