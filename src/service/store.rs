//! The repository as the store: one consistent look at spec, status and inbox, and the ways to
//! change them. With a remote everything shared is on the remote; without one nothing leaves this
//! machine. Commands see no difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::core::base::digest::sha256_hex;
use crate::core::base::invisible::is_invisible;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source;
use crate::core::repository::config::Config;
use crate::core::resource::Time;
use crate::core::run::record::{
    Action, Address, INBOX, MAX_CHAIN, MAX_RECORD_BYTES, RECORD_FILE, Received, Record, RunRef,
    Signature, mask_credentials, place_of_renewal,
};
use crate::core::run::status::{HIGH_WATER, StatusTree};
use crate::core::text::yaml;
use crate::git::commit::Files;
use crate::git::inbox::InboxChain;
use crate::git::read::Tree;
use crate::git::refs::Swap;
use crate::git::remote::{self, PushOutcome, ReadBack, RefUpdate};
use crate::git::signature::{self, SignatureVerifier};
use crate::git::{
    Cache, FALLBACK_EMAIL, GitError, Head, Identity, Repo, base, branch, inbox, maintenance, refs,
};
use crate::service::revision::{self, Settings};
use crate::service::status::StatusReader;
use crate::service::{Caller, Error, Fault, Result, high_water};

/// The repository, and the remote that everybody shares.
pub struct Store {
    /// The local repository.
    pub repo: Repo,
    /// Name of the remote, when one is configured.
    pub remote: Option<String>,
    /// Whose files are looked at and changed.
    pub side: Side,
}

/// Whose files are looked at and changed: those here, or those that everybody shares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Side {
    /// HEAD and the work tree, as whoever works in the checkout has them.
    #[default]
    Checkout,
    /// The spec branch as the last look found it, whatever is checked out; changes are commits on it.
    SpecBranch(Author),
}

/// By whom, and when, a commit on the spec branch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Author and committer.
    pub identity: Identity,
    /// The moment.
    pub now: Time,
    /// Where the commit is put on a branch of its own, for review: what its name begins with.
    pub for_review: Option<String>,
}

/// One consistent look: everything below was read at the same moment.
#[derive(Debug, Clone)]
pub struct View {
    /// Name of the spec branch.
    pub spec_branch: String,
    /// Its tip.
    pub spec_commit: String,
    /// The configuration at that commit.
    pub config: Config,
    /// Tip of the status branch, if there is one.
    pub status_tip: Option<String>,
    /// Where the newest status is that there was, as the ref says which is never put back.
    pub high_water: Option<String>,
    /// The branches, where spec and status are kept, and their tips.
    pub branches: BTreeMap<String, String>,
    /// Inbox refs that this version knows.
    pub inbox: BTreeMap<Address, String>,
    /// Refs that keep logs and work of attempts: see [`result_ref`].
    pub results: BTreeMap<String, String>,
    /// The time on the remote's server, where it says one.
    pub remote_time: Option<Time>,
}

/// The status branch, read.
#[derive(Debug)]
pub struct StoredStatus {
    /// The status.
    pub tree: StatusTree,
    /// Content of the pinned blobs, by object id.
    pub pinned: BTreeMap<String, Arc<[u8]>>,
    /// When it was written.
    pub time: Time,
}

/// What came of a record that was sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the inbox, under this commit id.
    Done(String),
    /// The ref was not where it was expected: somebody else was first.
    Taken,
}

impl Store {
    /// Open the repository around a folder; the current one when none is given.
    ///
    /// # Errors
    /// No repository, or a remote is configured that this clone does not know.
    pub fn open(dir: Option<&Path>) -> Result<Store> {
        let repo = Repo::open(dir)?;
        let remote = shared_remote(&repo)?;
        Ok(Store {
            repo,
            remote,
            side: Side::Checkout,
        })
    }

    /// Make a repository in a folder that stands before the one at an address, for programs that have no clone.
    ///
    /// # Errors
    /// The folder holds something else, or cannot be written.
    pub fn stand_before(url: &str, dir: &Path) -> Result {
        Ok(Repo::before_remote(dir, url)?)
    }

    /// The same repository, with another remote as the one that is shared; nothing where this clone does not know it.
    ///
    /// # Errors
    /// The repository cannot be used.
    pub fn on_remote(&self, remote: Option<String>) -> Result<Option<Store>> {
        let is_here = |name: &String| self.repo.remote_url(name).is_some();
        let Some(remote) = remote.filter(is_here) else {
            return Ok(None);
        };
        let at = self
            .repo
            .workdir()
            .unwrap_or_else(|| self.repo.common_dir());
        let repo = Repo::open(Some(at))?;
        let remote = Some(remote);
        Ok(Some(Store {
            repo,
            remote,
            side: self.side.clone(),
        }))
    }

    /// The commit whose files count for whoever asks; nothing where there is none yet.
    ///
    /// # Errors
    /// HEAD, or the ref of the spec branch, is damaged.
    pub fn here(&self) -> Result<Option<String>> {
        match &self.side {
            Side::Checkout => Ok(self.repo.head()?.commit().map(str::to_owned)),
            Side::SpecBranch(_) => Ok(self.known_if_any()?.map(|view| view.spec_commit)),
        }
    }

    /// By whom commits on the spec branch are; nothing where changes are made in the checkout.
    pub fn author(&self) -> Option<&Author> {
        match &self.side {
            Side::SpecBranch(author) => Some(author),
            Side::Checkout => None,
        }
    }

    /// Whether the work tree here is the spec branch, which nobody else has: to move that alone would leave the work tree
    /// behind.
    ///
    /// # Errors
    /// HEAD is damaged, or there is no spec branch.
    pub fn has_spec_branch_checked_out(&self) -> Result<bool> {
        let is_for_review = self
            .author()
            .is_some_and(|author| author.for_review.is_some());
        if self.remote.is_some() || self.repo.workdir().is_none() || is_for_review {
            return Ok(false);
        }
        let Head::Branch { name, .. } = self.repo.head()? else {
            return Ok(false);
        };
        Ok(self.known()?.spec_branch == name)
    }

