//! The pages of an index in a file of the cache, sealed one by one: an SQLite database, which brings
//! what a file of several processes needs (one writer, readers that see one moment, nothing half
//! written after a crash).
//!
//! Nothing here may decide anything: what cannot be opened, read or written is a line in the log
//! and an index that is not there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior, params,
};

use super::cache::{Cache, seal};
use super::memory::{Memory, StoredPages};
use crate::core::repository::index::{Damaged, HEADER, Pages};

/// How long to wait for another process before doing without.
const PATIENCE: Duration = Duration::from_millis(100);

/// Take what is in the log over into the file, where no other process reads it just now.
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// Bytes from which on that is worth the time.
const LONG_LOG: u64 = 2 << 20;

/// Pages of a file, and what was put since on top of them.
pub struct PageFile {
    /// Where the file is; nowhere when the cache is not to be used.
    path: Option<PathBuf>,
    /// What the pages belong to: those of something else are damaged.
    key: String,
    /// The file, as it was at the moment when it was opened.
    file: Option<Connection>,
    put: BTreeMap<u32, Arc<str>>,
    /// The repository in memory that keeps them, and the name there, where there is no file.
    memory: Option<(Memory, String)>,
    /// The pages that were read: several names are on each.
    read: RefCell<BTreeMap<u32, Arc<str>>>,
}

impl PageFile {
    /// The pages that were stored under `name` for `key`, by this very program.
    pub fn open(cache: &Cache, name: &str, key: &str) -> PageFile {
        if let Some(memory) = cache.memory() {
            return PageFile::in_memory(memory, name, key);
        }
        let path = cache.path(name);
        let file = path.as_ref().and_then(|path| {
            let opened = connect(path, OPEN).and_then(|file| {
                file.execute_batch("BEGIN")?;
                Ok(file)
            });
            logged("opened", opened)
        });
        PageFile {
            path,
            key: key.to_owned(),
            file,
            put: BTreeMap::new(),
            memory: None,
            read: RefCell::default(),
        }
    }

    fn in_memory(memory: &Memory, name: &str, key: &str) -> PageFile {
        let stored = memory.pages(name);
        let is_its_own = stored.key == key;
        PageFile {
            path: None,
            key: key.to_owned(),
            file: None,
            put: BTreeMap::new(),
            memory: Some((memory.clone(), name.to_owned())),
            read: RefCell::new(if is_its_own {
                (*stored.pages).clone()
            } else {
                BTreeMap::new()
            }),
        }
    }

    /// The same file without a page, to be written from the start.
    pub fn anew(self) -> PageFile {
        PageFile {
            file: None,
            put: BTreeMap::new(),
            read: RefCell::default(),
            ..self
        }
    }

    /// Write what was put to the file, all or nothing. Where another process has written in the
    /// meantime, its pages stay.
    pub fn store(&mut self) {
        if self.put.is_empty() {
            return;
        }
        if let Some((memory, name)) = &self.memory {
            let mut pages = self.read.borrow().clone();
            pages.extend(self.put.clone());
            let stored = StoredPages {
                key: self.key.clone(),
                pages: Arc::new(pages),
            };
            return memory.keep_pages(name, stored);
        }
        let stored = match self.file.take() {
            Some(file) => self.append(file),
            None => self.create(),
        };
        // The pages that were put are read from memory, whatever came of it.
        self.file = logged("stored", stored);
    }

    fn append(&self, mut file: Connection) -> rusqlite::Result<Connection> {
        let before = body(&file, HEADER)?;
        file.execute_batch("COMMIT")?;
        let write = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if body(&write, HEADER)? == before {
            self.insert(&write)?;
            write.commit()?;
        } else {
            drop(write);
        }
        self.empty_long_log(&file);
        file.execute_batch("BEGIN")?;
        Ok(file)
    }

    /// SQLite begins its log again in a connection that stays open after the log was taken over into the file. Ours end
    /// before that, so the log would grow for ever.
    fn empty_long_log(&self, file: &Connection) {
        let log = self.path.as_ref().map(|path| with_ending(path, "-wal"));
        let bytes = log.and_then(|log| Some(log.metadata().ok()?.len()));
        if bytes.is_some_and(|bytes| bytes > LONG_LOG) {
            let emptied = file.query_row(EMPTY_LOG, [], |_| Ok(()));
            logged("taken over from its log", emptied);
        }
    }

