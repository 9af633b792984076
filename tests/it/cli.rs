//! Words, exit codes and streams.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;

use clap::CommandFactory;
use planspec::cli::Cli;

use crate::resources::{execution, file, plan, resource_in, task};
use crate::sandbox::{Place, Sandbox};

#[test]
fn an_actor_without_a_name_is_refused_at_every_door() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let all = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    solo.publish("planspec/all.yaml", all);
    solo.run("reconcile").ok();
    for actor in ["agent:", "human:", "agent://"] {
        let way = format!(
            "the actor `{actor}` has no name; write it after the colon, as in `agent:claude`"
        );
        for verb in [
            "claim run/one",
            "report run/one --succeeded",
            "approve run/one",
            "status --mine",
            "work --once",
            "mcp",
        ] {
            solo.run(&format!("{verb} --as {actor}"))
                .exits(2)
                .notes(&way);
        }
        solo.run_in(&[("PLANSPEC_ACTOR", actor)], "claim run/one")
            .exits(2)
            .notes(&way);
    }
    assert!(solo.inbox().is_empty());
}

/// Every verb, in the order of `Command` in src/cli.rs.
const VERBS: &[&str] = &[
    "audit",
    "init",
    "new",
    "validate",
    "review",
    "diff",
    "apply",
    "edit",
    "create",
    "delete",
    "serve",
    "start",
    "get",
    "describe",
    "graph",
    "board",
    "log",
    "logs",
    "show",
    "convert",
    "import",
    "export",
    "revise",
    "watch",
    "wait",
    "reconcile",
    "mcp",
    "next",
    "claim",
    "ask",
    "release",
    "report",
    "status",
    "work",
    "verify",
    "approve",
    "reject",
    "comment",
    "answer",
    "attest",
    "cancel",
    "retry",
    "archive",
    "hooks",
    "doctor",
    "explain",
    "schema",
    "completions",
];

fn started(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    solo
}

#[test]
fn help_of_every_verb_is_on_standard_output() {
    let known: BTreeSet<&str> = VERBS.iter().copied().collect();
    assert_eq!(
        verbs_of_the_program(),
        known.into_iter().map(str::to_owned).collect(),
        "left are the verbs of src/cli.rs, right those of `VERBS` in tests/it/cli.rs"
    );
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let help = nowhere.run("help --all").ok();
    let short = nowhere.run("--help").ok();
    assert_eq!(nowhere.run("help").ok().out, short.out);
    assert!(short.out.contains("planspec help --all"), "{short}");
    assert!(!short.out.contains("\n  attest "), "{short}");
    for verb in VERBS {
        // `show` is now called `describe`.
        let is_told = help.out.contains(&format!("\n  {verb} "));
        assert_eq!(is_told, *verb != "show", "{verb}: {help}");
        let of_verb = nowhere.run(&format!("{verb} --help")).ok();
        assert!(
            of_verb.out.contains(&format!("Usage: planspec {verb}")),
            "{of_verb}"
        );
        assert_eq!(of_verb.err, "");
        let widest = of_verb.out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{of_verb}");
    }
}

fn verbs_of_the_program() -> BTreeSet<String> {
    let program = Cli::command();
    let verbs = program.get_subcommands();
    verbs.map(|verb| verb.get_name().to_owned()).collect()
}

#[test]
fn the_page_has_a_row_for_every_verb() {
    let page = include_str!("../../docs/cli.md");
    let (_, table) = page.split_once("\n## Verbs\n").unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|'));
    // The second cell begins with the verb; some rows name several.
    let verbs = rows.filter_map(|row| row.split('|').nth(2));
    let told: BTreeSet<String> = verbs
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter_map(|usage| usage.split_whitespace().next())
        .filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect();
    let missing: Vec<String> = verbs_of_the_program().difference(&told).cloned().collect();
    assert!(
        missing.is_empty(),
        "the table of docs/cli.md has no row for {missing:?}"
    );
}

#[test]
fn help_lists_the_exit_codes() {
    let sandbox = Sandbox::new();
    let help = sandbox.folder("nowhere").run("--help").ok();
    for said in [
        "0 success",
        "1 findings",
        "2 incorrect usage",
        "3 the repository",
        "9 somebody else",
    ] {
        assert!(help.out.contains(said), "{help}");
    }
}

