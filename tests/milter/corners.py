#!/usr/bin/python3
"""Corners of the milter protocol: miltertest (Debian) plays each script of corners/ against a real
milter role, and again with each of its expectations spoiled in turn, which must fail.

    corners.py BUILD [SCRIPT...]
"""
import sys
sys.dont_write_bytecode = True

import os            # noqa: E402
import re            # noqa: E402
import shutil        # noqa: E402
import subprocess    # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "mailtest")]
from mt.values import Failure                   # noqa: E402
from role import MilterRole                     # noqa: E402

SCRIPTS = os.path.join(HERE, "corners")
SPOILED = 40    # of each script, spread evenly: the others are the same lines in later rounds

POLICY = """limits { message 1M; }
filter rules { load "{dir}/corner.cf"; }
policy {
    at mail { reject 550 5.7.1 "no mail from {sender}" if sender == "bad@example.com"; }
    at rcpt {
        reject 550 5.1.1 "no such user" if rcpt == "gone@example.net";
        discard if rcpt == "sink@example.net";
    }
    at header { reject 554 5.7.1 "early" if subject == "early"; }
    at message {
        reject 550 5.7.1 "refused" if subject == "refuse";
        tempfail 451 4.7.1 "come back" if subject == "defer";
        discard if subject == "drop";
        redirect "other@example.net" if subject == "redirect";
        tag header "X-Size" "{size}";
        tag header "X-Score" "{score}";
        tag header "X-Subject" "{subject}";
        tag header "X-Sender" "{sender}";
        tag header "X-Helo" "{helo}";
        tag header "X-User" "{auth.user}";
        tag header "X-Known" "yes" if auth.user =~ /./;
        tag header "X-Daemon" "{mta.daemon}";
        tag header "X-Peer" "{tls.peer}";
        tag header "X-Cipher" "{tls.version} {tls.cipher}";
        tag header "X-Local" "yes" if client.local;
        tag header "X-Queue-Id" "{mta.queue-id}";
        accept;
    }
}
"""
RULE = "full NEEDLE /split needle here/\nscore NEEDLE 4\ndescribe NEEDLE a text across pieces\n"


def miltertest(script, socket, flip=0):
    """(exit status, output, number of expectations)"""
    source = f'''local ok, problem = pcall(dofile, "{os.path.join(SCRIPTS, script)}")
                 mt.echo(ok and "expectations " .. checks or problem)
                 if not ok then error(problem, 0) end'''
    done = subprocess.run(["miltertest", "-D", f"socket={socket}", "-D", f"dir={SCRIPTS}", "-D", f"flip={flip}"],
                          input=source.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
    text = done.stdout.decode("utf-8", "replace")
    found = re.search(r"expectations (\d+)", text)
    return done.returncode, text, int(found.group(1)) if found else 0


def play(script, role):
    status, text, count = miltertest(script, role.socket)
    if status or not count:
        raise Failure(script, text[-1500:] or f"exit {status}")
    for n in sorted({1 + i * (count - 1) // min(count - 1 or 1, SPOILED) for i in range(min(count, SPOILED + 1))}):
        status, text, _ = miltertest(script, role.socket, n)
        if not status or "spoiled" not in text:
            raise Failure(script, f"expectation {n} of {count} cannot fail: {text[-300:]}")
    role.expect_idle(script)
    return f"{count} expectations"


def main():
    builddir, wanted = sys.argv[1], sys.argv[2:]
    if not shutil.which("miltertest"):
        print("ok - # skipped: miltertest is not installed")
        return 0
    scripts = sorted(s for s in os.listdir(SCRIPTS) if s != "corner.lua" and (not wanted or s in wanted))
    role = MilterRole(builddir, POLICY, {"corner.cf": RULE})
    failed = 0
    try:
        for script in scripts:
            started, word = time.monotonic(), "ok"
            with open(os.path.join(SCRIPTS, script), encoding="ascii") as f:
                title = f.readline()[3:].strip()
            try:
                note = play(script, role)
            except (Failure, subprocess.TimeoutExpired) as e:
                word, note, failed = "not ok", str(e).replace("\n", "\n# "), failed + 1
            print(f"{word} - miltertest {script[:-4]}: {title} ({time.monotonic() - started:.1f} s)\n# {note}", flush=True)
    finally:
        role.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
