//! Answers as data: the program knows the schema of every kind, and each verb that writes prints one document that
//! matches its schema.

use std::collections::BTreeSet;

use clap::CommandFactory;
use planspec::api::registry;
use planspec::cli::Cli;

use crate::resources::{binding, capability, file, goal, plan, plan_with, task};
use crate::sandbox::{Place, Sandbox, text};
#[cfg(unix)]
use crate::work::{shell, started, work};

const PAGE: &str = include_str!("../../docs/json.md");
const GREETING: &str = include_str!("../../examples/document/planspec/greeting.planspec.json");

fn solo(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.write("README.md", "Plans\n").commit("Begin");
    solo
}

/// The texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The kinds of the answers that a source file defines.
fn kinds_in(code: &str) -> Vec<String> {
    let mut kinds = Vec::new();
    for rest in code.split("const KIND: &'static str").skip(1) {
        let value = rest.split(';').next().unwrap().trim();
        match value.strip_prefix("= ") {
            // The trait itself.
            None => assert_eq!(value, ""),
            Some("stringify!($name)") => {
                let named = code.rsplit("answers! {").next().unwrap();
                let named = named.split('}').next().unwrap();
                kinds.extend(named.split_whitespace().map(str::to_owned));
            }
            Some(literal) => kinds.push(literal.trim_matches('"').to_owned()),
        }
    }
    kinds
}

#[test]
fn every_answer_of_the_sources_is_registered() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut defined = BTreeSet::new();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        let is_rust = entry.path().extension().is_some_and(|end| end == "rs");
        if is_rust {
            let code = std::fs::read_to_string(entry.path()).unwrap();
            for kind in kinds_in(&code) {
                assert!(defined.insert(kind.clone()), "there are two answers {kind}");
            }
        }
    }
    let registered = registry::ANSWERS.iter();
    let registered: BTreeSet<String> = registered.map(|one| one.kind.to_owned()).collect();
    assert_eq!(
        defined, registered,
        "every `impl Answer` belongs into src/api/registry.rs, and into docs/json.md"
    );
    assert_eq!(registry::ANSWERS.len(), registered.len());
}

#[test]
fn schemas_are_those_of_documents() {
    for answer in registry::ANSWERS {
        let schema = (answer.schema)().to_value();
        assert!(
            jsonschema::validator_for(&schema).is_ok(),
            "{}",
            answer.kind
        );
        let properties = &schema["properties"];
        assert_eq!(properties["kind"]["const"], answer.kind);
        assert_eq!(properties["apiVersion"]["const"], "cli.planspec.io/v1");
        assert_eq!(schema["title"], answer.kind);
    }
}

#[test]
fn the_page_names_every_verb_that_has_a_format_and_every_kind_of_answer() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').collect()).collect();
    let verbs: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[1])).collect();
    let program = Cli::command();
    for verb in program.get_subcommands() {
        let mut arguments = verb.get_arguments();
        let has_format = arguments.any(|argument| argument.get_long() == Some("output"));
        let name = verb.get_name();
        assert_eq!(
            verbs.contains(name),
            has_format,
            "`{name}` stands in the table of docs/json.md when it has -o"
        );
    }
    for kind in registry::kinds() {
        let named = format!("`{kind}`");
        assert!(PAGE.contains(&named), "docs/json.md does not name {named}");
    }
}

#[test]
fn the_examples_of_the_page_are_as_their_schemas_say() {
    let blocks: Vec<&str> = PAGE.split("```json\n").skip(1).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let block = block.split("```").next().unwrap();
        let document: serde_json::Value = serde_json::from_str(block).unwrap();
        let kind = document["kind"].as_str().unwrap();
        let schema = (registry::find(kind).unwrap().schema)().to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&document).collect();
        assert!(errors.is_empty(), "{kind}: {errors:?}");
        // The examples on the page have every field.
        for field in schema["properties"].as_object().unwrap().keys() {
            assert!(document.get(field).is_some(), "{kind} without {field}");
        }
    }
}

