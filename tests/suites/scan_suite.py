#!/usr/bin/python3
"""Scanner and attachments against real samples and own ones, through `reevectl scan`.

    scan_suite.py BUILD-FOLDER [TESTDATA]        (or REEVE_TESTDATA)

The ClamAV test files must be found with one hash signature of clam.exe: raw, in every transfer encoding,
behind many first fields. The oletools samples must give the facts of the table. What is generated here
(names, bombs, archives) needs no test data. Exit 1 and a line for each fault."""
import base64
import binascii
import bz2
import gzip
import hashlib
import json
import lzma
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disguise_cases                                                                # noqa: E402
import odd_archives                                                                  # noqa: E402
import odd_documents                                                                 # noqa: E402
from containers import others                                                       # noqa: E402
from document_cases import EXACT, OLETOOLS, cases                                    # noqa: E402
from samples import archives, encrypted_archives, nested, tarred, zip_encrypted, zipped             # noqa: E402

FIRST_FIELDS = [b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000", b"Authentication-Results: mx; spf=pass",
                b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; b=x", b"ARC-Seal: i=1; a=rsa-sha256; b=x",
                b"List-Id: <a.b>", b"X-Spam: no", b"Content-Language: en", b"Subject: first", b"From: a@example.com",
                b"To: b@example.com", b"Message-ID: <a@b>", b"Thread-Topic: t", b"Organization: o",
                b"Return-Path: <a@example.com>", b"Delivered-To: b@example.com", b"Precedence: bulk", b"Date: x",
                b"Reply-To: a@example.com", b"X-Mailer: m", b"Importance: high"]

faults = []


def check(condition, text):
    if not condition:
        faults.append(text)


def encode(data, encoding):
    if encoding == "base64":
        return base64.encodebytes(data)
    if encoding == "quoted-printable":
        return binascii.b2a_qp(data, istext=False)
    lines = [binascii.b2a_uu(data[i:i + 45]) for i in range(0, len(data), 45)]
    return b"begin 644 a.bin\n" + b"".join(lines) + b"`\nend\n"


def message(data, name, encoding="base64", first=FIRST_FIELDS[0], type_="application/octet-stream"):
    head = first + b"\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=bb\n\n"
    text = b"--bb\nContent-Type: text/plain\n\nhello\n"
    part = (f"--bb\nContent-Type: {type_}\nContent-Disposition: attachment; filename=\"{name}\"\n"
            f"Content-Transfer-Encoding: {'x-uuencode' if encoding == 'uu' else encoding}\n\n").encode()
    return head + text + part + encode(data, encoding) + b"\n--bb--\n"


class Scans:
    """Messages that are scanned in one run."""

    def __init__(self, build, folder, conf):
        self.build, self.folder, self.conf, self.n = build, folder, conf, 0
        self.names = {}
        self.database = ""

    def configure(self, filters):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f'state "{self.folder}.state"; runtime "{self.folder}.run"; relay example.net {{ to 127.0.0.1:9; }}\n{filters}')

    def add(self, name, data):
        self.n += 1
        path = os.path.join(self.folder, f"{self.n}.eml")
        with open(path, "wb") as f:
            f.write(data)
        self.names[path] = name

    def run(self):
        done = subprocess.run([os.path.join(self.build, "reevectl"), "-c", self.conf, "scan", "--json", self.folder],
                              capture_output=True, check=False, timeout=900, env={**os.environ, "REEVE_LEAKS": "1"})
        result = {}
        for line in done.stdout.splitlines():
            one = json.loads(line)
            unscanned = [x["reason"] for x in one["findings"] if x["name"] == "attachment.unscanned"]
            result[self.names[one["file"]]] = {**one["facts"], "unscanned": "".join(unscanned)}
            os.unlink(one["file"])
        check(len(result) == len(self.names), f"{len(result)} answers for {len(self.names)} messages")
        check(b"Sanitizer" not in done.stderr, done.stderr.decode(errors="replace"))
        self.names = {}
        return result


def own_signature(folder, data):
    with open(os.path.join(folder, "own.hdb"), "w", encoding="ascii") as f:
        f.write(f"{hashlib.md5(data).hexdigest()}:{len(data)}:Suite.Sample\n")


def clamav_files(scans, root):
    folder = os.path.join(root, "attachments/clamav-testfiles")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        for encoding in ("base64", "quoted-printable", "uu"):
            scans.add(f"{name} in {encoding}", message(data, name, encoding))
    with open(os.path.join(folder, "clam.exe"), "rb") as f:
        exe = f.read()
    for first in FIRST_FIELDS:
        scans.add(f"clam.exe behind {first[:20]!r}", message(exe, "x", first=first))
    for what, facts in scans.run().items():
        check(facts.get("clamav.infected"), f"not found: {what}: {shown(facts)}")
    return len(os.listdir(folder)) * 3 + len(FIRST_FIELDS)


