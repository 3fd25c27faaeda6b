#!/usr/bin/python3
"""Nothing that was acknowledged may get lost: crashes, full and read-only disks, a flaky next hop.

    crash.py [--builddir DIR] [--rounds N] [--seed N] [--only NAME] [-k]

Clients send numbered messages over several sessions while the whole process group is ended with
SIGKILL at random moments and started again. At the end each message that had its 250 must be at the
next hop, with its bytes intact; a message may be there twice only when its first delivery was in
flight at a kill: the relay writes a result down before it goes on with the connection, so that
delivery is the last thing that its connection saw. Prints ok and not ok lines with the figures.
"""
import sys
sys.dont_write_bytecode = True

import argparse      # noqa: E402
import hashlib       # noqa: E402
import json          # noqa: E402
import os            # noqa: E402
import random        # noqa: E402
import re            # noqa: E402
import shutil        # noqa: E402
import signal        # noqa: E402
import socket        # noqa: E402
import struct        # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402
import threading     # noqa: E402
import time          # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mailtest"))
from mt.daemon import Gateway                   # noqa: E402
from mt.nexthop import NextHop, Rule            # noqa: E402
from mt.values import Failure                   # noqa: E402

CONNECTIONS = 10           # to the next hop: no more deliveries can be in flight
STILL_LOOKS = 10
DRAIN_SECONDS = 120


