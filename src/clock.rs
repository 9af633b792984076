//! The only `now()`.

use chrono::{SubsecRound, Utc};

use crate::core::resource::Time;

/// Variable that sets the clock, for tests and for telling what would happen at another time.
pub const NOW_VARIABLE: &str = "PLANSPEC_NOW";

/// The current moment in whole seconds, or what `PLANSPEC_NOW` says (RFC 3339).
///
/// # Errors
/// A sentence when the variable cannot be read.
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
