//! One HTTP request, and its bounded response. Proxies come from the environment of this process;
//! certificates are checked against the roots of the system.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use ureq::ResponseExt;
use ureq::http;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::signals::Stop;

/// Maximum number of bytes of a response body that are read.
pub const MAX_BODY: u64 = 1024 * 1024;
/// Maximum number of redirects that are followed.
const MAX_REDIRECTS: u32 = 5;
/// How often a wait for a response checks whether to stop.
const STEP: Duration = Duration::from_millis(100);

/// A request.
// Not `Debug`: a header may hold a secret.
#[derive(Clone)]
pub struct HttpQuestion {
    /// Its method.
    pub method: String,
    /// Its address: http or https.
    pub url: String,
    /// Its headers, by name.
    pub headers: Vec<(&'static str, String)>,
    /// Its body, sent as JSON.
    pub body: Option<Value>,
    /// Whether redirects are followed.
    pub follow: bool,
    /// Timeout of the whole request.
    pub timeout: Duration,
    /// Guarded hosts that may be contacted.
    pub reach: Reach,
}

/// Guarded hosts that may be contacted: those with link-local addresses, and the metadata services of clouds. By default
/// they are refused, since a plan could make a metadata service reveal credentials of this machine.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    hosts: Vec<String>,
}

impl Reach {
    /// Allows these hosts, besides all that are not guarded.
    pub fn with(hosts: Vec<String>) -> Reach {
        Reach { hosts }
    }

    fn has(&self, host: &str) -> bool {
        let host = bare(host);
        self.hosts
            .iter()
            .any(|one| bare(one).eq_ignore_ascii_case(host))
    }

    /// Why a host at this address must not be contacted, if so.
    fn objection(&self, host: &str, address: Option<IpAddr>) -> Option<String> {
        let named = METADATA_NAMES
            .iter()
            .any(|name| name.eq_ignore_ascii_case(bare(host)));
        let address = address.or_else(|| bare(host).parse().ok());
        let is_guarded = named || address.is_some_and(is_guarded);
        if !is_guarded || self.has(host) {
            return None;
        }
        let at = address.filter(|address| address.to_string() != bare(host));
        let at = at.map_or(String::new(), |address| format!(", at {address},"));
        Some(format!(
            "{}{at} is a link-local or metadata address and is not contacted; the owner of this \
             clone can allow it: `git config --add planspec.allowHost {}`",
            bare(host),
            bare(host)
        ))
    }
}

/// Names of metadata services of clouds.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "instance-data"];

/// The address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
}

/// Whether an address is link-local, or that of a metadata service of a cloud.
fn is_guarded(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let others = [[100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192]];
            address.is_link_local() || others.contains(&address.octets())
        }
        IpAddr::V6(address) => {
            // IPv4 addresses in IPv6: compatible, mapped, and translated (NAT64).
            let [a, b, c, d, e, f, high, low] = address.segments();
            let is_old = [a, b, c, d, e] == [0; 5] && matches!(f, 0 | 0xffff)
                || [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
            let old = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            address.is_unicast_link_local()
                || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
                || is_old && is_guarded(IpAddr::V4(old))
        }
    }
}

/// A resolver that refuses guarded hosts, also after redirects.
#[derive(Debug)]
struct Guard {
    resolver: DefaultResolver,
    reach: Reach,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default();
        let mut why = found
            .iter()
            .filter_map(|found| self.reach.objection(host, Some(found.ip())));
        match why.next() {
            Some(why) => Err(ureq::Error::Other(why.into())),
            None => Ok(found),
        }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its body, cut at [`MAX_BODY`].
    pub body: Vec<u8>,
    /// The final address, if redirects led to another one.
    pub redirected_to: Option<String>,
    /// `Retry-After`: seconds, or a date.
    pub retry_after: Option<String>,
}

