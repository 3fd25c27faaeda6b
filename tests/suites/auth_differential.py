#!/usr/bin/env python3
"""auth/ against dkimpy and pyspf: two independent readings of the same RFCs must agree.

    auth_differential.py PROBE dkim FOLDER [COUNT]     messages of a folder, signed both ways, verified both ways
    auth_differential.py PROBE spf [COUNT] [SEED]      random records and clients
    auth_differential.py PROBE spf-odd [COUNT] [SEED]  the same with all that the grammar has, and has not
    auth_differential.py PROBE mutate [COUNT] [SEED]   signed messages and key records with something changed
    auth_differential.py PROBE arc [COUNT] [SEED]      the odd chains of auth_odd_arc.py, then chains with something changed
    auth_differential.py PROBE dmarc [COUNT] [SEED]    random trees of records, against dmarc_oracle.py
    auth_differential.py PROBE from [COUNT] [SEED]     random From fields: no other parser sees a domain that DMARC does not ask
    auth_differential.py PROBE authres                 Authentication-Results of the real world, against authres

Prints what disagrees and cannot be explained by the table of reasons; exit 1 when anything does, 77
when dkimpy or pyspf is not installed.
"""
import email.utils
import os
import random
import re
import subprocess
import sys
import tempfile
import types

try:
    import dkim
    import spf
    import auth_odd_arc
    import dmarc_oracle
    from auth_random import (ADDRESSES, AUTHOR_DOMAINS, CHAIN_CHANGES, FIELD_CHANGES, MESSAGE_CHANGES, NAMES, RECORD_CHANGES, SENDERS,
                             TAG_CHANGES, random_author, random_below, random_tree, random_zone)
    from auth_suites import Probe, authres_why, write_message
    from fakedns import FakeDns
except ImportError as missing:
    print("SKIP: %s" % missing)
    sys.exit(77)

WORK = tempfile.TemporaryDirectory()
NOW = 1760000000


# ---- DKIM ----

def make_keys():
    rsa, ed = os.path.join(WORK.name, "rsa.pem"), os.path.join(WORK.name, "ed.pem")
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", rsa, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", ed], check=True, capture_output=True)
    return rsa, ed


def public_text(path, skip):
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    import base64
    return base64.b64encode(der[skip:]).decode()


def private_raw(path):
    import base64
    der = subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER"], check=True, capture_output=True).stdout
    return base64.b64encode(der[-32:])


def normal(data):
    """CRLF line ends, no mbox line: what a message is on the wire."""
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    return re.sub(rb"\r?\n", b"\r\n", data)


class DkimRun:
    def __init__(self, probe, server):
        self.probe, self.path = probe, os.path.join(WORK.name, "m.eml")
        self.rsa, self.ed = make_keys()
        self.zone = {"rsa._domainkey.example.org": "v=DKIM1; k=rsa; p=" + public_text(self.rsa, 0),
                     "ed._domainkey.example.org": "v=DKIM1; k=ed25519; p=" + public_text(self.ed, 12)}
        server.load({name: [("TXT", text)] for name, text in self.zone.items()})
        probe.ask("dns", server.address, 60000)
        self.counts = {"ours verify there": 0, "theirs verify here": 0, "tampered fail both": 0}
        self.faults = []

    def lookup(self, name, timeout=5):
        return self.zone.get(name.decode().rstrip("."), "").encode() or None

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)
        return self.path

    def ours(self, name, data, kind):
        key = self.rsa if kind == "rsa" else self.ed
        got = self.probe.ask("sign", self.write(data), "example.org", kind, key, "", NOW, 0)
        field = b"DKIM-Signature: " + got["value"].encode() + b"\r\n"
        self.note("ours verify there", name + " " + kind, dkim.verify(field + data, dnsfunc=self.lookup))
        return field + data

    def theirs(self, name, data, kind, rand):
        canon = (rand.choice([b"simple", b"relaxed"]), rand.choice([b"simple", b"relaxed"]))
        with open(self.rsa, "rb") as file:
            key = file.read() if kind == "rsa" else private_raw(self.ed)
        algorithm = b"rsa-sha256" if kind == "rsa" else b"ed25519-sha256"
        field = dkim.sign(data, kind.encode(), b"example.org", key, canonicalize=canon, signature_algorithm=algorithm)
        self.note("theirs verify here", "%s %s %s" % (name, kind, canon), self.here(field + data) == "pass")

    def here(self, data):
        got = self.probe.ask("dkim", self.write(data))
        return got["signatures"][0]["result"] if got["signatures"] else "none"

    def tampered(self, name, signed):
        at = len(signed) - 3
        while at > 0 and not signed[at:at + 1].isalnum():
            at -= 1
        changed = signed[:at] + (b"x" if signed[at:at + 1] != b"x" else b"y") + signed[at + 1:]
        self.note("tampered fail both", name, self.here(changed) == "fail" and not dkim.verify(changed, dnsfunc=self.lookup))

    def note(self, kind, name, ok):
        if ok:
            self.counts[kind] += 1
        else:
            self.faults.append("%s: %s" % (kind, name))


