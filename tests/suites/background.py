#!/usr/bin/python3
"""The daemon in the background, as a system starts it: it leaves at once, its roles log to syslog, from within
their sandbox and also after syslog was started again; and what the account says that they run as.

    background.py [BUILD]

Everything happens in a mount namespace of its own with a /dev/log of its own; where there can be none the test
is skipped.
"""
import sys
sys.dont_write_bytecode = True

import json          # noqa: E402
import os            # noqa: E402
import pwd           # noqa: E402
import re            # noqa: E402
import shutil        # noqa: E402
import signal        # noqa: E402
import smtplib       # noqa: E402
import socket        # noqa: E402
import struct        # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mailtest"))
from mt.daemon import FAULTS, Gateway           # noqa: E402
from mt.values import Failure                   # noqa: E402

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
SECONDS = 20 * float(os.environ.get("MAILTEST_SLOW", "1"))
# A /dev with what programs need; then, where that was another's root, back to the account that we had.
ENTER = """cd "$1"; shift
mkdir dev dev/shm
for name in null zero random urandom; do : >dev/$name; mount --bind /dev/$name dev/$name; done
mount --rbind dev /dev
if [ "$REAL_UID" = 0 ]; then exec "$@"; fi
exec unshare -U --map-user="$REAL_UID" --map-group="$REAL_GID" "$@"
"""


class Syslog:
    """/dev/log: an array of (priority, line)."""

    def __init__(self):
        self.lines = []
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(0.1)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)

    def close(self):
        self.socket.close()
        os.unlink("/dev/log")

    def await_line(self, role, event):
        """The next one like that."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                text = self.socket.recv(1 << 20).decode("utf-8")
            except socket.timeout:
                continue
            match = re.fullmatch(r"<(\d+)>\w+ +\d+ [\d:]+ mailreeved?\[\d+\]: (\{.*\})\n?", text)
            if not match:
                raise Failure("syslog", f"this is no line of ours: {text!r}")
            line = json.loads(match.group(2))
            self.lines.append(line)
            if line["role"] == role and line["event"] == event:
                equal(f"the priority of {event}", int(match.group(1)),
                      2 * 8 + {"error": 3, "warning": 4, "info": 6, "debug": 7}[line["level"]])
                return line
        raise Failure("syslog", f"no {event} of {role} in {[(x['role'], x['event']) for x in self.lines]}")


class World:
    """What a Gateway needs to know."""

    def __init__(self, builddir):
        self.builddir = os.path.abspath(builddir)
        self.dir = tempfile.mkdtemp(prefix="background-")
        os.chmod(self.dir, 0o755)
        self.host, self.face, self.hops, self.dns, self.certificate = "127.0.0.1", "smtp", [], [], ""
        self.clock_path = os.path.join(self.dir, "clock")
        with open(self.clock_path, "wb") as f:
            f.write(struct.pack("=q", 0))

    def program(self, name):
        return os.path.join(self.builddir, name)


def equal(what, got, wanted):
    if got != wanted:
        raise Failure(what, f"is {got!r}, expected {wanted!r}")


def run_daemon(gateway, *options):
    done = subprocess.run([gateway.run.program("mailreeved"), *options, "-c", gateway.conf], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False, env=gateway.environment())
    text = done.stdout.decode("utf-8", "replace")
    if FAULTS.search(text):
        raise Failure("start", text)
    return done.returncode, text


def send_mail(gateway):
    with smtplib.SMTP("127.0.0.1", gateway.ports["PORT"], timeout=SECONDS) as s:
        s.sendmail("a@sender.example", ["b@example.net"], b"Subject: 100%s %n\r\n\r\nx\r\n")


def has_account(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def master_of(gateway):
    """Only the master's arguments are those that we gave."""
    arguments = "\0".join([gateway.run.program("mailreeved"), "-c", gateway.conf, ""]).encode()
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                if f.read() == arguments:
                    return int(entry)
        except OSError:
            continue
    raise Failure("start", "there is no process in the background")


def await_role(gateway, name):
    end = time.monotonic() + SECONDS
    while not gateway.role_pid(name):
        if time.monotonic() > end:
            raise Failure("start", f"there is no role {name}")
        time.sleep(0.02)
    return gateway.role_pid(name)


def in_background(world, log):
    gateway = Gateway("g1", world)
    gateway.write('relay example.net { to 127.0.0.1:1; }\npolicy { at message { reject 550 5.7.1 "{subject}"; } }\n')
    status, text = run_daemon(gateway)
    equal("the exit of the program that was started", (status, "error" in text), (0, False))
    wants_warning = os.geteuid() == 0 and not has_account("mailreeve")
    equal("the warning of a missing account", "there is no account 'mailreeve': the roles run as 'nobody'" in text, wants_warning)
    master = master_of(gateway)
    try:
        role = await_role(gateway, "gateway")
        expect_refusal(gateway)
        line = log.await_line("gateway", "message")
        equal("what the line says", "100%s %n" in line["reply"], True)
        log.close()
        log.open()
        expect_refusal(gateway)
        log.await_line("gateway", "message")    # from within the sandbox to a new socket
        equal("the gateway is the same process", gateway.role_pid("gateway"), role)
    finally:
        os.kill(master, signal.SIGTERM)
    log.await_line("master", "stopped")


def expect_refusal(gateway):
    try:
        send_mail(gateway)
    except smtplib.SMTPDataError as e:
        equal("the reply", e.smtp_code, 550)
        return
    raise Failure("send", "the mail was taken")


def wrong_account(world):
    if os.geteuid() != 0:
        return
    for number, (name, wanted) in enumerate((("user no-such-account;", "there is no account 'no-such-account'"),
                         ("user nobody; group no-such-group;", "there is no group 'no-such-group'"))):
        gateway = Gateway(f"bad{number}", world)
        gateway.write(name + "\nrelay example.net { to 127.0.0.1:1; }\n")
        status, text = run_daemon(gateway, "-f")
        equal(name, (status != 0, wanted in text), (True, True))


def main():
    world = World(BUILD)
    try:
        log = Syslog()
        in_background(world, log)
        wrong_account(world)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        print(f"not ok - {e}")
        return 1
    finally:
        shutil.rmtree(world.dir, ignore_errors=True)
    print("ok - in the background the roles log to syslog, again after its restart")
    return 0


def enter():
    """Plays main() in a mount namespace with a /dev of its own."""
    options = ["-m"] if os.geteuid() == 0 else ["-rm"]
    if subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("# skipped: there can be no mount namespace here")
        return 77
    folder = tempfile.mkdtemp(prefix="background-dev-")
    environment = {**os.environ, "REAL_UID": str(os.geteuid()), "REAL_GID": str(os.getegid()), "IN_NAMESPACE": "1"}
    try:
        return subprocess.run(["unshare", *options, "sh", "-ec", ENTER, "sh", folder, sys.executable, os.path.abspath(__file__),
                               BUILD], env=environment, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main() if os.environ.get("IN_NAMESPACE") else enter())
