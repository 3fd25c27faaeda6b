mailtest "reports per minute: at the limit they go out, above it they wait with their mail"
next n1 { rcpt "gone@" = 550 5.1.1 "no such user"; }
next n2 {}
gateway g1 {
	relay example.net { to $n1; }
	relay * { to $n2; }
	queue { reports 3; reports-per-domain 2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@one.example>
	rcpt <gone@example.net>
	data "Subject: 1\r\n\r\nx\r\n" = 250
	mail <b@one.example>
	rcpt <gone@example.net>
	data "Subject: 2\r\n\r\nx\r\n" = 250
	quit
}
expect n2.messages == 2
session {							# the third of that domain
	ehlo mx.example.com
	mail <c@ONE.example>
	rcpt <gone@example.net>
	data "Subject: 3\r\n\r\nx\r\n" = 250
	quit
}
expect n1.sessions >= 1
session {							# the third and the fourth of all
	ehlo mx.example.com
	mail <a@two.example>
	rcpt <gone@example.net>
	data "Subject: 4\r\n\r\nx\r\n" = 250
	quit
}
expect n2.messages == 3	n2.message[2].rcpts == "a@two.example"
session {
	ehlo mx.example.com
	mail <a@three.example>
	rcpt <gone@example.net>
	data "Subject: 5\r\n\r\nx\r\n" = 250
	quit
}
reevectl g1 queue list = 0 ~ "ONE.example"
clock +2m
expect n2.messages == 5
drain g1
