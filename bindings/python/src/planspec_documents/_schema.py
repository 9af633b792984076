"""What a schema says about a value, in the codes of the program.

The schemas are those that ``planspec schema`` prints, without their descriptions. They use few keywords, and each is
checked here. Of all that can be said about one entry the cause is told, and not what follows from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import _intent, _times
from ._findings import KEY, VALUE, Diagnostic, Path, display, listed, quoted, tables
from ._suggest import SPACE

Schema = Any

# The cause among the findings about one entry is the one with the lowest rank.
TYPE, CHOICE, LENGTH, SYNTAX, SHAPE = range(5)

_NOUNS = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


@dataclass(slots=True)
class Complaint:
    """What is said about an entry."""

    subject: Path
    rank: int
    finding: Diagnostic
    # The intended field of an unknown one.
    meant: Path | None = None


@dataclass(slots=True)
class _Todo:
    """A value that is still to be held against a schema."""

    schema: Schema
    value: Any
    path: Path
    # The `if`/`then` pairs whose `then` may be this schema.
    variants: list[Schema]
    # Whether the key of an entry is checked instead of its value.
    is_key: bool = False


def check(kind: str, value: Any) -> list[Diagnostic]:
    """Everything that is wrong with a value of a kind, one finding for each cause."""
    root = tables()["schemas"][kind]
    return _reduced(list(_complaints(root, root, value)))


def _reduced(complaints: list[Complaint]) -> list[Diagnostic]:
    causes: dict[Path, Complaint] = {}
    for one in complaints:
        known = causes.get(one.subject)
        if known is None or one.rank < known.rank:
            causes[one.subject] = one
    all_causes = list(causes.values())
    unknown = {one.subject[:-1] for one in all_causes if one.finding.code in ("PS102", "PS107")}
    mistyped = {one.meant for one in all_causes if one.meant is not None}
    return [
        one.finding
        for one in all_causes
        # The wrong shape of an object follows from its unknown fields.
        if not (one.rank == SHAPE and one.subject in unknown)
        # A field with a mistyped name is not missing as well.
        and not (one.finding.code == "PS101" and one.subject in mistyped)
    ]


def _complaints(root: Schema, schema: Schema, value: Any) -> Iterator[Complaint]:
    todo = [_Todo(schema, value, (), [])]
    while todo:
        one = todo.pop()
        if one.schema is True:
            continue
        for keyword, wanted in one.schema.items():
            judge = _KEYWORDS.get(keyword)
            if judge is not None:
                yield from judge(_Judged(root, value, one, wanted, todo))


@dataclass(slots=True)
class _Judged:
    """A keyword and what it is asked about."""

    root: Schema
    instance: Any
    todo: _Todo
    wanted: Any
    queue: list[_Todo]

    @property
    def value(self) -> Any:
        return self.todo.value

    @property
    def path(self) -> Path:
        return self.todo.path

    @property
    def schema(self) -> Schema:
        return self.todo.schema

    def look_at(self, schema: Schema, **changed: Any) -> None:
        one = self.todo
        self.queue.append(
            _Todo(
                schema,
                changed.get("value", one.value),
                changed.get("path", one.path),
                changed.get("variants", one.variants),
                changed.get("is_key", one.is_key),
            )
        )

    def said(self, code: str, rank: int, message: str, help: str | None) -> Complaint:
        """A complaint about the value itself."""
        part = KEY if self.todo.is_key else VALUE
        name = f"the key `{self.path[-1]}`" if self.todo.is_key else _name(self.path)
        return Complaint(self.path, rank, Diagnostic(code, self.path, part, f"{name}: {message}", help))


_BY_NAME = ("checks", "nodeBindings")
"""Fields whose keys are names that people choose."""


def _name(path: Path) -> str:
    """``nodes[3]``: the last key of a path and the indices behind it; ``checks.fast[0]`` where that key is a name."""
    start = len(path)
    while start and not isinstance(path[start - 1], str):
        start -= 1
    if start > 1 and path[start - 2] in _BY_NAME:
        start -= 1
    tail = path[start - 1 :] if start else path
    return f"`{display(tail)}`" if tail else "the document"


def _follow(root: Schema, schema: Schema) -> Schema:
    """What a schema that is a reference points at."""
    while isinstance(schema, dict) and "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def type_of(value: Any) -> str:
    """What a value is, as a person says it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (int, float)):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"


