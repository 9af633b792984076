"""The rules that the library knows: no rule of the program is forgotten, and what is said of them is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from oracle import program

import planspec_documents
from planspec_documents import _codes, _findings

HERE = Path(__file__).parent.parent
DOCS = HERE.parent.parent / "docs" / "python.md"
SOURCE = Path(planspec_documents.__file__).parent

LISTS = {
    "What `validate` finds": _codes.VALIDATED,
    "What `compare` finds": _codes.COMPARED,
    "What `chain` finds": _codes.CHAINED,
    "What only the command finds": _codes.ASKED,
    "What it does not know": _codes.UNKNOWN,
}


def test_every_rule_is_in_one_list() -> None:
    listed = sorted(code for codes in LISTS.values() for code in codes)
    assert listed == sorted(_findings.tables()["rules"])


def test_the_source_finds_what_is_listed() -> None:
    sources = [path.read_text("utf-8") for path in SOURCE.glob("*.py") if path.name != "_codes.py"]
    used = {code for text in sources for code in re.findall(r'"(PS\d{3})"', text)}
    assert used == set(_findings.tables()["rules"]) - _codes.UNKNOWN


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not beside the library")
def test_the_documentation_lists_them() -> None:
    sections = re.split(r"^#+ ", DOCS.read_text("utf-8"), flags=re.MULTILINE)
    by_title = {title: body for title, _, body in (section.partition("\n") for section in sections)}
    for title, codes in LISTS.items():
        assert set(re.findall(r"\[(PS\d{3})\]\(rules/\1\.md\)", by_title[title])) == codes, title


def test_the_tables_are_current() -> None:
    binary = program()
    if binary is None:
        pytest.skip("no `planspec` on the path, and PLANSPEC names none")
    ran = subprocess.run(
        [sys.executable, HERE / "tools" / "tables.py", "--planspec", binary, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_readme_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program runs, and prints what stands beside it."""
    text = (HERE / "README.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    example = HERE.parent.parent / "examples" / "document" / "planspec" / "greeting.planspec.json"
    if not example.exists():
        pytest.skip("the examples are not beside the library")
    (tmp_path / "greeting.planspec.json").write_bytes(example.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-"], input=code, capture_output=True, text=True, cwd=tmp_path, check=False,
        env={"PYTHONPATH": str(SOURCE.parent), "PYTHONUTF8": "1"},
    )  # fmt: skip
    printed = re.findall(r"# → (.*)$", code, re.MULTILINE)
    assert (ran.stdout.splitlines(), ran.stderr) == (printed, "")
    assert len(printed) > 5
