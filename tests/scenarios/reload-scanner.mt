mailtest "a reload brings the scanner and takes it away: what is accepted meanwhile was judged as the configuration in force says"
next n1 {}
shell "mkdir -p $DIR/db; chmod 755 $DIR/db; printf 'Reeve.Sample:0:*:4d41494c52454556452d53414d504c452d34373131\\n' > $DIR/db/own.ndb; chmod 644 $DIR/db/*" = 0
gateway g1 { drain 10m; policy { at message { accept; } } }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nMAILREEVE-SAMPLE-4711\r\n" = 250
	quit }
gateway g1 {
	drain 1s;
	filter clamav { database "$DIR/db"; timeout 20s; }
	policy { at message { reject 554 5.7.1 "{clamav.name}" if clamav.infected; accept; } }
}
expect g1.log ~ "needs the scanner now"
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nMAILREEVE-SAMPLE-4711\r\n" = 554 ~ "Reeve.Sample"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nnothing of interest\r\n" = 250
	quit }
reevectl g1 scanner status = 0
gateway g1 { drain 10m; policy { at message { accept; } } }
expect g1.log ~ "does not need the scanner any more"
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nMAILREEVE-SAMPLE-4711\r\n" = 250
	quit }
await reevectl g1 scanner status = 1
drain g1
expect via smtp n1.messages == 3