#[test]
fn the_version_is_told() {
    let sandbox = Sandbox::new();
    let told = sandbox.folder("nowhere").run("--version").ok();
    assert_eq!(
        told.out,
        format!("planspec {} (git-native)\n", env!("CARGO_PKG_VERSION"))
    );
    let nowhere = sandbox.folder("elsewhere");
    let version = nowhere.run("--version -o json").ok().answer("Version");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["resources"], "planspec.io/v1alpha1");
    assert!(version["decisions"].as_u64() >= Some(3), "{version}");
    assert!(
        version["features"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
    assert_eq!(
        nowhere.run("-o json --version").ok().answer("Version"),
        version
    );
}

#[test]
fn there_are_completions_for_every_shell() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = nowhere.run(&format!("completions {shell}")).ok();
        assert!(script.out.contains("PLANSPEC_COMPLETE"), "{shell}");
        assert_eq!(completed(&nowhere, shell, "recon"), ["reconcile"]);
        // Without a repository there are no names, but no errors either.
        assert_eq!(completed(&nowhere, shell, "claim r"), [""; 0]);
    }
    nowhere.run("completions tcsh").exits(2);
    let script = nowhere.run("completions bash").ok().out;
    nowhere.write("planspec.bash", script);
    let mut shell = nowhere.command("bash");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_planspec"));
    let folder = binary.parent().unwrap().display();
    let typed = format!(
        "PATH={folder}:$PATH; source ./planspec.bash; COMP_WORDS=(planspec recon); COMP_CWORD=1; \
         _clap_complete_planspec planspec recon planspec; echo ${{COMPREPLY[@]}}"
    );
    let completed = shell.args(["--norc", "-c", &typed]).output().unwrap();
    assert_eq!(String::from_utf8(completed.stdout).unwrap(), "reconcile\n");
}

/// The completions of the last word.
fn completed(place: &Place<'_>, shell: &str, words: &str) -> Vec<String> {
    let index = words.split(' ').count().to_string();
    let environment = [
        ("PLANSPEC_COMPLETE", shell),
        ("_CLAP_IFS", "\n"),
        ("_CLAP_COMPLETE_INDEX", &index),
        ("_CLAP_COMPLETE_COMP_TYPE", "9"),
        ("_CLAP_COMPLETE_SPACE", "false"),
    ];
    let ran = place
        .run_in(&environment, &format!("-- planspec {words}"))
        .ok();
    assert_eq!(ran.err, "", "{shell}: {words}");
    // A name may be followed by its description.
    let names = ran
        .out
        .lines()
        .map(|line| line.split(['\t', ':']).next().unwrap());
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn shells_complete_names() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let files = [
        plan("auth", &[task("one"), task("two").after("one")]),
        execution("auth-1", "auth"),
        resource_in("web", "Goal", "shop", "description: sell\n"),
        resource_in("one", "Goal", "twice", "description: x\n"),
        resource_in("two", "Goal", "twice", "description: x\n"),
    ];
    ana.publish("planspec/all.yaml", file(&files));
    ana.run("reconcile").ok();
    ana.git("fetch -q");
    // The remote is not asked.
    ana.git("remote set-url origin nowhere");
    for shell in ["bash", "zsh", "fish"] {
        for (words, names) in [
            ("start a", &["auth"][..]),
            ("next a", &["auth-1"]),
            ("claim a", &["auth-1/one"]),
            ("report auth", &[]),
            ("logs auth-1/t", &["auth-1/two"]),
            ("get go", &["goal"]),
            ("get goal s", &["shop"]),
            ("get goal t", &["two/twice"]),
            ("get -n one goal t", &["twice"]),
            ("next -n w", &["web"]),
            ("log auth", &["auth", "auth-1"]),
            ("retry a", &["auth-1"]),
            ("retry auth-1/o", &["auth-1/one"]),
            ("log execution/a", &["execution/auth-1"]),
            ("log execution a", &["auth-1"]),
            ("wait exec/a", &["exec/auth-1"]),
            (
                "explain PS30",
                &[
                    "PS301", "PS302", "PS303", "PS304", "PS305", "PS306", "PS307", "PS308", "PS309",
                ],
            ),
            ("new doc", &["document"]),
        ] {
            assert_eq!(completed(&ana, shell, words), names, "{shell}: {words}");
        }
    }
}

