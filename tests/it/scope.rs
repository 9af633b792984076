//! Changed files against the scope of a document, with the real program.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::documents::GREETING;
use crate::resources::{execution, plan, task};
use crate::sandbox::{Place, Ran, Sandbox, text};

const FILE: &str = "planspec/greeting.planspec.json";

fn greeting(within: &[&str], out: &[&str]) -> Value {
    let mut value: Value = serde_json::from_str(GREETING).unwrap();
    value["scope"]["in_scope"] = json!(within);
    value["scope"]["out_of_scope"] = json!(out);
    value
}

/// A repository whose document covers `greeting` without `greeting/legacy`, and a checked-out branch.
fn branched(sandbox: &Sandbox) -> Place<'_> {
    branched_with(
        sandbox,
        greeting(
            &["path:greeting/**", "Everything that is said"],
            &["path:greeting/legacy/**", "Translating anything else"],
        ),
    )
}

fn branched_with(sandbox: &Sandbox, document: Value) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.write(FILE, format!("{document:#}\n"))
        .write("greeting/hello.txt", "hello\n")
        .write("greeting/legacy/hi.txt", "hi\n")
        .write("other/a.txt", "a\n")
        .commit("As it was");
    solo.git("checkout -q -b change");
    solo
}

/// The files outside of the scope, by both verbs and as findings, which must agree.
fn outside(place: &Place<'_>) -> Vec<String> {
    let list = |scope: &Value| -> Vec<String> {
        let outside = scope["outside"].as_array().unwrap().iter();
        outside.map(|one| text(&one["path"])).collect()
    };
    let review = place.run("review --plan greeting --format json").json();
    let validate = validate(place, "--rev HEAD --base main --format json").json();
    let found = list(&review["scope"]);
    assert_eq!(review["scope"], validate["scope"]);
    for findings in [&review["findings"], &validate["findings"]] {
        let findings = findings.as_array().unwrap().iter();
        let findings = findings.filter(|finding| finding["code"] == "PS409");
        let files: Vec<String> = findings.map(|finding| text(&finding["file"])).collect();
        assert_eq!(files, found);
    }
    found
}

fn validate(place: &Place<'_>, more: &str) -> Ran {
    place.run(&format!("validate --scope greeting {more}"))
}

#[test]
fn what_is_inside_is_fine_and_what_is_outside_fails() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    assert_eq!(outside(&solo), [] as [&str; 0]);
    solo.write("greeting/hello.txt", "good morning\n")
        .write("greeting/new/deep/file", "x")
        .commit("Inside");
    assert_eq!(outside(&solo), [] as [&str; 0]);
    validate(&solo, "--base main")
        .ok()
        .notes("scope of Plan default/greeting, as it was before the change: 2 changed files compared, 0 outside")
        .notes("not checkable: 2 entries of scope.in_scope and scope.out_of_scope, for people\n");
    solo.run("review --plan greeting")
        .ok()
        .says("Scope\n  scope of Plan default/greeting")
        .says("scope.in_scope[1]: Everything that is said");
    solo.write("other/a.txt", "b\n")
        .write("greeting/legacy/hi.txt", "hey\n")
        .remove("other/a.txt")
        .commit("Outside");
    assert_eq!(outside(&solo), ["greeting/legacy/hi.txt", "other/a.txt"]);
    let said = validate(&solo, "--base main").exits(1);
    said.says(
        "error[PS409]: the file is deleted, but is outside the scope of Plan default/greeting",
    )
    .says("restore the file")
    .says("--> other/a.txt\n")
    .says("Plan default/greeting covers `path:greeting/**`")
    .says("`path:greeting/legacy/**` excludes it from the scope")
    .says("excluded here");
    solo.run("review --plan greeting")
        .exits(1)
        .says("4 changed files compared, 2 outside")
        .says("PS409");
    let page = solo
        .run("review --plan greeting --format markdown")
        .exits(1);
    assert_eq!(
        page.out
            .matches("undo the change to the file, or first change")
            .count(),
        1,
        "{page}"
    );
    assert!(
        !page.out.contains("<em><br/>") && !page.out.contains("</em><br/>"),
        "{page}"
    );
    // Without the plan, the scope is not checked.
    let review = solo.run("review --format json").ok().json();
    assert!(review["scope"].is_null(), "{review}");
    validate(&solo, "--base main --format json").exits(1);
    solo.run("validate --base main").ok().never_says("scope of");
}

