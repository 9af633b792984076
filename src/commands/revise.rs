//! `planspec revise`: the next revision of a PlanSpec 1.2 document.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use uuid::Uuid;

use super::Context;
use super::show::{parse, text_of};
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::{self, Document, Trigger};
use crate::core::repository::snapshot::Snapshot;
use crate::core::review::compare;
use crate::core::review::revise::{Next, Refusal, revise};
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::git::{files, read};
use crate::service::store::Store;

/// Make what was changed in a PlanSpec 1.2 document its next revision
///
/// The document of the last commit is the revision before. The new one gets an id, a parent, a
/// number, a time and an entry in its history; nothing is committed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The document, as it was changed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What was changed, in a sentence
    #[arg(short = 'm', long, value_name = "TEXT")]
    summary: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    trigger: Option<TriggerArg>,
    /// Begin another session, where intent and scope may be others [default id: a new one]
    #[arg(long, value_name = "ID", num_args = 0..=1)]
    new_session: Option<Option<String>>,
}

/// Why there is a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum TriggerArg {
    /// A person asked for it.
    UserFeedback,
    /// An agent asked for it.
    AgentSuggestion,
    /// A question was answered.
    Clarification,
    /// Something was wrong.
    ErrorCorrection,
}

impl From<TriggerArg> for Trigger {
    fn from(trigger: TriggerArg) -> Trigger {
        match trigger {
            TriggerArg::UserFeedback => Trigger::UserFeedback,
            TriggerArg::AgentSuggestion => Trigger::AgentSuggestion,
            TriggerArg::Clarification => Trigger::Clarification,
            TriggerArg::ErrorCorrection => Trigger::ErrorCorrection,
        }
    }
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let (file, bytes) = text_of(context, &args.file)?;
    let new = parse(context, &file, &bytes)?;
    let path = store
        .repo
        .path_inside(Path::new(&file))
        .ok_or_else(|| Failure::usage(format!("{file} is not in this repository")))?;
    let head = store.repo.head()?;
    let committed = match head.commit() {
        Some(commit) => read::file_at(&store.repo, commit, &path)?,
        None => None,
    };
    let Some(committed) = committed else {
        return Err(Failure::not_met(format!(
            "{path} is not committed yet: there is no revision before"
        ))
        .hint("commit it as it is: its first revision is what it says"));
    };
    let old = parse(context, &path, &committed)?;
    let config = match head.commit() {
        Some(commit) => store.config_at(commit)?,
        None => Default::default(),
    };
    let snapshot = |bytes: &[u8]| {
        let file = SourceFile {
            path: path.clone(),
            blob: read::blob_id(bytes),
            content: Content::Bytes(bytes.into()),
        };
        Snapshot::build(&[file], &config)
    };
    let review = compare(&snapshot(&committed), &snapshot(&bytes));
    let next = Next {
        plan_id: id_of_next(&old, &new),
        now: context.now,
        summary: args.summary.clone(),
        trigger: args.trigger.map(Trigger::from),
        session: args
            .new_session
            .clone()
            .map(|id| id.unwrap_or_else(|| Uuid::new_v4().to_string())),
    };
    let revised = revise(&old, &new, &review, next).map_err(|why| refused(&path, why))?;
    let edited = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| document::edit(&path, text, &revised.value));
    let in_place = edited.is_some();
    let text = edited.unwrap_or_else(|| match yaml::is_json(&path) {
        true => format!("{:#}\n", revised.value),
        false => yaml::write(&revised.value),
    });
    files::write_user_file(Path::new(&file), text.as_bytes())?;
    if !in_place {
        context.terminal.note(
            "note: the revision could not be written into the text as it was: the file is \
             written anew, without comments; `git diff` shows it",
        );
    }
    context.terminal.out(&format!(
        "{path}: revision {} ({})\n",
        revised.revision, revised.class
    ));
    for change in &revised.changes {
        context
            .terminal
            .out(&format!("  {}\n", crate::core::base::escape::line(change)));
    }
    context
        .terminal
        .note(&format!("next: planspec apply -f {path}"));
    Ok(())
}

/// A new id, unless the file has been revised since the commit already.
fn id_of_next(old: &Document, new: &Document) -> String {
    let is_next = new.identity.plan_id != old.identity.plan_id;
    match is_next {
        true => new.identity.plan_id.clone(),
        false => Uuid::new_v4().to_string(),
    }
}

fn refused(path: &str, why: Refusal) -> Failure {
    match why {
        Refusal::Nothing => Failure::not_met(format!(
            "nothing has changed in {path} since the last commit"
        ))
        .hint("change the document first, then revise it"),
        Refusal::OtherSession(sections) => Failure::not_met(format!(
            "{} changed, which is fixed within one session",
            sections.join(" and ")
        ))
        .hint(format!(
            "to begin another one: planspec revise {path} --new-session --summary …"
        )),
    }
}
