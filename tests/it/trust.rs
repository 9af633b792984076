//! Every deciding record, with real keys and real pushes: forged, renamed or foreign ones do not count.

use crate::approvals::{SIGNERS, key, sign_with};
use crate::resources::{Node, execution, file, gate, gate_node, plan, resource, task};
use crate::sandbox::{Place, Sandbox, text};

const CODER: &str = "agent:coder";
const ANA: &str = "ana@example.com";

/// The configuration of a repository that shares its status, with settings for approvals.
fn config(approvals: &str) -> String {
    format!("status: {{remote: origin}}\n{approvals}")
}

/// A run of some nodes, with these resources and listed keys. Returns the clone that reconciles.
fn signing<'a>(
    sandbox: &'a Sandbox,
    (config_text, signers): (&str, &[(&str, &str)]),
    (nodes, more): (&[Node], &[String]),
) -> Place<'a> {
    sandbox.bare("origin.git");
    let ci = sandbox.clone_of("origin.git", "ci");
    let lines: String = signers
        .iter()
        .map(|(principals, name)| format!("{principals} {}\n", key(&ci, name)))
        .collect();
    let mut resources = vec![plan("p", nodes), execution("run", "p")];
    resources.extend(more.iter().cloned());
    ci.write(".planspec.yaml", config(config_text))
        .write(SIGNERS, lines)
        .publish("planspec/all.yaml", file(&resources));
    ci.run("reconcile").ok();
    ci
}

/// A clone of a user who signs with a key.
fn who<'a>(sandbox: &'a Sandbox, name: &str, key: &str) -> Place<'a> {
    let place = sandbox.clone_of("origin.git", name);
    if !key.is_empty() {
        sign_with(&place, key);
    }
    place
}

fn uid(place: &Place<'_>) -> String {
    text(&place.get("execution/run")["metadata"]["uid"])
}

/// A task with one criterion that has to be verified.
fn checked(id: &str) -> Node {
    task(id).with(
        "acceptanceCriteria: [{name: there, type: artifact_exists, path: planspec/all.yaml}]\n",
    )
}

const ALL: &str = "approvals: {requireSigned: true}\nverification: independent\n";

