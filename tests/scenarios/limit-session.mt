mailtest "commands, errors and time of a session are bounded"
next n1 {}
gateway g1 {
	limits { commands 20; errors 3; idle 5m; session 30m; }
	policy { at message { accept; } }
}
session {							# EHLO and 19 more are obeyed
	ehlo mx.example.com
	repeat 19 { noop = 250 }
	noop = 421
	expect-close
}
session {							# content does not count, but crumbs of it do
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	repeat 40 { bdat "x"*1022 "\r\n" = 250 }
	repeat 18 { bdat "x"*1021 "\r\n" = 250 }
	bdat "x\r\n" = 421
	expect-close
}
session {
	ehlo mx.example.com
	line "X" = 500
	line "X" = 500
	line "X" = 500|421
	noop = 421|closed
	close
}
session {							# idle: below, then above
	ehlo mx.example.com
	clock +290s
	noop = 250
	clock +290s
	noop = 250
	clock +310s
	reply = 421
	expect-close
}
session {							# the whole session
	ehlo mx.example.com
	clock +280s
	noop
	clock +280s
	noop
	clock +280s
	noop
	clock +280s
	noop
	clock +280s
	noop
	clock +280s
	noop
	clock +280s
	reply = 421
	expect-close
}
session {							# idle within the data
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: x\r\n\r\nx\r\n"
	clock +310s
	reply = 421
	expect-close
}
session idle keep { banner }					# before the first command
clock +310s
session idle {
	reply = 421
	expect-close
}
expect n1.messages == 0
