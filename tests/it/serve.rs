//! The server: its protocol as in the published API, its commits, its events, and its authentication.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::resources::{execution, file, gate, gate_node, goal, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox};

const API: &str = "/apis/planspec.io/v1alpha1";

/// A server that stops at the end of the test.
struct Server {
    child: Child,
    port: u16,
}

/// A response.
struct Reply {
    code: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    /// Asserts this code.
    fn is(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.text());
        self.json()
    }

    /// Asserts a refusal with a `Status` of this reason.
    fn refused(self, code: u16, reason: &str) -> Value {
        let body = self.is(code);
        assert_eq!(body["kind"], "Status", "{body}");
        assert_eq!(body["status"], "Failure", "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["reason"], reason, "{body}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
        body
    }
}

impl Server {
    fn start(place: &Place<'_>, args: &str) -> Server {
        let interval = if args.contains("--reconcile-interval") {
            ""
        } else {
            "--reconcile-interval 1"
        };
        let mut command = place.planspec(&format!("serve --port 0 {interval} {args}"));
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let port = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {said}");
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().rsplit_once(':').unwrap().1.parse().unwrap();
            }
            said.push_str(&line);
        };
        // Reads the output, which would fill the pipe otherwise.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Server { child, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Sends raw bytes, and reads until the end.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        String::from_utf8_lossy(&read).into_owned()
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(body.unwrap_or_default());
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        let end = read
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let mut lines = head.lines();
        let code = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Reply {
            code,
            headers: headers.collect(),
            body: read[end + 4..].to_vec(),
        }
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", &format!("{API}{path}"), &[], None)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers = [("Content-Type", "application/json")];
        let body = body.to_string();
        self.send(
            method,
            &format!("{API}{path}"),
            &headers,
            Some(body.as_bytes()),
        )
    }

    /// Opens a stream of lines.
    fn stream(&self, path: &str, headers: &str) -> Stream {
        let mut stream = self.connect();
        let host = self.port;
        let request =
            format!("GET {API}{path} HTTP/1.1\r\nHost: localhost:{host}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = Stream {
            lines: BufReader::new(stream),
        };
        let head = stream
            .lines
            .by_ref()
            .lines()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty());
        let head: Vec<String> = head.collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        stream
    }

    fn end(mut self) -> Duration {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        std::process::Command::new("kill")
            .arg(pid)
            .status()
            .unwrap();
        assert!(self.child.wait().unwrap().success());
        begun.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Stream {
    lines: BufReader<TcpStream>,
}

impl Stream {
    /// The next line with content: chunk sizes are lines of hexadecimal digits.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "the stream has ended"
            );
            let line = line.trim_end();
            let is_size = line.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_size {
                return line.to_owned();
            }
        }
    }

    fn event(&mut self) -> Value {
        loop {
            let line = self.line();
            let text = line.strip_prefix("data: ").unwrap_or(&line);
            if text.starts_with('{') {
                return serde_json::from_str(text).unwrap();
            }
        }
    }

    fn ends(mut self) -> bool {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).is_ok()
    }
}

fn named(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "planspec.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "n"},
        "spec": spec,
    })
}

fn a_goal(name: &str) -> Value {
    named("Goal", name, json!({"description": "What it is good for"}))
}

fn a_plan(name: &str) -> Value {
    let graph = json!({"nodes": [{"id": "a", "kind": "Task", "description": "Do it"}]});
    named("Plan", name, json!({"description": "How", "graph": graph}))
}

/// A bare repository with one empty commit.
fn bare(sandbox: &Sandbox) -> Place<'_> {
    sandbox.repository("seed").commit("Begin");
    let place = sandbox.clone_with("--bare", sandbox.path("seed").to_str().unwrap(), "bare.git");
    place.git("remote remove origin");
    place
}

