"""Everything that is to be said about one document of a file."""

from __future__ import annotations

from typing import Any

from . import _document, _graph, _plan, _resource, _secrets
from ._findings import Diagnostic, Level
from ._plan_rules import plan_findings


def check(name: str, value: Any) -> list[Diagnostic]:
    """What is wrong with a value, which may be a document, a resource, or a list of resources."""
    items = _resource.items_of(value)
    if items is not None:
        return [found.below(("items", index)) for index, item in enumerate(items) for found in _resource.check(item)]
    if _document.is_document(name, value):
        return check_document(value)
    return _resource.check(value)


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


def at_level(found: list[Diagnostic], level: Level) -> list[Diagnostic]:
    """Without what is beyond a level; what keeps a document from being executed is an error where that is asked."""
    if level is Level.READINESS:
        return [one.as_error() if Level.of(one.code) is Level.READINESS else one for one in found]
    wanted = {Level.STRUCTURE, level}
    return [one for one in found if Level.of(one.code) in wanted]
