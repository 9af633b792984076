"""What programs ask: the graph, who is asked, whether it may start, which files belong to it, what became of it."""

from __future__ import annotations

from typing import Any

import pytest
import sound
from sound import GONE

import planspec_documents as planspec
from planspec_documents import Class, Document, Level


def document(changes: dict[str, Any] | None = None, name: str = "bakery.planspec.json") -> Document:
    return Document(sound.changed(sound.document(), changes or {}), name)


def steps(*written: tuple[str, list[str], dict[str, Any]]) -> Document:
    made = [{"step_id": id, "title": id, "description": "Do it", "dependencies": after, **more} for id, after, more in written]
    return document({"/approach/steps": made})


# Graphs


def test_the_graph_of_a_document() -> None:
    graph = planspec.graph(steps(("c", ["a", "b"], {}), ("a", [], {}), ("b", ["a"], {})))
    assert [(node.id, node.kind, node.step) for node in graph.nodes] == [
        ("c", "Task", "c"),
        ("a", "Task", "a"),
        ("b", "Task", "b"),
    ]
    assert {(edge.source, edge.target, edge.kind) for edge in graph.edges} == {
        ("a", "c", "hard"),
        ("b", "c", "hard"),
        ("a", "b", "hard"),
    }
    assert graph.order == ["a", "b", "c"]
    assert graph.before("c") == {"a", "b"} and graph.before("a") == set()


def test_a_step_that_is_approved_has_a_gate() -> None:
    graph = planspec.graph(document({"/delegation/step_overrides": [{"step_id": "list", "mode": "human_approval"}]}))
    (gate,) = [node for node in graph.nodes if node.kind == "Gate"]
    assert gate.step == "list"
    assert graph.before("list") == {"form", gate.id}


def test_the_digest_is_that_of_the_graph() -> None:
    plans = [
        sound.plan("a", "b", edges=[{"from": "a", "to": "b"}]),
        sound.plan({"id": "b", "kind": "Task", "name": "b", "dependsOn": ["a"]}, "a"),
        sound.plan("a", "b", edges=[{"from": "b", "to": "a"}]),
    ]
    first, same, other = (planspec.graph(Document(plan, "plan.json")).digest for plan in plans)
    assert first.startswith("sha256:") and len(first) == 71
    assert first == same != other


def test_there_is_no_graph() -> None:
    with pytest.raises(planspec.InvalidError) as raised:
        planspec.graph(steps(("a", ["b"], {}), ("b", ["a"], {})))
    assert {one.code for one in raised.value.findings} == {"PS604"}
    with pytest.raises(planspec.InvalidError, match="PS101"):
        planspec.graph(document({"/intent": GONE}))
    cycle = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    with pytest.raises(planspec.InvalidError, match="PS304"):
        planspec.graph(Document(sound.plan("a", "b", edges=cycle), "plan.json"))
    with pytest.raises(TypeError, match="Goal"):
        planspec.graph(Document({"kind": "Goal"}, "goal.json"))


def test_graphs_that_are_large() -> None:
    count = 400
    chain: list[Any] = [(f"s{index}", [f"s{index - 1}"] if index else [], {}) for index in range(count)]
    graph = planspec.graph(steps(*chain))
    assert graph.order == [f"s{index}" for index in range(count)]
    assert len(graph.before(f"s{count - 1}")) == count - 1


# Modes


def test_who_is_asked() -> None:
    overrides = [{"step_id": "form", "mode": "human_approval"}]
    assert planspec.modes(document()) == {"form": "agent_autonomous", "list": "agent_autonomous"}
    assert planspec.modes(document({"/delegation/default_mode": "human_approval"})) == {
        "form": "human_approval",
        "list": "human_approval",
    }
    assert planspec.modes(document({"/delegation/step_overrides": overrides})) == {
        "form": "human_approval",
        "list": "agent_autonomous",
    }


# Readiness


def test_how_far_it_comes() -> None:
    cases: list[tuple[dict[str, Any], Level | None, list[str]]] = [
        ({}, Level.READINESS, []),
        ({"/scope/open_questions": ["Which?"]}, Level.SEMANTICS, ["PS631"]),
        ({"/scope/in_scope": []}, Level.STRUCTURE, ["PS626"]),
        ({"/scope": GONE}, None, ["PS101"]),
    ]
    for changes, level, codes in cases:
        assessment = planspec.assess(document(changes))
        assert (assessment.level, [one.code for one in assessment.blockers]) == (level, codes)
        assert assessment.is_ready == (not codes)


# Scope


