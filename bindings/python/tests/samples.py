"""Documents and resources, valid and mutated, for property tests."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Value = Any
Draw = Callable[[st.SearchStrategy[Any]], Any]

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
TEXTS = st.sampled_from(["Do it", "Why not", "A longer text, with a comma", "Zeile\nzwei", "é ü 測", " ", ""])
FULL_TEXTS = st.sampled_from(["Do it", "Why not", "A longer text, with a comma", "Zeile\nzwei", "é ü 測"])
TIMES = st.sampled_from(
    ["2026-01-31T09:00:00Z", "2026-01-31T09:00:00.5+02:00", "2026-02-28", "2026-01-31 09:00:00", "2026-01-31T09:00"]
)
SAFE_SCOPE = ["Prose", "path:src/auth", "path:src/**", "path:*.md", "path:docs/"]
SCOPE = [
    "Prose",
    "path:src/auth",
    "path:src/**",
    "path:*.md",
    "path:docs/",
    "path:src/{a,b}/*.rs",
    "path:[ab",
    "path:../x",
    "path:",
    "path:a\\*b",
    "path:!x",
    "path:a//b",
    "path: /src ",
    "path:[!a-c]x",
    "path:{a,{b,c}",
]


def _some(draw: Draw, fields: dict[str, st.SearchStrategy[Any]], chance: float = 0.4) -> dict[str, Any]:
    """Some of these fields."""
    return {name: draw(values) for name, values in fields.items() if draw(st.floats(0, 1)) < chance}


def _list(draw: Draw, make: Callable[[int], Any], least: int = 0, most: int = 3) -> list[Any]:
    return [make(index) for index in range(draw(st.integers(least, most)))]


def _check(draw: Draw, index: int) -> Value:
    kind = draw(st.sampled_from(["artifact_exists", "test_passes", "command_succeeds", "endpoint_responds", "custom"]))
    own: dict[str, st.SearchStrategy[Any]] = {
        "artifact_exists": {"path": st.sampled_from(["a/b", "/etc/x", "a/../b"])},
        "test_passes": {"command": COMMANDS},
        "command_succeeds": {"command": COMMANDS},
        "endpoint_responds": {"url": st.sampled_from(["http://a.example/", "https://u:secret@a.example"])},
        "custom": {"webhookUrl": st.just("http://a.example/hook")},
    }[kind]
    more: dict[str, st.SearchStrategy[Any]] = {
        "artifact_exists": {"contentMatch": PATTERNS},
        "test_passes": {"args": ARGUMENTS, "expectedExitCode": st.integers(0, 3)},
        "command_succeeds": {"args": ARGUMENTS, "outputMatch": PATTERNS},
        "endpoint_responds": {"expectedStatus": st.sampled_from([200, 404]), "bodyMatch": PATTERNS},
        "custom": {"payload": st.just([1, {"a": None}]), "expectedResponse": st.just({"statusCode": 200})},
    }[kind]  # type: ignore[assignment]
    fields = {"type": kind, "name": f"check {index}", **{name: draw(values) for name, values in own.items()}}
    return fields | _some(draw, more) | _some(draw, {"timeout": DURATIONS, "required": st.booleans()}, 0.2)


COMMANDS = st.sampled_from(
    [
        "make test",
        "true && false",
        "echo $HOME",
        "ls *.md",
        "cd src",
        "a 'b",
        "# x",
        "sh -c 'a | b'",
        "FOO=1 make",
        "ls -l",
        "~/x",
    ]
)
ARGUMENTS = st.sampled_from([["-c", "x"], ["&&"], ["$HOME"], ["*.md"], ["~/x"], []])
PATTERNS = st.sampled_from(
    ["ok", "^a+$", "f(x", "*.md", "[", "a{2", r"\d+", "(?i)x", "(?=x)", r"(a)\1", r"\p{L}", "[[:alpha:]]"]
)
DURATIONS = st.sampled_from(["90s", "1h30m", "7d", "1.5h"])
CONDITIONS = st.sampled_from(
    [
        'nodes["alpha"].phase == "Succeeded"',
        "nodes.alpha.outputs.x > 3",
        "parameters.full || goal.priority > 5",
        "nodes.zeta.phase",
        "has(parameters.x) && !parameters.x",
        "size(nodes.alpha.outputs.list) > 2",
        "true",
        "1 + 2",
        "nodes.",
        'nodes["alpha"].phase == "Done"',
        'nodes["alpha"].phase in ["Succeeded", "Skipped"]',
        "nodes.alpha-x.phase == 'Failed'",
        "goal.nothing",
        "foo(1)",
        "nodes",
        "parameters.a ? true : nodes.beta.phase == 'Failed'",
        '"x" in nodes.alpha.outputs',
    ]
)
INPUTS = st.sampled_from(
    [
        "plain",
        "${nodes.alpha.outputs.x}",
        "a ${parameters.y} b",
        "${nodes.nope.outputs.x}",
        "${nodes.alpha.phase}",
        "${x",
        "${parameters.a:-eu}",
        "${nodes.alpha.outputs.x:-${parameters.b}}",
        "{{ inputs.a }}",
        "$(tasks.a.results.b)",
        ["${nodes.beta.outputs.x}", {"a": "${nope}"}],
        5,
        None,
    ]
)


def _step(draw: Draw, index: int, ids: list[str], is_safe: bool) -> Value:
    step: dict[str, Any] = {"step_id": ids[index], "title": draw(TEXTS), "description": draw(TEXTS)}
    before = [id for id in ids[:index] if draw(st.booleans())]
    if draw(st.integers(0, 40)) == 0:
        before.append(ids[-1])
    if before:
        step["dependencies"] = before
    step |= _some(
        draw,
        {
            "rationale": TEXTS,
            "inputs": TEXTS,
            "outputs": TEXTS,
            "parallelizable": st.booleans(),
            "estimated_complexity": st.sampled_from(["xs", "s", "m", "l", "xl"]),
            "delegation": st.sampled_from(["human", "agent", "either", "either", "human_approval", "agent_autonomous"]),
            "acceptance_criteria": TEXTS,
        },
    )
    if draw(st.integers(0, 1 if is_safe else 3)) == 0:
        step["x-planspec"] = _own_of_step(draw, is_safe)
        if is_safe and "when" in step["x-planspec"]:
            step["delegation"] = "either"
    return step


def _own_of_step(draw: Draw, is_safe: bool) -> Value:
    outputs = [["x"], [{"name": "x"}], ["x", "y"]]
    # For an invalid glob, the program names another place.
    fields: dict[str, st.SearchStrategy[Any]] = {
        "retries": st.integers(0, 10 if is_safe else 12),
        "timeout": DURATIONS,
        "when": CONDITIONS,
        "always": st.booleans(),
        "touches": st.lists(st.sampled_from(["src/**", "a/b"]), max_size=2),
        "inputs": st.dictionaries(st.sampled_from(["a", "b"]), INPUTS, max_size=2),
        "outputs": st.sampled_from(outputs if is_safe else [*outputs, ["X"], ["x", "x"]]),
        "acceptanceCriteria": st.just([_check(draw, 0)]),
    }
    return _some(draw, fields, 0.3)


@st.composite
def documents(draw: Draw) -> Value:
    """A PlanSpec 1.2 document, half of the time of sound structure."""
    is_safe = draw(st.booleans())
    entries = st.sampled_from(SAFE_SCOPE if is_safe else SCOPE)
    ids = draw(st.permutations(WORDS))[: draw(st.integers(1, 5))]
    if draw(st.integers(0, 5)) == 0:
        ids[0] = draw(st.sampled_from(["Build API!", "T001", "1.1", "über_x", "approve-beta"]))
    revision = draw(st.sampled_from([1, 1, 1, 2, 3]))
    document: dict[str, Any] = {
        "identity": {
            "plan_id": str(uuid.UUID(int=draw(st.integers(0, 2**128 - 1)))),
            "session_id": "session",
            "revision": revision,
            "parent_id": None if revision == 1 else str(uuid.UUID(int=7)),
            "created_by": "human:ana",
            "created_at": draw(TIMES),
        },
        "intent": {
            "goal_statement": draw(TEXTS),
            "motivation": draw(TEXTS),
            "success_definition": draw(TEXTS),
            **_some(draw, {"scope_context": TEXTS}),
        },
        "scope": {
            "in_scope": draw(st.lists(entries, max_size=3)),
            "out_of_scope": draw(st.lists(entries, max_size=2)),
            **_some(draw, {"assumptions": st.lists(TEXTS, max_size=2), "open_questions": st.lists(TEXTS, max_size=2)}),
        },
        "approach": {
            "overview": draw(FULL_TEXTS),
            "rationale": draw(TEXTS),
            "steps": [_step(draw, index, ids, is_safe) for index in range(len(ids) if draw(st.integers(0, 40)) else 0)],
        },
        "success_criteria": _list(
            draw,
            lambda index: {
                "criterion_id": f"c{index}",
                "description": draw(TEXTS),
                "verification": draw(st.sampled_from(["manual", "automated", "observable"])),
                "weight": draw(st.sampled_from(["primary", "secondary"])),
            },
        ),
        "delegation": _some(draw, {"default_mode": st.sampled_from(["human_approval", "agent_autonomous", "hybrid"])}, 0.8),
    }
    _add_optional(draw, document, ids, is_safe)
    return document


def _add_optional(draw: Draw, document: Value, ids: list[str], is_safe: bool) -> None:
    degree = st.sampled_from(["low", "medium", "high"])
    sections: dict[str, Callable[[int], Any]] = {
        "constraints": lambda index: {
            "constraint_id": f"k{index}",
            "type": draw(st.sampled_from(["technical", "security", "legal"])),
            "description": draw(TEXTS),
            "validation_method": draw(TEXTS),
            "blocking": draw(st.booleans()),
        },
        "risks": lambda index: {
            "risk_id": f"r{index}",
            "title": draw(TEXTS),
            "probability": draw(degree),
            "impact": draw(degree),
            "description": draw(TEXTS),
            **_some(draw, {"mitigation": TEXTS, "owner": st.sampled_from(["human", "agent", "shared"])}),
        },
        "dependencies": lambda index: {
            "dependency_id": f"d{index}",
            "description": draw(TEXTS),
            "available": draw(st.booleans()),
        },
        "revision_history": lambda index: {
            "revision": index + draw(st.integers(1, 2)),
            "change_type": draw(st.sampled_from(["major", "minor", "patch"])),
            "change_summary": draw(TEXTS),
            "created_at": draw(TIMES),
            **_some(draw, {"changes": st.just([{"type": "addition", "section": "steps", "summary": "x"}])}),
        },
    }
    for name, make in sections.items():
        if draw(st.booleans()):
            document[name] = _list(draw, make)
    delegation = document["delegation"]
    if draw(st.booleans()):
        delegation["step_overrides"] = [
            {"step_id": id, "mode": draw(st.sampled_from(["human_approval", "agent_autonomous"]))}
            for id in ids
            if draw(st.booleans())
        ]
    delegation |= _some(draw, {"escalation_policy": st.just({"on_ambiguity": "pause", "on_unexpected_scope": "fail"})})
    document |= _some(
        draw,
        {
            "metadata": st.fixed_dictionaries(
                {},
                optional={
                    "schema_version": st.sampled_from(["1.2.0", "1.0.0", "1.3.0", "2.0.0", "1.2"]),
                    "tags": st.just(["x"]),
                },
            ),
            "x-other": st.sampled_from([{"a": [1, 2.50, 9007199254740993]}, "text", None]),
            "$comment": st.just("a comment"),
        },
    )
    if draw(st.integers(0, 2)) == 0:
        document["x-planspec"] = _own(draw, ids, is_safe)


def _own(draw: Draw, ids: list[str], is_safe: bool) -> Value:
    ends = st.sampled_from(ids if is_safe else [*ids, "nope"])
    kinds = st.sampled_from(["soft"] if is_safe else ["soft", "hard"])
    edge = st.fixed_dictionaries({"from": st.sampled_from([*ids, *ids, "nope"]), "to": ends, "type": kinds})
    finding = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["f1", "f2"]),
            "section": st.sampled_from(["steps", "approach"]),
            "reviewer": st.just("user:bo"),
            "severity": st.sampled_from(["blocking", "major"]),
            "text": FULL_TEXTS,
        },
        optional={"disposition": st.sampled_from(["open", "resolved"]), "field": ends},
    )
    return _some(
        draw,
        {
            "series": st.just("s"),
            "edges": st.lists(edge, max_size=3),
            "checks": st.just({draw(st.sampled_from(["c0"] if is_safe else ["c0", "c1", "nope"])): [_check(draw, 0)]}),
            "findings": st.lists(finding, max_size=2),
        },
    )


# Mutations.

OTHERS: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    1.0,
    1.5,
    100_000,
    2**53 - 1,
    "",
    "a",
    "A b",
    "-",
    "0s",
    "\u00e9",
    [],
    [None],
    {},
    {"a": None},
    ["a", "a"],
]
KEYS = [
    "a",
    "x-a",
    "$schema",
    "$comments",
    "titel",
    "Title",
    "kind",
    "needs",
    "name",
    "status",
    "type",
    "description",
    "when",
    "uid",
]


def places(value: Value) -> list[tuple[Any, Any]]:
    """Every entry of a value: what holds it, and its key or index."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found += [(one, key) for key in one]
            todo += one.values()
        elif isinstance(one, list):
            found += [(one, index) for index in range(len(one))]
            todo += one
    return found


