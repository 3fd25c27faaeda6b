mailtest "state.db that is damaged, cut short, not to be opened, or of another version: mail goes on, and it is said"
next n1 {}
gateway g1 {
	filter greylist { delay 5m; on-failure accept; }
	filter rate { limit messages 100 per 1h by sender; on-failure accept; }
	policy { at rcpt { tempfail 451 4.7.1 "greylisted" if greylist.new; } at message { accept; } }
}
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451
	quit }
clock +6m
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
gateway g1 stop				# damaged while it was down
shell "printf 'this is not a database at all, but long enough to be taken for one......................................' > $STATE/state.db; rm -f $STATE/state.db-wal $STATE/state.db-shm" = 0
gateway g1 start
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451
	quit }
expect g1.log ~ "state.db was damaged"
shell "ls $STATE" = 0 ~ "state.db.damaged-"
clock +6m
session via smtp milter from 192.0.2.5 { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
gateway g1 stop				# cut short
shell "truncate -s 5000 $STATE/state.db; rm -f $STATE/state.db-wal $STATE/state.db-shm" = 0
gateway g1 start
session via smtp milter from 192.0.2.6 { ehlo mx.example.com
	mail <c@example.com>
	rcpt <b@example.net> = 250|451
	quit }
gateway g1 stop
shell "rm -f $STATE/state.db*; mkdir $STATE/state.db" = 0
gateway g1 start			# cannot be opened at all: mail goes on all the same
expect g1.log ~ "cannot open .*state.db: .*; it is tried again"	g1.log ~ "nor can it be read"
session via smtp milter from 198.51.100.6 { ehlo mx.example.com
	mail <d@example.com>
	rcpt <b@example.net> = 451
	quit }
clock +6m
session via smtp milter from 198.51.100.6 { ehlo mx.example.com
	mail <d@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit }
shell "rmdir $STATE/state.db" = 0	# the way is free again: no restart is needed
expect g1.log ~ "state.db is written again"
await reevectl g1 greylist show 198.51.100.6 = 0 ~ "198.51.100.0/24"
gateway g1 stop
shell "rm -f $STATE/state.db*; /usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('$STATE/state.db'); c.execute('PRAGMA user_version=0'); c.execute('CREATE TABLE old(x)'); c.commit()\"; chmod 0666 $STATE/state.db" = 0
gateway g1 start			# of a version before the first: brought up to date
session via smtp milter from 203.0.113.6 { ehlo mx.example.com
	mail <e@example.com>
	rcpt <b@example.net> = 451
	quit }
await reevectl g1 greylist show 203.0.113.6 = 0 ~ "waits.*203.0.113.0/24  <e@example.com>"
expect g1.log !~ "newer version"
gateway g1 stop
shell "rm -f $STATE/state.db-wal $STATE/state.db-shm; /usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('$STATE/state.db'); c.execute('PRAGMA user_version=99'); c.commit()\"" = 0
gateway g1 start			# of a newer version: left alone, and mail goes on
expect g1.log ~ "newer version"
session via smtp milter from 203.0.113.7 { ehlo mx.example.com
	mail <f@example.com>
	rcpt <b@example.net> = 451
	quit }
drain g1
expect n1.messages == 3
