//! The pinned resources of runs, read from their blobs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::Naming;
use crate::core::plan::graph::Graph;
use crate::core::repository::manifest;
use crate::core::resource::{
    ExecutionSpec, GateSpec, GraphSpec, Key, Kind, Node, Pin, Pinned, Resource, RevisionApproval,
    Spec,
};

/// Content of blobs, by object id.
type Blobs = BTreeMap<String, Arc<[u8]>>;
/// The resources of a blob, by index and key.
type Contents = BTreeMap<(usize, Key), Option<Resource>>;

/// The pinned resources of runs. Many runs may have the same blob pinned; each is parsed once, when
/// it is first needed.
pub struct Pins<'a> {
    blobs: &'a Blobs,
    /// By path, blob and namespace: the meaning of a text depends on the name of its file, and the default
    /// namespace is that of the pin. Also by the approval of revisions, and the rule for names.
    parsed: RefCell<BTreeMap<(Naming, [String; 3], RevisionApproval), Rc<Contents>>>,
}

impl<'a> Pins<'a> {
    /// Nothing is parsed yet.
    pub fn new(blobs: &'a Blobs) -> Pins<'a> {
        Pins {
            blobs,
            parsed: RefCell::default(),
        }
    }

    /// The pinned resources of a run.
    ///
    /// # Errors
    /// A blob is missing or can no longer be read; the error is a sentence.
    pub fn plan(&self, pinned: &Pinned) -> Result<PinnedPlan, String> {
        PinnedPlan::assemble(pinned, |kind, pin| self.read(kind, pin))
    }

    /// One pinned resource.
    ///
    /// # Errors
    /// The blob is missing or can no longer be read; the error is a sentence.
    pub fn read(&self, kind: Kind, pin: &Pin) -> Result<Resource, String> {
        let key = pin.key(kind);
        let by = |naming| {
            let contents = self.contents(pin, naming)?;
            Ok::<_, String>(
                contents
                    .get(&(pin.document, key.clone()))
                    .cloned()
                    .flatten(),
            )
        };
        let mut found = by(Naming::of_file(&pin.path))?;
        if found.as_ref().is_none_or(|now| !is_as_pinned(now, pin)) {
            let former = by(Naming::Former)?;
            found = former
                .filter(|former| former.spec_digest() == pin.digest)
                .or(found);
        }
        found.ok_or_else(|| {
            format!(
                "{}, as it is pinned (blob {}), holds no readable {key}",
                pin.path, pin.blob
            )
        })
    }

    fn contents(&self, pin: &Pin, naming: Naming) -> Result<Rc<Contents>, String> {
        let place = [&pin.path, &pin.blob, &pin.namespace].map(String::clone);
        let place = (naming, place, pin.revisions);
        if let Some(known) = self.parsed.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        let bytes = self.blobs.get(&pin.blob).ok_or_else(|| {
            format!(
                "{}, as it is pinned (blob {}), is missing",
                pin.path, pin.blob
            )
        })?;
        let file = SourceFile {
            path: pin.path.clone(),
            blob: pin.blob.clone(),
            content: Content::Bytes(Arc::clone(bytes)),
        };
        let documents = (pin.namespace.as_str(), pin.revisions);
        let entries = manifest::read_by(naming, &file, &Limits::NONE, documents)
            .entries
            .into_iter();
        let contents = entries.map(|entry| ((entry.document, entry.key), entry.resource));
        let contents = Rc::new(contents.collect());
        let mut parsed = self.parsed.borrow_mut();
        parsed.insert(place, Rc::clone(&contents));
        Ok(contents)
    }

    /// The number of parsed blobs.
    #[cfg(test)]
    pub fn parsed(&self) -> usize {
        self.parsed.borrow().len()
    }
}

/// Whether a resource, as generated now, has the names with which the run began: nodes of a document may have had
/// others, which the run keeps.
pub fn is_as_pinned(now: &Resource, pin: &Pin) -> bool {
    let graph = now.spec.plan().map(|plan| &plan.graph);
    !graph.is_some_and(GraphSpec::is_renamed) || now.spec_digest() == pin.digest
}

/// The pinned resources of a run, as types.
pub struct PinnedPlan {
    /// The pinned spec of the execution.
    pub execution: ExecutionSpec,
    /// The pinned plan.
    pub plan: Resource,
    /// The pinned gates, by `namespace/name`.
    pub gates: BTreeMap<String, Resource>,
    /// The spec of the pinned goal.
    pub goal: Option<Value>,
}

impl PinnedPlan {
    /// The graph of the plan.
    pub fn graph(&self) -> Option<&GraphSpec> {
        Some(&self.plan.spec.plan()?.graph)
    }

