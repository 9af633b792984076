//! What each file of a tree defines and refers to, and what is wrong with it: enough to check a
//! change to the tree by reading only the files that the change can reach.
//!
//! A catalog is one text, so that it can be stored and loaded as it is: whoever stores it must
//! see to it that what is loaded is what was stored. It holds a row per file, sorted by path:
//!
//! ```text
//! path NUL version NUL findings NUL defines NUL refers NUL
//! ```
//!
//! each of the last three a list of lines: `severity CODE resource message`, `KIND namespace/name face`
//! (the face changes with whatever another resource could see of this one), `KIND.FIELD namespace/name
//! KIND` (the kind of the resource that refers, the field in which it does, and what it refers to).
//! A file that cannot be read may define whatever it mentions, or refer to it: `? word`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::source::Content;
use crate::core::repository::manifest::{Manifest, ManifestEntry};
use crate::core::repository::referral::Referral;
use crate::core::resource::{Key, Kind, Spec};

/// The form of the text: part of what a stored catalog is sealed with.
pub const FORMAT: u32 = 2;

/// The kind of what a file that cannot be read may define.
const HIDDEN: &str = "?";

/// The kind of a series of plans. Each of its plans defines it, as it were: whether two of them have
/// one version is seen only by looking at both.
const SERIES: &str = "Series";

/// The kind of what follows a plan. Each plan that supersedes it defines it, as it were: whether two
/// of them do is seen only by looking at both.
const SUCCESSOR: &str = "Successor";

/// The kind of the id of a document. The document itself and those that name it as their parent
/// define it, as it were.
const LINEAGE: &str = "Lineage";

/// Fields of a spec that are for people: no rule looks at those of another resource.
const PROSE: [&str; 3] = ["description", "displayName", "context"];

/// The files of one tree, with what is known about each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    text: String,
}

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row<'a> {
    path: &'a str,
    version: &'a str,
    findings: &'a str,
    facts: FactsRef<'a>,
}

/// What a file says, whatever the other files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    defines: String,
    refers: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FactsRef<'a> {
    defines: &'a str,
    refers: &'a str,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Which content it has now, in any notation that tells contents apart, and what is in it;
    /// nothing when it is gone.
    pub now: Option<(String, Facts)>,
}

/// What a change reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Files whose findings may be different after the change, the changed ones among them.
    pub affected: BTreeSet<String>,
    /// Files that did not change and must be read to check the affected ones, and the change
    /// itself: path and version.
    pub unchanged: BTreeMap<String, String>,
    /// What the other files refer to of what these define.
    pub referred: Vec<Referral>,
}

impl Catalog {
    /// A catalog that was stored as text.
    pub fn from_text(text: String) -> Catalog {
        Catalog { text }
    }

