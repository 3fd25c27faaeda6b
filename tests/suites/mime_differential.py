#!/usr/bin/python3
"""Broken and hostile messages against other parsers: what any of them sees, core/mime must see too.

    mime_differential.py [--count N] [--seed N] [--keep DIR]

Each message holds parts with a mark of their own in the decoded content and a name of their own.
Whole messages must give the same leaves (type, name, octets) everywhere. A mutated one may be read
otherwise by us, but a mark or an extension that Python's email package, MIME-tools (Perl) or GMime
finds must be found in one of our readings. Oracles that are not installed are left out, and said so.
"""
import argparse
import base64
import binascii
import collections
import email
import json
import os
import quopri
import random
import re
import subprocess
import sys
import tempfile
import urllib.parse

PROBE = os.environ.get("REEVE_MIME_PROBE", "tests/suites/mime-probe")
PERL = r"""
use MIME::Parser; use MIME::WordDecoder; use JSON::PP; use MIME::Base64; $| = 1;
binmode STDOUT, ':utf8';
sub walk { my ($e, $out, $top) = @_; my @p = $e->parts;
  if (@p) { walk($_, $out, 0) for @p; return; }
  my $type = lc($e->mime_type // ''); return if $type =~ m{^multipart/};
  my $body = $e->bodyhandle ? $e->bodyhandle->as_string : join('', @{$e->body || []});
  my $name = $e->head->recommended_filename // '';
  push @$out, {type => $type, name => "$name", octets => encode_base64($body, '')}; }
while (my $path = <STDIN>) { chomp $path; my $out = [];
  eval { local $SIG{ALRM} = sub { die 'time' }; alarm 20; my $p = MIME::Parser->new; $p->output_to_core(1); $p->tmp_to_core(1);
    $p->extract_uuencode(1); $p->ignore_errors(1); walk($p->parse_open($path), $out, 1); alarm 0; };
  print JSON::PP->new->ascii->encode($@ && !@$out ? {fault => "$@"} : {leaves => $out}), "\n"; }
"""


# ---- the others ----

class PythonOracle:
    name = "python"

    def leaves(self, path, raw):
        out = []
        for part in email.message_from_bytes(raw).walk():
            if part.is_multipart():
                continue
            try:
                name = part.get_filename() or ""
            except (LookupError, ValueError, TypeError):
                name = ""
            out.append((part.get_content_type(), name, part.get_payload(decode=True) or b""))
        return out


