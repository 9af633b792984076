//! Query parameters, and the resources that they select.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::status::{Answer, Refusal};
use crate::core::resource::{API_VERSION, Key, Kind, LabelSelector};
use crate::service::live::{Item, Live};
use crate::service::names::parse_selector;

/// Maximum number of items of a page, whatever a request asks for.
const MOST: usize = 10_000;

/// Query parameters of lists and watches.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    label_selector: Option<String>,
    field_selector: Option<String>,
    limit: Option<usize>,
    #[serde(rename = "continue")]
    goes_on: Option<String>,
    /// Accepted for compatibility; the path decides.
    #[serde(rename = "allNamespaces")]
    _all_namespaces: Option<bool>,
    /// Watch from this revision.
    pub since: Option<String>,
    /// The same, under its Kubernetes name.
    pub resource_version: Option<String>,
    /// Whether to watch, as in Kubernetes.
    pub watch: Option<bool>,
}

/// The resources that a request selects.
#[derive(Debug, Clone)]
pub struct Meant {
    kind: Kind,
    namespace: Option<String>,
    labels: LabelSelector,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone)]
struct FieldRequirement {
    field: Field,
    is: bool,
    value: String,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Namespace,
    Phase,
}

/// The kind in a path: plural, singular or the kind itself.
pub fn kind(word: &str) -> Answer<Kind> {
    Kind::parse(word).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.into_iter().map(Kind::plural).collect();
        Refusal::not_found(format!("there is no resource type `{word}`"))
            .hint(format!("the types are {}", known.join(", ")))
    })
}

impl Meant {
    /// Reads the query for a kind, in one namespace or in all.
    pub fn read(kind: Kind, namespace: Option<&str>, query: &ListQuery) -> Answer<Meant> {
        let labels = query.label_selector.as_deref().unwrap_or_default();
        let labels = parse_selector(labels)
            .map_err(|why| Refusal::bad(format!("labelSelector cannot be read: {why}")))?;
        let fields = query.field_selector.as_deref().unwrap_or_default();
        Ok(Meant {
            kind,
            namespace: namespace.map(str::to_owned),
            labels,
            fields: field_requirements(fields)?,
        })
    }

    /// Whether a resource has the selected kind and namespace.
    pub fn is_in_place(&self, key: &Key) -> bool {
        let namespace = self.namespace.as_ref();
        self.kind == key.kind && namespace.is_none_or(|namespace| *namespace == key.namespace)
    }

    /// Whether a resource has the selected labels and fields.
    pub fn is_chosen(&self, item: &Item) -> bool {
        self.labels.matches(&item.labels) && self.fields.iter().all(|field| field.holds(item))
    }
}

impl FieldRequirement {
    fn holds(&self, item: &Item) -> bool {
        let value = match self.field {
            Field::Name => item.key.name.as_str(),
            Field::Namespace => item.key.namespace.as_str(),
            Field::Phase => item.phase.as_deref().unwrap_or_default(),
        };
        (value == self.value) == self.is
    }
}

fn field_requirements(text: &str) -> Answer<Vec<FieldRequirement>> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let read = |part: &str| {
        let (name, is, value) = match part.split_once("!=") {
            Some((name, value)) => (name, false, value),
            None => {
                let (name, value) = part.split_once('=')?;
                (name, true, value.strip_prefix('=').unwrap_or(value))
            }
        };
        let field = match name.trim() {
            "metadata.name" => Field::Name,
            "metadata.namespace" => Field::Namespace,
            "status.phase" => Field::Phase,
            _ => return None,
        };
        let value = value.trim().to_owned();
        Some(FieldRequirement { field, is, value })
    };
    let wrong = |part: &str| {
        Refusal::bad(format!("fieldSelector cannot be read: `{part}`"))
            .hint("write FIELD=VALUE or FIELD!=VALUE with commas between them; the fields are metadata.name, metadata.namespace and status.phase")
    };
    parts
        .map(|part| read(part).ok_or_else(|| wrong(part)))
        .collect()
}

/// A page of the selected resources, as JSON.
pub fn list(live: &Live, meant: &Meant, query: &ListQuery) -> Answer<Vec<u8>> {
    let begin = match &query.goes_on {
        Some(token) => read_token(meant.kind, token)?,
        None => Key::new(meant.kind, meant.namespace.clone().unwrap_or_default(), ""),
    };
    let most = query
        .limit
        .filter(|limit| *limit > 0)
        .map(|limit| limit.min(MOST));
    let in_place = live
        .from(&begin)
        .take_while(|item| meant.is_in_place(&item.key));
    let mut chosen = in_place.filter(|item| meant.is_chosen(item));
    let kind = meant.kind.name();
    let mut body = format!(
        "{{\"apiVersion\":\"{}\",\"kind\":\"{kind}List\",\"items\":[",
        API_VERSION
    )
    .into_bytes();
    let mut next = None;
    for (number, item) in chosen.by_ref().enumerate() {
        if most == Some(number) {
            next = Some(token(&item.key));
            break;
        }
        if number > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&item.json);
    }
    let mut metadata = serde_json::json!({"resourceVersion": &*live.version()});
    if let Some(next) = next {
        metadata["continue"] = serde_json::json!(next);
        metadata["remainingItemCount"] = serde_json::json!(chosen.count() + 1);
    }
    body.extend_from_slice(format!("],\"metadata\":{metadata}}}").as_bytes());
    Ok(body)
}

/// The `continue` token: the first resource of the next page.
fn token(key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(key.qualified())
}

fn read_token(kind: Kind, token: &str) -> Answer<Key> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (namespace, name) = text.split_once('/')?;
        Some(Key::new(kind, namespace, name))
    };
    read().ok_or_else(|| {
        Refusal::bad("`continue` is not valid").hint("use `metadata.continue` of the previous page")
    })
}
