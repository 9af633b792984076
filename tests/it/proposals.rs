//! Every proposed command works literally, for the actor that it is proposed to.

use crate::resources::{
    binding, capability, execution, execution_with, external, file, gate, gate_node, plan, task,
};
use crate::sandbox::{Place, SHARED, Sandbox, text};

/// The proposals of `describe` for a run, after a fetch.
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

/// Runs a command as proposed.
fn follow(place: &Place<'_>, command: &str) {
    let command = command.strip_prefix("planspec ").unwrap();
    place.run(&format!("{command} --reconcile")).ok();
}

#[test]
fn who_reports_what_another_session_holds_is_told_the_claim() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two")]);
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
    // In the clone that holds one, where the session of the other is unknown.
    let expected = [report("one", ""), report("two", &format!(" --claim {two}"))];
    assert_eq!(proposed(&ana, "run"), expected);
    // In a clone without claims, and in the session of the environment.
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
fn who_comes_back_in_another_clone_is_told_how_to_go_on() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    let claimed = ana.run("claim run/one --as agent:a -o json").ok();
    let claim = text(&claimed.answer("Claimed")["claim"]);
    // Before and after it is taken in.
    for _ in 0..2 {
        let brief = ben.run("describe run/one -o json").ok().answer("Brief");
        let by = (&brief["claim"]["actor"], &brief["claim"]["record"]);
        assert_eq!(
            (text(by.0).as_str(), text(by.1)),
            ("agent:a", claim.clone())
        );
        let told =
            format!("agent:a holds default/run/one in another session: add `--claim {claim}`");
        ben.run("status --mine --as agent:a")
            .ok()
            .says("agent:a holds nothing in this session")
            .notes(&told);
        for verb in ["report --succeeded", "release", "claim --renew"] {
            ben.run(&format!("{verb} --as agent:a"))
                .exits(2)
                .notes(&told);
        }
        ben.run("status --mine --as agent:b")
            .ok()
            .never_says("run/one");
        ana.run("reconcile").ok();
    }
    ben.run(&format!(
        "report --succeeded --as agent:a --claim {claim} --reconcile"
    ))
    .ok();
    ben.git("fetch -q");
    assert_eq!(ben.node_phase("run/one"), "Succeeded");
}

#[test]
fn what_is_no_task_is_told_as_what_it_is() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [
        gate_node("ok", "ok"),
        task("one"),
        task("two").after("one"),
        task("code").needs("code"),
        external("outside", "{type: uri, uri: \"https://example.com/\"}"),
    ];
    let group = "      - id: both\n        kind: Group\n        children: [one, two]\n";
    let rules = [("code", "agent://coder")];
    ana.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &nodes).replacen("nodes:\n", &format!("nodes:\n{}", group), 1),
            gate("ok", "p"),
            capability("code"),
            binding("b", &rules),
            execution_with("run", "p", "bindingRef: {name: b}\n"),
        ]),
    );
    ana.run("reconcile").ok();
    for verb in [
        "claim run/ok",
        "report run/ok --succeeded",
        "release run/ok",
        "work --node run/ok",
    ] {
        ana.run(verb)
            .exits(1)
            .notes("default/run/ok is a gate and cannot be claimed: Blocked: ")
            .notes(
                "agents leave it to them: `planspec describe execution run -n default` names them",
            );
    }
    for verb in ["claim run/both", "work --node run/both"] {
        ana.run(verb)
            .exits(1)
            .notes(
                "default/run/both is a group and cannot be claimed; 0 of 2 children have finished",
            )
            .notes("help: claim a child that is ready: `planspec claim run/one -n default`");
    }
    let alone = "but `planspec work` runs only commands of tool:// targets";
    for (node, why, help) in [
        (
            "one",
            "has no provider",
            "claim it: `planspec claim run/one -n default`",
        ),
        (
            "code",
            "is bound to agent://coder",
            "claim it: `planspec claim run/code -n default --as agent:coder`",
        ),
    ] {
        ana.run(&format!("work --node run/{node}"))
            .exits(1)
            .notes(&format!("default/run/{node} {why}, {alone}"))
            .notes(help);
    }
    ana.run("work --node run/outside")
        .exits(1)
        .notes("add `--externals`");
    // A node whose turn has not come may have any target.
    ana.run("work --node run/two").ok();
}

#[test]
fn what_a_run_was_started_with_is_not_edited() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one")]);
    ana.run_in(&[("GIT_EDITOR", "false")], "edit execution run")
        .exits(1)
        .notes("cannot be edited: the spec of a run cannot change")
        .notes("planspec cancel run -n default");
}

