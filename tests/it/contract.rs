//! What scripts rely on: everything in the document, one policy for fields, one kind of refusal for each obstacle, and
//! hints that work when followed literally.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use planspec::api::registry;
use serde_json::{Value, json};

use crate::resources::{
    execution, file, gate, gate_node, goal, plan, plan_spec, resource_in, task,
};
use crate::sandbox::{Place, SHARED, STATUS, Sandbox, text};

const GREETING: &str = include_str!("../../examples/document/planspec/greeting.planspec.json");

/// A run with a task that is ready, one after it, and a gate.
fn started(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let nodes = [
        task("build"),
        task("ship").after("build"),
        gate_node("sign", "sign"),
    ];
    let all = [
        goal("g"),
        plan("p", &nodes),
        gate("sign", "p"),
        execution("run", "p"),
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    solo
}

// --- Everything in the document ---------------------------------------------------------------

#[test]
fn notes_stand_in_the_document_alone() {
    let sandbox = Sandbox::new();
    let empty = sandbox.repository("empty");
    empty.publish("README.md", "Nothing here\n");
    let done = empty.run("reconcile -o json").ok().answer("Reconcile");
    assert!(text(&done["notes"][0]).contains("no resources found"));

    let solo = started(&sandbox);
    solo.run("claim run/build --as agent:a --reconcile").ok();
    solo.run("release run/build --as agent:a --reconcile").ok();
    let late = "report run/build --attempt 1 --as agent:a --succeeded";
    let refused = solo.run(&format!("{late} -o json")).exits(9);
    let refused = refused.refusal("conflict");
    assert_eq!(
        refused["message"],
        "agent:a gave back attempt 1 of default/run/build"
    );
    let hint = text(&refused["hint"]);
    assert!(
        hint.contains("planspec claim run/build -n default"),
        "{hint}"
    );
}

#[test]
fn a_message_is_one_line() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.git("remote set-url origin /nowhere/at/all");
    let error = ana.run("next -o json").exits(3).refusal("unavailable");
    let message = text(&error["message"]);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(!text(&error["hint"]).is_empty(), "{error}");
}

#[test]
fn a_graph_that_goes_to_a_file_leaves_standard_output_alone() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let ran = solo.run("graph run -o json --out graph.json").ok();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let drawn: Value = serde_json::from_str(&solo.read("graph.json")).unwrap();
    assert_eq!(
        drawn,
        solo.run("graph run -o json").ok().answer("Graph"),
        "the file holds the same document"
    );
    let refused = solo.run("graph rnu -o json --out other.json").exits(1);
    refused.refusal("notFound");
    assert!(!solo.has("other.json"));
}

#[test]
fn a_reconcile_that_watches_prints_a_document_a_line_and_refusals_too() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let all = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    solo.publish("planspec/all.yaml", all);
    let mut command = solo.planspec("reconcile --watch --interval 1 -o json");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(first["kind"], "Reconcile", "{first}");
    solo.publish(".planspec.yaml", "lease: [\n");
    let second = next();
    assert_eq!(second["kind"], "Error", "{second}");
    assert_eq!(second["error"]["kind"], "invalid");
    child.kill().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    // An error at the start is no reason to keep watching.
    let refused = solo.run("reconcile --watch -o json").exits(1);
    assert_eq!(refused.out.lines().count(), 1, "{refused}");
    refused.refusal("invalid");
}

#[test]
fn who_looks_once_for_what_is_not_there_is_told() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let nope = solo.run("watch plan nope --once -o json").exits(1);
    assert_eq!(nope.out.lines().count(), 1, "{nope}");
    assert!(text(&nope.refusal("notFound")["message"]).contains("`nope`"));
    solo.publish("planspec/new.yaml", goal("new"));
    let new = solo.run("watch goal/new --once -o json").exits(1);
    assert_eq!(
        new.refusal("notReady")["hint"],
        "run `planspec reconcile` first"
    );
    solo.run("watch goal/g --once").ok().says("g");
    solo.run("watch goals -n elsewhere --once").ok();
}

// --- One policy of fields ---------------------------------------------------------------------

