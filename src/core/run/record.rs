//! Inbox records: what workers, reviewers and operators say, as untrusted input.
//!
//! A record is a commit whose tree holds exactly one file, `record.yaml`. This module knows the
//! text of that file and the names of the refs; the Git room checks the commits.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::core::base::digest::sha256_hex;
use crate::core::base::secrets::masked;
use crate::core::repository::config::Deciding;
use crate::core::resource::{
    Artifact, CriterionResult, Duration, Key, Kind, PlanRevision, ReviewAction, SignedBy, is_zero,
};

/// The `apiVersion` of every record.
pub const RECORD_API_VERSION: &str = "records.planspec.io/v1";
/// The minor version of the format of records: what a higher one adds is not understood here, and
/// takes nothing from what is.
pub const RECORD_MINOR: u32 = 1;
/// Name of the one file in a record's tree.
pub const RECORD_FILE: &str = "record.yaml";
/// Most bytes of that file.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Most artifacts of one report.
pub const MAX_ARTIFACTS: usize = 20;
/// Longest chain of records on one ref.
pub const MAX_CHAIN: usize = 1000;
/// How long a chain gets before a renewal stands in the place of those before it.
pub const RENEWALS: usize = 100;
/// Where a renewal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalPlace {
    /// Whether it stands right behind the claim, in the place of what stood there.
    pub replaces: bool,
    /// How many records the chain has then.
    pub length: usize,
}

/// Where the next renewal stands in a chain of so many records: it never fills the chain, so that there is room for the report
/// however often somebody renews.
pub fn place_of_renewal(length: usize) -> RenewalPlace {
    if length < RENEWALS {
        RenewalPlace {
            replaces: false,
            length: length + 1,
        }
    } else {
        RenewalPlace {
            replaces: true,
            length: 2,
        }
    }
}

/// Where inbox refs live.
pub const INBOX: &str = "refs/planspec/";

/// What a record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// `records.planspec.io/v1`
    pub api_version: String,
    /// Minor version of the format, see [`RECORD_MINOR`]; 0 in records that name none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minor: u32,
    /// What is said.
    #[serde(flatten)]
    pub action: Action,
    /// Id of the repository's status branch, so that a record is worth nothing elsewhere.
    pub repository: String,
    /// The run that is meant.
    pub execution: RunRef,
    /// Who says it. A claim, not an identity.
    pub actor: String,
    /// When, by the actor's clock; for display only.
    pub time: String,
    /// Makes two equal records two commits.
    pub nonce: String,
    /// The status commit that it was written against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Digest of the session of the actor's that wrote it: two workers of one name have two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Record {
    /// Read the content of a `record.yaml`.
    ///
    /// # Errors
    /// A sentence: a field is missing, of the wrong type, or unknown though the format is no newer than
    /// this program's.
    pub fn from_value(mut value: Value) -> Result<Record, String> {
        mask_credentials(&mut value);
        let given: Vec<String> = match &value {
            Value::Object(map) => map
                .iter()
                .filter(|(_, value)| !is_empty(value))
                .map(|(key, _)| key.clone())
                .collect(),
            _ => return Err("a record is a mapping".to_owned()),
        };
        let record: Record = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if record.api_version != RECORD_API_VERSION {
            return Err(format!(
                "apiVersion `{}` is not {RECORD_API_VERSION}",
                record.api_version
            ));
        }
        if record.minor > RECORD_MINOR {
            return Ok(record);
        }
        // serde cannot refuse unknown fields beside a flattened enum: what does not come back is unknown.
        let known = serde_json::to_value(&record).map_err(|error| error.to_string())?;
        match given.iter().find(|key| known.get(key.as_str()).is_none()) {
            Some(key) => Err(format!("unknown field `{key}`")),
            None => Ok(record),
        }
    }
}

