"""Scenario text to statements. Knows the shape of the language, not the meaning of any word.

A statement is a line (or up to a `;` with a blank behind it): words, "strings", operators and { blocks }. Blocks of
`gateway`, `config` and `file` are kept as raw text, and so is a block of message text, which starts
with a line break and ends with a line that begins with `}`; all others hold statements.
"""
import re

OPERATORS = ("=", "==", "!=", "~", "!~", "<", ">", "<=", ">=")
RAW = {"gateway", "config"}                # raw, ends at the matching brace
TEXT = {"data", "bdat", "file", "text"}    # raw, ends at a line that begins with }
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", '"': b'"', "\\": b"\\", "$": b"\0$"}
SIZES = {"": 1, "K": 1024, "M": 1024 * 1024}


class ScenarioError(Exception):
    """A fault of the scenario file, not of what it tests."""

    def __init__(self, where, text):
        super().__init__(f"{where}: error: {text}")


class Token:
    """kind: word, string, op, text (raw block) or block (statements); value accordingly."""

    def __init__(self, kind, value, line):
        self.kind, self.value, self.line = kind, value, line


class Statement:
    def __init__(self, path, tokens):
        self.where = f"{path}:{tokens[0].line}"
        self.name = tokens[0].value
        self.args = tokens[1:]

    def block(self, kind="block"):
        """The value of the statement's only block of that kind, or None."""
        return next((t.value for t in self.args if t.kind == kind), None)

    def plain(self):
        """Words and strings before the first operator or block."""
        found = []
        for t in self.args:
            if t.kind not in ("word", "string"):
                break
            found.append(t)
        return found

    def fail(self, text):
        raise ScenarioError(self.where, text)


class Cursor:
    def __init__(self, path, text):
        self.path, self.text, self.at, self.line = path, text, 0, 1

    def fail(self, text):
        raise ScenarioError(f"{self.path}:{self.line}", text)

    def peek(self):
        return self.text[self.at:self.at + 1]

    def take(self, length):
        piece = self.text[self.at:self.at + length]
        self.at += length
        self.line += piece.count("\n")
        return piece

    def skip(self, blank):
        """Skips blanks, comments and lines continued by a backslash."""
        while True:
            c = self.peek()
            if c and c in blank:
                self.take(1)
            elif c == "#":
                end = self.text.find("\n", self.at)
                self.take((len(self.text) if end < 0 else end) - self.at)
            elif self.text.startswith("\\\n", self.at):
                self.take(2)
            else:
                return


def parse(path, text):
    cursor = Cursor(path, text)
    statements = parse_statements(cursor)
    if cursor.peek():
        cursor.fail("'}' without a block")
    return statements


def parse_statements(cursor):
    found = []
    while True:
        cursor.skip(" \t\n;")
        if cursor.peek() in ("", "}"):
            return found
        found.append(parse_statement(cursor))


def parse_statement(cursor):
    tokens = []
    while True:
        cursor.skip(" \t")
        c = cursor.peek()
        if c in ("", "\n", ";", "}"):
            break
        if c == "{":
            if not tokens:
                cursor.fail("block without a name")
            tokens.append(parse_block(cursor, tokens[0].value))
        elif c == '"':
            tokens.append(parse_string(cursor))
        else:
            tokens.append(parse_word(cursor))
    return Statement(cursor.path, tokens)


def parse_word(cursor):
    line = cursor.line
    word = re.compile(r'(?:[^\s"{};]|;(?=[^\s}]))+').match(cursor.text, cursor.at).group()
    cursor.take(len(word))
    return Token("op" if word in OPERATORS else "word", word, line)


def parse_string(cursor):
    """One or more "pieces" without a blank between, each maybe repeated: "x"*998"\\r\\n"."""
    line, value = cursor.line, b""
    while cursor.peek() == '"':
        piece = parse_piece(cursor)
        times = re.compile(r"\*(\d+)([KM]?)").match(cursor.text, cursor.at)
        if times:
            cursor.take(len(times.group()))
            piece *= int(times.group(1)) * SIZES[times.group(2)]
        value += piece
    return Token("string", value, line)


def parse_piece(cursor):
    cursor.take(1)
    value = bytearray()
    while True:
        c = cursor.take(1)
        if c == "" or c == "\n":
            cursor.fail('string without closing "')
        if c == '"':
            return bytes(value)
        if c != "\\":
            value += c.encode()
            continue
        c = cursor.take(1)
        if c == "x":
            value.append(int(cursor.take(2), 16))
        elif c in ESCAPES:
            value += ESCAPES[c]
        else:    # kept for regular expressions: "\d" is a backslash and a d
            value += b"\\" + c.encode()


def parse_block(cursor, name):
    line = cursor.line
    cursor.take(1)
    if name in RAW:
        return Token("text", raw_braces(cursor), line)
    if name in TEXT:
        return Token("text", raw_lines(cursor), line)
    statements = parse_statements(cursor)
    if not cursor.peek():
        cursor.line = line
        cursor.fail("block without closing }")
    cursor.take(1)
    return Token("block", statements, line)


def raw_braces(cursor):
    """Text up to the matching brace; braces in strings and comments do not count."""
    start, line, depth = cursor.at, cursor.line, 1
    pieces = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*|[{}]', re.S)
    for found in pieces.finditer(cursor.text, start):
        depth += {"{": 1, "}": -1}.get(found.group(), 0)
        if depth == 0:
            cursor.take(found.end() - start)
            return cursor.text[start:found.start()]
    cursor.line = line
    cursor.fail("block without closing }")


def raw_lines(cursor):
    """Lines up to one that begins with a brace, without their common indentation."""
    line = cursor.line
    if not re.compile(r"[ \t]*\n").match(cursor.text, cursor.at):
        cursor.fail("message text begins on the line after {")
    cursor.take(cursor.text.index("\n", cursor.at) + 1 - cursor.at)
    end = re.compile(r"^[ \t]*\}", re.M).search(cursor.text, cursor.at)
    if not end:
        cursor.line = line
        cursor.fail("message text without a line that begins with }")
    raw = cursor.take(end.end() - cursor.at)[:end.start() - end.end()]
    lines = raw.split("\n")[:-1] if raw.endswith("\n") else raw.split("\n")
    depth = min((len(s) - len(s.lstrip(" \t")) for s in lines if s.strip()), default=0)
    return "".join(s[depth:] + "\n" for s in lines)
