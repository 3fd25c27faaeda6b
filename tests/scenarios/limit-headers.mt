mailtest "header fields: 1,000 and 256 KiB are read, more is refused, the body does not count"
next n1 {}
gateway g1 { filter headers; policy { at message { accept; } } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*999 "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*1000 "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*1001 "\r\nx\r\n" = 250|5xx
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: " "1"*1017 "\r\n" " 345678901234567890123456789012345678901234567890123456789012\r\n"*5000 "\r\nx\r\n" = 250|5xx
	quit
}
drain g1
expect n1.messages >= 2	g1.running