/// Take the credentials out of what people read of a record: it ends up in the status. Outputs are left as they are,
/// for whoever goes on with them.
pub fn mask_credentials(record: &mut Value) {
    for field in ["message", "comment", "evidence", "question", "answer"] {
        if let Some(Value::String(text)) = record.get_mut(field) {
            *text = masked(text).into_owned();
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        Value::Bool(set) => !set,
    }
}

/// One run of one Execution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunRef {
    /// Namespace of the Execution.
    pub namespace: String,
    /// Name of the Execution.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What is said.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Action {
    /// I do this.
    Claim {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// How long I may be silent; capped by the configuration.
        lease: Option<Duration>,
        /// The attempt in which I have done the work: its lease ended, and the report follows at once.
        adopts: Option<u32>,
        /// It was done before the run, and the report follows at once.
        #[serde(default, skip_serializing_if = "is_zero")]
        done_before: bool,
    },
    /// I am still at it.
    Renewal {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// How long I may be silent; capped by the configuration.
        lease: Option<Duration>,
        /// The claim that I speak for, from whichever session.
        claim: Option<String>,
    },
    /// I give it back.
    Release {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// The claim that I speak for, from whichever session.
        claim: Option<String>,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
    /// It is done, or it failed.
    Report {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// How it went.
        result: ReportResult,
        /// What it brought.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        outputs: Map<String, Value>,
        /// A sentence for people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
        /// The commit that holds the work.
        commit: Option<String>,
        /// The claim that I speak for, from whichever session.
        claim: Option<String>,
        /// What it left that is no output: logs, files, what is behind a URL.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<Artifact>,
    },
    /// I need to know something before I go on.
    Question {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// What is asked.
        question: String,
        /// The claim that I speak for, from whichever session.
        claim: Option<String>,
    },
    /// What a person says to a question.
    Answer {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// The record of the question.
        question: String,
        /// What is answered.
        answer: String,
    },
    /// What the acceptance criteria of a reported node say.
    Verification {
        /// Which node.
        node: String,
        /// Which attempt.
        attempt: u32,
        /// The record of the report that was checked.
        report: String,
        /// The commit on whose tree it was checked.
        commit: String,
        /// Whether it is another one than the report names, on purpose: what it was merged as.
        #[serde(default, skip_serializing_if = "is_zero")]
        instead: bool,
        /// One result for each criterion of the node, in its order.
        results: Vec<CriterionResult>,
    },
    /// Yes, no, or a remark.
    Review {
        /// Which gate node of the run.
        node: String,
        /// `namespace/name` of the Gate.
        gate: String,
        /// What was looked at: over the pinned plan, the gate and the resolved targets.
        digest: String,
        /// Approve, reject or comment.
        decision: ReviewAction,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
        /// Generation of the Gate that was looked at.
        #[serde(default, skip_serializing_if = "is_zero")]
        target_generation: u64,
    },
    /// Whether a criterion of the goal, or of the document, is met.
    Attestation {
        /// Id of the criterion.
        criterion: String,
        /// Whether it is met.
        met: bool,
        /// What shows that.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        evidence: String,
        /// The commit on whose tree it was checked, where checks decide.
        commit: Option<String>,
        /// One result for each check of the criterion, in their order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        results: Vec<CriterionResult>,
    },
    /// An operator's wish.
    Request {
        /// What is wished.
        request: RequestKind,
        /// Retry: only this node, and what it skipped.
        node: Option<String>,
        /// Retry: resolve the targets of unfinished nodes again.
        #[serde(default, skip_serializing_if = "is_zero")]
        rebind: bool,
        /// Retry: the node has succeeded, and is to be done once more.
        #[serde(default, skip_serializing_if = "is_zero")]
        again: bool,
        /// Retry: go on with this revision of the plan, which the spec branch holds now.
        plan: Option<PlanRevision>,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
}

/// How a task went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportResult {
    /// Done.
    Succeeded,
    /// Not done.
    Failed,
}

impl ReportResult {
    /// `succeeded` or `failed`.
    pub fn word(self) -> &'static str {
        match self {
            ReportResult::Succeeded => "succeeded",
            ReportResult::Failed => "failed",
        }
    }
}

/// What an operator wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Stop the run.
    Cancel,
    /// Open again what failed and what was skipped for it.
    Retry,
}