#[test]
fn a_resource_is_created_read_changed_and_removed_each_as_a_commit() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let made = server.ask("POST", "/namespaces/n/goals", &a_goal("g"));
    let commit = made.header("x-planspec-commit").unwrap().to_owned();
    let made = made.is(201);
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["status"]["phase"], "Pending");
    assert!(
        made["metadata"]["uid"].is_string() && made["metadata"]["creationTimestamp"].is_string()
    );
    assert_eq!(place.git("rev-parse main"), commit);
    assert_eq!(place.git("log -1 --format=%s main"), "Apply goal/g");
    let text = place.git("show main:planspec/n/goals/g.yaml");
    assert!(
        text.contains("description: What it is good for") && !text.contains("uid"),
        "{text}"
    );

    let got = server.get("/namespaces/n/goals/g");
    let tag = got.header("etag").unwrap().to_owned();
    assert_eq!(got.is(200), made);
    let path = format!("{API}/namespaces/n/goals/g");
    let again = server.send("GET", &path, &[("If-None-Match", &tag)], None);
    assert_eq!((again.code, again.body.len()), (304, 0));

    let mut other = made.clone();
    other["spec"]["description"] = json!("Something else");
    let changed = server.ask("PUT", "/namespaces/n/goals/g", &other).is(200);
    assert_eq!(changed["metadata"]["generation"], 2);
    assert_eq!(changed["metadata"]["uid"], made["metadata"]["uid"]);
    assert_ne!(
        changed["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    server
        .ask("PUT", "/namespaces/n/goals/g", &other)
        .refused(409, "Conflict");
    let without = server
        .ask("PUT", "/namespaces/n/goals/g", &a_goal("g"))
        .refused(400, "Invalid");
    assert_eq!(
        without["details"]["causes"][0]["field"],
        "/metadata/resourceVersion"
    );
    let patched = server.ask(
        "PATCH",
        "/namespaces/n/goals/g",
        &json!({"metadata": {"labels": {"tier": "gold"}}}),
    );
    let patched = patched.is(200);
    assert_eq!(patched["metadata"]["labels"], json!({"tier": "gold"}));
    assert_eq!(patched["metadata"]["generation"], 2);

    let gone = server.send("DELETE", &path, &[], None).is(200);
    assert_eq!(
        (&gone["status"], &gone["code"]),
        (&json!("Success"), &json!(200))
    );
    server.get("/namespaces/n/goals/g").refused(404, "NotFound");
    server
        .send("DELETE", &path, &[], None)
        .refused(404, "NotFound");
    assert_eq!(
        place.git("log --format=%s main"),
        "Delete goal/g\nApply goal/g\nApply goal/g\nApply goal/g\nBegin"
    );
    let anew = server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    assert_ne!(anew["metadata"]["uid"], made["metadata"]["uid"]);
    let former = server.ask("PUT", "/namespaces/n/goals/g", &made);
    former.refused(409, "Conflict");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let before = place.git("rev-parse main");
    let bad = named("Goal", "h", json!({}));
    let refused = server
        .ask("POST", "/namespaces/n/apply", &json!([a_goal("g"), bad]))
        .refused(400, "Invalid");
    let causes = refused["details"]["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1);
    assert_eq!(
        (&causes[0]["index"], &causes[0]["resource"]),
        (&json!(1), &json!("Goal/h"))
    );
    let loops = json!({"description": "d", "graph": {"nodes": [
        {"id": "a", "kind": "Task", "dependsOn": ["b"]}, {"id": "b", "kind": "Task", "dependsOn": ["a"]}]}});
    server
        .ask("POST", "/namespaces/n/plans", &named("Plan", "p", loops))
        .refused(400, "Invalid");
    assert_eq!(place.git("rev-parse main"), before);
}

#[test]
fn a_request_that_is_meant_otherwise_is_refused_with_a_status() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let before = place.git("rev-parse main");
    for (method, path, body, code, reason) in [
        ("POST", "/namespaces/n/goals", a_plan("p"), 400, "Invalid"),
        ("POST", "/namespaces/m/goals", a_goal("g"), 400, "Invalid"),
        (
            "POST",
            "/namespaces/n/widgets",
            a_goal("g"),
            404,
            "NotFound",
        ),
        (
            "POST",
            "/namespaces/n/apply",
            a_goal("g"),
            400,
            "BadRequest",
        ),
        ("POST", "/namespaces/n/goals", json!([]), 400, "Invalid"),
        ("POST", "/namespaces/n/goals", json!("goal"), 400, "Invalid"),
        ("PUT", "/namespaces/n/goals/g", a_goal("g"), 404, "NotFound"),
        ("PATCH", "/namespaces/n/goals/g", json!({}), 404, "NotFound"),
        (
            "POST",
            "/namespaces",
            json!({"metadata": {"name": "Not/A Name"}}),
            400,
            "Invalid",
        ),
        (
            "POST",
            "/namespaces",
            json!({"metadata": {}}),
            400,
            "Invalid",
        ),
        (
            "POST",
            "/namespaces/n/goals",
            named("Goal", "../../etc", json!({"description": "d"})),
            400,
            "Invalid",
        ),
        (
            "PUT",
            "/namespaces/n/goals/none/status",
            json!({}),
            404,
            "NotFound",
        ),
        ("PUT", "/no/such/path", json!({}), 404, "NotFound"),
        (
            "DELETE",
            "/namespaces/n/goals",
            json!({}),
            405,
            "MethodNotAllowed",
        ),
    ] {
        let reply = server.ask(method, path, &body);
        let allow = reply.header("allow").map(str::to_owned);
        reply.refused(code, reason);
        assert_eq!(allow.is_some(), code == 405, "{path}");
    }
    assert_eq!(place.git("rev-parse main"), before);
}

#[test]
fn a_body_that_cannot_be_read_is_told_with_its_place() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let before = place.git("rev-parse main");
    let post = |headers: &[(&str, &str)], body: &[u8]| {
        server.send(
            "POST",
            &format!("{API}/namespaces/n/goals"),
            headers,
            Some(body),
        )
    };
    let media = ("Content-Type", "application/json");
    let told = post(&[media], b"{\"kind\": \"Goal\",\n  nope").refused(400, "BadRequest");
    assert_eq!(told["details"]["findings"][0]["line"], 2, "{told}");
    post(&[media], b"{\"kind\": 1, \"kind\": 2}").refused(400, "BadRequest");
    post(&[media], "[".repeat(100_000).as_bytes()).refused(400, "BadRequest");
    post(&[media], b"").refused(400, "BadRequest");
    post(&[("Content-Type", "text/plain")], b"{}").refused(415, "UnsupportedMediaType");
    post(&[], b"{}").refused(415, "UnsupportedMediaType");
    assert_eq!(place.git("rev-parse main"), before);

    let bad = named("Goal", "h", json!({}));
    let checked = server
        .ask(
            "POST",
            "/validate",
            &json!([a_goal("g"), bad, {"kind": "Widget"}]),
        )
        .is(200);
    assert_eq!(checked["valid"], false);
    let valid: Vec<&Value> = checked["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["valid"])
        .collect();
    assert_eq!(valid, [&json!(true), &json!(false), &json!(false)]);
    server.get("/namespaces/n/goals/g").refused(404, "NotFound");
}

#[test]
fn paths_and_heads_that_play_tricks_get_an_answer_and_change_nothing() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile --max-body 1000");
    let before = place.git("rev-parse main");
    for path in [
        "/namespaces/%2e%2e/goals/x",
        "/namespaces/n/goals/..%2f..%2fx",
        "/namespaces/n/goals/%00",
        "/namespaces/n/goals/%ff",
        "/namespaces//goals/x",
        "/namespaces/n/goals/a%0d%0aX-Evil:%201",
    ] {
        let reply = server.ask("PUT", path, &a_goal("x"));
        assert!(
            (400..500).contains(&reply.code),
            "{path}: {} {}",
            reply.code,
            reply.text()
        );
        assert_eq!(reply.header("x-evil"), None);
        assert_eq!(reply.json()["kind"], "Status", "{path}");
    }
    let long = json!({"description": "d".repeat(2000)});
    server
        .ask("POST", "/namespaces/n/goals", &named("Goal", "g", long))
        .refused(413, "RequestEntityTooLarge");
    for half in [
        "GET / HTTP/1.1\r\nHost",
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(half.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut read = String::new();
        let _ = stream.read_to_string(&mut read);
        assert!(
            read.is_empty() || read.starts_with("HTTP/1.1 400"),
            "{half:?}: {read}"
        );
    }
    let two = format!(
        "POST {API}/namespaces/n/goals HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let told = server.raw(two.as_bytes());
    assert!(told.starts_with("HTTP/1.1 4"), "{told}");
    assert_eq!(place.git("rev-parse main"), before);
    assert_eq!(server.send("GET", "/healthz", &[], None).text(), "ok");
}

#[test]
fn lists_are_in_order_chosen_from_and_paged() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let mut all = Vec::new();
    for (name, tier) in [("c", "gold"), ("a", "tin"), ("b", "gold")] {
        let mut goal = a_goal(name);
        goal["metadata"]["labels"] = json!({"tier": tier});
        all.push(goal);
    }
    let applied = server
        .ask("POST", "/namespaces/n/apply", &json!(all))
        .is(200);
    assert_eq!(
        applied["applied"][0],
        json!({"kind": "Goal", "name": "c", "namespace": "n", "action": "created"})
    );
    let again = server
        .ask("POST", "/namespaces/n/apply", &json!(all))
        .is(200);
    assert_eq!(again["applied"][2]["action"], "unchanged");
    let mut other = a_goal("z");
    other["metadata"]["namespace"] = json!("other");
    server
        .ask("POST", "/namespaces/other/goals", &other)
        .is(201);
    let names = |path: &str| -> Vec<String> {
        let list = server.get(path).is(200);
        assert_eq!(list["kind"], "GoalList");
        assert!(list["metadata"]["resourceVersion"].is_string());
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("/namespaces/n/goals"), ["a", "b", "c"]);
    assert_eq!(names("/goals"), ["a", "b", "c", "z"]);
    assert_eq!(names("/namespaces/none/goals"), Vec::<String>::new());
    assert_eq!(
        names("/namespaces/n/goals?labelSelector=tier%3Dgold"),
        ["b", "c"]
    );
    assert_eq!(
        names("/namespaces/n/goals?labelSelector=tier%20notin%20(gold)"),
        ["a"]
    );
    assert_eq!(
        names("/namespaces/n/goals?fieldSelector=metadata.name!%3Da,status.phase%3DPending"),
        ["b", "c"]
    );
    assert_eq!(names("/namespaces/n/goal"), ["a", "b", "c"]);
    for query in [
        "labelSelector=a%3D%3D(",
        "fieldSelector=spec.x%3D1",
        "limit=many",
        "continue=?",
        "watch=perhaps",
    ] {
        server
            .get(&format!("/namespaces/n/goals?{query}"))
            .refused(400, "BadRequest");
    }
    let page = server.get("/goals?limit=3").is(200);
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    let token = page["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&format!("/goals?limit=3&continue={token}")), ["z"]);
    let zipped = server.send(
        "GET",
        &format!("{API}/goals"),
        &[("Accept-Encoding", "gzip")],
        None,
    );
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
}

#[test]
fn what_happens_is_told_and_can_be_gone_on_from() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let empty = server.get("/namespaces/n/goals").is(200);
    let start = empty["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut plain = server.stream("/namespaces/n/goals/watch", "");
    let mut lines = server.stream("/goals/watch", "Accept: application/x-ndjson\r\n");
    let mut gold = server.stream(
        "/namespaces/n/goals?watch=true&labelSelector=tier%3Dgold",
        "Accept: text/event-stream\r\n",
    );
    let made = server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    server
        .ask("POST", "/namespaces/n/plans", &a_plan("p"))
        .is(201);
    let patched = server
        .ask(
            "PATCH",
            "/namespaces/n/goals/g",
            &json!({"metadata": {"labels": {"tier": "gold"}}}),
        )
        .is(200);
    server
        .ask(
            "PATCH",
            "/namespaces/n/goals/g",
            &json!({"metadata": {"labels": {"tier": "tin"}}}),
        )
        .is(200);
    server
        .send("DELETE", &format!("{API}/namespaces/n"), &[], None)
        .is(200);
    let types = ["ADDED", "MODIFIED", "MODIFIED", "DELETED"];
    for kind in types {
        let (one, other) = (plain.event(), lines.event());
        assert_eq!(one["type"], kind);
        assert_eq!(one, other);
        assert_eq!(one["object"]["metadata"]["name"], "g");
    }
    let id = gold.line();
    let version = patched["metadata"]["resourceVersion"].as_str().unwrap();
    assert_eq!(id, format!("id: {version}"));
    assert_eq!(gold.event()["type"], "ADDED");
    // It no longer has the label: for a watch with that selector it is deleted.
    assert_eq!(gold.event()["type"], "DELETED");

    let version = made["metadata"]["resourceVersion"].as_str().unwrap();
    let mut later = server.stream(&format!("/goals/watch?since={version}"), "");
    assert_eq!(
        later.event()["object"]["metadata"]["labels"],
        json!({"tier": "gold"})
    );
    let mut again = server.stream("/goals/watch", &format!("Last-Event-ID: {start}\r\n"));
    assert_eq!(again.event()["type"], "ADDED");
    let gone = server.get("/goals/watch?since=never-was");
    gone.refused(410, "Expired");
    assert!(
        server.end() < Duration::from_secs(5),
        "streams do not hold it up"
    );
    assert!(plain.ends());
}

#[test]
fn of_many_that_write_at_once_each_is_answered_for_itself() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let made = server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    let codes: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|number| {
                let (server, mut other) = (&server, made.clone());
                other["spec"]["description"] = json!(format!("By {number}"));
                scope.spawn(move || server.ask("PUT", "/namespaces/n/goals/g", &other).code)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == 200).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 409).count(),
        11,
        "{codes:?}"
    );
    let created: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    server
                        .ask(
                            "POST",
                            "/namespaces/n/goals",
                            &a_goal(&format!("g{number}")),
                        )
                        .code
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(created, [201; 12]);
    assert_eq!(
        server.get("/namespaces/n/goals").is(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        13
    );
}

