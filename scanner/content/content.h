/*
 * What attachments are: kind by content, what they hold, what in them acts by itself. Runs in
 * workers only, on bytes that somebody else chose; everything is bounded by the settings.
 */
#ifndef REEVE_SCANNER_CONTENT_CONTENT_H
#define REEVE_SCANNER_CONTENT_CONTENT_H

#include "scanner/wire.h"

struct content_job {
	struct wire_answer *answer;
	const struct wire_settings *limits;
	uint16_t item;
	struct str leaf;    /* the item's bytes */
	bool is_hashed;     /* SHA-256 is wanted of what is told */
	uint64_t unpacked;  /* octets read out of archives so far */
	uint32_t members, folders;
	unsigned unlocked; /* documents that were tried without a password, which costs far more than to read them */
	uint64_t largest;   /* member, as far as it is known; UINT64_MAX when it was not read to its end */
	uint64_t deadline_us;
	struct str container; /* name of what the members at hand are in; "" of the item, which is not known here */
	enum wire_kind_id document; /* what the members at hand are parts of: only what is odd is told; 0 none */
	bool is_over;
	/* Looks at a member's bytes as the item itself was looked at; NULL: nobody does. */
	void (*scan)(void *arg, uint16_t item, struct str bytes);
	void *scan_arg;
	bool is_unseen; /* libclamav does not read the archive at hand: its members are scanned */
	bool is_missed; /* of one that it does not read not all was looked at */
	bool is_unread; /* one cannot be read here either */
};

/* One item: adds its records, and of its members; returns all flags. is_body: text that is no attachment. */
uint32_t content_examine(struct content_job *job, struct str bytes, bool is_body);

/* ---- the parts of it ---- */

/* magic.c: by the first octets; of a zip also what its members make of it. */
enum wire_kind_id content_kind(struct str bytes);
enum wire_kind_id content_exact_kind(struct str bytes);
/* Programs open a PDF whose header stands further down. */
bool content_is_late_pdf(struct str s);
/* The same as content_exact_kind() without a look at texts, which takes longest: they are unknown. */
enum wire_kind_id content_binary_kind(struct str bytes);
/* libclamav does not look into it, or not into all of it, and would call it clean. */
bool content_is_unseen(struct str bytes, enum wire_kind_id kind);
/* A container that nobody here can read. */
bool content_is_unreadable(enum wire_kind_id kind);
struct content_magic {
	unsigned offset;
	unsigned n;
	const char *octets;
	enum wire_kind_id kind;
};
/* The rows, in their order: the first that fits counts. */
const struct content_magic *content_magics(size_t *ret_n);
/* A member of an archive: its record, and what is inside; returns its flags. */
uint32_t content_member(struct content_job *job, struct str name, struct str bytes, uint64_t size, uint32_t flags,
    unsigned depth);
/* A member that was told has one more name. */
void content_rename(struct content_job *job, struct str name, struct str bytes, uint32_t flags, unsigned depth);
/* The same of a file in a document, which is no archive. */
uint32_t content_embedded(struct content_job *job, struct str name, struct str bytes, unsigned depth);
bool content_is_over(struct content_job *job);
/* The members of what was found to be of that kind. is_unseen: libclamav does not look at them. */
uint32_t content_inside(struct content_job *job, struct str name, struct str bytes, enum wire_kind_id kind, unsigned depth, bool is_unseen);
/* beside.c: what the bytes are besides their kind. */
uint32_t content_beside(struct content_job *job, struct str name, struct str bytes, enum wire_kind_id kind, unsigned depth);
/* Of what is packed by ZSTD or LZ4: the first frame that holds something. */
struct str content_without_skips(struct str s);
/* The first head of a tar, by its sum: those of old have no mark. */
bool content_is_tar(struct str s);

