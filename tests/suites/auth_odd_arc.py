"""Odd chains of ARC, each with what RFC 8617 says of it, and what dkimpy does.

Chains are made here, set by set, and signed by code of its own: a change that is made before a field
is signed leaves every signature good, so that only what the case is about can break the chain. Where
dkimpy reads a chain otherwise, the case says why; auth_differential.py looks whether that is so.
"""
import base64
import hashlib
import re

from auth_keys import Key, canon_body, canon_field, rsa_text
from auth_suites import write_message

NOW = 1700000000
AAR, AMS, SEAL = b"ARC-Authentication-Results", b"ARC-Message-Signature", b"ARC-Seal"
KINDS = {"aar": AAR, "ams": AMS, "seal": SEAL}
FIELDS = [(b"From", b" a@example.org"), (b"Subject", b" odd"), (b"To", b" b@example.net")]
BODY = b"Hello  there \r\n\r\n \r\n"
TEXTS = {
    "aar": "i=@I@; mx@I@.example.org; spf=pass smtp.mailfrom=a@example.org; arc=none",
    "ams": "i=@I@; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; t=%d; h=from:subject; bh=@BH@; b=@B@" % NOW,
    "seal": "i=@I@; a=rsa-sha256; cv=@CV@; d=example.org; s=s1; t=%d; b=@B@" % NOW,
}
KEYS, SIGNED = {}, {}


class Chain:
    """A message and its sets. texts: what stands in the place of TEXTS, by "ams" (of all sets) or "ams2"."""

    def __init__(self, fields=None, body=BODY, **texts):
        self.fields, self.body, self.texts, self.sets = list(fields or FIELDS), body, texts, []

    def text(self, kind, number):
        text = self.texts.get("%s%d" % (kind, number), self.texts.get(kind, TEXTS[kind]))
        text = text.replace("@I@", str(number)).replace("@CV@", "none" if number == 1 else "pass")
        value = text.encode("utf-8", "surrogateescape")
        return value if value[:1].isspace() else b" " + value

    def sign(self, name, value, covered, canon="relaxed"):
        """value with its signature over the fields that are covered, and over itself."""
        text = b"".join(canon_field(*f, canon) + b"\r\n" for f in covered)
        text += canon_field(name, re.sub(rb"\s*@B@\s*", b"", value), canon)
        key = KEYS["ed25519" if b"a=ed25519" in value else "weak" if b"s=weak" in value else "rsa"]
        if (key, text) not in SIGNED:
            SIGNED[key, text] = base64.b64encode(key.sign(text))
        return value.replace(b"@B@", SIGNED[key, text])

    def covered(self, names):
        left, out = list(self.fields), []
        for name in names:
            at = [i for i, field in enumerate(left) if field[0].lower().decode() == name]
            out += [left.pop(at[-1])] if at else []
        return out

    def hop(self, number=None, signed=("from", "subject"), canon=("relaxed", "relaxed"), length=None, alone=False):
        """signed, canon, length: what the texts of this set say of it. alone: a seal over this set only."""
        number = len(self.sets) + 1 if number is None else number
        aar = (AAR, self.text("aar", number))
        digest = base64.b64encode(hashlib.sha256(canon_body(self.body, canon[1])[:length]).digest())
        ams = (AMS, self.sign(AMS, self.text("ams", number).replace(b"@BH@", digest), self.covered(signed), canon[0]))
        older = [] if alone else [field for one in self.sets for field in one]
        seal = (SEAL, self.sign(SEAL, self.text("seal", number), [*older, aar, ams]))
        self.sets.append((aar, ams, seal))
        self.fields = [seal, ams, aar, *self.fields]
        return self

    def hops(self, count):
        for _ in range(count):
            self.hop()
        return self

    def message(self, fields=None):
        head = b"".join(n + b":" + v + b"\r\n" for n, v in fields or self.fields)
        return head + b"\r\n" + self.body

    def without(self, *gone):
        """The message without those fields: "ams2" and the like."""
        drop = [self.sets[int(g[-1]) - 1][list(KINDS).index(g[:-1])] for g in gone]
        return self.message([f for f in self.fields if f not in drop])

    def twice(self, which, at=0):
        field = self.sets[int(which[-1]) - 1][list(KINDS).index(which[:-1])]
        return self.message([*self.fields[:at], field, *self.fields[at:]])


