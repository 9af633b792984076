"""What is told of a document: findings, their codes and their levels."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

Step = str | int
Path = tuple[Step, ...]

KEY = "key"
VALUE = "value"


class Level(str, Enum):
    """How far a document is looked at."""

    STRUCTURE = "structure"
    SEMANTICS = "semantics"
    READINESS = "readiness"

    @classmethod
    def of(cls, code: str) -> Level:
        """The level that a rule belongs to."""
        return {"PS62": cls.SEMANTICS, "PS63": cls.READINESS}.get(code[:4], cls.STRUCTURE)


@cache
def tables() -> Any:
    """What was made from the schemas and the list of rules of the program."""
    return json.loads(files(__package__).joinpath("tables.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a rule found, before its place is looked up in the text."""

    code: str
    path: Path
    part: str
    message: str
    help: str | None = None
    # Whether the severity differs from the rule's own.
    is_warning: bool | None = None
    # An offset in the text, if there is no document with an entry to name.
    offset: int | None = None

    @property
    def severity(self) -> str:
        if self.is_warning is not None:
            return "warning" if self.is_warning else "error"
        severity: str = tables()["rules"][self.code]["severity"]
        return severity

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def below(self, path: Path) -> Diagnostic:
        """The same, where the document is below this place of another."""
        return replace(self, path=(*path, *self.path))

    def as_warning(self) -> Diagnostic:
        return replace(self, is_warning=True)

    def as_error(self) -> Diagnostic:
        return replace(self, is_warning=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a document."""

    code: str
    """The rule: ``PS302``. ``planspec explain CODE`` prints its page."""
    severity: str
    """``error`` or ``warning``."""
    level: Level
    """Which level of a document it belongs to."""
    message: str
    """What is wrong, in one sentence without a full stop."""
    help: str | None
    """The way out."""
    pointer: str | None
    """The entry, as a JSON pointer (RFC 6901); nothing where the text itself is wrong."""
    line: int | None
    """Line in the text, from 1; nothing where a document was not read from a text."""
    column: int | None
    """Column in characters, from 1."""
    file: str
    """The name that the text was given."""
    document: int = 0
    """Which document of the file, from 0."""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def title(self) -> str:
        """What the rule is about, in a few words."""
        title: str = tables()["rules"][self.code]["title"]
        return title

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in (None, ""))
        help = f" ({self.help})" if self.help else ""
        return f"{place}: {self.severity} {self.code}: {self.message}{help}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON would hold it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "level": self.level.value,
            "title": self.title,
            "message": self.message,
            "help": self.help,
            "file": self.file,
            "document": self.document,
            "pointer": self.pointer,
            "line": self.line,
            "column": self.column,
        }


def pointer(path: Path) -> str:
    """A place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def display(path: Path) -> str:
    """A place as people write it: ``spec.graph.nodes[3].id``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def listed(words: Any) -> str:
    """Names in backticks, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def shortened(text: str, most: int = 60) -> str:
    """A text of which no more than so many characters are shown."""
    return text if len(text) <= most else text[:most] + "…"


def quoted(value: Any) -> str:
    """A value in backticks, the first characters of it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{shortened(text)}`"


def at(value: Any, path: Path) -> Any:
    """What stands at a place of a value; nothing where there is none."""
    for step in path:
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        elif isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value
