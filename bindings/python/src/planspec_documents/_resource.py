"""Resources of ``planspec.io/v1alpha1``: what is right and wrong in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import _graph, _parameters, _plan, _plan_rules, _providers, _schema, _secrets, _versions
from ._findings import KEY, VALUE, Diagnostic, Path, at, listed, quoted
from ._suggest import folded, near

API_VERSION = "planspec.io/v1alpha1"
KINDS = ("Goal", "Plan", "Capability", "Binding", "Gate", "Execution")
DERIVED = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
"""Metadata that only ``reconcile`` writes."""

# Set by Kubernetes in exported resources: the time before a deletion.
_GRACE_PERIOD = "deletionGracePeriodSeconds"
_MOST_BYTES = 64 * 1024


def items_of(value: Any) -> list[Any] | None:
    """The items of a list of resources: ``List``, or ``GoalList``, ``PlanList``, …"""
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        return None
    kind = value.get("kind")
    of = kind.removesuffix("List") if isinstance(kind, str) and kind.endswith("List") else None
    is_list = of is not None and of in ("", *KINDS)
    return value["items"] if is_list and value.get("apiVersion") in (API_VERSION, "v1") else None


def check(value: Any) -> list[Diagnostic]:
    """What is wrong with a resource, as far as it can be seen without any other."""
    if not isinstance(value, dict):
        message = "a resource is a mapping with `apiVersion`, `kind`, `metadata` and `spec`"
        return [Diagnostic("PS103", (), VALUE, message, "write it as a mapping")]
    found: list[Diagnostic] = []
    kind = _kind_of(value, found)
    if kind is None:
        return found
    problems = _structure(kind, value, found)
    if not has_key(value, problems):
        return found
    is_sound = not any(one.is_error for one in found)
    found += _secrets.check(value)
    if kind == "Plan" and (is_sound or _has_sound_graph(value, found)):
        found += _plan_findings(value, is_sound)
    elif is_sound:
        found += _RULES.get(kind, _no_findings)(value)
    if is_sound:
        found += _owners(kind, value)
    return found


def _has_sound_graph(value: Any, found: list[Diagnostic]) -> bool:
    """Whether the errors of a plan are all elsewhere than in its graph."""
    is_there = isinstance(at(value, ("spec", "graph")), dict)
    return is_there and not any(one.path[:2] == ("spec", "graph") for one in found)


def _plan_findings(value: Any, is_sound: bool) -> Iterator[Diagnostic]:
    graph = _graph.Graph.build(value["spec"]["graph"])
    plan = _plan.Plan(graph.spec)
    if not is_sound:
        # For an invalid plan only the graph is checked.
        yield from _plan_rules.graph_findings(plan, graph)
        return
    yield from _plan_rules.plan_findings(plan, graph)
    written = value["spec"].get("graphDigest")
    if written is not None and not graph.problems and written != _graph.digest(graph.spec):
        help = f"write `graphDigest: {_graph.digest(graph.spec)}`, or leave it out"
        yield Diagnostic("PS306", ("spec", "graphDigest"), VALUE, "`graphDigest` does not match the graph", help)
    version = value["spec"].get("version")
    if version is not None and not _versions.is_numbered(version):
        message = f"`{version}` is not a number, a semantic version or a date, and counts as higher than all of them"
        help = "write for example `2`, `1.2.3`, `1.3.0-rc.1` or `2026-01-31`"
        yield Diagnostic("PS231", ("spec", "version"), VALUE, message, help)


def _goal_findings(value: Any) -> Iterator[Diagnostic]:
    selector = value["spec"].get("planSelector")
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        help = "set labels in `matchLabels`, or remove the selector"
        yield Diagnostic("PS216", ("spec", "planSelector"), KEY, "an empty `planSelector` selects no plan", help)


def _gate_findings(value: Any) -> Iterator[Diagnostic]:
    """Reviewers that are written as elsewhere, or twice."""
    known: set[str] = set()
    for index, entry in enumerate(value["spec"].get("reviewers") or []):
        path: Path = ("spec", "reviewers", index)
        if entry.startswith("@"):
            message = f"`{entry}` is a user name of a forge, which does not appear in commits"
            yield Diagnostic("PS233", path, VALUE, message, "write an e-mail, or `user:NAME` or `team:NAME`")
            continue
        if "*" in entry:
            message = f"`{entry}` is not a pattern here, but the name of a person"
            help = "remove `reviewers` to let anybody decide, or name a `team:`"
            yield Diagnostic("PS233", path, VALUE, message, help)
            continue
        who = entry if entry.startswith("team:") else _person(entry)
        if who in known:
            help = "name each person once; an approval counts only once"
            yield Diagnostic("PS233", path, VALUE, f"`{entry}` is named twice", help)
        known.add(who)
    yield from _too_few(value)


def _too_few(value: Any) -> Iterator[Diagnostic]:
    """More approvals than people who could give them. How many a team is, only the configuration knows."""
    reviewers, wanted = value["spec"].get("reviewers") or [], value["spec"].get("requiredApprovers", 1)
    if not reviewers or any(entry.startswith(("user:", "team:")) for entry in reviewers):
        return
    people = {_person(entry) for entry in reviewers if not _is_nobody(entry)}
    if len(people) < wanted:
        path: Path = ("spec", "reviewers" if wanted == 1 else "requiredApprovers")
        message = f"{wanted} approvals are required, and there are {len(people)} reviewers"
        yield Diagnostic("PS212", path, VALUE, message, "name more reviewers, or require fewer approvals")


def unknown_reviewers(value: Any) -> Iterator[Diagnostic]:
    """Reviewers that nobody knows where there is no configuration."""
    spec = value.get("spec") if isinstance(value, dict) and value.get("kind") == "Gate" else None
    reviewers = spec.get("reviewers") if isinstance(spec, dict) else None
    for index, entry in enumerate(reviewers if isinstance(reviewers, list) else ()):
        kind, sign, name = entry.partition(":") if isinstance(entry, str) else ("", "", "")
        if sign and kind in ("user", "team"):
            message = f"the configuration knows no {kind} `{name}`"
            help = f"list it under `approvals.{kind}s` in .planspec.yaml"
            yield Diagnostic("PS211", ("spec", "reviewers", index), VALUE, message, help)


def _is_nobody(entry: str) -> bool:
    return entry.startswith("@") or "*" in entry


def _person(actor: str) -> str:
    """Who is meant by a name, where no configuration knows more names of a person."""
    return (actor if "@" in actor or ":" in actor else f"user:{actor}").lower()


def _owners(kind: str, value: Any) -> Iterator[Diagnostic]:
    """Owners that cannot all be meant: the resource itself, a second controller."""
    name = value["metadata"]["name"]
    controllers = 0
    for index, owner in enumerate(value["metadata"].get("ownerReferences") or []):
        path: Path = ("metadata", "ownerReferences", index)
        if owner["kind"] == kind and owner["name"] == name:
            message = f"{kind} {name} owns itself"
            yield Diagnostic("PS230", (*path, "name"), VALUE, message, "name the resource it belongs to, or remove the owner")
        controllers += bool(owner.get("controller"))
        if owner.get("controller") and controllers == 2:
            message = f"{kind} {name} has two owners that control it"
            help = "only one owner can control a resource: remove `controller` from the others"
            yield Diagnostic("PS230", (*path, "controller"), VALUE, message, help)


def _no_findings(_: Any) -> Iterator[Diagnostic]:
    return iter(())


_RULES: dict[str, Callable[[Any], Iterator[Diagnostic]]] = {
    "Goal": _goal_findings,
    "Capability": _parameters.findings,
    "Gate": _gate_findings,
    "Binding": _providers.findings,
}


def key(value: Any) -> tuple[str, str, str] | None:
    """Kind, namespace and name of a resource, where it has them."""
    kind = value.get("kind") if isinstance(value, dict) else None
    names = [at(value, ("metadata", name)) for name in ("namespace", "name")]
    if not isinstance(kind, str) or kind not in KINDS or not all(isinstance(name, str) and _is_name(name) for name in names):
        return None
    return kind, names[0], names[1]


def has_key(value: Any, problems: list[Diagnostic]) -> bool:
    """Whether it has a name and a namespace."""
    for name in ("name", "namespace"):
        path: Path = ("metadata", name)
        text = at(value, path)
        if not isinstance(text, str) or any(one.path == path for one in problems) or not _is_name(text):
            return False
    return True


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= 63 and all(one in "abcdefghijklmnopqrstuvwxyz0123456789-" for one in text)


def _kind_of(value: Any, found: list[Diagnostic]) -> str | None:
    """The kind, when it is one of ours; and what is wrong with the first two fields."""
    found += _mistyped_headers(value)
    if found:
        return None
    if "apiVersion" not in value and "kind" not in value:
        message = "this is not a resource: `apiVersion` and `kind` are missing"
        help = f"begin it with `apiVersion: {API_VERSION}` and a `kind`"
        found.append(Diagnostic("PS101", (), VALUE, message, help))
        return None
    given = _header(value, "apiVersion", f"`{API_VERSION}`", found)
    is_foreign = given is not None and given != API_VERSION
    if is_foreign:
        message = f"the apiVersion `{given}` is not known"
        found.append(Diagnostic("PS108", ("apiVersion",), VALUE, message, f"write `{API_VERSION}`"))
    return _kind(value, is_foreign, found)


def _mistyped_headers(value: Any) -> Iterator[Diagnostic]:
    for key in value:
        for meant in ("apiVersion", "kind", "metadata", "spec"):
            if folded(meant) == folded(key) and meant not in value:
                message = f"there is no field `{key}` in the document"
                yield Diagnostic("PS102", (key,), KEY, message, f"did you mean `{meant}`?")
                break


def _kind(value: Any, is_foreign: bool, found: list[Diagnostic]) -> str | None:
    given = _header(value, "kind", f"one of {listed(KINDS)}", found)
    if given is None or given in KINDS:
        return given
    meant = near(given, KINDS)
    # The kinds of another API are unknown; its apiVersion is the finding.
    if meant is not None or not is_foreign:
        help = f"did you mean `{meant}`?" if meant else f"the kinds are {listed(KINDS)}"
        found.append(Diagnostic("PS108", ("kind",), VALUE, f"the kind {quoted(given)} is not known", help))
    return None


def _header(value: Any, field: str, expected: str, found: list[Diagnostic]) -> str | None:
    """A text that every resource starts with."""
    given = value.get(field)
    if isinstance(given, str):
        return given
    if field in value:
        found.append(Diagnostic("PS103", (field,), VALUE, f"`{field}`: a string is expected", f"write {expected}"))
    else:
        found.append(Diagnostic("PS101", (), VALUE, f"`{field}` is missing", f"write {expected}"))
    return None


def _structure(kind: str, value: Any, found: list[Diagnostic]) -> list[Diagnostic]:
    """Everything that is wrong with the fields of a resource; what its schema says of it."""
    found += _derived(value)
    checked = value
    if found:
        # Values with a finding are hidden from the schema, so that nothing is reported twice.
        checked = _without_derived(value)
        checked["apiVersion"] = API_VERSION
    problems = _schema.check(kind, checked)
    found += problems
    found += _large_annotations(value)
    found += _repeated_names(kind, value)
    return problems


def _without_derived(value: Any) -> Any:
    kept = {name: field for name, field in value.items() if name != "status"}
    if isinstance(kept.get("metadata"), dict):
        dropped = (*DERIVED, _GRACE_PERIOD)
        kept["metadata"] = {name: field for name, field in kept["metadata"].items() if name not in dropped}
    return kept


def _derived(value: Any) -> Iterator[Diagnostic]:
    if "status" in value:
        help = "remove it; `planspec reconcile` writes the status to the status branch"
        yield Diagnostic("PS109", ("status",), KEY, "status does not belong in a file", help)
    metadata = value.get("metadata")
    for field in DERIVED:
        if isinstance(metadata, dict) and field in metadata:
            help = "remove it; `planspec reconcile` keeps it on the status branch"
            yield Diagnostic("PS110", ("metadata", field), KEY, f"`{field}` does not belong in a file", help)


def _large_annotations(value: Any) -> Iterator[Diagnostic]:
    """The schema counts characters; the format counts bytes."""
    annotations = at(value, ("metadata", "annotations"))
    for name, text in annotations.items() if isinstance(annotations, dict) else ():
        size = len(text.encode()) if isinstance(text, str) else 0
        if size > _MOST_BYTES >= len(text):
            message = f"`{name}` has {size} bytes; at most {_MOST_BYTES} are allowed"
            yield Diagnostic("PS106", ("metadata", "annotations", name), VALUE, message, "write less there")


def _repeated_names(kind: str, value: Any) -> Iterator[Diagnostic]:
    """Lists whose entries are told apart by a name."""
    if kind == "Goal":
        yield from _repeated(value, ("spec", "acceptanceCriteria"), "id")
    elif kind == "Capability":
        yield from _repeated(value, ("spec", "inputs"), "name")
        yield from _repeated(value, ("spec", "outputs"), "name")
    elif kind == "Plan":
        nodes = at(value, ("spec", "graph", "nodes"))
        for index in range(len(nodes) if isinstance(nodes, list) else 0):
            yield from _repeated(value, ("spec", "graph", "nodes", index, "outputs"), "name")


def _repeated(value: Any, path: Path, field: str) -> Iterator[Diagnostic]:
    entries = at(value, path)
    known: set[str] = set()
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        # An entry may be just the name.
        is_mapped = isinstance(entry, dict) and field in entry
        name = entry[field] if is_mapped else entry
        if not isinstance(name, str):
            continue
        if name in known:
            place: Path = (*path, index, field) if is_mapped else (*path, index)
            message = f"`{name}` appears twice in `{path[-1]}`"
            yield Diagnostic("PS310", place, VALUE, message, "give each its own")
        known.add(name)
