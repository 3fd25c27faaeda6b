mailtest "Received-SPF is added where it is wanted"
dns d1 {
	example.org	TXT "v=spf1 ip4:192.0.2.1 -all"
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter spf { received-spf on; helo off; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.1 { helo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	mail <>
	rcpt <b@example.net>
	data "Subject: y\r\n\r\nx\r\n"
	quit }
expect n1.messages == 2
expect n1.message[0].header "Received-SPF" ~ "^Pass\s+client-ip=192.0.2.1; envelope-from="
expect n1.message[0].header "Received-SPF" ~ "identity=mailfrom; receiver=\S+; mechanism=.ip4:192.0.2.1.$"
expect n1.message[1].header "Received-SPF" ~ "^None\s.*envelope-from=..; helo=.mx.example.org.;\s+identity=helo"
