#!/bin/sh
# Single sign-on for a company, in resources: an external event, a security review, a pilot, a sign-off by two people,
# three waves.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

# --- The story --------------------------------------------------------------------------------

chapter "Ana commits the goal, the plan, the gates and the team, and starts a run."
begin_with sso-rollout
run planspec validate
run planspec graph sso-rollout-v1
run planspec start sso-rollout-v1 --name sso-2026 -p issuer=https://login.example.com
run planspec reconcile

chapter "The contract is signed elsewhere. Somebody says so, and two tasks can begin."
run planspec report sso-2026/contract --succeeded -m "Signed on 12 January" --reconcile
run planspec next

chapter "An agent connects the applications. The plan says which file shows that it is done."
who=agent
run planspec claim sso-2026/connect --as agent:sso-engineer
mkdir sso
cat >sso/clients.yaml <<'CLIENTS'
wiki: {redirect: https://wiki.example.com/callback}
tracker: {redirect: https://tracker.example.com/callback}
builds: {redirect: https://builds.example.com/callback}
CLIENTS
git add sso
git commit -q -m "Connect wiki, tracker and builds"
echo '{"connected": ["wiki", "tracker", "builds"]}' >../connected.json
run planspec report sso-2026/connect --as agent:sso-engineer --succeeded --commit HEAD \
    --outputs-file ../connected.json --reconcile
run planspec verify sso-2026/connect --reconcile
who=paula
do_node sso-2026/groups paula@example.com -m "Agreed with all seven heads of department"

chapter "The security team reviews. Nobody else can, and nothing goes on before that."
who=agent
run_expecting 1 planspec claim sso-2026/pilot --as agent:sso-engineer
run_expecting 1 planspec approve sso-security --as agent:sso-engineer
who=sarah
run planspec approve sso-security --as sarah@example.com -m "Redirects are exact, tokens live for 30 minutes" --reconcile

chapter "The pilot: the agent is given what the task before it reported."
who=agent
run planspec describe sso-2026/pilot
do_node sso-2026/pilot agent:sso-engineer --set report=https://wiki.example.com/sso-pilot

chapter "Two people sign off."
who=ana
run planspec approve sso-go-ahead -m "3 tickets for 100 people" --reconcile
who=sam
run planspec approve sso-go-ahead --as sam@example.com -m "Two people were locked out, for an hour" --reconcile

chapter "The three waves."
who=agent
do_node sso-2026/engineering agent:sso-engineer
do_node sso-2026/sales agent:sso-engineer
who=ana
do_node sso-2026/finance ana@example.com
who=agent
do_node sso-2026/retire-passwords agent:sso-engineer

chapter "The work is done. The goal is reached when somebody vouches for its criteria."
who=ana
run planspec get goals
run planspec attest sso-2026 no-local-passwords --met -m "The scanner finds no login form"
run planspec attest sso-2026 leavers-locked-out --met -m "Tried with a test account" --reconcile
run planspec describe execution sso-2026
run planspec get
end_well sso-2026
