"""The library says what the program says: of every document and resource that hypothesis makes, code, severity, pointer and
line of each finding are the same.

``--documents N`` says of how many; 200 is the default, 10,000 what is asked for before a release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
import samples
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from oracle import Oracle, Said, program

import planspec_documents as planspec

BATCH = 200
"""How many files one process looks at."""

SESSION = re.compile(r'("|: )session("|$)', re.MULTILINE)
"""What no two files of one batch may have in common: then they would be about each other."""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    binary = program()
    if binary is None:
        pytest.skip("no `planspec` on the path, and PLANSPEC names none")
    return Oracle(tmp_path_factory.mktemp("repository"), binary)


def ours(name: str, text: str) -> list[Said]:
    found = planspec.validate_text(text, name=name, level="readiness")
    return sorted({said(one) for one in found if one.code != "PS007"})


def said(finding: planspec.Finding) -> Said:
    # Missing readiness is a warning unless it is asked for.
    severity = "warning" if finding.level is planspec.Level.READINESS else finding.severity
    return Said(finding.code, severity, str(finding.pointer), finding.line or 0)


T = TypeVar("T")


def generated(values: st.SearchStrategy[T], count: int, seed: int) -> list[T]:
    """So many examples, without shrinking any: a disagreement is shown as it is."""
    texts: list[T] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def collect(text: T) -> None:
        texts.append(text)

    collect()
    return texts


def agree(oracle: Oracle, files: dict[str, str]) -> list[str]:
    """Disagreements about files, each as a text."""
    theirs = oracle.ask(files)
    told = []
    for name, text in files.items():
        own, other = set(ours(name, text)), set(theirs[name])
        if own != other:
            only = [f"  only the library: {one}" for one in sorted(own - other)]
            only += [f"  only the program: {one}" for one in sorted(other - own)]
            told.append("\n".join([name, *only, text]))
    return told


def batches(texts: list[str], ending: str) -> Iterator[dict[str, str]]:
    for start in range(0, len(texts), BATCH):
        part = enumerate(texts[start : start + BATCH])
        yield {f"file{index}{ending}": SESSION.sub(rf"\1session{index}\2", text) for index, text in part}


def hold(oracle: Oracle, texts: list[str], ending: str) -> None:
    told = [one for files in batches(texts, ending) for one in agree(oracle, files)]
    if told:
        keep = Path(oracle.folder) / f"disagreements{ending}.txt"
        keep.write_text("\n\n".join(told), encoding="utf-8")
        pytest.fail(f"{len(told)} disagreements of {len(texts)}, all in {keep}; the first:\n{told[0]}", pytrace=False)


def test_documents(oracle: Oracle, documents_asked: int, seed: int) -> None:
    values = samples.mutated(samples.documents()).map(samples.written)
    hold(oracle, generated(values, documents_asked, seed), ".planspec.json")


def test_resources(oracle: Oracle, documents_asked: int, seed: int) -> None:
    values = samples.mutated(samples.resources()).map(samples.written)
    hold(oracle, generated(values, documents_asked, seed), ".json")


def test_yaml(oracle: Oracle, documents_asked: int, seed: int) -> None:
    values = st.one_of(samples.mutated(samples.documents()), samples.mutated(samples.resources()))
    texts = [planspec.dumps(planspec.Document(one), format="yaml") for one in generated(values, documents_asked, seed)]
    hold(oracle, texts, ".yaml")


def test_revisions(oracle: Oracle, documents_asked: int, seed: int) -> None:
    pairs = [pair for pair in generated(samples.revisions(), documents_asked, seed) if has_class(*pair)]
    seen = compare(oracle, pairs, ".planspec.json")
    assert seen >= {"none", "patch", "minor", "major", "PS403", "PS408"}, seen


def test_revisions_of_plans(oracle: Oracle, documents_asked: int, seed: int) -> None:
    pairs = [pair for pair in generated(samples.plan_revisions(), documents_asked, seed) if is_sound(*pair)]
    seen = compare(oracle, pairs, ".json")
    assert seen >= {"none", "patch", "minor", "major"}, seen


def compare(oracle: Oracle, pairs: list[tuple[Any, Any]], ending: str) -> set[str]:
    """Hold classes of changes, and the rules that they break, against the program. Gives back which there were."""
    told: list[str] = []
    seen: set[str] = set()
    for start in range(0, len(pairs), BATCH):
        batch = {f"file{index}{ending}": pair for index, pair in enumerate(pairs[start : start + BATCH])}
        sides = [{name: in_session(name, pair[side]) for name, pair in batch.items()} for side in (0, 1)]
        for name, theirs in oracle.compare(*sides).items():
            before, after = (planspec.loads(side[name], name=name) for side in sides)
            change = planspec.compare(before, after)
            own = str(change.size), {(one.code, str(one.pointer)) for one in change.findings}
            if own != theirs:
                told.append(f"{name}: the library says {own}, the program {theirs}\n{sides[0][name]}\n{sides[1][name]}")
            seen |= {own[0], *(code for code, _ in own[1])}
    if told:
        pytest.fail(f"{len(told)} disagreements of {len(pairs)}; the first:\n{told[0]}", pytrace=False)
    return seen


def in_session(name: str, value: Any) -> str:
    return samples.written(value).replace('"session"', f'"{name.partition(".")[0]}"')


def has_class(before: Any, after: Any) -> bool:
    """Whether both can be used, and no step may be one that was called otherwise: the program recognises those."""
    sides = [planspec.Document(value) for value in (before, after)]
    if any(one.is_error and one.level is planspec.Level.STRUCTURE for side in sides for one in planspec.validate(side)):
        return False
    was, is_ = ({step["step_id"] for step in value["approach"]["steps"]} for value in (before, after))
    return not (was - is_ and is_ - was)


def is_sound(*plans: Any) -> bool:
    return not any(one.is_error for plan in plans for one in planspec.validate(planspec.Document(plan, "plan.json")))
