//! Finds the errors of a task list, or removes them: duplicate ids, broken links, cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::{Hold, Link, Refused, State, Task, TaskList};
use crate::core::base::invisible::unseen;

/// The help if a list does not form a graph.
const HELP: &str = "nothing was written; correct the list, or skip its errors with --lenient";
/// How many tasks of a cycle are named.
const MOST_NAMED: usize = 10;
/// Maximum length of a title; a longer one is a description.
const LONGEST_TITLE: usize = 200;

/// How to make sure that a list forms a graph.
#[derive(Debug, Clone, Copy)]
pub struct Settling {
    /// Maximum number of tasks and headings.
    pub most: usize,
    /// Whether to leave out and report errors, instead of refusing the list.
    pub is_lenient: bool,
}

/// A list that forms a graph. Dropped tasks are left out; a task with subtasks passes its dependencies on to
/// them; everything that was left out is reported.
///
/// # Errors
/// There are too many tasks, or none. Unless `is_lenient`: an id is duplicate; tasks depend on each other, or
/// are parts of each other.
pub fn settled(mut list: TaskList, how: Settling) -> Result<TaskList, Refused> {
    let most = how.most;
    if let Some(first) = list.tasks.get(most) {
        let why = format!(
            "it has {} tasks and headings, but a plan has at most {most} nodes",
            list.tasks.len()
        );
        let help = "split the list, or raise `limits.nodes` in .planspec.yaml and commit that";
        return Err(Refused::at(first.line, why, help));
    }
    list.tasks.iter_mut().for_each(clean_ids);
    check_ids(&mut list, how)?;
    for task in &mut list.tasks {
        if clean(task) {
            let line = task.line;
            list.unread.push(super::Unread {
                line,
                what: format!(
                    "`{}` contained invisible characters, which were removed",
                    task.id
                ),
            });
        }
    }
    leave_out_dropped(&mut list);
    check_parents(&mut list, how)?;
    leave_out_empty(&mut list);
    if list.tasks.is_empty() {
        let help = "import a list with open tasks";
        return Err(Refused::whole("every task in it is cancelled", help));
    }
    check_links(&mut list);
    hand_on(&mut list.tasks);
    while let Some(way) = circle(&list.tasks) {
        let refused = told(&list.tasks, &way, "wait for each other");
        if !how.is_lenient {
            return Err(refused);
        }
        cut(&mut list, &way, &refused);
    }
    tell_what_is_held(&mut list);
    list.unread.sort_by_key(|unread| unread.line);
    Ok(list)
}

/// What is held back in the list, and by nothing in the plan.
fn tell_what_is_held(list: &mut TaskList) {
    let open = list.tasks.iter().filter(|task| task.state == State::Open);
    let open: BTreeSet<&str> = open.map(|task| task.id.as_str()).collect();
    let mut told = Vec::new();
    for task in &list.tasks {
        let waits = || {
            task.after
                .iter()
                .any(|link| open.contains(link.id.as_str()))
        };
        let why = match task.hold.filter(|_| task.state == State::Open) {
            Some(Hold::Deferred) => "is deferred in the list, but not in the plan",
            Some(Hold::Blocked) if !waits() => {
                "is blocked in the list, which does not say by which open task"
            }
            Some(Hold::Blocked) | None => continue,
        };
        let then = "it can be claimed when its turn comes";
        told.push((task.line, format!("`{}` {why}: {then}", task.id)));
    }
    for (line, what) in told {
        list.cannot_read(line, what);
    }
}

fn check_ids(list: &mut TaskList, how: Settling) -> Result<(), Refused> {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut twice = Vec::new();
    list.tasks.retain(|task| match lines.get(&task.id) {
        Some(first) => {
            let why = format!("id `{}` appears twice, first in line {first}", task.id);
            twice.push((task.line, why));
            false
        }
        None => {
            lines.insert(task.id.clone(), task.line);
            true
        }
    });
    for (line, why) in twice {
        if !how.is_lenient {
            return Err(Refused::at(line, why, HELP));
        }
        list.cannot_read(line, format!("{why}: this task is left out"));
    }
    Ok(())
}

