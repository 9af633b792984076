//! The user's own `git` program.
//!
//! Argument lists only, never a shell. The environment is the user's, so that credential helpers,
//! proxies and ssh work as always, except for what would point git elsewhere or make it ask.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::exchange::{MAX_STDOUT, Said, exchange};
use super::{GitError, Repo, Result, unusable_file};

/// Most lines of standard error that are shown.
const MAX_LINES: usize = 20;

/// Variables by which a surrounding git points at a repository, an index or a folder.
const REPOSITORY_VARIABLES: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_QUARANTINE_PATH",
];

/// What the user's configuration says for their own work trees, and must not say for others.
const APART: [&str; 3] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
];

/// How `git` is run in a repository.
#[derive(Debug)]
pub(super) struct Launch {
    /// The folder in which it runs.
    pub directory: PathBuf,
    /// The variables with which it finds the repository where that folder is not enough.
    place: Vec<(&'static str, OsString)>,
    /// The index that `GIT_INDEX_FILE` names.
    pub index: Option<PathBuf>,
    /// How long a remote may be silent, as the configuration says it.
    pub patience: Option<String>,
    #[cfg(test)]
    home: PathBuf,
}

/// How long a remote may be silent where the configuration says nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where it says it.
pub(super) const TIMEOUT: &str = "planspec.timeout";

impl Launch {
    /// In a repository with its Git directory there; `explicit` says that it would not be found from its folder alone.
    pub fn new((work_tree, git_dir): (Option<&Path>, &Path), explicit: bool) -> Launch {
        let work_tree_variable = work_tree.filter(|_| explicit);
        let work_tree_variable = work_tree_variable.map(|dir| ("GIT_WORK_TREE", dir.into()));
        let git_dir_variable = explicit.then(|| ("GIT_DIR", git_dir.into()));
        Launch {
            directory: work_tree.unwrap_or(git_dir).to_owned(),
            place: git_dir_variable
                .into_iter()
                .chain(work_tree_variable)
                .collect(),
            index: None,
            patience: None,
            #[cfg(test)]
            home: git_dir.to_owned(),
        }
    }

    /// In a folder, with the repository that the environment points to, if it does.
    pub fn as_pointed(dir: &Path) -> Launch {
        let pointed = ["GIT_DIR", "GIT_WORK_TREE"].into_iter();
        let pointed = pointed.filter_map(|name| Some((name, std::env::var_os(name)?)));
        Launch {
            place: pointed.collect(),
            ..Launch::new((None, dir), false)
        }
    }

    /// How long a remote may be silent; nothing when that is for ever.
    fn patience(&self) -> Result<Option<Duration>> {
        let Some(text) = &self.patience else {
            return Ok(Some(PATIENCE));
        };
        if text == "0" {
            return Ok(None);
        }
        let wanted = text.parse::<crate::core::resource::Duration>();
        let wanted = wanted.map_err(|why| {
            GitError::Unusable(format!("`{TIMEOUT}` of the Git configuration: {why}"))
                .advise(format!("git config {TIMEOUT} 60s"))
        })?;
        let seconds = u64::try_from(wanted.seconds()).unwrap_or_default();
        Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
    }
}

/// One call of `git`, being put together.
#[derive(Debug)]
pub struct Program<'a> {
    launch: &'a Launch,
    before: Vec<OsString>,
    subcommand: String,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    environment: Vec<(&'static str, String)>,
    without: Vec<&'static str>,
    for_user: bool,
    apart: bool,
    remote: Option<String>,
}

/// What a call of `git` answered.
#[derive(Debug)]
pub struct Output {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, cleaned for people: see [`clean`].
    pub stderr: String,
}

impl Output {
    fn of(code: Option<i32>, said: Said) -> Output {
        Output {
            code: code.unwrap_or(-1),
            stdout: said.stdout,
            stderr: clean(&said.stderr),
        }
    }

    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }

    /// Standard output, without white space around it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The same output, unless the exit code says that it went wrong; `tried` completes "cannot …".
    ///
    /// # Errors
    /// `Unusable`, in git's own words.
    pub fn or_cannot(self, tried: impl Display) -> Result<Output> {
        if self.success() {
            return Ok(self);
        }
        Err(GitError::Unusable(format!(
            "cannot {tried}: {}",
            self.complaint()
        )))
    }

    /// What it says about why it went wrong.
    pub fn complaint(&self) -> String {
        // Some of git's complaints go to standard output.
        if self.stderr.is_empty() {
            return self.text();
        }
        // What a hook printed before says less than why git stopped.
        let is_reason = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
        let mut lines: Vec<&str> = self.stderr.lines().collect();
        lines.sort_by_key(|line| !is_reason(line));
        lines.join("\n")
    }
}

