//! Who signed a record, by the keys that the spec branch lists and no others, at the moment of its
//! arrival.
//!
//! `git verify-commit` answers another question: it takes the date in the commit, which whoever signs
//! chooses, and the keys that the user trusts. So the signature is taken out of the commit here, and
//! judged: most with SSH keys here, all others by the user's own `ssh-keygen` or `gpg`, in an empty home.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::id::{Id, ObjectFormat, parse_id};
use super::object::EntryKind;
use super::program::{Output, Program, run_sealed};
use super::read::Tree;
use super::{GitError, Identity, Repo, Result, read, sshsig, unusable_file};
use crate::core::repository::config::{ApprovalConfig, is_person};
use crate::core::repository::signers::{Signers, key_of_signature};
use crate::core::resource::{SignedBy, Time};
use crate::core::run::record::Signature;

/// Folder of the spec branch that holds OpenPGP keys, as `<e-mail>.asc`.
pub const KEYS_FOLDER: &str = ".planspec/keys";
/// Most bytes of a file that lists keys.
const MAX_KEYS_BYTES: usize = 1024 * 1024;

/// GnuPG without the user's configuration, key servers and clock; the time to take follows.
const GPG_SEALED: [&str; 11] = [
    "--no-options",
    "--no-autostart",
    "--disable-dirmngr",
    "--no-auto-key-retrieve",
    "--batch",
    "--no-tty",
    "--quiet",
    "--trust-model=always",
    "--with-colons",
    "--status-fd=1",
    "--faked-system-time",
];

/// What signatures are checked against.
#[derive(Debug)]
pub struct SignatureVerifier<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The spec commit, which lists the keys.
    pub commit: &'a str,
    /// Whose names are whose, and the file of allowed signers.
    pub approvals: &'a ApprovalConfig,
    /// When the records arrived: a key must be valid then, whatever the date in a commit says.
    pub arrival: Time,
}

/// The same commit, signed as the user's own git signs: with their program, format and key.
///
/// # Errors
/// `Unusable` when git cannot sign, in its own words.
pub fn sign(repo: &Repo, commit: &str, time: Time, identity: &Identity) -> Result<String> {
    let commit = repo.commit(parse_id(commit)?)?;
    let date = format!("{} +0000", time.timestamp());
    let parents: Vec<String> = commit.parents.iter().map(Id::to_string).collect();
    let signed = Program::new(repo, "commit-tree")
        .arg("-S")
        .args(parents.iter().flat_map(|parent| ["-p", parent]))
        .args(["-F", "-", &commit.tree.to_string()])
        .stdin(commit.message.as_str())
        .env("GIT_AUTHOR_NAME", &identity.name)
        .env("GIT_AUTHOR_EMAIL", &identity.email)
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_NAME", &identity.name)
        .env("GIT_COMMITTER_EMAIL", &identity.email)
        .env("GIT_COMMITTER_DATE", &date)
        .run()?;
    if !signed.success() {
        let said: Vec<&str> = signed
            .stderr
            .lines()
            .filter(|line| !line.starts_with("[GNUPG:]"))
            .collect();
        return Err(GitError::Unusable(format!(
            "git cannot sign: {}",
            said.join("; ")
        )));
    }
    parse_id(&signed.text()).map(|id| id.to_string())
}

/// Whether a tree lists any key at all: a line that counts in its file of allowed signers, or an OpenPGP key in
/// [`KEYS_FOLDER`]. Without one no signature counts, whoever signs.
///
/// # Errors
/// An object is missing or broken.
pub fn lists_a_key(repo: &Repo, tree: Tree<'_>, signers_file: &str) -> Result<bool> {
    if !signers(repo, tree, signers_file)?.lines.is_empty() {
        return Ok(true);
    }
    Ok(!key_files(repo, tree)?.is_empty())
}

