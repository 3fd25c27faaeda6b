mailtest "odd forms of commands: what RFC 5321, 1870, 6152, 6531, 3461 and 3030 say of each"
next n1 {}
gateway g1 { limits { errors 1000; commands 10000; } policy { at message { accept; } } }

# Paths of MAIL: what the grammar has.
session {
	ehlo mx.example.com
	line "MAIL FROM:<>" = 250 2.1.0
	rset
	line "MAIL FROM:<a@example.com>" = 250
	rset
	line "mail from:<a@EXAMPLE.com>" = 250
	rset
	line "MAIL FROM:<\"a b\"@example.com>" = 250
	rset
	line "MAIL FROM:<\"\"@example.com>" = 250
	rset
	line "MAIL FROM:<\"a\\\"b\"@example.com>" = 250
	rset
	line "MAIL FROM:<\"a>b\"@example.com>" = 250
	rset
	line "MAIL FROM:<\"a@b\"@example.com>" = 250
	rset
	send "MAIL FROM:<a.b!c#d$%f&g'h*i+j-k/l=m?n^o_p`q\x7br|s\x7dt~@example.com>\r\n" = 250
	rset
	line "MAIL FROM:<a@[192.0.2.1]>" = 250
	rset
	line "MAIL FROM:<a@[IPv6:2001:db8::1]>" = 250
	rset
	line "MAIL FROM:<a@[ipv6:2001:db8::1]>" = 250
	rset
	line "MAIL FROM:<@one.example,@two.example:a@example.com>" = 250
	rset
	line "MAIL FROM:<a@example>" = 250
	rset
	line "MAIL FROM:<a@1.example.com>" = 250
	rset
	line "MAIL FROM:<a@xn--mnchen-3ya.example>" = 250
	rset
}

# Paths of MAIL: what it has not.
session {
	ehlo mx.example.com
	line "MAIL" = 501 5.5.4
	line "MAIL FROM" = 501
	line "MAIL FROM:" = 501
	line "MAIL FROM <a@example.com>" = 501
	line "MAILFROM:<a@example.com>" = 500
	line "MAIL FROM:<a@example.com" = 501
	line "MAIL FROM:a@example.com>" = 501
	line "MAIL FROM:<<a@example.com>>" = 501
	line "MAIL FROM:<a@example.com>x" = 501
	line "MAIL FROM:<a>" = 501
	line "MAIL FROM:<@example.com>" = 501
	line "MAIL FROM:<a@>" = 501
	line "MAIL FROM:<a@b@example.com>" = 501
	line "MAIL FROM:<a b@example.com>" = 501
	line "MAIL FROM:<.a@example.com>" = 501
	line "MAIL FROM:<a.@example.com>" = 501
	line "MAIL FROM:<a..b@example.com>" = 501
	line "MAIL FROM:<a@example..com>" = 501
	line "MAIL FROM:<a@.example.com>" = 501
	line "MAIL FROM:<a@-example.com>" = 501
	line "MAIL FROM:<a@example-.com>" = 501
	line "MAIL FROM:<a@exam_ple.com>" = 501
	rset
	line "MAIL FROM:<a@example.com.>" = 501
	rset
	line "MAIL FROM:<\"a@example.com>" = 501
	line "MAIL FROM:<\"a\"b@example.com>" = 501
	line "MAIL FROM:<a\"b\"@example.com>" = 501
	line "MAIL FROM:<a@[192.0.2.1>" = 501
	line "MAIL FROM:<a@[192.0.2.256]>" = 501
	line "MAIL FROM:<a@[192.0.2]>" = 501
	line "MAIL FROM:<a@[IPv6:2001:db8:::1]>" = 501
	line "MAIL FROM:<a@[2001:db8::1]>" = 501
	line "MAIL FROM:<a@[]>" = 501
	line "MAIL FROM:<a(x)@example.com>" = 501
	line "MAIL FROM:<a@example.com (x)>" = 501
	line "MAIL FROM:Joe <a@example.com>" = 501
	line "MAIL FROM:< a@example.com>" = 501
	line "MAIL FROM:<a@example.com >" = 501
	line "MAIL FROM:<@one.example:>" = 501
	line "MAIL FROM:<@one.example,a@example.com>" = 501
	line "MAIL FROM:<@one.example@example.com>" = 501
	line "MAIL FROM:<\t>" = 501
	line "MAIL\tFROM:<a@example.com>" = 250			# not by the grammar; nothing hides behind it
	rset
	line "MAIL  FROM:<a@example.com>" = 250
	rset
	line " MAIL FROM:<a@example.com>" = 500
	rset
	line "MAIL FROM:<postmaster>" = 501
}

