#!/bin/sh
# Tests the behaviour of deploy.sh, independent of its files.
set -eu
cd "$(dirname "$0")/.."

failed=0
check() { # EXPECTED ARGUMENT…
    expected=$1
    shift
    found=$(sh deploy.sh "$@" 2>&1) || true
    if [ "$found" = "$expected" ]; then
        echo "ok: $*"
    else
        echo "not ok: $*: $found"
        failed=1
    fi
}

check 2.0.0 version 1.4.2 major
check 1.5.0 version 1.4.2 minor
check 1.4.10 version 1.4.9 patch
check "- Faster checkout
- No more double orders" notes tests/messages.txt
exit $failed
