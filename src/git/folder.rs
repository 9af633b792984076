//! A folder that the program fills: it knows what it wrote there, writes what is another than before, and takes away what
//! is no longer wanted. What anybody else put there is never touched.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{GitError, Result, unusable_file};

/// Name of the file that lists what was written: the first line says whose it is, then a path a line.
pub const MANIFEST: &str = ".planspec-board";
/// Its first line.
const TITLE: &str =
    "Written by planspec board: it overwrites and removes the files that are listed here.";
/// Most bytes of it.
const MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// A folder that is being filled.
#[derive(Debug)]
pub struct FilledFolder {
    root: PathBuf,
    before: BTreeSet<String>,
    now: BTreeSet<String>,
    /// The files that are new or others than before.
    pub written: Vec<String>,
}

impl FilledFolder {
    /// Open a folder, which is made when it is not there.
    ///
    /// # Errors
    /// It holds something that the program did not write, and no list of what it wrote; or it cannot be used.
    pub fn open(root: &Path) -> Result<FilledFolder> {
        fs::create_dir_all(root).map_err(unusable_file(format!("make `{}`", root.display())))?;
        let before = manifest(root)?;
        Ok(FilledFolder {
            root: root.to_owned(),
            before,
            now: BTreeSet::new(),
            written: Vec::new(),
        })
    }

    /// Say which files are going to be written, before the first of them is.
    ///
    /// # Errors
    /// A path leads out of the folder or through a link, something of somebody else stands there, or the list cannot be
    /// written.
    pub fn announce(&mut self, paths: impl IntoIterator<Item = String>) -> Result<()> {
        self.now.extend(paths);
        for path in &self.now {
            let place = self.place(path)?;
            let why = match place.symlink_metadata() {
                Ok(found) if !found.is_file() => "is no file",
                Ok(_) if !self.before.contains(path) => "was not written by planspec",
                _ => continue,
            };
            let why = format!("`{}` {why}", place.display());
            return Err(GitError::Unusable(why).advise("move it away, or choose another folder"));
        }
        // What stands there is known to be ours, whatever happens next.
        self.list(self.before.union(&self.now))
    }

    /// Write a file that was announced, unless it stands there just so.
    ///
    /// # Errors
    /// It was not announced, or it cannot be written.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let place = self.place(path)?;
        if !self.now.contains(path) {
            return Err(GitError::Unusable(format!("`{path}` was not announced")));
        }
        if fs::read(&place).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        let written = super::commit::write_file(&place, bytes);
        written.map_err(unusable_file(format!("write `{}`", place.display())))?;
        self.written.push(path.to_owned());
        Ok(())
    }

    /// Take away what was not written this time. Says what that was.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn finish(self) -> Result<(Vec<String>, Vec<String>)> {
        let gone: Vec<String> = self.before.difference(&self.now).cloned().collect();
        for path in &gone {
            let place = self.place(path)?;
            match fs::remove_file(&place) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(unusable_file(format!("remove `{}`", place.display()))(
                        error,
                    ));
                }
                _ => {}
            }
            // Folders in which nothing is left go too.
            let above = place.ancestors().skip(1);
            for folder in above.take_while(|above| *above != self.root) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        self.list(self.now.iter())?;
        Ok((self.written, gone))
    }

    fn list<'p>(&self, paths: impl Iterator<Item = &'p String>) -> Result<()> {
        let mut text = format!("{TITLE}\n");
        for path in paths {
            text.push_str(path);
            text.push('\n');
        }
        let place = self.root.join(MANIFEST);
        if fs::read(&place).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(());
        }
        let written = super::commit::write_file(&place, text.as_bytes());
        written.map_err(unusable_file(format!("write `{}`", place.display())))
    }

    /// Where a path stands, which leads through no link.
    fn place(&self, path: &str) -> Result<PathBuf> {
        if !is_inside(path) {
            let why = format!("`{path}` is not a path in a folder");
            return Err(GitError::Unusable(why));
        }
        let place = self.root.join(path);
        super::files::no_link_to(&self.root, &place)?;
        Ok(place)
    }
}

