//! `planspec hooks`: the pre-commit hook that checks staged changes.

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, TextFormat};
use crate::failure::{Failure, Outcome};
use crate::service::hooks::{install, status, uninstall};
use crate::show;

/// Install, remove or show the pre-commit hook
///
/// The hook runs `planspec validate --staged`. It is set in Git's configuration if this version of Git supports that, and
/// is otherwise a script in Git's hooks folder. Hooks of others are never overwritten or removed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Output format
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    output: TextFormat,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Check staged changes before every commit
    Install,
    /// Remove the hook
    Uninstall,
    /// Show whether Git runs the hook; exit with 1 if not (the default)
    Status,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let dir = context.dir.as_deref();
    let action = args.action.unwrap_or(Action::Status);
    let hook = match action {
        Action::Install => install(dir)?,
        Action::Uninstall => uninstall(dir)?,
        Action::Status => status(dir)?,
    };
    let text = match action {
        Action::Install => show::made::put(&hook.state),
        Action::Uninstall => show::made::removed(&hook.state),
        Action::Status => show::made::standing(&hook.state),
    };
    context.show(args.output.into(), &hook, (&text, &hook.notes))?;
    if matches!(action, Action::Status) && !hook.state.installed {
        return Err(Failure::shown());
    }
    Ok(())
}
