//! No text from a repository becomes a workflow command of the CI job that prints it.

use serde_json::json;

use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Ran, Sandbox};

const EVIL: &str =
    "fine\n::set-output name=x::y\n  ::add-mask::z\n##[error]w\n10%\r::stop-commands::v";

fn assert_inert(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        for line in text.split(['\n', '\r']) {
            let is_command = line.trim_start().starts_with("::") || line.contains("##[");
            assert!(!is_command, "{line:?} of {ran}");
        }
    }
}

#[test]
fn what_a_job_prints_is_no_command_to_it() {
    let sandbox = Sandbox::new();
    let one = format!("instructions: {}", json!(EVIL));
    let ana = sandbox.team_with(
        "ana",
        &[plan("p", &[task("one").with(&one)]), execution("run", "p")],
    );
    ana.write("log.txt", EVIL);
    let github = [("GITHUB_ACTIONS", "true")];
    for command in [
        "describe run/one",
        "describe execution run --all",
        "get plan p -o yaml",
        "get plan p -o json",
        "claim run/one --as agent:a",
        "status --mine --as agent:a",
        "report run/one --as agent:a --failed -m '##[error]no' --reconcile",
        "describe execution run",
        "log execution/run",
        "log execution/run -o json",
        "describe nothing '::error::x'",
        "approve '::error::x'",
    ] {
        assert_inert(&ana.run_in(&github, command));
    }
    // A program that parses the output gets the same document.
    let [here, there] =
        [&github[..], &[]].map(|variables| ana.run_in(variables, "get plan p -o json").json());
    assert_eq!(here, there);
    // Workflow commands of planspec itself still work.
    ana.publish(
        "planspec/broken.yaml",
        file(&[plan("q", &[task("one").after("two")])]),
    );
    ana.run_in(&github, "validate -o github")
        .exits(1)
        .says("::error file=planspec/broken.yaml");
}
