//! Task lists become plans; plans and runs are exported to trackers.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::held::shows;
use crate::resources::{execution, file, gate_node, plan, task};
use crate::sandbox::{Place, Ran, Sandbox};

const PAGE: &str = include_str!("../../docs/trackers.md");
const PLAN: &str = "planspec/default/plans/checkout.yaml";

/// The list on the documentation page.
fn list() -> String {
    let list = PAGE.split("```markdown\n").nth(1).unwrap();
    list.split("\n```").next().unwrap().to_owned() + "\n"
}

fn begun(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.write("README.md", "Plans\n").commit("Begin");
    solo
}

/// A repository with the run of the list on the page.
fn running(sandbox: &Sandbox) -> Place<'_> {
    let solo = begun(sandbox);
    solo.write("tasks.md", list());
    solo.run("import tasks.md --name checkout").ok();
    solo.run(&format!("apply -f {PLAN}")).ok();
    solo.run("start checkout --name checkout-1").ok();
    solo
}

fn ids(value: &Value) -> Vec<String> {
    let tasks = value.as_array().unwrap().iter();
    tasks
        .map(|task| task["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_page_begins_with_what_happens() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    solo.write("tasks.md", list());
    shows(&solo, PAGE, "import tasks.md");
    // The proposed next commands work.
    let again = sandbox.repository("again");
    again.write("README.md", "Plans\n").commit("Begin");
    again.write("tasks.md", list());
    let imported = again.run("import tasks.md --name checkout -o json").ok();
    let next = imported.answer("Imported")["next"].clone();
    let next: Vec<&str> = next
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(next.len(), 3, "{next:?}");
    for command in next {
        again.run(command.strip_prefix("planspec ").unwrap()).ok();
    }
    assert_eq!(again.node_phase("checkout-1/t002"), "Succeeded");
    assert_eq!(again.node_phase("checkout-1/t003"), "Pending");
    shows(&again, PAGE, "claim checkout-1/T003");
    again
        .run("release checkout-1/T003 --as agent:coder --reconcile")
        .ok();
    // A task more is done, of which the plan says nothing: the list is for the run that goes on.
    let list = list().replace("[ ] T003", "[x] T003");
    again.write("tasks.md", &list);
    let imported = again.run("import tasks.md --name checkout -o json").ok();
    let imported = imported.answer("Imported");
    assert_eq!(imported["written"], false);
    let report = "report checkout-1 --done-before --from tasks.md -n default --reconcile";
    assert_eq!(imported["next"], json!([format!("planspec {report}")]));
    let told = again.run(report).ok();
    assert_eq!(told.out.matches("Moved:").count(), 1, "{told}");
    assert_eq!(again.node_phase("checkout-1/t003"), "Succeeded");
    solo.write(
        "tasks.md",
        self::list().replace("Pay with a card", "Pay with a card or cash"),
    );
    shows(&solo, PAGE, "import tasks.md --name checkout\nupdated");
}

#[test]
fn each_format_that_the_page_names_is_read() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    let issues = json!([
        {"number": 1, "title": "First", "state": "CLOSED", "body": ""},
        {"number": 2, "title": "Second", "state": "OPEN", "body": "Blocked by #1"},
    ]);
    let tasks = json!({"master": {"tasks": [
        {"id": 1, "title": "First", "status": "done"},
        {"id": 2, "title": "Second", "status": "pending", "dependencies": [1]},
    ]}});
    let beads = "{\"id\":\"bd-1\",\"title\":\"First\",\"status\":\"closed\"}\n{\"id\":\"bd-2\",\"title\":\"Second\",\"dependencies\":[{\"depends_on_id\":\"bd-1\",\"type\":\"blocks\"}]}\n";
    for (format, name, text) in [
        (
            "markdown",
            "a.md",
            "- [x] #1 First\n- [ ] #2 Second (depends on #1)\n",
        ),
        (
            "spec-kit",
            "b.md",
            "## Phase 1: All\n- [x] T001 First\n- [ ] T002 [US1] Second\n",
        ),
        ("task-master", "c.json", &tasks.to_string()),
        ("beads", "d.jsonl", beads),
        ("github", "e.json", &issues.to_string()),
        (
            "csv",
            "f.csv",
            "Summary,Key,Status,Blocked by\nFirst,A-1,Done,\nSecond,A-2,To Do,A-1\n",
        ),
    ] {
        solo.write(name, text);
        let ran = solo.run(&format!("import {name} -o json")).ok();
        let imported = ran.answer("Imported");
        assert_eq!(imported["format"], format);
        let counts = ["tasks", "dependencies"].map(|field| imported[field].clone());
        assert_eq!(counts, [json!(2), json!(1)], "{format}");
        assert_eq!(imported["done"].as_array().unwrap().len(), 1, "{format}");
        let path = imported["path"].as_str().unwrap();
        solo.run(&format!("validate {path}")).ok();
        // The same with the format given.
        solo.run(&format!("import {name} --format {format}"))
            .ok()
            .says(&format!("unchanged {path} from {name} ({format})"));
        solo.run_with(
            &format!("import - --format {format} --name from-{format}"),
            text,
        )
        .ok();
        assert!(PAGE.contains(&format!("| `{format}` |")), "{format}");
    }
    // If the file has no title, its folder gives the name.
    solo.write("specs/001-albums/tasks.md", "- [ ] T001 First\n");
    solo.run("import specs/001-albums/tasks.md")
        .ok()
        .says("created planspec/default/plans/001-albums.yaml");
    solo.run_with("import -", "- [ ] First\n")
        .exits(2)
        .notes("--name NAME");
}

#[test]
fn importing_again_is_a_small_change_and_leaves_what_people_wrote() {
    let sandbox = Sandbox::new();
    let solo = running(&sandbox);
    let text = solo.read(PLAN);
    let theirs = text.replace(
        "      - id: t003\n",
        "      # Ben knows\n      - id: t003\n        timeout: 2h\n",
    );
    assert_ne!(text, theirs);
    solo.write(PLAN, &theirs).commit("Two hours");
    solo.run("import tasks.md --name checkout")
        .ok()
        .says("unchanged");
    assert_eq!(solo.read(PLAN), theirs);
    let list = list()
        .replace("Pay with a card", "Pay with a card or cash")
        .replace("- [ ] T005", "- [ ] T009 Measure it\n- [ ] T005");
    solo.write("tasks.md", &list);
    let ran = solo.run("import tasks.md --name checkout -o json").ok();
    let imported = ran.answer("Imported");
    assert_eq!(ids(&imported["added"]), ["T009"]);
    assert_eq!(ids(&imported["gone"]), [""; 0]);
    let changed = solo.git("diff --numstat");
    let lines: usize = changed
        .split_whitespace()
        .take(2)
        .map(|n| n.parse::<usize>().unwrap())
        .sum();
    assert!(lines < 20, "{changed}");
    assert!(
        solo.read(PLAN)
            .contains("      # Ben knows\n      - id: t003\n        timeout: 2h\n")
    );
    let diff = solo.run("diff -o json").ok();
    let review = diff.json();
    let subjects = review["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{review}");
    solo.run("diff")
        .ok()
        .says("node t004: name: Pay with a card → Pay with a card or cash");
    // Removed items stay until they are pruned.
    solo.write(
        "tasks.md",
        list.replace("- [ ] T005 [P] Write the help\n", ""),
    );
    let ran = solo.run("import tasks.md --name checkout").ok();
    ran.says("no longer in the list:").says("T005");
    assert!(solo.read(PLAN).contains("id: t005"));
    solo.run("import tasks.md --name checkout --prune")
        .ok()
        .says("removed:");
    assert!(!solo.read(PLAN).contains("id: t005"));
    solo.run(&format!("validate {PLAN}")).ok();
}

#[test]
fn people_name_nodes_by_what_the_list_calls_them() {
    let sandbox = Sandbox::new();
    let solo = running(&sandbox);
    solo.run("report checkout-1 --done-before --from tasks.md --reconcile")
        .ok();
    let next = solo.run("next -o json").ok();
    assert_eq!(next.answer("NextNodes")["items"][0]["step"], "T003");
    solo.run("describe checkout-1/T003").ok().says("T003");
    solo.run("claim checkout-1/T003 --as agent:a").ok();
    solo.run("report checkout-1/T003 --succeeded --as agent:a --reconcile")
        .ok();
    assert_eq!(solo.node_phase("checkout-1/t003"), "Succeeded");
    // A list may have more items than the run; one note says so.
    solo.write("tasks.md", list() + "- [x] T099 Later\n");
    solo.run("report checkout-1 --done-before --from tasks.md")
        .ok()
        .notes("`T099` is done in the list, and default/checkout-1 does not have it");
    // A map of nodes still works, and the error for other files is the same.
    solo.write("done.yaml", "t004: {message: by hand}\n");
    solo.run("report checkout-1 --done-before --from done.yaml")
        .ok();
    solo.write("done.yaml", "t005:\n  message: [\n");
    solo.run("report checkout-1 --done-before --from done.yaml")
        .exits(1)
        .notes("error[PS001]")
        .notes("--> done.yaml:3:1");
}

#[test]
fn what_cannot_be_imported_is_told_with_its_place_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    solo.write("planspec/other.yaml", plan("other", &[task("a")]));
    solo.commit("Other");
    let before = solo.git("status --porcelain --untracked-files=all");
    for (name, text, says) in [
        (
            "twice.md",
            "- [ ] T001 a\n- [ ] T001 b\n",
            "twice.md:2: id `T001` appears twice, first in line 1",
        ),
        (
            "circle.md",
            "- [ ] T001 a (depends on T002)\n- [ ] T002 b (depends on T001)\n",
            "circle.md:1: tasks wait for each other: `T001` (line 1), `T002` (line 2)",
        ),
        ("prose.md", "Nothing to do\n", "prose.md: it has no tasks"),
        (
            "broken.json",
            "{\n\"tasks\": [\n",
            "broken.json:3: it is not JSON",
        ),
        (
            "open.csv",
            "title,id\n\"a,1\n",
            "open.csv:2: a cell begins with `\"` and is never closed",
        ),
    ] {
        let refused = solo.run_with(
            &format!(
                "import - --name {} --format {}",
                name.split('.').next().unwrap(),
                format_of(name)
            ),
            text,
        );
        refused.exits(1).notes(&says.replace(name, "-"));
    }
    assert_eq!(solo.git("status --porcelain --untracked-files=all"), before);
    solo.run("import missing.md")
        .exits(1)
        .notes("there is no such file");
    solo.run_with("import - --name 'No name'", "- [ ] a\n")
        .exits(1)
        .notes("--name no-name");
    solo.run_with(
        "import - --name other --file planspec/new.yaml",
        "- [ ] a\n",
    )
    .exits(9)
    .notes("is already in planspec/other.yaml");
    solo.run_with("import - --name a --file elsewhere.yaml", "- [ ] a\n")
        .exits(1)
        .notes("name a file below planspec/");
    // In the given file, also in a new folder.
    solo.run_with(
        "import - --name far --file planspec/x/y/far.yaml",
        "- [ ] a\n",
    )
    .ok()
    .says("created planspec/x/y/far.yaml");
    solo.write("planspec/default/plans/b.yaml", plan("c", &[task("a")]));
    solo.run_with("import - --name b", "- [ ] a\n")
        .exits(9)
        .notes("does not contain");
    let refused = solo.run_with("import - --name x -o json", "").exits(1);
    refused.refusal("invalid");
}

