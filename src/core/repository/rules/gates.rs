//! Gates: reviewers that exist and are enough, and plans in which a gate may be used.

use std::collections::{BTreeMap, BTreeSet};

use super::each;
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::count;
use crate::core::repository::config::{ApprovalConfig, Config, nobody};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{GateSpec, Key, Kind, PlanSpec, Spec};
use crate::path;

pub(super) fn check(snapshot: &Definitions, config: &Config, findings: &mut Vec<Diagnostic>) {
    let mut people = People {
        approvals: &config.approvals,
        teams: BTreeMap::new(),
    };
    for (gate, spec) in each(snapshot, Kind::Gate, Spec::gate) {
        people.reviewers(gate, spec, findings);
    }
    for (plan, spec) in each(snapshot, Kind::Plan, Spec::plan) {
        uses(snapshot, plan, spec, findings);
    }
}

/// Who the configuration knows.
struct People<'a> {
    approvals: &'a ApprovalConfig,
    /// The persons of the teams that were asked for.
    teams: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> People<'a> {
    fn reviewers(&mut self, gate: &Definition, spec: &'a GateSpec, findings: &mut Vec<Diagnostic>) {
        let unknown: Vec<Diagnostic> = spec
            .reviewers
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.unknown(gate, index, entry))
            .collect();
        let wanted = spec.required_approvers as usize;
        // Nobody named is anybody; and how many an unknown team is, nobody knows.
        if !spec.reviewers.is_empty() && unknown.is_empty() {
            let there = self.count(&spec.reviewers, wanted);
            if there < wanted {
                findings.push(too_few(gate, spec, there));
            }
        }
        findings.extend(unknown);
        findings.extend(self.odd(gate, spec));
    }

    /// Reviewers that are written as elsewhere, or twice.
    fn odd(&self, gate: &Definition, spec: &GateSpec) -> Vec<Diagnostic> {
        let at = |index: usize| path!["spec", "reviewers", index];
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut found = Vec::new();
        for (index, entry) in spec.reviewers.iter().enumerate() {
            if let Some((message, help)) = nobody(entry) {
                let finding = gate.at(Code::ODD_REVIEWER, at(index), message);
                found.push(finding.label("this matches nobody").help(help));
                continue;
            }
            let who = match entry.strip_prefix("team:") {
                Some(_) => entry.clone(),
                None => self.approvals.person(entry),
            };
            let Some(first) = seen.get(&who) else {
                seen.insert(who, index);
                continue;
            };
            let message = if spec.reviewers[*first] == *entry {
                format!("`{entry}` is named twice")
            } else {
                format!("`{entry}` is the same as `{}`", spec.reviewers[*first])
            };
            let finding = gate.at(Code::ODD_REVIEWER, at(index), message);
            let help = "name each person once; an approval counts only once";
            let related = gate.label(at(*first), "first here");
            found.push(finding.label("again here").help(help).related(related));
        }
        found
    }

    /// `user:NAME` or `team:NAME` that the configuration does not list.
    fn unknown(&self, gate: &Definition, index: usize, entry: &str) -> Option<Diagnostic> {
        let (kind, name) = entry.split_once(':')?;
        let known: Vec<&str> = match kind {
            "user" => self.approvals.users.keys().map(String::as_str).collect(),
            // Whoever acts under that name is meant.
            "serviceaccount" => return None,
            _ => self.approvals.teams.keys().map(String::as_str).collect(),
        };
        if known.contains(&name) {
            return None;
        }
        let help = match did_you_mean(name, known) {
            Some(near) => format!("did you mean `{kind}:{near}`?"),
            None => format!("list it under `approvals.{kind}s` in .planspec.yaml"),
        };
        let path = path!["spec", "reviewers", index];
        let message = format!("the configuration knows no {kind} `{name}`");
        let finding = gate.at(Code::UNKNOWN_REVIEWER, path, message);
        Some(finding.label("this matches nobody").help(help))
    }

    /// How many persons the reviewers are, counted up to `most`.
    fn count(&mut self, reviewers: &'a [String], most: usize) -> usize {
        let mut persons: BTreeSet<String> = BTreeSet::new();
        for entry in reviewers {
            match entry.strip_prefix("team:") {
                // What cannot be anybody decides nothing.
                None if nobody(entry).is_some() => {}
                None => drop(persons.insert(self.approvals.person(entry))),
                Some(team) => {
                    let more = most.saturating_sub(persons.len());
                    let others = self.team(team).difference(&persons);
                    let others: Vec<String> = others.take(more).cloned().collect();
                    persons.extend(others);
                }
            }
            if persons.len() >= most {
                break;
            }
        }
        persons.len()
    }

    fn team(&mut self, team: &'a str) -> &BTreeSet<String> {
        let approvals = self.approvals;
        self.teams.entry(team).or_insert_with(|| {
            let members = approvals.teams.get(team).into_iter().flatten();
            members.map(|member| approvals.person(member)).collect()
        })
    }
}

