"""What is wrong with documents: a document that is sound, one change, and what is found then."""

from __future__ import annotations

from typing import Any

import pytest
import sound
from sound import GONE

import planspec_documents as planspec

STEP = "/approach/steps/1"

STRUCTURE: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"/intent": GONE}, [("PS101", "")]),
    ({"/intent/motivation": GONE}, [("PS101", "/intent")]),
    ({"/intention": {}}, [("PS102", "/intention")]),
    ({f"{STEP}/titel": "x"}, [("PS102", f"{STEP}/titel")]),
    ({"/intent/motivation": 3}, [("PS103", "/intent/motivation")]),
    ({"/constraints": None}, []),
    ({"/scope": None}, [("PS103", "/scope")]),
    ({"/success_criteria/0/weight": "first"}, [("PS104", "/success_criteria/0/weight")]),
    ({"/identity/plan_id": "12"}, [("PS105", "/identity/plan_id")]),
    ({"/identity/created_at": "yesterday"}, [("PS105", "/identity/created_at")]),
    ({"/identity/revision": 0}, [("PS106", "/identity/revision")]),
    ({"/success_criteria": []}, [("PS622", "/success_criteria")]),
    ({f"{STEP}/dependencies/0": "fomr"}, [("PS603", f"{STEP}/dependencies/0")]),
    ({"/delegation/step_overrides": [{"step_id": "no", "mode": "human_approval"}]},
     [("PS603", "/delegation/step_overrides/0/step_id")]),
    ({f"{STEP}/step_id": "form", f"{STEP}/dependencies": []}, [("PS602", f"{STEP}/step_id")]),
    ({"/approach/steps/0/dependencies": ["list"]}, [("PS604", "/approach/steps/0/dependencies/0")]),
    ({"/identity/revision": 2}, [("PS613", "/identity/parent_id")]),
    ({"/scope/in_scope/-": "path:shop/[ab"}, [("PS610", "/scope/in_scope/1")]),
    ({"/scope/in_scope/-": "path:!shop/x"}, [("PS234", "/scope/in_scope/1")]),
    ({"/x-note": {"anything": [1, None]}}, []),
    ({f"{STEP}/x-team": "ovens"}, []),
]  # fmt: skip

SEMANTICS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"/intent/goal_statement": " "}, [("PS621", "/intent/goal_statement")]),
    ({"/success_criteria/0/weight": "secondary"}, [("PS622", "/success_criteria")]),
    ({"/delegation/default_mode": "human_approval"}, [("PS623", "/approach/steps/0/delegation")]),
    ({"/delegation/default_mode": "agent_autonomous"}, [("PS623", f"{STEP}/delegation")]),
    ({"/approach/steps/0/acceptance_criteria": GONE}, [("PS624", "/approach/steps/0/delegation")]),
    ({"/success_criteria/0/verification": "manual", "/x-planspec/checks": {"half": [
        {"type": "command_succeeds", "name": "count", "command": "make count"}]}},
     [("PS625", "/x-planspec/checks/half")]),
    ({"/scope/in_scope": []}, [("PS626", "/scope/in_scope")]),
    ({"/approach/steps": []}, [("PS627", "/approach/steps")]),
    ({"/delegation/step_overrides": [{"step_id": "list", "mode": "agent_autonomous"}]},
     [("PS628", "/delegation/step_overrides/0/mode")]),
]  # fmt: skip

RISK = {"risk_id": "r", "title": "Rain", "description": "Nobody comes", "probability": "high", "impact": "low"}
DEPENDENCY = {"dependency_id": "d", "description": "Flour", "type": "external", "available": False}
READINESS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"/scope/open_questions": ["Which breads?"]}, [("PS631", "/scope/open_questions/0")]),
    ({"/risks": [RISK]}, [("PS632", "/risks/0/probability")]),
    ({"/risks": [RISK | {"mitigation": "An awning"}]}, []),
    ({"/dependencies": [DEPENDENCY]}, [("PS633", "/dependencies/0/available")]),
    ({"/dependencies": [DEPENDENCY | {"available": True}]}, []),
    ({"/delegation/default_mode": GONE}, [("PS634", "/delegation")]),
    ({"/x-planspec/findings": [{"id": "f", "section": "risks", "severity": "blocking", "reviewer": "human:kai",
                                "text": "No"}]}, [("PS635", "/x-planspec/findings/0/severity")]),
]  # fmt: skip


