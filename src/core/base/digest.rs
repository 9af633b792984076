//! Content digests over canonical JSON (RFC 8785).

use serde::Serialize;
use sha2::{Digest, Sha256};

/// `sha256:` and 64 hexadecimal digits over the canonical JSON of `value`: independent of the order of
/// keys and of formatting.
///
/// A value that JSON cannot hold (a map with keys that are not strings) has the digest of `null`; this
/// crate has no such types.
pub fn canonical(value: &impl Serialize) -> String {
    let bytes = serde_json_canonicalizer::to_vec(value).unwrap_or_else(|_| b"null".to_vec());
    format!("sha256:{}", hex(&Sha256::digest(&bytes)))
}

/// The first two hexadecimal digits of the SHA-256 of `name`: the subfolder that keeps folders of
/// the status branch small.
pub fn shard(name: &str) -> String {
    hex(&Sha256::digest(name.as_bytes())[..1])
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// The first digits of an object id.
pub fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn key_order_does_not_matter() {
        assert_eq!(
            canonical(&json!({"a": 1, "b": [true, null]})),
            canonical(&json!({"b": [true, null], "a": 1}))
        );
        assert_ne!(canonical(&json!({"a": 1})), canonical(&json!({"a": "1"})));
    }

    #[test]
    fn shard_is_two_digits() {
        assert_eq!(shard("sso-exec-001").len(), 2);
    }
}
