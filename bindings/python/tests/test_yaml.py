"""YAML is read as JSON is: what the two do not share is refused. Written, it is read as the same value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sound
import yaml

import planspec_documents as planspec
from planspec_documents import _yaml


@pytest.fixture(params=["with libyaml", "without"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both parsers of PyYAML."""
    if request.param == "without":
        monkeypatch.setattr(_yaml, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")
    yield


def read(text: str) -> Any:
    return planspec.loads(text, name="a.yaml").value


def findings(text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(planspec.ReadError) as raised:
        planspec.loads_all(text, name="a.yaml")
    return [(one.code, one.line) for one in raised.value.findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes\nb: 'true'\nc: true", {"a": "yes", "b": "true", "c": True}),
        ("a: ~\nb: null\nc:\nd: ''", {"a": None, "b": None, "c": None, "d": ""}),
        ("a: 12\nb: -3\nc: '12'", {"a": 12, "b": -3, "c": "12"}),
        ("a: 1.50\nb: 1e3", {"a": 1.5, "b": 1000.0}),
        ("a: 2026-03-02", {"a": "2026-03-02"}),
        ("a: !!str 12", {"a": "12"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ('{"a": ["\\u00e9", "\\U0001F600"]}', {"a": ["é", "😀"]}),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = read(text)
    assert found == value
    assert [isinstance(one, bool) for one in found.values()] == [isinstance(one, bool) for one in value.values()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [", ("PS001", 2)),
        ("a:\n\tb: 1", ("PS001", 2)),
        ('a: "x', ("PS001", 1)),
        ("a: 1\na: 2", ("PS004", 2)),
        ("{a: 1, 'a': 2}", ("PS004", 1)),
        ("1: x", ("PS005", 1)),
        ("? [a]\n: b", ("PS005", 1)),
        (": b", ("PS005", 1)),
        ("a: &x {b: 1}\nc:\n  <<: *x", ("PS005", 3)),
        ("a: &x 1\n*x : 2", ("PS005", 2)),
        ("a: 9007199254740993", ("PS006", 1)),
        ("a: .nan", ("PS006", 1)),
        ("a: !!binary YQ==", ("PS006", 1)),
        ("a: !own 1", ("PS006", 1)),
        ("a: *x", ("PS001", 1)),
        ('a: "\\U00110000"', ("PS001", 1)),
        ('a: "\\ud83d\\ude00"', ("PS001", 1)),
        ("a: &x [*x]", ("PS003", 1)),
        ("a: " + "[" * 70 + "]" * 70, ("PS003", 1)),
        ("--- |\n x", ("PS001", 2)),
    ],
)
def test_what_is_refused(text: str, expected: tuple[str, int]) -> None:
    assert expected in findings(text)


def test_aliases_do_not_grow_without_bound() -> None:
    lines = ["a0: &a0 [" + ",".join(["text"] * 10) + "]"]
    lines += [f"a{level}: &a{level} [" + ",".join([f"*a{level - 1}"] * 10) + "]" for level in range(1, 12)]
    assert [code for code, _ in findings("\n".join(lines))] == ["PS003"]


def test_several_documents_of_a_file() -> None:
    texts = [planspec.dumps(planspec.Document(sound.plan(node)), format="yaml") for node in ("knead", "bake")]
    read = planspec.loads_all("---\n".join(texts), name="a.yaml")
    assert [(one.index, one.value) for one in read] == [(0, sound.plan("knead")), (1, sound.plan("bake"))]


def test_places_of_blocks() -> None:
    value = sound.changed(sound.document(), {"/approach/steps/1/dependencies": ["fomr\n"]})
    text = planspec.dumps(planspec.Document(value), format="yaml")
    (finding,) = planspec.validate_text(text, name="a.planspec.yaml")
    assert (finding.code, finding.line) == ("PS603", text[: text.index("fomr")].count("\n") + 1)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yaml, "yaml", None)
    (finding,) = planspec.validate_text("a: 1", name="a.yaml")
    assert finding.code == "PS001" and "PyYAML" in finding.message and "planspec-documents[yaml]" in str(finding.help)
    assert sound.found(sound.document()) == []
    with pytest.raises(RuntimeError, match="PyYAML"):
        planspec.dumps(planspec.Document({}), format="yaml")


def test_words_that_are_booleans_to_others() -> None:
    spec = {
        "planRef": {"name": "bake"},
        "goalRef": {"name": "bread"},
        "bindingRef": {"name": "ovens"},
        "parameters": {"dry": "X"},
    }
    text = planspec.dumps(planspec.Document(sound.resource("Execution", spec)), format="yaml")
    for written, codes in (("no", ["PS240"]), ('"no"', []), ("false", []), ("nothing", [])):
        found = planspec.validate_text(text.replace("dry: X", f"dry: {written}"), name="run.yaml")
        assert [one.code for one in found] == codes
        assert all((one.pointer, one.line) == ("/spec/parameters/dry", text.count("\n")) for one in found)
    document = planspec.loads(text.replace("dry: X", "dry: no"), name="run.yaml")
    assert [one.code for one in planspec.validate(document)] == ["PS240"]
