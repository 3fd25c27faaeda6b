mailtest "a policy that says nothing about a message defers it: there is no implicit verdict"
next n1 {}
gateway g1 { policy { at message { reject 550 5.7.1 "no" if subject == "no"; } } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: no\r\n\r\nx\r\n" = 550
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: what\r\n\r\nx\r\n" = 451
	quit
}
expect n1.messages == 0
