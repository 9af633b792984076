//! The board: the pages that `planspec board` writes, as they are now.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::App;
use super::status::{Answer, Refusal};
use super::tokens::{Holder, Right};
use super::watch;
use crate::api::board::PageName;
use crate::clock;
use crate::service::board::Board;
use crate::show::pages::{self, Links, POLICY, SCRIPT, SCRIPT_FILE, STYLE, STYLE_FILE};

type AppState = State<Arc<App>>;

fn of_type(media: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// `GET /`
pub async fn home(State(app): AppState, Extension(holder): Extension<Holder>) -> Answer {
    page(app, holder, PageName::Home).await
}

/// `GET /{file}`: the style sheet, the script, and pages in no folder.
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
    let html = app
        .look(move |store| {
            let shown = Board::new(store, Some(now)).page(&name)?;
            let links = Links {
                at: &name,
                known: None,
                base_url: None,
                is_live: true,
            };
            Ok(pages::html(&shown, &links))
        })
        .await?;
    Ok(of_type("text/html; charset=utf-8", html))
}

/// `GET /board/events`: that something has changed.
pub async fn events(
    State(app): AppState,
    Extension(holder): Extension<Holder>,
    headers: HeaderMap,
) -> Answer {
    holder.may(Right::Read, None)?;
    watch::changes(&app, &headers)
}
