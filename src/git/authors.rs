//! Who wrote a file as it stands in a commit.
//!
//! Those are the authors, committers and co-authors of the commits that brought a line which is
//! still there (through renames, white space aside), and of those with which the last change of the
//! file came to the branch: with a merged pull request, all of its commits that touch the file. So
//! neither a correction by somebody else afterwards nor a line that is only taken away hides
//! anybody. Names in commits are what their makers say.

use std::collections::BTreeSet;

use super::id::{Id, parse_id};
use super::program::{Output, Program};
use super::{GitError, Repo, Result};

/// E-mails of those who wrote `path` as it stands in `commit`, in lower case.
///
/// # Errors
/// `Missing` where history ends early, as in a shallow clone: then nobody can tell. `Unusable` when
/// git cannot tell for another reason.
pub fn of_file(repo: &Repo, commit: &str, path: &str) -> Result<BTreeSet<String>> {
    let mut commits = last_change(repo, commit, path)?;
    commits.extend(whose_lines_are_there(repo, commit, path)?);
    let mut authors = BTreeSet::new();
    for id in commits {
        let bytes = repo.commit_text(id)?;
        let text = String::from_utf8_lossy(&bytes);
        for parent in repo.commit(id)?.parents {
            if repo.header(parent)?.is_none() {
                return Err(GitError::Missing(format!(
                    "the history in this clone starts at {id}; get the rest with `git fetch --unshallow` \
                     (in CI: fetch-depth 0), and reconcile again"
                )));
            }
        }
        authors.extend(people(&text));
    }
    Ok(authors)
}

/// The commits that brought the lines of the file.
fn whose_lines_are_there(repo: &Repo, commit: &str, path: &str) -> Result<BTreeSet<Id>> {
    // No list of commits to overlook, and no filter, whatever is configured here.
    let blame = Program::new(repo, "blame")
        .args([
            "--incremental",
            "-w",
            "--ignore-revs-file=",
            "--no-textconv",
        ])
        .args([commit, "--", path])
        .run()?;
    let text = answer(blame, "blame")?;
    // `<id> <line> <line> <count>` begins an entry; every other line begins with a word.
    let words = text.lines().filter_map(|line| line.split(' ').next());
    Ok(words.filter_map(Id::from_hex).collect())
}

/// The commits that the last change of the file consisted of when it came to the branch.
fn last_change(repo: &Repo, commit: &str, path: &str) -> Result<BTreeSet<Id>> {
    let list = |args: &[&str]| {
        let program = Program::new(repo, "rev-list").args(args).arg("--");
        let output = program.arg(format!(":(literal){path}")).run()?;
        let text = answer(output, "rev-list")?;
        text.lines().map(parse_id).collect::<Result<Vec<Id>>>()
    };
    let Some(arrived) = list(&["--first-parent", "-1", commit])?.pop() else {
        return Ok(BTreeSet::new());
    };
    let mut change = BTreeSet::from([arrived]);
    if let [before, _, ..] = repo.commit(arrived)?.parents.as_slice()
        && repo.header(*before)?.is_some()
    {
        // A merge: who merges is an author only of what the merge itself changed.
        let merged = list(&[&arrived.to_string(), &format!("^{before}")])?;
        if !merged.is_empty() {
            change = merged.into_iter().collect();
        }
    }
    Ok(change)
}

fn answer(output: Output, subcommand: &str) -> Result<String> {
    if output.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = output.stderr.replace('\n', "; ");
    let why = format!("`git {subcommand}` cannot tell: {said}");
    Err(GitError::Unusable(why))
}

