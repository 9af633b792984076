//! Blobs and trees on their way into the repository: few as a file each, many as one pack, since to
//! create thousands of files takes longer than everything else.

use std::cell::RefCell;
use std::collections::HashSet;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use sha1_smol::Sha1;
use sha2::{Digest as _, Sha256};

use super::id::{Id, ObjectFormat};
use super::object::{Folder, ObjectKind, tree_bytes};
use super::{GitError, Repo, Result};

/// From so many objects on they become a pack, where the configuration says nothing: as when Git receives them.
const MANY: usize = 100;
/// Where it says it.
const UNPACK_LIMIT: &str = "transfer.unpackLimit";
/// As for files of their own: the texts are small, and Git packs them anew one day.
const LEVEL: i32 = 1;
/// For a zlib header.
const WINDOW_BITS: i32 = 15;

/// Where blobs and trees go.
pub(super) struct Sink<'r> {
    repo: &'r Repo,
    many: usize,
    held: RefCell<Held>,
}

/// What is not in the repository yet.
#[derive(Default)]
struct Held {
    /// So few that each may become a file.
    few: Vec<(ObjectKind, Vec<u8>)>,
    /// Those of all.
    ids: HashSet<Id>,
    pack: Option<Pack>,
}

impl<'r> Sink<'r> {
    pub fn new(repo: &'r Repo) -> Sink<'r> {
        let limit = repo.config(UNPACK_LIMIT);
        // In memory a pack saves nothing.
        let usual = repo.opened.memory().map_or(MANY, |_| usize::MAX);
        let limit = limit.and_then(|limit| limit.trim().parse().ok());
        Sink {
            repo,
            many: limit.filter(|limit| *limit > 0).unwrap_or(usual),
            held: RefCell::default(),
        }
    }

    pub fn blob(&self, bytes: &[u8]) -> Result<Id> {
        self.write(ObjectKind::Blob, bytes)
    }

    pub fn tree(&self, folder: &Folder) -> Result<Id> {
        self.write(ObjectKind::Tree, &tree_bytes(folder))
    }

    fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Id> {
        let without_id = || GitError::Unusable(format!("cannot tell the id of a {kind}"));
        let id = Id::of(self.repo.format(), kind, bytes).ok_or_else(without_id)?;
        let held = &mut *self.held.borrow_mut();
        if !held.ids.insert(id) {
            return Ok(id);
        }
        if held.ids.len() < self.many {
            held.few.push((kind, bytes.to_vec()));
            return Ok(id);
        }
        let few = std::mem::take(&mut held.few);
        let pack = held.pack.get_or_insert_with(Pack::default);
        for (kind, bytes) in &few {
            pack.add(*kind, bytes);
        }
        pack.add(kind, bytes);
        Ok(id)
    }

    /// All of it is in the repository when this returns.
    pub fn end(self) -> Result<()> {
        let held = self.held.into_inner();
        if let Some(pack) = held.pack {
            return self.repo.write_pack(&pack.bytes(self.repo.format()));
        }
        for (kind, bytes) in held.few {
            self.repo.write(kind, &bytes)?;
        }
        Ok(())
    }
}

/// A pack: each object whole, in the order in which they came.
#[derive(Default)]
struct Pack {
    objects: Vec<u8>,
    count: u32,
    compressor: Option<Box<CompressorOxide>>,
}

impl Pack {
    fn add(&mut self, kind: ObjectKind, bytes: &[u8]) {
        self.count += 1;
        self.head(kind, bytes.len());
        self.deflate(bytes);
    }

