"""What was probably meant by a field that an object does not have, and by a word that is none of the allowed ones.

The library changes nothing in a document. It has to know this much because a field that stands there under a mistyped
name is not said to be missing as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._findings import Path, at
from ._suggest import folded, near, trimmed

# Names of other tools, with the fields that they may stand for, the likeliest first.
_OTHER_NAMES: list[tuple[str, list[str]]] = [
    ("artifact file filename", ["path"]),
    ("run cmd shell exec", ["command"]),
    ("endpoint uri href http", ["url"]),
    ("status expectstatus statuscode", ["expectedStatus"]),
    ("needs dependencies depends requires after dependon runafter previous", ["dependsOn"]),
    ("steps tasks stages jobs phases", ["nodes"]),
    ("title label displayname", ["name", "description"]),
    ("summary details text goal", ["description", "goalRef"]),
    ("type", ["kind", "gateType"]),
    ("capability capabilities skill skills", ["capabilityRef", "capabilityRefs"]),
    ("approvers approver reviewer", ["reviewers"]),
    ("requiredapprovals minapprovals minapprovers approvals minimumapprovals quorum", ["requiredApprovers"]),
    ("target", ["targetRef", "to"]),
    ("plan", ["planRef"]),
    ("binding bindings bindingrefs", ["bindingRef"]),
    ("gate", ["gateRef"]),
    ("acceptance criteria checks successcriteria", ["acceptanceCriteria"]),
    ("params arguments variables vars", ["parameters"]),
    ("timeoutseconds timeoutminutes timeouthours deadline duration activedeadlineseconds", ["timeout"]),
    ("match", ["selector"]),
    ("retry maxretries retrycount attempts", ["retries"]),
    ("source parent", ["from"]),
    ("destination child", ["to"]),
    ("if condition", ["when"]),
    ("with args env", ["inputs"]),
]
_FIELDS_OF = {word: fields for words, fields in _OTHER_NAMES for word in words.split()}

# Values of other tools for a choice, and ours.
_OTHER_WORDS: list[tuple[str, str]] = [
    ("string", "url uri text"),
    ("number", "integer float int"),
    ("boolean", "bool"),
    ("array", "list"),
    ("object", "map dict"),
    ("command_succeeds", "command cmd shell"),
    ("artifact_exists", "artifact file fileexists"),
    ("test_passes", "test"),
    ("endpoint_responds", "http endpoint"),
    ("approval", "manual"),
    ("Task", "milestone step action job"),
    ("Gate", "approval review signoff"),
    ("Group", "phase stage parallel"),
    ("either", "humanagent"),
]

# The maximum difference in length of a mistyped name.
_LONGEST_SLIP = 4

_INLINE_GATE = {
    *("reviewers", "reviewer", "approvers", "approver", "type", "gatetype", "requiredapprovals", "requiredapprovers"),
    *("minapprovals", "minapprovers", "approvals", "environment"),
}


def word(given: str, allowed: Sequence[str]) -> str | None:
    """One of a few words that was probably meant."""
    wanted = folded(given)
    for same in allowed:
        if folded(same) == wanted:
            return same
    for ours, others in _OTHER_WORDS:
        if ours in allowed and wanted in others.split():
            return ours
    return near(given, allowed)


def _camel_case(name: str) -> str:
    """A name as our fields are spelled: ``acceptance_criteria`` is ``acceptanceCriteria``."""
    out = ""
    begins = False
    for character in name:
        if character in "_- ":
            begins = True
        elif not out:
            out = character.lower()
        else:
            out += character.upper() if begins else character
            begins = False
    return out


def _switch(value: Any) -> bool | None:
    """Whether a switch is on or off; nothing where it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(folded(value))
    return None


