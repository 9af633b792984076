"""`python -m planspec_documents`: answers as JSON, exit codes, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sound

import planspec_documents as planspec
from planspec_documents.__main__ import main


def put(folder: Path, value: Any, name: str = "bakery.planspec.json") -> str:
    path = folder / name
    planspec.dump(planspec.Document(value, name), path)
    return str(path)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    def asked(*arguments: str) -> tuple[int, Any]:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        if code >= 2:
            assert out == "" and err.strip()
            return code, err
        assert err == ""
        return code, json.loads(out)

    return asked


def test_validate(ask: Any, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({}, 0, "readiness"),
        ({"/scope/open_questions": ["Which?"]}, 0, "semantics"),
        ({"/scope/in_scope": []}, 1, "structure"),
        ({"/scope": 3}, 1, "invalid"),
    ]
    for changes, code, verdict in cases:
        path = put(tmp_path, sound.changed(sound.document(), changes))
        answered, answer = ask("validate", path)
        assert (answered, answer["verdict"], len(answer["findings"])) == (code, verdict, int(bool(changes)))
        for finding in answer["findings"]:
            assert finding["file"] == path and finding["line"] and finding["title"] and finding["message"]


def test_several_files_are_all_that_there_is(ask: Any, tmp_path: Path) -> None:
    first = sound.document()
    paths = [put(tmp_path, first)]
    orphan = {"/identity/plan_id": "0b1c7f7e-53b8-4b0c-9f0d-5d0d7f4e8a22", "/identity/revision": 2,
              "/identity/parent_id": "77777777-53b8-4b0c-9f0d-5d0d7f4e8a22"}  # fmt: skip
    paths.append(put(tmp_path, sound.changed(first, orphan), "bakery-v2.planspec.json"))
    code, answer = ask("validate", *paths)
    assert (code, answer["verdict"]) == (1, "invalid")
    assert {one["code"] for one in answer["findings"]} == {"PS614"}
    _, answer = ask("validate", paths[0], put(tmp_path, first, "butcher.planspec.json"))
    assert {one["code"] for one in answer["findings"]} == {"PS615"}
    gate = sound.resource(
        "Gate", {"gateType": "approval", "targetRef": {"kind": "Plan", "name": "bake"}, "reviewers": ["user:mia"]}
    )
    assert {one["code"] for one in ask("validate", put(tmp_path, gate, "gate.json"))[1]["findings"]} == {"PS211"}


def test_resources_are_valid_or_not(ask: Any, tmp_path: Path) -> None:
    plan = sound.plan("knead", "bake")
    assert ask("validate", put(tmp_path, plan, "plan.json"))[1]["verdict"] == "valid"
    code, answer = ask("validate", put(tmp_path, sound.changed(plan, {"/spec/series": 1}), "plan.json"))
    assert (code, answer["verdict"]) == (1, "invalid")


def test_the_other_questions(ask: Any, tmp_path: Path) -> None:
    path = put(tmp_path, sound.document())
    code, answer = ask("scope", path, "shop/a", "shop/till/b")
    assert (code, answer) == (0, {"items": [{"path": "shop/a", "verdict": "in"}, {"path": "shop/till/b", "verdict": "out"}]})
    code, answer = ask("graph", path)
    assert (code, answer["edges"]) == (0, [{"from": "form", "to": "list", "type": "hard"}])
    later = put(tmp_path, sound.changed(sound.document(), {"/approach/steps/1/dependencies": []}), "later.planspec.json")
    code, answer = ask("change", path, later)
    assert (code, answer["class"], [one["code"] for one in answer["findings"]]) == (1, "minor", ["PS403"])


def test_questions_without_an_answer(ask: Any, tmp_path: Path) -> None:
    path, broken = put(tmp_path, sound.document()), put(tmp_path, {}, "broken.planspec.json")
    wrong: list[list[str]] = [
        [], ["bake"], ["validate"], ["change", path], ["graph"], ["graph", path, path], ["scope", path],
        ["validate", str(tmp_path / "none.json")], ["validate", str(tmp_path)], ["graph", broken],
        ["scope", path, "--step", "no", "a"], ["change", path, broken],
    ]  # fmt: skip
    for arguments in wrong:
        code, said = ask(*arguments)
        assert code == 2, arguments
        assert not arguments or arguments[0] == "bake" or said.startswith(("error: ", "``python")), said
    assert ask("reconcile", path)[0] == 3


def test_as_a_program(tmp_path: Path) -> None:
    path = tmp_path / "é.planspec.yaml"
    path.write_text("intent: [\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "planspec_documents", "validate", str(path)],
        capture_output=True,
        env={"PYTHONPATH": str(Path(planspec.__file__).parent.parent), "LC_ALL": "C"},
        check=False,
    )
    answer = json.loads(ran.stdout.decode("utf-8"))
    assert (ran.returncode, answer["verdict"], ran.stderr) == (1, "invalid", b"")
    assert answer["findings"][0]["file"] == str(path)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "validate FILE" in capsys.readouterr().out
