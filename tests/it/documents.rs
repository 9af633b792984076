//! A repository with a PlanSpec 1.2 document has every feature of one with resources.

use serde_json::{Value, json};

use crate::resources::{execution, resource};
use crate::sandbox::{Place, STATUS, Sandbox, text};

/// Three steps, of which a person does the first and approves the last.
pub const GREETING: &str = include_str!("../../examples/document/planspec/greeting.planspec.json");
const FILE: &str = "planspec/greeting.planspec.json";

fn greeting() -> Value {
    serde_json::from_str(GREETING).unwrap()
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes what the check of `ten-languages` looks at.
fn write_greetings(place: &Place<'_>) {
    for language in "de en es fr hi ja pt ru sw zh".split(' ') {
        place.write(&format!("greeting/{language}.txt"), language);
    }
    place.commit("ten greetings");
}

fn started<'a>(sandbox: &'a Sandbox, document: &Value) -> Place<'a> {
    let solo = sandbox.repository("solo");
    solo.publish(FILE, written(document));
    solo.publish("planspec/run.yaml", execution("run", "greeting"));
    solo.run("reconcile").ok();
    solo
}

#[test]
fn a_document_alone_runs_from_start_to_approval_to_its_last_step() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(FILE, GREETING);
    solo.run("validate").ok().notes("3 resources: valid");
    solo.run("start greeting --name run").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/greeting"), "Executing");
    assert_eq!(solo.phase("plan/greeting"), "Ready");
    // The first step is for a person.
    let next = solo.run("next -o json").ok().json();
    assert_eq!(next["items"].as_array().unwrap().len(), 1, "{next}");
    solo.run("next --provider human:// -o name")
        .ok()
        .says("default/run/translate\n");
    let none = solo.run("next --provider agent://a -o name").ok();
    assert_eq!(none.out, "");
    solo.works("run/translate", "ana@example.com");
    solo.works("run/choose", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Blocked");
    assert_eq!(solo.phase("gate/greeting-approve-release"), "Waiting");
    solo.run("claim run/release --as agent:a")
        .exits(1)
        .notes("waits for approve-release");
    solo.run("approve greeting-approve-release -m 'all ten' --reconcile")
        .ok();
    solo.works("run/release", "agent:a");
    // The steps are done; a person has to confirm the success.
    assert_eq!(solo.phase("execution/run"), "Blocked");
    let run = solo.get("execution/run");
    assert_eq!(run["status"]["reason"], "AwaitingAttestation");
    solo.run("attest run understod --met")
        .exits(1)
        .notes("default/run: neither the goal nor the document has a criterion `understod`")
        .notes("did you mean `understood`?");
    solo.run("attest run no --met")
        .exits(1)
        .notes("there are `no-tracking`, `ten-languages`, `understood`\n");
    solo.run("attest run understood --met -m 'asked ten' --reconcile")
        .ok();
    assert_eq!(solo.phase("execution/run"), "Blocked");
    solo.run("attest run no-tracking --as ben@example.com --unmet --reconcile")
        .ok();
    assert_eq!(
        solo.phase("execution/run"),
        "Failed",
        "the document wants that"
    );
    solo.run("describe execution run")
        .ok()
        .says("Contract:")
        .says("[x]")
        .says("asked ten")
        .says("[!]")
        .says("by ben@example.com");
    let list = solo.run("log execution/run -o json").ok().json();
    let told: Vec<String> = list["items"].as_array().unwrap()[..3]
        .iter()
        .rev()
        .map(|item| {
            let fields = ["action", "actor", "criterion", "condition", "to", "message"];
            fields.map(|field| text(&item[field])).join(" | ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "attestation | ana@example.com | understood | null | null | \
             criterion understood is met: asked ten",
            "attestation | ben@example.com | no-tracking | null | Failed | \
             constraint no-tracking is not met",
            "null | null | null | ConstraintViolated | True | constraint no-tracking is not met",
        ]
    );
    solo.run("log execution/run")
        .ok()
        .says("ConstraintViolated set");
}

#[test]
fn what_is_said_and_moves_no_phase_is_told_all_the_same() {
    let sandbox = Sandbox::new();
    let mut document = greeting();
    document["delegation"]["escalation_policy"] = json!({"on_constraint_violation": "pause"});
    let solo = started(&sandbox, &document);
    let broken = solo
        .run("attest run no-tracking --unmet -m 'the log' --reconcile")
        .ok();
    broken
        .says("Moved:")
        .says("constraint")
        .says("run/no-tracking")
        .says("says ana@example.com: the log")
        .says("ConstraintViolated set")
        .says("constraint no-tracking is not met");
    let message = solo.git(&format!("log -1 --format=%B {STATUS}"));
    assert!(
        message
            .contains("constraint default/run/no-tracking not met (says ana@example.com: the log)")
            && message.contains("Execution default/run ConstraintViolated set"),
        "{message}"
    );
    solo.run("attest run no-tracking --met").ok();
    let list = solo.run("reconcile -o json").ok().json();
    let moved: Vec<String> = list["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moved| {
            let fields = ["criterion", "condition", "from", "to"];
            fields.map(|field| text(&moved[field])).join(" | ")
        })
        .collect();
    assert_eq!(
        moved,
        [
            "null | ConstraintViolated | True | False",
            "no-tracking | null | not met | met",
        ]
    );
    // The first output of `watch` is the state, not the history.
    let state = solo.run("watch execution/run --once").ok();
    assert!(!state.out.contains("no-tracking"), "{state}");
}

