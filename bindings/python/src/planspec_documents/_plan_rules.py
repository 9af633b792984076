"""What is to be said about a plan as a whole, whether it stands in a resource or in a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from . import _globs, _graph, _patterns, _shell, _templates, _when
from ._findings import VALUE, Diagnostic, Path, listed
from ._graph import NODES, Graph
from ._plan import Plan
from ._suggest import near
from ._when import Mention

Findings = Iterator[Diagnostic]


def graph_findings(plan: Plan, graph: Graph) -> Findings:
    """What is to be said about the graph of a plan; places are those of its file."""
    for finding in (*_graph.findings(graph), *_touches(graph)):
        yield replace(finding, path=plan.origin(finding.path))


def plan_findings(plan: Plan, graph: Graph) -> Findings:
    """Everything that is to be said about a plan."""
    yield from graph_findings(plan, graph)
    for finding in (*_mentions(graph), *_node_criteria(graph)):
        yield replace(finding, path=plan.origin(finding.path))
    for path, check in plan.checks:
        yield from criterion_findings(path, check)


def _touches(graph: Graph) -> Findings:
    """What nodes say that they touch and that is not a glob, or not the one that it looks like."""
    for index, node in enumerate(graph.spec["nodes"]):
        for position, text in enumerate((node.get("x-planspec") or {}).get("touches") or []):
            path = (*NODES, index, "x-planspec", "touches", position)
            try:
                _globs.Glob(text)
            except _globs.BadGlob as why:
                help = "write paths from the repository's root: `*` stays within a folder, `**` does not"
                yield Diagnostic("PS105", path, VALUE, f"`{text}` is not a glob: {why}", help)
                continue
            odd = _globs.misleading(text)
            if odd is not None:
                yield Diagnostic("PS234", path, VALUE, *odd)


# References in conditions and inputs.


class _Found(NamedTuple):
    mention: Mention
    # The referring node, and the path.
    by: int
    path: Path


def _mentions(graph: Graph) -> Findings:
    found: list[_Found] = []
    for index, node in enumerate(graph.spec["nodes"]):
        if node.get("when") is not None:
            yield from _condition(index, node["when"], found)
        yield from _inputs(index, node.get("inputs") or {}, found)
    for one in found:
        yield from _resolved(graph, one)


def _condition(by: int, text: str, found: list[_Found]) -> Findings:
    path: Path = (*NODES, by, "when")
    condition = _when.read(text)
    found += [_Found(mention, by, path) for mention in condition.mentions]
    for mistake in condition.mistakes:
        yield Diagnostic(mistake.code, path, VALUE, f"`when`: {mistake.message}", mistake.help)


def _inputs(by: int, inputs: Any, found: list[_Found]) -> Findings:
    """Every text in the inputs of a task, however deep."""
    todo: list[tuple[Path, Any]] = [((*NODES, by, "inputs"), inputs)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            todo += [((*path, name), field) for name, field in value.items()]
        elif isinstance(value, list):
            todo += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, str):
            yield from _input(by, path, value, found)


def _input(by: int, path: Path, text: str, found: list[_Found]) -> Findings:
    if not _templates.is_template(text):
        foreign = _templates.of_another_tool(text)
        if foreign is not None:
            written, ours = foreign
            help = "references are written `${nodes.<id>.outputs.<name>}` and `${parameters.<name>}`"
            help = f"write `{ours}`" if ours else help
            yield Diagnostic("PS241", path, VALUE, f"`{written}` is not a reference here, and is kept as text", help)
        return
    try:
        found += [_Found(mention, by, path) for mention in _templates.mentions(text)]
    except _templates.BadReference as error:
        yield Diagnostic("PS111", path, VALUE, str(error), error.help)


def _resolved(graph: Graph, found: _Found) -> Findings:
    mention, by, path = found
    index = graph.index.get(mention.node)
    if index is None:
        meant = near(mention.node, graph.ids)
        help = f"did you mean `{meant}`?" if meant else "name a node that comes before this one"
        yield Diagnostic("PS311", path, VALUE, f"there is no node `{mention.node}` in this plan", help)
        return
    yield from _no_output(graph.spec["nodes"][index], mention, path)
    # A graph with a cycle has no order, and its own finding.
    if graph.problems or index in graph.ancestors(by):
        return
    if index == by:
        message = f"node `{mention.node}` refers to itself, before its result is known"
        yield Diagnostic("PS312", path, VALUE, message, "name a node that comes before this one")
    else:
        own = graph.spec["nodes"][by]["id"]
        message = f"node `{mention.node}` does not come before `{own}`"
        yield Diagnostic("PS312", path, VALUE, message, f"add an edge from `{mention.node}` to `{own}`")


def _no_output(node: Any, mention: Mention, path: Path) -> Findings:
    """What is wrong with the output that is mentioned. A task that declares no outputs may bring any."""
    if mention.what == "phase":
        return
    if node["kind"] in ("Gate", "Group"):
        message = f"node `{node['id']}` is a {node['kind']}, which has no outputs"
        yield Diagnostic("PS311", path, VALUE, message, f'a `when` can look at `nodes["{node["id"]}"].phase`')
        return
    outputs = [one if isinstance(one, str) else one["name"] for one in node.get("outputs") or []]
    if outputs and mention.output is not None and mention.output not in outputs:
        meant = near(mention.output, outputs)
        help = f"did you mean `{meant}`?" if meant else f"its outputs are {listed(outputs)}"
        yield Diagnostic("PS311", path, VALUE, f"node `{node['id']}` has no output `{mention.output}`", help)


# Criteria: paths, commands and patterns.


def _node_criteria(graph: Graph) -> Findings:
    for index, node in enumerate(graph.spec["nodes"]):
        for position, criterion in enumerate(node.get("acceptanceCriteria") or []):
            yield from criterion_findings((*NODES, index, "acceptanceCriteria", position), criterion)


def criterion_findings(place: Path, criterion: Any) -> Findings:
    """What is wrong with one criterion of a task or of a document."""
    path = criterion.get("path") or ""
    if path.startswith("/") or ".." in path.split("/"):
        message = f"`{path}` is not a path in the repository, so no commit can contain it"
        help = "write the path from the repository's root, as `git ls-files` prints it"
        yield Diagnostic("PS234", (*place, "path"), VALUE, message, help)
    elif criterion.get("command") is not None:
        yield from _command(place, criterion["command"], criterion.get("args"))
    expected = criterion.get("expectedResponse") or {}
    patterns: list[tuple[Path, Any]] = [((name,), criterion.get(name)) for name in ("contentMatch", "outputMatch", "bodyMatch")]
    patterns.append((("expectedResponse", "bodyMatch"), expected.get("bodyMatch")))
    for field, pattern in patterns:
        if pattern is not None:
            yield from _pattern((*place, *field), pattern)


def _pattern(path: Path, pattern: str) -> Findings:
    try:
        _patterns.check(pattern)
    except _patterns.BadPattern as why:
        help = f"correct it, or write `{re.escape(pattern)}` to look for exactly this text"
        yield Diagnostic("PS239", path, VALUE, f"`{pattern}` is not a regular expression: {why}", help)


def _command(place: Path, command: str, arguments: list[str] | None) -> Findings:
    try:
        _shell.words(command, arguments)
    except _shell.BadCommand as why:
        help = "write a program and its arguments, with every quote closed, such as `make test`"
        yield Diagnostic("PS232", (*place, "command"), VALUE, f"this command cannot be run: {why}", help)
        return
    if arguments is None:
        piece = _shell.in_text(command)
        if piece is not None:
            help = "let a shell run it: `command: sh, args: [-c, …]`; what is meant as it is stands in single quotes"
            yield Diagnostic("PS229", (*place, "command"), VALUE, shell_words(piece), help)
        return
    words = _shell.whole_command(command)
    if words is not None:
        what = "if there are `args`, write only the program as `command`"
        yield no_program((*place, "command"), command, words, what)
        return
    found = _shell.in_list([command, *arguments])
    if found is not None:
        index, piece = found
        path: Path = (*place, "args", index - 1) if index else (*place, "command")
        yield given_to_program(path, piece)


def shell_words(piece: str) -> str:
    return f"no shell runs this command: `{piece}` would mean something there, and is a plain word here"


def given_to_program(path: Path, piece: str) -> Diagnostic:
    """What is given word by word may mean what it says."""
    help = "run it in a shell, `[sh, -c, '…']`, or keep it if the program itself understands it"
    return Diagnostic("PS229", path, VALUE, shell_words(piece), help, is_warning=True)


def no_program(path: Path, command: str, words: list[str], what: str) -> Diagnostic:
    """A program and what it is given, where a program alone is meant."""
    message = f"no program is called `{command}`: {what}"
    return Diagnostic("PS232", path, VALUE, message, f"write these as separate words: {listed(words)}", is_warning=True)
