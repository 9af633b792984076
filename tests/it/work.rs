//! `planspec work`: commands of plans, run by the real program on real repositories.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Answers;
use crate::resources::{capability, execution, execution_with, file, plan, resource, task};
use crate::sandbox::{Place, Ran, SHARED, Sandbox, text};

/// A command that only a signal ends, so that a test can wait for that.
const FOR_EVER: &str = "tail -f /dev/null";

/// A configuration whose command is a script.
pub fn shell(script: &str) -> Value {
    json!({"command": ["sh", "-c", script]})
}

/// A run of tasks, each with further fields and the configuration of its `tool://` target.
pub fn tools(tasks: &[(&str, &str, Value)]) -> String {
    let mut rules = "rules:\n".to_owned();
    for (id, _, config) in tasks {
        rules.push_str(&format!(
            "  - {{selector: {{capabilityRef: {{name: {id}}}}}, target: {{provider: \
             \"tool://{id}\", config: {config}}}}}\n"
        ));
    }
    let nodes: Vec<_> = tasks
        .iter()
        .map(|(id, more, _)| task(id).needs(id).with(more))
        .collect();
    let mut resources: Vec<String> = tasks.iter().map(|(id, _, _)| capability(id)).collect();
    resources.push(resource("Binding", "tools", &rules));
    resources.push(plan("p", &nodes));
    resources.push(execution_with("run", "p", "bindingRef: {name: tools}\n"));
    file(&resources)
}

/// A clone of a new remote with such a run, reconciled once.
pub fn started<'a>(sandbox: &'a Sandbox, config: &str, tasks: &[(&str, &str, Value)]) -> Place<'a> {
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let ana = sandbox.team("ana");
    ana.write(".planspec.yaml", format!("{SHARED}{config}"));
    ana.publish("planspec/all.yaml", tools(tasks));
    ana.run("reconcile").ok();
    ana
}

/// The folder of the work trees of the sandbox's workers.
fn temporary(sandbox: &Sandbox) -> String {
    sandbox.path("tmp").to_str().unwrap().to_owned()
}

/// Runs a worker.
pub fn work(sandbox: &Sandbox, place: &Place<'_>, args: &str) -> Ran {
    place.run_in(&[("TMPDIR", &temporary(sandbox))], &format!("work {args}"))
}

/// Starts a worker without waiting for it.
fn begin(sandbox: &Sandbox, place: &Place<'_>, args: &str) -> Child {
    let mut command = place.planspec(&format!("work {args}"));
    command
        .env("TMPDIR", temporary(sandbox))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn end(child: Child) -> Ran {
    Ran::of("planspec work", child.wait_with_output().unwrap())
}

/// Waits for a change by another process.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &id])
        .status();
    assert!(sent.unwrap().success());
}

/// Whether a process is gone, or a zombie.
fn is_gone(pid: &str) -> bool {
    let stat = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", pid.trim()])
        .output()
        .unwrap();
    let stat = String::from_utf8(stat.stdout).unwrap();
    stat.trim().is_empty() || stat.trim().starts_with('Z')
}

