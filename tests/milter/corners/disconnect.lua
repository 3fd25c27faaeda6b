-- the MTA goes away without a word, at every step; others go on undisturbed, nothing stays behind
dofile(dir .. "/corner.lua")
local witness = open()
envelope(witness, "a@example.com", "b@example.net")

for round = 1, 3 do
	for step = 0, 8 do
		local conn = mt.connect("unix:" .. socket, 50, 0.1)

		if step >= 1 then sent("negotiate", mt.negotiate(conn, 6, ANSWERED, ACTIONS)) end
		if step >= 2 then sent("connect", mt.conninfo(conn, "pc.example", "192.0.2.7")) end
		if step >= 3 then sent("helo", mt.helo(conn, "pc.example")) end
		if step >= 4 then sent("mail", mt.mailfrom(conn, "<gone@example.com>")) end
		if step >= 5 then sent("rcpt", mt.rcptto(conn, "<b@example.net>")) end
		if step >= 6 then sent("header", mt.header(conn, "Subject", "gone")) end
		if step >= 7 then sent("eoh", mt.eoh(conn)) end
		if step >= 8 then body(conn, string.rep("half a message\r\n", 30000)) end
		if step > 0 then mt.disconnect(conn, false) end
	end
	local conn = open()
	message(conn, "others", "text\r\n")
	sent("quit", mt.disconnect(conn))
end
head(witness, "Subject", "witness")
replied(witness, "eoh", "continue")
body(witness, "text\r\n")
finish(witness, "continue")
want("the subject seen", added(witness, "X-Subject"), "witness")
sent("quit", mt.disconnect(witness))
