//! CI jobs, with the variables and the event file that a runner sets, a bare remote, and a forge whose API keeps
//! comments.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::approvals::{SIGNERS, key};
use crate::http::GitServer;
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{PLANSPEC, Place, Ran, STATUS, Sandbox};
use crate::work::{shell, started};

const TOKEN: &str = "secret-token";

/// A forge on this machine: it lists, creates and changes comments for clients that have the token.
struct Forge {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    comments: Vec<Value>,
    /// Method and path of each request, without the query.
    seen: Vec<String>,
    /// The status that answers every writing request, which then has no effect.
    refuses: Option<u16>,
    /// The head of the pull request.
    head: Option<String>,
}

impl Forge {
    fn start() -> Forge {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // The thread ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Forge { url, state }
    }

    fn comments(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let comments = state.comments.iter();
        comments
            .map(|comment| comment["body"].as_str().unwrap().to_owned())
            .collect()
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    fn has(&self, author: &str, body: &str) {
        let comments = &mut self.state.lock().unwrap().comments;
        let id = comments.len() + 1;
        comments.push(comment(id, author, body));
    }

    fn refuses(&self, status: u16) {
        self.state.lock().unwrap().refuses = Some(status);
    }
}

/// A comment in the form of both GitHub and GitLab.
fn comment(id: usize, author: &str, body: &str) -> Value {
    json!({"id": id, "body": body, "user": {"login": author}, "author": {"username": author}})
}

fn answer(mut stream: TcpStream, shared: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let (method, target) = (
        words.next().unwrap().to_owned(),
        words.next().unwrap().to_owned(),
    );
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, value) = decide(
        &method,
        &target,
        &headers,
        &body,
        &mut shared.lock().unwrap(),
    );
    let text = value.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all((head + &text).as_bytes()).unwrap();
}

fn decide(
    method: &str,
    target: &str,
    headers: &BTreeMap<String, String>,
    body: &[u8],
    state: &mut State,
) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    state.seen.push(format!("{method} {path}"));
    let bearer = headers.get("authorization").map(String::as_str) == Some("Bearer secret-token");
    let private = headers.get("private-token").map(String::as_str) == Some(TOKEN);
    if !bearer && !private {
        return (401, json!({"message": "Bad credentials"}));
    }
    if let (Some(status), true) = (state.refuses, method != "GET") {
        return (
            status,
            json!({"message": "Resource not accessible by integration"}),
        );
    }
    let me = if private {
        "bot"
    } else {
        "github-actions[bot]"
    };
    match (method, path.rsplit('/').next().unwrap()) {
        ("GET", "user") => (200, json!({"username": me})),
        ("GET", "7") => match &state.head {
            Some(head) => (200, json!({"sha": head, "head": {"sha": head}})),
            None => (404, json!({})),
        },
        ("GET", _) => {
            let page = query
                .split("page=")
                .last()
                .unwrap()
                .parse::<usize>()
                .unwrap();
            let some = state.comments.iter().skip((page - 1) * 100).take(100);
            (200, some.cloned().collect())
        }
        ("POST", _) => {
            let id = state.comments.len() + 1;
            let body: Value = serde_json::from_slice(body).unwrap();
            state
                .comments
                .push(comment(id, me, body["body"].as_str().unwrap()));
            (201, json!({"id": id}))
        }
        ("PATCH" | "PUT", id) => {
            let body: Value = serde_json::from_slice(body).unwrap();
            state.comments[id.parse::<usize>().unwrap() - 1]["body"] = body["body"].clone();
            (200, json!({}))
        }
        _ => (404, json!({})),
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/ci.sh")
}

/// A runner: a checkout as the forge makes it, and its files.
struct Runner<'a> {
    place: Place<'a>,
    variables: Vec<(String, String)>,
}

impl<'a> Runner<'a> {
    /// A checkout of one ref with depth 1, as on GitHub.
    fn github(
        sandbox: &'a Sandbox,
        name: &str,
        event: &str,
        of: &str,
        payload: &Value,
    ) -> Runner<'a> {
        let place = checkout(sandbox, name, of);
        let folder = sandbox.folder(&format!("{name}-runner"));
        folder.write("event.json", payload.to_string());
        folder.write("summary.md", "");
        let path = |file: &str| folder.dir.join(file).display().to_string();
        let variables = [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", event.to_owned()),
            ("GITHUB_EVENT_PATH", path("event.json")),
            ("GITHUB_STEP_SUMMARY", path("summary.md")),
            ("GITHUB_REPOSITORY", "team/plans".to_owned()),
            ("GITHUB_REF", of.to_owned()),
            ("INPUT_PROGRAM", PLANSPEC.to_owned()),
            ("INPUT_COMMENT", "true".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Runner {
            place,
            variables: variables.into(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Runner<'a> {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn run(&self, mode: &str) -> Ran {
        let mut command = self.place.command("bash");
        command.arg(script()).arg(mode);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let ran = Ran::of(&format!("ci.sh {mode}"), command.output().unwrap());
        ran.never_says(TOKEN)
    }

    fn summary(&self) -> String {
        let of = |name: &str| self.variables.iter().find(|(known, _)| known == name);
        std::fs::read_to_string(&of("GITHUB_STEP_SUMMARY").unwrap().1).unwrap()
    }
}

fn checkout<'a>(sandbox: &'a Sandbox, name: &str, of: &str) -> Place<'a> {
    let place = sandbox.repository(name);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    place.git(&format!("remote add origin '{url}'"));
    place.git(&format!("fetch -q --depth=1 --no-tags origin {of}"));
    place.git("checkout -q --force --detach FETCH_HEAD");
    place
}

/// A team whose `main` holds a plan with a run, and whose pull request 7 adds a step.
fn team(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", plan("p", &[task("build")]));
    ana.publish("planspec/run.yaml", execution("run", "p"));
    ana.git("checkout -q -b topic");
    propose(&ana, plan("p", &[task("build"), task("deploy-everything")]));
    ana
}

/// Pushes the head of pull request 7, and merges it as a forge does for its checks.
fn propose(ana: &Place<'_>, text: String) {
    ana.publish("planspec/p.yaml", text);
    ana.git("push -q -f origin topic:refs/pull/7/head");
    ana.git("checkout -q --detach main");
    ana.git("merge -q --no-ff -m Merge topic");
    ana.git("push -q -f origin HEAD:refs/pull/7/merge");
    ana.git("checkout -q topic");
}

fn pull_request<'a>(sandbox: &'a Sandbox, name: &str, forge: &Forge, from: &str) -> Runner<'a> {
    let payload = json!({"pull_request": {"number": 7, "head": {"repo": {"full_name": from}}}});
    Runner::github(sandbox, name, "pull_request", "refs/pull/7/merge", &payload)
        .with("GITHUB_BASE_REF", "main")
        .with("GITHUB_API_URL", &forge.url)
        .with("INPUT_TOKEN", TOKEN)
}

#[test]
fn a_pull_request_is_reviewed_in_a_comment_that_is_kept_up_to_date() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let forge = Forge::start();
    // Another user repeats our marker, and a hundred other comments come first.
    forge.has("mallory", "<!-- planspec review  -->\nAll is well");
    for n in 0..120 {
        forge.has("ben", &format!("Comment {n}"));
    }
    let ran = pull_request(&sandbox, "one", &forge, "team/plans").run("review");
    assert!(ran.code < 2, "{ran}");
    let comments = forge.comments();
    assert_eq!(comments.len(), 122, "{ran}");
    assert!(comments[121].starts_with("<!-- planspec review  -->\n"));
    assert!(
        comments[121].contains("deploy-everything"),
        "{}",
        comments[121]
    );
    assert_eq!(comments[0], "<!-- planspec review  -->\nAll is well");
    assert_eq!(
        forge.seen(),
        [
            "GET /repos/team/plans/issues/7/comments",
            "GET /repos/team/plans/issues/7/comments",
            "POST /repos/team/plans/issues/7/comments",
        ]
    );

    propose(&ana, plan("p", &[task("build"), task("announce")]));
    let again = pull_request(&sandbox, "two", &forge, "team/plans");
    let ran = again.run("review");
    let comments = forge.comments();
    assert_eq!(comments.len(), 122, "{ran}");
    assert!(comments[121].contains("announce"), "{}", comments[121]);
    assert!(!comments[121].contains("deploy-everything"));
    assert!(again.summary().contains("announce"));
    assert_eq!(
        forge.seen().last().unwrap(),
        "PATCH /repos/team/plans/issues/comments/122"
    );
}

