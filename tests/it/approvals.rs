//! `approvals.requireSigned` with real keys and real signatures: what counts and what does not.

use crate::resources::{execution, file, gate, gate_node, gate_with, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox, formats, text};

pub const SIGNERS: &str = ".planspec/allowed_signers";

const SIGNED: &str = "\
approvals:
  requireSigned: true
  users: {tech-lead: [ana@example.com, ana@home.example], boss: [carol@example.com]}
  teams: {security: ['user:boss', ben@example.com]}
";

/// Makes an SSH key, and returns its public half as a line of a signers file. The key `ecdsa` is of a type that only
/// `ssh-keygen` can check.
pub fn key(place: &Place<'_>, name: &str) -> String {
    let path = place.dir.join("../keys").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Only `ssh-keygen` can check this curve.
    let kind: &[&str] = match name {
        "p521" => &["ecdsa", "-b", "521"],
        _ => &["ed25519"],
    };
    let made = place
        .command("ssh-keygen")
        .args(["-q", "-N", "", "-C", name, "-t"])
        .args(kind)
        .arg("-f")
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let words: Vec<&str> = public.split(' ').take(2).collect();
    words.join(" ")
}

/// Signs with this key from now on.
pub fn sign_with(place: &Place<'_>, name: &str) {
    let path = place.dir.join("../keys").join(name);
    place.git("config gpg.format ssh");
    place.git(&format!("config user.signingkey {}", path.display()));
}

/// A run that waits at a gate for a signed approval by ana or by security.
pub fn signing<'a>(sandbox: &'a Sandbox, signers: &[(&str, &str)]) -> Place<'a> {
    let solo = sandbox.repository("solo");
    let lines: String = signers
        .iter()
        .map(|(principals, name)| format!("{principals} {}\n", key(&solo, name)))
        .collect();
    let gate = gate_with(
        "sign",
        "p",
        "reviewers: [\"user:tech-lead\", \"team:security\"]\n",
    );
    let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
    solo.write(".planspec.yaml", SIGNED)
        .write(SIGNERS, lines)
        .publish(
            "planspec/all.yaml",
            file(&[plan("p", &nodes), gate, execution("run", "p")]),
        );
    solo.run("reconcile").ok();
    assert_eq!(reason(&solo), "AwaitingApproval");
    solo
}

fn reason(place: &Place<'_>) -> String {
    text(&place.node("run/ok")["extensions"]["reason"])
}

/// A record written by hand.
pub struct Forgery<'a> {
    pub actor: &'a str,
    /// How `git commit-tree` signs, and other options before the subcommand.
    pub git: &'a str,
    pub sign: &'a str,
}

impl Forgery<'_> {
    /// Returns the commit of an approval of `run/ok` on top of the last record of its actor, on no ref.
    pub fn commit(&self, place: &Place<'_>) -> String {
        let run = place.get("execution/run");
        let decision = &run["status"]["nodeStatuses"]["ok"]["extensions"]["decision"];
        let controller = place.git(&format!("show {STATUS}:controller.yaml"));
        let repository = controller
            .lines()
            .find_map(|line| line.strip_prefix("repositoryId: "))
            .unwrap();
        let record = format!(
            "apiVersion: records.planspec.io/v1\nkind: Review\nnode: ok\ngate: default/sign\n\
             digest: {}\ndecision: approve\nrepository: {repository}\nexecution: {{namespace: \
             default, name: run, uid: {}}}\nactor: {}\ntime: '2026-01-01T00:00:00Z'\nnonce: x\n",
            text(&decision["digest"]),
            text(&run["metadata"]["uid"]),
            self.actor,
        );
        let blob = place.git_with("hash-object -w --stdin", &record);
        let tree = place.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
        let tip = place.git_try(&format!(
            "rev-parse -q --verify {}",
            ref_of(place, self.actor)
        ));
        let behind = match tip.code {
            0 => format!("-p {}", tip.out.trim()),
            _ => String::new(),
        };
        place.git(&format!(
            "{} commit-tree {} {behind} -m record {tree}",
            self.git, self.sign
        ))
    }

    /// Puts the record into the inbox.
    pub fn send(&self, place: &Place<'_>) {
        let commit = self.commit(place);
        send(place, self.actor, &commit);
    }
}

