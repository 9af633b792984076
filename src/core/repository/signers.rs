//! The file of allowed signers: whose SSH keys count, a line for each, as `ssh-keygen` reads them. Lines that would let
//! anybody speak for others, or that say nothing that can be used, are no lines.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chrono::{NaiveDate, NaiveDateTime};
use sha2::{Digest, Sha256};

use crate::core::repository::config::ApprovalConfig;
use crate::core::resource::Time;

/// The namespace in which Git signs.
const NAMESPACE: &str = "git";

/// A file of allowed signers, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signers {
    /// The lines that count.
    pub lines: Vec<SignerLine>,
    /// The lines that do not, by their number from 1.
    pub refused: Vec<RefusedLine>,
}

/// A line that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerLine {
    /// Its number, from 1.
    pub number: usize,
    /// As it was written.
    pub text: String,
    /// For whom the key is listed.
    pub principals: BTreeSet<String>,
    /// Fingerprint of the key: `SHA256:…`.
    pub key: String,
    /// From when on it is valid.
    pub after: Option<Time>,
    /// Until when.
    pub before: Option<Time>,
    /// Whether it may sign what Git signs.
    pub signs_commits: bool,
}

/// A line that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub number: usize,
    /// The key, where there is one.
    pub key: Option<String>,
    /// Why not.
    pub why: String,
}

impl Signers {
    /// Read a file.
    pub fn read(bytes: &[u8]) -> Signers {
        let text = String::from_utf8_lossy(bytes);
        let mut signers = Signers::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match SignerLine::read(number, line) {
                Ok(line) => signers.lines.push(line),
                Err((key, why)) => signers.refused.push(RefusedLine { number, key, why }),
            }
        }
        signers
    }

    /// The lines that count, as they were written.
    pub fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| format!("{}\n", line.text));
        lines.collect()
    }

    /// Why a key does not count that stands only on lines which do not.
    pub fn why_refused(&self, key: &str) -> Option<&RefusedLine> {
        let mut refused = self.refused.iter();
        refused.find(|line| line.key.as_deref() == Some(key))
    }

    /// For whom a key is listed, whenever it is valid; nothing where no line that counts has it.
    pub fn owners(&self, key: &str) -> BTreeSet<&str> {
        let lines = self.lines.iter().filter(|line| line.key == key);
        lines
            .flat_map(|line| line.principals.iter().map(String::as_str))
            .collect()
    }

    /// Whether a key is listed for a principal, and was valid at a moment.
    pub fn lists(&self, principal: &str, key: &str, at: Time) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| {
            line.key == key
                && line.signs_commits
                && line.principals.contains(principal)
                && line.after.is_none_or(|after| after <= at)
                && line.before.is_none_or(|before| at <= before)
        })
    }

    /// The keys that are listed for several people, with these.
    pub fn shared(&self, approvals: &ApprovalConfig) -> Vec<(&SignerLine, BTreeSet<String>)> {
        let mut people: BTreeMap<&str, (Vec<&SignerLine>, BTreeSet<String>)> = BTreeMap::new();
        for line in &self.lines {
            let (lines, persons) = people.entry(&line.key).or_default();
            lines.push(line);
            persons.extend(line.principals.iter().map(|one| approvals.person(one)));
        }
        let shared = people
            .into_values()
            .filter(|(_, persons)| persons.len() > 1);
        let last = shared.filter_map(|(lines, persons)| Some((*lines.last()?, persons)));
        last.collect()
    }
}

type Refused = (Option<String>, String);

impl SignerLine {
    fn read(number: usize, line: &str) -> Result<SignerLine, Refused> {
        let words = words(line);
        let (principals, options, key) = match words.as_slice() {
            [principals, kind, key, ..] if is_key_type(kind) => (principals, "", (kind, key)),
            [principals, options, kind, key, ..] if is_key_type(kind) => {
                (principals, options.as_str(), (kind, key))
            }
            _ => {
                let why = "it does not have the form `PRINCIPALS [OPTIONS] KEYTYPE KEY`, with a public key as `ssh-keygen` writes it";
                return Err((None, why.to_owned()));
            }
        };
        let fingerprint = fingerprint(key.0, key.1).ok_or_else(|| {
            (
                None,
                format!("`{}` is not followed by a key of this type", key.0),
            )
        })?;
        let refuse = |why: String| (Some(fingerprint.clone()), why);
        let principals = principals.trim_matches('"');
        if let Some(glob) = principals.find(['*', '?', '!']) {
            let found = &principals[glob..=glob];
            let why = format!(
                "`{found}` in `{principals}` is a pattern; list a key for exact names only"
            );
            return Err(refuse(why));
        }
        let names = principals.split(',').filter(|name| !name.is_empty());
        let mut read = SignerLine {
            number,
            text: line.to_owned(),
            principals: names.map(str::to_owned).collect(),
            key: fingerprint.clone(),
            after: None,
            before: None,
            signs_commits: true,
        };
        if read.principals.is_empty() {
            return Err(refuse("it names nobody".to_owned()));
        }
        for option in split_options(options) {
            read.take(&option).map_err(refuse)?;
        }
        Ok(read)
    }

