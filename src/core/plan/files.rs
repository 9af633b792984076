//! The files of the repository that the commands of a resource run or read, and that its checks examine.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::shell;
use crate::core::resource::{ContextItem, Resource, Spec, TaskCriterion};

/// The use of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A command runs it, or gets its name.
    Runs,
    /// A check examines it.
    LooksAt,
}

/// The part of a resource that uses a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsedBy {
    /// The target of a rule of a binding, by its index.
    Rule(usize),
    /// A check.
    Check {
        /// Its name.
        name: String,
        /// The node, or the criterion of a document, that it belongs to.
        of: String,
    },
    /// The context of a node, or of the whole plan: the worker should read the file.
    Context {
        /// The node; `None` for the plan.
        of: Option<String>,
    },
}

impl UsedBy {
    fn check(check: &TaskCriterion, of: &str) -> UsedBy {
        UsedBy::Check {
            name: check.name.clone(),
            of: of.to_owned(),
        }
    }
}

/// The words of a check's command, if it has one.
pub fn command_of(criterion: &TaskCriterion) -> Option<Vec<String>> {
    let command = criterion.command.as_deref()?;
    let words = shell::words(command, criterion.args.as_deref());
    Some(words.unwrap_or_else(|_| vec![command.to_owned()]))
}

/// The words of a target's command, if its configuration has one.
pub fn command_in(config: Option<&Value>) -> Option<Vec<String>> {
    match config?.get("command")? {
        Value::Array(words) => {
            let word = |word: &Value| {
                word.as_str()
                    .map_or_else(|| word.to_string(), str::to_owned)
            };
            Some(words.iter().map(word).collect())
        }
        Value::String(text) => Some(vec![text.clone()]),
        _ => None,
    }
}

/// The files that a resource uses, with the part that uses them.
pub fn used_by(resource: &Resource) -> Vec<(String, UsedBy, Purpose)> {
    let mut found = Vec::new();
    match &resource.spec {
        Spec::Binding(binding) => {
            for (index, rule) in binding.rules.iter().enumerate() {
                let config = rule.target.config.as_ref();
                let folder = config.and_then(|config| config.get("workingDirectory")?.as_str());
                let words = command_in(config).unwrap_or_default();
                let paths = paths_in(&words, folder.unwrap_or_default()).into_iter();
                found.extend(paths.map(|path| (path, UsedBy::Rule(index), Purpose::Runs)));
            }
        }
        Spec::Plan(plan) => {
            found.extend(told_of(&plan.context, None));
            for node in &plan.graph.nodes {
                found.extend(told_of(&node.context, Some(&node.id)));
                for check in &node.acceptance_criteria {
                    let what = UsedBy::check(check, &node.id);
                    let used = of_check(check).into_iter();
                    found.extend(used.map(|(path, purpose)| (path, what.clone(), purpose)));
                }
            }
            for criterion in &plan.contract.criteria {
                for check in &criterion.checks {
                    let what = UsedBy::check(check, &criterion.id);
                    let used = of_check(check).into_iter();
                    found.extend(used.map(|(path, purpose)| (path, what.clone(), purpose)));
                }
            }
        }
        _ => {}
    }
    found
}

/// The files of the repository in a context.
fn told_of<'c>(
    context: &'c [ContextItem],
    of: Option<&str>,
) -> impl Iterator<Item = (String, UsedBy, Purpose)> + use<'c> {
    let uris = context.iter().flat_map(|item| &item.uris);
    let paths = uris
        .filter(|uri| !uri.contains("://"))
        .filter_map(|uri| normal(uri));
    let what = UsedBy::Context {
        of: of.map(str::to_owned),
    };
    paths.map(move |path| (path, what.clone(), Purpose::LooksAt))
}

fn of_check(check: &TaskCriterion) -> Vec<(String, Purpose)> {
    let words = command_of(check).unwrap_or_default();
    let runs = paths_in(&words, "")
        .into_iter()
        .map(|path| (path, Purpose::Runs));
    let looks = check
        .path
        .iter()
        .filter_map(|path| Some((normal(path)?, Purpose::LooksAt)));
    runs.chain(looks).collect()
}

