//! The order that spec-kit means by phases and marks.
//!
//! Phases come one after another; user stories stand beside each other, between what comes before and after all of them. In a
//! phase tasks come one after another, but those with `[P]` that stand together are done side by side. Where a task names what
//! it depends on within its phase, that counts instead.

use std::collections::BTreeMap;

use super::{Link, Task};

/// What stands in brackets before the text of a task.
#[derive(Debug, Default)]
pub struct Marks {
    /// Whether it can be done beside its neighbours.
    is_parallel: bool,
    /// The other marks: user stories.
    pub labels: Vec<String>,
}

/// The marks that a text begins with, and what stands behind them.
pub fn marks(text: &str) -> (Marks, &str) {
    let mut marks = Marks::default();
    let mut rest = text;
    while let Some((mark, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if mark == "P" {
            marks.is_parallel = true;
        } else if is_story(mark) {
            marks.labels.push(mark.to_owned());
        } else {
            break;
        }
        rest = behind.trim_start();
    }
    (marks, rest)
}

/// `US1`
fn is_story(mark: &str) -> bool {
    let number = mark.strip_prefix("US").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Phase 1`, of a heading that begins so: the rest of it may change.
pub fn phase(title: &str) -> Option<&str> {
    let rest = title.strip_prefix("Phase ")?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    let is_number = rest
        .get(..end)?
        .chars()
        .all(|c| c.is_ascii_digit() || c == 'N');
    (end > 0 && is_number).then(|| title.get(..6 + end))?
}

/// What is known of one task.
#[derive(Debug)]
struct Mark {
    is_parallel: bool,
    is_story: bool,
    /// The headings that it stands below; none where it is a part of another task.
    sections: Vec<String>,
}

/// What the marks and headings say, task by task.
#[derive(Debug, Default)]
pub struct Phases {
    /// Nothing for what is a heading.
    marks: Vec<Option<Mark>>,
    steps: usize,
    hints: usize,
}

impl Phases {
    /// The next task of the list.
    pub fn add(&mut self, marks: &Marks, is_step: bool, sections: Vec<String>) {
        let is_story = !marks.labels.is_empty();
        self.steps += usize::from(is_step);
        self.hints += usize::from(marks.is_parallel || is_story);
        self.marks.push(Some(Mark {
            is_parallel: marks.is_parallel,
            is_story,
            sections,
        }));
    }

    /// The next entry of the list is a heading.
    pub fn add_heading(&mut self, title: &str) {
        self.hints += usize::from(phase(title).is_some());
        self.marks.push(None);
    }

    /// Whether the list looks like one of spec-kit.
    pub fn is_speckit(&self) -> bool {
        self.steps > 0 && self.hints > 0
    }

    /// Let each task wait for what comes before it.
    pub fn order(&self, tasks: &mut [Task]) {
        let phase_of: BTreeMap<String, String> = self
            .each(tasks)
            .filter_map(|(_, id, mark)| Some((id, mark.sections.first()?.clone())))
            .collect();
        let mut row = Row::default();
        let mut found: Vec<(usize, Vec<String>)> = Vec::new();
        let before_phase = self.before_phases(tasks);
        for (index, id, mark) in self.each(tasks) {
            let Some(phase) = mark.sections.first() else {
                continue;
            };
            let Some(task) = tasks.get(index) else {
                continue;
            };
            let before = before_phase.get(phase).cloned().unwrap_or_default();
            let implied = row.next(&id, mark, before);
            let is_said = task
                .after
                .iter()
                .any(|link| phase_of.get(&link.id) == Some(phase));
            if !is_said {
                found.push((index, implied));
            }
        }
        for (index, before) in found {
            if let Some(task) = tasks.get_mut(index) {
                task.after.extend(before.into_iter().map(Link::to));
            }
        }
    }

    /// The tasks that stand in a section, with their marks.
    fn each<'a>(&'a self, tasks: &'a [Task]) -> impl Iterator<Item = (usize, String, &'a Mark)> {
        let both = tasks.iter().zip(&self.marks).enumerate();
        both.filter_map(|(index, (task, mark))| {
            let mark = mark.as_ref().filter(|mark| !mark.sections.is_empty())?;
            Some((index, task.id.clone(), mark))
        })
    }

    /// What each phase waits for, as groups.
    fn before_phases(&self, tasks: &[Task]) -> BTreeMap<String, Vec<String>> {
        let mut phases: Vec<(String, bool)> = Vec::new();
        for (_, _, mark) in self.each(tasks) {
            let Some(phase) = mark.sections.first() else {
                continue;
            };
            match phases.last_mut().filter(|(last, _)| last == phase) {
                Some((_, is_story)) => *is_story |= mark.is_story,
                None => phases.push((phase.clone(), mark.is_story)),
            }
        }
        let mut found = BTreeMap::new();
        // What the next phase waits for, and the next story.
        let (mut last, mut base): (Vec<String>, Vec<String>) = Default::default();
        let mut after_story = false;
        for (phase, is_story) in phases {
            if !is_story || !after_story {
                base = std::mem::take(&mut last);
            }
            found.insert(phase.clone(), base.clone());
            last.push(phase);
            after_story = is_story;
        }
        found
    }
}

/// How far the order of a phase has come.
#[derive(Default)]
struct Row {
    sections: Vec<String>,
    /// What those of the batch wait for.
    before: Vec<String>,
    /// What is done side by side.
    batch: Vec<String>,
    was_parallel: bool,
}

impl Row {
    /// What the next task waits for; `before` is what its phase waits for.
    fn next(&mut self, id: &str, mark: &Mark, before: Vec<String>) -> Vec<String> {
        if self.sections.first() != mark.sections.first() {
            *self = Row {
                before,
                ..Row::default()
            };
        } else if self.sections != mark.sections {
            // A part of the phase is over as a whole, where it was one.
            let whole = self.sections.last().filter(|_| self.sections.len() > 1);
            self.before = match whole.filter(|whole| !mark.sections.contains(whole)) {
                Some(whole) => vec![whole.clone()],
                None => std::mem::take(&mut self.batch),
            };
            self.batch.clear();
        } else if !self.batch.is_empty() && (!mark.is_parallel || !self.was_parallel) {
            self.before = std::mem::take(&mut self.batch);
        }
        self.sections.clone_from(&mark.sections);
        self.was_parallel = mark.is_parallel;
        self.batch.push(id.to_owned());
        self.before.clone()
    }
}
