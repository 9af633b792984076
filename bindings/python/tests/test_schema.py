"""What the schemas say: every keyword of theirs is judged, and another implementation of JSON Schema agrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import extend

from planspec_documents import _findings, _schema, _times

# Keywords without a check of their own: `then` goes with `if`, `patternProperties` with `additionalProperties`.
DECIDES_NOTHING = {"$defs", "title", "then", "patternProperties", "patternErrorMessage", "errorMessage"}
SCHEMAS = _findings.tables()["schemas"]


def keywords(schema: Any) -> Iterator[str]:
    todo = [schema]
    while todo:
        one = todo.pop()
        if not isinstance(one, dict):
            continue
        for keyword, value in one.items():
            yield keyword
            if keyword in ("properties", "$defs"):
                todo += value.values()
            elif keyword in ("allOf", "oneOf"):
                todo += value
            elif keyword not in ("enum", "const"):
                todo.append(value)


def test_every_keyword_is_judged() -> None:
    used = {keyword for schema in SCHEMAS.values() for keyword in keywords(schema)}
    # Below these are names of fields and texts.
    used -= {"^(x-|\\$comment$|\\$schema$)", *fields_of_other_keywords()}
    assert used - DECIDES_NOTHING == set(_schema._KEYWORDS)


def fields_of_other_keywords() -> set[str]:
    """The names of fields that stand as keys in `dependentRequired` and in messages."""
    found: set[str] = set()
    todo = list(SCHEMAS.values())
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            for keyword in ("dependentRequired", "errorMessage"):
                below = one.get(keyword)
                found |= set(below) if isinstance(below, dict) else set()
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return found - set(_schema._KEYWORDS) - DECIDES_NOTHING


def whole_number(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, float):
        yield jsonschema.ValidationError("a number with a fraction")


FORMATS = jsonschema.FormatChecker(["uuid", "date-time"])
FORMATS.checks("planspec-duration")(lambda text: not isinstance(text, str) or _times.nanoseconds(text) is not None)
Validator = extend(jsonschema.Draft202012Validator, {"wholeNumber": whole_number})  # type: ignore[no-untyped-call]
VALIDATORS = {kind: Validator(schema, format_checker=FORMATS) for kind, schema in SCHEMAS.items()}


def test_the_schemas_are_schemas() -> None:
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@settings(max_examples=200)
@given(samples.mutated(samples.documents()))
def test_documents(value: Any) -> None:
    assert (not _schema.check("document", value)) == VALIDATORS["document"].is_valid(value)


@settings(max_examples=200)
@given(samples.mutated(samples.resources()))
def test_resources(value: Any) -> None:
    for kind in SCHEMAS if isinstance(value, dict) and value.get("kind") not in [*SCHEMAS] else [value["kind"]]:
        assert (not _schema.check(kind, value)) == VALIDATORS[kind].is_valid(value), kind


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda below: st.lists(below)))
def test_what_is_neither(value: Any) -> None:
    for kind, validator in VALIDATORS.items():
        assert (not _schema.check(kind, value)) == validator.is_valid(value)
