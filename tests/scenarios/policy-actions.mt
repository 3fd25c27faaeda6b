mailtest "every action does what it says, and the log says which statement decided"
next n1 {}
gateway g1 {
	list partners { joe@partner.example; .friends.example; 198.51.100.0/24; }
	policy {
		at connect { reject 554 5.7.1 "not you, {client}" if client in 198.51.100.0/24; }
		at helo { tempfail 450 4.7.1 "later, {helo}" if helo == "later.example"; }
		at mail { reject 550 5.7.1 "no mail from {sender}" if sender.domain == "no.example"; }
		at rcpt {
			reject 550 5.1.1 "no such user here" if rcpt == "gone@example.net";
			tempfail 451 4.7.1 "wait" if rcpt == "wait@example.net" and not sender in partners;
		}
		at message {
			reject 550 5.7.1 "refused: {subject}" if subject =~ /^refuse/i;
			tempfail 451 4.7.1 "come back" if subject == "defer";
			discard if subject == "drop";
			quarantine "set aside" if subject == "aside";
			tag subject "[TAG] " if subject == "tag";
			tag header "X-Tag" "yes" if subject == "tag";
			remove-header "X-Remove" if subject == "tag";
			add-header "X-Added" "size {size}" if subject == "tag";
			redirect "other@example.net" if subject == "redirect";
			copy "archive@example.net" if subject == "copy";
			accept;
		}
	}
}
session via smtp milter from 198.51.100.9 { banner = 554 5.7.1 ~ "not you, 198.51.100.9" }
session via smtp milter {
	ehlo later.example = 450 4.7.1 ~ "later, later.example"
	quit
}
session via smtp milter {
	ehlo mx.example.com = 250
	mail <a@no.example> = 550 5.7.1 ~ "no mail from a@no.example"
	mail <a@example.com>
	rcpt <gone@example.net> = 550 5.1.1
	rcpt <wait@example.net> = 451 4.7.1
	rset
	mail <joe@partner.example>
	rcpt <wait@example.net> = 250
	rset
	mail <x@deep.friends.example>
	rcpt <wait@example.net> = 250
	rset
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: REFUSE this\r\n\r\nx\r\n" = 550 5.7.1 ~ "refused: REFUSE this \([\w-]+\)$"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: defer\r\n\r\nx\r\n" = 451 4.7.1 ~ "come back"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: drop\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: aside\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-Remove: 1\r\nSubject: tag\r\nx-remove: 2\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: redirect\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: copy\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages >= 3
expect via smtp n1.commands ~ "RCPT TO:<archive@example.net>"	n1.commands ~ "RCPT TO:<other@example.net>"
expect via milter n1.message[1].rcpts == "other@example.net"	n1.message[2].rcpts == "b@example.net archive@example.net"
expect n1.message[0].header "Subject" == "[TAG] tag"	n1.message[0].header "X-Tag" == "yes"
expect n1.message[0].header-count "X-Remove" == 0	n1.message[0].header "X-Added" ~ "^size \d+$"
expect g1.message[0].verdict == "reject"	g1.message[0].decided_by ~ "mailreeve.conf:\d+"
expect g1.message[1].verdict == "tempfail"	g1.message[2].verdict == "discard"	g1.message[3].verdict == "quarantine"
await reevectl g1 quarantine list = 0 ~ "a@example.com"
