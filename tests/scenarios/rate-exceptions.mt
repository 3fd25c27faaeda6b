mailtest "rate limits: exceptions by list and by condition, keys of any fact, networks of any size, refunds or not"
dns d1 {
	good.example		TXT "v=spf1 ip4:192.0.2.0/24 -all"
	1.2.0.192.in-addr.arpa	PTR mx.good.example
	mx.good.example		A 192.0.2.1
}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	list partners { partner.example; }
	filter iprev;
	filter spf;
	filter rate {
		network-bits-4 16;
		charge-refused on;
		limit connections 2 per 1h by network unless client in 198.51.100.0/24 or iprev == pass;
		limit messages 1 per 1h by sender.domain except partners unless spf == pass and not rcpt == "strict@example.net";
		limit recipients 2 per 1h by spf rcpt.domain unless sender =~ "^bounce-";
	}
	policy {
		at connect { reject 554 5.7.1 "over {rate.limit} of {rate.key}" if rate.exceeded; }
		at rcpt {
			tempfail 451 4.7.1 "over {rate.limit} of {rate.key}, retry in {rate.wait}" if rate.exceeded;
			reject 550 5.1.1 "no" if rcpt == "no@example.net";
		}
		at message { accept; }
	}
}
repeat 3 { session via smtp milter from 198.51.100.7 { ehlo mx.example.com
	close } }
repeat 2 { session via smtp milter from 203.0.$i.7 { ehlo mx.example.com
	close } }
session via smtp milter from 203.0.99.7 { banner = 554 ~ "over 2 connections per 1h by network of 203.0.0.0/16"
	close }
session via smtp milter from 192.0.2.1 {
	ehlo mx.good.example
	repeat 2 {
		mail <a@good.example>
		rcpt <b$i@example.net> = 250
		data "Subject: x\r\n\r\nx\r\n" = 250
	}
	mail <a@good.example>
	rcpt <strict@example.net> = 451 ~ "over 2 recipients per 1h by spf rcpt.domain of pass example.net, retry in 30m"
	rset
	mail <a@other.example>
	rcpt <b@example.org> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <a@other.example>
	rcpt <b@example.org> = 451 ~ "over 1 messages per 1h by sender.domain of other.example, retry in 1h"
	rset
	mail <a@partner.example>
	rcpt <no@example.net> = 550
	rcpt <no@example.net> = 550				# charged all the same
	rcpt <b@example.net> = 451 ~ "over 2 recipients per 1h by spf rcpt.domain of none example.net"
	rset
	mail <bounce-7@partner.example>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
session via smtp milter from 192.0.2.1 {
	ehlo mx.good.example
	mail <a@good.example>
	quit
}
drain g1
expect n1.messages == 4
config g1 { filter rate { limit messages 3 per 1h by sender unless; } } = 1 ~ "expected except LIST, or unless CONDITION"
config g1 { filter rate { limit messages 3 per 1h by sender unless sendr == "x"; } } = 1 ~ "did you mean 'sender'"
config g1 { filter rate { limit messages 3 per 1h by sender unless subject == "x"; } } = 1 ~ "subject"
config g1 { filter rate { limit messages 3 per 1h by unless client == 192.0.2.1; } } = 1 ~ "expected a key"
config g1 { filter rate { limit messages 3 per 1h by sender unless client in nowhere; } } = 1 ~ "nowhere"
config g1 { filter rate { network-bits-4 7; limit messages 3 per 1h by network; } } = 1 ~ "8"
config g1 { filter rate { network-bits-4 8; network-bits-6 16; limit messages 3 per 1h by network; } } = 0
config g1 { filter rate { limit messages 3 per 1h by sender except none; limit messages 3 per 1h by sender; } } = 1 ~ "the same limit stands in line 1"
config g1 { state-max 1K; filter rate; } = 1 ~ "state-max"
config g1 { filter rate { limit messages 3 per 3650d by sender; } } = 0
config g1 { filter rate { limit messages 3 per 3651d by sender; } } = 1 ~ "3650d"
