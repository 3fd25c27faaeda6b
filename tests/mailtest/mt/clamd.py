"""A clamd as a script: over a unix socket ($NAME) and over TCP ($NAME_tcp); finds words, and misbehaves.

    clamd c1 {
        finds "EICAR" "Test.Name"          # in what it is given, as it is
        limit 1000                         # INSTREAM refuses more
        no fildes                          # cannot read descriptors (as under AppArmor)
        answer "garbage"                   # to each scan, instead of a verdict
        drop 2                             # closes so many connections in the middle of a scan
        delay 200ms                        # before each verdict
        silent                             # never answers a scan
        database "Thu Nov 26 08:12:01 2020"
    }
    clamd c1 down        clamd c1 up
"""
import array
import os
import re
import socket
import struct
import threading
import time

from .values import as_bytes, as_text, duration


class Clamd:
    def __init__(self, name, host, folder):
        self.name, self.host, self.path, self.port = name, host, os.path.join(folder, name + ".ctl"), 0
        self.lock, self.scans, self.descriptors, self.listeners, self.open = threading.Lock(), 0, 0, [], set()
        self.load([], None)
        self.up()

    def load(self, statements, value):
        self.finds, self.limit, self.fildes, self.answer = [], None, True, None
        self.drop, self.delay, self.silent, self.database = 0, 0, False, ""
        for s in statements:
            words = [value(t, s.where) for t in s.plain()]
            if s.name == "finds":
                self.finds.append((as_bytes(words[0]), as_text(words[1])))
            elif s.name in ("limit", "drop"):
                setattr(self, s.name, int(as_text(words[0])))
            elif s.name in ("answer", "database"):
                setattr(self, s.name, as_text(words[0]))
            elif s.name == "delay":
                self.delay = duration(as_text(words[0]), s.where)
            elif s.name == "silent":
                self.silent = True
            elif s.name == "no" and as_text(words[0]) == "fildes":
                self.fildes = False
            else:
                s.fail(f"clamd: unknown word '{s.name}'")

    def up(self):
        self.down()
        unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()
        if os.path.exists(self.path):
            os.unlink(self.path)
        unix.bind(self.path)
        os.chmod(self.path, 0o666)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((self.host, self.port))
        self.port = tcp.getsockname()[1]
        self.listeners = [unix, tcp]
        for s in self.listeners:
            s.listen(64)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def down(self):
        for s in self.listeners + list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.listeners = []

    close = down

    def names(self):
        return {"path": self.path, "tcp": f"{self.host}:{self.port}"}

    def serve(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.open.add(s)
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        try:
            Talk(self, s).run()
        except (OSError, EOFError, struct.error):
            pass
        finally:
            self.open.discard(s)
            s.close()


class Talk:
    """One connection."""

    def __init__(self, clamd, s):
        self.clamd, self.s, self.number, self.room, self.fds = clamd, s, 0, b"", []
        self.session = False

    def more(self):
        data, ancillary, _, _ = self.s.recvmsg(65536, socket.CMSG_SPACE(4 * 4))
        for level, kind, octets in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(octets[:len(octets) - len(octets) % 4])
                self.fds += list(fds)
        if not data:
            raise EOFError
        self.room += data

    def take(self, n):
        while len(self.room) < n:
            self.more()
        data, self.room = self.room[:n], self.room[n:]
        return data

    def command(self):
        while b"\0" not in self.room:
            self.more()
        word, _, self.room = self.room.partition(b"\0")
        return word

    def say(self, text):
        self.s.sendall((f"{self.number}: " if self.session else "").encode() + text.encode() + b"\0")

    def run(self):
        while True:
            word = self.command()
            if word == b"zIDSESSION":
                self.session = True
                continue
            self.number += 1
            if word == b"zEND":
                return
            if word == b"zVERSION":
                self.say("ClamAV 1.4.6" + (f"/27800/{self.clamd.database}" if self.clamd.database else ""))
            elif word == b"zINSTREAM":
                self.stream()
            elif word == b"zFILDES":
                self.descriptor()
            else:
                self.say("UNKNOWN COMMAND. ERROR")

    def stream(self):
        data = b""
        while True:
            (n,) = struct.unpack(">I", self.take(4))
            if n == 0:
                break
            if self.clamd.limit is not None and len(data) + n > self.clamd.limit:
                self.say("INSTREAM size limit exceeded. ERROR")
                raise EOFError
            data += self.take(n)
        self.verdict("stream", data)

    def descriptor(self):
        self.take(1)
        fd = self.fds.pop(0)
        try:
            self.clamd.descriptors += 1
            if not self.clamd.fildes:
                self.say(f"fd[{fd}]: Operation not permitted ERROR")
                raise EOFError
            os.lseek(fd, 0, os.SEEK_SET)
            with os.fdopen(os.dup(fd), "rb") as f:
                self.verdict(f"fd[{fd}]", f.read())
        finally:
            os.close(fd)

    def verdict(self, what, data):
        c = self.clamd
        with c.lock:
            c.scans += 1
            drops, c.drop = c.drop > 0, max(c.drop - 1, 0)
        if drops:
            raise EOFError
        time.sleep(c.delay)
        if c.silent:
            self.more()
        if c.answer is not None:
            self.say(c.answer)
            return
        for word, name in c.finds:
            if re.search(re.escape(word), data):
                self.say(f"{what}: {name} FOUND")
                return
        self.say(f"{what}: OK")