#[test]
fn a_pull_request_that_changes_no_plan_gets_no_comment() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    propose(&ana, plan("p", &[task("build")]));
    let forge = Forge::start();
    let runner = pull_request(&sandbox, "one", &forge, "team/plans");
    runner.run("review").ok();
    assert_eq!(forge.comments(), Vec::<String>::new());
    // An existing comment is updated.
    forge.has("github-actions[bot]", "<!-- planspec review  -->\nold");
    runner.run("review").ok();
    assert!(
        !forge.comments()[0].contains("old"),
        "{:?}",
        forge.comments()
    );
}

#[test]
fn of_a_fork_without_a_token_or_without_the_right_the_summary_has_the_review() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let forge = Forge::start();
    let fork = pull_request(&sandbox, "fork", &forge, "eve/plans");
    let ran = fork.run("review").says("::notice").says("a fork");
    assert!(ran.code < 2, "{ran}");
    assert!(fork.summary().contains("deploy-everything"));
    let silent = pull_request(&sandbox, "silent", &forge, "team/plans").with("INPUT_TOKEN", "");
    silent.run("review").says("no token");
    assert!(silent.summary().contains("deploy-everything"));
    let off = pull_request(&sandbox, "off", &forge, "team/plans").with("INPUT_COMMENT", "false");
    off.run("review");
    assert_eq!(forge.seen(), Vec::<String>::new());
    forge.refuses(403);
    let refused = pull_request(&sandbox, "refused", &forge, "team/plans");
    let ran = refused.run("review").says("::warning").says("HTTP 403");
    assert!(ran.code < 2, "what cannot be written fails nothing: {ran}");
    assert!(refused.summary().contains("deploy-everything"));
    assert_eq!(forge.comments(), Vec::<String>::new());
}

#[test]
fn with_the_token_of_the_base_a_fork_is_read_and_never_checked_out() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let forge = Forge::start();
    let head = ana.git("rev-parse topic");
    let payload = json!({"pull_request": {"number": 7, "head": {
        "sha": head, "repo": {"full_name": "eve/plans"}}}});
    let event = "pull_request_target";
    let runner = Runner::github(&sandbox, "one", event, "refs/heads/main", &payload)
        .with("GITHUB_BASE_REF", "main")
        .with("GITHUB_API_URL", &forge.url)
        .with("INPUT_TOKEN", TOKEN);
    let before = runner.place.git("rev-parse HEAD");
    let ran = runner.run("review");
    assert!(ran.code < 2, "{ran}");
    assert!(forge.comments()[0].contains("deploy-everything"), "{ran}");
    assert_eq!(runner.place.git("rev-parse HEAD"), before);
    assert_eq!(runner.place.git("status --porcelain"), "");
}

#[test]
fn a_review_that_could_not_look_is_an_error() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let forge = Forge::start();
    let runner =
        pull_request(&sandbox, "one", &forge, "team/plans").with("GITHUB_BASE_REF", "gone");
    runner
        .run("review")
        .exits(1)
        .says("::error title=planspec::there is no review")
        .notes("git ls-remote origin");
    assert_eq!(forge.comments(), Vec::<String>::new());
    // An existing comment must not look as if it were about this commit.
    forge.has("github-actions[bot]", "<!-- planspec review  -->\nall well");
    let says_so = |forge: &Forge| {
        let comment = forge.comments().pop().unwrap();
        assert!(comment.contains("could not be reviewed"), "{comment}");
        assert!(!comment.contains("all well"), "{comment}");
        assert!(
            comment.contains("[log](https://forge.example/team/plans/actions/runs/12)"),
            "{comment}"
        );
    };
    let runner = runner
        .with("GITHUB_SERVER_URL", "https://forge.example")
        .with("GITHUB_RUN_ID", "12");
    runner.run("review").exits(1);
    says_so(&forge);
    // The same without a program, and with one that a signal kills.
    let tools = sandbox.folder("tools");
    tools.write_executable("planspec", "#!/bin/sh\nkill -9 $$\n");
    for (name, program, mode, code) in [
        ("none", "", "review", 2),
        (
            "killed",
            tools.dir.join("planspec").to_str().unwrap(),
            "review",
            137,
        ),
        ("unbuilt", "", "unreviewed", 0),
    ] {
        let id = forge.comments().len() - 1;
        forge.state.lock().unwrap().comments[id]["body"] =
            json!("<!-- planspec review  -->\nall well");
        let ran = pull_request(&sandbox, name, &forge, "team/plans")
            .with("INPUT_PROGRAM", program)
            .with("GITHUB_SERVER_URL", "https://forge.example")
            .with("GITHUB_RUN_ID", "12")
            .run(mode);
        assert_eq!(ran.code, code, "{ran}");
        says_so(&forge);
    }
    assert_eq!(forge.comments().len(), 1);
    let note = "<!-- planspec review  -->\nall well";
    forge.state.lock().unwrap().comments[0] = comment_of_bot(note);
    on_gitlab(&sandbox, "gitlab", &forge, true)
        .with("INPUT_PROGRAM", "")
        .with(
            "CI_JOB_URL",
            "https://forge.example/team/plans/actions/runs/12",
        )
        .run("review")
        .exits(2);
    says_so(&forge);
}

/// The runs that a pull request touches are on the status branch, which a checkout in CI does not have.
#[test]
fn the_review_names_the_runs_that_a_pull_request_touches_or_says_that_they_are_unknown() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("reconcile").ok();
    let forge = Forge::start();
    let runner = pull_request(&sandbox, "known", &forge, "team/plans");
    runner.run("review");
    let comment = forge.comments().pop().unwrap();
    assert!(comment.contains("### Runs"), "{comment}");
    assert!(comment.contains("default/run"), "{comment}");
    // A pull request cannot choose the remote whose runs it is compared with.
    ana.publish(".planspec.yaml", "status: {branch: planspec/status}\n");
    propose(&ana, plan("p", &[task("build"), task("announce")]));
    let hidden = pull_request(&sandbox, "hidden", &forge, "team/plans");
    hidden.run("review");
    let comment = forge.comments().pop().unwrap();
    assert!(comment.contains("default/run"), "{comment}");
    // If the status branch is missing, the review does not look as if there were no runs.
    ana.git("push -q origin :refs/heads/planspec/status");
    let unknown = pull_request(&sandbox, "unknown", &forge, "team/plans");
    let ran = unknown.run("review");
    assert!(ran.code < 2, "{ran}");
    let comment = forge.comments().pop().unwrap();
    assert!(comment.contains("runs unknown"), "{comment}");
    assert!(comment.contains("announce"), "{comment}");
    let range = "refs/remotes/origin/main...HEAD";
    let json = unknown
        .place
        .run(&format!("review {range} -o json"))
        .answer("Review");
    assert_eq!(json["statusKnown"], false);
    assert!(json["runsUnknown"].as_str().unwrap().contains("is gone"));
}

