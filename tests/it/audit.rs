//! `planspec audit`: accepts what `reconcile` wrote, because it follows from what it cites, and nothing else.

use std::collections::BTreeMap;

use crate::resources::{binding, capability, execution, execution_with, file, plan, task};
use crate::sandbox::{Place, SHARED, STATUS, Sandbox, text};

const TRAILER: &str = "Planspec-Sequence: ";
/// Stands for the content of a file that is deleted.
pub const GONE: &str = "\0";

/// A run of two tasks, the first of which is done.
fn half_done(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.run_of("ana", &[task("one"), task("two").after("one")]);
    ana.works("run/one", "agent:a");
    ana
}

/// Makes a status commit by hand that keeps the formal rules: the next number, the same observed commit, these changes
/// in its files, and the given parents after the tip.
pub fn forge(place: &Place<'_>, changes: &[(&str, &str, &str)], evidence: &str) -> String {
    place.git("fetch -q origin");
    let tip = format!("origin/{STATUS}");
    let message = place.git(&format!("log -1 --format=%B {tip}"));
    let number: u64 = message
        .lines()
        .find_map(|line| line.strip_prefix(TRAILER))
        .unwrap()
        .parse()
        .unwrap();
    let [was, is] = [number, number + 1];
    let index = place.dir.join("../forged-index").display().to_string();
    place.git(&format!("read-tree --index-output={index} {tip}"));
    let put = |path: &str, content: &str| {
        let blob = place.git_with("hash-object -w --stdin", content);
        let mut command = place.command("git");
        let args = [
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},{path}"),
        ];
        let ended = command
            .args(args)
            .env("GIT_INDEX_FILE", &index)
            .status()
            .unwrap();
        assert!(ended.success());
    };
    let controller = place.git(&format!("show {tip}:controller.yaml")) + "\n";
    let numbers = [was, is].map(|number| format!("sequence: {number}\n"));
    let controller = controller.replace(&numbers[0], &numbers[1]);
    put("controller.yaml", &controller);
    let mut contents = BTreeMap::from([("controller.yaml".to_owned(), controller)]);
    for (path, from, to) in changes {
        let content = place.git(&format!("show {tip}:{path}")) + "\n";
        assert!(content.contains(from), "{path}: {content}");
        if *to == GONE {
            let mut command = place.command("git");
            let args = ["update-index", "--force-remove", path];
            let ended = command.args(args).env("GIT_INDEX_FILE", &index).status();
            assert!(ended.unwrap().success());
            continue;
        }
        let content = contents.entry((*path).to_owned()).or_insert(content);
        *content = content.replace(from, to);
        put(path, content);
    }
    let mut command = place.command("git");
    let written = command
        .arg("write-tree")
        .env("GIT_INDEX_FILE", &index)
        .output()
        .unwrap();
    let tree = String::from_utf8(written.stdout).unwrap();
    let [was, is] = [was, is].map(|number| format!("{TRAILER}{number}"));
    let args = format!("commit-tree {} -p {tip} {evidence}", tree.trim());
    let of_controller = changes
        .iter()
        .filter(|(path, ..)| *path == "controller.yaml");
    let message = of_controller.fold(message.replace(&was, &is), |message, (_, from, to)| {
        message.replace(from, to)
    });
    place.git_with(&args, &(message + "\n"))
}

/// Pushes a status commit as a user with write access: the branch, and the ref that goes with it.
fn push(place: &Place<'_>, commit: &str) {
    place.git(&format!(
        "push -q origin {commit}:refs/heads/{STATUS} {commit}:refs/planspec/status"
    ));
}

fn run_file(place: &Place<'_>) -> String {
    place.git("fetch -q origin");
    let files = place.git(&format!(
        "ls-tree -r --name-only origin/{STATUS} default/executions"
    ));
    files.lines().next().unwrap().to_owned()
}