impl<'a> Program<'a> {
    /// `git SUBCOMMAND` in `repo`.
    pub fn new(repo: &'a Repo, subcommand: &str) -> Program<'a> {
        Program::at(&repo.launch, subcommand)
    }

    /// `git SUBCOMMAND` where only that is at hand by which it is run.
    pub(super) fn at(launch: &'a Launch, subcommand: &str) -> Program<'a> {
        Program {
            launch,
            before: Vec::new(),
            subcommand: subcommand.to_owned(),
            args: Vec::new(),
            stdin: Vec::new(),
            environment: Vec::new(),
            without: Vec::new(),
            for_user: false,
            apart: false,
            remote: None,
        }
    }

    /// An option of `git` itself, with its value.
    pub(super) fn before(mut self, option: &str, value: &str) -> Program<'a> {
        self.before.extend([option, value].map(OsString::from));
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Program<'a> {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Program<'a> {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// What it reads from standard input; nothing otherwise.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Program<'a> {
        self.stdin = bytes.into();
        self
    }

    /// One more variable of its environment.
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Program<'a> {
        self.environment.push((name, value.into()));
        self
    }

    /// Without a variable of the user's environment.
    pub fn without(mut self, name: &'static str) -> Program<'a> {
        self.without.push(name);
        self
    }

    /// Run as the user would: on the index that `GIT_INDEX_FILE` names, and in their language.
    pub fn for_user(mut self) -> Program<'a> {
        self.for_user = true;
        self
    }

    /// In a work tree that is none of the user's: without their hooks, without submodules, and
    /// without a daemon that watches it.
    pub fn apart(mut self) -> Program<'a> {
        self.apart = true;
        self
    }

