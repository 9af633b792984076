//! Held nodes: who holds them, in which session, and what this work tree remembers.
//!
//! A session distinguishes workers with the same actor. It is checked with every record of a worker, but is no security
//! boundary: everybody who may push can write any session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::permit::{claim_as, lost_claim};
use super::record::{RecordRequest, RecordWriter, Recorded};
use super::runs::{Observed, ObservedNode, ObservedRun, is_unread, observe_runs, observe_target};
use super::store::Store;
use super::{Caller, Error, Result};
use crate::core::base::digest::sha256_hex;
use crate::core::resource::Time;
use crate::core::run::permit::{Holder, OF_SIGNATURES, Refusal};
use crate::core::run::proposal::word;
use crate::core::run::record::{Action, Address, Received};
use crate::git::session;

/// Length of the digest of a session, in characters.
const DIGEST: usize = 32;

/// Identifies one of the workers of an actor.
#[derive(Debug, Clone, Default)]
pub struct Working {
    /// The session; `None` is that of the work tree.
    pub session: Option<String>,
    /// The claim to act for, from any session.
    pub claim: Option<String>,
}

impl Working {
    /// The digest of the session; `None` if none is given and the work tree cannot store one.
    pub fn digest(&self, store: &Store) -> Option<String> {
        let name = match &self.session {
            Some(name) => name.clone(),
            None => match session::nonce(&store.repo, &new_session()) {
                Ok(nonce) => nonce,
                Err(error) => {
                    tracing::debug!(%error, "this work tree has no session");
                    return None;
                }
            },
        };
        Some(digest(&name))
    }
}

/// The digest of a session that exists already; never creates one.
pub fn known_session(store: &Store, named: Option<&str>) -> Option<String> {
    let name = named.map(str::to_owned);
    let name = name.or_else(|| session::known_nonce(&store.repo));
    name.map(|name| digest(&name))
}

/// A new, unique session.
pub fn new_session() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The digest of a session in records, which does not reveal its name.
pub fn digest(session: &str) -> String {
    let mut digest = sha256_hex(format!("planspec session {session}").as_bytes());
    digest.truncate(DIGEST);
    digest
}

/// A worker that acts on claims.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// The actor.
    pub actor: &'a str,
    /// Digest of the session.
    pub session: Option<&'a str>,
    /// The claim, if one is given.
    pub claim: Option<&'a str>,
}

impl<'a> Speaker<'a> {
    /// The speaker for a writer.
    pub fn of(writer: &RecordWriter<'a>, working: &'a Working) -> Speaker<'a> {
        Speaker {
            actor: writer.actor,
            session: writer.session,
            claim: working.claim.as_deref(),
        }
    }
}

/// The records of an attempt, beginning with a claim.
#[derive(Debug)]
pub struct AttemptChain {
    records: Vec<Received>,
}

