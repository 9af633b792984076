//! Asks whether something outside has happened.

use std::time::Duration;

use serde_json::Value;

use super::http::{self, HttpQuestion, Reach};
use super::signals::Stop;
use crate::core::base::secrets::masked;
use crate::core::resource::{ExternalRef, Time};

/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Parts of a path that belong to a login page.
const LOGIN: [&str; 10] = [
    "login",
    "log-in",
    "signin",
    "sign-in",
    "sign_in",
    "sso",
    "saml",
    "oauth",
    "oauth2",
    "authorize",
];
/// The longest wait that a response can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// It has happened; the text says how that is known.
    Happened(String),
    /// It has not happened, or that cannot be seen.
    NotYet {
        /// Why.
        why: String,
        /// Whether there is trouble: no response, or one that reports an error of the server.
        is_trouble: bool,
        /// When to ask again, if the response says so.
        retry_after: Option<Duration>,
    },
    /// It is not something that can be requested over HTTP.
    NotAsked,
}

/// Asks once, at the time `now`. A `uri` has happened when it answers a GET with 2xx other than 202. A `webhook` is sent
/// who waits, and has happened when it answers 200. A redirect counts only to the same host, and not to a login page.
pub fn poll(
    external: &ExternalRef,
    (who, reach): (&Value, &Reach),
    now: Time,
    stop: &Stop,
) -> Poll {
    let (question, is_done): (HttpQuestion, fn(u16) -> bool) = match external {
        ExternalRef::Uri { uri } if is_http(uri) => (asking("GET", (uri, reach), None), |status| {
            (200..300).contains(&status) && status != 202
        }),
        ExternalRef::Webhook { webhook_url } if is_http(webhook_url) => (
            asking("POST", (webhook_url, reach), Some(who.clone())),
            |status| status == 200,
        ),
        _ => return Poll::NotAsked,
    };
    let what = format!("{} {}", question.method, masked(&question.url));
    match http::ask(&question, stop) {
        Ok(answer) => {
            let to = answer.redirected_to.as_deref();
            let away = to.and_then(|to| led_away(&question.url, to));
            let said = format!("{what} answered {}", answer.status);
            match away {
                None if is_done(answer.status) => Poll::Happened(said),
                away => Poll::NotYet {
                    why: away.map_or(said, |away| format!("{what} {away}")),
                    is_trouble: answer.status == 429 || answer.status >= 500,
                    retry_after: answer
                        .retry_after
                        .as_deref()
                        .and_then(|text| wait_of(text, now)),
                },
            }
        }
        Err(why) => Poll::NotYet {
            why: format!("{what}: {why}"),
            is_trouble: true,
            retry_after: None,
        },
    }
}

/// Why a redirect does not count, if so.
fn led_away(asked: &str, to: &str) -> Option<String> {
    let parts = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        // Another port of the same host counts as the same place, for example http and https.
        let (host, _) = host.rsplit_once(':').unwrap_or((host, ""));
        (host.to_ascii_lowercase(), path.to_ascii_lowercase())
    };
    let (host, _) = parts(asked);
    let (other, path) = parts(to);
    if host != other {
        return Some(format!("redirects to another host, {other}"));
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let asks = path.split('/').any(|part| LOGIN.contains(&part));
    asks.then(|| format!("redirects to a login page, {path}"))
}

/// The delay that a response asks for: `Retry-After` in seconds, or as a date.
fn wait_of(text: &str, now: Time) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            u64::try_from((date.to_utc() - now).num_seconds()).unwrap_or_default()
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn asking(method: &str, (url, reach): (&str, &Reach), body: Option<Value>) -> HttpQuestion {
    HttpQuestion {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        follow: body.is_none(),
        body,
        timeout: TIMEOUT,
        reach: reach.clone(),
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

    fn now() -> Time {
        "2026-03-01T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_redirect_counts_where_it_stays() {
        for (to, why) in [
            ("https://x.example/done", None),
            ("https://x.example:8443/a/b?login=1", None),
            ("https://X.EXAMPLE/loginless", None),
            (
                "https://id.example/done",
                Some("redirects to another host, id.example"),
            ),
            (
                "https://x.example.evil.example/",
                Some("redirects to another host, x.example.evil.example"),
            ),
            (
                "https://x.example/users/sign_in?to=a",
                Some("redirects to a login page, /users/sign_in"),
            ),
            (
                "https://x.example/SSO/start",
                Some("redirects to a login page, /sso/start"),
            ),
        ] {
            assert_eq!(
                led_away("http://ana@x.example/a", to).as_deref(),
                why,
                "{to}"
            );
        }
        let server = Server::start(|first, _| match first {
            "GET /moved" => redirect("/200"),
            "GET /closed" => redirect("/login"),
            "GET /away" => redirect("http://localhost:9/"),
            _ => says(200, ""),
        });
        let ask = |path: &str| {
            let uri = ExternalRef::Uri {
                uri: server.url(path),
            };
            poll(
                &uri,
                (&json!({}), &Reach::default()),
                now(),
                &Stop::default(),
            )
        };
        assert!(matches!(ask("/moved"), Poll::Happened(_)));
        let Poll::NotYet {
            why, is_trouble, ..
        } = ask("/closed")
        else {
            panic!("a page to log in is no answer");
        };
        assert!(why.contains("redirects to a login page"), "{why}");
        assert!(!is_trouble);
        assert!(!matches!(ask("/away"), Poll::Happened(_)));
    }

    fn redirect(to: &str) -> String {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }

    #[test]
    fn an_answer_says_when_to_ask_again() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 01 Mar 2026 09:05:00 GMT", Some(300)),
            ("Sun, 01 Mar 2026 08:05:00 GMT", Some(0)),
            ("99999999", Some(86400)),
            ("soon", None),
        ] {
            let wait = wait_of(text, now());
            assert_eq!(wait, seconds.map(Duration::from_secs), "{text}");
        }
        let server = Server::start(|_, _| {
            "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_owned()
        });
        let uri = ExternalRef::Uri {
            uri: server.url("/"),
        };
        let found = poll(
            &uri,
            (&json!({}), &Reach::default()),
            now(),
            &Stop::default(),
        );
        let Poll::NotYet {
            is_trouble: true,
            retry_after,
            ..
        } = found
        else {
            panic!("{found:?}");
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

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
            (uri("/202"), false),
            (uri("/404"), false),
            (uri("/500"), false),
            (webhook("/200"), true),
            (webhook("/202"), false),
            (webhook("/204"), false),
            (webhook("/500"), false),
        ];
        let who = json!({"node": "n"});
        for (external, happened) in table {
            let found = poll(
                &external,
                (&who, &Reach::default()),
                now(),
                &Stop::default(),
            );
            let as_expected = match found {
                Poll::Happened(_) => happened,
                Poll::NotYet { .. } => !happened,
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
        assert_eq!(
            poll(&mail, (&who, &Reach::default()), now(), &Stop::default()),
            Poll::NotAsked
        );
    }
}
