//! `wait --for verified`: whether the required checks hold for one commit. It runs none of them.

use crate::approvals::{key, sign_with};
use crate::resources::{execution, file, goal, plan, task};
use crate::sandbox::{Place, Sandbox, text};

const FILE: &str = "planspec/tidy.planspec.json";

/// A document with a check, an attestation by people, and a criterion that shows after the deployment.
pub fn document(plan_id: &str) -> String {
    format!(
        r#"{{
  "identity": {{"plan_id": "{plan_id}", "session_id": "tidy", "revision": 1,
    "parent_id": null, "created_by": "ana", "created_at": "2026-02-10T09:00:00Z"}},
  "x-planspec": {{"checks": {{"notes": [{{"type": "artifact_exists", "name": "notes are there", "path": "NOTES.md"}}]}}}},
  "intent": {{"goal_statement": "Tidy the sources", "motivation": "They grew", "success_definition": "Short files"}},
  "scope": {{"in_scope": ["The sources"], "out_of_scope": ["The rest"]}},
  "approach": {{"overview": "One step", "rationale": "It is small", "steps": [
    {{"step_id": "tidy", "title": "Tidy", "description": "Split what is long"}}]}},
  "success_criteria": [
    {{"criterion_id": "notes", "description": "There are notes", "verification": "automated", "weight": "primary"}},
    {{"criterion_id": "liked", "description": "People like it", "verification": "manual", "weight": "primary"}},
    {{"criterion_id": "calm", "description": "Fewer errors", "verification": "observable", "weight": "primary"}},
    {{"criterion_id": "neat", "description": "It is neat", "verification": "manual", "weight": "secondary"}}],
  "delegation": {{"default_mode": "hybrid"}},
  "metadata": {{"schema_version": "1.2.0"}}
}}"#
    )
}

const PLAN_ID: &str = "9e5f4162-bf73-4a5d-b182-5d6e7f809123";

fn head(place: &Place<'_>) -> String {
    place.git("rev-parse HEAD").trim().to_owned()
}

#[test]
fn a_document_is_verified_for_a_commit_without_any_run() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write("NOTES.md", "Short\n")
        .publish(FILE, document(PLAN_ID));
    let first = head(&ana);
    let ask = format!("wait {FILE} --for verified");
    let answer = ana
        .run(&format!("{ask} -o json"))
        .exits(1)
        .answer("CommitVerified");
    assert_eq!(answer["verified"], false);
    assert_eq!(text(&answer["commit"]), first);
    // What is missing is listed with commands, and running them is enough.
    let next: Vec<String> = answer["next"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    let expected = [
        format!("planspec verify {FILE} --commit {first}"),
        format!("planspec attest {FILE} liked --met --commit {first}"),
    ];
    assert_eq!(next, expected);
    for command in &next {
        ana.run(command.strip_prefix("planspec ").unwrap()).ok();
    }
    // Another user, who has not fetched, sees it.
    let ben = sandbox.clone_of("origin.git", "ben");
    let answer = ben
        .run(&format!("{ask} -o json"))
        .ok()
        .answer("CommitVerified");
    let states: Vec<String> = answer["criteria"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["state"]))
        .collect();
    assert_eq!(
        states,
        ["met", "met", "later"],
        "what is secondary is not asked for"
    );
    assert!(
        !ben.has(".git/refs/heads/planspec"),
        "nothing is reconciled for it"
    );
    ben.run(&format!("{ask} --after-deployment"))
        .exits(1)
        .says("missing   calm");
    ben.run(&format!(
        "attest {FILE} calm --met --commit {first} -m 'a day without errors'"
    ))
    .ok();
    ben.run(&format!("{ask} --after-deployment")).ok();

    // The next commit is another one, for which the check does not hold.
    ana.remove("NOTES.md").commit("No notes").push();
    ana.run(&ask)
        .exits(1)
        .says("nobody has checked it")
        .says("nobody has attested it");
    ana.run(&format!("{ask} --commit {first}")).ok();
    ana.run(&format!("verify {FILE}"))
        .exits(1)
        .says("`notes` of planspec/tidy.planspec.json is not met");
    ana.run(&ask).exits(1).says("says that it does not hold");
    ana.write("NOTES.md", "Short again\n")
        .commit("Notes")
        .push();
    ana.run(&format!("verify {FILE}")).ok();
    ana.run(&ask).exits(1).never_says("nobody has checked it");
    // Another revision of the document is another plan.
    ana.publish(FILE, document("0f605273-c084-4b6e-8293-6e7f80912345"));
    ana.run(&ask).exits(1).says("nobody has checked it");
}

