mailtest "the sandbox of each role: what it may try, and what the kernel says of those that run"
confined
next n1 {}
shell "mkdir -p $DIR/db; chmod 755 $DIR/db; printf '5d12a2a1bf7a55a2fbf4cd3b4f0b1fb0:1:None\\n' > $DIR/db/none.hdb; chmod 644 $DIR/db/*" = 0
gateway g1 { filter attachment; filter clamav { database "$DIR/db"; timeout 20s; } }
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhello\r\n" = 250
	quit }
shell "python3 -B $SRC/../suites/sandboxed.py $g1_PID" = 0 !~ "NOT CONFINED"
shell "$BUILD/mailreeved --self-test -c $g1_CONF" = 0 ~ "all that this kernel offers is in force"
shell "$BUILD/mailreeved --self-test -c $DIR/none.conf 2>&1" = 1 ~ "none.conf: error: cannot read"
# Each kind of process is denied what it must be denied, whatever the kernel has; folders only where it has Landlock.
shell "$BUILD/mailreeved --self-test -c $g1_CONF | grep -cE '^  (run programs|trace processes|reach other parts|gain rights) +no$'" = 0 ~ "^28"
shell "$BUILD/mailreeved --self-test -c $g1_CONF | grep -A6 '^scanner-worker' | grep -c 'make sockets.*no'" = 0 ~ "^1"
# Started by anyone else it is the same, where that account can read the programs.
shell "run() { if test $(id -u) = 0; then setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"; else \"$@\"; fi; }; if run test -r $g1_CONF -a -x $BUILD/mailreeved; then run $BUILD/mailreeved --self-test -c $g1_CONF | grep -cE '^  (run programs|trace processes|reach other parts|gain rights) +no$|^all that'; else echo 29; fi" = 0 ~ "^29"
drain g1
expect n1.messages == 1
