mailtest "what was accepted survives a stop and a kill, and is delivered once"
next n1 {}
gateway g1 { policy { at message { accept; } } }
next n1 down
session {
	ehlo mx.example.com
	repeat 3 {
		mail <a$i@example.com>
		rcpt <b@example.net>
		data "Subject: $i\r\n\r\nx\r\n" = 250
	}
	mail <big@example.com>
	rcpt <b@example.net>
	data "Subject: big\r\n\r\n" "0123456789012345678901234567890123456789012345678901234567890\r\n"*20000 = 250
	quit
}
gateway g1 restart
await reevectl g1 queue list = 0 ~ "a0@example.com" ~ "a1@example.com" ~ "a2@example.com" ~ "big@example.com"
gateway g1 kill
await reevectl g1 queue list = 0 ~ "a0@example.com" ~ "a1@example.com" ~ "a2@example.com" ~ "big@example.com"
next n1 up
clock +1h
expect n1.messages == 4
drain g1
gateway g1 restart
drain g1
expect n1.messages == 4
