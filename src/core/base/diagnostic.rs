//! Findings: what is wrong, where, and how to fix it.

use std::fmt;

use crate::core::base::fix::Fix;
use crate::core::base::key::Key;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The resource cannot be used as it is.
    Error,
    /// Probably a mistake, but the resource can be used.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// The levels of checks of a PlanSpec 1.2 document; each needs the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Sections, fields and references.
    Structure,
    /// Whether the document makes sense.
    Semantics,
    /// Whether it can be executed. A document that is not ready is valid, but its run does not start.
    Readiness,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Structure => "structure",
            Level::Semantics => "semantics",
            Level::Readiness => "readiness",
        })
    }
}

/// A stable code, its default severity and its one-line title. The first digit is the group:
/// 0 parse, 1 structure, 2 reference, 3 graph, 4 lifecycle, 5 policy, 6 document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `PS302`
    pub id: &'static str,
    /// The default severity.
    pub severity: Severity,
    /// A title of a few words.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal $severity:ident $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code { id: $id, severity: Severity::$severity, title: $title };)*
            /// All codes, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The documentation page in Markdown: what the rule is, why, a wrong and
            /// a right example.
            pub fn page(self) -> &'static str {
                match self.id {
                    $($id => include_str!(concat!("../../../docs/rules/", $id, ".md")),)*
                    _ => "",
                }
            }
        }
    };
}

