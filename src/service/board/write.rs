//! Writes the board as files.

use std::path::PathBuf;

use crate::api::board::BoardWritten;
use crate::git::folder::FilledFolder;
use crate::service::Result;
use crate::service::store::Store;

/// A request to write the board.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The folder.
    pub out: PathBuf,
    /// The paths of its files, relative to the folder.
    pub paths: Vec<String>,
}

/// The folder of a board that is being written.
#[derive(Debug)]
pub struct BoardFolder {
    folder: FilledFolder,
    answer: BoardWritten,
}

impl BoardFolder {
    /// Begins to write.
    ///
    /// # Errors
    /// The folder contains files that planspec did not write, or cannot be used.
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

    /// Writes a file, unless it has this content already.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&mut self, path: &str, text: &str) -> Result {
        Ok(self.folder.put(path, text.as_bytes())?)
    }

    /// Adds a note.
    pub fn note(&mut self, note: String) {
        self.answer.notes.push(note);
    }

    /// Removes files that are no longer needed.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn finish(self) -> Result<BoardWritten> {
        let (written, removed) = self.folder.finish()?;
        Ok(BoardWritten {
            written,
            removed,
            ..self.answer
        })
    }
}