#[test]
fn whoever_has_a_clone_finds_that_the_status_follows() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    ana.works("run/two", "agent:b");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    // The records in the inbox are deleted by then, and there is no remote any more.
    ana.run("reconcile").ok();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--branch=main", &url, "ben");
    assert_eq!(ben.git("ls-remote origin refs/planspec/work/*"), "");
    ben.git("remote set-url origin ../nowhere.git");
    let commits: usize = ben
        .git(&format!("rev-list --count --first-parent origin/{STATUS}"))
        .parse()
        .unwrap();
    ben.run("audit").ok().says(&format!(
        "{commits} of {commits} status commits (the first to "
    ));
    let said = ben.run("audit").ok().out;
    let tip = ben.git(&format!("rev-parse --short=10 origin/{STATUS}"));
    let line = "7 of 7 status commits (the first to 3b1f7c9a52): what could be checked follows from what it cites\n";
    assert!(include_str!("../../docs/audit.md").contains(line));
    let line = line.replace("7 of 7", &format!("{commits} of {commits}"));
    assert_eq!(said, line.replace("3b1f7c9a52", &tip));
    let audited = ben.run("audit -o json").ok().answer("Audit");
    assert_eq!(audited["follow"], commits);
    assert_eq!(audited["broken"], serde_json::Value::Null);
    assert_eq!(audited["unknown"], serde_json::json!([]));
    // From the last commit but one on, and of one execution.
    let before = ben.git(&format!("rev-parse origin/{STATUS}~1"));
    let later = ben.run(&format!("audit --since {before} -o json")).ok();
    assert_eq!(later.answer("Audit")["commits"], 1);
    let of_run = ben.run("audit run -o json").ok().answer("Audit");
    assert!(of_run["commits"].as_u64().unwrap() > 3, "{of_run}");
    ben.run("audit nothing").exits(1).notes("no execution");
    let tip = ben.git(&format!("rev-parse origin/{STATUS}"));
    ben.run(&format!("audit --since {tip}"))
        .ok()
        .says("Nothing to check");
    let spec = ben.git("rev-parse HEAD");
    ben.run(&format!("audit --since {spec}"))
        .exits(1)
        .notes("is not a commit of this status branch");
}

#[test]
fn a_status_that_somebody_made_up_is_found_refused_and_mended() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let path = run_file(&ana);
    let before = ana.git(&format!("rev-parse origin/{STATUS}"));
    let forged = forge(&ana, &[(&path, "phase: Running", "phase: Succeeded")], "");
    push(&ana, &forged);
    let ben = sandbox.clone_of("origin.git", "ben");
    for place in [&ana, &ben] {
        place.git("fetch -q origin");
        place
            .run("audit")
            .exits(1)
            .says("Does not follow from what it cites:")
            .says(&forged)
            .says("Execution default/run: status.phase is Succeeded, and Running follows");
    }
    let broken = ben.run("audit -o json").exits(1).answer("Audit");
    assert_eq!(text(&broken["broken"]["commit"]), forged);
    // No verb acts on it, in an old clone or a new one.
    for place in [&ana, &ben] {
        place
            .run("reconcile")
            .exits(3)
            .notes(&format!(
                "status commit {forged} does not follow from what it cites"
            ))
            .notes(&format!("planspec reconcile --restore {before}"));
    }
    // No other verb uses it either, once that was found.
    for verb in [
        "next",
        "claim run/two --as agent:b",
        "wait execution/run --for Succeeded",
    ] {
        ben.run(verb)
            .exits(3)
            .notes("does not follow from what it cites");
    }
    let status = ben.run("doctor").exits(1);
    status.says("does not follow from what it cites");
    ben.run("work --provider tool://x --once")
        .exits(3)
        .notes("does not follow");
    ben.run(&format!("reconcile --restore {before}")).ok();
    ben.run("reconcile").ok();
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Running");
    ana.git("fetch -q origin");
    ana.run("audit").ok().says("1 commit undone by a later one");
    ana.works("run/two", "agent:b");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("audit").ok();
}

