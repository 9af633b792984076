//! `planspec serve`: serve the repository over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args as ClapArgs;

use super::Context;
use crate::core::base::digest::sha256_hex;
use crate::failure::{Failure, Outcome};
use crate::server::{Options, serve};
use crate::service::store::Store;

/// Serve the repository over HTTP: API, streams, board
///
/// Writes become commits on the spec branch, and requests of workers and reviewers become records, as with the commands.
/// Others can work on the same repository at the same time, and serve it too.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Address and port to listen on; an address other than loopback needs --tokens
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["host", "port"])]
    listen: Option<SocketAddr>,
    /// Repository: a folder, or the address of a remote, which is then fetched to a cache folder
    #[arg(long, value_name = "DIR|URL")]
    repo: Option<String>,
    /// IP address to listen on
    #[arg(
        long,
        value_name = "IP",
        env = "PLANSPEC_HOST",
        default_value = "127.0.0.1"
    )]
    host: IpAddr,
    /// Port to listen on; 0 selects a free one
    #[arg(short, long, value_name = "PORT", env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Reconcile after changes
    #[arg(long)]
    reconcile: bool,
    /// Refuse all requests that change something
    #[arg(long)]
    read_only: bool,
    /// File that maps digests of tokens to actors, namespaces and rights
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Put each write on its own branch with this prefix, for review [default with --tokens: planspec/changes/]
    #[arg(long, value_name = "PREFIX")]
    write_branch: Option<String>,
    /// Commit writes to the spec branch [default without --tokens]
    #[arg(long, conflicts_with = "write_branch")]
    write_direct: bool,
    /// Allow requests from pages of this origin, for example https://board.example.com; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Secret of webhooks from a forge (POST /webhooks/github, gitlab, plain)
    #[arg(
        long,
        value_name = "SECRET",
        env = "PLANSPEC_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,
    /// Seconds between checks for changes by others
    #[arg(long, value_name = "SECONDS", env = "PLANSPEC_RECONCILE_INTERVAL", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    reconcile_interval: u64,
    /// Maximum size of a request in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024)]
    max_body: usize,
    /// Maximum number of concurrent requests
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    max_requests: u16,
    /// Format of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log: LogFormat,
    /// What the reference's server keeps its database in; there is none here
    #[arg(long, value_name = "FILE", env = "PLANSPEC_DB", hide = true)]
    db: Option<PathBuf>,
}

/// Formats of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for each entry.
    Text,
    /// One JSON document for each entry.
    Json,
}

impl Args {
    /// The folder of the repository.
    fn repository(&self, context: &Context) -> Outcome<Option<PathBuf>> {
        let Some(named) = &self.repo else {
            return Ok(context.dir.clone());
        };
        // Git's rule for an address: a scheme, or HOST:PATH.
        let is_address = named.contains("://")
            || named
                .split_once(':')
                .is_some_and(|(host, _)| !host.contains('/'));
        if !is_address {
            return Ok(Some(context.path(Path::new(named))));
        }
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(home);
        let Some(cache) = cache else {
            return Err(Failure::usage(
                "neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder",
            ));
        };
        let folder = &sha256_hex(named.as_bytes())[..16];
        let dir = cache.join("planspec/serve").join(folder);
        Store::stand_before(named, &dir)?;
        Ok(Some(dir))
    }

    /// The format of the log.
    pub fn log(&self) -> LogFormat {
        self.log
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.db.is_some() {
        context
            .terminal
            .note("note: --db has no effect: there is no database");
    }
    let listen = args.listen.unwrap_or(SocketAddr::new(args.host, args.port));
    let for_review = match (&args.write_branch, args.write_direct, &args.tokens) {
        (Some(prefix), _, _) => Some(prefix.clone()),
        (None, false, Some(_)) => Some("planspec/changes/".to_owned()),
        _ => None,
    };
    let options = Options {
        dir: args.repository(context)?,
        listen,
        reconcile: args.reconcile,
        read_only: args.read_only,
        tokens: args.tokens.as_deref().map(|path| context.path(path)),
        webhook_secret: args
            .webhook_secret
            .clone()
            .filter(|secret| !secret.is_empty()),
        for_review,
        origins: args.origins.clone(),
        interval: Duration::from_secs(args.reconcile_interval),
        max_body: args.max_body,
        max_requests: usize::from(args.max_requests),
    };
    let ready = |address: SocketAddr| {
        context
            .terminal
            .note(&format!("listening on http://{address}"))
    };
    Ok(serve(&options, ready)?)
}
