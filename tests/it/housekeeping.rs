//! Repositories are maintained as by Git itself.

use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, Sandbox};

/// A repository with more packs than Git allows, in which maintenance runs in the foreground.
fn many_packs<'s>(sandbox: &'s Sandbox, settings: &[&str]) -> Place<'s> {
    let solo = sandbox.repository("solo");
    for setting in [
        "gc.autoPackLimit 2",
        "maintenance.autoDetach false",
        "gc.autoDetach false",
    ] {
        solo.git(&format!("config {setting}"));
    }
    solo.git("config maintenance.auto false");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    for n in 0..4 {
        let id = solo.git_with("hash-object -w --stdin", &format!("{n}"));
        solo.git(&format!("update-ref refs/tags/t{n} {id}"));
        solo.git_with("pack-objects -q .git/objects/pack/pack", &format!("{id}\n"));
    }
    // The configuration of the tests turns it off.
    solo.git("config maintenance.auto true");
    solo.git("config gc.auto 6700");
    for setting in settings {
        solo.git(&format!("config {setting}"));
    }
    solo
}

fn packs(place: &Place<'_>) -> usize {
    let files = std::fs::read_dir(place.dir.join(".git/objects/pack")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".pack")).count()
}

#[test]
fn many_packs_become_one_after_a_verb_that_writes() {
    for verb in ["reconcile", "claim run/one --as agent:a"] {
        let sandbox = Sandbox::new();
        let solo = many_packs(&sandbox, &[]);
        if verb != "reconcile" {
            solo.git("config planspec.maintenance false");
            solo.run("reconcile").ok();
            solo.git("config --unset planspec.maintenance");
        }
        assert_eq!(packs(&solo), 4);
        solo.run("get plans").ok();
        solo.run("validate").ok();
        assert_eq!(packs(&solo), 4, "who only reads tidies nothing up");
        solo.run(verb).ok();
        assert!(
            packs(&solo) <= 2,
            "{verb}: one, and perhaps one of what nothing leads to"
        );
        assert_eq!(solo.git("status --porcelain"), "");
        solo.run("get executions").ok().says("run ");
        solo.git("fsck --strict");
    }
}

#[test]
fn nothing_is_tidied_up_where_that_is_not_wanted() {
    for setting in [
        "planspec.maintenance false",
        "maintenance.auto false",
        "gc.auto 0",
        "gc.autoPackLimit 0",
    ] {
        let sandbox = Sandbox::new();
        let solo = many_packs(&sandbox, &[setting]);
        solo.run("reconcile").ok();
        assert_eq!(packs(&solo), 4, "{setting}");
    }
}

#[test]
fn a_lock_on_housekeeping_is_in_nobodys_way() {
    let sandbox = Sandbox::new();
    let solo = many_packs(&sandbox, &[]);
    solo.write(".git/objects/maintenance.lock", "");
    let ran = solo.run("reconcile").ok();
    assert_eq!((packs(&solo), ran.err.as_str()), (4, ""));
}
