"""What a program that carries out plans asks of a document: its graph, who is asked before a step, whether it may start, which
files belong to the work, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _api, _document, _globs, _graph, _plan, _revisions, _rules, _scope, _values
from ._api import Document
from ._findings import Diagnostic, Finding, Level, at
from ._normal import Class, class_of


class InvalidError(ValueError):
    """A document that cannot be asked what it was asked, since something in it is wrong. ``findings`` say what."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = findings


def _refused(document: Document, found: Iterable[Diagnostic]) -> InvalidError:
    return InvalidError([one for one in _api.told(document, found) if one.is_error])


def _content(document: Document) -> Any:
    """A document whose structure is sound."""
    _values.check(document.value)
    if document.kind != "Document":
        raise TypeError(f"a PlanSpec 1.2 document is expected, but this is {document.kind or 'none'}")
    read = _document.read(document.value)
    if read.content is None:
        raise _refused(document, read.findings)
    return read.content


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a plan."""

    id: str
    """Its id. In letters that are not Latin, the id that a step is given here is not the one that the program gives it."""
    kind: str
    """``Task``, ``Gate``, ``Group`` or ``External``."""
    step: str | None
    """The ``step_id`` that it comes from, in a document: of a gate, the step that is approved there."""


@dataclass(frozen=True, slots=True)
class Edge:
    """That one node waits for another."""

    source: str
    target: str
    kind: str
    """``hard``: the target waits until the source succeeded; ``soft``: until it is over."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a plan: it has no cycle."""

    name: str
    """The name of the plan."""
    nodes: list[Node]
    edges: list[Edge]
    """Each pair of nodes once, ``dependsOn`` and ``dependencies`` among them."""
    order: list[str]
    """The ids of the nodes, each behind those that it waits for."""
    digest: str
    """``sha256:…`` over the canonical form of the graph: what ``graphDigest`` of a Plan holds."""

    def before(self, id: str) -> set[str]:
        """Every node that comes before one, directly or through others."""
        found: set[str] = set()
        todo = [id]
        while todo:
            target = todo.pop()
            sources = {edge.source for edge in self.edges if edge.target == target} - found
            found |= sources
            todo += sources
        return found


def graph(document: Document) -> Graph:
    """The graph of a document or of a Plan.

    Raises :class:`InvalidError` where it has none: the structure is not sound, or the graph has a cycle.
    """
    steps: list[Any] = []
    if document.kind == "Document":
        content = _content(document)
        steps = content["approach"]["steps"]
        name = _plan.key(document.name, document.value)[1]
        plan, problems = _plan.of_document(content, name)
        if plan is None:
            raise _refused(document, problems)
    elif document.kind == "Plan":
        _values.check(document.value)
        found = _rules.check(document.name, document.value)
        if any(one.is_error and one.code < "PS2" for one in found):
            raise _refused(document, found)
        plan, name = _plan.Plan(document.value["spec"]["graph"]), document.value["metadata"]["name"]
    else:
        raise TypeError(f"a document or a Plan is expected, but this is {document.kind or 'none'}")
    built = _graph.Graph.build(plan.graph)
    if built.problems:
        raise _refused(document, built.problems)
    return _view(built, plan, name, steps)


def _view(built: _graph.Graph, plan: _plan.Plan, name: str, steps: list[Any]) -> Graph:
    ids = built.ids
    of_nodes = [steps[index]["step_id"] for index in plan.steps] if plan.steps is not None else [None] * len(ids)
    nodes = [Node(node["id"], node["kind"], step) for node, step in zip(plan.graph["nodes"], of_nodes, strict=True)]
    edges = [Edge(ids[source], ids[target], kind) for (source, target), kind in sorted(built.edges.items())]
    return Graph(name, nodes, edges, [ids[node] for node in built.order], _graph.digest(plan.graph))


def modes(document: Document) -> dict[str, str]:
    """Who is asked before each step, by its ``step_id``: ``human_approval`` or ``agent_autonomous``.

    What an override says counts, else what the step itself says in the words of a draft, else ``default_mode``. Under
    ``hybrid``, or where nothing is said, nobody is asked.
    """
    content = _content(document)
    steps = (step["step_id"] for step in content["approach"]["steps"])
    return dict(zip(steps, _document.modes(content), strict=True))


@dataclass(frozen=True, slots=True)
class Assessment:
    """How far a document comes, and what is in the way."""

    level: Level | None
    """The highest level that it passes; nothing where its structure is not sound."""
    is_ready: bool
    """Whether it may be executed."""
    blockers: list[Finding]
    """What keeps it from that."""


