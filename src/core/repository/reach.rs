//! What a change to some files reaches: which files may get or lose a finding by it, and which
//! others must be read to know.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::core::base::diagnostic::Diagnostic;
use crate::core::repository::facts::{Facts, identity, is_local, name_in};
use crate::core::repository::index::{Damaged, Index, Pages, Row, last};
use crate::core::repository::referral::Referral;
use crate::core::resource::Kind;

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

/// What a change reaches. Nothing that lies outside can get or lose a finding by it, and nothing
/// outside is needed to find those inside.
///
/// # Errors
/// The index is damaged.
pub fn reach<P: Pages>(index: &Index<P>, changes: &[FileChange]) -> Result<Reach, Damaged> {
    if index.is_empty() {
        return Ok(Reach {
            affected: changes.iter().map(|change| change.path.clone()).collect(),
            ..Reach::default()
        });
    }
    let web = Web::new(index, changes)?;
    let affected = web.affected()?;
    let mut wanted = web.wanted(&affected)?;
    wanted.extend(web.runs()?);
    let referred = web.referred(&affected, &wanted)?;
    wanted.retain(|path| !web.changed.contains_key(path));
    let mut unchanged = BTreeMap::new();
    for path in wanted {
        let version = web.before(&path)?.version;
        unchanged.insert(path, version);
    }
    Ok(Reach {
        affected,
        unchanged,
        referred,
    })
}

/// What the index has to learn of a change, given what was found in the files that it affects.
///
/// # Errors
/// The index is damaged.
pub fn rows<P: Pages>(
    index: &Index<P>,
    changes: &[FileChange],
    affected: &BTreeSet<String>,
    findings: &[Diagnostic],
) -> Result<BTreeMap<String, Option<Row>>, Damaged> {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| is_local(finding)) {
        let lines = found.entry(&finding.file).or_default();
        lines.insert(identity(finding) + "\n");
    }
    let found = |path: &str| {
        let lines = found.get(path).into_iter().flatten();
        lines.map(String::as_str).collect::<String>()
    };
    let mut rows = BTreeMap::new();
    for path in affected {
        if let Some(row) = index.row(path)? {
            let findings = found(path);
            rows.insert(path.clone(), Some(Row { findings, ..row }));
        }
    }
    for change in changes {
        let row = change.now.as_ref().map(|(version, facts)| Row {
            version: version.clone(),
            findings: found(&change.path),
            facts: facts.clone(),
        });
        rows.insert(change.path.clone(), row);
    }
    Ok(rows)
}

/// Some resources, with whatever they refer to and what that refers to in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The files that define all that: path and version. Files that cannot be read are among them,
    /// since they may hide what is looked for.
    pub files: BTreeMap<String, String>,
    /// Who refers to the resources themselves, in whatever files.
    pub referred: Vec<Referral>,
}

/// What it takes to say what is wrong with the resources of these names (`namespace/name`).
///
/// # Errors
/// The index is damaged.
pub fn surroundings<P: Pages>(index: &Index<P>, names: &[String]) -> Result<Surroundings, Damaged> {
    let mut found = Surroundings::default();
    for path in index.hiding()? {
        let row = index.row(&path)?.ok_or(Damaged)?;
        found.files.insert(path, row.version);
    }
    let mut named: BTreeSet<String> = names.iter().cloned().collect();
    let mut open = names.to_vec();
    while let Some(name) = open.pop() {
        for definer in index.definers_of(&name)? {
            if found.files.contains_key(&definer.path) {
                continue;
            }
            let row = index.row(&definer.path)?.ok_or(Damaged)?;
            for (_, name) in row.facts.referred() {
                if named.insert(name.to_owned()) {
                    open.push(name.to_owned());
                }
            }
            found.files.insert(definer.path, row.version);
        }
    }
    for name in names {
        let referrers = index.referrers_of(name)?.into_iter();
        let referrals = referrers.filter_map(|by| Referral::from_line(&by.what));
        found.referred.extend(referrals);
    }
    Ok(found)
}

/// How a reference from a run to its plan begins.
const PLAN_OF_RUN: &str = "Execution.planRef ";

/// What refers to what, before and after a change together.
struct Web<'a, P> {
    index: &'a Index<P>,
    /// The changed files, as they were and as they are.
    changed: BTreeMap<String, (Option<Row>, Option<&'a Facts>)>,
    /// What the changed files define now: kind and path, by name.
    defined: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    /// Rows of other files that were looked at.
    seen: RefCell<HashMap<String, Row>>,
}

