#!/usr/bin/env python3
"""Odd records, signatures and From fields, each with what the RFC says of it.

    auth_odd.py PROBE [spf | dkim | dmarc | arc]...

Tables, written from the texts: RFC 7208, 6376, 8301, 8463, 8616, 9989; those of ARC are auth_odd_arc.py.
Exit 77 (skipped) when a Python module or openssl is missing.
"""
import base64
import hashlib
import re
import shutil
import sys

import auth_odd_arc
from auth_keys import Key, canon_body, canon_field, rsa_text
from auth_suites import Probe, Suite, write_message
from fakedns import FakeDns

NOW = 1700000000

# ---- SPF: (record or zone of example.org, client, sender or (sender, helo), result, explanation) ----

V4, V6 = "192.0.2.3", "2001:db8::cb01"
SENDER = "strong-bad@email.example.com"
FAIL = "v=spf1 -all exp=why.example.com"


def explained(text):
    """A record that always fails, and the explanation that its exp= leads to."""
    return {"email.example.com": [("TXT", FAIL)], "why.example.com": [("TXT", text)]}


def matched(term, name, client=V4, kind="A", value="127.0.0.2"):
    """A record of one term that passes when that name, and no other, is there."""
    return {"email.example.com": [("TXT", "v=spf1 %s -all" % term)], name: [(kind, value)]}, client, SENDER, "pass"


def plain(record, result="pass", client=V4, **more):
    zone = {"email.example.com": [("TXT", record)]}
    zone.update({name.replace("_", "."): value for name, value in more.items()})
    return zone, client, SENDER, result


REVERSE = ("3.2.0.192.in-addr.arpa", [("PTR", "mx.email.example.com")])
VOID = ["exists:no%d.example.com" % i for i in range(3)]

