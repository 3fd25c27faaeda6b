#!/usr/bin/python3
"""Policy state outlives SIGKILL: 50 times by default, of the whole group or of one role, while it is written;
and a disk that is full, over both front ends: mail goes on, what is decided meanwhile counts, and is written when
there is room.

    state.py [--builddir DIR] [--kills N] [--seed N]

A load of accepted messages is counted by a bucket of the filter rate that refills so slowly that it
stands still. After each kill the file must pass SQLite's integrity_check; at the end the bucket
must have counted all messages but those of the documented window: what is changed in the last
commit interval before a kill (10 ms and the commit's own time; here: WINDOW seconds of the load).
"""
import sys
sys.dont_write_bytecode = True

import argparse      # noqa: E402
import json          # noqa: E402
import os            # noqa: E402
import random        # noqa: E402
import signal        # noqa: E402
import smtplib       # noqa: E402
import sqlite3       # noqa: E402
import time          # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash         # noqa: E402
from mt.milter import MilterSession    # noqa: E402

WINDOW = 0.25        # generous: this machine may be busy
CAPACITY = 1000000

CONFIG = """relay example.net {{ to {hop}; max-connections 10; }}
filter settings;
filter rate {{ limit messages {capacity} per 3000d by rcpt.domain; }}
filter greylist {{ delay 1s; }}
filter reputation;
policy {{ at message {{ accept; }} }}
"""


