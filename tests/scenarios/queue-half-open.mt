mailtest "a next hop that stops answering is left at the time limit, and the mail kept"
next n1 { hang end times 1; }
gateway g1 {
	relay example.net { to $n1; max-connections 1; command-timeout 30s; data-timeout 1m; connect-timeout 10s; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect n1.hangs == 1
repeat 3 { clock +2m }
expect g1.delivery >= 1
clock +5m
expect n1.messages == 1
next n1 { hang banner times 1; hang mail times 1; hang rcpt times 1; }
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: y\r\n\r\ny\r\n" = 250
	quit
}
repeat 12 { clock +5m }
expect n1.messages == 2
drain g1
