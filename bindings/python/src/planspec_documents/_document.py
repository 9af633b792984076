"""What is right and wrong in a PlanSpec 1.2 document, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from . import _globs, _graph, _schema, _scope, _times, _types
from ._findings import KEY, VALUE, Diagnostic, Path, at, listed, shortened
from ._suggest import suggestion, trimmed

Value = Any
Findings = Iterator[Diagnostic]

# The maximum number of ids that a cycle is shown with.
_LONGEST_CIRCLE = 50

ENDINGS = (".planspec.yaml", ".planspec.yml", ".planspec.json")

CONSTRAINT_TYPES = ("technical", "process", "security", "compliance", "performance")

STEP_EXTENSION = (
    "acceptanceCriteria",
    "retries",
    "timeout",
    "inputs",
    "outputs",
    "capabilityRefs",
    "when",
    "touches",
    "always",
)
"""What ``x-planspec`` of a step may say of its node. Nothing of it takes away what the step says."""

# Optional fields by their path, in which `*` is each entry of a list. For them null is the same as a missing field.
_OPTIONAL: list[tuple[Path, str]] = [
    ((), "constraints risks dependencies revision_history metadata x-planspec"),
    (("identity",), "workspace_id"),
    (("intent",), "scope_context"),
    (("scope",), "assumptions open_questions"),
    (("approach",), "alternatives_considered"),
    (
        ("approach", "steps", "*"),
        "rationale inputs outputs dependencies parallelizable estimated_complexity delegation acceptance_criteria x-planspec",
    ),
    (("risks", "*"), "mitigation contingency owner"),
    (("dependencies", "*"), "type"),
    (("delegation",), "default_mode step_overrides escalation_policy"),
    (("delegation", "step_overrides", "*"), "rationale"),
    (("delegation", "escalation_policy"), "on_ambiguity on_constraint_violation on_unexpected_scope"),
    (("revision_history", "*"), "trigger changes"),
    (("revision_history", "*", "changes", "*"), "field"),
    (("metadata",), "schema_version tool tool_version tags language"),
]


def is_document(name: str, value: Value) -> bool:
    """Whether a value is a PlanSpec 1.2 document. Resources may stand in any file."""
    fields = value if isinstance(value, dict) else {}
    is_called_so = name.lower().endswith(ENDINGS)
    return "kind" not in fields and (is_called_so or ("identity" in fields and "intent" in fields))


def entries(value: Value, *path: str) -> list[Any]:
    """The entries of a list at a place; none where there is no list."""
    found = at(value, path)
    return found if isinstance(found, list) else []


def _places(value: Value, pattern: Path) -> list[tuple[Path, Any]]:
    """What stands at a pattern, with the places of it."""
    found: list[tuple[Path, Any]] = [((), value)]
    for part in pattern:
        below: list[tuple[Path, Any]] = []
        for path, one in found:
            if part == "*" and isinstance(one, list):
                below += [((*path, index), entry) for index, entry in enumerate(one)]
            elif isinstance(one, dict) and part in one:
                below.append(((*path, part), one[part]))
        found = below
    return found


class _Copy:
    """A value that is copied as far as it is changed."""

    def __init__(self, value: Value) -> None:
        self.value = value
        self.copied: set[int] = set()

    def holder(self, path: Path) -> Any:
        self.value = self._own(self.value)
        here = self.value
        for step in path:
            here[step] = self._own(here[step])
            here = here[step]
        return here

    def _own(self, value: Any) -> Any:
        if id(value) in self.copied:
            return value
        copy = value.copy()
        self.copied.add(id(copy))
        return copy


def meant(value: Value) -> tuple[Value, list[Diagnostic]]:
    """The document as it is meant; what had to be guessed is a warning."""
    copy = _Copy(value)
    for pattern, fields in _OPTIONAL:
        for path, holder in _places(value, pattern):
            nulls = [field for field in fields.split() if isinstance(holder, dict) and holder.get(field, 0) is None]
            if nulls:
                own = copy.holder(path)
                for field in nulls:
                    del own[field]
    found = []
    for pattern in (("identity",), ("revision_history", "*")):
        for path, holder in _places(value, pattern):
            written = holder.get("created_at") if isinstance(holder, dict) else None
            time = _times.meant(written) if isinstance(written, str) else None
            if time is not None:
                message = f"`created_at`: `{written}` is read as `{time}`"
                help = f"write `{time}` if that is right"
                found.append(Diagnostic("PS612", (*path, "created_at"), VALUE, message, help))
                copy.holder(path)["created_at"] = time
    return copy.value, found


def version(value: Value) -> str | None:
    """Which version of the format a document says that it has."""
    written = at(value, ("metadata", "schema_version"))
    return written if isinstance(written, str) else None


@dataclass(slots=True)
class Read:
    """A document that was looked at."""

    findings: list[Diagnostic]
    # The typed document if its structure is valid.
    content: Value | None


def read(value: Value) -> Read:
    """Everything that is to be said about the structure of a document; what can be said of more, where that is not sound."""
    wrapped = _wrapped(value)
    if wrapped is not None:
        return Read([wrapped], None)
    content, found = meant(value)
    written = version(value)
    found = [*_other_major(written), *found]
    found += [_of_a_later_version(written, problem) for problem in _schema.check("document", content)]
    found += _references(content)
    is_typed = _types.is_content(content)
    if is_typed:
        found += _structure(content)
    found += _drafts(value)
    is_sound = is_typed and not any(finding.is_error for finding in found)
    # Report the next problems together with the structure.
    if is_typed and not is_sound:
        found += semantics(content)
    return Read(found, content if is_sound else None)


def judge(content: Value) -> Findings:
    """What is to be said about what a sound document means."""
    yield from _revision(content)
    yield from semantics(content)
    yield from readiness(content)


def _wrapped(value: Value) -> Diagnostic | None:
    """A document that is the only field of a mapping: nothing else is to be said about it."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    [(key, inner)] = value.items()
    if not isinstance(inner, dict) or "identity" not in inner or "intent" not in inner:
        return None
    message = f"the document is inside a field `{key}`, one level too deep"
    help = f"delete `{key}`: `identity`, `intent` and the others belong at the top level"
    return Diagnostic("PS102", (key,), KEY, message, help)