/// Every object that a schema describes, with its place.
fn objects<'a>(schema: &'a Value, place: String, found: &mut Vec<(String, &'a Value)>) {
    match schema {
        Value::Object(fields) => {
            if schema["properties"].is_object() {
                found.push((place.clone(), schema));
            }
            for (name, value) in fields {
                objects(value, format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                objects(item, format!("{place}/*"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_of_an_answer_is_always_there() {
    for answer in registry::ANSWERS {
        let schema = (answer.schema)().to_value();
        let mut found = Vec::new();
        objects(&schema, String::new(), &mut found);
        assert!(!found.is_empty(), "{}", answer.kind);
        for (place, object) in found {
            // Resources follow the published format.
            if place.ends_with("$defs/Resource") {
                continue;
            }
            let required = object["required"].as_array().cloned().unwrap_or_default();
            for field in object["properties"].as_object().unwrap().keys() {
                let kind = answer.kind;
                assert!(
                    required.contains(&json!(field)),
                    "{kind}{place}: `{field}` may be absent"
                );
            }
        }
    }
}

#[test]
fn what_get_answers_has_a_schema_too() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/greeting.planspec.json", GREETING);
    solo.run("start greeting --name greet").ok();
    solo.run("reconcile").ok();
    let validator = |kind: &str| {
        let schema = solo.run(&format!("schema --answer {kind}")).ok().json();
        jsonschema::validator_for(&schema).unwrap()
    };
    let check = |validator: &jsonschema::Validator, document: &Value| {
        let errors = validator.iter_errors(document);
        let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {document}");
    };
    let (list, one) = (validator("List"), validator("Resource"));
    let all = solo.run("get -o json").ok().json();
    check(&list, &all);
    let items = all["items"].as_array().unwrap();
    assert!(items.len() >= 6 && items.iter().any(|item| item["status"].is_object()));
    for item in items {
        check(&one, item);
    }
    check(&one, &solo.run("get execution run -o json").ok().json());
    // The schema refuses another kind, and a spec that the kind does not have.
    let mut wrong = items[0].clone();
    wrong["kind"] = json!("Robot");
    assert!(!one.is_valid(&wrong) && !list.is_valid(&wrong));
    let mut wrong = solo.run("get plan p -o json").ok().json();
    wrong["spec"]["graph"]["nodes"][0]["kind"] = json!("Robot");
    assert!(!one.is_valid(&wrong), "{wrong}");
    solo.run("schema --answers").ok().says("List\n");
}

#[test]
fn a_claim_says_until_when_it_is_held() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let claimed = solo.run("claim run/build --as agent:a -o json").ok();
    let claimed = claimed.answer("Claimed");
    assert_eq!(claimed["leaseEnd"], "2026-01-31T12:30:00Z", "{claimed}");
    solo.run("reconcile").ok();
    let kept = solo.node("run/build")["extensions"]["claim"]["expires"].clone();
    assert_eq!(kept, claimed["leaseEnd"]);
    sandbox.minutes_pass(10);
    let renew = "claim run/build --renew --lease 5m --as agent:a -o json";
    let renewed = solo.run(renew).ok().answer("Claimed");
    assert_eq!(renewed["leaseEnd"], "2026-01-31T12:15:00Z", "{renewed}");
}

#[test]
fn next_says_when_a_reconcile_is_due() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let next = || solo.run("next -o json").ok().answer("NextNodes");
    let quiet = next();
    assert_eq!(
        (&quiet["due"], &quiet["notes"]),
        (&json!(false), &json!([]))
    );
    solo.run("claim run/build --as agent:a").ok();
    let waiting = next();
    assert_eq!(waiting["due"], true);
    assert!(
        text(&waiting["notes"][0]).contains("in the inbox"),
        "{waiting}"
    );
    solo.run("reconcile").ok();
    assert_eq!(next()["due"], false);
    solo.publish("planspec/new.yaml", goal("new"));
    let moved = next();
    let commit = &solo.git("rev-parse HEAD")[..10];
    assert!(text(&moved["notes"][0]).contains(commit), "{moved}");
    solo.run("next").ok().notes("a reconcile is due");
    solo.run("reconcile").ok();
    sandbox.minutes_pass(31);
    assert!(text(&next()["notes"][0]).contains("deadline"));
}

#[test]
fn a_review_names_its_commits_whole() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/new.yaml", goal("new"));
    let review = solo
        .run("review HEAD~1..HEAD -o json")
        .ok()
        .answer("Review");
    assert_eq!(text(&review["base"]), solo.git("rev-parse HEAD~1"));
    assert_eq!(text(&review["head"]), solo.git("rev-parse HEAD"));
    assert!(text(&review["base"]).starts_with(&text(&review["baseName"])));
}

// --- What is refused, and as what -------------------------------------------------------------

/// A repository with a plan, its run and a goal of the same names in two namespaces, reconciled.
fn twice(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let both = ["one", "two"].map(|space| {
        file(&[
            resource_in(space, "Plan", "p", &plan_spec("", &[task("build")])),
            resource_in(space, "Execution", "run", "planRef: {name: p}\n"),
            resource_in(space, "Goal", "g", "description: Good\n"),
        ])
    });
    solo.publish("planspec/all.yaml", both.join("---\n"));
    solo.run("reconcile").ok();
    solo
}

#[test]
fn a_namespace_that_is_said_twice_is_said_once() {
    let sandbox = Sandbox::new();
    let solo = twice(&sandbox);
    let verbs = [
        "get execution one/run",
        "describe plan one/p",
        "graph one/run",
        "graph plan/one/p",
        "log one/p",
        "log execution/one/run",
        "logs one/run/build",
        "watch execution one/run --once",
        "wait execution/one/run --for Succeeded",
        "wait execution/one/run --for delete",
        "next one/run",
        "claim one/run/build",
        "release one/run/build",
        "report one/run/build --succeeded",
        "verify one/run",
        "verify one/run/build",
        "attest one/run fast --met",
        "cancel one/run",
        "retry one/run",
        "start one/p",
        "review HEAD..HEAD --plan one/p",
        "diff plan one/p",
        "delete goal one/g --dry-run",
        "new goal one/other --print",
        "edit goal one/g",
    ];
    for verb in verbs {
        let ran = solo.run(&format!("{verb} -n two -o json")).exits(2);
        let error = ran.refusal("ambiguous");
        let said = text(&error["message"]);
        assert!(said.contains("`one`") && said.contains("`two`"), "{ran}");
    }
    solo.run("get execution one/run -n one").ok();
    solo.run("next one/run -n one").ok();
}

#[test]
fn a_decision_with_two_namespaces_is_not_guessed() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let twice = solo.run("approve default/sign -n two -o json").exits(2);
    let said = text(&twice.refusal("ambiguous")["message"]);
    assert!(
        said.contains("`default`") && said.contains("`two`"),
        "{said}"
    );
    solo.run("approve default/sign -n default").ok();
}

#[test]
fn what_is_over_is_nobodys_to_claim() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.works("run/build", "agent:a");
    for actor in ["agent:a", "agent:b"] {
        let ran = solo.run(&format!("claim run/build --as {actor} -o json"));
        let error = ran.exits(1).refusal("notReady");
        assert_eq!(
            error["message"],
            "default/run: `build` is already Succeeded"
        );
    }
    solo.run("cancel run --reconcile").ok();
    let over = solo.run("claim run/ship --as agent:b -o json").exits(1);
    let hint = text(&over.refusal("notReady")["hint"]);
    assert!(hint.ends_with("`planspec start p -n default`"), "{hint}");
}

#[test]
fn an_attempt_that_never_was_cannot_be_reported() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let ran = solo.run("report run/build --attempt 9 --succeeded -o json");
    let error = ran.exits(1).refusal("notFound");
    let said = "default/run/build has no attempt 9 yet; the current one is 1";
    assert_eq!(error["message"], said);
    assert!(solo.inbox().is_empty(), "{:?}", solo.inbox());
    let logs = solo.run("logs run/build --attempt 9 -o json").exits(1);
    assert_eq!(logs.refusal("notFound")["message"], said);
}

