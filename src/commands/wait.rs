//! `planspec wait`: for scripts and deployments that depend on where something stands.

use clap::Args as ClapArgs;

use super::follow::Follower;
use super::get::wanted_one;
use super::{Context, NamespaceArg};
use crate::core::base::escape;
use crate::core::resource::{Duration, Key, Kind};
use crate::core::run::wait::{Expectation, Verdict};
use crate::failure::{Failure, Outcome};
use crate::service::runs::choose_among;

/// Wait until a resource, or a node of an execution, is where it should be
///
/// Ends with 0 when it is, with 1 when it can no longer come there (an execution that failed does
/// not succeed) or when the time is over. While nothing moves, only the status branch's ref is
/// looked at.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// KIND/NAME, or a kind
    kind: String,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// A phase, condition=TYPE[=STATUS], node=NODE=PHASE, or delete
    #[arg(long = "for", value_name = "WHAT")]
    what: String,
    /// How long, for example 30m [default: for ever]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Duration>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("wait", &args.kind, args.name.as_deref())?;
    let wanted = Expectation::parse(kind, &args.what)
        .map_err(|why| Failure::usage(format!("--for {}: {why}", args.what)))?;
    let mut follower = Follower::begin(context, args.timeout.as_ref())?;
    let mut key = None;
    let mut state = "it has no status yet".to_owned();
    let mut first = true;
    loop {
        for commit in follower.look(context)? {
            let tree = follower.read(&commit)?.tree;
            let namespace = args.namespace.namespace.as_deref();
            if key.is_none() {
                key = choose_among(tree.files.keys(), kind, &name, namespace)
                    .ok()
                    .cloned();
            }
            match wanted.judge(key.as_ref().and_then(|key| tree.files.get(key))) {
                Verdict::Met(how) if key.is_some() => return met(context, &key, &how),
                Verdict::Never(why) => return Err(never(&key, &args.what, &why)),
                Verdict::Met(how) | Verdict::NotYet(how) => state = how,
            }
        }
        if std::mem::take(&mut first) && key.is_none() {
            match in_files(&follower, kind, &name, args.namespace.namespace.as_deref()) {
                Ok(found) => key = Some(found),
                Err(_) if wanted == Expectation::Deleted => return met(context, &key, &state),
                Err(failure) => return Err(failure),
            }
        }
        if !follower.rest(context, args.interval) {
            let what = subject(&key, kind, &name);
            return Err(Failure::not_met(format!(
                "the time is over, and {what} is not where it should be: {state}"
            )));
        }
    }
}

/// What has no status yet may stand in the files; a name that stands nowhere is a mistake.
fn in_files(follower: &Follower, kind: Kind, name: &str, namespace: Option<&str>) -> Outcome<Key> {
    let store = follower.store();
    let view = store.fresh()?;
    let snapshot = store.snapshot(&view.spec_commit, &view.config)?;
    Ok(choose_among(snapshot.keys(), kind, name, namespace).cloned()?)
}

fn met(context: &Context, key: &Option<Key>, how: &str) -> Outcome {
    let how = escape::line(how);
    context.terminal.out(&match key {
        Some(key) => format!("{key}: {how}\n"),
        None => format!("{how}\n"),
    });
    Ok(())
}

fn never(key: &Option<Key>, what: &str, why: &str) -> Failure {
    let who = key
        .as_ref()
        .map_or_else(String::new, |key| format!("{key}: "));
    Failure::not_met(format!("{who}{what} can no longer be reached: {why}"))
}

fn subject(key: &Option<Key>, kind: Kind, name: &str) -> String {
    match key {
        Some(key) => key.to_string(),
        None => format!("{kind} {name}"),
    }
}
