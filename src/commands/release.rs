//! `planspec release`: give a claimed node back.

use clap::Args as ClapArgs;

use super::store::Store;
use super::{ActorArgs, Context, NamespaceArg, claim, reconcile, runs};
use crate::core::run::record::Action;
use crate::failure::Outcome;

/// Give a claimed node back; the next attempt opens without a failure
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    let (run, id, node) = look.node(&args.target, args.namespace.namespace.as_deref())?;
    let attempt = node.attempt;
    let tip = claim::held(&store, &look, (run, id), attempt, &actor)?;
    let action = Action::Release {
        node: id.to_owned(),
        attempt,
        message: args.message.clone(),
    };
    let address = runs::work_address(run, id, attempt);
    let record = look.record(&store, run, &actor, action);
    runs::send(&store, &address, Some(&tip), &record)?;
    context.terminal.out(&format!(
        "released {}/{id} attempt {attempt}\n",
        run.key.qualified()
    ));
    reconcile::afterwards(context, &store, args.actor.reconcile)
}
