"""What auth_differential.py compares with: signed mail with something changed, random SPF records, trees of DMARC."""
import ipaddress
import re

import auth_odd_arc


# ---- signed messages, and chains, with something changed ----

def swap_case(rand, text):
    at = rand.randrange(len(text))
    return text[:at] + text[at:at + 1].swapcase() + text[at + 1:]


def cut(rand, text):
    at = rand.randrange(len(text))
    return text[:at] + text[at + 1:]


def double(rand, text):
    at = rand.randrange(len(text))
    return text[:at] + text[at:at + 1] + text[at:]


def insert(rand, text):
    at = rand.randrange(len(text) + 1)
    return text[:at] + rand.choice([b" ", b"\t", b"\r\n ", b"\r\n\t", b";", b"=", b":", b"a", b"\x80", b"  ", b",", b"\r\n"]) + text[at:]


def add_tag(rand, text):
    tag = rand.choice([b"l=3", b"l=0", b"l=99999", b"l=x", b"l=-1", b"i=joe@example.org", b"i=@sub.example.org", b"i=@example.net", b"i=example.org",
                       b"q=dns/txt", b"q=dns", b"z=From:a", b"t=1", b"x=9999999999", b"x=1", b"x=z", b"t=abc", b"v=1", b"v=2", b"y=", b"1=2", b"n=hi there"])
    head, mark, tail = text.partition(b"h=")
    return head + tag + b"; " + mark + tail


def change_tag(rand, text):
    name, values = rand.choice([(b"a", [b"rsa-sha1", b"RSA-SHA256", b"ed25519-sha256", b"rsa", b""]), (b"c", [b"relaxed", b"simple", b"simple/relaxed", b"Relaxed/Relaxed", b"x/y", b""]),
                                (b"d", [b"Example.ORG", b"example.org.", b"example.net", b"sub.example.org", b""]), (b"s", [b"RSA", b"none", b""]),
                                (b"h", [b"from", b"subject", b"From : Subject", b"from:", b":from", b""]), (b"v", [b"1.0", b"01", b"", b"2"])])
    return re.sub(rb"(?<![a-z0-9])%s=[^;]*" % name, name + b"=" + rand.choice(values), text, count=1)


def shuffle(rand, fields):
    return rand.sample(fields, len(fields))


def drop(rand, fields):
    at = rand.randrange(len(fields))
    return fields[:at] + fields[at + 1:]


def repeat(rand, fields):
    return [*fields[:rand.randrange(len(fields))], rand.choice(fields), *fields]


def shuffle_tags(rand, text):
    specs = [s.strip() for s in text.split(b";")]
    return b" " + b";\r\n\t".join(rand.sample(specs, len(specs)))


def fold_tags(rand, text):
    return re.sub(rb"; ?", lambda m: rand.choice([b";", b"; ", b";\r\n ", b" ;\r\n\t", b";\t"]), text)


def drop_tag(rand, text):
    specs = text.split(b";")
    del specs[rand.randrange(len(specs))]
    return b";".join(specs)


def repeat_tag(rand, text):
    specs = text.split(b";")
    return b";".join([*specs, rand.choice(specs)])


def on_fields(change):
    """Something done to the list of fields, each with what it is folded to."""
    def mutate_fields(rand, message):
        head, end, body = message.partition(b"\r\n\r\n")
        fields = re.split(rb"\r\n(?![ \t])", head)
        return b"\r\n".join(change(rand, fields)) + end + body
    return mutate_fields


def refold(rand, fields):
    return [re.sub(rb" ", lambda m: rand.choice([b" ", b"\r\n ", b"\t", b"  "]), f) if rand.random() < 0.4 else f for f in fields]


def add_field(rand, fields):
    at = rand.randrange(len(fields) + 1)
    return [*fields[:at], rand.choice([b"X-New: 1", b"Subject: x", b"From: Joe <joe@example.org>", b"To:", b"Received: x", b"subject : y"]), *fields[at:]]


def in_body(change):
    def mutate_body(rand, message):
        head, end, body = message.partition(b"\r\n\r\n")
        return head + end + change(rand, body)
    return mutate_body


def end_body(rand, body):
    return rand.choice([body.rstrip(b"\r\n"), body + b"\r\n\r\n", body + b" \r\n", body + b"more\r\n", body.rstrip(b"\r\n") + b" \t\r\n", b"", b"\r\n"])


def blanks_in_body(rand, body):
    return re.sub(rb" +|(?=\r\n)", lambda m: rand.choice([b" ", b"  ", b"\t", m.group(), m.group()]), body)


