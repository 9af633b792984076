"""Values as JSON: as people read them, and as digests are made of them. Nothing recurses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ._read import Number

_INDENT = "  "


def pretty(value: Any) -> str:
    """A value on indented lines: keys in their order, numbers as they were written."""
    return "".join(_Writer(_as_written, list, ": ", ",", indent=True).run(value)) + "\n"


def canonical(value: Any) -> bytes:
    """A value as RFC 8785 writes it: the same bytes for the same content."""

    def by_utf16(fields: Any) -> list[tuple[str, Any]]:
        return sorted(fields, key=lambda entry: entry[0].encode("utf-16-be", "surrogatepass"))

    return "".join(_Writer(_as_double, by_utf16, ":", ",", indent=False).run(value)).encode()


def _as_written(number: int | float) -> str:
    if isinstance(number, Number):
        return number.text
    if isinstance(number, float) and (number != number or number in (float("inf"), float("-inf"))):
        raise ValueError(f"JSON has no number {number}")
    return repr(number)


def _as_double(number: int | float) -> str:
    """A number as ECMAScript writes it."""
    number = float(number)
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    digits, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = digits.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).rstrip("0")
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped
    if 0 < point <= 21:
        text = digits.ljust(point, "0")
        text = text[:point] + ("." + text[point:] if len(text) > point else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{point - 1:+}"
    return sign + text


class _Writer:
    def __init__(
        self,
        number: Callable[[int | float], str],
        fields: Callable[[Any], list[tuple[str, Any]]],
        colon: str,
        comma: str,
        *,
        indent: bool,
    ) -> None:
        self.number = number
        self.fields = fields
        self.colon = colon
        self.comma = comma
        self.indent = indent

    def run(self, value: Any) -> list[str]:
        out: list[str] = []
        # Values with their depth, and texts to write as they are, the next one last.
        todo: list[tuple[Any, int] | str] = [(value, 0)]
        while todo:
            one = todo.pop()
            if isinstance(one, str):
                out.append(one)
            else:
                out.append(self._begun(*one, todo))
        return out

    def _begun(self, value: Any, depth: int, todo: list[tuple[Any, int] | str]) -> str:
        if isinstance(value, dict) and value:
            entries = [(f"{_string(key)}{self.colon}", below) for key, below in self.fields(value.items())]
            return self._opened("{", "}", entries, depth, todo)
        if isinstance(value, (list, tuple)) and value:
            return self._opened("[", "]", [("", below) for below in value], depth, todo)
        return self._scalar(value)

    def _opened(
        self, begin: str, end: str, entries: list[tuple[str, Any]], depth: int, todo: list[tuple[Any, int] | str]
    ) -> str:
        line = "\n" + _INDENT * (depth + 1) if self.indent else ""
        todo.append(("\n" + _INDENT * depth if self.indent else "") + end)
        for position, (before, value) in enumerate(reversed(entries)):
            todo.append((value, depth + 1))
            is_first = position == len(entries) - 1
            todo.append(("" if is_first else self.comma) + line + before)
        return begin

    def _scalar(self, value: Any) -> str:
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, (int, float)):
            return self.number(value)
        if isinstance(value, dict):
            return "{}"
        if isinstance(value, (list, tuple)):
            return "[]"
        raise TypeError(f"JSON holds no {type(value).__name__}")


def _string(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a key is a string, not {type(text).__name__}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a string holds half a character, which no file can hold")
    return json.dumps(text, ensure_ascii=False)
