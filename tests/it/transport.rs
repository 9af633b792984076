//! Access to the remote: what stops it, and what does not.

use crate::http::GitServer;
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox};

impl Place<'_> {
    /// Removes an object, as if a fetch had been interrupted.
    fn loses(&self, revision: &str) -> &Self {
        let id = self.git(&format!("rev-parse {revision}"));
        let packs = self.dir.join(".git/objects/pack");
        for entry in std::fs::read_dir(&packs).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "pack") {
                // Git does not unpack objects that it already has in a pack.
                let away = self.dir.join("away");
                std::fs::rename(&path, &away).unwrap();
                std::fs::remove_file(path.with_extension("idx")).unwrap();
                self.git_with_bytes("unpack-objects -q", &std::fs::read(&away).unwrap());
                std::fs::remove_file(&away).unwrap();
            }
        }
        self.remove(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))
    }
}

#[test]
fn what_a_cut_fetch_has_left_out_is_got_again() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a"), task("b")]);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let commands = [
        "next",
        "get execution/run",
        "claim run/a --as agent:NAME",
        "reconcile",
        "describe execution/run",
    ];
    let lost = [
        "origin/planspec/status^{tree}",
        "origin/planspec/status:default",
        "origin/planspec/status:controller.yaml",
        "origin/main^{tree}",
        "origin/main:planspec/all.yaml",
    ];
    let clones = ["", "--depth=1 --no-single-branch"];
    for (number, options) in clones.iter().cycle().enumerate().take(10) {
        let name = format!("clone{number}");
        let place = sandbox.clone_with(options, &url, &name);
        let lost = lost[number / 2];
        place.loses(lost);
        let command = commands[(number + number / 5) % 5].replace("NAME", &name);
        let ran = place.run(&command);
        assert!([0, 9].contains(&ran.code), "{lost}: {ran}");
        ran.notes("fetched again from `origin`");
        place.git("fsck --connectivity-only");
    }
    ana.run("reconcile").ok();
}

#[test]
fn what_was_fetched_need_not_be_remembered() {
    let sandbox = Sandbox::of_ref_files();
    let ana = sandbox.run_of("ana", &[task("a"), task("b")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    for place in [&ana, &ben] {
        for branch in [STATUS, "main"] {
            place.write(&format!(".git/refs/remotes/origin/{branch}.lock"), "");
        }
    }
    ana.publish("planspec/more.yaml", execution("more", "p"));
    ana.run("reconcile").ok().notes("is locked by");
    ben.run("next").ok().says("more/a");
    ben.run("claim run/a --as agent:b").ok();
    ben.run("report run/a --succeeded --as agent:b --reconcile")
        .ok();
    ana.run("reconcile").ok().says("nothing to do");
    ana.run("claim more/a --as agent:a --reconcile").ok();
    for place in [&ana, &ben] {
        for branch in [STATUS, "main"] {
            place.remove(&format!(".git/refs/remotes/origin/{branch}.lock"));
        }
    }
    ben.run("next").ok();
    assert_eq!(ben.node_phase("run/a"), "Succeeded");
}

#[test]
fn a_remote_that_does_not_answer_is_not_waited_for_for_ever() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    ana.git("config planspec.timeout 1s");
    let silent = |why: &str| {
        for verb in ["next", "reconcile", "claim run/a --as agent:a"] {
            let ran = ana.run(verb).exits(3).notes(why);
            ran.notes("git config planspec.timeout 5s");
        }
    };
    // A server that accepts connections, but never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "git"] {
        ana.git(&format!("remote set-url origin {scheme}://{address}/x.git"));
        silent(
            "remote `origin` does not answer: nothing arrived for 1 s, and `git ls-remote` was stopped",
        );
    }
    // As with ssh, or a path.
    let path = sandbox.path("origin.git");
    ana.git(&format!("remote set-url origin {}", path.display()));
    ana.git("config remote.origin.uploadpack 'sleep 1000; git-upload-pack'");
    silent("`git ls-remote` was stopped");
    ana.git("config --unset remote.origin.uploadpack");
    ana.git("config remote.origin.receivepack 'sleep 1000; git-receive-pack'");
    ana.run("claim run/a --as agent:a")
        .exits(3)
        .notes("`git push` was stopped");
    ana.git("config --unset remote.origin.receivepack");
    ana.git("config planspec.timeout soon");
    ana.run("next")
        .exits(3)
        .notes("`planspec.timeout` of the Git configuration: `soon` is not a duration")
        .notes("git config planspec.timeout 60s");
    ana.git("config planspec.timeout 0");
    ana.run("claim run/a --as agent:a --reconcile").ok();
}

