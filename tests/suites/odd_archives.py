"""Archives that programs read in different ways: members that the list of a zip file leaves out or calls otherwise, files
one behind the other, archives in and behind something else. For the scanner's suite; harmless, all of them."""
import bz2
import gzip
import lzma
import struct
import zlib

from samples import cab, crc, iso, ole, pdf, program, rar4, rar5, sevenzip, tarred, word_document, zipped, zstd

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + bytes(range(1, 250)) * 9, b"\xff\xd8\xff\xe0" + bytes(range(250, 0, -1)) * 9
SKIP = b"\x50\x2a\x4d\x18\4\0\0\0none"


def head(name, data, flags=0, method=0, sizes=None, extra=b""):
    packed, size = sizes or (len(data), len(data))
    return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0x21, crc(data), packed, size, len(name), len(extra)) + name + extra


def entry(name, data, at, flags=0, method=0, sizes=None, extra=b"", folder=False):
    packed, size = sizes or (len(data), len(data))
    fields = struct.pack("<HHHHHHIIIHHHHHII", 20, 20, flags, method, 0, 0x21, crc(data), packed, size, len(name), len(extra), 0, 0, 0,
                         0x10 if folder else 0, at)
    return b"PK\1\2" + fields + name + extra


def end(count, size, at, comment=b""):
    return b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, size, at, len(comment)) + comment


def zip_of(*members, comment=b"", **wrong):
    """members: (name in the head, name in the list or None, octets, what else the head says, what else the list says)"""
    body, listed = b"", b""
    for local, name, data, *more in members:
        at, in_head, in_list = len(body), *(more + [{}, {}])[:2]
        body += head(local.encode(), data, **in_head) + data
        listed += entry(name.encode(), data, at, **in_list) if name is not None else b""
    fields = {"count": len(members), "size": len(listed), "at": len(body), **wrong}
    return body + listed + end(comment=comment, **fields)


def zip64(name, data):
    """All sizes in fields of their own; the record for large files is found from its locator."""
    both, large = 0xffffffff, struct.pack("<HHQQ", 1, 16, len(data), len(data))
    body = head(name.encode(), data, sizes=(both, both), extra=large) + data
    listed = entry(name.encode(), data, both, sizes=(both, both), extra=struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0))
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(listed), len(body))
    return body + listed + record + b"PK\6\7" + struct.pack("<IQI", 0, len(body) + len(listed), 1) + end(0xffff, both, both)


def old_tar(name, data):
    """Of before there was a mark."""
    raw = bytearray(tarred(name, data))
    raw[257:512] = bytes(255)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw)


def gzip_called(name, data):
    return b"\x1f\x8b\x08\x08" + bytes(6) + name.encode() + b"\0" + gzip.compress(data)[10:]


def unicode_path(other, name):
    field = b"\1" + struct.pack("<I", zlib.crc32(other.encode())) + name.encode()
    return struct.pack("<HH", 0x7075, len(field)) + field


def hidden(name, data):
    """(what, extension, octets): the member is there for some programs."""
    text, safe, bad = b"hello", zipped(("b.txt", b"hello")), zipped((name, data))
    none = {"sizes": (0, 0)}
    return [
        ("zip, only its list has the name", "zip", zip_of(("a.txt", name, data))),
        ("zip, only its head has the name", "zip", zip_of((name, "a.txt", data))),
        ("zip, the first is not listed", "zip", zip_of((name, None, data), ("b.txt", "b.txt", text))),
        ("zip, the last is not listed", "zip", zip_of(("b.txt", "b.txt", text), (name, None, data), count=1)),
        ("zip, a list of no size", "zip", zip_of((name, name, data), size=0)),
        ("zip, a list elsewhere", "zip", zip_of((name, name, data), at=7)),
        ("zip, packed by its head, stored by its list", "zip", zip_of((name, name, data, {"method": 8}))),
        ("zip, a folder by its name", "zip", zip_of((name + "/", name + "/", data))),
        ("zip, a folder by its attributes", "zip", zip_of((name, name, data, {}, {"folder": True}))),
        ("zip, the name in a field of the list", "zip", zip_of(("a.txt", "a.txt", data, {}, {"extra": unicode_path("a.txt", name)}))),
        ("zip, no sizes in its head", "zip", zip_of((name, name, data, none))),
        ("zip behind a zip", "zip", safe + bad), ("zip before a zip", "zip", bad + safe), ("zip between zips", "zip", safe + bad + safe),
        ("zip in the comment", "zip", zip_of(("b.txt", "b.txt", text), comment=bad)),
        ("zip before an end of nothing", "zip", bad + end(0, 0, 0)),
        ("zip64", "zip", zip64(name, data)), ("zip64 behind a picture", "jpg", JPEG + zip64(name, data)),
        *((f"zip behind {what}", "zip", before + bad) for what, before in (
            ("a JPEG", JPEG), ("a PNG", PNG), ("a PDF", pdf((b"/Type/Catalog", None))), ("a document", ole({"WordDocument": word_document(b"t")})),
            ("RTF", b"{\\rtf1 hello}"), ("a page", b"<html>hello</html>"), ("gzip", gzip.compress(text)), ("7z", sevenzip("b.txt", text)),
            ("tar", tarred("b.txt", text)), ("a program", program()))),
        ("rar5 behind a program", "exe", program() + rar5(name, data)), ("rar4 behind a picture", "png", PNG + rar4(name, data)),
        ("7z behind a program", "exe", program() + sevenzip(name, data)), ("cab in a program", "exe", program() + cab(name, data) + bytes(9)),
        ("tar, its member before looks like a PDF", "tar", tarred("%PDF-1.4", text)[:1024] + tarred(name, data)),
        ("tar behind the end of a tar", "tar", tarred("b.txt", text) + tarred(name, data)), ("old tar", "tar", old_tar(name, data)),
        ("iso, begins like a program", "iso", b"MZ" + iso(name, data)[2:]), ("iso, begins like a PDF", "iso", b"%PDF-1.4\n" + iso(name, data)[9:]),
    ]


