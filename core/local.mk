noinst_LIBRARIES += core/libcore.a
core_libcore_a_SOURCES = \
	core/address.h \
	core/chain.h \
	core/content.h \
	core/edit.h \
	core/fact.h \
	core/filter.h \
	core/finding.h \
	core/header.c \
	core/header.h \
	core/list.h \
	core/mime.h \
	core/route.h \
	core/session.h \
	core/spool.h \
	core/url.h \
	core/verdict.h