def _other_major(written: str | None) -> Findings:
    if written is not None and not written.startswith("1."):
        message = f"version `{written}` of the format may mean something else"
        help = "version 1 is known: write `1.2.0` if it is one"
        yield Diagnostic("PS609", ("metadata", "schema_version"), VALUE, message, help)


def _of_a_later_version(written: str | None, finding: Diagnostic) -> Diagnostic:
    """A field that is not known is no error where the document is of a later version than 1.2."""
    numbers = (written or "").split(".")[:2]
    is_version = len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers)
    is_later = is_version and (int(numbers[0][:20]), int(numbers[1][:20])) > (1, 2)
    if finding.code != "PS102" or not is_later or "x-planspec" in finding.path:
        return finding
    help = "a later version of the format may define it; it is kept and has no effect here"
    return replace(finding, help=help).as_warning()


# References: unique ids, and names that exist.

_IDS: list[tuple[Path, str]] = [
    (("approach", "steps"), "step_id"),
    (("constraints",), "constraint_id"),
    (("success_criteria",), "criterion_id"),
    (("risks",), "risk_id"),
    (("dependencies",), "dependency_id"),
    (("delegation", "step_overrides"), "step_id"),
    (("x-planspec", "findings"), "id"),
]


def _ids(value: Value, path: Path, field: str) -> Iterator[tuple[int, str]]:
    for index, entry in enumerate(entries(value, *path)):  # type: ignore[arg-type]
        id = entry.get(field) if isinstance(entry, dict) else None
        if isinstance(id, str) and id:
            yield index, id