impl AttemptChain {
    /// Reads the records on the ref of an attempt; `None` if they do not begin with a claim.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn read(store: &Store, tip: &str) -> Result<Option<AttemptChain>> {
        let records = records(store, tip)?;
        let is_claimed = records
            .first()
            .is_some_and(|first| matches!(first.record.action, Action::Claim { .. }));
        Ok(is_claimed.then_some(AttemptChain { records }))
    }

    /// The same for the ref at an address, if it exists.
    ///
    /// # Errors
    /// As [`AttemptChain::read`].
    pub fn on(
        store: &Store,
        observed: &Observed,
        address: &Address,
    ) -> Result<Option<AttemptChain>> {
        let Some(tip) = observed.tip(address) else {
            return Ok(None);
        };
        let mut chain = AttemptChain::read(store, tip)?;
        // Records that others put there in the name of the holder, or for another status, do not count.
        let run = observed.by_uid(address.uid());
        let unapplied = run.map(|run| run.status.extensions.unapplied.as_slice());
        let unapplied = unapplied.unwrap_or_default().iter();
        let forged: Vec<&str> = unapplied
            .filter(|one| {
                let reason = one.reason.as_str();
                OF_SIGNATURES.contains(&reason) || reason == "OtherStatus"
            })
            .map(|one| one.record.as_str())
            .collect();
        if let Some(chain) = &mut chain {
            let claim = chain.claim().id.clone();
            chain
                .records
                .retain(|one| one.id == claim || !forged.contains(&one.id.as_str()));
        }
        Ok(chain)
    }

    /// The number of records.
    pub fn length(&self) -> usize {
        self.records.len()
    }

    /// The claim.
    pub fn claim(&self) -> &Received {
        &self.records[0]
    }

    /// The earlier attempt whose work it adopts, if any.
    pub fn adopts(&self) -> Option<u32> {
        match self.claim().record.action {
            Action::Claim { adopts, .. } => adopts,
            _ => None,
        }
    }

    /// The holder.
    pub fn holder(&self) -> Holder<'_> {
        Holder::of(self.claim())
    }

    /// Checks that a speaker holds it.
    ///
    /// # Errors
    /// The speaker does not; says why.
    pub fn is_held_by(&self, node: &str, speaker: Speaker<'_>) -> std::result::Result<(), Refusal> {
        let holder = self.holder();
        holder.is_spoken_for(node, speaker.actor, (speaker.session, speaker.claim))
    }

    /// The last record of the holder.
    pub fn last(&self) -> &Received {
        self.said().next().unwrap_or_else(|| self.claim())
    }

    /// The records of the holder, newest first.
    fn said(&self) -> impl Iterator<Item = &Received> {
        let holder = self.holder();
        self.records.iter().rev().filter(move |received| {
            let record = &received.record;
            let by = (record.session.as_deref(), record.action.claim());
            holder.is_spoken_for("", &record.actor, by).is_ok()
        })
    }

    /// Whether the holder still works on it, as far as these records tell.
    pub fn is_open(&self) -> bool {
        let last = &self.last().record.action;
        matches!(
            last,
            Action::Claim { .. } | Action::Renewal { .. } | Action::Question { .. }
        )
    }

    /// The questions of the holder: their records and texts.
    pub fn questions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.said()
            .filter_map(|received| match &received.record.action {
                Action::Question { question, .. } => {
                    Some((received.id.as_str(), question.as_str()))
                }
                _ => None,
            })
    }
}

/// The last report on the ref of an attempt that names a commit: its record, and the commit.
///
/// # Errors
/// The remote cannot be used.
pub fn reported_commit(store: &Store, tip: &str) -> Result<Option<(String, String)>> {
    let named = |received: &Received| match &received.record.action {
        Action::Report { commit, .. } => Some((received.id.clone(), commit.clone()?)),
        _ => None,
    };
    Ok(match AttemptChain::read(store, tip)? {
        Some(chain) => chain.said().find_map(named),
        // External nodes have no claim.
        None => records(store, tip)?.first().and_then(named),
    })
}

/// All records on a ref; if it now has something else, those before that.
///
/// # Errors
/// The remote cannot be used.
pub fn records(store: &Store, tip: &str) -> Result<Vec<Received>> {
    store.fetch_records(&[tip.to_owned()])?;
    Ok(store.records_behind(tip)?.0)
}

/// A held claim. In this form, a work tree remembers its own claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldClaim {
    /// The record of the claim.
    pub claim: String,
    /// The actor.
    pub actor: String,
    /// Digest of the session.
    pub session: Option<String>,
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Uid of the execution.
    pub uid: String,
    /// The node.
    pub node: String,
    /// The attempt.
    pub attempt: u32,
    /// The time of the claim.
    pub since: Time,
    /// The earlier attempt that the caller held in the same session, if another session has the node now.
    #[serde(skip)]
    pub after: Option<u32>,
}

impl HeldClaim {
    /// `namespace/execution/node`
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.execution, self.node)
    }

    fn of(node: ObservedNode<'_>, holder: Holder<'_>, (attempt, since): (u32, Time)) -> HeldClaim {
        let run = node.run.reference();
        HeldClaim {
            claim: holder.claim.to_owned(),
            actor: holder.actor.to_owned(),
            session: holder.session.map(str::to_owned),
            namespace: run.namespace,
            execution: run.name,
            uid: run.uid,
            node: node.id.to_owned(),
            attempt,
            since,
            after: None,
        }
    }

    /// How to act for it from another session.
    pub fn in_another_session(&self) -> String {
        let (actor, name, claim) = (&self.actor, self.name(), &self.claim);
        // Acting for it would end the work of another session.
        if let Some(before) = self.after {
            let attempt = self.attempt;
            return format!(
                "attempt {before} of {name} has ended: {actor} has attempt {attempt} in another session"
            );
        }
        format!("{actor} holds {name} in another session: add `--claim {claim}` to act for it")
    }

    fn holder(&self) -> Holder<'_> {
        Holder {
            actor: &self.actor,
            session: self.session.as_deref(),
            claim: &self.claim,
        }
    }

    /// The node, if it belongs to the same run.
    pub fn node_in<'o>(&self, observed: &'o Observed) -> Option<ObservedNode<'o>> {
        observed.by_uid(&self.uid)?.node(&self.node)
    }
}

