"""Globs over paths of a repository: ``*`` stays within one folder, ``**`` does not, ``{a,b}`` is either.

A glob becomes a small machine that reads a path character by character and keeps every state that it may be in. So the time to
match grows with the lengths of glob and path, however many stars there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Test = Callable[[str], bool]

_SLASH = "/"


class BadGlob(ValueError):
    """A text that is not a glob; its message says why."""


@dataclass(slots=True, eq=False)
class _Token:
    """A part of a glob."""

    kind: str
    # Whether it matches a character.
    test: Test | None = None
    literal: str = ""
    # The alternatives.
    branches: list[list[_Token]] = field(default_factory=list)


def _is_empty(tokens: list[_Token]) -> bool:
    return all(token.kind == "alternates" and not token.branches for token in tokens)


class _Parser:
    """From the text of a glob to its parts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.next = 0
        self.previous = ""
        self.current = ""
        self.branches: list[list[_Token]] = [[]]
        self.alternates: list[int] = []

    def run(self) -> list[_Token]:
        while character := self._bump():
            if character == "?":
                self._push(_Token("one", _is_no_slash))
            elif character == "*":
                self._star()
            elif character == "[":
                self._class()
            elif character == "{":
                self.alternates.append(len(self.branches))
                self.branches.append([])
            elif character == "}":
                self._end_alternates()
            elif character == "," and self.alternates:
                self.branches.append([])
            elif character == "\\":
                self._escape()
            else:
                self._push(_Token("literal", literal=character))
        if len(self.branches) > 1:
            raise BadGlob("unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)")
        return self.branches[0]

    def _bump(self) -> str:
        self.previous = self.current
        self.current = self.text[self.next : self.next + 1]
        self.next += len(self.current)
        return self.current

    def _peek(self) -> str:
        return self.text[self.next : self.next + 1]

    def _push(self, token: _Token) -> None:
        if not self.branches:
            raise BadGlob("unopened alternate group; missing '{' (maybe escape '}' with '[}]'?)")
        self.branches[-1].append(token)

    def _escape(self) -> None:
        character = self._bump()
        if not character:
            raise BadGlob("dangling '\\'")
        self._push(_Token("literal", literal=character))

    def _end_alternates(self) -> None:
        if not self.alternates:
            raise BadGlob("unopened alternate group; missing '{' (maybe escape '}' with '[}]'?)")
        start = self.alternates.pop()
        branches = [branch for branch in self.branches[start:] if not _is_empty(branch)]
        del self.branches[start:]
        self._push(_Token("alternates", branches=branches))

    def _star(self) -> None:
        previous = self.previous
        if self._peek() != "*":
            return self._push(_Token("star"))
        self._bump()
        behind = self._peek()
        if not self.branches[-1]:
            if behind in ("", "/"):
                self._bump()
                return self._push(_Token("prefix"))
            return self._push(_Token("star"))
        begins_branch = len(self.branches) > 1 and previous in (",", "{")
        if previous != "/" and not begins_branch:
            return self._push(_Token("star"))
        ends_branch = behind in (",", "}") and len(self.branches) >= 2
        if behind not in ("", "/") and not ends_branch:
            return self._push(_Token("star"))
        if not ends_branch:
            self._bump()
        last = self.branches[-1].pop()
        if last.kind in ("prefix", "suffix"):
            return self._push(last)
        self._push(_Token("between" if behind == "/" else "suffix"))

    def _class(self) -> None:
        negated = self._peek() in ("!", "^") and bool(self._bump())
        ranges: list[tuple[str, str]] = []
        in_range = False
        while True:
            character = self._bump()
            if not character:
                raise BadGlob("unclosed character class; missing ']'")
            if character == "]" and ranges:
                break
            if character == "-" and ranges and not in_range:
                in_range = True
                continue
            if in_range:
                first = ranges[-1][0]
                if character < first:
                    raise BadGlob(f"invalid range; '{first}' > '{character}'")
                ranges[-1] = (first, character)
                in_range = False
            else:
                ranges.append((character, character))
        if in_range:
            ranges.append(("-", "-"))
        self._push(_Token("one", _within(ranges, negated)))


def _within(ranges: list[tuple[str, str]], negated: bool) -> Test:
    return lambda one: any(low <= one <= high for low, high in ranges) != negated


