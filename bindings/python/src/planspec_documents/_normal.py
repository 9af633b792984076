"""A plan apart from how it is written: every value with how large a change of it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from . import _document, _graph, _plan, _prose, _times

Address = tuple[str, ...]


class Class(IntEnum):
    """How large a change is."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(slots=True)
class _Leaf:
    value: Any
    size: Class
    # Whether it is an instruction, for which a change of the wording may be larger than that.
    is_told: bool


@dataclass(slots=True)
class Normal:
    """Values, and what comes and goes as a whole, by their addresses: what identifies an entry is a step, not its place."""

    leaves: dict[Address, _Leaf] = field(default_factory=dict)
    elements: dict[Address, Class] = field(default_factory=dict)
    nodes: int = 0

    def put(self, address: Address, value: Any, size: Class, *, is_told: bool = False) -> None:
        if value not in (None, [], {}):
            self.leaves[address] = _Leaf(value, size, is_told)

    def fields(self, address: Address, holder: Any, names: str, size: Class) -> None:
        for name in names.split():
            self.put((*address, name), holder.get(name), size)

    def element(self, holder: Address, key: str, size: Class) -> Address:
        """Something that comes and goes as a whole. Of two with one key the second gets a number."""
        address = (*holder, key)
        again = 2
        while address in self.elements:
            address = (*holder, f"{key} #{again}")
            again += 1
        self.elements[address] = size
        return address


def class_of(old: Normal, new: Normal) -> Class:
    """How large the change from one to another is."""
    whole = old.elements.keys() ^ new.elements.keys()
    size = max((new.elements.get(one) or old.elements[one] for one in whole if not _is_below(one, whole)), default=Class.NONE)
    for address in old.leaves.keys() | new.leaves.keys():
        if not _is_below(address, whole):
            size = max(size, _of_leaf(address, old.leaves.get(address), new.leaves.get(address)))
    gone = sum(1 for one in whole if len(one) == 2 and one[0] == "nodes" and one in old.elements)
    # If more than half of the nodes are gone, it is another approach.
    return Class.MAJOR if gone * 2 > old.nodes else size


def _is_below(address: Address, whole: Iterable[Address]) -> bool:
    return any(address[:length] in whole for length in range(1, len(address)))


def _of_leaf(address: Address, was: _Leaf | None, is_: _Leaf | None) -> Class:
    leaf = is_ or was
    assert leaf is not None
    before, now = was.value if was else None, is_.value if is_ else None
    if before == now or (address == _ORDER and _keeps_order(before, now)):
        return Class.NONE
    is_more = leaf.is_told and _prose.says_something_else(_text(before), _text(now))
    return max(leaf.size, Class.MINOR) if is_more else leaf.size


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


_ORDER = ("document", "approach", "order")


def _keeps_order(was: Any, is_: Any) -> bool:
    """Whether steps only came or went: those on both sides stand in the order that they had."""
    before, now = was or [], is_ or []
    return [id for id in before if id in now] == [id for id in now if id in before]


def of_plan(spec: Any, namespace: str, metadata: Any) -> Normal:
    """The normal form of a Plan that is a resource."""
    normal = Normal()
    normal.put(("finalizers",), sorted(set(metadata.get("finalizers") or [])), Class.MINOR)
    for name, size in (("labels", Class.MINOR), ("annotations", Class.PATCH)):
        for key, value in (metadata.get(name) or {}).items():
            normal.put((name, key), value, size)
    for owner in metadata.get("ownerReferences") or []:
        address = normal.element(("ownerReferences",), f"{owner['kind']} {owner['name']}", Class.MINOR)
        normal.put((*address, "uid"), owner.get("uid"), Class.MINOR)
        for name in ("controller", "blockOwnerDeletion"):
            normal.put((*address, name), owner.get(name, False), Class.MINOR)
    normal.put(("description",), spec["description"], Class.PATCH, is_told=True)
    normal.put(("goalRef",), _reference(spec.get("goalRef"), namespace), Class.MAJOR)
    normal.fields((), spec, "series version graphDigest", Class.PATCH)
    normal.put(("supersedes",), _references(spec.get("supersedes"), namespace), Class.PATCH)
    normal.put(("context",), spec.get("context"), Class.PATCH, is_told=True)
    _add_graph(normal, spec["graph"], namespace)
    return normal


def _reference(reference: Any, namespace: str) -> Any:
    if reference is None:
        return None
    return [reference.get("namespace") or namespace, reference["name"], reference.get("uid") or ""]


def _references(references: Any, namespace: str) -> list[Any]:
    return sorted(_reference(one, namespace) for one in references or [])