#[test]
fn each_obstacle_has_its_kind_whatever_the_verb() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let table = [
        ("apply -f nothing.yaml", "notFound"),
        ("apply -d nothing", "notFound"),
        ("validate nothing.yaml", "notFound"),
        ("validate -d nothing", "notFound"),
        ("validate --rev nothing", "notFound"),
        ("validate --base nothing", "notFound"),
        ("show nothing.json", "notFound"),
        ("convert --to 1.2 nothing.yaml", "notFound"),
        ("revise nothing.json -m Shorter", "notFound"),
        (
            "report run/build --succeeded --outputs-file nothing.json",
            "notFound",
        ),
        ("report run/build --succeeded --commit nothing", "notFound"),
        ("review nothing..HEAD", "notFound"),
        ("diff --rev nothing", "notFound"),
        ("diff nothing.yaml", "notFound"),
        ("log p --ref nothing", "notFound"),
        ("reconcile --ref nothing --dry-run", "notFound"),
        ("get plan nothing", "notFound"),
        ("describe goal nothing", "notFound"),
        ("edit goal nothing", "notFound"),
        ("delete goal nothing", "notFound"),
        ("start nothing", "notFound"),
        ("claim run/nothing", "notFound"),
        ("claim nothing/build", "notFound"),
        ("release run/nothing", "notFound"),
        ("report run/nothing --succeeded", "notFound"),
        ("verify nothing", "notFound"),
        ("approve nothing", "notFound"),
        ("approve run/nothing", "notFound"),
        ("approve sign --execution nothing", "notFound"),
        ("attest nothing fast --met", "notFound"),
        ("attest run nothing --met", "notFound"),
        ("cancel nothing", "notFound"),
        ("retry nothing", "notFound"),
        ("work --node run/nothing", "notFound"),
        ("explain PS999", "notFound"),
        ("schema --answer Nothing", "notFound"),
        ("claim run/ship", "notReady"),
        ("approve run/build", "notReady"),
        ("retry run", "notReady"),
        ("new goal g", "conflict"),
        ("start p --name run", "conflict"),
        ("release run", "ambiguous"),
        ("reconcile --ref HEAD", "ambiguous"),
        ("get golas", "ambiguous"),
    ];
    for (command, kind) in table {
        solo.run(&format!("{command} -o json")).refusal(kind);
    }
}

