mailtest "SPF: fail is refused at RCPT in the domain's words, errors are told apart"
dns d1 {
	example.org	TXT "v=spf1 ip4:192.0.2.1 -all exp=why.example.org"
	why.example.org	TXT "%{i} is not ours"
	two.example	TXT "v=spf1 -all"
	two.example	TXT "v=spf1 +all"
	down.example	servfail
	mx.example.org	TXT "v=spf1 ip4:192.0.2.1 -all"
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter spf;
	policy {
		at rcpt {
			reject 550 5.7.23 "{spf.explanation}"		if spf == fail;
			tempfail 451 4.7.24 "{spf.reason}"		if spf == temperror;
			reject 550 5.7.24 "{spf.reason}"		if spf == permerror;
		}
		at message { tag header "X-Spf" "{spf} {spf.helo} {spf.identity}"; accept; }
	}
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	mail <>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n"
	quit }
session via smtp milter from 203.0.113.9 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net> = 550 5.7.23 ~ "example.org explains: 203.0.113.9 is not ours"
	rset
	mail <a@two.example>
	rcpt <b@example.net> = 550 5.7.24 ~ "more than one SPF record"
	rset
	mail <a@down.example>
	rcpt <b@example.net> = 451 4.7.24
	rset
	mail <a@nothing.example>
	rcpt <b@example.net> = 250
	quit }
drain g1
expect n1.messages == 2
expect n1.message[0].header "X-Spf" == "pass pass mailfrom"	n1.message[1].header "X-Spf" == "pass pass helo"
expect n1.message[0].header "Authentication-Results" ~ "spf=pass smtp.mailfrom=a@example.org"
expect g1.log ~ "\"auth\":\{[^}]*\"spf\":\"pass\""
expect n1.message[1].header "Authentication-Results" ~ "spf=pass smtp.helo=mx.example.org"
