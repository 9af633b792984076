//! The shared remote, through the user's own `git`.
//!
//! A ref on a remote only ever moves from the value that was read: records by `--force-with-lease`
//! with the expected id, the status branch by a plain fast-forward push. What git answers is a
//! hint; what the remote holds afterwards decides.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::time::Duration;

use super::id::{Id, parse_id};
use super::program::{Launch, Output, Program};
use super::refusal::{Cause, cause, way_out};
use super::world::Question;
use super::{GitError, Repo, Result};
use crate::core::base::time::Time;

/// Most bytes of arguments for one push, which names every ref twice: macOS takes a megabyte with the environment, Windows
/// 32 KiB. That is about two thousand refs.
const BATCH: usize = if cfg!(windows) { 24_000 } else { 700_000 };
/// Bytes of arguments for one ref beside its name.
const BESIDE_NAME: usize = 128;

/// What git says of a remote that cannot change several refs together.
const NOT_ATOMIC: &str = "does not support --atomic";

/// What a remote holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Short name of the branch that its HEAD names.
    pub default_branch: Option<String>,
    /// Full names and ids of the refs that were asked for.
    pub refs: BTreeMap<String, String>,
    /// The time on its server: every server says it over HTTP, no other does.
    pub time: Option<Time>,
}

/// One ref to be changed on a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// Its full name.
    pub name: String,
    /// The id that it is expected to have; `None`: there is no such ref.
    pub old: Option<String>,
    /// The id that it shall have; `None`: it shall be gone.
    pub new: Option<String>,
}

/// How the change of one ref went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// The ref is as it should be. It may have been before: a commit that two could make alike
    /// needs something in it that tells them apart.
    Done,
    /// Somebody else was first; what the ref holds now.
    Lost(Option<String>),
    /// The ref is unchanged, and the remote does not want the change.
    Refused {
        /// Its words.
        why: String,
        /// The way out.
        hint: String,
    },
}

/// List refs of a remote: full names, or prefixes that end in `*`.
///
/// # Errors
/// `Remote` when it cannot be reached.
pub fn list(repo: &Repo, remote: &str, patterns: &[&str]) -> Result<Listing> {
    known(repo, remote)?;
    let heads = HeadsOfAnswers::of(repo, remote);
    let question = Question::List { patterns };
    let listed = repo.carry(&question, || {
        if let Some(memory) = repo.opened.memory() {
            return Ok(memory.ask(remote, &question));
        }
        let program = Program::new(repo, "ls-remote")
            .asks(remote)
            .args(["--symref", "--", remote, "HEAD"])
            .args(patterns);
        match &heads {
            Some(heads) => heads.kept_from(program).run(),
            None => program.run(),
        }
    })?;
    if !listed.success() {
        return Err(failed("read the refs of", remote, &listed));
    }
    let listing = read_listing(&String::from_utf8_lossy(&listed.stdout), patterns);
    let other = listing.refs.values().find_map(|id| Id::from_hex(id));
    if let Some(other) = other.filter(|id| id.format() != repo.format()) {
        let (theirs, ours) = (other.format(), repo.format());
        return Err(GitError::Unusable(format!(
            "the ids of remote `{remote}` are {theirs}, and those of this repository {ours}: Git cannot exchange objects between the two"
        ))
        .advise("clone the remote anew, or name another remote"));
    }
    Ok(Listing {
        time: heads.and_then(HeadsOfAnswers::time),
        ..listing
    })
}

/// What a server says over HTTP beside its answers, among it the time: only a trace of Git's tells.
struct HeadsOfAnswers {
    file: tempfile::NamedTempFile,
}

/// Variable that asks Git for that trace.
const TRACE: &str = "GIT_TRACE_CURL";
/// Most bytes of it that are read.
const MAX_TRACE: u64 = 256 * 1024;

impl HeadsOfAnswers {
    /// Nothing where the remote is not asked over HTTP, or the user has the trace written elsewhere.
    fn of(repo: &Repo, remote: &str) -> Option<HeadsOfAnswers> {
        let url = repo.remote_url(remote)?;
        let is_http = ["http://", "https://"].iter().any(|s| url.starts_with(s));
        if !is_http || std::env::var_os(TRACE).is_some() {
            return None;
        }
        let file = tempfile::Builder::new().prefix("planspec-").tempfile();
        Some(HeadsOfAnswers { file: file.ok()? })
    }

    fn kept_from<'a>(&self, program: Program<'a>) -> Program<'a> {
        program
            .env(TRACE, self.file.path().to_string_lossy())
            .env("GIT_TRACE_CURL_NO_DATA", "1")
    }

    /// The time of the last answer.
    fn time(self) -> Option<Time> {
        let mut bytes = Vec::new();
        let read = self.file.as_file().take(MAX_TRACE).read_to_end(&mut bytes);
        read.ok()?;
        read_time(&String::from_utf8_lossy(&bytes))
    }
}

/// The last of the lines `… <= Recv header: date: Sat, 31 Jan 2026 12:00:00 GMT`.
fn read_time(trace: &str) -> Option<Time> {
    let headers = trace.lines().rev();
    let headers = headers.filter_map(|line| line.split_once("Recv header: "));
    let mut dates = headers.filter_map(|(_, header)| {
        let (name, value) = header.split_once(':')?;
        let date = name.eq_ignore_ascii_case("date").then(|| value.trim());
        let date = chrono::DateTime::parse_from_rfc2822(date?).ok()?;
        Some(date.to_utc())
    });
    dates.next()
}

