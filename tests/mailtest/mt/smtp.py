"""The SMTP client of a scenario: raw enough to break every rule, handy enough to keep them."""
import fcntl
import os
import re
import socket
import ssl
import struct
import termios
import time

from .parse import ScenarioError
from .values import Expectation, Failure, as_bytes, as_text, duration, substitute

REPLY_SECONDS = 15 * float(os.environ.get("MAILTEST_SLOW", "1"))
LINES = {"noop": "NOOP", "rset": "RSET", "quit": "QUIT", "vrfy": "VRFY", "expn": "EXPN",
         "helo": "HELO", "ehlo": "EHLO", "lhlo": "LHLO", "help": "HELP", "auth": "AUTH",
         "mail": "MAIL FROM:", "rcpt": "RCPT TO:", "xclient": "XCLIENT", "line": ""}
# What may stand before the banner was read; everything else reads it first.
UNGREETED = ("banner", "send", "clock", "expect", "close", "reset", "pause", "repeat", "hex",
             "expect-close")


class Reply:
    def __init__(self, lines):
        self.code = lines[0][:3]
        self.text = "\n".join(line[4:] for line in lines)

    def __str__(self):
        return f"{self.code} {self.text}".replace("\n", " / ")


def check_enhanced(lines, where):
    """RFC 2034: all replies but the banner, those to HELO and EHLO, and 3xx have an enhanced code."""
    name = lines[0][4:].split(" ")
    if lines[0][0] == "3" or (lines[0][:3] == "220" and "ESMTP" in name) or \
            (lines[0][:3] == "250" and "." in name[0] and name[0][0].isalpha()):
        return
    for line in lines:
        if not re.match(rf"{line[0]}\.\d{{1,3}}\.\d{{1,3}} .", line[4:]):
            raise Failure(where, f"reply without an enhanced code: {line!r}")


