//! Alerts for operators: the file of metrics, and a message for each change.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::http::Answers;
use crate::resources::{execution, file, gate, gate_node, plan, task};
use crate::sandbox::{Place, Sandbox};

/// The value of a sample in a file of metrics.
fn sample(place: &Place<'_>, name: &str) -> Option<f64> {
    let text = place.read("metrics.prom");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("planspec_{name} ")))?;
    line.parse().ok()
}

fn started<'s>(sandbox: &'s Sandbox) -> Place<'s> {
    let ana = sandbox.team("ana");
    let nodes = [task("build"), gate_node("ok", "sign").after("build")];
    let all = [
        plan("p", &nodes),
        gate("sign", "p"),
        execution("one", "p"),
        execution("two", "p"),
    ];
    ana.publish("planspec/all.yaml", file(&all));
    ana
}

#[test]
fn metrics_say_how_everything_stands_also_where_the_remote_is_away() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("reconcile --metrics metrics.prom").ok();
    let text = ana.read("metrics.prom");
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        assert!(
            text.contains(&format!("# TYPE {family} gauge\n# HELP {family} ")),
            "{line}"
        );
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(sample(&ana, "executions{phase=\"Running\"}"), Some(2.0));
    assert_eq!(sample(&ana, "wanted{what=\"unclaimed\"}"), Some(2.0));
    assert_eq!(sample(&ana, "needs_somebody"), Some(0.0));
    let oldest = sample(&ana, "wanted_oldest_timestamp_seconds{what=\"unclaimed\"}");
    assert_eq!(oldest, sample(&ana, "reconcile_timestamp_seconds"));
    ana.run("claim one/build --as agent:a").ok();
    ana.run("report one/build --as agent:a --failed").ok();
    // The second attempt of a run that is over is offered to nobody.
    ana.run("claim two/build --as agent:a").ok();
    ana.run("report two/build --as agent:a --succeeded").ok();
    sandbox.minutes_pass(1);
    ana.run("reconcile --metrics metrics.prom").ok();
    assert_eq!(
        sample(&ana, "reconcile_records{result=\"applied\"}"),
        Some(2.0)
    );
    assert_eq!(
        sample(&ana, "reconcile_records{result=\"refused\"}"),
        Some(0.0)
    );
    assert_eq!(sample(&ana, "executions{phase=\"Failed\"}"), Some(1.0));
    assert_eq!(sample(&ana, "wanted{what=\"approval\"}"), Some(1.0));
    assert_eq!(sample(&ana, "needs_somebody"), Some(1.0));
    assert_eq!(sample(&ana, "reconcile_success"), Some(1.0));
    // What is known stays, and the metrics say that the remote was not read.
    std::fs::rename(sandbox.path("origin.git"), sandbox.path("away.git")).unwrap();
    ana.run("reconcile --metrics metrics.prom").exits(3);
    assert_eq!(sample(&ana, "reconcile_success"), Some(0.0));
    assert_eq!(sample(&ana, "wanted{what=\"approval\"}"), Some(1.0));
    assert_eq!(sample(&ana, "reconcile_records{result=\"applied\"}"), None);
}

/// Returns what `notify.sh` of the examples sends for the output of a reconcile.
fn notify(place: &Place<'_>, url: &str, answer: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = place
        .command(root.join("examples/reconciler/notify.sh"))
        .env("NOTIFY_URL", url)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(answer.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn people_are_told_of_each_change_that_is_theirs_once() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let chat = Answers::start(|_, _, _| (200, "ok".to_owned()));
    let url = chat.url("/hook");
    let told = |args: &str| {
        let before = chat.asked().len();
        let answer = ana.run(&format!("{args} -o json")).ok().out;
        notify(&ana, &url, &answer);
        chat.asked().split_off(before)
    };
    // A start, or waiting for a worker, is not news.
    assert_eq!(told("reconcile"), [] as [&str; 0]);
    ana.run("claim one/build --as agent:a").ok();
    ana.run("report one/build --as agent:a --failed --message 'no \"disk\"'")
        .ok();
    ana.run("claim two/build --as agent:a").ok();
    ana.run("report two/build --as agent:a --succeeded").ok();
    assert_eq!(told("reconcile --dry-run"), [] as [&str; 0]);
    assert_eq!(
        told("reconcile"),
        [concat!(
            r#"POST /hook {"text":"default/one: Failed: build failed: reported by agent:a: no \"disk\"\n"#,
            r#"default/two/ok: Blocked: 0 of 1 approvals; reviewers: any person"}"#
        )]
    );
    assert_eq!(told("reconcile"), [] as [&str; 0]);
    ana.run("approve two/ok").ok();
    assert_eq!(
        told("reconcile"),
        [r#"POST /hook {"text":"default/two: Succeeded: every node ended well"}"#]
    );
}
