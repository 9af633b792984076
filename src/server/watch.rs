//! Streams of events: server-sent events, or JSON Lines.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::channel::{Channel, Sender};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::App;
use super::keeper::Step;
use super::query::{ListQuery, Meant};
use super::status::{Answer, Refusal};
use crate::service::live::{Event, EventKind};

/// After this time without an event, a heartbeat is sent, so that the connection is not closed as dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Chunks of a stream that are buffered for a slow client.
const AHEAD: usize = 16;
/// A client that reads nothing for this time is disconnected.
const PATIENCE: Duration = Duration::from_secs(60);

/// The format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `data: …`; with `id: …` for clients that ask for server-sent events. The command line of the reference
    /// implementation does not ask, and accepts no other lines.
    Events { ids: bool },
    /// One JSON document per line.
    Lines,
}

impl Form {
    fn asked(headers: &HeaderMap) -> Form {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok());
        let accept = accept.unwrap_or_default();
        if accept.contains("application/x-ndjson") {
            return Form::Lines;
        }
        Form::Events {
            ids: accept.contains("text/event-stream"),
        }
    }

    fn media(self) -> &'static str {
        match self {
            Form::Events { .. } => "text/event-stream",
            Form::Lines => "application/x-ndjson",
        }
    }

    fn write(self, json: &[u8], rev: &str) -> Bytes {
        let parts: [&[u8]; 5] = match self {
            Form::Lines => [json, b"\n", b"", b"", b""],
            Form::Events { ids: false } => [b"data: ", json, b"\n\n", b"", b""],
            Form::Events { ids: true } => [b"id: ", rev.as_bytes(), b"\ndata: ", json, b"\n\n"],
        };
        parts.concat().into()
    }

    fn heartbeat(self) -> Bytes {
        match self {
            Form::Events { .. } => Bytes::from_static(b":\n\n"),
            Form::Lines => Bytes::from_static(b"\n"),
        }
    }
}

/// Watches resources.
///
/// # Errors
/// The revision to continue from is no longer known; there are too many watches.
pub fn watch(app: &Arc<App>, meant: Meant, query: &ListQuery, headers: &HeaderMap) -> Answer {
    let form = Form::asked(headers);
    let last = headers
        .get("last-event-id")
        .and_then(|last| last.to_str().ok());
    let since = last
        .or(query.since.as_deref())
        .or(query.resource_version.as_deref());
    let since = since.filter(|since| !since.is_empty() && *since != "0");
    let (events, missed) = {
        // No event is sent while this lock is held, so none is missed or sent twice.
        let live = super::read(app)?;
        let missed = since.map(|since| live.since(since)).transpose();
        let missed = missed.map_err(|error| expired(&error.message, error.hint.as_deref()))?;
        (app.keeper.events.subscribe(), missed.unwrap_or_default())
    };
    let (open, response) = open(app, form)?;
    let watching = Watching {
        open,
        form,
        meant,
        ending: app.ending.subscribe(),
    };
    tokio::spawn(async move {
        // Fails if the client is gone, which needs no answer.
        let _ = watching.run(missed, events).await;
    });
    Ok(response)
}

fn expired(message: &str, hint: Option<&str>) -> Refusal {
    let refusal = Refusal::new(StatusCode::GONE, "Expired", message);
    refusal.hint(hint.unwrap_or_default())
}

/// A stream of messages that only say that something has changed.
///
/// # Errors
/// There are too many watches.
pub fn changes(app: &Arc<App>, headers: &HeaderMap) -> Answer {
    let form = Form::asked(headers);
    let mut events = app.keeper.events.subscribe();
    let mut ending = app.ending.subscribe();
    let (mut sender, response) = open(app, form)?;
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(HEARTBEAT, events.recv()) => next,
                _ = ending.wait_for(|ends| *ends) => return,
            };
            let bytes = match next {
                Err(_) => form.heartbeat(),
                // A client that lags behind reads everything again anyway.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {
                    while events.try_recv().is_ok() {}
                    form.write(b"{}", "")
                }
                Ok(Err(RecvError::Closed)) => return,
            };
            let sent = tokio::time::timeout(PATIENCE, sender.send.send_data(bytes)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Ok(response)
}

/// The writing end of a stream, with the permit that it holds.
struct Open {
    send: Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

fn open(app: &App, form: Form) -> Answer<(Open, Response)> {
    let Ok(place) = Arc::clone(&app.watchers).try_acquire_owned() else {
        let why = "there are too many watches";
        return Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            why,
        ));
    };
    let (send, body) = Channel::<Bytes>::new(AHEAD);
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let open = Open {
        send,
        _place: place,
    };
    Ok((open, response))
}