#[test]
fn where_there_is_no_work_tree_or_no_commit_one_kind_says_so() {
    let sandbox = Sandbox::new();
    let bare = sandbox.bare("bare.git");
    for verb in ["init", "diff", "validate", "validate --staged"] {
        let refused = bare.run(&format!("{verb} -o json")).exits(3);
        refused.refusal("unavailable");
    }
    let empty = sandbox.repository("empty");
    let verbs = [
        "get",
        "describe plan p",
        "graph p",
        "log p",
        "next",
        "watch --once",
        "claim run/one",
        "reconcile",
        "review",
        "diff",
        "approve g",
        "validate --rev HEAD",
        "wait goal/g --for Succeeded",
    ];
    for verb in verbs {
        let refused = empty.run(&format!("{verb} -o json")).exits(1);
        let error = refused.refusal("notReady");
        assert!(!error["hint"].is_null(), "{verb}: {error}");
    }
    let nowhere = sandbox.folder("nowhere");
    for verb in verbs.iter().filter(|verb| **verb != "review") {
        let refused = nowhere.run(&format!("{verb} -o json")).exits(3);
        refused.refusal("unavailable");
    }
}

#[test]
fn a_graph_of_what_the_files_do_not_have_any_more() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let before = solo.run("graph run -o json").ok().answer("Graph");
    solo.publish("planspec/all.yaml", file(&[goal("g")]));
    let gone = solo.run("graph run -o json").ok().answer("Graph");
    assert_eq!(gone["nodes"], before["nodes"], "it is held to its plan");
    solo.run("reconcile").ok();
    let gone = solo.run("graph run -o json").ok().answer("Graph");
    assert_eq!(gone["phase"], "Cancelled", "{gone}");
    assert_eq!(gone["deleted"], true);
    let described = solo.run("describe execution run -o json").ok();
    let described = described.answer("Description");
    assert_eq!(described["phase"], "Cancelled", "{described}");
    assert_eq!(described["graph"]["nodes"], gone["nodes"]);
    assert_eq!(gone["nodes"].as_array().unwrap().len(), 3);
    solo.run("graph run").ok().says("build");
}

#[test]
fn a_name_in_several_namespaces_is_no_missing_plan() {
    let sandbox = Sandbox::new();
    let solo = twice(&sandbox);
    let error = solo.run("graph run -o json").exits(2).refusal("ambiguous");
    assert_eq!(error["hint"], "choose one: `-n one`, `-n two`");
    solo.run("graph run -n two -o json").ok();
    solo.run("wait execution/run --for delete -o json")
        .exits(2)
        .refusal("ambiguous");
}

