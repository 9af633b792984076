//! `planspec delete`: remove resources, as a commit.

use clap::Args as ClapArgs;

use super::change::Change;
use super::get::wanted_one;
use super::{Context, NamespaceArg};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::failure::Outcome;
use crate::service::runs::choose_among;
use crate::service::store::Store;

/// Remove resources and commit that; a Goal takes the Executions that it owns
///
/// What still refers to them is shown. A run whose file is removed is cancelled by the next
/// reconcile.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// Names: NAME or NAMESPACE/NAME
    names: Vec<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Say what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, first) = wanted_one("delete", &args.kind, args.names.first().map(String::as_str))?;
    let more = args.names.iter().skip(1).cloned();
    let names: Vec<String> = std::iter::once(first).chain(more).collect();
    let store = Store::open(context.dir.as_deref())?;
    let mut change = Change::begin(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let mut doomed: Vec<Key> = Vec::new();
    for name in &names {
        let snapshot = change.before();
        let key = choose_among(snapshot.keys(), kind, name, namespace)?.clone();
        let owned = owned_by(snapshot, &key);
        doomed.extend([key].into_iter().chain(owned));
    }
    doomed.sort();
    doomed.dedup();
    for key in &doomed {
        change.remove(key)?;
    }
    let message = args.message.clone().unwrap_or_else(|| {
        let first = &doomed[0];
        let name = format!("{}/{}", first.kind.name().to_lowercase(), first.name);
        match doomed.len() {
            1 => format!("Delete {name}"),
            more => format!("Delete {name} and {} more", more - 1),
        }
    });
    change.commit(context, Some(&message), args.dry_run)
}

/// The executions that a goal owns.
fn owned_by(snapshot: &Snapshot, key: &Key) -> Vec<Key> {
    if key.kind != Kind::Goal {
        return Vec::new();
    }
    let owns = |other: &&Key| {
        other.namespace == key.namespace
            && snapshot.resource(other).is_some_and(|resource| {
                let owners = resource.metadata.owner_references.iter();
                let mut owners = owners.filter(|owner| owner.kind == Kind::Goal.name());
                owners.any(|owner| owner.name == key.name)
            })
    };
    snapshot
        .keys_of(Kind::Execution)
        .filter(owns)
        .cloned()
        .collect()
}