    fn create(&self) -> rusqlite::Result<Connection> {
        let Some(path) = &self.path else {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).ok();
        }
        self.write_anew(path).or_else(|error| {
            let harmed = [ErrorCode::NotADatabase, ErrorCode::DatabaseCorrupt];
            if !error
                .sqlite_error_code()
                .is_some_and(|code| harmed.contains(&code))
            {
                return Err(error);
            }
            for ending in ENDINGS {
                std::fs::remove_file(with_ending(path, ending)).ok();
            }
            self.write_anew(path)
        })
    }

    fn write_anew(&self, path: &Path) -> rusqlite::Result<Connection> {
        let mut file = connect(path, OPEN | OpenFlags::SQLITE_OPEN_CREATE)?;
        let write = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write.execute_batch(
            "DROP TABLE IF EXISTS page; \
             CREATE TABLE page (number INTEGER PRIMARY KEY, body TEXT NOT NULL)",
        )?;
        self.insert(&write)?;
        write.commit()?;
        // All of it went through the log.
        file.query_row(EMPTY_LOG, [], |_| Ok(()))?;
        file.execute_batch("BEGIN")?;
        Ok(file)
    }

    fn insert(&self, file: &Connection) -> rusqlite::Result<()> {
        let mut insert =
            file.prepare("INSERT OR REPLACE INTO page (number, body) VALUES (?1, ?2)")?;
        for (number, text) in &self.put {
            let sealed = format!("{}{text}", self.seal(*number, text));
            insert.execute(params![number, sealed])?;
        }
        Ok(())
    }

    fn seal(&self, number: u32, text: &str) -> String {
        seal(&format!("{number} {}", self.key), text)
    }

    fn unsealed(&self, number: u32, body: &str) -> Result<Arc<str>, Damaged> {
        let (found, text) = body.split_at_checked(SEAL).ok_or(Damaged)?;
        if found != self.seal(number, text) {
            tracing::debug!(number, "a page for something else, or damaged");
            return Err(Damaged);
        }
        let text: Arc<str> = text.into();
        self.read.borrow_mut().insert(number, Arc::clone(&text));
        Ok(text)
    }

    /// A page that was put, or read before.
    fn at_hand(&self, number: u32) -> Option<Arc<str>> {
        let put = self.put.get(&number).cloned();
        put.or_else(|| self.read.borrow().get(&number).cloned())
    }
}

/// What is wrong with the file that is stored under `name`, if there is one.
pub fn damage(cache: &Cache, name: &str) -> Option<String> {
    let path = cache.path(name).filter(|path| path.exists())?;
    let checked = connect(&path, OPEN).and_then(|file| {
        file.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    });
    match checked {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said),
        Err(error) => Some(error.to_string()),
    }
}

/// The files that are stored under `name`.
pub fn files(cache: &Cache, name: &str) -> Vec<PathBuf> {
    let paths = cache.path(name).into_iter();
    let paths = paths.flat_map(|path| ENDINGS.map(|ending| with_ending(&path, ending)));
    paths
        .filter(|path| path.symlink_metadata().is_ok())
        .collect()
}

/// What the names of the files end with.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

/// Each connection is one thread's.
const OPEN: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Bytes of a seal.
const SEAL: usize = 16;

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let file = Connection::open_with_flags(path, flags)?;
    file.busy_timeout(PATIENCE)?;
    // With a log beside the file readers need not wait, and a commit need not reach the disk: what is
    // lost with the power is lost whole.
    file.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0",
    )?;
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(file)
}

fn body(file: &Connection, number: u32) -> rusqlite::Result<Option<String>> {
    let mut find = file.prepare_cached("SELECT body FROM page WHERE number = ?1")?;
    find.query_row([number], |row| row.get(0)).optional()
}

fn logged<T>(what: &str, result: rusqlite::Result<T>) -> Option<T> {
    result
        .inspect_err(|error| tracing::debug!(%error, "the index is not {what}"))
        .ok()
}

