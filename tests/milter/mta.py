"""The MTA side of the milter protocol, packet by packet, for tests that send what no MTA should."""
import os
import socket
import struct

from mt.milter import NO_REPLY
from mt.values import Failure

SLOW = float(os.environ.get("MAILTEST_SLOW", "1"))
ACTIONS, ANSWERED, SILENT = 0x1FF, 0x100000, 0x1FFFFF


class Wire:
    """An MTA without manners."""

    def __init__(self, role, steps=ANSWERED, actions=ACTIONS, version=6, helo=True, address=None):
        self.socket = socket.socket(socket.AF_INET if address else socket.AF_UNIX)
        self.socket.settimeout(30 * SLOW)
        self.socket.connect(address or role.socket)
        self.buffer = b""
        self.silent = 0
        if version:
            self.negotiate(version, actions, steps)
        if version and helo:
            self.say("C", b"pc.example\x004" + struct.pack("!H", 25) + b"192.0.2.7\0", "c")
            self.say("H", b"pc.example\0", "c")

    def negotiate(self, version, actions, steps):
        self.send("O", struct.pack("!III", version, actions, steps))
        command, data = self.receive()
        if command == "O":
            self.silent = struct.unpack("!III", data[:12])[2]
        return command

    def send(self, command, data=b""):
        self.raw(struct.pack("!I", len(data) + 1) + command.encode() + data)

    def raw(self, data):
        self.socket.sendall(data)

    def take(self, count):
        while len(self.buffer) < count:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise EOFError
            self.buffer += piece
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        try:
            packet = self.take(struct.unpack("!I", self.take(4))[0])
        except (EOFError, ConnectionError):
            return "closed", b""
        return chr(packet[0]), packet[1:]

    def say(self, command, data, wanted):
        self.send(command, data)
        if self.silent & NO_REPLY.get(command, 0):
            return b""
        return self.expect(f"{command} {data[:60]!r}", wanted)

    def expect(self, what, wanted):
        got, data = self.receive()
        if got not in wanted.split("|"):
            raise Failure(what, f"the reply is {got} {data[:200]!r}, expected {wanted}")
        return data

    def macros(self, stage, **values):
        self.send("D", stage.encode() + b"".join(k.encode() + b"\0" + v + b"\0" for k, v in values.items()))

    def envelope(self, sender=b"<a@example.com>", rcpts=(b"<b@example.net>",)):
        self.say("M", sender + b"\0", "c")
        for rcpt in rcpts:
            self.say("R", rcpt + b"\0", "c")

    def content(self, fields=((b"Subject", b" x"),), pieces=(b"x\r\n",)):
        """Everything between the envelope and the end; the last reply."""
        for name, value in fields:
            self.say("L", name + b"\0" + value + b"\0", "c")
        self.say("N", b"", "c")
        for piece in pieces:
            self.say("B", piece, "c")

    def end(self, wanted="c"):
        """Added fields by name, and the data of the last reply."""
        self.send("E")
        added = {}
        while True:
            command, data = self.receive()
            if command in "hi":
                name, value = data[4 * (command == "i"):].split(b"\0")[:2]
                added[name.decode()] = value
            elif command not in "m+2-eqbp":
                break
        if command not in wanted.split("|"):
            raise Failure("end of message", f"the reply is {command} {data[:200]!r}, expected {wanted}")
        return added, data

    def message(self, subject=b"x", body=b"x\r\n"):
        self.envelope()
        self.content([(b"Subject", b" " + subject)], [body])
        added, _ = self.end()
        equal("the subject seen", added["X-Subject"], b" " + subject)
        equal("the size seen", added["X-Size"], b" %d" % (len(b"Subject: \r\n\r\n") + len(subject) + len(body)))

    def close(self):
        self.socket.close()

    def hang_up(self, packet=b""):
        """A last packet, perhaps without sense, then quit; the letters of all replies."""
        got = []
        try:
            self.raw(packet)
            self.send("Q")
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass    # closed already
        while "closed" not in got:
            got.append(self.receive()[0])
        self.close()
        return got

    def quit(self):
        self.send("Q")
        self.close()


def equal(what, got, wanted):
    if got != wanted:
        raise Failure(what, f"is {got!r}, expected {wanted!r}")


# ---- packets ----