/// The status commit is here before its objects, as while another process fetches into the same clone.
#[test]
fn what_is_only_half_here_is_fetched() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let all = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    ana.publish("planspec/all.yaml", all);
    let stale = sandbox.clone_of("origin.git", "stale");
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    let origin = sandbox.place("origin.git");
    let commit = origin.git(&format!("cat-file commit {tip}")) + "\n";
    let half = stale.git_with("hash-object -t commit -w --stdin", &commit);
    assert_eq!(half, tip, "{STATUS}");
    stale
        .run("claim run/one --as agent:a -o json")
        .ok()
        .answer("Claimed");
    // The same for the claim of another actor.
    let other = sandbox.clone_of("origin.git", "other");
    let (id, _) = origin
        .git("for-each-ref refs/planspec/work")
        .split_once(' ')
        .map(|(id, rest)| (id.to_owned(), rest.to_owned()))
        .unwrap();
    let claim = origin.git(&format!("cat-file commit {id}")) + "\n";
    assert_eq!(
        other.git_with("hash-object -t commit -w --stdin", &claim),
        id
    );
    let late = other.run("claim run/one --as agent:b -o json").exits(9);
    assert!(text(&late.refusal("taken")["message"]).contains("agent:a"));
}

// --- The editor and the hook ------------------------------------------------------------------

#[test]
fn an_editor_that_needs_a_terminal_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let edit = |environment: &[(&str, &str)]| solo.run_in(environment, "edit goal g -o json");
    for environment in [
        &[("TERM", "xterm")][..],
        &[("TERM", "xterm"), ("EDITOR", "/usr/bin/vim -n")],
        &[("TERM", "dumb")],
    ] {
        let error = edit(environment).exits(3).refusal("unavailable");
        assert!(text(&error["hint"]).contains("set GIT_EDITOR"), "{error}");
    }
    assert!(!solo.has(".git/planspec/drafts"), "nothing was written yet");
    let empty = [("VISUAL", ""), ("GIT_EDITOR", ""), ("EDITOR", "true")];
    let same = edit(&empty).ok().answer("Edited");
    assert_eq!(same["changed"], false);
}

#[test]
fn the_hook_without_a_wish_says_how_it_stands() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let none = solo.run("hooks -o json").exits(1).answer("Hook");
    assert_eq!(none["installed"], false);
    assert_eq!(none["notes"][0], "install it with `planspec hooks install`");
    solo.run("hooks install").ok();
    let there = solo.run("hooks -o json").ok().answer("Hook");
    assert_eq!(there["installed"], true);
    assert_eq!(there, solo.run("hooks status -o json").ok().answer("Hook"));
}

// --- Hints and habits -------------------------------------------------------------------------

#[test]
fn hints_can_be_followed_to_the_letter() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let error = solo
        .run("release run -o json")
        .exits(2)
        .refusal("ambiguous");
    let hint = text(&error["hint"]);
    let (_, node) = hint.split_once("for example ").unwrap();
    let not_held = format!("report {node} --succeeded --as agent:a -o json");
    let error = solo.run(&not_held).exits(1).refusal("notReady");
    let hint = text(&error["hint"]);
    let (_, command) = hint.split_once("planspec ").unwrap();
    let command = command.trim_end_matches('`');
    assert_eq!(command, "claim run/build -n default --as agent:a");
    solo.run(command).ok();
}

#[test]
fn a_decision_that_waits_in_two_namespaces_is_told_how_to_choose() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let both = ["one", "two"].map(|space| {
        let gate = "gateType: approval\ntargetRef: {kind: Plan, name: p}\n";
        file(&[
            resource_in(
                space,
                "Plan",
                "p",
                &plan_spec("", &[gate_node("ok", "sign")]),
            ),
            resource_in(space, "Gate", "sign", gate),
            resource_in(space, "Execution", "run", "planRef: {name: p}\n"),
        ])
    });
    solo.publish("planspec/all.yaml", both.join("---\n"));
    solo.run("reconcile").ok();
    let error = solo
        .run("approve sign -o json")
        .exits(2)
        .refusal("ambiguous");
    let hint = text(&error["hint"]);
    let (_, choices) = hint.split_once("choose one: ").unwrap();
    assert!(choices.contains("one/run"), "{hint}");
    for choice in choices.split(", ") {
        let choice = choice.trim_matches('`');
        solo.run(&format!("approve sign {choice}")).ok();
    }
}

