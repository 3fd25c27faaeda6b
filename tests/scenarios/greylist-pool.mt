mailtest "greylisting of provider pools: 20 networks that retry in turn wait once, by SPF and by DKIM alone"
dns d1 {
	s1._domainkey.example.org	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	provider.example		TXT "v=spf1 ip4:198.51.0.0/16 -all"
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter spf;
	filter dkim;
	filter greylist { delay 5m; }
	policy {
		at rcpt    { tempfail 451 4.7.1 "greylisted at rcpt, {greylist.origin}" if greylist.new; }
		at message { tempfail 451 4.7.1 "greylisted at the end, {greylist.origin}" if greylist.new; accept; }
	}
}
session via smtp milter from 198.51.100.1 { ehlo mx.provider.example			# SPF passes: one wait for all of it
	mail <a@provider.example>
	rcpt <b@example.net> = 451 ~ "at rcpt, provider.example"
	quit }
clock +6m
session via smtp milter from 198.51.1.1 { ehlo mx.provider.example
	mail <a@provider.example>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
repeat 18 {
	session via smtp milter from 198.51.1$i.7 { ehlo mx.provider.example
		mail <user$i@provider.example>
		rcpt <b@example.net> = 250
		data "Subject: x\r\n\r\nx\r\n" = 250
		quit }
}
session via smtp milter from 203.0.100.1 { ehlo mx.example.org				# a signature only
	mail <a@example.org>
	rcpt <b@example.net> = 451 ~ "at rcpt, 203.0.100.0/24"
	quit }
clock +6m
session via smtp milter from 203.0.1.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net> = 250
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 250
	quit }
repeat 18 {
	session via smtp milter from 203.0.1$i.7 { ehlo mx.example.org
		mail <user$i@example.org>
		rcpt <c@example.net> = 250
		data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 250
		quit }
}
session via smtp milter from 192.0.2.7 { ehlo mx.example.org				# the name alone is worth nothing
	mail <x@example.org>
	rcpt <c@example.net> = 250
	data "From: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 451 ~ "at the end, 192.0.2.0/24"
	quit }
drain g1
expect n1.messages == 38
await reevectl g1 greylist stats = 0 ~ "delayed +3" ~ "came-back +2"
await reevectl g1 greylist show example.org = 0 ~ "allowed.*example.org" ~ "signed.*example.org"
reevectl g1 greylist forget example.org = 0 ~ "4 forgotten"		# its signatures and pass, and the two networks its senders wait in
session via smtp milter from 192.0.3.7 { ehlo mx.example.org
	mail <y@example.org>
	rcpt <c@example.net> = 451 ~ "at rcpt"
	quit }
config g1 { filter spf; filter greylist; filter dkim; } = 0 ~ "stands before filter dkim"
config g1 { filter spf; filter greylist { wait-for-dkim never; } filter dkim; } = 0 !~ "stands before"
config g1 { filter greylist { wait-for-dkim often; } } = 1 ~ "when-likely"
