#!/usr/bin/env python3
"""Whether the conformance suite notices wrong rules in the program: mutations.py --check | mutations.py TARGET_DIR

Twenty small mistakes are made in a copy of the sources, several at a time. Each time the program is built into TARGET_DIR,
and a case of each clause that a mistake is about must fail. With `--check` nothing is built: each text to be replaced must
stand in its file exactly once, and each clause must have cases of its own. Needs Python 3.10 or later, Git and cargo.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "docs" / "spec" / "conformance"
MISTAKES = 20
BUILDS = 6


@dataclass
class Mistake:
    clause: str
    file: str
    right: str
    wrong: str


DOCUMENT = "src/core/document"
RULES = "src/core/repository/rules"
RUN = "src/core/run"
ALL = [
    Mistake(
        "D1.8",
        f"{DOCUMENT}/rules.rs",
        "const KNOWN: (u64, u64) = (1, 2);",
        "const KNOWN: (u64, u64) = (1, 3);",
    ),
    Mistake("D3.5", f"{DOCUMENT}/rules.rs", "(2.., None) =>", "(3.., None) =>"),
    Mistake("D7.3", f"{DOCUMENT}/rules.rs", "if earlier == index {", "if earlier <= index {"),
    Mistake(
        "D8.4",
        f"{DOCUMENT}/rules.rs",
        "one.weight == Weight::Primary",
        "one.weight == Weight::Secondary",
    ),
    Mistake(
        "D9.5",
        f"{DOCUMENT}/rules.rs",
        "risk.probability == Degree::High && is_blank(risk.mitigation.as_ref())",
        "risk.probability == Degree::High && risk.mitigation.is_none()",
    ),
    Mistake(
        "D11.5",
        f"{DOCUMENT}/rules.rs",
        "(Some(DefaultMode::AgentAutonomous), Some(StepDelegation::Human)) =>",
        "(Some(DefaultMode::AgentAutonomous), Some(StepDelegation::Either)) =>",
    ),
    Mistake("D12.5", f"{DOCUMENT}/rules.rs", "| later <= earlier)", "| later < earlier)"),
    Mistake(
        "D17.3",
        f"{DOCUMENT}/scope.rs",
        "= self.excluded.entry(path) {",
        "= self.excluded.entry(path).filter(|_| !self.within.set.is_match(path)) {",
    ),
    Mistake("R5.6", f"{RULES}/graphs.rs", "(*written != actual).then(", "(*written == actual).then("),
    Mistake("R12.5", f"{RULES}/bindings.rs", '"repo", "mcp", "http",', '"repo", "mpc", "http",'),
    Mistake("R15.13", f"{RULES}/lineage.rs", "&& own != other", "&& own == other"),
    Mistake(
        "R15.14",
        f"{RULES}/lineage.rs",
        "compare_versions(a, b).is_eq()",
        "compare_versions(a, b).is_lt()",
    ),
    Mistake(
        "R15.18",
        f"{RULES}/executions.rs",
        "if of.kind == Kind::Execution =>",
        "if of.kind == Kind::Plan =>",
    ),
    Mistake("T4.1", f"{RULES}/graphs.rs", "if nodes > limit {", "if nodes >= limit {"),
    Mistake(
        "X3.5",
        f"{RUN}/controllers/goal.rs",
        "plan.ready && !superseded.contains(plan.key)",
        "plan.ready || !superseded.contains(plan.key)",
    ),
    Mistake(
        "X4.4",
        f"{RUN}/controllers/binding.rs",
        "Strategy::MostSpecific => (specificity, priority),",
        "Strategy::MostSpecific => (priority, specificity),",
    ),
    Mistake(
        "X4.6",
        f"{RUN}/permit.rs",
        "status.is_for_people() && !is_person(actor)",
        "status.is_for_people() && is_person(actor)",
    ),
    Mistake(
        "X7.2",
        f"{RUN}/controllers/execution/order.rs",
        "kind == EdgeKind::Hard && needs",
        "kind == EdgeKind::Soft && needs",
    ),
    Mistake(
        "X8.4",
        f"{RUN}/controllers/execution/gates.rs",
        "self.approved_by.len() >= wanted",
        "self.approved_by.len() > wanted",
    ),
    Mistake(
        "X8.9",
        f"{RUN}/controllers/execution/groups.rs",
        "} else if !failed.is_empty() {",
        "} else if failed.len() > 1 {",
    ),
]


def problems() -> list[str]:
    """What keeps a mistake from being made, or from being noticed."""
    manifest = json.loads((CONFORMANCE / "manifest.json").read_text(encoding="utf-8"))
    cases = [case for name in manifest["cases"] for case in json.loads((CONFORMANCE / name).read_text(encoding="utf-8"))]
    clauses = {case["id"].partition("/")[0] for case in cases}
    found = [] if len(ALL) == MISTAKES else [f"there are {len(ALL)} mistakes instead of {MISTAKES}"]
    for one in ALL:
        path = ROOT / one.file
        count = path.read_text(encoding="utf-8").count(one.right) if path.is_file() else 0
        if count != 1:
            found.append(f"{one.file}: `{one.right}` stands there {count} times: write in mutations.py what {one.clause} rests on")
        if one.right == one.wrong:
            found.append(f"{one.clause}: the mistake changes nothing")
        if one.clause not in clauses:
            found.append(f"{one.clause}: no case begins with this clause")
    return found


def copy_of_sources(folder: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def build(folder: Path, target: Path) -> Path:
    # The adapter of the suite needs the command line only.
    features = ["--no-default-features", "--features", "cli"]
    command = ["cargo", "build", "--quiet", "--locked", "--bin", "planspec", *features]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "CARGO_TARGET_DIR": str(target)}, check=False)
    if done.returncode != 0:
        sys.exit("error: the program does not build: see above")
    return target / "debug" / "planspec"


def fails(clause: str, program: Path) -> bool:
    """Whether a case of the clause fails."""
    runner = [sys.executable, str(CONFORMANCE / "run.py"), "--case", f"{clause}/"]
    known = ["--known", str(CONFORMANCE / "adapters" / "planspec.known.json")]
    adapter = [sys.executable, str(CONFORMANCE / "adapters" / "planspec.py"), str(program)]
    done = subprocess.run([*runner, *known, *adapter], check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"error: the suite does not run: {done.stderr.strip()}")
    return done.returncode == 1


class Mutated:
    """A copy of the sources in which mistakes are made."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self.target = target
        copy_of_sources(folder)

    def failing(self, mistakes: list[Mistake], looked_at: list[Mistake]) -> set[str]:
        """The clauses, of those that are looked at, of which a case fails while these mistakes are made."""
        sound = {one.file: (self.folder / one.file).read_text(encoding="utf-8") for one in mistakes}
        for one in mistakes:
            text = (self.folder / one.file).read_text(encoding="utf-8")
            (self.folder / one.file).write_text(text.replace(one.right, one.wrong), encoding="utf-8")
        program = build(self.folder, self.target)
        for name, text in sound.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return {one.clause for one in looked_at if fails(one.clause, program)}


