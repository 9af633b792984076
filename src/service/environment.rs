//! What the commands of plans see of the machine that they run on, beyond a search path: what the owner
//! of a clone names in Git's configuration. No file of the repository can name anything.

use std::collections::BTreeMap;

use super::{Error, Result};
use crate::git::Repo;
use crate::worker::http::Reach;

/// The key, which may stand there more than once.
const KEY: &str = "planspec.environment";

/// The variables of a target, on top of those that this clone hands on: `NAME` from the environment of
/// this process, if it is set there, `NAME=VALUE` as it says, where `~/` begins a path in the user's home.
///
/// # Errors
/// What stands in the configuration names no variable.
pub fn with_what_is_handed_on(
    repo: &Repo,
    of_target: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for entry in repo.config_all(KEY) {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, Some(in_home(value))),
            None => (entry.as_str(), std::env::var(entry.trim()).ok()),
        };
        let name = name.trim();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || !name.chars().all(is_part)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(Error::ambiguous(format!(
                "`git config {KEY}` has `{entry}`, which is not the name of a variable"
            ))
            .hint(format!(
                "write `git config --replace-all {KEY} NAME`, or NAME=VALUE; `git config --add {KEY} NAME` adds another"
            )));
        }
        all.extend(value.map(|value| (name.to_owned(), value)));
    }
    all.extend(of_target.clone());
    Ok(all)
}

fn in_home(value: &str) -> String {
    match (value.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(path), Ok(home)) => format!("{home}/{path}"),
        _ => value.to_owned(),
    }
}

/// Where hosts are named that may be asked although they tell a machine who it is.
const ALLOWED: &str = "planspec.allowHost";

/// The hosts that criteria, and what is waited for outside, may ask, by what the owner of this clone says.
pub fn reach(repo: &Repo) -> Reach {
    Reach::with(repo.config_all(ALLOWED))
}
