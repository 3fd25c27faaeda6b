"""Keys, and the canonical forms of RFC 6376, by code of its own: what the odd cases are signed with."""
import base64
import hashlib
import os
import re
import subprocess

from auth_suites import WORK


def openssl(*words, data=b""):
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


def rsa_text(bits, bare=False):
    """The p= of a key of that size to which nobody has the other half."""
    modulus = (1 << (bits - 1)) | int.from_bytes(hashlib.shake_128(b"%d" % bits).digest(bits // 8 - 1), "big") | 1
    numbers = der(0x30, der(2, b"\0" + modulus.to_bytes(bits // 8, "big")), der(2, b"\1\0\1"))
    kind = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return base64.b64encode(numbers if bare else der(0x30, kind, der(3, b"\0", numbers))).decode()


DIGEST_INFO = {"sha1": bytes.fromhex("3021300906052b0e03021a05000414"), "sha256": bytes.fromhex("3031300d060960864801650304020105000420")}


def der_numbers(text):
    """The integers of a sequence of nothing else: a private key in its traditional form."""
    def take(text):
        size, at = text[1], 2
        if size & 0x80:
            at += size & 0x7f
            size = int.from_bytes(text[2:at], "big")
        return text[at:at + size], text[at + size:]
    rest, numbers = take(text)[0], []
    while rest:
        value, rest = take(rest)
        numbers.append(int.from_bytes(value, "big"))
    return numbers


class Key:
    """A key pair; text is the p= of its record."""

    def __init__(self, kind, *options):
        self.kind, self.path = kind, os.path.join(WORK.name, "odd-%s%s.pem" % (kind, "".join(options)))
        openssl("genpkey", "-algorithm", kind, *options, "-out", self.path)
        public = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        self.text = base64.b64encode(public[-32:] if kind == "ed25519" else public).decode()
        self.bare = base64.b64encode(public[22:]).decode()    # of an RSA key of 1024 bits
        self.numbers = der_numbers(openssl("rsa", "-in", self.path, "-outform", "DER", "-traditional")) if kind == "rsa" else None

    def sign(self, text, digest="sha256"):
        if self.kind != "ed25519":
            return self.sign_rsa(DIGEST_INFO[digest] + hashlib.new(digest, text).digest())
        path = os.path.join(WORK.name, "odd-digest")
        with open(path, "wb") as file:
            file.write(hashlib.sha256(text).digest())
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", path)

    def sign_rsa(self, info):
        """PKCS #1 version 1.5; a thousand are made, and a program each would take its time."""
        _, modulus, _, _, p, q, dp, dq, inverse = self.numbers
        size = (modulus.bit_length() + 7) // 8
        number = int.from_bytes(b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info, "big")
        a, b = pow(number, dp, p), pow(number, dq, q)
        return (b + (a - b) * inverse % p * q).to_bytes(size, "big")


def canon_field(name, value, how):
    """value: behind the colon, without the last line end."""
    if how == "simple":
        return name + b":" + value
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip(b" \t").lower() + b":" + value


def canon_body(body, how):
    if how == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        body = b"\r\n".join(lines)
    body = re.sub(rb"(\r\n)*\Z", b"", body)
    return body + b"\r\n" if body or how == "simple" else b""
