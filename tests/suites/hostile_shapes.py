#!/usr/bin/python3
"""Messages of hostile shapes through reevectl scan: what one may cost in processor time and memory.

    hostile_shapes.py [--megabytes N]

Every shape grows some list, depth or search of the parsers of content: delimiters, doubts, tags, links,
names, decoders. Each message may take SECONDS per 10 MB, and BYTES of memory per octet beside a base.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import threading

CTL = os.environ.get("REEVE_CTL", "./reevectl")
SECONDS, BYTES, BASE = 3.0, 14, 96 << 20
CONF = """hostname mx.example.com;
state "%s";
relay example.com { to 127.0.0.1:2500; }
filter headers; filter url; filter phishing { brand "Big Bank" bigbank.com; } filter text; filter fuzzy; filter attachment { on-failure accept; }
policy { at message { accept; } }
"""
HEAD = b"From: a@example.org\nTo: b@example.com\nSubject: x\nMIME-Version: 1.0\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=x\n\n"
HTML = HEAD + b"Content-Type: text/html\n\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\n\n"
DOUBTS = HEAD + (b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=x; boundary=y\n"
                 b"Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n")


def typed(kind, more=b""):
    return HEAD + b"Content-Type: " + kind + b"\n" + more + b"\n"


def levels():
    return HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(200))


def many_links(size):
    out, n = [HTML], len(HTML)
    while n < size:
        i = len(out)
        out.append(b"<a href='http://h%d.example%d.com/?u=http://z%d.org/'>www.other%d.net</a>\n" % (i, i, i, i))
        n += len(out[-1])
    return b"".join(out)


def own_address(size):
    name = b"a" * 110000
    return b"From: \"x@y.com\" <" + name + b"b@c.com>\nTo: " + name + b"a" * 20000 + b"\n\n" + b"x\n" * ((size - 300000) // 2)


SHAPES = {    # name: (head, what is repeated) or a function of the size
    "delimiters": (MIXED, b"--x\n\n"),
    "boundary prefixes": (MIXED + b"--x\n\n", b"--xy\n"),
    "all doubts": (DOUBTS, b"--x\nno colon\nContent-Type: multipart/mixed; boundary=x\n\n--xy\r--y\n--x--\n"),
    "lone CR": (MIXED, b"\r--x\r\n\ra"),
    "levels": (levels(), b"--b0\n\nx\n--b31x\n"),
    "messages": (HEAD, b"Content-Type: message/rfc822\n\n"),
    "base64": (typed(b"application/octet-stream; name=a.bin", b"Content-Transfer-Encoding: base64\n"), b"TVqQAAMAAAAEAAAA//8AALgAAAAA\n"),
    "base64 with =": (typed(b"application/octet-stream", b"Content-Transfer-Encoding: base64\n"), b"TV==qQAAMAA=\n"),
    "quoted-printable": (typed(b"text/html", b"Content-Transfer-Encoding: quoted-printable\n"), b"=3D=\n=41 =\n"),
    "tags": (HTML, b"<b></i><a href=http://a.b.com/x><div style=display:none>"),
    "links": many_links,
    "address in To": own_address,
    "attributes": (HTML + b"<a ", b"x=1 "),
    "less-than": (HTML, b"<"),
    "comments": (HTML, b"<!--"),
    "entities": (HTML, b"&amp;&#x41;&nosuch"),
    "scripts": (HTML, b"<script>http://x.example.com/</scrip"),
    "styles": (HTML, b"<p style='url(http://a.com'>"),
    "addresses in text": (TEXT, b"http://a.example.com/@b.example.net:80 "),
    "dots": (TEXT, b"a.b.com"),
    "at signs": (TEXT, b"@"),
    "hidden links": (TEXT, b"hxxp : // evil [.] com "),
    "other scripts": (TEXT, "漢字テスト.みんな".encode()),
    "words": (TEXT, b"lorem ipsum dolor sit amet "),
    "one line": (TEXT, b"x"),
    "uuencode": (TEXT, b"begin 644 a.b\n#0V%T\n"),
    "half pairs": (typed(b"text/plain; charset=utf-16"), b"\xd8\x00\xdc\x00"),
    "escapes": (typed(b"text/plain; charset=iso-2022-jp"), b"\x1b$B\x1b(B"),
    "tnef": (typed(b"application/ms-tnef") + b"\x78\x9f\x3e\x22\x01\x00", b"\x02\x02\x90\x06\x00\x0e\x00\x00\x00\x01\x00"),
    "pdf": (typed(b"application/pdf"), b"/URI (http://a.com/)"),
    "pdf without end": (typed(b"application/pdf"), b"/URI (http://a.com/"),
}


def message(shape, size):
    if callable(shape):
        return shape(size)
    head, what = shape
    return head + what * ((size - len(head)) // len(what))


def run(arguments):
    """Processor seconds, most memory in octets, whether it went well."""
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    reader = threading.Thread(target=child.stdout.read)
    reader.start()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    reader.join()
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, status == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=4)
    size = parser.parse_args().megabytes << 20
    slow = 20 if any(name in open(CTL, "rb").read() for name in (b"__asan_init", b"__tsan_init")) else 1
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        conf, path = os.path.join(folder, "c.conf"), os.path.join(folder, "m.eml")
        open(conf, "w").write(CONF % folder)
        for name, shape in SHAPES.items():
            open(path, "wb").write(message(shape, size))
            seconds, memory, is_good = run([CTL, "-c", conf, "scan", "--json", path])
            most_seconds, most_memory = SECONDS * slow * size / 10e6 + 0.5 * slow, (BASE + BYTES * size) * (4 if slow > 1 else 1)
            ok = is_good and seconds <= most_seconds and memory <= most_memory
            faults += not ok
            print("%s %-18s %5.2f s  %4d MB" % ("ok    " if ok else "not ok", name, seconds, memory >> 20))
    print("%d shapes of %d MB, %d faults" % (len(SHAPES), size >> 20, faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
