//! Results on standard output, messages on standard error; colour only where it is wanted.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;

use crate::core::base::escape;
use crate::core::base::secrets::{masked, masked_bytes};
use crate::failure::exit_code;

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

static READER_IS_GONE: AtomicBool = AtomicBool::new(false);

/// What has been done even if the answer cannot be written.
static STANDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The two streams that a command writes to.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    color: ColorChoice,
}

impl Terminal {
    /// Streams with a choice of colour.
    pub fn new(color: ColorChoice) -> Terminal {
        Terminal { color }
    }

    /// Writes a result. Once the reader has closed the pipe, output is silently dropped: the command still
    /// does its work, and ends with its own exit code.
    pub fn out(&self, text: &str) {
        self.write(for_job(&masked(text)).as_bytes());
    }

    /// The same for workflow commands to a CI job; the caller has escaped all text from elsewhere.
    pub fn out_commands(&self, text: &str) {
        self.write(masked(text).as_bytes());
    }

    /// Writes the output of another program: safe to print on a terminal, and unchanged to files
    /// and pipes.
    pub fn out_as_it_is(&self, bytes: &[u8]) {
        if std::io::stdout().is_terminal() {
            self.out(&escape::printed(bytes))
        } else if is_job() {
            self.out(&String::from_utf8_lossy(bytes));
        } else {
            self.write(&masked_bytes(bytes))
        }
    }

    fn write(&self, bytes: &[u8]) {
        if self.reader_is_gone() {
            return;
        }
        let mut stream = std::io::stdout().lock();
        let written = stream.write_all(bytes).and_then(|()| stream.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                READER_IS_GONE.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                self.note(&format!("error: the results cannot be written: {error}"));
                let stands = STANDS.lock().map(|stands| stands.join(", "));
                let code = match stands.unwrap_or_default().as_str() {
                    "" => exit_code::REPOSITORY,
                    stands => {
                        self.note(&format!("note: the command has taken effect: {stands}"));
                        exit_code::RECORDED
                    }
                };
                std::process::exit(i32::from(code));
            }
        }
    }

    /// Notes something that has been done, such as `record 0123…`; printed if the answer cannot be written.
    pub fn stands(&self, what: String) {
        if let Ok(mut stands) = STANDS.lock() {
            stands.push(what);
        }
    }

    /// Whether the reader has closed the pipe, so that commands that run for ever can end.
    pub fn reader_is_gone(&self) -> bool {
        READER_IS_GONE.load(Ordering::Relaxed) || pipe_is_broken()
    }

    /// Writes a message for people, safe to print; errors of writing are ignored.
    pub fn note(&self, text: &str) {
        self.styled(&escape::text(text));
    }

    /// Writes a message that is safe to print already, and perhaps coloured.
    pub fn styled(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", for_job(&masked(text)));
    }

    /// Whether results may be coloured.
    pub fn colors_out(&self) -> bool {
        self.colors(std::io::stdout().is_terminal())
    }

    /// Whether messages may be coloured.
    pub fn colors_err(&self) -> bool {
        self.colors(std::io::stderr().is_terminal())
    }

    fn colors(&self, is_terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// The width for results: `COLUMNS`, else that of the terminal. `None` if results go to a file or a
    /// pipe, where nothing is cut.
    pub fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return None;
        }
        let columns = std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        columns
            .or_else(|| {
                terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0))
            })
            .map(|columns: usize| columns.max(20))
    }
}

/// Whether a CI job reads the output, and looks for commands in it.
fn is_job() -> bool {
    ["GITHUB_ACTIONS", "TF_BUILD"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Text in which a CI job finds no commands.
fn for_job(text: &str) -> Cow<'_, str> {
    if is_job() {
        escape::inert(text)
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether standard output is a pipe without a reader; writes nothing.
#[cfg(unix)]
fn pipe_is_broken() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).is_ok() && polled[0].revents().contains(PollFlags::ERR)
}

#[cfg(not(unix))]
fn pipe_is_broken() -> bool {
    false
}