def unnoticed(mutated: Mutated) -> list[str]:
    """The clauses whose mistakes no case of theirs notices.

    Each mistake is made in three of six builds, each in other three (there are twenty ways): its cases must fail in these and
    pass in the others, so that they fail because of it. Where they fail in another too, the mistake is made once more, alone.
    """
    if early := mutated.failing([], ALL):
        sys.exit(f"error: cases of {', '.join(sorted(early))} fail without any mistake: correct that first")
    ways = list(itertools.combinations(range(BUILDS), BUILDS // 2))
    made = {one.clause: set(way) for one, way in zip(ALL, ways, strict=True)}
    failed: dict[str, set[int]] = {one.clause: set() for one in ALL}
    for number in range(BUILDS):
        mistakes = [one for one in ALL if number in made[one.clause]]
        for clause in mutated.failing(mistakes, ALL):
            failed[clause].add(number)
        print(f"build {number + 1} of {BUILDS}: {len(mistakes)} mistakes", flush=True)
    missed = []
    for one in ALL:
        noticed = failed[one.clause] >= made[one.clause]
        alone = noticed and failed[one.clause] != made[one.clause]
        if alone:
            noticed = bool(mutated.failing([one], [one]))
        words = f"{'noticed' if noticed else 'MISSED '} {one.clause} {one.file}: {one.wrong}"
        print(words + (" (alone)" if alone else ""), flush=True)
        if not noticed:
            missed.append(one.clause)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="build nothing: only look whether each mistake can be made")
    parser.add_argument("target", nargs="?", metavar="TARGET_DIR", help="where cargo builds")
    options = parser.parse_args()
    if options.check == bool(options.target):
        parser.error("give either `--check` or TARGET_DIR")
    for problem in (found := problems()):
        print(problem, file=sys.stderr)
    if found:
        return 1
    if options.check:
        print(f"{len(ALL)} mistakes can be made, each about a clause with cases of its own")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        missed = unnoticed(Mutated(Path(folder), Path(options.target).resolve()))
    print(f"{len(ALL) - len(missed)} of {len(ALL)} mistakes are noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
