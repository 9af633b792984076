"""Values that programs make, and no file could hold."""

from __future__ import annotations

import re
from typing import Any

from ._read import MAX_DEPTH

_HALF = re.compile("[\ud800-\udfff]")


def check(value: Any) -> None:
    """Raise :class:`TypeError` for what is none of the values of JSON, and :class:`ValueError` for what nests too deep (as
    what holds itself does), numbers that are none, and halves of characters."""
    todo: list[tuple[Any, int]] = [(value, 1)]
    while todo:
        one, depth = todo.pop()
        if isinstance(one, str):
            _check_text(one)
        elif isinstance(one, float):
            if one - one != 0:
                raise ValueError(f"a document holds no number {one}")
        elif isinstance(one, (dict, list)):
            if depth > MAX_DEPTH:
                raise ValueError(f"values are nested deeper than {MAX_DEPTH} levels")
            todo += [(below, depth + 1) for below in (one.values() if isinstance(one, dict) else one)]
            for key in one if isinstance(one, dict) else ():
                if not isinstance(key, str):
                    raise TypeError(f"a key is a string, not {type(key).__name__}")
                _check_text(key)
        elif one is not None and not isinstance(one, int):
            raise TypeError(f"a document holds no {type(one).__name__}")


def _check_text(text: str) -> None:
    if not text.isascii() and _HALF.search(text):
        raise ValueError("a string holds half a character, which no file can hold")
