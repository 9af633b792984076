//! The scripts of the examples, and runs of commonly published shapes.

use std::path::Path;

use crate::resources::{
    binding, capability, execution_with, file, gate_node, gate_with, plan_spec, resource,
    resource_in, task,
};
use crate::sandbox::{PLANSPEC, Ran, Sandbox, text};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// Each script that ends with successful runs, and output on the way there.
const STORIES: [(&str, &[&str]); 7] = [
    (
        "quickstart",
        &[
            "$ planspec init",
            "$ planspec apply",
            "status-page-run (new) → Running",
            "status-page-run Running → Blocked",
            "status-page-run Blocked → Running",
            "status-page-run Running → Succeeded",
        ],
    ),
    (
        "document",
        &[
            "$ planspec describe planspec/greeting",
            "error[PS409]",
            "greeting-1/approve-release Blocked → Succeeded",
            "greeting-1 Blocked → Succeeded",
        ],
    ),
    (
        "document-review",
        &[
            "error[PS631]",
            "error[PS632]",
            "error[PS635]",
            "revision 2 (minor)",
            "retention-1 (new) → Pending",
            "retention-1/approve-revision Blocked → Succeeded",
            "retention-1/approve-delete Blocked → Succeeded",
            "retention-1 Blocked → Succeeded",
        ],
    ),
    (
        "sso-rollout",
        &[
            "sso-2026/contract Blocked → Succeeded",
            "sso-2026/connect Blocked → Succeeded",
            "sso-2026/security-review Blocked → Succeeded",
            "sso-2026/go-ahead Blocked → Succeeded",
            "sso-2026/waves Running → Succeeded",
            "one-account Executing → Succeeded",
        ],
    ),
    (
        "database-migration",
        &[
            "rehearsal/clean-up Pending → Succeeded",
            "rehearsal Running → Cancelled",
            "march/compare Pending → Failed",
            "march/rollback Pending → Succeeded",
            "march/clean-up Pending → Succeeded",
            "march Running → Failed",
            "march/rollback Succeeded → Pending",
            "march/rollback Pending → Skipped",
            "march/clean-up Pending → Succeeded attempt 2",
            "march Running → Succeeded",
        ],
    ),
    (
        "agent-refactoring",
        &[
            "(exit code 9)",
            "split/version Blocked → Failed",
            "split/version Blocked → Succeeded attempt 2",
            "split/notes Blocked → Succeeded",
            "split/all-together Pending → Succeeded",
        ],
    ),
    (
        "monorepo",
        &[
            "queue/tried Blocked → Succeeded",
            "instalments/queue Blocked → Succeeded",
            "checkout/api Blocked → Succeeded",
            "pay-in-instalments Executing → Succeeded",
        ],
    ),
];

/// Runs a script of the examples with a program; it leaves no files or processes, even on failure.
fn run_example(name: &str, program: &str) -> Ran {
    let sandbox = Sandbox::new();
    let scratch = sandbox.folder("scratch");
    let script = Path::new(EXAMPLES).join(name).with_extension("sh");
    let mut example = scratch.command("sh");
    example
        .arg(script)
        .env("TMPDIR", &scratch.dir)
        .env("PLANSPEC_BIN", program)
        .env_remove("PLANSPEC_NOW");
    let ran = Ran::of(name, example.output().unwrap());
    assert_eq!(std::fs::read_dir(&scratch.dir).unwrap().count(), 0, "{ran}");
    ran
}

#[test]
fn the_examples_go_all_the_way_and_leave_nothing_behind() {
    for (name, told) in STORIES {
        let ran = run_example(name, PLANSPEC).ok();
        // Independent of the width of the columns.
        let words: Vec<&str> = ran.out.split_whitespace().collect();
        let words = words.join(" ");
        for text in told {
            assert!(words.contains(*text), "{text}: {ran}");
        }
        assert!(!ran.out.contains("warning"), "{ran}");
        assert_eq!(ran.err, "", "{ran}");
    }
}