impl Pages for PageFile {
    fn page(&self, number: u32) -> Result<Arc<str>, Damaged> {
        if let Some(text) = self.at_hand(number) {
            return Ok(text);
        }
        let file = self.file.as_ref().ok_or(Damaged)?;
        let body = logged("read", body(file, number))
            .flatten()
            .ok_or(Damaged)?;
        self.unsealed(number, &body)
    }

    fn pages(&self, numbers: Range<u32>) -> Result<Vec<Arc<str>>, Damaged> {
        let at_hand: Vec<Arc<str>> = numbers.clone().map_while(|n| self.at_hand(n)).collect();
        let Some(file) = self.file.as_ref().filter(|_| at_hand.len() < numbers.len()) else {
            // An index that was made anew needs no file, whatever has become of that.
            return numbers.map(|number| self.page(number)).collect();
        };
        let bodies = |file: &Connection| -> rusqlite::Result<BTreeMap<u32, String>> {
            let range = "SELECT number, body FROM page WHERE number >= ?1 AND number < ?2";
            let mut find = file.prepare_cached(range)?;
            let rows = find.query_map([numbers.start, numbers.end], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        };
        let bodies = logged("read", bodies(file)).ok_or(Damaged)?;
        let page = |number| match (self.at_hand(number), bodies.get(&number)) {
            (Some(text), _) => Ok(text),
            (None, Some(body)) => self.unsealed(number, body),
            (None, None) => Err(Damaged),
        };
        numbers.clone().map(page).collect()
    }

    fn put(&mut self, number: u32, text: String) {
        self.put.insert(number, text.into());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    fn cache(sandbox: &Sandbox) -> Cache {
        Cache::new(&sandbox.repo("one"))
    }

    fn stored(cache: &Cache, key: &str, pages: &[(u32, &str)]) -> PageFile {
        let mut file = PageFile::open(cache, "index", key);
        for (number, text) in pages {
            file.put(*number, (*text).to_owned());
        }
        file.store();
        file
    }

    fn read(cache: &Cache, key: &str, number: u32) -> Result<Arc<str>, Damaged> {
        PageFile::open(cache, "index", key).page(number)
    }

    fn files(cache: &Cache) -> Vec<PathBuf> {
        let path = cache.path("index").unwrap();
        let folder = std::fs::read_dir(path.parent().unwrap()).unwrap();
        folder.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_is_stored_is_read_by_the_next_for_that_key() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        assert_eq!(read(&cache, "key", 0), Err(Damaged), "there is no file yet");
        stored(&cache, "key", &[(0, "header"), (7, "")]);
        assert_eq!(read(&cache, "key", 0).as_deref(), Ok("header"));
        assert_eq!(read(&cache, "key", 7).as_deref(), Ok(""));
        assert_eq!(read(&cache, "key", 8), Err(Damaged), "never written");
        assert_eq!(read(&cache, "other", 0), Err(Damaged));
        let file = stored(&cache, "key", &[(0, "next"), (8, "more")]);
        assert_eq!(file.pages(7..9), Ok(vec!["".into(), "more".into()]));
        assert_eq!(read(&cache, "key", 0).as_deref(), Ok("next"));
    }

    #[test]
    fn for_another_key_the_file_is_written_anew() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        stored(&cache, "key", &[(0, "header"), (7, "x")]);
        let mut other = PageFile::open(&cache, "index", "other").anew();
        other.put(0, "of another".to_owned());
        other.store();
        assert_eq!(read(&cache, "other", 0).as_deref(), Ok("of another"));
        assert_eq!(read(&cache, "other", 7), Err(Damaged));
    }

    #[test]
    fn an_index_that_was_made_anew_is_read_from_memory_whatever_becomes_of_the_file() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        let file = stored(&cache, "key", &[(0, "header"), (1, "page")]);
        let other = Connection::open(cache.path("index").unwrap()).unwrap();
        other.execute_batch("DROP TABLE page").unwrap();
        let both = ["header", "page"].map(Arc::from).to_vec();
        assert_eq!(file.pages(0..2), Ok(both));
    }

