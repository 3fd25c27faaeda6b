mailtest "forward-confirmed reverse DNS: pass, fail, none, trouble"
dns d1 {
	192.0.2.1	PTR wrong.example one.example
	one.example	A 192.0.2.1
	wrong.example	A 192.0.2.99
	192.0.2.2	PTR wrong.example
	192.0.2.4	PTR servfail
	2001:db8::5	PTR six.example
	six.example	AAAA 2001:db8::5
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter iprev { on-failure accept; }
	policy { at message { tag header "X-Iprev" "{iprev}"; tag header "X-Name" "{iprev.name}" if iprev == pass; accept; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	quit }
session via smtp milter from 192.0.2.2 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	quit }
session via smtp milter from 192.0.2.3 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	quit }
session via smtp milter from 2001:db8::5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	quit }
drain g1
expect n1.messages == 4
expect n1.message[0].header "X-Iprev" == pass	n1.message[0].header "X-Name" == "one.example"
expect n1.message[1].header "X-Iprev" == fail	n1.message[2].header "X-Iprev" != pass
expect n1.message[3].header "X-Iprev" == pass	n1.message[3].header "X-Name" == "six.example"
expect via smtp n1.message[0].header "Received" ~ "one.example"
