//! What is known of the files of one tree, so that whoever asks for a name need not read them all.
//!
//! An index is a set of numbered [`Pages`]. A name is on the page that its hash says, and so is a path: a
//! look-up reads one page or a few, an update writes those that change. Every page exists, also an
//! empty one, so that a page which is not there is noticed: an index that is damaged says so
//! ([`Damaged`]), and is then no index at all.
//!
//! ```text
//! page 0       tree NUL format NUL buckets NUL files NUL findings NUL resources NUL
//! hidden       path NUL …                                  files that may define more than they show
//! rows         path NUL version NUL findings NUL defines NUL refers NUL traits NUL …   by path
//! definers     kind NUL name NUL path NUL …                by the last part of the name, then by the whole
//! referrers    reference NUL name NUL path NUL …           by the name, then by path
//! sums         versions NUL sizes NUL noted NUL …          of each page of rows, see [`Sum`]
//! ```
//!
//! Names are as [`Facts`] have them: `namespace/name`, or what hides in a file that cannot be read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::core::base::key::Key;
use crate::core::repository::facts::{Facts, HIDDEN, key_of, read_traits};

/// Numbered texts.
pub trait Pages {
    /// A page.
    ///
    /// # Errors
    /// It is not there, or not as it was written.
    fn page(&self, number: u32) -> Result<Arc<str>, Damaged>;

    /// Several pages, in order.
    ///
    /// # Errors
    /// One of them is not there, or not as it was written.
    fn pages(&self, numbers: Range<u32>) -> Result<Vec<Arc<str>>, Damaged> {
        numbers.map(|number| self.page(number)).collect()
    }

    /// Write a page.
    fn put(&mut self, number: u32, text: String);
}

/// Pages in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryPages(BTreeMap<u32, Arc<str>>);

impl Pages for MemoryPages {
    fn page(&self, number: u32) -> Result<Arc<str>, Damaged> {
        self.0.get(&number).cloned().ok_or(Damaged)
    }

    fn put(&mut self, number: u32, text: String) {
        self.0.insert(number, text.into());
    }
}

/// An index cannot be used: a page is missing, or is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

/// What is known of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Which content it has, in any notation that tells contents apart.
    pub version: String,
    /// What is wrong with it: a line per finding.
    pub findings: String,
    /// What it says, whatever the other files say.
    pub facts: Facts,
}

impl Row {
    /// How many things are wrong with it.
    pub fn count_findings(&self) -> usize {
        self.findings.lines().count()
    }

    /// Whether this is wrong with it: a line of [`Row::findings`].
    pub fn has_finding(&self, line: &str) -> bool {
        self.findings.lines().any(|known| known == line)
    }
}

/// What is known of a file in short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownFile {
    /// Its path.
    pub path: String,
    /// See [`Row::version`].
    pub version: String,
    /// See [`Row::findings`].
    pub findings: String,
    /// See [`Facts::bytes`].
    pub bytes: Option<usize>,
    /// See [`Facts::allows`].
    pub allows: bool,
}

/// A name with the file that it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The kind that is defined, or the line of the reference.
    pub what: String,
    /// `namespace/name`, or what hides in a file that cannot be read.
    pub name: String,
    /// Path of the file.
    pub path: String,
}

/// The index of one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index<P> {
    pages: P,
    header: Header,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    /// Id of the tree.
    tree: String,
    /// Pages of each section; a power of two.
    buckets: u32,
    files: usize,
    findings: usize,
    resources: usize,
}

/// The page that is written with every update.
pub const HEADER: u32 = 0;
const HIDING: u32 = 1;
/// The first page of the sections.
const SECTIONS: u32 = 2;
/// A name that many files refer to, or that many namespaces have, is spread over so many pages.
const SPREAD: u32 = 8;
/// Most buckets of a section.
const MAX_BUCKETS: u32 = 1 << 14;
/// Files to a bucket, as an index is made; and from how many on it is made anew.
const FILES_PER_BUCKET: usize = 8;
const FULL: usize = 64;
/// Changes with the layout above.
const FORMAT: &str = "6";
/// The sums of so many pages of rows are on one page.
const SUMS: u32 = 256;

#[derive(Debug, Clone, Copy)]
enum Section {
    Rows,
    Definers,
    Referrers,
}

