#!/usr/bin/python3
"""clamd.py BUILD UNPACKED-PACKAGES: a real clamd beside libclamav in our own processes.

The same samples (own ones, and the ClamAV test files when REEVE_TESTDATA has them), raw and as
attachments in every encoding, are scanned three ways: by our scanner, by clamd over its unix socket, and by
clamd over TCP. The facts must be the same. Then its stream limit, its end and its return are tried. Prints
ok and not ok lines. clamd is unpacked, never installed; its signatures are ours."""
import sys
sys.dont_write_bytecode = True

import json          # noqa: E402
import os            # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "mailtest"), os.path.join(HERE, "..", "suites")]
from mt.daemon import free_port                                     # noqa: E402
from scan_suite import FIRST_FIELDS, message, own_signature, zipped     # noqa: E402

HOST = "127.0.0.1"
CONFIG = """LogFile {dir}/clamd.log
DatabaseDirectory {database}
TemporaryDirectory {dir}
LocalSocket {dir}/clamd.ctl
FixStaleSocket yes
TCPSocket {port}
TCPAddr {host}
Foreground yes
MaxThreads 4
StreamMaxLength {stream}
AlertExceedsMax yes
AlertEncrypted yes
"""


class RealClamd:
    """A clamd of our own, until stop()."""

    def __init__(self, packages, folder, database, stream="100M"):
        self.dir, self.port, self.process = folder, free_port(HOST), None
        self.root = os.path.join(packages, "root")
        self.path, self.tcp = os.path.join(folder, "clamd.ctl"), f"{HOST}:{self.port}"
        self.conf = os.path.join(folder, "clamd.conf")
        self.configure(database, stream)

    def configure(self, database, stream):
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, database=database, host=HOST, port=self.port, stream=stream))

    def environment(self):
        libraries = [os.path.join(self.root, "usr/lib", d) for d in os.listdir(os.path.join(self.root, "usr/lib"))
                     if d.endswith("linux-gnu")] if os.path.isdir(os.path.join(self.root, "usr/lib")) else []
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}

    def start(self):
        self.process = subprocess.Popen([os.path.join(self.root, "usr/sbin/clamd"), "-c", self.conf],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=self.environment(), start_new_session=True)
        end = time.monotonic() + 60
        while not os.path.exists(self.path):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("clamd does not start: " + open(os.path.join(self.dir, "clamd.log"), encoding="utf-8").read())
            time.sleep(0.05)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        self.process = None
        if os.path.exists(self.path):
            os.unlink(self.path)


class Test:
    def __init__(self, build, packages, folder):
        self.build, self.dir, self.faults, self.number = build, folder, 0, 0
        self.database, self.mails = os.path.join(folder, "db"), os.path.join(folder, "mails")
        os.mkdir(self.database)
        os.mkdir(self.mails)
        self.sample = b"a program that no mail holds by chance, and that ends so: 5f0e"
        self.expected = self.fill()
        self.clamd = RealClamd(packages, folder, self.database)

    def fill(self):
        """Writes the signature and the messages; returns how many must be found."""
        root = os.environ.get("REEVE_TESTDATA", "")
        files = os.path.join(root, "attachments/clamav-testfiles")
        found = {}
        if root and os.path.isdir(files):
            for name in sorted(os.listdir(files)):
                with open(os.path.join(files, name), "rb") as f:
                    found[name] = f.read()
            self.sample = found["clam.exe"]
        own_signature(self.database, self.sample)
        found["own.zip"] = zipped(("a", self.sample))
        for name, data in found.items():
            for encoding in ("base64", "quoted-printable"):
                self.write(f"{name}-{encoding}", message(data, name, encoding))
        for i, first in enumerate(FIRST_FIELDS):
            self.write(f"first-{i}", message(self.sample, "x", first=first))
        count = len(os.listdir(self.mails))
        self.write("clean", message(b"nothing of interest", "a.txt"))
        return count

    def write(self, name, data):
        with open(os.path.join(self.mails, name + ".eml"), "wb") as f:
            f.write(data)

    def scan(self, directives, paths=None):
        conf = os.path.join(self.dir, "conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f'state "{self.dir}"; runtime "{self.dir}"; relay example.net {{ to {HOST}:9; }}\n'
                    f"filter clamav {{ {directives} timeout 20s; }}\n")
        done = subprocess.run([os.path.join(self.build, "reevectl"), "-c", conf, "scan", "--json", *(paths or [self.mails])],
                              stdout=subprocess.PIPE, check=False, timeout=600)
        result = {}
        for line in done.stdout.splitlines():
            one = json.loads(line)
            result[os.path.basename(one["file"])] = {k: v for k, v in one["facts"].items() if k.startswith("clamav.")
                                                     and k not in ("clamav.database-age", "clamav.reason")}
        return result

    def say(self, ok, text):
        self.number += 1
        self.faults += not ok
        print(f"{'ok' if ok else 'not ok'} {self.number} - {text}", flush=True)

    def compare(self, what, own, other):
        differ = [f"{name}: {own.get(name)} and {other.get(name)}" for name in own if own[name] != other.get(name)]
        for line in differ[:10]:
            print("# " + line)
        self.say(not differ and len(own) == len(other), f"clamd {what} gives the facts of our scanner, {len(own)} messages")

    def limits(self):
        self.clamd.stop()
        self.clamd.configure(self.database, "100K")
        self.clamd.start()
        big = os.path.join(self.dir, "big.eml")
        for size, wanted in ((90000, "clean"), (120000, "limit")):
            with open(big, "wb") as f:
                f.write(b"Subject: x\n\n" + (b"z" * 75 + b"\n") * (size // 76))
            facts = self.scan(f"socket {self.clamd.tcp};", [big])["big.eml"]
            self.say(facts["clamav.status"] == wanted, f"a stream of {size} octets and a limit of 100K: {wanted}")

    def ends(self):
        self.clamd.stop()
        for what, socket in (("unix", f'"{self.clamd.path}"'), ("TCP", self.clamd.tcp)):
            facts = self.scan(f"socket {socket};", [os.path.join(self.mails, "clean.eml")])["clean.eml"]
            self.say(facts["clamav.status"] == "unscanned" and not facts["clamav.scanned"], f"no clamd over {what}: not scanned")
        self.clamd.start()
        facts = self.scan(f'socket "{self.clamd.path}";', [os.path.join(self.mails, "clean.eml")])["clean.eml"]
        self.say(facts["clamav.status"] == "clean", "clamd is back")

    def run(self):
        own = self.scan(f'database "{self.database}";')
        infected = sum(f["clamav.infected"] for f in own.values())
        self.say(infected == self.expected, f"our scanner finds {infected} of {self.expected}")
        self.clamd.start()
        try:
            self.compare("over its unix socket", own, self.scan(f'socket "{self.clamd.path}";'))
            self.compare("over TCP", own, self.scan(f"socket {self.clamd.tcp};"))
            self.limits()
            self.ends()
        finally:
            self.clamd.stop()
        return self.faults


def main():
    build, packages = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.exists(os.path.join(packages, "root/usr/sbin/clamd")):
        print("ok 1 - clamd # SKIP it cannot be downloaded")
        return 0
    with tempfile.TemporaryDirectory(prefix="clamd-test-") as folder:
        os.chmod(folder, 0o755)
        return 1 if Test(build, packages, folder).run() else 0


if __name__ == "__main__":
    sys.exit(main())
