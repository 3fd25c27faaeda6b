mailtest "message size: at the limit it is taken, above it refused, announced or not"
next n1 {}
gateway g1 {
	limits { message 64K; }
	policy { at message { reject 550 5.7.1 "one octet" if size == 1; accept; } }	# or a milter does not see the body
}
session via smtp milter {
	ehlo mx.example.com = 250 ~ "^SIZE 65536$"
	mail <a@example.com> SIZE=65535 = 250
	rset
	mail <a@example.com> SIZE=65536 = 250
	rset
	mail <a@example.com> SIZE=65537 = 552 5.3.4
	on smtp { mail <a@example.com> SIZE=99999999999999999999 = 5xx }
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: below\r\n\r\n" "123456789012345678901234567890\r\n"*2046 = 250	# 65490
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: at!\r\n\r\n" "123456789012345678901234567890\r\n"*2047 "x"*14 "\r\n" = 250	# 65536
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: at!\r\n\r\n" "123456789012345678901234567890\r\n"*2047 "x"*15 "\r\n" = 552 5.3.4	# 65537
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: far above\r\n\r\n" "123456789012345678901234567890\r\n"*20000 = 552 5.3.4
	noop = 250
	mail <a@example.com> SIZE=100					# a lie is found out
	rcpt <b@example.net>
	data "Subject: lie\r\n\r\n" "123456789012345678901234567890\r\n"*3000 = 552 5.3.4
	mail <a@example.com>
	rcpt <b@example.net>
	bdat last "Subject: at!\r\n\r\n" "123456789012345678901234567890\r\n"*2047 "x"*14 "\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	bdat last "Subject: at!\r\n\r\n" "123456789012345678901234567890\r\n"*2047 "x"*15 "\r\n" = 552 5.3.4
	quit
}
drain g1
expect n1.messages == 3
expect n1.message[1].body == sent[1].body
