//! `planspec get`: resources with their status.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg};
use crate::core::resource::{Kind, LabelSelector};
use crate::failure::{Failure, Outcome};
use crate::service::merged::{Merged, Resources};
use crate::service::store::Store;
use crate::service::suggestion;
use crate::show;

/// Show resources: what stands in the files of HEAD, and what the status branch says of it
///
/// Reads what the last fetch brought; `git fetch` brings more.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind (goals, plans, capabilities, bindings, gates, executions), or KIND/NAME; all when
    /// left out
    kind: Option<String>,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// All namespaces (what is shown when -n is not given, too)
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only with these labels: a=b,c!=d,e,!f
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = parse_selector)]
    selector: Option<LabelSelector>,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// How to show resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns.
    Table,
    /// More columns.
    Wide,
    /// One JSON document.
    Json,
    /// YAML; what `apply` takes.
    Yaml,
    /// kind/name, a line each.
    Name,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let wanted = match &args.kind {
        Some(kind) => Some(wanted(kind, args.name.as_deref())?),
        None => None,
    };
    let kind = wanted.as_ref().map(|wanted| wanted.kind);
    let name = wanted.and_then(|wanted| wanted.name);
    let resources = Resources::known(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let single = name.is_some();
    let found: Vec<Merged<'_>> = match (kind, &name) {
        (Some(kind), Some(name)) => vec![resources.one(kind, name, namespace)?],
        _ => resources
            .all()
            .filter(|merged| kind.is_none_or(|kind| merged.key.kind == kind))
            .filter(|merged| namespace.is_none_or(|ns| merged.key.namespace == ns))
            .filter(|merged| {
                let labels = merged.labels();
                args.selector
                    .as_ref()
                    .is_none_or(|selector| selector.matches(&labels))
            })
            .collect(),
    };
    let text = match args.output {
        Format::Name => found
            .iter()
            .map(|merged| {
                format!(
                    "{}/{}\n",
                    merged.key.kind.name().to_lowercase(),
                    merged.key.name
                )
            })
            .collect(),
        Format::Json if single => show::json(&found[0].value()?),
        Format::Yaml if single => crate::core::text::yaml::write(&found[0].value()?),
        Format::Json => show::json(&show::list("List", values(&found)?)),
        Format::Yaml => values(&found)?
            .iter()
            .map(crate::core::text::yaml::write)
            .collect::<Vec<String>>()
            .join("---\n"),
        Format::Table | Format::Wide => {
            if found.is_empty() {
                context.terminal.note(&nothing(kind, namespace));
            }
            let views: Vec<_> = found.iter().map(Merged::view).collect();
            show::resource::tables(
                &views,
                args.output == Format::Wide,
                kind.is_none(),
                context.now,
                context.terminal.width(),
            )
        }
    };
    context.terminal.out(&text);
    Ok(())
}

/// What can be applied again: a status whose file is gone is left out of lists.
fn values(found: &[Merged<'_>]) -> Outcome<Vec<serde_json::Value>> {
    let is_there = |merged: &&Merged<'_>| merged.file.is_none_or(|file| file.deleted.is_none());
    Ok(found
        .iter()
        .filter(is_there)
        .map(Merged::value)
        .collect::<Result<_, _>>()?)
}

fn nothing(kind: Option<Kind>, namespace: Option<&str>) -> String {
    let what = kind.map_or("resources", Kind::plural);
    match namespace {
        Some(namespace) => format!("no {what} in namespace `{namespace}`"),
        None => format!("no {what}"),
    }
}

/// What a command line names: a kind, and perhaps one resource of it.
#[derive(Debug)]
pub struct Wanted {
    /// Which kind.
    pub kind: Kind,
    /// `NAME` or `NAMESPACE/NAME`.
    pub name: Option<String>,
}

/// `KIND NAME`, `KIND/NAME`, or a kind alone.
///
/// # Errors
/// There is no such kind, or two names are given.
pub fn wanted(kind: &str, name: Option<&str>) -> Outcome<Wanted> {
    let (kind, name) = match (kind.split_once('/'), name) {
        (None, name) => (kind, name),
        (Some((kind, own)), None) => (kind, Some(own)),
        (Some((kind, own)), Some(name)) => {
            parse_kind(kind)?;
            return Err(
                Failure::usage(format!("both `{own}` and `{name}` are given as the name"))
                    .hint(format!("one at a time: {kind}/{own}")),
            );
        }
    };
    Ok(Wanted {
        kind: parse_kind(kind)?,
        name: name.map(str::to_owned),
    })
}

/// `KIND NAME` or `KIND/NAME`, where one resource is meant.
///
/// # Errors
/// There is no such kind, or none or two names are given; `verb` is for the hint.
pub fn wanted_one(verb: &str, kind: &str, name: Option<&str>) -> Outcome<(Kind, String)> {
    let wanted = wanted(kind, name)?;
    match wanted.name {
        Some(name) => Ok((wanted.kind, name)),
        None => Err(Failure::usage(format!("`{kind}` names no resource"))
            .hint(format!("write planspec {verb} {kind} NAME"))),
    }
}

/// A kind as people write it.
///
/// # Errors
/// There is no such kind; the nearest is suggested.
pub fn parse_kind(text: &str) -> Outcome<Kind> {
    Kind::parse(text).ok_or_else(|| no_kind(text, &[]))
}

/// There is no such kind; `more` can stand in its place here.
pub fn no_kind(text: &str, more: &[&str]) -> Failure {
    let names = Kind::ALL.iter().flat_map(|kind| {
        [kind.plural()]
            .into_iter()
            .chain(kind.short().iter().copied())
    });
    let failure = Failure::usage(format!("there is no kind `{text}`"));
    match suggestion(text, names.chain(more.iter().copied())) {
        Some(hint) => failure.hint(hint),
        None => {
            let kinds = Kind::ALL.iter().map(|kind| kind.plural());
            let all: Vec<&str> = kinds.chain(more.iter().copied()).collect();
            failure.hint(format!("the kinds are {}", all.join(", ")))
        }
    }
}

/// A selector as kubectl takes it: `a=b`, `a==b`, `a!=b`, `a`, `!a`, joined by commas.
fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    use crate::core::resource::{LabelExpression, LabelOperator};
    let mut selector = LabelSelector::default();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (key, operator, values) = if let Some((key, value)) = part.split_once("!=") {
            (key, LabelOperator::NotIn, vec![value.trim().to_owned()])
        } else if let Some((key, value)) = part.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value);
            (key, LabelOperator::In, vec![value.trim().to_owned()])
        } else if let Some(key) = part.strip_prefix('!') {
            (key, LabelOperator::DoesNotExist, Vec::new())
        } else {
            (part, LabelOperator::Exists, Vec::new())
        };
        if key.trim().is_empty() {
            return Err(format!("`{part}` names no label"));
        }
        selector.match_expressions.push(LabelExpression {
            key: key.trim().to_owned(),
            operator,
            values,
        });
    }
    Ok(selector)
}
