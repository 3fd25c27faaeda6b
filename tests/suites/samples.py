"""Files of many kinds, made octet by octet without any tool: archives with what they hold stored as it is,
encrypted ones, OLE compound files, documents. For the scanner's suite; harmless, all of them."""
import binascii
import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib

DOS_TIME = 0x58210000
SECTOR = 512


def crc(data):
    return zlib.crc32(data) & 0xffffffff


# ---- archives ----

def zipped(*members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


class ZipCrypto:
    """The old cipher of zip."""

    def __init__(self, password):
        self.keys = [0x12345678, 0x23456789, 0x34567890]
        for c in password:
            self.update(c)

    def update(self, c):
        k = self.keys
        k[0] = (zlib.crc32(bytes([c]), k[0] ^ 0xffffffff) ^ 0xffffffff) & 0xffffffff
        k[1] = ((k[1] + (k[0] & 255)) * 134775813 + 1) & 0xffffffff
        k[2] = (zlib.crc32(bytes([k[1] >> 24]), k[2] ^ 0xffffffff) ^ 0xffffffff) & 0xffffffff

    def encrypt(self, data):
        out = bytearray()
        for c in data:
            t = (self.keys[2] | 2) & 0xffff
            out.append(c ^ ((t * (t ^ 1)) >> 8 & 255))
            self.update(c)
        return bytes(out)


def zip_encrypted(name, data, aes=False):
    """aes: only the marks of it, for nobody has the password anyway."""
    body = ZipCrypto(b"secret").encrypt(bytes(11) + bytes([crc(data) >> 24]) + data)
    extra = struct.pack("<HHHHBH", 0x9901, 7, 2, 0x4541, 3, 0) if aes else b""
    method, name = 99 if aes else 0, name.encode()
    fields = (20, 1, method, 0, 0x21, 0 if aes else crc(data), len(body), len(data), len(name), len(extra))
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", *fields) + name + extra + body
    entry = b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, *fields, 0, 0, 0, 0, 0) + name + extra
    return local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def tarred(name, data, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zstd(data):
    """One frame of raw blocks."""
    blocks, at = b"", 0
    while True:
        piece = data[at:at + 65536]
        at += len(piece)
        last = at >= len(data)
        blocks += struct.pack("<I", len(piece) << 3 | last)[:3] + piece
        if last:
            return b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(data)) + blocks


def cpio(name, data):
    def entry(n, d, mode):
        head = b"070701" + b"".join(b"%08x" % x for x in (1, mode, 0, 0, 1, 0, len(d), 0, 0, 0, 0, len(n) + 1, 0))
        head += n + b"\0"
        head += bytes(-len(head) % 4)
        return head + d + bytes(-len(d) % 4)
    return entry(name.encode(), data, 0o100644) + entry(b"TRAILER!!!", b"", 0)


def lha(name, data):
    """A header of level 0, the data stored."""
    def crc16(d):
        c = 0
        for b in d:
            c ^= b
            for _ in range(8):
                c = c >> 1 ^ (0xa001 if c & 1 else 0)
        return c
    n = name.encode()
    head = b"-lh0-" + struct.pack("<III", len(data), len(data), DOS_TIME) + b"\x20\0" + bytes([len(n)]) + n + \
        struct.pack("<H", crc16(data))
    return bytes([len(head), sum(head) & 255]) + head + data + b"\0"


