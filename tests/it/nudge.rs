//! Nudges: the reconciler is told about a new record, and nothing depends on it.

use std::path::PathBuf;

use crate::http::{Answers, GitServer};
use crate::resources::{execution, file, gate, gate_node, plan, task};
use crate::sandbox::{Place, Sandbox};

/// A forge, and a clone of its project `acme/plans`, which has a run with two tasks and one that waits for approval.
fn project<'a>(sandbox: &'a Sandbox, status: u16, config: &str) -> (GitServer, Place<'a>) {
    sandbox.bare("acme/plans.git");
    let root: PathBuf = sandbox.path(".");
    let environment = sandbox.folder("server").command("git");
    let server = GitServer::forge(&root, &environment, status);
    let ana = sandbox.clone_with("", &server.url("acme/plans.git"), "ana");
    let nodes = [
        task("build"),
        task("test"),
        gate_node("ok", "sign"),
        task("ship").after("ok"),
    ];
    let all = [plan("p", &nodes), gate("sign", "p"), execution("run", "p")];
    ana.write(
        ".planspec.yaml",
        format!("status: {{remote: origin}}\n{config}"),
    )
    .publish("planspec/all.yaml", file(&all));
    ana.run("reconcile").ok();
    (server, ana)
}

/// The request to GitHub.
const DISPATCH: &str =
    "POST /api/v3/repos/acme/plans/dispatches Bearer s3cret {\"event_type\":\"planspec\"}";

#[test]
fn every_verb_that_sends_a_record_tells_the_forge_of_the_remote_once() {
    let sandbox = Sandbox::new();
    let (server, ana) = project(&sandbox, 204, "nudge: github\n");
    // The file is for everyone; a user without a secret gets no message.
    ana.run("claim run/test --as agent:coder")
        .ok()
        .never_says("nudge");
    assert_eq!(server.asked(), [] as [&str; 0]);
    ana.git("config planspec.nudgeToken s3cret");
    let mut told = 0;
    for verb in [
        "claim run/build --as agent:coder",
        "ask run/build --as agent:coder 'Which way?'",
        "answer run/build 'This way'",
        "comment run/ok -m Hm",
        "approve run/ok",
        "report run/build --as agent:coder --succeeded",
        "release run/test --as agent:coder",
    ] {
        let ran = ana.run(verb).ok();
        assert!(!ran.err.contains("nudge"), "{ran:?}");
        told += 1;
        assert_eq!(server.asked().len(), told, "{verb}");
        ana.run("reconcile").ok();
    }
    assert!(server.asked().iter().all(|asked| asked == DISPATCH));
    // With `--reconcile`, no nudge is needed.
    ana.run("claim run/ship --as agent:coder --reconcile").ok();
    assert_eq!(server.asked().len(), told);
    ana.run("cancel run").ok();
    assert_eq!(server.asked().len(), told + 1);
}

#[test]
fn gitlab_is_told_in_the_body_which_branch_is_meant() {
    let sandbox = Sandbox::new();
    let (server, ana) = project(&sandbox, 201, "");
    // Without configuration there is no request.
    let secret = [("PLANSPEC_NUDGE_TOKEN", "s3cret")];
    ana.run_in(&secret, "claim run/build --as agent:coder").ok();
    assert_eq!(server.asked(), [] as [&str; 0]);
    ana.git("config planspec.nudge gitlab");
    ana.run_in(&secret, "claim run/test --as agent:coder").ok();
    assert_eq!(
        server.asked(),
        [
            "POST /api/v4/projects/acme%2Fplans/trigger/pipeline {\"token\":\"s3cret\",\"ref\":\"main\"}"
        ]
    );
    // Turned off by the environment.
    let off = [
        ("PLANSPEC_NUDGE", "off"),
        ("PLANSPEC_NUDGE_TOKEN", "s3cret"),
    ];
    ana.run_in(&off, "release run/test --as agent:coder").ok();
    assert_eq!(server.asked().len(), 1);
    // With configuration but without a secret, a note says so.
    ana.run("approve run/ok").ok().notes(
        "gitlab needs a token: set PLANSPEC_NUDGE_TOKEN, or `git config planspec.nudgeToken TOKEN`",
    );
}