impl<P: Pages> Index<P> {
    /// The index that the pages hold. `None` when it has grown out of them.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open(pages: P) -> Result<Option<Index<P>>, Damaged> {
        let header = Header::read(&pages.page(HEADER)?)?;
        let is_full = header.buckets < MAX_BUCKETS && header.files > FULL * header.buckets as usize;
        Ok((!is_full).then_some(Index { pages, header }))
    }

    /// An index without files, with room for so many.
    pub fn empty(mut pages: P, files: usize) -> Index<P> {
        let wanted = u32::try_from(files / FILES_PER_BUCKET).unwrap_or(MAX_BUCKETS);
        let buckets = wanted.min(MAX_BUCKETS).next_power_of_two().max(SPREAD);
        let header = Header {
            tree: String::new(),
            buckets,
            files: 0,
            findings: 0,
            resources: 0,
        };
        pages.put(HEADER, header.text());
        for number in HIDING..SECTIONS + 3 * buckets + buckets.div_ceil(SUMS) {
            pages.put(number, String::new());
        }
        Index { pages, header }
    }

    /// Id of the tree whose files these are.
    pub fn tree(&self) -> &str {
        &self.header.tree
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.header.files
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.header.files == 0
    }

    /// How many findings there are in all files.
    pub fn count_findings(&self) -> usize {
        self.header.findings
    }

    /// How many resources are defined.
    pub fn count_resources(&self) -> usize {
        self.header.resources
    }

    /// The pages, to be stored.
    pub fn pages_mut(&mut self) -> &mut P {
        &mut self.pages
    }

    /// What is known of a file.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn row(&self, path: &str) -> Result<Option<Row>, Damaged> {
        let page = self.pages.page(self.page_of(Section::Rows, path))?;
        for row in records::<6>(&page)? {
            if row[0] == path {
                return Ok(Some(row_of(row)));
            }
        }
        Ok(None)
    }

    /// What is known of a file in short.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn file(&self, path: &str) -> Result<Option<KnownFile>, Damaged> {
        let page = self.pages.page(self.page_of(Section::Rows, path))?;
        let found = records::<6>(&page)?.into_iter().find(|row| row[0] == path);
        Ok(found.map(known_of))
    }

    /// Every file, by path.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn files(&self) -> Result<Vec<KnownFile>, Damaged> {
        let mut found = Vec::with_capacity(self.header.files);
        for page in self.section(Section::Rows)? {
            found.extend(records::<6>(&page)?.into_iter().map(known_of));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The files with findings, and those with comments that allow one; by path.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn noted(&self) -> Result<Vec<KnownFile>, Damaged> {
        let sums = self.sums()?;
        let mut noted = self.on_pages(sums.iter().map(|sum| sum.noted > 0))?;
        noted.retain(|file| !file.findings.is_empty() || file.allows);
        Ok(noted)
    }

    /// A tally of files, to be compared with those of the index.
    pub fn tally(&self) -> Tally {
        Tally {
            sums: vec![Sum::default(); self.header.buckets as usize],
        }
    }

    /// Compare a tally with the index: where it has the same files in the same versions, none of them need be looked up.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn compare(&self, tally: &Tally, by: By) -> Result<Comparison, Damaged> {
        let sums = self.sums()?;
        let other: Vec<bool> = (sums.iter().zip(&tally.sums))
            .map(|(known, counted)| match by {
                By::Version => known.versions != counted.versions,
                By::Size => known.sizes != counted.sizes || known.noted > 0,
            })
            .collect();
        Ok(Comparison {
            files: self.on_pages(other.iter().copied())?,
            other,
        })
    }

    /// The files on the pages of rows that are wanted, by path.
    fn on_pages(&self, wanted: impl Iterator<Item = bool>) -> Result<Vec<KnownFile>, Damaged> {
        let mut found = Vec::new();
        let first = self.first_page(Section::Rows);
        for (number, _) in (first..).zip(wanted).filter(|(_, wanted)| *wanted) {
            let page = self.pages.page(number)?;
            found.extend(records::<6>(&page)?.into_iter().map(known_of));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The sums of all pages of rows.
    fn sums(&self) -> Result<Vec<Sum>, Damaged> {
        let mut sums = Vec::with_capacity(self.header.buckets as usize);
        for group in 0..self.header.buckets.div_ceil(SUMS) {
            sums.extend(self.sums_of(group)?);
        }
        Ok(sums)
    }

    /// How many pages of rows are in a group, whose sums are on one page.
    fn in_group(&self, group: u32) -> usize {
        (self.header.buckets - group * SUMS).min(SUMS) as usize
    }

    fn sums_of(&self, group: u32) -> Result<Vec<Sum>, Damaged> {
        let page = self.pages.page(self.page_of_sums(group))?;
        if page.is_empty() {
            return Ok(vec![Sum::default(); self.in_group(group)]);
        }
        let sums: Option<Vec<Sum>> = records::<3>(&page)?.into_iter().map(Sum::read).collect();
        let sums = sums.filter(|sums| sums.len() == self.in_group(group));
        sums.ok_or(Damaged)
    }

    fn page_of_sums(&self, group: u32) -> u32 {
        SECTIONS + 3 * self.header.buckets + group
    }

    /// Take rows that come and go into the sums of their pages.
    fn add_up(&mut self, moved: &BTreeMap<u32, Sum>) -> Result<(), Damaged> {
        let mut groups: BTreeMap<u32, Vec<Sum>> = BTreeMap::new();
        for (bucket, by) in moved.iter().filter(|(_, by)| **by != Sum::default()) {
            let group = bucket / SUMS;
            let sums = match groups.entry(group) {
                Entry::Occupied(sums) => sums.into_mut(),
                Entry::Vacant(place) => place.insert(self.sums_of(group)?),
            };
            if let Some(sum) = sums.get_mut((bucket % SUMS) as usize) {
                sum.add(by);
            }
        }
        for (group, sums) in groups {
            let nothing = sums.iter().all(|sum| *sum == Sum::default());
            let texts = sums.iter().map(Sum::text).filter(|_| !nothing);
            self.pages.put(self.page_of_sums(group), texts.collect());
        }
        Ok(())
    }

    /// Which files define something of this name, whatever its namespace.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn definers(&self, word: &str) -> Result<Vec<Named>, Damaged> {
        chosen(&self.spread(Section::Definers, word)?, word, |name| {
            last(name) == word
        })
    }

    /// Which files define a resource of this name, `namespace/name`.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn definers_of(&self, name: &str) -> Result<Vec<Named>, Damaged> {
        let page = self.pages.page(self.page_of_definer(name))?;
        chosen(&[page], name, |other| other == name)
    }

    /// Which files refer to a resource of this name, `namespace/name`.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn referrers_of(&self, name: &str) -> Result<Vec<Named>, Damaged> {
        chosen(&self.spread(Section::Referrers, name)?, name, |other| {
            other == name
        })
    }

    /// Which files refer to something of this name, whatever its namespace. Everything that is
    /// referred to is looked at.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn referrers_anywhere(&self, word: &str) -> Result<Vec<Named>, Damaged> {
        chosen(&self.section(Section::Referrers)?, word, |name| {
            last(name) == word
        })
    }

    /// Every name that is defined.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn names(&self) -> Result<Vec<Named>, Damaged> {
        let mut found = Vec::new();
        for page in self.section(Section::Definers)? {
            found.extend(records::<3>(&page)?.into_iter().map(named_of));
        }
        Ok(found)
    }

    /// Files that may define more than they show, because they cannot be read.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn hiding(&self) -> Result<Vec<String>, Damaged> {
        let page = self.pages.page(HIDING)?;
        let paths = records::<1>(&page)?.into_iter();
        Ok(paths.map(|[path]| path.to_owned()).collect())
    }

    /// Take in that the tree is another now: what is known of the files that differ, nothing of those
    /// that are gone.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn update(
        &mut self,
        tree: &str,
        changes: &BTreeMap<String, Option<Row>>,
    ) -> Result<(), Damaged> {
        let mut edits = Edits::default();
        let mut moved: BTreeMap<u32, Sum> = BTreeMap::new();
        for (path, new) in changes {
            let spot = Spot::of(path);
            let sum = moved.entry(spot.bucket(self.header.buckets)).or_default();
            if let Some(row) = self.row(path)? {
                sum.take(&Sum::of(&spot, &row));
                self.header.files -= 1;
                self.header.findings -= row.count_findings();
                self.header.resources -= row.facts.count_resources();
                self.edit(path, &row, &mut |page, record| edits.remove(page, record));
            }
            if let Some(row) = new {
                sum.add(&Sum::of(&spot, row));
                self.header.files += 1;
                self.header.findings += row.count_findings();
                self.header.resources += row.facts.count_resources();
                self.edit(path, row, &mut |page, record| edits.add(page, record));
            }
        }
        self.write(edits)?;
        self.add_up(&moved)?;
        tree.clone_into(&mut self.header.tree);
        self.pages.put(HEADER, self.header.text());
        Ok(())
    }

    /// The records of one file, each with the page that it belongs on.
    fn edit(&self, path: &str, row: &Row, edit: &mut dyn FnMut(u32, &[&str])) {
        let (defines, refers) = (row.facts.defines(), row.facts.refers());
        let traits = row.facts.traits();
        let fields = [path, &row.version, &row.findings, defines, refers, &traits];
        edit(self.page_of(Section::Rows, path), &fields);
        for (kind, name) in row.facts.defined() {
            edit(self.page_of_definer(name), &[kind, name, path]);
            if kind == HIDDEN {
                edit(HIDING, &[path]);
            }
        }
        for (by, name) in row.facts.referred() {
            let first = self.spread_over(Section::Referrers, name).start;
            edit(first + bucket(path, SPREAD), &[by, name, path]);
        }
    }

    fn write(&mut self, edits: Edits) -> Result<(), Damaged> {
        for (number, edit) in edits.0.into_iter().filter(|(_, edit)| edit.is_change()) {
            let old = self.pages.page(number)?;
            let mut records: BTreeSet<&str> = split(&old, edit.fields)?.into_iter().collect();
            for gone in &edit.gone {
                records.remove(gone.as_str());
            }
            records.extend(edit.new.iter().map(String::as_str));
            let text = records.into_iter().collect();
            self.pages.put(number, text);
        }
        Ok(())
    }

    fn first_page(&self, section: Section) -> u32 {
        SECTIONS + section as u32 * self.header.buckets
    }

    fn section(&self, section: Section) -> Result<Vec<Arc<str>>, Damaged> {
        let first = self.first_page(section);
        self.pages.pages(first..first + self.header.buckets)
    }

    fn page_of(&self, section: Section, word: &str) -> u32 {
        self.first_page(section) + bucket(word, self.header.buckets)
    }

    fn page_of_definer(&self, name: &str) -> u32 {
        let pages = self.spread_over(Section::Definers, last(name));
        pages.start + bucket(name, SPREAD)
    }

    fn spread_over(&self, section: Section, word: &str) -> Range<u32> {
        let group = bucket(word, self.header.buckets / SPREAD);
        let first = self.first_page(section) + group * SPREAD;
        first..first + SPREAD
    }

    fn spread(&self, section: Section, word: &str) -> Result<Vec<Arc<str>>, Damaged> {
        self.pages.pages(self.spread_over(section, word))
    }
}

