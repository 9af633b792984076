#!/bin/sh
# A PlanSpec 1.2 document from its first commit to Succeeded: a step for a person, one for an agent, one that a person
# approves, a change outside of its scope, a check, and the attestations that make it a success.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

# --- The story --------------------------------------------------------------------------------

chapter "Ana commits what her planning engine wrote. It is a goal, a plan and a gate."
git init -q "$work/site"
cd "$work/site"
cp -R "$root/examples/document/planspec" .
git add -A
git commit -q -m "Plan greetings in ten languages"
run planspec validate --level readiness
run planspec describe planspec/greeting.planspec.json
run planspec start greeting --name greeting-1
run planspec reconcile

chapter "A person translates."
run planspec claim greeting-1/translate
mkdir greeting
for language in de en es fr hi ja pt ru sw zh; do
    echo "A greeting ($language)" >"greeting/$language.txt"
done
git add greeting
run planspec validate --scope greeting --base HEAD
git commit -q -m "Greetings in ten languages"
run planspec report greeting-1/translate --succeeded --reconcile

chapter "An agent builds. What it changes beside that is not in the plan's scope."
who=agent
run planspec claim greeting-1/choose --as agent:builder
echo "choose the first language that is there" >greeting/choose.sh
mkdir billing
echo "while I was at it" >billing/prices.txt
git add greeting billing
run_expecting 1 planspec validate --scope greeting --base HEAD
git rm -q -f billing/prices.txt
run planspec validate --scope greeting --base HEAD
git commit -q -m "Choose a language"
run planspec report greeting-1/choose --as agent:builder --succeeded --reconcile

chapter "The release waits for somebody."
who=ana
run planspec approve greeting-approve-release -m "All ten are polite" --reconcile
run planspec claim greeting-1/release --as agent:builder
run planspec report greeting-1/release --as agent:builder --succeeded --reconcile

chapter "Done is not yet a success: the contract says what else must be true. One criterion has a check."
run planspec verify greeting-1
run planspec attest greeting-1 understood --met -m "Asked ten visitors"
run planspec attest greeting-1 no-tracking --met -m "Nothing is written" --reconcile
run planspec describe execution greeting-1
run planspec get
end_well greeting-1