#[test]
fn a_run_whose_contract_is_kept_succeeds_and_so_does_its_goal() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(FILE, GREETING);
    ana.run("start greeting --name run").ok();
    ana.push().run("reconcile").ok();
    ana.works("run/translate", "ana@example.com");
    ana.works("run/choose", "agent:a");
    ana.run("approve greeting-approve-release --reconcile").ok();
    ana.works("run/release", "agent:a");
    ana.run("attest run understood --met").ok();
    ana.run("attest run no-tracking --met --reconcile").ok();
    let run = ana.get("execution/run");
    assert_eq!(run["status"]["message"], "ten-languages must be verified");
    ana.run("reconcile")
        .ok()
        .says("criterion ten-languages, to be verified: There is a greeting")
        .says("  planspec verify run -n default");
    // An attestation does not replace a check.
    ana.run("attest run ten-languages --met")
        .exits(1)
        .notes("planspec verify run -n default");
    ana.run("verify run --reconcile")
        .exits(1)
        .says("does not hold: ten files")
        .says("`ten-languages` of default/run is not met at ")
        .notes("not met of default/run: ten-languages");
    assert_eq!(
        ana.get("execution/run")["status"]["reason"],
        "CriterionUnmet"
    );
    write_greetings(&ana);
    // A file that is not on the spec branch does not count.
    ana.run("verify run").exits(1);
    ana.push();
    ana.run("describe execution run")
        .ok()
        .says("planspec verify run -n default");
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("verify run --as agent:ci --reconcile")
        .ok()
        .says("holds: ten files")
        .says("as agent:ci");
    ben.run("describe execution run")
        .ok()
        .says("Acceptance:")
        .says("[x] ten files");
    // A newer commit can be verified again.
    ben.run("verify run").ok().says("is met at");
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    assert_eq!(ben.phase("goal/greeting"), "Succeeded");
}

#[test]
fn revise_makes_the_next_revision_and_refuses_another_session() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(FILE, GREETING);
    solo.run(&format!("revise {FILE} -m first"))
        .exits(1)
        .notes("not committed yet");
    solo.commit("a plan");
    solo.run(&format!("revise {FILE} -m again"))
        .exits(1)
        .notes("nothing has changed");
    let mut document = greeting();
    let step = json!({"step_id": "thank", "title": "Thank them", "description": "d"});
    document["approach"]["steps"]
        .as_array_mut()
        .unwrap()
        .push(step);
    solo.write(FILE, written(&document));
    solo.run(&format!(
        "revise {FILE} -m 'Thank the translators' --trigger user_feedback"
    ))
    .ok()
    .says("revision 2 (minor)");
    let revised: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
    let (was, is) = (&greeting()["identity"], &revised["identity"]);
    assert_eq!(is["parent_id"], was["plan_id"]);
    assert_ne!(is["plan_id"], was["plan_id"]);
    assert_eq!(revised["revision_history"][1]["change_type"], "minor");
    assert_eq!(
        revised["revision_history"][1]["changes"][0]["type"],
        "addition"
    );
    solo.run("validate --base HEAD").ok();
    // The second time it is the same revision.
    solo.run(&format!("revise {FILE} -m 'Thank all translators'"))
        .ok();
    let again: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
    assert_eq!(again["identity"]["plan_id"], is["plan_id"]);
    assert_eq!(again["revision_history"].as_array().unwrap().len(), 2);
    solo.commit("revision 2");

    document = again;
    document["intent"]["goal_statement"] = json!("Visitors are waved at");
    solo.write(FILE, written(&document));
    solo.run(&format!("revise {FILE} -m Wave"))
        .exits(1)
        .notes("intent changed")
        .notes("--new-session");
    solo.run(&format!("revise {FILE} -m Wave --new-session waving"))
        .ok()
        .says("revision 1 (major)");
    let other: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
    assert_eq!(other["identity"]["session_id"], "waving");
    assert_eq!(other["identity"]["parent_id"], Value::Null);
    solo.run("validate --base HEAD").ok();
}

#[test]
fn revise_leaves_the_text_as_it_is_but_for_the_revision() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("new document thing").ok();
    let file = "planspec/default/thing.planspec.yaml";
    solo.commit("a plan");
    let before = solo
        .read(file)
        .replace("How, in short", "How, in other words");
    solo.write(file, &before);
    let ran = solo.run(&format!("revise {file} -m 'Say it shorter'")).ok();
    assert!(!ran.err.contains("note:"), "{ran}");
    let after = solo.read(file);
    assert!(after.starts_with("# yaml-language-server: "), "{after}");
    let changed: Vec<&str> = before
        .lines()
        .filter(|line| !after.lines().any(|other| other == *line))
        .map(|line| line.trim().split(' ').next().unwrap())
        .collect();
    // The clock of these tests does not move.
    assert_eq!(changed, ["plan_id:", "revision:", "parent_id:"], "{after}");
    assert!(
        after.contains(" # a new one for every revision\n"),
        "{after}"
    );
    solo.run("validate --base HEAD").ok();
    solo.run(&format!("revise {file} -m Other --new-session"))
        .ok();
    let other = solo.read(file);
    assert_eq!(before.matches('#').count(), other.matches('#').count());

    // A finding is closed in place.
    let found = "x-planspec: # for this program\n  findings:\n    # by mail\n    - id: F1\n      section: steps\n      \
                 reviewer: human:ben\n      severity: blocking # or not\n      text: Too short\n";
    let own = before.find("x-planspec:").unwrap();
    let own = own..own + "x-planspec:".len();
    let mut found = found.to_owned();
    found.truncate(found.trim_end().len());
    let found = [&before[..own.start], &found, &before[own.end..]].concat();
    solo.write(file, &found).commit("found");
    let ran = solo
        .run(&format!("revise {file} -m 'Say it' --answers F1"))
        .ok();
    assert!(!ran.err.contains("note:"), "{ran}");
    let closed = solo.read(file);
    assert_eq!(
        found.matches('#').count(),
        closed.matches('#').count(),
        "{closed}"
    );
    assert!(closed.contains("disposition: resolved"), "{closed}");
    solo.git("reset -q --hard HEAD~1");

    // The value to change is shared with another place.
    let shared = before.replace("plan_id: ", "plan_id: &id ") + "x-same: *id\n";
    solo.write(file, &shared);
    solo.run(&format!("revise {file} -m 'Say it shorter'"))
        .ok()
        .notes("the whole file was rewritten");
    solo.run("validate --base HEAD").ok();
}

#[test]
fn what_is_not_ready_waits_and_starts_by_itself_when_it_is() {
    let sandbox = Sandbox::new();
    let mut document = greeting();
    document["scope"]["open_questions"] = json!(["Which ten?"]);
    document["risks"][0]
        .as_object_mut()
        .unwrap()
        .shift_remove("mitigation");
    let solo = started(&sandbox, &document);
    assert_eq!(solo.phase("plan/greeting"), "Ready", "it is valid");
    assert_eq!(solo.phase("execution/run"), "Pending");
    let run = solo.get("execution/run");
    assert_eq!(run["status"]["reason"], "PlanNotReady");
    let message = text(&run["status"]["message"]);
    for part in ["a question is open: Which ten?", "risk `tone` is likely"] {
        assert!(message.contains(part), "{message}");
    }
    solo.run("describe execution run").ok().says("Which ten?");
    solo.run("validate")
        .ok()
        .says("warning[PS631]")
        .says("warning[PS632]")
        .says("level: readiness");
    solo.run("validate --level readiness")
        .exits(1)
        .says("error[PS631]");
    let silent = solo.run("validate --level structure").ok();
    assert_eq!(silent.out, "");

    document["scope"]["open_questions"] = json!([]);
    solo.publish(FILE, written(&document));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Pending");
    solo.publish(FILE, GREETING);
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
}

