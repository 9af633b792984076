//! `planspec reconcile`: advance executions, and commit their status.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;

use super::{Context, OutFile, OutputArg, json, next_document, out_file};
use crate::api::next::Matrix;
use crate::api::reconcile::Reconciled;
use crate::api::refusal::Refusal;
use crate::core::base::invisible::is_invisible;
use crate::failure::Outcome;
use crate::service::next::{NextRequest, next, next_in};
use crate::service::overview::overview;
use crate::service::reconcile::watch::{Course, Watch};
use crate::service::reconcile::{ReconcileRequest, reconcile_and_look};
use crate::service::store::{Store, View};
use crate::service::{Error, Result};
use crate::show;
use crate::show::metrics::{Look, openmetrics};
use crate::worker::signals::Stop;

/// Advance executions, and commit their status
///
/// Works on the tip of the spec branch (the remote's, if there is one), never on the files that are checked out. If nothing
/// has changed, nothing is written.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Show what would change, without writing it
    #[arg(long)]
    dry_run: bool,
    /// Use the resources of this revision instead of the spec branch; needs --dry-run
    #[arg(long = "ref", value_name = "REV")]
    rev: Option<String>,
    /// Examine all resources, and check that the incremental result is the same
    #[arg(long, conflicts_with = "watch")]
    full: bool,
    /// Confirm that the clock of this machine is right, and write the status
    #[arg(long, conflicts_with_all = ["dry_run", "watch"])]
    accept_time: bool,
    /// Start a new status if its branch is gone, or continue if the configuration names another branch or remote
    #[arg(long, conflicts_with = "watch")]
    initialize: bool,
    /// Return to the status of this commit with a new commit on top; decides nothing
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["dry_run", "watch", "rev", "full", "initialize"])]
    restore: Option<String>,
    /// Keep running, and check every second while something is open
    #[arg(long)]
    watch: bool,
    /// With --watch: seconds between checks while something is open; at least five otherwise
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// With --watch: write the state after each check to this file, as JSON
    #[arg(long, value_name = "FILE", requires = "watch")]
    health_file: Option<PathBuf>,
    /// Write metrics to this file as OpenMetrics text, also if the reconcile fails
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    metrics: Option<PathBuf>,
    /// Also write the result to this file, replacing it; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = out_file::<OutFormat>, conflicts_with = "watch")]
    out: Vec<OutFile<OutFormat>>,
    /// Address of the repository on the forge, for example https://github.com/OWNER/NAME, for links of --out markdown
    #[arg(long, value_name = "URL", requires = "out", value_parser = web)]
    web: Option<String>,
    /// Name of the CI job, for the message of the status commit
    #[arg(long, value_name = "TEXT", value_parser = job)]
    job: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Formats of `--out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutFormat {
    /// Tables for the summary of a job: what failed, what waits for whom, what changed
    Markdown,
    /// One JSON document
    Json,
    /// Nodes that can be claimed afterwards, as `next -o github-matrix` lists them
    GithubMatrix,
}

/// Maximum length of the name of a job, in characters.
const MAX_JOB: usize = 300;

fn job(text: &str) -> std::result::Result<String, String> {
    let is_line = !text.trim().is_empty() && !text.chars().any(is_invisible);
    if is_line && text.chars().count() <= MAX_JOB {
        return Ok(text.to_owned());
    }
    Err(format!(
        "write one line of at most {MAX_JOB} characters, for example the address of the job"
    ))
}

fn web(text: &str) -> std::result::Result<String, String> {
    let is_web = ["https://", "http://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]%+@".contains(c);
    if is_web && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("write an address, for example https://github.com/OWNER/NAME".to_owned())
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.watch {
        return watch(context, args);
    }
    let (store, done, view) = measured(context, args)?;
    for file in &args.out {
        let text = match file.format {
            OutFormat::Markdown => show::summary::markdown(&done, args.web.as_deref()),
            OutFormat::Json => json(&done)?,
            OutFormat::GithubMatrix => matrix(context, &store, view.as_ref())?,
        };
        context.write(&file.path, &text)?;
    }
    show(context, Some(&store), args.output, &done)
}

/// The nodes that can be claimed now, on one line.
fn matrix(context: &Context, store: &Store, view: Option<&View>) -> Outcome<String> {
    let request = NextRequest {
        execution: None,
        namespace: None,
        provider: None,
        limit: None,
        for_programs: true,
        now: context.now,
    };
    let (matrix, left_out) = match view {
        // There is no status yet.
        Some(view) if view.status_tip.is_none() => (Matrix::default(), None),
        Some(view) => next_in(store, view.clone(), &request)?.matrix(),
        None => next(store, &request)?.matrix(),
    };
    context.notes(left_out.as_slice());
    Ok(show::json_line(&serde_json::to_value(matrix)?))
}

/// Reconciles repeatedly until a signal; a reconcile in progress is completed.
fn watch(context: &Context, args: &Args) -> Outcome {
    let stop = Stop::on_signals().map_err(Error::unavailable)?;
    let has_remote = context.open()?.remote.is_some();
    let interval = Duration::from_secs(args.interval);
    let mut watch = Watch::new(interval, context.now, has_remote);
    // Fail now if the file cannot be written: nobody would see the state.
    write_health(context, args, &watch)?;
    while !stop.is_wished() {
        let context = context.again()?;
        let looked = measured(&context, args).map(|(_, done, _)| done);
        let (course, wait) = watch.after(&looked, context.again()?.now);
        match (course, looked) {
            (Course::Ends, Err(error)) => return Err(error.into()),
            (Course::Moved { is_back }, Ok(done)) => {
                back(&context, args.output, is_back);
                tell(&context, args.output, &done)?;
            }
            (Course::Back, _) => back(&context, args.output, true),
            (Course::Failed, Err(error)) if !stop.is_wished() => {
                complain(&context, args.output, &error, wait)?;
            }
            _ => {}
        }
        if let Err(failure) = write_health(&context, args, &watch) {
            let why = failure.error.map(|error| error.message);
            context.notes(why.as_slice());
        }
        if context.terminal.reader_is_gone() {
            return Ok(());
        }
        stop.wait(wait);
    }
    Ok(())
}

/// Reports that it succeeds again.
fn back(context: &Context, output: OutputArg, is_back: bool) {
    if is_back && output.is_text() {
        context.terminal.note("note: reconciling again");
    }
}

fn write_health(context: &Context, args: &Args, watch: &Watch) -> Outcome {
    match &args.health_file {
        Some(path) => context.write_whole(path, &json(watch.health())?),
        None => Ok(()),
    }
}

/// The same as [`once`], and writes the metrics. If that fails, a note says so: the reconcile stands.
fn measured(context: &Context, args: &Args) -> Result<(Store, Reconciled, Option<View>)> {
    let begin = Instant::now();
    let looked = once(context, args);
    let Some(path) = &args.metrics else {
        return looked;
    };
    let look = Look {
        at: context.now,
        took: begin.elapsed(),
        records: looked.as_ref().ok().map(|(_, done, _)| done.records),
    };
    if let Err(failure) = write_metrics(context, path, &look) {
        let why = failure.error.map(|error| error.message);
        context.notes(why.as_slice());
    }
    looked
}

fn write_metrics(context: &Context, path: &Path, look: &Look) -> Outcome {
    let known = context
        .open()
        .and_then(|store| Ok(overview(&store, context.now)?));
    // If nothing can be read, the metrics say so.
    context.write_whole(path, &openmetrics(known.as_ref().ok(), look))
}

/// Reconciles once; returns the result, and the view after it.
fn once(context: &Context, args: &Args) -> Result<(Store, Reconciled, Option<View>)> {
    let request = ReconcileRequest {
        now: context.now,
        dry_run: args.dry_run,
        revision: args.rev.clone(),
        full: args.full,
        accept_time: args.accept_time,
        initialize: args.initialize,
        restore: args.restore.clone(),
        job: args.job.clone(),
    };
    let store = Store::open(context.dir.as_deref())?;
    let (mut done, view) = reconcile_and_look(&store, &request)?;
    done.notes.extend(store.keeps_to_itself());
    if let Some(commit) = done
        .status_commit
        .as_ref()
        .filter(|_| done.changed && !done.dry_run)
    {
        context.terminal.stands(format!("status commit {commit}"));
    }
    Ok((store, done, view))
}

fn show(context: &Context, store: Option<&Store>, output: OutputArg, done: &Reconciled) -> Outcome {
    let mut text = String::new();
    if output.is_text() {
        // Before the answer, whose last lines are the next commands.
        context.notes(&done.notes);
        text = match store {
            Some(store) => context.moved_in(store, done, true),
            None => context.moved(done, true),
        };
    }
    context.show(output, done, (&text, &[]))
}

/// Prints one of many answers.
fn tell(context: &Context, output: OutputArg, done: &Reconciled) -> Outcome {
    if output.is_text() {
        return show(context, None, output, done);
    }
    context.terminal.out(&next_document(output.output, done)?);
    Ok(())
}

/// Prints an error that is retried after some time.
fn complain(context: &Context, output: OutputArg, error: &Error, wait: Duration) -> Outcome {
    let error = error.refused();
    if output.is_text() {
        let message = &error.message;
        context.terminal.note(&format!("error: {message}"));
        let hint = error.hint.iter().map(|hint| format!("help: {hint}"));
        hint.for_each(|hint| context.terminal.note(&hint));
        let seconds = wait.as_secs().max(1);
        let later = format!("note: trying again, first in {seconds} s");
        context.terminal.note(&later);
        return Ok(());
    }
    let document = next_document(output.output, &Refusal { error })?;
    context.terminal.out(&document);
    Ok(())
}
