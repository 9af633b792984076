//! Makes the next revision of a document from its changes.

use serde_json::{Value, json};

use super::meaning::Class;
use super::{Change, Review, Subject, document};
use crate::core::document::{ChangeType, Document, RevisionChange, Trigger, differences};
use crate::core::resource::{Kind, Time};

/// The input besides the changes.
pub struct Next {
    /// The id of the new revision.
    pub plan_id: String,
    /// Its time.
    pub now: Time,
    /// A summary of the changes, as a sentence.
    pub summary: String,
    /// The reason.
    pub trigger: Option<Trigger>,
    /// The id of a new session, if it begins one.
    pub session: Option<String>,
    /// The author; `None` is the author of the previous revision.
    pub created_by: Option<String>,
}

/// The field in the first revision of a session that refers to the previous session.
pub const PREVIOUS_SESSION: &str = "x-previous-session";

/// Why there is no next revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRevised {
    /// Nothing has changed.
    Nothing,
    /// These sections may only change in a new session.
    OtherSession(Vec<&'static str>),
}

/// A new revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Revised {
    /// The document.
    pub value: Value,
    /// Its number.
    pub revision: u32,
    /// Its kind of change.
    pub class: ChangeType,
    /// The differences, one line each.
    pub changes: Vec<String>,
}

/// Makes the next revision of the document `old`, with the content of `new`. `review` compares the two.
///
/// # Errors
/// Nothing has changed, or something that is fixed within a session.
pub fn revise(
    old: &Document,
    new: &Document,
    review: &Review,
    next: Next,
) -> Result<Revised, NotRevised> {
    let plans = review.subjects.iter();
    let subject = plans.into_iter().find(|one| one.key.kind == Kind::Plan);
    let changes: Vec<&Change> = subject
        .into_iter()
        .flat_map(|subject| &subject.changes)
        .filter(|change| !is_bookkeeping(change))
        .collect();
    if changes.is_empty() {
        return Err(NotRevised::Nothing);
    }
    let fixed = document::fixed_sections(old, new);
    if next.session.is_none() && !fixed.is_empty() {
        return Err(NotRevised::OtherSession(fixed));
    }
    let is_anew = next.session.is_some();
    let class = if is_anew {
        ChangeType::Major
    } else {
        class_of(subject, &changes)
    };
    let revision = if is_anew {
        1
    } else {
        old.identity.revision.saturating_add(1)
    };
    let changes = differences(old.value(), new.value());
    let value = written(old, new, &changes, (class, revision), &next);
    Ok(Revised {
        value,
        revision,
        class,
        changes: changes.into_iter().map(in_words).collect(),
    })
}

/// `steps: `s5`: `title` changed`
fn in_words(change: RevisionChange) -> String {
    format!("{}: {}", change.section, change.summary)
}

/// The new document with the identity and the history of its revision.
fn written(
    old: &Document,
    new: &Document,
    changes: &[RevisionChange],
    (class, revision): (ChangeType, u32),
    next: &Next,
) -> Value {
    let created_at = next.now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut entry = json!({
        "revision": revision,
        "change_type": class,
        "change_summary": next.summary,
    });
    if let Some(trigger) = next.trigger {
        entry["trigger"] = json!(trigger);
    }
    entry["created_at"] = json!(created_at);
    entry["changes"] = json!(changes);

    let mut value = new.value().clone();
    let before = old.value().get("revision_history");
    let before = before.and_then(Value::as_array).cloned();
    let (session, parent, mut history) = match &next.session {
        Some(session) => (session, Value::Null, Vec::new()),
        None => {
            let identity = &old.identity;
            let history = before.unwrap_or_default();
            (&identity.session_id, json!(identity.plan_id), history)
        }
    };
    value["identity"]["plan_id"] = json!(next.plan_id);
    value["identity"]["session_id"] = json!(session);
    value["identity"]["revision"] = json!(revision);
    value["identity"]["parent_id"] = parent;
    value["identity"]["created_at"] = json!(created_at);
    if next.session.is_some() {
        let identity = &old.identity;
        value[PREVIOUS_SESSION] = json!({
            "session_id": identity.session_id,
            "plan_id": identity.plan_id,
            "revision": identity.revision,
        });
    }
    if let Some(by) = &next.created_by {
        value["identity"]["created_by"] = json!(by);
    }
    history.push(entry);
    value["revision_history"] = Value::Array(history);
    value
}

