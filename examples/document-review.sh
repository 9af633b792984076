#!/bin/sh
# A PlanSpec 1.2 document from a draft over a review to its gate: an open question, a finding that blocks, a revision
# that answers both, the review of that revision, and a person who approves it before any work starts.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

document=planspec/data-retention.planspec.yaml
# Applies a change to the document.
change() { # CHANGE
    git apply "$root/examples/document-review/changes/$1.patch"
}

# --- The story --------------------------------------------------------------------------------

chapter "Ana commits a draft. It is valid, and it is not ready: a run of it waits."
begin_with document-review
run_expecting 1 planspec validate --level readiness
run planspec start data-retention --name retention-1
run planspec reconcile

chapter "Ben reads it, and writes what is wrong into the document."
who=ben
run planspec show $document
git checkout -q -b findings
change 1-findings
run git commit -q -a -m "Findings about the draft"
git checkout -q main
run git merge -q findings
run_expecting 1 planspec validate --level readiness

chapter "Ana answers the question and the findings, and makes that the next revision."
who=ana
git checkout -q -b revision-2
change 2-revision
run planspec revise $document -m "A dry run for a week, and an archive for thirty days" --trigger user_feedback --answers F1 --answers F2
run planspec validate --level readiness
run git commit -q -a -m "A dry run before anything is deleted"

chapter "The pull request is reviewed: what does the revision change in the work?"
who=ben
run planspec review main...revision-2
git checkout -q main
run git merge -q --no-ff -m "Merge revision 2" revision-2

chapter "Now the document is ready, and the run begins: with a gate, since a minor revision waits for a person."
run planspec reconcile
expect_node retention-1/approve-revision Blocked
run_expecting 1 planspec approve retention-1/approve-revision --as agent:builder
run planspec approve retention-1/approve-revision --as ben@example.com -m "Both findings are answered" --reconcile

chapter "A person writes the rules; an agent lists what would be deleted."
who=ana
mkdir retention
cat >retention/rules.yaml <<'RULES'
orders: 3y
invoices: 10y
addresses: 1y
RULES
git add retention
run planspec validate --scope data-retention --base HEAD
git commit -q -m "Periods as agreed with the legal department"
do_node retention-1/rules ana@example.com --commit HEAD
who=agent
do_node retention-1/dry-run agent:builder -m "orders: 41210, invoices: 12, addresses: 80433"

chapter "What cannot be undone is approved by a person first."
who=ben
run planspec approve retention-1/delete --as ben@example.com -m "Read the list; the twelve invoices are test data" --reconcile
who=agent
do_node retention-1/delete agent:builder

chapter "Done is a success when the contract is kept: one criterion has a check, two are for people."
who=ana
run planspec verify retention-1
run planspec attest retention-1 nothing-old --met -m "The oldest address is from 2025"
run planspec attest retention-1 legal-hold --met -m "Three records on hold are still there" --reconcile
run planspec log plan/data-retention
run planspec describe execution retention-1
end_well retention-1
