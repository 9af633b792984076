//! The way to the remote: what is in the way there, and what is not.

use crate::resources::task;
use crate::sandbox::{STATUS, Sandbox};

#[test]
fn what_was_fetched_need_not_be_remembered() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("a"), task("b")]);
    let ben = sandbox.clone_of("origin.git", "ben");
    for place in [&ana, &ben] {
        for branch in [STATUS, "main"] {
            place.write(&format!(".git/refs/remotes/origin/{branch}.lock"), "");
        }
    }
    ana.publish(
        "planspec/more.yaml",
        crate::resources::execution("more", "p"),
    );
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
