//! The configuration of a `tool://` target, for the rules and for the worker.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::core::resource::Duration;

/// The scheme of targets whose commands `planspec work` runs.
pub const TOOL: &str = "tool://";
/// The fields of a target's configuration.
const FIELDS: [&str; 5] = ["command", "env", "workingDirectory", "timeout", "workspace"];

/// The configuration of a `tool://` target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tool {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Additional environment variables.
    pub env: BTreeMap<String, String>,
    /// The working directory, in the work tree.
    pub working_directory: Option<String>,
    /// The timeout.
    pub timeout: Option<Duration>,
    /// The content of its work tree.
    pub workspace: Workspace,
}

/// The content of a command's work tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Workspace {
    /// The pinned spec commit.
    #[default]
    Spec,
    /// The same, with the work of the nodes that it depends on.
    Predecessors,
}

impl Tool {
    /// Reads a target's `config`.
    ///
    /// # Errors
    /// What is missing or not valid, in a sentence without a full stop.
    pub fn read(config: Option<&Value>) -> Result<Tool, String> {
        let none = Map::new();
        let config = match config {
            None | Some(Value::Null) => &none,
            Some(Value::Object(config)) => config,
            Some(_) => return Err("the target's `config` is not a mapping".to_owned()),
        };
        if let Some(name) = config.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(format!(
                "the target's `config` has an unknown field `{name}`: {} are known",
                FIELDS.join(", ")
            ));
        }
        Ok(Tool {
            command: command(config.get("command"))?,
            env: environment_of(config.get("env"))?,
            working_directory: match config.get("workingDirectory") {
                None | Some(Value::Null) => None,
                Some(Value::String(path))
                    if path.starts_with('/') || path.split('/').any(|part| part == "..") =>
                {
                    return Err(format!(
                        "`config.workingDirectory` is outside the work tree: `{path}`"
                    ));
                }
                Some(Value::String(path)) => Some(path.clone()),
                Some(_) => return Err("`config.workingDirectory` is not a string".to_owned()),
            },
            timeout: match config.get("timeout") {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(
                    text.parse()
                        .map_err(|why| format!("`config.timeout`: {why}"))?,
                ),
                Some(_) => {
                    return Err(
                        "`config.timeout` is not a duration: write for example 10m".to_owned()
                    );
                }
            },
            workspace: match config.get("workspace") {
                None | Some(Value::Null) => Workspace::Spec,
                Some(Value::String(word)) if word == "spec" => Workspace::Spec,
                Some(Value::String(word)) if word == "predecessors" => Workspace::Predecessors,
                Some(_) => {
                    return Err("`config.workspace` is neither spec nor predecessors".to_owned());
                }
            },
        })
    }
}

fn command(value: Option<&Value>) -> Result<Vec<String>, String> {
    let words = match value {
        None | Some(Value::Null) => return Err("the target has no `config.command`".to_owned()),
        Some(Value::Array(words)) => words,
        Some(_) => {
            return Err(
                "`config.command` is not a list: write the program and its arguments as a list, \
                 for example [make, test]"
                    .to_owned(),
            );
        }
    };
    let words: Option<Vec<String>> = words
        .iter()
        .map(|word| word.as_str().map(str::to_owned))
        .collect();
    match words {
        None => Err(
            "`config.command` contains a value that is not a string: put it in quotes".to_owned(),
        ),
        Some(words) if words.first().is_none_or(String::is_empty) => {
            Err("`config.command` names no program".to_owned())
        }
        Some(words) => Ok(words),
    }
}

/// The variables in `config.env`.
///
/// # Errors
/// It is not a mapping of strings, numbers and booleans; the error is a sentence without a full stop.
pub fn environment_of(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let map = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err("`config.env` is not a mapping".to_owned()),
    };
    map.iter()
        .map(|(name, value)| {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(format!(
                    "`config.env`: `{name}` cannot be the name of a variable"
                ));
            }
            let text = match value {
                Value::String(text) if text.contains('\0') => None,
                Value::String(text) => Some(text.clone()),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                _ => None,
            };
            let text = text.ok_or_else(|| format!("`config.env.{name}` is not a string"))?;
            Ok((name.clone(), text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_an_argument_list_and_what_it_finds_around_it() {
        let config = json!({
            "command": ["make", "-j", "2"],
            "env": {"A": "x", "N": 1, "B": true},
            "workingDirectory": "app",
            "timeout": "90s",
            "workspace": "predecessors",
        });
        let tool = Tool::read(Some(&config)).unwrap();
        assert_eq!(tool.command, ["make", "-j", "2"]);
        assert_eq!(tool.working_directory.as_deref(), Some("app"));
        assert_eq!(tool.timeout.unwrap().to_string(), "90s");
        assert_eq!(tool.workspace, Workspace::Predecessors);
        let env: Vec<(&str, &str)> = tool.env.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(env, [("A", "x"), ("B", "true"), ("N", "1")]);
    }

    #[test]
    fn a_hostile_configuration_says_what_is_wrong_with_it() {
        let table = [
            (json!(null), "the target has no `config.command`"),
            (json!("make"), "the target's `config` is not a mapping"),
            (
                json!({"comand": ["x"]}),
                "the target's `config` has an unknown field `comand`",
            ),
            (
                json!({"command": "rm -rf /"}),
                "`config.command` is not a list",
            ),
            (json!({"command": []}), "`config.command` names no program"),
            (
                json!({"command": [""]}),
                "`config.command` names no program",
            ),
            (
                json!({"command": ["x", 1]}),
                "`config.command` contains a value that is not a string",
            ),
            (
                json!({"command": {"x": 1}}),
                "`config.command` is not a list",
            ),
            (
                json!({"command": ["x"], "env": ["A"]}),
                "`config.env` is not a mapping",
            ),
            (
                json!({"command": ["x"], "env": {"A": [1]}}),
                "`config.env.A` is not a string",
            ),
            (
                json!({"command": ["x"], "env": {"A=B": "x"}}),
                "`config.env`: `A=B` cannot be",
            ),
            (
                json!({"command": ["x"], "env": {"A": "\0"}}),
                "`config.env.A` is not a string",
            ),
            (
                json!({"command": ["x"], "workingDirectory": 1}),
                "`config.workingDirectory` is not",
            ),
            (
                json!({"command": ["x"], "timeout": 5}),
                "`config.timeout` is not a duration",
            ),
            (
                json!({"command": ["x"], "timeout": "soon"}),
                "`config.timeout`: ",
            ),
            (
                json!({"command": ["x"], "workspace": "predecesors"}),
                "`config.workspace` is neither spec nor predecessors",
            ),
        ];
        for (config, why) in table {
            let said = Tool::read(Some(&config)).unwrap_err();
            assert!(said.starts_with(why), "{config}: {said}");
        }
    }
}
