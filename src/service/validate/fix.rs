//! Applies the fixes of findings: the certain ones, or also the likely ones.

use std::path::{Path, PathBuf};

use super::{Subject, ValidateRequest};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::meant::{self, Confidence};
use crate::git::{difference, files};
use crate::service::{Error, Result, revision};

/// A fixed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its path.
    pub path: String,
    /// The changes, as a patch.
    pub patch: String,
}

/// Fixes the requested files, in the work tree or elsewhere. Each is written atomically.
///
/// # Errors
/// The repository cannot be used; a requested file does not exist, or cannot be written.
pub fn fix(request: &ValidateRequest, confidence: Confidence) -> Result<Vec<Fixed>> {
    let subject = Subject::read(request)?;
    let config = &subject.config;
    let found = match (&subject.repo, request.named.is_empty()) {
        (Some(repo), true) => revision::files(repo, subject.tree(), config)?,
        _ => subject.named.clone(),
    };
    let mut fixed = Vec::new();
    for file in found {
        let Content::Bytes(bytes) = &file.content else {
            continue;
        };
        let meant = meant::of(&file, config, confidence);
        let Some(meant) = meant.filter(|meant| meant.text.as_bytes() != &**bytes) else {
            continue;
        };
        let place = place(&subject, &file)?;
        files::replace(&place, meant.text.as_bytes())?;
        fixed.push(Fixed {
            patch: difference::unified(&file.path, bytes, meant.text.as_bytes())?,
            path: file.path,
        });
    }
    Ok(fixed)
}

fn place(subject: &Subject, file: &SourceFile) -> Result<PathBuf> {
    if file.path == files::STDIN {
        return Err(Error::ambiguous("standard input cannot be fixed").hint("name a file"));
    }
    let root = subject.repo.as_ref().and_then(|repo| repo.workdir());
    let inside = root.map(|root| root.join(&file.path));
    Ok(inside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| Path::new(&file.path).to_owned()))
}
