//! A PlanSpec 1.2 document as Markdown, for reading in a pull request.

use std::cmp::Reverse;
use std::fmt::Write;

use crate::core::base::escape;
use crate::core::document::{
    Content, Degree, Disposition, Document, Generated, Mode, Reviewed, Risk, Step,
};
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::Spec;
use crate::core::review::revise::PREVIOUS_SESSION;
use crate::show::graph::{self, GraphView};
use crate::show::review::markdown::{code, text};

/// The document with the graph that it stands for.
pub fn markdown(document: &Document, generated: &Generated) -> String {
    let mut page = DocumentPage {
        out: String::new(),
        document,
        value: document.value(),
    };
    page.head();
    page.intent();
    page.scope();
    page.approach();
    page.graph(generated);
    page.steps();
    page.lists();
    page.delegation();
    page.findings();
    page.history();
    format!("{}\n", page.out.trim_end())
}

struct DocumentPage<'a> {
    out: String,
    document: &'a Content,
    value: &'a serde_json::Value,
}

impl DocumentPage<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    /// One empty line before what comes next.
    fn gap(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn section(&mut self, title: &str) {
        self.gap();
        self.line(format!("## {title}\n"));
    }

    /// A paragraph after a bold word, unless the text is empty.
    fn said(&mut self, what: &str, text: &str) {
        if !text.trim().is_empty() {
            self.line(format!("**{what}:** {}\n", prose(text)));
        }
    }

    fn list(&mut self, title: &str, entries: &[String], shown: fn(&str) -> String) {
        if entries.is_empty() {
            return;
        }
        self.line(format!("**{title}:**\n"));
        for one in entries {
            self.line(format!("- {}", shown(one)));
        }
        self.line("");
    }

    /// Cells are Markdown already.
    fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        self.line(format!("| {} |", header.join(" | ")));
        self.line(format!("|{}", "---|".repeat(header.len())));
        for row in rows {
            self.line(format!("| {} |", row.join(" | ")));
        }
    }

    fn head(&mut self) {
        let document = self.document;
        let identity = &document.identity;
        self.line(format!("# {}\n", cell(&document.intent.goal_statement)));
        let created = identity.created_at.format("%Y-%m-%d");
        self.line(format!(
            "Revision {} of {}, by {} on {created}",
            identity.revision,
            id(&identity.session_id),
            name(&identity.created_by)
        ));
        let before = self.value.get(PREVIOUS_SESSION);
        let session = before.and_then(|before| before.get("session_id")?.as_str());
        if let Some(session) = session {
            let revision = before.and_then(|before| before.get("revision")?.as_u64());
            let revision = revision.map_or(String::new(), |number| format!(", revision {number}"));
            self.line(format!("\nContinues session {}{revision}", id(session)));
        }
        let waits: Vec<String> = self.document.unready();
        if !waits.is_empty() {
            self.line("\n> **Not ready:** it cannot be executed yet.");
            self.line(">");
            for why in waits {
                self.line(format!("> - {}", cell(&why)));
            }
        }
    }

    fn intent(&mut self) {
        let intent = &self.document.intent;
        self.section("Intent");
        self.said("Why", &intent.motivation);
        self.said("Done when", &intent.success_definition);
        self.said("Where", intent.scope_context.as_deref().unwrap_or_default());
    }

    fn scope(&mut self) {
        let scope = &self.document.scope;
        self.section("Scope");
        self.list("In", &scope.in_scope, entry);
        self.list("Out", &scope.out_of_scope, entry);
        self.list("Assumptions", &scope.assumptions, cell);
        self.list("Open questions", &scope.open_questions, cell);
    }

    fn approach(&mut self) {
        let approach = &self.document.approach;
        self.section("Approach");
        self.line(format!("{}\n", prose(&approach.overview)));
        self.said("Why this way", &approach.rationale);
        if !approach.alternatives_considered.is_empty() {
            let rows = approach.alternatives_considered.iter();
            let rows = rows.map(|one| vec![cell(&one.approach), cell(&one.rejection_reason)]);
            self.table(&["Not chosen", "Why not"], rows.collect());
        }
    }

    fn graph(&mut self, generated: &Generated) {
        let plan = generated.resources.iter().find_map(|one| match &one.spec {
            Spec::Plan(plan) => Some(plan),
            _ => None,
        });
        let Some(spec) = plan.map(|plan| &plan.graph) else {
            return;
        };
        if let Ok(graph) = Graph::build(spec) {
            let drawn = graph::mermaid(GraphView {
                of: GraphOf {
                    graph: &graph,
                    spec,
                },
                nodes: None,
            });
            self.section("Graph");
            self.line(format!("```mermaid\n{}\n```", drawn.trim_end()));
        }
    }

    fn steps(&mut self) {
        let document = self.document;
        let steps = &document.approach.steps;
        self.section("Steps");
        let modes = document.modes();
        let rows = steps.iter().zip(&modes).map(|(step, mode)| {
            vec![
                id(&step.step_id),
                cell(&step.title),
                text(&step.dependencies.join(", ")),
                word(step.estimated_complexity),
                word(step.delegation),
                match mode {
                    Mode::HumanApproval => "yes".to_owned(),
                    Mode::AgentAutonomous => String::new(),
                },
            ]
        });
        let header = ["Step", "Title", "After", "Size", "Who", "Approval"];
        self.table(&header, rows.collect());
        for step in steps {
            self.gap();
            self.line(format!("### {} {}\n", id(&step.step_id), cell(&step.title)));
            self.line(format!("{}\n", prose(&step.description)));
            let fields = [
                ("Why", &step.rationale),
                ("From", &step.inputs),
                ("To", &step.outputs),
                ("Accepted when", &step.acceptance_criteria),
            ];
            for (what, text) in fields {
                self.said(what, text.as_deref().unwrap_or_default());
            }
            self.extension(step);
        }
        let own = document.planspec.as_ref();
        let edges = own.into_iter().flat_map(|own| &own.edges);
        let edges: Vec<String> = edges
            .map(|edge| format!("{} before {}", id(&edge.from), id(&edge.to)))
            .collect();
        self.gap();
        self.list("However it ends", &edges, str::to_owned);
    }

    /// What `x-planspec` adds to a step.
    fn extension(&mut self, step: &Step) {
        let fields = step.planspec.iter().flatten();
        let added: Vec<String> = fields
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| match value.as_str() {
                Some(text) => format!("{field}: {}", id(text)),
                None => format!("{field}: {}", id(&value.to_string())),
            })
            .collect();
        self.list("Other settings (`x-planspec`)", &added, str::to_owned);
    }

    fn lists(&mut self) {
        let document = self.document;
        if !document.constraints.is_empty() {
            self.section("Constraints");
            let rows = document.constraints.iter().map(|one| {
                vec![
                    id(&one.constraint_id),
                    one.kind.word().to_owned(),
                    cell(&one.description),
                    cell(&one.validation_method),
                    if one.blocking { "yes" } else { "" }.to_owned(),
                ]
            });
            let header = ["Constraint", "Type", "What", "Checked by", "Blocking"];
            self.table(&header, rows.collect());
        }
        self.section("Success criteria");
        let rows = document.success_criteria.iter().map(|one| {
            vec![
                id(&one.criterion_id),
                cell(&one.description),
                one.verification.to_string(),
                one.weight.to_string(),
            ]
        });
        self.table(&["Criterion", "What", "Checked", "Weight"], rows.collect());
        self.checks();
        self.risks();
        if !document.dependencies.is_empty() {
            self.section("Dependencies");
            let rows = document.dependencies.iter().map(|one| {
                vec![
                    id(&one.dependency_id),
                    text(one.kind.as_deref().unwrap_or_default()),
                    cell(&one.description),
                    if one.available { "yes" } else { "**no**" }.to_owned(),
                ]
            });
            self.table(&["Dependency", "Type", "What", "Available"], rows.collect());
        }
    }

    /// The checks of automated criteria.
    fn checks(&mut self) {
        let own = self.document.planspec.as_ref();
        let checks = own.into_iter().flat_map(|own| &own.checks);
        let checks = checks.flat_map(|(of, checks)| checks.iter().map(move |one| (of, one)));
        let rows = checks.map(|(criterion, check)| {
            let looks_at = [&check.command, &check.path, &check.url, &check.webhook_url];
            let what = looks_at.into_iter().flatten().next().map(String::as_str);
            let args = check.args.iter().flatten().map(String::as_str);
            let words: Vec<&str> = what.into_iter().chain(args).collect();
            let kind = serde_json::json!(check.kind);
            vec![
                id(criterion),
                text(&check.name),
                kind.as_str().unwrap_or_default().replace('_', " "),
                id(&words.join(" ")),
                if check.required { "yes" } else { "" }.to_owned(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            self.section("Checks");
            self.table(&["Criterion", "Check", "Type", "What", "Decides"], rows);
        }
    }

    /// The risks, worst first.
    fn risks(&mut self) {
        if self.document.risks.is_empty() {
            return;
        }
        self.section("Risks");
        let mut risks: Vec<&Risk> = self.document.risks.iter().collect();
        risks.sort_by_key(|risk| Reverse(severity(risk)));
        let rows = risks.into_iter().map(|risk| {
            vec![
                severity_word(risk).to_owned(),
                format!("{} {}", id(&risk.risk_id), cell(&risk.title)),
                format!("{} / {}", risk.probability, risk.impact),
                cell(&risk.description),
                cell(risk.mitigation.as_deref().unwrap_or_default()),
                cell(risk.contingency.as_deref().unwrap_or_default()),
                word(risk.owner),
            ]
        });
        let header = [
            "Severity",
            "Risk",
            "Probability / impact",
            "What",
            "Mitigation",
            "If it happens",
            "Owner",
        ];
        self.table(&header, rows.collect());
    }

    /// The findings of reviewers, open ones first.
    fn findings(&mut self) {
        let mut found = self.document.review_findings();
        if found.is_empty() {
            return;
        }
        found.sort_by_key(|one| (!one.finding.is_open(), one.finding.severity));
        self.section("Findings of reviewers");
        let rows = found.iter().map(|Reviewed { finding, .. }| {
            let place = [Some(&finding.section), finding.field.as_ref()];
            let place: Vec<String> = place.into_iter().flatten().map(|one| text(one)).collect();
            let state = finding.disposition.unwrap_or(Disposition::Open).to_string();
            vec![
                id(&finding.id),
                place.join(" "),
                finding.severity.to_string(),
                cell(&finding.text),
                name(&finding.reviewer),
                if finding.is_open() {
                    format!("**{state}**")
                } else {
                    state
                },
                cell(finding.answer.as_deref().unwrap_or_default()),
            ]
        });
        let header = ["Finding", "On", "Severity", "What", "By", "State", "Answer"];
        self.table(&header, rows.collect());
    }

    fn delegation(&mut self) {
        let delegation = &self.document.delegation;
        self.section("Delegation");
        let default = word(delegation.default_mode);
        let default = if default.is_empty() {
            "not set"
        } else {
            &default
        };
        self.line(format!("Default: {default}\n"));
        if !delegation.step_overrides.is_empty() {
            let rows = delegation.step_overrides.iter().map(|one| {
                vec![
                    id(&one.step_id),
                    one.mode.to_string(),
                    cell(one.rationale.as_deref().unwrap_or_default()),
                ]
            });
            self.table(&["Step", "Mode", "Why"], rows.collect());
            self.line("");
        }
        if let Some(policy) = &delegation.escalation_policy {
            let rows = [
                ("Something is ambiguous", word(policy.on_ambiguity)),
                (
                    "A constraint is violated",
                    word(policy.on_constraint_violation),
                ),
                ("The scope is exceeded", word(policy.on_unexpected_scope)),
            ];
            let rows = rows.into_iter().filter(|(_, what)| !what.is_empty());
            let rows = rows.map(|(when, what)| vec![when.to_owned(), what]);
            self.table(&["When", "Then"], rows.collect());
        }
    }

    fn history(&mut self) {
        if self.document.revision_history.is_empty() {
            return;
        }
        self.section("History");
        let rows = self.document.revision_history.iter().map(|one| {
            vec![
                one.revision.to_string(),
                one.change_type.to_string(),
                one.created_at.format("%Y-%m-%d").to_string(),
                cell(&one.change_summary),
            ]
        });
        self.table(&["Revision", "Change", "Date", "Summary"], rows.collect());
    }
}

pub(super) fn word(word: Option<impl ToString>) -> String {
    word.map(|word| word.to_string()).unwrap_or_default()
}

/// Probability times impact, from 1 to 9.
pub(super) fn severity(risk: &Risk) -> u8 {
    let weight = |degree| match degree {
        Degree::Low => 1,
        Degree::Medium => 2,
        Degree::High => 3,
    };
    weight(risk.probability) * weight(risk.impact)
}

pub(super) fn severity_word(risk: &Risk) -> &'static str {
    match severity(risk) {
        9 => "critical",
        6.. => "high",
        3.. => "medium",
        _ => "low",
    }
}

/// Identifiers are shown as code: nothing in them is Markdown, and they read well on a terminal too.
fn id(raw: &str) -> String {
    let ends_a_span = |c: char| c == '`' || c == '|' || c.is_control();
    let is_span = !raw.is_empty() && raw.trim() == raw && !raw.contains(ends_a_span);
    if is_span && escape::line(raw) == raw {
        format!("`{raw}`")
    } else {
        code(raw)
    }
}

/// The name of an actor.
fn name(raw: &str) -> String {
    if is_plain(raw) {
        raw.to_owned()
    } else {
        text(raw)
    }
}

fn is_plain(raw: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    !raw.is_empty() && raw.chars().all(is_plain)
}

/// An entry of a list; entries that name files are shown as code.
fn entry(raw: &str) -> String {
    if raw.trim().starts_with("path:") {
        id(raw.trim())
    } else {
        cell(raw)
    }
}

/// A text within a line, in which nothing ends the cell or the line, or begins HTML.
fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let text = escape::line(&lines.join(" "));
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// A text of several lines: its author's Markdown, without HTML, headings, rules and fences.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for (index, line) in text.trim().lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let line = escape::line(line).replace('<', "&lt;");
        let bare = line.trim_start();
        if bare.starts_with(['#', '=', '>'])
            || ["---", "```", "~~~", "***", "___"]
                .iter()
                .any(|mark| bare.starts_with(mark))
        {
            out.push('\\');
        }
        let _ = write!(out, "{bare}");
    }
    out
}
