//! What a file defines and refers to, and what is wrong with it, as lines of text.
//!
//! It defines `KIND namespace/name face` (the face changes with whatever another resource could see
//! of this one) and refers to `KIND.FIELD namespace/name KIND` (the kind of the resource that refers,
//! the field in which it does, and what it refers to). A file that cannot be read may define whatever
//! it mentions, or refer to it: `? word`. What is wrong is `severity CODE resource message`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::source::Content;
use crate::core::plan::files;
use crate::core::repository::manifest::{Manifest, ManifestEntry};
use crate::core::repository::referral::Referral;
use crate::core::resource::{Key, Kind, Spec};

/// The kind of what a file that cannot be read may define.
pub const HIDDEN: &str = "?";

/// The kind of a series of plans. Each of its plans defines it, as it were: whether two of them have
/// one version is seen only by looking at both.
const SERIES: &str = "Series";

/// The kind of what follows a plan. Each plan that supersedes it defines it, as it were: whether two
/// of them do is seen only by looking at both.
const SUCCESSOR: &str = "Successor";

/// The kind of the id of a document. The document itself and those that name it as their parent
/// define it, as it were.
const LINEAGE: &str = "Lineage";

/// The kind of a session. Each revision that stands in it defines it, as it were: which of them is the plan is
/// seen only by looking at all.
const SESSION: &str = "Session";

/// The kind of what every binding defines, as it were, that chooses plans by their labels: it refers to
/// none of them.
const LABELS: &str = "Labels";

/// The name under which those bindings are found.
pub const CHOOSE_BY_LABELS: &str = "+/+labels";

/// The word for a file with comments that allow something.
const ALLOWS: &str = "allows";

/// How a line goes on that says which file of the repository the commands of a resource use. No resource is
/// called so, and no rule asks for it.
const USES: &str = ".uses";

/// Fields of a spec that are for people: no rule looks at those of another resource.
const PROSE: [&str; 3] = ["description", "displayName", "context"];

/// What a file says, whatever the other files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    defines: String,
    refers: String,
    /// How large the file is; not known of one that was not read.
    pub bytes: Option<usize>,
    /// Whether a comment in it allows something. Whether that is used is not told by the finding of
    /// one file, so such a file is never known to be clean.
    pub allows: bool,
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

impl Facts {
    /// What is in a file, whose content is given as well.
    pub fn of(manifest: &Manifest, content: &Content) -> Facts {
        let mut facts = Facts {
            bytes: match content {
                Content::Bytes(bytes) => Some(bytes.len()),
                Content::Refused(_) => None,
            },
            allows: !manifest.allows.is_empty(),
            ..Facts::default()
        };
        let mut refers = BTreeSet::new();
        for entry in &manifest.entries {
            let (kind, name) = (entry.key.kind, entry.key.qualified());
            let face = face(entry);
            let _ = writeln!(facts.defines, "{kind} {name} {face:x}");
            for (kind, name) in kinships(entry) {
                let _ = writeln!(facts.defines, "{kind} {name} {face:x}");
            }
            refers.extend(entry.referred.iter().map(Referral::line));
            let used = entry.resource.iter().flat_map(files::names_of);
            refers.extend(used.map(|name| format!("{kind}{USES} {name} File")));
        }
        for line in refers {
            let _ = writeln!(facts.refers, "{line}");
        }
        for word in manifest.hidden_names(content) {
            let _ = writeln!(facts.defines, "{HIDDEN} {word}");
        }
        facts
    }

    /// As they were stored; `traits` as [`Facts::traits`] gave them.
    pub fn stored(defines: &str, refers: &str, traits: &str) -> Facts {
        let (bytes, allows) = read_traits(traits);
        Facts {
            defines: defines.to_owned(),
            refers: refers.to_owned(),
            bytes,
            allows,
        }
    }

    /// What there is to know beside names: `1234 allows`, each only where it is so.
    pub fn traits(&self) -> String {
        let bytes = self.bytes.map(|bytes| bytes.to_string());
        let allows = self.allows.then(|| ALLOWS.to_owned());
        let words: Vec<String> = bytes.into_iter().chain(allows).collect();
        words.join(" ")
    }

    /// How many resources are defined; one that is defined twice counts twice.
    pub fn count_resources(&self) -> usize {
        self.keys().count()
    }

    /// A line for each name that is defined: `KIND namespace/name face`, or `? word`.
    pub fn defines(&self) -> &str {
        &self.defines
    }

    /// A line for each reference: `KIND.FIELD namespace/name KIND`.
    pub fn refers(&self) -> &str {
        &self.refers
    }

    /// What is defined: kind and name.
    pub fn defined(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.defines.lines();
        lines.filter_map(|line| Some((line.split(' ').next()?, name_in(line)?)))
    }

    /// The resources that are defined.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.defined().filter_map(|(kind, name)| key_of(kind, name))
    }

    /// What is referred to: the line of the reference, and the name.
    pub fn referred(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.refers.lines();
        lines.filter_map(|line| Some((line, name_in(line)?)))
    }
}

/// Bytes, and whether something is allowed.
pub fn read_traits(traits: &str) -> (Option<usize>, bool) {
    let words = || traits.split(' ');
    let bytes = words().find_map(|word| word.parse().ok());
    (bytes, words().any(|word| word == ALLOWS))
}

/// The resource of a kind and a name, `namespace/name`; nothing where that is no resource.
pub fn key_of(kind: &str, name: &str) -> Option<Key> {
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
    let (namespace, name) = name.split_once('/')?;
    Some(Key::new(kind, namespace, name))
}

/// The name in a line of either kind.
pub fn name_in(line: &str) -> Option<&str> {
    line.split(' ').nth(1)
}

/// Changes with whatever another resource could see of this one.
fn face(entry: &ManifestEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.resource.is_some().hash(&mut hasher);
    if let Some(resource) = &entry.resource {
        for (name, value) in resource.raw_spec.as_object().into_iter().flatten() {
            if !PROSE.contains(&name.as_str()) {
                (name, value.to_string()).hash(&mut hasher);
            }
        }
        resource.metadata.labels.hash(&mut hasher);
    } else {
        (entry.document, entry.item).hash(&mut hasher);
    }
    hasher.finish()
}

/// What a resource has in common with others that must be looked at together with it, under names that
/// no resource has: the series of a plan, what it supersedes, its document's id and that of its parent;
/// that a binding chooses by labels.
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
    if let Some(Spec::Binding(binding)) = entry.resource.as_ref().map(|resource| &resource.spec) {
        let mut selectors = binding.rules.iter().map(|rule| &rule.selector);
        if selectors.any(|selector| !selector.match_labels.is_empty()) {
            found.push((LABELS, CHOOSE_BY_LABELS.to_owned()));
        }
    }
    // A document has no namespace of its own.
    let lineage = entry.lineage.iter();
    found.extend(lineage.map(|id| (LINEAGE, name("", id))));
    let session = entry.revision.iter();
    found.extend(session.map(|one| (SESSION, name("", &one.session))));
    found.sort();
    found.dedup();
    found
}