impl Action {
    /// The node that it is about, when it is about one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Action::Claim { node, .. }
            | Action::Renewal { node, .. }
            | Action::Release { node, .. }
            | Action::Report { node, .. }
            | Action::Question { node, .. }
            | Action::Answer { node, .. }
            | Action::Verification { node, .. }
            | Action::Review { node, .. } => Some(node),
            Action::Request { node, .. } => node.as_deref(),
            Action::Attestation { .. } => None,
        }
    }

    /// Node and attempt of what a worker says: a claim, a renewal, a question, a release or a report.
    pub fn work(&self) -> Option<(&str, u32)> {
        match self {
            Action::Claim { node, attempt, .. }
            | Action::Renewal { node, attempt, .. }
            | Action::Release { node, attempt, .. }
            | Action::Question { node, attempt, .. }
            | Action::Report { node, attempt, .. } => Some((node, *attempt)),
            Action::Answer { .. }
            | Action::Verification { .. }
            | Action::Review { .. }
            | Action::Attestation { .. }
            | Action::Request { .. } => None,
        }
    }

    /// The claim that a worker speaks for, where it is named.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Action::Renewal { claim, .. }
            | Action::Release { claim, .. }
            | Action::Question { claim, .. }
            | Action::Report { claim, .. } => claim.as_deref(),
            _ => None,
        }
    }

    /// What it decides when it is said, if it does: that can be required to be signed.
    pub fn decides(&self) -> Option<Deciding> {
        match self {
            Action::Claim { .. } | Action::Renewal { .. } | Action::Question { .. } => None,
            Action::Answer { .. } => Some(Deciding::Answers),
            Action::Release { .. } | Action::Report { .. } => Some(Deciding::Reports),
            Action::Verification { .. } => Some(Deciding::Verifications),
            Action::Review { .. } => Some(Deciding::Reviews),
            Action::Attestation { .. } => Some(Deciding::Attestations),
            Action::Request { .. } => Some(Deciding::Requests),
        }
    }

    /// Whether it is no more than a remark.
    pub fn is_comment(&self) -> bool {
        matches!(self, Action::Review { decision, .. } if *decision == ReviewAction::Comment)
    }

    /// Node and attempt of a verification.
    pub fn verified(&self) -> Option<(&str, u32)> {
        match self {
            Action::Verification { node, attempt, .. } => Some((node, *attempt)),
            _ => None,
        }
    }

    /// One word for lists.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Claim { .. } => "claim",
            Action::Renewal { .. } => "renewal",
            Action::Release { .. } => "release",
            Action::Report { .. } => "report",
            Action::Question { .. } => "question",
            Action::Answer { .. } => "answer",
            Action::Verification { .. } => "verification",
            Action::Review { decision, .. } => decision.word(),
            Action::Attestation { .. } => "attestation",
            Action::Request { request, .. } => match request {
                RequestKind::Cancel => "cancel",
                RequestKind::Retry => "retry",
            },
        }
    }
}

/// The name of an inbox ref, read. Ordered as `reconcile` folds records in: work, verifications,
/// reviews, attestations, answers, requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// `work/<namespace>/<execution>/<uid>/<node>/<attempt>`
    Work {
        /// The run.
        run: RunRef,
        /// The node.
        node: String,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// `verifications/<namespace>/<execution>/<uid>/<node>/<attempt>/<actor>`
    Verification {
        /// The run.
        run: RunRef,
        /// The node, cut where names are long.
        node: String,
        /// The attempt, from 1.
        attempt: u32,
        /// Who checked, in its ref-safe form.
        actor: String,
    },
    /// `reviews/<namespace>/<gate>/<execution uid>/<reviewer>`
    Review {
        /// Namespace of the Gate.
        namespace: String,
        /// Name of the Gate.
        gate: String,
        /// Uid of the Execution.
        uid: String,
        /// The reviewer in its ref-safe form.
        reviewer: String,
    },
    /// `attestations/<namespace>/<execution>/<uid>/<criterion>/<actor>`
    Attestation {
        /// The run.
        run: RunRef,
        /// Id of the criterion, in its ref-safe form.
        criterion: String,
        /// Who confirms, in its ref-safe form.
        actor: String,
    },
    /// `answers/<namespace>/<execution>/<uid>/<node>/<attempt>/<question>/<actor>`
    Answer {
        /// The run.
        run: RunRef,
        /// The node, cut where names are long.
        node: String,
        /// The attempt, from 1.
        attempt: u32,
        /// The first digits of the record of the question.
        question: String,
        /// Who answers, in its ref-safe form.
        actor: String,
    },
    /// `requests/<namespace>/<execution>/<uid>/<id>`
    Request {
        /// The run.
        run: RunRef,
        /// Any id.
        id: String,
    },
}

/// So many digits of the record of a question stand for it in the name of a ref.
const QUESTION_DIGITS: usize = 12;
/// Bytes of a whole ref name that forges take, without the number of a place beside it.
const MAX_REF_BYTES: usize = 255 - 3;
/// So many places there are for what one actor says, if what stands on the first ones is no record.
pub const PLACES: u32 = 99;