/// Where a text belongs, of so many places.
fn bucket(text: &str, places: u32) -> u32 {
    Spot::of(text).bucket(places)
}

/// The hash of a text.
#[derive(Debug, Clone, Copy)]
struct Spot(u64);

impl Spot {
    fn of(text: &str) -> Spot {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Spot(hasher.finish())
    }

    fn bucket(self, places: u32) -> u32 {
        u32::try_from(self.0 % u64::from(places.max(1))).unwrap_or_default()
    }
}

/// The files of a page of rows, added up: pages with the same files in the same versions have the same sum, whatever the order.
/// Like the seal of a page it guards against accidents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    /// Of paths and versions.
    versions: u64,
    /// Of paths, versions and sizes. A file whose size is not known has none that another could have.
    sizes: u64,
    /// How many have findings or comments that allow one.
    noted: u64,
}

impl Sum {
    fn of(spot: &Spot, row: &Row) -> Sum {
        let bytes = row.facts.bytes.and_then(|bytes| u64::try_from(bytes).ok());
        Sum {
            noted: u64::from(!row.findings.is_empty() || row.facts.allows),
            ..Sum::counted(spot, &row.version, bytes)
        }
    }

    fn counted(spot: &Spot, version: &str, bytes: Option<u64>) -> Sum {
        let mut hasher = DefaultHasher::new();
        (spot.0, version).hash(&mut hasher);
        let versions = hasher.finish();
        bytes.hash(&mut hasher);
        Sum {
            versions,
            sizes: hasher.finish(),
            noted: 0,
        }
    }