#[test]
fn a_run_is_held_to_the_document_that_it_was_started_with() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &greeting());
    let mut changed = greeting();
    changed["approach"]["steps"].as_array_mut().unwrap().pop();
    changed["delegation"]["step_overrides"] = json!([]);
    solo.publish(FILE, written(&changed));
    solo.run("reconcile").ok();
    // The gate is gone from the files, but it is in the pinned revision.
    solo.works("run/translate", "ana@example.com");
    solo.works("run/choose", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Blocked");
    solo.run("approve run/approve-release --reconcile").ok();
    solo.works("run/release", "agent:a");
    solo.run("attest run understood --met").ok();
    solo.run("attest run no-tracking --met --reconcile").ok();
    write_greetings(&solo);
    solo.run("verify run --reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn a_broken_document_breaks_its_plan_and_takes_nothing_away() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &greeting());
    let uid = text(&solo.get("gate/greeting-approve-release")["metadata"]["uid"]);
    let mut broken = greeting();
    broken["approach"]["steps"][2]["dependencies"] = json!(["chose"]);
    solo.publish(FILE, written(&broken));
    solo.run("validate")
        .exits(1)
        .says("error[PS603]: there is no step `chose`")
        .says("did you mean `choose`?");
    solo.run("reconcile").ok();
    let valid = solo.condition("plan/greeting", "Valid").unwrap();
    assert_eq!(valid["status"], "False");
    assert!(
        text(&valid["message"]).contains(&format!("{FILE}:")),
        "{valid}"
    );
    let gate = solo.get("gate/greeting-approve-release");
    assert_eq!(text(&gate["metadata"]["uid"]), uid);
    assert_eq!(solo.phase("execution/run"), "Running");
}

#[test]
fn names_that_collide_are_found_at_both_places() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(FILE, GREETING);
    solo.write(
        "planspec/goal.yaml",
        resource("Goal", "greeting", "description: d\n"),
    );
    solo.run("validate")
        .exits(1)
        .says("error[PS201]")
        .says("Goal default/greeting is defined 2 times")
        .says(FILE);
    let mut named = greeting();
    named["x-planspec"]["name"] = json!("hello");
    solo.write(FILE, written(&named));
    solo.run("validate").ok().notes("4 resources: valid");
}

#[test]
fn a_document_in_yaml_is_the_same() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("plans.json", GREETING);
    let yaml = solo.run("show plans.json --format yaml").ok().out;
    solo.publish("planspec/greeting.planspec.yaml", &yaml);
    solo.run("validate").ok().notes("3 resources: valid");
    let json = solo
        .run("show planspec/greeting.planspec.yaml --format json")
        .ok()
        .out;
    assert_eq!(json, written(&greeting()));
}

#[test]
fn apply_new_edit_and_delete_work_on_documents() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("init").ok();
    solo.commit("init");
    let drafts = sandbox.folder("drafts");
    drafts.write("greeting.planspec.json", GREETING);
    let draft = |name: &str| drafts.dir.join(name).display().to_string();
    solo.run(&format!("apply -f {}", draft("greeting.planspec.json")))
        .ok()
        .says("plan/greeting created (planspec/default/greeting.planspec.json)");
    let path = "planspec/default/greeting.planspec.json";
    assert_eq!(solo.read(path), GREETING);
    // A difference in fields that no plan has is a change as well, and the file keeps its format.
    let yaml = drafts
        .run("show greeting.planspec.json --format yaml")
        .ok()
        .out;
    drafts.write(
        "greeting.planspec.yaml",
        yaml.replace("Half of them", "Most of them"),
    );
    solo.run(&format!("apply -f {}", draft("greeting.planspec.yaml")))
        .ok();
    let mut expected = greeting();
    expected["intent"]["motivation"] = json!("Most of them do not read English");
    assert_eq!(solo.read(path), written(&expected));

    solo.run("new document web/hello").ok();
    let path = "planspec/web/hello.planspec.yaml";
    assert!(solo.has(path) && solo.has(".planspec/schemas/document.json"));
    solo.run(&format!("validate {path}"))
        .ok()
        .notes("2 resources: valid");
    solo.run(&format!("apply -f {path}")).ok();
    solo.run_in(
        &[("EDITOR", "sed -i 's/The second step/The last step/'")],
        "edit plan hello",
    )
    .ok();
    assert!(solo.read(path).contains("The last step"));
    solo.run("delete goal hello").ok();
    assert!(!solo.has(path));
    solo.run("get plans").ok().never_says("hello");
}

#[test]
fn new_document_is_what_was_typed() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("new document")
        .exits(2)
        .notes("planspec new document NAME");
    solo.run("new document/a b")
        .exits(2)
        .notes("both `a` and `b`");
    solo.run("new thing x")
        .exits(2)
        .notes("executions, document");
    let path = "planspec/team/thing.planspec.json";
    solo.run("new document team/thing.planspec.json")
        .ok()
        .says(path);
    let document: Value = serde_json::from_str(&solo.read(path)).unwrap();
    assert_eq!(document["$schema"], "../../.planspec/schemas/document.json");
    assert_eq!(document["x-planspec"]["name"], "thing");
    solo.run("new document other.planspec.yaml").ok();
    let other = solo.read("planspec/default/other.planspec.yaml");
    assert_eq!(
        other.matches("x-planspec:").count(),
        2,
        "of the document and of a step"
    );
    solo.run("validate").ok().notes("4 resources: valid");
    solo.write("planspec/empty.planspec.yaml", "# nothing yet\n");
    solo.run("validate planspec/empty.planspec.yaml")
        .exits(1)
        .says("planspec new document");
    solo.write("two.planspec.yaml", "identity: {}\n---\nintent: {}\n");
    solo.run("show two.planspec.yaml")
        .exits(1)
        .notes("error[PS007]")
        .notes("put each document into its own file");
}

