//! The user's editor, as Git finds it, on a draft that is not lost.

use std::fmt;
use std::fs;
use std::io::{IsTerminal, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::Program;
use super::{GitError, Repo, Result, unusable_file};

/// A text that is being written; it stays until it is discarded.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// A place for a draft in the common Git directory, named after `name` and this process.
    ///
    /// # Errors
    /// `Unusable` when it cannot be made.
    pub fn new(repo: &Repo, name: &str) -> Result<Draft> {
        let folder = repo.common_dir().join("planspec").join("drafts");
        fs::create_dir_all(&folder)
            .map_err(unusable_file(format!("make `{}`", folder.display())))?;
        let path = folder.join(format!("{}-{name}", std::process::id()));
        Ok(Draft { path })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Write it.
    ///
    /// # Errors
    /// `Unusable` when it cannot be written.
    pub fn write(&self, text: &str) -> Result<()> {
        fs::write(&self.path, text).map_err(unusable_file(format!("write `{self}`")))
    }

    /// Read it.
    ///
    /// # Errors
    /// `Unusable` when it cannot be read or is not UTF-8 text.
    pub fn read(&self) -> Result<String> {
        fs::read_to_string(&self.path).map_err(unusable_file(format!("read `{self}`")))
    }

    /// It is no longer needed.
    pub fn discard(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(draft = %self, %error, "a draft stays");
        }
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// Where Git looks for the editor, beside its configuration.
const VARIABLES: [&str; 3] = ["GIT_EDITOR", "VISUAL", "EDITOR"];

/// Editors that would wait for ever for keys that nobody can press.
const IN_A_TERMINAL: [&str; 16] = [
    "elvis", "helix", "hx", "joe", "jed", "kak", "mcedit", "micro", "nano", "ne", "nvim", "pico",
    "vi", "view", "vim", "vim.tiny",
];

/// Whether the command of an editor begins one that needs a terminal.
fn needs_terminal(editor: &str) -> bool {
    let program = editor.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    IN_A_TERMINAL.contains(&name)
}

/// The user's editor (`GIT_EDITOR`, `core.editor`, `VISUAL`, `EDITOR`), as Git finds it. It may be a
/// shell command, as in Git.
///
/// # Errors
/// `Unusable` when there is no editor, or no terminal for it.
pub fn find(repo: &Repo) -> Result<String> {
    let mut asked = Program::new(repo, "var").for_user().arg("GIT_EDITOR");
    for variable in VARIABLES {
        // A variable that says nothing names no editor: the next one does.
        if std::env::var_os(variable).is_some_and(|value| value.is_empty()) {
            asked = asked.without(variable);
        }
    }
    let found = asked.run()?;
    let editor = found.text();
    if !found.success() || editor.is_empty() {
        let why = GitError::Unusable("there is no editor to open".to_owned());
        return Err(why.advise("set GIT_EDITOR, or run the command in a terminal"));
    }
    if needs_terminal(&editor) && !(stdin().is_terminal() && stdout().is_terminal()) {
        let why = GitError::Unusable(format!("there is no terminal for the editor `{editor}`"));
        return Err(why.advise(
            "set GIT_EDITOR, which takes precedence, to an editor that needs no terminal, or run \
             the command in a terminal",
        ));
    }
    Ok(editor)
}

/// Open a file in an editor and wait until it is closed.
///
/// # Errors
/// `Unusable` when the editor cannot be started, or ends with an error.
pub fn open(editor: &str, path: &Path) -> Result<()> {
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(editor)
        .arg(path)
        .status()
        .map_err(unusable_file(format!("start the editor `{editor}`")))?;
    if status.success() {
        return Ok(());
    }
    let why = GitError::Unusable(format!("the editor `{editor}` ended with an error"));
    Err(why.advise(format!("your text is kept in {}", path.display())))
}
