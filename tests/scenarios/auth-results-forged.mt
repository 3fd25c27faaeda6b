mailtest "forged Authentication-Results with our id go, in any spelling; foreign ones stay, ours is on top"
dns d1 { example.org TXT "v=spf1 -all" }
next n1 {}
gateway g1 {
	hostname mx1.example.net;
	dns { server $d1; timeout 2s; }
	filter spf;
	filter dkim;
	filter dmarc;
	policy { at message { accept; } }
}
session via smtp milter from 203.0.113.9 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "Authentication-Results: mx1.example.net; spf=pass\r\nAUTHENTICATION-RESULTS :\r\n (hi) \"MX1.Example.NET\";\r\n dkim=pass forged=1\r\nAuthentication-Results: mx1.example.net. 1; broken (\r\nAuthentication-Results: other.example; spf=pass kept=1\r\nFrom: a@example.org\r\n\r\nx\r\n"
	quit }
drain g1
expect n1.messages == 1
expect n1.message[0].header-count "Authentication-Results" == 2
expect n1.message[0].header "Authentication-Results" ~ "^mx1.example.net;\s+spf=fail"
expect n1.message[0].raw !~ "forged=1"	n1.message[0].raw ~ "kept=1"
