#!/usr/bin/python3
"""What miltertest cannot send: large, cut and senseless packets, steps out of order, a further connection
on the same socket; and many sessions: what they leave behind and what they may take.

    wire.py BUILD [--long] [TEST...]
"""
import sys
sys.dont_write_bytecode = True

import base64        # noqa: E402
import fcntl         # noqa: E402
import hashlib       # noqa: E402
import os            # noqa: E402
import re            # noqa: E402
import signal        # noqa: E402
import socket        # noqa: E402
import struct        # noqa: E402
import termios       # noqa: E402
import threading     # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mailtest")]
from corners import POLICY, RULE                # noqa: E402
from mt.daemon import free_port, is_sanitized   # noqa: E402
from mt.values import Failure                   # noqa: E402
from mta import ACTIONS, ANSWERED, SILENT, SLOW, Wire, equal    # noqa: E402
from role import MilterRole                     # noqa: E402


def large_macros(role):
    """macros of 60 KB and hundreds of them: facts take 1000 octets, the session goes on"""
    w = Wire(role, helo=False)
    huge = b"m" * 60000
    w.macros("C", **{"{daemon_name}": huge, "{daemon_addr}": huge, "{if_addr}": huge, "{client_resolve}": huge, "j": huge})
    w.say("C", b"pc.example\x004" + struct.pack("!H", 25) + b"192.0.2.7\0", "c")
    w.macros("H", **{"{tls_version}": huge, "{cipher}": huge, "{verify}": b"OK", "{cert_subject}": huge})
    w.say("H", huge + b"\0", "c")
    w.macros("M", **{"i": huge, "{auth_authen}": huge, **{f"{{m{n}}}": b"v" * 1000 for n in range(300)}})
    w.envelope()
    w.content()
    added, _ = w.end()
    for name in ("X-User", "X-Daemon", "X-Peer", "X-Queue-Id", "X-Helo"):
        equal(name, re.sub(rb"\s", b"", added[name]), b"m" * 1000)
    w.message()
    w.quit()


def large_fields(role):
    """fields of 100 KB; the header section at its limit, and one octet more; 1000 fields and one more"""
    w = Wire(role)

    def section(size):
        fields, left = [], size
        while left:
            n = left if left <= 100000 else min(100000, left - 6)
            fields.append((b"X", b" " + b"v" * (n - 5)))
            left -= n
        w.envelope()
        for name, value in fields:
            w.say("L", name + b"\0" + value + b"\0", "c")
        w.send("N")

    section(256 * 1024 - 1)
    w.expect("below the limit", "c")
    w.say("B", b"x", "c")
    equal("the size", w.end()[0]["X-Size"], b" 262146")
    section(256 * 1024)        # without the empty line
    w.expect("at the limit", "c")
    w.end()
    section(256 * 1024 + 1)
    reply = w.expect("above the limit", "y")
    equal("the reply", reply[:9], b"552 5.3.4")
    for count, wanted in ((999, "c"), (1000, "c"), (1001, "y")):
        w.envelope()
        for _ in range(count):
            w.say("L", b"X\0 v\0", "c")
        w.send("N")
        w.expect(f"{count} fields", wanted)
        if wanted == "c":
            w.end()
    w.message()
    w.quit()


def blanks(role):
    """blanks in front of values arrive as they are; where the MTA hides them one is put back"""
    fields = [(b"Subject", b"  two"), (b"X-None", b"none"), (b"X-Empty", b""), (b"X-Tab", b"\tx\n\ty"), (b"X-Fold", b"\n x")]
    for steps, size in ((ANSWERED, len(b"Subject:  two\r\nX-None:none\r\nX-Empty:\r\nX-Tab:\tx\r\n\ty\r\nX-Fold:\r\n x\r\n\r\nx")),
                        (0, len(b"Subject:   two\r\nX-None: none\r\nX-Empty: \r\nX-Tab: \tx\r\n\ty\r\nX-Fold: \r\n x\r\n\r\nx"))):
        w = Wire(role, steps)
        w.envelope()
        w.content(fields, [b"x"])
        equal("the size", w.end()[0]["X-Size"].strip(), b"%d" % size)
        w.envelope()
        w.content([], [])
        equal("the size of nothing", w.end()[0]["X-Size"].strip(), b"2")
        w.quit()


