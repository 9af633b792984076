#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use serde_json::{Value, json};

use super::*;
use crate::core::base::diagnostic::Label;
use crate::core::base::diagnostic::{Code, Part, PathStep, Span};
use crate::core::base::invisible::{is_invisible, unseen};
use crate::core::resource::{Key, Kind};
use crate::core::text::locate::Lines;
use crate::core::text::located::MAX_PER_FILE;
use crate::path;

fn entry(path: Vec<PathStep>, part: Part) -> Place {
    Place::Entry {
        document: 0,
        path,
        part,
    }
}

fn files<'a>(files: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |file| {
        let found = files.iter().find(|(name, _)| *name == file)?;
        Some(found.1.to_owned())
    }
}

fn shown(findings: &[Diagnostic], texts: &[(&str, &str)], format: FindingsFormat) -> String {
    format!("\n{}", render(findings, &files(texts), format, false))
}

const PLAN: &str = "\
kind: Plan
spec:
  graph:
    nodes:
      - id: verify
      - id: release
      - id: verify
    edges:
      - from: verify
        to: relese
";

fn dangling() -> Diagnostic {
    Diagnostic::new(
        Code::DANGLING_EDGE,
        "plans/checkout.yaml",
        entry(path!["spec", "graph", "edges", 0, "to"], Part::Value),
        "an edge ends at a node that does not exist",
    )
    .label("no node `relese` in this plan")
    .help("did you mean `release`?")
    .about(&Key::new(Kind::Plan, "team", "checkout"))
}

fn doubled() -> Diagnostic {
    Diagnostic::new(
        Code::DUPLICATE_NODE,
        "plans/checkout.yaml",
        entry(path!["spec", "graph", "nodes", 2, "id"], Part::Value),
        "two nodes have the id `verify`",
    )
    .related(Label {
        file: "plans/checkout.yaml".to_owned(),
        place: entry(path!["spec", "graph", "nodes", 0, "id"], Part::Value),
        message: "first here".to_owned(),
    })
}

fn elsewhere() -> Diagnostic {
    Diagnostic::new(
        Code::CAPABILITY_NOT_FOUND,
        "b.yaml",
        entry(path!["capability"], Part::Value),
        "the capability does not exist",
    )
    .related(Label {
        file: "plans/checkout.yaml".to_owned(),
        place: entry(path!["spec", "graph"], Part::Key),
        message: "used in this graph".to_owned(),
    })
}

const TEXTS: &[(&str, &str)] = &[
    ("plans/checkout.yaml", PLAN),
    ("b.yaml", "# a binding\ncapability: x\n"),
];

#[test]
fn text_shows_the_line_what_is_wrong_and_the_way_out() {
    assert_eq!(
        shown(&[dangling()], TEXTS, FindingsFormat::Text),
        "
error[PS302]: an edge ends at a node that does not exist
  --> plans/checkout.yaml:10:13
   |
10 |         to: relese
   |             ^^^^^^ no node `relese` in this plan
   |
   = help: did you mean `release`?
"
    );
}

#[test]
fn several_findings_are_in_order_and_repeats_are_left_out() {
    assert_eq!(
        shown(
            &[dangling(), doubled(), elsewhere(), dangling()],
            TEXTS,
            FindingsFormat::Text
        ),
        "
warning[PS204]: the capability does not exist
 --> b.yaml:2:13
  |
2 | capability: x
  |             ^
  |
 ::: plans/checkout.yaml:3:3
  |
3 |   graph:
  |   ----- used in this graph

error[PS301]: two nodes have the id `verify`
 --> plans/checkout.yaml:7:13
  |
5 |       - id: verify
  |             ------ first here
6 |       - id: release
7 |       - id: verify
  |             ^^^^^^

error[PS302]: an edge ends at a node that does not exist
  --> plans/checkout.yaml:10:13
   |
10 |         to: relese
   |             ^^^^^^ no node `relese` in this plan
   |
   = help: did you mean `release`?
"
    );
}

