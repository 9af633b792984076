//! A PlanSpec 1.2 document as a part of the page of its plan, with the sections of `planspec show`.

use std::cmp::Reverse;

use super::html::Html;
use super::node::what;
use super::parts::{cell, fact, fact_text, plain, prose, section, table, time};
use crate::core::document::{Content, Disposition, Reviewed};
use crate::show::document::{severity, severity_word, word};

/// The document after its intent. The plan shows its steps as nodes; here they are as written.
pub fn document(main: &mut Html, document: &Content) {
    approach(main, document);
    criteria(main, document);
    risks(main, document);
    delegation(main, document);
    findings(main, document);
    history(main, document);
}

/// The intent and the other fields at its head.
pub fn intent(main: &mut Html, document: &Content) {
    let (identity, intent) = (&document.identity, &document.intent);
    section(main, "intent", "Intent");
    main.raw("<dl class=\"facts\">\n");
    fact(main, "Goal", |main| prose(main, &intent.goal_statement));
    fact(main, "Why", |main| prose(main, &intent.motivation));
    fact(main, "Done when", |main| {
        prose(main, &intent.success_definition)
    });
    fact(main, "Where", |main| {
        prose(main, intent.scope_context.as_deref().unwrap_or_default())
    });
    fact(main, "Revision", |main| {
        main.text(&format!(
            "{} of {}, by {}, ",
            identity.revision, identity.session_id, identity.created_by
        ));
        time(main, identity.created_at);
    });
    main.raw("</dl></section>\n");
    scope(main, document);
}

fn list(main: &mut Html, title: &'static str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    main.element("h3", &[], title).raw("<ul>");
    for entry in entries {
        main.raw("<li>");
        if entry.trim().starts_with("path:") {
            main.element("code", &[], entry.trim());
        } else {
            main.text(entry);
        }
        main.raw("</li>");
    }
    main.raw("</ul>\n");
}

fn scope(main: &mut Html, document: &Content) {
    let scope = &document.scope;
    section(main, "scope", "Scope");
    list(main, "In", &scope.in_scope);
    list(main, "Out", &scope.out_of_scope);
    list(main, "Assumptions", &scope.assumptions);
    list(main, "Open questions", &scope.open_questions);
    main.raw("</section>\n");
}

fn approach(main: &mut Html, document: &Content) {
    let approach = &document.approach;
    section(main, "approach", "Approach");
    prose(main, &approach.overview);
    if !approach.rationale.trim().is_empty() {
        main.raw("<h3>Why this way</h3>");
        prose(main, &approach.rationale);
    }
    let others = approach.alternatives_considered.iter();
    let others = others.map(|one| vec![plain(&one.approach), plain(&one.rejection_reason)]);
    table(main, "Alternatives", &["Not chosen", "Why not"], others);
    let steps = approach.steps.iter().map(|step| {
        vec![
            plain(&step.step_id),
            cell(|cell| {
                cell.raw("<strong>").text(&step.title).raw("</strong>");
                prose(cell, &step.description);
                let fields = [
                    ("Why", &step.rationale),
                    ("From", &step.inputs),
                    ("To", &step.outputs),
                    ("Accepted when", &step.acceptance_criteria),
                ];
                for (what, text) in fields {
                    if let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty()) {
                        cell.raw("<div class=\"why\">").text(what).raw("</div>");
                        prose(cell, text);
                    }
                }
            }),
            plain(&step.dependencies.join(", ")),
            plain(&word(step.estimated_complexity)),
            plain(&word(step.delegation)),
        ]
    });
    table(
        main,
        "Steps as they were written",
        &["Step", "What", "After", "Size", "Who"],
        steps,
    );
    main.raw("</section>\n");
}

fn criteria(main: &mut Html, document: &Content) {
    section(main, "success", "Success criteria and constraints");
    let rows = document.success_criteria.iter().map(|one| {
        vec![
            plain(&one.criterion_id),
            plain(&one.description),
            plain(&one.verification.to_string()),
            plain(&one.weight.to_string()),
        ]
    });
    table(
        main,
        "Success criteria",
        &["Criterion", "What", "Checked", "Weight"],
        rows,
    );
    checks(main, document);
    let rows = document.constraints.iter().map(|one| {
        vec![
            plain(&one.constraint_id),
            plain(&one.description),
            plain(one.kind.word()),
            plain(&one.validation_method),
            plain(if one.blocking { "yes" } else { "" }),
        ]
    });
    let head = ["Constraint", "What", "Type", "Checked by", "Blocking"];
    table(main, "Constraints", &head, rows);
    let rows = document.dependencies.iter().map(|one| {
        vec![
            plain(&one.dependency_id),
            plain(&one.description),
            plain(one.kind.as_deref().unwrap_or_default()),
            plain(if one.available { "yes" } else { "no" }),
        ]
    });
    table(
        main,
        "Dependencies",
        &["Dependency", "What", "Type", "Available"],
        rows,
    );
    main.raw("</section>\n");
}

