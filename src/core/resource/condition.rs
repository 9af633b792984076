//! Conditions: the reasons behind a phase.

use serde::{Deserialize, Serialize};

use super::Time;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It is not known.
    Unknown,
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        }
    }
}

/// One condition of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type of the condition, for example `Valid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One CamelCase word.
    pub reason: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Time,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}

/// Sets a condition; `lastTransitionTime` changes only with the status.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    kind: &str,
    status: impl Into<ConditionStatus>,
    reason: &str,
    message: impl Into<String>,
    (generation, now): (u64, Time),
) {
    let status = status.into();
    let since = conditions
        .iter()
        .find(|old| old.kind == kind && old.status == status)
        .map_or(now, |old| old.last_transition_time);
    let new = Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.into(),
        last_transition_time: since,
        observed_generation: generation,
    };
    match conditions.iter_mut().find(|old| old.kind == kind) {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
    conditions.sort_by(|a, b| a.kind.cmp(&b.kind));
}

/// Removes a condition that no longer applies.
pub fn clear_condition(conditions: &mut Vec<Condition>, kind: &str) {
    conditions.retain(|condition| condition.kind != kind);
}

/// The condition of a type, if it is set.
pub fn find_condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_time_moves_only_when_the_status_does() {
        let at = |seconds| Time::from_timestamp(seconds, 0).expect("in range");
        let mut conditions = Vec::new();
        set_condition(&mut conditions, "Valid", true, "Valid", "", (1, at(10)));
        set_condition(
            &mut conditions,
            "Valid",
            true,
            "Valid",
            "still",
            (2, at(20)),
        );
        assert_eq!(conditions[0].last_transition_time, at(10));
        assert_eq!(conditions[0].observed_generation, 2);
        set_condition(&mut conditions, "Valid", false, "Broken", "no", (3, at(30)));
        assert_eq!(conditions[0].last_transition_time, at(30));
        assert_eq!(conditions.len(), 1);
    }
}
