mailtest "a filter that cannot do its work: accept, tempfail or reject, as its on-failure word says"
dns d1 {
	5.2.0.192.list.example	timeout
	192.0.2.5		PTR mx.example.com
	mx.example.com		A 192.0.2.5
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { list list.example weight 5; on-failure tempfail; }
	policy { at message { accept; } }
}
session from 192.0.2.5 {
	banner = 220|4xx
	send "EHLO mx.example.com\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nQUIT\r\n"
	close
}
expect g1.log ~ "dnsbl"
gateway g1 {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { list list.example weight 5; on-failure accept; }
	policy { at message { accept; } }
}
session from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
gateway g1 {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { list list.example weight 5; on-failure reject; }
	policy { at message { accept; } }
}
session from 192.0.2.5 {
	banner = 554|220
	close
}
drain g1
expect n1.messages == 1
