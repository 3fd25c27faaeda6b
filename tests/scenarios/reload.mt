mailtest "a reload takes over a good configuration, keeps the old one when the new is broken"
next n1 {}
gateway g1 { policy { at message { reject 550 5.7.1 "first"; } } }
session old via smtp milter keep {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
}
gateway g1 { policy { at message { reject 550 5.7.1 "second"; } } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 550 ~ "second"
	quit
}
session old via smtp milter {							# keeps the one it started with
	data "Subject: x\r\n\r\nx\r\n" = 550 ~ "first"
	quit
}
gateway g1 { polcy { at message { accept; } } bogus on; }
expect g1.log ~ "bogus"	g1.running
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 550 ~ "second"
	quit
}
reevectl g1 reload = 1 ~ "mailreeve.conf:1:2: error: .*polcy.*policy" ~ "bogus" ~ "nothing was reloaded"
# A policy that is wrong changes no route either, though the relay reads no policies.
gateway g1 { relay example.net { to 127.0.0.1:1; } policy { at message { acept; } } }
expect g1.log ~ "acept"	g1.log ~ "old one stays in force"	g1.log !~ "relay\",\"event\":\"reload\",\"text\":\"generation 3"
gateway g1 idle { list idle { a.example; } policy { at message { accept; } } }
reevectl g1 reload = 0 ~ "gateway: reloaded" ~ "warning: list 'idle'" !~ "(?s)warning: list 'idle'.*warning: list 'idle'"
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
drain g1
expect n1.messages == 1
