"""The small languages inside of documents: globs, conditions, references, commands, patterns, times, versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planspec_documents import _globs, _patterns, _secrets, _shell, _templates, _times, _versions, _when
from planspec_documents._scope import globs


def covers(glob: str, path: str) -> bool:
    return _globs.Glob(glob).matches(path)


@pytest.mark.parametrize(
    ("glob", "within", "without"),
    [
        ("shop/*.py", ["shop/a.py", "shop/.py"], ["shop/a/b.py", "a.py", "shop/a.pyc"]),
        ("shop/**", ["shop/a", "shop/a/b"], ["shop", "shopping"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["b/ax", "xa"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("a{b,c/d}e", ["abe", "ac/de"], ["ae", "abce"]),
        ("a[b-d]e", ["abe", "ade"], ["aae", "abbe"]),
        ("a[!b-d]e", ["aae", "aée"], ["abe"]),
        ("a?c", ["abc", "aéc", "a😀c"], ["ac", "a/c"]),
        (r"a\*c", ["a*c"], ["abc"]),
        ("[*]", ["*"], ["a"]),
    ],
)
def test_globs(glob: str, within: list[str], without: list[str]) -> None:
    assert [path for path in within + without if covers(glob, path)] == within


@pytest.mark.parametrize("text", ["[a", "{a", "a}", "{a,{b}", "[b-a]", "a\\"])
def test_what_is_no_glob(text: str) -> None:
    with pytest.raises(_globs.BadGlob):
        _globs.Glob(text)


@given(st.text("ab/*?[]{},!\\-", max_size=12), st.text("ab/", max_size=12))
def test_a_glob_is_one_or_is_refused(glob: str, path: str) -> None:
    try:
        covers(glob, path)
    except _globs.BadGlob as error:
        assert str(error)


@given(st.lists(st.sampled_from(["a", "b", "/", "?", "*", "[ab]", "[!a]"]), max_size=8), st.text("ab/", max_size=8))
def test_globs_are_as_regular_expressions(parts: list[str], path: str) -> None:
    glob = "".join(parts)
    if "**" in glob:
        return
    # A class may match a slash, as the glob language specifies.
    pattern = glob.replace("[!a]", "[^a]").replace("?", "[^/]").replace("*", "[^/]*")
    assert covers(glob, path) == bool(re.fullmatch(pattern, path))


def test_a_glob_takes_no_time_that_doubles() -> None:
    # Trying every way would take years.
    assert not covers("*a" * 60 + "b", "a" * 400)
    assert not covers("**/a/" * 30 + "b", "a/" * 200)


def test_an_entry_of_a_scope_covers_what_is_below() -> None:
    assert all(any(one.matches(path) for one in globs("path:shop/till") or []) for path in ("shop/till", "shop/till/a"))
    assert globs("Everything about the till") is None


@pytest.mark.parametrize(
    ("text", "nodes", "codes"),
    [
        ('nodes["a"].phase == "Succeeded"', ["a"], []),
        ("nodes.a.outputs.x > 3 && nodes.b.outputs.y", ["a", "b"], []),
        ('has(nodes.a.outputs.x) || parameters["y"] == 1', ["a"], []),
        ('nodes.a.phase == "Suceeded"', ["a"], ["PS311"]),
        ("nodes.a.colour", ["a"], ["PS311"]),
        ("1 +", [], ["PS112"]),
        ("(" * 500 + "1" + ")" * 500, [], ["PS112"]),
        ("a" * 1025, [], ["PS112"]),
    ],
)
def test_conditions(text: str, nodes: list[str], codes: list[str]) -> None:
    condition = _when.read(text)
    assert [one.code for one in condition.mistakes] == codes
    assert codes or sorted(one.node for one in condition.mentions) == nodes


@given(st.text("nodes.a[]\"'()&|=!<>+-*/ 1\\{}:,?", max_size=30))
def test_a_condition_is_one_or_is_refused(text: str) -> None:
    assert all(one.code in ("PS112", "PS311") and one.message for one in _when.read(text).mistakes)


def test_references() -> None:
    text = "from ${nodes.a.outputs.x:-${nodes.b.outputs.y:-none}} to ${parameters.oven}"
    assert [(one.node, one.output) for one in _templates.mentions(text)] == [("a", "x"), ("b", "y")]
    for bad in ("${", "${a", "${nodes.a}", "${nodes.a.outputs.x:-${nodes.b.outputs.y}"):
        with pytest.raises(_templates.BadReference):
            _templates.mentions(bad)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("make test", ["make", "test"]),
        ('a \'b c\' "d \\" e" f\\ g', ["a", "b c", 'd " e', "f g"]),
        ("a # b", ["a"]),
        ("a 'b", None),
        ('a "b', None),
    ],
)
def test_words_of_commands(command: str, words: list[str] | None) -> None:
    assert _shell.split(command) == words


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("make test", None),
        ("make && make", "&&"),
        ("cat a | b", "|"),
        ("echo $HOME", "$HOME"),
        ("echo '$HOME'", None),
        ("cd src", "cd"),
        ("ls *.md", "*.md"),
        ("sh -c 'a | b'", None),
    ],
)
def test_what_takes_a_shell(command: str, shown: str | None) -> None:
    assert _shell.in_text(command) == shown


@given(st.text("a'\"\\ #\n|&$*~<>;=", max_size=20))
def test_any_command_has_an_answer(command: str) -> None:
    _shell.in_text(command)
    found = _shell.split(command)
    assert found is None or all(isinstance(one, str) for one in found)


@pytest.mark.parametrize("text", ["a+", "(?P<a>b)|c{2,3}", r"\d\pL[\w--a]", "(?i:a)", "[^]a]", r"\x{1F600}"])
def test_patterns(text: str) -> None:
    _patterns.check(text)


@pytest.mark.parametrize("text", ["(a", "a)", "[a", "*", "a{2,1}", r"(a)\1", "(?=a)", r"\y", "[b-a]", "(?P<a>x)(?P<a>y)"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(_patterns.BadPattern):
        _patterns.check(text)


def test_patterns_nest_without_end() -> None:
    for text in ("(" * 100_000, "(" * 100_000 + ")" * 100_000, "[" * 100_000):
        try:
            _patterns.check(text)
        except _patterns.BadPattern as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2026-03-02T07:30:00Z", True),
        ("2026-03-02T07:30:00.123456789+05:45", True),
        ("2024-02-29T00:00:00Z", True),
        ("2016-12-31T23:59:60Z", True),
        ("2016-12-31T12:00:60Z", False),
        ("2026-02-29T00:00:00Z", False),
        ("2026-03-02T07:30:00", False),
        ("2026-03-02", False),
        ("2026-03-02T24:00:00Z", False),
        ("２026-03-02T07:30:00Z", False),
    ],
)
def test_times(text: str, is_time: bool) -> None:
    assert _times.is_rfc3339(text) == is_time


def test_the_same_time_in_other_words() -> None:
    groups = [
        ["2026-03-02T07:30:00Z", "2026-03-02T08:30:00+01:00", "2026-03-02 07:30:00.000Z", "2026-03-02T07:30"],
        ["2026-03-02T07:30:00.5Z", "2026-03-02T07:30:00.50Z", "2026-03-02t02:00:00.5-05:30"],
        ["2026-03-02", "2026-03-02T00:00:00Z"],
        ["2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00"],
        ["2016-12-31T23:59:59Z"],
        ["0001-01-01T00:00:00+23:00"],
        ["soon"],
    ]
    instants = [{_times.instant(text) for text in group} for group in groups]
    assert [len(one) for one in instants] == [1] * len(groups)
    assert len(set().union(*instants)) == len(groups)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("7d", 604800),
        ("1", None),
        ("", None),
        ("1.5h", 5400),
        ("-1h", None),
        ("9" * 30 + "h", None),
    ],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert _times.nanoseconds(text) == (None if seconds is None else seconds * 10**9)


def test_versions() -> None:
    steps: list[tuple[str, str, int | None]] = [("1.2.3", "1.2.4", 2), ("1.2.3", "1.3.0", 1), ("1.2.3", "2.0.0", 0)]
    steps += [("1.2", "1.2.0", None), ("2.0.0", "1.9.9", None), ("1.9.0", "1.10.0", 1), ("1.0.0-rc.1", "1.0.0", 0)]
    for was, is_, step in steps:
        assert _versions.step(was, is_) == step
    assert _versions.is_numbered("1.0") and not _versions.is_numbered("summer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://mia:tr0ub4dor@bread.example/", True),
        ("https://bread.example/a@b", False),
        ("https://mia@bread.example/", False),
        ("https://mia:$PASSWORD@bread.example/", False),
        ("see https://bread.example/?access_token=f00dfeed", True),
        ("bread", False),
    ],
)
def test_credentials(text: str, expected: bool) -> None:
    assert _secrets.has_credential(text) == expected


@given(st.text())
def test_any_text_is_looked_at(text: str) -> None:
    looks: list[Callable[[str], Any]] = [_secrets.has_credential, _times.meant, _times.nanoseconds, _versions.is_numbered]
    for look in looks:
        look(text)
    for read, error in ((_patterns.check, _patterns.BadPattern), (_templates.mentions, _templates.BadReference)):
        try:
            read(text)
        except error as refused:
            assert str(refused)
