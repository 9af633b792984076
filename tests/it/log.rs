//! The revisions of a plan in the history of the spec branch, and the events of an execution in the history of the
//! status branch.

use serde_json::Value;

use crate::documents::GREETING;
use crate::resources::{execution, file, gate, gate_node, plan, plan_with, task};
use crate::sandbox::{Place, Ran, STATUS, Sandbox, text};

/// Returns `change class path` of each revision, newest first.
fn revisions(place: &Place<'_>, args: &str) -> Vec<String> {
    let list = place.run(&format!("log {args} -o json")).ok().json();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let paths = item["paths"].as_array().unwrap().iter().map(text);
            let paths: Vec<String> = paths.collect();
            format!("{} {}", text(&item["change"]), paths.join(","))
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn steps(names: &[&str]) -> String {
    let nodes: Vec<_> = names.iter().map(|name| task(name)).collect();
    plan("p", &nodes)
}

#[test]
fn a_plan_is_followed_through_renamed_files_and_from_file_to_file() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let other = plan("other", &[task("x")]);
    solo.publish("planspec/one.yaml", steps(&["a"]));
    solo.publish("README.md", "Nothing of plans\n");
    solo.publish("planspec/one.yaml", steps(&["a", "b"]));
    // The same plan in a renamed file, in the other format, and in a file with others.
    solo.git("mv planspec/one.yaml planspec/two.yaml");
    solo.commit("Rename");
    solo.publish(
        "planspec/two.yaml",
        format!("# formatted\n{}", steps(&["a", "b"])),
    );
    solo.remove("planspec/two.yaml").publish(
        "planspec/all.yaml",
        file(&[other.clone(), steps(&["a", "b"])]),
    );
    solo.publish("planspec/all.yaml", file(&[other.clone(), steps(&["c"])]));
    solo.publish(
        "planspec/all.yaml",
        file(&[steps(&["c"]), plan("other", &[task("y")])]),
    );
    solo.publish("planspec/all.yaml", "{broken");
    solo.publish("planspec/all.yaml", steps(&["c"]));
    solo.remove("planspec/all.yaml").commit("Remove");
    assert_eq!(
        revisions(&solo, "p"),
        [
            "removed",
            "added planspec/all.yaml",
            "broken",
            "changed planspec/all.yaml",
            "moved planspec/all.yaml",
            "moved planspec/two.yaml",
            "changed planspec/one.yaml",
            "added planspec/one.yaml",
        ]
    );
    assert_eq!(revisions(&solo, "default/p --limit 2").len(), 2);
    assert_eq!(revisions(&solo, "plan/p --ref HEAD~1").len(), 7);
    assert_eq!(revisions(&solo, "other").len(), 3);
    let told = solo.run("log p").ok();
    let rename = solo.git("log --format=%h --abbrev=10 --grep=Rename");
    let line = told
        .out
        .lines()
        .find(|line| line.starts_with(&rename))
        .unwrap();
    assert!(line.contains("Ana"), "{told}");
    assert!(
        line.contains("from planspec/one.yaml to planspec/two.yaml"),
        "{told}"
    );
    assert!(line.contains("2026-01-31T12:00:00Z"), "{told}");
    solo.run("log q").exits(1).notes("no commit has a plan `q`");
    solo.run("log p --ref nowhere").exits(1);
}

#[test]
fn of_a_merge_the_side_that_the_plan_came_from_is_followed() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", steps(&["a"]));
    solo.git("checkout -q -b topic");
    solo.publish("planspec/p.yaml", steps(&["a", "b"]));
    solo.publish("planspec/p.yaml", steps(&["a", "b", "c"]));
    solo.git("checkout -q main");
    sandbox.minutes_pass(1);
    solo.publish("planspec/q.yaml", plan("q", &[task("x")]));
    solo.git("merge -q --no-ff -m Merge topic");
    assert_eq!(
        revisions(&solo, "p"),
        [
            "changed planspec/p.yaml",
            "changed planspec/p.yaml",
            "added planspec/p.yaml"
        ]
    );
    assert_eq!(revisions(&solo, "q"), ["added planspec/q.yaml"]);
}