def replies(role):
    """codes and texts of refusals at each step"""
    w = Wire(role)
    equal("mail", re.sub(rb" \(\w+\)\0$", b"", w.say("M", b"<bad@example.com>\0", "y")), b"550 5.7.1 no mail from bad@example.com")
    w.say("M", b"<a@example.com>\0", "c")
    equal("rcpt", re.sub(rb" \(\w+\)\0$", b"", w.say("R", b"<gone@example.net>\0", "y")), b"550 5.1.1 no such user")
    w.say("R", b"<b@example.net>\0", "c")
    w.say("L", b"Subject\0 early\0", "c")
    equal("header", re.sub(rb" \(\w+\)\0$", b"", w.say("N", b"", "y")), b"554 5.7.1 early")
    for subject, wanted in ((b"refuse", b"550 5.7.1 refused"), (b"defer", b"451 4.7.1 come back")):
        w.envelope()
        w.content([(b"Subject", b" " + subject)])
        equal("message", re.sub(rb" \(\w+\)\0$", b"", w.end("y")[1]), wanted)
    w.quit()


def cut_packets(role):
    """packets cut at each octet, of no length, of senseless letters, longer than anything: others go on"""
    whole = struct.pack("!I", 13) + b"O" + struct.pack("!III", 6, ACTIONS, ANSWERED)
    for at in range(len(whole)):
        w = Wire(role, version=0)
        w.raw(whole[:at])
        w.close()
    for packet in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xffL", struct.pack("!I", 1) + b"\0", struct.pack("!I", 1) + b"\xff",
                   struct.pack("!I", 5) + b"Oabcd", struct.pack("!I", 3) + b"Cab", struct.pack("!I", 2) + b"Dx",
                   struct.pack("!I", 4) + b"DCab", struct.pack("!I", 3) + b"Lab", struct.pack("!I", 1) + b"M",
                   struct.pack("!I", 1) + b"R", struct.pack("!I", 30 << 20) + b"B" + b"x" * 100):
        for helo in (False, True):
            w = Wire(role, helo=helo)
            w.hang_up(packet)
    w = Wire(role)
    w.message()
    w.quit()


def order(role):
    """steps out of order never end in "accept", and the next message is whole"""
    envelope = [("M", b"<a@example.com>\0"), ("R", b"<b@example.net>\0")]
    content = [("L", b"Subject\0 x\0"), ("N", b""), ("B", b"x")]
    for steps in ([("E", b"")], content + [("E", b"")], envelope[:1] + [("E", b"")], envelope[1:] + [("E", b"")],
                  envelope[:1] + content + [("E", b"")], [("R", b"<gone@example.net>\0"), ("E", b"")],
                  envelope + [("B", b"x"), ("N", b""), ("L", b"Subject\0 x\0"), ("E", b"")],
                  envelope + [("E", b""), ("E", b"")], envelope + envelope + content + [("E", b"")],
                  envelope + content + [("L", b"Subject\0 refuse\0"), ("B", b"x"), ("E", b"")]):
        w = Wire(role)
        for command, data in steps:
            w.send(command, data)
        got = w.hang_up()
        if "a" in got or "d" in got:
            raise Failure(str(steps), f"answers {got}")
    w = Wire(role)
    w.send("C", b"other.example\x004" + struct.pack("!H", 25) + b"192.0.2.8\0")    # libmilter takes no notice
    w.send("O", struct.pack("!III", 6, ACTIONS, ANSWERED))
    w.send("K")
    w.message()
    w.quit()


def further_connection(role):
    """"quit, new connection": a further client on the same socket starts anew, with what was agreed"""
    w = Wire(role)
    w.macros("M", **{"{auth_authen}": b"joe"})
    w.message()
    for n in range(50):
        w.send("K")
        w.say("C", b"pc.example\x004" + struct.pack("!H", 25) + b"192.0.2.%d\0" % n, "c")
        w.say("H", b"pc%d.example\0" % n, "c")
        w.envelope()
        w.content([(b"Subject", b" further")])
        added, _ = w.end()
        equal("the name seen", added["X-Helo"], b" pc%d.example" % n)
        equal("the user seen", added["X-User"].strip(), b"")
    w.say("U", b"XYZZY\0", "c")
    w.send("K")
    w.say("C", b"pc.example\x004" + struct.pack("!H", 25) + b"192.0.2.7\0", "c")
    w.say("H", b"pc.example\0", "c")
    w.message()
    w.quit()


