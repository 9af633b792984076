//! The only source of the current time.

use chrono::{SubsecRound, Utc};

use crate::core::resource::Time;

/// Environment variable that sets the clock, for tests and for trying another time.
pub const NOW_VARIABLE: &str = "PLANSPEC_NOW";

/// The current time in whole seconds, or the value of `PLANSPEC_NOW` (RFC 3339).
///
/// # Errors
/// The variable cannot be read; the error is a sentence.
pub fn now() -> Result<Time, String> {
    match std::env::var(NOW_VARIABLE) {
        Ok(text) => chrono::DateTime::parse_from_rfc3339(&text)
            .map(|time| time.to_utc().trunc_subsecs(0))
            .map_err(|error| {
                format!("{NOW_VARIABLE} is `{text}`, not a time like 2026-01-31T12:00:00Z: {error}")
            }),
        Err(_) => Ok(Utc::now().trunc_subsecs(0)),
    }
}
