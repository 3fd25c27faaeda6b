mailtest "what the shipped policy makes of each outcome of a scan; a failure is what on-failure says"
next n1 {}
clamd c1 { finds "REEVE-SAMPLE" "Test.Sample"; finds "ASK-PASSWORD" "Heuristics.Encrypted.Zip"
	finds "TOO-DEEP" "Heuristics.Limits.Exceeded.MaxRecursion"; finds "TORN" "Heuristics.Broken.Media.PNG" }
gateway g1 { filter clamav { socket $c1_path; timeout 2s; } filter attachment; }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: clean\r\n\r\nnothing\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: infected\r\n\r\nREEVE-SAMPLE\r\n" = 554 ~ "infected: Test.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: limit\r\n\r\nTOO-DEEP\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: encrypted\r\n\r\nASK-PASSWORD\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: broken\r\n\r\nTORN\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a program behind a password
		MIME-Version: 1.0
		Content-Type: application/octet-stream; name="a.exe"

		ASK-PASSWORD
	} = 250
	quit }
expect g1.message[0].verdict == accept	g1.message[2].verdict == quarantine	g1.message[3].verdict == accept
expect g1.message[4].verdict == accept	g1.message[5].verdict == quarantine
expect g1.message[3].findings ~ "clamav.encrypted"	g1.message[4].findings ~ "clamav.broken"
expect g1.message[2].findings ~ "clamav.limit"
clamd c1 { silent }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: not scanned\r\n\r\nhello\r\n" = 451
	quit }
# An administrator may want it otherwise, and it is told.
gateway g1 { filter clamav { socket $c1_path; timeout 1s; on-failure accept; } }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: not scanned\r\n\r\nhello\r\n" = 250
	quit }
expect g1.log ~ "not scanned: clamd did not answer in time"
# Our own databases: their age is a fact, a finding, a line in the log and a figure.
shell "mkdir -p $DIR/db; chmod 755 $DIR/db; printf '5d12a2a1bf7a55a2fbf4cd3b4f0b1fb0:1:None\\n' > $DIR/db/none.hdb; chmod 644 $DIR/db/*; touch -d '10 days ago' $DIR/db/none.hdb" = 0
drain g1
gateway g1 stop
gateway g1 { filter clamav { database "$DIR/db"; timeout 20s; check 20ms; }
	policy { at message { reject 550 5.7.1 "databases of {clamav.database-age}" if clamav.database-age > 9d; accept; } } }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: old\r\n\r\nhello\r\n" = 550 ~ "databases of"
	quit }
expect g1.log ~ "the newest virus database is 10 days old: is freshclam running"	g1.log ~ "clamav.old-database"
reevectl g1 scanner status --json = 0 ~ "database-age-s.:86"
shell "touch $DIR/db/none.hdb" = 0
await reevectl g1 scanner status = 0 ~ "generation +2"
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: fresh\r\n\r\nhello\r\n" = 250
	quit }
# A bad one keeps the old in force; reload says so, and what it says when all is well.
shell "echo 'no signature' > $DIR/db/bad.ndb; chmod 644 $DIR/db/*" = 0
reevectl g1 scanner reload = 1 ~ "were not loaded: .*Malformed"
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: still\r\n\r\nhello\r\n" = 250
	quit }
shell "rm $DIR/db/bad.ndb" = 0
reevectl g1 scanner reload = 0 ~ "generation [0-9]+, 1 signatures"
drain g1
config g1 { filter clamav { database "$DIR/none"; } } = 0 ~ "warning: there is no virus database in .*/none: run freshclam"
expect n1.messages == 6