#[test]
fn what_goes_with_a_document_is_listed_and_a_dry_run_is_called_one() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let three = |word: &str, place: &str, end: &str| {
        let names = [
            "plan/greeting",
            "goal/greeting",
            "gate/greeting-approve-release",
        ];
        names.map(|name| format!("{name} {word} ({place}){end}\n"))
    };
    solo.write("greeting.json", GREETING);
    let placed = "planspec/default/greeting.planspec.json";
    let told = solo.run("apply -f greeting.json --dry-run").ok();
    for line in three("created", placed, " (dry run)") {
        assert!(told.out.contains(&line), "{line}{told}");
    }
    let told = solo.run("apply -f greeting.json").ok();
    for line in three("created", placed, "") {
        assert!(told.out.contains(&line), "{line}{told}");
    }
    let told = solo.run("delete plan greeting --dry-run").ok();
    for line in three("deleted", placed, " (dry run)") {
        assert!(told.out.contains(&line), "{line}{told}");
    }
    assert!(solo.has(placed));
    let told = solo.run("delete plan greeting").ok();
    for line in three("deleted", placed, "") {
        assert!(told.out.contains(&line), "{line}{told}");
    }
    assert!(!solo.has(placed));
}

#[test]
fn two_gates_of_one_document_go_with_it() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut document = greeting();
    document["delegation"]["step_overrides"] = json!([
        {"step_id": "choose", "mode": "human_approval", "rationale": "r"},
        {"step_id": "release", "mode": "human_approval", "rationale": "r"}]);
    solo.publish(FILE, written(&document));
    solo.run("delete gate greeting-approve-choose greeting-approve-release")
        .ok()
        .says("plan/greeting deleted");
    assert!(!solo.has(FILE));
}

#[test]
fn what_a_document_is_not_ready_for_is_told_before_it_is_started() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut document = greeting();
    document["scope"]["open_questions"] = json!(["Which ten?"]);
    solo.publish(FILE, written(&document));
    solo.run("describe plan greeting")
        .ok()
        .says("Not ready, an execution waits for:\n  - ");
    solo.run("start greeting --name run")
        .ok()
        .notes("note: Plan default/greeting is not ready; the execution will wait: ");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Pending");
    solo.publish(FILE, GREETING);
    solo.run("describe plan greeting")
        .ok()
        .never_says("Not ready");
    let started = solo.run("start greeting --name next").ok();
    assert!(!started.err.contains("not ready"), "{started}");
}

#[test]
fn on_the_page_of_a_document_names_paths_and_checks_are_no_markdown() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let mut document = greeting();
    document["scope"]["in_scope"] = json!(["path:src/*/a/*", "path:`a`", "for *customers*"]);
    document["x-planspec"]["checks"]["ten-languages"][0]["name"] = json!("@ben *ten* | files");
    document["approach"]["overview"] = json!("The *author* writes Markdown");
    nowhere.write("g.planspec.json", written(&document));
    let page = nowhere.run("show g.planspec.json").ok().out;
    assert!(
        page.contains("- `path:src/*/a/*`\n- <code>path:&#96;a&#96;</code>\n- for *customers*\n"),
        "{page}"
    );
    for live in ["@ben", "*ten*"] {
        assert!(!page.contains(live), "{live}: {page}");
    }
    assert!(page.contains("The *author* writes Markdown"), "{page}");
}

#[test]
fn show_is_a_page_that_a_person_can_read() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let mut document = greeting();
    let mild = json!({"risk_id": "rain", "title": "It rains | <b>a lot</b>", "probability": "low",
        "impact": "low", "description": "d\n# d"});
    document["risks"].as_array_mut().unwrap().insert(0, mild);
    document["approach"]["overview"] = json!("# Not a heading\n\nplain <script>");
    nowhere.write("g.planspec.json", written(&document));
    let page = nowhere.run("show g.planspec.json").ok().out;
    let table = [
        "# Visitors are greeted in their own language\n\nRevision 1 of `greeting`, by human:ana on \
         2026-01-31\n",
        "\\# Not a heading\n\nplain &lt;script>\n",
        "```mermaid\nflowchart",
        "| `release` | Release it | choose | xs | agent | yes |\n",
        "| high | `tone` A translation is rude | high / medium |",
        "| low | `rain` It rains \\| &lt;b>a lot&lt;/b> | low / low | d # d |",
        "| `understood` | Ten visitors out of ten understand their greeting | manual | primary |\n",
    ];
    for part in table {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let place = |part: &str| page.find(part).unwrap();
    assert!(place("`tone`") < place("`rain`"), "the worst first");
    nowhere.write("x.json", "{}");
    nowhere.run("show x.json").exits(1).notes("PS101");
    nowhere.run("show missing.json").exits(1);
}

/// Users who see files refer to a plan by its file; its name, used by runs and status, stays.
#[test]
fn a_plan_whose_file_is_not_in_latin_letters_is_found_by_it_and_offered_a_name() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("new document оплата")
        .exits(1)
        .notes("planspec new document oplata");
    solo.run("new plan Моя_проверка")
        .exits(1)
        .notes("planspec new plan moia-proverka");
    solo.run("new document oplata").ok();
    let text = solo.read("planspec/default/oplata.planspec.yaml");
    let (before, rest) = text.split_once("x-planspec:").unwrap();
    let (_, after) = rest.split_once("intent:").unwrap();
    let unnamed = format!("{before}intent:{after}");
    solo.remove("planspec/default/oplata.planspec.yaml");
    solo.publish("planspec/default/оплата-v1.planspec.yaml", &unnamed);
    let told = solo.run("validate").exits(0);
    assert!(
        told.out
            .contains("warning[PS616]: the plan is named `2a16be`"),
        "{told}"
    );
    assert!(told.out.contains("`x-planspec: {name: oplata}`"), "{told}");
    for named in ["оплата", "оплата-v1", "2a16be"] {
        solo.run(&format!("describe plan {named}"))
            .ok()
            .says("2a16be");
        solo.run(&format!("get goal {named}")).ok().says("2a16be");
        solo.run(&format!("log plan/{named}")).ok();
    }
    solo.run("describe gate оплата").exits(1);
    solo.run("describe plan 2a16be-v1")
        .exits(1)
        .notes("revisions in separate files have one name: `2a16be`");
    // A plan that runs refer to keeps its name.
    solo.run("start оплата --name first").ok();
    let told = solo.run("validate").ok();
    assert!(!told.out.contains("PS616"), "{told}");
}

