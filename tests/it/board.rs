//! The board as pages: what they show, that they stay the same until something changes, and that all content is escaped
//! text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use crate::resources::{
    execution, file, gate_node, gate_with, goal, plan, plan_spec, resource, resource_in, task,
};
use crate::sandbox::{Place, Sandbox, text};

/// Every file below a folder, by its path from there.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root).unwrap();
            let bytes = std::fs::read_to_string(entry.path()).unwrap();
            found.insert(path.to_str().unwrap().to_owned(), bytes);
        }
    }
    found
}

fn site(place: &Place<'_>, name: &str) -> BTreeMap<String, String> {
    files(&place.dir.join(name))
}

/// A run that waits at a gate after a reported task.
fn at_a_gate(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let nodes = [
        task("build").with("name: Build it\ndescription: |\n  Make it.\n  Then look at it.\n"),
        gate_node("ok", "ok").after("build"),
        task("ship").after("ok"),
    ];
    let all = [
        goal("shop"),
        plan("release", &nodes),
        gate_with(
            "ok",
            "release",
            "reviewers: [ana@example.com]\ndescription: May it go?\n",
        ),
        execution("run", "release"),
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    solo.run("claim run/build --as agent:a --reconcile").ok();
    sandbox.minutes_pass(10);
    solo.run("report run/build --as agent:a --succeeded --set where=here --reconcile")
        .ok();
    solo
}

#[test]
fn the_same_repository_gives_the_same_files_and_only_what_changed_is_written() {
    let sandbox = Sandbox::new();
    let solo = at_a_gate(&sandbox);
    let first = solo
        .run("board --out site -o json")
        .ok()
        .answer("BoardWritten");
    let before = site(&solo, "site");
    assert_eq!(text(&first["out"]), "site");
    assert_eq!(first["files"], json!(before.len() - 1));
    assert_eq!(first["written"].as_array().unwrap().len(), before.len() - 1);
    sandbox.minutes_pass(90);
    solo.run("board --out site").ok().says("wrote 0 of ");
    solo.run("board --out other").ok();
    assert_eq!(site(&solo, "other"), before);
    // When another run moves, the pages of this one stay as they are.
    solo.publish("planspec/more.yaml", execution("second", "release"));
    solo.run("reconcile").ok();
    let second = solo
        .run("board --out site -o json")
        .ok()
        .answer("BoardWritten");
    let written: BTreeSet<&str> = second["written"]
        .as_array()
        .unwrap()
        .iter()
        .map(text_of)
        .collect();
    assert!(written.contains("index.html"), "{written:?}");
    assert!(
        written.contains("runs/default/second/index.html"),
        "{written:?}"
    );
    let of_first = written
        .iter()
        .filter(|path| path.starts_with("runs/default/run/"));
    assert_eq!(of_first.count(), 0, "{written:?}");
    // Pages that are no longer written are removed, and nothing else.
    solo.write("site/mine.txt", "mine");
    let third = solo
        .run("board --out site --ended 0 -o json")
        .ok()
        .answer("BoardWritten");
    assert_eq!(third["removed"], json!([]));
    solo.run("cancel second --reconcile").ok();
    let fourth = solo
        .run("board --out site --ended 0 -o json")
        .ok()
        .answer("BoardWritten");
    let removed: BTreeSet<&str> = fourth["removed"]
        .as_array()
        .unwrap()
        .iter()
        .map(text_of)
        .collect();
    assert!(
        removed.contains("runs/default/second/index.html"),
        "{removed:?}"
    );
    assert!(
        removed
            .iter()
            .all(|path| path.starts_with("runs/default/second/")),
        "{removed:?}"
    );
    assert!(!solo.has("site/runs/default/second"));
    assert!(solo.has("site/mine.txt"));
    // There are no links to missing pages.
    let home = solo.read("site/index.html");
    assert!(
        home.contains("second") && !home.contains("runs/default/second"),
        "{home}"
    );
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_folder_of_somebody_else_is_not_written_to() {
    let sandbox = Sandbox::new();
    let solo = at_a_gate(&sandbox);
    solo.write("site/index.html", "mine");
    solo.run("board --out site")
        .exits(3)
        .notes("holds files that planspec did not write")
        .notes("choose an empty or new folder");
    assert_eq!(solo.read("site/index.html"), "mine");
    solo.run("board --out new --base-url javascript:x")
        .exits(2)
        .notes("is not a web address");
    assert!(!solo.has("new"));
    sandbox
        .repository("new")
        .run("board --out site")
        .exits(1)
        .notes("there are no commits yet");
}

#[test]
fn pages_tell_what_the_verbs_tell() {
    let sandbox = Sandbox::new();
    let solo = at_a_gate(&sandbox);
    solo.run("board --out site --base-url https://example.com/board/")
        .ok();
    let home = solo.read("site/index.html");
    let told = solo.run("status").ok().out;
    assert!(home.contains(told.lines().next().unwrap()), "{home}");
    let approve = "planspec approve run/ok -n default";
    assert!(words(&home).contains(approve), "{home}");
    let canonical = "<link rel=\"canonical\" href=\"https://example.com/board/\">";
    assert!(home.contains(canonical), "{home}");
    let run = solo.read("site/runs/default/run/index.html");
    for said in [
        "ok: 0 of 1 approvals",
        "10m at work",
        "Only what is not done",
        "Build it",
    ] {
        assert!(words(&run).contains(said), "{said}: {run}");
    }
    // The gate page shows what an approval covers, with its digest.
    let gate = solo.read("site/runs/default/run/nodes/ok.html");
    let node = solo.node("run/ok");
    let digest = text(&node["extensions"]["decision"]["digest"]);
    let said = [
        "May it go?",
        &digest,
        "ship anybody",
        "build agent:a",
        "where: here",
        "Nobody has said",
    ];
    for said in said {
        assert!(words(&gate).contains(said), "{said}: {}", words(&gate));
    }
    assert!(
        !gate.contains("The digest does not match the content here"),
        "{gate}"
    );
    let node = solo.read("site/runs/default/run/nodes/build.html");
    for said in ["Make it.\nThen look at it.", "waits for this", "agent:a"] {
        assert!(node.contains(said), "{said}: {node}");
    }
    let log = solo.read("site/runs/default/run/log.html");
    for said in [
        "report by agent:a",
        "Running → Succeeded",
        "planspec audit run -n default",
    ] {
        assert!(words(&log).contains(said), "{said}: {log}");
    }
    let plan = solo.read("site/plans/default/release/index.html");
    for said in [
        "planspec start release -n default",
        "Revisions",
        "decided at gate ok",
    ] {
        assert!(words(&plan).contains(said), "{said}: {plan}");
    }
}

/// The text of a page, with a space between elements.
fn words(page: &str) -> String {
    let mut out = String::new();
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let is_inline = [
            "span", "/span", "strong", "/strong", "a ", "/a", "code", "/code", "time", "/time",
        ];
        if !is_inline.iter().any(|inline| tag.starts_with(inline))
            || tag.starts_with("span class=\"phase")
        {
            out.push(' ');
        }
        out.push_str(text);
    }
    let out = out
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&gt;", ">");
    out.split([' '])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn what_is_another_since_an_approval_is_told() {
    let sandbox = Sandbox::new();
    let solo = at_a_gate(&sandbox);
    let seen = text(&solo.node("run/ok")["extensions"]["decision"]["digest"]);
    solo.run("approve run/ok --as ana@example.com -m 'Go on' --reconcile")
        .ok();
    let decided = |solo: &Place<'_>| {
        solo.run("board --out site").ok();
        words(&solo.read("site/runs/default/run/nodes/ok.html"))
    };
    let gate = decided(&solo);
    for said in ["Outcome Approved", "ana@example.com approve", "Go on"] {
        assert!(gate.contains(said), "{said}: {gate}");
    }
    assert!(!gate.contains("Since the last approval"), "{gate}");
    // The approved task runs again, with another result.
    solo.run("retry run/build --again --reconcile").ok();
    solo.run("claim run/build --as agent:b").ok();
    solo.run("report run/build --as agent:b --succeeded --set where=there --reconcile")
        .ok();
    let gate = decided(&solo);
    for said in [
        "Since the last approval ana@example.com approved",
        "build was reported again, by agent:b",
        "build.where: \"there\", and was \"here\"",
        "approve (for something else)",
    ] {
        assert!(gate.contains(said), "{said}: {gate}");
    }
    // An approval of the older state has no effect; the command on the page names the current one.
    solo.run(&format!(
        "approve run/ok --as ana@example.com --digest {seen}"
    ))
    .exits(9)
    .notes("has changed");
    solo.run("approve run/ok --as ana@example.com --digest abc")
        .exits(2)
        .notes("too short");
    let (_, shown) = gate.split_once("planspec approve ").unwrap();
    let arguments = shown.split(" Copy").next().unwrap();
    assert!(arguments.contains("--digest"), "{gate}");
    solo.run(&format!("approve {arguments} --reconcile")).ok();
    assert!(decided(&solo).contains("Outcome Approved"));
}

/// Markup in places that take text, control characters, and links that are not web addresses.
const EVIL: &str = "</title></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}&lt; javascript:alert(1)";

fn hostile(sandbox: &Sandbox) -> Place<'_> {
    let evil = json!(EVIL);
    let solo = sandbox.repository("solo");
    let task_of = |id: &str| {
        task(id).with(&format!(
            "name: {evil}\ndescription: {evil}\ninputs: {{given: {evil}, link: \"javascript:alert(1)\", more: {{deep: {evil}}}}}\n\
             context:\n  - {{name: {evil}, format: text, content: {evil}}}\n  - {{format: uri-list, uris: [\"https://example.com/a?b=%3Cc\"]}}\n\
             acceptanceCriteria:\n  - {{type: artifact_exists, name: {evil}, description: {evil}, path: README.md, required: false}}\n"
        ))
    };
    let nodes = [
        task_of("one"),
        gate_node("ok", "ok").after("one"),
        task("two").after("ok"),
    ];
    let mut plan = plan("p", &nodes);
    plan = plan.replace(
        "description: How it is done",
        &format!("description: {evil}"),
    );
    plan = plan.replace(
        "  namespace: default\nspec",
        "  namespace: default\n  labels: {a: b}\nspec",
    );
    let all = [
        plan,
        resource("Goal", "g", &format!("description: {evil}\n")),
        gate_with("ok", "p", &format!("description: {evil}\n")),
        format!(
            "{}  parameters: {{region: {evil}}}\n",
            execution("run", "p")
        ),
    ];
    solo.write("planspec/all.yaml", file(&all));
    solo.git("add -A");
    let mut commit = solo.command("git");
    commit.args(["commit", "-q", "-m", EVIL]);
    commit.env("GIT_AUTHOR_NAME", "Mallory & Sons");
    assert!(commit.status().unwrap().success());
    solo.run("reconcile").ok();
    let shell = |program: &mut std::process::Command| {
        let ran = program.output().unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    };
    let actor = "agent:<i>x";
    shell(solo.planspec("claim run/one").args(["--as", actor]));
    shell(solo.planspec("ask run/one").args([
        EVIL.replace('\u{202e}', "").as_str(),
        "--as",
        actor,
    ]));
    solo.run("reconcile").ok();
    shell(solo.planspec("answer run/one").args([
        EVIL.replace('\u{202e}', "").as_str(),
        "--as",
        "ana@example.com",
    ]));
    solo.run("reconcile").ok();
    shell(solo.planspec("report run/one --succeeded").args([
        "--as",
        actor,
        "-m",
        EVIL,
        "--set",
        &format!("out={EVIL}"),
        "--set",
        "page=https://example.com/\"onmouseover='x'",
    ]));
    solo.run("reconcile").ok();
    shell(
        solo.planspec("comment run/ok")
            .args(["--as", "ana@example.com", "-m", EVIL]),
    );
    solo.run("reconcile").ok();
    solo
}

