//! Layers: imports point downwards only, and few modules have side effects.

use std::path::Path;

/// Names that no file below `src/core` may contain.
const WORLD: [&str; 12] = [
    "git2",
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::thread",
    "Utc::now",
    "Local::now",
    "std::time::SystemTime",
    "std::time::Instant",
    "println!",
    "print!(",
];

/// Every Rust file below a folder of `src`, with its text without comments.
fn files(room: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        if entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "rs")
        {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let code: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            found.push((entry.path().display().to_string(), code.join("\n")));
        }
    }
    assert!(!found.is_empty(), "src/{room} is empty");
    found
}

/// Modules of the core, from the ground up: each imports only those before it.
const CORE: [&str; 9] = [
    "base",
    "text",
    "resource",
    "plan",
    "document",
    "trackers",
    "repository",
    "run",
    "review",
];

/// The part of a file before its tests.
fn without_tests<'a>(file: &str, code: &'a str) -> &'a str {
    let is_test = ["tests", "agreement", "scenarios", "properties"]
        .iter()
        .any(|name| file.ends_with(&format!("/{name}.rs")));
    if is_test {
        return "";
    }
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.split("#[cfg(test)]\npub(crate) mod tests")
        .next()
        .unwrap()
}

#[test]
fn rooms_of_the_core_stand_one_above_the_other() {
    for (floor, room) in CORE.iter().enumerate() {
        for (file, code) in files(&format!("core/{room}")) {
            let code = without_tests(&file, &code);
            for above in &CORE[floor + 1..] {
                let name = format!("core::{above}::");
                assert!(!code.contains(&name), "{file} imports {name}");
            }
        }
    }
    let entries = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/core")).unwrap();
    let mut found: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".rs"))
        .collect();
    let mut known = CORE.map(str::to_owned).to_vec();
    found.sort();
    known.sort();
    assert_eq!(found, known, "every room has its floor");
}

fn assert_free_of(room: &str, names: &[&str]) {
    for (file, code) in files(room) {
        assert_names_none_of(&file, &code, names);
    }
}

fn assert_names_none_of(file: &str, code: &str, names: &[&str]) {
    for name in names {
        let found = code.lines().position(|line| line.contains(name));
        let line = found.unwrap_or(0) + 1;
        assert!(found.is_none(), "{file}:{line} names {name}");
    }
}

/// The forms of a `use` of these modules.
fn imports_of(rooms: &[&str]) -> Vec<String> {
    let ways = ["crate::", "planspec::"];
    let all = rooms
        .iter()
        .flat_map(|room| ways.map(|way| format!("{way}{room}")));
    all.collect()
}

fn assert_imports_none_of(room: &str, rooms: &[&str]) {
    let names = imports_of(rooms);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_free_of(room, &names);
    for (file, code) in files(room) {
        // `use crate::{…}` would hide the imported modules.
        assert!(
            !code.contains("crate::{"),
            "{file} imports several rooms at once"
        );
    }
}

#[test]
fn core_is_pure() {
    assert_free_of("core", &WORLD);
}

#[test]
fn core_stands_on_nothing() {
    let above = [
        "commands", "git", "show", "worker", "cli", "clock", "terminal", "failure",
    ];
    assert_imports_none_of("core", &above);
}

#[test]
fn show_turns_values_into_text_and_touches_nothing() {
    assert_free_of(
        "show",
        &["git2", "std::fs", "std::process", "std::env", "Utc::now"],
    );
    let others = [
        "commands", "service", "git", "worker", "cli", "clock", "terminal",
    ];
    assert_imports_none_of("show", &others);
}

#[test]
fn answers_are_data_and_stand_on_core_alone() {
    let others = [
        "commands", "service", "git", "show", "worker", "cli", "clock", "terminal", "failure",
    ];
    assert_imports_none_of("api", &others);
    assert_free_of("api", &WORLD);
}