@dataclass(slots=True)
class Misplaced:
    """A field that an object does not have."""

    root: Any
    schema: Any
    # The whole value, and the path of the object in it.
    instance: Any
    path: Path
    name: str
    # The other fields that the object could have.
    free: list[str]

    @property
    def value(self) -> Any:
        return self.object[self.name]

    @property
    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = at(self.instance, self.path)
        return found

    def meant(self) -> Path | None:
        """The place where the field was probably meant to be."""
        home = self._home(self.name) or self._home(_camel_case(self.name))
        if home is not None:
            return home
        if self._begins_inline_gate():
            # The reviewers are in a separate Gate, which the node names.
            return None if "gateRef" in self.object else (*self.path, "gateRef")
        if self._says_nothing_new():
            return None
        field = self._field()
        if field is not None:
            return (*self.path, field)
        homes = (self._home(other) for other in self._other_names())
        return next((home for home in homes if home is not None), None)

    def _field(self) -> str | None:
        """The field of the same object that was meant."""
        wanted = folded(self.name)
        for same in self.free:
            if folded(same) == wanted:
                return same
        if self._is_timeout_with_unit(wanted):
            return "timeout"
        for other in self._other_names():
            if other in self.free:
                return other
        # A word is no abbreviation of a much longer one.
        length = len(self.name.encode())
        return near(self.name, (one for one in self.free if abs(len(one) - length) <= _LONGEST_SLIP))

    def _is_timeout_with_unit(self, word: str) -> bool:
        units = "timeoutseconds timeoutsec activedeadlineseconds timeoutminutes timeoutmin timeouthours timeoutdays"
        is_number = isinstance(self.value, int) and not isinstance(self.value, bool) and self.value >= 0
        return word in units.split() and is_number and "timeout" in self.free

    def _other_names(self) -> list[str]:
        others = _FIELDS_OF.get(folded(self.name), [])
        # One word is a name, several are prose.
        is_prose = isinstance(self.value, str) and " " in trimmed(self.value)
        if others == ["description", "goalRef"] and not is_prose and "goalRef" in self.free:
            return ["goalRef"]
        return others

    def _home(self, name: str) -> Path | None:
        """The place one level up or down where alone a field belongs, when it is free."""
        sections = self.root.get("properties", {})
        if len(self.path) == 1 and self.path[0] in sections and name in sections:
            place: Path = (name,)
        else:
            fields = self.schema.get("properties")
            if fields is None:
                return None
            holders = [field for field, schema in fields.items() if self._has(schema, name)]
            if len(holders) != 1:
                return None
            place = (*self.path, holders[0], name)
        return place if not self._stands(place) else None

    def _has(self, schema: Any, name: str) -> bool:
        if isinstance(schema, dict) and "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return isinstance(schema, dict) and name in schema.get("properties", {})

    def _stands(self, place: Path) -> bool:
        holder = at(self.instance, place[:-1])
        return isinstance(holder, dict) and place[-1] in holder

    def _is_in_node(self) -> bool:
        return len(self.path) >= 2 and self.path[-2] == "nodes" and isinstance(self.path[-1], int)

    def _says_nothing_new(self) -> bool:
        """Whether a field says only what is so without it, such as ``external: true`` of an External node."""
        if folded(self.name) == "if" and self.value == "success()":
            return True
        is_on = _switch(self.value)
        if is_on is None:
            return False
        wanted = folded(self.name)
        if self._is_in_node() and is_on and wanted in ("task", "gate", "group", "external"):
            kind = self.object.get("kind")
            return isinstance(kind, str) and folded(kind) == wanted
        is_in_sight = self._is_in_node() or (len(self.path) == 1 and isinstance(self.path[0], str))
        return not is_on and is_in_sight and not any(folded(one) == wanted for one in self.free)

    def _begins_inline_gate(self) -> bool:
        """Whether it is the first field of a node that says who decides."""
        if len(self.path) != 4 or self.path[:3] != ("spec", "graph", "nodes"):
            return False
        node = self.object
        kind = node.get("kind")
        if not isinstance(kind, str) or folded(kind) != "gate" or not isinstance(node.get("id"), str):
            return False
        inline = [field for field, value in node.items() if _says_who_decides(field, value)]
        texts = (("apiVersion",), ("metadata", "namespace"), ("metadata", "name"))
        has_names = all(isinstance(at(self.instance, path), str) for path in texts)
        return bool(inline) and inline[0] == self.name and has_names


def _says_who_decides(field: str, value: Any) -> bool:
    if isinstance(value, dict):
        return folded(field) == "gate" and "name" not in value
    return folded(field) in _INLINE_GATE
