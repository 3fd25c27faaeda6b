mailtest "a next hop that knows DSN gets the parameters, and the duty"
next n1 {}
next n2 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay * { to $n2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@sender.example> RET=HDRS ENVID=abc+3D1
	rcpt <b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@x.example
	data {
		Subject: x

		x
	} = 250
	quit
}
drain g1
expect n1.messages == 1	n1.message[0].parameters ~ "RET=HDRS"	n1.message[0].parameters ~ "ENVID=abc\+3D1"
expect n1.message[0].rcpt-parameters ~ "NOTIFY=SUCCESS,FAILURE|NOTIFY=FAILURE,SUCCESS"
expect n1.message[0].rcpt-parameters ~ "ORCPT=rfc822;b\+2Bc@x.example"
expect n2.sessions == 0
