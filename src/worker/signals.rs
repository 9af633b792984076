//! Notice that this process is to end: SIGTERM, SIGINT.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a wait looks whether it is to end.
const STEP: Duration = Duration::from_millis(50);

/// A wish to end, seen by all threads.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    wished: Arc<AtomicBool>,
    /// A wider wish that ends this as well.
    wider: Option<Arc<AtomicBool>>,
}

/// End this process at once: to give back its memory piece by piece, as an ordinary exit does, takes time and helps nobody.
pub fn end(code: u8) -> ! {
    // Whoever writes results writes them out; this is for a line that has no end.
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(i32::from(code))
}

impl Stop {
    /// One that SIGTERM and SIGINT set; neither ends the process by itself any more.
    ///
    /// # Errors
    /// In a sentence, when the system does not let signals be handled.
    pub fn on_signals() -> Result<Stop, String> {
        let stop = Stop::default();
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stop.wished))
                .map_err(|error| format!("signals cannot be handled: {error}"))?;
        }
        Ok(stop)
    }

    /// A wish for a part: it is also wished when the whole is to end.
    pub fn part(&self) -> Stop {
        Stop {
            wished: Arc::default(),
            wider: Some(Arc::clone(&self.wished)),
        }
    }

    /// Wish it.
    pub fn wish(&self) {
        self.wished.store(true, Ordering::SeqCst);
    }

    /// Whether it is wished.
    pub fn is_wished(&self) -> bool {
        let wider = self.wider.iter();
        wider
            .chain([&self.wished])
            .any(|wished| wished.load(Ordering::SeqCst))
    }

    /// Wait, but no longer than until it is wished.
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
        // Would wait for ever otherwise.
        other.wait(Duration::MAX);
    }
}
