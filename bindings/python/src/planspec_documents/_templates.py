"""References in the inputs of a task: ``${nodes.<id>.outputs.<name>}`` and ``${parameters.<name>}``, and what counts where
there is no such value: ``${nodes.a.outputs.x:-${nodes.b.outputs.x}}``, ``${parameters.region:-eu}``."""

from __future__ import annotations

import re

from ._findings import shortened
from ._suggest import near, trimmed
from ._when import Mention

_FORMS = "write `${nodes.<id>.outputs.<name>}` or `${parameters.<name>}`; pass a text that contains `${` itself as a parameter"
_OTHERWISE = ":-"
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class BadReference(ValueError):
    """A ``${…}`` that is not a reference."""

    def __init__(self, message: str, help: str = _FORMS) -> None:
        super().__init__(message)
        self.help = help


def is_template(text: str) -> bool:
    """Whether a text holds references, well formed or not."""
    return "${" in text


def mentions(text: str) -> list[Mention]:
    """The nodes that a text refers to, in order."""
    found: list[Mention] = []
    _, begins, rest = text.partition("${")
    while begins:
        rest = _choice(rest, found)
        _, begins, rest = rest.partition("${")
    return found


def _choice(text: str, found: list[Mention]) -> str:
    """What begins behind a ``${``; gives back the text behind it."""
    count = 0
    rest = text
    default: str | None = None
    while True:
        inner, behind = _closed(rest, text)
        name, is_choice, _ = inner.partition(_OTHERWISE)
        mention = _reference(name)
        count += 1
        if mention is not None:
            found.append(mention)
        if not is_choice:
            break
        other = rest[len(name) + len(_OTHERWISE) :]
        if other.startswith("${"):
            rest = other[2:]
            continue
        default, behind = _closed(other, text)
        break
    if default is not None and is_template(default):
        message = f"the text after `:-` in `${{{shortened(text)}` is neither one reference nor plain text"
        raise BadReference(message, "write for example `${nodes.a.outputs.x:-${nodes.b.outputs.x}}`")
    # Each but the first is nested in the one before.
    for _ in range(count - 1):
        if not behind.startswith("}"):
            raise BadReference(f"`${{{shortened(text)}` is not closed")
        behind = behind[1:]
    return behind


def _closed(rest: str, text: str) -> tuple[str, str]:
    inner, sign, behind = rest.partition("}")
    if not sign:
        raise BadReference(f"`${{{shortened(text)}` is not closed")
    return inner, behind


def _reference(inner: str) -> Mention | None:
    """The node that a reference names; nothing of one to a parameter."""
    steps = inner.split(".", 4)
    names = all(_NAME.fullmatch(step) for step in steps)
    if len(steps) == 4 and steps[0] == "nodes" and steps[2] == "outputs" and names:
        return Mention(steps[1], "output", steps[3])
    if len(steps) == 2 and steps[0] == "parameters" and names:
        return None
    if inner.startswith("{"):
        written = trimmed(inner.lstrip("{"))
        help = _ours(written)
        message = f"`${{{{ {written} }}}}` is the reference syntax of another tool"
        raise BadReference(message, f"write `{help}`" if help else _FORMS)
    meant = near(steps[0], ("nodes", "parameters"))
    form = ".".join([meant, *steps[1:]]) if meant and meant != steps[0] else None
    help = f"did you mean `${{{form}}}`?" if form and _is_reference(form) else _FORMS
    raise BadReference(f"`${{{shortened(inner)}}}` is not a reference", help)


def _is_reference(inner: str) -> bool:
    try:
        _reference(inner)
    except BadReference:
        return False
    return True


def of_another_tool(text: str) -> tuple[str, str | None] | None:
    """A reference as other tools write it, ``{{nodes.a.outputs.x}}`` or ``$(tasks.a.results.x)``, and ours for it."""
    found = _between(text, "{{", "}}")
    if found is None:
        found = _between(text, "$(", ")")
        # A command substitution of a shell is something else.
        words = ("tasks", "steps", "nodes", "params", "inputs", "parameters")
        if found is None or found[1].partition(".")[0] not in words:
            return None
    return found[0], _ours(found[1])


def _between(text: str, begin: str, end: str) -> tuple[str, str] | None:
    start = text.find(begin)
    stop = text.find(end, start + len(begin)) if start >= 0 else -1
    if stop < 0:
        return None
    return text[start : stop + len(end)], trimmed(text[start + len(begin) : stop])


def _ours(inner: str) -> str | None:
    """Our reference for that of another tool."""
    steps = inner.split(".")
    if steps[0] in ("workflow", "inputs", "context") and len(steps) > 2:
        steps = steps[1:]
    ours = None
    if len(steps) > 3 and steps[0] in ("nodes", "tasks", "steps", "jobs", "needs") and steps[2] in ("outputs", "results"):
        ours = f"nodes.{steps[1]}.outputs.{steps[-1]}"
    elif len(steps) == 2 and steps[0] in ("parameters", "params", "inputs", "vars"):
        ours = f"parameters.{steps[1]}"
    return f"${{{ours}}}" if ours and _is_reference(ours) else None