def _is_of_type(value: Any, name: str) -> bool:
    if name == "string":
        return isinstance(value, str)
    if name == "object":
        return isinstance(value, dict)
    if name == "array":
        return isinstance(value, list)
    if name == "null":
        return value is None
    if name == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return name == "number" or isinstance(value, int) or value.is_integer()


def _ref(one: _Judged) -> Iterator[Complaint]:
    one.look_at(_follow(one.root, one.schema))
    yield from ()


def _type(one: _Judged) -> Iterator[Complaint]:
    names = [one.wanted] if isinstance(one.wanted, str) else one.wanted
    if not any(_is_of_type(one.value, name) for name in names):
        yield _wrong_type(one, names)


def _wrong_type(one: _Judged, names: list[str]) -> Complaint:
    found = type_of(one.value)
    if names == ["integer"] and isinstance(one.value, float):
        found = "a number with a fraction"
    expected = " or ".join(_NOUNS[name] for name in names)
    help = _how_to_write(names[0], one.value)
    return one.said("PS103", TYPE, f"{expected} is expected, but this is {found}", help)


def _how_to_write(name: str, value: Any) -> str:
    if value is None:
        return "give it a value, or remove the field"
    if name == "string" and isinstance(value, (bool, int, float)):
        return "write it in quotes"
    if name == "boolean":
        return "write `true` or `false`, without quotes"
    if name == "array":
        return "write it as a list"
    if name == "object":
        return "write it as a mapping"
    if name in ("integer", "number"):
        return "write a whole number, without quotes" if name == "integer" else "write a number, without quotes"
    return "write one text"


def _enum(one: _Judged) -> Iterator[Complaint]:
    # `true` is not `1`, although they are equal in Python.
    if not any(one.value == word and isinstance(one.value, type(word)) for word in one.wanted):
        yield _not_allowed(one, one.wanted)


def _const(one: _Judged) -> Iterator[Complaint]:
    if one.value != one.wanted:
        yield _not_allowed(one, [one.wanted])


def _not_allowed(one: _Judged, words: list[str]) -> Complaint:
    allowed = f"allowed: {listed(words)}"
    if not isinstance(one.value, str):
        complaint = _wrong_type(one, ["string"])
        return one.said("PS103", TYPE, complaint.finding.message.partition(": ")[2], allowed)
    near = _intent.word(one.value, words)
    help = f"did you mean `{near}`? {allowed}" if near else allowed
    return one.said("PS104", CHOICE, f"{quoted(one.value)} is not one of the allowed values", help)


def _format(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, str) and not _FORMATS[one.wanted](one.value):
        noun = {"uuid": "UUID", "date-time": "time"}.get(one.wanted, "duration")
        yield one.said("PS105", LENGTH, f"{quoted(one.value)} is no {noun}", _expected(one.schema))


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMATS: dict[str, Callable[[str], bool]] = {
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "date-time": _times.is_rfc3339,
    "planspec-duration": lambda text: _times.nanoseconds(text) is not None,
}


def _expected(schema: Schema) -> str:
    return f"expected: {schema.get('patternErrorMessage', 'another syntax')}"


@cache
def _pattern_of(text: str) -> re.Pattern[str]:
    # In Python `$` also matches before a line break at the end, and `\S` excludes more kinds of space.
    text = text[:-1] + r"\Z" if text.endswith("$") else text
    return re.compile(text.replace(r"\S", f"[^{SPACE}]").replace(r"\s", SPACE))


def _pattern(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, str) and not _pattern_of(one.wanted).search(one.value):
        message = "it is empty" if not one.value else f"{quoted(one.value)} has the wrong syntax"
        yield one.said("PS105", SYNTAX, message, _expected(one.schema))


