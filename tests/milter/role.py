"""A daemon with one milter role and nothing else, for tests that talk to its socket."""
import os
import re
import shutil
import struct
import tempfile
import time

from mt.daemon import Gateway
from mt.values import Failure

IDLE_SECONDS = 10 * float(os.environ.get("MAILTEST_SLOW", "1"))


class MilterRole:
    """policy: the configuration, with {dir} for the folder; files: name -> text, written there first."""

    def __init__(self, builddir, policy, files=None, more=""):
        self.builddir = os.path.abspath(builddir)
        self.dir = tempfile.mkdtemp(prefix="milter-")
        os.chmod(self.dir, 0o755)
        self.host, self.face, self.hops, self.dns, self.certificate = "127.0.0.1", "milter", [], [], ""
        self.socket = os.path.join(self.dir, "milter.sock")
        self.clock_path = os.path.join(self.dir, "clock")
        with open(self.clock_path, "wb") as f:
            f.write(struct.pack("=q", 0))
        for name, text in (files or {}).items():
            with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
                f.write(text)
        self.gateway = Gateway("g1", self)
        for path in (self.gateway.dir, self.gateway.state):
            os.chmod(path, 0o755)
        self.gateway.write(f'milter "unix:{self.socket}" {{ mode 0666; {more} }}\n' + policy.replace("{dir}", self.dir))
        self.gateway.start("start")
        self.pid = self.gateway.role_pid("milter")

    def program(self, name):
        return os.path.join(self.builddir, name)

    def stats(self):
        status, text = self.gateway.control(["stats"])
        if status:
            raise Failure("stats", text)
        return {name: int(value) for name, value in re.findall(r"milter\W+(\w+)\W+(\d+)", text)}

    def expect_idle(self, where):
        """No connection and no session is left."""
        end = time.monotonic() + IDLE_SECONDS
        while self.stats()["open"]:
            if time.monotonic() > end:
                raise Failure(where, f"{self.stats()['open']} connections are left")
            time.sleep(0.05)
        if self.gateway.role_pid("milter") != self.pid:
            raise Failure(where, "the milter role died")

    def close(self):
        try:
            self.gateway.stop("end")
            self.gateway.check_log("end")
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)
