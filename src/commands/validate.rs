//! `planspec validate`: check resources and documents, offline.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, NamespaceArg, OutFile, json, out_file};
use crate::api::findings::{Findings, Scope};
use crate::core::base::diagnostic::Level;
use crate::core::base::escape;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::repository::meant::Confidence;
use crate::failure::{Failure, Outcome};
use crate::service::change::APPLIES;
use crate::service::names::in_parts;
use crate::service::sources::Source;
use crate::service::validate::fix::{Fixed, fix};
use crate::service::validate::framework::{Framework, validate_as_asked};
use crate::service::validate::inside::{InsideRequest, inside};
use crate::service::validate::{Coverage, ValidateRequest, Validated, validate, validate_staged};
use crate::show;
use crate::show::findings::{self, FindingsFormat};

/// Check resources and documents, offline
///
/// Without arguments, checks everything below the configured paths of the work tree. References are resolved against all
/// resources of the repository.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files or folders to check
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// File to read, or - for standard input; may be repeated
    #[arg(short, long = "filename", alias = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder to read; may be repeated
    #[arg(short, long = "directory", value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Include subfolders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Check staged changes, and report only what they cause or touch; for the pre-commit hook
    #[arg(long, conflicts_with_all = ["paths", "files", "directories", "rev", "base"])]
    staged: bool,
    /// Check what the pre-commit framework asks for: staged changes, everything with its `--all-files`, or a range of
    /// revisions with its `--from-ref` and `--to-ref`
    #[arg(long, conflicts_with_all = ["staged", "files", "directories", "rev", "base", "scope", "fix"])]
    pre_commit: bool,
    /// Check this revision
    #[arg(long, value_name = "REV", conflicts_with_all = ["paths", "files", "directories"])]
    rev: Option<String>,
    /// Also check the rules about change, against the merge base with this revision
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Report files outside the scope of this plan (a PlanSpec 1.2 document) that have changed since the merge base with
    /// --base, or with --staged are staged
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "files", "directories"])]
    scope: Option<String>,
    /// With --scope: also check the files against `touches` of this step
    #[arg(long, value_name = "STEP", requires = "scope")]
    step: Option<String>,
    /// With --scope: only answer whether these files are in scope
    #[arg(long = "path", value_name = "PATH", num_args = 1.., requires = "scope", conflicts_with_all = ["staged", "base"])]
    asked: Vec<PathBuf>,
    /// Apply safe fixes, keep comments and formatting, and show the changes
    #[arg(long, conflicts_with_all = ["staged", "rev", "base", "scope"])]
    fix: bool,
    /// With --fix: also apply fixes that are likely right
    #[arg(long = "unsafe", requires = "fix")]
    likely: bool,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// How far to check PlanSpec 1.2 documents; with readiness, documents that are not ready fail
    #[arg(long, value_name = "LEVEL", default_value = "semantics")]
    level: LevelArg,
    /// Output format
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        alias = "format"
    )]
    output: FindingsFormat,
    /// Also write the findings to this file, replacing it; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = out_file::<FindingsFormat>, conflicts_with = "asked")]
    out: Vec<OutFile<FindingsFormat>>,
}

impl ValueEnum for FindingsFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &FindingsFormat::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, about) = self.about();
        Some(PossibleValue::new(name).help(about))
    }
}

/// Levels of checks for PlanSpec 1.2 documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    /// Sections, fields, references and the order of steps.
    Structure,
    /// Also whether the document makes sense; missing readiness is a warning.
    Semantics,
    /// Also whether the document can be executed.
    Readiness,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Level {
        match level {
            LevelArg::Structure => Level::Structure,
            LevelArg::Semantics => Level::Semantics,
            LevelArg::Readiness => Level::Readiness,
        }
    }
}

impl Args {
    /// The plan of `--scope`, with its namespace if one is given.
    fn scope(&self) -> Outcome<Option<String>> {
        let Some(scope) = &self.scope else {
            return Ok(None);
        };
        let (namespace, name) = in_parts(scope, self.namespace.namespace.as_deref())?;
        Ok(Some(namespace.map_or_else(
            || name.to_owned(),
            |namespace| format!("{namespace}/{name}"),
        )))
    }
}

/// Answers whether files are in the scope of a plan.
fn answer(context: &Context, args: &Args, plan: String) -> Outcome {
    let request = InsideRequest {
        dir: context.dir.clone(),
        plan,
        step: args.step.clone(),
        paths: args.asked.iter().map(|path| context.path(path)).collect(),
        revision: args.rev.clone(),
    };
    let answer = inside(&request)?;
    if args.output == FindingsFormat::Json {
        context.terminal.out(&json(&answer)?);
    } else {
        context.terminal.out(&show::scope::answers(&answer));
    }
    let is_any = |verdict: &str| answer.items.iter().any(|one| one.verdict == verdict);
    match (is_any("out"), is_any("notCheckable")) {
        (true, _) => Err(Failure::shown()),
        (false, true) => Err(Failure::not_checkable()),
        (false, false) => Ok(()),
    }
}

