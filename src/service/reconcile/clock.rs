//! Checks the clock of this machine. One reconcile with a wrong clock would end active leases, and
//! move all later deadlines.
//!
//! The dates that actors write into their commits and records are ignored: otherwise anybody could cause a
//! refusal.

use chrono::{Datelike, TimeDelta};

use crate::core::base::time::{self, exact, span};
use crate::core::resource::Time;
use crate::service::{Error, Result};

/// How far the clock may be behind the status: two machines never agree to the second.
const BEHIND: TimeDelta = TimeDelta::minutes(5);
/// How late a deadline may be handled: nobody may have reconciled on a quiet weekend, or on a
/// holiday.
const LATE: TimeDelta = TimeDelta::days(7);
/// How far the clock may be ahead of the remote.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// The last year that a clock may show, so that any duration can be added to it.
const LAST_YEAR: i32 = time::LAST_YEAR - 101;

/// Times that the clock is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Witnesses {
    /// The time of the status.
    pub status: Option<Time>,
    /// The time of the remote's server, if it reports one.
    pub remote: Option<Time>,
    /// The earliest deadline that would be handled now.
    pub fired: Option<Time>,
}

/// Checks that any duration can be added to the times of the clock and of the status. `before` returns the status
/// commit to restore.
///
/// # Errors
/// One of them is too late.
pub(super) fn check_years(now: Time, status: Option<Time>, before: impl Fn() -> String) -> Result {
    let is_beyond = |time: &Time| time.year() > LAST_YEAR;
    if is_beyond(&now) {
        let why = format!(
            "the clock of this machine says {}, which is not a valid date for a status",
            exact(now)
        );
        return Err(
            Error::invalid(why).hint("set the clock (`date` shows it), and reconcile again")
        );
    }
    match status.filter(is_beyond) {
        Some(status) => Err(Error::unavailable(format!(
            "the last commit of the status branch has the date {}, which is not valid for a status",
            exact(status)
        ))
        .hint(format!(
            "planspec does not write such a commit; return to one that it wrote: `planspec reconcile --restore \
             {}`",
            before()
        ))),
        None => Ok(()),
    }
}

impl Witnesses {
    /// Why a clock that shows `now` is in doubt, one sentence for each reason.
    pub fn doubts(&self, now: Time) -> Vec<String> {
        let behind = self.status.filter(|status| *status - now > BEHIND);
        let behind = behind.map(|status| {
            format!(
                "the clock of this machine is {} behind the status, which was written at {}",
                span(now, status),
                exact(status)
            )
        });
        let ahead = self.remote.filter(|remote| now - *remote > AHEAD);
        let ahead = ahead.map(|remote| {
            format!(
                "the clock of this machine says {}, {} ahead of the remote, whose server says {}",
                exact(now),
                span(remote, now),
                exact(remote)
            )
        });
        let late = self.fired.filter(|fired| now - *fired > LATE);
        let late = late.map(|fired| {
            format!(
                "by the clock of this machine ({}), the deadline {} passed {} ago",
                exact(now),
                exact(fired),
                span(fired, now)
            )
        });
        behind.into_iter().chain(ahead).chain(late).collect()
    }

    /// The error if the clock is in doubt. `before` returns the last status commit that is not later than the clock.
    pub fn refusal(&self, now: Time, doubts: &[String], before: impl Fn() -> String) -> Error {
        let why = doubts.join("; ");
        let hint = match self.status {
            Some(status) if status > now => format!(
                "set the clock if it is wrong (`date` shows it). If it is right, somebody \
                 reconciled with a clock that was ahead: `planspec reconcile --restore {}` returns \
                 to the last status before that; `planspec reconcile --accept-time` continues, but \
                 no lease and no timeout ends before {}",
                before(),
                exact(status)
            ),
            _ => "set the clock if it is wrong (`date` shows it); if it is right, continue with \
                  `planspec reconcile --accept-time`"
                .to_owned(),
        };
        Error::not_ready(format!("nothing was written: {why}")).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::str::FromStr;

    use super::*;
    use crate::core::resource::Duration;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_is_doubted_for_three_reasons_and_for_no_other() {
        let now = at("2026-03-10T12:00:00Z");
        let none = Witnesses::default();
        let status = |text: &str| Witnesses {
            status: Some(at(text)),
            ..none
        };
        let remote = |text: &str| Witnesses {
            remote: Some(at(text)),
            ..none
        };
        let fired = |text: &str| Witnesses {
            fired: Some(at(text)),
            ..none
        };
        for (witnesses, doubt) in [
            (none, ""),
            (status("2020-01-01T00:00:00Z"), ""),
            (status("2026-03-10T12:05:00Z"), ""),
            (status("2026-03-10T12:05:01Z"), "5m1s behind the status"),
            (remote("2027-01-01T00:00:00Z"), ""),
            (remote("2026-03-09T12:00:00Z"), ""),
            (remote("2026-03-09T11:59:59Z"), "1d ahead of the remote"),
            (fired("2026-03-03T12:00:00Z"), ""),
            (
                fired("2026-03-03T11:59:59Z"),
                "2026-03-03T11:59:59Z passed 7d ago",
            ),
        ] {
            let doubts = witnesses.doubts(now);
            assert_eq!(doubts.len(), usize::from(!doubt.is_empty()), "{doubts:?}");
            assert!(doubts.join("").contains(doubt), "{doubts:?}");
        }
    }

    #[test]
    fn every_date_in_a_status_has_four_digits_in_its_year() {
        let last = at("9897-12-31T23:59:59Z");
        check_years(last, Some(last), String::new).unwrap();
        let longest = Duration::from_str("876600h").unwrap().delta();
        assert!((last + longest).year() <= time::LAST_YEAR);
        for late in ["9898-01-01T00:00:00Z", "9999-06-01T00:00:00Z"].map(at) {
            for (now, status) in [(late, None), (last, Some(late))] {
                let error = check_years(now, status, String::new).unwrap_err();
                assert!(
                    error.message.contains("not a valid date")
                        || error.message.contains("not valid for a status"),
                    "{late}"
                );
            }
        }
    }
}