/// Removes one dependency of a cycle, and reports it: the closing one, unless that is from a group to its children.
fn cut(list: &mut TaskList, way: &[usize], refused: &Refused) {
    let next = way.iter().skip(1).chain(way.first());
    let pairs: Vec<(&usize, &usize)> = way.iter().zip(next).collect();
    for (from, to) in pairs.into_iter().rev() {
        let Some(other) = list.tasks.get(*to).map(|task| task.id.clone()) else {
            continue;
        };
        let Some(task) = list.tasks.get_mut(*from) else {
            continue;
        };
        let before = task.after.len();
        task.after.retain(|link| link.id != other);
        if task.after.len() < before {
            let what = format!(
                "{}: the dependency of `{}` on `{other}` is left out",
                refused.why, task.id
            );
            let line = task.line;
            list.cannot_read(line, what);
            return;
        }
    }
}

/// Removes invisible characters from the ids of a task and of its dependencies, which commands and trackers will get.
fn clean_ids(task: &mut Task) {
    let visible = |id: &mut String| {
        if unseen(id).any(|(_, is_unseen)| is_unseen) {
            *id = unseen(id)
                .filter(|(_, is_unseen)| !is_unseen)
                .map(|(c, _)| c)
                .collect();
        }
    };
    visible(&mut task.id);
    task.parent.iter_mut().for_each(visible);
    task.after.iter_mut().for_each(|link| visible(&mut link.id));
}

/// Removes invisible characters from its texts; returns whether there were any.
fn clean(task: &mut Task) -> bool {
    let mut was_unclean = false;
    let mut seen = |text: &str, keeps_lines: bool| -> String {
        let text = text.replace("\r\n", "\n");
        let kept = unseen(&text).filter_map(|(c, is_unseen)| match c {
            '\n' | '\t' if keeps_lines => Some(c),
            '\n' | '\t' | '\r' => Some(' '),
            _ if is_unseen => {
                was_unclean = true;
                None
            }
            c => Some(c),
        });
        kept.collect()
    };
    let title = seen(&task.title, false);
    task.description = seen(&task.description, true);
    for (_, note) in &mut task.notes {
        *note = seen(note, true);
    }
    for text in task.labels.iter_mut().chain(&mut task.assignees) {
        *text = seen(text, false);
    }
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    task.title = short(&title, &mut task.description);
    if task.title.is_empty() {
        task.title.clone_from(&task.id.escape_default().to_string());
    }
    was_unclean
}

/// A title of limited length; a longer one is moved to the description.
fn short(title: &str, description: &mut String) -> String {
    let Some((end, _)) = title.char_indices().nth(LONGEST_TITLE) else {
        return title.to_owned();
    };
    let whole = [title, description.as_str()].join("\n\n");
    *description = whole.trim_end().to_owned();
    let head = title.get(..end).unwrap_or_default();
    format!("{}…", head.trim_end())
}

fn leave_out_dropped(list: &mut TaskList) {
    let (dropped, kept) = std::mem::take(&mut list.tasks)
        .into_iter()
        .partition(|task| task.state == State::Dropped);
    list.tasks = kept;
    let dropped: Vec<Task> = dropped;
    let before: BTreeMap<String, Vec<Link>> = dropped
        .iter()
        .map(|task| (task.id.clone(), task.after.clone()))
        .collect();
    let mut parents: BTreeMap<String, Option<String>> = BTreeMap::new();
    for task in dropped {
        list.cannot_read(
            task.line,
            format!("`{}` is cancelled, so it is left out", task.id),
        );
        parents.insert(task.id, task.parent);
    }
    for task in &mut list.tasks {
        bridge(&mut task.after, &before);
        // Subtasks of a dropped task become subtasks of its parent.
        for _ in 0..parents.len() {
            match task.parent.as_ref().and_then(|parent| parents.get(parent)) {
                Some(above) => task.parent.clone_from(above),
                None => break,
            }
        }
    }
}

/// Replaces dropped dependencies by their own dependencies.
fn bridge(after: &mut Vec<Link>, dropped: &BTreeMap<String, Vec<Link>>) {
    if !after.iter().any(|link| dropped.contains_key(&link.id)) {
        return;
    }
    let mut seen = BTreeSet::new();
    let mut todo = std::mem::take(after);
    while let Some(link) = todo.pop() {
        match dropped.get(&link.id) {
            None => after.push(link),
            Some(before) if seen.insert(link.id.clone()) => {
                todo.extend(before.iter().map(|further| Link {
                    is_soft: further.is_soft || link.is_soft,
                    ..further.clone()
                }));
            }
            Some(_) => {}
        }
    }
}

