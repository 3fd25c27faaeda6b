mailtest "SIGHUP while the gateway dies: it starts with the new configuration, and the relay has the new routes too"
next n1 {}
next n2 {}
gateway g1 { relay example.net { to $n1; } policy { at message { accept; } } }
gateway g1 idle hold-gateway hup crash-gateway {
	relay example.net { to $n2; }
	policy { at message { add-header "X-New" "yes"; accept; } }
}
expect g1.log ~ "\"relay\",\"event\":\"reload\",\"text\":\"generation 2"
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n2.messages == 1	n2.message[0].header "X-New" == "yes"	n1.messages == 0
