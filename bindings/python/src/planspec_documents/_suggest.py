"""What was probably meant by a mistyped name."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPACE = " \t\n\x0b\x0c\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls white space, as a part of a class of a regular expression: Python knows more."""
_AROUND = re.compile(f"^[{SPACE}]+|[{SPACE}]+\\Z")


def trimmed(text: str) -> str:
    """A text without the white space around it."""
    return _AROUND.sub("", text)


def folded(word: str) -> str:
    """A word without what differs from habit to habit: case, ``_``, ``-`` and spaces."""
    return "".join(character for character in word if character.isalnum()).lower()


def near(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, if one is near enough; of equally near ones the first."""
    lower = word.lower()
    best: tuple[float, str] | None = None
    for candidate in candidates:
        other = candidate.lower()
        score = _jaro_winkler(lower, other)
        is_near = score >= 0.84 or (len(candidate.encode()) > 2 and _is_one_edit(lower, other))
        if is_near and (best is None or score > best[0]):
            best = (score, candidate)
    return best[1] if best else None


def suggestion(word: str, candidates: Iterable[str], otherwise: str) -> str:
    """What was probably meant, as a sentence; else ``otherwise``."""
    found = near(word, candidates)
    return f"did you mean `{found}`?" if found else otherwise


def _jaro(a: str, b: str) -> float:
    if not a and not b:
        return 1.0
    if not a or not b:
        return 0.0
    window = max(len(a), len(b)) // 2
    window = window - 1 if window > 0 else 0
    flags = [False] * len(b)
    matched_a: list[str] = []
    for at, character in enumerate(a):
        low, high = max(0, at - window), min(len(b), at + window + 1)
        for other in range(low, high):
            if not flags[other] and b[other] == character:
                flags[other] = True
                matched_a.append(character)
                break
    if not matched_a:
        return 0.0
    matched_b = [character for at, character in enumerate(b) if flags[at]]
    moved = sum(1 for one, other in zip(matched_a, matched_b, strict=True) if one != other) // 2
    matches = len(matched_a)
    return (matches / len(a) + matches / len(b) + (matches - moved) / matches) / 3.0


def _jaro_winkler(a: str, b: str) -> float:
    score = _jaro(a, b)
    if score <= 0.7:
        return score
    prefix = 0
    for one, other in zip(a[:4], b[:4], strict=False):
        if one != other:
            break
        prefix += 1
    return score + 0.1 * prefix * (1.0 - score)


def _is_one_edit(a: str, b: str) -> bool:
    """Whether one character more, less or other, or two that changed places, is the difference."""
    front = 0
    while front < min(len(a), len(b)) and a[front] == b[front]:
        front += 1
    a, b = a[front:], b[front:]
    back = 0
    while back < min(len(a), len(b)) and a[-1 - back] == b[-1 - back]:
        back += 1
    a, b = a[: len(a) - back], b[: len(b) - back]
    if len(a) + len(b) == 1 or (len(a) == 1 and len(b) == 1):
        return True
    return len(a) == 2 and len(b) == 2 and a == b[::-1]