/// The inbox ref of an actor at the gate of the run.
fn ref_of(place: &Place<'_>, actor: &str) -> String {
    let uid = text(&place.get("execution/run")["metadata"]["uid"]);
    let actor = actor.replace('@', "%40").replace('.', "%2E");
    format!("refs/planspec/reviews/default/sign/{uid}/{actor}")
}

/// Puts a record of an actor into the inbox of the run.
pub fn send(place: &Place<'_>, actor: &str, commit: &str) {
    place.git(&format!("update-ref {} {commit}", ref_of(place, actor)));
}

/// Reconciles: nothing was approved, for this reason.
pub fn refused(place: &Place<'_>, expected: &str) {
    let why = place.run("reconcile").ok();
    assert_eq!(place.node_phase("run/ok"), "Blocked", "{expected}: {why}");
    assert_eq!(place.unapplied("run"), [expected], "{why}");
}

#[test]
fn a_signed_approval_opens_the_gate_and_says_whose_key_it_was() {
    for (objects, refs) in formats() {
        opens_the_gate(&Sandbox::of(objects, refs));
    }
}

fn opens_the_gate(sandbox: &Sandbox) {
    let solo = signing(sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    solo.run("approve sign -m 'looks good' --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    let review = solo.node("run/ok")["extensions"]["decision"]["reviews"][0].clone();
    assert_eq!(review["signed"]["principal"], "ana@example.com");
    let key = text(&review["signed"]["key"]);
    assert!(key.starts_with("SHA256:"), "{key}");
    let shown = format!("signed by ana@example.com with {key}");
    solo.run("describe gate/sign").ok().says(&shown);
    solo.run("describe execution/run").ok().says(&shown);
    // Git can check the evidence as well.
    let record = text(&review["record"]);
    solo.git(&format!("merge-base --is-ancestor {record} {STATUS}"));
    let signers = solo.dir.join(SIGNERS);
    solo.git(&format!(
        "-c gpg.ssh.allowedSignersFile={} verify-commit {record}",
        signers.display()
    ));
}

#[test]
fn a_signed_rejection_counts_like_an_approval() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("tech-lead", "ana")]);
    sign_with(&solo, "ana");
    solo.run("reject sign --as user:tech-lead --reconcile").ok();
    assert_eq!(solo.phase("gate/sign"), "Rejected");
}

#[test]
fn members_of_teams_sign_under_any_name_of_theirs() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("carol@example.com", "carol")]);
    sign_with(&solo, "carol");
    solo.run("approve sign --as user:boss --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
}

#[test]
fn approve_refuses_at_once_what_reconcile_would_not_count() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    solo.run("approve sign")
        .exits(3)
        .notes("git cannot sign")
        .notes("docs/approvals.md");
    solo.git("config gpg.format ssh");
    solo.run("approve sign")
        .exits(3)
        .notes("user.signingkey")
        .notes("git cannot sign");
    key(&solo, "eve");
    sign_with(&solo, "eve");
    solo.run("approve sign").exits(1).notes("UnknownKey");
    sign_with(&solo, "ana");
    solo.run("approve sign --as ben@example.com")
        .exits(1)
        .notes("OtherSigner");
    assert_eq!(solo.inbox(), [""; 0]);
}

#[test]
fn a_comment_is_signed_too_and_decides_nothing() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    solo.run("comment sign").exits(2).notes("add -m TEXT");
    solo.run("comment sign -m 'what about tests?' --reconcile")
        .ok()
        .says("commented on default/sign");
    assert_eq!(reason(&solo), "AwaitingApproval");
    solo.run("describe execution/run")
        .ok()
        .says("what about tests?")
        .says("signed by ana@example.com");
    solo.run("approve sign --reconcile").ok();
    let history = solo.get("gate/sign")["status"]["reviewHistory"].clone();
    assert_eq!(history[0]["comment"], "what about tests?");
    assert_eq!(history[1]["action"], "approve");
}

