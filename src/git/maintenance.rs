//! Housekeeping, as Git itself does it after it has written: only where it is worth it, and where it is wanted.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Repo;
use super::program::Program;

/// The setting that switches it off for what this program writes.
pub const SETTING: &str = "planspec.maintenance";
/// How git is told that an option is unknown to it.
const UNKNOWN_OPTION: i32 = 129;
/// From so many files and packs on Git packs them, where the configuration says nothing.
const FILES: usize = 6700;
const PACKS: usize = 50;
/// One process need not ask more often: what is written in between is little.
const SELDOM: Duration = Duration::from_secs(60);

/// Let Git see whether there is something to tidy up, and do it when nobody waits for it. What goes wrong is a line in the log.
pub fn run(repo: &Repo) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    if let Ok(mut last) = LAST.lock() {
        if last.is_some_and(|last| last.elapsed() < SELDOM) {
            return;
        }
        *last = Some(Instant::now());
    }
    let is_off = |key: &str| repo.config_bool(key) == Some(false);
    if is_off(SETTING) || is_off("maintenance.auto") || !may_be_due(repo) {
        return;
    }
    // As Git decides it for what it does itself.
    let detach = ["maintenance.autoDetach", "gc.autoDetach"];
    let detach = detach.iter().find_map(|key| repo.config_bool(key));
    let detach = if detach == Some(false) {
        "--no-detach"
    } else {
        "--detach"
    };
    let tidied = maintain(repo, &[detach]).map(|code| match code {
        // Before Git 2.47 one of its tasks does that by itself.
        UNKNOWN_OPTION => maintain(repo, &[]),
        code => Ok(code),
    });
    match tidied {
        Ok(Ok(0)) => {}
        Ok(Ok(code)) => tracing::debug!(code, "git maintenance"),
        Ok(Err(error)) | Err(error) => tracing::debug!(%error, "git maintenance"),
    }
}

/// Whether there may be something to do: to ask Git costs a process. Whoever configures its tasks has them asked.
fn may_be_due(repo: &Repo) -> bool {
    if repo.has_config(r"^maintenance\..*\.(enabled|auto)$") {
        return true;
    }
    let limit = |key: &str, usual: usize| {
        let set = repo
            .config(key)
            .and_then(|text| text.trim().parse::<i64>().ok());
        set.map_or(usual, |limit| usize::try_from(limit).unwrap_or_default())
    };
    let (files, packs) = (limit("gc.auto", FILES), limit("gc.autoPackLimit", PACKS));
    let objects = repo.common_dir().join("objects");
    let count = |folder: &str, is_meant: &dyn Fn(&str) -> bool| {
        let entries = std::fs::read_dir(objects.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter(|entry| entry.file_name().to_str().is_some_and(is_meant))
            .count()
    };
    // As Git does it: ids are spread evenly, so that one folder in 256 stands for all.
    let many_files = || count("17", &|_| true) > files.div_ceil(256);
    let many_packs = || packs > 0 && count("pack", &|name| name.ends_with(".pack")) > packs;
    files > 0 && (many_files() || many_packs())
}

fn maintain(repo: &Repo, options: &[&str]) -> super::Result<i32> {
    let ran = Program::new(repo, "maintenance")
        .args(["run", "--auto", "--quiet"])
        .args(options)
        .run()?;
    Ok(ran.code)
}
