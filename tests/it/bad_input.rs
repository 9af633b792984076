//! Bad input is reported with its place and a fix, never followed, never believed. Nothing panics or hangs, and valid
//! data is never lost.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use crate::resources::{execution, execution_with, file, gate_with, goal, plan, resource, task};
use crate::sandbox::{Place, Ran, STATUS, Sandbox};

/// Writes the bytes of a file.
fn bytes(place: &Place<'_>, path: &str, content: impl AsRef<[u8]>) {
    let path = place.dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Runs `validate` with one finding on a line.
fn validate(place: &Place<'_>, args: &str) -> Ran {
    place.run(&format!("validate --format concise {args}"))
}

/// The lines about a file.
fn about<'r>(ran: &'r Ran, file: &str) -> Vec<&'r str> {
    let is_about = |line: &&str| line.starts_with(&format!("planspec/{file}:"));
    ran.out.lines().filter(is_about).collect()
}

// ---- Text ----

#[test]
fn what_readers_understand_differently_is_refused_where_it_stands() {
    let table: [(&str, &[u8], &str); 30] = [
        ("duplicate-key", b"a: 1\nb: 2\na: 3\n", ":3:1: error PS004"),
        ("flow-duplicate", b"{a: 1, \"a\": 2}\n", ":1:8: error PS004"),
        ("number-key", b"1: a\n", ":1:1: error PS005"),
        ("boolean-key", b"a:\n  true: b\n", ":2:3: error PS005"),
        ("null-key", b"~: b\n", ":1:1: error PS005"),
        ("list-key", b"[a]: b\n", ":1:1: error PS005"),
        (
            "merge-key",
            b"a: &x {b: c}\nd:\n  <<: *x\n",
            ":3:3: error PS005",
        ),
        ("own-tag", b"a: !mine b\n", ":1:4: error PS006"),
        ("binary", b"a: !!binary aGk=\n", ":1:4: error PS006"),
        (
            "code",
            b"a: !!python/object:os.system ls\n",
            ":1:4: error PS006",
        ),
        ("not-a-number", b"a: .nan\n", ":1:4: error PS006"),
        ("infinity", b"a: -.inf\n", ":1:4: error PS006"),
        ("beyond-floats", b"a: 1e999\n", ":1:4: error PS006"),
        (
            "beyond-64-bits",
            b"a: 18446744073709551616\n",
            ":1:4: error PS006",
        ),
        ("beyond-json", b"a: 9007199254740993\n", ":1:4: error PS006"),
        ("nul", b"a: b\0c\n", ":1:5: error PS002"),
        ("escape", b"a: \"\x1b[31mred\"\n", ":1:5: error PS002"),
        ("backspace", b"a: b\n# \x08\n", ":2:3: error PS002"),
        ("delete", b"a: \x7f\n", ":1:4: error PS002"),
        (
            "line-separator",
            "a: b\u{2028}c\n".as_bytes(),
            ":1:5: error PS002",
        ),
        ("next-line", "a: b\u{85}c\n".as_bytes(), ":1:5: error PS002"),
        ("bare-cr", b"a: b\rc: d\n", ":1:5: error PS002"),
        ("not-utf-8", b"a: b\nc: \xff\n", ":2:4: error PS002"),
        ("cut-character", b"a: \xe2\x82", ":1:4: error PS002"),
        ("surrogate", b"a: \xed\xa0\x80\n", ":1:4: error PS002"),
        ("utf-16", b"\xff\xfea\0:\0 \x001\0", ":1:1: error PS002"),
        ("tab", b"a:\n\tb: c\n", ":2:2: error PS001"),
        ("cut-list", b"a: [b,\n", ":2:1: error PS001"),
        ("cut-quotes", b"a: \"b\n", ":1:4: error PS001"),
        ("anchor-without-end", b"a: *b\n", ":1:4: error PS001"),
    ];
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    for (name, content, _) in table {
        bytes(&ana, &format!("planspec/{name}.yaml"), content);
    }
    ana.write("planspec/good.yaml", goal("good"));
    let ran = validate(&ana, "").exits(1);
    for (name, _, expected) in table {
        let found = about(&ran, &format!("{name}.yaml"));
        let is_told = found.iter().any(|one| one.contains(expected));
        assert!(is_told, "{name}: {found:?}");
        // What a fixable finding hides is reported as well: here that this is no resource.
        let hidden = usize::from(name == "tab");
        assert_eq!(found.len(), 1 + hidden, "{name}: {found:?}");
    }
    assert_eq!(about(&ran, "good.yaml"), [] as [&str; 0]);
    ana.commit("All of it");
    assert_eq!(validate(&ana, "--rev HEAD").exits(1).out, ran.out);
    ana.run("reconcile").ok();
    assert_eq!(
        ana.phase("goal/good"),
        "Pending",
        "and the good one goes on"
    );
}

