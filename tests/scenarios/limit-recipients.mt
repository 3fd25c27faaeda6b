mailtest "recipients: 100 at least; at the limit one more gets 452 and the message goes on"
next n1 {}
gateway g1 {
	limits { recipients 100; }
	policy { at message { accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	repeat 99 { rcpt <user$i@example.net> = 250 }
	rcpt <user99@example.net> = 250
	rcpt <user100@example.net> = 452 4.5.3
	rcpt <user101@example.net> = 452 4.5.3
	data {
		Subject: to many

		x
	} = 250
	quit
}
drain g1
expect n1.messages >= 1	n1.commands ~ "user99@"	n1.commands !~ "user100@"
config g1 { limits { recipients 99; } relay example.net { to 127.0.0.1; } } = 1 ~ "recipients" ~ "100"