    fn add(&mut self, other: &Sum) {
        self.versions = self.versions.wrapping_add(other.versions);
        self.sizes = self.sizes.wrapping_add(other.sizes);
        self.noted = self.noted.wrapping_add(other.noted);
    }

    fn take(&mut self, other: &Sum) {
        self.versions = self.versions.wrapping_sub(other.versions);
        self.sizes = self.sizes.wrapping_sub(other.sizes);
        self.noted = self.noted.wrapping_sub(other.noted);
    }

    fn text(&self) -> String {
        joined(
            &[self.versions, self.sizes, self.noted]
                .map(|number| format!("{number:x}"))
                .each_ref()
                .map(String::as_str),
        )
    }

    fn read(fields: [&str; 3]) -> Option<Sum> {
        let [versions, sizes, noted] = fields.map(|text| u64::from_str_radix(text, 16).ok());
        Some(Sum {
            versions: versions?,
            sizes: sizes?,
            noted: noted?,
        })
    }
}

/// What files there are elsewhere, counted as the index counts its own.
#[derive(Debug, Clone)]
pub struct Tally {
    sums: Vec<Sum>,
}

impl Tally {
    /// Count a file, with its size where it is to be compared. Where it belongs: that is a place of [`Comparison::is_same`].
    pub fn count(&mut self, path: &str, version: &str, bytes: Option<u64>) -> u32 {
        let spot = Spot::of(path);
        let place = spot.bucket(u32::try_from(self.sums.len()).unwrap_or(u32::MAX));
        if let Some(sum) = self.sums.get_mut(place as usize) {
            sum.add(&Sum::counted(&spot, version, bytes));
        }
        place
    }
}