#[test]
fn what_every_reader_understands_is_accepted() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    let named = |name: &str| goal(name);
    ana.write("planspec/mark.yaml", format!("\u{feff}{}", named("mark")))
        .write("planspec/crlf.yaml", named("crlf").replace('\n', "\r\n"))
        .write(
            "planspec/several.yaml",
            format!(
                "# nothing but this\n---\n{}---\n# nor here\n---\n---\n{}...\n",
                named("first"),
                named("second")
            ),
        )
        .write("planspec/comments.yaml", "# nothing\n\n# at all\n")
        .write("planspec/empty.yaml", "")
        .write(
            "planspec/json.json",
            "\u{feff}{\"apiVersion\": \"planspec.io/v1alpha1\", \"kind\": \"Goal\", \"metadata\": \
             {\"name\": \"json\", \"namespace\": \"default\"}, \"spec\": {\"description\": \"d\"}}",
        );
    validate(&ana, "").ok().notes("5 resources: valid");
    ana.commit("All of it");
    validate(&ana, "--rev HEAD")
        .ok()
        .notes("5 resources: valid");
}

#[test]
fn strings_stay_strings_and_are_not_taken_for_something_else() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    let words = [
        "no",
        "on",
        "y",
        "0777",
        "1_000",
        "2026-11-20",
        "12:30:45",
        "0b",
        "1.2.3",
    ];
    let spec: String = words
        .iter()
        .enumerate()
        .map(|(n, word)| format!("  k{n}: {word}\n"))
        .collect();
    let spec = format!("description: d\nconstraints:\n{spec}");
    ana.publish("planspec/goal.yaml", resource("Goal", "words", &spec));
    let shown = ana.get("goal/words");
    for (n, word) in words.iter().enumerate() {
        assert_eq!(shown["spec"]["constraints"][format!("k{n}")], **word);
    }
    let spec = "description: d\ninputs: [{name: a, type: string, required: yes}]\n";
    ana.write("bad.yaml", resource("Capability", "bad", spec));
    validate(&ana, "bad.yaml")
        .exits(1)
        .says("PS103")
        .says("a boolean is expected, but this is a string")
        .says("`yes` is text; only `true` and `false` are booleans: write `true`");
    ana.write(
        "bad.yaml",
        resource("Goal", "bad", "description: d\npriority: 1_0\n"),
    );
    validate(&ana, "bad.yaml")
        .exits(1)
        .says("a whole number is expected, but this is a string")
        .says("`1_0` is text, because numbers have no `_`: write `10`");
    ana.write("bad.yaml", resource("Goal", "bad", "description: 2026\n"));
    validate(&ana, "bad.yaml")
        .exits(1)
        .says("a string is expected, but this is a number");
}

#[test]
fn input_is_bounded_and_the_bounds_are_configured() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let deep = format!("description: d\nconstraints: {{a: {deep}}}\n");
    let mut bomb = format!(
        "description: d\nconstraints:\n  a0: &a0 [{}]\n",
        ["x"; 9].join(", ")
    );
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        let list = vec![before; 9].join(", ");
        bomb.push_str(&format!("  a{level}: &a{level} [{list}]\n"));
    }
    let nodes: Vec<_> = (0..12).map(|n| task(&format!("n{n}"))).collect();
    let long = format!("description: {}\n", "x".repeat(3000));
    ana.write("planspec/deep.yaml", resource("Goal", "deep", &deep))
        .write("planspec/bomb.yaml", resource("Goal", "bomb", &bomb))
        .write("planspec/wide.yaml", plan("wide", &nodes))
        .write("planspec/long.yaml", resource("Goal", "long", &long));

    let ran = validate(&ana, "").exits(1);
    assert!(about(&ran, "bomb.yaml")[0].contains("PS003"), "{ran}");
    assert_eq!(ran.out.lines().count(), 1, "{ran}");

    let limits = "limits: {fileBytes: 2500, depth: 30, nodes: 10}\n";
    ana.write(".planspec.yaml", limits);
    let ran = validate(&ana, "").exits(1);
    for (name, expected) in [
        ("deep", "nested deeper than 30 levels"),
        ("bomb", "larger than 2500 bytes"),
        ("wide", "12 nodes; the limit is 10"),
        ("long", "at most 2500 are read"),
    ] {
        let found = about(&ran, &format!("{name}.yaml"));
        assert!(found.len() == 1 && found[0].contains(expected), "{ran}");
    }
    // A bound is raised where needed, and the others stay.
    ana.write(
        ".planspec.yaml",
        "limits: {fileBytes: 4000, depth: 50, nodes: 12}\n",
    );
    let ran = validate(&ana, "").exits(1);
    assert!(
        about(&ran, "bomb.yaml")[0].contains("larger than 4000 bytes"),
        "{ran}"
    );
    assert_eq!(ran.out.lines().count(), 1, "{ran}");
}

