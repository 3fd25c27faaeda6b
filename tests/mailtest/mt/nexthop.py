"""The internal server behind the gateway, scripted: accepts by default, records everything.

    next n1 {
        banner = 554 5.3.2 no; helo = 500; ehlo = 502 5.5.1 no; mail = 451 4.3.0 later
        rcpt "x@example.net" = 550 5.1.1 "no such user"    # a part of the address is enough
        data = 452 4.3.1 full             # instead of 354
        end = 451 4.3.0 later times 2     # after the final dot; twice, then it accepts
        drop mail|rcpt|data|end|banner [times N]    # closes instead of the reply
        hang mail|rcpt|data|end|banner [times N]    # never answers
        delay mail|rcpt|data|end|banner 200ms
        no PIPELINING CHUNKING            # extensions that are not offered; all others are
        offer "SIZE 1000"
        starttls [refuse|inject|broken]   # inject: plain reply bytes behind the 220
    }
    next n1 down     next n1 up           # closes and opens the same port
"""
import hashlib
import re
import socket
import ssl
import threading
import time

from .parse import ScenarioError
from .values import as_text, duration

EXTENSIONS = ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"]
STAGES = ("banner", "ehlo", "helo", "mail", "rcpt", "data", "end", "bdat", "rset", "quit", "starttls")


class Message:
    def __init__(self, sender, mail_parameters, session):
        self.sender, self.mail_parameters, self.session = sender, mail_parameters, session
        self.rcpts, self.rcpt_parameters, self.raw = [], [], b""
        self.is_chunked = False

    def parts(self):
        head, end, body = self.raw.partition(b"\r\n\r\n")
        return head + end[:2], body

    def headers(self, name):
        head = re.sub(rb"\r\n(?=[ \t])", b"", self.parts()[0])
        found = re.findall(rb"(?im)^%s:[ \t]*([^\r]*)\r$" % re.escape(name.encode()), head)
        return [as_text(v) for v in found]


class Rule:
    def __init__(self, stage, action, value=None, match=None, times=None):
        self.stage, self.action, self.value = stage, action, value
        self.match, self.times = match, times


