//! Arguments, logging, dispatch, exit codes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::api::{self, refusal::Refusal};
use crate::clock;
#[cfg(feature = "serve")]
use crate::commands::serve::LogFormat;
use crate::commands::{self, Context};
use crate::core::base::escape;
use crate::core::resource::ReviewAction;
use crate::failure::{Failure, Outcome, exit_code};
use crate::service::Error;
use crate::show;
use crate::terminal::{ColorChoice, Terminal};

/// The reference implementation has the same name; this is the one that needs no server.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (git-native)");

const EXIT_CODES: &str = "\
Exit codes: 0 fine; 1 findings, or a condition not met; 2 wrong use; 3 the repository or the remote
could not be used; 4 recorded, but not applied, or the answer could not be written; 5 recorded, but
the status could not be written; 6 only people can tell (validate --scope --path); 9 somebody else was first (a claim, a lost race).";

/// A Git-native controller for execution plans: the repository is the store, Git is the network
#[derive(Debug, Parser)]
#[command(name = "planspec", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Work in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// Understood for those who have a server; there is none here
    #[arg(long, value_name = "URL", global = true, hide = true)]
    server: Option<String>,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    color: ColorChoice,
    /// Say what is done; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(commands::init::Args),
    New(commands::new::Args),
    Validate(commands::validate::Args),
    Review(commands::review::Args),
    Diff(commands::diff::Args),
    Apply(commands::apply::Args),
    Edit(commands::edit::Args),
    Create(commands::create::Args),
    Delete(commands::delete::Args),
    Start(commands::start::Args),
    Get(commands::get::Args),
    Describe(commands::describe::Args),
    Graph(commands::graph::Args),
    Board(commands::board::Args),
    Log(commands::log::Args),
    Logs(commands::logs::Args),
    Audit(commands::audit::Args),
    Show(commands::show::Args),
    Convert(commands::convert::Args),
    Revise(commands::revise::Args),
    Watch(commands::watch::Args),
    Wait(commands::wait::Args),
    Reconcile(commands::reconcile::Args),
    Next(commands::next::Args),
    Claim(commands::claim::Args),
    Ask(commands::ask::Args),
    Release(commands::release::Args),
    Report(commands::report::Args),
    Status(commands::status::Args),
    Work(commands::work::Args),
    #[cfg(feature = "serve")]
    Serve(commands::serve::Args),
    Verify(commands::verify::Args),
    /// Approve what a run waits for at a gate
    Approve(commands::approve::Args),
    /// Refuse what a run waits for at a gate: the gate's node fails
    Reject(commands::approve::Args),
    /// Say something at a gate without deciding
    Comment(commands::approve::Args),
    Answer(commands::answer::Args),
    Attest(commands::attest::Args),
    Cancel(commands::cancel::Args),
    Retry(commands::retry::Args),
    Hooks(commands::hooks::Args),
    Doctor(commands::doctor::Args),
    Explain(commands::explain::Args),
    Schema(commands::schema::Args),
    Completions(commands::completions::Args),
}

/// Run the program with the arguments of the process.
pub fn main() -> ExitCode {
    commands::completions::answer_a_shell::<Cli>();
    let matches = matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let terminal = Terminal::new(cli.color);
    log(&cli, terminal.colors_err());
    if cli.server.is_some() {
        terminal
            .note("note: --server is not used: the repository is the store, and Git the network");
    }
    match run(cli, terminal) {
        Ok(()) => ExitCode::from(exit_code::OK),
        Err(failure) => {
            if let Some(error) = &failure.error {
                let write = writer(&matches).filter(|_| !failure.answered);
                complain(terminal, error, write);
            }
            ExitCode::from(failure.code)
        }
    }
}

/// How a document is written.
type Writer = fn(&serde_json::Value) -> String;

/// How the verb writes its documents, if it was asked for some: `-o` is the format everywhere. Verbs
/// that go on print a document a line.
fn writer(matches: &ArgMatches) -> Option<Writer> {
    let (name, verb) = matches.subcommand()?;
    let mut format = verb.try_get_raw("output").ok().flatten()?;
    let format = format.next()?.to_str()?;
    let watches = || matches!(verb.try_get_one("watch"), Ok(Some(true)));
    let goes_on = ["watch", "work"].contains(&name) || (name == "reconcile" && watches());
    Some(match (format, goes_on) {
        ("json", false) => show::json,
        ("json", true) => show::json_line,
        ("yaml", false) => show::yaml,
        ("yaml", true) => show::yaml_next,
        _ => return None,
    })
}

/// Namespace and format may stand before the verb, where users of other programs of this kind write them: the words in the
/// order in which each verb takes its own.
fn as_usual(words: Vec<OsString>) -> Vec<OsString> {
    let (mut before, mut moved) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    before.extend(words.next());
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let is = |names: &[&str]| names.iter().any(|name| text == *name);
        let begins = |names: &[&str]| names.iter().any(|name| text.starts_with(name));
        if is(&["-n", "-o", "--namespace", "--output"]) {
            moved.push(word);
            moved.extend(words.next());
        } else if begins(&["-n", "-o", "--namespace=", "--output="]) {
            moved.push(word);
        } else if is(&["-C", "--color", "--server"]) {
            before.push(word);
            before.extend(words.next());
        } else if text.starts_with('-') {
            before.push(word);
        } else {
            before.push(word);
            break;
        }
    }
    before.into_iter().chain(moved).chain(words).collect()
}

