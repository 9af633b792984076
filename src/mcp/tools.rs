//! The tools: their arguments, their descriptions, and what they do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::model::ToolAnnotations;
use serde_json::Value;

use super::Options;
use super::arguments::{Arguments, Field, Takes, schema};
use super::hints::{Reader, in_tools};
use crate::api::findings::Findings as FindingsAnswer;
use crate::api::listing::{Listed, Listing};
use crate::api::reconcile::Reconciled;
use crate::api::{self, Answer};
use crate::clock;
use crate::core::base::diagnostic::Level;
use crate::core::base::escape;
use crate::core::resource::{Kind, Time};
use crate::core::run::record::ReportResult;
use crate::core::text::located::Finding;
use crate::service::ask::{AskRequest, ask as ask_person};
use crate::service::brief::brief;
use crate::service::claim::{
    ClaimRequest, ReleaseRequest, claim as claim_node, release as give_back,
};
use crate::service::claim_next::{ClaimNextRequest, Meanwhile, claim_next};
use crate::service::describe::{DescribeRequest, describe as describe_resource};
use crate::service::follow::Pace;
use crate::service::get::{GetRequest, get};
use crate::service::held::Working;
use crate::service::log::{EventsRequest, RevisionsRequest, events, kind_of, revisions};
use crate::service::names::{Named, kind_and_name, parse_kind};
use crate::service::reconcile::{ReconcileRequest, reconcile};
use crate::service::record::{RecordRequest, Recorded};
use crate::service::report::{ReportRequest, report as report_node};
use crate::service::session::{SessionRequest, session_start};
use crate::service::sources::Source;
use crate::service::start::{StartRequest, start as start_plan};
use crate::service::store::Store;
use crate::service::validate::{ValidateRequest, validate as validate_files};
use crate::service::{Caller, Error, Result};
use crate::show;
use crate::show::brief::BriefEnd;
use crate::shown;

/// How often a waiting claim checks.
const LOOK: Duration = Duration::from_secs(2);
/// Maximum wait of a claim, in seconds.
const MAX_WAIT: u64 = 3600;
/// Default limit of lists.
const USUAL_LIMIT: u64 = 20;
/// Maximum limit of lists.
const MAX_LIMIT: u64 = 200;

/// What a tool does to the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// Adds something; repeating the call adds nothing more.
    Once,
    /// Adds something with each call.
    Adds,
    /// Gives something up.
    Ends,
}

/// A tool.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    title: &'static str,
    about: &'static str,
    effect: Effect,
    takes: &'static [Field],
    /// Runs a call.
    pub run: fn(&Call<'_>) -> Result<Told>,
}

/// A call with checked arguments.
pub struct Call<'a> {
    /// Its arguments.
    pub arguments: Arguments,
    /// How the tools are served.
    pub options: &'a Options,
    /// The actor.
    pub actor: &'a str,
    /// In whose words ways out are.
    pub reader: Reader<'a>,
    /// Whether nobody waits for the answer any more.
    pub is_client_gone: &'a AtomicBool,
}

/// An answer.
#[derive(Debug)]
pub struct Told {
    /// The text, for the agent.
    pub text: String,
    /// The same as data.
    pub document: Value,
}

impl Told {
    /// The same with notes, and commands on lines of their own, that name tools.
    pub fn in_tools(mut self, reader: Reader<'_>) -> Told {
        let lines = self.text.split_inclusive('\n').map(|line| {
            let is_ours = ["note: ", "  planspec ", "Some details were left out: "];
            if is_ours.iter().any(|words| line.starts_with(words)) {
                in_tools(line, reader)
            } else {
                line.to_owned()
            }
        });
        self.text = lines.collect();
        let notes = self.document.get_mut("notes").and_then(Value::as_array_mut);
        for note in notes.into_iter().flatten() {
            if let Value::String(text) = note {
                *text = in_tools(text, reader);
            }
        }
        self
    }
}

const fn field(name: &'static str, takes: Takes, about: &'static str) -> Field {
    Field {
        name,
        takes,
        is_required: false,
        about,
    }
}

const fn required(name: &'static str, takes: Takes, about: &'static str) -> Field {
    Field {
        is_required: true,
        ..field(name, takes, about)
    }
}

/// An argument of every tool.
const REPOSITORY: Field = field("repository", Takes::Text, "Folder of another repository");
const NAMESPACE: Field = field("namespace", Takes::Text, "");
const HELD: Field = field(
    "node",
    Takes::Text,
    "EXECUTION/NODE; not needed if you hold one node",
);
const LIMIT: Field = field(
    "limit",
    Takes::Number(MAX_LIMIT),
    "Most entries; 20 if left out",
);