/// Whether a path stays in the folder that it is in.
fn is_inside(path: &str) -> bool {
    let mut parts = path.split('/');
    parts
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0', ':']))
}

/// What was written the last time; nothing in a folder in which nothing is.
fn manifest(root: &Path) -> Result<BTreeSet<String>> {
    let place = root.join(MANIFEST);
    let cannot_read = || unusable_file(format!("read `{}`", place.display()));
    match place.symlink_metadata() {
        Ok(found) if found.is_file() && found.len() <= MANIFEST_BYTES => {
            let text = fs::read_to_string(&place).map_err(cannot_read())?;
            let mut lines = text.lines();
            if lines.next() == Some(TITLE) {
                let inside = lines.filter(|path| is_inside(path));
                return Ok(inside.map(str::to_owned).collect());
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let entries = fs::read_dir(root).map_err(cannot_read())?;
            // The work tree of a branch is as empty as a folder can be there.
            let mut others =
                entries.filter(|one| one.as_ref().map_or(true, |one| one.file_name() != ".git"));
            if others.next().is_none() {
                return Ok(BTreeSet::new());
            }
        }
        _ => {}
    }
    let why = format!(
        "`{}` holds files that planspec did not write",
        root.display()
    );
    Err(GitError::Unusable(why).advise("choose an empty or new folder: --out DIR"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn fill(root: &Path, files: &[(&str, &str)]) -> Result<(Vec<String>, Vec<String>)> {
        let mut folder = FilledFolder::open(root)?;
        folder.announce(files.iter().map(|(path, _)| (*path).to_owned()))?;
        for (path, text) in files {
            folder.put(path, text.as_bytes())?;
        }
        folder.finish()
    }

    #[test]
    fn only_what_changed_is_written_and_only_what_was_written_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let root = &place.path().join("site");
        let (written, removed) = fill(root, &[("a.html", "1"), ("b/c.html", "2")]).unwrap();
        assert_eq!((written.len(), removed.len()), (2, 0));
        let modified = |path: &str| fs::metadata(root.join(path)).unwrap().modified().unwrap();
        let before = modified("a.html");
        fs::write(root.join("mine.txt"), "mine").unwrap();
        let (written, removed) = fill(root, &[("a.html", "1"), ("d.html", "3")]).unwrap();
        assert_eq!(written, ["d.html"]);
        assert_eq!(removed, ["b/c.html"]);
        assert_eq!(modified("a.html"), before);
        assert!(!root.join("b").exists());
        assert!(root.join("mine.txt").exists());
        let error = fill(root, &[("mine.txt", "theirs")]).unwrap_err();
        assert!(error.to_string().contains("was not written by planspec"));
        assert_eq!(fs::read_to_string(root.join("mine.txt")).unwrap(), "mine");
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_and_no_path_leads_out() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("x"), "x").unwrap();
        let error = FilledFolder::open(place.path()).unwrap_err().to_string();
        assert!(error.contains("planspec did not write"), "{error}");
        let root = &place.path().join("new");
        for path in [
            "../x",
            "a/../../x",
            "/etc/x",
            "a//b",
            ".planspec-board",
            "c:x",
        ] {
            let error = fill(root, &[(path, "")]).unwrap_err().to_string();
            assert!(error.contains("not a path in a folder"), "{path}: {error}");
        }
        // What a list names is not removed when it is elsewhere.
        let list = format!("{TITLE}\n../x\n/etc/hostname\nok.html\n");
        fs::write(root.join(MANIFEST), list).unwrap();
        let (_, removed) = fill(root, &[]).unwrap();
        assert_eq!(removed, ["ok.html"]);
        assert!(place.path().join("x").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (root, outside) = (&place.path().join("site"), place.path().join("outside"));
        fs::create_dir(&outside).unwrap();
        fill(root, &[("runs/a.html", "1")]).unwrap();
        fs::remove_dir_all(root.join("runs")).unwrap();
        std::os::unix::fs::symlink(&outside, root.join("runs")).unwrap();
        let error = fill(root, &[("runs/a.html", "2")]).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert!(!outside.join("a.html").exists());
    }
}
