#!/usr/bin/env python3
"""Speak the runner protocol for the `planspec` binary: planspec.py BINARY OPERATION [ARGUMENT...]

Needs Git, `ssh-keygen`, and `gpg` for cases with OpenPGP keys. Each call makes a repository of its own in a temporary folder, puts the files there, and asks the binary as a
person would.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

WRONG_USE, UNSUPPORTED = 2, 3
FOLDER = "planspec"
STATUS = "refs/heads/planspec/status"
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

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        return self.run(["git", *arguments], (0,), stdin=stdin).stdout

    def planspec(self, *arguments: str, codes: tuple[int, ...] = (0, 1), **more: str) -> dict[str, Any]:
        done = self.run([self.binary, *arguments, "-o", "json"], codes, more)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def run(
        self,
        command: list[str],
        codes: tuple[int, ...],
        more: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            input=stdin,
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

    def key(self, name: str) -> Path:
        """A key of that name, made when it is first asked for; the file of its public half."""
        file = self.folder / ".git" / f"key-{name}"
        if not file.exists():
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)]
            self.run(made, (0,))
        return file.with_suffix(".pub")

    def with_keys(self, text: str) -> str:
        """The text with the public halves of the keys that it names."""
        return re.sub(r"\$\{key:([^}]+)\}", lambda match: self.key(match.group(1)).read_text().rsplit(" ", 1)[0], text)

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
    plan: dict[str, Any] = plans[0]
    return plan


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


KINDS = ("goals", "plans", "capabilities", "bindings", "gates", "executions")
MOST_LETTERS, KEPT_LETTERS = 100, 80


class Keyring:
    """OpenPGP keys of a case, in a home of their own."""

    def __init__(self, repository: Repository, keys: dict[str, str]):
        self.repository = repository
        self.home = repository.folder / ".git" / "openpgp"
        self.fingerprints: dict[str, str] = {}
        if keys and shutil.which("gpg") is None:
            fail("this case needs `gpg`", UNSUPPORTED)
        if keys:
            self.home.mkdir(mode=0o700)
        for name, secret in keys.items():
            self.gpg("--import", stdin=secret)
            listed = self.gpg("--import-options", "show-only", "--import", stdin=secret)
            self.fingerprints[name] = re.findall(r"^fpr:+([0-9A-F]+):", listed, re.MULTILINE)[0]

    def gpg(self, *arguments: str, stdin: str | None = None) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--with-colons", *arguments]
        return self.repository.run(command, (0,), stdin=stdin).stdout

    def sign_with(self, name: str, time: str) -> None:
        """Have Git sign with this key as if it were that time."""
        if name not in self.fingerprints:
            fail(f"there is no OpenPGP key `{name}`", 1)
        day = re.sub("[-:Z]", "", time)
        program = self.repository.folder / ".git" / "gpg-then"
        program.write_text(
            f"#!/bin/sh\nexec gpg --homedir {shlex.quote(str(self.home))} --batch --faked-system-time {day} \"$@\"\n"
        )
        program.chmod(0o700)
        self.repository.git("config", "gpg.format", "openpgp")
        self.repository.git("config", "gpg.program", str(program))
        self.repository.git("config", "user.signingkey", f"{self.fingerprints[name]}!")

    def close(self) -> None:
        """End the agent that gpg has started."""
        if self.fingerprints:
            self.repository.run(["gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent"], (0,))


class Inbox:
    """Records on their refs, as any Git client writes them."""

    def __init__(self, repository: Repository, keyring: Keyring):
        self.repository = repository
        self.keyring = keyring
        self.ids: dict[str, str] = {}
        self.count = 0

    def put(self, record: dict[str, Any], time: str) -> None:
        self.count += 1
        record = dict(record)
        label, ref = record.pop("label", None), record.pop("ref", None)
        begins_anew, beside = record.pop("beginsAnew", False), record.pop("beside", {})
        left_out, is_amended = record.pop("without", []), record.pop("amended", False)
        is_signed = self.choose_key(record.pop("key", None), record.pop("openpgp", None), record.pop("signed", time))
        named = record.pop("run", None)
        run = self.run_of(named) if named else {}
        body = {
            "apiVersion": "records.planspec.io/v1",
            "repository": self.repository_id(),
            **({"execution": {name: run["metadata"][name] for name in ("namespace", "name", "uid")}} if run else {}),
            "time": time,
            "nonce": f"{self.count:016x}",
            "minor": 1,
            **record,
        }
        body = self.filled(body, run)
        name = f"refs/planspec/{self.filled(ref, run) if ref else ref_of(body)}"
        kept = {field: value for field, value in body.items() if field not in left_out}
        behind = None if begins_anew else name
        commit = self.commit({"record.yaml": json.dumps(kept), **beside}, behind, is_signed)
        commit = self.amended(commit) if is_amended else commit
        self.repository.git("update-ref", name, commit)
        if label:
            self.ids[label] = commit

    def choose_key(self, ssh: str | None, openpgp: str | None, time: str) -> bool:
        """Have Git sign with a key, if one is named."""
        if openpgp:
            self.keyring.sign_with(openpgp, time)
        elif ssh:
            self.repository.git("config", "gpg.format", "ssh")
            self.repository.git("config", "user.signingkey", str(self.repository.key(ssh)))
        return bool(ssh or openpgp)

    def amended(self, commit: str) -> str:
        """A commit with another message under the signature of this one."""
        text = self.repository.git("cat-file", "commit", commit)
        return self.repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{text}amended\n").strip()

    def run_of(self, name: str) -> dict[str, Any]:
        runs: list[dict[str, Any]] = self.repository.planspec("get", "executions", "-A")["items"]
        for run in runs:
            if run["metadata"]["name"] == name and "uid" in run["metadata"]:
                return run
        fail(f"no status knows an execution `{name}`", 1)

    def repository_id(self) -> str:
        text = self.repository.git("show", f"{STATUS}:controller.yaml")
        found = re.search(r'^repositoryId: "?([0-9a-f-]+)"?$', text, re.MULTILINE)
        return found.group(1) if found else fail("controller.yaml has no repositoryId", 1)

    def filled(self, value: Any, run: dict[str, Any]) -> Any:
        """The value with everything in it that is known only now."""
        text = json.dumps(value)
        nodes = run.get("status", {}).get("nodeStatuses", {})

        def known(match: re.Match[str]) -> str:
            what, _, name = match.group(1).partition(":")
            if what == "record":
                return self.ids[name]
            if what == "digest":
                return str(nodes[name]["extensions"]["decision"]["digest"])
            if what == "uid":
                return str(run["metadata"]["uid"])
            return self.repository.git("rev-parse", "main").strip()

        return json.loads(re.sub(r"\$\{((?:record|digest):[^}]+|uid|commit)\}", known, text))

    def commit(self, files: dict[str, str], behind: str | None, is_signed: bool) -> str:
        git = self.repository.git
        # JSON is YAML.
        blobs = {name: git("hash-object", "-w", "--stdin", stdin=text).strip() for name, text in files.items()}
        tree = git("mktree", stdin="".join(f"100644 blob {blob}\t{name}\n" for name, blob in blobs.items())).strip()
        before = git("for-each-ref", "--format=%(objectname)", behind).strip() if behind else ""
        signed = ["-S"] if is_signed else []
        return git("commit-tree", tree, *(["-p", before] if before else []), *signed, "-m", "record").strip()


def ref_of(record: dict[str, Any]) -> str:
    kind = record["kind"]
    if kind == "Archive":
        return f"requests/_repository/{record['nonce']}"
    run = "/".join(record["execution"][name] for name in ("namespace", "name", "uid"))
    actor = escaped(record["actor"])
    node = f"{run}/{record.get('node')}/{record.get('attempt')}"
    if kind == "Review":
        return f"reviews/{record['gate']}/{record['execution']['uid']}/{actor}"
    if kind == "Verification":
        return f"verifications/{node}/{actor}"
    if kind == "Attestation":
        return f"attestations/{run}/{escaped(record['criterion'])}/{actor}"
    if kind == "Answer":
        return f"answers/{node}/{record['question'][:12]}/{actor}"
    if kind == "Request":
        return f"requests/{run}/{record['nonce']}"
    return f"work/{node}"


def escaped(text: str) -> str:
    """Free text as a part of a ref."""
    kept = re.compile(r"[a-z0-9_-]")
    letters = "".join(chr(byte) if kept.match(chr(byte)) else f"%{byte:02X}" for byte in text.encode())
    if len(letters) <= MOST_LETTERS:
        return letters
    return f"{letters[:KEPT_LETTERS]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def reconcile(repository: Repository, arguments: list[str]) -> int:
    if len(arguments) != 1:
        fail("reconcile FILE")
    repository.git("config", "user.email", "suite@example.com")
    described = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    keyring = Keyring(repository, described.get("openpgpKeys", {}))
    try:
        answer({"turns": reconciled(repository, Inbox(repository, keyring), described["turns"])})
    finally:
        keyring.close()
    return 0


def reconciled(repository: Repository, inbox: Inbox, turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said = []
    for turn in turns:
        change_files(repository, turn.get("files", {}))
        for record in turn.get("records", []):
            inbox.put(record, turn["time"])
        repository.planspec("reconcile", PLANSPEC_NOW=turn["time"])
        said.append({"status": statuses(repository)})
    return said


def change_files(repository: Repository, files: dict[str, str | None]) -> None:
    for path, content in files.items():
        if content is None:
            (repository.folder / path).unlink()
        else:
            repository.put(path, repository.with_keys(content).encode())
    if files:
        repository.commit()


def statuses(repository: Repository) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in KINDS:
        for one in repository.planspec("get", kind, "-A")["items"]:
            # Of an archived run, `get` tells what its tombstone says.
            if one.get("status", {}).get("reason") != "Archived":
                found.setdefault(one["kind"], {})[one["metadata"]["name"]] = one.get("status", {})
    # Of a run whose file has gone only the status branch knows.
    runs = found.setdefault("Execution", {})
    for path in repository.git("ls-tree", "-r", "--name-only", STATUS).splitlines():
        namespace, *rest = path.split("/")
        name = path.rpartition("/")[2].removesuffix(".yaml")
        if rest[:1] == ["executions"] and name not in runs:
            described = repository.planspec("describe", "execution", name, "-n", namespace)
            runs[name] = described["resource"]["status"]
    for status in (status for of_kind in found.values() for status in of_kind.values()):
        status["conditions"] = {each["type"]: each for each in status.get("conditions", [])}
    return found


def answer(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    print()


OPERATIONS = {"validate": validate, "change": change, "scope": scope, "graph": graph, "reconcile": reconcile}


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
