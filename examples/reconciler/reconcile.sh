#!/bin/sh
# Reconciles permanently in its own clone: run by the unit and the container in this folder. See docs/reconciler.md.
#
#   reconcile.sh [OPTION…]     OPTIONs are those of `planspec reconcile`
#   reconcile.sh healthy       whether it runs, and its last reconcile succeeded
#
#   PLANSPEC_REMOTE            Git address of the repository of plans
#   PLANSPEC_STATE             a persistent folder [default: /var/lib/planspec]
#   PLANSPEC_HEALTH            the health file [default: /run/planspec/health.json]
#   PLANSPEC_KEY               the private SSH key that may read the repository and push the status
#   PLANSPEC_KNOWN_HOSTS       the public keys of the forge, in the format of known_hosts
#   PLANSPEC_SIGNING_KEY       the private SSH key that signs the status, if the configuration names signers
set -eu

state=${PLANSPEC_STATE:-/var/lib/planspec}
health=${PLANSPEC_HEALTH:-/run/planspec/health.json}
clone=$state/clone

if [ "${1:-}" = healthy ]; then
  # Written after every reconcile, at least once a minute.
  [ -n "$(find "$health" -mmin -3 2>/dev/null)" ] && grep -q '"healthy": true' "$health"
  exit
fi

# The first process of a container ignores signals that it does not handle.
trap 'exit 143' TERM INT

if [ -n "${PLANSPEC_KEY:-}" ]; then
  hosts=${PLANSPEC_KNOWN_HOSTS:?name a file with the public keys of the forge: ssh-keyscan shows them, the forge publishes their fingerprints}
  GIT_SSH_COMMAND="ssh -i '$PLANSPEC_KEY' -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='$hosts'"
  export GIT_SSH_COMMAND
fi

pause=1
while [ ! -d "$clone" ]; do
  rm -rf "$clone.new"
  if git clone --quiet --no-checkout "${PLANSPEC_REMOTE:?name the Git address of the repository of plans}" "$clone.new"; then
    mv "$clone.new" "$clone"
    break
  fi
  echo "trying again in $pause s" >&2
  sleep "$pause" &
  wait $!
  pause=$((pause < 30 ? pause * 2 : 60))
done
if [ -n "${PLANSPEC_REMOTE:-}" ]; then git -C "$clone" remote set-url origin "$PLANSPEC_REMOTE"; fi
if [ -n "${PLANSPEC_SIGNING_KEY:-}" ]; then
  git -C "$clone" config gpg.format ssh
  git -C "$clone" config user.signingkey "$PLANSPEC_SIGNING_KEY"
fi
exec planspec -C "$clone" reconcile --watch --health-file "$health" --job "reconciler on $(uname -n)" "$@"
