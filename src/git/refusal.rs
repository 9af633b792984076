//! Why a remote did not do what it was asked: told apart by what it said, with the way out.

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody may push to this branch, or only some.
    Protected,
    /// Whoever pushes may not.
    NoRight,
    /// Nobody said who pushes, or it is not believed.
    NoCredentials,
    /// The server is not there, not known, or not the one that is known.
    UnknownServer,
    /// There is no such repository, or it is not shown to whoever asks.
    NoRepository,
    /// A hook of the remote, in its own words.
    Hook,
    /// A branch has the name of the folder that another one needs.
    InTheWay,
    /// Somebody else changes the same ref, or has left the lock behind.
    Locked,
    /// There is no room.
    Full,
    /// The remote keeps these refs to itself.
    Hidden,
    /// The remote deletes nothing.
    NoDeletes,
    /// Somebody was faster.
    Faster,
}

use Cause::{
    Faster, Full, Hidden, Hook, InTheWay, Locked, NoCredentials, NoDeletes, NoRepository, NoRight,
    Protected, UnknownServer,
};

/// What Git, its servers and the forges say. The first that is found counts, so what says more stands before what says less.
const WORDS: [(&str, Cause); 67] = [
    ("no space left on device", Full),
    ("disk quota exceeded", Full),
    ("quota exceeded", Full),
    ("file exists.", Locked),
    (".lock': file exists", Locked),
    ("another git process seems to be running", Locked),
    ("exists; cannot create", InTheWay),
    ("directory file conflict", InTheWay),
    ("refname conflict", InTheWay),
    ("stale info", Faster),
    ("fetch first", Faster),
    ("non-fast-forward", Faster),
    ("but expected", Faster),
    ("reference already exists", Faster),
    ("incorrect old value", Faster),
    ("deny updating a hidden ref", Hidden),
    ("deny deleting a hidden ref", Hidden),
    ("deletion prohibited", NoDeletes),
    ("gh006", Protected),
    ("gh013", Protected),
    ("protected branch", Protected),
    ("branch is protected", Protected),
    ("is protected from", Protected),
    ("repository rule violations", Protected),
    ("can only be modified through pull requests", Protected),
    ("tf402455", Protected),
    ("could not read username", NoCredentials),
    ("could not read password", NoCredentials),
    ("terminal prompts disabled", NoCredentials),
    ("authentication failed", NoCredentials),
    ("invalid username or", NoCredentials),
    ("http basic: access denied", NoCredentials),
    ("permission denied (publickey", NoCredentials),
    ("permission denied (password", NoCredentials),
    ("permission denied (keyboard", NoCredentials),
    ("no supported authentication methods", NoCredentials),
    ("returned error: 401", NoCredentials),
    ("host key verification failed", UnknownServer),
    ("remote host identification has changed", UnknownServer),
    ("no matching host key", UnknownServer),
    ("certificate problem", UnknownServer),
    ("server certificate verification failed", UnknownServer),
    ("could not resolve host", UnknownServer),
    ("could not connect", UnknownServer),
    ("failed to connect", UnknownServer),
    ("connection refused", UnknownServer),
    ("connection timed out", UnknownServer),
    ("network is unreachable", UnknownServer),
    ("name or service not known", UnknownServer),
    ("returned error: 403", NoRight),
    ("write access to repository not granted", NoRight),
    ("not allowed to push", NoRight),
    ("not allowed to upload", NoRight),
    ("you don't have permission", NoRight),
    ("insufficient permission", NoRight),
    ("not permitted", NoRight),
    ("denied to", NoRight),
    ("permission denied", NoRight),
    ("read-only", NoRight),
    ("read only", NoRight),
    ("unable to create temporary object", NoRight),
    ("repository not found", NoRepository),
    ("does not appear to be a git repository", NoRepository),
    (
        "the project you were looking for could not be found",
        NoRepository,
    ),
    ("returned error: 404", NoRepository),
    ("pre-receive hook declined", Hook),
    ("hook declined", Hook),
];

/// What stood in the way, by what was said.
pub(super) fn cause(said: &str) -> Option<Cause> {
    let said = said.to_lowercase();
    let found = WORDS.iter().find(|(words, _)| said.contains(words));
    found.map(|(_, cause)| *cause)
}

/// The branch that is there where another cannot be: `'refs/heads/planspec' exists; cannot create …`.
fn in_the_way(said: &str) -> Option<&str> {
    let (before, _) = said.split_once("' exists; cannot create")?;
    let (_, name) = before.rsplit_once('\'')?;
    name.strip_prefix("refs/heads/")
}

