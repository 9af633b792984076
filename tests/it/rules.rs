//! The pages of the rules: every code has one, and its content is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use planspec::core::base::diagnostic::{Code, Severity};

use crate::sandbox::{Place, Ran, Sandbox, text};

/// A file of an example, or commands to run in the folder.
struct Part<'p> {
    /// Whether it follows `Committed:`.
    committed: bool,
    file: Option<&'p str>,
    text: String,
}

/// The text of a section of a page.
fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let from = page.split_once(&format!("\n## {title}\n\n"));
    let (_, behind) = from.unwrap_or_else(|| panic!("no `## {title}` in {page}"));
    behind.split("\n## ").next().unwrap()
}

/// The fenced parts of a section. A path in backticks before a part is the name of its file; the parts after
/// `Committed:` are committed, and those after `Changed afterwards:` are staged.
fn parts(section: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut name = None;
    let mut open = false;
    let mut committed = false;
    for line in section.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                let file = match language {
                    "sh" => None,
                    "yaml" => Some(name.take().unwrap_or("planspec/example.yaml")),
                    other => panic!("{other}"),
                };
                let text = String::new();
                parts.push(Part {
                    committed,
                    file,
                    text,
                });
                open = true;
            }
            None if open => {
                let part = parts.last_mut().unwrap();
                // A character that is invisible on the page.
                let line = line.replace("<U+2028>", "\u{2028}");
                part.text.push_str(&line);
                part.text.push('\n');
            }
            None => {
                committed = line == "Committed:" || committed && line != "Changed afterwards:";
                let path = line
                    .strip_prefix('`')
                    .and_then(|line| line.strip_suffix("`:"));
                name = path.or(name);
            }
        }
    }
    assert!(!parts.is_empty(), "{section}");
    parts
}

/// A repository with the content of an example. Nothing is committed unless the example says so.
fn laid_out<'s>(sandbox: &'s Sandbox, name: &str, section: &str) -> Place<'s> {
    let place = sandbox.repository(name);
    let (before, behind): (Vec<_>, Vec<_>) =
        parts(section).into_iter().partition(|part| part.committed);
    lay_out(&place, &before);
    if !before.is_empty() {
        place.commit("As it was");
    }
    lay_out(&place, &behind);
    place
}

/// The same with a rule switched off: for a rule about changes before the change, which does not choose its own rules.
fn switched_off<'s>(sandbox: &'s Sandbox, code: Code, section: &str, off: &str) -> Place<'s> {
    const CONFIG: &str = ".planspec.yaml";
    let place = sandbox.repository(&format!("{code}-config"));
    let (before, behind): (Vec<_>, Vec<_>) =
        parts(section).into_iter().partition(|part| part.committed);
    let add = || {
        let text = if place.has(CONFIG) {
            place.read(CONFIG)
        } else {
            String::new()
        };
        if !text.contains(off) {
            place.write(CONFIG, format!("{text}{off}"));
        }
    };
    lay_out(&place, &before);
    if code.is_about_change() {
        add();
    }
    if !before.is_empty() {
        place.commit("As it was");
    }
    lay_out(&place, &behind);
    add();
    place
}

fn lay_out(place: &Place<'_>, parts: &[Part<'_>]) {
    for part in parts {
        match part.file {
            Some(file) => drop(place.write(file, &part.text)),
            None => {
                let ran = place.command("sh").args(["-ec", &part.text]).status();
                assert!(ran.unwrap().success(), "{}", part.text);
            }
        }
    }
}

/// A finding: code, severity, file and line.
type Found = (String, String, String, Option<usize>);

/// Checks the work tree, or, after a commit, the changes.
fn validate(place: &Place<'_>, code: Code, more: &str) -> Ran {
    if code == Code::OUT_OF_SCOPE || code == Code::PROSE_ALONE {
        place.git("add -A");
        return place.run(&format!("validate --scope checkout --base HEAD {more}"));
    }
    if code == Code::LOOK_TWICE {
        // For people; it stops no commit.
        place.git("add -A");
        return place.run(&format!("diff --staged {more}"));
    }
    let staged = match place.git_try("rev-parse -q --verify HEAD").code {
        0 => {
            place.git("add -A");
            "--staged"
        }
        _ => "",
    };
    place.run(&format!("validate {staged} {more}"))
}

fn findings(place: &Place<'_>, code: Code) -> Vec<Found> {
    let document = validate(place, code, "--format json").json();
    let found = document["findings"].as_array().unwrap();
    let found = found.iter().map(|finding| {
        let line = finding["line"].as_u64().map(|line| line as usize);
        let field = |name: &str| text(&finding[name]);
        assert!(finding["help"].is_string(), "{finding}");
        (field("code"), field("severity"), field("file"), line)
    });
    found.collect()
}

