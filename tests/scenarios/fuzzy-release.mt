mailtest "what is released from the quarantine is marked as ham for the filter fuzzy"
next n1 {}
file "one" {
	From: a@list.example
	Subject: news

	Dear Ann, the season of garden parties begins, and our kitchen has new lemonade that you will like; come and see us on
	any morning of the week, bring your friends and tell the village about it. We are looking forward to your visit.
}
gateway g1 {
	filter fuzzy { spam-count 1; }
	policy { at message { quarantine "known spam" if fuzzy.known-spam; accept; } }
}
reevectl g1 fuzzy spam $DIR/one = 0
clock +10s
session via smtp {
	ehlo mx.example.com
	mail <a@list.example>
	rcpt <b@example.net>
	data {
		From: a@list.example
		Subject: news

		Dear Bob, the season of garden parties begins, and our kitchen has new lemonade that you will like; come and see us on
		any morning of the week, bring your friends and tell the village about it. We are looking forward to your visit.
	} = 250
	quit
}
reevectl g1 quarantine release --all = 0 ~ "1 released"
reevectl g1 fuzzy show $DIR/one = 0 ~ "1 spam, 1 ham"
clock +10s
session via smtp {
	ehlo mx.example.com
	mail <a@list.example>
	rcpt <b@example.net>
	data {
		From: a@list.example
		Subject: news

		Dear Carol, the season of garden parties begins, and our kitchen has new lemonade that you will like; come and see us on
		any morning of the week, bring your friends and tell the village about it. We are looking forward to your visit.
	} = 250
	quit
}
drain g1
expect n1.messages == 2
