# Begun first, longest first: what takes long, for others to end beside it, and not one alone at the end.
long_tests = tests/suites/auth tests/suites/scan tests/suites/mime_differential.py tests/suites/hostile_shapes.py
long_unit_tests = \
	tests/unit/test-scan-life \
	tests/unit/test-scan \
	tests/unit/test-scan-content \
	tests/unit/test-url \
	tests/unit/test-relay \
	tests/unit/test-store \
	tests/unit/test-recipients
TESTS += $(long_tests)
dist_noinst_SCRIPTS += $(long_tests)

# Unit tests: one program per module, tests/unit/test-MODULE.c, cmocka.
unit_tests = \
	tests/unit/test-addr \
	tests/unit/test-address \
	tests/unit/test-arc \
	tests/unit/test-arena \
	tests/unit/test-auth \
	tests/unit/test-auth-growing \
	tests/unit/test-authres \
	tests/unit/test-backlog \
	tests/unit/test-clamd \
	tests/unit/test-conf \
	tests/unit/test-config \
	tests/unit/test-content \
	tests/unit/test-control \
	tests/unit/test-decode \
	tests/unit/test-dkim \
	tests/unit/test-dmarc \
	tests/unit/test-reports \
	tests/unit/test-dns \
	tests/unit/test-dns-cache \
	tests/unit/test-dns-packet \
	tests/unit/test-dnsbl \
	tests/unit/test-fuzzy \
	tests/unit/test-greet \
	tests/unit/test-greylist \
	tests/unit/test-header \
	tests/unit/test-headers \
	tests/unit/test-html \
	tests/unit/test-iprev \
	tests/unit/test-learn \
	tests/unit/test-features \
	tests/unit/test-learner \
	tests/unit/test-list \
	tests/unit/test-loop \
	tests/unit/test-mailbox \
	tests/unit/test-manual \
	tests/unit/test-milter-intake \
	tests/unit/test-mime \
	tests/unit/test-names \
	tests/unit/test-phishing \
	tests/unit/test-policy \
	tests/unit/test-policy-run \
	tests/unit/test-pool \
	tests/unit/test-quarantine \
	tests/unit/test-queue \
	tests/unit/test-rate \
	tests/unit/test-regex \
	tests/unit/test-relay-parts \
	tests/unit/test-relay-sites \
	tests/unit/test-route \
	tests/unit/test-rules \
	tests/unit/test-rules-automaton \
	tests/unit/test-rules-dns \
	tests/unit/test-rules-growing \
	tests/unit/test-rules-literal \
	tests/unit/test-rules-message \
	tests/unit/test-rules-meta \
	tests/unit/test-scan-cache \
	tests/unit/test-scan-faults \
	tests/unit/test-scan-kinds \
	tests/unit/test-scan-wire \
	tests/unit/test-smtp \
	tests/unit/test-smtp-header \
	tests/unit/test-smtp-limits \
	tests/unit/test-spf \
	tests/unit/test-spool \
	tests/unit/test-store-abuse \
	tests/unit/test-store-conform \
	tests/unit/test-store-schema \
	tests/unit/test-str \
	tests/unit/test-tls \
	tests/unit/test-unicode \
	tests/unit/test-wire
if HAVE_CMOCKA
check_PROGRAMS += $(long_unit_tests) $(unit_tests)
TESTS += $(long_unit_tests) $(unit_tests)
endif
unit_ldadd = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS) $(CMOCKA_LIBS)

