#!/bin/sh
# A PlanSpec 1.2 document from its first commit to Succeeded: a step for a person, one for an agent, one that
# somebody approves, a check and the attestations that make it a success. Everything happens in a throw-away folder.
# Builds the program first, or takes $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${PLANSPEC_BIN:-}" ]; then
    program=$(cd "$(dirname "$PLANSPEC_BIN")" && pwd)/$(basename "$PLANSPEC_BIN")
else
    cd "$root"
    cargo build --locked --quiet
    target=$(cargo metadata --locked --no-deps --format-version 1 |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    program=$target/debug/planspec
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(PLANSPEC_[A-Z]*\)=.*/\1/p'); do
    unset "$name"
done
mkdir "$work/home" "$work/bin"
ln -s "$program" "$work/bin/planspec"
export PATH="$work/bin:$PATH" HOME="$work/home" XDG_CONFIG_HOME="$work/home"
export GIT_CONFIG_GLOBAL="$work/home/.gitconfig" GIT_CONFIG_NOSYSTEM=1
git config --global user.name Ana
git config --global user.email ana@example.com
git config --global init.defaultBranch main

# Print a command, then run it.
run() {
    printf '\n$ %s\n' "$*"
    "$@" 2>&1
}

git init -q "$work/site"
cd "$work/site"
cp -R "$root/examples/document/planspec" .
git add -A
git commit -q -m "Plan greetings in ten languages"

run planspec validate --level readiness
run planspec show planspec/greeting.planspec.json
run planspec start greeting --name greeting-1
run planspec reconcile

# A person translates, an agent builds.
run planspec claim greeting-1/translate
mkdir greeting
for language in de en es fr hi ja pt ru sw zh; do
    echo "A greeting ($language)" >"greeting/$language.txt"
done
git add greeting
git commit -q -m "Greetings in ten languages"
run planspec report greeting-1/translate --succeeded --reconcile
run planspec claim greeting-1/choose --as agent:builder
run planspec report greeting-1/choose --as agent:builder --succeeded --reconcile

# The release waits for somebody.
run planspec approve greeting-approve-release -m "All ten are polite" --reconcile
run planspec claim greeting-1/release --as agent:builder
run planspec report greeting-1/release --as agent:builder --succeeded --reconcile

# Done is not yet a success: the contract says what else must be true. One criterion has a check.
run planspec verify greeting-1
run planspec attest greeting-1 understood --met -m "Asked ten visitors"
run planspec attest greeting-1 no-tracking --met -m "Nothing is written" --reconcile
run planspec describe execution greeting-1
run planspec get

phase=$(planspec get execution greeting-1 | awk 'NR == 2 { print $3 }')
if [ "$phase" != Succeeded ]; then
    printf '\ndocument: the run ended as %s, not as Succeeded\n' "$phase" >&2
    exit 1
fi