/// All tools. None of them decides in the place of people.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "next",
        title: "Where do I stand?",
        about: "Show the nodes that you hold, the nodes that you may take, and the rules of the repository.",
        effect: Effect::Reads,
        takes: &[
            field("execution", Takes::Text, "Only nodes of this execution"),
            NAMESPACE,
            REPOSITORY,
        ],
        run: next,
    },
    Tool {
        name: "claim",
        title: "Claim a node",
        about: "Claim a node, or the one to do first, and get its brief: task, inputs, criteria, what came before. \
Call it again to renew the claim and to read the brief again.",
        effect: Effect::Once,
        takes: &[
            field(
                "node",
                Takes::Text,
                "EXECUTION/NODE, or EXECUTION for the first of its nodes",
            ),
            field("provider", Takes::Text, "Only what this provider may take"),
            field(
                "wait",
                Takes::Number(MAX_WAIT),
                "Seconds to wait until something can be claimed",
            ),
            NAMESPACE,
            REPOSITORY,
        ],
        run: claim,
    },
    Tool {
        name: "report",
        title: "Report a node",
        about: "Report the result of the node that you hold. The commit is kept for verification.",
        effect: Effect::Once,
        takes: &[
            required("result", Takes::Word(&["succeeded", "failed"]), ""),
            HELD,
            field("outputs", Takes::Object, "The outputs that the brief names"),
            field(
                "commit",
                Takes::Text,
                "Commit with the work, for example HEAD",
            ),
            field("message", Takes::Text, "One sentence for people"),
            NAMESPACE,
            REPOSITORY,
        ],
        run: report,
    },
    Tool {
        name: "release",
        title: "Give a node back",
        about: "Give back a node that you hold, without a failure.",
        effect: Effect::Ends,
        takes: &[
            HELD,
            field("message", Takes::Text, "Why"),
            NAMESPACE,
            REPOSITORY,
        ],
        run: release,
    },
    Tool {
        name: "ask",
        title: "Ask a person",
        about: "Ask people something about the node that you hold. `claim` shows the answer once there is one.",
        effect: Effect::Once,
        takes: &[
            required("question", Takes::Text, ""),
            HELD,
            NAMESPACE,
            REPOSITORY,
        ],
        run: ask,
    },
    Tool {
        name: "list",
        title: "List resources",
        about: "List resources with their phases.",
        effect: Effect::Reads,
        takes: &[
            field(
                "kind",
                Takes::Word(&[
                    "goals",
                    "plans",
                    "capabilities",
                    "bindings",
                    "gates",
                    "executions",
                ]),
                "All kinds if left out",
            ),
            field("phase", Takes::Text, "Only in this phase; needs a kind"),
            NAMESPACE,
            LIMIT,
            REPOSITORY,
        ],
        run: list,
    },
    Tool {
        name: "describe",
        title: "Describe a resource or a node",
        about: "Show one resource with its status and graph, or the brief of a node.",
        effect: Effect::Reads,
        takes: &[
            required(
                "target",
                Takes::Text,
                "KIND/NAME, for example plan/checkout; or EXECUTION/NODE",
            ),
            NAMESPACE,
            REPOSITORY,
        ],
        run: describe,
    },
    Tool {
        name: "log",
        title: "Show history",
        about: "Show what happened in an execution, or the revisions of another resource, newest first.",
        effect: Effect::Reads,
        takes: &[
            required(
                "target",
                Takes::Text,
                "KIND/NAME, for example execution/checkout-1",
            ),
            NAMESPACE,
            LIMIT,
            REPOSITORY,
        ],
        run: log,
    },
    Tool {
        name: "validate",
        title: "Validate files",
        about: "Check the plans in the work tree, or one file, and say how to fix the findings.",
        effect: Effect::Reads,
        takes: &[
            field("file", Takes::Text, "Path from the root of the repository"),
            REPOSITORY,
        ],
        run: validate,
    },
    Tool {
        name: "start",
        title: "Start a plan",
        about: "Write and commit an execution of a plan.",
        effect: Effect::Adds,
        takes: &[
            required("plan", Takes::Text, ""),
            field("name", Takes::Text, "Name of the execution"),
            field("parameters", Takes::Object, ""),
            field(
                "binding",
                Takes::Text,
                "Binding that chooses providers for tasks",
            ),
            NAMESPACE,
            REPOSITORY,
        ],
        run: start,
    },
];

