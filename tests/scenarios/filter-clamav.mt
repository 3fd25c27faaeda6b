mailtest "a signature of our own is found raw, in base64 and behind other first fields; clean mail passes"
next n1 {}
shell "mkdir -p $DIR/db; chmod 755 $DIR/db; printf '5d12a2a1bf7a55a2fbf4cd3b4f0b1fb0:1:None\\n' > $DIR/db/none.hdb; printf 'Reeve.Sample:0:*:4d41494c52454556452d53414d504c452d34373131\\n' > $DIR/db/own.ndb; chmod 644 $DIR/db/*" = 0
gateway g1 { filter clamav { database "$DIR/db"; timeout 20s; } }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nnothing of interest\r\n" = 250
	quit }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nMAILREEVE-SAMPLE-4711\r\n" = 554 ~ "Reeve.Sample"
	quit }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		DKIM-Signature: v=1; a=rsa-sha256
		Subject: x
		MIME-Version: 1.0
		Content-Type: multipart/mixed; boundary=b

		--b
		Content-Type: application/octet-stream
		Content-Transfer-Encoding: base64

		TUFJTFJFRVZFLVNBTVBMRS00NzEx
		--b--
	} = 554 ~ "Reeve.Sample"
	quit }
reevectl g1 scanner status = 0 ~ "ready"
drain g1
expect n1.messages == 1
