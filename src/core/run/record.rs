//! Inbox records of workers, reviewers and operators, as untrusted input.
//!
//! A record is a commit whose tree contains exactly one file, `record.yaml`. This module handles the
//! text of that file and the names of the refs; `git` checks the commits.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::core::base::digest::sha256_hex;
use crate::core::base::secrets::masked;
use crate::core::repository::config::Deciding;
use crate::core::resource::{
    Artifact, CriterionResult, Duration, Key, Kind, PlanRevision, ReviewAction, SignedBy, Time,
    is_zero,
};

/// The `apiVersion` of every record.
pub const RECORD_API_VERSION: &str = "records.planspec.io/v1";
/// The minor version of the format of records: additions of a higher version are ignored here, and
/// do not invalidate the rest.
pub const RECORD_MINOR: u32 = 1;
/// Name of the only file in a record's tree.
pub const RECORD_FILE: &str = "record.yaml";
/// Maximum size of that file, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Maximum number of artifacts of one report.
pub const MAX_ARTIFACTS: usize = 20;
/// Maximum length of a chain of records on one ref.
pub const MAX_CHAIN: usize = 1000;
/// From this length on, a renewal replaces earlier ones.
pub const RENEWALS: usize = 100;
/// The place of a renewal in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalPlace {
    /// Whether it directly follows the claim, replacing the records after it.
    pub replaces: bool,
    /// The resulting length of the chain.
    pub length: usize,
}

/// The place of the next renewal in a chain of this length: renewals never fill the chain, so that there is always room
/// for the report.
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

/// The prefix of notes about records that could not be applied.
pub const NOT_APPLIED: &str = "not applied: ";
/// The prefix of inbox refs.
pub const INBOX: &str = "refs/planspec/";

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// `records.planspec.io/v1`
    pub api_version: String,
    /// Minor version of the format, see [`RECORD_MINOR`]; 0 if the record names none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minor: u32,
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The repository id of the status branch, so that a record is useless elsewhere.
    pub repository: String,
    /// The run; `None` for a request to the whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<RunRef>,
    /// The actor. A claim, not an identity.
    pub actor: String,
    /// The time of the actor's clock; for display only.
    pub time: String,
    /// Makes equal records different commits.
    pub nonce: String,
    /// The status commit that the record was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Digest of the actor's session: two workers of one actor have different ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Record {
    /// Reads the content of a `record.yaml`.
    ///
    /// # Errors
    /// A field is missing, of a wrong type, or unknown although the format is not newer than
    /// this program's; the error is a sentence.
    pub fn from_value(mut value: Value) -> Result<Record, String> {
        mask_credentials(&mut value);
        let is_newer = is_newer(&value);
        let read = Record::read(value);
        read.map_err(|why| {
            if is_newer {
                format!("a newer planspec wrote it, upgrade the one that reconciles: {why}")
            } else {
                why
            }
        })
    }

    fn read(value: Value) -> Result<Record, String> {
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
        let names_no_run = matches!(record.action, Action::Archive { .. });
        if record.execution.is_none() && !names_no_run {
            return Err("missing field `execution`".to_owned());
        }
        if record.minor > RECORD_MINOR {
            return Ok(record);
        }
        // serde cannot refuse unknown fields beside a flattened enum: fields that are lost are unknown.
        let known = serde_json::to_value(&record).map_err(|error| error.to_string())?;
        match given.iter().find(|key| known.get(key.as_str()).is_none()) {
            Some(key) => Err(format!("unknown field `{key}`")),
            None => Ok(record),
        }
    }
}

/// Whether a record says that its format is newer than this program's.
fn is_newer(record: &Value) -> bool {
    let major = |version: &str| -> Option<u32> {
        let number = version.strip_prefix("records.planspec.io/v")?;
        number.parse().ok()
    };
    let given = record["apiVersion"].as_str().and_then(major);
    let minor = record["minor"].as_u64().unwrap_or_default();
    match given.cmp(&major(RECORD_API_VERSION)) {
        Ordering::Less => false,
        Ordering::Equal => minor > u64::from(RECORD_MINOR),
        Ordering::Greater => true,
    }
}

/// Masks the credentials in the texts of a record, which end up in the status. Outputs are unchanged,
/// since other nodes need them.
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

/// A run of an Execution.
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

