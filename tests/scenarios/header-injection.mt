mailtest "line breaks and controls from the peer reach no header, reply or log line"
next n1 {}
gateway g1 {
	policy {
		at helo { reject 550 5.7.1 "unwelcome: {helo}" if helo == "bad.example"; }
		at rcpt { reject 550 5.7.1 "{sender} may not write to {rcpt}" if sender.domain == "no.example"; }
		at message {
			reject 550 5.7.1 "subject {subject}" if subject =~ /refuse/;
			tag header "X-Subject" "{subject}";
			tag header "X-Sender" "{sender}";
			accept;
		}
	}
}
session via smtp {
	banner
	send "EHLO mx.example.com\x1b[31m\r\n" = 501
	send "EHLO mx\tx.example.com\r\n" = 501
	ehlo "mx.example.com" = 250
	mail "<\"a\x01b\"@example.com>" = 5xx
	mail "<\"a\\\r\nX: y\"@example.com>" = 5xx		# two lines, both refused
	reply = 500
	quit
}
session via smtp milter {
	ehlo mx.example.com
	mail "<\"a b\\\"c\"@no.example>" = 250
	rcpt <b@example.net> = 550 5.7.1 ~ "may not write to b@example.net"
	rset
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: =?utf-8?q?harmless=0d=0aX-Evil:_yes=0d=0a=0d=0abody?= %s%n {rcpt}

		x
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: =?utf-8?q?refuse=0d=0a250_ok=00=1b[31m?=

		x
	} = 550 5.7.1 ~ "subject refuse" !~ "\x1b" !~ "\x00"
	quit
}
drain g1
expect n1.messages == 1
expect n1.message[0].header-count "X-Evil" == 0	n1.message[0].header-count "X-Subject" == 1
expect n1.message[0].header "X-Subject" ~ "harmless" n1.message[0].header "X-Subject" ~ "%s%n"
expect g1.log !~ "\x1b"
expect g1.message == 2