#[test]
fn a_remote_that_is_slow_is_waited_for() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    // Incompressible data in one file.
    let noise: Vec<u8> = (0..200_000u64)
        .flat_map(|n| {
            let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (n ^ (n >> 31))
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
                .to_le_bytes()
        })
        .collect();
    std::fs::write(ana.dir.join("noise"), noise).unwrap();
    ana.commit("Noise").push();
    let slow = "#!/bin/sh\ngit-upload-pack \"$@\" | perl -e \
        'while (sysread(STDIN, $b, 32768)) { syswrite(STDOUT, $b); select(undef, undef, undef, 0.1) }'\n";
    ben.write_executable("slow", slow);
    ben.git(&format!(
        "config remote.origin.uploadpack {}/slow",
        ben.dir.display()
    ));
    ben.git("config planspec.timeout 2s");
    let begin = std::time::Instant::now();
    ben.run("reconcile").ok();
    assert!(begin.elapsed().as_secs() > 2, "it was slow");
    ben.git("cat-file -e origin/main:noise");
}

/// A bare repository `name` that pushes what it receives to `origin.git`, without overwriting anything there.
fn hands_on<'a>(sandbox: &'a Sandbox, name: &str, after: &str) -> Place<'a> {
    let hub = sandbox.bare(name);
    let hook = format!(
        "#!/bin/sh\nwhile read old new ref; do ({after}; git push -q '{}' $new:$ref) >/dev/null 2>&1 & done\n",
        sandbox.path("origin.git").display()
    );
    hub.write_executable("hooks/post-receive", &hook);
    hub
}

#[test]
fn a_claim_that_readers_do_not_see_is_none() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a"), task("b"), task("c")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    // Another repository, which is not mirrored.
    sandbox.bare("nowhere.git");
    ana.git("config remote.origin.pushurl ../nowhere.git");
    ana.run("claim run/a --as agent:a")
        .exits(3)
        .notes("is missing when that is read")
        .notes("git config --unset-all remote.origin.pushurl");
    assert_eq!(sandbox.place("nowhere.git").git("for-each-ref"), "");
    // A mirror with a delay.
    hands_on(&sandbox, "lags.git", "sleep 1");
    ana.git("config remote.origin.pushurl ../lags.git");
    ana.run("claim run/a --as agent:a").ok();
    assert!(ana.inbox().iter().any(|name| name.ends_with("/a/1")));
    // Two mirrors that both accept the claim.
    hands_on(&sandbox, "other.git", "true");
    hands_on(&sandbox, "first.git", "true");
    ana.git("config remote.origin.pushurl ../first.git");
    ben.git("config url.../other.git.pushInsteadOf ../origin.git");
    ben.git("config remote.origin.url ../origin.git");
    let claims = [(&ana, "a"), (&ben, "b")];
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let claims = claims.map(|(place, who)| {
            scope.spawn(move || place.run(&format!("claim run/b --as agent:{who}")).code)
        });
        claims.map(|claim| claim.join().unwrap()).into()
    });
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 9], "exactly one has it: {codes:?}");
    // The proposed command helps.
    ana.git("config --unset-all remote.origin.pushurl");
    ana.run("claim run/c --as agent:a --reconcile").ok();
}

#[test]
fn a_server_that_hides_the_inbox_is_noticed_with_the_first_claim_of_a_clone() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a"), task("b")]);
    let hub = sandbox.place("origin.git");
    hub.git("config uploadpack.hideRefs refs/planspec");
    ana.run("claim run/a --as agent:a")
        .exits(3)
        .notes("the server must show the refs below `refs/planspec/`");
    assert_eq!(hub.git("for-each-ref refs/planspec/work"), "");
    hub.git("config --unset uploadpack.hideRefs");
    ana.run("claim run/a --as agent:a").ok();
    // One check is enough: the second claim makes no unnecessary requests.
    let asked = |ran: &crate::sandbox::Ran| ran.err.matches("ls-remote").count();
    let first = ana.run("-v claim run/b --as agent:a").ok();
    ana.run("release run/b --as agent:a --reconcile").ok();
    ana.remove_folder(".git/planspec/cache");
    let again = ana.run("-v claim run/b --as agent:a").ok();
    assert_eq!(asked(&first) + 1, asked(&again), "{first}{again}");
}

