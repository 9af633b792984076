"""YAML, as the formats have it: the core schema of YAML 1.2, no merge keys, no tags of one's own, keys that are strings.

PyYAML takes the text apart; what its parts mean is decided here, since its own loader reads YAML 1.1.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ._findings import Diagnostic, Path
from ._read import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, Document, Number, Places, Span, at, is_extension, of_file

try:
    import yaml

    # The loader in C, if installed, takes a twentieth of the time.
    _LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
except ImportError:
    yaml = None  # type: ignore[assignment]

_CORE = "tag:yaml.org,2002:"
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[+-]?(?:(0|[1-9][0-9]*)|0x([0-9a-fA-F]+)|0o([0-7]+)|0b([01]+))")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# A surrogate, which one of the parsers accepts.
_HALF = re.compile("[\ud800-\udfff]")
_OCTAL = re.compile(r"[+-]?0[0-9]+")


class _BadScalar(ValueError):
    """A number that cannot be kept."""


def resolved(text: str, *, in_extension: bool = False) -> Any:
    """What a plain scalar is."""
    if text in _WORDS:
        return _WORDS[text]
    if found := _INTEGER.fullmatch(text):
        return _integer(text, found, in_extension)
    if _NOT_FINITE.fullmatch(text):
        raise _BadScalar(f"the number `{text}` is not finite")
    # Leading zeros make a string in YAML 1.2, an octal number in YAML 1.1.
    if not _FLOAT.fullmatch(text) or _OCTAL.fullmatch(text):
        return text
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _BadScalar(f"the number `{text[:40]}` is not finite")
    return Number(text) if _JSON_NUMBER.fullmatch(text) else number


def _integer(text: str, found: re.Match[str], in_extension: bool) -> int:
    digits, base = next((one, base) for one, base in zip(found.groups(), (10, 16, 8, 2), strict=True) if one is not None)
    number = int(digits[:1000], base) * (-1 if text.startswith("-") else 1)
    most = (2**64 - 1 if number > 0 else 2**63) if in_extension else MAX_INTEGER
    if abs(number) > most:
        raise _BadScalar(f"the integer `{text[:40]}` is outside ±{MAX_INTEGER}")
    return number


def read(text: str) -> tuple[list[Document], list[Diagnostic]]:
    """The documents of a text. One with a finding is left out, and everything behind a place that cannot be read."""
    if yaml is None:
        help = "install it, as planspec-documents[yaml] does, or write the document as JSON"
        return [], [of_file("PS001", "YAML cannot be read without the package PyYAML", help)]
    reader = _Reader(text)
    try:
        for event in _events(text):
            reader.see(event)
    except _Stop:
        pass
    except yaml.MarkedYAMLError as error:
        # An unclosed value is reported at its start.
        is_open = "quoted scalar" in str(error.context)
        mark = error.context_mark if is_open else error.problem_mark or error.context_mark
        reader.findings.append(_refused(text, mark.index if mark else 0, str(error.problem or error)))
    except yaml.YAMLError as error:
        reader.findings.append(of_file("PS001", f"this is no YAML: {error}"))
    return reader.documents, reader.findings


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except (ValueError, OverflowError) as error:
        # The parser in Python accepts any number as a character.
        raise yaml.YAMLError(f"an escape is no character: {error}") from error


def _refused(text: str, offset: int, problem: str) -> Diagnostic:
    """What the parser did not accept."""
    if "nesting depth" in problem:
        return at(offset, "PS003", f"values are nested deeper than {MAX_DEPTH} levels")
    if text[offset : offset + 1] == ":" and re.search("node content|expected key|<block end>", problem):
        return at(offset, "PS005", "a key is empty", "write a name before the colon")
    return at(offset, "PS001", f"this is no YAML: {problem}")


class _Stop(Exception):
    """Nothing behind this place may be read."""


@dataclass(slots=True)
class _Extent:
    """What an anchor stands for."""

    value: Any
    weight: int
    height: int


@dataclass(slots=True)
class _Frame:
    """A collection that is open."""

    value: Any
    path: Path
    start: int
    line: int
    is_flow: bool
    anchor: str | None
    before: int
    in_extension: bool
    is_key: bool = False
    height: int = 0
    # The key of the next value, and its position.
    name: str = ""
    name_at: tuple[int, int] | None = None
    value_is_next: bool = False


@dataclass(slots=True)
class _Reader:
    """What stands in a document, from event to event."""

    text: str
    documents: list[Document] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    count: int = 0
    # The root of the current document.
    root: Any = None
    places: Places = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, _Extent] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    weight: int = 0
    repeated: int = 0
    is_broken: bool = False

    def see(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.root, self.places, self.frames, self.anchors, self.names = None, {}, [], {}, set()
            self.weight, self.repeated, self.is_broken = 0, 0, False
        elif isinstance(event, yaml.DocumentEndEvent):
            if self.root is not None and not self.is_broken:
                self.documents.append(Document(self.count, self.root, self.places))
            self.count += 1
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close(event)

    def _report(self, code: str, event: Any, message: str, help: str | None = None) -> None:
        self.is_broken = True
        self.findings.append(at(event.start_mark.index, code, message, help))

    def _anchor(self, event: Any) -> None:
        if event.anchor is None:
            return
        if event.anchor in self.names:
            self._report("PS001", event, f"the anchor `&{event.anchor}` is defined twice", "give each anchor its own name")
        self.names.add(event.anchor)

    def _at_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].value, dict) and not self.frames[-1].value_is_next

    def _in_extension(self) -> bool:
        if not self.frames:
            return False
        around = self.frames[-1]
        return around.in_extension or (isinstance(around.value, dict) and is_extension(around.name))

    def _scalar(self, event: Any) -> None:
        self._anchor(event)
        before = self.weight
        self.weight += 1 + len(event.value.encode("utf-8", "surrogatepass"))
        is_plain = event.style in (None, "")
        if _HALF.search(event.value):
            self._report("PS001", event, "an escape in this string is half a character", "write the character itself")
            raise _Stop
        if self._at_key():
            self._key(event, is_plain)
            return
        value = self._value(event, is_plain)
        is_nothing = event.value == "" and is_plain and event.anchor is None and event.tag is None
        start, end = event.start_mark.index, event.end_mark.index
        if is_nothing and not self._key_at() and self.text[start - 1 : start] == "-":
            start -= 1
        if event.style in ("|", ">"):
            start = self._first_text(start, end)
        self._put(value, (start, end), prefer_key=is_nothing)
        self._ended(event.anchor, value, before, 0)

    def _first_text(self, start: int, end: int) -> int:
        """Where the first line of a block of text stands that is not blank: what is told is told there."""
        at = self.text.find("\n", start, end) + 1
        while 0 < at < end and self.text[at].isspace():
            at += 1
        return at or end

    def _key_at(self) -> tuple[int, int] | None:
        return self.frames[-1].name_at if self.frames and isinstance(self.frames[-1].value, dict) else None

    def _value(self, event: Any, is_plain: bool) -> Any:
        if event.style in ("|", ">") and not self.frames:
            # Parsers disagree about its end: some take `---` for a part of it.
            start = self._first_text(event.start_mark.index, event.end_mark.index)
            message = "a document must be a mapping, but this is a block of text"
            self.findings.append(at(start, "PS001", message, "start the document with a key: `apiVersion: …`"))
            raise _Stop
        if event.tag is None and not is_plain:
            return event.value
        try:
            if event.tag is None:
                return resolved(event.value, in_extension=self._in_extension())
            return self._tagged(event)
        except _BadScalar as error:
            self._report("PS006", event, str(error), "write it in quotes, as a string")
            return None

    def _tagged(self, event: Any) -> Any:
        tag = event.tag.removeprefix(_CORE)
        if tag == event.tag or tag not in ("str", "int", "float", "bool", "null"):
            shown = event.tag.replace(_CORE, "!!")
            self._report("PS006", event, f"the tag `{shown}` is not supported here", "leave the tag out")
            return None
        if tag == "str":
            return event.value
        value = resolved(event.value, in_extension=self._in_extension())
        kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
        # Parsers disagree about an empty text in quotes.
        if tag == "null" and event.value == "" and event.style not in (None, ""):
            self._report("PS001", event, "a text in quotes is not `!!null`", "write `null`")
            return None
        if not isinstance(value, kinds[tag]) or (isinstance(value, bool) and tag != "bool"):
            self._report("PS006", event, f"`{event.value}` does not fit its tag `!!{tag}`")
        return value

    def _key(self, event: Any, is_plain: bool) -> None:
        frame = self.frames[-1]
        frame.name, frame.name_at = event.value, (event.start_mark.index, event.end_mark.index)
        frame.value_is_next = True
        if event.tag is not None and event.tag != f"{_CORE}str":
            self._report("PS005", event, "a key with a tag", "keys are strings")
        elif event.tag is None and is_plain and not _is_string(event.value):
            help = f'write it in quotes: `"{event.value}"`' if event.value else "write a name before the colon"
            self._report("PS005", event, f"the key `{event.value}` is not a string", help)
        elif event.value == "<<":
            self._report("PS005", event, "merge keys (`<<`) are not supported", "write the fields without `<<`")
        elif event.value in frame.value:
            self._report("PS004", event, f"the key `{event.value}` appears twice in one mapping", "keep one of them")

    def _alias(self, event: Any) -> None:
        if self._at_key() and event.anchor in self.names:
            self._report("PS005", event, "a key is an alias", "write the key without an alias")
            self.frames[-1].value_is_next = True
            return
        extent = self.anchors.get(event.anchor)
        if extent is None and event.anchor in self.names:
            self._report("PS003", event, "an alias stands inside its own anchor")
            raise _Stop
        if extent is None:
            help = f"write `&{event.anchor}` before the value that is meant"
            self._report("PS001", event, f"there is no anchor `&{event.anchor}` before this", help)
            raise _Stop
        before = self.weight
        self.weight += extent.weight
        self.repeated += extent.weight
        if self.repeated > MAX_BYTES:
            self._report("PS003", event, f"with its aliases expanded, the document is larger than {MAX_BYTES} bytes")
            raise _Stop
        if len(self.frames) + extent.height > MAX_DEPTH:
            self._report("PS003", event, f"this alias nests values deeper than {MAX_DEPTH} levels")
            raise _Stop
        value = copy.deepcopy(extent.value)
        self._put(value, (event.start_mark.index, event.end_mark.index), prefer_key=False)
        self._ended(None, value, before, extent.height)

    def _open(self, event: Any) -> None:
        self._anchor(event)
        is_key = self._at_key()
        own = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if is_key and not any(frame.is_key for frame in self.frames):
            self._report("PS005", event, "a key is a list or a mapping", "keys are strings")
        if event.tag is not None and event.tag != f"{_CORE}{own}":
            shown = event.tag.replace(_CORE, "!!")
            self._report("PS006", event, f"the tag `{shown}` is not supported here", "leave the tag out")
        value: Any = {} if own == "map" else []
        mark = event.start_mark
        frame = _Frame(
            value,
            self._path(),
            mark.index,
            mark.line,
            bool(event.flow_style),
            event.anchor,
            self.weight,
            self._in_extension(),
            is_key,
        )
        if not is_key:
            self._put(value, (mark.index, event.end_mark.index), prefer_key=True)
        self.frames.append(frame)
        self.weight += 1
        if len(self.frames) > MAX_DEPTH:
            self._report("PS003", event, f"values are nested deeper than {MAX_DEPTH} levels")
            raise _Stop

    def _close(self, event: Any) -> None:
        frame = self.frames.pop()
        if frame.is_key:
            self.frames[-1].value_is_next = True
            return
        key = self.places[frame.path].key if frame.path in self.places else None
        is_on_one_line = frame.is_flow and frame.line == event.end_mark.line
        self.places[frame.path] = Span(key, (frame.start, event.end_mark.index), not is_on_one_line)
        self._ended(frame.anchor, frame.value, frame.before, frame.height + 1)

    def _path(self) -> Path:
        if not self.frames:
            return ()
        around = self.frames[-1]
        return (*around.path, around.name if isinstance(around.value, dict) else len(around.value))

    def _put(self, value: Any, span: tuple[int, int], *, prefer_key: bool) -> None:
        self.places[self._path()] = Span(self._key_at(), span, prefer_key)
        if not self.frames:
            self.root = value
        elif isinstance(self.frames[-1].value, dict):
            self.frames[-1].value[self.frames[-1].name] = value
            self.frames[-1].value_is_next = False
        else:
            self.frames[-1].value.append(value)

    def _ended(self, anchor: str | None, value: Any, before: int, height: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = _Extent(value, self.weight - before, height)
        if self.frames:
            self.frames[-1].height = max(self.frames[-1].height, height)


def _is_string(text: str) -> bool:
    try:
        return isinstance(resolved(text), str)
    except _BadScalar:
        return False


def write(value: Any) -> str:
    """A value as YAML that readers of YAML 1.1 and of YAML 1.2 take for the same."""
    if yaml is None:
        raise RuntimeError("YAML cannot be written without the package PyYAML: install planspec-documents[yaml]")
    options: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "default_flow_style": False, "width": 120}
    try:
        text: str = yaml.dump(value, Dumper=_dumper(), **options)
    except RecursionError:
        raise ValueError(f"values are nested deeper than the {MAX_DEPTH} levels that a document may have") from None
    return text


def _dumper() -> Any:
    class Dumper(yaml.SafeDumper):
        """Writes nothing that one of both takes for something else."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_mapping(self, tag: Any, mapping: Any, flow_style: Any = None) -> Any:
            if "<<" in mapping:
                raise ValueError("the key `<<` means a merge in YAML: write the document as JSON")
            return super().represent_mapping(tag, mapping, flow_style)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is not yaml.ScalarNode or not implicit[0]:
                return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            return _CORE + _tag(value)

    def text_of(dumper: Any, text: str) -> Any:
        style = None
        if (
            not _is_string(text)
            or super(Dumper, dumper).resolve(yaml.ScalarNode, text, (True, False)) != f"{_CORE}str"
            or re.search("[\x85\u2028\u2029]", text)
        ):
            style = '"'
        elif "\n" in text:
            style = "|"
        return dumper.represent_scalar(f"{_CORE}str", text, style=style)

    Dumper.add_representer(str, text_of)
    Dumper.add_representer(Number, lambda dumper, number: dumper.represent_scalar(f"{_CORE}float", number.text))
    Dumper.add_representer(float, lambda dumper, number: dumper.represent_scalar(f"{_CORE}float", repr(number)))
    return Dumper


def _tag(text: str) -> str:
    try:
        value = resolved(text, in_extension=True)
    except _BadScalar:
        return "float"
    if value is None:
        return "null"
    return {bool: "bool", int: "int", str: "str"}.get(type(value), "float")