def dkimpy_refuses(data):
    """Messages that dkimpy's own parser takes for broken or changes: header lines without colon, bare CR."""
    head = data.partition(b"\r\n\r\n")[0]
    return b"\r" in data.replace(b"\r\n", b"") or not re.search(rb"(?im)^from:", head) or \
        any(b":" not in line and line[:1] not in b" \t" for line in head.split(b"\r\n"))


def run_dkim(probe, server, folder, count):
    run, rand, skipped = DkimRun(probe, server), random.Random(1), 0
    files = sorted(os.path.join(d, f) for d, _, names in os.walk(folder) for f in names)[:count]
    for number, path in enumerate(files):
        with open(path, "rb") as file:
            data = normal(file.read())
        if dkimpy_refuses(data):
            skipped += 1
            continue
        kind = "rsa" if number % 2 else "ed"
        name = os.path.basename(path)
        signed = run.ours(name, data, kind)
        run.theirs(name, data, kind, rand)
        if number % 10 == 0:
            run.tampered(name, signed)
    print("dkim: %s; %d of %d messages left out (no From, or not a header section)" % (run.counts, skipped, len(files)))
    return run.faults


# ---- signed messages with something changed ----

BASE = b"From: Joe <joe@example.org>\r\nTo: a@example.net\r\nSubject: one  two\r\n\tthree\r\n\r\nHello  there \r\n\r\nbye\r\n\r\n"

# Where dkimpy reads RFC 6376 otherwise: what must stand in field, record or message, our result and reason, why.
MUTATION_REASONS = [
    (rb"v=", False, "unknown version", "v= must be the first tag of a key record, and DKIM1 (part 3.6.1)"),
    (rb"p=", False, "not base64", "only the letters of base64 and folds stand in p= (part 2.10); dkimpy passes over others"),
    (rb"\|(|[^|]*;)\s*\w*[^\w\s;=|]\w*=[^|]*\|", False, "syntax error", "a tag's name has letters, digits and _ only (part 3.2)"),
    (rb"h=", False, "allow this hash", "a key that names hashes is for no other one (part 3.6.1), whatever its type"),
    (rb"p=", False, "cannot be read", "the DER form of a key must be whole; dkimpy looks at its numbers alone"),
    (rb"\r\r\n|\r[^\n]", False, "did not verify", "a CR that ends no line is no white space (part 2.8): relaxed leaves it"),
    (rb"(?i)k=(?!(rsa|ed25519)\b)(rsa|ed25519)", True, "", "literal words of the grammar have no case (RFC 5234 part 2.3)"),
    (rb"p=[A-Za-z0-9+/]*(;|$|\|)", True, "", "the = at the end of base64 may be left out (ABNF of part 2.10)"),
    (rb"(?i)(a=(rsa|ed25519)-sha256|c=(simple|relaxed))", True, "", "literal words of the grammar have no case (RFC 5234 part 2.3)"),
]


