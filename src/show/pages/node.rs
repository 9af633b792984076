//! A node of a run; for a gate, what an approval covers.

use super::html::Html;
use super::parts::{
    cell, context, crumbs, fact, fact_code, fact_text, fact_time, link, phase, plain, prose,
    section, sums, table, time, value, web,
};
use super::{Links, commands};
use crate::api::board::{Covers, GateFacts, LogTail, Neighbour, NodePage, PageName};
use crate::api::describe::Check;
use crate::core::base::digest::short;
use crate::core::resource::{
    ExternalRef, GateType, Node, Outcome, PinnedTarget, Question, TaskCriterion,
};

/// A node: the task, who does it, its results, and what anybody can do.
pub fn node(main: &mut Html, links: &Links<'_>, page: &NodePage) -> String {
    let (of, node) = (&page.of, &page.node);
    let run = PageName::Run(of.clone());
    crumbs(
        main,
        links,
        &[
            ("Board", Some(PageName::Home)),
            ("Runs", Some(PageName::Runs)),
            (&of.namespace, None),
            (&of.name, Some(run)),
            (&node.id, None),
        ],
    );
    main.raw("<h1>").text(&node.id).raw(" ");
    phase(main, &page.status.phase.to_string());
    main.raw("</h1>\n");
    let name = node.name.iter().filter(|name| **name != node.id);
    for name in name {
        main.element("p", &[("class", "lead".into())], name);
    }
    facts(main, page);
    waits(main, page);
    if let Some(gate) = &page.gate {
        decided(main, links, gate);
    }
    instructions(main, node);
    inputs(main, page);
    criteria(main, page);
    report(main, page);
    questions(main, &page.status.extensions.questions);
    if let Some(log) = &page.log {
        tail(main, log, page);
    }
    neighbours(main, links, page);
    format!("{} · {}", node.id, of.name)
}

fn facts(main: &mut Html, page: &NodePage) {
    let (node, status) = (&page.node, &page.status);
    main.raw("<dl class=\"facts\">\n");
    fact_text(main, "Kind", &node.kind.to_string());
    fact_text(main, "Step", node.step_id().unwrap_or_default());
    people(main, page);
    let attempt = match status.attempt {
        0 => String::new(),
        attempt => {
            let most = node.retries.saturating_add(1).max(attempt);
            format!("{attempt} of at most {most}")
        }
    };
    fact_text(main, "Attempt", &attempt);
    let failures = match status.extensions.failures {
        0 => String::new(),
        failures => failures.to_string(),
    };
    fact_text(main, "Failed attempts", &failures);
    fact_time(main, "Started", status.start_time);
    fact_time(main, "Ended", status.completion_time);
    fact(main, "Took", |main| {
        if let Some(told) = page.sums.map(sums).filter(|told| !told.is_empty()) {
            main.text(&told.join(", "));
            if page.is_critical {
                main.raw(" <span class=\"tag\">critical</span>");
            }
        }
    });
    let timeout = node.timeout.as_ref().map(ToString::to_string);
    fact_text(main, "Timeout", &timeout.unwrap_or_default());
    let effort = node
        .estimated_effort
        .map(|effort| serde_json::json!(effort));
    let effort = effort.as_ref().and_then(serde_json::Value::as_str);
    fact_text(main, "Effort", effort.unwrap_or_default());
    fact_code(main, "Only when", node.when.as_deref());
    main.raw("</dl>\n");
    if !status.message.is_empty() {
        main.element("p", &[], &status.message);
    }
}

/// The provider and the holder.
fn people(main: &mut Html, page: &NodePage) {
    let extensions = &page.status.extensions;
    fact(main, "Done by", |main| {
        if let Some(target) = &extensions.target {
            main.text(target.provider.as_deref().unwrap_or("anybody"));
            if let Some(binding) = &target.binding {
                let why = format!("as binding {binding} says");
                main.raw(" ")
                    .element("span", &[("class", "why".into())], &why);
            }
        }
    });
    fact(main, "Held by", |main| {
        if let Some(claim) = &extensions.claim {
            main.text(&claim.actor);
            if let Some(expires) = claim.expires {
                main.raw(", lease until ");
                time(main, expires);
            }
        }
    });
}

fn waits(main: &mut Html, page: &NodePage) {
    if page.waiting.is_none() && page.commands.is_empty() {
        return;
    }
    let title = match page.waiting {
        Some(_) => "What it waits for",
        None => "Next steps",
    };
    section(main, "waits", title);
    if let Some(wait) = &page.waiting {
        main.raw("<p>").text(&super::parts::for_what(&wait.what));
        if let Some(since) = wait.since {
            main.raw(", since ");
            time(main, since);
        }
        main.raw("</p>\n");
    }
    commands(main, &page.commands);
    main.raw("</section>\n");
}

