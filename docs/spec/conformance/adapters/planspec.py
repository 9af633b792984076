#!/usr/bin/env python3
"""Speak the runner protocol for the `planspec` binary: planspec.py BINARY OPERATION [ARGUMENT...]

Each call makes a repository of its own in a temporary folder, puts the files there, and asks the binary as a
person would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

WRONG_USE, UNSUPPORTED = 2, 3
FOLDER = "planspec"
NO_DIGEST = "sha256:" + "0" * 64
# Nothing of the machine decides: neither its configuration nor its clock.
SURROUNDINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Suite",
    "GIT_AUTHOR_EMAIL": "suite@example.com",
    "GIT_COMMITTER_NAME": "Suite",
    "GIT_COMMITTER_EMAIL": "suite@example.com",
    "NO_COLOR": "1",
}


class Repository:
    """A repository that holds the files of one call."""

    def __init__(self, binary: str, folder: Path):
        self.binary = binary
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        return self.run(["git", *arguments], (0,)).stdout

    def planspec(self, *arguments: str, codes: tuple[int, ...] = (0, 1), **more: str) -> dict[str, Any]:
        done = self.run([self.binary, *arguments, "-o", "json"], codes, more)
        return json.loads(done.stdout)

    def run(self, command: list[str], codes: tuple[int, ...], more: dict[str, str] | None = None):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **SURROUNDINGS, **(more or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode not in codes:
            fail(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def put(self, path: str, content: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def take(self, names: list[str]) -> None:
        for name in names:
            self.put(f"{FOLDER}/{os.path.basename(name)}", Path(name).read_bytes())

    def commit(self, message: str = "files") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)


def fail(why: str, code: int = WRONG_USE) -> NoReturn:
    print(f"error: {why}", file=sys.stderr)
    sys.exit(code)


def findings_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    kept = ("code", "severity", "level", "file", "pointer", "line", "message", "help")
    return [{name: one.get(name) for name in kept} for one in answer["findings"]]


def verdict_of(findings: list[dict[str, Any]], is_document: bool) -> str:
    errors = {one["level"] for one in findings if one["severity"] == "error"}
    if not is_document:
        return "invalid" if errors else "valid"
    if "structure" in errors:
        return "invalid"
    if "semantics" in errors:
        return "structure"
    return "semantics" if any(one["level"] == "readiness" for one in findings) else "readiness"


def exit_code(findings: list[dict[str, Any]]) -> int:
    return 1 if any(one["severity"] == "error" for one in findings) else 0


def is_document(name: str) -> bool:
    """By its name, or by what it holds."""
    if re.search(r"\.planspec\.(json|ya?ml)$", name):
        return True
    text = Path(name).read_text(encoding="utf-8", errors="replace")
    has = [re.search(rf'^\s*"?{field}"?\s*:', text, re.MULTILINE) for field in ("identity", "intent", "kind")]
    return bool(has[0] and has[1] and not has[2])


def validate(repository: Repository, files: list[str]) -> int:
    if not files:
        fail("validate FILE...")
    repository.take(files)
    findings = findings_of(repository.planspec("validate"))
    verdict = verdict_of(findings, all(is_document(name) for name in files))
    answer({"verdict": verdict, "findings": findings})
    return exit_code(findings)


def change(repository: Repository, files: list[str]) -> int:
    if len(files) != 2:
        fail("change BEFORE AFTER")
    for name in files:
        repository.take([name])
        repository.commit()
    found = findings_of(repository.planspec("validate", "--base", "HEAD~1"))
    found = [one for one in found if one["code"].startswith("PS4")]
    review = repository.planspec("review", "HEAD~1..HEAD")
    # Of a document it is the plan that has the class, not the Goal beside it.
    subjects = sorted(review["subjects"], key=lambda one: one["resource"]["kind"] != "Plan")
    answer({"class": subjects[0]["class"] if subjects else "none", "findings": found})
    return exit_code(found)


def only_plan(repository: Repository) -> dict[str, Any]:
    plans = repository.planspec("get", "plans", "-A")["items"]
    if len(plans) != 1:
        fail(f"the file holds {len(plans)} plans, and not one", 1)
    return plans[0]


def scope(repository: Repository, arguments: list[str]) -> int:
    step = arguments[1:3] if arguments[1:2] == ["--step"] else []
    paths = arguments[1 + len(step) :]
    if not paths:
        fail("scope FILE [--step STEP] PATH...")
    repository.take(arguments[:1])
    repository.commit()
    name = only_plan(repository)["metadata"]["name"]
    said = repository.planspec("validate", "--scope", name, *step, "--path", *paths, codes=(0, 1, 6))
    words = {"in": "in", "out": "out", "notCheckable": "not checkable"}
    answer({"items": [{"path": one["path"], "verdict": words[one["verdict"]]} for one in said["items"]]})
    return 0


def graph(repository: Repository, files: list[str]) -> int:
    if len(files) != 1:
        fail("graph FILE")
    repository.take(files)
    repository.commit()
    plan = only_plan(repository)
    name, namespace = plan["metadata"]["name"], plan["metadata"]["namespace"]
    drawn = repository.planspec("graph", name, "-n", namespace)
    answer(
        {
            "name": name,
            "digest": digest(repository, plan),
            "nodes": [{"id": node["id"], "kind": node["kind"]} for node in drawn["nodes"]],
            "edges": [{"from": edge["from"], "to": edge["to"], "type": edge["kind"]} for edge in drawn["edges"]],
        }
    )
    return 0


def digest(repository: Repository, plan: dict[str, Any]) -> str | None:
    """What is told to whoever writes the wrong one."""
    resource = {
        "apiVersion": "planspec.io/v1alpha1",
        "kind": "Plan",
        "metadata": {"name": "digest-of-it", "namespace": plan["metadata"]["namespace"]},
        "spec": {"description": "d", "graphDigest": NO_DIGEST, "graph": plan["spec"]["graph"]},
    }
    repository.put(f"{FOLDER}/digest-of-it.json", json.dumps(resource, ensure_ascii=False).encode())
    for one in repository.planspec("validate")["findings"]:
        if one["code"] == "PS306":
            found = re.search(r"sha256:[0-9a-f]{64}", one["help"])
            return found.group() if found else None
    return None


def answer(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    print()


OPERATIONS = {"validate": validate, "change": change, "scope": scope, "graph": graph}


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        fail("planspec.py BINARY OPERATION [ARGUMENT...]")
    binary, operation, *rest = arguments
    found = shutil.which(binary)
    if found is None:
        fail(f"{binary}: no such program")
    if operation not in OPERATIONS:
        fail(f"`{operation}` is not supported", UNSUPPORTED)
    with tempfile.TemporaryDirectory(prefix="planspec-") as folder:
        return OPERATIONS[operation](Repository(os.path.abspath(found), Path(folder)), rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
