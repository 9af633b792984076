//! What commands of plans may use of this machine, beyond a search path: only what the owner of the clone
//! lists in Git's configuration. No file of the repository can add to it.

use std::collections::BTreeMap;

use super::{Error, Result};
use crate::git::Repo;
use crate::worker::http::Reach;

/// The configuration key; it may have several values.
const KEY: &str = "planspec.environment";

/// The variables of a target, on top of those that this clone passes on: `NAME` with its value in this
/// process, if set; `NAME=VALUE` as given, where a leading `~/` is the user's home.
///
/// # Errors
/// The configuration contains something that is not a variable.
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

/// The configuration key of guarded hosts that may be contacted.
const ALLOWED: &str = "planspec.allowHost";

/// The guarded hosts that criteria and external nodes may contact, as the owner of this clone allows.
pub fn reach(repo: &Repo) -> Reach {
    Reach::with(repo.config_all(ALLOWED))
}
