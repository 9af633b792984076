//! The index of the cache, whatever is done to it: answers are the same, and nothing fails.

use std::fs;
use std::path::PathBuf;

use crate::resources::{execution, file, gate, gate_node, goal, plan, plan_with, task};
use crate::sandbox::{Place, Sandbox};

/// A repository with a run that waits, and more that refers to each other.
fn shop(sandbox: &Sandbox) -> Place<'_> {
    let shop = sandbox.repository("shop");
    let nodes = [task("build"), gate_node("sign", "sign").after("build")];
    shop.publish(
        "planspec/release.yaml",
        file(&[
            plan("release", &nodes),
            gate("sign", "release"),
            execution("run", "release"),
        ]),
    );
    shop.publish("planspec/goal.yaml", goal("sell"));
    let more = "goalRef: {name: sell}\n";
    shop.publish(
        "planspec/checkout.yaml",
        plan_with("checkout", more, &[task("pay")]),
    );
    shop.run("reconcile").ok();
    shop.write("planspec/goal.yaml", goal("sold"));
    shop.git("add -A");
    shop
}

/// What is asked, with the exit code that is right.
const ASKED: [(&str, i32); 10] = [
    ("get plan checkout -o yaml", 0),
    ("get plans", 0),
    ("get execution run -o json", 0),
    ("describe plan release", 0),
    ("describe execution run -o json", 0),
    ("graph release", 0),
    ("next", 0),
    ("next run -o json", 0),
    ("get plan chekout", 1),
    ("validate --staged", 1),
];

/// What the program says to all of it.
fn said(shop: &Place<'_>) -> Vec<(String, String)> {
    ASKED
        .iter()
        .map(|(args, code)| {
            let ran = shop.run(args).exits(*code);
            (ran.out, ran.err)
        })
        .collect()
}

fn index(shop: &Place<'_>) -> PathBuf {
    shop.dir.join(".git/planspec/cache/index")
}

#[test]
fn an_index_that_is_gone_damaged_foreign_or_in_use_costs_time_alone() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox);
    let expected = said(&shop);
    assert!(expected[8].1.contains("did you mean `checkout`?"));
    let path = index(&shop);
    assert_eq!(said(&shop), expected, "as it is");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert_eq!(said(&shop), expected, "gone");
    for text in ["", "nonsense", "SQLite format 3\0 and nothing else"] {
        fs::write(&path, text).unwrap();
        assert_eq!(said(&shop), expected, "{text}");
    }
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(said(&shop), expected, "cut");
    for part in 0..8 {
        let mut harmed = fs::read(&path).unwrap();
        let from = harmed.len() * part / 8;
        let to = (from + 600).min(harmed.len());
        harmed[from..to].fill(0x41);
        fs::write(&path, harmed).unwrap();
        assert_eq!(said(&shop), expected, "part {part} overwritten");
    }
    // Somebody else holds it, and goes on holding it.
    let holder = rusqlite::Connection::open(&path).unwrap();
    let hold = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
    holder.execute_batch(hold).unwrap();
    assert_eq!(said(&shop), expected, "in use");
    drop(holder);
    // Nothing can be written at all.
    let folder = path.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    fs::write(folder, "in the way").unwrap();
    assert_eq!(said(&shop), expected, "in the way");
}

/// Two reconciles with different indexes write the same bytes: the index says where things are, and
/// decides nothing.
#[test]
fn what_is_written_does_not_depend_on_the_index() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox);
    shop.git("commit -q --no-verify -m x");
    let old = shop.git("rev-parse planspec/status");
    let tree = |harm: &dyn Fn()| {
        harm();
        shop.git(&format!("update-ref refs/heads/planspec/status {old}"));
        shop.run("reconcile").ok();
        shop.git("rev-parse planspec/status^{tree}")
    };
    let with = tree(&|| {
        shop.run("get plans").ok();
    });
    let without = tree(&|| fs::remove_dir_all(shop.dir.join(".git/planspec")).unwrap());
    assert_eq!(with, without);
}
