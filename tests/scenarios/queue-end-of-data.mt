mailtest "5xx after the final dot fails all recipients at once; 4xx keeps them"
next n1 { end = 554 5.6.0 "no thanks"; }
next n2 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay * { to $n2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@sender.example>
	rcpt <one@example.net>
	rcpt <two@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n2.messages == 1	n2.message[0].body ~ "one@example.net"	n2.message[0].body ~ "two@example.net"	n2.message[0].body ~ "554 5.6.0 no thanks"
next n1 { end = 452 4.3.1 full times 1; }
session {
	ehlo mx.example.com
	mail <a@sender.example>
	rcpt <one@example.net>
	rcpt <two@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect g1.log ~ "\"code\":452"
clock +5m
expect n1.messages == 1	n1.message[0].rcpts == "one@example.net two@example.net"
drain g1
expect n2.messages == 1
