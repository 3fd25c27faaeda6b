mailtest "a message that goes in circles is refused at the limit of hops"
next n1 {}
gateway g1 {
	limits { hops 10; }
	policy { at message { accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"*9 "Subject: below\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"*10 "Subject: at\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"*11 "Subject: above\r\n\r\nx\r\n" = 554 5.4.6
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: in the body they do not count\r\n\r\n" "Received: from a by b\r\n"*30 = 250
	quit
}
drain g1
expect n1.messages == 3
