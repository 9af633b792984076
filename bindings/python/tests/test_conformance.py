"""The conformance suite of the specification, where that stands beside the library."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[3] / "docs" / "spec" / "conformance" / "run.py"
CLASSES = ["documents", "sessions", "resources", "revisions", "scope", "graph"]
"""What the library claims. It knows no repository: so neither references nor execution."""


@pytest.mark.skipif(not SUITE.exists(), reason="the conformance suite is not beside the library")
@pytest.mark.parametrize("name", CLASSES)
def test_class(name: str, tmp_path: Path) -> None:
    # The suite resolves a link to the interpreter, which then does not know its environment.
    command = tmp_path / "library"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m planspec_documents "$@"\n')
    command.chmod(0o755)
    source = str(Path(__file__).parents[1] / "src")
    ran = subprocess.run(
        [sys.executable, SUITE, "--class", name, command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"^{name}: [1-9][0-9]* passed, 0 failed", ran.stdout, re.MULTILINE), ran.stdout
