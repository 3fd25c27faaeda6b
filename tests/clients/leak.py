#!/usr/bin/python3
"""Nothing stays behind when an SMTP session has ended, however it ended, nor when the configuration and its
keys were loaded again: memory, descriptors and threads are where they were, and LeakSanitizer, where the
build has it, finds nothing at the end.

    leak.py BUILD [SESSIONS]    default 10000

What is lost is LeakSanitizer's to find; what is kept for good although somebody could still free it shows
in the memory of the process, which a build with sanitizers does not give back.
"""
import sys
sys.dont_write_bytecode = True

import os            # noqa: E402
import re            # noqa: E402
import socket        # noqa: E402
import ssl           # noqa: E402
import struct        # noqa: E402
import threading     # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mailtest")]
from clients import World                       # noqa: E402
from mt.daemon import Gateway, is_sanitized             # noqa: E402
from mt.dnsd import Dns                         # noqa: E402
from mt.values import Failure                   # noqa: E402

SLOW = float(os.environ.get("MAILTEST_SLOW", "1"))
CLIENTS = 8
ROUNDS = 5              # the first one fills pools and caches; the growth of the others counts
RELOADS = 4             # in each round, while its sessions run
RELOADS_ALONE = 40      # without sessions, with keys each time; three times
MORE_FILES = 4          # segments and state are opened when they are needed
GROWTH_KIB = 2048       # of the allocator's own making; 256 octets of each of 10,000 sessions are more
RELOAD_KIB = 512        # the contexts of three listeners, 40 times, are more
IDLE_SECONDS = 60 * SLOW

CONFIGURATION = """
filter greet;
filter headers;
filter rate { limit messages 1000000 per 1h by client; }
filter rules { load "{dir}/leak.cf"; }
limits { message 1M; errors 3; }
listen 127.0.0.1:{PORT} { {tls} xclient 127.0.0.0/8; }
listen 127.0.0.1:{PROXYPORT} { {tls} proxy 127.0.0.0/8; }
listen 127.0.0.1:{TLSPORT} { tls implicit {pair} }
policy {
    at rcpt { reject 550 5.1.1 "no such user" if rcpt == "gone@example.net"; }
    at message {
        reject 550 5.7.1 "refused, {score}" if subject == "refuse";
        tempfail 451 4.7.1 "come back" if subject == "defer";
        quarantine "held" if subject == "hold";
        discard if subject == "drop";
        tag header "X-Score" "{score}";
        accept;
    }
}
"""
RULE = "body NEEDLE /split needle here/\nscore NEEDLE 4\ndescribe NEEDLE a text\n"
ENVELOPE = b"MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@example.net>\r\n"


def content(subject, lines=4):
    head = f"From: a@sender.example\r\nTo: b@example.net\r\nSubject: {subject}\r\nMessage-ID: <1@sender.example>\r\n"
    return (head + "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n" + "a split needle here\r\n" * lines).encode()


def chunk(subject, lines=4):
    octets = content(subject, lines)
    return b"BDAT %d LAST\r\n" % len(octets) + octets


