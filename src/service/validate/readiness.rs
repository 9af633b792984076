//! May it be executed: what a document says of that, as data.

use std::collections::BTreeSet;

use crate::api::findings::{Blocker, Mitigation, Readiness, ReadinessLevel};
use crate::core::base::diagnostic::Level;
use crate::core::base::digest::sha256_hex;
use crate::core::document::{self, Degree};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Kind;
use crate::core::text::located::{Finding, ResourceName};

/// The reports on the documents in some files. The same files lead to the same reports.
pub(super) fn of(
    snapshot: &Snapshot,
    files: &BTreeSet<String>,
    findings: &[Finding],
) -> Vec<Readiness> {
    let plans = snapshot.keys_of(Kind::Plan);
    let definitions = plans.flat_map(|key| snapshot.definitions(key));
    let documents = definitions.filter(|one| one.origin.is_some() && files.contains(&one.path));
    documents
        .map(|one| {
            let own = findings
                .iter()
                .filter(|finding| finding.at.file == one.path);
            let broken: Vec<&Finding> = own.filter(|finding| finding.severity == "error").collect();
            let text = snapshot.text(&one.path).unwrap_or_default();
            let levels = [Level::Structure, Level::Semantics, Level::Readiness];
            Readiness {
                plan: ResourceName::from(&one.key),
                path: one.path.clone(),
                digest: format!("sha256:{}", sha256_hex(text.as_bytes())),
                ready: broken.is_empty(),
                levels: levels
                    .iter()
                    .map(|level| {
                        let level = level.to_string();
                        ReadinessLevel {
                            pass: broken.iter().all(|one| one.level != level),
                            level,
                        }
                    })
                    .collect(),
                blockers: broken.into_iter().map(blocker).collect(),
                mitigated: mitigated(&one.path, &text),
            }
        })
        .collect()
}

fn blocker(finding: &Finding) -> Blocker {
    let level = match finding.level.as_str() {
        "structure" => 1,
        "semantics" => 2,
        _ => 3,
    };
    Blocker {
        code: finding.code.clone(),
        clause: format!("5, level {level}"),
        message: finding.message.clone(),
        at: finding.at.clone(),
    }
}

/// The likely risks against which something is done.
fn mitigated(path: &str, text: &str) -> Vec<Mitigation> {
    let Ok(document) = document::parse(path, text.as_bytes()) else {
        return Vec::new();
    };
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
