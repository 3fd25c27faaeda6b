mailtest "500 clients that wait for their delay hold no thread: others are served at once, and all get their reply in the end"
next n1 {}
file "many.py" {
	# Opens sessions that are delayed at HELO; says when all wait, and when all got their reply.
	import selectors, socket, sys, time
	host, port, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
	def until(word, text):
	    wait, replies, end = selectors.DefaultSelector(), 0, time.monotonic() + 60
	    for s in all:
	        wait.register(s, selectors.EVENT_READ)
	    while replies < count and time.monotonic() < end:
	        for key, _ in wait.select(1):
	            replies += word in key.fileobj.recv(4096)
	            wait.unregister(key.fileobj)
	    open(f"{folder}/{text}", "w").write(f"{replies}\n")
	all = [socket.create_connection((host, port)) for _ in range(count)]
	until(b"220", "greeted")
	for s in all:
	    s.sendall(b"HELO slow.example\r\n")
	until(b"250", "answered")
}
gateway g1 {
	workers 2;
	listen $HOST:$PORT { max-sessions-per-client 1000; }
	list slow { slow.example; }
	policy { at helo { delay 30s if helo in slow; } at message { accept; } }
}
shell "/usr/bin/python3 $DIR/many.py $HOST $PORT 500 $DIR >$DIR/out 2>&1 & for i in $(seq 300); do [ -s $DIR/greeted ] && break; sleep 0.1; done; cat $DIR/greeted; sleep 1; ls $DIR" = 0 ~ "^500\n" !~ "answered"
session via smtp {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nx\r\n" = 250
	quit
}
shell "ls $DIR" = 0 !~ "answered"
clock +31s
shell "for i in $(seq 300); do [ -s $DIR/answered ] && break; sleep 0.1; done; cat $DIR/answered $DIR/out" = 0 ~ "^500\n$"
drain g1
expect n1.messages == 1
