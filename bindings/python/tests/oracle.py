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

from planspec_documents import _codes


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
        self._git("init", "-q", ".")
        self._commit()

    def _git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def _commit(self) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", "Files")

    def _put(self, files: Mapping[str, str]) -> None:
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir()
        for name, text in files.items():
            (self.files / name).write_text(text, encoding="utf-8", newline="")

    def compare(self, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, set[tuple[str, str]]]]:
        """How large the change of each document is, and which rules about change it breaks."""
        self._put(before)
        self._commit()
        self._put(after)
        answer = self._run("diff", "-o", "json")
        self._put({})
        self._commit()
        sizes = {name: "none" for name in after}
        for subject in answer["subjects"]:
            if subject["resource"]["kind"] == "Plan":
                sizes[subject["path"].removeprefix("planspec/")] = subject["class"]
        broken: dict[str, set[tuple[str, str]]] = {name: set() for name in after}
        for finding in answer["findings"]:
            if finding["code"] in ("PS403", "PS408"):
                broken[finding["file"].removeprefix("planspec/")].add((finding["code"], finding["pointer"]))
        return {name: (sizes[name], broken[name]) for name in after}

    def ask(self, files: Mapping[str, str]) -> dict[str, list[Said]]:
        """What is found in each file."""
        self._put(files)
        answer = self._run("diff", "-o", "json")
        found: dict[str, list[Said]] = {name: [] for name in files}
        for finding in answer["findings"]:
            # The program also checks rules that need a repository.
            if finding["code"] in _codes.VALIDATED and not is_about_others(finding):
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


def is_about_others(finding: Any) -> bool:
    """Whether a file would be sound, were there no others: two of a batch happen to have one name."""
    return finding["code"] == "PS201" and all(one["file"] != finding["file"] for one in finding["related"])


def said(finding: Any) -> Said:
    return Said(finding["code"], finding["severity"], str(finding["pointer"]), finding["line"] or 0)
