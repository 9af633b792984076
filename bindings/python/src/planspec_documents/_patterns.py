"""Whether a text is a regular expression as criteria have them: those of Rust's ``regex``, which match in linear time and so
have neither look-around nor backreferences."""

from __future__ import annotations

import re

from ._suggest import SPACE

_MOST_DEPTH = 250
_ESCAPES = set("aftnrvAzbB<>dswDSW")
_CLASSES = set("dswDSW")
_ASSERTIONS = set("AzbB<>")
_SPACES = re.compile(f"[{SPACE}]*")
_COUNT = re.compile(f"{{[{SPACE}]*([0-9]*)[{SPACE}]*(?:(,)[{SPACE}]*([0-9]*)[{SPACE}]*)?}}")
_GROUP = re.compile(r"\((?:\?P?<(?P<name>[^>]*)>|\?(?P<flags>[imsUuRx-]*)(?P<end>[:)])|(?!\?))")
_NAME = re.compile(r"[^\W\d][\w.\[\]]*")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[xuU]\{([0-9A-Fa-f]+)\}")
_PROPERTY = re.compile(r"[pP](?:\{([^}]*)\}|([^\\]))")
_BOUNDARY = re.compile(r"\{([A-Za-z-]+)(\}?)")
_ASCII_CLASS = re.compile(r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]")
_LOOK_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
_CATEGORIES = "l lu ll lt lc lm lo m mn mc me n nd nl no p pc pd ps pe pi pf po s sm sc sk so z zs zl zp c cc cf cn co".split()


class BadPattern(ValueError):
    """A text that is not a regular expression; its message says why."""