def mutate(rand, run, kind):
    """(field with its name, message below it, key record)"""
    canon = (rand.choice([b"simple", b"relaxed"]), rand.choice([b"simple", b"relaxed"]))
    with open(run.rsa, "rb") as file:
        key = file.read() if kind == "rsa" else private_raw(run.ed)
    algorithm = b"rsa-sha256" if kind == "rsa" else b"ed25519-sha256"
    field = dkim.sign(BASE, kind.encode(), b"example.org", key, canonicalize=canon, signature_algorithm=algorithm, length=rand.random() < 0.1)
    message, record = BASE, run.zone[kind + "._domainkey.example.org"].encode()
    what = rand.randrange(3)
    if what == 0:
        name, _, value = field[:-2].partition(b":")
        for _ in range(rand.choice([1, 1, 2])):
            value = rand.choice([*FIELD_CHANGES, *TAG_CHANGES])(rand, value) or b" "
        field = name + b":" + value + b"\r\n"
    elif what == 1:
        for _ in range(rand.choice([1, 1, 2])):
            message = rand.choice(MESSAGE_CHANGES)(rand, message)
    else:
        record = rand.choice(RECORD_CHANGES)(rand, record)
    return field, message, record


def dkimpy_says(data, record):
    try:
        return dkim.verify(data, dnsfunc=lambda name, timeout=5: record if name.lower() in KEY_NAMES else None)
    except Exception:       # what it cannot read it does not verify
        return False


KEY_NAMES = (b"rsa._domainkey.example.org.", b"ed._domainkey.example.org.")


def run_mutations(probe, server, count, seed):
    run, rand, agreed, reasons, faults = DkimRun(probe, server), random.Random(seed), [0, 0], {}, []
    for number in range(count):
        kind = "rsa" if number % 2 else "ed"
        field, message, record = mutate(rand, run, kind)
        server.load({name.decode().rstrip("."): [("TXT", record)] for name in KEY_NAMES})
        probe.ask("dns", server.address, 60000)
        got = probe.ask("dkim", run.write(field + message))
        ours, theirs = got["result"] == "pass", dkimpy_says(field + message, record)
        if ours == theirs:
            agreed[ours] += 1
            continue
        why = explain_mutation(field, message, record, ours, got)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
        else:
            faults.append("ours %s (%s), dkimpy %s\n      %r\n      %r\n      %r" % (ours, got["signatures"], theirs, field, message, record))
    print("mutations: %d of %d agree, %d of them pass" % (sum(agreed), count, agreed[1]))
    for why, n in sorted(reasons.items()):
        print("    %4d: %s" % (n, why))
    return faults


def explain_mutation(field, message, record, ours, got):
    reason = got["signatures"][0]["reason"] if got["signatures"] else ""
    for pattern, mine, said, why in MUTATION_REASONS:
        if mine == ours and re.search(said, reason) and re.search(pattern, field + b"|" + record + b"|" + message):
            return why
    return None


# ---- chains of ARC ----

def dkimpy_chain(data, zone):
    def lookup(name, timeout=5):
        found = [r[1] for r in zone.get(name.decode("utf-8").removesuffix(".").lower(), []) if r != "SERVFAIL"]
        return found[0].encode() if found else None
    dkim.time = types.SimpleNamespace(time=lambda: auth_odd_arc.NOW)
    try:
        value = dkim.ARC(data).verify(dnsfunc=lookup)[0]
    except Exception:       # what it cannot read it does not verify
        return "fail"
    return (value or b"fail").decode()


def is_shuffled(data):
    """Whether the fields of any kind stand otherwise than newest first."""
    head = data.partition(b"\r\n\r\n")[0]
    for name in auth_odd_arc.KINDS.values():
        numbers = [int(n) for n in re.findall(rb"(?im)^%s\s*:\s*i\s*=\s*(\d+)" % name, head)]
        if numbers != sorted(numbers, reverse=True):
            return True
    return False


def from_fields(data):
    return len(re.findall(rb"(?im)^from[ \t]*:", data.partition(b"\r\n\r\n")[0]))


# Where dkimpy reads RFC 8617 otherwise: our result, and reason, what must be true of the message, why.
CHAIN_REASONS = [
    ("pass", "", is_shuffled, auth_odd_arc.PLACE),
    ("none", "", lambda data: re.search(rb"(?m)^(?![ \t])[^:\n]*$", data.partition(b"\r\n\r\n")[0]),
     "a line without a colon ends the header, so that no set is in it"),
    ("pass", "", lambda data: from_fields(data) > 1, "it wants one From field more than RFC 6376 part 5.4.2"),
]


