-- quit at every step and a new connection; many connections at the same time
dofile(dir .. "/corner.lua")

for step = 0, 6 do
	local conn = mt.connect("unix:" .. socket, 50, 0.1)

	sent("negotiate", mt.negotiate(conn, 6, ANSWERED, ACTIONS))
	if step >= 1 then sent("connect", mt.conninfo(conn, "pc.example", "192.0.2.7")) end
	if step >= 2 then sent("helo", mt.helo(conn, "pc.example")) end
	if step >= 3 then sent("mail", mt.mailfrom(conn, "<gone@example.com>")) end
	if step >= 4 then sent("rcpt", mt.rcptto(conn, "<sink@example.net>")) end
	if step >= 5 then sent("header", mt.header(conn, "Subject", "refuse")) end
	if step >= 6 then body(conn, "half a line") end
	sent("quit", mt.disconnect(conn))
	conn = open()
	message(conn, "new " .. step, "text\r\n")
	want("a recipient removed", mt.eom_check(conn, MT_RCPTDELETE, "<sink@example.net>"), false)
	sent("quit", mt.disconnect(conn))
end

local many = {}
for i = 1, 20 do
	many[i] = open()
	envelope(many[i], "a" .. i .. "@example.com", "b@example.net")
	head(many[i], "Subject", "many " .. i)
	replied(many[i], "eoh", "continue")
end
for i = 20, 1, -1 do
	body(many[i], string.rep("x", i))
	finish(many[i], "continue")
	want("the subject of " .. i, added(many[i], "X-Subject"), "many " .. i)
	want("the sender of " .. i, added(many[i], "X-Sender"), "a" .. i .. "@example.com")
	want("the size of " .. i, added(many[i], "X-Size"), tostring(#("Subject: many " .. i .. "\r\n\r\n") + i))
end
for i = 1, 20 do
	sent("quit", mt.disconnect(many[i]))
end
