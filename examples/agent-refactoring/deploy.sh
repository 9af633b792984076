#!/bin/sh
# What a deployment needs: the next version, and notes for it.
#   deploy.sh version CURRENT major|minor|patch
#   deploy.sh notes FILE      one line for each commit message in a file
set -eu

next_version() { # CURRENT PART
    major=${1%%.*}
    rest=${1#*.}
    minor=${rest%%.*}
    patch=${rest#*.}
    case $2 in
    major) echo "$((major + 1)).0.0" ;;
    minor) echo "$major.$((minor + 1)).0" ;;
    patch) echo "$major.$minor.$((patch + 1))" ;;
    *) echo "deploy: \`$2\` is none of major, minor, patch" >&2 && return 1 ;;
    esac
}

notes() { # FILE
    while read -r line; do
        case $line in
        "Merge "*) ;;
        *) echo "- $line" ;;
        esac
    done <"$1"
}

case ${1:-} in
version) next_version "$2" "$3" ;;
notes) notes "$2" ;;
*) echo "usage: deploy.sh version CURRENT PART | notes FILE" >&2 && exit 2 ;;
esac
