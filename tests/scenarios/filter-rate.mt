mailtest "rate limits: at the limit it goes, above it waits, later it goes again"
next n1 {}
gateway g1 {
	filter rate { limit messages 3 per 1m by sender; }
	policy {
		at mail { tempfail 451 4.7.1 "over {rate.limit}, retry in {rate.wait}" if rate.exceeded; }
		at rcpt { tempfail 451 4.7.1 "over {rate.limit}, retry in {rate.wait}" if rate.exceeded; }
		at message { tempfail 451 4.7.1 "over {rate.limit}, retry in {rate.wait}" if rate.exceeded; accept; }
	}
}
session via smtp milter {
	ehlo mx.example.com
	repeat 3 {
		mail <a@example.com> = 250
		rcpt <b@example.net> = 250
		data "Subject: $i\r\n\r\nx\r\n" = 250
	}
	mail <a@example.com> = 250|451
	rcpt <b@example.net> = 451|503
	rset
	mail <other@example.com> = 250
	rcpt <b@example.net> = 250
	data "Subject: other\r\n\r\nx\r\n" = 250
	clock +2m
	mail <a@example.com> = 250
	rcpt <b@example.net> = 250
	data "Subject: later\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 5
