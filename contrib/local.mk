# What an administrator copies: made with the paths of this installation.
edit_paths = $(SED) -e 's|@bindir[@]|$(bindir)|g' -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@pkgdatadir[@]|$(pkgdatadir)|g'
made_examples = contrib/mailreeve.conf contrib/mailreeve.service
EXTRA_DIST += $(made_examples:=.in)
CLEANFILES += $(made_examples)
$(made_examples): Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib && $(edit_paths) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
contrib/mailreeve.conf: contrib/mailreeve.conf.in
contrib/mailreeve.service: contrib/mailreeve.service.in

examplesdir = $(docdir)/examples
examples_DATA = $(made_examples)
dist_examples_DATA = contrib/postfix/main.cf contrib/sendmail/mailreeve.m4
dist_doc_DATA += README LICENSE doc/antivirus.md doc/authentication.md doc/guide.md doc/learning.md doc/migrate.md doc/milter.md doc/policy-state.md

# The shipped configuration is one that can be used.
TESTS += tests/suites/shipped-config
dist_noinst_SCRIPTS += tests/suites/shipped-config