class Session:
    def __init__(self, ports, port="PORT", context=None):
        self.context = context
        self.socket = socket.create_connection(("127.0.0.1", ports[port]), timeout=60 * SLOW)
        if port == "TLSPORT":
            self.start_tls()

    def start_tls(self):
        self.socket = self.context.wrap_socket(self.socket)

    def say(self, octets):
        self.socket.sendall(octets)

    def reply(self, code):
        """Reads until a final line with this code has come."""
        got = b""
        while not re.search(rb"(?m)^%s [^\n]*\r\n" % code, got):
            more = self.socket.recv(65536)
            if not more:
                raise Failure("session", f"closed before {code.decode()}: {got[-300:]!r}")
            got += more
        return got

    def hello(self):
        self.reply(b"220")
        self.say(b"EHLO client.example\r\n")
        self.reply(b"250")

    def finish(self):
        """QUIT and whatever is still to be read."""
        self.say(b"QUIT\r\n")
        self.drain()

    def drain(self):
        try:
            while self.socket.recv(65536):
                pass
        except OSError:    # the other side may have closed with something of ours unread
            pass
        self.socket.close()

    def abort(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


# ---- what sessions do ----

def verdicts(s):
    s.hello()
    s.say(b"".join(ENVELOPE + chunk(subject, 400) for subject in ("refuse", "defer", "drop")))
    s.finish()


def dialogue(s):
    s.hello()
    s.say(ENVELOPE + b"RCPT TO:<gone@example.net>\r\nDATA\r\n")
    s.reply(b"354")
    s.say(content("drop") + b".\r\nNOOP\r\nMAIL FROM:<b@sender.example>\r\nRSET\r\nVRFY x\r\n")
    s.finish()


def large(s):
    s.hello()
    s.say(ENVELOPE + chunk("refuse", 14000))    # more than stays in memory
    s.finish()


def accepted(s):
    s.hello()
    s.say(ENVELOPE + chunk("keep") + ENVELOPE + chunk("hold"))
    s.finish()


def errors(s):
    s.hello()
    s.say(b"MAIL FROM:<a@\x00>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + b"x" * 3000 + b"\r\nEHLO [1.2\r\n")
    s.drain()


def impatient(s):
    s.say(b"EHLO client.example\r\n" + ENVELOPE + b"QUIT\r\n")
    s.drain()


def gone_at_banner(s):
    s.abort()


def gone_in_data(s):
    s.hello()
    s.say(ENVELOPE + b"DATA\r\n")
    s.reply(b"354")
    s.say(content("refuse", 400))
    s.abort()


def gone_in_chunk(s):
    s.hello()
    s.say(ENVELOPE + b"BDAT 400000\r\n" + content("refuse", 14000))
    s.abort()


def gone_at_verdict(s):
    s.hello()
    s.say(ENVELOPE + chunk("hold", 400))
    s.abort()


def over_tls(s):
    s.hello()
    s.say(b"STARTTLS\r\n")
    s.reply(b"220")
    s.start_tls()
    s.say(b"EHLO client.example\r\n" + ENVELOPE + chunk("refuse"))
    s.finish()


def gone_in_tls(s):
    s.hello()
    s.say(b"STARTTLS\r\n")
    s.reply(b"220")
    s.start_tls()
    s.say(ENVELOPE + b"BDAT 400000\r\n" + content("refuse"))
    s.abort()


def no_tls(s):
    s.hello()
    s.say(b"STARTTLS\r\n")
    s.reply(b"220")
    s.say(b"this is no handshake\r\n" * 20)
    s.drain()


def injected(s):
    s.hello()
    s.say(b"STARTTLS\r\nNOOP\r\n")
    s.drain()


def implicit(s):
    s.hello()
    s.say(ENVELOPE + chunk("drop"))
    s.finish()


def proxied(s):
    s.say(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
    s.hello()
    s.say(ENVELOPE + chunk("drop"))
    s.finish()


def bad_proxy(s):
    s.say(b"PROXY TCP4 192.0.2.x\r\n")
    s.drain()


def posing(s):
    s.hello()
    s.say(b"XCLIENT ADDR=192.0.2.9 NAME=a.example HELO=b.example\r\n")
    s.reply(b"220")
    s.say(b"EHLO c.example\r\nXCLIENT ADDR=192.0.2.10 NAME=+0A\r\n" + ENVELOPE + chunk("drop"))
    s.finish()


# (what it does, its port, how many of a hundred)
KINDS = ((verdicts, "PORT", 12), (dialogue, "PORT", 12), (large, "PORT", 1), (accepted, "PORT", 2), (errors, "PORT", 8),
         (impatient, "PORT", 8), (gone_at_banner, "PORT", 6), (gone_in_data, "PORT", 8), (gone_in_chunk, "PORT", 1),
         (gone_at_verdict, "PORT", 2), (over_tls, "PORT", 5), (gone_in_tls, "PORT", 4), (no_tls, "PORT", 4),
         (injected, "PORT", 4), (implicit, "TLSPORT", 5), (proxied, "PROXYPORT", 7), (bad_proxy, "PROXYPORT", 5),
         (posing, "PORT", 6))
MIX = [kind for kind in KINDS for _ in range(kind[2])]
assert len(MIX) == 100


class Proof:
    def __init__(self, builddir, count):
        self.count = count
        self.world = World(builddir, "")
        self.world.dns = [Dns("d1", "127.0.0.1")]
        self.clock = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        with open(os.path.join(self.world.dir, "leak.cf"), "w", encoding="ascii") as f:
            f.write(RULE)
        self.gateway = self.world.gateway = Gateway("g1", self.world)
        self.gateway.write(self.configuration())
        self.gateway.start("start")
        self.pid = self.gateway.role_pid("gateway")
        self.is_sanitized = is_sanitized(self.world.program("mailreeved"))

    def configuration(self):
        pair = f'certificate "{self.world.certificate}" key "{self.world.certificate}";'
        names = {"dir": self.world.dir, "tls": "tls " + pair, "pair": pair, **self.gateway.ports}
        return re.sub(r"\{(%s)\}" % "|".join(names), lambda m: str(names[m.group(1)]), CONFIGURATION)

    def play(self, first, count):
        """Sessions first to first + count of the mix, by some clients at the same time."""
        problems = []

        def client(number):
            try:
                for n in range(first + number, first + count, CLIENTS):
                    fn, port, _ = MIX[n * 37 % 100]
                    fn(Session(self.gateway.ports, port, self.context))
            except (Failure, OSError) as e:
                problems.append(f"{fn.__name__}: {type(e).__name__} {e}")

        threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
        for t in threads:
            t.start()
        for _ in range(RELOADS):
            self.gateway.reload("reload")
        for t in threads:
            t.join()
        if problems:
            raise Failure("sessions", problems[0])

    def stats(self):
        status, text = self.gateway.control(["stats"])
        if status:
            raise Failure("stats", text)
        return {name: int(value) for name, value in re.findall(r"smtp\W+([\w-]+)\W+(\d+)", text)}

    def await_idle(self):
        """No session is open; old keys, which are kept for a minute, are gone."""
        end = time.monotonic() + IDLE_SECONDS
        while self.stats()["sessions"] or self.stats()["memory"]:
            if time.monotonic() > end:
                raise Failure("idle", f"{self.stats()['sessions']} sessions are left, spool {self.stats()['memory']}")
            time.sleep(0.05)
        self.clock += 120
        with open(self.world.clock_path, "r+b") as f:
            f.write(struct.pack("=q", self.clock * 10 ** 9))
        if self.gateway.role_pid("gateway") != self.pid:
            raise Failure("idle", "the gateway died")

    def used(self):
        """KiB of its own, descriptors, threads."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            kib = sum(int(x) for x in re.findall(r"Private_\w+: +(\d+)", f.read()))
        return kib, len(os.listdir(f"/proc/{self.pid}/fd")), len(os.listdir(f"/proc/{self.pid}/task"))

    def run(self):
        return f"{self.reload_alone()}; {self.play_rounds()}"

    def reload_alone(self):
        """Before any session: what these left of the heap would hide more than it shows."""
        used = []
        for _ in range(3):
            for _ in range(RELOADS_ALONE):
                self.gateway.reload("reload")
            self.await_idle()
            used.append(self.used())
        text = f"{used[1][0]} KiB before, {used[2][0]} KiB after {RELOADS_ALONE} reloads"
        self.compare(used[1], used[2], RELOAD_KIB, text)
        return text

    def play_rounds(self):
        used = []
        for n in range(ROUNDS):
            self.play(n * self.count // ROUNDS, self.count // ROUNDS)
            self.await_idle()
            used.append(self.used())
        text = ", ".join(str(u[0]) for u in used) + f" KiB after each fifth, {used[-1][1]} descriptors, {used[-1][2]} threads"
        self.compare(used[0], used[-1], GROWTH_KIB, text)
        return text

    def compare(self, before, after, kib, text):
        if after[1] > before[1] + MORE_FILES or after[2] > before[2]:
            raise Failure("leak", f"{before[1]} descriptors and {before[2]} threads have become more: {text}")
        if after[0] - before[0] > kib and not self.is_sanitized:
            raise Failure("leak", text)


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    started, word = time.monotonic(), "ok"
    proof = Proof(sys.argv[1], count)
    try:
        try:
            note = proof.run()
            proof.gateway.stop("end")    # LeakSanitizer speaks at the end
        finally:
            log = proof.gateway.log()
            proof.world.dns[0].close()
            proof.world.close()
    except (Failure, OSError) as e:
        word, note = "not ok", f"{type(e).__name__} {e}\n# " + log[-4000:].replace("\n", "\n# ")
    print(f"{word} - {count} sessions and {ROUNDS * RELOADS + 3 * RELOADS_ALONE} reloads leave nothing behind ({time.monotonic() - started:.0f} s)\n# {note}")
    return word != "ok"


if __name__ == "__main__":
    sys.exit(main())
