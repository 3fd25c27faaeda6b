#!/usr/bin/python3
"""Real clients and servers against the gateway: bytes arrive as they were sent.

    clients.py BUILD UNPACKED-PACKAGES [TEST...]
"""
import sys
sys.dont_write_bytecode = True

import hashlib       # noqa: E402
import os            # noqa: E402
import random        # noqa: E402
import re            # noqa: E402
import shutil        # noqa: E402
import smtplib       # noqa: E402
import struct        # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mailtest")]
from mt.daemon import Gateway, free_port    # noqa: E402
from mt.nexthop import NextHop              # noqa: E402
from mt.values import Failure               # noqa: E402
from postfix import Postfix                 # noqa: E402

HEAD = b"From: a@sender.example\r\nTo: b@example.net\r\nSubject: %s\r\nMessage-ID: <%s@sender.example>\r\n" \
       b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
MIME = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def bodies():
    """name -> body octets: what clients and servers are known to damage."""
    rng = random.Random(7)
    line = bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz .") for _ in range(74)) + b"\r\n"
    return {
        "plain": b"Hello,\r\n\r\nthis is plain.\r\n",
        "8bit": bytes(b for b in range(128, 256)) + b"\r\n" + "Grüße, żółć, почта, 邮件 📬\r\n".encode(),
        "dots": b".\r\n..\r\n...\r\n.a\r\n..b\r\n \r\n.\r\n.\r\nend.\r\n.\r\n",
        "lines": b"x" * 998 + b"\r\n" + b"." + b"y" * 997 + b"\r\n" + b"\r\n" * 50 + b"z\r\n",
        "blanks": b"trailing  \r\n\ttab\t\r\n\r\n\r\n  \r\n",
        "large": line * (20 * 1024 * 1024 // len(line)),
    }


class World:
    """What a Gateway needs to know: folders and the next hop (a server of ours, or another)."""

    def __init__(self, builddir, unpacked):
        self.builddir, self.unpacked = os.path.abspath(builddir), unpacked
        self.dir = tempfile.mkdtemp(prefix="clients-")
        os.chmod(self.dir, 0o755)
        self.host, self.face = "127.0.0.1", "smtp"
        self.dns = []
        self.certificate = os.path.join(self.dir, "tls.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "30", "-subj", "/CN=mx.gateway.example", "-keyout",
                        self.certificate + ".key", "-out", self.certificate], check=True,
                       stderr=subprocess.DEVNULL)
        with open(self.certificate + ".key", encoding="ascii") as key, \
                open(self.certificate, "a", encoding="ascii") as pem:
            pem.write(key.read())
        self.hop = NextHop("n1", self.host, self.certificate)
        self.hops = [self.hop]
        self.clock_path = os.path.join(self.dir, "clock")
        with open(self.clock_path, "wb") as f:
            f.write(struct.pack("=q", 0))
        self.postfixes = []
        self.gateway = None

    def program(self, name):
        return os.path.join(self.builddir, name)

    def start_gateway(self, text="policy { at message { accept; } }\n"):
        self.gateway = Gateway("g1", self)
        self.gateway.write(text)
        self.gateway.start("start")
        return self.gateway.ports["PORT"]

    def postfix(self, name, next_hop, extra=""):
        folder = os.path.join(self.dir, name)
        p = Postfix(self.unpacked, folder, self.host, free_port(self.host), next_hop, extra)
        self.postfixes.append(p)
        p.start()
        return p

    def await_messages(self, count, seconds=180):
        end = time.monotonic() + seconds
        while len(self.hop.messages) < count:
            if time.monotonic() > end:
                raise Failure("delivery", f"{len(self.hop.messages)} of {count} messages arrived in {seconds} s")
            time.sleep(0.05)

    def close(self):
        for p in self.postfixes:
            p.stop()
        try:
            if self.gateway:
                self.gateway.stop("end")
                self.gateway.check_log("end")
        finally:
            self.hop.down()
            shutil.rmtree(self.dir, ignore_errors=True)


def compare(world, sent):
    """Each sent body (by Subject) arrived once, with the same octets."""
    got = {}
    for m in world.hop.messages:
        got.setdefault(m.headers("Subject")[0], []).append(m.parts()[1])
    for name, body in sent.items():
        arrived = got.get(name, [])
        if len(arrived) != 1:
            raise Failure(name, f"arrived {len(arrived)} times")
        if arrived[0] != body:
            at = next((i for i, (x, y) in enumerate(zip(body, arrived[0])) if x != y), min(len(body), len(arrived[0])))
            raise Failure(name, f"{len(body)} octets sent, {len(arrived[0])} arrived, they differ at {at}: "
                          f"{body[at:at + 30]!r} became {arrived[0][at:at + 30]!r}")
    total = sum(map(len, sent.values()))
    digest = hashlib.sha256(b"".join(got[name][0] for name in sent)).hexdigest()[:16]
    return f"{len(sent)} messages, {total} octets intact, sha256 {digest}"


def message(name, body):
    return HEAD % (name.encode(), name.encode()) + MIME + body


def send_all(port, sent, tls=False):
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
        if tls:
            s.starttls()
        for name, body in sent.items():
            s.sendmail("a@sender.example", ["b@example.net"], message(name, body), ["BODY=8BITMIME"])