#[test]
fn apply_tells_what_became_of_each_resource_and_where() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let dry = solo
        .run_with("apply -f - --dry-run -o json", &goal("g"))
        .ok();
    let dry = dry.answer("Applied");
    assert_eq!(
        (&dry["dryRun"], &dry["changed"]),
        (&true.into(), &true.into())
    );
    assert!(
        dry["commit"].is_null() && dry["next"] == serde_json::json!([]),
        "{dry}"
    );

    let applied = solo.run_with("apply -f - -o json", &goal("g")).ok();
    let applied = applied.answer("Applied");
    let resource = &applied["resources"][0];
    assert_eq!(resource["kind"], "Goal");
    assert_eq!(resource["change"], "created");
    assert_eq!(resource["path"], "planspec/default/goals/g.yaml");
    assert_eq!(text(&applied["commit"]), solo.git("rev-parse HEAD"));
    assert_eq!(applied["branch"], "main");
    assert_eq!(applied["next"][0], "planspec reconcile");

    let again = solo.run_with("apply -f - -o json", &goal("g")).ok();
    let again = again.answer("Applied");
    assert_eq!(again["resources"][0]["change"], "unchanged");
    assert!(
        again["changed"] == false && again["commit"].is_null(),
        "{again}"
    );
}

#[test]
fn what_is_told_besides_stands_in_the_answer() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.git("checkout -q -b feature");
    let nodes = [task("one").needs("c")];
    let with_status = plan("p", &nodes) + "status: {phase: Ready}\n";
    let applied = ana.run_with("apply -f - -o json", &with_status).ok();
    let applied = applied.answer("Applied");
    let notes = applied["notes"].to_string();
    assert!(notes.contains("only reconcile writes it"), "{notes}");
    assert!(notes.contains("it takes effect on `main`"), "{notes}");
    assert_eq!(applied["next"][0], "git push origin feature");
    // A missing capability is a warning with its place.
    let finding = &applied["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&"PS204".into(), &"warning".into())
    );
    assert!(finding["line"].is_u64(), "{finding}");
}

#[test]
fn what_apply_refuses_it_refuses_as_data() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let broken = plan("p", &[task("a").after("b")]);
    let refused = solo.run_with("apply -f - -o json", &broken).exits(1);
    let error = refused.refusal("invalid");
    let finding = &error["findings"][0];
    assert_eq!(finding["code"], "PS302");
    assert_eq!(finding["file"], "planspec/default/plans/p.yaml");
    assert!(
        finding["line"].is_u64() && finding["pointer"].is_string(),
        "{finding}"
    );

    // Findings about text that is no resource are in the document too.
    let refused = solo.run_with("apply -f - -o json", "kind: [").exits(1);
    assert_eq!(refused.refusal("invalid")["findings"][0]["code"], "PS001");
    let refused = solo.run("apply -f missing.yaml -o json").exits(1);
    assert!(text(&refused.refusal("notFound")["message"]).contains("missing.yaml"));

    solo.write("planspec/g.yaml", goal("g")).commit("A goal");
    solo.write("planspec/g.yaml", goal("g") + "# mine\n");
    let other = goal("g").replace("good for", "meant for");
    let refused = solo.run_with("apply -f - -o json", &other).exits(1);
    let error = refused.refusal("notReady");
    assert!(text(&error["hint"]).contains("commit or stash"), "{error}");
    solo.git("checkout -q -- .");
    solo.write_executable(".git/hooks/pre-commit", "#!/bin/sh\necho no >&2\nexit 1\n");
    let refused = solo.run_with("apply -f - -o json", &other).exits(1);
    refused.refusal("notReady");
}

