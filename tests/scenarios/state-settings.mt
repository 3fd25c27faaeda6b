mailtest "settings: of a recipient before his domain's before the default, in the configuration and in the store"
next n1 {}
file "local.cf" {
	header  SPAMMY Subject =~ /spam/
	score   SPAMMY 9
}
gateway g1 {
	relay example.net other.example { to $n1; max-connections 1; }
	filter settings;
	filter greylist { delay 5m; }
	filter rules { load "$DIR/local.cf"; }
	settings default { spam-reject 15; greylist off; }
	settings example.net { spam-reject 12; class net; }
	settings vip@example.net { spam-reject 8; language de; class vip; }
	policy {
		at rcpt {
			reject 550 5.7.1 "{rcpt} {settings.spam-reject} {settings.class}" if helo == "show.example";
			tempfail 451 4.7.1 "greylisted" if greylist.new;
		}
		at message {
			reject 550 5.7.1 "Spam, abgelehnt bei {settings.spam-reject}" if score >= settings.spam-reject and settings.language == "de";
			reject 550 5.7.1 "spam, from {settings.spam-reject} on" if score >= settings.spam-reject;
			accept;
		}
	}
}
session via smtp milter from 192.0.2.5 {
	ehlo show.example
	mail <a@example.com>
	rcpt <b@other.example> = 550 ~ "15 spam-reject=?.15,greylist off"
	rcpt <b@example.net> = 550 ~ "12 net"
	rcpt <vip@example.net> = 550 ~ "8 vip"
	rset
}
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <vip@example.net>
	data "Subject: spam\r\n\r\nx\r\n" = 550 ~ "abgelehnt bei 8"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: spam\r\n\r\nx\r\n" = 250
}
reevectl g1 policy set b@example.net spam-reject 5 = 0
reevectl g1 policy set example.net greylist on = 0
reevectl g1 policy set late@example.net filters-off rules greylist = 0
reevectl g1 policy set late@example.net filters-off rules greylst = 1 ~ "there is no filter 'greylst'; did you mean 'greylist'"
reevectl g1 policy set late@example.net filters-off nonsense = 1 ~ "there is no filter 'nonsense'; reevectl help filters"
reevectl g1 policy show b@example.net = 0 ~ "spam-reject +5" ~ "greylist +on" ~ "class +net"
reevectl g1 policy show = 0 ~ "late@example.net +filters-off +rules greylist"
reevectl g1 policy show --json = 0 ~ "\"who\":\"b@example.net\",\"spam-reject\":\"5\""
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 ~ "greylisted"
	rcpt <late@example.net> = 250
	data "Subject: spam\r\n\r\nx\r\n" = 250
	quit
}
clock +6m
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: spam\r\n\r\nx\r\n" = 550 ~ "from 5 on"
}
reevectl g1 policy set b@example.net spam-rejekt 5 = 1 ~ "did you mean 'spam-reject'"
reevectl g1 policy set b@example.net spam-reject lots = 1 ~ "expected a score"
reevectl g1 policy set "b c" spam-reject 5 = 1
reevectl g1 policy unset b@example.net spam-reject = 0
reevectl g1 policy show b@example.net = 0 ~ "spam-reject +12"
reevectl g1 policy unset b@example.net = 1 ~ "no settings"
reevectl g1 policy frobnicate = 2
drain g1
expect n1.messages == 2
config g1 { settings example.net { spam-reject high; } } = 1 ~ "expected a score"
config g1 { settings example.net { spam-rejct 5; } } = 1 ~ "did you mean 'spam-reject'"
config g1 { settings "not a domain" { class x; } } = 1 ~ "expected a domain, an address or default"
config g1 { filter settings; settings example.net { class x; } settings example.net { class y; } } = 1 ~ "has settings already"
config g1 { settings example.net { class x; } } = 1 ~ "filter settings;"