#[test]
fn what_decides_is_signed_by_whoever_says_it_from_the_claim_to_the_attestation() {
    let sandbox = Sandbox::new();
    let signers = [(CODER, "coder"), ("agent:checker", "checker"), (ANA, "ana")];
    let goal = resource(
        "Goal",
        "g",
        "description: d\nacceptanceCriteria: [{id: fast, description: d}]\n",
    );
    let nodes = [checked("one"), gate_node("ok", "g").after("one")];
    let more = [gate("g", "p"), goal];
    let ci = signing(&sandbox, (ALL, &signers), (&nodes, &more));
    let coder = who(&sandbox, "coder", "coder");
    // A worker that could not report it is told before the work.
    who(&sandbox, "eve", "")
        .run("claim run/one --as agent:coder")
        .exits(3)
        .notes("git cannot sign");
    coder.run("claim run/one --as agent:coder").ok();
    coder
        .run("report run/one --as agent:coder --succeeded --reconcile")
        .ok();
    let report = coder.node("run/one")["extensions"]["report"].clone();
    assert_eq!(report["signed"]["principal"], CODER);
    assert_eq!(text(&report["timestamp"]), sandbox.now());
    coder
        .run("verify run/one --as agent:coder")
        .exits(1)
        .notes("somebody else must check it");
    let checker = who(&sandbox, "checker", "checker");
    checker
        .run("verify run/one --as agent:checker --reconcile")
        .ok();
    assert_eq!(checker.node_phase("run/one"), "Succeeded");
    let verification = checker.node("run/one")["extensions"]["verification"].clone();
    assert_eq!(verification["signed"]["principal"], "agent:checker");
    let ana = who(&sandbox, "ana", "ana");
    ana.run("approve g --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ci.run("reconcile").ok().says("nothing to do");
    assert!(ana.unapplied("run").is_empty());
}

/// A record of each deciding kind: its name, the ref below `refs/planspec/`, and its text.
fn deciding(place: &Place<'_>, actor: &str) -> Vec<(&'static str, String, String)> {
    let uid = uid(place);
    let node = place.node("run/two");
    let report = text(&node["extensions"]["report"]["record"]);
    let commit = text(&place.get("execution/run")["status"]["extensions"]["pinned"]["commit"]);
    let actor = actor
        .replace(':', "%3A")
        .replace('@', "%40")
        .replace('.', "%2E");
    vec![
        (
            "report",
            format!("work/default/run/{uid}/one/1"),
            "kind: Report\nresult: succeeded\nnode: one\nattempt: 1".to_owned(),
        ),
        (
            "verification",
            format!("verifications/default/run/{uid}/two/1/{actor}"),
            format!(
                "kind: Verification\nnode: two\nattempt: 1\nreport: {report}\ncommit: {commit}\n\
                 results: [{{name: there, holds: true, ran: x}}]"
            ),
        ),
        (
            "attestation",
            format!("attestations/default/run/{uid}/fast/{actor}"),
            "kind: Attestation\ncriterion: fast\nmet: true".to_owned(),
        ),
        (
            "retry",
            format!("requests/default/run/{uid}/retry-x"),
            "kind: Request\nrequest: retry\nnode: two\nagain: true".to_owned(),
        ),
        (
            "cancel",
            format!("requests/default/run/{uid}/cancel-x"),
            "kind: Request\nrequest: cancel".to_owned(),
        ),
    ]
}

/// A run with a running task, one that waits for verification, and a goal with a criterion.
fn at_work<'a>(sandbox: &'a Sandbox, signers: &[(&str, &str)]) -> Place<'a> {
    let goal = resource(
        "Goal",
        "g",
        "description: d\nacceptanceCriteria: [{id: fast, description: d}]\n",
    );
    let nodes = [task("one"), checked("two")];
    sandbox.bare("origin.git");
    let ci = sandbox.clone_of("origin.git", "ci");
    let lines: String = signers
        .iter()
        .map(|(principals, name)| format!("{principals} {}\n", key(&ci, name)))
        .collect();
    let spec = "planRef: {name: p}\ngoalRef: {name: g}\n";
    let resources = [plan("p", &nodes), goal, resource("Execution", "run", spec)];
    ci.write(".planspec.yaml", config(ALL))
        .write(SIGNERS, lines)
        .publish("planspec/all.yaml", file(&resources));
    ci.run("reconcile").ok();
    let coder = who(sandbox, "coder", "coder");
    coder.run("claim run/two --as agent:coder").ok();
    coder
        .run("report run/two --as agent:coder --succeeded")
        .ok();
    coder.run("claim run/one --as agent:coder --reconcile").ok();
    ci.run("reconcile").ok();
    ci
}

#[test]
fn what_is_unsigned_or_signed_by_somebody_else_decides_nothing() {
    for (sign, expected) in [("", "Unsigned"), ("-S", "OtherSigner")] {
        let sandbox = Sandbox::new();
        let signers = [(CODER, "coder"), ("agent:eve", "eve"), (ANA, "ana")];
        let ci = at_work(&sandbox, &signers);
        let eve = who(&sandbox, "eve", "eve");
        for (number, (kind, name, says)) in deciding(&ci, ANA).into_iter().enumerate() {
            let actor = if kind == "report" { CODER } else { ANA };
            eve.writes_signed(&name, ("run", actor), &says, sign);
            ci.run("reconcile").ok();
            let refused = ci.unapplied("run");
            assert_eq!(refused.len(), number + 1, "{kind}: {refused:?}");
            assert_eq!(refused[number], expected, "{kind}");
        }
        assert_eq!(ci.phase("execution/run"), "Running");
        assert_eq!(
            ci.node("run/two")["extensions"]["reason"],
            "AwaitingVerification"
        );
        // The worker is accepted in the next attempt.
        assert_eq!(ci.node("run/one")["attempt"], 2);
        let coder = sandbox.place("coder");
        coder
            .run("report run/one --as agent:coder --succeeded --reconcile")
            .ok();
        assert_eq!(coder.node_phase("run/one"), "Succeeded");
        // The same with their own keys counts.
        let ana = who(&sandbox, "ana", "ana");
        ana.run("verify run/two --reconcile").ok();
        assert_eq!(ana.node_phase("run/two"), "Succeeded");
        ana.run("attest run fast --met --reconcile").ok();
        let said = ana.get("execution/run")["status"]["extensions"]["attestations"][0].clone();
        assert_eq!(said["signed"]["principal"], ANA);
    }
}