#[test]
fn paths_in_commands_are_those_of_the_folder_that_they_are_told_in() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("docs/deep/README.md", "Words\n").commit("Begin");
    let below = sandbox.place("solo/docs/deep");
    let made = below.run("init --no-hook --no-ci -o json").ok();
    let made = made.answer("Initialized");
    let (add, _) = text(&made["next"][0])
        .split_once(" && ")
        .map(|(add, rest)| (add.to_owned(), rest.to_owned()))
        .unwrap();
    below.git(add.strip_prefix("git ").unwrap());
    below.git("commit -q -m Keep");
    let made = below.run("new goal web/g -o json").ok().answer("Created");
    let next = text(&made["next"][0]);
    assert_eq!(next, "planspec apply -f ../../planspec/web/goals/g.yaml");
    below.run(next.strip_prefix("planspec ").unwrap()).ok();
    solo.publish("planspec/greeting.planspec.json", GREETING);
    solo.write(
        "planspec/greeting.planspec.json",
        GREETING.replace("Release it", "Ship it"),
    );
    let inside = sandbox.place("solo/planspec/web");
    let revise = "revise ../greeting.planspec.json -m Shorter -o json";
    let revised = inside.run(revise).ok().answer("Revised");
    let next = text(&revised["next"][0]);
    assert_eq!(next, "planspec apply -f ../greeting.planspec.json");
    inside.run(next.strip_prefix("planspec ").unwrap()).ok();
}

#[test]
fn the_old_way_to_give_outputs_is_told_the_new_one() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let report = "report run/build --succeeded";
    solo.run(&format!("{report} --output a=b"))
        .exits(2)
        .notes("--set a=b");
    solo.run(&format!("{report} -o a=b"))
        .exits(2)
        .notes("--set a=b");
    solo.run(&format!("{report} --output toml"))
        .exits(2)
        .never_says("--set");
    solo.run("next --output a=b").exits(2).never_says("--set");
}

#[test]
fn format_is_still_a_word_for_output_where_it_was_one() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/greeting.planspec.json", GREETING);
    for verb in [
        "validate",
        "review HEAD~1..HEAD",
        "diff",
        "graph run",
        "show planspec/greeting.planspec.json",
    ] {
        let (old, new) = (format!("{verb} --format json"), format!("{verb} -o json"));
        let old = solo.run(&old).ok();
        assert_eq!(old.out, solo.run(&new).ok().out, "{verb}");
        old.json();
        let name = verb.split(' ').next().unwrap();
        solo.run(&format!("{name} --help"))
            .ok()
            .never_says("--format");
        // A refusal has it as well.
    }
    solo.run("graph nothing --format json")
        .exits(1)
        .refusal("notFound");
}

#[test]
fn the_pages_say_what_has_no_json() {
    for page in [
        include_str!("../../docs/json.md"),
        include_str!("../../docs/cli.md"),
    ] {
        assert!(page.contains("every verb except `completions`"));
    }
}

#[test]
fn status_that_is_shared_is_due_for_all() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let all = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    ana.write(".planspec.yaml", SHARED)
        .publish("planspec/all.yaml", all);
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("claim run/one --as agent:b").ok();
    let next = ana.run("next -o json").ok().answer("NextNodes");
    assert_eq!((&next["due"], &next["items"]), (&json!(true), &json!([])));
}

// --- A stranger's inputs ----------------------------------------------------------------------

/// A verb with an argument that is not UTF-8.
#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_wrong_use() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    for verb in [
        "get plan",
        "claim p-1/a --as",
        "report p-1/a --set",
        "graph",
    ] {
        let output = solo.planspec(verb).arg(odd).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert!(!said.contains("panicked"), "{verb}: {said}");
    }
    let variables = [
        "PLANSPEC_ACTOR",
        "PLANSPEC_NOW",
        "PLANSPEC_LOG",
        "COLUMNS",
        "EDITOR",
    ];
    for variable in variables {
        let mut command = solo.planspec("claim p-1/a");
        let output = command.env(variable, odd).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{variable}: {said}"
        );
        assert!(!said.contains("panicked"), "{variable}: {said}");
    }
}