/// The review compares the pushed head, not the test merge of the forge.
#[test]
fn the_head_of_a_pull_request_is_reviewed() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let head = ana.git("rev-parse topic");
    let payload = json!({"pull_request": {"number": 7, "head": {"sha": head, "repo": {"full_name": "team/plans"}}}});
    let forge = Forge::start();
    let runner = Runner::github(
        &sandbox,
        "one",
        "pull_request",
        "refs/pull/7/merge",
        &payload,
    )
    .with("GITHUB_BASE_REF", "main")
    .with("GITHUB_API_URL", &forge.url)
    .with("INPUT_TOKEN", TOKEN);
    assert_ne!(runner.place.git("rev-parse HEAD"), head);
    runner.run("review");
    let comment = forge.comments().pop().unwrap();
    assert!(comment.contains(&head[..10]), "{comment}");
    // A job that runs again after another push leaves the comment alone; after the same one it updates it.
    let old = "<!-- planspec review  -->\nlater";
    for (now, stays) in [("0".repeat(40), true), (head.clone(), false)] {
        {
            let mut state = forge.state.lock().unwrap();
            state.comments[0]["body"] = json!(old);
            state.head = Some(now);
        }
        let ran = runner.run("review");
        assert_eq!(forge.comments()[0] == old, stays, "{ran}");
        assert_eq!(ran.out.contains("another push"), stays, "{ran}");
    }
    let merge = on_gitlab(&sandbox, "gitlab", &forge, true).with("CI_COMMIT_SHA", &"1".repeat(40));
    forge.state.lock().unwrap().comments[0] = comment_of_bot(old);
    merge.run("review").notes("another push");
    assert_eq!(forge.comments(), [old]);
}

fn comment_of_bot(body: &str) -> Value {
    comment(1, "bot", body)
}

/// A runner whose calls of `git` are recorded.
fn counting<'a>(sandbox: &Sandbox, runner: Runner<'a>) -> (Runner<'a>, PathBuf) {
    let tools = sandbox.folder("counting");
    let asked = tools.dir.join("asked");
    let path = std::env::var("PATH").unwrap();
    let git = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file());
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>'{}'\nexec '{}' \"$@\"\n",
        asked.display(),
        git.unwrap().display()
    );
    tools.write_executable("git", &script);
    let runner = runner.with("PATH", &format!("{}:{path}", tools.dir.display()));
    (runner, asked)
}

/// How often a remote was asked, by Git subcommand.
fn asked_of(asked: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let text = std::fs::read_to_string(asked).unwrap();
    for word in text.split_whitespace() {
        if ["ls-remote", "fetch", "push"].contains(&word) {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    std::fs::remove_file(asked).unwrap();
    counts
}

/// One listing, the fetches of the compared commits and of the status, and one for each deepening of a shallow clone.
#[test]
fn a_job_looks_once() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("reconcile").ok();
    let forge = Forge::start();
    let head = ana.git("rev-parse topic");
    let payload = json!({"pull_request": {"number": 7, "head": {"sha": head, "repo": {"full_name": "team/plans"}}}});
    let event = "pull_request";
    let review = Runner::github(&sandbox, "review", event, "refs/pull/7/merge", &payload)
        .with("GITHUB_BASE_REF", "main")
        .with("GITHUB_API_URL", &forge.url)
        .with("INPUT_TOKEN", TOKEN);
    let (review, asked) = counting(&sandbox, review);
    review.run("review");
    assert!(forge.comments()[0].contains("default/run"));
    let counts = asked_of(&asked);
    assert_eq!(counts["ls-remote"], 1, "{counts:?}");
    // Base and status, the head, and the first deepening.
    assert_eq!(counts["fetch"], 3, "{counts:?}");

    ana.run("claim run/build --as agent:a").ok();
    let output = sandbox.path("output");
    let push = Runner::github(&sandbox, "push", "push", "refs/heads/main", &json!({}))
        .with("GITHUB_OUTPUT", output.to_str().unwrap());
    let (push, asked) = counting(&sandbox, push);
    push.run("reconcile").ok();
    let counts = asked_of(&asked);
    // The status with the checked-out branch, and the record.
    let expected = [("fetch", 2), ("ls-remote", 1), ("push", 1)];
    let expected = expected.map(|(what, times)| (what.to_owned(), times));
    assert_eq!(counts, BTreeMap::from(expected));
    let jobs = std::fs::read_to_string(&output).unwrap();
    assert_eq!(jobs, "matrix={\"include\":[]}\n");
}

#[test]
fn where_there_is_no_plan_yet_there_are_no_jobs() {
    let sandbox = Sandbox::new();
    sandbox.team("ana");
    let output = sandbox.path("output");
    let runner = Runner::github(&sandbox, "one", "push", "refs/heads/main", &json!({}))
        .with("GITHUB_OUTPUT", output.to_str().unwrap());
    runner.run("reconcile").ok();
    let jobs = std::fs::read_to_string(&output).unwrap();
    assert_eq!(jobs, "matrix={\"include\":[]}\n");
}

/// The job page says what failed, and what waits for whom until when, with links; the commit names the job.
#[test]
fn the_summary_of_a_reconcile_names_what_failed_and_what_waits_and_the_commit_its_job() {
    let sandbox = Sandbox::new();
    let tasks = [("build", "", shell("false")), ("test", "", shell("true"))];
    let ana = started(&sandbox, "", &tasks);
    let by_hand = file(&[plan("hand", &[task("think")]), execution("other", "hand")]);
    ana.publish("planspec/hand.yaml", by_hand);
    let runner = |name: &str| {
        Runner::github(&sandbox, name, "push", "refs/heads/main", &json!({}))
            .with("GITHUB_SERVER_URL", "https://forge.example")
            .with("GITHUB_RUN_ID", "41")
    };
    runner("first").run("reconcile").ok();
    ana.git("fetch -q origin");
    ana.run("claim run/build --as ci").ok();
    ana.run("report run/build --failed -m 'a|b <script>' --as ci")
        .ok();
    ana.run("claim run/test --as ci").ok();
    ana.run("report run/test --succeeded --as ci").ok();
    let second = runner("second");
    second.run("reconcile").ok();
    ana.git("fetch -q origin");
    let tip = ana.status_tip();
    let said = ana.git(&format!("show -s --format=%B {tip}"));
    let job = "Job: https://forge.example/team/plans/actions/runs/41";
    assert!(said.lines().any(|line| line == job), "{said}");
    let summary = second.summary();
    let at = format!("https://forge.example/team/plans/blob/{tip}/default/executions/");
    for expected in [
        "### planspec reconcile: 1 failed, 1 waiting",
        "#### ❌ Failed",
        "planspec retry run -n default",
        "#### ⏳ Waiting",
        "anybody to claim it",
        "planspec claim other/think",
        &at,
        &format!("(https://forge.example/team/plans/commit/{tip})"),
    ] {
        assert!(summary.contains(expected), "{expected}: {summary}");
    }
    assert!(!summary.contains("<script>"), "{summary}");
    // The summary repeats it until somebody acts, also when there is nothing to do.
    let third = runner("third");
    third.run("reconcile").ok();
    assert!(
        third.summary().contains("#### ❌ Failed"),
        "{}",
        third.summary()
    );
    assert_eq!(
        ana.git("ls-remote origin refs/heads/planspec/status")
            .split('\t')
            .next(),
        Some(tip.as_str())
    );
    ana.run("audit").ok();
    let refused = ana.run("reconcile --web javascript:x --out markdown=x");
    refused.exits(2).notes("write an address");
    let broken = runner("broken").with("GITHUB_RUN_ID", "42");
    broken.place.git("remote set-url origin file:///nowhere");
    broken.run("reconcile").exits(3);
    assert!(
        broken.summary().contains("### planspec reconcile failed"),
        "{}",
        broken.summary()
    );
}

#[test]
fn a_push_is_reviewed_from_the_commit_before() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.git("checkout -q main");
    let before = ana.git("rev-parse HEAD");
    ana.publish(
        "planspec/p.yaml",
        plan("p", &[task("build"), task("pushed")]),
    );
    ana.publish("README.md", "More\n");
    let runner = |name: &str, before: &str| {
        let payload = json!({"before": before});
        Runner::github(&sandbox, name, "push", "refs/heads/main", &payload)
    };
    let pushed = runner("pushed", &before);
    let ran = pushed.run("review");
    assert!(ran.code < 2, "{ran}");
    assert!(pushed.summary().contains("pushed"), "{}", pushed.summary());
    // A new branch has no commit before it: it is compared with the spec branch.
    let new = runner("new", &"0".repeat(40));
    new.run("review").ok();
    assert!(!new.summary().contains("pushed"), "{}", new.summary());
}

