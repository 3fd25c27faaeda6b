#!/usr/bin/python3
"""Suites of others against core/mime, core/content, core/url and core/mailbox, through mime-probe.

    mime_suites.py [--full] [SUITE...]

Own samples always run. The rest needs the folder that REEVE_TESTDATA names, and for the corpora
REEVE_CORPORA, where their archives are unpacked; what is not there is reported as skipped.
Every case in which we say something else than the suite is listed below with its reason; a
deviation without reason, and a reason without deviation, is a failure.
"""
import email
import email.header
import email.policy
import email.utils
import glob
import hashlib
import json
import os
import quopri
import re
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("REEVE_TESTDATA", "")
CORPORA = os.environ.get("REEVE_CORPORA", "")
PROBE = os.environ.get("REEVE_MIME_PROBE", "tests/suites/mime-probe")
FULL = "--full" in sys.argv

# ---- what we do otherwise, and why ----

URL_TEXT = {
    r"^www\.liy8quei:80$": "a host without top-level domain is no link for us; SpamAssassin tries .com",
}
URL_DOMAINS = {
    r"LIVE\.com$": "the test adds live.com as two-level and three-level domains by configuration",
}
URL_CANONICAL = {
    r"zdnet|emf0|nate": "redirector patterns of the test's configuration: the rule engine applies those",
}
MIME4J = {
    r"^(multi-)?frag\.msg$": "base64 that ends within a group: we keep the octets that are whole, mime4j drops them",
    r"^hdr-fakeout|^basic-plain-with-bad-header|^malformedHeader|^obsolete":
        "a line without colon ends the header (RFC 5322); mime4j skips it and goes on",
    r"^ending-boundaries": "text behind a boundary: only in our alternative reading, for mime4j in the first",
    r"^very-(very-)?long-boundary": "boundaries are bounded, blanks at their end do not count",
    r"^weird-boundary": "blanks at the end of a boundary do not count (RFC 2046 part 5.1.1); mime4j counts them",
}
CHARSETS = {
    r"^big5 ": "read with the Hong Kong supplement, as browsers do: a few signs that only code page 950 has are others there",
    r"^(euc-jp|shift_jis) ": "yen, overline, cent, pound and not sign: glibc takes the full-width ones, or the ASCII octet",
}
MIMETOOLS = {
    r"^ak-0696-none\.ref": "that run of theirs does not open a forwarded message",
    r"^multi-2evil\.ref.* name": "backslashes in a quoted file name are kept: programs on Windows write them so",
    r"^multi-digest\.ref.* type": "Content-Type without slash is text/plain (RFC 2045 part 5.2)",
}
MAILCORE = {
    r"jwz/(1|40)$|jwz/29$|jwz/13[45]$": "Content-Type without slash is text/plain (RFC 2045 part 5.2); mailcore2 adds /unknown",
    r"jwz/11[67]$": "a >From line on top of a forwarded message is skipped, its header read; mailcore2 reads it as body",
    r"jwz/132$": "multipart without boundary parameter: a leaf, the guessed part is an alternative reading",
    r"jwz/22$": "two semicolons before the boundary parameter; mailcore2 then finds no parts",
    r"jwz/41$": "the message ends within its last part; mailcore2 gives none of them",
    r"simple/[23]$": "one or an empty boundary on all levels: the innermost wins, the rest is an alternative reading",
}
PYTHON_FILES = {
    r"jwz/11[67]$": "a >From line on top of a forwarded message is skipped; Python reads the message as body",
    r"jwz/35$": "Python gives up on this uuencoding and returns it as it was",
    r"multi-(clen|simple|2gifs-base64|badnames)\.msg$": "a boundary folded in its quotes; Python keeps the line end in it",
    r"twopart\.msg$": "a blank behind base64 in the field; Python then does not decode",
    r"base64.*\.msg$": "message/rfc822 in base64 is decoded and parsed; Python parses the base64 text",
}


