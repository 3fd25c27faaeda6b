mailtest "default policy: a trusted forwarder's word counts, and when it says that the message failed, that counts too"
dns d1 {
	s1._domainkey.example.org	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	_dmarc.bank.example		TXT "v=DMARC1; p=reject"
	good.example			TXT "v=spf1 ip4:203.0.113.9 ?all"
	_dmarc.good.example		TXT "v=DMARC1; p=reject"
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
	filter spf;
	filter dkim;
	filter arc { trusted example.org; }
	filter dmarc;
}
gateway g1 {
	hostname mx1.example.org;
	dns { server $d1; timeout 2s; }
	relay example.net { to $HOST:$g2_PORT; }
	filter spf;
	filter dkim;
	filter arc { seal example.org selector s1 key "$DIR/key.pem"; }
	filter dmarc;
	policy { at message { accept; } }
}
session to g1 from 203.0.113.9 { ehlo mx.good.example
	mail <a@good.example>
	rcpt <b@example.net>
	data "From: a@good.example\r\nSubject: good\r\n\r\nx\r\n" = 250
	mail <a@evil.example>
	rcpt <b@example.net>
	data "From: a@bank.example\r\nSubject: forged\r\n\r\nx\r\n" = 250
	quit }
drain g1
drain g2
expect n1.messages == 1		n1.message[0].header "Subject" == good
expect n1.message[0].header "Authentication-Results" ~ "mx2.example.net;.*dmarc=fail"
