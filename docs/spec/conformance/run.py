#!/usr/bin/env python3
"""Run the conformance suite against an implementation, or check the suite itself.

    run.py [options] COMMAND [ARGUMENT...]

README.md of this folder says what the command is asked and what it answers. Needs Python 3.10 or later, and
nothing else.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

HERE = Path(__file__).resolve().parent
CLASSES = ("documents", "sessions", "resources", "references", "revisions", "scope", "graph", "execution")
LEVELS = ("structure", "semantics", "readiness")
VERDICTS = ("invalid", "structure", "semantics", "readiness", "valid")
UNSUPPORTED = 3


class SuiteError(Exception):
    """Something is wrong with the suite, or with how the runner was called."""


# Inputs


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError(f"{path}: {error}") from error


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SuiteError(f"{path}: {error.strerror}") from error


def parts_of(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise SuiteError(f"`{pointer}` is not a JSON pointer: it begins with `/`, or is empty")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def patched(value: Any, patch: list[dict[str, Any]]) -> Any:
    """The value after `add`, `remove` and `replace` of RFC 6902."""
    value = copy.deepcopy(value)
    for step in patch:
        operation, pointer = step.get("op"), step.get("path", "")
        parts = parts_of(pointer)
        if not parts:
            value = copy.deepcopy(step["value"])
            continue
        try:
            apply(holder_of(value, parts), parts[-1], operation, step)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise SuiteError(f"`{operation}` at `{pointer}` does not fit the base input") from error
    return value


def holder_of(value: Any, parts: list[str]) -> Any:
    for part in parts[:-1]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def apply(holder: Any, last: str, operation: Any, step: dict[str, Any]) -> None:
    if isinstance(holder, list):
        index = len(holder) if last == "-" else int(last)
        if operation == "add":
            holder.insert(index, copy.deepcopy(step["value"]))
        elif operation == "replace":
            holder[index] = copy.deepcopy(step["value"])
        elif operation == "remove":
            del holder[index]
        else:
            raise ValueError(operation)
        return
    if operation in ("replace", "remove") and last not in holder:
        raise KeyError(last)
    if operation in ("add", "replace"):
        holder[last] = copy.deepcopy(step["value"])
    elif operation == "remove":
        del holder[last]
    else:
        raise ValueError(operation)


@dataclass
class Suite:
    """The cases, and what they are made of."""

    manifest: dict[str, Any]
    cases: list[dict[str, Any]]
    bases: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def load() -> Suite:
        manifest = read_json(HERE / "manifest.json")
        cases: list[dict[str, Any]] = []
        for name in manifest["cases"]:
            cases.extend(read_json(HERE / name))
        return Suite(manifest, cases)

    def base(self, name: str) -> Any:
        if name not in self.bases:
            self.bases[name] = read_json(HERE / "bases" / f"{name}.json")
        return self.bases[name]

    def content(self, spec: dict[str, Any]) -> bytes:
        """What a file of a case holds."""
        if "text" in spec:
            return "".join(map(line_of, spec["text"])).encode()
        if "base64" in spec:
            try:
                return base64.b64decode(spec["base64"], validate=True)
            except binascii.Error as error:
                raise SuiteError(f"base64: {error}") from error
        if "file" in spec:
            return read_bytes(HERE / spec["file"])
        value = patched(self.base(spec["base"]), spec.get("patch", []))
        return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()

    def files(self, case: dict[str, Any]) -> list[tuple[str, bytes]]:
        """The names and contents of the files of a case, in the order in which they are handed over."""
        if "files" in case:
            specs = [(spec["name"], spec) for spec in case["files"]]
        else:
            specs = [(case.get("name", default_name(case)), case)]
        files = [(name, self.content(spec)) for name, spec in specs]
        return files + [(f"{base}.json", self.content({"base": base})) for base in case.get("with", [])]


def line_of(line: Any) -> str:
    """A line, or `{"parts": [[TEXT, TIMES], ...]}`: what would be too long to be written out."""
    if isinstance(line, str):
        return f"{line}\n"
    return "".join(text * times for text, times in line["parts"])


def default_name(case: dict[str, Any]) -> str:
    is_document = case.get("base", "").startswith("document")
    return "case.planspec.json" if is_document else "case.json"


# Running


@dataclass
class Outcome:
    """What came of a case. `wrong` is empty where it passed."""

    case: dict[str, Any]
    wrong: list[str]
    unsupported: bool = False
    found: Any = None

    @property
    def passed(self) -> bool:
        return not self.wrong and not self.unsupported


class Answer:
    """What an implementation says."""

    def __init__(self, code: int, value: Any):
        self.code = code
        self.value = value


class Wrong(Exception):
    """The answer is none."""


def ask(command: list[str], arguments: list[str], folder: Path, timeout: float) -> Answer:
    try:
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Wrong(f"no answer within {timeout:g} seconds") from error
    except OSError as error:
        raise SuiteError(f"{command[0]}: {error.strerror}") from error
    if done.returncode == UNSUPPORTED:
        return Answer(UNSUPPORTED, None)
    if done.returncode not in (0, 1):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Wrong(f"exit code {done.returncode}" + (f": {said[-1]}" if said else ""))
    try:
        value = json.loads(done.stdout.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Wrong(f"standard output is not one JSON value: {error}") from error
    if not isinstance(value, dict):
        raise Wrong("the answer is not a JSON object")
    return Answer(done.returncode, value)


def level_of(code: str) -> str:
    """The level of a rule about documents: its number says it."""
    if code.startswith("PS62"):
        return "semantics"
    return "readiness" if code.startswith("PS63") else "structure"


def is_compared(code: str, verdict: str) -> bool:
    """Behind the first level that is broken an implementation may stop."""
    if verdict == "invalid":
        return level_of(code) == "structure"
    if verdict == "structure":
        return level_of(code) != "readiness"
    return True


# What stands in a text that cannot be read is anybody's guess.
UNREADABLE = re.compile(r"PS00[1-6]$")
Key = tuple[str, str, Any, Any, Any]


def expected_findings(case: dict[str, Any]) -> list[Key]:
    return [
        (one.get("severity", "error"), one["code"], one["pointer"], one.get("file"), one.get("line"))
        for one in case.get("findings", [])
    ]


def found_findings(value: dict[str, Any]) -> list[Key]:
    findings = value.get("findings")
    if not isinstance(findings, list) or not all(isinstance(one, dict) for one in findings):
        raise Wrong("`findings` is not a list of objects")
    for one in findings:
        for name in ("severity", "code"):
            if not isinstance(one.get(name), str):
                raise Wrong(f"a finding has no `{name}`: {json.dumps(one)}")
        if not isinstance(one.get("pointer"), (str, type(None))):
            raise Wrong(f"`pointer` is neither a text nor null: {json.dumps(one)}")
    return [
        (
            one["severity"],
            one["code"],
            one["pointer"],
            os.path.basename(one["file"]) if isinstance(one.get("file"), str) else None,
            one.get("line"),
        )
        for one in findings
    ]


def agrees(wanted: Key, found: Key) -> bool:
    optional = zip(wanted[3:], found[3:])
    # Of a file that cannot be read nothing has a place but the whole.
    is_there = wanted[:2] == found[:2] and wanted[2] == (found[2] or "")
    return is_there and all(one is None or one == other for one, other in optional)


def in_words(key: Key) -> str:
    severity, code, pointer, file, line = key
    where = f" of {file}" if file else ""
    return f'{severity} {code} at "{pointer}"{where}' + (f", line {line}" if line else "")


def compare_findings(wanted: list[Key], found: list[Key]) -> list[str]:
    missing = [one for one in wanted if not any(agrees(one, other) for other in found)]
    more = [one for one in found if not any(agrees(other, one) for other in wanted)]
    errors = [one for one in wanted if one[0] == "error"]
    if any(UNREADABLE.match(one[1]) for one in errors):
        more = []
    elif errors:
        # What else is said about a value that is wrong, and the object that holds it, is not compared.
        wrong_values = {None} | {one[2] for one in errors} | {one[2].rpartition("/")[0] for one in errors}
        more = [one for one in more if one[2] not in wrong_values]
    wrong = [f"missing: {in_words(one)}" for one in missing]
    return wrong + [f"not expected: {in_words(one)}" for one in dict.fromkeys(more)]


def compare_exit(code: int, has_error: bool) -> list[str]:
    wanted = 1 if has_error else 0
    return [] if code == wanted else [f"exit code {code} instead of {wanted}"]


def check_validate(case: dict[str, Any], answer: Answer, verdicts: bool) -> list[str]:
    wanted, verdict = case["verdict"], answer.value.get("verdict")
    if verdict not in VERDICTS:
        raise Wrong(f"`verdict` is {json.dumps(verdict)}: one of {', '.join(VERDICTS)} is expected")
    wrong = [] if verdict == wanted else [f"verdict `{verdict}` instead of `{wanted}`"]
    has_error = any(one[0] == "error" for one in expected_findings(case))
    wrong += compare_exit(answer.code, has_error)
    if verdicts:
        return wrong
    found = [one for one in found_findings(answer.value) if is_compared(one[1], wanted)]
    expected = [one for one in expected_findings(case) if is_compared(one[1], wanted)]
    return wrong + compare_findings(expected, found)


def check_change(case: dict[str, Any], answer: Answer, verdicts: bool) -> list[str]:
    wrong = []
    if "change" in case and answer.value.get("class") != case["change"]:
        wrong.append(f"class `{answer.value.get('class')}` instead of `{case['change']}`")
    expected = expected_findings(case)
    wrong += compare_exit(answer.code, any(one[0] == "error" for one in expected))
    if not verdicts:
        wrong += compare_findings(expected, found_findings(answer.value))
    return wrong


def check_scope(case: dict[str, Any], answer: Answer, _verdicts: bool) -> list[str]:
    items = answer.value.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Wrong("`items` is not a list of objects")
    found = [(item.get("path"), item.get("verdict")) for item in items]
    wrong = [] if answer.code == 0 else [f"exit code {answer.code} instead of 0"]
    if [path for path, _ in found] != list(case["paths"]):
        return wrong + ["`items` does not have one item for each path, in their order"]
    return wrong + [
        f"`{path}` is `{verdict}` instead of `{case['paths'][path]}`"
        for path, verdict in found
        if verdict != case["paths"][path]
    ]


def rows(value: Any, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Wrong("nodes and edges are lists of objects")
    return sorted(tuple(one.get(name) for name in names) for one in value)


def check_graph(case: dict[str, Any], answer: Answer, _verdicts: bool) -> list[str]:
    wanted = case["graph"]
    wrong = [] if answer.code == 0 else [f"exit code {answer.code} instead of 0"]
    for name in ("name", "digest"):
        if name in wanted and answer.value.get(name) != wanted[name]:
            wrong.append(f"{name} {json.dumps(answer.value.get(name))} instead of {json.dumps(wanted[name])}")
    for name, columns in (("nodes", ("id", "kind")), ("edges", ("from", "to", "type"))):
        if name not in wanted:
            continue
        expected, found = rows(wanted[name], columns), rows(answer.value.get(name), columns)
        wrong += [f"missing in {name}: {one}" for one in expected if one not in found]
        wrong += [f"not expected in {name}: {one}" for one in found if one not in expected]
    return wrong


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The scalars and empty containers of a value, each with its pointer."""
    todo = [(at, value)]
    while todo:
        pointer, one = todo.pop()
        if isinstance(one, dict) and one:
            todo += [(f"{pointer}/{key}", inner) for key, inner in one.items()]
        elif isinstance(one, list) and one:
            todo += [(f"{pointer}/{index}", inner) for index, inner in enumerate(one)]
        else:
            yield pointer, one


