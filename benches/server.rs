//! The server under load: `cargo bench --bench server [RESOURCES [SECONDS [REFERENCE]]]`. Reads over 64 connections, writes that come
//! together, watchers that are told, workers that claim and report. With the reference's program as the third argument the same
//! requests are sent to its server, in turn.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use common::{PLANSPEC, command, files, git, ms, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

const API: &str = "/apis/planspec.io/v1alpha1";
const CONNECTIONS: usize = 64;
const WATCHERS: usize = 1000;
const WORKERS: usize = 32;

fn main() {
    let given: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let number = |at: usize| {
        given
            .get(at)
            .and_then(|arg: &String| arg.parse::<usize>().ok())
    };
    let (size, seconds) = (number(0).unwrap_or(10_000), number(1).unwrap_or(5));
    let time = Duration::from_secs(seconds as u64);
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("work");
    std::fs::create_dir(&dir).unwrap();
    repository(&dir, files(size));
    let bare = folder.path().join("bare.git");
    git(
        folder.path(),
        &["clone", "-q", "--bare", "work", "bare.git"],
    );
    git(&bare, &["remote", "remove", "origin"]);
    let started = Instant::now();
    let server = Server::ours(&bare);
    println!(
        "{size} resources; ready after {:.1} s, {} MB",
        started.elapsed().as_secs_f64(),
        server.memory()
    );
    println!(
        "\n{:<34} {:>10} {:>10} {:>10}",
        "over 64 connections", "per second", "p50 ms", "p99 ms"
    );
    let reads = [
        ("a resource", format!("{API}/namespaces/n0/plans/plan-50")),
        (
            "a list of a namespace",
            format!("{API}/namespaces/n0/plans"),
        ),
        ("a run", format!("{API}/namespaces/n0/executions/run-95")),
        ("a page of 500 of all", format!("{API}/plans?limit=500")),
        (
            "a label selector over all",
            format!("{API}/plans?labelSelector=none%3Dsuch"),
        ),
        ("health", "/healthz".to_owned()),
    ];
    for (what, path) in &reads {
        told(what, load(server.port, path, time));
    }
    writes(&server, "goals, each a commit, one by one", 1, time);
    writes(&server, "goals, 32 at the same time", 32, time);
    watchers(&server);
    workers(&server);
    println!("\nmemory at the end: {} MB", server.memory());
    if let Some(reference) = given.get(2) {
        beside(Path::new(reference), folder.path(), time);
    }
}

/// The same reads and writes at the reference's server, with the plans of the first namespace.
fn beside(program: &Path, folder: &Path, time: Duration) {
    let server = Server::reference(program, folder);
    let url = format!("http://127.0.0.1:{}", server.port);
    for (_, text) in files(100) {
        let file = folder.join("one.yaml");
        std::fs::write(&file, text).unwrap();
        let mut apply = Command::new(program);
        apply
            .args(["--server", &url, "-n", "n0", "apply", "-f"])
            .arg(&file);
        apply
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }
    println!("\nthe reference's server, with the hundred resources of one namespace");
    for (what, path) in [
        ("a resource", format!("{API}/namespaces/n0/plans/plan-50")),
        (
            "a list of a namespace",
            format!("{API}/namespaces/n0/plans"),
        ),
    ] {
        told(what, load(server.port, &path, time));
    }
    writes(&server, "goals, one by one", 1, time);
    writes(&server, "goals, 32 at the same time", 32, time);
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn ours(dir: &Path) -> Server {
        let mut serve = command(
            dir,
            PLANSPEC,
            &[
                "serve",
                "--port",
                "0",
                "--reconcile",
                "--max-requests",
                "2000",
            ],
        );
        let mut child = serve.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0);
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let port = line.trim().rsplit_once(':').unwrap().1.parse().unwrap();
        Server { child, port }
    }

    fn reference(program: &Path, folder: &Path) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut serve = Command::new(program);
        serve
            .args(["serve", "--port", &port.to_string(), "--db"])
            .arg(folder.join("reference.db"));
        let child = serve
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Server { child, port }
    }

    /// Resident megabytes at the most.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
            / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream: BufReader::new(stream),
        }
    }

    fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, Vec<u8>) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (mut code, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                code = rest[..3].parse().unwrap();
            }
            let (name, value) = text.split_once(": ").unwrap_or((text, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (code, body)
    }
}