#[test]
fn places_without_a_line_to_show() {
    let file = Diagnostic::new(Code::NO_RESOURCES, "a.yaml", Place::File, "nothing here");
    let gone = dangling();
    let broken = Diagnostic::new(
        Code::SYNTAX,
        "c.yaml",
        Place::At(Span {
            line: 3,
            column: 9,
            start: 17,
            end: 17,
        }),
        "not YAML",
    );
    assert_eq!(
        shown(
            &[file, gone, broken],
            &[("a.yaml", "# x\n")],
            FindingsFormat::Text
        ),
        "
warning[PS007]: nothing here
 --> a.yaml

error[PS001]: not YAML
 --> c.yaml:3:9

error[PS302]: an edge ends at a node that does not exist
 --> plans/checkout.yaml
  |
  = note: at `spec.graph.edges[0].to`
  = help: did you mean `release`?
"
    );
}

#[test]
fn tabs_and_wide_characters_keep_the_carets_in_place() {
    let table = [
        (
            "{\n\t\"名前\":\t\"値\"\n}\n",
            path!["名前"],
            "
error[PS105]: wrong
 --> a:2:8
  |
2 |     \"名前\":    \"値\"
  |                ^^^^ here
",
        ),
        (
            "\u{feff}é: e\u{301}x\r\n",
            path!["é"],
            "
error[PS105]: wrong
 --> a:1:4
  |
1 | é: e\u{301}x
  |    ^^ here
",
        ),
        (
            "a: \"\u{202e}\u{9b}31m\u{7f}\"   \n",
            path!["a"],
            "
error[PS105]: wrong
 --> a:1:4
  |
1 | a: \"\\u{202e}\\u{9b}31m\\u{7f}\"   
  |    ^^^^^^^^^^^^^^^^^^^^^^^^^ here
",
        ),
        (
            "- - - - - - - - - - - - - - - - deep\n",
            vec![PathStep::Index(0); 16],
            "
error[PS105]: wrong
 --> a:1:33
  |
1 | - - - - - - - - - - - - - - - - deep
  |                                 ^^^^ here
",
        ),
    ];
    for (text, path, expected) in table {
        let finding =
            Diagnostic::new(Code::BAD_FORMAT, "a", entry(path, Part::Value), "wrong").label("here");
        let shown = shown(&[finding], &[("a", text)], FindingsFormat::Text);
        assert_eq!(shown, expected, "{text:?}");
    }
}

#[test]
fn long_lines_are_cut_around_the_span() {
    let items: String = (0..100_000).map(|i| format!("n{i:06}, ")).collect();
    let text = format!("a: [{items}z]\n");
    let finding = Diagnostic::new(
        Code::BAD_FORMAT,
        "a",
        entry(path!["a", 77_777], Part::Value),
        "wrong",
    )
    .label("here")
    .related(Label {
        file: "a".to_owned(),
        place: entry(path!["a", 2], Part::Value),
        message: "as here".to_owned(),
    });
    assert_eq!(
            shown(&[finding], &[("a", &text)], FindingsFormat::Text),
            "
error[PS105]: wrong
 --> a:1:699998
  |
1 | ...771, n077772, n077773, n077774, n077775, n077776, n077777, n077778, n077779, n077780, n077781, n077782, n077783, n077784, n077785, n077786, ...
  |                                                      ^^^^^^^ here
  |
 ::: a:1:23
  |
1 | a: [n000000, n000001, n000002, n000003, n000004, n000005, n000006, n000007, n000008, n000009, n000010, n000011, n000012, n000013, n000014, n...
  |                       ------- as here
"
        );
}

#[test]
fn what_is_underlined_ends_where_the_line_is_cut() {
    let text = format!("a: {}\n", "y".repeat(300));
    let finding = Diagnostic::new(
        Code::BAD_FORMAT,
        "a",
        entry(path!["a"], Part::Value),
        "wrong",
    )
    .label("here");
    let shown = shown(&[finding], &[("a", &text)], FindingsFormat::Text);
    let row = |mark: char| {
        let row = shown.lines().find(|row| row.contains(mark)).unwrap();
        (row.find(mark).unwrap(), row.matches(mark).count())
    };
    assert_eq!(row('^'), row('y'), "{shown}");
}

#[test]
fn of_what_is_no_text_nothing_is_shown() {
    let table = [
        (
            String::from_utf8_lossy(b"\xff\xfea\0:\0").into_owned(),
            false,
        ),
        ("a\0:\0 \0b\0".to_owned(), false),
        ("a: \0\n".to_owned(), true),
    ];
    for (text, is_shown) in table {
        let place = Place::At(Lines::new(&text).span(0..1));
        let finding = Diagnostic::new(Code::BAD_FORMAT, "a", place, "wrong");
        let shown = shown(&[finding], &[("a", &text)], FindingsFormat::Text);
        assert_eq!(shown.contains("u{0}"), is_shown, "{shown}");
        assert!(shown.contains("--> a"), "{shown}");
    }
}

#[test]
fn what_comes_from_a_file_cannot_disturb_a_terminal() {
    let evil = "x\u{1b}[2J\n\u{202e}y\u{fdd0}\t\u{e0041}é";
    let finding = Diagnostic::new(Code::BAD_FORMAT, evil, Place::File, evil)
        .label(evil)
        .help(evil)
        .related(Label {
            file: evil.to_owned(),
            place: entry(path![evil], Part::Key),
            message: evil.to_owned(),
        });
    for text in [None, Some(format!("\"{evil}\": {evil}\n"))] {
        for format in FindingsFormat::ALL {
            let shown = render(
                std::slice::from_ref(&finding),
                &|_| text.clone(),
                format,
                false,
            );
            let bad: Vec<char> = shown
                .chars()
                .filter(|c| *c != '\n' && is_invisible(*c))
                .collect();
            assert!(bad.is_empty(), "{bad:?} in {shown}");
            assert!(shown.contains('é'), "{shown}");
        }
    }
    // JSON keeps the original text.
    let json = render(&[finding], &|_| None, FindingsFormat::Json, false);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["findings"][0]["message"], evil);
}

