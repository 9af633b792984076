//! Results on standard output, messages on standard error; colour only where it is wanted.

use std::io::{ErrorKind, IsTerminal, Write};

use clap::ValueEnum;

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

    /// Write a result. A reader that has gone away ends the program quietly.
    pub fn out(&self, text: &str) {
        let mut stream = std::io::stdout().lock();
        let written = stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush());
        if let Err(error) = written {
            let code = match error.kind() {
                ErrorKind::BrokenPipe => exit_code::OK,
                _ => exit_code::REPOSITORY,
            };
            std::process::exit(i32::from(code));
        }
    }

    /// Write a message for people; that nobody can read it stops nothing.
    pub fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
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

    /// Columns to fit results into: what `COLUMNS` says, else the terminal's. Nothing where
    /// results go to a file or a pipe: nothing is cut there.
    pub fn width(&self) -> Option<usize> {
        let columns = std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        let stdout = std::io::stdout();
        columns
            .or_else(|| {
                let (width, _) = terminal_size::terminal_size_of(&stdout)?;
                stdout.is_terminal().then_some(usize::from(width.0))
            })
            .map(|columns: usize| columns.max(20))
    }
}
