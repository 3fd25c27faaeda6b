#!/usr/bin/python3
"""corpus.py FOLDER [COUNT]: a mixed corpus from a fixed seed, for `make bench`.

60 % short text, 25 % text with HTML, 13 % with a 50 KB attachment, 2 % with a 500 KB one; with
base64 the mean is about 32 KB, as real mail streams have it.
"""
import base64
import os
import random
import sys

SYLLABLES = "ka lo mi ser tan ve ru pol ni ga den for al to is we an or ti mer".split()


def words(rng, count):
    return " ".join("".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3))) for _ in range(count))


def text(rng, size):
    lines, length = [], 0
    while length < size:
        line = words(rng, rng.randint(8, 12)).capitalize() + "."
        if rng.random() < 0.04:
            line = f"See https://www.{rng.choice(SYLLABLES)}{rng.choice(SYLLABLES)}.example/{rng.getrandbits(32):x}"
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines) + "\n"


def part(kind, body, extra=""):
    return f"Content-Type: {kind}\n{extra}\n{body}"


def attachment(rng, size):
    data = base64.encodebytes(rng.randbytes(size)).decode()
    return part("application/pdf", data, "Content-Transfer-Encoding: base64\n"
                'Content-Disposition: attachment; filename="report.pdf"\n')


def message(rng, number):
    domain = f"sender{rng.randint(1, 16)}.example"
    head = (f"From: {words(rng, 2).title()} <user{rng.randint(1, 99)}@{domain}>\nTo: <user@example.net>\n"
            f"Subject: {words(rng, 5)}\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n"
            f"Message-ID: <{number}.{rng.getrandbits(64):x}@{domain}>\nMIME-Version: 1.0\n")
    dice = rng.random()
    if dice < 0.60:
        return head + part("text/plain; charset=utf-8", text(rng, 2200))
    parts = [part("text/plain; charset=utf-8", text(rng, 3000)),
             part("text/html; charset=utf-8", "<html><body><p>" + text(rng, 7000).replace("\n", "</p>\n<p>"))]
    kind = "alternative"
    if dice >= 0.85:
        kind = "mixed"
        parts.append(attachment(rng, 50000 if dice < 0.98 else 500000))
    return (head + f'Content-Type: multipart/{kind}; boundary="b{number}x"\n\n'
            + "".join(f"--b{number}x\n{p}\n" for p in parts) + f"--b{number}x--\n")


def main():
    folder, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 500
    rng = random.Random(20261122)
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        with open(os.path.join(folder, f"{number:05}.eml"), "w", encoding="utf-8") as f:
            f.write(message(rng, number))
    return 0


if __name__ == "__main__":
    sys.exit(main())
