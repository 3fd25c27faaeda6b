"""RFC 9989 once more, slowly: policy discovery and alignment over a zone that is a dict.

Written from the text, part by part, and from nothing of auth/: it walks whole trees and keeps every
record, where auth/dmarc.c stops as soon as it knows.
"""
import re

POLICIES = ("none", "quarantine", "reject")


class Temporary(Exception):
    """A question that got no answer."""


def texts(zone, name):
    records = zone.get(name, [])
    if "SERVFAIL" in records:
        raise Temporary(name)
    return [value for kind, value in records if kind == "TXT"]


def exists(zone, name):
    """Part 3.2.13, by RFC 8020: a name with anything at it or below."""
    return any(n == name or n.endswith("." + name) for n in zone)


def read(text):
    """Parts 4.7, 4.8: the tags, or None when this is no record of DMARC."""
    tags = {}
    for number, spec in enumerate(text.split(";")):
        name, equals, value = (t.strip(" \t") for t in spec.partition("="))
        if number == 0:
            if name.lower() != "v" or value != "DMARC1":
                return None
        elif equals:
            tags.setdefault(name.lower(), value)
    return tags


def record_at(zone, domain):
    """4.10, steps 1, 2, 5 and 6."""
    found = [tags for tags in map(read, texts(zone, "_dmarc." + domain)) if tags is not None]
    return found[0] if len(found) == 1 else None


def targets(domain):
    """4.10, steps 3, 4 and 7: the names to ask for."""
    labels = domain.split(".")
    yield domain
    labels = labels[1:] if len(labels) < 8 else labels[-7:]
    while labels:
        yield ".".join(labels)
        labels = labels[1:]


def letter(tags, name, letters, usual):
    value = tags.get(name, usual).lower()
    return value if len(value) == 1 and value in letters else usual


def walk(zone, domain):
    """[(domain, record)] from the longest to the shortest."""
    found = []
    for target in targets(domain):
        record = record_at(zone, target)
        if record is None:
            continue
        found.append((target, record))
        if letter(record, "psd", "ynu", "u") in "yn":
            break
    return found


def organization(zone, domain):
    """4.10.2"""
    found = walk(zone, domain)
    for target, record in found:
        psd = letter(record, "psd", "ynu", "u")
        if psd == "n":
            return target
        if psd == "y" and target != domain:
            below = domain[:-len(target) - 1]
            return below.rpartition(".")[2] + "." + target
    return found[-1][0] if found else domain


def discover(zone, author):
    """4.10.1: (domain, record), or None."""
    own = record_at(zone, author)
    if own is not None:
        return author, own
    found = dict(walk(zone, author))
    top = organization(zone, author)
    if top in found:
        return top, found[top]
    for target, record in found.items():
        if letter(record, "psd", "ynu", "u") == "y":
            return target, record
    return None


def policy(zone, author, domain, record):
    """The policy as it is applied, or None where DMARC does not apply (end of 4.10.1; t of 4.7)."""
    values = {name: record[name].lower() for name in ("p", "sp", "np") if name in record}
    if values.get("p") not in POLICIES or any(v not in POLICIES for v in values.values()):
        if not re.search(r"(?i)(^|,)\s*mailto:[^@,\s]+@[^,\s]+", record.get("rua", "")):
            return None
        values = {"p": "none"}
    chosen = values["p"]
    if author != domain:
        chosen = values.get("sp", chosen)
        if "np" in values and not exists(zone, author):
            chosen = values["np"]
    lower = letter(record, "t", "yn", "n") == "y" and chosen != "none"
    return POLICIES[POLICIES.index(chosen) - lower]


def aligned(zone, author, record, identifier, tag):
    if not identifier:
        return False
    if identifier == author:
        return True
    return letter(record, tag, "rs", "r") == "r" and organization(zone, identifier) == organization(zone, author)


def check(zone, author, spf, dkim):
    """(result, policy, domain, SPF is aligned, DKIM is aligned)"""
    found = discover(zone, author)
    chosen = policy(zone, author, *found) if found else None
    if chosen is None:
        return "none", None, "", False, False
    domain, record = found
    ids = aligned(zone, author, record, spf, "aspf"), any([aligned(zone, author, record, d, "adkim") for d in dkim])
    return "pass" if any(ids) else "fail", chosen, domain, *ids
