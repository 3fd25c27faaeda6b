mailtest "as a milter, SIGTERM: a message that was begun is finished, nothing new begins, the end is clean"
only milter
next n1 {}
gateway g1 {
	drain 20s;
	policy { at mail { reject if sender == "bad@example.com"; } at message { tag header "X-Seen" "yes"; accept; } }
}
session busy via milter keep {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
}
session idle via milter keep { ehlo mx.example.com }
gateway g1 term
pause 500ms
session idle via milter {
	mail <c@example.com> = 421 ~ "too busy"
	close
}
session busy via milter {
	data "Subject: in time\r\n\r\nx\r\n" = 250
	close
}
gateway g1 ended
gateway g1 start
session via milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: after\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 2	n1.message[0].header "X-Seen" == "yes"