def true_facts(facts):
    return {name.split(".", 1)[1] for name, value in facts.items() if name.startswith("attachment.") and value is True}


def office_files(scans, root):
    folder = os.path.join(root, "attachments/oletools")
    wanted = {name: set(facts.split()) for facts, names in OLETOOLS.items() for name in names.split()}
    for name in wanted:
        with open(os.path.join(folder, name), "rb") as f:
            scans.add(name, message(f.read(), os.path.basename(name)))
    for name, facts in scans.run().items():
        found = true_facts(facts) & EXACT
        check(found == wanted[name], f"{name}: {shown(facts)} instead of {sorted(wanted[name])}")
    return len(wanted)


def shown(facts):
    """What was found, and why nothing was, when that is so."""
    return " ".join([str(sorted(true_facts(facts))), facts.get("clamav.status", "no answer"), facts.get("clamav.reason", facts.get("unscanned", ""))])


def own_samples(scans):
    exe = b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(200)
    pdf = b"%PDF-1.4\n1 0 obj<</OpenAction<</S/J#61vaScript/JS(app.alert(1))>>>>endobj\n"
    smuggle = (b"<html><script>var b=new Blob([Uint8Array.from(atob('AAAA'),c=>c.charCodeAt(0))]);"
               b"var a=document.createElement('a');a.href=URL.createObjectURL(b);a.download='x.zip';a.click()</script>")
    rels = b'<Relationships><Relationship Type="http://x/attachedTemplate" Target="http://e/x.dotm" TargetMode="External"/>'
    types = b"<Types/>"
    cases = [
        ("plain text", message(b"hello", "a.txt"), set(), {"program", "archive", "type-mismatch", "script"}),
        ("program", message(exe, "a.exe"), {"program"}, {"type-mismatch"}),
        ("program as picture", message(exe, "a.jpg", type_="image/jpeg"), {"program", "type-mismatch"}, set()),
        ("double", message(b"x", "a.pdf.exe"), {"double-extension", "program"}, set()),
        ("blanks", message(b"x", "a.pdf      .scr"), {"double-extension", "program"}, set()),
        ("trailing", message(b"x", "a.exe. . "), {"trailing", "program"}, set()),
        ("rtlo", message(b"x", "a\u202egpj.exe"), {"rtlo", "program"}, set()),
        ("2231", message(b"x", "a.txt").replace(b'filename="a.txt"', b"filename*0*=utf-8''a.e; filename*1*=%78e"),
         {"program"}, set()),
        ("zip", message(zipped(("a.js", b"x")), "a.zip"), {"archive", "program"}, {"type-mismatch", "limit"}),
        ("zip in zip", message(nested(3), "a.zip"), {"archive"}, {"limit"}),
        ("traversal", message(tarred("../../etc/passwd", b"x", "w:gz"), "a.tgz"), {"path-traversal", "archive"}, set()),
        ("bomb", message(zipped(("a", bytes(120 << 20))), "a.zip"), {"limit"}, set()),
        ("members", message(zipped(*((f"{i}", b"") for i in range(2001))), "a.zip"), {"limit"}, set()),
        ("truncated", message(zipped(("a.txt", os.urandom(9000)))[:5000], "a.zip"), {"broken"}, set()),
        ("pdf", message(pdf, "a.pdf"), {"script"}, {"pdf-launch", "type-mismatch"}),
        ("pdf launch", message(pdf.replace(b"J#61vaScript", b"Launch"), "a.pdf"), {"pdf-launch"}, set()),
        ("smuggling", message(smuggle, "a.html"), {"smuggling", "html", "script"}, set()),
        ("html as pdf", message(b"<html>x", "a.pdf"), {"html", "type-mismatch"}, {"smuggling"}),
        ("template", message(zipped(("[Content_Types].xml", types), ("word/_rels/settings.xml.rels", rels)), "a.docx"),
         {"external-link"}, {"macro", "type-mismatch", "archive"}),
        ("exe in docx", message(zipped(("[Content_Types].xml", types), ("word/a.exe", exe)), "a.docx"), {"program"}, set()),
        ("iso name", message(bytes(100), "a.iso"), {"disk-image"}, set()),
        ("lnk", message(b"L\0\0\0\x01\x14\x02\0" + bytes(100), "a.lnk"), {"shortcut", "program"}, set()),
        ("csv", message(b"a;b\n1;=cmd|'/c calc'!A0\n", "a.csv"), {"dde"}, set()),
        ("csv pipe", message(b"a|b|c\n1|2|3\n", "a.csv"), set(), {"dde"}),
    ]
    for name, data, _, _ in cases:
        scans.add(name, data)
    result = scans.run()
    for name, _, wanted, unwanted in cases:
        found = true_facts(result.get(name, {}))
        check(wanted <= found, f"{name}: no {sorted(wanted - found)} in {shown(result.get(name, {}))}")
        check(not unwanted & found, f"{name}: wrongly {sorted(unwanted & found)}")
    return len(cases)