    /// What to store.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Path and version of every file, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows().map(|row| (row.path, row.version))
    }

    /// The versions of some files.
    pub fn versions(&self, paths: &BTreeSet<String>) -> BTreeMap<String, String> {
        self.files()
            .filter(|(path, _)| paths.contains(*path))
            .map(|(path, version)| (path.to_owned(), version.to_owned()))
            .collect()
    }

    /// How many findings there are in the files for which `counts` says so.
    pub fn count_findings(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.rows()
            .filter(|row| !row.findings.is_empty() && counts(row.path))
            .map(|row| row.findings.lines().count())
            .sum()
    }

    /// The findings of a file, told apart by [`identity`].
    pub fn findings_of(&self, paths: &BTreeSet<String>) -> BTreeMap<&str, BTreeSet<&str>> {
        self.rows()
            .filter(|row| !row.findings.is_empty() && paths.contains(row.path))
            .map(|row| (row.path, row.findings.lines().collect()))
            .collect()
    }

    /// The resources that are defined in the files for which `counts` says so.
    pub fn keys(&self, counts: impl Fn(&str) -> bool) -> Vec<Key> {
        self.rows()
            .filter(|row| counts(row.path))
            .flat_map(|row| row.facts.defines.lines())
            .filter_map(|line| {
                let (kind, name) = definition(line)?;
                let (namespace, name) = name.split_once('/')?;
                Some(Key::new(Kind::parse(kind)?, namespace, name))
            })
            .collect()
    }

    /// What a change reaches. Nothing that lies outside can get or lose a finding by it, and
    /// nothing outside is needed to find those inside.
    pub fn reach(&self, changes: &[FileChange]) -> Reach {
        let changed: BTreeMap<&str, Option<&Facts>> = changes
            .iter()
            .map(|change| {
                let now = change.now.as_ref().map(|(_, facts)| facts);
                (change.path.as_str(), now)
            })
            .collect();
        let web = Web::new(self, &changed);
        let affected = web.affected(&changed);
        let mut wanted = web.wanted(&affected);
        wanted.extend(web.runs_of(&changed));
        let unchanged = self
            .files()
            .filter(|(path, _)| wanted.contains(path) && !changed.contains_key(path))
            .map(|(path, version)| (path.to_owned(), version.to_owned()))
            .collect();
        Reach {
            referred: web.referred(&affected, &wanted),
            affected: affected.into_iter().map(str::to_owned).collect(),
            unchanged,
        }
    }

    /// The catalog after a change, given what was found in the files that it affects.
    pub fn after(
        &self,
        changes: &[FileChange],
        affected: &BTreeSet<String>,
        findings: &[Diagnostic],
    ) -> Catalog {
        let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| is_local(finding)) {
            let lines = found.entry(&finding.file).or_default();
            lines.push(identity(finding) + "\n");
        }
        let found: BTreeMap<&str, String> = found
            .into_iter()
            .map(|(path, mut lines)| {
                lines.sort();
                (path, lines.concat())
            })
            .collect();
        let found = |path: &str| found.get(path).map_or("", String::as_str);
        let mut changes: Vec<&FileChange> = changes.iter().collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        let mut changes = changes.into_iter().peekable();
        let mut text = String::with_capacity(self.text.len() + 1024);
        for row in self.rows() {
            while let Some(change) = changes.next_if(|change| change.path.as_str() < row.path) {
                push_change(&mut text, change, found(&change.path));
            }
            if let Some(change) = changes.next_if(|change| change.path == row.path) {
                push_change(&mut text, change, found(row.path));
            } else if affected.contains(row.path) {
                push(&mut text, row.path, row.version, found(row.path), row.facts);
            } else {
                push(&mut text, row.path, row.version, row.findings, row.facts);
            }
        }
        for change in changes {
            push_change(&mut text, change, found(&change.path));
        }
        Catalog { text }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut fields = self.text.split('\0');
        std::iter::from_fn(move || {
            Some(Row {
                path: fields.next()?,
                version: fields.next()?,
                findings: fields.next()?,
                facts: FactsRef {
                    defines: fields.next()?,
                    refers: fields.next()?,
                },
            })
        })
    }
}

/// Whether only what a change reaches decides about a finding. Whether a comment allows nothing is
/// not judged while anything cannot be read.
pub fn is_local(finding: &Diagnostic) -> bool {
    finding.code != Code::UNUSED_ALLOW
}

/// A finding as it is told apart from others of its file, whatever lines move.
pub fn identity(finding: &Diagnostic) -> String {
    let resource = finding.resource.as_ref().map(Key::to_string);
    let text = format!(
        "{} {} {} {}",
        finding.severity,
        finding.code,
        resource.as_deref().unwrap_or("-"),
        finding.message
    );
    plain(&text)
}

/// Without what separates rows, fields and lines.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn push(text: &mut String, path: &str, version: &str, findings: &str, facts: FactsRef<'_>) {
    for field in [path, version, findings, facts.defines, facts.refers] {
        text.push_str(field);
        text.push('\0');
    }
}

fn push_change(text: &mut String, change: &FileChange, findings: &str) {
    if let Some((version, facts)) = &change.now {
        // Git has no paths with a NUL.
        push(text, &change.path, version, findings, facts.borrowed());
    }
}

impl Facts {
    /// What is in a file, whose content is given as well.
    pub fn of(manifest: &Manifest, content: &Content) -> Facts {
        let mut facts = Facts::default();
        let mut refers = BTreeSet::new();
        for entry in &manifest.entries {
            let (kind, name) = (entry.key.kind, entry.key.qualified());
            let face = face(entry);
            let _ = writeln!(facts.defines, "{kind} {name} {face:x}");
            for (kind, name) in kinships(entry) {
                let _ = writeln!(facts.defines, "{kind} {name} {face:x}");
            }
            refers.extend(Referral::all_of(entry).iter().map(Referral::line));
        }
        for line in refers {
            let _ = writeln!(facts.refers, "{line}");
        }
        for word in manifest.hidden_names(content) {
            let _ = writeln!(facts.defines, "{HIDDEN} {word}");
        }
        facts
    }

    fn borrowed(&self) -> FactsRef<'_> {
        FactsRef {
            defines: &self.defines,
            refers: &self.refers,
        }
    }
}

