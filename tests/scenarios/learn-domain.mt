mailtest "a domain may be taught otherwise than the whole installation, and what is released from the quarantine was wanted"
next n1 {}
file "pills" {
	From: a@pills.example
	Subject: cheap pills

	buy cheap pills today
}
file "lunch" {
	From: b@lunch.example
	Subject: lunch

	shall we have lunch on Tuesday
}
gateway g1 {
	relay example.net pharmacy.example { to $n1; max-connections 1; }
	filter learn { minimum 1; }
	policy { at message { quarantine "pills" if subject =~ /odd/; tag header "X-Spam" "yes" if learn.probability > 0.7; accept; } }
}
reevectl g1 learn spam $DIR/pills = 0
reevectl g1 learn ham $DIR/lunch = 0 ~ "1 spam, 1 ham"
reevectl g1 learn ham --domain pharmacy.example $DIR/pills = 0 ~ "0 spam, 1 ham"
reevectl g1 learn ham --domain pharmacy.example $DIR/pills = 0 ~ "0 of 1"
reevectl g1 learn spam --domain pharmacy.example $DIR/lunch = 0 ~ "1 spam, 1 ham"
reevectl g1 learn show = 0 ~ "1 spam, 1 ham"
clock +10s
session via smtp milter {
	ehlo mx.example.com
	mail <a@pills.example>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today\r\n" = 250
	mail <a@pills.example>
	rcpt <b@pharmacy.example>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today\r\n" = 250
	mail <a@odd.example>
	rcpt <b@example.net>
	data "From: a@odd.example\r\nSubject: odd\r\n\r\nsomething odd\r\n" = 250
	quit
}
drain g1
expect n1.messages == 2
expect n1.message[0].header-count "X-Spam" == 1	n1.message[1].header-count "X-Spam" == 0
await reevectl g1 quarantine list = 0 ~ "odd"
reevectl g1 quarantine release --all = 0
reevectl g1 learn show = 0 ~ "1 spam, 2 ham"
expect n1.messages == 3