#[test]
fn the_service_knows_no_door() {
    let doors = ["commands", "show", "cli", "clock", "terminal", "failure"];
    assert_imports_none_of("service", &doors);
    assert_free_of("service", &["clap", "ExitCode", "git2"]);
    // Its tests write files into real repositories.
    for (file, code) in files("service") {
        let others = ["std::fs", "println!", "print!("];
        assert_names_none_of(&file, without_tests(&file, &code), &others);
    }
}

#[test]
fn nothing_below_knows_the_service_or_its_answers() {
    for room in ["core", "git", "worker"] {
        assert_imports_none_of(room, &["api", "service"]);
    }
}

#[test]
fn git_knows_neither_the_verbs_nor_how_things_are_shown() {
    assert_imports_none_of("git", &["commands", "show", "worker", "cli", "terminal"]);
}

/// Files of the Git module that use libgit2: objects with their ids, refs, and the repository itself. The difference of
/// two texts needs no repository.
const SEAM: [&str; 6] = [
    "difference.rs",
    "id.rs",
    "object.rs",
    "opened.rs",
    "refs.rs",
    "repo.rs",
];

#[test]
fn outside_of_its_seam_git_knows_ids_as_its_own_and_no_libgit2() {
    for (file, code) in files("git") {
        let name = file.rsplit('/').next().unwrap();
        if !SEAM.contains(&name) {
            assert!(!code.contains("git2"), "{file} names git2");
        }
        if name != "id.rs" {
            assert!(!code.contains("Oid"), "{file} names git2's ids");
        }
    }
}

#[test]
fn the_worker_stands_on_core_alone() {
    let others = ["commands", "git", "show", "cli", "clock", "terminal"];
    assert_imports_none_of("worker", &others);
    assert_free_of("worker", &["git2", "println!", "print!("]);
}

#[test]
fn the_door_of_agents_asks_the_service_and_knows_no_other_door() {
    let others = ["commands", "server", "git", "worker", "cli", "terminal"];
    assert_imports_none_of("mcp", &others);
    assert_free_of("mcp", &["git2", "std::fs", "Command::new", "println!"]);
}

#[test]
fn only_the_worker_speaks_http() {
    for room in ["core", "git", "show", "commands"] {
        assert_free_of(room, &["ureq"]);
    }
}

#[test]
fn the_verbs_leave_git_and_files_and_processes_to_the_service() {
    assert_free_of(
        "commands",
        &["git2", "std::fs", "std::process::Command", "Command::new"],
    );
    assert_imports_none_of("commands", &["git"]);
}

/// Files of the commands that are no verbs: code that several verbs share.
const SHARED_BY_VERBS: [&str; 4] = ["mod", "args", "context", "reviewed"];

/// What a file uses of its own module: the first word of each path after `super::`.
fn used_of_its_room(code: &str) -> Vec<&str> {
    let behind = code.split("super::").skip(1);
    let paths = behind.flat_map(|rest| match rest.strip_prefix('{') {
        Some(group) => group.split('}').next().unwrap().split(',').collect(),
        None => vec![rest],
    });
    let is_no_word = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let words = paths.map(|path| path.trim_start().split(is_no_word).next().unwrap());
    words.collect()
}

#[test]
fn verbs_share_nothing_sideways() {
    assert_free_of("commands", &["crate::commands"]);
    let files = files("commands");
    let name = |file: &str| {
        let stem = Path::new(file).file_stem().unwrap();
        stem.to_str().unwrap().to_owned()
    };
    let mut verbs: Vec<String> = files.iter().map(|(file, _)| name(file)).collect();
    verbs.retain(|name| !SHARED_BY_VERBS.contains(&name.as_str()));
    for (file, code) in &files {
        for word in used_of_its_room(code) {
            let is_verb = verbs.iter().any(|verb| verb == word);
            assert!(!is_verb, "{file} imports the verb {word}");
        }
    }
}

#[test]
fn there_is_one_clock() {
    for room in ["core", "commands", "git", "show", "worker"] {
        assert_free_of(room, &["Utc::now", "Local::now", "SystemTime::now"]);
    }
}
