mailtest "phishing: own names and domains where they do not belong, brands, forms, free mail"
next n1 {}
gateway g1 {
	list board { "jane doe"; }
	list trusted { partner.test; }
	list away { throw.test; }
	filter phishing { brand "Big Bank" bigbank.com; names board; except display-brand trusted; disposable away; }
	policy {
		at rcpt { reject 550 5.7.1 "throw-away address" if sender.disposable; }
		at message {
			reject 550 5.7.1 "{phishing.domains} is not {phishing.imitates}" if "lookalike" in phishing.checks;
			quarantine "asks for a password" if "form" in phishing.checks;
			tag header "X-Phishing" "{phishing.checks}";
			tag header "X-Free" "yes" if from.freemail;
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@throw.test>
	rcpt <b@example.net>		= 550 ~ "throw-away"
	rset
	mail <a@other.test>
	rcpt <b@example.net>
	data "From: Jane Doe <ceo@gmail.com>\r\nSubject: user\r\n\r\nhi\r\n" = 250
	mail <a@other.test>
	rcpt <b@example.net>
	data "From: Big Bank <x@other.test>\r\nSubject: brand\r\n\r\nhi\r\n" = 250
	mail <a@other.test>
	rcpt <b@example.net>
	data "From: Big Bank <x@partner.test>\r\nSubject: excepted\r\n\r\nhi\r\n" = 250
	mail <a@other.test>
	rcpt <b@example.net>
	data "From: A <x@exarnple.net>\r\nSubject: lookalike of ours\r\n\r\nhi\r\n" = 550 ~ "exarnple.net is not example.net"
	mail <a@other.test>
	rcpt <b@example.net>
	data "From: A <x@bigbank-login.test>\r\nSubject: lookalike of a brand\r\n\r\nhi\r\n" = 550 ~ "is not bigbank.com"
	mail <a@other.test>
	rcpt <b@example.net>
	data {
		From: A <x@other.test>
		Subject: form
		MIME-Version: 1.0
		Content-Type: text/html; name=invoice.html
		Content-Transfer-Encoding: quoted-printable

		<form action=3D"http://x.test/"><input type=3D"pass=
		word"></form>
	} = 250
	quit
}
drain g1
expect n1.messages == 3	n1.message[0].header "X-Phishing" == "display-user"	n1.message[0].header "X-Free" == yes
expect n1.message[1].header "X-Phishing" == "display-brand"	n1.message[2].header "X-Phishing" == ""