    /// Kind and length: four bits of the length in the first byte, seven in each that follows.
    fn head(&mut self, kind: ObjectKind, length: usize) {
        let kind: u8 = match kind {
            ObjectKind::Commit => 1,
            ObjectKind::Tree => 2,
            _ => 3,
        };
        let mut byte = (kind << 4) | (length & 0xf) as u8;
        let mut rest = length >> 4;
        while rest > 0 {
            self.objects.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.objects.push(byte);
    }

    fn deflate(&mut self, bytes: &[u8]) {
        let compressor = self.compressor.get_or_insert_with(|| {
            let flags = create_comp_flags_from_zip_params(LEVEL, WINDOW_BITS, 0);
            Box::new(CompressorOxide::new(flags))
        });
        compressor.reset();
        let mut rest = bytes;
        let mut at = self.objects.len();
        loop {
            // What cannot be compressed becomes a little longer.
            self.objects
                .resize(at + rest.len() + rest.len() / 64 + 128, 0);
            let room = &mut self.objects[at..];
            let (status, read, written) = compress(compressor, rest, room, TDEFLFlush::Finish);
            rest = &rest[read..];
            at += written;
            if status != TDEFLStatus::Okay {
                break;
            }
        }
        self.objects.truncate(at);
    }

    fn bytes(self, format: ObjectFormat) -> Vec<u8> {
        let mut pack = Vec::with_capacity(self.objects.len() + 32);
        pack.extend_from_slice(b"PACK");
        pack.extend_from_slice(&2_u32.to_be_bytes());
        pack.extend_from_slice(&self.count.to_be_bytes());
        pack.extend_from_slice(&self.objects);
        match format {
            ObjectFormat::Sha1 => pack.extend_from_slice(&Sha1::from(&pack).digest().bytes()),
            ObjectFormat::Sha256 => pack.extend_from_slice(&Sha256::digest(&pack)),
        }
        pack
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::object::FILE_MODE;
    use super::super::testing::{Sandbox, formats};
    use super::*;

    /// Texts of many lengths, easy and hard to compress.
    fn texts() -> Vec<Vec<u8>> {
        let mut noise = 1_u32;
        let mut random = move || {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            noise as u8
        };
        let mut texts: Vec<Vec<u8>> = (0..MANY).map(|n| format!("text {n}\n").into()).collect();
        for length in [0, 1, 15, 16, 2047, 2048, 70_000, 300_000] {
            texts.push(vec![b'x'; length]);
            texts.push((0..length).map(|_| random()).collect());
        }
        texts.push(texts[0].clone());
        texts
    }

    #[test]
    fn many_objects_are_one_pack_and_read_as_what_they_are() {
        for (objects, refs) in formats() {
            are_one_pack(&Sandbox::of(objects, refs));
        }
    }

    fn are_one_pack(sandbox: &Sandbox) {
        let repo = sandbox.bare("one");
        let sink = Sink::new(&repo);
        let mut folder = Folder::new();
        for (at, text) in texts().iter().enumerate() {
            folder.insert(
                format!("f{at}").into_bytes(),
                (FILE_MODE, sink.blob(text).unwrap()),
            );
        }
        let tree = sink.tree(&folder).unwrap();
        assert!(
            repo.header(tree).unwrap().is_none(),
            "not there before the end"
        );
        sink.end().unwrap();
        for (at, text) in texts().iter().enumerate() {
            let (_, id) = folder[format!("f{at}").as_bytes()];
            assert_eq!(&repo.blob_bytes(id).unwrap(), text, "text {at}");
        }
        assert_eq!(repo.tree(tree).unwrap().len(), folder.len());
        let tree = tree.to_string();
        sandbox.git(&repo, &["fsck", "--strict", "--no-dangling", &tree]);
        let counted = sandbox.git(&repo, &["count-objects", "-v"]);
        assert!(
            counted.contains("count: 0\n") && counted.contains("packs: 1\n"),
            "{counted}"
        );
    }

    #[test]
    fn few_objects_are_files_and_how_many_that_is_can_be_said() {
        for (limit, text) in [
            (None, "99 objects"),
            (Some("50"), "0 objects"),
            (Some("200"), "99 objects"),
        ] {
            let sandbox = Sandbox::new();
            let repo = sandbox.bare("one");
            if let Some(limit) = limit {
                sandbox.git(&repo, &["config", UNPACK_LIMIT, limit]);
            }
            let repo = sandbox.open("one");
            let sink = Sink::new(&repo);
            for n in 1..MANY {
                sink.blob(format!("{n}").as_bytes()).unwrap();
                // The same once more is no more.
                sink.blob(b"1").unwrap();
            }
            sink.end().unwrap();
            let counted = sandbox.git(&repo, &["count-objects"]);
            assert!(counted.starts_with(text), "{limit:?}: {counted}");
        }
    }
}
