//! One file per verb: its `Args` and its `run`, which gathers, decides, writes and shows.

pub mod apply;
pub mod approve;
pub mod attest;
pub mod cancel;
mod changed;
pub mod claim;
pub mod completions;
pub mod convert;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod edit;
pub mod explain;
pub mod get;
pub mod graph;
pub mod hooks;
pub mod init;
pub mod log;
pub mod logs;
pub mod new;
pub mod next;
pub mod reconcile;
pub mod release;
pub mod report;
pub mod retry;
pub mod review;
pub mod revise;
pub mod schema;
pub mod show;
pub mod start;
pub mod validate;
pub mod verify;
pub mod wait;
pub mod watch;
pub mod work;

use std::path::{Path, PathBuf};

use crate::api::record::Recorded as RecordedAnswer;
use crate::api::{self, Answer};
use crate::clock;
use crate::core::base::escape;
use crate::core::resource::Time;
use crate::failure::{Failure, Outcome};
use crate::service::reconcile::Report;
use crate::service::record::{Recorded, Sender};
use crate::service::store::Store;
use crate::service::{Caller, Findings};
use crate::terminal::Terminal;

/// What every command is given.
pub struct Context {
    /// The folder to work in; the current one when not set.
    pub dir: Option<PathBuf>,
    /// Where to write.
    pub terminal: Terminal,
    /// When the command was started.
    pub now: Time,
}

impl Context {
    /// The same, some time later.
    ///
    /// # Errors
    /// The clock cannot be read.
    pub fn again(&self) -> Outcome<Context> {
        Ok(Context {
            dir: self.dir.clone(),
            terminal: self.terminal,
            now: clock::now().map_err(Failure::usage)?,
        })
    }

    /// The repository that the command works in.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn open(&self) -> Outcome<Store> {
        Ok(Store::open(self.dir.as_deref())?)
    }

    /// A file that the user names; `-` stays what it is.
    pub fn path(&self, named: &Path) -> PathBuf {
        if named.as_os_str() == "-" {
            return named.to_owned();
        }
        self.dir.clone().unwrap_or_default().join(named)
    }

    /// Show an answer: its text and its notes, or all of it as one JSON document.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn show<A: Answer>(
        &self,
        format: TextFormat,
        answer: &A,
        (text, notes): (&str, &[String]),
    ) -> Outcome {
        if format == TextFormat::Json {
            self.terminal
                .out(&crate::show::json(&api::document(answer)?));
            return Ok(());
        }
        self.terminal.out(text);
        self.notes(notes);
        Ok(())
    }

    /// Tell people what there is to say besides.
    pub fn notes(&self, notes: &[String]) {
        for note in notes {
            self.terminal.note(&format!("note: {}", escape::line(note)));
        }
    }

    /// Tell people what to do next; in JSON it is part of the answer.
    pub fn next(&self, format: TextFormat, commands: &[String]) {
        if format == TextFormat::Text && !commands.is_empty() {
            let commands = commands.join(", then ");
            self.terminal.note(&format!("next: {commands}"));
        }
    }

    /// Show what came of a record, and of the reconcile that followed. A reconcile that failed does
    /// not undo the record.
    ///
    /// # Errors
    /// The reconcile that was asked for failed.
    pub fn recorded<A: Clone>(
        &self,
        format: TextFormat,
        recorded: Recorded<A>,
        line: &str,
    ) -> Outcome
    where
        RecordedAnswer<A>: Answer,
    {
        let mut text = line.to_owned();
        let mut notes = recorded.notes.clone();
        if let Some(Ok(report)) = &recorded.reconciled {
            text.push_str(&crate::show::reconcile::text(
                &shown(report),
                self.terminal.width(),
            ));
            notes.extend(report.notes.iter().cloned());
        }
        self.show(format, &recorded.answer(), (&text, &notes))?;
        match recorded.reconciled {
            None if format == TextFormat::Text => {
                self.terminal.note("next: planspec reconcile");
                Ok(())
            }
            Some(Err(error)) => Err(Failure::recorded(error)),
            _ => Ok(()),
        }
    }
}

/// Show findings to people, as messages.
pub fn show_findings(terminal: Terminal, findings: &Findings) {
    let Findings { found, texts } = findings;
    if found.is_empty() {
        return;
    }
    let text_of = |file: &str| texts.get(file).cloned();
    let colors = terminal.colors_err();
    let format = crate::show::findings::Format::Text;
    let text = crate::show::findings::render(found, &text_of, format, colors);
    terminal.styled(text.trim_end());
    terminal.note(&crate::show::findings::summary(found));
}

/// A report as it is shown to people.
pub fn shown(report: &Report) -> crate::show::reconcile::Shown<'_> {
    crate::show::reconcile::Shown {
        spec_branch: &report.view.spec_branch,
        spec_commit: &report.view.spec_commit,
        revision: report.other_revision.as_deref(),
        status_branch: &report.view.config.status.branch,
        status_commit: report.commit.as_deref(),
        sequence: report.sequence,
        next_deadline: report.next_deadline,
        changed: report.changed,
        dry_run: report.dry_run,
        transitions: &report.transitions,
        waiting: &report.waiting,
    }
}

/// How an answer is shown that has one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// How to show an answer that has one text.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct OutputArg {
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: TextFormat,
}

/// Which namespace is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NamespaceArg {
    /// Namespace; not needed where a name is unambiguous
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

/// Who acts, and whether to reconcile afterwards: for every verb that writes a record.
#[derive(Debug, Clone, clap::Args)]
pub struct ActorArgs {
    /// Who acts, for example agent:claude or ana@example.com [default: the e-mail of Git's user]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR")]
    pub actor: Option<String>,
    /// Reconcile at once
    #[arg(long)]
    pub reconcile: bool,
    /// How to show what came of it.
    #[command(flatten)]
    pub output: OutputArg,
}

impl ActorArgs {
    /// Who asks, and when.
    pub fn caller(&self, context: &Context) -> Caller {
        Caller {
            actor: self.actor.clone(),
            now: context.now,
        }
    }

    /// Who asks, and whether to reconcile afterwards.
    pub fn sender(&self, context: &Context) -> Sender {
        Sender {
            caller: self.caller(context),
            reconcile: self.reconcile,
        }
    }
}
