//! `planspec hooks`: the pre-commit hook that checks what is staged.

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, TextFormat};
use crate::failure::{Failure, Outcome};
use crate::service::hooks::{install, status, uninstall};
use crate::show;

/// Install, remove or show the pre-commit hook
///
/// It runs `planspec validate --staged`: by Git's configuration where this Git has configured hooks,
/// else as a script in Git's hooks folder. A hook that is not ours is never overwritten or removed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// How to show it
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
    /// Make Git check what is staged before every commit
    Install,
    /// Take it away again
    Uninstall,
    /// Say whether Git runs it; exit code 1 if not. What is done when no action is named
    Status,
}

/// Run the verb.
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
