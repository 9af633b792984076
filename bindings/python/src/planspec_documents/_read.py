"""From the text of a file to values, with the place of every entry.

JSON is read here, and not by :mod:`json`: a key that stands twice, a number that others would round, and the line of
every entry have to be known.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ._findings import KEY, VALUE, Diagnostic, Path

MAX_BYTES = 1024 * 1024
"""Most bytes of one file."""
MAX_DEPTH = 64
"""Most levels of one document."""
MAX_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON keeps."""


class Number(float):
    """A number with a fraction or an exponent, as it was written."""

    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return (Number, (self.text,))


@dataclass(frozen=True, slots=True)
class Span:
    """Where an entry stands: offsets in characters."""

    key: tuple[int, int] | None
    value: tuple[int, int]
    # Whether to show the key, because the value continues below.
    prefer_key: bool


Places = dict[Path, Span]


@dataclass(slots=True)
class Document:
    """One document of a file."""

    index: int
    value: Any
    places: Places | None = None


@dataclass(slots=True)
class Lines:
    """From offsets to lines and columns, both from 1."""

    text: str
    starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts = [1 if self.text.startswith("\ufeff") else 0]
        self.starts += [found.end() for found in re.finditer("\n", self.text)]

    def position(self, offset: int) -> tuple[int, int]:
        line = max(bisect_right(self.starts, offset), 1)
        return line, max(offset - self.starts[line - 1], 0) + 1


@dataclass
class Text:
    """A file that was read: its documents, and what is wrong with the text itself."""

    name: str
    text: str
    documents: list[Document]
    findings: list[Diagnostic]
    has_lines: bool = True

    @property
    def is_json(self) -> bool:
        return is_json(self.name)

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.text)

    @cached_property
    def by_index(self) -> dict[int, Document]:
        return {one.index: one for one in self.documents}

    def places(self, document: int) -> Places:
        """Where the entries of a document stand. JSON is read again: few documents have findings."""
        found: Places = {}
        if self.is_json:
            _Json(self.text, found).run()
            return found
        one = self.by_index.get(document)
        return (one and one.places) or found


def no_text(name: str) -> Text:
    """A file of which nothing was read."""
    return Text(name, "", [], [], has_lines=False)


def is_json(name: str) -> bool:
    """Whether a file is a JSON text, by its name."""
    return name.lower().endswith(".json")


def at(offset: int, code: str, message: str, help: str | None = None) -> Diagnostic:
    """A finding at a place of the text."""
    return Diagnostic(code, (), VALUE, message, help, offset=offset)


def of_file(code: str, message: str, help: str | None = None) -> Diagnostic:
    """A finding of the file as a whole."""
    return at(0, code, message, help)


_UNCLEAN = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]|\r(?!\n)"
_UNCLEAN_JSON = re.compile(_UNCLEAN)
_UNCLEAN_YAML = re.compile(_UNCLEAN + "|[\x85\u2028\u2029]")


def decoded(name: str, data: bytes) -> tuple[str, list[Diagnostic]]:
    """The text of a file; what keeps it from being read."""
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes, but at most {MAX_BYTES} are allowed"
        return "", [of_file("PS003", message, "split the file")]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "", [of_file("PS002", "the file is not UTF-8, but UTF-16 or UTF-32", "save it as UTF-8")]
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        finding = at(len(before), "PS002", "the file is not UTF-8", "save it as UTF-8")
        return before, [finding]


def read(name: str, data: bytes | str) -> Text:
    """Read the documents of a file, YAML or (by its name) JSON."""
    if isinstance(data, str):
        # A lone surrogate is not a character, and cannot be in a file.
        data = data.encode("utf-8", "surrogatepass")
    text, findings = decoded(name, data)
    if not findings:
        findings = _unclean(name, text)
    if findings:
        return Text(name, text, [], findings)
    if is_json(name):
        reader = _Json(text, None)
        value = reader.run()
        documents = [Document(0, value)] if value is not None and not reader.findings else []
        return Text(name, text, documents, reader.findings)
    from . import _yaml

    documents, findings = _yaml.read(text)
    return Text(name, text, documents, findings)


