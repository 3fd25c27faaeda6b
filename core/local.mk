noinst_LIBRARIES += core/libcore.a
core_libcore_a_SOURCES = \
	core/address.c \
	core/address.h \
	core/chain.c \
	core/chain.h \
	core/content.h \
	core/core_facts.c \
	core/edit.c \
	core/edit.h \
	core/fact.c \
	core/fact.h \
	core/filter.h \
	core/finding.c \
	core/finding.h \
	core/header.c \
	core/header.h \
	core/list.c \
	core/list.h \
	core/mailbox.h \
	core/mime.h \
	core/nets.c \
	core/nets.h \
	core/route.c \
	core/route.h \
	core/session.c \
	core/session.h \
	core/spool.c \
	core/spool.h \
	core/url.h \
	core/verdict.c \
	core/verdict.h
