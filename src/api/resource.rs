//! Resources as they stand in files, with their status: what can be applied again.

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::core::resource::schema::text;
use crate::core::resource::{API_VERSION, Kind, Metadata};
use crate::core::run::merged::Merged;

/// A resource with its status. `apiVersion` and `kind` are those of the published format, without an envelope.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// `planspec.io/v1alpha1`
    pub api_version: String,
    /// `Goal`, `Plan`, `Capability`, `Binding`, `Gate` or `Execution`.
    pub kind: String,
    /// The metadata as written, and the fields that only `reconcile` writes: `uid`, `generation`, …
    #[schemars(with = "Value")]
    pub metadata: Metadata,
    /// The spec as written; absent if the file is gone or cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
    /// The status as on the status branch; absent before the first reconcile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

impl Resource {
    /// A resource as data.
    ///
    /// # Errors
    /// A status that JSON cannot hold.
    pub fn of(merged: &Merged<'_>) -> serde_json::Result<Resource> {
        let mut status = merged.file.map(|file| file.status.to_value()).transpose()?;
        // The published format has the namespace there as well; it is the goal's own.
        let plan = status
            .as_mut()
            .and_then(|status| status.get_mut("activePlanRef"));
        if let Some(plan) = plan.and_then(Value::as_object_mut) {
            let own = || merged.key.namespace.clone().into();
            plan.entry("namespace").or_insert_with(own);
        }
        Ok(Resource {
            api_version: API_VERSION.to_owned(),
            kind: merged.key.kind.name().to_owned(),
            metadata: merged.metadata(),
            spec: merged.resource.map(|resource| resource.raw_spec.clone()),
            status,
        })
    }
}

/// The JSON Schema of a resource with its status. Its spec is as the schema of its kind says.
pub fn schema() -> Schema {
    let mut schema = super::schema_of::<Resource>();
    let (mut kinds, mut specs, mut definitions) = (Vec::new(), Vec::new(), Map::new());
    for kind in Kind::ALL {
        let name = kind.name();
        let id = format!("urn:planspec:v1alpha1:answer:{}", name.to_lowercase());
        if let Ok(Value::Object(mut of_kind)) = serde_json::from_str(text(kind.into())) {
            of_kind.insert("$id".to_owned(), json!(id));
            definitions.insert(name.to_owned(), Value::Object(of_kind));
        }
        kinds.push(name);
        specs.push(json!({
            "if": {"properties": {"kind": {"const": name}}},
            "then": {"properties": {"spec": {"$ref": format!("{id}#/properties/spec")}}},
        }));
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("apiVersion".to_owned(), json!({"const": API_VERSION}));
        properties.insert("kind".to_owned(), json!({"enum": kinds}));
        for part in ["metadata", "spec", "status"] {
            if let Some(Value::Object(part)) = properties.get_mut(part) {
                part.insert("type".to_owned(), json!("object"));
            }
        }
    }
    schema.insert("allOf".to_owned(), json!(specs));
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    schema.insert("title".to_owned(), json!("Resource"));
    schema
}

/// The JSON Schema of the published list.
pub fn list_schema() -> Schema {
    let mut schema = super::schema_of::<List>();
    let mut item = self::schema();
    item.insert(
        "$id".to_owned(),
        json!("urn:planspec:v1alpha1:answer:resource"),
    );
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("apiVersion".to_owned(), json!({"const": API_VERSION}));
        properties.insert("kind".to_owned(), json!({"const": "List"}));
        if let Some(Value::Object(items)) = properties.get_mut("items") {
            items.insert("items".to_owned(), item.to_value());
        }
    }
    schema.remove("$defs");
    schema.insert("title".to_owned(), json!("List"));
    schema
}

/// Several resources: the published list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// `planspec.io/v1alpha1`
    pub api_version: String,
    /// Always `List`.
    pub kind: String,
    /// The resources, sorted by kind, namespace and name.
    pub items: Vec<Resource>,
}

impl List {
    /// A list of these.
    pub fn of(items: Vec<Resource>) -> List {
        List {
            api_version: API_VERSION.to_owned(),
            kind: "List".to_owned(),
            items,
        }
    }
}
