"""Containers beside the usual archives, made octet by octet: TNEF, SZDD, BinHex, ar, LZ4, mail as a file, disks with
FAT in partitions. For the scanner's suite; harmless, all of them."""
import base64
import binascii
import struct

SECTOR = 512


def tnef(name, data):
    def attribute(level, kind, type_, body):
        return bytes([level]) + struct.pack("<HHI", kind, type_, len(body)) + body + struct.pack("<H", sum(body) & 0xffff)
    return struct.pack("<IH", 0x223e9f78, 1) + attribute(1, 0x9006, 8, struct.pack("<I", 0x10000)) + attribute(2, 0x9002, 6, bytes(14)) + \
        attribute(2, 0x800f, 6, data) + attribute(2, 0x8010, 1, name.encode() + b"\0")


def szdd(_, data):
    """Nothing repeated."""
    packed = b"".join(b"\xff" + data[i:i + 8] for i in range(0, len(data), 8))
    return b"SZDD\x88\xf0\x27\x33A\0" + struct.pack("<I", len(data)) + packed


def binhex(name, data):
    digits = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"

    def check(octets):
        return struct.pack(">H", binascii.crc_hqx(octets, 0))
    head = bytes([len(name)]) + name.encode() + b"\0TEXTttxt\0\0" + struct.pack(">II", len(data), 0)
    raw = (head + check(head) + data + check(data) + check(b"")).replace(b"\x90", b"\x90\0")
    bits = "".join(f"{b:08b}" for b in raw)
    bits += "0" * (-len(bits) % 6)
    text = bytes(digits[int(bits[i:i + 6], 2)] for i in range(0, len(bits), 6))
    lines = b"\r\n".join((b":" + text + b":")[i:i + 64] for i in range(0, len(text) + 2, 64))
    return b"(This file must be converted with BinHex 4.0)\r\n\r\n" + lines + b"\r\n"


def uuencoded(name, data):
    return b"begin 644 " + name.encode() + b"\n" + b"".join(binascii.b2a_uu(data[i:i + 45]) for i in range(0, len(data), 45)) + b"`\nend\n"


def ar(name, data):
    head = name.encode().ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"100644".ljust(8) + b"%d" % len(data)
    return b"!<arch>\n" + head.ljust(58) + b"`\n" + data + b"\n" * (len(data) % 2)


def xxh32(data):
    """Of less than 16 octets."""
    p = (2654435761, 2246822519, 3266489917, 668265263, 374761393)
    h, i, mask = (p[4] + len(data)) & 0xffffffff, 0, 0xffffffff
    while i < len(data):
        step = 4 if i + 4 <= len(data) else 1
        value = int.from_bytes(data[i:i + step], "little")
        h = (h + value * (p[2] if step == 4 else p[4])) & mask
        turn = 17 if step == 4 else 11
        h = ((h << turn | h >> (32 - turn)) & mask) * (p[3] if step == 4 else p[0]) & mask
        i += step
    h = (h ^ h >> 15) * p[1] & mask
    h = (h ^ h >> 13) * p[2] & mask
    return h ^ h >> 16


def lz4(_, data):
    """One frame, one block, stored."""
    fields = b"\x60\x40"
    return b"\x04\x22\x4d\x18" + fields + bytes([xxh32(fields) >> 8 & 255]) + struct.pack("<I", len(data) | 0x80000000) + data + bytes(4)


def mail(name, data, first=b"From: a@example.com"):
    head = b"%s\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=qq\r\n\r\n--qq\r\n\r\nhello\r\n--qq\r\n" % first
    part = b"Content-Type: application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" % name.encode()
    return head + part + base64.encodebytes(data) + b"--qq--\r\n"


# ---- disks ----