fn read_listing(text: &str, patterns: &[&str]) -> Listing {
    // `ls-remote` also lists what only ends like a pattern.
    let wanted = |name: &str| {
        patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == *pattern,
            })
    };
    let mut listing = Listing::default();
    for (id, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(target) = id.strip_prefix("ref: ") {
            if name == "HEAD" {
                listing.default_branch = target.strip_prefix("refs/heads/").map(str::to_owned);
            }
        } else if wanted(name) && !name.ends_with("^{}") && parse_id(id).is_ok() {
            listing.refs.insert(name.to_owned(), id.to_owned());
        }
    }
    listing
}

/// Fetch objects by id, with everything behind them. No ref and no `FETCH_HEAD` is written, so
/// nothing keeps them until they are linked to.
///
/// `shallow` is for commits behind which nobody looks, and only has a meaning in a shallow clone:
/// then nothing behind them is fetched. Chains of records must be fetched whole.
///
/// # Errors
/// `Remote` when it cannot be reached or does not have them.
pub fn fetch(repo: &Repo, remote: &str, ids: &[String], shallow: bool) -> Result<()> {
    known(repo, remote)?;
    repo.rely_on(remote, ids);
    let shallow = shallow && repo.is_shallow();
    let mut wanted = String::new();
    for id in ids {
        parse_id(id)?;
        // Git itself looks whether a whole history is here already, and would cut a shallow one off here.
        if !(shallow && repo.has_object(id) && repo.is_whole(id)) {
            wanted.push_str(id);
            wanted.push('\n');
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let depth = shallow.then_some("--depth=1");
    carry_fetch(repo, remote, depth, &wanted)
}

/// Move the ends of a shallow history back by so many commits, behind `tips` and behind whatever
/// else of the remote's branches is here. In a whole clone nothing happens.
///
/// # Errors
/// `Remote` when it cannot be reached.
pub fn deepen(repo: &Repo, remote: &str, tips: &[&str], by: u32) -> Result<()> {
    known(repo, remote)?;
    if !repo.is_shallow() {
        return Ok(());
    }
    let depth = format!("--deepen={by}");
    let lines = |ids: &mut dyn Iterator<Item = &str>| -> String {
        ids.map(|id| format!("{id}\n")).collect()
    };
    let behind_tips = lines(&mut tips.iter().copied());
    let asked = carry_fetch(repo, remote, Some(&depth), &behind_tips);
    if asked.is_ok() {
        return asked;
    }
    // A commit that exists only here cannot be asked for; the remote's branches can.
    let listed = list(repo, remote, &["refs/heads/*"])?.refs;
    let here = listed.values().filter(|id| repo.has_object(id));
    let wanted = lines(&mut here.map(String::as_str));
    if wanted.is_empty() {
        return asked;
    }
    carry_fetch(repo, remote, Some(&depth), &wanted)
}

/// Options that the user's configuration could otherwise change. Progress is a sign of life, so it is not quiet.
pub(super) const ALONE: [&str; 9] = [
    "--progress",
    "--no-tags",
    "--no-prune",
    "--no-prune-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-all",
    "--refmap=",
];

/// Fetch everything behind an object, whatever of it is here.
pub(super) fn fetch_again(launch: &Launch, remote: &str, id: &str) -> Result<()> {
    let wanted = format!("{id}\n");
    fetched(
        remote,
        &run_fetch(launch, remote, Some("--refetch"), &wanted)?,
    )
}

/// Fetch into a repository that is open.
fn carry_fetch(repo: &Repo, remote: &str, option: Option<&str>, wanted: &str) -> Result<()> {
    let question = Question::Fetch { wanted, option };
    let answer = repo.carry(&question, || match repo.opened.memory() {
        Some(memory) => Ok(memory.ask(remote, &question)),
        None => run_fetch(&repo.launch, remote, option, wanted),
    });
    fetched(remote, &answer?)
}

fn run_fetch(launch: &Launch, remote: &str, option: Option<&str>, wanted: &str) -> Result<Output> {
    Program::at(launch, "fetch")
        .asks(remote)
        .args(ALONE)
        .args(["--no-filter", "--stdin"])
        .args(option)
        .args(["--", remote])
        .stdin(wanted)
        .run()
}

fn fetched(remote: &str, fetched: &Output) -> Result<()> {
    if !fetched.success() {
        return Err(failed("fetch from", remote, fetched));
    }
    Ok(())
}

/// Change refs of a remote together, each only if it has the expected id: all of them, or none. Nothing where the
/// remote does not know how.
///
/// # Errors
/// As [`push`].
pub fn push_together(
    repo: &Repo,
    remote: &str,
    updates: &[RefUpdate],
) -> Result<Option<Vec<PushOutcome>>> {
    known(repo, remote)?;
    let (leases, specs) = arguments(updates)?;
    patiently(repo, || {
        let pushed = run_push(repo, remote, (true, &leases), &specs)?;
        if !pushed.success() && pushed.stderr.contains(NOT_ATOMIC) {
            return Ok(None);
        }
        settle(repo, remote, updates, &pushed).map(Some)
    })
}

/// Change refs of a remote, each on its own, each only if it has the expected id. The outcomes
/// stand in the order of the updates.
///
/// # Errors
/// `Remote` when it cannot be reached, or refuses everything; then nothing, or an unknown part,
/// was changed, and the same call can be made again.
pub fn push(repo: &Repo, remote: &str, updates: &[RefUpdate]) -> Result<Vec<PushOutcome>> {
    known(repo, remote)?;
    let mut outcomes = Vec::new();
    let mut rest = updates;
    while !rest.is_empty() {
        let mut room = BATCH;
        let fitting = rest.iter().take_while(|update| {
            let needs = 2 * update.name.len() + BESIDE_NAME;
            let fits = needs <= room;
            room = room.saturating_sub(needs);
            fits
        });
        let (batch, later) = rest.split_at(fitting.count().max(1));
        outcomes.extend(push_batch(repo, remote, batch)?);
        rest = later;
    }
    Ok(outcomes)
}

fn push_batch(repo: &Repo, remote: &str, updates: &[RefUpdate]) -> Result<Vec<PushOutcome>> {
    let (leases, specs) = arguments(updates)?;
    let pushed = patiently(repo, || {
        let pushed = run_push(repo, remote, (false, &leases), &specs)?;
        settle(repo, remote, updates, &pushed).map(Some)
    });
    Ok(pushed?.unwrap_or_default())
}

/// How often a push is tried where somebody holds a lock on the remote, and how long the first pause in between is.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(150);

/// Push again for a moment while somebody changes the same refs: each is expected to be where it was, so once more does nothing twice.
fn patiently(
    repo: &Repo,
    push: impl Fn() -> Result<Option<Vec<PushOutcome>>>,
) -> Result<Option<Vec<PushOutcome>>> {
    let is_held = |outcome: &PushOutcome| matches!(outcome, PushOutcome::Refused { why, .. } if cause(why) == Some(Cause::Locked));
    for attempt in 1..TRIES {
        let outcomes = push()?;
        if !outcomes.iter().flatten().any(is_held) {
            return Ok(outcomes);
        }
        repo.wait(PAUSE * 2u32.pow(attempt - 1));
    }
    push()
}

/// What git is told of the updates: what it expects, and what to do.
fn arguments(updates: &[RefUpdate]) -> Result<(Vec<String>, Vec<String>)> {
    let mut leases = Vec::new();
    let mut specs = Vec::new();
    for RefUpdate { name, old, new } in updates {
        for id in [old, new].into_iter().flatten() {
            parse_id(id)?;
        }
        let [old, new] = [old, new].map(|id| id.as_deref().unwrap_or_default());
        leases.push(format!("--force-with-lease={name}:{old}"));
        specs.push(format!("{new}:{name}"));
    }
    Ok((leases, specs))
}

/// Move refs of a remote forward to `new`, which is behind where they are (`None`: there is no such ref yet). Never
/// forced. All of them, or none; where the remote does not know how, one after the other, as long as nobody else was
/// faster.
///
/// # Errors
/// `Remote` when it cannot be reached.
pub fn fast_forward(
    repo: &Repo,
    remote: &str,
    refs: &[(&str, Option<&str>)],
    new: &str,
) -> Result<PushOutcome> {
    known(repo, remote)?;
    parse_id(new)?;
    if refs.len() > 1 {
        let pushed = push_forward(repo, remote, (true, refs), new)?;
        if let Some(outcome) = pushed {
            return Ok(outcome);
        }
    }
    for one in refs {
        let pushed = push_forward(repo, remote, (false, &[*one]), new)?;
        match pushed.unwrap_or(PushOutcome::Done) {
            PushOutcome::Done => {}
            other => return Ok(other),
        }
    }
    Ok(PushOutcome::Done)
}

/// Nothing where the remote cannot change several refs together.
fn push_forward(
    repo: &Repo,
    remote: &str,
    (atomic, refs): (bool, &[(&str, Option<&str>)]),
    new: &str,
) -> Result<Option<PushOutcome>> {
    let specs = refs.iter().map(|(name, _)| format!("{new}:{name}"));
    let specs: Vec<String> = specs.collect();
    let updates = refs.iter().map(|(name, old)| RefUpdate {
        name: (*name).to_owned(),
        old: old.map(str::to_owned),
        new: Some(new.to_owned()),
    });
    let updates: Vec<RefUpdate> = updates.collect();
    let outcomes = patiently(repo, || {
        let pushed = run_push(repo, remote, (atomic, &[]), &specs)?;
        if !pushed.success() && pushed.stderr.contains(NOT_ATOMIC) {
            return Ok(None);
        }
        settle(repo, remote, &updates, &pushed).map(Some)
    });
    // Together they are refused for what is wrong with one: that somebody was faster says more.
    let worst = |outcomes: Vec<PushOutcome>| {
        outcomes.into_iter().max_by_key(|outcome| match outcome {
            PushOutcome::Done => 0,
            PushOutcome::Refused { .. } => 1,
            PushOutcome::Lost(_) => 2,
        })
    };
    Ok(outcomes?.map(|outcomes| worst(outcomes).unwrap_or(PushOutcome::Done)))
}

/// Try whether a remote lets this clone push, as far as it tells without anything being pushed.
///
/// # Errors
/// `Remote` when it does not, or cannot be reached.
pub fn try_push(repo: &Repo, remote: &str, commit: &str) -> Result<()> {
    known(repo, remote)?;
    parse_id(commit)?;
    let pushed = Program::new(repo, "push")
        .asks(remote)
        .args(["--dry-run", "--porcelain", "--progress", "--no-verify"])
        .args(["--no-follow-tags", "--recurse-submodules=no", "--", remote])
        .arg(format!("{commit}:refs/planspec/doctor"))
        .run()?;
    if pushed.success() {
        return Ok(());
    }
    Err(failed("push to", remote, &pushed))
}

/// Where a new ref stands when it is looked for where everybody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// As it was pushed.
    Same,
    /// With something else of somebody else's.
    Other,
    /// Nowhere.
    Nowhere,
}

/// How long a ref is looked for: what is read may be a copy of what is written, and lag.
const LAG: Duration = Duration::from_secs(5);

/// Look for a ref that was pushed, until it is there or too much time has passed.
///
/// # Errors
/// `Remote` when it cannot be reached.
pub fn read_back(repo: &Repo, remote: &str, name: &str, id: &str) -> Result<ReadBack> {
    let mut left = LAG;
    let mut pause = Duration::from_millis(50);
    loop {
        match list(repo, remote, &[name])?.refs.get(name) {
            Some(found) if found == id => return Ok(ReadBack::Same),
            Some(_) => return Ok(ReadBack::Other),
            None if left.is_zero() => return Ok(ReadBack::Nowhere),
            None => repo.wait(pause),
        }
        left = left.saturating_sub(pause);
        pause = (pause * 2).min(LAG / 5);
    }
}

/// Whether what is pushed to a remote goes elsewhere than where it is fetched from.
///
/// # Errors
/// `Unusable` when the configuration cannot be read.
pub fn is_split(repo: &Repo, remote: &str) -> Result<bool> {
    if !repo.has_config(r"^(remote\..*\.pushurl|url\..*\.pushinsteadof)$") {
        return Ok(false);
    }
    let addresses = |push: Option<&str>| {
        let get = Program::new(repo, "remote").args(["get-url", "--all"]);
        let found = get.args(push).args(["--", remote]).run()?;
        found.or_cannot(format!("read the address of remote `{remote}`"))
    };
    Ok(addresses(None)?.text() != addresses(Some("--push"))?.text())
}

/// The address of a remote as Git uses it, with what `url.….insteadOf` makes of it. It may hold credentials.
///
/// # Errors
/// `Unusable` when there is no such remote.
pub fn address(repo: &Repo, remote: &str) -> Result<String> {
    if repo.opened.memory().is_some() {
        return Ok(repo.remote_url(remote).unwrap_or_default());
    }
    let get = Program::new(repo, "remote").args(["get-url", "--", remote]);
    let found = get.run()?;
    let found = found.or_cannot(format!("read the address of remote `{remote}`"))?;
    Ok(found.text().trim().to_owned())
}

fn run_push(
    repo: &Repo,
    remote: &str,
    (atomic, leases): (bool, &[String]),
    specs: &[String],
) -> Result<Output> {
    let question = Question::Push {
        atomic,
        leases,
        specs,
    };
    repo.carry(&question, || match repo.opened.memory() {
        Some(memory) => Ok(memory.ask(remote, &question)),
        None => run_push_program(repo, remote, (atomic, leases), specs),
    })
}

fn run_push_program(
    repo: &Repo,
    remote: &str,
    (atomic, leases): (bool, &[String]),
    specs: &[String],
) -> Result<Output> {
    let atomic = if atomic { "--atomic" } else { "--no-atomic" };
    // No hooks, no tags, no submodules: these refs are ours, not the user's work.
    Program::new(repo, "push")
        .asks(remote)
        .args([
            "--porcelain",
            "--progress",
            "--no-verify",
            "--no-follow-tags",
            atomic,
            "--recurse-submodules=no",
        ])
        .args(leases)
        .args(["--", remote])
        .args(specs)
        .run()
}

/// What became of each update: git's word where it says that all is well, else what the remote
/// holds now.
fn settle(
    repo: &Repo,
    remote: &str,
    updates: &[RefUpdate],
    pushed: &Output,
) -> Result<Vec<PushOutcome>> {
    let answers = read_answers(&String::from_utf8_lossy(&pushed.stdout));
    let fine = |update: &RefUpdate| {
        answers
            .get(&update.name)
            .is_some_and(|answer| answer.flag != '!')
    };
    if updates.iter().all(fine) {
        return Ok(vec![PushOutcome::Done; updates.len()]);
    }
    let names: Vec<&str> = updates.iter().map(|update| update.name.as_str()).collect();
    // When the remote does not answer at all, what it said to the push is the better reason.
    let now = list(repo, remote, &names).map_err(|_| failed("push to", remote, pushed))?;
    let is_together = |answer: &PushAnswer| answer.text.contains("atomic push failure");
    let refused = answers
        .iter()
        .find(|(_, answer)| answer.flag == '!' && !is_together(answer));
    updates
        .iter()
        .map(|update| {
            let found = now.refs.get(&update.name);
            if fine(update) || found == update.new.as_ref() {
                return Ok(PushOutcome::Done);
            }
            if found != update.old.as_ref() {
                return Ok(PushOutcome::Lost(found.cloned()));
            }
            let Some(answer) = answers.get(&update.name) else {
                return Err(failed("push to", remote, pushed));
            };
            // Of several refs that change together, one is in the way of all.
            let own = (&update.name, answer);
            let (name, answer) = refused.filter(|_| is_together(answer)).unwrap_or(own);
            let why = reason(&answer.text, &pushed.stderr);
            // What is read may lag behind what was pushed.
            if cause(&answer.text) == Some(Cause::Faster) {
                return Ok(PushOutcome::Lost(found.cloned()));
            }
            let hint = way_out(&why, remote, name);
            Ok(PushOutcome::Refused { why, hint })
        })
        .collect()
}

/// `[remote rejected] (hook declined)`, and what the remote said to it.
fn reason(text: &str, stderr: &str) -> String {
    let said: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote: "))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if said.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", said.join(" "))
    }
}

