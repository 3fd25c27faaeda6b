#!/usr/bin/env python3
"""The suites of sender authentication through reevectl: the contract of `spf`, `auth` and `scan --json`.

    auth_cli.py REEVECTL PROBE [SUITE... | public | contract | all]

The public suites are those of auth_suites.py, with reevectl in the place of the probe; then files as they come (LF only,
mbox lines, many signatures, huge headers), wrong options, and that `scan` and `auth` say the same. Exit 77 (skipped)
when a Python module is missing.
"""
import base64
import json
import os
import shutil
import subprocess
import sys

try:
    import dkim
except ImportError:
    dkim = None

import auth_odd
import auth_suites
from auth_suites import DATA, OWN_KEY, OWN_MAIL, OWN_ZONE, WORK, Probe, Suite

CONF = "hostname %s;\nstate \"%s\";\nfilter spf { helo off; }\nfilter dkim { %s }\nfilter arc;\nfilter dmarc;\n" \
       "policy { at message { accept; } }\n"
SPF_KEYS = {"result", "explanation", "domain", "mechanism"}
DKIM_KEYS = {"result", "domain", "selector", "algorithm", "reason"}
WORDS = {"none", "pass", "fail", "policy", "neutral", "temperror", "permerror", "softfail"}


class Cli:
    """Looks like the probe, and asks reevectl: one call each, one line of JSON, nothing on stderr."""

    def __init__(self, program):
        self.program, self.server, self.now, self.calls = program, [], [], 0

    def run(self, *words, data=None):
        self.calls += 1
        done = subprocess.run([self.program, *self.server, *self.now, *words], input=data, capture_output=True, check=False,
                              timeout=120)
        return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")

    def json(self, *words, data=None):
        status, out, err = self.run(*words, data=data)
        if status or err or out.count(b"\n") != 1:
            raise AssertionError("%s: exit %d, %r, %r" % (words, status, out[:300], err[:300]))
        return json.loads(out.decode("utf-8"))

    def ask(self, command, *fields):
        return getattr(self, "ask_" + command)(*[str(f) for f in fields])

    def ask_dns(self, address, _timeout):
        self.server = ["--dns", address.replace("@", ":")]
        return {}

    def ask_now(self, now):
        self.now = ["--now", now]
        return {}

    def ask_spf(self, client, helo, sender, receiver):
        got = self.json("-c", self.config("", receiver), "spf", "--client", client, "--helo", helo, "--from", sender)
        assert SPF_KEYS <= set(got) and got["result"] in WORDS, got
        got["problem"] = got.get("reason", "")
        return got

    def config(self, directives, hostname="mx.example.net"):
        path = os.path.join(WORK.name, "mailreeve.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(CONF % (hostname, WORK.name, directives))
        return path

    def ask_dkim(self, path, bits="", sha1=""):
        words = ["-c", self.config("minimum-rsa-bits %s; accept-sha1 %s;" % (bits, "on" if sha1 == "1" else "off"))] if bits else []
        signatures = self.json(*words, "auth", path)["dkim"]
        for s in signatures:
            assert DKIM_KEYS <= set(s) and s["result"] in WORDS, s
        results = [s["result"] for s in signatures]
        return {"result": "pass" if "pass" in results else "fail", "signatures": signatures}

    def ask_arc(self, path):
        return self.json("auth", path)["arc"]

    def ask_auth(self, path, client, helo, sender):
        return {"auth": self.json("auth", "--client", client, "--helo", helo, "--from", sender, path)}


# ---- files as they come ----

def write(name, data):
    path = os.path.join(WORK.name, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def signed(probe, names="", key=OWN_KEY, mail=OWN_MAIL):
    """OWN_MAIL with a signature of ours, by the probe."""
    value = probe.ask("sign", write("sign.eml", mail), "example.org", "s1", write("own.pem", key.encode()), names, 1000, 0)["value"]
    return b"DKIM-Signature: " + value.encode() + b"\r\n" + mail


def suite_files(suite, probe):
    suite.zone(OWN_ZONE)
    mail = signed(probe)
    junk = b"".join(b"X-Junk-%d: %s\r\n" % (i, b"y" * 900) for i in range(200))
    for name, data, wanted in (
            ("plain", mail, ["pass"]),
            ("LF only", mail.replace(b"\r\n", b"\n"), ["pass"]),
            ("mbox, CRLF", b"From a@b Thu Jan  1 00:00:00 1970\r\n" + mail, ["pass"]),
            ("mbox, LF", b"From a@b Thu Jan  1 00:00:00 1970\n" + mail.replace(b"\r\n", b"\n"), ["pass"]),
            ("no newline at the end", mail.rstrip(b"\r\n"), ["pass"]),
            ("empty lines at the end", mail + b"\r\n\r\n", ["pass"]),
            ("180 KB of fields above", junk + mail, ["pass"]),
            ("changed", mail.replace(b"Hello", b"hello"), ["fail"]),
            ("no signature", OWN_MAIL, []),
            ("empty file", b"", []),
            ("only an mbox line", b"From a@b Thu Jan  1 00:00:00 1970\n", []),
            ("header without body", mail.partition(b"\r\n\r\n")[0] + b"\r\n", ["fail"]),
            ("NUL in the body", mail.replace(b"Hello", b"He\0lo"), ["fail"]),
            ("20 signatures", b"".join(mail.partition(b"From: a@")[0] for _ in range(19)) + mail, ["pass"] * 10 + ["policy"] * 10),
            ("not a signature", b"DKIM-Signature: nonsense\r\n" + mail, ["neutral", "pass"]),
            ("empty signature", b"DKIM-Signature:\r\n" + mail, ["neutral", "pass"]),
            ("tag twice", b"DKIM-Signature: v=1; d=a.example; d=b.example; s=x\r\n" + mail, ["neutral", "pass"])):
        path = write("file.eml", data)
        got = suite.probe.json("auth", path)
        suite.check(name, [s["result"] for s in got["dkim"]] == wanted and "spf" not in got, str(got))
        same = suite.probe.json("auth", "-", data=data)
        suite.check(name + " (stdin)", same == got, "%s is not %s" % (same, got))
    got = suite.probe.json("auth", write("file.eml", b"DKIM-Signature: a=rsa-sha256; d=Broken.Example; s=sel\r\n" + OWN_MAIL))
    suite.check("names of a broken one", (got["dkim"][0]["domain"], got["dkim"][0]["selector"]) == ("broken.example", "sel"), str(got))


def suite_time(suite, probe):
    """--now is the clock of x=."""
    suite.zone(OWN_ZONE)
    value = probe.ask("sign", write("sign.eml", OWN_MAIL), "example.org", "s1", write("own.pem", OWN_KEY.encode()), "", 1000, 2000)["value"]
    path = write("file.eml", b"DKIM-Signature: " + value.encode() + b"\r\n" + OWN_MAIL)
    for now, wanted in ((0, "pass"), (1999, "pass"), (2000, "pass"), (2001, "fail"), (4000000000, "fail")):
        suite.probe.ask("now", now)
        suite.check("at %d" % now, suite.probe.json("auth", path)["dkim"][0]["result"] == wanted, "not " + wanted)
    suite.probe.now = []


def suite_partial(suite, _probe):
    """l= short of the body passes, is called partial, and does not speak for the author."""
    if not dkim:
        return
    private = subprocess.run(["openssl", "genrsa", "-traditional", "1024"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, capture_output=True, check=True).stdout
    suite.zone({**OWN_ZONE, "l._domainkey.example.org": [("TXT", "p=" + base64.b64encode(der).decode())]})
    field = dkim.sign(OWN_MAIL, b"l", b"example.org", private, length=True)
    for name, body, result, partial, dmarc in (("whole", b"", "pass", False, "pass"), ("longer", b"more\r\n", "pass", True, "fail"),
                                                ("empty lines", b"\r\n\r\n", "pass", False, "pass")):
        got = suite.probe.json("auth", write("file.eml", field + OWN_MAIL + body))
        suite.check(name, (got["dkim"][0]["result"], got["dkim"][0]["partial"], got["dmarc"]["result"]) == (result, partial, dmarc), str(got))


def suite_usage(suite, _probe):
    """What is wrong is said on stderr, with nothing on stdout: 1 for what cannot be read, 2 for wrong usage."""
    suite.zone(OWN_ZONE)
    mail = write("ok.eml", OWN_MAIL)
    conf = suite.probe.config("")
    for words, status in (
            (["auth", "/nonexistent"], 1), (["auth", WORK.name], 1), (["auth"], 2), (["auth", mail, mail], 2),
            (["auth", "--client", "1.2.3", mail], 2), (["auth", "--what", mail], 2), (["auth", "--client"], 2),
            (["spf"], 2), (["spf", "--client", "192.0.2.1", "extra"], 2), (["spf", "--client", "x", "--helo", "", "--from", ""], 2),
            (["spf", "--helo", "a", "--from", "b@c"], 2), (["-c", "/nonexistent", "auth", mail], 1),
            (["-c", conf, "scan", "--json", "/nonexistent"], 1), (["-c", conf, "scan", "--json"], 2),
            (["-c", conf, "scan", "--client", "nope", mail], 2), (["--now", "never", "auth", mail], 2), (["--dns", "nonsense", "auth", mail], 2)):
        got, out, err = suite.probe.run(*words)
        suite.check(" ".join(words), got == status and not out and err, "exit %d, %r, %r" % (got, out, err))
    got, out, err = suite.probe.run("-c", conf, "scan", "--json", "/nonexistent", mail)
    suite.check("one of two files", got == 1 and out.count(b"\n") == 1 and "/nonexistent" in err, "exit %d, %r, %r" % (got, out, err))
    for words, domain in ((["--helo", "mx.example.org", "--from", ""], "mx.example.org"), (["--helo", "", "--from", "a@example.org"], "example.org"),
                          (["--helo", "", "--from", ""], ""), (["--helo", "h.example", "--from", "<a@example.org>"], "example.org"),
                          (["--helo", "h.example", "--from", "<>"], "h.example"), (["--helo", "h", "--from", "a@EXAMPLE.org"], "example.org")):
        got = suite.probe.json("spf", "--client", "192.0.2.9", *words)
        suite.check(" ".join(words), got["domain"] == domain, str(got))


def suite_mechanism(suite, _probe):
    """The term that decided, as written; an include's own when the name behind it passes; none where none matched."""
    suite.zone({
        "a.example": [("TXT", "v=spf1 ip4:192.0.2.0/28 ?A:host.example/24 include:b.example ~ptr:c.example -all")],
        "host.example": [("A", "198.51.100.1")],
        "b.example": [("TXT", "v=spf1 ip6:2001:db8::/32 -all")],
        "r.example": [("TXT", "v=spf1 redirect=b.example")],
        "n.example": [("TXT", "v=spf1 ip4:192.0.2.1")],
        "p.example": [("TXT", "v=spf1 ip4:192.0.2.999 -all")],
        "e.example": [("TXT", "v=spf1 include:none.example -all")]})
    for client, domain, result, mechanism in (
            ("192.0.2.3", "a.example", "pass", "ip4:192.0.2.0/28"), ("198.51.100.77", "a.example", "neutral", "?A:host.example/24"),
            ("2001:db8::1", "a.example", "pass", "include:b.example"), ("203.0.113.1", "a.example", "fail", "-all"),
            ("2001:db8::1", "r.example", "pass", "ip6:2001:db8::/32"), ("203.0.113.1", "r.example", "fail", "-all"),
            ("192.0.2.2", "n.example", "neutral", ""), ("192.0.2.2", "p.example", "permerror", ""),
            ("192.0.2.2", "e.example", "permerror", "include:none.example"), ("192.0.2.2", "none.example", "none", ""),
            ("::ffff:192.0.2.3", "a.example", "pass", "ip4:192.0.2.0/28")):
        got = suite.probe.json("spf", "--client", client, "--helo", "h.example", "--from", "u@" + domain)
        suite.check("%s %s" % (client, domain), (got["result"], got["mechanism"], got["domain"]) == (result, mechanism, domain), str(got))


def suite_idn(suite, probe):
    """U-labels are looked up and compared as A-labels: sender, d=, i=, From (RFC 7208 part 4.3, RFC 8616)."""
    key = OWN_ZONE["s1._domainkey.example.org"]
    suite.zone({"xn--bcher-kva.example": [("TXT", "v=spf1 ip4:192.0.2.1 -all")], "s1._domainkey.xn--bcher-kva.example": key,
                "_dmarc.xn--bcher-kva.example": [("TXT", "v=DMARC1; p=reject; adkim=s")]})
    utf8, ascii_name = "b\u00fccher.example", "xn--bcher-kva.example"
    for sender in ("a@" + utf8, "a@" + ascii_name, "a@B\u00dcCHER.example", "\u00e4@" + utf8):
        for client, result in (("192.0.2.1", "pass"), ("192.0.2.2", "fail")):
            got = suite.probe.json("spf", "--client", client, "--helo", "h.example", "--from", sender)
            suite.check(sender + client, (got["result"], got["domain"]) == (result, ascii_name), str(got))
    for author in (utf8, ascii_name):
        for domain in (utf8, ascii_name):
            for identity in ("", "i=@" + utf8, "i=@" + ascii_name, "i=x@other.example"):
                mail = ("From: a@%s\r\nSubject: x\r\n\r\nHello\r\n" % author).encode()
                value = probe.ask("sign", write("sign.eml", mail), domain, "s1", write("own.pem", OWN_KEY.encode()), "from", 1000, 0)["value"]
                field = b"DKIM-Signature: " + value.encode()
                got = suite.probe.json("auth", write("file.eml", field + b"\r\n" + mail))
                if identity:    # not signed with: only that it is read as inside or outside of d=
                    got = suite.probe.json("auth", write("file.eml", field.replace(b"v=1;", b"v=1; " + identity.encode() + b";") + b"\r\n" + mail))
                    outside = "outside" in got["dkim"][0]["reason"]
                    suite.check("%s %s" % (domain, identity), outside == ("other" in identity), str(got))
                    continue
                suite.check("%s signed by %s" % (author, domain), got["dkim"][0]["result"] == "pass" and got["dmarc"]["result"] == "pass" and
                            got["dkim"][0]["domain"] == domain, str(got))


# ---- DMARC ----

def walk_cases():
    if DATA:
        yield from auth_suites.load_json("/dmarc/treewalk-examples.json")["cases"]
    yield {"id": "own", "author_domain": "a.mail.example.com", "spf_domain": "example.com", "dkim_domain": "signing.example.com",
           "dmarc_records_exist": ["_dmarc.example.com"], "org_domain": {"a.mail.example.com": "example.com"}, "spf_aligned": True,
           "dkim_aligned": True, "policy_domain": "example.com"}


def suite_walk(suite, probe):
    """The tree-walk examples with a real client, a real signature and From."""
    for case in walk_cases():
        zone = auth_suites.walk_zone(case)
        zone[case["spf_domain"]] = zone.get(case["spf_domain"], []) + [("TXT", "v=spf1 ip4:192.0.2.1 -all")]
        zone["s1._domainkey." + case["dkim_domain"]] = OWN_ZONE["s1._domainkey.example.org"]
        suite.zone(zone)
        mail = ("From: a@%s\r\nSubject: x\r\n\r\nHello\r\n" % case["author_domain"]).encode()
        value = probe.ask("sign", write("sign.eml", mail), case["dkim_domain"], "s1", write("own.pem", OWN_KEY.encode()), "", 1000, 0)["value"]
        got = suite.probe.json("auth", "--client", "192.0.2.1", "--helo", "h.example", "--from", "b@" + case["spf_domain"],
                               write("file.eml", b"DKIM-Signature: " + value.encode() + b"\r\n" + mail))
        dmarc = got["dmarc"]
        suite.check(case["id"], got["spf"]["result"] == "pass" and got["dkim"][0]["result"] == "pass" and
                    (dmarc["spf_aligned"], dmarc["dkim_aligned"], dmarc["domain"]) ==
                    (case["spf_aligned"], case["dkim_aligned"], case["policy_domain"]), "want %s, got %s" % (case, got))


POLICIES = [    # record of example.org, of sub.example.org, author, does the author's name exist, policy, domain
    ("p=reject", None, "example.org", True, "reject", "example.org"),
    ("p=reject", None, "sub.example.org", True, "reject", "example.org"),
    ("p=reject; sp=quarantine", None, "sub.example.org", True, "quarantine", "example.org"),
    ("p=reject; sp=quarantine; np=none", None, "sub.example.org", True, "quarantine", "example.org"),
    ("p=none; sp=quarantine; np=reject", None, "gone.example.org", False, "reject", "example.org"),
    ("p=none; np=reject", None, "gone.example.org", False, "reject", "example.org"),
    ("p=none; sp=quarantine", None, "gone.example.org", False, "quarantine", "example.org"),
    ("p=reject", "p=none", "sub.example.org", True, "none", "sub.example.org"),
    ("p=reject; t=y", None, "example.org", True, "quarantine", "example.org"),
    ("p=quarantine; t=y", None, "example.org", True, "none", "example.org"),
    ("p=none; t=y", None, "example.org", True, "none", "example.org"),
    ("p=reject; sp=quarantine; t=y", None, "sub.example.org", True, "none", "example.org"),
    ("p=reject; pct=0; rf=afrf; ri=1", None, "example.org", True, "reject", "example.org"),
    ("p=reject; pct=50; sp=none", None, "example.org", True, "reject", "example.org"),
    ("P = REJECT ; adkim = S", None, "example.org", True, "reject", "example.org"),
    ("p=nonsense; rua=mailto:a@example.org", None, "example.org", True, "none", "example.org"),
    ("sp=reject; rua=mailto:a@example.org", None, "example.org", True, "none", "example.org"),
]


def suite_policy(suite, _probe):
    """p, sp and np, and what t=y makes of them; pct, rf and ri are history."""
    for main_record, sub_record, author, exists, policy, domain in POLICIES:
        zone = {"_dmarc.example.org": [("TXT", "v=DMARC1; " + main_record)], "example.org": [("A", "192.0.2.1")]}
        if sub_record:
            zone["_dmarc.sub.example.org"] = [("TXT", "v=DMARC1; " + sub_record)]
        if exists:
            zone.setdefault(author, []).append(("A", "192.0.2.1"))
        suite.zone(zone)
        got = suite.probe.json("auth", write("file.eml", b"From: a@" + author.encode() + b"\r\n\r\nx\r\n"))["dmarc"]
        suite.check("%s / %s: %s" % (main_record, sub_record, author), (got["result"], got["policy"], got["domain"]) == ("fail", policy, domain), str(got))
    for records, result in (([], "none"), (["v=DMARC1; p=reject", "v=DMARC1; p=none"], "none"), (["v=DMARC1; p=reject", "hello"], "fail"), (["v=DMARC2; p=reject"], "none"),
                            (["p=reject; v=DMARC1"], "none"), (["v=DMARC1"], "none"), (["v=dmarc1; p=reject"], "none"), (["v=DMARC1; p=nonsense"], "none")):
        suite.zone({"_dmarc.example.org": [("TXT", r) for r in records]})
        got = suite.probe.json("auth", write("file.eml", b"From: a@example.org\r\n\r\nx\r\n"))["dmarc"]
        suite.check(str(records), got["result"] == result, str(got))
    suite.zone({"_dmarc.example.org": ["SERVFAIL"]})
    got = suite.probe.json("auth", write("file.eml", b"From: a@example.org\r\n\r\nx\r\n"))["dmarc"]
    suite.check("no answer", got["result"] == "temperror", str(got))


# ---- scan says what auth says ----

def messages():
    for folder in ("dkim/rfc-vectors", "dkim/mail-dkim/corpus", "dkim/dkimpy"):
        path = os.path.join(DATA, folder)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            if name.endswith((".eml", ".txt", ".msg", ".message")):
                yield os.path.join(path, name)


def suite_scan(suite, probe):
    """One call over all files; the order is free, `file` as given, one line each."""
    suite.zone({**auth_suites.mail_dkim_zone(), **OWN_ZONE} if DATA else OWN_ZONE)
    files = list(messages()) if DATA else []
    files += [write("one.eml", signed(probe)), write("two.eml", signed(probe).replace(b"\r\n", b"\n")), write("three.eml", OWN_MAIL)]
    identity = ["--client", "192.0.2.1", "--helo", "mx.example.org", "--from", "a@example.org"]
    conf = suite.probe.config("")
    status, out, err = suite.probe.run("-c", conf, "scan", "--json", *identity, "--rcpt", "u@example.net", *files)
    lines = [json.loads(line) for line in out.decode("utf-8").splitlines()]
    suite.check("all files", status == 0 and not err and sorted(l["file"] for l in lines) == sorted(files), "exit %d %r" % (status, err[:200]))
    for line in lines:
        auth = suite.probe.json("auth", *identity, line["file"])
        got = {k: v for k, v in line["auth"].items() if k != "iprev"}
        suite.check(os.path.basename(line["file"]), got == auth, "scan %s\n      auth %s" % (got, auth))
        added = [c for c in line["changes"] if c["op"] == "add-header" and c["name"] == "Authentication-Results"]
        suite.check(os.path.basename(line["file"]) + " field", len(added) == 1 and added[0]["value"].startswith("mx.example.net;"), str(added))
        results = probe.ask("authres", added[0]["value"], "mx.example.net")
        words = [r["result"] for r in results["results"] if r["method"] == "dkim"]
        suite.check(os.path.basename(line["file"]) + " results", results["ok"] and
                    words == ([s["result"] for s in auth["dkim"]] or ["none"]), "%s: %s" % (words, auth["dkim"]))


SUITES = {"files": suite_files, "time": suite_time, "partial": suite_partial, "usage": suite_usage, "mechanism": suite_mechanism, "idn": suite_idn, "walk": suite_walk, "policy": suite_policy,
          "scan": suite_scan}
# `all` has those too that take their time and go through the same functions as these.
PUBLIC = ["own", "spf7208", "dkim-rfc", "dkimpy"]
MORE = ["spf4408", "pyspf", "mail-dkim", "arc", *("odd-" + name for name in auth_odd.SUITES)]


def run_public(name, cli, server):
    suite = Suite("cli " + name, cli, server)
    suite.name = name
    if name.startswith("odd-"):
        auth_odd.SUITES[name[4:]](suite)
    else:
        auth_suites.SUITES[name](suite)
    suite.name = "cli " + name
    return suite.report()


def main():
    cli, server, good = Cli(os.path.abspath(sys.argv[1])), auth_suites.FakeDns(), True
    probe = Probe(sys.argv[2])
    cli.ask_sign = lambda *f: probe.ask("sign", *f)    # nothing that a command does
    groups = {"public": [n for n in PUBLIC if DATA or n == "own"], "contract": list(SUITES), "all": PUBLIC + MORE + list(SUITES)}
    for name in [n for word in sys.argv[3:] or ["public", "contract"] for n in groups.get(word, [word])]:
        if name not in SUITES:
            good &= run_public(name, cli, server)
            continue
        suite = Suite("cli " + name, cli, server)
        SUITES[name](suite, probe)
        good &= suite.report()
    print("%d calls" % cli.calls)
    shutil.rmtree(WORK.name, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
