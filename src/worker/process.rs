//! Runs a command until it ends, times out or is stopped. All processes of its process group end
//! with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, PipeReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::log::Log;

/// How long a process group may take to end after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long to read the rest of the output once the group has ended. A process that has left the
/// group keeps the pipe open, and is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The longest pause between two checks of a process.
const STEP: Duration = Duration::from_millis(50);

/// A command to run.
#[derive(Debug)]
pub struct Call<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// The working directory.
    pub dir: &'a Path,
    /// Its whole environment.
    pub environment: &'a BTreeMap<OsString, OsString>,
    /// How long it may take.
    pub timeout: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal that this program did not send.
    Signal(i32),
    /// It timed out.
    TimedOut,
    /// It was stopped.
    Stopped,
    /// It was never started; the reason is a sentence without a full stop.
    NotStarted(String),
}

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: ProcessEnd,
    /// What it printed on both streams, interleaved.
    pub log: Log,
    /// How long it took.
    pub took: Duration,
}

/// Runs a command. `log` receives its output; `stop` is called repeatedly.
pub fn run(call: &Call<'_>, log: Log, stop: &dyn Fn() -> bool) -> Ran {
    let started = Instant::now();
    let log = Arc::new(Mutex::new(log));
    let end = match start(call) {
        Ok((child, pipe)) => {
            let reader = read_into(pipe, Arc::clone(&log));
            let end = wait(child, call.timeout, stop);
            let patience = Instant::now();
            while !reader.is_finished() && patience.elapsed() < LAST_WORDS {
                std::thread::sleep(Duration::from_millis(2));
            }
            end
        }
        Err(why) => ProcessEnd::NotStarted(why),
    };
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ran {
        end,
        log,
        took: started.elapsed(),
    }
}

fn start(call: &Call<'_>) -> Result<(Group, PipeReader), String> {
    let Some((program, args)) = call.words.split_first() else {
        return Err("the command is empty".to_owned());
    };
    if !call.dir.is_dir() {
        return Err("the working directory does not exist".to_owned());
    }
    let unable = |error: std::io::Error| format!("`{program}` cannot be started: {error}");
    let (reader, writer) = std::io::pipe().map_err(unable)?;
    let mut command = Command::new(found_from(program, call.dir));
    command
        .args(args)
        .current_dir(call.dir)
        .env_clear()
        .envs(call.environment)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(unable)?)
        .stderr(writer);
    own_group(&mut command);
    // Dropping the command closes our write ends of the pipe, so the reader sees its end.
    match command.spawn() {
        Ok(child) => Ok((Group { child }, reader)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("the program `{program}` was not found"))
        }
        Err(error) if error.kind() == ErrorKind::ArgumentListTooLong => {
            Err("its arguments and its environment are too long".to_owned())
        }
        Err(error) => Err(unable(error)),
    }
}

/// A program with a slash in its name is relative to the working directory, any other is on `PATH`.
fn found_from(program: &str, dir: &Path) -> PathBuf {
    if program.contains('/') {
        dir.join(program)
    } else {
        PathBuf::from(program)
    }
}

fn read_into(mut pipe: PipeReader, log: Arc<Mutex<Log>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        loop {
            match pipe.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => log
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    })
}