/// The e-mails in a commit: author, committer, and whoever a `Co-authored-by:` names.
fn people(commit: &str) -> impl Iterator<Item = String> {
    let (header, message) = commit.split_once("\n\n").unwrap_or((commit, ""));
    let makers = header
        .lines()
        .filter(|line| line.starts_with("author ") || line.starts_with("committer "));
    let helpers = message.lines().filter(|line| {
        let name = line.trim_start().split_once(':').map(|(name, _)| name);
        name.is_some_and(|name| name.trim_end().eq_ignore_ascii_case("Co-authored-by"))
    });
    makers.chain(helpers).filter_map(|line| {
        let (_, behind) = line.split_once('<')?;
        let (mail, _) = behind.split_once('>')?;
        Some(mail.trim().to_lowercase()).filter(|mail| !mail.is_empty())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    const FILE: &str = "planspec/plan.yaml";

    /// Commit a file as somebody, with a message.
    fn by(sandbox: &Sandbox, repo: &Repo, who: &str, path: &str, text: &str, message: &str) {
        sandbox.write(repo, path, text);
        commit(sandbox, repo, who, message);
    }

    fn commit(sandbox: &Sandbox, repo: &Repo, who: &str, message: &str) {
        sandbox.git(repo, &["add", "-A"]);
        let tree = sandbox.git(repo, &["write-tree"]);
        let head = repo.head().unwrap().commit().map(str::to_owned);
        let program = Program::new(repo, "commit-tree").args(["-m", message, &tree]);
        let program = head
            .iter()
            .fold(program, |program, head| program.args(["-p", head]));
        let mail = format!("{who}@example.com");
        let made = program
            .env("GIT_AUTHOR_EMAIL", &mail)
            .env("GIT_COMMITTER_EMAIL", mail)
            .run()
            .unwrap();
        let id = String::from_utf8(made.stdout).unwrap();
        sandbox.git(repo, &["update-ref", "HEAD", id.trim()]);
    }

    fn authors(repo: &Repo, path: &str) -> Vec<String> {
        let head = repo.resolve("HEAD").unwrap().unwrap();
        let names = of_file(repo, &head, path).unwrap().into_iter();
        names
            .map(|mail| mail.trim_end_matches("@example.com").to_owned())
            .collect()
    }

    #[test]
    fn whoever_wrote_a_line_that_is_there_or_made_the_last_change() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        by(&sandbox, &repo, "ana", FILE, "a\nb\nc\n", "x");
        assert_eq!(authors(&repo, FILE), ["ana"]);
        by(&sandbox, &repo, "ben", "other", "x\n", "another file");
        assert_eq!(authors(&repo, FILE), ["ana"]);
        by(&sandbox, &repo, "ben", FILE, "a\nB\nc\n", "a typo");
        assert_eq!(authors(&repo, FILE), ["ana", "ben"]);
        by(&sandbox, &repo, "eve", FILE, "a\nB\n", "take a line away");
        assert_eq!(authors(&repo, FILE), ["ana", "ben", "eve"]);
        by(&sandbox, &repo, "bot", FILE, "  a\n  B\n", "white space");
        assert_eq!(authors(&repo, FILE), ["ana", "ben", "bot"]);
        by(&sandbox, &repo, "dora", FILE, "new\n", "begin anew");
        assert_eq!(authors(&repo, FILE), ["dora"]);
    }

    #[test]
    fn a_file_that_moved_keeps_its_authors() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        by(&sandbox, &repo, "ana", FILE, "a\nb\nc\nd\n", "x");
        sandbox.git(&repo, &["mv", FILE, "planspec/[moved].yaml"]);
        commit(&sandbox, &repo, "ben", "move");
        assert_eq!(authors(&repo, "planspec/[moved].yaml"), ["ana", "ben"]);
    }

    #[test]
    fn co_authors_are_authors() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let message = "A plan (#1)\n\n* x\n\nCo-authored-by: Ben <Ben@example.com>\n\
                       co-authored-by: Carl <carl@example.com>\nReviewed-by: D <d@example.com>";
        by(&sandbox, &repo, "ana", FILE, "a\n", message);
        assert_eq!(authors(&repo, FILE), ["ana", "ben", "carl"]);
    }

    #[test]
    fn of_a_merge_all_commits_that_touch_the_file_and_not_who_merged() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        by(&sandbox, &repo, "ana", FILE, "a\nb\nc\n", "x");
        sandbox.git(&repo, &["checkout", "-q", "-b", "topic"]);
        by(&sandbox, &repo, "eve", FILE, "a\nc\n", "take a line away");
        by(&sandbox, &repo, "ben", FILE, "A\nc\n", "a typo");
        sandbox.git(&repo, &["checkout", "-q", "main"]);
        by(&sandbox, &repo, "carl", "other", "x\n", "meanwhile");
        let merge = ["-c", "user.name=M", "-c", "user.email=m@example.com"];
        let merge: Vec<&str> = merge
            .into_iter()
            .chain(["merge", "-q", "--no-ff", "-m", "m", "topic"])
            .collect();
        sandbox.git(&repo, &merge);
        assert_eq!(authors(&repo, FILE), ["ana", "ben", "eve"]);
    }

    #[test]
    fn where_history_ends_early_nobody_can_tell() {
        let sandbox = Sandbox::new();
        let origin = sandbox.repo("origin");
        by(&sandbox, &origin, "ana", FILE, "a\nb\n", "x");
        by(&sandbox, &origin, "ben", "other", "x\n", "y");
        by(&sandbox, &origin, "ben", FILE, "a\nB\n", "z");
        let shallow = sandbox.clone_of("origin", "shallow", &["--depth=2"]);
        let head = shallow.resolve("HEAD").unwrap().unwrap();
        let why = of_file(&shallow, &head, FILE).unwrap_err();
        assert!(
            matches!(&why, GitError::Missing(why) if why.contains("--unshallow")),
            "{why}"
        );
        let deep = sandbox.clone_of("origin", "deep", &["--depth=3"]);
        assert_eq!(authors(&deep, FILE), ["ana", "ben"]);
        let absent = of_file(&deep, &head, "planspec/absent.yaml");
        assert!(matches!(absent, Err(GitError::Unusable(_))), "{absent:?}");
    }
}
