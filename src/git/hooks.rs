//! The pre-commit hook: where this Git looks for one, what stands there, and how ours comes there.
//!
//! Git runs the script in its hooks folder (`core.hooksPath`, else `.git/hooks`) and, from 2.54 on,
//! whatever the configuration names as `hook.<name>.command`. Whether this Git does the latter is
//! asked, never assumed. What is not ours is neither overwritten nor removed.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{NewFile, no_link_to, write_new};
use super::program::Program;
use super::{GitError, Repo, Result, unusable_file};

/// What to put into a hook of one's own.
pub const LINE: &str = "planspec validate --staged || exit 1";

const SCRIPT: &str = include_str!("../../hooks/pre-commit");
/// How the script ended before: what was appended to it never ran.
const SCRIPT_BEFORE: &str = "exec planspec validate --staged";
/// What makes somebody else's hook one that checks plans.
const CALL: &str = "planspec validate --staged";
/// The same as the script, for a shell that Git starts.
const COMMAND: &str = "if command -v planspec >/dev/null 2>&1; then planspec validate --staged; \
                       else echo 'planspec is not installed: this commit is not checked' >&2; fi";
const NAME: &str = "hook.planspec";
/// The hook of a merge that Git commits by itself: it does not run the other one.
const MERGE: &str = "pre-merge-commit";

/// How Git comes to run a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// By `hook.planspec` in its configuration.
    Configuration,
    /// By a script.
    Script(PathBuf),
}

/// How it stands with the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookStanding {
    /// Git runs it.
    Installed(Means),
    /// It is there, and Git does not run it.
    Idle(Means, &'static str),
    /// There is something else in its place.
    Taken(Means),
    /// It would be in a folder that other repositories use as well.
    Shared(PathBuf),
    /// There is none; by what means it would be installed.
    Missing(Means),
}

/// What [`install`] or [`uninstall`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookDone {
    /// It was installed, or removed.
    Changed(Means),
    /// Nothing was to be done, or nothing could be: as it stands.
    Nothing(HookStanding),
}

/// What Git would do at the next commit.
///
/// # Errors
/// `Unusable` when Git cannot be asked.
pub fn standing(repo: &Repo) -> Result<HookStanding> {
    let hook = HookPlaces::look(repo)?;
    Ok(hook.standing())
}

/// Install it, unless it is there already or its place is taken.
///
/// # Errors
/// `Unusable` when it cannot be written.
pub fn install(repo: &Repo) -> Result<HookDone> {
    let hook = HookPlaces::look(repo)?;
    let standing = hook.standing();
    match &standing {
        HookStanding::Missing(Means::Configuration) => {
            // Git refuses to work with an event that has no command.
            for (field, value) in [("command", COMMAND), ("event", "pre-commit")] {
                let field = format!("{NAME}.{field}");
                configure(repo, &["--local", &field, value])?;
            }
            Ok(HookDone::Changed(Means::Configuration))
        }
        HookStanding::Missing(Means::Script(_)) => {
            hook.no_link(repo, &hook.path)?;
            match write_new(&hook.path, SCRIPT.as_bytes(), true)? {
                NewFile::Yes => Ok(HookDone::Changed(Means::Script(hook.path))),
                NewFile::Exists => Ok(HookDone::Nothing(HookStanding::Taken(Means::Script(
                    hook.path,
                )))),
            }
        }
        _ => Ok(HookDone::Nothing(standing)),
    }
}

/// Remove it, if it is as we made it.
///
/// # Errors
/// `Unusable` when it cannot be removed.
pub fn uninstall(repo: &Repo) -> Result<HookDone> {
    let hook = HookPlaces::look(repo)?;
    if hook.configured == Text::Ours {
        for field in ["event", "command"] {
            configure(
                repo,
                &["--local", "--unset-all", &format!("{NAME}.{field}")],
            )?;
        }
        return Ok(HookDone::Changed(Means::Configuration));
    }
    let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_file());
    if hook.script == Text::Ours && is_file(&hook.path) {
        let tried = format!("remove `{}`", hook.path.display());
        fs::remove_file(&hook.path).map_err(unusable_file(tried))?;
        let merge = hook.path.with_file_name(MERGE);
        let text = fs::read_to_string(&merge).ok();
        if Text::of(text.as_deref(), SCRIPT) == Text::Ours && is_file(&merge) {
            let tried = format!("remove `{}`", merge.display());
            fs::remove_file(&merge).map_err(unusable_file(tried))?;
        }
        return Ok(HookDone::Changed(Means::Script(hook.path)));
    }
    Ok(HookDone::Nothing(hook.standing()))
}