/// The names under which the index finds this resource by the files that it uses.
pub fn names_of(resource: &Resource) -> BTreeSet<String> {
    let used = used_by(resource).into_iter();
    used.map(|(path, ..)| name_of(&path)).collect()
}

/// The name under which the index finds the users of a file; no resource can have such a name.
pub fn name_of(path: &str) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("+file/+{:x}", hasher.finish())
}

/// Maximum length of a word that may be a path.
const PATH: usize = 300;

/// Files that programs read by default, without being given their names.
const READ_BY: [(&[&str], &[&str]); 9] = [
    (&["make", "gmake"], &["Makefile", "makefile", "GNUmakefile"]),
    (&["npm", "npx", "pnpm", "yarn", "bun"], &["package.json"]),
    (&["just"], &["justfile", "Justfile", ".justfile"]),
    (&["task"], &["Taskfile.yml", "Taskfile.yaml"]),
    (&["rake"], &["Rakefile"]),
    (
        &["docker", "podman"],
        &["Dockerfile", "compose.yaml", "docker-compose.yml"],
    ),
    (&["tox"], &["tox.ini"]),
    (&["mvn"], &["pom.xml"]),
    (&["gradle"], &["build.gradle", "build.gradle.kts"]),
];
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "zsh", "ksh"];

/// The files of the repository that a command names or reads by default, from a folder of the repository.
fn paths_in(words: &[String], folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |word: &str| {
        let word = word.trim_matches(['"', '\'']);
        found.extend(normal(&format!("{folder}/{word}")));
    };
    let Some(program) = words.first() else {
        return found;
    };
    let name = program.rsplit('/').next().unwrap_or_default();
    for (_, files) in READ_BY
        .iter()
        .filter(|(programs, _)| programs.contains(&name))
    {
        files.iter().for_each(|file| add(file));
    }
    let is_module = |at: usize| at > 0 && words[at - 1] == "-m" && name.starts_with("python");
    for (at, word) in words.iter().enumerate() {
        if is_module(at) {
            let module = word.replace('.', "/");
            for ending in [".py", "/__main__.py", "/__init__.py"] {
                add(&format!("{module}{ending}"));
            }
        }
        // The program is in the repository only if it is given as a path.
        if at == 0 && !word.contains('/') {
            continue;
        }
        let script = SHELLS.contains(&name) && word.contains(char::is_whitespace);
        if script {
            let ends = |c: char| c.is_whitespace() || ";|&()<>`$".contains(c);
            word.split(ends).for_each(&mut add);
        } else {
            add(word.split_once('=').map_or(word, |(_, value)| value));
        }
    }
    found
}

/// A path from the root of the repository; `None` if it is outside.
fn normal(path: &str) -> Option<String> {
    let is_path = |c: char| !c.is_whitespace() && !c.is_control() && !"*?[]{}$".contains(c);
    let leads_out = path.trim_start_matches('/').starts_with('-') || path.contains("://");
    if path.len() > PATH || leads_out || !path.chars().all(is_path) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_files_a_command_uses() {
        let table: [(&[&str], &str, &[&str]); 9] = [
            (
                &["scripts/a.sh", "--to", "x.txt"],
                "",
                &["scripts/a.sh", "x.txt"],
            ),
            (&["./a.sh"], "app", &["app/a.sh"]),
            (
                &["bash", "-c", "cd x && scripts/b.sh | tee log"],
                "",
                &["cd", "log", "scripts/b.sh", "tee", "x"],
            ),
            (
                &["make", "test"],
                "",
                &["GNUmakefile", "Makefile", "makefile", "test"],
            ),
            (
                &["python3", "-m", "tools.run", "--config=conf/a.toml"],
                "",
                &[
                    "conf/a.toml",
                    "tools.run",
                    "tools/run.py",
                    "tools/run/__init__.py",
                    "tools/run/__main__.py",
                ],
            ),
            (&["curl", "https://example.com/x"], "", &[]),
            (&["../x.sh"], "", &[]),
            (&["../x.sh"], "app", &["x.sh"]),
            (&[], "", &[]),
        ];
        for (words, folder, expected) in table {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let mut found = paths_in(&words, folder);
            found.remove("-c");
            assert_eq!(
                found.iter().map(String::as_str).collect::<Vec<_>>(),
                expected,
                "{words:?}"
            );
        }
    }
}
