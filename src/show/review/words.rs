//! The wording that text and Markdown share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Shown;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::words::shortened;
use crate::core::resource::{Key, NodeKind};
use crate::core::review::brief::Told;
pub(super) use crate::core::review::brief::sign;
use crate::core::review::live::{How, Touched};
use crate::core::review::prose::{Piece, difference};
use crate::core::review::{
    Change, Class, Element, Event, Shape, Subject, Topic, What, argument_list, subject,
};
use crate::show::count;

/// The verdict in one line: failures, dangers, and runs that merging starts.
pub(super) fn verdict(shown: &Shown<'_>) -> String {
    let (errors, warnings) = findings(shown);
    let dangers = all_dangers(shown);
    let unread = unread_before(shown);
    if is_empty(shown) && unread == 0 {
        return "nothing changes in the work".to_owned();
    }
    let mut parts = Vec::new();
    if errors > 0 {
        let failing = shown.all.iter().filter(|finding| finding.is_error());
        let codes: BTreeSet<&str> = failing.map(|finding| finding.code.id).collect();
        let codes: Vec<&str> = codes.into_iter().collect();
        parts.push(format!(
            "{} to correct ({})",
            count(errors, "error"),
            some(&codes)
        ));
    }
    match unreadable(shown).len() {
        0 => {}
        files => parts.push(format!("{} that cannot be read", count(files, "file"))),
    }
    match dangers {
        0 => {}
        1 => parts.push("1 change needs attention".to_owned()),
        changes => parts.push(format!("{changes} changes need attention")),
    }
    if warnings > 0 {
        parts.push(count(warnings, "warning"));
    }
    match starts(shown).len() {
        0 => {}
        1 => parts.push("merging starts a run".to_owned()),
        runs => parts.push(format!("merging starts {runs} runs")),
    }
    if unread > 0 {
        let files = count(unread, "file");
        parts.push(format!(
            "{files} could not be read before, so nothing can be compared with it"
        ));
    }
    if parts.is_empty() {
        parts.push("nothing dangerous found".to_owned());
    }
    match worded_otherwise(shown) {
        0 => {}
        1 => parts.push("1 text has changed: read it".to_owned()),
        texts => parts.push(format!("{texts} texts have changed: read them")),
    }
    parts.join(", ")
}

/// How many files were unreadable before the change.
pub(super) fn unread_before(shown: &Shown<'_>) -> usize {
    let subjects = shown.review.subjects.iter();
    let unread = subjects.filter(|subject| subject.event == Event::Unreadable { now: false });
    let files: BTreeSet<&str> = unread.map(|subject| subject.path.as_str()).collect();
    files.len() + usize::from(shown.settings_unread_before)
}

/// The fields that people and agents read.
const READ: [&str; 3] = ["wording", "context", "what the worker is given"];

/// How many of these texts changed without a reported danger: no program knows which words matter.
pub(super) fn worded_otherwise(shown: &Shown<'_>) -> usize {
    let changes = shown
        .review
        .subjects
        .iter()
        .flat_map(|subject| &subject.changes);
    let is_told = |what: &What| matches!(what, What::Field(what) if READ.contains(what));
    changes
        .filter(|change| change.danger.is_none() && is_told(&change.what))
        .count()
}

/// A note that the runs are unknown, if the change may affect some.
pub(super) fn runs_unknown(shown: &Shown<'_>) -> Option<String> {
    let why = shown.runs_unknown.filter(|_| !is_empty(shown))?;
    Some(format!("runs unknown: {why}"))
}

/// Whether there is nothing to say.
pub(super) fn is_empty(shown: &Shown<'_>) -> bool {
    let is_same = shown.review.is_empty() && shown.configuration.is_empty();
    is_same && shown.all.is_empty() && shown.scripts.is_empty()
}

/// The unreadable files, each with what is unknown for that reason.
pub(super) fn unreadable(shown: &Shown<'_>) -> Vec<(String, String)> {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for subject in &shown.review.subjects {
        if subject.event == (Event::Unreadable { now: true }) {
            let held = files.entry(&subject.path).or_default();
            held.push(subject.key.to_string());
        }
    }
    let sentence = |(file, held): (&str, Vec<String>)| {
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        let mut errors = shown
            .all
            .iter()
            .filter(|one| one.is_error() && one.file == file);
        let why = errors
            .next()
            .map_or_else(String::new, |one| format!(" ({})", one.message));
        let text = format!(
            "cannot be read{why}, so nothing can be said about {}",
            some(&held)
        );
        (file.to_owned(), text)
    };
    let settings = shown
        .all
        .iter()
        .find(|one| one.file == CONFIG_FILE && one.code.is_fatal());
    let settings = settings.map(|one| {
        let text = format!(
            "cannot be read ({}), so nothing can be said about who decides and what counts from then on",
            one.message
        );
        (CONFIG_FILE.to_owned(), text)
    });
    settings
        .into_iter()
        .chain(files.into_iter().map(sentence))
        .collect()
}

