mailtest "what our users send is signed, the next gateway verifies it, and seals what it passes on"
dns d1 {
	s1._domainkey.example.org	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	_dmarc.example.org		TXT "v=DMARC1; p=reject"
}
file "key.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
next n1 {}
gateway g2 {
	hostname mx2.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	filter dkim;
	filter dmarc;
	filter arc { seal example.org selector s1 key "$DIR/key.pem"; }
	policy { at message { reject 550 5.7.1 "{dmarc} {dkim.reason}" if dmarc != pass; accept; } }
}
gateway g1 {
	hostname mx1.example.org;
	dns { server $d1; timeout 2s; }
	relay example.net { to $HOST:$g2_PORT; }
	filter dkim { sign example.org selector s1 key "$DIR/key.pem"; sign-clients 192.0.2.0/24; }
	policy { at message { tag header "X-Tag" "{dkim}"; accept; } }
}
# One gateway hands over to another, by SMTP; auth-sign-faces.mt signs and seals over both front ends.
session to g1 from 192.0.2.7 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data {
		From: Joe <a@example.org>
		Subject: signed

		..Hello  there 

	} = 250
	quit }
drain g1
drain g2
expect n1.messages == 1
expect n1.message[0].header "DKIM-Signature" ~ "d=example.org; s=s1"
expect n1.message[0].header "Authentication-Results" ~ "dkim=pass .256-bit key. header.d=example.org"
expect n1.message[0].header "ARC-Seal" ~ "cv=none"	n1.message[0].header "ARC-Authentication-Results" ~ "^i=1; mx2.example.net"
