#!/usr/bin/python3
"""sandboxed.py PID: the processes below a running mailreeved, as the kernel sees them. Each must have a
seccomp filter, no_new_privs and no capability, and, started by root, another account. Prints a line for
each; exit 1 when one has not, or when there are fewer than the gateway, a relay and a worker."""
import os
import sys


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def below(pid):
    parents = {}
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                parents[int(entry)] = int(status(entry)["PPid"])
        except (OSError, KeyError):
            continue
    found, new = [], [pid]
    while new:
        found += new
        new = [p for p, parent in parents.items() if parent in new]
    return found[1:]


def main():
    bad, names = 0, []
    for pid in below(int(sys.argv[1])):
        try:
            s = status(pid)
        except OSError:
            continue
        names.append(s["Name"])
        ok = s["Seccomp"] == "2" and s["NoNewPrivs"] == "1" and (int(s["CapEff"], 16) == 0 or os.geteuid() != 0) and \
            (os.geteuid() != 0 or s["Uid"].split()[0] != "0")
        bad += not ok
        print(("" if ok else "NOT CONFINED: ") + " ".join(f"{k}={s[k].split()[0]}" for k in ("Name", "Seccomp", "NoNewPrivs", "CapEff", "Uid")))
    if len(names) < 3 or not any("worker" in n for n in names):
        print(f"only {names}")
        return 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
