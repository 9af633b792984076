//! One definition per name.

use crate::core::diagnostic::{Code, Diagnostic, Label, Part, Place};
use crate::core::snapshot::{Definition, Snapshot};
use crate::path;

/// Most other definitions to point to.
const OTHERS_SHOWN: usize = 8;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Diagnostic>) {
    for key in snapshot.keys() {
        let all = snapshot.definitions(key);
        if all.len() < 2 {
            continue;
        }
        for (index, definition) in all.iter().enumerate() {
            let mut finding = Diagnostic::new(
                Code::DUPLICATE_RESOURCE,
                &definition.path,
                name_of(definition),
                format!("{key} is defined {} times", all.len()),
            )
            .help("keep one definition, or give the others another name or namespace")
            .about(key);
            let others = all.iter().enumerate().filter(|(other, _)| *other != index);
            for (_, definition) in others.take(OTHERS_SHOWN) {
                finding = finding.related(Label {
                    file: definition.path.clone(),
                    place: name_of(definition),
                    message: "also defined here".to_owned(),
                });
            }
            findings.push(finding);
        }
    }
}

fn name_of(definition: &Definition) -> Place {
    Place::Entry {
        document: definition.document,
        path: path!["metadata", "name"],
        part: Part::Value,
    }
}
