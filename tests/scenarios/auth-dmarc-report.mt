mailtest "aggregate reports: rows are collected, sent once, signed, and only where they are wanted"
dns d1 {
	example.org		TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.example.org	TXT "v=DMARC1; p=none; rua=mailto:reports@example.org,mailto:x@victim.example"
	quiet.example		TXT "v=spf1 -all"
	_dmarc.quiet.example	TXT "v=DMARC1; p=none"
	s1._domainkey.example.net	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
}
file "key.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
next n1 {}
next n2 {}
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	filter spf;
	filter dkim { sign example.net selector s1 key "$DIR/key.pem"; }
	filter dmarc { report on; report-from dmarc@example.net; }
	policy { at message { reject 550 5.7.1 "unwanted" if subject == "spam"; accept; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: one\r\n\r\nx\r\n"
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: two\r\n\r\nx\r\n"
	mail <a@quiet.example>
	rcpt <b@example.net>
	data "From: a@quiet.example\r\nSubject: three\r\n\r\nx\r\n"
	quit }
drain g1
await reevectl g1 dmarc report --day today = 0 ~ "ready +example.org +\d+ octets +reports@example.org$" !~ "quiet" !~ "victim"
reevectl g1 dmarc report --day yesterday = 0 ~ "nothing to report"
reevectl g1 dmarc report --day today --send = 0 ~ "queued +example.org"
drain g1
reevectl g1 dmarc report --day today --send = 0 ~ "sent +example.org"
expect n1.messages == 3	n2.messages == 1	n2.commands ~ "RCPT TO:<reports@example.org>"
expect n2.message[0].header "Subject" ~ "Report Domain: example.org"	n2.message[0].raw ~ "application/gzip"
expect n2.message[0].header "DKIM-Signature" ~ "d=example.net"
