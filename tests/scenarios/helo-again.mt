mailtest "what HELO showed counts once, however often it is said, and STARTTLS does not wash it off"
next n1 {}
gateway g1 {
	filter greet { resolve off; }
	policy { at message { tag header "X-Score" "{score} {greet.helo-syntax}"; accept; } }
}
session via smtp milter from 192.0.2.1 {
	ehlo localhost
	on smtp { starttls }
	ehlo localhost
	ehlo localhost
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	ehlo mx.example.org
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.message[0].header "X-Score" ~ "^ ?1 unqualified"
expect n1.message[1].header "X-Score" ~ "^ ?0 name"
