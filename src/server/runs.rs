//! Requests of workers, reviewers and operators about runs. The answers are those of the commands.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::App;
use super::body;
use super::query;
use super::status::{Answer, Refusal, sent_as, success};
use super::tokens::{Holder, Right};
use crate::api::{self, Answer as Document};
use crate::core::repository::config::Deciding;
use crate::core::resource::{Duration, Kind, ReviewAction, Time};
use crate::core::run::record::ReportResult;
use crate::service::attest::{AttestRequest, attest};
use crate::service::audit::{AuditRequest, audit};
use crate::service::carry::{self, CarryRequest};
use crate::service::claim::{ClaimRequest, ReleaseRequest, claim, release, renew};
use crate::service::decide::{DecideRequest, decide};
use crate::service::held::Working;
use crate::service::log::{EventsRequest, RevisionsRequest, events, revisions};
use crate::service::names::Named;
use crate::service::next::{NextRequest, next_in};
use crate::service::record::{RecordRequest, Recorded};
use crate::service::report::{ReportRequest, report};
use crate::service::request::{CancelRequest, RetryRequest, cancel, retry};
use crate::service::review::{ReviewRequest, review};
use crate::service::store::Store;
use crate::service::{Caller, Error, Result};
use crate::{show, shown};

type AppState = State<Arc<App>>;
type ByPath<T> = std::result::Result<Path<T>, PathRejection>;
type ByQuery<T> = std::result::Result<Query<T>, QueryRejection>;

/// A request about a run, with its sender and its target.
struct Saying {
    app: Arc<App>,
    holder: Holder,
    namespace: String,
    target: String,
}

impl Saying {
    fn new(
        (app, holder): (Arc<App>, Holder),
        right: Right,
        namespace: String,
        target: String,
    ) -> Answer<Saying> {
        holder.may(right, Some(&namespace))?;
        Ok(Saying {
            app,
            holder,
            namespace,
            target,
        })
    }

    /// The body of the request.
    async fn said<T: serde::de::DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        sent: Body,
    ) -> Answer<T> {
        body::options(headers, &body::bytes(sent, self.app.max_body).await?)
    }

    fn record(&self, now: Time) -> RecordRequest {
        RecordRequest {
            caller: Caller {
                actor: self.holder.actor.clone(),
                now,
            },
            target: self.target.clone(),
            namespace: Some(self.namespace.clone()),
            // One reconcile follows after several requests.
            reconcile: false,
        }
    }

    fn working(&self, claim: Option<String>) -> Working {
        Working {
            session: Some(self.holder.session.clone()),
            claim,
        }
    }

    /// Sends a record in the thread that writes, and answers when it is visible to all.
    async fn send<A: Send + 'static>(
        self,
        work: impl FnOnce(&Saying, &Store, Time) -> Result<Recorded<A>> + Send + 'static,
    ) -> Answer
    where
        api::record::Recorded<A>: Document,
    {
        let app = Arc::clone(&self.app);
        let by = app.by(&self.holder);
        let work = move |store: &Store, now| {
            let sent = work(&self, store, now);
            let document = sent.and_then(|sent| Ok(api::document(&sent.answer)?));
            (BTreeSet::new(), document)
        };
        let (document, _) = app.keeper.run(by, work).await?;
        Ok(sent_as(StatusCode::OK, &document?))
    }
}

fn path<T>(path: ByPath<T>) -> Answer<T> {
    path.map(|Path(path)| path)
        .map_err(|error| Refusal::bad(error.body_text()))
}

fn asked<T>(query: ByQuery<T>) -> Answer<T> {
    query
        .map(|Query(query)| query)
        .map_err(|error| Refusal::bad(error.body_text()))
}

type Who = (AppState, Extension<Holder>);

fn node_of(
    (State(app), Extension(holder)): Who,
    of: ByPath<(String, String, String)>,
) -> Answer<Saying> {
    let (namespace, execution, node) = path(of)?;
    Saying::new(
        (app, holder),
        Right::Work,
        namespace,
        format!("{execution}/{node}"),
    )
}

/// The body of a claim.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ClaimBody {
    lease: Option<Duration>,
    claim: Option<String>,
}