def check_reconcile(case: dict[str, Any], answer: Answer, _verdicts: bool) -> list[str]:
    """What a case says of a turn is there; what else is there is not its business."""
    wrong = [] if answer.code == 0 else [f"exit code {answer.code} instead of 0"]
    wanted, found = case["repository"]["turns"], answer.value.get("turns")
    if not isinstance(found, list) or len(found) != len(wanted):
        raise Wrong("`turns` does not have one entry for each turn")
    for number, (turn, said) in enumerate(zip(wanted, found), 1):
        status = said.get("status", {}) if isinstance(said, dict) else {}
        wrong += [f"turn {number}: {line}" for line in compare_status(turn.get("status", {}), status)]
    return wrong


def compare_status(wanted: Any, status: Any) -> Iterator[str]:
    found = dict(leaves(status))
    for pointer, value in leaves(wanted) if wanted else ():
        present = [other for other in found if other == pointer or other.startswith(pointer + "/")]
        if value == "absent":
            if present:
                yield f"{pointer} is {json.dumps(found[present[0]])}, and should not be there"
        elif pointer not in found:
            yield f"{pointer} is missing, {json.dumps(value)} is expected"
        elif found[pointer] != value:
            yield f"{pointer} is {json.dumps(found[pointer])} instead of {json.dumps(value)}"


