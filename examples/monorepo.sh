#!/bin/sh
# Three teams in one repository: each has a namespace, waits for goals of the others, and decides at their gates.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

# --- The story --------------------------------------------------------------------------------

chapter "Three teams keep their plans in one repository. Each starts a run of its own."
begin_with monorepo
run planspec validate
run planspec start event-queue-v1 --name queue
run planspec start instalments-api-v1 --name instalments
run planspec start checkout-v4 --name checkout
run planspec reconcile
run planspec get executions -A

chapter "A worker sees what its team can do."
run planspec next -n payments
run planspec next --provider human://team:platform

chapter "The platform team deploys a queue. It does not decide whether that is good: its users do."
who=tom
do_node queue/deploy tom@example.com
run_expecting 1 planspec approve queue-tried --as tom@example.com
who=sam
run planspec approve queue-tried --as sam@example.com -m "No event was lost"
who=pia
run planspec approve queue-tried --as pia@example.com -m "In order for an hour" --reconcile

chapter "The payments team designs its API, and the shop agrees. That the queue is there the run has seen by itself."
who=agent
do_node instalments/design agent:payments-coder --set specification=https://api.example.com/instalments
who=ana
run planspec approve api-agreed --as ana@example.com -m "A failed instalment cancels the order" --reconcile
expect_node instalments/queue Succeeded
who=agent
do_node instalments/build agent:payments-coder
who=tom
do_node instalments/deploy tom@example.com

chapter "The shop has drawn its screens meanwhile, and now there is an API to connect."
who=agent
do_node checkout/screens agent:shop-coder
expect_node checkout/api Succeeded
do_node checkout/connect agent:shop-coder
who=ana
run planspec status

chapter "Two approve, of whichever of the two teams, and the platform team deploys."
run planspec approve checkout-live --as ana@example.com -m "Refund tried"
who=ben
run planspec approve checkout-live --as ben@example.com -m "Booked as it should be" --reconcile
who=tom
do_node checkout/deploy tom@example.com

chapter "Where everything stands, for all teams and for one."
who=ana
run planspec get goals -A
run planspec get -n shop
end_well queue instalments checkout