impl Tool {
    /// Whether it changes nothing.
    pub fn is_read_only(&self) -> bool {
        self.effect == Effect::Reads
    }

    /// Its arguments.
    pub fn fields(&self) -> &'static [Field] {
        self.takes
    }

    /// The description of the tool for clients.
    pub fn described(&self) -> rmcp::model::Tool {
        let annotations = ToolAnnotations::new()
            .read_only(self.is_read_only())
            .destructive(self.effect == Effect::Ends)
            .idempotent(self.effect != Effect::Adds)
            .open_world(false);
        rmcp::model::Tool::new(self.name, self.about, schema(self.takes))
            .with_title(self.title)
            .with_annotations(annotations)
    }
}

impl Call<'_> {
    /// The folder of the repository that the call names.
    fn folder(&self) -> Option<PathBuf> {
        let own = self.options.dir.clone();
        match self.arguments.text("repository") {
            Some(named) => Some(own.unwrap_or_default().join(named)),
            None => own,
        }
    }

    fn open(&self) -> Result<Store> {
        Store::open(self.folder().as_deref())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.arguments.text(name)
    }

    fn namespace(&self) -> Option<String> {
        self.text("namespace")
    }

    fn caller(&self) -> Result<Caller> {
        Ok(Caller {
            actor: Some(self.actor.to_owned()),
            now: now()?,
        })
    }

    fn working(&self) -> Working {
        Working {
            session: self.options.session.clone(),
            claim: None,
        }
    }

    fn record(&self) -> Result<RecordRequest> {
        Ok(RecordRequest {
            caller: self.caller()?,
            target: self.text("node").unwrap_or_default(),
            namespace: self.namespace(),
            reconcile: self.options.reconcile,
        })
    }

    fn limit(&self) -> usize {
        let limit = self.arguments.number("limit").unwrap_or(USUAL_LIMIT);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }
}

fn now() -> Result<Time> {
    clock::now().map_err(Error::ambiguous)
}

/// An answer with its text and its notes.
fn told<A: Answer>(answer: &A, mut text: String, notes: &[String]) -> Result<Told> {
    for note in notes {
        text.push_str(&format!("note: {}\n", escape::line(note)));
    }
    Ok(Told {
        text,
        document: api::document(answer)?,
    })
}

/// The result of a record, and of the reconcile that followed.
fn recorded<A>(recorded: &Recorded<A>, mut text: String) -> Result<Told>
where
    api::record::Recorded<A>: Answer,
{
    let answer = &recorded.answer;
    if let Some(done) = &answer.reconciled {
        text.push_str(&moved(done));
    } else if recorded.is_due {
        text.push_str("It counts when somebody has run `planspec reconcile`.\n");
    }
    if let Some(error) = &answer.reconcile_error {
        text.push_str(&format!(
            "It is recorded, and not applied: {}\n",
            escape::line(&error.message)
        ));
    }
    told(answer, text, &answer.notes)
}

fn moved(done: &Reconciled) -> String {
    let count = done.transitions.len();
    format!("reconciled: {}\n", show::count(count, "transition"))
}

fn next(call: &Call<'_>) -> Result<Told> {
    let request = SessionRequest {
        caller: call.caller()?,
        working: call.working(),
        execution: call.text("execution"),
        namespace: call.namespace(),
    };
    let mut start = session_start(&call.open()?, &request)?;
    for rule in &mut start.rules {
        *rule = in_tools(rule, call.reader);
    }
    told(&start, show::session::of_tools(&start), &start.notes)
}

fn claim(call: &Call<'_>) -> Result<Told> {
    let request = ClaimRequest {
        record: call.record()?,
        working: call.working(),
        lease: None,
    };
    let store = call.open()?;
    let is_node = request.record.target.contains('/');
    let wait = call.arguments.number("wait");
    if is_node && (wait.is_some() || call.text("provider").is_some()) {
        let why = "`provider` and `wait` are for a claim that names no node";
        return Err(Error::ambiguous(why).hint("omit them, or omit the node"));
    }
    let claimed = if is_node {
        claim_node(&store, &request)?
    } else {
        let request = ClaimNextRequest {
            claim: request,
            provider: call.text("provider"),
            wait: wait.map(|seconds| Pace {
                interval: LOOK,
                timeout: Some(Duration::from_secs(seconds)),
            }),
        };
        let meanwhile = Meanwhile {
            clock: &clock::now,
            tell: &|_| {},
            is_wanted: &|| !call.is_client_gone.load(Ordering::Relaxed),
        };
        claim_next(&store, &request, &meanwhile)?
    };
    let what = &claimed.answer.what;
    let verb = if what.renewed { "Renewed" } else { "Claimed" };
    let (name, attempt) = (what.attempt.name(), what.attempt.attempt);
    let until = what.lease_end.map(crate::core::base::time::exact);
    let until = until
        .map(|until| format!(", until {until}"))
        .unwrap_or_default();
    let text = format!("{verb} {name} attempt {attempt}{until}.\n\n");
    let text = text + &show::brief::of_claim(&what.brief, BriefEnd::Tool);
    recorded(&claimed, text)
}

