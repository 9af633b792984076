//! The six kinds of `planspec.io/v1alpha1`, typed: what people write (`spec`) and what the
//! controllers write (`status`).

mod binding;
mod capability;
mod condition;
mod duration;
mod execution;
mod gate;
mod goal;
mod metadata;
mod plan;
pub mod schema;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

pub use crate::core::base::key::{Key, Kind};
pub use crate::core::base::time::Time;
pub use binding::*;
pub use capability::*;
pub use condition::*;
pub use duration::Duration;
pub use execution::*;
pub use gate::*;
pub use goal::*;
pub use metadata::*;
pub use plan::*;

/// The `apiVersion` of every resource.
pub const API_VERSION: &str = "planspec.io/v1alpha1";

/// A reference to another resource; the namespace defaults to that of the object that refers.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Name of the resource.
    pub name: String,
    /// Its namespace, when it is another.
    pub namespace: Option<String>,
    /// Its uid, checked when given.
    pub uid: Option<String>,
}

impl ObjectRef {
    /// The key of what is referred to from an object in `namespace`.
    pub fn key(&self, kind: Kind, namespace: &str) -> Key {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        Key::new(kind, namespace, &self.name)
    }

    /// A reference to a resource in the same namespace.
    pub fn named(name: impl Into<String>) -> ObjectRef {
        ObjectRef {
            name: name.into(),
            namespace: None,
            uid: None,
        }
    }
}

/// What people write of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// A goal.
    Goal(GoalSpec),
    /// A plan.
    Plan(PlanSpec),
    /// A capability.
    Capability(CapabilitySpec),
    /// A binding.
    Binding(BindingSpec),
    /// A gate.
    Gate(GateSpec),
    /// An execution.
    Execution(ExecutionSpec),
}

/// The same expression for each kind of a [`Spec`] or a [`Status`].
macro_rules! of_any_kind {
    ($either:ident, $value:expr, $of:ident => $then:expr) => {
        match $value {
            $either::Goal($of) => $then,
            $either::Plan($of) => $then,
            $either::Capability($of) => $then,
            $either::Binding($of) => $then,
            $either::Gate($of) => $then,
            $either::Execution($of) => $then,
        }
    };
}

/// Look-ups for the spec of one kind.
macro_rules! spec_of_kind {
    ($($name:ident $kind:ident $spec:ident $doc:literal;)*) => {
        impl Spec {
            $(
                #[doc = $doc]
                pub fn $name(&self) -> Option<&$spec> {
                    match self {
                        Spec::$kind(spec) => Some(spec),
                        _ => None,
                    }
                }
            )*
        }
    };
}

spec_of_kind! {
    goal Goal GoalSpec "The spec of a goal, if it is that.";
    plan Plan PlanSpec "The spec of a plan, if it is that.";
    capability Capability CapabilitySpec "The spec of a capability, if it is that.";
    binding Binding BindingSpec "The spec of a binding, if it is that.";
    gate Gate GateSpec "The spec of a gate, if it is that.";
    execution Execution ExecutionSpec "The spec of an execution, if it is that.";
}

impl Spec {
    /// Read the spec of a `kind` from its document.
    ///
    /// # Errors
    /// What serde says; the JSON Schema of the kind refuses such documents first, with a place.
    pub fn from_value(kind: Kind, value: &Value) -> serde_json::Result<Spec> {
        Ok(match kind {
            Kind::Goal => Spec::Goal(Deserialize::deserialize(value)?),
            Kind::Plan => Spec::Plan(Deserialize::deserialize(value)?),
            Kind::Capability => Spec::Capability(Deserialize::deserialize(value)?),
            Kind::Binding => Spec::Binding(Deserialize::deserialize(value)?),
            Kind::Gate => Spec::Gate(Deserialize::deserialize(value)?),
            Kind::Execution => Spec::Execution(Deserialize::deserialize(value)?),
        })
    }

    /// The kind it is the spec of.
    pub fn kind(&self) -> Kind {
        match self {
            Spec::Goal(_) => Kind::Goal,
            Spec::Plan(_) => Kind::Plan,
            Spec::Capability(_) => Kind::Capability,
            Spec::Binding(_) => Kind::Binding,
            Spec::Gate(_) => Kind::Gate,
            Spec::Execution(_) => Kind::Execution,
        }
    }
}

/// Digits of each half of a `resourceVersion`.
const VERSION_DIGITS: usize = 12;

/// `resourceVersion`: what people write of a resource, and the object id of its status, each in its first digits; `0` where there
/// is no status.
pub fn resource_version(resource: &Resource, status: Option<&str>) -> String {
    let status = status.map_or("0", |id| id.get(..VERSION_DIGITS).unwrap_or(id));
    format!("{}-{status}", resource.version())
}

/// The half of a `resourceVersion` that is about what people write; nothing where it is none of ours.
pub fn version_of_spec(version: &str) -> Option<&str> {
    let (spec, status) = version.split_once('-')?;
    let is_hex = |text: &str| {
        text.len() == VERSION_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    (is_hex(spec) && (status == "0" || is_hex(status))).then_some(spec)
}

/// A resource as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Name, namespace, labels, …
    pub metadata: Metadata,
    /// The typed spec.
    pub spec: Spec,
    /// The spec as it was written, for digests and for showing it unchanged.
    pub raw_spec: Value,
    /// The digest of the spec, where only that was kept of it as it was written.
    pub digest: Option<String>,
}

