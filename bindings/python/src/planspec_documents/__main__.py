"""``python -m planspec_documents``: the questions of the conformance suite, answered as JSON on standard output.

    validate FILE...
    change BEFORE AFTER
    scope FILE [--step STEP] PATH...
    graph FILE

The exit code is 0, or 1 where a finding is an error; 2 for wrong use, or a file that cannot be asked this; 3 for a question
that the library does not answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _api, _resource, _revisions
from ._api import Document, ReadError
from ._findings import Finding, Level
from ._views import InvalidError, compare, graph, scope, touched

_CANNOT_SAY, _UNSUPPORTED = 2, 3


def _validate(options: _Options) -> Any:
    """Files of one question are together the whole repository: what they do not hold does not exist."""
    found: list[Finding] = []
    verdicts = []
    read = {name: _documents(name) for name in options.files}
    documents = [one for of_file in read.values() for one in of_file if one.kind == "Document"]
    of_sessions, history = _sessions(documents)
    for name, of_file in read.items():
        own = _api.validate_file(name, Level.READINESS)
        if any(one is past for one in of_file for past in history):
            # Earlier revisions do not start.
            own = [one for one in own if one.level is not Level.READINESS]
        found += [_as_warning(one) for one in own]
        for one in of_file:
            found += _api.told(one, _resource.unknown_reviewers(one.value))
        verdicts.append(_verdict(own, is_document=_is_document(name, of_file)))
    if any(one.is_error for one in of_sessions):
        verdicts.append("invalid")
    return {"verdict": min(verdicts, key=_VERDICTS.index), "findings": _as_json([*found, *of_sessions])}


_VERDICTS = ["invalid", "structure", "semantics", "readiness", "valid"]


def _documents(name: str) -> list[Document]:
    try:
        return _api.load_all(name)
    except ReadError:
        return []


def _is_document(name: str, read: list[Document]) -> bool:
    is_called_so = name.lower().endswith((".planspec.json", ".planspec.yaml", ".planspec.yml"))
    return any(one.kind == "Document" for one in read) or (is_called_so and not read)


def _as_warning(finding: Finding) -> Finding:
    """What keeps a document from being executed is no error by itself."""
    if finding.level is not Level.READINESS:
        return finding
    return Finding(**{**{name: getattr(finding, name) for name in Finding.__slots__}, "severity": "warning"})


def _verdict(found: list[Finding], *, is_document: bool) -> str:
    broken = {one.level for one in found if one.is_error}
    if not is_document:
        return "invalid" if broken else "valid"
    if Level.STRUCTURE in broken:
        return "invalid"
    return "structure" if Level.SEMANTICS in broken else "semantics" if broken else "readiness"


def _sessions(documents: list[Document]) -> tuple[list[Finding], list[Document]]:
    """What is wrong with several revisions together; and those that are history."""
    revisions = [_revisions.Revision(one.name, one.value) for one in documents]
    by_revision = dict(zip(map(id, revisions), documents, strict=True))
    found = []
    for revision, finding in _revisions.session_findings(revisions):
        found += _api.told(by_revision[id(revision)], [finding])
    return found, [by_revision[id(one)] for one in _revisions.earlier(revisions)]


def _change(options: _Options) -> Any:
    before, after = map(_api.load, options.files)
    change = compare(before, after)
    size = "none" if change.size is None else str(change.size)
    return {"class": size, "findings": _as_json(change.findings)}


def _scope(options: _Options) -> Any:
    document, paths = _api.load(options.files[0]), options.files[1:]
    of_step = touched(document, options.step) if options.step is not None else None
    verdicts = [scope(document).judge(path, of_step) for path in paths]
    return {"items": [{"path": one.path, "verdict": one.verdict} for one in verdicts]}


def _graph(options: _Options) -> Any:
    found = graph(_api.load(options.files[0]))
    return {
        "name": found.name,
        "digest": found.digest,
        "nodes": [{"id": node.id, "kind": node.kind} for node in found.nodes],
        "edges": [{"from": edge.source, "to": edge.target, "type": edge.kind} for edge in found.edges],
    }


def _as_json(found: list[Finding]) -> list[Any]:
    return [one.to_dict() for one in found]


@dataclass(slots=True)
class _Options:
    """What is asked. File names may begin with ``-``: so nothing but ``--step`` is an option."""

    files: list[str]
    step: str | None = None


def _options(operation: str, arguments: list[str]) -> _Options | None:
    """The arguments of an operation; nothing where it does not take these."""
    if operation == "scope":
        step = arguments[2] if arguments[1:2] == ["--step"] and len(arguments) > 2 else None
        paths = arguments[3:] if step is not None else arguments[1:]
        return _Options([*arguments[:1], *paths], step) if arguments and paths else None
    least, most = {"validate": (1, len(arguments)), "change": (2, 2)}.get(operation, (1, 1))
    return _Options(arguments) if least <= len(arguments) <= most else None


def _no_answer(_: _Options) -> Any:
    raise NotImplementedError("a status follows from a repository, which the library does not know")


_OPERATIONS: dict[str, Callable[[_Options], Any]] = {
    "validate": _validate,
    "change": _change,
    "scope": _scope,
    "graph": _graph,
    "reconcile": _no_answer,
}


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    answered = _OPERATIONS.get(given[0]) if given else None
    options = _options(given[0], given[1:]) if answered is not None else None
    if answered is None or options is None:
        is_help = given in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_help else sys.stderr)
        return 0 if is_help else _CANNOT_SAY
    try:
        answer = answered(options)
    except NotImplementedError as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNSUPPORTED
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return _CANNOT_SAY
    except (ReadError, InvalidError, KeyError, TypeError) as error:
        text = error.args[0] if error.args else error
        print(f"error: {text}", file=sys.stderr)
        return _CANNOT_SAY
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    json.dump(answer, sys.stdout, ensure_ascii=False, indent=2)
    print()
    return int(any(one["severity"] == "error" for one in answer.get("findings", ())))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The reader has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