#[test]
fn pushes_schedules_and_hands_reconcile_and_two_at_once_do_no_harm() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    for (event, payload) in [
        ("push", json!({"ref": "refs/heads/main"})),
        ("schedule", json!({"schedule": "*/15 * * * *"})),
        ("workflow_dispatch", json!({"inputs": null})),
        (
            "repository_dispatch",
            json!({"action": "planspec", "client_payload": {}}),
        ),
    ] {
        let runner = Runner::github(&sandbox, event, event, "refs/heads/main", &payload);
        runner.run("reconcile").ok();
        let summary = runner.summary();
        let expected = if event == "push" {
            "build"
        } else {
            "nothing to do"
        };
        assert!(summary.contains(expected), "{event}: {summary}");
        assert!(
            summary.contains("### planspec reconcile: 0 failed, 1 waiting"),
            "{summary}"
        );
    }
    assert_eq!(
        ana.git(&format!("ls-remote origin refs/heads/{STATUS}"))
            .lines()
            .count(),
        1
    );

    ana.run("claim run/build --as agent:a").ok();
    let payload = json!({});
    let [one, two] = ["race-1", "race-2"]
        .map(|name| Runner::github(&sandbox, name, "push", "refs/heads/main", &payload));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| two.run("reconcile"));
        one.run("reconcile").ok();
        other.join().unwrap().ok();
    });
    ana.git("fetch -q origin");
    assert_eq!(ana.node_phase("run/build"), "Running");
    let claimed = ana.history();
    let times = claimed
        .iter()
        .filter(|line| line.contains("build Pending → Running"));
    assert_eq!(times.count(), 1, "{claimed:?}");
}

#[test]
fn a_full_reconcile_is_one_that_looks_at_everything_and_is_audited() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let tools = sandbox.folder("tools");
    let asked = tools.dir.join("asked");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>'{}'\nexec '{PLANSPEC}' \"$@\"\n",
        asked.display()
    );
    tools.write_executable("planspec", &script);
    let program = tools.dir.join("planspec").display().to_string();
    let payload = json!({"schedule": "41 4 * * 1"});
    for (full, expected) in [("true", "--full\naudit\n"), ("false", "/summary\n")] {
        let runner = Runner::github(&sandbox, full, "schedule", "refs/heads/main", &payload);
        let runner = runner
            .with("INPUT_PROGRAM", &program)
            .with("INPUT_FULL", full);
        let ran = runner.run("reconcile").ok();
        // A checkout in CI is shallow: the audit fetched the first status commit.
        let is_audited = ran.out.contains("(the first to ");
        assert_eq!(is_audited, full == "true", "{ran}");
        let asked = std::fs::read_to_string(&asked).unwrap();
        assert!(asked.ends_with(expected), "{asked}");
    }
}

#[test]
fn reconcile_starts_no_loop_and_refuses_pull_requests() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    let payload = json!({});
    let status = format!("refs/heads/{STATUS}");
    let own = Runner::github(&sandbox, "own", "push", &status, &payload);
    own.run("reconcile").ok().says("nothing to do");
    let forge = Forge::start();
    let pull = pull_request(&sandbox, "pull", &forge, "team/plans");
    pull.run("reconcile").exits(2).says("spec branch");
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn a_deployment_waits_for_what_was_said_of_its_commit() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let file = "planspec/tidy.planspec.json";
    ana.git("checkout -q main");
    ana.write("NOTES.md", "Short\n").publish(
        file,
        crate::verified::document("a0716384-d195-4c7f-93a4-7f8091234567"),
    );
    let deploy = |name: &'static str| {
        Runner::github(&sandbox, name, "push", "refs/heads/main", &json!({}))
            .with("INPUT_TARGET", file)
            .with("INPUT_TOKEN", TOKEN)
    };
    let early = deploy("early");
    early
        .run("verified")
        .exits(1)
        .says("missing   notes")
        .says("::error title=planspec::not to be deployed (exit code 1)");
    assert!(
        early.summary().contains("nobody has checked it"),
        "{}",
        early.summary()
    );
    // The test job reports its result for its commit.
    let tested = deploy("tested").place;
    tested.run(&format!("verify {file} --as ci")).ok();
    ana.run(&format!("attest {file} liked --met")).ok();
    let ready = deploy("ready");
    ready.run("verified").ok().says("verified at");
    deploy("after")
        .with("INPUT_AFTER_DEPLOYMENT", "true")
        .run("verified")
        .exits(1)
        .says("missing   calm");
    let verified = ana.git("rev-parse HEAD").trim().to_owned();
    ana.publish("README.md", "Something else\n");
    deploy("later")
        .run("verified")
        .exits(1)
        .says("nobody has checked it");
    deploy("back")
        .with("INPUT_COMMIT", &verified)
        .run("verified")
        .ok();
    deploy("odd")
        .with("INPUT_TARGET", "--help")
        .run("verified")
        .exits(1)
        .notes("nothing has been reconciled yet");
    Runner::github(&sandbox, "none", "push", "refs/heads/main", &json!({}))
        .run("verified")
        .exits(2)
        .says("verified needs INPUT_TARGET");
}

#[test]
fn validate_annotates_and_sums_up() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.git("checkout -q main");
    ana.publish(
        "planspec/broken.yaml",
        plan("q", &[task("one").after("two")]),
    );
    let payload = json!({});
    let broken = Runner::github(&sandbox, "broken", "push", "refs/heads/main", &payload);
    broken
        .run("validate")
        .exits(1)
        .says("::error file=planspec/broken.yaml,line=");
    assert!(
        broken.summary().contains("    planspec/broken.yaml:"),
        "{}",
        broken.summary()
    );
    let sound = Runner::github(
        &sandbox,
        "sound",
        "pull_request",
        "refs/pull/7/merge",
        &payload,
    );
    sound.run("validate").ok();
}

#[test]
fn what_stands_in_names_and_events_is_never_run() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let forge = Forge::start();
    let evil = "main$(touch pwned);`touch pwned`";
    let runner = pull_request(&sandbox, "one", &forge, "team/plans")
        .with("GITHUB_BASE_REF", evil)
        .with("INPUT_PLAN", "p\"; touch pwned; \"\n::error::x");
    let ran = runner.run("review").exits(1);
    assert!(!runner.place.has("pwned"), "{ran}");
    runner.run("$(touch pwned)").exits(2);
    assert!(!runner.place.has("pwned"));
    let lines = ran
        .out
        .lines()
        .filter(|line| line.starts_with("::error::x"));
    assert_eq!(lines.count(), 0, "{ran}");
}

#[test]
fn on_gitlab_the_review_is_a_note_and_the_findings_a_report() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let forge = Forge::start();
    let runner = |name: &str| on_gitlab(&sandbox, name, &forge, true);
    let first = runner("first");
    let ran = first.run("review");
    assert!(ran.code < 2, "{ran}");
    first.run("validate").ok();
    let report: Value =
        serde_json::from_str(&first.place.read("gl-code-quality-report.json")).unwrap();
    assert!(report.is_array());
    propose(&ana, plan("p", &[task("build"), task("announce")]));
    runner("second").run("review");
    assert_eq!(forge.comments().len(), 1);
    assert!(forge.comments()[0].contains("announce"));
    let seen = forge.seen();
    assert!(
        seen.contains(&"POST /projects/3/merge_requests/7/notes".to_owned()),
        "{seen:?}"
    );
    assert!(
        seen.contains(&"PUT /projects/3/merge_requests/7/notes/1".to_owned()),
        "{seen:?}"
    );
    let fork = runner("fork").with("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "4");
    fork.run("review").notes("a fork");
    assert_eq!(forge.seen(), Vec::<String>::new());
}