    /// Commit files on the spec branch, behind the tip that a view has, or on a branch of their own; the id of the commit, and the
    /// branch.
    ///
    /// # Errors
    /// [`Fault::Moved`] when somebody else was first; the remote cannot be reached or refuses the push.
    pub fn commit_spec(
        &self,
        view: &View,
        files: &Files,
        message: &str,
    ) -> Result<(String, String)> {
        let Some(author) = self.author() else {
            return Err(Error::unsupported("changes are made in the checkout"));
        };
        let by = (author.now, &author.identity);
        let tip = view.spec_commit.as_str();
        let id = branch::commit_on(&self.repo, Some(tip), files, message, by)?;
        let own = |begin: &String| (format!("{begin}{}", id.get(..12).unwrap_or(&id)), None);
        let direct = || (view.spec_branch.clone(), Some(tip));
        let (branch, old) = author.for_review.as_ref().map_or_else(direct, own);
        let name = format!("refs/heads/{branch}");
        let done = match &self.remote {
            None => {
                let why = "planspec: apply";
                refs::compare_and_swap(&self.repo, &name, old, &id, why)? == Swap::Done
            }
            Some(remote) => {
                let outcome = remote::fast_forward(&self.repo, remote, &[(&name, old)], &id)?;
                let done = went_through(outcome, remote)?;
                if done {
                    self.track(remote, &branch, Some(&id));
                }
                done
            }
        };
        maintenance::run(&self.repo);
        // The same, sent again in the same second, is the same commit on the same branch.
        let is_there = old.is_none() && refs::get(&self.repo, &name)?.as_ref() == Some(&id);
        if done || is_there {
            return Ok((id, branch));
        }
        let why = format!("somebody else has just moved `{branch}`");
        Err(Error {
            fault: Some(Fault::Moved),
            ..Error::conflict(why).hint("nothing was written: send it again")
        })
    }

    /// Who acts: who is named, else the e-mail that Git commits with.
    ///
    /// # Errors
    /// Nobody is named, and Git does not know an e-mail.
    pub fn actor(&self, caller: &Caller) -> Result<String> {
        let email = self.repo.identity().email;
        match &caller.actor {
            Some(actor) if actor.trim().is_empty() => {
                Err(Error::ambiguous("the actor's name is empty"))
            }
            Some(actor) if actor.chars().any(is_invisible) => Err(Error::ambiguous(format!(
                "the actor's name `{actor}` has characters that cannot be seen"
            ))
            .hint("use visible characters on one line, as in `--as agent:claude`")),
            Some(actor) => Ok(actor.clone()),
            None if email == FALLBACK_EMAIL => Err(Error::ambiguous("actor not set")
                .hint("add `--as NAME`, or run `git config user.email you@example.com`")),
            None => Ok(email),
        }
    }

    /// What people should know whose records and whose status stay here although there is a remote.
    pub fn keeps_to_itself(&self) -> Option<String> {
        if self.remote.is_some() || self.repo.config("planspec.remote").is_some() {
            return None;
        }
        let remotes = usual_remotes(&self.repo).ok()?;
        let shown: Vec<String> = remotes.iter().map(|name| format!("`{name}`")).collect();
        let wanted = "or confirm that this is intended: `git config planspec.remote \"\"`";
        match (remotes.as_slice(), shown.join(", ")) {
            ([], _) => None,
            ([remote], shown) => Some(format!(
                "nothing leaves this clone: there is a remote {shown}, but `status.remote` is not \
                 set; set it to {remote} in {CONFIG_FILE} and commit that, {wanted}"
            )),
            ([first, ..], shown) => Some(format!(
                "nothing leaves this clone: there are remotes {shown}, but `status.remote` is not \
                 set; name the shared one, as in `git config planspec.remote {first}`, {wanted}"
            )),
        }
    }

    /// Look now: at the remote when there is one.
    ///
    /// # Errors
    /// The remote cannot be reached, there is no spec branch, or the status branch is not where it was left.
    pub fn fresh(&self) -> Result<View> {
        high_water::look(self)
    }

    /// The same, whatever became of the status branch.
    ///
    /// # Errors
    /// The remote cannot be reached, or there is no spec branch.
    pub fn look(&self) -> Result<View> {
        match &self.remote {
            Some(remote) => self.fresh_from(remote),
            None => self.local_view(),
        }
    }

    /// What is known without asking the remote: the state of the last fetch.
    ///
    /// # Errors
    /// There is no spec branch.
    pub fn known(&self) -> Result<View> {
        let Some(remote) = &self.remote else {
            return self.local_view();
        };
        let tracking = format!("refs/remotes/{remote}/");
        let mut tips: BTreeMap<String, String> = refs::list(&self.repo, &tracking)?
            .into_iter()
            .map(|(name, id)| (name[tracking.len()..].to_owned(), id))
            .collect();
        let default = self.repo.remote_head(remote)?;
        tips.remove("HEAD");
        if tips.is_empty() {
            // A bare clone has the remote's branches among its local ones.
            tips = self.repo.local_branches()?;
        }
        self.repo.rely_on(remote, tips.values());
        let (spec_branch, spec_commit, config) = self.choose_spec(&tips, default)?;
        let status_tip = tips.get(&config.status.branch).cloned();
        Ok(View {
            spec_branch,
            spec_commit,
            config,
            status_tip,
            high_water: None,
            branches: tips,
            inbox: BTreeMap::new(),
            results: BTreeMap::new(),
            remote_time: None,
        })
    }

    /// The tip of the spec branch as the last fetch found it; nothing where this clone cannot be
    /// sure which branch that is.
    ///
    /// # Errors
    /// A ref is damaged.
    pub fn known_spec_branch(&self) -> Result<Option<String>> {
        let remote = match &self.remote {
            Some(remote) => Some(remote.clone()),
            None => usual_remotes(&self.repo)?.into_iter().next(),
        };
        let Some(remote) = remote else {
            return Ok(None);
        };
        let Some(default) = self.repo.remote_head(&remote)? else {
            return Ok(None);
        };
        match &self.remote {
            Some(_) => Ok(self.known().ok().map(|view| view.spec_commit)),
            // No remote is shared, but there is the one from which this was cloned.
            None => Ok(self
                .repo
                .resolve(&format!("refs/remotes/{remote}/{default}"))?),
        }
    }

    /// What is [`known`](Store::known), or nothing in a clone without a spec branch.
    ///
    /// # Errors
    /// A ref is damaged: that must not be taken for a branch that never was.
    pub fn known_if_any(&self) -> Result<Option<View>> {
        self.repo.local_branches()?;
        if let Some(remote) = &self.remote {
            refs::list(&self.repo, &format!("refs/remotes/{remote}/"))?;
        }
        Ok(self.known().ok())
    }

    fn local_view(&self) -> Result<View> {
        let branches = self.repo.local_branches()?;
        let (spec_branch, spec_commit, config) = self.choose_spec(&branches, None)?;
        let status_tip = branches.get(&config.status.branch).cloned();
        let shared = refs::list(&self.repo, INBOX)?;
        Ok(View {
            spec_branch,
            spec_commit,
            config,
            status_tip,
            high_water: shared.get(HIGH_WATER).cloned(),
            branches,
            results: results(&shared),
            remote_time: None,
            inbox: addresses(shared),
        })
    }