tests_unit_test_addr_SOURCES = tests/unit/test-addr.c tests/unit/unit.h
tests_unit_test_addr_LDADD = $(unit_ldadd)
tests_unit_test_arena_SOURCES = tests/unit/test-arena.c tests/unit/unit.h
tests_unit_test_arena_LDADD = $(unit_ldadd)
tests_unit_test_conf_SOURCES = tests/unit/test-conf.c tests/unit/conf-kit.h tests/unit/folder.h tests/unit/unit.h
tests_unit_test_conf_LDADD = $(unit_ldadd)
tests_unit_test_config_SOURCES = tests/unit/test-config.c tests/unit/unit.h gateway/config.c
tests_unit_test_config_LDADD = $(unit_ldadd)
tests_unit_test_learn_SOURCES = tests/unit/test-learn.c tests/unit/chain-fixture.h tests/unit/clock-fake.h tests/unit/state-fixture.h tests/unit/unit.h
tests_unit_test_learn_LDADD = $(unit_ldadd)
tests_unit_test_features_SOURCES = tests/unit/test-features.c tests/unit/features-kit.h tests/unit/growing.h tests/unit/unit.h
tests_unit_test_features_LDADD = $(unit_ldadd)
tests_unit_test_learner_SOURCES = tests/unit/test-learner.c tests/unit/features-kit.h tests/unit/unit.h
tests_unit_test_learner_LDADD = $(unit_ldadd)
tests_unit_test_list_SOURCES = tests/unit/test-list.c tests/unit/conf-kit.h tests/unit/unit.h
tests_unit_test_list_LDADD = $(unit_ldadd)
tests_unit_test_manual_SOURCES = tests/unit/test-manual.c tests/unit/unit.h
tests_unit_test_manual_LDADD = gateway/libgateway.a gateway/libqueue.a $(unit_ldadd)
tests_unit_test_names_SOURCES = tests/unit/test-names.c tests/unit/unit.h
tests_unit_test_names_LDADD = $(unit_ldadd)
tests_unit_test_route_SOURCES = tests/unit/test-route.c tests/unit/conf-kit.h tests/unit/unit.h
tests_unit_test_route_LDADD = $(unit_ldadd)
tests_unit_test_regex_SOURCES = tests/unit/test-regex.c tests/unit/unit.h
tests_unit_test_regex_LDADD = $(unit_ldadd)
tests_unit_test_milter_intake_SOURCES = tests/unit/test-milter-intake.c tests/unit/unit.h
tests_unit_test_milter_intake_LDADD = gateway/libintake.a gateway/libsmtp.a $(unit_ldadd)
tests_unit_test_fuzzy_SOURCES = tests/unit/test-fuzzy.c tests/unit/chain-fixture.h tests/unit/growing.h tests/unit/unit.h
tests_unit_test_fuzzy_LDADD = $(unit_ldadd)
tests_unit_test_phishing_SOURCES = tests/unit/test-phishing.c tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_phishing_LDADD = $(unit_ldadd)
tests_unit_test_unicode_SOURCES = tests/unit/test-unicode.c tests/unit/growing.h tests/unit/unit-arena.h tests/unit/unit.h
tests_unit_test_unicode_LDADD = $(unit_ldadd)
tests_unit_test_mime_SOURCES = tests/unit/test-mime.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_mime_LDADD = $(unit_ldadd)
tests_unit_test_decode_SOURCES = tests/unit/test-decode.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_decode_LDADD = $(unit_ldadd)
tests_unit_test_mailbox_SOURCES = tests/unit/test-mailbox.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_mailbox_LDADD = $(unit_ldadd)
tests_unit_test_html_SOURCES = tests/unit/test-html.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_html_LDADD = $(unit_ldadd)
tests_unit_test_url_SOURCES = tests/unit/test-url.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_url_LDADD = $(unit_ldadd)
tests_unit_test_content_SOURCES = tests/unit/test-content.c tests/unit/unit-arena.h tests/unit/unit.h tests/unit/growing.h
tests_unit_test_content_LDADD = $(unit_ldadd)
tests_unit_test_header_SOURCES = tests/unit/test-header.c tests/unit/unit-arena.h tests/unit/unit.h
tests_unit_test_header_LDADD = $(unit_ldadd)
tests_unit_test_str_SOURCES = tests/unit/test-str.c tests/unit/unit.h
tests_unit_test_str_LDADD = $(unit_ldadd)
tests_unit_test_loop_SOURCES = tests/unit/test-loop.c tests/unit/unit.h
tests_unit_test_loop_LDADD = $(unit_ldadd)
tests_unit_test_policy_SOURCES = tests/unit/test-policy.c tests/unit/conf-kit.h tests/unit/policy-kit.h tests/unit/unit.h
tests_unit_test_policy_LDADD = $(unit_ldadd)
tests_unit_test_policy_run_SOURCES = tests/unit/test-policy-run.c tests/unit/conf-kit.h tests/unit/policy-kit.h tests/unit/unit.h
tests_unit_test_policy_run_LDADD = $(unit_ldadd)
tests_unit_test_pool_SOURCES = tests/unit/test-pool.c tests/unit/unit.h
tests_unit_test_pool_LDADD = $(unit_ldadd)
tests_unit_test_queue_SOURCES = tests/unit/test-queue.c tests/unit/unit.h
tests_unit_test_queue_LDADD = gateway/libqueue.a $(unit_ldadd)
tests_unit_test_backlog_SOURCES = tests/unit/test-backlog.c tests/unit/unit.h
tests_unit_test_backlog_LDADD = gateway/librelay.a gateway/libqueue.a $(unit_ldadd)
tests_unit_test_control_SOURCES = tests/unit/test-control.c tests/unit/unit.h
tests_unit_test_control_LDADD = gateway/libqueue.a $(unit_ldadd)
tests_unit_test_quarantine_SOURCES = tests/unit/test-quarantine.c tests/unit/unit.h
tests_unit_test_quarantine_LDADD = gateway/libqueue.a $(unit_ldadd)
tests_unit_test_relay_parts_SOURCES = tests/unit/test-relay-parts.c tests/unit/unit.h
tests_unit_test_relay_parts_LDADD = gateway/librelay.a gateway/libqueue.a $(unit_ldadd)
tests_unit_test_relay_SOURCES = tests/unit/test-relay.c tests/unit/relay-server.h tests/unit/clock-fake.h tests/unit/relay-world.h tests/unit/unit.h
tests_unit_test_relay_sites_SOURCES = tests/unit/test-relay-sites.c tests/unit/relay-server.h tests/unit/clock-fake.h tests/unit/relay-world.h tests/unit/unit.h
tests_unit_test_relay_sites_LDADD = gateway/librelay.a gateway/libqueue.a $(unit_ldadd)
tests_unit_test_relay_LDADD = gateway/librelay.a gateway/libqueue.a $(unit_ldadd)
tests_unit_test_spool_SOURCES = tests/unit/test-spool.c tests/unit/unit.h
tests_unit_test_spool_LDADD = $(unit_ldadd)
tests_unit_test_address_SOURCES = tests/unit/test-address.c tests/unit/unit-arena.h tests/unit/unit.h
tests_unit_test_address_LDADD = $(unit_ldadd)
tests_unit_test_dnsbl_SOURCES = tests/unit/test-dnsbl.c tests/unit/clock-fake.h tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_dnsbl_LDADD = $(unit_ldadd)
tests_unit_test_iprev_SOURCES = tests/unit/test-iprev.c tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_iprev_LDADD = $(unit_ldadd)
tests_unit_test_greet_SOURCES = tests/unit/test-greet.c tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_greet_LDADD = $(unit_ldadd)
tests_unit_test_greylist_SOURCES = tests/unit/test-greylist.c tests/unit/clock-fake.h tests/unit/state-fixture.h tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_greylist_LDADD = $(unit_ldadd)
tests_unit_test_rate_SOURCES = tests/unit/test-rate.c tests/unit/clock-fake.h tests/unit/state-fixture.h tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_rate_LDADD = $(unit_ldadd)
tests_unit_test_headers_SOURCES = tests/unit/test-headers.c tests/unit/chain-fixture.h tests/unit/unit.h
tests_unit_test_headers_LDADD = $(unit_ldadd)
tests_unit_test_recipients_SOURCES = tests/unit/test-recipients.c tests/unit/clock-fake.h tests/unit/chain-fixture.h tests/unit/pem.h tests/unit/smtp-fake.h tests/unit/unit.h
tests_unit_test_recipients_LDADD = $(unit_ldadd)
tests_unit_test_dns_SOURCES = tests/unit/test-dns.c tests/unit/dns-fake.h tests/unit/unit.h
tests_unit_test_dns_LDADD = $(unit_ldadd)
tests_unit_test_dns_cache_SOURCES = tests/unit/test-dns-cache.c tests/unit/clock-fake.h tests/unit/dns-fake.h tests/unit/unit.h
tests_unit_test_dns_cache_LDADD = $(unit_ldadd)
tests_unit_test_dns_packet_SOURCES = tests/unit/test-dns-packet.c tests/unit/dns-fake.h tests/unit/unit.h
tests_unit_test_dns_packet_LDADD = $(unit_ldadd)
tests_unit_test_store_SOURCES = tests/unit/test-store.c tests/unit/store-fixture.h tests/unit/clock-fake.h tests/unit/unit.h
tests_unit_test_store_LDADD = $(unit_ldadd)
tests_unit_test_store_conform_SOURCES = tests/unit/test-store-conform.c tests/unit/store-fixture.h tests/unit/clock-fake.h tests/unit/unit.h
tests_unit_test_store_conform_LDADD = $(unit_ldadd)
tests_unit_test_store_abuse_SOURCES = tests/unit/test-store-abuse.c tests/unit/clock-fake.h tests/unit/unit.h
tests_unit_test_store_abuse_LDADD = $(unit_ldadd)
tests_unit_test_store_schema_SOURCES = tests/unit/test-store-schema.c tests/unit/clock-fake.h tests/unit/unit.h
tests_unit_test_store_schema_LDADD = $(unit_ldadd)