/// The runs that merging starts, each with a sentence.
pub(super) fn starts<'a>(shown: &Shown<'a>) -> Vec<(&'a Key, &'a str)> {
    let subjects = shown.review.subjects.iter();
    let effects = subjects.flat_map(|subject| {
        let starts = subject.effects.iter().filter(|effect| effect.is_start);
        starts.map(|effect| (&subject.key, effect.text.as_str()))
    });
    effects.collect()
}

/// How many changes need a second look, including those of the configuration.
pub(super) fn all_dangers(shown: &Shown<'_>) -> usize {
    let changes = shown.configuration.iter();
    let scripts = shown.scripts.iter();
    shown.review.dangers()
        + changes.filter(|change| change.danger.is_some()).count()
        + scripts.filter(|script| script.is_run()).count()
}

/// A change that needs a second look.
pub(super) struct Danger {
    /// The resources, or the file.
    pub whose: String,
    /// What changes; empty if the reason says it.
    pub what: String,
    /// Why that is dangerous.
    pub why: String,
    /// Why the file allows it, if it does.
    pub allowed: Option<String>,
    topic: Topic,
}

/// Maximum number of similar dangers that are listed one by one.
const TOLD: usize = 3;

/// The changes that need a second look: decisions first, then commands, then providers, then the rest.
pub(super) fn dangers(shown: &Shown<'_>) -> Vec<Danger> {
    let mut all = gone_from_paths(shown);
    for script in shown.scripts.iter().filter(|script| script.is_run()) {
        all.push(Danger {
            whose: script.path.clone(),
            what: String::new(),
            why: script.words(),
            allowed: None,
            topic: Topic::Command,
        });
    }
    for subject in &shown.review.subjects {
        if matches!(subject.event, Event::Left { .. }) {
            continue;
        }
        // Runs that merging starts are listed above all else.
        let effects = subject
            .effects
            .iter()
            .filter(|effect| effect.danger && !effect.is_start);
        all.extend(effects.map(|effect| Danger {
            whose: subject.key.to_string(),
            what: String::new(),
            why: effect.text.clone(),
            allowed: allowed(shown, subject, &effect.text),
            topic: effect.topic,
        }));
        all.extend(of_changes(shown, subject));
    }
    all.sort_by_key(|danger| danger.topic);
    all
}

fn allowed(shown: &Shown<'_>, subject: &Subject, message: &str) -> Option<String> {
    let key = (subject.key.clone(), message.to_owned());
    shown.allowed.get(&key).cloned()
}

/// Resources that leave the configured paths, summarised.
fn gone_from_paths(shown: &Shown<'_>) -> Vec<Danger> {
    let subjects = shown.review.subjects.iter();
    let left: Vec<&Subject> = subjects
        .filter(|subject| matches!(subject.event, Event::Left { .. }))
        .collect();
    let of = |subject: &&Subject| Danger {
        whose: subject.key.to_string(),
        what: String::new(),
        why: subject
            .effects
            .first()
            .map_or_else(String::new, |one| one.text.clone()),
        allowed: None,
        topic: Topic::Decision,
    };
    if left.len() <= TOLD {
        return left.iter().map(of).collect();
    }
    let files: BTreeSet<&str> = left.iter().map(|subject| subject.path.as_str()).collect();
    let files: Vec<&str> = files.into_iter().collect();
    vec![Danger {
        whose: count(left.len(), "resource"),
        what: String::new(),
        why: format!(
            "left the configured paths, but {} not treated as deleted: runs that have started continue, and no other run starts ({})",
            if left.len() == 1 { "is" } else { "are" },
            some(&files)
        ),
        allowed: None,
        topic: Topic::Decision,
    }]
}

