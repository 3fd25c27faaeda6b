mailtest "who is named twice gets one copy"
next n1 {}
gateway g1 {
	policy {
		at message {
			for rcpt =~ /^q/ { quarantine "aside" if subject == "aside"; }
			redirect "one@example.net" if subject == "redirect";
			copy "b@example.net" if subject == "copy";
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	rcpt <c@example.net> = 250
	rcpt <b@EXAMPLE.net> = 250
	rcpt <B@example.net> = 250				# may be somebody else: the next server knows
	rcpt <b@example.net> = 250
	data "Subject: plain\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data "Subject: redirect\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data "Subject: copy\r\n\r\nx\r\n" = 250
	quit
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <q@example.net>
	rcpt <q@example.net>
	data "Subject: aside\r\n\r\nx\r\n" = 250
	quit
}
on smtp {
	drain g1
	expect n1.messages == 3
	expect n1.message[0].rcpts == "b@example.net c@example.net B@example.net"
	expect n1.message[1].rcpts == "one@example.net"
	expect n1.message[2].rcpts == "b@example.net c@example.net"
}
await reevectl g1 quarantine list --json = 0 ~ "q@example.net" !~ "q@example.net.*q@example.net"
