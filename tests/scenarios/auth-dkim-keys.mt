mailtest "reevectl dkim: keys are made, shown and tested; mail is signed with both kinds"
dns d1 {
	s1._domainkey.example.org	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	gone._domainkey.example.org	TXT "v=DKIM1; p="
}
file "ed.pem" {
	-----BEGIN PRIVATE KEY-----
	MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
	-----END PRIVATE KEY-----
}
next n1 {}
gateway g1 { dns { server $d1; timeout 2s; } policy { at message { accept; } } }
reevectl g1 dkim genkey --out $DIR/rsa.pem example.org r1 = 0 ~ "r1._domainkey.example.org. IN TXT" ~ "v=DKIM1; k=rsa; p=MII" ~ "sign example.org selector r1"
shell "stat -c %a rsa.pem" = 0 ~ "^600$"
reevectl g1 dkim genkey --out $DIR/rsa.pem example.org r1 = 1 ~ "exists"
reevectl g1 dkim genkey --type ed25519 --out $DIR/new.pem example.org e1 = 0 ~ "k=ed25519; p=[A-Za-z0-9+/]{43}="
reevectl g1 dkim genkey --bits 512 --out $DIR/weak.pem example.org w1 = 2
reevectl g1 dkim genkey example.org = 2
reevectl g1 dkim show example.org s1 $DIR/ed.pem = 0 ~ "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
reevectl g1 dkim show example.org s1 $DIR/nothing.pem = 1 ~ "No such file"
reevectl g1 dkim test example.org s1 $DIR/ed.pem = 0 ~ "belongs to the file"
reevectl g1 dkim test example.org s1 = 0 ~ "can be used"
reevectl g1 dkim test example.org s1 $DIR/new.pem = 1 ~ "another key"
reevectl g1 dkim test example.org s1 $DIR/rsa.pem = 1 ~ "another type"
reevectl g1 dkim test example.org gone = 1 ~ "revoked"
reevectl g1 dkim test example.org nothing = 1 ~ "no such name"
gateway g1 {
	hostname mx.example.org;
	dns { server $d1; timeout 2s; }
	filter dkim {
		sign example.org selector s1 key "$DIR/ed.pem";
		sign example.org selector r1 key "$DIR/rsa.pem";
		sign other.example selector s1 key "$DIR/ed.pem";
		sign-clients 192.0.2.0/24;
		sign-expire 1h;
	}
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.7 { ehlo pc.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: x\r\n\r\nx\r\n"
	quit }
expect n1.messages == 1
expect n1.message[0].raw ~ "a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;\s+t=\d+; x=\d+;"
expect n1.message[0].raw ~ "a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;"
expect n1.message[0].raw ~ "h=From:From:To:Cc:Subject:Subject:Date:Reply-To:Message-ID:MIME-Version:\s*Content-Type:"
expect n1.message[0].raw !~ "d=other.example"	n1.message[0].raw !~ "[; ]l="