/// How it stands with merges, of which Git asks another hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merges {
    /// They are checked.
    Checked,
    /// There is no hook for them.
    Unchecked,
    /// There is another one.
    Taken(PathBuf),
}

/// Whether what a merge commits is checked as well, where commits are.
///
/// # Errors
/// `Unusable` when Git cannot be asked.
pub fn merges(repo: &Repo) -> Result<Merges> {
    let hook = HookPlaces::look(repo)?;
    if hook.standing() == HookStanding::Installed(Means::Configuration) {
        let events = repo.config_all(&format!("{NAME}.event"));
        let is_there = events.iter().any(|event| event == MERGE);
        return Ok(if is_there {
            Merges::Checked
        } else {
            Merges::Unchecked
        });
    }
    let path = hook.path.with_file_name(MERGE);
    let Ok(text) = fs::read(&path) else {
        let is_there = path.symlink_metadata().is_ok();
        return Ok(if is_there {
            Merges::Taken(path)
        } else {
            Merges::Unchecked
        });
    };
    let text = String::from_utf8_lossy(&text);
    // Git's own sample runs the other one.
    let is_checked = text.contains(CALL) || text.contains("pre-commit");
    Ok(if is_checked && (hook.is_husky || is_executable(&path)) {
        Merges::Checked
    } else {
        Merges::Taken(path)
    })
}

/// Have merges checked by the means by which commits are, if nothing else is in that place.
///
/// # Errors
/// `Unusable` when it cannot be written.
pub fn install_for_merges(repo: &Repo) -> Result<Merges> {
    let standing = merges(repo)?;
    if standing != Merges::Unchecked {
        return Ok(standing);
    }
    let hook = HookPlaces::look(repo)?;
    match hook.standing() {
        HookStanding::Installed(Means::Configuration) => {
            let field = format!("{NAME}.event");
            configure(repo, &["--local", "--add", &field, MERGE])?;
        }
        HookStanding::Installed(Means::Script(_)) if hook.inside => {
            let path = hook.path.with_file_name(MERGE);
            hook.no_link(repo, &path)?;
            write_new(&path, SCRIPT.as_bytes(), true)?;
        }
        _ => {}
    }
    merges(repo)
}

/// Whose a script or a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Absent,
    Ours,
    /// Somebody else's, that calls us.
    Calls,
    Theirs,
}

impl Text {
    fn of(text: Option<&str>, ours: &str) -> Text {
        match text {
            None => Text::Absent,
            Some(text)
                if text.lines().eq(ours.lines()) || ours == SCRIPT && is_former_script(text) =>
            {
                Text::Ours
            }
            Some(text) if text.contains(CALL) => Text::Calls,
            Some(_) => Text::Theirs,
        }
    }

    fn checks_plans(self) -> bool {
        matches!(self, Text::Ours | Text::Calls)
    }
}

/// Whether it is the script as it was written before.
fn is_former_script(text: &str) -> bool {
    let mut lines: Vec<&str> = SCRIPT.lines().collect();
    lines.pop();
    lines.push(SCRIPT_BEFORE);
    text.lines().eq(lines)
}

/// Everything that decides.
struct HookPlaces {
    git_has_configured: bool,
    configured: Text,
    enabled: bool,
    path: PathBuf,
    script: Text,
    /// Why Git does not run the script, if it does not.
    idle: Option<&'static str>,
    /// Whether the script would be one of this repository alone.
    inside: bool,
    is_husky: bool,
}

impl HookPlaces {
    fn look(repo: &Repo) -> Result<HookPlaces> {
        let gits = script_path(repo)?;
        let husky = of_husky(&gits);
        let is_set_up = husky.is_none() || gits.exists();
        let path = husky.clone().unwrap_or(gits);
        let text = match fs::read(&path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            // Something else is there: a link that leads nowhere, or a folder.
            Err(_) if path.symlink_metadata().is_ok() => Some(String::new()),
            Err(_) => None,
        };
        let enabled = repo.config_now(&format!("{NAME}.enabled"));
        let command = repo.config_now(&format!("{NAME}.command"));
        Ok(HookPlaces {
            git_has_configured: has_configured_hooks(repo)?,
            configured: Text::of(command.as_deref(), COMMAND),
            enabled: !matches!(enabled.as_deref(), Some("false" | "no" | "off" | "0")),
            script: Text::of(text.as_deref(), SCRIPT),
            is_husky: husky.is_some(),
            // Husky reads it, whether it is executable or not.
            idle: match husky {
                Some(_) if !is_set_up => Some("husky is not set up in this clone: `npm install`"),
                None if !is_executable(&path) => Some("it is not executable"),
                _ => None,
            },
            inside: is_inside(repo, &path),
            path,
        })
    }

