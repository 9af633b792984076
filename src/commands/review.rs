//! `planspec review`: what changes in the work between two revisions.

use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, NamespaceArg};
use crate::api;
use crate::core::review::Subject;
use crate::core::review::rules::declared;
use crate::failure::{Failure, Outcome};
use crate::service::review::{ReviewRequest, Reviewed, review};
use crate::show::review::Shown;
use crate::show::{self, findings};

/// Say what changes in the work between two revisions
///
/// What is added, dropped, reordered, newly delegated or newly risky; which runs and approvals it
/// touches; whether it keeps the rules. Ends with 1 when a rule at error level is broken.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// BASE..HEAD: these two; BASE...HEAD, or BASE alone for HEAD: from where the two part
    /// [default: from where HEAD left the spec branch]
    #[arg(value_name = "RANGE")]
    range: Option<String>,
    /// Only this plan, and what it names; of a document also which changed files are outside its scope
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// How to show it
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        alias = "format"
    )]
    output: ReviewFormat,
}

/// How a review is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReviewFormat {
    /// For the terminal
    #[default]
    Text,
    /// For a pull request
    Markdown,
    /// One JSON document
    Json,
    /// Workflow commands that GitHub shows as annotations
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ReviewRequest {
        range: args.range.clone(),
        plan: args.plan.clone(),
        namespace: args.namespace.namespace.clone(),
    };
    let reviewed = review(&context.open()?, &request)?;
    show_review(context, &reviewed, args.output)
}

/// Print what changes.
///
/// # Errors
/// A rule at error level is broken.
pub fn show_review(context: &Context, reviewed: &Reviewed, format: ReviewFormat) -> Outcome {
    let rules = reviewed.broken_rules();
    let declared = |subject: &Subject| declared(subject, &reviewed.old, &reviewed.new);
    let place = |finding: &_| {
        let crate::core::base::diagnostic::Diagnostic { file, place, .. } = finding;
        reviewed.new.place(file, place)
    };
    let shown = Shown {
        review: &reviewed.review,
        snapshots: (&reviewed.old, &reviewed.new),
        names: (&reviewed.names.0, &reviewed.names.1),
        declared: &declared,
        touched: &reviewed.touched,
        status_known: reviewed.status_known,
        findings: &rules,
        scope: reviewed.scope.as_ref(),
        place: &place,
    };
    let all = &reviewed.findings;
    let text_of = |file: &str| all.texts.get(file).cloned();
    let colors = context.terminal.colors_out();
    let text = match format {
        ReviewFormat::Text => {
            let width = context.terminal.width();
            let mut text = show::review::text::render(&shown, width, colors);
            let format = findings::Format::Text;
            text.push_str(&findings::render(&rules, &text_of, format, colors));
            text
        }
        ReviewFormat::Markdown => show::review::markdown::render(&shown),
        ReviewFormat::Json => {
            let answer = show::review::json::answer(&shown, all.values());
            show::json(&api::document(&answer)?)
        }
        ReviewFormat::Github => {
            findings::render(&all.found, &text_of, findings::Format::Github, colors)
        }
        ReviewFormat::Sarif => {
            findings::render(&all.found, &text_of, findings::Format::Sarif, colors)
        }
    };
    context.terminal.out(&text);
    if all.has_errors() {
        return Err(Failure::shown());
    }
    Ok(())
}
