//! Tests of what `reconcile` maintains besides phases: derived metadata, conditions, findings, evidence.

use serde_json::json;

use crate::core::base::digest::sha256_hex;
use crate::core::resource::Kind;
use crate::core::run::board::board;
use crate::core::run::record::ReportResult;
use crate::core::run::status::DECISIONS;
use crate::core::testing::{World, execution, gate, plan, resource, task, with_metadata};

const PATH: &str = "planspec/g.yaml";

fn goal(fields: &str) -> String {
    resource("Goal", "g", &format!("description: d{fields}"))
}

fn world() -> World {
    let mut world = World::empty();
    world.write(PATH, &goal(""));
    world.reconcile();
    world
}

fn sequence(world: &World) -> u64 {
    world
        .tree
        .as_ref()
        .map_or(0, |tree| tree.controller.sequence)
}

/// The bytes of a run with a bit of everything, for the present version of the decisions. `planspec audit` compares old
/// status commits with them, byte for byte.
#[test]
fn the_same_inputs_lead_to_the_same_bytes_as_long_as_decisions_have_a_number() {
    let nodes = [
        task("a", "retries: 1"),
        task(
            "b",
            "acceptanceCriteria: [{type: artifact_exists, name: c, path: x}]",
        ),
        "{id: g, kind: Gate, gateRef: {name: gate}}".to_owned(),
    ];
    let mut world = World::of(&[
        goal(""),
        plan("p", &nodes.join(", ")),
        gate("gate", "p", ""),
        execution("run", "p", ""),
    ]);
    world.claim("a", "agent:a");
    world.fail("a", "agent:a");
    world.reconcile();
    world.wait("1h");
    world.reconcile();
    world.claim_for("a", 2, "agent:a", None);
    world.report("a", 2, "agent:a", ReportResult::Succeeded, json!({}));
    world.claim("b", "ana@example.com");
    world.succeed("b", "ana@example.com");
    world.reconcile();
    world.verify("b", "ben@example.com", &[("c", true)]);
    world.approve("g", "ben@example.com");
    world.reconcile();
    let tree = world.tree.as_ref().expect("a status");
    assert_eq!(world.phase(), "Succeeded Succeeded", "{}", world.nodes());
    let files = tree.to_files().expect("values that YAML holds");
    let text: String = files
        .into_iter()
        .flat_map(|(path, text)| [path, text])
        .collect();
    let digest = sha256_hex((text + &board(tree)).as_bytes());
    assert_eq!(
        (DECISIONS, digest.as_str()),
        (
            6,
            "a25e50aaa98e141897c31367dfe1d715e9275665e0a63a38dd9cfaa29943e258"
        ),
        "the same inputs lead to another status: once a release has decided otherwise, raise DECISIONS; and write the new digest here"
    );
}

#[test]
fn nothing_is_written_where_there_is_nothing() {
    let mut world = World::empty();
    assert!(!world.reconcile());
    world.write("planspec/notes.yaml", "# nothing\n");
    assert!(!world.reconcile());
    assert!(world.tree.is_none());
}

#[test]
fn what_is_seen_first_gets_a_uid_a_generation_and_a_time() {
    let world = world();
    let file = world.file(Kind::Goal, "g");
    assert_eq!(
        (file.generation, file.created, file.deleted),
        (1, world.now, None)
    );
    assert_eq!(file.source.path, PATH);
    assert_eq!(file.status.conditions().len(), 4);
    assert_eq!(sequence(&world), 1);
    assert!(uuid::Uuid::parse_str(&file.uid).is_ok());
}

