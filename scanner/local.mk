# The scanner is a program of its own: the only user of libclamav and libarchive.
scanner_content = \
	scanner/content/aes.c \
	scanner/content/aes.h \
	scanner/content/archive.c \
	scanner/content/arj.c \
	scanner/content/beside.c \
	scanner/content/content.c \
	scanner/content/content.h \
	scanner/content/disk.c \
	scanner/engine.c \
	scanner/engine.h \
	scanner/content/fields.c \
	scanner/content/html.c \
	scanner/content/magic.c \
	scanner/content/mailfile.c \
	scanner/content/mailname.c \
	scanner/content/objects.c \
	scanner/content/ole.c \
	scanner/content/package.c \
	scanner/content/packed.c \
	scanner/content/pdf.c \
	scanner/content/pdf_filters.c \
	scanner/content/pdf_lex.c \
	scanner/content/pdf_lock.c \
	scanner/content/rar.c \
	scanner/content/rtf.c \
	scanner/content/sheets.c \
	scanner/content/tnef.c \
	scanner/content/words.c \
	scanner/content/xml.c \
	scanner/content/zip.c \
	scanner/content/zip_hidden.c
libexec_PROGRAMS += mailreeve-scanner
scanner_sources = $(scanner_content) \
	scanner/cache.c \
	scanner/cache.h \
	scanner/desk.c \
	scanner/desk.h \
	scanner/faults.h \
	scanner/generation.c \
	scanner/hugepages.c \
	scanner/content/kinds.c \
	scanner/main.c \
	scanner/private.h \
	scanner/status.c \
	scanner/supervisor.c \
	scanner/supervisor.h \
	scanner/template.c \
	scanner/tmpdir.c \
	scanner/wire.c \
	scanner/wire.h \
	scanner/worker.c \
	scanner/workers.c
mailreeve_scanner_SOURCES = $(scanner_sources)
mailreeve_scanner_LDADD = lib/libreeve.a $(CLAMAV_LIBS) $(ARCHIVE_LIBS) $(SECCOMP_LIBS)

# The same with faults on demand, for tests.
check_PROGRAMS += tests/scanner-faulty
tests_scanner_faulty_SOURCES = $(scanner_sources) scanner/faults.c
tests_scanner_faulty_CPPFLAGS = $(AM_CPPFLAGS) -DSCANNER_FAULTS
tests_scanner_faulty_LDADD = $(mailreeve_scanner_LDADD)
