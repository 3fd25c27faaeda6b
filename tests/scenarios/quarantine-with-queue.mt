mailtest "what is quarantined for one and accepted for another is stored for both or for none"
next n1 {}
gateway g1 { queue { free-min 1024G; } policy { at message { quarantine "for him" if rcpt == "b@example.net"; accept; } } }
session via smtp {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data "Subject: both\r\n\r\nx\r\n" = 452 4.3.1
}
shell "ls $STATE/quarantine" = 0 ~ "^$"
session via smtp {
	# For him alone the queue is not needed.
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: him\r\n\r\nx\r\n" = 250
	quit
}
await reevectl g1 quarantine list = 0 ~ "a@example.com"
reevectl g1 quarantine delete --sender a@example.com = 0
gateway g1 stop
gateway g1 { policy { at message { quarantine "for him" if rcpt == "b@example.net"; accept; } } }
session via smtp {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data "Subject: both\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1	n1.message[0].rcpts ~ "c@example.net"
await reevectl g1 quarantine list = 0 ~ "b@example.net"
shell "ls $STATE/quarantine | wc -l" = 0 ~ "^2"
