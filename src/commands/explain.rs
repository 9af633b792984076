//! `planspec explain`: explain a rule.

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::explain::{rule, rules};

/// Explain a rule and how to fix its findings
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Code of a finding, for example PS302
    #[arg(value_name = "CODE", required_unless_present = "list")]
    code: Option<String>,
    /// List all codes
    #[arg(long, conflicts_with = "code")]
    list: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(code) = &args.code {
        let rule = rule(code)?;
        return context.show(args.output, &rule, (&rule.page, &[]));
    }
    let rules = rules();
    let lines = rules.items.iter().map(|rule| {
        let (code, severity, title) = (&rule.code, &rule.severity, &rule.title);
        format!("{code}  {severity:7}  {title}\n")
    });
    let text: String = lines.collect();
    context.show(args.output, &rules, (&text, &[]))
}
