"""Values, substitution of $names, comparison, and the expectations that follow `=` and `~`."""
import re

from .parse import ScenarioError


class Failure(Exception):
    """What was tested did not do what the scenario expects."""

    def __init__(self, where, text):
        super().__init__(f"{where}: {text}")


def as_text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_bytes(value):
    return value if isinstance(value, bytes) else as_text(value).encode("utf-8", "surrogateescape")


def substitute(value, names, where):
    """Replaces $name and ${name}; "\\$" in a string stands for a plain dollar sign."""
    is_bytes = isinstance(value, bytes)
    text = value.decode("latin-1") if is_bytes else value

    def replace(found):
        if found.group(0).startswith("\0"):
            return "$"
        name = found.group(1) or found.group(2)
        if name not in names:
            raise ScenarioError(where, f"unknown name ${name}; known: {' '.join(sorted(names))}")
        got = names[name]
        return got.decode("latin-1") if isinstance(got, bytes) else as_text(got)

    text = re.sub(r"\0\$|\$(?:\{(\w+)\}|([A-Za-z_]\w*))", replace, text)
    return text.encode("latin-1") if is_bytes else text


def compare(left, op, right):
    """True when `left op right` holds; numbers compare as numbers when both are."""
    if op in ("~", "!~"):
        found = re.search(as_text(right), as_text(left), re.S | re.M) is not None
        return found == (op == "~")
    left, right = as_text(left), as_text(right)
    if re.fullmatch(r"-?\d+(\.\d+)?", left) and re.fullmatch(r"-?\d+(\.\d+)?", right):
        left, right = float(left), float(right)
    return {"==": left == right, "=": left == right, "!=": left != right, "<": left < right,
            ">": left > right, "<=": left <= right, ">=": left >= right}[op]


class Expectation:
    """`= 550 5.7.1 ~ "regex" !~ "regex"`; codes: 250, 2xx, 250|251, closed, any."""

    def __init__(self, statement, names, default="2xx"):
        self.where = statement.where
        self.codes, self.enhanced, self.patterns = [default], None, []
        tokens = list(statement.args)
        while tokens and tokens[0].kind != "op":
            tokens.pop(0)
        while tokens:
            op = tokens.pop(0).value
            words = []
            while tokens and tokens[0].kind in ("word", "string"):
                words.append(substitute(tokens.pop(0).value, names, self.where))
            self.take(op, words)
            if tokens and tokens[0].kind != "op":
                raise ScenarioError(self.where, "expected an operator or the end of the line")

    @classmethod
    def of(cls, code, where):
        self = cls.__new__(cls)
        self.where, self.codes, self.enhanced, self.patterns = where, [code], None, []
        return self

    def take(self, op, words):
        if op == "=" and words and not isinstance(words[0], bytes):
            self.codes = words[0].split("|")
            for code in self.codes:
                if not re.fullmatch(r"[1-5x][0-9x][0-9x]|closed|any|\d+", code):
                    raise ScenarioError(self.where, f"'{code}' is no reply code")
            if len(words) > 1:
                self.enhanced = words[1]
        elif op in ("~", "!~") and len(words) == 1:
            self.patterns.append((op, words[0]))
        else:
            raise ScenarioError(self.where, f"expected = CODE [ENHANCED] or ~ \"REGEX\" at '{op}'")

    def wants_close(self):
        return "closed" in self.codes

    def problem(self, reply):
        """None when the reply (None: closed) is as expected, else a sentence."""
        if reply is None:
            return None if self.wants_close() else f"connection closed, expected {self}"
        if not any(code == "any" or re.fullmatch(code.replace("x", "."), str(reply.code))
                   for code in self.codes):
            return f"got '{reply}', expected {self}"
        if self.enhanced and not re.search(
                rf"^{re.escape(self.enhanced).replace('x', '[0-9]+')}(\s|$)", reply.text, re.M):
            return f"got '{reply}', expected {self}"
        for op, pattern in self.patterns:
            if not compare(reply.text, op, pattern):
                return f"got '{reply}', expected {self}"
        return None

    def __str__(self):
        parts = ["|".join(self.codes)] + ([self.enhanced] if self.enhanced else [])
        return " ".join(parts + [f'{op} "{as_text(p)}"' for op, p in self.patterns])


def duration(text, where):
    found = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)(ms|s|m|h|d)?", text)
    if not found:
        raise ScenarioError(where, f"'{text}' is no duration: 250ms, 30s, 5m, 1h, 7d")
    unit = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600, "d": 86400}[found.group(2)]
    return float(found.group(1)) * unit
