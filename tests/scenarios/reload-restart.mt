mailtest "a reload says which changes need a restart, and says it of no others; drain is not one of them"
next n1 {}
gateway g1 {
	drain 10m;
	workers 2;
	queue { free-min 1M; reports 5; }
	log { level info; }
	milter "unix:$GDIR/milter.sock";
	policy { at message { accept; } }
}
gateway g1 {
	drain 1s;
	workers 2;
	queue { reports 7; free-min 1M; }
	log { trace 192.0.2.7; level info; }
	milter "unix:$GDIR/milter.sock";
	policy { at message { reject 550 5.7.1 "new"; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 550 ~ "new"
	quit
}
expect g1.log !~ "needs a restart"
gateway g1 {
	drain 1s;
	workers 3;
	queue { free-min 2M; }
	log { level debug; }
	dns { server 192.0.2.53; }
	milter "unix:$GDIR/milter.sock" { max-sessions 7; }
	policy { at message { accept; } }
}
expect g1.log ~ "workers is changed: that needs a restart"
expect g1.log ~ "queue free-min is changed"	g1.log ~ "log level is changed"	g1.log ~ "dns server is changed"
expect g1.log ~ "milter unix:[^ ]*milter.sock is changed"
expect g1.log !~ "(drain|reports|trace|policy|state|queue segment) is changed"
# A session that stays open holds its end up for `drain` as it is now, not as it was at the start.
session stays keep { ehlo mx.example.com
	mail <a@example.com> }
gateway g1 term ended
