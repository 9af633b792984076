#!/bin/sh
# Makes the status branch of a release, with everything that it refers to: tests/upgrades/VERSION.bundle. Run it with the
# program of that release, once; the file is never made again. See README.md.
#
#     PLANSPEC_BIN=PROGRAM tests/upgrades/make.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=${PLANSPEC_BIN:?the program of the release}
version=$("$program" --version | head -n 1 | cut -d ' ' -f 2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$work/home/.gitconfig" LC_ALL=C
git config --global user.name Ana
git config --global user.email ana@example.com
git config --global init.defaultBranch main
git config --global gc.auto 0

# The tests go on at 12:00. Until then no lease has ended.
at() {
    export PLANSPEC_NOW="2026-01-31T$1:00Z" GIT_AUTHOR_DATE="2026-01-31T$1:00Z" GIT_COMMITTER_DATE="2026-01-31T$1:00Z"
}
planspec() { "$program" "$@" >/dev/null; }
publish() {
    git add -A
    git commit -q -m "$1"
    git push -q origin HEAD:main
    planspec reconcile
}

at 11:00
git init -q --bare "$work/origin.git"
git clone -q "$work/origin.git" "$work/ana" 2>/dev/null
cd "$work/ana"
echo 'status: {remote: origin}' >.planspec.yaml
mkdir planspec
cat >planspec/all.yaml <<'YAML'
apiVersion: planspec.io/v1alpha1
kind: Goal
metadata: {name: fast-sign-in, namespace: default}
spec:
  description: Everybody signs in within a second
---
apiVersion: planspec.io/v1alpha1
kind: Capability
metadata: {name: engineering, namespace: default}
spec: {description: Write and test code}
---
apiVersion: planspec.io/v1alpha1
kind: Binding
metadata: {name: everybody, namespace: default}
spec:
  rules:
    - selector: {capabilityRef: {name: engineering}}
      target: {provider: "agent://builder"}
---
apiVersion: planspec.io/v1alpha1
kind: Gate
metadata: {name: launch, namespace: default}
spec:
  gateType: approval
  targetRef: {kind: Plan, name: gated}
---
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: steps, namespace: default}
spec:
  description: Two steps, the second with what the first has found
  graph:
    nodes:
      - {id: research, kind: Task, capabilityRefs: [{name: engineering}], outputs: [found]}
      - {id: build, kind: Task, dependsOn: [research]}
---
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: gated, namespace: default}
spec:
  description: A task that waits for a decision
  goalRef: {name: fast-sign-in}
  graph:
    nodes:
      - {id: build, kind: Task}
      - {id: decide, kind: Gate, gateRef: {name: launch}, dependsOn: [build]}
      - {id: launch, kind: Task, dependsOn: [decide]}
YAML
for run in succeeded failed cancelled claimed asked; do
    printf -- '---\napiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {name: %s, namespace: default}\nspec:\n  planRef: {name: steps}\n  bindingRef: {name: everybody}\n' \
        "$run" >>planspec/all.yaml
done
printf -- '---\napiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {name: gated, namespace: default}\nspec: {planRef: {name: gated}}\n' >>planspec/all.yaml
cat >planspec/greeting.planspec.json <<'JSON'
{
  "identity": {"plan_id": "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11", "session_id": "greeting", "revision": 1, "parent_id": null,
               "created_by": "human:ana", "created_at": "2026-01-31T09:00:00Z"},
  "intent": {"goal_statement": "Visitors are greeted in their own language", "motivation": "Half of them do not read English",
             "success_definition": "A visitor from anywhere reads a greeting that they understand"},
  "scope": {"in_scope": ["path:greeting/**"], "out_of_scope": ["path:billing/**"], "assumptions": []},
  "approach": {
    "overview": "Translate the greeting, then release it", "rationale": "It is small",
    "alternatives_considered": [{"approach": "A machine translates on every visit", "rejection_reason": "Nobody has read what it says"}],
    "steps": [
      {"step_id": "translate", "title": "Translate the greeting", "description": "Write the greeting in ten languages",
       "outputs": "greeting/*.txt", "estimated_complexity": "s", "delegation": "human"},
      {"step_id": "release", "title": "Release it", "description": "Put it where visitors are", "dependencies": ["translate"],
       "estimated_complexity": "xs", "delegation": "agent", "acceptance_criteria": "The site greets in Portuguese"}
    ]
  },
  "constraints": [],
  "success_criteria": [{"criterion_id": "understood", "description": "Ten visitors understand their greeting", "verification": "manual",
                        "weight": "primary"}],
  "risks": [],
  "delegation": {"default_mode": "hybrid", "step_overrides": [],
                 "escalation_policy": {"on_ambiguity": "pause", "on_constraint_violation": "fail", "on_unexpected_scope": "pause"}},
  "revision_history": [{"revision": 1, "change_type": "major", "change_summary": "First plan", "trigger": "user_feedback",
                        "created_at": "2026-01-31T09:00:00Z"}],
  "metadata": {"schema_version": "1.2.0", "tool": "manual", "tags": [], "language": "en"}
}
JSON
publish "Keep plans here"
planspec start greeting --name greeting-1
git push -q origin HEAD:main
planspec reconcile

work_on() {
    node=$1
    shift
    planspec claim "$node" --as agent:builder --reconcile
    planspec report "$node" --as agent:builder --reconcile "$@"
}
at 11:10
work_on succeeded/research --succeeded --set found=nothing
work_on succeeded/build --succeeded
work_on failed/research --failed -m "no time"
work_on gated/build --succeeded
planspec cancel cancelled -m "superseded" --reconcile
planspec reconcile # deletes the refs of what is over

at 11:45
work_on asked/research --succeeded --set found=something
planspec claim claimed/research --as agent:builder
planspec claim asked/build --as agent:builder
planspec ask asked/build "The old key, or the new one?" --as agent:builder
planspec claim greeting-1/translate --as ana@example.com
planspec reconcile

git -C "$work/origin.git" gc -q
git -C "$work/origin.git" bundle create -q "$here/$version.bundle" --all
ls -l "$here/$version.bundle"
