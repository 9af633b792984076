//! The published API: resources and namespaces.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::query::{self, ListQuery, Meant};
use super::status::{Answer, Refusal, sent_as, sentence, success};
use super::tokens::{Holder, Right};
use super::{App, body, keeper, read, watch};
use crate::api::change::ResourceChange;
use crate::core::resource::{API_VERSION, Key};
use crate::service::delete::{DeleteRequest, delete};
use crate::service::live::{Item, LiveNamespace};
use crate::service::namespaces;
use crate::service::store::Store;
use crate::service::write::{self, Refused, Verb, WriteRequest, Written};

type AppState = State<Arc<App>>;
type ByPath<T> = Result<Path<T>, PathRejection>;
type ByQuery = Result<Query<ListQuery>, QueryRejection>;

fn path<T>(path: ByPath<T>) -> Answer<T> {
    path.map(|Path(path)| path)
        .map_err(|error| Refusal::bad(error.body_text()))
}

fn asked(query: ByQuery) -> Answer<ListQuery> {
    query
        .map(|Query(query)| query)
        .map_err(|error| Refusal::bad(error.body_text()))
}

/// A response with JSON that is already serialized.
fn json_bytes(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// A resource, or 304 if the client has this version.
fn item(code: StatusCode, headers: &HeaderMap, item: &Arc<Item>) -> Response {
    let tag = format!("\"{}\"", item.version);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok());
    let has_it = known.is_some_and(|known| {
        let mut tags = known
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|known| known == tag || known == "*")
    });
    let mut response = if has_it && code == StatusCode::OK {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = json_bytes(Bytes::from_owner(Arc::clone(&item.json)));
        *response.status_mut() = code;
        response
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn missing(key: &Key) -> Refusal {
    let Key {
        kind,
        namespace,
        name,
    } = key;
    Refusal::not_found(format!(
        "{kind} '{name}' not found in namespace '{namespace}'"
    ))
}

/// `GET /namespaces/{namespace}/{type}`
pub async fn list(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    query: ByQuery,
    headers: HeaderMap,
) -> Answer {
    let (namespace, word) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    listed(&app, &word, Some(&namespace), query, &headers)
}

/// `GET /{type}`
pub async fn list_all(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
    query: ByQuery,
    headers: HeaderMap,
) -> Answer {
    let word = path(of)?;
    query::kind(&word)?;
    holder.may(Right::Read, None)?;
    listed(&app, &word, None, query, &headers)
}

fn listed(
    app: &Arc<App>,
    word: &str,
    namespace: Option<&str>,
    query: ByQuery,
    headers: &HeaderMap,
) -> Answer {
    let kind = query::kind(word)?;
    let query = asked(query)?;
    let meant = Meant::read(kind, namespace, &query)?;
    if query.watch == Some(true) {
        return watch::watch(app, meant, &query, headers);
    }
    let live = read(app)?;
    Ok(json_bytes(query::list(&live, &meant, &query)?))
}

/// `GET /namespaces/{namespace}/{type}/watch`
pub async fn watch_some(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    query: ByQuery,
    headers: HeaderMap,
) -> Answer {
    let (namespace, word) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    let query = asked(query)?;
    let meant = Meant::read(query::kind(&word)?, Some(&namespace), &query)?;
    watch::watch(&app, meant, &query, &headers)
}

/// `GET /{type}/watch`
pub async fn watch_all(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
    query: ByQuery,
    headers: HeaderMap,
) -> Answer {
    let word = path(of)?;
    let query = asked(query)?;
    let meant = Meant::read(query::kind(&word)?, None, &query)?;
    holder.may(Right::Read, None)?;
    watch::watch(&app, meant, &query, &headers)
}

/// `GET /namespaces/{namespace}/{type}/{name}`
pub async fn get(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let (namespace, word, name) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    let key = Key::new(query::kind(&word)?, namespace, name);
    let live = read(&app)?;
    let found = live.get(&key).ok_or_else(|| missing(&key))?;
    Ok(item(StatusCode::OK, &headers, found))
}

/// `GET /namespaces/{namespace}/plans/{name}/graph`
pub async fn graph(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
) -> Answer {
    let (namespace, name) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    let key = Key::new(crate::core::resource::Kind::Plan, namespace, name);
    let live = read(&app)?;
    let found = live.get(&key).ok_or_else(|| missing(&key))?;
    let plan: Value = serde_json::from_slice(&found.json).unwrap_or_default();
    Ok(sent_as(StatusCode::OK, &plan["spec"]["graph"]))
}

/// `GET /namespaces/{namespace}/goals/{name}/plan`
pub async fn active_plan(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let (namespace, name) = path(of)?;
    holder.may(Right::Read, Some(&namespace))?;
    let goal = Key::new(crate::core::resource::Kind::Goal, &namespace, name);
    let live = read(&app)?;
    let found = live.get(&goal).ok_or_else(|| missing(&goal))?;
    let value: Value = serde_json::from_slice(&found.json).unwrap_or_default();
    let chosen = &value["status"]["activePlanRef"];
    let Some(plan) = chosen["name"].as_str() else {
        return Err(Refusal::not_found(format!("{goal} has no active plan")));
    };
    let namespace = chosen["namespace"].as_str().unwrap_or(&namespace);
    let key = Key::new(crate::core::resource::Kind::Plan, namespace, plan);
    let found = live.get(&key).ok_or_else(|| missing(&key))?;
    Ok(item(StatusCode::OK, &headers, found))
}

/// A write, with its author.
struct Writing<'a> {
    app: &'a Arc<App>,
    holder: &'a Holder,
    headers: &'a HeaderMap,
}

