"""What hooks/pack.py makes of a program: python3 tests/release/test_pack.py"""

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
TARGETS = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
]
# A stub with the answers that packing needs from the program.
PROGRAM = f"""#!/bin/sh
case "$*" in
--version) echo "planspec {VERSION}" ;;
"completions --man "*) echo ".TH PLANSPEC 1" >"$3/planspec.1"; echo ".TH PLANSPEC-CLAIM 1" >"$3/planspec-claim.1" ;;
"completions "*) echo "for $2" ;;
*) exit 2 ;;
esac
"""


class Pack(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def pack(self, script=PROGRAM, target=TARGETS[0], out="dist"):
        program = self.folder / "program"
        program.write_text(script)
        program.chmod(0o755)
        words = [sys.executable, ROOT / "hooks/pack.py", program, target, self.folder / out]
        return subprocess.run(words, capture_output=True, text=True)

    def made(self, pattern, out="dist"):
        (found,) = (self.folder / out).glob(pattern)
        return found

    def test_the_archive_has_program_manual_and_completions(self):
        self.assertEqual(self.pack().stderr, "")
        with tarfile.open(self.made("*.tar.gz")) as tar:
            names = set(tar.getnames())
            self.assertEqual(tar.getmember("planspec").mode, 0o755)
            self.assertEqual(tar.extractfile("planspec").read().decode(), PROGRAM)
            self.assertEqual(tar.extractfile("completions/_planspec").read(), b"for zsh\n")
        expected = {"man/man1/planspec.1", "man/man1/planspec-claim.1", "completions/planspec.bash", "LICENSE-MIT", "README.md"}
        self.assertLessEqual(expected, names)

    def test_the_wheel_lists_what_is_in_it_and_its_program_can_be_run(self):
        self.pack()
        with zipfile.ZipFile(self.made("*.whl")) as wheel:
            stem = f"planspec_git-{VERSION}"
            record = wheel.read(f"{stem}.dist-info/RECORD").decode()
            rows = [row for row in csv.reader(io.StringIO(record)) if row[1]]
            self.assertEqual(len(rows) + 1, len(wheel.namelist()))
            for name, digest, size in rows:
                content = wheel.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                self.assertEqual((digest, int(size)), (f"sha256={expected}", len(content)), name)
            self.assertEqual(wheel.getinfo(f"{stem}.data/scripts/planspec").external_attr >> 16, 0o100755)

    def test_the_same_program_makes_the_same_bytes(self):
        self.pack()
        self.pack(out="again")
        for pattern in ("*.tar.gz", "*.whl"):
            self.assertEqual(self.made(pattern).read_bytes(), self.made(pattern, "again").read_bytes())

    def test_archives_are_called_as_others_look_for_them(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        template = re.search(r'^pkg-url = "\{ repo \}/releases/download/v\{ version \}/(.*)"$', manifest, re.M)[1]
        workflow = (ROOT / ".github/workflows/release.yml").read_text()
        self.assertEqual(re.findall(r"target: (\S+-\S+)", workflow), TARGETS)
        for target in TARGETS:
            self.pack(target=target)
            name = template.replace("{ version }", VERSION).replace("{ target }", target)
            self.assertTrue((self.folder / "dist" / name).is_file(), name)
        listed = subprocess.run([ROOT / "hooks/ci.sh", "release", self.folder / "dist"], capture_output=True, text=True)
        self.assertEqual(len(listed.stdout.splitlines()), 1 + len(TARGETS), listed)

    def test_what_cannot_be_released_is_refused(self):
        cases = [
            (PROGRAM, "riscv64gc-unknown-linux-gnu", "no release is made for"),
            (PROGRAM.replace(VERSION, "9.9.9"), TARGETS[0], "9.9.9"),
            (PROGRAM.replace("planspec.1", "planspec.7"), TARGETS[0], "wrote no planspec.1"),
            (PROGRAM.replace('"completions "*)', "nothing)"), TARGETS[0], "planspec completions"),
            ("#!/nowhere\n", TARGETS[0], "No such file"),
        ]
        for script, target, said in cases:
            ran = self.pack(script, target)
            self.assertEqual(ran.returncode, 1, ran)
            self.assertIn(said, ran.stderr)
            self.assertNotIn("Traceback", ran.stderr)
            self.assertFalse((self.folder / "dist").exists(), said)


if __name__ == "__main__":
    unittest.main()
