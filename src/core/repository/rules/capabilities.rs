//! Capabilities that require each other.

use super::cycles_among;
use super::graphs::shorten;
use crate::core::base::diagnostic::{Code, Diagnostic, Label};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{CapabilitySpec, Key, Kind};
use crate::path;

/// Most other capabilities of a cycle to point to.
const OTHERS_SHOWN: usize = 8;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let capabilities: Vec<(&Key, &CapabilitySpec)> = snapshot
        .keys_of(Kind::Capability)
        .filter_map(|key| Some((key, snapshot.capability(key)?)))
        .collect();
    let keys: Vec<&Key> = capabilities.iter().map(|(key, _)| *key).collect();
    let requirements = capabilities
        .iter()
        .enumerate()
        .flat_map(|(at, (key, spec))| {
            let required = spec.requirements.iter();
            required.map(move |other| (at, other.key(&key.namespace)))
        });
    for cycle in cycles_among(&keys, requirements) {
        let members: Vec<(&Key, &CapabilitySpec)> =
            cycle.iter().map(|at| capabilities[*at]).collect();
        describe(snapshot, &members, findings);
    }
}

/// One finding for each capability of a cycle, at the requirement that leads on.
fn describe(
    snapshot: &Definitions,
    cycle: &[(&Key, &CapabilitySpec)],
    findings: &mut Vec<Diagnostic>,
) {
    let ring = || cycle.iter().chain(cycle.first()).map(|(key, _)| *key);
    let first = cycle.first().map(|(key, _)| &key.namespace);
    let one_namespace = cycle.iter().all(|(key, _)| Some(&key.namespace) == first);
    let names: Vec<String> = ring()
        .map(|key| {
            if one_namespace {
                key.name.clone()
            } else {
                key.qualified()
            }
        })
        .collect();
    let names = shorten(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let places: Vec<(&Definition, Label)> = cycle
        .iter()
        .zip(ring().skip(1))
        .filter_map(|((key, spec), next)| {
            let definition = snapshot.definition(key)?;
            Some((definition, place_of(definition, spec, next)?))
        })
        .collect();
    for (index, (definition, place)) in places.iter().enumerate() {
        let message = format!("capabilities require each other: {names}");
        let finding = definition
            .finding(Code::CAPABILITY_CYCLE, place.place.clone(), message)
            .label(place.message.clone())
            .help("remove one of these requirements");
        let others = places.iter().enumerate();
        let others = others.filter(|(other, _)| *other != index);
        let others = others.map(|(_, (_, place))| place.clone());
        findings.push(others.take(OTHERS_SHOWN).fold(finding, Diagnostic::related));
    }
}

/// Where a capability requires another.
fn place_of(definition: &Definition, spec: &CapabilitySpec, other: &Key) -> Option<Label> {
    let key = &definition.key;
    let mut requirements = spec.requirements.iter();
    let at = requirements.position(|requirement| requirement.key(&key.namespace) == *other)?;
    let message = format!("`{}` requires `{}`", key.name, other.name);
    Some(definition.label(path!["spec", "requirements", at, "name"], message))
}

#[cfg(test)]
mod tests {
    use super::OTHERS_SHOWN;
    use crate::core::testing::{findings, position, resource, with_metadata};

    fn capability(name: &str, requirements: &str) -> String {
        let spec = format!("description: d, requirements: [{requirements}]");
        resource("Capability", name, &spec)
    }

    #[test]
    fn a_cycle_is_reported_at_every_requirement_that_is_part_of_it() {
        let text = [
            capability("into", "{name: a}"),
            capability("a", "{name: out}, {name: b}"),
            capability("b", "{name: c, optional: true}"),
            capability("c", "{name: a, namespace: team}"),
            capability("out", ""),
        ]
        .concat();
        let at = |needle: &str| position(&text, needle);
        let places = [at("b}]"), at("c, optional"), at("a, namespace: team}]")];
        let leads = ["`a` requires `b`", "`b` requires `c`", "`c` requires `a`"];
        let mut expected = Vec::new();
        for place in &places {
            expected.push(format!(
                "PS309 error {place}: capabilities require each other: a → b → c → a"
            ));
            expected.push("help: remove one of these requirements".to_owned());
            let others = places
                .iter()
                .zip(leads)
                .filter(|(other, _)| *other != place);
            expected.extend(others.map(|(other, leads)| format!("also {other}: {leads}")));
        }
        assert_eq!(findings(&text), expected);
    }

    #[test]
    fn a_capability_cannot_require_itself() {
        let text = capability("a", "{name: a}");
        let place = position(&text, "a}]");
        assert_eq!(
            findings(&text)[0],
            format!("PS309 error {place}: capabilities require each other: a → a")
        );
    }

    #[test]
    fn a_cycle_through_namespaces_names_them() {
        let other = with_metadata(
            "Capability",
            "name: a, namespace: lib",
            "description: d, requirements: [{name: a, namespace: team}]",
        );
        let text = format!("{}{other}", capability("a", "{name: a, namespace: lib}"));
        let lines = findings(&text);
        assert!(
            lines[0].ends_with("capabilities require each other: lib/a → team/a → lib/a"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_long_chain_is_no_cycle_and_a_long_cycle_is_one() {
        let ring = |closing: &str| {
            let chain = (0..400).map(|at| {
                let next = if at == 399 {
                    closing.to_owned()
                } else {
                    format!("c{}", at + 1)
                };
                capability(&format!("c{at}"), &format!("{{name: {next}}}"))
            });
            chain.collect::<String>() + &capability("end", "")
        };
        assert_eq!(findings(&ring("end")), [] as [&str; 0]);
        let lines = findings(&ring("c0"));
        // Each with its help, and eight of the others.
        assert_eq!(lines.len(), 400 * (2 + OTHERS_SHOWN));
        assert!(lines[0].contains("→ … "), "{}", lines[0]);
    }
}
