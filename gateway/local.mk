sbin_PROGRAMS += mailreeved
mailreeved_SOURCES = \
	gateway/config.h \
	gateway/judge.h \
	gateway/main.c \
	gateway/quarantine.h \
	gateway/queue/queue.h \
	gateway/snapshot.h
mailreeved_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
