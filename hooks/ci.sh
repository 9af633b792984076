#!/usr/bin/env bash
# CI jobs of planspec: validate, review, reconcile; on GitHub and on GitLab. See docs/ci.md.
#
#   ci.sh key                  prints a cache key for the built program
#   ci.sh install              makes a released or built planspec available; on GitHub, for later steps as well
#   ci.sh release FOLDER       prints the list of a release: the key of its source, and the digests of the archives
#   ci.sh version              prints the version of the source
#   ci.sh MODE                 validate, review, reconcile, work, carry or verified
#   ci.sh unreviewed           marks the comment as outdated when a review could not start
#
# All input is in the environment, together with the variables that the forge sets:
#
#   INPUT_PROGRAM              an existing planspec
#   INPUT_BASE                 validate and review: compare with this revision
#   INPUT_PLAN                 review: only this plan
#   INPUT_COMMENT              review: `false` writes no comment
#   INPUT_TOKEN                reads and writes the repository, writes the comment
#   INPUT_COMMENT_AUTHOR       the author of our comments
#   INPUT_FULL                 reconcile: `true` looks at everything, and audits the status
#   INPUT_NAMESPACE            work, carry and verified
#   INPUT_NODE, INPUT_ACTOR    work and carry: the node, and who claims it
#   INPUT_REPORTS              the folder in which `work` leaves its reports for `carry`
#   INPUT_SIGNING_KEY          carry: signs the reports
#   INPUT_JOBS                 reconcile on GitLab: the file for the child pipeline with the jobs of nodes
#   INPUT_TARGET               verified: an execution, a goal, or the file of a document
#   INPUT_COMMIT               verified: the commit
#   INPUT_AFTER_DEPLOYMENT     verified: `true` if it is deployed
#   INPUT_TIMEOUT              verified: how long to wait
#   PLANSPEC_HOME              where a program is built, without RUNNER_TEMP
#   ACTION_REPOSITORY          `owner/name` of this action, instead of GITHUB_ACTION_REPOSITORY
#
# No value from outside is ever part of a command, only an argument or a line of a file. No file of the checkout is run,
# or changes how the program is built.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
INPUT_PLAN=${INPUT_PLAN:-}
mode=${1:-}
work=$(mktemp -d)
# Whether the comment of the pull request is up to date.
told=false
trap ended EXIT
# A cancelled job is followed by another one.
trap 'told=true; exit 143' INT TERM

# The most characters of our comments and summaries; GitHub allows 65,536 and 1 MiB.
most=60000

# --- Messages --------------------------------------------------------------------------------

on_github() { [ "${GITHUB_ACTIONS:-}" = true ]; }
on_gitlab() { [ "${GITLAB_CI:-}" = true ]; }

