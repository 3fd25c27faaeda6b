mailtest "as a client: replies injected before the handshake are not believed"
next n1 { starttls inject }
gateway g1 {
	relay example.net { to $n1; max-connections 1; tls require; retry-first 1m; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: x

		x
	}
	quit
}
expect n1.sessions >= 1	g1.delivery >= 1
expect n1.messages == 0
next n1 { starttls broken }
clock +2m
expect n1.sessions >= 2	g1.delivery >= 2
expect n1.messages == 0
next n1 { no PIPELINING }				# no STARTTLS at all: require means it waits
clock +10m
expect n1.sessions >= 3	g1.delivery >= 3
expect n1.messages == 0
next n1 { starttls }
clock +60m
expect n1.messages == 1	n1.message[0].tls == true