def described(suite: Suite, case: dict[str, Any]) -> bytes:
    """The repository of a case, without what is expected of it."""
    turns = []
    for turn in case["repository"]["turns"]:
        files = {
            path: None if spec is None else suite.content(spec).decode()
            for path, spec in turn.get("files", {}).items()
        }
        turns.append({"time": turn["time"], "files": files, "records": turn.get("records", [])})
    names = {record["openpgp"] for turn in turns for record in turn["records"] if "openpgp" in record}
    keys = {name: read_bytes(HERE / "keys" / f"{name}.secret.asc").decode() for name in sorted(names)}
    return json.dumps({"openpgpKeys": keys, "turns": turns}, ensure_ascii=False, indent=2).encode()


def arguments_of(suite: Suite, case: dict[str, Any], folder: Path) -> list[str]:
    """Write the input of a case, and say what is asked."""
    kind = case["class"]
    if kind == "revisions":
        names = []
        for side in ("before", "after"):
            name = f"{side}/{case[side].get('name', 'case.planspec.json')}"
            write(folder / name, suite.content(case[side]))
            names.append(name)
        return ["change", *names]
    if kind == "execution":
        write(folder / "case.json", described(suite, case))
        return ["reconcile", "case.json"]
    files = suite.files(case)
    for name, content in files:
        write(folder / name, content)
    names = [name for name, _ in files]
    if kind == "scope":
        step = ["--step", case["step"]] if "step" in case else []
        return ["scope", names[0], *step, *case["paths"]]
    return ["graph", names[0]] if kind == "graph" else ["validate", *names]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