tests_unit_test_spf_SOURCES = tests/unit/test-spf.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_spf_LDADD = $(unit_ldadd)

tests_unit_test_dkim_SOURCES = tests/unit/test-dkim.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_dkim_LDADD = $(unit_ldadd)

tests_unit_test_arc_SOURCES = tests/unit/test-arc.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_arc_LDADD = $(unit_ldadd)

tests_unit_test_dmarc_SOURCES = tests/unit/test-dmarc.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_dmarc_LDADD = $(unit_ldadd)

tests_unit_test_reports_SOURCES = tests/unit/test-reports.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_reports_LDADD = gateway/libgateway.a gateway/libqueue.a $(unit_ldadd)

tests_unit_test_auth_growing_SOURCES = tests/unit/test-auth-growing.c tests/unit/growing.h tests/unit/unit.h
tests_unit_test_auth_growing_LDADD = $(unit_ldadd)

tests_unit_test_auth_SOURCES = tests/unit/test-auth.c tests/unit/auth-fixture.h tests/unit/unit.h
tests_unit_test_auth_LDADD = $(unit_ldadd)

tests_unit_test_authres_SOURCES = tests/unit/test-authres.c tests/unit/unit.h
tests_unit_test_authres_LDADD = $(unit_ldadd)

# Suites of sender authentication: a probe program and its driver.
check_PROGRAMS += tests/suites/auth-probe
tests_suites_auth_probe_SOURCES = tests/suites/auth-probe.c tests/suites/probe.h
tests_suites_auth_probe_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
dist_noinst_SCRIPTS += tests/suites/auth-others tests/suites/auth_cli.py tests/suites/auth_differential.py \
	tests/suites/auth_odd.py tests/suites/auth_suites.py
