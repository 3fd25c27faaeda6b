mailtest "the time of a stage by the clock: within it the answer is waited for, at the limit and above it that is over"
only smtp
dns d1 {
	quick.example	TXT "v=spf1 ip4:192.0.2.1 -all" delay 700ms
	at.example	timeout
	above.example	timeout
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2m; }
	limits { stage 60s; }
	filter spf { helo off; on-failure accept; }
	policy { at rcpt { reject 550 5.7.1 "{spf}" if spf != neutral; } }
}
session from 192.0.2.1 {
	ehlo mx.example.org
	send "MAIL FROM:<a@quick.example>\r\nRCPT TO:<b@example.net>\r\n"
	expect d1.queries "quick.example TXT" >= 1
	clock +40s
	reply = 250
	reply = 550 ~ "pass"
	rset
	send "MAIL FROM:<a@at.example>\r\nRCPT TO:<b@example.net>\r\n"
	expect d1.queries "at.example TXT" >= 1
	clock +60s
	reply = 250
	reply = 550 ~ "temperror"
	rset
	send "MAIL FROM:<a@above.example>\r\nRCPT TO:<b@example.net>\r\n"
	expect d1.queries "above.example TXT" >= 1
	clock +70s
	reply = 250
	reply = 550 ~ "temperror"
	quit
}