/// By what files are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Which versions they are.
    Version,
    /// The same, with their sizes; what has findings, or comments that allow one, is never the same.
    Size,
}

/// Where a tally is what the index has, and what the index has elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The files of the index that may be others than those that were counted; by path.
    pub files: Vec<KnownFile>,
    other: Vec<bool>,
}

impl Comparison {
    /// Whether the files at a place are the same.
    pub fn is_same(&self, place: u32) -> bool {
        self.other.get(place as usize) == Some(&false)
    }
}

/// A name without its namespace.
pub fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What is to be done to pages, by number.
#[derive(Default)]
struct Edits(BTreeMap<u32, Edit>);

#[derive(Default)]
struct Edit {
    /// Fields of a record of the page.
    fields: usize,
    gone: Vec<String>,
    new: Vec<String>,
}

impl Edit {
    /// Whether anything goes that does not come back, or comes that was not there.
    fn is_change(&self) -> bool {
        let [gone, new] = [&self.gone, &self.new].map(|records| records.iter().collect());
        let (gone, new): (BTreeSet<&String>, BTreeSet<&String>) = (gone, new);
        gone != new
    }
}

impl Edits {
    fn remove(&mut self, page: u32, record: &[&str]) {
        self.page(page, record).gone.push(joined(record));
    }

    fn add(&mut self, page: u32, record: &[&str]) {
        self.page(page, record).new.push(joined(record));
    }

    fn page(&mut self, number: u32, record: &[&str]) -> &mut Edit {
        let edit = self.0.entry(number).or_default();
        edit.fields = record.len();
        edit
    }
}

/// A record: fields, each ended by a NUL, which neither Git's paths nor names have.
fn joined(fields: &[&str]) -> String {
    fields.iter().flat_map(|field| [field, "\0"]).collect()
}

/// The records of a page, each with its NULs.
fn split(page: &str, fields: usize) -> Result<Vec<&str>, Damaged> {
    let mut records = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        let (end, _) = rest.match_indices('\0').nth(fields - 1).ok_or(Damaged)?;
        let (record, behind) = rest.split_at(end + 1);
        records.push(record);
        rest = behind;
    }
    Ok(records)
}

impl Named {
    /// The resource that has the name; nothing where it is none.
    pub fn key(&self) -> Option<Key> {
        key_of(&self.what, &self.name)
    }
}

/// The fields of the records of a page.
fn records<const N: usize>(page: &str) -> Result<Vec<[&str; N]>, Damaged> {
    if !page.is_empty() && !page.ends_with('\0') {
        return Err(Damaged);
    }
    let mut fields = page.split_terminator('\0');
    let mut records = Vec::new();
    while let Some(first) = fields.next() {
        let mut record = [first; N];
        for field in &mut record[1..] {
            *field = fields.next().ok_or(Damaged)?;
        }
        records.push(record);
    }
    Ok(records)
}

