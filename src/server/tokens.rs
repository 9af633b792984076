//! Tokens and their rights. Only digests of tokens are kept.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::status::Refusal;
use crate::core::base::digest::sha256_hex;
use crate::core::base::limits::Limits;
use crate::core::repository::config::{Config, Deciding, names_nobody};
use crate::core::text::yaml;
use crate::service::{Error, Result, sources};

/// A right of a token. None implies another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Right {
    /// Read.
    Read,
    /// Claim, report, release.
    Work,
    /// Approve, reject, attest.
    Decide,
    /// Commit resources; a Binding among them can decide which commands are run.
    Write,
    /// Cancel and retry runs, delete namespaces.
    Admin,
}

impl Right {
    /// All rights.
    pub const ALL: [Right; 5] = [
        Right::Read,
        Right::Work,
        Right::Decide,
        Right::Write,
        Right::Admin,
    ];

    /// `read`
    pub fn word(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Work => "work",
            Right::Decide => "decide",
            Right::Write => "write",
            Right::Admin => "admin",
        }
    }
}

/// The content of the token file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenFile {
    tokens: Vec<TokenEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenEntry {
    name: String,
    sha256: String,
    actor: String,
    namespaces: Option<BTreeSet<String>>,
    rights: BTreeSet<Right>,
}

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of the token, for the log.
    pub name: String,
    /// The actor; `None` is the one that Git would use here.
    pub actor: Option<String>,
    /// The namespaces that the token is limited to.
    namespaces: Option<BTreeSet<String>>,
    rights: BTreeSet<Right>,
    /// Separates the claims of this holder from those of others.
    pub session: String,
}

impl Holder {
    /// Any user of this machine, if there are no tokens.
    pub fn local(is_read_only: bool) -> Holder {
        let rights = Right::ALL.into_iter();
        let rights = rights.filter(|right| !is_read_only || *right == Right::Read);
        Holder {
            name: "local".to_owned(),
            actor: None,
            namespaces: None,
            rights: rights.collect(),
            session: "local".to_owned(),
        }
    }

    /// Checks that the holder has a right in some namespace.
    ///
    /// # Errors
    /// The holder does not have it.
    pub fn has(&self, right: Right) -> std::result::Result<(), Refusal> {
        if self.rights.contains(&right) {
            return Ok(());
        }
        let why = format!("this token may not {}", right.word());
        let hint = format!("it needs the right `{}`", right.word());
        Err(Refusal::from(Error::forbidden(why).hint(hint)))
    }