/// The way out, for whoever wants to change or read a ref of a remote, by what that said.
pub(super) fn way_out(said: &str, remote: &str, name: &str) -> String {
    let cause = cause(said);
    let branch = name.strip_prefix("refs/heads/").unwrap_or(name);
    let above = branch.split('/').next().unwrap_or_default();
    match cause {
        Some(Protected) => format!(
            "`{branch}` is protected there: allow the reconciler to push to it as an exception from that rule; nobody else needs to"
        ),
        Some(NoRight) => format!(
            "to reconcile, claim or approve, you need the right to push to `{remote}`: grant it to \
             this account (in a GitHub workflow: `permissions: contents: write`), or use another \
             account"
        ),
        Some(NoCredentials) => format!(
            "Git has no credentials for `{remote}`: set up a credential helper or a key, so that `git push --dry-run {remote} HEAD` works"
        ),
        Some(UnknownServer) => format!(
            "check the address (`git remote -v`), and check with `git ls-remote {remote}` whether the server is reachable and trusted"
        ),
        Some(NoRepository) => format!(
            "check the address (`git remote -v`, `git remote set-url {remote} URL`); a forge gives \
             the same answer for a repository that this account cannot see"
        ),
        Some(Hook) => format!(
            "a hook of the remote rejects `{name}`: its administrator must allow it"
        ),
        Some(InTheWay) => {
            let other = in_the_way(said).unwrap_or(above);
            format!(
                "`refs/heads/{other}` and `refs/heads/{branch}` cannot both exist: rename the first (`git fetch {remote} {other} && \
                 git push {remote} FETCH_HEAD:refs/heads/NEW-NAME :refs/heads/{other}`), or name another `status.branch` in \
                 .planspec.yaml"
            )
        }
        Some(Locked) => "it is being changed at this moment, or a crashed server left the lock: \
             try again; if it stays locked, the administrator of the server must delete that file"
            .to_owned(),
        Some(Full) => format!(
            "the disk of `{remote}`, or this one, is full: free some space and try again; nothing was changed"
        ),
        Some(Hidden) => format!(
            "the server hides `{name}`: see `receive.hideRefs` and `transfer.hideRefs` there"
        ),
        Some(NoDeletes) => {
            "the server does not allow deleting refs (`receive.denyDeletes`): refs of finished runs stay, and do no harm".to_owned()
        }
        Some(Faster) => "somebody else was faster: try again".to_owned(),
        None => format!(
            "check what `git push --dry-run {remote} HEAD` says; to reconcile, claim or approve, you need the right to push"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_told_apart() {
        let table = [
            (
                "[remote rejected] (protected branch hook declined): error: GH006: Protected branch update failed for refs/heads/planspec/status.",
                Some(Protected),
            ),
            (
                "[remote rejected] (pre-receive hook declined): GitLab: You are not allowed to push code to protected branches on this project.",
                Some(Protected),
            ),
            (
                "GitLab: You are not allowed to push code to this project.",
                Some(NoRight),
            ),
            (
                "remote: Permission to ana/x.git denied to ben.\nfatal: unable to access 'https://github.com/ana/x.git/': The requested URL returned error: 403",
                Some(NoRight),
            ),
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
                Some(NoCredentials),
            ),
            (
                "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                Some(NoCredentials),
            ),
            ("Host key verification failed.", Some(UnknownServer)),
            (
                "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
                Some(NoRepository),
            ),
            (
                "[remote rejected] (pre-receive hook declined): commit messages need a ticket",
                Some(Hook),
            ),
            (
                "[remote rejected] (failed to update ref): error: cannot lock ref 'refs/heads/planspec/status': 'refs/heads/planspec' exists; cannot create 'refs/heads/planspec/status'",
                Some(InTheWay),
            ),
            (
                "[remote rejected] (failed to update ref): error: cannot lock ref 'refs/heads/planspec/status': Unable to create '/srv/x.git/./refs/heads/planspec/status.lock': File exists.",
                Some(Locked),
            ),
            (
                "[remote rejected] (unpacker error): fatal: write error: No space left on device",
                Some(Full),
            ),
            (
                "error: insufficient permission for adding an object to repository database ./objects",
                Some(NoRight),
            ),
            ("[rejected] (stale info)", Some(Faster)),
            (
                "[remote rejected] (cannot lock ref 'refs/planspec/work/x': is at 1 but expected 2)",
                Some(Faster),
            ),
            ("[remote rejected] (no idea)", None),
        ];
        for (said, expected) in table {
            assert_eq!(cause(said), expected, "{said}");
        }
    }
}
