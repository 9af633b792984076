"""Versions of plans within a series."""

from __future__ import annotations

import re

_DATE = re.compile(r"[0-9]{4}-([0-9]{2})-([0-9]{2})")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_numbered(version: str) -> bool:
    """Whether a version is one of numbers: ``2``, ``v1.10.0-rc.1``, ``2026-01-31``."""
    date = _DATE.fullmatch(version)
    if date and 1 <= int(date[1]) <= 12 and 1 <= int(date[2]) <= 31:
        return True
    bare = version[1:] if version[:1] in ("v", "V") else version
    core = bare.partition("+")[0].partition("-")[0]
    return bool(_NUMBERS.fullmatch(core)) and all(int(part[:25]) < 2**64 for part in core.split("."))
