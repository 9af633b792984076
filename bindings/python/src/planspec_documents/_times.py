"""Times and durations, as the formats have them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# With a space for the `T`, which is a time as well, but not in the format.
_SPACED = re.compile(_RFC3339.pattern.replace("[Tt]", "[Tt ]"))
_LOOSE = re.compile(
    r"\s*([+-]?[0-9]{1,4})-\s*([0-9]{1,2})-\s*([0-9]{1,2})\s*[Tt ]\s*([0-9]{1,2}):\s*([0-9]{1,2}):\s*([0-9]{1,2})(\.[0-9]+)?"
    r"\s*([Zz]|UTC|utc|[+-][0-9]{2}:?[0-9]{2})\s*"
)
_DATE = re.compile(r"\s*([+-]?[0-9]{1,4})-\s*([0-9]{1,2})-\s*([0-9]{1,2})")
_PLAIN = re.compile(
    r"\s*([+-]?[0-9]{1,4})-\s*([0-9]{1,2})-\s*([0-9]{1,2})([T ])\s*([0-9]{1,2}):\s*([0-9]{1,2})(?::\s*([0-9]{1,2})(\.[0-9]+)?)?"
)
_OFFSET = re.compile(_PLAIN.pattern + r"\s*([+-][0-9]{2}):?([0-9]{2})")


def _moment(year: str, month: str, day: str, hour: str, minute: str, second: str) -> datetime | None:
    leap = 1 if int(second) == 60 else 0
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second) - leap)
    except (ValueError, OverflowError):
        return None
    return moment


def is_rfc3339(text: str) -> bool:
    """Whether a text is a time as RFC 3339 writes it, with a ``T``."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return False
    *parts, _, offset = found.groups()
    moment = _moment(*parts)
    if moment is None or not _is_offset(offset):
        return False
    # A leap second is at the end of a day in UTC.
    is_leap = parts[5] == "60"
    return not is_leap or (moment - _delta(offset)).strftime("%H:%M") == "23:59"


def is_time(text: str) -> bool:
    """Whether a text is read as a time, however it is written."""
    found = _LOOSE.fullmatch(text)
    if found is None:
        return False
    *parts, _, offset = found.groups()
    return _moment(*parts) is not None and _is_offset(offset)


def instant(text: str) -> object:
    """A time as what it means, whatever offset it is written with; a text that is none as it is."""
    found = _LOOSE.fullmatch(meant(text) or text)
    if found is None:
        return text
    *parts, fraction, offset = found.groups()
    moment = _moment(*parts)
    if moment is None or not _is_offset(offset):
        return text
    is_leap = parts[5] == "60"
    try:
        return moment - _delta(offset), is_leap, (fraction or ".")[1:10].rstrip("0")
    except OverflowError:
        return text


def meant(text: str) -> str | None:
    """The time that can be meant by a text that is none of RFC 3339, in UTC where it names no offset."""
    if found := _SPACED.fullmatch(text):
        *parts, _, offset = found.groups()
        if _moment(*parts) and _is_offset(offset):
            return None
    if found := _DATE.fullmatch(text):
        year, month, day = found.groups()
        moment = _moment(year, month, day, "0", "0", "0")
        return _written(moment, None, "Z") if moment else None
    text = text.replace(",", ".")
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    if found := _PLAIN.fullmatch(text):
        year, month, day, _, hour, minute, second, fraction = found.groups()
        moment = _moment(year, month, day, hour, minute, second or "0")
        return _written(moment, fraction, "Z") if moment else None
    if found := _OFFSET.fullmatch(text):
        year, month, day, sign, hour, minute, second, fraction, hours, minutes = found.groups()
        moment = _moment(year, month, day, hour, minute, second or "0")
        # Without seconds the offset has a colon, after a `T`.
        is_form = second is not None or (sign == "T" and text[-3] == ":")
        if moment and is_form and _is_offset(f"{hours}:{minutes}"):
            return _written(moment, fraction, f"{hours}:{minutes}")
    return None


def _is_offset(offset: str) -> bool:
    if offset.upper() in ("Z", "UTC"):
        return True
    return int(offset[1:3]) < 24 and int(offset[-2:]) < 60


def _delta(offset: str) -> timedelta:
    if offset.upper() in ("Z", "UTC"):
        return timedelta()
    delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return -delta if offset[0] == "-" else delta


def _written(moment: datetime | None, fraction: str | None, offset: str) -> str | None:
    if moment is None:
        return None
    digits = (fraction or ".")[1:10].rstrip("0")
    digits = digits.ljust(-(-len(digits) // 3) * 3, "0")
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{'.' + digits if digits else ''}{offset}"


_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_LONGEST = (100 * 365 + 25) * _UNITS["d"]
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def nanoseconds(text: str) -> int | None:
    """How long a duration is; nothing where the text is none."""
    total = 0
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        assert found is not None
        whole, fraction, unit = found.groups()
        size = _UNITS.get(unit)
        if size is None or not (whole or fraction) or len(whole) > 40:
            return None
        total += int(whole or "0") * size
        for digit in (fraction or "")[:40]:
            size //= 10
            total += size * int(digit)
        if total > _LONGEST:
            return None
        at = found.end()
    return total or None
