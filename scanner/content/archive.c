/*
 * libarchive, and nothing else of the scanner knows of it: reads the members of archives, one
 * format at a time, counts what really comes out and stops at the limits.
 */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scanner/content/content.h"

/* A head, then a cpio in one of many compressions. */
static int support_rpm(struct archive *a)
{
	archive_read_support_filter_rpm(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_zstd(a);
	return archive_read_support_format_cpio(a);
}

static const struct reader {
	enum wire_kind_id kind;
	int (*format)(struct archive *);
	int (*filter)(struct archive *);
} readers[] = {
    {KIND_ZIP, archive_read_support_format_zip, NULL}, {KIND_OOXML, archive_read_support_format_zip, NULL},
    {KIND_DOCX, archive_read_support_format_zip, NULL}, {KIND_XLSX, archive_read_support_format_zip, NULL},
    {KIND_PPTX, archive_read_support_format_zip, NULL}, {KIND_ODF, archive_read_support_format_zip, NULL},
    {KIND_JAR, archive_read_support_format_zip, NULL}, {KIND_7Z, archive_read_support_format_7zip, NULL},
    {KIND_RAR, archive_read_support_format_rar, NULL}, {KIND_TAR, archive_read_support_format_tar, NULL},
    {KIND_GZIP, NULL, archive_read_support_filter_gzip}, {KIND_BZIP2, NULL, archive_read_support_filter_bzip2},
    {KIND_XZ, NULL, archive_read_support_filter_xz}, {KIND_ZSTD, NULL, archive_read_support_filter_zstd},
    {KIND_LZMA, NULL, archive_read_support_filter_lzma}, {KIND_LZ, NULL, archive_read_support_filter_lzip},
    {KIND_COMPRESS, NULL, archive_read_support_filter_compress}, {KIND_CAB, archive_read_support_format_cab, NULL},
    {KIND_ISO, archive_read_support_format_iso9660, NULL}, {KIND_LHA, archive_read_support_format_lha, NULL},
    {KIND_LZ4, NULL, archive_read_support_filter_lz4}, {KIND_AR, archive_read_support_format_ar, NULL},
    {KIND_RPM, support_rpm, NULL}, {KIND_XAR, archive_read_support_format_xar, NULL},
    {KIND_CPIO, archive_read_support_format_cpio, NULL}, {KIND_UDF, archive_read_support_format_iso9660, NULL},
};

enum { PIECE = 64 * 1024, NAME_ROOM = 1024, TAR_BLOCK = 512 };

static locale_t utf8;

/* In the C locale names that are not ASCII come back as nothing. */
void archive_init(void)
{
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (utf8)
		uselocale(utf8);
}

static const struct reader *reader_of(enum wire_kind_id kind)
{
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
		if (readers[i].kind == kind)
			return &readers[i];
	return NULL;
}

bool archive_can_read(enum wire_kind_id kind)
{
	return reader_of(kind) != NULL;
}

bool archive_name_escapes(struct str name)
{
	struct str rest = name, word;

	if (name.n && (name.p[0] == '/' || name.p[0] == '\\'))
		return true;
	if (name.n >= 2 && is_alpha(name.p[0]) && name.p[1] == ':')
		return true;
	for (size_t i = 0; i <= rest.n; i++)
		if (i == rest.n || rest.p[i] == '/' || rest.p[i] == '\\') {
			word = str_sub(rest, 0, i);
			if (str_is(word, ".."))
				return true;
			if (i == rest.n)
				return false;
			rest = str_from(rest, i + 1);
			i = (size_t)-1;
		}
	return false;
}

static bool is_zip(const struct reader *r)
{
	return r && r->format == archive_read_support_format_zip;
}

bool archive_is_zip(enum wire_kind_id kind)
{
	return is_zip(reader_of(kind));
}

static bool is_of_dos(const struct reader *r, struct str bytes)
{
	return is_zip(r) ? !zip_names_are_utf8(bytes) : r->kind == KIND_RAR || r->kind == KIND_LHA || r->kind == KIND_CAB;
}

static struct archive *open_archive(const struct reader *r, struct str bytes)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	bytes = content_without_skips(bytes);
	if (r->format)
		r->format(a);
	if (r->kind == KIND_RAR)
		archive_read_support_format_rar5(a);
	if (r->filter) {
		r->filter(a);
		archive_read_support_format_raw(a); /* one member: what was compressed */
	}
	/* Names of old archives, which do not say their character set. */
	if (is_of_dos(r, bytes))
		archive_read_set_options(a, "hdrcharset=CP437");
	if (r->kind == KIND_TAR) /* what stands behind an end, which some programs pass over */
		archive_read_set_options(a, "tar:read_concatenated_archives");
	if (archive_read_open_memory(a, bytes.p, bytes.n) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

/* gzip may say what the file was called. */
static struct str gzip_name(struct str s)
{
	unsigned flags = s.n > 10 ? (unsigned char)s.p[3] : 0;
	ptrdiff_t end;

	s = str_from(s, 10);
	if (flags & 4)
		s = str_from(s, 2 + (size_t)content_u16(s, 0));
	end = flags & 8 ? str_chr(str_sub(s, 0, NAME_ROOM), '\0') : -1;
	return end > 0 ? str_sub(s, 0, (size_t)end) : STR_NONE;
}

/* What is compressed and no archive has the name of its container, without the end of it. */
static struct str lone_name(struct content_job *job, struct str bytes, enum wire_kind_id kind)
{
	struct str name = kind == KIND_GZIP ? gzip_name(bytes) : STR_NONE;

	return name.n && str_is_utf8(name) ? name : content_stem(job->container);
}

static struct str name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname_utf8(e);

	return str_of(name ? name : archive_entry_pathname(e) ? archive_entry_pathname(e) : "");
}

/* All octets of a member, as far as the limits let; false when they cannot be read. */
static bool read_member(struct content_job *job, struct archive *a, struct buf *ret_bytes, uint32_t *flags)
{
	for (;;) {
		ssize_t n = archive_read_data(a, buf_reserve(ret_bytes, PIECE), PIECE);

		if (n == 0)
			return true;
		if (n < 0)
			return false;
		ret_bytes->n += (size_t)n;
		job->unpacked += (uint64_t)n;
		if (ret_bytes->n > job->limits->max_member || content_is_over(job)) {
			job->is_over = true;
			*flags |= WIRE_F_LIMIT;
			return true;
		}
	}
}

/* What a member really has; what it says only when it was not read to its end, and says more than was read. */
static void note_size(struct content_job *job, struct archive_entry *e, size_t read, bool is_whole)
{
	uint64_t declared = archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0, size = read;

	if (!is_whole)
		size = declared > read ? declared : UINT64_MAX;
	if (size > job->largest)
		job->largest = size;
}

static uint32_t entry_flags(struct archive_entry *e, struct str name)
{
	uint32_t flags = archive_name_escapes(name) ? WIRE_F_TRAVERSAL : 0;
	const char *target = archive_entry_symlink(e) ? archive_entry_symlink(e) : archive_entry_hardlink(e);

	if (target) {
		flags |= WIRE_F_LINK;
		flags |= archive_name_escapes(str_of(target)) ? WIRE_F_TRAVERSAL : 0;
	}
	return archive_entry_is_encrypted(e) ? flags | WIRE_F_ENCRYPTED : flags;
}

static uint32_t one_member(struct content_job *job, struct archive *a, struct archive_entry *e, const struct str *lone, unsigned depth)
{
	char room[NAME_ROOM];
	struct str name = lone ? *lone : name_of(e);
	uint32_t flags = entry_flags(e, name);
	struct buf bytes = {0};

	if (archive_entry_filetype(e) == AE_IFDIR)
		return flags & WIRE_F_TRAVERSAL;
	name = str_sub(name, 0, sizeof room);
	if (name.n)
		memcpy(room, name.p, name.n); /* the entry's own goes with the next read */
	name.p = room;
	if (!(flags & WIRE_F_ENCRYPTED) && !read_member(job, a, &bytes, &flags))
		flags |= archive_read_has_encrypted_entries(a) == 1 ? WIRE_F_ENCRYPTED : WIRE_F_BROKEN;
	if (!(flags & WIRE_F_ENCRYPTED))
		note_size(job, e, bytes.n, !(flags & WIRE_F_LIMIT));
	flags = content_member(job, name, buf_str(&bytes), bytes.n, flags, depth);
	/* Some programs call it as it says, some as its container is called. */
	if (lone && job->container.n && !str_eq(name, content_stem(job->container)))
		content_rename(job, content_stem(job->container), buf_str(&bytes), flags, depth);
	buf_free(&bytes);
	return flags;
}

/* The end, an error, or a member; errors say whether a password is missing. */
static bool next_member(struct archive *a, struct archive_entry **ret_entry, uint32_t *flags)
{
	int result = archive_read_next_header(a, ret_entry);

	if (result == ARCHIVE_OK || result == ARCHIVE_WARN)
		return true;
	if (archive_read_has_encrypted_entries(a) == 1)
		*flags |= WIRE_F_ENCRYPTED;
	else if (result != ARCHIVE_EOF)
		*flags |= WIRE_F_BROKEN;
	return false;
}

/* Of a tar, whose end is a block of zeros, at which libarchive began to look: libclamav looks no further. */
static bool is_behind_end(struct str tar, int64_t at)
{
	static const char zeros[TAR_BLOCK];

	return str_eq(str_sub(tar, (size_t)at, TAR_BLOCK), (struct str){zeros, TAR_BLOCK});
}

/*
 * A disk that is UDF, too: systems show that tree, and nobody here reads it. The descriptors stand in sectors from the
 * sixteenth on.
 */
static bool has_udf(struct str disk)
{
	for (size_t sector = 16; sector < 32; sector++) {
		struct str id = str_sub(disk, sector * 2048 + 1, 5);

		if (str_eq(id, STR("NSR02")) || str_eq(id, STR("NSR03")))
			return true;
	}
	return false;
}

uint32_t archive_read_members(struct content_job *job, struct str bytes, enum wire_kind_id kind, unsigned depth)
{
	const struct reader *r = reader_of(kind);
	struct archive *a = open_archive(r, bytes);
	struct str lone = r->filter ? lone_name(job, bytes, kind) : STR_NONE;
	struct archive_entry *e;
	uint32_t flags = a ? 0 : WIRE_F_BROKEN;
	size_t told = 0;

	for (; a && !content_is_over(job) && next_member(a, &e, &flags); told++) {
		if (archive_entry_filetype(e) == AE_IFDIR)
			job->folders++;
		else
			job->members++;
		job->is_unseen |= kind == KIND_TAR && is_behind_end(bytes, archive_read_header_position(a));
		flags |= one_member(job, a, e, r->filter ? &lone : NULL, depth);
	}
	if (is_zip(r))
		flags |= zip_read_hidden(job, bytes, told, depth);
	if (kind == KIND_RAR && rar5_is_encrypted(bytes)) /* what came out is not what is in it */
		flags = (flags & ~(uint32_t)WIRE_F_BROKEN) | WIRE_F_ENCRYPTED;
	if (job->is_over)
		flags |= WIRE_F_LIMIT;
	if ((kind == KIND_ISO || kind == KIND_UDF) && has_udf(bytes)) {
		flags |= WIRE_F_BROKEN;
		job->is_unread = true;
	}
	if (a)
		archive_read_free(a);
	return flags;
}

/* The only member of an archive that was made for it, as far as the limits let and it can be read. */
static void read_only_member(struct content_job *job, const struct buf *archive, enum wire_kind_id kind, struct buf *ret_bytes)
{
	struct archive *a = open_archive(reader_of(kind), buf_str(archive));
	struct archive_entry *e;
	uint32_t flags = 0;

	if (a && next_member(a, &e, &flags))
		read_member(job, a, ret_bytes, &flags);
	if (a)
		archive_read_free(a);
}

/* The compression of zlib is that of gzip with another head, and gzip is what libarchive reads. */
bool archive_inflate(struct content_job *job, struct str bytes, struct buf *ret_bytes)
{
	struct buf zipped = {0};

	buf_add(&zipped, (struct str){"\x1f\x8b\x08\0\0\0\0\0\0\3", 10});
	buf_add(&zipped, str_from(bytes, 2));
	buf_add(&zipped, (struct str){"\0\0\0\0\0\0\0\0", 8}); /* the end that gzip has */
	read_only_member(job, &zipped, KIND_GZIP, ret_bytes);
	buf_free(&zipped);
	return ret_bytes->n > 0;
}

/* Two pieces, one after the other. */
struct pieces {
	struct str piece[2];
	unsigned next;
};

static ssize_t next_piece(struct archive *a, void *arg, const void **ret)
{
	struct pieces *p = arg;
	struct str piece = p->next < 2 ? p->piece[p->next++] : STR_NONE;

	(void)a;
	*ret = piece.p;
	return (ssize_t)piece.n;
}

void archive_unzip(struct content_job *job, struct str head, struct str data, struct buf *ret_bytes, uint32_t *flags)
{
	struct pieces pieces = {.piece = {head, data}};
	struct archive *a = archive_read_new();
	struct archive_entry *e;

	if (!a)
		return;
	archive_read_support_format_zip_streamable(a);
	if (archive_read_open(a, &pieces, NULL, next_piece, NULL) != ARCHIVE_OK || !next_member(a, &e, flags) ||
	    !read_member(job, a, ret_bytes, flags))
		*flags |= *flags & WIRE_F_ENCRYPTED ? 0 : WIRE_F_BROKEN;
	archive_read_free(a);
}

static void put_u32(char *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(n >> 8 * i);
}

/* What LHA calls -lh7- uses a longer window than some others with this code, and so reads them too. */
void archive_unlzh(struct content_job *job, struct str bytes, uint32_t size, struct buf *ret_bytes)
{
	/* Length and sum of the head, method, packed, unpacked, time, attributes, level 0, a name of one letter, no check. */
	char head[] = "\x15\0-lh7-........\0\0\0\0\x20\0\1x";
	struct buf packed = {0};

	if (bytes.n > UINT32_MAX)
		return;
	put_u32(head + 7, (uint32_t)bytes.n);
	put_u32(head + 11, size);
	for (size_t i = 2; i < sizeof head - 1; i++)
		head[1] = (char)(head[1] + head[i]);
	buf_add(&packed, (struct str){head, sizeof head - 1});
	buf_add(&packed, bytes);
	buf_addc(&packed, '\0'); /* no other member */
	read_only_member(job, &packed, KIND_LHA, ret_bytes);
	buf_free(&packed);
}
