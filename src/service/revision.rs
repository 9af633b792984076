//! Reads revisions: the configuration, then the files that it selects.

use crate::core::base::diagnostic::{Code, Diagnostic, Place, Span};
use crate::core::base::digest::sha256_hex;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::base::words::listed;
use crate::core::repository::config::Config;
use crate::core::repository::rules;
use crate::core::repository::snapshot::Snapshot;
use crate::core::review::rules::Policy;
use crate::git::read::{Paths, Tree};
use crate::git::{GitError, Repo, signature};
use crate::service::{Error, Result};

/// The configuration of a revision.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The text of the file; `None` if there is none.
    pub text: Option<String>,
    /// The configuration; the defaults without a file. `None` if it is invalid: then neither the places of
    /// resources nor the rules are known.
    pub config: Option<Config>,
    /// Its findings.
    pub findings: Vec<Diagnostic>,
}

impl Settings {
    /// The defaults, without a revision.
    pub fn none() -> Settings {
        Settings {
            config: Some(Config::default()),
            ..Settings::default()
        }
    }

    /// Reads the configuration of a revision.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn read(repo: &Repo, tree: Tree<'_>) -> Result<Settings> {
        match tree.file(repo, CONFIG_FILE) {
            Ok(None) => Ok(Settings::none()),
            Ok(Some(bytes)) => {
                let (config, findings) = Config::read(CONFIG_FILE, &bytes);
                Ok(Settings {
                    text: Some(String::from_utf8_lossy(&bytes).into_owned()),
                    config,
                    findings,
                })
            }
            Err(error @ GitError::Unusable(_)) => {
                let finding = Diagnostic::new(
                    Code::NOT_A_FILE,
                    CONFIG_FILE,
                    Place::File,
                    error.to_string(),
                );
                Ok(Settings {
                    findings: vec![finding],
                    ..Settings::default()
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Adds a finding if approvals must be signed, but the revision lists no key.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn check_keys(&mut self, repo: &Repo, tree: Tree<'_>) -> Result {
        self.findings
            .extend(unsigned(repo, self.config.as_ref(), tree)?);
        if let Some(config) = &self.config {
            self.findings.extend(odd_signers(repo, config, tree)?);
        }
        Ok(())
    }

    /// The configuration, for callers that need a valid one.
    ///
    /// # Errors
    /// It is invalid; the error says why, with the place.
    pub fn usable(self) -> Result<Config> {
        if let Some(config) = self.config {
            return Ok(config);
        }
        let Some(text) = self.text else {
            let found = self.findings.into_iter().next();
            let why = found.map_or_else(String::new, |finding| finding.message);
            return Err(Error::unavailable(why));
        };
        let errors = self.findings.iter().find(|finding| finding.is_error());
        let why = errors.map_or_else(
            || format!("{CONFIG_FILE} cannot be read"),
            |error| {
                let place = crate::core::text::locate::locate(&text, &error.place)
                    .map(|span| format!(":{}:{}", span.line, span.column))
                    .unwrap_or_default();
                format!("{CONFIG_FILE}{place}: {} {}", error.code, error.message)
            },
        );
        Err(
            Error::invalid(format!("the configuration cannot be used: {why}")).hint(format!(
                "correct {CONFIG_FILE} on the spec branch and commit"
            )),
        )
    }

    /// The configuration for reading this side of a comparison: its own, else that of the other.
    pub fn or(&self, other: &Settings) -> Config {
        let own = self.config.as_ref().or(other.config.as_ref());
        own.cloned().unwrap_or_default()
    }

    /// `config` with the severities of this one, or the defaults if this one is invalid: a change is checked with the
    /// severities of its base, and must not choose them itself. Revisions are approved as there, so that documents generate
    /// the same resources.
    pub fn judging(&self, config: &Config) -> Config {
        let base = self.config.clone().unwrap_or_default();
        let mut judging = config.clone();
        judging.rules = base.rules;
        judging.approvals.revisions = base.approvals.revisions;
        judging
    }
}

/// Findings for ignored lines of the allowed signers, and for keys that are listed for several people.
fn odd_signers(repo: &Repo, config: &Config, tree: Tree<'_>) -> Result<Vec<Diagnostic>> {
    let file = config.approvals.signers_file();
    let signers = signature::signers(repo, tree, file)?;
    let at = |code, line: usize, message: String| {
        let span = Span {
            line,
            column: 1,
            start: 0,
            end: 0,
        };
        Diagnostic::new(code, file, Place::At(span), message)
    };
    let refused = signers.refused.iter().map(|line| {
        let finding = at(Code::SIGNER_LINE, line.number, line.why.clone());
        finding.help("write the key of one person for that person, or remove the line")
    });
    let shared = signers.shared(&config.approvals).into_iter();
    let shared = shared.map(|(line, people)| {
        let people = listed(people.iter().map(String::as_str));
        let message = format!("key {} is listed for {people}, but counts as one person", line.key);
        let help = "give each person their own key; if these are names of one person, put them into one entry of `approvals.users`";
        at(Code::SHARED_KEY, line.number, message).help(help)
    });
    let mut found = refused.chain(shared).collect();
    rules::apply_levels(&mut found, config);
    Ok(found)
}

/// Findings for records that must be signed, if no key in the tree can sign them.
fn unsigned(repo: &Repo, config: Option<&Config>, tree: Tree<'_>) -> Result<Vec<Diagnostic>> {
    let Some(config) = config else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let file = config.approvals.signers_file();
    if let Some(finding) = config.no_signers()
        && !signature::lists_a_key(repo, tree, file)?
    {
        found.push(finding);
    }
    let signers = &config.status.signers;
    if !signers.is_empty() {
        let listed = signature::signers(repo, tree, file)?;
        let by_file = signature::key_files(repo, tree)?;
        let has_key = |name: &String| {
            let mut lines = listed.lines.iter();
            let key_file = format!("{}/{name}.asc", signature::KEYS_FOLDER);
            lines.any(|line| line.principals.contains(name)) || by_file.contains(&key_file)
        };
        found.extend((!signers.iter().any(has_key)).then(|| config.no_status_signers()));
    }
    rules::apply_levels(&mut found, config);
    Ok(found)
}

/// The paths of files with resources.
///
/// # Errors
/// A glob is invalid.
pub fn paths(config: &Config) -> Result<Paths> {
    Paths::new(&config.paths, config.limits.file_bytes).map_err(Error::invalid)
}

/// The resource files of a revision.
///
/// # Errors
/// The repository cannot be read.
pub fn files(repo: &Repo, tree: Tree<'_>, config: &Config) -> Result<Vec<SourceFile>> {
    Ok(tree.files(repo, &paths(config)?)?)
}

/// The resources of a revision, validated.
///
/// # Errors
/// The repository cannot be read.
pub fn snapshot(repo: &Repo, tree: Tree<'_>, config: &Config) -> Result<Snapshot> {
    Ok(Snapshot::build(&files(repo, tree, config)?, config))
}

/// The approval policy of a revision.
///
/// # Errors
/// The repository cannot be read.
pub fn policy(repo: &Repo, tree: Tree<'_>, config: &Config) -> Result<Policy> {
    let signers = config.approvals.signers_file().to_owned();
    let listed = match tree.file(repo, &signers) {
        // A symbolic link is not read as a file of keys.
        Err(GitError::Unusable(_)) => None,
        other => other?,
    };
    let listed = listed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut policy = Policy::new(config, (signers, listed));
    for path in signature::key_files(repo, tree)? {
        let digest = match tree.file(repo, &path) {
            Ok(Some(bytes)) => sha256_hex(&bytes),
            // A symbolic link is not read as a file of keys.
            Ok(None) | Err(GitError::Unusable(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        policy.key_files.insert(path, format!("sha256:{digest}"));
    }
    Ok(policy)
}