#[test]
fn a_refused_push_says_what_is_in_the_way_and_how_to_go_on() {
    let sandbox = Sandbox::of_ref_files();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("a")]), execution("run", "p")]),
    );
    let hub = sandbox.place("origin.git");
    // A branch in place of a folder: the test follows the help literally.
    ana.git("push -q origin main:planspec");
    let ran = ana.run("reconcile").exits(3);
    let help = ran
        .err
        .lines()
        .find(|line| line.starts_with("help: "))
        .unwrap();
    let mut commands = help.split('`').filter(|part| part.starts_with("git "));
    let mut shell = ana.command("sh");
    shell.args(["-c", commands.next().unwrap()]);
    assert!(shell.output().unwrap().status.success(), "{help}");
    hub.git("rev-parse --verify refs/heads/NEW-NAME");
    ana.run("reconcile").ok();
    // The message of a server hook.
    let says = |words: &str| {
        let hook = format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n");
        hub.write_executable("hooks/pre-receive", &hook);
    };
    let table = [
        (
            "error: GH006: Protected branch update failed",
            "is protected there",
        ),
        (
            "every commit needs a ticket",
            "a hook of the remote rejects `refs/planspec/work/",
        ),
        (
            "fatal: write error: No space left on device",
            "the disk of `origin`, or this one, is full",
        ),
        (
            "You are not allowed to push code to this project",
            "you need the right to push to `origin`",
        ),
    ];
    for (words, way_out) in table {
        says(words);
        ana.run("claim run/a --as agent:a")
            .exits(3)
            .notes(words)
            .notes(way_out);
    }
    hub.remove("hooks/pre-receive");
    hub.git("config receive.hideRefs refs/planspec");
    ana.run("claim run/a --as agent:a")
        .exits(3)
        .notes("see `receive.hideRefs`");
    hub.git("config --unset receive.hideRefs");
    let lock = "refs/heads/planspec/status.lock";
    ana.run("claim run/a --as agent:a").ok();
    hub.write(lock, "");
    ana.run("reconcile")
        .exits(3)
        .notes("planspec/status.lock")
        .notes("the administrator of the server must delete that file");
    // If the lock goes away, the command waits for that.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            hub.remove(lock);
        });
        ana.run("reconcile").ok();
    });
}

#[test]
fn a_remote_that_cannot_be_asked_says_why() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    let git = ana.command("git");
    let server = GitServer::guarded(&sandbox.path(""), &git, "Basic bm9ib2R5Om5vdGhpbmc=");
    ana.git(&format!(
        "remote set-url origin {}",
        server.url("origin.git")
    ));
    ana.run("next")
        .exits(3)
        .notes("Git has no credentials for `origin`");
    ana.git("remote set-url origin ../nothing.git");
    ana.run("next")
        .exits(3)
        .notes("git remote set-url origin URL");
    ana.git("remote set-url origin http://127.0.0.1:1/x.git");
    ana.run("next")
        .exits(3)
        .notes("whether the server is reachable");
    ana.git("remote set-url origin ../origin.git");
    ana.run("next").ok();
}

#[test]
fn a_report_whose_reconcile_cannot_push_stands() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    ana.run("claim run/a --as agent:a").ok();
    let hub = sandbox.place("origin.git");
    let hook = "#!/bin/sh\ncase $1 in refs/heads/*) echo 'protected branch' >&2; exit 1;; esac\n";
    hub.write_executable("hooks/update", hook);
    let ran = ana
        .run("report run/a --succeeded --as agent:a --reconcile")
        .exits(5);
    ran.says("reported default/run/a attempt 1 as succeeded")
        .notes("the record was sent, but the status could not be written: remote `origin` refuses the push")
        .notes("`planspec/status` is protected there")
        .notes("the next `planspec reconcile` applies it");
    hub.remove("hooks/update");
    ana.run("reconcile").ok().says("reported by agent:a");
}

#[test]
fn a_partial_clone_gets_what_it_lacks_by_few_calls() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    sandbox
        .place("origin.git")
        .git("config uploadpack.allowFilter true");
    for number in 0..20 {
        let one = [
            plan(&format!("p{number}"), &[task("a")]),
            execution(&format!("r{number}"), &format!("p{number}")),
        ];
        ana.write(&format!("planspec/{number}.yaml"), file(&one));
    }
    ana.commit("Plans").push();
    ana.run("reconcile").ok();
    ana.publish("docs/large", "a large file that nobody needs");
    ana.publish(
        "planspec/0.yaml",
        file(&[plan("p0", &[task("a"), task("b")]), execution("r0", "p0")]),
    );
    let large = ana.git("rev-parse HEAD:docs/large");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let commands = [
        ("validate", "resources: valid"),
        ("validate --rev HEAD~1", "resources: valid"),
        ("review HEAD~1..HEAD", "p0"),
        ("next", "r8/a"),
        ("get execution r7", "Running"),
        ("describe execution r7", "r7"),
        ("log p0", "+ node b"),
        ("claim r7/a --as agent:a", "claimed default/r7/a"),
        ("reconcile --full", "r7/a"),
    ];
    for filter in ["tree:0", "blob:none"] {
        for (number, (command, says)) in commands.iter().enumerate() {
            let name = format!("{}-{number}", filter.replace(':', "-"));
            let options = format!("--filter={filter} --no-checkout");
            let place = sandbox.clone_with(&options, &url, &name);
            if command.starts_with("validate") {
                place.git(
                    "-c core.sparseCheckout=false checkout -q main -- planspec .planspec.yaml",
                );
            }
            let command = command.replace("agent:a", &format!("agent:{name}"));
            let ran = place.run(&format!("-v {command}"));
            if ran.code == 9 {
                continue;
            }
            let ran = ran.ok();
            assert!(ran.to_string().contains(says), "{ran}");
            let fetches = ran.err.matches("\"fetch\"").count();
            assert!(fetches <= 15, "{fetches} fetches: {ran}");
            let here = place.git("cat-file --batch-all-objects --batch-check");
            assert!(
                !here.contains(&large),
                "what nobody asked for is left on the remote: {ran}"
            );
        }
    }
}