/// Checks that a page holds only markup of this program. Returns what is wrong.
fn faults(path: &str, page: &str, all: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    let unseen = |c: char| {
        ('\u{202a}'..='\u{202e}').contains(&c) || (c.is_control() && c != '\n' && c != '\t')
    };
    found.extend(
        page.chars()
            .filter(|c| unseen(*c))
            .map(|c| format!("{path}: {c:?}")),
    );
    for part in page.split('<').skip(1) {
        let Some((tag, _)) = part.split_once('>') else {
            found.push(format!("{path}: a tag without an end: {part}"));
            continue;
        };
        let name = tag.split(' ').next().unwrap();
        let known = name
            .trim_start_matches('/')
            .chars()
            .all(|c| c.is_ascii_alphanumeric());
        if !known && name != "!doctype" {
            found.push(format!("{path}: <{tag}>"));
        }
        if ["img", "iframe", "object", "form", "style", "base", "b", "i"].contains(&name) {
            found.push(format!("{path}: <{tag}>"));
        }
        if name == "script" && !tag.contains("src=\"") {
            found.push(format!("{path}: a script of its own"));
        }
        // Values are quoted and hold no quote, so the text outside of quotes is names.
        let names: String = tag.split('"').step_by(2).collect();
        let names: Vec<&str> = names.split_whitespace().skip(1).collect();
        for name in &names {
            let name = name.trim_end_matches('=');
            if name.starts_with("on") || name == "style" || name.contains('\'') {
                found.push(format!("{path}: attribute {name} in <{tag}>"));
            }
        }
        if let Some((_, rest)) = tag.split_once(" id=\"") {
            let id = rest.split('"').next().unwrap();
            if !ids.insert(id.to_owned()) {
                found.push(format!("{path}: two of the id {id}"));
            }
        }
        if let Some((_, rest)) = tag.split_once("href=\"") {
            let href = rest.split('"').next().unwrap();
            found.extend(fault_of_link(path, href, all));
        }
    }
    found
}