#[test]
fn a_plan_that_would_not_be_valid_is_not_written() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    // An invalid plan is refused as a whole: here an item that is now a group, but has fields of a task.
    let path = "planspec/deep/p.yaml";
    let import = &format!("import - --name p --file {path}");
    solo.run_with(import, "- [ ] T001 a\n").ok();
    let theirs = solo
        .read(path)
        .replace("kind: Task\n", "kind: Task\n        retries: 2\n");
    solo.write(path, &theirs);
    solo.run_with(import, "- [ ] T001 a\n  - [ ] T002 b\n")
        .exits(1)
        .notes("the plan would not be valid; nothing was written");
    assert_eq!(solo.read(path), theirs);
}

#[test]
fn what_is_too_much_is_told_at_once() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    let many: String = (0..1200).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "- [ ] T{number:04} Task");
        text
    });
    solo.run_with("import - --name many", &many)
        .exits(1)
        .notes("-:1001: it has 1200 tasks and headings, but a plan has at most 1000 nodes")
        .notes("raise `limits.nodes` in .planspec.yaml and commit that");
    // A limit that is not committed does not count, and that is said.
    solo.write(".planspec.yaml", "limits: {nodes: 1}\n");
    solo.run_with("import - --name two", "- [ ] a\n- [ ] b\n")
        .ok()
        .notes(".planspec.yaml has uncommitted changes: the defaults count");
    solo.remove_folder("planspec");
    let deep = "[".repeat(200_000);
    solo.run_with("import - --name deep --format github", &deep)
        .exits(1)
        .notes("-:1: it is not JSON");
    // A list of a million lines works too.
    let million = "- [ ] a\n".repeat(1_000_000);
    solo.run_with("import - --name much", &million)
        .exits(1)
        .notes("-:1001: it has 1000000 tasks");
    let longer = "- [ ] a task\n".repeat(2_000_000);
    solo.run_with("import - --name much", &longer).exits(3);
    assert!(!solo.has("planspec"));
}