/// Asserts that no worker has left files or work trees behind.
fn assert_tidy(sandbox: &Sandbox, place: &Place<'_>) {
    let left: Vec<PathBuf> = std::fs::read_dir(sandbox.path("tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(place.git("worktree list").lines().count(), 1);
    assert_eq!(place.git("status --porcelain"), "");
}

/// The stored log of an attempt, and the parent of its commit.
fn kept(place: &Place<'_>, node: &str, attempt: u32) -> (String, String) {
    let uid = text(&place.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/results/default/run/{uid}/{node}/{attempt}");
    place.git(&format!("fetch -q origin {name}"));
    let log = place.git("show FETCH_HEAD:log.txt");
    assert_eq!(place.git("ls-tree --name-only FETCH_HEAD"), "log.txt");
    (log, place.git("rev-parse FETCH_HEAD^"))
}

fn path_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_plan_of_commands_runs_to_its_end_with_inputs_outputs_and_what_they_changed() {
    let sandbox = Sandbox::new();
    let build = "echo building \"$PLANSPEC_INPUT_TARGET\" for $PLANSPEC_NAMESPACE/$PLANSPEC_EXECUTION; \
        cp \"$PLANSPEC_INPUTS\" inputs.json; cp \"$PLANSPEC_BRIEF\" brief.md; \
        printf '{\"version\": \"1.2\", \"size\": 3}' > \"$PLANSPEC_OUTPUTS\"";
    let ship = "test \"$PLANSPEC_INPUT_VERSION\" = 1.2 && test \"$PLANSPEC_INPUT_SIZE\" = 3 && echo shipped";
    let ana = started(
        &sandbox,
        "",
        &[
            (
                "build",
                "inputs: {target: web, list: [1, 2]}\noutputs: [{name: version}, {name: size}]\n",
                shell(build),
            ),
            (
                "ship",
                "dependsOn: [build]\ninputs:\n  version: ${nodes.build.outputs.version}\n  size: ${nodes.build.outputs.size}\n",
                shell(ship),
            ),
        ],
    );
    let head = ana.git("rev-parse HEAD");
    work(&sandbox, &ana, "--once --reconcile --as ci@example.com")
        .ok()
        .says("claimed default/run/build attempt 1 as ci@example.com")
        .says("reported default/run/ship attempt 1 as succeeded");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(
        ana.node("run/build")["outputs"],
        json!({"version": "1.2", "size": 3})
    );
    assert_tidy(&sandbox, &ana);
    assert_eq!(ana.git("rev-parse HEAD"), head);

    let (log, commit) = kept(&ana, "build", 1);
    assert_eq!(log, "building web for default/run");
    assert_eq!(
        ana.node("run/build")["extensions"]["report"]["commit"],
        *commit
    );
    assert_eq!(ana.git(&format!("rev-parse {commit}^")), head);
    let inputs: Value =
        serde_json::from_str(&ana.git(&format!("show {commit}:inputs.json"))).unwrap();
    assert_eq!(inputs, json!({"target": "web", "list": [1, 2]}));
    let brief = ana.git(&format!("show {commit}:brief.md"));
    assert!(brief.starts_with("# default/run/build: "), "{brief}");
    assert!(brief.contains("> target: web"), "{brief}");
    assert!(brief.contains("Exit with 0 when it is done"), "{brief}");
    assert!(brief.contains("`$PLANSPEC_OUTPUTS`"), "{brief}");
    assert!(!brief.contains("planspec report"), "{brief}");

    let (log, commit) = kept(&ana, "ship", 1);
    assert_eq!(
        (log.as_str(), commit),
        ("shipped", head),
        "it changed nothing"
    );
    assert!(ana.node("run/ship")["extensions"]["report"]["commit"].is_null());
    let artifacts = &ana.get("execution/run")["status"]["artifacts"];
    let artifact = &artifacts[1];
    assert_eq!(artifact["name"], "log");
    assert_eq!(artifact["path"], "log.txt");
    assert_eq!(artifact["size"], "shipped\n".len());
    assert_eq!(artifact["mediaType"], "text/plain");
    let commit = text(&artifact["metadata"]["commit"]);
    assert_eq!(ana.git(&format!("show {commit}:log.txt")), "shipped");
    work(&sandbox, &ana, "--once")
        .ok()
        .notes("nothing is ready");
}

#[test]
fn it_works_without_a_remote_as_well() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        tools(&[("one", "", shell("echo x > new"))]),
    );
    solo.run("reconcile").ok();
    work(&sandbox, &solo, "")
        .ok()
        .notes("next: planspec reconcile");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    let commit = text(&solo.node("run/one")["extensions"]["report"]["commit"]);
    assert_eq!(solo.git(&format!("show {commit}:new")), "x");
    assert_tidy(&sandbox, &solo);
}

/// A script that builds on the work of the nodes before it.
fn on_top(script: &str) -> Value {
    json!({"command": ["sh", "-c", script], "workspace": "predecessors"})
}

/// Commands that build on each other: a tool is made, nothing is found wrong with it, it is used.
fn pipeline() -> Vec<(&'static str, &'static str, Value)> {
    let make = "printf '#!/bin/sh\\necho made by it > \"$1\"\\n' > tool && chmod +x tool";
    vec![
        ("make", "", shell(make)),
        ("look", "dependsOn: [make]\n", on_top("test -x tool")),
        ("use", "dependsOn: [look]\n", on_top("./tool one.txt")),
        ("aside", "", shell("test ! -e tool; echo aside > two.txt")),
        (
            "last",
            "dependsOn: [use, aside]\n",
            on_top("test -x tool; cat one.txt two.txt > all.txt"),
        ),
        ("apart", "dependsOn: [last]\n", shell("test ! -e tool")),
    ]
}

#[test]
fn commands_build_on_the_work_of_the_nodes_before_them() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &pipeline());
    // Settings of the user have no effect.
    ana.git("config merge.ff only");
    ana.git("config commit.gpgSign true");
    work(&sandbox, &ana, "--once --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let commit = text(&ana.node("run/last")["extensions"]["report"]["commit"]);
    assert_eq!(
        ana.git(&format!("show {commit}:all.txt")),
        "made by it\naside"
    );
    assert_eq!(
        ana.git("log -1 --format=%an,%ae HEAD"),
        "Ana,ana@example.com"
    );
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_shallow_clone_gets_what_the_merge_has_to_know() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &pipeline());
    for number in 0..20 {
        ana.commit(&format!("More history {number}"));
    }
    ana.push();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    work(&sandbox, &ana, "--once --reconcile --provider tool://make").ok();
    work(&sandbox, &ana, "--once --reconcile --provider tool://aside").ok();
    let ben = sandbox.clone_with("--depth=1", &url, "ben");
    work(&sandbox, &ben, "--once --reconcile").ok();
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    assert_tidy(&sandbox, &ben);
}

#[test]
fn work_that_does_not_go_together_fails_the_attempt_and_names_the_files() {
    let sandbox = Sandbox::new();
    let tasks = [
        ("one", "", shell("echo 1 > same.txt; echo 1 > mine.txt")),
        ("two", "", shell("echo 2 > same.txt; echo 2 > yours.txt")),
        ("both", "dependsOn: [one, two]\n", on_top("touch never-run")),
    ];
    let ana = started(&sandbox, "", &tasks);
    work(&sandbox, &ana, "--once --reconcile").ok();
    let both = ana.node("run/both");
    assert_eq!(both["phase"], "Failed");
    let message = text(&both["message"]);
    let expected = "what `two` did does not go together with the work of `one`: same.txt";
    assert!(message.ends_with(expected), "{message}");
    ana.run("logs run/both").ok().says(expected);
    assert_tidy(&sandbox, &ana);
    // Another attempt would fail the same way: the proposal is to retry the nodes before it.
    ana.git("fetch -q");
    let told = ana.run("describe execution run").ok();
    let (_, next) = told.out.split_once("\nNext:\n").unwrap();
    assert_eq!(next, "  planspec retry run/two -n default --again\n");
    ana.run("retry run/two -n default --again --reconcile").ok();
    assert_eq!(ana.node_phase("run/both"), "Pending");
}

#[test]
fn a_shallow_clone_is_enough_to_work_in() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &[("one", "", shell("echo x > new"))]);
    ana.commit("More history").push();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--depth=1", &url, "ben");
    work(&sandbox, &ben, "--reconcile").ok();
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    let (_, commit) = kept(&ana, "one", 1);
    assert_eq!(ana.git(&format!("show {commit}:new")), "x");
    assert_tidy(&sandbox, &ben);
}

