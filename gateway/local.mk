# The queue with what the programs share of it: mailreeved, reevectl and the tests link it.
noinst_LIBRARIES += gateway/libqueue.a
gateway_libqueue_a_SOURCES = \
	gateway/quarantine.h \
	gateway/queue/crc32c.c \
	gateway/queue/crc32c.h \
	gateway/queue/live.c \
	gateway/queue/live.h \
	gateway/queue/queue.h \
	gateway/queue/reader.c \
	gateway/queue/reader.h \
	gateway/queue/record.c \
	gateway/queue/record.h \
	gateway/queue/writer.c

EXTRA_PROGRAMS += mailreeved
mailreeved_SOURCES = \
	gateway/config.h \
	gateway/judge.h \
	gateway/main.c \
	gateway/snapshot.h
mailreeved_LDADD = gateway/libqueue.a $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
