//! Lists of trackers, what is read from them, and the plans made from them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::export::{Exported, items, markdown, table};
use super::plan::{self, Merged};
use super::*;
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{GraphSpec, NodePhase, NodeStatus};
use crate::core::text::yaml;

const SPEC_KIT: &str = "\
---
description: \"Tasks\"
---
# Tasks: Albums

## Format: `[ID] [P?] [Story] Description`

- **[P]**: can run beside others

<!-- - [ ] T000 only an example
-->

## Phase 1: Setup

- [x] T001 Create the project
- [x] T002 [P] Choose a linter
- [ ] T003 [P] Choose a formatter

## Phase 2: Foundation (blocks all stories)

- [ ] T004 Set up the database

## Phase 3: User Story 1 - Albums (Priority: P1)

### Tests for User Story 1

- [ ] T005 [P] [US1] Contract test
- [ ] T006 [P] [US1] Integration test

### Implementation for User Story 1

- [ ] T007 [P] [US1] Model of an album in src/album.rs
- [ ] T008 [P] [US1] Model of a photo
- [ ] T009 [US1] Service (depends on T007, T008)

## Phase 4: User Story 2

- [ ] T010 [US2] Sharing (depends on T009)

## Phase N: Polish

- [ ] T011 [P] Documentation

## Notes

- [P] tasks = may run at the same time

## Dependencies & Execution Order

- **User Story 1**: after Foundation

```bash
- [ ] T012 no task
```
";

fn read_as(name: &str, text: &str) -> TaskList {
    read(
        text.as_bytes(),
        Reading {
            name,
            ..Reading::default()
        },
    )
    .unwrap()
}

fn settled_as(name: &str, text: &str) -> TaskList {
    settled(read_as(name, text), STRICTLY).unwrap()
}

const STRICTLY: Settling = Settling {
    most: 1000,
    is_lenient: false,
};

/// The dependencies of each task that has some.
fn waits(list: &TaskList) -> Vec<String> {
    let waiting = list.tasks.iter().filter(|task| !task.after.is_empty());
    let lines = waiting.map(|task| {
        let ids: Vec<&str> = task.after.iter().map(|link| link.id.as_str()).collect();
        format!("{} < {}", task.id, ids.join(" "))
    });
    lines.collect()
}

fn parts(list: &TaskList) -> Vec<String> {
    let parts = list.tasks.iter();
    let parts = parts.filter_map(|task| Some(format!("{} in {}", task.id, task.parent.as_ref()?)));
    parts.collect()
}

fn unread(list: &TaskList) -> Vec<String> {
    let lines = list.unread.iter();
    lines
        .map(|unread| format!("{}: {}", unread.line, unread.what))
        .collect()
}

fn refused(name: &str, text: &str) -> (Option<usize>, String) {
    let how = Reading {
        name,
        ..Reading::default()
    };
    let refused = read(text.as_bytes(), how)
        .and_then(|list| settled(list, STRICTLY))
        .unwrap_err();
    (refused.line, refused.why)
}

fn made(list: &TaskList) -> Merged {
    plan::merged(list, &Value::Null, false)
}

fn graph_of(merged: &Merged) -> GraphSpec {
    let nodes: Vec<&Value> = merged.nodes.iter().map(|(_, node)| node).collect();
    serde_json::from_value(json!({"nodes": nodes, "edges": merged.edges})).unwrap()
}

#[test]
fn the_phases_and_marks_of_spec_kit_are_an_order() {
    let list = settled_as("tasks.md", SPEC_KIT);
    assert_eq!(list.format, Format::SpecKit);
    assert_eq!(list.title.as_deref(), Some("Tasks: Albums"));
    assert_eq!(
        waits(&list),
        [
            "T002 < T001",
            "T003 < T001",
            "T004 < Phase 1",
            "T005 < Phase 2",
            "T006 < Phase 2",
            "T007 < Tests for User Story 1",
            "T008 < Tests for User Story 1",
            "T009 < T007 T008",
            // A dependency on another phase is added to those of its own phase.
            "T010 < Phase 2 T009",
            "T011 < Phase 3 Phase 4",
        ]
    );
    assert!(parts(&list).contains(&"Tests for User Story 1 in Phase 3".to_owned()));
    let done: Vec<&str> = plan::done(&list)
        .iter()
        .map(|task| task.id.as_str())
        .collect();
    assert_eq!(done, ["T001", "T002"]);
    let lines: Vec<usize> = list
        .tasks
        .iter()
        .filter(|task| !task.is_heading)
        .map(|task| task.line)
        .collect();
    assert_eq!(lines.get(..2), Some([15, 16].as_slice()));
    assert_eq!(unread(&list), [""; 0]);
    assert!(Graph::build(&graph_of(&made(&list))).is_ok());
}