    fn take(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        let time = || {
            let why = || format!("`{option}` is not a time, as in `valid-before=\"20260131\"`");
            moment(value).ok_or_else(why)
        };
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => Err(
                "`cert-authority` lets its owner make keys for anybody; list each key instead"
                    .to_owned(),
            ),
            "namespaces" => {
                let mut all = value.split(',');
                self.signs_commits = all.any(|one| one == NAMESPACE);
                Ok(())
            }
            "valid-after" => time().map(|time| self.after = Some(time)),
            "valid-before" => time().map(|time| self.before = Some(time)),
            _ => Err(format!("`{name}` is not an option that `ssh-keygen` knows")),
        }
    }
}

/// The words of a line; what stands between double quotes is not taken apart.
fn words(line: &str) -> Vec<String> {
    split(line, char::is_whitespace)
}

fn split_options(options: &str) -> Vec<String> {
    split(options, |letter| letter == ',')
}

fn split(text: &str, is_end: impl Fn(char) -> bool) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        quoted ^= letter == '"';
        match parts.last_mut() {
            Some(_) if !quoted && is_end(letter) => parts.push(String::new()),
            Some(part) => part.push(letter),
            None => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|start| word.starts_with(start))
}

/// `SHA256:…` of a public key, where it is one of this type.
fn fingerprint(kind: &str, key: &str) -> Option<String> {
    let blob = STANDARD.decode(key).ok()?;
    let length = usize::try_from(u32::from_be_bytes(blob.get(..4)?.try_into().ok()?)).ok()?;
    let own = blob.get(4..length.checked_add(4)?)?;
    (own == kind.as_bytes())
        .then(|| format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))))
}

/// The fingerprint of the key that an armoured SSH signature says it was made with.
pub fn key_of_signature(armoured: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(armoured).ok()?;
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let blob = STANDARD.decode(lines.collect::<String>()).ok()?;
    // Magic, version, then the key with its length.
    let rest = blob.strip_prefix(b"SSHSIG")?.get(4..)?;
    let length = usize::try_from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
    let key = rest.get(4..length.checked_add(4)?)?;
    Some(format!(
        "SHA256:{}",
        STANDARD_NO_PAD.encode(Sha256::digest(key))
    ))
}

