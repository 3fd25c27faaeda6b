#!/usr/bin/python3
"""What SpamAssassin's own tests expect of rules: each run with its configuration and message here.

    sa_expectations.py [-v] [--fast]

The folder that REEVE_TESTDATA names holds the expectations; REEVE_CTL is the reevectl to ask. A run
that needs what is not a rule engine (the network, spamd, Bayes, its reports) is counted with that
reason; of the others every rule name that must or must not appear is checked, and the score where
one is given. A difference must be in KNOWN with its cause; one that is there no longer must go.
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

DATA = os.path.join(os.environ.get("REEVE_TESTDATA", ""), "spamassassin")
CTL = os.environ.get("REEVE_CTL", "./reevectl")
VERBOSE = "-v" in sys.argv
FAST = "--fast" in sys.argv    # each eighth run

# Runs that ask for something that a rule engine is not, by the name of the script.
ELSEWHERE = {
    r"spamc|spamd|root_": "speaks to spamd",
    r"spf|dmarc|arc\.t|authres|dkim": "sender authentication: filters spf, dkim, dmarc, arc",
    r"dnsbl|uribl|askdns|hashbl|net\.t|async": "asks the DNS: filters dnsbl and url",
    r"dcc|pyzor|razor|decodeshorturl|redirectors": "asks a network service",
    r"autolearn|bayes|awl|sql_": "learns: filters learn and reputation",
    r"report|desc_wrap|markup|tainted|prefs_include|debug|lint|config_text|all_modules|timeout": "is about reports and options",
    r"plugin|compile|shortcircuit|recursion|metadata|get_all_headers|if_can": "calls Perl code of the test",
    r"relaycountry|asn": "needs a country database",
    r"olevbmacro|pdfinfo": "looks inside documents: filter attachment",
}

# Script, rule: why it differs.
KNOWN = {
    ("freemail.t", "FREEMAIL_FROM"): "freemail_import_whitelist_auth is not read: off, as by default",
    ("freemail_welcome_block.t", "FREEMAIL_FROM"): "freemail_import_welcomelist_auth is not read: off, as by default",
    ("fromnamespoof.t", "FROMNAME_EQUALS_TO"): "the plugin FromNameSpoof is not there",
    ("fromnamespoof.t", "FROMNAME_EQUALS_REPLYTO"): "the plugin FromNameSpoof is not there",
    ("rule_multiple.t", "META_EVAL_RULE"): "an eval function in Perl that comes with the test",
}


def elsewhere(script):
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, script)), None)


def write_configuration(folder, run):
    """The files that SpamAssassin's test harness lays out, in the order it reads them."""
    texts = collections.defaultdict(str)
    for part in run["config"]:
        texts[part["kind"]] += part["text"] + "\n"
    names = {"tstpre": "00_test.pre", "tstlocalrules": "50_local.cf", "tstprefs": "60_prefs.cf"}
    for kind, name in names.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(texts[kind])
    files = [os.path.join(DATA, "trunk-rules/rules/*.pre"), os.path.join(DATA, "tdata/01_test_rules.pre"),
             os.path.join(folder, names["tstpre"]), os.path.join(DATA, "trunk-rules/rules/*.cf"),
             os.path.join(DATA, "tdata/01_test_rules.cf"), os.path.join(folder, names["tstlocalrules"]),
             os.path.join(folder, names["tstprefs"])]
    path = os.path.join(folder, "test.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("filter rules {\n%s\treport-subrules on;\n\tbudget 60s;\n}\n" %
                "".join('\tload "%s";\n' % os.path.abspath(name) for name in files))
    return path


def hits(run):
    """Rules that hit with their scores; None when the configuration was refused."""
    with tempfile.TemporaryDirectory() as folder:
        message = os.path.join(DATA, "tdata", run["message"][len("data/"):])
        done = subprocess.run([CTL, "-c", write_configuration(folder, run), "scan", "--offline", "--json", message],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode or not done.stdout:
        return None, done.stderr.decode("utf-8", "replace")
    found = json.loads(done.stdout.decode("utf-8", "replace"))["findings"]
    return {f["name"]: f["score"] for f in found if f["filter"] == "rules"}, ""


def rule_of(text, run):
    """The rule and the score that an expected text names; None when it is about something else."""
    match = re.fullmatch(r"(?:(-?\d+(?:\.\d+)?)\s+)?([A-Za-z_][A-Za-z0-9_]{2,})(?:\s.*)?", text.strip())
    if not match or not re.search(r"\b%s\b" % match[2], json.dumps(run["config"])):
        return None
    return match[2], None if match[1] is None else float(match[1])


def differences(run):
    """(rule, what is wrong) for each expectation that does not hold; the number of those checked."""
    wanted = [r for r in (rule_of(t, run) for t in run["expect"]) if r]
    unwanted = [r for r in (rule_of(t, run) for t in run["forbid"]) if r]
    if not wanted and not unwanted:
        return [], 0
    found, error = hits(run)
    if found is None:
        return [("configuration", error.strip().splitlines()[0] if error.strip() else "refused")], 1
    out = [(rule, "must hit") for rule, _ in wanted if rule not in found]
    out += [(rule, "scores %.2f, not %.1f" % (found[rule], score)) for rule, score in wanted
            if score is not None and rule in found and abs(found[rule] - score) > 0.051]
    out += [(rule, "must not hit") for rule, _ in unwanted if rule in found]
    return out, len(wanted) + len(unwanted)


def main():
    if not os.path.isdir(DATA):
        print("skipped: REEVE_TESTDATA names no test data")
        return 77
    with open(os.path.join(DATA, "t-expectations.json"), encoding="utf-8") as f:
        runs = json.load(f)
    skipped, checked, done, bad, seen, candidates = collections.Counter(), 0, 0, 0, set(), 0
    for run in runs:
        script = os.path.basename(run["script"])
        why = elsewhere(script)
        message = (run["message"] or "")
        if not why and not (message.startswith("data/") and
                            os.path.isfile(os.path.join(DATA, "tdata", message[len("data/"):]))):
            why = "makes its message itself"
        if why:
            skipped[why] += 1
            continue
        candidates += 1
        if FAST and candidates % 8:
            skipped["not in this sample"] += 1
            continue
        wrong, count = differences(run)
        if count == 0:
            skipped["expects no rule"] += 1
        done += count > 0
        checked += count
        for rule, what in wrong:
            cause = KNOWN.get((script, rule))
            seen.add((script, rule))
            bad += cause is None
            print("%s %s: %s %s%s" % (script, message, rule, what, ": " + cause if cause else " (unknown cause)"))
    for stale in sorted(set() if FAST else set(KNOWN) - seen):
        print("%s: %s is as expected now: take it out of KNOWN" % stale)
        bad += 1
    print("%d runs, %d checked with %d expectations, %d differ without a known cause" % (len(runs), done, checked, bad))
    for why, count in skipped.most_common():
        print("  %3d %s" % (count, why))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