codes! {
    SYNTAX = "PS001" Error "the text is not well-formed YAML or JSON";
    ENCODING = "PS002" Error "the file is not clean UTF-8 text";
    LIMIT = "PS003" Error "the file exceeds a limit";
    DUPLICATE_KEY = "PS004" Error "a key appears twice in one mapping";
    BAD_KEY = "PS005" Error "a key is not a plain string";
    BAD_SCALAR = "PS006" Error "a tag or number that cannot be represented";
    NO_RESOURCES = "PS007" Warning "no resources found";
    NOT_A_FILE = "PS008" Error "not a regular file";
    MISSING_FIELD = "PS101" Error "a required field is missing";
    UNKNOWN_FIELD = "PS102" Error "a field that does not exist";
    WRONG_TYPE = "PS103" Error "a value of the wrong type";
    NOT_ALLOWED = "PS104" Error "not one of the allowed values";
    BAD_FORMAT = "PS105" Error "a value with the wrong syntax";
    OUT_OF_RANGE = "PS106" Error "a value that is too small, too large, too short or too long";
    FORBIDDEN_FIELD = "PS107" Error "a field that is not allowed here";
    UNKNOWN_KIND = "PS108" Error "an apiVersion or kind that is not known";
    STATUS_IN_FILE = "PS109" Error "status belongs to the status branch";
    DERIVED_METADATA = "PS110" Error "metadata that only `reconcile` writes";
    BAD_TEMPLATE = "PS111" Error "a reference in an input that has neither valid form";
    BAD_CONDITION = "PS112" Error "a `when` that cannot be evaluated";
    DUPLICATE_RESOURCE = "PS201" Error "one resource is defined twice";
    GOAL_NOT_FOUND = "PS202" Error "the goal does not exist";
    GATE_NOT_FOUND = "PS203" Error "the gate does not exist";
    CAPABILITY_NOT_FOUND = "PS204" Warning "the capability does not exist";
    BINDING_NOT_FOUND = "PS205" Warning "the binding does not exist";
    PLAN_NOT_FOUND = "PS206" Error "the plan does not exist";
    NODE_NOT_FOUND = "PS207" Error "the node does not exist in the plan";
    SUPERSEDES_NOT_FOUND = "PS208" Warning "the superseded plan does not exist";
    OWNER_NOT_FOUND = "PS210" Warning "the owner does not exist";
    UNKNOWN_REVIEWER = "PS211" Warning "a reviewer that the configuration does not know";
    TOO_FEW_REVIEWERS = "PS212" Warning "more approvals are required than there are reviewers";
    GATE_MISMATCH = "PS213" Warning "the gate may not be used in this plan";
    GOAL_MISMATCH = "PS214" Error "an execution and its plan serve different goals";
    SELECTOR_MISMATCH = "PS215" Warning "the goal's planSelector leaves the plan out";
    EMPTY_SELECTOR = "PS216" Warning "a selector that selects nothing";
    TARGET_NOT_FOUND = "PS217" Warning "a resource that a node waits for or a gate decides on does not exist";
    SUPERSEDES_CYCLE = "PS218" Error "plans supersede each other";
    SUPERSEDES_SERIES = "PS219" Warning "a plan supersedes one of another series";
    DUPLICATE_VERSION = "PS220" Warning "two plans of a series have one version";
    NOT_A_TASK = "PS221" Error "only a task can be bound";
    INPUT_UNKNOWN = "PS222" Error "an input that the capability does not have";
    INPUT_MISSING = "PS223" Warning "an input that the capability requires is not given";
    INPUT_MISMATCH = "PS224" Error "an input with a value that the capability does not take";
    PARAMETER_MISSING = "PS225" Warning "a parameter that the plan uses is not given";
    UNKNOWN_PROVIDER = "PS226" Warning "a provider with an unknown scheme";
    TOOL_WITHOUT_COMMAND = "PS227" Error "a `tool://` target that no worker can run";
    NO_SIGNERS = "PS228" Warning "signatures are required, but no key is listed";
    SHELL_SYNTAX = "PS229" Error "a command that only a shell would understand";
    BAD_OWNER = "PS230" Warning "an owner that is not valid";
    ODD_VERSION = "PS231" Warning "a version that cannot be ordered";
    UNRUNNABLE = "PS232" Error "a command that cannot be run";
    ODD_REVIEWER = "PS233" Warning "a reviewer that matches nobody, or is named twice";
    ODD_GLOB = "PS234" Warning "a glob that matches nothing, or not what it looks like";
    SIGNER_LINE = "PS235" Warning "a line of the allowed signers that does not count";
    SHARED_KEY = "PS236" Warning "one key is listed for several people";
    ODD_MEMBER = "PS237" Warning "a user or team member that matches nobody";
    CONFLICTING_RULES = "PS238" Error "two rules of a binding that certainly conflict";
    BAD_PATTERN = "PS239" Error "a pattern that is not a regular expression";
    SWITCH_WORD = "PS240" Warning "a word that some readers take for a boolean";
    FOREIGN_REFERENCE = "PS241" Warning "a reference in the syntax of another tool";
    DUPLICATE_NODE = "PS301" Error "two nodes have one id";
    DANGLING_EDGE = "PS302" Error "an edge ends at a node that does not exist";
    SELF_LOOP = "PS303" Error "a node depends on itself";
    CYCLE = "PS304" Error "the graph has a cycle";
    TOO_MANY_NODES = "PS305" Error "the plan has more nodes than the configuration allows";
    DIGEST_MISMATCH = "PS306" Error "graphDigest does not match the graph";
    CHILD_NOT_FOUND = "PS307" Error "a group names a child that does not exist";
    EDGE_INTO_GROUP = "PS308" Warning "an edge into a group holds back none of its children";
    CAPABILITY_CYCLE = "PS309" Error "capabilities require each other";
    DUPLICATE_ITEM = "PS310" Error "two entries of a list have one name";
    UNKNOWN_NAME = "PS311" Error "a `when` or an input mentions something that does not exist";
    NOT_BEFORE = "PS312" Error "a `when` or an input mentions a node that does not come before";
    IN_TWO_GROUPS = "PS313" Warning "a node is in two groups";
    EXECUTION_CYCLE = "PS314" Error "executions wait for each other";
    SPEC_CHANGED = "PS401" Error "the spec of an Execution is immutable once committed";
    MOVED = "PS402" Error "a resource moved to another name or namespace";
    CLASS_TOO_LOW = "PS403" Error "a revision declares a smaller change than it makes";
    CHANGED_IN_PLACE = "PS404" Warning "a plan with executions is changed in place";
    CHAIN_BROKEN = "PS405" Warning "a chain of plans that supersede each other is broken";
    POLICY_CHANGED = "PS406" Warning "the approvers change together with what they approve";
    LOOK_TWICE = "PS407" Warning "a change that needs attention";
    NOT_A_REVISION = "PS408" Error "a document that does not follow from its previous revision";
    OUT_OF_SCOPE = "PS409" Error "a file outside the scope of the plan is changed";
    LEFT_PATHS = "PS410" Error "a resource leaves the configured paths";
    FINALIZERS_STAND = "PS411" Error "a resource with finalizers is removed";
    PROSE_ALONE = "PS412" Warning "a scope without paths, so no file can be checked";
    INCOMPLETE_ALLOW = "PS501" Error "an allow comment without a code or without a reason";
    UNKNOWN_ALLOW = "PS502" Warning "an allow comment for a rule that cannot be allowed";
    UNUSED_ALLOW = "PS503" Warning "an allow comment that allows nothing";
    CREDENTIAL = "PS504" Error "a credential in a URL";
    DOCUMENT_ID_TWICE = "PS602" Error "two entries of a document have one id";
    STEP_NOT_FOUND = "PS603" Error "a document refers to a step that it does not have";
    STEP_CYCLE = "PS604" Error "steps of a document depend on each other in a cycle";
    STEP_EXTENSION = "PS605" Error "`x-planspec` of a document contains something that is not allowed";
    DRAFT_FIELD = "PS606" Warning "a field or word of an older draft of the format";
    CONSTRAINT_TYPE = "PS607" Warning "a type of constraint that the format does not name";
    NOTHING_EXCLUDED = "PS608" Warning "a document that puts nothing out of scope";
    OTHER_MAJOR = "PS609" Warning "a document of another major version of the format";
    SCOPE_PATH = "PS610" Error "a `path:` entry of the scope that names no files";
    CRITERION_NOT_FOUND = "PS611" Error "checks for a criterion that the document does not have";
    LOOSE_TIME = "PS612" Warning "a time that is not in the required form";
    BAD_REVISION = "PS613" Error "a document that cannot be the revision it claims to be";
    BROKEN_CHAIN = "PS614" Error "the files of a session do not form a chain of revisions";
    SESSION_TWICE = "PS615" Warning "two plans have one session";
    UNREADABLE_NAME = "PS616" Warning "a plan whose name is a hash";
    EMPTY_GOAL = "PS621" Error "a document without a goal";
    NO_PRIMARY_CRITERION = "PS622" Error "a document without a primary success criterion";
    DELEGATION_CONFLICT = "PS623" Error "the delegation of a step contradicts the document";
    NO_STEP_CRITERIA = "PS624" Error "a step for an agent without acceptance criteria";
    NOT_AUTOMATED = "PS625" Error "checks for a criterion that is not automated";
    NOTHING_IN_SCOPE = "PS626" Error "a document with nothing in scope";
    NO_STEPS = "PS627" Error "a document without steps";
    STAYS_WITH_PERSON = "PS628" Warning "an override gives agents a step that a person does";
    OPEN_QUESTION = "PS631" Warning "not ready: a question is open";
    RISK_NOT_MITIGATED = "PS632" Warning "not ready: a likely risk without mitigation";
    DEPENDENCY_NOT_AVAILABLE = "PS633" Warning "not ready: a dependency is not available";
    NO_DEFAULT_MODE = "PS634" Warning "not ready: the default delegation mode is not set";
    OPEN_FINDING = "PS635" Warning "not ready: a blocking finding of a review is open";
}

