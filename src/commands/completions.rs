//! `planspec completions`: the shell script, and the candidates that it asks for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Arg, Args as ClapArgs, Command, CommandFactory};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};

use super::Context;
use crate::core::base::diagnostic::Code;
use crate::core::resource::Kind;
use crate::failure::Outcome;
use crate::service::Error;
use crate::service::complete::{Name, NodeUse, Wanted, names};
use crate::service::store::Store;

/// Set by the script when it asks for candidates.
const VARIABLE: &str = "PLANSPEC_COMPLETE";

/// Print a completion script for a shell
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "bash: echo 'source <(planspec completions bash)' >> ~/.bashrc\n\
                        zsh:  echo 'source <(planspec completions zsh)' >> ~/.zshrc\n\
                        fish: planspec completions fish > ~/.config/fish/completions/planspec.fish"
)]
pub struct Args {
    /// Shell
    #[arg(required_unless_present = "man", conflicts_with = "man")]
    shell: Option<Shell>,
    /// Write man pages to this folder instead: planspec.1, and one page for each verb
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args, program: fn() -> Command) -> Outcome {
    if let Some(folder) = &args.man {
        return manual(context, folder, program());
    }
    let Some(shell) = args.shell else {
        return Ok(());
    };
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell.to_string());
    let written = completer.map(|shell| {
        shell.write_registration(VARIABLE, "planspec", "planspec", "planspec", &mut script)
    });
    match written {
        Some(Ok(())) => context.terminal.out(&String::from_utf8_lossy(&script)),
        Some(Err(error)) => return Err(Error::unavailable(error.to_string()).into()),
        None => return Err(Error::unsupported("there is no script for this shell").into()),
    }
    Ok(())
}

/// Writes the manual: a page for the program, and one for each verb.
fn manual(context: &Context, folder: &Path, program: Command) -> Outcome {
    context.make_folder(folder)?;
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut pages = vec![("planspec".to_owned(), program.clone())];
    pages.extend(program.get_subcommands().map(|verb| {
        let name = format!("planspec-{}", verb.get_name());
        (name.clone(), verb.clone().display_name(name))
    }));
    for (name, page) in pages {
        let mut text = Vec::new();
        let page = clap_mangen::Man::new(page).title(name.as_str());
        let written = page.render(&mut text);
        written.map_err(|error| Error::unavailable(format!("{name}: {error}")))?;
        let path = folder.join(format!("{name}.1"));
        context.write(&path, &String::from_utf8_lossy(&text))?;
        context.terminal.out(&format!("{}\n", path.display()));
    }
    Ok(())
}

/// If a shell asks for candidates, prints them and exits.
pub fn answer_a_shell<C: CommandFactory>() {
    CompleteEnv::with_factory(with_names::<C>)
        .var(VARIABLE)
        .complete();
}

/// The program `C`, with completion of names for its arguments.
fn with_names<C: CommandFactory>() -> Command {
    let mut program = C::command();
    let verbs: Vec<String> = program
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for verb in verbs {
        program = program.mut_subcommand(&verb, |command| {
            command.mut_args(|argument| with_names_of(&verb, argument))
        });
    }
    program
}

fn with_names_of(verb: &str, argument: Arg) -> Arg {
    let called = argument.get_value_names().and_then(<[_]>::first);
    let called = called.map_or_else(
        || argument.get_id().as_str().to_uppercase(),
        ToString::to_string,
    );
    let usage = match verb {
        "claim" => NodeUse::Claim,
        "report" | "release" | "ask" => NodeUse::Report,
        _ => NodeUse::Any,
    };
    let completer = match called.as_str() {
        "NAMESPACE" => of(|_, _| Some(Wanted::Namespace)),
        "PLAN" => of(|_, _| Some(Wanted::Resource(Kind::Plan))),
        "BINDING" => of(|_, _| Some(Wanted::Resource(Kind::Binding))),
        "GATE" => of(|_, _| Some(Wanted::Resource(Kind::Gate))),
        "EXECUTION" | "EXECUTION|FILE" => of(|_, _| Some(Wanted::Run)),
        "EXECUTION[/NODE]" | "EXECUTION[/NODE]|FILE" => of(|_, word| {
            let node = Wanted::Node(NodeUse::Any);
            Some(if word.contains('/') {
                node
            } else {
                Wanted::Run
            })
        }),
        "EXECUTION/NODE" => of(move |_, _| Some(Wanted::Node(usage))),
        "CODE" => ArgValueCompleter::new(codes),
        "KIND" if verb == "new" => ArgValueCompleter::new(templates),
        "KIND" if verb != "schema" => ArgValueCompleter::new(kinds),
        "NAME" | "NAMES" if verb == "graph" => of(|_, _| Some(Wanted::Any)),
        "NAME" | "NAMES" if verb == "log" => ArgValueCompleter::new(of_a_kind_or_any),
        "NAME" | "NAMES" if verb != "new" => of(|typed, _| typed.kind().map(Wanted::Resource)),
        _ => return argument,
    };
    argument.add(completer)
}

