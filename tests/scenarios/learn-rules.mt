mailtest "rules that hit are features of the learning filter, here and when it is taught; network tests are not, nor what runs behind it"
next n1 {}
file "local.cf" {
	body     T_CHEAP    /cheap/
	describe T_CHEAP    Says cheap
	score    T_CHEAP    1
	body     T_ASKS     /pills/
	describe T_ASKS     Would ask the DNS
	score    T_ASKS     1
	tflags   T_ASKS     net
	header   T_LUNCH    Subject =~ /lunch/
	describe T_LUNCH    Is about lunch
	score    T_LUNCH    -1
}
file "spam" {
	From: a@pills.example
	Subject: pills

	buy cheap pills today
}
file "ham" {
	From: b@lunch.example
	Subject: lunch

	shall we meet on Tuesday
}
file "other" {
	Date: Mon, 1 Jan 2024 00:00:00 +0000
	From: c@other.example
	To: d@other.example

	CHEAP? no: cheap
}
gateway g1 {
	filter rules { load "$DIR/local.cf"; }
	filter learn { minimum 1; }
	policy { at message { tag header "X-Offline" "{rules.offline}"; tag header "X-Names" "{rules.names}"; accept; } }
}
gateway g2 {
	filter learn { minimum 1; }
	filter rules { load "$DIR/local.cf"; }
}
reevectl g1 learn spam $DIR/spam = 0 ~ "1 of 1"
reevectl g1 learn ham $DIR/ham = 0 ~ "1 spam, 1 ham"
reevectl g1 scan --explain $DIR/spam = 0 ~ "by 1 messages of spam and 1 of ham; rule \"T_CHEAP\", (header field|address|subject|text)"
reevectl g1 scan --explain $DIR/other = 0 ~ "rule \"T_CHEAP\""
reevectl g1 scan --explain $DIR/ham = 0 ~ "rule \"T_LUNCH\""
reevectl g1 learn spam $DIR/spam = 0 ~ "0 of 1"
reevectl g1 learn forget $DIR/spam = 0 ~ "0 spam, 1 ham"
reevectl g2 learn spam $DIR/spam = 0 ~ "1 of 1"
reevectl g2 learn ham $DIR/ham = 0 ~ "1 spam, 1 ham"
reevectl g2 scan --explain $DIR/spam = 0 ~ "1 of ham; (header field|address|subject|text) "
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@pills.example\r\nSubject: pills\r\n\r\nbuy cheap pills today, once more\r\n" = 250
	quit
}
drain g1
expect n1.message[0].header "X-Offline" == "T_CHEAP"	n1.message[0].header "X-Names" ~ "T_ASKS"
shell "echo 'body BAD /(/' >>$DIR/local.cf"			# rules that cannot be read: told, and the lesson is taken all the same
reevectl g1 learn forget $DIR/ham = 0 ~ "local.cf:11:1: error" ~ "taken without the names of rules" ~ "0 spam, 0 ham"
