#!/usr/bin/python3
"""The second half of tools/quickstart: starts the gateway of a build folder with an internal server
and a small DNS of its own, sends the sample messages, prints what became of each.

    demo.py BUILD [--stay]
"""
import email.utils
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tests", "mailtest"))
from mt.dnsd import Dns             # noqa: E402
from mt.nexthop import NextHop      # noqa: E402
from mt.parse import parse          # noqa: E402
from mt.values import substitute    # noqa: E402

SAMPLES = os.path.join(TOP, "tests", "samples", "quickstart")
PORT = 2525


def is_open_to_all(*paths):
    """Whether other accounts get there."""
    folders = set()
    for path in paths:
        while path not in folders:
            folders.add(path)
            path = os.path.dirname(path)
    return all(os.stat(f).st_mode & 0o001 for f in folders)


class Demo:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="mailreeve-quickstart-")
        os.chmod(self.dir, 0o755)    # started by root, the daemon's parts run as another account
        self.conf = os.path.join(self.dir, "mailreeve.conf")
        self.log_path = os.path.join(self.dir, "log")
        self.server, self.dns, self.gateway = None, None, None
        self.port = PORT if is_free(PORT) else 0
        self.top = TOP
        if os.geteuid() == 0 and not is_open_to_all(TOP, self.build):
            self.top, self.build = self.copies()

    def copies(self):
        """What the daemon's parts read and start: their account may not look into a folder like /root."""
        top, programs = os.path.join(self.dir, "sources"), os.path.join(self.dir, "programs")
        for folder in ("rules", os.path.relpath(SAMPLES, TOP)):
            shutil.copytree(os.path.join(TOP, folder), os.path.join(top, folder), ignore=shutil.ignore_patterns("*.[cho]"))
        os.makedirs(programs)
        for name in ("mailreeved", "reevectl", "mailreeve-scanner"):
            shutil.copy(os.path.join(self.build, name), programs)
        return top, programs

    def start(self):
        self.server = NextHop("internal", "127.0.0.1", None)
        self.dns = Dns("dns", "127.0.0.1")
        with open(os.path.join(SAMPLES, "zone"), encoding="utf-8") as f:
            zone = parse("zone", "dns d {\n" + f.read() + "\n}\n")
        self.dns.load(zone[0].block(), {}, substitute)
        if not self.port:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            print(f"Port {PORT} is taken on this machine: using {self.port} instead.")
        with open(os.path.join(SAMPLES, "mailreeve.conf"), encoding="utf-8") as f:
            text = f.read()
        for name, value in {"PORT": self.port, "STATE": self.dir, "TOP": self.top,
                            "DNS": f"127.0.0.1:{self.dns.port}",
                            "INTERNAL": f"127.0.0.1:{self.server.port}"}.items():
            text = text.replace(f"@{name}@", str(value))
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        with open(self.log_path, "wb") as log:
            self.gateway = subprocess.Popen(
                [os.path.join(self.build, "mailreeved"), "-f", "-c", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.await_banner()

    def await_banner(self):
        for _ in range(200):
            if self.gateway.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.settimeout(5)
                    if s.recv(4) == b"220 ":
                        return
            except OSError:
                time.sleep(0.05)
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            sys.exit("The gateway did not start; its log:\n" + f.read())

    def stop(self):
        if self.gateway and self.gateway.poll() is None:
            self.gateway.send_signal(signal.SIGTERM)
            try:
                self.gateway.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.gateway.pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def log_line(self, reply):
        """The log's line for the message whose id the reply names."""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            for line in f:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("event") == "message" and f"({entry.get('id')})" in reply:
                    return entry
        return {}


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def send(demo, sample):
    """One message in a session of its own; returns the last reply."""
    with open(os.path.join(SAMPLES, sample["file"]), "rb") as f:
        data = f.read().replace(b"\n", b"\r\n")
    # Written today, all but the spam, which comes from the future.
    date = email.utils.formatdate(time.time() + 45 * 86400 * ("spam" in sample["file"]))
    data = re.sub(rb"(?m)^Date: .*\r$", b"Date: " + date.encode() + b"\r", data, count=1)
    line = b"Another photograph, described in words and repeated many times over.\r\n"
    data += line * (int(sample["pad"]) // len(line))
    with smtplib.SMTP("127.0.0.1", demo.port, timeout=30) as smtp:
        smtp.ehlo("quickstart.example")
        smtp.docmd("XCLIENT", f"ADDR={sample['client']}")    # stands for a client elsewhere
        smtp.ehlo(sample["helo"])
        reply = smtp.docmd("MAIL", f"FROM:<{sample['from']}> SIZE={len(data)}")
        if reply[0] == 250:
            reply = smtp.docmd("RCPT", f"TO:<{sample['to']}>")
        if reply[0] == 250:
            reply = smtp.docmd("DATA")
        if reply[0] == 354:
            smtp.sock.sendall(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
            reply = smtp.getreply()
    return f"{reply[0]} {reply[1].decode('utf-8', 'replace')}".replace("\n", " ")


def samples():
    with open(os.path.join(SAMPLES, "envelopes"), encoding="utf-8") as f:
        keys = f.readline().lstrip("# ").split()
        return [dict(zip(keys, line.split())) for line in f]


def reason(entry, reply):
    """For people: the reply when it is a refusal, else what was found."""
    found = sorted(entry.get("findings", {}).items(), key=lambda f: -abs(f[1]))
    names = ", ".join(f"{name} {score:+.1f}" for name, score in found[:4] if score)
    text = re.sub(r" \([\w-]+\)$", "", reply)
    if reply[0] != "2":
        return text + (f"  [{names}]" if names else "")
    return names or "nothing found against it"


def send_all(demo):
    print(f"\n{'message':<18} {'verdict':<10} {'score':>5}  {'spf':<8} {'dmarc':<6} reason")
    print("-" * 110)
    replies = []
    for sample in samples():
        reply = send(demo, sample)
        entry = demo.log_line(reply)
        verdict = entry.get("verdict") or {"2": "accept", "4": "tempfail"}.get(reply[0], "reject")
        score = f"{entry['score']:.1f}" if "score" in entry else "-"
        auth = entry.get("auth", {})
        print(f"{sample['file']:<18} {verdict:<10} {score:>5}  {auth.get('spf', '-'):<8} {auth.get('dmarc', '-'):<6} "
              f"{reason(entry, reply)}")
        replies.append((sample, reply, verdict))
    return replies


def show_copy(demo):
    end = time.monotonic() + 10
    while not demo.server.messages and time.monotonic() < end:
        time.sleep(0.02)
    if not demo.server.messages:
        print("\nThe internal server has received nothing: see", demo.log_path)
        return False
    message = demo.server.messages[0]
    print(f"\nThe internal server's copy of the first accepted message, from <{message.sender}> "
          f"to <{message.rcpts[0]}>:\n")
    for line in message.raw.decode("utf-8", "replace").splitlines():
        print("    " + line)
    return True


def hints(demo):
    ctl = f"{os.path.relpath(demo.build)}/reevectl -c {demo.conf}"
    print(f"""
The gateway listens on 127.0.0.1:{demo.port} until you press Ctrl-C. In another terminal, try:

    {ctl} scan --explain {os.path.relpath(SAMPLES)}/03-spam.eml
    {ctl} help                      (and: help policy-default, help dnsbl, help reject)
    {ctl} queue list
    {ctl} quarantine list
    {ctl} stats
    swaks --server 127.0.0.1:{demo.port} --from me@friends.example --to you@example.org
    edit {demo.conf}, then {ctl} reload
    tail -f {demo.log_path}
""")


def main():
    stay = "--stay" in sys.argv[2:]
    demo = Demo(sys.argv[1])
    try:
        demo.start()
        print(f"A gateway for example.org runs on 127.0.0.1:{demo.port}, an internal server behind it on "
              f"127.0.0.1:{demo.server.port}.\nIts configuration: {demo.conf}")
        replies = send_all(demo)
        good = show_copy(demo) and {r[2] for r in replies} >= {"accept", "reject"}
        if stay:
            hints(demo)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            while demo.gateway.poll() is None:
                time.sleep(0.5)
        elif good:
            print("\nDone; its temporary state is gone again. tools/quickstart --stay keeps it running.")
        return 0 if good else 1
    except KeyboardInterrupt:
        return 0
    finally:
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