/// Remembers a claim of this work tree. Errors of writing are only logged.
pub fn remember(writer: &RecordWriter<'_>, node: ObservedNode<'_>, claim: &str) {
    let holder = Holder {
        actor: writer.actor,
        session: writer.session,
        claim,
    };
    let held = HeldClaim::of(node, holder, (node.status.attempt, writer.now));
    let kept = serde_json::to_vec_pretty(&held).map(|bytes| {
        session::keep_claim(&writer.store.repo, claim, &bytes).map_err(|error| error.to_string())
    });
    if !matches!(kept, Ok(Ok(()))) {
        tracing::debug!(?kept, "a claim is not remembered");
    }
}

/// What this work tree knows of the claims that were made in it.
pub fn kept_here(store: &Store) -> impl Iterator<Item = HeldClaim> {
    let claims = session::claims(&store.repo).into_iter();
    claims.filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok())
}

/// Forgets a claim.
pub fn forget(store: &Store, claim: &str) {
    session::forget_claim(&store.repo, claim);
}

/// The claims that an actor holds.
pub struct Held {
    /// The observed runs.
    pub observed: Observed,
    /// The claims in this session, by name.
    pub here: Vec<HeldClaim>,
    /// The claims in other sessions.
    pub elsewhere: Vec<HeldClaim>,
}

/// Returns the claims that an actor holds, in this session and in others, from the status, the inbox and this work
/// tree. Forgets finished ones.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn held_by(store: &Store, caller: &Caller, working: &Working) -> Result<Held> {
    let actor = store.actor(caller)?;
    let digest = working.digest(store);
    let is_mine = |holder: Holder<'_>| {
        let is_named = working.claim.as_ref().map(|claim| claim == holder.claim);
        is_named.unwrap_or(holder.session == digest.as_deref())
    };
    let observed = observe_runs(store, None, None)?;
    let mut found = BTreeMap::new();
    for run in observed
        .runs()
        .filter(|run| !run.status.phase.is_terminal())
    {
        for node in run.nodes() {
            for one in claims_of(store, &observed, node)? {
                if one.actor == actor {
                    found.insert(one.claim.clone(), one);
                }
            }
        }
    }
    for kept in kept_here(store) {
        if kept.actor == actor {
            found.entry(kept.claim.clone()).or_insert(kept);
        }
    }
    let mut held = Vec::with_capacity(found.len());
    for one in found.into_values() {
        if is_held(store, &observed, &one)? {
            held.push(one);
        } else {
            forget(store, &one.claim);
        }
    }
    held.sort_by_key(HeldClaim::name);
    let (here, mut elsewhere): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|one| is_mine(one.holder()));
    let speaker = Speaker {
        actor: &actor,
        session: digest.as_deref(),
        claim: working.claim.as_deref(),
    };
    for one in &mut elsewhere {
        if let Some(node) = one.node_in(&observed) {
            one.after = held_before(store, &observed, node, speaker)?.map(|(attempt, _)| attempt);
        }
    }
    Ok(Held {
        observed,
        here,
        elsewhere,
    })
}

/// The claims of a node: the one in the status, the last one whose lease has expired, and one that is not taken in yet.
fn claims_of(store: &Store, observed: &Observed, node: ObservedNode<'_>) -> Result<Vec<HeldClaim>> {
    let (status, open) = (node.status, node.address());
    let extensions = &status.extensions;
    let since = status.start_time.unwrap_or(observed.stored.time);
    let mut claims = Vec::new();
    if let Some(claim) = &extensions.claim {
        claims.push(HeldClaim::of(
            node,
            Holder::from(claim),
            (status.attempt, since),
        ));
    } else if let Some(tip) = observed.tip(&open)
        && is_unread(node.run.status, &open, tip)
        && let Some(chain) = AttemptChain::read(store, tip)?
    {
        let since = chain.claim().record.time.parse().unwrap_or(since);
        claims.push(HeldClaim::of(node, chain.holder(), (status.attempt, since)));
    }
    if let Some(lapsed) = &extensions.lapsed {
        // There may be attempts in between whose refs were spoiled.
        let before = (1..status.attempt).rev();
        let last = before
            .map(|attempt| (attempt, node.run.attempt_address(node.id, attempt)))
            .find(|(_, address)| observed.tip(address).is_some());
        if let Some((attempt, _)) = last {
            claims.push(HeldClaim::of(node, Holder::from(lapsed), (attempt, since)));
        }
    }
    Ok(claims)
}

