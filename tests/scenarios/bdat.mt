mailtest "BDAT and DATA keep their states apart; a refused chunk is read to its last octet and no further"
next n1 {}
gateway g1 {
	limits { message 64K; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	bdat "MAIL FROM:<evil@example.com>\r\n" = 503		# drained, not obeyed
	noop = 250
	mail <a@example.com>
	bdat "RCPT TO:<b@example.net>\r\n" = 503
	rcpt <b@example.net> = 503				# RFC 3030 part 2: one chunk refused, all is refused
	mail <a@example.com>
	rcpt <b@elsewhere.example> = 550
	pipelined {
		bdat "Subject: the beginning is lost\r\n" = 554
		rcpt <b@example.net> = 503
		bdat last "\r\nrest\r\n" = 503
	}
	mail <a@example.com>
	rcpt <b@example.net>
	bdat "Subject: two chunks\r\n" = 250
	line "DATA" = 503
	mail <c@example.com> = 503
	rcpt <c@example.net> = 503
	bdat "\r\nfirst\r\n" = 250
	bdat last "" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	bdat "Subject: dropped\r\n\r\n" = 250
	rset = 250
	bdat last "x" = 503
	mail <a@example.com>
	rcpt <b@example.net>
	bdat last "Subject: pipelined into one\r\n\r\n.\r\n.." = 250	# no CRLF at the end
	quit
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "BDAT x" = 501				# nobody knows how much content follows
	expect-close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "BDAT 99999999999999999999999999 LAST" = 5xx
	close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "BDAT 5 LAST\r\nhello\r\n.\r\n" = 250		# inside DATA it is text
	mail <a@example.com>
	rcpt <b@example.net>
	bdat "x"*60000 = 250
	bdat "y"*10000 = 552					# above the limit: drained
	noop = 250
	bdat last "z" = 503|552
	mail <a@example.com>
	rcpt <b@example.net>
	pipelined {
		bdat "Subject: p\r\n" = 250
		bdat last "\r\npipelined\r\n" = 250
		mail <a@example.com> = 250
		rcpt <b@example.net> = 250
		bdat last "Subject: q\r\n\r\nq\r\n" = 250
		quit = 221
	}
}
drain g1
expect n1.messages == 5
expect n1.message[0].body == "first\r\n"	n1.message[1].raw ~ "pipelined into one\r\n\r\n\\.\r\n\\.\\."
expect n1.commands !~ "evil"
