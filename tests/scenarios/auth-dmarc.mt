mailtest "DMARC: policies, alignment, From fields that programs read differently"
dns d1 {
	example.org		TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.example.org	TXT "v=DMARC1; p=reject; sp=quarantine; np=reject"
	www.example.org		A 192.0.2.1
	test.example		TXT "v=spf1 -all"
	_dmarc.test.example	TXT "v=DMARC1; p=reject; t=y"
	evil.example		TXT "v=spf1 +all"
	_dmarc.down.example	servfail
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter spf;
	filter dkim;
	filter dmarc;
	policy { at message {
		reject 550 5.7.1 "{dmarc} {dmarc.disposition} {dmarc.domain}"	if dmarc in (fail, permerror);
		tempfail 451 4.7.1 "{dmarc.reason}"				if dmarc == temperror;
		accept;
	} }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\n\r\nx\r\n" = 250
	quit }
session via smtp milter from 203.0.113.9 { ehlo mx.example.org
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@example.org\r\n\r\nx\r\n" = 550 ~ "fail reject example.org"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@www.example.org\r\n\r\nx\r\n" = 550 ~ "fail quarantine example.org"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@nowhere.example.org\r\n\r\nx\r\n" = 550 ~ "fail reject example.org"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@test.example\r\n\r\nx\r\n" = 550 ~ "fail quarantine test.example"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@down.example\r\n\r\nx\r\n" = 451
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example\r\nFrom: a@example.org\r\n\r\nx\r\n" = 550 ~ "permerror"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example, c@example.org\r\n\r\nx\r\n" = 550 ~ "fail reject"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: <c@example.org> <a@evil.example>\r\n\r\nx\r\n" = 550 ~ "permerror"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: c@example.org (a@evil.example\r\n\r\nx\r\n" = 550 ~ "permerror"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "Subject: no author\r\n\r\nx\r\n" = 550 ~ "permerror"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example\r\n\r\nx\r\n" = 250
	quit }
drain g1
expect n1.messages == 2
await reevectl g1 stats = 0 ~ "dmarc +evaluated +11\n" ~ "dmarc +pass +1\n" ~ "dmarc +fail-reject +3\n" ~ "dmarc +fail-quarantine +2\n" ~ "dmarc +fail-none +0\n" ~ "dmarc +error +4\n" ~ "dmarc +no-policy +1\n"
