//! `planspec apply`: validate, put at the place, commit exactly that.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::change::Change;
use super::{Context, folder};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::failure::{Failure, Outcome};
use crate::git::files;
use crate::service::store::Store;

/// Validate resources, put them at their place in the repository, and commit exactly those files
///
/// A file that is part of the repository stays where it is. Anything else goes where the resource
/// stands already, else to planspec/NAMESPACE/KIND/NAME.yaml. Other staged changes stay staged.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true))]
pub struct Args {
    /// A file; - is standard input. May be repeated
    #[arg(short, long = "filename", value_name = "FILE", group = "input")]
    files: Vec<PathBuf>,
    /// A folder; may be repeated
    #[arg(short, long = "directory", value_name = "DIR", group = "input")]
    directories: Vec<PathBuf>,
    /// Look into the folders below as well
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Say what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let mut change = Change::begin(&store)?;
    for file in inputs(context, args, &change.config)? {
        let Content::Bytes(bytes) = &file.content else {
            let Content::Refused(why) = &file.content else {
                continue;
            };
            return Err(Failure::usage(format!("{}: {why}", file.path)));
        };
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Failure::usage(format!("{} is not UTF-8 text", file.path)))?;
        change.put(context, &file, &text)?;
    }
    change.commit(context, args.message.as_deref(), args.dry_run)
}

fn inputs(context: &Context, args: &Args, config: &Config) -> Outcome<Vec<SourceFile>> {
    let base = context.dir.clone().unwrap_or_default();
    let limit = config.limits.file_bytes;
    let named: Vec<PathBuf> = args
        .files
        .iter()
        .map(|path| match path.as_os_str() == "-" {
            true => path.clone(),
            false => base.join(path),
        })
        .collect();
    let mut found = files::named(&named, limit);
    for directory in &args.directories {
        let dir = base.join(directory);
        found.extend(folder(&dir, args.recursive, limit)?);
    }
    Ok(found)
}
