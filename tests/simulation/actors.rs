//! What the actors do. Each has a clone, a clock that is minutes off, and a process that may end; what it does is what the
//! program does for its users.

use std::rc::Rc;

use planspec::api::record as api;
use planspec::core::resource::{
    AWAITING_APPROVAL, ExecutionPhase, Kind, NodePhase, NodeStatus, ReviewAction, Time,
};
use planspec::core::run::record::ReportResult;
use planspec::core::run::status::HIGH_WATER;
use planspec::git::{Identity, refs};
use planspec::service::ask::{AnswerRequest, AskRequest, answer, ask};
use planspec::service::audit::{AuditRequest, audit};
use planspec::service::claim::{ClaimRequest, ReleaseRequest, claim, release, renew};
use planspec::service::decide::{DecideRequest, decide};
use planspec::service::delete::{DeleteRequest, delete};
use planspec::service::held::Working;
use planspec::service::next::{NextRequest, next};
use planspec::service::reconcile::{ReconcileRequest, reconcile};
use planspec::service::record::{RecordRequest, Recorded};
use planspec::service::report::{ReportRequest, is_outside, report};
use planspec::service::request::{CancelRequest, RetryRequest, cancel, retry};
use planspec::service::start::{StartRequest, start};
use planspec::service::store::{Author, Side, Store};
use planspec::service::{Caller, Error, Fault};

use super::ledger::{self, Known};
use super::network::Network;
use super::place::Place;
use super::{Shared, State, plans};

/// How far a clock may be off, in seconds: two of them differ by less than what `reconcile` accepts.
const OFF: i64 = 140;
/// After so many moments at most a process ends that is to end in an action.
const MOMENTS: i64 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Reconciler,
    Worker,
    Person,
    Author,
}

/// Somebody, at a machine.
pub struct Actor {
    role: Role,
    pub name: String,
    session: String,
    /// How far the clock is off, in seconds.
    off: i64,
    place: Place,
    store: Option<Store>,
    network: Rc<Network>,
    /// What it believes to hold: targets and claims.
    held: Vec<(String, String)>,
    /// The status was put back, as it was told.
    restores: bool,
}

/// What came of an action.
type Outcome = Result<String, Error>;

impl Actor {
    pub fn new(
        (number, role, name): (usize, Role, &str),
        place: Place,
        shared: &Rc<Shared>,
    ) -> Actor {
        let off = shared.state.borrow_mut().chance.between(-OFF, OFF);
        Actor {
            role,
            name: name.to_owned(),
            session: format!("session {number}"),
            off,
            place,
            store: None,
            network: Network::new(Rc::downgrade(shared), number),
            held: Vec::new(),
            restores: false,
        }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// One action.
    pub fn act(&mut self, shared: &Shared) {
        let now = {
            let mut state = shared.state.borrow_mut();
            let crash = state.storm().crash;
            if state.chance.happens(crash) {
                self.network.ends_after(state.chance.between(1, MOMENTS));
            }
            Time::from_timestamp(state.millis.div_euclid(1000) + self.off, 0).unwrap()
        };
        let mut store = self.opened();
        store.side = Side::SpecBranch(Author {
            identity: Identity {
                name: self.name.clone(),
                email: "someone@example.com".to_owned(),
            },
            now,
            for_review: None,
        });
        let caller = Caller {
            actor: Some(self.name.clone()),
            now,
        };
        let done = Doing {
            shared,
            store: &store,
            network: &Rc::clone(&self.network),
            caller,
        }
        .act(self);
        let has_ended = self.network.has_ended();
        self.network.revive();
        self.store = (!has_ended).then_some(store);
        let mut state = shared.state.borrow_mut();
        if has_ended {
            state.figures.crashes += 1;
            self.begin_again(&mut state);
        }
        let (what, outcome) = done;
        let name = &self.name;
        match outcome {
            _ if has_ended => state.tell(|| format!("{name}: {what}: the process ended")),
            Ok(said) => {
                state.figures.done += 1;
                state.tell(|| format!("{name}: {what}: {said}"));
            }
            Err(error) => {
                self.restores = error.message.contains("was put back to")
                    || error.message.contains(" is gone from ")
                    || error.message.contains("was replaced");
                let is_broken = error.message.contains("does not follow from what it cites");
                if is_broken || error.fault == Some(Fault::Foreign) {
                    state.fail(format!("{name}: {}", error.message));
                }
                state.tell(|| format!("{name}: {what}: {:?} {}", error.kind, error.message));
            }
        }
    }

    /// The clone in its process, which is begun where it is not there.
    fn opened(&mut self) -> Store {
        self.store.take().unwrap_or_else(|| Store {
            repo: self.place.open().within(Rc::clone(&self.network) as Rc<_>),
            remote: Some("origin".to_owned()),
            side: Side::Checkout,
        })
    }

    /// After the end of its process it knows what its clone knows.
    fn begin_again(&mut self, state: &mut State) {
        self.held.clear();
        if state.chance.happens(500) {
            self.session = format!("session {}", state.chance.number());
        }
    }

    fn working(&self) -> Working {
        Working {
            session: Some(self.session.clone()),
            claim: None,
        }
    }
}

/// An action under way.
struct Doing<'a> {
    shared: &'a Shared,
    store: &'a Store,
    network: &'a Network,
    caller: Caller,
}