EXTRA_DIST += tests/suites/auth_keys.py tests/suites/auth_odd_arc.py tests/suites/auth_random.py tests/suites/dmarc_oracle.py tests/suites/fakedns.py
EXTRA_PROGRAMS += tests/bench/bench-auth
tests_bench_bench_auth_SOURCES = tests/bench/bench-auth.c
tests_bench_bench_auth_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)

# Suites of MIME, text, links and address lists: a probe program and its driver.
check_PROGRAMS += tests/suites/mime-probe
tests_suites_mime_probe_SOURCES = tests/suites/mime-probe.c tests/suites/probe.h
tests_suites_mime_probe_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
TESTS += tests/suites/mime_suites.py tests/suites/mime_mutate.py
dist_noinst_SCRIPTS += tests/suites/mime_suites.py tests/suites/mime_mutate.py tools/make-html-tables
EXTRA_DIST += \
	tests/samples/mime/bare-cr.eml \
	tests/samples/mime/bare-cr.json \
	tests/samples/mime/behind-end.eml \
	tests/samples/mime/behind-end.json \
	tests/samples/mime/duplicate-boundary.eml \
	tests/samples/mime/duplicate-boundary.json \
	tests/samples/mime/forwarded-base64.eml \
	tests/samples/mime/forwarded-base64.json \
	tests/samples/mime/header-line-without-colon.eml \
	tests/samples/mime/header-line-without-colon.json \
	tests/samples/mime/html.eml \
	tests/samples/mime/html.json \
	tests/samples/mime/no-boundary.eml \
	tests/samples/mime/no-boundary.json \
	tests/samples/mime/plain.eml \
	tests/samples/mime/plain.json \
	tests/samples/mime/two-types.eml \
	tests/samples/mime/two-types.json \
	tests/samples/mime/unclosed-quote.eml \
	tests/samples/mime/unclosed-quote.json