struct PushAnswer {
    flag: char,
    text: String,
}

/// Lines `<flag> TAB <source>:<destination> TAB <text>`, in any order.
fn read_answers(text: &str) -> HashMap<String, PushAnswer> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let flag = fields.next()?.chars().next()?;
            let (_, destination) = fields.next()?.split_once(':')?;
            let text = fields.next().unwrap_or_default().to_owned();
            Some((destination.to_owned(), PushAnswer { flag, text }))
        })
        .collect()
}

/// Only remotes that the user's own git configuration names: an address from a file of the
/// repository would be a way out for everything in it.
fn known(repo: &Repo, remote: &str) -> Result<()> {
    if !remote.is_empty() && !remote.starts_with('-') && repo.remote_url(remote).is_some() {
        return Ok(());
    }
    let shown = remote.escape_debug();
    Err(GitError::Remote(format!(
        "there is no remote `{shown}`: see `git remote -v`, add it with `git remote add {shown} \
         <address>`, or change `status.remote` in `.planspec.yaml`"
    )))
}

fn failed(tried: &str, remote: &str, output: &Output) -> GitError {
    let said = match output.stderr.as_str() {
        "" => format!("git ended with code {}", output.code),
        said => said.to_owned(),
    };
    let error = GitError::Remote(format!("cannot {tried} remote `{remote}`: {said}"));
    match cause(&said) {
        Some(_) => error.advise(way_out(&said, remote, "")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::inbox::{InboxChain, read_chain, write_record};
    use crate::git::testing::{self, Sandbox, on_disk_and_in_memory};

    const CLAIM: &str = "refs/planspec/work/team/exec/0b6f/research/1";
    const STATUS: &str = "refs/heads/planspec/status";

    fn record(repo: &Repo, parent: Option<&str>, text: &str) -> String {
        write_record(repo, parent, text, testing::time(0), &testing::identity()).unwrap()
    }

    fn update(name: &str, old: Option<&str>, new: Option<&str>) -> RefUpdate {
        RefUpdate {
            name: name.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }

    fn push_one(repo: &Repo, name: &str, old: Option<&str>, new: Option<&str>) -> PushOutcome {
        let outcomes = push(repo, "origin", &[update(name, old, new)]).unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes.into_iter().next().unwrap()
    }

    /// A bare remote `hub` with one commit on `main`, and as many clones `c0`, `c1`, … as asked for.
    fn hub(sandbox: &Sandbox, clones: usize) -> (Repo, Vec<Repo>) {
        let hub = sandbox.bare("hub");
        let seed = sandbox.clone_of("hub", "seed", &[]);
        sandbox.commit(&seed, &[("a", "1")]);
        sandbox.git(&seed, &["push", "-q", "origin", "HEAD:main"]);
        let clones = (0..clones)
            .map(|n| sandbox.clone_of("hub", &format!("c{n}"), &[]))
            .collect();
        (hub, clones)
    }

    #[test]
    fn a_remote_with_ids_of_another_length_is_named() {
        let sandbox = Sandbox::of("sha1", "files");
        let (_, _clones) = hub(&sandbox, 0);
        let other = Sandbox::of("sha256", "files");
        let repo = other.repo("one");
        let url = sandbox.path("hub");
        other.git(&repo, &["remote", "add", "origin", url.to_str().unwrap()]);
        let error = list(&other.open("one"), "origin", &["refs/heads/main"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sha1") && text.contains("sha256"), "{text}");
        assert!(matches!(error, GitError::Advised { .. }), "{error:?}");
    }

    #[test]
    fn listings_are_read_exactly() {
        let id = "1".repeat(40);
        let text = format!(
            "ref: refs/heads/trunk\tHEAD\n{id}\tHEAD\n{id}\trefs/heads/trunk\n\
             {id}\trefs/planspec/work/x\n{id}\trefs/foo/refs/heads/trunk\n\
             {id}\trefs/tags/v1\n{id}\trefs/tags/v1^{{}}\nnonsense\nx\ty\n"
        );
        let patterns = ["refs/heads/trunk", "refs/planspec/*", "refs/tags/*"];
        let listing = read_listing(&text, &patterns);
        assert_eq!(listing.default_branch.as_deref(), Some("trunk"));
        assert_eq!(
            listing.refs.keys().collect::<Vec<_>>(),
            ["refs/heads/trunk", "refs/planspec/work/x", "refs/tags/v1"]
        );
        assert_eq!(read_listing("", &patterns), Listing::default());
    }

    #[test]
    fn the_time_of_a_server_is_that_of_its_last_answer() {
        let trace = "12:00:00.1 http.c:890 => Send header: GET /x HTTP/1.1\n\
             12:00:00.2 http.c:878 <= Recv header: HTTP/2 401\n\
             12:00:00.2 http.c:878 <= Recv header: date: Sat, 31 Jan 2026 11:59:58 GMT\n\
             12:00:00.3 http.c:878 <= Recv header: Date: Sat, 31 Jan 2026 12:00:00 GMT\r\n\
             12:00:00.3 http.c:878 <= Recv header: Expires: Fri, 01 Jan 1980 00:00:00 GMT\n";
        let expected: Time = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(read_time(trace), Some(expected));
        for odd in ["", "x", "<= Recv header: date: yesterday\n"] {
            assert_eq!(read_time(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_remote_is_listed_with_its_default_branch() {
        on_disk_and_in_memory(|sandbox| {
            let (hub, clones) = hub(sandbox, 1);
            let main = hub.resolve("main").unwrap().unwrap();
            let found = list(&clones[0], "origin", &["refs/heads/main", STATUS]).unwrap();
            assert_eq!(found.default_branch.as_deref(), Some("main"));
            assert_eq!(
                found.refs,
                BTreeMap::from([("refs/heads/main".to_owned(), main)])
            );
        });
    }

    #[test]
    fn a_remote_without_commits_lists_nothing() {
        on_disk_and_in_memory(|sandbox| {
            sandbox.bare("hub");
            let clone = sandbox.clone_of("hub", "clone", &[]);
            assert_eq!(
                list(&clone, "origin", &["refs/*"]).unwrap(),
                Listing::default()
            );
        });
    }

    #[test]
    fn remotes_that_are_not_configured_or_not_there_are_named() {
        let sandbox = Sandbox::new();
        let (hub, clones) = hub(&sandbox, 1);
        let url = format!("file://{}", hub.directory().display());
        for remote in ["upstream", "", "--upload-pack=x", &url] {
            let error = list(&clones[0], remote, &[]).unwrap_err();
            assert!(matches!(error, GitError::Remote(_)), "{error:?}");
            assert!(error.to_string().contains("git remote -v"), "{error}");
        }
        sandbox.git(
            &clones[0],
            &["remote", "set-url", "origin", "file:///nowhere/at/all"],
        );
        let clone = sandbox.open("c0");
        let id = clone.resolve("HEAD").unwrap().unwrap();
        let absent = ["1".repeat(40)];
        let errors = [
            list(&clone, "origin", &[]).unwrap_err(),
            fetch(&clone, "origin", &absent, false).unwrap_err(),
            push(&clone, "origin", &[update(CLAIM, None, Some(&id))]).unwrap_err(),
            fast_forward(&clone, "origin", &[(STATUS, None)], &id).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
            let GitError::Advised { error, hint } = error else {
                panic!("{error:?}")
            };
            assert!(matches!(*error, GitError::Remote(_)), "{error:?}");
            assert!(hint.contains("git remote set-url origin URL"), "{hint}");
        }
    }

    #[test]
    fn of_eight_racing_claims_exactly_one_wins_and_the_others_learn_of_it() {
        on_disk_and_in_memory(|sandbox| {
            let (hub, clones) = hub(sandbox, 8);
            drop(clones);
            let answers: Vec<(String, PushOutcome)> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|n| {
                        let open = sandbox.opener(&format!("c{n}"));
                        scope.spawn(move || {
                            let repo = open();
                            let id = record(&repo, None, &format!("worker {n}"));
                            let outcome = push_one(&repo, CLAIM, None, Some(&id));
                            (id, outcome)
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let winner = super::super::refs::get(&hub, CLAIM).unwrap().unwrap();
            for (id, outcome) in &answers {
                let expected = if *id == winner {
                    PushOutcome::Done
                } else {
                    PushOutcome::Lost(Some(winner.clone()))
                };
                assert_eq!(*outcome, expected);
            }
            assert!(answers.iter().any(|(id, _)| *id == winner));
        });
    }

    #[test]
    fn a_ref_is_moved_and_deleted_only_from_the_expected_id() {
        on_disk_and_in_memory(|sandbox| {
            let (_, clones) = hub(sandbox, 1);
            let repo = &clones[0];
            let claim = record(repo, None, "claim");
            let report = record(repo, Some(&claim), "report");
            let other = record(repo, None, "other");
            let done = PushOutcome::Done;
            let lost = |id: Option<&String>| PushOutcome::Lost(id.cloned());
            let one = |old: Option<&String>, new: Option<&String>| {
                push_one(
                    repo,
                    CLAIM,
                    old.map(String::as_str),
                    new.map(String::as_str),
                )
            };
            assert_eq!(one(Some(&claim), Some(&report)), lost(None), "no such ref");
            assert_eq!(one(None, Some(&claim)), done);
            assert_eq!(
                one(None, Some(&claim)),
                done,
                "asked again after a lost answer"
            );
            assert_eq!(one(None, Some(&other)), lost(Some(&claim)));
            assert_eq!(one(Some(&other), Some(&report)), lost(Some(&claim)));
            assert_eq!(one(Some(&claim), Some(&report)), done);
            assert_eq!(one(Some(&claim), None), lost(Some(&report)));
            assert_eq!(one(Some(&report), None), done);
            assert_eq!(one(Some(&report), None), done, "gone already");
        });
    }

    #[test]
    fn each_ref_of_a_push_is_decided_on_its_own() {
        on_disk_and_in_memory(|sandbox| {
            let (_, clones) = hub(sandbox, 1);
            let repo = &clones[0];
            let [a, b] = ["a", "b"].map(|text| record(repo, None, text));
            let [x, y, z] = ["x", "y", "z"].map(|name| format!("refs/planspec/requests/{name}"));
            assert_eq!(push_one(repo, &y, None, Some(&a)), PushOutcome::Done);
            let updates = [
                update(&x, None, Some(&a)),
                update(&y, None, Some(&b)),
                update("refs/planspec/requests/gone", Some(&a), None),
                update(&z, None, Some(&b)),
            ];
            let expected = [
                PushOutcome::Done,
                PushOutcome::Lost(Some(a.clone())),
                PushOutcome::Done,
                PushOutcome::Done,
            ];
            assert_eq!(push(repo, "origin", &updates).unwrap(), expected);
            assert_eq!(push(repo, "origin", &[]).unwrap(), []);
        });
    }

    #[test]
    fn an_answer_that_never_came_is_settled_by_what_the_remote_holds() {
        on_disk_and_in_memory(|sandbox| {
            let (hub, clones) = hub(sandbox, 1);
            let repo = &clones[0];
            let [old, new, other] = ["old", "new", "other"].map(|text| record(repo, None, text));
            push_one(repo, CLAIM, None, Some(&old));
            let silence = Output {
                code: 128,
                stdout: Vec::new(),
                stderr: "fatal: the remote end hung up unexpectedly".to_owned(),
            };
            let updates = [update(CLAIM, Some(&old), Some(&new))];
            let settled = || settle(repo, "origin", &updates, &silence);
            let error = settled().unwrap_err().to_string();
            assert!(error.contains("hung up"), "nothing happened: {error}");
            sandbox.git(
                repo,
                &["push", "-q", "-f", "origin", &format!("{new}:{CLAIM}")],
            );
            assert_eq!(settled().unwrap(), [PushOutcome::Done], "it was applied");
            sandbox.git(
                repo,
                &["push", "-q", "-f", "origin", &format!("{other}:{CLAIM}")],
            );
            assert_eq!(settled().unwrap(), [PushOutcome::Lost(Some(other))]);
            sandbox.git(&hub, &["update-ref", "-d", CLAIM]);
            assert_eq!(settled().unwrap(), [PushOutcome::Lost(None)]);
        });
    }

    #[test]
    fn a_partial_clone_fetches_status_and_records_with_their_content() {
        let sandbox = Sandbox::new();
        let (hub, clones) = hub(&sandbox, 1);
        sandbox.git(&hub, &["config", "uploadpack.allowFilter", "true"]);
        let partial = sandbox.clone_of("hub", "partial", &["--filter=blob:none", "-n"]);
        let id = record(&clones[0], None, "claim");
        push_one(&clones[0], CLAIM, None, Some(&id));
        fetch(&partial, "origin", &[id], false).unwrap();
        assert!(partial.has_object(&partial.blob_id(b"claim")));
    }

    #[test]
    fn a_remote_that_does_not_want_it_is_quoted() {
        use std::os::unix::fs::PermissionsExt;
        let sandbox = Sandbox::new();
        let (hub, clones) = hub(&sandbox, 1);
        let hook = hub.common_dir().join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\necho 'branch is protected' >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        let id = record(&clones[0], None, "a");
        let outcomes = [
            push_one(&clones[0], CLAIM, None, Some(&id)),
            fast_forward(&clones[0], "origin", &[(STATUS, None)], &id).unwrap(),
        ];
        for outcome in outcomes {
            let PushOutcome::Refused { why, .. } = outcome else {
                panic!("{outcome:?}")
            };
            assert!(
                why.contains("hook declined") && why.contains("protected"),
                "{why}"
            );
        }
    }

    #[test]
    fn a_lost_fast_forward_is_told_and_overwrites_nothing() {
        on_disk_and_in_memory(|sandbox| {
            let (hub, clones) = hub(sandbox, 2);
            let first = record(&clones[0], None, "first");
            let forward = |repo: &Repo, old: Option<&str>, new: &str| {
                fast_forward(repo, "origin", &[(STATUS, old)], new).unwrap()
            };
            assert_eq!(forward(&clones[0], None, &first), PushOutcome::Done);
            let rival = record(&clones[1], None, "rival root");
            let taken = PushOutcome::Lost(Some(first.clone()));
            assert_eq!(forward(&clones[1], None, &rival), taken);
            fetch(&clones[1], "origin", std::slice::from_ref(&first), false).unwrap();
            let ours = record(&clones[0], Some(&first), "ours");
            let theirs = record(&clones[1], Some(&first), "theirs");
            assert_eq!(
                forward(&clones[1], Some(&first), &theirs),
                PushOutcome::Done
            );
            let lost = PushOutcome::Lost(Some(theirs.clone()));
            assert_eq!(forward(&clones[0], Some(&first), &ours), lost);
            assert_eq!(super::super::refs::get(&hub, STATUS).unwrap(), Some(theirs));
        });
    }

    #[test]
    fn racing_fast_forwards_have_one_winner() {
        on_disk_and_in_memory(|sandbox| {
            let (hub, clones) = hub(sandbox, 4);
            let first = record(&clones[0], None, "first");
            fast_forward(&clones[0], "origin", &[(STATUS, None)], &first).unwrap();
            drop(clones);
            let outcomes: Vec<(String, PushOutcome)> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|n| {
                        let open = sandbox.opener(&format!("c{n}"));
                        let first = first.as_str();
                        scope.spawn(move || {
                            let repo = open();
                            fetch(&repo, "origin", &[first.to_owned()], false).unwrap();
                            let id = record(&repo, Some(first), &format!("writer {n}"));
                            let outcome =
                                fast_forward(&repo, "origin", &[(STATUS, Some(first))], &id);
                            (id, outcome.unwrap())
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let winner = super::super::refs::get(&hub, STATUS).unwrap().unwrap();
            for (id, outcome) in outcomes {
                match outcome {
                    PushOutcome::Done => assert_eq!(id, winner),
                    PushOutcome::Lost(found) => {
                        assert!(id != winner && found == Some(winner.clone()));
                    }
                    PushOutcome::Refused { why, .. } => panic!("{why}"),
                }
            }
        });
    }

    #[test]
    fn fetched_objects_are_linked_by_nothing() {
        let sandbox = Sandbox::new();
        let (_, clones) = hub(&sandbox, 2);
        let id = record(&clones[0], None, "a");
        push_one(&clones[0], CLAIM, None, Some(&id));
        // Whatever the user has configured.
        for (key, value) in [
            ("fetch.prune", "true"),
            ("fetch.pruneTags", "true"),
            ("fetch.all", "true"),
            ("remote.origin.tagOpt", "--tags"),
        ] {
            sandbox.git(&clones[1], &["config", key, value]);
        }
        sandbox.git(&clones[1], &["tag", "mine"]);
        sandbox.git(&clones[1], &["update-ref", "refs/planspec/mine", "HEAD"]);
        let before = sandbox.git(&clones[1], &["for-each-ref"]);
        assert!(!clones[1].has_object(&id));
        fetch(&clones[1], "origin", std::slice::from_ref(&id), true).unwrap();
        assert!(clones[1].has_object(&id));
        assert_eq!(sandbox.git(&clones[1], &["for-each-ref"]), before);
        assert!(!clones[1].common_dir().join("FETCH_HEAD").exists());
        assert!(!clones[1].is_shallow(), "a full clone stays one");
        fetch(&clones[1], "no matter", &[], false).unwrap_err();
        fetch(&clones[1], "origin", &[id], false).unwrap();
    }

    #[test]
    fn a_shallow_clone_fetches_by_id_and_stays_shallow() {
        let sandbox = Sandbox::new();
        let (_, clones) = hub(&sandbox, 1);
        let full = &clones[0];
        let commits: Vec<String> = (2..6)
            .map(|n| sandbox.commit(full, &[("a", &n.to_string())]))
            .collect();
        sandbox.git(full, &["push", "-q", "origin", "HEAD:main"]);
        let shallow = sandbox.clone_of("hub", "shallow", &["--depth=1"]);
        let more: Vec<String> = (6..9)
            .map(|n| sandbox.commit(full, &[("a", &n.to_string())]))
            .collect();
        sandbox.git(full, &["push", "-q", "origin", "HEAD:main"]);
        let claim = record(full, None, "claim");
        let report = record(full, Some(&claim), "report");
        push_one(full, CLAIM, None, Some(&report));

        fetch(&shallow, "origin", std::slice::from_ref(&more[2]), true).unwrap();
        assert!(shallow.has_object(&more[2]) && !shallow.has_object(&more[1]));
        fetch(&shallow, "origin", std::slice::from_ref(&report), false).unwrap();
        assert!(shallow.is_shallow());
        assert!(!shallow.has_object(&commits[2]), "history is not deepened");
        let shallow = sandbox.open("shallow");
        let chain = read_chain(&shallow, &report, None).unwrap();
        let InboxChain::Records { records, .. } = chain else {
            panic!("{chain:?}")
        };
        let ids: Vec<String> = records.into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [claim, report.clone()], "the chain is whole");
        let third = record(&shallow, Some(&report), "renewal");
        let pushed = push_one(&shallow, CLAIM, Some(&report), Some(&third));
        assert_eq!(pushed, PushOutcome::Done);
    }

    #[test]
    fn the_users_pre_push_hook_and_tags_stay_out_of_it() {
        use std::os::unix::fs::PermissionsExt;
        let sandbox = Sandbox::new();
        let (hub, clones) = hub(&sandbox, 1);
        let hook = clones[0].common_dir().join("hooks/pre-push");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        sandbox.git(&clones[0], &["config", "push.followTags", "true"]);
        let id = record(&clones[0], None, "a");
        sandbox.git(&clones[0], &["tag", "-a", "-m", "x", "v1", &id]);
        let pushed = push_one(&clones[0], CLAIM, None, Some(&id));
        assert_eq!(pushed, PushOutcome::Done);
        assert_eq!(sandbox.git(&hub, &["tag", "--list"]), "");
    }
}
