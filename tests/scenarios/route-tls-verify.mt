mailtest "tls verify: the name must be in a certificate that is trusted; may takes what it gets"
next n1 { starttls }
gateway g1 {
	relay example.net { to $n1; tls verify; tls-ca "$CA"; tls-name n1.example; }
	relay example.org { to $n1; tls verify; tls-ca "$CA"; tls-name other.example; retry-first 1m; }
	relay may.example { to $n1; tls may; }
	relay none.example { to $n1; tls none; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.org>
	data "Subject: wrong name\r\n\r\nx\r\n" = 250
	quit
}
expect g1.delivery >= 1	g1.log ~ "certificate|verif"
expect n1.messages == 0
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: right name\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 1	n1.message[0].tls == true
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@may.example>
	data "Subject: may\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 2	n1.message[1].tls == true
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@none.example>
	data "Subject: none\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 3	n1.message[2].tls == false	g1.log ~ "TLSv1.3 verified"
