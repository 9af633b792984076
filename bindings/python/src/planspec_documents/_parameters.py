"""Capabilities: a default must be a value that could be given, and so must be what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._findings import VALUE, Diagnostic, Path, quoted
from ._schema import type_of
from ._write import canonical

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def findings(value: Any) -> Iterator[Diagnostic]:
    """What is wrong with the values of a capability whose structure is sound."""
    for field in ("inputs", "outputs"):
        for index, parameter in enumerate(value["spec"].get(field) or []):
            yield from _parameter(("spec", field, index), parameter)


def _parameter(place: Path, parameter: Any) -> Iterator[Diagnostic]:
    allowed = parameter.get("enum") or []
    values: list[tuple[Path, Any]] = [(("enum", index), value) for index, value in enumerate(allowed)]
    default = parameter.get("default")
    if default is not None:
        values.append((("default",), default))
    for path, value in values:
        wrong = _wrong_type(parameter, value)
        if wrong is not None:
            below, expected, found = wrong
            message = f"`{parameter['name']}` takes {expected}s there, but this is {type_of(found)}"
            yield Diagnostic("PS103", (*place, *path, *below), VALUE, message, f"write a {expected}")
    if default is not None and allowed and all(canonical(value) != canonical(default) for value in allowed):
        message = f"the default of `{parameter['name']}` is not one of the values in its `enum`"
        help = f"allowed: {', '.join(quoted(value) for value in allowed)}"
        yield Diagnostic("PS104", (*place, "default"), VALUE, message, help)


def _wrong_type(parameter: Any, value: Any) -> tuple[Path, str, Any] | None:
    """The first value that has another type than it should: the whole, an item of a list or a property."""
    if value is None and None in (parameter.get("enum") or []):
        return None
    if not _has_type(parameter["type"], value):
        return (), parameter["type"], value
    parts: list[tuple[Path, Any, Any]] = []
    if isinstance(value, list):
        parts = [((index,), parameter.get("itemType"), item) for index, item in enumerate(value)]
    elif isinstance(value, dict):
        properties = parameter.get("objectProperties") or {}
        parts = [((name,), _property_type(properties.get(name)), field) for name, field in value.items()]
    for path, expected, part in parts:
        is_reference = isinstance(part, str) and "${" in part
        if isinstance(expected, str) and not is_reference and not _has_type(expected, part):
            return path, expected, part
    return None


def _property_type(written: Any) -> str | None:
    """The type of a property: the name of one, or a parameter with a ``type``."""
    name = written.get("type", written) if isinstance(written, dict) else written
    return name if isinstance(name, str) and name in _TYPES else None


def _has_type(expected: str, value: Any) -> bool:
    # In Python a boolean is a number.
    is_boolean = isinstance(value, bool)
    return isinstance(value, _TYPES[expected]) and is_boolean == (expected == "boolean")