def text(kind, name, value):
    """The usual text of a field, with a tag changed, added (where it is new), or left out (None)."""
    pairs = [p.split("=", 1) for p in TEXTS[kind].split("; ")]
    if name not in (p[0] for p in pairs):
        pairs.insert(-1, [name, value])
    return "; ".join("%s=%s" % (n, value if n == name else v) for n, v in pairs if n != name or value is not None)


def one(**texts):
    return Chain(**texts).hop().message()


def two(**texts):
    return Chain(**texts).hops(2).message()


# Why dkimpy says otherwise.
ANYWHERE = "it takes any i= in the field for the instance, and digits with anything behind (RFC 8617 part 3.9)"
STRAY = "it passes over fields without instance; part 5.2 knows no ARC field outside of a set, so ours fail"
OTHER_CV = "it looks for none and fail only: any other word stands for pass (part 5.2, 3 C)"
CASE = "literal words of the grammar have no case (RFC 5234 part 2.3)"
CFWS = "it knows no comments around the instance and cv= (part 3.9)"
UNKNOWN = "v= must be ignored (part 4.1.2); a seal has no x=, l=, bh=, c= and q= (part 4.1.3), unknown tags are ignored"
EXPIRED = "it grants ten hours, and does not compare x= with t= (RFC 6376 part 3.5)"
LIMIT = "it has no limit for sets (part 5.2: 50)"
PLACE = "it takes fields by their place; it is the instance that counts (part 5.1.1)"
NO_SET = "it calls fields that are no set no chain; ours is a broken one"
BLANK = "it does not know blanks behind a field's name (RFC 5322 part 4.5)"
OWN_LOOKUP = "it finds the field again as ' i=N;' and takes nothing else"
LIST = "white space behind the last semicolon is nothing (RFC 6376 part 3.2)"
SELF = "it takes the signature itself for one of the signed fields (RFC 6376 part 3.7)"
LENGTH = "an l= beyond the body is a broken signature (RFC 6376 part 3.5)"


# ---- the cases: (what, result, message, more); more: records, oldest_pass, dkimpy (why it differs) ----

def structure():
    yield "one set", "pass", one(), {"oldest_pass": 0}
    yield "two sets", "pass", two(), {"oldest_pass": 0}
    yield "nine sets", "pass", Chain().hops(9).message(), {"oldest_pass": 0}
    yield "no set", "none", Chain().message(), {}
    full = Chain().hops(50)
    yield "50 sets", "pass", full.message(), {"oldest_pass": 0}
    yield "51 sets", "fail", full.hop().message(), {"dkimpy": LIMIT}
    three = Chain().hops(3)
    for number in (1, 2, 3):
        for kind in KINDS:
            which = "%s%d" % (kind, number)
            yield "%s is gone" % which, "fail", three.without(which), {}
            yield "%s twice" % which, "fail", three.twice(which), {}
        yield "set %d is gone" % number, "pass" if number == 3 else "fail", three.without(*("%s%d" % (k, number) for k in KINDS)), {}
    for kind in KINDS:
        yield "%s twice, apart" % kind, "fail", three.twice(kind + "2", len(three.fields)), {}
    yield "sets 1 and 3", "fail", Chain().hop().hop(3).message(), {}
    yield "set 2 alone", "fail", Chain().hop(2).message(), {}
    yield "set 2 alone, cv=none", "fail", Chain(seal2=text("seal", "cv", "none")).hop(2).message(), {}
    yield "set 1 twice, differing", "fail", Chain(aar="i=@I@; other.example; none").hop(1).hop(1).message(), {}
    yield "set 50 alone", "fail", Chain().hop(50).message(), {}
    yield "set 51 alone", "fail", Chain().hop(51).message(), {}
    for name, order in (("sets upside down", lambda f: f[::-1]), ("seals first", lambda f: sorted(f, key=lambda x: x[0])),
                        ("behind the message's fields", lambda f: f[6:] + f[:6])):
        chain = Chain().hops(2)
        yield name, "pass", chain.message(order(chain.fields)), {"dkimpy": PLACE} if "upside" in name else {}
    chain = Chain().hops(2)
    mixed = [(b"X-One", b" 1"), *chain.fields[:2], (b"X-Two", b" 2"), chain.fields[5], *chain.fields[2:5], *chain.fields[6:]]
    yield "mixed with others", "pass", chain.message(mixed), {"dkimpy": PLACE}
    for kind, name in KINDS.items():
        why = {"dkimpy": STRAY} if kind == "seal" else {}
        stray = one().replace(b"From:", name + b": nonsense\r\nFrom:")
        yield "a stray %s" % kind, "fail", stray, why
        yield "an empty %s" % kind, "fail", one().replace(b"From:", name + b":\r\nFrom:"), why
        yield "only %s" % kind, "fail", Chain().hop().message([Chain().hop().sets[0][list(KINDS).index(kind)], *FIELDS]), {}
    yield "other names alike", "pass", one().replace(b"From:", b"ARC-Seal-X: i=1\r\nX-ARC-Seal: i=1\r\nARC: i=1\r\nFrom:"), {}
    yield "names in capitals", "pass", one().replace(b"ARC-Seal:", b"ARC-SEAL:").replace(AMS, AMS.upper()).replace(AAR, AAR.lower()), {}
    yield "blank behind the name", "pass", one().replace(b"ARC-Seal:", b"ARC-Seal :").replace(AAR + b":", AAR + b"\t:"), {"dkimpy": BLANK}