#[test]
fn a_command_that_fails_fails_the_attempt_and_the_next_one_may_do_better() {
    let sandbox = Sandbox::new();
    let script = "echo trying; test $PLANSPEC_ATTEMPT = 2 || { echo no luck >&2; exit 7; }";
    let ana = started(&sandbox, "", &[("one", "retries: 1\n", shell(script))]);
    work(&sandbox, &ana, "--reconcile")
        .ok()
        .says("failed: exit code 7: no luck")
        .notes("| no luck");
    let node = ana.node("run/one");
    assert_eq!(
        (&node["extensions"]["failures"], &node["attempt"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(kept(&ana, "one", 1).0, "trying\nno luck");
    // Nothing is offered now, and the answer says why.
    let due = text(&node["extensions"]["notBefore"]);
    let later = format!("note: default/run/one waits for the next attempt at {due} (in 1");
    ana.run("next").ok().notes(&later);
    ana.run("next --provider tool://one").ok().notes(&later);
    ana.run("next --provider tool://two")
        .ok()
        .never_says("next attempt");
    work(&sandbox, &ana, "")
        .ok()
        .notes("nothing is ready")
        .notes(&later);
    work(&sandbox, &ana, "--provider tool://two")
        .ok()
        .never_says("next attempt");
    sandbox.minutes_pass(1);
    ana.run("next").ok().notes(&format!(
        "can be tried again since {due}: planspec reconcile"
    ));
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_worker_whose_lease_ended_while_it_was_away_does_not_say_that_it_reported() {
    let sandbox = Sandbox::new();
    let (begun, go) = (sandbox.path("begun"), sandbox.path("go"));
    let script = format!(
        "touch {}; until test -e {}; do sleep 0.1; done",
        begun.display(),
        go.display()
    );
    let ana = started(&sandbox, "", &[("one", "", shell(&script))]);
    let worker = begin(&sandbox, &ana, "--as agent:slow");
    until(|| begun.exists());
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("reconcile").ok();
    sandbox.minutes_pass(31);
    ben.run("reconcile")
        .ok()
        .says("the lease of agent:slow expired");
    ben.run("claim run/one --as agent:fast --reconcile").ok();
    std::fs::write(&go, "").unwrap();
    let ended = end(worker).ok();
    let ended = ended.says("stopped default/run/one attempt 1: attempt 2 is open");
    assert!(!ended.out.contains("reported"), "{ended}");
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_log_is_printed_wherever_it_is_wanted() {
    let sandbox = Sandbox::new();
    let script =
        "printf 'try %s\\t\\033[1mnow\\033[0m\\r\\n' $PLANSPEC_ATTEMPT; test $PLANSPEC_ATTEMPT = 2";
    let tasks = [
        ("one", "retries: 1\n", shell(script)),
        ("other", "", shell("true")),
    ];
    let ana = started(&sandbox, "", &tasks);
    ana.run("logs run/one").exits(1).notes("attempt 1");
    ana.run("claim run/other --as ben --reconcile").ok();
    ana.run("logs run/other").exits(1).notes("has not ended");
    // A log that is not taken in yet is there as well.
    work(&sandbox, &ana, "--provider tool://one").ok();
    let first = "try 1\t\u{1b}[1mnow\u{1b}[0m\r\n";
    assert_eq!(ana.run("logs run/one").ok().out, first);
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    let printed = ben.run("logs default/run/one").ok();
    assert_eq!(printed.out, first);
    let printed = printed.notes("this is the log of attempt 1; attempt 2 has none yet");
    assert_eq!(printed.err.lines().count(), 1);
    ben.run("logs run/one --attempt 2")
        .exits(1)
        .notes("there are logs of attempts 1");
    sandbox.minutes_pass(1);
    work(&sandbox, &ana, "--provider tool://one --reconcile").ok();
    assert_eq!(
        ben.run("logs run/one").ok().out,
        first.replace("try 1", "try 2")
    );
    let again = ben.run("logs run/one --attempt 1").ok();
    assert_eq!((again.out.as_str(), again.err.as_str()), (first, ""));
    ben.run("logs run/one --attempt 3")
        .exits(1)
        .notes("the current one is 2");
    ben.run("logs run/on").exits(1).notes("did you mean `one`?");
    ben.run("logs run").exits(2).notes("write EXECUTION/NODE");
    ben.git("fetch -q origin");
    let described = ben.run("describe execution run").ok();
    for attempt in [1, 2] {
        kept(&ana, "one", attempt);
        let tip = ana.git("rev-parse FETCH_HEAD");
        let row = format!("one   attempt {attempt}   log   log.txt at {}", &tip[..10]);
        assert!(described.out.contains(&row), "{row}: {described}");
    }
    // It is deleted a month after the end.
    let name = ana
        .inbox()
        .into_iter()
        .find(|name| name.ends_with("/one/1"));
    ana.git(&format!("push -q origin :refs/planspec/{}", name.unwrap()));
    sandbox.place("origin.git").git("gc -q --prune=now");
    let cyd = sandbox.clone_with("--no-local", "origin.git", "cyd");
    cyd.run("logs run/one --attempt 1")
        .exits(1)
        .notes("kept for thirty days");
}

#[test]
fn a_run_that_failed_on_an_old_target_is_to_be_bound_again() {
    let sandbox = Sandbox::new();
    let broken = [("one", "", json!({"command": ["no-such-program"]}))];
    let ana = started(&sandbox, "", &broken);
    let validated = ana.run("validate").ok();
    assert!(!validated.out.contains("PS227"), "{validated}");
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Failed");
    ana.run("describe execution run")
        .ok()
        .says("  planspec logs run/one -n default\n")
        .says("  planspec retry run/one -n default\n")
        .never_says("--rebind");
    ana.publish("planspec/all.yaml", tools(&[("one", "", shell("true"))]));
    // The spec branch is compared, whatever is checked out.
    ana.git("checkout -q --detach HEAD^");
    let described = ana.run("describe execution run").ok();
    let described = described
        .says(
            "Bindings that have changed since:\n  one: pinned to tool://one; binding default/tools now says another config\n",
        )
        .says("  planspec retry run/one -n default --rebind\n")
        .says("  planspec retry run -n default --rebind\n");
    assert!(!described.out.contains("retry run/one -n default\n"));
    ana.git("checkout -q main");
    ana.run("retry run/one -n default --rebind --reconcile")
        .ok();
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("describe execution run")
        .ok()
        .never_says("have changed since");
}

#[test]
fn outputs_that_cannot_be_taken_fail_the_attempt_and_say_why() {
    let table = [
        ("true", "declared outputs are missing: version"),
        (
            "echo '[1]' > $PLANSPEC_OUTPUTS",
            "the outputs are JSON, but not an object",
        ),
        ("echo '{' > $PLANSPEC_OUTPUTS", "the outputs are not JSON"),
        ("mkfifo $PLANSPEC_OUTPUTS", "does not name a regular file"),
        (
            "printf '{\"version\": \"%070000d\"}' 1 > $PLANSPEC_OUTPUTS",
            "the outputs have more than 65536 bytes",
        ),
        (
            "printf '{\"version\": \"%065000d\"}' 1 > $PLANSPEC_OUTPUTS",
            "its outputs cannot be reported",
        ),
    ];
    let ids: Vec<String> = (0..table.len()).map(|n| format!("t{n}")).collect();
    let tasks: Vec<(&str, &str, Value)> = ids
        .iter()
        .zip(&table)
        .map(|(id, (script, _))| (id.as_str(), "outputs: [{name: version}]\n", shell(script)))
        .collect();
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &tasks);
    work(&sandbox, &ana, "--reconcile").ok();
    for (id, (script, why)) in ids.iter().zip(&table) {
        let node = ana.node(&format!("run/{id}"));
        assert_eq!(text(&node["phase"]), "Failed", "{script}");
        assert!(text(&node["message"]).contains(why), "{script}: {node}");
    }
    assert!(ana.unapplied("run").is_empty());
}

#[test]
fn a_hostile_configuration_fails_the_attempt_and_says_why() {
    let table = [
        (
            json!({"command": "rm -rf /"}),
            "`config.command` is not a list",
        ),
        (json!({"command": []}), "`config.command` names no program"),
        (json!({}), "the target has no `config.command`"),
        (
            json!({"command": ["no-such-program"]}),
            "the program `no-such-program` was not found",
        ),
        (
            json!({"command": ["./no-such"]}),
            "the program `./no-such` was not found",
        ),
        (
            json!({"command": ["ls"], "workingDirectory": "../.."}),
            "is outside the work tree",
        ),
        (
            json!({"command": ["ls"], "workingDirectory": "no"}),
            "does not exist in the work tree",
        ),
        (
            json!({"command": ["ls"], "env": {"A": ["x"]}}),
            "`config.env.A` is not a string",
        ),
        (
            json!({"command": ["ls"], "timeout": "soon"}),
            "`config.timeout`",
        ),
        (
            json!({"command": ["ls"], "shell": true}),
            "unknown field `shell`",
        ),
    ];
    let ids: Vec<String> = (0..table.len()).map(|n| format!("t{n}")).collect();
    let tasks: Vec<(&str, &str, Value)> = ids
        .iter()
        .zip(&table)
        .map(|(id, (config, _))| (id.as_str(), "", config.clone()))
        .collect();
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &tasks);
    work(&sandbox, &ana, "--reconcile -j 4").ok();
    for (id, (config, why)) in ids.iter().zip(&table) {
        let node = ana.node(&format!("run/{id}"));
        assert_eq!(text(&node["phase"]), "Failed", "{config}");
        assert!(text(&node["message"]).contains(why), "{config}: {node}");
    }
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_timeout_ends_whatever_the_command_started() {
    let sandbox = Sandbox::new();
    let pids = path_of(&sandbox.path("pids"));
    let script =
        format!("{FOR_EVER} & echo $! >> $PIDS; ({FOR_EVER} & echo $! >> $PIDS; wait) & wait");
    let mut config = shell(&script);
    config["env"] = json!({"PIDS": pids});
    config["timeout"] = json!("2s");
    let ana = started(&sandbox, "", &[("one", "timeout: 1h\n", config)]);
    work(&sandbox, &ana, "--reconcile")
        .ok()
        .says("timed out after 2 s");
    assert_eq!(ana.node_phase("run/one"), "Failed");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        until(|| is_gone(pid));
    }
}

#[test]
fn of_a_flood_the_log_keeps_the_beginning_and_the_end() {
    let sandbox = Sandbox::new();
    let script = "echo begin; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end";
    let ana = started(&sandbox, "", &[("one", "", shell(script))]);
    work(&sandbox, &ana, "--reconcile").ok();
    let (log, _) = kept(&ana, "one", 1);
    assert!(log.starts_with("begin\nxxx") && log.ends_with("xxx\nend"));
    assert!(log.contains("bytes were cut here"));
    assert!(log.len() < 1_100_000);
    let artifact = &ana.get("execution/run")["status"]["artifacts"][0];
    assert_eq!(artifact["size"], log.len() + 1);
}

#[test]
fn nothing_of_the_workers_environment_is_seen() {
    let sandbox = Sandbox::new();
    let mut config = shell("env | sort > env.txt; git rev-parse --show-toplevel > place.txt");
    config["env"] = json!({"EXTRA": "given", "PLANSPEC_NODE": "forged"});
    let ana = started(&sandbox, "", &[("one", "", config)]);
    let git_dir = path_of(&ana.dir.join(".git"));
    let tree = path_of(&ana.dir);
    ana.run_in(
        &[
            ("TMPDIR", &temporary(&sandbox)),
            ("GITHUB_TOKEN", "secret"),
            ("CI_JOB_TOKEN", "secret"),
            ("GIT_DIR", &git_dir),
            ("GIT_WORK_TREE", &tree),
            (
                "GIT_INDEX_FILE",
                &path_of(&ana.dir.join(".git/other-index")),
            ),
            ("SSH_AUTH_SOCK", "/somewhere"),
        ],
        "work --reconcile",
    )
    .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let commit = kept(&ana, "one", 1).1;
    let environment = ana.git(&format!("show {commit}:env.txt"));
    let names: Vec<&str> = environment
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        // Set by the shell itself.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    let all = [
        "EXTRA",
        "HOME",
        "LANG",
        "PATH",
        "PLANSPEC_ATTEMPT",
        "PLANSPEC_BRIEF",
        "PLANSPEC_EXECUTION",
        "PLANSPEC_INPUTS",
        "PLANSPEC_NAMESPACE",
        "PLANSPEC_NODE",
        "PLANSPEC_OUTPUTS",
        "TMPDIR",
    ];
    assert_eq!(names, all, "{environment}");
    assert!(!environment.contains("secret"));
    assert!(environment.contains("PLANSPEC_NODE=one\n"), "{environment}");
    assert!(
        !environment.contains(&path_of(&sandbox.path("home"))),
        "{environment}"
    );
    let place = ana.git(&format!("show {commit}:place.txt"));
    assert!(place.starts_with(&temporary(&sandbox)), "{place}");
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_worker_that_is_asked_to_end_gives_its_claim_back() {
    for name in ["-TERM", "-INT"] {
        let sandbox = Sandbox::new();
        let mark = path_of(&sandbox.path("mark"));
        let mut config = shell(&format!(
            "{FOR_EVER} & echo $! > $MARK.draft; mv $MARK.draft $MARK; wait"
        ));
        config["env"] = json!({"MARK": mark});
        let ana = started(
            &sandbox,
            "",
            &[("one", "", config), ("two", "", shell("true"))],
        );
        let worker = begin(&sandbox, &ana, "--watch --provider tool://one");
        until(|| Path::new(&mark).exists());
        signal(&worker, name);
        end(worker).ok().says("gave back default/run/one attempt 1");
        let pid = std::fs::read_to_string(&mark).unwrap();
        until(|| is_gone(&pid));
        ana.run("reconcile").ok();
        let node = ana.node("run/one");
        assert_eq!(
            (text(&node["phase"]).as_str(), &node["attempt"]),
            ("Pending", &json!(2))
        );
        assert!(
            text(&node["message"]).contains("the worker was stopped"),
            "{node}"
        );
        assert_eq!(ana.node_phase("run/two"), "Pending", "it was not meant");
        assert_tidy(&sandbox, &ana);
    }
}

#[test]
fn a_command_stops_when_its_run_is_cancelled() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let mut config = shell(&format!(
        "echo $$ > $MARK.draft; mv $MARK.draft $MARK; {FOR_EVER}"
    ));
    config["env"] = json!({"MARK": mark});
    let ana = started(&sandbox, "lease: 2s\n", &[("one", "", config)]);
    let worker = begin(&sandbox, &ana, "--once");
    until(|| Path::new(&mark).exists());
    ana.run("cancel run -m 'not needed' --reconcile").ok();
    end(worker)
        .ok()
        .says("stopped default/run/one attempt 1: it is Cancelled: cancelled by");
    until(|| is_gone(&std::fs::read_to_string(&mark).unwrap()));
    ana.run("reconcile").ok();
    assert!(ana.unapplied("run").is_empty());
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_check_stops_when_its_run_is_cancelled() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let script = format!("touch {mark}; {FOR_EVER}");
    let list =
        json!([{"name": "slow", "type": "test_passes", "command": "sh", "args": ["-c", script]}]);
    let more = format!("acceptanceCriteria: {list}\n");
    let ana = started(&sandbox, "lease: 2s\n", &[("one", &more, shell("true"))]);
    let worker = begin(&sandbox, &ana, "--once");
    until(|| Path::new(&mark).exists());
    ana.run("cancel run --reconcile").ok();
    end(worker)
        .ok()
        .says("stopped default/run/one attempt 1: it is Cancelled");
    assert_tidy(&sandbox, &ana);
}

#[test]
fn a_claim_is_renewed_while_its_command_runs() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let mut config = shell("touch $MARK; while test -e $MARK; do sleep 0.05; done");
    config["env"] = json!({"MARK": mark});
    let ana = started(&sandbox, "lease: 2s\n", &[("one", "", config)]);
    let worker = begin(&sandbox, &ana, "--once");
    until(|| Path::new(&mark).exists());
    let tip = || ana.git("ls-remote origin refs/planspec/work/*");
    let claim = tip();
    until(|| tip() != claim);
    std::fs::remove_file(&mark).unwrap();
    end(worker).ok();
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert!(ana.unapplied("run").is_empty());
}

#[test]
fn what_a_killed_worker_left_is_removed_by_the_next() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let mut config = shell(&format!(
        "echo $$ > $MARK.draft; mv $MARK.draft $MARK; {FOR_EVER}"
    ));
    config["env"] = json!({"MARK": mark});
    let ana = started(&sandbox, "", &[("one", "", config)]);
    let mut worker = begin(&sandbox, &ana, "--once");
    until(|| Path::new(&mark).exists());
    worker.kill().unwrap();
    worker.wait().unwrap();
    let left = std::fs::read_dir(sandbox.path("tmp")).unwrap().count();
    assert_eq!(
        left, 2,
        "what is kept from the command, and where it worked"
    );
    // Otherwise the processes of the killed worker would stay.
    let group = std::fs::read_to_string(&mark).unwrap();
    let group = format!("-{}", group.trim());
    std::process::Command::new("kill")
        .args(["-KILL", "--", &group])
        .status()
        .unwrap();
    work(&sandbox, &ana, "").ok().notes("nothing is ready");
    assert_tidy(&sandbox, &ana);
    ana.run("reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    assert_eq!(ana.node("run/one")["attempt"], 2, "its lease ended");
}

/// Commands of plans see neither what `actions/checkout` leaves in the clone nor what a remote needs.
#[test]
fn a_command_sees_neither_the_credentials_of_the_checkout_nor_a_remote() {
    let sandbox = Sandbox::new();
    let script = "(git config --list --show-origin; git remote -v; git worktree list; env; \
        cat .git/config; git -C .. config --list) 2>&1 >seen.txt; \
        git push origin HEAD:refs/heads/stolen && exit 1; git push 2>&1 && exit 1; true";
    let ana = started(&sandbox, "", &[("one", "", shell(script))]);
    let secret = "c2VjcmV0LXRva2Vu";
    let header = "http.https://forge.example/.extraheader";
    ana.git(&format!("config {header} 'AUTHORIZATION: basic {secret}'"));
    ana.git("config credential.helper store");
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let (_, commit) = kept(&ana, "one", 1);
    let seen = ana.git(&format!("show {commit}:seen.txt"));
    assert!(seen.contains("core.repositoryformatversion"), "{seen}");
    let origin = path_of(&sandbox.path("origin.git"));
    for hidden in [
        secret,
        "extraheader",
        "credential.helper",
        &origin,
        "remote.origin",
    ] {
        assert!(!seen.contains(hidden), "{hidden}: {seen}");
    }
    assert_eq!(ana.git("ls-remote origin refs/heads/stolen"), "");
}

/// The same while criteria are checked.
#[test]
fn a_criterion_sees_neither_the_credentials_of_the_checkout_nor_a_remote() {
    let sandbox = Sandbox::new();
    let criteria = "acceptanceCriteria: [{type: command_succeeds, name: blind, command: sh, \
        args: [-c, 'test -z \"$(git remote)\" && ! git config --get-regexp extraheader']}]";
    let ana = started(&sandbox, "", &[("one", criteria, shell("true"))]);
    ana.git("config http.https://forge.example/.extraheader secret");
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

/// After a command has started, no git runs with files that the command could write.
#[test]
fn a_command_cannot_have_git_run_a_program_for_it() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let evil = "for key in filter.evil.clean core.fsmonitor core.hooksPath core.sshCommand; do \
            git config $key \"touch $MARK; cat\"; done; mkdir -p .git/hooks; \
        for hook in post-index-change reference-transaction pre-commit; do \
            printf '#!/bin/sh\\ntouch %s\\n' $MARK >.git/hooks/$hook; chmod +x .git/hooks/$hook; done; \
        echo '* filter=evil' >.gitattributes; echo changed >file";
    let mut config = shell(evil);
    config["env"] = json!({"MARK": mark});
    let ana = started(&sandbox, "", &[("one", "", config)]);
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let (_, commit) = kept(&ana, "one", 1);
    assert_eq!(ana.git(&format!("show {commit}:file")), "changed");
    assert!(!Path::new(&mark).exists());
}

#[test]
fn two_nodes_run_side_by_side_when_they_may() {
    let sandbox = Sandbox::new();
    let meet = |own: &str, other: &str| {
        let mut config = shell(&format!(
            "touch $AT/{own}; for i in $(seq 1200); do test -e $AT/{other} && exit; sleep 0.05; done; \
             echo {other} never came; exit 1"
        ));
        config["env"] = json!({"AT": path_of(&sandbox.path(""))});
        config
    };
    let ana = started(
        &sandbox,
        "",
        &[("a", "", meet("a", "b")), ("b", "", meet("b", "a"))],
    );
    let ran = work(&sandbox, &ana, "-j 2 --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded", "{ran}");
    assert_tidy(&sandbox, &ana);
}

#[test]
fn twenty_workers_on_one_remote_do_each_node_once() {
    let sandbox = Sandbox::new();
    let done = path_of(&sandbox.path("done"));
    let mut config = shell("echo $PLANSPEC_NODE >> $DONE");
    config["env"] = json!({"DONE": done});
    let ids: Vec<String> = (0..8).map(|n| format!("t{n}")).collect();
    let tasks: Vec<(&str, &str, Value)> = ids
        .iter()
        .map(|id| (id.as_str(), "", config.clone()))
        .collect();
    let ana = started(&sandbox, "", &tasks);
    let clones: Vec<Place<'_>> = (0..5)
        .map(|n| sandbox.clone_of("origin.git", &format!("c{n}")))
        .collect();
    let workers: Vec<Child> = (0..20)
        .map(|n| begin(&sandbox, &clones[n % 5], &format!("--once --as agent:w{n}")))
        .collect();
    for worker in workers {
        end(worker).ok();
    }
    let done = std::fs::read_to_string(done).unwrap();
    let mut done: Vec<&str> = done.lines().collect();
    done.sort_unstable();
    assert_eq!(done, ids, "each once");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert!(ana.unapplied("run").is_empty());
    for clone in &clones {
        assert_tidy(&sandbox, clone);
    }
}

#[test]
fn only_what_is_meant_is_done() {
    let sandbox = Sandbox::new();
    let ana = started(
        &sandbox,
        "",
        &[
            ("lint", "", shell("true")),
            ("linter", "", shell("true")),
            ("test", "", shell("true")),
        ],
    );
    let done = |ana: &Place<'_>| -> Vec<String> {
        ana.run("reconcile").ok();
        let run = ana.get("execution/run");
        let nodes = run["status"]["nodeStatuses"].as_object().unwrap().clone();
        let done = nodes
            .iter()
            .filter(|(_, node)| node["phase"] == "Succeeded");
        done.map(|(id, _)| id.clone()).collect()
    };
    work(&sandbox, &ana, "--provider agent://x")
        .exits(2)
        .notes("is not a tool:// provider");
    work(&sandbox, &ana, "--provider tool://nobody")
        .ok()
        .notes("nothing is ready");
    work(&sandbox, &ana, "-n elsewhere")
        .ok()
        .notes("nothing is ready");
    assert!(done(&ana).is_empty());
    work(&sandbox, &ana, "--provider tool://lint").ok();
    assert_eq!(done(&ana), ["lint"]);
    work(&sandbox, &ana, "--node run/test").ok();
    assert_eq!(done(&ana), ["lint", "test"]);
    work(&sandbox, &ana, "--provider 'tool://l*'").ok();
    assert_eq!(done(&ana), ["lint", "linter", "test"]);
}

