//! Revisions of one plan in files of their own: which of them is the plan, and which are its history.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::core::base::diagnostic::{Code, Diagnostic, Label, Part, PathStep, Place};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{Key, Kind};
use crate::path;

/// Which revision of which session a document says that it is, as far as that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionOf {
    /// What all revisions share.
    pub session: String,
    /// Which of them it is.
    pub plan_id: String,
    /// The one before.
    pub parent: Option<String>,
    /// Its number.
    pub number: u64,
}

impl RevisionOf {
    /// What a document says.
    pub fn read(document: &Value) -> Option<RevisionOf> {
        let text = |field: &str| {
            document
                .get("identity")?
                .get(field)?
                .as_str()
                .map(str::to_owned)
        };
        Some(RevisionOf {
            session: text("session_id")?,
            plan_id: text("plan_id")?.to_lowercase(),
            parent: text("parent_id").map(|id| id.to_lowercase()),
            number: document.pointer("/identity/revision")?.as_u64()?,
        })
    }
}

/// Definitions of one plan that are revisions of one session, by their ids.
struct Chain<'d> {
    all: Vec<(&'d Definition, &'d RevisionOf)>,
}

impl<'d> Chain<'d> {
    fn of(definitions: &'d [Definition]) -> Option<Chain<'d>> {
        let all = definitions.iter();
        let all: Vec<_> = all
            .map_while(|one| Some((one, one.revision.as_ref()?)))
            .collect();
        let (_, first) = all.first()?;
        let is_one = all.len() == definitions.len()
            && all.len() > 1
            && all.iter().all(|(_, one)| one.session == first.session);
        is_one.then_some(Chain { all })
    }

    /// Those that no other names as its parent.
    fn heads(&self) -> Vec<&(&'d Definition, &'d RevisionOf)> {
        let parents: BTreeSet<&str> = self
            .all
            .iter()
            .filter_map(|(_, one)| {
                one.parent
                    .as_deref()
                    .filter(|parent| *parent != one.plan_id)
            })
            .collect();
        let all = self.all.iter();
        all.filter(|(_, one)| !parents.contains(one.plan_id.as_str()))
            .collect()
    }

    fn findings(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let mut known: BTreeMap<&str, &(&Definition, &RevisionOf)> = BTreeMap::new();
        for one in &self.all {
            let (definition, revision) = one;
            let at = path!["identity", "plan_id"];
            match known.get(revision.plan_id.as_str()) {
                Some((other, _)) => findings.push(
                    fault(
                        definition,
                        at.clone(),
                        "another file has the same `plan_id`",
                    )
                    .help("every revision has its own `plan_id`")
                    .related(label(other, at, "here")),
                ),
                None => {
                    known.insert(&revision.plan_id, one);
                }
            }
        }
        let oldest = self.all.iter().map(|(_, one)| one.number).min();
        for (definition, revision) in &self.all {
            let Some(parent) = &revision.parent else {
                continue;
            };
            match known.get(parent.as_str()) {
                Some((before, other)) if revision.number != other.number + 1 => findings.push(
                    fault(
                        definition,
                        path!["identity", "revision"],
                        format!(
                            "revision {} follows revision {}",
                            revision.number, other.number
                        ),
                    )
                    .help(format!("write {}", other.number + 1))
                    .related(label(
                        before,
                        path!["identity", "revision"],
                        "the one before",
                    )),
                ),
                Some(_) => {}
                // What came before the oldest may be gone.
                None if Some(revision.number) == oldest => {}
                None => findings.push(
                    fault(
                        definition,
                        path!["identity", "parent_id"],
                        format!("no file of the session is revision `{parent}`"),
                    )
                    .help("write the `plan_id` of the previous revision"),
                ),
            }
        }
        let heads = self.heads();
        if heads.len() != 1 && findings.is_empty() {
            findings.extend(self.forked(&heads));
        }
        findings
    }

    /// Several that could be the newest, or none.
    fn forked(&self, heads: &[&(&'d Definition, &'d RevisionOf)]) -> Vec<Diagnostic> {
        let message = match heads {
            [] => "the revisions of the session follow each other in a cycle".to_owned(),
            heads => {
                let names: Vec<String> = heads
                    .iter()
                    .map(|(one, revision)| format!("`{}` (revision {})", one.path, revision.number))
                    .collect();
                format!(
                    "several files are the newest revision: {}",
                    names.join(", ")
                )
            }
        };
        let which: Vec<_> = match heads {
            [] => self.all.iter().collect(),
            heads => heads.to_vec(),
        };
        which
            .into_iter()
            .map(|(definition, _)| {
                fault(definition, path!["identity", "parent_id"], message.as_str())
                    .help("make one of them follow the other with `parent_id` and `revision`")
            })
            .collect()
    }
}

/// Identities stand in no resource: their places are those of the document.
fn place(definition: &Definition, path: Vec<PathStep>) -> Place {
    Place::Entry {
        document: definition.document,
        path,
        part: Part::Value,
    }
}

fn fault(definition: &Definition, path: Vec<PathStep>, message: impl Into<String>) -> Diagnostic {
    definition.finding(Code::BROKEN_CHAIN, place(definition, path), message)
}

fn label(definition: &Definition, path: Vec<PathStep>, message: &str) -> Label {
    Label::new(&definition.path, place(definition, path), message)
}

/// The places (file and document) of revisions that are history: each plan is the newest one of its session.
pub(super) fn earlier(definitions: &Definitions) -> BTreeSet<(String, usize)> {
    let mut earlier = BTreeSet::new();
    for key in definitions.keys_of(Kind::Plan) {
        let Some(chain) = Chain::of(definitions.definitions(key)) else {
            continue;
        };
        let heads = chain.heads();
        let heads: BTreeSet<(&str, usize)> = heads
            .iter()
            .map(|(one, _)| (one.path.as_str(), one.document))
            .collect();
        if heads.is_empty() {
            continue;
        }
        let all = chain
            .all
            .iter()
            .map(|(one, _)| (one.path.as_str(), one.document));
        let others = all.filter(|place| !heads.contains(place));
        earlier.extend(others.map(|(path, document)| (path.to_owned(), document)));
    }
    earlier
}

/// What is wrong with chains, and with sessions whose files name several plans.
pub(super) fn check(definitions: &Definitions, findings: &mut Vec<Diagnostic>) {
    let mut sessions: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for key in definitions.keys_of(Kind::Plan) {
        let (now, earlier) = (definitions.definitions(key), definitions.earlier(key));
        // Nearly all plans have one definition, which is not copied.
        let all = match earlier {
            [] => Cow::Borrowed(now),
            _ => Cow::Owned([now, earlier].concat()),
        };
        if let Some(chain) = Chain::of(&all) {
            findings.extend(chain.findings());
        }
        for one in definitions.definitions(key) {
            let session = one
                .revision
                .as_ref()
                .map(|revision| revision.session.as_str());
            if let Some(session) = session {
                sessions.entry(session).or_default().push(one);
            }
        }
    }
    for (session, plans) in sessions {
        let names: BTreeSet<&Key> = plans.iter().map(|one| &one.key).collect();
        let Some(first) = plans.first().filter(|_| names.len() > 1) else {
            continue;
        };
        let series = |one: &Definition| {
            let spec = one
                .resource
                .as_ref()
                .and_then(|resource| resource.spec.plan());
            spec.and_then(|plan| plan.series.clone())
        };
        // Plans of a series are told apart on purpose.
        let is_other = |one: &&&Definition| {
            one.key != first.key && (series(one).is_none() || series(one) != series(first))
        };
        for one in plans.iter().filter(is_other) {
            let message = format!(
                "session `{session}` also belongs to plan `{}`: these are two plans, not two revisions",
                first.key.qualified()
            );
            let at = path!["identity", "session_id"];
            let finding = one.finding(Code::SESSION_TWICE, place(one, at.clone()), message);
            findings.push(
                finding
                    .help(
                        "give revisions one name, with `NAME-v2.planspec.json` or \
                         `x-planspec.name`; give another plan its own `session_id`",
                    )
                    .related(label(first, at, "the other one")),
            );
        }
    }
}