impl Code {
    /// Looks up a code by its id, ignoring case.
    pub fn parse(id: &str) -> Option<Code> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.id.eq_ignore_ascii_case(id))
    }

    /// Whether it reports something missing. In a draft, that is not an error, since the rest may
    /// come later.
    pub fn is_not_found(self) -> bool {
        [
            Code::GOAL_NOT_FOUND,
            Code::GATE_NOT_FOUND,
            Code::CAPABILITY_NOT_FOUND,
            Code::BINDING_NOT_FOUND,
            Code::PLAN_NOT_FOUND,
            Code::NODE_NOT_FOUND,
            Code::SUPERSEDES_NOT_FOUND,
            Code::OWNER_NOT_FOUND,
            Code::TARGET_NOT_FOUND,
        ]
        .contains(&self)
    }

    /// Whether its help may suggest a name. The number of suggestions is limited over all
    /// resources, so findings in one file depend on those in all others.
    pub fn may_suggest(self) -> bool {
        self.is_not_found() || [Code::INPUT_UNKNOWN, Code::UNKNOWN_NAME].contains(&self)
    }

    /// Whether it compares two revisions.
    pub fn is_about_change(self) -> bool {
        self.id.starts_with("PS4")
    }

    /// The level of the check, for PlanSpec 1.2 documents.
    pub fn level(self) -> Level {
        match self.id.get(..4) {
            Some("PS62") => Level::Semantics,
            Some("PS63") => Level::Readiness,
            _ => Level::Structure,
        }
    }

    /// Whether a finding of it makes everything else pointless: the text cannot be read, the resource
    /// has an invalid structure, it is defined twice, or the plan has no order. Neither the configuration
    /// nor a comment can suppress it.
    pub fn is_fatal(self) -> bool {
        const GRAPH: [Code; 14] = [
            Code::BROKEN_CHAIN,
            Code::DUPLICATE_RESOURCE,
            Code::DUPLICATE_NODE,
            Code::DANGLING_EDGE,
            Code::SELF_LOOP,
            Code::CYCLE,
            Code::CHILD_NOT_FOUND,
            Code::DUPLICATE_ITEM,
            Code::DOCUMENT_ID_TWICE,
            Code::STEP_NOT_FOUND,
            Code::CRITERION_NOT_FOUND,
            Code::STEP_CYCLE,
            Code::STEP_EXTENSION,
            Code::SCOPE_PATH,
        ];
        let group = self.id.as_bytes().get(2);
        let is_text_or_structure = matches!(group, Some(b'0' | b'1'));
        self.severity == Severity::Error && is_text_or_structure || GRAPH.contains(&self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// A step into a YAML or JSON document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// Into a mapping, by key.
    Key(String),
    /// Into a sequence, by index from 0.
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        PathStep::Key(key.to_owned())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        PathStep::Index(index)
    }
}

