//! Basic types: keys, findings, digests, limits, globs, versions.

pub mod diagnostic;
pub mod digest;
pub mod escape;
pub mod fix;
pub mod glob;
pub mod invisible;
pub mod key;
pub mod limits;
pub mod natural;
pub mod secrets;
pub mod section;
pub mod source;
pub mod suggest;
pub mod time;
pub mod values;
pub mod version;
pub mod words;