FIELD_CHANGES = [swap_case, cut, double, insert, add_tag, change_tag]
TAG_CHANGES = [shuffle_tags, fold_tags, drop_tag, repeat_tag]
MESSAGE_CHANGES = [swap_case, cut, double, insert, insert, *map(on_fields, (shuffle, drop, repeat, refold, add_field)), in_body(end_body), in_body(blanks_in_body)]
RECORD_CHANGES = [swap_case, cut, double, insert,
                  lambda rand, t: rand.choice([b"k=rsa; ", b"k=ed25519; ", b"h=sha1; ", b"h=sha256:sha1; ", b"s=email; ", b"s=*; ", b"s=tlsrpt; ", b"t=y; ", b"t=s; ",
                                                 b"t=y:s; ", b"g=; ", b"n=x; ", b"v=DKIM2; ", b"; ", b"p=; "]) + t,
                  lambda rand, t: t + rand.choice([b"; t=s", b";", b"; ;", b" ", b"; k=rsa", b"; h=sha512", b"; s=other"])]


def change_field(rand, fields):
    at = rand.randrange(len(fields))
    name, value = fields[at]
    change = rand.choice([*FIELD_CHANGES, change_chain_tag, change_chain_tag])
    if name not in auth_odd_arc.KINDS.values():
        change = rand.choice(FIELD_CHANGES[:4])
    return [*fields[:at], (name, change(rand, value)), *fields[at + 1:]]


def change_chain_tag(rand, text):
    name, values = rand.choice([(b"i", [b"0", b"1", b"2", b"3", b"4", b"01", b"51", b"", b"1 ", b"x"]), (b"cv", [b"none", b"pass", b"fail", b"", b"None"]),
                                (b"t", [b"1", b"", b"x"]), (b"d", [b"example.net", b"Example.org"]), (b"bh", [b"", b"AAAA"]), (b"b", [b"", b"AAAA"])])
    return re.sub(rb"(?<![a-z0-9])%s=[^;]*" % name, name + b"=" + rand.choice(values), text, count=1)


CHAIN_CHANGES = [shuffle, drop, repeat, *[change_field] * 5]


# ---- SPF ----

NAMES = ["example.org", "a.example.org", "b.example.org", "mx.example.org", "loop.example.org", "void.example.org", "c.example.net"]
ADDRESSES = ["192.0.2.1", "192.0.2.77", "198.51.100.3", "2001:db8::1", "2001:db8:0:1::9"]


ODD_DOMAINS = [":%{d}.", ":%{s}", ":%{l-}.%{d}", ":%{L}.example.org", ":%{i}.example.org", ":%{h1r}.org", ":%{d0}", ":%{c}.org", ":%%.example.org",
               ":%_x.example.org", ":EXAMPLE.org", ":example.org.", ":a_b.example.org", ":-x.example.org", ":x-.example.org", ":example.o-g", ":example.1",
               ":%s.example.org" % ("a" * 63), ":%s.example.org" % ("a" * 64), ":%{d9}", ":%{d2r.-}", ":%{D}", ":%{O2}", ":" + "%{d}." * 20 + "org", ":%{p}",
               ":%{ir}.%{v}._SPF.example.org", ":%{i}", ":%{l+.}.x.org", ":%{l1r-=,_}.org", ":%{t}.org", ":%{d}%", ":%{d2", ":%(d)", ":", ":.", ":x.", ":*.example.org",
               ":a:b.example.org", ":a/b.example.org", ":%{h}/24", ":exa\xe4mple.org", ":%{r}"]
ODD_TERMS = ["IP4:192.0.2.1", "Ip6:2001:DB8::1", "A", "MX//64", "a/", "a//", "a/24//", "a//64/24", "a/24/64", "ip4:192.0.2.01", "ip4:192.0.2.1/24/24", "ip4:192.0.2.256",
             "ip4:1.2.3.4.5", "ip4: 192.0.2.1", "ip6:1:2:3:4:5:6:1.2.3.4", "ip6:::", "ip6:2001:db8::1/64", "ip6:[2001:db8::1]", "ip6:2001:db8::1/0", "ip6:2001:db8:::1",
             "ip6:2001:db8::1%eth0", "ip6:2001:db8::1/064", "ip6:02001:db8::1", "ip4:192.0.2.1/032", "ip4:0300.0.2.1", "all.", "ALL", "all=", "-All", "include:%{d}", "Include:example.org", "include:example.org/24", "redirect=%{l}.example.org",
             "Redirect=loop.example.org", "redirect=loop.example.org", "REDIRECT=example.org", "exp=%{d}.example.org", "exp=%{c}.example.org", "EXP=why.example.org", "exists:%{ir}..example.org",
             "\tall", "a\t", "", "", "x=", "x=%{d", "x=%{c}%{r}%{t}", "x=%%", "x=%", "_x=1", "x.y=1", "x:y=1", "=x", ":x", "/24", "a/24:example.org", "ptr:", "ptr/24", "PTR",
             "v=spf1", "moo=%{i}/%{c}", "ip4", "ip6:", "?", "-", "~~all", "a:example.org//128", "a:example.org//129", "mx/33", "mx:example.org/0//0", "exists:example.org/24"]