/// The action of a record.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Action {
    /// Claims a node.
    Claim {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// How long the claim lasts unless renewed; limited by the configuration.
        lease: Option<Duration>,
        /// The earlier attempt, with an expired lease, whose work is adopted; the report follows at once.
        adopts: Option<u32>,
        /// Whether the work was done before the run; the report follows at once.
        #[serde(default, skip_serializing_if = "is_zero")]
        done_before: bool,
    },
    /// Renews a claim.
    Renewal {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// How long the claim lasts unless renewed; limited by the configuration.
        lease: Option<Duration>,
        /// The claim to act for, from any session.
        claim: Option<String>,
    },
    /// Releases a node.
    Release {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// The claim to act for, from any session.
        claim: Option<String>,
        /// The reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
    /// Reports the result of an attempt.
    Report {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// The result.
        result: ReportResult,
        /// The outputs.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        outputs: Map<String, Value>,
        /// A message for people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
        /// The commit that contains the work.
        commit: Option<String>,
        /// The claim to act for, from any session.
        claim: Option<String>,
        /// The artifacts: logs, files, URLs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<Artifact>,
    },
    /// Asks a question before the work continues.
    Question {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// The question.
        question: String,
        /// The claim to act for, from any session.
        claim: Option<String>,
    },
    /// Answers a question.
    Answer {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// The record of the question.
        question: String,
        /// The answer.
        answer: String,
    },
    /// Verifies a reported node.
    Verification {
        /// The node.
        node: String,
        /// The attempt.
        attempt: u32,
        /// The record of the report that was checked.
        report: String,
        /// The commit that was checked.
        commit: String,
        /// Whether it deliberately differs from the reported one, for example its merge.
        #[serde(default, skip_serializing_if = "is_zero")]
        instead: bool,
        /// One result for each criterion of the node, in order.
        results: Vec<CriterionResult>,
    },
    /// Reviews a gate.
    Review {
        /// The gate node.
        node: String,
        /// `namespace/name` of the Gate.
        gate: String,
        /// The digest over the pinned plan, the gate and the resolved targets.
        digest: String,
        /// Approve, reject or comment.
        decision: ReviewAction,
        /// The comment.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
        /// The reviewed generation of the Gate.
        #[serde(default, skip_serializing_if = "is_zero")]
        target_generation: u64,
    },
    /// Attests whether a criterion of the goal, or of the document, is met.
    Attestation {
        /// Id of the criterion.
        criterion: String,
        /// Whether it is met.
        met: bool,
        /// The evidence, in words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        evidence: String,
        /// The commit that was checked, if checks decide.
        commit: Option<String>,
        /// One result for each check of the criterion, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        results: Vec<CriterionResult>,
    },
    /// Requests something from the run, as an operator.
    Request {
        /// The kind of request.
        request: RequestKind,
        /// Retry: only this node, with nodes that were skipped because of it.
        node: Option<String>,
        /// Retry: resolve the targets of open nodes again.
        #[serde(default, skip_serializing_if = "is_zero")]
        rebind: bool,
        /// Retry: repeat a node that has succeeded.
        #[serde(default, skip_serializing_if = "is_zero")]
        again: bool,
        /// Retry: continue with this revision of the plan, which is the current one of the spec branch.
        plan: Option<PlanRevision>,
        /// The comment.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// Requests that finished executions are [archived](crate::core::run::archive), as an operator.
    Archive {
        /// Those that ended before this time.
        before: Time,
        /// Only those of this namespace.
        namespace: Option<String>,
        /// The comment.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
}

/// The result of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportResult {
    /// The task succeeded.
    Succeeded,
    /// The task failed.
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

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Cancel the run.
    Cancel,
    /// Open failed nodes again, and nodes that were skipped because of them.
    Retry,
}

impl Action {
    /// The node, if it is about one.
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
            Action::Attestation { .. } | Action::Archive { .. } => None,
        }
    }

    /// Node and attempt of a worker's action: a claim, a renewal, a question, a release or a report.
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
            | Action::Request { .. }
            | Action::Archive { .. } => None,
        }
    }

    /// The claim that a worker names, if it does.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Action::Renewal { claim, .. }
            | Action::Release { claim, .. }
            | Action::Question { claim, .. }
            | Action::Report { claim, .. } => claim.as_deref(),
            _ => None,
        }
    }

    /// The kind of decision that it is, if it is one: signatures can be required for it.
    pub fn decides(&self) -> Option<Deciding> {
        match self {
            Action::Claim { .. } | Action::Renewal { .. } | Action::Question { .. } => None,
            Action::Answer { .. } => Some(Deciding::Answers),
            Action::Release { .. } | Action::Report { .. } => Some(Deciding::Reports),
            Action::Verification { .. } => Some(Deciding::Verifications),
            Action::Review { .. } => Some(Deciding::Reviews),
            Action::Attestation { .. } => Some(Deciding::Attestations),
            Action::Request { .. } | Action::Archive { .. } => Some(Deciding::Requests),
        }
    }

    /// Whether it is a comment.
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

    /// One word for it, for lists.
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
            Action::Archive { .. } => "archive",
        }
    }
}

