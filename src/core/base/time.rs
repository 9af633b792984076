//! Times in UTC, in whole seconds.

/// A time in UTC, in whole seconds.
pub type Time = chrono::DateTime<chrono::Utc>;

/// The last year of a date in a status. Later dates would be written with more digits, and could not be
/// read again.
pub const LAST_YEAR: i32 = 9998;

/// A time in full: `2026-01-31T12:00:00Z`.
pub fn exact(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The duration between two times, in its two largest units: `45s`, `4m`, `1h20m`,
/// `2d3h`.
pub fn span(from: Time, to: Time) -> String {
    let seconds = (to - from).num_seconds().max(0);
    let units = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];
    let at = units.iter().position(|(_, unit)| *unit <= seconds);
    let Some(&(name, unit)) = at.and_then(|at| units.get(at)) else {
        return "0s".to_owned();
    };
    let smaller = at.and_then(|at| units.get(at + 1));
    match smaller.map(|(smaller, size)| (smaller, seconds % unit / size)) {
        Some((smaller, rest @ 1..)) => format!("{}{name}{rest}{smaller}", seconds / unit),
        _ => format!("{}{name}", seconds / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let at = |seconds| Time::from_timestamp(seconds, 0).unwrap();
        for (seconds, expected) in [
            (-5, "0s"),
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (75, "1m15s"),
            (3600, "1h"),
            (4800, "1h20m"),
            (2 * 24 * 3600 + 3 * 3600 + 59, "2d3h"),
        ] {
            assert_eq!(span(at(1_000), at(1_000 + seconds)), expected);
        }
    }
}
