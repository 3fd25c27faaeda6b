mailtest "aggregate reports go out by themselves at night, once, whatever falls or is restarted"
dns d1 {
	example.org		TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.example.org	TXT "v=DMARC1; p=none; rua=mailto:reports@example.org"
	other.example		TXT "v=spf1 -all"
	_dmarc.other.example	TXT "v=DMARC1; p=none; rua=mailto:rua@other.example,mailto:rua%0d%0aRCPT%20TO:x@other.example"
	skipped.example		TXT "v=spf1 -all"
	_dmarc.skipped.example	TXT "v=DMARC1; p=none; rua=mailto:rua@skipped.example"
}
next n1 {}
next n2 {}
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	filter spf;
	filter dkim;
	filter dmarc { report on; report-from dmarc@example.net; report-skip skipped.example; report-delay 1m; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: one\r\n\r\nx\r\n"
	mail <a@other.example>
	rcpt <b@example.net>
	data "From: a@other.example\r\nSubject: two\r\n\r\nx\r\n"
	mail <a@skipped.example>
	rcpt <b@example.net>
	data "From: a@skipped.example\r\nSubject: three\r\n\r\nx\r\n"
	# A report of others, sound and about the same domain: not told of, or reports would answer reports.
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: Report Domain: example.net Submitter: example.org\r\n\r\nx\r\n"
	quit }
expect n1.messages == 4
await reevectl g1 dmarc report --day today = 0 ~ "ready +example.org" ~ "ready +other.example" !~ "skipped"
clock +1d
expect n2.messages == 2		g1.log ~ "\"state\":\"queued\""
expect n2.commands ~ "RCPT TO:<reports@example.org>"	n2.commands ~ "RCPT TO:<rua@other.example>"
expect n2.commands !~ "RCPT TO:<x@"	n2.commands !~ "skipped"
reevectl g1 dmarc report --day yesterday --send = 0 ~ "sent +example.org" ~ "sent +other.example"
gateway g1 crash-reports
clock +2m
gateway g1 restart
clock +2m
drain g1
expect n2.messages == 2
# Nothing new on the next day, and a day on which nothing ran is made up for.
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: four\r\n\r\nx\r\n"
	quit }
expect n1.messages == 5
gateway g1 stop
clock +2d
gateway g1 start
expect n2.messages == 3		n2.message[2].header "Subject" ~ "Report Domain: example.org"
clock +1d
clock +10m
drain g1
expect n2.messages == 3
await reevectl g1 stats = 0 ~ "reports +reports +aggregate +1"
