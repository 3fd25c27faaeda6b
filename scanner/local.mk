# The scanner is a program of its own: the only user of libclamav and libarchive.
scanner_content = \
	scanner/aes.c \
	scanner/aes.h \
	scanner/archive.c \
	scanner/arj.c \
	scanner/content.c \
	scanner/content.h \
	scanner/disk.c \
	scanner/engine.c \
	scanner/engine.h \
	scanner/fields.c \
	scanner/html.c \
	scanner/magic.c \
	scanner/mailfile.c \
	scanner/objects.c \
	scanner/ole.c \
	scanner/package.c \
	scanner/packed.c \
	scanner/pdf.c \
	scanner/pdf_filters.c \
	scanner/pdf_lock.c \
	scanner/rar.c \
	scanner/rtf.c \
	scanner/sheets.c \
	scanner/tnef.c \
	scanner/words.c \
	scanner/xml.c
libexec_PROGRAMS += mailreeve-scanner
scanner_sources = $(scanner_content) \
	scanner/cache.c \
	scanner/cache.h \
	scanner/faults.h \
	scanner/generation.c \
	scanner/kinds.c \
	scanner/main.c \
	scanner/private.h \
	scanner/supervisor.c \
	scanner/supervisor.h \
	scanner/template.c \
	scanner/tmpdir.c \
	scanner/wire.c \
	scanner/wire.h \
	scanner/worker.c
mailreeve_scanner_SOURCES = $(scanner_sources)
mailreeve_scanner_LDADD = lib/libreeve.a $(CLAMAV_LIBS) $(ARCHIVE_LIBS) $(SECCOMP_LIBS)

# The same with faults on demand, for tests.
check_PROGRAMS += tests/scanner-faulty
tests_scanner_faulty_SOURCES = $(scanner_sources) scanner/faults.c
tests_scanner_faulty_CPPFLAGS = $(AM_CPPFLAGS) -DSCANNER_FAULTS
tests_scanner_faulty_LDADD = $(mailreeve_scanner_LDADD)