/// Changes with whatever another resource could see of this one.
fn face(entry: &ManifestEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(resource) = &entry.resource {
        for (name, value) in resource.raw_spec.as_object().into_iter().flatten() {
            if !PROSE.contains(&name.as_str()) {
                (name, value.to_string()).hash(&mut hasher);
            }
        }
        resource.metadata.labels.hash(&mut hasher);
    } else {
        entry.document.hash(&mut hasher);
    }
    hasher.finish()
}

/// What a plan has in common with others that must be looked at together with it, under names that
/// no resource has: its series, what it supersedes, its document's id and that of its parent.
fn kinships(entry: &ManifestEntry) -> Vec<(&'static str, String)> {
    let name = |namespace: &str, what: &str| {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        format!("{namespace}/+{:x}", hasher.finish())
    };
    let mut found = Vec::new();
    if let Some(Spec::Plan(plan)) = entry.resource.as_ref().map(|resource| &resource.spec) {
        let namespace = entry.key.namespace.as_str();
        let series = plan.series.iter();
        found.extend(series.map(|series| (SERIES, name(namespace, series))));
        let superseded = plan.supersedes.iter();
        found.extend(superseded.map(|of| {
            let of = of.key(Kind::Plan, namespace);
            (SUCCESSOR, name(&of.namespace, &of.name))
        }));
    }
    // A document has no namespace of its own.
    let lineage = entry.lineage.iter();
    found.extend(lineage.map(|id| (LINEAGE, name("", id))));
    found.sort();
    found.dedup();
    found
}

/// Kind and name in a line of `defines`; who refers, and the name, in one of `refers`.
fn definition(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?))
}

/// What refers to what, before and after a change together.
struct Web<'a> {
    /// The files before the change, then the changed ones after it.
    nodes: Vec<(&'a str, FactsRef<'a>)>,
    /// How many of them there were before.
    before: usize,
    /// Nodes by what they define, and of which kind.
    definers: HashMap<&'a str, Vec<(&'a str, usize)>>,
}

impl<'a> Web<'a> {
    fn new(catalog: &'a Catalog, changes: &BTreeMap<&'a str, Option<&'a Facts>>) -> Web<'a> {
        let before = catalog.rows().map(|row| (row.path, row.facts));
        let after = changes
            .iter()
            .filter_map(|(path, facts)| Some((*path, (*facts)?.borrowed())));
        let mut nodes: Vec<(&str, FactsRef<'_>)> = before.collect();
        let before = nodes.len();
        nodes.extend(after);
        let mut definers: HashMap<&str, Vec<(&str, usize)>> = HashMap::with_capacity(nodes.len());
        for (node, (_, facts)) in nodes.iter().enumerate() {
            for (kind, name) in facts.defines.lines().filter_map(definition) {
                definers.entry(name).or_default().push((kind, node));
            }
        }
        Web {
            nodes,
            before,
            definers,
        }
    }

    /// Names of the resources that came, went or show another face.
    fn touched(&self, changes: &BTreeMap<&str, Option<&Facts>>) -> HashSet<&'a str> {
        self.differing(changes, |facts| facts.defines)
    }

    /// Names in the lines that the changed files have more or fewer of than before.
    fn differing(
        &self,
        changes: &BTreeMap<&str, Option<&Facts>>,
        list: impl Fn(&FactsRef<'a>) -> &'a str,
    ) -> HashSet<&'a str> {
        let mut lines: HashMap<(&str, &'a str), isize> = HashMap::new();
        for (node, (path, facts)) in self.nodes.iter().enumerate() {
            if changes.contains_key(path) {
                let step = if node < self.before { -1 } else { 1 };
                for line in list(facts).lines() {
                    *lines.entry((path, line)).or_default() += step;
                }
            }
        }
        lines
            .into_iter()
            .filter(|(_, more)| *more != 0)
            .filter_map(|((_, line), _)| Some(definition(line)?.1))
            .collect()
    }

    /// Files that define what the changed ones refer to now and did not, or did and do not any
    /// more: rules may ask who refers to a resource.
    fn named_anew(&self, changes: &BTreeMap<&str, Option<&Facts>>) -> BTreeSet<&'a str> {
        let names = self.differing(changes, |facts| facts.refers);
        let definers = names.into_iter().filter_map(|name| self.definers.get(name));
        definers
            .flatten()
            .map(|(_, node)| self.nodes[*node].0)
            .collect()
    }

    /// Files with executions of the plans that the changed files define, or defined: what a change
    /// to a plan means depends on whether it has run.
    fn runs_of(&self, changes: &BTreeMap<&str, Option<&Facts>>) -> BTreeSet<&'a str> {
        let plans: HashSet<&str> = self
            .nodes
            .iter()
            .filter(|(path, _)| changes.contains_key(path))
            .flat_map(|(_, facts)| facts.defines.lines().filter_map(definition))
            .filter(|(kind, _)| *kind == Kind::Plan.name())
            .map(|(_, name)| name)
            .collect();
        if plans.is_empty() {
            return BTreeSet::new();
        }
        let is_run = |(by, name): (&str, &str)| by == "Execution.planRef" && plans.contains(name);
        let nodes = self.nodes.iter();
        nodes
            .filter(|(_, facts)| facts.refers.lines().filter_map(definition).any(is_run))
            .map(|(path, _)| *path)
            .collect()
    }