# An instruction of the machine: matches a character, or continues at several places at once.
_Instruction = tuple[Test | None, list[int]]


class Glob:
    """A glob, ready to be held against paths."""

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = _Parser(text).run()
        self._program: list[_Instruction] = []
        if len(tokens) == 1 and tokens[0].kind == "prefix":
            self._repeat(_any)
        else:
            self._emit(tokens)

    def matches(self, path: str) -> bool:
        """Whether it means the file at a path."""
        end = len(self._program)
        states = self._reached([0])
        for one in path:
            into = []
            for state in states:
                if state < end:
                    test, _ = self._program[state]
                    if test is not None and test(one):
                        into.append(state + 1)
            states = self._reached(into)
            if not states:
                return False
        return end in states

    def _reached(self, into: list[int]) -> set[int]:
        """Every state that is reached without reading a character."""
        seen: set[int] = set()
        while into:
            state = into.pop()
            if state in seen:
                continue
            seen.add(state)
            if state < len(self._program):
                test, others = self._program[state]
                if test is None:
                    into.extend(others)
        return seen

    def _read(self, test: Test) -> None:
        self._program.append((test, []))

    def _fork(self, *others: int) -> list[int]:
        places = list(others)
        self._program.append((None, places))
        return places

    def _repeat(self, test: Test) -> None:
        start = len(self._program)
        places = self._fork(start + 1)
        self._read(test)
        self._fork(start)
        places.append(len(self._program))

    def _emit(self, tokens: list[_Token]) -> None:
        todo: list[_Token | _Here] = list(reversed(tokens))
        while todo:
            one = todo.pop()
            if isinstance(one, _Here):
                one.reached(self)
            elif one.kind != "alternates":
                self._part(one)
            elif one.branches:
                todo += reversed(self._alternates(one))

    def _alternates(self, token: _Token) -> list[_Token | _Here]:
        begins = self._fork()
        ends: list[list[int]] = []
        todo: list[_Token | _Here] = []
        for branch in token.branches:
            todo += [_Here([begins]), *branch, _Here([], ends)]
        return [*todo, _Here(ends)]

    def _part(self, token: _Token) -> None:
        if token.kind == "literal":
            self._read(_is(token.literal))
        elif token.kind == "one" and token.test is not None:
            self._read(token.test)
        elif token.kind == "star":
            self._repeat(_is_no_slash)
        elif token.kind == "prefix":
            self._maybe_up_to_slash()
        elif token.kind == "suffix":
            self._read(_is(_SLASH))
            self._repeat(_any)
        else:
            self._read(_is(_SLASH))
            self._maybe_up_to_slash()

    def _maybe_up_to_slash(self) -> None:
        """Nothing, or anything up to a slash."""
        places = self._fork(len(self._program) + 1)
        self._repeat(_any)
        self._read(_is(_SLASH))
        places.append(len(self._program))


@dataclass(slots=True)
class _Here:
    """A place of the program: forks that lead to it, and where another fork is to be noted that leads away."""

    forks: list[list[int]]
    away: list[list[int]] | None = None

    def reached(self, glob: Glob) -> None:
        for places in self.forks:
            places.append(len(glob._program))
        if self.away is not None:
            self.away.append(glob._fork())


def _is(wanted: str) -> Test:
    return lambda one: one == wanted


def _is_no_slash(one: str) -> bool:
    return one != _SLASH


def _any(_: str) -> bool:
    return True


def misleading(text: str) -> tuple[str, str] | None:
    """Why a glob matches nothing, or not what it looks like, and what to write instead."""
    if text.startswith("!"):
        help = f"leave it out: what is not named is not meant; a file of that name is `[!]{text[1:]}`"
        return f"`{text}` excludes nothing, it is a path that begins with `!`", help
    if "\\" in text:
        fixed = text.replace("\\", "/")
        return f"`{text}` has a backslash, which does not separate folders", f"write `{fixed}`"
    if ".." in text.split("/"):
        help = "write the path from the repository's root, as `git ls-files` prints it"
        return f"`{text}` has a part `..`, which repository paths cannot have", help
    if text.startswith("*.") and "/" not in text:
        help = f"write `**/{text}` for all folders, or the names of the files"
        return f"`{text}` matches only files in the root folder", help
    return None
