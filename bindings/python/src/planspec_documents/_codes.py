"""Which of the program's rules the library knows. A test holds this against the rules and against the library."""

from __future__ import annotations


def _rules(text: str) -> frozenset[str]:
    return frozenset(f"PS{number}" for number in text.split())


VALIDATED = _rules(
    # Reading and structure.
    "001 002 003 004 005 006 007 008 101 102 103 104 105 106 107 108 109 110 111 112 "
    # Single resources.
    "201 212 216 226 227 229 230 231 232 233 234 238 239 240 241 "
    # Graphs and credentials.
    "301 302 303 304 305 306 307 308 310 311 312 313 504 "
    # Documents.
    "602 603 604 605 606 607 608 609 610 611 612 613 616 621 622 623 624 625 626 627 628 631 632 633 634 635"
)
"""What :func:`planspec_documents.validate` and its kin can find."""

COMPARED = _rules("401 403 408")
"""What :func:`planspec_documents.compare` can find."""

CHAINED = _rules("614")
"""What :func:`planspec_documents.chain` can find."""

ASKED = _rules("211 615")
"""What only the command finds: it takes the files that it is given for all that there is."""

UNKNOWN = _rules(
    # References to other resources, people and keys.
    "202 203 204 205 206 207 208 210 213 214 215 217 218 219 220 221 222 223 224 225 228 235 236 237 309 314 "
    # Changes in a repository.
    "402 404 405 406 407 409 410 411 412 "
    # Comments for the program.
    "501 502 503"
)
"""What takes a repository, its configuration or its history."""