#[test]
fn install_takes_the_program_that_is_named_and_hands_it_on() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let payload = json!({});
    let runner = Runner::github(&sandbox, "one", "push", "refs/heads/main", &payload);
    let paths = sandbox.path("one-runner/path");
    let runner = runner.with("GITHUB_PATH", paths.to_str().unwrap());
    runner.run("install").ok();
    let folder = Path::new(PLANSPEC).parent().unwrap();
    let handed = std::fs::read_to_string(paths).unwrap();
    assert_eq!(Path::new(handed.trim_end()), folder);
    let [one, two] = [0, 1].map(|_| runner.run("key").ok().out);
    assert_eq!((one.trim_end().len(), &one), (64, &two));
    let nothing = Runner::github(&sandbox, "none", "push", "refs/heads/main", &payload)
        .with("INPUT_PROGRAM", "/nowhere/planspec");
    nothing.run("install").exits(2).says("cannot be run");
}

/// A runner that names no program, with a folder at the front of its search path.
fn with_programs<'a>(sandbox: &'a Sandbox, name: &str) -> (Runner<'a>, PathBuf) {
    let programs = sandbox.path(&format!("{name}-programs"));
    std::fs::create_dir_all(&programs).unwrap();
    let path = std::env::var("PATH").unwrap();
    let runner = Runner::github(sandbox, name, "push", "refs/heads/main", &json!({}))
        .with("INPUT_PROGRAM", "")
        .with(
            "RUNNER_TEMP",
            sandbox.path(&format!("{name}-temp")).to_str().unwrap(),
        )
        .with("PATH", &format!("{}:{path}", programs.display()));
    (runner, programs)
}

#[test]
fn the_program_on_the_path_is_run_and_not_the_script_itself() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let (runner, programs) = with_programs(&sandbox, "one");
    std::os::unix::fs::symlink(PLANSPEC, programs.join("planspec")).unwrap();
    runner.run("install").ok().notes("planspec ");
    for mode in ["validate", "review", "reconcile"] {
        runner.run(mode).ok();
    }
    assert!(runner.summary().contains("planspec reconcile"));
}

#[test]
fn where_there_is_no_program_install_builds_one() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let (runner, programs) = with_programs(&sandbox, "one");
    runner
        .run("review")
        .exits(2)
        .says("run \"ci.sh install\" first");
    // Leaves what `cargo install --root FOLDER` leaves, without the build.
    let cargo = format!(
        "#!/bin/sh\nwhile [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\"\ncp {PLANSPEC} \"$2/bin/planspec\"\n"
    );
    let at = programs.join("cargo");
    std::fs::write(&at, cargo).unwrap();
    std::fs::set_permissions(&at, PermissionsExt::from_mode(0o755)).unwrap();
    runner.run("install").ok().notes("planspec ");
    assert!(sandbox.path("one-temp/planspec/bin/planspec").exists());
    runner.run("reconcile").ok();
}

/// A forge with releases: it serves the files of a folder.
fn releases(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // The thread ends with the test program.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = head.next().unwrap().unwrap();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let path = first.split(' ').nth(1).unwrap().trim_start_matches('/');
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    url
}

/// A release, in the repository `team/fork`, of the source that the script belongs to.
fn released(sandbox: &Sandbox) -> (String, PathBuf) {
    let place = sandbox.folder("dist");
    let script = |words: &str| {
        let mut command = place.command("bash");
        command.arg(script()).args(words.split(' '));
        Ran::of(words, command.output().unwrap()).ok().out
    };
    let version = script("version").trim().to_owned();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let folder = sandbox.path(&format!("forge/team/fork/releases/download/v{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    place.write_executable("planspec", "#!/bin/sh\necho planspec as released\n");
    for target in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        let archive = folder.join(format!("planspec-{version}-{target}.tar.gz"));
        let mut tar = place.command("tar");
        tar.arg("-czf").arg(archive).arg("planspec");
        assert!(tar.status().unwrap().success());
    }
    let list = script(&format!("release {}", folder.display()));
    assert_eq!(list.lines().count(), 5, "{list}");
    std::fs::write(folder.join(format!("planspec-{version}.txt")), list).unwrap();
    (releases(sandbox.path("forge")), folder)
}

/// A runner with stubs of `gh` and `cargo`, which record their arguments and the token.
fn with_stubs<'a>(sandbox: &'a Sandbox, name: &str, attests: bool) -> Runner<'a> {
    let (runner, programs) = with_programs(sandbox, name);
    let asked = sandbox.path(&format!("{name}-asked")).display().to_string();
    let stub = |program: &str, script: &str| {
        let path = programs.join(program);
        let text = format!(
            "#!/bin/sh\necho {program} \"$@\" >>{asked}\nenv | grep {TOKEN} >>{asked}-tokens-{program}\n{script}"
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    stub("gh", if attests { "exit 0\n" } else { "exit 1\n" });
    stub(
        "cargo",
        "while [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\"\nprintf '#!/bin/sh\\necho planspec as built\\n' >\"$2/bin/planspec\"\nchmod +x \"$2/bin/planspec\"\n",
    );
    runner.with("INPUT_TOKEN", TOKEN)
}

/// The action takes the program that its own repository has released from its own source, if that is attested, and
/// builds one otherwise.
#[test]
fn what_was_released_of_the_source_of_the_action_is_taken_and_else_it_is_built() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let (url, folder) = released(&sandbox);
    let asked = |name: &str| {
        let read = |what: &str| {
            std::fs::read_to_string(sandbox.path(&format!("{name}-asked{what}")))
                .unwrap_or_default()
        };
        (read(""), read("-tokens-gh"), read("-tokens-cargo"))
    };
    let of_fork = ("ACTION_REPOSITORY", "team/fork");
    let by_path = ("GITHUB_ACTION_PATH", "/runner/_actions/team/fork/0a1b2c");
    for (name, (variable, value)) in [("named", of_fork), ("path", by_path)] {
        let runner = with_stubs(&sandbox, name, true)
            .with("GITHUB_SERVER_URL", &url)
            .with(variable, value);
        runner.run("install").ok().notes("planspec as released");
        let (asked, of_gh, _) = asked(name);
        assert!(!asked.contains("cargo"), "{asked}");
        let expected = "--repo team/fork --signer-workflow team/fork/.github/workflows/release.yml";
        assert!(asked.contains(expected), "{asked}");
        let tag = format!("--source-ref refs/tags/v{}", env!("CARGO_PKG_VERSION"));
        assert!(asked.contains(&tag), "{asked}");
        assert!(of_gh.contains("GH_TOKEN"), "{of_gh}");
    }
    let built = |name: &'static str, variable: (&str, &str), attests: bool| {
        let runner = with_stubs(&sandbox, name, attests)
            .with("GITHUB_SERVER_URL", &url)
            .with(variable.0, variable.1);
        let ran = runner.run("install").ok().notes("planspec as built");
        let (_, _, of_cargo) = asked(name);
        assert!(
            !of_cargo.contains("INPUT_TOKEN") && !of_cargo.contains("GH_TOKEN"),
            "{of_cargo}"
        );
        ran
    };
    // A repository without releases, an unknown version, an invalid name.
    built("none", ("ACTION_REPOSITORY", "team/other"), true);
    built(
        "here",
        ("GITHUB_ACTION_PATH", "/checkout/.planspec-action"),
        true,
    );
    built("odd", ("ACTION_REPOSITORY", "team/fork/../../x"), true);
    built("unattested", of_fork, false).says("nobody attests that team/fork made its release");
    let version = env!("CARGO_PKG_VERSION");
    let list = folder.join(format!("planspec-{version}.txt"));
    let text = std::fs::read_to_string(&list).unwrap();
    let (source, sums) = text.split_once('\n').unwrap();
    // An archive that does not match the list.
    let others = sums
        .lines()
        .map(|line| format!("{}{}\n", "4".repeat(64), &line[64..]));
    std::fs::write(&list, format!("{source}\n{}", others.collect::<String>())).unwrap();
    let ran = built("other", of_fork, true);
    ran.says("is not what its list says");
    // The source has changed since the release.
    let old = format!("source {}\n{sums}", "0".repeat(40));
    std::fs::write(&list, old).unwrap();
    let ran = built("later", of_fork, true);
    assert!(!ran.out.contains("::warning"), "{ran}");
}

