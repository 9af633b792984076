//! Talking to a program until it has ended, or has been silent for too long.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// Most bytes of standard output that are kept; a listing of a million refs is below it.
pub(super) const MAX_STDOUT: usize = 256 * 1024 * 1024;
/// Most bytes of standard error that are kept.
const MAX_STDERR: usize = 256 * 1024;
/// How long a program that was asked to end may take: it removes its locks.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a program has said.
#[derive(Default)]
pub(super) struct Said {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether it was ended because it did not say anything any more.
    pub was_silent: bool,
}

/// What is heard of a program.
enum Heard {
    /// It goes on.
    Something,
    /// The whole of its standard output, or of its standard error.
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// Feed standard input and read both outputs at once, so that neither side waits for ever. Whoever says nothing for so
/// long, when that is given, is ended with everything that it started.
pub(super) fn exchange(child: &mut Child, input: Vec<u8>, silence: Option<Duration>) -> Said {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // Threads that are not waited for: what an ended program has started may hold its pipes.
    // A broken pipe means that it did not want all of its input: its exit code says why.
    if let Some(mut pipe) = stdin {
        spawn(move || pipe.write_all(&input));
    }
    let (sender, heard) = channel();
    let to = sender.clone();
    spawn(move || {
        let mut kept = Kept::new(MAX_STDERR);
        if let Some(pipe) = stderr {
            listen(pipe, &to, |bytes| kept.add_lines(bytes));
        }
        to.send(Heard::Stderr(kept.bytes)).ok();
    });
    spawn(move || {
        // One more, by which it is seen that it was too much.
        let mut kept = Kept::new(MAX_STDOUT + 1);
        if let Some(pipe) = stdout {
            listen(pipe, &sender, |bytes| kept.add(bytes));
        }
        sender.send(Heard::Stdout(kept.bytes)).ok();
    });
    let mut said = Said::default();
    let id = child.id();
    if !hear(&heard, &mut said, silence, &|| moved(id)) {
        said.was_silent = true;
        end(id);
        hear(&heard, &mut said, Some(LAST_WORDS), &|| 0);
        // An error means that it has ended.
        child.kill().ok();
    }
    said
}

/// Listen until both outputs are at their end; false when so long nothing was heard, and nothing moved either.
fn hear(
    heard: &Receiver<Heard>,
    said: &mut Said,
    silence: Option<Duration>,
    moved: &dyn Fn() -> u64,
) -> bool {
    let mut last = Instant::now();
    let mut so_far = 0;
    loop {
        let next = match silence {
            Some(silence) => heard.recv_timeout(silence / 4),
            None => heard.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(Heard::Something) => {}
            Ok(Heard::Stdout(bytes)) => said.stdout = bytes,
            Ok(Heard::Stderr(bytes)) => said.stderr = bytes,
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => {
                let now = moved();
                if std::mem::replace(&mut so_far, now) == now {
                    if silence.is_some_and(|silence| last.elapsed() >= silence) {
                        return false;
                    }
                    continue;
                }
            }
        }
        last = Instant::now();
    }
}

fn listen(mut pipe: impl Read, heard: &Sender<Heard>, mut keep: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        heard.send(Heard::Something).ok();
        if !keep(buffer.get(..count).unwrap_or_default()) {
            return;
        }
    }
}

/// What is kept of an output.
struct Kept {
    bytes: Vec<u8>,
    most: usize,
    /// Where the last line begins.
    line: usize,
    /// Whether it begins anew, unless it ends now.
    returned: bool,
}

impl Kept {
    fn new(most: usize) -> Kept {
        Kept {
            bytes: Vec::new(),
            most,
            line: 0,
            returned: false,
        }
    }

    /// False when that was all that is kept.
    fn add(&mut self, bytes: &[u8]) -> bool {
        let room = self.most - self.bytes.len();
        self.bytes.extend(bytes.iter().take(room));
        self.bytes.len() < self.most
    }

    /// The same of lines, of each what stands behind its last carriage return: progress overwrites itself.
    fn add_lines(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            match byte {
                b'\r' => self.returned = true,
                b'\n' => {
                    self.add(b"\n");
                    self.line = self.bytes.len();
                    self.returned = false;
                }
                other => {
                    if std::mem::take(&mut self.returned) {
                        self.bytes.truncate(self.line);
                    }
                    self.add(&[*other]);
                }
            }
        }
        true
    }
}

/// Ask a program to end, and what it has started.
fn end(first: u32) {
    #[cfg(unix)]
    for process in family(first) {
        use rustix::process::{Pid, Signal, kill_process};
        if let Some(id) = i32::try_from(process.id).ok().and_then(Pid::from_raw) {
            // An error means that it has ended.
            kill_process(id, Signal::TERM).ok();
        }
    }
}

/// How many bytes a program has read and written, and what it has started, as far as the system says that: much may come
/// before something is said of it. Only those of Git count: whoever brings the bytes may talk to the other side by itself.
fn moved(first: u32) -> u64 {
    let of_git = family(first).into_iter().filter(|process| process.is_git);
    let moved = of_git.filter_map(|process| {
        let counted = std::fs::read_to_string(format!("/proc/{}/io", process.id)).ok()?;
        let values = counted.lines().filter_map(|line| {
            let value = line
                .strip_prefix("rchar: ")
                .or(line.strip_prefix("wchar: "))?;
            value.parse::<u64>().ok()
        });
        Some(values.sum::<u64>())
    });
    moved.sum()
}

struct Process {
    id: u32,
    parent: u32,
    is_git: bool,
}

/// A process and what it has started, as far as the system says it.
fn family(first: u32) -> Vec<Process> {
    let mut others: Vec<Process> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // `12 (name) S 11 …`, where the name may hold anything.
            let (begin, behind) = stat.rsplit_once(") ")?;
            let parent = behind.split(' ').nth(1)?.parse().ok()?;
            let is_git = begin.contains("(git");
            Some(Process { id, parent, is_git })
        })
        .collect();
    let is_first = |process: &Process| process.id == first;
    let mut found = match others.iter().position(is_first) {
        Some(at) => vec![others.swap_remove(at)],
        None => vec![Process {
            id: first,
            parent: 0,
            is_git: true,
        }],
    };
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.id) {
        let is_child = |process: &mut Process| process.parent == parent;
        found.extend(others.extract_if(.., is_child));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::{Command, Stdio};

    fn run(script: &str, silence: Option<Duration>) -> Said {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = exchange(&mut child, b"x".to_vec(), silence);
        child.wait().unwrap();
        said
    }

    #[test]
    fn of_progress_the_last_is_kept() {
        let script = r#"printf '1%%\r20%%\r100%%\nfatal: no\r\n50%%\r' >&2; cat"#;
        let said = run(script, None);
        assert_eq!(said.stderr, b"100%\nfatal: no\n50%");
        assert_eq!((said.stdout, said.was_silent), (b"x".to_vec(), false));
    }

    #[test]
    fn who_goes_on_is_waited_for_and_who_is_silent_is_ended_with_what_it_started() {
        let silence = Duration::from_millis(1500);
        let slow = "for i in 1 2 3 4 5 6; do sleep 0.4; printf 'at %s\\r' $i >&2; done; echo done";
        let said = run(slow, Some(silence));
        assert_eq!((said.stdout, said.was_silent), (b"done\n".to_vec(), false));
        let begin = Instant::now();
        let said = run("echo begun >&2; sleep 1000 | cat", Some(silence));
        assert!(said.was_silent);
        assert_eq!(said.stderr, b"begun\n");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}