def documents(scans):
    """Facts that documents of our own making must give, and no other of EXACT."""
    rows = cases() + disguise_cases.cases() + odd_archives.cases() + odd_documents.cases()
    for name, file, data, _ in rows:
        scans.add(name, message(data, file))
    result = scans.run()
    for name, _, _, wanted in rows:
        found = true_facts(result.get(name, {})) & EXACT
        check(found == wanted, f"{name}: {shown(result.get(name, {}))} instead of {sorted(wanted)}")
    return len(rows)


EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def in_archives(scans):
    """EICAR in every kind of archive is found; what needs a password is an outcome of its own, and never clean."""
    plain = archives("eicar.com", EICAR) + [("zip in zip", "zip", nested(4, (("eicar.com", EICAR),))),
                                            ("tar.gz in zip", "zip", zipped(("a.tgz", tarred("eicar.com", EICAR, "w:gz"))))]
    nameless = ("gz", "bz2", "xz", "zst", "lzma", "co_", "lz4")
    # libclamav reads only some of these, and no file systems: what it leaves is for us.
    plain += others("eicar.com", EICAR)
    plain += odd_archives.hidden("eicar.com", EICAR) + odd_archives.nameless(EICAR)
    locked = encrypted_archives("eicar.com", EICAR)
    for what, extension, data in plain:
        scans.add(what, message(data, "a." + extension))
    for what, extension, data in locked:
        scans.add(what + ", encrypted", message(data, "a." + extension))
    result = scans.run()
    for what, extension, _ in plain:
        facts = result.get(what, {})
        check(facts.get("clamav.infected"), f"EICAR in {what}: {shown(facts)}")
        check("archive" in true_facts(facts) or extension in ("eml", "mht"), f"{what}: not seen as an archive: {shown(facts)}")
        check(extension in nameless or any(x.lower() == "eicar.com" for x in facts["attachment.names"]),
              f"{what}: {facts.get('attachment.names')}")
    for what, _, _ in locked:
        facts = result.get(what + ", encrypted", {})
        check(facts.get("clamav.status") == "encrypted" and not facts.get("clamav.scanned"), f"{what}, encrypted: {shown(facts)}")
        check("encrypted" in true_facts(facts), f"{what}, encrypted: {shown(facts)}")
    return len(plain) + len(locked)


# What libclamav does not read, or only with a module: nobody looks at it when we do not.
UNSEEN = {"rar4", "rar5", "tar.zst", "zst", "lzma", "zip, lzma", "ar", "LZ4", "FAT12"}


def layers(what):
    return 2 if what.startswith("tar.") else 1


def limits(scans):
    """Each limit at what an archive needs, and one below that, for each kind of archive: size of a member, of all, count,
    depth. Above the limit the fact says so; and where nobody else has looked, the scan is no clean one."""
    data = os.urandom(20000) + EICAR
    rows = [row for row in archives("eicar.com", data) + others("eicar.com", data) if row[1] not in ("eml", "mht", "dat", "hqx", "co_")]
    tar = len(tarred("eicar.com", data))
    needs = {
        "max-member": lambda what: tar if layers(what) == 2 else len(data), "max-total": lambda what: len(data) + (tar if layers(what) == 2 else 0),
        "max-members": layers, "max-depth": layers,
    }
    count = 0
    for directive, need in needs.items():
        for wanted in sorted({need(what) for what, _, _ in rows}):
            for limit in (wanted, wanted - 1):
                scans.configure(f'filter attachment {{ {directive} {limit}; }}\nfilter clamav {{ database "{scans.database}"; timeout 300s; }}\n')
                for what, extension, octets in rows:
                    if need(what) == wanted:
                        scans.add(what, message(octets, "a." + extension))
                for what, facts in scans.run().items():
                    over = "limit" in true_facts(facts)
                    check(over == (limit < wanted), f"{what}, {directive} {limit} of {wanted}: limit {over}, {shown(facts)}")
                    if what in UNSEEN:
                        status = facts.get("clamav.status")
                        check((status == "limit") == (limit < wanted), f"{what}, {directive} {limit} of {wanted}: {shown(facts)}")
                    count += 1
    return count


