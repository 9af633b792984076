//! Records in the inbox: one commit each, one file in it, a chain per ref.
//!
//! What comes from elsewhere is untrusted: its shape is checked here, before anything is linked
//! to it; what it says is judged by others. Nothing here moves a ref.

use super::id::{Id, parse_id};
use super::object::{EntryKind, FILE_MODE, Folder, NewCommit, ObjectKind, missing};

use super::{GitError, Identity, Repo, Result};
use crate::core::resource::Time;
use crate::core::run::record::{MAX_CHAIN, MAX_RECORD_BYTES, RECORD_FILE};

/// Most records that were replaced since the last one that was folded in: one each half minute for 30 days, and room.
const MAX_REPLACED: usize = 120_000;
const _: () = assert!(MAX_REPLACED >= 30 * 24 * 60 * 2 + 30_000);

/// Message of every record that is written here; nobody reads it.
const MESSAGE: &str = "planspec record";

/// What stands on one inbox ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxChain {
    /// Records of the right shape.
    Records {
        /// Commit ids and contents of `record.yaml`, oldest first, behind the known one.
        records: Vec<(String, Vec<u8>)>,
        /// Whether the known record is not part of the chain any more; then these are all records.
        rewritten: bool,
        /// The record in the chain, if there is one, that stands in the place of others: it must be a renewal.
        replacing: Option<String>,
    },
    /// Not a chain of records: must never be linked. Why, in a sentence without a full stop.
    Refused(String),
}

/// Write a record that follows `parent`. Signs nothing, moves no ref.
///
/// # Errors
/// `Unusable` when the text is larger than a record may be; `Missing` when `parent` is not here.
pub fn write_record(
    repo: &Repo,
    parent: Option<&str>,
    text: &str,
    time: Time,
    identity: &Identity,
) -> Result<String> {
    if text.len() > MAX_RECORD_BYTES {
        return Err(GitError::Unusable(format!(
            "a record of {} bytes is too large; at most {MAX_RECORD_BYTES} are accepted: shorten \
             its messages and outputs",
            text.len()
        )));
    }
    let file = (RECORD_FILE, text.as_bytes());
    let parents = parent.as_slice();
    repo.write_file_commit(file, parents, MESSAGE, (time, identity))
}

/// Take in a record that was written elsewhere, signature and all: its commit as Git stores it, and the text of its file. Moves
/// no ref.
///
/// # Errors
/// `Unusable` when the text is larger than a record may be, or the commit holds something else than this text.
pub fn take(repo: &Repo, commit: &[u8], text: &str) -> Result<String> {
    if text.len() > MAX_RECORD_BYTES || commit.len() > MAX_RECORD_BYTES {
        let why = format!("a record has at most {MAX_RECORD_BYTES} bytes");
        return Err(GitError::Unusable(why));
    }
    let blob = repo.write_blob(text.as_bytes())?;
    let file = (RECORD_FILE.as_bytes().to_vec(), (FILE_MODE, blob));
    let tree = repo.write_tree(&Folder::from([file]))?;
    if !commit.starts_with(format!("tree {tree}\n").as_bytes()) {
        let why = "the commit holds something else than this record alone";
        return Err(GitError::Unusable(why.to_owned()));
    }
    Ok(repo.write(ObjectKind::Commit, commit)?.to_string())
}

/// Write a renewal that stands right behind its claim, in the place of all records up to `tip`: a chain must not be used up
/// by saying again and again that somebody is at work. What it replaces is its second parent, so that its ref is moved
/// forward like any other.
///
/// # Errors
/// As [`write_record`].
pub fn write_replacing(
    repo: &Repo,
    (claim, tip): (&str, &str),
    text: &str,
    time: Time,
    identity: &Identity,
) -> Result<String> {
    let file = (RECORD_FILE, text.as_bytes());
    repo.write_file_commit(file, &[claim, tip], MESSAGE, (time, identity))
}

/// Whether a chain takes another record: one that is longer than allowed would not be believed. A part that is not here
/// was read before.
///
/// # Errors
/// `Unusable` when an object is broken.
pub fn has_room(repo: &Repo, tip: &str) -> Result<bool> {
    let mut next = Some(parse_id(tip)?);
    for _ in 0..MAX_CHAIN {
        let Some(id) = next.filter(|id| repo.has_object(&id.to_string())) else {
            return Ok(true);
        };
        next = repo.commit(id)?.parents.first().copied();
    }
    Ok(false)
}

