//! Watching: the stream of changes, waiting for a state, the description of a run, the graph.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::resources::{
    Node, binding, capability, execution, execution_with, file, gate_node, gate_with, goal, plan,
    resource, task,
};
use crate::sandbox::{Place, Sandbox};

fn chain() -> Vec<Node> {
    vec![task("one"), task("two").after("one")]
}

fn run_of_a_chain() -> String {
    file(&[plan("p", &chain()), execution("run", "p")])
}

/// A running program, and its lines.
struct Watching {
    child: Child,
    lines: Option<std::io::Lines<BufReader<ChildStdout>>>,
}

impl Watching {
    fn start(place: &Place<'_>, args: &str) -> Watching {
        let mut child = place
            .planspec(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Some(BufReader::new(child.stdout.take().unwrap()).lines());
        Watching { child, lines }
    }

    fn next(&mut self) -> String {
        self.lines.as_mut().unwrap().next().unwrap().unwrap()
    }

    fn next_json(&mut self) -> Value {
        serde_json::from_str(&self.next()).unwrap()
    }

    /// Reads up to a line with this text.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self.next();
            let found = line.contains(text);
            seen.push(line);
            if found {
                return seen;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn watch_loses_nothing_between_two_looks() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", run_of_a_chain());
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");

    let mut watching = Watching::start(&ana, "watch execution/run -o json --interval 1");
    let state = watching.next_json();
    assert_eq!(state["apiVersion"], "cli.planspec.io/v1");
    assert_eq!(
        (&state["kind"], &state["to"]),
        (&"State".into(), &"Running".into())
    );
    assert_eq!(state["sequence"], 1);

    // It is suspended during several status commits.
    watching.signal("-STOP");
    ben.works("run/one", "agent:a").works("run/two", "agent:a");
    watching.signal("-CONT");
    let changes: Vec<Value> = (0..5).map(|_| watching.next_json()).collect();
    drop(watching);
    let told: Vec<String> = changes
        .iter()
        .map(|change| {
            assert_eq!(
                (&change["kind"], &change["name"]),
                (&"Transition".into(), &"run".into())
            );
            let word = |field: &str| change[field].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {}",
                change["sequence"],
                word("node"),
                word("from"),
                word("to")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "2 one Pending Running",
            "3 one Running Succeeded",
            "4 two Pending Running",
            "5 - Running Succeeded",
            "5 two Running Succeeded",
        ]
    );
}

#[test]
fn watch_survives_a_remote_that_is_away_for_a_moment() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", run_of_a_chain());
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");

    let mut watching = Watching::start(&ana, "watch executions --interval 1");
    let state = watching.next();
    assert!(
        state.ends_with("Execution default/run  Running  one can be claimed"),
        "{state}"
    );
    let mut messages = BufReader::new(watching.child.stderr.take().unwrap()).lines();
    let (here, away) = (sandbox.path("origin.git"), sandbox.path("away.git"));
    std::fs::rename(&here, &away).unwrap();
    let note = messages.next().unwrap().unwrap();
    assert!(note.contains("trying again"), "{note}");
    std::fs::rename(&away, &here).unwrap();
    let note = messages.next().unwrap().unwrap();
    assert!(note.contains("the remote is back"), "{note}");
    ben.run("cancel run --reconcile").ok();
    let seen = watching.until("node default/run/two");
    drop(watching);
    assert!(seen[0].contains("Running → Cancelled"), "{seen:?}");
}

#[test]
fn watch_begins_before_there_is_a_status_and_ends_in_time() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", run_of_a_chain());
    solo.run("watch --once").ok();
    solo.run("watch --timeout 1s --interval 1").ok();
    let mut watching = Watching::start(&solo, "watch executions --interval 1");
    solo.run("reconcile").ok();
    solo.run("claim run/one --as a --reconcile").ok();
    let seen = watching.until("node default/run/one");
    drop(watching);
    assert!(seen[0].contains("Execution default/run"), "{seen:?}");
    // A typing error is reported at once.
    solo.run("watch exceution")
        .exits(2)
        .notes("did you mean `execution");
    solo.run("watch plan/p other")
        .exits(2)
        .notes("both `p` and `other`");
}