impl Address {
    /// Where an actor says what came of a node's criteria.
    pub fn verification(run: RunRef, node: &str, attempt: u32, actor: &str) -> Address {
        let at = |node: String, actor: String| Address::Verification {
            run: run.clone(),
            node,
            attempt,
            actor,
        };
        let room = at(String::new(), String::new()).room() / 2;
        at(fitting(node, node, room), ref_safe(actor, room))
    }

    /// Whether it is where anybody says what came of this attempt.
    pub fn is_verification_of(&self, run: RunRef, node: &str, attempt: u32) -> bool {
        let mut mine = self.clone();
        if let Address::Verification { actor, .. } = &mut mine {
            actor.clear();
        }
        mine == Address::verification(run, node, attempt, "")
    }

    /// Where a reviewer decides on a gate, in the run with this uid.
    pub fn review(namespace: &str, gate: &str, uid: &str, reviewer: &str) -> Address {
        let at = |reviewer: String| Address::Review {
            namespace: namespace.to_owned(),
            gate: gate.to_owned(),
            uid: uid.to_owned(),
            reviewer,
        };
        let room = at(String::new()).room();
        at(ref_safe(reviewer, room))
    }

    /// Where an actor says of a goal's criterion whether it is met.
    pub fn attestation(run: RunRef, criterion: &str, actor: &str) -> Address {
        let at = |criterion: String, actor: String| Address::Attestation {
            run: run.clone(),
            criterion,
            actor,
        };
        let room = at(String::new(), String::new()).room() / 2;
        at(ref_safe(criterion, room), ref_safe(actor, room))
    }

    /// Where an actor answers a question, which its record names.
    pub fn answer(
        run: RunRef,
        (node, attempt): (&str, u32),
        question: &str,
        actor: &str,
    ) -> Address {
        let question: String = question.chars().take(QUESTION_DIGITS).collect();
        let at = |node: String, actor: String| Address::Answer {
            run: run.clone(),
            node,
            attempt,
            question: ref_safe(&question, QUESTION_DIGITS),
            actor,
        };
        let room = at(String::new(), String::new()).room() / 2;
        at(fitting(node, node, room), ref_safe(actor, room))
    }

    /// Bytes that the name may still grow by.
    fn room(&self) -> usize {
        MAX_REF_BYTES.saturating_sub(self.ref_name().len())
    }

    /// The place of this number, from 1, for the same: `ana`, `ana.2`, …. What an actor says has further ones, since on a ref
    /// that holds something else than records nobody is heard; an attempt has the next attempt.
    pub fn beside(&self, number: u32) -> Address {
        let mut address = self.clone();
        if let (Some(actor), 2..) = (address.actor_mut(), number) {
            actor.push_str(&format!(".{number}"));
        }
        address
    }

    /// The first of the places for the same.
    pub fn first_place(&self) -> Address {
        let mut address = self.clone();
        if let Some(actor) = address.actor_mut()
            && let Some((own, number)) = actor.rsplit_once('.')
            && number
                .parse()
                .is_ok_and(|n: u32| n > 1 && n.to_string() == number)
        {
            *actor = own.to_owned();
        }
        address
    }

    fn actor_mut(&mut self) -> Option<&mut String> {
        match self {
            Address::Verification { actor, .. }
            | Address::Attestation { actor, .. }
            | Address::Answer { actor, .. } => Some(actor),
            Address::Review { reviewer, .. } => Some(reviewer),
            Address::Work { .. } | Address::Request { .. } => None,
        }
    }