def python_smtplib(world):
    """Python smtplib, plain and with STARTTLS"""
    port = world.start_gateway()
    sent = bodies()
    send_all(port, sent)
    over_tls = {name + "-tls": body for name, body in sent.items()}
    send_all(port, over_tls, tls=True)
    world.await_messages(2 * len(sent))
    return compare(world, {**sent, **over_tls})


def swaks(world):
    """swaks: pipelined, with STARTTLS, with an attachment"""
    if not shutil.which("swaks"):
        return "skip: swaks is not installed"
    port = world.start_gateway()
    sent = {}
    for i, (name, body) in enumerate(bodies().items()):
        if name == "large":
            body = body[:1000 * 76]
        body += b"--\r\n"    # swaks takes a last line that is a dot for the end
        path = os.path.join(world.dir, name + ".eml")
        with open(path, "wb") as f:
            f.write(message(name, body)[:-2])    # swaks ends it with a CRLF of its own
        options = [["--pipeline"], ["--tls-optional"], []][i % 3]
        run(["swaks", "--server", f"127.0.0.1:{port}", "--from", "a@sender.example", "--to", "b@example.net",
             "--helo", "swaks.example", "--data", "@" + path, "--suppress-data"] + options)
        sent[name] = body
    refused = run(["swaks", "--server", f"127.0.0.1:{port}", "--from", "a@sender.example", "--to",
                   "b@elsewhere.example"], expect=24)
    if not re.search(r"<\*\* 55\d 5\.\d\.\d", refused):
        raise Failure("swaks", "no 55x reply to a stranger's recipient: " + refused[-300:])
    world.await_messages(len(sent))
    return compare(world, {name: body for name, body in sent.items()})


def run(command, expect=0, env=None, seconds=120):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=seconds,
                          stdin=subprocess.DEVNULL, env=env)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != expect:
        raise Failure(command[0], f"exit {done.returncode}: {text[-1500:]}")
    return text


def smtp_source(world):
    """smtp-source: 3000 messages over 50 sessions"""
    program = os.path.join(world.unpacked, "root/usr/sbin/smtp-source")
    if not os.path.exists(program):
        return "skip: Postfix is not unpacked"
    port = world.start_gateway()
    tools = Postfix(world.unpacked, os.path.join(world.dir, "tools"), "127.0.0.1", 1, ("127.0.0.1", 1))
    started = time.monotonic()
    run([program, "-s", "50", "-m", "3000", "-l", "4000", "-f", "a@sender.example", "-t", "b@example.net", "-d",
         f"127.0.0.1:{port}"], env=tools.environment())
    seconds = time.monotonic() - started
    world.await_messages(3000)
    lengths = {len(m.parts()[1]) for m in world.hop.messages}
    if len(world.hop.messages) != 3000 or len(lengths) != 1:
        raise Failure("smtp-source", f"{len(world.hop.messages)} messages, body lengths {sorted(lengths)[:5]}")
    return f"3000 messages accepted in {seconds:.1f} s, all delivered once"


def postfix_in_front(world):
    """Postfix relays in"""
    problem = no_postfix(world)
    if problem:
        return problem
    port = world.start_gateway()
    p = world.postfix("front", ("127.0.0.1", port))
    sent = bodies()
    send_all(p.port, sent)
    world.await_messages(len(sent))
    return compare(world, sent)


def postfix_behind(world):
    """Postfix is the internal server"""
    problem = no_postfix(world)
    if problem:
        return problem
    p = world.postfix("behind", ("127.0.0.1", world.hop.port))
    port = world.start_gateway(f"relay example.net {{ to 127.0.0.1:{p.port}; }}\npolicy {{ at message {{ accept; }} }}\n")
    sent = bodies()
    send_all(port, sent)
    world.await_messages(len(sent))
    return compare(world, sent)


def no_postfix(world):
    if os.geteuid() != 0:
        return "skip: a private Postfix needs root"
    if not os.path.exists(os.path.join(world.unpacked, "root/usr/lib/postfix/sbin/master")):
        return "skip: Postfix is not unpacked"
    return None


TESTS = (python_smtplib, swaks, smtp_source, postfix_in_front, postfix_behind)


def main():
    builddir, unpacked = sys.argv[1], os.path.abspath(sys.argv[2])
    failed = 0
    for i, test in enumerate(t for t in TESTS if not sys.argv[3:] or t.__name__ in sys.argv[3:]):
        world, word, log = World(builddir, unpacked), "ok", ""
        started = time.monotonic()
        try:
            try:
                text = test(world)
            finally:
                log = world.gateway.log() if world.gateway else ""
                log += "".join(p.log() for p in world.postfixes)
                world.close()
        except (Failure, RuntimeError, smtplib.SMTPException, OSError, subprocess.SubprocessError) as e:
            word, text = "not ok", f"{type(e).__name__} {e}"
            failed += 1
        note = f" # SKIP {text[6:]}" if text.startswith("skip: ") else f": {text} ({time.monotonic() - started:.0f} s)"
        print(f"{word} {i + 1} - {test.__doc__}{note}", flush=True)
        if word != "ok":
            print("".join(f"# {line}\n" for line in log.splitlines()[-40:]), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
