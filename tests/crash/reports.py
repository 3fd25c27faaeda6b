#!/usr/bin/python3
"""DMARC aggregate reports outlive SIGKILL: while rows are collected, and while reports are made and sent.

    reports.py [--builddir DIR] [--kills N] [--seed N] [-k]

Messages of many domains are counted while the whole group, or one role, is ended at random moments;
a day later their reports are made, and the killing goes on amidst that. Then each domain has one
report that tells of all its messages but those of the documented window (WINDOW seconds before a
kill), and of no more than were sent. While the next hop is away none may be made twice; once it is
there a report may come twice, and then is the same report, when its delivery was in flight at a
kill, or when it was delivered before who hands reports over had noted that it did: one a kill at
most. After each kill the file must pass SQLite's integrity_check.
"""
import sys
sys.dont_write_bytecode = True

import argparse      # noqa: E402
import collections   # noqa: E402
import email         # noqa: E402
import gzip          # noqa: E402
import os            # noqa: E402
import random        # noqa: E402
import re            # noqa: E402
import signal        # noqa: E402
import threading     # noqa: E402
import time          # noqa: E402
import xml.etree.ElementTree as ET    # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash         # noqa: E402
import state         # noqa: E402
from mt.dnsd import Dns, Rule, TYPES, make_records, read_question    # noqa: E402

WINDOW = 0.25        # generous: this machine may be busy
DOMAINS = 20         # for each kill: it falls after a few more were reported of
STEP = 0.002         # what making and handing over one report takes, or a little more
DAY = 86400

CONFIG = """hostname mx.example.net;
relay example.net * {{ to {hop}; max-connections 4; }}
filter spf;
filter dkim;
filter dmarc {{ report on; report-from dmarc@example.net; }}
policy {{ at message {{ accept; }} }}
"""


class Gateway(crash.Gateway):
    """Of which a role may be killed before all are ready."""

    is_awaited = True

    def await_ready(self, where):
        if self.is_awaited:
            super().await_ready(where)


class Pacer(Dns):
    """Answers who asks for a destination's consent so many times, then no more: kills need not outrun anybody."""

    def __init__(self, name, host):
        self.left, self.seen, self.is_used_up = -1, set(), threading.Event()
        super().__init__(name, host)

    def allow(self, times):
        self.left = times
        self.is_used_up.clear()

    def later(self, packet, is_tcp, send):
        name = read_question(packet)[0]
        if "._report." in name and name not in self.seen:
            if self.left == 0:
                return
            self.left -= 1
            self.seen.add(name)
        super().later(packet, is_tcp, send)
        if self.left == 0:
            self.is_used_up.set()


class Reports(crash.Hop):
    """Keeps the reports beside the numbers: (domain, begin) -> what each delivery told."""

    def __init__(self, name, host):
        self.reports = {}
        super().__init__(name, host)

    def append(self, message):
        if message.headers("X-Number"):
            super().append(message)
        elif message.headers("Subject")[0].startswith("Report Domain:"):
            self.keep(message)
        # What else comes tells a sender that a message waits: the clock walks fast here.

    def keep(self, message):
        parts = email.message_from_bytes(message.raw).walk()
        packed = next(p for p in parts if p.get_content_type() == "application/gzip").get_payload(decode=True)
        report = strip(ET.fromstring(gzip.decompress(packed)))
        key = (report.findtext("policy_published/domain"), report.findtext("report_metadata/date_range/begin"))
        told = (report.findtext("report_metadata/report_id"), sum(int(c.text) for c in report.iter("count")),
                gzip.decompress(packed))
        with self.stamp:
            self.deliveries.setdefault(key, []).append((time.monotonic(), message.session))
            self.latest[message.session] = key
            self.reports.setdefault(key, []).append(told)


def strip(tree):
    """The names of the elements without their name space."""
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2]
    return tree


class Senders(crash.Load):
    """Sends from many domains in turn."""

    def __init__(self, domains, *args):
        self.domains, self.rate, self.began = domains, 0, time.monotonic()
        super().__init__(*args)

    def domain(self, number):
        return self.domains[number % len(self.domains)]

    def sender(self, number):
        return f"a@{self.domain(number)}"

    def head(self, number):
        return f"From: {self.sender(number)}\r\n"

    def stop(self):
        super().stop()
        self.rate = len(self.acked) / (time.monotonic() - self.began)


def make_zone(world, domains):
    world.dns.append(Pacer("d1", world.host))
    for name in domains:
        for owner, text in ((name, "v=spf1 -all"), (f"_dmarc.{name}", "v=DMARC1; p=none; rua=mailto:rua@collector.example"),
                            (f"{name}._report._dmarc.collector.example", "v=DMARC1")):
            rule = Rule()
            rule.records = make_records(TYPES["TXT"], [text.encode()])
            world.dns[0].rules[owner] = {TYPES["TXT"]: rule}


def kill_one(g, role, then=lambda: None):
    """SIGKILL to one role, whatever it does; the master starts it again. then: done in between."""
    old = g.role_pid(role)
    if old is None:
        raise crash.Failure("roles", f"there is no {role}")
    moment = time.monotonic()
    os.kill(old, signal.SIGKILL)
    then()
    if not crash.wait_for(lambda: g.role_pid(role) not in (None, old), 60):
        raise crash.Failure("roles", f"the {role} was not started again")
    return moment


def kill_all(g, then=lambda: None):
    moment = crash.kill(g)
    then()
    state.check(g)
    g.start("restart")
    return moment


