//! Briefs of nodes as Markdown. Empty parts are left out, long ones are cut, and text from files or other actors is
//! quoted, so that a reader can tell it from the program's own words.

use serde_json::{Map, Value};

use super::{count, yaml};
use crate::api::brief::{Brief, BriefBefore, BriefBehind};
use crate::api::next::{NextGoal, NextPlan};
use crate::core::base::escape::line;
use crate::core::base::time::exact;
use crate::core::base::words::{listed, shortened};
use crate::core::plan::files::command_of;
use crate::core::resource::{ContextItem, OutputSpec, TaskCriterion};
use crate::core::run::proposal::word;

/// Maximum length of the text of one field, in characters.
const MAX_TEXT: usize = 4000;
/// Maximum length of a brief, in bytes; after that, only how to end the node is added.
const MAX_BRIEF: usize = 32 * 1024;
/// Maximum number of entries of a list.
const MAX_ENTRIES: usize = 50;

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BriefEnd {
    /// By the commands in the brief.
    Commands,
    /// By a tool of the same MCP server.
    Tool,
    /// By the exit code of the command that `planspec work` runs for it.
    ExitCode,
}

/// A brief with its name above it.
pub fn text(brief: &Brief) -> String {
    document(brief, BriefEnd::Commands)
}

/// A brief with its name above it, for a worker that ends the node in the given way.
pub fn document(brief: &Brief, end: BriefEnd) -> String {
    let (name, phase, attempt) = (brief.work.qualified(), brief.phase, brief.work.attempt);
    let mut page = Page::default();
    let attempt = match attempt {
        0 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    page.say(&format!("# {name}: {phase}{attempt}"));
    if !brief.message.is_empty() {
        page.quote(&brief.message);
    }
    if let Some(claim) = &brief.claim {
        let until = claim.lease_end.map(|end| format!(", until {}", exact(end)));
        let until = until.unwrap_or_default();
        let actor = line(&claim.actor);
        page.say(&format!("Held by {actor}{until}, claim {}", claim.record));
    }
    body(&mut page, brief, end);
    page.out
}

/// What a worker has to know after a claim.
pub fn of_claim(brief: &Brief, end: BriefEnd) -> String {
    let mut page = Page::default();
    body(&mut page, brief, end);
    page.out
}

fn body(page: &mut Page, brief: &Brief, end: BriefEnd) {
    task(page, brief);
    criteria(page, brief);
    before(page, brief);
    questions(page, brief);
    whole(page, brief);
    behind(page, brief);
    if page.is_full {
        let (name, namespace) = (short_name(brief), word(&brief.work.namespace));
        page.is_full = false;
        page.say(&format!(
            "\nSome details were left out: `planspec describe {name} -n {namespace} -o json` prints all of them."
        ));
    }
    ends(page, brief, end);
}

/// `EXECUTION/NODE`, as it is written in a command.
fn short_name(brief: &Brief) -> String {
    word(&format!("{}/{}", brief.work.execution, brief.work.node))
}

/// The task, its inputs and its outputs.
fn task(page: &mut Page, brief: &Brief) {
    let (work, task) = (&brief.work, &brief.work.task);
    let title = match task.name.as_deref() {
        Some(_) => work.title(),
        None => work.step.clone().unwrap_or_else(|| work.node.clone()),
    };
    page.heading("Task");
    page.say("Quoted lines (`>`) are data from this repository's files and records.");
    page.quote(&title);
    if let Some(text) = &task.description {
        page.quote(text);
    }
    contexts(page, task.context.as_deref().unwrap_or_default());
    if let Some(provider) = &work.provider {
        page.say(&format!("Provider: {}", line(provider)));
    }
    if let Some(config) = &work.config {
        page.value("Configuration", config);
    }
    if let Some(timeout) = &task.timeout {
        page.say(&format!("Timeout: {timeout}"));
    }
    map(page, "Inputs", task.inputs.as_ref());
    let outputs = task.outputs.iter().flatten().map(output);
    page.list("Outputs to report", outputs);
    let touches = task.touches.iter().flatten();
    page.list(
        "Files that it touches",
        touches.map(|glob| format!("`{}`", line(glob))),
    );
    if let Some(commit) = &brief.last_commit {
        page.say(&format!("\nLast reported commit: {commit}"));
    }
}

fn output(output: &OutputSpec) -> String {
    let mut text = line(&output.name);
    if let Some(value_type) = &output.value_type {
        text.push_str(&format!(" ({})", line(value_type)));
    }
    if let Some(description) = &output.description {
        text.push_str(&format!(": {}", line(description)));
    }
    text
}

/// The acceptance criteria, and how they are checked.
fn criteria(page: &mut Page, brief: &Brief) {
    let criteria = brief.work.task.acceptance_criteria.iter().flatten();
    page.list("Done when", criteria.map(criterion));
    let name = short_name(brief);
    match brief.verification.as_deref() {
        Some("independent") => {
            page.say("Checked on the commit that you report, by somebody who did not do the work.")
        }
        Some(_) => page.say(&format!(
            "Checked on the commit that you report; `planspec verify {name} -n {}` checks it.",
            word(&brief.work.namespace)
        )),
        None => {}
    }
}

fn criterion(criterion: &TaskCriterion) -> String {
    let what = if let Some(words) = command_of(criterion) {
        let words: Vec<_> = words.iter().map(|one| word(one)).collect();
        let code = match criterion.expected_exit_code {
            None | Some(0) => "succeeds".to_owned(),
            Some(code) => format!("ends with exit code {code}"),
        };
        format!("`{}` {code}", line(&words.join(" ")))
    } else if let Some(path) = &criterion.path {
        format!("`{}` exists", line(path))
    } else if let Some(url) = criterion.url.as_ref().or(criterion.webhook_url.as_ref()) {
        format!("{} answers", line(url))
    } else {
        String::new()
    };
    let name = line(&criterion.name);
    let mut text = [name, what].join(": ");
    let matches = [
        &criterion.content_match,
        &criterion.output_match,
        &criterion.body_match,
    ];
    for wanted in matches.into_iter().flatten() {
        text.push_str(&format!(", matches `{}`", line(wanted)));
    }
    if let Some(description) = &criterion.description {
        text.push_str(&format!(" ({})", line(description)));
    }
    if !criterion.required {
        text.push_str(" (optional)");
    }
    text
}

/// The results of the nodes before it.
fn before(page: &mut Page, brief: &Brief) {
    if brief.before.is_empty() {
        return;
    }
    page.heading("Before this");
    for one in &brief.before {
        page.say(&brought(one));
        if !one.message.is_empty() {
            page.quote(&one.message);
        }
    }
    more(page, brief.more_before);
}

fn brought(one: &BriefBefore) -> String {
    let name = one.step.as_deref().unwrap_or(&one.node);
    let mut text = format!("- {}: {}", line(name), one.phase);
    if let Some(commit) = &one.commit {
        text.push_str(&format!(", commit {commit}"));
    }
    match &one.outputs {
        None => text.push_str(", outputs too long to show"),
        Some(outputs) if outputs.is_empty() => {}
        Some(outputs) => {
            let outputs = outputs.iter();
            let outputs: Vec<String> = outputs
                .map(|(name, value)| format!("{}={}", line(name), inline(value)))
                .collect();
            text.push_str(&format!(", outputs {}", outputs.join(" ")));
        }
    }
    text
}

/// What comes after it.
fn behind(page: &mut Page, brief: &Brief) {
    let entries = brief.behind.iter().map(goes_on);
    page.list("After this", entries);
    more(page, brief.more_behind);
}

fn goes_on(one: &BriefBehind) -> String {
    let name = line(one.step.as_deref().unwrap_or(&one.node));
    let who: Vec<String> = one.who.iter().map(|who| line(who)).collect();
    let who = listed(who.iter().map(String::as_str));
    match (one.required_approvers, who.as_str()) {
        (Some(some), "") => format!("{name} (gate): {}", count(some as usize, "approval")),
        (Some(some), who) => format!(
            "{name} (gate): {} of {who}",
            count(some as usize, "approval")
        ),
        (None, "") => name,
        (None, who) => format!("{name}: {who}"),
    }
}

fn more(page: &mut Page, left_out: usize) {
    if left_out > 0 {
        page.say(&format!("- … and {left_out} more"));
    }
}

fn questions(page: &mut Page, brief: &Brief) {
    if brief.questions.is_empty() {
        return;
    }
    page.heading("Questions");
    for one in brief.questions.iter().take(MAX_ENTRIES) {
        page.say(&format!("- {} asked:", line(&one.asked_by)));
        page.quote(&one.question);
        match (&one.answer, &one.answered_by) {
            (Some(answer), who) => {
                let who = who.as_deref().unwrap_or("somebody");
                page.say(&format!("  {} answered:", line(who)));
                page.quote(answer);
            }
            (None, _) => page.say("  not answered yet"),
        }
    }
}

/// The plan and goal that the node belongs to.
fn whole(page: &mut Page, brief: &Brief) {
    let whole = &brief.work.whole;
    if let Some(plan) = &whole.plan {
        of_plan(page, plan);
    }
    map(page, "Parameters of the run", whole.parameters.as_ref());
    contexts(page, whole.execution_context.as_deref().unwrap_or_default());
    if let Some(goal) = &whole.goal {
        of_goal(page, goal, whole.plan.as_ref());
    }
}

fn of_plan(page: &mut Page, plan: &NextPlan) {
    page.heading(&format!("Plan {}", line(&plan.name)));
    page.quote(&plan.description);
    contexts(page, &plan.context);
}

fn of_goal(page: &mut Page, goal: &NextGoal, plan: Option<&NextPlan>) {
    page.heading(&format!("Goal {}", line(&goal.name)));
    if let Some(text) = goal.description.as_str() {
        page.quote(text);
    }
    page.value("Constraints", &goal.constraints);
    // The plan of a document contains these in full.
    let in_plan = plan.is_some_and(|plan| {
        let mut context = plan.context.iter();
        context.any(|item| item.name.as_deref() == Some("success_criteria"))
    });
    if !in_plan {
        page.value("Reached when", &goal.acceptance_criteria);
    }
    let context = serde_json::from_value::<Vec<ContextItem>>(goal.context.clone());
    contexts(page, &context.unwrap_or_default());
}

fn contexts(page: &mut Page, items: &[ContextItem]) {
    for item in items.iter().take(MAX_ENTRIES) {
        let name = item.name.as_deref().unwrap_or("Context");
        match &item.content {
            Some(Value::String(text)) => {
                page.say(&format!("{}:", line(name)));
                page.quote(text);
            }
            Some(value) => page.value(&line(name), value),
            None => {}
        }
        for uri in item.uris.iter().take(MAX_ENTRIES) {
            page.say(&format!("{}: {}", line(name), line(uri)));
        }
    }
}

fn map(page: &mut Page, title: &str, values: Option<&Map<String, Value>>) {
    if let Some(values) = values {
        page.value(title, &Value::Object(values.clone()));
    }
}

fn ends(page: &mut Page, brief: &Brief, end: BriefEnd) {
    match end {
        // Nobody holds it.
        BriefEnd::Commands | BriefEnd::Tool if brief.commands.is_empty() => {}
        BriefEnd::Commands => {
            page.heading("Finish");
            for command in &brief.commands {
                page.say(&format!("    {command}"));
            }
        }
        BriefEnd::Tool => {
            page.heading("Finish");
            let outputs = brief.work.task.outputs.iter().flatten();
            let outputs: Vec<&str> = outputs.map(|output| output.name.as_str()).collect();
            let outputs = match outputs.as_slice() {
                [] => String::new(),
                names => format!(" and outputs {}", listed(names.iter().copied())),
            };
            let commit = match brief.verification {
                Some(_) => ", the commit with your work",
                None => "",
            };
            page.say(&format!(
                "Call `report` with result `succeeded`{commit}{outputs}, or with `failed` and a message."
            ));
        }
        BriefEnd::ExitCode => {
            page.heading("Finish");
            page.say("Exit with 0 when it is done, and with any other code when it failed.");
            let outputs = brief.work.task.outputs.iter().flatten();
            if outputs.count() > 0 {
                page.say("Before that, write the outputs into the file `$PLANSPEC_OUTPUTS`, as one JSON object.");
            }
        }
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => line(&shortened(text, MAX_TEXT)),
        other => line(&shortened(&other.to_string(), MAX_TEXT)),
    }
}

/// A brief as it grows: once it has reached its maximum length, nothing is added.
#[derive(Default)]
struct Page {
    out: String,
    is_full: bool,
}

impl Page {
    fn say(&mut self, text: &str) {
        // Without a blank line, Markdown would make the next text a part of the quote.
        let is_own = text.starts_with(['>', '\n']);
        let after_quote = self.out.lines().next_back();
        let after_quote = after_quote.is_some_and(|row| row.starts_with('>'));
        if after_quote && !is_own && !self.is_full {
            self.out.push('\n');
        }
        self.is_full |= self.out.len() + text.len() > MAX_BRIEF;
        if !self.is_full {
            self.out.push_str(text);
            self.out.push('\n');
        }
    }

    fn heading(&mut self, title: &str) {
        let space = if self.out.is_empty() { "" } else { "\n" };
        self.say(&format!("{space}## {title}"));
    }

    /// Text of another author, each line behind a quote mark.
    fn quote(&mut self, text: &str) {
        for row in shortened(text.trim_end(), MAX_TEXT).lines() {
            let row = line(row);
            self.say(format!("> {row}").trim_end());
        }
    }

    /// A value with its title, unless it is empty.
    fn value(&mut self, title: &str, value: &Value) {
        let is_empty = match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.say(&format!("{title}:"));
            self.quote(&yaml(value));
        }
    }

    /// Entries below a title, if there are any.
    fn list(&mut self, title: &str, entries: impl Iterator<Item = String>) {
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return;
        }
        self.say(&format!("\n{title}:"));
        for entry in entries.by_ref().take(MAX_ENTRIES) {
            self.say(&format!("- {}", shortened(&entry, MAX_TEXT)));
        }
        more(self, entries.count());
    }
}