/// In a file of its own a node needs no unique text: people number steps, and refer to them by number.
#[test]
fn convert_gives_numbered_steps_plain_ids_and_keeps_the_numbers() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let document = include_str!("../../examples/document/planspec/greeting.planspec.json");
    let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
    let step = |id: &str, before: &[&str], who: &str| {
        serde_json::json!({
            "step_id": id, "title": format!("Step {id}"), "description": "d", "dependencies": before,
            "delegation": who, "acceptance_criteria": "it is done",
        })
    };
    document["approach"]["steps"] = serde_json::json!([
        step("T001", &[], "agent"),
        step("1.1", &["T001"], "agent"),
        step("back 100", &["1.1"], "either"),
        step("Back-100", &["1.1"], "agent"),
        step("проверка", &["back 100"], "agent"),
    ]);
    document["delegation"] = serde_json::json!({
        "default_mode": "agent_autonomous",
        "step_overrides": [{"step_id": "1.1", "mode": "human_approval"}],
    });
    document.as_object_mut().unwrap().remove("x-planspec");
    solo.write("../numbered.planspec.json", document.to_string());
    let converted = solo
        .run("convert --to v1alpha1 ../numbered.planspec.json")
        .ok();
    for line in [
        "- id: t001\n",
        "name: T001 Step T001\n",
        "- id: proverka\n",
        "id: \"1-1\"\n",
        "1.1 Step 1.1",
    ] {
        assert!(converted.out.contains(line), "{line:?}: {converted}");
    }
    // The gate before a step is named after it; two gates that would get the same id keep theirs.
    assert!(
        converted.out.contains("name: numbered-approve-1-1\n"),
        "{converted}"
    );
    assert!(!converted.out.contains("id: back-100\n"), "{converted}");
    solo.publish("planspec/all.yaml", &converted.out);
    solo.run("validate -f planspec/all.yaml").ok();
}

#[test]
fn convert_goes_both_ways_and_says_what_is_lost() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("greeting.planspec.json", GREETING);
    solo.write("planspec/readme.txt", "");
    solo.run("convert --to v1alpha1 greeting.planspec.json --out planspec/all.yaml")
        .ok()
        .notes("not converted:")
        .notes("risks (1)");
    let drafts = solo.run("validate planspec/all.yaml");
    drafts
        .exits(1)
        .says("Goal default/greeting is defined 2 times");
    solo.run("convert --to 1.2 planspec/all.yaml")
        .ok()
        .says("Half of them do not read English")
        .notes("spec.context of the plan: constraints");
    solo.run("convert --to 1.2 greeting.planspec.json")
        .exits(2)
        .notes("already");
    // Converted back and forth, it is the same graph.
    solo.commit("resources");
    let digest = |file: &str| {
        let text = solo.read(file);
        let plan = text.split("---\n").find(|part| part.contains("kind: Plan"));
        plan.unwrap().split_once("  graph:\n").unwrap().1.to_owned()
    };
    let before = digest("planspec/all.yaml");
    solo.write("back.planspec.yaml", "mine\n");
    solo.run("convert --to 1.2 planspec/all.yaml --out back.planspec.yaml")
        .exits(9)
        .notes("back.planspec.yaml already exists");
    assert_eq!(solo.read("back.planspec.yaml"), "mine\n");
    solo.remove("back.planspec.yaml");
    solo.run("convert --to 1.2 planspec/all.yaml --out back.planspec.yaml")
        .ok();
    solo.run("convert --to v1alpha1 back.planspec.yaml --out back.yaml")
        .ok();
    assert_eq!(digest("back.yaml"), before);
}

#[test]
fn revisions_follow_one_another_and_who_pretends_is_told_before_the_merge() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(FILE, GREETING);
    solo.git("checkout -q -b change");
    let put = |pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        solo.write(FILE, written(&document));
    };
    // A change that is no revision.
    put("/approach/steps/0/estimated_complexity", json!("xl"));
    put("/constraints/0/blocking", json!(false));
    solo.run("validate --base main")
        .exits(1)
        .says("error[PS403]")
        .says(&format!(
            "`planspec revise {FILE}` writes the next revision"
        ));
    // Two revisions on one branch.
    solo.run(&format!("revise {FILE} -m 'It blocks nothing'"))
        .ok();
    solo.commit("revision 2");
    put("/risks/0/mitigation", json!("Three speakers read each"));
    solo.run(&format!("revise {FILE} -m 'Three speakers'")).ok();
    solo.commit("revision 3");
    for verb in ["validate --base main", "review main"] {
        let ran = solo.run(verb).ok();
        assert!(!ran.out.contains("PS40"), "{ran}");
    }
    // Without the revision in between, this cannot be checked.
    let honest = solo.read(FILE);
    let mut document: Value = serde_json::from_str(&honest).unwrap();
    document["revision_history"]
        .as_array_mut()
        .unwrap()
        .remove(1);
    solo.write(FILE, written(&document));
    solo.run("validate --base main")
        .exits(1)
        .says("error[PS408]: revision 3 follows revision 1");
    // Another intent is another session, which is fine.
    solo.write(FILE, &honest);
    put("/intent/goal_statement", json!("Visitors are left alone"));
    solo.run("validate --base main")
        .exits(1)
        .says("error[PS408]: `intent` changes within one session");
    solo.run(&format!("revise {FILE} -m 'Another goal' --new-session"))
        .ok();
    solo.commit("another session");
    for base in ["main", "HEAD~1"] {
        solo.run(&format!("validate --base {base}")).ok();
        let ran = solo.run(&format!("review {base}")).ok();
        assert!(!ran.out.contains("only grows"), "{ran}");
    }
}

#[test]
fn an_extension_takes_no_approval_away_and_is_shown_where_it_adds_something() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut document = greeting();
    document["approach"]["steps"][2]["x-planspec"] = json!({"dependsOn": [], "retries": 1});
    solo.write(FILE, written(&document));
    solo.run("validate")
        .exits(1)
        .says("error[PS605]")
        .says("`dependsOn` is not allowed in `x-planspec` of a step")
        .says("remove it here; the step sets it in `dependencies`");
    // The hint, literally.
    document["approach"]["steps"][2]["x-planspec"] = json!({"retries": 1});
    document["approach"]["steps"][1]["x-planspec"] = json!({"when": "parameters.all == true"});
    document["x-planspec"] =
        json!({"edges": [{"from": "translate", "to": "release", "type": "soft"}]});
    solo.publish(FILE, written(&document));
    solo.run("validate").ok();
    solo.run(&format!("show {FILE}"))
        .ok()
        .says("- retries: `1`\n")
        .says("- when: `parameters.all == true`\n")
        .says("- `translate` before `release`\n");
    solo.git("checkout -q -b change");
    document["approach"]["steps"][1]["x-planspec"] = json!({"when": "parameters.some == true"});
    solo.write(FILE, written(&document));
    solo.commit("another condition");
    solo.run("review main")
        .exits(1)
        .says("parameters.some == true")
        .says("PS403");
}

