"""Everything that is to be said about one document of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import _document, _graph, _plan, _resource, _secrets
from ._findings import VALUE, Diagnostic, Level, Path, at
from ._plan_rules import plan_findings


def check(name: str, value: Any) -> list[Diagnostic]:
    """What is wrong with a value, which may be a document, a resource, or a list of resources."""
    items = _resource.items_of(value)
    if items is not None:
        return [found.below(("items", index)) for index, item in enumerate(items) for found in _resource.check(item)]
    if _document.is_document(name, value):
        return [*check_document(value), *_unreadable_name(name, value)]
    return _resource.check(value)


def _unreadable_name(name: str, value: Any) -> Iterator[Diagnostic]:
    """A plan that is called by a hash, because the name of its file is in letters that names do not have."""
    stem = _plan.stem(name, value)
    says_name = isinstance(at(value, ("x-planspec", "name")), str)
    if not says_name and any(one.isalpha() and not one.isascii() for one in stem) and _document.read(value).content:
        message = f"the plan is called `{_plan.key(name, value)[1]}`: no name has the letters of the file's"
        help = "give it one in Latin letters: `x-planspec: {name: …}`"
        yield Diagnostic("PS616", ("x-planspec", "name"), VALUE, message, help)


def check_document(value: Any) -> list[Diagnostic]:
    """What is wrong with a PlanSpec 1.2 document, on all levels."""
    read = _document.read(value)
    found = list(read.findings)
    content = read.content
    if content is not None:
        found += _document.judge(content)
    found += _secrets.check(value)
    if content is not None:
        plan, problems = _plan.of_document(content)
        found += problems
        if plan is not None:
            graph = _graph.Graph.build(plan.graph)
            found += plan_findings(plan, graph)
    return found


def twice(documents: dict[int, Any]) -> dict[int, list[Diagnostic]]:
    """Resources of one file that have one name, by the document that they stand in."""
    places: dict[Any, list[tuple[int, Path]]] = {}
    for index, value in documents.items():
        items = _resource.items_of(value)
        for item, resource in enumerate([value] if items is None else items):
            key = _resource.key(resource)
            if key is not None:
                below: Path = () if items is None else ("items", item)
                places.setdefault(key, []).append((index, below))
    found: dict[int, list[Diagnostic]] = {}
    for (kind, namespace, name), all_places in places.items():
        message = f"{kind} {namespace}/{name} is defined {len(all_places)} times"
        help = "keep one definition, or give the others another name or namespace"
        for index, below in all_places if len(all_places) > 1 else ():
            problem = Diagnostic("PS201", (*below, "metadata", "name"), VALUE, message, help)
            found.setdefault(index, []).append(problem)
    return found


def at_level(found: list[Diagnostic], level: Level) -> list[Diagnostic]:
    """Without what is beyond a level; what keeps a document from being executed is an error where that is asked."""
    if level is Level.READINESS:
        return [one.as_error() if Level.of(one.code) is Level.READINESS else one for one in found]
    wanted = {Level.STRUCTURE, level}
    return [one for one in found if Level.of(one.code) in wanted]