/// Builds a document path: `path!["spec", "graph", "nodes", 3, "id"]`.
#[macro_export]
macro_rules! path {
    ($($step:expr),* $(,)?) => { vec![$($crate::core::base::diagnostic::PathStep::from($step)),*] };
}

/// Formats a document path for people: `spec.graph.nodes[3].id`.
pub fn display_path(path: &[PathStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            PathStep::Key(key) if text.is_empty() => text.push_str(key),
            PathStep::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            PathStep::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Formats a document path as a JSON pointer (RFC 6901): `/spec/nodes/3/id`; empty for the whole document.
pub fn pointer(path: &[PathStep]) -> String {
    let steps = path.iter().map(|step| match step {
        PathStep::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        PathStep::Index(index) => format!("/{index}"),
    });
    steps.collect()
}

/// The part of an entry to underline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The key of the entry.
    Key,
    /// The value of the entry.
    Value,
}

/// A place in a file, as known to a check. It becomes a [`Span`] only when it is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A position from the parser.
    At(Span),
    /// An entry of a document.
    Entry {
        /// Index of the YAML document in the file, from 0.
        document: usize,
        /// Steps from the document's root.
        path: Vec<PathStep>,
        /// Key or value.
        part: Part,
    },
}

impl Place {
    /// The item, if the place is in a list of resources.
    pub fn item(&self) -> Option<&[PathStep]> {
        let Place::Entry { path, .. } = self else {
            return None;
        };
        match path.as_slice() {
            [PathStep::Key(items), PathStep::Index(_), ..] if items == "items" => path.get(..2),
            _ => None,
        }
    }
}