    fn fresh_from(&self, remote: &str) -> Result<View> {
        let patterns = ["HEAD", "refs/heads/*", "refs/planspec/*"];
        let listing = remote::list(&self.repo, remote, &patterns)?;
        let branches: BTreeMap<String, String> = listing
            .refs
            .iter()
            .filter_map(|(name, id)| {
                Some((name.strip_prefix("refs/heads/")?.to_owned(), id.clone()))
            })
            .collect();
        if branches.is_empty() {
            return Err(
                Error::not_ready(format!("remote `{remote}` has no branch yet"))
                    .hint(format!("push the resources first: git push {remote} HEAD")),
            );
        }
        let default = listing.default_branch.clone();
        let configured = self.repo.config("planspec.specBranch");
        self.have_at_once(remote, &branches, default.as_deref())?;
        for name in default.iter().chain(&configured) {
            if let Some(tip) = branches.get(name) {
                self.have(remote, name, tip)?;
            }
        }
        let have = |name: &str, tip: &str| self.have(remote, name, tip);
        let (spec_branch, spec_commit, config) =
            self.choose_spec_with(&branches, default, &have)?;
        let status_tip = branches.get(&config.status.branch).cloned();
        if let Some(tip) = &status_tip {
            self.have(remote, &config.status.branch, tip)?;
        }
        self.check_is_this_project(remote, &spec_branch, &spec_commit)?;
        self.track(remote, &spec_branch, Some(&spec_commit));
        let high_water = listing.refs.get(HIGH_WATER).cloned();
        if high_water.is_none() {
            self.check_lost(remote, &config, status_tip.as_deref())?;
        }
        Ok(View {
            spec_branch,
            spec_commit,
            config,
            status_tip,
            high_water,
            branches,
            results: results(&listing.refs),
            remote_time: listing.time,
            inbox: addresses(listing.refs),
        })
    }

    /// A remote that this clone alone names may be another project's, and records that are pushed there are its own
    /// from then on.
    fn check_is_this_project(&self, remote: &str, branch: &str, tip: &str) -> Result {
        if self.repo.config("planspec.remote").is_none() {
            return Ok(());
        }
        let Some(here) = refs::get(&self.repo, &format!("refs/heads/{branch}"))? else {
            return Ok(());
        };
        if self.repo.are_related(&here, tip)? != Some(false) {
            return Ok(());
        }
        Err(Error::conflict(format!(
            "`git config planspec.remote` names {remote}, which is another project: its `{branch}` \
             and the one here have no commit in common"
        ))
        .hint(
            "use the name in the configuration file with `git config --unset planspec.remote`, or \
             name the remote of this project: `git config planspec.remote NAME`",
        ))
    }

    /// Of a shallow clone, as CI has it, get the tips by one fetch that are most likely the spec branch and the status branch.
    fn have_at_once(
        &self,
        remote: &str,
        branches: &BTreeMap<String, String>,
        default: Option<&str>,
    ) -> Result {
        if !self.repo.is_shallow() {
            return Ok(());
        }
        let usual = Config::default().status.branch;
        let likely = default.into_iter().chain([usual.as_str()]);
        let tips: Vec<String> = likely
            .filter_map(|name| branches.get(name).cloned())
            .collect();
        Ok(remote::fetch(&self.repo, remote, &tips, true)?)
    }

    /// Fetch the tip of a branch, unless it is what the last fetch brought. That the commit is here
    /// proves nothing: while somebody else fetches into this clone, it comes before what it holds.
    fn have(&self, remote: &str, branch: &str, tip: &str) -> Result {
        let tracked = refs::get(&self.repo, &format!("refs/remotes/{remote}/{branch}"))?;
        if tracked.as_deref() == Some(tip) && self.repo.has_object(tip) {
            self.repo.rely_on(remote, [tip]);
            return Ok(());
        }
        let shallow = self.repo.is_shallow();
        Ok(remote::fetch(
            &self.repo,
            remote,
            &[tip.to_owned()],
            shallow,
        )?)
    }

    /// Make sure that a commit is here; of a shallow clone, not what is behind it.
    ///
    /// # Errors
    /// It is nowhere.
    pub fn get_commit(&self, id: &str) -> Result {
        match &self.remote {
            Some(remote) => self.fetch_missing(remote, &[id.to_owned()], self.repo.is_shallow()),
            None => Ok(()),
        }
    }

    fn fetch_missing(&self, remote: &str, ids: &[String], shallow: bool) -> Result {
        let missing = ids.iter().filter(|id| !self.repo.has_object(id));
        let missing: Vec<String> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Ok(remote::fetch(&self.repo, remote, &missing, shallow)?)
    }

    /// Move the remote-tracking ref, as `git fetch` would.
    pub fn track(&self, remote: &str, branch: &str, tip: Option<&str>) {
        if let Some(tip) = tip {
            refs::follow(&self.repo, &format!("refs/remotes/{remote}/{branch}"), tip);
        }
    }

    /// Take note of where the status branch is, as `git fetch` would.
    pub fn track_status(&self, view: &View) {
        if let Some(remote) = &self.remote {
            self.track(
                remote,
                &view.config.status.branch,
                view.status_tip.as_deref(),
            );
        }
    }

    /// A status branch that was there and is gone holds runs: it is never begun anew silently.
    fn check_lost(&self, remote: &str, config: &Config, tip: Option<&str>) -> Result {
        let branch = &config.status.branch;
        let name = format!("refs/remotes/{remote}/{branch}");
        let known = refs::get(&self.repo, &name)?;
        match (tip, known) {
            (None, Some(known)) => Err(Error::unavailable(format!(
                "the status branch `{branch}` is gone from remote `{remote}`, and with it every run"
            ))
            .hint(format!(
                "restore it with `git push {remote} {known}:refs/heads/{branch}`; to start a new \
                 status instead, run `git update-ref -d {name}` first"
            ))),
            _ => Ok(()),
        }
    }

    fn choose_spec(
        &self,
        branches: &BTreeMap<String, String>,
        default: Option<String>,
    ) -> Result<(String, String, Config)> {
        self.choose_spec_with(branches, default, &|_, _| Ok(()))
    }