    /// Read the part of a ref name behind `refs/planspec/`. Nothing when it is no inbox ref that
    /// this version knows.
    pub fn parse(name: &str) -> Option<Address> {
        let run = |namespace: &str, name: &str, uid: &str| RunRef {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let attempt = |text: &str| {
            text.parse()
                .ok()
                .filter(|n: &u32| *n > 0 && n.to_string() == text)
        };
        let parts: Vec<&str> = name.split('/').collect();
        Some(match parts[..] {
            ["work", ns, exec, uid, node, number] => Address::Work {
                run: run(ns, exec, uid),
                node: node.to_owned(),
                attempt: attempt(number)?,
            },
            ["verifications", ns, exec, uid, node, number, actor] => Address::Verification {
                run: run(ns, exec, uid),
                node: node.to_owned(),
                attempt: attempt(number)?,
                actor: actor.to_owned(),
            },
            ["reviews", ns, gate, uid, reviewer] => Address::Review {
                namespace: ns.to_owned(),
                gate: gate.to_owned(),
                uid: uid.to_owned(),
                reviewer: reviewer.to_owned(),
            },
            ["attestations", ns, exec, uid, criterion, actor] => Address::Attestation {
                run: run(ns, exec, uid),
                criterion: criterion.to_owned(),
                actor: actor.to_owned(),
            },
            ["answers", ns, exec, uid, node, number, question, actor] => Address::Answer {
                run: run(ns, exec, uid),
                node: node.to_owned(),
                attempt: attempt(number)?,
                question: question.to_owned(),
                actor: actor.to_owned(),
            },
            ["requests", ns, exec, uid, id] => Address::Request {
                run: run(ns, exec, uid),
                id: id.to_owned(),
            },
            _ => return None,
        })
    }

    /// The execution that it is about, where it is named: a review names it by its uid alone.
    pub fn execution(&self) -> Option<Key> {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => {
                Some(Key::new(Kind::Execution, &run.namespace, &run.name))
            }
            Address::Review { .. } => None,
        }
    }

    /// The namespace of the run, or of the gate.
    pub fn namespace(&self) -> &str {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => &run.namespace,
            Address::Review { namespace, .. } => namespace,
        }
    }

    /// Uid of the execution that it is about.
    pub fn uid(&self) -> &str {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => &run.uid,
            Address::Review { uid, .. } => uid,
        }
    }

    /// The whole ref name.
    pub fn ref_name(&self) -> String {
        format!("{INBOX}{self}")
    }
}

impl fmt::Display for Address {
    /// Without `refs/planspec/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Work { run, node, attempt } => write!(
                f,
                "work/{}/{}/{}/{node}/{attempt}",
                run.namespace, run.name, run.uid
            ),
            Address::Verification {
                run,
                node,
                attempt,
                actor,
            } => write!(
                f,
                "verifications/{}/{}/{}/{node}/{attempt}/{actor}",
                run.namespace, run.name, run.uid
            ),
            Address::Review {
                namespace,
                gate,
                uid,
                reviewer,
            } => write!(f, "reviews/{namespace}/{gate}/{uid}/{reviewer}"),
            Address::Attestation {
                run,
                criterion,
                actor,
            } => write!(
                f,
                "attestations/{}/{}/{}/{criterion}/{actor}",
                run.namespace, run.name, run.uid
            ),
            Address::Answer {
                run,
                node,
                attempt,
                question,
                actor,
            } => write!(
                f,
                "answers/{}/{}/{}/{node}/{attempt}/{question}/{actor}",
                run.namespace, run.name, run.uid
            ),
            Address::Request { run, id } => {
                write!(
                    f,
                    "requests/{}/{}/{}/{id}",
                    run.namespace, run.name, run.uid
                )
            }
        }
    }
}

/// Free text as one part of a ref name: lower-case letters, digits, `-` and `_` stay, every other
/// byte becomes `%XX` (upper case too, since some file systems fold it). At most a hundred bytes.
fn ref_safe(text: &str, room: usize) -> String {
    let mut safe = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    fitting(&safe, text, room.min(100))
}

/// Where an actor says of a criterion of a document whether it holds for a commit: the whole name of the ref.
pub fn verdict_ref(plan_id: &str, commit: &str, criterion: &str, actor: &str) -> String {
    let above = verdicts_on(plan_id, commit);
    let room = MAX_REF_BYTES.saturating_sub(above.len() + 1) / 2;
    format!(
        "{above}{}/{}",
        ref_safe(criterion, room),
        ref_safe(actor, room)
    )
}

/// Where all that stands which is said of a document and a commit.
pub fn verdicts_on(plan_id: &str, commit: &str) -> String {
    format!(
        "{INBOX}verdicts/{}/{}/",
        ref_safe(&plan_id.to_lowercase(), 64),
        ref_safe(commit, 64)
    )
}

/// One part of a ref name, which is ASCII. What is longer than the room that there is, is cut and
/// ends in a digest of the whole.
fn fitting(part: &str, whole: &str, room: usize) -> String {
    if part.len() <= room {
        return part.to_owned();
    }
    let kept: String = part.chars().take(room.saturating_sub(20)).collect();
    format!("{kept}-{}", &sha256_hex(whole.as_bytes())[..16])
}