#[test]
fn watch_is_quiet_when_nobody_reads_any_more() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", run_of_a_chain());
    solo.run("reconcile").ok();
    let mut watching = Watching::start(&solo, "watch --interval 1");
    watching.next();
    watching.lines = None;
    solo.run("cancel run --reconcile").ok();
    assert!(watching.child.wait().unwrap().success());
    let mut said = String::new();
    let mut messages = watching.child.stderr.take().unwrap();
    messages.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn wait_ends_when_it_is_so_or_can_no_longer_be() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", run_of_a_chain());
    // A resource that is only in the files may still appear; an unknown one is an error.
    solo.run("wait execution/run --for Running --timeout 1s")
        .exits(1)
        .notes("timed out: Execution default/run");
    solo.run("wait execution/rum --for Running")
        .exits(1)
        .notes("there is no execution `rum`")
        .notes("did you mean `run`?");
    solo.run("wait execution/run --for Runing")
        .exits(2)
        .notes("did you mean `Running`?");
    solo.run("wait executions --for Running")
        .exits(2)
        .notes("names no resource");
    solo.run("wait execution/gone --for delete").ok();

    solo.run("reconcile").ok();
    solo.run("wait execution/run --for running")
        .ok()
        .says("Execution default/run: Running (one can be claimed)");
    solo.run("wait plan p --for condition=Valid")
        .ok()
        .says("Valid is True");
    solo.run("wait plan/p --for condition=Valid=False --timeout 1s")
        .exits(1);
    solo.run("wait execution/run --for node=one=Succeeded --timeout 1s")
        .exits(1)
        .notes("node `one` is Pending");
    solo.works("run/one", "a");
    solo.run("wait execution/run --for node=one=Succeeded").ok();
    solo.run("wait execution/run --for node=one=Failed")
        .exits(1)
        .notes("can no longer be reached: node `one` ended as Succeeded");
    solo.run("wait execution/run --for node=ones=Failed")
        .exits(1)
        .notes("did you mean `one`?");

    solo.run("cancel run --reconcile").ok();
    solo.run("wait execution/run --for Succeeded")
        .exits(1)
        .notes("Execution default/run: Succeeded can no longer be reached: it ended as Cancelled");
    solo.run("wait plan/p --for delete --timeout 1s").exits(1);
    solo.remove("planspec/all.yaml").commit("Remove all");
    solo.run("reconcile").ok();
    solo.run("wait execution/run --for delete").ok();
}

#[test]
fn wait_does_not_believe_a_status_that_is_older_than_the_spec() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/plan.yaml", plan("p", &[task("one")]))
        .push();
    ana.run("reconcile").ok();
    let gate = plan("p", &[gate_node("one", "nobody")]);
    // Unrelated changes are no reason to wait, whether or not a reconcile has seen them.
    ana.publish("readme", "r")
        .publish("planspec/goal.yaml", goal("g"));
    ana.push();
    ana.run("wait plan/p --for Ready --timeout 1s").ok();
    ana.publish("planspec/plan.yaml", gate).push();
    for what in ["Ready", "condition=Valid"] {
        ana.run(&format!("wait plan/p --for {what} --timeout 1s"))
            .exits(1)
            .notes("timed out: Plan default/p: its status is older than");
        ana.run(&format!("wait plan/p --for {what} --observed=false"))
            .ok();
    }
    let ben = sandbox.clone_of("origin.git", "ben");
    let mut waiting = Watching::start(&ben, "wait plan/p --for Invalid --interval 1");
    ana.run("reconcile").ok();
    assert!(waiting.next().starts_with("Plan default/p: Invalid"));
    assert!(waiting.child.wait().unwrap().success());
    // The end of a run of another spec is not believed either.
    ana.publish("planspec/plan.yaml", plan("p", &[task("one")]))
        .publish("planspec/run.yaml", execution("run", "p"))
        .push();
    ana.run("reconcile").ok();
    ana.works("run/one", "a");
    ana.run("wait execution/run --for Failed --timeout 1s")
        .exits(1)
        .notes("it ended as Succeeded");
    let again = execution_with("run", "p", "parameters: {a: 1}\n");
    ana.publish("planspec/run.yaml", again).push();
    for what in ["Succeeded", "Failed"] {
        ana.run(&format!("wait execution/run --for {what} --timeout 1s"))
            .exits(1)
            .notes("its status is older than");
    }
}

#[test]
fn wait_follows_the_remote_and_reads_only_refs_while_nothing_moves() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", run_of_a_chain());
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    let mut waiting = Watching::start(&ben, "wait execution/run --for Succeeded --interval 1");
    ana.works("run/one", "a").works("run/two", "a");
    let line = waiting.next();
    assert!(
        line.starts_with("Execution default/run: Succeeded"),
        "{line}"
    );
    assert!(waiting.child.wait().unwrap().success());
    let mut waiting = Watching::start(
        &ben,
        "wait plan/p --for condition=Valid=False --timeout 4s --interval 1",
    );
    let log = sandbox.path("log");
    let trace = log.to_str().unwrap().to_owned();
    ben.run_in(
        &[("GIT_TRACE2_EVENT", &trace)],
        "wait plan/p --for condition=Valid=False --timeout 4s --interval 1",
    )
    .exits(1);
    assert!(!waiting.child.wait().unwrap().success());
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let started = |verb: &str| {
        let name = format!("\"name\":\"{verb}\"");
        log.lines()
            .filter(|line| line.contains("cmd_name") && line.contains(&name))
            .count()
    };
    assert!(started("ls-remote") >= 4, "{log}");
    assert!(started("fetch") <= 1, "{log}");
}