def odd_domain(rand):
    return rand.choice(ODD_DOMAINS) if rand.random() < 0.5 else random_domain(rand)


def odd_term(rand):
    mark, roll = rand.choice(["", "", "+", "-", "~", "?"]), rand.random()
    if roll < 0.4:
        return rand.choice(ODD_TERMS)
    if roll < 0.7:
        return mark + rand.choice(["a", "mx", "exists", "include", "ptr", "A", "Exists"]) + odd_domain(rand) + rand.choice(["", "", "", "/24", "//64"])
    return random_term(rand)


def odd_record(rand):
    head = rand.choice(["v=spf1 "] * 12 + ["V=spf1 ", "v=SPF1 ", "v=spf1", " v=spf1 ", "v=spf1  ", "v=spf2.0 "])
    return head + rand.choice([" ", " ", " ", "  "]).join(odd_term(rand) for _ in range(rand.randrange(1, 4))) + rand.choice(["", "", " ", " -all", " ?all"])


def random_domain(rand):
    return rand.choice(["", "", ":" + rand.choice(NAMES), ":%{d}", ":%{d2}", ":%{ir}.%{v}._spf.%{d2}", ":%{l}.example.org", ":%{o}", ":%{h}",
                        ":x..example.org", ":org", ":%{x}", ":%{d1r}.example.org", ":nowhere.example.org", ":%{p}.example.org"])


def random_term(rand):
    mark = rand.choice(["", "", "+", "-", "~", "?"])
    kind = rand.randrange(11)
    if kind == 0:
        return mark + "ip4:" + rand.choice(["192.0.2.0/24", "192.0.2.1", "192.0.2.64/26", "1.2.3", "192.0.2.1/33", "0.0.0.0/0", "192.0.2.1/0"])
    if kind == 1:
        return mark + "ip6:" + rand.choice(["2001:db8::/32", "2001:db8::1", "::/0", "192.0.2.1", "2001:db8::/129", "::ffff:192.0.2.1"])
    if kind in (2, 3):
        return mark + "a" + random_domain(rand) + rand.choice(["", "", "", "/24", "//64", "/24//64", "/33", "/0", "//0"])
    if kind in (4, 5):
        return mark + "mx" + random_domain(rand) + rand.choice(["", "", "/24", "//64", "/24//64"])
    if kind == 6:
        return mark + "ptr" + random_domain(rand)
    if kind == 7:
        return mark + "exists" + random_domain(rand)
    if kind == 8:
        return mark + "include:" + rand.choice(NAMES)
    if kind == 9:
        return mark + "all"
    return rand.choice(["redirect=" + rand.choice(NAMES), "exp=why.example.org", "x-y=%{d}", "unknown", "a=b", "exp=", "mx=", "redirect=%{d3}"])


def random_record(rand):
    return "v=spf1 " + " ".join(random_term(rand) for _ in range(rand.randrange(1, 6)))


EXPLANATIONS = ["%{i} is not for %{d}", "plain", "%{q}", "%{c} %{r}", "%{S} %{l1r}", "100%", "%%%_%-", "", "%{h}", "%{p}"]


def random_zone(rand, is_odd=False):
    zone = {"why.example.org": [("TXT", rand.choice(EXPLANATIONS if is_odd else EXPLANATIONS[:3]))]}
    for name in NAMES:
        records = []
        if rand.random() < 0.85 and name != "void.example.org":
            records.append(("TXT", (odd_record if is_odd else random_record)(rand)))
        if rand.random() < 0.05:
            records.append(("TXT", "v=spf1 -all"))
        for address in rand.sample(ADDRESSES, rand.randrange(0, 3)):
            records.append(("AAAA" if ":" in address else "A", address))
        for target in rand.sample(NAMES, rand.choice([0, 0, 1, 2])):
            records.append(("MX", (10, target)))
        if records:
            zone[name] = records
    for address, name in zip(ADDRESSES, rand.sample(NAMES, len(ADDRESSES))):
        if rand.random() < 0.7:
            zone[nibbles(address)] = [("PTR", name + ".")]
    zone["1.2.0.192.in-addr._spf.example.org"] = [("A", "127.0.0.2")]
    return zone


