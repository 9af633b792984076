#!/usr/bin/env python3
"""Speak the runner protocol for a validator that says no more than yes or no: exit_code.py COMMAND... validate FILE...

`{}` in COMMAND stands for the files; without it they are appended. Exit code 0 is valid, 1 is invalid, anything else is no answer.
Findings are not known, so it is for `run.py --verdicts` and the classes `resources` and `references`.
"""

from __future__ import annotations

import json
import subprocess
import sys

WRONG_USE, UNSUPPORTED = 2, 3
OPERATIONS = ("validate", "change", "scope", "graph", "reconcile")


def main(arguments: list[str]) -> int:
    # The command may have a verb of the same name: the last one is ours.
    places = [index for index, word in enumerate(arguments) if word in OPERATIONS]
    if not places or places[-1] == 0:
        print("error: exit_code.py COMMAND... validate FILE...", file=sys.stderr)
        return WRONG_USE
    at = places[-1]
    command, operation, files = arguments[:at], arguments[at], arguments[at + 1 :]
    if operation != "validate":
        return UNSUPPORTED
    asked = [word for part in command for word in (files if part == "{}" else [part])]
    done = subprocess.run(asked if "{}" in command else [*asked, *files], capture_output=True, check=False)
    if done.returncode not in (0, 1):
        sys.stderr.buffer.write(done.stderr)
        return WRONG_USE
    print(json.dumps({"verdict": "invalid" if done.returncode else "valid", "findings": []}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
