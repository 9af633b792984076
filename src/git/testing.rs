//! Repositories for the tests of this room, in an environment that no machine can reach into.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use super::memory::{IdFormat, Memory};
use super::{Identity, Repo, branch, refs, remote};
use crate::core::resource::Time;

/// A temporary folder with repositories in it.
pub(crate) struct Sandbox {
    root: TempDir,
    /// Object format and ref format of new repositories, where not those that the tests are run for.
    format: Option<(&'static str, &'static str)>,
    /// Repositories in memory, by name.
    memories: Mutex<BTreeMap<String, Memory>>,
}

/// The ref format of repositories that are in memory.
pub(crate) const MEMORY: &str = "memory";

/// The same as [`formats`], and repositories in memory, with ids of either length.
pub(crate) fn back_ends() -> Vec<(&'static str, &'static str)> {
    let in_memory = [("sha1", MEMORY), ("sha256", MEMORY)];
    formats().into_iter().chain(in_memory).collect()
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

/// Test with repositories of the format that the tests are run for, and with those in memory.
pub(crate) fn on_disk_and_in_memory(test: impl Fn(&Sandbox)) {
    test(&Sandbox::new());
    for objects in ["sha1", "sha256"] {
        test(&Sandbox::of(objects, MEMORY));
    }
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
            memories: Mutex::default(),
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
        if let Some(memory) = self.new_memory(name) {
            return memory.open();
        }
        self.run(self.root.path(), &["init", "-q", "-b", "main", name]);
        self.open(name)
    }

    /// A new bare repository.
    pub fn bare(&self, name: &str) -> Repo {
        if let Some(memory) = self.new_memory(name) {
            return memory.open();
        }
        self.run(
            self.root.path(),
            &["init", "-q", "--bare", "-b", "main", name],
        );
        self.open(name)
    }

    /// A clone of `origin` over the `file` transport, so that `--depth` means something.
    pub fn clone_of(&self, origin: &str, name: &str, options: &[&str]) -> Repo {
        if let Some(memory) = self.new_memory(name) {
            assert!(options.is_empty(), "a clone in memory is whole");
            return clone_in_memory(&memory, &self.memory(origin).unwrap());
        }
        let url = format!("file://{}", self.path(origin).to_str().unwrap());
        let mut args = vec!["clone", "-q"];
        args.extend(options);
        args.extend([url.as_str(), name]);
        self.run(self.root.path(), &args);
        self.open(name)
    }

    pub fn open(&self, name: &str) -> Repo {
        if let Some(memory) = self.memory(name) {
            return memory.open();
        }
        let repo = Repo::open_sealed(&self.path(name)).unwrap();
        // This process still sees the machine's configuration: what counts is set here.
        self.git(&repo, &["config", "core.excludesFile", "/dev/null"]);
        self.git(&repo, &["config", "commit.gpgSign", "false"]);
        Repo::open_sealed(&self.path(name)).unwrap()
    }

    /// Write files and commit everything.
    pub fn commit(&self, repo: &Repo, files: &[(&str, &str)]) -> String {
        if repo.opened.memory().is_some() {
            return commit_in_memory(repo, files);
        }
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
        if let Some(memory) = repo.opened.memory() {
            return self.git_in_memory(memory, args);
        }
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
            let refs = if refs == MEMORY { "files" } else { refs };
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

/// Repositories in memory.
impl Sandbox {
    /// A new one, where that is what the sandbox is for.
    fn new_memory(&self, name: &str) -> Option<Memory> {
        let (objects, _) = self.format.filter(|(_, refs)| *refs == MEMORY)?;
        let format = match objects {
            "sha256" => IdFormat::Sha256,
            _ => IdFormat::Sha1,
        };
        let memory = Memory::new(format);
        let mut memories = self.memories.lock().unwrap();
        memories.insert(name.to_owned(), memory.clone());
        Some(memory)
    }

    fn memory(&self, name: &str) -> Option<Memory> {
        self.memories.lock().unwrap().get(name).cloned()
    }

    /// How another thread opens a repository.
    pub fn opener(&self, name: &str) -> impl Fn() -> Repo + Send + use<> {
        let (memory, path) = (self.memory(name), self.path(name));
        move || match &memory {
            Some(memory) => memory.open(),
            None => Repo::open_sealed(&path).unwrap(),
        }
    }

    /// Run git on a copy on the disk, with copies of its remotes, and take over what has changed.
    fn git_in_memory(&self, memory: &Memory, args: &[&str]) -> String {
        let folder = TempDir::new_in(self.root.path()).unwrap();
        let mut remotes = vec![];
        let copy = self.copied(memory, folder.path(), "here");
        for (name, remote) in memory.remotes() {
            let place = self.copied(&remote, folder.path(), &name);
            let url = format!("file://{}", place.display());
            self.run(&copy, &["remote", "add", &name, &url]);
            remotes.push((remote, place));
        }
        let said = self.run(&copy, args);
        for (memory, place) in remotes.into_iter().chain([(memory.clone(), copy)]) {
            self.take_back(&memory, &place);
        }
        said
    }

    /// A copy of a repository in memory.
    fn copied(&self, memory: &Memory, below: &Path, name: &str) -> PathBuf {
        let place = below.join(name);
        self.run(below, &["init", "-q", "-b", "main", name]);
        self.run(&place, &["config", "receive.denyCurrentBranch", "ignore"]);
        let repo = Repo::open_sealed(&place).unwrap();
        let (objects, refs) = memory.all();
        for (kind, bytes) in objects {
            repo.write(kind, &bytes).unwrap();
        }
        for (name, target) in refs {
            match target {
                refs::Target::Id(id) if name == "HEAD" => {
                    self.run(&place, &["update-ref", "--no-deref", "HEAD", &id])
                }
                refs::Target::Id(id) => self.run(&place, &["update-ref", &name, &id]),
                refs::Target::Symbolic(to) => self.run(&place, &["symbolic-ref", &name, &to]),
            };
        }
        if self.succeeds(&place, &["rev-parse", "-q", "--verify", "HEAD"]) {
            self.run(&place, &["reset", "-q", "--hard"]);
        }
        place
    }

    fn succeeds(&self, directory: &Path, args: &[&str]) -> bool {
        let run = Command::new("git")
            .args(args)
            .current_dir(directory)
            .output();
        run.unwrap().status.success()
    }

    /// Have a repository in memory hold what a copy of it has become.
    fn take_back(&self, memory: &Memory, place: &Path) {
        let repo = Repo::open_sealed(place).unwrap();
        let check = "--batch-check=%(objectname)";
        let ids = self.run(place, &["cat-file", "--batch-all-objects", check]);
        for id in ids.lines().map(|id| super::id::parse_id(id).unwrap()) {
            let (_, kind) = repo.header(id).unwrap().unwrap();
            let bytes = repo.objects().unwrap().whole(id, kind).unwrap();
            assert_eq!(memory.write(kind, &bytes).unwrap(), id);
        }
        let mut found = BTreeMap::new();
        let lines = self.run(place, &["for-each-ref", "--format=%(refname)"]);
        for name in lines.lines().chain(["HEAD"]) {
            found.extend(
                refs::target(&repo, name)
                    .unwrap()
                    .map(|to| (name.to_owned(), to)),
            );
        }
        memory.set_refs(found);
    }
}

/// A clone as Git makes it: with the remote's branches, and its default branch.
fn clone_in_memory(memory: &Memory, origin: &Memory) -> Repo {
    memory.add_remote("origin", origin);
    let repo = memory.open();
    let branches = origin.open().local_branches().unwrap();
    let tips: Vec<String> = branches.values().cloned().collect();
    remote::fetch(&repo, "origin", &tips, false).unwrap();
    for (name, id) in &branches {
        let name = format!("refs/remotes/origin/{name}");
        refs::compare_and_swap(&repo, &name, None, id, "clone").unwrap();
    }
    if let Some(main) = branches.get("main") {
        refs::compare_and_swap(&repo, "refs/heads/main", None, main, "clone").unwrap();
    }
    repo
}

/// A commit on the branch of HEAD.
fn commit_in_memory(repo: &Repo, files: &[(&str, &str)]) -> String {
    let before = repo.head().unwrap().commit().map(str::to_owned);
    let files = files.iter();
    let files = files.map(|(path, text)| ((*path).to_owned(), Some(text.as_bytes().to_vec())));
    let files: Vec<_> = files.collect();
    let by = (time(0), &identity());
    let id = branch::commit_on(repo, before.as_deref(), &files, "x", by).unwrap();
    let Some(refs::Target::Symbolic(name)) = refs::target(repo, "HEAD").unwrap() else {
        panic!("HEAD is on no branch");
    };
    refs::compare_and_swap(repo, &name, before.as_deref(), &id, "x").unwrap();
    id
}
