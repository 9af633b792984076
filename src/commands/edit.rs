//! `planspec edit`: change a resource in the editor; nothing is saved before it is valid.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::escape;
use crate::failure::Outcome;
use crate::git::editor::{self, Draft};
use crate::service::edit::{EditRequest, Edited, Saved, open, save};
use crate::service::names::wanted_one;
use crate::service::{Error, Findings};
use crate::show;

/// Edit a resource in $EDITOR, validate it, and commit it
///
/// While it is not valid the editor opens again with the findings on top. Saving nothing new, or
/// nothing at all, gives up; what was written is kept in a file that is named.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// NAME or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// What begins a line that is not part of the resource.
const MARK: &str = "#! ";

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("edit", &args.kind, args.name.as_deref())?;
    let request = EditRequest {
        kind,
        name,
        namespace: args.namespace.namespace.clone(),
        message: args.message.clone(),
    };
    let store = context.open()?;
    let original = open(&store, &request)?;
    let draft = Draft::new(&store.repo, &format!("{}.yaml", original.key.name))?;
    let mut shown = original.text.clone();
    let (mut last, mut wrong) = (None, Findings::default());
    let edited = loop {
        draft.write(&shown)?;
        editor::open(&store.repo, draft.path())?;
        let text = without_marks(&draft.read()?);
        if text == original.text {
            break unchanged();
        }
        if text.trim().is_empty() || last.as_ref() == Some(&text) {
            return Err(given_up(wrong, &draft).into());
        }
        let saved = save(&store, &request, (&original.key, &text));
        match saved.map_err(|error| kept(error, &draft))? {
            Saved::Done(edited) => break edited,
            Saved::Wrong(findings) => {
                shown = with_marks(&text, &findings.found);
                wrong = findings;
                last = Some(text);
            }
        }
    };
    draft.discard();
    let answer = edited.answer();
    let text = show::change::text(&answer.change);
    context.changed(args.output.output, (&answer, &text), &edited.change)
}

fn unchanged() -> Edited {
    let mut edited = Edited::default();
    let note = "nothing was changed".to_owned();
    edited.change.notes.push(note);
    edited
}

/// The error says also where the text is that could not be saved.
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
        ..Error::invalid("the edit was given up; nothing was saved")
            .hint(format!("what was written is kept in {draft}"))
    }
}

/// The findings on top, as lines that are taken out again.
fn with_marks(text: &str, found: &[Diagnostic]) -> String {
    format!("{}{MARK}save it unchanged to give up\n{text}", marks(found))
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
