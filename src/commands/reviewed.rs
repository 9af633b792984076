//! How a comparison of two states of the repository is shown.

use clap::ValueEnum;

use super::{Context, json};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::review::Subject;
use crate::core::review::rules::declared;
use crate::failure::{Failure, Outcome};
use crate::service::review::Reviewed;
use crate::show::findings::{self, FindingsFormat};
use crate::show::review::{self, Shown};

/// How to show what changes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ReviewOutputArg {
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
enum ReviewFormat {
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

impl Context {
    /// Show what changes.
    ///
    /// # Errors
    /// A rule at error level is broken.
    pub fn reviewed(&self, output: ReviewOutputArg, reviewed: &Reviewed) -> Outcome {
        let rules = reviewed.broken_rules();
        let declared = |subject: &Subject| declared(subject, &reviewed.old, &reviewed.new);
        let place = |finding: &_| {
            let Diagnostic { file, place, .. } = finding;
            reviewed.new.place(file, place)
        };
        let shown = Shown {
            review: &reviewed.review,
            snapshots: (&reviewed.old, &reviewed.new),
            commits: (&reviewed.base.commit, reviewed.head.commit.as_deref()),
            names: (&reviewed.base.name, &reviewed.head.name),
            declared: &declared,
            touched: &reviewed.touched,
            status_known: reviewed.status_known,
            findings: &rules,
            all: &reviewed.findings.found,
            allowed: &reviewed.allowed,
            scripts: &reviewed.scripts,
            web: reviewed.web.as_deref(),
            scope: reviewed.scope.as_ref(),
            configuration: &reviewed.configuration,
            concerned: &reviewed.concerned,
            place: &place,
        };
        let all = &reviewed.findings;
        let text_of = |file: &str| all.texts.get(file).cloned();
        let colors = self.terminal.colors_out();
        let text = match output.output {
            ReviewFormat::Text => {
                let width = self.terminal.width();
                let mut text = review::text::render(&shown, width, colors);
                let format = FindingsFormat::Text;
                text.push_str(&findings::render(&rules, &text_of, format, colors));
                text
            }
            ReviewFormat::Markdown => review::markdown::render(&shown),
            ReviewFormat::Json => json(&review::json::answer(&shown, all.values()))?,
            ReviewFormat::Github => {
                findings::render(&all.found, &text_of, FindingsFormat::Github, colors)
            }
            ReviewFormat::Sarif => {
                findings::render(&all.found, &text_of, FindingsFormat::Sarif, colors)
            }
        };
        if matches!(output.output, ReviewFormat::Github) {
            self.terminal.out_commands(&text);
        } else {
            self.terminal.out(&text);
        }
        self.notes(&reviewed.notes);
        if all.has_errors() {
            return Err(Failure::shown());
        }
        Ok(())
    }
}
