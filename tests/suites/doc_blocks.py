#!/usr/bin/python3
"""Every block of README and doc/*.md works as it is printed.

    doc_blocks.py [--builddir DIR] [FILE...]

A block is indented by four blanks (or fenced). Of a block of the configuration mailreeved -t must say ok; statements
of a policy are put into one, and what a block takes for granted (lists, files, a host name) is made
here. Of other blocks each line that begins with one of our programs must be a command that there is.
"""
import sys
sys.dont_write_bytecode = True

import argparse      # noqa: E402
import glob          # noqa: E402
import os            # noqa: E402
import re            # noqa: E402
import shlex         # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
STATEMENT = re.compile(r"(accept|reject|tempfail|quarantine|discard|stop|add-header|remove-header|tag|copy|redirect|delay|for)\b")
STAGES = ("connect", "helo", "mail", "rcpt", "header", "message")
PROGRAMS = ("reevectl", "mailreeved", "mailreeve-scanner")


class Block:
    def __init__(self, path, line, text):
        self.place, self.text = f"{os.path.relpath(path, TOP)}:{line}", text

    def first(self):
        for line in self.text.splitlines():
            word = re.match(r"\s*([a-z][\w.-]*)", line)
            if word:
                return word.group(1)
            if line.strip() and not line.strip().startswith("#"):
                return ""
        return ""


def blocks_of(path):
    found, lines, start, fence = [], [], 0, False
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("```"):
                fence = not fence
                line = "\n"
            inside = fence or line.startswith("    ") or (lines and not line.strip())
            if inside and not lines:
                start = number
            if inside:
                lines.append(line[4:] if line.startswith("    ") else line)
            elif lines:
                found.append(Block(path, start, "".join(lines)))
                lines = []
    if lines:
        found.append(Block(path, start, "".join(lines)))
    return found


class World:
    """A folder with what configurations name."""

    def __init__(self, builddir):
        self.build = os.path.abspath(builddir)
        self.folder = tempfile.TemporaryDirectory(prefix="doc-blocks-")
        self.dir = self.folder.name
        self.pem = os.path.join(self.dir, "tls.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx1.example.org",
                        "-keyout", self.pem + ".key", "-out", self.pem], check=True, stderr=subprocess.DEVNULL)
        with open(self.pem + ".key", encoding="ascii") as key, open(self.pem, "a", encoding="ascii") as pem:
            pem.write(key.read())
        for name in ("state", "folder"):
            os.mkdir(os.path.join(self.dir, name))
        open(os.path.join(self.dir, "list"), "w", encoding="ascii").close()
        self.words = self.directives()

    def program(self, *command):
        done = subprocess.run([os.path.join(self.build, command[0]), *command[1:]], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def directives(self):
        """The words that a configuration may begin with."""
        with open(os.path.join(self.build, "doc", "mailreeve.conf.5"), encoding="utf-8") as f:
            part = f.read().split('.SH "DIRECTIVES"')[1].split(".SH ")[0].replace("\\-", "-")
        return set(re.findall(r"^\.B ([a-z][a-z-]*)", part, re.M))

    def path(self, match):
        """A file of that kind in place of one that only an installation has."""
        name = match.group(1)
        if "share/mailreeve/lists" in name:
            return '"' + os.path.join(TOP, "filters", "lists", os.path.basename(name)) + '"'
        if "share/mailreeve" in name:
            return '"' + os.path.join(TOP, "rules", os.path.basename(name)) + '"'
        if name.endswith((".pem", ".key", ".crt")):
            return f'"{self.pem}"'
        if "clamav" in name or name.endswith("/"):
            return f'"{self.dir}/folder"'
        return f'"{self.dir}/list"'

    def complete(self, text):
        text = re.sub(r'"(/(?:etc|usr|var)/[^"]*)"', self.path, text)
        text = re.sub(r"\bgroup (?:postfix|smmsp)\b", "group root", text)  # what the MTA's package makes
        known = set(re.findall(r"^\s*list\s+([\w.-]+)", text, re.M))
        code = re.sub(r'"[^"]*"', '""', text)
        named = set(re.findall(r"\b(?:in|except|known|opt-out)\s+([a-z][\w-]*)", code)) - known
        lines = [f"list {name} {{ 192.0.2.1; x@list.example; }}" for name in sorted(named)]
        for word, line in (("hostname", "hostname mx1.example.org;"), ("state", f'state "{self.dir}/state";')):
            if not re.search(rf"^\s*{word}\b", text, re.M):
                lines.append(line)
        if re.search(r"^\s*(settings|language)\b", text, re.M) and not re.search(r"^\s*filter settings\b", text, re.M):
            lines.append("filter settings;")
        return "\n".join(lines) + "\n" + text

    def loads(self, text):
        path = os.path.join(self.dir, "mailreeve.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.complete(text))
        return self.program("mailreeved", "-t", "-c", path)


def check_configuration(world, block):
    if block.first() not in world.words and STATEMENT.match(block.first() or "x"):
        return check_statements(world, block)
    status, output = world.loads(block.text)
    return None if status == 0 else output


def check_statements(world, block):
    output = ""
    for stage in STAGES:
        end = "" if stage == "message" else "at message { accept; }"
        status, output = world.loads(f"policy {{ at {stage} {{ {block.text}\n}} {end} }}")
        if status == 0:
            return None
    return output


def check_commands(world, block):
    wrong = []
    for line in block.text.splitlines():
        for command in re.split(r"\s\s", line.strip())[0].split(";"):  # what it is for stands behind two blanks
            words = shell_words(command)
            if len(words) > 1 and words[0] == "reevectl" and not words[1].startswith("-"):
                status, output = world.program("reevectl", "help", words[1])
                if status:
                    wrong.append(f"{command.strip()}: {output.strip()}")
                elif len(words) > 2 and words[1] != "help" and "|" in output and re.fullmatch(r"[a-z]+", words[2]) and words[2] not in output:
                    wrong.append(f"{command.strip()}: reevectl {words[1]} has no {words[2]}")
    return "\n".join(wrong) or None


def shell_words(command):
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def kind_of(world, block):
    """What tries a block; None: it is an example of something else."""
    first = block.first()
    if first in PROGRAMS:
        return check_commands
    if (first in world.words or STATEMENT.match(first)) and re.search(r"[;{]", block.text):
        return check_configuration
    return check_commands if any(f"{p} " in block.text for p in PROGRAMS) else None


def main():
    parser = argparse.ArgumentParser(description="tries the blocks of the documentation")
    parser.add_argument("--builddir", default=".")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = options.files or [os.path.join(TOP, "README")] + sorted(glob.glob(os.path.join(TOP, "doc", "*.md")))
    world, bad, counts = World(options.builddir), 0, {}
    for path in files:
        for block in blocks_of(path):
            check = kind_of(world, block)
            wrong = check(world, block) if check else None
            counts[check] = counts.get(check, 0) + 1
            bad += bool(wrong)
            if wrong:
                print(f"not ok - {block.place}\n# " + wrong.strip().replace("\n", "\n# "))
    print(f"# {counts.get(check_configuration, 0)} blocks of the configuration, {counts.get(check_commands, 0)} of commands, "
          f"{counts.get(None, 0)} others, {bad} wrong")
    if not options.files and counts.get(check_configuration, 0) < 10:
        print("not ok - where are the blocks of the configuration?")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