fn too_few(gate: &Definition, spec: &GateSpec, there: usize) -> Diagnostic {
    let wanted = spec.required_approvers;
    let is = |number: usize| if number == 1 { "is" } else { "are" };
    let message = format!(
        "{} {} required, and there {} {}",
        count(wanted as usize, "approval"),
        is(wanted as usize),
        is(there),
        count(there, "reviewer")
    );
    let path = match wanted {
        // That is the default, and may not be written.
        1 => path!["spec", "reviewers"],
        _ => path!["spec", "requiredApprovers"],
    };
    gate.at(Code::TOO_FEW_REVIEWERS, path, message)
        .help("name more reviewers, or require fewer approvals")
}

/// The gates of a plan may be used in it; a run is blocked at one that may not.
fn uses(
    snapshot: &Definitions,
    plan: &Definition,
    spec: &PlanSpec,
    findings: &mut Vec<Diagnostic>,
) {
    for (index, node) in spec.graph.nodes.iter().enumerate() {
        let Some(reference) = &node.gate_ref else {
            continue;
        };
        let key = reference.key(Kind::Gate, &plan.key.namespace);
        let (Some(gate), Some(gate_spec)) = (snapshot.definition(&key), snapshot.gate(&key)) else {
            continue;
        };
        let target = &gate_spec.target_ref;
        let of_resource = target.resource();
        let target_key = of_resource.map(|target| target.key(&key.namespace));
        // A node that does not exist is a finding in the gate.
        let exists = |id: &String| spec.graph.nodes.iter().any(|node| node.id == *id);
        let is_other = |id: &&String| **id != node.id && exists(id);
        let other_node = target.node_id.as_ref().filter(is_other);
        // Which run brings an artifact is its own business.
        let may_be = target_key
            .as_ref()
            .is_none_or(|target| may_be(&plan.key, spec, target));
        if may_be && other_node.is_none() {
            continue;
        }
        let at_node = match &target.node_id {
            Some(id) => format!(", node `{id}`"),
            None => String::new(),
        };
        let message = format!(
            "gate `{}` may only be used for {} `{}`{at_node}",
            key.name,
            target.kind.to_string().to_lowercase(),
            target_key.map_or_else(|| target.name.clone(), |key| key.qualified())
        );
        let path = path!["spec", "graph", "nodes", index, "gateRef", "name"];
        findings.push(
            plan.at(Code::GATE_MISMATCH, path, message)
                .label("a run would be blocked here")
                .help("write a gate for this node, or change the `targetRef` of that one")
                .related(gate.label(path!["spec", "targetRef", "name"], "the gate says so here")),
        );
    }
}

