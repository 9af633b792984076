//! The words that text and Markdown share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Shown;
use crate::core::resource::{Key, NodeKind};
use crate::core::review::brief::Told;
pub(super) use crate::core::review::brief::sign;
use crate::core::review::live::{How, Touched};
use crate::core::review::{Change, Class, Element, Event, Shape, Subject, What, subject};
use crate::show::count;

/// The verdict in one line: what is broken, what is dangerous, how large it is.
pub(super) fn verdict(shown: &Shown<'_>) -> String {
    let (errors, warnings) = findings(shown);
    let dangers = all_dangers(shown);
    let is_empty = shown.review.is_empty() && shown.configuration.is_empty();
    if is_empty && shown.findings.is_empty() {
        return "nothing changes in the work".to_owned();
    }
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(format!("{} to correct", count(errors, "error")));
    }
    if dangers > 0 {
        parts.push(format!("{} to look at twice", count(dangers, "change")));
    }
    if warnings > 0 {
        parts.push(count(warnings, "warning"));
    }
    if parts.is_empty() {
        parts.push("nothing dangerous found".to_owned());
    }
    parts.join(", ")
}

/// That nothing can be said about runs, where something changes that may touch some.
pub(super) fn runs_unknown(shown: &Shown<'_>) -> Option<String> {
    let is_empty = shown.review.is_empty() && shown.configuration.is_empty();
    let why = shown.runs_unknown.filter(|_| !is_empty)?;
    Some(format!("runs unknown: {why}"))
}

/// How many changes are to be looked at twice, those of the configuration among them.
pub(super) fn all_dangers(shown: &Shown<'_>) -> usize {
    let changes = shown.configuration.iter();
    shown.review.dangers() + changes.filter(|change| change.danger.is_some()).count()
}

/// Something to look at twice.
pub(super) struct Danger<'a> {
    /// The resource.
    pub key: &'a Key,
    /// What changes; nothing where the reason says it.
    pub what: String,
    /// Why that is dangerous.
    pub why: String,
}

/// Most nodes that are told one by one for nothing but that they are new.
const TOLD: usize = 4;

/// What is to be looked at twice: what follows for decisions and delegation first, then what is
/// gone or another, then what is new.
pub(super) fn dangers<'a>(shown: &Shown<'a>) -> Vec<Danger<'a>> {
    let subjects = &shown.review.subjects;
    let mut all = Vec::new();
    for subject in subjects {
        let effects = subject.effects.iter().filter(|effect| effect.danger);
        all.extend(effects.map(|effect| Danger {
            key: &subject.key,
            what: String::new(),
            why: effect.text.clone(),
        }));
    }
    let of_change = |of: &'a Subject, change: &Change| Danger {
        key: &of.key,
        what: match (&change.what, pair(change)) {
            (What::Field(_), (was, is)) if !was.is_empty() && !is.is_empty() => {
                format!("{}: {was} → {is}", subject(&change.address))
            }
            _ => change.words(),
        },
        why: change.danger.clone().unwrap_or_default(),
    };
    let is_new = |change: &&Change| matches!(change.what, What::Added(Element::Node(_)));
    for subject in subjects {
        let changes = subject.changes.iter();
        let dangerous = changes.filter(|change| change.danger.is_some());
        let others = dangerous.filter(|change| !is_new(change));
        all.extend(others.map(|change| of_change(subject, change)));
    }
    for subject in subjects {
        let changes = subject.changes.iter();
        let new: Vec<&Change> = changes
            .filter(|change| change.danger.is_some() && is_new(change))
            .collect();
        if new.len() <= TOLD {
            all.extend(new.into_iter().map(|change| of_change(subject, change)));
            continue;
        }
        let names: Vec<&str> = new.iter().filter_map(|change| change.node()).collect();
        all.push(Danger {
            key: &subject.key,
            what: format!("nodes {} added", some(&names)),
            why: "new commands are run".to_owned(),
        });
    }
    all
}

/// Errors and warnings.
pub(super) fn findings(shown: &Shown<'_>) -> (usize, usize) {
    let errors = shown.findings.iter().filter(|finding| finding.is_error());
    let errors = errors.count();
    (errors, shown.findings.len() - errors)
}

/// `1 plan changed, 2 gates removed`
pub(super) fn counts(shown: &Shown<'_>) -> String {
    let mut numbers: BTreeMap<(crate::core::resource::Kind, &str), usize> = BTreeMap::new();
    for subject in &shown.review.subjects {
        let what = match subject.event {
            Event::Added => "added",
            Event::Version { .. } => "in a new version",
            Event::Removed => "removed",
            Event::Left { .. } => "left",
            Event::Changed => "changed",
            Event::Renamed { .. } => "renamed",
            Event::Unreadable { .. } => "unreadable",
        };
        *numbers.entry((subject.key.kind, what)).or_default() += 1;
    }
    let words = numbers.into_iter().map(|((kind, what), number)| {
        let kind = match number {
            1 => kind.name().to_lowercase(),
            _ => kind.plural().to_owned(),
        };
        format!("{number} {kind} {what}")
    });
    words.collect::<Vec<String>>().join(", ")
}

