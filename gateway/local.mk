# The queue with what the programs share of it: mailreeved, reevectl and the tests link it.
noinst_LIBRARIES += gateway/libqueue.a
gateway_libqueue_a_SOURCES = \
	gateway/control.c \
	gateway/control.h \
	gateway/quarantine.h \
	gateway/queue/crc32c.c \
	gateway/queue/crc32c.h \
	gateway/queue/journal.c \
	gateway/queue/journal.h \
	gateway/queue/live.c \
	gateway/queue/live.h \
	gateway/queue/queue.h \
	gateway/queue/reader.c \
	gateway/queue/reader.h \
	gateway/queue/record.c \
	gateway/queue/record.h \
	gateway/queue/writer.c

# The SMTP front end; its parsers (wire.h) are tested and fuzzed without the rest.
noinst_LIBRARIES += gateway/libsmtp.a
gateway_libsmtp_a_SOURCES = \
	gateway/smtp/bdat.c \
	gateway/smtp/command.c \
	gateway/smtp/content.c \
	gateway/smtp/data.c \
	gateway/smtp/envelope.c \
	gateway/smtp/finish.c \
	gateway/smtp/greet.c \
	gateway/smtp/line.c \
	gateway/smtp/params.c \
	gateway/smtp/private.h \
	gateway/smtp/proxy.c \
	gateway/smtp/received.c \
	gateway/smtp/reply.c \
	gateway/smtp/server.c \
	gateway/smtp/session.c \
	gateway/smtp/smtp.h \
	gateway/smtp/stage.c \
	gateway/smtp/tls.c \
	gateway/smtp/wire.h \
	gateway/smtp/xclient.c

EXTRA_PROGRAMS += mailreeved
mailreeved_SOURCES = \
	gateway/config.h \
	gateway/judge.h \
	gateway/main.c \
	gateway/snapshot.h
mailreeved_LDADD = gateway/libqueue.a $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
