//! The board: the pages of `planspec board`, with the current state.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::App;
use super::runs::AtGate;
use super::status::{Answer, Refusal, Told};
use super::tokens::{Holder, Right};
use super::watch;
use crate::api::board::{BrokenPage, Page, PageName};
use crate::clock;
use crate::core::repository::config::Deciding;
use crate::core::resource::ReviewAction;
use crate::service::board::Board;
use crate::show::pages::{self, Links, POLICY, SCRIPT, SCRIPT_FILE, STYLE, STYLE_FILE};

type AppState = State<Arc<App>>;

fn of_type(media: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let policy = HeaderValue::from_static(POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn page_of(html: String, policy: &'static str, referrer: &'static str) -> Response {
    let mut response = of_type("text/html; charset=utf-8", html);
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let referrer = HeaderValue::from_static(referrer);
    headers.insert(header::REFERRER_POLICY, referrer);
    response
}

/// `GET /`
pub async fn home(State(app): AppState, Extension(holder): Extension<Holder>) -> Answer {
    page(app, holder, PageName::Home).await
}

/// `GET /{file}`: the style sheet, the script, and pages at the top.
pub async fn file(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: Result<Path<String>, PathRejection>,
) -> Answer {
    let name = of.map_err(|error| Refusal::bad(error.body_text()))?.0;
    match name.as_str() {
        STYLE_FILE => Ok(of_type("text/css; charset=utf-8", STYLE)),
        SCRIPT_FILE => Ok(of_type("text/javascript; charset=utf-8", SCRIPT)),
        name => page(app, holder, named(name)?).await,
    }
}

/// `GET /runs/{path}`
pub async fn of_runs(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: Result<Path<String>, PathRejection>,
) -> Answer {
    let path = of.map_err(|error| Refusal::bad(error.body_text()))?.0;
    page(app, holder, named(&format!("runs/{path}"))?).await
}

/// `GET /plans/{path}`
pub async fn of_plans(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: Result<Path<String>, PathRejection>,
) -> Answer {
    let path = of.map_err(|error| Refusal::bad(error.body_text()))?.0;
    page(app, holder, named(&format!("plans/{path}"))?).await
}

/// `GET /runs/`
pub async fn runs(State(app): AppState, Extension(holder): Extension<Holder>) -> Answer {
    page(app, holder, PageName::Runs).await
}

/// `GET /plans/`
pub async fn plans(State(app): AppState, Extension(holder): Extension<Holder>) -> Answer {
    page(app, holder, PageName::Plans).await
}

fn named(path: &str) -> Answer<PageName> {
    PageName::parse(path).ok_or_else(|| Refusal::not_found("the board has no such page"))
}

async fn page(app: Arc<App>, holder: Holder, name: PageName) -> Answer {
    holder.may(Right::Read, name.namespace())?;
    let now = clock::now().map_err(Refusal::bad)?;
    let decides = decides_as(&app, &holder, &name);
    let (html, policy, referrer) = app
        .look(move |store| {
            let shown = Board::new(store, Some(now)).page(&name)?;
            let signed = &store.known()?.config.approvals.require_signed;
            let decides = decides.filter(|_| !signed.covers(Deciding::Reviews));
            let links = links(&name, decides.as_deref());
            Ok((
                pages::html(&shown, &links),
                links.policy(),
                links.referrer(),
            ))
        })
        .await?;
    Ok(page_of(html, policy, referrer))
}

fn links<'a>(at: &'a PageName, decides_as: Option<&'a str>) -> Links<'a> {
    Links {
        at,
        known: None,
        place: None,
        base_url: None,
        is_live: true,
        decides_as,
    }
}

/// The actor as whom a holder may decide on a page. Without tokens, the server does not know who sends a request.
fn decides_as(app: &App, holder: &Holder, name: &PageName) -> Option<String> {
    let is_node = matches!(name, PageName::Node(..));
    let may = app.tokens.is_some() && holder.may(Right::Decide, name.namespace()).is_ok();
    holder.actor.clone().filter(|_| is_node && may)
}

/// The form of the decision buttons.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    gate: String,
    digest: String,
    decision: ReviewAction,
    #[serde(default)]
    message: String,
}

/// `POST /runs/{path}`: a decision. A browser sends the origin of the page, and only pages of this server are accepted.
pub async fn decide(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    of: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    sent: Result<Form<Decision>, FormRejection>,
) -> Answer {
    let path = of.map_err(|error| Refusal::bad(error.body_text()))?.0;
    let Form(said) = sent.map_err(|error| Refusal::bad(error.body_text()))?;
    let name = named(&format!("runs/{path}"))?;
    let PageName::Node(run, node) = name.clone() else {
        return Err(Refusal::not_found("this page does not accept decisions"));
    };
    if decides_as(&app, &holder, &name).is_none() || !headers.contains_key(header::ORIGIN) {
        let code = StatusCode::FORBIDDEN;
        let why = "decisions are accepted from a page of this server, with a token that has the right `decide`";
        return Err(Refusal::new(code, "Forbidden", why));
    }
    let Some((namespace, gate)) = said.gate.split_once('/') else {
        return Err(Refusal::bad("write the gate as NAMESPACE/NAME"));
    };
    holder.may(Right::Read, name.namespace())?;
    let decision = AtGate {
        namespace: namespace.to_owned(),
        gate: gate.to_owned(),
        execution: Some(format!("{}/{}", run.namespace, run.name)),
        node: Some(node),
        digest: Some(said.digest),
        decision: said.decision,
        message: said.message,
    };
    decision.send(app, holder).await?;
    Ok(back(&name))
}

/// A redirect to the page.
fn back(name: &PageName) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(&format!("/{name}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A refusal as a page, for a browser.
pub fn refusal(path: &str, refused: &Response) -> Option<Response> {
    let told: &Told = refused.extensions().get()?;
    let code = refused.status();
    let reason = code.canonical_reason().unwrap_or_default();
    let why = Page::Refused(BrokenPage {
        title: format!("{} {reason}", code.as_u16()),
        message: told.message.clone(),
        hint: told.hint.clone(),
    });
    let links = Links {
        place: path.strip_prefix('/'),
        ..links(&PageName::Home, None)
    };
    let html = pages::html(&why, &links);
    let mut page = page_of(html, links.policy(), links.referrer());
    *page.status_mut() = code;
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::ALLOW] {
        for value in refused.headers().get_all(&name) {
            page.headers_mut().append(&name, value.clone());
        }
    }
    Some(page)
}

/// `GET /board/events`: reports that something has changed.
pub async fn events(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    headers: HeaderMap,
) -> Answer {
    holder.may(Right::Read, None)?;
    watch::changes(&app, &headers)
}