/// The files of a tree with OpenPGP keys, right in [`KEYS_FOLDER`].
///
/// # Errors
/// An object is missing or broken.
pub fn key_files(repo: &Repo, tree: Tree<'_>) -> Result<Vec<String>> {
    let names: Vec<String> = match tree {
        Tree::Commit(commit) => match read::entry_at(repo, commit, KEYS_FOLDER)? {
            Some((id, mode)) if EntryKind::of(mode) == EntryKind::Tree => {
                let entries = repo.tree(id)?;
                let names = entries
                    .iter()
                    .map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
                names.collect()
            }
            _ => Vec::new(),
        },
        Tree::Index(staged) => staged.names_in(KEYS_FOLDER),
        Tree::WorkTree => {
            let folder = repo.workdir().map(|root| root.join(KEYS_FOLDER));
            let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
            let entries = entries.into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.collect()
        }
    };
    let files = names.into_iter().filter(|name| name.ends_with(".asc"));
    Ok(files.map(|name| format!("{KEYS_FOLDER}/{name}")).collect())
}

/// The file of allowed signers of a tree; one that cannot be used lists nobody.
///
/// # Errors
/// An object is missing or broken.
pub fn signers(repo: &Repo, tree: Tree<'_>, signers_file: &str) -> Result<Signers> {
    match tree.file(repo, signers_file) {
        // A link is no file of keys.
        Err(GitError::Unusable(_)) => Ok(Signers::default()),
        Ok(Some(bytes)) if bytes.len() <= MAX_KEYS_BYTES => Ok(Signers::read(&bytes)),
        Ok(_) => Ok(Signers::default()),
        Err(error) => Err(error),
    }
}

/// Why there is no good signature.
enum SignatureRefusal {
    /// It does not count: reason and sentence.
    Bad(&'static str, String),
    /// Nobody can tell now.
    Broken(GitError),
    /// Only a program can tell, and none may be run.
    NeedsProgram,
}

type Verified<T> = std::result::Result<T, SignatureRefusal>;

impl From<GitError> for SignatureRefusal {
    fn from(error: GitError) -> SignatureRefusal {
        SignatureRefusal::Broken(error)
    }
}

fn bad<T>(reason: &'static str, why: impl Into<String>) -> Verified<T> {
    Err(SignatureRefusal::Bad(reason, why.into()))
}

impl SignatureVerifier<'_> {
    /// Check the signature of a record's commit: `names` are those under which the keys of its actor
    /// may be listed.
    ///
    /// # Errors
    /// An object cannot be read, or there is no room for temporary files. What is wrong with the
    /// signature, the keys or the programs is an answer, not an error.
    pub fn check(&self, record: &str, actor: &str, names: &BTreeSet<String>) -> Result<Signature> {
        let checked = self.checked(record, actor, names, true)?;
        Ok(checked.unwrap_or(Signature::Unchecked))
    }

    /// The same, where that can be told without `ssh-keygen` and `gpg`, of which each call costs some hundredths of a second.
    ///
    /// # Errors
    /// As [`SignatureVerifier::check`].
    pub fn check_without_programs(
        &self,
        record: &str,
        actor: &str,
        names: &BTreeSet<String>,
    ) -> Result<Option<Signature>> {
        self.checked(record, actor, names, false)
    }

    fn checked(
        &self,
        record: &str,
        actor: &str,
        names: &BTreeSet<String>,
        may_run: bool,
    ) -> Result<Option<Signature>> {
        match self.judge(record, actor, names, may_run) {
            Ok(by) => Ok(Some(Signature::Good(by))),
            Err(SignatureRefusal::Bad(reason, why)) => Ok(Some(Signature::Bad(reason, why))),
            Err(SignatureRefusal::Broken(error)) => Err(error),
            Err(SignatureRefusal::NeedsProgram) => Ok(None),
        }
    }