/// A range of text: byte offsets, and the line and column (characters) of its start, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Line of the start, from 1.
    pub line: usize,
    /// Column of the start in characters, from 1.
    pub column: usize,
    /// Byte offset of the start.
    pub start: usize,
    /// Byte offset of the end, exclusive; never before `start`.
    pub end: usize,
}

/// A related place of a finding, with a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Path of the file from the repository's root.
    pub file: String,
    /// The place in the file.
    pub place: Place,
    /// Why it is related.
    pub message: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Path of the file from the repository's root, or as it was named by the user.
    pub file: String,
    /// The place in the file.
    pub place: Place,
    /// The rule.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The text beside the underlined place; empty for none.
    pub label: String,
    /// How to fix it, for people.
    pub help: Option<String>,
    /// Related places.
    pub related: Vec<Label>,
    /// The broken resource, if known.
    pub resource: Option<Key>,
    /// How to fix it, for programs.
    pub fix: Option<Fix>,
}

impl Label {
    /// A place with a message.
    pub fn new(file: impl Into<String>, place: Place, message: impl Into<String>) -> Label {
        Label {
            file: file.into(),
            place,
            message: message.into(),
        }
    }
}

impl Diagnostic {
    /// A finding of `code` with the code's own severity.
    pub fn new(
        code: Code,
        file: impl Into<String>,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        Diagnostic {
            file: file.into(),
            place,
            code,
            severity: code.severity,
            message: message.into(),
            label: String::new(),
            help: None,
            related: Vec::new(),
            resource: None,
            fix: None,
        }
    }

    /// Sets the text beside the underlined place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets how to fix it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets how a program puts it right.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Adds a related place.
    pub fn related(mut self, label: Label) -> Self {
        self.related.push(label);
        self
    }

    /// Sets the broken resource.
    pub fn about(mut self, key: &Key) -> Self {
        self.resource = Some(key.clone());
        self
    }

    /// Whether it prevents the resource from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Creates findings in one document of a file.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    /// Path of the file.
    pub file: &'a str,
    /// Index of the document in the file, from 0.
    pub document: usize,
    /// The index of the item, if the document is a list.
    pub item: Option<usize>,
}

/// The path of an entry in a document, below an item if the document is a list.
pub fn in_item(item: Option<usize>, path: Vec<PathStep>) -> Vec<PathStep> {
    match item {
        Some(item) => [vec![PathStep::from("items"), PathStep::from(item)], path].concat(),
        None => path,
    }
}

impl Finder<'_> {
    /// A finding at an entry of the document.
    pub fn at(
        &self,
        code: Code,
        path: Vec<PathStep>,
        part: Part,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, self.file, self.place(path, part), message)
    }

    /// An entry of the document.
    pub fn place(&self, path: Vec<PathStep>, part: Part) -> Place {
        Place::Entry {
            document: self.document,
            path: in_item(self.item, path),
            part,
        }
    }

    /// A related place in the document, at a value.
    pub fn label(&self, path: Vec<PathStep>, message: impl Into<String>) -> Label {
        Label::new(self.file, self.place(path, Part::Value), message)
    }
}

/// Sorts findings by file and place, and drops duplicates. For display, they are sorted
/// again by lines and columns.
pub fn sort(findings: &mut Vec<Diagnostic>) {
    findings.sort();
    findings.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        assert!(
            Code::ALL.windows(2).all(|pair| pair[0].id < pair[1].id),
            "codes out of order or doubled"
        );
    }

    #[test]
    fn paths_read_like_people_write_them() {
        let path = path!["spec", "nodes", 3, "id"];
        assert_eq!(display_path(&path), "spec.nodes[3].id");
    }
}