#[test]
fn what_cannot_be_said_of_a_document_is_refused_or_does_not_count() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write("NOTES.md", "Short\n")
        .publish(FILE, document(PLAN_ID));
    ana.run(&format!("attest {FILE} notes --met"))
        .exits(1)
        .notes("has checks, which decide");
    ana.run(&format!("attest {FILE} liked --met --as agent:a"))
        .exits(1)
        .notes("agent:a is not one");
    ana.run(&format!("attest {FILE} likes --met"))
        .exits(1)
        .notes("did you mean `liked`?");
    ana.run(&format!("attest {FILE} liked --met --commit nowhere"))
        .exits(1);
    ana.run("wait planspec/other.planspec.json --for verified")
        .exits(1)
        .notes("there is no such file");
    ana.run("wait gate/x --for verified")
        .exits(2)
        .notes("name an execution, a goal, or the file");
    ana.run("wait execution/x --for Succeeded --commit HEAD")
        .exits(2)
        .notes("--for verified");
    // Anyone can push such a record, but it does not count.
    let forged = format!(
        "apiVersion: records.planspec.io/v1\nkind: Verdict\nplan: {PLAN_ID}\ncommit: {}\ncriterion: notes\nmet: true\n\
         actor: ci\ntime: \"2026-02-10T09:00:00Z\"\nnonce: a\n",
        head(&ana)
    );
    let blob = ana.git_with("hash-object -w --stdin", &forged);
    let tree = ana.git_with(
        "mktree",
        &format!("100644 blob {}\trecord.yaml\n", blob.trim()),
    );
    let commit = ana.git(&format!("commit-tree -m x {}", tree.trim()));
    let at = format!("refs/planspec/verdicts/{PLAN_ID}/{}/notes/ci", head(&ana));
    ana.git(&format!("push -q origin {}:{at}", commit.trim()));
    ana.run(&format!("wait {FILE} --for verified"))
        .exits(1)
        .says("nobody has checked it")
        .notes("does not count: `notes` has checks, which decide");
}

#[test]
fn where_attestations_must_be_signed_others_do_not_count() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let line = format!("ana@example.com,ci {}\n", key(&solo, "ana"));
    solo.write("NOTES.md", "Short\n")
        .write(FILE, document(PLAN_ID))
        .commit("All");
    solo.run(&format!("verify {FILE} --as ci")).ok();
    solo.write(".planspec/allowed_signers", line)
        .write(
            ".planspec.yaml",
            "approvals: {requireSigned: [attestations]}\n",
        )
        .commit("Signed from now on");
    let first = "HEAD~1";
    let ask = format!("wait {FILE} --for verified --commit {first}");
    solo.run(&ask).exits(1).notes("does not count: Unsigned");
    key(&solo, "eve");
    sign_with(&solo, "eve");
    solo.run(&format!(
        "attest {FILE} liked --met --as ana@example.com --commit {first}"
    ))
    .exits(1)
    .notes("UnknownKey");
    sign_with(&solo, "ana");
    solo.run(&format!(
        "attest {FILE} liked --met --as ana@example.com --commit {first}"
    ))
    .ok();
    solo.run(&format!("verify {FILE} --as ci --commit {first}"))
        .ok();
    solo.run(&ask).ok();
}

/// A run of the document that has succeeded at HEAD.
fn succeeded<'a>(sandbox: &'a Sandbox) -> Place<'a> {
    let ana = sandbox.team("ana");
    ana.write("NOTES.md", "Short\n")
        .write(FILE, document(PLAN_ID))
        .publish("planspec/run.yaml", execution("run", "tidy"));
    ana.run("reconcile").ok();
    ana.works("run/tidy", "agent:a");
    ana.run("wait run --for verified")
        .exits(1)
        .says("nobody has checked it");
    ana.run("verify run --reconcile").ok();
    ana.run("attest run calm --met --reconcile").ok();
    ana.run("attest run liked --met --reconcile").ok();
    ana.git("fetch -q");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(ana.phase("goal/tidy"), "Succeeded");
    ana
}

