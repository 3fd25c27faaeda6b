mailtest "a bare CR or LF in BDAT is refused too; a lone dot there is text"
next n1 {}
gateway g1 { policy { at message { accept; } } }

session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	bdat last "Subject: x\r\n\r\nbody\n.\r\nmore\r\n" = 5xx
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	bdat "Subject: x\r\n\r\nbody\r" = 250|5xx		# the LF may come in the next chunk
	bdat last "\nmore\r\n.\r\n..\r\nend\r\n" = 250
	quit
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	bdat "Subject: x\r\n\r\nbody\r" = 250|5xx
	bdat last "more\r\n" = 5xx
}
drain g1
expect n1.messages == 1	n1.message[0].body == "body\r\nmore\r\n.\r\n..\r\nend\r\n"
