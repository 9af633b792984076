//! What tasks give to capabilities, and what capabilities take.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::{NAMES, SharedSuggestions, each, first_names};
use crate::core::base::diagnostic::{Code, Diagnostic, PathStep};
use crate::core::base::digest;
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::{and_more, listed, quoted, type_of, type_words};
use crate::core::plan::values::{is_reference, type_name, wrong_type};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::schema;
use crate::core::resource::{CapabilitySpec, Key, Kind, Node, Parameter, Spec};
use crate::path;

/// Most capabilities of one task that its inputs are compared with.
const CAPABILITIES: usize = 64;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let capabilities: BTreeMap<&Key, Capability<'_>> = snapshot
        .keys_of(Kind::Capability)
        .filter_map(|key| Some((key, Capability::of(snapshot.capability(key)?))))
        .collect();
    for (capability, spec) in each(snapshot, Kind::Capability, Spec::capability) {
        own_values(capability, spec, findings);
    }
    let mut suggestions = SharedSuggestions::new();
    for (plan, spec) in each(snapshot, Kind::Plan, Spec::plan) {
        for (index, node) in spec.graph.nodes.iter().enumerate() {
            if !node.capability_refs.is_empty() {
                let task = Task::of(plan, index, node, &capabilities);
                task.check(&mut suggestions, findings);
            }
        }
    }
}

/// The inputs of a capability, ready to be looked up.
struct Capability<'a> {
    inputs: BTreeMap<&'a str, Input<'a>>,
    required: Vec<&'a str>,
}

struct Input<'a> {
    parameter: &'a Parameter,
    /// What is allowed, each in one form however it is written.
    allowed: HashSet<String>,
}

impl<'a> Capability<'a> {
    fn of(spec: &'a CapabilitySpec) -> Capability<'a> {
        let input = |parameter: &'a Parameter| {
            let allowed = parameter.allowed.iter().map(digest::canonical).collect();
            (parameter.name.as_str(), Input { parameter, allowed })
        };
        let must_be_given = |input: &&Parameter| input.required && input.default.is_none();
        Capability {
            inputs: spec.inputs.iter().map(input).collect(),
            required: spec
                .inputs
                .iter()
                .filter(must_be_given)
                .map(|input| input.name.as_str())
                .collect(),
        }
    }
}

/// A task and the capabilities that it names.
struct Task<'a> {
    plan: &'a Definition,
    index: usize,
    node: &'a Node,
    capabilities: Vec<(&'a Key, &'a Capability<'a>)>,
    /// Whether these are all, and each says what it takes; if not, any input may be right.
    closed: bool,
}

impl<'a> Task<'a> {
    fn of(
        plan: &'a Definition,
        index: usize,
        node: &'a Node,
        capabilities: &'a BTreeMap<&'a Key, Capability<'a>>,
    ) -> Task<'a> {
        let named: BTreeSet<Key> = node
            .capability_refs
            .iter()
            .take(CAPABILITIES)
            .map(|reference| reference.key(Kind::Capability, &plan.key.namespace))
            .collect();
        let found: Vec<(&Key, &Capability<'_>)> = named
            .iter()
            .filter_map(|key| capabilities.get_key_value(key))
            .map(|(key, capability)| (*key, capability))
            .collect();
        let all_here = found.len() == named.len() && node.capability_refs.len() <= CAPABILITIES;
        Task {
            plan,
            index,
            node,
            closed: all_here && found.iter().all(|(_, found)| !found.inputs.is_empty()),
            capabilities: found,
        }
    }

    fn check(&self, suggestions: &mut SharedSuggestions, findings: &mut Vec<Diagnostic>) {
        for (name, value) in &self.node.inputs {
            let inputs = || {
                let all = self.capabilities.iter();
                all.filter_map(|(key, capability)| {
                    Some((*key, capability.inputs.get(name.as_str())?))
                })
            };
            if self.closed && inputs().next().is_none() {
                findings.push(self.unknown(name, suggestions));
            }
            findings.extend(inputs().find_map(|(key, input)| self.value(key, input, value)));
        }
        for (key, capability) in &self.capabilities {
            findings.extend(self.missing(key, capability));
        }
    }

