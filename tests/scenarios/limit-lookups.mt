mailtest "look-ups of rules beyond the limit are left out, told and counted"
dns d1 {
	bad1.example.uribl.example	A 127.0.0.2
	bad3.example.uribl.example	A 127.0.0.2
}
next n1 {}
file "net.cf" {
	urirhsbl BAD_LINK uribl.example. A
	body     BAD_LINK eval:check_uridnsbl('BAD_LINK')
}
gateway g1 {
	dns { server $d1; timeout 20s; }
	filter rules { load "$DIR/net.cf"; network on; lookups 2; }
	policy { at message { tag header "X-Rules" "{rules.score} {rules.lookups} {rules.unasked}"; accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com

		http://bad1.example/
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com

		http://ok1.example/ http://ok2.example/
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com

		http://ok1.example/ http://ok2.example/ http://bad3.example/
	} = 250
	quit
}
drain g1
expect n1.message[0].header "X-Rules" == "1 1 0"
expect n1.message[1].header "X-Rules" == "0 2 0"
expect n1.message[2].header "X-Rules" == "0 2 1"
expect g1.message[2].findings ~ "rules.unasked"
await reevectl g1 stats = 0 ~ "rules +lookups +5\n" ~ "rules +unasked +1\n"