/// Checks that a link leads to an existing page and anchor, or to the web.
fn fault_of_link(path: &str, href: &str, all: &BTreeMap<String, String>) -> Option<String> {
    if ["https://", "http://", "data:,"]
        .iter()
        .any(|scheme| href.starts_with(scheme))
    {
        return None;
    }
    let (to, anchor) = href.split_once('#').unwrap_or((href, ""));
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in to.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let target = if to.is_empty() {
        path.to_owned()
    } else {
        parts.join("/")
    };
    match all.get(&target) {
        None => Some(format!("{path}: {href} leads nowhere")),
        Some(page) if !anchor.is_empty() && !page.contains(&format!(" id=\"{anchor}\"")) => {
            Some(format!("{path}: there is no {href}"))
        }
        Some(_) => None,
    }
}

#[test]
fn what_people_wrote_is_text_and_every_link_leads_somewhere() {
    let sandbox = Sandbox::new();
    let solo = hostile(&sandbox);
    solo.run("board --out site").ok();
    let all = site(&solo, "site");
    let mut seen = 0;
    for (path, page) in all.iter().filter(|(path, _)| path.ends_with(".html")) {
        let faults = faults(path, page, &all);
        assert!(faults.is_empty(), "{faults:#?}");
        seen += page.matches("&lt;script&gt;alert(1)").count();
        for href in page.split("href=\"").skip(1) {
            assert!(!href.starts_with("javascript:"), "{path}: {href}");
        }
    }
    // It is all there, as text, and control characters are visible.
    assert!(seen > 20, "{seen}");
    let node = &all["runs/default/run/nodes/one.html"];
    for said in [
        "\\u{202e}",
        "agent:&lt;i&gt;x",
        "<a href=\"https://example.com/a?b=%3Cc\"",
    ] {
        assert!(node.contains(said), "{said}: {node}");
    }
    let quoted = "href=\"https://example.com/&quot;onmouseover=&#39;x&#39;\"";
    assert!(node.contains(quoted), "{node}");
    let plan = &all["plans/default/p/index.html"];
    assert!(plan.contains("Mallory &amp; Sons"), "{plan}");
}