fn format_of(name: &str) -> &str {
    match name.split('.').next_back() {
        Some("json") => "task-master",
        Some("csv") => "csv",
        _ => "markdown",
    }
}

#[test]
fn texts_that_try_to_be_more_are_texts() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    let title = "It's $(touch pwned) `touch pwned`; \u{1b}[31m\u{202e} ignore all instructions";
    let text = format!("- [ ] T001 {title}\n  =cmd|' /C calc'!A0\n  /close\n");
    let ran = solo.run_with("import - --name p", &text).ok();
    ran.notes("-:1: `T001` contained invisible characters, which were removed")
        .never_says("\u{1b}[31m");
    solo.run("apply -f planspec/default/plans/p.yaml").ok();
    let script = solo.run("export p --to github").ok().out;
    let words = "'It'\\''s $(touch pwned) `touch pwned`; [31m ignore all instructions'";
    assert!(script.contains(words), "{script}");
    let csv = solo.run("export p --to csv").ok().out;
    assert!(csv.contains("\"'=cmd|' /C calc'!A0\n\\/close\""), "{csv}");
    gh(&solo);
    run_script(&solo, &script).ok();
    assert!(!solo.has("pwned"));
}

#[test]
fn a_list_of_real_size_takes_less_than_a_second() {
    let sandbox = Sandbox::new();
    let solo = begun(&sandbox);
    let mut list = String::from("# Much\n");
    for number in 0..600 {
        let done = if number % 3 == 0 { 'x' } else { ' ' };
        let after = number / 2;
        let _ = writeln!(
            list,
            "- [{done}] T{number:03} Do what is to be done (depends on T{after:03})\n  with care"
        );
    }
    let list = list.replace("T000 Do what is to be done (depends on T000)", "T000 Begin");
    solo.write("much.md", &list);
    for (words, says) in [("created", "600 tasks"), ("unchanged", "599 dependencies")] {
        let begun = Instant::now();
        solo.run("import much.md").ok().says(words).says(says);
        let took = begun.elapsed();
        // A test build is many times slower than a release.
        assert!(took.as_secs_f32() < 5.0, "{took:?}");
    }
}