/// Sends the request, and waits for the response.
///
/// # Errors
/// Why there is no response, in a sentence without a full stop.
pub fn ask(question: &HttpQuestion, stop: &Stop) -> Result<HttpAnswer, String> {
    let (sender, receiver) = mpsc::channel();
    let question = question.clone();
    // A connection cannot be stopped from outside: if nobody waits any more, the thread ends at
    // the timeout.
    std::thread::spawn(move || {
        // It fails when nobody waits any more.
        sender.send(ask_at_once(&question)).ok();
    });
    loop {
        match receiver.recv_timeout(STEP) {
            Ok(answer) => return answer,
            Err(mpsc::RecvTimeoutError::Timeout) if stop.is_wished() => {
                return Err("stopped".to_owned());
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err("the request could not be sent".to_owned());
            }
        }
    }
}

fn ask_at_once(question: &HttpQuestion) -> Result<HttpAnswer, String> {
    let mut request = http::Request::builder()
        .method(question.method.as_str())
        .uri(question.url.as_str());
    for (name, value) in &question.headers {
        request = request.header(*name, value.as_str());
    }
    let asked = request
        .uri_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let host = request.uri_ref().and_then(|uri| uri.host());
    // A proxy resolves other hosts by itself.
    if let Some(why) = host.and_then(|host| question.reach.objection(host, None)) {
        return Err(why);
    }
    let proxy = if host.is_some_and(is_this_machine) {
        None
    } else {
        ureq::Proxy::try_from_env()
    };
    let config = ureq::Agent::config_builder()
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(if question.follow { MAX_REDIRECTS } else { 0 })
        .max_redirects_will_error(true)
        .timeout_global(Some(question.timeout))
        .user_agent(concat!("planspec/", env!("CARGO_PKG_VERSION")))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build(),
        )
        .build();
    let guard = Guard {
        resolver: DefaultResolver::default(),
        reach: question.reach.clone(),
    };
    let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), guard);
    let takes_body = matches!(question.method.as_str(), "POST" | "PUT" | "PATCH");
    let bad = |error: http::Error| error.to_string();
    let answered = match &question.body {
        Some(body) => {
            let request = request.header("Content-Type", "application/json");
            let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
            agent.run(request.body(body).map_err(bad)?)
        }
        None if takes_body => agent.run(request.body(Vec::new()).map_err(bad)?),
        None => agent.run(request.body(()).map_err(bad)?),
    };
    let answer = answered.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let from = answer.get_uri().to_string();
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    answer
        .into_body()
        .into_reader()
        .take(MAX_BODY)
        .read_to_end(&mut body)
        .map_err(|error| format!("the answer was cut off: {error}"))?;
    Ok(HttpAnswer {
        status,
        body,
        redirected_to: (from != asked).then_some(from),
        retry_after,
    })
}

