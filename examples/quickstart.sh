#!/bin/sh
# A plan from its first commit to Succeeded: two clones of one bare remote, and planspec's own verbs.
# Everything happens in a throw-away folder. Builds the program first, or takes $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

# --- The program -----------------------------------------------------------------------------

if [ -n "${PLANSPEC_BIN:-}" ]; then
    program=$(cd "$(dirname "$PLANSPEC_BIN")" && pwd)/$(basename "$PLANSPEC_BIN")
else
    echo "Building planspec (the first time takes a minute or two) ..."
    cd "$root"
    cargo build --locked --quiet
    target=$(cargo metadata --locked --no-deps --format-version 1 |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    program=$target/debug/planspec
fi
if [ ! -x "$program" ]; then
    echo "quickstart: $program cannot be run" >&2
    exit 1
fi

# --- A throw-away folder, and nothing of your own git configuration ---------------------------

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
git config --global advice.detachedHead false

# --- How it is shown --------------------------------------------------------------------------

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[36m') plain=$(printf '\033[0m')
fi
who=ana

# What happens next, in a sentence.
chapter() {
    printf '\n%s--- %s%s\n' "$dim" "$1" "$plain"
}

# Print a command, then run it.
run() {
    line="$who \$"
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%,-]*) line="$line \"$word\"" ;;
        *) line="$line $word" ;;
        esac
    done
    printf '\n%s%s%s\n' "$bold" "$line" "$plain"
    "$@" 2>&1
}

# The same for a command that has to end with an exit code of its own.
run_expecting() {
    expected=$1
    shift
    code=0
    run "$@" || code=$?
    printf '(exit code %s)\n' "$code"
    if [ "$code" -ne "$expected" ]; then
        printf 'quickstart: exit code %s was expected\n' "$expected" >&2
        exit 1
    fi
}

phase() {
    planspec get execution status-page-run | awk 'NR == 2 { print $3 }'
}

# --- The story --------------------------------------------------------------------------------

cd "$work"
cp -R "$root/examples/quickstart" plans
git init -q --bare origin.git
git clone -q origin.git ana 2>/dev/null
git clone -q origin.git agent 2>/dev/null

chapter "Ana prepares a repository. Its remote is the only thing that everybody shares."
cd "$work/ana"
run planspec init
run git add -A
run git commit -q -m "Keep plans here"

chapter "She checks her drafts, and commits them: a goal, a plan, who does what, a gate, a run."
run planspec validate -d ../plans
run planspec apply -d ../plans -m "Plan a public status page"
run planspec graph status-page-v1
run git push -q origin main
run planspec get executions

chapter "Reconcile reads the spec branch and writes the status branch. CI does it after every push."
run planspec reconcile

chapter "An agent, in another clone, asks what it can do, and takes it. Only one can have it."
who=agent
cd "$work/agent"
git pull -q origin main
run planspec next --provider agent://builder
run planspec claim status-page-run/probes --as agent:builder
run_expecting 9 planspec claim status-page-run/probes --as agent:late
run planspec report status-page-run/probes --as agent:builder --succeeded \
    --output endpoint=https://probes.example.com/v1

chapter "Dana does her part at the same time."
who=dana
run planspec claim status-page-run/layout --as dana@example.com
run planspec report status-page-run/layout --as dana@example.com --succeeded -m "Three colours"

chapter "Reconcile folds in what they said: now the page can be built."
who=ana
cd "$work/ana"
run planspec reconcile
who=agent
cd "$work/agent"
run planspec claim status-page-run/page --as agent:builder
run planspec report status-page-run/page --as agent:builder --succeeded --reconcile

chapter "The run is Blocked: it waits for a decision, and nobody can go around it."
who=ana
cd "$work/ana"
run git fetch -q
run planspec graph status-page-run
run_expecting 1 planspec claim status-page-run/launch --as agent:builder
run planspec approve launch-review -m "It says what customers need to know"
run planspec reconcile

chapter "The last task."
who=agent
cd "$work/agent"
run planspec claim status-page-run/launch --as agent:builder
run planspec report status-page-run/launch --as agent:builder --succeeded --reconcile

chapter "What has become of it, from the status branch."
who=ana
cd "$work/ana"
run git fetch -q
run planspec get
run planspec describe execution status-page-run
run planspec graph status-page-run --format mermaid
run git log --first-parent --reverse "--format=%h %s%n%n%b" origin/planspec/status

chapter "A second reconcile has nothing to do, and writes nothing."
run planspec reconcile

end=$(phase)
if [ "$end" != Succeeded ]; then
    printf '\nquickstart: the run ended as %s, not as Succeeded\n' "$end" >&2
    exit 1
fi
chapter "Succeeded. Nothing is left behind; see README.md for what to try in a repository of yours."
