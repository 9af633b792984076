//! A repository as it is opened: by libgit2, or, where that cannot read how its refs are stored, by the `git` program; or one in
//! memory.
//!
//! libgit2 reads objects of either id length, and refs that are files. Of a repository with a reftable, or with an extension that it
//! does not know, it only gets to see the objects: `git` says where they are, what is configured and where refs point.

use std::path::{Path, PathBuf};

use git2::{Config, ErrorClass, ErrorCode, Odb, Repository};

use super::id::ObjectFormat;
use super::memory::Memory;
use super::object::unusable;
use super::program::{Launch, Output, Program};
use super::{GitError, Result};

/// Who reads a repository.
pub(super) enum Opened {
    /// libgit2 reads all of it.
    ByLibgit2(Repository),
    /// libgit2 reads its objects, and `git` the rest.
    ByGit(ByGit),
    /// It is in memory.
    InMemory(Memory),
}

/// What `git` says of a repository.
pub(super) struct ByGit {
    work_tree: Option<PathBuf>,
    git_dir: PathBuf,
    common_dir: PathBuf,
    format: ObjectFormat,
    objects: Odb<'static>,
}

/// The objects of a repository.
pub(super) enum Database<'r> {
    Of(Odb<'r>),
    Alone(&'r Odb<'static>),
    InMemory(&'r Memory),
}

impl<'r> Database<'r> {
    /// The same where libgit2 reads it.
    pub fn libgit2(&self) -> Option<&Odb<'r>> {
        match self {
            Database::Of(odb) => Some(odb),
            Database::Alone(odb) => Some(odb),
            Database::InMemory(_) => None,
        }
    }

    /// The same where it is in memory.
    pub fn memory(&self) -> Option<&'r Memory> {
        match self {
            Database::InMemory(memory) => Some(memory),
            Database::Of(_) | Database::Alone(_) => None,
        }
    }
}

impl Opened {
    /// The repository that libgit2 has opened, or, where it cannot read its format, that `git` finds as `launch` runs it.
    ///
    /// # Errors
    /// `NotARepository`; `Unusable` when neither can read it, or it is somebody else's.
    pub fn of(
        opened: std::result::Result<Repository, git2::Error>,
        dir: Option<&Path>,
        launch: impl FnOnce() -> Launch,
    ) -> Result<Opened> {
        match opened {
            Ok(git) => Ok(Opened::ByLibgit2(git)),
            Err(error) if is_unreadable_format(&error) => {
                let found = ByGit::find(&launch(), |why| cannot_read(dir, &error, why))?;
                Ok(Opened::ByGit(found))
            }
            Err(error) => Err(cannot_open(dir, &error)),
        }
    }

    /// The same where libgit2 reads its refs and its configuration.
    pub fn libgit2(&self) -> Option<&Repository> {
        match self {
            Opened::ByLibgit2(git) => Some(git),
            Opened::ByGit(_) | Opened::InMemory(_) => None,
        }
    }

    /// The same where it is in memory.
    pub fn memory(&self) -> Option<&Memory> {
        match self {
            Opened::InMemory(memory) => Some(memory),
            Opened::ByLibgit2(_) | Opened::ByGit(_) => None,
        }
    }

    /// The root of the work tree, where there is one.
    pub fn work_tree(&self) -> Option<&Path> {
        match self {
            Opened::ByLibgit2(git) => git.workdir(),
            Opened::ByGit(by_git) => by_git.work_tree.as_deref(),
            Opened::InMemory(_) => None,
        }
    }

    /// The Git directory of the work tree.
    pub fn git_dir(&self) -> &Path {
        match self {
            Opened::ByLibgit2(git) => git.path(),
            Opened::ByGit(by_git) => &by_git.git_dir,
            Opened::InMemory(memory) => memory.folder(),
        }
    }

    /// The Git directory that all work trees share.
    pub fn common_dir(&self) -> &Path {
        match self {
            Opened::ByLibgit2(git) => git.commondir(),
            Opened::ByGit(by_git) => &by_git.common_dir,
            Opened::InMemory(memory) => memory.folder(),
        }
    }