#[test]
fn what_is_not_committed_is_no_resource_yet() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.run("new plan fresh").ok();
    for verb in ["edit plan fresh", "start fresh"] {
        ana.run(verb)
            .exits(1)
            .notes("is not committed; it exists only in planspec/default/plans/fresh.yaml")
            .notes("`planspec apply -f planspec/default/plans/fresh.yaml`");
    }
}

#[test]
fn a_namespace_that_nothing_has_is_told_as_that() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one")]);
    ana.run("describe plan q -n defautl")
        .exits(1)
        .notes("there is no namespace `defautl`; did you mean `default`?");
    let other = plan("p", &[task("one")]);
    ana.publish(
        "planspec/web.yaml",
        other.replace("namespace: default", "namespace: web"),
    );
    ana.run("get plan p -n api")
        .exits(1)
        .notes("there are some in the namespaces `default`, `web`");
}

#[test]
fn a_run_that_has_failed_is_named_with_the_way_to_try_again() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one")]);
    ana.run("claim run/one --reconcile").ok();
    let told = ana.run("report run/one --failed --reconcile").ok();
    told.says("\nWaiting:\n  default/run   somebody to try again what failed, or to leave it\n")
        .says("\nNext, for example:\n  planspec retry run -n default\n");
    ana.run("retry run -n default --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Running");
}

#[test]
fn where_runs_of_several_namespaces_move_nodes_are_told_with_theirs() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one")]);
    ana.run("claim run/one").ok();
    ana.run("reconcile")
        .ok()
        .says(" run/one ")
        .never_says(" default/run/one  Pending");
    let other = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    ana.publish(
        "planspec/web.yaml",
        other.replace("namespace: default", "namespace: web"),
    );
    ana.run("report run/one -n default --succeeded").ok();
    let told = ana.run("reconcile").ok();
    told.says(" default/run/one ");
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
    // Another actor is refused, and told how to run as the bound one.
    ana.run("claim run/code --as agent:other")
        .exits(1)
        .notes(&format!(
            "only the bound actor can claim it: `{}`",
            claims[0]
        ));
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
    let ana = sandbox.run_of("ana", &[task("one"), task("two").after("one")]);
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
        .notes("default/run is already Failed")
        .notes(way);
    follow(&ana, way.trim_matches('`'));
    ana.works("run/one", "agent:a").works("run/two", "agent:a");
    ana.run("claim run/two")
        .exits(1)
        .notes("planspec start p -n default");
}

#[test]
fn what_somebody_has_said_a_moment_ago_is_not_waited_for_any_more() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let criteria = "acceptanceCriteria: [{type: artifact_exists, name: there, path: README.md}]\n";
    let nodes = [
        task("done").with(criteria),
        task("held"),
        task("left"),
        gate_node("ok", "ok"),
        task("told"),
    ];
    ana.write("README.md", "Here\n").publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), gate("ok", "p"), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/done", "agent:a");
    ana.run("claim run/told --as agent:a --reconcile").ok();
    ana.run("verify run/done --as ci@example.com").ok();
    ana.run("approve run/ok").ok();
    ana.run("report run/told --as agent:a --failed").ok();
    ana.run("claim run/held --as agent:b").ok();
    ana.run("claim run/left --as agent:c").ok();
    ana.run("release run/left --as agent:c").ok();
    let told = ana.run("next").ok();
    let since = "but that is not reconciled yet";
    for line in [
        format!("default/run/done: somebody has checked it, {since}"),
        "default/run/held waits for the report of agent:b".to_owned(),
        format!("default/run/left: agent:c has given it back, {since}"),
        format!("default/run/ok: somebody has reviewed it, {since}"),
        format!("default/run/told: agent:a has reported it as failed, {since}"),
    ] {
        assert!(
            told.err.contains(&format!("note: {line}\n")),
            "{line}: {told}"
        );
    }
    let told = told.never_says("to claim it").never_says("planspec verify");
    assert!(told.err.contains("a reconcile is due"), "{told}");
    ana.run("reconcile").ok();
    ana.run("next").ok().says("run/left").never_says(since);
    // Without a remote, the description has it too.
    let solo = sandbox.repository("solo");
    let all = file(&[
        plan("p", &[task("one"), task("two")]),
        execution("run", "p"),
    ]);
    solo.publish("planspec/all.yaml", all);
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.run("describe execution run")
        .ok()
        .says("claimed by agent:a, but not reconciled yet")
        .says("planspec claim run/two -n default")
        .never_says("planspec claim run/one");
}

#[test]
fn what_waits_for_something_outside_is_told_in_one_sentence() {
    let sandbox = Sandbox::new();
    let external = external("ci", "{type: uri, uri: \"https://ci.example.com/7\"}");
    let ana = sandbox.run_of("ana", &[external]);
    ana.run("next")
        .ok()
        .notes("note: default/run/ci: waits for https://ci.example.com/7\n")
        .never_says("waits for waits for");
}

