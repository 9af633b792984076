//! Revisions of a document in files of their own: `checkout-v1.planspec.json`, `checkout-v2.planspec.json`, …

use serde_json::{Value, json};

use crate::documents::GREETING;
use crate::sandbox::{Place, Sandbox, text};

const IDS: [&str; 6] = [
    "0b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d11",
    "1b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d12",
    "2b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d13",
    "3b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d14",
    "4b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d15",
    "5b7e6a1c-52d4-4a39-8f0e-6a3c0f2b9d16",
];

/// A revision with a change of its own.
fn revision(number: usize) -> Value {
    let mut document: Value = serde_json::from_str(GREETING).unwrap();
    document["identity"]["plan_id"] = json!(IDS[number - 1]);
    document["identity"]["revision"] = json!(number);
    document["identity"]["parent_id"] = match number {
        1 => Value::Null,
        number => json!(IDS[number - 2]),
    };
    document["scope"]["open_questions"] = match number {
        1 => json!(["Which languages?"]),
        _ => json!([]),
    };
    document["risks"][0]["mitigation"] = json!(format!("{number} native speakers read each"));
    let history: Vec<Value> = (1..=number)
        .map(|one| {
            json!({"revision": one, "change_type": if one == 1 { "major" } else { "minor" },
                "change_summary": format!("Revision {one}"), "created_at": "2026-01-31T09:00:00Z"})
        })
        .collect();
    document["revision_history"] = json!(history);
    document
}

fn file(number: usize) -> String {
    format!("planspec/greeting-v{number}.planspec.json")
}

fn write(place: &Place<'_>, number: usize, document: &Value) {
    place.write(&file(number), format!("{document:#}\n"));
}

#[test]
fn the_newest_file_of_a_session_is_the_plan() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    for number in 1..=3 {
        write(&solo, number, &revision(number));
    }
    solo.commit("three revisions");
    // The question of the first revision is answered, and no longer shown.
    solo.run("validate --level readiness").ok();
    solo.run("validate --rev HEAD").ok();
    solo.run("reconcile").ok();
    solo.run("get plans -o name").ok().says("plan/greeting\n");
    assert_eq!(solo.get("plan/greeting")["status"]["phase"], "Ready");
    solo.run("describe plan greeting").ok().says(&file(3));
    solo.run("start greeting --name run").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/greeting"), "Executing");
    // A pull request that adds a revision is compared with the one before.
    solo.git("checkout -q -b topic");
    let mut fourth = revision(4);
    fourth["approach"]["steps"][1]["estimated_complexity"] = json!("l");
    write(&solo, 4, &fourth);
    solo.git("add -A");
    solo.run("validate --staged").ok();
    solo.commit("the fourth");
    solo.run("review main")
        .ok()
        .says("Plan default/greeting, changed: minor (declares minor: change_type of revision 4)")
        .says("estimatedEffort");
    solo.git("checkout -q main");
    solo.git("merge -q topic");
    let list = solo.run("log plan/greeting -o json").ok().json();
    let told: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {}", text(&item["change"]), text(&item["paths"][0])))
        .collect();
    let expected = [
        format!("changed {}", file(4)),
        format!("changed {}", file(3)),
        format!("changed {}", file(2)),
        format!("added {}", file(1)),
    ];
    assert_eq!(told, expected, "{list:#}");
    // The run stays on the revision that it started with.
    solo.run("reconcile").ok();
    solo.run("reconcile --full").ok();
    solo.run("next --provider human:// -o name")
        .ok()
        .says("default/run/translate\n");
}

#[test]
fn what_is_no_chain_is_said_with_the_files() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    write(&solo, 1, &revision(1));
    write(&solo, 2, &revision(2));
    solo.commit("two revisions");
    // Two newest revisions.
    let mut fork = revision(3);
    fork["identity"]["plan_id"] = json!(IDS[5]);
    write(&solo, 3, &revision(3));
    let other = "planspec/again/greeting-v3.planspec.json";
    solo.write(other, format!("{fork:#}\n"));
    let forked = solo.run("validate").exits(1);
    let forked = forked.says("PS614").says(&format!(
        "`{other}` (revision 3), `{}` (revision 3)",
        file(3)
    ));
    assert!(!forked.out.contains("PS201"), "{forked}");
    // The hook checks only the staged files, and everything that they break.
    solo.git(&format!("add {other} {}", file(3)));
    solo.run("validate --staged").exits(1).says("PS614");
    // As the hint says: one revision follows the other.
    fork["identity"]["parent_id"] = json!(IDS[2]);
    fork["identity"]["revision"] = json!(4);
    let entry = json!({"revision": 4, "change_type": "minor", "change_summary": "Fourth",
        "created_at": "2026-01-31T09:00:00Z"});
    fork["revision_history"].as_array_mut().unwrap().push(entry);
    solo.remove(other);
    solo.write(
        "planspec/again/greeting-v4.planspec.json",
        format!("{fork:#}\n"),
    );
    solo.run("validate").ok();
    // A gap, a duplicate id, a parent that does not exist.
    let table = [
        (
            "/identity/plan_id",
            json!(IDS[1]),
            "another file has the same `plan_id`",
        ),
        (
            "/identity/parent_id",
            json!(IDS[4]),
            "no file of the session is revision",
        ),
        (
            "/identity/parent_id",
            json!(IDS[0]),
            "revision 3 follows revision 1",
        ),
    ];
    solo.git("reset -q --hard");
    solo.git("clean -qfd planspec");
    for (pointer, value, said) in table {
        let mut third = revision(3);
        *third.pointer_mut(pointer).unwrap() = value;
        write(&solo, 3, &third);
        solo.run("validate").exits(1).says("PS614").says(said);
    }
}

#[test]
fn what_is_not_the_newest_any_more_stays_as_it_is() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    write(&solo, 1, &revision(1));
    write(&solo, 2, &revision(2));
    solo.publish("readme", "two revisions");
    solo.git("add -A");
    solo.commit("two revisions");
    solo.git("checkout -q -b topic");
    let mut first = revision(1);
    first["intent"]["motivation"] = json!("Something else");
    write(&solo, 1, &first);
    solo.commit("rewrite the past");
    solo.run("review main")
        .exits(1)
        .says("PS408")
        .says("revision 1 is changed, but is no longer the newest");
    solo.run("validate --base main").exits(1).says("PS408");
}