def collect(world, g, domains, options, rng):
    """Load and kills; then each domain sends once more. Returns the load and the moments of the kills."""
    load = Senders(domains, (world.host, g.ports["PORT"]), 4, rng)
    kills = []
    for i in range(options.kills):
        time.sleep(WINDOW + rng.uniform(0.1, 0.5))
        kills.append(kill_one(g, "gateway") if i % 2 else kill_all(g))
    settled = len(load.acked)
    enough = crash.wait_for(lambda: len(load.acked) >= settled + len(domains) + 10, 120)
    load.stop()
    if not enough or not crash.wait_for(lambda: load.acked <= set(world.hops[0].deliveries) or world.step(60), 60, 0.2):
        raise crash.Failure("collect", "messages were not taken or not delivered")
    if not crash.wait_for(lambda: not re.search(r"waiting +[1-9]", g.control(["stats"])[1]), 60, 0.1):
        raise crash.Failure("collect", "not all changes were written")
    return load, kills


def is_all_sent(g, day):
    status, output = g.control(["dmarc", "report", "--day", day])
    return status == 0 and set(re.findall(r"(?m)^(\w+) +d\d+\.example\b", output)) == {"sent"}


def send(world, g, options, rng, day):
    """A day later: a kill whenever a few more reports are made; the next hop comes back late. How many kills it saw."""
    away = options.kills - options.kills // 6
    hop, dns = world.hops[0], world.dns[0]
    hop.down()
    dns.allow(rng.randrange(1, 8))
    world.step(DAY)
    for i in range(options.kills):
        if i == away:
            hop.up()
        # A busy machine may lose an answer; then it is tried again after an hour.
        if not crash.wait_for(lambda: dns.is_used_up.wait(10) or world.step(3600), 120):
            raise crash.Failure("reports", f"none was made after {i} kills")
        time.sleep(rng.uniform(0, STEP))
        g.is_awaited = False
        if i % 3 == 1:
            kill_one(g, "reports", lambda: dns.allow(rng.randrange(1, 8)))
        else:
            kill_all(g, lambda: dns.allow(rng.randrange(1, 8)))
    dns.allow(-1)
    if options.kills == away:
        hop.up()
    # Whatever was put off for an hour is due after one.
    if not crash.wait_for(lambda: is_all_sent(g, day) or world.step(1200), 60, 0.3):
        raise crash.Failure("reports", "not all were sent:\n" + g.control(["dmarc", "report", "--day", day])[1])
    return options.kills - away


def miscounted(hop, load, kills):
    """What is wrong with the numbers that were told, and how many messages are missing in them."""
    sent, acked, told = collections.Counter(), collections.Counter(), collections.Counter()
    for number in range(1, load.next + 1):
        sent[load.domain(number)] += 1
        acked[load.domain(number)] += number in load.acked
    for (domain, _), tellings in hop.reports.items():
        told[domain] += tellings[0][1]
    missing = sum(max(0, acked[d] - told[d]) for d in load.domains)
    bound = len(kills) * max(2 * WINDOW * load.rate, 6)
    problems = [f"{d}: nothing was told" for d in load.domains if not told[d]]
    problems += [f"{d}: {told[d]} told, {sent[d]} sent" for d in load.domains if told[d] > sent[d]]
    if missing > bound:
        problems.append(f"{missing} are missing, {bound:.0f} at most")
    return missing, problems


def judge(hop, load, kills, options, open_kills):
    """The figures. open_kills: those while reports were delivered."""
    missing, problems = miscounted(hop, load, kills)
    twice = [key for key, told in hop.reports.items() if len(told) > 1]
    strange = [key for key in twice if not hop.was_in_flight(key)]
    problems += [f"{key}: came twice, and differs" for key in twice if len(set(hop.reports[key])) > 1]
    if len(strange) > open_kills:
        problems.append(f"came twice: {strange[:5]}")
    text = (f"{len(kills)} + {options.kills} kills, {len(load.acked)} messages of {len(load.domains)} domains, "
            f"{missing} not told of, {len(hop.reports)} reports, twice {len(twice)} (not in flight: {len(strange)}), "
            "integrity_check ok")
    if problems:
        raise crash.Failure("result", f"{text}; {'; '.join(problems[:5])}")
    return text


def play(world, options, rng):
    domains = [f"d{i}.example" for i in range(DOMAINS * options.kills)]
    make_zone(world, domains)
    g = Gateway("g1", world)
    world.gateways.append(g)
    g.write(CONFIG.format(hop=world.hops[0].endpoint()))
    # Not across midnight: one day is what is reported of.
    world.step(-(time.time() % DAY) + DAY / 2)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + world.offset))
    g.start("start")
    load, kills = collect(world, g, domains, options, rng)
    open_kills = send(world, g, options, rng, day)
    crash.drain(world, g)
    # Nothing comes behind that: not from who starts anew, nor when the next look is due.
    g.is_awaited = True
    kill_all(g)
    world.step(120)
    crash.drain(world, g)
    g.stop("end")
    state.check(g)
    return judge(world.hops[0], load, kills, options, open_kills)


def main():
    parser = argparse.ArgumentParser(description="kills roles while they count for and send DMARC reports")
    parser.add_argument("--builddir", default=".")
    parser.add_argument("--kills", type=int, default=3, help="while rows are collected, and again while reports are sent")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("-k", action="store_true", help="keep the folders")
    options = parser.parse_args()
    return 0 if state.attempt(options, 11, "DMARC reports after SIGKILL", play, Reports, options.k) else 1


if __name__ == "__main__":
    sys.exit(main())
