//! The inputs and outputs of tasks at run time.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::core::base::secrets;
use crate::core::base::words::{type_of, type_words};
use crate::core::plan::mention::{Mention, Mentioned};
use crate::core::plan::template::{Reference, substitute};
use crate::core::plan::values::{type_name, wrong_type};
use crate::core::resource::{CapabilitySpec, Node, NodeStatus, OutputSpec, Parameter};

/// Maximum size of the outputs of one node, as JSON in bytes; larger data must be an artifact.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// Maximum size of the inputs of one node, as JSON in bytes, after references are replaced.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;

/// The inputs of a task for its worker: with references replaced, and with the defaults of its
/// capabilities.
///
/// # Errors
/// A referenced value does not exist, or a value does not fit a capability; the error is a sentence.
pub fn inputs(
    node: &Node,
    parameters: &Map<String, Value>,
    nodes: &BTreeMap<String, NodeStatus>,
    capabilities: &[&CapabilitySpec],
) -> Result<Map<String, Value>, String> {
    let look_up = |reference: &Reference| match reference {
        Reference::Parameter(name) => parameters
            .get(name)
            .cloned()
            .ok_or_else(|| format!("the execution has no parameter `{name}`")),
        Reference::Output(mention) => output(nodes, mention),
    };
    let mut given = Map::new();
    for (name, value) in &node.inputs {
        let value = substitute(value, &look_up).map_err(|why| format!("input `{name}`: {why}"))?;
        given.insert(name.clone(), value);
    }
    for parameter in capabilities
        .iter()
        .flat_map(|capability| &capability.inputs)
    {
        if let (None, Some(default)) = (given.get(&parameter.name), &parameter.default) {
            given.insert(parameter.name.clone(), default.clone());
        }
        if let Some(value) = given.get(&parameter.name) {
            check(parameter, value).map_err(|why| format!("input {why}"))?;
        }
    }
    match size(&given) {
        bytes if bytes > MAX_INPUT_BYTES => Err(format!(
            "the inputs have {bytes} bytes as JSON, but at most {MAX_INPUT_BYTES} are allowed: \
             pass on large data as paths, URLs or commits"
        )),
        _ => Ok(given),
    }
}

fn output(nodes: &BTreeMap<String, NodeStatus>, mention: &Mention) -> Result<Value, String> {
    let Mentioned::Output(name) = &mention.what else {
        return Err(format!("`{}` is mentioned without an output", mention.node));
    };
    let status = nodes
        .get(&mention.node)
        .ok_or_else(|| format!("there is no node `{}`", mention.node))?;
    status.outputs.get(name).cloned().ok_or_else(|| {
        format!(
            "node `{}` is {} and has no output `{name}`",
            mention.node, status.phase
        )
    })
}

/// Reports an output with a credential in a URL, as a sentence: outputs are kept for ever, and visible to everybody.
pub fn credential_in(outputs: &Map<String, Value>) -> Option<String> {
    let has_one = |value: &Value| !secrets::find(&value.to_string()).is_empty();
    let (name, _) = outputs.iter().find(|(_, value)| has_one(value))?;
    Some(format!(
        "output `{name}` contains a credential in a URL, and outputs stay in the history: report \
         where the secret is kept, not the secret"
    ))
}

/// The value of an output as typed by a user: text, unless the task or a capability declares another type, and the text
/// is JSON of that type.
pub fn as_declared(
    node: Option<&Node>,
    capabilities: &[&CapabilitySpec],
    (name, text): (&str, &str),
) -> Value {
    let written = Value::String(text.to_owned());
    let own = node.into_iter().flat_map(|node| &node.outputs);
    let own = own
        .filter(|output| output.name == name)
        .filter_map(declared);
    let of_capabilities = capabilities.iter().flat_map(|c| &c.outputs);
    let of_capabilities = of_capabilities.filter(|output| output.name == name);
    let wanted: Vec<Parameter> = own.chain(of_capabilities.cloned()).collect();
    let fits = |value: &Value| {
        wanted
            .iter()
            .all(|wanted| wrong_type(wanted, value).is_none())
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if !fits(&written) && fits(&value) => value,
        _ => written,
    }
}