    #[test]
    fn a_reader_sees_one_moment_and_of_two_writers_the_first_counts() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        stored(&cache, "key", &[(0, "one"), (7, "one")]);
        let reader = PageFile::open(&cache, "index", "key");
        assert_eq!(reader.page(0).as_deref(), Ok("one"));
        let mut late = PageFile::open(&cache, "index", "key");
        assert_eq!(late.page(0).as_deref(), Ok("one"));
        stored(&cache, "key", &[(0, "two"), (7, "two")]);
        assert_eq!(reader.page(7).as_deref(), Ok("one"));
        late.put(0, "late".to_owned());
        late.put(7, "late".to_owned());
        late.store();
        assert_eq!(
            late.page(7).as_deref(),
            Ok("late"),
            "for itself it is right"
        );
        assert_eq!(read(&cache, "key", 0).as_deref(), Ok("two"));
        assert_eq!(read(&cache, "key", 7).as_deref(), Ok("two"));
    }

    #[test]
    fn a_page_is_as_it_was_written_or_damaged_whatever_byte_is_another() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        let text = "a page of some length ".repeat(20);
        drop(stored(
            &cache,
            "key",
            &[(0, "header"), (1, &text), (2, "short")],
        ));
        let whole: Vec<(PathBuf, Vec<u8>)> = files(&cache)
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        let restore = || {
            for (path, bytes) in &whole {
                std::fs::write(path, bytes).unwrap();
            }
        };
        let mut read_all_the_same = 0;
        for (path, bytes) in &whole {
            for at in (0..bytes.len()).step_by(37) {
                restore();
                let mut harmed = bytes.clone();
                harmed[at] ^= 0x55;
                std::fs::write(path, &harmed).unwrap();
                for (number, right) in [(0, "header"), (1, text.as_str()), (2, "short")] {
                    if let Ok(found) = read(&cache, "key", number) {
                        assert_eq!(&*found, right, "byte {at} of {}", path.display());
                        read_all_the_same += 1;
                    }
                }
                restore();
                std::fs::write(path, &bytes[..at]).unwrap();
                if let Ok(found) = read(&cache, "key", 1) {
                    assert_eq!(&*found, text, "cut at {at}");
                }
            }
        }
        assert!(read_all_the_same > 0, "not every byte matters");
        // Whatever is left of it, it can be written anew.
        std::fs::write(cache.path("index").unwrap(), "no database at all").unwrap();
        let mut anew = PageFile::open(&cache, "index", "key").anew();
        anew.put(0, "anew".to_owned());
        anew.store();
        assert_eq!(read(&cache, "key", 0).as_deref(), Ok("anew"));
    }

    #[test]
    fn the_log_beside_the_file_does_not_grow_with_each_change() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        let text = "a page of some length ".repeat(150);
        stored(&cache, "key", &[(0, "header"), (1, &text)]);
        for n in 0..1_000 {
            stored(
                &cache,
                "key",
                &[(0, &format!("header {n}")), (n % 9, &text)],
            );
        }
        let log = with_ending(&cache.path("index").unwrap(), "-wal");
        let bytes = std::fs::metadata(log).unwrap().len();
        assert!(bytes < 3 << 20, "{bytes}");
    }

    #[test]
    fn a_file_that_somebody_else_holds_is_not_there_and_stays() {
        let sandbox = Sandbox::new();
        let cache = cache(&sandbox);
        drop(stored(&cache, "key", &[(0, "header")]));
        let holder = Connection::open(cache.path("index").unwrap()).unwrap();
        let hold = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
        holder.execute_batch(hold).unwrap();
        // In its own log others may still read; what they write is theirs alone.
        let mut other = PageFile::open(&cache, "index", "key");
        other.put(0, "other".to_owned());
        other.store();
        assert_eq!(other.page(0).as_deref(), Ok("other"));
        holder.execute_batch("COMMIT").unwrap();
        drop(holder);
        assert_eq!(read(&cache, "key", 0).as_deref(), Ok("header"));
    }

    #[test]
    fn a_cache_that_cannot_be_written_costs_time_alone() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        std::fs::write(repo.common_dir().join("planspec"), "in the way").unwrap();
        let mut file = PageFile::open(&Cache::new(&repo), "index", "key");
        file.put(0, "header".to_owned());
        file.store();
        assert_eq!(file.page(0).as_deref(), Ok("header"));
    }
}
