"""Texts become documents, or it is said where and why they do not. No text makes anything else happen."""

from __future__ import annotations

from pathlib import Path

import pytest
import sound
from hypothesis import given
from hypothesis import strategies as st

import planspec_documents as planspec

TEXT = planspec.dumps(planspec.Document(sound.document()))


def findings(text: str | bytes, name: str = "a.planspec.json") -> list[tuple[str, int | None, int | None]]:
    return [(one.code, one.line, one.column) for one in planspec.validate_text(text, name=name) if one.is_error]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,}', ("PS001", 1, 9)),
        ('{"a": 1', ("PS001", 1, 8)),
        ('{\n "a" 1}', ("PS001", 2, 6)),
        ('{"a": tru}', ("PS001", 1, 7)),
        ('{"a": 01}', ("PS001", 1, 8)),
        ('{"a": "\\x"}', ("PS001", 1, 7)),
        ('{"a": "b}', ("PS001", 1, 7)),
        ('{"a": "b\nc"}', ("PS001", 2, 1)),
        ("", ("PS001", 1, 1)),
        ('{"a": 1} 2', ("PS001", 1, 10)),
        ('{"a": "\\ud800"}', ("PS001", 1, 7)),
        ('{"a": 1, "b": 2,\n "a": 3}', ("PS004", 2, 2)),
        ('{"a": 9007199254740993}', ("PS006", 1, 7)),
        ('{"a": 1e999}', ("PS006", 1, 7)),
        ('{"a": NaN}', ("PS001", 1, 7)),
        ("é {", ("PS001", 1, 1)),
    ],
)
def test_what_is_no_json(text: str, expected: tuple[str, int, int]) -> None:
    assert findings(text) == [expected]


def test_bytes_that_are_no_text() -> None:
    assert findings(b'{\n"a": "\xff"}') == [("PS002", 2, 7)]
    assert findings(TEXT.encode("utf-16")) == [("PS002", 1, 1)]
    assert findings("\ufeff" + TEXT) == []
    assert [one[0] for one in findings(TEXT.replace("oven", "o\x07ven"))] == ["PS002"]


def test_texts_that_are_too_large() -> None:
    assert [one[0] for one in findings(" " * (1 << 20) + "{}")] == ["PS003"]
    assert [one[0] for one in findings('{"a":' * 65 + "1" + "}" * 65)] == ["PS003"]
    assert [one[0] for one in findings("[" * 500_000)] == ["PS003"]


def test_lines_that_end_as_on_windows() -> None:
    text = TEXT.replace('"form"\n', '"fomr"\n').replace("\n", "\r\n")
    (finding,) = planspec.validate_text(text.replace('["form"]', '["fomr"]'), name="a.planspec.json")[:1]
    assert finding.line == TEXT[: TEXT.index('"dependencies"')].count("\n") + 2


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "bakery.planspec.json"
    path.write_text(TEXT, encoding="utf-8")
    document = planspec.load(path)
    assert (document.kind, document.value, document.name) == ("Document", sound.document(), str(path))
    assert planspec.validate(document, "readiness") == planspec.validate_file(path, "readiness") == []
    with pytest.raises(FileNotFoundError):
        planspec.load(tmp_path / "none.json")
    path.write_bytes(b" " * (1 << 21))
    assert [one.code for one in planspec.validate_file(path)] == ["PS008"]


def test_one_document_is_expected() -> None:
    with pytest.raises(planspec.ReadError, match="PS007") as raised:
        planspec.loads("---\n---\n", name="a.yaml")
    assert [one.code for one in raised.value.findings] == ["PS007"]
    with pytest.raises(planspec.ReadError, match=r"a\.json:1:2: error PS001"):
        planspec.loads("{", name="a.json")


def test_what_a_file_holds() -> None:
    plan = planspec.dumps(planspec.Document(sound.plan("knead")))
    assert planspec.loads(plan, name="plan.json").kind == "Plan"
    assert planspec.loads("{}", name="a.json").kind == ""
    assert planspec.loads(TEXT, name="a.json").kind == "Document"
    assert [one.code for one in planspec.validate_text("", name="a.yaml")] == ["PS007"]


@given(st.one_of(st.text(), st.binary()), st.sampled_from(["a.json", "a.planspec.json", "a.yaml", "a.planspec.yaml"]))
def test_any_text_has_an_answer(text: str | bytes, name: str) -> None:
    assert any(one.is_error for one in planspec.validate_text(text, name=name, level="readiness"))


@given(st.data())
def test_any_damage_has_an_answer(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(start + 40, len(TEXT))))
    inserted = data.draw(st.text(alphabet='{}[],:"\\0-.e u\n\t#&*!|>%@`', max_size=6))
    for name in ("a.planspec.json", "a.planspec.yaml"):
        for finding in planspec.validate_text(TEXT[:start] + inserted + TEXT[end:], name=name):
            assert finding.line is not None and finding.line <= TEXT.count("\n") + 7