/// A record as the Git room hands it over: checked for shape, not for truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Commit id of the record.
    pub id: String,
    /// What it says.
    pub record: Record,
    /// Whether its commit is signed by whom it names.
    pub signature: Signature,
    /// Whether the status commit that it names is not one of this status: it was written in a fork, or against something that
    /// stood in the place of this status for a while.
    pub is_foreign: bool,
}

impl Received {
    /// Whose key signed it, where that is known.
    pub fn signed(&self) -> Option<&SignedBy> {
        match &self.signature {
            Signature::Good(by) => Some(by),
            Signature::Unchecked | Signature::Bad(..) => None,
        }
    }
}

/// What the Git room found when it checked the signature of a record's commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Nobody asked: the configuration wants no signature of such a record.
    Unchecked,
    /// Valid when it arrived, by a key that the spec branch lists for the record's actor.
    Good(SignedBy),
    /// It does not count: why in one CamelCase word, and why in a sentence with the way out.
    Bad(&'static str, String),
}

/// What is new on one inbox ref.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The ref.
    pub address: Address,
    /// Where it points now.
    pub tip: String,
    /// The records behind the last one folded in, oldest first.
    pub records: Vec<Received>,
    /// Whether the ref no longer contains the record that was folded in last: it was rewritten, or
    /// begun anew, and these are all records on it.
    pub rewritten: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::digest::shard;
    use crate::core::resource::{API_VERSION, Kind, Status};
    use crate::core::run::status::ControllerState;

    /// Every half minute for 30 days. How many replaced records are read at once is pinned in `git/inbox.rs`.
    #[test]
    fn renewals_never_fill_a_chain() {
        let (mut length, mut longest) = (1, 1);
        for _ in 0..30 * 24 * 60 * 2 {
            length = place_of_renewal(length).length;
            longest = longest.max(length);
        }
        assert_eq!(longest, RENEWALS);
        assert!(longest + 1 < MAX_CHAIN, "no room for the report");
    }

    #[test]
    fn addresses_read_back() {
        for name in [
            "work/team/exec/0b6f/research/2",
            "verifications/team/exec/0b6f/research/2/agent%3A%2F%2Fx",
            "reviews/team/security/0b6f/ana%40example%2Ecom",
            "attestations/team/exec/0b6f/faster/ana%40example%2Ecom",
            "answers/team/exec/0b6f/research/2/0123456789ab/ana%40example%2Ecom",
            "requests/team/exec/0b6f/c1",
        ] {
            assert_eq!(
                Address::parse(name).map(|a| a.to_string()).as_deref(),
                Some(name)
            );
        }
        for name in [
            "work/team/exec/0b6f/research/0",
            "work/team/exec/0b6f/research/01",
            "verifications/team/exec/0b6f/research/0/x",
            "results/team/exec/0b6f/research/1",
            "work/team/exec/0b6f/research",
            "x",
            "",
        ] {
            assert_eq!(Address::parse(name), None, "{name}");
        }
    }

    fn run(namespace: &str, name: &str) -> RunRef {
        RunRef {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: "0b6f5a1e-0000-4000-8000-000000000000".to_owned(),
        }
    }

    #[test]
    fn free_text_in_refs() {
        let reviewer = |text: &str| match Address::review("team", "g", "0b6f", text) {
            Address::Review { reviewer, .. } => reviewer,
            _ => String::new(),
        };
        assert_eq!(reviewer("ana@example.com"), "ana%40example%2Ecom");
        assert_eq!(reviewer("Ana"), "%41na");
        let long = "x".repeat(500);
        assert!(reviewer(&long).len() <= 100);
        assert_ne!(reviewer(&long), reviewer(&"x".repeat(501)));
    }

    #[test]
    fn what_an_actor_says_has_further_places_and_what_is_a_lock_has_none() {
        let one = Address::review("team", "g", "0b6f", "ana@example.com");
        assert_eq!(one.beside(1), one);
        let second = one.beside(2);
        assert_eq!(
            second.to_string(),
            "reviews/team/g/0b6f/ana%40example%2Ecom.2"
        );
        assert_eq!(Address::parse(&second.to_string()), Some(second.clone()));
        assert_eq!(
            (second.first_place(), one.first_place()),
            (one.clone(), one)
        );
        for name in ["x.1", "x.02", "x.y", "x."] {
            let other = Address::parse(&format!("reviews/team/g/0b6f/{name}"));
            let other = other.unwrap();
            assert_eq!(other.first_place(), other, "{name}");
        }
        let work = Address::parse("work/team/exec/0b6f/research/1").unwrap();
        assert_eq!(work.beside(2), work);
    }

    #[test]
    fn no_ref_is_longer_than_forges_take() {
        for length in [1, 20, 40, 63] {
            let name = "n".repeat(length);
            for free in [1, 30, 63, 64, 100, 500].map(|length| "Ä".repeat(length)) {
                for address in [
                    Address::Work {
                        run: run(&name, &name),
                        node: name.clone(),
                        attempt: 9_999,
                    },
                    Address::verification(run(&name, &name), &name, u32::MAX, &free),
                    Address::review(&name, &name, &run("", "").uid, &free),
                    Address::attestation(run(&name, &name), &free, &free),
                    Address::answer(
                        run(&name, &name),
                        (&name, u32::MAX),
                        &"a1b2c3d4".repeat(5),
                        &free,
                    ),
                ] {
                    let written = address.beside(PLACES).ref_name();
                    assert!(written.len() <= 255, "{written}");
                    assert_eq!(Address::parse(&address.to_string()), Some(address));
                }
            }
        }
        // What fits is written out.
        let address = Address::verification(run("web", "checkout"), "deploy-to-staging", 1, "ana");
        assert!(address.to_string().ends_with("/deploy-to-staging/1/ana"));
        let nodes = ["a", "b"].map(|end| "n".repeat(62) + end);
        let of = |node: &String| Address::verification(run(&nodes[0], &nodes[0]), node, 1, "ana");
        assert_ne!(of(&nodes[0]), of(&nodes[1]), "two nodes on one ref");
    }

    #[test]
    fn unknown_fields_are_refused() {
        let mut value = serde_json::json!({
            "apiVersion": RECORD_API_VERSION, "kind": "Claim", "node": "a", "attempt": 1,
            "repository": "r", "execution": {"namespace": "n", "name": "e", "uid": "u"},
            "actor": "agent:x", "time": "2026-01-01T00:00:00Z", "nonce": "1",
        });
        let record = Record::from_value(value.clone());
        assert_eq!(record.map(|r| r.action.word()), Ok("claim"));
        value["surprise"] = serde_json::json!(1);
        value["minor"] = serde_json::json!(RECORD_MINOR);
        assert_eq!(
            Record::from_value(value.clone()),
            Err("unknown field `surprise`".to_owned())
        );
        // What a newer program adds takes nothing from what is understood.
        value["minor"] = serde_json::json!(RECORD_MINOR + 1);
        let record = Record::from_value(value);
        assert_eq!(record.map(|r| r.action.word()), Ok("claim"));
    }

    #[test]
    fn the_examples_of_the_documentation_are_read() {
        let mut words = Vec::new();
        let page = include_str!("../../../docs/status-branch.md");
        for block in page.split("```yaml\n").skip(1) {
            let text = block.split("```").next().unwrap_or_default();
            let mut value: Value = serde_yaml::from_str(text).expect("YAML");
            if value["apiVersion"] == RECORD_API_VERSION {
                let record = Record::from_value(value).expect(text);
                words.push(record.action.word());
            } else if value["apiVersion"] == API_VERSION {
                let kind = value["kind"].as_str().and_then(Kind::parse).expect(text);
                let name = value["metadata"]["name"].as_str().expect(text);
                let path = format!("/{}/{}/{name}.yaml", kind.plural(), shard(name));
                assert!(page.contains(&path), "{path}");
                Status::from_value(kind, value["status"].take()).expect(text);
                words.push("status");
            } else {
                serde_json::from_value::<ControllerState>(value).expect(text);
                words.push("controller");
            }
        }
        let expected = [
            "controller",
            "status",
            "claim",
            "report",
            "question",
            "answer",
            "verification",
            "approve",
            "attestation",
            "cancel",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn folding_order() {
        let work = Address::parse("work/z/z/z/z/9");
        let verification = Address::parse("verifications/b/b/b/b/1/b");
        let review = Address::parse("reviews/a/a/a/a");
        let attestation = Address::parse("attestations/a/a/a/a/a");
        let answer = Address::parse("answers/a/a/a/a/1/a/a");
        let request = Address::parse("requests/a/a/a/a");
        assert!(work < verification && verification < review && review < attestation);
        assert!(attestation < answer && answer < request);
    }
}
