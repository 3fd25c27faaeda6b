-- macros: oversized, many, empty, of later steps, of a message before; facts take 1000 octets of each
dofile(dir .. "/corner.lua")

-- miltertest has room for 1024 octets of macros at a time: longer ones are in wire.py.
local conn
local function user_of(length)
	sent("macros", mt.macro(conn, SMFIC_MAIL, "{auth_authen}", string.rep("m", length)))
	envelope(conn, "a@example.com", "b@example.net")
	head(conn, "Subject", "user")
	body(conn, "x")
	finish(conn, "continue")
	return #added(conn, "X-User"):gsub("%s", "")
end

conn = mt.connect("unix:" .. socket, 50, 0.1)
sent("negotiate", mt.negotiate(conn, 6, ANSWERED, ACTIONS))
sent("macros", mt.macro(conn, SMFIC_CONNECT, "{daemon_name}", string.rep("m", 800), "{daemon_addr}", string.rep("n", 100)))
sent("connect", mt.conninfo(conn, "pc.example", "192.0.2.7"))
sent("macros", mt.macro(conn, SMFIC_HELO, "{tls_version}", "TLSv1.3", "{cipher}", "AES-256", "{verify}", "OK",
	"{cert_subject}", "/CN=" .. string.rep("c", 900)))
sent("helo", mt.helo(conn, "pc.example"))
want("a user below the limit", user_of(999), 999)
want("a user at the limit", user_of(1000), 1000)
want("a user above the limit", user_of(1001), 1000)
sent("macros", mt.macro(conn, SMFIC_MAIL, "i", "4XQ1", "{auth_authen}", "joe"))
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "known")
body(conn, "x")
finish(conn, "continue")
want("the user seen", added(conn, "X-User"), "joe")
want("the listener seen", (added(conn, "X-Daemon"):gsub("%s", "")), string.rep("m", 800))
want("the certificate seen", (added(conn, "X-Peer"):gsub("%s", "")), "/CN=" .. string.rep("c", 900))
want("the cipher seen", added(conn, "X-Cipher"), "TLSv1.3 AES-256")
want("the queue id seen", added(conn, "X-Queue-Id"), "4XQ1")
want("logged in", added(conn, "X-Known"), "yes")

-- The user of one message is not that of the next; what belongs to the session stays.
sent("macros", mt.macro(conn, SMFIC_MAIL, "i", "4XQ2"))
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "next")
body(conn, "x")
finish(conn, "continue")
want("the queue id seen", added(conn, "X-Queue-Id"), "4XQ2")
want("the user seen", added(conn, "X-User"), "")
want("logged in", added(conn, "X-Known"), nil)
want("the cipher seen", added(conn, "X-Cipher"), "TLSv1.3 AES-256")
sent("quit", mt.disconnect(conn))

-- An unverified certificate is none; many macros, empty values, names without sense.
conn = mt.connect("unix:" .. socket, 50, 0.1)
sent("negotiate", mt.negotiate(conn, 6, ANSWERED, ACTIONS))
sent("macros", mt.macro(conn, SMFIC_CONNECT, "", "", "{}", "x", "{daemon_name}", "", "{daemon_name", "y"))
sent("connect", mt.conninfo(conn, "pc.example", "192.0.2.7"))
sent("macros", mt.macro(conn, SMFIC_HELO, "{verify}", "FAIL", "{cert_subject}", "/CN=liar", "{cipher}", "X"))
sent("helo", mt.helo(conn, "pc.example"))
local many = {}
for i = 1, 60 do
	many[2 * i - 1] = "{macro" .. i .. "}"
	many[2 * i] = "v"
end
sent("macros", mt.macro(conn, SMFIC_MAIL, table.unpack(many)))
envelope(conn, "a@example.com", "b@example.net")
head(conn, "Subject", "many")
body(conn, "x")
finish(conn, "continue")
want("the certificate seen", added(conn, "X-Peer"), "")
want("the listener seen", added(conn, "X-Daemon"), "")
want("the queue id seen", added(conn, "X-Queue-Id"), "")
sent("quit", mt.disconnect(conn))
