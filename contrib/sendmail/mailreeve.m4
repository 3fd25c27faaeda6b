dnl Lines for sendmail.mc: Mailreeve as a milter (see doc/milter.md). F=T: no filter, no mail.
INPUT_MAIL_FILTER(`mailreeve', `S=unix:/run/mailreeve/milter.sock, F=T, T=C:30s;S:30s;R:60s;E:5m')dnl
define(`confINPUT_MAIL_FILTERS', `mailreeve')dnl