#[test]
fn no_two_resources_share_a_uid() {
    let documents = [
        goal(""),
        resource("Goal", "h", "description: d"),
        resource("Capability", "g", "description: d"),
        with_metadata("Goal", "name: g, namespace: other", "description: d"),
    ];
    let one = World::of(&documents);
    let mut later = World::empty();
    later.wait("1s");
    later.write("planspec/all.yaml", &documents.concat());
    later.reconcile();
    let uids = |world: &World| -> Vec<String> {
        let files = world.tree.as_ref().expect("a status").files.values();
        files.map(|file| file.uid.clone()).collect()
    };
    let mut all = [uids(&one), uids(&later)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8, "another repository has other uids");
}

#[test]
fn an_unrelated_commit_writes_nothing() {
    let mut world = world();
    let observed = |world: &World| {
        let tree = world.tree.as_ref().expect("a status");
        tree.controller.observed_commit.clone()
    };
    let before = observed(&world);
    world.wait("1h");
    world.commit();
    assert!(!world.reconcile());
    assert_eq!(
        observed(&world),
        before,
        "it moves only together with something else"
    );
    world.write(PATH, &goal(", priority: 1"));
    assert!(world.reconcile());
    assert_ne!(observed(&world), before);
    assert_eq!(sequence(&world), 2);
}

#[test]
fn the_generation_counts_the_changes_of_the_spec() {
    let mut world = world();
    let uid = world.file(Kind::Goal, "g").uid.clone();
    let labelled = with_metadata(
        "Goal",
        "name: g, namespace: team, labels: {a: b}",
        "priority: 1, description: d",
    );
    let steps = [
        ("other formatting", format!("# note\n{}", goal("")), 1),
        ("a changed spec", goal(", priority: 1"), 2),
        ("other order, and a label", labelled, 2),
        ("a broken file", "kind: [".to_owned(), 2),
        ("a broken spec", goal(", surprise: 1"), 2),
        ("put right, as it was", goal(", priority: 1"), 2),
        ("back to the first", goal(""), 3),
    ];
    for (what, text, generation) in steps {
        world.wait("1m");
        world.write(PATH, &text);
        world.reconcile();
        let file = world.file(Kind::Goal, "g");
        assert_eq!(file.generation, generation, "{what}");
        assert_eq!(file.uid, uid, "{what}");
        assert_eq!(world.since_start(file.created), 0, "{what}");
    }
    assert_eq!(world.goal("g").observed_generation, 3);
}

#[test]
fn a_spec_that_is_broken_at_first_sight_is_the_first_generation_all_the_same() {
    let mut world = World::empty();
    world.write(PATH, &goal(", surprise: 1"));
    world.reconcile();
    assert_eq!(
        world.says(Kind::Goal, "g", "Valid"),
        "False ValidationFailed"
    );
    assert_eq!(world.file(Kind::Goal, "g").source.digest, "");
    assert_eq!(world.goal("g").observed_generation, 0);
    world.write(PATH, &goal(""));
    world.reconcile();
    assert_eq!(world.file(Kind::Goal, "g").generation, 1);
    assert_eq!(world.goal("g").observed_generation, 1);
}

#[test]
fn a_file_that_moves_keeps_its_uid_and_one_that_comes_back_gets_another() {
    let mut world = world();
    let uid = world.file(Kind::Goal, "g").uid.clone();
    world.remove(PATH);
    world.write("planspec/sub/g.yaml", &goal(""));
    world.reconcile();
    let file = world.file(Kind::Goal, "g");
    assert_eq!(
        (&file.uid, file.source.path.as_str()),
        (&uid, "planspec/sub/g.yaml")
    );
    world.remove("planspec/sub/g.yaml");
    world.reconcile();
    assert!(world.find(Kind::Goal, "g").is_none());
    assert_eq!(world.moved(), ["g Pending → -"]);
    world.wait("1m");
    world.write(PATH, &goal(""));
    world.reconcile();
    let file = world.file(Kind::Goal, "g");
    assert_ne!(file.uid, uid);
    assert_eq!(file.created, world.now);
}

fn phase(world: &World) -> String {
    world.run().phase.to_string()
}