def check(text: str) -> None:
    """Raise :class:`BadPattern` where a text is not a regular expression."""
    _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        # For each open group whether it ignores space, the outermost first.
        self.groups = [False]
        self.names: set[str] = set()
        # Whether there is something before it that can be repeated.
        self.repeatable = False

    def run(self) -> None:
        while self.at < len(self.text):
            self._part()
        if len(self.groups) > 1:
            raise BadPattern("unclosed group")

    @property
    def _one(self) -> str:
        return self.text[self.at : self.at + 1]

    def _part(self) -> None:
        one = self._one
        if self.groups[-1] and self._skip_space():
            return
        if one == "(":
            self._open()
        elif one == ")":
            if len(self.groups) == 1:
                raise BadPattern("unopened group")
            self.groups.pop()
            self._past(1)
        elif one == "|":
            self._past(1, repeatable=False)
        elif one == "[":
            self._class()
        elif one in "?*+":
            self._repeated(1)
        elif one == "{":
            self._counted()
        elif one == "\\":
            self._escape()
            self.repeatable = True
        else:
            self._past(1)

    def _past(self, count: int, *, repeatable: bool = True) -> None:
        self.at += count
        self.repeatable = repeatable

    def _skip_space(self) -> bool:
        found = _SPACES.match(self.text, self.at)
        start = self.at
        self.at = found.end() if found else self.at
        if self._one == "#":
            end = self.text.find("\n", self.at)
            self.at = end + 1 if end >= 0 else len(self.text)
        return self.at > start

    def _open(self) -> None:
        if _LOOK_AROUND.match(self.text, self.at):
            raise BadPattern("look-around, including look-ahead and look-behind, is not supported")
        found = _GROUP.match(self.text, self.at)
        if found is None:
            raise BadPattern("a group begins with what is no flag and no name")
        if found["name"] is not None:
            self._name(found["name"])
        flags = found["flags"]
        ignores_space = self.groups[-1]
        if flags:
            ignores_space = self._flags(flags, ignores_space)
        self.at = found.end()
        if found["end"] == ")":
            if not flags:
                raise BadPattern("repetition operator missing expression")
            self.groups[-1] = ignores_space
            self.repeatable = False
            return
        self.groups.append(ignores_space)
        if len(self.groups) > _MOST_DEPTH + 1:
            raise BadPattern(f"groups nest deeper than {_MOST_DEPTH} levels")
        self.repeatable = False

    def _name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise BadPattern(f"`{name}` cannot be the name of a group")
        if name in self.names:
            raise BadPattern("duplicate capture group name")
        self.names.add(name)

    @staticmethod
    def _flags(flags: str, ignores_space: bool) -> bool:
        on, minus, off = flags.partition("-")
        if "-" in off or len(set(on + off)) < len(on + off):
            raise BadPattern("a flag stands twice")
        if minus and not off:
            raise BadPattern("dangling flag negation operator")
        return ("x" in on) or (ignores_space and "x" not in off)

    def _repeated(self, count: int) -> None:
        if not self.repeatable:
            raise BadPattern("repetition operator missing expression")
        self._past(count)
        if self._one == "?":
            self._past(1)

    def _counted(self) -> None:
        if not self.repeatable:
            raise BadPattern("repetition operator missing expression")
        found = _COUNT.match(self.text, self.at)
        if found is None:
            raise BadPattern("unclosed counted repetition")
        low, comma, high = found.groups()
        if not low:
            raise BadPattern("repetition quantifier expects a valid decimal")
        if max(int(low[:20]), int((high or "0")[:20])) >= 2**32:
            raise BadPattern("decimal literal invalid")
        if comma and high and int(high) < int(low):
            raise BadPattern("invalid repetition count range")
        self._repeated(found.end() - self.at)

    def _escape(self) -> str | None:
        """Go past an escape; the character that it stands for, if it is one."""
        self.at += 1
        one = self._one
        if not one:
            raise BadPattern("incomplete escape sequence")
        if one in "0123456789":
            raise BadPattern("backreferences are not supported")
        if one in "xuU":
            return self._hexadecimal()
        if one in "pP":
            self._property()
            return None
        self.at += 1
        is_letter = one.isascii() and one.isalnum()
        if one not in _ESCAPES and (is_letter or not one.isascii()):
            raise BadPattern("unrecognized escape sequence")
        if one == "b":
            self._boundary()
        if one in _ASSERTIONS or one in _CLASSES:
            return one if one in _ASSERTIONS else None
        return {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}.get(one, one)

    def _hexadecimal(self) -> str:
        found = _HEX.match(self.text, self.at)
        code = int(next(digits for digits in found.groups() if digits)[:20], 16) if found else -1
        if found is None or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise BadPattern("invalid hexadecimal digits of an escape")
        self.at = found.end()
        return chr(code)

    def _property(self) -> None:
        found = _PROPERTY.match(self.text, self.at)
        if found is None:
            raise BadPattern("a class of Unicode is not closed")
        if found[2] is not None and found[2].lower() not in _CATEGORIES:
            raise BadPattern("Unicode property not found")
        self.at = found.end()

    def _boundary(self) -> None:
        if self._one != "{":
            return
        found = _BOUNDARY.match(self.text, self.at)
        if found is None:
            if self.at + 1 == len(self.text):
                raise BadPattern("a word boundary or a repetition is not closed")
            return
        if not found[2] or found[1] not in ("start", "end", "start-half", "end-half"):
            raise BadPattern("unrecognized word boundary")
        self.at = found.end()

    def _class(self) -> None:
        """A class in brackets, which may hold others."""
        depth = 0
        while True:
            if self.groups[-1]:
                self._skip_space()
            one = self._one
            if not one:
                raise BadPattern("unclosed character class")
            ascii_class = _ASCII_CLASS.match(self.text, self.at) if depth else None
            if ascii_class:
                self.at = ascii_class.end()
            elif one == "[":
                depth += 1
                if depth + len(self.groups) > _MOST_DEPTH + 1:
                    raise BadPattern(f"classes nest deeper than {_MOST_DEPTH} levels")
                self._open_class()
            elif one == "]":
                depth -= 1
                self.at += 1
                if depth == 0:
                    break
            elif self.text[self.at : self.at + 2] in ("&&", "--", "~~"):
                self.at += 2
            else:
                self._range()
        self.repeatable = True

    def _open_class(self) -> None:
        self.at += 1
        if self._one == "^":
            self.at += 1
        start = self.at
        while self._one == "-":
            self.at += 1
        # A bracket at the start does not close the class.
        if self.at == start and self._one == "]":
            self.at += 1

    def _range(self) -> None:
        first = self._item()
        if self._one != "-" or self.text[self.at + 1 : self.at + 2] in ("]", "-"):
            self._literal(first, may_be_class=True)
            return
        self.at += 1
        if not self._one:
            raise BadPattern("unclosed character class")
        last = self._item()
        low, high = self._literal(first, may_be_class=False), self._literal(last, may_be_class=False)
        if low > high:
            raise BadPattern("invalid character class range, the start must be <= the end")

    def _item(self) -> tuple[str | None, bool]:
        """A character of a class, or nothing for a class within it; and whether it is an assertion."""
        if self._one == "\\":
            is_assertion = self.text[self.at + 1 : self.at + 2] in _ASSERTIONS
            return self._escape(), is_assertion
        self.at += 1
        return self.text[self.at - 1], False

    @staticmethod
    def _literal(item: tuple[str | None, bool], *, may_be_class: bool) -> str:
        character, is_assertion = item
        if is_assertion:
            raise BadPattern("invalid escape sequence found in character class")
        if character is None and not may_be_class:
            raise BadPattern("invalid range boundary, must be a literal")
        return character or ""