/// The parent of each task, by index.
fn parents(tasks: &[Task]) -> Vec<Option<usize>> {
    let at = indexes(tasks);
    let of = |task: &Task| at.get(task.parent.as_deref()?).copied();
    tasks.iter().map(of).collect()
}

fn indexes(tasks: &[Task]) -> BTreeMap<&str, usize> {
    let ids = tasks.iter().enumerate();
    ids.map(|(index, task)| (task.id.as_str(), index)).collect()
}

fn check_parents(list: &mut TaskList, how: Settling) -> Result<(), Refused> {
    let known: BTreeSet<String> = list.tasks.iter().map(|task| task.id.clone()).collect();
    let mut unknown = Vec::new();
    for task in &mut list.tasks {
        if let Some(parent) = task.parent.take_if(|parent| !known.contains(parent)) {
            unknown.push((
                task.line,
                format!(
                    "`{}` is a part of `{parent}`, which is not in the list",
                    task.id
                ),
            ));
        }
    }
    for (line, what) in unknown {
        list.cannot_read(line, what);
    }
    let parents = parents(&list.tasks);
    // Tasks whose chain of parents is known to end.
    let mut is_sound = vec![false; parents.len()];
    let mut cut = Vec::new();
    for start in 0..parents.len() {
        let (mut way, mut next) = (Vec::new(), Some(start));
        while let Some(at) = next.filter(|at| is_sound.get(*at) == Some(&false)) {
            if let Some(begins) = way.iter().position(|known| *known == at) {
                let round = way.get(begins..).unwrap_or_default();
                let refused = told(&list.tasks, round, "are parts of each other");
                if !how.is_lenient {
                    return Err(refused);
                }
                cut.push((at, refused.why));
                break;
            }
            way.push(at);
            next = parents.get(at).copied().flatten();
        }
        for at in way {
            if let Some(sound) = is_sound.get_mut(at) {
                *sound = true;
            }
        }
    }
    for (at, why) in cut {
        if let Some(task) = list.tasks.get_mut(at) {
            task.parent = None;
            let (line, what) = (
                task.line,
                format!("{why}: `{}` is left without a parent", task.id),
            );
            list.cannot_read(line, what);
        }
    }
    Ok(())
}

/// The error about a cycle.
fn told(tasks: &[Task], round: &[usize], what: &str) -> Refused {
    let round: Vec<&Task> = round.iter().filter_map(|at| tasks.get(*at)).collect();
    let named: Vec<String> = round
        .iter()
        .take(MOST_NAMED)
        .map(|task| format!("`{}` (line {})", task.id, task.line))
        .collect();
    let more = match round.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let line = round.first().map_or(1, |task| task.line);
    let why = if round.len() == 1 {
        format!("{} waits for itself", named.join(""))
    } else {
        format!("tasks {what}: {}{more}", named.join(", "))
    };
    Refused::at(line, why, HELP)
}

/// Removes headings without tasks.
fn leave_out_empty(list: &mut TaskList) {
    let parents = parents(&list.tasks);
    let mut is_used: Vec<bool> = list.tasks.iter().map(|task| !task.is_heading).collect();
    for start in 0..parents.len() {
        let mut next = Some(start).filter(|start| is_used.get(*start) == Some(&true));
        while let Some(above) = next.and_then(|at| parents.get(at).copied().flatten()) {
            if is_used.get(above) == Some(&true) {
                break;
            }
            if let Some(used) = is_used.get_mut(above) {
                *used = true;
            }
            next = Some(above);
        }
    }
    let mut is_used = is_used.into_iter();
    list.tasks.retain(|_| is_used.next() == Some(true));
}

