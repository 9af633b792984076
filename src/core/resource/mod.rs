//! The six kinds of `planspec.io/v1alpha1` as types: the `spec` that users write, and the `status` that the
//! controllers write.

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

/// A reference to another resource; by default in the namespace of the referring object.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Name of the resource.
    pub name: String,
    /// Its namespace, if it is another.
    pub namespace: Option<String>,
    /// Its uid; checked if given.
    pub uid: Option<String>,
}

impl ObjectRef {
    /// The key of the resource, for a referring object in `namespace`.
    pub fn key(&self, kind: Kind, namespace: &str) -> Key {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        Key::new(kind, namespace, &self.name)
    }

    /// Whether it refers to the resource with this key, for a referring object in `namespace`.
    pub fn is_to(&self, key: &Key, namespace: &str) -> bool {
        self.name == key.name && self.namespace.as_deref().unwrap_or(namespace) == key.namespace
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

/// The spec of a resource.
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

/// Expands to the same expression for each kind of a [`Spec`] or a [`Status`].
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

/// Defines accessors for the spec of one kind.
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
    /// Reads the spec of a `kind` from its document.
    ///
    /// # Errors
    /// Those of serde; but the JSON Schema of the kind refuses such documents first, with a place.
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

    /// Its kind.
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

/// Number of digits of each half of a `resourceVersion`.
const VERSION_DIGITS: usize = 12;

/// The `resourceVersion`: the first digits of the version of the spec and metadata, and of the object id of the status;
/// `0` without a status.
pub fn resource_version(resource: &Resource, status: Option<&str>) -> String {
    let status = status.map_or("0", |id| id.get(..VERSION_DIGITS).unwrap_or(id));
    format!("{}-{status}", resource.version())
}

/// The half of a `resourceVersion` for spec and metadata; `None` if it has another form.
pub fn version_of_spec(version: &str) -> Option<&str> {
    let (spec, status) = version.split_once('-')?;
    let is_hex = |text: &str| {
        text.len() == VERSION_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    (is_hex(spec) && (status == "0" || is_hex(status))).then_some(spec)
}

/// A resource from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its metadata.
    pub metadata: Metadata,
    /// The typed spec.
    pub spec: Spec,
    /// The spec as written, for digests and for showing it unchanged.
    pub raw_spec: Value,
    /// The digest of the spec, if the written spec was not kept.
    pub digest: Option<String>,
}

impl Resource {
    /// A resource that is not from a file.
    pub fn new(key: &Key, spec: Spec) -> Resource {
        // Values from JSON can be written as JSON.
        let raw_spec = of_any_kind!(Spec, &spec, spec => serde_json::to_value(spec));
        Resource {
            metadata: Metadata::named(key),
            spec,
            raw_spec: raw_spec.unwrap_or_default(),
            digest: None,
        }
    }

    /// Its key.
    pub fn key(&self) -> Key {
        Key::new(
            self.spec.kind(),
            &self.metadata.namespace,
            &self.metadata.name,
        )
    }

    /// The version for `resourceVersion`: the first digits of the digest of spec and metadata, independent of
    /// formatting.
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

    /// The digest of the spec as written, independent of formatting and of the order of keys.
    pub fn spec_digest(&self) -> String {
        let kept = self.digest.clone();
        kept.unwrap_or_else(|| crate::core::base::digest::canonical(&self.raw_spec))
    }
}

/// The status of a resource.
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
    /// The initial status of a resource of `kind`.
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

    /// Reads the status of a `kind`.
    ///
    /// # Errors
    /// Those of serde.
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

    /// The status as a JSON value, with the fields in the order of the types.
    ///
    /// # Errors
    /// Never for values from JSON or from the controllers, but serde's signature requires it.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        of_any_kind!(Status, self, status => serde_json::to_value(status))
    }

    /// Its kind.
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

    /// The status of an execution, if it is one.
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

    /// Its conditions, mutable.
    pub fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        of_any_kind!(Status, self, status => &mut status.conditions)
    }

    /// Sets the observed generation.
    pub fn observe(&mut self, generation: u64) {
        of_any_kind!(Status, self, status => status.observed_generation = generation);
    }
}

/// Defines a phase: an enum whose variants are the words of the format.
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
            /// All phases.
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

/// For serde: omits a flag that is `false`.
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// For serde: omits a number that is zero.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For serde: `true` as the default.
pub(crate) fn yes() -> bool {
    true
}
