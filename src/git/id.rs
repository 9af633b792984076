//! Object ids, of either length: twenty bytes (SHA-1) or thirty-two (SHA-256).
//!
//! A repository has ids of one length. Outside of this room they are hexadecimal texts, inside they are an [`Id`].

use std::fmt;

pub(super) use git2::ObjectFormat;

use super::object::ObjectKind;
use super::{GitError, Result};

/// Bytes of the longest ids.
pub const LONGEST: usize = 32;
/// The digits of every byte.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};
/// Bytes of the shorter ones.
const SHORTER: usize = 20;

/// Bytes of the ids of a format.
pub(super) fn bytes_of(format: ObjectFormat) -> usize {
    match format {
        ObjectFormat::Sha1 => SHORTER,
        ObjectFormat::Sha256 => LONGEST,
    }
}

/// The id of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    /// Zeros behind a shorter one.
    bytes: [u8; LONGEST],
    length: u8,
}

impl Id {
    /// What stands for a ref that does not exist.
    pub fn none(format: ObjectFormat) -> Id {
        Id {
            bytes: [0; LONGEST],
            length: bytes_of(format) as u8,
        }
    }

    /// An id as it stands in trees and in the index.
    pub fn from_bytes(bytes: &[u8]) -> Option<Id> {
        let length = match bytes.len() {
            length @ (SHORTER | LONGEST) => length as u8,
            _ => return None,
        };
        let mut id = Id {
            bytes: [0; LONGEST],
            length,
        };
        id.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(id)
    }

    /// A whole id in hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Id> {
        let digits = hex.as_bytes();
        if !digits.len().is_multiple_of(2) || digits.len() > 2 * LONGEST {
            return None;
        }
        let mut bytes = [0; LONGEST];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
        }
        Id::from_bytes(&bytes[..digits.len() / 2])
    }

    /// The id that Git gives to these bytes in a repository of this format.
    pub fn of(format: ObjectFormat, kind: ObjectKind, bytes: &[u8]) -> Option<Id> {
        let oid = git2::Oid::hash_object_ext(kind, bytes, format).ok()?;
        Some(Id::from(oid))
    }

    /// The format of the repositories that have ids of this length.
    pub fn format(&self) -> ObjectFormat {
        if usize::from(self.length) == LONGEST {
            ObjectFormat::Sha256
        } else {
            ObjectFormat::Sha1
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The hexadecimal digits.
    pub fn digits<'a>(&self, room: &'a mut [u8; 2 * LONGEST]) -> &'a str {
        for (two, byte) in room.chunks_exact_mut(2).zip(self.as_bytes()) {
            two.copy_from_slice(&PAIRS[usize::from(*byte)]);
        }
        std::str::from_utf8(&room[..2 * usize::from(self.length)]).unwrap_or_default()
    }

    /// Put the hexadecimal digits behind a text.
    pub fn write_to(&self, text: &mut String) {
        let mut digits = [0; 2 * LONGEST];
        text.push_str(self.digits(&mut digits));
    }

    /// The same for libgit2.
    pub fn oid(&self) -> Option<git2::Oid> {
        git2::Oid::from_bytes(self.as_bytes()).ok()
    }
}

impl From<git2::Oid> for Id {
    fn from(oid: git2::Oid) -> Id {
        let mut id = Id::none(oid.object_format());
        id.bytes[..oid.as_bytes().len()].copy_from_slice(oid.as_bytes());
        id
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 2 * LONGEST];
        f.write_str(self.digits(&mut digits))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Read a hexadecimal object id.
pub(super) fn parse_id(hex: &str) -> Result<Id> {
    Id::from_hex(hex).ok_or_else(|| {
        GitError::Unusable(format!(
            "`{}` is not an object id: 40 or 64 hexadecimal digits are one",
            hex.escape_debug()
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_whole_and_of_either_length() {
        for id in ["", "abc", &"g".repeat(40), &"1".repeat(41), "HEAD", "é"] {
            assert!(parse_id(id).is_err(), "{id}");
        }
        for length in [42, 62, 66, 80] {
            assert!(parse_id(&"a".repeat(length)).is_err(), "{length}");
        }
        for hex in ["0123456789abcdef0123456789abcdef01234567", &"e".repeat(64)] {
            let id = parse_id(hex).unwrap();
            assert_eq!(id.to_string(), hex);
            assert_eq!(Id::from_bytes(id.as_bytes()), Some(id));
            assert_eq!(id.oid().map(Id::from), Some(id));
            assert_eq!(bytes_of(id.format()) * 2, hex.len());
        }
        assert_eq!(parse_id(&"A".repeat(40)), parse_id(&"a".repeat(40)));
    }
}
