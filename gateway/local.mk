# The queue with what the programs share of it: mailreeved, reevectl and the tests link it.
noinst_LIBRARIES += gateway/libqueue.a
gateway_libqueue_a_SOURCES = \
	gateway/control.c \
	gateway/control.h \
	gateway/quarantine/quarantine.c \
	gateway/quarantine/quarantine.h \
	gateway/quarantine/quarantine_json.c \
	gateway/quarantine/quarantine_json.h \
	gateway/queue/crc32c.c \
	gateway/queue/crc32c.h \
	gateway/queue/journal.c \
	gateway/queue/journal.h \
	gateway/queue/live.c \
	gateway/queue/live.h \
	gateway/queue/queue.h \
	gateway/queue/reader.c \
	gateway/queue/reader.h \
	gateway/queue/record.c \
	gateway/queue/record.h \
	gateway/queue/submit.c \
	gateway/queue/wait.c \
	gateway/queue/writer_private.h \
	gateway/queue/writer.c

# The SMTP front end; its parsers (wire.h) are tested and fuzzed without the rest.
noinst_LIBRARIES += gateway/libsmtp.a
gateway_libsmtp_a_SOURCES = \
	gateway/smtp/bdat.c \
	gateway/smtp/command.c \
	gateway/smtp/content.c \
	gateway/smtp/data.c \
	gateway/smtp/envelope.c \
	gateway/smtp/finish.c \
	gateway/smtp/greet.c \
	gateway/smtp/header.c \
	gateway/smtp/line.c \
	gateway/smtp/params.c \
	gateway/smtp/private.h \
	gateway/smtp/proxy.c \
	gateway/smtp/received.c \
	gateway/smtp/reply.c \
	gateway/smtp/server.c \
	gateway/smtp/session.c \
	gateway/smtp/smtp.h \
	gateway/smtp/stage.c \
	gateway/smtp/tls.c \
	gateway/smtp/trace.c \
	gateway/smtp/wire.h \
	gateway/smtp/xclient.c

# What the milter callbacks hand in, without libmilter: tested and fuzzed without the rest.
noinst_LIBRARIES += gateway/libintake.a
gateway_libintake_a_SOURCES = \
	gateway/milter/intake.c \
	gateway/milter/intake.h

# The relay: queue to next hops.
noinst_LIBRARIES += gateway/librelay.a
gateway_librelay_a_SOURCES = \
	gateway/relay/backlog_private.h \
	gateway/relay/backlog.c \
	gateway/relay/backlog.h \
	gateway/relay/body.c \
	gateway/relay/body.h \
	gateway/relay/client_mail.c \
	gateway/relay/client_private.h \
	gateway/relay/client.c \
	gateway/relay/client.h \
	gateway/relay/command.c \
	gateway/relay/compact.c \
	gateway/relay/compact.h \
	gateway/relay/deliver.c \
	gateway/relay/dsn.c \
	gateway/relay/dsn.h \
	gateway/relay/map.c \
	gateway/relay/map.h \
	gateway/relay/places.c \
	gateway/relay/pump.c \
	gateway/relay/relay_private.h \
	gateway/relay/relay.c \
	gateway/relay/relay.h \
	gateway/relay/reply.c \
	gateway/relay/reply.h \
	gateway/relay/report.c \
	gateway/relay/resolve.c \
	gateway/relay/resolve.h \
	gateway/relay/retry.c \
	gateway/relay/retry.h \
	gateway/relay/site.c \
	gateway/relay/site.h

# What all programs share: configuration, snapshots, judging, reporting.
noinst_LIBRARIES += gateway/libgateway.a
gateway_libgateway_a_SOURCES = \
	gateway/builtin.c \
	gateway/config.c \
	gateway/config.h \
	gateway/counters.c \
	gateway/counters.h \
	gateway/judge.c \
	gateway/judge.h \
	gateway/manual.c \
	gateway/manual.h \
	gateway/nameservers.c \
	gateway/nameservers.h \
	gateway/plugin.c \
	gateway/plugin.h \
	gateway/report.c \
	gateway/reports/aggregate.c \
	gateway/reports/failures.c \
	gateway/reports/reports.c \
	gateway/reports/reports.h \
	gateway/quarantine/setaside.c \
	gateway/quarantine/setaside.h \
	gateway/snapshot.c \
	gateway/host.c \
	gateway/host.h \
	gateway/restart.c \
	gateway/restart.h \
	gateway/snapshot.h