/// The input of the pre-commit framework: file names, and revisions in its environment.
fn framework(args: &Args) -> Framework {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let paths = args.paths.iter();
    Framework {
        files: paths
            .map(|path| path.to_string_lossy().into_owned())
            .collect(),
        range: set("PRE_COMMIT_FROM_REF").zip(set("PRE_COMMIT_TO_REF")),
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(plan) = args.scope()?.filter(|_| !args.asked.is_empty()) {
        return answer(context, args, plan);
    }
    let named = args.paths.iter().filter(|_| !args.pre_commit);
    let paths = named.chain(&args.files);
    let folders = args.directories.iter();
    let request = ValidateRequest {
        dir: context.dir.clone(),
        named: paths
            .map(|path| Source::File(context.path(path)))
            .chain(folders.map(|folder| Source::Folder {
                path: context.path(folder),
                recursive: args.recursive,
            }))
            .collect(),
        revision: args.rev.clone(),
        base: args.base.clone(),
        scope: args.scope()?,
        may_come: std::env::var_os(APPLIES).is_some(),
        step: args.step.clone(),
        level: args.level.into(),
    };
    if args.fix {
        put_right(context, args, &request)?;
    }
    let validated = if args.pre_commit {
        validate_as_asked(&request, &framework(args))?
    } else if args.staged {
        validate_staged(&request)?
    } else {
        validate(&request)?
    };
    // Leaked on purpose: the program ends soon, and dropping every resource would only take time.
    let validated = ManuallyDrop::new(validated);
    for file in &args.out {
        context.write(&file.path, &written(&validated, file.format, false)?)?;
    }
    show_findings(context, &validated, args.output)?;
    if args.output.is_for_people() {
        for line in said(&validated) {
            context.terminal.note(&line);
        }
        for line in validated.scope.iter().flat_map(show::scope::lines) {
            context.terminal.note(&escape::line(&line));
        }
    }
    if validated.findings.has_errors() {
        return Err(Failure::shown());
    }
    Ok(())
}

/// Applies fixes, and shows the patch: on standard output if it is the answer, else on standard error.
fn put_right(context: &Context, args: &Args, request: &ValidateRequest) -> Outcome {
    let confidence = if args.likely {
        Confidence::Likely
    } else {
        Confidence::Certain
    };
    let fixed = fix(request, confidence)?;
    for Fixed { patch, .. } in &fixed {
        let lines = patch.lines().map(|line| {
            let parts = line.split('\t').map(escape::line);
            format!("{}\n", parts.collect::<Vec<String>>().join("\t"))
        });
        let patch: String = lines.collect();
        if args.output.is_for_people() {
            context.terminal.out(&patch);
        } else {
            context.terminal.note(&patch);
        }
    }
    let files = show::count(fixed.len(), "file");
    context.terminal.note(&format!("{files}: fixed"));
    Ok(())
}

/// The findings, in the given format.
fn written(validated: &Validated, format: FindingsFormat, colors: bool) -> Outcome<String> {
    let all = &validated.findings;
    if format == FindingsFormat::Json {
        let scope = validated.scope.as_ref().map(Scope::from);
        let answer = Findings {
            readiness: validated.readiness.clone(),
            ..Findings::new(all.values(), scope)
        };
        return json(&answer);
    }
    let text_of = |file: &str| all.texts.get(file).cloned();
    Ok(findings::render(&all.found, &text_of, format, colors))
}

fn show_findings(context: &Context, validated: &Validated, format: FindingsFormat) -> Outcome {
    let text = written(validated, format, context.terminal.colors_out())?;
    if format == FindingsFormat::Github {
        context.terminal.out_commands(&text);
    } else {
        context.terminal.out(&text);
    }
    Ok(())
}

/// Notes in addition to the findings. None about a commit without changes to resources.
fn said(validated: &Validated) -> Vec<String> {
    let found = &validated.findings.found;
    match validated.checked {
        _ if !found.is_empty() => {
            let mut lines = vec![findings::summary(found)];
            lines.extend(older(validated.checked));
            lines
        }
        Coverage::Resources(0) => vec!["no resources".to_owned()],
        Coverage::Resources(number) => {
            vec![format!("{}: valid", show::count(number, "resource"))]
        }
        Coverage::Staged { usable: false, .. } => vec![format!(
            "nothing was checked, because {CONFIG_FILE} cannot be used: planspec validate"
        )],
        Coverage::Staged { files: 0, .. } => Vec::new(),
        Coverage::Staged { files, .. } => {
            let files = show::count(files, "staged file");
            let mut lines = vec![format!("{files}: valid")];
            lines.extend(older(validated.checked));
            lines
        }
    }
}

/// A note on findings that the commit neither causes nor touches.
fn older(checked: Coverage) -> Option<String> {
    match checked {
        Coverage::Staged {
            older: older @ 1..,
            usable: true,
            ..
        } => {
            let older = show::count(older, "older finding");
            Some(format!("{older}, not of this commit: planspec validate"))
        }
        _ => None,
    }
}