/// The parameter for a declared output, if its type is one of the types of capabilities; other types are for people.
fn declared(output: &OutputSpec) -> Option<Parameter> {
    let word = Value::String(output.value_type.clone()?);
    Some(Parameter {
        name: output.name.clone(),
        value_type: serde_json::from_value(word).ok()?,
        ..Parameter::default()
    })
}

/// Checks that a report of success has the outputs that the task and its capabilities require.
///
/// # Errors
/// Why the outputs are refused: a reason and a sentence.
pub fn check_outputs(
    node: &Node,
    capabilities: &[&CapabilitySpec],
    outputs: &Map<String, Value>,
) -> Result<(), (&'static str, String)> {
    let bytes = size(outputs);
    if bytes > MAX_OUTPUT_BYTES {
        let why = format!(
            "the outputs have {bytes} bytes as JSON, but at most {MAX_OUTPUT_BYTES} are allowed: \
             report large data as artifacts, by path, URL or commit"
        );
        return Err(("OutputsTooLarge", why));
    }
    let missing: Vec<&str> = node
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .filter(|name| !outputs.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let why = format!("declared outputs are missing: {}", missing.join(", "));
        return Err(("OutputsMissing", why));
    }
    for declared in &node.outputs {
        if let (Some(parameter), Some(value)) =
            (self::declared(declared), outputs.get(&declared.name))
        {
            check(&parameter, value).map_err(|why| ("OutputsInvalid", format!("output {why}")))?;
        }
    }
    for parameter in capabilities.iter().flat_map(|c| &c.outputs) {
        if let Some(value) = outputs.get(&parameter.name) {
            check(parameter, value).map_err(|why| ("OutputsInvalid", format!("output {why}")))?;
        }
    }
    Ok(())
}

fn check(parameter: &Parameter, value: &Value) -> Result<(), String> {
    let name = &parameter.name;
    if let Some(wrong) = wrong_type(parameter, value) {
        return Err(format!(
            "`{name}` takes {}, but this is {}",
            type_words(type_name(wrong.expected)),
            type_of(wrong.value)
        ));
    }
    if parameter.allowed.is_empty() || parameter.allowed.contains(value) {
        Ok(())
    } else {
        Err(format!("`{name}` does not take this value"))
    }
}

