//! The whole system from a seed, for a bounded number of steps: see docs/architecture.md. A failure prints its seed.

#[path = "../simulation/mod.rs"]
mod driver;

use driver::{Failure, Figures, Options, run};

fn simulated(options: &Options) -> Result<Figures, Failure> {
    run(options, &mut |_| {})
}

fn holds(options: &Options) -> Figures {
    let done = simulated(options).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(done.steps >= options.steps, "{done}");
    done
}

#[test]
fn every_promise_holds_whatever_fails_on_the_way() {
    let done = holds(&Options::new(1, 1_200));
    // What is to be survived has happened.
    let happened = [
        done.acknowledged,
        done.commits,
        done.runs,
        done.faults,
        done.crashes,
        done.between,
        done.rewound,
    ];
    assert!(happened.iter().all(|count| *count > 0), "{done}");
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let one = holds(&Options::new(77, 1));
    let same = holds(&Options::new(77, 1));
    assert_eq!(one, same);
    let other = holds(&Options::new(78, 1));
    assert_ne!(one.digest, other.digest);
}

#[test]
fn real_repositories_tell_the_same_story_as_those_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let in_memory = Options {
        stormy_steps: 25,
        ..Options::new(5, 1)
    };
    let real = holds(&Options {
        real: Some(folder.path().to_owned()),
        ..in_memory.clone()
    });
    let mut expected = holds(&in_memory);
    assert!(
        expected.commits > 0 && expected.acknowledged > 0,
        "{expected}"
    );
    if ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
    {
        // Then commits are somebody else's, and have other ids.
        expected.digest = real.digest;
    }
    assert_eq!(real, expected);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn a_remote_that_acknowledges_what_it_does_not_keep_is_found_out() {
    let failure = simulated(&Options {
        lies: 300,
        ..Options::new(1, 10_000)
    })
    .unwrap_err();
    let what = &failure.what;
    assert!(
        what.contains("acknowledged and lost") || what.contains("held twice"),
        "{failure}"
    );
}
