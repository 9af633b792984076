//! What every verb gets, and how answers are shown.

use std::path::{Path, PathBuf};

use super::{DocumentFormat, OutputArg, TextFormat};
use crate::api::change::Committed;
use crate::api::reconcile::Reconciled;
use crate::api::{self, Answer};
use crate::clock;
use crate::core::base::escape;
use crate::core::base::secrets::masked;
use crate::core::repository::config::is_person;
use crate::core::resource::Time;
use crate::failure::{Failure, Outcome};
use crate::service::change::Changed;
use crate::service::record::Recorded;
use crate::service::since;
use crate::service::sources::Source;
use crate::service::store::Store;
use crate::service::{self, Findings};
use crate::show;
use crate::terminal::Terminal;

/// What every verb gets.
pub struct Context {
    /// The folder to work in; `None` is the current one.
    pub dir: Option<PathBuf>,
    /// Where to write.
    pub terminal: Terminal,
    /// When the command was started.
    pub now: Time,
}

impl Context {
    /// The same with the current time, for verbs that run for long.
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

    /// A path that the user gave; `-` stays as it is.
    pub fn path(&self, named: &Path) -> PathBuf {
        if named.as_os_str() == "-" {
            return named.to_owned();
        }
        self.dir.clone().unwrap_or_default().join(named)
    }

    /// Files and folders that the user gave.
    pub fn sources(&self, files: &[PathBuf], folders: &[PathBuf], recursive: bool) -> Vec<Source> {
        let files = files.iter().map(|file| Source::File(self.path(file)));
        let folders = folders.iter().map(|folder| Source::Folder {
            path: self.path(folder),
            recursive,
        });
        files.chain(folders).collect()
    }