def test_which_files_belong_to_it() -> None:
    scope = planspec.scope(document({"/scope/in_scope/-": "The bakers' patience"}))
    verdicts = {path: scope.judge(path).verdict for path in ("shop/form.py", "shop/till/coins.py", "README.md")}
    assert verdicts == {"shop/form.py": "in", "shop/till/coins.py": "out", "README.md": "out"}
    assert scope.judge("shop/till/coins.py").entry == "path:shop/till/**"
    assert scope.not_checkable == ["The bakers' patience"]


def test_a_scope_that_only_people_can_judge() -> None:
    scope = planspec.scope(document({"/scope/in_scope": ["The shop"], "/scope/out_of_scope": ["path:till"]}))
    assert [scope.judge(path).verdict for path in ("shop/a", "till/a")] == ["not checkable", "out"]


def test_which_files_a_step_touches() -> None:
    asked = document({"/approach/steps/0/x-planspec": {"touches": ["shop/form*"]}})
    of_step = planspec.touched(asked, "form")
    scope = planspec.scope(asked)
    assert [scope.judge(path, of_step).verdict for path in ("shop/form.py", "shop/list.py")] == ["in", "out"]
    with pytest.raises(KeyError, match="list"):
        planspec.touched(asked, "list")


# Revisions


def revised(changes: dict[str, Any], kind: str = "patch") -> Document:
    """The next revision, with an entry in its history."""
    entry = {"revision": 2, "change_type": kind, "change_summary": "Next", "created_at": "2026-03-03T07:30:00Z"}
    ids = {
        "/identity/plan_id": "0b1c7f7e-53b8-4b0c-9f0d-5d0d7f4e8a22",
        "/identity/parent_id": sound.document()["identity"]["plan_id"],
        "/identity/revision": 2,
        "/revision_history/-": entry,
    }
    return document(ids | changes, "bakery-2.planspec.json")


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        # A new entry in the history is a change of its own.
        ({}, Class.PATCH),
        ({"/approach/steps/0/title": "Make a form"}, Class.PATCH),
        ({"/approach/steps/0/acceptance_criteria": "Two orders are stored"}, Class.MINOR),
        ({"/scope/in_scope": ["path:shop/**", "path:bakery/**"]}, Class.MAJOR),
        ({"/approach/steps/1/dependencies": []}, Class.MINOR),
        ({"/intent/goal_statement": "Customers never order cake"}, Class.MAJOR),
    ],
)
def test_how_large_a_change_is(changes: dict[str, Any], size: Class) -> None:
    assert planspec.compare(document(), revised(changes)).size == size


def test_the_same_again_is_no_change() -> None:
    written_otherwise = {"/approach/steps/0/dependencies": [], "/identity/created_at": "2026-03-02T08:30:00+01:00"}
    assert planspec.compare(document(), document(written_otherwise)).size == Class.NONE


def test_a_revision_says_how_large_its_change_is() -> None:
    changes: dict[str, Any] = {"/approach/steps/1/dependencies": []}
    assert planspec.compare(document(), revised(changes, "minor")).findings == []
    (finding,) = planspec.compare(document(), revised(changes, "patch")).findings
    assert (finding.code, finding.pointer) == ("PS403", "/identity/revision")


def test_history_is_not_rewritten() -> None:
    changes = {"/revision_history/0/change_summary": "Something else"}
    assert "PS408" in {one.code for one in planspec.compare(document(), revised(changes)).findings}


def test_an_execution_does_not_change() -> None:
    spec = {"planRef": {"name": "bake"}, "goalRef": {"name": "bread"}, "bindingRef": {"name": "ovens"}}
    before = Document(sound.resource("Execution", spec), "run.json")
    after = Document(sound.changed(before.value, {"/spec/planRef/name": "fry"}), "run.json")
    change = planspec.compare(before, after)
    assert change.size is None
    assert [one.code for one in change.findings] == ["PS401"]
    assert planspec.compare(before, before).findings == []


def test_what_cannot_be_compared() -> None:
    with pytest.raises(planspec.InvalidError, match="PS101"):
        planspec.compare(document(), document({"/intent": GONE}))


def test_a_chain() -> None:
    first, second = document(), revised({})
    chain = planspec.chain([second, first])
    assert (chain.revisions, chain.head, chain.findings) == ([first, second], second, [])


def test_chains_that_are_none() -> None:
    first, second = document(), revised({})
    other = document({"/identity/parent_id": second.value["identity"]["plan_id"], "/identity/revision": 4,
                      "/identity/plan_id": "77777777-53b8-4b0c-9f0d-5d0d7f4e8a22"})  # fmt: skip
    chain = planspec.chain([first, second, other])
    assert chain.head is None and {one.code for one in chain.findings} == {"PS614"}
    assert planspec.chain([]).head is None
    with pytest.raises(ValueError, match="bakery"):
        planspec.chain([first, document({"/identity/session_id": "butcher"})])
