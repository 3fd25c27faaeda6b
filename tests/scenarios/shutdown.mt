mailtest "SIGTERM: a message that is being received is finished, nothing new begins, the end is clean"
next n1 {}
gateway g1 { drain 20s; policy { at message { accept; } } }
session busy keep {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: in time\r\n\r\n"
}
session idle keep { ehlo mx.example.com }
gateway g1 term
session idle {
	reply = 421
	expect-close
}
session busy {
	send "x\r\n.\r\n" = 250
	reply = 421|closed
	close
}
gateway g1 ended
gateway g1 start
drain g1
expect n1.messages == 1