#[test]
fn what_a_sparse_checkout_leaves_out_counts_as_if_it_were_there() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let needs = plan("p", &[task("a").needs("code")]);
    ana.write("planspec/plans/p.yaml", file(&[needs]))
        .write("planspec/runs/r.yaml", file(&[execution("r", "p")]))
        .write(
            "planspec/what/code.yaml",
            file(&[crate::resources::capability("code")]),
        )
        .write("src/main.c", "int main;\n")
        .commit("Plans")
        .push();
    let whole = ana.run("validate").ok();
    for (index, cone) in [
        (false, "planspec/plans"),
        (true, "planspec/runs"),
        (false, "src"),
        (true, "src"),
    ] {
        let name = format!("{}-{index}", cone.replace('/', "-"));
        let ben = sandbox.clone_with("", &sandbox.path("origin.git").display().to_string(), &name);
        let index = if index {
            "--sparse-index"
        } else {
            "--no-sparse-index"
        };
        ben.git(&format!("sparse-checkout set --cone {index} {cone}"));
        assert!(!ben.has("planspec/what/code.yaml"));
        assert_eq!(ben.run("validate").ok().out, whole.out);
        ben.run("reconcile").ok();
        // Problems are found everywhere.
        ben.git("rm -q --cached --sparse planspec/what/code.yaml");
        let ran = ben.run("validate");
        assert!(ran.out.contains("PS204"), "{cone}: {ran}");
        assert_eq!(ben.run("validate --staged").code, 0, "a warning: {ran}");
        ben.git("reset -q --hard");
        // A file written outside of the cone is committed.
        ben.run("start p --name more").ok();
        assert_eq!(
            ben.git("show --name-only --format= HEAD"),
            "planspec/default/executions/more.yaml"
        );
        ben.run("validate").ok();
    }
}

#[test]
fn which_of_several_remotes_is_shared_can_be_said() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    let url = sandbox.path("origin.git").display().to_string();
    sandbox.bare("fork.git");
    let ben = sandbox.clone_with("-o upstream", &url, "ben");
    ben.git("remote add fork ../fork.git");
    let ran = ben.run("next").exits(3);
    ran.notes("names remote `origin`, but this clone has no such remote")
        .notes("git config planspec.remote fork, or git config planspec.remote upstream");
    ben.git("config planspec.remote upstream");
    ben.run("next").ok().says("run/a");
    // The shared remote is not configured.
    ben.git("config --unset planspec.remote");
    ben.write(".planspec.yaml", "").commit("Nothing");
    ben.run("next").notes("git config planspec.remote upstream");
    drop(ana);
}

#[test]
fn nothing_is_committed_to_no_branch_or_into_a_rebase() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a")]);
    ana.write("../more.yaml", execution("more", "p"));
    let refuses = |why: &str, way_out: &str| {
        let before = ana.git("status --porcelain");
        for verb in ["apply -f ../more.yaml", "start p --name more"] {
            ana.run(verb).exits(1).notes(why).notes(way_out);
        }
        assert!(!ana.has("planspec/default/executions/more.yaml"));
        assert_eq!(ana.git("status --porcelain"), before);
    };
    let tip = ana.git("rev-parse HEAD");
    ana.git("checkout -q --detach");
    refuses("HEAD is detached", "git switch main");
    ana.git("switch -q -c side");
    ana.write("a", "1").commit("One");
    ana.git("switch -q main");
    ana.write("a", "2").commit("Two");
    for (begin, what) in [
        ("rebase side", "rebase"),
        ("merge side", "merge"),
        ("cherry-pick side", "cherry-pick"),
    ] {
        ana.git_try(begin);
        refuses(
            "is in progress here",
            &format!("or undo it with `git {what} --abort`"),
        );
        ana.git(&format!("{what} --abort"));
    }
    ana.git(&format!("reset -q --hard {tip}"));
    ana.run("apply -f ../more.yaml").ok();
}
