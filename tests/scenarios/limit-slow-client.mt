mailtest "a client that trickles its data is dropped after a minute; a slow but honest one is not"
next n1 {}
gateway g1 {
	limits { transfer-min 128; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	repeat 5 {
		send "x"*8000 "\r\n"
		clock +30s
	}
	send ".\r\n" = 5xx						# the line is too long, the pace was right
	quit
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	repeat 5 {
		send "12345678901234567890123456789012345678901234567890123456789012\r\n"*120
		clock +30s
	}
	send ".\r\n" = 250
	quit
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	repeat 5 {
		send "x\r\n"
		clock +30s
	}
	reply = 421|closed
	close
}
drain g1
expect n1.messages == 1