    /// Which branch is the spec branch: local git configuration, else what the configuration file
    /// on the default branch says, else the default branch. `have` makes a commit readable.
    fn choose_spec_with(
        &self,
        branches: &BTreeMap<String, String>,
        default: Option<String>,
        have: &dyn Fn(&str, &str) -> Result,
    ) -> Result<(String, String, Config)> {
        let usual = ["main", "master"];
        let is_status = |name: &str| name.starts_with("planspec/");
        let mut own = branches.keys().filter(|name| !is_status(name));
        let only = match (own.next(), own.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        };
        let base = self
            .repo
            .config("planspec.specBranch")
            .or_else(|| default.filter(|name| branches.contains_key(name)))
            .or_else(|| {
                let usual = usual.into_iter().find(|name| branches.contains_key(*name));
                usual.map(str::to_owned)
            })
            .or(only);
        let Some(base) = base else {
            return Err(self.no_spec_branch(branches)?);
        };
        let tip_of = |name: &str| {
            branches.get(name).cloned().ok_or_else(|| {
                Error::unavailable(format!("the spec branch `{name}` does not exist"))
                    .hint("create it, or name another in `specBranch` of .planspec.yaml")
            })
        };
        let tip = tip_of(&base)?;
        let config = self.config_at(&tip)?;
        let wanted = match (&config.spec_branch, self.repo.config("planspec.specBranch")) {
            (Some(name), None) if *name != base => name.clone(),
            _ => return Ok((base, tip, config)),
        };
        let tip = tip_of(&wanted)?;
        have(&wanted, &tip)?;
        let config = self.config_at(&tip)?;
        Ok((wanted, tip, config))
    }

    fn no_spec_branch(&self, branches: &BTreeMap<String, String>) -> Result<Error> {
        if branches.is_empty() && !self.repo.remotes()?.is_empty() {
            return Ok(Error::not_ready("there are no commits in this clone").hint(
                "get the remote's commits with `git pull`; if it has none yet, commit a first file",
            ));
        }
        if branches.is_empty() {
            return Ok(Error::no_commits());
        }
        let names: Vec<&str> = branches.keys().map(String::as_str).collect();
        let head = match self.repo.head()? {
            Head::Branch { name, .. } => name,
            _ => names.first().copied().unwrap_or("main").to_owned(),
        };
        Ok(Error::unavailable(format!(
            "cannot tell which of {} is the spec branch",
            names.join(", ")
        ))
        .hint(format!("name it: git config planspec.specBranch {head}")))
    }

    /// The configuration as it stands in a commit.
    ///
    /// # Errors
    /// It is broken: nothing can be decided by it.
    pub fn config_at(&self, commit: &str) -> Result<Config> {
        Settings::read(&self.repo, Tree::Commit(commit))?.usable()
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// `NotFound` when it names none.
    pub fn commit_of(&self, revision: &str) -> Result<String> {
        commit_of(&self.repo, revision)
    }

    /// The same, also of a commit that only the remote has, by its whole id.
    ///
    /// # Errors
    /// `NotFound` when it names none.
    pub fn commit_anywhere(&self, revision: &str) -> Result<String> {
        let is_id = matches!(revision.len(), 40 | 64);
        if is_id
            && revision.chars().all(|c| c.is_ascii_hexdigit())
            && !self.has_or_fetches(&revision.to_lowercase())
        {
            let why = format!("commit {revision} is neither here nor on the remote");
            return Err(Error::not_found(why).hint("push it from the clone where it was made"));
        }
        self.commit_of(revision)
    }

    /// The files of a commit that may hold resources.
    ///
    /// # Errors
    /// The commit cannot be read.
    pub fn files(&self, commit: &str, config: &Config) -> Result<Vec<source::SourceFile>> {
        revision::files(&self.repo, Tree::Commit(commit), config)
    }

    /// The status branch at a tip.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn status_at(&self, tip: &str) -> Result<StoredStatus> {
        StatusReader::at(&self.repo, tip)?.whole()
    }

