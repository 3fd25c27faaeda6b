"""The daemon under test: writes its configuration, starts it as the current user, reads its log.

What a scenario does not set is filled in: hostname, state, dns, listeners and a route for
example.net and example.org to the first next hop, one connection at a time, so that messages arrive
there in the order in which they were sent.
"""
import functools
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import time

from .values import Failure

READY_SECONDS = 20 * float(os.environ.get("MAILTEST_SLOW", "1"))
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tsan.supp")
FAULTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed"
                    r"|assertion failed|stack smashing")


def free_ports(host, count):
    """All are held until all are found: one that is let go may be found again."""
    sockets = [socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) for _ in range(count)]
    for s in sockets:
        s.bind((host, 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def free_port(host):
    return free_ports(host, 1)[0]


@functools.lru_cache(maxsize=None)
def is_sanitized(program):
    with open(program, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return any(text.find(name) >= 0 for name in (b"__asan_init", b"__tsan_init", b"__msan_init"))


class Gateway:
    def __init__(self, name, run):
        self.name, self.run = name, run
        self.dir = os.path.join(run.dir, name)
        self.state = os.path.join(self.dir, "state")
        self.conf = os.path.join(self.dir, "mailreeve.conf")
        self.log_path = os.path.join(self.dir, "log")
        self.process, self.log_file, self.notify = None, None, None
        self.may_fail = False
        names = ("PORT", "PROXYPORT", "TLSPORT")
        self.ports = dict(zip(names, free_ports(run.host, len(names))))
        os.makedirs(self.state)

    def names(self):
        own = {"STATE": self.state, "CONF": self.conf, "GDIR": self.dir, "PID": str(self.process.pid if self.process else 0)}
        return {**own, **{k: str(v) for k, v in self.ports.items()}}

    def write(self, text):
        """text: the scenario's configuration, already substituted."""
        host, tls = self.run.host, self.run.certificate
        has = lambda word: re.search(rf"^\s*{word}\b", text, re.M)
        lines = []
        if not has("hostname"):
            lines.append("hostname mx.gateway.example;")
        if not has("state"):
            lines.append(f'state "{self.state}";')
        if not has("runtime"):
            lines.append(f'runtime "{self.dir}/run";')
        if not has("drain"):
            lines.append("drain 10s;")
        if not has("queue"):
            lines.append("queue { free-min 1M; }")
        if not has("dns") and self.run.dns:
            lines.append(f"dns {{ server {self.run.dns[0].host}:{self.run.dns[0].port}; }}")
        if not has("listen"):
            p, pair = self.ports, f'certificate "{tls}" key "{tls}";'
            offer = f"tls {pair}" if tls else ""
            lines.append(f"listen {host}:{p['PORT']} {{ {offer} }}")
            lines.append(f"listen {host}:{p['PROXYPORT']} {{ {offer} proxy 127.0.0.0/8; }}")
            if tls:
                lines.append(f"listen {host}:{p['TLSPORT']} {{ tls implicit {pair} }}")
        if self.run.face == "milter" and not has("milter"):
            lines.append(f'milter "unix:{self.dir}/milter.sock";')
        if not has("relay") and self.run.hops:
            lines.append(f"relay example.net example.org {{ to {self.run.hops[0].endpoint()}; "
                         "max-connections 1; }")
        with open(self.conf, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(text + "\n# what the scenario left to the harness:\n" + "\n".join(lines) + "\n")

    def environment(self):
        # What the sandbox does not allow is the end of the process: nothing of it goes unnoticed here. Sanitizers
        # do more than their programs, at the end above all: the roles are not confined then, and look for leaks.
        mode = {"REEVE_SECCOMP": "kill"}
        if is_sanitized(self.run.program("mailreeved")):
            mode = {} if getattr(self.run, "is_confined", False) else {"REEVE_LEAKS": "1"}
        return {**mode, **os.environ, "REEVE_CLOCK": self.run.clock_path,
                "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                "TSAN_OPTIONS": f"halt_on_error=0:second_deadlock_stack=1:suppressions={SUPPRESSIONS}",
                "UBSAN_OPTIONS": "print_stacktrace=1"}

    def control_environment(self):
        """reevectl changes its account when root starts it: LeakSanitizer cannot look at it then."""
        return {**self.environment(), "ASAN_OPTIONS": "detect_leaks=0" if os.geteuid() == 0 else ""}

    def start(self, where):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.dir, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify.bind(path)
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            start_new_session=True, cwd=self.dir, env={**self.environment(), "NOTIFY_SOCKET": path})
        self.await_ready(where)

    def command(self):
        return [self.run.program("mailreeved"), "-f", "-c", self.conf]

    def await_ready(self, where):
        """READY=1 by sd_notify."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.notify.settimeout(0.05)
            try:
                if b"READY=1" in self.notify.recv(4096):
                    return
            except socket.timeout:
                if self.process.poll() is not None:
                    raise Failure(where, f"{self.name} ended with {self.process.returncode} "
                                  "instead of starting") from None
        raise Failure(where, f"{self.name} was not ready after {READY_SECONDS:.0f} s")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, where, number=signal.SIGTERM):
        """Ends it; a clean end is demanded after SIGTERM."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        try:
            code = process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        self.end_group(process.pid)
        process.wait()
        self.log_file.close()
        self.notify.close()
        if self.may_fail or number == signal.SIGKILL:
            return
        if code is None:
            raise Failure(where, f"{self.name} did not end within {READY_SECONDS:.0f} s of SIGTERM")
        if code != 0:
            raise Failure(where, f"{self.name} ended with {code}, expected 0")

    def role_pid(self, role):
        """The process that listens on the role's control socket. The kernel says who that is; the descriptors of a role
        can be seen by root alone."""
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(f"{self.dir}/run/{role}.sock")
            except OSError:
                return None
            return struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def crash(self, role, where):
        self.may_fail = True
        old = self.role_pid(role)
        if old is None:
            raise Failure(where, f"{self.name} has no role '{role}'")
        os.kill(old, signal.SIGKILL)
        end = time.monotonic() + READY_SECONDS
        while self.role_pid(role) in (None, old):
            if time.monotonic() > end:
                raise Failure(where, f"{self.name}: the {role} was not started again")
            time.sleep(0.01)

    @staticmethod
    def end_group(pid):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reload(self, where):
        """SIGHUP, then waits until the new snapshot serves or was refused."""
        roles = ("gateway", "relay") + (("milter",) if self.run.face == "milter" else ())
        before = {role: len(self.reloads(role)) for role in roles}
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + READY_SECONDS
        while any(len(self.reloads(role)) <= count for role, count in before.items()):
            if time.monotonic() > end:
                raise Failure(where, f"{self.name} logged no reload")
            refused = self.reloads("gateway")[before["gateway"]:]
            if refused and refused[0]["level"] == "error":
                return    # the relay is told of nothing then
            time.sleep(0.01)

    def reloads(self, role):
        return [e for e in self.events("reload") if e.get("role") == role]

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="surrogateescape") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def events(self, event=None):
        found = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and event in (None, entry.get("event")):
                found.append(entry)
        return found

    def check_log(self, where):
        """Sanitizer reports and failed asserts are failures wherever they happen."""
        fault = FAULTS.search(self.log())
        if fault and not self.may_fail:
            raise Failure(where, f"{self.name} log: {fault.group()}")

    def control(self, arguments, stdin=b"", timeout=60):
        """reevectl with this configuration: (exit status, stdout and stderr as text)."""
        done = subprocess.run(
            [self.run.program("reevectl"), "-c", self.conf] + arguments, input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.dir, timeout=timeout,
            env=self.control_environment(), check=False)
        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")

    def check(self, text=None):
        """mailreeved -t: (exit status, output)."""
        path = self.conf
        if text is not None:
            path = os.path.join(self.dir, "check.conf")
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
                f.write(text)
        done = subprocess.run([self.run.program("mailreeved"), "-t", "-c", path], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.dir,
                              env=self.environment(), timeout=60)
        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")
