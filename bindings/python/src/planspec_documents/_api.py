"""Documents as programs see them: read, validate, write again without loss."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from . import _document, _read, _resource, _rules, _switches, _values, _write
from ._findings import Diagnostic, Finding, Level, pointer

_BY_NAME = "document.planspec.json"


class ReadError(ValueError):
    """A text that holds no document that could be looked at. ``findings`` say why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = findings


@dataclass(slots=True, eq=False)
class Document:
    """A PlanSpec 1.2 document or a resource, as it was read.

    ``value`` holds all of it, in its order; it may be changed. Whether it is valid :func:`validate` says.
    """

    value: Any
    name: str = _BY_NAME
    """The name of the file. It decides what a value without ``kind`` is, and how a text is read."""
    index: int = 0
    """Which document of the file it is, from 0."""
    _text: _read.Text | None = None

    @property
    def kind(self) -> str:
        """``Document`` for a PlanSpec 1.2 document; else what ``kind`` says, which may be nothing."""
        if _document.is_document(self.name, self.value):
            return "Document"
        kind = self.value.get("kind") if isinstance(self.value, dict) else None
        return kind if isinstance(kind, str) else ""


def load(path: str | os.PathLike[str]) -> Document:
    """Read the one document of a file, in JSON or (by its name) in YAML.

    Raises :class:`ReadError` where the text cannot be read, or holds none or several, and :class:`OSError` as
    :func:`open` does. A document that breaks a rule is read: :func:`validate` says what is wrong with it.
    """
    return loads(_bytes(path), name=os.fspath(path))


def loads(text: str | bytes, *, name: str = _BY_NAME) -> Document:
    """Read a document from a text. ``name`` is what its file is called, or would be."""
    documents = loads_all(text, name=name)
    if len(documents) == 1:
        return documents[0]
    message = f"one document is expected, but there are {len(documents)}"
    found = _read.of_file("PS007", message, "put each document into its own file")
    raise ReadError(list(_told(_read.Text(name, "", [], []), 0, [found.as_error()])))


def load_all(path: str | os.PathLike[str]) -> list[Document]:
    """Read every document of a file."""
    return loads_all(_bytes(path), name=os.fspath(path))


def loads_all(text: str | bytes, *, name: str = _BY_NAME) -> list[Document]:
    """Read every document of a text, of which YAML may hold several."""
    read = _read.read(name, text)
    if read.findings:
        raise ReadError(list(_told(read, 0, read.findings)))
    return [Document(one.value, name, one.index, read) for one in read.documents]


def validate(document: Document, level: Level | str = Level.SEMANTICS) -> list[Finding]:
    """What is wrong with a document, up to a level: everything that can be seen without a repository.

    At :attr:`Level.READINESS` what keeps it from being executed is an error. Lines are those of the text that the document
    was read from, whatever was changed in its value since. Raises :class:`TypeError` or :class:`ValueError` for a value that
    no file can hold: a set, a number that is none, what holds itself.
    """
    _values.check(document.value)
    found = _rules.check(document.name, document.value)
    text = document._text
    read = text.by_index.get(document.index) if text is not None else None
    if text is not None and read is not None:
        found += _switches.findings(text, read)
    return told(document, _rules.at_level(found, Level(level)))


def validate_text(text: str | bytes, *, name: str = _BY_NAME, level: Level | str = Level.SEMANTICS) -> list[Finding]:
    """What is wrong with a text and with every document in it."""
    read = _read.read(name, text)
    found = list(_told(read, 0, read.findings))
    if not read.documents and not read.findings:
        message = "no resources in this file"
        help = f"a resource has `apiVersion: {_resource.API_VERSION}` and a `kind`, a document `identity` and `intent`"
        found += _told(read, 0, [_read.of_file("PS007", message, help).as_error()])
    twice = _rules.twice({one.index: one.value for one in read.documents})
    for one in read.documents:
        problems = [*_rules.check(name, one.value), *_switches.findings(read, one), *twice.get(one.index, ())]
        found += _told(read, one.index, _rules.at_level(problems, Level(level)))
    return sorted(found, key=_place)


def validate_file(path: str | os.PathLike[str], level: Level | str = Level.SEMANTICS) -> list[Finding]:
    """What is wrong with a file and with every document in it."""
    data = _bytes(path)
    if len(data) > _read.MAX_BYTES:
        return list(_told(_read.no_text(os.fspath(path)), 0, [_too_large()]))
    return validate_text(data, name=os.fspath(path), level=level)


def told(document: Document, found: Iterable[Diagnostic]) -> list[Finding]:
    """Findings about a document, with their places in the text that it was read from."""
    text = document._text or _read.no_text(document.name)
    return sorted(_told(text, document.index, found), key=_place)


def dumps(document: Document, *, format: str | None = None) -> str:
    """A document as ``json`` or ``yaml``, by default as the name of its file says.

    Nothing is lost: keys keep their order, numbers their digits, and whatever ``x-…`` holds stays as it is. JSON is the
    canonical form of documents.
    """
    if (format or ("json" if _read.is_json(document.name) else "yaml")) == "json":
        return _write.pretty(document.value)
    if format not in (None, "yaml"):
        raise ValueError(f"a document is written as json or yaml, not as {format}")
    from . import _yaml

    return _yaml.write(document.value)


def dump(document: Document, path: str | os.PathLike[str]) -> None:
    """Write a document to a file, as the name of that says."""
    format = "json" if _read.is_json(os.fspath(path)) else "yaml"
    FilePath(path).write_bytes(dumps(document, format=format).encode())


def _bytes(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        # One byte more than the limit, so that a larger file is reported.
        return file.read(_read.MAX_BYTES + 1)


def _too_large() -> Diagnostic:
    message = f"the file has more than {_read.MAX_BYTES} bytes"
    return _read.of_file("PS008", message, "split the file")


def _place(finding: Finding) -> tuple[Any, ...]:
    # The version that the rest is read with comes first.
    rest = finding.code != "PS609"
    return (finding.document, rest, finding.line or 0, finding.column or 0, finding.code, finding.message)


def _told(text: _read.Text, document: int, found: Iterable[Diagnostic]) -> Iterator[Finding]:
    for one, line, column in _read.located(text, document, list(dict.fromkeys(found))):
        yield Finding(
            one.code,
            one.severity,
            Level.of(one.code),
            one.message,
            one.help,
            pointer(one.path) if one.offset is None else None,
            line if text.has_lines else None,
            column if text.has_lines else None,
            text.name,
            document,
        )