impl Writing<'_> {
    /// Commits, and waits until the change is visible to all.
    async fn write(&self, request: WriteRequest) -> Answer<(Written, keeper::Foreseen)> {
        let work = move |store: &Store, _| {
            let written: Result<Written, Refused> = write::write(store, &request);
            let keys = written.iter().flat_map(|written| &written.resources);
            let keys: BTreeSet<Key> = keys.map(|(key, _)| key.clone()).collect();
            (keys, written)
        };
        let by = self.app.by(self.holder);
        let (written, foreseen) = self.app.keeper.run(by, work).await?;
        Ok((written?, foreseen))
    }

    /// Writes one resource, and returns it as it is then.
    async fn write_one(&self, code: StatusCode, request: WriteRequest) -> Answer {
        let (written, foreseen) = self.write(request).await?;
        let Some((key, _)) = written.resources.first() else {
            return Err(Refusal::bad("nothing was sent"));
        };
        if let Some(response) = self
            .app
            .is_to_be_reviewed(written.commit.as_deref(), written.branch.as_deref())
        {
            return Ok(response);
        }
        let live = read(self.app)?;
        let mut response = match foreseen.get(key).or(live.get(key)) {
            Some(found) => item(code, self.headers, found),
            // Its last finalizer was removed.
            None => success(format!("{} '{}' deleted", key.kind, key.name)),
        };
        tell_commit(&mut response, written.commit.as_deref());
        Ok(response)
    }
}

impl App {
    /// The response to a write that was put on a branch for review.
    fn is_to_be_reviewed(&self, commit: Option<&str>, branch: Option<&str>) -> Option<Response> {
        self.for_review.as_ref()?;
        let (commit, branch) = (commit?, branch?);
        let body = json!({
            "apiVersion": API_VERSION,
            "kind": "Status",
            "status": "Success",
            "message": format!("on branch `{branch}` for review: it takes effect when merged"),
            "code": 202,
            "details": {"branch": branch, "commit": commit},
        });
        let mut response = sent_as(StatusCode::ACCEPTED, &body);
        tell_commit(&mut response, Some(commit));
        Some(response)
    }

    /// Namespaces are files beside the resources; they are only written directly.
    fn check_writes_directly(&self) -> Answer<()> {
        match self.for_review {
            None => Ok(()),
            Some(_) => Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "NotReady",
                "here, writes are reviewed first, but namespaces are created and removed directly",
            )
            .hint("a namespace exists when a resource is in it; or start the server with --write-direct")),
        }
    }
}