fn of(
    wanted: impl Fn(&Typed, &str) -> Option<Wanted> + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |word: &OsStr| {
        let (typed, word) = (Typed::of_process(), word.to_string_lossy());
        let wanted = wanted(&typed, &word);
        wanted.map_or_else(Vec::new, |wanted| candidates(&typed, wanted, "", &word))
    })
}

/// The names that begin with `word`, each behind a prefix.
fn candidates(typed: &Typed, wanted: Wanted, prefix: &str, word: &str) -> Vec<CompletionCandidate> {
    let found = typed.names(wanted, word).unwrap_or_default().into_iter();
    let candidates = found.map(|name| {
        let about = Some(name.about).filter(|about| !about.is_empty());
        CompletionCandidate::new(format!("{prefix}{}", name.text)).help(about.map(Into::into))
    });
    candidates.collect()
}

/// The words that begin with `word`.
fn words<W: AsRef<str>>(
    words: impl IntoIterator<Item = W>,
    word: &OsStr,
) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    let fit = words
        .into_iter()
        .filter(|one| one.as_ref().starts_with(&*word));
    fit.map(|one| CompletionCandidate::new(one.as_ref()))
        .collect()
}

fn kind_words() -> impl Iterator<Item = String> {
    let kinds = Kind::ALL.into_iter();
    kinds.map(|kind| kind.to_string().to_lowercase())
}

/// A kind; after `KIND/`, names of that kind.
fn kinds(word: &OsStr) -> Vec<CompletionCandidate> {
    let text = word.to_string_lossy();
    let Some((kind, name)) = text.split_once('/') else {
        return words(kind_words(), word);
    };
    let wanted = Kind::parse(kind).map(Wanted::Resource);
    let typed = Typed::of_process();
    wanted.map_or_else(Vec::new, |wanted| {
        candidates(&typed, wanted, &format!("{kind}/"), name)
    })
}

/// After a kind, names of that kind; else names of anything with a history, and `KIND/NAME`.
fn of_a_kind_or_any(word: &OsStr) -> Vec<CompletionCandidate> {
    let of_a_kind = kinds(word);
    let typed = Typed::of_process();
    if word.to_string_lossy().contains('/') && !of_a_kind.is_empty() {
        return of_a_kind;
    }
    let wanted = typed.kind().map_or(Wanted::Any, Wanted::Resource);
    candidates(&typed, wanted, "", &word.to_string_lossy())
}

fn templates(word: &OsStr) -> Vec<CompletionCandidate> {
    words(kind_words().chain(["document".to_owned()]), word)
}

fn codes(word: &OsStr) -> Vec<CompletionCandidate> {
    words(Code::ALL.iter().map(|code| code.id), word)
}

/// The command line that is being typed.
struct Typed(Vec<OsString>);

impl Typed {
    /// The arguments of this process after `--`.
    fn of_process() -> Typed {
        let words = std::env::args_os().skip_while(|word| word != "--");
        Typed(words.skip(1).collect())
    }

    /// The value of an option, as a separate word or in the same one.
    fn behind(&self, short: &str, long: Option<&str>) -> Option<String> {
        let mut words = self.0.iter().filter_map(|word| word.to_str());
        while let Some(word) = words.next() {
            if word == short || Some(word) == long {
                return words.next().map(str::to_owned);
            }
            let joined = long.and_then(|long| word.strip_prefix(long)?.strip_prefix('='));
            if let Some(value) = joined.or_else(|| word.strip_prefix(short)) {
                return Some(value.to_owned());
            }
        }
        None
    }

    /// The kind whose name is being typed.
    fn kind(&self) -> Option<Kind> {
        let words = self.0.iter().skip(2).filter_map(|word| word.to_str());
        words.into_iter().find_map(Kind::parse)
    }

    /// `None` without a repository, or if nothing is known: a shell gets no errors.
    fn names(&self, wanted: Wanted, word: &str) -> Option<Vec<Name>> {
        let folder = self.behind("-C", None).map(PathBuf::from);
        let namespace = self.behind("-n", Some("--namespace"));
        let store = Store::open(folder.as_deref()).ok()?;
        names(&store, wanted, word, namespace.as_deref()).ok()
    }
}