/// What happens to a resource, and how large that is.
pub(super) fn event(shown: &Shown<'_>, subject: &Subject) -> String {
    let what = match &subject.event {
        Event::Added => "new".to_owned(),
        Event::Removed => "removed".to_owned(),
        Event::Left { .. } => "leaves the configured paths".to_owned(),
        Event::Changed => "changed".to_owned(),
        Event::Renamed { from } => format!("renamed from {}", from.qualified()),
        Event::Version { of } => format!("new version, compared with {}", of.name),
        Event::Unreadable { now: true } => {
            return "cannot be compared: it cannot be read".to_owned();
        }
        Event::Unreadable { now: false } => {
            return "cannot be compared: it could not be read before".to_owned();
        }
    };
    if matches!(
        subject.event,
        Event::Added | Event::Removed | Event::Left { .. }
    ) {
        return what;
    }
    let declared = match (shown.declared)(subject) {
        Some(declared) if declared.class == Class::None => format!(" ({})", declared.by),
        Some(declared) => format!(" (declares {}: {})", declared.class, declared.by),
        None => String::new(),
    };
    format!("{what}: {}{declared}", subject.class)
}

/// A value in a few words.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items = items.iter().filter_map(Value::as_str);
            items.collect::<Vec<&str>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Most characters of one value.
const WIDTH: usize = 80;
/// What is repeated of a long text around what is different in it.
const AROUND: usize = 16;

/// A value before and now. Of two long texts only what is different, and a little around it.
pub(super) fn pair(change: &Change) -> (String, String) {
    let text = |one: &Option<Value>| one.as_ref().map_or_else(String::new, value);
    let (was, is) = (text(&change.was), text(&change.is));
    let (a, b): (Vec<char>, Vec<char>) = (was.chars().collect(), is.chars().collect());
    if a.len().max(b.len()) <= WIDTH || a.is_empty() || b.is_empty() {
        return (cut(&a, 0), cut(&b, 0));
    }
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let front = front.saturating_sub(AROUND);
    (cut(&a, front), cut(&b, front))
}

fn cut(text: &[char], from: usize) -> String {
    let from = from.min(text.len());
    let shown: String = text[from..].iter().take(WIDTH).collect();
    let before = if from > 0 { "…" } else { "" };
    let behind = if text.len() - from > WIDTH { "…" } else { "" };
    format!("{before}{shown}{behind}")
}

/// One line about one change.
pub(super) struct Line<'a> {
    /// The change.
    pub change: &'a Change,
    /// What changes, in words.
    pub subject: String,
    /// Before and now; empty where that says nothing.
    pub was: String,
    /// See `was`.
    pub is: String,
    /// What follows.
    pub effect: String,
}

/// The changes of a resource as lines. The edges of a node that comes or goes are told with it.
pub(super) fn lines(subject_of: &Subject) -> Vec<Line<'_>> {
    let Told { changes, around } = Told::of(subject_of);
    let lines = changes.into_iter();
    lines.map(|change| line(change, &around)).collect()
}

fn line<'a>(change: &'a Change, around: &BTreeMap<&str, [Vec<&str>; 2]>) -> Line<'a> {
    let mut line = Line {
        change,
        subject: subject(&change.address),
        was: String::new(),
        is: String::new(),
        effect: change.effect.clone().unwrap_or_default(),
    };
    match &change.what {
        What::Field(_) => (line.was, line.is) = pair(change),
        What::NodeRenamed { from } => line.effect = format!("was called {from}"),
        What::Added(Element::Node(kind)) | What::Removed(Element::Node(kind)) => {
            let value = change.is.as_ref().or(change.was.as_ref());
            let about = node(*kind, value, around.get(change.node().unwrap_or_default()));
            if change.is.is_some() {
                line.is = about
            } else {
                line.was = about
            }
        }
        What::Added(Element::Edge(_)) | What::Removed(Element::Edge(_)) => {}
        What::Added(_) | What::Removed(_) => {
            let text = |value: &Option<Value>| value.as_ref().map_or_else(String::new, brief);
            (line.was, line.is) = (text(&change.was), text(&change.is));
        }
    }
    line
}

/// Something that comes or goes as a whole, by what says most about it.
fn brief(whole: &Value) -> String {
    let field = |name: &str| whole.get(name).map(value);
    let mut words: Vec<String> = Vec::new();
    for name in [
        "change_type",
        "change_summary",
        "title",
        "description",
        "command",
        "args",
        "path",
        "contentMatch",
        "url",
        "webhookUrl",
        "provider",
        "mode",
        "rejection_reason",
    ] {
        words.extend(field(name).filter(|text| !text.is_empty()));
    }
    let text: Vec<char> = words.join(", ").chars().collect();
    cut(&text, 0)
}

