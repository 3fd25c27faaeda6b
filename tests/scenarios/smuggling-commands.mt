mailtest "a bare CR, a bare LF or a NUL in a command is refused, and does not hide a second command"
next n1 {}
gateway g1 { policy { at message { accept; } } }

session {
	ehlo mx.example.com
	send "NOOP\nMAIL FROM:<a@example.com>\r\n" = 5xx
	expect-close
}
session {
	ehlo mx.example.com
	send "NOOP\rMAIL FROM:<a@example.com>\r\n" = 5xx
	expect-close
}
session {
	ehlo mx.example.com
	send "MAIL FROM:<a\x00b@example.com>\r\n" = 5xx
	close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	send "RCPT TO:<b@example.net>\n" = 5xx
	expect-close
}
session {
	banner
	send "HELO mx.example.com\n" = 5xx
	expect-close
}
session {
	ehlo mx.example.com
	send "NOOP\r\r\n" = 5xx
	expect-close
}
expect n1.sessions == 0
