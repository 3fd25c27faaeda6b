mailtest "look-ups that take longer than a stage may are given up, shorter ones are not"
dns d1 {
	quick.example	TXT "v=spf1 ip4:192.0.2.1 -all" delay 100ms
	slow.example	TXT "v=spf1 ip4:192.0.2.1 -all" delay 8s
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 20s; }
	limits { stage 2s; }
	filter spf { helo off; on-failure accept; }
	policy { at rcpt { reject 550 5.7.1 "{spf}" if spf != neutral; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@quick.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@slow.example>
	rcpt <b@example.net> = 550 ~ "temperror"
	quit }
