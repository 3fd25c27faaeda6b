mailtest "each counter of reevectl stats, of whatever process and filter, is explained by reevectl help counters"
dns d1 { example.org TXT "v=spf1 -all" }
next n1 {}
gateway g1 {
	hostname mx.example.net;
	dns { server $d1; }
	relay example.net { to $n1; }
	filter greet; filter spf; filter dkim; filter arc; filter dmarc { report on; report-from dmarc@example.net; }
	filter headers; filter rules; filter learn; filter attachment;
	policy { at message { accept; } }
}
session via smtp milter { ehlo mx.example.org
	mail <a@example.org>
	rcpt <b@example.net>
	data "From: a@example.org\r\nSubject: x\r\n\r\nx\r\n"
	quit }
on smtp { expect n1.messages == 1 }
on milter { await reevectl g1 stats = 0 ~ "milter +milter +refused-stages +0" }
await reevectl g1 stats = 0 ~ "relay +relay +waiting" ~ "reports +reports +aggregate" ~ "dmarc +evaluated +1" ~ "store +hot"
reevectl g1 help counters = 0 ~ "smtp\n  connections\n +clients that connected"
shell "$BUILD/reevectl help counters >$DIR/help; $BUILD/reevectl -c $CONF stats --json >$DIR/stats; python3 -c 'import json\nknown, group = set(), None\nfor line in open(\"$DIR/help\"):\n    if line[0].isalpha(): group = line.strip()\n    elif line[:2].isspace() and not line[2:3].isspace(): known.add((group, line.strip()))\nprocesses = [json.loads(line) for line in open(\"$DIR/stats\")]\ntold = {(s[\"group\"], \"FILTER\" if s[\"group\"] == \"failures\" else s[\"name\"]) for p in processes for s in p[\"stats\"]}\nprint(len(told), \"told\", \"unknown:\", sorted(told - known))'" = 0 ~ "^[3-9]\d told unknown: \[\]"
