#!/bin/sh
# The reference's command line against our server: its users can continue with the same commands.
#
#   PLANSPEC_BIN=target/debug/planspec tests/server/reference.sh REFERENCE
#
# REFERENCE is the program that `cargo install planspec --version 0.1.0 --root FOLDER` installs in FOLDER/bin.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
reference=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

. "$root/examples/stage.sh"

cd "$work"
git init -q repository
cd repository
git commit -q --allow-empty -m "Begin"
begin_to_serve

# Runs a command of the reference, whose output must contain a text.
expect() {
    wanted=$1
    shift
    if ! said=$("$reference" --server "$url" -n web "$@" 2>&1 </dev/null) || ! printf '%s\n' "$said" | grep -q -- "$wanted"; then
        printf 'planspec %s: no "%s" in\n%s\n' "$*" "$wanted" "$said" >&2
        exit 1
    fi
    printf 'ok  %s\n' "$*"
}

cat >all.yaml <<'RESOURCES'
apiVersion: planspec.io/v1alpha1
kind: Goal
metadata: {name: shop, namespace: web, labels: {team: a}}
spec: {description: A shop that people like}
---
apiVersion: planspec.io/v1alpha1
kind: Gate
metadata: {name: ok, namespace: web}
spec: {gateType: approval, targetRef: {kind: Plan, name: open}, reviewers: [ana@example.com]}
---
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: open, namespace: web}
spec:
  description: Open it
  goalRef: {name: shop}
  graph:
    nodes:
    - {id: build, kind: Task, description: Build it}
    - {id: check, kind: Gate, gateRef: {name: ok}, dependsOn: [build]}
---
apiVersion: planspec.io/v1alpha1
kind: Execution
metadata: {name: first, namespace: web}
spec: {planRef: {name: open}}
RESOURCES
expect created create namespace web
expect created apply -f all.yaml
expect unchanged apply -f all.yaml
expect shop get goals
expect shop get goals -s team=a
expect open get plans -A
expect first get all
expect web get ns
expect "A shop" describe goal shop
expect build describe plan open
expect first describe execution first
expect ana describe gate ok
expect build graph open --format mermaid
expect deleted delete execution first
expect deleted delete gate ok
git log --format=%s main | grep -q . && git fsck --strict 2>/dev/null
planspec get goals -n web | grep -q shop
planspec audit >/dev/null
echo "The reference's command line works against the server."