/// A run with a gate, a soft edge, reviewers and providers.
fn release() -> String {
    let nodes = [
        task("build").needs("coding"),
        task("docs"),
        gate_node("approval", "sign")
            .after("build")
            .once_over("docs"),
        task("publish").needs("coding").after("approval"),
    ];
    file(&[
        capability("coding"),
        binding("team", &[("coding", "agent://coder")]),
        plan("release", &nodes),
        gate_with(
            "sign",
            "release",
            "reviewers: [ana@example.com, ben@example.com]\nrequiredApprovers: 2\n",
        ),
        execution_with("run", "release", "bindingRef: {name: team}\n"),
    ])
}

/// The commands that `describe` proposes.
fn proposed(place: &Place<'_>) -> Vec<String> {
    let page = place.run("describe execution/run").ok().out;
    let (_, next) = page.split_once("\nNext:\n").unwrap_or_default();
    next.lines()
        .map(|line| line.trim().strip_prefix("planspec ").unwrap().to_owned())
        .collect()
}

#[test]
fn the_commands_that_describe_proposes_lead_to_the_end() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/release.yaml", release());
    solo.run("reconcile").ok();
    let page = solo.run("describe execution run").ok();
    assert!(page.out.contains("├─ [ ] docs"), "{page}");
    let mut done = Vec::new();
    loop {
        let mut commands = proposed(&solo);
        let Some(command) = commands.pop() else { break };
        solo.run(&command).ok();
        done.push(command);
        assert!(done.len() < 100, "{done:?}");
    }
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    for expected in [
        "claim run/build -n default --as agent:coder",
        "report run/docs -n default --as ana@example.com --succeeded",
        "approve run/approval -n default --as ana@example.com",
        "approve run/approval -n default --as ben@example.com",
        "reconcile",
    ] {
        assert!(
            done.iter().any(|command| command == expected),
            "{expected}: {done:?}"
        );
    }
    solo.run("describe execution run").ok().never_says("Next:");
}

#[test]
fn describe_says_who_holds_what_and_what_blocks() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    ana.run("reconcile").ok();
    ana.run("claim run/build --as agent:a --lease 30m --reconcile")
        .ok();
    sandbox.minutes_pass(5);
    ana.run("describe execution run")
        .ok()
        .says("5m so far   agent:a, lease until 2026-01-31T12:30:00Z")
        .says("after build, docs")
        .says("Done:         0/4 nodes")
        .says("planspec report run/build -n default --as agent:a --succeeded");
    ana.run("report run/build --as agent:a --failed -m 'no compiler' --reconcile")
        .ok();
    ana.run("describe execution run")
        .ok()
        .says("no compiler")
        .says("planspec retry run/build -n default");
    ana.run("cancel run --reconcile").ok();
    ana.run("graph run").ok().never_says("Cancelled, Cancelled");
    // No node has succeeded.
    ana.run("get execution run").ok().says("0/4");
}

#[test]
fn what_waits_for_a_check_or_for_what_is_outside_is_told() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let checked = "acceptanceCriteria: [{type: command_succeeds, name: unit, command: 'true'}]\n";
    let outside =
        "- id: dns\n  kind: External\n  externalRef: {type: uri, uri: 'https://x.example/ok'}\n";
    let nodes = plan("p", &[task("one").with(checked)]);
    let nodes = format!(
        "{nodes}{}",
        outside
            .replace("- id", "      - id")
            .replace("\n  ", "\n        ")
    );
    solo.publish("planspec/all.yaml", file(&[nodes, execution("run", "p")]));
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --reconcile").ok();
    let told = solo
        .run("report run/one --as agent:a --succeeded --reconcile")
        .ok()
        .says("a check of what agent:a reported")
        .says("planspec verify run/one -n default")
        .says("https://x.example/ok");
    assert_eq!(told.code, 0);
    solo.run("describe execution run")
        .ok()
        .says("planspec verify run/one -n default")
        .says("planspec report run/dns -n default --succeeded")
        .says("[ ] unit   required");
    let board = solo.git("show planspec/status:README.md");
    assert!(
        board.contains("a check of what `agent:a` reported"),
        "{board}"
    );
    let waiting = solo.run("reconcile -o json").ok().json()["waiting"].clone();
    assert_eq!(waiting[0]["for"], "External");
    assert_eq!(waiting[1]["for"], "Verification");
    assert_eq!(waiting[1]["details"]["reportedBy"], "agent:a");
    solo.run("next").ok().notes("run/one waits to be verified");
}

