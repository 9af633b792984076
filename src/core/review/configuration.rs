//! Changes to the configuration and to the keys that it names: the trust root. A change that decides something (who, by
//! which keys, on which branches, by which rules) needs a second look, whether or not it becomes stricter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::Policy;
use super::suspicion;
use crate::core::base::diagnostic::{Code, Diagnostic, Part, PathStep, Place};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::words::listed;
use crate::core::repository::config::{
    ApprovalConfig, Config, Deciding, RequireSigned, StatusConfig,
};
use crate::core::repository::signers::{SignerLine, Signers};
use crate::core::resource::{AWAITING_APPROVAL, ExecutionPhase, Key, Kind, Time};
use crate::core::run::status::StatusTree;

/// A change of the configuration, or of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigurationChange {
    /// The file.
    pub file: String,
    /// The field in it; for a key, its principal.
    pub field: Vec<String>,
    /// The value before.
    pub was: Option<Value>,
    /// The value after.
    pub is: Option<Value>,
    /// What follows, if the field decides something; then it needs a second look.
    pub danger: Option<String>,
    /// What it may affect.
    pub concerns: Concerns,
}

/// What a change of the configuration may affect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerns {
    /// Decisions at gates; if a reviewer is given, only at gates that name them.
    Gates(Option<String>),
    /// All open runs.
    Runs,
    /// Nothing that has begun.
    Nothing,
}

/// A gate or a run that a change of the configuration affects at present.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TouchedNow {
    /// The run.
    pub execution: Key,
    /// The gate node, if it affects one.
    pub node: Option<String>,
    /// `namespace/name` of its gate.
    pub gate: Option<String>,
    /// The effect, as a sentence.
    pub text: String,
}

/// The changes between two configurations and their keys.
pub fn changes(was: &Policy, is: &Policy) -> Vec<ConfigurationChange> {
    let mut found = of_config(&was.config, &is.config);
    found.extend(of_signers(was, is));
    found.extend(of_key_files(was, is));
    // Changes that decide something come first.
    found.sort_by_key(|change| change.danger.is_none());
    found
}

impl ConfigurationChange {
    /// The change in words: `approvals.teams.security: a → a, b`.
    pub fn words(&self) -> String {
        let name = match self.file.as_str() {
            CONFIG_FILE => self.field.join("."),
            file => format!("{file}, {}", self.field.join(".")),
        };
        let [was, is] = [&self.was, &self.is].map(|value| value.as_ref().map(plain));
        match (was, is) {
            (Some(was), Some(is)) => format!("{name}: {was} → {is}"),
            (None, Some(is)) => format!("{name}: set to {is}"),
            (Some(was), None) => format!("{name}: no longer {was}"),
            (None, None) => name,
        }
    }

    /// The finding that it needs a second look, if it does.
    pub fn finding(&self) -> Option<Diagnostic> {
        let danger = self.danger.as_ref()?;
        let is_written = self.file == CONFIG_FILE && self.is.is_some();
        let place = if is_written {
            let parts = self.field.iter();
            Place::Entry {
                document: 0,
                path: parts.map(|part| PathStep::from(part.as_str())).collect(),
                part: Part::Value,
            }
        } else {
            Place::File
        };
        let message = format!("{}: {danger}", self.words());
        let finding = Diagnostic::new(Code::LOOK_TWICE, &self.file, place, message);
        Some(
            finding.help("explain in the pull request why this is right; nothing else is required"),
        )
    }
}

/// A value for people.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nobody".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

struct Fields(Vec<(Vec<String>, Value, Meaning)>);

