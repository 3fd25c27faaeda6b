-- What the scripts share; corners.py runs each with `socket`, and then again with `flip` = N, which spoils
-- the N-th expectation: the script must fail then. `checks` counts them.
checks = 0

local names = {
	[SMFIR_CONTINUE] = "continue", [SMFIR_ACCEPT] = "accept", [SMFIR_DISCARD] = "discard", [SMFIR_REJECT] = "reject",
	[SMFIR_TEMPFAIL] = "tempfail", [SMFIR_REPLYCODE] = "reply", [SMFIR_SKIP] = "skip",
}

function want(what, got, wanted)
	checks = checks + 1
	if tonumber(flip) == checks then
		wanted = "spoiled"
	end
	if got ~= wanted then
		error(what .. " is " .. tostring(got) .. ", expected " .. tostring(wanted), 0)
	end
end

function replied(conn, what, wanted)
	local code = mt.getreply(conn)

	want("the reply to " .. what, names[code] or tostring(code), wanted)
end

function sent(what, problem)
	if problem ~= nil then
		error(what .. ": " .. tostring(problem), 0)
	end
end

-- All steps are answered, the body is wanted, blanks are not hidden.
ANSWERED = 0x100000
ACTIONS = 0x1ff

function open(steps)
	local conn = mt.connect("unix:" .. socket, 50, 0.1)

	if conn == nil then
		error("cannot connect", 0)
	end
	sent("negotiate", mt.negotiate(conn, 6, steps or ANSWERED, ACTIONS))
	sent("connect", mt.conninfo(conn, "pc.example", "192.0.2.7"))
	replied(conn, "connect", "continue")
	sent("helo", mt.helo(conn, "pc.example"))
	replied(conn, "helo", "continue")
	return conn
end

function envelope(conn, sender, ...)
	sent("mail", mt.mailfrom(conn, "<" .. sender .. ">"))
	replied(conn, "mail", "continue")
	for _, rcpt in ipairs({...}) do
		sent("rcpt", mt.rcptto(conn, "<" .. rcpt .. ">"))
		replied(conn, "rcpt", "continue")
	end
end

-- Fields in order, name and value in turn, up to the end of the header section. miltertest puts the blank
-- behind the colon itself, and has room for 1000 octets (wire.py sends longer ones).
function head(conn, ...)
	local fields = {...}

	for i = 1, #fields, 2 do
		sent("header", mt.header(conn, fields[i], fields[i + 1]))
		replied(conn, "header", "continue")
	end
	sent("eoh", mt.eoh(conn))
end

function body(conn, ...)
	for _, piece in ipairs({...}) do
		sent("body", mt.bodystring(conn, piece))
		replied(conn, "body", "continue")
	end
end

function finish(conn, wanted)
	sent("eom", mt.eom(conn))
	replied(conn, "the end", wanted)
end

-- A field that was added, without its leading blank.
function added(conn, name)
	local value = mt.getheader(conn, name, 0)

	return value and value:gsub("^ ", "")
end

-- One whole message that must be taken; the policy writes down what it saw of it.
function message(conn, subject, text)
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", subject)
	body(conn, text)
	finish(conn, "continue")
	want("the subject seen", added(conn, "X-Subject"), subject)
	want("the size seen", added(conn, "X-Size"), tostring(#("Subject: " .. subject .. "\r\n\r\n" .. text)))
end