#[test]
fn a_retry_and_a_cancel_are_signed_and_say_by_whom() {
    let sandbox = Sandbox::new();
    let ci = at_work(&sandbox, &[(CODER, "coder"), (ANA, "ana")]);
    let ana = who(&sandbox, "ana", "ana");
    ana.run("retry run/two --again --reconcile").ok();
    let status = ana.get("execution/run")["status"].clone();
    assert_eq!(
        status["extensions"]["retriedBy"][0]["signed"]["principal"],
        ANA
    );
    ana.run("cancel run --reconcile").ok();
    let status = ana.get("execution/run")["status"].clone();
    assert_eq!(
        status["extensions"]["cancelledBy"]["signed"]["principal"],
        ANA
    );
    assert_eq!(ci.run("reconcile").ok().code, 0);
}

#[test]
fn whoever_did_the_work_neither_checks_nor_approves_it_under_another_name() {
    let sandbox = Sandbox::new();
    let people = "approvals:\n  requireSigned: true\n  preventWorkerApproval: true\n  \
                  users: {ana: [ana@example.com, ana@home.example]}\nverification: independent\n";
    // One key is listed for a program and for a person.
    let signers = [
        ("agent:coder,agent:other,coder@example.com", "coder"),
        ("dora@example.com,dan@example.com", "dora"),
        ("ana", "ana"),
    ];
    let nodes = [
        checked("one"),
        task("two").after("one"),
        gate_node("ok", "g").after("two"),
    ];
    let ci = signing(&sandbox, (people, &signers), (&nodes, &[gate("g", "p")]));
    let coder = who(&sandbox, "coder", "coder");
    coder.run("claim run/one --as agent:coder").ok();
    coder
        .run("report run/one --as agent:coder --succeeded --reconcile")
        .ok();
    for name in ["agent:coder", "agent://coder", "agent:other"] {
        let ran = coder.run(&format!("verify run/one --as {name}"));
        ran.exits(1).notes("somebody else must check it");
    }
    let ana = who(&sandbox, "ana", "ana");
    ana.run("verify run/one --reconcile").ok();
    let dora = who(&sandbox, "dora", "dora");
    dora.run("claim run/two --as dora@example.com").ok();
    dora.run("report run/two --as dora@example.com --succeeded --reconcile")
        .ok();
    for name in ["dora@example.com", "dan@example.com"] {
        dora.run(&format!("approve g --as {name}"))
            .exits(1)
            .notes("somebody else has to approve it");
    }
    // A key that is listed for a program cannot decide as a person.
    coder.git("fetch -q");
    coder
        .run("approve g --as coder@example.com")
        .exits(1)
        .notes("which is no person");
    ana.run("approve g --as ana@home.example --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    drop(ci);
}

#[test]
fn an_approval_falls_when_somebody_does_the_work_anew() {
    let sandbox = Sandbox::new();
    let signers = [(CODER, "coder"), ("agent:eve", "eve"), (ANA, "ana")];
    let nodes = [
        task("one"),
        gate_node("ok", "g").after("one"),
        task("two").after("ok"),
    ];
    let config = "approvals: {requireSigned: true}\n";
    signing(&sandbox, (config, &signers), (&nodes, &[gate("g", "p")]));
    let does = |place: &Place<'_>, actor: &str| {
        place.run(&format!("claim run/one --as {actor}")).ok();
        place
            .run(&format!(
                "report run/one --as {actor} --succeeded --reconcile"
            ))
            .ok();
    };
    does(&who(&sandbox, "coder", "coder"), CODER);
    let ana = who(&sandbox, "ana", "ana");
    ana.run("approve g --reconcile").ok();
    assert_eq!(ana.node_phase("run/ok"), "Succeeded");
    sandbox.minutes_pass(1);
    let eve = who(&sandbox, "eve", "eve");
    eve.run("retry run/one --again --as agent:eve --reconcile")
        .ok();
    does(&eve, "agent:eve");
    assert_eq!(eve.node_phase("run/ok"), "Blocked");
    let message = text(&eve.node("run/ok")["message"]);
    let why = "`one` was reported anew, earlier approvals do not count";
    assert!(message.contains(why), "{message}");
    ana.git("fetch -q");
    ana.run("approve g --reconcile").ok();
    assert_eq!(ana.node_phase("run/two"), "Pending");
}