/// A file at one of the two moments: one that did not change is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Node {
    path: String,
    is_after: bool,
}

impl Node {
    fn before(path: &str) -> Node {
        Node {
            path: path.to_owned(),
            is_after: false,
        }
    }

    fn after(path: &str) -> Node {
        Node {
            path: path.to_owned(),
            is_after: true,
        }
    }
}

impl<'a, P: Pages> Web<'a, P> {
    fn new(index: &'a Index<P>, changes: &'a [FileChange]) -> Result<Web<'a, P>, Damaged> {
        let mut changed = BTreeMap::new();
        let mut defined: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for change in changes {
            let after = change.now.as_ref().map(|(_, facts)| facts);
            for (kind, name) in after.iter().flat_map(|facts| facts.defined()) {
                defined.entry(name).or_default().push((kind, &change.path));
            }
            changed.insert(change.path.clone(), (index.row(&change.path)?, after));
        }
        Ok(Web {
            index,
            changed,
            defined,
            seen: RefCell::default(),
        })
    }

    /// The row of a file of which the index knows.
    fn before(&self, path: &str) -> Result<Row, Damaged> {
        if let Some((Some(row), _)) = self.changed.get(path) {
            return Ok(row.clone());
        }
        if let Some(row) = self.seen.borrow().get(path) {
            return Ok(row.clone());
        }
        let row = self.index.row(path)?.ok_or(Damaged)?;
        self.seen.borrow_mut().insert(path.to_owned(), row.clone());
        Ok(row)
    }

    fn facts(&self, node: &Node) -> Result<Facts, Damaged> {
        let after = self.changed.get(&node.path).and_then(|(_, after)| *after);
        match after.filter(|_| node.is_after) {
            Some(facts) => Ok(facts.clone()),
            None => Ok(self.before(&node.path)?.facts),
        }
    }

    /// What the changed files say, before and after.
    fn facts_of_changed(&self) -> impl Iterator<Item = &Facts> {
        let both = self.changed.values();
        both.flat_map(|(before, after)| before.iter().map(|row| &row.facts).chain(*after))
    }

    /// Who defines a name, before or after, and as what.
    fn definers(&self, name: &str) -> Result<Vec<(String, Node)>, Damaged> {
        let before = self.index.definers_of(name)?.into_iter();
        let mut found: Vec<(String, Node)> = before
            .map(|definer| (definer.what, Node::before(&definer.path)))
            .collect();
        let after = self.defined.get(name).into_iter().flatten();
        found.extend(after.map(|(kind, path)| ((*kind).to_owned(), Node::after(path))));
        Ok(found)
    }

    fn paths_of_definers<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<BTreeSet<String>, Damaged> {
        let mut paths = BTreeSet::new();
        for name in names {
            let before = self.index.definers_of(name)?.into_iter();
            paths.extend(before.map(|definer| definer.path));
            let after = self.defined.get(name).into_iter().flatten();
            paths.extend(after.map(|(_, path)| (*path).to_owned()));
        }
        Ok(paths)
    }

    /// Names in the lines that the changed files have more or fewer of than before.
    fn differing<'s>(&'s self, list: impl Fn(&'s Facts) -> &'s str) -> HashSet<&'s str> {
        let mut differing = HashSet::new();
        for (before, after) in self.changed.values() {
            let lines = |facts: Option<&'s Facts>| -> HashSet<&'s str> {
                facts
                    .map(|facts| list(facts).lines().collect())
                    .unwrap_or_default()
            };
            let (before, after) = (lines(before.as_ref().map(|row| &row.facts)), lines(*after));
            let lines = before.symmetric_difference(&after);
            differing.extend(lines.filter_map(|line| name_in(line)));
        }
        differing
    }

    fn affected(&self) -> Result<BTreeSet<String>, Damaged> {
        let mut affected: BTreeSet<String> = self.changed.keys().cloned().collect();
        // Each name once: where there are many definitions of it, there are as many definers.
        let defined: HashSet<&str> = self
            .facts_of_changed()
            .flat_map(Facts::defined)
            .map(|(_, name)| name)
            .collect();
        affected.extend(self.paths_of_definers(defined)?);
        // Rules may ask who refers to a resource.
        affected.extend(self.paths_of_definers(self.differing(Facts::refers))?);
        let touched = self.differing(Facts::defines);
        for name in &touched {
            let mut named = self.index.referrers_of(name)?;
            // What may have been hidden, or may be now, is a word alone: its definition, in whatever
            // namespace, may be one of two, and may not be unused.
            if last(name) == *name {
                named.extend(self.index.definers(name)?);
                named.extend(self.index.referrers_anywhere(name)?);
            }
            affected.extend(named.into_iter().map(|other| other.path));
        }
        if !touched.is_empty() {
            // A cycle is found in every file that takes part in it.
            let (chained, _) = self.follow(self.nodes_of(self.changed.keys())?)?;
            affected.extend(chained.into_iter().map(|node| node.path));
        }
        Ok(affected)
    }

    /// The files that are needed to check some files.
    fn wanted(&self, affected: &BTreeSet<String>) -> Result<BTreeSet<String>, Damaged> {
        let (chained, seen) = self.follow(self.nodes_of(affected)?)?;
        let nodes = chained.into_iter().chain(seen);
        let mut wanted: BTreeSet<String> = nodes.map(|node| node.path).collect();
        wanted.extend(self.index.hiding()?);
        Ok(wanted)
    }

    /// Files with executions of the plans that the changed files define, or defined: what a change
    /// to a plan means depends on whether it has run.
    fn runs(&self) -> Result<BTreeSet<String>, Damaged> {
        let defined: HashSet<(&str, &str)> =
            self.facts_of_changed().flat_map(Facts::defined).collect();
        let plans = defined
            .into_iter()
            .filter(|(kind, _)| *kind == Kind::Plan.name());
        let mut paths = BTreeSet::new();
        for (_, plan) in plans {
            let referrers = self.index.referrers_of(plan)?.into_iter();
            let runs = referrers.filter(|by| by.what.starts_with(PLAN_OF_RUN));
            paths.extend(runs.map(|by| by.path));
        }
        Ok(paths)
    }

    /// What the files that are not read refer to of what the others define.
    fn referred(
        &self,
        affected: &BTreeSet<String>,
        wanted: &BTreeSet<String>,
    ) -> Result<Vec<Referral>, Damaged> {
        let is_read = |path: &String| wanted.contains(path) || affected.contains(path);
        let mut names = BTreeSet::new();
        for node in self.nodes_of(affected.union(wanted))? {
            let facts = self.facts(&node)?;
            names.extend(facts.defined().map(|(_, name)| name.to_owned()));
        }
        let mut referred = BTreeSet::new();
        for name in &names {
            let referrers = self.index.referrers_of(name)?.into_iter();
            let unread = referrers.filter(|by| !is_read(&by.path));
            referred.extend(unread.map(|by| by.what));
        }
        Ok(referred
            .iter()
            .filter_map(|line| Referral::from_line(line))
            .collect())
    }

    fn nodes_of<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> Result<Vec<Node>, Damaged> {
        let mut nodes = Vec::new();
        for path in paths {
            match self.changed.get(path) {
                Some((before, after)) => {
                    nodes.extend(before.iter().map(|_| Node::before(path)));
                    nodes.extend(after.iter().map(|_| Node::after(path)));
                }
                None => nodes.push(Node::before(path)),
            }
        }
        Ok(nodes)
    }

    /// From some nodes along the references that can lead back, as far as they lead; and whatever
    /// defines what the nodes on the way refer to, or what they define themselves.
    fn follow(&self, start: Vec<Node>) -> Result<(BTreeSet<Node>, BTreeSet<Node>), Damaged> {
        let mut reached: BTreeSet<Node> = start.iter().cloned().collect();
        let mut seen = BTreeSet::new();
        let mut followed: HashSet<(Option<String>, String)> = HashSet::new();
        let mut open = start;
        while let Some(node) = open.pop() {
            let facts = self.facts(&node)?;
            let (kinds, defined): (BTreeSet<&str>, BTreeSet<&str>) = facts.defined().unzip();
            let named = facts.referred().map(|(_, name)| name);
            for name in named.chain(defined) {
                // What others of a kind have followed leads nowhere else.
                let mut kinds: Vec<Option<&str>> = kinds.iter().copied().map(Some).collect();
                kinds.push(None);
                kinds.retain(|kind| followed.insert((kind.map(str::to_owned), name.to_owned())));
                if kinds.is_empty() {
                    continue;
                }
                for (kind, next) in self.definers(name)? {
                    if leads_on(&kinds, &kind) && reached.insert(next.clone()) {
                        open.push(next.clone());
                    }
                    seen.insert(next);
                }
            }
        }
        Ok((reached, seen))
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
pub(crate) mod tests;
