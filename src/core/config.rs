//! `.planspec.yaml`: everything optional, read from the spec branch's commit.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::resource::Duration;

/// Name of the configuration file at the repository's root.
pub const CONFIG_FILE: &str = ".planspec.yaml";

/// The configuration of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Where resources are reviewed and merged; the remote's default branch when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_branch: Option<String>,
    /// Globs of the files that hold resources.
    pub paths: Vec<String>,
    /// For documents, which have none.
    pub default_namespace: String,
    /// Where status is kept.
    pub status: StatusConfig,
    /// Longest time between two signs of life of a worker.
    pub lease: Duration,
    /// Who may approve.
    pub approvals: ApprovalConfig,
    /// Severity per rule code.
    pub rules: BTreeMap<String, RuleLevel>,
    /// Bounds on input.
    pub limits: Limits,
}

/// Where status is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StatusConfig {
    /// The sidecar branch.
    pub branch: String,
    /// The remote that everybody shares; without one nothing leaves this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

/// Who may approve, and how it is proven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApprovalConfig {
    /// Only signed approvals count.
    pub require_signed: bool,
    /// File of allowed signers on the spec branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<String>,
    /// Authors of a plan revision cannot approve it.
    pub prevent_self_approval: bool,
    /// `user:NAME` in a gate: e-mails of the same person.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, BTreeSet<String>>,
    /// `team:NAME` in a gate: e-mails or `user:NAME` of its members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub teams: BTreeMap<String, BTreeSet<String>>,
}

/// What to make of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleLevel {
    /// Fails.
    Error,
    /// Is shown.
    Warning,
    /// Is not shown.
    Off,
}

/// Bounds on input, kept before anything is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Nesting of one document.
    pub depth: usize,
    /// Nodes of one plan.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 1024 * 1024,
            depth: 64,
            nodes: 1000,
        }
    }
}

impl Default for StatusConfig {
    fn default() -> Self {
        StatusConfig {
            branch: "planspec/status".to_owned(),
            remote: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            spec_branch: None,
            paths: vec![
                "planspec/**".to_owned(),
                "**/*.planspec.{yaml,yml,json}".to_owned(),
            ],
            default_namespace: "default".to_owned(),
            status: StatusConfig::default(),
            lease: "30m".parse().unwrap_or_else(|_| unreachable!("a duration")),
            approvals: ApprovalConfig::default(),
            rules: BTreeMap::new(),
            limits: Limits::default(),
        }
    }
}

impl ApprovalConfig {
    /// The one name under which an actor is counted: somebody listed under several e-mails in
    /// `users` is one person, and a plain id is short for `user:`.
    pub fn person(&self, actor: &str) -> String {
        let listed = self
            .users
            .iter()
            .find(|(_, mails)| mails.iter().any(|mail| mail.eq_ignore_ascii_case(actor)));
        match listed {
            Some((name, _)) => format!("user:{name}"),
            None if actor.contains(['@', ':']) => actor.to_lowercase(),
            None => format!("user:{actor}"),
        }
    }

    /// Whether `actor` is meant by the reviewer entry `entry` of a gate: `user:NAME`, `team:NAME`,
    /// an e-mail or a plain id.
    pub fn is_reviewer(&self, entry: &str, actor: &str) -> bool {
        let person = self.person(actor);
        match entry.strip_prefix("team:") {
            Some(team) => self
                .teams
                .get(team)
                .is_some_and(|members| members.iter().any(|member| self.person(member) == person)),
            None => self.person(entry) == person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approvals() -> ApprovalConfig {
        let set = |mails: &[&str]| mails.iter().map(|m| (*m).to_owned()).collect();
        ApprovalConfig {
            users: BTreeMap::from([(
                "tech-lead".to_owned(),
                set(&["ana@example.com", "ana@home.example"]),
            )]),
            teams: BTreeMap::from([(
                "security".to_owned(),
                set(&["ana@example.com", "ben@example.com"]),
            )]),
            ..ApprovalConfig::default()
        }
    }

    #[test]
    fn one_person_has_one_name() {
        let approvals = approvals();
        assert_eq!(approvals.person("ana@example.com"), "user:tech-lead");
        assert_eq!(approvals.person("Ana@Home.Example"), "user:tech-lead");
        assert_eq!(approvals.person("tech-lead"), "user:tech-lead");
        assert_eq!(approvals.person("ben@example.com"), "ben@example.com");
    }

    #[test]
    fn reviewer_entries() {
        let approvals = approvals();
        let table = [
            ("user:tech-lead", "ana@example.com", true),
            ("user:tech-lead", "user:tech-lead", true),
            ("user:tech-lead", "ben@example.com", false),
            ("team:security", "ben@example.com", true),
            ("team:security", "ana@home.example", true),
            ("team:security", "user:tech-lead", true),
            ("team:security", "eve@example.com", false),
            ("team:nobody", "ana@example.com", false),
            ("ben@example.com", "ben@example.com", true),
            ("carol", "carol", true),
            ("carol", "user:carol", true),
            ("carol", "carol@example.com", false),
        ];
        for (entry, actor, expected) in table {
            assert_eq!(
                approvals.is_reviewer(entry, actor),
                expected,
                "{entry} {actor}"
            );
        }
    }
}