#[test]
fn a_target_that_was_swapped_a_record_that_was_left_out_and_an_answer_that_is_not_so_are_found() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let there = task("there")
        .needs("merge")
        .with("acceptanceCriteria: [{type: artifact_exists, path: made.txt, name: made}]\n");
    ana.publish(
        "planspec/all.yaml",
        file(&[
            capability("merge"),
            binding("who", &[("merge", "repo://main")]),
            plan("p", &[task("one"), there]),
            execution_with("run", "p", "bindingRef: {name: who}\n"),
        ]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a --reconcile").ok();
    let path = run_file(&ana);
    let swapped = forge(&ana, &[(&path, "repo://main", "tool://rm")], "");
    let tip = format!("origin/{STATUS}");
    let audit = |commit: &str| {
        ana.git(&format!("update-ref refs/remotes/{tip} {commit}"));
        let ran = ana.run("audit");
        ana.git("fetch -q origin");
        ran
    };
    audit(&swapped)
        .exits(1)
        .says("is tool://rm, and repo://main follows");
    // The claim that the status cites is not an ancestor of it.
    let claimed = ana.git(&format!("rev-parse {tip}"));
    let message = ana.git(&format!("log -1 --format=%B {claimed}")) + "\n";
    let alone = ana.git_with(
        &format!("commit-tree {claimed}^{{tree}} -p {claimed}~1"),
        &message,
    );
    audit(&alone)
        .exits(1)
        .says("which its evidence does not contain");
    // A commit that the status does not cite is one.
    let empty = ana.git_with("mktree", "");
    let empty = empty.trim();
    let odd = ana.git_with(&format!("commit-tree {empty}"), "planspec evidence\n");
    let other = ana.git("rev-parse HEAD");
    let odd_with = ana.git_with(
        &format!("commit-tree {empty} -p {odd} -p {other}"),
        "planspec evidence\n",
    );
    let loose = forge(&ana, &[], &format!("-p {odd_with}"));
    audit(&loose).exits(1).says(&format!(
        "its evidence contains {other}, which it does not cite"
    ));
    let inputs = ana.git(&format!("show {tip}:_inputs.yaml"));
    assert!(inputs.contains("found: false"), "{inputs}");
    let answered = forge(&ana, &[("_inputs.yaml", "found: false", "found: true")], "");
    audit(&answered)
        .exits(1)
        .says("it relies on the answer that `made.txt` is part of ");
    audit(&claimed).ok();
}

#[test]
fn what_is_not_in_a_clone_is_named_and_nothing_else_is_said_of_it() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    ana.works("run/two", "agent:b");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let job = sandbox.clone_with("--depth=1 --no-single-branch", &url, "job");
    job.run("audit")
        .exits(3)
        .notes("nothing could be checked here: object ")
        .notes("help: `git fetch --unshallow` gets the missing history");
    job.git("fetch -q --depth=5 origin");
    job.run("audit")
        .ok()
        .says("Cannot be checked here:")
        .says("is not in this repository");
    job.git("fetch -q --unshallow");
    let audited = job.run("audit -o json").ok().answer("Audit");
    assert_eq!(audited["unknown"], serde_json::json!([]));
    // The command in the help fetches what is missing.
    let poor = sandbox.clone_with("--single-branch", &url, "poor");
    let said = poor.run("audit").exits(3);
    let said = said.notes("this clone has no status branch `planspec/status` of remote `origin`");
    let help = said.err.split_once("help: `git ").unwrap().1;
    poor.git(help.split('`').next().unwrap());
    poor.run("audit").ok();
}