    /// What the files that are not read refer to of what the others define.
    fn referred(&self, affected: &BTreeSet<&'a str>, wanted: &BTreeSet<&'a str>) -> Vec<Referral> {
        let is_read = |path: &str| wanted.contains(path) || affected.contains(path);
        let names: HashSet<&str> = self
            .nodes
            .iter()
            .filter(|(path, _)| is_read(path))
            .flat_map(|(_, facts)| facts.defines.lines().filter_map(definition))
            .map(|(_, name)| name)
            .collect();
        let unread = self.nodes.iter().filter(|(path, _)| !is_read(path));
        let lines = unread.flat_map(|(_, facts)| facts.refers.lines());
        let of_read = |line: &&str| definition(line).is_some_and(|(_, name)| names.contains(name));
        let lines: BTreeSet<&str> = lines.filter(of_read).collect();
        lines.into_iter().filter_map(Referral::from_line).collect()
    }

    /// Files that define what the changed ones define or defined, themselves included.
    fn rivals(&self, changes: &BTreeMap<&str, Option<&Facts>>) -> BTreeSet<&'a str> {
        // Each name once: where there are many definitions of it, there are as many definers.
        let names: HashSet<&str> = self
            .nodes
            .iter()
            .filter(|(path, _)| changes.contains_key(path))
            .flat_map(|(_, facts)| facts.defines.lines())
            .filter_map(|line| Some(definition(line)?.1))
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.definers.get(name))
            .flatten()
            .map(|(_, node)| self.nodes[*node].0)
            .collect()
    }

    fn affected(&self, changes: &BTreeMap<&'a str, Option<&Facts>>) -> BTreeSet<&'a str> {
        let touched = self.touched(changes);
        let mut affected: BTreeSet<&str> = changes.keys().copied().collect();
        affected.extend(self.rivals(changes));
        affected.extend(self.named_anew(changes));
        if touched.is_empty() {
            return affected;
        }
        let referrers = self.nodes.iter().filter(|(_, facts)| {
            // What may have been hidden, or may be now, has its word alone among what is touched:
            // its definition may be one of two, and may not be unused.
            let lines = facts.refers.lines().chain(facts.defines.lines());
            let mut names = lines.filter_map(definition);
            names.any(|(_, name)| {
                let hidden = name.split('/').next_back().unwrap_or(name);
                touched.contains(name) || touched.contains(hidden)
            })
        });
        affected.extend(referrers.map(|(path, _)| *path));
        // A cycle is found in every file that takes part in it.
        let start = self.nodes_of(&changes.keys().copied().collect());
        let (chained, _) = self.follow(start);
        affected.extend(chained.into_iter().map(|node| self.nodes[node].0));
        affected
    }

    /// The files that are needed to check some files.
    fn wanted(&self, affected: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let (chained, seen) = self.follow(self.nodes_of(affected));
        let hiding = self.nodes.iter().enumerate();
        let hiding = hiding.filter(|(_, (_, facts))| facts.defines.contains(HIDDEN));
        let nodes = chained.into_iter().chain(seen);
        nodes
            .chain(hiding.map(|(node, _)| node))
            .map(|node| self.nodes[node].0)
            .collect()
    }

    fn nodes_of(&self, paths: &BTreeSet<&str>) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, (path, _))| paths.contains(path))
            .map(|(node, _)| node)
            .collect()
    }

    /// From some nodes along the references that can lead back, as far as they lead; and whatever
    /// defines what the nodes on the way refer to, or what they define themselves.
    fn follow(&self, start: Vec<usize>) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let mut reached: BTreeSet<usize> = start.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let mut followed: HashSet<(Option<&str>, &str)> = HashSet::new();
        let mut open = start;
        while let Some(node) = open.pop() {
            let (_, facts) = self.nodes[node];
            let lines = facts.defines.lines().filter_map(definition);
            let (kinds, defined): (BTreeSet<&str>, BTreeSet<&str>) = lines.unzip();
            let named = facts.refers.lines().filter_map(definition);
            for name in named.map(|(_, name)| name).chain(defined) {
                // What others of a kind have followed leads nowhere else.
                let mut kinds: Vec<Option<&str>> = kinds.iter().copied().map(Some).collect();
                kinds.push(None);
                kinds.retain(|kind| followed.insert((*kind, name)));
                let definers = self.definers.get(name).filter(|_| !kinds.is_empty());
                for (kind, next) in definers.into_iter().flatten() {
                    seen.insert(*next);
                    if leads_on(&kinds, kind) && reached.insert(*next) {
                        open.push(*next);
                    }
                }
            }
        }
        (reached, seen)
    }
}