#[test]
fn a_configuration_that_is_bad_input_stops_everything_with_its_place() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    ana.write("planspec/goal.yaml", goal("good"));
    let table: [(&[u8], &str); 7] = [
        (b"limits: {depth: 1, depth: 2}\n", ":1:20: error PS004"),
        (b"limits: {nodes: -1}\n", ":1:17: error PS106"),
        (b"limits: {nodes: many}\n", ":1:17: error PS103"),
        (b"limt: {}\n", ":1:1: error PS102"),
        (b"\xff\xff", ":1:1: error PS002"),
        (b"paths: [\"a[\"]\n", ":1:9: error PS105"),
        (b"a: [\n", ":2:1: error PS001"),
    ];
    for (content, expected) in table {
        bytes(&ana, ".planspec.yaml", content);
        validate(&ana, "")
            .exits(1)
            .says(&format!(".planspec.yaml{expected}"));
        ana.commit("Configure");
        ana.run("reconcile")
            .exits(1)
            .notes("the configuration cannot be used");
    }
    assert_eq!(ana.git("branch --list planspec/status"), "");
}

// ---- Files ----

/// Paths that are not regular files of the repository, by name and by their message.
const NO_FILES: [(&str, &str); 6] = [
    ("link.yaml", "a symbolic link: links are not followed"),
    ("loop.yaml", "a symbolic link: links are not followed"),
    ("away.yaml", "a symbolic link: links are not followed"),
    ("folder", "a symbolic link: links are not followed"),
    (
        "library",
        "a submodule or a separate repository, which is never entered",
    ),
    ("lfs.yaml", "a Git LFS pointer"),
];

fn no_files(sandbox: &Sandbox, ana: &Place<'_>) {
    let at = |path: &str| ana.dir.join("planspec").join(path);
    ana.write("planspec/good.yaml", goal("good"));
    ana.write(
        "planspec/lfs.yaml",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
    );
    symlink("good.yaml", at("link.yaml")).unwrap();
    symlink("loop.yaml", at("loop.yaml")).unwrap();
    symlink("/etc/passwd", at("away.yaml")).unwrap();
    symlink("..", at("folder")).unwrap();
    sandbox
        .repository("library")
        .publish("planspec/secret.yaml", goal("secret"));
    ana.git("submodule add -q ../library planspec/library");
}

fn names_all(ran: Ran) {
    for (name, expected) in NO_FILES {
        let found = about(&ran, name);
        let fits =
            found.len() == 1 && found[0].contains("error PS008") && found[0].contains(expected);
        assert!(fits, "{name}: {found:?} {ran}");
    }
    let said = ran.never_says("secret").never_says("root:");
    assert_eq!(about(&said, "good.yaml"), [] as [&str; 0]);
}

#[test]
fn what_is_no_file_of_the_repository_is_named_and_not_followed() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    no_files(&sandbox, &ana);
    names_all(validate(&ana, "").exits(1));
    ana.git("add -A");
    names_all(validate(&ana, "--staged").exits(1));
    ana.commit("All of it");
    names_all(validate(&ana, "--rev HEAD").exits(1));
    ana.run("reconcile").ok().notes("a symbolic link");
    assert_eq!(
        ana.phase("goal/good"),
        "Pending",
        "and the good one goes on"
    );
    let bare = sandbox.clone_with("--bare", ana.dir.to_str().unwrap(), "bare.git");
    names_all(validate(&bare, "--rev HEAD").exits(1));
}

#[test]
fn the_way_out_of_git_lfs_is_told() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    no_files(&sandbox, &ana);
    ana.run("validate").exits(1).says("git lfs untrack");
}

