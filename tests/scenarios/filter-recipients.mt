mailtest "recipients: asked at the internal server once, remembered both ways; harvesters are stopped"
next n1 { rcpt "gone" = 550 5.1.1 "no such user"; }
gateway g1 {
	relay example.net { to $n1; max-connections 1; recipients verify; }
	relay list.example { to $n1; max-connections 1; recipients list users; }
	list users { joe@list.example; }
	filter recipients;
	policy { at rcpt { reject 550 5.1.1 "no such user here" if rcpt.unknown; } at message { accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	rcpt <gone@example.net> = 550 5.1.1
	rcpt <joe@list.example> = 250
	rcpt <jim@list.example> = 550 5.1.1
	quit
}
expect n1.commands ~ "RCPT TO:<b@example.net>"	n1.commands ~ "RCPT TO:<gone@example.net>"	n1.commands !~ "list.example"
expect n1.commands ~ "MAIL FROM:<>"
next n1 down
session via smtp milter {							# from the cache: the server is away
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	rcpt <gone@example.net> = 550 5.1.1
	rcpt <new@example.net> = 4xx|250
	quit
}
gateway g1 restart
session via smtp milter {							# and after a restart
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	rcpt <gone@example.net> = 550 5.1.1
	quit
}
expect n1.messages == 0