#[test]
fn no_value_from_outside_stands_in_a_script_of_the_action_or_the_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![
        root.join("action.yml"),
        root.join(".github/workflows/release.yml"),
        root.join(".github/workflows/site.yml"),
        root.join("src/service/init/workflow.yml"),
        root.join("src/service/init/workflow-by-variables.yml"),
    ];
    let examples = std::fs::read_dir(root.join("examples/ci")).unwrap();
    files.extend(examples.map(|entry| entry.unwrap().path()));
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        assert!(
            !text.contains("cargo install --locked planspec"),
            "{}",
            path.display()
        );
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            match value {
                Value::Array(items) => todo.extend(items),
                Value::Object(fields) => {
                    for (name, value) in fields {
                        let script = value.as_str().filter(|_| name == "run");
                        let clean = script.is_none_or(|script| !script.contains("${{"));
                        assert!(clean, "{}: {value}", path.display());
                        todo.push(value);
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_summary_is_cut_and_cannot_be_left() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.git("checkout -q main");
    let many: Vec<String> = (0..1500)
        .map(|n| plan(&format!("p{n}"), &[task("one").after("two")]))
        .collect();
    ana.publish("planspec/many.yaml", file(&many));
    let payload = json!({});
    let runner = Runner::github(&sandbox, "one", "push", "refs/heads/main", &payload);
    let ran = runner.run("validate").exits(1);
    let annotations = ran.out.lines().filter(|line| line.starts_with("::error "));
    assert!(annotations.count() <= 10);
    let summary = runner.summary();
    assert!(summary.len() < 100_000, "{}", summary.len());
    assert!(summary.contains("(cut: "), "{summary}");
}

/// A runner of the job of one node.
fn for_node<'a>(sandbox: &'a Sandbox, name: &str, node: &str) -> Runner<'a> {
    let reports = sandbox.path("reports");
    Runner::github(sandbox, name, "push", "refs/heads/main", &json!({}))
        .with("INPUT_NAMESPACE", "default")
        .with("INPUT_NODE", node)
        .with("INPUT_REPORTS", reports.to_str().unwrap())
        .with("TMPDIR", sandbox.path("tmp").to_str().unwrap())
}

/// The jobs of a child pipeline: their variables, by name.
fn jobs_of(pipeline: &str) -> BTreeMap<String, Value> {
    let pipeline: Value = serde_json::from_str(pipeline).unwrap();
    let jobs = pipeline.as_object().unwrap().iter();
    let jobs = jobs.filter(|(name, _)| *name != "include");
    jobs.map(|(name, job)| (name.clone(), job.clone()))
        .collect()
}