#[test]
fn concise_is_one_line_each() {
    let broken = Diagnostic::new(Code::SYNTAX, "z\ny", Place::File, "not\tYAML");
    assert_eq!(
            shown(
                &[broken, dangling(), elsewhere()],
                &[TEXTS[0]],
                FindingsFormat::Concise
            ),
            "
b.yaml: warning PS204: the capability does not exist
plans/checkout.yaml:10:13: error PS302: an edge ends at a node that does not exist (did you mean `release`?)
z\\ny: error PS001: not\\tYAML
"
        );
}

#[test]
fn json_is_one_document() {
    assert_eq!(
        shown(&[dangling(), doubled()], TEXTS, FindingsFormat::Json),
        r#"
{
  "apiVersion": "cli.planspec.io/v1",
  "kind": "Findings",
  "findings": [
    {
      "code": "PS301",
      "severity": "error",
      "level": "structure",
      "title": "two nodes have one id",
      "message": "two nodes have the id `verify`",
      "help": null,
      "file": "plans/checkout.yaml",
      "line": 7,
      "column": 13,
      "endLine": 7,
      "endColumn": 19,
      "path": "spec.graph.nodes[2].id",
      "pointer": "/spec/graph/nodes/2/id",
      "related": [
        {
          "message": "first here",
          "file": "plans/checkout.yaml",
          "line": 5,
          "column": 13,
          "endLine": 5,
          "endColumn": 19,
          "path": "spec.graph.nodes[0].id",
          "pointer": "/spec/graph/nodes/0/id"
        }
      ],
      "resource": null,
      "fix": null
    },
    {
      "code": "PS302",
      "severity": "error",
      "level": "structure",
      "title": "an edge ends at a node that does not exist",
      "message": "an edge ends at a node that does not exist",
      "help": "did you mean `release`?",
      "file": "plans/checkout.yaml",
      "line": 10,
      "column": 13,
      "endLine": 10,
      "endColumn": 19,
      "path": "spec.graph.edges[0].to",
      "pointer": "/spec/graph/edges/0/to",
      "related": [],
      "resource": {
        "kind": "Plan",
        "namespace": "team",
        "name": "checkout"
      },
      "fix": null
    }
  ],
  "summary": {
    "errors": 2,
    "warnings": 0
  },
  "scope": null,
  "readiness": []
}
"#
    );
}