/* zip.c: what zip files say of their members. */
enum { ZIP_UTF8 = 0x800 /* of flags: the name is */, ZIP_SIZES_LATER = 8 };
struct zip_list {
	struct str bytes;
	size_t at;    /* the entry that is next */
	size_t shift; /* so many octets stand before the file, and are not counted by it */
	size_t end;   /* behind the comment, which may be cut off */
	size_t read;
};
struct zip_entry {
	struct str name, extra;
	unsigned version, flags, method;
	uint32_t check;
	uint64_t packed, size;
	size_t local; /* where its head is; what is there need not be one */
	size_t data;  /* of a head: what follows it */
	bool is_folder;
};
/* The last list that there is; false when there is none. */
bool zip_find_list(struct str s, struct zip_list *ret);
bool zip_next_listed(struct zip_list *list, struct zip_entry *ret);
/* The head of a member; sizes are 0 when they follow the member. */
bool zip_read_head(struct str s, size_t at, struct zip_entry *ret);
/* A field of what extends an entry or a head. */
struct str zip_extra(struct str extra, unsigned id);
enum wire_kind_id zip_kind(struct str s);
/* In any way that programs read differently. */
bool zip_is_odd(struct str s);
bool zip_names_are_utf8(struct str s);
/* zip_hidden.c: the members that archive_read_members() did not tell; told: how many it did. */
uint32_t zip_read_hidden(struct content_job *job, struct str bytes, size_t told, unsigned depth);

/* archive.c: reads the members; returns flags of the archive itself. */
uint32_t archive_read_members(struct content_job *job, struct str bytes, enum wire_kind_id kind, unsigned depth);
bool archive_can_read(enum wire_kind_id kind);
/* A zip file, whatever its members make of it. */
bool archive_is_zip(enum wire_kind_id kind);
void archive_init(void);
/* What zlib compressed, as far as it can be read and the limits let; false when that is nothing. */
bool archive_inflate(struct content_job *job, struct str bytes, struct buf *ret_bytes);
/* A member of a zip file: its head, and what follows it. Adds flags. */
void archive_unzip(struct content_job *job, struct str head, struct str data, struct buf *ret_bytes, uint32_t *flags);
/* What was packed by LZ77 and Huffman's code in blocks, the code of LHA and ARJ, to so many octets. */
void archive_unlzh(struct content_job *job, struct str bytes, uint32_t size, struct buf *ret_bytes);
bool rar5_is_encrypted(struct str bytes);
/* Leads out of the folder into which it is unpacked. */
bool archive_name_escapes(struct str name);

/*
 * Detectors: flags of one kind of content, linear in the bytes. depth: where they tell what is
 * embedded, through content_embedded().
 */
uint32_t ole_flags(struct content_job *job, struct str bytes, enum wire_kind_id *kind, unsigned depth);
uint32_t rtf_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t pdf_flags(struct content_job *job, struct str bytes, unsigned depth);
/* The name at the start, #xx resolved; "" when longer than the room. */
struct str pdf_name(struct str s, char *room, size_t size);
/* Cuts the next word, string or bracket off, as it stands. */
bool pdf_next(struct str *rest, struct str *ret_token);
/* What follows a name of the outermost dictionary; nothing when there is none. */
struct str pdf_value(struct str dictionary, const char *name);
/* What follows the name, wherever it stands; the last counts. */
struct str pdf_behind_name(struct str s, const char *name);
uint32_t pdf_number(struct str s);
/* Cuts "12 0 R" off. */
bool pdf_reference(struct str *rest, uint32_t *ret_number);
struct pdf_object {
	uint32_t number, generation;
	struct str text; /* behind "obj" */
};
bool pdf_last_object(struct str s, struct pdf_object *ret);
/* What is in the object of that number, the last that there is. Takes a pass over the file. */
struct str pdf_object(struct str file, uint32_t number);
/* A stream as it was before it was packed; false when one of its filters is not known. lookups: so many objects may be looked for. */
bool pdf_unpack(struct content_job *job, struct str file, struct str dictionary, struct str data, unsigned *lookups, struct buf *out);
/* How the streams of a file are encrypted that opens without a password. */
struct pdf_key {
	enum { PDF_PLAIN, PDF_RC4, PDF_AES, PDF_AES_AS_IT_IS /* not another key for each object */ } cipher;
	uint8_t key[32];
	size_t n;
};
/* False when a password is needed. */
bool pdf_unlock(struct str bytes, struct pdf_key *ret);
void pdf_decrypt(const struct pdf_key *key, const struct pdf_object *object, struct str data, struct buf *out);
uint32_t xml_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t html_flags(struct str bytes);
uint32_t biff_flags(struct str bytes);
uint32_t sylk_flags(struct str bytes);
/* The same of text that need not be one: Excel takes anything for one that begins so. */
uint32_t sylk_text_flags(struct str bytes);
uint32_t csv_flags(struct str bytes);
uint32_t query_flags(struct str bytes);
/* A part of an office package, which is of this kind. */
uint32_t package_member_flags(struct str name, struct str bytes, enum wire_kind_id package);
uint32_t xlsb_link_flags(struct str bytes);
/* objects.c */
uint32_t package_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t ole1_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t notebook_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t activemime_flags(struct content_job *job, struct str bytes, unsigned depth);
/* An object that is loaded from the web. */
bool ole_has_web_link(struct str bytes);
/* arj.c */
uint32_t arj_flags(struct content_job *job, struct str bytes, unsigned depth);