#[test]
fn a_checklist_is_nested_and_what_is_no_task_is_told() {
    let text = "\
# Release

Before we begin.

- [x] Write the notes
* [ ] Build
  with every target,
  depends on: Write

  ```
  - [ ] no task
  ```
  1. [ ] Linux
  2. [X] macOS
\t- [ ] notarise (after #7)
- [-] Windows
+ [ ] ABC-7: Publish (blocked by ABC-6)
- [ ] ABC-6: Tag
- []  broken
- [ ]glued
- [y] what
- [ ]
- [a link](https://example.com)
- [ ] Build
- [P] Glue
";
    let list = settled_as("release.md", text);
    assert_eq!(list.format, Format::Markdown);
    assert_eq!(
        parts(&list),
        ["Linux in Build", "macOS in Build", "notarise in macOS"]
    );
    assert_eq!(waits(&list), ["ABC-7 < ABC-6"]);
    let ids: Vec<&str> = list.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids.last(), Some(&"Build (2)"));
    let build = list.tasks.iter().find(|task| task.id == "Build").unwrap();
    assert_eq!(
        build.description,
        "with every target,\ndepends on: Write\n\n```\n- [ ] no task\n```"
    );
    assert_eq!(
        unread(&list),
        [
            "15: `notarise` waits for `7`, which is not in the list",
            "16: `Windows` is cancelled, so it is left out",
            "19: a task begins with `- [ ]`, with a space between the brackets",
            "20: a task is written `- [ ] text`, with spaces around the brackets",
            "21: `[y]` is neither open (`[ ]`), done (`[x]`) nor cancelled (`[-]`)",
            "22: a task without text",
            "25: `[P]` is neither open (`[ ]`), done (`[x]`) nor cancelled (`[-]`)",
        ]
    );
}

#[test]
fn numbers_and_keys_before_a_task_are_its_id_and_words_are_not() {
    for (line, id) in [
        ("- [ ] T001 Build", "T001"),
        ("- [ ] **T001**: Build", "T001"),
        ("- [ ] [ABC-12] Build", "ABC-12"),
        ("- [ ] ABC-12: Build", "ABC-12"),
        ("- [ ] #12 Build", "12"),
        ("- [ ] 1.2 Build", "1.2"),
        ("- [ ] 3. Build", "3"),
        ("- [ ] 3 builds", "3 builds"),
        ("- [ ] UTF-8 everywhere", "UTF-8 everywhere"),
        ("- [ ] Build", "Build"),
        ("- [ ] T001", "T001"),
        ("- [ ]* 2.3 Test", "2.3"),
        ("---\n- [ ] Below a rule", "Below a rule"),
    ] {
        let list = read_as("x.md", line);
        assert_eq!(
            list.tasks.first().map(|task| task.id.as_str()),
            Some(id),
            "{line}"
        );
    }
}

#[test]
fn task_master_has_parts_and_tags() {
    let text = r#"{
  "master": {
    "tasks": [
      {"id": 1, "title": "Init", "description": "Make it", "status": "done", "dependencies": [], "priority": "high",
       "details": "With care", "testStrategy": "Look at it", "subtasks": []},
      {"id": 2, "title": "Auth", "status": "pending", "dependencies": [1, 9],
       "subtasks": [
         {"id": 1, "title": "Client", "status": "done", "dependencies": []},
         {"id": 2, "title": "Callback", "status": "pending", "dependencies": [1, "1"]},
         {"id": 3, "title": "Dropped", "status": "cancelled", "dependencies": []},
         {"title": "Nameless"}
       ]}
    ],
    "metadata": {"created": "2026-01-31"}
  },
  "spike": {"tasks": [{"id": 1, "title": "Try", "status": "pending"}]}
}"#;
    let list = settled_as("tasks.json", text);
    assert_eq!(list.format, Format::TaskMaster);
    assert_eq!(waits(&list), ["2.1 < 1", "2.2 < 2.1"]);
    assert_eq!(parts(&list), ["2.1 in 2", "2.2 in 2"]);
    assert_eq!(
        unread(&list),
        [
            "6: `2` waits for `9`, which is not in the list",
            "10: `2.3` is cancelled, so it is left out",
            "11: an entry without id",
            "16: tag `spike` with 1 tasks: `--tag spike` imports it",
        ]
    );
    let merged = made(&list);
    let first = &merged.nodes.first().unwrap().1;
    assert_eq!(first["id"], "task-1");
    assert_eq!(
        first["context"][0],
        json!({"name": "details", "format": "markdown", "content": "With care"})
    );
    assert_eq!(merged.ids["2.1"], "task-2-1");
    let how = |tag| Reading {
        name: "tasks.json",
        format: None,
        tag,
    };
    assert_eq!(
        read(text.as_bytes(), how(Some("spike")))
            .unwrap()
            .tasks
            .len(),
        1
    );
    let error = read(text.as_bytes(), how(Some("none"))).unwrap_err();
    assert_eq!(error.help, "name one with --tag: `master`, `spike`");
    // The format before tags.
    let old = r#"{"tasks": [{"id": 1, "title": "Init"}], "metadata": {}}"#;
    assert_eq!(read_as("tasks.json", old).tasks.len(), 1);
}

