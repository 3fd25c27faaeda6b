mailtest "one line a message and one a delivery, under one id, which the client is told too; trace on demand"
next n1 {}
gateway g1 { log { trace 192.0.2.0/24; } policy { at message { accept; } } }
session from 192.0.2.9 {
	ehlo traced.example
	mail <a@example.com>
	rcpt <b@example.net>
	data "Message-ID: <1@example.com>\r\nSubject: x\r\n\r\nx\r\n" = 250 ~ "\([0-9a-z]{10,}\)"
	quit
}
session from 198.51.100.9 {
	ehlo untraced.example
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect g1.message == 2	g1.delivery == 2	g1.message[0].client == "192.0.2.9"	g1.delivery[0].status == sent
expect g1.message[0].from == "a@example.com"	g1.message[0].bytes == 46	g1.message[0].message_id == "<1@example.com>"
expect g1.log ~ "EHLO traced.example"	g1.log !~ "EHLO untraced.example"
await reevectl g1 stats = 0 ~ "messages"
