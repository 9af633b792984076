//! `planspec diff`: what changes in the work that is not committed yet.

use std::path::Path;

use clap::Args as ClapArgs;

use super::get::parse_kind;
use super::review::{ReviewFormat, show_review};
use super::{Context, NamespaceArg};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::failure::{Failure, Outcome};
use crate::git::index::StagedFiles;
use crate::git::read::Tree;
use crate::service::review::{Comparison, Side};
use crate::service::runs::choose_among;
use crate::service::store::Store;

/// Say what changes in the work that is not committed yet
///
/// The work tree, or with --staged the index, is compared with HEAD as `review` compares two
/// commits.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files or folders; or KIND NAME; or KIND/NAME
    #[arg(value_name = "FILE|KIND NAME")]
    what: Vec<String>,
    /// Compare with this revision
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
    /// What is staged
    #[arg(long)]
    staged: bool,
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

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let repo = &store.repo;
    if repo.workdir().is_none() {
        return Err(
            Failure::usage("a bare repository has no work tree to compare")
                .hint("name two revisions: planspec review BASE..HEAD"),
        );
    }
    let base = repo.resolve(&args.rev)?.ok_or_else(|| {
        Failure::usage(format!("there is no revision `{}`", args.rev))
            .hint("commit something first, or name another: --rev REV")
    })?;
    let before = Side::read(&store, Tree::Commit(&base), None)?;
    let (after, name) = if args.staged {
        let staged = StagedFiles::open(repo)?;
        let after = Side::read(&store, Tree::Index(&staged), Some(&before))?;
        (after, "what is staged")
    } else {
        let after = Side::read(&store, Tree::WorkTree, Some(&before))?;
        (after, "the work tree")
    };
    let mut comparison = Comparison::new(before, after);
    let (old, new) = (&comparison.old, &comparison.new);
    match wanted(args, old, new)? {
        Wanted::All => {}
        Wanted::One(key) if key.kind == Kind::Plan => {
            comparison.review = comparison.review.only(&key, old, new);
        }
        Wanted::One(key) => {
            let subjects = &mut comparison.review.subjects;
            subjects.retain(|subject| subject.key == key);
        }
        Wanted::Files(files) => {
            let subjects = &mut comparison.review.subjects;
            subjects.retain(|subject| {
                let path = Path::new(&subject.path);
                files.iter().any(|file| path.starts_with(file))
            });
        }
    }
    if !args.what.is_empty() {
        comparison.narrow();
    }
    let reviewed = comparison.reviewed(&store, (&args.rev, name))?;
    show_review(context, &reviewed, args.output)
}

/// What is asked about.
enum Wanted {
    All,
    One(Key),
    Files(Vec<String>),
}

fn wanted(args: &Args, old: &Snapshot, new: &Snapshot) -> Outcome<Wanted> {
    let one = |kind: &str, name: &str| -> Outcome<Wanted> {
        let keys: std::collections::BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
        let namespace = args.namespace.namespace.as_deref();
        let key = choose_among(keys.into_iter(), parse_kind(kind)?, name, namespace)?;
        Ok(Wanted::One(key.clone()))
    };
    match args.what.as_slice() {
        [] => Ok(Wanted::All),
        [kind, name] if Kind::parse(kind).is_some() => one(kind, name),
        [both] => match both.split_once('/') {
            Some((kind, name)) if Kind::parse(kind).is_some() && !has_file(both, old, new) => {
                one(kind, name)
            }
            _ => files(args, old, new),
        },
        _ => files(args, old, new),
    }
}

fn has_file(name: &str, old: &Snapshot, new: &Snapshot) -> bool {
    let holds = |snapshot: &Snapshot| {
        let mut definitions = snapshot.keys().flat_map(|key| snapshot.definitions(key));
        definitions.any(|one| Path::new(&one.path).starts_with(name))
    };
    holds(old) || holds(new)
}

fn files(args: &Args, old: &Snapshot, new: &Snapshot) -> Outcome<Wanted> {
    let files: Vec<String> = args
        .what
        .iter()
        .map(|file| file.strip_prefix("./").unwrap_or(file))
        .map(|file| file.trim_end_matches('/').to_owned())
        .collect();
    match files.iter().find(|file| !has_file(file, old, new)) {
        Some(file) => Err(
            Failure::usage(format!("`{file}` holds no resource on either side"))
                .hint("files are named from the root of the repository"),
        ),
        None => Ok(Wanted::Files(files)),
    }
}