def addresses(role):
    """clients by IPv6 and by nothing at all, as locally submitted mail has none: judged like any other"""
    for client, is_local in ((b"6" + struct.pack("!H", 25) + b"IPv6:2001:db8::7\0", False), (b"4" + struct.pack("!H", 25) + b"127.0.0.1\0", False),
                             (b"4" + struct.pack("!H", 0) + b"127.0.0.1\0", True), (b"6" + struct.pack("!H", 0) + b"IPv6:::1\0", True),
                             (b"L" + struct.pack("!H", 0) + b"/var/run/sock\0", True), (b"U", True)):
        w = Wire(role, helo=False)
        w.say("C", b"localhost\0" + client, "c")
        w.say("H", b"pc.example\0", "c")
        w.envelope()
        w.content()
        equal(f"local, {client!r}", w.end()[0].get("X-Local"), b" yes" if is_local else None)
        w.message()
        w.quit()


def listeners(role):
    """several listeners, by a socket and by an address: a process each, and one that falls leaves the others alone"""
    port = free_port("127.0.0.1")
    both = MilterRole(role.builddir, f"milter 127.0.0.1:{port};\n" + POLICY, {"corner.cf": RULE})
    try:
        first, second = both.gateway.role_pid("milter"), both.gateway.role_pid("milter-2")
        if not first or not second or first == second:
            raise Failure("processes", f"{first} {second}")
        w, x = Wire(both), Wire(both, address=("127.0.0.1", port))
        w.message()
        x.message()
        w.envelope()
        both.gateway.may_fail = True
        os.kill(second, signal.SIGKILL)
        equal("the other's connection", x.receive()[0], "closed")
        w.content()
        w.end()
        w.message()
        end = time.monotonic() + 20 * SLOW
        while both.gateway.role_pid("milter-2") in (None, second):
            if time.monotonic() > end:
                raise Failure("milter-2", "was not started again")
            time.sleep(0.05)
        x = Wire(both, address=("127.0.0.1", port))
        x.message()
        x.quit()
        w.quit()
    finally:
        both.close()


# ---- negotiation ----

ADD_HEADERS, CHANGE_BODY, ADD_RCPT, DELETE_RCPT, CHANGE_HEADERS, HOLD, CHANGE_SENDER, SYMBOLS = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x100
HEADERS = ADD_HEADERS | CHANGE_HEADERS
NO_BODY, NO_EOH, SKIP, NO_REPLY_BODY = 0x10, 0x40, 0x400, 0x80000
SILENT_STEPS = {"connect": 0x1000, "helo": 0x2000, "mail": 0x4000, "rcpt": 0x8000}
# What the policy says at message; what it needs of the MTA; how the log names what is missing.
NEEDS = (
    ("accept;", 0, {}),
    ('tag header "X" "y"; accept;', 0, {ADD_HEADERS: "add headers", CHANGE_HEADERS: "change headers"}),
    ('tag subject "y"; accept;', 0, {ADD_HEADERS: "add headers", CHANGE_HEADERS: "change headers"}),
    ('copy "a@example.org"; accept;', ADD_RCPT, {ADD_RCPT: "add recipients"}),
    ('redirect "a@example.org"; accept;', ADD_RCPT | DELETE_RCPT, {ADD_RCPT: "add recipients", DELETE_RCPT: "delete recipients"}),
    ('quarantine "q" if size > 5; accept;', DELETE_RCPT, {DELETE_RCPT: "delete recipients"}),
    ("discard if size > 5; accept;", DELETE_RCPT, {DELETE_RCPT: "delete recipients"}),
    ("set-sender null; accept;", CHANGE_SENDER, {CHANGE_SENDER: "change the envelope sender"}),
    ('replace-body "x"; accept;', CHANGE_BODY, {CHANGE_BODY: "replace bodies"}),
    ('quarantine "q"; # hold', HOLD | DELETE_RCPT, {HOLD: "hold messages"}),
)


def offer(role, actions=ACTIONS, steps=SILENT, version=6):
    """(version, actions, steps, macros by step) that the milter asks for; None: it refuses."""
    w = Wire(role, version=0)
    w.send("O", struct.pack("!III", version, actions, steps))
    command, data = w.receive()
    w.close()
    if command != "O":
        return None
    lists, rest = {}, data[12:]
    while rest:
        text, behind = rest[4:].split(b"\0", 1)
        lists[struct.unpack("!I", rest[:4])[0]], rest = text.decode(), behind
    return struct.unpack("!III", data[:12]) + (lists,)