# Lengths: 64 octets of a local part, 255 of a domain, 63 of a label, 256 of a path.
session {
	ehlo mx.example.com
	send "MAIL FROM:<" "a"*64 "@example.com>\r\n" = 250
	rset
	send "MAIL FROM:<" "a"*65 "@example.com>\r\n" = 501
	send "MAIL FROM:<a@" "b"*63 ".example.com>\r\n" = 250
	rset
	send "MAIL FROM:<a@" "b"*64 ".example.com>\r\n" = 501
	send "MAIL FROM:<a@" "b.c."*62 "com>\r\n" = 250
	rset
	send "MAIL FROM:<a@" "b.c."*63 "com>\r\n" = 501
}

# Parameters, in any order and case; what is not known or said twice is refused.
session {
	ehlo mx.example.com
	line "MAIL FROM:<a@example.com> size=10 body=8bitmime smtputf8" = 250
	rset
	line "MAIL FROM:<a@example.com> SMTPUTF8 BODY=8BITMIME SIZE=10" = 250
	rset
	line "MAIL FROM:<a@example.com> BODY=7BIT" = 250
	rset
	line "MAIL FROM:<a@example.com> RET=HDRS ENVID=QQ314159" = 250
	rset
	line "MAIL FROM:<a@example.com> ret=full envid=a+2Bb" = 250
	rset
	line "MAIL FROM:<a@example.com>  SIZE=10  BODY=7BIT " = 250
	rset
	line "MAIL FROM:<a@example.com> SIZE=0" = 250
	rset
	line "MAIL FROM:<a@example.com> SIZE=" = 501
	line "MAIL FROM:<a@example.com> SIZE" = 501
	line "MAIL FROM:<a@example.com> SIZE=-1" = 501
	line "MAIL FROM:<a@example.com> SIZE=1x" = 501
	line "MAIL FROM:<a@example.com> SIZE=99999999999999999999" = 552
	line "MAIL FROM:<a@example.com> SIZE=999999999999999999999" = 501
	line "MAIL FROM:<a@example.com> SIZE=52428800" = 250
	rset
	line "MAIL FROM:<a@example.com> SIZE=52428801" = 552 5.3.4
	line "MAIL FROM:<a@example.com> BODY=" = 501
	line "MAIL FROM:<a@example.com> BODY" = 501
	line "MAIL FROM:<a@example.com> BODY=BINARYMIME" = 501
	line "MAIL FROM:<a@example.com> BODY=7BIT BODY=7BIT" = 501
	line "MAIL FROM:<a@example.com> SMTPUTF8=1" = 501
	line "MAIL FROM:<a@example.com> SMTPUTF8 SMTPUTF8" = 501
	line "MAIL FROM:<a@example.com> RET=SOME" = 501
	line "MAIL FROM:<a@example.com> RET=HDRS RET=HDRS" = 501
	line "MAIL FROM:<a@example.com> ENVID=" = 501
	line "MAIL FROM:<a@example.com> ENVID=a+" = 501
	line "MAIL FROM:<a@example.com> ENVID=a+2b" = 501
	line "MAIL FROM:<a@example.com> ENVID=a=b" = 501
	send "MAIL FROM:<a@example.com> ENVID=" "a"*100 "\r\n" = 250
	rset
	send "MAIL FROM:<a@example.com> ENVID=" "a"*101 "\r\n" = 501
	line "MAIL FROM:<a@example.com> NOTIFY=NEVER" = 555
	line "MAIL FROM:<a@example.com> AUTH=<>" = 555
	line "MAIL FROM:<a@example.com> X" = 555
	line "MAIL FROM:<a@example.com> =X" = 501
	line "MAIL FROM:<a@example.com>SIZE=10" = 501
	line "MAIL FROM:<a@example.com>\tSIZE=10" = 501
	rset
}
session {
	helo mx.example.com
	line "MAIL FROM:<a@example.com> SIZE=10" = 555
	line "MAIL FROM:<a@example.com>" = 250
	line "RCPT TO:<b@example.net> NOTIFY=NEVER" = 555
	line "RCPT TO:<b@example.net>" = 250
}