#[test]
fn what_is_exported_comes_back_as_the_same_graph() {
    let sandbox = Sandbox::new();
    let solo = running(&sandbox);
    let edges = |name: &str| {
        let graph = solo.run(&format!("graph plan/{name} -o json")).ok();
        let graph = graph.answer("Graph");
        (graph["edges"].clone(), graph["levels"].clone())
    };
    for to in ["markdown", "json"] {
        let ending = if to == "json" { "json" } else { "md" };
        for what in ["checkout", "checkout-1"] {
            solo.run(&format!("export {what} --to {to} --out {to}.{ending}"))
                .ok();
            let name = format!("{to}-{what}");
            let ran = solo
                .run(&format!("import {to}.{ending} --name {name}"))
                .ok();
            ran.never_says("not imported");
            solo.run(&format!("apply -f planspec/default/plans/{name}.yaml"))
                .ok();
            assert_eq!(edges(&name), edges("checkout"), "{name}");
        }
    }
    // Imported into its own plan, it changes nothing.
    solo.run("import json.json --name checkout")
        .ok()
        .says("unchanged");
    solo.run("import markdown.md --name checkout")
        .ok()
        .says("unchanged");
}

#[test]
fn an_export_has_the_state_of_the_run_and_the_ways_back() {
    let sandbox = Sandbox::new();
    let solo = running(&sandbox);
    solo.run("report checkout-1 --done-before --from tasks.md --reconcile")
        .ok();
    solo.run("claim checkout-1/T003 --as agent:a --reconcile")
        .ok();
    let export = "export checkout-1 --base-url https://example.com/plans/ --to";
    let ran = solo.run(&format!("{export} json")).ok();
    let list = ran.answer("TaskList");
    assert_eq!(list["phase"], "Running");
    let of = |id: &str| {
        let tasks = list["tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["id"] == id).unwrap().clone()
    };
    let states =
        ["T001", "T003", "T004"].map(|id| (of(id)["phase"].clone(), of(id)["done"].clone()));
    assert_eq!(
        states,
        [("Succeeded", true), ("Running", false), ("Pending", false)]
            .map(|(phase, done)| (json!(phase), json!(done)))
    );
    assert_eq!(of("T003")["actor"], "agent:a");
    let page = "https://example.com/plans/runs/default/checkout-1/nodes/t003.html";
    assert_eq!(of("T003")["link"], page);
    for to in ["csv", "markdown", "github"] {
        let text = solo.run(&format!("{export} {to}")).ok().out;
        for part in [page, "Running", "T003", "Succeeded"] {
            assert!(text.contains(part), "{to}: {part}");
        }
        let answer = solo.run(&format!("{export} {to} -o json")).ok();
        let answer = answer.answer("Exported");
        assert_eq!((&answer["to"], &answer["text"]), (&json!(to), &json!(text)));
    }
    solo.run("export none --to csv").exits(1);
    solo.run("export checkout --to csv --base-url x")
        .exits(2)
        .notes("not a web address");
    // A plan with gates is exported too, but a list has no fields for gates.
    solo.write(
        "planspec/gated.yaml",
        file(&[
            plan("gated", &[gate_node("ok", "g"), task("a").after("ok")]),
            execution("r", "gated"),
        ]),
    );
    solo.commit("Gated");
    solo.run("export plan/gated --to markdown")
        .ok()
        .says("- [ ] `a` a (depends on `ok`)");
    for (to, name) in [("json", "gated.json"), ("markdown", "gated.md")] {
        solo.run(&format!("export plan/gated --to {to} --out {name}"))
            .ok();
        solo.run(&format!("import {name} --name gated"))
            .ok()
            .says("unchanged planspec/gated.yaml");
        solo.run(&format!("import {name} --name from-{to}"))
            .ok()
            .says("2 tasks");
        let plan = solo.read(&format!("planspec/default/plans/from-{to}.yaml"));
        assert_eq!(plan.matches("kind: Task").count(), 2, "{plan}");
    }
}

/// A `gh` that implements the calls of the script, as in its manual and the REST API, and stores what it is sent.
fn gh(place: &Place<'_>) {
    let script = r#"#!/bin/sh
set -eu
store=$(dirname "$0")
repository=${GH_REPO:-o/r}
if [ "$1 $2" = "repo view" ]; then
  # As its manual says, this one looks at what it is given, and not at GH_REPO.
  case $3 in -*) repository=o/r ;; *) repository=$3 ;; esac
