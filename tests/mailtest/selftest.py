#!/usr/bin/python3
"""The harness itself: the language, expectations that must fail, DNS packets, the next hop's reading."""
import sys
sys.dont_write_bytecode = True

import os            # noqa: E402
import smtplib       # noqa: E402
import socket        # noqa: E402
import struct        # noqa: E402
import unittest      # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mt.dnsd import Dns, pack_name, TYPES                        # noqa: E402
from mt.milter import change_header, split_message               # noqa: E402
from mt.nexthop import NextHop                                   # noqa: E402
from mt.parse import ScenarioError, parse                        # noqa: E402
from mt.smtp import Reply                                        # noqa: E402
from mt.values import Expectation, compare, substitute           # noqa: E402


def first(text):
    return parse("x.mt", text)[0]


class Language(unittest.TestCase):
    def test_strings(self):
        s = first('send "a\\r\\n\\x00\\x85""x"*3"é""\\d" "next"')
        self.assertEqual(s.args[0].value, b"a\r\n\0\x85xxx\xc3\xa9\\d")
        self.assertEqual(s.args[1].value, b"next")
        self.assertEqual(len(first('send "x"*2K').args[0].value), 2048)

    def test_blocks(self):
        s = first('gateway g1 {\n policy { at rcpt { reject 550 "}" if a; } } # }\n}')
        self.assertIn('"}"', s.block("text"))
        s = first("data {\n\t\tSubject: x\n\n\t\t  .dot\n\t} = 250")
        self.assertEqual(s.block("text"), "Subject: x\n\n  .dot\n")
        self.assertEqual([t.kind for t in s.args], ["text", "op", "word"])
        self.assertEqual(first("rcpt <a@b> ORCPT=rfc822;x = 250").args[1].value, "ORCPT=rfc822;x")

    def test_errors_name_their_line(self):
        for text in ('a\nb "open\n', "a\nb {\n c\n", "a\n}", "a\ndata { x }"):
            with self.assertRaisesRegex(ScenarioError, r"^x\.mt:[123]: error"):
                parse("x.mt", text)
        with self.assertRaisesRegex(ScenarioError, "unknown name"):
            substitute("$nothing", {}, "x.mt:1")


class Expectations(unittest.TestCase):
    def problem(self, text, reply):
        return Expectation(first("x " + text), {}).problem(reply and Reply(reply.split("\n")))

    def test_they_hold(self):
        for text, reply in (("= 250", "250 ok"), ("= 2xx", "251 ok"), ("= 250|421", "421 no"), ("", "250 ok"),
                            ("= 550 5.7.1", "550 5.7.1 no"), ('= 250 ~ "^b$" !~ "c"', "250-a\n250 b"),
                            ("= closed", None), ("= 421|closed", None)):
            self.assertIsNone(self.problem(text, reply), text)

    def test_they_fail(self):
        for text, reply in (("= 250", "251 ok"), ("= 2xx", "550 no"), ("", "550 no"), ("= 250", None),
                            ("= 550 5.7.1", "550 5.7.10 no"), ("= 550 5.7.1", "550 no"), ('= 250 ~ "b"', "250 a"),
                            ('= 250 !~ "a"', "250 a"), ("= closed", "250 ok")):
            self.assertIsNotNone(self.problem(text, reply), text)

    def test_compare(self):
        self.assertTrue(compare("10", ">", "9") and compare(2, "==", "2.0") and compare(b"a\xff", "!=", b"a"))
        self.assertFalse(compare("a", "~", "b") or compare("a", "!~", "a") or compare("a", "==", "b"))


class DnsServer(unittest.TestCase):
    def setUp(self):
        self.dns = Dns("d", "127.0.0.1")
        zone = first('dns d { a.example TXT "one" "two"\n a.example A 192.0.2.1 192.0.2.2\n 192.0.2.1 PTR a.example\n'
                     " c.example CNAME a.example\n f.example servfail\n t.example truncate\n t.example A 192.0.2.3\n }")
        self.dns.load(zone.block(), {}, substitute)

    def tearDown(self):
        self.dns.close()

    def ask(self, name, kind):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(struct.pack("!6H", 7, 256, 1, 0, 0, 0) + pack_name(name) + struct.pack("!HH", TYPES[kind], 1),
                     ("127.0.0.1", self.dns.port))
            packet = s.recv(4096)
        _, flags, _, answers, _, _ = struct.unpack("!6H", packet[:12])
        return flags & 15, bool(flags & 0x200), answers, packet

    def test_answers(self):
        self.assertEqual(self.ask("a.example", "A")[:3], (0, False, 2))
        self.assertIn(b"\x03one\x03two", self.ask("a.example", "TXT")[3])
        self.assertEqual(self.ask("1.2.0.192.in-addr.arpa", "PTR")[2], 1)
        self.assertEqual(self.ask("c.example", "A")[:3], (0, False, 3))
        self.assertEqual(self.ask("a.example", "MX")[:3], (0, False, 0))      # NODATA
        self.assertEqual(self.ask("no.example", "A")[0], 3)                   # NXDOMAIN
        self.assertEqual(self.ask("f.example", "A")[0], 2)
        self.assertEqual(self.ask("t.example", "A")[:3], (0, True, 0))
        self.assertEqual(self.dns.count("a.example A"), 1)


class Next(unittest.TestCase):
    def test_reads_what_was_sent(self):
        hop = NextHop("n1", "127.0.0.1", None)
        hop.load(first('next n1 { rcpt "gone@" = 550 5.1.1 no times 1 }').block())
        with smtplib.SMTP("127.0.0.1", hop.port) as s:
            s.ehlo("x")
            s.mail("a@x.example")
            self.assertEqual(s.rcpt("gone@x.example")[0], 550)
            self.assertEqual(s.rcpt("gone@x.example")[0], 250)
            s.putcmd("DATA")
            s.getreply()
            s.sock.sendall(b"A: 1\r\n 2\r\n\r\n..\r\n...\r\n\n.\r\r\n.\r\n")
            self.assertEqual(s.getreply()[0], 250)
        hop.down()
        self.assertEqual(hop.messages[0].parts()[1], b".\r\n..\r\n\n.\r\r\n")
        self.assertEqual(hop.messages[0].headers("a"), ["1 2"])


class MilterSide(unittest.TestCase):
    def test_headers(self):
        head, body = split_message(b"A: 1\r\nB:2\r\n\t3\r\n\r\nx\r\n")
        self.assertEqual((head, body), ([(b"A", b" 1"), (b"B", b"2\r\n\t3")], b"x\r\n"))
        change_header(head, 1, b"b", b" 4", lambda v: v)
        change_header(head, 1, b"a", b"", lambda v: v)
        self.assertEqual(head, [(b"B", b" 4")])


if __name__ == "__main__":
    unittest.main()