# Escapes a message for a workflow command: characters that would end it or start another one.
escaped() {
  local text=$1
  text=${text//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '%s' "${text//$'\n'/%0A}"
}

say() { # LEVEL MESSAGE
  if on_github; then
    printf '::%s title=planspec::%s\n' "$1" "$(escaped "$2")"
  else
    printf '%s: %s\n' "$1" "$2" >&2
  fi
}

fail() { # MESSAGE [CODE]
  say error "$1"
  exit "${2:-2}"
}

# Adds Markdown to the page of the run; GitLab has none.
summary() { # FILE
  [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$1" ] || return 0
  cat "$1" >>"$GITHUB_STEP_SUMMARY"
}

# Prints text as an indented block, which it cannot end. Long text is cut, with a note.
block() { # FILE
  local size
  size=$(wc -c <"$1")
  # The incomplete line at the cut is left out.
  head -c "$most" "$1" | if [ "$size" -gt "$most" ]; then sed '$d'; else cat; fi | sed 's/^/    /'
  if [ "$size" -gt "$most" ]; then
    printf '\n(cut: %s bytes in all; the log has the rest)\n' "$size"
  fi
}

# The URL of this job's log, if the forge has it.
job_url() {
  if on_gitlab; then
    printf '%s' "${CI_JOB_URL:-}"
  elif [ -n "${GITHUB_SERVER_URL:-}" ] && [ -n "${GITHUB_RUN_ID:-}" ]; then
    printf '%s/%s/actions/runs/%s' "$GITHUB_SERVER_URL" "${GITHUB_REPOSITORY:-}" "$GITHUB_RUN_ID"
  fi
}

# The URL of the repository on the forge.
web() {
  if on_gitlab; then
    [ -z "${CI_PROJECT_URL:-}" ] || printf '%s/-' "$CI_PROJECT_URL"
  elif [ -n "${GITHUB_SERVER_URL:-}" ]; then
    printf '%s/%s' "$GITHUB_SERVER_URL" "${GITHUB_REPOSITORY:-}"
  fi
}

# --- The program -------------------------------------------------------------------------------

# Depends on the source only: a program that was built from the same source is used again.
key() {
  (cd "$source_dir" &&
    find Cargo.toml Cargo.lock src docs/rules docs/schemas hooks/pre-commit -type f -print0 | LC_ALL=C sort -z |
    xargs -0 cat) | digest -
}

# Where the program is built and kept: never in the checkout, whose content a pull request chooses.
home() {
  if [ -n "${RUNNER_TEMP:-}" ]; then
    printf '%s/planspec' "$RUNNER_TEMP"
  else
    printf '%s' "${PLANSPEC_HOME:-}"
  fi
}

# Whether a folder, which may not exist yet, is in the checkout.
in_checkout() { # FOLDER
  local checkout at=$1
  checkout=$(cd "${GITHUB_WORKSPACE:-${CI_PROJECT_DIR:-$PWD}}" && pwd -P)
  while [ ! -d "$at" ]; do at=$(dirname "$at"); done
  at=$(cd "$at" && pwd -P)
  case "$at/" in "$checkout"/*) return 0 ;; *) return 1 ;; esac
}

program() {
  if [ -n "${INPUT_PROGRAM:-}" ]; then
    printf '%s' "$INPUT_PROGRAM"
  elif [ -n "$(home)" ] && ! in_checkout "$(home)" && [ -x "$(home)/bin/planspec" ]; then
    printf '%s/bin/planspec' "$(home)"
  else
    type -P planspec || true
  fi
}

# `owner/name` of the repository that this script comes from, if a runner downloaded it; empty in a checkout. The runner
# sets it, or it is in the folder of the action: …/_actions/OWNER/NAME/REF.
action_repository() {
  local name=${ACTION_REPOSITORY:-${GITHUB_ACTION_REPOSITORY:-}} rest
  if [ -z "$name" ]; then
    case "${GITHUB_ACTION_PATH:-}" in
    */_actions/*/*/*)
      rest=${GITHUB_ACTION_PATH##*/_actions/}
      name=${rest%%/*}
      rest=${rest#*/}
      name=$name/${rest%%/*}
      ;;
    esac
  fi
  case "$name" in
  *[!A-Za-z0-9._/-]* | */*/* | /* | */ | .*) ;;
  */*) printf '%s' "$name" ;;
  esac
}

# The target of this machine as releases name it; empty if there are no releases for it.
target() {
  case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) printf x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) printf aarch64-unknown-linux-musl ;;
  Darwin-x86_64) printf x86_64-apple-darwin ;;
  Darwin-arm64) printf aarch64-apple-darwin ;;
  esac
}

version() { sed -n 's/^version = "\([^"]*\)"$/\1/p' "$source_dir/Cargo.toml" | head -n 1; }

digest() { # FILE
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Installs the release that was made from this very source by this script's own repository. A list in the release has
# the key of the source and the digests; GitHub attests that the repository's workflow made the list.
released() {
  local repository at target version list file wanted
  on_github && command -v gh >/dev/null && [ -n "$(home)" ] && ! in_checkout "$(home)" || return 1
  repository=$(action_repository)
  target=$(target)
  version=$(version)
  [ -n "$repository" ] && [ -n "$target" ] && [ -n "$version" ] || return 1
  at=${GITHUB_SERVER_URL:-https://github.com}/$repository/releases/download/v$version
  list=planspec-$version.txt
  file=planspec-$version-$target.tar.gz
  mkdir -p "$work/release"
  download "$at/$list" "$work/release/$list" || return 1
  # Between two releases the source changes, but not the version.
  grep -Fqx "source $(key)" "$work/release/$list" || return 1
  # The token is only for the forge that attests.
  GH_TOKEN=${INPUT_TOKEN:-} gh attestation verify "$work/release/$list" --repo "$repository" \
    --signer-workflow "$repository/.github/workflows/release.yml" --source-ref "refs/tags/v$version" \
    --deny-self-hosted-runners >&2 || {
    say warning "nobody attests that $repository made its release v$version: planspec is built from source instead"
    return 1
  }
  wanted=$(sed -n "s/^\\([0-9a-f]\\{64\\}\\)  $file\$/\\1/p" "$work/release/$list")
  [ -n "$wanted" ] && download "$at/$file" "$work/release/$file" || return 1
  if [ "$(digest "$work/release/$file")" != "$wanted" ]; then
    say warning "$file of release v$version is not what its list says: planspec is built from source instead"
    return 1
  fi
  tar -xzf "$work/release/$file" -C "$work/release" planspec
  if ! "$work/release/planspec" --version >/dev/null 2>&1; then
    say notice "planspec v$version of the release does not run here: it is built from source instead"
    return 1
  fi
  mkdir -p "$(home)/bin"
  mv "$work/release/planspec" "$(home)/bin/planspec"
}

download() { # URL FILE
  curl --silent --show-error --fail --location --retry 2 --max-time 300 --output "$2" "$1" 2>"$work/said" && return
  # A missing file is no error.
  case "$(cat "$work/said")" in *404*) ;; *) cat "$work/said" >&2 ;; esac
  return 1
}

# Cargo reads its configuration, and rustup the toolchain, from the current folder and those above it: so a copy of the
# source is built in a separate folder, with its own configuration.
build() {
  local at
  at=$(home)
  [ -n "$at" ] || fail 'say where to build planspec: PLANSPEC_HOME, a folder outside of the checkout'
  ! in_checkout "$at" || fail "planspec is not built in the checkout: \`$at\` is part of it; name another folder in PLANSPEC_HOME"
  mkdir -p "$work/source"
  (cd "$source_dir" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C "$work/source"
  (
    cd "$work/source"
    unset INPUT_TOKEN PLANSPEC_TOKEN RUSTFLAGS RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_ENCODED_RUSTFLAGS
    # The configuration of the runner is fine, that of the checkout is not.
    if [ -n "${CARGO_HOME:-}" ] && in_checkout "$CARGO_HOME"; then unset CARGO_HOME; fi
    CARGO_TARGET_DIR=$work/target cargo install --quiet --locked --path . --root "$at" >&2
  )
}

release() { # FOLDER
  local file
  printf 'source %s\n' "$(key)"
  for file in "$1"/planspec-"$(version)"-*.tar.gz; do
    printf '%s  %s\n' "$(digest "$file")" "$(basename "$file")"
  done
}

install() {
  if [ -z "$(program)" ] && ! released; then
    command -v cargo >/dev/null ||
      fail 'there is no planspec here and no cargo to build it: install Rust first, or name a program'
    build
  fi
  local found
  found=$(program)
  "$found" --version >&2 || fail "\`$found\` cannot be run"
  if [ -n "${GITHUB_PATH:-}" ]; then
    (cd "$(dirname "$found")" && pwd) >>"$GITHUB_PATH"
  fi
}

# Not named like the program, which `type -P` looks for.
run() { authorized "$program" "$@"; }

# Runs a program with the token for this forge in its environment, so that no file has it. Credentials that the checkout
# has left are used instead.
authorized() {
  local server=${GITHUB_SERVER_URL:-} header
  if ! on_github || [ -z "${INPUT_TOKEN:-}" ] || [ -z "$server" ] ||
    git config --get-all "http.$server/.extraheader" >/dev/null 2>&1; then
    "$@"
    return
  fi
  header=$(printf 'x-access-token:%s' "$INPUT_TOKEN" | base64 | tr -d '\n')
  GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$server/.extraheader" \
    GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $header" "$@"
}

# --- The event ---------------------------------------------------------------------------------

event() { # JQ_EXPRESSION
  [ -n "${GITHUB_EVENT_PATH:-}" ] && [ -r "$GITHUB_EVENT_PATH" ] || return 0
  jq -r "$1 // empty" "$GITHUB_EVENT_PATH"
}

is_pull_request() {
  case "${GITHUB_EVENT_NAME:-}" in pull_request | pull_request_target) return 0 ;; esac
  [ -n "${CI_MERGE_REQUEST_IID:-}" ]
}

# The two revisions of a review. planspec fetches commits that are missing here.
range() {
  local base=${INPUT_BASE:-} head=HEAD
  if [ -z "$base" ] && is_pull_request; then
    base=refs/remotes/origin/${GITHUB_BASE_REF:-${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-}}
  fi
  # The pushed commit, not the forge's test merge; with pull_request_target the base is checked out. Only its objects
  # are read, nothing is run.
  if is_pull_request && ! on_gitlab; then
    head=$(event .pull_request.head.sha)
  elif is_pull_request; then
    head=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-}
  fi
  head=${head:-HEAD}
  # The commit before a push; for a new branch it is all zeros.
  if [ -z "$base" ] && [ "${GITHUB_EVENT_NAME:-}" = push ]; then
    base=$(event .before)
    case "$base" in *[!0]*) printf '%s..%s' "$base" "$head" && return ;; *) base= ;; esac
  fi
  [ -z "$base" ] || printf '%s...%s' "$base" "$head"
}

is_fork() {
  if on_gitlab; then
    [ "${CI_MERGE_REQUEST_SOURCE_PROJECT_ID:-}" != "${CI_PROJECT_ID:-}" ]
  else
    [ "$(event .pull_request.head.repo.full_name)" != "${GITHUB_REPOSITORY:-}" ]
  fi
}

# --- The comment ---------------------------------------------------------------------------------

# Calls the forge's API. The token is passed in a private file, not in the arguments of a process; the answer is in
# $work/answer, and its status is printed.
call() { # METHOD URL [BODY_FILE]
  local header=Authorization:\ Bearer
  if on_gitlab; then header='PRIVATE-TOKEN:'; fi
  local arguments=(--silent --show-error --max-time 60 --request "$1" --output "$work/answer"
    --write-out '%{http_code}' --header @"$work/token" --header 'Content-Type: application/json')
  if [ $# -gt 2 ]; then arguments+=(--data-binary @"$3"); fi
  (umask 077 && printf '%s %s\n' "$header" "$INPUT_TOKEN" >"$work/token")
  curl "${arguments[@]}" "$2" || true
}

# The URL that lists and creates comments, the one that changes a comment, and the method for that.
if on_gitlab; then
  comments=${CI_API_V4_URL:-}/projects/${CI_PROJECT_ID:-}/merge_requests/${CI_MERGE_REQUEST_IID:-}/notes
  comment_at=$comments
  change=PUT
else
  api=${GITHUB_API_URL:-https://api.github.com}/repos/${GITHUB_REPOSITORY:-}/issues
  comments=
  comment_at=$api/comments
  change=PATCH
fi

# The author whose comments may be changed: those of others stay, even with our marker.
author() {
  if [ -n "${INPUT_COMMENT_AUTHOR:-}" ]; then
    printf '%s' "$INPUT_COMMENT_AUTHOR"
  elif on_gitlab; then
    [ "$(call GET "$CI_API_V4_URL/user")" = 200 ] && jq -r '.username // empty' "$work/answer"
  else
    printf 'github-actions[bot]'
  fi
}

# The id of our comment, if there is one among the first 1,000 comments. Fails if they cannot be read: then nothing is
# written, because there might be one.
find_comment() { # MARK AUTHOR
  local page
  for page in 1 2 3 4 5 6 7 8 9 10; do
    local status
    status=$(call GET "$comments?per_page=100&page=$page")
    [ "$status" = 200 ] || {
      printf '%s' "$status" >"$work/refused"
      return 1
    }
    jq -r --arg mark "$1" --arg author "$2" '
      [.[] | select((.body // "" | startswith($mark))
                    and ((.user.login // .author.username) == $author)) | .id]
      | first // empty' "$work/answer" >"$work/found"
    if [ -s "$work/found" ]; then
      cat "$work/found"
      return 0
    fi
    [ "$(jq length "$work/answer")" -ge 100 ] || return 0
  done
}

# Whether the reviewed commit is still the head of the pull request: a job that runs again, or that is slower than the
# next one, belongs to an earlier push. True if that is unknown.
is_current() {
  local head at field=.head.sha now
  if on_gitlab; then
    head=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-${CI_COMMIT_SHA:-}}
    at=${comments%/notes}
    field=.sha
  else
    head=$(event .pull_request.head.sha)
    at=${api%/issues}/pulls/$(event .pull_request.number)
  fi
  if [ -z "$head" ] || [ "$(call GET "$at")" != 200 ]; then return 0; fi
  now=$(jq -r "$field // empty" "$work/answer")
  [ -z "$now" ] || [ "$now" = "$head" ]
}

refused() { # STATUS
  local right='the permission "pull-requests: write"'
  if on_gitlab; then right='the scope "api"'; fi
  say warning "the review could not be written as a comment (HTTP $1): the token needs $right. The summary and the log have it."
}

comment() { # MARKDOWN_FILE
  told=true
  [ "${INPUT_COMMENT:-true}" = true ] && is_pull_request || return 0
  if is_fork && [ "${GITHUB_EVENT_NAME:-}" != pull_request_target ]; then
    say notice 'a fork: it has no token that may write, so the review is in the summary and the log only'
    return 0
  fi
  if [ -z "${INPUT_TOKEN:-}" ]; then
    say notice 'no token: the review is in the summary and the log only'
    return 0
  fi
  if ! on_gitlab; then comments=$api/$(event .pull_request.number)/comments; fi
  local mark="<!-- planspec review ${INPUT_PLAN//[^a-z0-9.\/-]/} -->" author id status
  author=$(author) || true
  if [ -z "$author" ]; then
    refused 401
    return 0
  fi
  if ! id=$(find_comment "$mark" "$author"); then
    refused "$(cat "$work/refused")"
    return 0
  fi
  if ! is_current; then
    say notice 'there was another push since: its job comments'
    return 0
  fi
  if [ -z "$id" ] && [ "$nothing" = true ]; then
    return 0 # Nothing to say, and nothing was said before.
  fi
  jq -n --arg mark "$mark" --rawfile text "$1" '{body: ($mark + "\n" + $text)}' >"$work/body"
  if [ -n "$id" ]; then
    status=$(call "$change" "$comment_at/$id" "$work/body")
  else
    status=$(call POST "$comments" "$work/body")
  fi
  case "$status" in 200 | 201) ;; *) refused "$status" ;; esac
}

# --- The modes -----------------------------------------------------------------------------------

# The old bash of macOS treats an empty list as unset.
validate() {
  local code=0 arguments=()
  if [ -n "${INPUT_BASE:-}" ]; then arguments+=(--base "$INPUT_BASE"); fi
  if on_gitlab; then
    run validate ${arguments[@]+"${arguments[@]}"} --out gitlab=gl-code-quality-report.json || code=$?
  else
    run validate ${arguments[@]+"${arguments[@]}"} -o github --out concise="$work/text" 2>"$work/messages" || code=$?
    cat "$work/messages" >&2
    cat "$work/messages" >>"$work/text"
    {
      printf '### planspec validate\n\n'
      block "$work/text"
    } >"$work/summary"
    summary "$work/summary"
  fi
  return "$code"
}

review() {
  [ -n "$program" ] || fail 'there is no planspec: run "ci.sh install" first'
  local code=0 between arguments=(--out markdown="$work/review.md" --out json="$work/review.json")
  between=$(range)
  if [ -n "$between" ]; then arguments+=("$between"); fi
  if [ -n "$INPUT_PLAN" ]; then arguments+=(--plan "$INPUT_PLAN"); fi
  if ! on_gitlab; then arguments+=(-o github); fi
  run review "${arguments[@]}" || code=$?
  # A failed review must not look like "no changes"; a finished one is never empty.
  [ "$code" -le 1 ] && [ -s "$work/review.md" ] || fail "there is no review (exit code $code); see the log" "$code"
  nothing=$(jq '[.subjects, .findings, .configuration] | map(. // []) == [[], [], []]' "$work/review.json")
  if ! on_gitlab && [ -z "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$work/review.md"; fi
  summary "$work/review.md"
  comment "$work/review.md"
  return "$code"
}

# An existing comment is about an earlier state of the pull request.
unreviewed() {
  local log=log
  if [ -n "$(job_url)" ]; then log="[log]($(job_url))"; fi
  printf '## ⛔ This could not be reviewed\n\nWhy, the %s of the job says. What stood here was about an earlier state.\n' \
    "$log" >"$work/unreviewed.md"
  nothing=true
  comment "$work/unreviewed.md"
}

# Keeps the comment from being older than the pull request, whatever the reason for the exit. The functions called here
# return with a number: `return` alone would use the code of the last command before the trap.
ended() {
  if [ "$mode" = review ] && [ "$told" = false ]; then unreviewed || true; fi
  rm -rf "$work"
}

reconcile() {
  if is_pull_request; then
    fail 'reconcile works on the spec branch: run it on push, schedule and workflow_dispatch, not on pull requests'
  fi
  case "${GITHUB_REF:-${CI_COMMIT_BRANCH:-}}" in
  refs/heads/planspec/* | planspec/*)
    say notice 'this is a branch that planspec writes: nothing to do'
    return
    ;;
  esac
  local code=0 arguments=(--out markdown="$work/summary")
  if [ "${INPUT_FULL:-}" = true ]; then arguments+=(--full); fi
  if [ -n "$(web)" ]; then arguments+=(--web "$(web)"); fi
  if [ -n "$(job_url)" ]; then arguments+=(--job "$(job_url)"); fi
  if wants_jobs; then arguments+=(--out github-matrix="$work/next"); fi
  run reconcile "${arguments[@]}" 2>"$work/messages" || code=$?
  cat "$work/messages" >&2
  if [ "$code" -ne 0 ]; then
    {
      printf '### planspec reconcile failed\n\n'
      block "$work/messages"
    } >"$work/summary"
  fi
  summary "$work/summary"
  [ "$code" -eq 0 ] || fail "reconcile ended with exit code $code; see the log" "$code"
  if [ "${INPUT_FULL:-}" = true ]; then audit; fi
  matrix
}

# Checks that the status follows from what it cites, from the first commit on. That needs the whole history, which a
# checkout in CI does not have.
audit() {
  local code=0
  if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    authorized git fetch --quiet --no-tags --unshallow origin '+refs/heads/*:refs/remotes/origin/*'
  fi
  run audit >"$work/audit" 2>&1 || code=$?
  cat "$work/audit"
  {
    printf '### planspec audit\n\n'
    block "$work/audit"
  } >"$work/summary"
  summary "$work/summary"
  [ "$code" -eq 0 ] || fail "audit ended with exit code $code: the status does not follow from what it cites; see the log" "$code"
}

# The gate before a deployment: whether the requirements are verified or attested for exactly this commit. Runs no
# check.
verified() {
  local code=0 arguments=(--commit "${INPUT_COMMIT:-HEAD}")
  [ -n "${INPUT_TARGET:-}" ] || fail 'verified needs INPUT_TARGET: an execution, a goal, or the file of a document'
  if [ -n "${INPUT_NAMESPACE:-}" ]; then arguments+=(-n "$INPUT_NAMESPACE"); fi
  if [ -n "${INPUT_TIMEOUT:-}" ]; then arguments+=(--timeout "$INPUT_TIMEOUT"); fi
  if [ "${INPUT_AFTER_DEPLOYMENT:-}" = true ]; then arguments+=(--after-deployment); fi
  run wait --for verified "${arguments[@]}" -- "$INPUT_TARGET" >"$work/text" 2>"$work/messages" || code=$?
  cat "$work/text"
  cat "$work/messages" >&2
  {
    printf '### planspec wait --for verified\n\n'
    cat "$work/text" "$work/messages" >"$work/both"
    block "$work/both"
  } >"$work/summary"
  summary "$work/summary"
  [ "$code" -eq 0 ] || fail "not to be deployed (exit code $code): $(sed -n 's/^error: //p' "$work/messages" | head -n 1)" "$code"
}

wants_jobs() { [ -n "${GITHUB_OUTPUT:-}" ] || { on_gitlab && [ -n "${INPUT_JOBS:-}" ]; }; }

# The claimable nodes that are bound to a command, as jobs: a matrix on GitHub, a child pipeline on GitLab. Nodes for
# people and agents are not jobs.
matrix() {
  wants_jobs || return 0
  jq -c '.include |= map(select(.provider | startswith("tool://")))' "$work/next" >"$work/matrix"
  if on_gitlab; then
    pipeline <"$work/matrix" >"$INPUT_JOBS"
  else
    printf 'matrix=%s\n' "$(cat "$work/matrix")" >>"$GITHUB_OUTPUT"
  fi
}

# Two jobs for every node: the templates are in the file that the child pipeline includes. GitLab refuses an empty
# pipeline.
pipeline() {
  jq '.include | to_entries | map(
      (.value | {INPUT_NAMESPACE: .namespace, INPUT_NODE: "\(.execution)/\(.node)"}) as $variables
      | {key: "work \(.key + 1)", value: {extends: ".work", variables: $variables}},
        {key: "carry \(.key + 1)", value: {extends: ".carry", needs: ["work \(.key + 1)"], variables: $variables}})
    | if . == [] then [{key: "nothing to do", value: {extends: ".nothing"}}] else . end
    | {include: [{local: ".gitlab/planspec-jobs.yml"}]} + from_entries'
}

# Where reports have to be signed, the carrying job signs them. Here they get a key that counts only in this copy.
throw_away_key() { # BOX
  local signers
  signers=$(git -C "$1/clone" show HEAD:.planspec.yaml 2>/dev/null | sed -n 's/.*allowedSigners: *\([^ ,}]*\).*/\1/p')
  signers=$1/clone/${signers:-.planspec/allowed_signers}
  [ -f "$signers" ] && [ ! -L "$signers" ] || return 0
  ssh-keygen -q -t ed25519 -N '' -f "$1/key" -C ''
  git -C "$1/clone" config gpg.format ssh
  git -C "$1/clone" config user.signingkey "$1/key"
  printf '\n%s %s\n' "${INPUT_ACTOR:-ci}" "$(cat "$1/key.pub")" >>"$signers"
  git -C "$1/clone" -c user.name=planspec -c user.email=planspec@localhost -c commit.gpgsign=false \
    commit --quiet --all --no-verify --message 'A key for this copy'
  git -C "$1/clone" push --quiet origin HEAD
}

# Does a node in a clone whose remote is a copy on this machine, so that its command can write nowhere else. The claim,
# report, log and work are left in a bundle for `carry`.
work() {
  local name refs=() box=$work/box
  [ -n "${INPUT_NODE:-}" ] && [ -n "${INPUT_REPORTS:-}" ] || fail 'work needs INPUT_NODE and INPUT_REPORTS'
  mkdir -p "$box" "$INPUT_REPORTS"
  git init --quiet --bare --object-format="$(git rev-parse --show-object-format)" "$box/origin.git"
  authorized git -C "$box/origin.git" fetch --quiet --no-tags "$(git remote get-url origin)" \
    '+refs/heads/*:refs/heads/*' '+refs/planspec/*:refs/planspec/*'
  git -C "$box/origin.git" symbolic-ref HEAD "$(authorized git ls-remote --symref origin HEAD | sed -n 's/^ref: \(.*\)\tHEAD$/\1/p')"
  git -C "$box/origin.git" for-each-ref --format='%(objectname) %(refname)' refs/planspec >"$box/before"
  git clone --quiet "$box/origin.git" "$box/clone"
  throw_away_key "$box"
  local arguments=(--node "$INPUT_NODE" --as "${INPUT_ACTOR:-ci}")
  if [ -n "${INPUT_NAMESPACE:-}" ]; then arguments+=(-n "$INPUT_NAMESPACE"); fi
  (unset INPUT_TOKEN && "$program" -C "$box/clone" work --once "${arguments[@]}")
  git -C "$box/origin.git" for-each-ref --format='%(objectname) %(refname)' refs/planspec >"$box/after"
  while read -r _ name; do refs+=("$name"); done < <(comm -13 <(sort "$box/before") <(sort "$box/after"))
  if [ ${#refs[@]} -eq 0 ]; then
    say notice 'there was nothing to do'
    return
  fi
  git -C "$box/origin.git" bundle create --quiet "$INPUT_REPORTS/reports.bundle" "${refs[@]}" \
    --not --branches $(cut -d ' ' -f 1 "$box/before")
}

# Signs the records up to a commit with the key of this job. This changes their ids, and therefore the references in
# later records; $work/renamed has the replacements.
signed() { # COMMIT
  local commit blob tree made last=
  git rev-list --reverse "$1" >"$work/unsigned"
  while read -r commit; do
    blob=$(git show "$commit:record.yaml" | sed -f "$work/renamed" | git hash-object -w --stdin)
    tree=$(printf '100644 blob %s\trecord.yaml\n' "$blob" | git mktree)
    {
      read -r GIT_AUTHOR_NAME && read -r GIT_AUTHOR_EMAIL && read -r GIT_AUTHOR_DATE
    } < <(git show -s --format='%an%n%ae%n%aI' "$commit")
    export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
    export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
    made=$(git show -s --format=%B "$commit" |
      git -c gpg.format=ssh -c user.signingkey="$work/key" commit-tree -S ${last:+-p "$last"} -F - "$tree")
    printf 's/%s/%s/g\n' "$commit" "$made" >>"$work/renamed"
    last=$made
  done <"$work/unsigned"
  printf '%s' "$last"
}

# Pushes the bundle of a job that has no write access: new refs of its own node, with records of its own actor, and
# nothing else.
carry() {
  local bundle=$INPUT_REPORTS/reports.bundle at name leases=() specs=() actor=${INPUT_ACTOR:-ci} of
  [ -n "${INPUT_NODE:-}" ] || fail 'carry needs INPUT_NODE'
  if [ ! -f "$bundle" ]; then
    say notice 'there is nothing to carry'
    return
  fi
  of=${INPUT_NAMESPACE:-default}/${INPUT_NODE%/*}
  : >"$work/renamed"
  (umask 077 && printf '%s\n' "${INPUT_SIGNING_KEY:-}" >"$work/key")
  authorized git fetch --quiet --no-tags --unshallow origin 2>/dev/null || authorized git fetch --quiet --no-tags origin
  authorized git fetch --quiet --no-tags --no-write-fetch-head origin \
    '+refs/heads/*:refs/known/heads/*' '+refs/planspec/*:refs/known/planspec/*'
  git for-each-ref --format='delete %(refname)' refs/carried | git update-ref --stdin
  git fetch --quiet --no-tags --no-write-fetch-head "$bundle" '+refs/*:refs/carried/*'
  while read -r at name; do
    name=refs/${name#refs/carried/}
    case "$name" in
    refs/planspec/work/"$of"/*/"${INPUT_NODE##*/}"/* | refs/planspec/verifications/"$of"/*/"${INPUT_NODE##*/}"/*)
      git rev-list "$at" >"$work/chain"
      while read -r commit; do
        git show "$commit:record.yaml" | grep -Fqx "actor: $actor" ||
          fail "\`$name\` holds a record of somebody else than $actor: nothing is carried"
      done <"$work/chain"
      if [ -n "${INPUT_SIGNING_KEY:-}" ]; then at=$(signed "$at"); fi
      ;;
    refs/planspec/results/"$of"/*/"${INPUT_NODE##*/}"/*) ;;
    *) fail "\`$name\` does not belong to $INPUT_NODE: nothing is carried" ;;
    esac
    leases+=("--force-with-lease=$name:")
    specs+=("$at:$name")
  done < <(git for-each-ref --sort=-refname --format='%(objectname) %(refname)' refs/carried)
  if ! authorized git push --quiet --atomic --no-verify "${leases[@]}" origin "${specs[@]}" 2>"$work/said"; then
    if grep -q 'stale info' "$work/said"; then
      say notice 'somebody else was first: what was done here counts for nothing'
      return
    fi
    cat "$work/said" >&2
    fail 'the reports could not be pushed; see the log' 3
  fi
}

nothing=false
case "$mode" in
key) key ;;
version) version ;;
release) release "${2:?a folder with archives}" ;;
install) install ;;
unreviewed) unreviewed ;;
review)
  program=$(program)
  review
  ;;
validate | reconcile | work | carry | verified)
  program=$(program)
  [ -n "$program" ] || fail 'there is no planspec: run "ci.sh install" first'
  "$mode"
  ;;
*) fail "there is no mode \`$mode\`: validate, review, reconcile, work, carry, verified or install" ;;
esac
