//! Checks that every request passes first: the number of requests, their origin, and the token.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::App;
use super::board;
use super::status::{Answer, Refusal};
use super::tokens::Holder;

/// Numbers the requests, for the log.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// Passes or refuses a request, logs it, and adds security headers to the response.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let reads_pages = reads_pages(request.headers());
    let checked = check(&app, &request);
    let who = checked
        .as_ref()
        .map_or("-", |holder| holder.name.as_str())
        .to_owned();
    let mut response = match checked {
        Ok(holder) => pass(&app, request, holder, next).await,
        Err(refusal) => refusal.into_response(),
    };
    if reads_pages && let Some(page) = board::refusal(&path, &response) {
        response = page;
    }
    let headers = response.headers_mut();
    headers.insert("x-request-id", HeaderValue::from(number));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    let status = response.status().as_u16();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let path = path.escape_debug();
    match route {
        Some(_) if status < 500 => {
            tracing::debug!(request = number, %method, %path, status, ms, who)
        }
        _ => tracing::info!(request = number, %method, %path, status, ms, who),
    }
    response
}

/// Whether the answer is for a person with a browser.
fn reads_pages(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

async fn pass(app: &App, mut request: Request, holder: Holder, next: Next) -> Response {
    let Ok(_permit) = app.places.try_acquire() else {
        let why = "too many requests are in progress";
        return Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", why)
            .hint("try again in a moment")
            .header(header::RETRY_AFTER, "1")
            .into_response();
    };
    let is_head = request.method() == Method::HEAD;
    request.extensions_mut().insert(holder);
    let response = next.run(request).await;
    if is_head || response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let code = StatusCode::METHOD_NOT_ALLOWED;
    let mut refused = Refusal::new(
        code,
        "MethodNotAllowed",
        "this path does not support this method",
    )
    .into_response();
    if let Some(allow) = allow {
        refused.headers_mut().insert(header::ALLOW, allow);
    }
    refused
}

fn check(app: &App, request: &Request) -> Answer<Holder> {
    let headers = request.headers();
    check_host(app, headers)?;
    check_origin(app, headers)?;
    check_path(request.uri().path())?;
    let is_open = matches!(request.uri().path(), "/healthz" | "/health")
        || request.uri().path().starts_with("/webhooks/");
    match &app.tokens {
        None => Ok(Holder::local(app.is_read_only)),
        Some(_) if is_open => Ok(Holder::local(true)),
        Some(tokens) => {
            let holder = token_of(headers).and_then(|token| tokens.holder(&token));
            holder.cloned().ok_or_else(|| {
                Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "Unauthorized",
                    "the request has no known token",
                )
                .hint("send Authorization: Bearer TOKEN")
            })
        }
    }
}

/// The token of a request: a program sends it as a bearer token, a browser as the password that a person types.
fn token_of(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(token.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Without tokens, every client has all rights. So only local host names are accepted, lest a web page point its own
/// name at this server (DNS rebinding).
fn check_host(app: &App, headers: &HeaderMap) -> Answer<()> {
    if app.tokens.is_some() {
        return Ok(());
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match host.map(name_of) {
        Some(name) if is_of_this_machine(name) => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "without tokens, the server accepts only local host names",
        )
        .hint("use localhost or 127.0.0.1; for other names, start the server with --tokens")),
    }
}

/// Browsers send the origin of the page with its requests.
fn check_origin(app: &App, headers: &HeaderMap) -> Answer<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let own = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let is_own = authority.is_some() && authority == own;
    if is_own || app.origins.iter().any(|known| known == origin) {
        return Ok(());
    }
    let why = "this request comes from a page of another origin";
    Err(Refusal::new(StatusCode::FORBIDDEN, "Forbidden", why))
}

/// Names have no slash. An encoded one would lead to another namespace than the path, which the token was checked for.
fn check_path(path: &str) -> Answer<()> {
    if path.to_ascii_lowercase().contains("%2f") {
        return Err(Refusal::bad("the path contains an encoded `/`"));
    }
    Ok(())
}

/// The name in a `Host` header, without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_of_this_machine(name: &str) -> bool {
    let address: Option<IpAddr> = name.parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_told_from_others() {
        for (host, expected) in [
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("127.8.8.8:1", true),
            ("[::1]:8080", true),
            ("LOCALHOST", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("10.0.0.1:8080", false),
            ("", false),
        ] {
            assert_eq!(is_of_this_machine(name_of(host)), expected, "{host}");
        }
    }
}
