//! Files that the user names or that `init` makes: created, never overwritten.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commit::write_file;
use super::{GitError, Repo, Result, read, unusable_file};
use crate::core::base::section::{section_of, with_section};
use crate::core::base::source::{Content, SourceFile};

/// What standard input is called in messages.
pub const STDIN: &str = "<stdin>";
/// Most bytes of a file that a user names for something else than resources.
const MAX_USER_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a file had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewFile {
    /// It was not there.
    Yes,
    /// It was there and is as it was.
    Exists,
}

/// Make a file below the root of the work tree, with its folders, unless something is there.
///
/// # Errors
/// `Unusable` in a bare repository, or when it cannot be written.
pub fn create(repo: &Repo, path: &str, bytes: &[u8]) -> Result<NewFile> {
    let root = repo
        .workdir()
        .ok_or_else(|| GitError::Unusable("a bare repository has no files to write".to_owned()))?;
    let path = root.join(path);
    no_link_to(root, &path)?;
    write_new(&path, bytes, false)
}

/// What became of a file that has a section of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Created,
    /// Our section is another now, or is there.
    Updated,
    /// It is as it was.
    Kept,
}

/// Put a section of ours into a file below the root of the work tree: in the place of the one that it has, else at its end where
/// `appends`. Where there is no file, it becomes `whole`.
///
/// # Errors
/// `Unusable` in a bare repository, where the file is none of text or its marks are damaged, or when it cannot be written.
pub fn put_section(repo: &Repo, path: &str, whole: &str, appends: bool) -> Result<Put> {
    if create(repo, path, whole.as_bytes())? == NewFile::Yes {
        return Ok(Put::Created);
    }
    let refuse = |why: String| {
        GitError::Unusable(format!("`{path}` was not changed: {why}"))
            .advise("fix that, or move the file away, and try again".to_owned())
    };
    let place = repo.workdir().unwrap_or(Path::new("")).join(path);
    let is_file = place.symlink_metadata().is_ok_and(|found| found.is_file());
    if !is_file {
        return Err(refuse("it is not a regular file".to_owned()));
    }
    let text = fs::read(&place).map_err(unusable_file(format!("read `{path}`")))?;
    let text = String::from_utf8(text).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    let section = section_of(whole).unwrap_or(whole);
    if !appends && section_of(&text).is_none() {
        return Ok(Put::Kept);
    }
    let new = with_section(&text, section).map_err(refuse)?;
    if new == text {
        return Ok(Put::Kept);
    }
    write_file(&place, new.as_bytes()).map_err(cannot_write(&place))?;
    Ok(Put::Updated)
}

/// See that no symbolic link stands on the way from the root of a work tree to a file: it would lead elsewhere.
pub(super) fn no_link_to(root: &Path, path: &Path) -> Result<()> {
    let above = path.ancestors().skip(1).take_while(|above| *above != root);
    for folder in above {
        let is_link = folder
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink());
        if is_link {
            let shown = folder.strip_prefix(root).unwrap_or(folder).display();
            let why = format!("`{shown}` is a symbolic link, which is not followed for writing");
            return Err(GitError::Unusable(why).advise(format!(
                "replace it with a folder: `rm {shown} && mkdir {shown}`"
            )));
        }
    }
    Ok(())
}

/// Make a file with its folders, unless something is there.
pub(super) fn write_new(path: &Path, bytes: &[u8], executable: bool) -> Result<NewFile> {
    if path.symlink_metadata().is_ok() {
        return Ok(NewFile::Exists);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot_write(path))?;
    }
    let created = create_user_file(path, bytes)?;
    if executable && created == NewFile::Yes {
        make_executable(path).map_err(cannot_write(path))?;
    }
    Ok(created)
}