CHECKS = {
    "revisions": check_change,
    "scope": check_scope,
    "graph": check_graph,
    "execution": check_reconcile,
}


def run_case(suite: Suite, case: dict[str, Any], options: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        folder = Path(temporary)
        try:
            arguments = arguments_of(suite, case, folder)
            answer = ask(options.command, arguments, folder, options.timeout)
            if answer.code == UNSUPPORTED:
                return Outcome(case, [], unsupported=True)
            if "undefined" in case:
                return Outcome(case, [], found=answer.value)
            check = CHECKS.get(case["class"], check_validate)
            return Outcome(case, check(case, answer, options.verdicts), found=answer.value)
        except Wrong as wrong:
            return Outcome(case, [str(wrong)])
        except SuiteError as error:
            raise SuiteError(f"{case['id']}: {error}") from error


# Results


def counted(outcomes: list[Outcome]) -> dict[str, tuple[int, int, int]]:
    """For each class how many cases passed, failed, and are not supported."""
    counts: dict[str, tuple[int, int, int]] = {}
    for kind in CLASSES:
        own = [one for one in outcomes if one.case["class"] == kind]
        if own:
            passed = sum(one.passed for one in own)
            unsupported = sum(one.unsupported for one in own)
            counts[kind] = (passed, len(own) - passed - unsupported, unsupported)
    return counts


def show_text(outcomes: list[Outcome]) -> None:
    for one in outcomes:
        if one.wrong:
            print(f"FAILED {one.case['id']} ({', '.join(one.case['clauses'])})")
            for line in one.wrong:
                print(f"    {line}")
    for kind, (passed, failed, unsupported) in counted(outcomes).items():
        more = f", {unsupported} not supported" if unsupported else ""
        print(f"{kind}: {passed} passed, {failed} failed{more}")


def show_markdown(outcomes: list[Outcome]) -> None:
    print("| class | passed | failed | not supported |\n|---|---:|---:|---:|")
    for kind, counts in counted(outcomes).items():
        print(f"| `{kind}` | " + " | ".join(map(str, counts)) + " |")
    failed = [one for one in outcomes if one.wrong]
    if failed:
        print("\n| case | what differs |\n|---|---|")
    for one in failed:
        text = "; ".join(one.wrong).replace("|", "\\|")
        print(f"| {one.case['id']} | {text} |")


def show_json(outcomes: list[Outcome]) -> None:
    rows = [
        {
            "id": one.case["id"],
            "class": one.case["class"],
            "result": "passed" if one.passed else "not supported" if one.unsupported else "failed",
            "wrong": one.wrong,
            "found": one.found,
        }
        for one in outcomes
    ]
    print(json.dumps(rows, indent=2, ensure_ascii=False))


SHOWN = {"text": show_text, "markdown": show_markdown, "json": show_json}


def expect(outcomes: list[Outcome], known: dict[str, str]) -> None:
    """What is known to fail passes by failing, and fails by passing."""
    for one in outcomes:
        if one.case["id"] not in known or one.unsupported:
            continue
        one.wrong = [] if one.wrong else ["it passes: take it out of the list of known failures"]


def run(suite: Suite, options: argparse.Namespace) -> int:
    cases = chosen(suite, options)
    known = read_json(Path(options.known)) if options.known else {}
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(lambda case: run_case(suite, case, options), cases))
    expect(outcomes, known)
    SHOWN[options.format](outcomes)
    # A class that was asked for by name has to be supported.
    missing = any(one.unsupported for one in outcomes) and bool(options.classes)
    return 1 if missing or any(one.wrong for one in outcomes) else 0