#[test]
fn both_names_of_what_moved_modes_links_and_submodules_are_changes() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    solo.git("mv greeting/hello.txt other/hello.txt");
    solo.commit("Out");
    assert_eq!(outside(&solo), ["other/hello.txt"]);
    solo.git("mv other/a.txt greeting/a.txt");
    solo.commit("In");
    assert_eq!(outside(&solo), ["other/a.txt", "other/hello.txt"]);
    solo.git("reset -q --hard main");
    solo.git("update-index --chmod=+x other/a.txt");
    solo.git("commit -q -m mode");
    assert_eq!(outside(&solo), ["other/a.txt"]);
    solo.git("reset -q --hard main");
    std::os::unix::fs::symlink("other", solo.dir.join("link")).unwrap();
    let head = solo.git("rev-parse HEAD");
    solo.git("add -A");
    solo.git(&format!(
        "update-index --add --cacheinfo 160000,{head},module"
    ));
    solo.git("commit -q -m links");
    assert_eq!(outside(&solo), ["link", "module"]);
    // A folder replaces a file.
    solo.git("reset -q --hard main");
    solo.git("rm -q other/a.txt");
    solo.write("other/a.txt/b", "b").commit("Folder");
    assert_eq!(outside(&solo), ["other/a.txt", "other/a.txt/b"]);
}

#[test]
fn before_a_commit_the_tracked_work_tree_is_compared() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let files = |more: &str| -> Vec<String> {
        let ran = validate(&solo, &format!("--base HEAD --format json {more}"));
        let document = ran.json();
        let outside = document["scope"]["outside"].as_array().unwrap();
        assert_eq!(ran.code, i32::from(!outside.is_empty()), "{ran}");
        outside.iter().map(|one| text(&one["path"])).collect()
    };
    assert_eq!(files(""), [] as [&str; 0]);
    // Untracked files are ignored.
    solo.write("other/untracked", "x");
    assert_eq!(files(""), [] as [&str; 0]);
    solo.git("add -A");
    assert_eq!(files(""), ["other/untracked"]);
    // Staged, but reverted in the work tree.
    solo.remove("other/untracked");
    assert_eq!(files(""), ["other/untracked"]);
    solo.git("reset -q --hard");
    solo.write("other/a.txt", "b\n");
    assert_eq!(files(""), ["other/a.txt"]);
    // In a subfolder, with any diff settings of the user.
    solo.git("config diff.relative true");
    solo.git("config diff.noprefix true");
    assert_eq!(files(""), ["other/a.txt"]);
    let below = sandbox.place("solo/greeting");
    let found = validate(&below, "--base HEAD --format concise").exits(1);
    found.says("other/a.txt: error PS409");
    assert_eq!(files("--rev HEAD"), [] as [&str; 0]);
    // Changed and changed back.
    solo.write("other/a.txt", "a\n");
    assert_eq!(files(""), [] as [&str; 0]);
}

#[test]
fn before_a_commit_what_is_staged_is_held_to_the_scope_of_head() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let files = || -> Vec<String> {
        let ran = validate(&solo, "--staged --format json");
        let document = ran.json();
        let outside = document["scope"]["outside"].as_array().unwrap();
        assert_eq!(ran.code, i32::from(!outside.is_empty()), "{ran}");
        outside.iter().map(|one| text(&one["path"])).collect()
    };
    assert_eq!(files(), [] as [&str; 0]);
    // Unstaged changes are not in the commit.
    solo.write("other/a.txt", "b\n");
    assert_eq!(files(), [] as [&str; 0]);
    solo.git("add -A");
    assert_eq!(files(), ["other/a.txt"]);
    solo.write("other/a.txt", "a\n");
    assert_eq!(files(), ["other/a.txt"]);
    // A document that is staged as well does not widen its own scope either.
    let wide = greeting(&["path:**"], &["The moon"]);
    solo.write(FILE, format!("{wide:#}\n"));
    solo.git(&format!("add {FILE}"));
    assert_eq!(files(), ["other/a.txt"]);
    solo.git("reset -q --hard");
    solo.git("rm -q greeting/legacy/hi.txt");
    validate(&solo, "--staged")
        .exits(1)
        .says("the file is deleted, but `path:greeting/legacy/**` excludes it from the scope")
        .says("excluded here")
        .notes("1 changed file compared, 1 outside");
    solo.run("validate --staged").ok();
    // Before the first commit, the staged scope.
    let new = sandbox.repository("new");
    new.git("checkout -q --orphan first");
    new.git("rm -q -r --cached --ignore-unmatch .");
    let document = greeting(&["path:greeting"], &["The moon"]);
    new.write(FILE, format!("{document:#}\n"))
        .write("elsewhere", "x");
    new.git("add -A");
    validate(&new, "--staged")
        .exits(1)
        .says("elsewhere")
        .notes("which is new");
}