impl Doing<'_> {
    fn act(self, actor: &mut Actor) -> (String, Outcome) {
        match actor.role {
            Role::Reconciler => self.reconciles(actor),
            Role::Worker => self.works(actor),
            Role::Person => self.decides(),
            Role::Author => self.writes(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state.borrow_mut())
    }

    fn is_calm(&self) -> bool {
        self.with(|state| state.is_calm)
    }

    fn happens(&self, of_thousand: u32) -> bool {
        self.with(|state| state.chance.happens(of_thousand))
    }

    /// The name of one of the nodes that fit, or sometimes of any.
    fn target(&self, fits: impl Fn(&NodeStatus) -> bool) -> Option<String> {
        self.with(|state| {
            let is_any = !state.is_calm && state.chance.happens(150);
            let nodes = state
                .ledger
                .nodes(|node, run| is_any || fits(node) && !run.phase.is_terminal());
            let targets: Vec<String> = nodes.iter().map(Known::target).collect();
            state.chance.one_of(&targets).cloned()
        })
    }

    fn request(&self, target: &str) -> RecordRequest {
        RecordRequest {
            caller: self.caller.clone(),
            target: target.to_owned(),
            namespace: None,
            reconcile: !self.is_calm() && self.happens(30),
        }
    }

    /// Keep what was promised, unless the process ended before it could say so.
    fn told<A>(
        &self,
        what: &str,
        sent: Result<Recorded<A>, Error>,
        claim: impl FnOnce(&A) -> Option<(&api::Attempt, String)>,
    ) -> Outcome {
        let sent = sent?;
        let answer = &sent.answer;
        if self.network.has_ended() {
            return Ok(String::new());
        }
        let claim = claim(&answer.what).map(|(attempt, claim)| {
            (
                (attempt.uid.clone(), attempt.node.clone(), attempt.attempt),
                claim,
            )
        });
        self.with(|state| {
            state.figures.acknowledged += 1;
            let kept = state.ledger.acknowledge(&answer.record, what, claim);
            if let Err(why) = kept {
                state.fail(why);
            }
        });
        Ok(format!("sent {}", answer.record))
    }
}

/// Everybody.
impl Doing<'_> {
    /// There is nothing to do, which is no step.
    fn rests(&self) -> (String, Outcome) {
        self.with(|state| state.figures.steps -= 1);
        ("nothing".to_owned(), Ok(String::new()))
    }
}

/// Reconcilers.
impl Doing<'_> {
    fn reconciles(&self, actor: &mut Actor) -> (String, Outcome) {
        let mut request = ReconcileRequest::at(self.caller.now);
        if std::mem::take(&mut actor.restores) && self.with(|state| state.ledger.is_put_back()) {
            request.restore = self.shared.hub_ref(HIGH_WATER);
        }
        request.full = self.happens(20);
        let what = match &request.restore {
            Some(commit) => format!("restore {commit}"),
            None => "reconcile".to_owned(),
        };
        let done = reconcile(self.store, &request).map(|done| {
            format!(
                "sequence {}, {} moved{}",
                done.sequence,
                done.transitions.len(),
                if done.notes.is_empty() {
                    String::new()
                } else {
                    format!(" {:?}", done.notes)
                }
            )
        });
        (what, done)
    }
}