impl ClaimBody {
    fn request(self, saying: &Saying, now: Time) -> ClaimRequest {
        ClaimRequest {
            record: saying.record(now),
            working: saying.working(self.claim),
            lease: self.lease,
        }
    }
}

/// `POST /namespaces/{namespace}/executions/{name}/nodes/{node}/claim`
pub async fn claim_node(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = node_of((state, holder), of)?;
    let said: ClaimBody = saying.said(&headers, sent).await?;
    saying
        .send(|saying, store, now| claim(store, &said.request(saying, now)))
        .await
}

/// `POST …/nodes/{node}/renew`
pub async fn renew_node(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = node_of((state, holder), of)?;
    let said: ClaimBody = saying.said(&headers, sent).await?;
    saying
        .send(|saying, store, now| renew(store, &said.request(saying, now)))
        .await
}

/// The body of a release.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ReleaseBody {
    message: String,
    claim: Option<String>,
}

/// `POST …/nodes/{node}/release`
pub async fn release_node(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = node_of((state, holder), of)?;
    let said: ReleaseBody = saying.said(&headers, sent).await?;
    let work = move |saying: &Saying, store: &Store, now: Time| {
        let request = ReleaseRequest {
            record: saying.record(now),
            working: saying.working(said.claim),
            message: said.message,
        };
        release(store, &request)
    };
    saying.send(work).await
}

/// The body of a report.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReportBody {
    result: ReportResult,
    #[serde(default)]
    outputs: Map<String, Value>,
    #[serde(default)]
    message: String,
    commit: Option<String>,
    attempt: Option<u32>,
    claim: Option<String>,
}

/// `POST …/nodes/{node}/report`
pub async fn report_node(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = node_of((state, holder), of)?;
    let said: ReportBody = saying.said(&headers, sent).await?;
    let work = move |saying: &Saying, store: &Store, now: Time| {
        let request = ReportRequest {
            typed: Vec::new(),
            record: saying.record(now),
            working: saying.working(said.claim),
            result: said.result,
            outputs: said.outputs,
            message: said.message,
            commit: said.commit,
            attempt: said.attempt,
        };
        report(store, &request)
    };
    saying.send(work).await
}

/// The body of a review.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DecisionBody {
    decision: ReviewAction,
    execution: Option<String>,
    node: Option<String>,
    digest: Option<String>,
    #[serde(default)]
    message: String,
}

/// `POST /namespaces/{namespace}/gates/{name}/decisions`
pub async fn decide_at(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let (namespace, gate) = path(of)?;
    let bytes = body::bytes(sent, app.max_body).await?;
    let said: DecisionBody = body::options(&headers, &bytes)?;
    let decision = AtGate {
        namespace,
        gate,
        execution: said.execution,
        node: said.node,
        digest: said.digest,
        decision: said.decision,
        message: said.message,
    };
    decision.send(app, holder).await
}

/// A review at a gate.
pub struct AtGate {
    /// The gate's namespace.
    pub namespace: String,
    /// Its name.
    pub gate: String,
    /// The run.
    pub execution: Option<String>,
    /// The gate node.
    pub node: Option<String>,
    /// The digest that the reviewer has seen.
    pub digest: Option<String>,
    /// The kind of the review.
    pub decision: ReviewAction,
    /// The reason.
    pub message: String,
}

impl AtGate {
    /// Records the review.
    ///
    /// # Errors
    /// The holder may not review here, or the gate no longer waits.
    pub async fn send(self, app: Arc<App>, holder: Holder) -> Answer {
        let saying = Saying::new((app, holder), Right::Decide, self.namespace, self.gate)?;
        let work = move |saying: &Saying, store: &Store, now: Time| {
            let request = DecideRequest {
                record: saying.record(now),
                execution: self.execution,
                node: self.node,
                digest: self.digest,
                decision: self.decision,
                message: self.message,
            };
            decide(store, &request)
        };
        saying.send(work).await
    }
}

fn run_of(
    (State(app), Extension(holder)): Who,
    right: Right,
    of: ByPath<(String, String)>,
) -> Answer<Saying> {
    let (namespace, execution) = path(of)?;
    Saying::new((app, holder), right, namespace, execution)
}