#[test]
fn what_is_not_signed_by_a_key_of_its_actor_is_refused() {
    let ana = "ana@example.com";
    let table = [
        ("without a signature", ana, "", "", "Unsigned"),
        ("with another trusted key", ana, "ben", "-S", "OtherSigner"),
        ("with a key nobody listed", ana, "eve", "-S", "UnknownKey"),
        (
            "by somebody who is not a reviewer",
            "dora@example.com",
            "dora",
            "-S",
            "NotAReviewer",
        ),
    ];
    for (what, actor, by, sign, expected) in table {
        let sandbox = Sandbox::new();
        let signers = [
            (ana, "ana"),
            ("ben@example.com", "ben"),
            ("dora@example.com", "dora"),
        ];
        let solo = signing(&sandbox, &signers);
        key(&solo, "eve");
        if !by.is_empty() {
            sign_with(&solo, by);
        }
        // A forger also writes ana's name into the commit.
        let git = "-c user.name=Ana -c user.email=ana@example.com";
        Forgery { actor, git, sign }.send(&solo);
        refused(&solo, expected);
        let note = solo.run("describe execution/run").ok();
        assert!(note.out.contains(expected), "{what}: {note}");
    }
}

#[test]
fn a_key_must_be_valid_when_the_record_arrives_whatever_date_stands_in_the_commit() {
    // It is the end of January 2026.
    let table = [
        ("valid-before=\"20260101\"", "KeyExpired"),
        ("valid-after=\"20260201\"", "KeyNotYetValid"),
        ("namespaces=\"file\"", "UnknownKey"),
    ];
    for (options, expected) in table {
        let sandbox = Sandbox::new();
        let solo = signing(&sandbox, &[(&format!("ana@example.com {options}"), "ana")]);
        sign_with(&solo, "ana");
        let mut command = solo.command("git");
        // Times at which the key is not valid: before and after.
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            let date = match expected {
                "KeyNotYetValid" => "2026-03-01T00:00:00Z",
                _ => "2025-12-01T00:00:00Z",
            };
            command.env(name, date);
        }
        let unsigned = Forgery {
            actor: "ana@example.com",
            git: "",
            sign: "",
        };
        let tree = format!("{}^{{tree}}", unsigned.commit(&solo));
        let tree = solo.git(&format!("rev-parse {tree}"));
        let made = command
            .args(["commit-tree", "-S", "-m", "record", &tree])
            .output()
            .unwrap();
        let commit = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        if expected != "UnknownKey" {
            // Git uses the date in the commit, and accepts the signature.
            let signers = solo.dir.join(SIGNERS);
            solo.git(&format!(
                "-c gpg.ssh.allowedSignersFile={} verify-commit {commit}",
                signers.display()
            ));
        }
        send(&solo, "ana@example.com", &commit);
        refused(&solo, expected);
    }
}

#[test]
fn keys_are_rotated_and_what_was_counted_stays_counted() {
    let sandbox = Sandbox::new();
    let valid = "ana@example.com valid-before=\"20260201\"";
    let solo = signing(&sandbox, &[(valid, "ana"), ("ben@example.com", "ben")]);
    sign_with(&solo, "ana");
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    sandbox.minutes_pass(2 * 24 * 60);
    // A new run, after the old key has expired and a new one has come.
    let new = key(&solo, "ana-2");
    let signers = format!("{}ana@example.com {new}\n", solo.read(SIGNERS));
    solo.write(SIGNERS, signers)
        .publish("planspec/next.yaml", execution("next", "p"));
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    solo.run("approve sign").exits(1).notes("KeyExpired");
    sign_with(&solo, "ana-2");
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("next/ok"), "Succeeded");
}

#[test]
fn a_key_that_stands_in_the_work_tree_or_a_pull_request_does_not_count() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    let signers = solo.read(SIGNERS);
    let eve = format!("{signers}ana@example.com {}\n", key(&solo, "eve"));
    solo.git("checkout -q -b sly");
    solo.publish(SIGNERS, &eve);
    sign_with(&solo, "eve");
    let forged = Forgery {
        actor: "ana@example.com",
        git: "",
        sign: "-S",
    };
    forged.send(&solo);
    solo.run("approve sign").exits(1).notes("UnknownKey");
    refused(&solo, "UnknownKey");
}

#[test]
fn a_key_that_is_added_after_an_approval_arrived_counts_for_a_new_one_only() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ben@example.com", "ben")]);
    let ana = key(&solo, "ana");
    sign_with(&solo, "ana");
    let made = Forgery {
        actor: "ana@example.com",
        git: "",
        sign: "-S",
    };
    made.send(&solo);
    refused(&solo, "UnknownKey");
    let signers = format!("{}ana@example.com {ana}\n", solo.read(SIGNERS));
    solo.publish(SIGNERS, signers);
    refused(&solo, "UnknownKey");
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
}