def instances():
    for value, result, why in (("0", "fail", None), ("01", "pass", None), ("001", "fail", "one or two digits (part 3.9)"), ("-1", "fail", None),
                               ("+1", "fail", None), ("1.0", "fail", ANYWHERE), ("1x", "fail", ANYWHERE), ("x", "fail", None), ("", "fail", None),
                               ("1 2", "fail", ANYWHERE), ("\u0661", "fail", None), ("99999999999999999999", "fail", None), ("257", "fail", None),
                               ("4294967297", "fail", None)):
        for kind in KINDS:
            changed = text(kind, "i", value) if kind != "aar" else TEXTS["aar"].replace("@I@", value, 1)
            yield "%s i=%s" % (kind, value), result, one(**{kind: changed}), {"dkimpy": why} if why else {}
        everywhere = {k: text(k, "i", value) for k in ("ams", "seal")}
        why = NO_SET if value in ("0", "-1", "+1", "x", "", "\u0661") else why
        yield "i=%s in all" % value, result, one(aar=TEXTS["aar"].replace("@I@", value, 1), **everywhere), {"dkimpy": why} if why else {}
    for kind in KINDS:
        why, found = ({"dkimpy": ANYWHERE}, {}) if kind == "aar" else ({}, {"dkimpy": OWN_LOOKUP} if kind == "ams" else {})
        yield "%s I=1" % kind, "fail", one(**{kind: TEXTS[kind].replace("i=@I@", "I=@I@")}), why
        for name, front in (("blanks", " i \t= @I@ \t"), ("folds", "\r\n i\r\n =\r\n\t@I@\r\n ")):
            yield "%s %s around the instance" % (kind, name), "pass", one(**{kind: TEXTS[kind].replace("i=@I@", front)}), found
        front = "(a (b)\\)) i (c) = (i=7) @I@ ()"
        yield "%s comments around the instance" % kind, "pass", one(**{kind: TEXTS[kind].replace("i=@I@", front)}), {"dkimpy": CFWS}
        yield "%s comment without end" % kind, "fail", one(**{kind: TEXTS[kind].replace("i=@I@", "i=@I@ (x")}), {"dkimpy": ANYWHERE}
        yield "%s instance in a comment" % kind, "fail", one(**{kind: TEXTS[kind].replace("i=@I@", "(i=@I@)")}), why
        yield "%s word in front" % kind, "fail", one(**{kind: "x " + TEXTS[kind]}), why
        yield "%s no instance" % kind, "fail", one(**{kind: TEXTS[kind].replace("i=@I@; ", "")}), {}
    for kind in ("ams", "seal"):
        last = TEXTS[kind].replace("i=@I@; ", "") + "; i=@I@"
        yield "%s instance last" % kind, "pass", one(**{kind: last}), {"dkimpy": OWN_LOOKUP} if kind == "ams" else {}
        yield "%s instance twice" % kind, "fail", one(**{kind: TEXTS[kind] + "; i=@I@"}), {}
        yield "%s two instances" % kind, "fail", one(**{kind: TEXTS[kind] + "; i=2"}), {}
        yield "%s i=1 within another tag" % kind, "fail", one(**{kind: TEXTS[kind].replace("i=@I@; ", "").replace("t=", "n=x i=1; t=")}), {}
        yield "%s i=2 within another tag" % kind, "pass", one(**{kind: text(kind, "n", "x i=2 y")}), {}
    yield "AAR comment with a semicolon", "pass", one(aar=TEXTS["aar"].replace("i=@I@;", "i=@I@ (a;b) ;")), {}


