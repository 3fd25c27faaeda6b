mailtest "a signed message that is sent again and again, and one that got a second Subject on top"
dns d1 {
	s1._domainkey.example.org	TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter dkim { replay-limit 3; }
	policy { at message {
		reject 550 5.7.1 "a copy, {dkim.replays} have it"	if dkim.replays >= 5;
		reject 550 5.7.1 "a second {dkim.added}"		if dkim.added != "";
		tag header "X-Replays" "{dkim} {dkim.replays} {score}";
		accept;
	} }
}
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n"
	mail <x@elsewhere.example>
	rcpt <d@example.net>
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n"
	mail <x@elsewhere.example>
	rcpt <e@example.net>
	rcpt <f@example.net>
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n"
	mail <x@elsewhere.example>
	rcpt <g@example.net>
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 550 ~ "a copy, 5 have it"
	mail <x@elsewhere.example>
	rcpt <g@example.net>
	data "Subject: mine\r\nDKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 550 ~ "a copy"
	quit }
expect n1.messages == 3
clock +4d
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <x@elsewhere.example>
	rcpt <g@example.net>
	data "Subject: mine\r\nDKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 550 ~ "a second Subject"
	mail <x@elsewhere.example>
	rcpt <g@example.net>
	data "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n\tt=1000;\r\n\th=from:subject;\r\n\tbh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=;\r\n\tb=zydIF/eaZ0wRPLn2am+aiR8GvaG+n/gaCnMmjJLBRBO5YSmuFoA7Mh1S01BtDjm1bIdXEjbT\r\n\t Jbyi4jyvvwpUDA==\r\nFrom: a@example.org\r\nSubject: offer\r\n\r\nhello\r\n" = 250
	quit }
expect n1.messages == 4
