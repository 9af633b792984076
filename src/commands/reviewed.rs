//! How a comparison of two states of the repository is shown.

use clap::ValueEnum;

use super::{Context, OutFile, json, out_file};
use crate::core::base::diagnostic::Diagnostic;
use crate::failure::{Failure, Outcome};
use crate::service::review::Reviewed;
use crate::show::findings::{self, FindingsFormat};
use crate::show::review::{self, Shown};
use crate::shown;

/// How to show what changes.
#[derive(Debug, Clone, clap::Args)]
pub struct ReviewOutputArg {
    /// Output format
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        alias = "format"
    )]
    output: ReviewFormat,
    /// Also write the result to this file, replacing it; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = out_file::<ReviewFormat>)]
    out: Vec<OutFile<ReviewFormat>>,
}

/// Output formats of a review.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ReviewFormat {
    /// Text for the terminal
    #[default]
    Text,
    /// Markdown for a pull request
    Markdown,
    /// One JSON document
    Json,
    /// Workflow commands that GitHub shows as annotations
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl Context {
    /// Shows a review.
    ///
    /// # Errors
    /// A rule at error level is broken.
    pub fn reviewed(&self, output: &ReviewOutputArg, reviewed: &Reviewed) -> Outcome {
        shown::of_review(reviewed, |shown| self.written(output, reviewed, shown))
    }

    fn written(&self, output: &ReviewOutputArg, reviewed: &Reviewed, shown: &Shown<'_>) -> Outcome {
        let all = &reviewed.findings;
        let text_of = |file: &str| all.texts.get(file).cloned();
        let written =
            |format: ReviewFormat, colors: bool, width: Option<usize>| -> Outcome<String> {
                let of = |found: &[Diagnostic], format| {
                    findings::render(found, &text_of, format, colors)
                };
                Ok(match format {
                    ReviewFormat::Text => {
                        let text = review::text::render(shown, width, colors);
                        text + &of(shown.findings, FindingsFormat::Text)
                    }
                    ReviewFormat::Markdown => review::markdown::render(shown),
                    ReviewFormat::Json => json(&review::json::answer(shown, all.values()))?,
                    ReviewFormat::Github => of(&all.found, FindingsFormat::Github),
                    ReviewFormat::Sarif => of(&all.found, FindingsFormat::Sarif),
                })
            };
        for file in &output.out {
            self.write(&file.path, &written(file.format, false, None)?)?;
        }
        let colors = self.terminal.colors_out();
        let text = written(output.output, colors, self.terminal.width())?;
        if matches!(output.output, ReviewFormat::Github) {
            self.terminal.out_commands(&text);
        } else {
            self.terminal.out(&text);
        }
        self.notes(&reviewed.notes);
        // An unreadable file may hold anything, even if it was unreadable before.
        if all.has_errors() || reviewed.has_unreadable() {
            return Err(Failure::shown());
        }
        Ok(())
    }
}
