"""What is to be said about a plan as a whole, whether it stands in a resource or in a document."""

from __future__ import annotations

from collections.abc import Iterator

from . import _globs, _graph
from ._findings import VALUE, Diagnostic
from ._graph import NODES, Graph
from ._plan import Plan


def plan_findings(plan: Plan, graph: Graph) -> Iterator[Diagnostic]:
    yield from _graph.findings(graph)
    yield from _touches(graph)


def _touches(graph: Graph) -> Iterator[Diagnostic]:
    """What nodes say that they touch and that is no glob, or not the one that it looks like."""
    for index, node in enumerate(graph.spec["nodes"]):
        for position, text in enumerate((node.get("x-planspec") or {}).get("touches") or []):
            path = (*NODES, index, "x-planspec", "touches", position)
            try:
                _globs.Glob(text)
            except _globs.BadGlob as why:
                help = "write paths from the repository's root: `*` stays within a folder, `**` does not"
                yield Diagnostic("PS105", path, VALUE, f"`{text}` is no glob: {why}", help)
                continue
            odd = _globs.misleading(text)
            if odd is not None:
                yield Diagnostic("PS234", path, VALUE, *odd)
