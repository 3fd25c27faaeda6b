mailtest "a clamd that runs already: over unix and TCP, found, limits, and all ways of not answering"
next n1 {}
clamd c1 { finds "REEVE-SAMPLE" "Test.Sample"; finds "ASK-PASSWORD" "Heuristics.Encrypted.Zip"
	finds "TOO-DEEP" "Heuristics.Limits.Exceeded.MaxRecursion"; finds "TORN" "Heuristics.Broken.Media.PNG" }
clamd c2 { finds "REEVE-SAMPLE" "Second.Sample" }
gateway g1 {
	filter clamav { socket $c1_path; timeout 3s; max-file 2000; }
	policy { at message {
		reject 554 5.7.1 "infected: {clamav.name}" if clamav.infected;
		reject 550 5.7.1 "is {clamav.status}: {clamav.reason}" if not clamav.scanned;
		accept;
	} }
}
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nnothing of interest\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nREEVE-SAMPLE\r\n" = 554 ~ "infected: Test.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: only what was decoded has the word
		MIME-Version: 1.0
		Content-Type: application/octet-stream
		Content-Transfer-Encoding: base64

		UkVFVkUtU0FNUExF
	} = 554 ~ "Test.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nASK-PASSWORD\r\n" = 550 ~ "is encrypted"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nTOO-DEEP\r\n" = 550 ~ "is limit"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nTORN\r\n" = 550 ~ "is broken"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "abcdefgh\r\n"*300 = 550 ~ "is limit: a part is larger"
	quit }
expect c1.descriptors >= 6

# A descriptor that it may not read goes as a stream; then its own limit is an outcome, never clean.
clamd c1 { no fildes; finds "REEVE-SAMPLE" "Test.Sample"; limit 1000 }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nREEVE-SAMPLE\r\n" = 554 ~ "Test.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "abcdefgh\r\n"*150 = 550 ~ "is limit: .*size limit exceeded"
	quit }

# One broken connection is tried again, two are not scanned.
clamd c1 { drop 1; finds "REEVE-SAMPLE" "Test.Sample" }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nREEVE-SAMPLE\r\n" = 554 ~ "Test.Sample"
	quit }
clamd c1 { drop 100 }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nREEVE-SAMPLE\r\n" = 451
	quit }
clamd c1 { answer "nonsense" }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 451
	quit }
clamd c1 { answer "stream: OK, or perhaps not" }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 451
	quit }
clamd c1 { silent }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 451
	quit }
expect g1.log ~ "did not answer in time"
clamd c1 down
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 451
	quit }
expect g1.log ~ "cannot be reached"

# Over TCP, the second when the first is down; the age of the database is a fact, and old ones a finding.
clamd c2 { finds "REEVE-SAMPLE" "Second.Sample"; limit 1000; database "Thu Nov 26 08:12:01 2020" }
gateway g1 {
	filter clamav { socket $c1_tcp $c2_tcp; timeout 5s; }
	policy { at message {
		reject 554 5.7.1 "infected: {clamav.name}" if clamav.infected;
		reject 550 5.7.1 "is {clamav.status}: {clamav.reason}" if not clamav.scanned;
		reject 550 5.7.1 "old: {clamav.database-age}" if clamav.database-age > 30d;
		accept;
	} }
}
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nREEVE-SAMPLE\r\n" = 554 ~ "Second.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 550 ~ "old: "
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "abcdefgh\r\n"*150 = 550 ~ "is limit: .*size limit exceeded"
	quit }
config g1 { filter clamav { socket $c1_tcp; database "/tmp"; } } = 1 ~ "both database and socket"
config g1 { filter clamav { socket "127.0.0.1"; } } = 1 ~ "conf:1:25: error: .*ADDRESS:PORT"
drain g1
expect n1.messages == 1
