mailtest "reevectl scan says what would happen, and why, without a daemon"
next n1 {}
file "local.cf" {
	header   T_CHEAP  Subject =~ /cheap/i
	describe T_CHEAP  Subject says cheap
	score    T_CHEAP  12.5
}
file "mail.eml" {
	From: a@example.com
	Subject: Cheap things

	text
}
gateway g1 idle {
	filter rules { load "$DIR/local.cf"; }
	filter headers;
	policy { at message { reject 550 5.7.1 "spam, score {score}" if score >= 10; accept; } }
}
gateway g2 idle {
	hostname mx.test.example;
	policy { at rcpt { reject 550 5.7.1 "it was {client}" if client in 192.0.2.0/24 and rcpt == "joe@example.net"; } at message { accept; } }
}
reevectl g1 scan --explain --client 192.0.2.1 --helo mx.example.com --from a@example.com --rcpt b@example.net "$DIR/mail.eml" = 0 \
	~ "reject" ~ "T_CHEAP" ~ "Subject says cheap" ~ "local.cf:1" ~ "mailreeve.conf:\d+" ~ "12.5"
reevectl g1 scan --json --client 192.0.2.1 --from a@example.com --rcpt b@example.net --rcpt c@example.net "$DIR/mail.eml" = 0 \
	~ "\"verdict\":\"reject\"" ~ "\"name\":\"T_CHEAP\"" ~ "\"rcpt\":\"c@example.net\"" ~ "\"reply\":\"550 5.7.1 spam, score 1"
# Delivered mail is judged as it came: the topmost field of ours counts, not one below it that a sender wrote.
file "delivered.eml" {
	Received: from gw.inside.example (gw.inside.example [10.0.0.1]) by store.example.net; Thu, 26 Nov 2026 13:00:01 +0000
	Received: from out.example.com (out.example.com [192.0.2.9])
	 by mx.test.example with ESMTP id 1
	 for <joe@example.net>;
	 Thu, 26 Nov 2026 13:00:00 +0000
	Received: from forged.example (forged.example [203.0.113.9]) by mx.test.example for <other@example.net>; Thu, 26 Nov 2026 12:00:00 +0000
	From: a@example.com
	Subject: hello

	text
}
reevectl g2 scan --as-received --explain "$DIR/delivered.eml" = 0 ~ "client 192.0.2.9 +helo out.example.com" ~ "joe@example.net: reject" ~ "was 192.0.2.9"
reevectl g2 scan --as-received --json --client 198.51.100.1 "$DIR/delivered.eml" = 0 ~ "\"verdict\":\"accept\"" ~ "joe@example.net"
reevectl g2 scan --explain "$DIR/delivered.eml" = 0 ~ "client \(none\)" ~ "accept"
reevectl g1 scan --as-received --explain "$DIR/delivered.eml" = 0 ~ "client \(none\)"
reevectl g1 scan "$DIR/delivered.eml" "$DIR/mail.eml" "$DIR/delivered.eml" = 0 ~ "3 messages: 2 accept, 1 reject"
reevectl g1 scan --json "$DIR/none.eml" = 1
reevectl g1 check = 0
reevectl g1 stats = 1
expect n1.sessions == 0