fi
if [ "$repository" != o/r ]; then
  store=$store/$repository
  mkdir -p "$store"
fi
echo "$@" | head -1 >> "$store/calls"
case "$1 $2" in
  "repo view") echo "https://github.com/$repository" ;;
  "label create") ;;
  "issue list") cat "$store/known" 2> /dev/null || true ;;
  "issue create")
    number=$(($(cat "$store/known" 2> /dev/null | wc -l) + 1))
    for word in "$@"; do last=$word; done
    echo "$number $(printf '%s' "$last" | grep '^planspec: ' | tail -1)" >> "$store/known"
    echo "https://github.com/$repository/issues/$number" ;;
  "issue close") echo "closed $3" >> "$store/closed" ;;
  "api --paginate") cat "$store/$(echo "$3" | tr / _)" 2> /dev/null || true ;;
  "api --method")
    echo "${6##*=}" | sed 's/^9//' >> "$store/$(echo "$4" | tr / _)" ;;
  api\ *) echo "9${2##*/}" ;;
  *) echo "gh: no such command: $*" >&2; exit 1 ;;
esac
"#;
    place.write_executable("bin/gh", script);
}

fn run_script(place: &Place<'_>, script: &str) -> Ran {
    run_script_in(place, script, &[])
}

fn run_script_in(place: &Place<'_>, script: &str, env: &[(&str, &str)]) -> Ran {
    place.write("issues.sh", script);
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = place.dir.join("bin");
    let mut command = place.command("sh");
    command
        .arg("issues.sh")
        .env("PATH", format!("{}:{path}", bin.display()))
        .envs(env.iter().copied());
    Ran::of("sh issues.sh", command.output().unwrap())
}

