mailtest "greylisting by hand: show, release now, forget, what it stopped; reputation show and reset"
next n1 {}
gateway g1 {
	filter greylist { delay 1h; window 2h; }
	filter reputation;
	policy { at rcpt { tempfail 451 4.7.1 "greylisted" if greylist.new; } at message { accept; } }
}
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451
	rcpt <c@example.net> = 451
	quit }
session via smtp milter from 198.51.100.5 { ehlo mx.example.com
	mail <x@example.org>
	rcpt <b@example.net> = 451
	quit }
await reevectl g1 greylist show = 0 ~ "192.0.2.0/24  <a@example.com> -> <b@example.net>" ~ "198.51.100.0/24"
await reevectl g1 greylist stats = 0 ~ "delayed +3" ~ "waiting +3" ~ "stopped +0"
reevectl g1 greylist release 192.0.2.77 = 0 ~ "192.0.2.0/24 is let through"
session via smtp milter from 192.0.2.6 { ehlo mx.example.com
	mail <new@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
clock +3h
await reevectl g1 greylist stats = 0 ~ "waiting +0" ~ "stopped +3"
await reevectl g1 greylist stats --json = 0 ~ "\"stopped\":3"
reevectl g1 greylist forget 192.0.2.6 = 0 ~ "1 forgotten"
session via smtp milter from 192.0.2.6 { ehlo mx.example.com
	mail <new@example.com>
	rcpt <b@example.net> = 451
	quit }
await reevectl g1 reputation show 192.0.2.6 = 0 ~ "1.0.*client:192.0.2.0/24"
reevectl g1 reputation reset 192.0.2.6 = 0 ~ "1 forgotten"
reevectl g1 reputation reset = 2 ~ "which"
# A domain is let through whatever vouches for it: the networks its senders wait in, and the domain itself.
session via smtp milter from 203.0.113.5 { ehlo mx.example.com
	mail <x@nospf.example>
	rcpt <b@example.net> = 451
	quit }
await reevectl g1 greylist show nospf.example = 0 ~ "waits .*203.0.113.0/24  <x@nospf.example>"
reevectl g1 greylist release nospf.example = 0 ~ "203.0.113.0/24 is let through" ~ "nospf.example is let through"
session via smtp milter from 203.0.113.9 { ehlo mx.example.com
	mail <y@nospf.example>
	rcpt <b@example.net> = 250
	quit }
reevectl g1 greylist release nobody@example.net = 1 ~ "nobody"
reevectl g1 greylist release 10.0.0.0/8 = 1 ~ "networks of /24"
reevectl g1 greylist release 10.1.2.0/24 = 0 ~ "10.1.2.0/24 is let through"
reevectl g1 greylist release 2001:db8::7 = 0 ~ "2001:db8::/64 is let through"
drain g1