/// The records of pages with the names that are meant, all of which end with some text.
fn chosen(
    pages: &[Arc<str>],
    end: &str,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Vec<Named>, Damaged> {
    let mut found = Vec::new();
    let end = [end, "\0"].concat();
    for page in pages {
        // Most pages have other names alone, and need not be taken apart.
        if page.ends_with('\0') && !page.contains(&end) {
            continue;
        }
        let records = records::<3>(page)?.into_iter();
        let meant = records.filter(|[_, name, _]| is_meant(name));
        found.extend(meant.map(named_of));
    }
    Ok(found)
}

fn named_of([what, name, path]: [&str; 3]) -> Named {
    Named {
        what: what.to_owned(),
        name: name.to_owned(),
        path: path.to_owned(),
    }
}

fn row_of([_, version, findings, defines, refers, traits]: [&str; 6]) -> Row {
    Row {
        version: version.to_owned(),
        findings: findings.to_owned(),
        facts: Facts::stored(defines, refers, traits),
    }
}

fn known_of([path, version, findings, _, _, traits]: [&str; 6]) -> KnownFile {
    let (bytes, allows) = read_traits(traits);
    KnownFile {
        path: path.to_owned(),
        version: version.to_owned(),
        findings: findings.to_owned(),
        bytes,
        allows,
    }
}

impl Header {
    fn text(&self) -> String {
        let counts = [self.files, self.findings, self.resources];
        let [files, findings, resources] = counts.map(|number| number.to_string());
        let buckets = self.buckets.to_string();
        joined(&[&self.tree, FORMAT, &buckets, &files, &findings, &resources])
    }

    fn read(text: &str) -> Result<Header, Damaged> {
        let [[tree, FORMAT, buckets, files, findings, resources]] = records::<6>(text)?[..] else {
            return Err(Damaged);
        };
        let number = |text: &str| text.parse::<usize>().map_err(|_| Damaged);
        Ok(Header {
            tree: tree.to_owned(),
            buckets: u32::try_from(number(buckets)?).map_err(|_| Damaged)?,
            files: number(files)?,
            findings: number(findings)?,
            resources: number(resources)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(version: &str, defines: &str, refers: &str) -> Row {
        Row {
            version: version.to_owned(),
            findings: String::new(),
            facts: Facts::stored(defines, refers, ""),
        }
    }

    fn update(index: &mut Index<MemoryPages>, changes: &[(&str, Option<Row>)]) {
        let owned = |(path, row): &(&str, Option<Row>)| ((*path).to_owned(), row.clone());
        index
            .update("tree", &changes.iter().map(owned).collect())
            .unwrap();
    }

    fn paths(named: Vec<Named>) -> Vec<String> {
        named.into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn names_are_found_in_both_directions_until_their_file_is_gone() {
        let mut index = Index::empty(MemoryPages::default(), 2);
        let goal = row("1", "Goal team/g 0f\n", "");
        let plan = row("2", "Plan team/p 1e\n", "Plan.goalRef team/g Goal\n");
        update(
            &mut index,
            &[("g.yaml", Some(goal.clone())), ("p.yaml", Some(plan))],
        );
        assert_eq!((index.len(), index.tree()), (2, "tree"));
        assert_eq!(index.row("g.yaml"), Ok(Some(goal)));
        assert_eq!(index.row("nothing"), Ok(None));
        assert_eq!(paths(index.definers("g").unwrap()), ["g.yaml"]);
        assert_eq!(paths(index.definers_of("team/g").unwrap()), ["g.yaml"]);
        assert_eq!(index.definers_of("other/g"), Ok(Vec::new()));
        let referrers = index.referrers_of("team/g").unwrap();
        assert_eq!(index.referrers_anywhere("g").unwrap(), referrers);
        assert_eq!(referrers[0].what, "Plan.goalRef team/g Goal");
        assert_eq!(paths(referrers), ["p.yaml"]);
        // The file refers to another goal now, in another version.
        let plan = row("3", "Plan team/p 1e\n", "Plan.goalRef team/h Goal\n");
        update(&mut index, &[("p.yaml", Some(plan))]);
        assert_eq!(index.referrers_of("team/g"), Ok(Vec::new()));
        assert_eq!(paths(index.referrers_of("team/h").unwrap()), ["p.yaml"]);
        assert_eq!(index.count_resources(), 2);
        let files = index.files().unwrap();
        assert_eq!((&*files[1].path, &*files[1].version), ("p.yaml", "3"));
        update(&mut index, &[("g.yaml", None), ("p.yaml", None)]);
        assert!(index.is_empty());
        let nothing = Index::empty(MemoryPages::default(), 2);
        assert_eq!(index.pages.0.len(), nothing.pages.0.len());
        let texts = |index: &Index<MemoryPages>| -> Vec<Arc<str>> {
            index.pages.0.values().skip(1).cloned().collect()
        };
        assert_eq!(texts(&index), texts(&nothing), "nothing is left behind");
    }

    #[test]
    fn one_name_of_several_files_and_several_names_of_one_file() {
        let mut index = Index::empty(MemoryPages::default(), 3);
        let both = row("1", "Plan a/p 0f\nPlan b/p 0f\nGate a/p 0f\n", "");
        update(
            &mut index,
            &[
                ("x.yaml", Some(both)),
                ("y.yaml", Some(row("2", "Plan a/p 1e\n", ""))),
            ],
        );
        let found = index.definers("p").unwrap();
        let of_plan = found
            .iter()
            .filter(|one| (&*one.what, &*one.name) == ("Plan", "a/p"));
        assert_eq!(paths(of_plan.cloned().collect()), ["x.yaml", "y.yaml"]);
        assert_eq!(index.names().unwrap().len(), 4);
    }

    #[test]
    fn paths_and_findings_are_what_they_were() {
        let mut index = Index::empty(MemoryPages::default(), 1);
        let mut odd = row("1", "? word\n", "");
        odd.findings = "error PS001 - one\nwarning PS002 - two\n".to_owned();
        odd.facts.bytes = Some(17);
        odd.facts.allows = true;
        let path = "a\nb/\u{e4} \u{fffd}.yaml";
        update(&mut index, &[(path, Some(odd.clone()))]);
        assert_eq!(index.row(path), Ok(Some(odd.clone())));
        let known = KnownFile {
            path: path.to_owned(),
            version: "1".to_owned(),
            findings: odd.findings,
            bytes: Some(17),
            allows: true,
        };
        assert_eq!(index.files(), Ok(vec![known]));
        assert_eq!(index.count_resources(), 0, "a hidden name is no resource");
        assert_eq!(index.count_findings(), 2);
        assert_eq!(index.hiding().unwrap(), [path]);
        update(&mut index, &[(path, Some(row("2", "", "")))]);
        assert_eq!(
            (index.count_findings(), index.hiding().unwrap().len()),
            (0, 0)
        );
    }

    #[test]
    fn a_page_that_is_missing_or_not_as_it_was_written_is_noticed() {
        let mut index = Index::empty(MemoryPages::default(), 1);
        update(
            &mut index,
            &[("g.yaml", Some(row("1", "Goal team/g 0f\n", "")))],
        );
        let page = index.page_of_definer("team/g");
        let whole = index.pages.0[&page].clone();
        index.pages.put(page, whole.replace('\0', " "));
        assert_eq!(index.definers("g"), Err(Damaged));
        index.pages.0.remove(&page);
        assert_eq!(index.definers("g"), Err(Damaged));
        assert_eq!(index.names(), Err(Damaged));
        let gone = BTreeMap::from([("g.yaml".to_owned(), None)]);
        assert_eq!(index.update("tree", &gone), Err(Damaged));
        assert_eq!(Index::open(MemoryPages::default()), Err(Damaged));
    }

    /// Pages that count which of them are read.
    #[derive(Default)]
    struct Counted(MemoryPages, std::cell::RefCell<Vec<u32>>);

    impl Pages for Counted {
        fn page(&self, number: u32) -> Result<Arc<str>, Damaged> {
            self.1.borrow_mut().push(number);
            self.0.page(number)
        }

        fn put(&mut self, number: u32, text: String) {
            self.0.put(number, text);
        }
    }

    /// An index of so many files of one byte.
    fn counted(files: usize) -> Index<Counted> {
        let mut index = Index::empty(Counted::default(), files);
        let row = |number: usize| {
            let mut row = row("100644 1", "", "");
            row.facts.bytes = Some(1);
            (format!("{number}.yaml"), Some(row))
        };
        index
            .update("tree", &(0..files).map(row).collect())
            .unwrap();
        index.pages.1.take();
        index
    }

    #[test]
    fn what_is_counted_elsewhere_is_compared_without_looking_it_up() {
        let mut index = counted(10_000);
        let tally = |index: &Index<Counted>,
                     change: &dyn Fn(usize) -> Option<(&'static str, u64)>| {
            let mut tally = index.tally();
            let mut places = Vec::new();
            for number in 0..10_000 {
                if let Some((version, bytes)) = change(number) {
                    let path = format!("{number}.yaml");
                    places.push((number, tally.count(&path, version, Some(bytes))));
                }
            }
            (tally, places)
        };
        let plain = Some(("100644 1", 1));
        let (same, places) = tally(&index, &|_| plain);
        for by in [By::Version, By::Size] {
            let compared = index.compare(&same, by).unwrap();
            assert!(compared.files.is_empty(), "{by:?}");
            assert!(places.iter().all(|(_, place)| compared.is_same(*place)));
        }
        let read = index.pages.1.take().len();
        assert_eq!(read, 2 * 2048 / SUMS as usize, "two readings of all sums");
        // Another version, another size, one that is gone: the file is among those of its page, which alone is read.
        let changes: [(&dyn Fn(usize) -> Option<(&'static str, u64)>, By); 4] = [
            (
                &|n| if n == 7 { Some(("100644 2", 1)) } else { plain },
                By::Version,
            ),
            (
                &|n| if n == 7 { Some(("100644 1", 2)) } else { plain },
                By::Size,
            ),
            (&|n| plain.filter(|_| n != 7), By::Version),
            (&|n| plain.filter(|_| n != 7), By::Size),
        ];
        for (change, by) in changes {
            let (other, places) = tally(&index, change);
            let compared = index.compare(&other, by).unwrap();
            let found = compared.files.iter().filter(|file| file.path == "7.yaml");
            assert_eq!(found.count(), 1);
            assert_eq!(index.pages.1.take().len(), 2048 / SUMS as usize + 1);
            let here = places.iter().filter(|(_, place)| !compared.is_same(*place));
            assert!(here.count() < 30, "those of one page");
        }
        // By its version alone a size is nothing.
        let (size, _) = tally(&index, &|n| {
            if n == 7 { Some(("100644 1", 2)) } else { plain }
        });
        assert!(index.compare(&size, By::Version).unwrap().files.is_empty());
        // What is to be told is found, and is never the same.
        let mut odd = row("100644 1", "", "");
        odd.facts.bytes = Some(1);
        odd.facts.allows = true;
        let changes = BTreeMap::from([("7.yaml".to_owned(), Some(odd))]);
        index.update("tree", &changes).unwrap();
        let noted = index.noted().unwrap();
        assert_eq!(
            noted.iter().map(|file| &*file.path).collect::<Vec<_>>(),
            ["7.yaml"]
        );
        let found = index.compare(&same, By::Size).unwrap().files;
        assert!(found.iter().any(|file| file.path == "7.yaml"));
        // A file whose size nobody knows is none that somebody has.
        let mut unknown = row("100644 1", "", "");
        unknown.facts.bytes = None;
        let changes = BTreeMap::from([("7.yaml".to_owned(), Some(unknown))]);
        index.update("tree", &changes).unwrap();
        let found = index.compare(&same, By::Size).unwrap().files;
        assert!(found.iter().any(|file| file.path == "7.yaml"));
        assert!(index.compare(&same, By::Version).unwrap().files.is_empty());
    }

    #[test]
    fn sums_that_are_damaged_are_noticed() {
        let mut index = counted(300);
        let page = index.page_of_sums(0);
        for text in ["1\0", "x\0y\0z\0", "1\x002\x003\x00"] {
            index.pages.put(page, text.to_owned());
            assert!(index.compare(&index.tally(), By::Size).is_err(), "{text:?}");
            assert!(index.noted().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_index_that_has_grown_out_of_its_pages_is_made_anew() {
        let mut index = Index::empty(MemoryPages::default(), 1);
        let many: BTreeMap<String, Option<Row>> = (0..FULL * SPREAD as usize)
            .map(|number| (format!("{number}.yaml"), Some(row("1", "", ""))))
            .collect();
        index.update("tree", &many).unwrap();
        assert!(Index::open(index.pages.clone()).unwrap().is_some());
        update(&mut index, &[("more.yaml", Some(row("1", "", "")))]);
        assert!(Index::open(index.pages.clone()).unwrap().is_none());
        assert!(
            Index::empty(MemoryPages::default(), index.len())
                .header
                .buckets
                > SPREAD
        );
    }
}