def nibbles(address):
    return ipaddress.ip_address(address).reverse_pointer


SENDERS = ["joe", "joe", "", "a.b", "a-b+c", "Joe_x", "\"a b\"", "x" * 70]


# ---- DMARC ----

def random_policy(rand):
    """A record, as often as not an odd one."""
    words = ["none", "quarantine", "reject"]
    version = rand.choice(["v=DMARC1"] * 8 + ["V = DMARC1 ", "v=dmarc1", "v=DMARC2", "v=spf1 -all", " v=DMARC1", "v=DMARC1 x"])
    tags = []
    for name, chance in (("p", 0.9), ("sp", 0.3), ("np", 0.3)):
        if rand.random() < chance:
            tags.append(name + "=" + rand.choice(words * 6 + ["Reject", " none ", "bogus", ""]))
    for name, values, chance in (("psd", "yynnu" "x", 0.35), ("t", "yyn" "x", 0.3), ("adkim", "rrss" "Sx", 0.3), ("aspf", "rrss" "Sx", 0.3)):
        if rand.random() < chance:
            tags.append(name + "=" + rand.choice(values))
    if rand.random() < 0.2:
        tags.append("rua=" + rand.choice(["mailto:a@b.example", "mailto:", "https://b.example/", "x,mailto:a@b.example!5m", "mailto:a", ""]))
    if rand.random() < 0.2:
        tags.append(rand.choice(["pct=0", "foo=bar", "junk", "", "p=none", "psd=n", "1=2", "=", "rf=afrf", "t=y"]))
    if rand.random() < 0.3:
        rand.shuffle(tags)
    return rand.choice(["; ", ";", " ; ", ";  "]).join([version, *tags]) + rand.choice(["", "", ";", " ;"])


def random_below(rand, name, depth):
    return ".".join([rand.choice("abcd") for _ in range(depth)] + [name])


def random_tree(rand):
    zone, names = {}, set()
    for top in ("example.com", "co.example", "org.example"):
        for depth in (0, 0, 1, 1, 2, 3, rand.randrange(4, 12)):
            names.add(random_below(rand, top, depth))
    names |= {"com", "example"}
    for name in sorted(names):
        if rand.random() < 0.4:
            count = rand.choice([1] * 12 + [2])
            zone["_dmarc." + name] = [("TXT", random_policy(rand)) for _ in range(count)]
        if rand.random() < 0.02:
            zone["_dmarc." + name] = ["SERVFAIL"]
        if rand.random() < 0.5:
            zone[name] = [(rand.choice([("A", "192.0.2.1"), ("TXT", "x")]))]
    return zone, sorted(n for n in names if "." in n)


# ---- From ----

AUTHORS = ["joe", "Joe Doe", '"Joe"', '"joe@c.example"', '"a b"', "(c)", "(joe@c.example)", "=?utf-8?q?a=40c=2Eexample?=", "=?utf-8?b?PGFAYy5leGFtcGxlPg==?=",
           "Group:", ";", ",", "<", ">", "@", ":", "\\", "\"", "(", ")", "[", "]", " ", "\t", "\r\n ", ".", "<joe@a.example>", "<b@b.example>", "joe@a.example",
           "x@b.example", "<@c.example:joe@a.example>", "<joe@a.example", "joe@b.example>", "\xe9", "\0", "<>", "<joe@a.example>x", "<<joe@a.example>>",
           "'joe@c.example'", "<joe @ a . example>", "joe@(x)b.example", "mailto:joe@b.example", '"\\"" <joe@b.example>', "<joe@a.example,x@b.example>",
           "From: x@c.example", "&lt;joe@c.example&gt;", "\uff1cjoe@c.example\uff1e", "joe\uff20c.example"]
AUTHOR_DOMAINS = ("a.example", "b.example", "c.example")


def random_author(rand):
    return "".join(rand.choice(AUTHORS) + rand.choice(["", " ", ""]) for _ in range(rand.randrange(1, 6)))
