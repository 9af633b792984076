"""Whether the conformance suite finds what it is there to find: python3 tests/spec/test_suite.py

An implementation that answers what the cases say passes. One that forgets a single rule, or puts its findings
elsewhere, fails. Needs Python 3.10 or later, and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "docs" / "spec" / "conformance"


def load_runner() -> Any:
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("run", CONFORMANCE / "run.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules["run"] = module
    spec.loader.exec_module(module)
    return module


runner = load_runner()
Mutation = Callable[[dict[str, Any], list[dict[str, Any]]], list[dict[str, Any]]]


def as_expected(_case: dict[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return findings


def without(code: str) -> Mutation:
    return lambda _case, findings: [one for one in findings if one["code"] != code]


def verdict_of(case: dict[str, Any], findings: list[dict[str, Any]]) -> str:
    """What an implementation says that finds no more than this."""
    if case["verdict"] in ("valid", "invalid") and case["class"] in ("resources", "references"):
        return "invalid" if any(one["severity"] == "error" for one in findings) else "valid"
    errors = {runner.level_of(one["code"]) for one in findings if one["severity"] == "error"}
    if "structure" in errors:
        return "invalid"
    if "semantics" in errors:
        return "structure"
    is_open = any(runner.level_of(one["code"]) == "readiness" for one in findings)
    return "semantics" if is_open else "readiness"


def answer_of(case: dict[str, Any], mutation: Mutation) -> Any:
    findings = [
        {"severity": "error", **one, "file": one.get("file", "case.json")} for one in case.get("findings", [])
    ]
    findings = mutation(case, findings)
    code = 1 if any(one["severity"] == "error" for one in findings) else 0
    kind = case["class"]
    if kind == "revisions":
        return runner.Answer(code, {"class": case.get("change", "none"), "findings": findings})
    if kind == "scope":
        items = [{"path": path, "verdict": verdict} for path, verdict in case["paths"].items()]
        return runner.Answer(0, {"items": items})
    if kind == "graph":
        return runner.Answer(0, case["graph"])
    if kind == "execution":
        turns = [{"status": present(turn.get("status", {}))} for turn in case["repository"]["turns"]]
        return runner.Answer(0, {"turns": turns})
    return runner.Answer(code, {"verdict": verdict_of(case, findings), "findings": findings})


def present(status: Any) -> Any:
    if not isinstance(status, dict):
        return status
    return {name: present(value) for name, value in status.items() if value != "absent"}


def failures(suite: Any, mutation: Mutation, change: Callable[[Any], Any] = lambda answer: answer) -> list[str]:
    """The cases in which an implementation fails that answers so."""
    options = argparse.Namespace(command=[], timeout=1, verdicts=False)
    failed = []
    for case in suite.cases:
        asked = change(answer_of(case, mutation))
        check = runner.CHECKS.get(case["class"], runner.check_validate)
        try:
            wrong = check(case, asked, options.verdicts)
        except runner.Wrong as error:
            wrong = [str(error)]
        if wrong:
            failed.append(case["id"])
    return failed


class Suite(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.suite = runner.Suite.load()
        cls.clauses = [
            clause for name in cls.suite.manifest["clauses"] for clause in runner.clauses_of(CONFORMANCE / name)
        ]

    def test_every_clause_and_rule_has_its_cases(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(runner.check(self.suite), 0, out.getvalue())

    def test_the_table_of_results_is_about_these_cases(self) -> None:
        rows = (CONFORMANCE / "results.md").read_text(encoding="utf-8").splitlines()
        heads = [cell.strip("` ") for cell in next(row for row in rows if "`documents`" in row).split("|")[2:-1]]
        self.assertEqual(heads, list(runner.CLASSES))
        counts = [sum(case["class"] == kind for case in self.suite.cases) for kind in heads]
        known = json.loads((CONFORMANCE / "adapters" / "planspec.known.json").read_text(encoding="utf-8"))
        cases = {case["id"]: case["class"] for case in self.suite.cases}
        for row in (row for row in rows if re.match(r"^\|.*[0-9]+/[0-9]+", row)):
            said = [cell.strip() for cell in row.split("|")[2:-1]]
            for kind, count, cell in zip(heads, counts, said):
                if not cell:
                    continue
                passed, _, all_ = cell.partition("/")
                self.assertEqual(int(all_), count, f"{kind}: {row}")
                if row.startswith("| `planspec`"):
                    failed = sum(cases[name] == kind for name in known)
                    self.assertEqual(int(passed), count - failed, f"{kind}: {row}")
        text = "\n".join(rows)
        self.assertEqual([name for name in known if f"`{name}`" not in text], [])

    def test_who_answers_as_the_cases_say_passes(self) -> None:
        self.assertEqual(failures(self.suite, as_expected), [])

    def test_a_rule_that_is_forgotten_is_missed(self) -> None:
        codes = {code for clause in self.clauses if clause.needs_case for code in clause.codes}
        self.assertGreater(len(codes), 80)
        for code in sorted(codes):
            with self.subTest(code):
                self.assertNotEqual(failures(self.suite, without(code)), [])

    def test_a_finding_in_another_place_is_seen(self) -> None:
        def moved(_case: dict[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**one, "pointer": f"{one['pointer']}/elsewhere"} for one in findings]

        with_findings = [case["id"] for case in self.suite.cases if case.get("findings")]
        self.assertEqual(failures(self.suite, moved), with_findings)

    def test_a_finding_too_many_is_seen(self) -> None:
        def more(_case: dict[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [*findings, {"severity": "warning", "code": "PS606", "pointer": "/nowhere/to/be/found"}]

        failed = set(failures(self.suite, more))
        for case in self.suite.cases:
            is_sound = case["class"] in ("documents", "resources") and not case.get("findings")
            if is_sound:
                self.assertIn(case["id"], failed)

    def test_another_severity_is_seen(self) -> None:
        def milder(_case: dict[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**one, "severity": "warning"} for one in findings]

        failed = set(failures(self.suite, milder))
        for case in self.suite.cases:
            if any("severity" not in one for one in case.get("findings", [])):
                self.assertIn(case["id"], failed)

    def test_every_value_of_a_status_is_looked_at(self) -> None:
        for case in self.suite.cases:
            if case["class"] != "execution":
                continue
            for number, turn in enumerate(case["repository"]["turns"]):
                for pointer, _ in runner.leaves(turn.get("status", {})) if turn.get("status") else ():
                    with self.subTest(case=case["id"], turn=number, at=pointer):
                        self.assertNotEqual(self.with_another_value(case, number, pointer), [])

    def with_another_value(self, case: dict[str, Any], number: int, pointer: str) -> list[str]:
        answer = answer_of(case, as_expected)
        turns = json.loads(json.dumps(answer.value["turns"]))
        holder = turns[number]["status"]
        parts = runner.parts_of(pointer)
        for part in parts[:-1]:
            holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
        last = int(parts[-1]) if isinstance(holder, list) else parts[-1]
        holder[last] = "something else"
        return runner.check_reconcile(case, runner.Answer(0, {"turns": turns}), False)

    def test_every_path_of_a_scope_and_every_edge_is_looked_at(self) -> None:
        for case in self.suite.cases:
            if case["class"] == "scope":
                for path in case["paths"]:
                    items = [{"path": one, "verdict": "?" if one == path else said} for one, said in case["paths"].items()]
                    self.assertNotEqual(runner.check_scope(case, runner.Answer(0, {"items": items}), False), [], case["id"])
            for name in ("nodes", "edges") if case["class"] == "graph" else ():
                for one in case["graph"].get(name, []):
                    fewer = {**case["graph"], name: [other for other in case["graph"][name] if other != one]}
                    self.assertNotEqual(runner.check_graph(case, runner.Answer(0, fewer), False), [], case["id"])


def fields_of(schema: Any) -> Iterator[tuple[str, Any]]:
    """Each field that a schema knows, with the place where it is declared."""
    todo = [("", schema)]
    while todo:
        place, one = todo.pop()
        if not isinstance(one, dict):
            continue
        for name, field in one.get("properties", {}).items():
            yield f"{place}/properties/{name}", field
            todo.append((f"{place}/properties/{name}", field))
        todo += [(f"{place}/$defs/{name}", shape) for name, shape in one.get("$defs", {}).items()]
        todo += [(f"{place}/{keyword}", one[keyword]) for keyword in ("items", "additionalProperties") if keyword in one]


class Schemas(unittest.TestCase):
    """What editors show of a field."""

    def test_every_field_has_a_description(self) -> None:
        schemas = sorted((ROOT / "docs" / "schemas").glob("*.json"))
        self.assertEqual(len(schemas), 9)
        for file in schemas:
            fields = list(fields_of(json.loads(file.read_text(encoding="utf-8"))))
            self.assertGreater(len(fields), 10, file.name)
            for place, field in fields:
                text = field.get("description", "") if isinstance(field, dict) else ""
                with self.subTest(f"{file.name}#{place}"):
                    self.assertRegex(text, r"^[A-Z`].+\.$", "a field has one or more sentences in `description`")


class Runner(unittest.TestCase):
    """What the runner makes of implementations that do not keep to the protocol."""

    def run_with(self, script: str, *options: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "implementation.py"
            program.write_text(script, encoding="utf-8")
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                code = runner.main(["--case", "D3.3/zero", *options, sys.executable, str(program)])
            return code, out.getvalue()

    def test_answers_that_are_none(self) -> None:
        table = [
            ("print('hello')", "standard output is not one JSON value"),
            ("print('[]')", "the answer is not a JSON object"),
            ("print('{}')", "`verdict` is null"),
            ("print('{\"verdict\": \"invalid\"}'); raise SystemExit(1)", "`findings` is not a list of objects"),
            ("print('{\"verdict\": \"invalid\", \"findings\": [{}]}'); raise SystemExit(1)", "a finding has no `severity`"),
            ("print('[' * 100000)", "standard output is not one JSON value"),
            ("import sys; sys.stdout.buffer.write(b'\\xff')", "standard output is not one JSON value"),
            ("raise SystemExit(2)", "exit code 2"),
            ("import os; os.abort()", "exit code -6"),
        ]
        for script, said in table:
            with self.subTest(script):
                code, out = self.run_with(script)
                self.assertEqual(code, 1, out)
                self.assertIn(said, out)

    def test_an_implementation_that_does_not_end(self) -> None:
        code, out = self.run_with("import time; time.sleep(60)", "--timeout", "0.5")
        self.assertEqual((code, "no answer within 0.5 seconds" in out), (1, True), out)

    def test_what_is_not_supported_fails_only_where_it_was_asked_for(self) -> None:
        self.assertEqual(self.run_with("raise SystemExit(3)")[0], 0)
        self.assertEqual(self.run_with("raise SystemExit(3)", "--class", "documents")[0], 1)

    def test_known_failures(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            known = Path(folder) / "known.json"
            known.write_text('{"D3.3/zero": "not yet"}', encoding="utf-8")
            right = (
                "print('{\"verdict\": \"invalid\", \"findings\": [{\"severity\": \"error\", \"code\": \"PS106\", "
                "\"pointer\": \"/identity/revision\"}]}'); raise SystemExit(1)"
            )
            self.assertEqual(self.run_with(right)[0], 0)
            self.assertEqual(self.run_with(right, "--known", str(known))[0], 1)
            self.assertEqual(self.run_with("print('{}')", "--known", str(known))[0], 0)

    def test_wrong_use(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(runner.main(["--case", "no such case", "true"]), 2)
        self.assertIn("no case is chosen", said.getvalue())
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(runner.main(["/no/such/program"]), 2)
        self.assertIn("/no/such/program", said.getvalue())


if __name__ == "__main__":
    unittest.main()
