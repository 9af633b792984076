//! `planspec wait`: wait until a resource or node reaches a state, for scripts and deployments.

use clap::Args as ClapArgs;

use super::{Context, NamedArgs, OutputArg, PaceArgs};
use crate::api::wait::CommitVerified;
use crate::core::base::digest::short;
use crate::core::base::escape;
use crate::failure::{Failure, Outcome};
use crate::service::verified::{Target, VerifiedRequest, wait_verified};
use crate::service::wait::{WaitRequest, wait};
use crate::show;

/// The state that is asked for a commit.
const VERIFIED: &str = "verified";

/// Wait until a resource or node reaches a state
///
/// Exits with 0 when the state is reached. Exits with 1 when it can no longer be reached (a failed execution will not
/// succeed), or on timeout. While nothing changes, only the ref of the status branch is read.
///
/// `--for verified` takes an execution, a goal, or the file of a document, and tells whether everything required was checked
/// or attested for exactly this commit. It checks once, lists what is missing, and runs nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    resource: NamedArgs,
    /// State to wait for: a phase, condition=TYPE[=STATUS], node=NODE=PHASE, delete, or verified
    #[arg(long = "for", value_name = "WHAT")]
    what: String,
    /// With --for verified: commit to ask about [default: HEAD]
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// With --for verified: also require attestations of `observable` criteria, because the commit is deployed
    #[arg(long)]
    after_deployment: bool,
    /// Accept only a status of the current spec; with false, also an older status
    #[arg(long, value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    observed: bool,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.what.eq_ignore_ascii_case(VERIFIED) {
        return verified(context, args);
    }
    if args.commit.is_some() || args.after_deployment {
        let why = "--commit and --after-deployment need `--for verified`";
        return Err(Failure::usage(why).hint(format!("write `--for {VERIFIED}`, or omit them")));
    }
    let request = WaitRequest {
        named: args.resource.named("wait")?,
        expected: args.what.clone(),
        observed: args.observed,
        pace: args.pace.pace(),
    };
    // People want to know at once why nothing happens.
    let tell = |note: &str| {
        if args.output.is_text() {
            context.notes(&[note.to_owned()]);
        }
    };
    let waited = wait(&context.open()?, &request, &tell)?;
    let how = escape::line(&waited.message);
    let text = match &waited.namespace {
        Some(namespace) => format!("{} {namespace}/{}: {how}\n", waited.resource, waited.name),
        None => format!("{how}\n"),
    };
    context.show(args.output, &waited, (&text, &[]))
}

fn verified(context: &Context, args: &Args) -> Outcome {
    let mut pace = args.pace.pace();
    pace.timeout = pace.timeout.or(Some(std::time::Duration::ZERO));
    let request = VerifiedRequest {
        target: target(context, args)?,
        commit: args.commit.clone(),
        after_deployment: args.after_deployment,
        pace,
        now: context.now,
    };
    let answer = wait_verified(&context.open()?, &request)?;
    let text = show::verify::at_commit(&answer);
    context.show(args.output, &answer, (&text, &answer.notes))?;
    if answer.verified {
        return Ok(());
    }
    if !args.output.is_text() {
        return Err(Failure::shown());
    }
    context.next(args.output, &answer.next);
    Err(Failure::unmet(told(&answer)))
}

fn told(answer: &CommitVerified) -> String {
    let lacking = answer.criteria.iter().filter(|one| one.state == "missing");
    let lacking: Vec<&str> = lacking.map(|one| one.criterion.as_str()).collect();
    let what = match (lacking.as_slice(), answer.missing.as_slice()) {
        ([], [first, ..]) => first.clone(),
        (some, _) => format!("missing: {}", some.join(", ")),
    };
    format!(
        "{} is not verified at {}: {what}",
        answer.name,
        short(&answer.commit)
    )
}

/// The target: a file, a kind and a name, or a name alone.
fn target(context: &Context, args: &Args) -> Outcome<Target> {
    let (first, name, namespace) = args.resource.words();
    if name.is_none() {
        if let Some(file) = super::document(context, first) {
            return Ok(Target::File(file));
        }
        if !first.contains('/') {
            return Ok(Target::Any(first.to_owned(), namespace));
        }
    }
    Ok(Target::Named(args.resource.named("wait")?))
}
