//! Globs over paths of a repository.

use globset::{Glob, GlobBuilder};

/// A glob over paths from the repository's root: `*` stays within one folder, `**` does not,
/// `{a,b}` is either.
///
/// # Errors
/// It is no glob.
pub fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}
