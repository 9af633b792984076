//! Converts a plan between the two formats.

use std::path::PathBuf;

use super::document::{parse, refused};
use super::{Error, Result, sources};
use crate::api::document::Converted as Answer;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::{Converted, from_resources, is_document};
use crate::core::plan::graph::Graph;
use crate::core::repository::manifest::{self, Manifest};
use crate::core::resource::{GoalSpec, Kind, Metadata, PlanSpec, Spec, Time};
use crate::core::text::{json, yaml};
use crate::git::files;

/// A request to convert a plan.
#[derive(Debug, Clone)]
pub struct ConvertRequest {
    /// The file to read; `-` is standard input.
    pub file: PathBuf,
    /// The format to write.
    pub to: PlanFormat,
    /// Namespace of the resources, if the document does not set it.
    pub namespace: String,
    /// The file to write, if any; a document is YAML if the name says so.
    pub out: Option<PathBuf>,
    /// The current time: that of a document's first revision.
    pub now: Time,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFormat {
    /// Resources of planspec.io/v1alpha1.
    V1Alpha1,
    /// A PlanSpec 1.2 document.
    Document,
}

/// Converts a plan to the other format, and reports what that cannot express.
///
/// # Errors
/// The input is invalid, or does not contain exactly one plan; the output file exists.
pub fn convert(request: &ConvertRequest) -> Result<Answer> {
    let (file, bytes) = sources::only(&request.file)?;
    let Converted {
        result: text,
        lost,
        missing,
    } = match request.to {
        PlanFormat::V1Alpha1 => to_resources(request, &file, &bytes)?,
        PlanFormat::Document => to_document(request, &file, &bytes)?,
    };
    if let Some(out) = &request.out
        && files::create_user_file(out, text.as_bytes())? == files::NewFile::Exists
    {
        return Err(Error::conflict(format!("{} already exists", out.display()))
            .hint("it was not changed; choose another name"));
    }
    let out = request.out.as_ref();
    Ok(Answer {
        text,
        lost,
        missing,
        out: out.map(|out| out.display().to_string()),
    })
}

fn to_resources(request: &ConvertRequest, file: &str, bytes: &[u8]) -> Result<Converted<String>> {
    let document = parse(file, bytes)?;
    let converted = document
        .to_resources(file, &request.namespace)
        .map_err(|found| refused(bytes, found))?;
    let documents: Vec<String> = converted.result.iter().map(yaml::write).collect();
    Ok(Converted {
        result: documents.join("---\n"),
        lost: converted.lost,
        missing: converted.missing,
    })
}

fn to_document(request: &ConvertRequest, file: &str, bytes: &[u8]) -> Result<Converted<String>> {
    let (documents, _) = yaml::read(file, bytes, &Limits::default());
    if let [only] = documents.as_slice()
        && is_document(file, &only.value)
    {
        return Err(
            Error::ambiguous("this is already a PlanSpec 1.2 document").hint(format!(
                "to print it as JSON or YAML, run `planspec show {file} -o json`"
            )),
        );
    }
    let source = SourceFile {
        path: file.to_owned(),
        blob: String::new(),
        content: Content::Bytes(bytes.into()),
    };
    let manifest = manifest::read(&source, &Limits::default(), &request.namespace);
    if manifest.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(refused(bytes, manifest.diagnostics));
    }
    let (metadata, plan) = the_plan(&manifest)?;
    if Graph::build(&plan.graph).is_err() {
        return Err(Error::invalid("the graph of the plan is broken")
            .hint(format!("planspec validate {file}")));
    }
    let goal = goal_of(&manifest, metadata, plan);
    let converted = from_resources((metadata, plan), goal, request.now);
    let is_yaml = request.out.as_ref().is_some_and(|out| {
        let extension = out.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml"))
    });
    Ok(Converted {
        result: if is_yaml {
            yaml::write(&converted.result)
        } else {
            json::write(&converted.result)
        },
        lost: converted.lost,
        missing: converted.missing,
    })
}

/// The only plan of a file.
fn the_plan(manifest: &Manifest) -> Result<(&Metadata, &PlanSpec)> {
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
        [] => Err(Error::not_found("there is no Plan in this file")),
        several => Err(Error::ambiguous(format!(
            "there are {} Plans in this file, but a document holds one",
            several.len()
        ))
        .hint("put each into its own file, with its Goal")),
    }
}

/// The goal of a plan, if it is in the same file.
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
