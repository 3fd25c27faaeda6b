noinst_LIBRARIES += rules/librules.a
rules_librules_a_SOURCES = \
	rules/automaton.c \
	rules/automaton.h \
	rules/automaton_build.c \
	rules/automaton_private.h \
	rules/capture.c \
	rules/compile.c \
	rules/condition.c \
	rules/evals.c \
	rules/evals.h \
	rules/evals_body.c \
	rules/evals_data.c \
	rules/evals_date.c \
	rules/evals_forged.c \
	rules/evals_freemail.c \
	rules/evals_header.c \
	rules/evals_html.c \
	rules/evals_image.c \
	rules/evals_list.c \
	rules/evals_mime.c \
	rules/evals_private.h \
	rules/evals_relay.c \
	rules/features.c \
	rules/field.c \
	rules/field.h \
	rules/group.c \
	rules/keyword.c \
	rules/keyword.h \
	rules/lazy.c \
	rules/learner.c \
	rules/learner.h \
	rules/learner_private.h \
	rules/learner_store.c \
	rules/lint.c \
	rules/lint.h \
	rules/literal.c \
	rules/literal.h \
	rules/match_field.c \
	rules/match_text.c \
	rules/matcher.c \
	rules/meta.c \
	rules/meta.h \
	rules/metaset.c \
	rules/networks.c \
	rules/option.c \
	rules/parse.c \
	rules/pattern.c \
	rules/pattern.h \
	rules/perlre.c \
	rules/perlre.h \
	rules/person.c \
	rules/person.h \
	rules/prefilter.c \
	rules/prefilter.h \
	rules/received.c \
	rules/received.h \
	rules/received_formats.c \
	rules/received_formats.h \
	rules/replace.c \
	rules/rule.h \
	rules/ruleset.h \
	rules/sample.c \
	rules/sample.h \
	rules/set.h \
	rules/target.c \
	rules/target.h \
	rules/uri_detail.c

rulesdir = $(pkgdatadir)/rules
dist_rules_DATA = \
	rules/10_headers.cf \
	rules/20_phrases.cf \
	rules/25_phrases_other.cf \
	rules/30_uri.cf \
	rules/40_attachments.cf \
	rules/50_structure.cf
