#!/usr/bin/env python3
"""Make the tables of the library from what the program says of itself.

    tools/tables.py [--planspec PROGRAM] [--check]

The schemas are those of ``planspec schema``, the rules those of ``planspec explain --list``. With ``--check`` nothing is
written, and the exit code is 1 where the tables are not current.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent.parent / "src" / "planspec_documents" / "tables.json"
KINDS = ["document", "Goal", "Plan", "Capability", "Binding", "Gate", "Execution"]
# Keywords for people, which check nothing.
UNUSED = {"$schema", "$id", "description", "examples", "deprecated"}


def asked(program: str, *arguments: str) -> Any:
    answer = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def pruned(schema: Any) -> Any:
    """A schema without what decides nothing. It nests no deeper than the format, which is not much."""
    if isinstance(schema, list):
        return [pruned(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs"):
            kept[keyword] = {name: pruned(below) for name, below in value.items()}
        elif keyword not in UNUSED:
            kept[keyword] = pruned(value)
    return kept


def made(program: str) -> str:
    schemas = {kind: pruned(asked(program, "schema", kind)) for kind in KINDS}
    rules = {
        rule["code"]: {"severity": rule["severity"], "title": rule["title"]}
        for rule in asked(program, "explain", "--list", "-o", "json")["items"]
    }
    return json.dumps({"rules": rules, "schemas": schemas}, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--planspec", default="planspec", metavar="PROGRAM", help="the program to ask")
    parser.add_argument("--check", action="store_true", help="write nothing, and say whether the tables are current")
    options = parser.parse_args()
    tables = made(options.planspec)
    if not options.check:
        TABLES.write_text(tables, encoding="utf-8")
        return 0
    if TABLES.read_text(encoding="utf-8") == tables:
        return 0
    print(f"{TABLES} is not current: run tools/tables.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
