//! The README is true, and so are the files next to it.

use std::collections::BTreeMap;
use std::path::Path;

use planspec::core::base::source::{Content, SourceFile};
use planspec::core::repository::manifest;

use crate::sandbox::{PLANSPEC, Ran, Sandbox};

const README: &str = include_str!("../../README.md");

/// The fenced blocks of a language, in order; `""` for those without one.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("```") {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if line == fence {
            found.push(block.join("\n"));
        }
    }
    found
}

fn block_with(language: &str, text: &str) -> String {
    let found = blocks(language).into_iter().find(|b| b.contains(text));
    found.unwrap_or_else(|| panic!("the README has no block with {text:?}"))
}

#[test]
fn the_plan_it_shows_is_sound() {
    let plan = block_with("yaml", "kind: Plan");
    let file = SourceFile {
        path: "plan.yaml".to_owned(),
        blob: String::new(),
        content: Content::Bytes(plan.as_bytes().into()),
    };
    let manifest = manifest::read(&file, &Default::default(), "default");
    assert!(
        manifest.diagnostics.is_empty(),
        "{:?}",
        manifest.diagnostics
    );
    assert!(manifest.entries[0].resource.is_some());
}

#[test]
fn the_reconcile_and_the_status_it_shows_are_those_of_the_quickstart() {
    let sandbox = Sandbox::new();
    let scratch = sandbox.folder("scratch");
    let mut quickstart = scratch.command("sh");
    quickstart
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/quickstart.sh"
        ))
        .env("TMPDIR", &scratch.dir)
        .env("PLANSPEC_BIN", PLANSPEC);
    let ran = Ran::of("quickstart.sh", quickstart.output().unwrap()).ok();
    let shown = block_with("", "$ planspec reconcile");
    // Commit ids differ from run to run.
    let same = |line: &&str| !line.contains(" at ") && !line.starts_with('$');
    for line in shown.lines().filter(same) {
        assert!(ran.out.contains(line), "not in the quickstart: {line}");
    }
    assert!(shown.lines().filter(same).count() > 8);
}

#[test]
fn the_review_it_shows_is_what_review_prints() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let files = [
        ("goal", include_str!("../../examples/quickstart/goal.yaml")),
        ("team", include_str!("../../examples/quickstart/team.yaml")),
        ("gate", include_str!("../../examples/quickstart/gate.yaml")),
        (
            "run",
            include_str!("../../examples/quickstart/execution.yaml"),
        ),
    ];
    for (name, content) in files {
        solo.write(&format!("planspec/{name}.yaml"), content);
    }
    let plan = include_str!("../../examples/quickstart/plan.yaml");
    solo.publish("planspec/plan.yaml", plan);
    solo.git("checkout -q -b faster");
    let changed = plan.replace(
        "from: review\n        to: launch",
        "from: page\n        to: launch",
    );
    solo.publish("planspec/plan.yaml", changed);
    let ran = solo.run("review main").exits(1);
    // Commit ids differ from run to run.
    let shown = block_with("", "$ planspec review");
    let (_, shown) = shown.split_once("1 plan changed").unwrap();
    assert!(
        ran.out
            .contains(&format!("warning\n1 plan changed{shown}\n")),
        "{ran}"
    );
}

#[test]
fn the_finding_it_shows_is_what_validate_prints() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let shown = block_with("", "error[PS302]");
    let plan = include_str!("../../examples/quickstart/plan.yaml");
    let (before, after) = plan.rsplit_once("to: launch").unwrap();
    solo.write("planspec/plan.yaml", format!("{before}to: lunch{after}"));
    let ran = solo.run("validate").exits(1);
    assert!(ran.out.contains(shown.trim_end()), "{ran}");
}

#[test]
fn the_commands_for_a_repository_of_yours_work_in_that_order() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let yours = sandbox.clone_of("origin.git", "yours");
    let commands = block_with("", "planspec init ");
    let folder = std::path::Path::new(PLANSPEC).parent().unwrap();
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut shell = yours.command("sh");
    shell
        .args(["-c", &format!("set -eux\n{commands}")])
        .env("PATH", path);
    let ran = Ran::of("the README's commands", shell.output().unwrap()).ok();
    ran.says("web/checkout-1/build attempt 1 as succeeded")
        .says("checkout-1   Running");
    assert_eq!(
        yours.git("status --porcelain"),
        "",
        "nothing is left lying around"
    );
}

