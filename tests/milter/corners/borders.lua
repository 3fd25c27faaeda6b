-- borders: of header values, of the header section and of body pieces; every octet is seen once
dofile(dir .. "/corner.lua")
local conn = open()

-- The same text, cut at every place, is the same message.
local text = "one\r\n..two\r\n\r\nsplit needle here\r\n"
for at = 1, #text - 1 do
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", "cut")
	body(conn, text:sub(1, at), text:sub(at + 1))
	finish(conn, "continue")
	want("the size seen, cut at " .. at, added(conn, "X-Size"), tostring(#("Subject: cut\r\n\r\n" .. text)))
	want("the text found, cut at " .. at, added(conn, "X-Score"), "4")
end

-- Octet by octet, and in the largest pieces that an MTA sends.
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "octets")
for i = 1, #text do
	body(conn, text:sub(i, i))
end
finish(conn, "continue")
want("the size seen", added(conn, "X-Size"), tostring(#("Subject: octets\r\n\r\n" .. text)))
want("the text found", added(conn, "X-Score"), "4")
local large = string.rep("0123456789abcde\r\n", 65535 / 17)
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "large")
local front, behind = large:sub(1, -11) .. "\r\n\r\nsplit ", "needle here\r\n\r\n"
body(conn, front, behind, large, large)
finish(conn, "continue")
want("the size seen", added(conn, "X-Size"), tostring(#"Subject: large\r\n\r\n" + 2 * #large + #front + #behind))
want("the text found", added(conn, "X-Score"), "4")

-- What looks like a field is text behind the border; a body of line ends only.
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "border")
body(conn, "Subject: refuse\r\n\r\nx\r\n")
finish(conn, "continue")
want("the subject seen", added(conn, "X-Subject"), "border")
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "lines")
body(conn, "\r\n", "\r", "\n", "\r\n")
finish(conn, "continue")
want("the size seen", added(conn, "X-Size"), tostring(#"Subject: lines\r\n\r\n" + 6))

-- Values: none, a blank, folds as LF, as long as they get here.
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "values", "X-Empty", "", "X-Blank", " ", "X-Fold", "a\n\tb\n c", "X-Long", string.rep("v", 1000))
body(conn, "x\r\n")
finish(conn, "continue")
want("the size seen", added(conn, "X-Size"), tostring(#("Subject: values\r\nX-Empty: \r\nX-Blank:  \r\n"
	.. "X-Fold: a\r\n\tb\r\n c\r\nX-Long: \r\n\r\nx\r\n") + 1000))

-- The size limit of the message, which is 1 MiB here: at it and above it.
local function sized(size)
	local left = size - #"Subject: sized\r\n\r\n"

	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", "sized")
	while left > 0 do
		local n = math.min(left, 65535)
		sent("body", mt.bodystring(conn, string.rep("s", n)))
		left = left - n
	end
end
sized(1048575)
finish(conn, "continue")
sized(1048576)
finish(conn, "continue")
want("the size seen", added(conn, "X-Size"), "1048576")
sized(1048577)
finish(conn, "reply")
message(conn, "after", "x")
sent("quit", mt.disconnect(conn))