/// Whether a claim still holds, or its lease has expired and nobody has the next attempt.
fn is_held(store: &Store, observed: &Observed, held: &HeldClaim) -> Result<bool> {
    let Some(node) = held.node_in(observed) else {
        return Ok(false);
    };
    let address = node.run.attempt_address(&held.node, held.attempt);
    let Some(tip) = observed.tip(&address) else {
        return Ok(false);
    };
    let is_over = node.run.status.phase.is_terminal() || node.status.phase.is_terminal();
    let is_current = held.attempt == node.status.attempt || lapsed(observed, node, &held.claim);
    if is_over || !is_current {
        return Ok(false);
    }
    let chain = AttemptChain::read(store, tip)?;
    Ok(chain.is_some_and(|chain| chain.claim().id == held.claim && chain.is_open()))
}

/// The last attempt before the open one that a speaker has claimed, with its records.
///
/// # Errors
/// The remote cannot be used.
pub fn held_before(
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
    speaker: Speaker<'_>,
) -> Result<Option<(u32, AttemptChain)>> {
    for attempt in (1..node.status.attempt).rev() {
        let address = node.run.attempt_address(node.id, attempt);
        let chain = AttemptChain::on(store, observed, &address)?;
        let own = chain.filter(|chain| chain.is_held_by(node.id, speaker).is_ok());
        if let Some(chain) = own {
            return Ok(Some((attempt, chain)));
        }
    }
    Ok(None)
}

/// The error that a claim no longer counts while the node is open, with what to do instead.
///
/// # Errors
/// The remote cannot be used.
pub fn is_over(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (attempt, own): (u32, &AttemptChain),
) -> Result<Error> {
    let (name, status) = (node.name(), node.status);
    let over = format!("attempt {attempt} of {name} has ended");
    let open = AttemptChain::on(writer.store, writer.observed, &node.address())?;
    if let Some(chain) = open {
        let (holder, open) = (chain.holder().actor, status.attempt);
        let why = format!("{over}: {holder} has attempt {open}");
        return Ok(Error::taken(why).hint("`planspec next` shows what is left"));
    }
    let stopped = status.extensions.stopped.as_ref();
    let stopped = stopped.filter(|stopped| stopped.claim == own.claim().id);
    let over = match (stopped, &own.last().record.action) {
        (Some(stopped), _) => format!("{over}: stopped by the retry of {}", stopped.by),
        (None, Action::Report { result, .. }) => {
            let (word, open) = (result.word(), status.attempt);
            format!("{over}: it was reported as {word}, and attempt {open} is now open")
        }
        _ => over,
    };
    let hint = if status.is_claimable() {
        let claim = claim_as(node.run.key, node.id, writer.actor);
        format!("claim it again, then report: `{claim}`")
    } else {
        format!("it cannot be claimed again yet: {}", status.message)
    };
    Ok(Error::conflict(over).hint(hint))
}

/// Whether the lease of a claim has expired, and nobody has claimed the node since.
pub fn lapsed(observed: &Observed, node: ObservedNode<'_>, claim: &str) -> bool {
    let lapsed = node.status.extensions.lapsed.as_ref();
    lapsed.is_some_and(|lapsed| lapsed.record == claim)
        && node.status.is_claimable()
        && observed.tip(&node.address()).is_none()
}

/// A hint at `--as`, if no actor was given and another one holds the node.
pub fn flag(
    writer: &RecordWriter<'_>,
    refusal: &Refusal,
    holder: Option<Holder<'_>>,
) -> Option<String> {
    let holder = holder.filter(|_| refusal.reason == "WrongActor" && !writer.is_named)?;
    Some(format!(
        "you are acting as {}: add `--as {}`",
        writer.actor,
        word(holder.actor)
    ))
}

/// Sends a record of a worker about a node: the named one, or the only one that is held here.
///
/// # Errors
/// None is held here, or several are; and those of [`RecordRequest::send`].
pub fn say<A>(
    store: &Store,
    (request, working): (&RecordRequest, &Working),
    write: impl FnOnce(&RecordWriter<'_>, ObservedNode<'_>) -> Result<(String, A)>,
) -> Result<Recorded<A>> {
    let session = working.digest(store);
    let request = about_held(store, request, working)?;
    request.send(store, |writer| {
        let writer = RecordWriter {
            session: session.as_deref(),
            ..*writer
        };
        let node = request.node(writer.observed)?;
        check_ref(&writer, node)?;
        write(&writer, node)
    })
}

