//! Where two lines of history part, also where this clone holds only a part of them.
//!
//! What is not here is fetched: a revision by its id or its name on the remote, history step by step
//! behind the ends of a shallow clone. No ref is written. "There is no common ancestor" is only said
//! where the whole history was seen.

use std::collections::HashSet;

use super::id::parse_id;
use super::program::Program;
use super::remote::{self, deepen};
use super::{GitError, Repo, Result};

/// By how many commits a shallow history is deepened, one try after the other.
pub(super) const STEPS: [u32; 5] = [16, 64, 256, 1024, 4096];

/// The commit that a revision names: here, else on the remote by its name or its id.
///
/// # Errors
/// `Missing` when it is neither here nor on the remote; `Remote` when that cannot be asked.
pub fn commit(repo: &Repo, shared: Option<&str>, revision: &str) -> Result<String> {
    let is_absent = parse_id(revision).is_ok() && !repo.has_object(revision);
    if !is_absent && let Some(commit) = repo.resolve(revision)? {
        return Ok(commit);
    }
    let shown = revision.escape_debug();
    let Some(remote) = remote_of(repo, shared, revision)? else {
        return Err(GitError::Missing(format!("there is no revision `{shown}`")));
    };
    if parse_id(revision).is_ok() {
        let wanted = [revision.to_owned()];
        return match remote::fetch(repo, &remote, &wanted, true) {
            Ok(()) => Ok(revision.to_owned()),
            Err(error) => Err(GitError::Missing(format!(
                "commit {shown} is not in this clone, and `git fetch {remote} {shown}` fails \
                 ({error}); after a force-push it may be gone, so name the branch instead"
            ))),
        };
    }
    let name = revision
        .strip_prefix(&format!("refs/remotes/{remote}/"))
        .or_else(|| revision.strip_prefix(&format!("{remote}/")))
        .unwrap_or(revision);
    let name = name.strip_prefix("refs/heads/").unwrap_or(name);
    let (branch, tag) = (format!("refs/heads/{name}"), format!("refs/tags/{name}"));
    let found = remote::list(repo, &remote, &[&branch, &tag, name])
        .map_err(|error| cannot_get(&remote, name, &error))?
        .refs;
    let Some(id) = [branch.as_str(), &tag, name]
        .iter()
        .find_map(|full| found.get(*full))
    else {
        return Err(GitError::Missing(format!(
            "there is no revision `{shown}` here or on remote `{remote}`: see `git ls-remote \
             {remote}`"
        )));
    };
    remote::fetch(repo, &remote, std::slice::from_ref(id), true)
        .map_err(|error| cannot_get(&remote, name, &error))?;
    // An annotated tag is an object of its own: resolve it to its commit.
    repo.resolve(id)?
        .ok_or_else(|| GitError::Missing(format!("`{shown}` on remote `{remote}` names no commit")))
}

fn cannot_get(remote: &str, name: &str, error: &GitError) -> GitError {
    GitError::Remote(format!(
        "`{name}` is not in this clone and cannot be fetched ({error}): run `git fetch {remote} \
         {name}`, and name FETCH_HEAD"
    ))
}

/// The tip of the remote's default branch, fetched; nothing where there is no remote.
///
/// # Errors
/// `Remote` when it cannot be asked.
pub fn default_branch(repo: &Repo, shared: Option<&str>) -> Result<Option<(String, String)>> {
    let Some(remote) = remote_of(repo, shared, "")? else {
        return Ok(None);
    };
    let listed = remote::list(repo, &remote, &["refs/heads/*"])?;
    let Some(name) = listed.default_branch else {
        return Ok(None);
    };
    let Some(id) = listed.refs.get(&format!("refs/heads/{name}")) else {
        return Ok(None);
    };
    remote::fetch(repo, &remote, std::slice::from_ref(id), true)?;
    Ok(Some((format!("{remote}/{name}"), id.clone())))
}