class Client:
    """One connection. `sent` gets (raw bytes) of each message whose end was sent."""

    def __init__(self, address, transcript):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(REPLY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(address)
        self.transcript, self.buffer = transcript, b""
        self.is_greeted = self.is_closed = False

    def send(self, data):
        self.note("C", data)
        try:
            self.socket.sendall(data)
        except OSError as e:    # what the server said before it closed may still be read
            self.note("!", str(e).encode())

    def flush(self):
        """Waits until the peer's kernel has all bytes, so that the next ones come alone."""
        for _ in range(1000):
            left = fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
            if struct.unpack("i", left)[0] == 0:
                break
            time.sleep(0.001)
        time.sleep(0.003)

    def read_line(self):
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise
            except OSError:
                data = b""
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def read_reply(self, where):
        """A Reply, or None when the connection was closed."""
        lines = []
        while True:
            try:
                line = self.read_line()
            except socket.timeout:
                raise Failure(where, f"no reply within {REPLY_SECONDS:.0f} s") from None
            if line is None:
                self.note("S", b"(closed)")
                self.is_closed = True
                return None
            self.note("S", line)
            if not re.fullmatch(rb"[2-5]\d\d[ -][^\r\n\0]*\r\n", line):
                raise Failure(where, f"malformed reply line {line!r}")
            if lines and lines[0][:3] != as_text(line[:3]):
                raise Failure(where, f"reply with two codes: {lines[0]!r} {line!r}")
            lines.append(as_text(line).rstrip("\r\n"))
            if line[3:4] == b" ":
                check_enhanced(lines, where)
                return Reply(lines)

    def starttls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.buffer = b""
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.gateway.example")
        self.note("!", f"TLS: {self.socket.version()}".encode())

    def close(self, is_abrupt=False):
        if is_abrupt:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_closed = True
        self.socket.close()

    def note(self, who, data):
        text = data if len(data) <= 300 else data[:200] + b"... %d bytes" % len(data)
        self.transcript.append(f"{who}: {as_text(text).rstrip()!r}"[:400])


def proxy_header(source, port, target):
    family = "TCP6" if ":" in source else "TCP4"
    if (":" in target[0]) != (":" in source):
        target = ("2001:db8::25" if ":" in source else "192.0.2.25", target[1])
    return f"PROXY {family} {source} {target[0]} {port} {target[1]}\r\n".encode()


class SmtpSession:
    """Runs the statements of a session block over one Client."""

    def __init__(self, run, client):
        self.run, self.client = run, client

    def execute(self, statements):
        for s in statements:
            handler = getattr(self, "do_" + s.name.replace("-", "_"), None)
            if handler is None and s.name not in LINES:
                s.fail(f"unknown session statement '{s.name}'")
            if not self.client.is_greeted and s.name not in UNGREETED:
                self.check(s, Expectation.of("220", s.where))
            if handler:
                handler(s)
            else:
                self.client.send(self.line_of(s))
                self.check(s, self.expectation(s))

    def names(self):
        return self.run.names()

    def value(self, token, s):
        return substitute(token.value, self.names(), s.where)

    def expectation(self, s, default="2xx"):
        return Expectation(s, self.names(), default)

    def check(self, s, expectation):
        reply = self.client.read_reply(s.where)
        self.client.is_greeted = True
        problem = expectation.problem(reply)
        if problem:
            raise Failure(s.where, problem)
        return reply

    def line_of(self, s):
        """Words are parted by a blank, strings that follow each other are not."""
        verb, words, before = LINES[s.name].encode(), b"", None
        for t in s.plain():
            if before and not before.kind == t.kind == "string":
                words += b" "
            words += as_bytes(self.value(t, s))
            before = t
        gap = b"" if not verb or verb.endswith(b":") or not words else b" "
        return verb + gap + words + b"\r\n"

    def body_of(self, s):
        """Message bytes of a block (LF becomes CRLF) or of a string (as it is)."""
        text = s.block("text")
        if text is not None:
            return as_bytes(substitute(text, self.names(), s.where)).replace(b"\n", b"\r\n")
        strings = [t for t in s.plain() if t.kind == "string"]
        if not strings:
            s.fail("expected a string or a block")
        return b"".join(self.value(t, s) for t in strings)

    def do_banner(self, s):
        self.check(s, self.expectation(s, "220"))

    def do_reply(self, s):
        """reply = 421: the server speaks without being asked."""
        self.check(s, self.expectation(s))

    def do_send(self, s):
        """send "bytes" ["more, in a segment of its own"...] [= reply]"""
        pieces = [t for t in s.plain()]
        if not pieces:
            s.fail("expected a string")
        for i, t in enumerate(pieces):
            if i:
                self.client.flush()
            self.client.send(as_bytes(self.value(t, s)))
        if any(t.kind == "op" for t in s.args):
            self.check(s, self.expectation(s))

    def do_hex(self, s):
        self.client.send(bytes.fromhex("".join(as_text(self.value(t, s)) for t in s.plain())))
        if any(t.kind == "op" for t in s.args):
            self.check(s, self.expectation(s))

    def do_data(self, s):
        body = self.body_of(s)
        self.client.send(b"DATA\r\n")
        reply = self.client.read_reply(s.where)
        if reply is None or reply.code != "354":
            problem = self.expectation(s).problem(reply)
            if problem or not any(t.kind == "op" for t in s.args):
                raise Failure(s.where, problem or f"DATA: got '{reply}', expected 354")
            return
        if body and not body.endswith(b"\r\n"):
            body += b"\r\n"
        stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
        self.client.send(stuffed + b".\r\n")
        self.run.sent.append(body)
        self.check(s, self.expectation(s))

    def do_bdat(self, s):
        self.client.send(self.bdat_of(s))
        self.check(s, self.expectation(s))

    def bdat_of(self, s):
        words = [t.value for t in s.plain() if t.kind == "word"]
        body = self.body_of(s)
        is_last = "last" in words
        self.run.chunks += body
        if is_last:
            self.run.sent.append(self.run.chunks)
            self.run.chunks = b""
        return b"BDAT %d%s\r\n" % (len(body), b" LAST" if is_last else b"") + body

    def do_pipelined(self, s):
        """pipelined { ... }: one write, then the replies in order."""
        block = s.block()
        if block is None:
            s.fail("expected { commands }")
        data, waiting = b"", []
        for inner in block:
            if inner.name == "send":
                data += b"".join(as_bytes(self.value(t, inner)) for t in inner.plain())
                if not any(t.kind == "op" for t in inner.args):
                    continue
            elif inner.name == "bdat":
                data += self.bdat_of(inner)
            elif inner.name in LINES:
                data += self.line_of(inner)
            else:
                inner.fail(f"'{inner.name}' cannot be pipelined")
            waiting.append(inner)
        self.client.send(data)
        for inner in waiting:
            self.check(inner, self.expectation(inner))
            if self.client.is_closed:
                return

    def do_starttls(self, s):
        self.client.send(b"STARTTLS\r\n")
        reply = self.check(s, self.expectation(s, "220"))
        if reply and reply.code == "220":
            self.handshake(s)

    def do_handshake(self, s):
        self.handshake(s)

    def handshake(self, s):
        wants_failure = any(t.kind == "op" for t in s.args) and self.expectation(s).wants_close()
        try:
            self.client.starttls()
        except (ssl.SSLError, OSError) as e:
            self.client.is_closed = True
            if not wants_failure:
                raise Failure(s.where, f"TLS handshake: {e}") from None
            return
        if wants_failure:
            raise Failure(s.where, "TLS handshake was done, expected it to fail")

    def do_expect_close(self, s):
        reply = self.client.read_reply(s.where)
        if reply is not None:
            raise Failure(s.where, f"got '{reply}', expected the connection to be closed")

    def do_close(self, s):
        self.client.close()

    def do_reset(self, s):
        self.client.close(is_abrupt=True)

    def do_pause(self, s):
        """pause 50ms: real time; only where the peer must see silence."""
        time.sleep(min(duration(s.args[0].value, s.where), 2.0))

    def do_clock(self, s):
        self.run.do_clock(s)

    def do_expect(self, s):
        self.run.do_expect(s)

    def do_on(self, s):
        self.run.on_face(s, self.execute)

    def do_repeat(self, s):
        self.run.repeat(s, self.execute)

    def finish(self):
        """A polite end for whoever forgot to say quit."""
        if not self.client.is_closed:
            try:
                self.client.socket.settimeout(0.5)
                self.client.socket.sendall(b"QUIT\r\n")
            except OSError:
                pass
            self.client.close()


def connect(run, gateway, options, where):
    """options: {"from": IP, "port": NAME, "tls": bool, "local": IP}"""
    source = options.get("from")
    default = "PROXYPORT" if source else "TLSPORT" if options.get("tls") else "PORT"
    name = options.get("port", default)
    host = options.get("host", run.host)
    if not (name.isdigit() or name in gateway.ports):
        raise ScenarioError(where, f"unknown port '{name}'")
    address = (host, int(name) if name.isdigit() else gateway.ports[name])
    try:
        client = Client(address, run.transcript)
    except OSError as e:
        raise Failure(where, f"cannot connect to {gateway.name}: {e}") from None
    if source:
        client.send(proxy_header(source, 40000, address))
    if options.get("tls"):
        client.starttls()
    return client
