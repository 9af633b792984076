//! Signatures with SSH keys (PROTOCOL.sshsig of OpenSSH), as far as it can be told here that they are none: whoever knows a
//! public key can send any number of commits that say that they are signed with it, and each would cost two processes.
//! A signature that is not refuted here is judged by `ssh-keygen`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest, Sha256, Sha512};

/// What stands in front of a signature, and of what it signs.
const MAGIC: &[u8] = b"SSHSIG";
/// The kind of key that is known here: what `ssh-keygen` makes.
const KIND: &[u8] = b"ssh-ed25519";

/// Whether a signature is certainly none of this content. False where nobody can tell without `ssh-keygen`.
pub(super) fn is_refuted(armoured: &[u8], content: &[u8]) -> bool {
    refuted(armoured, content).unwrap_or(false)
}

fn refuted(armoured: &[u8], content: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(armoured).ok()?;
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let blob = STANDARD.decode(lines.collect::<String>()).ok()?;
    let mut rest = blob.strip_prefix(MAGIC)?.get(4..)?;
    let [key, namespace, reserved, hash, signature] = [(); 5].map(|()| text_of(&mut rest));
    let (mut key, mut signature) = (key?, signature?);
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
    Some(key.verify(&signed, text_of(&mut signature)?).is_err())
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
    fn what_is_no_signature_of_a_content_is_refuted_and_what_is_is_not() {
        let signed = signature("ed25519", "what was signed\n");
        assert!(!is_refuted(&signed, b"what was signed\n"));
        assert!(is_refuted(&signed, b"something else\n"));
        // Of other keys only `ssh-keygen` can tell, and of what is no signature there is nothing to refute.
        let other = signature("ecdsa", "what was signed\n");
        assert!(!is_refuted(&other, b"something else\n"));
        for nonsense in [
            &b""[..],
            b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
            b"\xff",
        ] {
            assert!(!is_refuted(nonsense, b"x"));
        }
        let text = String::from_utf8(signed).unwrap();
        let cut: String = text
            .lines()
            .take(3)
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(!is_refuted(cut.as_bytes(), b"what was signed\n"));
    }
}
