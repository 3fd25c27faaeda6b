mailtest "the queue by hand: list, show, hold, release, retry, delete"
next n1 {}
gateway g1 { policy { at message { accept; } } }
next n1 down
session {
	ehlo mx.example.com
	repeat 3 {
		mail <a$i@example.com>
		rcpt <b$i@example.net>
		data "Subject: number $i\r\n\r\nx\r\n" = 250
	}
	quit
}
await reevectl g1 queue list = 0 ~ "a0@example.com" ~ "a2@example.com"
await reevectl g1 queue list --json = 0 ~ "\"a1@example.com\""
reevectl g1 queue hold --sender a0@example.com = 0
reevectl g1 queue delete --sender a1@example.com = 0
await reevectl g1 queue list = 0 !~ "a1@example.com" ~ "held"
next n1 up
reevectl g1 queue retry --all = 0
expect n1.messages == 1	n1.message[0].sender == "a2@example.com"
reevectl g1 queue release --all = 0
expect n1.messages == 2	n1.message[1].sender == "a0@example.com"
drain g1
expect n1.messages == 2
reevectl g1 queue retry no-such-id = 1 ~ "no-such-id: nothing of that ID waits" ~ "0 recipients"
reevectl g1 queue frobnicate = 2
