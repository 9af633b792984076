//! Whoever is at work asks a person, and goes on with the answer.

use crate::approvals::{key, sign_with};
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox, text};

const ASK: &str = "ask run/one 'Which of the two keys signs?' --as agent:a";
const ANSWER: &str = "planspec answer run/one -n default 'YOUR ANSWER'";

/// A run of two tasks in a team, whose first one an agent has.
fn claimed(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    let nodes = [task("one"), task("two").after("one")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana
}

#[test]
fn a_question_stands_everywhere_until_a_person_answers() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let asked = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(asked["already"], false);
    assert_eq!(asked["attempt"], 1);
    // Once is enough, taken in or not.
    let again = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(
        (&again["already"], &again["record"]),
        (&true.into(), &asked["record"])
    );
    ben.run("answer run/one 'The new one'")
        .exits(1)
        .notes("nothing is asked at default/run/one")
        .notes("`planspec reconcile`, then answer");
    ben.run("reconcile")
        .ok()
        .says("an answer to agent:a: Which of the two keys signs?")
        .says(ANSWER);
    let again = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(again["already"], true);
    ana.git("fetch -q");
    assert_eq!(ana.phase("execution/run"), "Blocked");
    assert_eq!(
        text(&ana.node("run/one")["extensions"]["reason"]),
        "AwaitingAnswer"
    );
    let board = ana.git(&format!("show origin/{STATUS}:README.md"));
    assert!(
        board.contains("an answer to `agent:a`: Which of the two keys signs?"),
        "{board}"
    );
    ana.run("next")
        .ok()
        .notes("run/one waits for an answer to agent:a: Which of the two keys signs?");
    ana.run("describe execution run")
        .ok()
        .says("Questions")
        .says("not answered yet")
        .says(ANSWER);
    let description = ana
        .run("describe execution run -o json")
        .ok()
        .answer("Description");
    let next = text(&description["run"]["next"]);
    assert!(next.contains(ANSWER), "{next}");
    // Two days later it is nobody else's.
    sandbox.minutes_pass(2880);
    ben.run("reconcile").ok();
    ben.run("claim run/one --as agent:b").exits(9);
    ben.run("answer run/one 'The new one' --as agent:b")
        .exits(1)
        .notes("a person answers, and agent:b is none");
    let answered = ben
        .run("answer run/one 'The new one' --reconcile -o json")
        .ok()
        .answer("Answered");
    assert_eq!(text(&answered["askedBy"]), "agent:a");
    ben.run("answer run/one 'The old one'")
        .exits(1)
        .notes("nothing is asked");
    ana.git("fetch -q");
    assert_eq!(ana.node_phase("run/one"), "Running");
    ana.run("status --mine --as agent:a")
        .ok()
        .says("answer: The new one");
    let brief = ana.run("describe run/one -o json").ok().answer("Brief");
    assert_eq!(text(&brief["questions"][0]["answer"]), "The new one");
    ana.run("log execution/run")
        .ok()
        .says("question")
        .says("Which of the two keys signs?")
        .says("answer")
        .says("The new one");
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    ana.run("audit").ok();
    assert!(ana.unapplied("run").is_empty());
}

#[test]
fn of_several_questions_the_one_is_named_that_is_answered() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    ana.run(ASK).ok();
    ana.run("ask run/one 'And which host?' --as agent:a --reconcile")
        .ok();
    let refused = ana
        .run("answer run/one 'db1'")
        .exits(2)
        .notes("2 open questions");
    let named = refused
        .err
        .lines()
        .find(|line| line.contains("And which host?"));
    let id = named.and_then(|line| line.split('(').next_back()?.split(')').next());
    let id = id.expect("the id of the question");
    ana.run(&format!("answer run/one 'db1' --question {id} --reconcile"))
        .ok();
    assert_eq!(
        text(&ana.node("run/one")["extensions"]["reason"]),
        "AwaitingAnswer"
    );
    ana.run("answer run/one 'x' --question ffffffff")
        .exits(1)
        .notes("no question of default/run/one can be told by `ffffffff`");
    ana.run("answer run/one 'The new one' --reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Running");
}

#[test]
fn whoever_does_not_hold_the_node_asks_nothing() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    ana.run("ask run/one 'May I?' --as agent:b")
        .exits(9)
        .notes("agent:a");
    ana.run("ask run/two 'May I?' --as agent:a").exits(1);
    ana.run("ask run/one ' ' --as agent:a")
        .exits(1)
        .notes("it says nothing");
    ana.run("ask run/none 'May I?' --as agent:a").exits(1);
    assert!(ana.git("for-each-ref refs/planspec/answers").is_empty());
}

#[test]
fn an_answer_is_signed_where_the_configuration_wants_that() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let line = format!("ana@example.com {}\n", key(&solo, "ana"));
    let nodes = [task("one")];
    solo.write(".planspec.yaml", "approvals: {requireSigned: [answers]}\n")
        .write(".planspec/allowed_signers", line)
        .publish(
            "planspec/all.yaml",
            file(&[plan("p", &nodes), execution("run", "p")]),
        );
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.run(&format!("{ASK} --reconcile")).ok();
    key(&solo, "eve");
    sign_with(&solo, "eve");
    solo.run("answer run/one 'Both' --as ana@example.com")
        .exits(1)
        .notes("UnknownKey");
    sign_with(&solo, "ana");
    solo.run("answer run/one 'The new one' --as ana@example.com --reconcile")
        .ok();
    let said = &solo.node("run/one")["extensions"]["questions"][0]["answer"];
    assert_eq!(text(&said["signed"]["principal"]), "ana@example.com");
    assert_eq!(solo.node_phase("run/one"), "Running");
}