#[test]
fn what_is_typed_with_line_breaks_stays_on_one_line() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    for (args, said) in [
        ("get plan 'a\nb'", r"`a\nb` is not a name"),
        ("claim 'run/build\nx' --as agent:a", r"no node `build\nx`"),
        (
            "claim run/build --as 'agent\nroot'",
            r"`agent\nroot` has characters",
        ),
        ("new plan 'a\nb'", r"`a\nb` is not a name"),
        ("start p --name 'a\nb'", r"a\nb"),
    ] {
        let ran = solo.run(&format!("{args} -o json"));
        assert!(matches!(ran.code, 1 | 2), "{ran}");
        let error = &ran.json()["error"];
        let message = text(&error["message"]);
        let found = text(&error["findings"].to_string().into());
        assert_eq!(
            message.lines().count(),
            usize::from(!message.is_empty()),
            "{ran}"
        );
        assert!(message.contains(said) || found.contains("\\n"), "{ran}");
    }
    let env = [("PLANSPEC_ACTOR", "agent\u{1b}[2J")];
    solo.run_in(&env, "claim run/build -o json")
        .exits(2)
        .refusal("ambiguous");
    assert!(solo.inbox().is_empty());
}

#[test]
fn an_answer_that_cannot_be_written_names_what_stands() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    if full().is_err() {
        return;
    }
    for (verb, code, stands) in [
        ("claim run/build --as agent:a", 4, "record "),
        ("start p --name again", 4, "commit "),
        ("reconcile", 4, "status commit "),
        ("get plans", 3, ""),
    ] {
        let mut command = solo.planspec(verb);
        let output = command.stdout(full().unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{verb}: {said}");
        let is_named = said.contains(&format!("the command has taken effect: {stands}"));
        assert_eq!(is_named, !stands.is_empty(), "{verb}: {said}");
    }
}

#[test]
fn a_remote_that_nothing_is_shared_through_is_named_until_that_is_wanted() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let solo = started(&sandbox);
    solo.run("reconcile")
        .ok()
        .never_says("nothing leaves this clone");
    let url = sandbox.path("origin.git");
    solo.git(&format!("remote add origin {}", url.display()));
    let said =
        "nothing leaves this clone: there is a remote `origin`, but `status.remote` is not set";
    solo.run("reconcile").ok().notes(said);
    let claimed = solo
        .run("claim run/build --as agent:a -o json")
        .ok()
        .answer("Claimed");
    assert!(text(&claimed["notes"][0]).contains(said), "{claimed}");
    let report = "report run/build --as agent:a --succeeded --reconcile";
    let told = solo.run(report).ok();
    assert_eq!(told.err.matches(said).count(), 1, "{told}");
    solo.run("comment run/sign -m later").ok().notes(said);
    solo.git("config planspec.remote ''");
    solo.run("reconcile").ok().never_says("nothing leaves");
    solo.run("cancel run").ok().never_says("nothing leaves");
}

#[test]
fn a_repository_without_commits_is_not_ready_for_any_change() {
    let sandbox = Sandbox::new();
    let empty = sandbox.repository("empty");
    for verb in ["start p", "delete plan p", "edit plan p"] {
        let ran = empty.run(&format!("{verb} -o json")).exits(1);
        assert_eq!(
            ran.refusal("notReady")["message"],
            "there are no commits yet",
            "{verb}"
        );
    }
}

#[test]
fn what_exists_already_is_a_conflict_whoever_was_first() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.run("new gate other").ok();
    for verb in ["new plan p", "new gate other", "start p --name run"] {
        let ran = solo.run(&format!("{verb} -o json")).exits(9);
        let error = ran.refusal("conflict");
        assert!(
            text(&error["message"]).contains("already exists"),
            "{error}"
        );
    }
    let hint = &solo.run("new plan p -o json").refusal("conflict")["hint"];
    assert_eq!(hint, "planspec edit plan p -n default");
}

#[test]
fn the_way_out_stands_in_the_hint() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let error = nowhere
        .run("get plans -o json")
        .exits(3)
        .refusal("unavailable");
    assert!(!text(&error["message"]).contains("git init"), "{error}");
    assert!(text(&error["hint"]).contains("`git init`"), "{error}");
    let solo = started(&sandbox);
    solo.git("config core.editor vi");
    let error = solo
        .run("edit plan p -o json")
        .exits(3)
        .refusal("unavailable");
    assert_eq!(error["message"], "there is no terminal for the editor `vi`");
    assert!(text(&error["hint"]).contains("GIT_EDITOR"), "{error}");
    // Works literally, although core.editor is set.
    solo.run_in(&[("GIT_EDITOR", "true")], "edit plan p").ok();
    let none = solo
        .run("-C nope get plans -o json")
        .exits(1)
        .refusal("notFound");
    assert_eq!(none["message"], "`nope`: there is no such folder");
}