#[test]
fn namespaces_are_made_listed_and_removed_with_what_is_in_them() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    let named = json!({"apiVersion": "planspec.io/v1alpha1", "kind": "Namespace", "metadata": {"name": "team"}});
    let made = server.ask("POST", "/namespaces", &named).is(201);
    assert!(
        made["metadata"]["uid"].is_string() && made["metadata"]["creationTimestamp"].is_string()
    );
    server
        .ask("POST", "/namespaces", &named)
        .refused(409, "AlreadyExists");
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    let list = server.get("/namespaces").is(200);
    let names: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["metadata"]["name"])
        .collect();
    assert_eq!(names, [&json!("default"), &json!("n"), &json!("team")]);
    for name in ["n", "team"] {
        server
            .send("DELETE", &format!("{API}/namespaces/{name}"), &[], None)
            .is(200);
        server
            .get(&format!("/namespaces/{name}"))
            .refused(404, "NotFound");
    }
    server.get("/namespaces/n/goals/g").refused(404, "NotFound");
    server
        .send("DELETE", &format!("{API}/namespaces/none"), &[], None)
        .refused(404, "NotFound");
    server.get("/namespaces/default").is(200);
}

/// A server with a run of three nodes: a task, a gate, and a task after the gate.
fn with_a_run(place: &Place<'_>) -> Server {
    let server = Server::start(place, "--reconcile");
    let resources = [
        plan(
            "p",
            &[
                task("build"),
                gate_node("check", "ship").after("build"),
                task("send").after("check"),
            ],
        ),
        gate("ship", "p"),
        execution("run", "p"),
    ];
    let headers = [("Content-Type", "application/yaml")];
    let text = file(&resources);
    let applied = server.send(
        "POST",
        &format!("{API}/namespaces/default/apply"),
        &headers,
        Some(text.as_bytes()),
    );
    assert_eq!(applied.is(200)["applied"].as_array().unwrap().len(), 3);
    assert_eq!(server.get(RUN).is(200)["status"]["phase"], "Running");
    server
}