tests_unit_test_wire_SOURCES = tests/unit/test-wire.c tests/unit/unit-arena.h tests/unit/unit.h
tests_unit_test_wire_LDADD = gateway/libsmtp.a $(unit_ldadd)
tests_unit_test_smtp_SOURCES = tests/unit/smtp-world.h tests/unit/test-smtp.c tests/unit/unit.h
tests_unit_test_smtp_LDADD = gateway/libsmtp.a $(unit_ldadd)
tests_unit_test_tls_SOURCES = tests/unit/pem.h tests/unit/test-tls.c tests/unit/unit.h
tests_unit_test_tls_LDADD = $(unit_ldadd)
tests_unit_test_smtp_header_SOURCES = tests/unit/smtp-world.h tests/unit/test-smtp-header.c tests/unit/unit.h
tests_unit_test_smtp_header_LDADD = gateway/libsmtp.a $(unit_ldadd)
tests_unit_test_smtp_limits_SOURCES = tests/unit/smtp-world.h tests/unit/test-smtp-limits.c tests/unit/unit.h
tests_unit_test_smtp_limits_LDADD = gateway/libsmtp.a $(unit_ldadd)

EXTRA_PROGRAMS += tests/bench/bench-learn
tests_bench_bench_learn_SOURCES = tests/bench/bench-learn.c
tests_bench_bench_learn_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
EXTRA_PROGRAMS += tests/bench/bench-state
tests_bench_bench_state_SOURCES = tests/bench/bench-state.c
tests_bench_bench_state_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)
EXTRA_PROGRAMS += tests/bench/bench-queue
tests_bench_bench_queue_SOURCES = tests/bench/bench-queue.c
tests_bench_bench_queue_LDADD = gateway/libqueue.a $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)

tests_unit_test_rules_SOURCES = tests/unit/test-rules.c tests/unit/unit.h
tests_unit_test_rules_LDADD = $(unit_ldadd)
tests_unit_test_rules_growing_SOURCES = tests/unit/test-rules-growing.c tests/unit/growing.h tests/unit/unit.h
tests_unit_test_rules_growing_LDADD = $(unit_ldadd)
tests_unit_test_rules_dns_SOURCES = tests/unit/test-rules-dns.c tests/unit/unit.h
tests_unit_test_rules_dns_LDADD = $(unit_ldadd)
tests_unit_test_rules_automaton_SOURCES = tests/unit/test-rules-automaton.c tests/unit/unit.h
tests_unit_test_rules_automaton_LDADD = $(unit_ldadd)
tests_unit_test_rules_literal_SOURCES = tests/unit/test-rules-literal.c tests/unit/unit.h
tests_unit_test_rules_literal_LDADD = $(unit_ldadd)
tests_unit_test_rules_message_SOURCES = tests/unit/test-rules-message.c tests/unit/unit.h
tests_unit_test_rules_message_LDADD = $(unit_ldadd)
tests_unit_test_rules_meta_SOURCES = tests/unit/test-rules-meta.c tests/unit/unit.h
tests_unit_test_rules_meta_LDADD = $(unit_ldadd)

