//! Checks of the index, the caches and the hook.

use super::{Flaw, Found, Patient, put_aside, shown};
use crate::api::doctor::{CheckName, Mended};
use crate::git::hooks::{self, HookDone, HookStanding};
use crate::git::{Cache, aside, index, pages};
use crate::service::index::NAME;
use crate::service::{Result, hooks as hook};

impl Patient<'_> {
    pub(super) fn index(&self) -> Result<Found> {
        if self.repo.workdir().is_none() {
            return Ok(Found::Skipped("a bare repository has none".to_owned()));
        }
        let said = index::complaint(self.repo)?;
        let flaw = said.map(|said| {
            let first = said.lines().next().unwrap_or_default();
            let flaw = Flaw::error(format!("Git cannot read its index: {first}"));
            let does = "moves it aside and creates it again from HEAD; files do not change, and nothing is staged";
            flaw.mended(CheckName::Index, does)
        });
        Ok(Found::of(
            flaw.into_iter().collect(),
            "Git can read its index",
        ))
    }

    pub(super) fn mend_index(&self) -> Result<Vec<Mended>> {
        if self.repo.workdir().is_none() || index::complaint(self.repo)?.is_none() {
            return Ok(Vec::new());
        }
        let file = index::file_of(self.repo);
        let moved = index::make_anew(self.repo)?;
        Ok(put_aside(CheckName::Index, &[file], &moved))
    }

    pub(super) fn cache(&self) -> Result<Found> {
        let cache = Cache::new(self.repo);
        let mut flaws = Vec::new();
        if let Some(why) = cache.obstacle() {
            let flaw = Flaw::warning(format!("the cache cannot be written: {why}"));
            flaws.push(flaw.hint("everything works without it, but slower; free some space, or make the folder writable"));
        }
        if let Some(why) = pages::damage(&cache, NAME) {
            let flaw = Flaw::warning(format!("the index of resources cannot be read: {why}"));
            flaws.push(flaw.mended(
                CheckName::Cache,
                "moves it aside; it is created again when needed",
            ));
        }
        Ok(Found::of(flaws, "the cache can be read"))
    }

    pub(super) fn mend_cache(&self) -> Result<Vec<Mended>> {
        let cache = Cache::new(self.repo);
        if pages::damage(&cache, NAME).is_none() {
            return Ok(Vec::new());
        }
        let files = pages::files(&cache, NAME);
        Ok(put_aside(
            CheckName::Cache,
            &files,
            &aside::put(self.repo, &files)?,
        ))
    }

    pub(super) fn hook(&self) -> Result<Found> {
        if self.repo.workdir().is_none() {
            return Ok(Found::Skipped(
                "nobody commits in a bare repository".to_owned(),
            ));
        }
        let standing = hooks::standing(self.repo)?;
        let flaw = match &standing {
            HookStanding::Installed(_) => None,
            HookStanding::Missing(_) => {
                let flaw = Flaw::warning("no hook checks commits here");
                Some(flaw.mended(CheckName::Hook, "installs it"))
            }
            other => {
                let flaw =
                    Flaw::warning("the pre-commit hook is another one, or Git does not run it");
                Some(match hook::explain(self.repo, other) {
                    Some(why) => flaw.hint(why),
                    None => flaw,
                })
            }
        };
        Ok(Found::of(
            flaw.into_iter().collect(),
            "the hook checks commits here",
        ))
    }

    pub(super) fn mend_hook(&self) -> Result<Vec<Mended>> {
        let HookDone::Changed(means) = hooks::install(self.repo)? else {
            return Ok(Vec::new());
        };
        let place = hook::place(self.repo, &means);
        Ok(vec![Mended {
            fix: CheckName::Hook,
            message: format!("the hook is installed: {}", shown(place.as_ref())),
            undo: Some("planspec hooks uninstall".to_owned()),
        }])
    }
}
