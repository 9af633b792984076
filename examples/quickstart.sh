#!/bin/sh
# A plan from its first commit to Succeeded, with two clones of one bare remote and the verbs of planspec.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

. "$root/examples/stage.sh"

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
    --set endpoint=https://probes.example.com/v1

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
run planspec report status-page-run/page --as agent:builder --succeeded
run planspec reconcile

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
run planspec graph status-page-run -o mermaid
run git log --first-parent --reverse "--format=%h %s%n%n%b" origin/planspec/status

chapter "A second reconcile has nothing to do, and writes nothing."
run planspec reconcile

end_well status-page-run
