//! `.planspec.yaml`: everything optional, read from the spec branch's commit.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep, Severity};
use crate::core::base::glob::{glob, misleading};
use crate::core::base::limits::{CONFIG_FILE, Limits};
use crate::core::base::suggest::suggestion;
use crate::core::document::scope::Files;
use crate::core::repository::forge::Forge;
use crate::core::repository::rules;
use crate::core::resource::schema::{self, SchemaKind};
use crate::core::resource::{Duration, NodeStatus, Pinned, ReportedBy, RevisionApproval, is_zero};
use crate::core::text::yaml;
use crate::path;

/// The configuration of a repository.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Where resources are reviewed and merged; the remote's default branch when not set.
    pub spec_branch: Option<String>,
    /// Globs of the files that hold resources.
    pub paths: Vec<String>,
    /// For documents, which have none.
    pub default_namespace: String,
    /// Where status is kept.
    pub status: StatusConfig,
    /// Longest time between two signs of life of a worker.
    pub lease: Duration,
    /// Who may approve.
    pub approvals: ApprovalConfig,
    /// Who may check the acceptance criteria of a reported task.
    pub verification: Verifier,
    /// Who may claim what is bound to somebody.
    pub workers: Workers,
    /// The forge that is told when there is something new to reconcile.
    pub nudge: Option<Forge>,
    /// Which files belong to the work of every plan.
    #[serde(skip_serializing_if = "ScopeConfig::is_default")]
    pub scope: ScopeConfig,
    /// Severity per rule code.
    pub rules: BTreeMap<String, RuleLevel>,
    /// Bounds on input.
    pub limits: Limits,
}

/// Which files belong to the work of every plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScopeConfig {
    /// Paths as in a scope, without `path:`, of files that may change along with any work.
    pub always: Vec<String>,
}

impl ScopeConfig {
    fn is_default(&self) -> bool {
        *self == ScopeConfig::default()
    }
}

/// Where status is kept.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StatusConfig {
    /// The sidecar branch.
    pub branch: String,
    /// The remote that everybody shares; without one nothing leaves this machine.
    pub remote: Option<String>,
    /// Principals of the file of allowed signers: every status commit is signed by one of them. Without any, none is signed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub signers: BTreeSet<String>,
}

/// Who may approve, and how it is proven.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApprovalConfig {
    /// What counts only when it is signed.
    #[serde(skip_serializing_if = "RequireSigned::is_empty")]
    pub require_signed: RequireSigned,
    /// File of allowed signers on the spec branch: `.planspec/allowed_signers` when not set.
    pub allowed_signers: Option<String>,
    /// Authors of a plan revision cannot approve it.
    pub prevent_self_approval: bool,
    /// Who did the work before a gate cannot approve it there.
    #[serde(skip_serializing_if = "is_zero")]
    pub prevent_worker_approval: bool,
    /// What approves a revision of a document before it is run.
    #[serde(skip_serializing_if = "is_zero")]
    pub revisions: RevisionApproval,
    /// `user:NAME` in a gate: e-mails of the same person.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, BTreeSet<String>>,
    /// `team:NAME` in a gate: e-mails or `user:NAME` of its members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub teams: BTreeMap<String, BTreeSet<String>>,
}

/// What counts only when it is signed: `true` for all that decides, or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SignedWords", into = "SignedWords")]
pub struct RequireSigned(BTreeSet<Deciding>);

/// What decides something when it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deciding {
    /// Approvals and rejections.
    Reviews,
    /// Whether a criterion of the goal or the document is met.
    Attestations,
    /// What the acceptance criteria of a task say.
    Verifications,
    /// How a task went, and that it is given back.
    Reports,
    /// To cancel a run, or to try again.
    Requests,
    /// What a person says to a question.
    Answers,
}

impl Deciding {
    /// Everything that decides.
    pub const ALL: [Deciding; 6] = [
        Deciding::Reviews,
        Deciding::Attestations,
        Deciding::Verifications,
        Deciding::Reports,
        Deciding::Requests,
        Deciding::Answers,
    ];

    /// `reviews`, as it is written in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Deciding::Reviews => "reviews",
            Deciding::Attestations => "attestations",
            Deciding::Verifications => "verifications",
            Deciding::Reports => "reports",
            Deciding::Requests => "requests",
            Deciding::Answers => "answers",
        }
    }
}

impl RequireSigned {
    /// Whether this must be signed.
    pub fn covers(&self, what: Deciding) -> bool {
        self.0.contains(&what)
    }

    /// Whether nothing need be signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that must be signed.
    pub fn iter(&self) -> impl Iterator<Item = Deciding> {
        self.0.iter().copied()
    }
}

/// How it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SignedWords {
    All(bool),
    These(BTreeSet<Deciding>),
}

impl From<SignedWords> for RequireSigned {
    fn from(words: SignedWords) -> RequireSigned {
        RequireSigned(match words {
            SignedWords::All(true) => Deciding::ALL.into(),
            SignedWords::All(false) => BTreeSet::new(),
            SignedWords::These(these) => these,
        })
    }
}

