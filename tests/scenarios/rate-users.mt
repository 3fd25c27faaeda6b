mailtest "rate limits and greylisting of users who are logged in: by auth.user, and who never waits"
next n1 {}
gateway g1 {
	listen $HOST:$PORT { xclient 127.0.0.0/8; }
	filter rate {
		limit messages 2 per 1h by auth.user;
		limit bytes 1K per 1h by auth.user rcpt.domain;
	}
	filter greylist { delay 5m; }
	policy {
		at mail { tempfail 451 4.7.1 "over {rate.limit} of {rate.key}" if rate.exceeded; }
		at rcpt {
			tempfail 451 4.7.1 "over {rate.limit} of {rate.key}" if rate.exceeded;
			tempfail 451 4.7.1 "greylisted" if greylist.new;
		}
		at message { accept; }
	}
}
session via smtp milter {
	ehlo pc.example.com
	xclient LOGIN=joe = 220
	ehlo pc.example.com
	repeat 2 {
		mail <a$i@example.com>
		rcpt <b@example.net> = 250
		data "Subject: x\r\n\r\nx\r\n" = 250
	}
	mail <other@example.com> = 451 ~ "over 2 messages per 1h by auth.user of joe"
	quit
}
session via smtp milter {
	ehlo pc.example.com
	xclient LOGIN=jim = 220
	ehlo pc.example.com
	mail <a@example.com> SIZE=900 = 250
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\n" "x"*900 "\r\n" = 250
	mail <a@example.com> SIZE=900 = 250
	rcpt <b@example.net> = 451 ~ "over 1K bytes per 1h by auth.user rcpt.domain of jim example.net"
	quit
}
session via smtp milter {					# nobody: no limit, but greylisted
	ehlo pc.example.com
	repeat 3 {
		mail <a$i@example.com> = 250
		rcpt <b@example.net> = 451 ~ "greylisted"
		rset
	}
	quit
}
clock +31m
session via smtp milter {					# half an hour gives one back
	ehlo pc.example.com
	xclient LOGIN=JOE = 220
	ehlo pc.example.com
	mail <a@example.com> = 250
	rcpt <b@example.net> = 250
	data "Subject: x\r\n\r\nx\r\n" = 250
	mail <a@example.com> = 451 ~ "over 2 messages"
	quit
}
drain g1
expect n1.messages == 4
