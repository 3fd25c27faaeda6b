mailtest "the quarantine keeps message and reason over a restart; release delivers it, delete removes it"
next n1 {}
gateway g1 { policy { at message { quarantine "looks odd: {subject}" if subject =~ /odd/; accept; } } }
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	rcpt <c@example.net>
	data {
		Subject: odd one

		.body
	} = 250
	quit
}
gateway g1 kill
await reevectl g1 quarantine list = 0 ~ "a@example.com" ~ "looks odd: odd one"
reevectl g1 quarantine list --json = 0 ~ "^\{.*\}$"
shell "$BUILD/reevectl -c $CONF quarantine list --json | head -1 | sed 's/.*\"key\":\"\\([^\"]*\\)\".*/\\1/' | tr -d '\\n' > $DIR/id; cat $DIR/id" = 0
set ID "$OUT"
reevectl g1 quarantine show $ID = 0 ~ "looks odd: odd one" ~ "decided by .*mailreeve.conf:1"
reevectl g1 quarantine release $ID = 0
expect n1.messages == 1	n1.message[0].body == sent[0].body	n1.message[0].rcpts ~ "b@example.net"
drain g1
await reevectl g1 quarantine list = 0 !~ "odd one"
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: odd two\r\n\r\nx\r\n" = 250
	quit
}
shell "$BUILD/reevectl -c $CONF quarantine list --json | head -1 | sed 's/.*\"key\":\"\\([^\"]*\\)\".*/\\1/' | tr -d '\\n'" = 0
reevectl g1 quarantine delete $OUT = 0
await reevectl g1 quarantine list = 0 !~ "odd two"
expect n1.messages == 1
