//! A sealed environment: a temporary folder with its own home and git configuration, a clock that the test sets, and
//! only the search path of the real environment.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use planspec::api::{API_VERSION, registry};
use serde_json::Value;
use tempfile::TempDir;

use crate::hints;
use crate::resources::{Node, execution, file, plan};

/// The program under test.
pub const PLANSPEC: &str = env!("CARGO_BIN_EXE_planspec");
/// The branch that holds the status.
pub const STATUS: &str = "planspec/status";
/// Configuration of repositories that share their status through a remote.
pub const SHARED: &str = "status: {remote: origin}\n";

/// The time at which every test begins: 2026-01-31T12:00:00Z.
const START: i64 = 1_769_860_800;

const GITCONFIG: &str = "\
[user]
\tname = Ana
\temail = ana@example.com
[init]
\tdefaultBranch = main
[protocol \"file\"]
\tallow = always
[core]
\texcludesFile = /dev/null
[maintenance]
\tauto = false
[gc]
\tauto = 0
[advice]
\tdetachedHead = false
";

/// A temporary folder with a home and a clock.
pub struct Sandbox {
    root: TempDir,
    clock: AtomicI64,
    /// Object format and ref format of new repositories, where not those that the tests are run for.
    format: Option<(&'static str, &'static str)>,
}

/// Formats of repositories, of objects and of refs, as far as the `git` of this machine knows them.
pub fn formats() -> Vec<(&'static str, &'static str)> {
    let mut all = vec![("sha1", "files"), ("sha256", "files")];
    let version = Command::new("git").arg("version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.filter_map(|text| text.parse::<u32>().ok());
    if (numbers.next(), numbers.next()) >= (Some(2), Some(45)) {
        all.extend([("sha1", "reftable"), ("sha256", "reftable")]);
    }
    all
}

impl Drop for Sandbox {
    /// Every status that a test leaves follows from what it cites, except if the test has forged it:
    /// `PLANSPEC_AUDIT=1 cargo test --test it -- --nocapture` reports others.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        if std::env::var_os("PLANSPEC_AUDIT").is_none() || std::thread::panicking() {
            return;
        }
        let folders = std::fs::read_dir(self.root.path()).into_iter().flatten();
        for folder in folders.flatten().filter(|folder| folder.path().is_dir()) {
            let mut audit = Command::new(PLANSPEC);
            let ran = audit.arg("audit").current_dir(folder.path()).output();
            let Ok(ran) = ran else { continue };
            let said = String::from_utf8_lossy(&ran.stdout);
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            if said.contains("Does not follow") {
                eprintln!("AUDIT {test} {}: {said}", folder.path().display());
            } else if said.contains("Cannot be checked") {
                eprintln!("AUDIT-UNKNOWN {test} {}: {said}", folder.path().display());
            }
        }
    }
}

/// A folder in the sandbox: usually the repository of one user.
pub struct Place<'a> {
    sandbox: &'a Sandbox,
    /// The path of the folder.
    pub dir: PathBuf,
}

