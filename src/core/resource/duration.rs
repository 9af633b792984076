//! Durations in Go's notation, with days and weeks (docs/spec/resources.md, R3).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration, as written and in nanoseconds.
///
/// ```
/// use planspec::core::resource::Duration;
/// assert_eq!("1h30m".parse::<Duration>().unwrap().seconds(), 5400);
/// assert_eq!("7d".parse::<Duration>().unwrap().seconds(), 7 * 24 * 3600);
/// assert!("90".parse::<Duration>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duration {
    text: String,
    nanos: u128,
}

const SECOND: u128 = 1_000_000_000;
const DAY: u128 = 24 * 3600 * SECOND;
const MAX: u128 = 100 * 365 * DAY + 25 * DAY;

/// Units; one that another begins with comes after it.
const UNITS: [(&str, u128); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", DAY),
    ("w", 7 * DAY),
];

impl Duration {
    /// The duration in whole seconds, rounded up: a timeout of 500ms ends within the next second.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.nanos.div_ceil(SECOND)).unwrap_or(i64::MAX)
    }

    /// The duration as a `TimeDelta`.
    pub fn delta(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(self.seconds())
    }
}

impl std::str::FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("`{text}` is not a duration: {why}");
        let mut rest = text;
        let mut nanos: u128 = 0;
        if text.is_empty() {
            return Err(bad(
                "it is empty; write a duration such as `90s` or `1h30m`",
            ));
        }
        if text.starts_with(['-', '+']) {
            return Err(bad("a duration cannot have a sign"));
        }
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
                return Err(bad("a number is expected before each unit"));
            }
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, next) = tail.split_at(unit_end);
            let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(if unit.is_empty() {
                    bad("a unit is missing; write a duration such as `90s`")
                } else {
                    bad("the units are ns, us, µs, ms, s, m, h, d and w")
                });
            };
            nanos = scaled(whole, fraction, *size)
                .and_then(|part| nanos.checked_add(part))
                .filter(|sum| *sum <= MAX)
                .ok_or_else(|| bad("it is longer than 100 years"))?;
            rest = next;
        }
        if nanos == 0 {
            return Err(bad("it is zero"));
        }
        Ok(Duration {
            text: text.to_owned(),
            nanos,
        })
    }
}

/// `whole.fraction` times `size`, or `None` if it is too large.
fn scaled(whole: &str, fraction: &str, size: u128) -> Option<u128> {
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = whole.checked_mul(size)?;
    let mut unit = size;
    for digit in fraction.bytes() {
        unit /= 10;
        total = total.checked_add(unit * u128::from(digit - b'0'))?;
    }
    Some(total)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn reads_what_go_reads_and_days_and_weeks() {
        let table = [
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("500ms", 1),
            ("1500ms", 2),
            ("7d", 604_800),
            ("1w", 604_800),
            ("0.5d", 43_200),
            ("1m0s", 60),
            ("250\u{b5}s", 1),
            ("250\u{3bc}s", 1),
            ("100d", 8_640_000),
        ];
        for (text, seconds) in table {
            assert_eq!(
                text.parse::<Duration>().map(|d| d.seconds()),
                Ok(seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        let table = [
            "",
            "0s",
            "0",
            "-5m",
            "+5m",
            "5",
            "5 m",
            " 5m",
            "5x",
            "h",
            "1.2.3h",
            "101y",
            "40000d",
            "1e3s",
            ".",
            ".s",
            "99999999999999999999999999999999999999999999w",
        ];
        for text in table {
            assert!(text.parse::<Duration>().is_err(), "{text:?} was accepted");
        }
    }
}