#[test]
fn what_is_not_bound_to_a_tool_is_left_to_others() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    work(&sandbox, &ana, "").ok().notes("nothing is ready");
    assert_eq!(ana.node_phase("run/one"), "Pending");
    assert!(ana.inbox().is_empty());
}

#[test]
fn what_happens_outside_is_asked_for_and_reported() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let server = Answers::start(|_, path, _| match path {
        "/released" | "/deployed" => (200, String::new()),
        _ => (202, String::new()),
    });
    let external = |id: &str, more: String| {
        format!("    - {{id: {id}, kind: External, externalRef: {{{more}}}}}\n")
    };
    let nodes = [
        external(
            "release",
            format!("type: uri, uri: \"{}\"", server.url("/released")),
        ),
        external(
            "deploy",
            format!("type: webhook, webhookUrl: \"{}\"", server.url("/deployed")),
        ),
        external(
            "later",
            format!("type: webhook, webhookUrl: \"{}\"", server.url("/later")),
        ),
        external("call", "type: uri, uri: \"tel:+491234\"".to_owned()),
    ];
    let spec = format!("description: Wait\ngraph:\n  nodes:\n{}", nodes.concat());
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[resource("Plan", "p", &spec), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    work(&sandbox, &ana, "").ok();
    assert!(server.asked().is_empty(), "nobody asked for it");
    work(&sandbox, &ana, "--externals --reconcile")
        .ok()
        .says(&format!(
            "default/run/release has happened: GET {} answered 200\n",
            server.url("/released")
        ))
        .says("default/run/deploy has happened: POST ")
        .says(&format!(
            "default/run/later has not happened yet: POST {} answered 202\n",
            server.url("/later")
        ))
        .says("default/run/call cannot be polled: it has no http or https address\n");
    let phases =
        ["release", "deploy", "later", "call"].map(|id| ana.node_phase(&format!("run/{id}")));
    assert_eq!(phases, ["Succeeded", "Succeeded", "Blocked", "Blocked"]);
    assert!(text(&ana.node("run/release")["message"]).contains("answered 200"));
    let asked = server.asked();
    let posted = asked
        .iter()
        .find_map(|line| line.strip_prefix("POST /later "))
        .unwrap();
    let posted: Value = serde_json::from_str(posted).unwrap();
    assert_eq!(
        (&posted["execution"], &posted["node"]),
        (&json!("run"), &json!("later"))
    );
    assert_eq!(posted["attempt"], 1);
    assert!(posted["repository"].is_string());

    ana.run("report run/call --succeeded -m 'they called' --reconcile")
        .ok();
    ana.run("report run/later --failed --as ops@example.com --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/call"), "Succeeded");
    assert_eq!(ana.node_phase("run/later"), "Failed");
    assert!(ana.unapplied("run").is_empty());
}