#[test]
fn beads_are_one_a_line() {
    let text = r#"{"id":"bd-e1","title":"Epic","status":"open","issue_type":"epic","priority":1}
{"id":"bd-a","title":"First","status":"closed","dependencies":[{"issue_id":"bd-a","depends_on_id":"bd-e1","type":"parent-child"}]}
{"id":"bd-b","title":"Second","status":"in_progress","design":"So","assignee":"ana","labels":["api"],"dependencies":[{"issue_id":"bd-b","depends_on_id":"bd-a","type":"blocks"},{"issue_id":"bd-b","depends_on_id":"bd-e1","type":"parent-child"},{"issue_id":"bd-b","depends_on_id":"bd-c","type":"related"}]}
{"id":"bd-c","title":"Gone","status":"tombstone"}
{"id":"bd-d" broken
"#;
    let list = settled_as("issues.jsonl", text);
    assert_eq!(list.format, Format::Beads);
    assert_eq!(waits(&list), ["bd-b < bd-a"]);
    assert_eq!(parts(&list), ["bd-a in bd-e1", "bd-b in bd-e1"]);
    assert_eq!(
        unread(&list),
        [
            "4: `bd-c` is cancelled, so it is left out",
            "5: it cannot be read: expected `,` or `}`",
        ]
    );
    let second = &made(&list).nodes[2].1;
    assert_eq!(second["id"], "bd-b");
    let origin = json!({"id": "bd-b", "labels": ["api"], "assignees": ["ana"]});
    assert_eq!(second["context"][1]["content"], origin);
}

#[test]
fn what_is_held_back_in_a_list_and_not_in_the_plan_is_told() {
    let text = r#"{"id":"kb-1","title":"Order flour","status":"deferred"}
{"id":"kb-2","title":"Knead","status":"blocked","dependencies":[{"depends_on_id":"kb-4","type":"blocks"}]}
{"id":"kb-3","title":"Bake","status":"blocked","dependencies":[{"depends_on_id":"kb-5","type":"blocks"}]}
{"id":"kb-4","title":"Weigh","status":"open"}
{"id":"kb-5","title":"Heat","status":"closed"}
"#;
    let list = settled_as("issues.jsonl", text);
    assert_eq!(list.tasks.len(), 5);
    assert_eq!(
        unread(&list),
        [
            "1: `kb-1` is deferred in the list, but not in the plan: it can be claimed when its turn comes",
            "3: `kb-3` is blocked in the list, which does not say by which open task: it can be claimed when its turn comes",
        ]
    );
    let table = "Key,Summary,Status\nA-1,Order flour,On Hold\nA-2,Knead,In Progress\n";
    assert_eq!(
        unread(&settled_as("issues.csv", table)),
        [
            "2: `A-1` is deferred in the list, but not in the plan: it can be claimed when its turn comes"
        ]
    );
}

#[test]
fn issues_of_github_name_what_blocks_them_and_what_they_are_parts_of() {
    let text = r##"[
  {"number": 7, "title": "Release", "state": "OPEN", "body": "All of it:\r\n- [ ] #8\r\n- [x] #9", "labels": [{"name": "epic"}],
   "assignees": [{"login": "ana"}], "url": "https://github.com/o/r/issues/7"},
  {"number": 8, "title": "Docs", "state": "OPEN", "body": "Blocked by #9 and #10.", "blockedBy": {"nodes": [{"number": 11}], "totalCount": 1}},
  {"number": 9, "title": "Build", "state": "CLOSED", "stateReason": "COMPLETED", "body": ""},
  {"number": 10, "title": "Never", "state": "CLOSED", "stateReason": "NOT_PLANNED", "body": ""},
  {"number": 11, "title": "Sub", "state": "open", "body": null, "parent": {"number": 7}},
  {"number": 12, "title": "A change", "state": "open", "pull_request": {"url": "x"}}
]"##;
    let list = settled_as("issues.json", text);
    assert_eq!(list.format, Format::Github);
    assert_eq!(waits(&list), ["8 < 11 9"]);
    assert_eq!(parts(&list), ["8 in 7", "9 in 7", "11 in 7"]);
    assert_eq!(
        unread(&list),
        [
            "6: `10` is cancelled, so it is left out",
            "8: #12 is a pull request"
        ]
    );
    let release = &made(&list).nodes[0].1;
    assert_eq!(release["kind"], "Group");
    assert_eq!(
        release["context"][0]["content"]["url"],
        "https://github.com/o/r/issues/7"
    );
}