def test_nothing_is_wrong_with_the_sound_one() -> None:
    assert sound.found(sound.document()) == []


@pytest.mark.parametrize(("change", "expected"), STRUCTURE + SEMANTICS + READINESS)
def test_change(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert sound.found(sound.changed(sound.document(), change)) == expected


@pytest.mark.parametrize(("level", "cases"), [("structure", SEMANTICS), ("semantics", READINESS)])
def test_what_is_beyond_a_level_is_not_told(level: str, cases: list[tuple[dict[str, Any], Any]]) -> None:
    for change, expected in cases:
        beyond = [one for one in expected if one[0] != "PS622"]
        found = sound.found(sound.changed(sound.document(), change), level=level)
        assert not set(found) & set(beyond), change


def test_findings_say_where_what_and_the_way_out() -> None:
    text = planspec.dumps(planspec.Document(sound.changed(sound.document(), {f"{STEP}/dependencies/0": "fomr"})))
    (finding,) = planspec.validate_text(text, name="shop.planspec.json")
    line = text[: text.index('"fomr"')].count("\n") + 1
    assert str(finding) == (
        f"shop.planspec.json:{line}:11: error PS603: there is no step `fomr` (did you mean `form`?)"
    )  # fmt: skip
    assert (finding.pointer, finding.level, finding.is_error) == (f"{STEP}/dependencies/0", planspec.Level.STRUCTURE, True)


def test_a_document_that_was_not_read_has_no_lines() -> None:
    (finding,) = planspec.validate(planspec.Document(sound.changed(sound.document(), {"/scope/in_scope": []})))
    assert (finding.code, finding.line, finding.column) == ("PS626", None, None)


def test_pointers_are_escaped() -> None:
    assert sound.found(sound.changed(sound.document(), {"/x-a": 1}) | {"a/b~c": 1}) == [("PS102", "/a~1b~0c")]


def test_a_document_in_the_words_of_a_draft() -> None:
    change = {"/approach/steps/0/delegation": "agent_autonomous", f"{STEP}/dependency_rationale": "Needs the form"}
    found = planspec.validate(planspec.Document(sound.changed(sound.document(), change)))
    assert {(one.code, one.severity) for one in found} == {("PS606", "warning")}


def test_a_value_of_any_kind_is_judged() -> None:
    values: tuple[Any, ...] = (
        None,
        True,
        3,
        "text",
        [],
        {},
        [[]],
        {"kind": 1},
        {"kind": "Plan"},
        {"identity": {}, "intent": []},
    )
    for value in values:
        for name in ("a.planspec.json", "a.json", "planspec.yaml", ""):
            assert any(one.is_error for one in planspec.validate(planspec.Document(value, name))), (value, name)


def test_what_no_file_can_hold_is_refused() -> None:
    circle: list[Any] = []
    circle += [circle, circle]
    values: list[tuple[Any, type[Exception]]] = [
        ({1, 2}, TypeError),
        ((1, 2), TypeError),
        ({1: 2}, TypeError),
        (circle, ValueError),
        (float("nan"), ValueError),
        ("\ud800", ValueError),
        ({"\udfff": 1}, ValueError),
    ]
    for value, error in values:
        document = planspec.Document(sound.document() | {"x-a": value})
        for ask in (planspec.validate, planspec.graph, planspec.modes, planspec.assess, planspec.scope):
            with pytest.raises(error):
                ask(document)
        with pytest.raises(error):
            planspec.compare(planspec.Document(sound.document()), document)
        with pytest.raises(error):
            planspec.chain([document])
