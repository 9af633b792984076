"""What the program says about files: the oracle of the differential tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The program also judges what only a repository shows, and what only a change does: the library does not know these.
BEYOND = {
    code
    for codes in (
        "PS201 PS202 PS203 PS204 PS205 PS206 PS207 PS208 PS210 PS211 PS212 PS213 PS214 PS215 PS217 PS218 PS219 PS220 PS221",
        "PS222 PS223 PS224 PS225 PS228 PS235 PS236 PS237 PS309 PS314",
        "PS401 PS402 PS403 PS404 PS405 PS406 PS407 PS408 PS409 PS410 PS411 PS412 PS614 PS615 PS616",
    )
    for code in codes.split()
}


def program() -> str | None:
    """The binary, as the environment names it, else as it is on the path."""
    return os.environ.get("PLANSPEC") or shutil.which("planspec")


@dataclass(frozen=True, order=True)
class Said:
    """What both are compared by."""

    code: str
    severity: str
    pointer: str
    line: int

    def __str__(self) -> str:
        return f"{self.code} {self.severity} {self.pointer!r} line {self.line}"


class Oracle:
    """A repository whose files the program looks at, many in one process.

    ``planspec diff`` against an empty commit tells everything that was found in the files as they are. ``validate`` also
    tells what would be found next, once its own suggestions were followed, which is no property of the files.
    """

    def __init__(self, folder: Path, binary: str) -> None:
        self.folder = folder
        self.binary = binary
        self.files = folder / "planspec"
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        for command in (["init", "-q", "."], [*identity, "commit", "-q", "--allow-empty", "-m", "Empty"]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)

    def ask(self, files: Mapping[str, str]) -> dict[str, list[Said]]:
        """What is found in each file."""
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir()
        for name, text in files.items():
            (self.files / name).write_text(text, encoding="utf-8", newline="")
        answer = self._run("diff", "-o", "json")
        found: dict[str, list[Said]] = {name: [] for name in files}
        for finding in answer["findings"]:
            if finding["code"] not in BEYOND:
                name = finding["file"].removeprefix("planspec/")
                found[name].append(said(finding))
        return {name: sorted(of_file) for name, of_file in found.items()}

    def _run(self, *arguments: str) -> Any:
        environment = {**os.environ, "PLANSPEC_NOW": "2026-01-31T12:00:00Z"}
        ran = subprocess.run(
            [self.binary, *arguments], cwd=self.folder, capture_output=True, text=True, env=environment, check=False
        )
        answer = json.loads(ran.stdout)
        assert answer["kind"] != "Error", answer
        return answer


def said(finding: Any) -> Said:
    return Said(finding["code"], finding["severity"], str(finding["pointer"]), finding["line"] or 0)