#[test]
fn delete_tells_what_goes_and_what_still_refers_to_it() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let plan = plan_with("p", "goalRef: {name: g}\n", &[task("one")]);
    solo.write("planspec/goals.yaml", file(&[goal("g"), goal("h")]))
        .write("planspec/plan.yaml", plan)
        .commit("All");
    let deleted = solo.run("delete goals g h -o json").ok().answer("Deleted");
    let resources = deleted["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert!(
        resources.iter().all(|one| one["change"] == "deleted"),
        "{deleted}"
    );
    assert_eq!(text(&deleted["commit"]), solo.git("rev-parse HEAD"));
    let finding = &deleted["findings"][0];
    assert_eq!(finding["file"], "planspec/plan.yaml", "{deleted}");
    assert_eq!(finding["code"], "PS202");
    let error = solo
        .run("delete goal gg -o json")
        .exits(1)
        .refusal("notFound");
    assert!(text(&error["message"]).contains("`gg`"), "{error}");
}

#[test]
fn diff_tells_what_changes_as_a_review_does() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let before = plan("p", &[task("one")]);
    solo.write("planspec/p.yaml", before).commit("A plan");
    solo.write("planspec/p.yaml", plan("p", &[task("one"), task("two")]));
    solo.write("planspec/g.yaml", goal("g"));
    let all = solo.run("diff -o json").ok().answer("Review");
    assert_eq!(text(&all["base"]), solo.git("rev-parse HEAD"));
    assert!(all["head"].is_null(), "{all}");
    assert_eq!(
        (&all["baseName"], &all["headName"]),
        (&"HEAD".into(), &"the work tree".into())
    );
    assert_eq!(all["subjects"].as_array().unwrap().len(), 2);
    let of_plan = solo.run("diff plan p -o json").ok().answer("Review");
    let change = &of_plan["subjects"][0]["changes"][0];
    assert_eq!(
        (&change["what"], &change["element"]),
        (&"added".into(), &"node".into())
    );
    let of_file = solo
        .run("diff planspec/g.yaml -o json")
        .ok()
        .answer("Review");
    assert_eq!(of_file["subjects"][0]["resource"]["name"], "g");
    let staged = solo.run("diff --staged -o json").ok().answer("Review");
    assert_eq!(staged["subjects"], serde_json::json!([]));
    solo.run("diff --rev nosuch -o json")
        .exits(1)
        .refusal("notFound");
}

#[test]
fn start_tells_which_execution_of_what_by_whom() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let all = [
        capability("c"),
        binding("team", &[("c", "agent://a")]),
        plan("p", &[task("one").needs("c")]),
    ];
    solo.write("planspec/all.yaml", file(&all)).commit("All");
    let dry = solo.run("start p -p fast=true --dry-run -o json").ok();
    let dry = dry.answer("Started");
    assert_eq!(dry["resource"]["spec"]["parameters"]["fast"], true);
    assert!(dry["dryRun"] == true && dry["commit"].is_null(), "{dry}");
    assert!(!solo.has("planspec/default/executions"));

    let started = solo.run("start p -o json").ok().answer("Started");
    let name = text(&started["execution"]).to_owned();
    assert!(name.starts_with("p-") && name.len() == 6, "{name}");
    assert_eq!(started["namespace"], "default");
    assert_eq!(started["plan"], "p");
    assert_eq!(started["binding"], "team");
    assert_eq!(text(&started["commit"]), solo.git("rev-parse HEAD"));
    assert_eq!(started["resources"][0]["change"], "created");
    assert_eq!(started["notes"][0], "tasks are bound by `team`");

    let error = solo.run(&format!("start p --name {name} -o json")).exits(9);
    assert!(text(&error.refusal("conflict")["message"]).contains("already exists"));
    solo.run("start q -o json").exits(1).refusal("notFound");
}

#[test]
fn edit_tells_what_was_saved_and_what_was_wrong() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("planspec/p.yaml", plan("p", &[task("one")]))
        .commit("A plan");
    let edit = |editor: &str| solo.run_in(&[("EDITOR", editor)], "edit plan p -o json");
    let edited = edit("sed -i 's/How it/How all/'").ok().answer("Edited");
    assert_eq!(edited["resources"][0]["change"], "configured");
    assert_eq!(text(&edited["commit"]), solo.git("rev-parse HEAD"));

    let same = edit("true").ok().answer("Edited");
    assert_eq!(same["changed"], false);
    assert_eq!(same["notes"][0], "nothing was changed");

    // The editor opens again with the findings, and is closed without a change.
    let error = edit("sed -i 's/^kind: Plan/kind: Plam/'").exits(1);
    let error = error.refusal("invalid");
    assert_eq!(error["findings"][0]["code"], "PS108", "{error}");
    assert!(text(&error["hint"]).contains("is kept in"), "{error}");

    // An editor that writes invalid text each time is not opened forever.
    let error = edit("sed -i 's/^kind: Plan/kind: Plann/'").exits(1);
    error.refusal("invalid");
}

