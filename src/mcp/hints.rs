//! Ways out that name commands, as calls of the tools that do the same: an agent at this door may have no shell.

use serde_json::{Map, Value};

use crate::core::plan::shell;
use crate::core::resource::Kind;

/// How a command begins.
const PROGRAM: &str = "planspec ";

/// Whoever is given a way out.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Who acts.
    pub actor: &'a str,
    /// Whether a tool is offered.
    pub has_tool: &'a dyn Fn(&str) -> bool,
}

/// A text in which commands that a tool does are calls of that tool; the others stay.
pub fn in_tools(text: &str, reader: Reader<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, from) = rest.split_at(at);
        let closing = if before.ends_with('`') { '`' } else { '\n' };
        let (command, behind) = from.split_at(from.find(closing).unwrap_or(from.len()));
        out.push_str(before);
        match call_of(command, reader) {
            Some(call) => out.push_str(&call),
            None => out.push_str(command),
        }
        rest = behind;
    }
    out.push_str(rest);
    if (reader.has_tool)("claim") {
        out = out.replace("use `--wait` to wait", "use `wait` to wait");
    }
    out
}

/// The call that does what a command does, where one does exactly that: `claim {"node":"run/one"}`.
fn call_of(command: &str, reader: Reader<'_>) -> Option<String> {
    let words = shell::words(command, None).ok()?;
    let said = Said::of(words.get(1..)?)?;
    let (tool, arguments) = said.call(reader.actor)?;
    if !(reader.has_tool)(tool) {
        return None;
    }
    Some(if arguments.is_empty() {
        tool.to_owned()
    } else {
        format!("{tool} {}", Value::Object(arguments))
    })
}

/// What a command says.
#[derive(Default)]
struct Said<'w> {
    /// The verb, and what stands behind it.
    words: Vec<&'w str>,
    namespace: Option<&'w str>,
    actor: Option<&'w str>,
    /// Arguments of tools that an option gives.
    options: Vec<(&'static str, &'w str)>,
    /// Whether it asks for what is held.
    is_own: bool,
}

impl<'w> Said<'w> {
    /// Nothing where it has an option that no tool has.
    fn of(words: &'w [String]) -> Option<Said<'w>> {
        let mut said = Said::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "-n" => said.namespace = Some(words.next()?),
                "--as" => said.actor = Some(words.next()?),
                "--succeeded" => said.options.push(("result", "succeeded")),
                "--failed" => said.options.push(("result", "failed")),
                "--commit" => said.options.push(("commit", words.next()?)),
                "--name" => said.options.push(("name", words.next()?)),
                "--phase" => said.options.push(("phase", words.next()?)),
                "-m" => said.options.push(("message", words.next()?)),
                // An answer has everything as data.
                "-o" if words.next()? == "json" => {}
                "--mine" | "--agent" | "--renew" => said.is_own = true,
                _ if word.starts_with('-') => return None,
                _ => said.words.push(word),
            }
        }
        Some(said)
    }

    /// The tool, and its arguments.
    fn call(self, actor: &str) -> Option<(&'static str, Map<String, Value>)> {
        // What others have to do is no call of this one.
        if self.actor.is_some_and(|other| other != actor) {
            return None;
        }
        let target = |kind: &str, name: &str| format!("{kind}/{name}");
        let (tool, first): (_, Option<(&str, String)>) = match self.words.as_slice() {
            ["next"] => ("next", None),
            ["next", run] => ("next", Some(("execution", (*run).to_owned()))),
            ["status"] if self.is_own => ("next", None),
            ["claim"] => ("claim", None),
            ["claim", node] => ("claim", Some(("node", (*node).to_owned()))),
            ["report", node] if self.has("result") => {
                ("report", Some(("node", (*node).to_owned())))
            }
            ["release", node] => ("release", Some(("node", (*node).to_owned()))),
            ["describe", name] => ("describe", Some(("target", (*name).to_owned()))),
            ["describe" | "get", kind, name] => ("describe", Some(("target", target(kind, name)))),
            ["log", name] => ("log", Some(("target", (*name).to_owned()))),
            ["log", kind, name] => ("log", Some(("target", target(kind, name)))),
            ["get", "all"] => ("list", None),
            ["get", kind] => {
                let kind = Kind::parse(kind)?.plural().to_owned();
                ("list", Some(("kind", kind)))
            }
            ["validate"] => ("validate", None),
            ["validate", file] => ("validate", Some(("file", (*file).to_owned()))),
            ["start", plan] => ("start", Some(("plan", (*plan).to_owned()))),
            _ => return None,
        };
        let mut arguments = Map::new();
        let options = self.options.iter();
        let options = options.map(|(name, value)| (*name, (*value).to_owned()));
        let namespace = self.namespace.map(|name| ("namespace", name.to_owned()));
        for (name, value) in first.into_iter().chain(options).chain(namespace) {
            let takes = super::tools::TOOLS.iter().find(|one| one.name == tool)?;
            takes.fields().iter().find(|field| field.name == name)?;
            arguments.insert(name.to_owned(), Value::String(value));
        }
        Some((tool, arguments))
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_a_tool_does_are_calls_of_it() {
        let reader = Reader {
            actor: "agent:a",
            has_tool: &|tool| tool != "start",
        };
        for (text, expected) in [
            (
                "`planspec next` shows what is left",
                "`next` shows what is left",
            ),
            (
                "`planspec next` shows what is waiting; use `--wait` to wait",
                "`next` shows what is waiting; use `wait` to wait",
            ),
            (
                "claim a child: `planspec claim run/b -n team`",
                "claim a child: `claim {\"node\":\"run/b\",\"namespace\":\"team\"}`",
            ),
            (
                "see: planspec describe execution run -n team\nthen go on",
                "see: describe {\"target\":\"execution/run\",\"namespace\":\"team\"}\nthen go on",
            ),
            (
                "  planspec report run/b -n team --as agent:a --succeeded --commit REV",
                "  report {\"node\":\"run/b\",\"result\":\"succeeded\",\"commit\":\"REV\",\"namespace\":\"team\"}",
            ),
            (
                "planspec get executions --phase Failed",
                "list {\"kind\":\"executions\",\"phase\":\"Failed\"}",
            ),
            (
                "`planspec describe run/b -n team -o json` prints all",
                "`describe {\"target\":\"run/b\",\"namespace\":\"team\"}` prints all",
            ),
            ("`planspec claim --renew`", "`claim`"),
        ] {
            assert_eq!(in_tools(text, reader), expected);
        }
        for text in [
            "`planspec reconcile` applies it",
            // Somebody else has to do that.
            "`planspec release run/b -n team --as agent:b`",
            "`planspec approve run/ok -n team`",
            "`planspec validate --rev HEAD`",
            "`planspec report run/b --set x=1 --succeeded`",
            "`planspec validate -n team`",
            "`planspec get namespaces` lists them",
            // It is not offered.
            "`planspec start checkout -n team`",
            "run planspec next to see",
            "planspec 'open",
        ] {
            assert_eq!(in_tools(text, reader), text);
        }
    }
}