#[test]
fn an_approval_that_is_amended_after_it_was_signed_is_refused() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    let signed = Forgery {
        actor: "ana@example.com",
        git: "",
        sign: "-S",
    };
    let commit = signed.commit(&solo);
    let text = solo.git(&format!("cat-file commit {commit}"));
    let table = [
        ("its date", text.replace("author Ana", "author Eve")),
        ("its message", format!("{text} and more")),
    ];
    for (what, text) in table {
        assert!(text.contains("BEGIN SSH SIGNATURE"), "{what}");
        let changed = solo.git_with("hash-object -t commit -w --stdin", &format!("{text}\n"));
        send(&solo, "ana@example.com", &changed);
        let why = solo.run("reconcile").ok();
        assert_eq!(solo.node_phase("run/ok"), "Blocked", "{what}: {why}");
        let reasons = solo.unapplied("run");
        assert_eq!(
            reasons.last().unwrap(),
            match what {
                "its date" => "SignatureInvalid",
                _ => "RefRewritten",
            }
        );
    }
}

#[test]
fn without_signers_or_without_the_program_nothing_counts() {
    let ana = "ana@example.com";
    let send_signed_with = |solo: &Place<'_>, key: &str| {
        sign_with(solo, key);
        let signed = Forgery {
            actor: ana,
            git: "",
            sign: "-S",
        };
        signed.send(solo);
    };
    let send_signed = |solo: &Place<'_>| send_signed_with(solo, "ana");
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[(ana, "ana")]);
    let said = "approvals must be signed, but the spec branch lists no key";
    solo.run("reconcile --dry-run").ok().never_says(said);
    solo.remove(SIGNERS).commit("Forget who may sign");
    solo.run("reconcile --dry-run").ok().notes(said);
    send_signed(&solo);
    refused(&solo, "NoSigners");

    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[(ana, "ana")]);
    solo.write("signers", solo.read(SIGNERS)).remove(SIGNERS);
    std::os::unix::fs::symlink("../signers", solo.dir.join(SIGNERS)).unwrap();
    solo.commit("A link");
    send_signed(&solo);
    refused(&solo, "SignersUnreadable");

    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[(ana, "p521")]);
    send_signed_with(&solo, "p521");
    let path = std::env::var("PATH").unwrap();
    let git = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.exists())
        .unwrap();
    let bin = sandbox.folder("bin");
    std::os::unix::fs::symlink(git, bin.dir.join("git")).unwrap();
    let poor = solo
        .run_in(&[("PATH", bin.dir.to_str().unwrap())], "reconcile")
        .ok();
    poor.notes("ssh-keygen").notes("install OpenSSH");
    assert_eq!(solo.unapplied("run"), ["NoVerifier"]);
    assert_eq!(solo.node_phase("run/ok"), "Blocked");
}

#[test]
fn a_signed_approval_is_worth_nothing_in_another_repository_run_or_gate() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    // A clone starts a status branch of its own.
    let other = sandbox.clone_of("solo", "other");
    other.git("config planspec.remote ''");
    sandbox.minutes_pass(1);
    other.run("reconcile").ok();
    solo.run("approve sign").ok();
    let record = solo.git("for-each-ref --format=%(objectname) refs/planspec/reviews");
    other.git("fetch -q origin refs/planspec/*:refs/copied/*");
    send(&other, "ana@example.com", &record);
    refused(&other, "OtherRepository");

    // For another run, and for another gate of the same run.
    solo.publish(
        "planspec/more.yaml",
        file(&[execution("again", "p"), gate("other", "p")]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    let uid = |run: &str| text(&solo.get(&format!("execution/{run}"))["metadata"]["uid"]);
    let ana = "ana%40example%2Ecom";
    for (gate, run) in [("sign", "again"), ("other", "again")] {
        solo.git(&format!(
            "update-ref refs/planspec/reviews/default/{gate}/{}/{ana} {record}",
            uid(run)
        ));
    }
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("again/ok"), "Blocked");
    assert_eq!(solo.unapplied("again"), ["OtherRun", "OtherRun"]);
    // On the ref of another gate of the same run.
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    let signed = Forgery {
        actor: "ana@example.com",
        git: "",
        sign: "-S",
    };
    let commit = signed.commit(&solo);
    let uid = text(&solo.get("execution/run")["metadata"]["uid"]);
    solo.git(&format!(
        "update-ref refs/planspec/reviews/default/other/{uid}/{ana} {commit}"
    ));
    refused(&solo, "Misplaced");
}

