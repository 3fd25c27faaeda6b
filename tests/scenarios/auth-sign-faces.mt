mailtest "mail of our own clients is signed over both front ends, that of others is not"
dns d1 { _dmarc.example.org TXT "v=DMARC1; p=reject" }
file "key.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
next n1 {}
gateway g1 {
	hostname mx1.example.org;
	dns { server $d1; timeout 2s; }
	filter dkim { sign example.org selector s1 key "$DIR/key.pem"; sign-clients 192.0.2.0/24; sign-expire 7d; }
	filter dmarc;
	policy { at message { tag header "X-Dmarc" "{dmarc}" if dmarc != none; accept; } }
}
session via smtp milter from 192.0.2.7 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: Joe <a@example.org>\r\nSubject: ours\r\n\r\nHello\r\n" = 250
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@elsewhere.example\r\nSubject: not our domain\r\n\r\nHello\r\n" = 250
	quit }
session via smtp milter from 203.0.113.9 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: Joe <a@example.org>\r\nSubject: not our client\r\n\r\nHello\r\n" = 250
	quit }
drain g1
expect n1.messages == 3
expect n1.message[0].header "DKIM-Signature" ~ "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;"
expect n1.message[0].header "DKIM-Signature" ~ "x=\d+;" n1.message[0].header "DKIM-Signature" !~ "l="
expect n1.message[0].header-count "X-Dmarc" == 0
expect n1.message[1].header-count "DKIM-Signature" == 0	n1.message[2].header-count "DKIM-Signature" == 0
expect n1.message[2].header "X-Dmarc" == "fail"
