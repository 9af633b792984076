//! Looks up summaries, and reads only the files that are needed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::lines::{NewLines, Shard, Summaries, all_shards, shard_of, shard_of_needed};
use super::outline::ShardFacts;
use super::{Summary, needed_resource};
use crate::core::resource::{Key, Kind};
use crate::core::run::record::Address;

/// Reads files of summaries.
pub trait Shards {
    /// Errors of reading.
    type Error;

    /// Returns the content of a file; a missing one is empty.
    ///
    /// # Errors
    /// It cannot be read.
    fn shard(&self, name: &str) -> Result<Shard, Self::Error>;
}

/// Summaries that are read on demand.
pub struct Lookup<'a, S> {
    from: &'a S,
    known: RefCell<Summaries>,
}

impl<'a, S: Shards> Lookup<'a, S> {
    /// Summaries of which some may be known.
    pub fn new(known: Summaries, from: &'a S) -> Lookup<'a, S> {
        Lookup {
            from,
            known: RefCell::new(known),
        }
    }

    /// The summaries that were read.
    pub fn known(&self) -> Summaries {
        self.known.borrow().clone()
    }

    /// Reads files, unless they are known.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self, shards: impl IntoIterator<Item = String>) -> Result<(), S::Error> {
        for name in shards {
            if !self.known.borrow().has(&name) {
                let shard = self.from.shard(&name)?;
                self.known.borrow_mut().add(name, shard);
            }
        }
        Ok(())
    }