def chain_values():
    for value, first, later in (("none", "pass", "fail"), ("pass", "fail", "pass"), ("fail", "fail", "fail"), ("None", "pass", "fail"),
                                ("PASS", "fail", "pass"), ("Fail", "fail", "fail"), ("invalid", "fail", "fail"), ("", "fail", "fail"),
                                ("pass none", "fail", "fail"), ("passs", "fail", "fail"), ("\u0440ass", "fail", "fail")):
        why = {"dkimpy": CASE} if value in ("None", "PASS") else {}
        yield "cv=%s at 1" % value, first, one(seal1=text("seal", "cv", value)), why if first == "pass" else {}
        yield "cv=%s at 2" % value, later, two(seal2=text("seal", "cv", value)), why if later == "pass" else {}
        yield "cv=%s at 2 of 3" % value, later, Chain(seal2=text("seal", "cv", value)).hops(3).message(), why if later == "pass" else {}
    yield "no cv=", "fail", one(seal=text("seal", "cv", None)), {}
    yield "cv= with a comment", "pass", one(seal=text("seal", "cv", "(x) none")), {"dkimpy": CFWS}
    yield "CV=none", "fail", one(seal=TEXTS["seal"].replace("cv=", "CV=")), {}
    yield "fail at 1, sealed on", "fail", two(seal1=text("seal", "cv", "fail")), {}
    yield "cv=fail, sealed alone", "fail", Chain(seal2=text("seal", "cv", "fail")).hop().hop(alone=True).message(), {}
    yield "the second sealed alone", "fail", Chain().hop().hop(alone=True).message(), {}


def tags():
    """Of both signatures: what any tag does to one set."""
    both = (
        ("a", None, "fail", None), ("a", "", "fail", None), ("a", "rsa-sha1", "fail", None), ("a", "RSA-SHA256", "pass", CASE),
        ("a", "rsa-sha512", "fail", None), ("b", None, "fail", None), ("b", "", "fail", None), ("b", "A?==", "fail", None), ("b", "AAAA", "fail", None),
        ("d", None, "fail", None), ("d", "", "fail", None), ("d", "example.org.", "fail", None), ("d", "example..org", "fail", None),
        ("d", "Example.ORG", "pass", None), ("d", "-example.org", "fail", None), ("s", None, "fail", None), ("s", "", "fail", None),
        ("s", "s1.", "fail", None), ("s", "none", "fail", None), ("t", None, "pass", None), ("t", "", "fail", None), ("t", "x", "fail", None),
        ("t", "-1", "fail", None), ("t", "0", "pass", None), ("t", "%d" % (NOW + 1000), "pass", None), ("n", "unknown tag", "pass", None),
        ("n", "", "pass", None), ("n", "a; n=b", "fail", None), ("n", "a; 1x=2", "fail", None), ("n", "a; bar", "fail", None), ("n", "a;", "fail", None),
        ("n", "a; =2", "fail", None), ("d", "example.org; d=example.org", "fail", None), ("v", "1", "pass", None), ("v", "2", "pass", UNKNOWN),
        ("z", "From:a|To:b", "pass", None), ("n", "gr\u00fcezi", "pass", None), ("n", "\x01", "fail", "a control is no part of a value (RFC 6376 part 3.2)"))
    for kind in ("ams", "seal"):
        for name, value, result, why in both:
            yield "%s %s=%s" % (kind, name, value), result, one(**{kind: text(kind, name, value)}), {"dkimpy": why} if why else {}
        yield "%s trailing semicolon" % kind, "pass", one(**{kind: TEXTS[kind] + ";"}), {}
        yield "%s trailing semicolon and fold" % kind, "pass", one(**{kind: TEXTS[kind] + " ;\r\n\t"}), {"dkimpy": LIST}
        folded = TEXTS[kind].replace("=", "=\r\n ", 1).replace("; ", " ;\r\n\t")
        yield "%s folds everywhere" % kind, "pass", one(**{kind: folded}), {"dkimpy": OWN_LOOKUP} if kind == "ams" else {}
        yield "%s blanks in b=" % kind, "pass", one(**{kind: TEXTS[kind].replace("@B@", " \r\n\t@B@ ")}), {}
        broken = "fail" if kind == "ams" else "pass"     # the seal has signed the other one
        yield "%s fold inside b=" % kind, broken, re.sub(rb"(%s:.*? b=.{20})" % KINDS[kind], rb"\1\r\n ", one()), {}
        yield "%s b= amidst" % kind, "pass", one(**{kind: TEXTS[kind].replace("; b=@B@", "").replace("s=s1", "b=@B@; s=s1")}), {}
        yield "%s signature of another" % kind, "fail", re.sub(rb"(%s:.*? b=)[^;\r]{8}" % KINDS[kind], rb"\1AAAAAAAA", one()), {}