fn tell_commit(response: &mut Response, commit: Option<&str>) {
    let commit = commit.and_then(|commit| HeaderValue::from_str(commit).ok());
    if let Some(commit) = commit {
        response.headers_mut().insert("x-planspec-commit", commit);
    }
}

/// `POST /namespaces/{namespace}/{type}`
pub async fn create(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let (namespace, word) = path(of)?;
    let kind = query::kind(&word)?;
    holder.may(Right::Write, Some(&namespace))?;
    let value = body::one(&headers, &body::bytes(sent, app.max_body).await?)?;
    let writing = Writing {
        app: &app,
        holder: &holder,
        headers: &headers,
    };
    let request = WriteRequest {
        verb: Verb::Create(kind),
        namespace,
        values: vec![value],
        message: None,
        dry_run: false,
    };
    writing.write_one(StatusCode::CREATED, request).await
}

/// `PUT` and `PATCH /namespaces/{namespace}/{type}/{name}`
async fn change(
    (app, holder, of): (Arc<App>, Holder, ByPath<(String, String, String)>),
    (headers, sent): (HeaderMap, Body),
    is_patch: bool,
) -> Answer {
    let (namespace, word, name) = path(of)?;
    let kind = query::kind(&word)?;
    holder.may(Right::Write, Some(&namespace))?;
    let value = body::one(&headers, &body::bytes(sent, app.max_body).await?)?;
    let writing = Writing {
        app: &app,
        holder: &holder,
        headers: &headers,
    };
    let verb = if is_patch {
        Verb::Patch(kind, name)
    } else {
        Verb::Replace(kind, name)
    };
    let request = WriteRequest {
        verb,
        namespace,
        values: vec![value],
        message: None,
        dry_run: false,
    };
    writing.write_one(StatusCode::OK, request).await
}

/// `PUT /namespaces/{namespace}/{type}/{name}`
pub async fn replace(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    change((app, holder, of), (headers, sent), false).await
}

/// `PATCH /namespaces/{namespace}/{type}/{name}`, as a JSON merge patch.
pub async fn patch(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    change((app, holder, of), (headers, sent), true).await
}

/// `DELETE /namespaces/{namespace}/{type}/{name}`
pub async fn remove(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
) -> Answer {
    let (namespace, word, name) = path(of)?;
    let kind = query::kind(&word)?;
    holder.may(Right::Write, Some(&namespace))?;
    let key = Key::new(kind, &namespace, &name);
    let (about, wanted) = (key.clone(), key.clone());
    let work = move |store: &Store, now| {
        let request = DeleteRequest {
            kind: Some(kind),
            names: vec![wanted.name.clone()],
            sources: Vec::new(),
            namespace: Some(wanted.namespace.clone()),
            message: None,
            dry_run: false,
            yes: true,
            now,
        };
        let deleted = write::decided_anew(store, || delete(store, &request));
        (BTreeSet::from([about]), deleted)
    };
    let (deleted, _) = app.keeper.run(app.by(&holder), work).await?;
    let deleted = deleted.map_err(|error| match error.kind {
        crate::service::ErrorKind::NotFound => missing(&key),
        _ => Refusal::from(error),
    })?;
    let change = deleted.answer.change;
    if let Some(response) =
        app.is_to_be_reviewed(change.commit.as_deref(), change.branch.as_deref())
    {
        return Ok(response);
    }
    let mut response = success(format!("{kind} '{name}' deleted"));
    if !change.notes.is_empty() {
        let notes = change.notes.join("; ");
        response = success(format!("{kind} '{name}': {notes}"));
    }
    tell_commit(&mut response, change.commit.as_deref());
    Ok(response)
}

