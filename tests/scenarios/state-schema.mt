mailtest "state.db of an older version is brought up to date and copied; a newer one is left alone, and nobody guesses what is in it"
next n1 {}
file "v1.py" {
	import sqlite3, sys
	c = sqlite3.connect(sys.argv[1])
	c.execute('PRAGMA journal_mode=WAL')
	c.execute('CREATE TABLE entry(k BLOB NOT NULL PRIMARY KEY, v, e INTEGER NOT NULL) WITHOUT ROWID')
	for table, key, value in (('list', b'deny\0bad.example', b'1'), ('greylist', b'a192.0.2.0/24', b'1800000000'),
	                          ('settings', b'quiet@example.net', b'greylist off\n')):
		c.execute('INSERT INTO entry VALUES(?, ?, 0)', (table.encode() + b'\0' + key, value))
	c.execute('PRAGMA user_version=1')
	c.commit()
}
gateway g1 {
	list deny state;
	filter settings { on-failure accept; }
	filter greylist { delay 5m; on-failure accept; }
	policy {
		at rcpt {
			reject 550 5.7.1 "denied" if sender in deny;
			tempfail 451 4.7.1 "greylisted" if greylist.new;
		}
		at message { accept; }
	}
}
gateway g1 stop
shell "rm -f $STATE/state.db*; /usr/bin/python3 $DIR/v1.py $STATE/state.db; chmod 0666 $STATE/state.db" = 0
gateway g1 start
expect g1.log ~ "schema 1 of an older version: it was brought up to date"
shell "ls $STATE" = 0 ~ "state.db.schema-1\n"
shell "/usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('$STATE/state.db.schema-1'); print(c.execute('PRAGMA user_version').fetchone(), c.execute('SELECT count(*) FROM entry').fetchone(), c.execute('PRAGMA integrity_check').fetchone())\"" = 0 ~ "\(1,\) \(3,\) \('ok',\)"
session via smtp milter from 192.0.2.5 {		# all of it is still there
	ehlo mx.example.com
	mail <a@bad.example>
	rcpt <b@example.net> = 550 ~ "denied"
	rset
	mail <a@example.com>
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
session via smtp milter from 198.51.100.5 {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net> = 451 ~ "greylisted"
	rcpt <quiet@example.net> = 250
	rset
	quit
}
gateway g1 restart					# once
shell "ls $STATE | grep -c schema-" = 0 ~ "^1"
gateway g1 stop
shell "/usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('$STATE/state.db'); c.execute('PRAGMA user_version=99'); c.commit()\"; cp $STATE/state.db $DIR/newer" = 0
gateway g1 start
expect g1.log ~ "schema 99 of a newer version of this program, and this one knows up to 2"
expect g1.log ~ "nor can it be read"
session via smtp milter from 203.0.113.7 {		# greylisting goes on in memory; the list cannot be guessed
	ehlo mx.example.com
	mail <f@example.com>
	rcpt <b@example.net> = 451 !~ "greylisted"
	quit
}
reevectl g1 list show deny = 1 ~ "schema 99"
reevectl g1 list add deny x.example = 1 ~ "schema 99"
shell "cmp $STATE/state.db $DIR/newer" = 0
gateway g1 stop						# back to the copy, as the message says
shell "rm -f $STATE/state.db-*; cp $STATE/state.db.schema-1 $STATE/state.db; chmod 0666 $STATE/state.db" = 0
gateway g1 start
session via smtp milter from 203.0.113.7 {
	ehlo mx.example.com
	mail <a@bad.example>
	rcpt <b@example.net> = 550 ~ "denied"
	quit
}
drain g1
expect n1.messages == 1