#[test]
fn tables_are_known_by_their_headers() {
    let jira = "\
Summary,Issue key,Issue id,Status,Parent,Inward issue link (Blocks),Inward issue link (Blocks),Outward issue link (Blocks),Description
Epic,A-1,10001,To Do,,,,,
First,A-2,10002,Done,10001,,,A-4,\"two
lines\"
Second,A-3,10003,To Do,10001,A-2,A-9,,
Third,A-4,10004,Won't Do,,,,,
,A-5,10005,To Do,,,,,
Many,A-6,10006,To Do,,,,,,x,y
";
    let list = settled_as("jira.csv", jira);
    assert_eq!(waits(&list), ["A-3 < A-2"]);
    assert_eq!(parts(&list), ["A-2 in A-1", "A-3 in A-1"]);
    assert_eq!(
        unread(&list),
        [
            "5: `A-3` waits for `A-9`, which is not in the list",
            "6: `A-4` is cancelled, so it is left out",
            "7: a row without a title",
            "8: the row has 11 cells, and the first line 9",
        ]
    );
    // An export of GitLab.
    let gitlab = "Issue ID,URL,Title,State,Description\n3,https://gitlab.example/g/p/-/issues/3,Build,Closed,So\n";
    let list = settled_as("export", gitlab);
    let task = list.tasks.first().unwrap();
    assert_eq!((task.id.as_str(), task.state), ("3", State::Done));
    assert_eq!(
        task.url.as_deref(),
        Some("https://gitlab.example/g/p/-/issues/3")
    );
    let (line, why) = refused("x.csv", "a,b\n1,2\n");
    assert_eq!(
        (line, why.as_str()),
        (Some(1), "the table has no column of titles")
    );
}

