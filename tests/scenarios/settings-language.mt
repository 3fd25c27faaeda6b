mailtest "the default policy asks a recipient's settings: his thresholds, and replies in his language"
next n1 {}
file "local.cf" {
	header  SPAMMY Subject =~ /spam/
	score   SPAMMY 9
	header  VERY Subject =~ /very/
	score   VERY 4
}
gateway g1 {
	filter settings;
	filter greylist { delay 5m; }
	filter rules { load "$DIR/local.cf"; }
	settings default { greylist off; }
	settings strict@example.net { spam-reject 8; language de; }
	settings calm@example.net { spam-reject 20; spam-quarantine 18; spam-tag 12; language fr; }
	settings grey@example.net { greylist on; language DE; }
	settings "jörg@example.net" { spam-reject 8; language de; }
	language de {
		"this looks like spam (score {score})"       "das sieht nach Spam aus für {rcpt} (Punkte {score})";
		"greylisted, retry in {greylist.wait}"       "bitte in {greylist.wait} nochmals senden";
	}
	language fr { "this looks like spam (score {score})" "ceci ressemble au spam ({score})"; }
}
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <strict@example.net>
	data "From: a@example.com\r\nSubject: spam\r\n\r\nx\r\n" = 550 5.7.1 ~ "das sieht nach Spam aus f\?+r strict@example.net .Punkte 9"
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: spam\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <calm@example.net>
	data "From: a@example.com\r\nSubject: very spam\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <grey@example.net> = 451 ~ "bitte in 5m nochmals"
	rset
	quit
}
drain g1
expect n1.messages == 2
expect n1.message[0].header "X-Spam-Flag" == "YES"
expect n1.message[1].header "X-Spam-Flag" == "YES"
reevectl g1 policy set b@example.net spam-reject 3 = 0
reevectl g1 policy set b@example.net language fr = 0
session via smtp milter from 192.0.2.5 {			# in the store, at once
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nSubject: spam\r\n\r\nx\r\n" = 550 ~ "ceci ressemble au spam .9"
	mail <a@example.com>
	rcpt <plain@example.net>
	data "From: a@example.com\r\nSubject: very spam\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 2							# the last one is in the quarantine
config g1 { filter settings; language de { "no such text" "x"; } } = 0 ~ "no statement of the policy has the text"
config g1 { language de { "greylisted, retry in {greylist.wait}" "x"; } } = 0 ~ "filter settings is not configured" !~ "no statement"
config g1 { filter settings; language de { "this looks like spam (score {score})" "{nothing}"; } } = 1 ~ "nothing"
config g1 { filter settings; language de { "this looks like spam (score {score})" x; } } = 1 ~ "expected"
config g1 { filter settings; language de { "this looks like spam (score {score})" "x"; "this looks like spam (score {score})" "y"; } } = 1 ~ "translation already"
