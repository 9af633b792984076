//! The board as files.

use std::path::PathBuf;

use crate::api::board::BoardWritten;
use crate::git::folder::FilledFolder;
use crate::service::Result;
use crate::service::store::Store;

/// Where the board is written to, and which files it has.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The folder.
    pub out: PathBuf,
    /// The files, from there.
    pub paths: Vec<String>,
}

/// The folder of a board that is being written.
#[derive(Debug)]
pub struct BoardFolder {
    folder: FilledFolder,
    answer: BoardWritten,
}

impl BoardFolder {
    /// Begin to write.
    ///
    /// # Errors
    /// The folder holds what planspec did not write, or it cannot be used.
    pub fn open(store: &Store, request: WriteRequest) -> Result<BoardFolder> {
        let view = store.known_if_any()?;
        let head = store.repo.head()?;
        let mut folder = FilledFolder::open(&request.out)?;
        let files = request.paths.len();
        folder.announce(request.paths)?;
        Ok(BoardFolder {
            folder,
            answer: BoardWritten {
                out: request.out.display().to_string(),
                status_commit: view.and_then(|view| view.status_tip),
                spec_commit: head.commit().unwrap_or_default().to_owned(),
                files,
                written: Vec::new(),
                removed: Vec::new(),
                notes: Vec::new(),
            },
        })
    }

    /// Write a file, unless it stands there just so.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&mut self, path: &str, text: &str) -> Result {
        Ok(self.folder.put(path, text.as_bytes())?)
    }

    /// Something to say besides.
    pub fn note(&mut self, note: String) {
        self.answer.notes.push(note);
    }

    /// Take away what is no longer there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn finish(self) -> Result<BoardWritten> {
        let (written, removed) = self.folder.finish()?;
        Ok(BoardWritten {
            written,
            removed,
            ..self.answer
        })
    }
}