def _min_length(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, str) and len(one.value) < one.wanted:
        yield one.said("PS106", LENGTH, "it is empty", "write something there")


def _max_length(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, str) and len(one.value) > one.wanted:
        message = f"it has {len(one.value)} characters, but at most {one.wanted} are allowed"
        yield one.said("PS106", LENGTH, message, f"write at most {one.wanted} characters")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _minimum(one: _Judged) -> Iterator[Complaint]:
    if _is_number(one.value) and one.value < one.wanted:
        yield _out_of_range(one)


def _maximum(one: _Judged) -> Iterator[Complaint]:
    if _is_number(one.value) and one.value > one.wanted:
        yield _out_of_range(one)


def _out_of_range(one: _Judged) -> Complaint:
    allowed = f"{one.schema['minimum']} to {one.schema['maximum']}"
    message = f"{quoted(one.value)} is out of range; {allowed} is allowed"
    return one.said("PS106", LENGTH, message, f"write a number from {allowed}")


def _whole_number(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, float) and one.value.is_integer():
        message = f"a whole number is expected, {quoted(one.value)} has a fraction"
        yield one.said("PS103", TYPE, message, "write it without the fraction")


def _min_items(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, list) and len(one.value) < one.wanted:
        yield one.said("PS106", LENGTH, "it is empty, at least one entry is expected", "add an entry")


def _max_items(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, list) and len(one.value) > one.wanted:
        yield one.said("PS106", LENGTH, f"at most {one.wanted} entries are allowed here", f"keep only {one.wanted}")


def _min_properties(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, dict) and len(one.value) < one.wanted:
        yield one.said("PS106", LENGTH, "it is empty, at least one entry is expected", "add an entry")


def _max_properties(one: _Judged) -> Iterator[Complaint]:
    # Only shapes of a `oneOf` have it, whose finding is that none of them fits.
    if isinstance(one.value, dict) and len(one.value) > one.wanted:
        yield one.said("PS105", SHAPE, f"more than {one.wanted} fields", None)


def _unique_items(one: _Judged) -> Iterator[Complaint]:
    if not isinstance(one.value, list):
        return
    seen: set[str] = set()
    for index, item in enumerate(one.value):
        written = json.dumps(item, ensure_ascii=False)
        if written in seen:
            path = (*one.path, index)
            message = f"{_name(path)}: {quoted(item)} is already in the list"
            yield Complaint(path, SYNTAX, Diagnostic("PS310", path, VALUE, message, "remove it here"))
            return
        seen.add(written)


def _required(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, dict):
        for name in one.wanted:
            if name not in one.value:
                yield _missing(one, name, None)


def _dependent_required(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, dict):
        for present, needed in one.wanted.items():
            for name in needed if present in one.value else ():
                if name not in one.value:
                    yield _missing(one, name, present)


def _missing(one: _Judged, name: str, beside: str | None) -> Complaint:
    path = one.path
    title = one.schema.get("title")
    if beside:
        message = f"`{beside}` also needs `{name}`"
    elif title and path:
        message = f"{title} needs `{name}`"
    else:
        message = f"`{name}` is missing" + (f" in `{display(path)}`" if path else "")
    shape = _shape(one, name)
    help = f"add `{name}`: {shape}" if shape else f"add `{name}`"
    part = KEY if path and isinstance(path[-1], str) else VALUE
    return Complaint((*path, name), TYPE, Diagnostic("PS101", path, part, message, help))


def _shape(one: _Judged, name: str) -> str | None:
    """What is to stand in a field, in words."""
    schema = _follow(one.root, one.schema.get("properties", {}).get(name, {}))
    if not isinstance(schema, dict):
        return None
    if "enum" in schema:
        return f"one of {listed(schema['enum'])}"
    if "patternErrorMessage" in schema:
        words: str = schema["patternErrorMessage"]
        return words
    of_type = schema.get("type")
    if of_type == "object" and schema.get("required"):
        return f"a mapping with {listed(schema['required'])}"
    return _NOUNS.get(of_type) if isinstance(of_type, str) else None