#[test]
fn whatever_goes_wrong_the_record_counts_and_a_note_says_why() {
    let sandbox = Sandbox::new();
    let (server, ana) = project(&sandbox, 302, "nudge: github\n");
    ana.git("config planspec.nudgeToken s3cret");
    // A redirect would send the secret to another server.
    let ran = ana.run("claim run/build --as agent:coder").ok();
    let ran = ran.notes("answers 302: it redirects elsewhere, and the secret is not sent there");
    assert_eq!(server.asked().len(), 1);
    let ran = [
        ran,
        ana.run("approve run/ok --as ben@example.com -o json").ok(),
    ];
    ran[1].answer("Decided");
    let refusing = Answers::start(|_, _, body| (401, format!("no such token: s3cret\n{body}")));
    // Accepts connections, but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/hook?key=hidden", silent.local_addr().unwrap());
    for (url, why) in [
        (
            refusing.url("/hook?key=hidden"),
            "answers 401: no such token: …",
        ),
        (silent, "timeout"),
        (
            "http://169.254.169.254/hook?key=hidden".to_owned(),
            "is not contacted",
        ),
        (
            "http://[hidden".to_owned(),
            "no job could be started for it",
        ),
        ("hidden".to_owned(), "is github, gitlab, an address"),
    ] {
        ana.git(&format!("config planspec.nudge {url}"));
        let began = std::time::Instant::now();
        let ran = ana.run("comment run/ok -m Again").ok().notes(why);
        assert!(began.elapsed().as_secs() < 60, "{ran:?}");
        for secret in ["s3cret", "key=hidden"] {
            assert!(
                !format!("{}{}", ran.out, ran.err).contains(secret),
                "{ran:?}"
            );
        }
    }
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/build"), "Running");
    assert_eq!(ana.node_phase("run/ok"), "Succeeded");
}

#[test]
fn a_file_does_not_say_who_is_given_the_secret() {
    let sandbox = Sandbox::new();
    let (server, ana) = project(&sandbox, 204, "");
    let other = GitServer::forge(
        &sandbox.path("."),
        &sandbox.place("server").command("git"),
        204,
    );
    ana.git("config planspec.nudgeToken s3cret");
    ana.git(&format!("remote add other {}", other.url("acme/plans.git")));
    // The file cannot contain a URL, and another shared remote does not get the secret either.
    ana.write(".planspec.yaml", "nudge: https://elsewhere.example/\n");
    ana.run("validate").exits(1).says("nudge");
    ana.publish(
        ".planspec.yaml",
        "status: {remote: origin}\nnudge: github\n",
    );
    ana.run("claim run/build --as agent:coder")
        .ok()
        .notes("are on two hosts, and only a file says which is shared")
        .notes("`git config planspec.remote origin`");
    assert_eq!(server.asked(), [] as [&str; 0]);
    ana.git("config planspec.remote origin");
    ana.run("claim run/test --as agent:coder").ok();
    assert_eq!(server.asked(), [DISPATCH]);
    assert_eq!(other.asked(), [] as [&str; 0]);
}

#[cfg(unix)]
#[test]
fn a_worker_tells_when_it_has_reported() {
    let sandbox = Sandbox::new();
    let (server, ana) = project(&sandbox, 204, "nudge: github\n");
    ana.git("config planspec.nudgeToken s3cret");
    let rules = "rules: [{selector: {planRef: {name: q}}, target: {provider: 'tool://t', config: {command: ['true']}}}]";
    let binding = crate::resources::resource("Binding", "b", rules);
    let run = crate::resources::execution_with("second", "q", "bindingRef: {name: b}\n");
    ana.publish(
        "planspec/more.yaml",
        file(&[plan("q", &[task("go")]), binding, run]),
    );
    ana.run("reconcile").ok();
    let worked = ana
        .planspec("work")
        .env("TMPDIR", sandbox.path("home"))
        .output();
    assert!(worked.unwrap().status.success());
    assert_eq!(server.asked(), [DISPATCH]);
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/second"), "Succeeded");
}
