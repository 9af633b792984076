//! A repository that holds a PlanSpec 1.2 document gets everything that one with resources gets.

use serde_json::{Value, json};

use crate::resources::{execution, resource};
use crate::sandbox::{Place, Sandbox, text};

/// Three steps, of which a person does the first and approves the last.
pub const GREETING: &str = include_str!("../../examples/document/planspec/greeting.planspec.json");
const FILE: &str = "planspec/greeting.planspec.json";

fn greeting() -> Value {
    serde_json::from_str(GREETING).unwrap()
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the check of `ten-languages` looks at.
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
    // The steps are done; that it is a success somebody has to say.
    assert_eq!(solo.phase("execution/run"), "Blocked");
    let run = solo.get("execution/run");
    assert_eq!(run["status"]["reason"], "AwaitingAttestation");
    solo.run("attest run understod --met")
        .exits(1)
        .notes("did you mean `understood`?");
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
    // Nobody's word is enough where a check decides.
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
    // What is not on the spec branch does not count.
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
    ben.run("verify run").exits(1).notes("is Succeeded");
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
    // A second time it is the same revision.
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
    // The gate is gone from the files, and stands in the pinned revision.
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
    // What differs from it only in what no plan holds is a change as well, and the file keeps its
    // form.
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
    nowhere.run("show missing.json").exits(2);
}

#[test]
fn convert_goes_both_ways_and_says_what_is_lost() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("greeting.planspec.json", GREETING);
    solo.write("planspec/all.yaml", "");
    solo.run("convert --to v1alpha1 greeting.planspec.json -o planspec/all.yaml")
        .ok()
        .notes("not taken over:")
        .notes("risks (1)");
    let drafts = solo.run("validate planspec/all.yaml");
    drafts
        .exits(1)
        .says("Goal default/greeting is defined 2 times");
    solo.run("convert --to 1.2 planspec/all.yaml")
        .ok()
        .notes("to be filled in:");
    solo.run("convert --to 1.2 greeting.planspec.json")
        .exits(2)
        .notes("already");
    // There and back again it is the same graph.
    solo.commit("resources");
    let digest = |file: &str| {
        let text = solo.read(file);
        let plan = text.split("---\n").find(|part| part.contains("kind: Plan"));
        plan.unwrap().split_once("  graph:\n").unwrap().1.to_owned()
    };
    let before = digest("planspec/all.yaml");
    solo.run("convert --to 1.2 planspec/all.yaml -o back.planspec.yaml")
        .ok();
    solo.run("convert --to v1alpha1 back.planspec.yaml -o back.yaml")
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
    // Two revisions of one branch.
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
    // Without what lies between, nobody can tell.
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
    // Another intent is another session, and another session is fine.
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