const RUN: &str = "/namespaces/default/executions/run";

#[test]
fn a_node_is_claimed_kept_given_back_and_reported_through_the_server() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = with_a_run(&place);
    let run = RUN;
    let next = server.get(&format!("{run}/next")).is(200);
    assert_eq!(next["items"][0]["node"], "build");

    let node = format!("{run}/nodes/build");
    let claimed = server
        .ask("POST", &format!("{node}/claim"), &json!({"lease": "10m"}))
        .is(200);
    assert_eq!(
        (&claimed["kind"], &claimed["attempt"]),
        (&json!("Claimed"), &json!(1)),
        "{claimed}"
    );
    assert_eq!(
        server.get(run).is(200)["status"]["nodeStatuses"]["build"]["phase"],
        "Running"
    );
    server
        .ask("POST", &format!("{node}/renew"), &json!({}))
        .is(200);
    server
        .ask(
            "POST",
            &format!("{node}/release"),
            &json!({"message": "later"}),
        )
        .is(200);
    server
        .ask("POST", &format!("{node}/claim"), &json!({}))
        .is(200);
    let refused = server.ask(
        "POST",
        &format!("{node}/report"),
        &json!({"result": "perhaps"}),
    );
    refused.refused(400, "BadRequest");
    let reported = json!({"result": "succeeded", "outputs": {"image": "v1"}, "message": "done"});
    server
        .ask("POST", &format!("{node}/report"), &reported)
        .is(200);
    let late = server.ask("POST", &format!("{run}/nodes/send/claim"), &json!({}));
    assert_eq!(late.is(422)["details"]["kind"], "notReady");
}

#[test]
fn a_run_is_decided_on_tried_again_cancelled_and_looked_at_through_the_server() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = with_a_run(&place);
    let run = RUN;
    for (what, said) in [
        ("claim", json!({})),
        ("report", json!({"result": "succeeded"})),
    ] {
        server
            .ask("POST", &format!("{run}/nodes/build/{what}"), &said)
            .is(200);
    }
    let decision = json!({"decision": "approve", "message": "looks right"});
    server
        .ask(
            "POST",
            "/namespaces/default/gates/ship/decisions",
            &decision,
        )
        .is(200);
    let after = server.get(run).is(200);
    assert_eq!(
        after["status"]["nodeStatuses"]["check"]["phase"], "Succeeded",
        "{after}"
    );
    server
        .ask("POST", &format!("{run}/nodes/send/claim"), &json!({}))
        .is(200);
    server
        .ask(
            "POST",
            &format!("{run}/nodes/send/report"),
            &json!({"result": "failed", "message": "no"}),
        )
        .is(200);
    assert_eq!(server.get(run).is(200)["status"]["phase"], "Failed");
    server
        .ask(
            "POST",
            &format!("{run}/retry"),
            &json!({"message": "again"}),
        )
        .is(200);
    assert_eq!(server.get(run).is(200)["status"]["phase"], "Running");
    server
        .ask(
            "POST",
            &format!("{run}/cancel"),
            &json!({"message": "enough"}),
        )
        .is(200);
    assert_eq!(server.get(run).is(200)["status"]["phase"], "Cancelled");

    let log = server.get(&format!("{run}/log?limit=200")).is(200);
    assert_eq!(log["kind"], "EventList");
    assert!(log.to_string().contains("looks right"), "{log}");
    let revisions = server.get("/namespaces/default/plans/p/log").is(200);
    assert_eq!(revisions["kind"], "RevisionList");
    let begin = place.git("rev-list --max-parents=0 main");
    let review = server
        .send("GET", &format!("/review?base={begin}&head=main"), &[], None)
        .is(200);
    assert_eq!(review["kind"], "Review");
    server
        .send("GET", "/review?base=main..main&head=x", &[], None)
        .refused(400, "BadRequest");
    let audited = server.send("GET", "/audit", &[], None).is(200);
    assert_eq!(
        (&audited["kind"], &audited["broken"]),
        (&json!("Audit"), &Value::Null),
        "{audited}"
    );
    place.run("audit").ok();
}