def actions(role):
    """what each action of a policy needs is asked for and nothing else; an MTA without it is refused, and the log says why"""
    for policy, more, needed in NEEDS:
        one = MilterRole(role.builddir, f"policy {{ at message {{ {policy.replace('# hold', '')} }} }}",
                         more="quarantine hold;" if "hold" in policy else "")
        try:
            _, asked, _, _ = offer(one)
            equal(f"asked for by {policy}", asked, HEADERS | SYMBOLS | more)
            for flag, name in needed.items():
                if offer(one, ACTIONS & ~flag) is not None:
                    raise Failure(policy, f"an MTA that cannot {name} is not refused")
                if f"the MTA cannot {name}, which the policy needs: refused" not in one.gateway.log():
                    raise Failure(policy, f"no line in the log about: {name}")
            if not needed and offer(one, 0) is None:
                raise Failure(policy, "is refused without need")
        finally:
            one.close()


def steps(role):
    """steps where nothing is decided get no reply, those that nobody uses are left out; only what was offered is asked for"""
    for stage in (None, "connect", "helo", "mail", "rcpt", "header"):
        one = MilterRole(role.builddir, (f"policy {{ at {stage} {{ reject if client == 192.0.2.99; }}" if stage else "policy {")
                         + " at message { accept; } }")
        try:
            _, _, asked, _ = offer(one)
            for name, flag in SILENT_STEPS.items():
                equal(f"no reply at {name}, policy at {stage}", bool(asked & flag), name != stage and name in ("connect", "helo"))
            equal(f"end of header left out, policy at {stage}", bool(asked & NO_EOH), stage != "header")
            equal("body left out", bool(asked & NO_BODY), True)
        finally:
            one.close()
    for offered in (0, 0x7F, 0x3FF, 0x7FF, SILENT & ~0x80000, SILENT):
        version, asked_actions, asked, lists = offer(role, 0x1F | (SYMBOLS if offered > 0x7F else 0), offered)
        equal("asked for but not offered", (asked & ~offered, asked_actions & ~0x11F), (0, 0))
        equal("replies to the body", bool(asked & (NO_REPLY_BODY | SKIP)), bool(offered & NO_REPLY_BODY))
        equal("lists of macros", bool(lists), offered > 0x7F)
    equal("macros", lists, {0: "v {daemon_name} {daemon_addr} {if_addr} {client_resolve}", 1: "{tls_version} {cipher} {verify} {cert_subject}",
                            2: "i {auth_authen} {tls_version} {cipher} {verify} {cert_subject}", 5: "i", 6: "i"})
    equal("lines about hidden blanks", role.gateway.log().count("the MTA hides blanks"), 1)
    before = role.gateway.log().count("cannot change headers, which the policy needs: refused")
    for _ in range(5):
        offer(role, 0)
    equal("lines about refusals", role.gateway.log().count("cannot change headers, which the policy needs: refused") - before, 1)


def versions(role):
    """versions 2 to 6 are spoken, older ones refused; a message goes through each"""
    for version in range(2, 7):
        got = offer(role, 0x1F, 0x7F if version < 6 else SILENT, version)
        equal(f"version {version}", got[0], version)
        w = Wire(role, 0x7F if version < 6 else ANSWERED, 0x1F, version)
        w.envelope()
        w.content([(b"Subject", b"old")])
        equal("the subject seen", w.end()[0]["X-Subject"].strip(), b"old")
        w.quit()
    for version in (0, 1):
        if offer(role, 0x1F, 0x7F, version) is not None:
            raise Failure(f"version {version}", "is not refused")


HOLDS = """dns { server 127.0.0.1:{port}; timeout 20s; }
limits { stage 25s; }
filter dkim;
policy { at message { quarantine "held" if rcpt == "held@example.net"; accept; } }
"""


def signed_fields():
    """What cannot be judged without a question to DNS; the body is x CRLF."""
    digest = base64.b64encode(hashlib.sha256(b"x\r\n").digest())
    return [(b"From", b" a@example.com"), (b"DKIM-Signature", b" v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh="
             + digest + b"; b=" + base64.b64encode(b"s" * 256))]