def _references(value: Value) -> Findings:
    for path, field in _IDS:
        yield from twice(((*path, index, field), id) for index, id in _ids(value, path, field))
    steps = _Steps(value)
    yield from steps.dependencies()
    for index, id in _ids(value, ("delegation", "step_overrides"), "step_id"):
        yield from steps.missing(("delegation", "step_overrides", index, "step_id"), id)
    for index, entry in enumerate(entries(value, "x-planspec", "findings")):
        if isinstance(entry, dict) and entry.get("section") == "steps" and isinstance(entry.get("field"), str):
            yield from steps.missing(("x-planspec", "findings", index, "field"), entry["field"])
    yield from _checked_criteria(value)


def twice(ids: Iterable[tuple[Path, str]]) -> Findings:
    """Ids that an earlier entry has."""
    known: set[str] = set()
    for path, id in ids:
        if id in known:
            yield Diagnostic("PS602", path, VALUE, f"the {path[-1]} `{id}` appears twice", "give each its own")
        known.add(id)


class _Steps:
    """Steps as far as they can be read."""

    def __init__(self, value: Value) -> None:
        is_list = isinstance(at(value, ("approach", "steps")), list)
        steps = entries(value, "approach", "steps")
        self.ids = [step.get("step_id") if isinstance(step, dict) else None for step in steps]
        self.ids = [id if isinstance(id, str) else None for id in self.ids]
        self.before = [
            [(index, id) for index, id in enumerate(entries(step, "dependencies")) if isinstance(id, str)] for step in steps
        ]
        self.index: dict[str, int] = {}
        for index, id in enumerate(self.ids):
            if id is not None:
                self.index.setdefault(id, index)
        # Any other name may be that of a step whose id cannot be read.
        self.may_be_hidden = not is_list or not all(self.ids)
        self.suggestions = 50

    def missing(self, path: Path, id: str) -> Findings:
        if self.may_be_hidden or id in self.index or not id:
            return
        help = "name a `step_id` of `approach.steps`"
        if self.suggestions:
            self.suggestions -= 1
            help = suggestion(id, sorted(self.index), help)
        yield Diagnostic("PS603", path, VALUE, f"there is no step `{id}`", help)

    def dependencies(self) -> Findings:
        edges = set()
        for index, before in enumerate(self.before):
            for position, id in before:
                if id in self.index:
                    edges.add((self.index[id], index))
                yield from self.missing(("approach", "steps", index, "dependencies", position), id)
        for circle in _graph.cycles_among(len(self.ids), edges):
            yield from self._circle(circle)

    def _circle(self, circle: list[int]) -> Findings:
        first, last = circle[0], circle[-1]
        position = next((at for at, id in self.before[first] if id == self.ids[last]), None)
        if position is None:
            return
        ids = [str(self.ids[step]) for step in circle]
        shown = ids[:_LONGEST_CIRCLE]
        if len(ids) > len(shown):
            shown.append(f"… {len(ids) - len(shown)} more …")
        message = f"steps depend on each other in a cycle: {' -> '.join([*shown, ids[0]])}"
        if len(circle) == 1:
            message = f"step `{ids[0]}` depends on itself"
        path = ("approach", "steps", first, "dependencies", position)
        yield Diagnostic("PS604", path, VALUE, message, "remove one of these dependencies")


def _checked_criteria(value: Value) -> Findings:
    criteria = at(value, ("success_criteria",))
    if not isinstance(criteria, list):
        return
    if not all(isinstance(one, dict) and isinstance(one.get("criterion_id"), str) for one in criteria):
        # The reference may be to one whose id cannot be read.
        return
    ids = [id for _, id in _ids(value, ("success_criteria",), "criterion_id")]
    checks = at(value, ("x-planspec", "checks"))
    for id in checks if isinstance(checks, dict) else ():
        if id not in ids:
            help = suggestion(id, sorted(ids), "name a `criterion_id` of `success_criteria`")
            path = ("x-planspec", "checks", id)
            yield Diagnostic("PS611", path, KEY, f"there is no success criterion `{id}`", help)