    /// Shows an answer: its text and its notes, or all of it as one document.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn show<A: Answer>(
        &self,
        output: OutputArg,
        answer: &A,
        (text, notes): (&str, &[String]),
    ) -> Outcome {
        if output.is_text() {
            self.terminal.out(text);
            self.notes(notes);
            return Ok(());
        }
        self.terminal.out(&answer_document(output, answer)?);
        Ok(())
    }

    /// Creates a folder for output files, unless it exists.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn make_folder(&self, folder: &Path) -> Outcome {
        Ok(service::sources::make_folder(&self.path(folder))?)
    }

    /// Shows a PlanSpec 1.2 document.
    ///
    /// # Errors
    /// It cannot be read, or is not a document.
    pub fn document(&self, path: &Path, format: DocumentFormat) -> Outcome {
        let opened = service::document::open(path)?;
        let text = match format {
            DocumentFormat::Markdown => {
                show::document::markdown(&opened.document, &opened.resources()?)
            }
            DocumentFormat::Json => opened.document.to_json(),
            DocumentFormat::Yaml => opened.document.to_yaml(),
        };
        self.terminal.out(&text);
        Ok(())
    }

    /// Writes an answer to a file, replacing its content.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path, text: &str) -> Outcome {
        Ok(service::sources::write(&self.path(path), &masked(text))?)
    }

    /// The same, but atomic: a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_whole(&self, path: &Path, text: &str) -> Outcome {
        Ok(service::sources::replace(&self.path(path), &masked(text))?)
    }

    /// Prints notes for people.
    pub fn notes(&self, notes: &[String]) {
        for note in notes {
            self.terminal.note(&format!("note: {}", escape::line(note)));
        }
    }

    /// Prints the next commands for people; in JSON they are part of the answer.
    pub fn next(&self, output: OutputArg, commands: &[String]) {
        if output.is_text() && !commands.is_empty() {
            let commands = commands.join(", then ");
            self.terminal.note(&format!("next: {commands}"));
        }
    }

    /// What a reconcile did, for people; an agent is not given the commands with which people decide. Nothing is proposed that
    /// cannot be claimed.
    pub fn moved(&self, done: &Reconciled, is_person: bool) -> String {
        match Store::open(self.dir.as_deref()) {
            Ok(store) => self.moved_in(&store, done, is_person),
            Err(_) => show::reconcile::text_for(done, self.terminal.width(), is_person),
        }
    }

    /// The same with a store that is open.
    pub fn moved_in(&self, store: &Store, done: &Reconciled, is_person: bool) -> String {
        let mut done = done.clone();
        if !done.dry_run && !done.waiting.is_empty() {
            // Without it, what the status says is shown.
            if let Err(error) = since::tell(store, &mut done.waiting) {
                tracing::debug!(why = error.message, "what is held is not known");
            }
        }
        show::reconcile::text_for(&done, self.terminal.width(), is_person)
    }

    /// Shows the result of a record, and of the reconcile that followed. A failed reconcile does
    /// not undo the record.
    ///
    /// # Errors
    /// The requested reconcile failed.
    pub fn recorded<A>(&self, output: OutputArg, recorded: Recorded<A>, line: &str) -> Outcome
    where
        api::record::Recorded<A>: Answer,
    {
        let answer = &recorded.answer;
        self.terminal.stands(format!("record {}", answer.record));
        let mut text = line.to_owned();
        let mut notes = answer.notes.clone();
        if let Some(done) = answer.reconciled.as_ref().filter(|_| output.is_text()) {
            let is_person = is_person(&answer.actor);
            text.push_str(&self.moved(done, is_person));
            let is_new = |note: &&String| !answer.notes.contains(note);
            notes.extend(done.notes.iter().filter(is_new).cloned());
        }
        self.show(output, answer, (&text, &notes))?;
        match (recorded.reconcile_error, &answer.reconciled) {
            (Some(error), Some(_)) => return Err(Failure::recorded(error)),
            (Some(error), None) => return Err(Failure::waiting(error)),
            (None, _) => {}
        }
        if answer.reconciled.is_none() && recorded.is_due {
            self.next(output, &["planspec reconcile".to_owned()]);
        }
        Ok(())
    }

    /// Shows the result of a change; for people, also where the change is and which findings remain.
    /// `text` is built from the answer and the changed resources.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn changed<A: Answer>(
        &self,
        output: OutputArg,
        changed: &Changed<A>,
        (text, change): (&str, &Committed),
    ) -> Outcome {
        if let Some(commit) = &change.commit {
            self.terminal.stands(format!("commit {commit}"));
        }
        if output.is_text() {
            show_findings(self.terminal, &changed.findings);
        }
        self.show(output, &changed.answer, (text, &change.notes))?;
        if output.is_text()
            && let Some(told) = show::change::whereabouts(change)
        {
            self.terminal.note(&told);
        }
        Ok(())
    }
}

/// An answer as one document, in JSON or in YAML.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn answer_document<A: Answer>(output: OutputArg, answer: &A) -> Outcome<String> {
    let document = api::document(answer)?;
    Ok(match output.output {
        TextFormat::Yaml => show::yaml(&document),
        _ => show::json(&document),
    })
}

/// An answer as one JSON document.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn json<A: Answer>(answer: &A) -> Outcome<String> {
    answer_document(TextFormat::Json.into(), answer)
}

/// One of several documents in a row: a line of JSON, or YAML after a `---`.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn next_document<A: Answer>(format: TextFormat, answer: &A) -> serde_json::Result<String> {
    let document = api::document(answer)?;
    Ok(match format {
        TextFormat::Yaml => show::yaml_next(&document),
        _ => show::json_line(&document),
    })
}

/// Shows findings to people, as messages.
pub fn show_findings(terminal: Terminal, findings: &Findings) {
    let Findings { found, texts } = findings;
    if found.is_empty() {
        return;
    }
    let text_of = |file: &str| texts.get(file).cloned();
    let colors = terminal.colors_err();
    let format = show::findings::FindingsFormat::Text;
    let text = show::findings::render(found, &text_of, format, colors);
    terminal.styled(text.trim_end());
    terminal.note(&show::findings::summary(found));
}
