//! A minimal Git server over HTTP: `git http-backend` behind a loopback listener.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest request head, in bytes.
const MAX_HEAD: u64 = 64 * 1024;
/// Longest request body, in bytes.
const MAX_BODY: u64 = 16 * 1024 * 1024;
/// A client that is silent for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(60);

const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\
    WWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n";

/// Serves the bare repositories of a folder until it is dropped.
pub struct GitServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
    backend: Arc<Backend>,
}

impl GitServer {
    /// Serves the repositories below `root`, in the environment of a command.
    pub fn start(root: &Path, environment: &Command) -> GitServer {
        GitServer::guarded(root, environment, "")
    }

    /// Serves only clients that send this `Authorization` header.
    pub fn guarded(root: &Path, environment: &Command, authorization: &str) -> GitServer {
        GitServer::serving(Backend::new(root, environment, authorization))
    }

    /// Serves all clients, with this `Date` header.
    pub fn at_time(root: &Path, environment: &Command, date: &str) -> GitServer {
        let backend = Backend::new(root, environment, "");
        GitServer::serving(Backend {
            head: format!("Date: {date}\r\n"),
            ..backend
        })
    }

    fn serving(backend: Backend) -> GitServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let backend = Arc::new(backend);
        let stop = Arc::clone(&stopping);
        let shared = Arc::clone(&backend);
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let backend = Arc::clone(&backend);
                std::thread::spawn(move || {
                    // A client may disconnect.
                    let _ = stream.and_then(|stream| backend.serve(stream));
                });
            }
        });
        GitServer {
            address,
            stopping,
            listening: Some(listening),
            backend: shared,
        }
    }

    /// Serves all clients, and answers requests below `/api/` with a status, as a forge does.
    pub fn forge(root: &Path, environment: &Command, status: u16) -> GitServer {
        let backend = Backend::new(root, environment, "");
        GitServer::serving(Backend {
            api: Some(status),
            ..backend
        })
    }

    /// The requests below `/api/` so far: method, path, client, and body.
    pub fn asked(&self) -> Vec<String> {
        self.backend.asked.lock().unwrap().clone()
    }

    /// The URL of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Connect once, because the listener waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// A server on the loopback that answers every request with a status of the test's choice.
pub struct Answers {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// Starts the server, which runs until the tests end. `answer` is given the method, the path and the body.
    pub fn start(
        answer: impl Fn(&str, &str, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                std::thread::spawn(move || {
                    let mut back = stream.try_clone()?;
                    let request = Request::read(BufReader::new(stream), &mut back)?;
                    let body = String::from_utf8_lossy(&request.body).into_owned();
                    kept.lock().unwrap().push(request.line());
                    let (status, text) = answer(&request.method, &request.path, &body);
                    let length = text.len();
                    write!(
                        back,
                        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
                    )
                });
            }
        });
        Answers { address, asked }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far: method, path, client, and body.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

struct Backend {
    root: PathBuf,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    authorization: String,
    /// Additional header lines of each answer.
    head: String,
    /// The status for paths that are no repository.
    api: Option<u16>,
    asked: Mutex<Vec<String>>,
}

/// A parsed request.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Backend {
    fn new(root: &Path, environment: &Command, authorization: &str) -> Backend {
        let set = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
            Some((name.to_owned(), value?.to_owned()))
        };
        Backend {
            root: root.to_owned(),
            environment: environment.get_envs().filter_map(set).collect(),
            authorization: authorization.to_owned(),
            head: String::new(),
            api: None,
            asked: Mutex::default(),
        }
    }

    /// Serves one request per connection.
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut answer = stream.try_clone()?;
        let request = Request::read(BufReader::new(stream), &mut answer)?;
        if let Some(status) = self.api.filter(|_| request.path.starts_with("/api/")) {
            self.asked.lock().unwrap().push(request.line());
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n");
            write!(answer, "{head}Location: http://169.254.169.254/\r\n\r\n")?
        } else if request.header("authorization") == self.authorization {
            answer.write_all(&self.answer(&request)?)?
        } else {
            answer.write_all(UNAUTHORIZED)?
        }
        answer.flush()
    }

    /// Runs the CGI program, and converts its answer to HTTP.
    fn answer(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let mut child = Command::new("git")
            .arg("http-backend")
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_TYPE", request.header("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
            .env("GIT_PROTOCOL", request.header("git-protocol"))
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().unwrap();
        let body = request.body.clone();
        let feeding = std::thread::spawn(move || stdin.write_all(&body));
        let output = child.wait_with_output()?;
        let _ = feeding.join();
        let said = output.stdout;
        let end = said.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = said.split_at(end.map_or(0, |end| end + 2));
        let head = String::from_utf8_lossy(head);
        let status = head
            .lines()
            .find_map(|line| line.strip_prefix("Status: "))
            .unwrap_or("200 OK");
        let ours = &self.head;
        let mut answer =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\n{ours}{head}").into_bytes();
        answer.extend_from_slice(body);
        Ok(answer)
    }
}

impl Request {
    fn read(mut from: BufReader<TcpStream>, answer: &mut TcpStream) -> std::io::Result<Request> {
        let mut head = (&mut from).take(MAX_HEAD);
        let mut line = String::new();
        head.read_line(&mut line)?;
        let mut parts = line.split_whitespace();
        let method = parts.next().unwrap_or_default().to_owned();
        let target = parts.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if head.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
        let mut request = Request {
            method,
            path,
            query,
            headers,
            body: Vec::new(),
        };
        if request
            .header("expect")
            .eq_ignore_ascii_case("100-continue")
        {
            answer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match request.header("transfer-encoding") {
            "chunked" => chunks(&mut from)?,
            _ => {
                let length: u64 = request.header("content-length").parse().unwrap_or(0);
                let mut body = Vec::new();
                from.take(length.min(MAX_BODY)).read_to_end(&mut body)?;
                body
            }
        };
        Ok(request)
    }

    /// Method, path, client, and body.
    fn line(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let who = self.header("authorization");
        let line = format!("{} {} {who} {body}", self.method, self.path);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Reads a chunked body: a length in hexadecimal, that many bytes, and so on until a length of zero.
fn chunks(from: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.take(MAX_HEAD).read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
        if length == 0 || body.len() as u64 + length > MAX_BODY {
            return Ok(body);
        }
        from.take(length).read_to_end(&mut body)?;
        from.take(2).read_to_end(&mut Vec::new())?;
    }
}