/// `PUT /namespaces/{namespace}/{type}/{name}/status`: only `reconcile` writes a status.
pub async fn status(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<(String, String, String)>,
) -> Answer {
    let (namespace, word, name) = path(of)?;
    holder.may(Right::Write, Some(&namespace))?;
    let key = Key::new(query::kind(&word)?, namespace, name);
    if read(&app)?.get(&key).is_none() {
        return Err(missing(&key));
    }
    let why = "a status follows from records and commits, and cannot be written";
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", why).hint(
        "record what happened instead: POST …/executions/NAME/nodes/NODE/report, …/gates/NAME/decisions, …/executions/NAME/attestations, retry or cancel",
    ))
}

/// `POST /namespaces/{namespace}/apply`
pub async fn apply(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let namespace = path(of)?;
    holder.may(Right::Write, Some(&namespace))?;
    let values = body::many(&headers, &body::bytes(sent, app.max_body).await?)?;
    if values.is_empty() {
        return Ok(sent_as(
            StatusCode::OK,
            &json!({"applied": [], "errors": []}),
        ));
    }
    let writing = Writing {
        app: &app,
        holder: &holder,
        headers: &headers,
    };
    let request = WriteRequest {
        verb: Verb::Apply,
        namespace,
        values,
        message: None,
        dry_run: false,
    };
    let (written, _) = writing.write(request).await?;
    if let Some(response) =
        app.is_to_be_reviewed(written.commit.as_deref(), written.branch.as_deref())
    {
        return Ok(response);
    }
    let applied = written.resources.iter().map(|(key, change)| {
        let action = match change {
            ResourceChange::Created => "created",
            ResourceChange::Configured => "updated",
            ResourceChange::Unchanged => "unchanged",
            ResourceChange::Deleted => "deleted",
        };
        json!({"kind": key.kind.name(), "name": key.name, "namespace": key.namespace, "action": action})
    });
    let applied: Vec<Value> = applied.collect();
    let mut response = sent_as(StatusCode::OK, &json!({"applied": applied, "errors": []}));
    tell_commit(&mut response, written.commit.as_deref());
    Ok(response)
}

/// `POST /validate`
pub async fn validate(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    holder.has(Right::Read)?;
    let values = body::many(&headers, &body::bytes(sent, app.max_body).await?)?;
    let checked = app.look(move |store| write::check(store, &values)).await?;
    let results = checked
        .iter()
        .enumerate()
        .map(|(index, (kind, name, causes))| {
            let mut result =
                json!({"index": index, "kind": kind, "name": name, "valid": causes.is_empty()});
            if !causes.is_empty() {
                let errors: Vec<String> = causes.iter().map(sentence).collect();
                result["errors"] = json!(errors);
            }
            result
        });
    let results: Vec<Value> = results.collect();
    let valid = checked.iter().all(|(_, _, causes)| causes.is_empty());
    Ok(sent_as(
        StatusCode::OK,
        &json!({"valid": valid, "results": results}),
    ))
}

fn namespace_value(app: &App, one: &LiveNamespace) -> Value {
    let created = one.created.map(crate::core::base::time::exact);
    let seed = format!("{}/namespaces/{}", app.name, one.name);
    let uid = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, seed.as_bytes());
    let version = uid.simple().to_string();
    json!({
        "apiVersion": API_VERSION,
        "kind": "Namespace",
        "metadata": {
            "name": one.name,
            "uid": uid.to_string(),
            "resourceVersion": version.get(..12).unwrap_or(&version),
            "creationTimestamp": created,
        },
    })
}

fn no_namespace(name: &str) -> Refusal {
    Refusal::not_found(format!("Namespace '{name}' not found"))
}

/// `GET /namespaces`
pub async fn namespaces(State(app): AppState, Extension(holder): Extension<Holder>) -> Answer {
    let live = read(&app)?;
    let all = live.namespaces();
    let seen = all.iter().filter(|one| holder.sees(&one.name));
    let items: Vec<Value> = seen.map(|one| namespace_value(&app, one)).collect();
    let metadata = json!({"resourceVersion": &*live.version()});
    let list = json!({"apiVersion": API_VERSION, "kind": "NamespaceList", "items": items, "metadata": metadata});
    Ok(sent_as(StatusCode::OK, &list))
}