    fn unknown(&self, name: &str, suggestions: &mut SharedSuggestions) -> Diagnostic {
        let named = self.capabilities.iter().map(|(key, _)| key.name.as_str());
        let shown = listed(named.take(NAMES));
        let message = match self.capabilities.len() {
            1 => format!("capability {shown} has no input `{name}`"),
            all => format!(
                "none of the capabilities {shown}{} has an input `{name}`",
                and_more(all.saturating_sub(NAMES))
            ),
        };
        let code = Code::INPUT_UNKNOWN;
        let finding = self
            .plan
            .at_key(code, self.path(name), message)
            .label("no such input");
        if suggestions.are_spent() {
            return finding;
        }
        let names = || {
            let all = self.capabilities.iter();
            all.flat_map(|(_, capability)| capability.inputs.keys().copied())
        };
        let free = names().filter(|known| !self.node.inputs.contains_key(*known));
        finding.help(suggestions.suggestion(code, name, free, || {
            let names: BTreeSet<&str> = names().collect();
            let more = and_more(names.len().saturating_sub(NAMES));
            format!(
                "its inputs are {}{more}",
                listed(names.into_iter().take(NAMES))
            )
        }))
    }

    /// Required inputs that are not given. A worker may know what to do without them, so that is
    /// no error.
    fn missing(&self, key: &Key, capability: &Capability<'_>) -> Option<Diagnostic> {
        // No further than what is told: a task that gives nothing must not cost all its names.
        let missing = capability.required.iter().copied();
        let missing: Vec<&str> = missing
            .filter(|name| !self.node.inputs.contains_key(*name))
            .take(NAMES + 1)
            .collect();
        if missing.is_empty() {
            return None;
        }
        let message = format!(
            "capability `{}` requires {}, which task `{}` does not set",
            key.name,
            first_names(&missing),
            self.node.id
        );
        let mut path = self.node_path();
        path.push(if self.node.inputs.is_empty() {
            "capabilityRefs".into()
        } else {
            "inputs".into()
        });
        Some(
            self.plan
                .at_key(Code::INPUT_MISSING, path, message)
                .label("not given")
                .help("set it under `inputs`, or give the input a `default` in the capability"),
        )
    }

    /// What is wrong with a value. One with a reference in it has its type later.
    fn value(&self, key: &Key, input: &Input<'_>, value: &Value) -> Option<Diagnostic> {
        let parameter = input.parameter;
        let name = parameter.name.as_str();
        let mismatch = |path: Vec<PathStep>, message: String| {
            let path = [self.path(name), path].concat();
            self.plan.at(Code::INPUT_MISMATCH, path, message)
        };
        if is_reference(value) {
            return None;
        }
        if let Some(wrong) = wrong_type(parameter, value) {
            let of = format!("input `{name}` of capability `{}`", key.name);
            let label = format!("{} is expected", type_words(type_name(wrong.expected)));
            let message = format!(
                "{of} takes {}, but this is {}",
                wrong.place_words(),
                type_of(wrong.value)
            );
            let finding = mismatch(wrong.path, message).label(label);
            let help = schema::how_to_write(type_name(wrong.expected), wrong.value);
            return Some(Diagnostic { help, ..finding });
        }
        if input.allowed.is_empty() || input.allowed.contains(&digest::canonical(value)) {
            return None;
        }
        let message = format!(
            "input `{name}` of capability `{}` does not take {}",
            key.name,
            quoted(value)
        );
        let finding = mismatch(Vec::new(), message).label("not an allowed value");
        Some(finding.help(allowed(parameter, value)))
    }

    fn node_path(&self) -> Vec<PathStep> {
        path!["spec", "graph", "nodes", self.index]
    }

    fn path(&self, input: &str) -> Vec<PathStep> {
        [self.node_path(), path!["inputs", input]].concat()
    }
}

/// Values of a capability itself: a default must be one that could be given, and so must what it
/// allows.
fn own_values(capability: &Definition, spec: &CapabilitySpec, findings: &mut Vec<Diagnostic>) {
    for (field, parameters) in [("inputs", &spec.inputs), ("outputs", &spec.outputs)] {
        for (index, parameter) in parameters.iter().enumerate() {
            let at = |path: Vec<PathStep>| [path!["spec", field, index], path].concat();
            let default = parameter.default.iter();
            let default = default.map(|value| (value, path!["default"]));
            let allowed = parameter.allowed.iter().enumerate();
            let allowed = allowed.map(|(entry, value)| (value, path!["enum", entry]));
            for (value, path) in default.chain(allowed) {
                if let Some(wrong) = wrong_type(parameter, value) {
                    let message = format!(
                        "`{}` takes {}, but this is {}",
                        parameter.name,
                        wrong.place_words(),
                        type_of(wrong.value)
                    );
                    let path = at([path, wrong.path].concat());
                    findings.push(
                        capability
                            .at(Code::WRONG_TYPE, path, message)
                            .label(format!(
                                "{} is expected",
                                type_words(type_name(wrong.expected))
                            )),
                    );
                }
            }
            let Some(default) = &parameter.default else {
                continue;
            };
            let form = digest::canonical(default);
            let is_allowed = |value: &Value| digest::canonical(value) == form;
            if !parameter.allowed.is_empty() && !parameter.allowed.iter().any(is_allowed) {
                let message = format!(
                    "the default of `{}` is not one of the values in its `enum`",
                    parameter.name
                );
                findings.push(
                    capability
                        .at(Code::NOT_ALLOWED, at(path!["default"]), message)
                        .label("not an allowed value")
                        .help(self::allowed(parameter, default)),
                );
            }
        }
    }
}

