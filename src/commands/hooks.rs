//! `planspec hooks`: the pre-commit hook that checks what is staged.

use clap::{Args as ClapArgs, Subcommand};

use super::Context;
use crate::failure::{Failure, Outcome};
use crate::git::Repo;
use crate::git::hooks::{self, Done, LINE, Means, Standing};

/// Install, remove or look at the pre-commit hook
///
/// It runs `planspec validate --staged`: by Git's configuration where this Git has configured hooks,
/// else as a script in Git's hooks folder. A hook that is not ours is never overwritten or removed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Make Git check what is staged before every commit
    Install,
    /// Take it away again
    Uninstall,
    /// Say whether Git runs it; exit code 1 if not
    Status,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let repo = Repo::open(context.dir.as_deref())?;
    match args.action {
        Action::Install => install(context, &repo),
        Action::Uninstall => uninstall(context, &repo),
        Action::Status => status(context, &repo),
    }
}

fn install(context: &Context, repo: &Repo) -> Outcome {
    let done = hooks::install(repo)?;
    let (line, note) = told(repo, &done);
    context.terminal.out(&line);
    match (done, note) {
        (Done::Nothing(Standing::Installed(_)) | Done::Changed(_), note) => {
            note.iter().for_each(|note| context.terminal.note(note));
            Ok(())
        }
        (Done::Nothing(_), note) => {
            let failure = Failure::not_met("the hook is not installed; nothing was changed");
            Err(match note {
                Some(note) => failure.hint(note),
                None => failure,
            })
        }
    }
}

fn uninstall(context: &Context, repo: &Repo) -> Outcome {
    match hooks::uninstall(repo)? {
        Done::Changed(means) => {
            let place = place(repo, &means);
            context.terminal.out(&format!("removed        {place}\n"));
            Ok(())
        }
        Done::Nothing(Standing::Installed(means) | Standing::Idle(means, _)) => {
            let place = place(repo, &means);
            Err(
                Failure::not_met(format!("{place} is not as it was installed; it stays"))
                    .hint("remove the line `planspec validate --staged` from it"),
            )
        }
        Done::Nothing(_) => {
            context.terminal.note("there is no hook of planspec here");
            Ok(())
        }
    }
}

fn status(context: &Context, repo: &Repo) -> Outcome {
    let standing = hooks::standing(repo)?;
    if let Standing::Installed(means) = &standing {
        let place = place(repo, means);
        context.terminal.out(&format!("installed      {place}\n"));
        return Ok(());
    }
    let why = explain(repo, &standing).unwrap_or_else(|| "run: planspec hooks install".to_owned());
    context.terminal.out("not installed\n");
    context.terminal.note(&why);
    Err(Failure::findings())
}

/// What was done, as a line of a list, and what there is to say about it.
pub(super) fn told(repo: &Repo, done: &Done) -> (String, Option<String>) {
    match done {
        Done::Changed(means @ Means::Script(_)) => {
            (format!("created        {}\n", place(repo, means)), None)
        }
        Done::Changed(means) => (format!("configured     {}\n", place(repo, means)), None),
        Done::Nothing(standing) => {
            let means = match standing {
                Standing::Installed(means) | Standing::Idle(means, _) | Standing::Taken(means) => {
                    means.clone()
                }
                Standing::Shared(path) => Means::Script(path.clone()),
                Standing::Missing => Means::Configuration,
            };
            let line = format!("kept as it is  {}\n", place(repo, &means));
            (line, explain(repo, standing))
        }
    }
}

/// Why it is not installed, and what to do.
fn explain(repo: &Repo, standing: &Standing) -> Option<String> {
    match standing {
        Standing::Installed(_) | Standing::Missing => None,
        Standing::Idle(means, why) => {
            Some(format!("Git does not run {}: {why}", place(repo, means)))
        }
        Standing::Taken(Means::Script(_)) => Some(format!(
            "there is another pre-commit hook; to check plans in it, add this line: {LINE}"
        )),
        Standing::Taken(Means::Configuration) => Some(
            "hook.planspec is configured with another command; to check plans there, let it run: \
             planspec validate --staged"
                .to_owned(),
        ),
        Standing::Shared(path) => Some(format!(
            "core.hooksPath leads out of this repository; to check plans in all that use it, put \
             this line into {}: {LINE}",
            path.display()
        )),
    }
}

fn place(repo: &Repo, means: &Means) -> String {
    match means {
        Means::Configuration => "hook.planspec in Git's configuration".to_owned(),
        Means::Script(path) => {
            let inside = repo.workdir().and_then(|root| path.strip_prefix(root).ok());
            inside.unwrap_or(path).display().to_string()
        }
    }
}