#[test]
fn gitlab_is_a_code_quality_report() {
    let gone = Diagnostic::new(Code::NO_RESOURCES, "gone.yaml", Place::File, "nothing");
    assert_eq!(
        shown(&[dangling(), gone], TEXTS, FindingsFormat::Gitlab),
        r#"
[
  {
    "type": "issue",
    "check_name": "PS007",
    "description": "nothing",
    "severity": "minor",
    "fingerprint": "01e93870a87b5e06df6cc7ad75971fb7cbd99012aed467d4092c40f20382bbc2",
    "location": {
      "path": "gone.yaml",
      "lines": {
        "begin": 1,
        "end": 1
      }
    }
  },
  {
    "type": "issue",
    "check_name": "PS302",
    "description": "an edge ends at a node that does not exist (did you mean `release`?)",
    "severity": "major",
    "fingerprint": "6f56434026cb5c9b5b578d30fcd20e32674405e5d08cc80bf3455ace31d9f8f8",
    "location": {
      "path": "plans/checkout.yaml",
      "lines": {
        "begin": 10,
        "end": 10
      }
    }
  }
]
"#
    );
}

#[test]
fn fingerprints_tell_findings_apart_and_not_places() {
    let at = |index: usize, message: &str| {
        let place = entry(path!["spec", "graph", "edges", index, "to"], Part::Value);
        Diagnostic::new(Code::DANGLING_EDGE, "a.yaml", place, message)
    };
    let of = |findings: &[Diagnostic]| -> Vec<String> {
        let report = render(findings, &files(&[]), FindingsFormat::Gitlab, false);
        let report: Value = serde_json::from_str(&report).unwrap();
        let issues = report.as_array().unwrap().iter();
        let prints = issues.map(|issue| issue["fingerprint"].as_str().unwrap().to_owned());
        prints.collect()
    };
    // The same finding elsewhere in the file, whatever the message calls the place.
    assert_eq!(of(&[at(0, "`edges[0]`: x")]), of(&[at(7, "`edges[7]`: x")]));
    // Any other difference gives another fingerprint.
    let mut other_code = at(0, "x");
    other_code.code = Code::CYCLE;
    let mut other_file = at(0, "x");
    other_file.file = "b.yaml".to_owned();
    let other_place = Diagnostic::new(Code::DANGLING_EDGE, "a.yaml", Place::File, "x");
    let other_resource = at(0, "x").about(&Key::new(Kind::Plan, "team", "p"));
    let all = [
        at(0, "x"),
        at(1, "x"),
        at(0, "x[y]"),
        other_code,
        other_file,
        other_place,
        other_resource,
    ];
    let prints: std::collections::BTreeSet<String> = of(&all).into_iter().collect();
    assert_eq!(prints.len(), all.len());
}

#[test]
fn junit_has_a_suite_for_each_file() {
    assert_eq!(
        shown(&[dangling(), elsewhere()], TEXTS, FindingsFormat::Junit),
        r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="planspec" tests="2" failures="1">
  <testsuite name="b.yaml" tests="1" failures="0">
    <testcase classname="b.yaml" name="PS204 at 2:13" file="b.yaml" line="2">
      <system-out>warning[PS204]: the capability does not exist
 --&gt; b.yaml:2:13
  |
2 | capability: x
  |             ^
  |
 ::: plans/checkout.yaml:3:3
  |
3 |   graph:
  |   ----- used in this graph</system-out>
    </testcase>
  </testsuite>
  <testsuite name="plans/checkout.yaml" tests="1" failures="1">
    <testcase classname="plans/checkout.yaml" name="PS302 at 10:13" file="plans/checkout.yaml" line="10">
      <failure type="PS302" message="an edge ends at a node that does not exist">error[PS302]: an edge ends at a node that does not exist
  --&gt; plans/checkout.yaml:10:13
   |
10 |         to: relese
   |             ^^^^^^ no node `relese` in this plan
   |
   = help: did you mean `release`?</failure>
    </testcase>
  </testsuite>
</testsuites>
"#
    );
    let evil = Diagnostic::new(Code::SYNTAX, "<&\">", Place::File, "]]>\u{1}'\"&amp;");
    let shown = shown(&[evil], &[], FindingsFormat::Junit);
    assert!(
        shown.contains("<testsuite name=\"&lt;&amp;&quot;&gt;\""),
        "{shown}"
    );
    assert!(
        shown.contains("message=\"]]&gt;\\u{1}'&quot;&amp;amp;\""),
        "{shown}"
    );
}

