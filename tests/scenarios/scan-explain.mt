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
reevectl g1 scan --explain --client 192.0.2.1 --helo mx.example.com --from a@example.com --rcpt b@example.net "$DIR/mail.eml" = 0 \
	~ "reject" ~ "T_CHEAP" ~ "Subject says cheap" ~ "local.cf:1" ~ "mailreeve.conf:\d+" ~ "12.5"
reevectl g1 scan --json --client 192.0.2.1 --from a@example.com --rcpt b@example.net --rcpt c@example.net "$DIR/mail.eml" = 0 \
	~ "\"verdict\":\"reject\"" ~ "\"name\":\"T_CHEAP\"" ~ "\"rcpt\":\"c@example.net\"" ~ "\"reply\":\"550 5.7.1 spam, score 1"
reevectl g1 scan --json "$DIR/none.eml" = 1
reevectl g1 check = 0
reevectl g1 stats = 1
expect n1.sessions == 0