#[test]
fn the_schemas_for_editors_are_those_of_the_program() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas");
    let kinds = ["goal", "plan", "capability", "binding", "gate", "execution"];
    for kind in kinds.into_iter().chain(["document", "config", "status"]) {
        let shipped = std::fs::read_to_string(format!("{folder}/{kind}.json")).unwrap();
        let printed = nowhere.run(&format!("schema {kind}")).ok().out;
        assert_eq!(
            shipped, printed,
            "write it anew: planspec schema {kind} > docs/schemas/{kind}.json"
        );
    }
}

/// The commands of this program on a page, in blocks and in sentences, without comments.
fn commands_of(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_block = false;
    for line in page.lines() {
        let text = line.trim_start();
        if text.starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            found.push(text.strip_prefix("$ ").unwrap_or(text));
        } else {
            // A verb alone is a name, not a command.
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.filter(|span| span.split(' ').count() > 2));
        }
    }
    let is_end = |word: &str| ["#", "&&", "||", "|", ">", ">>"].contains(&word);
    let commands = found
        .into_iter()
        .filter(|text| text.starts_with("planspec "));
    let commands = commands.map(|text| {
        let words = text.split_whitespace().take_while(|word| !is_end(word));
        words.collect::<Vec<_>>().join(" ")
    });
    // Alternatives, and numbers to fill in, are for people.
    let is_whole = |text: &String| {
        let stands_for_more = text.contains(['[', '…', '<', '(', '"', ';', '|']);
        !stands_for_more
            && !text
                .split(' ')
                .any(|word| ["N", "VERB", "DURATION"].contains(&word))
    };
    commands.filter(is_whole).collect()
}

#[test]
fn no_command_that_the_documentation_shows_is_wrong_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), root.join("docs/rules")];
    let files = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let pages = files.map(|file| file.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let pages = pages.filter(|path| !path.ends_with("CHANGELOG.md"));
    let mut commands = BTreeMap::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        commands.extend(
            commands_of(&text)
                .into_iter()
                .map(|command| (command, page.clone())),
        );
    }
    assert!(commands.len() > 60, "{}", commands.len());
    // Without a repository, only their words can be wrong.
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    for (command, page) in commands {
        let args = command.strip_prefix("planspec ").unwrap();
        let ran = nowhere.run(args);
        let page = page.display();
        // Sentences name a command in short.
        let wrong = [
            "unexpected argument",
            "unrecognized subcommand",
            "invalid value",
        ];
        assert!(
            !wrong.iter().any(|wrong| ran.err.contains(wrong)),
            "{page}: {ran}"
        );
    }
}

/// A block with output is compared with the real output, by the tests of that page; a block for people to complete is
/// marked as a fragment.
#[test]
fn every_block_of_commands_is_a_transcript_or_says_that_it_is_a_fragment() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let programs = [
        "planspec ",
        "git ",
        "gpg ",
        "ssh-keygen ",
        "cargo ",
        "printf ",
    ];
    let (mut transcripts, mut fragments) = (0, 0);
    for file in std::fs::read_dir(docs).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for block in page.split("\n```").skip(1).step_by(2) {
            let (fence, first) = block.split_once('\n').unwrap();
            let first = first.trim_start();
            if first.starts_with("$ ") {
                transcripts += 1;
                assert!(
                    [
                        "agents.md",
                        "audit.md",
                        "executions.md",
                        "operations.md",
                        "recovery.md",
                        "trackers.md"
                    ]
                    .contains(&name),
                    "{name}: {first}"
                );
            } else if programs.iter().any(|program| first.starts_with(program)) {
                fragments += 1;
                assert_eq!(fence, "sh fragment", "{name}: {first}");
            }
        }
    }
    assert!(
        transcripts > 8 && fragments > 8,
        "{transcripts} {fragments}"
    );
}