#[test]
fn status_commits_are_signed_where_the_configuration_names_signers() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let keys = sandbox.path("keys");
    std::fs::create_dir_all(&keys).unwrap();
    let key = |name: &str| {
        let path = keys.join(name);
        let mut made = ana.command("ssh-keygen");
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"];
        assert!(made.args(args).arg(&path).status().unwrap().success());
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        (path.display().to_string(), public.trim().to_owned())
    };
    let (ci, ci_public) = key("ci");
    let (other, _) = key("other");
    ana.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[task("one"), task("two")]),
            execution("run", "p"),
        ]),
    );
    ana.run("reconcile").ok();
    ana.publish(
        ".planspec/allowed_signers",
        format!("ci@example.com {ci_public}\n"),
    );
    let signers = "status: {remote: origin, signers: [ci@example.com]}\n";
    let said =
        "status commits must be signed by one of these, but no key is listed for any of them";
    ana.write(".planspec.yaml", signers.replace("ci@", "ben@"));
    ana.run("validate").says(said);
    ana.write(".planspec.yaml", signers);
    ana.run("validate").never_says(said);
    assert!(SHARED.starts_with("status: {remote: origin"));
    ana.publish(".planspec.yaml", signers);
    // Only the status shows that.
    ana.run("reconcile")
        .exits(1)
        .notes(
            "the configuration requires signed status commits (`status.signers`), but git cannot sign",
        )
        .notes("help: the reconciler signs with its own key");
    ana.git("config gpg.format ssh");
    ana.git(&format!("config user.signingkey {other}"));
    ana.run("reconcile")
        .exits(1)
        .notes("it is not signed by ci@example.com, as `status.signers` requires");
    ana.git(&format!("config user.signingkey {ci}"));
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana.git("fetch -q origin");
    ana.run("audit").ok();
    // The same commit without its signature, and one that pretends to be from before signatures were required.
    let tip = ana.git(&format!("rev-parse origin/{STATUS}"));
    let message = ana.git(&format!("log -1 --format=%B {tip}")) + "\n";
    let unsigned = ana.git_with(
        &format!("commit-tree {tip}^{{tree}} -p {tip}~1 -p {tip}^2"),
        &message,
    );
    push_forced(&sandbox, &unsigned);
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("audit")
        .exits(1)
        .says("it is not signed by ci@example.com");
    ben.run("reconcile")
        .exits(3)
        .notes("is not signed by ci@example.com");
}

/// Pushes by force, as a user with write access to the server.
fn push_forced(sandbox: &Sandbox, commit: &str) {
    let origin = sandbox.place("origin.git");
    let from = sandbox.path("ana");
    origin.git(&format!("fetch -q {} {commit}", from.display()));
    origin.git(&format!("update-ref refs/heads/{STATUS} {commit}"));
    origin.git(&format!("update-ref refs/planspec/status {commit}"));
}

#[test]
fn what_the_page_does_by_hand_comes_to_the_same() {
    let sandbox = Sandbox::new();
    let solo = crate::approvals::signing(&sandbox, &[("ana@example.com", "ana")]);
    crate::approvals::sign_with(&solo, "ana");
    solo.run("approve sign -m 'looks good' --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    solo.run("audit").ok().says("1 signature checked");
    // `signed` says what this clone has checked; without the record it repeats the claim of the status.
    solo.run("log execution/run")
        .ok()
        .says("ana@example.com   looks good");
    solo.run("describe execution run")
        .ok()
        .says(", signed by ana@example.com with SHA256:");
    let tip = solo.status_tip();
    let record = solo.git(&format!("rev-parse {tip}^2^1"));
    let (folder, file) = record.split_at(2);
    let object = format!(".git/objects/{folder}/{file}");
    let content = std::fs::read(solo.dir.join(&object)).unwrap();
    solo.remove(&object);
    solo.run("log execution/run")
        .ok()
        .says("claimed: ana@example.com");
    solo.run("describe execution run")
        .ok()
        .says(", claimed to be signed by ana@example.com");
    std::fs::write(solo.dir.join(&object), content).unwrap();
    let page = include_str!("../../docs/audit.md");
    let commands = page.split("```sh fragment\n").nth(1).unwrap();
    let commands = commands.split("```").next().unwrap();
    let by_hand = |who: &str| {
        let mut shell = solo.command("sh");
        let shell = shell.args(["-ec", commands]).env("WHO", who);
        let ran = shell.env("STATUS", solo.status_tip()).output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8(said).unwrap());
        (ran.status.success(), said.concat())
    };
    let (is_good, said) = by_hand("ana@example.com");
    assert!(is_good, "{said}");
    assert!(
        said.contains("Good \"git\" signature for ana@example.com"),
        "{said}"
    );
    for shown in [
        "decision: approve",
        "Planspec-Sequence: 1",
        "signatures:",
        "\n+",
    ] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
    assert!(!by_hand("ben@example.com").0);
}