/// What the command line says, or what is wrong with it. Whoever gives outputs of a report as they
/// were once given is told how it is done.
fn matches() -> ArgMatches {
    let words = as_usual(std::env::args_os().collect());
    let error = match Cli::command().try_get_matches_from(words) {
        Ok(matches) => return matches,
        Err(error) => error,
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.clone(),
        _ => String::new(),
    };
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let is_format = argument.is_some_and(|argument| argument.starts_with("--output"));
    let is_report = std::env::args_os().any(|word| word == "report");
    let is_old = error.kind() == ErrorKind::InvalidValue && is_format && is_report;
    if is_old && value.contains('=') {
        // It ends with an error, whatever can be written.
        let _ = error.print();
        let terminal = Terminal::new(ColorChoice::Never);
        terminal.note(&format!(
            "\nhelp: outputs are given with --set: --set {value}"
        ));
        std::process::exit(i32::from(exit_code::USAGE));
    }
    error.exit()
}

fn run(cli: Cli, terminal: Terminal) -> Outcome {
    let context = Context {
        dir: cli.dir,
        terminal,
        now: clock::now().map_err(Failure::usage)?,
    };
    match &cli.command {
        Command::Init(args) => commands::init::run(&context, args),
        Command::New(args) => commands::new::run(&context, args),
        Command::Validate(args) => commands::validate::run(&context, args),
        Command::Review(args) => commands::review::run(&context, args),
        Command::Diff(args) => commands::diff::run(&context, args),
        Command::Apply(args) => commands::apply::run(&context, args),
        Command::Edit(args) => commands::edit::run(&context, args),
        Command::Create(args) => commands::create::run(&context, args),
        Command::Delete(args) => commands::delete::run(&context, args),
        Command::Start(args) => commands::start::run(&context, args),
        Command::Get(args) => commands::get::run(&context, args),
        Command::Status(args) => commands::status::run(&context, args),
        Command::Describe(args) => commands::describe::run(&context, args),
        Command::Graph(args) => commands::graph::run(&context, args),
        Command::Board(args) => commands::board::run(&context, args),
        Command::Log(args) => commands::log::run(&context, args),
        Command::Logs(args) => commands::logs::run(&context, args),
        Command::Audit(args) => commands::audit::run(&context, args),
        Command::Show(args) => commands::show::run(&context, args),
        Command::Convert(args) => commands::convert::run(&context, args),
        Command::Revise(args) => commands::revise::run(&context, args),
        Command::Watch(args) => commands::watch::run(&context, args),
        Command::Wait(args) => commands::wait::run(&context, args),
        Command::Reconcile(args) => commands::reconcile::run(&context, args),
        Command::Next(args) => commands::next::run(&context, args),
        Command::Claim(args) => commands::claim::run(&context, args),
        Command::Ask(args) => commands::ask::run(&context, args),
        Command::Release(args) => commands::release::run(&context, args),
        Command::Report(args) => commands::report::run(&context, args),
        Command::Work(args) => commands::work::run(&context, args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => commands::serve::run(&context, args),
        Command::Verify(args) => commands::verify::run(&context, args),
        Command::Approve(args) => commands::approve::run(&context, args, ReviewAction::Approve),
        Command::Reject(args) => commands::approve::run(&context, args, ReviewAction::Reject),
        Command::Comment(args) => commands::approve::run(&context, args, ReviewAction::Comment),
        Command::Answer(args) => commands::answer::run(&context, args),
        Command::Attest(args) => commands::attest::run(&context, args),
        Command::Cancel(args) => commands::cancel::run(&context, args),
        Command::Retry(args) => commands::retry::run(&context, args),
        Command::Hooks(args) => commands::hooks::run(&context, args),
        Command::Doctor(args) => commands::doctor::run(&context, args),
        Command::Explain(args) => commands::explain::run(&context, args),
        Command::Schema(args) => commands::schema::run(&context, args),
        Command::Completions(args) => commands::completions::run(&context, args),
    }
}

/// Say why nothing was done: on standard error, and where the answer was to be a document, as such.
fn complain(terminal: Terminal, error: &Error, write: Option<Writer>) {
    if let Some(write) = write {
        let refusal = Refusal {
            error: error.refused(),
        };
        if let Ok(document) = api::document(&refusal) {
            terminal.out(&write(&document));
        }
    }
    commands::show_findings(terminal, &error.findings);
    let (red, bold, reset) = if terminal.colors_err() {
        ("\u{1b}[1;31m", "\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "", "")
    };
    if !error.message.is_empty() {
        terminal.styled(&format!(
            "{red}error:{reset} {}",
            escape::line(&error.message)
        ));
    }
    if let Some(hint) = &error.hint {
        terminal.styled(&format!("{bold}help:{reset} {}", escape::text(hint)));
    }
}

/// Log to standard error: `-v`, `-vv`, or what `PLANSPEC_LOG` says. A server tells more, with the time of each line.
fn log(cli: &Cli, is_colored: bool) {
    let verbose = cli.verbose;
    let level = match verbose {
        0 => "warn,planspec::server=info",
        1 => "planspec=debug",
        _ => "planspec=trace",
    };
    let filter = EnvFilter::try_from_env("PLANSPEC_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    #[cfg(feature = "serve")]
    if let Command::Serve(args) = &cli.command {
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(is_colored)
            .log_internal_errors(false);
        match args.log() {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
        return;
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_colored)
        .with_target(verbose > 0)
        .without_time()
        // It would say so on standard error, and panic when that is what cannot be written.
        .log_internal_errors(false)
        .init();
}