fn allowed(parameter: &Parameter, value: &Value) -> String {
    const SHOWN: usize = 20;
    let words = parameter.allowed.iter().take(SHOWN);
    let texts: Vec<String> = words.clone().map(quoted).collect();
    let near = value.as_str().and_then(|word| {
        let texts = words.filter_map(Value::as_str);
        did_you_mean(word, texts)
    });
    let more = and_more(parameter.allowed.len().saturating_sub(SHOWN));
    let all = format!("allowed: {}{more}", texts.join(", "));
    match near {
        Some(near) => format!("did you mean `{near}`? {all}"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{findings, plan, position, resource, task};

    /// A capability from its inputs.
    fn capability(name: &str, inputs: &str) -> String {
        let spec = format!("description: d, inputs: [{inputs}]");
        resource("Capability", name, &spec)
    }

    /// A plan with one task of capability `build`.
    fn giving(inputs: &str) -> String {
        let fields = format!("capabilityRefs: [{{name: build}}], inputs: {{{inputs}}}");
        plan("p", &task("a", &fields))
    }

    const INPUTS: &str = "{name: topic, type: string, required: true}, \
        {name: depth, type: string, enum: [low, high], default: low, required: true}, \
        {name: count, type: number}, {name: level, type: number, enum: [1, 2]}, {name: dry, type: boolean}, \
        {name: paths, type: array, itemType: string}, \
        {name: style, type: object, objectProperties: {indent: number, name: {type: string}}}";

    #[test]
    fn inputs_that_a_capability_takes() {
        for inputs in [
            "topic: x",
            "topic: '', depth: high, count: 1.5, level: 2, dry: false",
            "topic: x, level: 1.0",
            "topic: x, paths: []",
            "topic: x, paths: [a, b], style: {indent: 2, name: n, other: [1]}",
            "topic: '${parameters.t}', count: '${parameters.c}', depth: '${parameters.d}'",
            "topic: x, dry: 'is ${parameters.dry}', paths: ['${parameters.path}']",
            "topic: x, paths: '${parameters.paths}', style: {indent: '${parameters.i}'}",
        ] {
            let text = giving(inputs) + &capability("build", INPUTS);
            assert_eq!(findings(&text), [] as [&str; 0], "{inputs}");
        }
    }

    #[test]
    fn inputs_that_it_does_not_take() {
        let of = "of capability `build`";
        let table = [
            (
                "topic: x, cuont: 1",
                "cuont",
                "PS222 error @: capability `build` has no input `cuont`".to_owned(),
                "did you mean `count`?",
            ),
            (
                "topic: x, zebra: 1",
                "zebra",
                "PS222 error @: capability `build` has no input `zebra`".to_owned(),
                "its inputs are `count`, `depth`, `dry`, `level`, `paths` and 2 more",
            ),
            (
                "topic: 5",
                "5}",
                format!("PS224 error @: input `topic` {of} takes a string, but this is a number"),
                "write it in quotes: `\"5\"`",
            ),
            (
                "topic: null",
                "null",
                format!("PS224 error @: input `topic` {of} takes a string, but this is empty"),
                "give it a value, or remove the field",
            ),
            (
                "topic: x, count: '5'",
                "'5'",
                format!("PS224 error @: input `count` {of} takes a number, but this is a string"),
                "write `5`, without quotes",
            ),
            (
                "topic: x, dry: yes",
                "yes",
                format!("PS224 error @: input `dry` {of} takes a boolean, but this is a string"),
                "`yes` is text; only `true` and `false` are booleans: write `true`",
            ),
            (
                "topic: x, paths: a",
                "a}}",
                format!("PS224 error @: input `paths` {of} takes a list, but this is a string"),
                "write it as a list: each entry on its own line, after `- `",
            ),
            (
                "topic: x, paths: [a, 5]",
                "5]",
                format!(
                    "PS224 error @: input `paths` {of} takes a list in which each entry is a string, but this is a number"
                ),
                "write it in quotes: `\"5\"`",
            ),
            (
                "topic: x, style: {indent: two}",
                "two",
                format!(
                    "PS224 error @: input `style` {of} takes a mapping in which `indent` is a number, but this is a string"
                ),
                "",
            ),
            (
                "topic: x, style: {name: true}",
                "true}}",
                format!(
                    "PS224 error @: input `style` {of} takes a mapping in which `name` is a string, but this is a boolean"
                ),
                "write it in quotes: `\"true\"`",
            ),
            (
                "topic: x, depth: hihg",
                "hihg",
                format!("PS224 error @: input `depth` {of} does not take `hihg`"),
                "did you mean `high`? allowed: `low`, `high`",
            ),
            (
                "topic: x, level: 3",
                "3}",
                format!("PS224 error @: input `level` {of} does not take `3`"),
                "allowed: `1`, `2`",
            ),
            (
                "depth: low",
                "inputs: {depth",
                "PS223 warning @: capability `build` requires `topic`, which task `a` does not set"
                    .to_owned(),
                "set it under `inputs`, or give the input a `default` in the capability",
            ),
            (
                "",
                "capabilityRefs",
                "PS223 warning @: capability `build` requires `topic`, which task `a` does not set"
                    .to_owned(),
                "set it under `inputs`, or give the input a `default` in the capability",
            ),
        ];
        for (inputs, needle, line, help) in table {
            let text = capability("build", INPUTS) + &giving(inputs);
            let mut expected = vec![line.replace('@', &position(&text, needle))];
            if !help.is_empty() {
                expected.push(format!("help: {help}"));
            }
            assert_eq!(findings(&text), expected, "{inputs}");
        }
    }

    #[test]
    fn many_missing_inputs_are_told_in_short() {
        let inputs: Vec<String> = (0..9)
            .map(|at| format!("{{name: i{at}, type: string, required: true}}"))
            .collect();
        let text = giving("i3: x") + &capability("build", &inputs.join(", "));
        let lines = findings(&text);
        assert!(
            lines[0].ends_with(
                "capability `build` requires `i0`, `i1`, `i2`, `i4`, `i5` and more, which task `a` does not set"
            ),
            "{lines:?}"
        );
    }

    #[test]
    fn an_input_belongs_to_any_of_the_capabilities() {
        let both = |inputs: &str| {
            let fields =
                format!("capabilityRefs: [{{name: one}}, {{name: two}}], inputs: {{{inputs}}}");
            plan("p", &task("a", &fields))
                + &capability("one", "{name: x, type: string}, {name: z, type: string}")
                + &capability("two", "{name: y, type: string}, {name: z, type: number}")
        };
        assert_eq!(findings(&both("x: a, y: b")), [] as [&str; 0]);
        let lines = findings(&both("w: a"));
        assert!(
            lines[0].ends_with("none of the capabilities `one`, `two` has an input `w`"),
            "{lines:?}"
        );
        // What suits one does not suit the other.
        let lines = findings(&both("z: a"));
        assert!(
            lines[0]
                .ends_with("input `z` of capability `two` takes a number, but this is a string"),
            "{lines:?}"
        );
    }

    #[test]
    fn what_is_not_declared_is_not_judged() {
        let free = resource("Capability", "build", "description: d");
        assert_eq!(findings(&(giving("any: 1") + &free)), [] as [&str; 0]);
        // No capability named: nobody says what the task takes.
        let text = plan("p", &task("a", "inputs: {any: 1}"));
        assert_eq!(findings(&text), [] as [&str; 0]);
        // Not there, or not readable: that is said, and nothing else.
        let lines = findings(&giving("any: 1"));
        assert!(lines[0].starts_with("PS204"), "{lines:?}");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_default_is_a_value_that_could_be_given() {
        let help = |help: &str| format!("help: {help}");
        let table = [
            (
                "{name: x, type: string, enum: [low, high], default: hihg}",
                "hihg",
                "PS104 error @: the default of `x` is not one of the values in its `enum`",
                Some(help("did you mean `high`? allowed: `low`, `high`")),
            ),
            (
                "{name: x, type: array, itemType: string, default: [a, 5]}",
                "5]",
                "PS103 error @: `x` takes a list in which each entry is a string, but this is a number",
                None,
            ),
            (
                "{name: x, type: array, itemType: number, enum: [[1], [a]]}",
                "a]",
                "PS103 error @: `x` takes a list in which each entry is a number, but this is a string",
                None,
            ),
            (
                "{name: x, type: object, objectProperties: {n: number}, default: {n: a}}",
                "a}",
                "PS103 error @: `x` takes a mapping in which `n` is a number, but this is a string",
                None,
            ),
        ];
        for (input, needle, line, help) in table {
            for field in ["inputs", "outputs"] {
                let spec = format!("description: d, {field}: [{input}]");
                let text = resource("Capability", "build", &spec);
                let mut expected = vec![line.replace('@', &position(&text, needle))];
                expected.extend(help.clone());
                assert_eq!(findings(&text), expected, "{input}");
            }
        }
    }
}
