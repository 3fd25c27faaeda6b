mailtest "implicit TLS, TLS required, IPv6"
needs ipv6
next n1 {}
gateway g1 {
	listen $HOST:$PORT { tls certificate "$CERT" key "$CERT"; tls-required on; }
	listen $HOST:$TLSPORT { tls implicit certificate "$CERT" key "$CERT"; }
	listen [::1]:$PROXYPORT {}
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com> = 530 5.7.0
	starttls
	ehlo mx.example.com
	mail <a@example.com> = 250
	quit
}
session tls {
	ehlo mx.example.com = 250 !~ "STARTTLS"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
session host ::1 port PROXYPORT {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
session port TLSPORT {						# plain text on a TLS port
	send "EHLO mx.example.com\r\n"
	expect-close
}
drain g1
expect n1.messages == 2	n1.message[0].header "Received" ~ "ESMTPS"	n1.message[1].header "Received" ~ "\[IPv6:::1\]"