def changed_chain(rand):
    """A chain of which something may be changed before it is sealed on, and something afterwards."""
    chain = auth_odd_arc.Chain()
    for _ in range(rand.randrange(1, 4)):
        chain.hop()
        if rand.random() < 0.1:
            chain.fields = rand.choice(CHAIN_CHANGES)(rand, chain.fields)
    fields = chain.fields
    for _ in range(rand.choice([0, 1, 1, 1, 2])):
        fields = rand.choice(CHAIN_CHANGES)(rand, fields) if fields else fields
    return chain.message(fields or auth_odd_arc.FIELDS)


def odd_chains(probe, server):
    faults, count, excused = [], 0, 0
    for what, result, data, zone, more in auth_odd_arc.cases():
        differs = dkimpy_chain(data, zone) != result
        count, excused = count + 1, excused + differs
        if differs != bool(more.get("dkimpy")):
            faults.append("%s: dkimpy %s, which is not what the case says" % (what, "differs" if differs else "agrees"))
    print("chains: %d odd ones, dkimpy reads %d otherwise for a reason" % (count, excused))
    return faults


def seal_on(probe, data, kind):
    """One more set of ours on top."""
    data = b"Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=a@example.org\r\n" + data
    got = probe.ask("seal", write_message(data), "example.org", "s1" if kind == "rsa" else "ed", auth_odd_arc.KEYS[kind].path, "",
                    auth_odd_arc.NOW, "mx.example.net")
    fields = zip(auth_odd_arc.KINDS.values(), (got["AAR"], got["AMS"], got["AS"]))
    return b"".join(b"%s: %s\r\n" % (name, value.encode()) for name, value in reversed(list(fields))) + data


def check_seal(probe, zone, data, result):
    """A chain that holds or is none goes on; one that failed stays failed. dkimpy has no ed25519 for ARC."""
    sealed = seal_on(probe, data, "rsa")
    wanted = "fail" if result == "fail" else "pass"
    said = (probe.ask("arc", write_message(sealed))["result"], dkimpy_chain(sealed, zone),
            probe.ask("arc", write_message(seal_on(probe, data, "ed25519")))["result"])
    return [] if said == (wanted,) * 3 else ["sealed: %s, not %s\n      %r" % (said, wanted, sealed)]


def run_arc(probe, server, count, seed):
    faults, rand, agreed, reasons = odd_chains(probe, server), random.Random(seed), {}, {}
    zone = auth_odd_arc.usual_records()
    server.load(zone)
    probe.ask("now", auth_odd_arc.NOW)
    probe.ask("dns", server.address, 60000)
    for _ in range(count):
        data = changed_chain(rand)
        got = probe.ask("arc", write_message(data))
        ours, theirs = got["result"], dkimpy_chain(data, zone)
        if ours == theirs:
            agreed[ours] = agreed.get(ours, 0) + 1
            faults += check_seal(probe, zone, data, ours)
            continue
        why = next((w for mine, said, holds, w in CHAIN_REASONS if mine == ours and re.search(said, got["reason"]) and holds(data)), None)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
        else:
            faults.append("ours %s (%s), dkimpy %s\n      %r" % (ours, got, theirs, data))
    print("chains: %d of %d changed ones agree: %s" % (sum(agreed.values()), count, agreed))
    for why, n in sorted(reasons.items()):
        print("    %4d: %s" % (n, why))
    return faults


# ---- Authentication-Results ----

def run_authres(probe):
    import json
    import authres
    faults, both, alone = [], 0, {"ours": 0, "theirs": 0}
    with open(os.environ["REEVE_TESTDATA"] + "/headers-realworld/authentication-results.json", encoding="utf-8") as file:
        fields = json.load(file)
    with open(os.environ["REEVE_TESTDATA"] + "/authres/rfc-examples.json", encoding="utf-8") as file:
        fields += [e["field"] for e in json.load(file)]
    for field in fields:
        got = probe.ask("authres", field.partition(":")[2], "example.com")
        try:
            parsed = authres.AuthenticationResultsHeader.parse(re.sub(r"\r?\n", " ", field))
        except Exception:
            parsed = None
        if not parsed or not got["ok"]:
            alone["ours"] += got["ok"]
            alone["theirs"] += bool(parsed)
            if parsed and not got["ok"] and not authres_why(field.partition(":")[2]):
                faults.append("read by authres only: %r" % field)
            continue
        mine = [(r["method"], r["result"]) for r in got["results"]]
        theirs = [(r.method.lower(), (r.result or "").lower()) for r in parsed.results]
        both += 1
        if got["id"].lower() != parsed.authserv_id.lower() or [m for m in mine if m[0] != "none"] != [t for t in theirs if t[0] != "none"]:
            faults.append("%r: ours %s %s, authres %s %s" % (field, got["id"], mine, parsed.authserv_id, theirs))
    print("authres: %d fields read alike, read by us alone %d, by authres alone %d" % (both - len(faults), alone["ours"], alone["theirs"]))
    return faults