#[test]
fn on_gitlab_the_nodes_are_jobs_of_a_child_pipeline() {
    let sandbox = Sandbox::new();
    let tasks = [("build", "", shell("true")), ("test", "", shell("true"))];
    let ana = started(&sandbox, "", &tasks);
    let runner = |name: &str, job: &Value| {
        let variables = [
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_BRANCH", "main"),
            ("INPUT_PROGRAM", PLANSPEC),
            ("INPUT_JOBS", "planspec-jobs.yml"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reports = sandbox.path("reports");
        let runner = Runner {
            place: checkout(&sandbox, name, "refs/heads/main"),
            variables: variables.into(),
        };
        let runner = runner.with("INPUT_REPORTS", reports.to_str().unwrap());
        let of_job = job["variables"].as_object().into_iter().flatten();
        of_job.fold(runner, |runner, (name, value)| {
            runner.with(name, value.as_str().unwrap())
        })
    };
    let first = runner("first", &Value::Null);
    first.run("reconcile").ok();
    let jobs = jobs_of(&first.place.read("planspec-jobs.yml"));
    let names: Vec<&str> = jobs.keys().map(String::as_str).collect();
    assert_eq!(names, ["carry 1", "carry 2", "work 1", "work 2"]);
    let templates =
        std::fs::read_to_string(script().with_file_name("../examples/ci/gitlab-jobs.yml"));
    let templates: Value = serde_yaml::from_str(&templates.unwrap()).unwrap();
    for job in jobs.values() {
        let template = &templates[job["extends"].as_str().unwrap()];
        let (is_work, has_token) = (job["needs"].is_null(), !template["environment"].is_null());
        assert_ne!(is_work, has_token, "{job}");
    }
    for number in ["1", "2"] {
        let [work, carry] = ["work", "carry"].map(|kind| format!("{kind} {number}"));
        assert_eq!(jobs[&carry]["needs"], json!([work]));
        runner(&format!("work-{number}"), &jobs[&work])
            .run("work")
            .ok();
        let carrier = runner(&format!("carry-{number}"), &jobs[&carry]);
        carrier.run("carry").ok();
        carrier.run("reconcile").ok();
        std::fs::remove_dir_all(sandbox.path("reports")).unwrap();
    }
    ana.git("fetch -q origin");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let last = runner("last", &Value::Null);
    last.run("reconcile").ok();
    let jobs = jobs_of(&last.place.read("planspec-jobs.yml"));
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["nothing to do"]);
}

/// A job that runs commands has no write access to the repository; another job carries its reports, and runs no
/// command.
#[test]
fn the_job_that_runs_commands_writes_nothing_and_another_carries_what_it_leaves() {
    let sandbox = Sandbox::new();
    let script = "env; git config --list; git push origin HEAD:refs/heads/stolen && exit 1; echo built >built";
    let tasks = [("build", "", shell(script)), ("test", "", shell("true"))];
    let ana = started(&sandbox, "", &tasks);
    let by_hand = file(&[plan("hand", &[task("think")]), execution("other", "hand")]);
    ana.publish("planspec/hand.yaml", by_hand);
    let output = sandbox.path("output");
    let first = Runner::github(&sandbox, "first", "push", "refs/heads/main", &json!({}))
        .with("GITHUB_OUTPUT", output.to_str().unwrap());
    first.run("reconcile").ok();
    let written = std::fs::read_to_string(&output).unwrap();
    let matrix: Value = serde_json::from_str(written.strip_prefix("matrix=").unwrap()).unwrap();
    let jobs = matrix["include"].as_array().unwrap().iter();
    let nodes: Vec<&str> = jobs.map(|job| job["node"].as_str().unwrap()).collect();
    assert_eq!(
        nodes,
        ["build", "test"],
        "what people do is no job: {matrix}"
    );
    for node in nodes {
        let before = ana.git("ls-remote origin");
        let work = for_node(&sandbox, &format!("work-{node}"), &format!("run/{node}"))
            .with("INPUT_TOKEN", TOKEN)
            .with("GITHUB_SERVER_URL", "https://forge.example");
        let ran = work.run("work").ok();
        assert!(!ran.out.contains("stolen"), "{ran}");
        assert_eq!(ana.git("ls-remote origin"), before, "nothing is written");
        let carry = for_node(&sandbox, &format!("carry-{node}"), &format!("run/{node}"));
        carry.run("carry").ok();
        carry.run("reconcile").ok();
        std::fs::remove_dir_all(sandbox.path("reports")).unwrap();
    }
    ana.git("fetch -q origin");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(ana.phase("execution/other"), "Running");
    assert_eq!(ana.git("ls-remote origin refs/heads/stolen"), "");
    let log = ana.run("logs run/build").ok();
    assert!(
        !log.out.contains(TOKEN) && !log.out.contains("remote.origin"),
        "{log}"
    );
    // Nothing to do, and nothing to carry.
    for_node(&sandbox, "work-again", "run/build").run("work");
    for_node(&sandbox, "carry-again", "run/build")
        .run("carry")
        .ok()
        .says("nothing to carry");
}

/// Where reports have to be signed, only the carrying job has a key that counts.
#[test]
fn what_is_carried_is_signed_by_whoever_carries_it() {
    let sandbox = Sandbox::new();
    let criteria =
        "acceptanceCriteria: [{type: command_succeeds, name: there, command: test, args: [-e, f]}]";
    let tasks = [("build", criteria, shell("echo x >f"))];
    let ana = started(
        &sandbox,
        "approvals: {requireSigned: [reports, verifications]}\n",
        &tasks,
    );
    let public = key(&ana, "ci");
    ana.publish(SIGNERS, format!("ci {public}\n"));
    let secret = std::fs::read_to_string(sandbox.path("keys/ci")).unwrap();
    let work = for_node(&sandbox, "work", "run/build");
    work.run("work").ok();
    let reports = sandbox.path("reports/reports.bundle");
    let carry = for_node(&sandbox, "carry", "run/build").with("INPUT_SIGNING_KEY", &secret);
    let ran = carry.run("carry").ok();
    assert!(
        !ran.err.contains("PRIVATE KEY") && reports.exists(),
        "{ran}"
    );
    carry.run("reconcile").ok();
    ana.git("fetch -q origin");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("log execution/run -o json").ok().says("SHA256:");
    ana.run("audit").ok();
}

#[test]
fn what_is_carried_is_of_that_node_and_that_actor() {
    let sandbox = Sandbox::new();
    let tasks = [("build", "", shell("true")), ("test", "", shell("true"))];
    let ana = started(&sandbox, "", &tasks);
    let uid = ana.get("execution/run")["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    for_node(&sandbox, "work", "run/build").run("work").ok();
    let before = ana.git("ls-remote origin");
    for_node(&sandbox, "other", "run/test")
        .run("carry")
        .exits(2)
        .says("does not belong to run/test");
    let actor = for_node(&sandbox, "actor", "run/build").with("INPUT_ACTOR", "ana@example.com");
    actor
        .run("carry")
        .exits(2)
        .says("holds a record of somebody else than ana@example.com");
    // A job that took over adds to its bundle.
    let bundle = sandbox.path("reports/reports.bundle").display().to_string();
    let evil = sandbox.repository("evil");
    evil.git(&format!(
        "fetch -q file://{} main",
        sandbox.path("origin.git").display()
    ));
    evil.git(&format!("fetch -q {bundle} +refs/*:refs/*"));
    for (name, says) in [
        ("refs/heads/main", "does not belong"),
        ("refs/heads/planspec/status", "does not belong"),
        ("refs/planspec/status", "does not belong"),
        (
            &format!("refs/planspec/reviews/default/gate/{uid}/ana"),
            "does not belong",
        ),
        (
            &format!("refs/planspec/work/default/run/{uid}/build/2"),
            "somebody else than ci",
        ),
    ] {
        let blob = evil.git_with("hash-object -w --stdin", "actor: ana@example.com\n");
        let tree = evil.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
        let commit = evil.git(&format!("commit-tree -m evil {tree}"));
        evil.git(&format!("update-ref {name} {commit}"));
        evil.git(&format!("bundle create -q {bundle} --all"));
        let runner = for_node(
            &sandbox,
            &format!("evil-{}", name.replace('/', "-")),
            "run/build",
        );
        runner.run("carry").exits(2).says(says);
        evil.git(&format!("update-ref -d {name}"));
    }
    assert_eq!(ana.git("ls-remote origin"), before);
    // Another actor held the node in between.
    evil.git(&format!("bundle create -q {bundle} --all"));
    ana.run("claim run/build --as agent:b").ok();
    let before = ana.git("ls-remote origin");
    for_node(&sandbox, "late", "run/build")
        .run("carry")
        .ok()
        .says("somebody else was first");
    assert_eq!(ana.git("ls-remote origin"), before);
}

/// A pull request may commit any file: none is run, and none changes how the program is built.
#[test]
fn a_program_that_is_committed_is_not_run() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.git("checkout -q main");
    let mark = sandbox.path("mark").display().to_string();
    let evil = format!("#!/bin/sh\ntouch {mark}\n");
    for path in [
        ".cache/planspec/bin/planspec",
        "planspec-home/bin/planspec",
        "bin/planspec",
    ] {
        ana.write_executable(path, &evil);
    }
    ana.commit("evil").push();
    for (name, home) in [("none", ""), ("inside", "planspec-home"), ("root", ".")] {
        let place = checkout(&sandbox, name, "refs/heads/main");
        let root = place.dir.display().to_string();
        let home = match home {
            "" => String::new(),
            home => format!("{root}/{home}"),
        };
        let variables = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_DIR", &root),
            ("PLANSPEC_HOME", &home),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let runner = Runner {
            place,
            variables: variables.into(),
        };
        for mode in ["validate", "review", "reconcile"] {
            runner
                .run(mode)
                .exits(2)
                .notes("run \"ci.sh install\" first");
        }
        let said = if home.is_empty() {
            "say where to build"
        } else {
            "not built in the checkout"
        };
        runner.run("install").exits(2).notes(said);
        assert!(!sandbox.path("mark").exists());
    }
}

#[test]
fn what_is_committed_does_not_say_how_the_program_is_built() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.git("checkout -q main");
    let evil = "[build]\nrustc-wrapper = \"./evil\"\n";
    ana.write(".cargo/config.toml", evil)
        .write("rust-toolchain.toml", "[toolchain]\npath = \"evil\"\n");
    ana.write("cargo-home/config.toml", evil);
    ana.commit("evil").push();
    let (runner, programs) = with_programs(&sandbox, "one");
    // As in the workflows: the source is checked out inside the checkout.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at = runner.place.dir.join(".planspec-action/hooks");
    std::fs::create_dir_all(&at).unwrap();
    std::fs::copy(script(), at.join("ci.sh")).unwrap();
    std::fs::copy(root.join("Cargo.toml"), at.join("../Cargo.toml")).unwrap();
    // Files that cargo and rustup read: in the current folder and above it.
    let seen = sandbox.path("seen").display().to_string();
    let cargo = format!(
        "#!/bin/sh\ntest -f Cargo.toml || exit 1\nat=$PWD\nwhile :; do ls $at/.cargo/config.toml $at/rust-toolchain.toml \
         2>/dev/null; test $at = / && break; at=$(dirname $at); done >{seen}\nls $CARGO_HOME/config.toml >>{seen} 2>/dev/null\n\
         while [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\"\ncp {PLANSPEC} \"$2/bin/planspec\"\n"
    );
    let path = programs.join("cargo");
    std::fs::write(&path, cargo).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let workspace = runner.place.dir.display().to_string();
    let runner = runner
        .with("GITHUB_WORKSPACE", &workspace)
        .with("CARGO_HOME", &format!("{workspace}/cargo-home"));
    let mut command = runner.place.command("bash");
    command.arg(at.join("ci.sh")).arg("install");
    command.envs(runner.variables.iter().map(|(name, value)| (name, value)));
    Ran::of("ci.sh install", command.output().unwrap())
        .ok()
        .notes("planspec ");
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), "");
    assert!(sandbox.path("one-temp/planspec/bin/planspec").exists());
}