/// The meaning of a field, and what it may affect.
type Meaning = (Option<&'static str>, Concerns);

impl Fields {
    fn add(&mut self, path: &[&str], value: impl serde::Serialize, meaning: Meaning) {
        let value = serde_json::to_value(value).unwrap_or_default();
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.0.push((path, value, meaning));
    }
}

/// All fields of a configuration with their meanings; a new field does not compile until it is here.
fn fields(config: &Config) -> Vec<(Vec<String>, Value, Meaning)> {
    let Config {
        spec_branch,
        paths,
        default_namespace,
        status:
            StatusConfig {
                branch,
                remote,
                signers,
            },
        lease,
        approvals,
        verification,
        workers,
        nudge,
        scope,
        rules,
        limits,
    } = config;
    let runs = |why| (Some(why), Concerns::Runs);
    let mut all = Fields(Vec::new());
    let elsewhere = "plans and approvers are read from another branch; `reconcile` continues only with `--initialize`";
    all.add(&["specBranch"], spec_branch, runs(elsewhere));
    let elsewhere = "the status is kept elsewhere; `reconcile` continues only with `--initialize`";
    all.add(&["status", "branch"], branch, runs(elsewhere));
    let elsewhere = "status and records are kept on another remote; `reconcile` continues there only with `--initialize`";
    all.add(&["status", "remote"], remote, runs(elsewhere));
    let signed = "the signers of status commits change";
    all.add(&["status", "signers"], signers, runs(signed));
    let hidden = "resources outside the paths no longer count: their runs continue unchanged, and no new run starts";
    all.add(&["paths"], paths, runs(hidden));
    all.add(
        &["verification"],
        verification,
        runs("who may check the work changes"),
    );
    all.add(
        &["workers"],
        workers,
        runs("who may claim bound nodes changes"),
    );
    let along = "these files may change with any work, regardless of its scope";
    all.add(
        &["scope", "always"],
        &scope.always,
        (Some(along), Concerns::Nothing),
    );
    let told = "every actor with a secret for it sends the secret to the forge of the shared remote with each record";
    all.add(&["nudge"], nudge, (Some(told), Concerns::Nothing));
    of_approvals(&mut all, approvals);
    for (code, level) in rules {
        let why = "from then on, findings have other severities";
        all.add(&["rules", code], level, (Some(why), Concerns::Nothing));
    }
    all.add(&["lease"], lease, (None, Concerns::Runs));
    all.add(
        &["defaultNamespace"],
        default_namespace,
        (None, Concerns::Nothing),
    );
    all.add(&["limits"], limits, (None, Concerns::Nothing));
    all.0
}

fn of_approvals(all: &mut Fields, approvals: &ApprovalConfig) {
    let ApprovalConfig {
        require_signed,
        allowed_signers,
        prevent_self_approval,
        prevent_worker_approval,
        revisions,
        users,
        teams,
    } = approvals;
    let gates = |why| (Some(why), Concerns::Gates(None));
    all.add(
        &["approvals", "requireSigned"],
        require_signed,
        (
            Some("which records count without a signature changes"),
            Concerns::Runs,
        ),
    );
    let file = "the accepted keys come from another file";
    all.add(
        &["approvals", "allowedSigners"],
        allowed_signers,
        gates(file),
    );
    let who = "the approvers change";
    let own = [
        ("preventSelfApproval", prevent_self_approval),
        ("preventWorkerApproval", prevent_worker_approval),
    ];
    for (field, value) in own {
        all.add(&["approvals", field], value, gates(who));
    }
    let asked =
        "for runs that have not started, it changes which document revisions wait for a person";
    all.add(
        &["approvals", "revisions"],
        revisions,
        (Some(asked), Concerns::Nothing),
    );
    for (name, mails) in users {
        all.add(&["approvals", "users", name], mails, gates(who));
    }
    for (name, members) in teams {
        let meaning = (Some(who), Concerns::Gates(Some(format!("team:{name}"))));
        all.add(&["approvals", "teams", name], members, meaning);
    }
}

fn of_config(was: &Config, is: &Config) -> Vec<ConfigurationChange> {
    let [before, now] = [was, is].map(|config| {
        let all = fields(config).into_iter();
        let all = all.map(|(path, value, meaning)| (path, (value, meaning)));
        all.collect::<BTreeMap<_, _>>()
    });
    let paths: BTreeSet<&Vec<String>> = before.keys().chain(now.keys()).collect();
    let changed = paths.into_iter().filter_map(|path| {
        let [was, is] = [&before, &now].map(|side| side.get(path));
        let value = |side: Option<&(Value, Meaning)>| {
            side.map(|(value, _)| value.clone())
                .filter(|value| !value.is_null())
        };
        let (before, now) = (value(was), value(is));
        let (_, (danger, concerns)) = is.or(was)?;
        let lease = (path.as_slice() == ["lease"])
            .then(|| lease(before.as_ref(), now.as_ref()))
            .flatten();
        let change = ConfigurationChange {
            file: CONFIG_FILE.to_owned(),
            field: path.clone(),
            danger: danger
                .map(|danger| said(path, (&before, &now), danger))
                .or(lease),
            was: before,
            is: now,
            concerns: concerns.clone(),
        };
        (change.was != change.is).then_some(change)
    });
    changed.collect()
}

/// A much shorter lease takes work away from its holder; a much longer one keeps it from others.
fn lease(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    suspicion::timeout(was, is, false)?;
    let is = is.map(plain)?;
    Some(format!(
        "from then on, a claim that is not renewed within {is} can be lost"
    ))
}

/// What follows, as precisely as the values allow.
fn said(path: &[String], (was, is): (&Option<Value>, &Option<Value>), danger: &str) -> String {
    let required = |value: &Option<Value>| -> BTreeSet<Deciding> {
        let read = value.clone().map(serde_json::from_value::<RequireSigned>);
        read.and_then(Result::ok)
            .iter()
            .flat_map(RequireSigned::iter)
            .collect()
    };
    let words = |set: &mut dyn Iterator<Item = &Deciding>| {
        let words: Vec<&str> = set.map(|what| what.word()).collect();
        listed(words.iter().copied())
    };
    let members = |value: &Option<Value>| -> BTreeSet<String> {
        let list = value.as_ref().and_then(Value::as_array).into_iter();
        let names = list.flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    match path
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["approvals", "requireSigned"] => {
            let (before, now) = (required(was), required(is));
            let dropped = words(&mut before.difference(&now));
            let added = words(&mut now.difference(&before));
            match (dropped.as_str(), added.as_str()) {
                ("", added) => {
                    format!("{added} count only if signed, also in open runs")
                }
                (dropped, _) => format!(
                    "{dropped} count without a signature: everybody who can push can act in anybody's name"
                ),
            }
        }
        ["approvals", "users" | "teams", _] => {
            let (before, now) = (members(was), members(is));
            let names = |names: &mut dyn Iterator<Item = &String>| {
                let names: Vec<&str> = names.map(String::as_str).collect();
                listed(names.iter().copied())
            };
            let come = names(&mut now.difference(&before));
            let gone = names(&mut before.difference(&now));
            // Accounts that are no longer joined count as several people.
            let is_split = path.get(1).is_some_and(|part| part == "users");
            match (come.as_str(), gone.as_str()) {
                ("", gone) if is_split => format!(
                    "{gone} counts as a different person from then on: one person may be able to give several approvals"
                ),
                (come, "") => format!("{come} may decide as one of them"),
                ("", gone) => format!("{gone} may no longer decide as one of them"),
                (come, gone) => {
                    format!("{come} may decide as one of them, {gone} may no longer")
                }
            }
        }
        ["rules", code] => match is.as_ref().and_then(Value::as_str) {
            Some("off") => format!("{code} is no longer reported"),
            Some("warning") => format!("{code} is no longer an error"),
            Some(level) => format!("{code} is {level}"),
            None => format!("{code} has its default severity"),
        },
        _ => danger.to_owned(),
    }
}

/// The added and removed keys, by principal.
fn of_signers(was: &Policy, is: &Policy) -> Vec<ConfigurationChange> {
    let read =
        |policy: &Policy| Signers::read(policy.signers.1.as_deref().unwrap_or("").as_bytes());
    let (before, now) = (read(was), read(is));
    let listed = |signers: &Signers| -> BTreeMap<(String, String), String> {
        let lines = signers.lines.iter();
        lines.flat_map(of_line).collect()
    };
    let (old, new) = (listed(&before), listed(&now));
    let all: BTreeSet<&(String, String)> = old.keys().chain(new.keys()).collect();
    let keys = all.into_iter().filter_map(|of| {
        let (was_valid, is_valid) = (old.get(of), new.get(of));
        let (principal, key) = of;
        let danger = match (was_valid, is_valid) {
            (None, Some(_)) => format!("key {key} counts for {principal}"),
            (Some(_), None) => format!(
                "key {key} no longer counts for {principal}: its decisions at open gates are lost"
            ),
            (Some(was), Some(is)) if was != is => {
                format!("the validity of key {key} of {principal} changes")
            }
            _ => return None,
        };
        let text =
            |valid: Option<&String>| valid.map(|valid| Value::String(format!("{key}{valid}")));
        Some(ConfigurationChange {
            file: is.signers.0.clone(),
            field: vec![principal.clone()],
            was: text(was_valid),
            is: text(is_valid),
            danger: Some(danger),
            concerns: Concerns::Gates(None),
        })
    });
    let known: BTreeSet<&String> = before.refused.iter().map(|line| &line.why).collect();
    let refused = now.refused.iter().filter(|line| !known.contains(&line.why));
    let refused = refused.map(|line| ConfigurationChange {
        file: is.signers.0.clone(),
        field: vec![format!("line {}", line.number)],
        was: None,
        is: line.key.clone().map(Value::String),
        danger: Some(format!("the line does not count: {}", line.why)),
        concerns: Concerns::Nothing,
    });
    keys.chain(refused).collect()
}

/// The principals and keys of a line, with their validity.
fn of_line(line: &SignerLine) -> Vec<((String, String), String)> {
    let time = |word: &str, time: Option<Time>| {
        time.map_or(String::new(), |time| {
            format!(", {word} {}", time.format("%Y-%m-%dT%H:%M:%SZ"))
        })
    };
    let mut valid = time("from", line.after) + &time("until", line.before);
    if !line.signs_commits {
        valid.push_str(", not for commits");
    }
    let names = line.principals.iter();
    names
        .map(|name| ((name.clone(), line.key.clone()), valid.clone()))
        .collect()
}

/// Added, removed and changed files of OpenPGP keys.
fn of_key_files(was: &Policy, is: &Policy) -> Vec<ConfigurationChange> {
    let all: BTreeSet<&String> = was.key_files.keys().chain(is.key_files.keys()).collect();
    let changed = all.into_iter().filter_map(|path| {
        let [before, now] = [was, is].map(|side| side.key_files.get(path).cloned());
        let name = path.rsplit('/').next().unwrap_or(path);
        let whose = name.strip_suffix(".asc").unwrap_or(name);
        let danger = match (&before, &now) {
            (None, Some(_)) => format!("its keys count for {whose}"),
            (Some(_), None) => {
                format!("no OpenPGP key counts for {whose} any more: their decisions at open gates are lost")
            }
            (Some(was), Some(is)) if was != is => format!("other keys count for {whose}"),
            _ => return None,
        };
        Some(ConfigurationChange {
            file: path.clone(),
            field: vec![whose.to_owned()],
            was: before.map(Value::String),
            is: now.map(Value::String),
            danger: Some(danger),
            concerns: Concerns::Gates(None),
        })
    });
    changed.collect()
}

/// The gates and runs that are affected at present. `reviewers` returns who decides at a gate, if known.
pub fn touched(
    changes: &[ConfigurationChange],
    status: &StatusTree,
    reviewers: &dyn Fn(&Key) -> Option<Vec<String>>,
) -> BTreeSet<TouchedNow> {
    let all_runs = changes.iter().any(|one| one.concerns == Concerns::Runs);
    let runs = status.files.iter().filter_map(|(key, file)| {
        let run = file.status.execution()?;
        let goes_on = !run.phase.is_terminal() && run.phase != ExecutionPhase::Pending;
        goes_on.then_some((key, run))
    });
    let mut found = BTreeSet::new();
    for (key, run) in runs {
        let mut of_gates = BTreeSet::new();
        for (id, node) in &run.node_statuses {
            let Some(decision) = &node.extensions.decision else {
                continue;
            };
            let waits = node.extensions.reason == AWAITING_APPROVAL;
            if waits && concerned(changes, &decision.gate, reviewers) {
                of_gates.insert(TouchedNow {
                    execution: key.clone(),
                    node: Some(id.clone()),
                    gate: Some(decision.gate.clone()),
                    text: format!(
                        "{}/{id} waits for a decision at gate {}",
                        key.qualified(),
                        decision.gate
                    ),
                });
            }
        }
        if all_runs && of_gates.is_empty() {
            found.insert(TouchedNow {
                execution: key.clone(),
                node: None,
                gate: None,
                text: format!("{} is {}", key.qualified(), run.phase),
            });
        }
        found.extend(of_gates);
    }
    found
}

fn concerned(
    changes: &[ConfigurationChange],
    gate: &str,
    reviewers: &dyn Fn(&Key) -> Option<Vec<String>>,
) -> bool {
    changes.iter().any(|change| match &change.concerns {
        Concerns::Runs | Concerns::Gates(None) => true,
        Concerns::Nothing => false,
        Concerns::Gates(Some(reviewer)) => {
            let (namespace, name) = gate.split_once('/').unwrap_or(("", gate));
            let named = reviewers(&Key::new(Kind::Gate, namespace, name));
            // If the reviewers are unknown, anybody may be one.
            named.is_none_or(|named| named.contains(reviewer))
        }
    })
}