/// Whether some run of a plan can be what a gate is for.
fn may_be(plan: &Key, spec: &PlanSpec, target: &Key) -> bool {
    match target.kind {
        Kind::Plan => target == plan,
        // An execution may name the goal of a plan that names none.
        Kind::Goal => {
            let goal = spec.goal_ref.as_ref();
            goal.is_none_or(|goal| goal.key(Kind::Goal, &plan.namespace) == *target)
        }
        // Which plan it runs is its own business, and it may still come.
        Kind::Execution => true,
        Kind::Capability | Kind::Binding | Kind::Gate => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::base::limits::CONFIG_FILE;
    use crate::core::repository::snapshot::Snapshot;
    use crate::core::testing::{
        FILE, execution, findings, gate, plan, plan_with, position, resource, source, task,
        with_metadata,
    };

    const PEOPLE: &str = "approvals:
  users: {ana: [ana@example.com, ana@home.example], ben: [ben@example.com]}
  teams:
    security: [ana@example.com, ana@home.example]
    core: [user:ana, ben@example.com, cyd@example.com]
    empty: []
";

    /// Code, place, message and help of each finding in a gate with these reviewers.
    fn found(reviewers: &str, required: u32) -> Vec<(String, String)> {
        let (config, findings) = Config::read(CONFIG_FILE, PEOPLE.as_bytes());
        assert_eq!(findings, []);
        let text = plan("p", &task("a", ""))
            + &gate(
                "g",
                "p",
                &format!("reviewers: [{reviewers}], requiredApprovers: {required}"),
            );
        let snapshot = Snapshot::build(&[source(FILE, &text)], &config.unwrap());
        let lines = snapshot.diagnostics().iter();
        lines
            .map(|f| (snapshot.line(f), f.help.clone().unwrap_or_default()))
            .collect()
    }

    #[test]
    fn reviewers_are_known_to_the_configuration() {
        for known in [
            "user:ana",
            "team:core",
            "someone@example.com",
            "plain-id",
            "",
        ] {
            assert_eq!(found(known, 1), [], "{known}");
        }
        let table = [
            ("user:anna", "no user `anna`", "did you mean `user:ana`?"),
            (
                "team:secruity",
                "no team `secruity`",
                "did you mean `team:security`?",
            ),
            (
                "team:legal",
                "no team `legal`",
                "list it under `approvals.teams` in .planspec.yaml",
            ),
            (
                "user:security",
                "no user `security`",
                "list it under `approvals.users` in .planspec.yaml",
            ),
        ];
        for (entry, message, help) in table {
            let found = found(entry, 1);
            let line = format!("{FILE}:10:74: PS211 the configuration knows {message}");
            assert_eq!(found, [(line, help.to_owned())]);
        }
    }

    #[test]
    fn reviewers_are_written_as_commits_name_them_and_once() {
        let forge = |entry: &str| {
            format!("`{entry}` is a user name of a forge, which does not appear in commits")
        };
        let once = "name each person once; an approval counts only once";
        for (reviewers, message, help) in [
            (
                "'@ana'",
                forge("@ana"),
                "write an e-mail, or `user:ana` and list it under `approvals.users` in .planspec.yaml",
            ),
            (
                "'@org/core'",
                forge("@org/core"),
                "write an e-mail, or `team:core` and list it under `approvals.teams` in .planspec.yaml",
            ),
            (
                "'*'",
                "`*` is not a pattern here, but the name of a person".to_owned(),
                "remove `reviewers` to let anybody decide, or name a `team:`",
            ),
            (
                "cyd@example.com, cyd@example.com",
                "`cyd@example.com` is named twice".to_owned(),
                once,
            ),
            (
                "user:ana, ANA@example.com",
                "`ANA@example.com` is the same as `user:ana`".to_owned(),
                once,
            ),
            (
                "team:core, team:core",
                "`team:core` is named twice".to_owned(),
                once,
            ),
        ] {
            let mut found = found(reviewers, 1);
            // Where nobody else is named, nobody can open the gate.
            let is_nobody = ["'@", "'*"]
                .iter()
                .any(|start| reviewers.starts_with(start));
            assert_eq!(found.len(), if is_nobody { 2 } else { 1 }, "{found:?}");
            found.retain(|one| one.0.contains("PS233"));
            assert!(
                found[0].0.ends_with(&format!("PS233 {message}")),
                "{found:?}"
            );
            assert_eq!(found[0].1, help);
        }
        // Who is in a team may be named as well.
        assert_eq!(found("user:ana, team:core", 1), []);
    }

    #[test]
    fn there_are_as_many_persons_as_must_approve() {
        for (reviewers, required) in [
            ("", 5),
            ("user:ana", 1),
            ("user:ana, ben@example.com", 2),
            ("team:core", 3),
            ("team:security, team:core", 3),
            ("team:core, dan", 4),
            // How many these are, nobody knows.
            ("team:legal, user:ana", 50),
        ] {
            let found = found(reviewers, required);
            assert!(
                found.iter().all(|(line, _)| !line.contains("PS212")),
                "{reviewers}: {found:?}"
            );
        }
        for (reviewers, required, message) in [
            (
                "user:ana",
                2,
                "2 approvals are required, and there is 1 reviewer",
            ),
            (
                "user:ana, ana, ana@example.com, ana@home.example, team:security",
                2,
                "2 approvals are required, and there is 1 reviewer",
            ),
            (
                "team:core",
                4,
                "4 approvals are required, and there are 3 reviewers",
            ),
            (
                "team:empty",
                1,
                "1 approval is required, and there are 0 reviewers",
            ),
        ] {
            let mut found = found(reviewers, required);
            found.retain(|(line, _)| line.contains("PS212"));
            assert_eq!(found.len(), 1, "{found:?}");
            let (line, help) = &found[0];
            assert!(line.ends_with(&format!("PS212 {message}")), "{line}");
            assert_eq!(help, "name more reviewers, or require fewer approvals");
        }
    }

    fn gate_for(target: &str) -> String {
        let spec = format!("gateType: approval, targetRef: {{{target}}}");
        resource("Gate", "g", &spec)
    }

    #[test]
    fn a_gate_may_be_used_where_its_target_says() {
        let nodes = "{id: ok, kind: Gate, gateRef: {name: g}}";
        let goal = resource("Goal", "aim", "description: d");
        let bound = |fields: &str| plan_with("p", fields, nodes, "");
        let fine = [
            bound("") + &gate_for("kind: Plan, name: p"),
            bound("") + &gate_for("kind: Plan, name: p, nodeId: ok"),
            bound("goalRef: {name: aim}") + &goal + &gate_for("kind: Goal, name: aim"),
            bound("") + &goal + &gate_for("kind: Goal, name: aim"),
            bound("") + &execution("run", "p", "") + &gate_for("kind: Execution, name: run"),
        ];
        for text in fine {
            assert_eq!(findings(&text), [] as [&str; 0], "{text}");
        }
        let other = plan("other", &task("a", ""));
        let far = resource("Goal", "far", "description: d");
        let capability = resource("Capability", "far", "description: d");
        let table = [
            (
                bound("") + &other + &gate_for("kind: Plan, name: other"),
                "other",
                "plan `team/other`",
            ),
            (
                plan("p", &format!("{nodes}, {}", task("a", "")))
                    + &gate_for("kind: Plan, name: p, nodeId: a"),
                "p, nodeId",
                "plan `team/p`, node `a`",
            ),
            (
                bound("goalRef: {name: aim}") + &goal + &far + &gate_for("kind: Goal, name: far"),
                "far}",
                "goal `team/far`",
            ),
            (
                bound("") + &capability + &gate_for("kind: Capability, name: far"),
                "far}",
                "capability `team/far`",
            ),
        ];
        for (text, target, message) in table {
            let place = position(&text, "g}}");
            let target = position(&text, target);
            assert_eq!(
                findings(&text),
                [
                    format!("PS213 warning {place}: gate `g` may only be used for {message}"),
                    "help: write a gate for this node, or change the `targetRef` of that one"
                        .to_owned(),
                    format!("also {target}: the gate says so here"),
                ],
                "{text}"
            );
        }
    }

    #[test]
    fn the_target_of_a_gate_is_in_the_namespace_of_the_gate() {
        let text = plan(
            "p",
            "{id: ok, kind: Gate, gateRef: {name: g, namespace: lib}}",
        ) + &with_metadata(
            "Gate",
            "name: g, namespace: lib",
            "gateType: approval, targetRef: {kind: Plan, name: p}",
        );
        let lines = findings(&text);
        assert!(
            lines[0].ends_with("gate `g` may only be used for plan `lib/p`"),
            "{lines:?}"
        );
    }
}
