/* What attachments are: kinds, archive members, OLE, OOXML, RTF, PDF, HTML; and names of files. */
#include "filters/attachment_name.h"
#include "scanner/content/content.h"
#include "scanner/engine.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct wire_settings limits = {.max_members = 50, .max_depth = 4, .max_member = 1 << 20,
	    .max_total = 4 << 20, .max_ratio = 250};
	static char room[WIRE_ANSWER_MAX];
	static bool is_ready;
	struct wire_head request = {.op = WIRE_SCAN, .id = 1}, head;
	struct wire_answer answer;
	struct content_job job = {.answer = &answer, .is_hashed = true, .limits = &limits, .deadline_us = UINT64_MAX};
	struct str in = fuzz_input(p, n);
	enum wire_kind_id kind = KIND_OLE;
	struct pdf_object object = {.number = 1};
	struct buf clear = {0};
	struct pdf_key key;
	struct file_name name;

	if (!is_ready) {
		engine_init();
		archive_init();
		is_ready = true;
	}
	wire_answer_start(&answer, room, &request);
	content_examine(&job, in, false);
	assert(wire_read_answer(wire_answer_finish(&answer), &head));
	assert(job.unpacked <= limits.max_total + (64 << 10));
	/* Each detector by itself, whatever the kind. */
	ole_flags(&job, in, &kind, 1);
	rtf_flags(&job, in, 1);
	xml_flags(&job, in, 1);
	pdf_flags(&job, in, 1);
	package_flags(&job, in, 1);
	ole1_flags(&job, in, 1);
	notebook_flags(&job, in, 1);
	activemime_flags(&job, in, 1);
	arj_flags(&job, in, 1);
	mail_flags(&job, in, 1);
	uu_flags(&job, in, 1);
	tnef_flags(&job, in, 1);
	disk_flags(&job, in, 1);
	szdd_flags(&job, in, 1);
	binhex_flags(&job, in, 1);
	csv_flags(in);
	query_flags(in);
	html_flags(in);
	biff_flags(in);
	sylk_flags(in);
	xlsb_link_flags(in);
	fields_flags(in);
	package_member_flags(STR("word/_rels/document.xml.rels"), in, KIND_DOCX);
	package_member_flags(STR("xl/externalLinks/externalLink1.bin"), in, KIND_XLSX);
	package_member_flags(STR("content.xml"), in, KIND_ODF);
	rar5_is_encrypted(in);
	if (pdf_unlock(in, &key))
		pdf_decrypt(&key, &object, in, &clear);
	buf_free(&clear);
	archive_name_escapes(in);
	file_name_read(in, &name);
	return 0;
}
