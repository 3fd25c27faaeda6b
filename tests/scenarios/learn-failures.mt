mailtest "what was learnt and is of a later version or cannot be read is not believed: the filter fails, and says what to do"
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
	filter learn { minimum 1; on-failure accept; }
	policy { at message { tag header "X-Spam" "yes" if learn.probability > 0.7; tag header "X-Known" "yes" if learn.lessons > 0; accept; } }
}
reevectl g1 learn spam $DIR/pills = 0
reevectl g1 learn ham $DIR/lunch = 0
gateway g1 stop
shell "/usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('$STATE/state.db'); c.execute('INSERT INTO entry VALUES(?, ?, 0)', (b'learn' + bytes(1) + b'n', b'99 7')); c.commit()\"" = 0
gateway g1 start
session via smtp milter {
	ehlo mx.example.com
	mail <a@pills.example>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1	n1.message[0].header-count "X-Spam" == 0	n1.message[0].header-count "X-Known" == 0
expect g1.log ~ "learn reset"
reevectl g1 learn ham $DIR/lunch = 1 ~ "learn reset"
reevectl g1 learn show = 1 ~ "a later version"
reevectl g1 learn reset = 0
reevectl g1 learn spam $DIR/pills = 0 ~ "1 of 1"
reevectl g1 learn ham $DIR/lunch = 0 ~ "1 spam, 1 ham"
clock +10s
session via smtp milter {
	ehlo mx.example.com
	mail <a@pills.example>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: cheap pills\r\n\r\nbuy cheap pills today\r\n" = 250
	quit
}
drain g1
expect n1.messages == 2	n1.message[1].header-count "X-Spam" == 1
gateway g1 stop				# nobody may make the lock
shell "rm -f $STATE/learn.lock; mkdir $STATE/learn.lock" = 0
reevectl g1 learn ham $DIR/pills = 1 ~ "cannot be read or locked"
