mailtest "as a milter: what an MTA cannot do is refused at negotiation, with a line in the log"
next n1 {}
gateway g1 {
	policy {
		at message {
			redirect "other@example.net" if subject == "redirect";
			tag header "X-Tag" "yes";
			accept;
		}
	}
}
set MILTER_ACTIONS 1						# headers can be added and nothing else
session via milter { banner = 451 }
expect g1.log ~ "the MTA cannot delete recipients, which the policy needs: refused"
set MILTER_ACTIONS 0x1f
session via milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: redirect\r\n\r\nx\r\n" = 250
	quit
}
expect n1.message[0].rcpts == "other@example.net"	n1.message[0].header "X-Tag" == "yes"
set MILTER_STEPS 0x7f
repeat 7 as version {
	set MILTER_VERSION "$version"				# 0 and 1 are older than any MTA in use
	session via milter { banner = 220|451 }
}
set MILTER_VERSION "2"						# Sendmail 8.13 and older: no steps but these, blanks hidden
set MILTER_STEPS 0x7f
session via milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: old\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 2	n1.message[1].header "X-Tag" == "yes"	n1.message[1].raw ~ "\r\nSubject: old\r\n\r\nx\r\n"
expect g1.log ~ "the MTA hides blanks"
gateway g1 { policy { at message { accept; } } }
set MILTER_ACTIONS 0x2						# no header edits: mail is judged, and that is logged
session via milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: less\r\n\r\nx\r\n" = 250
	quit
}
expect g1.log ~ "the MTA cannot change headers"