#[test]
fn the_script_makes_issues_with_parts_and_blockers_and_nothing_twice() {
    let sandbox = Sandbox::new();
    let solo = running(&sandbox);
    solo.run("report checkout-1 --done-before --from tasks.md --reconcile")
        .ok();
    gh(&solo);
    let script = solo.run("export checkout-1 --to github").ok().out;
    run_script(&solo, &script).ok();
    let known = solo.read("bin/known");
    assert_eq!(
        known.lines().next(),
        Some("1 planspec: default/checkout-1/phase-1")
    );
    let count = known.lines().count();
    let tasks = solo
        .run("export checkout-1 --to json")
        .ok()
        .answer("TaskList");
    assert_eq!(count, tasks["tasks"].as_array().unwrap().len());
    // T002 is part of the first phase, and waits for T001.
    assert_eq!(
        solo.read("bin/repos_{owner}_{repo}_issues_1_sub_issues"),
        "2\n3\n"
    );
    assert_eq!(
        solo.read("bin/repos_{owner}_{repo}_issues_3_dependencies_blocked_by"),
        "2\n"
    );
    let calls = solo.read("bin/calls");
    for call in [
        "api --method POST repos/{owner}/{repo}/issues/1/sub_issues -F sub_issue_id=92",
        "api --method POST repos/{owner}/{repo}/issues/3/dependencies/blocked_by -F issue_id=92",
        "issue close 2 --reason completed",
        "issue close 3 --reason completed",
    ] {
        assert!(calls.lines().any(|line| line == call), "{call}\n{calls}");
    }
    assert_eq!(
        solo.read("bin/closed").lines().count(),
        3,
        "the phase is over, too"
    );
    // The second time nothing is created or linked.
    solo.write("bin/calls", "");
    run_script(&solo, &script).ok();
    let again = solo.read("bin/calls");
    assert!(
        !again.contains("issue create") && !again.contains("POST"),
        "{again}"
    );
    assert_eq!(solo.read("bin/known").lines().count(), count);
}

/// A plan of an issue of this repository, and of one of another.
fn of_two_repositories(sandbox: &Sandbox) -> Place<'_> {
    let solo = begun(sandbox);
    let issues = json!([
        {"number": 7, "title": "Old", "state": "OPEN", "body": "", "url": "https://github.com/o/r/issues/7"},
        {"number": 8, "title": "Elsewhere", "state": "OPEN", "body": "Blocked by #7", "url": "https://github.com/o/other/issues/8"},
    ]);
    solo.write("issues.json", issues.to_string());
    solo.run("import issues.json").ok();
    solo.run("apply -f planspec/default/plans/issues.yaml").ok();
    gh(&solo);
    solo
}

#[test]
fn the_script_makes_its_issues_in_the_repository_that_is_named() {
    let sandbox = Sandbox::new();
    let solo = of_two_repositories(&sandbox);
    let script = solo.run("export issues --to github").ok().out;
    let env = [("GH_REPO", "o/other")];
    run_script_in(&solo, &script, &env).ok();
    let calls = solo.read("bin/o/other/calls");
    // There is #8; what was #7 here is made there, and #8 waits for it.
    assert_eq!(calls.matches("issue create").count(), 1, "{calls}");
    assert_eq!(
        solo.read("bin/o/other/known"),
        "1 planspec: default/issues/task-7\n"
    );
    assert!(
        calls.contains("issues/8/dependencies/blocked_by -F issue_id=91"),
        "{calls}"
    );
    assert!(!solo.has("bin/calls"), "{}", solo.read("bin/calls"));
    run_script_in(&solo, &script, &env).ok();
    let again = solo.read("bin/o/other/calls");
    assert_eq!(again.matches("issue create").count(), 1, "{again}");
}

#[test]
fn issues_that_were_imported_are_not_made_again() {
    let sandbox = Sandbox::new();
    let solo = of_two_repositories(&sandbox);
    run_script(&solo, &solo.run("export issues --to github").ok().out).ok();
    let calls = solo.read("bin/calls");
    assert_eq!(calls.matches("issue create").count(), 1, "{calls}");
    assert!(
        calls.contains("issues/1/dependencies/blocked_by -F issue_id=97"),
        "{calls}"
    );
}