#[test]
fn logs_and_work_are_deleted_a_month_after_the_run() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &[("one", "", shell("true"))]);
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let results = |ana: &Place<'_>| -> usize {
        let is_result = |name: &&String| name.starts_with("results/");
        ana.inbox().iter().filter(is_result).count()
    };
    assert_eq!(results(&ana), 1);
    ana.git("push -q origin HEAD:refs/planspec/results/default/run/0b6f/one/1");
    let again = |ana: &Place<'_>, name: &str| {
        ana.publish(&format!("planspec/{name}.yaml"), execution(name, "p"));
        ana.run("reconcile").ok();
    };
    sandbox.minutes_pass(29 * 24 * 60);
    again(&ana, "second");
    assert_eq!(results(&ana), 2, "another status may know the run");
    sandbox.minutes_pass(2 * 24 * 60);
    again(&ana, "third");
    // Deleted when there is nothing else to do.
    ana.run("reconcile").ok();
    let left: Vec<String> = ana.inbox();
    let left = left.iter().filter(|name| name.starts_with("results/"));
    assert_eq!(left.collect::<Vec<_>>(), ["results/default/run/0b6f/one/1"]);
}

#[test]
fn what_can_be_tried_again_keeps_its_logs() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox, "", &[("one", "", shell("false"))]);
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Failed");
    sandbox.minutes_pass(31 * 24 * 60);
    ana.publish("planspec/more.yaml", execution("more", "p"));
    ana.run("reconcile").ok();
    ana.run("logs run/one").ok();
}