/// A node in a few words: kind, name, what it waits for and what waits for it.
fn node(kind: NodeKind, value: Option<&Value>, around: Option<&[Vec<&str>; 2]>) -> String {
    let field = |name: &str| value.and_then(|value| value.get(name)?.as_str());
    let mut words = vec![kind.to_string()];
    if let Some(name) = field("name").or_else(|| field("description")) {
        let name: Vec<char> = name.chars().collect();
        words[0] = format!("{kind} “{}”", cut(&name, 0));
    }
    if let Some(gate) = field("gateRef") {
        words.push(format!("decided at gate {gate}"));
    }
    if let Some([before, behind]) = around {
        for (label, nodes) in [("after", before), ("before", behind)] {
            if !nodes.is_empty() {
                words.push(format!("{label} {}", some(nodes)));
            }
        }
    }
    words.join(", ")
}

/// Most names in one line.
const NAMES: usize = 5;

fn some(names: &[&str]) -> String {
    if names.len() > NAMES {
        format!(
            "{} and {} more",
            names[..NAMES].join(", "),
            names.len() - NAMES
        )
    } else {
        names.join(", ")
    }
}

/// The rows of a comparison of two graphs: what, before, now.
pub(super) fn shape(before: Option<&Shape>, after: Option<&Shape>) -> Vec<[String; 3]> {
    let row = |name: &str, of: &dyn Fn(&Shape) -> String| {
        let cell = |shape: Option<&Shape>| shape.map_or_else(String::new, of);
        [name.to_owned(), cell(before), cell(after)]
    };
    vec![
        row("nodes", &|shape| shape.nodes.to_string()),
        row("gates", &|shape| shape.gates.to_string()),
        row("edges", &|shape| shape.edges.to_string()),
        row("critical path", &|shape| {
            let unit = if shape.estimated { "point" } else { "task" };
            let length = usize::try_from(shape.length).unwrap_or(usize::MAX);
            count(length, unit)
        }),
        row("widest level", &|shape| shape.width.to_string()),
    ]
}

/// The nodes on a path; of a long one the beginning and the end.
pub(super) fn path(shape: &Shape) -> String {
    let names: Vec<&str> = shape.critical_path.iter().map(String::as_str).collect();
    match names.as_slice() {
        [first @ .., last] if names.len() > 8 => {
            format!(
                "{} → … {} more … → {last}",
                first[..4].join(" → "),
                names.len() - 5
            )
        }
        all => all.join(" → "),
    }
}

/// What a change means for a run, in a sentence.
pub(super) fn run(touched: &Touched) -> String {
    let name = touched.execution.qualified();
    match &touched.how {
        How::Pinned {
            changed,
            commit,
            may_go_on,
        } => {
            let names: Vec<String> = changed.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let commit = crate::core::base::digest::short(commit);
            let go_on = if *may_go_on {
                let Key {
                    name, namespace, ..
                } = &touched.execution;
                format!(", and for this one with `planspec retry {name} -n {namespace} --plan`")
            } else {
                String::new()
            };
            format!(
                "{name} ({}) stays on the revision of {commit} that it started from; {} {} only \
                 for the next run{go_on}",
                touched.phase,
                some(&names),
                if names.len() == 1 {
                    "changes"
                } else {
                    "change"
                },
            )
        }
        How::NotStarted { plan } => {
            format!("{name} has not started: it will run {plan} as it is now")
        }
        How::Deleted => format!("{name} ({}) is cancelled: its file is gone", touched.phase),
        How::Left => format!(
            "{name} ({}) goes on as it began: its file leaves the configured paths",
            touched.phase
        ),
        How::OtherGoal { goal } => {
            format!(
                "{name} ({}) no longer counts for {goal}: it was started for the goal as it was",
                touched.phase
            )
        }
    }
}

/// Whose approvals a next run needs again, one sentence for each gate; and whose attestations hold
/// no longer, one for each criterion.
pub(super) fn approvals(touched: &Touched) -> Vec<String> {
    let gates = touched.approvals.iter();
    let attested = touched.attestations.iter().map(|(criterion, who)| {
        let who: Vec<&str> = who.iter().map(String::as_str).collect();
        format!(
            "what {} attested of {criterion} no longer holds",
            some(&who)
        )
    });
    gates
        .map(|(node, who)| {
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            format!(
                "the approval of {} at {node} holds for {} only: a run of the new revision needs it again",
                some(&who),
                touched.execution.qualified(),
            )
        })
        .chain(attested)
        .collect()
}
