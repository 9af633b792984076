//! Reported work outside of the scope of its plan.

use super::active_run::{ActiveRun, list};
use crate::core::base::digest::short;
use crate::core::document::scope::{Bounds, Files, Verdict};
use crate::core::resource::OnBroken;

impl ActiveRun<'_> {
    /// What happens to a report whose commit changes, or may change, files outside of the scope, and why. `None`
    /// if the document does not say what happens, or names no files.
    pub(super) fn excess_of(&self, commit: Option<&str>) -> Option<(OnBroken, String)> {
        let contract = &self.pins.plan.spec.plan()?.contract;
        let policy = contract.on_unexpected_scope?;
        let is_checkable = contract.scope.iter().any(|entries| !entries.is_empty());
        let commit = commit.filter(|_| is_checkable)?;
        let unknown = |why: String| {
            let commit = short(commit);
            format!("nobody can tell whether commit {commit} stays within the scope: {why}")
        };
        let why = match (self.turn.world.touched)(commit) {
            Ok(paths) => match Bounds::of_entries(&contract.scope) {
                Ok(bounds) => {
                    let outside = self.outside(&bounds, paths.iter());
                    if outside.is_empty() {
                        return None;
                    }
                    let (commit, paths) = (short(commit), list(&outside));
                    return Some((
                        policy,
                        format!("commit {commit} changes {paths}, outside of the scope"),
                    ));
                }
                Err(why) => unknown(why),
            },
            Err(why) => unknown(why),
        };
        // If the paths are unknown, the worker is not to blame: a person decides.
        let policy = match policy {
            OnBroken::Fail => OnBroken::Pause,
            other => other,
        };
        Some((policy, why))
    }

    /// The paths that are outside. The document and the run are not part of the work. Paths in `scope.always` are
    /// allowed, unless the document excludes them.
    fn outside<'p>(
        &self,
        bounds: &Bounds,
        paths: impl Iterator<Item = &'p String>,
    ) -> Vec<&'p str> {
        let contract = [&self.pinned.plan.path, &self.pinned.execution.path];
        let work = paths.filter(|path| !contract.contains(path));
        let along = Files::of(&self.turn.world.config.scope.always).unwrap_or_default();
        let outside = work.filter(|path| match bounds.judge(path) {
            Verdict::Inside => false,
            Verdict::NotCovered => !along.hold(path),
            _ => true,
        });
        outside.map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::core::testing::{World, execution};

    const ANA: &str = "agent:ana";
    const EVE: &str = "eve@example.com";

    /// A run with one step and the scope `src`, except `src/old`.
    fn run(policy: &str, checks: &str) -> World {
        let mut world = World::empty();
        let policy = match policy {
            "" => String::new(),
            word => format!(r#", "escalation_policy": {{"on_unexpected_scope": "{word}"}}"#),
        };
        let text = format!(
            r#"{{
  "identity": {{"plan_id": "6b2d1e3f-8c40-4d2a-8e5f-2a3b4c5d6e7f", "session_id": "s", "revision": 1,
    "parent_id": null, "created_by": "a", "created_at": "2026-02-10T09:00:00Z"}},
  "x-planspec": {{"name": "p", "namespace": "team"}},
  "intent": {{"goal_statement": "g", "motivation": "m", "success_definition": "d"}},
  "scope": {{"in_scope": ["The shop", "path:src"], "out_of_scope": ["path:src/old/**"]}},
  "approach": {{"overview": "o", "rationale": "r", "steps": [
    {{"step_id": "a", "title": "A", "description": "d", "x-planspec": {{{checks}}}}}]}},
  "success_criteria": [
    {{"criterion_id": "done", "description": "d", "verification": "manual", "weight": "primary"}}],
  "delegation": {{"default_mode": "hybrid"{policy}}}
}}"#
        );
        world.write("planspec/p.planspec.json", &text);
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        for (commit, paths) in [
            ("c1", &["src/a.rs", "planspec/p.planspec.json"][..]),
            ("c2", &["src/a.rs", "docs/a.md"]),
            ("c3", &["src/old/b.rs"]),
        ] {
            let paths: BTreeSet<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            world.touched.insert(commit.repeat(20), paths);
        }
        world
    }

    fn reported(world: &mut World, commit: &str) {
        world.claim("a", ANA);
        world.succeed_at("a", ANA, &commit.repeat(20));
        world.reconcile();
    }

    #[test]
    fn a_document_says_what_work_outside_of_its_scope_leads_to() {
        let table = [
            ("", "c2", "Succeeded Reported"),
            ("pause", "c1", "Succeeded Reported"),
            ("pause", "c2", "Blocked OutOfScope"),
            ("pause", "c3", "Blocked OutOfScope"),
            ("pause", "c9", "Blocked OutOfScope"),
            ("fail", "c1", "Succeeded Reported"),
            ("fail", "c2", "Failed OutOfScope"),
            // The paths are unknown, so nobody is to blame.
            ("fail", "c9", "Blocked OutOfScope"),
            ("notify", "c2", "Succeeded Reported"),
        ];
        for (policy, commit, expected) in table {
            let mut world = run(policy, "");
            reported(&mut world, commit);
            assert_eq!(world.stands("a"), expected, "{policy} {commit}");
            let asked = world.node("a").extensions.questions.len();
            assert_eq!(
                asked,
                usize::from(expected == "Blocked OutOfScope"),
                "{policy} {commit}"
            );
            let message = world.node("a").message;
            let is_told = message.contains("docs/a.md, outside of the scope");
            assert_eq!(
                is_told,
                commit == "c2" && !policy.is_empty(),
                "{policy}: {message}"
            );
        }
        // Paths that may always change are allowed, unless the document excludes them.
        for (commit, expected) in [("c2", "Succeeded Reported"), ("c3", "Blocked OutOfScope")] {
            let mut world = run("pause", "");
            world.configure("scope: {always: [docs/**, src/old/**]}\n");
            reported(&mut world, commit);
            assert_eq!(world.stands("a"), expected, "{commit}");
        }
        // A report without a commit has no files.
        let mut world = run("pause", "");
        world.claim("a", ANA);
        world.succeed("a", ANA);
        world.reconcile();
        assert_eq!(world.stands("a"), "Succeeded Reported");
    }

    #[test]
    fn another_person_releases_what_is_outside() {
        let checks =
            r#""acceptanceCriteria": [{"type": "test_passes", "name": "t", "command": "x"}]"#;
        let mut world = run("pause", checks);
        reported(&mut world, "c2");
        world.answer("a", ANA, "it is");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer NotAPerson"]);
        world.answer("a", EVE, "it is");
        world.reconcile();
        assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
        world.verify("a", "agent:ben", &[("t", true)]);
        world.reconcile();
        assert_eq!(world.stands("a"), "Succeeded Verified");
    }

    #[test]
    fn who_did_the_work_does_not_release_it() {
        let mut world = run("pause", "");
        world.claim("a", EVE);
        world.succeed_at("a", EVE, &"c2".repeat(20));
        world.reconcile();
        world.answer("a", EVE, "it is");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer OwnQuestion"]);
        world.answer("a", "mia@example.com", "it is");
        world.reconcile();
        assert_eq!(world.stands("a"), "Succeeded Reported");
    }

    #[test]
    fn who_reported_names_another_commit_or_gives_it_back_and_anybody_asks_for_it_anew() {
        let mut world = run("pause", "");
        reported(&mut world, "c2");
        world.succeed_at("a", ANA, &"c3".repeat(20));
        world.reconcile();
        assert_eq!(world.stands("a"), "Blocked OutOfScope");
        // The question about the first commit is void.
        world.answer("a", EVE, "it is");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer NotAsked"]);
        world.succeed_at("a", ANA, &"c1".repeat(20));
        world.reconcile();
        assert_eq!(world.stands("a"), "Succeeded Reported");
        let mut world = run("pause", "");
        reported(&mut world, "c2");
        world.release("a", ANA);
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
        let mut world = run("pause", "");
        reported(&mut world, "c2");
        world.retry(EVE, Some("a"), false);
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
        assert_eq!(world.node("a").attempt, 2);
    }
}
