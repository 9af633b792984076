//! Repeats in this clone the queries whose answers a status commit recorded, as far as the objects are here.

use std::collections::BTreeSet;

use crate::core::base::digest::short;
use crate::core::resource::{Key, SignedBy};
use crate::core::run::asked::{Answers, Artifact, FileAuthors, ListedKey};
use crate::core::run::record::Address;
use crate::git::read::Tree;
use crate::git::{authors, read};
use crate::service::Result;
use crate::service::left;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::touched;

/// The answers to check.
pub struct About<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    pub before: Option<&'a StatusReader<'a>>,
    pub answers: &'a Answers,
}

/// The result of the check.
#[derive(Default)]
pub struct Found {
    /// Recorded answers that are wrong.
    pub wrong: Vec<String>,
    /// What this clone cannot check.
    pub unknown: Vec<String>,
}

impl Found {
    /// Compares a recorded answer with that of this clone.
    fn compare(&mut self, what: &str, said: bool, here: Option<bool>) {
        match here {
            Some(here) if here != said => self.wrong.push(format!(
                "it relies on the answer that {what}{}, but that is wrong",
                if said { "" } else { " is not so" }
            )),
            Some(_) => {}
            None => self.unknown.push(format!(
                "cannot tell whether {what}: objects are missing here"
            )),
        }
    }
}

impl About<'_> {
    /// Checks all answers.
    ///
    /// # Errors
    /// An object is broken.
    pub fn check(&self) -> Result<Found> {
        let mut found = Found::default();
        self.rewritten(&mut found)?;
        self.artifacts(&mut found)?;
        self.merged(&mut found)?;
        self.touched(&mut found);
        self.authors(&mut found);
        self.keys(&mut found)?;
        self.left(&mut found)?;
        self.refused(&mut found)?;
        Ok(found)
    }

    fn rewritten(&self, found: &mut Found) -> Result {
        let Some(before) = self.before else {
            return Ok(());
        };
        let (was, is) = (&before.commit().observed, &self.view.spec_commit);
        let what = format!(
            "the spec branch was rewritten between {} and {}",
            short(was),
            short(is)
        );
        let is_part = if was == is {
            Some(true)
        } else {
            self.is_part(was, is)?
        };
        let here = is_part.map(|is_part| !is_part);
        // If nothing was deleted, a clone without that commit could not have known more.
        if !self.answers.history_rewritten && here.is_none() {
            found.unknown.push(format!(
                "cannot tell whether {what}: objects are missing here"
            ));
            return Ok(());
        }
        let said = self.answers.history_rewritten;
        found.compare(&what, said, here);
        Ok(())
    }

    /// Whether one commit is an ancestor of another; `None` if this clone cannot tell.
    fn is_part(&self, one: &str, of: &str) -> Result<Option<bool>> {
        let repo = &self.store.repo;
        if !repo.has_object(one) || !repo.has_object(of) {
            return Ok(None);
        }
        let is_part = repo.is_ancestor(one, of)?;
        Ok((is_part || !repo.is_shallow()).then_some(is_part))
    }

    fn artifacts(&self, found: &mut Found) -> Result {
        for Artifact {
            path,
            text,
            found: said,
        } in &self.answers.artifacts
        {
            let commit = &self.view.spec_commit;
            let here = read::has_artifact(&self.store.repo, commit, path, text.as_deref())?;
            let what = match text {
                Some(_) => format!(
                    "`{path}` with what is looked for in it is part of {}",
                    short(commit)
                ),
                None => format!("`{path}` is part of {}", short(commit)),
            };
            found.compare(&what, *said, Some(here));
        }
        Ok(())
    }

    fn merged(&self, found: &mut Found) -> Result {
        for (commit, said) in &self.answers.merged {
            let spec = &self.view.spec_commit;
            let repo = &self.store.repo;
            let is_no_commit = repo.has_object(commit) && repo.commit_time(commit).is_err();
            let here = if is_no_commit {
                Some(false)
            } else {
                self.is_part(commit, spec)?
            };
            let what = format!("{commit} is part of {}", short(spec));
            // A commit that cannot be fetched is not an ancestor.
            if here.is_some() || *said {
                found.compare(&what, *said, here);
            }
        }
        Ok(())
    }

    fn touched(&self, found: &mut Found) {
        for (commit, said) in &self.answers.touched {
            // If that clone did not have enough history, a person was asked.
            if said.unknown.is_some() {
                continue;
            }
            let is_here = self.store.repo.has_object(commit);
            let here = is_here.then(|| touched::changed(self.store, self.view, commit).ok());
            let here = here.flatten().map(|here| here == said.paths);
            let what = format!("{} changes {} files", short(commit), said.paths.len());
            found.compare(&what, true, here);
        }
    }

    fn authors(&self, found: &mut Found) {
        for FileAuthors {
            commit,
            path,
            emails,
            unknown,
        } in &self.answers.authors
        {
            let what = format!("`{path}` of {} is by {}", short(commit), list(emails));
            let here = authors::of_file(&self.store.repo, commit, path).ok();
            // If that clone did not have enough history, a gate waited.
            if unknown.is_none() {
                found.compare(&what, true, here.map(|here| here == *emails));
            }
        }
    }

    fn keys(&self, found: &mut Found) -> Result {
        for ListedKey {
            principal,
            key,
            arrival,
            listed,
        } in &self.answers.keys
        {
            let by = SignedBy {
                principal: principal.clone(),
                key: key.clone(),
            };
            let verifier = self.store.verifier(self.view, *arrival);
            let what = format!("the spec branch lists {key} for {principal}");
            found.compare(&what, *listed, Some(verifier.lists(&by)?));
        }
        Ok(())
    }

    fn left(&self, found: &mut Found) -> Result {
        let Some(before) = self.before else {
            return Ok(());
        };
        let (repo, view) = (&self.store.repo, self.view);
        let observed = &before.commit().observed;
        if self.answers.left.is_empty() || observed == &view.spec_commit {
            return Ok(());
        }
        if !repo.has_object(observed) {
            found.unknown.push(format!(
                "resources outside the configured paths: {observed} is missing"
            ));
            return Ok(());
        }
        let is_said = |key: &Key| self.answers.left.contains_key(&key.to_string());
        let keys = before.keys(None, None)?.into_iter();
        let gone: BTreeSet<Key> = keys.filter(is_said).collect();
        let change = left::Change {
            repo,
            from: observed,
            to: Tree::Commit(&view.spec_commit),
            config: &view.config,
        };
        let here = change.left(&gone)?;
        for (name, path) in &self.answers.left {
            let key = gone.iter().find(|key| key.to_string() == *name);
            let at = key.and_then(|key| here.get(key));
            found.compare(
                &format!("{name} is in `{path}` now"),
                true,
                Some(at == Some(path)),
            );
        }
        Ok(())
    }

    fn refused(&self, found: &mut Found) -> Result {
        for (name, refused) in &self.answers.refused {
            let what = format!("{} on {name} is not a chain of records", refused.tip);
            if Address::parse(name).is_none() {
                found.wrong.push(format!(
                    "the answer is about `{name}`, which cannot hold a record"
                ));
                continue;
            }
            // Nothing keeps refused records, so they may be gone.
            if self.store.repo.has_object(&refused.tip) {
                let is_refused = self.store.records(&refused.tip, None)?.is_err();
                found.compare(&what, true, Some(is_refused));
            }
        }
        Ok(())
    }
}

fn list(emails: &BTreeSet<String>) -> String {
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    emails.join(", ")
}