def _properties(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, dict):
        for name, schema in one.wanted.items():
            if name in one.value:
                one.look_at(schema, value=one.value[name], path=(*one.path, name), variants=[])
    yield from ()


_EXTENSION = re.compile(r"^(x-|\$comment\Z|\$schema\Z)")


def _additional_properties(one: _Judged) -> Iterator[Complaint]:
    if not isinstance(one.value, dict):
        return
    known = one.schema.get("properties", {})
    may_extend = "patternProperties" in one.schema
    for name, value in one.value.items():
        if name in known or (may_extend and _EXTENSION.match(name)):
            continue
        if one.wanted is False:
            yield _misplaced(one, name)
        else:
            one.look_at(one.wanted, value=value, path=(*one.path, name), variants=[])


def _misplaced(one: _Judged, name: str) -> Complaint:
    """A field that the object does not have: one of another variant, or of none."""
    path = (*one.path, name)
    title = one.schema.get("title")
    homes = [home["title"] for home in _other_variants(one) if name in home.get("properties", {})]
    if title and homes:
        message = f"`{name}` is not allowed in {title}"
        finding = Diagnostic("PS107", path, KEY, message, f"it belongs in {' or '.join(homes)}")
        return Complaint(path, TYPE, finding)
    known = list(one.schema.get("properties", {}))
    free = [field for field in known if field not in one.value]
    field = _intent.Misplaced(one.root, one.schema, one.instance, one.path, name, free)
    meant = field.meant()
    help = f"the fields here are {listed(known)}"
    if meant is not None:
        help = f"did you mean `{display(meant[-1:])}`?" if meant[:-1] == one.path else f"it belongs at `{display(meant)}`"
    message = f"there is no field `{name}` in {_name(one.path)}"
    return Complaint(path, TYPE, Diagnostic("PS102", path, KEY, message, help), meant)


def _other_variants(one: _Judged) -> Iterator[Schema]:
    for variant in one.todo.variants:
        then = variant.get("then") if isinstance(variant, dict) else None
        if then is not None and "$ref" in then:
            schema = _follow(one.root, then)
            if "title" in schema:
                yield schema


def _property_names(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, dict):
        for name in one.value:
            one.look_at(one.wanted, value=name, path=(*one.path, name), variants=[], is_key=True)
    yield from ()


def _items(one: _Judged) -> Iterator[Complaint]:
    if isinstance(one.value, list):
        for index, item in enumerate(one.value):
            one.look_at(one.wanted, value=item, path=(*one.path, index), variants=[])
    yield from ()


def _all_of(one: _Judged) -> Iterator[Complaint]:
    for schema in one.wanted:
        one.look_at(schema, variants=one.wanted)
    yield from ()


def _fits(root: Schema, schema: Schema, value: Any) -> bool:
    return next(_complaints(root, schema, value), None) is None


def _if(one: _Judged) -> Iterator[Complaint]:
    if _fits(one.root, one.wanted, one.value):
        one.look_at(one.schema["then"])
    yield from ()


def _one_of(one: _Judged) -> Iterator[Complaint]:
    if sum(_fits(one.root, shape, one.value) for shape in one.wanted) != 1:
        words = one.schema.get("errorMessage", "it has none of the allowed shapes")
        yield one.said("PS105", SHAPE, words, "write the fields of one shape only")


_KEYWORDS: dict[str, Callable[[_Judged], Iterator[Complaint]]] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "format": _format,
    "pattern": _pattern,
    "minLength": _min_length,
    "maxLength": _max_length,
    "minimum": _minimum,
    "maximum": _maximum,
    "wholeNumber": _whole_number,
    "minItems": _min_items,
    "maxItems": _max_items,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
    "uniqueItems": _unique_items,
    "required": _required,
    "dependentRequired": _dependent_required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "items": _items,
    "allOf": _all_of,
    "if": _if,
    "oneOf": _one_of,
}
"""Keywords that decide nothing by themselves. A test holds both lists against the schemas."""