class Probe:
    def __init__(self):
        self.process = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *fields):
        line = b"\t".join(urllib.parse.quote_from_bytes(f if isinstance(f, bytes) else f.encode(), safe="/:@.-_").encode()
                          for f in fields)
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Suite:
    def __init__(self, name, reasons=None):
        self.name, self.reasons = name, reasons or {}
        self.passed, self.failed, self.explained = 0, [], []

    def check(self, case, ok, detail=""):
        if ok:
            self.passed += 1
            return
        for pattern, reason in self.reasons.items():
            if re.search(pattern, case):
                self.explained.append((pattern, reason))
                return
        self.failed.append("%s: %s" % (case, detail))

    def explain(self, reason):
        self.explained.append((reason, reason))

    def report(self):
        used = {pattern for pattern, _ in self.explained}
        self.failed += ["reason without deviation: " + p for p in self.reasons if p not in used]
        total = self.passed + len(self.explained) + len(self.failed)
        print("%-10s %5d cases, %5d equal (%.2f %%), %4d deviate and say why, %d failed" %
              (self.name, total, self.passed, 100 * self.passed / max(total, 1), len(self.explained), len(self.failed)))
        for reason in sorted({r for _, r in self.explained}):
            print("    %4d: %s" % (sum(r == reason for _, r in self.explained), reason))
        for line in self.failed[:60]:
            print("    FAIL %s" % line[:400])
        return not self.failed


def leaves(node, out=None):
    """Leaves in document order, readings of doubt left out."""
    out = [] if out is None else out
    children = [c for c in node["children"] if not c.get("alternative")]
    if node["type"].startswith(("multipart/", "message/rfc822", "message/global")) and children:
        pass
    elif not node["type"].startswith("multipart/"):
        out.append(node)    # files in TNEF and uuencode are ours alone
        return out
    for child in children:
        leaves(child, out)
    return out


def all_nodes(node):
    yield node
    for child in node["children"]:
        yield from all_nodes(child)


def anomalies(node):
    return sorted({a for n in all_nodes(node) for a in n["anomalies"]})


# ---- our own samples: FILE.eml beside FILE.json with what must be in the answer ----