def roles(g, name):
    """Processes of the group that are the role."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getpgid(int(entry)) == g.process.pid and int(entry) != g.process.pid:
                with open(f"/proc/{entry}/comm", encoding="ascii") as f:
                    if name in f.read():
                        found.append(int(entry))
        except OSError:
            continue
    return found


def check(g):
    """What SQLite says of the file; its journal is read with it."""
    path = os.path.join(g.state, "state.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as db:
        word = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    damaged = [f for f in os.listdir(g.state) if ".damaged" in f]
    if word != "ok" or damaged:
        raise crash.Failure("integrity", f"{word} {damaged}")


def used(g):
    status, output = g.control(["rate", "show", "--json"])
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if status or len(rows) != 1:
        raise crash.Failure("rate show", output[:500])
    return rows[0]["taken"]


def kill_one_role(g):
    """SIGKILL to the gateway role; the master starts it again."""
    before = roles(g, "gateway") or roles(g, "mailreeve")
    if not before:
        raise crash.Failure("roles", "no role of the group was found")
    victim = before[0]
    os.kill(victim, signal.SIGKILL)
    crash.wait_for(lambda: not os.path.exists(f"/proc/{victim}") and len(roles(g, "")) >= len(before), 20)


def play(world, options, rng):
    g = crash.Gateway("g1", world)
    world.gateways.append(g)
    g.write(CONFIG.format(hop=world.hops[0].endpoint(), capacity=CAPACITY))
    g.start("start")
    load = crash.Load((world.host, g.ports["PORT"]), 6, rng)
    began = time.monotonic()
    for i in range(options.kills):
        time.sleep(rng.uniform(0.1, 0.5))
        if i % 2:
            kill_one_role(g)
        else:
            crash.kill(g)
            check(g)
            g.start("restart")
    time.sleep(0.5)
    load.stop()
    rate = len(load.acked) / (time.monotonic() - began)
    time.sleep(0.5)
    counted = used(g)
    g.stop("end")
    check(g)
    missing = len(load.acked) - counted
    bound = options.kills * max(WINDOW * rate * 2, 6)
    text = (f"{options.kills} kills, {len(load.acked)} accepted, {counted:.0f} counted, off by {missing:.0f} "
            f"({missing / options.kills:.1f} a kill), integrity_check ok")
    # More than was acknowledged may be counted: messages whose reply a kill cut off.
    if missing > bound or -missing > 6 * options.kills + 6:
        raise crash.Failure("result", f"{text}; {bound:.0f} at most")
    return text


FULL_CONFIG = """relay example.net {{ to {hop}; max-connections 2; }}
queue {{ free-min 256K; segment 1M; }}
list trap state;
filter settings;
filter rate {{ limit messages {capacity} per 3000d by rcpt.domain; limit messages 5 per 1h by sender; }}
filter greylist {{ delay 1m; }}
filter reputation;
policy {{
    at rcpt {{
        reject 550 5.7.1 "trapped" if sender in trap;
        tempfail 451 4.7.1 "over" if rate.exceeded;
        tempfail 451 4.7.1 "greylisted" if greylist.new;
    }}
    at message {{ accept; }}
}}
"""

# The queue has a file system of its own: only policy state meets the full one.
SMALL_STATE = """mount -t tmpfs -o size=6m none '$STATE'
mkdir '$STATE/queue'
mount -t tmpfs -o size=64m none '$STATE/queue'
[ "$(id -u)" != 0 ] || chown nobody '$STATE/queue'
"""


def send(world, g, sender):
    """The reply to one message."""
    return send_milter(world, g, sender) if world.face == "milter" else send_smtp(world, g, sender)


def send_milter(world, g, sender):
    world.variables, world.transcript = {}, []
    session = MilterSession(world, g, {}, "milter")
    try:
        for command, data in (("H", b"load.example\0"), ("M", f"<{sender}>\0".encode()), ("R", b"<b@example.net>\0"),
                              ("T", b""), ("L", b"Subject\0 x\0"), ("N", b""), ("B", b"hello\r\n"), ("E", b"")):
            answer = session.step(command, data, command)
            if answer is not None and answer != "s":
                return int(answer[:3]) if answer[:1].isdigit() else answer
        return 250
    finally:
        session.client.close()


def send_smtp(world, g, sender):
    with smtplib.SMTP(world.host, g.ports["PORT"], timeout=30) as s:
        s.ehlo("load.example")
        try:
            s.sendmail(sender, ["b@example.net"], f"X-Number: {random.getrandbits(40)}\r\nX-Digest: x\r\n\r\nhello\r\n")
        except smtplib.SMTPRecipientsRefused as e:
            return next(iter(e.recipients.values()))[0]
        except smtplib.SMTPResponseException as e:
            return e.smtp_code
    return 250


def log_of(g):
    with open(os.path.join(g.dir, "log"), encoding="utf-8", errors="replace") as f:
        return f.read()


def expect(what, got, wanted):
    if got != wanted:
        raise crash.Failure(what, f"{got}, expected {wanted}")


def until_failing(world, g):
    """Messages until a commit has found no room: how many were taken, which all must be."""
    taken = 0
    while "cannot write" not in log_of(g):
        expect("full disk", send(world, g, f"u{taken}@many{taken}.example"), 250)
        taken += 1
        if taken > 5000:
            raise crash.Failure("full disk", "the file of policy state still had room after 5000 messages")
    return taken


def full_disk(world, _options, _rng):
    if not crash.can_mount(["-t", "tmpfs", "none"]):
        return "skip: no mount namespace here"
    g = crash.Namespace(world, SMALL_STATE)
    g.write(FULL_CONFIG.format(hop=world.hops[0].endpoint(), capacity=CAPACITY))
    g.start("start")
    g.control(["list", "add", "trap", "bad.example"])
    g.control(["greylist", "release", "127.0.0.1"])
    expect("before", [send(world, g, "a@good.example"), send(world, g, "a@bad.example")], [250, 550])
    time.sleep(0.3)
    g.enter("dd", "if=/dev/zero", f"of={g.state}/ballast", "bs=4k")
    taken = 1 + until_failing(world, g)
    # Decided from memory: what was known, and what is new.
    got = [send(world, g, "x@few.example") for _ in range(6)] + [send(world, g, "a@bad.example")]
    expect("during", got, [250] * 5 + [451, 550])
    g.enter("rm", f"{g.state}/ballast")
    if not crash.wait_for(lambda: "is written again" in log_of(g), 30, 0.2):
        raise crash.Failure("after", "the file is not written again")
    time.sleep(0.5)
    status, output = g.control(["rate", "show", "example.net", "--json"])
    counted = [json.loads(line)["taken"] for line in output.splitlines() if f"{CAPACITY} messages" in line]
    expect("counted", (status, counted), (0, [taken + 5]))
    return f"{taken + 5} messages, all of them taken and counted"


def full_disk_milter(world, options, rng):
    world.face = "milter"
    return full_disk(world, options, rng)


FULL_TESTS = (("policy state on a full disk", full_disk), ("policy state on a full disk, as a milter", full_disk_milter))
TESTS = FULL_TESTS + (("policy state after SIGKILL", play),)


def attempt(options, number, title, test, make_hop=None, keep=False):
    world = crash.World(options.builddir, number, make_hop)
    word = "ok"
    try:
        text = test(world, options, random.Random(options.seed))
    except crash.Failure as e:
        word, text = "not ok", str(e)
        with open(os.path.join(world.dir, "g1", "log"), encoding="utf-8", errors="replace") as f:
            print("".join("# " + line for line in f.readlines()[-20:]))
    print(f"{word} - {title}: {text} (seed {options.seed})")
    world.close(keep)
    return word == "ok"


def main():
    parser = argparse.ArgumentParser(description="kills roles while they write policy state")
    parser.add_argument("--builddir", default=".")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    tests = TESTS if options.kills else FULL_TESTS
    results = [attempt(options, number, *test) for number, test in enumerate(tests, 9)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
