#!/usr/bin/env python3
"""The public suites of SPF, DKIM, ARC and DMARC against auth/, over real DNS packets.

    auth_suites.py PROBE [SUITE...]

PROBE is the program made of auth-probe.c. Without the folder that REEVE_TESTDATA names only the
suites with material of our own run. Exit 77 (skipped) when a Python module is missing.
"""
import base64
import email
import email.policy
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

try:
    import yaml
    from fakedns import FakeDns
except ImportError as missing:
    print("SKIP: %s" % missing)
    sys.exit(77)

WORK = tempfile.TemporaryDirectory()
DATA = os.environ.get("REEVE_TESTDATA", "")


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *fields):
        line = "\t".join(urllib.parse.quote(f, safe="@:/=+ ,;<>()[]{}!#$&'*?~^`|\"\\") for f in map(as_text, fields))
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def as_text(field):
    return field if isinstance(field, (str, bytes)) else str(field)


class Suite:
    def __init__(self, name, probe, server):
        self.name, self.probe, self.server = name, probe, server
        self.passed, self.failed, self.explained = 0, [], []
        self.is_hasty = False

    def zone(self, records):
        """Only where a time-out is part of the zone is waiting for one kept short."""
        self.server.load(records)
        self.is_hasty = any("TIMEOUT" in entries for entries in records.values())
        self.probe.ask("dns", self.server.address, 800 if self.is_hasty else 60000)

    def take_time(self):
        """For a case that failed while waiting was short: a busy machine may be late. False: it was not short."""
        was_hasty, self.is_hasty = self.is_hasty, False
        if was_hasty:
            self.probe.ask("dns", self.server.address, 15000)
        return was_hasty

    def check(self, case, ok, detail, reason=None):
        if ok:
            self.passed += 1
        elif reason:
            self.explained.append(reason)
        else:
            self.failed.append("%s: %s" % (case, detail))

    def report(self):
        print("%-16s %4d passed, %d deviate and say why, %d failed" %
              (self.name, self.passed, len(self.explained), len(self.failed)))
        for line in self.failed[:20]:
            print("    FAIL %s" % line[:600])
        for reason in sorted(set(self.explained)):
            print("    %3d: %s" % (self.explained.count(reason), reason))
        return not self.failed


# ---- SPF ----

def spf_zone(zonedata):
    """Records of the SPF type stand for TXT where a name has no TXT of its own."""
    zone = {}
    for name, records in zonedata.items():
        out, has_txt = [], any(isinstance(r, dict) and "TXT" in r for r in records)
        for record in records:
            if record == "TIMEOUT":
                out.append("TIMEOUT")
                continue
            for kind, value in record.items():
                if kind == "SPF":
                    if has_txt:
                        continue
                    kind = "TXT"
                if value == "NONE":
                    continue
                if value == "TIMEOUT":
                    out.append("TIMEOUT")
                    continue
                out.append((kind, value))
        zone[name] = out
    return zone


# Cases where RFC 7208 differs from the RFC 4408 that the suite was written for.
SPF_WHY = {
    ("pyspf", "default-modifier"): "RFC 7208 part 6: unknown modifiers are ignored; a lax mode of pyspf",
    ("pyspf", "default-modifier-harsh"): "'ambiguous' is no result of RFC 7208; a harsh mode of pyspf",
}