#[test]
fn a_goal_that_succeeded_is_not_verified_for_another_commit() {
    let sandbox = Sandbox::new();
    let ana = succeeded(&sandbox);
    let first = head(&ana);
    let ask = "wait goal/tidy --for verified";
    ana.run(ask)
        .exits(1)
        .says("met       notes")
        .says("attested without a commit");
    ana.run(&format!(
        "attest run liked --met --commit {first} --reconcile"
    ))
    .ok();
    ana.run(ask)
        .ok()
        .says("default/tidy: verified at")
        .says("by default/run");
    ana.run("wait tidy --for verified").ok();

    ana.remove("NOTES.md").commit("No notes").push();
    let second = head(&ana);
    ana.git("fetch -q");
    assert_eq!(ana.phase("goal/tidy"), "Succeeded", "nobody has looked");
    ana.run(ask)
        .exits(1)
        .says("it was checked at")
        .notes(&format!("planspec verify run -n default --commit {second}"));
    ana.run(&format!("{ask} --commit {first}")).ok();
    ana.run(&format!(
        "verify run -n default --commit {second} --reconcile"
    ))
    .exits(1);
    ana.run(ask).exits(1).says("says that it does not hold");
    ana.git("fetch -q");
    assert_eq!(
        ana.phase("goal/tidy"),
        "Failed",
        "what was found out counts"
    );
    assert_eq!(
        ana.phase("execution/run"),
        "Succeeded",
        "and what is over is over"
    );

    ana.write("NOTES.md", "Long\n").commit("Other notes").push();
    ana.run("verify run --reconcile").ok();
    ana.run(&format!(
        "attest run liked --met --commit {} --reconcile",
        head(&ana)
    ))
    .ok();
    ana.run(ask).ok();
    ana.git("fetch -q");
    assert_eq!(ana.phase("goal/tidy"), "Succeeded");
    ana.run("reconcile --full").ok();
    ana.run("audit").ok();
}

#[test]
fn work_that_is_no_part_of_a_commit_is_missing() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let goal = goal("g").replace(
        "description: What it is good for\n",
        "description: What it is good for\n  acceptanceCriteria: [{id: fast, description: Fast}]\n",
    );
    solo.publish(
        "planspec/all.yaml",
        file(&[goal, plan("p", &[task("one")])]),
    );
    solo.publish(
        "planspec/run.yaml",
        format!("{}  goalRef: {{name: g}}\n", execution("run", "p")),
    );
    solo.run("reconcile").ok();
    let main = head(&solo);
    solo.run("wait run --for verified")
        .exits(1)
        .says("default/run is Running");
    solo.git("checkout -q -b work");
    solo.write("work.txt", "done\n").commit("Work");
    let work = head(&solo);
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.run("report run/one --as agent:a --succeeded --commit HEAD --reconcile")
        .ok();
    for commit in [&main, &work] {
        solo.run(&format!(
            "attest run fast --met --commit {commit} --reconcile"
        ))
        .ok();
        let is_part = commit == &work;
        let asked = solo.run(&format!("wait run --for verified --commit {commit}"));
        if is_part {
            asked.ok();
        } else {
            asked
                .exits(1)
                .says("the work of one (commit")
                .says("is not part of");
        }
    }
}

#[test]
fn who_waits_is_told_as_soon_as_it_is_so() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("NOTES.md", "Short\n")
        .write(FILE, document(PLAN_ID))
        .commit("All");
    solo.run(&format!("verify {FILE}")).ok();
    let mut command = solo.planspec(&format!(
        "wait {FILE} --for verified --timeout 60s --interval 1"
    ));
    let waiting = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    solo.run(&format!("attest {FILE} liked --met")).ok();
    assert!(waiting.wait_with_output().unwrap().status.success());
}
