mailtest "a pattern that takes more steps than allowed is no hit, and told"
next n1 {}
file "local.cf" {
	body  T_SLOW  /^(?:a+)+$/
	score T_SLOW  1
	body  T_FAST  /a!/
	score T_FAST  1
}
gateway g1 {
	filter rules { load "$DIR/local.cf"; match-limit 1000; }
	policy { at message { reject 550 5.7.1 "{score} {rules.limits} {rules.limit-rule}" if rules.limits > 0; reject 550 5.7.2 "{score}" if score > 0; accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "a"*5 "!\r\n" = 550 5.7.2 ~ "^5.7.2 1 |550 5.7.2 1 "
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "a"*25 "!\r\n" = 550 5.7.1 ~ "1 1 T_SLOW"
	quit
}
expect g1.message[1].findings ~ "rules.limit"
await reevectl g1 stats = 0 ~ "rules +messages +2\n" ~ "rules +match-limit +1\n" ~ "rules +timed-out +0\n"
