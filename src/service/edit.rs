//! Edits one resource as text. [`open`] returns the text, [`save`] takes the new one and returns its
//! findings; [`in_editor`] repeats this in an editor until there are none.

use super::change::{Changed, Changeset};
use super::names::Named;
use super::store::Store;
use super::{Error, Findings, Result};
use crate::api::change::Edited;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::escape;
use crate::core::resource::{Key, Kind};
use crate::git::editor::{self, Draft};

/// A request to edit one resource.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// The resource.
    pub named: Named,
    /// Commit message; `None` makes one from the changes.
    pub message: Option<String>,
    /// The editor; `None` is that of Git.
    pub editor: Option<String>,
}

/// A resource that is being edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// The resource.
    pub key: Key,
    /// Its text in HEAD.
    pub text: String,
}

/// The result of saving a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is committed.
    Done(Changed<Edited>),
    /// It is not valid, and nothing was written.
    Wrong(Findings),
}

/// Returns the text to edit.
///
/// # Errors
/// There is no such resource, or there are several; its file has uncommitted changes.
pub fn open(store: &Store, request: &EditRequest) -> Result<Original> {
    let change = Changeset::begin(store)?;
    change.check_begun()?;
    let found = change.find(&request.named);
    let key = found.map_err(|error| change.uncommitted(&request.named).unwrap_or(error))?;
    if key.kind == Kind::Execution {
        let why = format!("{key} cannot be edited: the spec of a run cannot change");
        return Err(Error::invalid(why).hint(format!(
            "cancel it with `planspec cancel {} -n {}`, and start the plan again with other parameters",
            key.name, key.namespace
        )));
    }
    change.check_clean(&key)?;
    let text = change.document_of(&key)?;
    Ok(Original { key, text })
}

/// Commits a new text of a resource, unless it is invalid.
///
/// # Errors
/// `Conflict` if somebody else has changed it since it was opened; its file has uncommitted changes; Git
/// refuses the commit.
pub fn save(
    store: &Store,
    request: &EditRequest,
    (original, text): (&Original, &str),
) -> Result<Saved> {
    let mut change = Changeset::begin_alone(store, false)?;
    let key = &original.key;
    if change.document_of(key)? != original.text {
        let why = format!("{key} was changed by somebody else in the meantime; nothing was saved");
        return Err(Error::conflict(why).hint("edit the current version again"));
    }
    let found = change.check_text(key, text)?;
    if found.iter().any(Diagnostic::is_error) {
        let findings = Findings::new(found, &|_| Some(text.to_owned()));
        return Ok(Saved::Wrong(findings));
    }
    change.place(key.clone(), text)?;
    let reached = change.reached()?;
    if reached.found.iter().any(Diagnostic::is_error) {
        let after = reached.after;
        let findings = Findings::new(reached.found, &|file| after.text(file));
        return Ok(Saved::Wrong(findings));
    }
    let change = change.commit(request.message.as_deref(), false)?;
    Ok(Saved::Done(change.map(|change| Edited { change })))
}

/// How often the editor opens before the edit is given up: no person tries so often, but a program in the
/// place of the editor could loop for ever.
const ROUNDS: usize = 50;

/// Marks a line that is not part of the resource.
const MARK: &str = "#! ";

/// Lets a person edit a resource in their Git editor. While the text is invalid, the editor opens again, with
/// the findings on top.
///
/// # Errors
/// Those of [`open`] and [`save`]; there is no editor; the person gave up, and the text is kept in a file that
/// the hint names.
pub fn in_editor(store: &Store, request: &EditRequest) -> Result<Changed<Edited>> {
    let original = open(store, request)?;
    let editor = match &request.editor {
        Some(editor) => editor.clone(),
        None => editor::find(&store.repo)?,
    };
    let draft = Draft::new(&store.repo, &format!("{}.yaml", original.key.name))?;
    let mut shown = original.text.clone();
    let (mut last, mut wrong) = (None, Findings::default());
    for _ in 0..ROUNDS {
        draft.write(&shown)?;
        editor::open(&editor, draft.path())?;
        let text = without_marks(&draft.read()?);
        if text == original.text {
            let mut edited = Changed::<Edited>::default();
            let note = "nothing was changed".to_owned();
            edited.answer.change.notes.push(note);
            draft.discard();
            return Ok(edited);
        }
        if text.trim().is_empty() || last.as_ref() == Some(&text) {
            break;
        }
        let saved = save(store, request, (&original, &text));
        match saved.map_err(|error| kept(error, &draft))? {
            Saved::Done(edited) => {
                draft.discard();
                return Ok(edited);
            }
            Saved::Wrong(findings) => {
                shown = with_marks(&text, &findings.found);
                wrong = findings;
                last = Some(text);
            }
        }
    }
    Err(given_up(wrong, &draft))
}

/// Adds to an error where the unsaved text is.
fn kept(error: Error, draft: &Draft) -> Error {
    let place = format!("your text is kept in {draft}");
    let hint = match &error.hint {
        Some(hint) => format!("{hint}; {place}"),
        None => place,
    };
    error.hint(hint)
}

fn given_up(wrong: Findings, draft: &Draft) -> Error {
    Error {
        findings: wrong,
        ..Error::invalid("edit cancelled; nothing was saved")
            .hint(format!("your text is kept in {draft}"))
    }
}

/// The text with the findings on top, as lines that are removed again.
fn with_marks(text: &str, found: &[Diagnostic]) -> String {
    format!("{}{MARK}save it unchanged to cancel\n{text}", marks(found))
}

fn marks(found: &[Diagnostic]) -> String {
    let mut marked = String::new();
    for finding in found {
        let message = escape::line(&finding.message);
        let (severity, code) = (finding.severity, finding.code);
        marked.push_str(&format!("{MARK}{severity} {code}: {message}\n"));
        if let Some(help) = &finding.help {
            marked.push_str(&format!("{MARK}  {}\n", escape::line(help)));
        }
    }
    marked
}

fn without_marks(text: &str) -> String {
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with(MARK.trim_end()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::diagnostic::{Code, Place};

    #[test]
    fn findings_come_and_go() {
        let finding = Diagnostic::new(Code::CYCLE, "f.yaml", Place::File, "a cycle").help("cut it");
        let marked = with_marks("a: 1\n# mine\n", &[finding]);
        assert!(marked.starts_with("#! error PS304: a cycle\n#!   cut it\n"));
        assert_eq!(without_marks(&marked), "a: 1\n# mine\n");
    }
}