#[test]
fn the_fault_finder_finds_faults() {
    let all = BTreeMap::from([("a.html".to_owned(), "<p id=\"x\">".to_owned())]);
    for page in [
        "<img src=\"x\">",
        "<p onclick=\"x\">",
        "<p style=\"x\">",
        "<script>x</script>",
        "<p id=\"a\"><p id=\"a\">",
        "<a href=\"javascript:x\">",
        "<a href=\"b.html\">",
        "<a href=\"a.html#y\">",
        "<p>\u{202e}",
        "<p",
    ] {
        assert!(!faults("a.html", page, &all).is_empty(), "{page}");
    }
    assert!(faults("a.html", "<a href=\"a.html#x\">&lt;</a>", &all).is_empty());
}

#[test]
fn many_nodes_are_counted_by_stages_and_groups_are_folded() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let mut nodes = vec![task("first")];
    nodes.extend((0..300).map(|i| task(&format!("n{i}")).after("first")));
    let group = resource(
        "Plan",
        "small",
        "description: x\ngraph:\n  nodes:\n  - {id: a, kind: Task}\n  - {id: b, kind: Task}\n  - {id: both, kind: Group, children: [a, b]}\n",
    );
    let mut chain = vec![task("c0")];
    chain.extend((1..310).map(|i| task(&format!("c{i}")).after(&format!("c{}", i - 1))));
    let runs = ["large", "small", "long"].map(|name| execution(name, name));
    let all = [
        plan("large", &nodes),
        plan("long", &chain),
        group,
        runs.join("---\n"),
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    solo.run("board --out site").ok();
    let pages = site(&solo, "site");
    let large = &pages["runs/default/large/index.html"];
    assert!(
        words(large).contains("Stage 2 300 nodes 300 ○ Pending"),
        "{}",
        words(large)
    );
    assert!(!large.contains("class=\"scroll graph\""));
    let long = &pages["runs/default/long/index.html"];
    assert!(words(long).contains("110 more stages"), "{}", words(long));
    let small = &pages["runs/default/small/index.html"];
    assert!(words(small).contains("Group both: 0 of 2 done"), "{small}");
    assert!(small.contains("<details class=\"fold\" open>"), "{small}");
    for (path, page) in pages.iter().filter(|(path, _)| path.ends_with(".html")) {
        let faults = faults(path, page, &pages);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn what_has_not_begun_and_what_is_not_reconciled_has_pages_too() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let all = [
        plan("p", &[task("one")]),
        execution("run", "p"),
        execution("early", "nowhere"),
        resource_in("team", "Plan", "p", &plan_spec("", &[task("other")])),
        resource_in("team", "Execution", "run", "planRef: {name: p}\n"),
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("board --out site").ok();
    let home = solo.read("site/index.html");
    for said in ["Nothing has been reconciled yet.", "planspec reconcile"] {
        assert!(words(&home).contains(said), "{said}: {home}");
    }
    assert!(!solo.has("site/runs/default"));
    solo.run("reconcile").ok();
    solo.run("board --out site").ok();
    let pages = site(&solo, "site");
    let early = words(&pages["runs/default/early/index.html"]);
    assert!(early.contains("early ○ Pending"), "{early}");
    assert!(early.contains("nowhere"), "{early}");
    for (run, node) in [("default", "one"), ("team", "other")] {
        let page = &pages[&format!("runs/{run}/run/index.html")];
        assert!(page.contains(&format!("nodes/{node}.html")), "{page}");
        assert!(pages.contains_key(&format!("runs/{run}/run/nodes/{node}.html")));
    }
    for (path, page) in pages.iter().filter(|(path, _)| path.ends_with(".html")) {
        let faults = faults(path, page, &pages);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn a_document_is_part_of_the_page_of_its_plan() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/document/planspec");
    for (path, text) in files(&root) {
        solo.write(&format!("planspec/{path}"), text);
    }
    solo.commit("A document");
    solo.run("reconcile").ok();
    solo.run("board --out site").ok();
    let pages = site(&solo, "site");
    let of_document = pages.iter().filter(|(path, page)| {
        path.starts_with("plans/") && page.contains("<h2 id=\"intent\">Intent</h2>")
    });
    let of_document: Vec<_> = of_document.collect();
    assert!(!of_document.is_empty(), "{:?}", pages.keys());
    for (path, page) in of_document {
        for title in [
            "Scope",
            "Approach",
            "Success criteria and constraints",
            "Risks",
        ] {
            assert!(page.contains(&format!(">{title}</h2>")), "{path}: {title}");
        }
        let faults = faults(path, page, &pages);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn what_a_commit_changed_in_a_plan_is_told_and_what_an_audit_says() {
    let sandbox = Sandbox::new();
    let solo = at_a_gate(&sandbox);
    let before = solo.read("planspec/all.yaml");
    let after = before.replace("Make it.\n", "Make it, and <b>carefully</b>.\n");
    let after = after.replace(
        "Then look at it.",
        "Then look at it twice, or ask somebody.",
    );
    assert_ne!(after, before);
    solo.publish(
        "planspec/all.yaml",
        after.replace("[ana@example.com]", "[]"),
    );
    solo.run("board --out site --audit").ok();
    let pages = site(&solo, "site");
    let commit = solo.git("rev-parse HEAD");
    let page = &pages[&format!("plans/default/release/revisions/{}.html", commit.trim())];
    for said in [
        "Class minor; changes that need attention: 2.",
        "node build: description needs attention: the worker is told something else",
        "reviewers needs attention: anybody may decide ana@example.com nothing",
        "--plan release -n default",
    ] {
        assert!(words(page).contains(said), "{said}: {}", words(page));
    }
    assert!(page.contains("&lt;b&gt;carefully&lt;/b&gt;"), "{page}");
    let plan = &pages["plans/default/release/index.html"];
    assert!(
        plan.contains(&format!("revisions/{}.html", commit.trim())),
        "{plan}"
    );
    let log = &pages["runs/default/run/log.html"];
    let audited =
        "Audited: 3 of 3 status commits that say something of this run follow from what they cite.";
    assert!(words(log).contains(audited), "{}", words(log));
    for (path, page) in pages.iter().filter(|(path, _)| path.ends_with(".html")) {
        let faults = faults(path, page, &pages);
        assert!(faults.is_empty(), "{faults:#?}");
    }
    // The audit runs only on request.
    solo.run("board --out site").ok();
    assert!(
        !solo
            .read("site/runs/default/run/log.html")
            .contains("Audited:")
    );
}

#[test]
fn the_end_of_a_log_is_told_and_no_remote_is_asked() {
    let sandbox = Sandbox::new();
    let script = "i=0; while [ $i -lt 2000 ]; do echo \"line $i <b>\"; i=$((i+1)); done";
    let ana = crate::work::started(&sandbox, "", &[("one", "", crate::work::shell(script))]);
    crate::work::work(&sandbox, &ana, "--once").ok();
    ana.run("reconcile").ok();
    ana.git("remote set-url origin /nowhere");
    ana.run("board --out site").ok();
    let page = ana.read("site/runs/default/run/nodes/one.html");
    for said in [
        "the end of the log of attempt 1",
        "line 1999 &lt;b&gt;",
        "planspec logs run/one",
    ] {
        assert!(
            page.replace("<span>", "")
                .replace("</span>", "")
                .contains(said),
            "{said}: {page}"
        );
    }
    assert!(!page.contains("line 100 "), "{page}");
    let first = page.split("<pre tabindex=\"0\">").nth(1).unwrap();
    assert!(first.starts_with("line "), "{first}");
    // In a clone without the log, no page mentions one.
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("", &url, "ben");
    ben.git("fetch -q origin +planspec/status:refs/remotes/origin/planspec/status");
    ben.run("board --out site").ok();
    let page = ben.read("site/runs/default/run/nodes/one.html");
    assert!(
        page.contains("Succeeded") && !page.contains("line 1999"),
        "{page}"
    );
}
