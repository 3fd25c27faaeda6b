noinst_LIBRARIES += lib/libreeve.a
lib_libreeve_a_SOURCES = \
	lib/addr.c \
	lib/addr.h \
	lib/arena.c \
	lib/arena.h \
	lib/clock.c \
	lib/clock.h \
	lib/conf-apply.c \
	lib/conf-parse.c \
	lib/conf-value.c \
	lib/conf.c \
	lib/conf.h \
	lib/dns.c \
	lib/dns.h \
	lib/dns_packet.c \
	lib/dns_packet.h \
	lib/dns_private.h \
	lib/dns_resolver.c \
	lib/json.c \
	lib/json.h \
	lib/log.c \
	lib/log.h \
	lib/loop.h \
	lib/pool.h \
	lib/regex.c \
	lib/regex.h \
	lib/res.h \
	lib/store.h \
	lib/str.c \
	lib/str.h