fn instructions(main: &mut Html, node: &Node) {
    let is_told =
        node.description.is_some() || !node.context.is_empty() || node.external_ref.is_some();
    if !is_told {
        return;
    }
    section(main, "instructions", "Instructions");
    if let Some(text) = &node.description {
        prose(main, text);
    }
    match &node.external_ref {
        Some(ExternalRef::Uri { uri: address })
        | Some(ExternalRef::Webhook {
            webhook_url: address,
        }) => {
            main.raw("<p>Outside: ");
            web(main, address);
            main.raw("</p>");
        }
        Some(ExternalRef::Resource { resource_ref }) => {
            main.element(
                "p",
                &[],
                &format!("Follows {} {}", resource_ref.kind, resource_ref.name),
            );
        }
        None => {}
    }
    context(main, &node.context);
    main.raw("</section>\n");
}

fn inputs(main: &mut Html, page: &NodePage) {
    let (node, status) = (&page.node, &page.status);
    let inputs = status.inputs(node);
    if !inputs.is_empty() {
        section(main, "inputs", "Inputs");
        let rows = inputs
            .iter()
            .map(|(name, given)| vec![plain(name), cell(|cell| value(cell, given))]);
        table(main, "Inputs of the node", &["Input", "Value"], rows);
        main.raw("</section>\n");
    }
    if node.outputs.is_empty() && status.outputs.is_empty() {
        return;
    }
    section(main, "outputs", "Outputs");
    let wanted = node.outputs.iter().map(|output| &output.name);
    let others = status
        .outputs
        .keys()
        .filter(|name| node.outputs.iter().all(|output| output.name != **name));
    let rows = wanted.chain(others).map(|name| {
        vec![
            plain(name),
            cell(|cell| match status.outputs.get(name) {
                Some(given) => value(cell, given),
                None => {
                    cell.raw("<span class=\"why\">not brought yet</span>");
                }
            }),
        ]
    });
    table(main, "Outputs of the node", &["Output", "Value"], rows);
    main.raw("</section>\n");
}

/// The acceptance criteria, each with the command that was run and its output.
fn criteria(main: &mut Html, page: &NodePage) {
    let checks = page
        .acceptance
        .as_ref()
        .map(|one| one.checks.as_slice())
        .unwrap_or_default();
    let all = &page.node.acceptance_criteria;
    if checks.is_empty() && all.is_empty() {
        return;
    }
    section(main, "criteria", "Acceptance criteria");
    if let Some(acceptance) = &page.acceptance {
        match (&acceptance.actor, acceptance.time) {
            (Some(actor), Some(at)) => {
                main.raw("<p>Checked by ").text(actor).raw(", ");
                time(main, at);
                main.raw("</p>");
            }
            _ => {
                main.raw("<p>Nobody has checked them yet.</p>");
            }
        }
    }
    if checks.is_empty() {
        for one in all {
            let check = Check {
                name: one.name.clone(),
                required: Some(one.required),
                result: None,
            };
            criterion(main, &check, Some(one));
        }
    }
    for check in checks {
        criterion(main, check, all.iter().find(|one| one.name == check.name));
    }
    main.raw("</section>\n");
}

fn criterion(main: &mut Html, check: &Check, written: Option<&TaskCriterion>) {
    let result = check.result.as_ref();
    main.raw("<div class=\"criterion\"><h3>")
        .text(&check.name)
        .raw(" ");
    match result.map(|result| result.holds) {
        Some(true) => main.raw("<span class=\"phase succeeded\">holds</span>"),
        Some(false) => main.raw("<span class=\"phase failed\">does not hold</span>"),
        None => main.raw("<span class=\"phase pending\">not checked</span>"),
    };
    if check.required == Some(false) {
        main.raw(" <span class=\"tag\">optional</span>");
    }
    main.raw("</h3>");
    if let Some(text) = written.and_then(|one| one.description.as_deref()) {
        prose(main, text);
    }
    let looks_at = written.and_then(what);
    let ran = result
        .map(|result| result.ran.clone())
        .filter(|ran| !ran.is_empty());
    if let Some(ran) = ran.or(looks_at) {
        main.raw("<p><code>").text(&ran).raw("</code>");
        if let Some(result) = result {
            let (whole, tenths) = (result.duration_ms / 1000, result.duration_ms % 1000 / 100);
            main.text(&format!(" in {whole}.{tenths}s"));
        }
        main.raw("</p>");
    }
    if let Some(excerpt) = result
        .map(|result| &result.excerpt)
        .filter(|text| !text.is_empty())
    {
        main.raw("<pre tabindex=\"0\">")
            .lines(excerpt)
            .raw("</pre>");
    }
    main.raw("</div>\n");
}