#[test]
fn nodes_fan_out_as_a_matrix() {
    let sandbox = Sandbox::new();
    let ana = started(
        &sandbox,
        "",
        &[("a", "", shell("true")), ("b", "", shell("true"))],
    );
    let matrix = ana.run("next -o github-matrix").ok();
    assert_eq!(matrix.out.lines().count(), 1);
    let expected = |id: &str| {
        json!({
            "execution": "run", "node": id, "attempt": 1, "provider": format!("tool://{id}"),
            "namespace": "default",
        })
    };
    assert_eq!(
        matrix.json(),
        json!({"include": [expected("a"), expected("b")]})
    );
    work(&sandbox, &ana, "").ok();
    let empty = ana.run("next -o github-matrix").ok();
    assert_eq!(empty.out, "{\"include\":[]}\n");
}

#[test]
fn a_matrix_has_at_most_as_many_jobs_as_github_takes() {
    let sandbox = Sandbox::new();
    let nodes: Vec<_> = (0..260).map(|n| task(&format!("t{n}"))).collect();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    let matrix = solo
        .run("next -o github-matrix")
        .ok()
        .notes("256 of 260 nodes");
    assert_eq!(matrix.json()["include"].as_array().unwrap().len(), 256);
    assert_eq!(matrix.json()["include"][0]["provider"], "");
}