/// The commits behind `tip`, nearest first, as far as they are here and may be records: so many as a chain may have.
///
/// # Errors
/// `Unusable` when an object is broken.
pub fn behind(repo: &Repo, tip: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut next = Some(parse_id(tip)?);
    while let Some(id) = next.filter(|_| found.len() <= MAX_CHAIN) {
        match repo.header(id)? {
            Some((size, ObjectKind::Commit)) if size <= MAX_RECORD_BYTES => {}
            _ => break,
        }
        found.push(id.to_string());
        next = repo.commit(id)?.parents.first().copied();
    }
    Ok(found.into_iter().skip(1).collect())
}

/// Write a commit that holds nothing, above commits that it is to keep. Moves no ref.
///
/// # Errors
/// `Missing` when one of them is not here.
pub fn write_keeper(
    repo: &Repo,
    parents: &[&str],
    (time, identity): (Time, &Identity),
) -> Result<String> {
    let parents: Result<Vec<Id>> = parents.iter().map(|id| parse_id(id)).collect();
    let commit = NewCommit {
        tree: repo.write_empty_tree()?,
        parents: parents?,
        message: "planspec result",
        time,
        identity,
    };
    repo.write_commit(&commit).map(|id| id.to_string())
}

/// Read the chain that ends at `tip`, back to the record `known` that was folded in last.
///
/// # Errors
/// `Missing` when a part of the chain is not here yet; `Unusable` when an object is broken.
pub fn read_chain(repo: &Repo, tip: &str, known: Option<&str>) -> Result<InboxChain> {
    let known = known.map(parse_id).transpose()?;
    let Walk {
        mut records,
        mut met,
        replacing,
    } = match walk(repo, tip, known)? {
        Ok(walk) => walk,
        Err(reason) => return Ok(InboxChain::Refused(reason)),
    };
    if let Some((_, replaced)) = replacing.filter(|_| !met) {
        match read_replaced(repo, replaced, known)? {
            Ok(found) if found && known.is_some() => {
                // The first record was there before the known one.
                records.remove(0);
                met = true;
            }
            Ok(_) => {}
            Err(reason) => return Ok(InboxChain::Refused(reason)),
        }
    }
    Ok(InboxChain::Records {
        records,
        rewritten: known.is_some() && !met,
        replacing: replacing.map(|(id, _)| id.to_string()),
    })
}

/// Read what stands in the chain that ends at `tip`, and nothing of what was replaced in it: that is judged where the chain
/// is folded in, and may be long.
///
/// # Errors
/// As [`read_chain`].
pub fn read_standing(repo: &Repo, tip: &str) -> Result<InboxChain> {
    Ok(match walk(repo, tip, None)? {
        Ok(walk) => InboxChain::Records {
            records: walk.records,
            rewritten: false,
            replacing: walk.replacing.map(|(id, _)| id.to_string()),
        },
        Err(reason) => InboxChain::Refused(reason),
    })
}

/// The records of a chain.
struct Walk {
    /// Ids and contents, oldest first, behind the known one.
    records: Vec<(String, Vec<u8>)>,
    /// Whether that was met.
    met: bool,
    /// The one that stands in the place of others, and the last of these.
    replacing: Option<(Id, Id)>,
}

/// Go back from `tip` from parent to parent; or what is wrong there.
fn walk(repo: &Repo, tip: &str, known: Option<Id>) -> Result<std::result::Result<Walk, String>> {
    let mut records = Vec::new();
    let mut met = false;
    let mut length = 0;
    let mut next = Some(parse_id(tip)?);
    let mut replacing: Option<(Id, Id)> = None;
    while let Some(id) = next {
        length += 1;
        if length > MAX_CHAIN {
            return Ok(Err(format!("the chain has more than {MAX_CHAIN} records")));
        }
        if met && repo.header(id)?.is_none() {
            // Behind the known record a shallow clone may end.
            break;
        }
        met = met || known == Some(id);
        let record = match read_record(repo, id, met)? {
            Ok(record) => record,
            Err(reason) => return Ok(Err(format!("{id} {reason}"))),
        };
        records.extend(record.content.map(|bytes| (id.to_string(), bytes)));
        if replacing.is_some() && record.parent.is_some() {
            return Ok(Err(format!(
                "{id} is replaced, and is not the first record"
            )));
        }
        replacing = replacing.or(record.replaced.map(|replaced| (id, replaced)));
        next = record.parent;
    }
    records.reverse();
    Ok(Ok(Walk {
        records,
        met,
        replacing,
    }))
}