/// What a criterion runs, asks or looks at.
pub fn what(one: &TaskCriterion) -> Option<String> {
    let first = [&one.command, &one.path, &one.url, &one.webhook_url];
    let first = first.into_iter().flatten().next()?;
    let args = one.args.iter().flatten();
    Some(
        std::iter::once(first)
            .chain(args)
            .cloned()
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// Who reported, and the results of the attempts.
fn report(main: &mut Html, page: &NodePage) {
    let report = page.status.extensions.report.as_ref();
    if report.is_none() && page.artifacts.is_empty() {
        return;
    }
    section(main, "report", "Report");
    if let Some(report) = report {
        main.raw("<dl class=\"facts\">");
        fact(main, "By", |main| {
            main.text(&report.actor);
        });
        fact(main, "When", |main| {
            report.timestamp.into_iter().for_each(|at| time(main, at))
        });
        fact(main, "Commit", |main| {
            report.commit.iter().for_each(|commit| {
                main.element("code", &[("title", commit.into())], short(commit));
            })
        });
        fact(main, "Record", |main| {
            main.element(
                "code",
                &[("title", (&report.record).into())],
                short(&report.record),
            );
        });
        fact(main, "Signed by", |main| {
            report.signed.iter().for_each(|signed| {
                main.text(&signed.principal);
            })
        });
        fact(main, "Note", |main| {
            if report.done_before {
                main.raw("done before the run");
            }
        });
        main.raw("</dl>\n");
    }
    let rows = page.artifacts.iter().map(|one| {
        vec![
            plain(&one.name),
            plain(
                &one.attempt
                    .map_or(String::new(), |attempt| attempt.to_string()),
            ),
            cell(|cell| web(cell, &one.place)),
            cell(|cell| {
                one.commit.iter().for_each(|commit| {
                    cell.element("code", &[("title", commit.into())], short(commit));
                })
            }),
            plain(
                &one.size
                    .map_or(String::new(), |size| format!("{size} bytes")),
            ),
        ]
    });
    table(
        main,
        "Outputs of its attempts",
        &["Artifact", "Attempt", "Where", "Commit", "Size"],
        rows,
    );
    main.raw("</section>\n");
}

fn questions(main: &mut Html, questions: &[Question]) {
    if questions.is_empty() {
        return;
    }
    section(main, "questions", "Questions");
    for one in questions {
        main.raw("<div class=\"criterion\"><p><strong>")
            .text(&one.actor);
        main.raw("</strong>, ");
        time(main, one.timestamp);
        main.text(&format!(", attempt {}", one.attempt)).raw("</p>");
        prose(main, &one.question);
        match &one.answer {
            Some(answer) => {
                main.raw("<p><strong>")
                    .text(&answer.actor)
                    .raw("</strong> answered, ");
                time(main, answer.timestamp);
                main.raw("</p>");
                prose(main, &answer.answer);
            }
            None => {
                main.raw("<p class=\"why\">Nobody has answered.</p>");
            }
        }
        main.raw("</div>\n");
    }
    main.raw("</section>\n");
}

fn tail(main: &mut Html, log: &LogTail, page: &NodePage) {
    section(main, "log", "Output of its command");
    let end = if log.is_cut { "the end of " } else { "" };
    main.element(
        "p",
        &[],
        &format!("This is {end}the log of attempt {}.", log.attempt),
    );
    main.raw("<pre tabindex=\"0\">")
        .lines(&log.text)
        .raw("</pre>");
    let of = &page.of;
    let all = format!(
        "planspec logs {}/{} -n {}",
        of.name, page.node.id, of.namespace
    );
    commands(main, &[all]);
    main.raw("</section>\n");
}

fn neighbours(main: &mut Html, links: &Links<'_>, page: &NodePage) {
    if page.before.is_empty() && page.behind.is_empty() {
        return;
    }
    section(main, "neighbours", "Before and after");
    let row = |place: &str, one: &Neighbour| {
        let node = PageName::Node(page.of.clone(), one.id.clone());
        vec![
            cell(|cell| link(cell, links, &node, &one.id)),
            plain(place),
            cell(|cell| phase(cell, &one.phase)),
        ]
    };
    let before = page.before.iter().map(|one| {
        let soft = "must end first";
        row(if one.is_soft { soft } else { "comes before" }, one)
    });
    let behind = page.behind.iter().map(|one| row("waits for this", one));
    table(
        main,
        "Its neighbours in the graph",
        &["Node", "How", "State"],
        before.chain(behind),
    );
    main.raw("</section>\n");
}

/// What a gate asks, what an approval covers, and the reviews.
fn decided(main: &mut Html, links: &Links<'_>, gate: &GateFacts) {
    section(main, "gate", "The decision");
    let spec = gate.spec.as_ref();
    if let Some(text) = spec.and_then(|spec| spec.description.as_ref()) {
        prose(main, text);
    }
    main.raw("<dl class=\"facts\">\n");
    fact(main, "Gate", |main| {
        main.text(&gate.gate);
    });
    if let Some(spec) = &gate.spec {
        fact(main, "Asks for", |main| {
            let kind = match spec.gate_type {
                GateType::Approval => "an approval",
                GateType::Review => "a review",
                GateType::SignOff => "a sign-off",
            };
            main.text(kind);
            if spec.required_approvers > 1 {
                main.text(&format!(" of {} people", spec.required_approvers));
            }
        });
        fact(main, "Reviewers", |main| {
            if spec.reviewers.is_empty() {
                main.raw("any person");
            } else {
                main.text(&spec.reviewers.join(", "));
            }
        });
    }
    let decision = gate.decision.as_ref();
    let outcome = decision.and_then(|decision| decision.outcome);
    fact(main, "Who may still decide", |main| {
        if decision.is_some() && outcome.is_none() && !gate.reviewers.is_empty() {
            main.text(&gate.reviewers.join(", "));
        }
    });
    fact(main, "Outcome", |main| match outcome {
        Some(Outcome::Approved) => phase(main, "Approved"),
        Some(Outcome::Rejected) => phase(main, "Rejected"),
        None => {}
    });
    fact(main, "Decided", |main| {
        decision
            .and_then(|decision| decision.decided)
            .into_iter()
            .for_each(|at| time(main, at));
    });
    fact(main, "Digest", |main| {
        if let Some(decision) = decision {
            main.open("code", &[("class", "break".into())])
                .text(&decision.digest)
                .raw("</code>");
        }
    });
    main.raw("</dl>\n");
    since_approval(main, gate);
    match &gate.covers {
        Some(covers) => covered(main, covers),
        None if decision.is_some() => {
            main.raw("<p class=\"note\">The pinned plan of the run is not in this clone, so what the digest covers cannot be shown.</p>");
        }
        None => {
            main.raw("<p class=\"note\">It is not its turn yet: what a decision will be about follows from what is done before it.</p>");
        }
    }
    said(main, gate);
    if let Some(actor) = links.decides_as {
        decide(main, gate, actor);
    }
    main.raw("</section>\n");
}

/// The decision buttons. The form sends the digest that the page shows, so that no other content is decided.
fn decide(main: &mut Html, gate: &GateFacts, actor: &str) {
    let open = gate.decision.as_ref().filter(|one| one.outcome.is_none());
    let is_whole = gate.covers.as_ref().is_some_and(|covers| covers.is_whole);
    let Some(decision) = open.filter(|_| is_whole) else {
        return;
    };
    main.raw("<h3>Decide</h3>\n");
    if !gate.reviewers.is_empty() && !gate.reviewers.iter().any(|one| one == actor) {
        main.open("p", &[("class", "note".into())]);
        main.text(&format!("{actor} is not among those who may decide here."));
        main.raw("</p>\n");
        return;
    }
    main.raw("<form class=\"decide\" method=\"post\">\n");
    for (name, value) in [("gate", &gate.gate), ("digest", &decision.digest)] {
        let attributes = [
            ("type", "hidden".into()),
            ("name", name.into()),
            ("value", value.into()),
        ];
        main.open("input", &attributes);
    }
    main.raw("\n<p>You decide as ")
        .text(actor)
        .raw(", about exactly the content above.</p>\n");
    main.raw("<label for=\"decide-message\">Why</label>\n");
    main.raw("<textarea id=\"decide-message\" name=\"message\" rows=\"3\" maxlength=\"10000\"></textarea>\n<p>");
    for (word, label) in [
        ("approve", "Approve"),
        ("reject", "Reject"),
        ("comment", "Comment"),
    ] {
        let attributes = [
            ("type", "submit".into()),
            ("name", "decision".into()),
            ("value", word.into()),
        ];
        main.element("button", &attributes, label).raw(" ");
    }
    main.raw("</p>\n</form>\n");
}

fn since_approval(main: &mut Html, gate: &GateFacts) {
    let Some(since) = &gate.since_approval else {
        return;
    };
    main.raw("<h3>Since the last approval</h3><p>")
        .text(&since.reviewer)
        .raw(" approved ");
    time(main, since.time);
    main.raw(", and that counts no longer. What is another since:</p>");
    match &since.changes {
        Some(changes) => {
            main.raw("<ul>");
            for change in changes {
                main.element("li", &[], change);
            }
            main.raw("</ul>\n");
        }
        None => {
            main.raw(
                "<p class=\"note\">What was approved is not in the history of this clone.</p>",
            );
        }
    }
}

/// The content that a digest covers.
fn covered(main: &mut Html, covers: &Covers) {
    main.raw("<h3>What an approval is about</h3>");
    if !covers.is_whole {
        main.raw(
            "<p class=\"alarm\">The digest does not match the content here: reconcile first.</p>",
        );
    }
    let digest = |main: &mut Html, digest: &str| {
        main.open("code", &[("class", "break".into())])
            .text(digest)
            .raw("</code>");
    };
    main.raw("<dl class=\"facts\">\n");
    fact(main, "Plan", |main| {
        let pin = &covers.plan;
        main.text(&format!(
            "{}/{}, {} at commit ",
            pin.namespace, pin.name, pin.path
        ));
        main.element("code", &[], short(&covers.commit)).raw("<br>");
        digest(main, &pin.digest);
    });
    fact(main, "Gate", |main| {
        if let Some(pin) = &covers.gate {
            main.text(&format!("{}/{}, {}", pin.namespace, pin.name, pin.path))
                .raw("<br>");
            digest(main, &pin.digest);
        }
    });
    fact(main, "Asked again", |main| {
        if covers.round > 0 {
            main.text(&covers.round.to_string());
        }
    });
    main.raw("</dl>\n");
    let provider = |target: &Option<PinnedTarget>| {
        let provider = target.as_ref().and_then(|target| target.provider.clone());
        provider.unwrap_or_else(|| "anybody".to_owned())
    };
    let rows = covers.targets.iter().map(|(node, target)| {
        let config = target.as_ref().and_then(|target| target.config.as_ref());
        vec![
            plain(node),
            plain(&provider(target)),
            cell(|cell| config.into_iter().for_each(|config| value(cell, config))),
        ]
    });
    table(
        main,
        "Providers of the nodes after the gate",
        &["Node", "Done by", "Is told"],
        rows,
    );
    let rows = covers.reports.iter().map(|(node, report)| {
        vec![
            plain(node),
            plain(&report.actor),
            cell(|cell| {
                report.commit.iter().for_each(|commit| {
                    cell.element("code", &[("title", commit.into())], short(commit));
                })
            }),
            cell(|cell| {
                for (name, given) in &report.outputs {
                    cell.raw("<div>").text(name).raw(": ");
                    value(cell, given);
                    cell.raw("</div>");
                }
            }),
            cell(|cell| {
                cell.element(
                    "code",
                    &[("title", (&report.record).into())],
                    short(&report.record),
                );
            }),
        ]
    });
    let head = ["Node", "Reported by", "Commit", "Outputs", "Record"];
    table(main, "Reports before the gate", &head, rows);
}

/// The reviews.
fn said(main: &mut Html, gate: &GateFacts) {
    let Some(decision) = &gate.decision else {
        return;
    };
    if decision.reviews.is_empty() {
        main.raw("<p>Nobody has said anything yet.</p>");
        return;
    }
    let rows = decision.reviews.iter().map(|review| {
        let stale = if review.digest == decision.digest {
            ""
        } else {
            " (for something else)"
        };
        vec![
            plain(&review.reviewer),
            plain(&format!("{}{stale}", review.action)),
            cell(|cell| time(cell, review.timestamp)),
            plain(review.comment.as_deref().unwrap_or_default()),
            cell(|cell| {
                if let Some(signed) = &review.signed {
                    let is_checked = gate.checked.contains(&review.record);
                    let how = if is_checked {
                        ""
                    } else {
                        ", as the status says"
                    };
                    cell.text(&format!("{}{how}", signed.principal));
                }
            }),
        ]
    });
    table(
        main,
        "Reviews so far",
        &["Who", "What", "When", "Why", "Signed by"],
        rows,
    );
}
