//! Resources with their status.

use super::merged::Resources;
use super::names::Named;
use super::store::Store;
use super::{Error, Result};
use crate::api::resource::{List, Resource};
use crate::core::resource::{Key, Kind, LabelSelector};
use crate::core::run::merged::Merged;
use crate::core::run::wait::phase_of_kind;

/// Which resources.
#[derive(Debug, Clone, Default)]
pub struct GetRequest {
    /// Only of this kind; all kinds when not set.
    pub kind: Option<Kind>,
    /// Only the one of this name, `NAME` or `NAMESPACE/NAME`; needs a kind.
    pub name: Option<String>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only with these labels.
    pub selector: Option<LabelSelector>,
    /// Only plans of this series.
    pub series: Option<String>,
    /// Only in one of these phases, in any case of letters; with a kind, whose phases they are.
    pub phases: Vec<String>,
}

/// What was found.
pub struct Got {
    resources: Resources,
    keys: Vec<Key>,
    /// Whether one was asked for by its name.
    pub single: bool,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

/// Resources, as HEAD and the last fetch have them.
///
/// # Errors
/// The one that is named does not exist, or there are several; a name and a selector are given; besides what a look
/// at the repository may end in.
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

/// The phases that are meant, as they are written.
///
/// # Errors
/// The kind has no such phase; nothing says of which kind they are.
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

/// What is said of a namespace that nothing has: it may be misspelt.
///
/// # Errors
/// What a look at the repository may end in.
pub fn empty_namespace(store: &Store, namespace: Option<&str>) -> Result<Option<String>> {
    let Some(namespace) = namespace else {
        return Ok(None);
    };
    let there = Resources::list(store, None, Some(namespace))?;
    let is_empty = there.all().next().is_none();
    Ok(is_empty.then(|| format!("there is no namespace `{namespace}`")))
}

impl Got {
    /// What was found, by kind, namespace and name.
    pub fn items(&self) -> impl Iterator<Item = Merged<'_>> {
        self.keys.iter().map(|key| self.resources.merged(key))
    }

    /// The one that was asked for, as data; nothing where several were.
    ///
    /// # Errors
    /// A status that JSON cannot hold.
    pub fn one(&self) -> Result<Option<Resource>> {
        let one = self.items().next().filter(|_| self.single);
        Ok(one.map(|merged| Resource::of(&merged)).transpose()?)
    }

    /// Everything that can be applied again, as data: a status whose file is gone is left out.
    ///
    /// # Errors
    /// A status that JSON cannot hold.
    pub fn list(&self) -> Result<List> {
        let there = self.items().filter(|merged| !merged.is_deleted());
        let items = there.map(|merged| Resource::of(&merged));
        Ok(List::of(items.collect::<serde_json::Result<_>>()?))
    }
}
