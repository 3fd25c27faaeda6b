mailtest "missing and double fields become facts and findings"
next n1 {}
gateway g1 {
	filter headers;
	policy {
		at message {
			reject 550 5.6.0 "more than one From" if "from" in headers.duplicate;
			tag header "X-Missing" "{headers.missing}";
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nfrom : b@example.com\r\nSubject: x\r\n\r\nx\r\n" = 550 5.6.0
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nDate: nonsense\r\nSubject: caf\xe9\r\nSubject: two\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.message[0].header "X-Missing" ~ "from"	n1.message[0].header "X-Missing" ~ "date"
expect g1.message[2].findings ~ "headers.duplicate"	g1.message[2].findings ~ "headers.8bit"