#[test]
fn the_document_and_its_executions_are_not_the_work() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let mut reworded = greeting(
        &["path:greeting/**", "Everything that is said"],
        &["path:greeting/legacy/**", "Translating anything else"],
    );
    reworded["intent"]["motivation"] = json!("Because");
    solo.write(FILE, format!("{reworded:#}\n"))
        .write("planspec/run.yaml", execution("run", "greeting"))
        .write("planspec/more.yaml", execution("more", "other"))
        .write("planspec/other.yaml", plan("other", &[task("a")]))
        .commit("Start");
    let expected = ["planspec/more.yaml", "planspec/other.yaml"];
    assert_eq!(outside(&solo), expected);
    // Changes of another plan belong to that plan.
    solo.run("review --plan other").ok().never_says("Scope");
    solo.run("validate --scope other --base main")
        .exits(2)
        .notes("Plan default/other has no scope, because it does not come from a PlanSpec 1.2 document");
}

#[test]
fn a_change_does_not_widen_the_scope_that_it_is_held_to() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    solo.git("checkout -q main");
    solo.publish(".planspec.yaml", "lease: 1h\n");
    solo.git("checkout -q -B change");
    let wide = greeting(&["path:**"], &["The moon"]);
    solo.write(FILE, format!("{wide:#}\n"))
        .write("other/a.txt", "b\n")
        .commit("Wider");
    assert_eq!(outside(&solo), ["other/a.txt"]);
    validate(&solo, "--base main")
        .exits(1)
        .says("the scope of Plan default/greeting after this change would cover it: merge the scope first");
    // Nor its own rules for review.
    solo.write(".planspec.yaml", "rules: {PS409: off, PS408: off}\n")
        .commit("Off");
    let review = solo.run("review --plan greeting").exits(1);
    review.says("PS409").says(".planspec.yaml");
    // It applies after the merge.
    solo.git("checkout -q main");
    solo.write(".planspec.yaml", "rules: {PS409: warning}\n")
        .write(FILE, format!("{wide:#}\n"))
        .commit("Wider");
    solo.git("checkout -q -b later");
    solo.write("other/a.txt", "c\n").commit("Later");
    assert_eq!(outside(&solo), [] as [&str; 0]);
    let narrow = greeting(&["path:greeting"], &["The moon"]);
    solo.git("checkout -q main");
    solo.write(FILE, format!("{narrow:#}\n")).commit("Narrower");
    solo.git("checkout -q -b last");
    solo.write("other/a.txt", "d\n").commit("Last");
    solo.run("review --plan greeting")
        .ok()
        .says("warning[PS409]");
}

#[test]
fn a_new_document_is_held_to_its_own_scope() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("other/a.txt", "a\n").commit("As it was");
    solo.git("checkout -q -b change");
    let document = greeting(&["path:greeting"], &["path:greeting/legacy"]);
    solo.write(FILE, format!("{document:#}\n"))
        .write("greeting/hello.txt", "hello\n")
        .write("other/a.txt", "b\n")
        .commit("New");
    assert_eq!(outside(&solo), ["other/a.txt"]);
    validate(&solo, "--base main")
        .exits(1)
        .notes("scope of Plan default/greeting, which is new");
}

#[test]
fn without_paths_nothing_is_checked_and_that_is_said() {
    let sandbox = Sandbox::new();
    let prose = greeting(&["The greeting"], &["*b* <b>@moon</b> |\n# x"]);
    let solo = branched_with(&sandbox, prose);
    solo.write("other/a.txt", "b\n").commit("Other");
    assert_eq!(outside(&solo), [] as [&str; 0]);
    let said = "no entry of the scope of Plan default/greeting begins with `path:`";
    validate(&solo, "--base main").ok().notes(said);
    solo.run("review --plan greeting").ok().says(said);
    let page = solo.run("review --plan greeting --format markdown").ok();
    for evil in ["*b*", "<b>", "@moon", "\n# x", "x |"] {
        assert!(!page.out.contains(evil), "{evil}: {page}");
    }
    page.says("### Scope").says("moon");
}