#[test]
fn a_plan_that_is_not_ready_is_chosen_by_no_goal_and_says_how_much_is_missing() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut document = greeting();
    document["scope"]["open_questions"] = json!(["Which ten?", "Who reads them?"]);
    solo.publish(FILE, written(&document));
    solo.run("reconcile").ok();
    let blocked = solo.condition("plan/greeting", "ReadyToExecute").unwrap();
    assert_eq!(
        (&blocked["status"], &blocked["reason"]),
        (&json!("False"), &json!("Blocked"))
    );
    let message = "2 blockers: a question is open: Which ten?; a question is open: Who reads them?";
    assert_eq!(blocked["message"], message);
    assert_eq!(solo.phase("plan/greeting"), "Ready");
    solo.run("get plans").ok().says("Ready (2 blockers)");
    assert_eq!(solo.phase("goal/greeting"), "Planning");
    // The report is the same twice, byte for byte.
    let report = format!("validate --level readiness -o json {FILE}");
    let (first, second) = (solo.run(&report).exits(1), solo.run(&report).exits(1));
    assert_eq!(first.out, second.out);
    let answer = first.json();
    let one = &answer["readiness"][0];
    assert_eq!(
        (&one["plan"]["name"], &one["ready"]),
        (&json!("greeting"), &json!(false))
    );
    let passes: Vec<&Value> = one["levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["pass"])
        .collect();
    assert_eq!(passes, [true, true, false]);
    assert_eq!(one["blockers"][0]["clause"], "5, level 3: no open question");
    assert_eq!(
        one["blockers"][1]["at"]["pointer"],
        "/scope/open_questions/1"
    );
    assert_eq!(one["mitigated"][0]["risk"], "tone");
    assert!(text(&one["digest"]).starts_with("sha256:"));
    solo.publish(FILE, GREETING);
    let answer = solo.run(&report).ok().json();
    assert_eq!(answer["readiness"][0]["ready"], true);
    assert_ne!(answer["readiness"][0]["digest"], one["digest"]);
    solo.run("reconcile").ok();
    assert_eq!(
        solo.condition("plan/greeting", "ReadyToExecute").unwrap()["status"],
        "True"
    );
    assert_eq!(solo.phase("goal/greeting"), "Ready");
    solo.run("get plans").ok().never_says("blocker");
    solo.run("reconcile --full").ok();
}

/// A document whose `step_id`s are no node ids: task numbers, and another script.
fn with_its_own_ids() -> Value {
    let mut document = greeting();
    let names = [
        ("choose", "T001"),
        ("translate", "Перевод"),
        ("release", "1.1"),
    ];
    for step in document["approach"]["steps"].as_array_mut().unwrap() {
        let renamed = |id: &Value| {
            let found = names.iter().find(|(before, _)| id == before);
            json!(found.map(|(_, now)| now).unwrap())
        };
        step["step_id"] = renamed(&step["step_id"]);
        if let Some(before) = step.get_mut("dependencies").and_then(Value::as_array_mut) {
            before.iter_mut().for_each(|id| *id = renamed(id));
        }
    }
    for other in document["delegation"]["step_overrides"]
        .as_array_mut()
        .unwrap()
    {
        other["step_id"] = json!("1.1");
    }
    document["success_criteria"][0]["criterion_id"] = json!("SC-1");
    document
}

#[test]
fn steps_are_shown_as_the_document_calls_them() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &with_its_own_ids());
    solo.publish("planspec/other.yaml", execution("other", "greeting"));
    let begun = solo.run("reconcile -o json").ok().answer("Reconcile");
    assert_eq!(begun["waiting"][0]["step"], "Перевод", "{begun}");
    solo.run("cancel other --reconcile -m x").ok();
    let next = solo.run("next run -o json").ok().answer("NextNodes");
    let items = next["items"].as_array().unwrap();
    let translate = items.iter().find(|item| item["step"] == "Перевод").unwrap();
    let node = text(&translate["node"]);
    assert!(node.starts_with("perevod-"), "{next}");
    solo.run("next").ok().says("Перевод: ");
    solo.run("graph greeting")
        .ok()
        .says("STEP")
        .says("T001")
        .says("Перевод");
    let drawn = solo.run("graph run -o json").ok().answer("Graph");
    let steps: Vec<&Value> = drawn["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["step"])
        .collect();
    assert!(steps.contains(&&json!("1.1")), "{drawn}");
    solo.run("describe execution run")
        .ok()
        .says("Steps:")
        .says("T001");
    let brief = solo
        .run("describe run/Перевод -o json")
        .ok()
        .answer("Brief");
    assert_eq!(brief["step"], "Перевод");
}