#[test]
fn without_tokens_only_this_machine_and_its_own_pages_are_answered() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    place
        .run("serve --listen 0.0.0.0:0")
        .exits(2)
        .notes("--tokens");
    let server = Server::start(
        &place,
        "--reconcile --allow-origin https://board.example.com",
    );
    let path = format!("{API}/namespaces/n/goals");
    let body = a_goal("g").to_string();
    let with = |header: (&str, &str)| {
        let headers = [("Content-Type", "application/json"), header];
        server.send("POST", &path, &headers, Some(body.as_bytes()))
    };
    let own = format!("http://127.0.0.1:{}", server.port);
    for header in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
    ] {
        with(header).refused(403, "Forbidden");
    }
    with(("Origin", &own)).is(201);
    with(("Origin", "https://board.example.com")).refused(409, "AlreadyExists");
    drop(server);
    let server = Server::start(&place, "--reconcile --read-only");
    server.get("/namespaces/n/goals/g").is(200);
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("h"))
        .refused(403, "Forbidden");
}

/// The digest of a token, by `sha256sum` as in the documentation.
fn sha256(token: &str) -> String {
    let mut command = std::process::Command::new("sha256sum");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(token.as_bytes()).unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap().stdout;
    String::from_utf8(out).unwrap()[..64].to_owned()
}

#[test]
fn a_token_may_what_its_file_says_and_its_writes_are_reviewed_first() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let tokens = format!(
        "tokens:\n- {{name: reader, sha256: {}, actor: rob@example.com, rights: [read]}}\n- {{name: writer, sha256: {}, actor: wil@example.com, namespaces: [n], rights: [read, write]}}\n",
        sha256("look"),
        sha256("scribble")
    );
    place.write("tokens.yaml", tokens);
    let server = Server::start(&place, "--reconcile --tokens tokens.yaml");
    let as_token = |token: &str, method: &str, path: &str, body: Option<&Value>| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Host", "plans.example.com"),
        ];
        let body = body.map(Value::to_string);
        server.send(
            method,
            &format!("{API}{path}"),
            &headers,
            body.as_deref().map(str::as_bytes),
        )
    };
    let none = server.get("/goals");
    let schemes = none.headers.iter();
    let schemes = schemes.filter(|(name, _)| name == "www-authenticate");
    let schemes: Vec<&str> = schemes.map(|(_, scheme)| scheme.as_str()).collect();
    assert_eq!(schemes, ["Basic realm=\"planspec\"", "Bearer"]);
    none.refused(401, "Unauthorized");
    as_token("wrong", "GET", "/goals", None).refused(401, "Unauthorized");
    assert_eq!(server.send("GET", "/healthz", &[], None).code, 200);
    as_token("look", "GET", "/goals", None).is(200);
    // A browser asks for a password: `anybody:look`.
    let typed = ("Authorization", "Basic YW55Ym9keTpsb29r");
    assert_eq!(server.send("GET", "/", &[typed], None).code, 200);
    assert_eq!(server.send("GET", "/", &[], None).code, 401);
    as_token("look", "POST", "/namespaces/n/goals", Some(&a_goal("g"))).refused(403, "Forbidden");
    as_token("scribble", "GET", "/goals", None).refused(403, "Forbidden");
    as_token("scribble", "GET", "/namespaces/m/goals", None).refused(403, "Forbidden");
    let before = place.git("rev-parse main");
    let put = as_token(
        "scribble",
        "POST",
        "/namespaces/n/goals",
        Some(&a_goal("g")),
    )
    .is(202);
    let branch = put["details"]["branch"].as_str().unwrap();
    assert!(branch.starts_with("planspec/changes/"), "{put}");
    assert_eq!(place.git("rev-parse main"), before);
    assert_eq!(
        place.git(&format!("log -1 --format=%an/%ae {branch}")),
        "wil@example.com/wil@example.com"
    );
    as_token("scribble", "GET", "/namespaces/n/goals/g", None).refused(404, "NotFound");
    place.git(&format!("update-ref refs/heads/main {branch}"));
    let end = Instant::now() + Duration::from_secs(30);
    while as_token("look", "GET", "/namespaces/n/goals/g", None).code != 200 {
        assert!(Instant::now() < end, "it sees what was merged");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_forge_that_knows_the_secret_has_it_look_at_once() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--webhook-secret hush --reconcile-interval 3600");
    let clone = sandbox.clone_of("bare.git", "clone");
    clone
        .write("planspec/g.yaml", goal("g"))
        .commit("A goal")
        .push();
    server
        .get("/namespaces/default/goals/g")
        .refused(404, "NotFound");
    let call = |path: &str, header: (&str, &str)| {
        server.send("POST", path, &[header], Some(b"{\"ref\": \"x\"}"))
    };
    let wrong = format!("sha256={}", "0".repeat(64));
    for (path, header) in [
        ("/webhooks/github", ("X-Hub-Signature-256", wrong.as_str())),
        ("/webhooks/github", ("X-Hub-Signature-256", "sha256=zz")),
        ("/webhooks/github", ("X-Other", "1")),
        ("/webhooks/gitlab", ("X-Gitlab-Token", "hus")),
        ("/webhooks/plain", ("Authorization", "Bearer other")),
    ] {
        call(path, header).refused(403, "Forbidden");
    }
    // printf '{"ref": "x"}' | openssl dgst -sha256 -hmac hush
    let signed = "sha256=e39ac18734540169d384ac4cd52de316bea84379a75313aa0c44893f93ea1ca8";
    call("/webhooks/github", ("X-Hub-Signature-256", signed)).is(202);
    let end = Instant::now() + Duration::from_secs(30);
    while server.get("/namespaces/default/goals/g").code != 200 {
        assert!(Instant::now() < end, "it has looked");
        std::thread::sleep(Duration::from_millis(50));
    }
    call("/webhooks/gitlab", ("X-Gitlab-Token", "hush")).is(202);
    call("/webhooks/plain", ("Authorization", "Bearer hush")).is(202);
}