/// Whether a host is this machine, for which no proxy is used.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
pub(super) mod testing {
    //! A minimal server on the loopback interface.
    #![allow(clippy::unwrap_used)]

    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    /// Answers each request with the result of a function of its first line and body; keeps the requests.
    pub struct Server {
        address: SocketAddr,
        pub asked: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        pub fn start(answer: fn(&str, &str) -> String) -> Server {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let kept = Arc::clone(&asked);
            // It ends with the test's process.
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let kept = Arc::clone(&kept);
                    std::thread::spawn(move || serve(stream, answer, &kept).ok());
                }
            });
            Server { address, asked }
        }

        pub fn url(&self, path: &str) -> String {
            format!("http://{}{path}", self.address)
        }
    }

    fn serve(
        mut stream: TcpStream,
        answer: fn(&str, &str) -> String,
        kept: &Mutex<Vec<String>>,
    ) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let first = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
        kept.lock()
            .unwrap()
            .push(format!("{first} {body}").trim().to_owned());
        stream.write_all(answer(&first, &body).as_bytes())
    }

    /// A response with a status and a body.
    pub fn says(status: u16, body: &str) -> String {
        format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::testing::{Server, says};
    use super::*;

    fn question(method: &str, url: String) -> HttpQuestion {
        HttpQuestion {
            method: method.to_owned(),
            url,
            headers: Vec::new(),
            body: None,
            follow: true,
            timeout: Duration::from_secs(60),
            reach: Reach::default(),
        }
    }

    fn get(url: String) -> Result<HttpAnswer, String> {
        ask(&question("GET", url), &Stop::default())
    }

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let server = Server::start(|first, body| match first {
            "GET /fine" => says(200, "all is well"),
            "GET /empty" => says(204, ""),
            "POST /take" => says(201, &format!("got {body}")),
            _ => says(404, "what?"),
        });
        let answer = get(server.url("/fine")).unwrap();
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, b"all is well".as_slice())
        );
        assert_eq!(get(server.url("/empty")).unwrap().status, 204);
        assert_eq!(get(server.url("/no")).unwrap().status, 404);
        let mut post = question("POST", server.url("/take"));
        post.body = Some(serde_json::json!({"a": 1}));
        let answer = ask(&post, &Stop::default()).unwrap();
        assert_eq!(answer.body, b"got {\"a\":1}");
        for method in ["HEAD", "DELETE", "OPTIONS", "PUT", "POST"] {
            let answer = ask(&question(method, server.url("/x")), &Stop::default());
            assert_eq!(answer.map(|answer| answer.status), Ok(404), "{method}");
        }
    }

    #[test]
    fn redirects_are_followed_a_few_times_or_not_at_all() {
        let server = Server::start(|first, _| match first {
            "GET /there" => says(200, "here"),
            "GET /round" => says(302, "").replace("\r\n\r\n", "\r\nLocation: /round\r\n\r\n"),
            _ => says(302, "").replace("\r\n\r\n", "\r\nLocation: /there\r\n\r\n"),
        });
        assert_eq!(get(server.url("/")).unwrap().body, b"here");
        assert!(get(server.url("/round")).is_err());
        let mut once = question("GET", server.url("/"));
        once.follow = false;
        assert_eq!(ask(&once, &Stop::default()).unwrap().status, 302);
    }

    #[test]
    fn a_huge_answer_is_cut_and_a_slow_one_ends() {
        let server = Server::start(|first, _| match first {
            "GET /huge" => says(200, &"x".repeat(3 * MAX_BODY as usize)),
            _ => {
                std::thread::sleep(Duration::from_secs(600));
                String::new()
            }
        });
        let answer = get(server.url("/huge")).unwrap();
        assert_eq!(answer.body.len() as u64, MAX_BODY);
        let mut slow = question("GET", server.url("/slow"));
        slow.timeout = Duration::from_millis(300);
        let said = ask(&slow, &Stop::default()).unwrap_err();
        assert!(said.contains("timeout"), "{said}");
        let stop = Stop::default();
        stop.wish();
        slow.timeout = Duration::from_secs(600);
        assert_eq!(ask(&slow, &stop), Err("stopped".to_owned()));
    }

    #[test]
    fn what_tells_a_machine_who_it_is_is_not_asked_unless_that_is_allowed() {
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[::ffff:100.100.100.200]",
            "168.63.129.16",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
        ] {
            let url = format!("http://{host}/latest/meta-data/");
            let said = get(url.clone()).unwrap_err();
            assert!(
                said.contains("is not contacted") && said.contains("planspec.allowHost"),
                "{said}"
            );
            assert!(
                Reach::with(vec![bare(host).to_lowercase()])
                    .objection(host, None)
                    .is_none()
            );
        }
        for host in [
            "127.0.0.1",
            "localhost",
            "10.0.0.1",
            "[::1]",
            "example.com",
            "[2001:db8::1]",
        ] {
            assert_eq!(Reach::default().objection(host, None), None, "{host}");
        }
        // A name that resolves to a guarded address, and a redirect.
        let there = Reach::default().objection("inner.example", "169.254.1.2".parse().ok());
        assert!(
            there
                .unwrap()
                .contains("inner.example, at 169.254.1.2, is a link-local")
        );
        let server = Server::start(|_, _| {
            says(302, "").replace("\r\n\r\n", "\r\nLocation: http://169.254.169.254/\r\n\r\n")
        });
        let said = get(server.url("/")).unwrap_err();
        assert!(said.contains("169.254.169.254 is a link-local"), "{said}");
    }

    #[test]
    fn nobody_there_or_nothing_that_can_be_asked_is_said() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = unused.local_addr().unwrap();
        drop(unused);
        for url in [
            &format!("http://{address}/"),
            "ftp://127.0.0.1/",
            "nonsense",
            "http://",
        ] {
            assert!(get((*url).to_owned()).is_err(), "{url}");
        }
        let bad = question("BAD METHOD", format!("http://{address}/"));
        assert!(ask(&bad, &Stop::default()).is_err());
    }
}