#[test]
fn a_remote_that_is_away_when_the_work_is_done_is_tried_again() {
    let sandbox = Sandbox::new();
    let mark = path_of(&sandbox.path("mark"));
    let mut config = shell("touch $MARK; while test -e $MARK; do sleep 0.05; done; echo x > new");
    config["env"] = json!({"MARK": mark});
    let ana = started(&sandbox, "", &[("one", "", config)]);
    let worker = begin(&sandbox, &ana, "");
    until(|| Path::new(&mark).exists());
    let (here, away) = (sandbox.path("origin.git"), sandbox.path("away.git"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::remove_file(&mark).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    std::fs::rename(&away, &here).unwrap();
    end(worker).ok().notes("error: ");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_worker_hands_on_what_its_owner_names_and_nothing_else() {
    let sandbox = Sandbox::new();
    // A command and a check that use a secret, and a tool whose state is in a home.
    let wants = "test \\\"$SHOP_TOKEN\\\" = s3cret -a -d \\\"$TOOL_HOME\\\"";
    let check = format!(
        "acceptanceCriteria: [{{type: command_succeeds, name: seen, command: sh, args: [-c, \"{wants}\"]}}]\n"
    );
    let run = shell("test \"$SHOP_TOKEN\" = s3cret && test \"$TOOL_HOME\" = \"$MINE\"");
    let mine = sandbox.path("home/.tool");
    std::fs::create_dir_all(&mine).unwrap();
    let mut target = run;
    target["env"] = json!({"MINE": mine.to_str().unwrap()});
    let ana = started(
        &sandbox,
        "",
        &[("build", &format!("retries: 3\n{check}"), target)],
    );
    let home = sandbox.path("home");
    let work = |ana: &Place<'_>| {
        let environment = [
            ("TMPDIR", temporary(&sandbox)),
            ("SHOP_TOKEN", "s3cret".to_owned()),
            ("HOME", home.to_str().unwrap().to_owned()),
        ];
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        ana.run_in(&environment, "work --reconcile")
    };
    work(&ana);
    assert_eq!(ana.node("run/build")["extensions"]["failures"], 1);
    ana.git("config planspec.environment SHOP_TOKEN");
    ana.git("config --add planspec.environment TOOL_HOME=~/.tool");
    sandbox.minutes_pass(60);
    work(&ana).ok();
    assert_eq!(ana.node_phase("run/build"), "Succeeded");
    ana.git("config --add planspec.environment 1=x");
    work(&ana).exits(2).notes("is not the name of a variable");
}

#[test]
fn the_target_in_the_documentation_is_one() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/workers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    let example = blocks
        .find(|block| block.contains("kind: Binding"))
        .unwrap();
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let build = crate::resources::resource_in(
        "web",
        "Capability",
        "build",
        "description: Builds what is shipped\n",
    );
    solo.write("planspec/all.yaml", file(&[build, example.to_owned()]));
    solo.run("validate").ok();
    let read: Value = serde_yaml::from_str(example).unwrap();
    let config = &read["spec"]["rules"][0]["target"]["config"];
    let tool = planspec::worker::tool::Tool::read(Some(config)).unwrap();
    assert_eq!(tool.command, ["make", "dist"]);
}

#[test]
fn a_worker_begins_nothing_that_touches_what_is_held() {
    let sandbox = Sandbox::new();
    let touches = "x-planspec: {touches: ['src/**']}\n";
    let tasks = [
        ("one", touches, shell("true")),
        ("two", touches, shell("true")),
        ("three", touches, shell("true")),
    ];
    let ana = started(&sandbox, "", &tasks);
    ana.run("claim run/two --as agent:a --reconcile").ok();
    work(&sandbox, &ana, "").ok().never_says("claimed");
    ana.run("report --as agent:a --succeeded --reconcile").ok();
    // Nor two of them at once, in one worker.
    let all = work(&sandbox, &ana, "--reconcile --jobs 2").ok().out;
    let words = ["claimed default/run/", "reported default/run/"];
    let told = all.lines().filter_map(|line| {
        let word = words.iter().find(|word| line.starts_with(**word))?;
        word.split(' ').next()
    });
    let told: Vec<&str> = told.collect();
    assert_eq!(
        told,
        ["claimed", "reported", "claimed", "reported"],
        "{all}"
    );
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_credential_in_a_url_is_refused_and_shown_nowhere() {
    const SECRET: &str = "s3cr3t";
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let url = format!("https://ana:{SECRET}@x.example/?token={SECRET}");
    let node = format!(
        "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: p, namespace: default}}\nspec:\n  description: d\n  graph:\n    nodes:\n      \
         - {{id: out, kind: External, externalRef: {{type: uri, uri: '{url}'}}}}\n      - {{id: one, kind: Task}}\n"
    );
    solo.publish("planspec/plan.yaml", node);
    let found = solo.run("validate").exits(1);
    assert!(
        found.out.contains("PS504") && found.out.contains("***@"),
        "{found}"
    );
    solo.publish(".planspec.yaml", "rules: {PS504: off}\n");
    solo.publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile")
        .ok()
        .says("waits for https://ana:***@x.example/?token=***");
    let told = format!("see {url}");
    solo.command(crate::sandbox::PLANSPEC)
        .args([
            "report",
            "run/out",
            "--failed",
            "-m",
            &told,
            "--as",
            "ops",
            "--reconcile",
        ])
        .status()
        .unwrap();
    for args in [
        "validate -o json",
        "describe execution run",
        "get execution run -o json",
        "get plan p -o yaml",
        "log execution/run",
        "watch --once",
        "review HEAD~2..HEAD -o markdown",
        "graph run -o svg",
    ] {
        let ran = solo.run(args);
        assert!(
            !format!("{}{}", ran.out, ran.err).contains(SECRET),
            "{args}: {ran}"
        );
    }
    // Every file that a reconcile itself writes.
    let tree = solo.git(&format!(
        "ls-tree -r --name-only {}",
        crate::sandbox::STATUS
    ));
    for path in tree.lines().filter(|path| !path.starts_with("_pinned/")) {
        let text = solo.git(&format!("show {}:{path}", crate::sandbox::STATUS));
        assert!(!text.contains(SECRET), "{path}: {text}");
    }
    let log = solo.git(&format!("log --format=%B {}", crate::sandbox::STATUS));
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn a_silent_host_holds_up_nothing_else() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    // Accepts connections, but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let server = Answers::start(|_, _, _| (200, String::new()));
    let external = |id: &str, uri: String| {
        format!("    - {{id: {id}, kind: External, externalRef: {{type: uri, uri: '{uri}'}}}}\n")
    };
    let nodes: String = (0..3)
        .map(|n| external(&format!("silent-{n}"), format!("http://{address}/{n}")))
        .chain([
            external("fine", server.url("/fine")),
            "    - {id: task, kind: Task}\n".to_owned(),
        ])
        .collect();
    let spec = format!("description: Wait\ngraph:\n  nodes:\n{nodes}");
    let rules = "rules: [{selector: {planRef: {name: p}, nodeId: task}, target: {provider: 'tool://t', config: {command: ['true']}}}]";
    let solo = sandbox.repository("solo");
    let run = execution_with("run", "p", "bindingRef: {name: b}\n");
    let all = [
        resource("Plan", "p", &spec),
        resource("Binding", "b", rules),
        run,
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    let worked = work(&sandbox, &solo, "--externals --reconcile").ok();
    let order: Vec<usize> = [
        "reported default/run/task",
        "run/fine has happened",
        "run/silent-0 has not",
    ]
    .iter()
    .map(|said| {
        worked
            .out
            .find(said)
            .unwrap_or_else(|| panic!("{said}: {worked}"))
    })
    .collect();
    assert!(order[0] < order[2] && order[1] < order[2], "{worked}");
}
