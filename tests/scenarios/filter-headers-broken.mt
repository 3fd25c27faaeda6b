mailtest "lines of a header section that are no fields; over milter the MTA decides where the body begins"
next n1 {}
gateway g1 { filter headers; policy { at message { accept; } } }
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nno colon here\r\nSubject: below\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: nul\x00here\r\n\r\nx\r\n" = 250|554
	quit
}
drain g1
expect g1.message[0].findings ~ "headers.broken"
expect n1.message[0].head ~ "no colon here\r\nSubject: below\r\n$"