#[test]
fn names_are_taken_as_they_are() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let names: [&[u8]; 6] = [
        b"\"quoted",
        b"Greeting/hello.txt",
        b"new\nline",
        b"not-utf8-\xff",
        b"tab\tand space ",
        b"|<b>@x",
    ];
    for name in names {
        let path = solo.dir.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    fs::write(
        solo.dir.join(OsStr::from_bytes(b"greeting/\xff\n\"")),
        "inside",
    )
    .unwrap();
    solo.git("add -A");
    let before = validate(&solo, "--base HEAD --format json").exits(1).json();
    solo.git("commit -q -m odd");
    let found = outside(&solo);
    let mut expected: Vec<String> = names
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    let staged = before["scope"]["outside"].as_array().unwrap();
    let staged: Vec<String> = staged.iter().map(|one| text(&one["path"])).collect();
    assert_eq!(staged, expected);
    let page = solo
        .run("review --plan greeting --format markdown")
        .exits(1);
    assert!(
        !page.out.contains("<b>") && !page.out.contains("@x"),
        "{page}"
    );
    for format in ["text", "concise", "github"] {
        let ran = validate(&solo, &format!("--base main --format {format}")).exits(1);
        ran.says("new\\nline");
    }
    let sarif = validate(&solo, "--base main --format sarif")
        .exits(1)
        .json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), names.len());
    let uris: Vec<String> = results
        .iter()
        .map(|one| text(&one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]))
        .collect();
    assert!(uris.contains(&"new%0Aline".to_owned()), "{uris:?}");
    let gitlab = validate(&solo, "--base main --format gitlab")
        .exits(1)
        .json();
    assert_eq!(gitlab.as_array().unwrap().len(), names.len());
    validate(&solo, "--base main --format junit")
        .exits(1)
        .says("new\\nline");
}

#[test]
fn what_is_asked_must_make_sense() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    validate(&solo, "").exits(2).notes("--base");
    validate(&solo, "--base main --staged").exits(2);
    validate(&solo, "").exits(2).notes("--staged");
    validate(&solo, "--base main planspec").exits(2);
    validate(&solo, "--base nowhere").exits(1).notes("nowhere");
    solo.run("validate --scope greting --base main")
        .exits(1)
        .notes("did you mean `greeting`?");
    solo.run("validate --scope default/greeting --base main")
        .ok();
    let mut other: Value = serde_json::from_str(GREETING).unwrap();
    other["x-planspec"] = json!({"namespace": "team"});
    solo.publish("planspec/b/greeting.planspec.json", format!("{other:#}\n"));
    validate(&solo, "--base main")
        .exits(2)
        .notes("`greeting` is in several namespaces: default, team")
        .notes("choose one: `-n default`, `-n team`");
    validate(&solo, "--base main -n team").ok();
    solo.run("validate --scope team/greeting --base main").ok();
}

#[test]
fn a_branch_is_held_to_where_it_left_the_base() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let document = greeting(&["path:greeting"], &["The moon"]);
    ana.publish(FILE, format!("{document:#}\n"));
    ana.git("checkout -q -b change");
    ana.write("greeting/a", "a").commit("Inside").push();
    // Later commits of others do not count as changes of this branch.
    ana.git("checkout -q main");
    ana.publish("other/a.txt", "a\n");
    let ben = sandbox.clone_with(
        "--depth=1 --branch=change",
        &format!("file://{}", sandbox.path("origin.git").display()),
        "ben",
    );
    validate(&ben, "--base origin/main")
        .ok()
        .notes("1 changed file compared, 0 outside");
    ben.run("review --plan greeting origin/main...HEAD").ok();
}

