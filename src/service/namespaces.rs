//! Namespaces: those with resources, those that were created (`planspec/NAME/.namespace`), and `default`.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Changeset;
use super::delete::held_up;
use super::index;
use super::store::Store;
use super::{Error, ErrorKind, Result};
use crate::api::namespace::{Namespace, NamespaceChanged, NamespaceList};
use crate::core::base::time;
use crate::core::repository::config::Config;
use crate::core::resource::schema::slug;
use crate::core::resource::{Key, Kind, Time};
use crate::git::read;

/// The words for a namespace, which is not a kind of resource.
const WORDS: [&str; 3] = ["namespace", "namespaces", "ns"];
/// The file that makes a folder a namespace, even without resources.
const FILE: &str = ".namespace";
/// The beginning of this file, before the time at which it was created.
const CREATED: &str = "created:";
/// The namespace that always exists.
pub const DEFAULT: &str = "default";

/// Whether a word in the place of a kind means namespaces; with the name in `namespace/NAME`.
pub fn is_meant(word: &str) -> Option<Option<&str>> {
    let (kind, name) = match word.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (word, None),
    };
    let is_meant = WORDS.iter().any(|word| kind.eq_ignore_ascii_case(word));
    is_meant.then_some(name)
}

/// The created namespaces of a commit, with the times in their files.
///
/// # Errors
/// The commit cannot be read.
pub fn made(
    store: &Store,
    commit: &str,
    config: &Config,
) -> Result<BTreeMap<String, Option<Time>>> {
    let mut found = BTreeMap::new();
    for folder in config.folders() {
        for name in read::folders_with(&store.repo, commit, folder, FILE)? {
            let text = read::file_at(&store.repo, commit, &format!("{folder}/{name}/{FILE}"))?;
            let text = text.and_then(|text| String::from_utf8(text).ok());
            let time = text
                .as_deref()
                .and_then(|text| text.trim().strip_prefix(CREATED));
            found.insert(name, time.and_then(|time| time.trim().parse().ok()));
        }
    }
    Ok(found)
}

/// The namespaces of HEAD, or only the one of a given name.
///
/// # Errors
/// There is none of that name; the repository cannot be used.
pub fn list(store: &Store, name: Option<&str>) -> Result<NamespaceList> {
    let mut found = BTreeMap::from([(DEFAULT.to_owned(), (0, None))]);
    if let Some(commit) = store.here()? {
        let config = store.config_at(&commit)?;
        for key in keys(store, &commit, &config)? {
            found.entry(key.namespace).or_default().0 += 1;
        }
        for folder in config.folders() {
            for name in read::folders_with(&store.repo, &commit, folder, FILE)? {
                let path = format!("{folder}/{name}/{FILE}");
                found.entry(name).or_default().1 = Some(path);
            }
        }
    }
    let all = found
        .into_iter()
        .map(|(name, (resources, path))| Namespace {
            name,
            resources,
            path,
        });
    let items: Vec<Namespace> = all
        .filter(|one| name.is_none_or(|name| one.name == name))
        .collect();
    match (items.is_empty(), name) {
        (true, Some(name)) => Err(missing(name)),
        _ => Ok(NamespaceList { items }),
    }
}

fn keys(store: &Store, commit: &str, config: &Config) -> Result<BTreeSet<Key>> {
    let mut keys = BTreeSet::new();
    for kind in Kind::ALL {
        keys.extend(index::all_of(&store.repo, commit, config, kind)?);
    }
    Ok(keys)
}

fn missing(name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no namespace `{name}`"),
    )
    .hint("`planspec get namespaces` lists them")
}

/// Creates a namespace, as a commit; does nothing if it exists.
///
/// # Errors
/// The name is not valid; the configured paths have no folder; Git refuses the commit.
pub fn create(store: &Store, name: &str, now: Time) -> Result<NamespaceChanged> {
    if name.is_empty() || name.len() > 63 || slug(name, '-') != name {
        let message = format!("`{name}` cannot be the name of a namespace");
        let hint = "use at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends";
        return Err(Error::ambiguous(message).hint(hint));
    }
    let text = format!("{CREATED} {}\n", time::exact(now));
    change(store, name, Some(text.into_bytes()))
}

/// Deletes an empty namespace, as a commit.
///
/// # Errors
/// There is none of that name, or it is not empty; Git refuses the commit.
pub fn delete(store: &Store, name: &str) -> Result<NamespaceChanged> {
    let there = list(store, Some(name))?;
    let Some(one) = there.items.first() else {
        return Err(missing(name));
    };
    if one.resources > 0 {
        let message = format!("{} resources are in namespace `{name}`", one.resources);
        let hint = format!("`planspec get all -n {name}` lists them: delete or move them first");
        return Err(Error::not_ready(message).hint(hint));
    }
    if one.path.is_none() {
        let message = format!("namespace `{name}` always exists");
        return Err(Error::not_ready(message));
    }
    change(store, name, None)
}

/// Deletes a namespace with everything in it. Returns the last commit, if there was anything to delete.
///
/// # Errors
/// Git refuses the commit.
pub fn delete_with_all(store: &Store, name: &str, now: Time) -> Result<Option<String>> {
    let mut change = Changeset::begin_alone(store, false)?;
    let there = change.matching(|key| key.namespace == name)?;
    let keys: BTreeSet<Key> = there
        .keys()
        .filter(|key| key.namespace == name)
        .cloned()
        .collect();
    change.look_up(&keys)?;
    for key in &keys {
        match held_up(&there, key) {
            Some(by) => drop(change.ask_for_deletion(key, &by, now)?),
            None => change.remove(key)?,
        }
    }
    let message = format!("Delete namespace {name}");
    let gone = change.commit(Some(&message), false)?.answer.commit;
    let left = list(store, Some(name));
    let is_empty = left.is_ok_and(|left| {
        left.items
            .iter()
            .all(|one| one.resources == 0 && one.path.is_some())
    });
    if !is_empty {
        return Ok(gone);
    }
    Ok(self::change(store, name, None)?.commit.or(gone))
}

fn change(store: &Store, name: &str, content: Option<Vec<u8>>) -> Result<NamespaceChanged> {
    let change = Changeset::begin_alone(store, false)?;
    let Some(folder) = change.config.folders().next().map(str::to_owned) else {
        return Err(Error::invalid("the configured paths have no folder for it"));
    };
    let path = format!("{folder}/{name}/{FILE}");
    let is_there = match change.base() {
        Some(commit) => read::id_at(&store.repo, commit, &path)?.is_some(),
        None => false,
    };
    let exists = content.is_some();
    let word = if exists { "Create" } else { "Delete" };
    let commit = if is_there == exists {
        None
    } else {
        let message = format!("{word} namespace {name}");
        change.commit_beside(&[(path.clone(), content)], &message)?
    };
    Ok(NamespaceChanged {
        name: name.to_owned(),
        path,
        exists,
        commit,
    })
}
