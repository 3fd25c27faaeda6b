"""The MTA's side of the milter protocol: plays the same session statements as mt/smtp.py, and at the
end does to the message what the milter asked for. A message that was accepted goes straight to the
first next hop of the scenario, as if the MTA had relayed it, so that the same expectations hold.

    session via milter [from IP] { helo ehlo mail rcpt data rset quit noop starttls unknown abort }

Version 6 by default; `set MILTER_VERSION 2` and `set MILTER_ACTIONS 1` offer less.
"""
import re
import socket
import struct
import time

from .nexthop import Message
from .smtp import REPLY_SECONDS, Reply
from .values import Expectation, Failure, as_bytes, as_text, substitute

# Steps that the milter may ask to leave out, and replies that it may promise not to send.
NO = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "U": 0x100, "T": 0x200}
NO_REPLY = {"L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000,
            "N": 0x40000, "B": 0x80000}
SKIP, RCPT_REJECTED, LEADING_SPACE = 0x400, 0x800, 0x100000
STEPS_ALL = 0x1FFFFF
ACTIONS_ALL = 0x1FF    # add and change headers, body, recipients, quarantine, sender, symbol lists
CHUNK = 65535
STAGE_ANSWERS = {"r": "550 5.7.1 Command rejected", "t": "451 4.7.1 Service unavailable - try again later",
                 "4": "421 4.7.0 closing"}


class MilterClient:
    """Packets over one connection."""

    def __init__(self, path, transcript):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(REPLY_SECONDS)
        self.socket.connect(path)
        self.transcript, self.buffer = transcript, b""
        self.is_closed = False

    def send(self, command, data=b""):
        self.transcript.append(f"M> {command} {data[:200]!r}")
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command.encode() + data)

    def take(self, count):
        while len(self.buffer) < count:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError
            self.buffer += piece
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self, where):
        """(command, data), progress reports skipped; ("closed", b"") at the end."""
        while True:
            try:
                packet = self.take(struct.unpack("!I", self.take(4))[0])
            except socket.timeout:
                raise Failure(where, f"no milter reply within {REPLY_SECONDS:.0f} s") from None
            except (EOFError, ConnectionError):
                self.is_closed = True
                return "closed", b""
            command, data = chr(packet[0]), packet[1:]
            self.transcript.append(f"M< {command} {data[:300]!r}")
            if command != "p":
                return command, data

    def close(self):
        self.is_closed = True
        self.socket.close()


def number(value):
    return int(as_text(value), 0) if not isinstance(value, int) else value


def fields_of(data):
    return data.rstrip(b"\0").split(b"\0") if data else []


class Transaction:
    def __init__(self, sender, parameters):
        self.sender, self.parameters = sender, parameters
        self.rcpts, self.answered = [], None