/// The output of a program, and how it ended.
#[derive(Debug)]
pub struct Ran {
    command: String,
    /// The exit code.
    pub code: i32,
    /// The standard output.
    pub out: String,
    /// The standard error.
    pub err: String,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        fs::write(root.path().join("home/.gitconfig"), GITCONFIG).unwrap();
        Sandbox {
            root,
            clock: AtomicI64::new(START),
            format: None,
        }
    }

    /// One whose repositories have a file for each ref, for tests that write them by hand.
    pub fn of_ref_files() -> Sandbox {
        let objects = match std::env::var("GIT_DEFAULT_HASH").as_deref() {
            Ok("sha256") => "sha256",
            _ => "sha1",
        };
        Sandbox::of(objects, "files")
    }

    /// One whose repositories have this object format and this ref format.
    pub fn of(objects: &'static str, refs: &'static str) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.format = Some((objects, refs));
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Moves the clock forward.
    pub fn minutes_pass(&self, minutes: i64) {
        self.clock.fetch_add(minutes * 60, Ordering::SeqCst);
    }

    /// The current time of the clock.
    pub fn now(&self) -> String {
        let moment = DateTime::from_timestamp(self.clock.load(Ordering::SeqCst), 0).unwrap();
        moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Creates a folder that is no repository.
    pub fn folder(&self, name: &str) -> Place<'_> {
        fs::create_dir_all(self.path(name)).unwrap();
        self.place(name)
    }

    /// A folder that already exists.
    pub fn place(&self, name: &str) -> Place<'_> {
        Place {
            sandbox: self,
            dir: self.path(name),
        }
    }

    /// Creates a repository without a remote, without commits.
    pub fn repository(&self, name: &str) -> Place<'_> {
        let place = self.folder(name);
        place.git("init -q");
        place
    }

    /// Creates a bare repository that accepts pushes over HTTP as well.
    pub fn bare(&self, name: &str) -> Place<'_> {
        let place = self.folder(name);
        place.git("init -q --bare");
        place.git("config http.receivepack true");
        place
    }

    /// Creates a bare remote `origin.git`, and a clone of it whose first commit configures that the status is shared
    /// through it.
    pub fn team(&self, clone: &str) -> Place<'_> {
        self.bare("origin.git");
        let place = self.clone_of("origin.git", clone);
        place
            .write(".planspec.yaml", SHARED)
            .commit("Keep plans here")
            .push();
        place
    }

    /// The same with resources in `planspec/all.yaml`, reconciled once.
    pub fn team_with(&self, clone: &str, resources: &[String]) -> Place<'_> {
        let place = self.team(clone);
        place.publish("planspec/all.yaml", file(resources));
        place.run("reconcile").ok();
        place
    }

    /// The same with `run`, a run of these nodes.
    pub fn run_of(&self, clone: &str, nodes: &[Node]) -> Place<'_> {
        let resources = [plan("p", nodes), execution("run", "p")];
        self.team_with(clone, &resources)
    }

    /// Makes another clone over a path.
    pub fn clone_of(&self, origin: &str, name: &str) -> Place<'_> {
        self.clone_with("", self.path(origin).to_str().unwrap(), name)
    }

    /// Makes another clone of a URL, with options of `git clone`.
    pub fn clone_with(&self, options: &str, url: &str, name: &str) -> Place<'_> {
        let root = Place {
            sandbox: self,
            dir: self.root.path().to_owned(),
        };
        root.git(&format!("clone -q {options} '{url}' {name}"));
        self.place(name)
    }
}