fn size(map: &Map<String, Value>) -> usize {
    serde_json::to_string(map).map_or(usize::MAX, |text| text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::resource::NodePhase;

    fn node(fields: Value) -> Node {
        let mut node = json!({"id": "b", "kind": "Task"});
        if let (Some(node), Value::Object(fields)) = (node.as_object_mut(), fields) {
            node.extend(fields);
        }
        serde_json::from_value(node).expect("a node")
    }

    fn capability(fields: Value) -> CapabilitySpec {
        let mut spec = json!({"description": "d"});
        if let (Some(spec), Value::Object(fields)) = (spec.as_object_mut(), fields) {
            spec.extend(fields);
        }
        serde_json::from_value(spec).expect("a capability")
    }

    #[test]
    fn a_credential_in_an_output_is_found_wherever_it_is() {
        let of = |outputs: Value| credential_in(outputs.as_object().expect("a mapping"));
        for outputs in [
            json!({"a": 1, "url": "https://ci:hunter2@example.com/x"}),
            json!({"url": {"deep": ["see https://example.com/?token=abc"]}}),
        ] {
            let why = of(outputs).expect("a credential");
            assert!(
                why.starts_with("output `url` contains a credential"),
                "{why}"
            );
            assert!(!why.contains("hunter2"));
        }
        assert_eq!(
            of(json!({"url": "https://example.com/?page=2", "n": 1})),
            None
        );
    }

    #[test]
    fn inputs_are_resolved_and_checked() {
        let done = NodeStatus {
            phase: NodePhase::Succeeded,
            outputs: json!({"n": 3, "path": "a/b"})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            ..NodeStatus::default()
        };
        let skipped = NodeStatus {
            phase: NodePhase::Skipped,
            ..NodeStatus::default()
        };
        let nodes = BTreeMap::from([("a".to_owned(), done), ("s".to_owned(), skipped)]);
        let parameters = json!({"env": "prod"})
            .as_object()
            .cloned()
            .unwrap_or_default();
        let typed = capability(json!({"inputs": [
            {"name": "n", "type": "number", "enum": [1, 2, 3]},
            {"name": "mode", "type": "string", "default": "fast"},
        ]}));
        let table = [
            (json!({}), Ok(json!({"mode": "fast"}))),
            (
                json!({"n": "${nodes.a.outputs.n}", "mode": "slow"}),
                Ok(json!({"n": 3, "mode": "slow"})),
            ),
            (
                json!({"to": "${parameters.env}/${nodes.a.outputs.path}"}),
                Ok(json!({"to": "prod/a/b", "mode": "fast"})),
            ),
            (
                json!({"n": "${parameters.env}"}),
                Err("input `n` takes a number, but this is a string"),
            ),
            (json!({"n": 4}), Err("input `n` does not take this value")),
            (
                json!({"x": "${parameters.none}"}),
                Err("input `x`: the execution has no parameter `none`"),
            ),
            (
                json!({"x": "${nodes.s.outputs.n}"}),
                Err("input `x`: node `s` is Skipped and has no output `n`"),
            ),
        ];
        for (given, expected) in table {
            let node = node(json!({"inputs": given.clone()}));
            let resolved = inputs(&node, &parameters, &nodes, &[&typed]).map(Value::Object);
            assert_eq!(resolved, expected.map_err(str::to_owned), "{given}");
        }
        let large = json!({"x": "y".repeat(MAX_INPUT_BYTES)});
        let node = node(json!({"inputs": large}));
        let why = inputs(&node, &parameters, &nodes, &[]).expect_err("too large");
        assert!(why.contains("are allowed"), "{why}");
    }

    #[test]
    fn outputs_are_what_was_declared() {
        let node = node(json!({"outputs": [
            {"name": "n", "type": "number"}, {"name": "page", "type": "PDF"},
        ]}));
        let typed = capability(json!({"outputs": [{"name": "ok", "type": "boolean"}]}));
        let table = [
            (
                json!({"n": 1, "page": "p.pdf", "ok": true, "more": []}),
                Ok(()),
            ),
            (
                json!({"page": 1}),
                Err(("OutputsMissing", "declared outputs are missing: n")),
            ),
            (
                json!({"n": "1", "page": 1}),
                Err((
                    "OutputsInvalid",
                    "output `n` takes a number, but this is a string",
                )),
            ),
            (
                json!({"n": 1, "page": 1, "ok": "yes"}),
                Err((
                    "OutputsInvalid",
                    "output `ok` takes a boolean, but this is a string",
                )),
            ),
        ];
        for (outputs, expected) in table {
            let map = outputs.as_object().cloned().unwrap_or_default();
            let verdict = check_outputs(&node, &[&typed], &map);
            let expected = expected.map_err(|(reason, why)| (reason, why.to_owned()));
            assert_eq!(verdict, expected, "{outputs}");
        }
        let large = Map::from_iter([("n".to_owned(), json!("y".repeat(MAX_OUTPUT_BYTES)))]);
        let verdict = check_outputs(&node, &[], &large).map_err(|(reason, _)| reason);
        assert_eq!(verdict, Err("OutputsTooLarge"));
    }

    #[test]
    fn what_is_typed_is_text_unless_the_task_wants_something_else() {
        let node = node(json!({"outputs": [
            {"name": "count", "type": "number"},
            {"name": "done", "type": "boolean"},
            {"name": "map", "type": "object"},
            {"name": "text", "type": "string"},
            {"name": "words", "type": "a sentence"},
            "plain",
        ]}));
        let typed = capability(json!({"outputs": [{"name": "size", "type": "number"}]}));
        let read = |name: &str, text: &str| as_declared(Some(&node), &[&typed], (name, text));
        assert_eq!(read("count", "3"), json!(3));
        assert_eq!(
            read("count", "three"),
            json!("three"),
            "refused later, with its type"
        );
        assert_eq!(read("done", "true"), json!(true));
        assert_eq!(read("map", "{\"a\": 1}"), json!({"a": 1}));
        for name in ["text", "words", "plain", "unknown"] {
            assert_eq!(read(name, "3"), json!("3"), "{name}");
        }
        assert_eq!(read("size", "1.5"), json!(1.5));
        assert_eq!(as_declared(None, &[], ("size", "1.5")), json!("1.5"));
    }
}
