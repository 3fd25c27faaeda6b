mailtest "greylisting: a new sender waits, comes back, and is known from then on, restart or not"
next n1 {}
gateway g1 {
	filter greylist { delay 5m; }
	policy { at rcpt { tempfail 451 4.7.1 "greylisted, retry in {greylist.wait}" if greylist.new; } at message { accept; } }
}
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 4.7.1 ~ "greylisted"
	quit
}
clock +4m
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 4.7.1
	quit }
gateway g1 restart
clock +2m
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
session via smtp milter from 198.51.100.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 4.7.1
	quit }
drain g1
expect n1.messages == 1
