"""What is wrong with a ``when``, and which nodes it mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from . import _cel
from ._cel import Node
from ._suggest import near

_MOST_CHARACTERS = 1024
_MOST_OPERATORS = 200

PHASES = ("Pending", "Running", "Blocked", "Succeeded", "Failed", "Skipped", "Cancelled")


class Mention(NamedTuple):
    """A node that is mentioned. Whether there is one, the mention does not know."""

    node: str
    # The phase of the node, all its outputs, or one of them.
    what: str
    output: str | None = None


class Mistake(NamedTuple):
    """What is wrong with a condition."""

    code: str
    message: str
    help: str | None


class Condition(NamedTuple):
    mentions: list[Mention]
    mistakes: list[Mistake]


def _malformed(message: str, help: str | None = None) -> Mistake:
    return Mistake("PS112", message, help)


def _unknown(message: str, word: str, names: tuple[str, ...], otherwise: str) -> Mistake:
    found = near(word, names)
    listed = ", ".join(f"`{name}`" for name in names)
    return Mistake("PS311", message, f"did you mean `{found}`?" if found else f"{otherwise} {listed}")


def read(text: str) -> Condition:
    """What a condition mentions, and what is wrong with it."""
    too_large = _too_large(text)
    if too_large is not None:
        return Condition([], [too_large])
    try:
        walk = _Walk(_cel.parse(text))
        mistakes = walk.mistakes
    except _cel.BadExpression as error:
        help = 'write a CEL expression, for example `nodes["build"].phase == "Succeeded"`'
        mistakes = [_malformed(str(error), help)]
    else:
        if not mistakes:
            return Condition(walk.mentions, [])
    id = _subtracted_node(text)
    if id is not None:
        message = f"`nodes.{id}` is a subtraction, because `-` cannot be part of a name here"
        mistakes = [_malformed(message, f'write `nodes["{id}"]`')]
    return Condition([], mistakes)


def _too_large(text: str) -> Mistake | None:
    help = "split the work into two nodes, each with its own condition"
    if len(text) > _MOST_CHARACTERS:
        return _malformed(f"it has {len(text)} characters; at most {_MOST_CHARACTERS} are allowed", help)
    marks = sum(text.count(sign) for sign in ".[({?!-+*/%<>=")
    operators = marks + len(re.findall(r"(?<!\w)in(?!\w)", text))
    if operators > _MOST_OPERATORS:
        return _malformed(f"it has {operators} operators; at most {_MOST_OPERATORS} are allowed", help)
    return None


_NODE = re.compile(r"(?<![A-Za-z0-9_.-])nodes\.([A-Za-z0-9_-]*)")


def _subtracted_node(text: str) -> str | None:
    """The id in ``nodes.security-review``, which CEL reads as ``nodes.security - review``."""
    for found in _NODE.finditer(text):
        id = found.group(1).rstrip("-")
        if "-" in id:
            return id
    return None


_GOAL = {
    "description": "a string",
    "constraints": "a map",
    "acceptanceCriteria": "a list",
    "planSelector": "a map",
    "timeout": "a string",
    "priority": "a number",
    "context": "a list",
}

# Functions: whether they are called as `x.f(…)`, their number of arguments, and their result if it is not a boolean.
_FUNCTIONS: list[tuple[str, bool, int, str | None]] = [
    ("size", False, 1, "a number"),
    ("size", True, 0, "a number"),
    ("contains", True, 1, None),
    ("startsWith", True, 1, None),
    ("endsWith", True, 1, None),
    ("bool", False, 1, None),
    ("dyn", False, 1, None),
    ("string", False, 1, "a string"),
    ("bytes", False, 1, "bytes"),
    ("int", False, 1, "a number"),
    ("uint", False, 1, "a number"),
    ("double", False, 1, "a number"),
    ("type", False, 1, "a type"),
]
_LITERALS = {"string": "a string", "bytes": "bytes", "null": "null", "number": "a number"}
_ARITHMETIC = {"-": "a number", "*": "a number", "/": "a number", "%": "a number", "-x": "a number", "+": "a sum"}

# A step into a value: a name, or a computed one.
_Step = str | Node


def _text(node: Node) -> str | None:
    """The text of a literal string."""
    return node.parts[0].name if node.kind == "literal" and node.name == "string" else None


def _variable(node: Node) -> tuple[str, list[_Step]] | None:
    """A variable and the steps into it: ``nodes["a"].phase``."""
    steps: list[_Step] = []
    while node.kind != "ident":
        if node.kind == "select":
            steps.append(node.name)
        elif node.kind == "call" and node.name == _cel.INDEX and not node.is_method:
            text = _text(node.parts[1])
            steps.append(node.parts[1] if text is None else text)
        else:
            return None
        node = node.parts[0]
    return node.name, steps[::-1]


def _node_in(node: Node, field: str) -> str | None:
    """The node in ``nodes["a"].phase``, or with another field, if the expression is that."""
    found = _variable(node)
    if found is None or found[0] != "nodes" or len(found[1]) != 2:
        return None
    name, what = found[1]
    return name if isinstance(name, str) and what == field else None


class _Walk:
    """One way through an expression."""

    def __init__(self, expression: Node) -> None:
        self.mentions: list[Mention] = []
        self.mistakes: list[Mistake] = []
        # Parts, and whether they have to be boolean.
        self.todo: list[tuple[Node, bool]] = [(expression, True)]
        while self.todo:
            self._visit(*self.todo.pop())

    def _visit(self, node: Node, decides: bool) -> None:
        variable = _variable(node)
        if variable is not None:
            # `has(…)` is always boolean.
            return self._of_variable(*variable, decides and not node.is_test)
        if node.kind == "call":
            self._call(node, decides)
        elif node.kind == "literal":
            if node.name in _LITERALS:
                self._never(decides, _LITERALS[node.name])
        elif node.kind in ("list", "map"):
            self._never(decides, f"a {node.kind}")
            self._look_at(node.parts)
        elif node.kind == "select":
            self._look_at(node.parts)
        elif node.kind == "comprehension":
            message = "`all`, `exists`, `exists_one`, `filter` and `map` cannot be used here"
            self.mistakes.append(_malformed(message, "name the nodes one by one, with `&&` or `||` between them"))
        else:
            self.mistakes.append(_malformed("messages cannot be constructed here"))

    def _look_at(self, nodes: list[Node]) -> None:
        self.todo += [(node, False) for node in nodes]

    def _never(self, decides: bool, what: str) -> None:
        """Something that is neither true nor false stands where that is wanted."""
        if decides:
            help = 'compare it with something, for example `… == "…"`'
            self.mistakes.append(_malformed(f"a condition must be true or false, but this is {what}", help))

    def _call(self, node: Node, decides: bool) -> None:
        name, parts = node.name, node.parts
        if node.is_method:
            return self._function(node, decides)
        if name in ("&&", "||", "!x"):
            self.todo += [(part, True) for part in parts]
        elif name == "?:":
            self.todo += [(part, index == 0 or decides) for index, part in enumerate(parts)]
        elif name in ("==", "!=", "in"):
            self._compared(name, *parts)
            self._look_at(parts)
        elif name in ("<", "<=", ">", ">=", _cel.INDEX):
            self._look_at(parts)
        elif name in _ARITHMETIC:
            self._never(decides, _ARITHMETIC[name])
            self._look_at(parts)
        else:
            self._function(node, decides)

    def _function(self, node: Node, decides: bool) -> None:
        self._look_at(node.parts)
        known = [function for function in _FUNCTIONS if function[0] == node.name]
        count = len(node.parts) - node.is_method
        fitting = [function for function in known if function[1:3] == (node.is_method, count)]
        if fitting:
            if fitting[0][3] is not None:
                self._never(decides, fitting[0][3])
        elif known:
            _, is_method, arguments, _ = known[0]
            form = f"x.{node.name}({'y' if arguments else ''})" if is_method else f"{node.name}(x)"
            self.mistakes.append(_malformed(f"`{node.name}` is called in a different way", f"write `{form}`"))
        else:
            names = tuple(sorted({"has", *(function[0] for function in _FUNCTIONS)}))
            self.mistakes.append(_unknown(f"there is no function `{node.name}`", node.name, names, "the functions are"))

    def _compared(self, operator: str, left: Node, right: Node) -> None:
        if operator == "in":
            for word in right.parts if right.kind == "list" else ():
                self._phase(left, word)
            name, node = _text(left), _node_in(right, "outputs")
            if name is not None and node is not None:
                self.mentions.append(Mention(node, "output", name))
        else:
            self._phase(left, right)
            self._phase(right, left)

    def _phase(self, left: Node, right: Node) -> None:
        """``nodes["a"].phase == "…"``: the word must be a phase."""
        word = _text(right)
        if word is not None and word not in PHASES and _node_in(left, "phase") is not None:
            self.mistakes.append(_unknown(f"there is no phase `{word}`", word, PHASES, "the phases are"))

    def _of_variable(self, name: str, steps: list[_Step], decides: bool) -> None:
        self._look_at([step for step in steps if isinstance(step, Node)])
        if name == "nodes":
            self._of_node(steps, decides)
        elif name == "goal":
            self._of_goal(steps, decides)
        elif name == "parameters":
            if not steps:
                self._never(decides, "a map")
        else:
            names = ("nodes", "parameters", "goal")
            self.mistakes.append(_unknown(f"there is no `{name}` here", name, names, "a condition can mention"))

    def _of_node(self, steps: list[_Step], decides: bool) -> None:
        mistake = next(_ill_named(steps), None)
        if mistake is not None:
            self.mistakes.append(mistake)
            return
        node, field = str(steps[0]), str(steps[1])
        rest = steps[2:]
        if field == "phase" and not rest:
            self._never(decides, "a string")
            self.mentions.append(Mention(node, "phase"))
        elif field == "phase":
            help = f'write `nodes["{node}"].phase == "Succeeded"`'
            self.mistakes.append(_malformed("`phase` is a string and has no fields", help))
        elif field == "outputs" and not rest:
            self._never(decides, "a map")
            self.mentions.append(Mention(node, "outputs"))
        elif field == "outputs" and isinstance(rest[0], str):
            self.mentions.append(Mention(node, "output", rest[0]))
        elif field == "outputs":
            help = f'write `nodes["{node}"].outputs.<name>`'
            self.mistakes.append(_malformed("write the output name as a string in quotes", help))
        else:
            self.mistakes.append(_unknown(f"a node has no `{field}` here", field, ("phase", "outputs"), "it has"))

    def _of_goal(self, steps: list[_Step], decides: bool) -> None:
        if not steps:
            return self._never(decides, "a map")
        field = steps[0]
        if isinstance(field, Node):
            message = "write a field of the goal after a dot"
            self.mistakes.append(_malformed(message, "write for example `goal.priority`"))
        elif field not in _GOAL:
            self.mistakes.append(_unknown(f"a goal has no field `{field}`", field, tuple(_GOAL), "its fields are"))
        elif len(steps) == 1:
            self._never(decides, _GOAL[field])


def _ill_named(steps: list[_Step]) -> Iterator[Mistake]:
    example = 'write for example `nodes["build"].phase`'
    if not steps:
        yield _malformed("`nodes` alone does not name a node", example)
    elif isinstance(steps[0], Node):
        yield _malformed("write the node id as a string in quotes", example)
    elif len(steps) == 1:
        help = f'write `nodes["{steps[0]}"].phase` or `nodes["{steps[0]}"].outputs.<name>`'
        yield _malformed(f'`nodes["{steps[0]}"]` does not say what to read from the node', help)
    elif isinstance(steps[1], Node):
        yield _malformed("write `.phase` or `.outputs` after the node", example)