fn report(call: &Call<'_>) -> Result<Told> {
    let is_done = call.text("result").as_deref() == Some("succeeded");
    let request = ReportRequest {
        typed: Vec::new(),
        record: call.record()?,
        working: call.working(),
        result: if is_done {
            ReportResult::Succeeded
        } else {
            ReportResult::Failed
        },
        outputs: call.arguments.object("outputs"),
        message: call.text("message").unwrap_or_default(),
        commit: call.text("commit"),
        attempt: None,
    };
    let reported = report_node(&call.open()?, &request)?;
    let what = &reported.answer.what;
    let verb = if what.already {
        "Already reported"
    } else {
        "Reported"
    };
    let (name, attempt) = (what.attempt.name(), what.attempt.attempt);
    let text = format!(
        "{verb} {name} attempt {attempt} as {}.\n",
        request.result.word()
    );
    recorded(&reported, text)
}

fn release(call: &Call<'_>) -> Result<Told> {
    let request = ReleaseRequest {
        record: call.record()?,
        working: call.working(),
        message: call.text("message").unwrap_or_default(),
    };
    let released = give_back(&call.open()?, &request)?;
    let attempt = &released.answer.what.attempt;
    let text = format!(
        "Gave back {} attempt {}.\n",
        attempt.name(),
        attempt.attempt
    );
    recorded(&released, text)
}

fn ask(call: &Call<'_>) -> Result<Told> {
    let request = AskRequest {
        record: call.record()?,
        working: call.working(),
        question: call.text("question").unwrap_or_default(),
    };
    let asked = ask_person(&call.open()?, &request)?;
    let what = &asked.answer.what;
    let verb = if what.already {
        "Already asked"
    } else {
        "Asked"
    };
    recorded(&asked, format!("{verb} at {}.\n", what.attempt.name()))
}

fn list(call: &Call<'_>) -> Result<Told> {
    let kind = call
        .text("kind")
        .map(|kind| parse_kind(&kind))
        .transpose()?;
    let request = GetRequest {
        kind,
        namespace: call.namespace(),
        phases: call.text("phase").into_iter().collect(),
        ..GetRequest::default()
    };
    let got = get(&call.open()?, &request)?;
    let found: Vec<_> = got.items().collect();
    let shown = &found[..found.len().min(call.limit())];
    let listing = Listing {
        more: found.len() - shown.len(),
        items: shown
            .iter()
            .map(|view| Listed {
                kind: view.key.kind,
                namespace: view.key.namespace.clone(),
                name: view.key.name.clone(),
                phase: view.phase(),
            })
            .collect(),
    };
    let mut text = show::resource::tables(shown, false, kind.is_none(), now()?, None);
    if shown.is_empty() {
        text.push_str("There are none.\n");
    }
    if listing.more > 0 {
        text.push_str(&format!("… and {} more\n", listing.more));
    }
    told(&listing, text, &got.notes)
}

/// The kind that a target names, if any, and the name.
fn named(call: &Call<'_>) -> Result<(Option<Kind>, String)> {
    let target = call.text("target").unwrap_or_default();
    let (kind, name) = kind_and_name(&target);
    if name.is_empty() || name.ends_with('/') {
        let why = format!("`{}` names no resource", escape::line(&target));
        return Err(Error::ambiguous(why).hint("write KIND/NAME, for example plan/checkout"));
    }
    Ok((kind, name.to_owned()))
}

