mailtest "8-bit and UTF-8 mail never goes to a server that cannot take it"
next n1 { no SMTPUTF8 CHUNKING; }
next n2 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay * { to $n2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail "<gr\xc3\xbc\xc3\x9fe@sender.example>" SMTPUTF8
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 0	n1.commands !~ "MAIL FROM:<gr"
expect n2.messages == 1	n2.message[0].body ~ "5\.6\.7"
next n1 {}
next n1 down						# an open connection would keep what it knows
next n1 up
session {
	ehlo mx.example.com
	mail "<gr\xc3\xbc\xc3\x9fe@sender.example>" SMTPUTF8 BODY=8BITMIME
	rcpt "<\xc3\xa9@example.net>"
	data "Subject: \xc3\xa9\r\n\r\n\xc3\xa9\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1	n1.message[0].parameters ~ "SMTPUTF8"	n1.message[0].sender == "gr\xc3\xbc\xc3\x9fe@sender.example"
expect n1.message[0].header "Received" ~ "with UTF8SMTP"
next n1 { no 8BITMIME SMTPUTF8 CHUNKING; }
next n1 down						# an open connection would keep what it knows
next n1 up
session {
	ehlo mx.example.com
	mail <a@sender.example> BODY=8BITMIME
	rcpt <b@example.net>
	data "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa9\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1	n2.messages == 2	n2.message[1].body ~ "5\\.6\\.3"
