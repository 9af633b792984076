//! Webhooks of a forge: something was pushed, so the server checks at once. They need their own secret, and their
//! content is ignored: the state is read from the repository.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::App;
use super::body;
use super::status::{Answer, Refusal, success};

/// Maximum size of a call, in bytes: GitHub sends at most 25 MB.
const MOST: usize = 25 * 1024 * 1024;

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused() -> Refusal {
    let why = "the call does not have the secret of this server";
    Refusal::new(StatusCode::FORBIDDEN, "Forbidden", why)
        .hint("set the same secret at the forge and in PLANSPEC_WEBHOOK_SECRET")
}

fn secret(app: &App) -> Answer<&str> {
    app.webhook_secret.as_deref().ok_or_else(|| {
        Refusal::not_found("this server does not accept webhooks")
            .hint("start it with PLANSPEC_WEBHOOK_SECRET")
    })
}

/// `POST /webhooks/github`: signed over the raw bytes.
pub async fn github(State(app): State<Arc<App>>, headers: HeaderMap, sent: Body) -> Answer {
    let secret = secret(&app)?;
    let signature =
        header(&headers, "x-hub-signature-256").and_then(|given| given.strip_prefix("sha256="));
    let signature = signature.and_then(from_hex).ok_or_else(refused)?;
    let bytes = body::bytes(sent, MOST).await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| refused())?;
    mac.update(&bytes);
    mac.verify_slice(&signature).map_err(|_| refused())?;
    Ok(look(&app))
}

/// `POST /webhooks/gitlab`: the plain secret.
pub async fn gitlab(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    is_secret(secret(&app)?, header(&headers, "x-gitlab-token"))?;
    Ok(look(&app))
}

/// `POST /webhooks/plain`: the secret as a bearer token.
pub async fn plain(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let given = header(&headers, "authorization").and_then(|given| given.split_once(' '));
    is_secret(secret(&app)?, given.map(|(_, secret)| secret.trim()))?;
    Ok(look(&app))
}

fn is_secret(secret: &str, given: Option<&str>) -> Answer<()> {
    let given = given.unwrap_or_default();
    if bool::from(secret.as_bytes().ct_eq(given.as_bytes())) {
        Ok(())
    } else {
        Err(refused())
    }
}

/// Checks soon; many calls lead to one check.
fn look(app: &App) -> axum::response::Response {
    app.keeper.look();
    let mut response = success("the repository is looked at");
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read() {
        for (text, expected) in [
            ("", Some(vec![])),
            ("00ff", Some(vec![0, 255])),
            ("0", None),
            ("zz", None),
            ("é", None),
        ] {
            assert_eq!(from_hex(text), expected, "{text}");
        }
    }
}
