mailtest "default policy: an author who cannot be told, a policy that cannot be had now"
dns d1 {
	_dmarc.down.example	servfail
	_dmarc.bank.example	TXT "v=DMARC1; p=reject"
	lists.example		TXT "v=spf1 ip4:203.0.113.9 -all"
}
next n1 {}
file "local.cf" {
	header   T_BAD  Subject =~ /worst/
	score    T_BAD  3.5
	header   T_ODD  Subject =~ /odd/
	score    T_ODD  1.5
}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter rules { load "$DIR/local.cf"; }
	filter spf;
	filter dkim;
	filter dmarc;
}
session via smtp milter from 203.0.113.9 { ehlo mx.example.org
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@down.example\r\nSubject: x\r\n\r\nx\r\n" = 451 4.7.0 ~ "cannot check the author"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example\r\nFrom: a@example.org\r\nSubject: worst\r\n\r\nx\r\n" = 550 5.7.1 ~ "more than one From"
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example\r\nFrom: a@example.org\r\nSubject: odd\r\n\r\nx\r\n" = 250
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@evil.example\r\nFrom: a@example.org\r\nSubject: fine\r\n\r\nx\r\n" = 250
	quit }
drain g1
expect n1.messages == 1
expect n1.message[0].header "Subject" == fine
# A list may break signatures; a forger who calls himself one gains nothing.
session via smtp milter from 203.0.113.9 { ehlo mx.example.org
	mail <bounce@lists.example>
	rcpt <b@example.net>
	data "From: a@bank.example\r\nList-Id: <users.lists.example>\r\nSubject: list\r\n\r\nx\r\n" = 250
	mail <bounce@lists.example>
	rcpt <b@example.net>
	data "From: a@bank.example\r\nList-Id: <users.lists.debian.org>\r\nSubject: forged\r\n\r\nx\r\n" = 250
	quit }
expect n1.messages == 2		n1.message[1].header "Subject" == list