/// A parsed inbox ref. Sorted in the order in which `reconcile` takes records in: work, verifications,
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
        /// The node, shortened if names are long.
        node: String,
        /// The attempt, from 1.
        attempt: u32,
        /// The actor, in its ref-safe form.
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
        /// The reviewer, in its ref-safe form.
        reviewer: String,
    },
    /// `attestations/<namespace>/<execution>/<uid>/<criterion>/<actor>`
    Attestation {
        /// The run.
        run: RunRef,
        /// Id of the criterion, in its ref-safe form.
        criterion: String,
        /// The actor, in its ref-safe form.
        actor: String,
    },
    /// `answers/<namespace>/<execution>/<uid>/<node>/<attempt>/<question>/<actor>`
    Answer {
        /// The run.
        run: RunRef,
        /// The node, shortened if names are long.
        node: String,
        /// The attempt, from 1.
        attempt: u32,
        /// The first digits of the record of the question.
        question: String,
        /// The actor, in its ref-safe form.
        actor: String,
    },
    /// `requests/<namespace>/<execution>/<uid>/<id>`
    Request {
        /// The run.
        run: RunRef,
        /// Any id.
        id: String,
    },
    /// `requests/_repository/<id>`: a request to the whole repository, which names no execution
    Repository {
        /// Any id.
        id: String,
    },
}

/// Where requests to the whole repository are: no namespace begins with `_`.
const REPOSITORY: &str = "_repository";

/// The number of digits of a question's record in the name of a ref.
const QUESTION_DIGITS: usize = 12;
/// The maximum length of a ref name that forges accept, without a number for an alternative.
const MAX_REF_BYTES: usize = 255 - 3;
/// The number of alternative refs for an actor, if others have something else than records.
pub const PLACES: u32 = 99;

impl Address {
    /// The ref for an actor's verifications of an attempt.
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

    /// Whether it is a ref for verifications of this attempt.
    pub fn is_verification_of(&self, run: RunRef, node: &str, attempt: u32) -> bool {
        let mut mine = self.clone();
        if let Address::Verification { actor, .. } = &mut mine {
            actor.clear();
        }
        mine == Address::verification(run, node, attempt, "")
    }

    /// The ref for a reviewer's reviews of a gate, in the run with this uid.
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

    /// The ref for an actor's attestations of a criterion.
    pub fn attestation(run: RunRef, criterion: &str, actor: &str) -> Address {
        let at = |criterion: String, actor: String| Address::Attestation {
            run: run.clone(),
            criterion,
            actor,
        };
        let room = at(String::new(), String::new()).room() / 2;
        at(ref_safe(criterion, room), ref_safe(actor, room))
    }

    /// The ref for an actor's answer to a question, given its record.
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

    /// The number of bytes by which the name may still grow.
    fn room(&self) -> usize {
        MAX_REF_BYTES.saturating_sub(self.ref_name().len())
    }

    /// The alternative with this number, from 1: `ana`, `ana.2`, …. Records on a ref with
    /// anything else are not read, so an actor has further refs; an attempt has the next attempt instead.
    pub fn beside(&self, number: u32) -> Address {
        let mut address = self.clone();
        if let (Some(actor), 2..) = (address.actor_mut(), number) {
            actor.push_str(&format!(".{number}"));
        }
        address
    }

    /// The first of the alternatives.
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
            Address::Work { .. } | Address::Request { .. } | Address::Repository { .. } => None,
        }
    }

    /// Parses the part of a ref name after `refs/planspec/`. `None` if this version knows no such
    /// inbox ref.
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
            ["requests", REPOSITORY, id] => Address::Repository { id: id.to_owned() },
            _ => return None,
        })
    }

    /// The execution, if it is named: reviews name only its uid.
    pub fn execution(&self) -> Option<Key> {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => {
                Some(Key::new(Kind::Execution, &run.namespace, &run.name))
            }
            Address::Review { .. } | Address::Repository { .. } => None,
        }
    }

    /// The namespace of the run, or of the gate; empty for a request to the whole repository.
    pub fn namespace(&self) -> &str {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => &run.namespace,
            Address::Review { namespace, .. } => namespace,
            Address::Repository { .. } => "",
        }
    }

    /// The uid of the execution; empty for a request to the whole repository.
    pub fn uid(&self) -> &str {
        match self {
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => &run.uid,
            Address::Review { uid, .. } => uid,
            Address::Repository { .. } => "",
        }
    }

    /// The full ref name.
    pub fn ref_name(&self) -> String {
        format!("{INBOX}{self}")
    }
}

impl fmt::Display for Address {
    /// The name without `refs/planspec/`.
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
            Address::Repository { id } => write!(f, "requests/{REPOSITORY}/{id}"),
        }
    }
}

