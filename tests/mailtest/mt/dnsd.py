"""A scripted DNS server on loopback, UDP and TCP.

    dns d1 {
        example.org        TXT "v=spf1 -all" [delay 200ms]
        example.org        MX 10 mx.example.org
        192.0.2.7          PTR mx.example.org
        *.any.example      A 192.0.2.1 192.0.2.2
        slow.example       timeout          # also servfail nxdomain refused nodata truncate garbage
        slow.example       TXT servfail     # one type only
    }

A name that is not there is NXDOMAIN, a type that is not there NODATA. truncate: TC over UDP, the
answer over TCP.
"""
import ipaddress
import socket
import struct
import threading
import time

from .values import as_bytes, as_text, duration

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28,
         "TLSA": 52, "SPF": 99}
NAMES = {number: name for name, number in TYPES.items()}
FAULTS = {"servfail": 2, "nxdomain": 3, "refused": 5, "nodata": 0, "timeout": None,
          "truncate": 0, "garbage": None}

OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)    # EDNS, whoever asks with it


class Rule:
    def __init__(self):
        self.records, self.fault, self.delay = [], None, 0.0


def bind_both(host):
    """A port that is free for both; somebody else may have the other half of a free one."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((host, 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind((host, udp.getsockname()[1]))
            tcp.listen(64)
            return udp, tcp
        except OSError:
            udp.close()
            tcp.close()
    raise OSError("no port is free for UDP and TCP")


class Dns:
    def __init__(self, name, host):
        self.name, self.rules, self.queries = name, {}, []
        self.udp, self.tcp = bind_both(host)
        self.port = self.udp.getsockname()[1]
        self.host = host
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def load(self, statements, names, substitute):
        """Replaces the zone: `dns d1 { ... }` may be given again."""
        rules = {}
        for s in statements:
            add_rule(rules, s, lambda v, w=s.where: substitute(v, names, w))
        self.rules = rules

    def count(self, pattern=None):
        return len([q for q in self.queries if pattern is None or pattern in q])

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            self.later(packet, False, lambda answer, p=peer: self.udp.sendto(answer, p))

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_stream, args=(connection,), daemon=True).start()

    def serve_stream(self, connection):
        with connection:
            while True:
                head = read_exactly(connection, 2)
                packet = head and read_exactly(connection, struct.unpack("!H", head)[0])
                if not packet:
                    return
                answer, delay = self.answer(packet, True)
                time.sleep(delay)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def later(self, packet, is_tcp, send):
        answer, delay = self.answer(packet, is_tcp)
        if answer is None:
            return
        if delay:
            threading.Timer(delay, self.quietly, (send, answer)).start()
        else:
            self.quietly(send, answer)

    @staticmethod
    def quietly(send, answer):
        try:
            send(answer)
        except OSError:
            pass

    def answer(self, packet, is_tcp):
        """(packet or None, delay in seconds)"""
        if len(packet) < 17:
            return None, 0
        name, kind, end = read_question(packet)
        question = packet[12:end]
        self.queries.append(f"{name} {NAMES.get(kind, kind)}")
        rcode, answers, delay, fault = self.look(name, kind)
        if fault == "timeout":
            return None, 0
        if fault == "garbage":
            return packet[:2] + b"\xff" * 40, delay
        flags = 0x8180 | rcode
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", t, 1, 300, len(d)) + d if owner is None
                        else pack_name(owner) + struct.pack("!HHIH", t, 1, 300, len(d)) + d
                        for owner, t, d in answers)
        if not is_tcp and (fault == "truncate" or len(body) + end > 1232):
            flags, body, answers = flags | 0x0200, b"", []
        extra = OPT if packet[10:12] != b"\0\0" else b""
        counts = struct.pack("!HHHHH", flags, 1, len(answers), 0, 1 if extra else 0)
        return packet[:2] + counts + question + body + extra, delay

    def look(self, name, kind):
        answers, owner, delay = [], None, 0.0
        for _ in range(12):    # a chain of CNAMEs
            rules = self.find(name if owner is None else owner)
            if rules is None:
                return (3, answers, delay, None)
            rule = rules.get(kind) or rules.get(0)
            cname = rules.get(TYPES["CNAME"])
            if rule is None and cname is not None and cname.records:
                rule = cname
                answers += [(owner, TYPES["CNAME"], d) for d in rule.records]
                owner, delay = unpack_name(rule.records[0]), max(delay, rule.delay)
                continue
            if rule is None:
                return (0, answers, delay, None)
            delay = max(delay, rule.delay)
            fault = rule.fault or (rules[0].fault if 0 in rules else None)
            if fault and fault != "truncate":
                return (FAULTS[fault] or 0, answers, delay, fault)
            return (0, answers + [(owner, kind, d) for d in rule.records], delay, fault)
        return (2, [], delay, None)

    def find(self, name):
        name = name.lower()
        if name in self.rules:
            return self.rules[name]
        labels = name.split(".")
        for i in range(1, len(labels) + 1):
            rules = self.rules.get(".".join(["*"] + labels[i:]))
            if rules is not None:
                return rules
        return {} if any(n.endswith("." + name) for n in self.rules) else None


def add_rule(rules, statement, subst):
    name = owner_name(as_text(subst(as_bytes(statement.name))))
    words = [t for t in statement.args if t.kind in ("word", "string")]
    values = [subst(t.value) for t in words]
    kind = 0
    if values and as_text(values[0]).upper() in TYPES:
        kind = TYPES[as_text(values.pop(0)).upper()]
        words.pop(0)
    rule = rules.setdefault(name, {}).setdefault(kind, Rule())
    data = []
    while values:
        word = as_text(values[0]) if words[0].kind == "word" else None
        if word == "delay" and len(values) > 1:
            rule.delay = duration(as_text(values[1]), statement.where)
            values, words = values[2:], words[2:]
        elif word in FAULTS:
            rule.fault = word
            values, words = values[1:], words[1:]
        else:
            data.append(values.pop(0))
            words.pop(0)
    if data and not kind:
        statement.fail(f"expected a record type ({' '.join(TYPES)}) or a fault ({' '.join(FAULTS)})")
    try:
        rule.records += make_records(kind, data)
    except (ValueError, OSError) as e:
        statement.fail(f"bad record data: {e}")


def owner_name(text):
    """An address stands for its name in in-addr.arpa or ip6.arpa."""
    try:
        return ipaddress.ip_address(text).reverse_pointer
    except ValueError:
        return text.lower().rstrip(".")


def make_records(kind, data):
    name = NAMES.get(kind, "")
    if name == "A":
        return [ipaddress.IPv4Address(as_text(d)).packed for d in data]
    if name == "AAAA":
        return [ipaddress.IPv6Address(as_text(d)).packed for d in data]
    if name in ("PTR", "CNAME", "NS"):
        return [pack_name(as_text(d)) for d in data]
    if name == "MX":
        return [struct.pack("!H", int(as_text(p))) + pack_name(as_text(d))
                for p, d in zip(data[::2], data[1::2], strict=True)]
    if name in ("TXT", "SPF") and data:
        return [b"".join(pack_string(as_bytes(d)) for d in data)]
    if name == "TLSA":
        usage, selector, matching, digest = map(as_text, data)
        return [bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(digest)]
    if name == "SOA":
        return [pack_name(as_text(data[0])) + pack_name(as_text(data[1]))
                + struct.pack("!5I", *map(int, map(as_text, data[2:7])))]
    return []


def pack_string(data):
    pieces = [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]
    return b"".join(bytes([len(p)]) + p for p in pieces)


def pack_name(name):
    labels = [as_bytes(n) for n in name.rstrip(".").split(".") if n]
    return b"".join(bytes([len(n)]) + n for n in labels) + b"\0"


def unpack_name(data):
    labels, at = [], 0
    while data[at]:
        labels.append(as_text(data[at + 1:at + 1 + data[at]]))
        at += 1 + data[at]
    return ".".join(labels)


def read_question(packet):
    at, labels = 12, []
    while packet[at]:
        labels.append(as_text(packet[at + 1:at + 1 + packet[at]]).lower())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack("!H", packet[at + 1:at + 3])[0], at + 5


def read_exactly(connection, length):
    data = b""
    while len(data) < length:
        try:
            piece = connection.recv(length - len(data))
        except OSError:
            return None
        if not piece:
            return None
        data += piece
    return data
