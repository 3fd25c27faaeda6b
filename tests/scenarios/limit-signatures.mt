mailtest "signatures of DKIM and sets of ARC: below, at and above what is looked at"
dns d1 {}
next n1 {}
gateway g1 {
	dns { server $d1; timeout 2s; }
	filter dkim { signatures 2; }
	filter arc { sets 2; }
	policy { at message { tag header "X-Seen" "{dkim.count} {score} {arc.reason}"; accept; } }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "DKIM-Signature: x\r\n"*1 "ARC-Seal: i=1; a=x\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "DKIM-Signature: x\r\n"*2 "ARC-Seal: i=2; a=x\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "DKIM-Signature: x\r\n"*3 "ARC-Seal: i=3; a=x\r\n\r\nx\r\n" = 250
	quit
}
expect n1.messages == 3
expect n1.message[0].header "X-Seen" ~ "^ ?1 0.7 a set is not complete"
expect n1.message[1].header "X-Seen" ~ "^ ?2 0.7 a set is not complete"
expect n1.message[2].header "X-Seen" ~ "^ ?3 1.2 more sets than are looked at"
