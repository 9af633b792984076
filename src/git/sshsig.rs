//! Signatures with Ed25519 keys (PROTOCOL.sshsig of OpenSSH), judged without a process each: whoever knows a public key can send any
//! number of commits that say that they are signed with it, and a history may hold thousands that are. Of all others nothing is
//! said here: `ssh-keygen` judges them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest, Sha256, Sha512};

/// What stands in front of a signature, and of what it signs.
const MAGIC: &[u8] = b"SSHSIG";
/// The kind of key that is known here: what `ssh-keygen` makes.
const KIND: &[u8] = b"ssh-ed25519";

/// What Git signs with SSH keys is signed for this purpose.
const NAMESPACE: &[u8] = b"git";
const VERSION: [u8; 4] = 1u32.to_be_bytes();
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// Whether a signature is one of this content, for Git. Nothing where only `ssh-keygen` can tell: that of another kind of key, and
/// whatever is not written just as OpenSSH writes it.
pub(super) fn is_genuine(armoured: &[u8], content: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(armoured).ok()?;
    let lines = text.trim_end().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let blob = STANDARD.decode(lines.lines().collect::<String>()).ok()?;
    let mut rest = blob.strip_prefix(MAGIC)?.strip_prefix(&VERSION)?;
    let [key, namespace, reserved, hash, signature] = [(); 5].map(|()| text_of(&mut rest));
    let (mut key, mut signature) = (key?, signature?);
    if !rest.is_empty() || namespace? != NAMESPACE {
        return None;
    }
    if text_of(&mut key)? != KIND || text_of(&mut signature)? != KIND {
        return None;
    }
    let hash = hash?;
    let digest = match hash {
        b"sha256" => Sha256::digest(content).to_vec(),
        b"sha512" => Sha512::digest(content).to_vec(),
        _ => return None,
    };
    let mut signed = MAGIC.to_vec();
    for part in [namespace?, reserved?, hash, &digest] {
        signed.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        signed.extend(part);
    }
    let key = UnparsedPublicKey::new(&ED25519, text_of(&mut key)?);
    let signature = text_of(&mut signature)?;
    Some(key.verify(&signed, signature).is_ok())
}

/// The next text, which stands behind its length.
fn text_of<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_at_checked(4)?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    let (text, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    fn signature(kind: &str, content: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("text"), content).unwrap();
        let run = |args: &[&str]| {
            let ran = Command::new("ssh-keygen")
                .args(args)
                .current_dir(folder.path())
                .output();
            assert!(ran.unwrap().status.success(), "{args:?}");
        };
        run(&["-q", "-t", kind, "-N", "", "-f", "key"]);
        run(&["-Y", "sign", "-q", "-n", "git", "-f", "key", "text"]);
        std::fs::read(at("text.sig")).unwrap()
    }

    #[test]
    fn what_is_genuine_is_told_from_what_is_not_and_of_others_nothing_is_said() {
        let signed = signature("ed25519", "what was signed\n");
        assert_eq!(is_genuine(&signed, b"what was signed\n"), Some(true));
        assert_eq!(is_genuine(&signed, b"something else\n"), Some(false));
        // Of other keys only `ssh-keygen` can tell, and of what is no signature there is nothing to say.
        let other = signature("ecdsa", "what was signed\n");
        assert_eq!(is_genuine(&other, b"what was signed\n"), None);
        for nonsense in [
            &b""[..],
            b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
            b"\xff",
        ] {
            assert_eq!(is_genuine(nonsense, b"x"), None);
        }
        let text = String::from_utf8(signed).unwrap();
        let cut: String = text
            .lines()
            .take(3)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(is_genuine(cut.as_bytes(), b"what was signed\n"), None);
        // One bit further on is another signature, wherever it is.
        let lines: Vec<&str> = text.lines().collect();
        let blob = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            let changed = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(changed));
            let said = is_genuine(changed.as_bytes(), b"what was signed\n");
            assert_ne!(said, Some(true), "{at}");
        }
    }
}