# RCPT.
session {
	ehlo mx.example.com
	mail <a@example.com>
	line "RCPT TO:<b@example.net>" = 250 2.1.5
	line "RCPT TO:<b@EXAMPLE.NET>" = 250
	line "rcpt to:<B@example.net>" = 250
	line "RCPT TO:<\"b\"@example.net>" = 250
	line "RCPT TO:<\"b c\"@example.net>" = 250
	line "RCPT TO:<@one.example:b@example.net>" = 250
	line "RCPT TO:<Postmaster>" = 250
	line "RCPT TO:<postmaster@example.net>" = 250
	line "RCPT TO:<PostMaster@example.net>" = 250
	line "RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;b@example.net" = 250
	line "RCPT TO:<b@example.net> orcpt=rfc822;b+2Bx@example.net notify=never" = 250
	line "RCPT TO:<b@example.net> ORCPT=utf-8;b@example.net" = 250
	line "RCPT TO:<>" = 501
	line "RCPT TO:" = 501
	line "RCPT" = 501
	line "RCPT FROM:<b@example.net>" = 501
	line "RCPT TO:<b>" = 501
	line "RCPT TO:<b@example.net" = 501
	line "RCPT TO:<b@example.net>x" = 501
	line "RCPT TO:<b@other.example>" = 550 5.7.1
	line "RCPT TO:<b@[192.0.2.1]>" = 550
	line "RCPT TO:<b%other.example@example.net>" = 550
	line "RCPT TO:<other.example!b@example.net>" = 550
	line "RCPT TO:<\"b@other.example\"@example.net>" = 550
	line "RCPT TO:<@example.net:b@other.example>" = 550
	line "RCPT TO:<b@example.net> NOTIFY=" = 501
	line "RCPT TO:<b@example.net> NOTIFY" = 501
	line "RCPT TO:<b@example.net> NOTIFY=SOMETIMES" = 501
	line "RCPT TO:<b@example.net> NOTIFY=SUCCESS," = 501
	line "RCPT TO:<b@example.net> NOTIFY=NEVER NOTIFY=NEVER" = 501
	line "RCPT TO:<b@example.net> NOTIFY=SUCCESS,SUCCESS" = 501
	line "RCPT TO:<b@example.net> ORCPT=" = 501
	line "RCPT TO:<b@example.net> ORCPT=b@example.net" = 501
	line "RCPT TO:<b@example.net> ORCPT=rfc822;" = 501
	line "RCPT TO:<b@example.net> ORCPT=;b" = 501
	line "RCPT TO:<b@example.net> ORCPT=rfc822;a+zz" = 501
	line "RCPT TO:<b@example.net> SIZE=10" = 555
	line "RCPT TO:<b@example.net> RET=FULL" = 555
}

