#!/bin/sh
# A server for a repository, driven with curl: writes become commits, and changes become events.
# Everything happens in a temporary folder. Builds the program first, or uses $PLANSPEC_BIN.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

. "$root/examples/stage.sh"

cd "$work"
git init -q repository
cd repository
who=ana

chapter "Ana keeps the quickstart's plan in a repository, and serves it to this machine."
run planspec init --no-ci --no-hook
run git add -A
run git commit -q -m "Keep plans here"
run planspec apply -d "$root/examples/quickstart" -m "Plan a public status page"
begin_to_serve
api=$url/apis/planspec.io/v1alpha1
ask() {
    printf '$ curl %s\n' "$*" | sed "s|$url|\$url|g"
    curl --silent --show-error --fail-with-body "$@"
    printf '\n'
}

chapter "A program lists the runs, and takes what can be done."
ask "$api/namespaces/web/executions?fieldSelector=status.phase%3DRunning" | cut -c 1-300
ask "$api/namespaces/web/next" | cut -c 1-300
node=$api/namespaces/web/executions/status-page-run/nodes/probes
ask -X POST "$node/claim" | cut -c 1-200
ask -X POST -H 'Content-Type: application/json' \
    -d '{"result": "succeeded", "outputs": {"endpoint": "https://probes.example.com/v1"}}' "$node/report" | cut -c 1-200

chapter "A goal is written: it is a commit, and the answer has its status."
ask -X POST -H 'Content-Type: application/yaml' --data-binary @- "$api/namespaces/web/goals" <<'GOAL' | cut -c 1-300
apiVersion: planspec.io/v1alpha1
kind: Goal
metadata: {name: fewer-pages, namespace: web}
spec: {description: One page for everything}
GOAL
run git log -1 --format='%h %s' -- planspec
run planspec get goals -n web

chapter "The board is at $url/ as long as it runs; now it ends, and nothing is left behind."
curl --silent --fail --output /dev/null "$url/runs/web/status-page-run/index.html"
kill $server
wait $server