#[test]
fn what_was_written_is_not_lost_when_it_cannot_be_committed() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("planspec/g.yaml", goal("g")).commit("A goal");
    solo.write_executable(".git/hooks/pre-commit", "#!/bin/sh\necho no >&2\nexit 1\n");
    let editor = [("EDITOR", "sed -i 's/good for/meant for/'")];
    let refused = solo.run_in(&editor, "edit goal g -o json").exits(1);
    let hint = text(&refused.refusal("notReady")["hint"]);
    let (_, draft) = hint.split_once("your text is kept in ").unwrap();
    assert!(solo.read(draft).contains("meant for"));
}

#[test]
fn new_init_and_hooks_tell_what_was_made() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let made = solo
        .run("init --no-hook -o json")
        .ok()
        .answer("Initialized");
    let first = &made["files"][0];
    assert_eq!(
        (&first["path"], &first["created"]),
        (&".planspec.yaml".into(), &true.into())
    );
    assert!(made["hook"].is_null() && made["remote"].is_null(), "{made}");
    assert!(
        text(&made["next"][0]).starts_with("git add .planspec.yaml"),
        "{made}"
    );
    let again = solo.run("init -o json").ok().answer("Initialized");
    assert_eq!(again["files"][0]["created"], false);
    assert_eq!(again["hook"]["installed"], true);
    assert_eq!(again["next"], serde_json::json!([]));

    let status = solo.run("hooks status -o json").ok().answer("Hook");
    assert_eq!(
        (&status["installed"], &status["changed"]),
        (&true.into(), &false.into())
    );
    let gone = solo.run("hooks uninstall -o json").ok().answer("Hook");
    assert_eq!(
        (&gone["installed"], &gone["changed"]),
        (&false.into(), &true.into())
    );
    let none = solo.run("hooks -o json status").exits(1).answer("Hook");
    assert_eq!(none["installed"], false);
    let back = solo.run("hooks install -o json").ok().answer("Hook");
    assert_eq!(
        (&back["installed"], &back["changed"]),
        (&true.into(), &true.into())
    );

    let printed = solo
        .run("new plan web/p --print -o json")
        .ok()
        .answer("Created");
    assert_eq!(printed["created"], false);
    let made = solo.run("new plan web/p -o json").ok().answer("Created");
    assert_eq!(made["path"], "planspec/web/plans/p.yaml");
    assert_eq!(made["resource"]["namespace"], "web");
    assert_eq!(made["schema"], ".planspec/schemas/plan.json");
    assert_eq!(text(&made["text"]), solo.read("planspec/web/plans/p.yaml"));
    assert_eq!(made["text"], printed["text"]);
    solo.run("new plan web/p -o json")
        .exits(9)
        .refusal("conflict");
    let error = solo.run("new goal NO -o json").exits(1).refusal("invalid");
    assert_eq!(error["findings"][0]["code"], "PS105", "{error}");
}

#[test]
fn a_hook_of_somebody_else_is_a_refusal_that_says_where() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.git("config core.hooksPath ../elsewhere");
    let ran = solo.run("hooks install -o json");
    // A Git with configured hooks needs no script.
    if ran.code == 1 {
        let error = ran.refusal("notReady");
        assert!(text(&error["hint"]).contains("core.hooksPath"), "{error}");
    } else {
        assert_eq!(ran.answer("Hook")["means"], "configuration");
    }
}

