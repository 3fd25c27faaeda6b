mailtest "a message that comes in pieces is judged and changed as one that comes at once"
next n1 {}
gateway g1 {
	filter headers;
	policy {
		at header { reject 550 5.7.1 "no {subject}" if subject =~ /unwanted/; }
		at message {
			tag header "X-Size" "{size} {subject} {headers.missing}";
			tag subject "[tagged] ";
			replace-body "replaced" if subject =~ /replace/;
			remove-header "X-Old";
			accept;
		}
	}
}
session via smtp {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "From: a@example.com\r\nX-Old: 1\r\nSub" "ject: one\r" "\n\r" "\nbody\r\n" "." ".\r\nmore\r" "\n." "\r" "\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\nX-Old: 1\r\nSubject: one\r\n\r\nbody\r\n.\r\nmore\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: replace me\r\n\r\n" "body\r\n" ".\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: replace me\r\n\r\nbody\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: unwanted\r\n\r\n" "body\r\n" "." ".\r\n" ".\r\n" = 550 5.7.1 ~ "no unwanted"
	noop = 250
	mail <a@example.com>						# a NUL ends no header section
	rcpt <b@example.net>
	data "X-Odd: nul\x00here\r\nFrom: a@example.com\r\nSubject: replace\x00me\r\n\r\nbody\r\n" = 250
	quit
}
drain g1
expect n1.messages == 5
expect n1.message[0].body == n1.message[1].body
expect n1.message[0].header "X-Size" ~ "one"	n1.message[0].header "Subject" ~ "tagged. one"	n1.message[0].raw !~ "X-Old"
expect n1.message[2].body == n1.message[3].body	n1.message[2].body ~ "^replaced"	n1.message[2].header "Subject" ~ "tagged. replace me"
expect n1.message[4].header "From" == "a@example.com"	n1.message[4].body == n1.message[3].body	n1.message[4].header "Subject" ~ "tagged. replace me"
