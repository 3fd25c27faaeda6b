mailtest "block lists: only configured codes count, refusals and dead lists do not"
dns d1 {
	2.0.0.127.good.example		A 127.0.0.2
	66.2.0.192.good.example		A 127.0.0.2
	66.2.0.192.good.example		TXT "listed, see https://good.example/66"
	67.2.0.192.good.example		A 127.255.255.254
	68.2.0.192.good.example		A 127.0.1.99
	69.2.0.192.good.example		A 203.0.113.5
	2.0.0.127.allow.example		A 127.0.0.2
	70.2.0.192.good.example		A 127.0.0.2
	70.2.0.192.allow.example	A 127.0.0.2
	*.everybody.example		A 127.0.0.2
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter dnsbl {
		zone good.example { weight 5; }
		zone allow.example { weight -10; }
		zone everybody.example { weight 20; }
		zone gone.example { weight 20; }
	}
	policy { at connect { reject 554 5.7.1 "{client} is listed by {dnsbl.zone}: {dnsbl.text}" if dnsbl.weight >= 5; } at message { accept; } }
}
expect d1.queries "1.0.0.127.everybody.example A" >= 1	d1.queries "2.0.0.127.gone.example A" >= 1
pause 200ms							# until the answers are judged
session via smtp milter from 192.0.2.66 { banner = 554 5.7.1 ~ "192.0.2.66 is listed by good.example: listed, see https://good.example/66"
	mail <a@example.com> = 503|554
	quit = 221 }
session via smtp milter from 192.0.2.67 { ehlo mx.example.com }
session via smtp milter from 192.0.2.68 { ehlo mx.example.com }
session via smtp milter from 192.0.2.69 { ehlo mx.example.com }
session via smtp milter from 192.0.2.70 { ehlo mx.example.com }
session via smtp milter from 192.0.2.71 { ehlo mx.example.com }
expect d1.queries "66.2.0.192.good.example A" == 1	d1.queries "66.2.0.192.everybody.example" == 0
