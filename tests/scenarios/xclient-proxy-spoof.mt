mailtest "XCLIENT and PROXY are believed from named networks only"
next n1 {}
gateway g1 {
	listen $HOST:$PORT {}
	listen $HOST:$PROXYPORT { proxy 127.0.0.0/8; }
	listen $HOST:$TLSPORT { xclient 127.0.0.0/8; }
	log { trace 192.0.2.0/24; }
	policy {
		at rcpt { reject 550 5.7.1 "trusted {client}" if client in 192.0.2.0/24; }
		at message { accept; }
	}
}
session {							# not offered, not taken
	ehlo mx.example.com = 250 !~ "XCLIENT"
	xclient ADDR=192.0.2.1 = 5xx
	mail <a@example.com>
	rcpt <b@example.net> = 250
	quit
}
session {							# a PROXY header where none is expected is a bad command
	send "PROXY TCP4 192.0.2.1 192.0.2.25 4000 25\r\n"
	banner = 220|5xx|closed
	close
}
session from 192.0.2.7 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 550 5.7.1 ~ "trusted 192.0.2.7"
	quit
}
session from 2001:db8::7 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	quit
}
session port PROXYPORT {					# must send it: a client without is turned away
	send "EHLO mx.example.com\r\n"
	banner = 421|5xx|closed
	close
}
session port PROXYPORT {
	send "PROXY TCP4 999.0.2.1 192.0.2.25 4000 25\r\n"
	banner = 421|5xx|closed
	close
}
session port PROXYPORT {
	send "PROXY TCP4 192.0.2.1 192.0.2.25 4000 25" "x"*200 "\r\n"
	banner = 421|5xx|closed
	close
}
session port PROXYPORT {					# version 2, TCP4, 192.0.2.8
	send "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\xc0\x00\x02\x19\x10\x00\x00\x19"
	banner = 220
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 550 ~ "trusted 192.0.2.8"
	quit
}
session port PROXYPORT {					# version 2, LOCAL: a health check, the real address
	send "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	banner = 220
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	quit
}
session port TLSPORT {
	ehlo mx.example.com = 250 ~ "XCLIENT .*ADDR"
	xclient ADDR=192.0.2.300 = 501
	xclient BOGUS=1 = 501
	xclient ADDR=192.0.2.9 NAME=client.example HELO=other.example = 220
	ehlo mx.example.com = 250 !~ "XCLIENT"			# the new client is not in the network
	mail <a@example.com>
	rcpt <b@example.net> = 550 ~ "trusted 192.0.2.9"
	xclient ADDR=192.0.2.10 = 5xx
	quit
}
session port TLSPORT {
	ehlo mx.example.com
	mail <a@example.com>
	xclient ADDR=192.0.2.9 = 503				# not within a transaction
	quit
}
session port TLSPORT {						# values become names, fields and log lines: nothing that could end those
	ehlo mx.example.com
	xclient NAME=a.example+0D+0AX: = 501
	xclient NAME=a.example+0A = 501
	xclient NAME=a+00.example = 501
	xclient NAME=a+20b.example = 501
	xclient NAME=a+7F.example = 501
	xclient NAME=a+FF.example = 501
	xclient HELO=h.example+0D = 501
	xclient LOGIN=user+0Aname = 501
	xclient ADDR=192.0.2.9+0A = 501
	xclient ADDR=192.0.2.9+00 = 501
	xclient PORT=25+0A = 501
	xclient PORT=65536 = 501
	xclient NAME=a+4 = 501					# xtext: two digits behind each +
	xclient NAME=a+ = 501
	xclient NAME=a+0g = 501
	send "XCLIENT NAME=a\xff\r\n" = 501
	send "XCLIENT NAME=a\x00b\r\n" = 5xx
	mail <a@example.com> = 250				# all refused: the session is as it was
	quit
}
expect n1.sessions == 0