/* mailfile.c: parts of mail as a file; uuencoded text. */
uint32_t mail_flags(struct content_job *job, struct str bytes, unsigned depth);
/* Each name that the head of a part gives it. */
void mail_part_names(struct str head, void (*take)(void *arg, struct str name), void *arg);
uint32_t uu_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t tnef_flags(struct content_job *job, struct str bytes, unsigned depth);
/* disk.c: disks with FAT, alone or in partitions. */
uint32_t disk_flags(struct content_job *job, struct str bytes, unsigned depth);
/* packed.c */
uint32_t szdd_flags(struct content_job *job, struct str bytes, unsigned depth);
uint32_t binhex_flags(struct content_job *job, struct str bytes, unsigned depth);

/* fields.c: instructions of Word, FIELD_BEGIN before each. */
enum { FIELD_BEGIN = 0x13 };
uint32_t fields_flags(struct str text);

/* xml.c: a reader that asks for nothing. */
enum { XML_TAG_MAX = 65536 };
struct xml_tag {
	struct str text; /* that stands before it */
	struct str name; /* without prefix, as written */
	struct str attributes;
	bool is_end;
};
bool xml_next(struct str *rest, struct xml_tag *ret_tag);
/* Cuts the next off: its name without prefix, its value as written. */
bool xml_attribute(struct str *attributes, struct str *ret_name, struct str *ret_value);
/* The value of that name in any case, as written; nothing when there is none. */
struct str xml_get(const struct xml_tag *tag, const char *name);
/* Adds the text with its entities resolved. */
void xml_plain(struct str text, struct buf *out);

/* words.c: without regard to case; needles in lower case. */
ptrdiff_t content_find(struct str bytes, const char *needle);
bool content_has(struct str bytes, const char *needle);
/* Bit i: words[i], of two characters at least, is in the bytes. At most 64 words. */
uint64_t content_words(struct str bytes, const char *const *words, size_t n);
/* Adds what the base64 at the start of the text means. */
void content_base64(struct str text, struct buf *out);
/* UTF-16 as ASCII in the room; other bytes as they are. */
struct str content_narrow(struct str bytes, struct buf *room);

/* UTF-16 in its little order as UTF-8 in the room, up to a zero and to WIRE_NAME_MAX octets. */
struct str content_utf8(struct str wide, struct buf *room);

/* Little-endian numbers; 0 where the bytes end before. */
static inline unsigned content_u16(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return at < s.n && s.n - at >= 2 ? p[at] | (unsigned)p[at + 1] << 8 : 0;
}
static inline uint32_t content_u32(struct str s, size_t at)
{
	return at < s.n && s.n - at >= 4 ? content_u16(s, at) | (uint32_t)content_u16(s, at + 2) << 16 : 0;
}

#endif