fn namespace_named(app: &App, name: &str) -> Answer<Option<Value>> {
    let all = read(app)?.namespaces();
    let found = all.iter().find(|one| one.name == name);
    Ok(found.map(|one| namespace_value(app, one)))
}

/// `GET /namespaces/{namespace}`
pub async fn namespace(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
) -> Answer {
    let name = path(of)?;
    holder.may(Right::Read, Some(&name))?;
    let found = namespace_named(&app, &name)?.ok_or_else(|| no_namespace(&name))?;
    Ok(sent_as(StatusCode::OK, &found))
}

/// `POST /namespaces`
pub async fn create_namespace(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    let value = body::one(&headers, &body::bytes(sent, app.max_body).await?)?;
    let name = value.pointer("/metadata/name").and_then(Value::as_str);
    let invalid = |why: String| Refusal::new(StatusCode::BAD_REQUEST, "Invalid", why);
    let name = name
        .ok_or_else(|| invalid("`metadata.name` is missing".to_owned()))?
        .to_owned();
    holder.may(Right::Write, Some(&name))?;
    app.check_writes_directly()?;
    if namespace_named(&app, &name)?.is_some() {
        let why = format!("Namespace '{name}' already exists");
        return Err(Refusal::new(StatusCode::CONFLICT, "AlreadyExists", why));
    }
    let wanted = name.clone();
    let work = move |store: &Store, now| {
        let made = write::decided_anew(store, || namespaces::create(store, &wanted, now));
        (BTreeSet::new(), made)
    };
    let (made, _) = app.keeper.run(app.by(&holder), work).await?;
    let made = made.map_err(|error| match error.kind {
        crate::service::ErrorKind::Ambiguous => invalid(error.message),
        _ => Refusal::from(error),
    })?;
    let found = namespace_named(&app, &name)?.ok_or_else(|| no_namespace(&name))?;
    let mut response = sent_as(StatusCode::CREATED, &found);
    tell_commit(&mut response, made.commit.as_deref());
    Ok(response)
}

/// `DELETE /namespaces/{namespace}`, with everything in it.
pub async fn remove_namespace(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: ByPath<String>,
) -> Answer {
    let name = path(of)?;
    holder.may(Right::Admin, Some(&name))?;
    app.check_writes_directly()?;
    if namespace_named(&app, &name)?.is_none() {
        return Err(no_namespace(&name));
    }
    let wanted = name.clone();
    let work = move |store: &Store, now| {
        let gone = write::decided_anew(store, || namespaces::delete_with_all(store, &wanted, now));
        (BTreeSet::new(), gone)
    };
    let (gone, _) = app.keeper.run(app.by(&holder), work).await?;
    let mut response = success(format!("Namespace '{name}' deleted"));
    tell_commit(&mut response, gone?.as_deref());
    Ok(response)
}

type OfWatch = ByPath<(String, String)>;

fn named_watch(of: OfWatch) -> ByPath<(String, String, String)> {
    of.map(|Path((namespace, word))| Path((namespace, word, "watch".to_owned())))
}

/// `PUT /namespaces/{namespace}/{type}/watch`: a resource named `watch` is written like any other.
pub async fn replace_watch(
    state: AppState,
    holder: Extension<Holder>,
    of: OfWatch,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    replace(state, holder, named_watch(of), headers, sent).await
}

/// `PATCH /namespaces/{namespace}/{type}/watch`
pub async fn patch_watch(
    state: AppState,
    holder: Extension<Holder>,
    of: OfWatch,
    headers: HeaderMap,
    sent: Body,
) -> Answer {
    patch(state, holder, named_watch(of), headers, sent).await
}

/// `DELETE /namespaces/{namespace}/{type}/watch`
pub async fn remove_watch(state: AppState, holder: Extension<Holder>, of: OfWatch) -> Answer {
    remove(state, holder, named_watch(of)).await
}
