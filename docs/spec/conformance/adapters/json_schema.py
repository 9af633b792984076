#!/usr/bin/env python3
"""Speak the runner protocol for a JSON Schema: json_schema.py SCHEMA validate FILE...

Needs `jsonschema[format-nongpl]`, and `PyYAML` for files that are not JSON. Each value of a file is held against SCHEMA,
formats included; references lead nowhere but into SCHEMA. A schema says no more than yes or no: an accepted document gets
the highest verdict, and there are no findings. So it is for `run.py --verdicts` and the classes `documents`, `resources`
and `references`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Iterator, NoReturn

import jsonschema
import yaml
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

WRONG_USE, UNSUPPORTED = 2, 3
OPERATIONS = ("change", "scope", "graph", "reconcile")


class Loader(yaml.SafeLoader):
    """YAML without times, which JSON does not have."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def fail(why: str, code: int = WRONG_USE) -> NoReturn:
    print(f"error: {why}", file=sys.stderr)
    sys.exit(code)


def validator_of(path: str) -> Any:
    try:
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
        kind = validator_for(schema)
        kind.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        fail(f"{path} is no JSON Schema: {str(error).splitlines()[0]}")
    return kind(schema, format_checker=kind.FORMAT_CHECKER, registry=Registry())


def values_of(path: str) -> Iterator[Any]:
    text = Path(path).read_bytes().decode()
    if path.lower().endswith(".json"):
        yield json.loads(text)
    else:
        yield from (value for value in yaml.load_all(text, Loader) if value is not None)


def main(arguments: list[str]) -> int:
    if len(arguments) < 3:
        fail("json_schema.py SCHEMA validate FILE...")
    schema, operation, *files = arguments
    if operation in OPERATIONS:
        return UNSUPPORTED
    if operation != "validate":
        fail(f"there is no operation `{operation}`")
    validator = validator_of(schema)
    try:
        verdict = verdict_of(validator, [value for path in files for value in values_of(path)])
    except (ValueError, RecursionError, yaml.YAMLError):
        # What cannot be read is invalid, whatever the schema says.
        verdict = "invalid"
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    except Unresolvable as error:
        fail(f"{schema} refers to what it does not hold: {error}")
    print(json.dumps({"verdict": verdict, "findings": []}))
    return 1 if verdict == "invalid" else 0


def verdict_of(validator: Any, values: list[Any]) -> str:
    if not all(map(validator.is_valid, values)):
        return "invalid"
    are_documents = all(isinstance(value, dict) and "kind" not in value for value in values)
    return "readiness" if are_documents else "valid"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
