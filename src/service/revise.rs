//! Makes the next revision of a PlanSpec 1.2 document.

use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;

use super::document::{self, Opened, parse};
use super::store::Store;
use super::{Error, Result, suggestion};
use crate::api::document::Revised;
use crate::core::base::fix::{Change, Fix};
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::{Document, Trigger, answer, edit, from_value};
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Time;
use crate::core::review::compare;
use crate::core::review::revise::{self as core, Next, NotRevised, PREVIOUS_SESSION};
use crate::core::text::edit::{edited, fixes};
use crate::core::text::yaml;
use crate::git::{files, read};
use crate::path;

/// A request to make the changes in a document its next revision.
#[derive(Debug, Clone)]
pub struct ReviseRequest {
    /// The changed document.
    pub file: PathBuf,
    /// A summary of the changes, as a sentence.
    pub summary: String,
    /// The reason.
    pub trigger: Option<Trigger>,
    /// Whether to begin a new session, and its id; `Some(None)` makes a new id.
    pub session: Option<Option<String>>,
    /// The current time.
    pub now: Time,
    /// The author; `None` is the author of the previous revision.
    pub created_by: Option<String>,
    /// The findings of reviewers that it answers, by id.
    pub answers: Vec<String>,
}

/// Makes the changes in a document its next revision; the last commit has the previous
/// one. Commits nothing.
///
/// # Errors
/// It is invalid, is not part of the repository, was never committed, or has not changed; it changes
/// something that is fixed within a session.
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
    let answers = answers(&path, &new, request)?;
    let new = changed(&path, new, &answers)?;
    let snapshot = |bytes: &[u8]| {
        let file = SourceFile {
            path: path.clone(),
            blob: read::blob_id(bytes),
            content: Content::Bytes(bytes.into()),
        };
        Snapshot::build(&[file], &config)
    };
    let now = written(&path, new.value());
    let review = compare(&snapshot(&committed), &snapshot(now.as_bytes()));
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
    let link = link(new.value(), &revised.value);
    let changes: Vec<Change> = answers.into_iter().chain(link).collect();
    let text = std::str::from_utf8(&bytes).ok();
    let text = text.and_then(|text| changed_text(&path, text, &changes));
    let in_place = text.and_then(|text| edit(&path, &text, &revised.value));
    let mut notes = Vec::new();
    if in_place.is_none() {
        notes.push(REWRITTEN.to_owned());
    }
    let text = in_place.unwrap_or_else(|| written(&path, &revised.value));
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

/// A document in the format of its file.
fn written(path: &str, value: &Value) -> String {
    if yaml::is_json(path) {
        format!("{value:#}\n")
    } else {
        yaml::write(value)
    }
}

/// The changes that close the findings which this revision answers.
fn answers(path: &str, new: &Document, request: &ReviseRequest) -> Result<Vec<Change>> {
    answer(new, &request.answers, &request.summary).map_err(|id| {
        let findings = new.review_findings();
        let open = findings.iter().filter(|one| one.finding.is_open());
        let known = open.map(|one| one.finding.id.as_str());
        let error = Error::not_found(format!("{path} has no finding `{id}`"));
        error.hint(suggestion(&id, known).unwrap_or_else(|| {
            "findings are in `x-planspec.findings`; none is open there".to_owned()
        }))
    })
}

/// The document with some changes.
fn changed(path: &str, document: Document, changes: &[Change]) -> Result<Document> {
    if changes.is_empty() {
        return Ok(document);
    }
    let mut value = document.into_value();
    let done = changes.iter().map(|change| change.apply(&mut value));
    let is_done = done.collect::<Option<Vec<()>>>().is_some();
    let read = is_done.then(|| from_value(path, value).ok()).flatten();
    read.ok_or_else(|| {
        let error = Error::invalid(format!("the findings of {path} cannot be closed"));
        error.hint("write `disposition: resolved` there")
    })
}

/// A text with some changes, otherwise unchanged; `None` if that is not possible.
fn changed_text(path: &str, text: &str, changes: &[Change]) -> Option<String> {
    let mut text = text.to_owned();
    for change in changes {
        let fix = Fix::certain(change.clone());
        let edits = fixes(path, &text, &[(0, &fix)]).pop().flatten()?;
        text = edited(&text, &edits);
    }
    Some(text)
}

/// The link to the previous session, for the first revision of another.
fn link(before: &Value, after: &Value) -> Option<Change> {
    let with = after.get(PREVIOUS_SESSION)?.clone();
    let path = path![PREVIOUS_SESSION];
    match before.get(PREVIOUS_SESSION) {
        Some(known) if *known == with => None,
        Some(_) => Some(Change::Replace {
            path,
            with: with.into(),
        }),
        None => Some(Change::Add {
            path,
            with: with.into(),
        }),
    }
}

/// The note if comments are lost.
const REWRITTEN: &str = "the revision could not be inserted into the text: the whole file was \
                         rewritten, without comments; `git diff` shows it";

/// The document in the last commit, and the configuration of that commit.
fn in_head(store: &Store, path: &str) -> Result<(Vec<u8>, Config)> {
    let head = store.repo.head()?;
    let committed = match head.commit() {
        Some(commit) => read::file_at(&store.repo, commit, path)?.map(|bytes| (commit, bytes)),
        None => None,
    };
    match committed {
        Some((commit, bytes)) => Ok((bytes, store.config_at(commit)?)),
        None => Err(Error::not_ready(format!(
            "{path} is not committed yet, so there is no previous revision"
        ))
        .hint("commit it as it is; that is its first revision")),
    }
}

/// A new id, unless the file was already revised since the commit.
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
            "{} changed, but must stay the same within one session",
            sections.join(" and ")
        ))
        .hint(format!(
            "to start another session, run `planspec revise {from_here} --new-session -m SUMMARY`"
        )),
    }
}