fn describe(call: &Call<'_>) -> Result<Told> {
    let store = call.open()?;
    let target = call.text("target").unwrap_or_default();
    let first = target.split_once('/').map(|(first, _)| first);
    if first.is_some_and(|first| Kind::parse(first).is_none()) {
        let brief = brief(&store, &target, call.namespace().as_deref())?;
        return told(&brief, show::brief::document(&brief, BriefEnd::Tool), &[]);
    }
    let now = now()?;
    let (kind, name) = named(call)?;
    let request = DescribeRequest {
        named: Named {
            kind: kind.unwrap_or(Kind::Plan),
            name,
            namespace: call.namespace(),
        },
        session: call.options.session.clone(),
        now,
    };
    let described = describe_resource(&store, &request)?;
    let text = shown::of_resource(&described, false, now, None);
    told(&described.answer()?, text, &[])
}

fn log(call: &Call<'_>) -> Result<Told> {
    let (store, limit) = (call.open()?, call.limit());
    let (kind, name) = named(call)?;
    let namespace = call.namespace();
    let kind = match kind {
        Some(kind) => kind,
        None => kind_of(&store, &name, namespace.as_deref())?,
    };
    if kind == Kind::Execution {
        let request = EventsRequest {
            name,
            namespace,
            limit,
        };
        let found = events(&store, &request)?;
        return told(&found, show::log::events(&found.items, None), &found.notes);
    }
    let request = RevisionsRequest {
        named: Named {
            kind,
            name,
            namespace,
        },
        limit,
        revision: None,
    };
    let found = revisions(&store, &request)?;
    told(
        &found,
        show::log::revisions(&found.items, None),
        &found.notes,
    )
}

fn validate(call: &Call<'_>) -> Result<Told> {
    let folder = call.folder();
    let file = call.text("file");
    if let Some(file) = file.as_deref().filter(|file| leads_out(file)) {
        let why = format!(
            "`{}` is not a path below the root of the repository",
            escape::line(file)
        );
        return Err(Error::invalid(why).hint("write it as in planspec/checkout.yaml"));
    }
    let path = |file: String| folder.clone().unwrap_or_default().join(file);
    let request = ValidateRequest {
        named: file
            .map(|file| Source::File(path(file)))
            .into_iter()
            .collect(),
        dir: folder.clone(),
        revision: None,
        base: None,
        scope: None,
        may_come: false,
        step: None,
        level: Level::Semantics,
    };
    let validated = validate_files(&request)?;
    let findings = FindingsAnswer {
        readiness: validated.readiness.clone(),
        ..FindingsAnswer::new(validated.findings.values(), None)
    };
    let all = &findings.findings;
    let limit = usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX);
    let mut text: String = all.iter().take(limit).map(finding_line).collect();
    match all.len() {
        0 => text.push_str("Nothing is wrong.\n"),
        some if some > limit => text.push_str(&format!("… and {} more\n", some - limit)),
        _ => {}
    }
    told(&findings, text, &[])
}

/// Whether a path may lead out of the repository.
fn leads_out(file: &str) -> bool {
    let path = std::path::Path::new(file);
    let is_plain = |part| {
        matches!(
            part,
            std::path::Component::Normal(_) | std::path::Component::CurDir
        )
    };
    !path.components().all(is_plain)
}

/// A finding with its place and its help.
pub fn finding_line(finding: &Finding) -> String {
    let at = &finding.at;
    let numbers = [at.line, at.column].into_iter().flatten();
    let numbers: String = numbers.map(|number| format!(":{number}")).collect();
    let place = format!("{}{numbers}", escape::line(&at.file));
    let (severity, code) = (&finding.severity, &finding.code);
    let mut text = format!(
        "{place}: {severity} {code}: {}\n",
        escape::line(&finding.message)
    );
    if let Some(help) = &finding.help {
        text.push_str(&format!("  help: {}\n", escape::line(help)));
    }
    text
}

fn start(call: &Call<'_>) -> Result<Told> {
    let request = StartRequest {
        plan: call.text("plan").unwrap_or_default(),
        namespace: call.namespace(),
        name: call.text("name"),
        parameters: call.arguments.object("parameters"),
        binding: call.text("binding"),
        ..StartRequest::default()
    };
    let store = call.open()?;
    let started = start_plan(&store, &request)?;
    let change = &started.answer.change;
    let mut text = show::change::text(change);
    if let Some(whereabouts) = show::change::whereabouts(change) {
        text.push_str(&format!("{whereabouts}\n"));
    }
    if call.options.reconcile {
        text.push_str(&match reconcile(&store, &ReconcileRequest::at(now()?)) {
            Ok(done) => moved(&done),
            Err(error) => format!("not reconciled: {}\n", escape::line(&error.message)),
        });
    }
    told(&started.answer, text, &change.notes)
}