#[test]
fn what_is_in_the_way_of_what_is_held_is_not_proposed() {
    let sandbox = Sandbox::new();
    let touching =
        |id: &str, paths: &str| task(id).with(&format!("x-planspec: {{touches: [\"{paths}\"]}}\n"));
    let ana = sandbox.run_of(
        "ana",
        &[
            touching("api", "src/api/**"),
            touching("docs", "docs/**"),
            touching("src", "src/**"),
        ],
    );
    ana.publish(
        "planspec/other.yaml",
        file(&[
            plan("q", &[touching("guide", "docs/guide.md")]),
            execution("other", "q"),
        ]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/api --as agent:a --reconcile").ok();
    ana.run("claim other/guide --as agent:b --reconcile").ok();
    let report = "planspec report run/api -n default --as agent:a --succeeded";
    assert_eq!(proposed(&ana, "run"), [report]);
    ana.run("describe execution run")
        .ok()
        .says("so does `default/other/guide` (`docs/guide.md`), which agent:b holds");
    follow(&ana, report);
    let claim = "planspec claim run/src -n default";
    assert_eq!(proposed(&ana, "run"), [claim]);
    follow(&ana, claim);
}

#[test]
fn next_and_work_mean_the_same_providers() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let rules = [
        ("build", "tool://make/build"),
        ("test", "tool://maker"),
        ("say", "agent://coder"),
    ];
    let nodes = [
        task("build").needs("build"),
        task("test").needs("test"),
        task("say").needs("say"),
    ];
    let capabilities = ["build", "test", "say"].map(capability);
    let mut all = vec![
        plan("p", &nodes),
        binding("b", &rules),
        execution_with("run", "p", "bindingRef: {name: b}\n"),
    ];
    all.extend(capabilities);
    ana.publish("planspec/all.yaml", file(&all));
    ana.run("reconcile").ok();
    for (provider, nodes) in [
        ("tool://make", &["build"][..]),
        ("tool://make/build", &["build"]),
        ("tool://maker", &["test"]),
        ("tool://", &["build", "test"]),
        ("tool://*", &["build", "test"]),
        ("*", &["build", "say", "test"]),
    ] {
        let told = ana.run(&format!("next --provider {provider} -o name")).ok();
        let names: Vec<String> = nodes
            .iter()
            .map(|node| format!("default/run/{node}\n"))
            .collect();
        assert_eq!(told.out, names.concat(), "{provider}");
    }
    for verb in ["next", "work --once"] {
        ana.run(&format!("{verb} --provider tool://mke"))
            .ok()
            .notes("no node of an open run is bound to `tool://mke`; did you mean `tool://maker`?");
        ana.run(&format!("{verb} --provider tool:maker"))
            .exits(2)
            .notes("did you mean `tool://maker`?");
    }
    ana.run("work --once --provider tool://mke -o json")
        .ok()
        .says("did you mean `tool://maker`?");
    // Targets of others are ignored.
    ana.run("work --once --provider tool://coder")
        .ok()
        .never_says("agent://coder");
}

#[test]
fn a_matrix_has_what_a_job_can_do() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [
        task("free"),
        task("sign").needs("sign"),
        task("zap").needs("zap"),
    ];
    let rules = [("sign", "human://ana"), ("zap", "agent://zap")];
    ana.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &nodes),
            capability("sign"),
            capability("zap"),
            binding("b", &rules),
            execution_with("run", "p", "bindingRef: {name: b}\n"),
        ]),
    );
    ana.run("reconcile").ok();
    let jobs = |more: &str| {
        let ran = ana.run(&format!("next -o github-matrix{more}")).ok();
        let jobs = ran.json()["include"].as_array().unwrap().clone();
        jobs.iter()
            .map(|job| text(&job["node"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(jobs(""), ["free", "zap"]);
    // Nodes for people do not count towards the limit.
    assert_eq!(jobs(" --limit 2"), ["free", "zap"]);
    ana.run("next -o name").ok().says("default/run/sign");
}

#[test]
fn what_has_been_ready_for_longer_comes_first_whichever_run_is_older() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("first"), task("late").after("first")]);
    sandbox.minutes_pass(10);
    ana.publish(
        "planspec/young.yaml",
        file(&[plan("q", &[task("one")]), execution("young", "q")]),
    );
    ana.run("reconcile").ok();
    sandbox.minutes_pass(10);
    ana.works("run/first", "agent:a");
    let told = ana.run("next -o name").ok();
    assert_eq!(told.out, "default/young/one\ndefault/run/late\n");
}
