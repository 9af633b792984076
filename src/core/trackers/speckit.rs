//! The order of tasks that spec-kit expresses by phases and marks.
//!
//! Phases follow each other; user stories are parallel, between what precedes and follows all of them. Tasks of
//! a phase follow each other, except that adjacent ones with `[P]` are parallel. If a task names its
//! dependencies within its phase, these count instead.

use std::collections::BTreeMap;

use super::{Link, Task};

/// The marks in brackets before the text of a task.
#[derive(Debug, Default)]
pub struct Marks {
    /// Whether it may run in parallel with its neighbours.
    is_parallel: bool,
    /// The other marks: user stories.
    pub labels: Vec<String>,
}

/// The marks at the beginning of a text, and the text after them.
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

/// `Phase 1`, if a heading begins so; the rest of the heading may change.
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

/// The marks of one task.
#[derive(Debug)]
struct Mark {
    is_parallel: bool,
    is_story: bool,
    /// The headings above it; none for a subtask.
    sections: Vec<String>,
}

/// The marks and headings, task by task.
#[derive(Debug, Default)]
pub struct Phases {
    /// `None` for headings.
    marks: Vec<Option<Mark>>,
    steps: usize,
    hints: usize,
}

impl Phases {
    /// Adds the next task of the list.
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

    /// Adds a heading, as the next entry of the list.
    pub fn add_heading(&mut self, title: &str) {
        self.hints += usize::from(phase(title).is_some());
        self.marks.push(None);
    }

    /// Whether the list looks like one of spec-kit.
    pub fn is_speckit(&self) -> bool {
        self.steps > 0 && self.hints > 0
    }

    /// Makes each task depend on its predecessors.
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

    /// The tasks in sections, with their marks.
    fn each<'a>(&'a self, tasks: &'a [Task]) -> impl Iterator<Item = (usize, String, &'a Mark)> {
        let both = tasks.iter().zip(&self.marks).enumerate();
        both.filter_map(|(index, (task, mark))| {
            let mark = mark.as_ref().filter(|mark| !mark.sections.is_empty())?;
            Some((index, task.id.clone(), mark))
        })
    }

    /// The dependencies of each phase, as groups.
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
        // The dependencies of the next phase, and of the next story.
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

/// The progress within the order of a phase.
#[derive(Default)]
struct Row {
    sections: Vec<String>,
    /// The dependencies of the current batch.
    before: Vec<String>,
    /// The current batch of parallel tasks.
    batch: Vec<String>,
    was_parallel: bool,
}

impl Row {
    /// The dependencies of the next task; `before` are those of its phase.
    fn next(&mut self, id: &str, mark: &Mark, before: Vec<String>) -> Vec<String> {
        if self.sections.first() != mark.sections.first() {
            *self = Row {
                before,
                ..Row::default()
            };
        } else if self.sections != mark.sections {
            // A finished subsection counts as a whole.
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
