//! Put files right as their findings say: what is certain, or what is likely as well.

use std::path::{Path, PathBuf};

use super::{Subject, ValidateRequest};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::meant::{self, Confidence};
use crate::git::{difference, files};
use crate::service::{Error, Result, revision};

/// A file that was put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its path.
    pub path: String,
    /// What became of it, as a patch.
    pub patch: String,
}

/// Put the files right that are asked about, in the work tree or wherever they were named. Each is written whole or not at all.
///
/// # Errors
/// The repository cannot be used; a file that was named is not there, or cannot be written.
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
