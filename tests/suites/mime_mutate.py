#!/usr/bin/python3
"""Samples of other projects with something changed, against other parsers: what one of them decodes, we must have.

    mime_mutate.py [--count N] [--seed N] [--keep DIR] [FILE...]

FILEs, or ours and those of the folder that REEVE_TESTDATA names. What Python's email package, MIME-tools or GMime
find in a leaf, and what does not stand in the message as it is, so that only decoding or taking apart
brings it out, must be in one of our readings, and so must the ends of their file names.
"""
import argparse
import os
import random
import re
import sys
import tempfile

import mime_differential as differential

# Where they differ for a reason: what the fault says, why.
REASONS = [
    (r"GMime has .*=[^0-9A-F\s]", "behind a broken escape GMime leaves the next one as it is"),
    (r"^\S+, seed \d+, \S*\bqp\b.* has ", "a broken escape: Python and MIME-tools leave what stands behind it as it is"),
    (r"^(68|133|134|141|uu-junk\.msg), .* MIME-tools has (application/octet-stream|image/gif)", "lines of uuencode that are damaged: MIME-tools passes over more of them than we do"),
]
OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "samples", "mime")
SIZE_MAX, HEAD, LEAST = 96 * 1024, 48, 12
DELIMITER, FIELD = rb"^--\S", rb"(?i)^Content-[a-z-]+:"


def anywhere(rng, raw):
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice([b"\r", b"\n", b"\0", b"--", b" ", b"\t", b"=", b"\r\n\r\n", b"\n\n", b":", b"\xff", b"(", b'"']) + raw[at:]


def swap_lines(rng, raw):
    lines = raw.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at:at + 2] = lines[at:at + 2][::-1]
    return b"\n".join(lines)


def inside(rng, raw):
    """The message as a part, or as a forwarded one, of another."""
    head = rng.choice([b"", b"From: x@example.org\nMIME-Version: 1.0\n"])
    if rng.random() < 0.5:
        return head + b"Content-Type: message/rfc822\n\n" + raw
    name = rng.choice(re.findall(rb'boundary="?([^";\s]+)', raw) + [b"outer"])
    kind, wrapped = rng.choice([(b"mixed", b"Content-Type: message/rfc822\n\n"), (b"digest", b"\n"), (b"alternative", b"")])
    return head + b'Content-Type: multipart/%s; boundary="%s"\n\n--%s\n%s%s\n--%s--\n' % (kind, name, name, wrapped, raw, name)


def no_top(rng, raw):
    """Without the first lines of its header."""
    return raw.split(b"\n", rng.randrange(1, 6))[-1]


MUTATIONS = {
    **{name: differential.MUTATIONS[name] for name in ("closing", "quote", "same-boundary", "prefix-boundary", "type", "type-name", "coding", "coding-name",
                                                       "name", "base64", "qp", "ends", "octet", "double-line", "drop-line", "cut", "blank-line", "rfc822-base64")},
    "delimiter": differential.on_line(DELIMITER, differential.pick(b"@ ", b"@\t \t", b"@--", b"@x", b" @", b"-@", b"@\n\n", b"", b"@ x", b"@\0", b"@\r", b"@\n@")),
    "colonless": differential.on_line(FIELD, differential.pick(b"no colon\n@", b"@\nno colon", b"@\n \t", b": x\n@", b" @", b"@\n\tx")),
    "case": lambda rng, raw: raw.swapcase() if rng.random() < 0.1 else re.sub(FIELD, lambda m: m.group().swapcase(), raw, flags=re.M),
    "anywhere": anywhere, "swap-lines": swap_lines, "inside": inside, "no-top": no_top,
}


def sample_files():
    found, data = [], os.environ.get("REEVE_TESTDATA")
    for top in [OWN, *([os.path.join(data, "mime")] if data else [])]:
        for folder, _, names in sorted(os.walk(top)):
            found += [os.path.join(folder, n) for n in sorted(names) if n.endswith((".msg", ".eml")) or re.fullmatch(r"\d+(\.txt)?", n)]
    return [f for f in found if 0 < os.path.getsize(f) <= SIZE_MAX]


def squeezed(octets):
    """Line ends are a matter of taste, and so is a soft one with a lone CR in it."""
    return re.sub(rb"=?[ \t\r\n\0]+", b"", octets)


def extensions(names):
    """Not those of names that are cut or were never decoded."""
    found = (re.search(r"[^\s.]\.([A-Za-z]\w{1,4})$", n or "") for n in names if "=?" not in (n or "") and "'" not in (n or ""))
    return {m.group(1).lower() for m in found if m}


class Run:
    def __init__(self, options):
        self.options, self.ours = options, differential.Ours()
        self.others, self.absent = differential.oracles()
        self.folder, self.faults, self.pieces, self.names = tempfile.TemporaryDirectory(), [], 0, 0
        self.excused = 0

    def one(self, file, seed):
        rng = random.Random(seed)
        with open(file, "rb") as f:
            raw = f.read()
        kinds = rng.choices(sorted(MUTATIONS), k=rng.choice([0, 1, 1, 1, 2]))
        for kind in kinds:
            raw = MUTATIONS[kind](rng, raw) or raw
        path = os.path.join(self.folder.name, "m.eml")
        with open(path, "wb") as f:
            f.write(raw)
        leaves = self.ours.ask(path)["leaves"]
        have = [squeezed(o) for l in leaves for o in (l["octets"], l["unpadded"])] + [squeezed(raw)]
        named = extensions(n for l in leaves for n in (l["filename"], l["other_filename"]))
        for other in self.others:
            self.compare(other, path, raw, have, named, "%s, seed %d, %s" % (os.path.basename(file), seed, "+".join(kinds)))

    def compare(self, other, path, raw, have, named, what):
        theirs = other.leaves(path, raw)
        for kind, name, octets in theirs:
            head = squeezed(squeezed(octets)[:HEAD]).rstrip(b"=")
            if len(head) < LEAST or kind.startswith(("multipart/", "message/")) or head.startswith(b"no colon"):    # Python takes the end of that line
                continue
            self.pieces += 1
            if not any(head in one for one in have):
                self.fault("%s: %s has %s %r" % (what, other.name, kind, head), raw)
        more = extensions(n for k, n, o in theirs if o and not k.startswith("message/")) - named
        self.names += 1
        if more:
            self.fault("%s: %s has names in %s" % (what, other.name, sorted(more)), raw)

    def fault(self, text, raw):
        if any(re.search(pattern, text) for pattern, _ in REASONS):
            self.excused += 1
            return
        if self.options.keep:
            with open(os.path.join(self.options.keep, "fault-%d.eml" % len(self.faults)), "wb") as f:
                f.write(raw)
        self.faults.append(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or sample_files()
    run, rng = Run(options), random.Random(options.seed)
    for number in range(options.count):
        run.one(rng.choice(files), options.seed * 1000000 + number)
    print("%d changes of %d samples, %d pieces in %d lists of leaves; %d differ for a reason, %d faults%s" %
          (options.count, len(files), run.pieces, run.names, run.excused, len(run.faults), "; not installed: " + ", ".join(run.absent) if run.absent else ""))
    for line in run.faults[:40]:
        print("    FAIL %s" % line[:300])
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