/// The results of a SARIF log.
fn sarif(findings: &[Diagnostic], texts: &[(&str, &str)]) -> Vec<Value> {
    let log = render(findings, &files(texts), FindingsFormat::Sarif, false);
    let log: Value = serde_json::from_str(&log).unwrap();
    log["runs"][0]["results"].as_array().unwrap().clone()
}

#[test]
fn sarif_results_say_what_and_where() {
    let results = sarif(&[doubled(), elsewhere()], TEXTS);
    let fingerprint = |index: usize| results[index]["partialFingerprints"].clone();
    let place = |uri: &str, line: usize, start: usize, end: usize| {
        json!({
            "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
            "region": {
                "startLine": line, "startColumn": start, "endLine": line, "endColumn": end,
            },
        })
    };
    assert_eq!(
        results,
        [
            json!({
                "ruleId": "PS204",
                "ruleIndex": 0,
                "level": "warning",
                "message": {"text": "the capability does not exist"},
                "locations": [{
                    "physicalLocation": place("b.yaml", 2, 13, 14),
                    "logicalLocations": [{"fullyQualifiedName": "capability"}],
                }],
                "partialFingerprints": fingerprint(0),
                "relatedLocations": [{
                    "id": 0,
                    "message": {"text": "used in this graph"},
                    "physicalLocation": place("plans/checkout.yaml", 3, 3, 8),
                }],
            }),
            json!({
                "ruleId": "PS301",
                "ruleIndex": 1,
                "level": "error",
                "message": {"text": "two nodes have the id `verify`"},
                "locations": [{
                    "physicalLocation": place("plans/checkout.yaml", 7, 13, 19),
                    "logicalLocations": [{"fullyQualifiedName": "spec.graph.nodes[2].id"}],
                }],
                "partialFingerprints": fingerprint(1),
                "relatedLocations": [{
                    "id": 0,
                    "message": {"text": "first here"},
                    "physicalLocation": place("plans/checkout.yaml", 5, 13, 19),
                }],
            }),
        ]
    );
}

#[test]
fn sarif_columns_are_utf16_and_messages_are_no_templates() {
    let text = "\u{feff}a: [👍é, x]\n";
    let finding = |file: &str| {
        let place = entry(path!["a", 1], Part::Value);
        Diagnostic::new(Code::BAD_FORMAT, file, place, "no {0} in [a](1)").help("write {}")
    };
    let results = sarif(&[finding("a b/é#?.yaml")], &[("a b/é#?.yaml", text)]);
    let at = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(at["artifactLocation"]["uri"], "a%20b/%C3%A9%23%3F.yaml");
    // `a: [` four, the thumb two, then `é`, `, `.
    assert_eq!(at["region"]["startColumn"], 10);
    assert_eq!(at["region"]["endColumn"], 11);
    assert_eq!(
        results[0]["message"]["text"],
        "no {{0}} in [a\\](1)\nhelp: write {{}}"
    );
    // Paths outside the repository have no base; a file as a whole has no region.
    for (file, uri) in [
        ("/x/a.yaml", "file:///x/a.yaml"),
        ("../a.yaml", "../a.yaml"),
    ] {
        let whole = Diagnostic::new(Code::NOT_A_FILE, file, Place::File, "a link");
        let results = sarif(&[whole], &[(file, "x")]);
        assert_eq!(
            results[0]["locations"][0]["physicalLocation"],
            json!({"artifactLocation": {"uri": uri}})
        );
    }
}

#[test]
fn summaries_count() {
    assert_eq!(summary(&[]), "no findings");
    assert_eq!(summary(&[elsewhere()]), "1 warning in 1 file");
    assert_eq!(
        summary(&[dangling(), doubled(), elsewhere(), dangling()]),
        "2 errors, 1 warning in 2 files"
    );
}

