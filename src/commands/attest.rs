//! `planspec attest`: confirm that a criterion of the goal is met, or that it is not.

use std::collections::BTreeSet;

use clap::Args as ClapArgs;

use super::store::Store;
use super::{ActorArgs, Context, NamespaceArg, reconcile, runs, suggestion};
use crate::core::repository::config::is_person;
use crate::core::run::record::{Action, Address, ref_safe};
use crate::failure::{Failure, Outcome};

/// Say whether a criterion of the goal or the document of an execution is met
///
/// A goal whose criteria have ids is Succeeded when its newest execution is and each of them is
/// attested; of several people, who says that it is not met wins. Your newest word counts.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("verdict").required(true))]
pub struct Args {
    /// The execution
    execution: String,
    /// Id of the criterion
    criterion: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// It is met
    #[arg(long, group = "verdict")]
    met: bool,
    /// It is not met
    #[arg(long, group = "verdict")]
    unmet: bool,
    /// What shows that
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    let run = look.run(&args.execution, args.namespace.namespace.as_deref())?;
    let name = run.key.qualified();
    check(&store, &look, run, args, &actor)?;
    let action = Action::Attestation {
        criterion: args.criterion.clone(),
        met: args.met,
        evidence: args.message.clone(),
        commit: None,
        results: Vec::new(),
    };
    let address = Address::Attestation {
        run: runs::run_ref(run),
        criterion: ref_safe(&args.criterion),
        actor: ref_safe(&actor),
    };
    let record = look.record(&store, run, &actor, action);
    let tip = look.view.inbox.get(&address).map(String::as_str);
    runs::send(&store, &address, tip, &record)?;
    let verdict = if args.met { "met" } else { "not met" };
    context.terminal.out(&format!(
        "attested that `{}` of {name} is {verdict}, as {actor}\n",
        args.criterion
    ));
    reconcile::afterwards(context, &store, args.actor.reconcile)
}

/// Reconcile would not take it.
fn check(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    args: &Args,
    actor: &str,
) -> Outcome {
    let criterion = args.criterion.as_str();
    let name = run.key.qualified();
    let of_document = &run.status.extensions.criteria;
    if let Some(one) = of_document.iter().find(|one| one.id == criterion) {
        if args.met && one.manual && !is_person(actor) {
            let why = format!("a person says whether `{criterion}` of {name} is met");
            return Err(Failure::not_met(format!("{why}, and {actor} is none")));
        }
        return match args.met && !one.checks.is_empty() {
            true => Err(Failure::not_met(format!(
                "`{criterion}` of {name} has checks, which decide"
            ))
            .hint(format!(
                "run them: planspec verify {} -n {}",
                run.key.name, run.key.namespace
            ))),
            false => Ok(()),
        };
    }
    let pinned = run.status.extensions.pinned.as_ref();
    let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
        return Err(Failure::not_met(match pinned {
            Some(_) => format!("{name} serves no goal, there is nothing to attest"),
            None => format!("{name} has not started: {}", run.status.message),
        }));
    };
    let snapshot = store.snapshot(&look.view.spec_commit, &look.view.config)?;
    let key = crate::core::resource::Key::new(
        crate::core::resource::Kind::Goal,
        &goal.namespace,
        &goal.name,
    );
    let criteria = snapshot.goal(&key).map(|goal| &goal.acceptance_criteria);
    let ids: BTreeSet<&str> = criteria
        .into_iter()
        .flatten()
        .filter_map(|criterion| criterion.id.as_deref())
        .chain(of_document.iter().map(|one| one.id.as_str()))
        .collect();
    if ids.contains(criterion) {
        return Ok(());
    }
    let failure = Failure::not_met(match of_document.is_empty() {
        true => format!("{key} has no criterion with the id `{criterion}`"),
        false => format!("{name} has no criterion and no constraint with the id `{criterion}`"),
    });
    Err(match suggestion(criterion, ids.iter().copied()) {
        Some(hint) => failure.hint(hint),
        None if ids.is_empty() => {
            failure.hint("give its acceptance criteria ids to have them attested")
        }
        None => {
            let ids: Vec<&str> = ids.into_iter().collect();
            failure.hint(format!("there are {}", ids.join(", ")))
        }
    })
}