#[test]
fn an_ended_run_whose_spec_is_another_is_another_run() {
    let run = |fields: &str| execution("run", "p", fields);
    let mut world = World::of(&[plan("p", &task("a", ""))]);
    world.write("planspec/run.yaml", &run(""));
    world.reconcile();
    let first = world.file(Kind::Execution, "run").uid.clone();
    let fast = "parameters: {fast: true}";
    // While the run is open the change is ignored, and stays so, even if it is reverted after the end.
    world.write("planspec/run.yaml", &run(fast));
    world.reconcile();
    world.complete("a");
    for (what, text) in [
        ("as it was passed over", run(fast)),
        ("as it ran", run("")),
        ("in other words", format!("# words\n{}", run(""))),
        ("nobody can tell", "kind: [".to_owned()),
    ] {
        world.write("planspec/run.yaml", &text);
        world.reconcile();
        assert_eq!(phase(&world), "Succeeded", "{what}");
        assert_eq!(world.file(Kind::Execution, "run").uid, first, "{what}");
    }
    // Removed and added again between two reconciles: this is a new run.
    world.write("planspec/run.yaml", &run("parameters: {fast: false}"));
    world.reconcile();
    let file = world.file(Kind::Execution, "run");
    assert_ne!(file.uid, first);
    assert_eq!((file.generation, file.created), (1, world.now));
    assert_eq!(phase(&world), "Running");
    assert_eq!(world.stands("a"), "Pending Ready");
    world.complete("a");
    assert_eq!(phase(&world), "Succeeded");
    // Nothing is left to examine again and again.
    assert!(!world.reconcile());
}

#[test]
fn a_failed_run_whose_spec_is_another_is_not_opened_again() {
    let mut world = World::of(&[plan("p", &task("a", ""))]);
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.claim("a", "agent:a");
    world.fail("a", "agent:a");
    world.reconcile();
    assert_eq!(phase(&world), "Failed");
    world.retry("ops", None, false);
    let other = execution("run", "p", "parameters: {fast: true}");
    world.write("planspec/run.yaml", &other);
    world.reconcile();
    assert_eq!(phase(&world), "Running");
    assert_eq!(world.node("a").attempt, 1, "a run of its own");
    assert!(world.run().extensions.retried_by.is_empty());
    let notes = &world.last.as_ref().expect("a reconcile").notes;
    assert!(
        notes.iter().any(|note| note.contains("not there")),
        "{notes:?}"
    );
}

#[test]
fn a_condition_remembers_when_it_turned_not_when_it_was_looked_at() {
    let mut world = world();
    let since = |world: &World| {
        let condition = world.condition(Kind::Goal, "g", "Valid").expect("judged");
        (
            condition.status,
            world.since_start(condition.last_transition_time),
        )
    };
    let first = since(&world);
    world.wait("1m");
    world.write(PATH, &goal(", priority: 7"));
    world.reconcile();
    assert_eq!(since(&world), first);
    let condition = world.condition(Kind::Goal, "g", "Valid");
    assert_eq!(
        condition.map(|condition| condition.observed_generation),
        Some(2)
    );
    world.wait("1m");
    world.write(PATH, &goal(", surprise: 1"));
    world.reconcile();
    assert_eq!(since(&world).1, 120);
    world.wait("1m");
    world.write(PATH, &goal(", another: 1"));
    world.reconcile();
    assert_eq!(
        since(&world).1,
        120,
        "broken in another way is still broken"
    );
    world.wait("1m");
    world.write(PATH, &goal(""));
    world.reconcile();
    assert_eq!(since(&world), (first.0, 240));
}

