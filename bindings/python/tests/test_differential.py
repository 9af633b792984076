"""The library says what the program says: of every document and resource that hypothesis makes, code, severity, pointer and
line of each finding are the same.

``--documents N`` says of how many; 200 is the default, 10,000 what is asked for before a release.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import samples
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from oracle import Oracle, Said, program

import planspec_documents as planspec

BATCH = 200
"""How many files one process looks at."""


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
    # What keeps a document from being executed is a warning, unless it is asked for.
    severity = "warning" if finding.level is planspec.Level.READINESS else finding.severity
    return Said(finding.code, severity, str(finding.pointer), finding.line or 0)


def generated(values: st.SearchStrategy[str], count: int, seed: int) -> list[str]:
    """So many examples, without shrinking any: a disagreement is shown as it is."""
    texts: list[str] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def collect(text: str) -> None:
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
        yield {f"file{index}{ending}": text.replace('"session"', f'"session{index}"') for index, text in part}


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
