//! Responses of the published API: a refusal is a `Status`.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::core::resource::API_VERSION;
use crate::service::write::{Cause, Refused};
use crate::service::{Error, ErrorKind};

/// Why a request is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status code.
    pub code: StatusCode,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The text of a refusal, for pages.
#[derive(Debug, Clone)]
pub struct Told {
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

/// A response, or a refusal.
pub type Answer<T = Response> = Result<T, Refusal>;

impl Refusal {
    /// A refusal by the server itself.
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            code,
            reason,
            message: message.into(),
            details: Map::new(),
            headers: Vec::new(),
        }
    }

    /// The request cannot be read.
    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// Replaces the reason that the kind of the refusal has.
    pub fn reason_is(&mut self, reason: &'static str) {
        self.reason = reason;
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.details.insert("hint".to_owned(), json!(hint.into()));
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: HeaderName, value: &'static str) -> Refusal {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The refusal as a `Status`.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "apiVersion": API_VERSION,
            "kind": "Status",
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if !self.details.is_empty() {
            body["details"] = Value::Object(self.details.clone());
        }
        body
    }
}

/// The code and reason of a kind of refusal.
fn code_of(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
        ErrorKind::Ambiguous => (StatusCode::BAD_REQUEST, "BadRequest"),
        ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "Invalid"),
        ErrorKind::NotReady => (StatusCode::UNPROCESSABLE_ENTITY, "NotReady"),
        ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
        ErrorKind::Taken => (StatusCode::CONFLICT, "AlreadyExists"),
        ErrorKind::Conflict => (StatusCode::CONFLICT, "Conflict"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let (code, reason) = code_of(error.kind);
        let refused = error.refused();
        let message = match (refused.message.is_empty(), refused.findings.first()) {
            (true, Some(first)) => first.message.clone(),
            _ => refused.message,
        };
        let mut refusal = Refusal::new(code, reason, message);
        let details = &mut refusal.details;
        details.insert("kind".to_owned(), json!(refused.kind));
        if let Some(hint) = refused.hint {
            details.insert("hint".to_owned(), json!(hint));
        }
        if !refused.findings.is_empty() {
            details.insert("findings".to_owned(), json!(refused.findings));
        }
        refusal
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        let causes: Vec<Value> = refused.causes.iter().map(cause).collect();
        let mut refusal = Refusal::from(refused.error);
        if !causes.is_empty() {
            refusal.details.insert("causes".to_owned(), json!(causes));
        }
        refusal
    }
}

fn cause(cause: &Cause) -> Value {
    let mut value = json!({
        "index": cause.index,
        "resource": format!("{}/{}", cause.kind, cause.name),
        "reason": "Invalid",
        "message": cause.message,
        "field": cause.field,
    });
    if let Some(code) = cause.code {
        value["code"] = json!(code);
    }
    if let Some(hint) = &cause.hint {
        value["hint"] = json!(hint);
    }
    value
}

/// One cause, on one line.
pub fn sentence(cause: &Cause) -> String {
    let at = match cause.field.as_str() {
        "" => String::new(),
        field => format!("{field}: "),
    };
    let code = cause
        .code
        .map(|code| format!(" ({code})"))
        .unwrap_or_default();
    format!("{at}{}{code}", cause.message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = sent_as(self.code, &self.body());
        let hint = self.details.get("hint").and_then(Value::as_str);
        let told = Told {
            message: self.message.clone(),
            hint: hint.map(str::to_owned),
        };
        response.extensions_mut().insert(told);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        if self.code == StatusCode::UNAUTHORIZED {
            // Browsers expect one scheme per header line.
            for scheme in ["Basic realm=\"planspec\"", "Bearer"] {
                let scheme = HeaderValue::from_static(scheme);
                response
                    .headers_mut()
                    .append(header::WWW_AUTHENTICATE, scheme);
            }
        }
        response
    }
}

/// A response with a JSON body.
pub fn sent_as(code: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code;
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// `{"kind": "Status", "status": "Success", …}`
pub fn success(message: impl Into<String>) -> Response {
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": "Status",
        "status": "Success",
        "message": message.into(),
        "code": 200,
    });
    sent_as(StatusCode::OK, &body)
}