def run_spf_file(suite, path):
    with open(path, encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            if not scenario:
                continue
            suite.zone(spf_zone(scenario.get("zonedata") or {}))
            for name, test in scenario["tests"].items():
                run_spf_case(suite, name, test)


def spf_answer(suite, test):
    """What the probe says of a case, what is wanted, and whether that is the same."""
    got = suite.probe.ask("spf", test["host"], test.get("helo") or "", test.get("mailfrom") or "",
                          test.get("receiver") or "receiver.example")
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
    ok = got["result"] in wanted
    explanation = test.get("explanation")
    if ok and explanation is not None:
        ok = got["explanation"] == ("" if explanation == "DEFAULT" else explanation)
    return ok, "want %s %r, got %s" % (wanted, explanation, got)


def run_spf_case(suite, name, test):
    ok, detail = spf_answer(suite, test)
    if not ok and suite.take_time():
        ok, detail = spf_answer(suite, test)
    suite.check(name, ok, detail, SPF_WHY.get((suite.name, name)))


def suite_spf7208(suite):
    run_spf_file(suite, DATA + "/spf/openspf/rfc7208-tests.yml")


def suite_spf4408(suite):
    run_spf_file(suite, DATA + "/spf/openspf/rfc4408-tests.yml")


def suite_pyspf(suite):
    run_spf_file(suite, DATA + "/spf/openspf/test.yml")


# ---- DKIM ----

def load_json(path):
    with open(DATA + path, encoding="utf-8") as file:
        return json.load(file)


def suite_dkim_rfc(suite):
    """RFC 6376 appendix A and RFC 8463 appendix A."""
    data = load_json("/dkim/rfc-vectors/dns+expected.json")
    suite.zone({name: [("TXT", text)] for name, text in data["dns"].items()})
    for name, wanted in data["expected"].items():
        got = suite.probe.ask("dkim", "%s/dkim/rfc-vectors/%s.eml" % (DATA, name))
        results = [s["result"] == "pass" for s in got["signatures"]]
        suite.check(name, results == wanted, "want %s, got %s" % (wanted, got))


def mail_dkim_zone():
    zone = {}
    with open(DATA + "/dkim/mail-dkim/FAKE_DNS.dat", encoding="latin-1") as file:
        for line in file:
            name, _, text = line.strip().partition(" ")
            text = text.strip()
            if not name or name.startswith("#") or text == "NXDOMAIN":
                continue
            faults = {"~~Query timed out~~": "TIMEOUT", "~~SERVFAIL~~": "SERVFAIL"}
            zone[name] = [faults.get(text) or ("TXT", text.strip('"'))]
    return zone


def mail_dkim_why(file, detail):
    """Why a verifier of RFC 6376 says otherwise than that suite, or None."""
    name = os.path.basename(file)
    if "_dk_" in name or name.startswith(("dk_headers", "dk_multiple")):
        return "DomainKeys (RFC 4870) is historic"
    if "unknown version" in detail:
        return "drafts before RFC 4871: no v=1 (RFC 6376 part 6.1.1)"
    return MAIL_DKIM_WHY.get(name)


G_TAG = "g= of RFC 4871 is no longer evaluated (RFC 6376 appendix E)"
MAIL_DKIM_WHY = {"badkey_%d.txt" % n: G_TAG for n in (8, 9, 10, 12, 13)}


def suite_mail_dkim(suite):
    suite.zone(mail_dkim_zone())
    for test in load_json("/dkim/mail-dkim/expected.json"):
        while True:
            got = suite.probe.ask("dkim", DATA + "/dkim/mail-dkim/" + test["file"], 512, 1)
            ok = (got["result"] == "pass") == (test["result"] == "pass")
            if ok or not suite.take_time():
                break
        why = None if test["independent_agreement"] else mail_dkim_why(test["file"], str(got))
        suite.check(test["file"], ok, "want %s, got %s" % (test["result"], got), why)


# Key records of dkimpy's tests for one signature, and whether it passes with them.
DKIMPY_RECORDS = [("test.txt", True), ("test_bad.txt", False), ("badk.txt", False), ("badversion.txt", False),
                  ("test_tlsrpt.txt", False), ("test2.txt", True)]


def suite_dkimpy(suite):
    folder = DATA + "/dkim/dkimpy/"
    with open(folder + "eximtest.dns", encoding="ascii") as file:
        exim = file.read().strip()
    with open(folder + "test.txt", encoding="ascii") as file:
        rsa = file.read().strip()
    suite.zone({"sed._domainkey.test.ex": [("TXT", exim)], "test._domainkey.football.example.com": [("TXT", rsa)],
                "brisbane._domainkey.football.example.com":
                [("TXT", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]})
    for name in ("rfc6376.signed.msg", "ed25519test2.msg"):
        got = suite.probe.ask("dkim", folder + name)
        suite.check(name, all(s["result"] == "pass" for s in got["signatures"]) and got["signatures"], str(got))
    with open(folder + "test.message", "rb") as file:
        mail = file.read()
    field = suite.probe.ask("sign", folder + "test.message", "example.org", "s1", folder + "test.private", "", 1, 0)["value"]
    path = write_message(b"DKIM-Signature: " + field.encode() + b"\r\n" + mail)
    for name, passes in DKIMPY_RECORDS:
        with open(folder + name, encoding="ascii") as file:
            suite.zone({"s1._domainkey.example.org": [("TXT", file.read().strip())]})
        got = suite.probe.ask("dkim", path)
        suite.check(name, (got["result"] == "pass") == passes, str(got))


# ---- ARC ----

def write_message(text):
    path = os.path.join(WORK.name, "message.eml")
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return path


def suite_arc(suite):
    """ValiMail's validation suite; an empty cv there is a chain that an earlier hop failed."""
    with open(DATA + "/arc/valimail/arc-draft-validation-tests.yml", encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            suite.zone({name: [("TXT", text)] for name, text in scenario["txt-records"].items()})
            for name, test in scenario["tests"].items():
                got = suite.probe.ask("arc", write_message(test["message"] or ""))
                wanted = (test["cv"] or "fail").lower()
                suite.check(name, got["result"] == wanted, "want %s, got %s" % (wanted, got))


def plain_tags(value):
    """A tag list or results without folds, and without blanks in base64."""
    return re.sub(r"\s", "", value.strip())


def suite_arc_sign(suite):
    """ValiMail's signing suite: the very signatures, so the signed text must be the same octet by octet."""
    with open(DATA + "/arc/valimail/arc-draft-sign-tests.yml", encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            suite.zone({name: [("TXT", text)] for name, text in scenario["txt-records"].items()})
            key = os.path.join(WORK.name, "key.pem")
            with open(key, "w", encoding="ascii") as out:
                out.write(scenario["privatekey"])
            for name, test in scenario["tests"].items():
                got = suite.probe.ask("seal", write_message(test["message"]), scenario["domain"], scenario["sel"], key,
                                      test["sig-headers"], test["t"], test["srv-id"])
                ok = all(plain_tags(got[field]) == plain_tags(test[field] or "") for field in ("AAR", "AMS", "AS"))
                suite.check(name, ok, "want %s, got %s" % ({f: test[f] for f in ("AAR", "AMS", "AS")}, got))


# ---- DMARC ----

def walk_zone(case):
    """The records that an example says exist; names that it only mentions exist without one."""
    zone = {name: [("A", "192.0.2.1")] for name in case["org_domain"]}
    for entry in case["dmarc_records_exist"]:
        name, _, tag = entry.partition(" ")
        text = "v=DMARC1; p=none;" + (" " + tag.strip("()") if tag else "")
        zone[name] = zone.get(name, []) + [("TXT", text)]
    return zone


def suite_dmarc_walk(suite):
    """RFC 9989 appendix B.4: organizational domains, the queries of each walk, alignment."""
    for case in load_json("/dmarc/treewalk-examples.json")["cases"]:
        zone = walk_zone(case)
        for domain, wanted in case["org_domain"].items():
            suite.zone(zone)
            got = suite.probe.ask("org", domain)["domain"]
            suite.check("%s org %s" % (case["id"], domain), got == wanted, "want %s, got %s" % (wanted, got))
            asked = [name for name, kind in suite.server.questions if kind == "TXT"]
            wanted = case.get("queries", {}).get(domain)
            if wanted:
                asked = [name for i, name in enumerate(asked) if i == 0 or name != asked[i - 1]]  # sent again on a busy machine
                suite.check("%s queries %s" % (case["id"], domain), asked == wanted, "want %s, got %s" % (wanted, asked))
        check_alignment(suite, case, zone)


def check_alignment(suite, case, zone):
    suite.zone(zone)
    got = suite.probe.ask("dmarc", case["author_domain"], case["spf_domain"], case["dkim_domain"])
    suite.check("%s alignment" % case["id"], got["spf_aligned"] == case["spf_aligned"] and
                got["dkim_aligned"] == case["dkim_aligned"] and got["domain"] == case["policy_domain"],
                "want %s, got %s" % (case, got))


def suite_report(suite):
    """Aggregate reports: the schema of RFC 9990, what is packed unpacks, only destinations that agree."""
    suite.zone({**OWN_ZONE, "_dmarc.example.org": [("TXT", "v=DMARC1; p=reject; sp=none; fo=1; t=y; rua=mailto:a@example.org,"
                                                    "mailto:b@yes.example!5m,mailto:c@no.example,mailto:d@moved.example,"
                                                    "mailto:e@elsewhere.example")],
                "example.org._report._dmarc.yes.example": [("TXT", "v=DMARC1")],
                "example.org._report._dmarc.moved.example": [("TXT", "v=DMARC1; rua=mailto:other@moved.example")],
                "example.org._report._dmarc.elsewhere.example": [("TXT", "v=DMARC1; rua=mailto:x@victim.example")]})
    for name, message, client, disposition, reason in (
            ("pass", own_message(suite), "192.0.2.1", "pass", ""), ("fail", OWN_MAIL, "2001:db8::9", "reject", ""),
            ("list", OWN_MAIL, "203.0.113.1", "none", "mailing_list")):
        got = suite.probe.ask("report", write_message(message), client, "a@example.org", disposition, reason)
        suite.check(name + " rows", got["made"] and "<count>3</count>" in got["xml"] and got["xml"].count("<record>") == 2, str(got)[:800])
        suite.check(name + " addresses", got["to"] == ["a@example.org", "b@yes.example", "other@moved.example"], str(got["to"]))
        check_schema(suite, name, got["xml"])
        short = suite.probe.ask("report", write_message(message), client, "a@example.org", disposition, reason, 1000)
        suite.check(name + " short", short["xml"].count("<record>") == 1 and "<error>" in short["xml"], short["xml"][:500])
        check_schema(suite, name + " short", short["xml"])
        mail = email.message_from_string(got["mail"], policy=email.policy.SMTP)
        part = next(p for p in mail.walk() if p.get_content_type() == "application/gzip")
        suite.check(name + " packed", gzip.decompress(part.get_payload(decode=True)).decode() == got["xml"] and
                    re.fullmatch(r"mx.example.net!example.org!\d+!\d+\.xml\.gz", part.get_filename()), str(part)[:300])


def check_schema(suite, name, xml):
    schema = DATA + "/dmarc/aggregate-schema/dmarc-xml-0.2.xsd"
    path = os.path.join(WORK.name, "report.xml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(xml)
    if os.path.exists(schema) and shutil.which("xmllint"):
        check = subprocess.run(["xmllint", "--noout", "--schema", schema, path], capture_output=True, text=True)
        suite.check(name + " schema", check.returncode == 0, check.stderr)


REQUIRED = ["Feedback-Type", "User-Agent", "Version", "Auth-Failure", "Authentication-Results", "Identity-Alignment", "Original-Mail-From",
            "Arrival-Date", "Source-IP", "Reported-Domain", "Incidents", "Delivery-Result"]


def suite_failure(suite):
    """Failure reports: three parts (RFC 6591), the fields of RFC 9991, whatever the message is."""
    suite.zone({**OWN_ZONE, "_dmarc.example.org": [("TXT", "v=DMARC1; p=reject; fo=1; ruf=mailto:ruf@example.org")]})
    nasty = (b"From: a@example.org\r\nTo: victim@example.net\r\nSubject: =?utf-8?q?x?= \xff\xfe\r\nX: " + b"y" * 3000 + b"\r\nX-Nul: a\0b\r\n"
             b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\nbare\rlines\n" + b"z" * 5000 + b"\r\n")
    signed = own_message(suite)
    for name, message, body, wanted in (
            ("unsigned", OWN_MAIL, 0, "dmarc"), ("changed", signed.replace(b"Hello", b"Hallo"), 0, "dmarc"), ("signed", signed, 0, "dmarc"),
            ("nasty", nasty, 0, "dmarc"), ("nasty with body", nasty, 3000, "dmarc"), ("no body", b"From: a@example.org\r\n", 100, "dmarc"),
            ("many fields", b"".join(b"X-%d: %s\r\n" % (i, b"v" * 400) for i in range(400)) + OWN_MAIL, 0, "dmarc")):
        answer = suite.probe.ask("failure", write_message(message), "203.0.113.7", "joe@example.org", body)
        got = answer.get("mail", "")
        suite.check(name + " is reported", got, str(answer))
        if not got:
            continue
        raw = got.encode("utf-8", "surrogateescape")
        lines = raw.split(b"\r\n")
        suite.check(name + " lines", not any(b"\r" in l or b"\n" in l or b"\0" in l or len(l) > 998 for l in lines) and len(raw) < 64000, repr(raw)[:400])
        mail = email.message_from_bytes(raw)
        parts = mail.get_payload()
        suite.check(name + " parts", mail.get_content_type() == "multipart/report" and mail.get_param("report-type") == "feedback-report" and
                    [p.get_content_type() for p in parts] == ["text/plain", "message/feedback-report", "message/rfc822" if body else "text/rfc822-headers"],
                    str([p.get_content_type() for p in parts]))
        fields = parts[1].get_payload()[0]
        suite.check(name + " fields", all(len(fields.get_all(f, [])) == 1 for f in REQUIRED) and fields["Auth-Failure"] == wanted and
                    fields["Source-IP"] == "203.0.113.7" and fields["Reported-Domain"] == "example.org", str(fields))
        suite.check(name + " recipients", b"victim@" not in raw and mail["Auto-Submitted"] == "auto-generated", repr(raw)[:300])


def suite_gzip(suite):
    """What lib/gzip packs, zlib unpacks: nothing, noise, repeats of all lengths, far matches."""
    rand = random.Random(1)
    noise = bytes(rand.randrange(256) for _ in range(70000))
    samples = [b"", b"a", b"ab", b"aaa", b"abc" * 1000, b"x" * 258, b"x" * 259, b"x" * 100000, noise, noise[:40000] * 2,
               bytes(range(256)) * 300]
    samples += [bytes(rand.choice(b"ab<>record") for _ in range(rand.randrange(5000))) for _ in range(50)]
    for number, data in enumerate(samples):
        got = suite.probe.ask("gzip", write_message(data))
        packed = base64.b64decode(got["packed"])
        suite.check("sample %d" % number, gzip.decompress(packed) == data, "%d octets" % len(data))


# ---- Authentication-Results ----

def suite_authres(suite):
    """The fields that the RFCs print are read in full; so is what real servers write."""
    for number, example in enumerate(load_json("/authres/rfc-examples.json")):
        value = example["field"].partition(":")[2]
        got = suite.probe.ask("authres", value, "EXAMPLE.com")
        wanted = 0 if value.strip().endswith("none") else value.count(";")
        suite.check("RFC %s #%d" % (example["rfc"], number), got["ok"] and len(got["results"]) == wanted and
                    got["claims"] == ("example.com" in value.split(";")[0]), "%r: %s" % (value, got))
    for field in load_json("/headers-realworld/authentication-results.json"):
        value = field.partition(":")[2]
        got = suite.probe.ask("authres", value, "example.com")
        suite.check(value[:40], got["ok"], "%r: %s" % (value, got), authres_why(value))


def authres_why(value):
    """What is against RFC 8601 part 2.2 in a field of the real world."""
    if re.match(r"\s*\w+=", value):
        return "starts without authserv-id (part 2.2)"
    if re.search(r"=\w+\n\t\w+@", value):
        return "an address folded in its middle"
    if re.search(r"\s\w+=\w", re.sub(r"\([^)]*\)", "", value)):
        return "a property without its type, as action=none (part 2.2: propspec)"
    if "=?" in value:
        return "encoded words, which RFC 2047 part 5 does not allow here"
    return None


# ---- our own, without any data from outside ----

OWN_ZONE = {
    "example.org": [("TXT", "v=spf1 mx -all exp=why.example.org"), ("MX", (10, "mx.example.org"))],
    "mx.example.org": [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")],
    "why.example.org": [("TXT", "%{i} is not a server of %{d}")],
    "slow.example": ["TIMEOUT"],
    "broken.example": ["SERVFAIL"],
    "long.example": [("TXT", "v=spf1 " + "ip4:198.51.100.1 " * 120 + "ip4:192.0.2.1 -all")],
    "alias.example": [("CNAME", "example.org.")],
    "_dmarc.example.org": [("TXT", "v=DMARC1; p=quarantine; np=reject")],
    "s1._domainkey.example.org": [("TXT", "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")],
}
OWN_SPF = [
    ("192.0.2.1", "a@example.org", "pass", ""),
    ("2001:db8::1", "a@example.org", "pass", ""),
    ("192.0.2.2", "a@example.org", "fail", "192.0.2.2 is not a server of example.org"),
    ("192.0.2.1", "a@alias.example", "pass", ""),
    ("192.0.2.2", "a@alias.example", "fail", "192.0.2.2 is not a server of alias.example"),
    ("192.0.2.1", "a@nowhere.example", "none", ""),
    ("192.0.2.1", "a@slow.example", "temperror", ""),
    ("192.0.2.1", "a@broken.example", "temperror", ""),
    ("192.0.2.1", "a@long.example", "pass", ""),
]
OWN_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
OWN_MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nHello  there \r\n\r\n"


def own_message(suite):
    key = os.path.join(WORK.name, "own.pem")
    with open(key, "w", encoding="ascii") as file:
        file.write(OWN_KEY)
    got = suite.probe.ask("sign", write_message(OWN_MAIL), "example.org", "s1", key, "", 1000, 0)
    return b"DKIM-Signature: " + got["value"].encode() + b"\r\n" + OWN_MAIL


def suite_own(suite):
    """Real packets: time-outs, SERVFAIL, long records over TCP, CNAMEs; a message signed and verified."""
    suite.zone(OWN_ZONE)
    for client, sender, result, explanation in OWN_SPF:
        got = suite.probe.ask("spf", client, "mx.example.org", sender, "mx.example.net")
        suite.check("%s %s" % (client, sender), (got["result"], got["explanation"]) == (result, explanation), str(got))
    signed = own_message(suite)
    for name, text, client, dkim, dmarc in (
            ("signed", signed, "203.0.113.1", "pass", "pass"),
            ("LF only", signed.replace(b"\r\n", b"\n"), "203.0.113.1", "pass", "pass"),
            ("changed", signed.replace(b"Hello", b"Hallo"), "203.0.113.1", "fail", "fail"),
            ("changed, right client", signed.replace(b"Hello", b"Hallo"), "192.0.2.1", "fail", "pass"),
            ("second From", b"From: b@example.com\r\n" + signed, "192.0.2.1", "fail", "permerror")):
        got = suite.probe.ask("auth", write_message(text), client, "mx.example.org", "a@example.org")["auth"]
        suite.check(name, got["dkim"][0]["result"] == dkim and got["dmarc"]["result"] == dmarc, str(got))


SUITES = {"own": suite_own, "spf7208": suite_spf7208, "spf4408": suite_spf4408, "pyspf": suite_pyspf,
          "dkim-rfc": suite_dkim_rfc, "mail-dkim": suite_mail_dkim, "dkimpy": suite_dkimpy,
          "arc": suite_arc, "arc-sign": suite_arc_sign, "dmarc-walk": suite_dmarc_walk, "report": suite_report, "gzip": suite_gzip, "authres": suite_authres,
          "failure": suite_failure}
OWN = {"own", "report", "gzip", "failure"}


def main():
    wanted = sys.argv[2:] or [s for s in SUITES if DATA or s in OWN]
    probe, server, good = Probe(sys.argv[1]), FakeDns(), True
    for name in wanted:
        suite = Suite(name, probe, server)
        SUITES[name](suite)
        good &= suite.report()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