#[test]
fn wrong_use_is_2_and_what_was_probably_meant_is_suggested() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let table = [
        ("reconsile", "reconcile"),
        ("reconcile --dryrun", "--dry-run"),
        ("get exections", "executions"),
        ("graph p --format mermiad", "mermaid"),
        ("describe paln p", "plan"),
        ("report run/one --as a", "--succeeded"),
        (
            "report run/one --as a --succeeded --failed",
            "cannot be used with",
        ),
        (
            "report run/one --as a --succeeded --set summary",
            "NAME=VALUE",
        ),
        ("claim run/one --as ''", "the actor's name is empty"),
        ("claim run/one --as a --lease 5", "lease"),
        ("apply", "--filename"),
        ("describe plan", "names no resource"),
        ("get plans -l '=x'", "is not a valid requirement"),
        ("get plans p -l env=zz", "both a name, `p`, and a selector"),
        ("get plan/p -l env=zz", "omit one of them"),
        ("reconcile --interval 0", "interval"),
    ];
    for (command, hint) in table {
        solo.run(command).exits(2).notes(hint);
    }
    for command in ["apply -d nosuch", "validate -d nosuch"] {
        let none = "nosuch`: there is no such folder";
        solo.run(command).exits(1).notes(none);
    }
    solo.run_in(&[("PLANSPEC_NOW", "yesterday")], "get")
        .exits(2)
        .notes("PLANSPEC_NOW");
}

#[test]
fn what_is_not_there_is_1_and_what_was_probably_meant_is_suggested() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let table = [
        ("get execution rnu", "did you mean `run`?"),
        ("describe plan q", "there is no plan `q`"),
        ("graph nothing", "there is no"),
        (
            "get execution run -n other",
            "there is one in namespace `default`",
        ),
        ("cancel rnu --as a", "did you mean `run`?"),
        ("claim run/on --as a", "did you mean `one`?"),
    ];
    for (command, hint) in table {
        let ran = solo.run(command).exits(1).notes(hint);
        assert_eq!(ran.out, "", "{ran}");
    }
}

#[test]
fn kinds_may_be_written_singular_plural_and_short() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let expected = solo.run("get executions").ok().out;
    for kind in ["execution", "Execution", "exec", "EXECUTIONS"] {
        assert_eq!(
            solo.run(&format!("get {kind}")).ok().out,
            expected,
            "{kind}"
        );
    }
    solo.run("describe plan/p").ok().says("Ready");
    solo.run("get plan default/p").ok().says("Ready");
}

#[test]
fn results_that_are_piped_have_no_colours_and_no_progress() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let commands = [
        "get",
        "get -o wide",
        "describe execution run",
        "graph run",
        "mcp",
        "next",
        "validate",
        "reconcile",
        "reconcile --dry-run",
        "watch --once",
    ];
    for command in commands {
        solo.run(command).ok().never_says("\u{1b}").never_says("\r");
    }
    solo.write(
        "planspec/bad.yaml",
        "kind: Gaol\napiVersion: planspec.io/v1alpha1\n",
    );
    solo.run("validate").exits(1).never_says("\u{1b}");
    solo.run("validate --color always").exits(1).says("\u{1b}[");
    solo.run_in(&[("NO_COLOR", "1")], "validate")
        .exits(1)
        .never_says("\u{1b}");
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    for command in [
        "get -o yaml",
        "completions bash",
        "graph run",
        "describe execution run",
    ] {
        let mut child = solo
            .planspec(command)
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
        assert_eq!(said, "", "{command}");
        assert!(child.wait().unwrap().success(), "{command}");
    }
}

#[test]
fn json_is_one_versioned_document_and_yaml_says_the_same() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    for command in ["next -o json", "reconcile -o json", "graph run -o json"] {
        let document = solo.run(command).ok().json();
        assert_eq!(document["apiVersion"], "cli.planspec.io/v1", "{command}");
    }
    let one = solo.run("get plan p -o json").ok().json();
    assert_eq!(one["apiVersion"], "planspec.io/v1alpha1");
    let yaml = solo.run("get plan p -o yaml").ok().out;
    let same: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(same, one);
    let list = solo.run("get -o json").ok().json();
    assert_eq!(list["apiVersion"], "planspec.io/v1alpha1");
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let yaml = solo.run("get -o yaml").ok().out;
    let same: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(same, list);
    assert_eq!(solo.run("get -o name").ok().out, "plan/p\nexecution/run\n");
    assert_eq!(
        solo.run("get goals -o json").ok().json()["items"],
        serde_json::json!([]),
        "nothing is an empty list"
    );
}