impl Resource {
    /// A resource that no file holds.
    pub fn new(key: &Key, spec: Spec) -> Resource {
        // What came from JSON can be written as JSON.
        let raw_spec = of_any_kind!(Spec, &spec, spec => serde_json::to_value(spec));
        Resource {
            metadata: Metadata::named(key),
            spec,
            raw_spec: raw_spec.unwrap_or_default(),
            digest: None,
        }
    }

    /// What identifies it.
    pub fn key(&self) -> Key {
        Key::new(
            self.spec.kind(),
            &self.metadata.namespace,
            &self.metadata.name,
        )
    }

    /// What tells one text of it from another, in the `resourceVersion`: the first digits of the digest of what people write,
    /// however it is formatted.
    pub fn version(&self) -> String {
        let metadata = Metadata {
            uid: None,
            resource_version: None,
            generation: None,
            creation_timestamp: None,
            deletion_timestamp: None,
            ..self.metadata.clone()
        };
        let digest = crate::core::base::digest::canonical(&(metadata, self.spec_digest()));
        let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
        hex.get(..VERSION_DIGITS).unwrap_or(hex).to_owned()
    }

    /// Digest of the spec as written; formatting and the order of keys do not count.
    pub fn spec_digest(&self) -> String {
        let kept = self.digest.clone();
        kept.unwrap_or_else(|| crate::core::base::digest::canonical(&self.raw_spec))
    }
}

/// What the controllers write of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Of a goal.
    Goal(GoalStatus),
    /// Of a plan.
    Plan(PlanStatus),
    /// Of a capability.
    Capability(CapabilityStatus),
    /// Of a binding.
    Binding(BindingStatus),
    /// Of a gate.
    Gate(GateStatus),
    /// Of an execution.
    Execution(Box<ExecutionStatus>),
}

impl Status {
    /// The first status of a resource of `kind`.
    pub fn initial(kind: Kind) -> Status {
        match kind {
            Kind::Goal => Status::Goal(GoalStatus::default()),
            Kind::Plan => Status::Plan(PlanStatus::default()),
            Kind::Capability => Status::Capability(CapabilityStatus::default()),
            Kind::Binding => Status::Binding(BindingStatus::default()),
            Kind::Gate => Status::Gate(GateStatus::default()),
            Kind::Execution => Status::Execution(Box::default()),
        }
    }

    /// Read the status of a `kind`.
    ///
    /// # Errors
    /// What serde says.
    pub fn from_value(kind: Kind, value: Value) -> serde_json::Result<Status> {
        Ok(match kind {
            Kind::Goal => Status::Goal(serde_json::from_value(value)?),
            Kind::Plan => Status::Plan(serde_json::from_value(value)?),
            Kind::Capability => Status::Capability(serde_json::from_value(value)?),
            Kind::Binding => Status::Binding(serde_json::from_value(value)?),
            Kind::Gate => Status::Gate(serde_json::from_value(value)?),
            Kind::Execution => Status::Execution(Box::new(serde_json::from_value(value)?)),
        })
    }

    /// The status as a JSON value, fields in the order of the types.
    ///
    /// # Errors
    /// Never for values that came from JSON or from the controllers; serde's signature allows it.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        of_any_kind!(Status, self, status => serde_json::to_value(status))
    }

    /// The kind it is the status of.
    pub fn kind(&self) -> Kind {
        match self {
            Status::Goal(_) => Kind::Goal,
            Status::Plan(_) => Kind::Plan,
            Status::Capability(_) => Kind::Capability,
            Status::Binding(_) => Kind::Binding,
            Status::Gate(_) => Kind::Gate,
            Status::Execution(_) => Kind::Execution,
        }
    }

    /// The status of a run, if it is that.
    pub fn execution(&self) -> Option<&ExecutionStatus> {
        match self {
            Status::Execution(status) => Some(status),
            _ => None,
        }
    }

    /// The phase as a word.
    pub fn phase(&self) -> String {
        of_any_kind!(Status, self, status => status.phase.to_string())
    }

    /// Its conditions.
    pub fn conditions(&self) -> &[Condition] {
        of_any_kind!(Status, self, status => &status.conditions)
    }

    /// Its conditions, to change.
    pub fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        of_any_kind!(Status, self, status => &mut status.conditions)
    }

    /// Note the generation that the controllers have looked at.
    pub fn observe(&mut self, generation: u64) {
        of_any_kind!(Status, self, status => status.observed_generation = generation);
    }
}

/// Declare a phase: an enum whose variants are the words of the format.
macro_rules! phase {
    ($(#[$meta:meta])* $name:ident { $first:ident $first_doc:literal, $($variant:ident $doc:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            #[doc = $first_doc]
            #[default]
            $first,
            $(#[doc = $doc] $variant,)*
        }
        impl $name {
            /// Every phase.
            pub const ALL: &'static [$name] = &[$name::$first, $($name::$variant),*];
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $name::$first => stringify!($first),
                    $($name::$variant => stringify!($variant),)*
                })
            }
        }
    };
}
pub(crate) use phase;

/// For serde: leave a flag out when it is `false`.
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// For serde: leave a number out when it is zero.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For serde: `true` where nothing is said.
pub(crate) fn yes() -> bool {
    true
}
