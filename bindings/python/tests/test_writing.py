"""What is written is what was read: order, numbers and everything that nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import samples
import sound
from hypothesis import given, settings
from hypothesis import strategies as st

import planspec_documents as planspec
from planspec_documents import _write

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff\u2028\u2029"), max_size=8),
    st.sampled_from(["a\nb", " a ", "true", "null", "~", "1", "0x1", "1e3", "", "- a", "a: b", "#", "yes", "2026-01-01", "<<"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text("abx-<: é", min_size=1, max_size=4), below, max_size=4),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Also in the order of keys and the kinds of numbers, which ``==`` does not see."""
    return json.dumps(one) == json.dumps(other)


@given(VALUES)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    document = planspec.Document({"x-value": value})
    text = planspec.dumps(document)
    assert same(json.loads(text), document.value)
    assert same(planspec.loads(text).value, document.value)
    assert planspec.dumps(planspec.loads(text)) == text


@given(VALUES)
def test_yaml_is_read_as_it_was_written(value: Any) -> None:
    document = planspec.Document({"x-value": value})
    try:
        text = planspec.dumps(document, format="yaml")
    except ValueError as error:
        assert "`<<`" in str(error) and '"<<":' in json.dumps(value)
        return
    assert same(planspec.loads(text, name="a.yaml").value, document.value), text


@settings(max_examples=30)
@given(samples.documents())
def test_findings_are_those_of_what_was_read(value: Any) -> None:
    first = planspec.loads(samples.written(value))
    second = planspec.loads(planspec.dumps(first))
    assert [(one.code, one.pointer) for one in planspec.validate(first)] == [
        (one.code, one.pointer) for one in planspec.validate(second)
    ]


def test_numbers_keep_their_digits() -> None:
    text = '{\n  "x-a": [\n    1.50,\n    1E3,\n    -0.0,\n    1e-400,\n    18446744073709551615\n  ]\n}\n'
    assert planspec.dumps(planspec.loads(text)) == text


def test_numbers_are_numbers() -> None:
    value = planspec.loads('{"x-a": 1.50}').value["x-a"]
    assert value == 1.5 and value + 1 == 2.5 and isinstance(value, float)


def test_a_document_that_was_changed_is_written(tmp_path: Path) -> None:
    for name in ("bakery.planspec.json", "bakery.planspec.yaml"):
        path = tmp_path / name
        document = planspec.Document(sound.document(), name)
        document.value["x-team"] = {"oven": [1, None]}
        planspec.dump(document, path)
        again = planspec.load(path)
        assert same(again.value, document.value)
        assert b"\r" not in path.read_bytes()


def test_json_has_no_such_value() -> None:
    values: list[tuple[Any, type[Exception]]] = [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        ({1: 2}, TypeError),
        ({"a": {1, 2}}, TypeError),
        ("\ud800", ValueError),
    ]
    for value, error in values:
        with pytest.raises(error):
            planspec.dumps(planspec.Document(value), format="json")
    with pytest.raises(ValueError, match="toml"):
        planspec.dumps(planspec.Document({}), format="toml")


def test_deep_values_are_written() -> None:
    value: Any = []
    for _ in range(20_000):
        value = [value]
    assert len(_write.canonical(value)) == 40_002
    with pytest.raises(ValueError, match="nested"):
        planspec.dumps(planspec.Document(value), format="yaml")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        (
            [1.0, 1e21, 1e20, 1e-6, 1e-7, -0.0, 123.456, 5e-324],
            "[1,1e+21,100000000000000000000,0.000001,1e-7,0,123.456,5e-324]",
        ),
        ('\u2028"\\\x07\n', '"\u2028\\"\\\\\\u0007\\n"'),
    ],
)
def test_the_form_that_digests_are_made_of(value: Any, text: str) -> None:
    assert _write.canonical(value).decode() == text
