mailtest "4xx, closed connections and a server that is down: tried again, delivered once"
next n1 { mail = 451 4.3.0 later times 1; }
gateway g1 {
	relay example.net { to $n1; max-connections 1; retry-first 1m; retry-max 1h; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
expect n1.sessions >= 1	g1.log ~ "\"code\":451"
await reevectl g1 queue list = 0 ~ "b@example.net"
expect n1.messages == 0
clock +2m
expect n1.messages == 1
drain g1
next n1 { drop end times 1; drop data times 1; hang banner times 0 }
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: y\r\n\r\ny\r\n" = 250
	quit
}
clock +5m
clock +10m
clock +1h
expect n1.messages == 2
next n1 down
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: z\r\n\r\nz\r\n" = 250
	quit
}
clock +1h
clock +1h
await reevectl g1 queue list = 0 ~ "b@example.net"
next n1 up
clock +1h
expect n1.messages == 3
drain g1
