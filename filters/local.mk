noinst_LIBRARIES += filters/libfilters.a
filters_libfilters_a_SOURCES = \
	filters/arc.c \
	filters/attachment.c \
	filters/attachment_name.c \
	filters/attachment_name.h \
	filters/clamav.c \
	filters/clamav_clamd.c \
	filters/clamav_clamd.h \
	filters/dkim.c \
	filters/dkim_replay.c \
	filters/dkim_replay.h \
	filters/dmarc.c \
	filters/dnsbl.c \
	filters/dnsbl.h \
	filters/dnsbl_test.c \
	filters/fuzzy.c \
	filters/fuzzy.h \
	filters/greet.c \
	filters/greet.h \
	filters/greet_dynamic.c \
	filters/greylist.c \
	filters/greylist.h \
	filters/headers.c \
	filters/headers.h \
	filters/headers_date.c \
	filters/iprev.c \
	filters/learn.c \
	filters/phishing.c \
	filters/rate.c \
	filters/rate.h \
	filters/rate_conf.c \
	filters/recipients.c \
	filters/recipients.h \
	filters/recipients_callahead.c \
	filters/recipients_callahead.h \
	filters/recipients_map.c \
	filters/recipients_smtp.c \
	filters/recipients_smtp.h \
	filters/reputation.c \
	filters/reputation.h \
	filters/reputation_record.c \
	filters/rules.c \
	filters/settings.c \
	filters/spf.c \
	filters/text.c \
	filters/url.c

listsdir = $(pkgdatadir)/lists
dist_lists_DATA = filters/lists/disposable
