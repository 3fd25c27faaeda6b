# What surrounds the unit tests: fuzz targets, style checks, scenarios, benchmarks.

# Fuzz targets, one a line: ./configure CC=clang --enable-fuzzing builds tests/fuzz/fuzz-MODULE from
# the file of that name; tools/fuzz-smoke runs each for a few seconds; seeds: tests/fuzz/seeds/MODULE/
AM_DEFAULT_SOURCE_EXT = .c
LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS) $(FUZZ_ENGINE)
fuzz_targets =
if FUZZING
noinst_PROGRAMS += $(fuzz_targets)
endif

# Style: include arrows, one module per library, lengths, plain text habits.
style_checks = \
	tools/check-arrows \
	tools/check-functions \
	tools/check-text
TESTS += $(style_checks)
dist_noinst_SCRIPTS += $(style_checks)

# Scenarios: each .mt file is played by mailtest against the programs of the build folder.
scenarios =
TEST_EXTENSIONS = .mt
MT_LOG_COMPILER = $(top_srcdir)/tests/mailtest/mailtest
AM_MT_LOG_FLAGS = --builddir $(top_builddir) -j 1
TESTS += $(scenarios)
EXTRA_DIST += $(scenarios)
dist_noinst_SCRIPTS += tests/mailtest/mailtest
EXTRA_DIST += \
	tests/mailtest/mt/__init__.py \
	tests/mailtest/mt/daemon.py \
	tests/mailtest/mt/dnsd.py \
	tests/mailtest/mt/nexthop.py \
	tests/mailtest/mt/parse.py \
	tests/mailtest/mt/run.py \
	tests/mailtest/mt/smtp.py \
	tests/mailtest/mt/values.py