def answer_all(dns):
    """SERVFAIL for every question, until the socket is closed."""
    try:
        while True:
            query, asker = dns.recvfrom(4096)
            dns.sendto(query[:2] + b"\x81\x82" + query[4:], asker)
    except OSError:
        pass


def await_read(w):
    """The other side has taken everything that was sent."""
    end = time.monotonic() + 30 * SLOW
    while struct.unpack("i", fcntl.ioctl(w.socket, termios.TIOCOUTQ, b"\0" * 4))[0]:
        if time.monotonic() > end:
            raise Failure("wire", "what was sent is not read")
        time.sleep(0.005)


def gone(role):
    """an MTA that goes before it has the answer leaves no copy in the quarantine: its client comes again"""
    only, both = (b"<held@example.net>",), (b"<b@example.net>", b"<held@example.net>")
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("127.0.0.1", 0))
    holder = MilterRole(role.builddir, HOLDS.replace("{port}", str(dns.getsockname()[1])))
    answers = threading.Thread(target=answer_all, args=(dns,), daemon=True)
    try:
        for rcpts in (only, both):
            w = Wire(holder)
            w.envelope(rcpts=rcpts)
            w.content(signed_fields())
            w.send("E")
            await_read(w)
            w.close()    # while the verdict waits for DNS
        answers.start()
        holder.expect_idle("gone")
        equal("files left behind", quarantined(holder), [])
        for rcpts, reply in ((only, "d"), (both, "c")):
            w = Wire(holder)
            w.envelope(rcpts=rcpts)
            w.content(signed_fields())
            w.end(reply)
            w.quit()
        equal("copies for those that waited, two files each", len(quarantined(holder)), 4)
    finally:
        dns.close()
        holder.close()


def quarantined(role):
    return sorted(os.listdir(os.path.join(role.gateway.state, "quarantine")))


# ---- many ----

def role_memory(pid):
    """KiB of memory that the process has to itself."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return sum(int(x) for x in re.findall(r"Private_\w+: +(\d+)", f.read()))


def role_count(pid, what):
    return len(os.listdir(f"/proc/{pid}/{what}"))


def play_sessions(role, count, clients=4):
    """count sessions of all kinds, by some clients at the same time."""
    problems = []

    def client(number):
        try:
            for n in range(number, count, clients):
                w = Wire(role, SILENT if n % 2 else ANSWERED)
                if n % 2:
                    w.say("M", b"<a@example.com>\0", "c")
                    w.say("R", b"<sink@example.net>\0", "c")
                    w.say("R", b"<b@example.net>\0", "c")
                    w.content([(name, b" x") for name in (b"From", b"To", b"Subject", b"X-Size")],
                              [b"split needle here\r\n" * (n % 400)])
                    if n % 7:
                        w.end()
                elif n % 4:
                    w.message()
                    w.say("M", b"<bad@example.com>\0", "y")
                w.quit() if n % 3 else w.close()
        except (Failure, OSError, EOFError) as e:
            problems.append(e)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if problems:
        raise Failure("sessions", str(problems[0]))


def leak(role, is_long):
    """memory, descriptors and threads stay where they are over many sessions"""
    count = 50000 if is_long else 10000
    play_sessions(role, count // 4)
    role.expect_idle("leak")
    before, files, tasks = role_memory(role.pid), role_count(role.pid, "fd"), role_count(role.pid, "task")
    play_sessions(role, count - count // 4)
    role.expect_idle("leak")
    grown = role_memory(role.pid) - before
    if grown > 2048 and not is_sanitized(role.program("mailreeved")):    # a sanitizer remembers what was freed
        raise Failure("leak", f"{grown} KiB more after {count} sessions")
    for what, old in (("fd", files), ("task", tasks)):
        if role_count(role.pid, what) > old + 8:
            raise Failure("leak", f"{old} of /proc/self/{what} have become {role_count(role.pid, what)}")
    return f"{count} sessions, {grown} KiB more, {role_count(role.pid, 'task')} threads"


def standing(role, _):
    """200 sessions that stand in the middle of a message cost no threads and little memory"""
    before, tasks, sessions = role_memory(role.pid), role_count(role.pid, "task"), []
    body = b"a line of the message that stands still\r\n" * 1000
    for _ in range(200):
        w = Wire(role)
        w.envelope()
        w.content([(b"Subject", b" standing")], [body])
        sessions.append(w)
    memory, threads = (role_memory(role.pid) - before) / 200, role_count(role.pid, "task") - tasks
    if memory > 400 * SLOW:
        raise Failure("standing", f"{memory:.0f} KiB for each session")
    if threads > 20:
        raise Failure("standing", f"{threads} threads for sessions that wait for the MTA")
    for w in sessions:
        w.send("E")
    for w in sessions:
        while w.receive()[0] not in "ct":
            pass
        w.quit()
    return f"{memory:.0f} KiB a session, {threads} threads more"


def blocked(role, _):
    """200 sessions that wait for DNS at the same time: all are answered, threads and memory are bounded"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        slow = MilterRole(role.builddir, BLOCKED.replace("{port}", str(deaf.getsockname()[1])))
        try:
            return play_blocked(slow)
        finally:
            slow.close()


