"""What is wrong with resources: one of each kind that is sound, one change, and what is found then."""

from __future__ import annotations

from typing import Any

import pytest
import sound
from sound import GONE

import planspec_documents as planspec

SPECS: dict[str, Any] = {
    "Goal": {"description": "Bread is ordered", "acceptanceCriteria": [{"description": "It is counted"}], "timeout": "7d"},
    "Capability": {"description": "Bake what is ordered"},
    "Binding": {"rules": [{"selector": {"capabilityRef": {"name": "bake"}}, "target": {"provider": "human://mia"}}]},
    "Gate": {"gateType": "approval", "targetRef": {"kind": "Plan", "name": "bake"}, "reviewers": ["mia@bread.example"]},
    "Execution": {"planRef": {"name": "bake"}, "goalRef": {"name": "bread"}, "bindingRef": {"name": "ovens"}},
}  # fmt: skip


def problems(value: Any) -> list[tuple[str, str]]:
    return sound.found(value, name="case.json")


SOUND = {kind: sound.resource(kind, spec) for kind, spec in SPECS.items()} | {"Plan": sound.plan("knead", "form", "bake")}


@pytest.mark.parametrize("kind", SOUND)
def test_sound_ones(kind: str) -> None:
    errors = [one for one in planspec.validate(planspec.Document(SOUND[kind], "case.json")) if one.is_error]
    assert errors == []


GRAPH = "/spec/graph"
TARGET = "/spec/rules/0/target"
CHECK = {"type": "command_succeeds", "name": "weigh", "command": "make && make"}
BACK = [{"from": "bake", "to": "knead"}, {"from": "knead", "to": "bake"}]
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("Goal", {"/kind": "Gaol"}, [("PS108", "/kind")]),
    ("Goal", {"/apiVersion": "planspec.io/v9"}, [("PS108", "/apiVersion")]),
    ("Goal", {"/metadata/name": "No_Name"}, [("PS105", "/metadata/name")]),
    ("Goal", {"/metadata/namespace": GONE}, [("PS101", "/metadata")]),
    ("Goal", {"/spec/timeout": "one day"}, [("PS105", "/spec/timeout")]),
    ("Goal", {"/spec/priority": 1.5}, [("PS103", "/spec/priority")]),
    ("Goal", {"/spec/colour": "red"}, [("PS102", "/spec/colour")]),
    ("Goal", {"/status": {}}, [("PS109", "/status")]),
    ("Capability", {"/spec/description": ""}, [("PS106", "/spec/description")]),
    ("Binding", {"/spec/rules/0/selector": {}}, [("PS105", "/spec/rules/0/selector")]),
    ("Binding", {f"{TARGET}/provider": 3}, [("PS103", f"{TARGET}/provider")]),
    ("Gate", {"/spec/gateType": "aproval"}, [("PS104", "/spec/gateType")]),
    ("Gate", {"/spec/reviewers/-": "mia@bread.example"}, [("PS233", "/spec/reviewers/1")]),
    ("Gate", {"/spec/requiredApprovers": 2}, [("PS212", "/spec/requiredApprovers")]),
    ("Execution", {"/spec/planRef/kind": "Goal"}, [("PS102", "/spec/planRef/kind")]),
    ("Plan", {f"{GRAPH}/nodes/1/id": "knead"}, [("PS301", f"{GRAPH}/nodes/1/id")]),
    ("Plan", {f"{GRAPH}/edges": [{"from": "knead", "to": "bkae"}]}, [("PS302", f"{GRAPH}/edges/0/to")]),
    ("Plan", {f"{GRAPH}/edges": [{"from": "knead", "to": "knead"}]}, [("PS303", f"{GRAPH}/edges/0/to")]),
    ("Plan", {f"{GRAPH}/edges": BACK}, [("PS304", f"{GRAPH}/edges/0/to")]),
    ("Plan", {f"{GRAPH}/nodes/1/acceptanceCriteria": [CHECK]}, [("PS229", f"{GRAPH}/nodes/1/acceptanceCriteria/0/command")]),
    ("Plan", {f"{GRAPH}/nodes": []}, [("PS106", f"{GRAPH}/nodes")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "expected"), CASES)
def test_change(kind: str, change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(sound.changed(SOUND[kind], change)) == expected


def test_what_stands_twice_in_a_file() -> None:
    text = planspec.dumps(planspec.Document(SOUND["Goal"]), format="yaml")
    found = planspec.validate_text(f"{text}---\n{text}", name="case.yaml")
    assert [(one.code, one.document, one.pointer) for one in found] == [("PS201", index, "/metadata/name") for index in (0, 1)]


def test_credentials() -> None:
    found = problems(sound.changed(SOUND["Goal"], {"/spec/context": "https://mia:tr0ub4dor@bread.example/"}))
    assert ("PS504", "/spec/context") in found
