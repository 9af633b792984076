//! `planspec completions`: a script for the shell.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use super::Context;
use crate::failure::Outcome;

/// Print a completion script for a shell
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Run the verb for the program `C`.
pub fn run<C: CommandFactory>(context: &Context, args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "planspec", &mut script);
    context.terminal.out(&String::from_utf8_lossy(&script));
    Ok(())
}