impl From<RequireSigned> for SignedWords {
    fn from(required: RequireSigned) -> SignedWords {
        match required.0.len() {
            0 => SignedWords::All(false),
            all if all == Deciding::ALL.len() => SignedWords::All(true),
            _ => SignedWords::These(required.0),
        }
    }
}

/// Who may check the acceptance criteria of a reported task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verifier {
    /// Anybody, also who did it.
    Anyone,
    /// Somebody else than who did it.
    Independent,
}

/// Who may claim a node that is bound to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workers {
    /// Anybody; who is not bound is told.
    Anyone,
    /// Who is bound, and nobody else.
    Strict,
}

/// What to make of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleLevel {
    /// Fails.
    Error,
    /// Is shown.
    Warning,
    /// Is not shown.
    Off,
}

impl Default for StatusConfig {
    fn default() -> Self {
        StatusConfig {
            branch: "planspec/status".to_owned(),
            remote: None,
            signers: BTreeSet::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            spec_branch: None,
            paths: vec![
                "planspec/**".to_owned(),
                "**/*.planspec.{yaml,yml,json}".to_owned(),
            ],
            default_namespace: "default".to_owned(),
            status: StatusConfig::default(),
            lease: "30m".parse().unwrap_or_else(|_| unreachable!("a duration")),
            approvals: ApprovalConfig::default(),
            verification: Verifier::Anyone,
            workers: Workers::Anyone,
            nudge: None,
            scope: ScopeConfig::default(),
            rules: BTreeMap::new(),
            limits: Limits::default(),
        }
    }
}

/// Under which name somebody claims what is bound to a provider, where one is meant: `agent:coder` for `agent://coder`. Of a
/// team anybody may be meant, and what is a command is done by whoever runs it.
pub fn actor_of(provider: &str) -> Option<String> {
    let Some((scheme, name)) = provider.split_once("://") else {
        return Some(provider.to_owned());
    };
    match scheme {
        _ if name.is_empty() => None,
        "tool" => None,
        "human" => (!name.starts_with("team:")).then(|| name.to_owned()),
        scheme => Some(format!("{scheme}:{name}")),
    }
}

/// Why a text names no actor, and what to write instead: `agent:` and `human://` name nobody.
pub fn names_nobody(actor: &str) -> Option<(String, &'static str)> {
    let (_, name) = actor.split_once(':')?;
    let name = name.trim_start_matches('/').trim();
    name.is_empty().then(|| {
        let why = format!("the actor `{actor}` has no name");
        (
            why,
            "write it after the colon, as in `agent:claude` or `human:ana`",
        )
    })
}