#[test]
fn revisions_name_the_executions_that_ran_on_them() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/p.yaml",
        file(&[steps(&["a"]), execution("first", "p")]),
    );
    solo.run("reconcile").ok();
    // The file changes, the plan does not: the revision stays the same.
    solo.publish(
        "planspec/p.yaml",
        file(&[
            steps(&["a"]),
            execution("first", "p"),
            execution("second", "p"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.publish(
        "planspec/p.yaml",
        file(&[steps(&["b"]), execution("first", "p")]),
    );
    solo.publish("planspec/third.yaml", execution("third", "p"));
    solo.run("reconcile").ok();
    let list = solo.run("log p -o json").ok().json();
    let names = |item: &Value| -> Vec<String> {
        let runs = item["executions"].as_array().unwrap().iter();
        let mut names: Vec<String> = runs.map(|run| text(&run["name"])).collect();
        names.sort();
        names
    };
    assert_eq!(names(&list["items"][0]), ["third"]);
    assert_eq!(names(&list["items"][1]), ["first", "second"]);
    solo.run("log p").ok().says("third (Running)");
}

/// An ended run with a failure, a comment and an approval.
fn eventful_run(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    let nodes = [
        task("build").with("retries: 1\n"),
        gate_node("ok", "g").after("build"),
    ];
    let all = file(&[
        plan_with("p", "", &nodes),
        gate("g", "p"),
        execution("run", "p"),
    ]);
    ana.publish("planspec/p.yaml", all);
    ana.run("reconcile").ok();
    sandbox.minutes_pass(1);
    ana.run("claim run/build --as agent:a --reconcile").ok();
    ana.run("report run/build --as agent:a --failed -m broken --reconcile")
        .ok();
    sandbox.minutes_pass(60);
    ana.run("reconcile").ok();
    ana.works("run/build", "agent:b");
    ana.run("comment g -m 'who is it for?' --reconcile").ok();
    ana.run("approve g -m well --as user:ben --reconcile").ok();
    ana
}

#[test]
fn what_happened_to_an_execution_with_actors_records_and_signatures() {
    let sandbox = Sandbox::new();
    let ana = eventful_run(&sandbox);
    let told = ana.run("log execution/run").ok();
    let list = ana.run("log execution/run -o json").ok().json();
    let items = list["items"].as_array().unwrap();
    let acts: Vec<String> = items
        .iter()
        .filter(|item| !item["action"].is_null())
        .map(|item| {
            let of = |field: &str| text(&item[field]);
            format!(
                "{} {} {} {}",
                of("node"),
                of("attempt"),
                of("action"),
                of("actor")
            )
        })
        .collect();
    assert_eq!(
        acts,
        [
            "ok 0 approve user:ben",
            "ok 0 comment ana@example.com",
            "build 2 report agent:b",
            "build 2 claim agent:b",
            "build 1 report agent:a",
            "build 1 claim agent:a",
        ],
        "{told}"
    );
    assert_eq!(items[0]["to"], "Succeeded");
    assert_eq!(list["complete"], true);
    assert_eq!(text(&items.last().unwrap()["from"]), "null");
    for item in items {
        assert!(item["signed"].is_null());
        if !item["record"].is_null() {
            ana.git(&format!("cat-file -e {}", text(&item["record"])));
        }
    }
    let approved = told
        .out
        .lines()
        .find(|line| line.contains("approve"))
        .unwrap();
    let record = text(
        &items
            .iter()
            .find(|item| item["action"] == "approve")
            .unwrap()["record"],
    );
    assert!(
        approved.contains(&record[..10]) && approved.contains("none"),
        "{told}"
    );
    assert!(
        approved.contains("Blocked → Succeeded") && approved.contains("well"),
        "{told}"
    );
    let newest = ana.run("log exec/run --limit 1 -o json").ok().json();
    assert_eq!(newest["items"].as_array().unwrap().len(), 1);
    ana.run("log execution/none")
        .exits(1)
        .notes("no execution `none`");
    ana.run("log execution/run --ref HEAD").exits(2);
    // Nothing else has the name.
    assert_eq!(ana.run("log run").ok().out, told.out);
    ana.run("log none")
        .exits(1)
        .notes("no commit has a plan `none`");
}

#[test]
fn a_name_alone_is_enough_where_one_thing_has_it() {
    let sandbox = Sandbox::new();
    let ana = eventful_run(&sandbox);
    let kind =
        |target: &str| text(&ana.run(&format!("log {target} -o json")).ok().json()["resource"]);
    assert_eq!(kind("g"), "Gate");
    assert_eq!(kind("default/run"), "Execution");
    assert_eq!(kind("p"), "Plan");
    // A gate that is called like the plan is not meant; an execution may be.
    ana.publish("planspec/gate.yaml", file(&[gate("p", "p")]));
    assert_eq!(kind("p"), "Plan");
    assert_eq!(kind("gate/p"), "Gate");
    ana.publish("planspec/run.yaml", file(&[execution("p", "p")]));
    ana.run("log p")
        .exits(2)
        .notes("`p` may be `plan/p` or `execution/p`")
        .notes("write KIND/NAME");
    assert_eq!(kind("plan/p"), "Plan");
    assert_eq!(kind("p --ref HEAD"), "Plan");
}

#[test]
fn where_history_ends_early_it_is_said_and_how_to_get_the_rest() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/p.yaml",
        file(&[steps(&["a"]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/a", "agent:a");
    ana.publish(
        "planspec/p.yaml",
        file(&[steps(&["a"]), execution("run", "p")]) + "# x\n",
    );
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ci = sandbox.clone_with("--depth=1 --no-single-branch", &url, "ci");
    let plan = ci
        .run("log p")
        .ok()
        .says("beginning")
        .notes("git fetch --unshallow");
    assert!(!plan.out.contains("added"), "{plan}");
    let list = ci.run("log p -o json").ok().json();
    assert_eq!(list["complete"], false);
    let run = ci.run("log execution/run").ok().says("… → Succeeded");
    let run = run.notes(&format!("git fetch --unshallow origin {STATUS}"));
    // The command in the message works.
    let (_, command) = run.err.split_once("`git ").unwrap();
    let (command, _) = command.split_once('`').unwrap();
    ci.git(command);
    let whole = ci.run("log execution/run").ok();
    assert_eq!(whole.err, "");
    whole.says("(new) → Running").says("report").says("agent:a");
    ci.run("log p").ok().says("added");
}

#[test]
fn a_reader_that_goes_away_and_a_narrow_terminal_are_no_trouble() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", steps(&["a"]));
    let mut command = solo.planspec("log p");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let ran = Ran::of("log p", command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn ten_thousand_commits_are_walked_without_reading_what_does_not_change() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut stream = String::new();
    let mut push = |n: usize, path: &str, content: &str| {
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter Ana <ana@example.com> {} +0000\ndata 1\nx\nM 100644 \
             inline {path}\ndata {}\n{content}\n",
            1_700_000_000 + n,
            content.len()
        ));
    };
    for n in 0..10_000 {
        match n % 1000 {
            7 => push(n, "planspec/p.yaml", &steps(&[&format!("step-{n}")])),
            _ => push(n, &format!("src/{}.txt", n % 50), &n.to_string()),
        }
    }
    solo.git_with("fast-import --quiet", &stream);
    let list = solo.run("log p -o json").ok().json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 10);
    assert_eq!(items[9]["change"], "added");
    assert_eq!(list["complete"], true);
}

#[test]
fn a_document_is_followed_like_a_plan_of_its_own() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let path = "planspec/greeting.planspec.json";
    solo.publish(path, GREETING);
    let other = GREETING.replacen("\"title\": \"", "\"title\": \"Really: ", 1);
    assert_ne!(other, GREETING);
    solo.publish(path, &other);
    solo.remove(path);
    solo.publish("planspec/sub/greeting.planspec.json", &other);
    let list = solo.run("log greeting -o json").ok().json();
    let items = list["items"].as_array().unwrap();
    let told: Vec<String> = items.iter().map(|item| text(&item["change"])).collect();
    assert_eq!(told.len(), 3, "{list}");
    assert_eq!((told[0].as_str(), told[2].as_str()), ("moved", "added"));
    assert!(items[1]["class"].is_string(), "{list}");
}