class NextHop:
    def __init__(self, name, host, certificate):
        self.name, self.host, self.certificate = name, host, certificate
        self.rules, self.without, self.offers, self.tls = [], set(), [], None
        self.sessions, self.messages, self.commands, self.open = [], [], [], set()
        self.hangs = 0
        self.lock = threading.Lock()
        self.listener = None
        self.port = 0
        self.up()

    def up(self):
        self.listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.host, self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(256)
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def down(self):
        if self.listener:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None
        for s in list(self.open):
            s.close()

    def endpoint(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def load(self, statements):
        self.rules, self.without, self.offers, self.tls = [], set(), [], None
        for s in statements:
            self.add_rule(s)

    def add_rule(self, s):
        words = [as_text(t.value) for t in s.args]
        times = None
        if len(words) >= 2 and words[-2] == "times":
            times, words = int(words[-1]), words[:-2]
        if s.name == "accept" and not words:
            return
        if s.name == "no":
            self.without |= {w.upper() for w in words}
        elif s.name == "offer":
            self.offers += words
        elif s.name == "starttls" and "=" not in words:
            self.tls = words[0] if words else "accept"
        elif s.name in ("drop", "hang") and words and words[0] in STAGES:
            self.rules.append(Rule(words[0], s.name, match=(words[1:] or [None])[0], times=times))
        elif s.name == "delay" and len(words) == 2 and words[0] in STAGES:
            self.rules.append(Rule(words[0], "delay", duration(words[1], s.where), times=times))
        elif s.name in STAGES and "=" in words:
            at = words.index("=")
            self.rules.append(Rule(s.name, "reply", " ".join(words[at + 1:]),
                                   words[0] if at else None, times))
        else:
            raise ScenarioError(s.where, f"next hop does not know '{s.name} {' '.join(words)}'")

    def decide(self, stage, argument):
        """The first rule that fits, with delays applied on the way."""
        with self.lock:
            fitting = []
            for rule in self.rules:
                if rule.stage != stage or (rule.match and rule.match.lower() not in argument.lower()):
                    continue
                if rule.times == 0:
                    continue
                if rule.times is not None:
                    rule.times -= 1
                fitting.append(rule)
                if rule.action != "delay":
                    break
        for rule in fitting:
            if rule.action == "delay":
                time.sleep(rule.value)
            else:
                return rule
        return None

    def serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def session(self, connection):
        session = Session(self, connection)
        with self.lock:
            self.sessions.append(session)
            self.open.add(session)
        try:
            session.run()
        except (OSError, EOFError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(session)
            session.close()

    def log(self, _session, text):
        with self.lock:
            self.commands.append(text)


class Session:
    def __init__(self, hop, connection):
        self.hop, self.connection, self.buffer = hop, connection, b""
        self.helo, self.is_tls, self.message, self.dropped = "", False, None, False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(120)

    def close(self):
        self.dropped = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def fill(self):
        data = self.connection.recv(1 << 18)
        if not data:
            raise EOFError
        self.buffer += data

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def read_bytes(self, count):
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_data(self):
        """Up to CRLF.CRLF, nothing else; dots unstuffed."""
        pieces, tail = [], b"\r\n"
        while True:
            block = tail + self.buffer
            end = block.find(b"\r\n.\r\n")
            if end >= 0:
                pieces.append(block[:end + 2])
                self.buffer = block[end + 5:]
                break
            pieces.append(block[:-4])
            tail, self.buffer = block[-4:], b""
            self.fill()
        return b"".join(pieces).replace(b"\r\n.", b"\r\n")[2:]

    def send(self, text):
        self.connection.sendall(text.encode() + b"\r\n")

    def reply(self, stage, argument, normal):
        """Sends what the script says; returns whether it was positive."""
        rule = self.hop.decide(stage, argument)
        text = normal
        if rule and rule.action == "drop":
            raise EOFError
        if rule and rule.action == "hang":
            self.hang()
        if rule and rule.action == "reply":
            text = rule.value
        self.send(text)
        return text[:1] in "23"

    def hang(self):
        with self.hop.lock:
            self.hop.hangs += 1
        while True:
            self.fill()

    def run(self):
        if not self.reply("banner", "", f"220 {self.hop.name}.example ESMTP"):
            return
        while True:
            line = as_text(self.read_line())
            self.hop.log(self, line)
            verb, _, argument = line.partition(" ")
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.send("500 5.5.2 unknown command")
            elif handler(argument) is False:
                return

    def do_ehlo(self, argument):
        self.helo, self.message = argument, None
        offers = [e for e in EXTENSIONS if e not in self.hop.without] + self.hop.offers
        if self.hop.tls and not self.is_tls:
            offers.append("STARTTLS")
        lines = [f"{self.hop.name}.example"] + offers
        self.reply("ehlo", argument, "\r\n".join(
            f"250{' ' if i == len(lines) - 1 else '-'}{x}" for i, x in enumerate(lines)))

    def do_helo(self, argument):
        self.helo, self.message = argument, None
        self.reply("helo", argument, f"250 {self.hop.name}.example")

    def do_starttls(self, argument):
        if self.hop.tls in (None, "refuse") or self.is_tls:
            self.reply("starttls", argument, "454 4.7.0 not now")
            return True
        inject = "\r\n250 2.0.0 injected" if self.hop.tls == "inject" else ""
        self.send("220 2.0.0 go ahead" + inject)
        if self.hop.tls == "broken":
            self.connection.sendall(b"this is no TLS\r\n")
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.hop.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.is_tls, self.buffer, self.message = True, b"", None
        return True

    def do_mail(self, argument):
        path, _, parameters = argument.partition(" ")
        if self.reply("mail", argument, "250 2.1.0 ok"):
            self.message = Message(path[path.index("<") + 1:-1], parameters, self)

    def do_rcpt(self, argument):
        path, _, parameters = argument.partition(" ")
        if self.message is None:
            self.send("503 5.5.1 MAIL first")
        elif self.reply("rcpt", argument, "250 2.1.5 ok"):
            self.message.rcpts.append(path[path.index("<") + 1:-1])
            self.message.rcpt_parameters.append(parameters)

    def do_data(self, argument):
        if self.message is None or not self.message.rcpts:
            self.send("503 5.5.1 RCPT first")
            return
        if self.reply("data", argument, "354 go ahead"):
            self.message.raw = self.read_data()
            self.finish()

    def do_bdat(self, argument):
        size, _, last = argument.partition(" ")
        chunk = self.read_bytes(int(size))
        if self.message is None or not self.message.rcpts:
            self.send("503 5.5.1 RCPT first")
            return
        self.message.raw += chunk
        self.message.is_chunked = True
        if last.upper() == "LAST":
            self.finish()
        elif not self.reply("bdat", argument, "250 2.0.0 more"):
            self.message = None

    def finish(self):
        message, self.message = self.message, None
        rule = self.hop.decide("end", message.sender)
        if rule and rule.action == "drop":
            raise EOFError
        if rule and rule.action == "hang":
            self.hang()
        text = rule.value if rule else "250 2.0.0 taken"
        if text[:1] == "2":
            with self.hop.lock:
                self.hop.messages.append(message)
        self.send(text)

    def do_rset(self, argument):
        self.message = None
        self.reply("rset", argument, "250 2.0.0 ok")

    def do_noop(self, argument):
        self.send("250 2.0.0 ok")

    def do_quit(self, argument):
        self.reply("quit", argument, "221 2.0.0 bye")
        return False


def digest(data):
    return hashlib.sha256(data).hexdigest()