def _unclean(name: str, text: str) -> list[Diagnostic]:
    start = 1 if text.startswith("\ufeff") else 0
    unclean = _UNCLEAN_JSON if is_json(name) else _UNCLEAN_YAML
    found = unclean.search(text, start)
    if found is None:
        return []
    character = found.group()
    message = f"the character U+{ord(character):04X} is not allowed in a file"
    help = "end lines with a line feed" if character == "\r" else "remove it"
    return [at(found.start(), "PS002", message, help)]


_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_BEGIN = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*')
_STRING = re.compile(r'"([^"\\\x00-\x1f]*)((?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}
_HALF = re.compile("[\ud800-\udfff]")


def is_extension(key: str) -> bool:
    """Whether a key is that of an extension, which other programs read."""
    return key.startswith("x-") and key != "x-planspec"


class _Stop(Exception):
    """Nothing behind this place can be read."""


@dataclass(slots=True)
class _Open:
    """A collection that is not closed yet."""

    value: Any
    path: Path
    start: int
    key: tuple[int, int] | None
    # The key of the next value, and its position.
    name: str = ""
    name_at: tuple[int, int] | None = None
    in_extension: bool = False
    is_begun: bool = False


class _Json:
    """Reads one JSON text, without recursion."""

    def __init__(self, text: str, places: Places | None) -> None:
        self.text = text
        self.places = places
        self.findings: list[Diagnostic] = []
        self.at = 1 if text.startswith("\ufeff") else 0
        self.open: list[_Open] = []
        self.root: Any = None

    def run(self) -> Any:
        try:
            self._value()
            while self.open:
                self._next()
            self._space()
            if self.at < len(self.text):
                self._syntax("something stands behind the end of the JSON text")
        except _Stop:
            return None
        return self.root

    def _syntax(self, message: str) -> _Stop:
        # An earlier finding explains more than the place where parsing stopped.
        if not self.findings:
            help = "JSON has no comments, no single quotes, and no comma behind the last entry"
            self.findings.append(at(self.at, "PS001", message, help))
        return _Stop()

    def _space(self) -> str:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return self.text[self.at : self.at + 1]

    def _value(self) -> None:
        first = self._space()
        start = self.at
        if first in ("{", "["):
            self.at += 1
            self._enter({} if first == "{" else [], start)
        elif first == '"':
            self._put(self._string(), start)
        elif found := _WORD.match(self.text, start):
            self.at = found.end()
            self._put(_WORDS[found.group()], start)
        elif found := _NUMBER.match(self.text, start):
            self.at = found.end()
            self._put(self._number(found), start)
        elif not first:
            raise self._syntax("the text ends before the JSON in it does")
        else:
            raise self._syntax("a value is expected here")

    def _bad_string(self) -> _Stop:
        begun = _STRING_BEGIN.match(self.text, self.at)
        here = self.text[begun.end() : begun.end() + 1] if begun else ""
        if here and begun and here < " ":
            # At a line break the string is reported as not closed, as other readers do.
            self.at = begun.end() + 1
            return self._syntax(f"the character U+{ord(here):04X} is written as an escape in a string")
        return self._syntax("this string is not closed, or holds an escape that JSON does not have")

    def _string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self._bad_string()
        plain, escaped = found.groups()
        text = plain
        if escaped:
            text += _ESCAPE.sub(_character, escaped)
            try:
                # Two escapes may be a surrogate pair.
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise self._syntax("an escape in this string is half a character") from None
        self.at = found.end()
        return text

    def _number(self, found: re.Match[str]) -> int | float:
        text = found.group()
        if found.group(1) is None and found.group(2) is None and text != "-0":
            number = _integer(text)
            in_extension = bool(self.open) and self._in_extension(self.open[-1])
            most = 2**64 - 1 if number > 0 else 2**63
            if abs(number) > (most if in_extension else MAX_INTEGER):
                message = f"the integer `{text[:40]}` is outside ±{MAX_INTEGER}"
                self.findings.append(at(found.start(), "PS006", message, "write it in quotes, as a string"))
            return number
        decimal = Number(text)
        if decimal in (float("inf"), float("-inf")):
            message = f"the number `{text[:40]}` is too large"
            self.findings.append(at(found.start(), "PS006", message, "write it in quotes, as a string"))
        return decimal

    @staticmethod
    def _in_extension(around: _Open) -> bool:
        return around.in_extension or (isinstance(around.value, dict) and is_extension(around.name))

    def _enter(self, value: Any, start: int) -> None:
        around = self.open[-1] if self.open else None
        path: Path = () if around is None else (*around.path, self._step(around))
        one = _Open(value, path, start, around.name_at if around else None)
        one.in_extension = around is not None and self._in_extension(around)
        self._keep(value)
        self.open.append(one)
        if len(self.open) > MAX_DEPTH:
            message = f"values are nested deeper than {MAX_DEPTH} levels"
            self.findings.append(at(start, "PS003", message, "write it with fewer levels"))
            raise _Stop

    @staticmethod
    def _step(around: _Open) -> str | int:
        return around.name if isinstance(around.value, dict) else len(around.value)

    def _keep(self, value: Any) -> None:
        if not self.open:
            self.root = value
        elif isinstance(self.open[-1].value, dict):
            self.open[-1].value[self.open[-1].name] = value
        else:
            self.open[-1].value.append(value)

    def _put(self, value: Any, start: int) -> None:
        if self.places is not None:
            path: Path = ()
            key = None
            if self.open:
                around = self.open[-1]
                path, key = (*around.path, self._step(around)), around.name_at
            self.places[path] = Span(key, (start, self.at), False)
        self._keep(value)

    def _entry(self) -> None:
        """What comes first in a collection, or behind a comma: up to where its value ends, or opens."""
        around = self.open[-1]
        if isinstance(around.value, dict):
            if self._space() != '"':
                raise self._syntax("a key in double quotes is expected here")
            start = self.at
            around.name = self._string()
            around.name_at = (start, self.at)
            if around.name in around.value:
                message = f"the key `{around.name}` appears twice in one mapping"
                self.findings.append(at(start, "PS004", message, "keep one of them"))
            if self._space() != ":":
                raise self._syntax("a colon is expected here")
            self.at += 1
        self._value()

    def _next(self) -> None:
        around = self.open[-1]
        sign = self._space()
        end = "}" if isinstance(around.value, dict) else "]"
        if sign == end:
            self._close()
        elif not around.is_begun:
            around.is_begun = True
            self._entry()
        elif sign == ",":
            self.at += 1
            self._entry()
        elif sign:
            raise self._syntax(f"a comma or `{end}` is expected here")
        else:
            raise self._syntax("the text ends before the JSON in it does")

    def _close(self) -> None:
        self.at += 1
        one = self.open.pop()
        if self.places is not None:
            goes_on = "\n" in self.text[one.start : self.at]
            line_end = self.text.find("\n", one.start) if goes_on else self.at
            self.places[one.path] = Span(one.key, (one.start, line_end), goes_on)


def _character(found: re.Match[str]) -> str:
    digits, simple = found.groups()
    return chr(int(digits, 16)) if digits else _SIMPLE.get(simple, simple)


def _integer(text: str) -> int:
    # Python refuses to convert too many digits; their value does not matter then.
    return int(text) if len(text) < 1000 else int(text[:1000])


def located(text: Text, document: int, found: list[Diagnostic]) -> Iterator[tuple[Diagnostic, int, int]]:
    """Findings with line and column. An entry that is not there is shown at the deepest one above it that is."""
    lines = text.lines
    known: Places | None = None
    for finding in found:
        if finding.offset is not None:
            yield (finding, *lines.position(finding.offset))
            continue
        if known is None:
            known = text.places(document)
        yield (finding, *lines.position(_offset(known, finding, lines.starts[0])))


def _offset(known: Places, finding: Diagnostic, start: int) -> int:
    path = finding.path
    while path not in known and path:
        path = path[:-1]
    span = known.get(path)
    if span is None:
        return start
    is_whole = len(path) == len(finding.path)
    by_key = not is_whole or finding.part == KEY or span.prefer_key
    if span.key is not None and by_key:
        return span.key[0]
    return span.value[0]
