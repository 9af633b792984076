//! As the pre-commit framework asks: it does not say for what, so that follows from what it hands over.

use super::{ValidateRequest, Validated, validate, validate_staged};
use crate::git::Repo;
use crate::git::read::changed_in_index;
use crate::service::Result;

/// What the framework hands over.
#[derive(Debug, Clone, Default)]
pub struct Framework {
    /// The files that it names, from the root of the repository: those that are staged, or all.
    pub files: Vec<String>,
    /// Between which revisions, where it was asked with `--from-ref` and `--to-ref` or before a push.
    pub range: Option<(String, String)>,
}

/// Check what the framework was asked for: a revision as it is and what changes since another one; everything, where a file is
/// named that is not staged (`--all-files`, `--files`); else what is staged.
///
/// # Errors
/// As [`validate`] and [`validate_staged`].
pub fn validate_as_asked(request: &ValidateRequest, asked: &Framework) -> Result<Validated> {
    if let Some((from, to)) = &asked.range {
        return validate(&ValidateRequest {
            base: Some(from.clone()),
            revision: Some(to.clone()),
            ..request.clone()
        });
    }
    let repo = Repo::open(request.dir.as_deref())?;
    let head = repo.head()?.commit().map(str::to_owned);
    let staged = changed_in_index(&repo, head.as_deref())?;
    let is_staged = |file: &String| staged.iter().any(|changed| changed.path == *file);
    if asked.files.iter().all(is_staged) {
        validate_staged(request)
    } else {
        validate(request)
    }
}