# UTF-8 wants SMTPUTF8 (RFC 6531).
session {
	ehlo mx.example.com
	line "MAIL FROM:<ä@example.com>" = 553
	line "MAIL FROM:<ä@example.com> SMTPUTF8" = 250
	line "RCPT TO:<ö@example.net>" = 250
	rset
	line "MAIL FROM:<a@exämple.com> SMTPUTF8" = 250
	rset
	line "MAIL FROM:<a@exämple.com>" = 553
	line "MAIL FROM:<a@example.com>" = 250
	line "RCPT TO:<ö@example.net>" = 553
	rset
	send "MAIL FROM:<\xff@example.com> SMTPUTF8\r\n" = 501
	send "MAIL FROM:<\xc0\xaf@example.com> SMTPUTF8\r\n" = 501
	send "MAIL FROM:<\xed\xa0\x80@example.com> SMTPUTF8\r\n" = 501
	send "MAIL FROM:<\xc2\x85@example.com> SMTPUTF8\r\n" = 250
}

# Verbs: order, arguments, case, length.
session {
	banner
	line "EHLO" = 501
	line "EHLO  " = 501
	line "EHLO a b" = 501
	line "ehlo mx.example.com" = 250
	line "EHLO [192.0.2.1]" = 250
	line "EHLO [IPv6:2001:db8::1]" = 250
	line "EHLO mx.example.com " = 250
	line "HELO mx.example.com" = 250
	line "noop" = 250
	line "NoOp x y z" = 250
	line "RSET" = 250
	line "RSET x" = 501
	line "RSET " = 250
	line "DATA x" = 503
	line "DATA" = 503
	line "VRFY" = 501
	line "VRFY postmaster" = 252
	line "EXPN x" = 502
	line "HELP" = 214
	line "HELP MAIL" = 214
	line "TURN" = 500
	line "SEND FROM:<a@example.com>" = 500
	line "SOML FROM:<a@example.com>" = 500
	line "SAML FROM:<a@example.com>" = 500
	line "AUTH PLAIN" = 500
	line "ETRN x" = 500
	line "BURL x" = 500
	line "NOOPX" = 500
	line "\x01" = 500
	line ":" = 500
	line "-" = 500
	send "NOOP " "x"*505 "\r\n" = 250
	send "NOOP " "x"*506 "\r\n" = 250
	send "NOOP " "x"*9000 "\r\n" = 500
	line "NOOP" = 250
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	ehlo mx.example.com = 250			# as RSET does (RFC 5321 part 4.1.4)
	rcpt <b@example.net> = 503
	mail <a@example.com> = 250
	helo mx.example.com = 250
	rcpt <b@example.net> = 503
	mail <a@example.com>
	rcpt <b@example.net>
	noop
	vrfy b = 252
	mail <c@example.com> = 503
	rset
	rset
	line "DATA" = 503
	mail <a@example.com>
	rcpt <b@other.example> = 550
	line "DATA" = 554
	rset
	mail <a@example.com>
	rcpt <b@other.example> = 550
	send "DATA\r\nNOOP\r\n" = 554
	reply = 250
	rset
	mail <a@example.com>
	send "BDAT 5 LAST\r\nx\r\n\r\n" = 503			# the chunk is read all the same (RFC 3030)
	noop
}
session {
	ehlo mx.example.com
	line "STARTTLS x" = 501
	mail <a@example.com>
	line "STARTTLS" = 503
	quit = 221
	expect-close
}

# Chunks: what is no size cannot be skipped, so that nothing behind it may be taken for commands.
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	send "bdat 8\r\nX: y\r\n\r\n" = 250
	line "NOOP" = 250
	line "DATA" = 503				# not after BDAT (RFC 3030 part 2)
	rcpt <c@example.net> = 503
	send "BDAT 0\r\n" = 250
	send "BDAT 0 last\r\n" = 250
	line "BDAT 0 LAST" = 503
	mail <a@example.com>
	rcpt <b@example.net>
	send "BDAT 10 LAST\r\nX: y\r\n\r\nx\n" = 5xx		# a bare LF
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	send "BDAT 6 FIRST\r\nNOOP\r\n" = 501
	expect-close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	send "BDAT\r\nNOOP\r\n" = 501
	expect-close
}
session {
	ehlo mx.example.com
	send "BDAT -1\r\nNOOP\r\n" = 501
	expect-close
}
