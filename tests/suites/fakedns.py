"""A DNS server on loopback whose zones a test writes down: names with records, and faults.

    server = FakeDns()
    server.load({"example.org": [("TXT", "v=spf1 -all"), ("A", "192.0.2.1")], "slow.org": ["TIMEOUT"]})

A name that has records or names below it exists (NODATA); others do not (NXDOMAIN). A TIMEOUT entry
leaves unanswered every question about the name for which no record stands before it.
"""
import os
import sys
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mailtest"))
from mt.dnsd import bind_both       # noqa: E402


def split_text(data):
    """A TXT value: bytes or a list of strings, each cut into strings of at most 255 octets."""
    parts = []
    for value in data if isinstance(data, (list, tuple)) else [data]:
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        parts += [value[i:i + 255] for i in range(0, len(value), 255)] or [b""]
    return parts


def make_rdata(kind, data):
    if kind == "TXT":
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, split_text(data))
    if kind == "MX":
        data = "%d %s" % (data[0], absolute(data[1]))
    elif kind in ("PTR", "CNAME", "NS"):
        data = absolute(data)
    return dns.rdata.from_text("IN", kind, data)


def absolute(name):
    return (name if name.endswith(".") else name + ".") or "."


def plain_name(name):
    """The labels joined by dots, lower case, without the escapes of master files."""
    return ".".join(label.decode("latin-1") for label in name.labels if label).lower()


class FakeDns:
    def __init__(self):
        self.zone, self.names, self.questions = {}, set(), []
        self.udp, self.tcp = bind_both("127.0.0.1")
        self.port = self.udp.getsockname()[1]
        for target in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1@%d" % self.port

    def load(self, zone):
        names, ready = set(), {}
        for name, records in zone.items():
            key = name.rstrip(".").lower()
            ready[key] = [r if r in ("TIMEOUT", "SERVFAIL") else (r[0], make_rdata(*r)) for r in records]
            while key:
                names.add(key)
                key = key.partition(".")[2]
        self.zone, self.names, self.questions = ready, names, []

    def serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(4096)
            reply = self.reply(packet, 1400)
            if reply:
                self.udp.sendto(reply, peer)

    def serve_tcp(self):
        while True:
            peer, _ = self.tcp.accept()
            threading.Thread(target=self.serve_stream, args=(peer,), daemon=True).start()

    def serve_stream(self, peer):
        stream = peer.makefile("rb")
        while True:
            head = stream.read(2)
            if len(head) < 2:
                break
            reply = self.reply(stream.read(int.from_bytes(head, "big")), 65535)
            if reply:
                peer.sendall(len(reply).to_bytes(2, "big") + reply)
        peer.close()

    def reply(self, packet, room):
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name = plain_name(question.name)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        if not self.answer(reply, question.name, name, kind):
            return None
        wire = reply.to_wire(max_size=65535)
        if len(wire) > room:
            reply.answer, reply.flags = [], reply.flags | dns.flags.TC
            wire = reply.to_wire()
        return wire

    def answer(self, reply, owner, name, kind):
        for _ in range(10):
            found, target = [], None
            for record in self.zone.get(name, []):
                if record == "TIMEOUT":
                    if not found:
                        return False
                elif record == "SERVFAIL":
                    if not found:
                        reply.set_rcode(dns.rcode.SERVFAIL)
                        return True
                elif record[0] == kind:
                    found.append(record[1])
                elif record[0] == "CNAME":
                    target = record[1]
            if found:
                rrset = dns.rrset.from_rdata_list(owner, 60, found)
                reply.answer.append(rrset)
                return True
            if target is None:
                if name not in self.names:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                return True
            reply.answer.append(dns.rrset.from_rdata_list(owner, 60, [target]))
            owner, name = target.target, plain_name(target.target)
        return True
