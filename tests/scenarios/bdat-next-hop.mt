mailtest "CHUNKING at the next hop or none: the same bytes"
next n1 {}
next n2 { no CHUNKING PIPELINING }
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay example.org { to $n2; max-connections 1; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <b@example.org>
	bdat "Subject: x\r\n\r\n.\r\n..\r\n" = 250
	bdat last "."*1000 "\r\n.\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1	n2.messages == 1	n1.message[0].body == sent[0].body	n2.message[0].body == sent[0].body
expect n2.message[0].chunked == false