def covers(expected, got):
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(k in got and covers(v, got[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(covers, expected, got))
    return expected == got


def suite_samples(probe):
    s = Suite("samples")
    for path in sorted(glob.glob(os.path.join(HERE, "../samples/mime/*.json"))):
        message = path[:-5] + ".eml"
        for command, expected in json.load(open(path, encoding="utf-8")).items():
            answer = probe.ask(command, message)
            got = answer["mime"] if command == "mime" else answer
            s.check("%s %s" % (os.path.basename(message), command), covers(expected, got), json.dumps(got)[:1500])
    return s


# ---- URLs ----

def suite_urltext(probe):
    s = Suite("url-text", URL_TEXT)
    for case in json.load(open(DATA + "/url/sa-uri-text.json", encoding="utf-8")):
        urls = "\n".join(sorted({v for u in probe.ask("urls", case["text"])["urls"] for one in (u["url"], u["raw"])
                                 for v in probe.ask("variants", one)["variants"]}))
        # The extraction left "wanted TAB !unwanted" in one piece.
        wanted = [r for p in case["must_match_regex"] for r in p.split("\t") if not r.startswith("!")]
        unwanted = [r[1:] for p in case["must_match_regex"] for r in p.split("\t") if r.startswith("!")]
        missing = [r for r in wanted if not re.search(r.replace("\\z", "\\Z"), urls, re.M)]
        extra = [r for r in case["must_not_match_regex"] + unwanted if re.search(r.replace("\\z", "\\Z"), urls, re.M)]
        s.check(case["text"], not missing and not extra, "missing %s extra %s in %r" % (missing, extra, urls))
    return s


def suite_domains(probe):
    s = Suite("domains", URL_DOMAINS)
    data = json.load(open(DATA + "/url/sa-uri-domains.json", encoding="utf-8"))
    for case in data["domains"]:
        answer = probe.ask("domain", case["uri"])
        got = answer["domain"] if answer["found"] else None
        s.check(case["uri"], got == case["registered_domain"], "%r, should be %r" % (got, case["registered_domain"]))
    return s


def perl_string(text):
    return re.sub(r"\\(.)", lambda m: {"r": "\r", "n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), text)


def suite_canonical(probe):
    s = Suite("canonical", URL_CANONICAL)
    data = json.load(open(DATA + "/url/sa-uri-domains.json", encoding="utf-8"))
    for case in data["canonical"]:
        texts = [perl_string(uri) for uri in case["in"]]
        got = {v for uri in texts for v in probe.ask("variants", uri)["variants"]}
        wanted = {perl_string(uri) for uri in case["canonical"]}
        s.check(case["in"][0], wanted <= got, "missing %s, have %s" % (sorted(wanted - got), sorted(got)))
    return s


def suite_psl(probe):
    s = Suite("psl")
    for line in open(DATA + "/psl/tests.txt", encoding="utf-8"):
        words = line.split()
        if len(words) != 2 or words[0].startswith(("//", ".")) or words[0] == "null":
            continue
        host = words[0].lower()
        got = probe.ask("domain", host)["registered"]
        # Where there is no registered part the host itself is the answer.
        s.check(line.strip(), got == (host if words[1] == "null" else words[1].lower()), got)
    return s


# ---- MIME suites ----

def mime4j_tree(element, folder):
    """[type] or [type, content] of an XML node of mime4j's decoded trace, as nested lists."""
    out = []
    for child in element:
        if child.tag in ("multipart",):
            out.append(["multipart", [mime4j_tree(part, folder) for part in child if part.tag == "body-part"]])
        elif child.tag == "message":
            out.append(["message", [mime4j_tree(child, folder)]])
        elif child.tag in ("text-body", "binary-body"):
            out.append(["leaf", open(os.path.join(folder, child.get("name")), "rb").read()])
    return out[0] if out else ["leaf", b""]


def hashes(octets):
    """Line ends of the suites' files were not all kept."""
    plain = octets.replace(b"\r\n", b"\n")
    return {hashlib.sha256(v).hexdigest() for v in (octets, plain, plain.replace(b"\n", b"\r\n"))}


def same_tree(theirs, ours):
    kind, what = theirs
    children = [c for c in ours["children"] if not c.get("alternative")]
    if kind == "leaf":
        if children and ours["type"].startswith(("multipart/", "message/")):
            return "leaf has children"
        return "" if ours["sha256"] in hashes(what) else "content of %s differs (%d octets, ours %d)" % (
            ours["type"], len(what), ours["decoded_bytes"])
    if len(what) != len(children):
        return "%s has %d children, ours %d" % (ours["type"], len(what), len(children))
    for one, other in zip(what, children):
        problem = same_tree(one, other)
        if problem:
            return problem
    return ""


def suite_mime4j(probe):
    s = Suite("mime4j", MIME4J)
    for trace in sorted(glob.glob(DATA + "/mime/mime4j/*testmsgs/*_decoded.xml")):
        message = trace.replace("_decoded.xml", ".msg")
        raw = re.sub(rb"&#x?[0-9a-fA-F]+;", b"?", open(trace, "rb").read())
        raw = bytes(c if c in b"\t\r\n" or c >= 32 else 63 for c in raw)
        theirs = mime4j_tree(ElementTree.fromstring(raw), os.path.dirname(trace))
        problem = same_tree(theirs, probe.ask("mime", message)["mime"])
        s.check(os.path.basename(message), not problem, problem)
    return s


def mailcore_tree(part):
    if part["partType"] == "single":
        return part.get("mimeType", "").lower()
    if part["partType"] == "message":
        return ["message/rfc822", mailcore_tree(part["mainPart"])]
    return [part["partType"].lower()] + [mailcore_tree(p) for p in part["parts"]["items"]]


def type_tree(node):
    """mailcore2 knows three kinds of multipart, the rest is mixed."""
    children = [type_tree(c) for c in node["children"] if not c.get("alternative")]
    kind = node["type"]
    if kind.startswith("multipart/"):
        return [kind if kind in ("multipart/alternative", "multipart/related", "multipart/signed") else
                "multipart/mixed"] + children
    return [kind] + children if kind == "message/rfc822" else kind


def suite_mailcore(probe):
    s = Suite("mailcore2", MAILCORE)
    root = DATA + "/mime/mailcore2/output/"
    for path in sorted(glob.glob(root + "**/*", recursive=True)):
        message = path.replace("/output/", "/input/")
        if not os.path.isfile(path) or not os.path.isfile(message):
            continue
        theirs = json.loads(open(path, encoding="utf-8", errors="replace").read(), strict=False)
        got = probe.ask("mime", message)["mime"]
        wanted = mailcore_tree(theirs["mainPart"])
        s.check(path[len(root):], type_tree(got) == wanted, "%s, should be %s %s" % (type_tree(got), wanted, anomalies(got)))
        subject = theirs["header"].get("subject")
        if subject is not None:
            s.check(path[len(root):] + " subject", " ".join(got["subject"].split()) == " ".join(subject.split()),
                    "%r, should be %r" % (got["subject"], subject))
    return s


# ---- MIME-tools: expectations as Perl data, one part after the other ----

def perl_data(text):
    """{section: {key: value}}: one pair a line."""
    out, section = {}, {}
    for line in text.splitlines():
        found = re.match(r"""\s*['"]?(\w+)['"]?\s*=>\s*(.*?),?\s*$""", line)
        if found and found.group(2) == "{":
            section = out.setdefault(found.group(1), {})
        elif found:
            value = re.sub(r"\\x\{(\w+)\}", lambda m: chr(int(m.group(1), 16)), found.group(2).strip("'\""))
            section[found.group(1)] = re.sub(r"\\(.)", r"\1", value)
    return out


def part_number(name):
    return [int(n) for n in name.split("_")[1:] if n.isdigit()]


def perl_leaves(data):
    parts = [data[k] for k in sorted((k for k in data if k.startswith("Part_")), key=part_number)] or [data["Msg"]]
    return [p for p in parts if not p.get("Type", "").startswith(("multipart/", "message/rfc822"))]


def with_files(nodes):
    """Files in uuencoded text behind it, as MIME-tools lists them."""
    for node in nodes:
        yield node
        yield from node["children"]


def suite_mimetools(probe):
    s = Suite("MIME-tools", MIMETOOLS)
    folder = DATA + "/mime/mime-tools-testmsgs/"
    for path in sorted(glob.glob(folder + "*.ref")):
        theirs, name = perl_data(open(path, encoding="latin-1").read()), os.path.basename(path)
        is_uu = "ExtractUuencode" in theirs["Parser"]
        parts = perl_leaves(theirs)
        ours = leaves(probe.ask("mime", folder + os.path.basename(theirs["Parser"]["Message"]))["mime"])
        ours = list(with_files(ours)) if is_uu else ours
        s.check(name, len(parts) == len(ours), "%d leaves, ours %d" % (len(parts), len(ours)))
        for part, node in zip(parts, ours):
            case = "%s %s" % (name, part.get("Type"))
            size = None if is_uu and node["children"] else part.get("Size")
            s.check(case + " type", part.get("Type", node["type"]).lower() == node["type"] or is_uu, node["type"])
            s.check(case + " size", size is None or abs(int(size) - node["decoded_bytes"]) <= 2,
                    "%s octets, ours %d" % (size, node["decoded_bytes"]))
            if part.get("Filename") and node["filename"]:
                s.check(case + " name", same_name(part["Filename"], node["filename"]),
                        "%r, ours %r" % (part["Filename"], node["filename"]))
    return s


# ---- GMime: files beside their encoded forms ----

def wrapped(folder, encoding, path):
    out = os.path.join(folder, "m.eml")
    with open(out, "wb") as f:
        f.write(b"MIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: %s\n\n" %
                encoding.encode() + open(path, "rb").read())
    return out


def suite_gmime(probe):
    s = Suite("gmime")
    root = DATA + "/mime/gmime/"
    with tempfile.TemporaryDirectory() as folder:
        for plain, coded, encoding in (
                ("encodings/photo.jpg", "encodings/photo.b64", "base64"), ("encodings/photo.jpg", "encodings/photo.uu", "x-uuencode"),
                ("encodings/wikipedia.txt", "encodings/wikipedia.qp", "quoted-printable"),
                ("mime-part/raptors.png", "mime-part/raptors.b64.txt", None), ("mime-part/raptors.png", "mime-part/raptors.uu.txt", None)):
            octets = open(root + plain, "rb").read()
            got = probe.ask("mime", wrapped(folder, encoding, root + coded) if encoding else root + coded)["mime"]
            s.check(coded, got["sha256"] in hashes(octets),
                    "%d octets, should be %d" % (got["decoded_bytes"], len(octets)))
    for path in sorted(glob.glob(root + "partial/input/photo-discuss/*.eml")):
        s.check(os.path.basename(path), probe.ask("mime", path)["mime"]["type"] == "message/partial")
    return s


# ---- Python's own parser, on everything ----

def decoded_words(text):
    out = ""
    for piece, charset in email.header.decode_header(text):
        if isinstance(piece, str):
            out += piece
        else:
            try:
                out += piece.decode(charset or "latin-1", "replace")
            except LookupError:
                out += piece.decode("latin-1")
    return out


def python_leaves(message):
    out = []

    def walk(part, in_digest):
        kind = part.get_content_type()
        if part.is_multipart() and kind != "message/delivery-status":
            for child in part.get_payload():
                walk(child, kind == "multipart/digest")
            return
        octets = part.get_payload(decode=True) or b""
        strict = octets
        if str(part.get("content-transfer-encoding", "")).strip().lower() == "quoted-printable":
            coded = part._payload.encode("ascii", "surrogateescape")    # as it came
            strict = quopri.decodestring(re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", coded))
        out.append((kind, part.get_filename(), octets, strict))
    walk(message, False)
    return out


def python_case(s, case, path, got):
    raw = open(path, "rb").read()
    if raw.startswith(b"From "):
        raw = raw[raw.find(b"\n") + 1:]
    try:
        theirs = python_leaves(email.message_from_bytes(raw))
    except Exception as fault:    # its own faults are not ours
        s.explain("Python's parser raises %s" % type(fault).__name__)
        return
    ours = leaves(got)
    odd = [a for a in anomalies(got) if a not in HARMLESS]
    if len(theirs) != len(ours):
        doubt(s, case, odd, "%d leaves, ours %d" % (len(theirs), len(ours)), theirs, ours)
        return
    for (kind, name, octets, strict), node in zip(theirs, ours):
        if kind != node["type"]:
            doubt(s, case, odd, "type %s, ours %s" % (kind, node["type"]), theirs, ours)
        elif hashlib.sha256(octets).hexdigest() != node["sha256"]:
            if hashlib.sha256(strict).hexdigest() == node["sha256"]:
                s.explain("blanks at line ends of quoted-printable go (RFC 2045 part 6.7 rule 3); Python keeps them")
            else:
                doubt(s, case, odd, "content of %s %s, %d octets, ours %d" %
                      (kind, node["encoding"], len(octets), node["decoded_bytes"]), theirs, ours)
        elif name and not same_name(name, node["filename"]):
            doubt(s, case, odd, "name %r, ours %r" % (name, node["filename"]), theirs, ours)
        else:
            continue
        return
    s.check(case, True)


def same_name(theirs, ours):
    squeeze = lambda text: re.sub(r"[\s�-]+", "", text or "")
    if squeeze(decoded_words(theirs)) == squeeze(ours):
        return True
    ascii_only = lambda text: re.sub(r"[^\x21-\x7e]", "", text or "")
    return ascii_only(decoded_words(theirs)) == ascii_only(ours)


HARMLESS = ("version-missing", "long-line", "8bit-header", "bare-lf", "bad-charset", "nul")
PYTHON_REASONS = (    # (needed anomaly, reason)
    ("duplicate-boundary", "one boundary on two levels: both readings are given, Python takes the outer"),
    ("boundary-prefix", "a line that only begins with a boundary"),
    ("missing-boundary", "multipart without boundary: ours is a leaf of that type, with guessed parts beside"),
    ("header-without-colon", "a line without colon in a part's header"),
    ("duplicate-type", "several Content-Type fields"),
    ("duplicate-encoding", "several Content-Transfer-Encoding fields"),
    ("bad-base64", "broken base64: Python gives up on bad length and returns the text as it was"),
    ("bad-quoted-printable", "broken quoted-printable"),
    ("unknown-encoding", "unknown transfer encoding"),
    ("bad-parameter", "parameters that are no grammar"),
    ("bad-type", "Content-Type that is none is text/plain (RFC 2045 part 5.2)"),
    ("conflicting-names", "several names: ours prefers filename* over filename over name"),
    ("data-behind-end", "parts behind the closing delimiter"),
    ("missing-end", "no closing delimiter: ours ends the part at the last octet"),
    ("bare-cr", "a lone CR is no line end for us (RFC 5322 part 2.3); Python splits lines there"),
    ("encoded-multipart", "encoding on a multipart"),
    ("uuencoded-text", "uuencode"),
    ("control-in-header", "NUL or CR in a header field"),
    ("header-without-body", "a part without body"),
    ("depth-limit", "more levels than our limit"),
)


def doubt(s, case, odd, detail, theirs, ours):
    for needed, reason in PYTHON_REASONS:
        if needed in odd:
            s.explain(reason)
            return
    for test, reason in PYTHON_QUIRKS:
        if test(detail, theirs, ours):
            s.explain(reason)
            return
    s.check(case, False, "%s; anomalies %s" % (detail, odd))


def has_other_message(theirs, ours):
    return any(n["type"].startswith("message/") and n["type"] not in ("message/rfc822", "message/global") for n in ours)


PYTHON_QUIRKS = (
    (lambda d, t, o: has_other_message(t, o),
     "message/* other than rfc822 and global is a leaf for us; Python parses what is in it"),
)


def python_files():
    yield from sorted(glob.glob(DATA + "/mime/**/*", recursive=True))
    step = 1 if FULL else 40
    if CORPORA:
        files = sorted(glob.glob(CORPORA + "/*/*/*.eml"))
        yield from files[::step]


def suite_python(probe):
    s = Suite("python", PYTHON_FILES)
    for path in python_files():
        if os.path.isfile(path) and not re.search(r"\.(xml|out|json|ref|TXT)$|/output/|_decoded", path):
            python_case(s, path, path, probe.ask("mime", path)["mime"])
    return s


# ---- charsets, beside Python's codecs: every character that both can write ----

CHARSET_NAMES = ("us-ascii utf-8 utf-16 utf-16le utf-16be utf-7 iso-8859-1 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 "
                 "iso-8859-8 iso-8859-9 iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 windows-1250 windows-1251 windows-1252 "
                 "windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 koi8-r koi8-u ibm437 ibm850 ibm866 "
                 "macintosh tis-620 gb2312 gbk gb18030 big5 euc-jp shift_jis iso-2022-jp euc-kr iso-2022-kr").split()
PYTHON_CODECS = {"macintosh": "mac-roman", "iso-8859-1": "cp1252", "windows-1252": "cp1252", "us-ascii": "ascii",
                 # as browsers and mail programs read these labels
                 "gb2312": "gbk", "big5": "cp950", "euc-kr": "cp949", "shift_jis": "cp932"}


def encodable(codec):
    for block in list(range(0x20, 0x7f)) + list(range(0xa0, 0x600)) + list(range(0x2010, 0x2123)) + list(range(0x3041, 0x30ff)) + \
            list(range(0x4e00, 0x9fa5, 7)) + list(range(0xac00, 0xd7a3, 13)) + [0x1f600]:
        try:
            chr(block).encode(codec)
            yield chr(block)
        except UnicodeEncodeError:
            pass


def suite_charsets(probe):
    s = Suite("charsets", CHARSETS)
    for name in CHARSET_NAMES:
        codec = PYTHON_CODECS.get(name, name)
        text = "".join(encodable(codec))
        for i in range(0, len(text), 200):
            piece = text[i:i + 200]
            got = probe.ask("charset", name, piece.encode(codec))
            s.check("%s %d" % (name, i), got["text"] == piece and not got["bad"],
                    repr([(a, b) for a, b in zip(piece, got["text"]) if a != b][:8]))
    return s


# ---- SpamAssassin's view of 1000 messages ----

def suite_saparse(probe):
    s = Suite("sa-parse", SA_PARSE)
    found = glob.glob(DATA + "/corpora/modern-raw*.sa-parse.jsonl")
    step = 1 if FULL else 5
    for line in open(found[0], encoding="utf-8").read().splitlines()[::step]:
        theirs = json.loads(line)
        path = os.path.join(CORPORA, theirs["id"])
        if not os.path.isfile(path):
            continue
        got = probe.ask("mime", path)["mime"]
        parts = [n["type"] for n in leaves(got)]
        wanted = [p["declared"] for p in theirs["parts"]]
        if any("/" not in w or w.startswith(("multipart/", "message/")) for w in wanted) or anomalies_matter(got):
            s.explain("a message that we flag: SpamAssassin flattens it otherwise")
        else:
            s.check(theirs["id"] + " parts", parts == wanted, "%s, should be %s" % (parts, wanted))
        author = [a["address"] for a in got["from"]]
        s.check(theirs["id"] + " from", (author or [""])[0].lower() == (theirs["from_addr"] or "").lower(),
                "%s, should be %s" % (author, theirs["from_addr"]))
        s.check(theirs["id"] + " subject", " ".join(got["subject"].split()) == " ".join((theirs["subject"] or "").split()),
                "%r, should be %r" % (got["subject"], theirs["subject"]))
        urls = probe.ask("content", path)["urls"]
        hosts = {u["host"] for u in urls}
        wanted = {h for u in theirs["uris"] for h in u.get("hosts", ()) if not {"domainkeys"} & set(u["types"])}
        s.check(theirs["id"] + " uris", wanted <= hosts, "missing %s" % sorted(wanted - hosts))
    return s


SA_PARSE = {
    r"sample-4643\.eml uris": "a redirector that takes a target without scheme: a pattern of the rules, applied there",
    r"sample-3741\.eml uris": "a host without top-level domain is no link for us; SpamAssassin tries .com",
    r"sample-(3528|3813)\.eml from": "\"name@domain\", <other@domain>: the quoted text is a name, not an address",
    r"sample-6816\.eml uris": "a number with leading 0 is octal for browsers and for us, decimal for SpamAssassin",
}


def anomalies_matter(node):
    return bool(set(anomalies(node)) - set(HARMLESS))


SUITES = {    # name: (function, needs)
    "samples": (suite_samples, ""),
    "charsets": (suite_charsets, ""),
    "url-text": (suite_urltext, "data"),
    "domains": (suite_domains, "data"),
    "canonical": (suite_canonical, "data"),
    "psl": (suite_psl, "data"),
    "mime4j": (suite_mime4j, "data"),
    "mailcore2": (suite_mailcore, "data"),
    "MIME-tools": (suite_mimetools, "data"),
    "gmime": (suite_gmime, "data"),
    "python": (suite_python, "data"),
    "sa-parse": (suite_saparse, "corpora"),
}


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")] or list(SUITES)
    probe, ok, skipped = Probe(), True, []
    for name in wanted:
        function, needs = SUITES[name]
        if (needs and not os.path.isdir(DATA)) or (needs == "corpora" and not os.path.isdir(CORPORA)):
            skipped.append(name)
            continue
        ok &= function(probe).report()
    if skipped:
        print("SKIPPED %d of %d suites (REEVE_TESTDATA, REEVE_CORPORA): %s" % (len(skipped), len(wanted), " ".join(skipped)))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