def chosen(suite: Suite, options: argparse.Namespace) -> list[dict[str, Any]]:
    cases = [
        case
        for case in suite.cases
        if (not options.classes or case["class"] in options.classes)
        and (not options.case or options.case in case["id"])
    ]
    if not cases:
        raise SuiteError("no case is chosen: see `--class` and `--case`")
    return cases


def write_inputs(suite: Suite, options: argparse.Namespace) -> int:
    for case in chosen(suite, options):
        arguments_of(suite, case, Path(options.write) / case["class"] / case["id"].replace("/", "-"))
    return 0


# Checking the suite

CLAUSE = re.compile(r"^(?:- )?\*\*([A-Z][0-9]+\.[0-9]+)\*\*")
# What stands in a status in one word: `AwaitingApproval`.
REASON = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`")
CODE = re.compile(r"\bPS[0-9]{3}\b")
RULE = re.compile(r"^\| \[(PS[0-9]{3})\]")
NO_CASE = "*(no case)*"
MOST_UNDEFINED = 5


@dataclass
class Clause:
    """A clause of the specification, and the rules that it names."""

    name: str
    text: str

    @property
    def codes(self) -> set[str]:
        return set(CODE.findall(self.text))

    @property
    def reasons(self) -> set[str]:
        return set(REASON.findall(self.text))

    @property
    def needs_case(self) -> bool:
        return NO_CASE not in self.text


def clauses_of(path: Path) -> list[Clause]:
    """A clause begins with its number and ends where the next one, a heading or an empty line is."""
    found: list[Clause] = []
    open_clause = False
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = CLAUSE.match(line)
        if begins:
            found.append(Clause(begins.group(1), line))
            open_clause = True
        elif not line.strip() or line.startswith("#"):
            open_clause = False
        elif open_clause:
            found[-1].text += f"\n{line}"
    return found


def problems_of_clauses(suite: Suite, clauses: list[Clause]) -> Iterator[str]:
    names = [clause.name for clause in clauses]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"clause {name} stands twice"
    for clause in clauses:
        own = [case for case in suite.cases if clause.name in case["clauses"]]
        if not clause.needs_case:
            if own:
                yield f"{clause.name} says that it has no case, and has one: {own[0]['id']}"
            continue
        if not own:
            yield f"{clause.name} has no case"
        for code in sorted(clause.codes):
            breaking = [case for case in own if code in codes_of(case)]
            if not breaking:
                yield f"{clause.name} has no case that breaks {code}"
            if len(breaking) == len(own):
                yield f"{clause.name} has no case that keeps {code}"
        texts = [json.dumps(case) for case in own]
        for reason in sorted(clause.reasons):
            if not any(f'"{reason}"' in text for text in texts):
                yield f"{clause.name} has no case with `{reason}`"


def codes_of(case: dict[str, Any]) -> set[str]:
    return {one["code"] for one in case.get("findings", [])}


def problems_of_cases(suite: Suite, clauses: list[Clause]) -> Iterator[str]:
    known = {clause.name for clause in clauses}
    ids = [case["id"] for case in suite.cases]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"the id {name} stands twice"
    for case in suite.cases:
        for name in case["clauses"]:
            if name not in known:
                yield f"{case['id']}: there is no clause {name}"
        if case["class"] not in CLASSES:
            yield f"{case['id']}: there is no class `{case['class']}`"
        if not any(case["id"].startswith(f"{name}/") for name in case["clauses"]):
            yield f"{case['id']}: the id begins with none of its clauses"
    undefined = [case["id"] for case in suite.cases if "undefined" in case]
    if len(undefined) > MOST_UNDEFINED:
        yield f"{len(undefined)} cases are undefined, at most {MOST_UNDEFINED} are allowed"


def problems_of_rules(suite: Suite, clauses: list[Clause]) -> Iterator[str]:
    """Each rule is named by a clause, or by the manifest with the reason why it is none of a file."""
    lines = (HERE / suite.manifest["rules"]).read_text(encoding="utf-8").splitlines()
    rules = [found.group(1) for line in lines if (found := RULE.match(line))]
    outside = suite.manifest["outside"]
    named = {code for clause in clauses if clause.needs_case for code in clause.codes}
    for code in rules:
        if code not in named and code not in outside:
            yield f"{code} is named by no clause, and is not in `outside` of manifest.json"
        if code in named and code in outside:
            yield f"{code} is named by a clause, and stands in `outside` of manifest.json"
    for code in sorted((named | set(outside)) - set(rules)):
        yield f"{code} is no rule"


def check(suite: Suite) -> int:
    clauses: list[Clause] = []
    for name in suite.manifest["clauses"]:
        clauses += clauses_of(HERE / name)
    problems = [
        *problems_of_clauses(suite, clauses),
        *problems_of_cases(suite, clauses),
        *problems_of_rules(suite, clauses),
    ]
    for case in suite.cases:
        try:
            with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
                arguments_of(suite, case, Path(folder))
        except (SuiteError, KeyError) as error:
            problems.append(f"{case['id']}: {error}")
    for problem in problems:
        print(problem)
    decided = sum(clause.needs_case for clause in clauses)
    print(f"{len(clauses)} clauses, {decided} of them with cases, {len(suite.cases)} cases, {len(problems)} problems")
    return 1 if problems else 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    usage = "%(prog)s [options] COMMAND [ARGUMENT...]"
    parser = argparse.ArgumentParser(usage=usage, description="Run the conformance suite, or check it.")
    parser.add_argument("--class", dest="classes", action="append", choices=CLASSES, help="only cases of this class")
    parser.add_argument("--case", help="only cases whose id contains this text")
    parser.add_argument("--verdicts", action="store_true", help="compare verdicts, not findings")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one call (default: 60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="calls at once")
    parser.add_argument("--format", choices=sorted(SHOWN), default="text", help="how results are written")
    parser.add_argument("--known", metavar="FILE", help="JSON: cases that fail, with reasons")
    parser.add_argument("--check", action="store_true", help="check the suite itself, run nothing")
    parser.add_argument("--write", metavar="DIR", help="write the inputs into a folder, run nothing")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the implementation")
    options = parser.parse_args(arguments)
    if not options.command and not options.check and not options.write:
        parser.error("name the command of an implementation")
    if options.jobs < 1 or options.timeout <= 0:
        parser.error("`--jobs` and `--timeout` are more than 0")
    # The command runs in other folders: what is a path here is one there.
    # A link stays one: the Python of a virtual environment is a link, and knows by its place where it belongs.
    options.command = [os.path.abspath(word) if os.path.isfile(word) else word for word in options.command]
    return options


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    try:
        suite = Suite.load()
        if options.check:
            return check(suite)
        return write_inputs(suite, options) if options.write else run(suite, options)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