SPF = [
    # RFC 7208 part 7.4: the table of examples.
    *[(explained(text), V4, SENDER, "fail", shown) for text, shown in (
        ("%{s}", SENDER), ("%{o}", "email.example.com"), ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"), ("%{d2}", "example.com"), ("%{d1}", "com"), ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"), ("%{l}", "strong-bad"), ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"))],
    matched("exists:%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    matched("exists:%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    matched("exists:%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    matched("exists:%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
    matched("include:%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net", V4, "TXT", "v=spf1 +all"),
    matched("exists:%{ir}.%{v}._spf.%{d2}",
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com", V6),
    # Odd delimiters, digits, escapes.
    *[(explained(text), V4, ("a+b,c/d_e=f-g@email.example.com", "h.example"), "fail", shown) for text, shown in (
        ("%{l+}", "a.b,c/d_e=f-g"), ("%{l+,/_=-}", "a.b.c.d.e.f.g"), ("%{l2r+,/_=-}", "b.a"), ("%{l1+,/_=-}", "g"),
        ("%{l99}", "a+b,c/d_e=f-g"), ("%{L}", "a%2Bb%2Cc%2Fd_e%3Df-g"), ("%{L2+,}", "b.c%2Fd_e%3Df-g"),
        ("%%%_%-x", "% %20x"), ("%{h}", "h.example"), ("%{H1}", "example"), ("%{c}", V4), ("%{t}", str(NOW)),
        ("%{r}", "receiver.example"), ("%{p}", "unknown"), ("%{v}|%{I}", "in-addr|" + V4),
        ("100% wrong", ""), ("%{x}", ""), ("%{d0}", ""), ("%{d", ""), ("%", ""), ("%{dr2}", ""), ("%{d2-r}", ""))],
    ({**explained("%{p}"), REVERSE[0]: REVERSE[1], "mx.email.example.com": [("A", V4)]}, V4, SENDER, "fail",
     "mx.email.example.com"),
    (explained("%{c}"), V6, SENDER, "fail", V6),
    ({"email.example.com": [("TXT", FAIL)], "why.example.com": [("TXT", "one"), ("TXT", "two")]}, V4, SENDER, "fail", ""),
    ({"email.example.com": [("TXT", FAIL)], "why.example.com": [("TXT", ["in ", "two"])]}, V4, SENDER, "fail", "in two"),
    ({"email.example.com": [("TXT", FAIL)], "why.example.com": [("TXT", "gr\u00fcezi")]}, V4, SENDER, "fail", ""),
    plain("v=spf1 redirect=r.example.com exp=why.example.com", "fail", r_example_com=[("TXT", "v=spf1 -all")],
          why_example_com=[("TXT", "not mine")]) + ("",),
    # Terms: the grammar of part 12.
    *[plain(record, result) for record, result in (
        ("v=spf1", "neutral"), ("v=spf1 ", "neutral"), ("V=SPF1 +ALL", "pass"), ("v=spf10 +all", "none"), ("v=spf1\t+all", "none"),
        ("v=spf1  ?all  ", "neutral"), ("v=spf1 ip4:192.0.2.3", "pass"), ("v=spf1 ip4:192.0.2.3/32", "pass"),
        ("v=spf1 ip4:192.0.2.0/024 -all", "permerror"), ("v=spf1 ip4:192.0.2.3/33", "permerror"), ("v=spf1 ip4:192.0.2", "permerror"),
        ("v=spf1 ip4:192.0.2.0/0", "pass"), ("v=spf1 ip4:192.0.2.3/", "permerror"), ("v=spf1 ip4:", "permerror"),
        ("v=spf1 ip4", "permerror"), ("v=spf1 ip4:2001:db8::1", "permerror"), ("v=spf1 ip6:192.0.2.3", "permerror"),
        ("v=spf1 ip6:::1/129", "permerror"), ("v=spf1 ip6:::ffff:192.0.2.3 -all", "fail"), ("v=spf1 all:x.org", "permerror"),
        ("v=spf1 all/24", "permerror"), ("v=spf1 ++all", "permerror"), ("v=spf1 +", "permerror"), ("v=spf1 include", "permerror"),
        ("v=spf1 include:", "permerror"), ("v=spf1 a:", "permerror"), ("v=spf1 a/33", "permerror"), ("v=spf1 a//129", "permerror"),
        ("v=spf1 a//64/24", "permerror"), ("v=spf1 a:example..com", "neutral"), ("v=spf1 a:example.c0m-", "permerror"),
        ("v=spf1 a:example.123", "permerror"), ("v=spf1 a:example", "permerror"), ("v=spf1 ptr/24", "permerror"),
        ("v=spf1 exists:%{q}.com", "permerror"), ("v=spf1 exists:%{d}%", "permerror"), ("v=spf1 exists:%{c}.com", "permerror"),
        ("v=spf1 foo:bar +all", "permerror"), ("v=spf1 +all foo", "permerror"), ("v=spf1 foo=bar +all", "pass"),
        ("v=spf1 foo=%{d} +all", "pass"), ("v=spf1 foo=%{z} +all", "permerror"), ("v=spf1 1foo=x +all", "permerror"),
        ("v=spf1 f.o-o_2=x +all", "pass"), ("v=spf1 foo= +all", "pass"), ("v=spf1 redirect= +all", "permerror"),
        ("v=spf1 exp= +all", "permerror"), ("v=spf1 exp=a.org exp=b.org +all", "permerror"),
        ("v=spf1 redirect=a.org redirect=b.org", "permerror"), ("v=spf1 redirect=none.example.com", "permerror"),
        ("v=spf1 redirect=none.example.com +all", "pass"), ("v=spf1 include:none.example.com +all", "permerror"),
        ("v=spf1 +all \x01", "permerror"), ("v=spf1 -ip4:192.0.2.3 +all", "fail"), ("v=spf1 ~a:none.example.com ~all", "softfail"))],
    # Look-ups: void, many, chains, faults.
    plain("v=spf1 %s +all" % " ".join(VOID[:2])), plain("v=spf1 %s +all" % " ".join(VOID), "permerror"),
    plain("v=spf1 %s +all" % " ".join("a:h.example.com" for _ in range(10)), h_example_com=[("A", "192.0.2.9")]),
    plain("v=spf1 %s +all" % " ".join("a:h.example.com" for _ in range(11)), "permerror", h_example_com=[("A", "192.0.2.9")]),
    plain("v=spf1 ip4:192.0.2.3 %s" % " ".join(["a"] * 20)), plain("v=spf1 a:c1.example.com -all",
          c1_example_com=[("CNAME", "c2.example.com")], c2_example_com=[("CNAME", "h.example.com")], h_example_com=[("A", V4)]),
    plain("v=spf1 include:c1.example.com -all", c1_example_com=[("CNAME", "r.example.com")], r_example_com=[("TXT", "v=spf1 a:h.example.com")],
          h_example_com=[("A", V4)]),
    plain("v=spf1 mx -all", "permerror", email_example_com=[("TXT", "v=spf1 mx -all")] +
          [("MX", (i, "m%d.example.com" % i)) for i in range(11)]),
    plain("", "permerror", email_example_com=[("TXT", "v=spf1 -all"), ("TXT", "v=spf1 +all")]),
    plain("", "pass", email_example_com=[("TXT", "v=spf2.0/pra -all"), ("TXT", "v=spf1 +all"), ("TXT", "")]),
    plain("v=spf1 include:e.example.com +all", "temperror", e_example_com=["SERVFAIL"]),
    plain("v=spf1 a:e.example.com +all", "temperror", e_example_com=["SERVFAIL"]),
    plain("v=spf1 include:email.example.com +all", "permerror"), plain("v=spf1 redirect=email.example.com", "permerror"),
    plain("v=spf1 ptr -all", "pass", **{REVERSE[0]: REVERSE[1], "mx_email_example_com": [("A", V4)]}),
    plain("v=spf1 ptr -all", "fail", **{REVERSE[0]: REVERSE[1], "mx_email_example_com": [("A", "192.0.2.4")]}),
    plain("v=spf1 ptr:example.com -all", "fail", **{REVERSE[0]: [("PTR", "mx.notexample.com")], "mx_notexample_com": [("A", V4)]}),
    # Who is asked about.
    ({"h.example.com": [("TXT", "v=spf1 exists:%{l}.%{o}.%{h} -all")], "postmaster.h.example.com.h.example.com": [("A", "127.0.0.2")]},
     V4, ("", "h.example.com"), "pass"),
    ({}, V4, ("", "localhost"), "none"), ({}, V4, ("", "[192.0.2.3]"), "none"), ({}, V4, ("", ""), "none"),
    ({"example.com": [("TXT", "v=spf1 +all")]}, V4, "a@b@example.com", "pass"),
    ({"example.com": [("TXT", "v=spf1 exists:%{l}.x.com -all")], "postmaster.x.com": [("A", "127.0.0.2")]}, V4, "@example.com", "pass"),
    ({"xn--mnchen-3ya.example": [("TXT", "v=spf1 +all")]}, V4, "a@m\u00fcnchen.example", "pass"),
]


def suite_spf(suite):
    suite.probe.ask("now", NOW)
    for number, (zone, client, who, result, *explanation) in enumerate(SPF):
        sender, helo = who if isinstance(who, tuple) else (who, "mx.example.com")
        suite.zone(zone)
        got = suite.probe.ask("spf", client, helo, sender, "receiver.example")
        ok = got["result"] == result and (not explanation or got["explanation"] == explanation[0])
        suite.check("spf %d %s" % (number, zone), ok, "want %s %s, got %s" % (result, explanation, got))


# ---- DKIM ----

FIELDS = [(b"From", b" a@example.org"), (b"Subject", b" odd"), (b"To", b" b@example.net")]
TAGS = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from:subject; bh=@BH@; b=@B@"
BODY = b"Hello  there \r\n\r\n \r\n"


def message(tags=TAGS, signed=("from", "subject"), canon=("relaxed", "relaxed"), key=None, fields=None, body=BODY, length=None,
            name=b"DKIM-Signature", changed=lambda text: text, digest="sha256"):
    """signed: what the signature covers in truth, lower case, in order, from the bottom; canon, length, digest likewise."""
    fields = FIELDS if fields is None else fields
    hashed = canon_body(body, canon[1])[:length]
    value = tags.replace("@BH@", base64.b64encode(hashlib.new(digest, hashed).digest()).decode()).encode("utf-8", "surrogateescape")
    value = value if value[:1].isspace() else b" " + value
    left, text = list(fields), b""
    for wanted in signed:
        for i in range(len(left) - 1, -1, -1):
            if left[i][0].strip().lower().decode() == wanted:
                text += canon_field(*left.pop(i), canon[0]) + b"\r\n"
                break
    text += canon_field(name, re.sub(rb"\s*@B@\s*", b"", value), canon[0])
    b = base64.b64encode((key or KEYS["rsa"]).sign(text, digest))
    value = value.replace(b"@B@", b)
    head = b"".join(n + b":" + v + b"\r\n" for n, v in [(name, value), *fields])
    return changed(head + b"\r\n" + body)


KEYS = {}


def tag(name, value):
    """The usual tags, one of them changed, added (where it is new), or left out (None)."""
    pairs = [p.split("=", 1) for p in TAGS.split("; ")]
    if name not in (p[0] for p in pairs):
        pairs.insert(-1, [name, value])
    return "; ".join("%s=%s" % (n, value if n == name else v) for n, v in pairs if n != name or value is not None)


def dkim_tags():
    """(what, result, message)"""
    relaxed = ("relaxed", "relaxed")
    for name, value, result in (
            ("v", "2", "neutral"), ("v", "1.0", "neutral"), ("v", None, "neutral"), ("a", "rsa-sha512", "neutral"), ("a", None, "neutral"),
            ("a", "ed25519-sha256", "permerror"), ("c", "relaxed/nowsp", "neutral"), ("c", "", "neutral"), ("d", None, "neutral"),
            ("d", "example.org.", "neutral"), ("d", "exa mple.org", "pass"), ("d", "Example.ORG", "pass"), ("s", None, "neutral"),
            ("s", "s1.", "neutral"), ("d", "example..org", "neutral"), ("bh", None, "neutral"), ("bh", "", "neutral"), ("bh", "AAAA", "neutral"),
            ("x", str(NOW - 1), "fail"), ("x", str(NOW), "pass"), ("x", str(NOW + 1), "pass"), ("x", "soon", "neutral"),
            ("x", "-1", "neutral"), ("t", "%d; x=%d" % (NOW - 5, NOW - 6), "neutral"), ("t", "%d; x=%d" % (NOW - 5, NOW + 6), "pass"),
            ("t", str(NOW + 1000), "pass"), ("x", "9" * 30, "neutral"), ("q", "dns/txt", "pass"), ("q", "foo:dns/txt", "pass"), ("q", "foo", "neutral"),
            ("i", "@example.org", "pass"), ("i", "a@sub.example.org", "pass"), ("i", "=61@example.org", "pass"),
            ("i", "a=40sub.example.org", "pass"), ("i", "@notexample.org", "permerror"), ("i", "@example.org.evil", "permerror"),
            ("i", "example.org", "permerror"), ("i", "@org", "permerror"), ("i", "@EXAMPLE.org", "pass"), ("z", "From:a@b|To:c", "pass"),
            ("foo", "bar", "pass"), ("l", "x", "neutral"), ("l", "-1", "neutral"), ("l", "", "neutral"), ("foo", "a; foo=b", "neutral"),
            ("d", "example.org; d=example.org", "neutral"), ("foo", "a;", "neutral"), ("foo", "a; bar", "neutral"), ("foo", "a; 1x=2", "neutral"),
            ("foo", "a; =2", "neutral"), ("h", None, "neutral"), ("h", "", "neutral"), ("h", "subject", "permerror"), ("b", "", "neutral"),
            ("b", "A?==", "neutral"), ("b", "AAAA", "fail")):
        yield "%s=%s" % (name, value), result, message(tag(name, value))
    for name, value, signed in (
            ("h", "FROM:Subject", ("from", "subject")), ("h", " from :\r\n\tsubject ", ("from", "subject")),
            ("h", "from:from:subject:subject", ("from", "subject")), ("h", "x-none:from:subject:to:to", ("from", "subject", "to")),
            ("h", "subject:from", ("subject", "from")), ("h", "from:dkim-signature:subject", ("from", "subject"))):
        yield "%s=%s" % (name, value), "pass", message(tag(name, value), signed)
    yield "trailing semicolon", "pass", message(TAGS + ";")
    yield "trailing semicolon and fold", "pass", message(TAGS + " ;\r\n\t")
    yield "v= last", "pass", message(TAGS[5:] + "; v=1")
    yield "b= amidst", "pass", message("b=@B@; " + TAGS.replace("; b=@B@", ""))
    yield "folds everywhere", "pass", message(TAGS.replace("=", " =\r\n ").replace(";", " \r\n\t;"))
    yield "folds, simple", "pass", message(TAGS.replace("relaxed", "simple").replace("; ", ";\r\n\t"), canon=("simple", "simple"))
    yield "blanks in b= and bh=", "pass", message(TAGS.replace("@BH@", "\r\n @BH@ \t").replace("@B@", " \r\n\t@B@ "))
    yield "fold inside b=", "pass", re.sub(rb"( b=.{20})", rb"\1\r\n ", message())
    yield "c= of the header alone", "pass", message(tag("c", "relaxed"), canon=("relaxed", "simple"))
    yield "no c=", "pass", message(tag("c", None), canon=("simple", "simple"))
    yield "name in capitals", "pass", message(name=b"DKIM-SIGNATURE")
    yield "name in capitals, simple", "pass", message(tag("c", "simple"), name=b"dkim-SIGNATURE", canon=("simple", "simple"))
    yield "no blank behind the name", "pass", message().replace(b"DKIM-Signature: ", b"DKIM-Signature:")
    yield "rsa-sha1", "policy", message(tag("a", "rsa-sha1"), digest="sha1")
    for canon in (relaxed, ("simple", "relaxed"), ("relaxed", "simple"), ("simple", "simple")):
        yield "/".join(canon), "pass", message(tag("c", "/".join(canon)), canon=canon)


ODD_FIELDS = [(b"From ", b"\ta@example.org\t "), (b"Subject", b""), (b"sUBJECT", b" \r\n  folded \t twice\r\n\there "), (b"To", b"  ")]


def dkim_texts():
    for canon in ("relaxed", "simple"):
        c = (canon, canon)
        odd = message(tag("c", canon + "/" + canon).replace("from:subject", "from:subject:subject:to"), ("from", "subject", "subject", "to"),
                      c, fields=ODD_FIELDS)
        yield "odd fields, " + canon, "pass", odd
        yield "a third Subject above, " + canon, "pass", odd.replace(b"Subject:\r", b"Subject: new\r\nSubject:\r")
        yield "a third Subject below, " + canon, "fail", odd.replace(b"To:", b"Subject: new\r\nTo:")
        for name, body in (("empty", b""), ("one line end", b"\r\n"), ("line ends", b"\r\n\r\n\r\n"), ("blanks", b" \t \r\n"),
                           ("no end", b"no end"), ("blanks at the end", b"x \t\r\n \t\r\n\r\n"), ("8 bit", b"\xff\xfe\r\n"), ("NUL", b"a\0b\r\n"),
                           ("dots", b".\r\n..\r\n"), ("long line", b"x" * 3000 + b"\r\n")):
            yield "body: %s, %s" % (name, canon), "pass", message(tag("c", canon + "/" + canon), canon=c, body=body)
        yield "body gets a blank, " + canon, "pass" if canon == "relaxed" else "fail", \
            message(tag("c", canon + "/" + canon), canon=c).replace(b"Hello  there", b"Hello \t there")
    oversigned = message(tag("h", "from:from:subject:subject"))
    yield "oversigned, second From", "fail", b"From: evil@example.com\r\n" + oversigned
    yield "oversigned, second Subject", "fail", oversigned.replace(b"Subject:", b"Subject: x\r\nSubject:")
    yield "not oversigned, second Subject above", "pass", message().replace(b"From:", b"Subject: x\r\nFrom:")
    for length, result in ((0, "pass"), (5, "pass"), (len(canon_body(BODY, "relaxed")), "pass")):
        yield "l=%d" % length, result, message(tag("l", str(length)), length=length)
        yield "l=%d and more" % length, result, message(tag("l", str(length)), length=length) + b"appended\r\n"
    yield "l= is too large", "fail", message(tag("l", "999"))
    yield "l= with zeros", "pass", message(tag("l", "0005"), length=5)
    yield "l= within a blank run", "pass", message(tag("l", "6"), length=6)


RECORDS = [    # the record of s1._domainkey.example.org: @P@ is the key; the result; tags
    ("p=@P@", "pass"), ("v=DKIM1; p=@P@", "pass"), ("v=DKIM1;p=@P@;", "pass"), (" v = DKIM1 ; k = rsa ; p = @P@ ; ", "pass"),
    ("k=rsa; v=DKIM1; p=@P@", "permerror"), ("v=DKIM2; p=@P@", "permerror"), ("v=dkim1; p=@P@", "permerror"),
    ("v=DKIM1; k=RSA; p=@P@", "pass"), ("k=ed25519; p=@P@", "permerror"), ("k=foo; p=@P@", "permerror"), ("k=; p=@P@", "permerror"),
    ("h=sha256; p=@P@", "pass"), ("h=sha1; p=@P@", "permerror"), ("h=sha1 : sha256; p=@P@", "pass"), ("h=foo:sha256; p=@P@", "pass"),
    ("s=email; p=@P@", "pass"), ("s=*; p=@P@", "pass"), ("s=foo:email; p=@P@", "pass"), ("s=tlsrpt; p=@P@", "permerror"),
    ("t=y; p=@P@", "pass"), ("t=s; p=@P@", "pass"), ("t=y:s; p=@P@", "pass"), ("t=foo; p=@P@", "pass"), ("g=other; p=@P@", "pass"),
    ("n=notes, and more; p=@P@", "pass"), ("foo=bar; p=@P@", "pass"), ("p=", "permerror"), ("v=DKIM1", "permerror"), ("", "permerror"),
    ("p=@P@; p=@P@", "permerror"), ("p=A", "permerror"), ("p=AAAA", "permerror"), ("v=DKIM1; p=@P@; junk", "permerror"), ("v=DKIM1 p=@P@", "permerror"),
    ("p=" + rsa_text(512), "policy"), ("p=" + rsa_text(768), "policy"), ("p=" + rsa_text(1016), "policy"), ("p=" + rsa_text(1024), "fail"),
    ("p=" + rsa_text(4096), "fail"), ("p=" + rsa_text(8192), "policy"), ("p=" + rsa_text(2048, True), "fail"),
    ("p=@BARE@", "pass"),
]


def dkim_keys():
    """(what, result, message, records)"""
    text = KEYS["rsa"].text
    for record, result in RECORDS:
        record = record.replace("@P@", text).replace("@BARE@", KEYS["rsa"].bare)
        yield record[:60], result, message(), [("TXT", record)]
    yield "in pieces", "pass", message(), [("TXT", [("p=" + text)[i:i + 10] for i in range(0, len(text) + 2, 10)])]
    yield "blanks in p=", "pass", message(), [("TXT", "p=" + " ".join(text[i:i + 20] for i in range(0, len(text), 20)))]
    yield "junk beside it", "pass", message(), [("TXT", "v=spf1 -all"), ("TXT", "p=" + text)]
    yield "a revoked one beside it", "pass", message(), [("TXT", "p="), ("TXT", "p=" + text)]
    yield "two others", "fail", message(), [("TXT", "p=" + rsa_text(2048)), ("TXT", "p=" + rsa_text(1024))]
    yield "CNAME", "pass", message(), [("CNAME", "key.example.net")]
    yield "CNAME to nowhere", "permerror", message(), [("CNAME", "no.example.net")]
    yield "no TXT", "permerror", message(), [("A", "192.0.2.1")]
    yield "none", "permerror", message(), []
    yield "SERVFAIL", "temperror", message(), ["SERVFAIL"]
    for identity, result in (("@example.org", "pass"), ("a@Example.org", "pass"), ("a@sub.example.org", "permerror")):
        yield "t=s, i=" + identity, result, message(tag("i", identity)), [("TXT", "t=s; p=" + text)]
    ed = tag("a", "ed25519-sha256")
    for name, cut, result in (("", slice(None), "pass"), (" cut", slice(0, 31), "permerror"), (" empty", slice(0, 0), "permerror")):
        key = base64.b64encode(base64.b64decode(KEYS["ed25519"].text)[cut]).decode()
        yield "ed25519" + name, result, message(ed, key=KEYS["ed25519"]), [("TXT", "k=ed25519; p=" + key)]
    yield "ed25519, longer", "permerror", message(ed, key=KEYS["ed25519"]), \
        [("TXT", "k=ed25519; p=" + base64.b64encode(base64.b64decode(KEYS["ed25519"].text) + b"x").decode())]
    yield "ed25519, k= missing", "permerror", message(ed, key=KEYS["ed25519"]), [("TXT", "p=" + KEYS["ed25519"].text)]
    yield "ed25519 with an RSA signature", "fail", message(ed), [("TXT", "k=ed25519; p=" + KEYS["ed25519"].text)]


def suite_dkim(suite):
    suite.probe.ask("now", NOW)
    KEYS.update(rsa=Key("rsa", "-pkeyopt", "rsa_keygen_bits:1024"), ed25519=Key("ed25519"))
    usual = [("TXT", "v=DKIM1; p=" + KEYS["rsa"].text)]
    cases = [(*case, usual) for generate in (dkim_tags, dkim_texts) for case in generate()] + list(dkim_keys())
    for what, result, text, records in cases:
        if records is not usual or suite.passed == 0:
            suite.zone({"s1._domainkey.example.org": records, "key.example.net": usual})
        got = suite.probe.ask("dkim", write_message(text), "", "0")
        suite.check("dkim " + what, [s["result"] for s in got["signatures"]] == [result], "want %s, got %s" % (result, got["signatures"]))
        if records is usual and what == cases[-1][0]:
            break


# ---- DMARC: (From field or fields, zone of policies, result, policy, domain); SPF passes for SPF_OK ----

SPF_OK = "bounce.mail.example.com"
P = "v=DMARC1; p=reject"
DMARC = [
    ("a@mail.example.com", {"example.com": P}, "pass", "reject", "example.com"),
    ("a@example.com", {"example.com": P}, "pass", "reject", "example.com"),
    ("a@example.com", {"example.com": P + "; aspf=s"}, "fail", "reject", "example.com"),
    ("a@bounce.mail.example.com", {"example.com": P + "; aspf=s"}, "pass", "reject", "example.com"),
    ("a@example.com", {"example.com": P + "; aspf=x"}, "pass", "reject", "example.com"),
    ("a@example.com", {"example.com": P + "; aspf=S"}, "fail", "reject", "example.com"),
    ("a@other.example", {"other.example": P}, "fail", "reject", "other.example"),
    ("a@other.example", {}, "none", "none", ""),
    # Which organization: psd, the length of the tree.
    ("a@mail.example.com", {"com": "v=DMARC1; p=none; psd=y", "example.com": P}, "pass", "reject", "example.com"),
    ("a@mail.example.com", {"com": "v=DMARC1; p=none; psd=y"}, "pass", "none", "com"),
    ("a@mail.other.com", {"com": "v=DMARC1; p=quarantine; psd=y"}, "fail", "quarantine", "com"),
    ("a@mail.example.com", {"mail.example.com": P + "; psd=n", "example.com": "v=DMARC1; p=none"}, "pass", "reject", "mail.example.com"),
    ("a@www.example.com", {"www.example.com": P + "; psd=n", "example.com": "v=DMARC1; p=none"}, "fail", "reject", "www.example.com"),
    ("a@www.example.com", {"example.com": P + "; psd=y"}, "fail", "reject", "example.com"),
    ("a@mail.example.com", {"example.com": P + "; psd=y"}, "pass", "reject", "example.com"),
    ("a@example.com", {"example.com": P + "; psd=u", "com": "v=DMARC1; p=none"}, "pass", "reject", "example.com"),
    ("a@a.b.c.d.e.f.g.h.i.j.example.com", {"example.com": P}, "pass", "reject", "example.com"),
    ("a@a.b.c.d.e.f.g.h.i.j.example.com", {"c.d.e.f.g.h.i.j.example.com": "v=DMARC1; p=none", "example.com": P}, "pass", "reject", "example.com"),
    ("a@1.2.3.4.5.6.other.example", {"4.5.6.other.example": "v=DMARC1; p=none; sp=quarantine"}, "fail", "quarantine", "4.5.6.other.example"),
    # Policies: sp, np, t, what is broken.
    ("a@www.other.example", {"other.example": P + "; sp=quarantine"}, "fail", "quarantine", "other.example"),
    ("a@no.other.example", {"other.example": P + "; sp=quarantine; np=none"}, "fail", "none", "other.example"),
    ("a@www.other.example", {"other.example": P + "; np=none"}, "fail", "reject", "other.example"),
    ("a@nodata.other.example", {"other.example": P + "; np=none"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": P + "; sp=none; np=none"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": P + "; t=y"}, "fail", "quarantine", "other.example"),
    ("a@other.example", {"other.example": "v=DMARC1; p=quarantine; t=y"}, "fail", "none", "other.example"),
    ("a@other.example", {"other.example": P + "; t=n; pct=0; rf=afrf; ri=1"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": "v=DMARC1; p=Reject;"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": "v=DMARC1 ; p = reject ; foo=bar"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": "V=DMARC1;p=reject"}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": "v=dmarc1; p=reject"}, "none", "none", ""),
    ("a@other.example", {"other.example": "p=reject; v=DMARC1"}, "none", "none", ""),
    ("a@other.example", {"other.example": "v=DMARC1; p=bogus"}, "none", "none", ""),
    ("a@other.example", {"other.example": "v=DMARC1; p=bogus; rua=mailto:a@b.example"}, "fail", "none", "other.example"),
    ("a@other.example", {"other.example": "v=DMARC1; rua=mailto:a@b.example"}, "fail", "none", "other.example"),
    ("a@other.example", {"other.example": "v=DMARC1"}, "none", "none", ""),
    ("a@other.example", {"other.example": P + "; sp=bogus"}, "none", "none", ""),
    *[("a@other.example", {"other.example": record}, "fail", policy, "other.example") for record, policy in (
        (P + "; p=none", "reject"), (P + "; t=y; t=n", "quarantine"), (P + "; t=n; t=y", "reject"), (P + "; t=x; t=y", "reject"))],
    ("a@www.other.example", {"www.other.example": P + "; psd=u; psd=n", "other.example": P}, "fail", "reject", "www.other.example"),
    ("a@www.other.example", {"www.other.example": "v=DMARC1; p=bogus", "other.example": "SERVFAIL"}, "none", "none", ""),
    ("a@other.example", {"other.example": (P, "v=spf1 -all")}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": (P, "v=DMARC1; p=none")}, "none", "none", ""),
    ("a@www.other.example", {"www.other.example": ("v=DMARC1; p=none", P), "other.example": P}, "fail", "reject", "other.example"),
    ("a@other.example", {"other.example": "SERVFAIL"}, "temperror", None, None),
    # From: whoever reads it otherwise must not get past.
    ("Group: a@other.example, b@other.example;", {"other.example": P}, "fail", "reject", "other.example"),
    ("Group: a@example.com; , b@other.example", {"other.example": P}, "fail", "reject", "other.example"),
    *[(author, {"other.example": P, "example.com": "v=DMARC1; p=none"}, "permerror", None, None) for author in (
        "<a@other.example> x: b@example.com;", "a@other.example x:b@example.com;", "a@other.example:b@example.com;",
        '"a@other.example"> <b@example.com>', "b@example.com a@other.example> <b@example.com>", "b@example.com(x)a.other.example")],
    ("undisclosed: ;", {}, "permerror", None, None), ("", {}, "permerror", None, None), ("a", {}, "permerror", None, None),
    ("<>", {}, "permerror", None, None), ("a@", {}, "permerror", None, None), ("@other.example", {}, "permerror", None, None),
    ("a@other.example, b@example.com", {"other.example": P, "example.com": P}, "fail", "reject", "other.example"),
    ('"a@example.com" <b@other.example>', {"other.example": P}, "fail", "reject", "other.example"),
    ("a@example.com <b@other.example>", {"other.example": P}, ("fail", "permerror"), None, None),
    ("(a@example.com) b@other.example (c@example.com)", {"other.example": P}, "fail", "reject", "other.example"),
    ("b@(x)other.example", {"other.example": P}, "fail", "reject", "other.example"),
    ("b @ other . example", {"other.example": P}, "fail", "reject", "other.example"),
    ("<@example.com:b@other.example>", {"other.example": P}, "fail", "reject", "other.example"),
    ("<@example.com,@x.example:b@other.example>", {"other.example": P}, "fail", "reject", "other.example"),
    ('"a b"@other.example', {"other.example": P}, "fail", "reject", "other.example"),
    ('"a@example.com"@other.example', {"other.example": P}, "fail", "reject", "other.example"),
    ("=?utf-8?q?a=40example=2Ecom?= <b@other.example>", {"other.example": P}, "fail", "reject", "other.example"),
    ("b@OTHER.Example", {"other.example": P}, "fail", "reject", "other.example"),
    ("b@m\u00fcnchen.example", {"xn--mnchen-3ya.example": P}, "fail", "reject", "xn--mnchen-3ya.example"),
    ("b@[192.0.2.1]", {}, "permerror", None, None), ("\r\n b@other.example", {"other.example": P}, "fail", "reject", "other.example"),
    ("b@other.example\0", {"other.example": P}, "permerror", None, None),
    ("b@other.example\r\nFrom: a@example.com", {"other.example": P}, "permerror", None, None),
    ("b@other.example\r\nfrom : a@example.com", {"other.example": P}, "permerror", None, None),
]


def dmarc_zone(policies):
    zone = {SPF_OK: [("TXT", "v=spf1 +all")], "www.other.example": [("A", "192.0.2.1")], "x.nodata.other.example": [("A", "192.0.2.1")]}
    for name, texts in policies.items():
        records = [("TXT", t) for t in (texts if isinstance(texts, tuple) else (texts,))]
        zone["_dmarc." + name] = ["SERVFAIL"] if texts == "SERVFAIL" else records
    return zone


def suite_dmarc(suite):
    for author, policies, result, policy, domain in DMARC:
        suite.zone(dmarc_zone(policies))
        text = ("From: %s\r\nSubject: x\r\n\r\nx\r\n" % author).encode()
        got = suite.probe.ask("auth", write_message(text), "192.0.2.1", "h.example", "a@" + SPF_OK)["auth"]["dmarc"]
        wanted = result if isinstance(result, tuple) else (result,)
        ok = got["result"] in wanted and policy in (None, got["policy"]) and domain in (None, got["domain"])
        suite.check("dmarc %s %s" % (author, policies), ok, "want %s %s %s, got %s" % (result, policy, domain, got))


SUITES = {"spf": suite_spf, "dkim": suite_dkim, "dmarc": suite_dmarc, "arc": auth_odd_arc.suite_arc}


def main():
    if not shutil.which("openssl"):
        print("SKIP: no openssl")
        return 77
    probe, server, good = Probe(sys.argv[1]), FakeDns(), True
    for name in sys.argv[2:] or SUITES:
        suite = Suite("odd " + name, probe, server)
        SUITES[name](suite)
        good &= suite.report()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