#[test]
fn pipes_devices_and_sockets_do_not_hang() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    ana.write("planspec/good.yaml", goal("good"));
    let made = ana
        .command("mkfifo")
        .arg("planspec/pipe.yaml")
        .status()
        .unwrap();
    assert!(made.success());
    std::os::unix::net::UnixListener::bind(ana.dir.join("planspec/socket.yaml")).unwrap();
    let ran = validate(&ana, "").exits(1);
    for name in ["pipe.yaml", "socket.yaml"] {
        let found = about(&ran, name);
        assert!(found[0].contains("PS008: not a regular file"), "{ran}");
    }
    for named in ["planspec/pipe.yaml", "/dev/zero", "/dev/null"] {
        validate(&ana, named).exits(1).says("not a regular file");
    }
    for args in ["apply -f planspec/pipe.yaml", "apply -f /dev/zero"] {
        ana.run(args).exits(1).notes("not a regular file");
    }
    // The configuration is a file like any other.
    let made = ana
        .command("mkfifo")
        .arg(".planspec.yaml")
        .status()
        .unwrap();
    assert!(made.success());
    validate(&ana, "")
        .exits(1)
        .says(".planspec.yaml")
        .says("PS008");
}

#[test]
fn endless_standard_input_is_cut() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    let mut child = ana
        .planspec("validate -f - --format concise")
        .stdin(fs::File::open("/dev/zero").unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.contains("PS008") || said.contains("PS003"), "{said}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    ana.write("planspec/good.yaml", goal("good"))
        .write("planspec/closed.yaml", goal("closed"))
        .write("planspec/shut/in.yaml", goal("in"));
    let close = |path: &str, mode| {
        fs::set_permissions(ana.dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    close("planspec/closed.yaml", 0);
    close("planspec/shut", 0);
    let everything_opens = fs::read(ana.dir.join("planspec/closed.yaml")).is_ok();
    let ran = validate(&ana, "");
    close("planspec/shut", 0o755);
    // root can open everything.
    if everything_opens {
        ran.ok();
        return;
    }
    let ran = ran.exits(1);
    for name in ["closed.yaml", "shut"] {
        assert!(about(&ran, name)[0].contains("PS008"), "{ran}");
    }
}

#[test]
fn paths_that_are_not_text_are_named_and_escaped() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    ana.write("planspec/good.yaml", goal("good"));
    let write = |name: &[u8]| {
        let path = ana
            .dir
            .join("planspec")
            .join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, "a: [\n").unwrap();
    };
    write(b"latin-\xe9.yaml");
    write(b"red-\x1b[31m.yaml");
    write("nimda-\u{202e}lmay.yaml".as_bytes());
    write(b"two\nlines.yaml");
    let check = |ran: Ran| {
        let ran = ran
            .never_says("\u{1b}")
            .never_says("\u{202e}")
            .never_says("two\n");
        assert_eq!(ran.out.lines().count(), 4, "{ran}");
        ran.says("PS008")
            .says("its path is not UTF-8")
            .says("red-\\u{1b}[31m.yaml:2:1: error PS001");
    };
    check(validate(&ana, "").exits(1));
    ana.git("add -A");
    check(validate(&ana, "--staged").exits(1));
    ana.commit("Names");
    check(validate(&ana, "--rev HEAD").exits(1));
    for format in ["text", "json", "github", "gitlab", "sarif", "junit"] {
        ana.run(&format!("validate --format {format}"))
            .exits(1)
            .never_says("\u{1b}")
            .never_says("\u{202e}");
    }
    ana.run("reconcile")
        .ok()
        .never_says("\u{1b}")
        .never_says("\u{202e}");
    let board = ana.git(&format!("show {STATUS}:controller.yaml"));
    assert!(
        !board.contains('\u{1b}') && !board.contains('\u{202e}'),
        "{board}"
    );
}

// ---- Output ----

/// Text that moves the cursor, rewrites the title or reverses the line.
const WICKED: &str = "\\e]0;owned\\a\\e[2K\\u202Etxt.exe\\u2066\\r\\n\\x9b1m";

fn wicked() -> String {
    let described = |kind: &str, name: &str, spec: &str| {
        resource(kind, name, &format!("description: \"{WICKED}\"\n{spec}"))
    };
    file(&[
        described("Goal", "goal", ""),
        described("Capability", "cap", &format!("displayName: \"{WICKED}\"\n")),
        described(
            "Plan",
            "plan",
            &format!(
                "goalRef: {{name: goal}}\ngraph:\n  nodes:\n    - id: a\n      kind: Task\n      \
                 name: \"{WICKED}\"\n      description: \"{WICKED}\"\n      capabilityRefs: [{{name: \
                 cap}}]\n    - {{id: g, kind: Gate, gateRef: {{name: gate}}, dependsOn: [a]}}\n"
            ),
        ),
        gate_with(
            "gate",
            "plan",
            &format!("description: \"{WICKED}\"\nreviewers: [\"{WICKED}\"]\n"),
        ),
        resource(
            "Binding",
            "bind",
            &format!(
                "rules:\n  - selector: {{capabilityRef: {{name: cap}}}}\n    target: {{provider: \
                 \"{WICKED}\"}}\n"
            ),
        ),
        execution_with(
            "run",
            "plan",
            &format!("bindingRef: {{name: bind}}\nparameters: {{\"{WICKED}\": \"{WICKED}\"}}\n"),
        ),
    ])
}