/// The dangerous changes of a resource; the same change of many nodes is summarised.
fn of_changes(shown: &Shown<'_>, subject: &Subject) -> Vec<Danger> {
    let changes = subject
        .changes
        .iter()
        .filter(|change| change.danger.is_some());
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for change in changes {
        let at = *known.entry(sort_of(change)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    let mut all = Vec::new();
    for group in groups {
        if group.len() <= TOLD {
            all.extend(group.into_iter().map(|change| one(shown, subject, change)));
            continue;
        }
        let names: Vec<&str> = group.iter().filter_map(|change| change.node()).collect();
        let first = one(shown, subject, group[0]);
        let what = match &group[0].what {
            What::Added(_) => "added".to_owned(),
            What::Removed(_) => "removed".to_owned(),
            _ => group[0].address.get(2..).unwrap_or_default().join("."),
        };
        all.push(Danger {
            what: format!("{} nodes ({}): {what}", group.len(), some(&names)),
            why: first.why.split(": ").next().unwrap_or_default().to_owned(),
            ..first
        });
    }
    all
}

/// The key by which similar changes of nodes are grouped.
fn sort_of(change: &Change) -> String {
    let danger = change.danger.as_deref().unwrap_or_default();
    let (address, why) = match (&change.what, change.node()) {
        (What::Added(Element::Node(_)), _) => ("added".to_owned(), "new"),
        (_, Some(_)) => (change.address[2..].join("."), danger),
        _ => (change.address.join("\0"), danger),
    };
    format!("{address}\0{why}")
}

fn one(shown: &Shown<'_>, subject: &Subject, change: &Change) -> Danger {
    let why = change.danger.clone().unwrap_or_default();
    let is_prose = prose(change).is_some();
    Danger {
        whose: subject.key.to_string(),
        what: match (&change.what, pair(change)) {
            (What::Field(_), (was, is)) if !was.is_empty() && !is.is_empty() && !is_prose => {
                format!("{}: {was} → {is}", self::subject(&change.address))
            }
            (What::Field(_), (was, is)) if was.is_empty() && is.chars().count() <= WIDTH => {
                format!("{} set to {is}", self::subject(&change.address))
            }
            _ => change.words(),
        },
        allowed: allowed(shown, subject, &format!("{}: {why}", change.words())),
        why,
        topic: change.topic(),
    }
}

/// The numbers of errors and warnings.
pub(super) fn findings(shown: &Shown<'_>) -> (usize, usize) {
    let errors = shown.all.iter().filter(|finding| finding.is_error());
    let warnings = shown.findings.iter().filter(|finding| !finding.is_error());
    (errors.count(), warnings.count())
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

/// What happens to a resource, and the change class.
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

/// A short form of a value.
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

/// Maximum number of characters of one value.
const WIDTH: usize = 80;
/// How many words around a difference of a long text are repeated.
const AROUND: usize = 4;

/// A value in words: commands as lists.
fn told(change: &Change, of: &Value) -> String {
    let field = change.address.last().map(String::as_str);
    match of {
        Value::Array(items) if is_command(change) => {
            let words: Vec<String> = items.iter().map(value).collect();
            argument_list(&words)
        }
        Value::Array(items) if field == Some("context") => {
            let text = |item: &Value| item.get("content").filter(|one| !one.is_null()).map(value);
            let texts = items
                .iter()
                .map(|item| text(item).unwrap_or_else(|| value(item)));
            texts.collect::<Vec<String>>().join("\n")
        }
        other => value(other),
    }
}

/// A value before and after. For two long texts, see [`prose`].
pub(super) fn pair(change: &Change) -> (String, String) {
    let text = |one: &Option<Value>| one.as_ref().map_or_else(String::new, |of| told(change, of));
    let (was, is) = (text(&change.was), text(&change.is));
    if was.is_empty() || is.is_empty() {
        return (shortened(&was, LONG), shortened(&is, LONG));
    }
    let most = if is_command(change) { LONG } else { WIDTH };
    (shortened(&was, most), shortened(&is, most))
}

fn is_command(change: &Change) -> bool {
    let field = change.address.last().map(String::as_str);
    matches!(field, Some("command" | "args"))
}

/// Maximum number of characters of a text that is new or removed as a whole.
const LONG: usize = 400;

/// All differences of two long texts, with a few words around each.
pub(super) fn prose(change: &Change) -> Option<Vec<Piece>> {
    let What::Field(_) = change.what else {
        return None;
    };
    let (was, is) = (change.was.as_ref()?, change.is.as_ref()?);
    let (was, is) = (told(change, was), told(change, is));
    // A list of arguments is read as a whole.
    let most = if is_command(change) { LONG } else { WIDTH };
    let is_long = was.chars().count().max(is.chars().count()) > most;
    (is_long || was.contains('\n') || is.contains('\n')).then(|| around(difference(&was, &is)))
}

/// The pieces of two texts, with unchanged text shortened to what shows the place.
fn around(pieces: Vec<Piece>) -> Vec<Piece> {
    let last = pieces.len().saturating_sub(1);
    let short = |(at, piece): (usize, Piece)| match piece {
        Piece::Same(text) => {
            let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
            let (head, tail) = (words.len().min(AROUND), words.len().saturating_sub(AROUND));
            let text = match at {
                _ if words.len() <= 2 * AROUND + 2 => text,
                0 => format!("… {}", words[tail..].concat()),
                at if at == last => format!("{} …", words[..head].concat().trim_end()),
                _ => format!(
                    "{} … {}",
                    words[..head].concat().trim_end(),
                    words[tail..].concat()
                ),
            };
            Piece::Same(text)
        }
        other => other,
    };
    pieces.into_iter().enumerate().map(short).collect()
}

/// One line about one change.
pub(super) struct Line<'a> {
    /// The change.
    pub change: &'a Change,
    /// What changes, in words.
    pub subject: String,
    /// Before; empty if it adds nothing.
    pub was: String,
    /// After; empty if it adds nothing.
    pub is: String,
    /// The differences of two long texts, instead of both.
    pub prose: Option<Vec<Piece>>,
    /// What follows from the change.
    pub effect: String,
}

/// The changes of a resource as lines. The edges of an added or removed node are on its line.
pub(super) fn lines(subject_of: &Subject) -> Vec<Line<'_>> {
    let Told { changes, around } = Told::of(subject_of);
    let is_rename = |change: &&Change| matches!(change.what, What::NodeRenamed { .. });
    let (renamed, others): (Vec<&Change>, Vec<&Change>) = changes.into_iter().partition(is_rename);
    let mut lines: Vec<Line<'_>> = Vec::new();
    let ways: Vec<String> = renamed
        .iter()
        .filter_map(|change| match &change.what {
            What::NodeRenamed { from } => Some(format!("{from} → {}", change.node()?)),
            _ => None,
        })
        .collect();
    match renamed.as_slice() {
        [first, ..] if renamed.len() > TOLD => {
            let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
            lines.push(Line {
                subject: format!("{} nodes renumbered or renamed", renamed.len()),
                effect: some(&ways),
                ..line(first, &around)
            });
        }
        few => lines.extend(few.iter().map(|change| line(change, &around))),
    }
    lines.extend(others.into_iter().map(|change| line(change, &around)));
    // Additions and removals before renames.
    lines.sort_by_key(|line| (line.change.danger.is_none(), is_rename(&line.change)));
    lines
}

fn line<'a>(change: &'a Change, around: &BTreeMap<&str, [Vec<&str>; 2]>) -> Line<'a> {
    let mut line = Line {
        change,
        subject: subject(&change.address),
        was: String::new(),
        is: String::new(),
        prose: prose(change),
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

/// Something that is added or removed as a whole, by its most informative field.
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
    if let Some(Value::Array(command)) = whole.pointer("/config/command") {
        let command: Vec<String> = command.iter().map(value).collect();
        words.push(argument_list(&command));
    }
    shortened(&words.join(", "), LONG)
}

