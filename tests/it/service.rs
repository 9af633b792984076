//! The service as library users call it: from several threads, with typed refusals.

use planspec::clock;
use planspec::core::run::record::ReportResult;
use planspec::failure::exit_code;
use planspec::service::claim::{ClaimRequest, claim};
use planspec::service::reconcile::{ReconcileRequest, reconcile};
use planspec::service::record::RecordRequest;
use planspec::service::report::{ReportRequest, report};
use planspec::service::store::Store;
use planspec::service::{Caller, ErrorKind};

use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, SHARED, Sandbox};

fn about_build(actor: &str) -> RecordRequest {
    RecordRequest {
        caller: Caller {
            actor: Some(actor.to_owned()),
            now: clock::now().unwrap(),
        },
        target: "run/build".to_owned(),
        namespace: None,
        reconcile: false,
    }
}

fn open(place: &Place<'_>) -> Store {
    Store::open(Some(&place.dir)).unwrap()
}

#[test]
fn of_many_threads_one_gets_a_node_and_the_others_are_told() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let run = file(&[plan("p", &[task("build")]), execution("run", "p")]);
    solo.write("planspec/x.yaml", run).commit("A run");
    let now = clock::now().unwrap();
    reconcile(&open(&solo), &ReconcileRequest::at(now)).unwrap();
    let ends: Vec<Result<String, ErrorKind>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let solo = &solo;
                scope.spawn(move || {
                    let request = ClaimRequest {
                        working: Default::default(),
                        record: about_build(&format!("agent:{number}")),
                        lease: None,
                    };
                    let claimed = claim(&open(solo), &request);
                    claimed
                        .map(|claimed| claimed.answer.actor)
                        .map_err(|error| error.kind)
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "{won:?}");
    assert!(
        lost.iter().all(|end| *end == Err(ErrorKind::Taken)),
        "{lost:?}"
    );
    let winner = won.into_iter().next().unwrap().unwrap();
    let request = |actor: &str| ReportRequest {
        typed: Vec::new(),
        working: Default::default(),
        record: about_build(actor),
        result: ReportResult::Succeeded,
        outputs: Default::default(),
        message: String::new(),
        commit: None,
        attempt: None,
    };
    let store = open(&solo);
    let refused = report(&store, &request("agent:nobody")).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Taken);
    assert_eq!(exit_code::of(refused.kind), 9);
    report(&store, &request(&winner)).unwrap();
    let done = reconcile(&store, &ReconcileRequest::at(now)).unwrap();
    let moved = done.transitions;
    let ended = moved.iter().find(|one| one.node.is_none());
    assert_eq!(
        ended.and_then(|one| one.to.as_deref()),
        Some("Succeeded"),
        "{moved:#?}"
    );
}

#[test]
fn a_record_stands_although_the_status_cannot_be_pushed() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write(".planspec.yaml", SHARED)
        .publish("planspec/x.yaml", plan("p", &[task("one"), task("two")]))
        .publish("planspec/run.yaml", execution("run", "p"));
    ana.run("reconcile").ok();
    let origin = sandbox.place("origin.git");
    origin.write_executable(
        "hooks/update",
        "#!/bin/sh\ncase $1 in refs/heads/planspec/*) echo protected >&2; exit 1;; esac\n",
    );
    ana.run("claim run/one --as agent:a --reconcile")
        .exits(5)
        .says("claimed default/run/one")
        .notes("refuses the push");
    let ran = ana
        .run("claim run/two --as agent:b --reconcile -o json")
        .exits(5);
    let claimed = ran.json();
    assert_eq!(claimed["kind"], "Claimed");
    assert_eq!(claimed["reconciled"], serde_json::Value::Null);
    assert_eq!(claimed["reconcileError"]["kind"], "unavailable");
    origin.remove("hooks/update");
    ana.run("reconcile")
        .ok()
        .says("claimed by agent:a")
        .says("claimed by agent:b");
}