/// Workers.
impl Doing<'_> {
    fn works(&self, actor: &mut Actor) -> (String, Outcome) {
        if self.is_calm() {
            let held = actor.held.pop();
            return match held {
                Some((target, claim)) => self.reports(actor, &target, Some(claim)),
                None => self.claims(actor),
            };
        }
        let (choice, held) = self.with(|state| {
            let held = state.chance.one_of(&actor.held).cloned();
            (state.chance.below(100), held)
        });
        match (choice, held) {
            (0..48, Some((target, claim))) => {
                let named = self.happens(500).then_some(claim);
                self.reports(actor, &target, named)
            }
            (48..60, Some(_)) => self.renews(actor),
            (60..65, Some(_)) => self.releases(actor),
            (65..78, Some(_)) => self.asks(actor),
            // It may have forgotten what it holds.
            (80..85, _) => {
                let target = self.target(|node| node.phase == NodePhase::Running);
                self.reports(actor, &target.unwrap_or_default(), None)
            }
            (85..92, _) => self.looks(),
            _ => self.claims(actor),
        }
    }

    fn held(&self, actor: &Actor) -> String {
        let held = self.with(|state| state.chance.one_of(&actor.held).cloned());
        held.map_or(String::new(), |(target, _)| target)
    }

    fn claims(&self, actor: &mut Actor) -> (String, Outcome) {
        let Some(target) = self.target(NodeStatus::is_claimable) else {
            return self.looks();
        };
        let request = ClaimRequest {
            record: self.request(&target),
            working: actor.working(),
            lease: None,
        };
        let sent = claim(self.store, &request);
        let mut held = None;
        let what = format!("claim {target}");
        let done = self.told(&what, sent, |claimed| {
            held = Some((claimed.attempt.name(), claimed.claim.clone()));
            Some((&claimed.attempt, claimed.claim.clone()))
        });
        actor
            .held
            .extend(held.filter(|one| !actor.held.contains(one)));
        (what, done)
    }

    fn reports(&self, actor: &mut Actor, target: &str, claim: Option<String>) -> (String, Outcome) {
        let node = target.rsplit('/').next().unwrap_or_default();
        let (number, fails) = self.with(|state| {
            let fails = !state.is_calm && state.chance.happens(200);
            (state.chance.number(), fails)
        });
        let result = if fails {
            ReportResult::Failed
        } else {
            ReportResult::Succeeded
        };
        let request = ReportRequest {
            record: self.request(target),
            working: Working {
                claim,
                ..actor.working()
            },
            result,
            outputs: if fails {
                serde_json::Map::new()
            } else {
                plans::outputs(node, number)
            },
            typed: Vec::new(),
            message: String::new(),
            commit: self.work(),
            attempt: None,
        };
        let sent = report(self.store, &request);
        let what = format!("report {target} {}", result.word());
        let is_final = match &sent {
            Ok(_) => true,
            Err(error) => error.is_refusal(),
        };
        if is_final {
            actor.held.retain(|(held, _)| held != target);
        }
        (what.clone(), self.told(&what, sent, |_| None))
    }

    /// The commit with the work, where one is named: any will do.
    fn work(&self) -> Option<String> {
        let is_named = self.happens(200);
        self.shared.hub_ref("refs/heads/main").filter(|_| is_named)
    }

    fn renews(&self, actor: &mut Actor) -> (String, Outcome) {
        let target = self.held(actor);
        let request = ClaimRequest {
            record: self.request(&target),
            working: actor.working(),
            lease: None,
        };
        let sent = renew(self.store, &request);
        let what = format!("renew {target}");
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn releases(&self, actor: &mut Actor) -> (String, Outcome) {
        let target = self.held(actor);
        let request = ReleaseRequest {
            record: self.request(&target),
            working: actor.working(),
            message: String::new(),
        };
        let sent = release(self.store, &request);
        if sent.is_ok() {
            actor.held.retain(|(held, _)| *held != target);
        }
        let what = format!("release {target}");
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn asks(&self, actor: &mut Actor) -> (String, Outcome) {
        let target = self.held(actor);
        let number = self.with(|state| state.chance.below(3));
        let request = AskRequest {
            record: self.request(&target),
            working: actor.working(),
            question: format!("Which of the {number}?"),
        };
        let sent = ask(self.store, &request);
        let what = format!("ask about {target}");
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn looks(&self) -> (String, Outcome) {
        let request = NextRequest {
            execution: None,
            namespace: None,
            provider: None,
            limit: None,
            for_programs: true,
            now: self.caller.now,
        };
        let found = next(self.store, &request);
        (
            "next".to_owned(),
            found.map(|next| format!("{} nodes", next.items.len())),
        )
    }
}

/// People.
impl Doing<'_> {
    fn decides(&self) -> (String, Outcome) {
        let answers = self.target(NodeStatus::awaits_answer);
        let gate = self.target(|node| {
            node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_APPROVAL
        });
        let choice = self.with(|state| {
            if state.is_calm {
                0
            } else {
                state.chance.below(100)
            }
        });
        match (choice, answers, gate) {
            (0..85, Some(target), gate) if gate.is_none() || self.happens(500) => {
                self.answers(&target)
            }
            (0..85, _, Some(target)) => self.reviews(&target),
            (85..93, ..) | (0..85, ..) => self.retries(),
            _ => self.cancels(),
        }
    }

    fn reviews(&self, target: &str) -> (String, Outcome) {
        let decision = self.with(|state| match state.chance.below(100) {
            0..10 if !state.is_calm => ReviewAction::Reject,
            10..20 if !state.is_calm => ReviewAction::Comment,
            _ => ReviewAction::Approve,
        });
        let request = DecideRequest {
            record: self.request(target),
            execution: None,
            node: None,
            digest: None,
            decision,
            message: "seen".to_owned(),
        };
        let what = format!("{decision:?} {target}");
        let sent = decide(self.store, &request);
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn answers(&self, target: &str) -> (String, Outcome) {
        let request = AnswerRequest {
            record: self.request(target),
            question: None,
            answer: "That one".to_owned(),
        };
        let what = format!("answer {target}");
        let sent = answer(self.store, &request);
        (what.clone(), self.told(&what, sent, |_| None))
    }

    /// One of the runs that fit, or sometimes any.
    fn run(&self, fits: impl Fn(ExecutionPhase) -> bool) -> Option<String> {
        self.with(|state| {
            let is_any = state.chance.happens(100);
            let mut names = state.ledger.names();
            names.retain(|(_, phase)| is_any || fits(*phase));
            let name = state.chance.one_of(&names);
            name.map(|(name, _)| name.clone())
        })
    }

    fn retries(&self) -> (String, Outcome) {
        if self.is_calm() {
            return self.rests();
        }
        let again = self.happens(100);
        let target = if again {
            self.target(|node| node.phase == NodePhase::Succeeded)
        } else {
            self.run(|phase| phase == ExecutionPhase::Failed)
        };
        let Some(target) = target else {
            return self.looks();
        };
        let request = RetryRequest {
            record: self.request(&target),
            rebind: false,
            again,
            plan: None,
            message: String::new(),
        };
        let what = format!("retry {target}");
        let sent = retry(self.store, &request);
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn cancels(&self) -> (String, Outcome) {
        let target = self.run(|phase| !phase.is_terminal());
        let Some(target) = target.filter(|_| self.happens(150)) else {
            return self.looks();
        };
        let request = CancelRequest {
            record: self.request(&target),
            message: String::new(),
        };
        let what = format!("cancel {target}");
        let sent = cancel(self.store, &request);
        (what.clone(), self.told(&what, sent, |_| None))
    }
}

/// Authors of executions, who also say what happened outside.
impl Doing<'_> {
    fn writes(&self) -> (String, Outcome) {
        let event = self.target(is_outside);
        let (count, most, calm) = self.with(|state| {
            let ledger = &state.ledger;
            (ledger.started, ledger.wanted, state.is_calm)
        });
        if let Some(target) = event.filter(|_| calm || self.happens(300)) {
            return self.tells(&target);
        }
        if calm {
            return self.rests();
        }
        if self.happens(40) {
            return self.deletes();
        }
        if count >= most {
            return self.looks();
        }
        self.starts(count)
    }

    fn tells(&self, target: &str) -> (String, Outcome) {
        let request = ReportRequest {
            record: self.request(target),
            working: Working::default(),
            result: if !self.is_calm() && self.happens(100) {
                ReportResult::Failed
            } else {
                ReportResult::Succeeded
            },
            outputs: serde_json::Map::new(),
            typed: Vec::new(),
            message: String::new(),
            commit: None,
            attempt: None,
        };
        let request = ReportRequest {
            working: Working {
                session: Some("outside".to_owned()),
                claim: None,
            },
            ..request
        };
        let what = format!("report {target} from outside");
        let sent = report(self.store, &request);
        (what.clone(), self.told(&what, sent, |_| None))
    }

    fn starts(&self, count: usize) -> (String, Outcome) {
        let names: Vec<&str> = plans::names().collect();
        let plan = self.with(|state| *state.chance.one_of(&names).unwrap());
        let request = StartRequest {
            plan: plan.to_owned(),
            namespace: Some(plans::NAMESPACE.to_owned()),
            name: Some(format!("run-{count}")),
            ..StartRequest::default()
        };
        // What it knows may be old: then somebody has to pull.
        let looked = self.store.fresh();
        let what = format!("start {plan} as run-{count}");
        let done = looked.and_then(|_| start(self.store, &request));
        let done = done.map(|_| String::new());
        let path = plans::key(Kind::Execution, &format!("run-{count}"));
        // Whatever it was told, it counts when it is there.
        let is_there = self.shared.at_hub(|hub, _| {
            let tip = refs::get(&hub.repo, "refs/heads/main").unwrap().unwrap();
            let named =
                planspec::service::names::Named::new(Kind::Execution, &path.qualified(), None);
            planspec::service::unshared::stands_at(hub, &tip, &named).is_some()
        });
        if is_there {
            self.with(|state| state.ledger.started = state.ledger.started.max(count + 1));
        }
        (what, done)
    }

    fn deletes(&self) -> (String, Outcome) {
        let Some(name) = self.run(|_| true) else {
            return self.looks();
        };
        let request = DeleteRequest {
            kind: Some(Kind::Execution),
            names: vec![name.clone()],
            sources: Vec::new(),
            namespace: None,
            message: None,
            dry_run: false,
            yes: true,
            now: self.caller.now,
        };
        let looked = self.store.fresh();
        let done = looked.and_then(|_| delete(self.store, &request));
        (format!("delete {name}"), done.map(|_| String::new()))
    }
}

/// When every run is over: nothing moves any more, nothing that was promised is lost, and who decides everything again
/// comes to the same.
pub fn check_end(shared: &Shared) -> Result<(), String> {
    let now = shared.state.borrow_mut().millis.div_euclid(1000) + 3600;
    let now = Time::from_timestamp(now, 0).unwrap();
    let store = Store {
        repo: shared.place.clone_for(1000).open(),
        remote: Some("origin".to_owned()),
        side: Side::Checkout,
    };
    let said = |error: Error| format!("at the end: {:?} {}", error.kind, error.message);
    for _ in 0..5 {
        if !reconcile(&store, &ReconcileRequest::at(now))
            .map_err(said)?
            .changed
        {
            break;
        }
    }
    let whole = ReconcileRequest {
        full: true,
        ..ReconcileRequest::at(now)
    };
    let done = reconcile(&store, &whole).map_err(said)?;
    if done.changed {
        return Err(format!("no fixed point: {:?}", done.transitions));
    }
    shared.at_hub(|hub, state| {
        ledger::look(hub, state)?;
        ledger::check_acknowledged(&hub.repo, &state.ledger)?;
        let all = refs::list(&hub.repo, "refs/").map_err(|error| error.to_string())?;
        for (name, id) in all {
            for byte in name.bytes().chain(id.bytes()) {
                state.figures.digest =
                    (state.figures.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Ok::<_, String>(())
    })?;
    let audited = audit(store, &AuditRequest::default()).map_err(said)?;
    if audited.broken.is_some() || !audited.unknown.is_empty() {
        return Err(format!("replay gives something else: {audited:?}"));
    }
    Ok(())
}