# Structure, if all of it can be read.


def _structure(content: Value) -> Findings:
    yield from _constraint_types(content)
    yield from _extensions(content)
    yield from _scope_entries(content)
    if not content["scope"]["out_of_scope"]:
        help = "name at least one thing that is not part of the work"
        yield Diagnostic("PS608", ("scope", "out_of_scope"), KEY, "nothing is out of scope", help)


def _constraint_types(content: Value) -> Findings:
    for index, constraint in enumerate(content.get("constraints", [])):
        word = constraint["type"]
        if word not in CONSTRAINT_TYPES:
            message = f"the format does not name a constraint of type `{word}`"
            help = suggestion(word, CONSTRAINT_TYPES, f"the format names {', '.join(CONSTRAINT_TYPES)}")
            yield Diagnostic("PS607", ("constraints", index, "type"), VALUE, message, help)


def modes(content: Value) -> list[str]:
    """Who is asked before each step, in their order: what an override says, else the step itself (with a word of drafts),
    else the default. Under ``hybrid``, or where nothing is said, nobody is."""
    delegation = content["delegation"]
    overrides = {other["step_id"]: other["mode"] for other in delegation.get("step_overrides", [])}

    def mode(step: Any) -> str:
        if step.get("delegation") in ("human_approval", "agent_autonomous"):
            return str(step["delegation"])
        return "human_approval" if delegation.get("default_mode") == "human_approval" else "agent_autonomous"

    return [overrides.get(step["step_id"]) or mode(step) for step in content["approach"]["steps"]]


def own_edges(content: Value) -> list[Any]:
    """The edges of ``x-planspec``."""
    return entries(content, "x-planspec", "edges")


def _extensions(content: Value) -> Findings:
    """``x-planspec`` adds to what the document says, and never puts something else in its place."""
    for index, (step, mode) in enumerate(zip(content["approach"]["steps"], modes(content), strict=True)):
        fields = step.get("x-planspec") or {}
        own: Path = ("approach", "steps", index, "x-planspec")
        for field in fields:
            if field not in STEP_EXTENSION:
                message = f"`{field}` is not allowed in `x-planspec` of a step"
                yield Diagnostic("PS605", (*own, field), KEY, message, _instead_of(field))
        is_human = step.get("delegation") == "human"
        if fields.get("when") is not None and (is_human or mode == "human_approval"):
            why = "a person does it" if is_human else "a person approves it first"
            message = f"step `{step['step_id']}` cannot have a condition: {why}"
            help = "remove `when` and leave the decision to that person, or move it to a separate step"
            yield Diagnostic("PS605", (*own, "when"), KEY, message, help)
    for index, edge in enumerate(own_edges(content)):
        if edge.get("type", "hard") == "hard":
            message = f"the edge to `{edge['to']}` is a hard edge"
            help = f"name `{edge['from']}` in the `dependencies` of step `{edge['to']}`, or write `type: soft`"
            yield Diagnostic("PS605", ("x-planspec", "edges", index), VALUE, message, help)


_INSTEAD = {
    "dependsOn": "dependencies",
    "id": "step_id",
    "name": "title",
    "description": "description",
    "estimatedEffort": "estimated_complexity",
    "context": "rationale",
}


def _instead_of(field: str) -> str:
    """Where the document says what somebody wanted to say with a field of a node."""
    if field in _INSTEAD:
        return f"remove it here; the step sets it in `{_INSTEAD[field]}`"
    if field == "gateRef":
        return "remove it; set approvals before a step in `delegation.step_overrides`"
    if field in ("kind", "children", "mode", "externalRef", "pollInterval"):
        return "remove it: a step is a Task; write the plan as a Plan for other nodes"
    return suggestion(field, STEP_EXTENSION, f"it may hold {listed(STEP_EXTENSION)}")