#[test]
fn documents_are_shown_converted_and_revised() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let path = "planspec/greeting.planspec.json";
    solo.write(path, GREETING).commit("A document");
    let shown = solo.run(&format!("show {path} -o json")).ok();
    assert_eq!(
        shown.out,
        solo.run(&format!("show {path} --format json")).ok().out
    );
    assert_eq!(
        shown.json(),
        serde_json::from_str::<serde_json::Value>(GREETING).unwrap()
    );
    solo.write("broken.json", "{\"identity\": {}}");
    let error = solo
        .run("show broken.json -o json")
        .exits(1)
        .refusal("invalid");
    assert_eq!(error["findings"][0]["code"], "PS101", "{error}");

    let convert = format!("convert --to v1alpha1 {path} -o json");
    let converted = solo.run(&convert).ok().answer("Converted");
    assert!(
        text(&converted["text"]).contains("kind: Plan"),
        "{converted}"
    );
    assert!(converted["out"].is_null());
    let written = solo
        .run(&format!("{convert} --out all.yaml"))
        .ok()
        .answer("Converted");
    assert_eq!(text(&written["text"]), solo.read("all.yaml"));
    assert_eq!(written["out"], "all.yaml");
    let error = solo.run(&format!("{convert} --out all.yaml")).exits(9);
    assert!(text(&error.refusal("conflict")["message"]).contains("all.yaml already exists"));
    let back = solo
        .run("convert --to 1.2 all.yaml -o json")
        .ok()
        .answer("Converted");
    assert!(back["lost"].is_array() && back["missing"].is_array());

    let revise = format!("revise {path} -m Shorter -o json");
    solo.run(&revise).exits(1).refusal("notReady");
    solo.write(path, GREETING.replace("Release it", "Ship it"));
    let revised = solo.run(&revise).ok().answer("Revised");
    let now: serde_json::Value = serde_json::from_str(&solo.read(path)).unwrap();
    assert_eq!(revised["planId"], now["identity"]["plan_id"]);
    assert_eq!(revised["sessionId"], now["identity"]["session_id"]);
    assert_eq!(revised["revision"], 2);
    assert_eq!(revised["path"], path);
    assert_eq!(revised["changeType"], "patch");
    assert!(text(&revised["changes"][0]).contains("`title` changed"));
    assert_eq!(revised["next"][0], format!("planspec apply -f {path}"));
}

#[test]
fn rules_and_answers_explain_themselves() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let rule = nowhere.run("explain PS302 -o json").ok().answer("Rule");
    assert_eq!(
        (&rule["code"], &rule["severity"]),
        (&"PS302".into(), &"error".into())
    );
    assert_eq!(text(&rule["page"]), nowhere.run("explain PS302").ok().out);
    let all = nowhere
        .run("explain --list -o json")
        .ok()
        .answer("RuleList");
    let listed = nowhere.run("explain --list").ok().out;
    assert_eq!(
        all["items"].as_array().unwrap().len(),
        listed.lines().count()
    );
    let error = nowhere
        .run("explain PS3O2 -o json")
        .exits(1)
        .refusal("notFound");
    assert!(text(&error["hint"]).contains("did you mean"), "{error}");

    let kinds = nowhere.run("schema --answers").ok().out;
    let known: Vec<&str> = kinds.lines().collect();
    assert_eq!(known, registry::kinds());
    let listed = nowhere
        .run("schema --answers -o json")
        .ok()
        .answer("AnswerList");
    assert_eq!(listed["items"].as_array().unwrap().len(), known.len());
    for kind in known {
        let schema = nowhere.run(&format!("schema --answer {kind}")).ok().json();
        assert_eq!(schema["title"], kind);
    }
    nowhere
        .run("schema --answer claimed")
        .ok()
        .says("\"Claimed\"");
    nowhere
        .run("schema --answer Claimd")
        .exits(1)
        .notes("did you mean `Claimed`?");
    nowhere.run("schema").exits(2);
    nowhere.run("schema plan --answers").exits(2);
}