#[test]
fn a_checkout_is_kept_in_step_and_a_remote_is_written_to() {
    let sandbox = Sandbox::new();
    let alone = sandbox.repository("alone");
    alone.commit("Begin");
    let server = Server::start(&alone, "--reconcile");
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    assert!(alone.has("planspec/n/goals/g.yaml"));
    assert_eq!(alone.git("status --porcelain"), "");
    alone.write("planspec/n/goals/g.yaml", "being: edited\n");
    let told = server.ask(
        "PATCH",
        "/namespaces/n/goals/g",
        &json!({"spec": {"priority": 3}}),
    );
    assert_eq!(told.is(422)["details"]["kind"], "notReady");
    drop(server);

    let place = sandbox.team_with("one", &[goal("first")]);
    let server = Server::start(&place, "--reconcile");
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    let hub = sandbox.place("origin.git");
    assert!(
        hub.git("show main:planspec/n/goals/g.yaml")
            .contains("What it is good for")
    );
    assert_eq!(
        server.get("/namespaces/n/goals/g").is(200)["status"]["phase"],
        "Pending"
    );
    assert!(
        !place.has("planspec/n/goals/g.yaml"),
        "the checkout is somebody's, and stays"
    );
    let other = sandbox.clone_of("origin.git", "two");
    other.publish("planspec/theirs.yaml", goal("theirs"));
    let end = Instant::now() + Duration::from_secs(30);
    while server.get("/namespaces/default/goals/theirs").code != 200 {
        assert!(Instant::now() < end, "it sees what others push");
        std::thread::sleep(Duration::from_millis(100));
    }
    // A push between its read and its write makes it decide again.
    other.publish("planspec/more.yaml", goal("more"));
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("h"))
        .is(201);
    assert_eq!(hub.git("log -1 --format=%s main"), "Apply goal/h");
    assert!(!hub.git(&format!("log --format=%s {STATUS}")).is_empty());
}

#[test]
fn an_address_is_enough() {
    let sandbox = Sandbox::new();
    let place = sandbox.team_with("one", &[goal("first")]);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let nowhere = sandbox.folder("nowhere");
    for goal in ["g", "h"] {
        // The second time its folder exists.
        let server = Server::start(&nowhere, &format!("--reconcile --repo {url}"));
        server.get("/namespaces/default/goals/first").is(200);
        server
            .ask("POST", "/namespaces/n/goals", &a_goal(goal))
            .is(201);
        let hub = sandbox.place("origin.git");
        let subject = hub.git("log -1 --format=%s main");
        assert_eq!(subject, format!("Apply goal/{goal}"));
    }
    assert!(!place.has("planspec/n"));
    let away = format!(
        "serve --port 0 --repo file://{}",
        sandbox.path("nothing").display()
    );
    nowhere.run(&away).exits(3).notes("nothing");
}

#[test]
fn without_reconcile_a_write_is_answered_as_a_dry_run_would_have_it() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "");
    let made = server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    assert_eq!(
        (&made["status"]["phase"], &made["metadata"]["generation"]),
        (&json!("Pending"), &json!(1))
    );
    assert_eq!(
        place
            .git_try(&format!("rev-parse -q --verify {STATUS}"))
            .code,
        1,
        "nothing has been reconciled"
    );
    let got = server.get("/namespaces/n/goals/g").is(200);
    assert_eq!(got["status"], Value::Null);
}

#[test]
fn a_repository_that_is_away_for_a_while_is_said_to_be_and_comes_back() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile");
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("g"))
        .is(201);
    let (here, aside) = (sandbox.path("bare.git"), sandbox.path("aside.git"));
    std::fs::rename(&here, &aside).unwrap();
    server
        .ask("POST", "/namespaces/n/goals", &a_goal("h"))
        .refused(503, "ServiceUnavailable");
    server.get("/namespaces/n/goals/g").is(200);
    std::fs::rename(&aside, &here).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while server.ask("POST", "/namespaces/n/goals", &a_goal("h")).code != 201 {
        assert!(Instant::now() < end, "it is used again");
        std::thread::sleep(Duration::from_millis(200));
    }
    place.git("fsck --strict");
}

#[test]
fn the_description_names_every_path() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "");
    let described = server.send("GET", "/openapi.json", &[], None).is(200);
    assert_eq!(described["openapi"], "3.1.0");
    for path in [
        "/healthz",
        "/audit",
        &format!("{API}/namespaces/{{namespace}}/{{type}}/{{name}}"),
    ] {
        assert!(described["paths"][path]["get"].is_object(), "{path}");
    }
}

