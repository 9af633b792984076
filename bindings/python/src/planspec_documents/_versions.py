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


# The parts; whether it is a release, which is above pre-releases; and the pre-release, in which numbers are below
# words.
_Version = tuple[list[int], bool, list[tuple[int, int, bytes]]]


def _read(version: str) -> _Version:
    date = _DATE.fullmatch(version)
    if date and 1 <= int(date[1]) <= 12 and 1 <= int(date[2]) <= 31:
        return [int(part) for part in version.split("-")], True, []
    bare = version[1:] if version[:1] in ("v", "V") else version
    # Build metadata does not count.
    core, minus, before = bare.partition("+")[0].partition("-")
    parts = [int(part) for part in core.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    words = [(0, int(part), b"") if _NUMBERS.fullmatch(part) else (1, 0, part.encode()) for part in before.split(".")]
    return parts, not minus, words if minus else []


def step(was: str, is_: str) -> int | None:
    """The first part of two numbered versions that differs, from 0: two pre-releases, or a pre-release and its release, differ
    in no part: that is part 0. Nothing where the second is not the higher."""
    old, new = _read(was), _read(is_)
    if old >= new:
        return None
    count = max(len(old[0]), len(new[0]))
    before, now = (parts + [0] * (count - len(parts)) for parts in (old[0], new[0]))
    return next((at for at in range(count) if before[at] != now[at]), 0)
