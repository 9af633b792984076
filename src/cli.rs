//! Arguments, logging, dispatch, exit codes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::api::{self, refusal::Refusal, version::Version};
use crate::clock;
#[cfg(feature = "serve")]
use crate::commands::serve::LogFormat;
use crate::commands::{self, Context};
use crate::core::base::escape;
use crate::core::resource::{API_VERSION, ReviewAction};
use crate::core::run::status::{DECISIONS, FORMAT_VERSION};
use crate::failure::{Failure, Outcome, exit_code};
use crate::help;
use crate::service::Error;
use crate::show;
use crate::terminal::{ColorChoice, Terminal};
use crate::worker::signals;

/// The reference implementation has the same name; this one needs no server.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (git-native)");

const EXIT_CODES: &str = "\
Exit codes: 0 success; 1 findings, or a condition is not met; 2 incorrect usage; 3 the repository
or the remote could not be used; 4 recorded, but not applied, or the answer could not be written;
5 recorded, but the status could not be written; 6 only people can decide (validate --scope --path);
9 somebody else was first, for example with a claim.";

/// A Git-native controller for execution plans: the repository is the store, Git is the network
#[derive(Debug, Parser)]
#[command(name = "planspec", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

// What stands before the verb or behind it. No doc comment: it would be the program's.
#[derive(Debug, Args)]
struct Options {
    /// Run as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// Accepted for compatibility; there is no server
    #[arg(long, value_name = "URL", global = true, hide = true)]
    server: Option<String>,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    color: ColorChoice,
    /// Log what is done; repeat for more detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// The verbs, with their arguments, and a command line with one verb only.
macro_rules! verbs {
    ($($(#[$doc:meta])* $word:literal => $verb:ident($room:ident),)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$doc])* #[command(name = $word)] $verb(commands::$room::Args),)*
        }

        /// The command line with one verb only, which takes a fraction of the time to build. It accepts what the whole one
        /// accepts; if it refuses, the whole one is asked for the message.
        #[allow(unused_doc_comments)]
        fn alone(verb: &str) -> Option<clap::Command> {
            let verb = match verb {
                $($(#[$doc])* $word => commands::$room::Args::augment_args(clap::Command::new($word)),)*
                _ => return None,
            };
            Some(Options::augment_args(clap::Command::new("planspec")).subcommand(verb))
        }
    };
}

verbs! {
    "init" => Init(init),
    "new" => New(new),
    "validate" => Validate(validate),
    "review" => Review(review),
    "diff" => Diff(diff),
    "apply" => Apply(apply),
    "edit" => Edit(edit),
    "create" => Create(create),
    "delete" => Delete(delete),
    "start" => Start(start),
    "get" => Get(get),
    "describe" => Describe(describe),
    "graph" => Graph(graph),
    "board" => Board(board),
    "log" => Log(log),
    "logs" => Logs(logs),
    "audit" => Audit(audit),
    "show" => Show(show),
    "convert" => Convert(convert),
    "import" => Import(import),
    "export" => Export(export),
    "revise" => Revise(revise),
    "watch" => Watch(watch),
    "wait" => Wait(wait),
    "reconcile" => Reconcile(reconcile),
    "next" => Next(next),
    "claim" => Claim(claim),
    "ask" => Ask(ask),
    "release" => Release(release),
    "report" => Report(report),
    "status" => Status(status),
    "work" => Work(work),
    #[cfg(feature = "serve")]
    "serve" => Serve(serve),
    #[cfg(feature = "mcp")]
    "mcp" => Mcp(mcp),
    "verify" => Verify(verify),
    /// Approve a gate that a run is waiting for
    "approve" => Approve(approve),
    /// Reject a gate that a run is waiting for
    "reject" => Reject(approve),
    /// Comment on a gate without a decision
    "comment" => Comment(approve),
    "answer" => Answer(answer),
    "attest" => Attest(attest),
    "cancel" => Cancel(cancel),
    "retry" => Retry(retry),
    "archive" => Archive(archive),
    "hooks" => Hooks(hooks),
    "doctor" => Doctor(doctor),
    "explain" => Explain(explain),
    "schema" => Schema(schema),
    "completions" => Completions(completions),
}

/// Runs the program with the arguments of this process, and exits.
pub fn main() -> ! {
    commands::completions::answer_a_shell::<Cli>();
    let matches = matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let options = &cli.options;
    let terminal = Terminal::new(options.color);
    log(&cli, terminal.colors_err());
    if options.server.is_some() {
        terminal.note("note: --server has no effect: there is no server");
    }
    let code = match run(cli, terminal) {
        Ok(()) => exit_code::OK,
        Err(failure) => {
            if let Some(error) = &failure.error {
                let write = writer(&matches).filter(|_| !failure.answered);
                complain(terminal, error, write);
            }
            failure.code
        }
    };
    signals::end(code)
}

/// Writes a document.
type Writer = fn(&serde_json::Value) -> String;

/// The writer of the requested format, if the verb prints documents. Verbs that keep running print one document
/// per line.
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

/// Users of similar programs write the namespace and the format before the verb: moves them behind it, and returns the
/// words and the verb.
fn as_usual(words: Vec<OsString>) -> (Vec<OsString>, Option<String>) {
    let (mut before, mut moved) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    let mut verb = None;
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
            verb = Some(text);
            break;
        }
    }
    let words = before.into_iter().chain(moved).chain(words).collect();
    (words, verb)
}

/// The format of the version, if a document is requested: `planspec --version -o json`.
fn asks_for_version(words: &[OsString]) -> Option<Writer> {
    let [_, rest @ ..] = words else {
        return None;
    };
    let rest: Vec<&str> = rest.iter().filter_map(|word| word.to_str()).collect();
    let format = match rest.as_slice() {
        ["--version" | "-V", "-o" | "--output", format] => format,
        ["--version" | "-V", format] => format
            .strip_prefix("-o")
            .or_else(|| format.strip_prefix("--output="))?,
        _ => return None,
    };
    match format {
        "json" => Some(show::json),
        "yaml" => Some(show::yaml),
        _ => None,
    }
}

fn version() -> Version {
    let features = [
        ("serve", cfg!(feature = "serve")),
        ("mcp", cfg!(feature = "mcp")),
    ];
    let features = features.into_iter().filter(|(_, is_in)| *is_in);
    Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("PLANSPEC_COMMIT").map(str::to_owned),
        platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        features: features.map(|(name, _)| name.to_owned()).collect(),
        resources: API_VERSION.to_owned(),
        documents: "1.2".to_owned(),
        status_layout: FORMAT_VERSION,
        decisions: DECISIONS,
    }
}

/// Parses the command line, or exits with an error. For the former syntax of report outputs, it explains the
/// new one.
fn matches() -> ArgMatches {
    let (words, verb) = as_usual(std::env::args_os().collect());
    if let Some(write) = asks_for_version(&words) {
        let written = api::document(&version()).map(|document| write(&document));
        Terminal::new(ColorChoice::Never).out(&written.unwrap_or_default());
        std::process::exit(0);
    }
    let alone = verb.and_then(|verb| alone(&verb));
    let matches = alone.map(|alone| alone.try_get_matches_from(&words));
    if let Some(Ok(matches)) = matches {
        return matches;
    }
    if let [_, help, all] = words.as_slice()
        && help == "help"
        && all == "--all"
    {
        // The reader may have closed the pipe.
        let _ = help::by_purpose(Cli::command(), true).print_help();
        std::process::exit(0);
    }
    let error = match help::by_purpose(Cli::command(), false).try_get_matches_from(words) {
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
        // It exits with an error, even if nothing can be printed.
        let _ = error.print();
        let terminal = Terminal::new(ColorChoice::Never);
        terminal.note(&format!("\nhelp: set outputs with --set: --set {value}"));
        std::process::exit(i32::from(exit_code::USAGE));
    }
    error.exit()
}

fn run(cli: Cli, terminal: Terminal) -> Outcome {
    let context = Context {
        dir: cli.options.dir,
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
        Command::Import(args) => commands::import::run(&context, args),
        Command::Export(args) => commands::export::run(&context, args),
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
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => commands::mcp::run(&context, args),
        Command::Verify(args) => commands::verify::run(&context, args),
        Command::Approve(args) => commands::approve::run(&context, args, ReviewAction::Approve),
        Command::Reject(args) => commands::approve::run(&context, args, ReviewAction::Reject),
        Command::Comment(args) => commands::approve::run(&context, args, ReviewAction::Comment),
        Command::Answer(args) => commands::answer::run(&context, args),
        Command::Attest(args) => commands::attest::run(&context, args),
        Command::Cancel(args) => commands::cancel::run(&context, args),
        Command::Archive(args) => commands::archive::run(&context, args),
        Command::Retry(args) => commands::retry::run(&context, args),
        Command::Hooks(args) => commands::hooks::run(&context, args),
        Command::Doctor(args) => commands::doctor::run(&context, args),
        Command::Explain(args) => commands::explain::run(&context, args),
        Command::Schema(args) => commands::schema::run(&context, args),
        Command::Completions(args) => commands::completions::run(&context, args, Cli::command),
    }
}

/// Prints why nothing was done, on standard error; if a document is requested, also as a document.
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

/// Logs to standard error, by `-v`, `-vv` or `PLANSPEC_LOG`. A server logs more, with the time of each line.
fn log(cli: &Cli, is_colored: bool) {
    let verbose = cli.options.verbose;
    let level = match verbose {
        0 => "warn,rmcp=off,planspec::server=info",
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
        // Otherwise it would report that on standard error, and panic if that cannot be written.
        .log_internal_errors(false)
        .init();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The options and arguments of a verb, by their ids and spellings.
    fn arguments(mut program: clap::Command, verb: &str) -> Vec<String> {
        program.build();
        let found = program.get_subcommands().find(|one| one.get_name() == verb);
        let arguments = found.unwrap().get_arguments();
        arguments.map(|one| format!("{one:?}")).collect()
    }

    #[test]
    fn a_verb_alone_takes_what_it_takes_among_all() {
        for verb in Cli::command().get_subcommands() {
            let verb = verb.get_name();
            let alone = alone(verb).unwrap_or_else(|| panic!("{verb} is not known alone"));
            assert_eq!(
                arguments(alone, verb),
                arguments(Cli::command(), verb),
                "{verb}"
            );
        }
        for no_verb in ["help", "Get", "", "gets", "-n"] {
            assert!(alone(no_verb).is_none(), "{no_verb}");
        }
    }

    #[test]
    fn a_line_that_is_taken_alone_is_understood_as_by_the_whole_program() {
        let lines = [
            "planspec get",
            "planspec get plans -n a -o json",
            "planspec -n a get plans",
            "planspec -C there --color never -vv reconcile --dry-run",
            "planspec reconcile --out json=a --job x -C there",
            "planspec --server http://x validate -f a -f b --staged",
            "planspec -o yaml --namespace=x get plan p",
            "planspec report a/b --set x=1 --succeeded",
            "planspec approve a/b --as user:x",
        ];
        for line in lines {
            let words = line.split(' ').map(OsString::from).collect();
            let (words, verb) = as_usual(words);
            let alone = alone(&verb.unwrap()).unwrap();
            let matches = alone.try_get_matches_from(&words);
            let whole = Cli::command().try_get_matches_from(&words);
            let shown = |matches: ArgMatches| format!("{:?}", Cli::from_arg_matches(&matches));
            match (matches, whole) {
                (Ok(one), Ok(other)) => assert_eq!(shown(one), shown(other), "{line}"),
                (one, other) => assert_eq!(one.is_ok(), other.is_ok(), "{line}"),
            }
        }
    }
}
