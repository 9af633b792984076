//! What is proposed works when it is done to the letter, by whoever is told.

use crate::resources::{Node, binding, capability, execution, execution_with, file, plan, task};
use crate::sandbox::{Place, SHARED, Sandbox, text};

/// A run of some tasks, reconciled once, shared through a remote.
fn started<'a>(sandbox: &'a Sandbox, nodes: &[Node]) -> Place<'a> {
    let ana = sandbox.team("ana");
    let all = file(&[plan("p", nodes), execution("run", "p")]);
    ana.publish("planspec/all.yaml", all);
    ana.run("reconcile").ok();
    ana
}

/// What `describe` proposes for a run, as the last fetch knows it.
fn proposed(place: &Place<'_>, run: &str) -> Vec<String> {
    place.git("fetch -q");
    let of_run = place.run(&format!("describe execution {run} -o json")).ok();
    let next = of_run.answer("Description")["run"]["next"].clone();
    let next: Vec<String> = next.as_array().unwrap().iter().map(text).collect();
    let told = place.run(&format!("describe execution {run}")).ok();
    for command in &next {
        assert!(told.out.contains(&format!("  {command}\n")), "{told}");
    }
    next
}

/// Run a command as it was proposed.
fn follow(place: &Place<'_>, command: &str) {
    let command = command.strip_prefix("planspec ").unwrap();
    place.run(&format!("{command} --reconcile")).ok();
}

#[test]
fn who_reports_what_another_session_holds_is_told_the_claim() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, &[task("one"), task("two")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana.run("claim run/two --as agent:a --session s-2 --reconcile")
        .ok();
    let claim = |node: &str| {
        let claim = ana.node(&format!("run/{node}"))["extensions"]["claim"].clone();
        text(&claim["record"])
    };
    let (one, two) = (claim("one"), claim("two"));
    let report = |node: &str, claim: &str| {
        format!("planspec report run/{node} -n default --as agent:a{claim} --succeeded")
    };
    // Where one is held and nothing is known of the session of the other.
    let expected = [report("one", ""), report("two", &format!(" --claim {two}"))];
    assert_eq!(proposed(&ana, "run"), expected);
    // In a clone where nobody has worked, and in the session that the environment names.
    let expected = [one, two].map(|claim| format!(" --claim {claim}"));
    let expected = [report("one", &expected[0]), report("two", &expected[1])];
    assert_eq!(proposed(&ben, "run"), expected);
    ana.run_in(&[("PLANSPEC_SESSION", "s-2")], "describe execution run")
        .ok()
        .says(&format!("  {}\n", report("two", "")));
    for command in expected {
        follow(&ben, &command);
    }
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    assert_eq!(ben.unapplied("run"), Vec::<String>::new());
}

#[test]
fn who_is_bound_is_named_where_a_claim_is_proposed() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let config = format!("{SHARED}workers: strict\n");
    ana.write(".planspec.yaml", config);
    let nodes = [
        task("code").needs("code"),
        task("free"),
        task("sign").needs("sign"),
        task("watch").needs("watch"),
    ];
    let rules = [
        ("code", "agent://coder"),
        ("sign", "human://ben@example.com"),
        ("watch", "service://watch dog"),
    ];
    ana.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &nodes),
            capability("code"),
            capability("sign"),
            capability("watch"),
            binding("b", &rules),
            execution_with("run", "p", "bindingRef: {name: b}\n"),
        ]),
    );
    let claims = [
        "planspec claim run/code -n default --as agent:coder",
        "planspec claim run/free -n default",
        "planspec claim run/sign -n default --as ben@example.com",
        "planspec claim run/watch -n default --as 'service:watch dog'",
    ];
    let told = ana.run("reconcile").ok();
    for claim in claims {
        assert!(told.out.contains(&format!("  {claim}\n")), "{told}");
    }
    assert_eq!(proposed(&ana, "run"), claims);
    // Somebody else is refused, and told how to be who is bound.
    ana.run("claim run/code --as agent:other")
        .exits(1)
        .notes("--as");
    ana.run("report run/code --as agent:coder --succeeded")
        .exits(1)
        .notes(&format!("claim it first: `{}`", claims[0]));
    for claim in claims {
        follow(&ana, claim);
    }
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

#[test]
fn of_a_run_that_failed_a_retry_is_proposed_and_of_one_that_is_done_a_new_one() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, &[task("one"), task("two").after("one")]);
    ana.run("claim run/one --reconcile").ok();
    ana.run("report run/one --failed --reconcile").ok();
    let way = "`planspec retry run -n default`";
    for verb in [
        "claim run/two",
        "claim run/one",
        "release run/one",
        "approve run/two",
    ] {
        ana.run(verb).exits(1).never_says("planspec start");
    }
    ana.run("claim run/two")
        .exits(1)
        .notes("default/run is Failed already")
        .notes(way);
    follow(&ana, way.trim_matches('`'));
    ana.works("run/one", "agent:a").works("run/two", "agent:a");
    ana.run("claim run/two")
        .exits(1)
        .notes("planspec start p -n default");
}