# ---- SPF ----

class SpfZone:
    """pyspf's resolver, over the same zone; the names of modifiers, which have no case (part 4.6.1), as it knows them."""

    def __init__(self, zone):
        self.zone = {name.lower(): records for name, records in zone.items()}

    def lookup(self, name, kind, strict=True, timeout=None):
        name = name.rstrip(".").lower()
        found = []
        if any(len(label) > 63 for label in name.split(".")):
            return found
        for record_kind, value in self.zone.get(name, []):
            if record_kind != kind:
                continue
            if kind == "TXT":
                value = (re.sub(r"(?i)(?<= )(redirect|exp)=", lambda m: m.group().lower(), value).encode(),)
            elif kind in ("A", "AAAA"):
                import ipaddress
                value = ipaddress.ip_address(value).packed if kind == "AAAA" else value
                value = str(ipaddress.ip_address(value)) if kind == "AAAA" else value
            elif kind == "PTR":
                value = value.rstrip(".")
            found.append(((name, kind), value))
        return found


# Where pyspf reads RFC 7208 otherwise than we do: (its result and message, ours and reason, why).
SPF_REASONS = [
    (r"invalid-macro-char : %%", r"", "%% stands for % (part 7.1)"),
    (r"trivial recursion", r"", "an include of itself is no syntax error (part 4.6): it fails when it is reached"),
    (r"appear at most once: (?!(?i:redirect|exp)=)", r"", "unknown modifiers are ignored, however often they are there (part 6)"),
    (r"", r"invalid term '[^']*%\{[a-zA-Z]0", "the number of parts of a macro is not 0 (part 7.3)"),
    (r"", r"invalid term '(?!(?i:redirect|exp)=)[A-Za-z][\w.-]*=[^']*%", "the value of any modifier is a macro string (part 6)"),
    (r"", r"invalid term '[-+~?]?(?i:exists)'", "exists needs a domain (part 5.7); pyspf takes it without"),
    (r"Void lookup limit", r"", "part 4.6.4 counts terms whose queries come back empty: not names that cannot be asked for, "
     "nor the names behind the client's PTR, which are not the sender's doing"),
]


def explain(theirs, ours, zone):
    for mine, yours, why in SPF_REASONS:
        if not re.search(mine, "%s %s" % theirs) or not re.search(yours, ours["problem"]):
            continue
        if "Void" in mine and not re.search(r"\.\.example|%\{p\}|ptr", str(zone)):
            continue
        return why
    return None


def run_spf(probe, server, count, seed, is_odd=False):
    rand, faults, agreed, reasons = random.Random(seed), [], 0, {}
    for number in range(count):
        if number % 20 == 0:
            zone = random_zone(rand, is_odd)
            server.load(zone)
            probe.ask("dns", server.address, 60000)
            view = SpfZone(zone)
            spf.DNSLookup = view.lookup
        client, sender = rand.choice(ADDRESSES), (rand.choice(SENDERS) if is_odd else "joe") + "@" + rand.choice(NAMES)
        ours = probe.ask("spf", client, "c.example.net", sender, "receiver.example")
        query = spf.query(client, sender, "c.example.net", receiver="receiver.example", strict=True, timeout=20)
        result, _, text = query.check()
        if result == ours["result"]:
            agreed += 1
            continue
        why = explain((result, text), ours, zone)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
        else:
            faults.append("%s %s: pyspf %s (%s), ours %s (%s)\n      %s" % (client, sender, result, text, ours["result"], ours["problem"], zone))
    print("spf: %d of %d agree" % (agreed, count))
    for why, number in reasons.items():
        print("    %4d: %s" % (number, why))
    return faults


# ---- DMARC ----

