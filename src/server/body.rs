//! Bodies of requests: JSON or YAML of a limited size, read completely before anything is decided.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::status::{Answer, Refusal};
use crate::core::base::limits::Limits;
use crate::core::text::yaml;
use crate::service::{Error, Findings};

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Json,
    Yaml,
}

/// Reads the bytes of a body.
///
/// # Errors
/// The body is too large, or does not arrive in time.
pub async fn bytes(body: Body, most: usize) -> Answer<Bytes> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            let is_long =
                source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if is_long {
                Refusal::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLarge",
                    format!("the body has more than {most} bytes"),
                )
                .hint("send it in parts, or start the server with a larger --max-body")
            } else {
                Refusal::bad("the body ends too early")
            })
        }
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "Timeout",
            format!(
                "the body did not arrive within {} seconds",
                PATIENCE.as_secs()
            ),
        )),
    }
}

/// The format that the media type says.
fn notation(headers: &HeaderMap) -> Answer<Notation> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|given| given.to_str().ok());
    let media = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    match media.trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Notation::Json),
        media if media.ends_with("+json") => Ok(Notation::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => {
            Ok(Notation::Yaml)
        }
        media if media.ends_with("+yaml") => Ok(Notation::Yaml),
        "" => Err(wrong_media("Content-Type is missing".to_owned())),
        other => Err(wrong_media(format!(
            "a body of type {other} is not supported"
        ))),
    }
}

fn wrong_media(message: String) -> Refusal {
    let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Refusal::new(code, "UnsupportedMediaType", message)
        .hint("send Content-Type: application/json, or application/yaml")
}

/// The one value of a body.
///
/// # Errors
/// The body cannot be read, or does not hold exactly one value.
pub fn one(headers: &HeaderMap, bytes: &[u8]) -> Answer<Value> {
    let mut values = documents(headers, bytes)?;
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok(value),
        (None, _) => Err(Refusal::bad("the body is empty")),
        (Some(_), false) => Err(Refusal::bad(
            "the body contains several documents, but one is expected",
        )),
    }
}

/// The resources of a body: an array, or in YAML one per document.
///
/// # Errors
/// The body cannot be read, or is something else.
pub fn many(headers: &HeaderMap, bytes: &[u8]) -> Answer<Vec<Value>> {
    let is_stream = notation(headers)? == Notation::Yaml;
    let mut values = documents(headers, bytes)?;
    match values.as_mut_slice() {
        [Value::Array(items)] => Ok(std::mem::take(items)),
        [] if is_stream => Ok(values),
        all if is_stream && all.iter().all(Value::is_object) => Ok(values),
        _ => Err(Refusal::bad("an array of resources is expected")),
    }
}

/// The options of a request, in a body that is not a resource. An empty body means the defaults.
///
/// # Errors
/// The body cannot be read, or has unknown fields.
pub fn options<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Answer<T> {
    let value = if bytes.is_empty() {
        Value::Object(serde_json::Map::new())
    } else {
        one(headers, bytes)?
    };
    serde_json::from_value(value)
        .map_err(|error| Refusal::bad(format!("the body cannot be used: {error}")))
}

fn documents(headers: &HeaderMap, bytes: &[u8]) -> Answer<Vec<Value>> {
    let name = match notation(headers)? {
        Notation::Json => "request.json",
        Notation::Yaml => "request.yaml",
    };
    let limits = Limits {
        file_bytes: usize::MAX,
        ..Limits::default()
    };
    let (documents, findings) = yaml::read(name, bytes, &limits);
    if findings
        .iter()
        .any(crate::core::base::diagnostic::Diagnostic::is_error)
    {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let findings = Findings::new(findings, &|_| Some(text.clone()));
        let mut refusal = Refusal::from(Error::findings(findings));
        refusal.reason_is("BadRequest");
        return Err(refusal);
    }
    Ok(documents
        .into_iter()
        .map(|document| document.value)
        .collect())
}