#[test]
fn a_record_that_its_author_wrote_is_carried_as_it_is() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = with_a_run(&place);
    let clone = sandbox.clone_of("bare.git", "clone");
    clone.git(&format!("fetch -q origin {STATUS}:{STATUS}"));
    // Made in a clone that shares nothing: only there is the record.
    clone.run("claim run/build --as agent:far").ok();
    let name = clone.git("for-each-ref --format=%(refname) refs/planspec/work");
    let record = json!({
        "ref": name,
        "commit": format!("{}\n", clone.git(&format!("cat-file commit {name}"))),
        "record": format!("{}\n", clone.git(&format!("show {name}:record.yaml"))),
    });
    let id = clone.git(&format!("rev-parse {name}"));
    let mut other = record.clone();
    other["record"] = json!(record["record"].as_str().unwrap().replace("far", "near"));
    server
        .ask("POST", "/records", &other)
        .refused(400, "Invalid");
    other = record.clone();
    other["ref"] = json!("refs/heads/main");
    server
        .ask("POST", "/records", &other)
        .refused(400, "BadRequest");
    let sent = server.ask("POST", "/records", &record);
    assert_eq!(
        sent.header("x-planspec-record"),
        Some(id.as_str()),
        "{}",
        sent.text()
    );
    sent.is(200);
    assert_eq!(place.git(&format!("rev-parse {name}")), id);
    let node = &server.get(RUN).is(200)["status"]["nodeStatuses"]["build"];
    assert_eq!(
        (&node["phase"], &node["extensions"]["claim"]["actor"]),
        (&json!("Running"), &json!("agent:far"))
    );
    // Repeating it changes nothing.
    server.ask("POST", "/records", &record).is(200);
}

#[test]
fn who_sends_nothing_for_too_long_is_cut_off_and_too_many_are_told_to_wait() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "--reconcile --max-requests 1");
    let mut slow = server.connect();
    let head = format!(
        "POST {API}/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).unwrap();
    // Otherwise one of the requests below could get the place.
    std::thread::sleep(Duration::from_secs(1));
    let end = Instant::now() + Duration::from_secs(10);
    let busy = loop {
        let reply = server.get("/goals");
        if reply.code == 429 {
            break reply;
        }
        assert!(Instant::now() < end, "one place is taken");
    };
    assert_eq!(busy.header("retry-after"), Some("1"));
    busy.refused(429, "TooManyRequests");
    slow.write_all(b"[]").unwrap();
    let mut first = [0; 15];
    slow.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.get("/goals").is(200);
    // A request head that never ends.
    let mut loris = server.connect();
    loris.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    let mut rest = Vec::new();
    let _ = loris.read_to_end(&mut rest);
}

#[test]
fn a_chain_of_twenty_thousand_nodes_is_only_a_large_plan() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = Server::start(&place, "");
    let nodes: Vec<Value> = (0..20_000)
        .map(|number| json!({"id": format!("n{number}"), "kind": "Task"}))
        .collect();
    let edges: Vec<Value> = (1..20_000)
        .map(|number| json!({"from": format!("n{}", number - 1), "to": format!("n{number}")}))
        .collect();
    let spec = json!({"description": "d", "graph": {"nodes": nodes, "edges": edges}});
    let checked = server.ask("POST", "/validate", &json!([named("Plan", "p", spec)]));
    assert_eq!(checked.is(200)["results"][0]["name"], "p");
    assert_eq!(server.send("GET", "/healthz", &[], None).text(), "ok");
}

#[test]
fn two_servers_on_one_repository_see_each_other_and_lose_nothing() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let servers = [0, 1].map(|_| Server::start(&place, "--reconcile"));
    let codes: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|number| {
                let server = &servers[number % 2];
                let goal = a_goal(&format!("g{number}"));
                scope.spawn(move || server.ask("POST", "/namespaces/n/goals", &goal).code)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(codes, [201; 16]);
    let end = Instant::now() + Duration::from_secs(30);
    for server in &servers {
        loop {
            let list = server.get("/namespaces/n/goals").is(200);
            let items = list["items"].as_array().unwrap();
            if items.len() == 16
                && items
                    .iter()
                    .all(|item| item["status"]["phase"] == "Pending")
            {
                break;
            }
            assert!(Instant::now() < end, "{list}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    place.run("audit").ok();
}

#[test]
fn the_board_is_served_as_it_is_now_and_says_when_it_has_changed() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = with_a_run(&place);
    let page = |path: &str| {
        let page = server.send("GET", path, &[], None);
        assert_eq!(page.code, 200, "{path}: {}", page.text());
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        page.text()
    };
    assert!(page("/").contains("runs/default/run/index.html"));
    assert!(page("/board.css").contains("prefers-color-scheme"));
    assert!(page("/board.js").contains("EventSource"));
    let run = page("/runs/default/run/index.html");
    assert!(
        run.contains("build") && run.contains("board/events"),
        "{run}"
    );
    page("/runs/default/run/");
    page("/runs/default/run/nodes/build.html");
    page("/runs/default/run/log.html");
    page("/plans/default/p/index.html");
    page("/runs/");
    page("/plans/");
    for path in [
        "/runs/default/none/index.html",
        "/runs/~2e~2e/~2e~2e/etc/passwd",
        "/other.html",
        "/runs/a/b/c/d/e",
    ] {
        server.send("GET", path, &[], None).refused(404, "NotFound");
    }
    server
        .send("GET", "/runs/..%2f..%2fetc/passwd", &[], None)
        .refused(400, "BadRequest");
    let mut stream = server.connect();
    let ask = "GET /board/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.is_empty()));
    server
        .ask("POST", &format!("{RUN}/nodes/build/claim"), &json!({}))
        .is(200);
    assert!(lines.any(|line| line == "data: {}"));
    assert!(page("/runs/default/run/index.html").contains("Running"));
}

/// Encodes the fields of a form as a browser does.
fn form(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let plain = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(plain).collect::<String>()
    };
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// The page of the run's gate.
const GATE: &str = "/runs/default/run/nodes/check.html";

/// The same server with the run waiting at the gate.
fn at_its_gate(place: &Place<'_>) -> Server {
    let server = with_a_run(place);
    for (what, said) in [
        ("claim", json!({})),
        ("report", json!({"result": "succeeded"})),
    ] {
        server
            .ask("POST", &format!("{RUN}/nodes/build/{what}"), &said)
            .is(200);
    }
    server
}

/// Sends a button of a page of that origin, with a user's token.
fn press(server: &Server, token: &str, origin: Option<&str>, said: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "text/html,*/*;q=0.8"),
    ];
    headers.extend(origin.map(|origin| ("Origin", origin)));
    server.send("POST", GATE, &headers, Some(said.as_bytes()))
}

