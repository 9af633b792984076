//! Serves the repository over HTTP: the published API of resources, streams of events, and requests of workers and
//! reviewers. It decides nothing; see [`crate::service`].
//!
//! | file | what it does |
//! |---|---|
//! | `keeper` | the only thread that writes |
//! | `guard` | checks of every request: number, origin, token |
//! | `tokens` | rights of tokens |
//! | `body`, `query` | the content of a request |
//! | `routes` | all paths |
//! | `openapi` | the description of the API |
//! | `resources` | resources and namespaces: the published API |
//! | `runs` | requests of workers, reviewers and operators |
//! | `webhooks` | webhooks of a forge |
//! | `watch` | streams of events |
//! | `board` | the pages of the board |
//! | `status` | answers and refusals |

mod board;
mod body;
mod guard;
mod keeper;
mod openapi;
mod query;
mod resources;
mod routes;
mod runs;
mod status;
mod tokens;
mod watch;
mod webhooks;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use self::keeper::{By, Keeper, Pace};
use self::status::{Answer, Refusal};
use self::tokens::{Holder, Tokens};
use crate::clock;
use crate::git::Identity;
use crate::service::live::Live;
use crate::service::store::{Author, Side, Store};
use crate::service::{Error, Result};

/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(10);
/// How long requests in progress may take at shutdown.
const ENDING: Duration = Duration::from_secs(4);
/// Maximum number of streams.
const WATCHERS: usize = 4096;

/// Options of the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The repository; `None` is the one around the current folder.
    pub dir: Option<PathBuf>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Reconcile after changes.
    pub reconcile: bool,
    /// Refuse requests that change something.
    pub read_only: bool,
    /// The file of tokens.
    pub tokens: Option<PathBuf>,
    /// The secret of webhooks; `None` accepts none.
    pub webhook_secret: Option<String>,
    /// The prefix of the branch on which each write is put for review; `None` writes to the spec branch.
    pub for_review: Option<String>,
    /// Origins of pages that may send requests.
    pub origins: Vec<String>,
    /// How often to check for changes by others.
    pub interval: Duration,
    /// Maximum size of a body, in bytes.
    pub max_body: usize,
    /// Maximum number of requests in progress.
    pub max_requests: usize,
}

/// The state that all requests share.
pub(crate) struct App {
    /// Distinguishes this repository from others.
    name: String,
    dir: Option<PathBuf>,
    keeper: Keeper,
    tokens: Option<Tokens>,
    webhook_secret: Option<String>,
    for_review: Option<String>,
    origins: Vec<String>,
    is_read_only: bool,
    max_body: usize,
    places: Semaphore,
    watchers: Arc<Semaphore>,
    ending: tokio::sync::watch::Sender<bool>,
}

thread_local! {
    /// The repository, kept open by each thread between requests.
    static READER: RefCell<Option<Store>> = const { RefCell::new(None) };
}

/// The current state.
fn read(app: &App) -> Answer<RwLockReadGuard<'_, Live>> {
    let broken = |_| Error::unavailable("the state in memory is broken: restart the server");
    Ok(app.keeper.live.read().map_err(broken)?)
}

impl App {
    /// The author of a holder's commits, and where they go.
    fn by(&self, holder: &Holder) -> By {
        let email = |actor: &String| {
            if actor.contains('@') {
                return actor.clone();
            }
            format!("{}@planspec.invalid", actor.replace([':', '/'], "."))
        };
        By {
            identity: holder.actor.as_ref().map(|actor| Identity {
                name: actor.clone(),
                email: email(actor),
            }),
            for_review: self.for_review.clone(),
        }
    }

    /// Answers a question about the repository that changes nothing.
    async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let app = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            let known = READER.with(|reader| reader.borrow_mut().take());
            let store = match known.filter(|store| store.repo.is_there()) {
                Some(store) => store,
                None => app.reader()?,
            };
            let answer = question(&store);
            READER.with(|reader| *reader.borrow_mut() = Some(store));
            answer
        });
        match looked.await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Error::unavailable("the request could not be answered").into()),
        }
    }

    /// Opens the repository.
    fn reader(&self) -> Result<Store> {
        let mut store = Store::open(self.dir.as_deref())?;
        let identity = store.identity();
        let now = clock::now().map_err(Error::ambiguous)?;
        store.side = Side::SpecBranch(Author {
            identity,
            now,
            for_review: None,
        });
        Ok(store)
    }
}

/// Serves until a signal arrives. `ready` gets the address.
///
/// # Errors
/// The repository cannot be used; the address cannot be used; it is not loopback, and there are no tokens.
pub fn serve(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result {
    if options.tokens.is_none() && !options.listen.ip().is_loopback() {
        let why = format!(
            "{} is reachable by others, but there are no tokens",
            options.listen.ip()
        );
        return Err(
            Error::ambiguous(why).hint("start it with --tokens FILE, or listen on 127.0.0.1")
        );
    }
    let store = Store::open(options.dir.as_deref())?;
    let view = store.fresh()?;
    let tokens = options.tokens.as_deref();
    let tokens = tokens.map(|path| Tokens::read(path, &view.config, options.read_only));
    let pace = Pace {
        reconcile: options.reconcile && !options.read_only,
        interval: options.interval,
    };
    let tokens = tokens.transpose()?;
    let name = store.repo.common_dir().display().to_string();
    drop(store);
    let (keeper, thread) = Keeper::start(options.dir.clone(), pace)?;
    let app = Arc::new(App {
        name,
        dir: options.dir.clone(),
        keeper,
        tokens,
        webhook_secret: options.webhook_secret.clone(),
        for_review: options.for_review.clone(),
        origins: options.origins.clone(),
        is_read_only: options.read_only,
        max_body: options.max_body,
        places: Semaphore::new(options.max_requests),
        watchers: Arc::new(Semaphore::new(WATCHERS)),
        ending: tokio::sync::watch::Sender::new(false),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime
        .map_err(|error| Error::unavailable(format!("no threads can be started: {error}")))?;
    let served = runtime.block_on(listen(options.listen, Arc::clone(&app), ready));
    app.keeper.stop();
    // Writes in progress are completed.
    let _ = thread.join();
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

async fn listen(address: SocketAddr, app: Arc<App>, ready: impl FnOnce(SocketAddr)) -> Result {
    let cannot =
        |error: std::io::Error| Error::unavailable(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let mut over = Over::new().map_err(cannot)?;
    ready(listener.local_addr().map_err(cannot)?);
    let router = router(Arc::clone(&app));
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // For example, too many files are open; some may be closed soon.
                    tracing::warn!("cannot accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = over.wait() => break,
        };
        let _ = stream.set_nodelay(true);
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD);
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }
    drop(listener);
    app.ending.send_replace(true);
    if tokio::time::timeout(ENDING, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that took too long to end were cut off");
    }
    Ok(())
}

/// The signals that stop the server.
struct Over {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Over {
    fn new() -> std::io::Result<Over> {
        Ok(Over {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn router(app: Arc<App>) -> Router {
    routes::router()
        .fallback(nowhere)
        .layer(CompressionLayer::new().compress_when(is_worth_compressing()))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}

/// Streams must not be delayed by compression.
fn is_worth_compressing() -> impl Predicate {
    DefaultPredicate::new().and(NotForContentType::const_new("application/x-ndjson"))
}

async fn health() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok")
}

async fn nowhere() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NotFound", "there is no such path")
        .hint("GET /openapi.json lists all paths")
}
