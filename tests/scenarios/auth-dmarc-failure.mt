mailtest "failure reports: off by default; on they tell of header fields only, to those who agreed, and not for ever"
dns d1 {
	fail.example			TXT "v=spf1 -all"
	_dmarc.fail.example		TXT "v=DMARC1; p=none; ruf=mailto:ruf@fail.example,mailto:x@victim.example,mailto:y@agreed.example"
	fail.example._report._dmarc.agreed.example TXT "v=DMARC1"
	any.example			TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.any.example		TXT "v=DMARC1; p=none; fo=1; ruf=mailto:ruf@any.example"
	zero.example			TXT "v=spf1 ip4:192.0.2.1 -all"
	_dmarc.zero.example		TXT "v=DMARC1; p=none; fo=0; ruf=mailto:ruf@zero.example"
	psd.example			TXT "v=spf1 -all"
	_dmarc.psd.example		TXT "v=DMARC1; p=none; psd=y; ruf=mailto:ruf@psd.example"
}
next n1 {}
next n2 {}
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	filter spf;
	filter dkim;
	filter dmarc { report-from dmarc@example.net; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@fail.example>
	rcpt <b@example.net>
	data "From: a@fail.example\r\nSubject: off\r\n\r\nx\r\n"
	quit }
on smtp { expect n1.messages == 1 }
reevectl g1 dmarc failures = 0 !~ "."
clock +3m
drain g1
expect n2.messages == 0
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	filter spf;
	filter dkim;
	filter dmarc { failure-report on; failure-limit 2; report-from dmarc@example.net; }
	policy { at message { reject 550 5.7.1 "unwanted" if subject == "spam"; accept; } }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@fail.example>
	rcpt <secret.person@example.net>
	data "From: Joe <joe@fail.example>\r\nTo: \"A B\" <secret.person@example.net>, other@list.example\r\nSubject: hello there\r\n\r\nprivate words\r\n"
	mail <a@fail.example>
	rcpt <secret.person@example.net>
	data "From: joe@fail.example\r\nSubject: spam\r\n\r\nx\r\n" = 550
	# Machines, null senders and reports are not told of.
	mail <>
	rcpt <b@example.net>
	data "From: joe@fail.example\r\nSubject: bounce\r\n\r\nx\r\n"
	mail <m@fail.example>
	rcpt <b@example.net>
	data "From: m@fail.example\r\nAuto-Submitted: auto-generated\r\nSubject: bounce\r\n\r\nx\r\n"
	# fo=1 wants to hear of a message that passes by SPF alone, fo=0 does not.
	mail <a@any.example>
	rcpt <b@example.net>
	data "From: a@any.example\r\nSubject: any\r\n\r\nx\r\n"
	mail <a@zero.example>
	rcpt <b@example.net>
	data "From: a@zero.example\r\nSubject: zero\r\n\r\nx\r\n"
	mail <a@psd.example>
	rcpt <b@example.net>
	data "From: a@psd.example\r\nSubject: psd\r\n\r\nx\r\n"
	quit }
await reevectl g1 dmarc failures = 0 ~ "fail.example +2 messages" ~ "any.example +1 messages" !~ "zero|psd"
clock +2m
expect n2.messages == 2
expect n2.commands ~ "RCPT TO:<ruf@fail.example>"	n2.commands ~ "RCPT TO:<y@agreed.example>"
expect n2.commands ~ "RCPT TO:<ruf@any.example>"
expect n2.commands !~ "victim"	n2.commands !~ "zero"	n2.commands !~ "psd"
expect n2.message[0].raw !~ "secret.person"	n2.message[1].raw !~ "secret.person"
expect n2.message[0].raw !~ "private words"	n2.message[0].header "Auto-Submitted" ~ "auto-generated"
expect n2.message[0].raw ~ "Feedback-Type: auth-failure"	n2.message[0].raw ~ "text/rfc822-headers"
expect g1.log !~ "panic"
drain g1
# The same again within the hour is quiet; a third kind of failure is above the limit.
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@fail.example>
	rcpt <b@example.net>
	data "From: joe@fail.example\r\nSubject: again\r\n\r\nx\r\n"
	quit }
session via smtp milter from 192.0.2.2 { ehlo mx.example.org
	mail <a@fail.example>
	rcpt <b@example.net>
	data "From: joe@fail.example\r\nSubject: second\r\n\r\nx\r\n"
	quit }
session via smtp milter from 192.0.2.3 { ehlo mx.example.org
	mail <a@fail.example>
	rcpt <b@example.net>
	data "From: joe@fail.example\r\nSubject: third\r\n\r\nx\r\n"
	quit }
await reevectl g1 dmarc failures = 0 ~ "fail.example +1 messages"
clock +2m
expect n2.messages == 3		n2.message[2].raw ~ "Source-IP: 192.0.2.2"
drain g1
expect n2.messages == 3
