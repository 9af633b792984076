//! Resources with their status.

use super::merged::Resources;
use super::names::Named;
use super::store::Store;
use super::{Error, Result};
use crate::api::resource::{List, Resource};
use crate::core::resource::{Key, Kind, LabelSelector};
use crate::core::run::merged::Merged;
use crate::core::run::wait::phase_of_kind;

/// A request for resources.
#[derive(Debug, Clone, Default)]
pub struct GetRequest {
    /// Only this kind; `None` means all.
    pub kind: Option<Kind>,
    /// Only the resource of this name, `NAME` or `NAMESPACE/NAME`; needs a kind.
    pub name: Option<String>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only with these labels.
    pub selector: Option<LabelSelector>,
    /// Only plans of this series.
    pub series: Option<String>,
    /// Only in one of these phases, in any letter case; needs a kind.
    pub phases: Vec<String>,
}

/// The resources that were found.
pub struct Got {
    resources: Resources,
    keys: Vec<Key>,
    /// Whether one was requested by name.
    pub single: bool,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// Returns resources, as in HEAD and the last fetch.
///
/// # Errors
/// The named resource does not exist, or there are several; a name and a selector are both given; the repository
/// cannot be read.
pub fn get(store: &Store, request: &GetRequest) -> Result<Got> {
    let namespace = request.namespace.as_deref();
    let phases = known_phases(request)?;
    if let (Some(kind), Some(name)) = (request.kind, &request.name) {
        if request.selector.is_some() {
            let message = format!("both a name, `{name}`, and a selector were given");
            let hint = "omit one of them; a selector applies to all resources of a kind";
            return Err(Error::ambiguous(message).hint(hint));
        }
        let (resources, key) = Resources::one(store, &Named::new(kind, name, namespace))?;
        return Ok(Got {
            resources,
            keys: vec![key],
            single: true,
            notes: Vec::new(),
        });
    }
    let resources = Resources::list(store, request.kind, namespace)?;
    let is_selected = |merged: &Merged<'_>| {
        let selector = request.selector.as_ref();
        selector.is_none_or(|selector| selector.matches(&merged.labels()))
            && request
                .series
                .as_ref()
                .is_none_or(|series| is_of_series(merged, series))
            && (phases.is_empty() || merged.phase().is_some_and(|phase| phases.contains(&phase)))
    };
    let found = resources.all().filter(is_selected);
    let keys: Vec<Key> = found.map(|merged| merged.key.clone()).collect();
    let note = match keys.as_slice() {
        [] => empty_namespace(store, namespace)?,
        _ => None,
    };
    Ok(Got {
        resources,
        keys,
        single: false,
        notes: note.into_iter().collect(),
    })
}

/// The requested phases, in their proper spelling.
///
/// # Errors
/// The kind has no such phase, or no kind is given.
fn known_phases(request: &GetRequest) -> Result<Vec<String>> {
    if request.phases.is_empty() {
        return Ok(Vec::new());
    }
    let Some(kind) = request.kind else {
        let error = Error::ambiguous("phases were given without a kind");
        return Err(error.hint("planspec get executions --phase Failed"));
    };
    let phases = request.phases.iter();
    let phases = phases.map(|phase| phase_of_kind(kind, phase).map_err(Error::ambiguous));
    phases.collect()
}

fn is_of_series(merged: &Merged<'_>, series: &str) -> bool {
    let plan = merged.resource.and_then(|resource| resource.spec.plan());
    plan.is_some_and(|plan| plan.series.as_deref() == Some(series))
}

/// A note about a namespace that does not exist: it may be misspelt.
///
/// # Errors
/// The repository cannot be read.
pub fn empty_namespace(store: &Store, namespace: Option<&str>) -> Result<Option<String>> {
    let Some(namespace) = namespace else {
        return Ok(None);
    };
    let there = Resources::list(store, None, Some(namespace))?;
    let is_empty = there.all().next().is_none();
    Ok(is_empty.then(|| format!("there is no namespace `{namespace}`")))
}

impl Got {
    /// The resources, by kind, namespace and name.
    pub fn items(&self) -> impl Iterator<Item = Merged<'_>> {
        self.keys.iter().map(|key| self.resources.merged(key))
    }

    /// The single requested resource, as data; `None` if several were requested.
    ///
    /// # Errors
    /// The status contains a value that JSON cannot hold.
    pub fn one(&self) -> Result<Option<Resource>> {
        let one = self.items().next().filter(|_| self.single);
        Ok(one.map(|merged| Resource::of(&merged)).transpose()?)
    }

    /// All resources that can be applied again, as data; those whose files are gone are left out.
    ///
    /// # Errors
    /// A status contains a value that JSON cannot hold.
    pub fn list(&self) -> Result<List> {
        let there = self.items().filter(|merged| !merged.is_deleted());
        let items = there.map(|merged| Resource::of(&merged));
        Ok(List::of(items.collect::<serde_json::Result<_>>()?))
    }
}