def nameless(data):
    half, rest = data[:20], data[20:]
    return [
        ("gzip in two parts", "gz", gzip.compress(half) + gzip.compress(rest)), ("bzip2 in two parts", "bz2", bz2.compress(half) + bz2.compress(rest)),
        ("xz in two parts", "xz", lzma.compress(half) + lzma.compress(rest)),
        ("bzip2 behind nothing", "bz2", bz2.compress(b"") + bz2.compress(data)), ("zstd behind a frame of nothing", "zst", SKIP + zstd(data)),
        ("lzma, a small window", "lzma", lzma.compress(data, format=lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 4096}])),
    ]


def in_two_trees(name, data):
    """A disk that says it has UDF, too."""
    disk = bytearray(iso(name, data))
    at = next(at for at in range(17 * 2048, len(disk), 2048) if disk[at:at + 6] == b"\xffCD001")
    return bytes(disk[:at + 2048] + b"\0BEA01\1".ljust(2048, b"\0") + b"\0NSR02\1".ljust(2048, b"\0") + disk[at + 2048:])


def cases():
    """Rows as in document_cases.py."""
    script = b"WScript.Echo(1)"
    document = zipped(*((f"{i}.txt", bytes(range(256)) * 3) for i in range(9)))
    pieces = document[:1024] + bytes(512) + document[1024:] + bytes(700)
    both = {"program", "script"}
    return [
        ("gzip, the name of its container is another", "a.js.gz", gzip_called("a.txt", b"x"), both),
        ("gzip, its own name is another", "a.txt.gz", gzip_called("a.js", b"x"), both),
        ("gzip in zip, two names", "a.zip", zipped(("a.js.gz", gzip_called("a.txt", b"x"))), both),
        ("zip, encrypted by its list only", "a.zip", zip_of(("a.txt", "a.txt", b"x", {}, {"flags": 1})), {"encrypted"}),
        ("zip, names in UTF-8 that do not say so", "a.zip", zip_of(("a\u202egpj.js", "a\u202egpj.js", script)), both),
        ("zip, a hidden member that leads out", "a.zip", zip_of(("../a.txt", None, b"x"), ("b.txt", "b.txt", b"x"), count=1), {"path-traversal"}),
        ("zip, a list that leads nowhere", "a.zip", zip_of(("b.txt", "b.txt", b"x")).replace(b"\0\0\0\0b.txt", b"\0\xff\0\0b.txt")[:], {"broken"}),
        ("document, its folders with backslashes", "a.docx", zipped(("[Content_Types].xml", b"<Types/>"), ("word\\document.xml", b"<x/>")), set()),
        ("old RAR", "a.rar", b"RE~^" + bytes(100), {"broken"}),
        ("picture", "a.jpg", JPEG, set()),
        ("zip in pieces in an old document", "a.doc", ole({"WordDocument": word_document(b"t"), "Data": pieces}), set()),
        ("disk with a tree that nobody here reads", "a.iso", in_two_trees("A.TXT", b"x"), {"broken", "disk-image"}),
        ("PDF behind a picture's head", "a.pdf", JPEG[:4] + pdf((b"/OpenAction<</S/JavaScript/JS(x)>>", None)), {"script", "type-mismatch"}),
    ]