#[test]
fn steps_are_named_as_the_document_calls_them() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &with_its_own_ids());
    let next = solo.run("next run -o json").ok().answer("NextNodes");
    let items = next["items"].as_array().unwrap();
    let translate = items.iter().find(|item| item["step"] == "Перевод").unwrap();
    let node = text(&translate["node"]);
    let claimed = solo
        .run("claim run/Перевод --as ana@example.com -o json --reconcile")
        .ok()
        .answer("Claimed");
    assert_eq!([&claimed["step"], &claimed["node"]], ["Перевод", &node]);
    let reported = solo
        .run("report run/Перевод --as ana@example.com --succeeded --reconcile -o json")
        .ok()
        .answer("Reported");
    assert_eq!([&reported["step"], &reported["node"]], ["Перевод", &node]);
    solo.works("run/T001", "agent:a");
    let waits = solo.get("execution/run");
    assert_eq!(waits["status"]["phase"], "Blocked", "{waits}");
    // A gate is named after the step that it approves, or by its node.
    let approved = solo
        .run("approve run/1.1 -m good --reconcile -o json")
        .ok()
        .answer("Decided");
    assert_eq!(approved["step"], "1.1");
    assert!(
        text(&approved["node"]).starts_with("approve-1-1-"),
        "{approved}"
    );
    let mistyped = solo.run("claim run/T0O1 --as agent:a").exits(1);
    mistyped
        .notes("has no node `T0O1`")
        .notes("did you mean `T001`?");
    solo.works("run/1.1", "agent:a");
    // Transitions and events name the step too.
    let moved = &claimed["reconciled"]["transitions"];
    let moved = moved.as_array().unwrap().iter();
    let of_node = moved.filter(|one| one["node"] == *node);
    let steps: Vec<&Value> = of_node.map(|one| &one["step"]).collect();
    assert_eq!(steps, ["Перевод"], "{claimed}");
    let log = solo
        .run("log execution/run -o json")
        .ok()
        .answer("EventList");
    let steps: Vec<&Value> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["node"] == *node)
        .map(|item| &item["step"])
        .collect();
    assert!(
        !steps.is_empty() && steps.iter().all(|step| **step == "Перевод"),
        "{log}"
    );
    let id = solo.get("execution/run")["status"]["extensions"]["criteria"].clone();
    let said = solo
        .run("attest run SC-1 --met -m seen --reconcile -o json")
        .ok()
        .answer("Attested");
    assert!(text(&said["criterion"]).starts_with("sc-1-"), "{said} {id}");
}

#[test]
fn what_was_done_before_is_named_by_steps_too() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &with_its_own_ids());
    solo.write("../done.yaml", "Перевод: {}\nT001: {}\n");
    let done = solo
        .run(
            "report run --done-before --from ../done.yaml --as ana@example.com --reconcile -o json",
        )
        .ok()
        .answer("DoneBefore");
    let steps: Vec<&Value> = done["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["step"])
        .collect();
    assert_eq!(steps, ["Перевод", "T001"], "{done}");
    let node = solo.run("describe run/T001 -o json").ok().answer("Brief")["node"].clone();
    solo.write(
        "../twice.yaml",
        format!("T001: {{}}\n{}: {{}}\n", text(&node)),
    );
    solo.run("report run --done-before --from ../twice.yaml --as ana@example.com")
        .exits(2)
        .notes("is named twice");
}

#[test]
fn a_step_that_failed_is_retried_by_its_own_name_and_its_log_is_found() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, &with_its_own_ids());
    solo.works("run/Перевод", "ana@example.com");
    solo.run("claim run/T001 --as agent:a --reconcile").ok();
    solo.run("report run/T001 --as agent:a --failed -m broken --reconcile")
        .ok();
    let retried = solo
        .run("retry run/T001 --dry-run -o json")
        .ok()
        .answer("Reopening");
    assert_eq!(retried["step"], "T001", "{retried}");
    assert_eq!(retried["nodes"][0]["step"], "T001", "{retried}");
    let retried = solo
        .run("retry run/T001 -o json --reconcile")
        .ok()
        .answer("Requested");
    assert_eq!(retried["step"], "T001");
    solo.run("logs run/T001")
        .exits(1)
        .notes("no log of default/run/t001-");
}

/// A finding in YAML, as the documentation shows it.
fn found_by(reviewer: &str, id: &str, severity: &str) -> Value {
    json!({"id": id, "section": "steps", "field": "choose", "reviewer": reviewer,
        "severity": severity, "text": "Nothing says what happens without a language"})
}

#[test]
fn what_a_reviewer_finds_keeps_a_plan_from_starting_until_a_revision_answers_it() {
    let sandbox = Sandbox::new();
    let mut document = greeting();
    document["x-planspec"]["findings"] = json!([
        found_by("human:ben", "F1", "blocking"),
        found_by("human:cem", "F2", "minor"),
    ]);
    let solo = started(&sandbox, &greeting());
    solo.run("cancel run --reconcile -m x").ok();
    solo.publish(FILE, written(&document));
    solo.run("validate").ok().notes("1 warning");
    solo.run(&format!("validate --level readiness {FILE}"))
        .exits(1)
        .says("error[PS635]: finding `F1` of human:ben on steps is open")
        .says("planspec revise FILE --answers F1");
    solo.publish("planspec/next.yaml", execution("next", "greeting"));
    solo.run("reconcile").ok();
    let next = solo.get("execution/next");
    assert_eq!(next["status"]["reason"], "PlanNotReady", "{next}");
    solo.run("get plans").ok().says("Ready (1 blocker)");
    let shown = solo.run(&format!("show {FILE}")).ok();
    shown
        .says("## Findings of reviewers")
        .says("| `F1` | steps choose | blocking |")
        .says("**open**");

    solo.run(&format!("revise {FILE} -m x --answers F3"))
        .exits(1)
        .notes("has no finding `F3`")
        .notes("`F1`");
    document["approach"]["steps"][1]["description"] = json!("English where no language is known");
    solo.write(FILE, written(&document));
    solo.run(&format!(
        "revise {FILE} -m 'English is the last resort' --answers F1"
    ))
    .ok()
    .says("x-planspec: `F1`: `disposition`, `answer` changed")
    .says("steps: `choose`: `description` changed");
    let revised: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
    let findings = &revised["x-planspec"]["findings"];
    assert_eq!(findings[0]["disposition"], "resolved");
    assert_eq!(findings[0]["answer"], "English is the last resort");
    assert_eq!(findings[1], document["x-planspec"]["findings"][1]);
    assert_eq!(revised["identity"]["revision"], 2);
    solo.commit("A revision");
    solo.run("review HEAD~1...HEAD")
        .ok()
        .says("finding F1")
        .says("a reviewer's finding is closed");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/next"), "Running");
}

/// The report on a document: the levels that pass, and the obstacles by code, clause and place.
fn report(answer: &Value) -> (String, Vec<String>) {
    let one = &answer["readiness"][0];
    let levels = one["levels"].as_array().unwrap().iter();
    let levels: Vec<&str> = levels
        .map(|level| {
            if level["pass"] == true {
                "pass"
            } else {
                "fail"
            }
        })
        .collect();
    let blockers = one["blockers"].as_array().unwrap().iter();
    let blockers = blockers.map(|one| {
        let parts = [&one["code"], &one["clause"], &one["at"]["pointer"]];
        parts.map(text).join(" | ")
    });
    (levels.join(" "), blockers.collect())
}

