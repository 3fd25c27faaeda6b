mailtest "no policy block: the shipped policy, with a marker that forged ones do not survive"
next n1 {}
file "local.cf" {
	header   T_BAD  Subject =~ /worst/
	score    T_BAD  50
	header   T_ODD  Subject =~ /odd/
	score    T_ODD  5.5
}
gateway g1 { list blocked state; filter rules { load "$DIR/local.cf"; } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: worst\r\n\r\nx\r\n" = 550 5.7.1 ~ "50"
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: odd\r\nX-Spam-Flag: NO\r\nx-spam-score: -100\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: fine\r\nX-Spam-Flag: YES\r\n\r\nx\r\n" = 250
	quit
}
# The list 'blocked' refuses at once; postmaster can still be reached.
reevectl g1 list add blocked bad.example 192.0.2.0/24 = 0
session via smtp milter {
	ehlo mx.example.com
	mail <a@bad.example>
	rcpt <b@example.net> = 550 5.7.1 ~ "not wanted"
	rcpt <postmaster@example.net> = 250
	quit
}
session via smtp milter from 192.0.2.9 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 550 5.7.1 ~ "not wanted"
	quit }
reevectl g1 list del blocked bad.example = 0
session via smtp milter { ehlo mx.example.com
	mail <a@bad.example>
	rcpt <b@example.net> = 250
	quit }
drain g1
expect n1.messages == 2
expect n1.message[0].header "X-Spam-Flag" == YES	n1.message[0].header "X-Spam-Score" ~ "^5\.5$"
expect n1.message[1].header-count "X-Spam-Flag" == 0
reevectl g1 help policy-default = 0 ~ "X-Spam-Flag"