def _add_graph(normal: Normal, graph: Any, namespace: str) -> None:
    normal.nodes = len(graph["nodes"])
    for node in graph["nodes"]:
        _add_node(normal, node, namespace)
    for (source, target), kind in _graph.folded_edges(graph).items():
        normal.put((*normal.element(("edges", source), target, Class.MINOR), "type"), kind, Class.MINOR)


def _add_node(normal: Normal, node: Any, namespace: str) -> None:
    address = normal.element(("nodes",), node["id"], Class.MINOR)
    normal.fields(address, node, "kind when pollInterval", Class.MINOR)
    is_told = node["kind"] == "Task" and node.get("description") is None
    normal.put((*address, "name"), node.get("name"), Class.PATCH, is_told=is_told)
    normal.put((*address, "description"), node.get("description"), Class.PATCH, is_told=True)
    normal.put((*address, "context"), node.get("context"), Class.PATCH, is_told=True)
    normal.fields(address, node, "estimatedEffort mode", Class.PATCH)
    for name in ("timeout", "pollInterval"):
        normal.put((*address, name), _duration(node.get(name)), Class.MINOR)
    normal.put((*address, "capabilityRefs"), _references(node.get("capabilityRefs"), namespace), Class.MINOR)
    normal.put((*address, "retries"), node.get("retries") or None, Class.MINOR)
    normal.put((*address, "gateRef"), _reference(node.get("gateRef"), namespace), Class.MINOR)
    normal.put((*address, "children"), sorted(set(node.get("children") or [])), Class.MINOR)
    normal.put((*address, "externalRef"), node.get("externalRef"), Class.MINOR)
    own = node.get("x-planspec") or {}
    normal.put((*address, "x-planspec", "always"), own.get("always") or None, Class.MINOR)
    normal.put((*address, "x-planspec", "touches"), sorted(set(own.get("touches") or [])), Class.MINOR)
    for name, value in (node.get("inputs") or {}).items():
        normal.put((*address, "inputs", name), value, Class.MINOR)
    for output in node.get("outputs") or []:
        fields = {"name": output} if isinstance(output, str) else output
        element = normal.element((*address, "outputs"), fields["name"], Class.MINOR)
        normal.fields(element, fields, "name description", Class.PATCH)
        normal.fields(element, fields, "type", Class.MINOR)
    _add_checks(normal, (*address, "acceptanceCriteria"), node.get("acceptanceCriteria"))


def _duration(text: Any) -> Any:
    """The same duration in the same words: two texts may mean one."""
    nanoseconds = _times.nanoseconds(text) if text is not None else None
    is_exact = nanoseconds is not None and nanoseconds % 1_000_000_000 == 0
    return nanoseconds if is_exact else text


def _add_checks(normal: Normal, holder: Address, checks: Any) -> None:
    for check in checks or []:
        address = normal.element(holder, check["name"], Class.MINOR)
        normal.fields(address, check, "name description", Class.PATCH)
        names = "type path contentMatch command args outputMatch url bodyMatch payload"
        normal.fields(address, check, names, Class.MINOR)
        defaults = {"required": True, "expectedExitCode": 0, "method": "GET", "expectedStatus": 200}
        for name, default in defaults.items():
            given = check.get(name)
            normal.put((*address, name), default if given is None else given, Class.MINOR)
        normal.put((*address, "timeout"), _duration(check.get("timeout")), Class.MINOR)
        normal.put((*address, "webhookUrl"), check.get("webhookUrl") or check.get("webhook"), Class.MINOR)
        expected = check.get("expectedResponse") or {}
        normal.fields((*address, "expectedResponse"), expected, "statusCode bodyMatch", Class.MINOR)


def of_document(value: Any, name: str) -> Normal | None:
    """The normal form of a document; nothing where its structure is not sound, or its steps make no plan."""
    content = _document.read(value).content
    plan = _plan.of_document(content, _plan.key(name, value)[1])[0] if content is not None else None
    if content is None or plan is None:
        return None
    normal = Normal()
    _add_graph(normal, plan.graph, "")
    # The other context of a step is in the document, field by field.
    for address in [one for one in normal.leaves if len(one) == 3 and one[2] == "context"]:
        del normal.leaves[address]
    own = content.get("x-planspec") or {}
    if own.get("series") is not None:
        normal.put(("series",), own["series"], Class.PATCH)
        normal.put(("version",), str(content["identity"]["revision"]), Class.PATCH)
    _add_sections(normal, content)
    _add_entries(normal, content)
    _add_steps(normal, content)
    for key, extension in value.items():
        if key.startswith("x-") and key != "x-planspec":
            normal.put(("document", key), extension, Class.PATCH)
    return normal