#[test]
fn many_places_are_told_and_not_all_drawn() {
    let label = || Label {
        file: "gone.yaml".to_owned(),
        place: Place::File,
        message: String::new(),
    };
    let finding = (0..20).fold(dangling(), |finding, _| finding.related(label()));
    let shown = shown(&[finding], TEXTS, FindingsFormat::Text);
    assert_eq!(shown.matches("gone.yaml").count(), 8, "{shown}");
    assert!(shown.contains("= note: and 12 places more\n"), "{shown}");
}

#[test]
fn colour_changes_no_text() {
    let findings = [dangling(), doubled(), elsewhere()];
    let plain = render(&findings, &files(TEXTS), FindingsFormat::Text, false);
    let colored = render(&findings, &files(TEXTS), FindingsFormat::Text, true);
    assert!(colored.contains("\u{1b}["));
    let stripped = anstream::adapter::strip_str(&colored).to_string();
    assert_eq!(stripped, plain);
}

fn words(atoms: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(atoms), 0..60).prop_map(|atoms| atoms.concat())
}

const ATOMS: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "é",
    "日本",
    "\u{301}",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[0m",
    "\u{fdd0}",
    "👩\u{200d}🚒",
    "---\n",
    "# c",
    "\u{0}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn places() -> impl Strategy<Value = Place> {
    prop_oneof![
        (0..600_usize, 0..600_usize).prop_map(|(start, end)| Place::At(Span {
            line: 1,
            column: 1,
            start,
            end
        })),
        (0..3_usize, any::<bool>())
            .prop_map(|(i, key)| entry(path![i], if key { Part::Key } else { Part::Value })),
        Just(entry(path!["b"], Part::Value)),
        Just(Place::File),
    ]
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_gets_through(
        texts in prop::collection::vec(words(ATOMS), 2),
        message in words(ATOMS),
        places in prop::collection::vec((places(), 0..3_usize), 1..5),
    ) {
        let text_of = |file: &str| texts.get(file.parse::<usize>().ok()?).cloned();
        let mut finding: Option<Diagnostic> = None;
        for (place, file) in places {
            finding = Some(match finding {
                None => Diagnostic::new(Code::SYNTAX, file.to_string(), place, message.clone())
                    .label(message.clone()),
                Some(finding) => finding.related(Label {
                    file: file.to_string(), place, message: message.clone()
                }),
            });
        }
        for format in FindingsFormat::ALL {
            let shown = render(finding.as_slice(), &text_of, format, false);
            prop_assert!(!unseen(&shown).any(|(c, unseen)| c != '\n' && unseen), "{}", shown);
        }
    }
}

#[test]
fn of_very_many_findings_the_first_errors_are_shown_and_the_rest_is_counted() {
    let finding = |code, n: usize| {
        let place = entry(path!["spec", n], Part::Value);
        Diagnostic::new(code, "a.yaml", place, format!("number {n}"))
    };
    let warnings = (0..MAX_PER_FILE).map(|n| finding(Code::CAPABILITY_NOT_FOUND, n));
    let errors = (MAX_PER_FILE..MAX_PER_FILE + 3).map(|n| finding(Code::DANGLING_EDGE, n));
    let elsewhere = Diagnostic::new(Code::SYNTAX, "b.yaml", Place::File, "else");
    let all: Vec<Diagnostic> = warnings.chain(errors).chain([elsewhere]).collect();
    let lines = shown(&all, &[], FindingsFormat::Concise);
    let lines: Vec<&str> = lines.trim().lines().collect();
    assert_eq!(lines.len(), MAX_PER_FILE + 2);
    let errors = lines.iter().filter(|line| line.contains("error PS302"));
    assert_eq!(errors.count(), 3);
    let told = "a.yaml: warning PS003: only the first 1000 findings of this file are shown; 3 more are not \
                (fix these first)";
    assert!(lines.contains(&told), "{}", lines[0]);
    assert!(lines.iter().any(|line| line.starts_with("b.yaml")));
    assert_eq!(located::bounded(&all[..MAX_PER_FILE]), &all[..MAX_PER_FILE]);
}