    /// The status that a view points to, if there is one.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn status(&self, view: &View) -> Result<Option<StoredStatus>> {
        view.status_tip
            .as_deref()
            .map(|tip| self.status_at(tip))
            .transpose()
    }

    /// Try to get a commit that is no longer, or not yet, here.
    fn fetch_commit(&self, id: &str) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let fetched = remote::fetch(&self.repo, remote, &[id.to_owned()], self.repo.is_shallow());
        fetched.is_ok() && self.repo.has_object(id)
    }

    /// Whether an object is here, or can be got.
    pub fn has_or_fetches(&self, id: &str) -> bool {
        self.repo.has_object(id) || self.fetch_commit(id)
    }

    /// Whether a commit is part of the spec branch. Where that has to be known, a shallow history is deepened.
    ///
    /// # Errors
    /// This clone does not reach far enough, and the rest cannot be got.
    pub fn is_merged(&self, view: &View, commit: &str) -> Result<bool> {
        let spec = &view.spec_commit;
        if commit == spec {
            return Ok(true);
        }
        let is_commit = self.has_or_fetches(commit) && self.repo.commit_time(commit).is_ok();
        if !is_commit {
            return Ok(false);
        }
        match base::merge_base(&self.repo, self.remote.as_deref(), commit, spec) {
            Ok(base) => Ok(base == commit),
            // The two have nothing in common.
            Err(GitError::Unusable(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Make sure that inbox commits are here, in quarantine: nothing points to them yet.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub fn fetch_records(&self, tips: &[String]) -> Result {
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        // Whole chains, also in a shallow clone: they are short and begin at nothing.
        self.fetch_missing(remote, tips, false)
    }

    /// The records of a ref behind `known`.
    ///
    /// # Errors
    /// In a sentence: what stands there is no chain of records, and nothing on it is believed.
    pub fn records(
        &self,
        tip: &str,
        known: Option<&str>,
    ) -> Result<std::result::Result<(Vec<Received>, bool), String>> {
        let read = || inbox::read_chain(&self.repo, tip, known);
        self.records_of(tip, &read)
    }

    /// The records that stand on a ref, without what was replaced there.
    ///
    /// # Errors
    /// As [`Store::records`].
    pub fn standing_records(
        &self,
        tip: &str,
    ) -> Result<std::result::Result<Vec<Received>, String>> {
        let found = self.records_of(tip, &|| inbox::read_standing(&self.repo, tip))?;
        Ok(found.map(|(records, _)| records))
    }

    /// The records that stand on a ref; behind something else that was put there, those that stood on it before. And what is
    /// wrong with that.
    ///
    /// # Errors
    /// As [`Store::records`], without the sentence.
    pub fn records_behind(&self, tip: &str) -> Result<(Vec<Received>, Option<String>)> {
        let why = match self.standing_records(tip)? {
            Ok(records) => return Ok((records, None)),
            Err(why) => why,
        };
        let records = match self.last_sound(tip)? {
            Some(sound) => self.standing_records(&sound)?.unwrap_or_default(),
            None => Vec::new(),
        };
        Ok((records, Some(why)))
    }

    /// The last commit behind a refused tip at which a chain of records ends.
    ///
    /// # Errors
    /// As [`Store::records`], without the sentence.
    pub fn last_sound(&self, tip: &str) -> Result<Option<String>> {
        let behind = inbox::behind(&self.repo, tip)?;
        let (mut from, mut to) = (0, behind.len());
        // Behind a sound one all are sound.
        while from < to {
            let middle = from.midpoint(to);
            match self.standing_records(&behind[middle])? {
                Ok(_) => to = middle,
                Err(_) => from = middle + 1,
            }
        }
        Ok(behind.into_iter().nth(to))
    }

    /// Nobody is heard behind something that is no record.
    fn check_chain(&self, tip: &str) -> Result {
        self.fetch_records(&[tip.to_owned()])?;
        match self.standing_records(tip)? {
            Ok(_) => Ok(()),
            Err(why) => Err(Error::conflict(format!(
                "its inbox ref contains something that is not a record: {why}"
            ))
            .hint("`planspec reconcile` opens the next attempt; then repeat this command")),
        }
    }

    fn records_of(
        &self,
        tip: &str,
        read: &dyn Fn() -> crate::git::Result<InboxChain>,
    ) -> Result<std::result::Result<(Vec<Received>, bool), String>> {
        let chain = match (read(), &self.remote) {
            // Somebody else is fetching it into this clone: a commit is here before what it holds.
            (Err(error @ GitError::Missing(_)), Some(remote)) => {
                let fetched = remote::fetch(&self.repo, remote, &[tip.to_owned()], false);
                // What cannot be fetched is missing: that is the error.
                fetched.map_err(|_| error)?;
                read()?
            }
            (chain, _) => chain?,
        };
        let known_to_replace;
        let (texts, rewritten) = match chain {
            InboxChain::Records {
                records,
                rewritten,
                replacing,
            } => {
                known_to_replace = replacing;
                (records, rewritten)
            }
            InboxChain::Refused(why) => return Ok(Err(why)),
        };
        let mut records = Vec::new();
        for (id, bytes) in texts {
            match read_record(&bytes) {
                Ok(record) if known_to_replace.as_ref() == Some(&id) && !is_renewal(&record) => {
                    return Ok(Err(format!(
                        "record {id} replaces others, but is not a renewal"
                    )));
                }
                Ok(record) => records.push(Received {
                    id,
                    record,
                    signature: Signature::Unchecked,
                    is_foreign: false,
                }),
                Err(why) => return Ok(Err(format!("record {id}: {why}"))),
            }
        }
        Ok(Ok((records, rewritten)))
    }

    /// Find out who signed a record that arrived at `arrival`, if the spec branch wants to know.
    ///
    /// # Errors
    /// An object cannot be read, or there is no room for temporary files.
    pub fn signature(
        &self,
        view: &View,
        arrival: Time,
        id: &str,
        record: &Record,
    ) -> Result<Signature> {
        if !must_be_signed(view, record) {
            return Ok(Signature::Unchecked);
        }
        self.judge_signature(view, arrival, id, &record.actor)
    }

    /// The same, where that can be told without running a program.
    ///
    /// # Errors
    /// An object cannot be read.
    pub fn signature_without_programs(
        &self,
        view: &View,
        arrival: Time,
        id: &str,
        record: &Record,
    ) -> Result<Option<Signature>> {
        if !must_be_signed(view, record) {
            return Ok(Some(Signature::Unchecked));
        }
        let names = view.config.approvals.names_of(&record.actor);
        let verifier = self.verifier(view, arrival);
        Ok(verifier.check_without_programs(id, &record.actor, &names)?)
    }

    /// Find out who signed a record by an actor.
    ///
    /// # Errors
    /// As [`Store::signature`].
    pub fn judge_signature(
        &self,
        view: &View,
        arrival: Time,
        id: &str,
        actor: &str,
    ) -> Result<Signature> {
        let names = view.config.approvals.names_of(actor);
        Ok(self.verifier(view, arrival).check(id, actor, &names)?)
    }

    /// What signatures are judged by that arrived at `arrival`.
    pub fn verifier<'s>(&'s self, view: &'s View, arrival: Time) -> SignatureVerifier<'s> {
        SignatureVerifier {
            repo: &self.repo,
            commit: &view.spec_commit,
            approvals: &view.config.approvals,
            arrival,
        }
    }

    /// Write a record behind `old`; nothing points to it yet.
    ///
    /// # Errors
    /// It is too large, or cannot be written.
    pub fn write_record(&self, old: Option<&str>, record: &Record, now: Time) -> Result<String> {
        let mut value = serde_json::to_value(record)?;
        mask_credentials(&mut value);
        let text = yaml::write(&value);
        let identity = self.identity();
        if let Some(old) = old {
            self.check_chain(old)?;
        }
        if let Some(old) = old.filter(|old| self.repo.has_object(old))
            && !inbox::has_room(&self.repo, old)?
        {
            let why = format!("its inbox ref has {MAX_CHAIN} records, which is the maximum");
            return Err(Error::conflict(why).hint(
                "when the lease has expired, the next attempt has its own ref; send it again then",
            ));
        }
        Ok(inbox::write_record(&self.repo, old, &text, now, &identity)?)
    }

    /// Send a renewal behind `tip`, in a chain of so many records that begins with `claim`: when there are many it
    /// stands in the place of those before it. Also, how many records there are then.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub fn renew(
        &self,
        address: &Address,
        (claim, tip, length): (&str, &str, usize),
        record: &Record,
        now: Time,
    ) -> Result<(Sent, usize)> {
        let place = place_of_renewal(length);
        self.check_chain(tip)?;
        if !place.replaces {
            return Ok((self.send(address, Some(tip), record, now)?, place.length));
        }
        let text = yaml::write(&serde_json::to_value(record)?);
        let identity = self.identity();
        let id = inbox::write_replacing(&self.repo, (claim, tip), &text, now, &identity)?;
        let sent = self.send_written(address, Some(tip), id, record.action.word())?;
        Ok((sent, place.length))
    }

    /// Sign a record that was written, as the user's own git signs.
    ///
    /// # Errors
    /// Git cannot sign.
    pub fn sign_record(&self, id: &str, now: Time) -> Result<String> {
        Ok(signature::sign(&self.repo, id, now, &self.identity())?)
    }

    /// Send a record: create its ref (`old` is nothing) or move it on from `old`.
    ///
    /// # Errors
    /// The remote cannot be reached or refuses for another reason than a lost race.
    pub fn send(
        &self,
        address: &Address,
        old: Option<&str>,
        record: &Record,
        now: Time,
    ) -> Result<Sent> {
        let id = self.write_record(old, record, now)?;
        self.send_written(address, old, id, record.action.word())
    }

    /// Send a record that was written behind `old`: `word` is what it is about.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub fn send_written(
        &self,
        address: &Address,
        old: Option<&str>,
        id: String,
        word: &str,
    ) -> Result<Sent> {
        let name = address.ref_name();
        let done = match &self.remote {
            None => {
                let why = format!("planspec: {word}");
                refs::compare_and_swap(&self.repo, &name, old, &id, &why)? == Swap::Done
            }
            Some(remote) => {
                let update = RefUpdate {
                    name: name.clone(),
                    old: old.map(str::to_owned),
                    new: Some(id.clone()),
                };
                self.push_one(remote, update)?
                    && (old.is_some() || self.is_exclusive(remote, address, &id)?)
            }
        };
        maintenance::run(&self.repo);
        Ok(if done { Sent::Done(id) } else { Sent::Taken })
    }

    /// Send a record that was written behind `old`, and with it a commit that it names: everybody can get that as long as a
    /// ref of its attempt is there. All of it, or nothing.
    ///
    /// # Errors
    /// As [`Store::send`]; the commit cannot be pushed.
    pub fn send_with_result(
        &self,
        record: (&Address, Option<&str>, String),
        kept: (&str, Option<&str>, &str),
        now: Time,
    ) -> Result<Sent> {
        let ((address, old, id), (name, keeper, commit)) = (record, kept);
        // What was kept before stays, where it can be got.
        let before = keeper.filter(|keeper| self.has_or_fetches(keeper));
        let parents: Vec<&str> = std::iter::once(commit).chain(before).collect();
        let new = inbox::write_keeper(&self.repo, &parents, (now, &self.identity()))?;
        let Some(remote) = &self.remote else {
            self.keep(name, &new)?;
            return self.send_written(address, old, id, "report");
        };
        let update = |name: String, old: Option<&str>, new: &str| RefUpdate {
            name,
            old: old.map(str::to_owned),
            new: Some(new.to_owned()),
        };
        let updates = [
            update(address.ref_name(), old, &id),
            update(name.to_owned(), keeper, &new),
        ];
        let Some(outcomes) = remote::push_together(&self.repo, remote, &updates)? else {
            self.keep(name, &new)?;
            return self.send_written(address, old, id, "report");
        };
        for outcome in outcomes {
            if !went_through(outcome, remote)? {
                return Ok(Sent::Taken);
            }
        }
        let done = old.is_some() || self.is_exclusive(remote, address, &id)?;
        Ok(if done { Sent::Done(id) } else { Sent::Taken })
    }

    /// Whether the ref of an attempt that was created stands where everybody looks for it: pushes may go elsewhere than
    /// fetches, and a server may hide refs. That is looked at where it is known to differ, and once in each clone.
    fn is_exclusive(&self, remote: &str, address: &Address, id: &str) -> Result<bool> {
        if !matches!(address, Address::Work { .. }) {
            return Ok(true);
        }
        let is_split = remote::is_split(&self.repo, remote)?;
        let cache = Cache::new(&self.repo);
        let url = self.repo.remote_url(remote).unwrap_or_default();
        let seen = format!("seen-{}", &sha256_hex(url.as_bytes())[..16]);
        if !is_split && cache.load(&seen).is_some() {
            return Ok(true);
        }
        let name = address.ref_name();
        match remote::read_back(&self.repo, remote, &name, id)? {
            ReadBack::Same => {
                cache.store(&seen, b"");
                Ok(true)
            }
            ReadBack::Other => Ok(false),
            ReadBack::Nowhere => {
                // It is nobody's claim; where it cannot be taken back, it is one that nobody reads.
                if let Err(error) = self.forget(&[(name.clone(), id.to_owned())]) {
                    tracing::warn!("{name} could not be deleted: {}", error.message);
                }
                Err(not_seen(remote, is_split))
            }
        }
    }

    /// Refs below a prefix that ends in `/`, of the remote where there is one.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub fn refs_below(&self, prefix: &str) -> Result<BTreeMap<String, String>> {
        match &self.remote {
            None => Ok(refs::list(&self.repo, prefix)?),
            Some(remote) => {
                let listed = remote::list(&self.repo, remote, &[&format!("{prefix}*")])?;
                Ok(listed.refs)
            }
        }
    }

    /// What stands on a ref, one text for each commit of its chain, oldest first; or why nothing there is believed.
    ///
    /// # Errors
    /// The remote cannot be used; an object is broken.
    pub fn texts(&self, tip: &str) -> Result<std::result::Result<Vec<(String, Vec<u8>)>, String>> {
        self.fetch_records(&[tip.to_owned()])?;
        Ok(match inbox::read_standing(&self.repo, tip)? {
            InboxChain::Records { records, .. } => Ok(records),
            InboxChain::Refused(why) => Err(why),
        })
    }

    /// Write a text behind `old`, as a record is written; nothing points to it yet.
    ///
    /// # Errors
    /// It is too large, or cannot be written.
    pub fn write_text(&self, old: Option<&str>, text: &str, now: Time) -> Result<String> {
        let identity = self.identity();
        Ok(inbox::write_record(&self.repo, old, text, now, &identity)?)
    }

    /// Move a ref from `old` to what was written behind it; false when somebody else was first.
    ///
    /// # Errors
    /// The remote cannot be reached or refuses for another reason than a lost race.
    pub fn send_text(&self, name: &str, old: Option<&str>, id: &str) -> Result<bool> {
        match &self.remote {
            None => {
                let swap = refs::compare_and_swap(&self.repo, name, old, id, "planspec: verdict")?;
                Ok(swap == Swap::Done)
            }
            Some(remote) => {
                let update = RefUpdate {
                    name: name.to_owned(),
                    old: old.map(str::to_owned),
                    new: Some(id.to_owned()),
                };
                self.push_one(remote, update)
            }
        }
    }

    fn push_one(&self, remote: &str, update: RefUpdate) -> Result<bool> {
        let outcomes = remote::push(&self.repo, remote, &[update])?;
        match outcomes.into_iter().next() {
            Some(outcome) => went_through(outcome, remote),
            None => Err(Error::unavailable(format!(
                "remote `{remote}` said nothing about the push"
            ))),
        }
    }

    /// Move the status branch on from `old` to a new commit, and with it the ref that is never put back. False when somebody
    /// else was first.
    ///
    /// # Errors
    /// The remote cannot be reached or refuses for another reason than a lost race.
    pub fn publish(&self, view: &View, old: Option<&str>, commit: &str) -> Result<bool> {
        let branch = &view.config.status.branch;
        let name = format!("refs/heads/{branch}");
        match &self.remote {
            None => {
                let why = "planspec: reconcile";
                let swap = refs::compare_and_swap(&self.repo, &name, old, commit, why)?;
                let done = swap == Swap::Done;
                if done && let Err(error) = self.raise_high_water(view, commit) {
                    // The next reconcile does.
                    tracing::debug!(%error.message, "the high-water ref was not updated");
                }
                maintenance::run(&self.repo);
                Ok(done)
            }
            Some(remote) => {
                let moved = [
                    (name.as_str(), old),
                    (HIGH_WATER, view.high_water.as_deref()),
                ];
                let outcome = remote::fast_forward(&self.repo, remote, &moved, commit)?;
                let done = went_through(outcome, remote)?;
                if done {
                    self.track(remote, branch, Some(commit));
                    maintenance::run(&self.repo);
                }
                Ok(done)
            }
        }
    }

    /// Whether a commit is the status still: nobody has written another one since.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub fn is_status(&self, view: &View, commit: &str) -> Result<bool> {
        let name = format!("refs/heads/{}", view.config.status.branch);
        let tip = match &self.remote {
            None => refs::get(&self.repo, &name)?,
            Some(remote) => remote::list(&self.repo, remote, &[&name])?
                .refs
                .remove(&name),
        };
        Ok(tip.as_deref() == Some(commit))
    }

    /// Move the ref that is never put back on to a status commit that follows it. Where somebody else did, theirs is as good.
    ///
    /// # Errors
    /// The remote cannot be reached or refuses.
    pub fn raise_high_water(&self, view: &View, commit: &str) -> Result {
        let old = view.high_water.as_deref();
        match &self.remote {
            None => {
                let why = "planspec: reconcile";
                refs::compare_and_swap(&self.repo, HIGH_WATER, old, commit, why)?;
            }
            Some(remote) => {
                let moved = [(HIGH_WATER, old)];
                let outcome = remote::fast_forward(&self.repo, remote, &moved, commit)?;
                went_through(outcome, remote)?;
            }
        }
        Ok(())
    }

    /// Keep a commit under a ref of this attempt's own: whoever holds the claim may write it, and
    /// replaces what is there.
    ///
    /// # Errors
    /// The remote cannot be reached, or refuses.
    pub fn keep(&self, name: &str, commit: &str) -> Result {
        let mut old = None;
        for _ in 0..TRIES_TO_KEEP {
            let Some(remote) = &self.remote else {
                let old = refs::get(&self.repo, name)?;
                let why = "planspec: result";
                match refs::compare_and_swap(&self.repo, name, old.as_deref(), commit, why)? {
                    Swap::Done => return Ok(()),
                    Swap::Lost => continue,
                }
            };
            let update = RefUpdate {
                name: name.to_owned(),
                old: old.clone(),
                new: Some(commit.to_owned()),
            };
            match remote::push(&self.repo, remote, &[update])?.pop() {
                Some(PushOutcome::Lost(found)) => old = found,
                Some(outcome) => return went_through(outcome, remote).map(|_| ()),
                None => break,
            }
        }
        Err(Error::conflict(format!("somebody else writes {name}")))
    }

    /// Delete refs, each only where it was last seen. One that the remote keeps stays.
    ///
    /// # Errors
    /// The remote cannot be reached.
    pub fn forget(&self, refs_to_delete: &[(String, String)]) -> Result {
        self.delete(refs_to_delete).map(|_| ())
    }

    /// The same, where it matters that they go.
    ///
    /// # Errors
    /// The remote cannot be reached, or keeps one of them.
    pub fn forget_all(&self, refs_to_delete: &[(String, String)]) -> Result {
        let remote = self.remote.as_deref().unwrap_or_default();
        for outcome in self.delete(refs_to_delete)? {
            went_through(outcome, remote)?;
        }
        Ok(())
    }

    fn delete(&self, refs_to_delete: &[(String, String)]) -> Result<Vec<PushOutcome>> {
        let Some(remote) = &self.remote else {
            for (name, tip) in refs_to_delete {
                refs::delete(&self.repo, name, tip)?;
            }
            return Ok(Vec::new());
        };
        let updates = refs_to_delete.iter().map(|(name, tip)| RefUpdate {
            name: name.clone(),
            old: Some(tip.clone()),
            new: None,
        });
        let updates: Vec<RefUpdate> = updates.collect();
        Ok(remote::push(&self.repo, remote, &updates)?)
    }

    /// Who commits records and status.
    pub fn identity(&self) -> Identity {
        self.repo.identity()
    }
}