#[test]
fn what_makes_no_graph_is_refused_with_its_lines() {
    let jsonl = |lines: &[&str]| lines.join("\n");
    let circle = jsonl(&[
        r#"{"id":"a","title":"A","dependencies":[{"depends_on_id":"c","type":"blocks"}]}"#,
        r#"{"id":"b","title":"B","dependencies":[{"depends_on_id":"a","type":"blocks"}]}"#,
        r#"{"id":"c","title":"C","dependencies":[{"depends_on_id":"b","type":"blocks"}]}"#,
    ]);
    let (line, why) = refused("x.jsonl", &circle);
    assert_eq!(line, Some(1));
    assert_eq!(
        why,
        "tasks wait for each other: `a` (line 1), `c` (line 3), `b` (line 2)"
    );
    let own = r#"{"id":"a","title":"A","dependencies":[{"depends_on_id":"a","type":"blocks"}]}"#;
    assert_eq!(refused("x.jsonl", own).1, "`a` (line 1) waits for itself");
    let parents = jsonl(&[
        r#"{"id":"a","title":"A","dependencies":[{"depends_on_id":"b","type":"parent-child"}]}"#,
        r#"{"id":"b","title":"B","dependencies":[{"depends_on_id":"a","type":"parent-child"}]}"#,
    ]);
    assert_eq!(
        refused("x.jsonl", &parents).1,
        "tasks are parts of each other: `a` (line 1), `b` (line 2)"
    );
    // A group is over when its children are: none of them can wait for a node that waits for the group.
    let through = jsonl(&[
        r#"{"id":"g","title":"G"}"#,
        r#"{"id":"x","title":"X","dependencies":[{"depends_on_id":"g","type":"blocks"}]}"#,
        r#"{"id":"p","title":"P","dependencies":[{"depends_on_id":"g","type":"parent-child"},{"depends_on_id":"x","type":"blocks"}]}"#,
    ]);
    assert!(
        refused("x.jsonl", &through)
            .1
            .starts_with("tasks wait for each other")
    );
    let twice = "- [ ] T001 a\n- [ ] T001 b\n";
    assert_eq!(
        refused("x.md", twice),
        (
            Some(2),
            "id `T001` appears twice, first in line 1".to_owned()
        )
    );
    let many: String = (0..1001)
        .map(|number| format!("- [ ] task\n- [ ] task {number}\n"))
        .collect();
    assert_eq!(refused("x.md", &many).0, Some(1001));
    for (name, text, line) in [
        ("x.md", "", None),
        ("x.md", "Nothing here\n", None),
        ("x.json", "{\"tasks\": [", Some(1)),
        ("x.json", "{}", None),
        ("x.jsonl", "nonsense\n", Some(1)),
    ] {
        assert_eq!(refused(name, text).0, line, "{text}");
    }
    let deep = format!("[{{\"number\":1,\"title\":{}", "[".repeat(100_000));
    assert_eq!(refused("x.json", &deep).0, Some(1));
    for (bytes, line) in [
        (b"\xff\xfe-\0".as_slice(), 1),
        (b"- [ ] a\n- [ ] b\xe4\n".as_slice(), 2),
    ] {
        assert_eq!(
            read(bytes, Reading::default()).unwrap_err().line,
            Some(line)
        );
    }
}

#[test]
fn what_makes_no_graph_is_left_out_where_that_is_wanted() {
    let text = r#"{"id":"a","title":"A","dependencies":[{"depends_on_id":"b","type":"blocks"}]}
{"id":"b","title":"B","dependencies":[{"depends_on_id":"a","type":"blocks"}]}
{"id":"b","title":"B again"}
{"id":"g","title":"G","dependencies":[{"depends_on_id":"p","type":"parent-child"}]}
{"id":"p","title":"P","dependencies":[{"depends_on_id":"g","type":"parent-child"},{"depends_on_id":"x","type":"blocks"}]}
{"id":"x","title":"X","dependencies":[{"depends_on_id":"p","type":"blocks"}]}"#;
    let how = Settling {
        is_lenient: true,
        ..STRICTLY
    };
    let list = settled(read_as("x.jsonl", text), how).unwrap();
    assert_eq!(
        unread(&list),
        [
            "2: tasks wait for each other: `a` (line 1), `b` (line 2): the dependency of `b` on `a` is left out",
            "3: id `b` appears twice, first in line 2: this task is left out",
            "4: tasks are parts of each other: `g` (line 4), `p` (line 5): `g` is left without a parent",
            "6: tasks wait for each other: `p` (line 5), `x` (line 6): the dependency of `x` on `p` is left out",
        ]
    );
    assert!(Graph::build(&graph_of(&made(&list))).is_ok());
}

#[test]
fn what_nobody_sees_is_left_out_of_titles() {
    let list = settled_as("x.md", "- [ ] T001 a\u{1b}[31mred\u{202e}x\n");
    let task = list.tasks.first().unwrap();
    assert_eq!(task.title, "a[31mredx");
    assert_eq!(
        unread(&list),
        ["1: `T001` contained invisible characters, which were removed"]
    );
    let long = format!("- [ ] {}\n", "word ".repeat(100));
    let list = settled_as("x.md", &long);
    let task = list.tasks.first().unwrap();
    assert_eq!(task.title.chars().count(), 200);
    assert!(task.description.ends_with("word word"));
}

#[test]
fn what_a_group_waits_for_is_waited_for_by_its_parts() {
    let text = "\
- [ ] T001 Before
- [ ] T002 Group (depends on T001)
  - [ ] T003 First
  - [ ] T004 Second (depends on T003)
  - [ ] T005 Inner
    - [ ] T006 Innermost
- [ ] T007 Behind (depends on T002)
";
    let list = settled_as("x.md", text);
    assert_eq!(
        waits(&list),
        ["T003 < T001", "T004 < T003", "T006 < T001", "T007 < T002"]
    );
}