    /// How long its ids are.
    pub fn format(&self) -> ObjectFormat {
        match self {
            Opened::ByLibgit2(git) => git.object_format(),
            Opened::ByGit(by_git) => by_git.format,
            Opened::InMemory(memory) => memory.format(),
        }
    }

    /// Its objects.
    ///
    /// # Errors
    /// `Unusable` when they cannot be opened.
    pub fn database(&self) -> Result<Database<'_>> {
        match self {
            Opened::ByLibgit2(git) => git
                .odb()
                .map(Database::Of)
                .map_err(unusable("open the object store")),
            Opened::ByGit(by_git) => Ok(Database::Alone(&by_git.objects)),
            Opened::InMemory(memory) => Ok(Database::InMemory(memory)),
        }
    }
}

impl ByGit {
    /// The repository that `git` finds.
    fn find(launch: &Launch, failed: impl Fn(String) -> GitError) -> Result<ByGit> {
        // The last question has no answer in a bare repository; those before it are answered all the same.
        let answer = Program::at(launch, "rev-parse")
            .args(["--path-format=absolute", "--git-dir", "--git-common-dir"])
            .args(["--show-object-format", "--show-toplevel"])
            .run()?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let mut lines = text.lines();
        let (Some(git_dir), Some(common_dir), Some(format)) =
            (lines.next(), lines.next(), lines.next())
        else {
            return Err(failed(complaint(&answer)));
        };
        let format = match format {
            "sha1" => ObjectFormat::Sha1,
            "sha256" => ObjectFormat::Sha256,
            other => return Err(failed(format!("its ids are of the kind `{other}`"))),
        };
        Ok(ByGit {
            work_tree: lines.next().map(PathBuf::from),
            git_dir: PathBuf::from(git_dir),
            objects: objects_in(Path::new(common_dir), format)?,
            common_dir: PathBuf::from(common_dir),
            format,
        })
    }
}

/// What an answer says about why it is none.
fn complaint(answer: &Output) -> String {
    if answer.success() {
        return "`git rev-parse` does not say where it is".to_owned();
    }
    // The first line alone may end in a colon.
    answer.complaint().replace('\n', " ")
}

/// The objects of a repository, without the repository.
fn objects_in(common_dir: &Path, format: ObjectFormat) -> Result<Odb<'static>> {
    let failed = || unusable("open the object store");
    let folder = common_dir.join("objects");
    let Some(path) = folder.to_str() else {
        let folder = folder.display();
        return Err(GitError::Unusable(format!(
            "`{folder}`: the path of a repository with a reftable must be UTF-8"
        )));
    };
    let objects = Odb::new_ext(format).map_err(failed())?;
    objects.add_disk_alternate(path).map_err(failed())?;
    Ok(objects)
}

/// Git's configuration, as it is at one moment or as it stands in the files.
pub(super) enum Settings {
    /// As libgit2 reads it.
    OfLibgit2(Config),
    /// As `git` lists it: keys as Git normalises them, and their values, in the order in which they are read.
    Listed(Vec<(String, Option<String>)>),
}

impl Settings {
    /// As it is now.
    ///
    /// # Errors
    /// `Unusable` when it cannot be read.
    pub fn now(opened: &Opened, launch: &Launch) -> Result<Settings> {
        match opened {
            Opened::ByLibgit2(git) => git
                .config()
                .map(Settings::OfLibgit2)
                .map_err(unusable("read the Git configuration")),
            Opened::ByGit(_) => Settings::listed(launch),
            Opened::InMemory(memory) => Ok(Settings::Listed(memory.config())),
        }
    }

    /// As it is at this moment, however it changes: libgit2 asks the system about each file whenever a value is read.
    pub fn at_this_moment(opened: &Opened, launch: &Launch) -> Result<Settings> {
        match Settings::now(opened, launch)? {
            Settings::OfLibgit2(mut live) => live
                .snapshot()
                .map(Settings::OfLibgit2)
                .map_err(unusable("read the Git configuration")),
            listed => Ok(listed),
        }
    }