/// Checks that the ref of the node has only records; others on it would not be read.
fn check_ref(writer: &RecordWriter<'_>, node: ObservedNode<'_>) -> Result {
    let address = node.address();
    let tip = writer.observed.tip(&address);
    let tip = tip.filter(|tip| is_unread(node.run.status, &address, tip));
    let Some(tip) = tip.filter(|_| !node.status.phase.is_terminal()) else {
        return Ok(());
    };
    writer.store.fetch_records(&[tip.to_owned()])?;
    let (_, Some(why)) = writer.store.records_behind(tip)? else {
        return Ok(());
    };
    let (name, attempt) = (node.name(), node.status.attempt);
    let why = format!("the ref of {name}, attempt {attempt}, contains no record: {why}");
    Err(Error::conflict(why)
        .hint("`planspec reconcile` opens the next attempt; then claim it, or report the result"))
}

/// The request with its node: the named one, or the only one that is held here.
fn about_held(store: &Store, request: &RecordRequest, working: &Working) -> Result<RecordRequest> {
    if !request.target.is_empty() {
        return Ok(request.clone());
    }
    let Held {
        here: mut held,
        mut elsewhere,
        observed,
    } = held_by(store, &request.caller, working)?;
    let namespace = request.namespace.as_ref();
    let is_meant = |held: &HeldClaim| namespace.is_none_or(|wanted| held.namespace == *wanted);
    held.retain(is_meant);
    elsewhere.retain(is_meant);
    let actor = store.actor(&request.caller)?;
    match held.as_slice() {
        [only] => Ok(RecordRequest {
            target: only.name(),
            ..request.clone()
        }),
        [] if elsewhere.iter().any(|other| other.after.is_some()) => {
            let taken_over = elsewhere.iter().find(|other| other.after.is_some());
            let why = taken_over.map(HeldClaim::in_another_session);
            let error = Error::taken(why.unwrap_or_default());
            Err(error.hint("`planspec next` shows what is left"))
        }
        [] => Err(
            stopped(store, request, (&observed, &actor), working)?.unwrap_or_else(|| {
                Error::ambiguous(format!(
                    "{actor} holds nothing in this session: name the node"
                ))
                .hint(match elsewhere.first() {
                    Some(other) => other.in_another_session(),
                    None => {
                        "write EXECUTION/NODE; `planspec next` shows what can be claimed".to_owned()
                    }
                })
            }),
        ),
        several => {
            let names: Vec<String> = several.iter().map(HeldClaim::name).collect();
            Err(Error::ambiguous(format!(
                "{actor} holds {} nodes here: {}",
                names.len(),
                names.join(", ")
            ))
            .hint("name one of them"))
        }
    }
}

/// Adds to an error that a retry stopped the only attempt of the actor.
fn stopped(
    store: &Store,
    request: &RecordRequest,
    (observed, actor): (&Observed, &str),
    working: &Working,
) -> Result<Option<Error>> {
    let session = working.digest(store);
    let writer = RecordWriter {
        store,
        observed,
        actor,
        is_named: request.caller.actor.is_some(),
        session: session.as_deref(),
        now: request.caller.now,
        told: None,
    };
    let namespace = request.namespace.as_ref();
    let runs = observed.runs().filter(|run| {
        let is_meant = namespace.is_none_or(|wanted| run.key.namespace == *wanted);
        is_meant && !run.status.phase.is_terminal()
    });
    for node in runs.flat_map(ObservedRun::nodes) {
        let Some(stopped) = &node.status.extensions.stopped else {
            continue;
        };
        let speaker = Speaker::of(&writer, working);
        if let Some((attempt, own)) = held_before(store, observed, node, speaker)?
            && own.claim().id == stopped.claim
        {
            return Ok(Some(is_over(&writer, node, (attempt, &own))?));
        }
    }
    Ok(None)
}

/// Minimum length of the id of a claim, as for abbreviated ids in Git.
const SHORTEST_ID: usize = 7;