/// The remote that a revision names, else the shared one, else `origin`, else the only one.
pub(super) fn remote_of(
    repo: &Repo,
    shared: Option<&str>,
    revision: &str,
) -> Result<Option<String>> {
    let remotes = repo.remotes()?;
    let revision = revision.strip_prefix("refs/remotes/").unwrap_or(revision);
    let named = |name: &&String| {
        let behind = revision.strip_prefix(name.as_str());
        behind.is_some_and(|behind| behind.starts_with('/'))
    };
    let by_name = |wanted: &str| remotes.iter().find(|name| *name == wanted);
    let only = || match remotes.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let found = remotes
        .iter()
        .find(named)
        .or_else(|| shared.and_then(by_name))
        .or_else(|| by_name("origin"))
        .or_else(only);
    Ok(found.cloned())
}

/// The best common ancestor of two commits. A shallow history is deepened until it is in sight
/// and nothing that is cut off can hold a better one.
///
/// # Errors
/// `Unusable` when the two have none at all; `Missing` when this clone does not reach far enough
/// and the rest could not be got, with the command that gets it.
pub fn merge_base(repo: &Repo, shared: Option<&str>, one: &str, other: &str) -> Result<String> {
    let mut found = repo.merge_base(one, other)?;
    let mut ends = ends(repo)?;
    let mut why = None;
    for depth in STEPS {
        if is_settled(repo, found.as_deref(), [one, other], &ends)? {
            break;
        }
        let Some(remote) = remote_of(repo, shared, "")? else {
            break;
        };
        if let Err(error) = deepen(repo, &remote, &[one, other], depth) {
            why = Some(error);
            break;
        }
        let now = self::ends(repo)?;
        if now == ends {
            break;
        }
        ends = now;
        found = repo.merge_base(one, other)?;
    }
    match found {
        // A shallow clone may lack a nearer one; with this one the review only shows more.
        Some(base) => Ok(base),
        None if ends.is_empty() => Err(GitError::Unusable(format!(
            "{one} and {other} have no common ancestor: their histories are unrelated; to compare \
             them anyway, write {one}..{other}"
        ))),
        None => {
            let remote = remote_of(repo, shared, "")?.unwrap_or_else(|| "origin".to_owned());
            let why = why.map_or_else(String::new, |error| format!(" ({error})"));
            Err(GitError::Missing(format!(
                "this clone is shallow and lacks the merge base of {one} and {other}{why}: run \
                 `git fetch --unshallow {remote}` (in CI: fetch-depth: 0)"
            )))
        }
    }
}

/// Whether no commit at which history is cut off here could hide a better common ancestor.
fn is_settled(
    repo: &Repo,
    found: Option<&str>,
    sides: [&str; 2],
    ends: &HashSet<String>,
) -> Result<bool> {
    if ends.is_empty() {
        return Ok(true);
    }
    let Some(base) = found else {
        return Ok(false);
    };
    let behind = format!("^{base}");
    let listed = Program::new(repo, "rev-list")
        .args(sides)
        .arg(&behind)
        .arg("--")
        .run()?;
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(listed.success() && !text.lines().any(|id| ends.contains(id)))
}

