//! Readiness reports: whether documents may be executed.

use std::collections::BTreeSet;

use crate::api::findings::{Answered, Blocker, Mitigation, Readiness, ReadinessLevel};
use crate::core::base::diagnostic::{Code, Level};
use crate::core::base::digest::sha256_hex;
use crate::core::document::{self, ChangeKind, Degree, Document};
use crate::core::repository::definitions::Definition;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Kind;
use crate::core::text::located::{Finding, ResourceName};

/// The input of the reports.
pub(super) struct Inputs<'a> {
    /// The resources that were read.
    pub snapshot: &'a Snapshot,
    /// The text of the configuration, if there is one.
    pub config: Option<&'a str>,
    /// The findings.
    pub findings: &'a [Finding],
}

/// The reports on the documents in some files. They are deterministic.
pub(super) fn of(inputs: &Inputs<'_>, files: &BTreeSet<String>) -> Vec<Readiness> {
    let snapshot = inputs.snapshot;
    let plans = snapshot.keys_of(Kind::Plan);
    let definitions = plans.flat_map(|key| snapshot.definitions(key));
    let documents = definitions.filter(|one| one.origin.is_some() && files.contains(&one.path));
    documents.map(|one| report(inputs, one)).collect()
}

fn report(inputs: &Inputs<'_>, one: &Definition) -> Readiness {
    let own = inputs.findings.iter();
    let own = own.filter(|finding| finding.at.file == one.path);
    let broken: Vec<&Finding> = own.filter(|finding| finding.severity == "error").collect();
    let text = inputs.snapshot.text(&one.path).unwrap_or_default();
    let document = document::parse(&one.path, text.as_bytes()).ok();
    let mut pass = true;
    let levels = [Level::Structure, Level::Semantics, Level::Readiness].map(|level| {
        let level = level.to_string();
        // After an error, later levels cannot be judged.
        pass &= broken.iter().all(|one| one.level != level);
        ReadinessLevel { level, pass }
    });
    Readiness {
        plan: ResourceName::from(&one.key),
        path: one.path.clone(),
        digest: format!("sha256:{}", sha256_hex(text.as_bytes())),
        inputs: digest(inputs),
        ready: broken.is_empty(),
        levels: levels.to_vec(),
        blockers: broken.into_iter().map(blocker).collect(),
        answered: document.as_ref().map(answered).unwrap_or_default(),
        mitigated: document.as_ref().map(mitigated).unwrap_or_default(),
    }
}

/// The digest over the paths and contents of all files, and the configuration.
fn digest(inputs: &Inputs<'_>) -> String {
    let snapshot = inputs.snapshot;
    let defined = snapshot.keys().flat_map(|key| snapshot.definitions(key));
    let files: BTreeSet<&str> = defined
        .chain(snapshot.history())
        .map(|one| one.path.as_str())
        .collect();
    let mut parts = vec![sha256_hex(inputs.config.unwrap_or_default().as_bytes())];
    for path in files {
        let text = snapshot.text(path).unwrap_or_default();
        let of = [path, &text].map(|part| sha256_hex(part.as_bytes()));
        parts.extend(of);
    }
    format!("sha256:{}", sha256_hex(parts.join("\n").as_bytes()))
}

fn blocker(finding: &Finding) -> Blocker {
    Blocker {
        code: finding.code.clone(),
        clause: clause(finding),
        message: finding.message.clone(),
        at: finding.at.clone(),
    }
}

/// The section of the specification that requires it.
fn clause(finding: &Finding) -> String {
    let code = Code::parse(&finding.code);
    let wanted = code.and_then(|code| CLAUSES.iter().find(|(of, _)| *of == code));
    if let Some((_, clause)) = wanted {
        return (*clause).to_owned();
    }
    match finding.level.as_str() {
        "structure" => "5, level 1".to_owned(),
        "semantics" => "5, level 2".to_owned(),
        _ => "5, level 3".to_owned(),
    }
}

/// The requirement behind each rule.
const CLAUSES: [(Code, &str); 22] = [
    (Code::MISSING_FIELD, "5, level 1: required fields"),
    (Code::UNKNOWN_FIELD, "5, level 1: known fields"),
    (Code::WRONG_TYPE, "5, level 1: types"),
    (Code::NOT_ALLOWED, "5, level 1: words of closed lists"),
    (Code::DOCUMENT_ID_TWICE, "5, level 1: ids are unique"),
    (Code::STEP_NOT_FOUND, "5, level 1: references resolve"),
    (Code::STEP_CYCLE, "5, level 1: no cycles"),
    (Code::BAD_REVISION, "7: the chain of revisions"),
    (Code::BROKEN_CHAIN, "7: the chain of revisions"),
    (Code::EMPTY_GOAL, "5, level 2: the goal is not empty"),
    (
        Code::NO_PRIMARY_CRITERION,
        "5, level 2: a primary criterion",
    ),
    (Code::DELEGATION_CONFLICT, "5, level 2: delegation agrees"),
    (
        Code::NO_STEP_CRITERIA,
        "5, level 2: steps of agents have acceptance criteria",
    ),
    (
        Code::NOT_AUTOMATED,
        "x-planspec.checks: of automated criteria",
    ),
    (Code::NOTHING_IN_SCOPE, "5, level 2: something is in scope"),
    (Code::NO_STEPS, "5, level 2: there are steps"),
    (Code::OPEN_QUESTION, "5, level 3: no open question"),
    (
        Code::RISK_NOT_MITIGATED,
        "5, level 3: likely risks are mitigated",
    ),
    (
        Code::DEPENDENCY_NOT_AVAILABLE,
        "5, level 3: dependencies are available",
    ),
    (Code::NO_DEFAULT_MODE, "5, level 3: `default_mode` is set"),
    (
        Code::OPEN_FINDING,
        "x-planspec.findings: no blocking one is open",
    ),
    (Code::STEP_EXTENSION, "x-planspec: what it may hold"),
];

/// Findings of reviewers that somebody closed, and questions that a revision removed.
fn answered(document: &Document) -> Vec<Answered> {
    let findings = document.review_findings();
    let closed = findings.iter().filter(|one| !one.finding.is_open());
    let closed = closed.map(|one| Answered {
        what: "finding".to_owned(),
        id: one.finding.id.clone(),
        disposition: one.finding.disposition.map(|word| word.to_string()),
        answer: one.finding.answer.clone(),
        revision: None,
    });
    let open = &document.scope.open_questions;
    let questions = document.revision_history.iter().flat_map(|revision| {
        let gone = revision.changes.iter().filter(|change| {
            change.kind == ChangeKind::Removal
                && change.section == "scope"
                && change.field.as_deref() == Some("open_questions")
                && !open.contains(&change.summary)
        });
        gone.map(|change| Answered {
            what: "question".to_owned(),
            id: change.summary.clone(),
            disposition: None,
            answer: Some(revision.change_summary.clone()),
            revision: Some(revision.revision),
        })
    });
    closed.chain(questions).collect()
}

/// The likely risks that have a mitigation.
fn mitigated(document: &Document) -> Vec<Mitigation> {
    let likely = document
        .risks
        .iter()
        .filter(|risk| risk.probability == Degree::High);
    let mitigated = likely.filter_map(|risk| {
        let mitigation = risk
            .mitigation
            .clone()
            .filter(|text| !text.trim().is_empty())?;
        Some(Mitigation {
            risk: risk.risk_id.clone(),
            mitigation,
        })
    });
    mitigated.collect()
}
