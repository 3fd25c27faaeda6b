dnl Lines for sendmail.mc: Mailreeve as a milter (see doc/milter.md).
dnl F=T: no filter, no mail; the client comes again. T: times to connect, send, get an answer, and get
dnl the verdict at the end; Mailreeve's stage limit is 20 s and it reports progress every 10 s.
INPUT_MAIL_FILTER(`mailreeve', `S=unix:/run/mailreeve/milter.sock, F=T, T=C:30s;S:30s;R:60s;E:5m')dnl
define(`confINPUT_MAIL_FILTERS', `mailreeve')dnl