/// Reads an exported list of a plan.
fn round(exported: &str, name: &str) -> GraphSpec {
    graph_of(&made(&settled_as(name, exported)))
}

/// The structure of a graph, independent of the texts of its nodes.
fn shape(spec: &GraphSpec) -> Vec<String> {
    let graph = Graph::build(spec).unwrap();
    let mut lines: Vec<String> = graph
        .edges()
        .into_iter()
        .map(|(from, to, kind)| format!("{} {} {kind:?}", graph.id(from), graph.id(to)))
        .collect();
    for node in &spec.nodes {
        lines.push(format!("{} {:?}", node.id, node.children));
    }
    lines.sort();
    lines
}

fn exported(spec: &GraphSpec, statuses: Option<&BTreeMap<String, NodeStatus>>) -> Exported {
    let graph = Graph::build(spec).unwrap();
    Exported {
        name: "default/run".to_owned(),
        description: "What it does".to_owned(),
        phase: None,
        items: items(
            GraphOf {
                graph: &graph,
                spec,
            },
            statuses,
        ),
    }
}

/// A plan with texts that try to be markup or commands.
fn hostile() -> GraphSpec {
    serde_json::from_value(json!({"nodes": [
        {"id": "group", "kind": "Group", "name": "=cmd|' /C calc'!A0", "children": ["a", "inner"]},
        {"id": "a", "kind": "Task", "name": "It's `$(rm -rf /)` (depends on T9) <!-- x",
         "description": "- [ ] not a task\n```\n<!--\n/close\n> quoted\ndepends on T001\nplanspec: default/other"},
        {"id": "inner", "kind": "Group", "children": ["b"]},
        {"id": "b", "kind": "Task", "dependsOn": ["a"], "description": "Only this"},
        {"id": "c", "kind": "Task", "name": "-x; echo '", "dependsOn": ["group"]},
        {"id": "d", "kind": "Task", "name": "[P] [US1] After T001 (depends on `c`)"},
    ], "edges": [{"from": "a", "to": "c", "type": "soft"}]}))
    .unwrap()
}

#[test]
fn what_is_exported_is_read_back_as_the_same_graph() {
    let first = graph_of(&made(&settled_as("tasks.md", SPEC_KIT)));
    for spec in [first, hostile()] {
        let exported = exported(&spec, None);
        assert_eq!(
            shape(&round(&markdown(&exported), "x.md")),
            shape(&spec),
            "{}",
            markdown(&exported)
        );
    }
    let back = round(&markdown(&exported(&hostile(), None)), "x.md");
    assert_eq!(back.nodes[1].description, hostile().nodes[1].description);
}

#[test]
fn a_table_has_a_row_for_each_node_and_calculates_nothing() {
    let status = |phase| NodeStatus {
        phase,
        ..NodeStatus::default()
    };
    let statuses = BTreeMap::from([
        ("a".to_owned(), status(NodePhase::Succeeded)),
        ("b".to_owned(), status(NodePhase::Running)),
    ]);
    let table = table(&exported(&hostile(), Some(&statuses)));
    let lines: Vec<&str> = table.split("\r\n").collect();
    assert_eq!(
        lines.first(),
        Some(
            &"Issue Id,Step,Title,Description,Issue Type,Status,Phase,Parent Id,URL,Inward issue link (Blocks)"
        )
    );
    assert_eq!(
        lines.get(1),
        Some(&"1,group,'=cmd|' /C calc'!A0,,Epic,To Do,,,,")
    );
    assert!(table.contains("\n\\/close\n"), "{table}");
    assert!(
        table.contains("4,b,Only this,Only this,Task,In Progress,Running,3,,2\r\n"),
        "{table}"
    );
    assert!(
        table.contains("5,c,\"'-x; echo '\",,Task,To Do,,,,1\r\n"),
        "{table}"
    );
    // And back, except soft dependencies, which no tracker has.
    let back = round(&table, "x.csv");
    let hard = |spec: &GraphSpec| -> Vec<String> {
        shape(spec)
            .into_iter()
            .filter(|line| !line.ends_with("Soft"))
            .collect()
    };
    assert_eq!(hard(&back), hard(&hostile()));
    assert_eq!(back.nodes[0].name.as_deref(), Some("=cmd|' /C calc'!A0"));
}

