#!/bin/sh
# Sends the transitions of a reconcile that concern people: runs that ended, nodes that wait for a person. It sends one
# message for each reconcile with such transitions, so nothing is sent twice. Reads the output of
# `planspec reconcile -o json`, with --watch or without. Needs jq and curl. See docs/reconciler.md.
#
#   planspec reconcile -o json | notify.sh
#   planspec reconcile --watch -o json | notify.sh
#
#   NOTIFY_URL    where {"text": "…"} is posted: an incoming webhook of Slack, Mattermost, Rocket.Chat, Google Chat, …
set -eu

: "${NOTIFY_URL:?name the address of an incoming webhook}"

# Changes of another reconciler are sent by that one.
messages='
  select(.kind == "Reconcile" and (.dryRun or .writtenByAnother | not))
  | . as $done
  | [.transitions[] | select(.node == null and .to == "Failed") | .namespace + "/" + .name] as $ended
  | .transitions
  | map(select(.kind == "Execution" and .criterion == null and .condition == null)
      | select((.node == null and (.to == "Failed" or .to == "Succeeded" or .to == "Cancelled"))
            or (.node != null and (.to == "Blocked" or .to == "Failed")))
      # The message of the run has the failure that ended it.
      | select(.node == null or .to != "Failed" or (.namespace + "/" + .name | IN($ended[]) | not))
      | . as $moved
      | ($done.failed | map(select(.namespace == $moved.namespace and .name == $moved.name)) | first) as $failed
      | (if .node == null and $failed then $failed.why else .message end) as $why
      | "\(.namespace)/\(.name)\(if .node then "/\(.step // .node)" else "" end): \(.to)"
        + (if $why == "" then "" else ": " + $why end))
  | select(length > 0)
  | {text: join("\n")}'

jq --unbuffered --compact-output "$messages" | {
  untold=0
  while IFS= read -r message; do
    printf '%s' "$message" | curl --silent --show-error --fail --max-time 20 --retry 3 --retry-connrefused \
      --header 'Content-Type: application/json' --data-binary @- --output /dev/null "$NOTIFY_URL" || {
      echo "notify.sh: not told: $message" >&2
      untold=1
    }
  done
  exit "$untold"
}
