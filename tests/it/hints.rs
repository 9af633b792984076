//! Every next step that the program prints works: each command that a test of this suite is told to run next is run, in
//! a copy of its sandbox.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;

use crate::sandbox::{PLANSPEC, Ran};

/// Starts of lines that say what to do.
const MARKS: [&str; 4] = ["help: ", "next: ", "note: ", "= help: "];

/// Whether the command uses a server, which is not copied.
fn has_server(command: &Command) -> bool {
    let folder = command.get_current_dir().unwrap();
    let urls = Command::new("git")
        .args(["config", "--get-regexp", r"^remote\..*url$"])
        .current_dir(folder)
        .output();
    String::from_utf8_lossy(&urls.unwrap().stdout).contains("http://")
}

/// The commands that messages and results propose, as printed.
fn proposals(ran: &Ran) -> Vec<&str> {
    let of_messages = ran.err.lines().flat_map(|line| {
        let text = line.trim_start();
        let rest = MARKS.iter().find_map(|mark| text.strip_prefix(mark));
        let rest = rest.unwrap_or_default();
        let plain = rest.split(", then ").filter(|_| text.starts_with("next: "));
        plain.chain(rest.split('`').skip(1).step_by(2))
    });
    // Below `Next:`, and `Next, for example:`.
    let below = ran.out.lines().skip_while(|line| !line.starts_with("Next"));
    let of_results = below.filter_map(|line| line.strip_prefix("  "));
    let all = of_messages.chain(of_results);
    all.filter(|text| is_command(text)).collect()
}

/// Whether it can be run as printed: people fill in placeholders.
fn is_command(text: &str) -> bool {
    let mut words = text.split(' ');
    let is_program = matches!(words.next(), Some("planspec" | "git"));
    let is_placeholder = |word: &str| {
        let mut parts = word.split(['=', '/']).flat_map(|part| part.split(".."));
        let is_name = |part: &str| {
            part.len() > 1
                && part
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || "[]_".contains(c))
        };
        parts.any(|part| is_name(part) && part != "HEAD") || word.contains('…')
    };
    // Workers run for as long as a test lets them.
    is_program && !text.starts_with("planspec work") && !words.any(is_placeholder)
}

/// What was followed already, by test, so that nothing runs twice.
static FOLLOWED: LazyLock<Mutex<HashSet<(String, String)>>> = LazyLock::new(Mutex::default);

/// Runs the proposals of a command. A proposal may report that something else is missing, but it is neither wrong usage
/// nor does it lead back to the same sentence.
pub fn follow(command: &Command, ran: &Ran) {
    // Work of a test on another thread cannot be copied.
    let Some(test) = std::thread::current().name().map(str::to_owned) else {
        return;
    };
    for proposal in proposals(ran) {
        let key = (test.clone(), proposal.to_owned());
        if !FOLLOWED.lock().unwrap().insert(key) || has_server(command) {
            continue;
        }
        let outcome = run_in_copy(command, proposal);
        let is_asked = proposal.starts_with("git config ") && outcome.code == 1;
        let works = if proposal.starts_with("git ") {
            outcome.code == 0 || is_asked
        } else {
            outcome.code != 2 && outcome.code < 126 && leads_on(ran, &outcome)
        };
        assert!(
            works,
            "`{proposal}` does not work:\n{outcome}\nIt was proposed by {ran}"
        );
    }
}

fn leads_on(before: &Ran, after: &Ran) -> bool {
    let why = |ran: &Ran| {
        ran.err
            .lines()
            .find(|line| line.starts_with("error"))
            .map(str::to_owned)
    };
    after.code == 0 || why(after) != why(before) || why(after).is_none()
}

fn run_in_copy(original: &Command, proposal: &str) -> Ran {
    let variables = original.get_envs();
    let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
    let variables: Vec<(String, String)> = variables
        .filter_map(|(name, value)| Some((text(name), text(value?))))
        .collect();
    let root = variables
        .iter()
        .find(|(name, _)| name == "GIT_CEILING_DIRECTORIES");
    let root = &root.unwrap().1;
    let copy = TempDir::new().unwrap();
    let to = copy.path().join("root");
    let copied = Command::new("cp").arg("-a").arg(root).arg(&to).status();
    assert!(copied.unwrap().success());
    let to = to.to_str().unwrap();
    let moved = |text: &str| text.replace(root.as_str(), to);
    // Linked work trees and URLs of remotes contain the absolute path.
    for file in walkdir::WalkDir::new(to) {
        let file = file.unwrap();
        let knows = ["gitdir", "commondir", ".git", "alternates"]
            .contains(&file.file_name().to_str().unwrap_or_default());
        if knows && file.file_type().is_file() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            std::fs::write(file.path(), moved(&text)).unwrap();
        }
    }
    let folder = Path::new(PLANSPEC).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", proposal])
        .current_dir(moved(&text(
            original.get_current_dir().unwrap().as_os_str(),
        )))
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, moved(value))))
        .env("PATH", path)
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", format!("url.{to}/.insteadOf"))
        .env("GIT_CONFIG_VALUE_0", format!("{root}/"))
        .env("GIT_CONFIG_KEY_1", format!("url.file://{to}/.insteadOf"))
        .env("GIT_CONFIG_VALUE_1", format!("file://{root}/"))
        .stdin(Stdio::null())
        .output();
    Ran::of(proposal, output.unwrap())
}