#[test]
fn a_plan_is_brought_up_to_date_and_what_people_wrote_stays() {
    let list = settled_as(
        "x.md",
        "# List\n- [ ] T001 One\n- [ ] T002 Two (depends on T001)\n- [ ] T003 Three\n",
    );
    let text = plan::new_text(&list, ("default", "p"), "x", &made(&list));
    let text = text
        .replace("      - id: t001\n", "      # mine\n      - id: t001   # short\n        timeout: 1h\n")
        .replace("        dependsOn:\n          - t001\n", "        dependsOn:\n          - t001\n          - look\n      - {id: look, kind: Task}\n");
    let graph = |text: &str| -> Value {
        let (documents, found) = yaml::read("f.yaml", text.as_bytes(), &Default::default());
        assert!(found.is_empty(), "{found:?}");
        documents[0].value["spec"]["graph"].clone()
    };
    let nodes = |text: &str| graph(text)["nodes"].as_array().unwrap().clone();
    // The same list changes nothing.
    let same = plan::merged(&list, &graph(&text), false);
    assert_eq!(
        plan::updated_text(("f.yaml", &text), 0, &same),
        Some((text.clone(), false))
    );
    assert_eq!(
        (same.added.len(), same.updated.len(), same.gone.len()),
        (0, 0, 0)
    );
    let list = settled_as(
        "x.md",
        "- [ ] T001 Uno\n- [ ] T004 Four\n- [ ] T002 Two (depends on T004)\n",
    );
    let merged = plan::merged(&list, &graph(&text), false);
    assert_eq!(merged.added, ["T004"]);
    assert_eq!(merged.updated, ["T001", "T002"]);
    assert_eq!(merged.gone, [("T003".to_owned(), "t003".to_owned())]);
    let (new, is_anew) = plan::updated_text(("f.yaml", &text), 0, &merged).unwrap();
    assert!(!is_anew);
    assert!(new.contains("      # mine\n      - id: t001   # short\n        timeout: 1h\n        kind: Task\n        name: Uno\n"), "{new}");
    assert!(new.contains("        dependsOn:\n          - look\n          - t004\n      - {id: look, kind: Task}\n"), "{new}");
    assert!(new.contains("id: t003"), "{new}");
    let ids: Vec<Value> = nodes(&new).iter().map(|node| node["id"].clone()).collect();
    assert_eq!(ids, ["t001", "t004", "t002", "look", "t003"]);
    let pruned = plan::merged(&list, &graph(&text), true);
    let (new, _) = plan::updated_text(("f.yaml", &text), 0, &pruned).unwrap();
    assert!(!new.contains("id: t003"), "{new}");
    // An existing edge is not added again.
    let edges = text.replace(
        "    nodes:\n",
        "    edges: [{from: t004, to: t002}]\n    nodes:\n",
    );
    let merged = plan::merged(&list, &graph(&edges), false);
    let (new, _) = plan::updated_text(("f.yaml", &edges), 0, &merged).unwrap();
    assert!(
        new.contains("        dependsOn:\n          - look\n      - {id: look"),
        "{new}"
    );
    // If the file has a flow list, it is rewritten, and that is reported.
    let flow =
        "# lost\napiVersion: planspec.io/v1alpha1\nspec: {graph: {nodes: [{id: a, kind: Task}]}}\n";
    let merged = plan::merged(&list, &graph(flow), false);
    let (new, is_anew) = plan::updated_text(("f.yaml", flow), 0, &merged).unwrap();
    assert!(is_anew && nodes(&new).len() == 4);
}

#[test]
fn two_ids_that_would_be_one_node_are_two() {
    let text = r#"{"id":"T-1","title":"A"}
{"id":"t-1","title":"B"}
{"id":"t 1","title":"C"}"#;
    let list = settled_as("x.jsonl", text);
    let merged = made(&list);
    assert_eq!(merged.ids["t-1"], "t-1");
    assert!(merged.ids["T-1"].starts_with("t-1-"), "{:?}", merged.ids);
    let ids: std::collections::BTreeSet<&String> = merged.ids.values().collect();
    assert_eq!(ids.len(), 3);
    // A node of another author is not taken over because of its id.
    let theirs = json!({"nodes": [{"id": "t001", "kind": "Task", "name": "Theirs"}]});
    let list = settled_as("x.md", "- [ ] T001 Mine\n");
    let merged = plan::merged(&list, &theirs, false);
    assert_eq!(merged.nodes.len(), 2);
    assert_eq!(merged.nodes[0].1["name"], "Theirs");
}

