//! `planspec convert`: from one format to the other.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Context;
use super::show::{parse, refuse, text_of};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::{Converted, from_resources, is_document};
use crate::core::plan::graph::Graph;
use crate::core::repository::manifest::{self, Manifest};
use crate::core::resource::{GoalSpec, Kind, Metadata, PlanSpec, Spec};
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::git::files;
use crate::show;

/// Write a plan in the other of the two formats, and say what that cannot hold
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The format to write
    #[arg(long, value_name = "FORMAT")]
    to: Target,
    /// A PlanSpec 1.2 document, or a file with a Plan and perhaps its Goal; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it to this file, which must not be there yet; documents are YAML when its name says so
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Namespace of the resources, when the document does not say it
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// Resources of planspec.io/v1alpha1.
    #[value(name = "v1alpha1")]
    V1Alpha1,
    /// A PlanSpec 1.2 document.
    #[value(name = "1.2")]
    Document,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (file, bytes) = text_of(context, &args.file)?;
    let Converted {
        result: text,
        lost,
        missing,
    } = match args.to {
        Target::V1Alpha1 => to_resources(context, args, &file, &bytes)?,
        Target::Document => to_document(context, args, &file, &bytes)?,
    };
    match &args.output {
        Some(output) => {
            let base = context.dir.clone().unwrap_or_default();
            let created = files::create_user_file(&base.join(output), text.as_bytes())?;
            if created == files::Created::Exists {
                let message = format!("{} exists already", output.display());
                return Err(
                    Failure::not_met(message).hint("it is left as it is; choose another name")
                );
            }
        }
        None => context.terminal.out(&text),
    }
    for (title, lines) in [("not taken over:", lost), ("to be filled in:", missing)] {
        if !lines.is_empty() {
            context.terminal.note(title);
        }
        for line in lines {
            context.terminal.note(&format!("  {line}"));
        }
    }
    Ok(())
}

fn to_resources(
    context: &Context,
    args: &Args,
    file: &str,
    bytes: &[u8],
) -> Outcome<Converted<String>> {
    let document = parse(context, file, bytes)?;
    let converted = document
        .to_resources(file, &args.namespace)
        .map_err(|found| refuse(context, bytes, &found))?;
    let documents: Vec<String> = converted.result.iter().map(yaml::write).collect();
    Ok(Converted {
        result: documents.join("---\n"),
        lost: converted.lost,
        missing: converted.missing,
    })
}

fn to_document(
    context: &Context,
    args: &Args,
    file: &str,
    bytes: &[u8],
) -> Outcome<Converted<String>> {
    let (documents, _) = yaml::read(file, bytes, &Limits::default());
    if let [only] = documents.as_slice()
        && is_document(file, &only.value)
    {
        return Err(
            Failure::usage("this is a PlanSpec 1.2 document already").hint(format!(
                "to write it as JSON or YAML: planspec show {file} --format json"
            )),
        );
    }
    let source = SourceFile {
        path: file.to_owned(),
        blob: String::new(),
        content: Content::Bytes(bytes.into()),
    };
    let manifest = manifest::read(&source, &Limits::default(), &args.namespace);
    if manifest.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(refuse(context, bytes, &manifest.diagnostics));
    }
    let (metadata, plan) = the_plan(&manifest)?;
    if Graph::build(&plan.graph).is_err() {
        return Err(Failure::not_met("the graph of the plan is broken")
            .hint(format!("planspec validate {file}")));
    }
    let goal = goal_of(&manifest, metadata, plan);
    let converted = from_resources((metadata, plan), goal, context.now);
    let is_yaml = args.output.as_ref().is_some_and(|output| {
        let extension = output.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml"))
    });
    Ok(Converted {
        result: match is_yaml {
            true => yaml::write(&converted.result),
            false => show::json(&converted.result),
        },
        lost: converted.lost,
        missing: converted.missing,
    })
}

/// The only plan of a file.
fn the_plan(manifest: &Manifest) -> Outcome<(&Metadata, &PlanSpec)> {
    let resources = manifest.entries.iter();
    let resources = resources.filter_map(|entry| entry.resource.as_ref());
    let plans: Vec<_> = resources
        .filter_map(|resource| match &resource.spec {
            Spec::Plan(plan) => Some((&resource.metadata, plan)),
            _ => None,
        })
        .collect();
    match plans.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::not_met("there is no Plan in this file")),
        several => Err(Failure::usage(format!(
            "there are {} Plans in this file, and a document holds one",
            several.len()
        ))
        .hint("put each into a file of its own, with its Goal")),
    }
}

/// The goal of a plan, when it stands in the same file.
fn goal_of<'m>(
    manifest: &'m Manifest,
    metadata: &Metadata,
    plan: &PlanSpec,
) -> Option<(&'m Metadata, &'m GoalSpec)> {
    let key = plan.goal_ref.as_ref()?.key(Kind::Goal, &metadata.namespace);
    let entry = manifest.entries.iter().find(|entry| entry.key == key)?;
    let resource = entry.resource.as_ref()?;
    match &resource.spec {
        Spec::Goal(goal) => Some((&resource.metadata, goal)),
        _ => None,
    }
}
