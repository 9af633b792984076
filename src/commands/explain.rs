//! `planspec explain`: what a finding means.

use clap::Args as ClapArgs;

use super::Context;
use crate::core::base::diagnostic::Code;
use crate::failure::{Failure, Outcome};
use crate::service::suggestion;

/// Say what a code means, why it is a finding, and how to put it right
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The code of a finding, for example PS302
    #[arg(value_name = "CODE", required_unless_present = "list")]
    code: Option<String>,
    /// Show all codes, a line each
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let text = match &args.code {
        Some(name) => find(name)?.page().to_owned(),
        None => list(),
    };
    context.terminal.out(&text);
    Ok(())
}

fn find(name: &str) -> Outcome<Code> {
    Code::parse(name).ok_or_else(|| {
        let failure = Failure::usage(format!("there is no rule `{name}`"));
        let near = suggestion(name, Code::ALL.iter().map(|code| code.id));
        failure.hint(near.unwrap_or_else(|| "planspec explain --list shows all".to_owned()))
    })
}

/// Code, severity and title of every rule.
fn list() -> String {
    Code::ALL
        .iter()
        .map(|code| {
            format!(
                "{}  {:7}  {}\n",
                code.id,
                code.severity.to_string(),
                code.title
            )
        })
        .collect()
}