#[test]
fn a_picture_of_a_run() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/release.yaml", release());
    solo.run("reconcile").ok();
    let svg = solo.run("graph run --format svg").ok();
    assert!(
        svg.out.starts_with("<svg ") && svg.out.ends_with("</svg>\n"),
        "{svg}"
    );
    solo.run("graph execution/run -o svg --out run.svg").ok();
    assert_eq!(solo.read("run.svg"), svg.out);
    assert!(svg.out.contains("Execution default/run: Running"));
    assert!(svg.out.contains("○ Pending, ready"));
    assert!(svg.out.contains("waits until it is over (soft)"));
    // The same run gives the same bytes.
    assert_eq!(solo.run("graph run --format svg").ok().out, svg.out);
    solo.run("graph run -o svg --out no/such/folder.svg")
        .exits(3);
    // -o is the format, as everywhere.
    assert_eq!(solo.run("graph run -o svg").ok().out, svg.out);
    solo.run("graph run -o run.dot").exits(2);
    assert!(!solo.has("svg") && !solo.has("run.dot"));
}

#[test]
fn nothing_is_cut_in_a_pipe() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/release.yaml", release());
    solo.run("reconcile").ok();
    for command in [
        "graph run",
        "graph release",
        "describe execution run",
        "get",
        "reconcile",
    ] {
        let wide = solo.run(command).ok();
        let narrow = solo.run_in(&[("COLUMNS", "30")], command).ok();
        assert_eq!(wide.out, narrow.out, "{command}");
        assert!(!wide.out.contains('…'), "{wide}");
    }
}

#[test]
fn kind_and_name_are_one_word_or_two_everywhere() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", run_of_a_chain());
    solo.run("reconcile").ok();
    for (one, two) in [
        ("get plan/p", "get plan p"),
        ("get plan/default/p -o name", "get plan default/p -o name"),
        ("describe exec/run", "describe exec run"),
        ("watch plan/p --once", "watch plan p --once"),
        ("wait plan/p --for Ready", "wait plan p --for Ready"),
        ("new plan/q --print", "new plan q --print"),
        ("delete exec/run --dry-run", "delete exec run --dry-run"),
    ] {
        assert_eq!(solo.run(one).ok().out, solo.run(two).ok().out, "{one}");
    }
    solo.run("get plan/p q").exits(2).notes("both `p` and `q`");
    solo.run("get nothing/p")
        .exits(2)
        .notes("there is no kind `nothing`");
    solo.run("delete plan").exits(2).notes("names no resource");
}

#[test]
fn capabilities_that_should_not_be_used_are_told_where_they_matter() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let old = capability("old").replace(
        "  namespace: default\n",
        "  namespace: default\n  annotations: {planspec.io/deprecated: too broad, \
         planspec.io/replacement: new}\n",
    );
    let needy = resource(
        "Capability",
        "needy",
        "description: Something\nrequirements: [{name: paper}]\n",
    );
    solo.publish(
        "planspec/all.yaml",
        file(&[
            old,
            needy,
            binding("team", &[("old", "agent://a"), ("needy", "agent://a")]),
            plan("p", &[task("one").needs("old"), task("two").needs("needy")]),
        ]),
    );
    let deprecated = "capability `old` is deprecated: too broad; use `new` instead (needed by one)";
    let lost = "capability `needy` is not available: it requires `default/paper`, which is not \
                available (needed by two)";
    solo.run("start p --name run")
        .ok()
        .notes(deprecated)
        .notes(lost);
    solo.run("describe plan p").ok().says(deprecated).says(lost);
    solo.run("reconcile").ok();
    solo.run("describe execution run")
        .ok()
        .says(deprecated)
        .says(lost);
}

#[test]
fn a_claim_that_is_given_back_opens_the_next_attempt() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", run_of_a_chain());
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.run("release run/one --as agent:a").ok();
    solo.run("reconcile")
        .ok()
        .says("attempt 2 opened")
        .never_says("Pending → Pending");
    assert!(
        solo.git("log -1 --format=%B planspec/status")
            .contains("attempt 2 opened")
    );
}
