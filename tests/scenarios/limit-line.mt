mailtest "lines: 998 octets are the standard, 2048 are borne, 2049 are not"
next n1 {}
gateway g1 { policy { at message { accept; } } }
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "x"*998 "\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "x"*2047 "\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "x"*2048 "\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "x"*2049 "\r\n" = 5xx
	noop = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "x"*1M "\r\n" = 5xx
	noop = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: " "y"*2039 "\r\n\r\nx\r\n" = 250		# 2048 in the header
	quit
}
drain g1
expect n1.messages == 4	n1.message[2].body == sent[2].body
