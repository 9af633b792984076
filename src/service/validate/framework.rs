//! Validates for the pre-commit framework, which does not say what it wants: that follows from its arguments.

use super::{ValidateRequest, Validated, validate, validate_staged};
use crate::git::Repo;
use crate::git::read::changed_in_index;
use crate::service::Result;

/// The arguments of the framework.
#[derive(Debug, Clone, Default)]
pub struct Framework {
    /// The files that it names, relative to the root of the repository: the staged ones, or all.
    pub files: Vec<String>,
    /// The revisions of `--from-ref` and `--to-ref`, or of a push.
    pub range: Option<(String, String)>,
}

/// Validates what the framework was asked for: for a range, its second revision and the changes since the first one;
/// everything, if it names a file that is not staged (`--all-files`, `--files`); else staged changes.
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