/// Removes links to unknown tasks, to parents, or to subtasks.
fn check_links(list: &mut TaskList) {
    let parents = parents(&list.tasks);
    let at: BTreeMap<String, usize> = indexes(&list.tasks)
        .into_iter()
        .map(|(id, at)| (id.to_owned(), at))
        .collect();
    let is_within = |inner: usize, outer: usize| {
        let mut above = parents.get(inner).copied().flatten();
        while let Some(one) = above {
            if one == outer {
                return true;
            }
            above = parents.get(one).copied().flatten();
        }
        false
    };
    let mut told = Vec::new();
    for (index, task) in list.tasks.iter_mut().enumerate() {
        let (id, line) = (task.id.clone(), task.line);
        task.after.sort();
        task.after
            .dedup_by(|one, other| one.id == other.id && one.is_soft == other.is_soft);
        task.after.retain(|link| match at.get(&link.id) {
            None => {
                if link.is_sure {
                    told.push((
                        line,
                        format!("`{id}` waits for `{}`, which is not in the list", link.id),
                    ));
                }
                false
            }
            Some(other) if is_within(index, *other) => {
                told.push((
                    line,
                    format!("`{id}` waits for `{}`, which contains it", link.id),
                ));
                false
            }
            // A dependency on its own subtasks is implied.
            Some(other) => !is_within(*other, index),
        });
    }
    for (line, what) in told {
        list.cannot_read(line, what);
    }
}

/// A group does not hold back its children: those without dependencies inside it get its dependencies.
fn hand_on(tasks: &mut [Task]) {
    let parents = parents(tasks);
    let mut is_group = vec![false; tasks.len()];
    for parent in parents.iter().flatten() {
        if let Some(group) = is_group.get_mut(*parent) {
            *group = true;
        }
    }
    // The parents of each task, nearest first.
    let above: Vec<Vec<usize>> = (0..tasks.len())
        .map(|index| {
            std::iter::successors(parents.get(index).copied().flatten(), |at| {
                parents.get(*at).copied().flatten()
            })
            .collect()
        })
        .collect();
    let at: BTreeMap<String, usize> = indexes(tasks)
        .into_iter()
        .map(|(id, at)| (id.to_owned(), at))
        .collect();
    let mut added: Vec<(usize, Vec<Link>)> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        if is_group.get(index) == Some(&true) {
            continue;
        }
        let groups = above.get(index).map(Vec::as_slice).unwrap_or_default();
        let waits_within = |group: usize| {
            task.after
                .iter()
                .filter_map(|link| at.get(&link.id))
                .any(|other| {
                    let around = above.get(*other).map(Vec::as_slice).unwrap_or_default();
                    around.contains(&group)
                })
        };
        let held = groups.iter().filter(|group| !waits_within(**group));
        let links = held
            .filter_map(|group| tasks.get(*group))
            .flat_map(|group| group.after.clone());
        added.push((index, links.collect()));
    }
    for (index, links) in added {
        if let Some(task) = tasks.get_mut(index) {
            task.after.extend(links);
            task.after.sort();
            task.after
                .dedup_by(|one, other| one.id == other.id && one.is_soft == other.is_soft);
        }
    }
    for (task, is_group) in tasks.iter_mut().zip(is_group) {
        if is_group {
            task.after.clear();
            task.is_heading = true;
        }
    }
}

/// A cycle of dependencies, including those of groups on their children: each waits for the next, the last for the
/// first.
fn circle(tasks: &[Task]) -> Option<Vec<usize>> {
    let at = indexes(tasks);
    let mut before: Vec<Vec<usize>> = tasks
        .iter()
        .map(|task| {
            task.after
                .iter()
                .filter_map(|link| at.get(link.id.as_str()).copied())
                .collect()
        })
        .collect();
    for (index, parent) in parents(tasks).into_iter().enumerate() {
        if let Some(before) = parent.and_then(|parent| before.get_mut(parent)) {
            before.push(index);
        }
    }
    let mut is_done = vec![false; tasks.len()];
    for start in 0..tasks.len() {
        // The current path, with the number of followed links of each task.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        let mut on_way: BTreeSet<usize> = BTreeSet::from([start]);
        while let Some((here, followed)) = way.last_mut() {
            let next = before
                .get(*here)
                .and_then(|links| links.get(*followed))
                .copied();
            *followed += 1;
            let here = *here;
            match next {
                Some(next) if on_way.contains(&next) => {
                    let round = way.iter().map(|(at, _)| *at);
                    return Some(round.skip_while(|at| *at != next).collect());
                }
                Some(next) if is_done.get(next) == Some(&false) => {
                    on_way.insert(next);
                    way.push((next, 0));
                }
                Some(_) => {}
                None => {
                    if let Some(done) = is_done.get_mut(here) {
                        *done = true;
                    }
                    on_way.remove(&here);
                    way.pop();
                }
            }
        }
    }
    None
}