/// The commit that a revision names.
///
/// # Errors
/// `NotFound` when it names none.
pub fn commit_of(repo: &Repo, revision: &str) -> Result<String> {
    match repo.resolve(revision)? {
        Some(commit) => Ok(commit),
        None => Err(no_revision(
            repo,
            format!("there is no revision `{revision}`"),
        )?),
    }
}

/// Why a revision names no commit: in a repository without commits, none does.
pub fn no_revision(repo: &Repo, why: String) -> Result<Error> {
    let is_empty = repo.head()?.commit().is_none() && repo.local_branches()?.is_empty();
    Ok(if is_empty {
        Error::no_commits()
    } else {
        Error::not_found(why)
    })
}

/// Why a claim that was pushed is none.
fn not_seen(remote: &str, is_split: bool) -> Error {
    let why = format!(
        "the claim was pushed to remote `{remote}` but is missing when that is read, so it would protect nothing: it was withdrawn"
    );
    let hint = if is_split {
        format!(
            "pushes to and fetches from `{remote}` use two addresses (`git remote -v`), and the \
             second does not receive changes of the first within five seconds: use one for both, with `git config --unset-all remote.{remote}.pushurl` or without `pushInsteadOf`"
        )
    } else {
        format!(
            "the server must show the refs below `refs/planspec/` to readers: see `uploadpack.hideRefs` and `transfer.hideRefs` \
             there, and `git ls-remote {remote} 'refs/planspec/*'` here"
        )
    };
    Error::unavailable(why).hint(hint)
}

