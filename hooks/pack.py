#!/usr/bin/env python3
"""What a release holds for one machine: an archive, and a wheel for pip.

    hooks/pack.py PROGRAM TARGET FOLDER

PROGRAM is a planspec that was built for TARGET and runs here. The archive has it with its manual pages and completions; the wheel puts it on the
path of a Python environment, so that pre-commit and pip need no Rust toolchain. The same program makes the same bytes (SOURCE_DATE_EPOCH sets the date
in them). Needs Python 3.9 or later, and nothing else.
"""

import base64
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENSES = ("LICENSE-APACHE", "LICENSE-MIT")
COMPLETIONS = {
    "bash": "planspec.bash",
    "elvish": "planspec.elv",
    "fish": "planspec.fish",
    "powershell": "planspec.ps1",
    "zsh": "_planspec",
}
# The platforms of a target, as pip names them. Linux programs are linked statically, and need no C library.
PLATFORMS = {
    **{
        f"{machine}-unknown-linux-{libc}": f"manylinux_2_17_{machine}.manylinux2014_{machine}.musllinux_1_1_{machine}"
        for machine in ("x86_64", "aarch64")
        for libc in ("musl", "gnu")
    },
    "x86_64-apple-darwin": "macosx_10_12_x86_64",
    "aarch64-apple-darwin": "macosx_11_0_arm64",
}
# The earliest time that a zip can store.
EPOCH = max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800)


class Wrong(Exception):
    """What keeps a release from being packed."""


def package():
    """Name, version, description and licence, from the first section of Cargo.toml."""
    first = (ROOT / "Cargo.toml").read_text().split("\n[", 2)[0]
    return dict(re.findall(r'^([a-z-]+) = "([^"]*)"$', first, re.M))


def says(program, *words):
    ran = subprocess.run([program, *words], capture_output=True)
    if ran.returncode:
        raise Wrong(f"`planspec {' '.join(words)}` ended with {ran.returncode}: {ran.stderr.decode(errors='replace').strip()}")
    return ran.stdout


def manual_pages(program):
    with tempfile.TemporaryDirectory() as folder:
        says(program, "completions", "--man", folder)
        pages = {page.name: page.read_bytes() for page in Path(folder).glob("*.1")}
    if "planspec.1" not in pages:
        raise Wrong("`planspec completions --man` wrote no planspec.1")
    return pages


def archive(program, version):
    """The files of the archive: path → content."""
    said = says(program, "--version").decode()
    if version not in said.split():
        raise Wrong(f"{program} says that it is `{said.strip()}`, and Cargo.toml has version {version}")
    files = {"planspec": program.read_bytes()}
    files |= {name: (ROOT / name).read_bytes() for name in (*LICENSES, "README.md")}
    files |= {f"completions/{name}": says(program, "completions", shell) for shell, name in COMPLETIONS.items()}
    files |= {f"man/man1/{name}": page for name, page in manual_pages(program).items()}
    return files


def tar_gz(files):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), EPOCH, 0o755 if name == "planspec" else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(inner.getvalue(), mtime=EPOCH)


def wheel(program, about, platforms):
    """Name and bytes of a wheel: a zip whose RECORD lists what is in it."""
    stem = f"{about['name'].replace('-', '_')}-{about['version']}"
    tags = "".join(f"Tag: py3-none-{platform}\n" for platform in platforms.split("."))
    metadata = (
        f"Metadata-Version: 2.4\nName: {about['name']}\nVersion: {about['version']}\nSummary: {about['description']}\n"
        f"License-Expression: {about['license']}\n" + "".join(f"License-File: {name}\n" for name in LICENSES) +
        "Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n"
        "The `planspec` program as a wheel: it puts the program on the path, and holds no Python module.\n"
    )
    files = {
        f"{stem}.data/scripts/planspec": program.read_bytes(),
        **{f"{stem}.dist-info/licenses/{name}": (ROOT / name).read_bytes() for name in LICENSES},
        f"{stem}.dist-info/METADATA": metadata.encode(),
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: planspec\nRoot-Is-Purelib: false\n{tags}".encode(),
    }
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    return f"{stem}-py3-none-{platforms}.whl", zipped(files)


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, time.gmtime(EPOCH)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            # A Unix file; pip keeps it executable.
            entry.create_system = 3
            entry.external_attr = (0o100755 if name.endswith("/scripts/planspec") else 0o100644) << 16
            zip_file.writestr(entry, content)
    return out.getvalue()


def main(program, target, folder):
    if target not in PLATFORMS:
        raise Wrong(f"no release is made for `{target}`: {', '.join(PLATFORMS)}")
    about = package()
    program, folder = Path(program).resolve(), Path(folder)
    packed = {f"planspec-{about['version']}-{target}.tar.gz": tar_gz(archive(program, about["version"]))}
    name, content = wheel(program, about, PLATFORMS[target])
    packed[name] = content
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in packed.items():
        (folder / name).write_bytes(content)
        print(folder / name)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: hooks/pack.py PROGRAM TARGET FOLDER")
    try:
        main(*sys.argv[1:])
    except (Wrong, OSError, ValueError) as wrong:
        sys.exit(f"error: {wrong}")