    /// Checks that the holder has a right in a namespace, or with `None` in all.
    ///
    /// # Errors
    /// The holder does not have it.
    pub fn may(&self, right: Right, namespace: Option<&str>) -> std::result::Result<(), Refusal> {
        self.has(right)?;
        match (&self.namespaces, namespace) {
            (Some(known), Some(namespace)) if !known.contains(namespace) => {
                let why = format!("this token is not for namespace `{namespace}`");
                Err(Refusal::from(Error::forbidden(why)))
            }
            (Some(_), None) => {
                let why = "this token is only for some namespaces";
                Err(Refusal::from(Error::forbidden(why)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the holder may see a namespace.
    pub fn sees(&self, namespace: &str) -> bool {
        let known = self.namespaces.as_ref();
        known.is_none_or(|known| known.contains(namespace))
    }
}

/// The known tokens.
#[derive(Debug)]
pub struct Tokens {
    known: Vec<(Vec<u8>, Holder)>,
}

impl Tokens {
    /// Reads the token file.
    ///
    /// # Errors
    /// It cannot be read, or a token has a right that needs signatures in this repository.
    pub fn read(path: &Path, config: &Config, is_read_only: bool) -> Result<Tokens> {
        let name = path.display().to_string();
        let bytes = sources::bytes(path)?;
        let (mut documents, findings) = yaml::read(&name, &bytes, &Limits::default());
        if !findings.is_empty() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let findings = crate::service::Findings::new(findings, &|_| Some(text.clone()));
            return Err(Error::findings(findings));
        }
        let value = documents.pop().map(|document| document.value);
        let file: TokenFile = serde_json::from_value(value.unwrap_or_default())
            .map_err(|error| Error::invalid(format!("{name}: {error}")).hint(FORM))?;
        let mut known = Vec::new();
        for entry in file.tokens {
            known.push(entry.check(&name, config, is_read_only)?);
        }
        if known.is_empty() {
            return Err(Error::invalid(format!("{name} has no tokens")).hint(FORM));
        }
        Ok(Tokens { known })
    }

    /// The holder of a token. All digests are compared, each in constant time.
    pub fn holder(&self, token: &str) -> Option<&Holder> {
        let digest = sha256_hex(token.as_bytes());
        let mut found = None;
        for (known, holder) in &self.known {
            if bool::from(known.as_slice().ct_eq(digest.as_bytes())) {
                found = Some(holder);
            }
        }
        found
    }
}

/// An example of the file.
const FORM: &str = "tokens:\n- name: ci\n  sha256: 64 hexadecimal digits, as `printf %s TOKEN | sha256sum` prints them\n  actor: ci@example.com\n  namespaces: [team-a]   # all when not set\n  rights: [read, work, decide, write, admin]";

impl TokenEntry {
    fn check(self, file: &str, config: &Config, is_read_only: bool) -> Result<(Vec<u8>, Holder)> {
        let TokenEntry {
            name,
            sha256,
            actor,
            namespaces,
            mut rights,
        } = self;
        let digest = sha256
            .strip_prefix("sha256:")
            .unwrap_or(&sha256)
            .to_lowercase();
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let why = format!("{file}: the sha256 of token `{name}` is not a digest");
            return Err(Error::invalid(why).hint(FORM));
        }
        if actor.trim().is_empty() {
            return Err(Error::invalid(format!(
                "{file}: token `{name}` names no actor"
            )));
        }
        if let Some((why, help)) = names_nobody(&actor) {
            let why = format!("{file}: token `{name}`: {why}");
            return Err(Error::invalid(why).hint(help));
        }
        let signed = &config.approvals.require_signed;
        let decides = [Deciding::Reviews, Deciding::Attestations];
        if rights.contains(&Right::Decide) && decides.into_iter().any(|one| signed.covers(one)) {
            let why = format!(
                "{file}: token `{name}` may decide, but `approvals.requireSigned` requires signed decisions, and the server has no key"
            );
            return Err(Error::invalid(why).hint(
                "remove the right `decide` from it; use `planspec approve`, which signs, or send signed records",
            ));
        }
        if is_read_only {
            rights.retain(|right| *right == Right::Read);
        }
        let holder = Holder {
            session: format!("token-{}", &digest[..16]),
            name,
            actor: Some(actor),
            namespaces,
            rights,
        };
        Ok((digest.into_bytes(), holder))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str, config: &Config) -> Result<Tokens> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.yaml");
        std::fs::write(&path, text).unwrap();
        Tokens::read(&path, config, false)
    }

    fn file(rights: &str) -> String {
        let digest = sha256_hex(b"secret");
        format!(
            "tokens:\n- {{name: ci, sha256: {digest}, actor: ci@example.com, namespaces: [a], rights: [{rights}]}}\n"
        )
    }

    #[test]
    fn a_token_may_what_it_says_and_nothing_else() {
        let tokens = read(&file("read, write"), &Config::default()).unwrap();
        assert_eq!(tokens.holder("Secret"), None);
        let holder = tokens.holder("secret").unwrap();
        assert!(holder.may(Right::Write, Some("a")).is_ok());
        for (right, namespace) in [
            (Right::Decide, Some("a")),
            (Right::Admin, Some("a")),
            (Right::Write, Some("b")),
            (Right::Read, None),
        ] {
            assert_eq!(holder.may(right, namespace).unwrap_err().code.as_u16(), 403);
        }
    }

    #[test]
    fn a_file_that_cannot_be_meant_is_refused() {
        let signed = Config::read(".planspec.yaml", b"approvals: {requireSigned: true}\n")
            .0
            .unwrap();
        for (text, config, expected) in [
            (
                file("read, fly"),
                &Config::default(),
                "unknown variant `fly`",
            ),
            (file("decide"), &signed, "requires signed decisions"),
            (
                "tokens: []\n".to_owned(),
                &Config::default(),
                "has no tokens",
            ),
            (
                "tokens: [{name: x, sha256: abc, actor: a, rights: []}]\n".to_owned(),
                &Config::default(),
                "is not a digest",
            ),
            (
                file("read").replace("ci@example.com", "'agent:'"),
                &Config::default(),
                "token `ci`: the actor `agent:` has no name",
            ),
            ("tokens: [{name: x\n".to_owned(), &Config::default(), ""),
        ] {
            let error = read(&text, config).unwrap_err();
            let said = format!("{} {:?}", error.message, error.findings.found);
            assert!(said.contains(expected), "{said}");
        }
        assert!(read(&file("read"), &signed).is_ok());
    }
}
