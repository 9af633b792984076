//! Files that are in the way, put aside instead of deleted: `planspec/aside/<number>/` of the common Git directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{GitError, Repo, Result, unusable_file};

/// Most folders that are kept before somebody has to clear up.
const MOST: u32 = 10_000;

/// Put files aside, each under its own name; where each is now.
///
/// # Errors
/// `Unusable` when one of them cannot be moved. Those before it are aside.
pub fn put(repo: &Repo, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folder = new_folder(&repo.common_dir().join("planspec/aside"))?;
    let mut moved = Vec::with_capacity(files.len());
    for file in files {
        let to = free_name(&folder, file);
        let failed = || unusable_file(format!("move `{}` aside", file.display()));
        fs::rename(file, &to)
            .or_else(|_| {
                // The work tree may lie on another disk.
                fs::copy(file, &to)?;
                fs::remove_file(file)
            })
            .map_err(failed())?;
        moved.push(to.components().collect());
    }
    Ok(moved)
}

fn new_folder(within: &Path) -> Result<PathBuf> {
    let failed = || unusable_file(format!("make a folder in `{}`", within.display()));
    fs::create_dir_all(within).map_err(failed())?;
    for number in 1..=MOST {
        let folder = within.join(number.to_string());
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed()(error)),
        }
    }
    let why = format!(
        "`{}` already holds {MOST} folders of files that were moved aside",
        within.display()
    );
    Err(GitError::Unusable(why).advise("delete the ones that you no longer need"))
}

/// Two files of one name get numbers.
fn free_name(folder: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let first = folder.join(&*name);
    let others = (2..).map(|number| folder.join(format!("{name}.{number}")));
    let mut names = std::iter::once(first.clone()).chain(others);
    names
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or(first)
}