def chain_table(bits, count):
    """All clusters from 2 on in one chain."""
    end = (1 << bits) - 1
    entries = [end, end] + [i + 3 for i in range(count - 1)] + [end]
    if bits == 16:
        return struct.pack(f"<{len(entries)}H", *entries)
    table = bytearray(len(entries) * 3 // 2 + 2)
    for i, entry in enumerate(entries):
        at = i * 3 // 2
        word = struct.unpack_from("<H", table, at)[0]
        struct.pack_into("<H", table, at, word | entry << 4 if i & 1 else word | entry)
    return bytes(table)


def long_name(name):
    """The entries before the short one, the last piece first."""
    units = list(name.encode("utf-16-le") + b"\0\0")
    units += [0xff] * (-len(units) % 26)
    pieces = [bytes(units[i:i + 26]) for i in range(0, len(units), 26)]
    out = b""
    for number in range(len(pieces), 0, -1):
        p = pieces[number - 1]
        out += bytes([number | (0x40 if number == len(pieces) else 0)]) + p[:10] + b"\x0f\0\0" + p[10:22] + b"\0\0" + p[22:]
    return out


def fat(name, data, bits=12, folder=False):
    """A volume; folder: the file stands in one."""
    sectors = 2880 if bits == 12 else 4600
    table_sectors = 9 if bits == 12 else 20
    boot = b"\xeb\x3c\x90MSDOS5.0" + struct.pack("<HBHBHHBHHHII", SECTOR, 1, 1, 2, 224, sectors, 0xf0, table_sectors, 18, 2, 0, 0)
    boot = boot.ljust(510, b"\0") + b"\x55\xaa"
    clusters = max(1, -(-len(data) // SECTOR))
    entry = long_name(name) + b"SHORT~1 TMP\x20" + bytes(14) + struct.pack("<HI", 2, len(data))
    body = data.ljust(clusters * SECTOR, b"\0")
    if folder:    # in the cluster behind the file
        body += entry.ljust(SECTOR, b"\0")
        entry = b"FOLDER     \x10" + bytes(14) + struct.pack("<HI", 2 + clusters, 0)
    table = chain_table(bits, clusters)
    if folder:
        grown = chain_table(bits, clusters + 1)
        # The folder is a chain of its own: cut before it.
        table = grown if bits == 16 else table
        if bits == 16:
            table = grown[:2 * (clusters + 1)] + b"\xff\xff" + grown[2 * (clusters + 2):]
    volume = boot + table.ljust(table_sectors * SECTOR, b"\0") * 2 + entry.ljust(224 * 32, b"\0") + body
    return volume.ljust(sectors * SECTOR, b"\0")


def partitioned(volume):
    entry = b"\0\0\0\0\x06\0\0\0" + struct.pack("<II", 63, len(volume) // SECTOR)
    return (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa" + bytes(62 * SECTOR) + volume


def partitioned_gpt(volume):
    protective = (bytes(446) + b"\0\0\0\0\xee\0\0\0" + struct.pack("<II", 1, 0xffffffff)).ljust(510, b"\0") + b"\x55\xaa"
    head = b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 4, 128)
    entry = bytes(range(1, 33)) + struct.pack("<QQ", 40, 40 + len(volume) // SECTOR)
    return (protective + head.ljust(SECTOR, b"\0") + entry).ljust(40 * SECTOR, b"\0") + volume


def fixed_vhd(disk):
    return disk + (b"conectix" + bytes(52) + struct.pack(">I", 2)).ljust(SECTOR, b"\0")


def others(name, data):
    """(what, extension, octets), each with one member; those that have no name for it last."""
    return [
        ("TNEF", "dat", tnef(name, data)), ("BinHex", "hqx", binhex(name, data)), ("ar", "a", ar(name, data)),
        ("mail as a file", "eml", mail(name, data)), ("web archive", "mht", mail(name, data, b"MIME-Version: 1.0")),
        ("FAT12", "img", fat(name, data)), ("FAT16", "img", fat(name, data, 16)), ("FAT16, in a folder", "img", fat(name, data, 16, True)),
        ("FAT in a partition", "img", partitioned(fat(name, data))), ("FAT in a newer partition", "img", partitioned_gpt(fat(name, data))),
        ("fixed VHD", "vhd", fixed_vhd(partitioned(fat(name, data, 16)))),
        ("SZDD", "co_", szdd(name, data)), ("LZ4", "lz4", lz4(name, data)),
    ]