/// A node in a few words: kind, name, its neighbours, and what it tells its worker.
fn node(kind: NodeKind, value: Option<&Value>, around: Option<&[Vec<&str>; 2]>) -> String {
    let field = |name: &str| value.and_then(|value| value.get(name)?.as_str());
    let mut words = vec![kind.to_string()];
    if let Some(name) = field("name") {
        words[0] = format!("{kind} “{}”", shortened(name, WIDTH));
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
    if let Some(when) = field("when") {
        words.push(format!("only when {}", shortened(when, WIDTH)));
    }
    if let Some(told) = field("description") {
        words.push(format!("told “{}”", shortened(told, LONG)));
    }
    if let Some(Value::Object(inputs)) = value.and_then(|value| value.get("inputs")) {
        let inputs: Vec<String> = inputs
            .iter()
            .map(|(name, given)| format!("{name}={}", self::value(given)))
            .collect();
        words.push(format!("given {}", shortened(&inputs.join(", "), LONG)));
    }
    words.join(", ")
}

/// Maximum number of names in one line.
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

/// The rows of a comparison of two graphs: name, before, after.
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

/// The nodes of a path; the beginning and the end of a long one.
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

/// The effect of a change on a run, in a sentence.
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

/// The gates that need new approvals in the next run, one sentence each, and the criteria whose
/// attestations no longer hold.
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
