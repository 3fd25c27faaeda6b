mailtest "state.db that may not be written is read; what changes waits in memory, and is written when it may be, without a restart"
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
expect g1.log ~ "cannot open .*state.db: attempt to write a readonly database; it is tried again, and changes of policy state wait in memory"
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
expect g1.log !~ "is written again"
shell "chmod 0666 $STATE/state.db" = 0				# put right while it runs: what waited is written
expect g1.log ~ "state.db is written again"
session via smtp milter from 192.0.2.6 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 ~ "over 2 messages"
	quit
}
gateway g1 restart
session via smtp milter from 192.0.2.6 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 ~ "over 2 messages"
	quit
}
session via smtp milter from 198.51.100.6 {
	ehlo mx.example.com
	mail <other@example.com>
	rcpt <b@example.net> = 250
	quit
}
await reevectl g1 greylist show 198.51.100.6 = 0 ~ "198.51.100.0/24"
drain g1
expect n1.messages == 3
