"""What only a shell would understand, in commands that no shell runs: they are split into words, and each word is given to the
program as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ._suggest import SPACE, trimmed

_SHELLS = ("sh", "bash", "zsh", "dash", "ksh", "fish", "ash", "busybox")
# Words that start a shell command but are no program.
_WORDS = tuple("! { [[ . cd export source set unset eval exec exit if for while until case".split())
# Words of a list that are operators.
_OPERATORS = tuple("&& || | |& ; & > >> < << 2> 2>> 2>&1 &>".split())
# Programs that take patterns to search for files themselves.
_SEEKERS = ("find", "fd", "git", "grep", "rg", "ls-files")

_IS_SPACE = re.compile(f"[{SPACE}]")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_OF_A_PATH = re.compile(r"[A-Za-z0-9_./*-]*")


class BadCommand(ValueError):
    """A command that has no words; its message says why."""


def words(command: str, arguments: Sequence[str] | None) -> list[str]:
    """The words of a command: the program alone where there are arguments, else split as a shell would."""
    found = [command, *arguments] if arguments is not None else split(command)
    if found is None:
        raise BadCommand("its quotes do not match, so it cannot be split into words")
    if not found or not trimmed(found[0]):
        raise BadCommand("it names no program")
    return found


def split(text: str) -> list[str] | None:
    """A text as the words that a shell makes of it; nothing where a quote is not closed."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t\n":
            at += 1
        elif text[at] == "#":
            at = text.find("\n", at) + 1 or len(text)
        else:
            word = _WORD.match(text, at)
            assert word is not None
            at = word.end()
            if at < len(text) and text[at] not in " \t\n":
                return None
            found.append(_QUOTED.sub(_unquoted, word.group()))
    return found


_PIECES = r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)"""
_QUOTED = re.compile(_PIECES, re.DOTALL)
_WORD = re.compile(rf"(?:{_PIECES}|[^ \t\n'\"\\])*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _unquoted(found: re.Match[str]) -> str:
    single, double, escaped = found.groups()
    if single is not None:
        return str(single)
    if double is not None:
        return _ESCAPED.sub(lambda one: "" if one[1] == "\n" else one[1] if one[1] in '$`"\\' else one[0], double)
    return "" if escaped == "\n" else str(escaped)


def whole_command(program: str) -> list[str] | None:
    """The words of a program's name, where it has more than one: no program is called so."""
    found = split(program)
    return found if found and len(found) > 1 and "/" not in found[0] else None


def in_text(command: str) -> str | None:
    """The first piece of a command that only a shell would understand."""
    command = trimmed(command)
    first = re.split(f"[{SPACE}]", command, maxsplit=1)[0]
    if first in _WORDS:
        return first
    return _Scan(command, is_shell=_base(first) in _SHELLS).run()


class _Scan:
    """One way through a command."""

    def __init__(self, command: str, *, is_shell: bool) -> None:
        self.command = command
        self.is_shell = is_shell
        self.quote = ""
        self.word_from: int | None = None
        self.is_first = True
        self.is_plain = True

    def run(self) -> str | None:
        at = 0
        while at < len(self.command):
            one = self.command[at]
            if one == "\\" and self.quote != "'":
                self._word(at)
                at += 2
                continue
            if self.quote:
                found = self._in_quotes(at, one)
            elif one == "#" and self.word_from is None:
                # The rest of the line is a comment, as in a shell.
                end = self.command.find("\n", at)
                at = end if end >= 0 else len(self.command)
                self._word(at)
                continue
            elif _IS_SPACE.match(one) and one != "\n":
                self.word_from, self.is_plain, self.is_first = None, True, False
                at += 1
                continue
            else:
                found = self._outside(at, one)
            if found is not None:
                return found
            self._word(at)
            at += 1
        return None

    def _word(self, at: int) -> None:
        if self.word_from is None:
            self.word_from = at

    def _rest(self, at: int) -> str:
        """From a place to the end of the word."""
        found = re.compile(f"[{SPACE}]*([^{SPACE}]*)").match(self.command, at)
        return found.group(1) if found else ""

    def _in_quotes(self, at: int, one: str) -> str | None:
        if one == self.quote:
            self.quote = ""
        elif self.quote == '"' and not self.is_shell:
            return self._filled_in(at, one)
        return None

    def _filled_in(self, at: int, one: str) -> str | None:
        """What a shell fills in, in double quotes as well."""
        following = self.command[at + 1 : at + 2]
        is_variable = bool(following) and ((following.isascii() and following.isalnum()) or following in "_{(?#@*!$")
        return self._rest(at) if one == "`" or (one == "$" and is_variable) else None

    def _outside(self, at: int, one: str) -> str | None:
        found = self._filled_in(at, one)
        if found is not None:
            return found
        following = self.command[at + 1 : at + 2]
        if one in "'\"":
            self.quote, self.is_plain = one, False
        elif one == "\n":
            return "a second line"
        elif one in "|&;<>()":
            return re.compile("[|&;<>()]+").match(self.command, at).group()  # type: ignore[union-attr]
        elif one == "~" and self.word_from is None and (following in ("", "/") or _IS_SPACE.match(following)):
            return self._rest(at)
        elif one in "*?[":
            word = self._rest(at if self.word_from is None else self.word_from)
            # A URL may have such a character, and `[` is a program.
            if "://" not in word and (one != "[" or (len(word) > 1 and "]" in word)):
                return word
        elif one == "=" and self.is_first and self.is_plain and _NAME.fullmatch(self.command[:at]):
            return self._rest(0)
        return None


def in_list(given: Sequence[str]) -> tuple[int, str] | None:
    """The first word of a list, given to a program as they are, that only a shell would understand, with its index."""
    if not given:
        return None
    first = given[0]
    program = _base(first)
    if program in _SHELLS:
        return None
    name, sign, _ = first.partition("=")
    if first in _WORDS or (sign and _NAME.fullmatch(name)):
        return 0, first
    takes_commands = any(word in ("-exec", "-execdir", "-ok") for word in given)
    for index, word in enumerate(given[1:], 1):
        before = given[index - 1]
        seeks = program in _SEEKERS or (before.startswith("-") and len(before.encode()) > 2)
        is_operator = word in _OPERATORS and not (takes_commands and word == ";")
        is_pattern = "*" in word and not seeks and _OF_A_PATH.fullmatch(word)
        if is_operator or is_variable(word) or word.startswith("~/") or is_pattern:
            return index, word
    return None


def is_variable(word: str) -> bool:
    """Whether a word is, or holds, a variable that a shell would fill in: ``$NAME``, ``${NAME}``, ``$(COMMAND)``."""

    def named(text: str) -> bool:
        return text.startswith("$") and _NAME.fullmatch(text[1:]) is not None

    def braced(rest: str) -> bool:
        name, sign, _ = rest.partition("}")
        return bool(sign) and _NAME.fullmatch(name) is not None

    parts = re.split("[/:]", word)
    return "$(" in word or named(word) or any(map(named, parts)) or any(map(braced, word.split("${")[1:]))


def _base(program: str) -> str:
    return program.rpartition("/")[2]