    /// It asks a remote, which may not answer: silence is waited for as long as the configuration says.
    pub(super) fn asks(mut self, remote: &str) -> Program<'a> {
        self.remote = Some(remote.to_owned());
        self
    }

    /// Run it to its end.
    ///
    /// # Errors
    /// `Unusable` when there is no `git`, or its answer is beyond all bounds. An exit code other
    /// than 0 is an answer, not an error. `Remote` when the remote that it asks does not answer.
    pub fn run(self) -> Result<Output> {
        let patience = match self.remote {
            Some(_) => self.launch.patience()?,
            None => None,
        };
        let started = Instant::now();
        let mut child = self.command().spawn().map_err(|error| {
            GitError::Unusable(match error.kind() {
                ErrorKind::NotFound => {
                    "the `git` program was not found: install git, or put it on PATH".to_owned()
                }
                _ => format!("cannot run the `git` program: {error}"),
            })
        })?;
        let subcommand = self.subcommand;
        let said = exchange(&mut child, self.stdin, patience);
        let too_much = said.stdout.len() > MAX_STDOUT;
        if too_much {
            // It may be blocked on a pipe that nobody reads any more; an error means that it ended.
            child.kill().ok();
        }
        let status = child.wait().map_err(unusable_file("wait for git"))?;
        // No arguments here: they may hold the user's texts.
        tracing::debug!(
            subcommand,
            code = status.code(),
            millis = started.elapsed().as_millis() as u64,
            "git"
        );
        if too_much {
            return Err(GitError::Unusable(format!(
                "`git {subcommand}` answered with more than {MAX_STDOUT} bytes"
            )));
        }
        if let (true, Some(remote), Some(patience)) = (said.was_silent, self.remote, patience) {
            return Err(silent(&subcommand, &remote, patience));
        }
        Ok(Output::of(status.code(), said))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in REPOSITORY_VARIABLES.iter().chain(&self.without) {
            command.env_remove(name);
        }
        command.envs(self.launch.place.iter().map(|(name, value)| (name, value)));
        command.env("GIT_TERMINAL_PROMPT", "0");
        if self.for_user {
            if let Some(index) = &self.launch.index {
                command.env("GIT_INDEX_FILE", index);
            }
        } else {
            command.env("LC_ALL", "C");
        }
        #[cfg(test)]
        command.envs(crate::git::testing::sealed_environment(&self.launch.home));
        if self.apart {
            for setting in APART {
                command.args(["-c", setting]);
            }
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.launch.directory)
            .args(&self.before)
            .arg(&self.subcommand)
            .args(&self.args)
            .stdin(if self.stdin.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn silent(subcommand: &str, remote: &str, patience: Duration) -> GitError {
    let seconds = patience.as_secs();
    GitError::Remote(format!(
        "remote `{remote}` does not answer: nothing arrived for {seconds} s, and `git {subcommand}` was stopped"
    ))
    .advise(format!(
        "try again, which is safe; if the remote needs more time, set `git config {TIMEOUT} {}s`",
        seconds.saturating_mul(5)
    ))
}

/// Run a program that judges something, to its end, where nothing of the user's can reach it but the
/// search path by which it is found: `home` is its home, in UTC.
///
/// # Errors
/// It cannot be started.
pub(super) fn run_sealed(
    program: &str,
    args: &[&OsStr],
    home: &Path,
    stdin: &[u8],
) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.env_clear();
    // Windows starts nothing without the second.
    for name in ["PATH", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut child = command
        .env("HOME", home)
        .env("GNUPGHOME", home)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(home)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = exchange(&mut child, stdin.to_vec(), None);
    let status = child.wait()?;
    tracing::debug!(program, code = status.code(), "judged");
    Ok(Output::of(status.code(), said))
}

/// Standard error of git as a text for people: no hints, no progress, no control characters, no
/// credentials, at most 20 lines.
pub fn clean(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<String> = text
        .lines()
        .map(|line| without_credentials(&without_escapes(line.trim_end())))
        .filter(|line| !line.is_empty() && !line.starts_with("hint:") && !is_progress(line))
        .take(MAX_LINES)
        .collect();
    lines.join("\n")
}

/// How lines begin in which git, or git on the remote's side, says how far it is.
const PROGRESS: [&str; 15] = [
    "Auto packing the repository",
    "Checking connectivity",
    "Compressing objects",
    "Counting objects",
    "Delta compression using",
    "Enumerating objects",
    "Expanding reachable commits",
    "Filtering content",
    "Finding sources",
    "Getting sizes",
    "Receiving objects",
    "Resolving deltas",
    "Total ",
    "Unpacking objects",
    "Writing objects",
];

fn is_progress(line: &str) -> bool {
    let line = line.strip_prefix("remote: ").unwrap_or(line).trim_start();
    PROGRESS.iter().any(|begin| line.starts_with(begin))
}

/// Without terminal escape sequences and other control characters.
fn without_escapes(line: &str) -> String {
    let mut kept = String::new();
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        if next == '\u{1b}' {
            // `ESC [ … letter`: skip to the letter.
            if chars.next() == Some('[') {
                chars.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if !next.is_control() {
            kept.push(next);
        }
    }
    kept
}

/// `https://user:secret@host/` as `https://host/`.
fn without_credentials(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        kept.push_str(before);
        let host = after
            .find(|c: char| c == '/' || c == '\'' || c.is_whitespace())
            .unwrap_or(after.len());
        let user = after.get(..host).and_then(|authority| authority.rfind('@'));
        rest = match user {
            Some(end) => after.get(end + 1..).unwrap_or_default(),
            None => after,
        };
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn standard_error_is_cleaned() {
        let table: [(&str, &str); 6] = [
            ("fatal: no\nhint: try\n", "fatal: no"),
            (
                "Enumerating objects: 3, done.\nremote: Counting objects: 100% (3/3), done.\nfatal: no\n",
                "fatal: no",
            ),
            ("\u{1b}[31merror\u{1b}[m: x\u{7}", "error: x"),
            (
                "fatal: unable to access 'https://ana:s3cr@t@git.example/x.git/': no",
                "fatal: unable to access 'https://git.example/x.git/': no",
            ),
            (
                "to ssh://git@host/x and http://t@h",
                "to ssh://host/x and http://h",
            ),
            ("https://host/a@b", "https://host/a@b"),
        ];
        for (given, expected) in table {
            assert_eq!(clean(given.as_bytes()), expected);
        }
    }

    #[test]
    fn output_input_and_exit_code_come_back() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let hash = Program::new(&repo, "hash-object")
            .arg("--stdin")
            .stdin("x\n")
            .run()
            .unwrap();
        assert!(hash.success());
        assert_eq!(hash.text(), repo.blob_id(b"x\n"));
        let failed = Program::new(&repo, "no-such-thing").run().unwrap();
        assert_eq!(failed.code, 1);
        assert!(failed.stderr.contains("no-such-thing"), "{}", failed.stderr);
    }

    #[test]
    fn much_input_and_much_output_do_not_lock_up() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let lines = "0000000000000000000000000000000000000000\n".repeat(50_000);
        let output = Program::new(&repo, "cat-file")
            .arg("--batch-check")
            .stdin(lines)
            .run()
            .unwrap();
        assert_eq!(output.stdout.split(|b| *b == b'\n').count(), 50_001);
    }
}
