//! Several machines at once: clones of one remote, and processes that run in parallel.

use std::collections::BTreeSet;

use crate::http::GitServer;
use crate::resources::{Node, execution, file, gate_node, gate_with, plan, task};
use crate::sandbox::{Place, Ran, STATUS, Sandbox, text};

/// Starts all commands at once, and waits for all of them.
fn at_once(commands: &[(&Place<'_>, String)]) -> Vec<Ran> {
    let gun = std::sync::Barrier::new(commands.len());
    std::thread::scope(|scope| {
        let running: Vec<_> = commands
            .iter()
            .map(|(place, args)| {
                let gun = &gun;
                scope.spawn(move || {
                    gun.wait();
                    place.run(args)
                })
            })
            .collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

fn everybody_at_once(places: &[Place<'_>], args: &str) -> Vec<Ran> {
    let commands: Vec<_> = places
        .iter()
        .map(|place| (place, args.to_owned()))
        .collect();
    at_once(&commands)
}

fn codes(runs: &[Ran]) -> Vec<i32> {
    let mut codes: Vec<i32> = runs.iter().map(|run| run.code).collect();
    codes.sort_unstable();
    codes
}

fn wide(count: usize) -> Vec<Node> {
    (0..count).map(|index| task(&format!("t{index}"))).collect()
}

fn wide_run(count: usize) -> String {
    file(&[plan("p", &wide(count)), execution("run", "p")])
}

fn clones<'a>(sandbox: &'a Sandbox, url: &str, count: usize) -> Vec<Place<'a>> {
    (0..count)
        .map(|index| sandbox.clone_with("", url, &format!("clone{index}")))
        .collect()
}

/// Asserts that nothing happened twice, nothing was lost, and the status branch is linear.
fn assert_told_once(place: &Place<'_>) {
    let history = place.history();
    let distinct: BTreeSet<&String> = history.iter().collect();
    assert_eq!(distinct.len(), history.len(), "{history:#?}");
    let tip = place.status_tip();
    place.git(&format!("fetch -q origin {STATUS}"));
    let sequences = place.git(&format!(
        "log --first-parent --reverse --format=%(trailers:key=Planspec-Sequence,valueonly,separator=) {tip}"
    ));
    let expected: Vec<String> = (1..=sequences.lines().count())
        .map(|n| n.to_string())
        .collect();
    assert_eq!(sequences.lines().collect::<Vec<_>>(), expected);
}

/// Reconciles in many clones at once, round after round, while the run continues.
fn reconcile_race(sandbox: &Sandbox, ana: &Place<'_>, url: &str) {
    let places = clones(sandbox, url, 4);
    for round in 0..3 {
        if round > 0 {
            places[0]
                .run(&format!("claim run/t{round} --as agent:a"))
                .ok();
        }
        for run in everybody_at_once(&places, "reconcile") {
            run.ok();
        }
    }
    assert_told_once(ana);
    let history = ana.history();
    for node in ["t1", "t2"] {
        let claimed = format!("node default/run/{node} Pending → Running (claimed by agent:a)");
        assert!(history.contains(&claimed), "{history:#?}");
    }
    everybody_at_once(&places, "reconcile")
        .into_iter()
        .for_each(|run| drop(run.ok().says("nothing to do")));
}

/// Many workers in many clones compete for the same nodes.
fn claim_race(sandbox: &Sandbox, ana: &Place<'_>, url: &str) {
    ana.run("reconcile").ok();
    let places = clones(sandbox, url, 3);
    for node in ["t0", "t1"] {
        let commands: Vec<_> = places
            .iter()
            .zip(1..)
            .map(|(place, n)| (place, format!("claim run/{node} --as agent:{n}")))
            .collect();
        let runs = at_once(&commands);
        assert_eq!(codes(&runs), [0, 9, 9], "{runs:#?}");
        let winner = 1 + runs.iter().position(|run| run.code == 0).unwrap();
        ana.run("reconcile").ok();
        let holder = ana.node(&format!("run/{node}"))["extensions"]["claim"]["actor"].clone();
        assert_eq!(holder, format!("agent:{winner}"));
    }
}

#[test]
fn two_reconciles_at_once_on_two_clones_end_well_and_every_transition_happens_once() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(6));
    let origin = sandbox.path("origin.git");
    reconcile_race(&sandbox, &ana, origin.to_str().unwrap());
}

#[test]
fn of_two_workers_that_claim_one_node_in_two_clones_one_wins_and_the_other_exits_9() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(2));
    let origin = sandbox.path("origin.git");
    claim_race(&sandbox, &ana, origin.to_str().unwrap());
}