/// Whether an actor is a person: no `agent:`, `service:`, `tool:`, `serviceaccount:`, `mcp:` or `https:`, with or without
/// `//`.
pub fn is_person(actor: &str) -> bool {
    let scheme = actor.split_once(':').map_or("", |(scheme, _)| scheme);
    let programs = [
        "agent",
        "service",
        "tool",
        "serviceaccount",
        "mcp",
        "http",
        "https",
    ];
    !programs.iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

impl Config {
    /// Whether somebody may verify what a worker did: another person, with another key.
    pub fn may_verify(&self, checker: Who<'_>, worker: Who<'_>) -> bool {
        self.verification != Verifier::Independent || !self.approvals.are_one(checker, worker)
    }

    /// Whether an actor is whom a provider means: `agent://coder` is `agent:coder`, `human://ana` the person. What is a
    /// command is done by whoever runs it; where nobody is named, anybody is meant.
    pub fn is_bound(&self, provider: &str, actor: &str) -> bool {
        let Some((scheme, name)) = provider.split_once("://") else {
            return provider == actor;
        };
        if scheme == "tool" || name.is_empty() {
            return true;
        }
        if scheme == "human" {
            return self.approvals.is_reviewer(name, actor);
        }
        let own = actor.split_once(':');
        own.is_some_and(|(own, rest)| {
            own == scheme && rest.strip_prefix("//").unwrap_or(rest) == name
        })
    }

    /// How long a worker of a node may be silent who asks for so long: people have no lease, and
    /// nobody has more than this configuration allows.
    pub fn lease_of(&self, node: &NodeStatus, asked: Option<&Duration>) -> Option<TimeDelta> {
        let longest = self.lease.delta();
        let lease = asked.map_or(longest, |asked| asked.delta().min(longest));
        (!node.is_for_people()).then_some(lease)
    }

    /// What is to be said of a tree that lists no key, where approvals must be signed.
    pub fn no_signers(&self) -> Option<Diagnostic> {
        let required = &self.approvals.require_signed;
        let decides = Deciding::ALL;
        let unsigned = decides.into_iter().find(|what| required.covers(*what))?;
        let what = match unsigned {
            Deciding::Reviews => "approvals",
            other => other.word(),
        };
        let message = format!("{what} must be signed, but no key is listed, so none can count");
        Some(self.no_key(path!["approvals", "requireSigned"], message))
    }

    /// What is to be said of a tree that lists a key for none of those who may sign the status.
    pub fn no_status_signers(&self) -> Diagnostic {
        let message = "status commits must be signed by one of these, but no key is listed for any of them, so no status can be written";
        self.no_key(path!["status", "signers"], message.to_owned())
    }

    fn no_key(&self, path: Vec<PathStep>, message: String) -> Diagnostic {
        let found = Finder {
            file: CONFIG_FILE,
            document: 0,
            item: None,
        };
        let help = format!(
            "list the keys in `{}`, or as `.planspec/keys/<e-mail>.asc`",
            self.approvals.signers_file()
        );
        let finding = found.at(Code::NO_SIGNERS, path, Part::Value, message);
        finding.help(help)
    }

    /// Whether a path is one of those that hold resources.
    pub fn covers(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| {
            let glob = glob(pattern);
            glob.is_ok_and(|glob| glob.compile_matcher().is_match(path))
        })
    }

    /// The folders whose files may all hold resources: the first is where new ones go.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let whole = self.paths.iter().filter_map(|glob| {
            glob.strip_suffix("/**")
                .or_else(|| glob.strip_suffix("/**/*"))
        });
        whole.filter(|folder| !folder.contains(['*', '?', '[', '{']))
    }

    /// Read a configuration file. An empty one is the default configuration; one with an error is
    /// no configuration. Rules are written in any case, and kept as [`Code::id`] writes them;
    /// unknown ones are left out with a warning.
    pub fn read(file: &str, bytes: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
        let (documents, mut findings) = yaml::read(file, bytes, &Limits::default());
        let mut documents = documents.into_iter();
        let Some(document) = documents.next() else {
            let config = findings.is_empty().then(Config::default);
            return (config, findings);
        };
        let found = Finder {
            file,
            document: document.index,
            item: None,
        };
        if let Some(second) = documents.next() {
            let second = Finder {
                file,
                document: second.index,
                item: None,
            };
            let message = "the configuration must be one document; this is a second one";
            let finding = second.at(Code::SYNTAX, Vec::new(), Part::Value, message);
            findings.push(finding.help("put everything into one document, and remove the `---`"));
        }
        for problem in schema::check(SchemaKind::Config, &document.value) {
            findings.push(problem.found(&found));
        }
        findings.extend(odd_rules(&found, &document.value));
        findings.extend(globs(&found, &document.value));
        findings.extend(no_files(&found, &document.value));
        findings.extend(names(&found, &document.value));
        findings.extend(people(&found, &document.value));
        if findings.iter().any(Diagnostic::is_error) {
            return (None, findings);
        }
        match serde_json::from_value::<Config>(document.value.clone()) {
            Ok(mut config) => {
                let rules = std::mem::take(&mut config.rules).into_iter();
                config.rules = rules
                    .filter_map(|(name, level)| Some((Code::parse(&name)?.id.to_owned(), level)))
                    .collect();
                rules::apply_levels(&mut findings, &config);
                (Some(config), findings)
            }
            Err(error) => {
                let message = format!("the configuration: {error}");
                findings.push(found.at(Code::WRONG_TYPE, Vec::new(), Part::Value, message));
                (None, findings)
            }
        }
    }
}

