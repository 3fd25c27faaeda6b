mailtest "sessions of a client and of a listener: one more gets 421, and a place that is free again is given"
next n1 {}
gateway g1 {
	listen $HOST:$PORT { max-sessions 3; }
	listen $HOST:$PROXYPORT { proxy 127.0.0.0/8; max-sessions-per-client 2; }
	policy { at message { accept; } }
}
session a keep { ehlo a.example }
session b keep { ehlo b.example }
session c keep { ehlo c.example }
session { banner = 421
	expect-close }
session a { quit }
session d keep { ehlo d.example }
session { banner = 421 }
session p from 192.0.2.1 keep { ehlo p.example }
session q from 192.0.2.1 keep { ehlo q.example }
session from 192.0.2.1 { banner = 421
	expect-close }
session from 192.0.2.2 { ehlo r.example }
session p { quit }
session from 192.0.2.1 { ehlo s.example }
