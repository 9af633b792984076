//! Repositories for the tests of this room, in an environment that no machine can reach into.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Identity, Repo};
use crate::core::resource::Time;

/// A temporary folder with repositories in it.
pub(crate) struct Sandbox {
    root: TempDir,
    /// Object format and ref format of new repositories, where not those that the tests are run for.
    format: Option<(&'static str, &'static str)>,
}

/// Object formats and ref formats of repositories, as far as the `git` of this machine knows them.
pub(crate) fn formats() -> Vec<(&'static str, &'static str)> {
    let all = [
        ("sha1", "files"),
        ("sha256", "files"),
        ("sha1", "reftable"),
        ("sha256", "reftable"),
    ];
    let version = Command::new("git").arg("version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.find(|text| !text.is_empty())?.parse::<u32>().ok();
    let knows_reftable = (number(), number()) >= (Some(2), Some(45));
    let known = all.into_iter();
    known
        .filter(|(_, refs)| *refs == "files" || knows_reftable)
        .collect()
}

/// What every `git` of a test sees: no configuration but the repository's own, fixed dates.
pub(super) fn sealed_environment(home: &Path) -> Vec<(&'static str, String)> {
    let home = home.to_str().unwrap().to_owned();
    let owned = |text: &str| text.to_owned();
    vec![
        ("HOME", home.clone()),
        ("XDG_CONFIG_HOME", home),
        ("GIT_CONFIG_GLOBAL", owned("/dev/null")),
        ("GIT_CONFIG_NOSYSTEM", owned("1")),
        ("GIT_AUTHOR_NAME", owned("Ana")),
        ("GIT_AUTHOR_EMAIL", owned("ana@example.com")),
        ("GIT_AUTHOR_DATE", owned("1700000000 +0000")),
        ("GIT_COMMITTER_NAME", owned("Ana")),
        ("GIT_COMMITTER_EMAIL", owned("ana@example.com")),
        ("GIT_COMMITTER_DATE", owned("1700000000 +0000")),
    ]
}

pub(super) fn identity() -> Identity {
    Identity {
        name: "Ana".to_owned(),
        email: "ana@example.com".to_owned(),
    }
}

/// A whole second, `seconds` after a fixed moment.
pub(super) fn time(seconds: i64) -> Time {
    Time::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Sandbox {
            root: TempDir::new().unwrap(),
            format: None,
        }
    }

    /// One whose repositories have this object format and this ref format.
    pub fn of(objects: &'static str, refs: &'static str) -> Sandbox {
        Sandbox {
            format: Some((objects, refs)),
            ..Sandbox::new()
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A new repository with a work tree, on the unborn branch `main`.
    pub fn repo(&self, name: &str) -> Repo {
        self.run(self.root.path(), &["init", "-q", "-b", "main", name]);
        self.open(name)
    }

    /// A new bare repository.
    pub fn bare(&self, name: &str) -> Repo {
        self.run(
            self.root.path(),
            &["init", "-q", "--bare", "-b", "main", name],
        );
        self.open(name)
    }

    /// A clone of `origin` over the `file` transport, so that `--depth` means something.
    pub fn clone_of(&self, origin: &str, name: &str, options: &[&str]) -> Repo {
        let url = format!("file://{}", self.path(origin).to_str().unwrap());
        let mut args = vec!["clone", "-q"];
        args.extend(options);
        args.extend([url.as_str(), name]);
        self.run(self.root.path(), &args);
        self.open(name)
    }

    pub fn open(&self, name: &str) -> Repo {
        let repo = Repo::open_sealed(&self.path(name)).unwrap();
        // This process still sees the machine's configuration: what counts is set here.
        self.git(&repo, &["config", "core.excludesFile", "/dev/null"]);
        self.git(&repo, &["config", "commit.gpgSign", "false"]);
        Repo::open_sealed(&self.path(name)).unwrap()
    }

    /// Write files and commit everything.
    pub fn commit(&self, repo: &Repo, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(repo, path, text);
        }
        self.git(repo, &["add", "-A"]);
        self.git(repo, &["commit", "-q", "--allow-empty", "-m", "x"]);
        self.git(repo, &["rev-parse", "HEAD"])
    }

    pub fn write(&self, repo: &Repo, path: &str, text: &str) {
        let path = repo.workdir().unwrap().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Run git; it must succeed. Its output without the last line break.
    pub fn git(&self, repo: &Repo, args: &[&str]) -> String {
        self.run(repo.directory(), args)
    }

    fn run(&self, directory: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            // The format of new repositories is the one that the tests are run for.
            if name.starts_with("GIT_") && !name.starts_with("GIT_DEFAULT_") {
                command.env_remove(&*name);
            }
        }
        if let Some((objects, refs)) = self.format {
            command.env("GIT_DEFAULT_HASH", objects);
            command.env("GIT_DEFAULT_REF_FORMAT", refs);
        }
        let output = command
            .args(["-c", "protocol.file.allow=always"])
            .args(args)
            .current_dir(directory)
            .envs(sealed_environment(self.root.path()))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {args:?}: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end_matches('\n').to_owned()
    }
}
