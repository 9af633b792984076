//! Two versions of a file, as a patch.

use super::{GitError, Result};

/// What differs, as `git diff` shows it.
///
/// # Errors
/// libgit2 cannot compare them.
pub fn unified(path: &str, before: &[u8], after: &[u8]) -> Result<String> {
    let name = std::path::Path::new(path.trim_start_matches('/'));
    let patch = git2::Patch::from_buffers(before, Some(name), after, Some(name), None);
    let text = patch.and_then(|mut patch| patch.to_buf());
    let text =
        text.map_err(|error| GitError::Unusable(format!("`{path}` cannot be compared: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