def dmarc_wanted(zone, author, spf_domain, signers):
    """What the oracle says; with True when a question on the way had no answer, which need not have been asked."""
    try:
        return dmarc_oracle.check(zone, author, spf_domain, signers), False
    except dmarc_oracle.Temporary:
        calm = {name: [r for r in records if r != "SERVFAIL"] for name, records in zone.items()}
        return dmarc_oracle.check(calm, author, spf_domain, signers), True


def run_dmarc(probe, server, count, seed):
    rand, faults, results = random.Random(seed), [], {}
    for number in range(count):
        if number % 20 == 0:
            zone, names = random_tree(rand)
            server.load(zone)
            probe.ask("dns", server.address, 60000)
        near = [rand.choice(names), random_below(rand, rand.choice(names), rand.randrange(0, 3))]
        author, spf_domain, *signers = (rand.choice(near + [rand.choice(names)]) for _ in range(2 + rand.randrange(3)))
        spf_domain = spf_domain if rand.random() < 0.7 else ""
        got = probe.ask("dmarc", author, spf_domain, *signers)
        wanted, is_open = dmarc_wanted(zone, author, spf_domain, signers)
        ours = (got["result"], got["policy"] if got["domain"] else None, got["domain"], got["spf_aligned"], got["dkim_aligned"])
        results[got["result"]] = results.get(got["result"], 0) + 1
        if ours != wanted and not (is_open and got["result"] in ("temperror", wanted[0])):
            faults.append("%s by %s and %s: oracle %s, ours %s\n      %s" % (author, spf_domain, signers, wanted, ours, zone))
    print("dmarc: %d of %d agree: %s" % (count - len(faults), count, results))
    return faults


# ---- From ----

def gmime_addresses(text):
    try:
        import gi
        gi.require_version("GMime", "3.0")
        from gi.repository import GMime
    except (ImportError, ValueError):
        return

    def walk(addresses):
        for i in range(addresses.length() if addresses else 0):
            one = addresses.get_address(i)
            if isinstance(one, GMime.InternetAddressGroup):
                yield from walk(one.get_members())
            elif isinstance(one, GMime.InternetAddressMailbox):
                yield one.get_addr() or ""
    GMime.init()
    yield from walk(GMime.InternetAddressList.parse(None, text.replace("\0", "")))


def domains_seen(field):
    """Those of our domains that somebody finds in the field."""
    text = re.sub(r"\r?\n(?=[ \t])", "", field)
    found = [a for _, a in email.utils.getaddresses([text])] + list(gmime_addresses(text))
    return {a.rpartition("@")[2].lower() for a in found if "@" in a} & set(AUTHOR_DOMAINS)


def run_from(probe, server, count, seed):
    rand, faults, results = random.Random(seed), [], {}
    for _ in range(count):
        field = random_author(rand)
        text = ("From: %s\r\nSubject: x\r\n\r\nx\r\n" % field).encode("utf-8", "surrogateescape")
        for domain in sorted(domains_seen(field)):
            server.load({"_dmarc." + domain: [("TXT", "v=DMARC1; p=reject")]})
            probe.ask("dns", server.address, 60000)
            got = probe.ask("auth", write_message(text), "192.0.2.1", "h.example", "")["auth"]["dmarc"]["result"]
            results[got] = results.get(got, 0) + 1
            if got not in ("fail", "permerror"):
                faults.append("%r: somebody sees %s, DMARC says %s" % (field, domain, got))
    print("from: %d fields, %s" % (count, results))
    return faults


def main():
    probe, server = Probe(sys.argv[1]), FakeDns()
    if sys.argv[2] == "dkim":
        faults = run_dkim(probe, server, sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 100000)
    elif sys.argv[2] == "mutate":
        faults = run_mutations(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 1000, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    elif sys.argv[2] == "arc":
        faults = run_arc(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 1000, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    elif sys.argv[2] == "spf-odd":
        faults = run_spf(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 2000, int(sys.argv[4]) if len(sys.argv) > 4 else 1, True)
    elif sys.argv[2] == "from":
        faults = run_from(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 1000, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    elif sys.argv[2] == "dmarc":
        faults = run_dmarc(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 2000, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    elif sys.argv[2] == "authres":
        faults = run_authres(probe)
    else:
        faults = run_spf(probe, server, int(sys.argv[3]) if len(sys.argv) > 3 else 2000, int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    for line in faults[:10]:
        print("    FAIL %s" % line)
    if faults:
        print("%d disagreements" % len(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