def _scope_entries(content: Value) -> Findings:
    for path, text in _scope.entries(content["scope"]):
        try:
            globs = _scope.globs(text)
        except _globs.BadGlob as why:
            message = f"this entry starts with `path:` but names no files: {why}"
            help = (
                "write a path from the repository's root, such as `path:src/auth` or `path:**/*.md`, or `path:**` for all files"
            )
            yield Diagnostic("PS610", path, VALUE, message, help)
            continue
        odd = _globs.misleading(trimmed(text.removeprefix(_scope.PREFIX))) if globs is not None else None
        if odd is not None:
            yield Diagnostic("PS234", path, VALUE, *odd)


_DRAFT_FIELDS: list[tuple[Path, str]] = [
    ((), "approval"),
    (("identity",), "lifecycle_state"),
    (("identity",), "change_type"),
    (("approach", "steps"), "dependency_rationale"),
    (("approach", "steps"), "intended_outcome"),
    (("revision_history",), "author"),
    (("revision_history",), "timestamp"),
    (("revision_history",), "summary"),
    (("metadata",), "generator"),
    (("metadata",), "source_session_id"),
    (("approach", "steps"), "delegation"),
]


def _drafts(value: Value) -> Findings:
    """What an older draft had. Said once for each field, however often it stands there."""
    for section, field in _DRAFT_FIELDS:
        places = list(_draft_places(value, section, field))
        if not places:
            continue
        is_word = field == "delegation"
        what = "this word for `delegation`" if is_word else f"`{field}`"
        times = f" ({len(places) - 1} more below)" if len(places) > 1 else ""
        help = "it is kept but has no effect; remove it, or write it as `x-…`"
        if is_word:
            help = "write `human`, `agent` or `either`, and set approvals in `delegation.step_overrides`"
        message = f"{what} belongs to an older draft of the format{times}"
        yield Diagnostic("PS606", places[0], VALUE if is_word else KEY, message, help)


def _draft_places(value: Value, section: Path, field: str) -> Iterator[Path]:
    holder = at(value, section)
    one_or_many = enumerate(holder) if isinstance(holder, list) else [(None, holder)]
    for index, entry in one_or_many:
        stands = isinstance(entry, dict) and field in entry
        if field == "delegation":
            stands = stands and entry[field] in ("human_approval", "agent_autonomous")
        if stands:
            yield (*section, field) if index is None else (*section, index, field)


# Semantics: whether it is consistent.


def is_blank(text: Any) -> bool:
    return not isinstance(text, str) or not trimmed(text)


def semantics(content: Value) -> Findings:
    if is_blank(content["intent"]["goal_statement"]):
        message = "the document has no goal: `goal_statement` is empty"
        help = "write one sentence that says what is to be achieved"
        yield Diagnostic("PS621", ("intent", "goal_statement"), VALUE, message, help)
    if not content["scope"]["in_scope"]:
        help = "name at least one thing that is part of the work"
        yield Diagnostic("PS626", ("scope", "in_scope"), KEY, "nothing is in scope", help)
    if not content["approach"]["steps"]:
        message = "there are no steps, so nothing would be done"
        yield Diagnostic("PS627", ("approach", "steps"), KEY, message, "write at least one step")
    yield from _criteria(content)
    yield from _stays_with_person(content)
    yield from _delegations(content)