#[test]
fn ten_thousand_files_are_counted_and_the_first_are_told() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    for number in 0..10_000 {
        let folder = solo.dir.join(format!("many/{}", number / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(number.to_string()), "x").unwrap();
    }
    solo.commit("Many");
    let document = validate(&solo, "--base main --format json").exits(1).json();
    assert_eq!(document["scope"]["compared"], 10_000);
    assert_eq!(
        document["scope"]["outside"].as_array().unwrap().len(),
        10_000
    );
    assert_eq!(document["summary"]["errors"], 1001);
    let page = solo
        .run("review --plan greeting --format markdown")
        .exits(1);
    assert!(page.out.len() < 60_000, "{}", page.out.len());
    page.says("10000 outside")
        .says("more, in `planspec review`");
    validate(&solo, "--base main --format concise")
        .exits(1)
        .says("9000 more changed files are outside the scope");
}

#[test]
fn a_change_that_moves_the_configured_paths_hides_nothing() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let wider = greeting(&["path:**"], &["Nothing"]);
    solo.write(".planspec.yaml", "paths: [\"plans/**\"]\n")
        .write("plans/greeting.planspec.json", format!("{wider:#}\n"))
        .write("other/a.txt", "b\n");
    solo.git(&format!("rm -q --cached {FILE}"));
    fs::remove_file(solo.dir.join(FILE)).unwrap();
    solo.commit("Moved, and wider");
    let found = outside(&solo);
    assert!(found.contains(&"other/a.txt".to_owned()), "{found:?}");
}

#[test]
fn a_question_about_files_is_answered_without_a_change() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let ask = |paths: &str| validate(&solo, &format!("--path {paths}"));
    ask("greeting/new/deep.txt")
        .ok()
        .says("in")
        .says("greeting/new/deep.txt");
    let told = ask("greeting/hello.txt greeting/legacy/x other/a.txt -o json").exits(1);
    let answer = told.answer("ScopeAnswer");
    let verdicts: Vec<[&Value; 2]> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["verdict"], &one["why"]])
        .collect();
    assert_eq!(verdicts[0], [&json!("in"), &Value::Null]);
    assert_eq!(
        verdicts[1],
        ["out", "`path:greeting/legacy/**` excludes it"]
    );
    assert_eq!(
        verdicts[2],
        ["out", "no `path:` entry of in_scope covers it"]
    );
    assert_eq!(answer["commit"], solo.git("rev-parse HEAD").trim());
    // A scope widened only in the work tree does not count.
    solo.write(
        FILE,
        format!("{:#}\n", greeting(&["path:**"], &["path:nothing"])),
    );
    ask("other/a.txt").exits(1).says("out");
    // From a subfolder, and for files that do not exist.
    solo.run("-C greeting validate --scope greeting --path hello.txt new/one.txt")
        .ok()
        .says("greeting/new/one.txt");
    solo.run("validate --scope greeting --path ../elsewhere")
        .exits(1)
        .notes("is not a path in this repository");
    solo.run("validate --scope nobody --path a")
        .exits(1)
        .notes("there is no plan `nobody`");
    solo.run("validate --path a").exits(2);
}

#[test]
fn of_prose_only_people_can_tell() {
    let sandbox = Sandbox::new();
    let solo = branched_with(&sandbox, greeting(&["What is said"], &["path:secret/**"]));
    validate(&solo, "--path greeting/a")
        .exits(6)
        .says("not checkable");
    validate(&solo, "--path secret/a greeting/a").exits(1);
    let another = Sandbox::new();
    let prose = branched_with(&another, greeting(&["What is said"], &["The rest"]));
    prose.write("other/a.txt", "b\n").commit("A change");
    validate(&prose, "--base main")
        .ok()
        .says("warning[PS412]: the scope of Plan default/greeting has no paths")
        .says(&format!("{FILE}:"));
    prose.run("review --plan greeting").ok().says("PS412");
    prose.git("checkout -q main");
    prose
        .write(".planspec.yaml", "rules: {PS412: error}\n")
        .commit("Stricter");
    prose.git("checkout -q -B change main");
    prose.write("other/a.txt", "c\n").commit("A change");
    validate(&prose, "--base main")
        .exits(1)
        .says("error[PS412]");
}