/// Look at the shape of what was replaced, back to the record that was folded in last; whether that was met. What it
/// says does not count any more, but it is linked to as well.
fn read_replaced(
    repo: &Repo,
    tip: Id,
    known: Option<Id>,
) -> Result<std::result::Result<bool, String>> {
    let mut next = Some(tip);
    for _ in 0..MAX_REPLACED {
        let Some(id) = next else {
            return Ok(Ok(false));
        };
        if known == Some(id) {
            return Ok(Ok(true));
        }
        let record = match read_record(repo, id, false)? {
            Ok(record) => record,
            Err(reason) => return Ok(Err(format!("{id} {reason}"))),
        };
        next = record.replaced.or(record.parent);
    }
    Ok(Err(format!(
        "more than {MAX_REPLACED} records were replaced"
    )))
}

struct RawRecord {
    parent: Option<Id>,
    /// The last of those in whose place it stands.
    replaced: Option<Id>,
    /// `None` when it was read before.
    content: Option<Vec<u8>>,
}

/// One record, or what is wrong with it.
fn read_record(repo: &Repo, id: Id, known: bool) -> Result<std::result::Result<RawRecord, String>> {
    let (size, kind) = repo.header(id)?.ok_or_else(|| missing(id))?;
    // Far above any signature.
    if kind != ObjectKind::Commit || size > MAX_RECORD_BYTES {
        return Ok(Err("is not a commit of a sensible size".to_owned()));
    }
    let commit = repo.commit(id)?;
    if commit.parents.len() > 2 {
        return Ok(Err(format!(
            "has {} parents; a record has at most one, and a renewal what it replaces",
            commit.parents.len()
        )));
    }
    let parent = commit.parents.first().copied();
    let replaced = commit.parents.get(1).copied();
    if known {
        return Ok(Ok(RawRecord {
            parent,
            replaced,
            content: None,
        }));
    }
    let one_file = || format!("does not hold exactly one file, `{RECORD_FILE}`");
    match repo.header(commit.tree)? {
        // One entry needs some forty bytes.
        Some((size, ObjectKind::Tree)) if size <= 1024 => {}
        None => return Err(missing(commit.tree)),
        _ => return Ok(Err(one_file())),
    }
    let blob = match repo.tree(commit.tree)?.as_slice() {
        [entry] if entry.name != RECORD_FILE.as_bytes() => return Ok(Err(one_file())),
        [entry] if EntryKind::of(entry.mode) != EntryKind::File => {
            return Ok(Err(format!(
                "has a `{RECORD_FILE}` that is no regular file"
            )));
        }
        [entry] => entry.id,
        _ => return Ok(Err(one_file())),
    };
    match repo.bounded_blob(blob, MAX_RECORD_BYTES)? {
        Ok(bytes) => Ok(Ok(RawRecord {
            parent,
            replaced,
            content: Some(bytes),
        })),
        Err(size) => Ok(Err(format!(
            "has a `{RECORD_FILE}` of {size} bytes; at most {MAX_RECORD_BYTES} are accepted"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::run::record::{RENEWALS, place_of_renewal};
    use crate::git::testing::{self, Sandbox, on_disk_and_in_memory};

    fn record(repo: &Repo, parent: Option<&str>, text: &str) -> String {
        write_record(repo, parent, text, testing::time(0), &testing::identity()).unwrap()
    }

    fn chain_of(repo: &Repo, texts: &[&str]) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for text in texts {
            let id = record(repo, ids.last().map(String::as_str), text);
            ids.push(id);
        }
        ids
    }

    fn texts(chain: InboxChain) -> (Vec<String>, bool) {
        match chain {
            InboxChain::Records {
                records, rewritten, ..
            } => (
                records
                    .into_iter()
                    .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
                    .collect(),
                rewritten,
            ),
            InboxChain::Refused(reason) => panic!("{reason}"),
        }
    }

    fn reason(chain: InboxChain) -> String {
        match chain {
            InboxChain::Refused(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_a_commit_with_one_file_by_the_actor() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let id = record(&repo, None, "kind: Claim\n");
            let shown = sandbox.git(&repo, &["show", "--format=%an <%ae> %at %P|", &id, "--"]);
            assert!(
                shown.starts_with("Ana <ana@example.com> 1700000000 |"),
                "{shown}"
            );
            let tree = sandbox.git(&repo, &["ls-tree", "-r", &id]);
            assert!(
                tree.starts_with("100644 blob ") && tree.ends_with("\trecord.yaml"),
                "{tree}"
            );
            sandbox.git(&repo, &["fsck", "--strict"]);
        });
    }

    #[test]
    fn records_come_oldest_first_behind_the_known_one() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let ids = chain_of(&repo, &["claim", "renewal", "report"]);
            let read = |known: Option<&str>| texts(read_chain(&repo, &ids[2], known).unwrap());
            let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
            assert_eq!(read(None), (owned(&["claim", "renewal", "report"]), false));
            assert_eq!(read(Some(&ids[0])), (owned(&["renewal", "report"]), false));
            assert_eq!(read(Some(&ids[2])), (owned(&[]), false));
            let elsewhere = record(&repo, None, "other");
            let all = owned(&["claim", "renewal", "report"]);
            assert_eq!(read(Some(&elsewhere)), (all, true));
            let back = texts(read_chain(&repo, &ids[0], Some(&ids[1])).unwrap());
            assert_eq!(
                back,
                (owned(&["claim"]), true),
                "set back to an older record"
            );
        });
    }

    #[test]
    fn what_is_no_chain_of_records_is_refused() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = record(&repo, None, "a");
        let second = record(&repo, None, "b");
        let above_all = record(&repo, None, "c");
        let tree_of = |entries: &str| {
            let made = super::super::program::Program::new(&repo, "mktree")
                .stdin(entries)
                .run()
                .unwrap();
            String::from_utf8(made.stdout).unwrap().trim().to_owned()
        };
        let blob = |text: &str| repo.write_blob(text.as_bytes()).unwrap().to_string();
        let commit = |tree: &str, parents: &[&str]| {
            let mut args = vec!["commit-tree", "-m", "x", tree];
            args.extend(parents.iter().flat_map(|parent| ["-p", parent]));
            sandbox.git(&repo, &args)
        };
        let small = blob("a");
        let good = tree_of(&format!("100644 blob {small}\trecord.yaml\n"));
        let two_files = format!("100644 blob {small}\tother\n100644 blob {small}\trecord.yaml\n");
        let large = blob(&"x".repeat(MAX_RECORD_BYTES + 1));
        let inner = format!("040000 tree {good}\trecord.yaml\n");
        let crowd: String = (0..100)
            .map(|n| format!("100644 blob {small}\tfile-{n:03}\n"))
            .collect();
        let table: [(&str, String, &str); 9] = [
            (
                "two parents",
                commit(&good, &[&first, &second, &above_all]),
                "3 parents",
            ),
            (
                "two files",
                commit(&tree_of(&two_files), &[]),
                "exactly one file",
            ),
            (
                "many files",
                commit(&tree_of(&crowd), &[]),
                "exactly one file",
            ),
            ("no file", commit(&tree_of(""), &[]), "exactly one file"),
            (
                "another name",
                commit(&tree_of(&format!("100644 blob {small}\tx.yaml\n")), &[]),
                "exactly one file",
            ),
            (
                "a symbolic link",
                commit(
                    &tree_of(&format!("120000 blob {small}\trecord.yaml\n")),
                    &[],
                ),
                "no regular file",
            ),
            ("a folder", commit(&tree_of(&inner), &[]), "no regular file"),
            (
                "too large",
                commit(
                    &tree_of(&format!("100644 blob {large}\trecord.yaml\n")),
                    &[],
                ),
                "65537 bytes",
            ),
            ("a blob", small.clone(), "not a commit"),
        ];
        for (name, tip, expected) in table {
            let why = reason(read_chain(&repo, &tip, None).unwrap());
            assert!(
                why.contains(expected) && why.contains(&tip),
                "{name}: {why}"
            );
            if name != "a blob" {
                let above = record(&repo, Some(&tip), "on top");
                let why = reason(read_chain(&repo, &above, None).unwrap());
                assert!(why.contains(expected), "{name} below: {why}");
            }
        }
    }

    #[test]
    fn a_chain_has_at_most_a_thousand_records_known_ones_included() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let ids = chain_of(&repo, &vec!["x"; MAX_CHAIN + 1]);
        let allowed = read_chain(&repo, &ids[MAX_CHAIN - 1], None).unwrap();
        assert_eq!(texts(allowed).0.len(), MAX_CHAIN);
        for known in [None, Some(ids[MAX_CHAIN - 1].as_str())] {
            let why = reason(read_chain(&repo, &ids[MAX_CHAIN], known).unwrap());
            assert!(why.contains("more than 1000"), "{why}");
        }
    }

    #[test]
    fn renewals_do_not_use_up_a_chain() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let claim = record(&repo, None, "claim");
        let (mut tip, mut length, mut seen) = (claim.clone(), 1, Vec::new());
        for n in 0..2500 {
            let text = format!("renewal {n}");
            let (time, who) = (testing::time(0), testing::identity());
            let place = place_of_renewal(length);
            tip = if place.replaces {
                let places = (claim.as_str(), tip.as_str());
                write_replacing(&repo, places, &text, time, &who).unwrap()
            } else {
                record(&repo, Some(&tip), &text)
            };
            length = place.length;
            seen.push(tip.clone());
        }
        // Who only wants to know where it stands does not read what was replaced.
        let standing = read_standing(&repo, &tip).unwrap();
        assert_eq!(
            texts(standing),
            texts(read_chain(&repo, &tip, None).unwrap())
        );
        let report = record(&repo, Some(&tip), "report");
        assert!(has_room(&repo, &report).unwrap());
        sandbox.git(&repo, &["merge-base", "--is-ancestor", &seen[0], &report]);
        // Whatever of it was folded in: what is new comes, and nothing twice.
        for known in [None, Some(&claim), Some(&seen[0]), Some(&seen[1234])] {
            let known = known.map(String::as_str);
            let (texts, rewritten) = texts(read_chain(&repo, &report, known).unwrap());
            assert!(!rewritten && texts.len() <= RENEWALS + 2, "{known:?}");
            assert_eq!(
                texts.last().map(String::as_str),
                Some("report"),
                "{known:?}"
            );
            assert_eq!(texts[0] == "claim", known.is_none(), "{known:?}");
        }
        let last = read_chain(&repo, &report, Some(&tip)).unwrap();
        assert_eq!(texts(last), (vec!["report".to_owned()], false));
        let elsewhere = record(&repo, None, "other");
        let (_, rewritten) = texts(read_chain(&repo, &report, Some(&elsewhere)).unwrap());
        assert!(rewritten);
        // Only what stands right behind the first record replaces others.
        let (time, who) = (testing::time(0), testing::identity());
        let places = (seen[0].as_str(), seen[1].as_str());
        let id = write_replacing(&repo, places, "renewal", time, &who).unwrap();
        let why = reason(read_chain(&repo, &id, None).unwrap());
        assert!(why.contains("is not the first record"), "{why}");
        let full = chain_of(&repo, &vec!["x"; MAX_CHAIN]);
        assert!(!has_room(&repo, full.last().unwrap()).unwrap());
        assert!(has_room(&repo, &full[MAX_CHAIN - 2]).unwrap());
    }

    #[test]
    fn a_chain_that_is_not_here_is_missing_and_not_refused() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let absent = read_chain(&repo, &"1".repeat(40), None);
            assert!(matches!(absent, Err(GitError::Missing(_))), "{absent:?}");
        });
    }

    #[test]
    fn a_record_that_would_be_refused_is_not_written() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let text = "x".repeat(MAX_RECORD_BYTES + 1);
            let written = write_record(&repo, None, &text, testing::time(0), &testing::identity());
            assert!(written.unwrap_err().to_string().contains("65537"));
            let absent = "1".repeat(40);
            let written = write_record(
                &repo,
                Some(&absent),
                "x",
                testing::time(0),
                &testing::identity(),
            );
            assert!(matches!(written, Err(GitError::Missing(_))), "{written:?}");
        });
    }
}