/// Expands the abbreviated id of a claim, as in the output of `log`.
///
/// # Errors
/// There is no such claim, there are several, or it belongs to another actor.
pub fn resolve(store: &Store, request: &RecordRequest, working: &Working) -> Result<Working> {
    let Some(named) = &working.claim else {
        return Ok(working.clone());
    };
    let actor = store.actor(&request.caller)?;
    let target = request.target.as_str();
    let observed = match target {
        "" => observe_runs(store, None, None)?,
        _ => observe_target(store, target, request.namespace.as_deref())?,
    };
    let nodes: Vec<ObservedNode<'_>> = match target {
        "" => {
            let runs = observed.runs();
            let open = runs.filter(|run| !run.status.phase.is_terminal());
            open.flat_map(ObservedRun::nodes).collect()
        }
        _ => vec![request.node(&observed)?],
    };
    let mut found = claims_named(store, &observed, &nodes, named)?;
    let (Some(one), None) = (found.pop(), found.pop()) else {
        let lost = match nodes[..] {
            [node] if !target.is_empty() => lost_claim(&observed, node),
            _ => None,
        };
        return Err(lost.unwrap_or_else(|| no_such_claim(named, &nodes, target)));
    };
    if one.actor != actor {
        let (name, holder) = (one.name(), &one.actor);
        let why = format!("claim {named} of {name} is by {holder}, not by {actor}");
        let hint = format!(
            "act as the holder of the claim: add `--as {}`",
            word(holder)
        );
        return Err(Error::taken(why).hint(hint));
    }
    let namespace = request.namespace.as_ref();
    if let Some(wanted) = namespace.filter(|wanted| **wanted != one.namespace) {
        let why = format!(
            "claim {named} is of {}, not in namespace `{wanted}`",
            one.name()
        );
        return Err(Error::not_found(why).hint(format!("use `-n {}`, or omit it", one.namespace)));
    }
    let node = one.node_in(&observed).filter(|_| target.is_empty());
    if let Some(node) = node
        .filter(|node| node.status.attempt != one.attempt && !lapsed(&observed, *node, &one.claim))
    {
        let writer = RecordWriter {
            store,
            observed: &observed,
            actor: &actor,
            is_named: true,
            session: None,
            now: request.caller.now,
            told: None,
        };
        let address = node.run.attempt_address(node.id, one.attempt);
        if let Some(chain) = AttemptChain::on(store, &observed, &address)? {
            return Err(is_over(&writer, node, (one.attempt, &chain))?);
        }
    }
    Ok(Working {
        claim: Some(one.claim),
        ..working.clone()
    })
}

fn no_such_claim(named: &str, nodes: &[ObservedNode<'_>], target: &str) -> Error {
    let hint = match nodes {
        [node] if !target.is_empty() => {
            let (name, namespace) = (&node.run.key.name, &node.run.key.namespace);
            format!("`planspec log execution/{name} -n {namespace}` lists its claims")
        }
        _ => "name the node as well: EXECUTION/NODE; `planspec log execution/NAME` lists the claims of a run".to_owned(),
    };
    let of = match nodes {
        [node] if !target.is_empty() => node.name(),
        _ => "a run that goes on".to_owned(),
    };
    let mut why = format!("no claim of {of} has an id that starts with `{named}`");
    if named.len() < SHORTEST_ID {
        why.push_str(&format!(": give at least {SHORTEST_ID} digits"));
    }
    Error::not_found(why).hint(hint)
}

/// The claims of nodes whose ids begin with this.
fn claims_named(
    store: &Store,
    observed: &Observed,
    nodes: &[ObservedNode<'_>],
    named: &str,
) -> Result<Vec<HeldClaim>> {
    let mut found = Vec::new();
    if named.len() < SHORTEST_ID {
        return Ok(found);
    }
    let attempts = nodes.iter().flat_map(|node| {
        let attempts = 1..=node.status.attempt;
        attempts.filter_map(|attempt| {
            let tip = observed.tip(&node.run.attempt_address(node.id, attempt))?;
            Some((*node, attempt, tip.to_owned()))
        })
    });
    let attempts: Vec<_> = attempts.collect();
    let tips: Vec<String> = attempts.iter().map(|(.., tip)| tip.clone()).collect();
    store.fetch_records(&tips)?;
    for (node, attempt, tip) in attempts {
        let chain = AttemptChain::read(store, &tip)?;
        let Some(chain) = chain.filter(|chain| chain.claim().id.starts_with(named)) else {
            continue;
        };
        let since = observed.stored.time;
        found.push(HeldClaim::of(node, chain.holder(), (attempt, since)));
    }
    Ok(found)
}