def message_signatures():
    for name, value, result, why in (
            ("h", None, "fail", None), ("h", "from:subject:arc-seal", "fail", None), ("h", "ARC-SEAL:from:subject", "fail", None),
            ("h", "from: arc-seal :subject", "fail", None), ("h", "from:subject:authentication-results", "pass", None),
            ("h", "from:subject:arc-message-signature", "pass", SELF), ("h", "FROM:Subject", "pass", None),
            ("h", "from : \r\n\tsubject", "pass", None), ("h", "from:from:subject:subject", "pass", None), ("h", "x-none:from:subject", "pass", None),
            ("h", "subject:from", "fail", None), ("h", "from", "fail", None), ("h", "from:subject:to", "fail", None), ("h", "from:subject:", "pass", None),
            ("c", None, "pass", None), ("c", "relaxed", "fail", None), ("c", "", "fail", None), ("c", "simple/simple", "fail", None), ("c", "nowsp", "fail", None),
            ("c", "Relaxed/RELAXED", "pass", CASE), ("bh", None, "fail", None), ("bh", "", "fail", None), ("bh", "AAAA", "fail", None),
            ("bh", "@BH@A", "fail", None), ("bh", " @BH@ ", "pass", None), ("x", str(NOW - 1), "fail", EXPIRED), ("x", str(NOW), "fail", EXPIRED),
            ("x", str(NOW + 1), "pass", None), ("x", "soon", "fail", None), ("x", "", "fail", None), ("l", "x", "fail", None), ("l", "", "fail", None), ("l", "-1", "fail", None),
            ("l", "999", "fail", LENGTH), ("q", "dns/txt", "pass", None), ("q", "foo", "fail", None), ("q", "foo:dns/txt", "pass", "one of the methods is enough")):
        yield "ams %s=%s" % (name, value), result, one(ams=text("ams", name, value)), {"dkimpy": why} if why else {}
    yield "x= before t=", "fail", one(ams=text("ams", "t", "%d; x=%d" % (NOW + 5, NOW + 4))), {"dkimpy": EXPIRED}
    yield "expired as time goes", "fail", one(ams=text("ams", "t", "%d; x=%d" % (NOW - 5, NOW - 1))), {"dkimpy": EXPIRED}
    for header in ("relaxed", "simple"):
        for body in ("relaxed", "simple"):
            for number in (1, 2):
                canon, chain = (header, body), Chain(ams=text("ams", "c", header + "/" + body))
                for _ in range(number):
                    chain.hop(canon=canon)
                yield "%s/%s, %d" % (header, body, number), "pass", chain.message(), {}
    yield "header simple, no body", "pass", Chain(ams=text("ams", "c", "simple")).hop(canon=("simple", "simple")).message(), {}
    mixed = Chain(ams1=text("ams", "c", "simple/simple")).hop(canon=("simple", "simple")).hop().message()
    yield "simple, then relaxed", "pass", mixed, {"oldest_pass": 0}
    yield "simple, then relaxed, a blank more", "fail", mixed.replace(b"Hello  there", b"Hello  the re"), {}
    for length in (0, 5, len(canon_body(BODY, "relaxed"))):
        part = Chain(ams=text("ams", "l", str(length))).hop(length=length).message()
        yield "l=%d" % length, "pass", part, {}
        yield "l=%d and more" % length, "pass", part + b"appended\r\n", {}
    for name, body in (("empty body", b""), ("8 bit body", b"\xff\xfe\r\n"), ("NUL in the body", b"a\0b\r\n"), ("no end", b"no end")):
        yield name, "pass", Chain(body=body).hop().message(), {}
    oversigned = one(ams=text("ams", "h", "from:from:subject:subject"))
    yield "oversigned, second From", "fail", b"From: evil@example.com\r\n" + oversigned, {}
    yield "not signed, changed", "pass", one().replace(b"b@example.net", b"c@example.net"), {}
    yield "body changed", "fail", one().replace(b"Hello", b"hello"), {}
    yield "subject changed", "fail", one().replace(b"Subject: odd", b"Subject: even"), {}
    signed = ("from", "subject", "arc-authentication-results")
    yield "signs the older AAR", "pass", Chain(ams2=text("ams", "h", ":".join(signed))).hop().hop(signed=signed).message(), {}