/// A server on which `ana` may decide, and `rob` may look.
fn with_reviewers(place: &Place<'_>) -> Server {
    let of = |name: &str, rights: &str| {
        let sha256 = sha256(name);
        format!(
            "- {{name: {name}, sha256: {sha256}, actor: {name}@example.com, rights: [{rights}]}}\n"
        )
    };
    let (ana, rob) = (of("ana", "read, decide"), of("rob", "read"));
    place.write("tokens.yaml", format!("tokens:\n{ana}{rob}"));
    Server::start(place, "--reconcile --tokens tokens.yaml")
}

/// The form that a button of the gate sends.
fn decision(digest: &str, decision: &str) -> String {
    form(&[
        ("gate", "default/ship"),
        ("digest", digest),
        ("message", "a & b"),
        ("decision", decision),
    ])
}

#[test]
fn at_a_gate_whoever_may_decide_has_buttons_and_decides_what_the_page_shows() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    let server = at_its_gate(&place);
    // Without tokens, users cannot be distinguished.
    let alone = server.send("GET", GATE, &[], None).text();
    let has_command = alone.contains("planspec approve") || alone.contains("<span>approve</span>");
    assert!(has_command && !alone.contains("<form"), "{alone}");
    drop(server);
    let server = with_reviewers(&place);
    let own = format!("http://127.0.0.1:{}", server.port);
    let look = |token: &str| {
        let bearer = format!("Bearer {token}");
        server.send("GET", GATE, &[("Authorization", &bearer)], None)
    };
    assert!(!look("rob").text().contains("<form"));
    let page = look("ana");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.ends_with("form-action 'self'"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let page = page.text();
    assert!(page.contains("You decide as ana@example.com"), "{page}");
    let (_, rest) = page.split_once("name=\"digest\" value=\"").unwrap();
    let digest = rest.split('"').next().unwrap();

    let press = |token, origin, said: &str| press(&server, token, origin, said);
    let approve = decision(digest, "approve");
    let another = format!("sha256:{}", "0".repeat(64));
    let evil = Some("https://evil.example");
    let own = Some(own.as_str());
    for (token, origin, said, code, why) in [
        ("ana", None, approve.clone(), 403, "a page of this server"),
        ("ana", Some("null"), approve.clone(), 403, "another origin"),
        ("ana", evil, approve.clone(), 403, "another origin"),
        ("rob", own, approve.clone(), 403, "has the right `decide`"),
        ("eve", own, approve.clone(), 401, "no known token"),
        ("ana", own, "gate=default%2Fship".to_owned(), 400, "digest"),
        ("ana", own, decision(digest, "perhaps"), 400, "perhaps"),
        (
            "ana",
            own,
            decision(&another, "approve"),
            409,
            "has changed",
        ),
    ] {
        let reply = press(token, origin, &said);
        assert_eq!(
            reply.code,
            code,
            "{token} {origin:?} {said}: {}",
            reply.text()
        );
        let media = reply.header("content-type");
        assert_eq!(media, Some("text/html; charset=utf-8"));
        assert!(reply.text().contains(why), "{why}: {}", reply.text());
        assert!(reply.text().contains("\"../../../../board.css\""));
    }
    let node = || look("ana").text();
    assert!(node().contains("Nobody has said anything yet"));
    let done = press("ana", own, &approve);
    assert_eq!(done.code, 303, "{}", done.text());
    assert_eq!(done.header("location"), Some(GATE));
    let after = node();
    assert!(
        after.contains("a &amp; b") && after.contains("Approved"),
        "{after}"
    );
    assert!(!after.contains("<form"), "{after}");
    let again = press("ana", own, &approve);
    assert_eq!(again.code, 422, "{}", again.text());
}

#[test]
fn a_name_of_another_namespace_does_not_get_past_a_token() {
    let sandbox = Sandbox::new();
    let place = bare(&sandbox);
    drop(with_a_run(&place));
    let sha256 = sha256("x");
    place.write("tokens.yaml", format!("tokens: [{{name: x, sha256: {sha256}, actor: x@example.com, namespaces: [other], rights: [read, work, decide, admin]}}]\n"));
    let server = Server::start(&place, "--reconcile --tokens tokens.yaml");
    let headers = [
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
    ];
    for (path, said) in [
        ("executions/default%2Frun/nodes/build/claim", json!({})),
        ("executions/default%2frun/cancel", json!({})),
        (
            "gates/default%2Frun%2Fcheck/decisions",
            json!({"decision": "reject"}),
        ),
        (
            "gates/ship/decisions",
            json!({"decision": "reject", "execution": "default/run"}),
        ),
    ] {
        let path = format!("{API}/namespaces/other/{path}");
        let reply = server.send("POST", &path, &headers, Some(said.to_string().as_bytes()));
        assert!((400..500).contains(&reply.code), "{path}: {}", reply.text());
    }
    drop(server);
    let run = place
        .run("get execution run -n default -o json")
        .ok()
        .json();
    assert_eq!(run["status"]["phase"], "Running", "{run}");
    let build = &run["status"]["nodeStatuses"]["build"];
    assert_eq!(build["extensions"]["reason"], "Ready", "{run}");
}
