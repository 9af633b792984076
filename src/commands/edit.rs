//! `planspec edit`: change a resource in the editor; nothing is saved before it is valid.

use clap::Args as ClapArgs;

use super::change::Change;
use super::get::wanted_one;
use super::{Context, NamespaceArg};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::resource::Key;
use crate::failure::{Failure, Outcome};
use crate::git::editor::{self, Draft};
use crate::service::runs::choose_among;
use crate::service::store::Store;

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
}

/// What begins a line that is not part of the resource.
const MARK: &str = "#! ";

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("edit", &args.kind, args.name.as_deref())?;
    let store = Store::open(context.dir.as_deref())?;
    let change = Change::begin(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let key = choose_among(change.before().keys(), kind, &name, namespace)?.clone();
    change.check_clean(&key)?;
    let original = change.document_of(&key)?;
    let draft = Draft::new(&store.repo, &format!("{}.yaml", key.name))?;
    let mut shown = original.clone();
    let (mut last, mut wrong) = (None, Vec::new());
    loop {
        draft.write(&shown)?;
        editor::open(&store.repo, draft.path())?;
        let text = without_marks(&draft.read()?);
        if text == original {
            draft.discard();
            context.terminal.note("nothing was changed");
            return Ok(());
        }
        if text.trim().is_empty() || last.as_ref() == Some(&text) {
            context.terminal.note(&marks(&wrong));
            return Err(given_up(&draft));
        }
        let mut change = Change::begin(&store)?;
        let found = try_out(&mut change, &key, &text).inspect_err(|_| keep(context, &draft))?;
        if found.iter().any(Diagnostic::is_error) {
            shown = with_marks(&text, &found);
            wrong = found;
            last = Some(text);
            continue;
        }
        change
            .commit(context, args.message.as_deref(), false)
            .inspect_err(|_| keep(context, &draft))?;
        draft.discard();
        return Ok(());
    }
}

/// Say where the text is that could not be saved.
fn keep(context: &Context, draft: &Draft) {
    context
        .terminal
        .note(&format!("your text is kept in {draft}"));
}

/// Put the text at its place, and say what is wrong with it.
fn try_out(change: &mut Change<'_>, key: &Key, text: &str) -> Outcome<Vec<Diagnostic>> {
    let found = change.check_text(key, text)?;
    if found.iter().any(Diagnostic::is_error) {
        return Ok(found);
    }
    change.place(key.clone(), text)?;
    Ok(change.findings().0)
}

fn given_up(draft: &Draft) -> Failure {
    Failure::not_met("the edit was given up; nothing was saved")
        .hint(format!("what was written is kept in {draft}"))
}

/// The findings on top, as lines that are taken out again.
fn with_marks(text: &str, found: &[Diagnostic]) -> String {
    format!("{}{MARK}save it unchanged to give up\n{text}", marks(found))
}

fn marks(found: &[Diagnostic]) -> String {
    let mut marked = String::new();
    for finding in found {
        let message = crate::core::base::escape::line(&finding.message);
        marked.push_str(&format!(
            "{MARK}{} {}: {message}\n",
            finding.severity, finding.code
        ));
        if let Some(help) = &finding.help {
            marked.push_str(&format!(
                "{MARK}  {}\n",
                crate::core::base::escape::line(help)
            ));
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