impl Place<'_> {
    /// Writes a file.
    pub fn write(&self, path: &str, text: impl AsRef<str>) -> &Self {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.as_ref()).unwrap();
        self
    }

    /// Writes an executable file: a hook.
    pub fn write_executable(&self, path: &str, text: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        self.write(path, text);
        fs::set_permissions(self.dir.join(path), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        self.dir.join(path).exists()
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.dir.join(path)).unwrap();
        self
    }

    /// Removes a folder.
    pub fn remove_folder(&self, path: &str) -> &Self {
        fs::remove_dir_all(self.dir.join(path)).unwrap();
        self
    }

    /// Commits all changes.
    pub fn commit(&self, message: &str) -> &Self {
        self.git("add -A");
        self.git(&format!("commit -q --allow-empty -m '{message}'"));
        self
    }

    /// Pushes the checked-out branch.
    pub fn push(&self) -> &Self {
        self.git("push -q origin HEAD");
        self
    }

    /// Writes, commits, and pushes if there is a remote.
    pub fn publish(&self, path: &str, text: impl AsRef<str>) -> &Self {
        self.write(path, text).commit(&format!("Write {path}"));
        if !self.git("remote").is_empty() {
            self.push();
        }
        self
    }

    /// Runs git, which must succeed. Returns its output without the last line break.
    pub fn git(&self, args: &str) -> String {
        let ran = self.git_try(args);
        assert_eq!(ran.code, 0, "{ran}");
        ran.out.trim_end_matches('\n').to_owned()
    }

    /// Runs git, which may fail.
    pub fn git_try(&self, args: &str) -> Ran {
        let mut command = self.command("git");
        command.args(words(args));
        finish(command, args, None)
    }

    /// Runs git with an input.
    pub fn git_with(&self, args: &str, input: &str) -> String {
        let mut command = self.command("git");
        command.args(words(args));
        let ran = finish(command, args, Some(input));
        assert_eq!(ran.code, 0, "{ran}");
        ran.out.trim_end_matches('\n').to_owned()
    }

    /// Runs git with a binary input.
    pub fn git_with_bytes(&self, args: &str, input: &[u8]) {
        let mut command = self.command("git");
        command.args(words(args));
        let ran = finish_with(command, args, Some(input));
        assert_eq!(ran.code, 0, "{ran}");
    }

    /// Runs planspec.
    pub fn run(&self, args: &str) -> Ran {
        finish(self.planspec(args), args, None)
    }

    /// Runs planspec with an input.
    pub fn run_with(&self, args: &str, input: &str) -> Ran {
        finish(self.planspec(args), args, Some(input))
    }

    /// Runs planspec with additional environment variables.
    pub fn run_in(&self, environment: &[(&str, &str)], args: &str) -> Ran {
        let mut command = self.planspec(args);
        command.envs(environment.iter().copied());
        finish(command, args, None)
    }

    /// Prepares a command that runs planspec.
    pub fn planspec(&self, args: &str) -> Command {
        let mut command = self.command(PLANSPEC);
        command.args(words(args));
        command
    }

    /// Prepares a command in the sealed environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.sandbox.path("home");
        let now = self.sandbox.now();
        let mut command = Command::new(program);
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", self.sandbox.root.path())
            .env("GIT_AUTHOR_DATE", &now)
            .env("GIT_COMMITTER_DATE", &now)
            .env("PLANSPEC_NOW", &now)
            .env("LC_ALL", "C")
            // The format of new repositories is the one that the tests are run for.
            .envs(std::env::vars().filter(|(name, _)| name.starts_with("GIT_DEFAULT_")));
        if let Some((objects, refs)) = self.sandbox.format {
            command.env("GIT_DEFAULT_HASH", objects);
            command.env("GIT_DEFAULT_REF_FORMAT", refs);
        }
        command
    }

    /// A resource with spec and status, as of the last fetch.
    pub fn get(&self, resource: &str) -> Value {
        let (kind, name) = resource.split_once('/').unwrap();
        self.run(&format!("get {kind} {name} -o json")).ok().json()
    }

    /// The phase of a resource, `KIND/NAME`.
    pub fn phase(&self, resource: &str) -> String {
        text(&self.get(resource)["status"]["phase"])
    }

    /// The status of a node, `EXECUTION/NODE`.
    pub fn node(&self, target: &str) -> Value {
        let (execution, node) = target.split_once('/').unwrap();
        let run = self.get(&format!("execution/{execution}"));
        run["status"]["nodeStatuses"][node].clone()
    }

    /// The phase of a node.
    pub fn node_phase(&self, target: &str) -> String {
        text(&self.node(target)["phase"])
    }

    /// The condition of a resource, if it is set.
    pub fn condition(&self, resource: &str, kind: &str) -> Option<Value> {
        let resource = self.get(resource);
        let conditions = resource["status"]["conditions"].as_array()?;
        let found = conditions.iter().find(|c| c["type"] == kind);
        found.cloned()
    }

    /// The reasons of the records that could not be applied to an execution.
    pub fn unapplied(&self, execution: &str) -> Vec<String> {
        let run = self.get(&format!("execution/{execution}"));
        match run["status"]["extensions"]["unapplied"].as_array() {
            Some(list) => list.iter().map(|record| text(&record["reason"])).collect(),
            None => Vec::new(),
        }
    }

    /// The tip of the status branch, on the remote or here.
    pub fn status_tip(&self) -> String {
        if self.git("remote").is_empty() {
            self.git(&format!("rev-parse refs/heads/{STATUS}"))
        } else {
            let line = self.git(&format!("ls-remote origin refs/heads/{STATUS}"));
            line.split('\t').next().unwrap_or_default().to_owned()
        }
    }

    /// Every transition in the history of the status branch, oldest first.
    pub fn history(&self) -> Vec<String> {
        let tip = self.status_tip();
        if self.git_try(&format!("cat-file -e {tip}")).code != 0 {
            self.git(&format!("fetch -q origin {STATUS}"));
        }
        let bodies = self.git(&format!("log --first-parent --reverse --format=%b {tip}"));
        let is_transition = |line: &&str| line.contains(" → ");
        bodies
            .lines()
            .filter(is_transition)
            .map(str::to_owned)
            .collect()
    }

    /// The inbox refs, on the remote or here, without `refs/planspec/` and without the high-water ref.
    pub fn inbox(&self) -> Vec<String> {
        let listing = if self.git("remote").is_empty() {
            self.git("for-each-ref --format=%(refname) refs/planspec")
        } else {
            self.git("ls-remote origin refs/planspec/*")
        };
        let names = listing
            .lines()
            .filter_map(|line| line.split_once("refs/planspec/"));
        let names = names.filter(|(_, name)| *name != "status");
        names.map(|(_, name)| name.to_owned()).collect()
    }

    /// Writes a record of a worker by hand on top of the ref of an attempt (`run/node`), valid or not: `says` has its
    /// kind and its other fields.
    pub fn writes_by_hand(&self, target: &str, attempt: u32, actor: &str, says: &str) -> &Self {
        let (run, node) = target.split_once('/').unwrap();
        let uid = text(&self.get(&format!("execution/{run}"))["metadata"]["uid"]);
        let name = format!("work/default/{run}/{uid}/{node}/{attempt}");
        let says = format!("{says}\nnode: {node}\nattempt: {attempt}");
        self.writes_record(&name, (run, actor), &says)
    }

    /// Writes a record about a run by hand, on any ref below `refs/planspec/`.
    pub fn writes_record(&self, name: &str, by: (&str, &str), says: &str) -> &Self {
        self.writes_signed(name, by, says, "")
    }

    /// The same, signed with an option of `git commit-tree`.
    pub fn writes_signed(
        &self,
        name: &str,
        (run, actor): (&str, &str),
        says: &str,
        sign: &str,
    ) -> &Self {
        let uid = text(&self.get(&format!("execution/{run}"))["metadata"]["uid"]);
        let name = format!("refs/planspec/{name}");
        self.git("fetch -q origin planspec/status");
        let controller = self.git("show FETCH_HEAD:controller.yaml");
        let id = controller.lines().find(|l| l.starts_with("repositoryId"));
        let id = id.unwrap().replace("repositoryId", "repository");
        let now = self.sandbox.now();
        let record = format!(
            "apiVersion: records.planspec.io/v1\n{says}\n{id}\n\
             execution: {{namespace: default, name: {run}, uid: {uid}}}\nactor: {actor}\n\
             time: \"{now}\"\nnonce: by-hand\nminor: 1\n"
        );
        let blob = self.git_with("hash-object -w --stdin", &record);
        let tree = self.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
        let parent = match self.git_try(&format!("fetch -q origin {name}")).code {
            0 => format!(" -p {}", self.git("rev-parse FETCH_HEAD")),
            _ => String::new(),
        };
        let commit = self.git_with(&format!("commit-tree {sign} {tree}{parent}"), "by hand");
        self.git(&format!("push -q origin {commit}:{name}"));
        self
    }

    /// Claims and reports a node, and reconciles after each.
    pub fn works(&self, target: &str, actor: &str) -> &Self {
        self.run(&format!("claim {target} --as {actor} --reconcile"))
            .ok();
        self.run(&format!(
            "report {target} --as {actor} --succeeded --reconcile"
        ))
        .ok();
        self
    }
}

