mailtest "end of data is CRLF.CRLF and nothing else; a bare CR or LF is refused and the session closed"
# CVE-2023-51764, -51765, -51766, VU#302671: what one server takes for the end of a message must not
# be text to another. Each variant hides a second message.
next n1 {}
gateway g1 { policy { at message { accept; } } }
set INNER "MAIL FROM:<admin@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"

session {						# lf.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\n$INNER" = 5xx
	expect-close
}
session {						# lf.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\r$INNER" = 5xx
	expect-close
}
session {						# cr.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\n$INNER" = 5xx
	expect-close
}
session {						# cr.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\r$INNER" = 5xx
	expect-close
}
session {						# lf.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\r\n$INNER" = 5xx
	expect-close
}
session {						# cr.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\r\n$INNER" = 5xx
	expect-close
}
session {						# crlf.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\n$INNER" = 5xx
	expect-close
}
session {						# crlf.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\r$INNER" = 5xx
	expect-close
}
session {						# crlf.crcrlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\r\r\n$INNER" = 5xx
	expect-close
}
session {						# crcrlf.crcrlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\r\n.\r\r\n$INNER" = 5xx
	expect-close
}
session {						# crcrlf.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\r\n.\r\n$INNER" = 5xx
	expect-close
}
session {						# lf-nul.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n\0.\n$INNER" = 5xx
	expect-close
}
session {						# crlf.lflf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\n\n$INNER" = 5xx
	expect-close
}
session {						# lflf.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n\n.\r\n$INNER" = 5xx
	expect-close
}
session {						# crlf.crlf after lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\nx\r\n.\r\n$INNER" = 5xx
	expect-close
}

# Nothing that was refused arrives; what follows has no bare CR or LF and is one message each, whole.
expect n1.messages == 0
session {						# crlf-nul.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n\0.\r\n$INNER" = 250|554
	quit
}
session {						# crlf.nul-crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\0\r\n$INNER" = 250|554
	quit
}
session {						# crlf-sp.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n .\r\n$INNER" = 250|554
	quit
}
session {						# crlf.sp-crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n. \r\n$INNER" = 250|554
	quit
}
session {						# crlf..crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n..\r\n$INNER" = 250|554
	quit
}
session {						# vt
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\x0b\r\n$INNER" = 250|554
	quit
}
session {						# ff
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\x0c\r\n$INNER" = 250|554
	quit
}
session {						# nel
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\x85.\x85$INNER" = 250|554
	quit
}
session {						# utf8-nel
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\xc2\x85.\xc2\x85$INNER" = 250|554
	quit
}
session {						# utf8-ls
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\xe2\x80\xa8.\xe2\x80\xa8$INNER" = 250|554
	quit
}
drain g1
expect n1.commands !~ "admin@example.org"	n1.commands !~ "victim"