tests_unit_test_scan_content_SOURCES = tests/unit/test-scan-content.c tests/unit/growing.h tests/unit/unit.h $(scanner_content)
tests_unit_test_scan_content_LDADD = $(unit_ldadd) $(CLAMAV_LIBS) $(ARCHIVE_LIBS)
tests_unit_test_scan_faults_SOURCES = tests/unit/test-scan-faults.c tests/unit/growing.h tests/unit/scan-kit.h tests/unit/unit.h
tests_unit_test_scan_faults_LDADD = $(unit_ldadd)
tests_unit_test_scan_life_SOURCES = tests/unit/test-scan-life.c tests/unit/scan-kit.h tests/unit/unit.h
tests_unit_test_scan_life_LDADD = $(unit_ldadd)
tests_unit_test_scan_SOURCES = tests/unit/test-scan.c tests/unit/scan-kit.h tests/unit/unit.h
tests_unit_test_scan_LDADD = $(unit_ldadd)
tests_unit_test_clamd_SOURCES = tests/unit/test-clamd.c tests/unit/unit.h
tests_unit_test_clamd_LDADD = $(unit_ldadd)
tests_unit_test_scan_cache_SOURCES = tests/unit/test-scan-cache.c tests/unit/unit.h scanner/cache.c
tests_unit_test_scan_cache_LDADD = $(unit_ldadd)
tests_unit_test_scan_kinds_SOURCES = tests/unit/test-scan-kinds.c tests/unit/unit.h scanner/content/magic.c scanner/content/words.c scanner/content/xml.c \
	scanner/content/zip.c
tests_unit_test_scan_kinds_LDADD = $(unit_ldadd)
tests_unit_test_scan_wire_SOURCES = tests/unit/test-scan-wire.c tests/unit/unit.h
tests_unit_test_scan_wire_LDADD = $(unit_ldadd)

EXTRA_PROGRAMS += tests/bench/bench-scan
tests_bench_bench_scan_SOURCES = tests/bench/bench-scan.c scanner/engine.c scanner/engine.h
tests_bench_bench_scan_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS) $(CLAMAV_LIBS)

# Scanner and attachments against real and own samples.
dist_noinst_SCRIPTS += tests/suites/scan_suite.py tests/suites/sandboxed.py
EXTRA_DIST += tests/suites/containers.py tests/suites/disguise_cases.py tests/suites/document_cases.py tests/suites/odd_archives.py tests/suites/odd_documents.py tests/suites/samples.py

# The samples beside the shipped rules; the rules of others beside their own engine (needs test data).
TESTS += tests/suites/starter-rules tests/suites/bench-rules tests/suites/rules-commands tests/suites/sa
dist_noinst_SCRIPTS += tests/suites/bench-rules tests/suites/rules-commands tests/suites/sa tests/suites/sa_expectations.py \
	tests/suites/sa_oracle.py tests/suites/sa_own.py tests/suites/starter-rules
EXTRA_DIST += tests/suites/sa-own.cf tests/suites/sa-own.json
check_PROGRAMS += tests/bench/bench-rules
tests_bench_bench_rules_SOURCES = tests/bench/bench-rules.c
tests_bench_bench_rules_LDADD = $(REEVE_LIBS) $(REEVE_SYSTEM_LIBS)

# The daemon without -f: syslog, accounts. What configure says of what is not there.
TESTS += tests/suites/background.py
dist_noinst_SCRIPTS += tests/suites/background.py tests/suites/configure_messages.py

# What the pages for administrators tell to write is accepted.
TESTS += tests/suites/doc-examples
dist_noinst_SCRIPTS += tests/suites/doc-examples