    /// The summary of a resource.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn line(&self, key: &Key) -> Result<Option<Arc<Summary>>, S::Error> {
        self.read([shard_of(key)])?;
        Ok(self.known.borrow().line(key).cloned())
    }

    /// The summaries of the executions that need a resource.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn users(&self, key: &Key) -> Result<Vec<Arc<Summary>>, S::Error> {
        let needed = needed_resource(key);
        self.read([shard_of_needed(&needed)])?;
        let names: Vec<String> = {
            let known = self.known.borrow();
            known.users(&needed).map(str::to_owned).collect()
        };
        let mut found = Vec::new();
        for name in names {
            let (namespace, name) = name.split_once('/').unwrap_or(("", &name));
            found.extend(self.line(&Key::new(Kind::Execution, namespace, name))?);
        }
        Ok(found)
    }

    /// The summaries in the files that `is_meant` selects.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn lines_where(
        &self,
        is_meant: impl Fn(&ShardFacts) -> bool,
    ) -> Result<Vec<Arc<Summary>>, S::Error> {
        let shards: BTreeSet<String> = {
            let known = self.known.borrow();
            let meant = known.outline.shards.iter();
            let meant = meant.filter(|(_, facts)| is_meant(facts));
            meant.map(|(name, _)| name.clone()).collect()
        };
        self.read(shards.iter().cloned())?;
        let known = self.known.borrow();
        let lines = shards.iter().flat_map(|name| known.lines_of(name));
        Ok(lines.cloned().collect())
    }

    /// The execution of a record; none for a request to the whole repository.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn run_at(&self, address: &Address) -> Result<Option<Arc<Summary>>, S::Error> {
        let is_meant = |line: &Summary| line.run.is_some() && line.uid == address.uid();
        match address {
            Address::Review {
                namespace, gate, ..
            } => {
                let users = self.users(&Key::new(Kind::Gate, namespace, gate))?;
                if let Some(line) = users.into_iter().find(|line| is_meant(line)) {
                    return Ok(Some(line));
                }
                // Its run may have no such gate, and must then report why the record is wrong.
                let all = self.all()?;
                let found = all.lines().find(|line| is_meant(line));
                Ok(found.cloned().map(Arc::new))
            }
            Address::Work { run, .. }
            | Address::Verification { run, .. }
            | Address::Attestation { run, .. }
            | Address::Answer { run, .. }
            | Address::Request { run, .. } => {
                let key = Key::new(Kind::Execution, &run.namespace, &run.name);
                Ok(self.line(&key)?.filter(|line| is_meant(line)))
            }
            Address::Repository { .. } => Ok(None),
        }
    }

    /// All summaries.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn all(&self) -> Result<Summaries, S::Error> {
        self.read(all_shards())?;
        Ok(self.known())
    }

    /// The summaries that were read, and the same with new ones; reads the files that are needed.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn with(&self, new: &NewLines) -> Result<(Summaries, Summaries), S::Error> {
        self.read(new.keys().map(shard_of))?;
        let shards = self.known.borrow().shards_for(new);
        self.read(shards)?;
        let before = self.known();
        if let Some(after) = before.with(new) {
            return Ok((before, after));
        }
        let before = self.all()?;
        let others = before.lines().filter(|line| !new.contains_key(&line.key()));
        let new = new.values().flatten().map(|line| (**line).clone());
        let mut after = Summaries::whole(others.cloned().chain(new));
        // Files that became empty are known to be empty.
        for name in all_shards()
            .filter(|name| !after.has(name))
            .collect::<Vec<_>>()
        {
            after.add(name, Shard::default());
        }
        Ok((before, after))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::core::resource::{
        Claim, ExecutionPhase, ExecutionStatus, GoalPhase, GoalStatus, NodeExtensions, NodePhase,
        NodeStatus, READY, Status, Time,
    };
    use crate::core::run::status::{SpecSource, StatusFile};
    use crate::core::run::summary::Aside;
    use crate::core::run::summary::lines::shard_path;

    /// Stored summaries, which count the files that are read.
    struct Stored {
        lines: Summaries,
        texts: BTreeMap<String, Option<String>>,
        read: RefCell<Vec<String>>,
    }

    impl Stored {
        fn new(lines: Summaries) -> Stored {
            Stored {
                texts: lines.changed_files(&Summaries::default()).unwrap(),
                lines,
                read: RefCell::default(),
            }
        }

        fn lookup(&self) -> Lookup<'_, Stored> {
            Lookup::new(Summaries::unread(self.lines.outline.clone()), self)
        }
    }

    impl Shards for Stored {
        type Error = std::convert::Infallible;

        fn shard(&self, name: &str) -> Result<Shard, Self::Error> {
            self.read.borrow_mut().push(name.to_owned());
            let path = shard_path(name);
            let text = self.texts.get(&path).cloned().flatten();
            Ok(Shard::read(&path, text.unwrap_or_default().as_bytes()).unwrap())
        }
    }

    fn at(minute: u8) -> Time {
        format!("2026-03-01T09:{minute:02}:00Z").parse().unwrap()
    }

    fn file(status: Status) -> StatusFile {
        StatusFile {
            uid: "u".to_owned(),
            generation: 1,
            created: at(0),
            deleted: None,
            source: SpecSource {
                path: "planspec/x.yaml".to_owned(),
                digest: "sha256:0".to_owned(),
            },
            status,
        }
    }

    /// A run that waits, is running or is over; or a goal.
    fn line(key: &Key, state: u8, minute: u8) -> Option<Arc<Summary>> {
        let since = Some(at(minute));
        let node = |at: u8| {
            let claim = (at.is_multiple_of(2)).then(|| Claim {
                actor: "agent:a".to_owned(),
                record: "c".to_owned(),
                session: None,
                expires: None,
                done_before: false,
            });
            let phase = if claim.is_some() {
                NodePhase::Running
            } else {
                NodePhase::Pending
            };
            let extensions = NodeExtensions {
                claim,
                reason: READY.to_owned(),
                since,
                ..NodeExtensions::default()
            };
            let node = NodeStatus {
                phase,
                attempt: 1,
                extensions,
                ..NodeStatus::default()
            };
            (format!("n{at}"), node)
        };
        let status = match (key.kind, state) {
            (_, 0) => return None,
            (Kind::Goal, _) => Status::Goal(GoalStatus {
                phase: GoalPhase::Ready,
                ..GoalStatus::default()
            }),
            (_, 1 | 5) => Status::Execution(Box::new(ExecutionStatus {
                phase: if state == 1 {
                    ExecutionPhase::Succeeded
                } else {
                    ExecutionPhase::Failed
                },
                completion_time: Some(at(minute)),
                ..ExecutionStatus::default()
            })),
            _ => Status::Execution(Box::new(ExecutionStatus {
                phase: ExecutionPhase::Running,
                start_time: Some(at(minute)),
                node_statuses: (0..state).map(node).collect(),
                ..ExecutionStatus::default()
            })),
        };
        let aside = Aside {
            due: (minute.is_multiple_of(3)).then(|| at(minute)),
            follows: (minute.is_multiple_of(4))
                .then(|| Key::new(Kind::Execution, "team", format!("run-{}", minute % 7)))
                .into_iter()
                .collect(),
            selects: minute.is_multiple_of(5),
            has_errors: minute.is_multiple_of(11),
        };
        Summary::of(key, &file(status), aside).map(Arc::new)
    }

    fn key(number: usize) -> Key {
        match number.checked_sub(90) {
            Some(goal) => Key::new(Kind::Goal, "team", format!("goal-{goal}")),
            None => Key::new(Kind::Execution, "team", format!("run-{number}")),
        }
    }

    type Lines = BTreeMap<Key, Arc<Summary>>;

    fn whole(lines: &Lines) -> Summaries {
        Summaries::whole(lines.values().map(|line| (**line).clone()))
    }

    fn any_lines(most: usize) -> impl Strategy<Value = NewLines> {
        let one = (0..160_usize, 0..6_u8, 0..60_u8);
        prop::collection::vec(one, 1..most).prop_map(|lines| {
            let lines = lines.into_iter();
            lines
                .map(|(number, state, minute)| {
                    let key = key(number);
                    let line = line(&key, state, minute);
                    (key, line)
                })
                .collect()
        })
    }

    fn apply(lines: &mut Lines, new: &NewLines) {
        for (key, line) in new {
            match line {
                Some(line) => lines.insert(key.clone(), Arc::clone(line)),
                None => lines.remove(key),
            };
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The incrementally updated files are the same as after reading all summaries.
        #[test]
        fn lines_in_part_are_those_of_the_whole(
            first in any_lines(300),
            steps in prop::collection::vec(any_lines(6), 1..12),
        ) {
            let mut lines = Lines::new();
            apply(&mut lines, &first);
            for step in steps {
                let stored = Stored::new(whole(&lines));
                let lookup = stored.lookup();
                let (before, after) = lookup.with(&step).unwrap();
                apply(&mut lines, &step);
                let expected = whole(&lines);
                prop_assert_eq!(&after.outline, &expected.outline);
                prop_assert!(after.is_part_of(&expected, &stored.lines));
                let files = after.changed_files(&before).unwrap();
                prop_assert_eq!(files, expected.changed_files(&stored.lines).unwrap());
            }
        }
    }

    #[test]
    fn what_is_asked_for_is_read_and_nothing_else() {
        let mut lines = Lines::new();
        for number in 0..160 {
            let key = key(number);
            let state = if number == 3 { 1 } else { 2 };
            lines.extend(line(&key, state, 1).map(|line| (key, line)));
        }
        let stored = Stored::new(whole(&lines));
        let lookup = stored.lookup();
        let run = key(89);
        assert_eq!(lookup.line(&run).unwrap().unwrap().name, "run-89");
        assert_eq!(stored.read.borrow().len(), 1);
        // It is not among the shown rows, and stays after them.
        let new = NewLines::from([(run.clone(), line(&run, 4, 7))]);
        lookup.with(&new).unwrap();
        assert_eq!(stored.read.borrow().len(), 1);
        assert!(
            lookup
                .lines_where(|facts| facts.has_errors)
                .unwrap()
                .is_empty()
        );
        assert_eq!(stored.read.borrow().len(), 1);
        // If a shown row is removed, another one moves up, which needs all of them.
        let new = NewLines::from([(key(0), line(&key(0), 1, 7))]);
        let (_, after) = lookup.with(&new).unwrap();
        assert_eq!(stored.read.borrow().len(), 256);
        assert_eq!(after.outline.unclaimed.count, 88);
        assert_eq!(after.outline.ended.first[0].run, key(0));
    }
}
