//! Notices that this process should end: SIGTERM, SIGINT.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a wait checks whether to stop.
const STEP: Duration = Duration::from_millis(50);

/// A request to stop, shared by all threads.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    wished: Arc<AtomicBool>,
    /// A wider request that also stops this.
    wider: Option<Arc<AtomicBool>>,
}

/// Ends this process at once. An ordinary exit would free its memory piece by piece, which takes time and has no use.
pub fn end(code: u8) -> ! {
    // Writers of results flush by themselves; this is for a line without a line break.
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(i32::from(code))
}

impl Stop {
    /// A request that SIGTERM and SIGINT set; they no longer end the process by themselves.
    ///
    /// # Errors
    /// Signals cannot be handled; the error is a sentence.
    pub fn on_signals() -> Result<Stop, String> {
        let stop = Stop::default();
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stop.wished))
                .map_err(|error| format!("signals cannot be handled: {error}"))?;
        }
        Ok(stop)
    }

    /// A narrower request, which is also set when this one is.
    pub fn part(&self) -> Stop {
        Stop {
            wished: Arc::default(),
            wider: Some(Arc::clone(&self.wished)),
        }
    }

    /// Requests to stop.
    pub fn wish(&self) {
        self.wished.store(true, Ordering::SeqCst);
    }

    /// Whether a stop is requested.
    pub fn is_wished(&self) -> bool {
        let wider = self.wider.iter();
        wider
            .chain([&self.wished])
            .any(|wished| wished.load(Ordering::SeqCst))
    }

    /// Waits for `time`, or until a stop is requested.
    pub fn wait(&self, time: Duration) {
        let begin = Instant::now();
        while !self.is_wished() {
            let left = time.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_ends_its_parts_and_no_part_ends_the_whole() {
        let whole = Stop::default();
        let (one, other) = (whole.part(), whole.part());
        one.wish();
        assert_eq!(
            [&whole, &one, &other].map(Stop::is_wished),
            [false, true, false]
        );
        whole.wish();
        assert!(other.is_wished());
        // This would wait for ever otherwise.
        other.wait(Duration::MAX);
    }
}