#[test]
fn what_was_given_in_a_mirror_counts_there_alone() {
    let sandbox = Sandbox::new();
    let nodes = [gate_node("ok", "g"), task("one").after("ok")];
    let config = "approvals: {requireSigned: [reviews]}\n";
    let ci = signing(
        &sandbox,
        (config, &[(ANA, "ana")]),
        (&nodes, &[gate("g", "p")]),
    );
    // A mirror of the repository, which from then on has its own status.
    ci.git("clone -q --mirror ../origin.git ../mirror.git");
    let there = sandbox.clone_of("mirror.git", "there");
    sign_with(&there, "ana");
    there.run("comment g -m there --reconcile").ok();
    there.run("approve g").ok();
    let name = there
        .inbox()
        .into_iter()
        .find(|name| name.starts_with("reviews/"));
    let name = format!("refs/planspec/{}", name.unwrap());
    there.git(&format!("fetch -q origin {name}"));
    there.git(&format!("push -q ../origin.git FETCH_HEAD:{name}"));
    let ran = ci.run("reconcile").ok();
    ran.notes("names a status commit that this status does not have");
    assert_eq!(ci.node_phase("run/ok"), "Blocked");
    assert_eq!(ci.unapplied("run"), ["OtherStatus"]);
    // An approval for this status counts.
    let ana = who(&sandbox, "ana", "ana");
    ana.run("approve g --reconcile").ok();
    assert_eq!(ana.node_phase("run/ok"), "Succeeded");
}

#[test]
fn a_shallow_clone_finds_out_whether_a_record_is_for_this_status() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two")]);
    let early = sandbox.clone_of("origin.git", "early");
    early.run("claim run/two --as agent:early").ok();
    let ref_of_two = format!("refs/planspec/work/default/run/{}/two/1", uid(&ana));
    let claim = early.git(&format!("ls-remote origin {ref_of_two}"));
    let claim = claim.split('\t').next().unwrap().to_owned();
    early.git(&format!("fetch -q origin {ref_of_two}:refs/kept"));
    early.git(&format!("push -q origin :{ref_of_two}"));
    for _ in 0..3 {
        ana.run("claim run/one --as agent:a --reconcile").ok();
        ana.run("release run/one --as agent:a --reconcile").ok();
    }
    early.git(&format!("push -q origin {claim}:{ref_of_two}"));
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let shallow = sandbox.clone_with("--depth 1 --no-single-branch", &url, "shallow");
    shallow.run("reconcile").ok();
    assert_eq!(shallow.node_phase("run/two"), "Running");
    assert!(shallow.unapplied("run").is_empty());
}

#[test]
fn a_key_that_was_taken_from_the_list_counts_at_no_open_gate() {
    let sandbox = Sandbox::new();
    let wanted = crate::resources::gate_with("g", "p", "requiredApprovers: 2\n");
    let nodes = [gate_node("ok", "g"), task("one").after("ok")];
    let config = "approvals: {requireSigned: [reviews]}\n";
    let signers = [(ANA, "ana"), ("ben@example.com", "ben"), ("eva", "eva")];
    let ci = signing(&sandbox, (config, &signers), (&nodes, &[wanted]));
    who(&sandbox, "ana", "ana")
        .run("approve g --reconcile")
        .ok();
    let without = |who: &str| {
        ci.git("pull -q origin main");
        let lines = ci.read(SIGNERS);
        let rest = lines.lines().filter(|line| !line.starts_with(who));
        let rest: String = rest.map(|line| format!("{line}\n")).collect();
        ci.publish(SIGNERS, rest);
        ci.run("reconcile").ok();
    };
    without(ANA);
    let message = text(&ci.node("run/ok")["message"]);
    assert!(message.contains("0 of 2 approvals"), "{message}");
    assert!(
        message.contains("the key of ana@example.com any more"),
        "{message}"
    );
    who(&sandbox, "ben", "ben")
        .run("approve g --as ben@example.com --reconcile")
        .ok();
    assert_eq!(ci.node_phase("run/ok"), "Blocked");
    who(&sandbox, "eva", "eva")
        .run("approve g --as eva --reconcile")
        .ok();
    ci.git("fetch -q");
    assert_eq!(ci.node_phase("run/ok"), "Succeeded");
    // A decision is final.
    without("ben@example.com");
    ci.run("reconcile").ok();
    assert_eq!(ci.node_phase("run/ok"), "Succeeded");
}