fn wait(mut group: Group, timeout: Duration, stop: &dyn Fn() -> bool) -> ProcessEnd {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    let cut_short = loop {
        if group.leader_has_ended() {
            break None;
        }
        if stop() {
            break Some(ProcessEnd::Stopped);
        }
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() {
            break Some(ProcessEnd::TimedOut);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(STEP);
    };
    if cut_short.is_some() {
        group.ask_to_end();
        let asked = Instant::now();
        while !group.leader_has_ended() && asked.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let end = group.end();
    cut_short.unwrap_or(end)
}

/// A process that leads a process group. Until it is waited for, its id cannot be used again.
#[derive(Debug)]
struct Group {
    child: std::process::Child,
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(unix)]
impl Group {
    fn leader_has_ended(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let which = WaitId::Pid(Pid::from_child(&self.child));
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(which, how) {
            Ok(ended) => ended.is_some(),
            Err(rustix::io::Errno::INTR) => false,
            Err(_) => true,
        }
    }

    fn ask_to_end(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Called when no process of the group is left; returns how its leader ended.
    fn end(mut self) -> ProcessEnd {
        use std::os::unix::process::ExitStatusExt;
        self.signal(rustix::process::Signal::KILL);
        match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ProcessEnd::Code(code),
                (None, signal) => ProcessEnd::Signal(signal.unwrap_or(0)),
            },
            Err(_) => ProcessEnd::Signal(0),
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let group = rustix::process::Pid::from_child(&self.child);
        // Fails if no process of the group is left.
        rustix::process::kill_process_group(group, signal).ok();
    }
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(not(unix))]
impl Group {
    fn leader_has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn ask_to_end(&self) {}

    fn end(mut self) -> ProcessEnd {
        self.child.kill().ok();
        let status = self.child.wait().ok().and_then(|status| status.code());
        status.map_or(ProcessEnd::Signal(0), ProcessEnd::Code)
    }
}

impl std::fmt::Display for ProcessEnd {
    /// As a part of a sentence.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProcessEnd::Code(code) => write!(f, "exit code {code}"),
            ProcessEnd::Signal(signal) => write!(f, "ended by signal {signal}"),
            ProcessEnd::TimedOut => f.write_str("timed out"),
            ProcessEnd::Stopped => f.write_str("stopped"),
            ProcessEnd::NotStarted(why) => f.write_str(why),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    /// A command that ends only by a signal: a test that waits for its end waits for that.
    const FOR_EVER: &str = "tail -f /dev/null";

    fn run_script(script: &str, timeout: Duration, stop: &dyn Fn() -> bool) -> Ran {
        let words = ["sh", "-c", script].map(str::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let environment = BTreeMap::from([("PATH".into(), path)]);
        let call = Call {
            words: &words,
            dir: Path::new("/"),
            environment: &environment,
            timeout,
        };
        run(&call, Log::default(), stop)
    }

    fn script(script: &str) -> Ran {
        run_script(script, LONG, &|| false)
    }

    fn said(ran: &Ran) -> String {
        String::from_utf8(ran.log.bytes()).unwrap()
    }

    #[test]
    fn a_command_ends_by_itself_and_both_streams_are_kept_in_order() {
        let ran = script("echo one; echo two >&2; echo three; exit 3");
        assert_eq!(ran.end, ProcessEnd::Code(3));
        assert_eq!(said(&ran), "one\ntwo\nthree\n");
        assert_eq!(script("kill -9 $$").end, ProcessEnd::Signal(9));
    }

    #[test]
    fn nothing_is_inherited_and_nothing_can_be_asked() {
        let ran = script("read line && echo got it; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_=");
        let names: Vec<String> = said(&ran)
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
            .collect();
        assert_eq!(names, ["PATH"], "{}", said(&ran));
        assert!(!said(&ran).contains("got it"));
    }

    #[test]
    fn a_timeout_ends_the_grandchildren_too_even_those_that_do_not_listen() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let text = format!(
            "trap '' TERM; (trap '' TERM; echo $$ > {0}; {FOR_EVER}) & {FOR_EVER} & echo $! >> {0}; wait",
            pids.display()
        );
        let timeout = Duration::from_millis(300);
        let ran = run_script(&text, timeout, &|| false);
        assert_eq!(ran.end, ProcessEnd::TimedOut);
        assert!(ran.took >= timeout + GRACE, "it had its grace");
        for pid in std::fs::read_to_string(&pids).unwrap().lines() {
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            // After SIGKILL, it may take a moment until the parent notices.
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn is_zombie(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn what_a_command_leaves_running_in_its_group_ends_with_it() {
        let ran = script(&format!("{FOR_EVER} & echo $!"));
        assert_eq!(ran.end, ProcessEnd::Code(0));
        let pid = said(&ran).trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn it_stops_when_it_is_to_stop() {
        let begun = Instant::now();
        let ran = run_script("sleep 600", LONG, &|| begun.elapsed().as_millis() > 100);
        assert_eq!(ran.end, ProcessEnd::Stopped);
    }

    #[test]
    fn a_flood_neither_blocks_nor_fills_the_memory() {
        let ran = script("head -c 50000000 /dev/zero; echo the end");
        assert_eq!(ran.end, ProcessEnd::Code(0));
        assert!(ran.log.bytes().len() < 2 * 1024 * 1024);
        assert!(ran.log.cut() > 48_000_000);
        assert_eq!(ran.log.last_line(100), "the end");
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        let environment = BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]);
        let table: [(&[&str], &str, &str); 6] = [
            (&[], "/", "the command is empty"),
            (
                &["no-such-program"],
                "/",
                "the program `no-such-program` was not found",
            ),
            (&["./no/such"], "/", "the program `./no/such` was not found"),
            (
                &["true"],
                "/no/such",
                "the working directory does not exist",
            ),
            (&["echo", "a\0b"], "/", "`echo` cannot be started: "),
            (&["./tmp"], "/", "`./tmp` cannot be started: "),
        ];
        for (words, dir, why) in table {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let call = Call {
                words: &words,
                dir: Path::new(dir),
                environment: &environment,
                timeout: LONG,
            };
            match run(&call, Log::default(), &|| false).end {
                ProcessEnd::NotStarted(said) => assert!(said.starts_with(why), "{words:?}: {said}"),
                end => panic!("{words:?}: {end:?}"),
            }
        }
    }

    #[test]
    fn a_relative_program_is_looked_for_in_the_working_directory() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tool");
        std::fs::write(&program, "#!/bin/sh\npwd\n").unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let call = Call {
            words: &["./tool".to_owned()],
            dir: folder.path(),
            environment: &BTreeMap::new(),
            timeout: LONG,
        };
        let ran = run(&call, Log::default(), &|| false);
        assert_eq!(ran.end, ProcessEnd::Code(0));
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(said(&ran).trim(), real.to_str().unwrap());
    }
}
