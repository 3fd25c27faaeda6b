mailtest "names that clients give cannot end a clause of our Received field, start a comment or make a line"
only smtp
dns d1 {
	192.0.2.7 PTR "a(b)c\r\nd;e.example.com"
	"a(b)c\r\nd;e.example.com" A 192.0.2.7
	192.0.2.8 PTR good-1.example.com
	good-1.example.com A 192.0.2.8
}
next n1 {}
gateway g1 { filter iprev; policy { at message { accept; } } }
session from 192.0.2.7 {
	ehlo "mx(comment).example.com" = 250|501
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: one\r\n\r\nx\r\n" = 250
	quit
}
session from 192.0.2.8 {
	ehlo "a;b@c<d>\"e\\" = 250|501
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: two\r\n\r\nx\r\n" = 250
	quit
}
session from 192.0.2.8 {
	banner = 220
	send "EHLO a\rX-Evil: 1\r\n" = 5xx
	close
}
drain g1
expect n1.messages == 2
# A name that DNS gave is believed only when it is one.
expect n1.message[0].header "Received" ~ "^from mx\?comment\?.example.com \(\[192.0.2.7\]\)\s+by "
expect n1.message[1].header "Received" ~ "^from a\?b\?c\?d\?\?e\? \(good-1.example.com \[192.0.2.8\]\)\s+by "