impl Ran {
    /// Collects the result of a command.
    pub fn of(command: &str, output: Output) -> Ran {
        Ran {
            command: command.to_owned(),
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts success.
    pub fn ok(self) -> Ran {
        self.exits(0)
    }

    /// Asserts this exit code.
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that the standard output contains this text.
    pub fn says(self, text: &str) -> Ran {
        assert!(
            self.out.contains(text),
            "no {text:?} in the results of {self}"
        );
        self
    }

    /// Asserts that the standard error contains this text.
    pub fn notes(self, text: &str) -> Ran {
        assert!(
            self.err.contains(text),
            "no {text:?} in the messages of {self}"
        );
        self
    }

    /// Asserts that neither contains this text.
    pub fn never_says(self, text: &str) -> Ran {
        let said = self.out.contains(text) || self.err.contains(text);
        assert!(!said, "{text:?} in {self}");
        self
    }

    /// The standard output as one answer of a kind that matches its schema; there must be no other output.
    pub fn answer(&self, kind: &str) -> Value {
        assert_eq!(self.err, "", "{self}");
        self.document(kind)
    }

    /// The error of a refusal of that kind; there must be a message for people as well.
    pub fn refusal(&self, kind: &str) -> Value {
        assert_ne!(self.err, "", "{self}");
        let error = self.document("Error")["error"].take();
        assert_eq!(error["kind"], kind, "{self}");
        error
    }

    /// The standard output as answers of a kind, one per line.
    pub fn answers(&self, kind: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| {
            let document = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {self}"));
            self.check(kind, &document);
            document
        });
        lines.collect()
    }

    fn document(&self, kind: &str) -> Value {
        let document = self.json();
        self.check(kind, &document);
        document
    }

    /// Asserts that a document is of that kind, and matches its schema.
    fn check(&self, kind: &str, document: &Value) {
        let head = (&document["apiVersion"], &document["kind"]);
        assert_eq!(head, (&API_VERSION.into(), &kind.into()), "{self}");
        let registered = registry::find(kind).unwrap_or_else(|| panic!("{kind} is not known"));
        let schema = (registered.schema)().to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors = validator.iter_errors(document);
        let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {self}");
    }

    /// The standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ran {
            command,
            code,
            out,
            err,
        } = self;
        write!(
            f,
            "`{command}` ({code})\n--- stdout\n{out}--- stderr\n{err}"
        )
    }
}

/// Starts a command, passes it its input, and waits for its end.
fn finish(command: Command, args: &str, input: Option<&str>) -> Ran {
    finish_with(command, args, input.map(str::as_bytes))
}

fn finish_with(mut command: Command, args: &str, input: Option<&[u8]>) -> Ran {
    command
        .stdin(match input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    if let Some(input) = input {
        let mut stdin = child.stdin.take().unwrap();
        // A program that refuses early does not read all its input.
        let _ = stdin.write_all(input);
    }
    let program = Path::new(command.get_program()).file_name().unwrap();
    let name = format!("{} {args}", program.to_string_lossy());
    let ran = Ran::of(&name, child.wait_with_output().unwrap());
    if command.get_program() == PLANSPEC {
        hints::follow(&command, &ran);
    }
    ran
}

/// Splits a command line at spaces, except between single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut started) = (false, false);
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                started = true;
            }
            ' ' if !quoted => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            _ => {
                word.push(character);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

/// A JSON value as text, strings without quotes.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