#[test]
fn reconciles_race_over_http_as_well() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(6));
    let server = GitServer::start(&sandbox.path(""), &ana.command("git"));
    reconcile_race(&sandbox, &ana, &server.url("origin.git"));
}

#[test]
fn claims_race_over_http_as_well() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(2));
    let server = GitServer::start(&sandbox.path(""), &ana.command("git"));
    claim_race(&sandbox, &ana, &server.url("origin.git"));
}

#[test]
fn workers_in_one_repository_without_a_remote_race_just_the_same() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", wide_run(2));
    solo.run("reconcile").ok();
    let commands: Vec<_> = (0..6)
        .map(|n| (&solo, format!("claim run/t0 --as agent:{n}")))
        .collect();
    let runs = at_once(&commands);
    assert_eq!(codes(&runs), [0, 9, 9, 9, 9, 9], "{runs:#?}");
    let reconciles: Vec<_> = (0..6).map(|_| (&solo, "reconcile".to_owned())).collect();
    for run in at_once(&reconciles) {
        run.ok();
    }
    let claims = solo
        .history()
        .iter()
        .filter(|line| line.contains("claimed by"))
        .count();
    assert_eq!(claims, 1);
}

#[test]
fn claims_reports_and_reconciles_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(4));
    ana.run("reconcile").ok();
    let origin = sandbox.path("origin.git");
    let places = clones(&sandbox, origin.to_str().unwrap(), 4);
    let everybody = |verb: &str, rest: &str| {
        let commands: Vec<_> = places
            .iter()
            .enumerate()
            .map(|(n, place)| {
                (
                    place,
                    format!("{verb} run/t{n} --as agent:{n} {rest} --reconcile"),
                )
            })
            .collect();
        for run in at_once(&commands) {
            run.ok();
        }
    };
    everybody("claim", "");
    everybody("report", "--succeeded");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
    assert_told_once(&ana);
}

#[test]
fn two_approvals_at_once_both_count() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[gate_node("ok", "sign")]),
            gate_with("sign", "p", "requiredApprovers: 2\n"),
            execution("run", "p"),
        ]),
    );
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    let runs = at_once(&[
        (&ana, "approve sign --as ana --reconcile".to_owned()),
        (&ben, "approve sign --as ben --reconcile".to_owned()),
    ]);
    runs.into_iter().for_each(|run| drop(run.ok()));
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_told_once(&ana);
}

#[test]
fn a_shallow_detached_checkout_like_in_ci_reconciles_over_http() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(1));
    ana.run("reconcile").ok();
    ana.publish("README.md", "Several commits deep\n");
    ana.run("claim run/t0 --as agent:a").ok();
    let server = GitServer::start(&sandbox.path(""), &ana.command("git"));
    let url = server.url("origin.git");
    let ci = sandbox.clone_with("--depth 1 --branch main", &url, "ci");
    ci.git("checkout -q --detach");
    ci.run("reconcile")
        .ok()
        .says("claimed by agent:a")
        .never_says("rewritten");
    ci.run("reconcile").ok().says("nothing to do");
    ana.run("report run/t0 --as agent:a --succeeded").ok();

    let later = sandbox.clone_with("--depth 1 --branch main", &url, "later");
    later.git("checkout -q --detach");
    later.run("reconcile").ok().says("Running → Succeeded");
    ana.git("fetch -q");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_told_once(&ana);
}

#[test]
fn the_credentials_that_the_checkout_stores_are_used_and_nobody_is_ever_asked() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", wide_run(1));
    let token = "Basic eDpzZWNyZXQ=";
    let server = GitServer::guarded(&sandbox.path(""), &ana.command("git"), token);
    let url = server.url("origin.git");
    let header = format!("-c 'http.extraHeader=Authorization: {token}'");
    let ci = sandbox.clone_with(&format!("--depth 1 {header}"), &url, "ci");
    ci.run("reconcile").ok().says("t0 can be claimed");
    ci.run("claim run/t0 --as agent:ci --reconcile").ok();
    ci.git("config http.extraHeader 'Authorization: Basic d3Jvbmc='");
    let refused = ci.run("reconcile").exits(3).notes("origin");
    refused.never_says("d3Jvbmc=");
    ana.git("fetch -q");
    assert_eq!(ana.node_phase("run/t0"), "Running");
}