/// `YYYYMMDD[HHMM[SS]][Z]`, in UTC.
fn moment(text: &str) -> Option<Time> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !digits.is_ascii() {
        return None;
    }
    let time = match digits.len() {
        8 => NaiveDate::parse_from_str(digits, "%Y%m%d")
            .ok()?
            .and_hms_opt(0, 0, 0)?,
        12 => NaiveDateTime::parse_from_str(&format!("{digits}00"), "%Y%m%d%H%M%S").ok()?,
        14 => NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S").ok()?,
        _ => return None,
    };
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBPyvIp6EXsaOTXpSgyK3QzDcaj/7PkAJq8lSVDT5kM1";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEU8nRxBtPNwFrQOnzB3XSnVmAhQhbcGXvqzS2ZxPnBT";

    fn why(line: &str) -> String {
        let read = Signers::read(line.as_bytes());
        let mut refused = read.refused.into_iter();
        refused.next().map_or(String::new(), |line| line.why)
    }

    #[test]
    fn a_line_says_whose_key_it_is_and_when_it_is_valid() {
        let text = format!(
            "# people\n\nana@example.com,ana {KEY} ana@laptop\n\"agent:coder\" valid-after=\"20260101\",namespaces=\"file,git\" {OTHER}\n"
        );
        let signers = Signers::read(text.as_bytes());
        assert_eq!(signers.refused, []);
        let [ana, coder] = signers.lines.as_slice() else {
            panic!("{signers:?}")
        };
        assert!(ana.key.starts_with("SHA256:") && ana.key != coder.key);
        assert_eq!(coder.number, 4);
        let at = |text: &str| -> Time { text.parse().expect("a time") };
        let table = [
            ("ana", ana, "2020-01-01T00:00:00Z", true),
            ("ana@example.com", ana, "2020-01-01T00:00:00Z", true),
            ("Ana", ana, "2020-01-01T00:00:00Z", false),
            ("ana", coder, "2026-06-01T00:00:00Z", false),
            ("agent:coder", coder, "2026-01-01T00:00:00Z", true),
            ("agent:coder", coder, "2025-12-31T23:59:59Z", false),
        ];
        for (who, line, when, expected) in table {
            assert_eq!(
                signers.lists(who, &line.key, at(when)),
                expected,
                "{who} {when}"
            );
        }
    }

    #[test]
    fn what_would_let_anybody_speak_for_others_is_no_line() {
        let table = [
            (format!("* {KEY}"), "`*` in `*` is a pattern"),
            (format!("*@example.com {KEY}"), "is a pattern"),
            (format!("ana?,ben {KEY}"), "`?` in `ana?,ben`"),
            (format!("!eve,ana {KEY}"), "`!` in"),
            (format!("ana cert-authority {KEY}"), "`cert-authority`"),
            (
                format!("ana CERT-AUTHORITY,namespaces=\"git\" {KEY}"),
                "`cert-authority`",
            ),
            (
                format!("ana {}", &KEY[12..]),
                "it does not have the form `PRINCIPALS",
            ),
            ("ana".to_owned(), "it does not have the form `PRINCIPALS"),
            (
                "ana ssh-ed25519 AAAA".to_owned(),
                "is not followed by a key of this type",
            ),
            (
                "ana ssh-rsa !!!".to_owned(),
                "is not followed by a key of this type",
            ),
            (
                format!("ana {}", KEY.replacen("ed25519", "rsa", 1)),
                "is not followed by a key of this type",
            ),
            (format!("ana valid-before=\"soon\" {KEY}"), "is not a time"),
            (format!("ana no-touch {KEY}"), "is not an option"),
            (format!(", {KEY}"), "it names nobody"),
        ];
        for (line, expected) in table {
            let found = why(&line);
            assert!(found.contains(expected), "{line}: {found}");
        }
        let signers = Signers::read(format!("* {KEY}\nana {OTHER}\n").as_bytes());
        assert_eq!(signers.text(), format!("ana {OTHER}\n"));
        let refused = signers.refused[0].clone();
        let key = refused.key.clone().expect("a key");
        assert_eq!(signers.why_refused(&key), Some(&refused));
    }

    #[test]
    fn what_is_no_signature_has_no_key() {
        for text in [
            "",
            "-----BEGIN SSH SIGNATURE-----",
            "AAAA",
            "U1NIU0lH",
            "U1NIU0lHAAAAAf////8=",
        ] {
            assert_eq!(key_of_signature(text.as_bytes()), None, "{text}");
        }
        // Magic, version 1, and a key of three bytes.
        let key = key_of_signature(b"-----BEGIN\nU1NIU0lHAAAA\nAQAAAANhYmM=\n-----END\n");
        assert_eq!(
            key.as_deref(),
            Some("SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0")
        );
    }

    #[test]
    fn a_key_of_two_people_is_found() {
        let approvals = ApprovalConfig {
            users: [(
                "ana".to_owned(),
                ["ana@x.io".to_owned(), "ana@home.io".to_owned()].into(),
            )]
            .into(),
            ..ApprovalConfig::default()
        };
        let shared = |text: String| -> Vec<(usize, Vec<String>)> {
            let signers = Signers::read(text.as_bytes());
            let shared = signers.shared(&approvals).into_iter();
            shared
                .map(|(line, people)| (line.number, people.into_iter().collect()))
                .collect()
        };
        assert_eq!(
            shared(format!(
                "ana@x.io {KEY}\nana@home.io,ana {KEY}\nben {OTHER}\n"
            )),
            []
        );
        let two = vec!["user:ana".to_owned(), "user:ben".to_owned()];
        assert_eq!(
            shared(format!("ana@x.io {KEY}\nben {KEY}\n")),
            [(2, two.clone())]
        );
        assert_eq!(shared(format!("ana@x.io,ben {KEY}\n")), [(1, two)]);
    }
}