/// Audits a status commit that was made by hand.
fn found(place: &Place<'_>, commit: &str) -> crate::sandbox::Ran {
    place.git(&format!("update-ref refs/remotes/origin/{STATUS} {commit}"));
    let ran = place.run("audit");
    place.git("fetch -q origin");
    ran
}

#[test]
fn nobody_gets_out_of_being_checked() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let path = run_file(&ana);
    let done = (&*path, "phase: Running", "phase: Succeeded");
    // It claims to be from a time when nothing was checked.
    let old = forge(
        &ana,
        &[done, ("controller.yaml", "decisions: 6", "decisions: 0")],
        "",
    );
    found(&ana, &old)
        .exits(1)
        .says("it was decided with version 0, but the commit before it with version 6");
    let silent = forge(&ana, &[done, ("_inputs.yaml", "", GONE)], "");
    found(&ana, &silent)
        .exits(1)
        .says("it has no `_inputs.yaml`, but the commit before it has one");
    // It observes a spec commit that is missing, or that is on no spec branch.
    let observed = ana.git("rev-parse origin/main");
    let aside = ana.git_with("commit-tree origin/main^{tree} -p origin/main", "aside\n");
    for elsewhere in ["a1".repeat(20), aside] {
        let astray = forge(
            &ana,
            &[done, ("controller.yaml", &observed, &elsewhere)],
            "",
        );
        found(&ana, &astray).exits(1).says(&format!(
            "it observed {elsewhere}, which is not a commit of the spec branch"
        ));
    }
    // It observes an earlier spec commit, as if the spec branch had been rewritten.
    ana.publish("planspec/more.yaml", plan("q", &[task("one")]));
    ana.run("reconcile").ok();
    ana.git("fetch -q origin");
    let later = ana.git("rev-parse origin/main");
    let back = forge(&ana, &[done, ("controller.yaml", &later, &observed)], "");
    found(&ana, &back)
        .exits(1)
        .says("although the spec branch was not rewritten");
}

#[test]
fn nobody_goes_back_to_a_status_that_does_not_follow() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let path = run_file(&ana);
    let good = ana.git(&format!("rev-parse origin/{STATUS}"));
    let first = forge(&ana, &[(&path, "phase: Running", "phase: Succeeded")], "");
    push(&ana, &first);
    let second = forge(&ana, &[], "");
    push(&ana, &second);
    // A clone that has never looked sees only the second one, and restores a commit from before both.
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("reconcile")
        .exits(3)
        .notes(&format!("`planspec reconcile --restore {good}`"));
    ben.run(&format!("reconcile --restore {first}"))
        .exits(3)
        .notes("does not follow from what it cites");
    ben.run(&format!("reconcile --restore {good}")).ok();
    ben.run("reconcile").ok();
    // A forged commit that `--restore` refuses.
    let tip = ben.git(&format!("rev-parse origin/{STATUS}"));
    let message = ben.git(&format!("log -1 --format=%B {first}"));
    let number = message
        .lines()
        .find_map(|line| line.strip_prefix(TRAILER))
        .unwrap();
    let next = ben.git(&format!("log -1 --format=%B {tip}"));
    let next = next
        .lines()
        .find_map(|line| line.strip_prefix(TRAILER))
        .unwrap();
    let next: u64 = next.parse().unwrap();
    let trailers = message.replace(
        &format!("{TRAILER}{number}"),
        &format!("{TRAILER}{}", next + 1),
    );
    let trailers = trailers.replace(
        "Planspec-Observed",
        &format!("Planspec-Restores: {first}\nPlanspec-Observed"),
    );
    let again = ben.git_with(
        &format!("commit-tree {first}^{{tree}} -p {tip}"),
        &(trailers + "\n"),
    );
    push(&ben, &again);
    for place in [&ana, &ben] {
        place.git("fetch -q origin");
        place.run("audit").exits(1).says(&first);
        place.run("reconcile").exits(3).notes("does not follow");
    }
    // A user who knows better says so once.
    ben.run(&format!("audit --trust {again}"))
        .ok()
        .notes("trusts");
    ben.run(&format!("audit --trust {}", ben.git("rev-parse HEAD")))
        .exits(1);
}
