//! Lists of resources: `kind: List` with `items`, as `get -o yaml` prints several.

use serde_json::Value;

use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::resource::{API_VERSION, Kind};
use crate::core::text::yaml;

/// The same file with the items of its lists as documents of their own; nothing where it has no
/// list. Its path says so, since its lines are no longer those of the file.
pub fn unlisted(file: &SourceFile, limits: &Limits) -> Option<SourceFile> {
    let Content::Bytes(bytes) = &file.content else {
        return None;
    };
    let (documents, findings) = yaml::read(&file.path, bytes, limits);
    let has_list = documents
        .iter()
        .any(|document| items(&document.value).is_some());
    if !has_list || findings.iter().any(|finding| finding.is_error()) {
        return None;
    }
    let all = documents.iter().flat_map(|document| {
        items(&document.value).unwrap_or(std::slice::from_ref(&document.value))
    });
    let texts: Vec<String> = all.map(yaml::write).collect();
    Some(SourceFile {
        path: format!("{} (its items)", file.path),
        blob: file.blob.clone(),
        content: Content::Bytes(texts.join("---\n").into_bytes().into()),
    })
}

/// The items of a list of resources: `List`, or `GoalList`, `PlanList`, …
fn items(value: &Value) -> Option<&[Value]> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let of = field("kind")?.strip_suffix("List")?;
    let is_list = of.is_empty() || Kind::ALL.iter().any(|kind| kind.name() == of);
    let is_ours = matches!(field("apiVersion"), Some(API_VERSION | "v1"));
    let items = value.get("items")?.as_array()?;
    (is_list && is_ours).then_some(items.as_slice())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn documents(text: &str) -> Option<Vec<Value>> {
        let file = SourceFile {
            path: "list.json".to_owned(),
            blob: String::new(),
            content: Content::Bytes(text.as_bytes().into()),
        };
        let file = unlisted(&file, &Limits::NONE)?;
        let Content::Bytes(bytes) = &file.content else {
            return None;
        };
        let (documents, findings) = yaml::read(&file.path, bytes, &Limits::NONE);
        assert!(findings.is_empty(), "{findings:?}");
        Some(
            documents
                .into_iter()
                .map(|document| document.value)
                .collect(),
        )
    }

    #[test]
    fn items_of_lists_become_documents() {
        let list = r#"{"apiVersion": "planspec.io/v1alpha1", "kind": "KIND", "items": [{"a": 1}, {"b": 2}]}"#;
        for kind in ["List", "GoalList", "ExecutionList"] {
            let found = documents(&list.replace("KIND", kind)).unwrap();
            assert_eq!(
                found,
                [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})]
            );
        }
        for kind in ["Goal", "RobotList", "listing"] {
            assert_eq!(documents(&list.replace("KIND", kind)), None, "{kind}");
        }
        assert_eq!(documents("{\"kind\": \"List\"}"), None);
        assert_eq!(documents("[broken"), None);
    }
}
