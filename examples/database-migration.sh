#!/bin/sh
# The migration of a database: a rehearsal that is cancelled, then a run that fails, is rolled back and cleaned up, is
# retried, and succeeds.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/examples/stage.sh"

# --- The story --------------------------------------------------------------------------------

chapter "Ana commits the plan, and begins a rehearsal."
begin_with database-migration
run planspec validate
run planspec graph migrate-orders
run planspec start migrate-orders --name rehearsal
run planspec reconcile
who=dba
do_node rehearsal/snapshot agent:dba --set snapshot=orders-2026-02-14
do_node rehearsal/provision agent:dba --set cluster=rehearsal.db.example.com

chapter "It is cancelled once its cluster is there. The cleanup runs all the same, and then the run is over."
who=ana
run planspec cancel rehearsal -m "The disks are needed elsewhere" --reconcile
who=dba
do_node rehearsal/clean-up agent:dba
run planspec wait execution/rehearsal --for Cancelled --timeout 1s

chapter "Two weeks later it is done in earnest."
who=ana
run planspec start migrate-orders --name march
run planspec reconcile

chapter "An agent copies the database."
who=dba
do_node march/snapshot agent:dba --set snapshot=orders-2026-03-01
do_node march/provision agent:dba --set cluster=orders-18.db.example.com
do_node march/migrate agent:dba

chapter "Both clusters are compared, and differ. What depends on it is skipped; the rollback's turn has come."
run planspec claim march/compare --as agent:dba
run planspec report march/compare --as agent:dba --failed -m "order_lines: 812 rows are missing" --reconcile
expect_node march/window Skipped
run planspec next
do_node march/rollback agent:dba -m "The replication is stopped; the shop never left the old cluster"

chapter "The cleanup runs whatever happened. Then the run is over: it has failed."
do_node march/clean-up agent:dba
run planspec graph march
expect_node march/rollback Succeeded
expect_node march/clean-up Succeeded
run planspec wait execution/march --for Failed --timeout 1s

chapter "The cause is found: a trigger was switched off. Trying again opens what failed and all that was decided on it."
who=ana
run planspec retry march/migrate --again --dry-run
run planspec retry march/migrate --again -m "Triggers are on while the snapshot is restored" --reconcile
who=dba
do_node march/migrate agent:dba
do_node march/compare agent:dba --set rows=48211907

chapter "Somebody who is on call decides about the moment, and switches over."
who=ben
run planspec approve maintenance-window --as ben@example.com -m "Six orders a minute" --reconcile
do_node march/switch-over ben@example.com

chapter "This time there is nothing to put back, and the cleanup runs once more."
who=dba
run planspec graph march
expect_node march/rollback Skipped
do_node march/clean-up agent:dba
run planspec describe execution march
end_well march