/// Pieces of all formats, and of syntax that breaks them.
const PIECES: [&str; 40] = [
    "- [ ] ",
    "- [x] ",
    "  - [ ] ",
    "\t* [-] ",
    "1. [X] ",
    "- []",
    "T001",
    "T002",
    "T003-T005",
    "[P] ",
    "[US1] ",
    "# ",
    "## Phase 1",
    "### ",
    "(depends on ",
    "blocked by #1",
    ")",
    "`",
    "```\n",
    "<!--",
    "-->",
    "---\n",
    "\n",
    "\n\n",
    "{",
    "}",
    "[",
    "]",
    "\"id\":1",
    "\"title\":\"x\"",
    "\"tasks\":",
    ",",
    "\"",
    "title,id,blocked by\n",
    "'=",
    "\\",
    "\u{202e}",
    "é",
    "<!-- planspec: x -->\n",
    "> ",
];

proptest! {
    #[test]
    fn whatever_is_read_makes_a_graph_or_is_refused(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..60),
        name in prop::sample::select(vec!["x.md", "x.json", "x.jsonl", "x.csv", "-"]),
        is_lenient: bool,
    ) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        let how = Reading { name, ..Reading::default() };
        let settling = Settling { is_lenient, ..STRICTLY };
        if let Ok(list) = read(text.as_bytes(), how).and_then(|list| settled(list, settling)) {
            let merged = made(&list);
            prop_assert!(Graph::build(&graph_of(&merged)).is_ok());
            let text = plan::new_text(&list, ("default", "p"), "x", &merged);
            let (documents, found) = yaml::read("f.yaml", text.as_bytes(), &Default::default());
            prop_assert!(found.is_empty(), "{found:?}");
            let graph = documents[0].value["spec"]["graph"].clone();
            let again = plan::merged(&list, &graph, false);
            prop_assert_eq!(plan::updated_text(("f.yaml", &text), 0, &again), Some((text.clone(), false)));
        }
    }
}

#[test]
fn what_is_cancelled_leaves_the_order_as_it_is() {
    let read = |text: &str| settled_as("list.md", text);
    let list = read(
        "- [ ] T1 a\n- [-] T2 b (depends on T1)\n- [-] T3 c (depends on T2)\n- [ ] T4 d (depends on T3)\n",
    );
    let last = list.tasks.iter().find(|task| task.id == "T4").unwrap();
    let after: Vec<&str> = last.after.iter().map(|link| link.id.as_str()).collect();
    assert_eq!(after, ["T1"]);
}

#[test]
fn a_dependency_on_a_text_is_found_or_told_and_never_cut_out_of_the_title() {
    let list = settled_as(
        "list.md",
        "- [ ] Test it\n- [ ] Ship it (depends on Test it)\n- [ ] Deploy (depends on legal approval)\n",
    );
    let ship = &list.tasks[1];
    assert_eq!(ship.title, "Ship it (depends on Test it)");
    assert_eq!(ship.after[0].id, "Test it");
    assert_eq!(list.tasks[2].title, "Deploy (depends on legal approval)");
    let told: Vec<&str> = list.unread.iter().map(|one| one.what.as_str()).collect();
    assert!(
        told[0].contains("waits for `legal approval`, which is not in the list"),
        "{told:?}"
    );
}

#[test]
fn texts_name_dependencies_where_they_announce_them() {
    for (text, expected) in [
        ("Blocked by #5", 1),
        ("- **Depends on** #5", 1),
        ("This is NOT blocked by #5 any more.", 0),
        ("```\nBlocked by #5\n```", 0),
        ("<!--\nBlocked by #5\n-->", 0),
        ("<!-- a -->\nBlocked by #5", 1),
        ("> Blocked by #5", 0),
    ] {
        assert_eq!(super::links::announced(text).len(), expected, "{text}");
    }
}

#[test]
fn ids_hold_nothing_that_is_not_seen() {
    let list = settled_as("list.md", "- [ ] pay \u{202e}gnp.exe\n");
    assert_eq!(list.tasks[0].id, "pay gnp.exe");
}
