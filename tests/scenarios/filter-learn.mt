mailtest "the learning filter: silent until it was taught, then it knows; what was learnt is taken over while it runs"
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