fn load(port: u16, path: &str, time: Duration) -> Vec<Duration> {
    let end = Instant::now() + time;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::new(port);
                    let mut times = Vec::new();
                    while Instant::now() < end {
                        let begun = Instant::now();
                        let (code, _) = client.send("GET", path, None);
                        assert_eq!(code, 200, "{path}");
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| ms(times[((times.len() - 1) as f64 * part) as usize]);
    let all: Duration = times.iter().sum();
    let seconds = all.as_secs_f64() / CONNECTIONS as f64;
    println!(
        "{what:<34} {:>10.0} {:>10.2} {:>10.2}",
        times.len() as f64 / seconds,
        at(0.5),
        at(0.99)
    );
}

fn writes(server: &Server, what: &str, together: usize, time: Duration) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let end = Instant::now() + time;
    let begun = Instant::now();
    let times: Mutex<Vec<Duration>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..together {
            scope.spawn(|| {
                let mut client = Client::new(server.port);
                while Instant::now() < end {
                    let name = format!("g{}", NUMBER.fetch_add(1, Ordering::Relaxed));
                    let goal = json!({"apiVersion": "planspec.io/v1alpha1", "kind": "Goal", "metadata": {"name": name, "namespace": "bench"}, "spec": {"description": "d"}});
                    let begun = Instant::now();
                    let (code, body) = client.send("POST", &format!("{API}/namespaces/bench/goals"), Some(&goal));
                    assert_eq!(code, 201, "{}", String::from_utf8_lossy(&body));
                    times.lock().unwrap().push(begun.elapsed());
                }
            });
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    let at = |part: f64| ms(times[((times.len() - 1) as f64 * part) as usize]);
    println!(
        "{what:<34} {:>10.0} {:>10.2} {:>10.2}",
        times.len() as f64 / begun.elapsed().as_secs_f64(),
        at(0.5),
        at(0.99)
    );
}

/// A thousand are told of one change.
fn watchers(server: &Server) {
    let ready = Barrier::new(WATCHERS + 1);
    let written: Mutex<Option<Instant>> = Mutex::new(None);
    let late = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WATCHERS)
            .map(|_| {
                let (ready, written) = (&ready, &written);
                let watch = move || {
                    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
                    stream.write_all(format!("GET {API}/namespaces/told/goals/watch HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
                    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
                    assert!(lines.any(|line| line.is_empty()));
                    ready.wait();
                    assert!(lines.any(|line| line.contains("\"ADDED\"")));
                    let begun = written.lock().unwrap().unwrap();
                    begun.elapsed()
                };
                std::thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, watch).unwrap()
            })
            .collect();
        ready.wait();
        let goal = json!({"apiVersion": "planspec.io/v1alpha1", "kind": "Goal", "metadata": {"name": "told", "namespace": "told"}, "spec": {"description": "d"}});
        let mut begun = written.lock().unwrap();
        *begun = Some(Instant::now());
        drop(begun);
        let (code, _) = Client::new(server.port).send(
            "POST",
            &format!("{API}/namespaces/told/goals"),
            Some(&goal),
        );
        assert_eq!(code, 201);
        let late = threads.into_iter().map(|thread| thread.join().unwrap());
        late.max().unwrap()
    });
    println!(
        "\n{WATCHERS} watchers: all are told {:.0} ms after a write is sent",
        ms(late)
    );
}

/// Workers claim and report the tasks of a run; how long it takes until a watcher sees a claim.
fn workers(server: &Server) {
    let nodes: Vec<Value> = (0..WORKERS * 4)
        .map(|number| json!({"id": format!("t{number}"), "kind": "Task", "description": "d"}))
        .collect();
    let body = json!([
        {"apiVersion": "planspec.io/v1alpha1", "kind": "Plan", "metadata": {"name": "crowd", "namespace": "crowd"}, "spec": {"description": "d", "graph": {"nodes": nodes}}},
        {"apiVersion": "planspec.io/v1alpha1", "kind": "Execution", "metadata": {"name": "run", "namespace": "crowd"}, "spec": {"planRef": {"name": "crowd"}}},
    ]);
    let (code, told) = Client::new(server.port).send(
        "POST",
        &format!("{API}/namespaces/crowd/apply"),
        Some(&body),
    );
    assert_eq!(code, 200, "{}", String::from_utf8_lossy(&told));
    let over = AtomicBool::new(false);
    let sent: Mutex<Vec<(String, Instant)>> = Mutex::default();
    let begun = Instant::now();
    let mut seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| seen_by_a_watcher(server.port, &sent, &over));
        let threads: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let sent = &sent;
                scope.spawn(move || {
                    let mut client = Client::new(server.port);
                    for task in 0..4 {
                        let node = format!("t{}", worker * 4 + task);
                        let path = format!("{API}/namespaces/crowd/executions/run/nodes/{node}");
                        sent.lock().unwrap().push((node, Instant::now()));
                        let (code, body) =
                            client.send("POST", &format!("{path}/claim"), Some(&json!({})));
                        assert_eq!(code, 200, "{}", String::from_utf8_lossy(&body));
                        let (code, body) = client.send(
                            "POST",
                            &format!("{path}/report"),
                            Some(&json!({"result": "succeeded"})),
                        );
                        assert_eq!(code, 200, "{}", String::from_utf8_lossy(&body));
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        over.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    seen.sort_unstable();
    let at = |part: f64| ms(seen[((seen.len() - 1) as f64 * part) as usize]);
    println!(
        "{WORKERS} workers, {} claims and reports in {:.1} s; a watcher sees a claim after {:.0} ms (median), {:.0} ms (p99)",
        WORKERS * 4,
        begun.elapsed().as_secs_f64(),
        at(0.5),
        at(0.99)
    );
}

fn seen_by_a_watcher(
    port: u16,
    sent: &Mutex<Vec<(String, Instant)>>,
    over: &AtomicBool,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    stream
        .write_all(
            format!(
                "GET {API}/namespaces/crowd/executions/watch HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            .as_bytes(),
        )
        .unwrap();
    let mut lines = BufReader::new(stream);
    let (mut seen, mut line) = (Vec::new(), String::new());
    let mut open: Vec<String> = Vec::new();
    loop {
        let read = lines.read_line(&mut line);
        if read.is_err() && over.load(Ordering::SeqCst) {
            return seen;
        }
        if read.is_err() {
            continue;
        }
        if let Some(event) = line.strip_prefix("data: ") {
            let event: Value = serde_json::from_str(event).unwrap();
            for (node, since) in sent.lock().unwrap().iter() {
                let claim = &event["object"]["status"]["nodeStatuses"][node]["extensions"]["claim"];
                if !claim.is_null() && !open.contains(node) {
                    open.push(node.clone());
                    seen.push(since.elapsed());
                }
            }
        }
        line.clear();
    }
}