#[test]
fn findings_that_belong_to_no_resource_are_kept_with_their_place() {
    let mut world = world();
    world.write("planspec/a.yaml", "kind: Gaol\nmetadata: {}\n");
    world.write("planspec/b.yaml", "a: [\n");
    world.reconcile();
    let findings = |world: &World| {
        let tree = world.tree.as_ref().expect("a status");
        tree.controller.findings.clone()
    };
    let found = findings(&world);
    let starts = [
        "planspec/a.yaml:1:1: PS101 ",
        "planspec/a.yaml:1:7: PS108 ",
        "planspec/b.yaml:",
    ];
    assert_eq!(found.len(), 3, "{found:?}");
    for (finding, start) in found.iter().zip(starts) {
        assert!(finding.starts_with(start), "{finding}");
    }
    for number in 0..60 {
        world.write(&format!("planspec/c{number}.yaml"), "kind: [");
    }
    world.reconcile();
    assert_eq!(findings(&world).len(), 50);
    for number in 0..60 {
        world.remove(&format!("planspec/c{number}.yaml"));
    }
    world.remove("planspec/a.yaml");
    world.remove("planspec/b.yaml");
    world.reconcile();
    assert_eq!(findings(&world), [] as [&str; 0]);
}

#[test]
fn the_next_deadline_is_the_earliest_of_all() {
    let mut world = World::of(&[
        resource("Goal", "g", "description: d, timeout: 2h"),
        plan(
            "p",
            &format!("{}, {}", task("a", ""), task("b", "timeout: 10m")),
        ),
        execution("run", "p", "goalRef: {name: g}"),
        execution("other", "p", ""),
    ]);
    let next = |world: &World| {
        let deadline = world
            .tree
            .as_ref()
            .and_then(|tree| tree.controller.next_deadline);
        deadline.map(|deadline| world.since_start(deadline))
    };
    assert_eq!(next(&world), Some(2 * 3600));
    world.claim("a", "x");
    world.reconcile();
    assert_eq!(next(&world), Some(30 * 60));
    world.wait("5m");
    world.about("other").claim("b", "x");
    world.reconcile();
    assert_eq!(next(&world), Some(15 * 60));
    world.about("run").cancel("x");
    world.reconcile();
    world.about("other").cancel("x");
    world.reconcile();
    assert_eq!(next(&world), None);
}

#[test]
fn a_moment_has_come_only_when_it_moves_something() {
    let gates = crate::core::testing::gate("g", "p", "");
    let nodes = [
        task("lease", ""),
        task("slow", "timeout: 10m"),
        task("again", "retries: 1"),
        "{id: ok, kind: Gate, gateRef: {name: g}, timeout: 2h}".to_owned(),
        "{id: ext, kind: External, timeout: 3h, externalRef: {type: uri, uri: 'https://x.example'}}"
            .to_owned(),
    ];
    let mut world = World::of(&[
        resource("Goal", "goal", "description: d, timeout: 4h"),
        plan("p", &nodes.join(", ")),
        gates,
        execution("run", "p", "goalRef: {name: goal}"),
    ]);
    let fired = |world: &World| {
        let fired = world.last.as_ref().and_then(|last| last.fired);
        fired.map(|fired| world.since_start(fired))
    };
    assert_eq!(fired(&world), None);
    for node in ["lease", "slow", "again"] {
        world.claim(node, "x");
    }
    world.reconcile();
    world.fail("again", "x");
    world.reconcile();
    assert_eq!(fired(&world), None);
    // The next attempt is offered; then the timeout of an attempt, a lease, and the timeouts
    // of the gate, of the external and of the goal.
    let mut seen = Vec::new();
    for _ in 0..25 {
        world.wait("10m");
        world.reconcile();
        seen.extend(fired(&world));
    }
    let retry = seen.remove(0);
    assert!((10..=15).contains(&retry), "{retry}");
    assert_eq!(seen, [1800, 7200, 10800, 14400]);

    // Records come first: what was decided and reported in time has no deadline any more.
    let mut world = World::of(&[
        plan(
            "p",
            "{id: a, kind: Task, timeout: 1h}, {id: ok, kind: Gate, gateRef: {name: g}, timeout: 2h}",
        ),
        crate::core::testing::gate("g", "p", ""),
        execution("run", "p", ""),
    ]);
    world.claim("a", "x");
    world.reconcile();
    world.succeed("a", "x");
    world.approve("ok", "user:ana");
    world.wait("100h");
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
    assert_eq!(fired(&world), None);
}

