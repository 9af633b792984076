#!/bin/sh
# Agents split a script, never two of them in the same file; another actor checks each commit, and a worker tests the
# merge.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

# Commits the change of an agent on a branch.
commit_change() { # BRANCH CHANGE MESSAGE
    git checkout -q "$1" 2>/dev/null || git checkout -q -b "$1" main
    git apply "$root/examples/agent-refactoring/changes/$2.patch"
    git add -A
    git commit -q -m "$3"
}

merge() { # BRANCH
    run git checkout -q main
    run git merge -q --no-ff -m "Merge $1" "$1"
}

# --- The story --------------------------------------------------------------------------------

chapter "Ana commits the plan beside the code, and starts a run."
begin_with agent-refactoring
run planspec validate
run planspec start split-deploy --name split
run planspec reconcile

chapter "The first task is a command: a worker runs the tests, and reports."
who=ci
run planspec work --once --as ci@example.com --reconcile
run planspec logs split/baseline

chapter "An agent takes the first function. A second one cannot take what touches the same file, and a third writes the page."
who=coder
run planspec claim split/version --as agent:coder
run_expecting 9 planspec claim split/notes --as agent:coder --session second
who=writer
commit_change document 4-page "Say which file does what"
do_node split/document agent:writer --commit document
merge document

chapter "The agent says that it is done. Who did the work does not check it, and the tests do not pass."
who=coder
commit_change version 1-version "Move next_version into a file of its own"
run planspec report split/version --as agent:coder --succeeded --commit version --reconcile
run_expecting 1 planspec verify split/version --as agent:coder
who=ci
run planspec verify split/document --as ci@example.com
run_expecting 1 planspec verify split/version --as ci@example.com --reconcile
expect_node split/version Failed

chapter "Ana lets it try again, and now deploy.sh reads the file."
who=ana
run planspec retry split/version --reconcile
who=coder
commit_change version 2-version-is-read "Read the file"
do_node split/version agent:coder --commit version
who=ci
run planspec verify split/version --as ci@example.com --reconcile
merge version

chapter "Now the second function can be moved."
who=coder
commit_change notes 3-notes "Move notes into a file of its own"
do_node split/notes agent:coder --commit notes
who=ci
run planspec verify split/notes --as ci@example.com --reconcile
merge notes

chapter "Ana reads what has become of it."
who=ana
run planspec approve refactoring-review -m "Ten lines are left" --reconcile

chapter "The last task runs on the work of all three, merged."
who=ci
run planspec work --once --as ci@example.com --reconcile
run planspec describe execution split
end_well split