#[test]
fn some_files_may_always_change_along_and_a_change_beside_the_plan_is_told() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    solo.git("checkout -q main");
    let config = "scope: {always: [CHANGELOG.md, greeting/legacy/hi.txt, docs/]}\n";
    solo.write(".planspec.yaml", config).commit("Along");
    solo.git("checkout -q -B change main");
    solo.write("CHANGELOG.md", "x\n")
        .write("docs/a/b.md", "x\n")
        .commit("Along");
    let beside = "no changed file is in the scope of Plan default/greeting";
    validate(&solo, "--base main")
        .ok()
        .notes("2 changed files compared, 0 outside, 2 always allowed")
        .notes(beside);
    solo.run("review --plan greeting").ok().says(beside);
    solo.run("review --plan greeting -o markdown")
        .ok()
        .says(beside);
    validate(&solo, "--path CHANGELOG.md")
        .ok()
        .says("scope.always");
    solo.write("greeting/hello.txt", "hey\n").commit("Inside");
    let told = validate(&solo, "--base main -o json")
        .ok()
        .answer("Findings");
    assert_eq!(told["scope"]["inside"], 1);
    assert_eq!(
        told["scope"]["allowed"],
        json!(["CHANGELOG.md", "docs/a/b.md"])
    );
    // An excluded file stays out of scope, whatever `scope.always` says.
    solo.write("greeting/legacy/hi.txt", "hey\n")
        .commit("Excluded");
    validate(&solo, "--base main")
        .exits(1)
        .says("greeting/legacy/hi.txt");
    // A change cannot extend `scope.always` for itself.
    solo.git("checkout -q -B wider main");
    solo.write(".planspec.yaml", "scope: {always: [\"**\"]}\n")
        .write("other/a.txt", "b\n")
        .commit("Wider");
    validate(&solo, "--base main").exits(1).says("other/a.txt");
    let review = solo.run("review main...wider").ok();
    review.says("scope.always").says("regardless of its scope");
    solo.write(".planspec.yaml", "scope: {always: [../x]}\n");
    solo.run("validate")
        .exits(1)
        .says(".planspec.yaml:1:")
        .says("PS610");
}

#[test]
fn a_step_is_held_to_what_it_touches() {
    let sandbox = Sandbox::new();
    let mut document = greeting(&["path:greeting/**"], &["path:secret/**"]);
    let steps = document["approach"]["steps"].as_array_mut().unwrap();
    steps[1]["x-planspec"] = json!({"touches": ["greeting/hello.txt", "greeting/words/"]});
    steps[1]["step_id"] = json!("T002");
    steps[2]["dependencies"] = json!(["T002"]);
    let solo = branched_with(&sandbox, document);
    solo.write("greeting/hello.txt", "hey\n")
        .write("greeting/words/de", "hallo\n")
        .commit("Its own");
    validate(&solo, "--base main --step T002").ok();
    solo.write("greeting/other.txt", "x\n").commit("Another's");
    validate(&solo, "--base main").ok();
    validate(&solo, "--base main --step T002")
        .exits(1)
        .says("greeting/other.txt")
        .says("in `touches` of step `T002`");
    let review = solo
        .run("review --plan greeting --step T002 -o json")
        .exits(1)
        .json();
    assert_eq!(review["scope"]["step"], "T002");
    assert_eq!(review["scope"]["outside"][0]["path"], "greeting/other.txt");
    validate(
        &solo,
        "--step T002 --path greeting/words/fr greeting/other.txt",
    )
    .exits(1)
    .says("no entry of `touches` of step `T002` covers it");
    validate(&solo, "--base main --step release")
        .exits(1)
        .says("step `release` has no `touches`");
    validate(&solo, "--step T9 --path greeting/a")
        .exits(1)
        .notes("the document has no step `T9`");
}

#[test]
fn a_wider_scope_keeps_the_link_to_the_session_before() {
    let sandbox = Sandbox::new();
    let solo = branched(&sandbox);
    let wide = greeting(&["path:**"], &["path:greeting/legacy/**"]);
    solo.write(FILE, format!("{wide:#}\n"));
    solo.run(&format!("revise {FILE} -m Wider")).exits(1);
    solo.run(&format!("revise {FILE} -m Wider --new-session wider"))
        .ok();
    let revised: Value = serde_json::from_str(&solo.read(FILE)).unwrap();
    assert_eq!(revised["x-previous-session"]["session_id"], "greeting");
    assert_eq!(
        revised["x-previous-session"]["plan_id"],
        wide["identity"]["plan_id"]
    );
    solo.run(&format!("show {FILE}"))
        .ok()
        .says("Continues session `greeting`, revision 1");
    solo.commit("Wider");
    solo.run("validate").ok();
}
