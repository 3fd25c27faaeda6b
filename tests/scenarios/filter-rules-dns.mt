mailtest "rules that ask the DNS: lists of hosts and domains, policies, and what limits cut off"
dns d1 {
	2.2.0.192.list.example		A 127.0.0.6
	bad.example.uribl.example	A 127.0.0.8
	_dmarc.author.example		TXT "v=DMARC1; p=reject"
	sender.example			TXT "v=spf1 ip4:192.0.2.2 -all"
	slow.example.uribl.example	A 127.0.0.8 delay 60s
}
next n1 {}
file "net.cf" {
	header   __LISTED     eval:check_rbl('list-lastexternal', 'list.example.')
	header   LISTED_SIX   eval:check_rbl_sub('list-lastexternal', '127.0.0.6')
	tflags   LISTED_SIX   net
	score    LISTED_SIX   0 2 0 9
	urirhssub BAD_LINK    uribl.example. A 8
	body     BAD_LINK     eval:check_uridnsbl('BAD_LINK')
	score    BAD_LINK     3
	askdns   WANTS_REJECT _dmarc._AUTHORDOMAIN_ TXT /\bp=reject/
	score    WANTS_REJECT 0.5
	header   SPF_GOOD     eval:check_for_spf_pass()
	score    SPF_GOOD     0.25
	meta     BOTH         __LISTED && BAD_LINK
	score    BOTH         1
}
gateway g1 {
	dns { server $d1; timeout 20s; }
	filter spf { }
	filter rules { load "$DIR/net.cf"; network on; network-time 2s; }
	policy { at message {
		reject 554 5.7.1 "listed, {rules.score}" if rules.score >= 6;
		tag header "X-Rules" "{rules.names} {rules.lookups} {rules.unasked} {rules.unanswered}";
		accept;
	} }
}
session via smtp milter from 192.0.2.2 {
	ehlo mx.example.com
	mail <a@sender.example>
	rcpt <b@example.net>
	data {
		From: a@author.example
		Subject: all of it

		see http://www.bad.example/x
	} = 554 5.7.1 ~ "listed, 6.75"
	mail <a@sender.example>
	rcpt <b@example.net>
	data {
		From: a@sender.example
		Subject: only the host

		nothing
	} = 250
	quit
}
session via smtp milter from 192.0.2.3 {
	ehlo mx.example.com
	mail <a@sender.example>
	rcpt <b@example.net>
	data {
		From: a@sender.example
		Subject: a list that does not answer in time counts as no hit, and is told

		http://slow.example/
	} = 250
	quit
}
drain g1
expect n1.message[0].header "X-Rules" == "LISTED_SIX, SPF_GOOD 2 0 0"
expect g1.message[0].findings ~ "BAD_LINK"
expect n1.message[1].header "X-Rules" == "3 0 1"
file "m.eml" {
	Return-Path: <a@sender.example>
	From: a@author.example
	Subject: x

	http://bad.example/
}
await reevectl g1 stats = 0 ~ "rules +lookups +8\n" ~ "rules +unasked +0\n" ~ "rules +unanswered +1\n"
# Without a network the rules are not run, and the scan says so.
reevectl g1 scan --offline --explain $DIR/m.eml ~ "rules that ask the DNS were not run"