#[test]
fn an_example_whose_commands_fail_fails() {
    for (name, _) in STORIES {
        assert_ne!(run_example(name, "/bin/false").code, 0, "{name}");
    }
}

#[test]
fn every_script_of_the_examples_is_run() {
    // `stage` is shared by the others, and `serve` needs curl: `.ci/run` runs that.
    let others = ["stage", "serve"];
    let files = std::fs::read_dir(EXAMPLES).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let scripts = paths.filter(|path| path.extension().is_some_and(|end| end == "sh"));
    for script in scripts {
        let name = script.file_stem().unwrap().to_str().unwrap();
        let is_run = STORIES.iter().any(|(story, _)| *story == name);
        assert!(is_run || others.contains(&name), "{name}");
    }
}

#[test]
fn the_files_of_the_quickstart_are_valid() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart");
    nowhere
        .run(&format!("validate -d {folder}"))
        .ok()
        .notes("7 resources: valid");
}

/// A goal that selects its plans by label and has seven days; a chain of two tasks and a gate.
#[test]
fn a_chain_with_a_review_at_the_end_runs_to_succeeded() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [
        task("study").needs("analysis"),
        task("write")
            .needs("coding")
            .with("timeout: 4h\nretries: 2\n")
            .after("study"),
        gate_node("review", "privacy-review").after("write"),
    ];
    let more = "goalRef: {name: fewer-passwords}\nseries: passkeys\nversion: \"2\"\n";
    let labelled = resource_in("accounts", "Plan", "passkeys-v2", &plan_spec(more, &nodes))
        .replace(
            "  namespace: accounts",
            "  namespace: accounts\n  labels: {goal: fewer-passwords}",
        );
    let goal = "description: People sign in without a password\n\
                constraints: {browsers: all}\n\
                acceptanceCriteria:\n- description: Old passwords still work\n\
                planSelector: {matchLabels: {goal: fewer-passwords}}\n\
                timeout: \"7d\"\npriority: 10\n";
    let in_accounts = |text: String| text.replace("namespace: default", "namespace: accounts");
    ana.publish(
        "planspec/passkeys.yaml",
        file(&[
            resource_in("accounts", "Goal", "fewer-passwords", goal),
            labelled,
            in_accounts(capability("analysis")),
            in_accounts(capability("coding")),
            in_accounts(binding(
                "accounts-team",
                &[("analysis", "agent://reader"), ("coding", "agent://writer")],
            )),
            in_accounts(gate_with("privacy-review", "passkeys-v2", "")),
            in_accounts(execution_with(
                "passkeys-001",
                "passkeys-v2",
                "goalRef: {name: fewer-passwords}\nbindingRef: {name: accounts-team}\n\
                 parameters: {dryRun: false, priority: high}\n",
            )),
        ]),
    );
    ana.run("validate").ok().notes("7 resources: valid");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("goal/fewer-passwords"), "Executing");
    let goal = ana.get("goal/fewer-passwords");
    assert_eq!(goal["status"]["activePlanRef"]["name"], "passkeys-v2");
    assert_eq!(
        ana.run("next -n accounts --provider agent://reader -o name")
            .ok()
            .out,
        "accounts/passkeys-001/study\n"
    );
    ana.works("passkeys-001/study", "agent:r")
        .works("passkeys-001/write", "agent:w");
    assert_eq!(ana.phase("execution/passkeys-001"), "Blocked");
    ana.run("approve privacy-review -n accounts -m 'no new data' --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/passkeys-001"), "Succeeded");
    assert_eq!(ana.phase("goal/fewer-passwords"), "Succeeded");
}

const PEOPLE: &str = "\
approvals:
  users: {head: [ana@example.com]}
  teams: {safety: [ben@example.com, carol@example.com]}
";

