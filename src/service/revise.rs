//! The next revision of a PlanSpec 1.2 document.

use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;

use super::document::{self, Opened, parse};
use super::store::Store;
use super::{Error, Result, suggestion};
use crate::api::document::Revised;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::{Diagnostic, Document, Trigger, answer, edit, from_value};
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Time;
use crate::core::review::compare;
use crate::core::review::revise::{self as core, Next, NotRevised};
use crate::core::text::yaml;
use crate::git::{files, read};

/// Make what was changed in a document its next revision.
#[derive(Debug, Clone)]
pub struct ReviseRequest {
    /// The document, as it was changed.
    pub file: PathBuf,
    /// What was changed, in a sentence.
    pub summary: String,
    /// Why.
    pub trigger: Option<Trigger>,
    /// Whether it begins another session, and which: a new one where no id is named.
    pub session: Option<Option<String>>,
    /// The moment of the request.
    pub now: Time,
    /// Who makes it; whoever made the one before when not set.
    pub created_by: Option<String>,
    /// The findings of reviewers that it answers, by their ids.
    pub answers: Vec<String>,
}

/// Make what was changed in a document its next revision; the document of the last commit is the one
/// before. Nothing is committed.
///
/// # Errors
/// It is broken, is not part of the repository, was never committed, or has not changed; it changes
/// what is fixed within a session.
pub fn revise(store: &Store, request: &ReviseRequest) -> Result<Revised> {
    let Opened {
        file,
        bytes,
        document: new,
    } = document::open(&request.file)?;
    let path = store
        .repo
        .path_inside(Path::new(&file))
        .ok_or_else(|| Error::not_found(format!("{file} is not in this repository")))?;
    let (committed, config) = in_head(store, &path)?;
    let old = parse(&path, &committed)?;
    let new = answered(&path, new, request)?;
    let snapshot = |bytes: &[u8]| {
        let file = SourceFile {
            path: path.clone(),
            blob: read::blob_id(bytes),
            content: Content::Bytes(bytes.into()),
        };
        Snapshot::build(&[file], &config)
    };
    let changed = written(&path, new.value());
    let review = compare(&snapshot(&committed), &snapshot(changed.as_bytes()));
    let new_session = || Uuid::new_v4().to_string();
    let session = request.session.clone();
    let next = Next {
        plan_id: id_of_next(&old, &new),
        now: request.now,
        summary: request.summary.clone(),
        trigger: request.trigger,
        session: session.map(|id| id.unwrap_or_else(new_session)),
        created_by: request.created_by.clone(),
    };
    let plan_id = next.plan_id.clone();
    let session_id = next.session.clone();
    let session_id = session_id.unwrap_or_else(|| old.identity.session_id.clone());
    let revised = core::revise(&old, &new, &review, next)
        .map_err(|why| refused((&path, &store.repo.from_here(&path)), why))?;
    let edited = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| edit(&path, text, &revised.value));
    let mut notes = Vec::new();
    if edited.is_none() {
        notes.push(REWRITTEN.to_owned());
    }
    let text = edited.unwrap_or_else(|| written(&path, &revised.value));
    files::write_user_file(Path::new(&file), text.as_bytes())?;
    Ok(Revised {
        next: vec![format!("planspec apply -f {}", store.repo.from_here(&path))],
        path,
        plan_id,
        session_id,
        revision: revised.revision,
        change_type: revised.class.to_string(),
        changes: revised.changes,
        notes,
    })
}

/// A document in the form of its file.
fn written(path: &str, value: &Value) -> String {
    if yaml::is_json(path) {
        format!("{value:#}\n")
    } else {
        yaml::write(value)
    }
}

/// The document with the findings closed that this revision answers.
fn answered(path: &str, new: Document, request: &ReviseRequest) -> Result<Document> {
    if request.answers.is_empty() {
        return Ok(new);
    }
    let value = answer(&new, &request.answers, &request.summary).map_err(|id| {
        let findings = new.review_findings();
        let open = findings.iter().filter(|one| one.finding.is_open());
        let known = open.map(|one| one.finding.id.as_str());
        let error = Error::not_found(format!("{path} has no finding `{id}`"));
        error.hint(suggestion(&id, known).unwrap_or_else(|| {
            "findings stand in `x-planspec.findings`; none is open there".to_owned()
        }))
    })?;
    from_value(path, value).map_err(|findings| {
        let first = findings.into_iter().find(Diagnostic::is_error);
        let why = first.map_or_else(String::new, |one| format!(": {}", one.message));
        Error::invalid(format!("{path} with its answers is no document{why}"))
    })
}

/// What is said where comments are lost.
const REWRITTEN: &str = "the revision could not be written into the text as it was: the file is \
                         written anew, without comments; `git diff` shows it";

/// The document as the last commit has it, and that commit's configuration.
fn in_head(store: &Store, path: &str) -> Result<(Vec<u8>, Config)> {
    let head = store.repo.head()?;
    let committed = match head.commit() {
        Some(commit) => read::file_at(&store.repo, commit, path)?.map(|bytes| (commit, bytes)),
        None => None,
    };
    match committed {
        Some((commit, bytes)) => Ok((bytes, store.config_at(commit)?)),
        None => Err(Error::not_ready(format!(
            "{path} is not committed yet: there is no revision before"
        ))
        .hint("commit it as it is: its first revision is what it says")),
    }
}

/// A new id, unless the file has been revised since the commit already.
fn id_of_next(old: &Document, new: &Document) -> String {
    let is_next = new.identity.plan_id != old.identity.plan_id;
    if is_next {
        new.identity.plan_id.clone()
    } else {
        Uuid::new_v4().to_string()
    }
}

fn refused((path, from_here): (&str, &str), why: NotRevised) -> Error {
    match why {
        NotRevised::Nothing => Error::not_ready(format!(
            "nothing has changed in {path} since the last commit"
        ))
        .hint("change the document first, then revise it"),
        NotRevised::OtherSession(sections) => Error::invalid(format!(
            "{} changed, which is fixed within one session",
            sections.join(" and ")
        ))
        .hint(format!(
            "to begin another one: `planspec revise {from_here} --new-session -m SUMMARY`"
        )),
    }
}
