mailtest "a filter that cannot do its work: accept, tempfail or reject, as its on-failure word says"
dns d1 {
	5.2.0.192.list.example	timeout
	2.0.0.127.list.example	A 127.0.0.2
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { zone list.example {} on-failure tempfail; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.5 {					# first tempfail, then accept, then reject
	banner = 4xx
	close
}
expect g1.log ~ "refused.*\"failed\":\"dnsbl\",\"why\":\"1 of 1 zones gave no answer\""	# the log tells what the reply does not
gateway g1 restart {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { zone list.example {} on-failure accept; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect g1.message[-1].failed ~ "dnsbl"
gateway g1 restart {
	dns { server $d1; timeout 300ms; }
	filter dnsbl { zone list.example {} on-failure reject; }
	policy { at message { accept; } }
}
session via smtp milter from 192.0.2.5 {
	banner = 554
	quit = 221
}
drain g1
expect n1.messages == 1