#[test]
fn only_what_was_folded_in_is_evidence() {
    let mut world = World::of(&[plan("p", &task("a", "")), execution("run", "p", "")]);
    world.claim("a", "x");
    world.reconcile();
    let claim = world.node("a").extensions.claim.expect("a claim").record;
    let evidence = |world: &World| world.last.as_ref().expect("a reconcile").evidence.clone();
    assert_eq!(evidence(&world), [claim]);
    world.reconcile();
    assert_eq!(evidence(&world), [] as [&str; 0]);
    // Records that cannot be judged now are read again later.
    world.lost = world.tree.as_ref().expect("a status").pinned.clone();
    let changed = plan("p", &task("z", "")) + &execution("run", "p", "");
    world.write("planspec/all.yaml", &changed);
    world.succeed("a", "x");
    world.reconcile();
    assert_eq!(evidence(&world), [] as [&str; 0]);
    world.lost.clear();
    world.reconcile();
    assert_eq!(evidence(&world).len(), 1);
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn a_deep_output_does_not_make_the_status_unreadable() {
    let mut world = World::of(&[plan("p", &task("a", "")), execution("run", "p", "")]);
    // As deep as a record may be: every reconcile of the test reads its own status back.
    let mut value = json!(1);
    for _ in 0..60 {
        value = json!([value]);
    }
    world.claim("a", "x");
    world.report("a", 1, "x", ReportResult::Succeeded, json!({"deep": value}));
    world.reconcile();
    assert_eq!(world.node("a").outputs["deep"], value);
}

#[test]
fn many_executions_of_one_plan_do_not_disturb_each_other() {
    let mut documents = vec![plan("p", &task("a", ""))];
    documents.extend((0..20).map(|number| execution(&format!("run{number}"), "p", "")));
    let mut world = World::of(&documents);
    world.about("run7").claim("a", "x");
    world.succeed("a", "x");
    world.about("run9").cancel("x");
    world.reconcile();
    for number in 0..20 {
        let expected = match number {
            7 => "Succeeded Succeeded",
            9 => "Cancelled Cancelled",
            _ => "Running WaitingForWorkers",
        };
        assert_eq!(world.about(&format!("run{number}")).phase(), expected);
    }
}

#[test]
fn a_goal_that_has_gone_takes_the_runs_that_it_owns() {
    let owned = |name: &str, owner: &str| {
        let owner = format!("{{apiVersion: planspec.io/v1alpha1, kind: Goal, name: g{owner}}}");
        let metadata = format!("name: {name}, namespace: team, ownerReferences: [{owner}]");
        with_metadata("Execution", &metadata, "planRef: {name: p}")
    };
    let mut world = World::of(&[
        plan("p", &task("a", "")),
        execution("free", "p", ""),
        owned("mine", ""),
        owned("former", ", uid: 0b0f6f0e-6b1c-5a39-9a53-0c5a4f6f2f0b"),
    ]);
    world.reconcile();
    assert_eq!(
        world.file(Kind::Execution, "mine").status.phase(),
        "Running",
        "no goal was there yet"
    );
    world.write(PATH, &resource("Goal", "g", "description: d"));
    world.reconcile();
    world.remove(PATH);
    world.reconcile();
    let phase = |world: &World, name: &str| world.file(Kind::Execution, name).status.phase();
    assert_eq!(phase(&world, "mine"), "Cancelled");
    assert_eq!(phase(&world, "free"), "Running");
    assert_eq!(phase(&world, "former"), "Running");
    world.reconcile();
    assert_eq!(phase(&world, "free"), "Running");
}
