"""A parser for CEL, the language of ``when``: as far as it takes to say what a condition mentions.

It reads what the program's parser reads, and evaluates nothing. Every method that parses gives back a generator, and one
loop runs them all, so that however deep an expression nests, the stack of Python does not.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

# The maximum nesting of an expression.
_MOST_DEPTH = 96


class BadExpression(ValueError):
    """A text that is no expression; its message says why."""


@dataclass(slots=True)
class Node:
    """A part of an expression."""

    # ident, select, call, literal, list, map, struct, comprehension
    kind: str
    # The name of an identifier, a field or a function; the type of a literal.
    name: str = ""
    # Its parts: for a call on a target, the target comes first.
    parts: list[Node] = field(default_factory=list)
    # Whether a call has a target, or a field is only tested (`has`).
    is_method: bool = False
    is_test: bool = False


INDEX = "[]"

_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
_RESERVED = {
    *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace"),
    *("return", "var", "void", "while"),
}
_MACROS = {("exists", 2), ("all", 2), ("exists_one", 2), ("existsOne", 2), ("map", 2), ("map", 3), ("filter", 2)}

_SKIPPED = re.compile(r"(?:[\f\v\t\r\n ]|//[^\n]*)*")
_STRING = re.compile(r"""(?P<prefix>[bB][rR]?|[rR][bB]?|)(?P<quote>'''|\"\"\"|'|")""")
_NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F]+(?P<hex>[uU]?)"
    r"|(?:[0-9]+(?P<fraction>\.[0-9]+)?|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?(?P<unsigned>[uU]?))(?![A-Za-z0-9_])"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGN = re.compile(r"&&|\|\||[=!<>]=|[-+*/%?:!<>.,()\[\]{}]")
_ESCAPE = re.compile(
    r"""\\(?:(?P<simple>[abfnrtv\\'"`?])|[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"""
    r"|(?P<octal>[0-3][0-7]{2})|(?P<bad>.|\Z))",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(slots=True)
class _Token:
    # string, bytes, number, float, name, sign, end
    kind: str
    text: str
    at: int


Parsed = Generator[Any, Any, Any]


def parse(text: str) -> Node:
    """The parts of an expression."""
    parser = _Parser(text)
    # The stack of running parsers, the innermost last; each waits for the one after it.
    running: list[Parsed] = [parser.whole()]
    result: Any = None
    while running:
        try:
            running.append(running[-1].send(result))
            result = None
        except StopIteration as done:
            running.pop()
            result = done.value
    node: Node = result
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.token = self._lex()

    def _bad(self, why: str, at: int | None = None) -> BadExpression:
        return BadExpression(f"{why} at character {(self.token.at if at is None else at) + 1}")

    def _lex(self) -> _Token:
        skipped = _SKIPPED.match(self.text, self.at)
        start = skipped.end() if skipped else self.at
        self.at = start
        if start == len(self.text):
            return _Token("end", "", start)
        if string := _STRING.match(self.text, start):
            return self._lex_string(string)
        first = self.text[start]
        is_number = first in "0123456789" or (first == "." and self.text[start + 1 : start + 2] in tuple("0123456789"))
        kinds = [("number", _NUMBER)] if is_number else [("name", _IDENTIFIER), ("sign", _SIGN)]
        for kind, pattern in kinds:
            if found := pattern.match(self.text, start):
                self.at = found.end()
                is_float = kind == "number" and bool(found["fraction"] or found["exponent"] or first == ".")
                if is_float and found["unsigned"]:
                    break
                return _Token("float" if is_float else kind, found.group(), start)
        raise self._bad(f"`{first}` is not expected", start)

    def _lex_string(self, opening: re.Match[str]) -> _Token:
        prefix, quote = opening["prefix"].lower(), opening["quote"]
        inner = ".*?" if "r" in prefix else r"(?:[^\\]|\\.)*?"
        found = re.compile(f"({inner}){quote}", re.DOTALL).match(self.text, opening.end())
        if found is None:
            raise self._bad("a string is not closed", opening.start())
        self.at = found.end()
        text = found.group(1)
        if "r" not in prefix:
            text = _ESCAPE.sub(self._unescaped("b" in prefix, opening.start()), text)
        return _Token("bytes" if "b" in prefix else "string", text, opening.start())

    def _unescaped(self, is_bytes: bool, start: int) -> Any:
        def character(found: re.Match[str]) -> str:
            if simple := found["simple"]:
                return _SIMPLE.get(simple, simple)
            if found["octal"]:
                return chr(int(found["octal"], 8))
            digits = found["x"] or (None if is_bytes else found["u"] or found["U"])
            code = int(digits, 16) if digits else 0x110000
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self._bad("an escape stands for no character", start)
            return chr(code)

        return character

    def _next(self) -> _Token:
        token = self.token
        self.token = self._lex()
        return token

    def _is(self, *signs: str) -> bool:
        return self.token.kind == "sign" and self.token.text in signs

    def _take(self, sign: str) -> None:
        if not self._is(sign):
            raise self._bad(f"`{sign}` is expected")
        self._next()

    def whole(self) -> Parsed:
        node = yield self.expression()
        if self.token.kind != "end":
            raise self._bad(f"`{self.token.text}` is not expected")
        return node

    def expression(self) -> Parsed:
        if self.depth > _MOST_DEPTH:
            raise self._bad("it nests too deep")
        self.depth += 1
        node = yield self._binary(0)
        self.depth -= 1
        return node

    def _binary(self, least: int) -> Parsed:
        left = yield self._selected()
        while True:
            if self._is("?") and least == 0:
                left = yield self._conditional(left)
                continue
            is_operator = self.token.kind == "sign" or (self.token.text == "in" and self.token.kind == "name")
            precedence = _PRECEDENCE.get(self.token.text, 0) if is_operator else 0
            if precedence == 0 or precedence < least:
                return left
            name = self._next().text
            right = yield self._binary(precedence + 1)
            left = Node("call", name, [left, right])

    def _conditional(self, condition: Node) -> Parsed:
        self._next()
        one = yield self._binary(1)
        self._take(":")
        other = yield self._binary(0)
        return Node("call", "?:", [condition, one, other])

    def _selected(self) -> Parsed:
        """Something, and the steps into it."""
        node = yield self._unary()
        while True:
            if self._is("."):
                node = yield self._member(node)
            elif self._is("["):
                self._next()
                index = yield self.expression()
                self._take("]")
                node = Node("call", INDEX, [node, index])
            elif self._is("{") and _names_type(node):
                yield self._struct()
                node = Node("struct")
            else:
                return node

    def _member(self, node: Node) -> Parsed:
        self._next()
        if self.token.kind != "name" or self.token.text in ("in", "true", "false", "null"):
            raise self._bad("a name is expected behind the dot")
        name = self._next().text
        if not self._is("("):
            return Node("select", name, [node])
        arguments = yield self._arguments()
        if (name, len(arguments)) in _MACROS:
            return self._comprehension(arguments)
        return Node("call", name, [node, *arguments], is_method=True)

    def _comprehension(self, arguments: list[Node]) -> Node:
        if arguments[0].kind != "ident":
            raise self._bad("the name of a variable is expected first")
        return Node("comprehension")

    def _struct(self) -> Parsed:
        self._next()
        while not self._is("}"):
            if self.token.kind != "name" or self.token.text in ("in", "true", "false", "null"):
                raise self._bad("the name of a field is expected")
            self._next()
            self._take(":")
            yield self.expression()
            if not self._is(","):
                break
            self._next()
        self._take("}")

    def _unary(self) -> Parsed:
        if not self._is("!", "-"):
            return (yield self._primary())
        signs: list[str] = []
        count = 0
        while self._is("!", "-"):
            sign = self._next().text
            count += 1
            # Two equal signs cancel each other.
            if signs and signs[-1] == sign:
                signs.pop()
            else:
                signs.append(sign)
        if count == 1 and signs == ["-"] and self.token.kind in ("number", "float"):
            return self._number("-")
        node = yield self._selected()
        for sign in reversed(signs):
            node = Node("call", f"{sign}x", [node])
        return node

    def _primary(self) -> Parsed:
        kind = self.token.kind
        if self._is("("):
            self._next()
            # Nested parentheses are not a level of their own.
            node = yield (self._binary(0) if self._is("(") else self.expression())
            self._take(")")
            return node
        if self._is("["):
            return (yield self._list())
        if self._is("{"):
            return (yield self._map())
        if kind in ("number", "float"):
            return self._number("")
        if kind in ("string", "bytes"):
            return Node("literal", kind, [Node("text", self._next().text)])
        if kind == "name" or self._is("."):
            return (yield self._identifier())
        if kind == "end":
            raise BadExpression("it ends before it is complete")
        raise self._bad(f"`{self.token.text}` is not expected")

    def _number(self, sign: str) -> Node:
        token = self._next()
        text = token.text
        if token.kind == "float":
            if float(text) == float("inf"):
                raise self._bad("a number is too large", token.at)
            return Node("literal", "number")
        is_unsigned = text[-1] in "uU"
        digits = text.rstrip("uU")
        number = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
        most = 2**64 - 1 if is_unsigned else 2**63 - (0 if sign and digits[:2] not in ("0x", "0X") else 1)
        if number > most or (is_unsigned and sign):
            raise self._bad("a number is too large", token.at)
        return Node("literal", "number")

    def _identifier(self) -> Parsed:
        dot = "." if self._is(".") else ""
        if dot:
            self._next()
        if self.token.kind != "name" or self.token.text == "in" or (dot and self.token.text in ("true", "false", "null")):
            raise self._bad("a name is expected")
        name = self._next().text
        if not dot and name in ("true", "false", "null"):
            return Node("literal", "null" if name == "null" else "boolean")
        if name in _RESERVED:
            raise self._bad(f"`{name}` is a word of CEL")
        if not self._is("("):
            return Node("ident", dot + name)
        arguments = yield self._arguments()
        if name == "has" and not dot and len(arguments) == 1:
            return self._has(arguments[0])
        return Node("call", dot + name, arguments)

    def _has(self, node: Node) -> Node:
        if node.kind != "select":
            raise self._bad("`has` is given a field")
        return Node("select", node.name, node.parts, is_test=True)

    def _arguments(self) -> Parsed:
        self._next()
        arguments: list[Node] = []
        while not self._is(")"):
            arguments.append((yield self.expression()))
            if not self._is(","):
                break
            self._next()
            if self._is(")"):
                raise self._bad("`)` is not expected")
        self._take(")")
        return arguments

    def _list(self) -> Parsed:
        self._next()
        elements: list[Node] = []
        while not self._is("]"):
            elements.append((yield self.expression()))
            if not self._is(","):
                break
            self._next()
        self._take("]")
        return Node("list", "", elements)

    def _map(self) -> Parsed:
        self._next()
        entries: list[Node] = []
        while not self._is("}"):
            entries.append((yield self.expression()))
            self._take(":")
            entries.append((yield self.expression()))
            if not self._is(","):
                break
            self._next()
        self._take("}")
        return Node("map", "", entries)


def _names_type(node: Node) -> bool:
    while node.kind == "select" and not node.is_test:
        node = node.parts[0]
    return node.kind == "ident"