fn codes(place: &Place<'_>, code: Code) -> BTreeSet<String> {
    findings(place, code)
        .into_iter()
        .map(|found| found.0)
        .collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let pages: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = Code::ALL.iter().map(|code| format!("{code}.md"));
    let expected: BTreeSet<String> = expected.chain(["README.md".to_owned()]).collect();
    assert_eq!(pages, expected);

    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    for code in Code::ALL {
        let title = format!("# {code}: {}\n\n", code.title);
        assert!(code.page().starts_with(&title), "{title}");
        let row = format!(
            "| [{code}]({code}.md) | {} | {} |\n",
            code.severity, code.title
        );
        assert!(index.contains(&row), "{row}");
        // Code scanning takes these for placeholders and links.
        let page = code.page();
        let is_placeholder = |behind: &str| behind.starts_with(|c: char| c.is_ascii_digit());
        assert!(!page.split('{').skip(1).any(is_placeholder), "{code}");
        assert!(!page.contains("]("), "{code}");
    }
    assert_eq!(index.matches("\n| [PS").count(), Code::ALL.len());
}

#[test]
fn wrong_examples_give_exactly_their_code_and_right_ones_nothing() {
    let sandbox = Sandbox::new();
    for code in Code::ALL {
        let place = laid_out(
            &sandbox,
            &format!("{code}-wrong"),
            section(code.page(), "Wrong"),
        );
        let ran = validate(&place, *code, "");
        assert_eq!(
            codes(&place, *code),
            BTreeSet::from([code.to_string()]),
            "{code}: {ran}"
        );
        assert_eq!(
            ran.code,
            i32::from(code.severity == Severity::Error),
            "{code}: {ran}"
        );

        let place = laid_out(
            &sandbox,
            &format!("{code}-right"),
            section(code.page(), "Right"),
        );
        let ran = validate(&place, *code, "").ok();
        assert_eq!(findings(&place, *code), [], "{code}: {ran}");
    }
}

#[test]
fn rules_are_switched_off_as_their_pages_say() {
    let sandbox = Sandbox::new();
    for code in Code::ALL {
        let says = section(code.page(), "Switch it off");
        let wrong = section(code.page(), "Wrong");
        let off = format!("rules:\n  {code}: off\n");
        let place = switched_off(&sandbox, *code, wrong, &off);
        let found = codes(&place, *code);
        let own = code.to_string();
        if code.is_fatal() {
            assert!(says.starts_with("Not possible"), "{code}");
            // The rule for impossible values: `off` is one here.
            let expected = BTreeSet::from([own.clone(), "PS104".to_owned()]);
            assert_eq!(found, expected, "{code}");
        } else {
            assert!(says.contains(&format!("```yaml\n{off}```")), "{code}");
            assert_eq!(found, BTreeSet::new(), "{code}");
        }

        let place = laid_out(&sandbox, &format!("{code}-comment"), wrong);
        let comment = format!("# planspec: allow {code} ");
        if says.contains(&comment) {
            let allow = format!("        {comment}it is only an example\n");
            for (_, _, file, line) in findings(&place, *code).into_iter().rev() {
                let content = place.read(&file);
                let mut lines: Vec<&str> = content.split_inclusive('\n').collect();
                lines.insert(line.unwrap() - 1, &allow);
                place.write(&file, lines.concat());
            }
            assert_eq!(codes(&place, *code), BTreeSet::new(), "{code}");
        } else {
            // If the page does not offer it, it has no effect, and a finding says so.
            let example = format!("{comment}it is only an example\n");
            place.write("planspec/more.yaml", example);
            let found = codes(&place, *code);
            assert!(found.contains("PS502"), "{code}: {found:?}");
            assert!(
                !code.is_fatal() || found.contains(&own),
                "{code}: {found:?}"
            );
        }
    }
}

#[test]
fn explain_prints_the_page() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    for name in ["PS302", "ps302", "Ps302"] {
        let ran = nowhere.run(&format!("explain {name}")).ok();
        assert_eq!(ran.out, Code::DANGLING_EDGE.page());
        assert_eq!(ran.err, "");
    }
    nowhere
        .run("explain PS3O2")
        .exits(1)
        .notes("there is no rule `PS3O2`")
        .notes("did you mean `PS302`?");
    nowhere
        .run("explain everything")
        .exits(1)
        .notes("planspec explain --list");
    nowhere.run("explain").exits(2);
    let list = nowhere.run("explain --list").ok();
    assert_eq!(list.out.lines().count(), Code::ALL.len());
    list.says("PS204  warning  the capability does not exist\n")
        .says("PS302  error    an edge ends at a node that does not exist\n");
}