    fn listed(launch: &Launch) -> Result<Settings> {
        let listed = Program::at(launch, "config")
            .args(["--list", "-z", "--includes"])
            .run()?
            .or_cannot("read the Git configuration")?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let entries = text.split_terminator('\0');
        let entries = entries.map(|entry| match entry.split_once('\n') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (entry.to_owned(), None),
        });
        Ok(Settings::Listed(entries.collect()))
    }

    /// The last value of a key.
    pub fn get(&self, key: &str) -> Option<String> {
        match self {
            Settings::OfLibgit2(config) => config.get_string(key).ok(),
            Settings::Listed(_) => self.all(key).pop(),
        }
    }

    /// The same where it is yes or no.
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        match self {
            Settings::OfLibgit2(config) => config.get_bool(key).ok(),
            Settings::Listed(entries) => {
                let key = normal(key);
                let last = entries.iter().rfind(|(name, _)| *name == key)?;
                match &last.1 {
                    None => Some(true),
                    Some(value) => Config::parse_bool(value.as_str()).ok(),
                }
            }
        }
    }

    /// All values of a key, in the order in which Git reads them.
    pub fn all(&self, key: &str) -> Vec<String> {
        let mut values = Vec::new();
        match self {
            Settings::OfLibgit2(config) => {
                if let Ok(entries) = config.multivar(key, None) {
                    // One that is no text is passed over, as by `get`.
                    let _ = entries
                        .for_each(|entry| values.extend(entry.value().ok().map(str::to_owned)));
                }
            }
            Settings::Listed(entries) => {
                let key = normal(key);
                let of = entries.iter().filter(|(name, _)| *name == key);
                values.extend(of.filter_map(|(_, value)| value.clone()));
            }
        }
        values
    }

    /// Keys that match a regular expression, each with its value where that is a text.
    ///
    /// # Errors
    /// `Unusable` when the configuration cannot be read.
    pub fn like(&self, pattern: &str) -> Result<Vec<(String, Option<String>)>> {
        let failed = || unusable("read the Git configuration");
        match self {
            Settings::OfLibgit2(config) => {
                let mut entries = config.entries(Some(pattern)).map_err(failed())?;
                let mut found = Vec::new();
                while let Some(entry) = entries.next() {
                    let entry = entry.map_err(failed())?;
                    let Ok(name) = entry.name() else { continue };
                    let value = entry.value().ok().map(str::to_owned);
                    found.push((name.to_owned(), value));
                }
                Ok(found)
            }
            Settings::Listed(entries) => {
                let pattern = regex::Regex::new(pattern).map_err(|error| {
                    GitError::Unusable(format!("cannot look for `{pattern}`: {error}"))
                })?;
                let found = entries.iter().filter(|(name, _)| pattern.is_match(name));
                Ok(found.cloned().collect())
            }
        }
    }
}

/// A key as Git compares it: section and name in small letters, what stands between them as it is.
fn normal(key: &str) -> String {
    let (Some(first), Some(last)) = (key.find('.'), key.rfind('.')) else {
        return key.to_ascii_lowercase();
    };
    let (section, rest) = key.split_at(first);
    let (between, name) = rest.split_at(last - first);
    [
        &section.to_ascii_lowercase(),
        between,
        &name.to_ascii_lowercase(),
    ]
    .concat()
}

fn cannot_open(dir: Option<&Path>, error: &git2::Error) -> GitError {
    let place = place(dir);
    let reason = error.message();
    if let Some(dir) = dir.filter(|dir| !dir.is_dir()) {
        let dir = dir.display();
        return GitError::NoFile(format!("`{dir}`: there is no such folder"));
    }
    match error.code() {
        ErrorCode::NotFound => {
            GitError::NotARepository(format!("{place} is not inside a Git repository"))
        }
        ErrorCode::Owner => GitError::Unusable(format!(
            "the Git repository around {place} belongs to another user"
        ))
        .advise("trust it with `git config --global --add safe.directory FOLDER`"),
        _ => GitError::Unusable(format!(
            "cannot open the Git repository around {place}: {reason}"
        )),
    }
}