#[test]
fn starts_of_one_plan_side_by_side_all_have_their_commit() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", file(&[plan("p", &wide(1))]));
    let commands: Vec<_> = (0..4).map(|_| (&solo, "start p".to_owned())).collect();
    for run in at_once(&commands) {
        run.ok();
    }
    assert_eq!(solo.git("status --porcelain"), "");
    let started = solo.git("ls-files planspec/default/executions");
    assert_eq!(started.lines().count(), 4, "{started}");
    assert_eq!(solo.git("rev-list --count HEAD"), "5");
}

/// Two people start a plan without knowing of each other: both runs exist after both pushes.
#[test]
fn starts_of_one_plan_in_two_clones_are_two_runs() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", file(&[plan("p", &wide(1))]));
    let ben = sandbox.clone_of("origin.git", "ben");
    for place in [&ana, &ben] {
        let started = place.run("start p -o json").ok().answer("Started");
        let name = started["execution"].as_str().unwrap();
        let (stem, random) = name.rsplit_once('-').unwrap();
        assert_eq!((stem, random.len()), ("p", 4), "{name}");
    }
    ana.push();
    ben.git("pull -q --rebase");
    ben.push();
    ben.run("reconcile").ok();
    let runs = ben.run("get executions -o name").ok().out;
    assert_eq!(runs.lines().count(), 2, "{runs}");
}

#[test]
fn applies_of_different_plans_side_by_side_all_have_their_commit() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("README.md", "Plans\n");
    let commands: Vec<_> = (0..4)
        .map(|n| {
            let path = sandbox.path(&format!("p{n}.yaml"));
            std::fs::write(&path, file(&[plan(&format!("p{n}"), &wide(1))])).unwrap();
            (&solo, format!("apply -f {}", path.display()))
        })
        .collect();
    for run in at_once(&commands) {
        run.ok();
    }
    assert_eq!(solo.git("status --porcelain"), "");
    let plans = solo.git("ls-tree -r --name-only HEAD planspec");
    assert_eq!(plans.lines().count(), 4, "{plans}");
    assert_eq!(solo.git("rev-list --count HEAD"), "5");
}

#[test]
fn an_execution_of_one_name_is_started_once() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", file(&[plan("p", &wide(1))]));
    let commands: Vec<_> = (0..3)
        .map(|_| (&solo, "start p --name run".to_owned()))
        .collect();
    assert_eq!(codes(&at_once(&commands)), [0, 9, 9]);
    assert_eq!(solo.git("status --porcelain"), "");
    assert!(solo.has("planspec/default/executions/run.yaml"));
}

#[test]
fn a_git_that_holds_the_index_is_waited_for_and_what_was_written_is_put_back() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", file(&[plan("p", &wide(1))]));
    solo.write("other.txt", "staged\n").git("add other.txt");
    let elsewhere = sandbox.folder("elsewhere");
    let wider = file(&[plan("p", &wide(2))]);
    elsewhere
        .write("p.yaml", wider)
        .write("q.yaml", file(&[plan("q", &wide(1))]));
    let apply = |name: &str| format!("apply -f ../elsewhere/{name}.yaml");
    let verbs = [
        "start p".to_owned(),
        apply("p"),
        apply("q"),
        "delete plan p".to_owned(),
    ];
    for verb in &verbs {
        solo.write(".git/index.lock", "");
        let ran = solo.run(&format!("{verb} -o json")).exits(9);
        let error = ran.refusal("conflict");
        let message = text(&error["message"]);
        assert!(
            message.contains("everything was restored"),
            "{verb}: {error}"
        );
        assert!(message.contains("index.lock"), "{verb}: {error}");
        solo.remove(".git/index.lock");
        let left = solo.git("status --porcelain");
        assert_eq!(left, "A  other.txt", "{verb}");
    }
    // A lock that is released in time goes unnoticed.
    solo.write(".git/index.lock", "");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            solo.remove(".git/index.lock");
        });
        solo.run("start p").ok();
    });
    for verb in &verbs {
        solo.run(verb).ok();
        assert_eq!(solo.git("status --porcelain"), "A  other.txt", "{verb}");
    }
}