    /// A node of the plan.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.graph()?.nodes.iter().find(|node| node.id == id)
    }

    /// All nodes before a node, directly or indirectly.
    pub fn all_before(&self, id: &str) -> BTreeSet<String> {
        let graph = self.graph().and_then(|spec| Graph::build(spec).ok());
        let (Some(graph), mut found) = (graph, BTreeSet::new()) else {
            return BTreeSet::new();
        };
        let mut todo: Vec<usize> = graph.index_of(id).into_iter().collect();
        while let Some(node) = todo.pop() {
            let before = graph.nodes_before(node).into_iter();
            todo.extend(before.filter(|one| found.insert(*one)));
        }
        let names = found.into_iter().map(|node| graph.id(node).to_owned());
        names.collect()
    }

    /// A gate of the plan.
    pub fn gate(&self, qualified: &str) -> Option<(&GateSpec, &Resource)> {
        let resource = self.gates.get(qualified)?;
        Some((resource.spec.gate()?, resource))
    }

    /// Reads the pinned blobs of one run.
    ///
    /// # Errors
    /// As for [`Pins::plan`].
    pub fn read(blobs: &Blobs, pinned: &Pinned) -> Result<PinnedPlan, String> {
        Pins::new(blobs).plan(pinned)
    }

    /// Assembles the pinned resources from those that `read` returns.
    ///
    /// # Errors
    /// Those of `read`, or a resource is of another kind.
    pub fn assemble(
        pinned: &Pinned,
        read: impl Fn(Kind, &Pin) -> Result<Resource, String>,
    ) -> Result<PinnedPlan, String> {
        let execution = read(Kind::Execution, &pinned.execution)?;
        let Spec::Execution(execution) = execution.spec else {
            return Err("the pinned execution is not an execution".to_owned());
        };
        let plan = read(Kind::Plan, &pinned.plan)?;
        let gates = pinned
            .gates
            .iter()
            .map(|(name, pin)| Ok((name.clone(), read(Kind::Gate, pin)?)))
            .collect::<Result<_, String>>()?;
        let goal = match &pinned.goal {
            None => None,
            Some(pin) => match read(Kind::Goal, pin)?.spec {
                Spec::Goal(goal) => serde_json::to_value(goal).ok(),
                _ => return Err("the pinned goal is not a goal".to_owned()),
            },
        };
        Ok(PinnedPlan {
            execution,
            plan,
            gates,
            goal,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::testing::{execution, plan, task};

    #[test]
    fn a_blob_is_parsed_once_however_many_runs_are_pinned_to_it() {
        let text = [
            plan("p", &task("a", "")),
            execution("one", "p", ""),
            execution("two", "p", ""),
        ]
        .concat();
        let blobs = Blobs::from([("0".repeat(40), text.as_bytes().into())]);
        let pins = Pins::new(&blobs);
        let pin = |name: &str, document| Pin {
            namespace: "team".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            path: "planspec/x.yaml".to_owned(),
            blob: "0".repeat(40),
            document,
            digest: String::new(),
            generation: 1,
            revisions: Default::default(),
        };
        for (name, document) in [("one", 1), ("two", 2)] {
            let pinned = Pinned {
                commit: String::new(),
                execution: pin(name, document),
                plan: pin("p", 0),
                gates: BTreeMap::new(),
                goal: None,
                authors: None,
            };
            let found = pins.plan(&pinned).unwrap();
            assert_eq!(found.graph().unwrap().nodes.len(), 1, "{name}");
        }
        assert_eq!(pins.parsed(), 1);
        let error = pins.read(Kind::Plan, &pin("p", 1)).unwrap_err();
        assert!(error.ends_with("holds no readable Plan team/p"), "{error}");
    }
}