#[test]
fn records_tell_what_was_recorded_and_what_the_reconcile_did() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("planspec/greeting.planspec.json", GREETING);
    for language in "de en es fr hi ja pt ru sw zh".split(' ') {
        solo.write(&format!("greeting/{language}.txt"), language);
    }
    solo.commit("A document");
    solo.run("start greeting --name run").ok();
    let ask = |verb: &str| solo.run(&format!("{verb} -o json")).ok();
    let dry = ask("reconcile --dry-run").answer("Reconcile");
    assert!(
        dry["changed"] == true && dry["statusCommit"].is_null(),
        "{dry}"
    );
    ask("reconcile").answer("Reconcile");

    let claimed = ask("claim run/translate --reconcile").answer("Claimed");
    assert_eq!(
        (&claimed["node"], &claimed["attempt"]),
        (&"translate".into(), &1.into())
    );
    assert_eq!(claimed["reconciled"]["transitions"][0]["to"], "Running");
    let renewed = ask("claim run/translate --renew").answer("Claimed");
    assert_eq!(renewed["renewed"], true);
    let other = solo.run("claim run/translate --as ben@example.com -o json");
    other.exits(9).refusal("taken");
    ask("release run/translate --reconcile").answer("Released");
    ask("claim run/translate").answer("Claimed");
    let reported = ask("report run/translate --succeeded --reconcile").answer("Reported");
    assert_eq!(
        (&reported["result"], &reported["already"]),
        (&"succeeded".into(), &false.into())
    );
    solo.works("run/choose", "agent:a");

    let gate = "greeting-approve-release";
    let comment = ask(&format!("comment {gate} -m Hm")).answer("Decided");
    assert_eq!(comment["decision"], "comment");
    ask(&format!("approve {gate} --reconcile")).answer("Decided");
    solo.works("run/release", "agent:a");
    let attested = ask("attest run understood --met").answer("Attested");
    assert_eq!(
        (&attested["criterion"], &attested["met"]),
        (&"understood".into(), &true.into())
    );
    ask("attest run no-tracking --met --reconcile").answer("Attested");
    let verified = ask("verify run --reconcile").answer("ExecutionVerified");
    assert_eq!(verified["criteria"][0]["met"], true);
    assert_eq!(solo.phase("execution/run"), "Succeeded");

    solo.run("start greeting --name next").ok();
    solo.run("reconcile").ok();
    ask("claim next/translate").answer("Claimed");
    ask("report next/translate --failed --reconcile").answer("Reported");
    let asked = ask("retry next --reconcile").answer("Requested");
    assert_eq!(asked["request"], "retry");
    let asked = ask("cancel next").answer("Requested");
    assert_eq!(asked["request"], "cancel");
}

#[cfg(unix)]
#[test]
fn a_worker_tells_a_line_as_it_happens_and_verify_what_holds() {
    let sandbox = Sandbox::new();
    let list = r#"[{"name": "report", "type": "artifact_exists", "path": "report.md"}]"#;
    let more = format!("acceptanceCriteria: {list}\n");
    let script = shell("echo well > report.md");
    let config = "verification: independent\n";
    let ana = started(&sandbox, config, &[("one", &more, script)]);
    let events = work(&sandbox, &ana, "--as agent:w -o json").ok();
    let events = events.answers("WorkEvent");
    let happened = |what: &str| events.iter().find(|event| event["event"] == what);
    let claimed = happened("claimed").unwrap();
    let place = ["namespace", "execution", "node"].map(|field| text(&claimed[field]));
    assert_eq!(place, ["default", "run", "one"], "{claimed}");
    assert!(claimed["record"].is_string() && claimed["result"].is_null());
    let reported = happened("reported").unwrap();
    assert_eq!(reported["result"], "succeeded", "{reported}");
    assert_ne!(reported["record"], claimed["record"]);
    assert!(reported["commit"].is_string(), "{reported}");
    for event in &events {
        assert_eq!(text(&event["message"]).lines().count(), 1, "{event}");
    }
    ana.run("reconcile").ok();
    let verified = ana.run("verify run/one --as agent:ci -o json").ok();
    let verified = verified.answer("Verified");
    assert_eq!(verified["accepted"], true);
    assert_eq!(verified["results"][0]["name"], "report");
}
