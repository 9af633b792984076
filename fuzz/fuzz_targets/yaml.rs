//! The YAML reader: any bytes give documents or findings; a document can be written and read again; the documents of a
//! stream are split as the reader counts them; reading in one pass gives the same as the loader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use planspec::core::base::limits::Limits;
use planspec::core::base::diagnostic::{Diagnostic, Place};
use planspec::core::text::yaml::{self, Document};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        file_bytes: 64 * 1024,
        ..Limits::default()
    };
    for file in ["a.yaml", "a.json"] {
        let (documents, findings) = yaml::read(file, bytes, &limits);
        for finding in &findings {
            check_places(finding, bytes);
        }
        for document in &documents {
            check_document(&document.value, &limits);
        }
        if findings.is_empty() && file == "a.yaml" {
            check_loader(bytes, &documents);
        }
        if let (true, "a.yaml", Ok(text)) = (findings.is_empty(), file, std::str::from_utf8(bytes))
        {
            let parts = yaml::split::documents(text).len();
            for document in &documents {
                assert!(document.index < parts, "{} of {parts}", document.index);
            }
        }
    }
});

fn check_places(finding: &Diagnostic, bytes: &[u8]) {
    let related = finding.related.iter().map(|label| &label.place);
    for place in std::iter::once(&finding.place).chain(related) {
        let Place::At(span) = place else { continue };
        assert!(span.start <= span.end && span.end <= bytes.len(), "{finding:?}");
        assert!(span.line >= 1 && span.column >= 1, "{finding:?}");
        if let Ok(text) = std::str::from_utf8(bytes) {
            assert!(text.get(span.start..span.end).is_some(), "{finding:?}");
        }
    }
}

/// Reading in one pass gives the same as the loader: a tab, here in a comment, makes any text go to the loader.
fn check_loader(bytes: &[u8], documents: &[Document]) {
    if !bytes.ends_with(b"\n") {
        return;
    }
    let with_tab = [bytes, b"#\t\n"].concat();
    let limits = Limits {
        file_bytes: with_tab.len(),
        ..Limits::default()
    };
    let (loaded, findings) = yaml::read("a.yaml", &with_tab, &limits);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(loaded, documents);
}

fn check_document(value: &Value, limits: &Limits) {
    assert!(height(value) <= limits.depth, "too deep");
    let written = yaml::write(value);
    let generous = Limits {
        file_bytes: usize::MAX / 8,
        ..*limits
    };
    let (again, findings) = yaml::read("b.yaml", written.as_bytes(), &generous);
    assert!(findings.is_empty(), "{findings:?} in {written:?}");
    let values: Vec<&Value> = again.iter().map(|document| &document.value).collect();
    assert_eq!(values, [value], "{written:?}");
}

/// Collections inside each other.
fn height(value: &Value) -> usize {
    let mut highest = 0;
    let mut stack = vec![(value, 0)];
    while let Some((value, above)) = stack.pop() {
        let below: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => continue,
        };
        highest = highest.max(above + 1);
        stack.extend(below.into_iter().map(|value| (value, above + 1)));
    }
    highest
}