def packed_bits(fields):
    """Numbers and their widths, the highest bit first."""
    bits = "".join(f"{n:0{width}b}" for n, width in fields if width)
    return int(bits.ljust((len(bits) + 7) // 8 * 8, "0"), 2).to_bytes((len(bits) + 7) // 8, "big")


def lzh_literals(data):
    """Blocks of LHA's and ARJ's code in which all octets have eight bits, and nothing repeats."""
    fields = []
    for i in range(0, len(data), 65535):
        block = data[i:i + 65535]
        fields += [(len(block), 16), (0, 5), (10, 5), (256, 9), (0, 5), (0, 5)] + [(c, 8) for c in block]
    return packed_bits(fields)


def fastest_literals(data):
    return packed_bits([(c, 9) for c in data])


def arj(name, data, encrypted=False, method=0):
    def header(n, method, kind, packed, size, check, flags):
        first = struct.pack("<BBBBBBBBIIIIHHH", 30, 11, 1, 0, flags, method, kind, 0, DOS_TIME, packed, size, check, 0, 0x20, 0)
        body = first + n + b"\0" + b"\0"
        return b"\x60\xea" + struct.pack("<H", len(body)) + body + struct.pack("<IH", crc(body), 0)
    stored = garbled(data) if encrypted else {1: lzh_literals, 4: fastest_literals}.get(method, bytes)(data)
    return header(b"a.arj", 0, 2, 0, 0, 0, 0) + header(name.encode(), method, 0, len(stored), len(data), crc(data), encrypted) + \
        stored + b"\x60\xea\0\0"


def cab(name, data):
    """One folder without compression."""
    n = name.encode() + b"\0"
    blocks = [data[i:i + 32768] for i in range(0, len(data), 32768)] or [b""]
    files = struct.pack("<IIHHHH", len(data), 0, 0, 0x5821, 0, 0x20) + n
    at_files, at_data = 36 + 8, 36 + 8 + len(files)
    body = b"".join(struct.pack("<IHH", 0, len(b), len(b)) + b for b in blocks)
    size = at_data + len(body)
    head = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, size, 0, at_files, 0, 3, 1, 1, 1, 0, 0, 0)
    return head + struct.pack("<IHH", at_data, len(blocks), 0) + files + body


def vint(n):
    out = b""
    while True:
        out += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return out


def garbled(data):
    return bytes(b ^ 0x5a for b in data)


def rar5(name, data, encrypted=False, hidden=False):
    """Stored; encrypted: the data; hidden: the list of names too."""
    data = garbled(data) if encrypted else data
    def block(fields, body=b""):
        size = vint(len(fields))
        return struct.pack("<I", crc(size + fields)) + size + fields + body
    mark = b"Rar!\x1a\x07\x01\x00"
    if hidden:
        return mark + block(vint(4) + vint(0) + vint(0) + vint(0) + b"\x0f" + bytes(16)) + os.urandom(200)
    n = name.encode()
    extra = vint(1) + vint(0) + vint(0) + b"\x0f" + bytes(32) if encrypted else b""
    extra = vint(len(extra)) + extra if encrypted else b""
    fields = vint(2) + vint(3 if encrypted else 2) + (vint(len(extra)) if encrypted else b"") + vint(len(data)) + vint(4) + \
        vint(len(data)) + vint(0x20) + struct.pack("<I", crc(data)) + vint(0) + vint(1) + vint(len(n)) + n + extra
    return mark + block(vint(1) + vint(0) + vint(0)) + block(fields, data) + block(vint(5) + vint(0) + vint(0))


def rar4(name, data, encrypted=False, hidden=False):
    data = garbled(data) if encrypted else data
    def block(kind, flags, fields, body=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
        return struct.pack("<H", crc(head) & 0xffff) + head + body
    n = name.encode()
    mark = b"Rar!\x1a\x07\x00" + block(0x73, 0x80 if hidden else 0, bytes(6))
    if hidden:
        return mark + os.urandom(200)
    fields = struct.pack("<IIBIIBBHI", len(data), len(data), 2, crc(data), DOS_TIME, 29, 0x30, len(n), 0x20) + n
    return mark + block(0x74, 0x8000 | (4 if encrypted else 0), fields, data) + block(0x7b, 0x4000, b"")


def sevenzip(name, data, encrypted=False, hidden=False):
    """Copy as the only coder; encrypted: one whose password nobody has; hidden: the header too."""
    def number(n):
        return bytes([n]) if n < 128 else bytes([0xc0 | n >> 16, n & 255, n >> 8 & 255])
    data = garbled(data) if encrypted or hidden else data
    n = name.encode("utf-16-le") + b"\0\0"
    coder = b"\x24\x06\xf1\x07\x01\x02\x53\x0f" if encrypted or hidden else b"\x01\x00"

    def streams(at, size, unpacked):
        return b"\x06" + number(at) + number(1) + b"\x09" + number(size) + b"\0" + \
            b"\x07\x0b" + number(1) + b"\0" + number(1) + coder + b"\x0c" + number(unpacked) + b"\0" + \
            b"\x08\x0a\x01" + struct.pack("<I", crc(data)) + b"\0"
    files = b"\x05" + number(1) + b"\x11" + number(len(n) + 1) + b"\0" + n + b"\0"
    header = b"\x01\x04" + streams(0, len(data), len(data)) + b"\0" + files + b"\0"
    body = data
    if hidden:
        body, header = data + header, b"\x17" + streams(len(data), len(header), len(header)) + b"\0"
    start = struct.pack("<QQI", len(body), len(header), crc(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", crc(start)) + start + body + header


def iso(name, data):
    """ISO 9660 of one file."""
    def both(n, size=4):
        return n.to_bytes(size, "little") + n.to_bytes(size, "big")

    def record(n, at, size, flags):
        body = b"\0" + both(at) + both(size) + bytes(7) + bytes([flags, 0, 0]) + both(1, 2) + bytes([len(n)]) + n
        body += bytes((len(body) + 1) % 2)
        return bytes([len(body) + 1]) + body
    root = record(b"\0", 20, 2048, 2)
    volume = b"\1CD001\1\0" + b" " * 32 + b"SAMPLE".ljust(32) + bytes(8) + both(37 + len(data) // 2048) + bytes(32) + both(1, 2) + \
        both(1, 2) + both(2048, 2) + both(10) + (18).to_bytes(4, "little") + bytes(4) + (19).to_bytes(4, "big") + bytes(4) + root
    table = bytes([1, 0]) + (20).to_bytes(4, "little") + b"\1\0\0\0"
    folder = root + record(b"\1", 20, 2048, 2) + record(name.upper().encode() + b";1", 21, len(data), 0)
    sectors = [b""] * 16 + [volume.ljust(881, b"\0") + b"\1", b"\xffCD001\1", table, table, folder]
    # Readers want a few sectors more than there need be.
    return b"".join(s.ljust(2048, b"\0") for s in sectors) + data + bytes(-len(data) % 2048 + 16 * 2048)


def archives(name, data):
    """(what, extension, octets) of all kinds, with one member."""
    tar = tarred(name, data)
    return [
        ("zip", "zip", zipped((name, data))), ("zip, stored", "zip", zipped((name, data), method=zipfile.ZIP_STORED)),
        ("zip, bzip2", "zip", zipped((name, data), method=zipfile.ZIP_BZIP2)),
        ("zip, lzma", "zip", zipped((name, data), method=zipfile.ZIP_LZMA)),
        ("7z", "7z", sevenzip(name, data)), ("rar4", "rar", rar4(name, data)), ("rar5", "rar", rar5(name, data)),
        ("tar", "tar", tar), ("tar.gz", "tgz", gzip.compress(tar)), ("tar.bz2", "tbz2", bz2.compress(tar)),
        ("tar.xz", "txz", lzma.compress(tar)), ("tar.zst", "tzst", zstd(tar)), ("gz", "gz", gzip.compress(data)),
        ("bz2", "bz2", bz2.compress(data)), ("xz", "xz", lzma.compress(data)), ("zst", "zst", zstd(data)),
        ("lzma", "lzma", lzma.compress(data, format=lzma.FORMAT_ALONE)), ("cab", "cab", cab(name, data)),
        ("iso", "iso", iso(name, data)), ("arj", "arj", arj(name, data)),
        ("arj, packed", "arj", arj(name, data, method=1)), ("arj, fastest", "arj", arj(name, data, method=4)), ("lha", "lzh", lha(name, data)),
        ("cpio", "cpio", cpio(name, data)),
    ]


def encrypted_archives(name, data):
    return [
        ("zip, old cipher", "zip", zip_encrypted(name, data)), ("zip, AES", "zip", zip_encrypted(name, data, aes=True)),
        ("7z", "7z", sevenzip(name, data, encrypted=True)), ("7z, names too", "7z", sevenzip(name, data, hidden=True)),
        ("rar4", "rar", rar4(name, data, encrypted=True)), ("rar4, names too", "rar", rar4(name, data, hidden=True)),
        ("rar5", "rar", rar5(name, data, encrypted=True)), ("rar5, names too", "rar", rar5(name, data, hidden=True)),
        ("arj", "arj", arj(name, data, encrypted=True)),
    ]


def nested(depth, last=(("a.txt", b"inside"),)):
    """depth 1: a plain one."""
    data = zipped(*last)
    for i in range(depth - 1):
        data = zipped((f"{i}.zip", data))
    return data


# ---- OLE compound files ----

def ole(streams, clsid=bytes(16), broken_fat=False):
    """streams: {"Storage/Stream": octets}; None for an empty storage. All in full sectors."""
    entries = [["Root Entry", 5, [], b""]]
    index = {"": 0}
    for path, data in streams.items():
        steps = path.split("/")
        for i in range(len(steps)):
            here = "/".join(steps[:i + 1])
            if here not in index:
                index[here] = len(entries)
                is_stream = i == len(steps) - 1 and data is not None
                entries[index["/".join(steps[:i])]][2].append(len(entries))
                entries.append([steps[i], 2 if is_stream else 1, [], data if is_stream else b""])
    sectors, fat = [], []

    def store(data):
        first, count = len(sectors), max(1, -(-len(data) // SECTOR))
        for i in range(count):
            sectors.append(data[i * SECTOR:(i + 1) * SECTOR].ljust(SECTOR, b"\0"))
            fat.append(first + i + 1 if i < count - 1 else 0xfffffffe)
        return first
    places = [store(e[3].ljust(4096, b"\0")) if e[3] else 0xfffffffe for e in entries]
    directory = b""
    siblings = [0xffffffff] * len(entries)
    for e in entries:
        for a, b in zip(e[2], e[2][1:]):
            siblings[a] = b
    for i, (name, kind, children, data) in enumerate(entries):
        wide = name.encode("utf-16-le") + b"\0\0"
        size = max(len(data), 4096) if data else 0
        directory += wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide), kind, 1) + \
            struct.pack("<III", 0xffffffff, siblings[i], children[0] if children else 0xffffffff) + \
            (clsid if i == 0 else bytes(16)) + bytes(20) + struct.pack("<IQ", places[i], size)
    at_directory = store(directory)
    at_fat = len(sectors)
    fat.append(0xfffffffd)
    count = -(-(len(fat)) // 128)
    for _ in range(count - 1):
        fat.append(0xfffffffd)
    table = b"".join(struct.pack("<I", x) for x in fat).ljust(count * SECTOR, b"\xff")
    if broken_fat:
        table = b"\xff" * len(table)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3e, 3, 0xfffe, 9, 6) + bytes(6) + \
        struct.pack("<IIIIIIIII", 0, count, 0xfffffff0 if broken_fat else at_directory, 0, 4096, 0xfffffffe, 0, 0xfffffffe, 0)
    head += b"".join(struct.pack("<I", at_fat + i) for i in range(count)).ljust(436, b"\xff")
    return head + b"".join(sectors) + table


def package(name, data):
    """A file as the packager of Windows stores it."""
    n = name.encode() + b"\0"
    body = b"\2\0" + n + b"C:\\x\\" + n + b"\0\0\3\0" + struct.pack("<I", len(n)) + n + struct.pack("<I", len(data)) + data
    return body


def ole10native(name, data):
    body = package(name, data)
    return struct.pack("<I", len(body)) + body


def word_document(text=b"", encrypted=False):
    fib = struct.pack("<HHHHHH", 0xa5ec, 0xc1, 0, 0, 0, 0x100 if encrypted else 0).ljust(1024, b"\0")
    return fib + text


def biff(*records):
    return b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in records)


# ---- others ----

def ooxml(main, *members, content=b"<w:document/>"):
    """main: word/document.xml or the like."""
    types = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    return zipped(("[Content_Types].xml", types), (main, content), *members)


def relations(kind, target, mode="External", strict=False, quote='"', prefix=""):
    base = "http://purl.oclc.org/ooxml/officeDocument/relationships/" if strict else \
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    text = (f'<?xml version="1.0"?><{prefix}Relationships><{prefix}Relationship Id="r1"\n Type="{base}{kind}" Target="{target}"'
            + (f' TargetMode = "{mode}"' if mode else "") + f"/></{prefix}Relationships>")
    return text.replace('"', quote).encode()


def fields(*runs):
    """A Word document whose instruction stands in so many runs."""
    text = "".join(f'<w:r><w:instrText xml:space="preserve">{r}</w:instrText></w:r>' for r in runs)
    return (f'<w:document><w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>{text}<w:r><w:fldChar w:fldCharType="end"/>'
            '</w:r></w:p></w:document>').encode()


def odf(*members, manifest=b"<manifest:manifest/>", content=b"<office:document-content/>"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo("mimetype"), b"application/vnd.oasis.opendocument.text")
        for name, data in (("content.xml", content), ("META-INF/manifest.xml", manifest), *members):
            z.writestr(name, data)
    return out.getvalue()


def pdf(*objects, trailer=b""):
    """objects: (dictionary, stream or None)"""
    out = b"%PDF-1.7\n"
    for i, (dictionary, stream) in enumerate(objects, 1):
        out += b"%d 0 obj\n<<%s>>" % (i, dictionary)
        if stream is not None:
            out += b"\nstream\r\n" + stream + b"\r\nendstream"
        out += b"\nendobj\n"
    return out + b"trailer\n<</Root 1 0 R " + trailer + b">>\n%%EOF\n"


def rtf_object(data, wrap=lambda h: h):
    """OLE 1 object: Package."""
    head = struct.pack("<III", 0x501, 2, 8) + b"Package\0" + struct.pack("<II", 0, 0) + struct.pack("<I", len(data)) + data
    return b"{\\rtf1{\\object\\objemb{\\*\\objdata " + wrap(binascii.hexlify(head)) + b"}}}"


def onenote(data):
    guid = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
    return bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(1000) + guid + struct.pack("<QIQ", len(data), 0, 0) + data + bytes(100)


def activemime(data):
    packed = zlib.compress(data)
    return b"ActiveMime\0\0\1\xf0\4\0\0\0\xff\xff\xff\xff\0\0\7\xf0" + struct.pack("<I", len(packed)) + b"\0\0\0\0\0\0\0\0" * 2 + packed


def program():
    return b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(200)


# ---- the standard encryption of PDF ----

PDF_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def rc4(key, data):
    state, b, out = list(range(256)), 0, bytearray()
    for i in range(256):
        b = (b + state[i] + key[i % len(key)]) & 255
        state[i], state[b] = state[b], state[i]
    a = b = 0
    for c in data:
        a = (a + 1) & 255
        b = (b + state[a]) & 255
        state[a], state[b] = state[b], state[a]
        out.append(c ^ state[(state[a] + state[b]) & 255])
    return bytes(out)


# Of revision 6, whose hash takes AES: with no password, and with one.
PDF_USERS = {b"": "e3747a24fecbae5d896297954eb62e40acef67da71dad54b"
                  "06e864e2ebdead8714a70776af4f44da07b991fb10d358b5",
             b"secret": "4ffeefce0b6faf199d39e5974037c1b54ac553b19cf86832"
                        "f2102dc723583c5b34bbec154c034d1cc6d0f965ab929e00"}


def pdf_encrypted(password, revision):
    """Nothing in it but what says how it is encrypted."""
    owner, ident, permissions = bytes(range(32)), b"0123456789abcdef", -44
    if revision == 6:
        user = bytes.fromhex(PDF_USERS[password])
    elif revision == 5:
        salt = b"saltsalt"
        user = hashlib.sha256(password + salt).digest() + salt + bytes(8)
    else:
        n = 5 if revision == 2 else 16
        padded = (password + PDF_PADDING)[:32]
        key = hashlib.md5(padded + owner + struct.pack("<i", permissions) + ident).digest()
        for _ in range(50 if revision >= 3 else 0):
            key = hashlib.md5(key[:n]).digest()
        key = key[:n]
        user = PDF_PADDING if revision == 2 else hashlib.md5(PDF_PADDING + ident).digest()
        for turn in range(20 if revision >= 3 else 1):
            user = rc4(bytes(k ^ turn for k in key), user)
        user = user.ljust(32, b"\0")
    lock = b"/Filter/Standard/V %d/R %d/Length 128/P %d/O<%s>/U<%s>" % (
        revision - 1, revision, permissions, owner.hex().encode(), user.hex().encode())
    return pdf((b"/Type/Catalog", None), (lock, None), trailer=b"/Encrypt 2 0 R/ID[<%s><00>]" % ident.hex().encode())
