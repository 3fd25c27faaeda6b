mailtest "verbs, their order, their replies"
next n1 {}
gateway g1 { policy { at message { accept; } } }

session {
	banner = 220 ~ "^mx.gateway.example ESMTP"
	noop = 250 2.0.0
	vrfy postmaster = 252
	help = 214
	expn staff = 5xx
	mail <a@example.com> = 503 5.5.1			# no greeting yet
	rcpt <b@example.net> = 503 5.5.1
	line "DATA" = 503 5.5.1
	helo = 501 5.5.4
	ehlo = 501 5.5.4
	helo mx.example.com = 250
	ehlo mx.example.com = 250 ~ "^PIPELINING$" ~ "^SIZE 52428800$" ~ "^8BITMIME$" ~ "^SMTPUTF8$" \
		~ "^ENHANCEDSTATUSCODES$" ~ "^CHUNKING$" ~ "^DSN$" ~ "^STARTTLS$" !~ "AUTH" !~ "XCLIENT"
	rcpt <b@example.net> = 503 5.5.1
	line "DATA" = 503 5.5.1
	line "BOGUS x" = 500 5.5.2
	line "" = 500
	line "mAiL fRoM:<a@example.com>" = 250 2.1.0
	mail <a@example.com> = 503 5.5.1			# nested
	line "DATA" = 503 5.5.1				# no recipient
	line "RCPT TO:<b@example.net>   " = 250 2.1.5		# blanks at the end are borne
	rset = 250 2.0.0
	rcpt <b@example.net> = 503 5.5.1
	line "NOOP with words" = 250
	line "RSET now" = 501
	line "QUIT now" = 501|221
	close
}
session {
	ehlo mx.example.com
	mail <a@example.com> FOO=bar = 555
	mail <a@example.com> SIZE=abc = 501
	mail <a@example.com> SIZE=1 SIZE=2 = 501
	mail <a@example.com> BODY=9BIT = 501
	line "MAIL FROM: <a@example.com>" = 501|250		# a blank after the colon: many clients do
	rset
	line "MAIL TO:<a@example.com>" = 501
	mail a@example.com = 501|250
	rset
	mail <a@example.com> SIZE=1000 BODY=8BITMIME = 250
	rcpt <b@example.net> FOO=bar = 555
	rcpt <b@example.net> NOTIFY=NEVER,SUCCESS = 501
	rcpt <b@example.net> = 250
	quit = 221 2.0.0
	expect-close
}