def seals():
    for name, value, result, why in (
            ("h", "from", "fail", None), ("h", "", "fail", None), ("bh", "AAAA", "pass", UNKNOWN), ("x", str(NOW - 1), "pass", None), ("x", "soon", "pass", UNKNOWN),
            ("l", "x", "pass", UNKNOWN), ("c", "simple/simple", "pass", UNKNOWN), ("c", "bogus", "pass", UNKNOWN), ("q", "foo", "pass", UNKNOWN)):
        yield "seal %s=%s" % (name, value), result, one(seal=text("seal", name, value)), {"dkimpy": why} if why else {}
    done = two()
    for number in (b"1", b"2"):
        yield "AAR %s changed" % number.decode(), "fail", done.replace(b"mx%s.example.org" % number, b"mx9.example.org"), {}
        yield "AAR %s cut" % number.decode(), "fail", re.sub(rb"(%s: i=%s; mx.)[^\r]*" % (AAR, number), rb"\1", done), {}
        yield "AAR %s gets a fold" % number.decode(), "pass", done.replace(b"mx%s.example.org; spf" % number, b"mx%s.example.org;\r\n\tspf" % number), {}
    for value, name in (("i=@I@;", "nothing"), ("i=@I@; \u00fc.example; none", "UTF-8"), ("i=@I@; \udcff\udcfe", "no UTF-8"), ("i=@I@;;;;", "semicolons"),
                        ("i=@I@; (((", "broken comment"), ("i=@I@; " + "x" * 20000, "20,000 octets"), ("i=@I@; i=2; i=3", "more instances")):
        yield "AAR holds " + name, "pass", one(aar=value), {}
    yield "AAR without semicolon", "fail", one(aar="i=@I@"), {"dkimpy": ANYWHERE}
    yield "AAR of another set's number", "fail", one(aar=TEXTS["aar"].replace("@I@", "2", 1)), {}
    yield "AMS 1 changed", "fail", re.sub(rb"(%s: i=1;.*? t=)\d+" % AMS, rb"\g<1>1", done), {}
    yield "seal 1 changed", "fail", re.sub(rb"(%s: i=1;.*? t=)\d+" % SEAL, rb"\g<1>1", done), {}


def histories():
    """Where a hop changes the message: the chain passes, its oldest-pass says since when."""
    for count, changed, oldest in ((2, 1, 2), (3, 1, 2), (3, 2, 3), (4, 2, 3), (5, 4, 5)):
        chain = Chain()
        for number in range(1, count + 1):
            chain.hop()
            if number == changed:
                chain.fields = [(n, b" changed" if n == b"Subject" else v) for n, v in chain.fields]
        yield "%d hops, %d changes the message" % (count, changed), "pass", chain.message(), {"oldest_pass": oldest}
    chain = Chain().hops(2)
    yield "changed behind the last", "fail", chain.message().replace(b"Subject: odd", b"Subject: even"), {}
    for what, texts in (("older AMS without key", {"ams1": text("ams", "s", "none")}), ("older AMS expired", {"ams1": text("ams", "t", "5; x=6")}),
                        ("older AMS broken", {"ams1": text("ams", "a", None)}), ("older AMS signs a seal", {"ams1": text("ams", "h", "from:subject:arc-seal")})):
        why = {"dkimpy": "only the newest AMS must be good (part 5.2, 4 and 5)"} if "key" not in what else {}
        yield what, "pass", two(**texts), {"oldest_pass": 2, **why}
    yield "older seal without key", "fail", two(seal1=text("seal", "s", "none")), {}
    yield "older seal signed by nobody", "fail", two(seal1=text("seal", "b", "AAAA")), {}


