//! The index in the cache, in any state: answers stay the same, and nothing fails.

use std::fs;
use std::path::PathBuf;

use crate::resources::{execution, file, gate, gate_node, goal, plan, plan_with, task};
use crate::sandbox::{Place, Sandbox};

/// A repository with a waiting run, and resources that refer to each other.
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

/// The commands, with their exit codes.
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

/// The output of all commands.
fn said(shop: &Place<'_>) -> Vec<(String, String)> {
    ASKED
        .iter()
        .map(|(args, code)| {
            let ran = shop.run(args).exits(*code);
            (ran.out, ran.err)
        })
        .collect()
}

/// The path of the index of the commit.
fn index(shop: &Place<'_>) -> PathBuf {
    shop.dir.join(".git/planspec/cache/index")
}

#[test]
fn an_index_that_is_gone_damaged_foreign_or_in_use_costs_time_alone() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox);
    let expected = said(&shop);
    assert!(expected[8].1.contains("did you mean `checkout`?"));
    assert_eq!(said(&shop), expected, "as they are");
    let paths = [index(&shop)];
    let folder = paths[0].parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(said(&shop), expected, "gone");
    let harm = |harm: &dyn Fn(&mut Vec<u8>)| {
        for path in &paths {
            let mut bytes = fs::read(path).unwrap();
            harm(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
        said(&shop)
    };
    for text in ["", "nonsense", "SQLite format 3\0 and nothing else"] {
        let said = harm(&|bytes| *bytes = text.as_bytes().to_vec());
        assert_eq!(said, expected, "{text}");
    }
    let said_of_half = harm(&|bytes| bytes.truncate(bytes.len() / 2));
    assert_eq!(said_of_half, expected, "cut");
    for part in 0..8 {
        let said = harm(&|bytes| {
            let from = bytes.len() * part / 8;
            let to = (from + 600).min(bytes.len());
            bytes[from..to].fill(0x41);
        });
        assert_eq!(said, expected, "part {part} overwritten");
    }
    // Another process keeps them locked.
    let holders = paths.each_ref().map(|path| {
        let holder = rusqlite::Connection::open(path).unwrap();
        let hold = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
        holder.execute_batch(hold).unwrap();
        holder
    });
    assert_eq!(said(&shop), expected, "in use");
    drop(holders);
    // The folder cannot be written.
    fs::remove_dir_all(folder).unwrap();
    fs::write(folder, "in the way").unwrap();
    assert_eq!(said(&shop), expected, "in the way");
}

/// Ended runs are skipped; open ones are found whatever happened since the last look.
#[test]
fn what_can_be_claimed_is_found_as_runs_begin_and_end() {
    let sandbox = Sandbox::new();
    let shop = sandbox.repository("shop");
    shop.publish("planspec/plan.yaml", plan("open", &[task("build")]));
    let offered = |expected: &[&str]| {
        let items = shop.run("next -o json").ok().json()["items"].clone();
        let names = items.as_array().unwrap().iter().map(|item| {
            let [run, node] = ["execution", "node"].map(|field| item[field].as_str().unwrap());
            format!("{run}/{node}")
        });
        let names: Vec<String> = names.collect();
        assert_eq!(names, expected);
    };
    for (number, all) in [["one/build"].as_slice(), &["one/build", "open/build"]]
        .iter()
        .enumerate()
    {
        let name = ["one", "open"][number];
        shop.publish(&format!("planspec/{name}.yaml"), execution(name, "open"));
        shop.run("reconcile").ok();
        offered(all);
    }
    for (name, left) in [("one", ["open/build"].as_slice()), ("open", &[])] {
        shop.run(&format!("claim {name}/build --as agent:a")).ok();
        offered(left);
        shop.run(&format!(
            "report {name}/build --as agent:a --succeeded --reconcile"
        ))
        .ok();
        offered(left);
    }
}

/// Two reconciles with different indexes write the same bytes: the index only says where things are.
#[test]
fn what_is_written_does_not_depend_on_the_index() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox);
    shop.git("commit -q --no-verify -m x");
    let old = shop.git("rev-parse refs/heads/planspec/status");
    let tree = |harm: &dyn Fn()| {
        harm();
        for name in ["refs/heads/planspec/status", "refs/planspec/status"] {
            shop.git(&format!("update-ref {name} {old}"));
        }
        shop.run("reconcile").ok();
        shop.git("rev-parse refs/heads/planspec/status^{tree}")
    };
    let with = tree(&|| {
        shop.run("get plans").ok();
    });
    let without = tree(&|| fs::remove_dir_all(shop.dir.join(".git/planspec")).unwrap());
    assert_eq!(with, without);
}

/// Notes are kept about a look that found nothing new: without them, or with other ones, the answer is the same.
#[test]
fn notes_about_a_look_at_nothing_new_decide_nothing() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox);
    let first = shop.run("reconcile").ok().says("nothing to do").out.clone();
    let cache = shop.dir.join(".git/planspec/cache");
    let note = |name: &str| fs::read(cache.join(name)).unwrap();
    let (idle, kept) = (note("idle"), note("kept"));
    assert_eq!(shop.run("reconcile").ok().out, first);
    let tip = shop.git("rev-parse planspec/status");
    let other = String::from_utf8(kept.clone()).unwrap();
    let other = other.replace("\"main\"", "\"elsewhere\"");
    let damaged = [b"{".to_vec(), other.replace(&tip, &"1".repeat(40)).into()];
    for (name, sound) in [("idle", &idle), ("kept", &kept)] {
        for text in &damaged {
            fs::write(cache.join(name), text).unwrap();
            assert_eq!(shop.run("reconcile").ok().out, first, "{name}");
        }
        fs::remove_file(cache.join(name)).unwrap();
        assert_eq!(shop.run("reconcile").ok().out, first, "{name}");
        fs::write(cache.join(name), sound).unwrap();
    }
    // The note is compared with the configuration just as the commit is.
    let with_note = |has_note: bool| {
        if !has_note {
            fs::remove_file(cache.join("kept")).unwrap();
        }
        let ran = shop.run("reconcile").exits(3);
        (ran.out, ran.err)
    };
    shop.publish(".planspec.yaml", "status: {branch: planspec/other}\n");
    assert!(cache.join("kept").exists());
    let said = with_note(true);
    assert!(
        said.1.contains("the status is on branch `planspec/status`"),
        "{}",
        said.1
    );
    assert_eq!(said, with_note(false));
}
