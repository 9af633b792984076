"""Credentials in URLs: in history they stay for ever."""

from __future__ import annotations

import re
from typing import Any

from ._findings import VALUE, Diagnostic, Path
from ._suggest import SPACE

_MOST = 20
_PARAMETERS = {
    *("token", "accesstoken", "authtoken", "privatetoken", "apitoken", "refreshtoken", "idtoken", "apikey", "secret"),
    *("clientsecret", "password", "passwd", "pwd", "sig", "signature", "xamzsignature"),
}
_TOKENS = ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "x-access-token")
_URL = re.compile(f"://([^{SPACE}\"'<>`\\\\]*)")
_AUTHORITY = re.compile("[^/?#]*")


def check(value: Any) -> list[Diagnostic]:
    """Every text of a value that holds a credential."""
    found: list[Diagnostic] = []
    todo: list[tuple[Path, Any]] = [((), value)]
    while todo and len(found) < _MOST:
        path, one = todo.pop()
        if isinstance(one, str):
            if "://" in one and has_credential(one):
                message = (
                    "the URL contains a credential; everybody who can read the repository, its status or its logs can see it"
                )
                help = "take it out, and make it useless where it is accepted: history keeps it"
                found.append(Diagnostic("PS504", path, VALUE, message, help))
        elif isinstance(one, list):
            todo += [((*path, index), item) for index, item in enumerate(one)]
        elif isinstance(one, dict):
            todo += [((*path, name), item) for name, item in one.items()]
    return found


def has_credential(text: str) -> bool:
    """Whether a URL in a text has a password or a token."""
    return any(_in_url(found.group(1)) for found in _URL.finditer(text))


def _in_url(rest: str) -> bool:
    found = _AUTHORITY.match(rest)
    authority = found.group() if found else ""
    who, sign, _ = authority.rpartition("@")
    if sign:
        _, colon, secret = who.partition(":")
        if not colon:
            secret = who if who.startswith(_TOKENS) else ""
        if _is_secret(secret):
            return True
    for parameter in re.split("[?&#;]", rest[len(authority) :])[1:]:
        name, equals, value = parameter.partition("=")
        plain = name.replace("-", "").replace("_", "")
        plain = "".join(one.lower() if one.isascii() else one for one in plain)
        if equals and plain in _PARAMETERS and _is_secret(value):
            return True
    return False


def _is_secret(text: str) -> bool:
    """Whether a text is not just the place of one: ``$TOKEN``, ``${{ secrets.token }}``, ``***``."""
    is_masked = all(one in "*….xX" for one in text)
    return bool(text) and not is_masked and not text.startswith(("$", "{", "%"))
