mailtest "next hops by name, by MX in order of preference, over IPv6"
needs ipv6
next n1 {}
next n2 on ::1 {}
dns d1 {
	relay.example		A $HOST
	mail.mx.example		A $HOST
	dead.mx.example		A 127.0.0.254
	mx.example		MX 20 mail.mx.example 10 dead.mx.example
	example.org		MX 10 mail.mx.example
}
set N1 "$n1"
shell "echo $n1 | sed 's/.*://' | tr -d '\\n'" = 0
set P1 "$OUT"
gateway g1 {
	dns { server $d1; timeout 2s; }
	relay name.example { to relay.example:$P1; }
	relay mx.example { to mx:mx.example:$P1; }
	relay six.example { to $n2; }
	relay lost.example { to nowhere.example:$P1; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@name.example>
	rcpt <b@mx.example>
	rcpt <b@six.example>
	rcpt <b@lost.example>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 2	n2.messages == 1	n2.message[0].rcpts == "b@six.example"
expect n1.commands ~ "b@name.example"	n1.commands ~ "b@mx.example"
await reevectl g1 queue list = 0 ~ "b@lost.example" !~ "b@name.example"
