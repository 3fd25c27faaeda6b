mailtest "state lists: changed by reevectl at once, for all, a domain or a recipient, with expiry and comment"
next n1 {}
gateway g1 {
	relay example.net strict.example { to $n1; }
	list deny state;
	list allow state;
	policy {
		at mail { reject 550 5.7.1 "denied" if client in deny; }
		at rcpt { stop if sender in allow; reject 550 5.7.1 "denied" if sender in deny; }
		at message { accept; }
	}
}
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <joe@bad.example>
	rcpt <b@example.net> = 250
	rset
}
reevectl g1 list add deny "bad.example worse.example" = 1 ~ "no blanks"
reevectl g1 list add deny .bad.example --comment "spam source" --owner joe = 0
reevectl g1 list add deny joe@ugly.example --for b@example.net --expires 1h = 0
reevectl g1 list add deny good.example --for strict.example = 0
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <joe@mx.bad.example>
	rcpt <b@example.net> = 550 5.7.1 ~ "denied"
	rset
	mail <joe@ugly.example>
	rcpt <b@example.net> = 550 5.7.1
	rcpt <c@example.net> = 250
	rset
	mail <joe@good.example>
	rcpt <B@strict.example> = 550
	rcpt <b@example.net> = 250
	rset
}
reevectl g1 list add allow joe@mx.bad.example = 0
reevectl g1 list show deny = 0 ~ "spam source" ~ "joe@ugly.example +in (59m|1h) .*b@example.net" ~ "good.example +never +strict.example"
reevectl g1 list show deny --json = 0 ~ "\"owner\":\"joe\""
reevectl g1 list export deny = 0 ~ "^\.bad\.example\t0\tjoe\tspam source$" !~ "ugly"
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <joe@mx.bad.example>
	rcpt <b@example.net> = 250
	rset
}
clock +2h
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <joe@ugly.example>
	rcpt <b@example.net> = 250
	rset
}
reevectl g1 list del deny .bad.example = 0
reevectl g1 list del deny .bad.example = 1 ~ "not in the list"
reevectl g1 list add deny 192.0.2.0/24 = 0
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <joe@fine.example> = 550
}
gateway g1 restart
session via smtp milter from 192.0.2.99 {
	ehlo mx.example.com
	mail <joe@fine.example> = 550
}
session via smtp milter from 198.51.100.1 {
	ehlo mx.example.com
	mail <joe@fine.example> = 250
}
file "entries" {
	# from elsewhere
	one.example
	two.example # with a comment
	203.0.113.0/24
}
reevectl g1 list import deny $DIR/entries --owner import --comment bulk = 0 ~ "3 added"
session via smtp milter from 203.0.113.9 {
	ehlo mx.example.com
	mail <joe@fine.example> = 550
}
reevectl g1 list show = 0 ~ "deny" ~ "allow"
reevectl g1 list add denny x.example = 1 ~ "did you mean 'deny'"
reevectl g1 list add deny "/^spam-\\d+@/" 10.0.0.0/9 --comment "by hand" --expires 1h = 0
reevectl g1 list add deny "/^spam-(/" = 1 ~ "no pattern"
reevectl g1 list show deny = 0 ~ "10.0.0.0/9 +in" ~ "/.spam-.d.@/ +in.*by hand"
session via smtp milter from 10.127.0.9 {
	ehlo mx.example.com
	mail <joe@fine.example> = 550
}
session via smtp milter from 10.128.0.9 {
	ehlo mx.example.com
	mail <spam-17@fine.example>
	rcpt <b@example.net> = 550
	rset
	mail <spam-x@fine.example>
	rcpt <b@example.net> = 250
	rset
}
reevectl g1 list del deny 10.0.0.0/9 = 0
session via smtp milter from 10.127.0.9 {
	ehlo mx.example.com
	mail <joe@fine.example> = 250
}
clock +2h
session via smtp milter from 10.128.0.9 {
	ehlo mx.example.com
	mail <spam-17@fine.example>
	rcpt <b@example.net> = 250
	rset
}
reevectl g1 list add deny = 2
reevectl g1 list add deny a.example --for "not valid" = 1
reevectl g1 list frobnicate deny = 2