/// The checks of automated criteria.
fn checks(main: &mut Html, document: &Content) {
    let own = document.planspec.as_ref();
    let checks = own.into_iter().flat_map(|own| &own.checks);
    let checks = checks.flat_map(|(of, checks)| checks.iter().map(move |one| (of, one)));
    let rows = checks.map(|(criterion, check)| {
        vec![
            plain(criterion),
            plain(&check.name),
            cell(|cell| {
                if let Some(what) = what(check) {
                    cell.element("code", &[], &what);
                }
            }),
            plain(if check.required { "yes" } else { "" }),
        ]
    });
    let head = ["Criterion", "Check", "What it looks at", "Decides"];
    table(main, "Checks", &head, rows);
}

/// Who decides, and what to do when an assumption proves wrong.
fn delegation(main: &mut Html, document: &Content) {
    let delegation = &document.delegation;
    section(main, "delegation", "Delegation");
    main.raw("<dl class=\"facts\">\n");
    let default = word(delegation.default_mode);
    let default = if default.is_empty() {
        "not set"
    } else {
        &default
    };
    fact_text(main, "Default", default);
    if let Some(policy) = &delegation.escalation_policy {
        fact_text(
            main,
            "When something is ambiguous",
            &word(policy.on_ambiguity),
        );
        let violation = word(policy.on_constraint_violation);
        fact_text(main, "When a constraint is violated", &violation);
        fact_text(
            main,
            "When the scope is exceeded",
            &word(policy.on_unexpected_scope),
        );
    }
    main.raw("</dl>\n");
    let rows = delegation.step_overrides.iter().map(|one| {
        vec![
            plain(&one.step_id),
            plain(&one.mode.to_string()),
            plain(one.rationale.as_deref().unwrap_or_default()),
        ]
    });
    table(
        main,
        "Steps with their own mode",
        &["Step", "Mode", "Why"],
        rows,
    );
    main.raw("</section>\n");
}

/// The risks, worst first.
fn risks(main: &mut Html, document: &Content) {
    if document.risks.is_empty() {
        return;
    }
    section(main, "risks", "Risks");
    let mut risks: Vec<_> = document.risks.iter().collect();
    risks.sort_by_key(|risk| Reverse(severity(risk)));
    let rows = risks.into_iter().map(|risk| {
        vec![
            plain(&format!("{} {}", risk.risk_id, risk.title)),
            plain(severity_word(risk)),
            plain(&risk.description),
            plain(risk.mitigation.as_deref().unwrap_or_default()),
            plain(risk.contingency.as_deref().unwrap_or_default()),
            plain(&word(risk.owner)),
        ]
    });
    let head = [
        "Risk",
        "Severity",
        "What",
        "Mitigation",
        "If it happens",
        "Owner",
    ];
    table(main, "Risks, worst first", &head, rows);
    main.raw("</section>\n");
}

/// The findings of reviewers, open ones first.
fn findings(main: &mut Html, document: &Content) {
    let mut found = document.review_findings();
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|one| (!one.finding.is_open(), one.finding.severity));
    section(main, "reviewed", "Findings of reviewers");
    let rows = found.iter().map(|Reviewed { finding, .. }| {
        let state = finding.disposition.unwrap_or(Disposition::Open).to_string();
        vec![
            plain(&finding.id),
            plain(&state),
            plain(&finding.severity.to_string()),
            plain(&finding.text),
            plain(&finding.reviewer),
            plain(finding.answer.as_deref().unwrap_or_default()),
        ]
    });
    let head = ["Finding", "State", "Severity", "What", "By", "Answer"];
    table(main, "What reviewers found", &head, rows);
    main.raw("</section>\n");
}

fn history(main: &mut Html, document: &Content) {
    if document.revision_history.is_empty() {
        return;
    }
    section(main, "history", "History in the document");
    let rows = document.revision_history.iter().map(|one| {
        vec![
            plain(&one.revision.to_string()),
            plain(&one.change_type.to_string()),
            cell(|cell| time(cell, one.created_at)),
            plain(&one.change_summary),
        ]
    });
    table(
        main,
        "Revisions of the document",
        &["Revision", "Change", "When", "Summary"],
        rows,
    );
    main.raw("</section>\n");
}
