mailtest "pipelined groups are answered in order, also when they fail half-way"
next n1 {}
gateway g1 { policy { at rcpt { reject 550 5.1.1 "no such user" if rcpt == "gone@example.net"; } at message { accept; } } }
session {
	banner
	pipelined {
		ehlo mx.example.com = 250
		mail <a@example.com> = 250
		rcpt <gone@example.net> = 550 5.1.1
		rcpt <b@example.net> = 250
		rcpt <b@elsewhere.example> = 5xx
		line "DATA" = 354
		send "Subject: x\r\n\r\nx\r\n.\r\n" = 250
		mail <a@example.com> = 250
		rcpt <gone@example.net> = 550
		line "DATA" = 503|554
		rset = 250
		mail <c@example.com> = 250
		rcpt <d@example.net> = 250
		line "DATA" = 354
		send "Subject: y\r\n\r\ny\r\n.\r\n" = 250
		quit = 221
	}
	expect-close
}
drain g1
expect n1.messages == 2	n1.message[0].rcpts == "b@example.net"	n1.message[1].sender == "c@example.com"
