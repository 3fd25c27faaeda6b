mailtest "recipients of another class than the first come with a message of their own"
next n1 {}
gateway g1 {
	relay example.net strict.example { to $n1; }
	when-recipients-differ defer;
	filter settings;
	filter rate { limit recipients 3 per 1h by sender; }
	settings strict.example { class strict; }
	settings vip@example.net { class strict; }
	policy {
		at rcpt { tempfail 451 4.7.1 "over the limit" if rate.exceeded; }
		at message { reject 550 5.7.1 "strict" if subject =~ /spam/ and settings.class == "strict"; accept; }
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@strict.example> = 250
	rcpt <b@example.net> = 452 4.5.3 ~ "message of its own"
	rcpt <vip@example.net> = 250
	data "Subject: spam\r\n\r\nx\r\n" = 550 ~ "strict"
	mail <a@example.com>
	rcpt <b@example.net> = 250
	rcpt <c@example.net> = 451 ~ "over"
	data "Subject: spam\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1
