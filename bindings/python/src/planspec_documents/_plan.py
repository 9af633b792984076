"""The plan that a document stands for: its steps as nodes, and where in the document each place of it comes from."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from . import _document, _schema
from ._findings import VALUE, Diagnostic, Path, at

# The longest name, and the number of digits that distinguish a changed text.
_LONGEST = 63
_DIGITS = 6

_EFFORT = {"xs": "small", "s": "small", "m": "medium", "l": "large", "xl": "xlarge"}

# Letters that are not decomposed into a letter and a mark.
_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
    }
)


def transliterated(text: str) -> str:
    """Latin letters without their marks. Others stay: the names that are made of these cannot be told here."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFD", text.translate(_LETTERS))
    return "".join(character for character in plain if not unicodedata.combining(character))


def name_of(text: str, more: str = "", written: str | None = None) -> str:
    """A name for a text: lower case, other characters to hyphens, and a short hash at the end when that altered the text or
    it is too long. ``more`` are the characters that it may have besides letters, digits and ``-``."""
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789" + more
    characters = (character.lower() if character.isascii() else character for character in (written or text))
    plain = "".join(character if character in allowed else "-" for character in characters)
    trimmed = plain.strip("-_")
    if trimmed == text and 1 <= len(text) <= _LONGEST:
        return plain
    hash = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    short = trimmed[: _LONGEST - _DIGITS - 1].rstrip("-_")
    return f"{short}-{hash}" if short else hash


def node_id(text: str) -> str:
    """The id of the node that a step becomes."""
    return name_of(text, "_", transliterated(text))


def is_exact(text: str) -> bool:
    """Whether the name of a text is the same here as in the program, which knows more alphabets."""
    return transliterated(text).isascii()


_ENDINGS = (*_document.ENDINGS, ".yaml", ".yml", ".json")
_REVISION = re.compile(r"(.+)[-._][vV]([0-9]+)", re.DOTALL)


def key(name: str, value: Any) -> tuple[str, str]:
    """The namespace and the name of the plan that a document stands for: what it says of itself, else what its file is called
    in ``default``."""
    own = at(value, ("x-planspec",))
    own = own if isinstance(own, dict) else {}
    said = own.get("name")
    namespace = own.get("namespace")
    # Executions and statuses refer to the name: it stays as it was before names were transliterated.
    called = said if isinstance(said, str) else name_of(stem(name, value))
    return namespace if isinstance(namespace, str) else "default", called


def stem(name: str, value: Any) -> str:
    """The name of a file without folders, ending and the number of the revision that it holds."""
    text = PurePath(name).name
    ending = next((one for one in _ENDINGS if text.lower().endswith(one)), "")
    text = text[: len(text) - len(ending)]
    found = _REVISION.fullmatch(text)
    return found[1] if found and found[2] == str(at(value, ("identity", "revision"))) else text


@dataclass(slots=True)
class Plan:
    """A graph with what it takes to tell its findings."""

    graph: dict[str, Any] = field(default_factory=lambda: {"nodes": [], "edges": []})
    # The step of each node; `None` for a plan that does not come from a document.
    steps: list[int] | None = None
    # The checks of success criteria, with the path of each.
    checks: list[tuple[Path, Any]] = field(default_factory=list)

    def origin(self, path: Path) -> Path:
        """The place in the file that a place of the plan comes from."""
        if self.steps is None:
            return path
        if path[:3] == ("spec", "graph", "nodes") and len(path) > 3 and isinstance(path[3], int):
            step: Path = ("approach", "steps", self.steps[path[3]])
            rest = path[4:]
            if rest[:1] == ("dependsOn",):
                return (*step, "dependencies", *rest[1:])
            # The fields in the extension of a node are next to the others in that of a step.
            own = rest[1:] if rest[:1] == ("x-planspec",) else rest
            return (*step, "x-planspec", *own) if own else step
        if path[:3] == ("spec", "graph", "edges"):
            return ("x-planspec", "edges", *path[3:])
        return ("approach", "steps")


