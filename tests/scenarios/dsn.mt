mailtest "who is owed a report gets one, and nobody else"
next n1 { rcpt "gone@" = 550 5.1.1 "no such user"; rcpt "later@" = 450 4.2.0 "busy"; }
next n2 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; lifetime 1d; warn-after 4h; retry-first 1m; }
	relay * { to $n2; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@sender.example> RET=HDRS ENVID=QQ314159
	rcpt <gone@example.net> ORCPT=rfc822;gone+2Bx@old.example NOTIFY=FAILURE
	rcpt <good@example.net>
	data {
		Subject: report me
		Message-ID: <1@sender.example>

		secret body
	} = 250
	quit
}
drain g1
expect n1.messages == 1	n1.message[0].rcpts == "good@example.net"
expect n2.messages == 1	n2.message[0].sender == ""	n2.message[0].rcpts == "a@sender.example"
expect n2.message[0].header "Content-Type" ~ "multipart/report;.*report-type=\"?delivery-status"
expect n2.message[0].header "Auto-Submitted" ~ "^auto-(replied|generated)"
expect n2.message[0].header-count "Message-ID" == 1	n2.message[0].header-count "Date" == 1
expect n2.message[0].header "From" ~ "@"	n2.message[0].header "To" ~ "a@sender.example"
expect n2.message[0].body ~ "Original-Envelope-Id: QQ314159"
expect n2.message[0].body ~ "Reporting-MTA: dns; ?mx.gateway.example"
expect n2.message[0].body ~ "Original-Recipient: rfc822; ?gone\+x@old.example"
expect n2.message[0].body ~ "Final-Recipient: rfc822; ?gone@example.net"
expect n2.message[0].body ~ "Action: failed"	n2.message[0].body ~ "Status: 5.1.1"
expect n2.message[0].body ~ "Diagnostic-Code: smtp; ?550 5.1.1 no such user"
expect n2.message[0].body ~ "text/rfc822-headers"	n2.message[0].body ~ "Subject: report me"
expect n2.message[0].body !~ "secret body"	n2.message[0].body !~ "good@example.net"

session {							# the null sender, and who said NEVER
	ehlo mx.example.com
	mail <>
	rcpt <gone@example.net>
	data {
		Subject: a bounce

		x
	} = 250
	mail <a@sender.example>
	rcpt <gone@example.net> NOTIFY=NEVER
	data {
		Subject: never

		x
	} = 250
	mail <a@sender.example>
	rcpt <gone@example.net> NOTIFY=SUCCESS,DELAY
	data {
		Subject: not for failures

		x
	} = 250
	quit
}
drain g1
expect n2.messages == 1

next n1 { no DSN; rcpt "gone@" = 550 5.1.1 "no such user"; rcpt "later@" = 450 4.2.0 "busy"; }
next n1 down						# an open connection would keep what it knows
next n1 up
session {							# success: relayed to a server without DSN
	ehlo mx.example.com
	mail <a@sender.example> RET=FULL
	rcpt <good@example.net> NOTIFY=SUCCESS,FAILURE
	data {
		Subject: success

		x
	} = 250
	quit
}
drain g1
expect n2.messages == 2	n2.message[1].body ~ "Action: relayed"	n2.message[1].body ~ "Status: 2\."

session {
	ehlo mx.example.com
	mail <a@sender.example> RET=FULL
	rcpt <later@example.net> NOTIFY=FAILURE,DELAY
	data {
		Subject: deferred

		body in full
	} = 250
	quit
}
expect n1.commands ~ "RCPT TO:<later@"
clock +5h
expect n2.messages == 3	n2.message[2].body ~ "Action: delayed"	n2.message[2].body ~ "Status: 4\."	n2.message[2].body ~ "450 4.2.0 busy"
clock +1h
clock +20h
expect n2.messages == 4	n2.message[3].body ~ "Action: failed"	n2.message[3].body ~ "body in full"
drain g1
expect n2.messages == 4
