mailtest "normalised bare CR and LF never become the end of a message, here or at the next hop"
next n1 {}
gateway g1 {
	listen $HOST:$PORT { bare-newline normalize; }
	policy { at message { accept; } }
}
set INNER "MAIL FROM:<admin@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"

session {						# lf.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 1
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# lf.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\r$INNER" = 250
	quit
}
drain g1
expect n1.messages == 2
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# cr.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 3
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# cr.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\r$INNER" = 250
	quit
}
drain g1
expect n1.messages == 4
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# lf.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n.\r\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 5
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# cr.crlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r.\r\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 6
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# crlf.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 7
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# crlf.cr
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\r$INNER" = 250
	quit
}
drain g1
expect n1.messages == 8
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# crlf.crcrlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\r\r\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 9
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# crcrlf.crcrlf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\r\n.\r\r\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 10
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# lf-nul.lf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\n\0.\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 11
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
session {						# crlf.lflf
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "DATA" = 354
	send "Subject: outer\r\n\r\nouter\r\n.\n\n$INNER" = 250
	quit
}
drain g1
expect n1.messages == 12
expect n1.message[-1].body ~ "Subject: smuggled"	n1.message[-1].body !~ "\r(?!\n)"	n1.message[-1].body !~ "(?<!\r)\n"
expect n1.commands !~ "admin@example.org"	n1.commands !~ "victim"
