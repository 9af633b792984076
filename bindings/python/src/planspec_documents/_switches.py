"""``dryRun: no`` where anything may stand: text to YAML 1.2, and a boolean to YAML 1.1 and to most who write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._findings import VALUE, Diagnostic, Path
from ._read import Document, Text
from ._suggest import folded

# Names of maps with values of any type, ours and common other ones.
_FREE = ("parameters", "params", "arguments", "vars", "constraints")
_MEANT = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), "true"),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), "false"),
}


def findings(text: Text, document: Document) -> Iterator[Diagnostic]:
    """The words without quotes in the maps of a document whose values may be anything."""
    if text.is_json or document.places is None:
        return
    for path, word in _words(document.value):
        span = document.places.get(path)
        if span is not None and text.text[slice(*span.value)] == word:
            message = f"`{word}` is text here, but other YAML readers take it for a boolean"
            yield Diagnostic("PS240", path, VALUE, message, f"write `{_MEANT[word]}`, or put it in quotes")


def _words(value: Any) -> Iterator[tuple[Path, str]]:
    spec = value.get("spec") if isinstance(value, dict) else None
    for field, free in spec.items() if isinstance(spec, dict) else ():
        if folded(field) not in _FREE:
            continue
        entries: list[tuple[Path, Any]] = []
        if isinstance(free, dict):
            entries = [((name,), one) for name, one in free.items()]
        elif isinstance(free, list):
            entries = [((index, "value"), one.get("value")) for index, one in enumerate(free) if isinstance(one, dict)]
        for below, one in entries:
            if isinstance(one, str) and one in _MEANT:
                yield ("spec", field, *below), one
