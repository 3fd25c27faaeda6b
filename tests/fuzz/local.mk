# Fuzz targets, one a line, alphabetical; tests/fuzz/NAME.c.
fuzz_targets = \
	tests/fuzz/fuzz-address \
	tests/fuzz/fuzz-arc \
	tests/fuzz/fuzz-arrival \
	tests/fuzz/fuzz-authres \
	tests/fuzz/fuzz-conf \
	tests/fuzz/fuzz-config \
	tests/fuzz/fuzz-content \
	tests/fuzz/fuzz-control \
	tests/fuzz/fuzz-decode \
	tests/fuzz/fuzz-dkim \
	tests/fuzz/fuzz-dkim-key \
	tests/fuzz/fuzz-dmarc \
	tests/fuzz/fuzz-dns \
	tests/fuzz/fuzz-failure \
	tests/fuzz/fuzz-features \
	tests/fuzz/fuzz-filters \
	tests/fuzz/fuzz-header \
	tests/fuzz/fuzz-html \
	tests/fuzz/fuzz-mailbox \
	tests/fuzz/fuzz-meta \
	tests/fuzz/fuzz-milter-intake \
	tests/fuzz/fuzz-mime \
	tests/fuzz/fuzz-names \
	tests/fuzz/fuzz-perlre \
	tests/fuzz/fuzz-policy \
	tests/fuzz/fuzz-queue \
	tests/fuzz/fuzz-queue-record \
	tests/fuzz/fuzz-relay \
	tests/fuzz/fuzz-reply \
	tests/fuzz/fuzz-rules \
	tests/fuzz/fuzz-scan-content \
	tests/fuzz/fuzz-scan-wire \
	tests/fuzz/fuzz-smtp-command \
	tests/fuzz/fuzz-smtp-content \
	tests/fuzz/fuzz-spf \
	tests/fuzz/fuzz-text \
	tests/fuzz/fuzz-tnef \
	tests/fuzz/fuzz-url
EXTRA_DIST += tests/fuzz/fuzz-auth.h tests/fuzz/fuzz.h
tests_fuzz_fuzz_relay_SOURCES = tests/fuzz/fuzz-relay.c gateway/relay/body.c gateway/relay/dsn.c
tests_fuzz_fuzz_arrival_SOURCES = tests/fuzz/fuzz-arrival.c gateway/ctl/arrival.c
tests_fuzz_fuzz_control_LDADD = gateway/librelay.a $(LDADD)
tests_fuzz_fuzz_scan_content_SOURCES = tests/fuzz/fuzz-scan-content.c $(scanner_content)
tests_fuzz_fuzz_scan_content_LDADD = $(LDADD) $(CLAMAV_LIBS) $(ARCHIVE_LIBS)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz-reply.c gateway/relay/reply.c
EXTRA_DIST += \
	tests/fuzz/conf.dict \
	tests/fuzz/policy.dict \
	tests/fuzz/seeds/conf/all \
	tests/fuzz/seeds/control/answer.seed \
	tests/fuzz/seeds/control/ask.seed \
	tests/fuzz/seeds/dns/a-whole.seed \
	tests/fuzz/seeds/dns/a.seed \
	tests/fuzz/seeds/dns/cname-whole.seed \
	tests/fuzz/seeds/dns/cname.seed \
	tests/fuzz/seeds/dns/mx-whole.seed \
	tests/fuzz/seeds/dns/mx.seed \
	tests/fuzz/seeds/dns/ptr-whole.seed \
	tests/fuzz/seeds/dns/ptr.seed \
	tests/fuzz/seeds/dns/soa-whole.seed \
	tests/fuzz/seeds/dns/soa.seed \
	tests/fuzz/seeds/dns/tlsa-whole.seed \
	tests/fuzz/seeds/dns/tlsa.seed \
	tests/fuzz/seeds/dns/txt-whole.seed \
	tests/fuzz/seeds/dns/txt.seed \
	tests/fuzz/seeds/milter-intake/one.seed \
	tests/fuzz/seeds/policy/actions \
	tests/fuzz/seeds/policy/conditions \
	tests/fuzz/seeds/scan-content/arj-fastest.seed \
	tests/fuzz/seeds/scan-content/arj-packed.seed \
	tests/fuzz/seeds/scan-content/exe-header-at-the-end.seed \
	tests/fuzz/seeds/scan-content/mail-part-without-text.seed \
	tests/fuzz/seeds/scan-content/ring-of-tables.seed \
	tests/fuzz/seeds/smtp-content/chunk.seed \
	tests/fuzz/seeds/smtp-content/data.seed \
	tests/fuzz/seeds/smtp-content/lax.seed
EXTRA_DIST += \
	tests/fuzz/seeds/arc/two.seed \
	tests/fuzz/seeds/arrival/ours.seed \
	tests/fuzz/seeds/authres/many.seed \
	tests/fuzz/seeds/authres/none.seed \
	tests/fuzz/seeds/dkim/plain.seed \
	tests/fuzz/seeds/dkim/signed.seed \
	tests/fuzz/seeds/dkim-key/ed25519.seed \
	tests/fuzz/seeds/dkim-key/rsa.seed \
	tests/fuzz/seeds/dmarc/policy.seed \
	tests/fuzz/seeds/spf/sender.seed \
	tests/fuzz/seeds/spf/terms.seed