/// Free text as one part of a ref name: lower-case letters, digits, `-` and `_` stay, every other
/// byte becomes `%XX` (upper-case letters too, since some file systems ignore case). At most a hundred bytes.
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

/// The full name of the ref for an actor's attestation of a document's criterion for a commit.
pub fn verdict_ref(plan_id: &str, commit: &str, criterion: &str, actor: &str) -> String {
    let above = verdicts_on(plan_id, commit);
    let room = MAX_REF_BYTES.saturating_sub(above.len() + 1) / 2;
    format!(
        "{above}{}/{}",
        ref_safe(criterion, room),
        ref_safe(actor, room)
    )
}

/// The prefix of all refs about a document and a commit.
pub fn verdicts_on(plan_id: &str, commit: &str) -> String {
    format!(
        "{INBOX}verdicts/{}/{}/",
        ref_safe(&plan_id.to_lowercase(), 64),
        ref_safe(commit, 64)
    )
}

/// One part of a ref name, in ASCII. If it is too long, it is cut, and ends in a digest of the
/// whole.
fn fitting(part: &str, whole: &str, room: usize) -> String {
    if part.len() <= room {
        return part.to_owned();
    }
    let kept: String = part.chars().take(room.saturating_sub(20)).collect();
    format!("{kept}-{}", &sha256_hex(whole.as_bytes())[..16])
}

/// A record from `git`: valid in form, but not checked otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The commit id of the record.
    pub id: String,
    /// The record.
    pub record: Record,
    /// The signature of its commit.
    pub signature: Signature,
    /// Whether its status commit is not part of this status: it was made in a fork, or for something that temporarily
    /// replaced this status.
    pub is_foreign: bool,
}

impl Received {
    /// The signer, if known.
    pub fn signed(&self) -> Option<&SignedBy> {
        match &self.signature {
            Signature::Good(by) => Some(by),
            Signature::Unchecked | Signature::Bad(..) => None,
        }
    }
}

/// The result of verifying the signature of a record's commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Not verified, because the configuration requires no signature of such a record.
    Unchecked,
    /// Valid on arrival, by a key that the spec branch lists for the actor.
    Good(SignedBy),
    /// It does not count: the reason as one CamelCase word, and as a sentence with help.
    Bad(&'static str, String),
}

/// The new records of one inbox ref.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The ref.
    pub address: Address,
    /// Its current tip.
    pub tip: String,
    /// The records after the last one taken in, oldest first.
    pub records: Vec<Received>,
    /// Whether the ref no longer contains the record taken in last: it was rewritten or
    /// begun again, and these are all its records.
    pub rewritten: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::digest::shard;
    use crate::core::resource::{API_VERSION, Kind, Status};
    use crate::core::run::status::ControllerState;

    /// Every half minute for 30 days. The number of replaced records that are read at once is limited in
    /// `git/inbox.rs`.
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
            "requests/_repository/archive-1",
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
        // A name that fits is written in full.
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
        let mut without_run = value.clone();
        let fields = without_run.as_object_mut().expect("a mapping");
        fields.remove("execution");
        assert_eq!(
            Record::from_value(without_run),
            Err("missing field `execution`".to_owned())
        );
        // Additions of a newer program do not invalidate the rest.
        value["minor"] = serde_json::json!(RECORD_MINOR + 1);
        let record = Record::from_value(value.clone());
        assert_eq!(record.map(|r| r.action.word()), Ok("claim"));
        // What else cannot be read of it is newer, and is said to be.
        let newer = "a newer planspec wrote it, upgrade the one that reconciles: ";
        let said = |field: &str, text: serde_json::Value| {
            let mut value = value.clone();
            value[field] = text;
            Record::from_value(value).unwrap_err()
        };
        let kind = said("kind", "Handover".into());
        assert!(
            kind.starts_with(newer) && kind.contains("`Handover`"),
            "{kind}"
        );
        let major = said("apiVersion", "records.planspec.io/v2".into());
        assert!(major.starts_with(newer) && major.contains("/v2"), "{major}");
        for other in ["records.planspec.io/v1beta1", "records.example/v2", "2"] {
            let said = said("apiVersion", other.into());
            assert!(!said.contains("newer"), "{said}");
        }
        value["minor"] = serde_json::json!(RECORD_MINOR);
        let of_ours = Record::from_value(value).unwrap_err();
        assert!(!of_ours.contains("newer"), "{of_ours}");
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
            "archive",
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
        let repository = Address::parse("requests/_repository/a");
        assert!(work < verification && verification < review && review < attestation);
        assert!(attestation < answer && answer < request && request < repository);
    }
}
