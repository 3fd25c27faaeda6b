mailtest "messages at and above the memory limit go through a file, byte for byte"
next n1 {}
gateway g1 {
	limits { memory 64K; memory-total 1M; }
	policy { at message { accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: a\r\n\r\n" "0123456789012345678901234567890123456789012345678901234567890\r\n"*1000 = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: b\r\n\r\n" "0123456789012345678901234567890123456789012345678901234567890\r\n"*1040 ".\r\n..\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: c\r\n\r\n" "0123456789012345678901234567890123456789012345678901234567890\r\n"*80000 ".x\r\n" = 250
	quit
}
drain g1
expect n1.messages == 3	n1.message[0].body == sent[0].body	n1.message[1].body == sent[1].body	n1.message[2].body == sent[2].body