_SECTION: Address = ("document",)


def _add_sections(normal: Normal, content: Any) -> None:
    identity = content["identity"]
    address = (*_SECTION, "identity")
    normal.fields(address, identity, "plan_id session_id revision parent_id workspace_id created_by", Class.PATCH)
    normal.put((*address, "created_at"), _times.instant(identity["created_at"]), Class.PATCH)
    names = "goal_statement motivation success_definition scope_context"
    normal.fields((*_SECTION, "intent"), content["intent"], names, Class.MAJOR)
    for name, size in {
        "in_scope": Class.MAJOR,
        "out_of_scope": Class.MAJOR,
        "assumptions": Class.MINOR,
        "open_questions": Class.MINOR,
    }.items():
        for text in content["scope"].get(name) or []:
            normal.element((*_SECTION, "scope", name), text, size)
    approach = content["approach"]
    normal.fields((*_SECTION, "approach"), approach, "overview rationale", Class.PATCH)
    normal.put(_ORDER, [_plan.node_id(step["step_id"]) for step in approach["steps"]], Class.MINOR)
    for one in approach.get("alternatives_considered") or []:
        element = normal.element((*_SECTION, "approach", "alternatives_considered"), one["approach"], Class.PATCH)
        normal.fields(element, one, "rejection_reason", Class.PATCH)
    delegation = content["delegation"]
    normal.fields((*_SECTION, "delegation"), delegation, "default_mode", Class.MINOR)
    names = "on_ambiguity on_constraint_violation on_unexpected_scope"
    policy = delegation.get("escalation_policy") or {}
    normal.fields((*_SECTION, "delegation", "escalation_policy"), policy, names, Class.MINOR)
    metadata = content.get("metadata") or {}
    normal.fields((*_SECTION, "metadata"), metadata, "schema_version tool tool_version tags language", Class.PATCH)


# Lists with ids: the id, the class of an added or removed entry, and the fields by the class of their change.
_LISTS: list[tuple[str, str, Class, str, str]] = [
    ("constraints", "constraint_id", Class.MINOR, "type description validation_method blocking", ""),
    ("success_criteria", "criterion_id", Class.MINOR, "description verification weight", ""),
    ("risks", "risk_id", Class.MINOR, "probability impact mitigation contingency owner", "title description"),
    ("dependencies", "dependency_id", Class.MINOR, "available", "description type"),
]


def _add_entries(normal: Normal, content: Any) -> None:
    checks = (content.get("x-planspec") or {}).get("checks") or {}
    for section, id, size, minor, patch in _LISTS:
        for one in content.get(section) or []:
            address = normal.element((*_SECTION, section), one[id], size)
            normal.fields(address, one, minor, Class.MINOR)
            normal.fields(address, one, patch, Class.PATCH)
            if section == "success_criteria":
                _add_checks(normal, (*address, "checks"), checks.get(one[id]))
    for one in content["delegation"].get("step_overrides") or []:
        address = normal.element((*_SECTION, "delegation", "step_overrides"), one["step_id"], Class.MINOR)
        normal.fields(address, one, "mode", Class.MINOR)
        normal.fields(address, one, "rationale", Class.PATCH)
    for one in content.get("revision_history") or []:
        address = normal.element((*_SECTION, "revision_history"), str(one["revision"]), Class.PATCH)
        normal.put((*address, "entry"), history_entry(one), Class.PATCH)
    for finding in _document.review_findings(content):
        address = normal.element((*_SECTION, "findings"), finding["id"], Class.PATCH)
        normal.put((*address, "finding"), finding, Class.PATCH)


def _add_steps(normal: Normal, content: Any) -> None:
    """What a step says beside its node."""
    for step in content["approach"]["steps"]:
        address = ("nodes", _plan.node_id(step["step_id"]), "step")
        normal.fields(address, step, "rationale parallelizable", Class.PATCH)
        normal.fields(address, step, "inputs outputs delegation acceptance_criteria", Class.MINOR)


def history_entry(entry: Any) -> Any:
    """An entry of the history as it is compared: what is not set is not there, and a time is a moment."""
    names = ("type", "section", "field", "summary")
    changes = [{name: one.get(name) for name in names} for one in entry.get("changes") or []]
    fields = {name: entry.get(name) for name in ("revision", "change_type", "change_summary", "trigger")}
    return {**fields, "created_at": _times.instant(entry["created_at"]), "changes": changes}