/// Whether a push went through; false when somebody else was first.
fn went_through(outcome: PushOutcome, remote: &str) -> Result<bool> {
    match outcome {
        PushOutcome::Done => Ok(true),
        PushOutcome::Lost(_) => Ok(false),
        PushOutcome::Refused { why, hint } => {
            let why = format!("remote `{remote}` refuses the push: {why}");
            Err(Error::unavailable(why).hint(hint))
        }
    }
}

fn addresses(refs: BTreeMap<String, String>) -> BTreeMap<Address, String> {
    refs.into_iter()
        .filter_map(|(name, id)| Some((Address::parse(name.strip_prefix(INBOX)?)?, id)))
        .collect()
}

/// Below this, each attempt of a worker has a ref that keeps its log and its work.
const RESULTS: &str = "refs/planspec/results/";
/// How often a ref that keeps a result is tried.
const TRIES_TO_KEEP: usize = 3;

/// The ref that keeps log and work of an attempt: a commit with the log, above the work.
pub fn result_ref(run: &RunRef, node: &str, attempt: u32) -> String {
    let RunRef {
        namespace,
        name,
        uid,
    } = run;
    format!("{RESULTS}{namespace}/{name}/{uid}/{node}/{attempt}")
}

/// The attempt whose result a ref keeps, when it is one of this node of this run.
pub fn attempt_of_result(name: &str, run: &RunRef, node: &str) -> Option<u32> {
    let attempt = name.rsplit_once('/')?.1.parse().ok()?;
    (result_ref(run, node, attempt) == name).then_some(attempt)
}

