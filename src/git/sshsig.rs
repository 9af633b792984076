//! Signatures with SSH keys (PROTOCOL.sshsig of OpenSSH), judged without a process each: whoever knows a public key can send any
//! number of commits that say that they are signed with it, and a history may hold thousands that are. Of the kinds of keys that are
//! not known here nothing is said: `ssh-keygen` judges them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest, Sha256, Sha512};

/// What stands in front of a signature, and of what it signs.
const MAGIC: &[u8] = b"SSHSIG";
/// What Git signs with SSH keys is signed for this purpose.
const NAMESPACE: &[u8] = b"git";
const VERSION: [u8; 4] = 1u32.to_be_bytes();
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Bytes in the modulus of the RSA keys that are judged here.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Whether a signature is one of this content, for Git. Nothing where only `ssh-keygen` can tell: that of another kind of key, and
/// whatever is not written just as OpenSSH writes it.
pub(super) fn is_genuine(armoured: &[u8], content: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(armoured).ok()?;
    let lines = text.trim_end().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let blob = STANDARD.decode(lines.lines().collect::<String>()).ok()?;
    let mut rest = blob.strip_prefix(MAGIC)?.strip_prefix(&VERSION)?;
    let [key, namespace, reserved, hash, signature] = [(); 5].map(|()| text_of(&mut rest));
    let (key, signature) = (key?, signature?);
    if !rest.is_empty() || namespace? != NAMESPACE {
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
    verify(key, signature, signed)
}

/// Whether a key signed this message (RFC 4253, 5656, 8332, 8709, and PROTOCOL.u2f of OpenSSH).
fn verify(mut key: &[u8], mut signature: &[u8], mut message: Vec<u8>) -> Option<bool> {
    let (kind, said) = (text_of(&mut key)?, text_of(&mut signature)?);
    if kind == b"ssh-rsa" {
        return verify_rsa(key, (said, signature), &message);
    }
    if said != kind {
        return None;
    }
    let curve: Option<(&dyn VerificationAlgorithm, &[u8], usize)> = match kind {
        b"ssh-ed25519" | b"sk-ssh-ed25519@openssh.com" => None,
        b"ecdsa-sha2-nistp256" | b"sk-ecdsa-sha2-nistp256@openssh.com" => {
            Some((&ECDSA_P256_SHA256_FIXED, b"nistp256", 32))
        }
        b"ecdsa-sha2-nistp384" => Some((&ECDSA_P384_SHA384_FIXED, b"nistp384", 48)),
        _ => return None,
    };
    if let Some((_, name, _)) = curve
        && text_of(&mut key)? != name
    {
        return None;
    }
    let point = text_of(&mut key)?;
    let mut numbers = text_of(&mut signature)?;
    if kind.starts_with(b"sk-") {
        // A security key signs the name of the application, whether somebody touched it, and how often it has signed.
        let mut of_key = Sha256::digest(text_of(&mut key)?).to_vec();
        of_key.extend(std::mem::take(&mut signature));
        of_key.extend(Sha256::digest(&message));
        message = of_key;
    }
    if !key.is_empty() || !signature.is_empty() {
        return None;
    }
    let Some((algorithm, _, bytes)) = curve else {
        let key = UnparsedPublicKey::new(&ED25519, point);
        return Some(key.verify(&message, numbers).is_ok());
    };
    let mut fixed = Vec::new();
    for number in [(); 2].map(|()| text_of(&mut numbers)) {
        let number = without_zeros(number?);
        fixed.resize(fixed.len() + bytes.checked_sub(number.len())?, 0);
        fixed.extend(number);
    }
    let key = UnparsedPublicKey::new(algorithm, point);
    numbers
        .is_empty()
        .then(|| key.verify(&message, &fixed).is_ok())
}

fn verify_rsa(
    mut key: &[u8],
    (kind, mut signature): (&[u8], &[u8]),
    message: &[u8],
) -> Option<bool> {
    let algorithm = match kind {
        b"rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
        b"rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    };
    let [e, n] = [(); 2].map(|()| text_of(&mut key).map(without_zeros));
    let key = RsaPublicKeyComponents { n: n?, e: e? };
    let number = text_of(&mut signature)?;
    let is_known = RSA_BYTES.contains(&key.n.len()) && number.len() == key.n.len();
    (is_known && signature.is_empty()).then(|| key.verify(algorithm, message, number).is_ok())
}

/// A number, which stands there with a zero in front where it would be negative without.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
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

    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    use super::*;

    /// A signature of OpenSSH's own with a new key.
    fn signature(kind: &[&str], content: &str) -> Vec<u8> {
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
        run(&[&["-q", "-N", "", "-f", "key", "-t"], kind].concat());
        run(&["-Y", "sign", "-q", "-n", "git", "-f", "key", "text"]);
        std::fs::read(at("text.sig")).unwrap()
    }

    /// What `ssh-keygen` says of a signature.
    fn is_good_to_ssh_keygen(signature: &[u8], content: &[u8]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sig");
        std::fs::write(&file, signature).unwrap();
        let child = Command::new("ssh-keygen")
            .args(["-Y", "check-novalidate", "-n", "git", "-s"])
            .arg(&file)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        let mut child = child.unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), content).unwrap();
        child.wait().unwrap().success()
    }

    fn texts(parts: &[&[u8]]) -> Vec<u8> {
        let part = |part: &&[u8]| {
            let length = u32::try_from(part.len()).unwrap().to_be_bytes();
            [&length[..], part].concat()
        };
        parts.iter().flat_map(part).collect()
    }

    fn armoured(key: &[u8], signature: &[u8]) -> Vec<u8> {
        let parts = texts(&[key, NAMESPACE, b"", b"sha512", signature]);
        let blob = STANDARD.encode([MAGIC, &VERSION, &parts].concat());
        let lines: Vec<&str> = blob
            .as_bytes()
            .chunks(70)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")).into_bytes()
    }

    /// A number as SSH writes it.
    fn number(bytes: &[u8]) -> Vec<u8> {
        let bytes = without_zeros(bytes);
        match bytes.first() {
            Some(first) if *first >= 0x80 => [&[0], bytes].concat(),
            _ => bytes.to_vec(),
        }
    }

    /// The signatures of two security keys, which no test has in a drawer.
    fn of_security_keys(content: &[u8]) -> [Vec<u8>; 2] {
        let digest = Sha512::digest(content);
        let message = [MAGIC, &texts(&[NAMESPACE, b"", b"sha512", &digest])].concat();
        let touched = [1, 0, 0, 0, 7];
        let application = b"ssh:";
        let signed = [
            &Sha256::digest(application)[..],
            &touched,
            &Sha256::digest(message),
        ]
        .concat();
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let kind = b"sk-ssh-ed25519@openssh.com";
        let key = texts(&[kind, ed25519.public_key().as_ref(), application]);
        let signature = texts(&[kind, ed25519.sign(&signed).as_ref()]);
        let first = armoured(&key, &[&signature[..], &touched].concat());
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let secret = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let ecdsa = EcdsaKeyPair::from_pkcs8(how, secret.as_ref(), &random).unwrap();
        let kind = b"sk-ecdsa-sha2-nistp256@openssh.com";
        let point = ecdsa.public_key().as_ref();
        let key = texts(&[kind, b"nistp256", point, application]);
        let made = ecdsa.sign(&random, &signed).unwrap();
        let (r, s) = made.as_ref().split_at(32);
        let signature = texts(&[kind, &texts(&[&number(r), &number(s)])]);
        [first, armoured(&key, &[&signature[..], &touched].concat())]
    }

    #[test]
    fn what_is_genuine_is_told_from_what_is_not_and_of_others_nothing_is_said() {
        let content = b"what was signed\n";
        let kinds: [&[&str]; 5] = [
            &["ed25519"],
            &["ecdsa", "-b", "256"],
            &["ecdsa", "-b", "384"],
            &["rsa", "-b", "2048"],
            &["rsa", "-b", "3072"],
        ];
        let made = kinds.map(|kind| signature(kind, "what was signed\n"));
        for (at, signed) in made.iter().chain(&of_security_keys(content)).enumerate() {
            assert!(is_good_to_ssh_keygen(signed, content), "{at}");
            assert_eq!(is_genuine(signed, content), Some(true), "{at}");
            assert_eq!(is_genuine(signed, b"something else\n"), Some(false), "{at}");
            one_bit_further_on_is_another(signed, content);
        }
        // Of other keys only `ssh-keygen` can tell, and of what is no signature there is nothing to say.
        for kind in [&["ecdsa", "-b", "521"][..], &["rsa", "-b", "1024"]] {
            let other = signature(kind, "what was signed\n");
            assert_eq!(is_genuine(&other, content), None, "{kind:?}");
        }
        for nonsense in [
            &b""[..],
            b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
            b"\xff",
        ] {
            assert_eq!(is_genuine(nonsense, b"x"), None);
        }
        let text = String::from_utf8(made[0].clone()).unwrap();
        let cut: String = text
            .lines()
            .take(3)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(is_genuine(cut.as_bytes(), b"what was signed\n"), None);
    }

    fn one_bit_further_on_is_another(signed: &[u8], content: &[u8]) {
        let text = String::from_utf8(signed.to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let blob = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            let changed = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(changed));
            assert_ne!(is_genuine(changed.as_bytes(), content), Some(true), "{at}");
        }
    }
}
