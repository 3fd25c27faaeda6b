mailtest "mail of our users is signed in both faces, below what we add ourselves"
dns d1 { s1._domainkey.example.org TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" }
file "key.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter dkim { sign example.org selector s1 key "$DIR/key.pem"; sign-clients 192.0.2.0/24; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.7 {
	ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data {
		From: Joe <a@example.org>
		Subject: signed

		Hello  there 

	} = 250
	quit
}
drain g1
expect n1.message[0].header "DKIM-Signature" ~ "d=example.org; s=s1"
expect n1.message[0].header "Authentication-Results" ~ "dkim=none"