struct Watching {
    open: Open,
    form: Form,
    meant: Meant,
    ending: tokio::sync::watch::Receiver<bool>,
}

/// The client is gone.
struct Gone;

impl Watching {
    async fn run(
        mut self,
        missed: Vec<Arc<Event>>,
        mut events: Receiver<Step>,
    ) -> Result<(), Gone> {
        for event in missed {
            self.tell(&event).await?;
        }
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(HEARTBEAT, events.recv()) => next,
                _ = self.ending.wait_for(|ends| *ends) => return Ok(()),
            };
            match next {
                Err(_) => self.send(self.form.heartbeat()).await?,
                Ok(Ok(step)) => {
                    for event in step.iter() {
                        self.tell(event).await?;
                    }
                }
                Ok(Err(RecvError::Closed)) => return Ok(()),
                Ok(Err(RecvError::Lagged(many))) => {
                    let why = format!("{many} changes came faster than they were read");
                    let hint = "list again, and watch from there";
                    return self.resync(expired(&why, Some(hint)).body()).await;
                }
            }
        }
    }

    /// Tells the client to list again.
    async fn resync(&mut self, status: Value) -> Result<(), Gone> {
        let event = serde_json::json!({"type": "ERROR", "object": status, "rev": ""});
        let event = event.to_string();
        self.send(self.form.write(event.as_bytes(), "")).await
    }

    /// Sends an event if it is selected. A resource that no longer has the selected labels is deleted for this client.
    async fn tell(&mut self, event: &Event) -> Result<(), Gone> {
        if !self.meant.is_in_place(&event.item.key) {
            return Ok(());
        }
        let is = self.meant.is_chosen(&event.item);
        let was = event
            .before
            .as_ref()
            .is_some_and(|before| self.meant.is_chosen(before));
        let json = match (event.kind, was, is) {
            (EventKind::Modified, true, false) => retyped(event, EventKind::Deleted),
            (EventKind::Modified, false, true) => retyped(event, EventKind::Added),
            (_, _, true) => Bytes::from_owner(Arc::clone(&event.json)),
            (_, _, false) => return Ok(()),
        };
        self.send(self.form.write(&json, &event.rev)).await
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        let sent = tokio::time::timeout(PATIENCE, self.open.send.send_data(bytes)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

/// The event with another type.
fn retyped(event: &Event, kind: EventKind) -> Bytes {
    let head = format!("{{\"type\":\"{}\",\"object\":", kind.word());
    let tail = format!(",\"rev\":{}}}", Value::from(event.rev.as_str()));
    [head.as_bytes(), &event.item.json, tail.as_bytes()]
        .concat()
        .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http_body_util::BodyExt;
    use tokio::sync::{Semaphore, broadcast};

    use super::*;
    use crate::core::resource::{Key, Kind};
    use crate::service::live::Item;

    fn event(number: usize) -> Arc<Event> {
        let json = format!("{{\"number\":{number}}}").into_bytes();
        let item = Item {
            key: Key::new(Kind::Goal, "a", format!("g{number}")),
            version: number.to_string(),
            labels: std::collections::BTreeMap::new(),
            phase: None,
            created: None,
            json: json.clone().into(),
        };
        Arc::new(Event {
            kind: EventKind::Added,
            item: Arc::new(item),
            before: None,
            rev: number.to_string(),
            json: json.into(),
        })
    }

    /// A client that lags too far behind gets no more events, and is told so.
    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_told_to_begin_anew() {
        let (events, read) = broadcast::channel::<Step>(2);
        for number in 0..4 {
            events.send(Arc::from([event(number)])).unwrap();
        }
        let (send, body) = Channel::<Bytes>::new(AHEAD);
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (_ending, is_ending) = tokio::sync::watch::channel(false);
        let watching = Watching {
            open: Open {
                send,
                _place: place,
            },
            form: Form::Lines,
            meant: Meant::read(Kind::Goal, None, &ListQuery::default()).unwrap(),
            ending: is_ending,
        };
        let missed = vec![event(9)];
        let _ = watching.run(missed, read).await;
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["number"], 9, "{text}");
        assert_eq!(lines[1]["type"], "ERROR", "{text}");
        assert_eq!(lines[1]["object"]["code"], 410, "{text}");
    }
}