/// The run in the name of a ref that keeps a result.
pub fn run_of_result(name: &str) -> Option<RunRef> {
    let mut parts = name.strip_prefix(RESULTS)?.split('/').map(str::to_owned);
    Some(RunRef {
        namespace: parts.next()?,
        name: parts.next()?,
        uid: parts.next()?,
    })
}

fn results(refs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = refs.iter().filter(|(name, _)| name.starts_with(RESULTS));
    kept.map(|(name, id)| (name.clone(), id.clone())).collect()
}

/// Whether a record can be read again by whoever gets it: it is not too large, and nothing in it
/// breaks the bounds of every file.
///
/// # Errors
/// In a sentence.
pub fn fits(record: &Record) -> std::result::Result<(), String> {
    let value = serde_json::to_value(record).map_err(|error| error.to_string())?;
    let text = yaml::write(&value);
    if text.len() > MAX_RECORD_BYTES {
        return Err(format!(
            "it has {} bytes as a record; at most {MAX_RECORD_BYTES} are accepted",
            text.len()
        ));
    }
    read_record(text.as_bytes()).map(|_| ())
}

/// Whether the spec branch wants such a record to be signed.
pub(super) fn must_be_signed(view: &View, record: &Record) -> bool {
    let required = &view.config.approvals.require_signed;
    let decides = record.action.decides();
    decides.is_some_and(|what| required.covers(what))
}

fn is_renewal(record: &Record) -> bool {
    matches!(record.action, Action::Renewal { .. })
}

fn read_record(bytes: &[u8]) -> std::result::Result<Record, String> {
    let (mut documents, findings) = yaml::read(RECORD_FILE, bytes, &Default::default());
    if let Some(finding) = findings.first() {
        return Err(finding.message.clone());
    }
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => Record::from_value(document.value),
        _ => Err("exactly one document is expected".to_owned()),
    }
}

/// The remotes of which one is meant where nothing names it: the one that the branch here follows, then `origin`; without
/// either, all.
///
/// # Errors
/// The configuration of git cannot be read.
pub fn usual_remotes(repo: &Repo) -> Result<Vec<String>> {
    let remotes = repo.remotes()?;
    let here = match repo.head()? {
        Head::Branch { name, .. } => Some(name),
        _ => None,
    };
    let usual_branches = ["main", "master"].map(str::to_owned);
    let followed = here
        .into_iter()
        .chain(usual_branches)
        .find_map(|branch| repo.config(&format!("branch.{branch}.remote")));
    let mut usual: Vec<String> = followed
        .into_iter()
        .chain(["origin".to_owned()])
        .filter(|name| remotes.contains(name))
        .collect();
    usual.dedup();
    Ok(if usual.is_empty() { remotes } else { usual })
}

/// The remote that everybody shares: local git configuration, else the configuration file of the
/// first commit that has one: the usual spec branches, what is checked out, the remote's branches.
fn shared_remote(repo: &Repo) -> Result<Option<String>> {
    let name = match repo.config("planspec.remote") {
        Some(name) => Some(name),
        None => named_in_files(repo)?,
    };
    match name {
        Some(name) if name.is_empty() => Ok(None),
        Some(name) if repo.remote_url(&name).is_none() => Err(no_such_remote(repo, &name)?),
        name => Ok(name),
    }
}

/// The remote that the configuration file of the first commit names that has one.
fn named_in_files(repo: &Repo) -> Result<Option<String>> {
    let remotes = usual_remotes(repo)?;
    let tracked = remotes.iter().flat_map(|remote| {
        ["HEAD", "main", "master"].map(|branch| format!("refs/remotes/{remote}/{branch}"))
    });
    let here = ["refs/heads/main", "refs/heads/master", "HEAD"].map(str::to_owned);
    for revision in here.into_iter().chain(tracked) {
        let commit = match revision.as_str() {
            "HEAD" => repo.head()?.commit().map(str::to_owned),
            name => refs::get(repo, name)?,
        };
        let Some(commit) = commit else { continue };
        if let Some(usual) = remotes.first() {
            repo.rely_on(usual, [&commit]);
        }
        let settings = Settings::read(repo, Tree::Commit(&commit))?;
        if let (Some(_), Some(config)) = (settings.text, settings.config) {
            return Ok(config.status.remote);
        }
    }
    Ok(None)
}

fn no_such_remote(repo: &Repo, name: &str) -> Result<Error> {
    let why = format!("the configuration names remote `{name}`, but this clone has no such remote");
    let work_alone = "work without one: git config planspec.remote \"\"";
    let hint = match repo.remotes()?.as_slice() {
        [] => format!("add it with `git remote add {name} URL`, or {work_alone}"),
        remotes => {
            let ways = remotes
                .iter()
                .map(|remote| format!("git config planspec.remote {remote}"));
            let ways: Vec<String> = ways.collect();
            format!(
                "name the remote used here: {}; or add it with `git remote add {name} URL`, or {work_alone}",
                ways.join(", or ")
            )
        }
    };
    Ok(Error::unavailable(why).hint(hint))
}
