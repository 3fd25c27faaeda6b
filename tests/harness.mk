# What surrounds the unit tests: fuzz targets, style checks, scenarios, benchmarks.

# Fuzz targets: ./configure CC=clang --enable-fuzzing builds those listed in tests/fuzz/local.mk, each
# from the file of its name; tools/fuzz-smoke runs them for a few seconds; seeds: tests/fuzz/seeds/MODULE/
AM_DEFAULT_SOURCE_EXT = .c
LDADD = gateway/libintake.a gateway/libsmtp.a gateway/libgateway.a gateway/libqueue.a \
	$(REEVE_LIBS) $(REEVE_SYSTEM_LIBS) $(FUZZ_ENGINE)
include tests/fuzz/local.mk
if FUZZING
noinst_PROGRAMS += $(fuzz_targets)
endif

# Style: include arrows, one module per library, lengths, plain text habits.
style_checks = \
	tools/check-arrows \
	tools/check-functions \
	tools/check-lists \
	tools/check-text

# What the programs have no part in: tools/check needs it in one of its builds only (make check source_checks=).
source_checks = $(style_checks) tests/suites/configure_messages.py tests/suites/fuzz-smoke tests/mailtest/selftest.py
TESTS += $(source_checks)
dist_noinst_SCRIPTS += $(style_checks)

# Scenarios: each .mt file is played by mailtest against the programs of the build folder.
include tests/scenarios/local.mk
TEST_EXTENSIONS = .mt
MT_LOG_COMPILER = $(top_srcdir)/tests/mailtest/mailtest
AM_MT_LOG_FLAGS = --builddir $(top_builddir) -j 1
TESTS += $(scenarios)
EXTRA_DIST += $(scenarios)
dist_noinst_SCRIPTS += tests/mailtest/mailtest
EXTRA_DIST += \
	tests/mailtest/mt/__init__.py \
	tests/mailtest/mt/clamd.py \
	tests/mailtest/mt/daemon.py \
	tests/mailtest/mt/dnsd.py \
	tests/mailtest/mt/milter.py \
	tests/mailtest/mt/nexthop.py \
	tests/mailtest/mt/parse.py \
	tests/mailtest/mt/run.py \
	tests/mailtest/mt/smtp.py \
	tests/mailtest/mt/values.py

# Real clients, crash test and benchmark: run by tools/check and `make bench`, not by make check.
dist_noinst_SCRIPTS += \
	tests/bench/content \
	tests/bench/corpus.py \
	tests/bench/learn \
	tests/bench/milter \
	tests/bench/run \
	tests/bench/scan \
	tests/bench/verify \
	tests/clients/clamd.py \
	tests/clients/clients.py \
	tests/clients/fetch \
	tests/clients/leak.py \
	tests/clients/run \
	tests/crash/crash.py \
	tests/crash/reports.py \
	tests/crash/state.py \
	tests/milter/corners.py \
	tests/milter/mtas.py \
	tests/milter/run \
	tests/milter/wire.py
EXTRA_DIST += \
	tests/clients/postfix.py \
	tests/milter/corners/abort.lua \
	tests/milter/corners/borders.lua \
	tests/milter/corners/corner.lua \
	tests/milter/corners/disconnect.lua \
	tests/milter/corners/macros.lua \
	tests/milter/corners/messages.lua \
	tests/milter/corners/quit.lua \
	tests/milter/corners/unknown.lua \
	tests/milter/dovecot.py \
	tests/milter/mta.py \
	tests/milter/role.py \
	tests/milter/sendmail.py \
	tests/tsan.supp
EXTRA_PROGRAMS += tests/bench/load tests/bench/null-milter tests/bench/sink
tests_bench_load_LDADD = $(SSL_LIBS) $(CRYPTO_LIBS)
tests_bench_null_milter_LDADD = $(MILTER_LIBS)
tests_bench_sink_LDADD =
bench_packages = packages
bench: all tests/bench/bench-scan tests/bench/bench-auth tests/bench/bench-learn tests/bench/bench-rules tests/bench/bench-state tests/bench/load tests/bench/null-milter tests/bench/sink
	tests/bench/bench-state .
	$(top_srcdir)/tests/clients/fetch $(bench_packages) opendkim postfix clamav-daemon clamdscan clamav-milter bogofilter-bdb spamassassin spamd rspamd
	$(top_srcdir)/tests/bench/verify . $(bench_packages)
	$(top_srcdir)/tests/bench/run . $(bench_packages)
	$(top_srcdir)/tests/bench/milter . $(bench_packages)
	$(top_srcdir)/tests/bench/scan . $(bench_packages)
	$(top_srcdir)/tests/bench/content . $(bench_packages)
	$(top_srcdir)/tests/bench/learn . "$$REEVE_TESTDATA/corpora" $(bench_packages)/root
.PHONY: bench

# What a stranger needs, and what CI runs.
dist_noinst_SCRIPTS += \
	.ci/run \
	tools/build \
	tools/check \
	tools/demo.py \
	tools/fuzz-smoke \
	tools/install-packages \
	tools/quickstart \
	tools/tally
EXTRA_DIST += \
	tests/samples/quickstart/01-personal.eml \
	tests/samples/quickstart/02-newsletter.eml \
	tests/samples/quickstart/03-spam.eml \
	tests/samples/quickstart/04-forged.eml \
	tests/samples/quickstart/05-attachment.eml \
	tests/samples/quickstart/06-oversize.eml \
	tests/samples/quickstart/07-stranger.eml \
	tests/samples/quickstart/envelopes \
	tests/samples/quickstart/local.cf \
	tests/samples/quickstart/mailreeve.conf \
	tests/samples/quickstart/zone \
	tools/packages
TESTS += tests/suites/doc_blocks.py
dist_noinst_SCRIPTS += tests/mailtest/selftest.py tests/suites/doc_blocks.py tests/suites/fuzz-smoke
