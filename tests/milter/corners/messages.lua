-- several messages on one connection: each verdict is its own, and a refusal at any step leaves a clean state
dofile(dir .. "/corner.lua")
local conn = open()

local function refused(step, subject)
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", subject)
	if step == "eoh" then
		replied(conn, "eoh", "reply")
	else
		replied(conn, "eoh", "continue")
		body(conn, "x\r\n")
		finish(conn, "reply")
	end
end

for round = 1, 3 do
	message(conn, "first", "1\r\n")
	refused("eoh", "early")
	message(conn, "second", "22\r\n")
	refused("eom", "refuse")
	refused("eom", "defer")
	message(conn, "third", "333\r\n")
	-- A sender that is refused, then one that is not.
	sent("mail", mt.mailfrom(conn, "<bad@example.com>"))
	replied(conn, "a bad sender", "reply")
	message(conn, "fourth", "4444\r\n")
	-- One of two recipients refused.
	envelope(conn, "a@example.com")
	sent("rcpt", mt.rcptto(conn, "<gone@example.net>"))
	replied(conn, "an unknown recipient", "reply")
	sent("rcpt", mt.rcptto(conn, "<b@example.net>"))
	replied(conn, "a known recipient", "continue")
	head(conn, "Subject", "one of two")
	body(conn, "x")
	finish(conn, "continue")
	-- Discarded, set aside, delivered to others, one recipient out of two dropped.
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", "drop")
	body(conn, "x")
	finish(conn, "discard")
	envelope(conn, "a@example.com", "sink@example.net", "b@example.net")
	head(conn, "Subject", "two")
	body(conn, "x")
	finish(conn, "continue")
	want("the recipient removed", mt.eom_check(conn, MT_RCPTDELETE, "<sink@example.net>"), true)
	want("another removed", mt.eom_check(conn, MT_RCPTDELETE, "<b@example.net>"), false)
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", "redirect")
	body(conn, "x")
	finish(conn, "continue")
	want("the new recipient", mt.eom_check(conn, MT_RCPTADD, "<other@example.net>"), true)
	want("the old recipient removed", mt.eom_check(conn, MT_RCPTDELETE, "<b@example.net>"), true)
	-- The MTA may send HELO again between messages.
	sent("helo", mt.helo(conn, "again.example"))
	replied(conn, "helo", "continue")
	message(conn, "last", "55555\r\n")
	want("the name seen", added(conn, "X-Helo"), "again.example")
	want("the body replaced", mt.eom_check(conn, MT_BODYCHANGE), false)
end
sent("quit", mt.disconnect(conn))