#[test]
fn a_line_that_lets_anybody_speak_for_others_is_none() {
    for line in ["*", "*@example.com", "ana@example.com cert-authority"] {
        let sandbox = Sandbox::new();
        let nodes = [gate_node("ok", "g")];
        let config = "approvals: {requireSigned: [reviews]}\n";
        let signers = [(line, "ana"), ("ben@example.com", "ben")];
        let ci = signing(&sandbox, (config, &signers), (&nodes, &[gate("g", "p")]));
        let ana = who(&sandbox, "ana", "ana");
        ana.run("approve g").exits(1).notes("UnknownKey");
        ana.run("validate").says("PS235");
        // The other lines of the file count.
        who(&sandbox, "ben", "ben")
            .run("approve g --as ben@example.com --reconcile")
            .ok();
        ci.git("fetch -q");
        assert_eq!(ci.node_phase("run/ok"), "Succeeded", "{line}");
    }
}

#[test]
fn a_pull_request_that_changes_who_decides_is_seen() {
    let sandbox = Sandbox::new();
    let wanted = crate::resources::gate_with("g", "p", "reviewers: ['team:security']\n");
    let other = crate::resources::gate_with("h", "p", "reviewers: [ben@example.com]\n");
    let nodes = [gate_node("ok", "g"), gate_node("also", "h"), task("one")];
    let before = "approvals:\n  requireSigned: true\n  teams: {security: [ana@example.com]}\n";
    let ci = signing(
        &sandbox,
        (before, &[(ANA, "ana")]),
        (&nodes, &[wanted, other]),
    );
    ci.git("checkout -q -b sly");
    let eve = key(&ci, "eve");
    let signers = format!("{}eve@example.com {eve}\n", ci.read(SIGNERS));
    let after = "approvals:\n  teams: {security: [ana@example.com, eve@example.com]}\nrules: {PS407: off, PS233: off}\n";
    ci.write(SIGNERS, signers)
        .write(".planspec.yaml", config(after))
        .commit("Tidy up");
    let review = ci.run("review main...sly").ok();
    for said in [
        "Configuration",
        "! approvals.requireSigned: true → false",
        "`verifications`, `reports`, `requests`, `answers` count without a signature",
        "! approvals.teams.security: ana@example.com → ana@example.com, eve@example.com",
        "`eve@example.com` may decide as one of them",
        "counts for eve@example.com",
        "! rules.PS233: set to off",
        "now: default/run/ok waits for a decision at gate default/g",
        "now: default/run/also waits for a decision at gate default/h",
    ] {
        assert!(review.out.contains(said), "{said}: {review}");
    }
    let answer = ci.run("review main...sly -o json").answer("Review");
    assert_eq!(answer["configuration"].as_array().unwrap().len(), 5);
    assert_eq!(answer["concerned"].as_array().unwrap().len(), 2);
    assert_eq!(answer["dangers"], 5);
    let markdown = ci.run("review main...sly -o markdown").ok();
    markdown.says("### Configuration").says("⚠️ Plan review");
    // A change that switches the rule off is judged by the rules before it.
    ci.run("review main...sly -o sarif").ok().says("PS407");
    // A change of a team affects only the gates that name it.
    ci.git("checkout -q -b team main");
    let wider = before.replace("[ana@", "[dora@example.com, ana@");
    ci.write(".planspec.yaml", config(&wider)).commit("Dora");
    let answer = ci.run("review main...team -o json").answer("Review");
    let concerned = answer["concerned"].as_array().unwrap();
    assert_eq!(concerned.len(), 1, "{answer}");
    assert_eq!(concerned[0]["node"], "ok");
    // A changed key is reported as well, also a removed one.
    ci.git("checkout -q -b keys main");
    ci.write(SIGNERS, format!("ana@example.com {eve}\n"))
        .commit("Keys");
    let review = ci.run("review main...keys").ok();
    review
        .says("counts for ana@example.com")
        .says("no longer counts for ana@example.com")
        .never_says("nothing changes in the work");
}

