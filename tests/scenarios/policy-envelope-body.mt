mailtest "a policy may change the envelope sender and replace the body, over both front ends"
next n1 {}
gateway g1 {
	policy {
		at message {
			set-sender "bounces@example.org" if subject =~ /^sender/;
			set-sender null if subject == "null";
			replace-body "Removed: {subject}.\nAsk us." if subject =~ /^body/;
			replace-body "Entfernt: Grüße." if subject == "utf8";
			tag header "X-Tag" "yes" if subject == "body tag";
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: sender\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: null\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: neither\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		MIME-Version: 1.0
		Subject: body tag
		Content-Type: multipart/mixed; boundary=b
		content-type: text/html

		--b
		Content-Type: application/x-msdownload

		MZ
		--b--
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: utf8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 5
expect n1.message[0].sender == "bounces@example.org"	n1.message[0].body == "x\r\n"
expect n1.message[1].sender == ""	n1.message[1].body == "x\r\n"
expect n1.message[2].sender == "a@example.com"	n1.message[2].body == "x\r\n"
expect n1.message[3].sender == "a@example.com"	n1.message[3].body == "Removed: body tag.\r\nAsk us.\r\n"
expect n1.message[3].header "Content-Type" == "text/plain; charset=utf-8"	n1.message[3].header "X-Tag" == "yes"
expect n1.message[3].header "MIME-Version" == "1.0"	n1.message[3].header "Content-Transfer-Encoding" == "7bit"
expect n1.message[3].header "Subject" == "body tag"
expect n1.message[4].header "Content-Transfer-Encoding" == "base64"	n1.message[4].body == "RW50ZmVybnQ6IEdyw7zDn2UuDQo=\r\n"
on milter {							# the MTA must be able to
	set MILTER_ACTIONS 0x3f
	session via milter { banner = 451 }
	expect g1.log ~ "the MTA cannot change the envelope sender, which the policy needs: refused"
	set MILTER_ACTIONS 0x1fd
	session via milter { banner = 451 }
	expect g1.log ~ "the MTA cannot replace bodies, which the policy needs: refused"
}
config g1 { policy { at message { set-sender nobody; replace-body; accept; } } } = 1 ~ "nobody.*is no address.*\n.*replace-body"