/// Whether a change is one that a revision makes itself.
fn is_bookkeeping(change: &Change) -> bool {
    let address: Vec<&str> = change.address.iter().map(String::as_str).collect();
    matches!(
        address.as_slice(),
        ["document", "identity" | "revision_history", ..] | ["context", ..] | ["version"]
    )
}

fn class_of(subject: Option<&Subject>, changes: &[&Change]) -> ChangeType {
    let largest = changes.iter().map(|change| change.class).max();
    let raised = subject.filter(|subject| subject.raised_by.is_some());
    let class = raised.map_or(largest.unwrap_or_default(), |subject| subject.class);
    match class {
        Class::None | Class::Patch => ChangeType::Patch,
        Class::Minor => ChangeType::Minor,
        Class::Major => ChangeType::Major,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::document;
    use crate::core::review::{changes, compare, renames};
    use crate::core::testing;

    const GREETING: &str =
        include_str!("../../../examples/document/planspec/greeting.planspec.json");
    const FILE: &str = "planspec/greeting.planspec.json";

    fn next(session: Option<&str>) -> Next {
        Next {
            plan_id: "11111111-2222-4333-8444-555555555555".to_owned(),
            now: "2026-02-01T10:00:00Z".parse().unwrap(),
            summary: "Better".to_owned(),
            trigger: Some(Trigger::UserFeedback),
            session: session.map(str::to_owned),
            created_by: Some("agent:planner".to_owned()),
        }
    }

    fn revised(new: &Value, session: Option<&str>) -> Result<Revised, NotRevised> {
        let text = format!("{new:#}");
        let old = document::parse(FILE, GREETING.as_bytes()).unwrap();
        let new = document::parse(FILE, text.as_bytes()).unwrap();
        let snapshot = |text: &str| testing::snapshot(&[(FILE, text)]);
        let review = compare(&snapshot(GREETING), &snapshot(&text));
        revise(&old, &new, &review, next(session))
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut document: Value = serde_json::from_str(GREETING).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    }

    #[test]
    fn the_next_revision_follows_from_the_one_before() {
        let new = with(
            "/approach/steps/1/description",
            json!("Answer with the greeting of the first language that the browser wants"),
        );
        let revised = revised(&new, None).unwrap();
        assert_eq!((revised.revision, revised.class), (2, ChangeType::Patch));
        let value = &revised.value;
        let identity = &value["identity"];
        assert_eq!(identity["plan_id"], "11111111-2222-4333-8444-555555555555");
        assert_eq!(
            identity["parent_id"],
            "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11"
        );
        assert_eq!(identity["created_at"], "2026-02-01T10:00:00Z");
        assert_eq!(identity["session_id"], "greeting");
        let history = value["revision_history"].as_array().unwrap();
        assert_eq!(history.len(), 2);
        assert_eq!(history[0]["change_summary"], "First plan");
        assert_eq!(history[1]["change_summary"], "Better");
        let changes = history[1]["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0]["type"], "modification");
        assert_eq!(changes[0]["section"], "steps");
        assert_eq!(changes[0]["field"], "choose");
        // It is a valid document, and follows from the previous one by the rules of the review.
        let text = format!("{value:#}");
        let before = testing::snapshot(&[(FILE, GREETING)]);
        let after = testing::snapshot(&[(FILE, &text)]);
        assert_eq!(after.diagnostics(), []);
        let broken = changes::check(&before, &after, &renames::resources(&before, &after));
        assert_eq!(broken, []);
    }

    #[test]
    fn the_class_is_what_the_changes_amount_to() {
        let mut added: Value = serde_json::from_str(GREETING).unwrap();
        let step = json!({"step_id": "more", "title": "More", "description": "d"});
        added["approach"]["steps"]
            .as_array_mut()
            .unwrap()
            .push(step);
        let table = [
            (with("/metadata/tags", json!(["hello"])), ChangeType::Patch),
            (added, ChangeType::Minor),
        ];
        for (new, expected) in table {
            let revised = revised(&new, None).unwrap();
            assert_eq!(revised.class, expected, "{:?}", revised.changes);
        }
    }

    #[test]
    fn the_history_names_sections_and_fields_as_documents_do() {
        let mut approved = with("/approach/steps/1/title", json!("Choose"));
        approved["approach"]["steps"][1]["dependencies"] = json!([]);
        approved["approach"]["steps"].as_array_mut().unwrap().push(
            json!({"step_id": "Tell All!", "title": "Tell", "description": "d",
                "dependencies": ["release"]}),
        );
        approved["delegation"]["step_overrides"]
            .as_array_mut()
            .unwrap()
            .push(json!({"step_id": "Tell All!", "mode": "human_approval"}));
        let mut reordered = with("/scope/assumptions", json!(["They can read"]));
        reordered["approach"]["steps"]
            .as_array_mut()
            .unwrap()
            .swap(0, 1);
        reordered["risks"] = json!([]);
        let table: [(Value, &[&str]); 5] = [
            (
                approved,
                &[
                    "modification steps choose: `choose`: `title`, `dependencies` changed",
                    "addition steps Tell All!: `Tell All!` added: Tell",
                    "addition delegation Tell All!: `Tell All!` added: human_approval",
                ],
            ),
            (
                reordered,
                &[
                    "addition scope assumptions: They can read",
                    "removal scope assumptions: The browser says which language is wanted",
                    "reorder steps -: steps in another order",
                    "removal risks tone: `tone` removed: A translation is rude",
                ],
            ),
            (
                with("/approach/overview", json!("x")),
                &["modification approach overview: overview changed"],
            ),
            (
                with("/delegation/escalation_policy/on_ambiguity", json!("fail")),
                &["modification delegation escalation_policy: escalation_policy changed"],
            ),
            (
                with("/metadata/tags", json!(["greeting", "hello"])),
                &["addition metadata tags: hello"],
            ),
        ];
        for (new, expected) in table {
            let revised = revised(&new, None).unwrap();
            assert_eq!(revised.value["identity"]["created_by"], "agent:planner");
            let changes = revised.value["revision_history"][1]["changes"]
                .as_array()
                .unwrap();
            let told: Vec<String> = changes
                .iter()
                .map(|one| {
                    let word = |field: &str| one[field].as_str().unwrap_or("-").to_owned();
                    format!(
                        "{} {} {}: {}",
                        word("type"),
                        word("section"),
                        word("field"),
                        word("summary")
                    )
                })
                .collect();
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn what_is_fixed_belongs_into_another_session() {
        assert_eq!(
            revised(&serde_json::from_str(GREETING).unwrap(), None),
            Err(NotRevised::Nothing)
        );
        let other = with("/intent/goal_statement", json!("Visitors are waved at"));
        let refused = NotRevised::OtherSession(vec!["intent"]);
        assert_eq!(revised(&other, None), Err(refused));
        let refused = NotRevised::OtherSession(vec!["scope"]);
        let wider = with("/scope/in_scope", json!(["path:**"]));
        assert_eq!(revised(&wider, None), Err(refused));
        let answered = with("/scope/assumptions", json!(["They can read"]));
        assert!(revised(&answered, None).is_ok());
        let session = revised(&other, Some("waving")).unwrap();
        assert_eq!((session.revision, session.class), (1, ChangeType::Major));
        let identity = &session.value["identity"];
        assert_eq!(identity["session_id"], "waving");
        assert_eq!(identity["parent_id"], Value::Null);
        let before = json!({
            "session_id": "greeting", "plan_id": "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11", "revision": 1
        });
        assert_eq!(session.value[PREVIOUS_SESSION], before);
        let history = session.value["revision_history"].as_array().unwrap();
        assert_eq!(history.len(), 1);
    }
}
