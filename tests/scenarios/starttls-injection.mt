mailtest "plain bytes behind STARTTLS end the session; nothing said before TLS counts after it"
# CVE-2011-0411; nostarttls.secvuln.info
next n1 {}
gateway g1 { policy { at message { accept; } } }

session {
	ehlo mx.example.com = 250 ~ "STARTTLS"
	send "STARTTLS\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" = 5xx|closed
	expect-close
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	line "STARTTLS" = 503|220
	close
}
session {
	ehlo mx.example.com
	line "STARTTLS now" = 501
	starttls
	mail <a@example.com> = 503					# EHLO is forgotten
	ehlo mx.example.com = 250 !~ "STARTTLS"
	line "STARTTLS" = 503
	mail <a@example.com> = 250
	rcpt <b@example.net> = 250
	data {
		Subject: over TLS

		x
	} = 250
	quit = 221
}
drain g1
expect n1.messages == 1	n1.message[0].header "Received" ~ "with ESMTPS"	n1.commands !~ "evil"
