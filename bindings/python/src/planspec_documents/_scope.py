"""What a scope says about files: the entries that begin with ``path:``.

Such an entry is a glob over paths from the repository's root. One that is a folder, or whose last part has no wildcard
and so may be one, covers everything below it. ``out_of_scope`` wins. The other entries are for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._findings import Path
from ._globs import BadGlob, Glob
from ._suggest import trimmed

PREFIX = "path:"
_LONGEST = 1000


def entries(scope: Any) -> Iterator[tuple[Path, str]]:
    """The entries of both lists, with their places."""
    for name in ("in_scope", "out_of_scope"):
        for index, text in enumerate(scope[name]):
            yield ("scope", name, index), text


def globs(text: str) -> list[Glob] | None:
    """The globs of an entry; nothing where it is not about files."""
    if not text.startswith(PREFIX):
        return None
    written = trimmed(text.removeprefix(PREFIX))
    # A path from the root may be written as such.
    path = written.removeprefix("./") if written.startswith("./") else written.removeprefix("/")
    is_folder = path.endswith("/")
    path = path.rstrip("/")
    if not path:
        raise BadGlob("it names nothing")
    if len(path) > _LONGEST:
        raise BadGlob(f"it is longer than {_LONGEST} characters")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise BadGlob(f"a repository path cannot contain `{part}`")
    last = path.rpartition("/")[2]
    own = Glob(path)
    if is_folder:
        return [Glob(f"{path}/**")]
    if any(sign in last for sign in "*?["):
        return [own]
    return [own, Glob(f"{path}/**")]
