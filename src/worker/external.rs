//! Ask whether something outside has happened.

use std::time::Duration;

use serde_json::Value;

use super::http::{self, HttpQuestion};
use super::signals::Stop;
use crate::core::base::secrets::masked;
use crate::core::resource::ExternalRef;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// It has happened; how that is known.
    Happened(String),
    /// Not yet, or it cannot be seen; why.
    NotYet(String),
    /// It is nothing that can be asked over HTTP.
    NotAsked,
}

/// Ask once. A `uri` has happened when it answers a GET with 2xx; a `webhook` is told who waits,
/// and has happened when it answers 200.
pub fn poll(external: &ExternalRef, who: &Value, stop: &Stop) -> Poll {
    let (question, is_done): (HttpQuestion, fn(u16) -> bool) = match external {
        ExternalRef::Uri { uri } if is_http(uri) => (asking("GET", uri, None), |status| {
            (200..300).contains(&status)
        }),
        ExternalRef::Webhook { webhook_url } if is_http(webhook_url) => {
            (asking("POST", webhook_url, Some(who.clone())), |status| {
                status == 200
            })
        }
        _ => return Poll::NotAsked,
    };
    let what = format!("{} {}", question.method, masked(&question.url));
    match http::ask(&question, stop) {
        Ok(answer) if is_done(answer.status) => {
            Poll::Happened(format!("{what} answered {}", answer.status))
        }
        Ok(answer) => Poll::NotYet(format!("{what} answered {}", answer.status)),
        Err(why) => Poll::NotYet(format!("{what}: {why}")),
    }
}

fn asking(method: &str, url: &str, body: Option<Value>) -> HttpQuestion {
    HttpQuestion {
        method: method.to_owned(),
        url: url.to_owned(),
        follow: body.is_none(),
        body,
        timeout: TIMEOUT,
    }
}

fn is_http(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::worker::http::testing::{Server, says};

    #[test]
    fn what_has_happened_and_what_has_not() {
        let server = Server::start(|first, _| {
            let status = first.rsplit('/').next().unwrap();
            says(status.parse().unwrap(), "")
        });
        let uri = |path: &str| ExternalRef::Uri {
            uri: server.url(path),
        };
        let webhook = |path: &str| ExternalRef::Webhook {
            webhook_url: server.url(path),
        };
        let table = [
            (uri("/200"), true),
            (uri("/204"), true),
            (uri("/404"), false),
            (uri("/500"), false),
            (webhook("/200"), true),
            (webhook("/202"), false),
            (webhook("/204"), false),
            (webhook("/500"), false),
        ];
        let who = json!({"node": "n"});
        for (external, happened) in table {
            let found = poll(&external, &who, &Stop::default());
            let as_expected = match found {
                Poll::Happened(_) => happened,
                Poll::NotYet(_) => !happened,
                Poll::NotAsked => false,
            };
            assert!(as_expected, "{external:?}: {found:?}");
        }
        let asked = server.asked.lock().unwrap();
        assert!(
            asked.contains(&"POST /202 {\"node\":\"n\"}".to_owned()),
            "{asked:?}"
        );
        let mail = ExternalRef::Uri {
            uri: "mailto:ana@example.com".to_owned(),
        };
        assert_eq!(poll(&mail, &who, &Stop::default()), Poll::NotAsked);
    }
}
