mailtest "several next hops stand in for each other"
next n1 {}
next n2 {}
gateway g1 {
	relay example.net { to $n1 weight 100 $n2 weight 1; }
	policy { at message { accept; } }
}
next n1 down
session {
	ehlo mx.example.com
	repeat 5 {
		mail <a@example.com>
		rcpt <b@example.net>
		data "Subject: x\r\n\r\nx\r\n" = 250
	}
	quit
}
drain g1
expect n2.messages == 5	n1.messages == 0
next n1 { banner = 421 4.3.2 busy; }
next n1 up
clock +1h
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: y\r\n\r\ny\r\n" = 250
	quit
}
drain g1
expect n2.messages == 6
