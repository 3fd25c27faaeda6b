mailtest "what is decided early stands for the messages that follow, over both front ends"
next n1 {}
gateway g1 {
	policy {
		at connect { reject 554 5.7.1 "not you" if client in 198.51.100.0/24; }
		at helo { reject 550 5.7.1 "no {helo}" if helo == "bad.example"; }
		at mail { reject 550 5.7.1 "no sender" if sender.null; }
		at rcpt {
			discard if rcpt == "sink@example.net";
			quarantine "trap" if rcpt == "trap@example.net";
			reject 550 5.1.1 "{rcpt}: 100% unknown, see %s %n" if rcpt.unknown or rcpt == "gone@example.net";
			accept;
		}
		at header { reject 550 5.7.1 "subject {subject}" if subject == "early"; tempfail 451 4.7.1 "later" if subject == "later"; }
		at message { tag header "X-Seen" "yes"; accept; }
	}
	filter recipients;
}
session via smtp milter from 198.51.100.7 { banner = 554 5.7.1 ~ "not you" }
session via smtp milter {
	ehlo bad.example = 550 5.7.1 ~ "no bad.example"
	ehlo mx.example.com
	mail <> = 550 5.7.1 ~ "no sender"
	mail <a@example.com>
	rcpt <sink@example.net>
	rcpt <trap@example.net>
	rcpt <gone@example.net> = 550 5.1.1 ~ "gone@example.net: 100% unknown, see %s %n \("
	rcpt <b@example.net>
	data "Subject: three\r\nx-SEEN: forged\r\nX-Seen: forged too\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: early\r\n\r\nx\r\n" = 550 5.7.1 ~ "subject early"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: later\r\n\r\nx\r\n" = 451 4.7.1
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: fine\r\nX-Fold: a\r\n\t b\r\n\r\n" = 250
	quit
}
drain g1
expect n1.messages == 2	n1.message[0].rcpts == "b@example.net"
expect n1.message[0].header "X-Seen" == "yes"	n1.message[0].header-count "X-Seen" == 1
reevectl g1 quarantine list = 0 ~ "trap@example.net" !~ "sink@"