/// A document, the levels that pass, and the obstacles.
type Scenario = (Value, &'static str, &'static [&'static str]);

/// The document of the examples with another value at a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = greeting();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[field] = value;
    document
}

/// The document of the examples without a field of a section.
fn without(section: &str, field: &str) -> Value {
    let mut document = greeting();
    document[section]
        .as_object_mut()
        .unwrap()
        .shift_remove(field);
    document
}

/// Documents that are sound, and perhaps not ready.
fn not_ready() -> Vec<Scenario> {
    let risk = json!([{"risk_id": "r", "title": "t", "probability": "high", "impact": "low",
        "description": "d"}]);
    let missing = json!([{"dependency_id": "d", "description": "d", "available": false}]);
    let mut reviewed = greeting();
    reviewed["x-planspec"]["findings"] = json!([found_by("human:ben", "F1", "blocking")]);
    vec![
        (greeting(), "pass pass pass", &[]),
        (
            with("/scope/open_questions", json!(["Who?"])),
            "pass pass fail",
            &["PS631 | 5, level 3: no open question | /scope/open_questions/0"],
        ),
        (
            with("/risks", risk),
            "pass pass fail",
            &["PS632 | 5, level 3: likely risks are mitigated | /risks/0/probability"],
        ),
        (
            with("/dependencies", missing),
            "pass pass fail",
            &["PS633 | 5, level 3: dependencies are available | /dependencies/0/available"],
        ),
        (
            without("delegation", "default_mode"),
            "pass pass fail",
            &["PS634 | 5, level 3: `default_mode` is set | /delegation"],
        ),
        (
            reviewed,
            "pass pass fail",
            &[
                "PS635 | x-planspec.findings: no blocking one is open | /x-planspec/findings/0/severity",
            ],
        ),
    ]
}

/// Documents that are broken or contradictory.
fn not_sound() -> Vec<Scenario> {
    let mut both = with("/scope/open_questions", json!(["Who?", "When?"]));
    both["intent"]["goal_statement"] = json!(" ");
    vec![
        (
            with("/intent/goal_statement", json!(" ")),
            "pass fail fail",
            &["PS621 | 5, level 2: the goal is not empty | /intent/goal_statement"],
        ),
        (
            both,
            "pass fail fail",
            &[
                "PS621 | 5, level 2: the goal is not empty | /intent/goal_statement",
                "PS631 | 5, level 3: no open question | /scope/open_questions/0",
                "PS631 | 5, level 3: no open question | /scope/open_questions/1",
            ],
        ),
        (
            with("/delegation/default_mode", json!("agent_autonomous")),
            "pass fail fail",
            &["PS623 | 5, level 2: delegation agrees | /approach/steps/0/delegation"],
        ),
        (
            with("/approach/steps/1/acceptance_criteria", json!("")),
            "pass fail fail",
            &[
                "PS624 | 5, level 2: steps of agents have acceptance criteria | /approach/steps/1/delegation",
            ],
        ),
        (
            with("/scope/in_scope", json!([])),
            "pass fail fail",
            &["PS626 | 5, level 2: something is in scope | /scope/in_scope"],
        ),
        (
            without("intent", "motivation"),
            "fail fail fail",
            &["PS101 | 5, level 1: required fields | /intent"],
        ),
        (
            with("/approach/steps/1/dependencies", json!(["nobody"])),
            "fail fail fail",
            &["PS603 | 5, level 1: references resolve | /approach/steps/1/dependencies/0"],
        ),
        (
            with("/approach/steps/0/dependencies", json!(["release"])),
            "fail fail fail",
            &["PS604 | 5, level 1: no cycles | /approach/steps/0/dependencies/0"],
        ),
    ]
}

#[test]
fn a_report_has_exactly_the_levels_and_blockers_of_its_document() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    for (document, levels, blockers) in not_ready().into_iter().chain(not_sound()) {
        solo.write(FILE, written(&document));
        let ran = solo.run(&format!("validate --level readiness -o json {FILE}"));
        let found = report(&ran.answer("Findings"));
        assert_eq!(
            found,
            (
                levels.to_owned(),
                blockers.iter().map(|one| (*one).to_owned()).collect()
            ),
            "{document}"
        );
        assert_eq!(ran.code, i32::from(!blockers.is_empty()), "{document}");
    }
}

#[test]
fn a_report_is_of_a_name_too_says_what_is_answered_and_depends_on_its_inputs_alone() {
    let sandbox = Sandbox::new();
    let mut document = greeting();
    document["scope"]["open_questions"] = json!(["Which ten?"]);
    document["x-planspec"]["findings"] = json!([found_by("human:ben", "F1", "blocking")]);
    let solo = sandbox.repository("solo");
    solo.publish(FILE, written(&document));
    let ask = |what: &str| solo.run(&format!("validate --level readiness -o json {what}"));
    assert_eq!(ask("greeting").exits(1).out, ask(FILE).exits(1).out);
    assert_eq!(ask("default/greeting").exits(1).out, ask(FILE).exits(1).out);
    ask("greetings").exits(1).refusal("notFound");
    let before = ask("greeting").json()["readiness"][0].clone();
    assert_eq!(before["answered"], json!([]));

    document["scope"]["open_questions"] = json!([]);
    solo.write(FILE, written(&document));
    solo.run(&format!(
        "revise {FILE} -m 'The ten most spoken' --answers F1"
    ))
    .ok();
    solo.commit("Answered");
    let after = ask("greeting").ok().json()["readiness"][0].clone();
    assert_eq!(
        after["answered"],
        json!([
            {"what": "finding", "id": "F1", "disposition": "resolved",
                "answer": "The ten most spoken", "revision": null},
            {"what": "question", "id": "Which ten?", "disposition": null,
                "answer": "The ten most spoken", "revision": 2},
        ])
    );
    assert_eq!(after["mitigated"][0]["risk"], "tone");
    // Another clone gives the same digest; another file, or another configuration, gives another one.
    let clone = sandbox.clone_of("solo", "clone");
    let there = clone
        .run("validate --level readiness -o json greeting")
        .ok();
    assert_eq!(there.out, ask("greeting").ok().out);
    assert_ne!(after["inputs"], before["inputs"]);
    solo.write(".planspec.yaml", "rules: {PS631: error}\n");
    let other = ask("greeting").ok().json()["readiness"][0].clone();
    assert_eq!(other["digest"], after["digest"]);
    assert_ne!(other["inputs"], after["inputs"]);
}
