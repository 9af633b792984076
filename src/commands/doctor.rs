//! `planspec doctor`: find and repair problems of this clone.

use clap::Args as ClapArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::{Context, OutputArg};
use crate::api::doctor::CheckName;
use crate::failure::{Failure, Outcome};
use crate::service::doctor::{CheckupRequest, checkup};
use crate::show;

/// Find and repair problems of this clone
///
/// Checks this clone and what it shares with the remote.
///
/// Without --fix it changes nothing but what `git fetch` changes. Exits with 1 if there is a problem.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Repair this, then check; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(words()).map(|word| named(&word)))]
    fix: Vec<CheckName>,
    /// Also test whether this clone may push, without pushing anything
    #[arg(long)]
    push: bool,
    #[command(flatten)]
    output: OutputArg,
}

fn words() -> [&'static str; CheckName::MENDED.len()] {
    CheckName::MENDED.map(CheckName::word)
}

/// The parser accepts only these names, so the fallback is never used.
fn named(word: &str) -> CheckName {
    let mut all = CheckName::MENDED.into_iter();
    let found = all.find(|name| name.word() == word);
    found.unwrap_or(CheckName::Objects)
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = CheckupRequest {
        now: context.now,
        push: args.push,
        fix: args.fix.clone(),
    };
    let found = checkup(context.dir.as_deref(), &request)?;
    let text = show::doctor::text(&found);
    context.show(args.output, &found, (&text, &found.notes))?;
    if found.sound {
        Ok(())
    } else {
        Err(Failure::shown())
    }
}
