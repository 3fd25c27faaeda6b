mailtest "what is relayed is what came in, below our own headers"
next n1 {}
gateway g1 { policy { at message { accept; } } }

session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: dots and lines

		.
		..
		...three
		 leading blank
		trailing blank  

		last line
	} = 250 2.0.0
	mail <a@example.com> BODY=8BITMIME
	rcpt <b@example.net>
	data "Subject: =?x\r\nX-Raw: caf\xe9 \x80\xff\r\n\r\nGr\xc3\xbc\xc3\x9fe \xf0\x9f\x93\xac \xff\xfe\x80\r\n\r\n\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: long\r\n\r\n" "x"*998 "\r\n." "y"*997 "\r\n" "z"*2048 "\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: no body\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "no header at all\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: tabs\tand\x01controls\x1b\x7f\r\nX-Folded: one\r\n\ttwo\r\n   three\r\n\r\n\x00\x01\x02body\r\n" = 250|554
	quit
}
drain g1
expect n1.messages >= 6
expect n1.message[0].body == sent[0].body	n1.message[1].body == sent[1].body	n1.message[2].body == sent[2].body
expect n1.message[0].raw ~ "(?s)^Received: from .*\\r\\nFrom: a@example.com\\r\\nSubject: dots"
expect n1.message[3].head ~ "Subject: no body\\r\\n$"
expect n1.message[4].raw ~ "no header at all\\r\\n$"
on smtp { expect n1.message[0].header "Received" ~ "^from mx.example.com \\(\\[127.0.0.1\\]\\).*\\sby mx.gateway.example .*with ESMTP" }