class MilterSession:
    def __init__(self, run, gateway, options, where):
        self.run, self.gateway = run, gateway
        self.address = options.get("from", "127.0.0.1")
        path = f"{gateway.dir}/milter.sock"
        end = time.monotonic() + 5
        while True:
            try:
                self.client = MilterClient(path, run.transcript)
                break
            except OSError as e:
                if time.monotonic() > end:
                    raise Failure(where, f"cannot connect to the milter: {e}") from None
                time.sleep(0.02)
        self.helo, self.transaction, self.final = "", None, None
        self.is_esmtp = self.is_tls = False
        self.chunks, self.login = b"", {}
        self.negotiate(where)
        self.banner = self.connect(where)
        self.is_greeted = False

    # -- the protocol --

    def negotiate(self, where):
        version = number(self.run.variables.get("MILTER_VERSION", 6))
        actions = number(self.run.variables.get("MILTER_ACTIONS", ACTIONS_ALL if version == 6 else 0x1F))
        steps = number(self.run.variables.get("MILTER_STEPS", STEPS_ALL if version == 6 else 0x7F))
        self.client.send("O", struct.pack("!III", version, actions, steps))
        command, data = self.client.receive(where)
        if command != "O":
            self.version, self.actions, self.steps = 0, 0, 0
            self.final = STAGE_ANSWERS["t"]    # what an MTA with default action tempfail does
            return
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        if self.actions & ~actions or self.steps & ~steps or self.version > version:
            raise Failure(where, f"the milter asks for what was not offered: {self.actions:x} {self.steps:x}")

    def step(self, command, data, where):
        """Sends one step; returns None to go on, or the reply of the MTA."""
        if self.final:
            return self.final
        if self.steps & NO.get(command, 0):
            return None
        try:
            self.client.send(command, data)
        except OSError:
            self.final = STAGE_ANSWERS["t"]
            return self.final
        if self.steps & NO_REPLY.get(command, 0):
            return None
        return self.answer(*self.client.receive(where))

    def answer(self, command, data):
        if command in ("c", "s"):
            return "s" if command == "s" else None
        if command == "a":
            return "accept"
        if command == "d":
            return "discard"
        if command == "y":
            return as_text(data.rstrip(b"\0")).replace("%%", "%").replace("\r\n", "\n")
        if command == "closed":
            self.final = STAGE_ANSWERS["t"]
            return self.final
        return STAGE_ANSWERS.get(command, STAGE_ANSWERS["t"])

    def macros(self, stage, values):
        data = stage.encode() + b"".join(as_bytes(k) + b"\0" + as_bytes(v) + b"\0" for k, v in values.items())
        if not self.final:
            try:
                self.client.send("D", data)
            except OSError:
                self.final = STAGE_ANSWERS["t"]

    def connect(self, where):
        if self.final:
            return self.final
        is_v6 = ":" in self.address
        address = ("IPv6:" if is_v6 else "") + self.address
        self.macros("C", {"j": "mta.example", "{daemon_name}": "mta", "{daemon_addr}": "192.0.2.25",
                          "{client_addr}": self.address, "v": "mailtest"})
        answer = self.step("C", as_bytes(f"[{self.address}]") + b"\0" + (b"6" if is_v6 else b"4")
                           + struct.pack("!H", 40000) + as_bytes(address) + b"\0", where)
        return self.settle(answer, "220 mta.example ESMTP")

    def settle(self, answer, normal):
        """accept and discard decide the rest of the session or message; else the milter's words."""
        if answer == "accept":    # Mailreeve decides at the end; whoever accepts early is not asked again
            self.final = "accept"
            return normal
        return normal if answer in (None, "s") else answer

    # -- statements --

    def execute(self, statements):
        for s in statements:
            handler = getattr(self, "do_" + s.name.replace("-", "_"), None)
            if handler is None:
                s.fail(f"'{s.name}' cannot be said over milter")
            if not self.is_greeted and s.name not in ("clock", "expect", "close"):
                self.is_greeted = True
                if s.name != "banner":
                    self.check(s, Expectation.of("220", s.where), self.banner)
            handler(s)

    def names(self):
        return self.run.names()

    def words(self, s):
        return [as_text(substitute(t.value, self.names(), s.where)) for t in s.plain()]

    def check(self, s, expectation, text):
        self.run.transcript.append(f"MTA: {text}")
        problem = expectation.problem(None if text is None else Reply(text.split("\n")))
        if problem:
            raise Failure(s.where, problem)

    def reply(self, s, text):
        self.check(s, Expectation(s, self.names()), text)

    def do_banner(self, s):
        self.check(s, Expectation(s, self.names(), "220"), self.banner)

    def do_ehlo(self, s):
        self.is_esmtp = True
        self.do_helo(s)

    def do_helo(self, s):
        name = self.words(s)[0]
        tls = {"{tls_version}": "TLSv1.3", "{cipher}": "TLS_AES_256_GCM_SHA384"} if self.is_tls else {}
        self.macros("H", tls)
        answer = self.settle(self.step("H", as_bytes(name) + b"\0", s.where), "250 mta.example")
        if answer[0] == "2":
            self.helo = name
        if Expectation(s, self.names()).patterns and answer[0] == "2":
            return    # what EHLO offers is the MTA's affair
        self.reply(s, answer)

    def do_starttls(self, s):
        self.is_tls = True

    def do_xclient(self, s):
        """Somebody who is logged in: the MTA tells of it with a macro."""
        for word in self.words(s):
            name, _, value = word.partition("=")
            if name == "LOGIN":
                self.login = {"{auth_authen}": value, "{auth_type}": "PLAIN"}
        self.reply(s, "220 mta.example ESMTP")

    def do_mail(self, s):
        words = self.words(s)
        if not self.helo:
            self.reply(s, "503 5.5.1 HELO or EHLO first")
            return
        self.macros("M", {"i": f"Q{len(self.run.sent)}", "{mail_addr}": words[0].strip("<>"), **self.login})
        data = b"".join(as_bytes(w) + b"\0" for w in words)
        answer = self.settle(self.step("M", data, s.where), "250 2.1.0 ok")
        if answer[0] == "2":
            self.transaction = Transaction(words[0].strip("<>"), " ".join(words[1:]))
        self.reply(s, "250 2.1.0 ok" if answer == "discard" else answer)

    def do_rcpt(self, s):
        words, t = self.words(s), self.transaction
        if t is None:
            self.reply(s, "503 5.5.1 MAIL first")
            return
        self.macros("R", {"{rcpt_addr}": words[0].strip("<>"), "{rcpt_mailer}": "smtp"})
        answer = self.settle(self.step("R", b"".join(as_bytes(w) + b"\0" for w in words), s.where), "250 2.1.5 ok")
        if answer[0] == "2":
            t.rcpts.append(words[0].strip("<>"))
        self.reply(s, answer)

    def do_data(self, s, body=None):
        from .smtp import SmtpSession
        body = SmtpSession.body_of(self, s) if body is None else body
        if body and not body.endswith(b"\r\n"):
            body += b"\r\n"
        t, self.transaction = self.transaction, None
        if t is None or not t.rcpts:
            self.reply(s, "503 5.5.1 no valid recipients")
            return
        self.run.sent.append(body)
        message = Message(t.sender, t.parameters, None)
        message.rcpts, message.raw = list(t.rcpts), body
        answer = self.content(body, s.where)
        if answer in (None, "s"):
            answer = self.end_of_message(message, s.where)
        if answer in ("accept", None):
            self.deliver(message)
        self.reply(s, "250 2.0.0 queued" if answer in ("accept", "discard", None) else answer)

    def value(self, token, s):
        return substitute(token.value, self.names(), s.where)

    def content(self, raw, where):
        """DATA, headers, end of headers, body: up to the first decision."""
        answer = self.step("T", b"", where)
        if answer:
            return answer
        head, body = split_message(raw)
        for name, value in head:
            if not self.steps & LEADING_SPACE and value[:1] == b" ":
                value = value[1:]
            answer = self.step("L", name + b"\0" + value.replace(b"\r\n", b"\n") + b"\0", where)
            if answer:
                return answer
        answer = self.step("N", b"", where)
        for at in range(0, len(body), CHUNK):
            if answer:
                break
            answer = self.step("B", body[at:at + CHUNK], where)
        return None if answer == "s" else answer

    def end_of_message(self, message, where):
        if self.final:
            return self.final
        self.macros("E", {"i": "Q1"})
        self.client.send("E")
        head, body = split_message(message.raw)
        quarantined = False
        while True:
            command, data = self.client.receive(where)
            fields = fields_of(data)
            if command == "h":
                head.append((fields[0], self.value_out(data.split(b"\0")[1])))
            elif command == "i":
                at = struct.unpack("!I", data[:4])[0]
                name, value = data[4:].split(b"\0")[:2]
                head.insert(at, (name, self.value_out(value)))
            elif command == "m":
                change_header(head, struct.unpack("!I", data[:4])[0], *data[4:].split(b"\0")[:2], self.value_out)
            elif command in "+2":
                message.rcpts.append(as_text(fields[0]).strip("<>"))
            elif command == "-":
                address = as_text(fields[0]).strip("<>")
                message.rcpts = [r for r in message.rcpts if r != address]
            elif command == "e":
                message.sender = as_text(fields[0]).strip("<>")
            elif command == "b":
                body = data
            elif command == "q":
                quarantined = True
            else:
                break
        message.raw = b"".join(n + b":" + v + b"\r\n" for n, v in head) + b"\r\n" + body
        answer = self.answer(command, data)
        return "discard" if quarantined and answer in (None, "accept") else answer

    def value_out(self, value):
        lead = b"" if self.steps & LEADING_SPACE else b" "
        return lead + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def deliver(self, message):
        if not message.rcpts or not self.run.hops:
            return
        message.rcpts = each_once(message.rcpts)
        kind = "ESMTPS" if self.is_tls else "ESMTP" if self.is_esmtp else "SMTP"
        received = f"Received: from {self.helo} ([{self.address}]) by mta.example with {kind}; now\r\n"
        message.raw = received.encode() + message.raw
        hop = self.run.hops[0]
        hop.commands.append(f"MAIL FROM:<{message.sender}>")
        hop.commands.extend(f"RCPT TO:<{r}>" for r in message.rcpts)
        hop.messages.append(message)

    def do_bdat(self, s):
        """How the client sends it is the MTA's affair: the chunks are one message."""
        words = self.words(s)
        self.chunks += b"".join(as_bytes(self.value(t, s)) for t in s.plain() if t.kind == "string")
        if "last" in words:
            s.args = [t for t in s.args if t.kind != "word" or t.value != "last"]
            self.do_data(s, self.chunks)
            self.chunks, self.login = b"", {}

    def do_on(self, s):
        self.run.on_face(s, self.execute)

    def do_rset(self, s):
        if self.transaction:
            self.client.send("A")
        self.transaction = None
        self.reply(s, "250 2.0.0 ok")

    def do_noop(self, s):
        self.reply(s, "250 2.0.0 ok")

    def do_unknown(self, s):
        self.reply(s, self.settle(self.step("U", as_bytes(" ".join(self.words(s))) + b"\0", s.where), "500 5.5.2 what"))

    def do_quit(self, s):
        self.reply(s, "221 2.0.0 bye")
        self.finish()

    def do_close(self, s):
        self.client.close()

    do_reset = do_close

    def do_expect_close(self, s):
        """The MTA decides when it closes: nothing to see here."""

    def do_clock(self, s):
        self.run.do_clock(s)

    def do_expect(self, s):
        self.run.do_expect(s)

    def do_repeat(self, s):
        self.run.repeat(s, self.execute)

    def finish(self):
        if not self.client.is_closed:
            try:
                self.client.send("Q")
            except OSError:
                pass
            self.client.close()


def split_message(raw):
    """([(name, value with its leading blank and folds)], body)"""
    head, body = [], b""
    while raw:
        if raw.startswith(b"\r\n"):
            body = raw[2:]
            break
        found = re.match(rb"([^\r\n: \t]+)[ \t]*:((?:[^\r]|\r(?!\n)|\r\n(?=[ \t]))*)\r\n", raw)
        if not found:
            body = raw
            break
        head.append((found.group(1), found.group(2)))
        raw = raw[found.end():]
    return head, body


def each_once(rcpts):
    """An MTA has one copy for each address; domains have no case."""
    first = {}
    for rcpt in rcpts:
        local, at, domain = rcpt.rpartition("@")
        first.setdefault(local + at + domain.lower(), rcpt)
    return list(first.values())


def change_header(head, index, name, value, value_out):
    """The index-th (from 1) of that name; an empty value removes it."""
    places = [i for i, (n, _) in enumerate(head) if n.lower() == name.lower()]
    if index > len(places):
        if value:
            head.append((name, value_out(value)))
        return
    at = places[max(index, 1) - 1]
    if value:
        head[at] = (head[at][0], value_out(value))
    else:
        del head[at]