def ratios(scans):
    """What grows more than max-ratio and above 16 MiB; the same below either."""
    grown = bytes((16 << 20) + (200 << 10))
    rows = [("gz", gzip.compress(grown)), ("bz2", bz2.compress(grown)), ("xz", lzma.compress(grown)), ("zip", zipped(("a", grown))),
            ("zip", zipped(("a.zip", zipped(("b", grown)))))]
    small = [(extension, data) for extension, data in (("gz", gzip.compress(grown[:16 << 20])), ("zip", zipped(("a", grown[:16 << 20]))))]
    scans.configure("filter attachment { timeout 300s; }\n")
    for i, (extension, data) in enumerate(rows + small):
        scans.add(str(i), message(data, "a." + extension))
    for i, facts in scans.run().items():
        over, extension = int(i) < len(rows), (rows + small)[int(i)][0]
        check(("limit" in true_facts(facts)) == over, f"ratio of {extension}, {'above' if over else 'at'} 16 MiB: {shown(facts)}")
    return len(rows) + len(small)


YARA = "rule reeve_sample { strings: $a = \"REEVE-YARA-8151\" condition: $a }\n"


def outcomes(scans, root):
    """What directives make of the same message: outcome and name; signatures of three kinds."""
    database = scans.database
    deep, many = nested(6), zipped(*((f"{i}.txt", b"%d" % i) for i in range(30)))
    big = b"From: a\n\n" + b"text of no interest\n" * 2000
    messages = {
        "yara": message(b"REEVE-YARA-8151", "a.txt"), "ndb": message(b"xx REEVE-NDB-8152 xx", "a.txt"), "hdb": message(EICAR, "a.txt"),
        "locked": message(zip_encrypted("a.txt", b"x"), "a.zip"), "inner": message(zipped(("a.txt", big)), "a.zip"),
        "deep": message(deep, "a.zip"), "many": message(many, "a.zip"), "big": message(big, "a.txt"),
    }
    expected = [
        ("", {"yara": ("infected", "reeve_sample"), "ndb": ("infected", "Suite.Body"), "hdb": ("infected", "Suite.Eicar"), "locked": ("encrypted", ""),
              "inner": ("clean", ""), "deep": ("clean", ""), "many": ("clean", ""), "big": ("clean", "")}),
        ("encrypted off;", {"locked": ("clean", "")}),
        ("max-recursion 3;", {"deep": ("limit", "")}),
        ("max-files 10;", {"many": ("limit", "")}),
        ("max-file 20K;", {"big": ("limit", ""), "inner": ("limit", ""), "yara": ("infected", "reeve_sample")}),
        ("max-scan 20K;", {"big": ("limit", ""), "inner": ("limit", "")}),
    ]
    if root:    # libclamav wants macros that it can read
        with open(os.path.join(root, "attachments/oletools/oleform/oleform-PR314.docm"), "rb") as f:
            messages["macros"] = message(f.read(), "a.docm")
        expected += [("macros on;", {"macros": ("infected", "Macros")}), ("macros off;", {"macros": ("clean", "")})]
    count = 0
    for directives, rows in expected:
        scans.configure(f'filter clamav {{ database "{database}"; timeout 300s; {directives} }}\n')
        for name in rows:
            scans.add(name, messages[name])
        result = scans.run()
        for name, (status, found) in rows.items():
            facts = result.get(name, {})
            check(facts.get("clamav.status") == status and found in facts.get("clamav.name", ""),
                  f"{directives or 'defaults'} {name}: {facts.get('clamav.status')} {facts.get('clamav.name', '')} {facts.get('clamav.reason', '')}")
        count += len(rows)
    return count


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "."
    root = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("REEVE_TESTDATA", "")
    with tempfile.TemporaryDirectory(prefix="scan-suite-") as folder:
        database, mails, conf = (os.path.join(folder, n) for n in ("db", "mails", "conf"))
        os.mkdir(database)
        os.mkdir(mails)
        sample = b"what no mail holds by chance"
        if root:
            with open(os.path.join(root, "attachments/clamav-testfiles/clam.exe"), "rb") as f:
                sample = f.read()
        own_signature(database, sample)
        with open(os.path.join(database, "eicar.hdb"), "w", encoding="ascii") as f: # a hash: the file must be unpacked
            f.write(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:Suite.Eicar\n")
        with open(os.path.join(database, "own.yara"), "w", encoding="ascii") as f:
            f.write(YARA)
        with open(os.path.join(database, "own.ndb"), "w", encoding="ascii") as f:
            f.write(f"Suite.Body:0:*:{b'REEVE-NDB-8152'.hex()}\n")
        scans = Scans(build, mails, conf)
        scans.database = database
        scans.configure(f'filter attachment {{ timeout 300s; }}\nfilter clamav {{ database "{database}"; timeout 300s; }}\n')
        counts = [own_samples(scans), documents(scans), in_archives(scans), limits(scans), ratios(scans)]
        scans.configure(f'filter attachment {{ timeout 300s; }}\nfilter clamav {{ database "{database}"; timeout 300s; }}\n')
        if root:
            counts += [clamav_files(scans, root), office_files(scans, root)]
        counts.append(outcomes(scans, root))
    print("\n".join(faults + [f"scan_suite: {' + '.join(map(str, counts))} messages, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
