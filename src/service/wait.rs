//! Waits until a resource or node reaches a state.

use super::follow::{Follower, Pace};
use super::index;
use super::names::Named;
use super::reconcile::has_observed;
use super::store::{Store, View};
use super::{Error, ErrorKind, Result, unshared};
use crate::api::wait::Waited;
use crate::core::base::digest::short;
use crate::core::resource::Key;
use crate::core::run::wait::{Expectation, Outlook};

/// A request to wait.
#[derive(Debug, Clone)]
pub struct WaitRequest {
    /// The resource.
    pub named: Named,
    /// `PHASE`, `condition=TYPE[=STATUS]`, `node=NODE=PHASE` or `delete`.
    pub expected: String,
    /// Whether the status must be of the spec at the beginning.
    pub observed: bool,
    /// How often to check, and for how long.
    pub pace: Pace,
}

/// Waits until a resource, or a node of an execution, reaches a state. `tell` gets notes for people in the
/// meantime, which are also in the answer.
///
/// # Errors
/// `NotReady` if the state can no longer be reached, or not in time; also if the resource is only in local commits;
/// `NotFound` if it does not exist; `Ambiguous` if there is no such state.
pub fn wait(store: &Store, request: &WaitRequest, tell: &dyn Fn(&str)) -> Result<Waited> {
    let expected = Expectation::parse(request.named.kind, &request.expected).map_err(|why| {
        let expected = format!("`{}`", request.expected);
        let is_named = why.contains(&expected);
        Error::ambiguous(if is_named {
            why
        } else {
            format!("{expected}: {why}")
        })
    })?;
    request.named.parts()?;
    let mut follower = Follower::begin(store, &request.pace)?;
    let mut waiting = Waiter {
        request,
        expected,
        key: None,
        state: "it has no status yet".to_owned(),
        notes: Vec::new(),
    };
    waiting.check_shared(&follower, tell)?;
    let mut first = true;
    loop {
        let new = follower.look()?;
        if let Some(note) = new.note {
            tell(&note);
            waiting.notes.push(note);
        }
        for commit in new.commits {
            if let Some(how) = waiting.judge(&follower, &commit)? {
                return Ok(waiting.met(how, Some(commit)));
            }
        }
        if std::mem::take(&mut first) && waiting.key.is_none() {
            match in_files(store, request) {
                Ok(found) => waiting.key = Some(found),
                Err(error)
                    if error.kind == ErrorKind::NotFound
                        && waiting.expected == Expectation::Deleted =>
                {
                    let state = waiting.state.clone();
                    return Ok(waiting.met(state, None));
                }
                Err(error) => return Err(error),
            }
        }
        if !follower.rest() {
            return Err(Error::not_ready(format!(
                "timed out: {}: {}",
                waiting.subject(),
                waiting.state
            )));
        }
    }
}

/// The progress of a wait.
struct Waiter<'a> {
    request: &'a WaitRequest,
    expected: Expectation,
    /// The resource, once it is known.
    key: Option<Key>,
    /// The present state, in a few words.
    state: String,
    notes: Vec<String>,
}

impl Waiter<'_> {
    /// Notes what stays in this clone. A resource that only exists here has no status: one with the same name belongs
    /// to a former resource, until somebody pushes.
    fn check_shared(&mut self, follower: &Follower<'_>, tell: &dyn Fn(&str)) -> Result {
        let (store, view) = (follower.store, &follower.view);
        if self.request.observed
            && self.expected != Expectation::Deleted
            && let Some(error) = unshared::only_here(store, view, &self.request.named)
        {
            return Err(error);
        }
        for note in unshared::notes(store, view) {
            tell(&note);
            self.notes.push(note);
        }
        Ok(())
    }

    /// How a status commit meets the expectation, if it does.
    fn judge(&mut self, follower: &Follower<'_>, commit: &str) -> Result<Option<String>> {
        let tree = follower.read(commit)?.tree;
        if self.key.is_none() {
            let found = self.request.named.among(tree.files.keys());
            self.key = found.ok().cloned();
        }
        let file = self.key.as_ref().and_then(|key| tree.files.get(key));
        let outlook = self.expected.judge(file);
        if let Some(key) = self.key.as_ref().filter(|_| self.request.observed)
            && !matches!(outlook, Outlook::NotYet(_))
            && let Some(state) = unobserved(follower, commit, key)?
        {
            self.state = state;
            return Ok(None);
        }
        match outlook {
            Outlook::Met(how) if self.key.is_some() => return Ok(Some(how)),
            Outlook::Never(why) => return Err(self.never(&why)),
            Outlook::Met(how) | Outlook::NotYet(how) => self.state = how,
        }
        Ok(None)
    }

    fn met(self, how: String, commit: Option<String>) -> Waited {
        let key = self.key.as_ref();
        Waited {
            resource: self.request.named.kind.name().to_owned(),
            namespace: key.map(|key| key.namespace.clone()),
            name: key.map_or_else(|| self.request.named.name.clone(), |key| key.name.clone()),
            expected: self.request.expected.clone(),
            message: how,
            commit,
            notes: self.notes,
        }
    }

    fn never(&self, why: &str) -> Error {
        let who = self
            .key
            .as_ref()
            .map_or_else(String::new, |key| format!("{key}: "));
        let what = &self.request.expected;
        Error::not_ready(format!("{who}{what} can no longer be reached: {why}"))
    }

    fn subject(&self) -> String {
        match &self.key {
            Some(key) => key.to_string(),
            None => format!("{} {}", self.request.named.kind, self.request.named.name),
        }
    }
}

/// Why a status commit is too old: the spec at the beginning has another version of the resource, which no reconcile
/// has seen.
fn unobserved(follower: &Follower<'_>, commit: &str, key: &Key) -> Result<Option<String>> {
    let view = View {
        status_tip: Some(commit.to_owned()),
        ..follower.view.clone()
    };
    let is_seen = has_observed(follower.store, &view, key)?;
    let tip = short(&view.spec_commit);
    Ok((!is_seen).then(|| {
        format!(
            "its status is older than {tip} of `{}`, which is not reconciled yet",
            view.spec_branch
        )
    }))
}

/// A resource without a status may be in the files; if not, the name is wrong.
fn in_files(store: &Store, request: &WaitRequest) -> Result<Key> {
    let view = store.fresh()?;
    index::find(&store.repo, &view.spec_commit, &view.config, &request.named)
}
