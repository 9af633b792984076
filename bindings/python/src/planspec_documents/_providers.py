"""Bindings: who does the work, and what a ``tool://`` target says of its command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import _plan_rules, _shell, _times
from ._findings import KEY, VALUE, Diagnostic, Path
from ._suggest import near

Findings = Iterator[Diagnostic]

_SCHEMES = ("agent", "human", "service", "tool", "repo", "mcp", "http", "https")
_TOOL = "tool://"
_FIELDS = ("command", "env", "workingDirectory", "timeout", "workspace")


def findings(value: Any) -> Findings:
    """What is wrong with the rules of a binding whose structure is sound."""
    rules = value["spec"]["rules"]
    for index, rule in enumerate(rules):
        yield from _provider(index, rule["target"]["provider"])
        if rule["target"]["provider"].startswith(_TOOL):
            yield from _tool(("spec", "rules", index, "target"), rule["target"])
    if value["spec"].get("strategy") == "ErrorOnConflict":
        yield from _conflicts(value["metadata"]["namespace"], rules)


def _provider(rule: int, provider: str) -> Findings:
    """A plain word is accepted, a scheme that nothing serves is probably a slip."""
    scheme, sign, _ = provider.partition("://")
    if sign and scheme not in _SCHEMES:
        meant = near(scheme, _SCHEMES)
        all_schemes = ", ".join(f"`{one}://`" for one in _SCHEMES)
        help = f"did you mean `{meant}://`?" if meant else f"write {all_schemes}, or a plain word"
        path: Path = ("spec", "rules", rule, "target", "provider")
        yield Diagnostic("PS226", path, VALUE, f"`{scheme}://` is not a known provider scheme", help)


class _BadTool(ValueError):
    pass


def _tool(place: Path, target: Any) -> Findings:
    config = target.get("config")
    try:
        command, environment = _read_tool(config)
    except _BadTool as why:
        is_given = isinstance(config, dict) and "command" in config
        # Without a command, another worker may still be able to run it.
        help = "list the program and its arguments: `config: {command: [make, test]}`"
        path: Path = (*place, "config" if config is not None else "provider")
        part = KEY if config is not None else VALUE
        yield Diagnostic("PS227", path, part, str(why), help, is_warning=None if is_given else True)
        return
    words = _shell.whole_command(command[0])
    if words is not None:
        yield _plan_rules.no_program((*place, "config", "command", 0), command[0], words, "each word must be separate")
        return
    found = _shell.in_list(command)
    if found is not None:
        yield _plan_rules.given_to_program((*place, "config", "command", found[0]), found[1])
        return
    for name in sorted(environment, key=str.encode):
        if _shell.is_variable(environment[name]):
            yield _plan_rules.given_to_program((*place, "config", "env", name), environment[name])
            return


def _read_tool(config: Any) -> tuple[list[str], dict[str, str]]:
    """The command and the variables of a target's ``config``."""
    fields = {} if config is None else config
    if not isinstance(fields, dict):
        raise _BadTool("the target's `config` is not a mapping")
    unknown = next((name for name in fields if name not in _FIELDS), None)
    if unknown is not None:
        raise _BadTool(f"the target's `config` has an unknown field `{unknown}`: {', '.join(_FIELDS)} are known")
    command = _command(fields.get("command"))
    environment = _environment(fields.get("env"))
    _settings(fields)
    return command, environment


def _command(words: Any) -> list[str]:
    if words is None:
        raise _BadTool("the target has no `config.command`")
    if not isinstance(words, list):
        raise _BadTool("`config.command` is not a list: write the program and its arguments one by one")
    if not all(isinstance(word, str) for word in words):
        raise _BadTool("`config.command` contains a value that is not a string: put it in quotes")
    if not words or not words[0]:
        raise _BadTool("`config.command` names no program")
    return words


def _environment(variables: Any) -> dict[str, str]:
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise _BadTool("`config.env` is not a mapping")
    texts = {}
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name:
            raise _BadTool(f"`config.env`: `{name}` cannot be the name of a variable")
        if isinstance(value, (dict, list)) or value is None or (isinstance(value, str) and "\0" in value):
            raise _BadTool(f"`config.env.{name}` is not a string")
        texts[name] = value if isinstance(value, str) else ""
    return texts


def _settings(fields: Any) -> None:
    folder = fields.get("workingDirectory")
    if folder is not None and not isinstance(folder, str):
        raise _BadTool("`config.workingDirectory` is not a string")
    if folder is not None and (folder.startswith("/") or ".." in folder.split("/")):
        raise _BadTool(f"`config.workingDirectory` is outside the work tree: `{folder}`")
    timeout = fields.get("timeout")
    if timeout is not None and (not isinstance(timeout, str) or _times.nanoseconds(timeout) is None):
        raise _BadTool("`config.timeout` is not a duration: write for example 10m")
    if fields.get("workspace") not in (None, "spec", "predecessors"):
        raise _BadTool("`config.workspace` is neither spec nor predecessors")


def _conflicts(namespace: str, rules: list[Any]) -> Findings:
    """A rule that matches whatever one before it matches, and weighs as much, where such a tie is an error."""

    def whole(selector: Any) -> tuple[Any, ...]:
        references = [selector.get(name) for name in ("capabilityRef", "planRef")]
        keys = [(one.get("namespace") or namespace, one["name"]) if one is not None else None for one in references]
        return (*keys, selector.get("nodeId"))

    def ties(one: Any, other: Any) -> bool:
        own, others = one["selector"].get("matchLabels") or {}, other["selector"].get("matchLabels") or {}
        shared = own.items() & others.items()
        is_within = shared in (own.items(), others.items())
        same_weight = one.get("priority", 0) == other.get("priority", 0)
        return same_weight and whole(one["selector"]) == whole(other["selector"]) and bool(own) == bool(others) and is_within

    for index, rule in enumerate(rules):
        before = next((at for at in range(index) if ties(rule, rules[at])), None)
        if before is not None:
            message = f"rules {before} and {index} match the same tasks with equal priority"
            help = "give one of them a higher `priority`, or remove it"
            yield Diagnostic("PS238", ("spec", "rules", index, "selector"), VALUE, message, help)