/// What is to be said of the names of branches and of the remote: those that cannot be one, or that Git would take for something
/// else.
fn names(found: &Finder<'_>, config: &Value) -> Vec<Diagnostic> {
    let text = |path: &[&str]| {
        let value = path
            .iter()
            .try_fold(config, |value, field| value.get(field));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let (spec, branch) = (text(&["specBranch"]), text(&["status", "branch"]));
    let at = |path, (message, help): (String, String)| {
        let finding = found.at(Code::BAD_FORMAT, path, Part::Value, message);
        finding.label("not a name").help(help)
    };
    let mut odd = Vec::new();
    let of_spec = spec.as_deref().and_then(no_branch);
    odd.extend(of_spec.map(|why| at(path!["specBranch"], why)));
    let of_status = branch.as_deref().and_then(no_branch);
    let is_one = branch.is_some() && branch == spec;
    let of_status = of_status.or(is_one.then(|| {
        let message = "specs and status cannot be on the same branch".to_owned();
        let help = "remove `status.branch`; the default is `planspec/status`".to_owned();
        (message, help)
    }));
    odd.extend(of_status.map(|why| at(path!["status", "branch"], why)));
    let remote = text(&["status", "remote"]);
    let no_remote = |name: &str| {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
        let is_name = name.chars().all(is_plain)
            && !name.starts_with(['-', '/', '.'])
            && !name.contains("..");
        let message = format!("`{name}` is not the name of a remote");
        let help = "write a name that `git remote` lists, as in `remote: origin`".to_owned();
        (!is_name).then_some((message, help))
    };
    let of_remote = remote.as_deref().and_then(no_remote);
    odd.extend(of_remote.map(|why| at(path!["status", "remote"], why)));
    odd
}

/// Why a branch cannot be called so, and what to write.
fn no_branch(name: &str) -> Option<(String, String)> {
    let plain = "write the name of a branch, as in `main`".to_owned();
    if let Some(rest) = name.strip_prefix("refs/heads/") {
        let message = format!("`{name}` is the full name of a ref; a branch name is expected here");
        return Some((message, format!("write `{rest}`")));
    }
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_taken = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    let is_name = name.split('/').all(is_part)
        && !name.contains(is_taken)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.starts_with(['-', '@'])
        && !name.starts_with("refs/")
        && name != "HEAD";
    let message = format!("`{name}` is not the name of a branch");
    (!is_name).then_some((message, plain))
}

/// What is to be said of users and teams: members that nobody is, and e-mails of two people.
fn people(found: &Finder<'_>, config: &Value) -> Vec<Diagnostic> {
    let lists = |field: &str| {
        let lists = config.get("approvals").and_then(|value| value.get(field));
        lists
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (users, teams) = (lists("users"), lists("teams"));
    let all = [("users", &users), ("teams", &teams)];
    let entries = all.into_iter().flat_map(|(field, lists)| {
        lists.iter().flat_map(move |(name, list)| {
            let entries = list.as_array().into_iter().flatten().enumerate();
            entries.filter_map(move |(index, entry)| {
                Some((
                    path!["approvals", field, name.as_str(), index],
                    field,
                    entry.as_str()?,
                ))
            })
        })
    });
    let mut first: BTreeMap<String, Vec<PathStep>> = BTreeMap::new();
    let mut odd = Vec::new();
    for (path, field, entry) in entries {
        let mut why = odd_member(field, entry, &users);
        if field == "users" {
            let before = first.get(&entry.to_lowercase());
            if before.is_some_and(|before| before[2] != path[2]) {
                let message = format!("`{entry}` is listed for two users; only the first counts");
                why = Some((message, "list it for one of them only".to_owned()));
            }
            first
                .entry(entry.to_lowercase())
                .or_insert_with(|| path.clone());
        }
        odd.extend(why.map(|(message, help)| {
            let finding = found.at(Code::ODD_MEMBER, path, Part::Value, message);
            finding.label("this matches nobody").help(help)
        }));
    }
    odd
}

/// Why nobody can be who is meant by an entry of a user or a team, and what to write.
fn odd_member(
    field: &str,
    entry: &str,
    users: &serde_json::Map<String, Value>,
) -> Option<(String, String)> {
    if entry.starts_with("team:") {
        let message = format!("`{entry}` is a team; a team cannot contain teams");
        return Some((message, "list its members one by one".to_owned()));
    }
    if let Some(name) = entry.strip_prefix("user:") {
        let is_known = field == "teams" && users.contains_key(name);
        let message = format!("`{entry}` is not a user in this configuration");
        let help = match field {
            "users" => "list the e-mails of this user".to_owned(),
            _ => {
                format!("list their e-mails as `approvals.users.{name}`, or write the e-mail here")
            }
        };
        return (!is_known).then_some((message, help));
    }
    let (message, help) = nobody(entry)?;
    let is_pattern = !entry.starts_with('@');
    let help = if is_pattern {
        "name each person".to_owned()
    } else {
        help
    };
    Some((message, help))
}

/// Why nobody can be who is meant by a name in a gate or a team, and what to write.
pub fn nobody(entry: &str) -> Option<(String, String)> {
    if let Some(name) = entry.strip_prefix('@') {
        let (kind, name) = match name.rsplit_once('/') {
            Some((_, team)) => ("team", team),
            None => ("user", name),
        };
        let message =
            format!("`{entry}` is a user name of a forge, which does not appear in commits");
        let help = format!(
            "write an e-mail, or `{kind}:{name}` and list it under `approvals.{kind}s` in .planspec.yaml"
        );
        return Some((message, help));
    }
    entry.contains('*').then(|| {
        let message = format!("`{entry}` is not a pattern here, but the name of a person");
        let help = "remove `reviewers` to let anybody decide, or name a `team:`";
        (message, help.to_owned())
    })
}

/// Endings of the files that can hold resources.
pub const RESOURCE_ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// What is to be said of the severities that are set: rules that this version does not know, and
/// those that are to be less than an error and cannot be. A newer version may know better, and must
/// not stop this one.
fn odd_rules(found: &Finder<'_>, config: &Value) -> Vec<Diagnostic> {
    let rules = config.get("rules").and_then(Value::as_object);
    let odd = rules.into_iter().flatten().filter_map(|(name, level)| {
        let path = path!["rules", name.as_str()];
        let is_less = *level == "off" || *level == "warning";
        let finding = match Code::parse(name) {
            None => {
                let message = format!("there is no rule `{name}` in this version");
                let otherwise = || "codes are written like `PS302`".to_owned();
                let codes = Code::ALL.iter().map(|code| code.id);
                let finding = found.at(Code::NOT_ALLOWED, path, Part::Key, message);
                finding.help(suggestion(name, codes, otherwise))
            }
            Some(code) if is_less && code.is_fatal() => {
                let message = format!("{code} is always an error: {}", code.title);
                let finding = found.at(Code::NOT_ALLOWED, path, Part::Value, message);
                finding.help(format!(
                    "remove it; see `planspec explain {code}` for what to do instead"
                ))
            }
            Some(_) => return None,
        };
        Some(Diagnostic {
            severity: Severity::Warning,
            ..finding
        })
    });
    odd.collect()
}

/// What is to be said of `scope.always`: what names no file.
fn no_files(found: &Finder<'_>, config: &Value) -> Vec<Diagnostic> {
    let always = config.pointer("/scope/always").and_then(Value::as_array);
    let texts = always.into_iter().flatten().enumerate();
    let odd = texts.filter_map(|(index, text)| {
        let why = Files::of(&[text.as_str()?.to_owned()]).err()?;
        let path = path!["scope", "always", index];
        let finding = found.at(Code::SCOPE_PATH, path, Part::Value, why);
        Some(finding.help(
            "write a path from the repository's root, such as `Cargo.lock` or `docs/**/*.md`",
        ))
    });
    odd.collect()
}

/// What is to be said of the patterns of files that hold resources: those that do not compile, and those under
/// which there is no resource, whatever files there are.
fn globs(found: &Finder<'_>, config: &Value) -> Vec<Diagnostic> {
    let paths = config.get("paths").and_then(Value::as_array);
    let patterns = paths.into_iter().flatten().enumerate();
    let odd = patterns.filter_map(|(index, pattern)| {
        let (path, pattern) = (path!["paths", index], pattern.as_str()?);
        if let Err(error) = glob(pattern) {
            let finding = found.at(Code::BAD_FORMAT, path, Part::Value, error.to_string());
            return Some(finding.label("not a glob"));
        }
        let is_in_root = pattern.starts_with("*.");
        let misleading = misleading(pattern).filter(|_| !is_in_root);
        let (message, help) = misleading.or_else(|| no_resource(pattern))?;
        let finding = found.at(Code::ODD_GLOB, path, Part::Value, message);
        Some(finding.help(help))
    });
    odd.collect()
}

/// Why no file that can hold resources has such a path, and what to write.
fn no_resource(pattern: &str) -> Option<(String, String)> {
    let from_root = pattern.strip_prefix("./").or(pattern.strip_prefix('/'));
    if let Some(rest) = from_root {
        let message =
            format!("`{pattern}` matches nothing: a path starts with the name of a folder or file");
        return Some((message, format!("write `{rest}`")));
    }
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    let end = last.rsplit(['*', '?', ']', '}']).next().unwrap_or(last);
    let may_hold = RESOURCE_ENDINGS
        .iter()
        .any(|ending| ending.ends_with(end) && end != last || end.ends_with(ending));
    if may_hold || last.ends_with(['*', '}', ']', '?']) {
        return None;
    }
    let folder = pattern.trim_end_matches('/');
    let message = format!(
        "`{pattern}` matches no file that can contain resources: their names end in .yaml, .yml or .json"
    );
    Some((
        message,
        format!("write `{folder}/**` for everything in a folder"),
    ))
}

/// Whoever said something: by name, and by key where it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// As it is said.
    pub actor: &'a str,
    /// Fingerprint of the key.
    pub key: Option<&'a str>,
}

impl<'a> Who<'a> {
    /// By name alone.
    pub fn named(actor: &'a str) -> Who<'a> {
        Who { actor, key: None }
    }

    /// Whoever reported something.
    pub fn reported(report: &'a ReportedBy) -> Who<'a> {
        let signed = report.signed.as_ref();
        Who {
            actor: &report.actor,
            key: signed.map(|by| by.key.as_str()),
        }
    }
}

/// A name without what may be written before or around it: `user:ana`, `human://ana` and `ana` are one, and so are
/// `agent://coder` and `agent:coder`. For whoever asks whether two are one: nobody becomes somebody else by that.
fn bare(actor: &str) -> String {
    let actor = actor.trim();
    let (scheme, rest) = actor.split_once(':').unwrap_or(("user", actor));
    let rest = rest.trim_start_matches('/');
    match scheme.to_ascii_lowercase().as_str() {
        "user" | "human" | "mailto" => rest.to_owned(),
        scheme => format!("{scheme}:{rest}"),
    }
}

impl ApprovalConfig {
    /// Where the spec branch lists the SSH keys that count.
    pub fn signers_file(&self) -> &str {
        let default = ".planspec/allowed_signers";
        self.allowed_signers.as_deref().unwrap_or(default)
    }

    /// Whether two are one: the same person, however they are called, or whoever has the same key.
    pub fn are_one(&self, one: Who<'_>, other: Who<'_>) -> bool {
        let is_same_key = one
            .key
            .zip(other.key)
            .is_some_and(|(one, other)| one == other);
        let names = [one, other].map(|who| self.person(&bare(who.actor)));
        is_same_key || names[0] == names[1]
    }

    /// The one name under which an actor is counted: somebody listed under several e-mails in
    /// `users` is one person, and a plain id is short for `user:`.
    pub fn person(&self, actor: &str) -> String {
        let listed = self
            .users
            .iter()
            .find(|(_, mails)| mails.iter().any(|mail| mail.eq_ignore_ascii_case(actor)));
        match listed {
            Some((name, _)) => format!("user:{name}").to_lowercase(),
            None if actor.contains(['@', ':']) => actor.to_lowercase(),
            None => format!("user:{actor}").to_lowercase(),
        }
    }

    /// The names under which a person may be listed as a signer: what the actor is called, and
    /// every other name of the same person.
    pub fn names_of(&self, actor: &str) -> BTreeSet<String> {
        let person = self.person(actor);
        let plain = person.strip_prefix("user:").map(str::to_owned);
        let listed = self
            .users
            .iter()
            .filter(|(name, _)| self.person(name) == person)
            .flat_map(|(name, mails)| std::iter::once(name).chain(mails));
        let mut names: BTreeSet<String> = listed.cloned().chain(plain).collect();
        names.extend([actor.to_owned(), person.clone()]);
        // Whoever writes `user:` before somebody else's e-mail is not that person.
        names.retain(|name| self.person(name) == person);
        names
    }

    /// Whether an actor is one of those who wrote what a run is held to.
    pub fn is_author(&self, pinned: &Pinned, actor: &str) -> bool {
        let person = self.person(actor);
        let mut authors = pinned.authors.iter().flatten();
        authors.any(|author| self.person(author) == person)
    }

    /// Whether `actor` may decide where these reviewers are named: one of them, or any person where
    /// nobody is.
    pub fn may_decide(&self, reviewers: &[String], actor: &str) -> bool {
        match reviewers {
            [] => is_person(actor),
            some => some.iter().any(|entry| self.is_reviewer(entry, actor)),
        }
    }

    /// Whether `actor` is meant by the reviewer entry `entry` of a gate: `user:NAME`, `team:NAME`,
    /// an e-mail or a plain id.
    pub fn is_reviewer(&self, entry: &str, actor: &str) -> bool {
        let person = self.person(actor);
        match entry.strip_prefix("team:") {
            Some(team) => self
                .teams
                .get(team)
                .is_some_and(|members| members.iter().any(|member| self.person(member) == person)),
            None => self.person(entry) == person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::diagnostic::PathStep;
    use crate::core::base::diagnostic::Place;

    fn approvals() -> ApprovalConfig {
        let set = |mails: &[&str]| mails.iter().map(|m| (*m).to_owned()).collect();
        ApprovalConfig {
            users: BTreeMap::from([(
                "tech-lead".to_owned(),
                set(&["ana@example.com", "ana@home.example"]),
            )]),
            teams: BTreeMap::from([(
                "security".to_owned(),
                set(&["ana@example.com", "ben@example.com"]),
            )]),
            ..ApprovalConfig::default()
        }
    }

    #[test]
    fn who_claims_what_is_bound_is_whom_the_provider_means() {
        let config = Config {
            approvals: approvals(),
            ..Config::default()
        };
        let named = [
            "agent://coder",
            "agent://team/coder",
            "service://ci",
            "mcp://tools",
            "https://bots.example.com/one",
            "human://ana@example.com",
            "human://tech-lead",
            "human://user:tech-lead",
            "somebody",
        ];
        for provider in named {
            let actor = actor_of(provider).expect(provider);
            assert!(config.is_bound(provider, &actor), "{provider}: {actor}");
            assert!(!config.is_bound(provider, "agent:else"), "{provider}");
        }
        for provider in ["human://team:security", "human://", "agent://", "tool://x"] {
            assert_eq!(actor_of(provider), None, "{provider}");
        }
    }

    #[test]
    fn an_actor_has_a_name() {
        for actor in ["agent:", "human:", "agent://", "user: ", "service:/"] {
            let (why, help) = names_nobody(actor).expect(actor);
            assert_eq!(why, format!("the actor `{actor}` has no name"));
            assert!(help.contains("`agent:claude`"), "{help}");
        }
        for actor in [
            "agent:a",
            "agent://team/a",
            "ana",
            "ana@example.com",
            "x:y:",
        ] {
            assert_eq!(names_nobody(actor), None, "{actor}");
        }
    }

    fn read(text: &str) -> (Option<Config>, Vec<(&'static str, Place)>) {
        let (config, findings) = Config::read(CONFIG_FILE, text.as_bytes());
        let places = findings.into_iter().map(|f| (f.code.id, f.place));
        (config, places.collect())
    }

    #[test]
    fn members_of_teams_are_people() {
        let found = |approvals: &str| -> Vec<String> {
            let text = format!("approvals:\n  {approvals}\n");
            let (_, findings) = Config::read(CONFIG_FILE, text.as_bytes());
            let told = findings.into_iter();
            told.map(|one| format!("{} {}", one.code.id, one.message))
                .collect()
        };
        let one =
            "teams: {a: [ana@x.io, 'user:ben', cyd], b: ['agent:coder']}\n  users: {ben: [b@x.io]}";
        assert_eq!(found(one), [] as [&str; 0]);
        for (members, expected) in [
            (
                "teams: {a: [ana], b: ['team:a']}",
                "a team cannot contain teams",
            ),
            ("teams: {a: ['@ana']}", "a user name of a forge"),
            ("teams: {a: ['*@x.io']}", "is not a pattern here"),
            (
                "teams: {a: ['user:ben']}",
                "is not a user in this configuration",
            ),
            (
                "users: {ana: [a@x.io], ben: [A@x.io]}",
                "is listed for two users",
            ),
            (
                "users: {ana: ['user:ben']}",
                "is not a user in this configuration",
            ),
            ("users: {ana: ['team:a']}", "a team cannot contain teams"),
        ] {
            let told = found(members);
            assert_eq!(told.len(), 1, "{members}: {told:?}");
            assert!(
                told[0].starts_with("PS237") && told[0].contains(expected),
                "{told:?}"
            );
        }
    }

    #[test]
    fn branches_and_the_remote_have_names_that_git_takes_for_them() {
        let bad = [
            "HEAD",
            "-x",
            "refs/heads/x",
            "refs/x",
            "a..b",
            "a b",
            "a~1",
            "a:b",
            "x.lock",
            "a/.b",
            "a//b",
            "/a",
            "a/",
            "x.",
            "@",
            "a@{1}",
            "x^",
            "a*",
        ];
        for name in bad {
            for text in [
                format!("specBranch: \"{name}\"\n"),
                format!("status: {{branch: \"{name}\"}}\n"),
            ] {
                let (config, found) = read(&text);
                assert_eq!(config, None, "{text}");
                assert_eq!(found.len(), 1, "{text}");
            }
        }
        for name in ["main", "release/1.2", "planspec/status", "a-b", "x_y", "ä"] {
            let (config, found) = read(&format!("specBranch: {name}\n"));
            assert!(config.is_some() && found.is_empty(), "{name}: {found:?}");
        }
        for name in ["-x", "../x", "https://x.io/a.git", "a b", "ext::sh"] {
            let (config, _) = read(&format!("status: {{remote: \"{name}\"}}\n"));
            assert_eq!(config, None, "{name}");
        }
        let (config, _) = read("specBranch: main\nstatus: {branch: main, remote: origin}\n");
        assert_eq!(config, None);
    }

    #[test]
    fn an_empty_file_is_the_default_configuration() {
        for text in ["", "# nothing yet\n", "---\n", "{}\n"] {
            assert_eq!(read(text), (Some(Config::default()), vec![]), "{text:?}");
        }
    }

    #[test]
    fn every_field_is_read() {
        let text = "
specBranch: trunk
paths: [\"plans/**\", \"**/*.planspec.{yaml,yml,json}\"]
defaultNamespace: team
status: {branch: state, remote: origin}
lease: 45m
approvals:
  requireSigned: true
  allowedSigners: .planspec/allowed_signers
  preventSelfApproval: true
  users: {tech-lead: [ana@example.com]}
  teams: {security: [ana@example.com, ben@example.com]}
rules: {PS299: warning, PS305: off, ps204: error}
limits: {fileBytes: 2048, depth: 16, nodes: 10}
";
        // PS299 is a code of another version: a warning, not silence and not a stop.
        let (config, findings) = read(text);
        let place = Place::Entry {
            document: 0,
            path: path!["rules", "PS299"],
            part: Part::Key,
        };
        assert_eq!(findings, [("PS104", place)]);
        let config = config.expect("a warning only");
        assert_eq!(config.spec_branch.as_deref(), Some("trunk"));
        assert_eq!(config.status.remote.as_deref(), Some("origin"));
        assert_eq!(config.lease.seconds(), 2700);
        assert_eq!(
            config.approvals.require_signed.iter().collect::<Vec<_>>(),
            Deciding::ALL
        );
        let rules: Vec<(&str, RuleLevel)> = config
            .rules
            .iter()
            .map(|(name, level)| (name.as_str(), *level))
            .collect();
        assert_eq!(
            rules,
            [("PS204", RuleLevel::Error), ("PS305", RuleLevel::Off)]
        );
        assert_eq!(config.limits.depth, 16);
        let written = serde_json::to_value(&config).expect("JSON");
        assert_eq!(schema::check(SchemaKind::Config, &written), []);
    }

    #[test]
    fn the_default_configuration_fits_its_schema() {
        let written = serde_json::to_value(Config::default()).expect("JSON");
        assert_eq!(schema::check(SchemaKind::Config, &written), []);
    }

    #[test]
    fn what_is_wrong_with_a_configuration() {
        let value = |path: Vec<PathStep>| Place::Entry {
            document: 0,
            path,
            part: Part::Value,
        };
        let key = |path: Vec<PathStep>| Place::Entry {
            document: 0,
            path,
            part: Part::Key,
        };
        let table = [
            ("lease: 30\n", "PS103", value(path!["lease"])),
            ("lease: 0s\n", "PS105", value(path!["lease"])),
            ("leese: 30m\n", "PS102", key(path!["leese"])),
            (
                "rules: {PS302: no}\n",
                "PS104",
                value(path!["rules", "PS302"]),
            ),
            ("paths: [\"a[\"]\n", "PS105", value(path!["paths", 0])),
            ("paths: []\n", "PS106", value(path!["paths"])),
            (
                "limits: {depth: 0}\n",
                "PS106",
                value(path!["limits", "depth"]),
            ),
            // A status has a level or two around what it takes over from a file, and is read back.
            (
                "limits: {depth: 101}\n",
                "PS106",
                value(path!["limits", "depth"]),
            ),
            (
                "approvals: {requireSigned: yes}\n",
                "PS103",
                value(path!["approvals", "requireSigned"]),
            ),
            ("- a\n", "PS103", value(path![])),
        ];
        for (text, code, place) in table {
            assert_eq!(read(text), (None, vec![(code, place)]), "{text}");
        }
        // What stays an error whatever is written is told, and stops nothing.
        for level in ["off", "warning"] {
            let (config, findings) = read(&format!("rules: {{ps304: {level}, PS204: off}}\n"));
            assert_eq!(findings, [("PS104", value(path!["rules", "ps304"]))]);
            assert!(config.is_some());
        }
        // Globs under which there is no resource.
        for pattern in [
            "./planspec/**",
            "/planspec/**",
            "planspec",
            "planspec/",
            "!old/**",
            "a\\\\b/**",
            "../x/**",
            "src/*.rs",
        ] {
            let (config, findings) = read(&format!("paths: [\"{pattern}\"]\n"));
            assert_eq!(findings, [("PS234", value(path!["paths", 0]))], "{pattern}");
            assert!(config.is_some());
        }
        for pattern in [
            "**",
            "*.yaml",
            "planspec/*",
            "a/*.y*ml",
            "plans/{a,b}.json",
            "p/x.yml",
            "**/*.planspec.json",
        ] {
            let (_, findings) = read(&format!("paths: [\"{pattern}\"]\n"));
            assert_eq!(findings, [], "{pattern}");
        }
        let (config, findings) = read("rules: {PS304: error}\n");
        assert_eq!((config.is_some(), findings), (true, vec![]));
        let (config, findings) = read("lease: [\n");
        assert_eq!((config, findings.len()), (None, 1));
        let (config, findings) = read("lease: 1m\n---\nlease: 2m\n");
        assert_eq!((config, findings.len()), (None, 1));
    }

    #[test]
    fn one_person_has_one_name() {
        let approvals = approvals();
        assert_eq!(approvals.person("ana@example.com"), "user:tech-lead");
        assert_eq!(approvals.person("Ana@Home.Example"), "user:tech-lead");
        assert_eq!(approvals.person("tech-lead"), "user:tech-lead");
        assert_eq!(approvals.person("ben@example.com"), "ben@example.com");
    }

    #[test]
    fn names_under_which_a_person_may_sign() {
        let approvals = approvals();
        let lead: &[&str] = &[
            "ana@example.com",
            "ana@home.example",
            "tech-lead",
            "user:tech-lead",
        ];
        let table: [(&str, &[&str]); 6] = [
            ("ana@example.com", lead),
            ("user:tech-lead", lead),
            ("tech-lead", lead),
            ("Ben@Example.com", &["Ben@Example.com", "ben@example.com"]),
            ("carol", &["carol", "user:carol"]),
            ("user:ana@example.com", &["user:ana@example.com"]),
        ];
        for (actor, expected) in table {
            let names: Vec<String> = approvals.names_of(actor).into_iter().collect();
            assert_eq!(names, expected, "{actor}");
        }
    }

    #[test]
    fn reviewer_entries() {
        let approvals = approvals();
        let table = [
            ("user:tech-lead", "ana@example.com", true),
            ("user:tech-lead", "user:tech-lead", true),
            ("user:tech-lead", "ben@example.com", false),
            ("team:security", "ben@example.com", true),
            ("team:security", "ana@home.example", true),
            ("team:security", "user:tech-lead", true),
            ("team:security", "eve@example.com", false),
            ("team:nobody", "ana@example.com", false),
            ("ben@example.com", "ben@example.com", true),
            ("carol", "carol", true),
            ("carol", "user:carol", true),
            ("user:Tech-Lead", "Ana@example.com", true),
            ("Carol", "carol", true),
            ("carol", "carol@example.com", false),
        ];
        for (entry, actor, expected) in table {
            assert_eq!(
                approvals.is_reviewer(entry, actor),
                expected,
                "{entry} {actor}"
            );
        }
    }
}