/// The body of an attestation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AttestationBody {
    criterion: String,
    met: bool,
    #[serde(default)]
    evidence: String,
    commit: Option<String>,
}

/// `POST /namespaces/{namespace}/executions/{name}/attestations`
pub async fn attest_of(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = run_of((state, holder), Right::Decide, of)?;
    let said: AttestationBody = saying.said(&headers, sent).await?;
    let work = move |saying: &Saying, store: &Store, now: Time| {
        let request = AttestRequest {
            record: saying.record(now),
            criterion: said.criterion,
            met: said.met,
            evidence: said.evidence,
            commit: said.commit,
        };
        attest(store, &request)
    };
    saying.send(work).await
}

/// The body of a retry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RetryBody {
    node: Option<String>,
    rebind: bool,
    again: bool,
    plan: Option<String>,
    message: String,
}

/// `POST /namespaces/{namespace}/executions/{name}/retry`
pub async fn retry_run(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let mut saying = run_of((state, holder), Right::Admin, of)?;
    let said: RetryBody = saying.said(&headers, sent).await?;
    if let Some(node) = &said.node {
        saying.target = format!("{}/{node}", saying.target);
    }
    let work = move |saying: &Saying, store: &Store, now: Time| {
        let request = RetryRequest {
            record: saying.record(now),
            rebind: said.rebind,
            again: said.again,
            plan: said.plan,
            message: said.message,
        };
        retry(store, &request)
    };
    saying.send(work).await
}

/// The reason of a cancellation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct CancelBody {
    message: String,
}

/// `POST /namespaces/{namespace}/executions/{name}/cancel`
pub async fn cancel_run(
    state: AppState,
    holder: Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let saying = run_of((state, holder), Right::Admin, of)?;
    let said: CancelBody = saying.said(&headers, sent).await?;
    let work = move |saying: &Saying, store: &Store, now: Time| {
        let request = CancelRequest {
            record: saying.record(now),
            message: said.message,
        };
        cancel(store, &request)
    };
    saying.send(work).await
}

/// A record as its author made it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordBody {
    #[serde(rename = "ref")]
    name: String,
    commit: String,
    record: String,
}

/// `POST /records`: stores a record that a client has made. Where the repository requires a signature, that proves the
/// actor; otherwise the token must be for this actor, and have the right.
pub async fn carry_record(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let said: RecordBody = body::options(&headers, &body::bytes(sent, app.max_body).await?)?;
    let by = app.by(&holder);
    let work = move |store: &Store, _| {
        let request = CarryRequest {
            name: said.name,
            commit: said.commit.into_bytes(),
            record: said.record,
        };
        (BTreeSet::new(), carried(store, &holder, &request))
    };
    let (id, _) = app.keeper.run(by, work).await?;
    let id = id?;
    let mut response = success(format!("record {id} is sent"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-planspec-record", id);
    }
    Ok(response)
}

fn carried(store: &Store, holder: &Holder, request: &CarryRequest) -> Answer<String> {
    let carried = carry::take(store, request)?;
    let namespace = Some(carried.address.namespace());
    holder.may(Right::Work, namespace)?;
    match carried.decides {
        None | Some(Deciding::Reports) => {}
        Some(Deciding::Requests) => holder.may(Right::Admin, namespace)?,
        Some(_) => holder.may(Right::Decide, namespace)?,
    }
    let is_proven = carried.decides.is_none() && carried.record.action.decides().is_some();
    let actor = holder.actor.as_ref();
    if !is_proven && actor.is_some_and(|actor| *actor != carried.record.actor) {
        let why = format!(
            "the record is by {}, but this token is not",
            carried.record.actor
        );
        return Err(Error::forbidden(why).into());
    }
    Ok(carried.send(store)?)
}

/// Query parameters of what can be claimed.
#[derive(Debug, Default, Deserialize)]
pub struct NextQuery {
    provider: Option<String>,
    limit: Option<usize>,
}

async fn next_of(
    app: &Arc<App>,
    (namespace, execution): (Option<String>, Option<String>),
    query: NextQuery,
) -> Answer {
    let now = crate::clock::now().map_err(Refusal::bad)?;
    let request = NextRequest {
        execution,
        namespace,
        provider: query.provider,
        limit: query.limit,
        for_programs: false,
        now,
    };
    let document = app
        .look(move |store| Ok(api::document(&next_in(store, store.look()?, &request)?)?))
        .await?;
    Ok(sent_as(StatusCode::OK, &document))
}

/// `GET /next`
pub async fn next_everywhere(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    query: ByQuery<NextQuery>,
) -> Answer {
    holder.may(Right::Read, None)?;
    next_of(&app, (None, None), asked(query)?).await
}

/// `GET /namespaces/{namespace}/next`
pub async fn next_in_namespace(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
    query: ByQuery<NextQuery>,
) -> Answer {
    let namespace = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    next_of(&app, (Some(namespace), None), asked(query)?).await
}

/// `GET /namespaces/{namespace}/executions/{name}/next`
pub async fn next_of_run(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    query: ByQuery<NextQuery>,
) -> Answer {
    let (namespace, name) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    next_of(&app, (Some(namespace), Some(name)), asked(query)?).await
}

/// Query parameters of a log.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    limit: Option<usize>,
}