#[test]
fn findings_come_as_text_as_lines_and_as_json() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.write("planspec/bad.yaml", plan("bad", &[task("x").after("y")]));
    solo.run("validate")
        .exits(1)
        .says("error[PS302]")
        .says(" | ")
        .notes("1 error");
    let lines = solo.run("validate --format concise").exits(1).out;
    assert!(lines.starts_with("planspec/bad.yaml:"), "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let document = solo.run("validate --format json").exits(1);
    assert_eq!(document.err, "", "{document}");
    assert_eq!(document.json()["apiVersion"], "cli.planspec.io/v1");
}

#[test]
fn labels_select() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let labelled = |name: &str, labels: &str| {
        let meta = format!("namespace: default\n  labels: {{{labels}}}");
        plan(name, &[task("one")]).replace("namespace: default", &meta)
    };
    solo.publish(
        "planspec/all.yaml",
        file(&[
            labelled("a", "team: red, tier: web"),
            labelled("b", "team: blue"),
            labelled("c", ""),
        ]),
    );
    let table = [
        ("team=red", "plan/a\n"),
        ("team==blue", "plan/b\n"),
        ("team!=red", "plan/b\nplan/c\n"),
        ("team", "plan/a\nplan/b\n"),
        ("!team", "plan/c\n"),
        ("team,tier=web", "plan/a\n"),
    ];
    for (selector, expected) in table {
        let listed = solo.run(&format!("get plans -l '{selector}' -o name")).ok();
        assert_eq!(listed.out, expected, "{selector}");
    }
}

#[test]
fn graphs_are_drawn_for_terminals_for_markdown_and_for_graphviz() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [
        task("a"),
        task("b").after("a"),
        task("c").after("a"),
        task("d").after("b").once_over("c"),
    ];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    solo.run("graph p").ok().says("a").says("d");
    solo.run("graph p --format mermaid").ok().says("flowchart");
    solo.run("graph p --format dot").ok().says("digraph");
    let still = solo.run("graph p").ok().out;
    solo.run("reconcile").ok();
    solo.works("run/a", "agent:a");
    let live = solo.run("graph run").ok();
    assert_ne!(live.out, still, "a run is drawn with its live state");
    assert!(live.out.contains("Succeeded"), "{live}");
    solo.run("graph execution/run --format mermaid")
        .ok()
        .says("Succeeded");
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    nowhere.write("man/.keep", "");
    nowhere.run("completions --man man").ok();
    let page = nowhere.read("man/planspec.1");
    assert!(page.contains(".TH planspec 1"), "{page}");
    for verb in VERBS {
        let page = nowhere.read(&format!("man/planspec-{verb}.1"));
        assert!(page.contains(&format!("planspec\\-{verb}")), "{page}");
    }
    nowhere.run("completions --man new/folder").ok();
    nowhere.write("file", "");
    nowhere.run("completions --man file").exits(3);
    nowhere.run("completions bash --man man").exits(2);
    nowhere.run("completions").exits(2);
}

#[test]
fn schemas_are_published_with_addresses_of_their_own() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    nowhere.write("out/.keep", "");
    nowhere
        .run("schema --publish out --url https://example.org/schemas")
        .ok()
        .says("out/catalog.json");
    let catalog: serde_json::Value =
        serde_json::from_str(&nowhere.read("out/catalog.json")).unwrap();
    for entry in catalog["schemas"].as_array().unwrap() {
        let url = entry["url"].as_str().unwrap();
        let name = url.strip_prefix("https://example.org/schemas/").unwrap();
        let schema: serde_json::Value =
            serde_json::from_str(&nowhere.read(&format!("out/{name}"))).unwrap();
        assert_eq!(schema["$id"], url);
    }
    nowhere.run("schema --publish out").exits(2);
    nowhere
        .run("schema --publish out --url ftp://example.org")
        .exits(2);
}
