//! Messages over standard input and output, one per line. A line that is not a message gets a JSON-RPC error, so that a
//! client does not wait for ever.

use std::io::{self, BufRead, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Maximum length of a message, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// Maximum number of messages in the queue.
const WAITING: usize = 16;

/// The text is not JSON.
const PARSE_ERROR: i32 = -32700;
/// The JSON is not a request.
const INVALID_REQUEST: i32 = -32600;
/// The method does not accept these parameters.
const INVALID_PARAMS: i32 = -32602;

/// A line that was read.
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// Standard input and output.
pub struct Lines {
    read: mpsc::Receiver<Line>,
    write: Arc<Mutex<io::Stdout>>,
}

impl Lines {
    /// Begin to read, in a thread that ends with standard input; then `is_client_gone` is set.
    pub fn begin(is_client_gone: Arc<AtomicBool>) -> Lines {
        let (sender, read) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            while let Ok(Some(line)) = next(&mut input) {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
            is_client_gone.store(true, Ordering::Relaxed);
        });
        Lines {
            read,
            write: Arc::new(Mutex::new(io::stdout())),
        }
    }
}

/// The next line; `None` at the end.
fn next(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    input
        .by_ref()
        .take(MAX_LINE + 1)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 <= MAX_LINE || line.ends_with(b"\n") {
        return Ok(Some(Line::Whole(line)));
    }
    // The rest of the line is skipped, not kept.
    while !line.ends_with(b"\n") {
        line.clear();
        input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
    }
    Ok(Some(Line::TooLong))
}

/// The message of a line; if it is not a message, the error response to send, if any.
fn message(line: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, Option<Value>> {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(_) if line.trim_ascii().is_empty() => return Err(None),
        Err(error) => return Err(Some(refusal(&Value::Null, PARSE_ERROR, &error.to_string()))),
    };
    let id = match value.get("id") {
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        _ => Value::Null,
    };
    let Some(method) = value.get("method").and_then(Value::as_str) else {
        // Responses are never answered.
        let is_answer = value.get("result").or(value.get("error")).is_some();
        let why = "a message is a JSON object with `jsonrpc`, `id` and `method`";
        return match serde_json::from_slice(line) {
            Ok(answer) if is_answer => Ok(answer),
            _ if is_answer => Err(None),
            _ => Err(Some(refusal(&id, INVALID_REQUEST, why))),
        };
    };
    if method == "tools/call" && !is_call(value.get("params")) {
        let why = "`params` of `tools/call` has the `name` of a tool, and `arguments` as an object";
        return Err(Some(refusal(&id, INVALID_PARAMS, why)));
    }
    serde_json::from_slice(line).map_err(|error| {
        let is_request = value.get("id").is_some();
        is_request.then(|| refusal(&id, INVALID_REQUEST, &error.to_string()))
    })
}

/// Whether these are the parameters of a call.
fn is_call(params: Option<&Value>) -> bool {
    let Some(params) = params else {
        return false;
    };
    let arguments = params.get("arguments");
    params.get("name").is_some_and(Value::is_string)
        && arguments.is_none_or(|arguments| arguments.is_object() || arguments.is_null())
}

fn refusal(id: &Value, code: i32, why: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}})
}

fn write(output: &Mutex<io::Stdout>, text: &str) -> io::Result<()> {
    let broken = || io::Error::other("standard output is broken");
    let mut output = output.lock().map_err(|_| broken())?;
    output.write_all(text.as_bytes())?;
    output.write_all(b"\n")?;
    output.flush()
}

impl Transport<RoleServer> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.write);
        async move {
            let text = serde_json::to_string(&item)?;
            // A slow client blocks only this thread.
            let written = tokio::task::spawn_blocking(move || write(&output, &text));
            written.await.map_err(io::Error::other)?
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let read = match self.read.recv().await? {
                Line::Whole(line) => message(&line),
                Line::TooLong => {
                    let why = format!("a message has at most {MAX_LINE} bytes");
                    Err(Some(refusal(&Value::Null, INVALID_REQUEST, &why)))
                }
            };
            match read {
                Ok(message) => return Some(message),
                Err(None) => {}
                // Not awaited: this future may be dropped at any await.
                Err(Some(answer)) => write(&self.write, &answer.to_string()).ok()?,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.read.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code(line: &str) -> Option<i64> {
        match message(line.as_bytes()) {
            Ok(_) | Err(None) => None,
            Err(Some(answer)) => answer["error"]["code"].as_i64(),
        }
    }

    #[test]
    fn what_is_no_message_is_answered_and_what_is_one_is_read() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for (line, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, None),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"next"}}"#,
                None,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
                None,
            ),
            (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, None),
            ("", None),
            ("not json", Some(-32700)),
            (
                r#"{"jsonrpc":"2.0","id":20,"method":"tools/ca"#,
                Some(-32700),
            ),
            (deep.as_str(), Some(-32700)),
            ("[]", Some(-32600)),
            ("3", Some(-32600)),
            (r#"{"jsonrpc":"2.0","id":1}"#, Some(-32600)),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
                Some(-32602),
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"next","arguments":[]}}"#,
                Some(-32602),
            ),
        ] {
            assert_eq!(code(line), expected, "{line:.60}");
        }
        let answer = message(br#"{"jsonrpc":"2.0","id":"a","method":"tools/call"}"#);
        assert_eq!(answer.unwrap_err().unwrap()["id"], "a");
    }

    #[test]
    fn lines_are_read_one_by_one_and_no_longer_than_they_may_be() {
        let mut text = b"one\n".to_vec();
        text.resize(text.len() + 20 * 1024 * 1024, b'x');
        text.extend(b"\ntwo");
        let mut input = io::Cursor::new(text);
        let mut read = Vec::new();
        while let Some(line) = next(&mut input).unwrap() {
            read.push(match line {
                Line::Whole(line) => String::from_utf8(line).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(read, ["one\n", "too long", "two"]);
    }
}