    fn judge(
        &self,
        record: &str,
        actor: &str,
        names: &BTreeSet<String>,
        may_run: bool,
    ) -> Verified<SignedBy> {
        let commit = self.repo.commit_text(parse_id(record)?)?;
        let signed = SignedObject::read(self.repo.format(), &commit)?;
        let names: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !name.is_empty() && !name.chars().any(char::is_control))
            .collect();
        let first = signed.signature.split(|byte| *byte == b'\n').next();
        match first.unwrap_or_default() {
            b"-----BEGIN SSH SIGNATURE-----" => self.ssh(&signed, actor, &names, may_run),
            b"-----BEGIN PGP SIGNATURE-----" => self.openpgp(&signed, actor, &names, may_run),
            _ => bad(
                "SignatureUnsupported",
                "it is signed in another way than with an SSH or OpenPGP key; choose one of these \
                 with `git config gpg.format`, then decide again",
            ),
        }
    }

    fn ssh(
        &self,
        signed: &SignedObject,
        actor: &str,
        names: &[&str],
        may_run: bool,
    ) -> Verified<SignedBy> {
        let file = self.approvals.signers_file();
        let Some(signers) = self.file(file)? else {
            return bad(
                "NoSigners",
                format!(
                    "`{file}` is not on the spec branch, so no SSH key counts: add it there with a \
                     line for {actor}, then decide again"
                ),
            );
        };
        let read = Signers::read(&signers);
        // Whose key it says it is costs no process: strangers are many.
        if let Some(key) = key_of_signature(&signed.signature)
            && read.owners(&key).is_empty()
        {
            return self.unlisted(&read, &key, actor);
        }
        match sshsig::is_genuine(&signed.signature, &signed.content) {
            Some(false) => return changed(),
            Some(true) => {
                let key = key_of_signature(&signed.signature).unwrap_or_default();
                let mut names = names.iter();
                let listed = names.find(|name| read.lists(name, &key, self.arrival));
                if let Some(name) = listed {
                    return self.of_a_person(&read, key, (name, actor));
                }
            }
            // `ssh-keygen` says why it does not count.
            None => {}
        }
        let folder = Folder::new(may_run)?;
        let signers = folder.write("allowed_signers", read.text().as_bytes())?;
        let signature = folder.write("signature", &signed.signature)?;
        let arrival = self
            .arrival
            .format("-Overify-time=%Y%m%d%H%M%S")
            .to_string();
        let keygen = |mode: &str, more: &[&OsStr]| {
            let mut args: Vec<&OsStr> = ["-Y", mode, "-n", "git"].map(OsStr::new).to_vec();
            args.extend([OsStr::new("-s"), signature.as_os_str()]);
            args.extend(more);
            folder.run("ssh-keygen", "OpenSSH", &args, &signed.content)
        };
        let listed = [OsStr::new("-f"), signers.as_os_str(), OsStr::new(&arrival)];
        let mut said = String::new();
        for name in names {
            let who = [OsStr::new("-I"), OsStr::new(name)];
            let verified = keygen("verify", &[&listed[..], &who].concat())?;
            let key = fingerprint(&verified).filter(|_| verified.success());
            if let Some(key) = key {
                return self.of_a_person(&read, key, (name, actor));
            }
            said.push_str(&verified.stderr);
        }
        let genuine = keygen("check-novalidate", &[])?;
        let Some(key) = fingerprint(&genuine).filter(|_| genuine.success()) else {
            return changed();
        };
        let owners: Vec<&str> = read.owners(&key).into_iter().collect();
        self.not_counted((&key, &owners.join(", ")), actor, &said)
    }

    /// People sign with keys of their own: one that a program has as well says nothing of who it was.
    fn of_a_person(
        &self,
        signers: &Signers,
        key: String,
        (principal, actor): (&str, &str),
    ) -> Verified<SignedBy> {
        let owners = signers.owners(&key);
        let mut programs = owners.iter().filter(|owner| !is_person(owner));
        if let Some(program) = programs.next().filter(|_| is_person(actor)) {
            let file = self.approvals.signers_file();
            let why = format!(
                "`{file}` lists key {key} for {program} as well, which is no person: decide again with a key that \
                 only {actor} has"
            );
            return bad("OtherSigner", why);
        }
        let principal = principal.to_owned();
        Ok(SignedBy { principal, key })
    }

    /// Why a key does not count that no line lists which counts.
    fn unlisted<T>(&self, signers: &Signers, key: &str, actor: &str) -> Verified<T> {
        let file = self.approvals.signers_file();
        let Some(line) = signers.why_refused(key) else {
            return unknown(key, actor, file);
        };
        let (number, why) = (line.number, &line.why);
        let why = format!(
            "`{file}` lists key {key} on line {number}, which does not count: {why}; correct that on the \
             spec branch, then decide again"
        );
        bad("UnknownKey", why)
    }

    /// Why a key with which a record was signed does not count, by what `ssh-keygen` said of it and
    /// for whom the key is listed.
    fn not_counted<T>(&self, (key, owners): (&str, &str), actor: &str, said: &str) -> Verified<T> {
        let file = self.approvals.signers_file();
        if said.contains("key has expired") {
            return expired(key, file);
        }
        if said.contains("not yet valid") {
            return bad(
                "KeyNotYetValid",
                format!("key {key} is not valid yet, says `{file}`: decide again when it is"),
            );
        }
        if said.contains("not permitted for use") {
            return bad(
                "UnknownKey",
                format!(
                    "`{file}` does not let key {key} sign in namespace `git`: correct that on the \
                     spec branch, then decide again"
                ),
            );
        }
        if owners.is_empty() {
            return unknown(key, actor, file);
        }
        bad(
            "OtherSigner",
            format!(
                "it says {actor}, and `{file}` lists its key {key} for {owners}: decide again with a \
                 key of {actor}"
            ),
        )
    }

    fn openpgp(
        &self,
        signed: &SignedObject,
        actor: &str,
        names: &[&str],
        may_run: bool,
    ) -> Verified<SignedBy> {
        let mut listed = Vec::new();
        for name in names.iter().filter(|name| !name.contains('/')) {
            listed.extend(self.file(&format!("{KEYS_FOLDER}/{name}.asc"))?);
        }
        let file = format!("{KEYS_FOLDER}/{}.asc", actor.to_lowercase());
        if listed.is_empty() {
            return bad(
                "NoSigners",
                format!(
                    "`{file}` is not on the spec branch, so no OpenPGP key of {actor} counts: add it \
                     there, then decide again"
                ),
            );
        }
        let folder = Folder::new(may_run)?;
        let mut files = Vec::new();
        for (number, keys) in listed.iter().enumerate() {
            files.push(folder.write(&format!("{number}.asc"), keys)?);
        }
        let signature = folder.write("signature", &signed.signature)?;
        let arrival = self.arrival.format("%Y%m%dT%H%M%S!").to_string();
        let gpg = |args: &[&OsStr]| {
            let mut all = GPG_SEALED.map(OsStr::new).to_vec();
            all.push(OsStr::new(&arrival));
            all.extend(args);
            folder.run("gpg", "GnuPG", &all, &signed.content)
        };
        let mut import = vec![OsStr::new("--import")];
        import.extend(files.iter().map(|file| file.as_os_str()));
        // What it does not take is no key, and what it took is seen below.
        gpg(&import)?;
        let stdin = OsStr::new("-");
        let verified = gpg(&[OsStr::new("--verify"), signature.as_os_str(), stdin])?;
        let key = primary_key(&verified, actor, &file)?;
        let listing = gpg(&[OsStr::new("--list-keys"), OsStr::new(&key)])?;
        let listing = String::from_utf8_lossy(&listing.stdout);
        let principal = mails_of_key(&listing)
            .find(|mail| names.iter().any(|name| name.eq_ignore_ascii_case(mail)));
        match principal {
            Some(principal) => Ok(SignedBy { principal, key }),
            None => bad(
                "OtherSigner",
                format!(
                    "key {key} in `{file}` has no valid user ID with an e-mail of {actor}: add one to \
                     the key, replace the file, then decide again"
                ),
            ),
        }
    }

    /// Whether the spec commit lists the key of a signature that was good, for the same principal and valid at the arrival.
    ///
    /// # Errors
    /// An object cannot be read, or there is no room for temporary files.
    pub fn lists(&self, by: &SignedBy) -> Result<bool> {
        if by.key.starts_with("SHA256:") {
            let commit = Tree::Commit(self.commit);
            let signers = signers(self.repo, commit, self.approvals.signers_file())?;
            return Ok(signers.lists(&by.principal, &by.key, self.arrival));
        }
        match self.lists_openpgp(by) {
            Ok(listed) => Ok(listed),
            Err(SignatureRefusal::Broken(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn lists_openpgp(&self, by: &SignedBy) -> Verified<bool> {
        // The key may stand in the file of another e-mail of the same person.
        let mut names = self.approvals.names_of(&by.principal);
        names.insert(by.principal.to_lowercase());
        for name in names.iter().filter(|name| !name.contains('/')) {
            let Some(keys) = self.file(&format!("{KEYS_FOLDER}/{name}.asc"))? else {
                continue;
            };
            let folder = Folder::new(true)?;
            let file = folder.write("keys.asc", &keys)?;
            let arrival = self.arrival.format("%Y%m%dT%H%M%S!").to_string();
            let gpg = |more: &[&OsStr]| {
                let mut all = GPG_SEALED.map(OsStr::new).to_vec();
                all.push(OsStr::new(&arrival));
                all.extend(more);
                folder.run("gpg", "GnuPG", &all, b"")
            };
            gpg(&[OsStr::new("--import"), file.as_os_str()])?;
            let listing = gpg(&[OsStr::new("--list-keys"), OsStr::new(&by.key)])?;
            let listing = String::from_utf8_lossy(&listing.stdout);
            if is_valid_key(&listing)
                && mails_of_key(&listing).any(|mail| mail.eq_ignore_ascii_case(&by.principal))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A file of the spec commit that lists keys.
    fn file(&self, path: &str) -> Verified<Option<Vec<u8>>> {
        let unreadable = |why: String| {
            bad(
                "SignersUnreadable",
                format!(
                    "`{path}` on the spec branch cannot be used: {why}; correct it, then decide again"
                ),
            )
        };
        match read::file_at(self.repo, self.commit, path) {
            Ok(Some(bytes)) if bytes.len() > MAX_KEYS_BYTES => {
                unreadable(format!("it has more than {MAX_KEYS_BYTES} bytes"))
            }
            Ok(file) => Ok(file),
            Err(GitError::Unusable(why)) => unreadable(why),
            Err(error) => Err(error.into()),
        }
    }
}

fn changed<T>() -> Verified<T> {
    bad(
        "SignatureInvalid",
        "the signature is not one of this commit: it was changed after it was signed; decide again",
    )
}

fn expired<T>(key: &str, file: &str) -> Verified<T> {
    bad(
        "KeyExpired",
        format!(
            "key {key} had expired when the record arrived: put a valid one into `{file}` on the spec \
             branch, then decide again"
        ),
    )
}

fn unknown<T>(key: &str, actor: &str, file: &str) -> Verified<T> {
    bad(
        "UnknownKey",
        format!(
            "`{file}` on the spec branch does not list key {key} for {actor}: add it there, then decide \
             again"
        ),
    )
}

/// `SHA256:…`, the last word of what `ssh-keygen` says about a good signature.
fn fingerprint(verified: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&verified.stdout);
    let word = said.split_whitespace().next_back()?;
    word.starts_with("SHA256:").then(|| word.to_owned())
}

/// The fingerprint of the primary key that made the one good signature.
fn primary_key(verified: &Output, actor: &str, file: &str) -> Verified<String> {
    let said = String::from_utf8_lossy(&verified.stdout);
    let all = |keyword: &str| -> Vec<&str> {
        said.lines()
            .filter_map(|line| line.strip_prefix("[GNUPG:] ")?.strip_prefix(keyword))
            .filter(|rest| rest.is_empty() || rest.starts_with(' '))
            .map(str::trim)
            .collect()
    };
    let key = |of: &[&str]| -> String {
        let word = of.first().and_then(|rest| rest.split(' ').next());
        word.unwrap_or_default().to_owned()
    };
    let is = |keyword: &str| !all(keyword).is_empty();
    if is("BADSIG") {
        return changed();
    }
    if is("REVKEYSIG") {
        return bad(
            "KeyRevoked",
            format!(
                "key {} in `{file}` is revoked: put a valid one there, then decide again",
                key(&all("REVKEYSIG"))
            ),
        );
    }
    if is("EXPKEYSIG") {
        return expired(&key(&all("EXPKEYSIG")), file);
    }
    if is("EXPSIG") {
        return bad(
            "SignatureExpired",
            "the signature itself has expired: decide again",
        );
    }
    if is("NO_PUBKEY") {
        return unknown(&key(&all("NO_PUBKEY")), actor, file);
    }
    match (
        all("NEWSIG").len(),
        all("GOODSIG").len(),
        all("VALIDSIG").as_slice(),
    ) {
        (1, 1, [valid]) if verified.success() && !is("ERRSIG") => {
            let primary = valid.split(' ').next_back().unwrap_or_default();
            Ok(primary.to_owned())
        }
        _ => bad(
            "SignatureInvalid",
            "`gpg` does not find one good signature: decide again",
        ),
    }
}

/// Whether a listing has a primary key that is neither revoked nor expired.
fn is_valid_key(listing: &str) -> bool {
    let mut keys = listing.lines().filter_map(|line| line.strip_prefix("pub:"));
    keys.any(|fields| !fields.starts_with(['r', 'e', 'i', 'd']))
}

/// The e-mails in the user IDs of a key that are neither revoked nor expired.
fn mails_of_key(listing: &str) -> impl Iterator<Item = String> {
    listing.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let ["uid", validity, _, _, _, _, _, _, _, user, ..] = fields[..] else {
            return None;
        };
        if ["r", "e", "i"].contains(&validity) {
            return None;
        }
        let mail = match user.rsplit_once('<') {
            Some((_, behind)) => behind.strip_suffix('>')?,
            None => user,
        };
        mail.contains('@').then(|| mail.to_owned())
    })
}

/// A signed commit, taken apart.
struct SignedObject {
    /// What was signed: the commit without its signature.
    content: Vec<u8>,
    signature: Vec<u8>,
}

impl SignedObject {
    /// Take the one header with a signature out of a commit of a repository of this format.
    fn read(format: ObjectFormat, commit: &[u8]) -> Verified<SignedObject> {
        let header: &[u8] = match format {
            ObjectFormat::Sha1 => b"gpgsig ",
            ObjectFormat::Sha256 => b"gpgsig-sha256 ",
        };
        let (mut content, mut signature) = (Vec::new(), Vec::new());
        let (mut signatures, mut inside, mut in_header) = (0, false, true);
        for line in commit.split_inclusive(|byte| *byte == b'\n') {
            in_header &= line != b"\n";
            inside = in_header && (line.starts_with(b"gpgsig") || inside && line.starts_with(b" "));
            if !inside {
                content.extend_from_slice(line);
                continue;
            }
            match line.strip_prefix(header) {
                Some(first) => {
                    signatures += 1;
                    signature.extend_from_slice(first);
                }
                None if line.starts_with(b" ") => signature.extend_from_slice(&line[1..]),
                // That of a repository with ids of another length.
                None => signatures += 2,
            }
        }
        match signatures {
            1 => Ok(SignedObject { content, signature }),
            0 => bad(
                "Unsigned",
                "it is not signed, as it is with the key that `user.signingkey` of Git's configuration \
                 names; decide again",
            ),
            _ => bad(
                "SignatureUnsupported",
                "it has more than one signature; decide again",
            ),
        }
    }
}

/// A throw-away folder that nobody else can look into: the home of the programs that judge.
struct Folder(TempDir);

impl Folder {
    /// A folder for programs, where they may be run.
    fn new(may_run: bool) -> Verified<Folder> {
        if !may_run {
            return Err(SignatureRefusal::NeedsProgram);
        }
        let made = tempfile::Builder::new().prefix("planspec-").tempdir();
        let made = made.map_err(unusable_file("make a temporary folder"))?;
        Ok(Folder(made))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).map_err(unusable_file("write a temporary file"))?;
        Ok(path)
    }

    fn run(&self, program: &str, package: &str, args: &[&OsStr], stdin: &[u8]) -> Verified<Output> {
        run_sealed(program, args, self.path(), stdin).or_else(|error| {
            bad(
                "NoVerifier",
                format!(
                    "`{program}` cannot be run where reconcile runs ({error}): install {package} there, \
                     then decide again"
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reason<T>(checked: Verified<T>) -> &'static str {
        match checked {
            Ok(_) => "",
            Err(SignatureRefusal::Bad(reason, _)) => reason,
            Err(SignatureRefusal::Broken(error)) => panic!("{error}"),
            Err(SignatureRefusal::NeedsProgram) => panic!("a program may be run"),
        }
    }

    #[test]
    fn the_one_signature_of_a_commit_is_taken_out_of_it() {
        let commit = "tree 1\nauthor A\ngpgsig -----BEGIN\n abc\n  d\n \n -----END\nencoding x\n\n\
                      gpgsig of the message\n more\n";
        let Ok(signed) = SignedObject::read(ObjectFormat::Sha1, commit.as_bytes()) else {
            panic!("refused");
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(signed.signature), "-----BEGIN\nabc\n d\n\n-----END\n");
        assert_eq!(
            text(signed.content),
            "tree 1\nauthor A\nencoding x\n\ngpgsig of the message\n more\n"
        );
    }

    #[test]
    fn whether_any_key_is_listed() {
        const SIGNERS: &str = ".planspec/allowed_signers";
        let sandbox = crate::git::testing::Sandbox::new();
        let table: [(&[(&str, &str)], bool); 7] = [
            (&[("a", "")], false),
            (&[(SIGNERS, "")], false),
            (&[(SIGNERS, "# ana\n\n  \n")], false),
            (
                &[(
                    SIGNERS,
                    "# ana\nana@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==",
                )],
                true,
            ),
            (&[(".planspec/keys/README.md", "none yet")], false),
            (&[(".planspec/keys/ana@example.com.asc", "a key")], true),
            (&[(".planspec/keys", "no folder")], false),
        ];
        for (index, (files, expected)) in table.into_iter().enumerate() {
            let repo = sandbox.repo(&format!("r{index}"));
            let commit = sandbox.commit(&repo, files);
            let listed = lists_a_key(&repo, Tree::Commit(&commit), SIGNERS).unwrap();
            assert_eq!(listed, expected, "{files:?}");
        }
    }

    #[test]
    fn commits_without_exactly_one_signature() {
        let table = [
            ("tree 1\n\nmessage\n", "Unsigned"),
            ("tree 1\n\ngpgsig x\n", "Unsigned"),
            ("tree 1\nmergetag x\n gpgsig y\n\nm\n", "Unsigned"),
            ("gpgsig a\n a\ngpgsig b\n b\n\nm\n", "SignatureUnsupported"),
            ("gpgsig a\ngpgsig-sha256 b\n\nm\n", "SignatureUnsupported"),
            ("gpgsig-sha256 b\n\nm\n", "SignatureUnsupported"),
            ("", "Unsigned"),
        ];
        let read = |format, commit: &str| SignedObject::read(format, commit.as_bytes());
        for (commit, expected) in table {
            assert_eq!(
                reason(read(ObjectFormat::Sha1, commit)),
                expected,
                "{commit}"
            );
        }
        let table = [
            ("tree 1\n\ngpgsig-sha256 x\n", "Unsigned"),
            ("gpgsig a\n\nm\n", "SignatureUnsupported"),
            ("gpgsig a\ngpgsig-sha256 b\n\nm\n", "SignatureUnsupported"),
        ];
        for (commit, expected) in table {
            assert_eq!(
                reason(read(ObjectFormat::Sha256, commit)),
                expected,
                "{commit}"
            );
        }
        for (format, header) in [
            (ObjectFormat::Sha1, "gpgsig"),
            (ObjectFormat::Sha256, "gpgsig-sha256"),
        ] {
            let commit = format!("tree 1\n{header} a\n b\nauthor x\n\nm\n");
            let signed = SignedObject::read(format, commit.as_bytes());
            let Ok(signed) = signed else {
                panic!("{header}")
            };
            assert_eq!(signed.signature, b"a\nb\n");
            assert_eq!(signed.content, b"tree 1\nauthor x\n\nm\n");
        }
    }

    #[test]
    fn gpg_must_find_one_good_signature_and_nothing_else() {
        let good = "NEWSIG\nGOODSIG 5F Ana\nVALIDSIG AB 2026-01-01 1 0 4 0 22 8 00 CD\n";
        let table: [(i32, &str, &str); 10] = [
            (0, good, ""),
            (2, good, "SignatureInvalid"),
            (0, "", "SignatureInvalid"),
            (0, "NEWSIG\nGOODSIG 5F Ana\n", "SignatureInvalid"),
            (0, &good.repeat(2), "SignatureInvalid"),
            (
                0,
                &format!("{good}NEWSIG\nBADSIG 5F Ana\n"),
                "SignatureInvalid",
            ),
            (0, &good.replace("GOOD", "EXPKEY"), "KeyExpired"),
            (0, &good.replace("GOOD", "REVKEY"), "KeyRevoked"),
            (0, &good.replace("GOOD", "EXP"), "SignatureExpired"),
            (2, "NEWSIG\nERRSIG 5F\nNO_PUBKEY 5F\n", "UnknownKey"),
        ];
        for (code, said, expected) in table {
            let stdout: String = said
                .lines()
                .map(|line| format!("[GNUPG:] {line}\n"))
                .collect();
            let output = Output {
                code,
                stdout: stdout.into_bytes(),
                stderr: String::new(),
            };
            let found = primary_key(&output, "ana", "file");
            if let Ok(key) = &found {
                assert_eq!(key, "CD", "the primary key, whichever signed");
            }
            assert_eq!(reason(found), expected, "{said}");
        }
        // A user ID may say anything, at the beginning of no line.
        let spoof = Output {
            code: 0,
            stdout: good.as_bytes().to_vec(),
            stderr: String::new(),
        };
        assert_eq!(
            reason(primary_key(&spoof, "ana", "file")),
            "SignatureInvalid"
        );
    }

    #[test]
    fn user_ids_that_are_valid_and_hold_an_e_mail() {
        let uid =
            |validity: &str, user: &str| format!("uid:{validity}::::1::F::{user}::::::::::0:\n");
        let listing = [
            "pub:-:255:22:5F:1:::-:::scSC:::::ed25519:::0:\n".to_owned(),
            uid("-", "Ana <ana@example.com>"),
            uid("u", "ben@example.com"),
            uid("r", "Revoked <revoked@example.com>"),
            uid("e", "Expired <expired@example.com>"),
            uid("-", "no mail"),
            uid("-", "Eve <ana@example.com> <eve@example.com>"),
            uid("-", "<open@example.com"),
        ];
        let mails: Vec<String> = mails_of_key(&listing.concat()).collect();
        assert_eq!(
            mails,
            ["ana@example.com", "ben@example.com", "eve@example.com"]
        );
    }
}