/// `GET /namespaces/{namespace}/{type}/{name}/log`
pub async fn log_of(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
    query: ByQuery<LogQuery>,
) -> Answer {
    let (namespace, word, name) = path(of)?;
    let kind = query::kind(&word)?;
    holder.may(Right::Read, Some(&namespace))?;
    let limit = asked(query)?.limit.unwrap_or(usize::MAX);
    let document = app
        .look(move |store| {
            let namespace = Some(namespace);
            if kind == Kind::Execution {
                let request = EventsRequest {
                    name,
                    namespace,
                    limit,
                };
                return Ok(api::document(&events(store, &request)?)?);
            }
            let named = Named {
                kind,
                name,
                namespace,
            };
            let request = RevisionsRequest {
                named,
                limit,
                revision: None,
            };
            Ok(api::document(&revisions(store, &request)?)?)
        })
        .await?;
    Ok(sent_as(StatusCode::OK, &document))
}

/// Query parameters of a review.
#[derive(Debug, Default, Deserialize)]
pub struct ReviewQuery {
    base: Option<String>,
    head: Option<String>,
    plan: Option<String>,
    namespace: Option<String>,
}

/// `GET /review`
pub async fn review_of(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    query: ByQuery<ReviewQuery>,
) -> Answer {
    let query = asked(query)?;
    holder.may(Right::Read, None)?;
    let (Some(base), Some(head)) = (query.base, query.head) else {
        return Err(Refusal::bad("`base` and `head` are both required"));
    };
    if [&base, &head]
        .into_iter()
        .any(|revision| revision.contains("..") || revision.starts_with('-'))
    {
        return Err(Refusal::bad(
            "`base` and `head` must each be one revision, not a range",
        ));
    }
    let request = ReviewRequest {
        range: Some(format!("{base}...{head}")),
        plan: query.plan,
        step: None,
        namespace: query.namespace,
    };
    let document = app
        .look(move |store| {
            let reviewed = review(store, &request)?;
            let findings = reviewed.findings.values();
            let answer = shown::of_review(&reviewed, |shown| {
                show::review::json::answer(shown, findings)
            });
            Ok(api::document(&answer)?)
        })
        .await?;
    Ok(sent_as(StatusCode::OK, &document))
}

/// Query parameters of an audit.
#[derive(Debug, Default, Deserialize)]
pub struct AuditQuery {
    namespace: Option<String>,
    execution: Option<String>,
    since: Option<String>,
}

/// `GET /audit`
pub async fn audit_of(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    query: ByQuery<AuditQuery>,
) -> Answer {
    let query = asked(query)?;
    holder.may(Right::Read, query.namespace.as_deref())?;
    let namespace = query.namespace;
    let named = query
        .execution
        .map(|name| Named::new(Kind::Execution, &name, namespace.as_deref()));
    let request = AuditRequest {
        execution: named,
        since: query.since,
        trust: None,
    };
    let again = Arc::clone(&app);
    let document = app
        .look(move |_| Ok(api::document(&audit(again.reader()?, &request)?)?))
        .await?;
    Ok(sent_as(StatusCode::OK, &document))
}