/// Asserts that the output has no effect on a terminal.
fn is_harmless(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        let hidden = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(
            !text.contains(hidden),
            "{:?} in {ran}",
            text.chars().find(|c| hidden(*c))
        );
    }
}

#[test]
fn nothing_that_is_shown_can_disturb_a_terminal() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/wicked.yaml", wicked());
    let actor = "agent:\u{202e}x\u{1b}[1m";
    let mut commands = vec![
        "validate".to_owned(),
        "reconcile --dry-run".to_owned(),
        "reconcile --dry-run -o json".to_owned(),
        "reconcile".to_owned(),
        "next".to_owned(),
        "next -o json".to_owned(),
        format!("claim run/a --as '{actor}'"),
        format!("report run/a --as '{actor}' --failed -m '\u{1b}[2Kfine\u{202e}'"),
        "reconcile".to_owned(),
        "next -o name".to_owned(),
    ];
    for output in ["table", "wide", "json", "yaml", "name"] {
        for kind in [
            "goals",
            "plans",
            "capabilities",
            "bindings",
            "gates",
            "executions",
        ] {
            commands.push(format!("get {kind} -A -o {output}"));
        }
    }
    for (kind, name) in [
        ("goal", "goal"),
        ("plan", "plan"),
        ("capability", "cap"),
        ("binding", "bind"),
        ("gate", "gate"),
        ("execution", "run"),
    ] {
        commands.push(format!("describe {kind} {name}"));
    }
    for format in ["text", "mermaid", "dot"] {
        commands.push(format!("graph plan --format {format}"));
        commands.push(format!("graph run --format {format}"));
    }
    commands.extend([
        format!("get goal '{actor}'"),
        format!("get '{actor}'"),
        format!("validate '{actor}'"),
        format!("approve '{actor}'"),
        format!("claim '{actor}'"),
        format!("validate --rev '{actor}'"),
        format!("-C '{actor}' get goals"),
        format!("reconcile --ref '{actor}'"),
        format!("schema '{actor}'"),
        format!("new goal '{actor}'"),
        format!("delete goal '{actor}'"),
        "cancel run".to_owned(),
        "reconcile".to_owned(),
    ]);
    for command in commands {
        is_harmless(&ana.run(&command));
    }
    let readme = ana.git(&format!("show origin/{STATUS}:README.md"));
    assert!(
        !readme.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\r']),
        "{readme}"
    );
}

/// Runs with a closed pipe as standard output.
fn broken_pipe(place: &Place<'_>, args: &str) -> (i32, String) {
    let mut child = place
        .planspec(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (child.wait().unwrap().code().unwrap_or(-1), said)
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    let nodes: Vec<_> = (0..50).map(|n| task(&format!("n{n}"))).collect();
    let all = file(&[goal("goal"), plan("plan", &nodes), execution("run", "plan")]);
    ana.publish("planspec/all.yaml", all);
    ana.run("reconcile").ok();
    ana.write("planspec/bad.yaml", "a: [\n");
    for args in [
        "--help",
        "--version",
        "help validate",
        "validate",
        "validate --format json",
        "validate --format sarif",
        "get goals",
        "get plans -o yaml",
        "get executions -o json",
        "describe plan plan",
        "describe execution run",
        "graph plan",
        "graph run --format dot",
        "next",
        "next -o json",
        "reconcile --dry-run",
        "reconcile",
        "schema plan",
        "completions bash",
        "claim run/n0 --as agent:a",
        "watch executions",
    ] {
        let (code, said) = broken_pipe(&ana, args);
        let quiet = !said.contains("panicked") && !said.to_lowercase().contains("pipe");
        assert!(quiet, "{args}: {said}");
        // The exit code for findings stays: a script that looks at it must not see success.
        let expected: &[i32] = if args.starts_with("validate") {
            &[1]
        } else {
            &[0]
        };
        assert!(expected.contains(&code), "{args}: {code} {said}");
    }
    assert_eq!(ana.inbox().len(), 1, "the claim was made all the same");
}

#[test]
fn messages_that_nobody_can_read_stop_nothing() {
    let sandbox = Sandbox::new();
    let ana = sandbox.repository("ana");
    ana.publish("planspec/goal.yaml", goal("goal"));
    let mut child = ana
        .planspec("reconcile -vv")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(ana.phase("goal/goal"), "Pending");
}
