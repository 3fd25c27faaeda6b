mailtest "keys that only root can read sign and seal, at the start and after a reload"
file "key.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
shell "chmod 600 $DIR/key.pem; cp -p $DIR/key.pem $DIR/new.pem; cp -p $DIR/key.pem $DIR/seal.pem" = 0
next n1 {}
gateway g1 {
	filter dkim { sign example.org selector s1 key "$DIR/key.pem"; sign-clients 192.0.2.0/24; }
	filter arc { seal example.org selector s1 key "$DIR/seal.pem"; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.7 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\n\r\nx\r\n" = 250
	quit }
session via smtp milter from 203.0.113.7 { ehlo pc.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "From: a@example.com\r\n\r\nx\r\n" = 250
	quit }
drain g1
expect n1.message[0].header "DKIM-Signature" ~ "d=example.org; s=s1"
expect n1.message[1].header "ARC-Seal" ~ "d=example.org; i=1; s=s1"
gateway g1 {
	filter dkim { sign example.org selector s2 key "$DIR/new.pem"; sign-clients 192.0.2.0/24; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.7 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\n\r\nx\r\n" = 250
	quit }
drain g1
expect n1.message[2].header "DKIM-Signature" ~ "d=example.org; s=s2"
