mailtest "recipients that differ: refused for all only when all refuse; the rest goes to quarantine"
next n1 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay strict.example { to $n1; max-connections 1; }
	policy {
		at message {
			for rcpt.domain == "strict.example" { reject 550 5.7.1 "strict" if subject =~ /spam/; }
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@strict.example>
	data "Subject: spam\r\n\r\nx\r\n" = 550 5.7.1 ~ "strict"
	mail <a@example.com>
	rcpt <b@strict.example>
	rcpt <b@example.net>
	data "Subject: spam\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@strict.example>
	rcpt <b@example.net>
	data "Subject: fine\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect via smtp n1.commands ~ "b@strict.example"
expect n1.messages >= 2
expect g1.message[1].rcpt ~ "strict.example.*quarantine|quarantine.*strict.example"
await reevectl g1 quarantine list = 0 ~ "b@strict.example" !~ "b@example.net"