def _criteria(content: Value) -> Findings:
    criteria = content["success_criteria"]
    if not any(one["weight"] == "primary" for one in criteria):
        what = "no success criterion is primary" if criteria else "there is no success criterion"
        message = f"{what}: nothing decides about success"
        yield Diagnostic("PS622", ("success_criteria",), KEY, message, "set `weight: primary` for at least one")
    manual = {one["criterion_id"] for one in criteria if one["verification"] != "automated"}
    for id in at(content, ("x-planspec", "checks")) or {}:
        if id in manual:
            message = f"criterion `{id}` has checks but is not automated"
            help = "write `verification: automated` there, or remove the checks"
            yield Diagnostic("PS625", ("x-planspec", "checks", id), VALUE, message, help)


def _stays_with_person(content: Value) -> Findings:
    """An override says who is asked before a step, and not who does it."""
    of_people = {step["step_id"] for step in content["approach"]["steps"] if step.get("delegation") == "human"}
    for index, other in enumerate(content["delegation"].get("step_overrides", [])):
        if other["mode"] == "agent_autonomous" and other["step_id"] in of_people:
            message = f"a person does step `{other['step_id']}` in spite of this override"
            help = "where an agent is to do it, write `delegation: agent` or `either` in the step; else remove the override"
            yield Diagnostic("PS628", ("delegation", "step_overrides", index, "mode"), VALUE, message, help)


_CONFLICTS = {
    ("human_approval", "agent"): "an agent does it, but `default_mode` requires a person to approve each step",
    ("agent_autonomous", "human"): "a person does it, but `default_mode` gives every step to agents",
}


def _delegations(content: Value) -> Findings:
    delegation = content["delegation"]
    overridden = {other["step_id"] for other in delegation.get("step_overrides", [])}
    for index, step in enumerate(content["approach"]["steps"]):
        path = ("approach", "steps", index, "delegation")
        why = _CONFLICTS.get((delegation.get("default_mode"), step.get("delegation")))
        if why and step["step_id"] not in overridden:
            help = "set the mode of this step in `delegation.step_overrides`, or set `default_mode: hybrid`"
            yield Diagnostic("PS623", path, VALUE, f"step `{step['step_id']}`: {why}", help)
        if step.get("delegation") == "agent" and is_blank(step.get("acceptance_criteria")):
            message = f"step `{step['step_id']}` is for an agent and has no `acceptance_criteria`"
            yield Diagnostic("PS624", path, VALUE, message, "describe how to tell that the step is done")


def _revision(content: Value) -> Findings:
    """Whether it can be the revision that it says it is, whatever others there are."""
    identity = content["identity"]
    number, parent = identity["revision"], identity.get("parent_id")
    said = None
    if parent is not None and parent.lower() == identity["plan_id"].lower():
        said = "the document is its own parent", "write the `plan_id` of the previous revision"
    elif number == 1 and parent is not None:
        help = "write `null`, or set `revision` to the parent's number plus one"
        said = "revision 1 has a parent, but is the first revision", help
    elif number > 1 and parent is None:
        help = "write the `plan_id` of the previous revision; the first one has `revision: 1`"
        said = f"revision {number} has no parent", help
    if said is not None:
        yield Diagnostic("PS613", ("identity", "parent_id"), VALUE, *said)
    numbers = [one["revision"] for one in content.get("revision_history", [])]
    for index, (earlier, later) in enumerate(pairwise(numbers)):
        if later <= earlier:
            message = f"revision {later} comes after revision {earlier} in the history"
            help = "put the newest entry last; the history only grows"
            yield Diagnostic("PS613", ("revision_history", index + 1, "revision"), VALUE, message, help)


# Readiness: whether it can be executed.