/// Three parallel tasks, two checks, a gate that requires two approvers, and a last task. `checks` is what the checks
/// require.
fn diamond(checks: &str) -> String {
    let nodes = [
        task("service")
            .needs("coding")
            .with("estimatedEffort: medium\n"),
        task("screens")
            .needs("coding")
            .with("estimatedEffort: medium\n"),
        task("manual")
            .needs("writing")
            .with("estimatedEffort: small\n"),
        task("test")
            .needs("testing")
            .with(checks)
            .after("service")
            .after("screens"),
        task("scan")
            .needs("testing")
            .with(checks)
            .after("service")
            .after("screens")
            .after("manual"),
        gate_node("sign-off", "two-eyes")
            .after("test")
            .after("scan"),
        task("roll-out").needs("operating").after("sign-off"),
    ];
    let goal = "description: |\n  Customers pay in the shop.\n  Nothing is rolled out unseen.\n\
                acceptanceCriteria:\n- {id: paid, description: A payment went through}\n";
    let gate = "reviewers: [\"team:safety\", \"user:head\"]\nrequiredApprovers: 2\n\
                context: {risk: high}\n";
    let gate = gate_with("two-eyes", "payments-v1", gate)
        .replace("name: payments-v1}", "name: payments-v1, nodeId: sign-off}");
    let more = "goalRef: {name: payments}\nseries: payments\nversion: \"1\"\n";
    file(&[
        resource("Goal", "payments", goal),
        resource("Plan", "payments-v1", &plan_spec(more, &nodes)),
        gate,
        capability("coding"),
        capability("writing"),
        capability("testing"),
        capability("operating"),
        binding(
            "all",
            &[
                ("coding", "agent://coder"),
                ("writing", "agent://writer"),
                ("testing", "agent://tester"),
                ("operating", "human://head"),
            ],
        ),
    ])
}

#[test]
fn a_diamond_with_a_gate_for_two_runs_to_its_end() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write(
        ".planspec.yaml",
        format!("status: {{remote: origin}}\n{PEOPLE}"),
    );
    ana.publish("planspec/payments.yaml", diamond(""));
    ana.run("start payments-v1 --name run").ok();
    ana.push().run("reconcile").ok();
    for node in ["service", "screens", "manual", "test", "scan"] {
        ana.works(&format!("run/{node}"), "agent:a");
    }
    assert_eq!(ana.phase("execution/run"), "Blocked");
    ana.run("approve two-eyes --as ben@example.com --reconcile")
        .ok()
        .says("1 of 2 approvals");
    ana.run("approve two-eyes --as eve@example.com --reconcile")
        .exits(1)
        .notes("is not among the reviewers");
    assert_eq!(ana.phase("execution/run"), "Blocked");
    ana.run("approve two-eyes --as ana@example.com --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Running");
    ana.works("run/roll-out", "ana@example.com");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    // The criterion of the goal has an id, so it has to be attested.
    assert_ne!(ana.phase("goal/payments"), "Succeeded");
    let goal = ana.get("goal/payments");
    let id = text(&goal["spec"]["acceptanceCriteria"][0]["id"]);
    ana.run("attest run nothing --met").exits(1).notes(&id);
    ana.run(&format!("attest run {id} --met -m measured --reconcile"))
        .ok();
    assert_eq!(ana.phase("goal/payments"), "Succeeded");
}

#[test]
fn tasks_whose_criteria_nobody_has_checked_yet_wait() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", PEOPLE);
    let checks =
        "acceptanceCriteria:\n- {type: command_succeeds, name: green, command: make check}\n";
    solo.publish("planspec/payments.yaml", diamond(checks));
    solo.run("start payments-v1 --name run").ok();
    solo.run("reconcile").ok();
    for node in ["service", "screens", "manual", "test", "scan"] {
        solo.works(&format!("run/{node}"), "agent:a");
    }
    assert_eq!(solo.phase("execution/run"), "Blocked");
    for node in ["test", "scan"] {
        let node = solo.node(&format!("run/{node}"));
        assert_eq!(text(&node["extensions"]["reason"]), "AwaitingVerification");
    }
    solo.run("approve two-eyes --as ben@example.com")
        .exits(1)
        .notes("no run waits");
    solo.run("reconcile")
        .ok()
        .says("nothing to do")
        .says("a check of what agent:a reported");
}