#[test]
fn editing_the_plan_and_taking_it_back_revives_no_approval() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    solo.run("approve sign").ok();
    let record = solo.git("for-each-ref --format=%(objectname) refs/planspec/reviews");
    solo.run("reconcile").ok();
    let whole = solo.read("planspec/all.yaml");
    let before = text(&solo.get("execution/run")["metadata"]["uid"]);
    // The run is removed, the plan is changed, and then everything is restored.
    solo.publish("planspec/all.yaml", plan("p", &[task("evil")]));
    solo.run("reconcile").ok();
    solo.publish("planspec/all.yaml", &whole);
    solo.run("reconcile").ok();
    let run = solo.get("execution/run");
    assert_ne!(text(&run["metadata"]["uid"]), before);
    assert_eq!(reason(&solo), "AwaitingApproval");
    send(&solo, "ana@example.com", &record);
    refused(&solo, "OtherRun");
}

#[test]
fn one_key_under_two_names_is_one_voice() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let both = format!("ana@example.com,zoe@example.com {}\n", key(&solo, "ana"));
    let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
    solo.write(".planspec.yaml", "approvals: {requireSigned: true}\n")
        .write(SIGNERS, both)
        .publish(
            "planspec/all.yaml",
            file(&[
                plan("p", &nodes),
                gate_with("sign", "p", "requiredApprovers: 2\n"),
                execution("run", "p"),
            ]),
        );
    solo.run("reconcile").ok();
    sign_with(&solo, "ana");
    for name in ["ana", "zoe"] {
        solo.run(&format!("approve sign --as {name}@example.com --reconcile"))
            .ok();
    }
    assert_eq!(solo.node_phase("run/ok"), "Blocked");
    let message = text(&solo.node("run/ok")["message"]);
    assert!(message.starts_with("1 of 2 approvals"), "{message}");
    let line = format!("ben@example.com {}\n", key(&solo, "ben"));
    solo.publish(SIGNERS, format!("{}{line}", solo.read(SIGNERS)));
    sign_with(&solo, "ben");
    solo.run("approve sign --as ben@example.com --reconcile")
        .ok();
    // Only those who were counted have decided.
    let decided = solo.get("gate/sign")["status"]["resolution"]["actors"].clone();
    assert_eq!(
        serde_json::from_value::<Vec<String>>(decided).unwrap(),
        ["ana@example.com", "ben@example.com"]
    );
}

#[test]
fn through_a_remote_reconcile_needs_no_key_of_its_own() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let line = format!("ana@example.com {}\n", key(&ana, "ana"));
    let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
    ana.write(
        ".planspec.yaml",
        "status: {remote: origin}\napprovals: {requireSigned: true, allowedSigners: keys/signers}\n",
    )
    .write("keys/signers", line)
    .publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), gate("sign", "p"), execution("run", "p")]),
    );
    let ci = sandbox.clone_with(
        "--depth=1",
        &format!("file://{}", sandbox.path("origin.git").display()),
        "ci",
    );
    ci.run("reconcile").ok();
    sign_with(&ana, "ana");
    ana.run("approve sign").ok();
    // Files in the reconciling clone have no influence.
    ci.write("keys/signers", "");
    ci.run("reconcile").ok();
    assert_eq!(ci.node_phase("run/ok"), "Succeeded");
    ana.git("fetch -q");
    ana.run("describe gate/sign")
        .ok()
        .says("signed by ana@example.com with SHA256:");
}

#[test]
fn a_name_that_no_program_can_be_given_stops_nothing() {
    let sandbox = Sandbox::new();
    let solo = signing(&sandbox, &[("ana@example.com", "ana")]);
    sign_with(&solo, "ana");
    let hostile = Forgery {
        actor: "\"a\\0b\"",
        git: "",
        sign: "-S",
    };
    let commit = hostile.commit(&solo);
    send(&solo, "ana@example.com", &commit);
    refused(&solo, "Misplaced");
}