def readiness(content: Value) -> Findings:
    for index, question in enumerate(content["scope"].get("open_questions", [])):
        message = f"a question is open: {_short(question)}"
        help = "answer it in the document, then remove it here"
        yield Diagnostic("PS631", ("scope", "open_questions", index), VALUE, message, help)
    for index, risk in enumerate(content.get("risks", [])):
        if risk["probability"] == "high" and is_blank(risk.get("mitigation")):
            message = f"risk `{risk['risk_id']}` is likely and has no mitigation: {_short(risk['title'])}"
            help = "describe the countermeasure in `mitigation`"
            yield Diagnostic("PS632", ("risks", index, "probability"), VALUE, message, help)
    for index, one in enumerate(content.get("dependencies", [])):
        if not one["available"]:
            message = f"dependency `{one['dependency_id']}` is not available: {_short(one['description'])}"
            help = "set `available: true` when it is available"
            yield Diagnostic("PS633", ("dependencies", index, "available"), VALUE, message, help)
    yield from _open_findings(content)
    if content["delegation"].get("default_mode") is None:
        message = "`default_mode` is not set, so it is unknown who approves steps"
        help = f"write one of {listed(('human_approval', 'agent_autonomous', 'hybrid'))}"
        yield Diagnostic("PS634", ("delegation",), KEY, message, help)


def _short(text: str) -> str:
    """A text in a message: its first line, not too long."""
    return shortened(trimmed(text).partition("\n")[0].removesuffix("\r"), 100)


def _open_findings(content: Value) -> Findings:
    for path, one in _reviewed(content):
        if one["severity"] == "blocking" and one["disposition"] == "open":
            is_written = path[0] == "x-planspec" and at(content, (*path, "disposition")) is not None
            place: Path = (*path, "disposition" if is_written else "severity")
            message = f"finding `{one['id']}` of {one['reviewer']} on {one['section']} is open: {_short(one['text'])}"
            help = "answer it in the document, then write `disposition: resolved` or `rejected`, and why in `answer`"
            yield Diagnostic("PS635", place, VALUE, message, help)


def review_findings(content: Value) -> list[dict[str, Any]]:
    """What reviewers found: in ``x-planspec``, and where an older draft of the format had it."""
    return [one for _, one in _reviewed(content)]


def _reviewed(content: Value) -> Iterator[tuple[Path, dict[str, Any]]]:
    known = set()
    for index, one in enumerate(entries(content, "x-planspec", "findings")):
        known.add(one["id"])
        fields = ("id", "section", "field", "reviewer", "severity", "text", "answer")
        found = {name: one.get(name) for name in fields}
        yield ("x-planspec", "findings", index), {**found, "disposition": one.get("disposition") or "open"}
    for index, entry in enumerate(entries(content, "approval", "review_findings")):
        draft = _of_draft(index, entry)
        # An entry in `x-planspec` takes precedence over one of a draft with the same id.
        if draft is not None and draft["id"] not in known:
            yield ("approval", "review_findings", index), draft


_SEVERITIES = {"blocking": "blocking", "blocker": "blocking", "critical": "blocking", "major": "major", "high": "major"}
_DISPOSITIONS = {
    **dict.fromkeys(("", "open", "pending"), "open"),
    **dict.fromkeys(("rejected", "wont_fix", "dismissed"), "rejected"),
}


def _of_draft(index: int, entry: Any) -> dict[str, Any] | None:
    """A finding as an older draft has it: its entries have no fixed form."""

    def text(*names: str) -> str | None:
        fields = entry if isinstance(entry, dict) else {}
        return next((fields[name] for name in names if isinstance(fields.get(name), str)), None)

    def chosen(*texts: str | None) -> str | None:
        return next((one for one in texts if one is not None), None)

    said = chosen(text("text", "description", "message", "finding"), entry if isinstance(entry, str) else None)
    if said is None:
        return None
    return {
        "id": chosen(text("id", "finding_id"), f"draft-{index + 1}"),
        "section": chosen(text("section"), "approach"),
        "field": text("field"),
        "reviewer": chosen(text("reviewer", "author"), "unknown"),
        "severity": _SEVERITIES.get((text("severity") or "").lower(), "minor"),
        "text": said,
        "disposition": _DISPOSITIONS.get((text("disposition", "status") or "").lower(), "resolved"),
        "answer": text("answer", "resolution"),
    }
