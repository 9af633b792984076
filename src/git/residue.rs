//! What processes of this program that were killed have left: drafts of files beside their place.

use std::fs;
use std::path::{Path, PathBuf};

use super::locks::is_alive;
use super::program::Program;
use super::{Repo, Result};

/// Files that a process which is no more was about to give their name.
///
/// # Errors
/// `Unusable` when the files of the work tree cannot be listed.
pub fn drafts(repo: &Repo) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if let Some(root) = repo.workdir() {
        let listed = Program::new(repo, "ls-files")
            .args([
                "--others",
                "--full-name",
                "-z",
                "--",
                ":(top,glob)**/.*.tmp",
            ])
            .run()?
            .or_cannot("list the files of the work tree")?;
        let names = listed.stdout.split(|byte| *byte == 0);
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        found.extend(
            names
                .filter(|name| !name.is_empty())
                .map(|name| root.join(name)),
        );
    }
    let own = [
        repo.git_dir().join("planspec"),
        repo.common_dir().join("planspec/cache"),
    ];
    for folder in own {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()));
    }
    found.retain(|file| writer(file).is_some_and(|process| !is_alive(process)));
    found.sort();
    found.dedup();
    Ok(found)
}

/// The process that writes a draft: `.<name>.<process>.tmp`, in the cache `.<process>-<number>-<name>`.
fn writer(file: &Path) -> Option<u32> {
    let name = file.file_name()?.to_str()?.strip_prefix('.')?;
    let number = match name.strip_suffix(".tmp") {
        Some(name) => name.rsplit_once('.')?.1,
        None => {
            let (process, rest) = name.split_once('-')?;
            rest.split_once('-')?.0.parse::<u64>().ok()?;
            process
        }
    };
    number.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_names_its_process() {
        for (name, process) in [
            ("a/.run.yaml.4711.tmp", Some(4711)),
            (".commit.json.17.tmp", Some(17)),
            (".17-3-idle", Some(17)),
            (".17-x-idle", None),
            ("run.yaml.4711.tmp", None),
            (".run.yaml.tmp", None),
            (".notes.0.tmp", None),
            (".gitignore", None),
        ] {
            assert_eq!(writer(Path::new(name)), process, "{name}");
        }
    }
}
