mailtest "a reload starts the roles that the new configuration needs, and ends those that it does not"
dns d1 {
	example.org		TXT "v=spf1 -all"
	_dmarc.example.org	TXT "v=DMARC1; p=none; rua=mailto:rua@example.org"
}
next n1 {}
next n2 {}
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	milter "unix:$GDIR/milter.sock";
	policy { at message { accept; } }
}
await reevectl g1 stats = 0 ~ "gateway +smtp" !~ "reports +reports" !~ "milter-2"
# The first filter dmarc: its reports go out without a restart.
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; timeout 2s; }
	relay example.net { to $n1; }
	relay * { to $n2; }
	milter "unix:$GDIR/milter.sock";
	milter "unix:$GDIR/second.sock" { mode 0600; }
	filter spf;
	filter dkim;
	filter dmarc { report on; report-from dmarc@example.net; report-delay 1m; }
	policy { at message { accept; } }
}
expect g1.log ~ "needs the reports now" g1.log ~ "needs the milter now"
await reevectl g1 stats = 0 ~ "reports +reports +aggregate +0" ~ "milter-2 +milter +open +0"
session via smtp milter from 192.0.2.1 { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: one\r\n\r\nx\r\n"
	quit }
expect n1.messages == 1
await reevectl g1 dmarc report --day today = 0 ~ "ready +example.org"
clock +1d
expect n2.messages == 1
# It is a role like the others.
gateway g1 crash-reports
await reevectl g1 stats = 0 ~ "reports +reports"
# A broken configuration ends nothing.
gateway g1 {
	hostname mx.example.net;
	relay example.net { to $n1; }
	milter "unix:$GDIR/milter.sock";
	policy { at message { accept if bogus; } }
}
expect g1.log ~ "bogus"
await reevectl g1 stats = 0 ~ "reports +reports" ~ "milter-2 +milter"
# And back. Another port is not bound by a reload, which says so.
gateway g1 {
	hostname mx.example.net;
	listen $HOST:$PORT;
	listen $HOST:$PROXYPORT { proxy 127.0.0.0/8; }
	listen $HOST:$TLSPORT;
	listen $HOST:9925;
	relay example.net { to $n1; }
	milter "unix:$GDIR/milter.sock";
	policy { at message { accept; } }
}
expect g1.log ~ "does not need the reports any more" g1.log ~ "does not need the milter any more"
expect g1.log ~ "listen .*:9925 is new: that needs a restart" g1.log !~ "is gone"
await reevectl g1 stats = 0 ~ "gateway +smtp" ~ "milter +milter" !~ "reports +reports" !~ "milter-2"
# A number that is free again is used again: when the process is gone, not only its socket.
await shell "pgrep -c -P $g1_PID" = 0 ~ "^3"
gateway g1 idle {
	hostname mx.example.net;
	relay example.net { to $n1; }
	milter "unix:$GDIR/third.sock";
	milter "unix:$GDIR/milter.sock";
	filter dmarc;
	policy { at message { accept; } }
}
reevectl g1 reload = 0 ~ "gateway: reloaded"
await reevectl g1 stats = 0 ~ "reports +reports" ~ "milter-2 +milter"
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
drain g1
expect n1.messages == 2