/// The token is only in the environment of the program, for its own forge.
#[test]
fn the_token_is_in_no_file() {
    let sandbox = Sandbox::new();
    team(&sandbox);
    let tools = sandbox.folder("tools");
    let script = "#!/bin/sh\ngit config --get-all http.https://forge.example/.extraheader >\"$SEEN\"\nexit 0\n";
    tools.write_executable("planspec", script);
    let seen = sandbox.path("seen");
    let runner = Runner::github(&sandbox, "one", "push", "refs/heads/main", &json!({}))
        .with(
            "INPUT_PROGRAM",
            tools.dir.join("planspec").to_str().unwrap(),
        )
        .with("SEEN", seen.to_str().unwrap())
        .with("INPUT_TOKEN", TOKEN)
        .with("GITHUB_SERVER_URL", "https://forge.example");
    runner.run("reconcile").ok();
    let header = std::fs::read_to_string(&seen).unwrap();
    assert!(header.starts_with("AUTHORIZATION: basic "), "{header}");
    let config = runner.place.git("config --list");
    assert!(!config.contains("extraheader"), "{config}");
    // Credentials that the checkout has left are not set twice.
    runner
        .place
        .git("config http.https://forge.example/.extraheader persisted");
    runner.run("reconcile").ok();
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), "persisted\n");
}

/// `init` writes the same workflow with and without variables.
#[test]
fn the_workflows_of_init_differ_in_where_the_action_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service/init");
    let jobs = |name: &str| {
        let text = std::fs::read_to_string(root.join(name)).unwrap();
        let mut value: Value = serde_yaml::from_str(&text).unwrap();
        for job in value["jobs"].as_object_mut().unwrap().values_mut() {
            let condition = job["if"].as_str().unwrap();
            job["if"] = json!(condition.replace("vars.PLANSPEC_REPOSITORY && ", ""));
            let steps = job["steps"].as_array_mut().unwrap();
            steps.retain(|step| step["with"]["repository"].is_null());
            for step in steps {
                let used = step["uses"].as_str().unwrap();
                if !used.starts_with("actions/") {
                    step["uses"] = json!("planspec");
                }
            }
        }
        (value, text)
    };
    let (by_variables, with) = jobs("workflow-by-variables.yml");
    let (direct, without) = jobs("workflow.yml");
    assert_eq!(direct, by_variables);
    assert!(with.contains("vars.") && !without.contains("vars."));
}

/// What `git` sends in jobs of GitHub and GitLab.
const OF_GITHUB: &str = "basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0LXRva2Vu";
const OF_GITLAB: &str = "Basic cGxhbnNwZWM6c2VjcmV0LXRva2Vu";

/// Lets a checkout use HTTP, with credentials in one of the places where a job may have them.
fn ask_over_http(place: &Place<'_>, way: &str, url: &str) {
    let host = url.strip_suffix("/origin.git").unwrap();
    let (key, header) = (
        format!("http.{host}/.extraheader"),
        format!("AUTHORIZATION: {OF_GITHUB}"),
    );
    let url = match way {
        "address" => url.replace("://", &format!("://planspec:{TOKEN}@")),
        _ => url.to_owned(),
    };
    place.git(&format!("remote set-url origin '{url}'"));
    match way {
        "checkout" => {
            place.git(&format!("config '{key}' '{header}'"));
        }
        "included" => {
            let file = place.dir.with_extension("credentials");
            let file = file.display();
            place.git(&format!("config --file '{file}' '{key}' '{header}'"));
            let dir = place.dir.join(".git").canonicalize().unwrap();
            place.git(&format!(
                "config 'includeIf.gitdir:{}.path' '{file}'",
                dir.display()
            ));
        }
        _ => {}
    }
}

/// A GitLab job: of merge request 7, or of the default branch.
fn on_gitlab<'a>(sandbox: &'a Sandbox, name: &str, forge: &Forge, is_merge: bool) -> Runner<'a> {
    let of = if is_merge { "topic" } else { "main" };
    let place = checkout(sandbox, name, &format!("refs/heads/{of}"));
    let runner = Runner {
        place,
        variables: Vec::new(),
    };
    let runner = runner
        .with("GITLAB_CI", "true")
        .with("CI_API_V4_URL", &forge.url)
        .with("CI_PROJECT_ID", "3")
        .with("INPUT_PROGRAM", PLANSPEC)
        .with("INPUT_TOKEN", TOKEN);
    if !is_merge {
        return runner.with("CI_COMMIT_BRANCH", "main");
    }
    runner
        .with("CI_MERGE_REQUEST_IID", "7")
        .with("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "3")
        .with("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
}

/// In its environment, in the configuration of the checkout, in a file that this includes, in the URL of the remote.
#[test]
fn over_http_the_credentials_of_a_job_reach_all_that_it_fetches_and_pushes() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("reconcile").ok();
    let attempts = ["environment", "checkout", "included", "address"];
    for (number, way) in attempts.into_iter().enumerate() {
        let is_gitlab = way == "address";
        let sent = if is_gitlab { OF_GITLAB } else { OF_GITHUB };
        let server = GitServer::guarded(&sandbox.path(""), &ana.command("git"), sent);
        let url = server.url("origin.git");
        let host = url.strip_suffix("/origin.git").unwrap();
        let forge = Forge::start();
        let name = |what: &str| format!("{way}-{what}");
        let review = if is_gitlab {
            on_gitlab(&sandbox, &name("review"), &forge, true)
        } else {
            pull_request(&sandbox, &name("review"), &forge, "team/plans")
                .with("GITHUB_SERVER_URL", host)
        };
        ask_over_http(&review.place, way, &url);
        let ran = review.run("review");
        assert!(ran.code < 2, "{way}: {ran}");
        let comment = forge.comments().pop().unwrap();
        assert!(comment.contains("### Runs"), "{way}: {comment}");

        ana.git("checkout -q main");
        let run = format!("run-{number}");
        ana.publish(&format!("planspec/{run}.yaml"), execution(&run, "p"));
        let push = if is_gitlab {
            on_gitlab(&sandbox, &name("push"), &forge, false)
        } else {
            let payload = json!({});
            Runner::github(&sandbox, &name("push"), "push", "refs/heads/main", &payload)
                .with("INPUT_TOKEN", TOKEN)
                .with("GITHUB_SERVER_URL", host)
        };
        ask_over_http(&push.place, way, &url);
        push.run("reconcile").ok();
        ana.git("fetch -q origin");
        assert_eq!(ana.phase(&format!("execution/{run}")), "Running", "{way}");
    }
    // Without credentials, the job says so and does nothing.
    let server = GitServer::guarded(&sandbox.path(""), &ana.command("git"), OF_GITHUB);
    let none = Runner::github(&sandbox, "none", "push", "refs/heads/main", &json!({}));
    ask_over_http(&none.place, "environment", &server.url("origin.git"));
    none.run("reconcile").exits(3);
    assert!(
        none.summary().contains("reconcile failed"),
        "{}",
        none.summary()
    );
}

/// Every foreign action is pinned to a commit, no checkout leaves a credential, and only a job that runs no command of
/// a plan may write.
#[test]
fn the_workflows_pin_actions_and_part_who_runs_from_who_writes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in [
        "action.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        ".github/workflows/site.yml",
        "src/service/init/workflow.yml",
        "src/service/init/workflow-by-variables.yml",
        "examples/ci/github-review.yml",
        "examples/ci/github-reconcile.yml",
        "examples/ci/github-board.yml",
    ] {
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        let uses = text
            .lines()
            .filter_map(|line| line.split_once("uses: "))
            .map(|(_, what)| what);
        for used in uses.filter(|used| !used.starts_with("./")) {
            let (_, commit) = used.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # ").unwrap();
            assert!(
                commit.len() == 40 && version.starts_with('v'),
                "{path}: {used}"
            );
        }
        let value: Value = serde_yaml::from_str(&text).unwrap();
        for (name, job) in value["jobs"].as_object().into_iter().flatten() {
            let steps = job["steps"].as_array().unwrap();
            let is = |step: &Value, what: &str| {
                step["uses"]
                    .as_str()
                    .is_some_and(|used| used.contains(what))
            };
            for step in steps.iter().filter(|step| is(step, "actions/checkout")) {
                assert_eq!(step["with"]["persist-credentials"], false, "{path}: {name}");
            }
            let runs_commands = steps.iter().any(|step| step["with"]["mode"] == "work");
            let writes = job["permissions"]["contents"] == "write";
            assert!(!(runs_commands && writes), "{path}: {name}");
        }
    }
}