def mutate(draw: Draw, value: Value) -> Value:
    """A value with a few changes anywhere in it."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        entries = places(value)
        if not entries:
            break
        holder, key = entries[draw(st.integers(0, len(entries) - 1))]
        _change(draw, holder, key, entries)
    return value


def _change(draw: Draw, holder: Any, key: Any, entries: list[tuple[Any, Any]]) -> None:
    how = draw(st.integers(0, 6))
    old = holder[key]
    # When a list replaces a mapping, the program sometimes takes the entries for its fields in their order, and for an
    # empty key it names another place: the library does neither.
    is_mapping = isinstance(old, dict)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(old, str):
        holder[key] = draw(st.sampled_from([old.upper(), f"{old}-", f" {old}", old * 30, f"{old}\n", f"{old}x", old[1:]]))
    elif how == 2 and isinstance(holder, dict):
        # Renamed in place.
        name = draw(st.sampled_from([*KEYS, key.upper(), key.replace("_", ""), f"{key}s", key[:-1] or key]))
        kept = list(holder.items())
        holder.clear()
        holder.update({(name if one == key else one): value for one, value in kept})
    elif how == 3 and isinstance(holder, dict):
        holder[draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(OTHERS)))
    elif how == 4 and isinstance(holder, list):
        holder.append(copy.deepcopy(old))
    else:
        new = draw(st.sampled_from(OTHERS))
        if how == 5:
            other, other_key = entries[draw(st.integers(0, len(entries) - 1))]
            new = other[other_key]
        if not (is_mapping and isinstance(new, list)):
            holder[key] = copy.deepcopy(new)


@st.composite
def mutated(draw: Draw, values: st.SearchStrategy[Value]) -> Value:
    value = draw(values)
    return mutate(draw, value) if draw(st.booleans()) else value


def written(value: Value, indent: int | None = 2) -> str:
    """A value as JSON text, one line an entry."""
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


@st.composite
def revisions(draw: Draw) -> tuple[Value, Value]:
    """A document of sound structure, and what a later revision may make of it."""
    before, other = (_sound(draw, draw(documents())) for _ in range(2))
    after = copy.deepcopy(before)
    for _ in range(draw(st.integers(0, 3))):
        _graft(draw, after, other)
    if draw(st.booleans()):
        _go_on(draw, before["identity"], after)
    return before, after


def _sound(draw: Draw, document: Value) -> Value:
    """The same without what breaks the structure."""
    prose = st.lists(st.sampled_from(["Prose", "More prose", "path:src/**", "path:docs"]), max_size=3)
    document["scope"] |= {"in_scope": draw(prose), "out_of_scope": draw(prose)}
    document.pop("x-planspec", None)
    document.get("metadata", {}).pop("schema_version", None)
    for step in document["approach"]["steps"]:
        step.pop("x-planspec", None)
    return document


def _graft(draw: Draw, document: Value, other: Value) -> None:
    """Take over something that another document says."""
    section = draw(st.sampled_from(sorted(other.keys() - {"identity"})))
    if isinstance(other[section], dict) and isinstance(document.get(section), dict) and other[section]:
        field = draw(st.sampled_from(sorted(other[section])))
        document, other, section = document[section], other[section], field
    given, own = other[section], document.get(section)
    are_entries = isinstance(given, list) and isinstance(own, list) and given and own and isinstance(given[0], dict)
    if not are_entries:
        document[section] = copy.deepcopy(given)
        return
    # Change a field of an entry, or remove an entry.
    entry, source = draw(st.sampled_from(own)), draw(st.sampled_from(given))
    fields = sorted(name for name in source if not name.endswith("_id") and name not in ("dependencies", "revision"))
    if fields and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(fields))
        entry[name] = copy.deepcopy(source[name])
    elif draw(st.booleans()):
        own.reverse()
    else:
        own.remove(entry)


def _go_on(draw: Draw, identity: Value, after: Value) -> None:
    """Say that it is the next revision, now and then wrongly."""
    number = identity["revision"] + draw(st.sampled_from([1, 1, 1, 2]))
    plan_id = str(uuid.UUID(int=draw(st.integers(0, 2**128 - 1))))
    after["identity"] |= {"revision": number, "parent_id": identity["plan_id"], "plan_id": plan_id}
    if draw(st.booleans()):
        size = draw(st.sampled_from(["major", "minor", "patch"]))
        entry = {"revision": number, "change_type": size, "change_summary": "s", "created_at": "2026-02-01T09:00:00Z"}
        after.setdefault("revision_history", []).append(entry)


# Resources.

_CONTEXT = st.lists(
    st.sampled_from(
        [
            {"format": "text", "content": "c"},
            {"name": "n", "format": "json", "content": {"a": [1]}},
            {"format": "uri-list", "uris": ["http://a.example"]},
        ]
    ),
    max_size=2,
)
_LABELS = st.dictionaries(st.sampled_from(["app", "example.com/team", "tier"]), st.sampled_from(["a", "b-1", ""]), max_size=2)
_REFERENCE = st.sampled_from([{"name": "other"}, {"name": "other", "namespace": "team"}])
_GOAL = st.sampled_from([{"name": "ends"}, {"name": "ends", "namespace": "team"}, {"name": "other"}])


def resource(draw: Draw, kind: str, spec: Value) -> Value:
    metadata: dict[str, Any] = {"name": "session", "namespace": "team"}
    owner = {"apiVersion": "planspec.io/v1alpha1", "kind": draw(st.sampled_from(["Goal", kind])), "name": "session"}
    metadata |= _some(
        draw,
        {
            "labels": _LABELS,
            "annotations": st.dictionaries(st.sampled_from(["a", "b/c"]), TEXTS, max_size=2),
            "ownerReferences": st.sampled_from(
                [[owner], [{**owner, "name": "x", "controller": True}, {**owner, "controller": True}]]
            ),
            "finalizers": st.sampled_from([["example.com/a"], ["a", "a"]]),
        },
        0.2,
    )
    return {"apiVersion": "planspec.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


@st.composite
def goals(draw: Draw) -> Value:
    expression = st.sampled_from(
        [{"key": "a", "operator": "In", "values": ["x"]}, {"key": "a", "operator": "Exists"}, {"key": "a", "operator": "NotIn"}]
    )
    selector = st.fixed_dictionaries(
        {}, optional={"matchLabels": _LABELS, "matchExpressions": st.lists(expression, max_size=1)}
    )
    criterion = st.fixed_dictionaries({"description": FULL_TEXTS}, optional={"id": st.sampled_from(["a", "b"])})
    spec = {"description": draw(FULL_TEXTS)} | _some(
        draw,
        {
            "constraints": st.just({"budget": 5, "regions": ["eu"]}),
            "acceptanceCriteria": st.lists(criterion, max_size=3),
            "planSelector": selector,
            "timeout": DURATIONS,
            "priority": st.integers(0, 1001),
            "context": _CONTEXT,
        },
    )
    return resource(draw, "Goal", spec)


def _node(draw: Draw, index: int, ids: list[str]) -> Value:
    kind = draw(st.sampled_from(["Task", "Task", "Task", "Gate", "Group", "External"]))
    names = st.sampled_from([*ids, "nope"])
    node: dict[str, Any] = {"id": ids[index], "kind": kind}
    node |= _some(
        draw,
        {
            "name": FULL_TEXTS,
            "description": FULL_TEXTS,
            "dependsOn": st.lists(st.sampled_from([*ids[:index], *ids[:index], *ids]), max_size=2),
            "when": CONDITIONS,
            "timeout": DURATIONS,
            "context": _CONTEXT,
        },
        0.3,
    )
    if kind == "Gate":
        node["gateRef"] = draw(_REFERENCE)
    elif kind == "Group":
        node["children"] = draw(st.lists(names, min_size=1, max_size=3))
    elif kind == "External":
        node["externalRef"] = draw(
            st.sampled_from(
                [
                    {"type": "uri", "uri": "https://a.example"},
                    {"type": "resource", "resourceRef": {"kind": "Goal", "name": "g"}},
                    {"type": "webhook", "webhookUrl": "https://a.example/?token=secret"},
                    {"type": "uri", "webhookUrl": "x"},
                ]
            )
        )
    else:
        node |= _some(
            draw,
            {
                "capabilityRefs": st.lists(_REFERENCE, max_size=1),
                "inputs": st.dictionaries(st.sampled_from(["a", "b"]), INPUTS, max_size=2),
                "outputs": st.sampled_from([["x"], [{"name": "x", "type": "text"}, "y"], ["x", {"name": "x"}]]),
                "acceptanceCriteria": st.just(_list(draw, lambda index: _check(draw, index))),
                "retries": st.integers(0, 10),
                "estimatedEffort": st.sampled_from(["small", "large"]),
                "x-planspec": st.sampled_from([{"touches": ["src/**", "[a"]}, {"always": True}, {"touch": ["a"]}]),
            },
            0.3,
        )
    return node


@st.composite
def plans(draw: Draw) -> Value:
    ids = draw(st.permutations(WORDS))[: draw(st.integers(1, 6))]
    if draw(st.integers(0, 9)) == 0:
        ids[-1] = ids[0]
    graph: dict[str, Any] = {"nodes": [_node(draw, index, ids) for index in range(len(ids))]}
    ends = st.sampled_from([*ids, *ids, "nope"])
    edge = st.fixed_dictionaries({"from": ends, "to": ends}, optional={"type": st.sampled_from(["hard", "soft"])})
    graph |= _some(draw, {"edges": st.lists(edge, max_size=3)})
    spec = {"description": draw(FULL_TEXTS), "graph": graph} | _some(
        draw,
        {
            "goalRef": _REFERENCE,
            "supersedes": st.lists(_REFERENCE, max_size=2),
            "graphDigest": st.sampled_from(["sha256:" + "0" * 64, "sha256:x"]),
            "context": _CONTEXT,
        },
        0.2,
    )
    if draw(st.booleans()):
        spec |= {"series": "s", "version": draw(st.sampled_from(["1", "1.2.3-rc.1", "v2", "first", "2026-01-31", "1..2"]))}
    return resource(draw, "Plan", spec)


TOLD = st.sampled_from(
    [
        "Do it",
        "Do it well",
        "do  it",
        "Never do it twice, and ask before it is shipped",
        "Do it twice, and tell whoever asks before it is shipped",
        "Do it, and tell ana@example.com",
        "Do it as https://example.com/how says",
        "Do it\u200b",
        "Something that has nothing in common",
        "Do it with one two three four five six seven eight more words",
    ]
)
"""What somebody is told, in words that mean the same, less or more."""


@st.composite
def sound_plans(draw: Draw) -> Value:
    ids = WORDS[: draw(st.integers(2, 6))]
    nodes = [_sound_node(draw, id, ids[:index]) for index, id in enumerate(ids)]
    edges = [
        {"from": draw(st.sampled_from(ids[:index])), "to": ids[index], "type": draw(st.sampled_from(["hard", "soft"]))}
        for index in range(1, len(ids))
        if draw(st.booleans())
    ]
    spec = {"description": draw(TOLD), "goalRef": draw(_GOAL), "graph": {"nodes": nodes, "edges": edges}}
    spec |= _some(draw, {"supersedes": st.lists(_REFERENCE, max_size=1), "context": _CONTEXT}, 0.2)
    if draw(st.booleans()):
        spec |= {"series": "s", "version": draw(st.sampled_from(["1", "1.2.3", "1.2.4", "1.3.0", "2.0.0", "first"]))}
    metadata: dict[str, Any] = {"name": "session", "namespace": "team"}
    metadata |= _some(draw, {"labels": _LABELS, "annotations": st.sampled_from([{"a": "x"}, {"a": "y"}])}, 0.3)
    return {"apiVersion": "planspec.io/v1alpha1", "kind": "Plan", "metadata": metadata, "spec": spec}


def _sound_node(draw: Draw, id: str, earlier: list[str]) -> Value:
    node: dict[str, Any] = {"id": id, "kind": "Task", "name": draw(TOLD)}
    check = {"type": "command_succeeds", "name": "c", "command": draw(st.sampled_from(["make", "make test"]))}
    fields: dict[str, st.SearchStrategy[Any]] = {
        "description": TOLD,
        "timeout": st.sampled_from(["1h", "60m", "2h", "1.5s"]),
        "context": _CONTEXT,
        "capabilityRefs": st.lists(_REFERENCE, max_size=1),
        "inputs": st.sampled_from([{"a": "x"}, {"a": "y"}, {"a": "x", "b": 1}]),
        "outputs": st.sampled_from([["x"], [{"name": "x", "type": "text"}], ["x", "y"], ["y", "x"]]),
        "acceptanceCriteria": st.sampled_from([[check], [check | {"required": True}], [check | {"timeout": "1m"}]]),
        "retries": st.integers(0, 2),
        "estimatedEffort": st.sampled_from(["small", "large"]),
        "x-planspec": st.sampled_from([{"touches": ["src/**"]}, {"touches": ["src/**", "docs"]}]),
    }
    if earlier:
        fields["dependsOn"] = st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique=True)
    return node | _some(draw, fields, 0.3)


@st.composite
def plan_revisions(draw: Draw) -> tuple[Value, Value]:
    """A Plan, and what may become of it."""
    before, other = draw(sound_plans()), draw(sound_plans())
    after = copy.deepcopy(before)
    for _ in range(draw(st.integers(0, 3))):
        _edit(draw, after, other)
    return before, after


def _edit(draw: Draw, plan: Value, other: Value) -> None:
    """Take over something that another Plan says, or say it in other words."""
    nodes, given = plan["spec"]["graph"]["nodes"], other["spec"]["graph"]["nodes"]
    holder, source = draw(
        st.sampled_from(
            [
                (plan["spec"], other["spec"]),
                (plan["metadata"], other["metadata"]),
                (plan["spec"]["graph"], {"edges": other["spec"]["graph"].get("edges", [])}),
                *((node, draw(st.sampled_from(given))) for node in nodes),
            ]
        )
    )
    kept = {"name", "namespace"} if holder is plan["metadata"] else {"graph", "nodes", "id"}
    fields = sorted(name for name in source.keys() | holder.keys() if name not in kept and source.get(name) != holder.get(name))
    if not fields:
        return
    field = draw(st.sampled_from(fields))
    if field == "description":
        holder[field] = draw(TOLD)
    elif field in ("series", "version"):
        holder["series"], holder["version"] = "s", draw(st.sampled_from(["1", "1.2.3", "1.2.4", "1.3.0", "2.0.0", "first"]))
    elif field not in source:
        del holder[field]
    else:
        holder[field] = copy.deepcopy(source[field])


@st.composite
def capabilities(draw: Draw) -> Value:
    parameter = st.sampled_from(
        [
            {"name": "a", "type": "string", "default": "x", "enum": ["x", "y"], "format": "uri"},
            {"name": "b", "type": "number", "default": 1, "enum": [2]},
            {"name": "c", "type": "array", "itemType": "string", "default": ["x", 1]},
            {
                "name": "d",
                "type": "object",
                "objectProperties": {"k": "number", "l": {"type": "string"}},
                "default": {"k": "x"},
            },
            {"name": "e", "type": "boolean", "required": True},
            {"name": "f", "type": "string", "enum": ["x", None], "itemType": "string"},
        ]
    )
    spec = {"description": draw(FULL_TEXTS)} | _some(
        draw,
        {
            "displayName": FULL_TEXTS,
            "category": st.sampled_from(["a-b", "A", "a--b"]),
            "inputs": st.lists(parameter, max_size=3),
            "outputs": st.lists(parameter, max_size=2),
            "requirements": st.lists(st.sampled_from([{"name": "r"}, {"name": "r", "optional": True}]), max_size=2),
        },
    )
    return resource(draw, "Capability", spec)


@st.composite
def bindings(draw: Draw) -> Value:
    selector = st.sampled_from(
        [
            {"capabilityRef": {"name": "c"}},
            {"planRef": {"name": "p"}},
            {"planRef": {"name": "p", "namespace": "team"}, "nodeId": "n"},
            {"planRef": {"name": "p"}, "capabilityRef": {"name": "c"}},
            {"matchLabels": {"a": "b"}},
            {"matchLabels": {"a": "b", "c": "d"}},
            {"matchLabels": {"a": "b"}, "planRef": {"name": "p"}},
            {"matchLabels": {}},
            {"nodeId": "n"},
        ]
    )
    target = st.sampled_from(
        [
            {"provider": "agent://coder"},
            {"provider": "robot://x"},
            {"provider": "word"},
            {"provider": "tool://x", "config": {"command": ["make", "test"], "env": {"A": "$HOME", "B": 1}}},
            {"provider": "tool://x", "config": {"command": ["make test"]}},
            {"provider": "tool://x", "config": {"command": ["echo", "&&", "x"], "timeout": "10m"}},
            {"provider": "tool://x", "config": {"command": "make"}},
            {"provider": "tool://x", "config": {"workingDirectory": "../x"}},
            {"provider": "tool://x", "config": {"command": ["sh", "-c", "a | b"], "workspace": "predecessors"}},
            {"provider": "tool://x"},
        ]
    )
    rule = st.fixed_dictionaries({"selector": selector, "target": target}, optional={"priority": st.integers(0, 2)})
    spec = {"rules": draw(st.lists(rule, min_size=1, max_size=4))} | _some(
        draw, {"strategy": st.sampled_from(["FirstMatch", "MostSpecific", "ErrorOnConflict", "ErrorOnConflict"])}
    )
    return resource(draw, "Binding", spec)


@st.composite
def gates(draw: Draw) -> Value:
    reviewer = st.sampled_from(
        ["user:ana", "team:core", "ana@example.com", "ANA@example.com", "ana", "@ana", "*", "a b", "x:y"]
    )
    target = st.sampled_from(
        [{"kind": "Plan", "name": "p"}, {"kind": "Plan", "name": "p", "nodeId": "n"}, {"kind": "Artifact", "name": "a"}]
    )
    spec = {"gateType": draw(st.sampled_from(["approval", "review", "sign-off"])), "targetRef": draw(target)} | _some(
        draw,
        {
            "description": FULL_TEXTS,
            "reviewers": st.lists(reviewer, max_size=3),
            "requiredApprovers": st.integers(1, 101),
            "context": st.just({"a": 1}),
        },
    )
    return resource(draw, "Gate", spec)


@st.composite
def executions(draw: Draw) -> Value:
    spec = {"planRef": draw(_REFERENCE)} | _some(
        draw,
        {
            "goalRef": _REFERENCE,
            "bindingRef": _REFERENCE,
            "nodeBindings": st.just({"a": {"name": "b"}}),
            "parameters": st.just({"a": [1, None]}),
            "context": _CONTEXT,
        },
    )
    return resource(draw, "Execution", spec)


def resources() -> st.SearchStrategy[Value]:
    """A resource of any kind, plans most of all; or a list of some."""
    one = st.one_of(plans(), plans(), goals(), capabilities(), bindings(), gates(), executions())
    several = st.lists(one, min_size=1, max_size=2).map(
        lambda items: {"apiVersion": "planspec.io/v1alpha1", "kind": "List", "items": items}
    )
    return st.one_of(one, one, one, one, several)