def of_document(content: Any, name: str = "plan") -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a sound document, which has this name; findings when the nodes of its steps are none."""
    plan = Plan(steps=[])
    ids = {step["step_id"]: node_id(step["step_id"]) for step in content["approach"]["steps"]}
    for index, (step, mode) in enumerate(zip(content["approach"]["steps"], _document.modes(content), strict=True)):
        _add_step(plan, index, step, mode, ids, name)
    found = list(_merged(plan, content)) + list(_twice(plan))
    if found:
        return None, found
    for edge in _document.own_edges(content):
        ends = {end: ids.get(edge[end]) or _node(ids, edge[end]) for end in ("from", "to")}
        plan.graph["edges"].append({**ends, "type": edge.get("type", "hard")})
    for id, checks in (at(content, ("x-planspec", "checks")) or {}).items():
        plan.checks += [(("x-planspec", "checks", id, index), check) for index, check in enumerate(checks)]
    return plan, []


def _node(ids: dict[str, str], name: str) -> str:
    """The node that has this id; of alphabets that are not known here the hash at the end tells."""
    for step, id in ids.items():
        if not is_exact(step) and name[-_DIGITS:] == id[-_DIGITS:]:
            return id
    return name


def _add_step(plan: Plan, index: int, step: Any, mode: str, ids: dict[str, str], name: str) -> None:
    assert plan.steps is not None
    id = ids[step["step_id"]]
    before = [ids[other] for other in step.get("dependencies", []) if other in ids]
    node: dict[str, Any] = {"id": id, "kind": "Task"}
    if step["title"]:
        node["name"] = step["title"]
    if step["description"]:
        node["description"] = step["description"]
    context = [
        {"name": field, "format": "text", "content": step[field]}
        for field in ("rationale", "inputs", "outputs", "acceptance_criteria")
        if not _document.is_blank(step.get(field))
    ]
    if context:
        node["context"] = context
    if step.get("estimated_complexity") is not None:
        node["estimatedEffort"] = _EFFORT[step["estimated_complexity"]]
    if mode == "human_approval":
        # It is reached when the step could start.
        approval = node_id(f"approve-{id}")
        gate: dict[str, Any] = {"id": approval, "kind": "Gate", "name": f"Approve: {step['title']}", "dependsOn": before}
        gate["gateRef"] = {"name": _gate_name(name, id)}
        plan.graph["nodes"].append(gate)
        plan.steps.append(index)
        before = [*before, approval]
    node["dependsOn"] = before
    plan.graph["nodes"].append(node)
    plan.steps.append(index)


def _gate_name(plan: str, node: str) -> str:
    return name_of(f"{plan}-approve-{node}")


def _merged(plan: Plan, content: Any) -> Iterator[Diagnostic]:
    """Put what ``x-planspec`` says of a step into its node."""
    assert plan.steps is not None
    merged: list[int] = []
    for index, node in enumerate(plan.graph["nodes"]):
        fields = content["approach"]["steps"][plan.steps[index]].get("x-planspec")
        if fields is None or node["kind"] == "Gate":
            continue
        merged.append(index)
        for name, value in fields.items():
            if value is None:
                continue
            if name in ("always", "touches"):
                node.setdefault("x-planspec", {})[name] = value
            else:
                node[name] = value
    for position, problem in _problems([plan.graph["nodes"][index] for index in merged]):
        path = problem.path[1:] if problem.path[:1] == ("x-planspec",) else problem.path
        own: Path = ("approach", "steps", plan.steps[merged[position]], "x-planspec", *path)
        help = problem.help or "what stands here is part of a node"
        yield Diagnostic("PS605", own, problem.part, problem.message, help)


def _problems(nodes: list[Any]) -> Iterator[tuple[int, Diagnostic]]:
    """What is wrong with nodes, each with the node that it is about and its place there."""
    if not nodes:
        return
    value = {
        "apiVersion": "planspec.io/v1alpha1",
        "kind": "Plan",
        "metadata": {"name": "a", "namespace": "a"},
        "spec": {"description": "d", "graph": {"nodes": nodes}},
    }
    for problem in _schema.check("Plan", value):
        position = problem.path[3] if len(problem.path) > 3 else None
        if isinstance(position, int):
            yield position, Diagnostic(problem.code, problem.path[4:], problem.part, problem.message, problem.help)


def _twice(plan: Plan) -> Iterator[Diagnostic]:
    """The ids of nodes are made from others: two may have become one."""
    assert plan.steps is not None
    known = set()
    for node, step in zip(plan.graph["nodes"], plan.steps, strict=True):
        if node["id"] in known:
            message = f"two steps, or a step and an approval, become node `{node['id']}`"
            path: Path = ("approach", "steps", step, "step_id")
            yield Diagnostic("PS602", path, VALUE, message, "give one of them another `step_id`")
        known.add(node["id"])
