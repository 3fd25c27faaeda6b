# The scanner is a program of its own: the only user of libclamav and libarchive.
libexec_PROGRAMS += mailreeve-scanner
mailreeve_scanner_SOURCES = \
	scanner/active.c \
	scanner/archive.c \
	scanner/content.c \
	scanner/content.h \
	scanner/engine.c \
	scanner/engine.h \
	scanner/generation.c \
	scanner/kinds.c \
	scanner/magic.c \
	scanner/main.c \
	scanner/office.c \
	scanner/private.h \
	scanner/supervisor.c \
	scanner/supervisor.h \
	scanner/template.c \
	scanner/wire.c \
	scanner/wire.h \
	scanner/words.c \
	scanner/worker.c
mailreeve_scanner_LDADD = lib/libreeve.a $(CLAMAV_LIBS) $(ARCHIVE_LIBS) $(SECCOMP_LIBS)
