mailtest "look-ups of SPF records, void ones, and questions of a message: below, at and above"
dns d1 {
	one.example	TXT "v=spf1 a:x1.example ip4:192.0.2.1 -all"
	two.example	TXT "v=spf1 a:x1.example a:x2.example ip4:192.0.2.1 -all"
	three.example	TXT "v=spf1 a:x1.example a:x2.example a:x3.example ip4:192.0.2.1 -all"
	four.example	TXT "v=spf1 a:x1.example a:x2.example a:x3.example a:x4.example ip4:192.0.2.1 -all"
	x1.example	A 192.0.2.9
	x2.example	A 192.0.2.9
	x3.example	A 192.0.2.9
	x4.example	A 192.0.2.9
	void1.example	TXT "v=spf1 a:n1.example ip4:192.0.2.1 -all"
	void2.example	TXT "v=spf1 a:n1.example a:n2.example ip4:192.0.2.1 -all"
	void3.example	TXT "v=spf1 a:n1.example a:n2.example a:n3.example ip4:192.0.2.1 -all"
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter spf { helo off; lookups 3; void-lookups 2; }
	policy { at rcpt { reject 550 5.7.1 "{spf} {spf.reason}" if spf != neutral; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@two.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@three.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@four.example>
	rcpt <b@example.net> = 550 ~ "permerror more than 3 terms"
	rset
	mail <a@void1.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@void2.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@void3.example>
	rcpt <b@example.net> = 550 ~ "permerror more than 2 void"
	quit }
# The record and one question per term; a quarter of the questions is kept for the policy of the author.
gateway g1 {
	dns { server $d1; timeout 2s; }
	limits { dns-queries 4; }
	filter spf { helo off; on-failure accept; }
	policy { at rcpt { reject 550 5.7.1 "{spf} {spf.reason}" if spf != neutral; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@one.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@two.example>
	rcpt <b@example.net> = 550 ~ "pass"
	rset
	mail <a@three.example>
	rcpt <b@example.net> = 550 ~ "temperror"
	quit }
