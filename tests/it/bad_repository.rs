//! Damaged repositories, and refs that others wrote: distinguished from missing ones, never believed, never
//! overwritten.

use std::fs;

use crate::resources::{execution, file, goal, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox, text};

/// A repository without a remote, reconciled once.
fn reconciled(sandbox: &Sandbox) -> Place<'_> {
    let place = sandbox.repository("solo");
    let resources = [
        goal("goal"),
        plan("p", &[task("one")]),
        execution("run", "p"),
    ];
    place.publish("planspec/all.yaml", file(&resources));
    place.run("reconcile").ok();
    place
}

/// The file of a loose object.
fn object(id: &str) -> String {
    format!(".git/objects/{}/{}", &id[..2], &id[2..])
}

/// Replaces a write-protected file.
fn replace(place: &Place<'_>, path: &str, content: &[u8]) {
    fs::remove_file(place.dir.join(path)).unwrap();
    fs::write(place.dir.join(path), content).unwrap();
}

// ---- Damage ----

#[test]
fn a_damaged_object_ends_in_one_sentence_that_names_it() {
    let objects = [
        ("spec commit", "main"),
        ("spec tree", "main^{tree}"),
        ("spec blob", "main:planspec/all.yaml"),
        ("status commit", "planspec/status"),
        ("status tree", "planspec/status^{tree}"),
        ("status blob", "planspec/status:controller.yaml"),
    ];
    let damages: [(&str, fn(&[u8]) -> Option<Vec<u8>>); 4] = [
        ("cut", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
        ("emptied", |_| Some(Vec::new())),
        ("overwritten", |_| Some(b"something else".to_vec())),
        ("removed", |_| None),
    ];
    for (what, revision) in objects {
        for (damage, change) in damages {
            let sandbox = Sandbox::of_ref_files();
            let solo = reconciled(&sandbox);
            let tip = solo.status_tip();
            let id = solo.git(&format!("rev-parse {revision}"));
            let path = object(&id);
            let bytes = fs::read(solo.dir.join(&path)).unwrap();
            match change(&bytes) {
                Some(bytes) => replace(&solo, &path, &bytes),
                None => fs::remove_file(solo.dir.join(&path)).unwrap(),
            }
            // Without the cache of an earlier look.
            let _ = fs::remove_dir_all(solo.dir.join(".git/planspec"));
            let ran = solo.run("reconcile").exits(3);
            let lines = ran.err.lines().count();
            assert!(
                lines <= 3 && ran.err.contains(&id),
                "{damage} {what} {id}: {ran}"
            );
            assert_eq!(
                fs::read_to_string(solo.dir.join(".git/refs/heads").join(STATUS))
                    .unwrap()
                    .trim(),
                tip,
                "{damage} {what}: the branch is left as it is"
            );
            solo.run("get executions").exits(3).notes(&id);
        }
    }
}

#[test]
fn an_empty_ref_file_is_damage_and_not_absence() {
    for (branch, verb) in [
        (STATUS, "reconcile"),
        (STATUS, "get goals"),
        ("main", "reconcile"),
    ] {
        let sandbox = Sandbox::of_ref_files();
        let solo = reconciled(&sandbox);
        for content in ["", "\0\0\0\0", "not an id\n"] {
            let path = format!(".git/refs/heads/{branch}");
            solo.write(&path, content);
            solo.run(verb).exits(3).notes(branch);
            assert_eq!(
                solo.read(&path),
                content,
                "{verb}: nothing was started again"
            );
        }
    }
}

#[test]
fn a_damaged_index_is_named_by_the_hook() {
    let sandbox = Sandbox::new();
    let solo = reconciled(&sandbox);
    for content in [&b""[..], b"DIRC", b"not an index at all"] {
        replace(&solo, ".git/index", content);
        let ran = solo.run("validate --staged");
        // Git reads an empty index as no index.
        let expected: &[i32] = if content.is_empty() { &[0, 1, 3] } else { &[3] };
        assert!(expected.contains(&ran.code), "{ran}");
    }
}

#[test]
fn caches_are_never_trusted_beyond_their_key() {
    let sandbox = Sandbox::new();
    let solo = reconciled(&sandbox);
    solo.run("reconcile").ok();
    solo.run("validate --staged").ok();
    let mut damaged = 0;
    for entry in walkdir(&solo.dir.join(".git/planspec")) {
        fs::write(entry, b"\xff\0not what was stored").unwrap();
        damaged += 1;
    }
    assert!(damaged > 0, "there is a cache");
    solo.run("reconcile").ok().says("nothing to do");
    solo.run("validate --staged").ok();
    solo.write("planspec/bad.yaml", "a: [\n").git("add -A");
    solo.run("validate --staged").exits(1).says("PS001");
}

/// Every file below a folder.
fn walkdir(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files
}

// ---- A foreign status branch ----

#[test]
fn no_commit_by_hand_on_the_status_branch_is_built_upon() {
    type Change = fn(&Place<'_>);
    let table: [(&str, Change); 9] = [
        ("a further file", |solo| {
            solo.write("notes.txt", "mine").commit("By hand");
        }),
        ("a file in the place of a resource", |solo| {
            solo.write("default/goals/00/goal.yaml", "x")
                .commit("By hand");
        }),
        ("a deletion", |solo| {
            solo.remove("README.md").commit("By hand");
        }),
        ("nothing but another message", |solo| {
            solo.commit("By hand");
        }),
        ("a status that was changed, with its trailers", |solo| {
            let message = solo.git("log -1 --format=%B");
            let state = solo
                .read("controller.yaml")
                .replace("sequence: 1", "sequence: 7");
            solo.write("controller.yaml", state);
            solo.git("add -A");
            solo.git_with("commit -q -F -", &message);
        }),
        ("a link", |solo| {
            std::os::unix::fs::symlink("/etc/passwd", solo.dir.join("_link")).unwrap();
            solo.commit("By hand");
        }),
        ("the spec branch itself", |solo| {
            solo.git("reset -q --hard main");
        }),
        ("a revert to an empty tree", |solo| {
            solo.git("rm -rq .");
            solo.commit("By hand");
        }),
        ("a merge of the spec branch", |solo| {
            solo.git("merge -q --no-edit --allow-unrelated-histories main");
        }),
    ];
    for (what, change) in table {
        let sandbox = Sandbox::new();
        let solo = reconciled(&sandbox);
        solo.git(&format!("checkout -q {STATUS}"));
        change(&solo);
        solo.git("checkout -q -f main");
        let tip = solo.status_tip();
        for verb in [
            "reconcile",
            "get executions",
            "next",
            "claim run/one --as agent:a",
        ] {
            let ran = solo.run(verb).exits(3);
            assert!(ran.err.starts_with("error:"), "{what}: {ran}");
        }
        assert_eq!(solo.status_tip(), tip, "{what}: it is left as it is");
    }
}

#[test]
fn a_status_file_that_is_bad_input_stops_with_one_sentence() {
    let sandbox = Sandbox::new();
    let solo = reconciled(&sandbox);
    let message = solo.git(&format!("log -1 --format=%B {STATUS}"));
    let message = message.replace("Planspec-Sequence: 1", "Planspec-Sequence: 2");
    let tip = solo.status_tip();
    for content in [
        "a: [",
        "",
        "- 1\n",
        "\u{1}",
        "apiVersion: x\nkind: y\n",
        "a: &a [*a]\n",
    ] {
        solo.git(&format!("checkout -q -f {STATUS}"));
        solo.git(&format!("reset -q --hard {tip}"));
        let goal = solo.git("ls-files default/goals");
        solo.write(&goal, content);
        solo.git("add -A");
        solo.git_with("commit -q -F -", &message);
        solo.git("checkout -q -f main");
        let ran = solo.run("reconcile").exits(3).notes(&goal);
        assert!(ran.err.lines().count() <= 3, "{ran}");
    }
}

// ---- Hostile inbox refs ----

/// A commit that holds `record.yaml`.
fn record(place: &Place<'_>, content: &str, parents: &[&str]) -> String {
    let blob = place.git_with("hash-object -w --stdin", content);
    let tree = place.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
    let parents: String = parents
        .iter()
        .map(|parent| format!(" -p {parent}"))
        .collect();
    place.git_with(&format!("commit-tree {tree}{parents}"), "by hand")
}

#[test]
fn whatever_stands_on_an_inbox_ref_the_run_goes_on() {
    let sandbox = Sandbox::new();
    let solo = reconciled(&sandbox);
    let uid = text(&solo.get("execution/run")["metadata"]["uid"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let deep = format!("a: {}", "[".repeat(30_000));
    let mut hostile = vec![
        ("main".to_owned(), solo.git("rev-parse main")),
        ("status".to_owned(), solo.status_tip()),
        ("a tree".to_owned(), solo.git("rev-parse main^{tree}")),
        (
            "a blob".to_owned(),
            solo.git_with("hash-object -w --stdin", "x"),
        ),
        ("a bomb".to_owned(), record(&solo, &bomb, &[])),
        ("a deep one".to_owned(), record(&solo, &deep, &[])),
        ("not text".to_owned(), record(&solo, "\u{0}", &[])),
        (
            "two documents".to_owned(),
            record(&solo, "a: 1\n---\nb: 2\n", &[]),
        ),
    ];
    let tag = format!(
        "object {}\ntype commit\ntag t\ntagger a <a@b> 1 +0000\n\nx\n",
        solo.git("rev-parse main")
    );
    hostile.push(("a tag".to_owned(), solo.git_with("mktag", &tag)));
    for (n, (_, id)) in hostile.iter().enumerate() {
        // `mktree` and similar commands do not check what a ref may point to; neither does a bad server.
        solo.write(
            &format!(".git/refs/planspec/reviews/default/gate{n}/{uid}/user"),
            format!("{id}\n"),
        );
    }
    // Names that the program never writes.
    let good = record(&solo, "a: 1\n", &[]);
    for name in [
        "work/x",
        "work/default/run/UID/one/0/more",
        "work/default/run/UID/one/-1",
        "work/default/run/UID/one/99999999999999999999",
        "work/default/run/UID/none/1",
        "work/default/other/UID/one/1",
        "work/default/run/not-a-uid/one/1",
        "nothing/of/ours",
        "requests/default/run/UID/é",
    ] {
        let name = name.replace("UID", &uid);
        solo.git(&format!("update-ref 'refs/planspec/{name}' {good}"));
    }
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    let linked = solo.git(&format!("rev-list --objects {STATUS}"));
    for (what, id) in &hostile {
        if what != "status" {
            assert!(!linked.contains(id.as_str()), "{what} must never be linked");
        }
    }
}

#[test]
fn a_chain_that_is_too_long_is_not_believed() {
    let sandbox = Sandbox::new();
    let solo = reconciled(&sandbox);
    let uid = text(&solo.get("execution/run")["metadata"]["uid"]);
    let blob = solo.git_with("hash-object -w --stdin", "a: 1\n");
    let mut stream = String::new();
    for n in 1..=1001 {
        stream.push_str(&format!(
            "commit refs/planspec/work/default/run/{uid}/one/1\nmark :{n}\ncommitter a <a@b> {n} +0000\n\
             data 0\n"
        ));
        if n > 1 {
            stream.push_str(&format!("from :{}\n", n - 1));
        }
        stream.push_str(&format!("M 100644 {blob} record.yaml\n\n"));
    }
    solo.git_with("fast-import --quiet", &stream);
    solo.run("reconcile").ok().notes("more than 1000 records");
    solo.works("run/one", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}
