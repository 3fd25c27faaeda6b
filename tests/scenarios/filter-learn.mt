mailtest "the learning filter: silent until it was taught, then it knows and says why; what was learnt is taken over while it runs"
next n1 {}
file "spam" {
	From: a@pills.example
	Subject: cheap pills

	buy cheap pills today
}
file "ham" {
	From: b@lunch.example
	Subject: lunch

	shall we have lunch on Tuesday
}
file "two.mbox" {
	From x@example.org Mon Jan  1 00:00:00 2024
	From: b@dinner.example
	Subject: dinner

	shall we have dinner on Friday
	From here to there it is not far

	From y@example.org Mon Jan  1 00:00:01 2024
	From: b@tea.example
	Subject: tea

	shall we have tea
}
file "one" {
	From: b@supper.example
	Subject: supper

	From what I hear

	From here to there it is not far
}
gateway g1 {
	filter learn { minimum 1; }
	policy { at message { tag header "X-Learn" "{learn.probability}"; tag header "X-Spam" "yes" if learn.probability > 0.7; accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today, once more\r\n" = 250
	quit
}
reevectl g1 learn spam $DIR/spam = 0 ~ "1 of 1"
reevectl g1 learn ham $DIR/ham = 0 ~ "1 spam, 1 ham"
reevectl g1 learn ham $DIR/ham = 0 ~ "0 of 1"
reevectl g1 scan --explain $DIR/spam = 0 ~ "by 1 messages of spam and 1 of ham; .*subject \"(cheap|pills)\""
clock +10s
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today, once more\r\n" = 250
	quit
}
drain g1
expect n1.messages == 2	n1.message[0].header-count "X-Spam" == 0	n1.message[1].header "X-Spam" == yes
# folders of messages and mboxes; what does not begin like an mbox is one message
reevectl g1 learn ham $DIR/two.mbox $DIR/one = 0 ~ "3 of 3" ~ "1 spam, 4 ham"
reevectl g1 learn forget $DIR/two.mbox = 0 ~ "2 of 2" ~ "1 spam, 2 ham"
reevectl g1 learn spam $DIR/one = 0 ~ "2 spam, 1 ham"
reevectl g1 learn spam --errors $DIR/spam = 0 ~ "0 of 1"
reevectl g1 learn show = 0 ~ "2 spam, 1 ham"
reevectl g1 learn show --json = 0 ~ "^\{\"spam\":2,\"ham\":1\}$"
reevectl g1 learn reset = 0
reevectl g1 learn show = 0 ~ "0 spam, 0 ham"
reevectl g1 learn = 2