class PerlOracle:
    name = "MIME-tools"

    def __init__(self):
        self.process = subprocess.Popen(["perl", "-e", PERL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)

    def leaves(self, path, raw):
        self.process.stdin.write(path.encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return [(l["type"], l["name"], base64.b64decode(l["octets"])) for l in answer.get("leaves", [])]


class GmimeOracle:
    name = "GMime"

    def __init__(self):
        import gi
        gi.require_version("GMime", "3.0")
        from gi.repository import GMime
        self.gmime = GMime
        GMime.init()

    def walk(self, part, out):
        G = self.gmime
        if isinstance(part, G.Multipart):
            for i in range(part.get_count()):
                self.walk(part.get_part(i), out)
        elif isinstance(part, G.MessagePart):
            if part.get_message() and part.get_message().get_mime_part():
                self.walk(part.get_message().get_mime_part(), out)
        elif isinstance(part, G.Part):
            stream = G.StreamMem.new()
            content = part.get_content()
            if content:
                content.write_to_stream(stream)
            octets = stream.get_byte_array()
            kind = part.get_content_type()
            out.append(("%s/%s" % (kind.get_media_type(), kind.get_media_subtype()), part.get_filename() or "",
                        bytes(octets) if octets else b""))

    def leaves(self, path, raw):
        G, out = self.gmime, []
        parser = G.Parser.new_with_stream(G.StreamMem.new_with_buffer(raw))
        message = parser.construct_message(None)
        if message and message.get_mime_part():
            self.walk(message.get_mime_part(), out)
        return [(t.lower(), n, o) for t, n, o in out]


def oracles():
    found, absent = [PythonOracle()], []
    for kind, test in ((PerlOracle, ["perl", "-MMIME::Parser", "-MJSON::PP", "-e1"]), (GmimeOracle, None)):
        try:
            if test:
                subprocess.run(test, check=True, stderr=subprocess.DEVNULL)
            found.append(kind())
        except (OSError, subprocess.CalledProcessError, ImportError, ValueError):
            absent.append(kind.name)
    return found, absent


class Ours:
    def __init__(self):
        self.process = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, path):
        self.process.stdin.write(b"leaves\t" + urllib.parse.quote(path, safe="/._-").encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        for leaf in answer["leaves"]:
            leaf["octets"] = binascii.unhexlify(leaf["octets"])
            leaf["unpadded"] = binascii.unhexlify(leaf["unpadded"])
        return answer


# ---- messages ----

def mark(n):
    return b"MARK-%05d-" % n


class Maker:
    """Messages out of a random generator; every leaf has its mark and a name with its own extension."""

    def __init__(self, rng):
        self.rng, self.n, self.marks, self.boundaries = rng, 0, [], set()

    def name_parameter(self, name):
        long = name[:4] + "x" * 30 + name[4:]
        return self.rng.choice([
            'filename="%s"' % name, "filename=%s" % name, 'filename=" %s"' % name,
            "filename*=us-ascii''%s" % name, "filename*=UTF-8'en'%%66%s" % name[1:],
            'filename*0="%s";\n\tfilename*1="%s"' % (long[:20], long[20:]),
            "filename*0*=utf-8''%s;\n filename*1=%s" % (long[:20], long[20:]),
            'filename*1="%s";\n\tfilename*0="%s"' % (long[20:], long[:20]),
            'filename="=?utf-8?B?%s?="' % base64.b64encode(name.encode()).decode(),
            'filename="=?iso-8859-1?Q?%s?="' % name.replace(".", "=2E"),
            'filename="=?utf-8?Q?%s?=\n =?utf-8?Q?%s?="' % (name[:5], name[5:]),
            'filename="\xe9\xfc%s"' % name, 'filename="\xc3\xa9%s"' % name, "filename*0*=iso-2022-jp''%%1B%%24B%%24%%22%%1B%%28B;\n filename*1=%s" % name,
            "filename*=gb18030''%%C4%%E3%s" % name, 'filename="=?iso-2022-jp?B?GyRCJCIbKEI=?=\n =?utf-8?Q?%s?="' % name,
            'filename="=?utf-8?B?%s?=\n =?utf-8?B?%s?="' % (base64.b64encode(b"\xc3").decode(), base64.b64encode(b"\xa9" + name.encode()).decode()),
        ])

    def leaf(self):
        self.n += 1
        name = "file%d.x%02d" % (self.n, self.n)
        self.marks.append(self.n)
        body = mark(self.n) + self.rng.choice([b"MZ program\r\n", b"caf\xe9 = text\n", b"x" * 100 + b"\n", b"a\tb \nline\n"])
        kind = self.rng.choice(["text/plain", "application/octet-stream", "text/html; charset=utf-8", "image/gif"])
        coding = self.rng.choice(["base64", "base64", "quoted-printable", "8bit", None])
        head = ["Content-Type: %s" % kind, "Content-Disposition: attachment; %s" % self.name_parameter(name)]
        if self.rng.random() < 0.2:
            head = ["Content-Type: %s;\n name=%s" % (kind, name)]
        if coding == "base64":
            text = base64.encodebytes(body).decode()
        elif coding == "quoted-printable":
            text = quopri.encodestring(body).decode("latin-1")
        else:
            text = body.decode("latin-1").replace("\r", "")
        if coding:
            head.append("Content-Transfer-Encoding: %s" % coding)
        self.rng.shuffle(head)
        return "\n".join(head) + "\n\n" + text

    def boundary(self):
        """One of its own: which of two that are the same ends first is a matter of taste."""
        while (name := self.random_boundary()) in self.boundaries:
            pass
        self.boundaries.add(name)
        return name

    def random_boundary(self):
        return "".join(self.rng.choice("abcXYZ019=_-+./") for _ in range(self.rng.randint(3, 20))).strip("-") + "b"

    def multipart(self, depth):
        b = self.boundary()
        kind = self.rng.choice(["mixed", "alternative", "related", "x-odd"])
        parts = [self.part(depth + 1) for _ in range(self.rng.randint(1, 3))]
        head = 'Content-Type: multipart/%s;\n\tboundary="%s"' % (kind, b)
        body = "".join("--%s\n%s\n" % (b, p) for p in parts) + "--%s--\n" % b
        return head + "\n\n" + self.rng.choice(["", "preamble\n"]) + body + self.rng.choice(["", "epilogue\n"])

    def message(self, depth):
        inner = "Subject: inside\nMIME-Version: 1.0\n" + self.part(depth + 1)
        return "Content-Type: message/rfc822\n\n" + inner

    def part(self, depth):
        roll = self.rng.random()
        if depth < 4 and roll < 0.35:
            return self.multipart(depth)
        if depth < 4 and roll < 0.45:
            return self.message(depth)
        return self.leaf()

    def whole(self):
        top = self.multipart(0) if self.rng.random() < 0.9 else self.leaf()
        return ("From: a@example.org\nTo: b@example.net\nSubject: =?utf-8?Q?h=C3=A9?=\nMIME-Version: 1.0\n" +
                top).encode("latin-1")


# ---- what is done to them ----

def a_line(rng, raw, pattern):
    """(start, end) of a random line that matches, or None."""
    found = [(m.start(), m.end()) for m in re.finditer(rb"(?m)^.*$", raw) if re.search(pattern, m.group())]
    return rng.choice(found) if found else None


def on_line(pattern, change):
    def mutate(rng, raw):
        place = a_line(rng, raw, pattern)
        if not place:
            return raw
        return raw[:place[0]] + change(rng, raw[place[0]:place[1]]) + raw[place[1]:]
    return mutate


def pick(*values):
    return lambda rng, line: rng.choice(values).replace(b"@", line)


def whole(*pairs):
    def mutate(rng, raw):
        old, new = rng.choice(pairs)
        return re.sub(old, new, raw, count=rng.choice([0, 1]))
    return mutate


def put_octet(rng, raw):
    at = rng.randrange(len(raw))
    return raw[:at] + rng.choice([b"\0", b"\r", b"\n", b" ", b"-", b'"', b"\x80", b";", b"(", b"=", b"\t"]) + raw[at:]


def double_line(rng, raw):
    place = a_line(rng, raw, rb"..")
    return raw[:place[1]] + b"\n" + raw[place[0]:] if place else raw


def drop_line(rng, raw):
    place = a_line(rng, raw, rb"")
    return raw[:place[0]] + raw[place[1] + 1:]


def cut(rng, raw):
    return raw[:rng.randrange(len(raw) // 2, len(raw))]


def same_boundaries(rng, raw):
    names = re.findall(rb'boundary="([^"]+)"', raw)
    return raw.replace(names[-1], names[0]) if len(names) > 1 else raw


def prefix_boundaries(rng, raw):
    names = re.findall(rb'boundary="([^"]+)"', raw)
    return raw.replace(names[-1], names[0] + rng.choice([b"x", b"-", b"--", b" x"])) if len(names) > 1 else raw


DELIMITER = rb"^--.*b(--)?\r?$"
TYPE = rb"^Content-Type:"
CODING = rb"^Content-Transfer-Encoding:"
MUTATIONS = {
    "delimiter": on_line(DELIMITER, pick(b"@ ", b"@\t \t", b"@--", b"@x", b" @", b"-@", b"@\n\n", b"", b"@ x", b"@\0", b"@\r")),
    "delimiter-all": whole((rb"(?m)^(--.*b)$", rb"\1 "), (rb"(?m)^(--.*b)$", rb"\1\t\t"), (rb"(?m)^(--.*b--)$", rb"\1 x")),
    "closing": whole((rb"(?m)^--.*b--$", b""), (rb"(?m)^(--.*b)--$", rb"\1"), (rb"(?m)^(--.*b)--$", rb"\1-")),
    "quote": whole((rb'boundary="([^"]+)"', rb"boundary=\1"), (rb'boundary="([^"]+)"', rb"boundary='\1'"),
                   (rb'boundary="([^"]+)"', rb'boundary="\1'), (rb'boundary="([^"]+)"', rb'boundary = "\1"'),
                   (rb'boundary="([^"]+)"', rb'boundary="\1" (comment)'), (rb'boundary="([^"]+)"', rb'boundary=(c)"\1"'),
                   (rb'boundary="(.)([^"]+)"', rb'boundary="\\\1\2"'), (rb'boundary="([^"]+)"', rb'boundary="\1 "'),
                   (rb'boundary="([^"]+)"', rb'boundary*0="\1"'), (rb'boundary="(.)([^"]+)"', rb'boundary*0="\1"; boundary*1="\2"'),
                   (rb'boundary="([^"]+)"', rb"boundary*=us-ascii''\1"), (rb'boundary="([^"]+)"', rb'BOUNDARY="\1"'),
                   (rb'boundary="([^"]+)"', rb'boundary="\1"x'), (rb'boundary="([^"]+)"', rb'boundary="other"; boundary="\1"'),
                   (rb'boundary="([^"]+)"', rb'boundary="\1"; boundary="other"'), (rb'boundary="([^"]+)"', rb'boundary=""'),
                   (rb'boundary="([^"]+)"', rb'x="; boundary=other"; boundary="\1"'), (rb';\n\tboundary', rb'\n\tboundary'),
                   (rb';\n\tboundary', rb';\n\t;;boundary'), (rb';\n\tboundary', rb';\nboundary'), (rb'"\n', rb'";\n')),
    "same-boundary": same_boundaries,
    "prefix-boundary": prefix_boundaries,
    "type": on_line(TYPE, pick(b"@\n@", b"Content-Type: text/plain\n@", b"Content-Type: multipart/mixed; boundary=other\n@", b"",
                               b"Content-Type: text\n X-@", b"X-@", b"Content-Type:\n @")),
    "type-name": whole((rb"Content-Type:", rb"Content-Type :"), (rb"Content-Type:", rb"content-TYPE:"),
                       (rb"Content-Type: ", rb"Content-Type:"), (rb"Content-Type: ", b"Content-Type:\n "),
                       (rb"Content-Type: ", rb"Content-Type: (comment) "), (rb"multipart/", rb"multipart / "),
                       (rb"multipart/", rb"Multipart/"), (rb"multipart/mixed", rb"multipart"), (rb"multipart/mixed", rb"mixed"),
                       (rb"Content-Type:", rb"\nContent-Type:"), (rb"Content-Type:", rb" Content-Type:"),
                       (rb"Content-Type: ", rb'Content-Type: "'), (rb"multipart/mixed", rb"multipart/digest")),
    "coding": on_line(CODING, pick(b"@\n@", b"Content-Transfer-Encoding: 7bit\n@", b"@\nContent-Transfer-Encoding: quoted-printable",
                                   b"@;", b"@ (x)", b"@, 8bit", b"@ x", b"@=", b"", b'@"')),
    "coding-name": whole((rb"Encoding: base64", rb'Encoding: "base64"'), (rb"Encoding: base64", rb"Encoding: BASE64"),
                         (rb"Encoding: base64", rb"Encoding: (x) base64"), (rb"Encoding: base64", b"Encoding:\n base64"),
                         (rb"Encoding: base64", rb"Encoding: base 64"), (rb"Encoding: base64", rb"Encoding: base64\0"),
                         (rb"Encoding: base64", rb"Encoding : base64"), (rb"Encoding: base64", rb"Encoding: x-base64")),
    "colonless": on_line(rb"^Content-", pick(b"no colon here\n@", b"@\nno colon here", b"@\n \t", b"@\n ", b"\0: x\n@", b": x\n@")),
    "name": whole((rb'filename="', rb'filename="a.txt"; filename="'), (rb"filename=", rb"name="), (rb'filename="', rb"filename='"),
                  (rb'filename="([^"]*)"', rb'filename="\1" ; name=a.txt'), (rb'filename="([^"]*)"', rb"filename=\1"),
                  (rb'filename="([^"]*)"', rb'filename="\1'), (rb"attachment; ", rb"attachment;; "), (rb"attachment; ", rb"attachment, "),
                  (rb"attachment; ", rb""), (rb"filename\*1", rb"filename*2"), (rb"filename\*1", rb"filename*01"), (rb"filename\*0\*", rb"filename*0"),
                  (rb"filename\*0", rb"filename*0; filename*0"), (rb"filename\*=", rb"filename*0*="), (rb"utf-8''", rb"utf-8'"), (rb"utf-8''", rb"no-such''"), (rb"attachment; ", rb"; "), (rb"filename=", rb"filename ="), (rb"filename=", rb"FileName=")),
    "base64": whole((rb"(?m)^([A-Za-z0-9+/]{20,})$", rb"!\1"), (rb"(?m)^([A-Za-z0-9+/]{8})([A-Za-z0-9+/]{12,})$", rb"\1==\2"),
                    (rb"(?m)^([A-Za-z0-9+/]{8})([A-Za-z0-9+/]{12,})$", rb"\1 \2"), (rb"(?m)^([A-Za-z0-9+/]{20,}=*)$", rb"\1\n\n"),
                    (rb"(?m)^([A-Za-z0-9+/]{8})([A-Za-z0-9+/]{12,})$", rb"\1\0\2"), (rb"(?m)=+$", b""),
                    (rb"(?m)^([A-Za-z0-9+/]{20,}=*)$", rb"> \1"), (rb"(?m)^([A-Za-z0-9+/]{8})([A-Za-z0-9+/]{12,})$", rb"\1-\2")),
    "qp": whole((rb"=([0-9A-F]{2})", rb"=\1="), (rb"=\n", b"= \n"), (rb"=([0-9A-F])([A-F])", rb"=\1z"), (rb"=\n", b"=\r\n")),
    "ends": lambda rng, raw: rng.choice([raw.replace(b"\n", b"\r\n"), raw.replace(b"\n", b"\r"),
                                         b"".join(l + rng.choice([b"\n", b"\r\n"]) for l in raw.split(b"\n")),
                                         raw.replace(b"\n", b"\r\r\n"), raw.replace(b"\n", b"\r\n").replace(b"b\r\n", b"b\n"),
                                         b"".join(l + rng.choice([b"\n", b"\r\n", b"\r"]) for l in raw.split(b"\n"))]),
    "octet": put_octet, "double-line": double_line, "drop-line": drop_line, "cut": cut,
    "blank-line": on_line(rb"^Content-", pick(b"\n@", b"@\n", b"\r\n@")),
    "rfc822-base64": whole((rb"Content-Type: message/rfc822\n", b"Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n"),
                           (rb"message/rfc822", b"message/global"), (rb"message/rfc822", b"message/x-other")),
}


def mutated(rng, raw):
    names = rng.choices(sorted(MUTATIONS), k=rng.choice([1, 1, 1, 2]))
    for name in names:
        raw = MUTATIONS[name](rng, raw) or raw
    return names, raw


# ---- comparing ----

def extension(name):
    found = re.search(r"\.(x\d\d)\W*$", name or "")
    return found.group(1) if found else None


def what_is_seen(leaves, marks, is_ours=False):
    """mark -> extensions of the leaves that hold it; the name of a leaf that swallowed it says nothing."""
    seen = collections.defaultdict(set)
    for kind, name, octets in leaves:
        if kind.startswith("multipart/") and not is_ours:    # a body that was not taken apart
            continue
        held = [n for n in marks if mark(n) in octets]
        for n in held:
            seen[n].add(extension(name) if is_ours or extension(name) == "x%02d" % n else None)
    return seen


def our_leaves(answer):
    for leaf in answer["leaves"]:
        for name in (leaf["filename"], leaf["other_filename"]):
            yield leaf["type"], name, leaf["octets"]
            yield leaf["type"], name, leaf["unpadded"]


def unseen(theirs, ours):
    for n, extensions in theirs.items():
        if n not in ours:
            yield "mark %d" % n
        elif {e for e in extensions if e} - ours[n]:
            yield "name of %d (%s)" % (n, ", ".join(sorted(e for e in extensions if e)))


def plain_ends(octets):
    return octets.replace(b"\r\n", b"\n").rstrip(b"\n ")


def difference(theirs, ours):
    """Where two lists of leaves differ; a name that they do not decode is no difference."""
    if len(theirs) != len(ours):
        return "%d leaves, ours %d" % (len(theirs), len(ours))
    for (kind, name, octets), (our_kind, our_name, our_octets) in zip(theirs, ours):
        if kind != our_kind or plain_ends(octets) != plain_ends(our_octets):
            return "%s %r, ours %s %r" % (kind, octets, our_kind, our_octets)
        if extension(name) not in (None, extension(our_name)):
            return "%r, ours %r" % (name, our_name)
    return ""


class Run:
    def __init__(self, options):
        self.options, self.ours = options, Ours()
        self.others, self.absent = oracles()
        self.folder = tempfile.TemporaryDirectory()
        self.count = collections.Counter()
        self.faults, self.by_kind = [], collections.Counter()

    def keep(self, kind, seed, raw):
        if self.options.keep:
            open(os.path.join(self.options.keep, "%s-%d.eml" % (kind, seed)), "wb").write(raw)

    def fault(self, names, seed, raw, text):
        self.by_kind["+".join(names)] += 1
        self.faults.append("seed %d, %s: %s" % (seed, "+".join(names) or "whole", text))
        self.keep("fault", seed, raw)

    def one(self, seed, is_mutated):
        rng = random.Random(seed)
        maker = Maker(rng)
        raw, names = maker.whole(), []
        if is_mutated:
            names, raw = mutated(rng, raw)
        path = os.path.join(self.folder.name, "m.eml")
        open(path, "wb").write(raw)
        answer = self.ours.ask(path)
        leaves = list(our_leaves(answer))
        leaves.append(("message", "", raw))    # a scanner gets that too
        ours = what_is_seen(leaves, maker.marks, True)
        for other in self.others:
            theirs = other.leaves(path, raw)
            self.count[other.name] += 1
            problems = list(unseen(what_is_seen(theirs, maker.marks), ours))
            if problems:
                self.fault(names, seed, raw, "%s sees %s" % (other.name, "; ".join(problems)))
            elif not is_mutated:
                self.same(other, seed, raw, theirs, answer)

    def same(self, other, seed, raw, theirs, answer):
        ours = [(l["type"], l["filename"], l["octets"]) for l in answer["leaves"] if l["leaf"] and not l["alternative"]]
        problem = difference(theirs, ours)
        if problem:
            self.fault([], seed, raw, "%s: %s" % (other.name, problem))

    def report(self):
        print("%d whole and %d mutated messages; compared: %s%s; %d faults" % (
            self.options.count // 4, self.options.count, ", ".join("%s %d" % c for c in self.count.items()),
            "; not installed: " + ", ".join(self.absent) if self.absent else "", len(self.faults)))
        for line in self.faults[:40]:
            print("    FAIL %s" % line[:300])
        for kind, n in self.by_kind.most_common(20):
            print("    %4d %s" % (n, kind))
        return 1 if self.faults else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    run = Run(options)
    for seed in range(options.seed, options.seed + options.count // 4):
        run.one(seed, False)
    for seed in range(options.seed, options.seed + options.count):
        run.one(seed + 1000000, True)
    return run.report()


if __name__ == "__main__":
    sys.exit(main())
