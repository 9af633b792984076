//! Anyone with push access can send any number of records. Records that cannot be from an actor cost no process, and
//! valid ones among them are found.

use crate::approvals::{SIGNERS, key, sign_with};
use crate::resources::{execution, file, gate_node, gate_with, plan, task};
use crate::sandbox::{Place, Ran, Sandbox, text};

/// Number of records of each kind.
const MANY: usize = 60;

/// Makes a review of a gate on a ref of its own, with some signature or none. Returns its commit.
fn review(place: &Place<'_>, (uid, repository): (&str, &str), n: usize, signature: &str) -> String {
    let record = format!(
        "apiVersion: records.planspec.io/v1\nkind: Review\nnode: ok\ngate: default/g\ndigest: sha256:{}\ndecision: approve\n\
         {repository}\nexecution: {{namespace: default, name: run, uid: {uid}}}\nactor: ana@example.com\n\
         time: \"2026-01-31T12:00:00Z\"\nnonce: flood-{n}\nminor: 1\n",
        "0".repeat(64)
    );
    let blob = place.git_with("hash-object -w --stdin", &record);
    let tree = place.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
    let who = "Ana <ana@example.com> 1769860800 +0000";
    // As the header is called where ids are SHA-256.
    let signature = match tree.trim().len() {
        64 => signature.replace("gpgsig ", "gpgsig-sha256 "),
        _ => signature.to_owned(),
    };
    let commit = format!("tree {tree}\nauthor {who}\ncommitter {who}\n{signature}\nreview {n}\n");
    place.git_with("hash-object -t commit -w --stdin", &commit)
}

/// The header of a commit with the signature of something else by a key.
fn signature(sandbox: &Sandbox, key: &str) -> String {
    let folder = sandbox.folder(&format!("signed-{}", key.replace('/', "-")));
    folder.write("text", "something else\n");
    let signed = folder
        .command("ssh-keygen")
        .args(["-Y", "sign", "-q", "-n", "git", "-f", key, "text"])
        .status();
    assert!(signed.unwrap().success());
    format!(
        "gpgsig {}\n",
        folder.read("text.sig").trim_end().replace('\n', "\n ")
    )
}

/// A clone of a repository whose gate waits for Ana, who signs with some key; the uid of the run, and the repository's
/// identity.
fn waiting_for_ana<'a>(sandbox: &'a Sandbox, key_name: &str) -> (Place<'a>, String, String) {
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    let listed = key(&ana, key_name);
    let resources = [
        plan("p", &[gate_node("ok", "g"), task("one").after("ok")]),
        gate_with("g", "p", "reviewers: [ana@example.com]\n"),
        execution("run", "p"),
    ];
    ana.write(
        ".planspec.yaml",
        "status: {remote: origin}\napprovals: {requireSigned: true}\n",
    )
    .write(SIGNERS, format!("ana@example.com {listed}\n"))
    .publish("planspec/all.yaml", file(&resources));
    ana.run("reconcile").ok();
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    ana.git("fetch -q");
    let controller = ana.git("show origin/planspec/status:controller.yaml");
    let id = controller
        .lines()
        .find(|line| line.starts_with("repositoryId"));
    let id = id.unwrap().replace("repositoryId", "repository");
    (ana, uid, id)
}

/// Reconciles, and counts the calls of `ssh-keygen`.
fn reconcile_counted(sandbox: &Sandbox, place: &Place<'_>) -> (Ran, usize) {
    let tools = sandbox.folder("tools");
    let asked = sandbox.path("asked");
    std::fs::remove_file(&asked).ok();
    let keygen = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("ssh-keygen"))
        .find(|file| file.exists())
        .unwrap();
    let script = format!(
        "#!/bin/sh\necho asked >>{}\nexec {} \"$@\"\n",
        asked.display(),
        keygen.display()
    );
    tools.write_executable("ssh-keygen", &script);
    let search = format!("{}:{}", tools.dir.display(), std::env::var("PATH").unwrap());
    let ran = place.run_in(&[("PATH", &search)], "reconcile").ok();
    // Without a call there is no such file.
    let asked = std::fs::read_to_string(asked).unwrap_or_default();
    (ran, asked.lines().count())
}

#[test]
fn what_is_certainly_nobodys_word_costs_no_process() {
    let sandbox = Sandbox::new();
    let (ana, uid, id) = waiting_for_ana(&sandbox, "ana");
    key(&ana, "stranger");
    let path = |name: &str| sandbox.path("keys").join(name).display().to_string();
    let signatures = [
        String::new(),
        signature(&sandbox, &path("stranger")),
        signature(&sandbox, &path("ana")),
        "gpgsig nonsense\n".to_owned(),
    ];
    let mut specs = String::new();
    for (kind, signature) in signatures.iter().enumerate() {
        for n in 0..MANY {
            let n = kind * MANY + n;
            let commit = review(&ana, (&uid, &id), n, signature);
            specs.push_str(&format!(
                " {commit}:refs/planspec/reviews/default/g/{uid}/flood-{n}"
            ));
        }
    }
    let garbage = ana.git("rev-parse HEAD");
    for n in 0..MANY {
        specs.push_str(&format!(
            " {garbage}:refs/planspec/requests/default/run/{uid}/flood-{n}"
        ));
    }
    ana.git(&format!("push -q origin{specs}"));
    // The one that counts.
    sign_with(&ana, "ana");
    ana.run("approve run/ok").ok();
    let (ran, asked) = reconcile_counted(&sandbox, &ana);
    assert!(asked <= 3, "{asked} for one good signature");
    assert_eq!(ana.node_phase("run/ok"), "Succeeded", "{ran}");
    let named = ran.err.lines().filter(|line| line.contains("is ignored: "));
    assert_eq!(named.count(), 20, "{ran}");
    ran.notes(&format!("{} inbox refs are also ignored", MANY - 20));
}

#[test]
fn what_only_a_program_can_judge_is_judged_in_parts_and_each_part_once() {
    const AT_A_TIME: usize = 256;
    const MORE: usize = 20;
    let sandbox = Sandbox::new();
    let (ana, uid, id) = waiting_for_ana(&sandbox, "p521");
    let forged = signature(
        &sandbox,
        &sandbox.path("keys").join("p521").display().to_string(),
    );
    let specs = (0..AT_A_TIME + MORE).map(|n| {
        let commit = review(&ana, (&uid, &id), n, &forged);
        format!(" {commit}:refs/planspec/reviews/default/g/{uid}/flood-{n}")
    });
    ana.git(&format!("push -q origin{}", specs.collect::<String>()));
    // The first part is kept, whatever happens to the second; then there is nothing left to check.
    let (first, of_first) = reconcile_counted(&sandbox, &ana);
    first.notes(&format!("{MORE} inbox refs are signed with keys that only"));
    let (second, of_second) = reconcile_counted(&sandbox, &ana);
    second.never_says("inbox refs are signed with");
    assert_eq!(of_first * MORE, of_second * AT_A_TIME);
    let (_, of_third) = reconcile_counted(&sandbox, &ana);
    assert_eq!(of_third, 0);
    // A valid record is found.
    sign_with(&ana, "p521");
    ana.run("approve run/ok").ok();
    let (ran, _) = reconcile_counted(&sandbox, &ana);
    assert_eq!(ana.node_phase("run/ok"), "Succeeded", "{ran}");
}