sbin_PROGRAMS += mailreeved
mailreeved_SOURCES = \
	gateway/gateway_role.c \
	gateway/keys.c \
	gateway/keys.h \
	gateway/main.c \
	gateway/master.c \
	gateway/master.h \
	gateway/milter/apply.c \
	gateway/milter/edits.c \
	gateway/milter/milter.h \
	gateway/milter/negotiate.c \
	gateway/milter/nudge.c \
	gateway/milter/private.h \
	gateway/milter/role.c \
	gateway/milter/session.c \
	gateway/milter/work.c \
	gateway/notify.c \
	gateway/notify.h \
	gateway/relay/role.c \
	gateway/reports/role.c \
	gateway/role.c \
	gateway/role.h \
	gateway/title.c \
	gateway/title.h \
	gateway/scanner_role.c \
	gateway/selftest.c \
	gateway/selftest.h \
	gateway/world.c \
	gateway/world.h
mailreeved_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
mailreeved_libs = gateway/libintake.a gateway/libsmtp.a gateway/librelay.a gateway/libgateway.a gateway/libqueue.a \
	filters/libfilters.a policy/libpolicy.a rules/librules.a auth/libauth.a
mailreeved_DEPENDENCIES = $(mailreeved_libs) core/libcore.a lib/libreeve.a
mailreeved_LDADD = $(mailreeved_libs) \
	$(WHOLE_CORE) \
	$(REEVE_SYSTEM_LIBS) $(MILTER_LIBS)

bin_PROGRAMS += reevectl
reevectl_SOURCES = \
	gateway/ctl/auth.c \
	gateway/ctl/check.c \
	gateway/ctl/ctl.h \
	gateway/ctl/commands.c \
	gateway/ctl/daemon.c \
	gateway/ctl/dkim.c \
	gateway/ctl/dmarc.c \
	gateway/ctl/help.c \
	gateway/ctl/fuzzy.c \
	gateway/ctl/fuzzy.h \
	gateway/ctl/learn.c \
	gateway/ctl/learn.h \
	gateway/ctl/limits.c \
	gateway/ctl/list.c \
	gateway/ctl/main.c \
	gateway/ctl/mime.c \
	gateway/ctl/policy.c \
	gateway/ctl/quarantine.c \
	gateway/ctl/queue.c \
	gateway/ctl/rules.c \
	gateway/ctl/scan.c \
	gateway/ctl/arrival.c \
	gateway/ctl/arrival.h \
	gateway/ctl/scanner.c \
	gateway/ctl/select.c \
	gateway/ctl/select.h \
	gateway/ctl/state.c \
	gateway/ctl/state.h \
	gateway/ctl/walk.c \
	gateway/ctl/walk.h
reevectl_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
reevectl_libs = gateway/libgateway.a gateway/libqueue.a \
	filters/libfilters.a policy/libpolicy.a rules/librules.a auth/libauth.a
reevectl_DEPENDENCIES = $(reevectl_libs) core/libcore.a lib/libreeve.a
reevectl_LDADD = $(reevectl_libs) \
	$(WHOLE_CORE) \
	$(REEVE_SYSTEM_LIBS)

# The pages about the configuration and the commands are made from the tables that the programs work by.
made_pages = doc/mailreeve.conf.5 doc/reevectl.8
man_MANS = $(made_pages)
dist_man_MANS += doc/mailreeved.8
CLEANFILES += $(made_pages)
doc/mailreeve.conf.5: reevectl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) doc && ./reevectl$(EXEEXT) help man mailreeve.conf >$@.tmp && mv $@.tmp $@
doc/reevectl.8: reevectl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) doc && ./reevectl$(EXEEXT) help man reevectl >$@.tmp && mv $@.tmp $@