/// Whether a reference from a file that defines these kinds to one of that kind can be part of a
/// cycle: within one kind, and between executions and the plans that follow them.
fn leads_on(kinds: &[Option<&str>], to: &str) -> bool {
    let (execution, plan) = (Kind::Execution.name(), Kind::Plan.name());
    let defined = |kind: &str| kinds.contains(&Some(kind));
    defined(to) || (defined(execution) && to == plan) || (defined(plan) && to == execution)
}

#[cfg(test)]
pub(crate) mod properties;

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use proptest::test_runner::TestCaseError;

    use super::*;
    use crate::core::base::source::{Content, SourceFile};
    use crate::core::repository::config::Config;
    use crate::core::repository::definitions::{Definitions, Elsewhere};
    use crate::core::repository::snapshot::{Snapshot, manifests};

    /// Text by path.
    pub(crate) type Files = BTreeMap<String, String>;

    fn source(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            blob: String::new(),
            content: Content::Bytes(text.as_bytes().into()),
        }
    }

    /// The changes that lead from some files to others.
    fn changes(old: &Files, new: &Files) -> Vec<FileChange> {
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path))
            .map(|path| FileChange {
                path: path.clone(),
                now: new.get(path).map(|text| {
                    let file = source(path, text);
                    let content = file.content.clone();
                    let manifest = manifests(&[file], &Config::default()).remove(0);
                    (version(text), Facts::of(&manifest, &content))
                }),
            })
            .collect()
    }

    fn version(text: &str) -> String {
        crate::core::base::digest::sha256_hex(text.as_bytes())
    }

    pub(crate) fn snapshot(files: &Files, referred: Vec<Referral>) -> Snapshot {
        let files: Vec<SourceFile> = files.iter().map(|(p, t)| source(p, t)).collect();
        let config = Config::default();
        let elsewhere = Elsewhere {
            keys: Vec::new(),
            referred,
        };
        Snapshot::assemble(&files, manifests(&files, &config), elsewhere, &config)
    }

    /// A rule as somebody might add it.
    pub(super) type Rule<'a> = &'a dyn Fn(&Definitions) -> Vec<Diagnostic>;

    /// No rule beside those that there are.
    fn none(_: &Definitions) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn findings(snapshot: &Snapshot, rule: Rule<'_>) -> Vec<Diagnostic> {
        [snapshot.diagnostics(), &rule(snapshot)].concat()
    }

    /// A catalog made by reading everything.
    fn whole(files: &Files) -> Catalog {
        whole_by(files, &none)
    }

    fn whole_by(files: &Files, rule: Rule<'_>) -> Catalog {
        let changes = changes(&Files::new(), files);
        let all = files.keys().cloned().collect();
        let found = findings(&snapshot(files, Vec::new()), rule);
        Catalog::default().after(&changes, &all, &found)
    }

    /// The files that are read of a change, and what it reaches.
    fn read(catalog: &Catalog, changes: &[FileChange], new: &Files) -> (Files, Reach) {
        let reach = catalog.reach(changes);
        let changed = changes.iter().filter(|change| change.now.is_some());
        let paths = changed
            .map(|change| &change.path)
            .chain(reach.unchanged.keys());
        let read = paths.map(|path| (path.clone(), new[path].clone()));
        (read.collect(), reach)
    }

    /// What is read of a change, as it was and as it is: what the rules about change look at.
    pub(crate) fn sides((old, new): &(Files, Files)) -> (Snapshot, Snapshot) {
        let changes = changes(old, new);
        let (after, reach) = read(&whole(old), &changes, new);
        let mut before = after.clone();
        for change in &changes {
            match old.get(&change.path) {
                Some(text) => before.insert(change.path.clone(), text.clone()),
                None => before.remove(&change.path),
            };
        }
        let [before, after] = [before, after].map(|files| snapshot(&files, reach.referred.clone()));
        (before, after)
    }

    /// The next catalog, made by reading what the change reaches; and what it reaches.
    fn next(catalog: &Catalog, (old, new): (&Files, &Files), rule: Rule<'_>) -> (Catalog, Reach) {
        let changes = changes(old, new);
        let (read, reach) = read(catalog, &changes, new);
        let snapshot = snapshot(&read, reach.referred.clone());
        let found: Vec<Diagnostic> = findings(&snapshot, rule)
            .into_iter()
            .filter(|finding| reach.affected.contains(&finding.file))
            .collect();
        (catalog.after(&changes, &reach.affected, &found), reach)
    }

    pub(super) fn resource(kind: &str, name: &str, spec: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: \
             n}}\nspec: {spec}\n"
        )
    }

    fn files(list: &[(&str, String)]) -> Files {
        let owned = |(path, text): &(&str, String)| ((*path).to_owned(), text.clone());
        list.iter().map(owned).collect()
    }

    fn plan(goal: &str) -> String {
        let spec = format!(
            "{{description: d, goalRef: {{name: {goal}}}, graph: {{nodes: [{{id: a, kind: Task}}]}}}}"
        );
        resource("Plan", "p", &spec)
    }

    fn reached(old: &Files, new: &Files) -> (Vec<String>, Vec<String>) {
        let (catalog, reach) = next(&whole(old), (old, new), &none);
        assert_eq!(catalog, whole(new));
        let unchanged = reach.unchanged.into_keys().collect();
        (reach.affected.into_iter().collect(), unchanged)
    }

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_change_reaches_what_refers_to_it_and_what_that_needs() {
        let goal = |text: &str| resource("Goal", "g", &format!("{{description: {text}}}"));
        let run = resource("Execution", "r", "{planRef: {name: p}, goalRef: {name: g}}");
        let other = resource("Goal", "other", "{description: d}");
        let old = files(&[
            ("g.yaml", goal("one")),
            ("o.yaml", other),
            ("p.yaml", plan("g")),
            ("r.yaml", run),
        ]);
        let with = |path: &str, text: Option<String>| {
            let mut new = old.clone();
            match text {
                Some(text) => new.insert(path.to_owned(), text),
                None => new.remove(path),
            };
            new
        };
        // What is only for people is seen by nobody else.
        let described = with("g.yaml", Some(goal("two")));
        assert_eq!(reached(&old, &described), (paths(&["g.yaml"]), paths(&[])));
        // Those that refer to what is gone are checked, with what else they refer to.
        let gone = with("g.yaml", None);
        let (affected, unchanged) = reached(&old, &gone);
        assert_eq!(affected, ["g.yaml", "p.yaml", "r.yaml"]);
        assert_eq!(unchanged, ["p.yaml", "r.yaml"]);
        assert_eq!(whole(&gone).count_findings(|_| true), 2);
        // A plan shows its nodes to its executions, which need their goal.
        let plan = with("p.yaml", Some(plan("g").replace("id: a", "id: b")));
        let (affected, unchanged) = reached(&old, &plan);
        assert_eq!(affected, ["p.yaml", "r.yaml"]);
        assert_eq!(unchanged, ["g.yaml", "r.yaml"]);
        // A second definition is the business of the first.
        let twice = with("x.yaml", Some(goal("three")));
        let (affected, _) = reached(&old, &twice);
        assert_eq!(affected, ["g.yaml", "p.yaml", "r.yaml", "x.yaml"]);
    }

    #[test]
    fn the_plans_of_a_series_are_looked_at_together() {
        let plan = |name: &str, series: &str, version: &str| {
            let fields = format!("description: d, series: {series}, version: '{version}'");
            resource(
                "Plan",
                name,
                &format!("{{{fields}, graph: {{nodes: [{{id: a, kind: Task}}]}}}}"),
            )
        };
        let old = files(&[
            ("a.yaml", plan("a", "s", "1")),
            ("b.yaml", plan("b", "s", "2")),
            ("c.yaml", plan("c", "other", "1")),
        ]);
        let mut new = old.clone();
        new.insert("d.yaml".to_owned(), plan("d", "s", "2"));
        let (affected, unchanged) = reached(&old, &new);
        assert_eq!(affected, ["a.yaml", "b.yaml", "d.yaml"]);
        assert_eq!(unchanged, ["a.yaml", "b.yaml"]);
        let (one, two) = (whole(&old), whole(&new));
        assert_eq!(
            (one.count_findings(|_| true), two.count_findings(|_| true)),
            (0, 1)
        );
    }

    /// What has a name that stands in a file that cannot be read may not be missing, not be the only
    /// one, not be unused.
    #[test]
    fn a_file_that_cannot_be_read_reaches_whatever_has_a_name_in_it() {
        let old = files(&[
            ("g.yaml", resource("Goal", "g", "{description: d}")),
            ("h.yaml", resource("Goal", "h", "{description: d}")),
            ("p.yaml", plan("gone")),
            ("q.yaml", plan("h").replace("name: p", "name: q")),
        ]);
        let mut broken = old.clone();
        broken.insert("x.yaml".to_owned(), "name: g\nother: gone\na: [".to_owned());
        let comes = reached(&old, &broken).0;
        assert_eq!(comes, ["g.yaml", "p.yaml", "x.yaml"]);
        assert_eq!(reached(&broken, &old).0, comes);
        // Another word in it reaches what has that name, and no more what has the other.
        let mut other = broken.clone();
        other.insert("x.yaml".to_owned(), "name: h\nother: gone\na: [".to_owned());
        let (affected, _) = reached(&broken, &other);
        assert_eq!(affected, ["g.yaml", "h.yaml", "q.yaml", "x.yaml"]);
    }

    #[test]
    fn findings_are_told_apart_whatever_lines_move() {
        let old = files(&[("p.yaml", plan("gone"))]);
        let new = files(&[("p.yaml", format!("# a line\n{}", plan("gone")))]);
        let (old, new) = (whole(&old), whole(&new));
        let all = BTreeSet::from(["p.yaml".to_owned()]);
        assert_eq!(old.findings_of(&all), new.findings_of(&all));
        assert_eq!(old.count_findings(|_| true), 1);
        assert_eq!(old.count_findings(|path| path != "p.yaml"), 0);
        assert_eq!(old.keys(|_| true), [Key::new(Kind::Plan, "n", "p")]);
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn any_name() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&NAMES[..])
    }

    fn any_resource() -> impl Strategy<Value = String> {
        let names = (any_name(), any_name(), any_name(), any_name());
        (0..19_usize, names).prop_map(|(shape, (name, x, y, z))| match shape {
            0 => resource("Goal", name, &format!("{{description: {x}}}")),
            1 | 2 => resource(
                "Plan",
                name,
                &format!(
                    "{{description: d, goalRef: {{name: {x}}}, graph: {{nodes: [{{id: {y}, kind: \
                     Task, capabilityRefs: [{{name: {z}}}]}}, {{id: {x}, kind: Gate, gateRef: \
                     {{name: {y}}}}}]}}}}"
                ),
            ),
            3..=5 => resource(
                "Capability",
                name,
                &format!("{{description: d, requirements: [{{name: {x}}}, {{name: {y}}}]}}"),
            ),
            6 => resource(
                "Gate",
                name,
                &format!("{{gateType: review, targetRef: {{kind: Plan, name: {x}, nodeId: {y}}}}}"),
            ),
            7 => resource(
                "Execution",
                name,
                &format!("{{planRef: {{name: {x}}}, nodeBindings: {{{y}: {{name: {z}}}}}}}"),
            ),
            8 => resource(
                "Binding",
                name,
                &format!(
                    "{{rules: [{{selector: {{planRef: {{name: {x}}}, nodeId: {y}}}, target: \
                     {{provider: \"tool://{z}\"}}}}]}}"
                ),
            ),
            9 => resource(
                "Goal",
                name,
                &format!("{{description: d, planSelector: {{matchLabels: {{tier: {x}}}}}}}"),
            ),
            10 | 11 => resource(
                "Plan",
                name,
                &format!(
                    "{{description: d, series: {x}, version: '1', supersedes: [{{name: {y}}}], goalRef: {{name: {z}}}, \
                     graph: {{nodes: [{{id: {y}, kind: Task, capabilityRefs: [{{name: {x}}}], inputs: {{{z}: \
                     '${{parameters.p}}'}}}}, {{id: {z}, kind: Gate, gateRef: {{name: {x}}}, when: nodes.{y}.phase \
                     == 'Failed'}}]}}}}"
                ),
            ),
            12 => resource(
                "Capability",
                name,
                &format!("{{description: d, inputs: [{{name: {x}, type: number, required: true}}]}}"),
            ),
            13 => resource(
                "Execution",
                name,
                &format!("{{planRef: {{name: {x}}}, goalRef: {{name: {y}}}}}"),
            ),
            14 | 15 => document(name, x, y),
            16 => resource(
                "Plan",
                name,
                &format!(
                    "{{description: {x}, supersedes: [{{name: {y}}}], graph: {{nodes: [{{id: a, kind: Task}}]}}}}"
                ),
            ),
            17 => resource("Execution", name, &format!("{{planRef: {{name: {x}}}}}")),
            // Broken: it is known, and cannot be used.
            _ => resource("Capability", name, &format!("{{descripton: {x}}}")),
        })
    }

    /// A PlanSpec 1.2 document that follows another, perhaps.
    fn document(name: &str, of: &str, goal: &str) -> String {
        let id = |name: &str| format!("6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a1{name}");
        let (revision, parent) = if name == of {
            (1, "null".to_owned())
        } else {
            (2, id(of))
        };
        format!(
            "identity: {{plan_id: {}, session_id: s, revision: {revision}, parent_id: {parent}, \
             created_by: \"human:ana\", created_at: \"2026-01-31T09:00:00Z\"}}\n\
             intent: {{goal_statement: {goal}, motivation: m, success_definition: d}}\n\
             scope: {{in_scope: [x], out_of_scope: [y]}}\n\
             approach: {{overview: o, rationale: r, steps: [{{step_id: {goal}, title: t, description: \
             d}}]}}\n\
             success_criteria: [{{criterion_id: c, description: {goal}, verification: manual, weight: \
             primary}}]\n\
             delegation: {{default_mode: hybrid}}\n\
             metadata: {{schema_version: \"1.2.0\"}}\n\
             x-planspec: {{name: {name}, namespace: n}}\n",
            id(name)
        )
    }

    fn any_text() -> impl Strategy<Value = String> {
        let text = prop::collection::vec(any_resource(), 1..3).prop_map(|all| all.join("---\n"));
        prop_oneof![9 => text, 1 => any_name().prop_map(|name| format!("{name}: [\n"))]
    }

    fn any_files() -> impl Strategy<Value = Files> {
        prop::collection::btree_map("[a-k]\\.yaml", any_text(), 0..12)
    }

    /// Files, and the same after a few of them have changed: others in their place, new ones, one
    /// that is gone.
    pub(crate) fn any_change() -> impl Strategy<Value = (Files, Files)> {
        // A reference that goes elsewhere, another description, or another text as a whole.
        let text = prop_oneof![1 => any_text().prop_map(Some), 2 => Just(None)];
        let names = prop_oneof![any_name(), prop::sample::select(&NAMES[..2])];
        let edit = (names.clone(), names, text);
        let edits = prop::collection::vec((any::<prop::sample::Index>(), edit), 0..3);
        let parts = (
            any_files(),
            edits,
            any_files(),
            any::<prop::sample::Index>(),
            0..3_u8,
        );
        parts.prop_map(|(old, edits, added, gone, what)| {
            let mut new = old.clone();
            let paths: Vec<&String> = old.keys().collect();
            if !paths.is_empty() {
                for (which, (from, to, text)) in edits {
                    let path = *which.get(&paths);
                    let text = text.unwrap_or_else(|| {
                        let text = old[path].replace(&format!("{from}}}"), &format!("{to}}}"));
                        let [was, is] = [from, to].map(|word| format!("description: {word}"));
                        text.replace(&was, &is)
                    });
                    new.insert(path.clone(), text);
                }
                if what == 0 {
                    new.remove(*gone.get(&paths));
                }
            }
            if what == 1 {
                new.extend(added.into_iter().take(2));
            }
            (old, new)
        })
    }

    pub(super) fn leads_where_reading_everything_leads(
        (old, new): &(Files, Files),
        rule: Rule<'_>,
    ) -> Result<(), TestCaseError> {
        let (stepped, _) = next(&whole_by(old, rule), (old, new), rule);
        prop_assert_eq!(stepped, whole_by(new, rule));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(768))]

        /// However little is read, nothing is missed and nothing is made up.
        #[test]
        fn a_step_leads_where_reading_everything_leads(change in any_change()) {
            leads_where_reading_everything_leads(&change, &none)?;
        }
    }
}