#[test]
fn a_name_in_several_namespaces_is_chosen_by_any_of_the_hints() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let plans = ["one", "two"].map(|namespace| {
        let nodes = plan_spec("", &[task("build")]);
        resource_in(namespace, "Plan", "p", &nodes)
    });
    solo.publish("planspec/all.yaml", file(&plans));
    for verb in ["start p", "get plan p", "delete plan p --dry-run"] {
        let error = solo
            .run(&format!("{verb} -o json"))
            .exits(2)
            .refusal("ambiguous");
        assert_eq!(error["hint"], "choose one: `-n one`, `-n two`", "{verb}");
        solo.run(&format!("{verb} -n one")).ok();
    }
    solo.run("start p -n one --name p-1").ok();
    solo.run("start p -n two --name p-1").ok();
    solo.run("start p -n one --name p-1").exits(9);
    solo.run("reconcile").ok();
    let error = solo
        .run("claim p-1/build -o json")
        .exits(2)
        .refusal("ambiguous");
    assert_eq!(error["hint"], "choose one: `-n one`, `-n two`");
    solo.run("claim p-1/build -n one").ok();
}

#[test]
fn what_cannot_be_meant_is_wrong_use() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    for verb in [
        "claim /x",
        "claim a/b/c/d",
        "get plan a/b/c",
        "start p -p a=1 -p a=2",
        "get web/checkout-1",
    ] {
        solo.run(&format!("{verb} -o json"))
            .exits(2)
            .refusal("ambiguous");
    }
    let hint = solo.run("get web/checkout-1 -o json").refusal("ambiguous")["hint"].take();
    assert!(text(&hint).contains("KIND NAME"), "{hint}");
    let hint = solo.run("schema nope").exits(2).err;
    assert!(hint.contains("document, config"), "{hint}");
    let said = "there is no namespace `nope`";
    solo.run("get -n nope").ok().notes(said);
    solo.run("get plans -n nope").ok().notes(said);
    let next = solo.run("next -n nope -o json").ok().answer("NextNodes");
    assert_eq!(next["notes"], json!([said]));
}

#[test]
fn a_plan_that_is_not_committed_or_is_no_document_says_what_to_do() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.write("planspec/q.yaml", file(&[plan("q", &[task("one")])]));
    let error = solo.run("start q -o json").exits(1).refusal("notReady");
    assert_eq!(
        error["hint"],
        "commit it first: `planspec apply -f planspec/q.yaml`"
    );
    solo.run("apply -f planspec/q.yaml").ok();
    solo.run("start q").ok();
    for verb in ["show planspec/q.yaml", "revise planspec/q.yaml -m x"] {
        let error = solo.run(&format!("{verb} -o json")).exits(1);
        let error = error.json()["error"].take();
        assert_eq!(
            error["message"],
            "planspec/q.yaml holds a Plan, not a PlanSpec 1.2 document"
        );
        assert!(text(&error["hint"]).starts_with("`planspec convert --to 1.2 planspec/q.yaml`"));
    }
    solo.run("convert --to 1.2 planspec/q.yaml").ok();
}

#[test]
fn on_a_detached_head_nothing_is_committed_and_the_branch_is_named() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.git("checkout -q --detach");
    let ran = solo.run("start p --name loose -o json").exits(1);
    let refused = ran.refusal("notReady");
    let hint = text(&refused["hint"]);
    let command = hint.split('`').nth(1).unwrap();
    assert_eq!(command, "git switch main", "{hint}");
    solo.git(command.strip_prefix("git ").unwrap());
    solo.run("start p --name loose").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/loose"), "Running");
}

#[test]
fn who_watches_ends_with_the_reader_although_nothing_happens() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let mut command = solo.planspec("watch --interval 1 -o json");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("State"));
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_hook_that_is_not_there_is_named_where_this_git_would_look() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let installed = solo.run("hooks install -o json").ok().answer("Hook");
    solo.run("hooks uninstall").ok();
    let status = solo.run("hooks status -o json").exits(1).json();
    assert_eq!(status["means"], installed["means"], "{status}");
    assert_eq!(status["place"], installed["place"], "{status}");
}
