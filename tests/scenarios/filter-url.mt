mailtest "links: what is odd about them, and domains on block lists"
dns d1 {
	bad.example.uribl.example	A 127.0.0.2
	worse.example.uribl.example	A 127.0.0.12
	refused.example.uribl.example	A 127.255.255.254
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	list short { sho.example; }
	filter url { zone uribl.example { weight 5; code 127.0.0.2; code 127.0.0.12 weight 9; } shorteners short; }
	policy {
		at message {
			reject 554 5.7.1 "{url.listed} is on {url.zones}" if url.weight >= 9;
			tag header "X-Url-Weight" "{url.weight}";
			tag header "X-Odd" "mismatch" if url.mismatch;
			tag header "X-Short" "yes" if url.shortener;
			tag header "X-Ip" "yes" if url.ip;
			tag header "X-Other" "obfuscated" if url.obfuscated and url.homograph and url.hoster and url.port and url.redirect and url.shortener;
			accept;
		}
	}
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: listed

		see http://www.bad.example/x and http://refused.example/
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: worse

		see http://worse.example/
	} = 554 5.7.1 ~ "worse.example is on uribl.example"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: odd
		Content-Type: text/html

		<a href="http://evil.example/">http://www.bank.example/</a> <a href="http://192.0.2.9/">x</a> <a href="https://sho.example/1">y</a>
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@example.com
		Subject: written to be missed
		MIME-Version: 1.0
		Content-Type: text/html; charset=utf-8

		go to bad[.]example[.]com <a href="https://xn--pple-43d.com/">apple</a> <a href="https://x.pages.dev:8443/">y</a>
		<a href="https://bit.ly/x">z</a> <a href="https://t.example.com/?u=https%3A%2F%2Fother.example.org%2F">t</a>
	} = 250
	quit
}
drain g1
expect n1.messages == 3
expect n1.message[0].header "X-Url-Weight" == 5	n1.message[0].header-count "X-Odd" == 0
expect n1.message[1].header "X-Odd" == mismatch	n1.message[1].header "X-Short" == yes	n1.message[1].header "X-Ip" == yes
expect n1.message[1].header-count "X-Other" == 0	n1.message[2].header "X-Other" == obfuscated
