mailtest "rate limits: every unit, what is given back, layers, soft outcomes, restart, reevectl"
next n1 {}
file "users" {
	b@example.net
	c@example.net
}
gateway g1 {
	limits { message 1M; }
	list trusted { 198.51.100.0/24; friend@example.com; }
	filter recipients { map "$DIR/users"; }
	filter rate {
		limit connections 2 per 1m by client except trusted;
		limit messages 3 per 1h by sender;
		limit messages 5 per 1h by network rcpt.domain;
		limit bytes 8K per 1h by sender.domain;
		limit errors 3 per 1h by helo;
		limit unknown 2 per 1h by client;
		limit recipients 4 per 1h by rcpt;
		score rate.exceeded 2.5;
	}
	policy {
		at connect { reject 554 5.7.1 "over {rate.limit} of {rate.key}, retry in {rate.wait}" if rate.exceeded; }
		at mail { tempfail 451 4.7.1 "over {rate.limit} of {rate.key}, retry in {rate.wait}" if rate.exceeded; }
		at rcpt {
			tempfail 451 4.7.1 "over {rate.limit} of {rate.key}, retry in {rate.wait}" if rate.exceeded;
			reject 550 5.1.1 "no such user" if rcpt.unknown;
		}
		at message { reject 550 5.7.1 "bad" if subject =~ /bad/; accept; }
	}
}
session via smtp milter from 192.0.2.1 {			# messages: refused ones and RSET are given back
	ehlo one.example.com
	repeat 4 {
		mail <a@one.example>
		rcpt <b@example.net> = 250
		rset
	}
	mail <a@one.example>
	rcpt <c@example.net>
	data "Subject: bad\r\n\r\nx\r\n" = 550
	repeat 3 {
		mail <A@One.example>
		rcpt <c@example.net> = 250
		data "Subject: good\r\n\r\nx\r\n" = 250
	}
	mail <a@one.example> = 451 4.7.1 ~ "over 3 messages per 1h by sender of a@one.example, retry in 20m"
	quit
}
await reevectl g1 rate show a@one.example = 0 ~ "100%  3 messages per 1h by sender +a@one.example"
await reevectl g1 rate show --json = 0 ~ "\"limit\":\"3 messages per 1h by sender\",\"key\":\"a@one.example\",\"used\":"
session via smtp milter from 192.0.2.1 { ehlo one.example.com
	close }
session via smtp milter from 192.0.2.1 { banner = 554 ~ "over 2 connections per 1m by client of 192.0.2.1, retry in (29|30)s"
	close }
gateway g1 restart
session via smtp milter from 192.0.2.1 { banner = 554 ~ "over 2 connections"
	close }
clock +31s
session via smtp milter from 192.0.2.1 {
	ehlo one-b.example.com
	mail <a@one.example> = 451 ~ "over 3 messages"
	quit
}
reevectl g1 rate reset a@one.example = 0 ~ "1 reset"
reevectl g1 rate reset = 2
clock +1m
session via smtp milter from 192.0.2.1 {
	ehlo one-c.example.com
	mail <a@one.example> = 250
	rset
	quit
}
repeat 4 { session via smtp milter from 198.51.100.7 { ehlo two.example.com
	close } }
await reevectl g1 rate show 192.0.2.1 = 0 ~ "connections per 1m by client"
reevectl g1 rate reset --all = 0 ~ "reset"
session via smtp milter from 192.0.2.2 {			# layers: the second limit speaks where the first one does not
	ehlo two.example.com
	repeat 3 {
		mail <$i@two.example>
		rcpt <c@example.net> = 250
		data "Subject: x\r\n\r\nx\r\n" = 250
	}
	mail <x@two.example>
	rcpt <b@example.net> = 250
	rcpt <c@example.net> = 250			# a message counts once
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <y@two.example>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <z@two.example>
	rcpt <b@example.net> = 451 ~ "over 5 messages per 1h by network rcpt.domain of 192.0.2.0/24 example.net"
	quit
}
clock +3h
session via smtp milter from 192.0.2.3 {			# bytes: what was not said counts at the end
	ehlo three.example.com
	mail <a@three.example> SIZE=9000 = 250
	rset
	mail <a@three.example> SIZE=4000 = 250
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\n" "x"*70 "\r\n" = 250
	mail <b@three.example> SIZE=8000 = 250
	rset
	mail <b@three.example> SIZE=8190 = 451 ~ "over 8K bytes per 1h by sender.domain of three.example"
	rset
	quit
}
session via smtp milter from 192.0.2.4 {			# errors and unknown recipients
	ehlo four.example.com
	mail <a@four.example>
	rcpt <x@example.net> = 550
	rcpt <y@example.net> = 550
	rcpt <b@example.net> = 451 ~ "over 2 unknown per 1h by client of 192.0.2.4"
	rset
	mail <a@four.example> = 451 ~ "over 3 errors per 1h by helo of four.example.com"
	quit
}
await reevectl g1 rate show four.example.com = 0 ~ "100%.*four.example.com"
reevectl g1 rate reset --all = 0 ~ "reset"
session via smtp milter from 192.0.2.4 {			# recipients: refused ones are given back, those that were taken stay
	ehlo five.example.com
	repeat 4 {
		mail <$i@five.example>
		rcpt <b@example.net> = 250
		rset
	}
	mail <a@five.example>
	rcpt <b@example.net> = 451 ~ "over 4 recipients per 1h by rcpt of b@example.net, retry in 15m"
	rcpt <c@example.net> = 250
	quit
}
config g1 { filter rate { limit messges 3 per 1h by sender; } } = 1 ~ "did you mean 'messages'"
config g1 { filter rate { limit messages 0 per 1h by sender; } } = 1 ~ "above 0"
config g1 { filter rate { limit messages 3 per 1h by subject; } } = 1 ~ "only after the recipients"
config g1 { filter rate { limit messages 3 per 1h by nothing; } } = 1 ~ "no fact"
config g1 { filter rate { limit messages 3 by sender; } } = 1 ~ "expected limit"
config g1 { filter rate { limit messages 3 per 1h by sender except nobody; } } = 1 ~ "no list 'nobody'"
