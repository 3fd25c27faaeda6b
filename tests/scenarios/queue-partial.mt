mailtest "each recipient has its own fate: delivered, refused, deferred; none waits for another"
next n1 { rcpt "gone@" = 550 5.1.1 gone; rcpt "busy@" = 450 4.2.0 busy times 1; }
next n2 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay * { to $n2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@sender.example>
	rcpt <good@example.net>
	rcpt <gone@example.net>
	rcpt <busy@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 1	n1.message[0].rcpts == "good@example.net"
expect n2.messages == 1	n2.message[0].body ~ "gone@example.net"	n2.message[0].body !~ "busy@example.net"
clock +5m
expect n1.messages == 2	n1.message[1].rcpts == "busy@example.net"
drain g1
expect n1.messages == 2	n2.messages == 1
