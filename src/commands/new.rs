//! `planspec new`: write a commented template where the resource belongs.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::core::resource::Kind;
use crate::failure::{Failure, Outcome};
use crate::service::names::{no_kind, wanted_one};
use crate::service::new::{NewKind, NewRequest, new};
use crate::show;

/// Write a commented template of a resource
///
/// Writes the file where the resource belongs in the repository, and commits nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Kind (goal, plan, capability, binding, gate, execution), `document`, or KIND/NAME
    kind: String,
    /// NAME or NAMESPACE/NAME of the resource; a document named NAME.planspec.json is JSON
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Print the template instead of writing a file
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// The word for a document, which is not a kind.
const DOCUMENT: &str = "document";

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (what, name) = wanted(args)?;
    let request = NewRequest {
        what,
        name,
        namespace: args.namespace.given(),
        dry_run: args.print,
        now: context.now,
    };
    let made = new(&context.open()?, &request)?;
    let text = if args.print {
        made.text.clone()
    } else {
        show::made::created(&made)
    };
    context.show(args.output, &made, (&text, &[]))?;
    if args.output.is_text() && !made.next.is_empty() {
        let next = made.next.join(", then ");
        let told = format!("next: fill it in, then {next}");
        context.terminal.note(&told);
    }
    Ok(())
}

/// The kind and the name of the new resource.
fn wanted(args: &Args) -> Outcome<(NewKind, String)> {
    let typed = args.kind.split('/').next().unwrap_or_default();
    if typed == DOCUMENT {
        return Ok((NewKind::Document, document_name(args)?));
    }
    if Kind::parse(typed).is_none() {
        return Err(no_kind(typed, &[DOCUMENT]).into());
    }
    let (kind, name) = wanted_one("new", &args.kind, args.name.as_deref())?;
    Ok((NewKind::Resource(kind), name))
}

/// The name of a new document: `document NAME` or `document/NAME`.
fn document_name(args: &Args) -> Outcome<String> {
    let own = args.kind.split_once('/').map(|(_, name)| name);
    match (own, args.name.as_deref()) {
        (Some(own), Some(name)) => Err(Failure::usage(format!(
            "both `{own}` and `{name}` were given as the name"
        ))
        .hint(format!("give one of them: {DOCUMENT}/{own}"))),
        (None, None) => Err(Failure::usage(format!("`{DOCUMENT}` names no document"))
            .hint(format!("write `planspec new {DOCUMENT} NAME`"))),
        (Some(name), None) | (None, Some(name)) => Ok(name.to_owned()),
    }
}
