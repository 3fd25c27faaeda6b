mailtest "early talkers and odd HELO names are found, and good clients need not come back"
dns d1 {
	good.example		A 192.0.2.10
	192.0.2.10		PTR good.example
	192.0.2.66		PTR dsl-192-0-2-66.pool.example
	dsl-192-0-2-66.pool.example A 192.0.2.66
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	limits { banner 1s; }
	filter greet;
	policy {
		at connect { reject 554 5.7.1 "you talked before you were greeted" if greet.early; }
		at helo { reject 550 5.7.1 "that is our name" if greet.helo-ours; }
		at message { tag header "X-Helo" "{greet.helo-syntax}"; tag header "X-Dynamic" "{score}" if greet.dynamic; accept; }
	}
}
session from 192.0.2.66 {					# talks at once
	send "EHLO dsl.example\r\n" = 554 5.7.1 ~ "before you were greeted"
	close
}
session from 192.0.2.10 {					# waits, and goes on in the same session
	clock +1s
	banner = 220
	ehlo good.example
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
session from 192.0.2.66 {
	clock +1s
	banner = 220
	helo unqualified = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: y\r\n\r\ny\r\n" = 250
	quit
}
session from 192.0.2.66 {
	clock +1s
	banner = 220
	helo mx.gateway.example = 550 5.7.1 ~ "our name"
	mail <a@example.com> = 503
	helo [192.0.2.1] = 250
	mail <a@example.com> = 250
	quit
}
drain g1
expect n1.messages == 2	n1.message[0].header "X-Helo" == name	n1.message[1].header "X-Helo" == unqualified
expect n1.message[0].header-count "X-Dynamic" == 0	n1.message[1].header-count "X-Dynamic" == 1
expect g1.message[1].findings ~ "greet.helo-unqualified"	g1.message[1].findings ~ "greet.dynamic"