BLOCKED = """dns { server 127.0.0.1:{port}; timeout 4s; }
filter spf { helo off; }
policy { at mail { tempfail 451 4.4.3 "no answer" if spf == temperror; } at message { accept; } }
"""


def progress(role, _):
    """an MTA that waits for a slow verdict hears of progress after 10 s, and then the verdict"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        slow = MilterRole(role.builddir, SLOW_END.replace("{port}", str(deaf.getsockname()[1])))
        try:
            w = Wire(slow)
            w.envelope()
            w.content(signed_fields())
            started, seen = time.monotonic(), []
            w.send("E")
            while not seen or seen[-1][0] in "pih":
                seen.append((w.receive()[0], time.monotonic() - started))
            if seen[0][0] != "p" or not 8 < seen[0][1] < 12 * SLOW or seen[-1][0] != "c":
                raise Failure("progress", str(seen))
            w.quit()
        finally:
            slow.close()
    return f"progress after {seen[0][1]:.1f} s, the verdict after {seen[-1][1]:.1f} s"


SLOW_END = """dns { server 127.0.0.1:{port}; timeout 13s; }
limits { stage 19s; }
filter dkim;
policy { at message { accept; } }
"""


def play_blocked(slow):
    before, tasks = role_memory(slow.pid), role_count(slow.pid, "task")
    sessions = [Wire(slow, SILENT) for _ in range(200)]
    for n, w in enumerate(sessions):
        w.send("M", b"<a@d%d.example.com>\0" % n)
    started = time.monotonic()
    time.sleep(1.5)
    memory, threads = (role_memory(slow.pid) - before) / 200, role_count(slow.pid, "task") - tasks
    replies = [w.receive()[0] for w in sessions]
    seconds = time.monotonic() - started
    if set(replies) != {"y"}:
        raise Failure("blocked", f"replies {sorted(set(replies))}")
    if memory > 400 * SLOW or threads > 210:
        raise Failure("blocked", f"{memory:.0f} KiB and {threads / 200:.1f} threads for each session")
    if seconds > 8 * SLOW:    # 4 s each, if libmilter did not keep some waiting for the others
        raise Failure("blocked", f"the last one was answered after {seconds:.0f} s")
    for w in sessions:
        w.quit()
    slow.expect_idle("blocked")
    return f"{memory:.0f} KiB a session, {threads} threads more, the last answer after {seconds:.1f} s"


TESTS = (large_macros, large_fields, blanks, replies, cut_packets, order, further_connection, addresses, listeners, actions, steps, versions, gone)
LOADS = (leak, standing, blocked, progress)


def main():
    is_long, wanted = "--long" in sys.argv, [a for a in sys.argv[2:] if a != "--long"]
    role = MilterRole(sys.argv[1], POLICY, {"corner.cf": RULE})
    failed = 0
    try:
        for test in TESTS + LOADS:
            if wanted and test.__name__ not in wanted:
                continue
            started, word = time.monotonic(), "ok"
            try:
                note = test(role, is_long) if test in LOADS else test(role)
                role.expect_idle(test.__name__)
            except (Failure, OSError, KeyError) as e:
                word, note, failed = "not ok", f"{type(e).__name__} {e}", failed + 1
                note += "\n# " + role.gateway.log()[-1500:].replace("\n", "\n# ")
            print(f"{word} - milter wire: {test.__doc__} ({time.monotonic() - started:.1f} s)" + (f"\n# {note}" if note else ""), flush=True)
    finally:
        role.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