fn cannot_write(path: &Path) -> impl FnOnce(std::io::Error) -> GitError {
    unusable_file(format!("write `{}`", path.display()))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Files and folders as the user names them; `-` is standard input.
pub fn named(paths: &[PathBuf], max_bytes: usize) -> Vec<SourceFile> {
    let (input, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        paths.iter().partition(|path| path.as_os_str() == "-");
    let mut found = read::from_files(&files, max_bytes);
    if !input.is_empty() {
        found.push(standard_input(max_bytes));
    }
    found
}

fn standard_input(max_bytes: usize) -> SourceFile {
    let most = u64::try_from(max_bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    let content = match std::io::stdin().lock().take(most).read_to_end(&mut bytes) {
        Ok(read) if read > max_bytes => {
            Content::Refused(format!("it is larger than {max_bytes} bytes"))
        }
        Ok(_) => Content::Bytes(Arc::from(bytes.as_slice())),
        Err(error) => Content::Refused(format!("it cannot be read: {error}")),
    };
    SourceFile {
        path: STDIN.to_owned(),
        blob: read::blob_id(&bytes),
        content,
    }
}

/// The content of a file that the user names for something else than resources; `-` is standard
/// input.
///
/// # Errors
/// `NoFile` when it is not there, `Unusable` when it cannot be read or is larger than 16 MiB.
pub fn user_file(path: &Path) -> Result<Vec<u8>> {
    let cannot_read = || unusable_file(format!("read `{}`", path.display()));
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        check_there(path)?;
        Box::new(fs::File::open(path).map_err(cannot_read())?)
    };
    let mut bytes = Vec::new();
    let read = reader.take(MAX_USER_BYTES + 1).read_to_end(&mut bytes);
    if read.map_err(cannot_read())? as u64 <= MAX_USER_BYTES {
        return Ok(bytes);
    }
    let why = format!("it is larger than {MAX_USER_BYTES} bytes");
    Err(cannot_read()(std::io::Error::other(why)))
}

/// Whether there is something where the user says; `-` is standard input.
///
/// # Errors
/// `NoFile` when there is nothing.
pub fn check_there(path: &Path) -> Result<()> {
    let is_there = path.as_os_str() == "-" || path.symlink_metadata().is_ok();
    if is_there {
        return Ok(());
    }
    let why = format!("{}: there is no such file", path.display());
    Err(GitError::NoFile(why))
}

/// Make a folder that the user names, with those around it, unless it is there.
///
/// # Errors
/// `Unusable` when it cannot be made.
pub fn make_folder(folder: &Path) -> Result<()> {
    let cannot = super::unusable_file(format!("make `{}`", folder.display()));
    fs::create_dir_all(folder).map_err(cannot)
}

/// Write a file that the user names; what stood there is replaced.
///
/// # Errors
/// `Unusable` when it cannot be written.
pub fn write_user_file(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(cannot_write(path))
}

/// Write a file in the place of the one that is there, whole or not at all, with its permissions.
///
/// # Errors
/// `Unusable` when it cannot be written, or when a link stands there, which would lead elsewhere.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if path
        .symlink_metadata()
        .is_ok_and(|found| found.is_symlink())
    {
        let shown = path.display();
        let why = format!("`{shown}` is a symbolic link, which is not followed for writing");
        return Err(GitError::Unusable(why).advise("name the file that it points to"));
    }
    super::commit::write_file(path, bytes).map_err(cannot_write(path))
}

/// Write a file that the user names, unless it exists already.
///
/// # Errors
/// `Unusable` when it cannot be written.
pub fn create_user_file(path: &Path, bytes: &[u8]) -> Result<NewFile> {
    let mut file = match fs::File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(NewFile::Exists),
        file => file.map_err(cannot_write(path))?,
    };
    file.write_all(bytes).map_err(cannot_write(path))?;
    Ok(NewFile::Yes)
}

impl Repo {
    /// The path of a file from the root of the work tree, with `/`. `None` when it lies outside,
    /// or below `.git`.
    pub fn path_inside(&self, path: &Path) -> Option<String> {
        let root = self.workdir()?.canonicalize().ok()?;
        // The file itself may be a link; where it stands counts.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.canonicalize().ok()?,
            _ => Path::new(".").canonicalize().ok()?,
        };
        let whole = folder.join(path.file_name()?);
        let inside = whole.strip_prefix(&root).ok()?;
        let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
        let parts = parts?;
        (parts.first() != Some(&".git")).then(|| parts.join("/"))
    }

    /// A path from the root of the work tree as it is named in the folder that the repository was
    /// opened from: what commands to paste have to say.
    pub fn from_here(&self, path: &str) -> String {
        let root = self.workdir().and_then(|root| root.canonicalize().ok());
        let here = self.from.canonicalize().ok();
        let (Some(root), Some(here)) = (root, here) else {
            return path.to_owned();
        };
        let Ok(inside) = here.strip_prefix(&root) else {
            return root.join(path).display().to_string();
        };
        let (mut folders, mut rest) = (inside.iter().peekable(), path);
        // What both have in common is not left and entered again.
        while let Some((first, below)) = rest.split_once('/')
            && folders.peek().is_some_and(|folder| *folder == first)
        {
            folders.next();
            rest = below;
        }
        format!("{}{rest}", "../".repeat(folders.count()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sandbox;
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        assert_eq!(create(&repo, "a/b.txt", b"one").unwrap(), NewFile::Yes);
        assert_eq!(create(&repo, "a/b.txt", b"two").unwrap(), NewFile::Exists);
        let text = fs::read_to_string(repo.workdir().unwrap().join("a/b.txt")).unwrap();
        assert_eq!(text, "one");
    }

    #[test]
    fn paths_inside_and_outside() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        let root = repo.workdir().unwrap().to_owned();
        assert_eq!(
            repo.path_inside(&root.join("x.yaml")).as_deref(),
            Some("x.yaml")
        );
        assert_eq!(
            repo.path_inside(&root.join("../repo/x.yaml")).as_deref(),
            Some("x.yaml")
        );
        assert_eq!(repo.path_inside(&root.join("../x.yaml")), None);
        assert_eq!(repo.path_inside(&root.join(".git/config")), None);
    }
}