/// The commits at which a shallow history is cut off.
fn ends(repo: &Repo) -> Result<HashSet<String>> {
    if !repo.is_shallow() {
        return Ok(HashSet::new());
    }
    let file = repo.common_dir().join("shallow");
    let text = std::fs::read_to_string(file)
        .map_err(super::unusable_file("read where history is cut off"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    /// A repository with a long history on `main`, and a `topic` that left it in the middle:
    /// the common ancestor and both tips.
    fn origin(sandbox: &Sandbox, behind: usize, ahead: usize) -> (Repo, [String; 3]) {
        let repo = sandbox.repo("origin");
        let many = |prefix: &str, number: usize| {
            let commits = (0..number).map(|n| sandbox.commit(&repo, &[(prefix, &n.to_string())]));
            commits.fold(None, |_, commit| Some(commit))
        };
        let fork = many("before", behind).unwrap();
        sandbox.git(&repo, &["checkout", "-q", "-b", "topic"]);
        let topic = many("topic", ahead).unwrap();
        sandbox.git(&repo, &["checkout", "-q", "main"]);
        let main = many("main", ahead).unwrap();
        (repo, [fork, main, topic])
    }

    #[test]
    fn of_a_shallow_single_branch_clone_the_rest_is_fetched_and_no_ref_is_written() {
        let sandbox = Sandbox::new();
        let (_, [fork, main, topic]) = origin(&sandbox, 90, 30);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1", "--branch=topic"]);
        // As a runner leaves it.
        sandbox.git(&clone, &["checkout", "-q", "--detach"]);
        let refs = sandbox.git(&clone, &["for-each-ref"]);
        for name in ["main", "origin/main", "refs/remotes/origin/main", &main] {
            assert_eq!(commit(&clone, None, name).unwrap(), main, "{name}");
        }
        assert_eq!(clone.merge_base(&main, &topic).unwrap(), None);
        assert_eq!(merge_base(&clone, None, &main, &topic).unwrap(), fork);
        assert_eq!(sandbox.git(&clone, &["for-each-ref"]), refs);
        assert!(clone.is_shallow(), "no more than it takes");
        assert_eq!(
            default_branch(&clone, None).unwrap(),
            Some(("origin/main".to_owned(), main))
        );
    }

    #[test]
    fn commits_that_were_made_here_are_no_obstacle() {
        let sandbox = Sandbox::new();
        let (_, [fork, main, _]) = origin(&sandbox, 40, 20);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1", "--branch=topic"]);
        let local = sandbox.commit(&clone, &[("mine", "1")]);
        let base = commit(&clone, Some("origin"), "main").unwrap();
        assert_eq!(base, main);
        assert_eq!(merge_base(&clone, None, &base, &local).unwrap(), fork);
    }

    #[test]
    fn an_ancestor_in_sight_is_not_taken_while_a_better_one_may_be_cut_off() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("origin");
        let old = sandbox.commit(&repo, &[("a", "0")]);
        sandbox.git(&repo, &["checkout", "-q", "-b", "topic"]);
        sandbox.git(&repo, &["checkout", "-q", "main"]);
        let mut best = String::new();
        for n in 1..20 {
            best = sandbox.commit(&repo, &[("a", &n.to_string())]);
        }
        // Both sides merged `best`; both also stand on `old` directly.
        let merge = |onto: &str, name: &str| {
            let tree = sandbox.git(&repo, &["rev-parse", &format!("{best}^{{tree}}")]);
            let args = ["commit-tree", "-m", name, "-p", onto, "-p", &best, &tree];
            sandbox.git(&repo, &args)
        };
        let [one, other] = ["one", "other"].map(|name| merge(&old, name));
        sandbox.git(&repo, &["update-ref", "refs/heads/one", &one]);
        sandbox.git(&repo, &["update-ref", "refs/heads/other", &other]);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=2", "--no-single-branch"]);
        assert_eq!(merge_base(&clone, None, &one, &other).unwrap(), best);
    }

    #[test]
    fn after_a_force_push_the_base_is_where_the_new_one_parts() {
        let sandbox = Sandbox::new();
        let (repo, [_, main, topic]) = origin(&sandbox, 30, 3);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1", "--branch=topic"]);
        sandbox.git(&repo, &["reset", "-q", "--hard", "main~10"]);
        let rewritten = sandbox.commit(&repo, &[("other", "1")]);
        let base = commit(&clone, None, "main").unwrap();
        assert_eq!(base, rewritten);
        let fork = sandbox.git(&repo, &["rev-parse", "main~1"]);
        assert_eq!(merge_base(&clone, None, &base, &topic).unwrap(), fork);
        // The commit that was pushed away is gone from the remote for good.
        sandbox.git(&repo, &["reflog", "expire", "--expire=now", "--all"]);
        sandbox.git(&repo, &["gc", "-q", "--prune=now"]);
        let why = commit(&clone, None, &main).unwrap_err();
        assert!(matches!(why, GitError::Missing(_)), "{why:?}");
        assert!(
            why.to_string()
                .contains(&format!("git fetch origin {main}")),
            "{why}"
        );
    }

    #[test]
    fn squashed_rebased_and_merged_work_is_compared_from_where_it_left() {
        let sandbox = Sandbox::new();
        let (repo, [fork, main, topic]) = origin(&sandbox, 3, 2);
        let found = |one: &str, other: &str| merge_base(&repo, None, one, other).unwrap();
        assert_eq!(found(&main, &topic), fork);
        sandbox.git(&repo, &["merge", "-q", "--squash", "topic"]);
        sandbox.git(&repo, &["commit", "-q", "-m", "squashed"]);
        assert_eq!(
            found(&sandbox.git(&repo, &["rev-parse", "main"]), &topic),
            fork
        );
        sandbox.git(&repo, &["checkout", "-q", "-b", "rebased", "topic"]);
        sandbox.git(&repo, &["rebase", "-q", &main]);
        assert_eq!(
            found(&main, &sandbox.git(&repo, &["rev-parse", "rebased"])),
            main
        );
        sandbox.git(&repo, &["checkout", "-q", "-b", "merged", &main]);
        sandbox.git(&repo, &["merge", "-q", "--no-ff", "-m", "x", "topic"]);
        assert_eq!(
            found(&sandbox.git(&repo, &["rev-parse", "merged"]), &topic),
            topic
        );
    }

    #[test]
    fn what_cannot_be_seen_is_said_with_the_command_that_gets_it() {
        let sandbox = Sandbox::new();
        let (_, [_, main, topic]) = origin(&sandbox, 9, 4);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1", "--no-single-branch"]);
        let absent = commit(&clone, None, "origin/nowhere").unwrap_err();
        assert!(
            absent.to_string().contains("git ls-remote origin"),
            "{absent}"
        );
        sandbox.git(
            &clone,
            &["remote", "set-url", "origin", "file:///nowhere/at/all"],
        );
        let clone = sandbox.open("clone");
        let shallow = merge_base(&clone, None, &main, &topic).unwrap_err();
        assert!(
            shallow.to_string().contains("git fetch --unshallow origin"),
            "{shallow}"
        );
        assert!(shallow.to_string().contains("/nowhere/at/all"), "{shallow}");
        let away = commit(&clone, None, "other").unwrap_err();
        assert!(
            away.to_string().contains("git fetch origin other"),
            "{away}"
        );
        let alone = sandbox.repo("alone");
        sandbox.commit(&alone, &[("a", "1")]);
        let nothing = commit(&alone, None, "other").unwrap_err();
        assert!(
            nothing.to_string().contains("no revision `other`"),
            "{nothing}"
        );
        assert_eq!(default_branch(&alone, None).unwrap(), None);
    }

    #[test]
    fn unrelated_histories_are_called_so_only_where_all_of_both_was_seen() {
        let sandbox = Sandbox::new();
        let (repo, [_, main, _]) = origin(&sandbox, 20, 1);
        sandbox.git(&repo, &["checkout", "-q", "--orphan", "other"]);
        sandbox.commit(&repo, &[("b", "1")]);
        let other = sandbox.commit(&repo, &[("b", "2")]);
        for (name, options) in [
            ("whole", vec!["--no-single-branch"]),
            ("shallow", vec!["--depth=1", "--no-single-branch"]),
        ] {
            let clone = sandbox.clone_of("origin", name, &options);
            let why = merge_base(&clone, None, &main, &other).unwrap_err();
            assert!(matches!(why, GitError::Unusable(_)), "{name}: {why:?}");
            let command = format!("{main}..{other}");
            assert!(why.to_string().contains(&command), "{name}: {why}");
            assert!(!clone.is_shallow(), "{name}");
        }
    }
}