#[test]
fn a_merge_moves_no_status() {
    let sandbox = Sandbox::new();
    let ci = sandbox.run_of("ci", &[task("one")]);
    ci.git("push -q origin main:elsewhere");
    sandbox.bare("fork.git");
    ci.git("remote add fork ../fork.git");
    ci.git("push -q fork main");
    let tip = ci.status_tip();
    let redirected = [
        (
            "status: {remote: origin, branch: sly}\n",
            "the status is on branch `planspec/status`",
        ),
        (
            "status: {remote: origin}\nspecBranch: elsewhere\n",
            "is about branch `main`",
        ),
        (
            "status: {remote: fork}\n",
            "remote `origin` has a status branch",
        ),
    ];
    for (text, said) in redirected {
        ci.publish(".planspec.yaml", text);
        ci.git("push -q -f fork main");
        ci.run("review HEAD~1..HEAD")
            .says("Configuration")
            .says("--initialize");
        let ran = ci.run("reconcile");
        assert!(ran.code != 0 && ran.err.contains(said), "{said}: {ran}");
        assert_eq!(ci.status_tip(), tip);
        assert_eq!(ci.git("ls-remote fork refs/heads/planspec/status"), "");
        ci.publish(".planspec.yaml", "status: {remote: origin}\n");
        ci.run("reconcile").ok();
    }
    // A mirror of the status is a copy, and continues only after `--initialize`.
    ci.git("fetch -q origin");
    let tip = ci.status_tip();
    ci.git(&format!(
        "push -q fork {tip}:refs/heads/planspec/status {tip}:refs/planspec/status"
    ));
    ci.write(".planspec.yaml", "status: {remote: fork}\n")
        .commit("Fork");
    ci.git("push -q -f fork main");
    ci.run("reconcile").exits(3).notes("this status is a copy");
    ci.run("reconcile --initialize").ok();
    ci.run("reconcile").ok().says("nothing to do");
    for name in ["HEAD", "-x", "refs/heads/x"] {
        ci.write(
            ".planspec.yaml",
            format!("status: {{remote: fork, branch: '{name}'}}\n"),
        );
        ci.run("validate").exits(1).says("of a");
    }
}

#[test]
fn what_leaves_the_paths_is_said_to_go_on_and_does() {
    let sandbox = Sandbox::new();
    let ci = sandbox.team_with("ci", &[plan("p", &[task("one")])]);
    let with = |value: &str| {
        crate::resources::execution_with("run", "p", &format!("parameters: {{to: {value}}}\n"))
    };
    ci.publish("planspec/run.yaml", with("staging"));
    ci.run("reconcile").ok();
    ci.publish(
        ".planspec.yaml",
        "status: {remote: origin}\npaths: [planspec/all.yaml]\n",
    );
    ci.run("review HEAD~1..HEAD")
        .says("leaves the configured paths")
        .says("continues unchanged")
        .never_says("cancel");
    ci.run("reconcile").ok();
    assert_eq!(ci.phase("execution/run"), "Running");
    ci.publish(".planspec.yaml", "status: {remote: origin}\n");
    ci.run("reconcile").ok();
    ci.write("planspec/run.yaml", with("production"));
    ci.git("commit -q --no-verify -am Edit");
    ci.push();
    ci.run("reconcile").ok();
    ci.run("describe execution run")
        .ok()
        .says("to=\"staging\"")
        .says("the file says \"production\" now");
    let described = ci.run("describe execution run -o json").ok().json();
    assert_eq!(described["run"]["heldTo"]["to"], "staging");
}