    /// Nothing is written through a link.
    fn no_link(&self, repo: &Repo, path: &Path) -> Result<()> {
        let roots = [repo.workdir(), Some(repo.common_dir())];
        let roots = roots.into_iter().flatten();
        for root in roots.filter(|root| path.starts_with(root)) {
            no_link_to(root, path)?;
        }
        Ok(())
    }

    fn standing(&self) -> HookStanding {
        let script = || Means::Script(self.path.clone());
        let configured = self.configured.checks_plans();
        if configured && self.git_has_configured && self.enabled {
            return HookStanding::Installed(Means::Configuration);
        }
        if self.script.checks_plans() {
            return match self.idle {
                None => HookStanding::Installed(script()),
                Some(why) => HookStanding::Idle(script(), why),
            };
        }
        if configured && self.git_has_configured {
            let why = "hook.planspec.enabled is false";
            return HookStanding::Idle(Means::Configuration, why);
        }
        if self.git_has_configured {
            return match self.configured {
                Text::Theirs => HookStanding::Taken(Means::Configuration),
                _ => HookStanding::Missing(Means::Configuration),
            };
        }
        match self.script {
            Text::Theirs => HookStanding::Taken(script()),
            _ if !self.inside => HookStanding::Shared(self.path.clone()),
            _ if configured => {
                let why = "this version of Git does not support configured hooks";
                HookStanding::Idle(Means::Configuration, why)
            }
            _ => HookStanding::Missing(script()),
        }
    }
}

/// Whether this Git runs hooks that its configuration names: it is given one, and asked.
fn has_configured_hooks(repo: &Repo) -> Result<bool> {
    const PROBE: &str = "planspec-probe";
    let listed = Program::new(repo, "-c")
        .arg(format!("hook.{PROBE}.command=true"))
        .args(["-c", &format!("hook.{PROBE}.event=pre-commit")])
        .args(["hook", "list", "pre-commit"])
        .run()?;
    let names = String::from_utf8_lossy(&listed.stdout);
    Ok(listed.success() && names.lines().any(|name| name.trim() == PROBE))
}

/// Where Git looks for the script: it knows about `core.hooksPath` and work trees.
fn script_path(repo: &Repo) -> Result<PathBuf> {
    let asked = Program::new(repo, "rev-parse")
        .args(["--git-path", "hooks/pre-commit"])
        .run()?
        .or_cannot("find the folder of the hooks")?;
    let path = String::from_utf8_lossy(&asked.stdout);
    Ok(repo.directory().join(path.trim_end_matches(['\n', '\r'])))
}

/// The script that husky runs, where Git's is one that husky writes anew at each installation: it lies in a folder `_`, and
/// the own ones beside that.
fn of_husky(gits: &Path) -> Option<PathBuf> {
    let folder = gits.parent().filter(|folder| folder.ends_with("_"))?;
    let own = folder.parent()?;
    let is_husky =
        own.ends_with(".husky") || folder.join("h").exists() || folder.join("husky.sh").exists();
    is_husky.then(|| own.join(gits.file_name().unwrap_or_default()))
}

fn is_inside(repo: &Repo, path: &Path) -> bool {
    let there = path
        .ancestors()
        .find_map(|folder| folder.canonicalize().ok());
    let roots = [repo.workdir(), Some(repo.common_dir())];
    let roots = roots.into_iter().flatten();
    let mut roots = roots.filter_map(|root| root.canonicalize().ok());
    there.is_some_and(|there| roots.any(|root| there.starts_with(root)))
}

fn configure(repo: &Repo, args: &[&str]) -> Result<()> {
    let set = Program::new(repo, "config").args(args).run()?;
    if set.success() {
        return Ok(());
    }
    let why = match set.stderr.as_str() {
        "" => "it is set elsewhere, see `git config --show-origin --get-regexp '^hook\\.planspec'`",
        said => said,
    };
    Err(GitError::Unusable(format!(
        "cannot change `{NAME}` in this repository's configuration: {why}"
    )))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.exists()
}
