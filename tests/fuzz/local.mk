# Fuzz targets, one a line, alphabetical; tests/fuzz/NAME.c.
fuzz_targets = \
	tests/fuzz/fuzz-address \
	tests/fuzz/fuzz-conf \
	tests/fuzz/fuzz-config \
	tests/fuzz/fuzz-content \
	tests/fuzz/fuzz-dns \
	tests/fuzz/fuzz-header \
	tests/fuzz/fuzz-mime \
	tests/fuzz/fuzz-policy \
	tests/fuzz/fuzz-queue-record \
	tests/fuzz/fuzz-reply \
	tests/fuzz/fuzz-rules \
	tests/fuzz/fuzz-smtp-command
EXTRA_DIST += tests/fuzz/fuzz.h
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz-reply.c gateway/relay/reply.c
EXTRA_DIST += \
	tests/fuzz/conf.dict \
	tests/fuzz/policy.dict \
	tests/fuzz/seeds/conf/all \
	tests/fuzz/seeds/policy/actions \
	tests/fuzz/seeds/policy/conditions