/// That neither of them reads it.
fn cannot_read(dir: Option<&Path>, error: &git2::Error, by_git: String) -> GitError {
    let place = place(dir);
    let reason = error.message();
    GitError::Unusable(format!(
        "the Git repository around {place} has a format that is not read here ({reason}), and not by the `git` program either: {by_git}"
    ))
    .advise("a newer version of Git may read it: `git --version`")
}

fn place(dir: Option<&Path>) -> String {
    match dir {
        Some(dir) => format!("`{}`", dir.display()),
        None => "the current folder".to_owned(),
    }
}

fn is_unreadable_format(error: &git2::Error) -> bool {
    let words = ["extension", "object format", "repository version"];
    error.class() == ErrorClass::Repository
        && words.iter().any(|word| error.message().contains(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::Repo;
    use crate::git::testing::Sandbox;

    #[test]
    fn a_format_that_nobody_reads_is_named() {
        let sandbox = Sandbox::new();
        for (extension, value) in [("objectformat", "sha512"), ("refstorage", "papyrus")] {
            let repo = sandbox.repo(extension);
            // Written by hand: no Git writes it.
            let config = repo.common_dir().join("config");
            let text = std::fs::read_to_string(&config).unwrap();
            let text = text.replace("repositoryformatversion = 0", "repositoryformatversion = 1");
            let text = format!("{text}[extensions]\n\t{extension} = {value}\n");
            std::fs::write(&config, text).unwrap();
            let error = Repo::open_sealed(&sandbox.path(extension)).unwrap_err();
            assert!(matches!(error, GitError::Advised { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(value) || text.contains(extension), "{text}");
            assert!(text.contains("`git` program"), "{text}");
        }
    }

    #[test]
    fn keys_are_compared_as_git_compares_them() {
        let table = [
            ("user.Name", "user.name"),
            ("Remote.Origin.URL", "remote.Origin.url"),
            ("url.https://A.b/.insteadOf", "url.https://A.b/.insteadof"),
            ("odd", "odd"),
        ];
        for (given, expected) in table {
            assert_eq!(normal(given), expected);
        }
    }

    #[test]
    fn both_read_the_same_configuration() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        for (key, value) in [
            ("planspec.timeout", "5s"),
            ("remote.Ana.url", "https://example.com/a.git"),
            ("remote.Ana.pushurl", "b"),
            ("filter.lfs.clean", "git-lfs clean -- %f"),
            ("some.flag", "yes"),
            ("some.number", "0"),
        ] {
            sandbox.git(&repo, &["config", key, value]);
        }
        sandbox.git(&repo, &["config", "--add", "some.flag", "off"]);
        let file = repo.common_dir().join("config");
        let text = std::fs::read_to_string(&file).unwrap() + "[some]\n\tbare\n";
        std::fs::write(&file, text).unwrap();
        let by_libgit2 = Settings::now(&repo.opened, &repo.launch).unwrap();
        let by_git = Settings::listed(&repo.launch).unwrap();
        for key in [
            "planspec.TIMEOUT",
            "remote.Ana.url",
            "remote.ana.url",
            "some.flag",
            "no.key",
        ] {
            assert_eq!(by_libgit2.get(key), by_git.get(key), "{key}");
            assert_eq!(by_libgit2.all(key), by_git.all(key), "{key}");
        }
        for key in [
            "some.flag",
            "some.number",
            "some.bare",
            "core.bare",
            "no.key",
        ] {
            assert_eq!(by_libgit2.get_bool(key), by_git.get_bool(key), "{key}");
        }
        let pattern = r"^remote\..*\.(push)?url$";
        assert_eq!(
            by_libgit2.like(pattern).unwrap(),
            by_git.like(pattern).unwrap()
        );
    }
}
