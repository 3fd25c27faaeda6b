mailtest "state.db that may not be written is read; what changes is kept in memory, and written again when it may be"
next n1 {}
gateway g1 {
	list deny state;
	filter settings;
	filter greylist { delay 5m; }
	filter rate { limit messages 2 per 1h by sender; }
	policy {
		at rcpt {
			reject 550 5.7.1 "denied" if sender in deny;
			tempfail 451 4.7.1 "over {rate.limit}" if rate.exceeded;
			tempfail 451 4.7.1 "greylisted" if greylist.new;
		}
		at message { accept; }
	}
}
reevectl g1 list add deny bad.example = 0
reevectl g1 greylist release 192.0.2.9 = 0
session via smtp milter from 192.0.2.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
gateway g1 stop
shell "chmod 0444 $STATE/state.db; if [ $(id -u) = 0 ]; then chown 0:0 $STATE/state.db; fi; cp $STATE/state.db $DIR/before" = 0
gateway g1 start
expect g1.log ~ "cannot open .*state.db: attempt to write a readonly database; changes of policy state are kept in memory only"
expect g1.log !~ "nor can it be read"
session via smtp milter from 192.0.2.6 {			# what was written counts
	ehlo mx.example.com
	mail <x@bad.example>
	rcpt <b@example.net> = 550 ~ "denied"
	rset
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net> = 451 ~ "over 2 messages"
	quit
}
session via smtp milter from 198.51.100.6 {			# what is new is remembered as long as the role lives
	ehlo mx.example.com
	mail <n@example.com>
	rcpt <b@example.net> = 451 ~ "greylisted"
	quit
}
clock +6m
session via smtp milter from 198.51.100.6 {
	ehlo mx.example.com
	mail <n@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
shell "cmp $STATE/state.db $DIR/before" = 0
gateway g1 stop
shell "chmod 0666 $STATE/state.db" = 0
gateway g1 start
session via smtp milter from 198.51.100.6 {
	ehlo mx.example.com
	mail <other@example.com>
	rcpt <b@example.net> = 451 ~ "greylisted"
	quit
}
shell "sleep 0.3; $BUILD/reevectl -c $CONF greylist show 198.51.100.6" = 0 ~ "waits"
drain g1
expect n1.messages == 3
