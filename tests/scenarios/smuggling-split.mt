mailtest "segments may be cut anywhere: the end of data is found, and only the true one"
next n1 {}
gateway g1 { policy { at message { accept; } } }

session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: one\r\n\r\nbody\r" "\n" "." "\r" "\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: two\r\n\r\nbody\r\n." "." "\r\n" ".x" "\r\n.\r" "\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "." "\r" "\n" = 250				# an empty message
	send "MAIL FROM:<a@exa" "mple.com>\r" "\nRCPT TO:<b@example.net>\r\nDA" = 250
	reply = 250
	send "TA\r\n" = 354
	send "Subject: four\r\n\r\nx\r\n.\r\nMAIL FROM:<c@example.com>\r\nRC" "PT TO:<b@example.net>\r\n" = 250
	reply = 250
	reply = 250
	quit
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: bad\r\n\r\nbody\r" "x\r\n.\r\n" = 5xx	# the CR was bare after all
	expect-close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: bad\r\n\r\nbody\r\n." "\n" "MAIL FROM:<admin@example.org>\r\n" = 5xx
	expect-close
}
drain g1
expect n1.messages == 4
expect n1.message[0].body == "body\r\n"	n1.message[1].body == "body\r\n.\r\nx\r\n"