class World:
    """What Gateway wants of a scenario's run: folders, clock, next hop."""

    def __init__(self, builddir, number, make_hop=None):
        self.builddir = os.path.abspath(builddir)
        self.host = f"127.90.{number}.{os.getpid() % 250 + 1}"
        self.dir = tempfile.mkdtemp(prefix="crash-")
        os.chmod(self.dir, 0o755)
        self.dns, self.certificate, self.face = [], "", "smtp"
        self.hops = [(make_hop or Hop)("n1", self.host)]
        self.clock_path = os.path.join(self.dir, "clock")
        self.offset = 0
        self.gateways = []
        self.step(0)

    def program(self, name):
        return os.path.join(self.builddir, name)

    def step(self, seconds):
        self.offset += seconds
        with open(self.clock_path, "r+b" if os.path.exists(self.clock_path) else "wb") as f:
            f.write(struct.pack("=q", int(self.offset * 1e9)))

    def close(self, keep):
        """Whatever happened: nothing keeps running."""
        for g in self.gateways:
            g.may_fail = True
            g.stop("close", signal.SIGKILL)
        self.hops[0].down()
        if keep:
            print(f"# folder {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


class Hop(NextHop):
    """Counts instead of keeping: number -> (when, session) of each delivery; session -> number while
    nothing came behind it."""

    def __init__(self, name, host):
        self.deliveries, self.latest, self.damaged, self.stamp = {}, {}, [], threading.Lock()
        super().__init__(name, host, None)
        self.messages = self

    def append(self, message):
        self.note(int(message.headers("X-Number")[0]), message)

    def note(self, number, message):
        body = message.parts()[1]
        with self.stamp:
            self.deliveries.setdefault(number, []).append((time.monotonic(), message.session))
            self.latest[message.session] = number
            if hashlib.sha256(body).hexdigest() not in message.headers("X-Digest"):
                self.damaged.append(number)

    def log(self, session, _text):
        """A command: the relay knows by now what became of the message before."""
        self.latest.pop(session, None)

    def was_in_flight(self, number):
        """Nothing came behind its first delivery."""
        return self.latest.get(self.deliveries[number][0][1]) == number


class Load:
    """Sends numbered messages until told to stop; remembers which were acknowledged."""

    def __init__(self, address, sessions, rng, held=0):
        """held: every so many-th message also goes to a recipient whose copy is quarantined."""
        self.address, self.rng, self.held = address, rng, held
        self.lock, self.next, self.acked, self.refused = threading.Lock(), 0, set(), 0
        self.running = True
        self.threads = [threading.Thread(target=self.work, args=(random.Random(rng.random()),), daemon=True)
                        for _ in range(sessions)]
        for t in self.threads:
            t.start()

    def number(self):
        with self.lock:
            self.next += 1
            return self.next

    def is_held(self, number):
        return self.held > 0 and number % self.held == 0

    def sender(self, number):
        return f"a{number}@load.example"

    def head(self, _number):
        """Header fields beside those that the next hop looks for."""
        return ""

    def acknowledge(self, number):
        self.acked.add(number)

    def work(self, rng):
        while self.running:
            try:
                with socket.create_connection(self.address, 5) as s:
                    s.settimeout(20)
                    self.session(s, s.makefile("rb"), rng)
            except (OSError, EOFError):
                time.sleep(0.02)

    def session(self, s, replies, rng):
        expect(replies, "2")
        s.sendall(b"EHLO load.example\r\n")
        expect(replies, "2")
        for _ in range(rng.randrange(1, 30)):
            if not self.running:
                return
            number = self.number()
            body = make_body(number, rng)
            digest = hashlib.sha256(body).hexdigest()
            held = b"RCPT TO:<held@example.net>\r\n" if self.is_held(number) else b""
            s.sendall(b"MAIL FROM:<%s>\r\nRCPT TO:<b@example.net>\r\n%sDATA\r\n"
                      % (self.sender(number).encode(), held))
            codes = [expect(replies, "2345") for _ in range(4 if held else 3)]
            if codes[-1] != "354":
                with self.lock:
                    self.refused += 1
                s.sendall(b"RSET\r\n")
                expect(replies, "2")
                time.sleep(0.005)
                continue
            head = f"X-Number: {number}\r\nX-Digest: {digest}\r\n{self.head(number)}\r\n"
            text = head.encode() + body
            s.sendall(re.sub(rb"(?m)^\.", b"..", text) + b".\r\n")
            code = expect(replies, "245")
            with self.lock:
                if code == "250":
                    self.acknowledge(number)
                else:
                    self.refused += 1

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join(30)


def expect(replies, classes):
    while True:
        line = replies.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        if line[3:4] == b" ":
            if chr(line[0]) not in classes:
                raise EOFError
            return line[:3].decode()


def make_body(number, rng):
    """Mostly small, sometimes large, with dots, 8-bit and long lines."""
    size = rng.choice((200, 500, 2000, 2000, 8000, 40000, 300000 if number % 50 == 0 else 3000))
    line = b".%d " % number + bytes(rng.choice(b"abcdefgh .\xc3\xa9") for _ in range(rng.randrange(10, 200))) + b"\r\n"
    return line * (size // len(line) + 1)


def wait_for(check, seconds, step=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(step)
    return False


def drain(world, g, load=None):
    """Retries are due at once: the clock walks until nothing waits. It stands while the relay is at work, or about to be,
    for a step is a time-out to whoever waits for an answer, and a message that is sent again. A relay that has just begun
    knows of nothing yet: an empty list counts when all is there, or when it stays so."""
    looks = []

    def is_empty():
        status, output = g.control(["queue", "list", "--json"])
        looks.append(output)
        is_still = len(looks) > STILL_LOOKS and len(set(looks[-STILL_LOOKS:])) == 1
        if status == 0 and not output.strip():
            return is_still or not load or not load.acked - set(world.hops[0].deliveries)
        rows = [json.loads(line) for line in output.splitlines()] if status == 0 else [{"state": "unknown", "next": 0}]
        is_later = all(row["state"] != "active" and row["next"] > time.time() + world.offset for row in rows)
        if is_later or is_still:    # still: its site waits, not the message
            looks.clear()
            world.step(600)
        return False

    if not wait_for(is_empty, DRAIN_SECONDS, 0.3):
        raise Failure("drain", "the queue did not empty: " + g.control(["queue", "list"])[1][:1000])


def judge(world, load, kills, checks=(), unwritten_from=None):
    """The figures, after the queue has drained. Results from unwritten_from on never reached the disk."""
    hop = world.hops[0]
    lost = sorted(load.acked - set(hop.deliveries))
    twice = {n: d for n, d in hop.deliveries.items() if len(d) > 1}
    unexplained = [n for n, d in twice.items()
                   if not hop.was_in_flight(n) and (unwritten_from is None or d[0][0] < unwritten_from)]
    text = (f"{load.next} sent, {len(load.acked)} acknowledged, {load.refused} refused, "
            f"{len(hop.deliveries)} delivered, lost {len(lost)}, twice {len(twice)} "
            f"(not in flight: {len(unexplained)}), damaged {len(hop.damaged)}, kills {len(kills)}")
    if lost or hop.damaged or unexplained:
        raise Failure("result", f"{text}; lost {lost[:10]} unexplained {unexplained[:10]}")
    if len(load.acked) < 20:
        raise Failure("result", f"{text}: too few to mean anything")
    if unwritten_from is None and len(twice) > CONNECTIONS * len(kills):
        raise Failure("result", f"{text}: more than {CONNECTIONS} connections can explain")
    for problem in checks:
        if problem:
            raise Failure("result", f"{text}: {problem}")
    return text


def kill(g):
    """SIGKILL to the whole group; the moment of it."""
    process, g.process = g.process, None
    moment = time.monotonic()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not alive(process.pid), 5, 0.005)
    g.log_file.close()
    g.notify.close()
    return moment


def alive(group):
    """Whether a process of the group still runs; one that waits to be reaped does not."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False


def config(world):
    return f"""relay example.net {{ to {world.hops[0].endpoint()}; max-connections {CONNECTIONS}; }}
queue {{ free-min 256K; segment 1M; }}
policy {{ at message {{ quarantine "held" if rcpt == "held@example.net"; accept; }} }}
"""


def make(world):
    g = Gateway("g1", world)
    world.gateways.append(g)
    g.write(config(world))
    g.start("start")
    return g


def sigkill(world, options, rng):
    """SIGKILL under load"""
    g = make(world)
    load = Load((world.host, g.ports["PORT"]), 8, rng)
    kills = []
    for _ in range(options.rounds):
        time.sleep(rng.uniform(0.3, 1.5))
        kills.append(kill(g))
        g.start("restart")
    time.sleep(0.5)
    load.stop()
    drain(world, g, load)
    g.stop("end")
    return judge(world, load, kills)


def quarantined(g):
    """Numbers of the messages in quarantine, and what was left half done."""
    folder = os.path.join(g.state, "quarantine")
    names = set(os.listdir(folder))
    numbers = []
    for name in sorted(n for n in names if n.endswith(".json")):
        with open(os.path.join(folder, name[:-5] + ".eml"), "rb") as f:
            numbers.append(int(re.search(rb"(?m)^X-Number: (\d+)", f.read()).group(1)))
    return numbers, [n for n in names if not n.endswith(".json") and n[:-4] + ".json" not in names]


def aside(world, options, rng):
    """SIGKILL while copies go to the quarantine: there for what was acknowledged, once"""
    g = make(world)
    load = Load((world.host, g.ports["PORT"]), 8, rng, held=3)
    kills = []
    for _ in range(max(2, options.rounds // 2)):
        time.sleep(rng.uniform(0.3, 1.0))
        kills.append(kill(g))
        g.start("restart")
    time.sleep(0.5)
    load.stop()
    drain(world, g, load)
    g.stop("end")
    numbers, leftovers = quarantined(g)
    owed = {n for n in load.acked if load.is_held(n)}
    stray = [n for n in numbers if n not in load.acked]
    text = judge(world, load, kills, (
        len(owed - set(numbers)) and f"not in quarantine: {sorted(owed - set(numbers))[:10]}",
        len(numbers) != len(set(numbers)) and "in quarantine twice",
        len(stray) > 8 * len(kills) and f"in quarantine without a 250: {len(stray)}",
        leftovers and f"left over: {leftovers[:5]}"))
    return f"{text}, quarantined {len(numbers)} of {len(owed)} owed"


def flaky(world, options, rng):
    """SIGKILL while the next hop drops, defers and stalls"""
    g = make(world)
    hop = world.hops[0]
    load = Load((world.host, g.ports["PORT"]), 6, rng)
    kills = []
    for i in range(max(2, options.rounds // 2)):
        hop.rules = [rng.choice((Rule("end", "reply", "451 4.3.0 later", times=40),
                                 Rule("end", "drop", times=20), Rule("data", "drop", times=20),
                                 Rule("mail", "reply", "421 4.3.2 closing", times=20),
                                 Rule("rcpt", "reply", "450 4.2.0 busy", times=40)))]
        time.sleep(rng.uniform(0.2, 0.8))
        if i % 2:
            hop.down()
            time.sleep(0.2)
            hop.up()
        kills.append(kill(g))
        world.step(300)
        g.start("restart")
    hop.rules = []
    load.stop()
    drain(world, g, load)
    g.stop("end")
    return judge(world, load, kills)


def restarts(world, options, rng):
    """SIGTERM under load: nothing lost, nothing twice"""
    g = make(world)
    load = Load((world.host, g.ports["PORT"]), 6, rng)
    for _ in range(3):
        time.sleep(rng.uniform(0.2, 0.6))
        g.stop("stop")
        g.start("start")
    load.stop()
    drain(world, g, load)
    g.stop("end")
    return judge(world, load, [])


class Namespace(Gateway):
    """A gateway in a mount namespace of its own, where `mount` puts a small file system over the state."""

    def __init__(self, world, mount):
        super().__init__("g1", world)
        world.gateways.append(self)
        self.wrapper = os.path.join(self.dir, "in-namespace")
        account = "" if os.geteuid() else f"chown nobody '{self.state}'\n"
        with open(self.wrapper, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nset -e\n{mount.replace('$STATE', self.state)}\n{account}exec \"$@\"\n")
        os.chmod(self.wrapper, 0o755)

    def command(self):
        return UNSHARE + [self.wrapper] + super().command()

    def enter(self, *command):
        own = ["nsenter", "-t", str(self.process.pid), "--mount"]
        if os.geteuid():
            own += ["--user", "--preserve-credentials"]
        return subprocess.run(own + list(command), check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)

    def control(self, arguments, stdin=b"", timeout=60):
        done = self.enter(self.run.program("reevectl"), "-c", self.conf, *arguments)
        return done.returncode, done.stdout.decode("utf-8", "replace")


UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount(what):
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(UNSHARE + ["mount"] + what + [folder], check=False,
                              stderr=subprocess.DEVNULL).returncode == 0


def full_disk(world, _options, rng):
    """a full disk refuses with 4xx before acceptance, and recovers"""
    if not can_mount(["-t", "tmpfs", "none"]):
        return "skip: no mount namespace here"
    g = Namespace(world, "mount -t tmpfs -o size=12m none '$STATE'")
    g.write(config(world))
    g.start("start")
    world.hops[0].down()
    load = Load((world.host, g.ports["PORT"]), 6, rng)
    full = wait_for(lambda: load.refused >= 50, 60)
    accepted_before = len(load.acked)
    alive_then = g.is_running()
    world.hops[0].up()
    world.step(600)
    recovered = wait_for(lambda: len(load.acked) >= accepted_before + 50 or world.step(60), 60, 0.3)
    load.stop()
    drain(world, g, load)
    g.stop("end")
    return judge(world, load, [], (None if full else "the disk never filled up",
                                   None if alive_then else "the daemon ended",
                                   None if recovered else "nothing was accepted after the disk had room"))


def failing_disk(world, _options, rng):
    """a disk that fails and turns read-only refuses with 4xx; what was acknowledged is on it"""
    image = os.path.join(world.dir, "image")
    with open(image, "wb") as f:
        f.truncate(64 << 20)
    if not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", "-F", image], check=False).returncode \
            or not can_mount(["-o", "loop", image]):
        return "skip: no loop devices here"
    g = Namespace(world, f"mount -o loop,errors=remount-ro '{image}' '$STATE'")
    g.write(config(world))
    g.start("start")
    load = Load((world.host, g.ports["PORT"]), 4, rng)
    wait_for(lambda: len(load.acked) > 200, 20)
    source = g.enter("findmnt", "-n", "-o", "SOURCE", g.state).stdout.decode().strip()
    with open(f"/sys/fs/ext4/{os.path.basename(source)}/trigger_fs_error", "w", encoding="ascii") as f:
        f.write("test")
    failed_at, before = time.monotonic(), load.refused
    refused = wait_for(lambda: load.refused > before + 10, 30)
    g.may_fail = True
    g.stop("stop on a dead disk")
    g.may_fail = False
    if not wait_for(lambda: subprocess.run(["e2fsck", "-fy", image], check=False, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL).returncode in (0, 1), 10, 0.2):
        raise Failure("failing disk", "e2fsck could not repair it")
    g.start("start on the repaired disk")
    count = len(load.acked)
    recovered = wait_for(lambda: len(load.acked) > count + 20, 60)
    load.stop()
    drain(world, g, load)
    g.stop("end")
    # What was delivered while results could not be written down is delivered again, and what was in
    # memory only, for results are synced a little later: within a second, however busy the disk is.
    return judge(world, load, [], (None if refused else "nothing was refused",
                                   None if recovered else "nothing was accepted afterwards"), failed_at - 1)


TESTS = (sigkill, aside, flaky, restarts, full_disk, failing_disk)


def main():
    parser = argparse.ArgumentParser(description="proves that acknowledged mail is delivered")
    parser.add_argument("--builddir", default=".")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=[t.__name__ for t in TESTS])
    parser.add_argument("-k", action="store_true", help="keep the folders")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(f"# seed {options.seed}")
    failed = 0
    for i, test in enumerate(t for t in TESTS if options.only in (None, t.__name__)):
        world = World(options.builddir, i + 1)
        started, word = time.monotonic(), "ok"
        try:
            text = test(world, options, rng)
        except Failure as e:
            word, text = "not ok", str(e)
            failed += 1
        print(f"{word} {i + 1} - {test.__doc__}: {text} ({time.monotonic() - started:.0f} s)", flush=True)
        if word != "ok":
            log = os.path.join(world.dir, "g1", "log")
            with open(log, encoding="utf-8", errors="replace") as f:
                print("".join("# " + line for line in f.readlines()[-40:]))
        world.close(options.k)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