def keys():
    rsa = "v=DKIM1; p=" + KEYS["rsa"].text
    for records, result, why in (
            ([rsa], "pass", None), (["p="], "fail", None), ([], "fail", None), (["SERVFAIL"], "fail", None), (["v=DKIM2; " + rsa[9:]], "fail", None),
            ([rsa + "; h=sha1"], "fail", "it does not look at h= of a key (RFC 6376 part 3.6.1)"), ([rsa + "; h=sha256"], "pass", None), ([rsa + "; s=tlsrpt"], "fail", None), ([rsa + "; s=email"], "pass", None),
            ([rsa + "; t=s"], "pass", None), ([rsa + "; t=y"], "pass", None), (["p=" + rsa_text(512)], "fail", None), (["p=" + rsa_text(2048)], "fail", None),
            (["k=ed25519; " + rsa[9:]], "fail", None), (["v=spf1 -all", rsa], "pass", "RFC 6376 part 6.1.2: each of several keys may be tried"),
            (["p=", rsa], "pass", "RFC 6376 part 6.1.2: each of several keys may be tried"), ([rsa, rsa], "pass", None), ([rsa + "; junk"], "fail", None)):
        more = {"records": {"s1": [r if r == "SERVFAIL" else ("TXT", r) for r in records]}}
        yield "key %s" % str(records)[:50], result, one(), {**more, **({"dkimpy": why} if why else {})}
    for kind in ("ams", "seal"):
        other = text(kind, "s", "s2")
        yield "SERVFAIL for the %s alone" % kind, "fail", one(**{kind: other}), {"records": {"s2": ["SERVFAIL"]}}
        yield "another selector for the %s" % kind, "pass", one(**{kind: other}), {"records": {"s2": [("TXT", rsa)]}}
        ed = text(kind, "a", "ed25519-sha256").replace("s=s1", "s=ed")
        yield "ed25519 %s" % kind, "pass", one(**{kind: ed}), {"dkimpy": "it has no ed25519 for ARC"}
        yield "ed25519 %s, RSA key" % kind, "fail", one(**{kind: ed.replace("s=ed", "s=s1")}), {}
        yield "weak %s" % kind, "fail", one(**{kind: text(kind, "s", "weak")}), {}
    idn = {k: text(k, "d", "b\u00fccher.example") for k in ("ams", "seal")}
    yield "U-labels", "pass", one(**idn), {"dkimpy": "it asks for the name as it stands (part 4.1.4: U-labels)"}


GENERATORS = (structure, instances, chain_values, tags, message_signatures, seals, histories, keys)


def usual_records():
    rsa = [("TXT", "v=DKIM1; p=" + KEYS["rsa"].text)]
    return {"s1._domainkey.example.org": rsa, "s1._domainkey.xn--bcher-kva.example": rsa,
            "ed._domainkey.example.org": [("TXT", "k=ed25519; p=" + KEYS["ed25519"].text)],
            "weak._domainkey.example.org": [("TXT", "p=" + KEYS["weak"].text)]}


def cases():
    """(what, result, message, records, more), with the keys made."""
    KEYS.update(rsa=Key("rsa", "-pkeyopt", "rsa_keygen_bits:1024"), ed25519=Key("ed25519"), weak=Key("rsa", "-pkeyopt", "rsa_keygen_bits:768"))
    usual = usual_records()
    for generate in GENERATORS:
        for what, result, data, more in generate():
            other = {selector + "._domainkey.example.org": records for selector, records in more.get("records", {}).items()}
            yield what, result, data, {**usual, **other} if other else usual, more


def suite_arc(suite):
    suite.probe.ask("now", NOW)
    last = None
    for what, result, data, records, more in cases():
        if records is not last:
            suite.zone(records)
            last = records
        got = suite.probe.ask("arc", write_message(data))
        ok = got["result"] == result and more.get("oldest_pass") in (None, got["oldest_pass"])
        suite.check("arc " + what, ok, "want %s %s, got %s" % (result, more, got))
