//! Arguments that several verbs share.

use std::path::{Path, PathBuf};
use std::time;

use super::Context;
use crate::core::document::is_called_document;
use crate::core::repository::config::names_nobody;
use crate::core::resource::{Duration, Kind};
use crate::failure::Outcome;
use crate::service::Caller;
use crate::service::follow::Pace;
use crate::service::held::Working;
use crate::service::names::{Named, wanted_one};
use crate::service::record::RecordRequest;

/// Output formats of an answer that is one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextFormat {
    /// Text for people.
    #[default]
    #[value(alias = "table")]
    Text,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// How to show an answer that has one text.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct OutputArg {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: TextFormat,
}

impl OutputArg {
    /// Whether the output is for people.
    pub fn is_text(self) -> bool {
        self.output == TextFormat::Text
    }
}

impl From<TextFormat> for OutputArg {
    fn from(output: TextFormat) -> OutputArg {
        OutputArg { output }
    }
}

/// Output formats of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DocumentFormat {
    /// A page to read, for example in a pull request.
    Markdown,
    /// The canonical JSON.
    Json,
    /// The document as YAML.
    Yaml,
}

/// `FORMAT=FILE`: a file to which the answer is written as well, in its own format.
#[derive(Debug, Clone)]
pub struct OutFile<F> {
    /// Its format.
    pub format: F,
    /// The file.
    pub path: PathBuf,
}

/// Parses `FORMAT=FILE`.
///
/// # Errors
/// There is no such format, or no file is given; the error is a sentence.
pub fn out_file<F: clap::ValueEnum>(text: &str) -> Result<OutFile<F>, String> {
    let known: Vec<String> = F::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    let known = known.join(", ");
    match text.split_once('=') {
        Some((format, path)) if !path.is_empty() => Ok(OutFile {
            format: F::from_str(format, false)
                .map_err(|_| format!("there is no format `{format}`; the formats are {known}"))?,
            path: PathBuf::from(path),
        }),
        _ => Err(format!(
            "write FORMAT=FILE, as in `json=FILE`; the formats are {known}"
        )),
    }
}

/// Which namespace is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NamespaceArg {
    /// Namespace; needed only if a name is ambiguous
    #[arg(
        short,
        long,
        value_name = "NAMESPACE",
        env = "PLANSPEC_NAMESPACE",
        hide_env_values = true
    )]
    pub namespace: Option<String>,
}

impl NamespaceArg {
    /// The namespace, if one was given.
    pub fn given(&self) -> Option<String> {
        // An empty environment variable counts as unset.
        self.namespace.clone().filter(|name| !name.is_empty())
    }
}

/// One resource: `KIND NAME` or `KIND/NAME`.
#[derive(Debug, Clone, clap::Args)]
pub struct NamedArgs {
    /// Kind, or KIND/NAME
    kind: String,
    /// Name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
}

impl NamedArgs {
    /// The words as they were typed, and the namespace.
    pub fn words(&self) -> (&str, Option<&str>, Option<String>) {
        (&self.kind, self.name.as_deref(), self.namespace.given())
    }

    /// `EXECUTION/NODE`, if that was given instead of a kind and a name.
    pub fn node(&self) -> Option<(&str, Option<&str>)> {
        let (first, _) = self.kind.split_once('/')?;
        let is_node = self.name.is_none() && Kind::parse(first).is_none();
        is_node.then_some((
            &self.kind,
            self.namespace
                .namespace
                .as_deref()
                .filter(|name| !name.is_empty()),
        ))
    }

    /// The resource that is named.
    ///
    /// # Errors
    /// There is no such kind, or not exactly one name is given; `verb` is for the hint.
    pub fn named(&self, verb: &str) -> Outcome<Named> {
        let (kind, name) = wanted_one(verb, &self.kind, self.name.as_deref())?;
        Ok(Named {
            kind,
            name,
            namespace: self.namespace.given(),
        })
    }
}

/// The document whose file was given in place of a resource: no name of a resource has a dot.
pub fn document(context: &Context, named: &str) -> Option<PathBuf> {
    let path = context.path(Path::new(named));
    let is_meant = is_called_document(named) || named.contains('.') && path.is_file();
    is_meant.then_some(path)
}

/// How often to look, and how long.
#[derive(Debug, Clone, clap::Args)]
pub struct PaceArgs {
    /// Seconds between checks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// How long to wait, for example 30m; 0s checks once [default: no limit; with --for verified, check once]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    timeout: Option<time::Duration>,
}

/// A duration that may be zero.
fn timeout(text: &str) -> Result<time::Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(time::Duration::ZERO);
    }
    let parsed: Duration = text.parse()?;
    let seconds = u64::try_from(parsed.seconds()).unwrap_or_default();
    Ok(time::Duration::from_secs(seconds))
}

impl PaceArgs {
    /// The arguments as a request to the service.
    pub fn pace(&self) -> Pace {
        Pace {
            interval: time::Duration::from_secs(self.interval),
            timeout: self.timeout,
        }
    }
}

/// Who acts, for `--as`. That nothing at all is named is said where a name is needed.
pub fn actor(text: &str) -> std::result::Result<String, String> {
    match names_nobody(text) {
        Some((why, help)) => Err(format!("{why}; {help}")),
        None => Ok(text.to_owned()),
    }
}

/// Where, and who acts, and whether to reconcile afterwards: for every verb that writes a record.
#[derive(Debug, Clone, clap::Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub namespace: NamespaceArg,
    /// Actor to record, for example agent:claude or ana@example.com [default: the e-mail of Git's user]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR", value_parser = actor)]
    pub actor: Option<String>,
    /// Reconcile right away
    #[arg(long)]
    pub reconcile: bool,
    /// How to show what came of it.
    #[command(flatten)]
    pub output: OutputArg,
}

impl RecordArgs {
    /// The actor, with the time of the call.
    pub fn caller(&self, context: &Context) -> Caller {
        Caller {
            actor: self.actor.clone(),
            now: context.now,
        }
    }

    /// The request of a verb that writes a record about `target`.
    pub fn about(&self, context: &Context, target: &str) -> RecordRequest {
        RecordRequest {
            caller: self.caller(context),
            target: target.to_owned(),
            namespace: self.namespace.given(),
            reconcile: self.reconcile,
        }
    }
}

/// Which worker of its name it is: for verbs about what is held.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkingArgs {
    /// Session of this worker; workers of one actor need different ones [default: one for each work tree]
    #[arg(long, value_name = "SESSION", env = "PLANSPEC_SESSION")]
    session: Option<String>,
    /// Claim to act for, from any session: the id that `planspec claim` prints
    #[arg(long, value_name = "ID")]
    claim: Option<String>,
}

impl WorkingArgs {
    /// The arguments as a request to the service.
    pub fn working(&self) -> Working {
        Working {
            session: self.session.clone().filter(|session| !session.is_empty()),
            claim: self.claim.clone(),
        }
    }
}
