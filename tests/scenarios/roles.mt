mailtest "a role that falls is started again; accepted mail and the other roles do not suffer"
next n1 {}
gateway g1 { policy { at message { accept; } } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: one\r\n\r\nx\r\n" = 250
	quit
}
drain g1
session open via smtp milter keep {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
}
gateway g1 crash-relay
session open via smtp milter {							# the gateway noticed nothing
	data "Subject: two\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 2
session open via smtp milter keep { ehlo mx.example.com }
gateway g1 crash-gateway
session open via smtp milter { expect-close }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: three\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 3	g1.log ~ "ended by signal 9"	g1.running
