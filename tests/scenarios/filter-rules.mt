mailtest "rule files score a message, and the reply says so"
next n1 {}
file "local.cf" {
	header   T_SUBJECT  Subject =~ /\bcheap\b/i
	describe T_SUBJECT  Subject says cheap
	score    T_SUBJECT  3.5
	body     T_BODY     /buy now/i
	score    T_BODY     2
	uri      T_URI      /bad\.example/
	score    T_URI      4
	meta     T_ALL      T_SUBJECT && T_BODY && T_URI
	score    T_ALL      1
}
gateway g1 {
	filter rules { load "$DIR/local.cf"; }
	policy { at message { reject 550 5.7.1 "spam, score {score}" if score >= 10; tag header "X-Score" "{score}"; accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: Cheap things

		Buy   now
		at http://www.bad.example/x
	} = 550 5.7.1 ~ "spam, score 10.5"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: cheaper

		buy
		now
	} = 250
	quit
}
drain g1
expect n1.message[0].header "X-Score" == 2
expect g1.message[0].findings ~ "T_ALL"	g1.message[0].findings ~ "T_URI"
file "local.cf" {
	header   T_SUBJECT  Subject =~ /\bche(ap\b/i
	score    T_SUBJECT  3.5
}
reevectl g1 reload = 1 ~ "local.cf:1"
