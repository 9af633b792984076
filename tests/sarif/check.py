"""SARIF as OASIS has it: what `validate` and `review` write for code scanning is held against the schema of the standard.

    python3 tests/sarif/check.py PLANSPEC SCHEMA

PLANSPEC is the program, SCHEMA the file sarif-schema-2.1.0.json of the OASIS committee. It takes the package `jsonschema`. The
wrong example of each page in docs/rules is validated, and all of them together are reviewed.
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from jsonschema import Draft7Validator, FormatChecker

planspec, schema_file = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
schema = json.loads(schema_file.read_text(encoding="utf-8"))
assert schema["$id"].endswith("/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"), schema["$id"]
Draft7Validator.check_schema(schema)
checker = FormatChecker()
for needed in ("uri", "uri-reference", "date-time"):
    assert needed in checker.checkers, f"nothing here checks {needed}: install jsonschema[format-nongpl]"
validator = Draft7Validator(schema, format_checker=checker)
pages = pathlib.Path(__file__).resolve().parents[2] / "docs" / "rules"


def git(folder, *words):
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def wrong_examples():
    for page in sorted(pages.glob("PS*.md")):
        section = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.M)
        wrong = next((part for part in section if part.startswith("Wrong")), "")
        for number, block in enumerate(re.findall(r"^```ya?ml\n(.*?)^```", wrong, flags=re.M | re.S)):
            kind = ".planspec.yaml" if re.search(r"^identity:", block, flags=re.M) else ".yaml"
            yield page.stem, f"{number}{kind}", block


def written(folder, *words):
    """What the program writes beside its answer."""
    file = folder / "findings.sarif"
    file.unlink(missing_ok=True)
    ran = subprocess.run([planspec, *words, "--out", f"sarif={file}"], cwd=folder, capture_output=True, text=True)
    assert ran.returncode in (0, 1) and file.exists(), f"{words}: {ran.stderr}"
    return json.loads(file.read_text(encoding="utf-8"))


def check(name, log):
    wrong = [f"{name}: /{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(log)]
    assert not wrong, "\n".join(wrong)
    return log["runs"][0]["results"]


with tempfile.TemporaryDirectory() as root:
    codes, count, last = set(), 0, None
    for page, name, text in wrong_examples():
        folder = pathlib.Path(root, page)
        if not folder.exists():
            (folder / "planspec").mkdir(parents=True)
            git(folder, "init", "-q", "-b", "main")
        (folder / "planspec" / name).write_text(text, encoding="utf-8")
    for folder in sorted(pathlib.Path(root).iterdir()):
        log = written(folder, "validate")
        results = check(folder.name, log)
        codes.update(result["ruleId"] for result in results)
        count += len(results)
        last = log if results else last
    assert len(codes) >= 60, f"only {len(codes)} rules were seen: {sorted(codes)}"

    # The rules about changes, in files whose names have to be escaped in URLs.
    folder = pathlib.Path(root, "review")
    (folder / "planspec").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    gate = (
        "apiVersion: planspec.io/v1alpha1\nkind: Gate\nmetadata: {name: sign, namespace: default}\n"
        "spec: {gateType: approval, targetRef: {kind: Plan, name: p}, reviewers: [ana@example.com, ben@example.com], "
        "requiredApprovers: %s}\n"
    )
    file = folder / "planspec" / "späte Datei #1%.yaml"
    file.write_text(gate % 2, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    file.write_text(gate % 1, encoding="utf-8")
    git(folder, "commit", "-qam", "two")
    results = check("review", written(folder, "review", "HEAD~1..HEAD"))
    assert any(result["ruleId"] == "PS407" for result in results), results

    # The schema has to reject something.
    for spoil in (
        lambda run: run["results"][0].update(level="fatal"),
        lambda run: run["results"][0].pop("message"),
        lambda run: run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].update(uri="a b"),
    ):
        spoiled = copy.deepcopy(last)
        spoil(spoiled["runs"][0])
        assert any(validator.iter_errors(spoiled)), "the schema lets everything pass"
print(f"{count} results of {len(codes)} rules, and a review: SARIF 2.1.0")