def assess(document: Document) -> Assessment:
    """Whether a document may be executed. A level passes where neither it nor one before it has an error."""
    found = _api.validate(document, Level.READINESS)
    blockers = [finding for finding in found if finding.is_error]
    broken = {finding.level for finding in blockers}
    passed: Level | None = None
    for level in Level:
        if level in broken:
            break
        passed = level
    return Assessment(passed, not blockers, blockers)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scope says about a file."""

    path: str
    verdict: str
    """``in``, ``out``, or ``not checkable`` where no entry of ``in_scope`` is about files."""
    entry: str | None = None
    """The entry of ``out_of_scope`` that is about it."""


class Scope:
    """What the scope of a document says about files: its entries that begin with ``path:``."""

    def __init__(self, within: list[_Entry], excluded: list[_Entry], not_checkable: list[str]) -> None:
        self._within = within
        self._excluded = excluded
        self.not_checkable = not_checkable
        """The entries that only people can judge."""

    def judge(self, path: str, touched: Touched | None = None) -> Verdict:
        """Whether a file belongs to the work, and with ``touched`` to that of one step."""
        for entry in self._excluded:
            if entry.is_about(path):
                return Verdict(path, "out", entry.text)
        is_of_step = touched is None or touched.hold(path)
        is_covered = not self._within or any(entry.is_about(path) for entry in self._within)
        if not is_covered or not is_of_step:
            return Verdict(path, "out")
        return Verdict(path, "in" if self._within or touched is not None else "not checkable")


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    globs: list[_globs.Glob]

    def is_about(self, path: str) -> bool:
        return any(glob.matches(path) for glob in self.globs)


class Touched:
    """The files that a step touches."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = entries

    def hold(self, path: str) -> bool:
        return any(entry.is_about(path) for entry in self._entries)


def scope(document: Document) -> Scope:
    """What the scope of a document says about files."""
    content = _content(document)
    lists: dict[str, list[_Entry]] = {"in_scope": [], "out_of_scope": []}
    not_checkable = []
    for path, text in _scope.entries(content["scope"]):
        globs = _scope.globs(text)
        if globs is None:
            not_checkable.append(text)
        else:
            lists[str(path[1])].append(_Entry(text, globs))
    return Scope(lists["in_scope"], lists["out_of_scope"], not_checkable)


def touched(document: Document, step: str) -> Touched:
    """The files that a step says that it touches, in ``x-planspec``. Raises :class:`KeyError` where it says nothing."""
    for one in _content(document)["approach"]["steps"]:
        texts = (one.get("x-planspec") or {}).get("touches")
        if one["step_id"] == step and texts:
            return Touched([_Entry(text, _scope.globs(f"{_scope.PREFIX}{text}") or []) for text in texts])
    raise KeyError(f"step `{step}` has no `touches` in its `x-planspec`, or there is no such step")


@dataclass(frozen=True, slots=True)
class Change:
    """What a revision changes."""

    size: Class | None
    """How large it is, whatever the document declares; nothing for what has no class."""
    findings: list[Finding]
    """The rules about change that it breaks."""


def compare(before: Document, after: Document) -> Change:
    """What changes from one revision of a document, a Plan or an Execution to the next.

    Nodes are told apart by their ids: one that is called otherwise is another one here, where ``planspec review`` may
    recognise it.
    """
    for one in (before, after):
        _values.check(one.value)
    if after.kind == "Execution" and before.kind == after.kind:
        found = _revisions.broken(Class.NONE, after.name, before.value, after.value)
        return Change(None, _api.told(after, found))
    sides = []
    for one in (before, after):
        normal = _revisions.normal_of(one.name, one.value)
        if normal is None:
            raise _refused(one, _rules.check(one.name, one.value))
        sides.append(normal)
    size = class_of(*sides)
    return Change(size, _api.told(after, _revisions.broken(size, after.name, before.value, after.value)))


@dataclass(frozen=True, slots=True)
class Chain:
    """The revisions of a session, from the oldest to the newest."""

    revisions: list[Document]
    head: Document | None
    """The newest, which is the plan; nothing where the revisions make no chain."""
    findings: list[Finding]


def chain(documents: Iterable[Document]) -> Chain:
    """The chain that several revisions of one session make: by ``parent_id``, and numbered one by one."""
    given = list(documents)
    for one in given:
        _values.check(one.value)
    revisions = [_revisions.Revision(one.name, one.value) for one in given]
    for one, revision in zip(given, revisions, strict=True):
        if not revision.is_read or revision.session != revisions[0].session:
            raise ValueError(f"{one.name} is no revision of the session `{revisions[0].session}`")
    by_revision = dict(zip(map(id, revisions), given, strict=True))
    found: list[Finding] = []
    for revision, finding in _revisions.chain_findings(revisions) if revisions else ():
        found += _api.told(by_revision[id(revision)], [finding])
    ordered = sorted(given, key=lambda one: at(one.value, ("identity", "revision")))
    newest = _revisions.heads(revisions)
    head = by_revision[id(newest[0])] if len(newest) == 1 and not found else None
    return Chain(ordered, head, found)
