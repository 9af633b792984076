//! What an agent does that knows one command to begin and what that prints: claim whatever comes next, do it, report it.

use crate::resources::{binding, capability, execution, execution_with, file, plan, task};
use crate::sandbox::{Place, Sandbox};

/// A run of nodes of which each waits for the one before, but the last two.
fn with_a_run<'s>(sandbox: &'s Sandbox, nodes: &[crate::resources::Node]) -> Place<'s> {
    let solo = sandbox.repository("solo");
    solo.write(
        "planspec/all.yaml",
        file(&[plan("p", nodes), execution("run", "p")]),
    );
    solo.commit("Plan");
    solo.run("reconcile").ok();
    solo
}

#[test]
fn who_names_no_node_is_given_the_first_and_asked_again_the_same() {
    let sandbox = Sandbox::new();
    let nodes = [task("last"), task("first"), task("behind").after("first")];
    let solo = with_a_run(&sandbox, &nodes);
    // More stands behind it.
    let claimed = solo.run("claim --as agent:a").ok().out;
    assert!(
        claimed.contains("claimed default/run/first attempt 1"),
        "{claimed}"
    );
    assert!(
        claimed.contains("planspec report run/first -n default --succeeded"),
        "{claimed}"
    );
    let again = solo.run("claim --as agent:a").ok().out;
    assert!(
        again.contains("renewed default/run/first attempt 1"),
        "{again}"
    );
    assert!(again.contains("planspec report run/first"), "{again}");
    let other = solo.run("claim run --as agent:b --session b").ok().out;
    assert!(other.contains("claimed default/run/last"), "{other}");
    solo.run("claim --as agent:c --session c")
        .exits(1)
        .notes("nothing can be claimed by agent:c now");
    solo.run("claim none --as agent:c --session c").exits(1);
    solo.run("claim run/first --provider agent://x --as agent:a")
        .exits(2)
        .notes("names no node");
    solo.run("claim --renew --wait --as agent:a").exits(2);
}

#[test]
fn what_is_bound_to_somebody_else_is_left_and_people_are_not_sent_away() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("theirs").needs("review"), task("anybodys")];
    let bound = binding("who", &[("review", "agent://reviewer")]);
    let run = execution_with("run", "p", "bindingRef: {name: who}\n");
    solo.write(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), capability("review"), bound, run]),
    );
    solo.commit("Plan");
    solo.run("reconcile").ok();
    let first = solo.run("claim --as agent:coder --session a").ok().out;
    assert!(first.contains("run/anybodys"), "{first}");
    solo.run("claim --as agent:coder --session b")
        .exits(1)
        .notes("bound to somebody else");
    let theirs = solo.run("claim --as agent:reviewer --session c").ok().out;
    assert!(theirs.contains("run/theirs"), "{theirs}");
}

#[test]
fn who_waits_is_given_what_comes() {
    let sandbox = Sandbox::new();
    let solo = with_a_run(&sandbox, &[task("one"), task("two").after("one")]);
    solo.run("claim --as agent:a").ok();
    let mut command = solo.planspec("claim --wait=60s --as agent:b --session b");
    let waiting = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    solo.run("report --succeeded --as agent:a --reconcile").ok();
    let ended = waiting.wait_with_output().unwrap();
    let out = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{out}");
    assert!(out.contains("claimed default/run/two"), "{out}");
    solo.run("claim --wait=1s --as agent:c --session c")
        .exits(1)
        .notes("in time");
}

#[test]
fn a_question_needs_no_name_where_one_node_is_held() {
    let sandbox = Sandbox::new();
    let solo = with_a_run(&sandbox, &[task("one")]);
    solo.run("claim --as agent:a").ok();
    solo.run("ask run/one --as agent:a")
        .exits(2)
        .notes("no question");
    let asked = solo.run("ask 'Which one is it?' --as agent:a").ok().out;
    assert!(asked.contains("asked at default/run/one"), "{asked}");
}

/// Twelve steps, by somebody who knows `planspec claim` and does what it prints: two commands a step, and little to read.
#[test]
fn twelve_steps_take_two_commands_each_and_few_words() {
    let sandbox = Sandbox::new();
    let text = "Change the handler so that it takes what the step before has found, and add a test that says so.";
    let step = |at: usize| {
        let node =
            task(&format!("step-{at}")).with(&format!("description: {text}\noutputs: [found]"));
        if at == 0 {
            node
        } else {
            node.after(&format!("step-{}", at - 1))
        }
    };
    let nodes: Vec<_> = (0..12).map(step).collect();
    let solo = with_a_run(&sandbox, &nodes);
    let (mut commands, mut read) = (0, 0);
    while solo.run("get execution run -o json").ok().json()["status"]["phase"] == "Running" {
        let claimed = solo.run("claim --as agent:a").ok();
        let end = claimed
            .out
            .lines()
            .find(|line| line.contains("--succeeded"))
            .unwrap();
        let end = end.trim_start_matches([' ', '-']).replace("VALUE", "it");
        let end = end.strip_prefix("planspec ").unwrap();
        let reported = solo.run(&format!("{end} --reconcile")).ok();
        commands += 2;
        read += [&claimed, &reported]
            .iter()
            .map(|one| one.out.len() + one.err.len())
            .sum::<usize>();
        assert!(commands <= 24, "{}", reported.out);
    }
    let run = solo.run("get execution run -o json").ok().json();
    assert_eq!(run["status"]["phase"], "Succeeded");
    assert_eq!(commands, 24);
    // Four bytes are a token.
    let tokens = read / 4 / 12;
    assert!(tokens <= 450, "{tokens} tokens a step");
}
