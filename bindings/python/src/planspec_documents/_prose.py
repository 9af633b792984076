"""Whether another wording says something else: whoever does the work is told less that holds back, a lot more, or is pointed to
another address."""

from __future__ import annotations

import re
from collections import Counter

from ._suggest import SPACE, trimmed

# Words that restrict an actor. A text with fewer of them allows more.
_RESTRAINTS = set(
    "never not must only don't doesn't cannot can't mustn't unless without until ask stop wait approval approve confirm except "
    "forbidden avoid refuse".split()
)
# The number of new words that is more than a change of the wording.
_MORE = 8

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\ufeff\ufff9-\ufffb\u200b-\u200f\u2028-\u202e\u2060-\u206f\u115f\u1160"
    "\u3164\uffa0\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(f"[{SPACE}]+")
_WORD = re.compile(r"(?:[^\W_]|['’])+")


def says_something_else(was: str, is_: str) -> bool:
    """Whether a change of what somebody is told is more than wording."""
    if set(_INVISIBLE.findall(is_)) - set(_INVISIBLE.findall(was)):
        return True
    if not trimmed(was) or not trimmed(is_):
        return True
    if _restraints(was) - _restraints(is_) or _is_another(was, is_):
        return True
    before, now = _words(was), _words(is_)
    if any(_is_address(word) and word not in was for word in now):
        return True
    return len(now) - len(before) >= _MORE


def _words(text: str) -> list[str]:
    return [word for word in _SPACES.split(text) if word]


def _is_address(word: str) -> bool:
    return "://" in word or "@" in word.strip("@")


def _restraints(text: str) -> Counter[str]:
    words = (word.lower().replace("’", "'") for word in _WORD.findall(text))
    return Counter(word for word in words if word in _RESTRAINTS)


def _is_another(was: str, is_: str) -> bool:
    """Whether two texts have less than half of their words in common."""
    before, now = (set(re.findall(r"[^\W_]+", text.lower())) for text in (was, is_))
    return 2 * len(before & now) < len(before | now)
