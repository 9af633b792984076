//! Checks acceptance criteria. Every check has a result: one that cannot be made does not hold, and
//! says why.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{self, HttpQuestion, Reach};
use super::log::{self, Log};
use super::process::{self, Call, ProcessEnd};
use super::signals::Stop;
use super::tool::{Bench, seconds};
use crate::core::plan::pattern::Pattern;
use crate::core::plan::shell;
use crate::core::resource::{CriterionKind, CriterionResult, TaskCriterion};

/// Default timeout of a command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Default timeout of a request.
const HTTP_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of the output or response that is kept, in bytes.
const MAX_EXCERPT: usize = 1000;
/// Maximum size of the command line that is kept, in bytes.
const MAX_RAN: usize = 300;

/// The environment in which a criterion is checked.
pub struct CriterionSubject<'a> {
    /// Where commands run.
    pub bench: &'a Bench,
    /// Whether the checked commit has a file or folder of this name; with a pattern, whether it is a
    /// file that contains the pattern.
    pub has: &'a dyn Fn(&str, Option<&str>) -> Result<bool, String>,
    /// The run, the node and the commit; sent to services that judge.
    pub about: &'a Value,
    /// Guarded hosts that may be contacted.
    pub reach: &'a Reach,
    /// Whether the check should stop.
    pub stop: &'a Stop,
}

/// The outcome of a check, before it becomes a result.
struct CriterionFinding {
    ran: String,
    code: Option<i64>,
    /// Why it does not hold.
    why: Option<String>,
    /// The end of the output or response.
    end: String,
}

/// Checks one criterion.
pub fn check(criterion: &TaskCriterion, subject: &CriterionSubject<'_>) -> CriterionResult {
    let started = Instant::now();
    let finding = match criterion.kind {
        CriterionKind::ArtifactExists => artifact(criterion, subject),
        CriterionKind::TestPasses | CriterionKind::CommandSucceeds => command(criterion, subject),
        CriterionKind::EndpointResponds => endpoint(criterion, subject),
        CriterionKind::Custom => custom(criterion, subject),
    };
    let holds = finding.why.is_none();
    let said = [finding.why.unwrap_or_default(), finding.end];
    let said: Vec<String> = said.into_iter().filter(|text| !text.is_empty()).collect();
    CriterionResult {
        name: criterion.name.clone(),
        holds,
        ran: log::shortened(&finding.ran, MAX_RAN),
        code: finding.code,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        excerpt: said.join("\n"),
    }
}

fn artifact(criterion: &TaskCriterion, subject: &CriterionSubject<'_>) -> CriterionFinding {
    let path = criterion.path.as_deref().unwrap_or_default();
    let plain: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let plain = plain.join("/");
    let wanted = criterion.content_match.as_deref();
    let found = pattern(wanted).and_then(|_| (subject.has)(&plain, wanted));
    let why = match found {
        _ if plain.is_empty() => Some("the criterion names no path".to_owned()),
        Err(why) => Some(why),
        Ok(true) => None,
        Ok(false) => Some(match (wanted, (subject.has)(&plain, None)) {
            (Some(wanted), Ok(true)) => {
                format!("`{path}` is not a file that contains {}", quoted(wanted))
            }
            _ => format!("`{path}` does not exist"),
        }),
    };
    CriterionFinding::unchecked(path, why)
}

impl CriterionFinding {
    /// The outcome if nothing was run or requested.
    fn unchecked(ran: &str, why: Option<String>) -> CriterionFinding {
        CriterionFinding {
            ran: ran.to_owned(),
            code: None,
            why,
            end: String::new(),
        }
    }
}

/// The pattern of a criterion; one that does not compile is an error.
fn pattern(text: Option<&str>) -> Result<Option<Pattern>, String> {
    let compiled = |text| {
        Pattern::new(text)
            .map_err(|why| format!("{} is not a regular expression: {why}", quoted(text)))
    };
    text.map(compiled).transpose()
}

fn command(criterion: &TaskCriterion, subject: &CriterionSubject<'_>) -> CriterionFinding {
    let command = criterion.command.as_deref().unwrap_or_default();
    let wanted = criterion.output_match.as_deref();
    let words = shell::words(command, criterion.args.as_deref()).map_err(str::to_owned);
    let (words, pattern) = match words.and_then(|words| Ok((words, pattern(wanted)?))) {
        Ok(sound) => sound,
        Err(why) => return CriterionFinding::unchecked(command, Some(why)),
    };
    let shown: Vec<String> = words.iter().map(|word| shown_word(word)).collect();
    let ran = process::run(
        &Call {
            words: &words,
            dir: &subject.bench.tree,
            environment: subject.bench.environment(),
            timeout: timeout(criterion, COMMAND_TIMEOUT),
        },
        Log::looking_for(pattern),
        &|| subject.stop.is_wished(),
    );
    let expected = criterion.expected_exit_code.unwrap_or(0);
    let code = match ran.end {
        ProcessEnd::Code(code) => Some(i64::from(code)),
        _ => None,
    };
    let why = match (&ran.end, code) {
        (ProcessEnd::TimedOut, _) => Some(format!("timed out after {} s", ran.took.as_secs())),
        (end, None) => Some(end.to_string()),
        (_, Some(code)) if code != expected => Some(format!("exit code {code}, not {expected}")),
        _ if !ran.log.has_seen() => Some(format!(
            "{} is not found in the output",
            quoted(wanted.unwrap_or_default())
        )),
        _ => None,
    };
    CriterionFinding {
        ran: shown.join(" "),
        code,
        why,
        end: ran.log.excerpt(MAX_EXCERPT),
    }
}

/// A word, quoted for a shell if needed, for people to read.
fn shown_word(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "?".to_owned(), |quoted| quoted.into_owned())
}

fn endpoint(criterion: &TaskCriterion, subject: &CriterionSubject<'_>) -> CriterionFinding {
    let status = criterion.expected_status.unwrap_or(200);
    let question = HttpQuestion {
        method: criterion.method.clone().unwrap_or_else(|| "GET".to_owned()),
        url: criterion.url.clone().unwrap_or_default(),
        headers: Vec::new(),
        body: None,
        // If a redirect is expected, it is not followed.
        follow: !(300..400).contains(&status),
        timeout: timeout(criterion, HTTP_TIMEOUT),
        reach: subject.reach.clone(),
    };
    asked(
        &question,
        Some(status),
        criterion.body_match.as_deref(),
        subject,
    )
}

fn custom(criterion: &TaskCriterion, subject: &CriterionSubject<'_>) -> CriterionFinding {
    let expected = criterion.expected_response.as_ref();
    let question = HttpQuestion {
        method: "POST".to_owned(),
        url: criterion.webhook_url.clone().unwrap_or_default(),
        headers: Vec::new(),
        body: Some(
            criterion
                .payload
                .clone()
                .unwrap_or_else(|| subject.about.clone()),
        ),
        follow: false,
        timeout: timeout(criterion, HTTP_TIMEOUT),
        reach: subject.reach.clone(),
    };
    asked(
        &question,
        expected.and_then(|expected| expected.status_code),
        expected.and_then(|expected| expected.body_match.as_deref()),
        subject,
    )
}

/// Sends a request, and compares the response with the expected status (any 2xx if none is given) and
/// pattern.
fn asked(
    question: &HttpQuestion,
    status: Option<u16>,
    body: Option<&str>,
    subject: &CriterionSubject<'_>,
) -> CriterionFinding {
    let ran = format!("{} {}", question.method, question.url);
    let asked = pattern(body).and_then(|body| Ok((body, http::ask(question, subject.stop)?)));
    let (pattern, answer) = match asked {
        Ok(asked) => asked,
        Err(why) => return CriterionFinding::unchecked(&ran, Some(why)),
    };
    let fine = match status {
        Some(status) => answer.status == status,
        None => (200..300).contains(&answer.status),
    };
    let why = match (fine, &pattern) {
        (false, _) => Some(match status {
            Some(status) => format!("status {}, not {status}", answer.status),
            None => format!("status {}, not 2xx", answer.status),
        }),
        (true, Some(pattern)) if !pattern.is_in(&answer.body) => {
            let wanted = quoted(body.unwrap_or_default());
            Some(format!("{wanted} is not found in the answer"))
        }
        _ => None,
    };
    CriterionFinding {
        ran,
        code: Some(i64::from(answer.status)),
        why,
        // The response may be meant for this machine only.
        end: String::new(),
    }
}

fn timeout(criterion: &TaskCriterion, usual: Duration) -> Duration {
    criterion.timeout.as_ref().map_or(usual, seconds)
}

fn quoted(text: &str) -> String {
    format!("`{}`", log::shortened(text, 100))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::worker::http::testing::{Server, says};
    use crate::worker::tool::{Errand, ErrandPart};

    fn has(path: &str, pattern: Option<&str>) -> Result<bool, String> {
        match (path, pattern) {
            ("docs/report.md", Some(pattern)) => {
                Ok(Pattern::new(pattern)?.is_in(b"All tests pass."))
            }
            ("docs" | "docs/report.md", pattern) => Ok(pattern.is_none()),
            ("broken", _) => Err("an object is broken".to_owned()),
            _ => Ok(false),
        }
    }

    /// Checks a criterion written as in a plan.
    fn checked(criterion: Value) -> CriterionResult {
        let mut criterion = criterion;
        criterion["name"] = json!("it works");
        let criterion: TaskCriterion = serde_json::from_value(criterion).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("work");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("here"), "").unwrap();
        let errand = Errand {
            namespace: "team".to_owned(),
            execution: "run".to_owned(),
            part: ErrandPart::Attempt {
                node: "build".to_owned(),
                attempt: 1,
            },
        };
        let env = [("GREETING".to_owned(), "hello".to_owned())].into();
        let bench = Bench::new(&tree, folder.path(), &env, &errand).unwrap();
        check(
            &criterion,
            &CriterionSubject {
                bench: &bench,
                has: &has,
                about: &json!({"node": "build"}),
                reach: &Reach::default(),
                stop: &Stop::default(),
            },
        )
    }

    fn table(rows: Vec<(Value, Option<i64>, Result<&str, &str>)>) {
        for (criterion, code, expected) in rows {
            let shown = criterion.to_string();
            let result = checked(criterion);
            assert_eq!(result.code, code, "{shown}: {result:?}");
            assert_eq!(result.holds, expected.is_ok(), "{shown}: {result:?}");
            let (Ok(said) | Err(said)) = expected;
            assert!(result.excerpt.contains(said), "{shown}: {result:?}");
        }
    }

    #[test]
    fn an_artifact_exists_in_the_commit() {
        let exists = |path: &str| json!({"type": "artifact_exists", "path": path});
        let with = |path: &str, text: &str| json!({"type": "artifact_exists", "path": path, "contentMatch": text});
        table(vec![
            (exists("docs/report.md"), None, Ok("")),
            (exists("./docs//report.md"), None, Ok("")),
            (exists("docs/"), None, Ok("")),
            (with("docs/report.md", "tests pass"), None, Ok("")),
            (with("docs/report.md", "^All .* pass\\.$"), None, Ok("")),
            (
                with("docs/report.md", "(pass"),
                None,
                Err("`(pass` is not a regular expression: unclosed group"),
            ),
            (
                with("docs/report.md", "Tests"),
                None,
                Err("is not a file that contains `Tests`"),
            ),
            (
                with("docs", "x"),
                None,
                Err("`docs` is not a file that contains `x`"),
            ),
            (exists("no"), None, Err("`no` does not exist")),
            (exists("here"), None, Err("`here` does not exist")),
            (exists("broken"), None, Err("an object is broken")),
            (exists("../docs"), None, Err("does not exist")),
            (exists("/"), None, Err("names no path")),
        ]);
    }

    #[test]
    fn a_command_succeeds_without_a_shell() {
        let run = |command: &str| json!({"type": "test_passes", "command": command});
        table(vec![
            (run("test -e here"), Some(0), Ok("")),
            (run("test -e nowhere"), Some(1), Err("exit code 1, not 0")),
            (
                run("echo 'two words' $HOME; ls | wc"),
                Some(0),
                Ok("two words $HOME; ls | wc"),
            ),
            (run("echo 'never closed"), None, Err("quotes do not match")),
            (
                run("no-such-program x"),
                None,
                Err("the program `no-such-program` was not found"),
            ),
            (run(""), None, Err("it names no program")),
            (
                json!({"type": "command_succeeds", "command": "echo", "args": ["a  b", "$c"]}),
                Some(0),
                Ok("a  b $c"),
            ),
            (
                json!({"type": "command_succeeds", "command": "echo a", "args": []}),
                None,
                Err("the program `echo a` was not found"),
            ),
            (
                json!({"type": "command_succeeds", "command": "sh -c 'exit 3'", "expectedExitCode": 3}),
                Some(3),
                Ok(""),
            ),
            (
                json!({"type": "command_succeeds", "command": "sh -c 'exit 0'", "expectedExitCode": 3}),
                Some(0),
                Err("exit code 0, not 3"),
            ),
            (
                json!({"type": "command_succeeds", "command": "sh -c 'echo $GREETING, $PLANSPEC_NODE'",
                       "outputMatch": "hello, build"}),
                Some(0),
                Ok("hello, build"),
            ),
            (
                json!({"type": "command_succeeds", "command": "echo hello", "outputMatch": "bye"}),
                Some(0),
                Err("`bye` is not found in the output\nhello"),
            ),
            (
                json!({"type": "test_passes", "command": "sleep 600", "timeout": "1s"}),
                None,
                Err("timed out after 1 s"),
            ),
        ]);
    }

    #[test]
    fn an_endpoint_responds() {
        let server = Server::start(|first, _| match first {
            "GET /health" => says(200, "status: ok"),
            "HEAD /health" => says(204, ""),
            "GET /moved" => says(302, "").replace("\r\n\r\n", "\r\nLocation: /health\r\n\r\n"),
            _ => says(503, "down"),
        });
        let get = |path: &str| json!({"type": "endpoint_responds", "url": server.url(path)});
        let with = |path: &str, name: &str, value: Value| {
            let mut criterion = get(path);
            criterion[name] = value;
            criterion
        };
        table(vec![
            (get("/health"), Some(200), Ok("")),
            (get("/moved"), Some(200), Ok("")),
            (
                with("/moved", "expectedStatus", json!(302)),
                Some(302),
                Ok(""),
            ),
            (with("/health", "bodyMatch", json!("ok")), Some(200), Ok("")),
            (
                with("/health", "bodyMatch", json!("good")),
                Some(200),
                Err("`good` is not found in the answer"),
            ),
            (
                with("/health", "method", json!("HEAD")),
                Some(204),
                Err("status 204, not 200"),
            ),
            (get("/no"), Some(503), Err("status 503, not 200")),
            (
                json!({"type": "endpoint_responds", "url": "http://127.0.0.1:1/"}),
                None,
                Err(""),
            ),
        ]);
    }

    #[test]
    fn somebody_else_judges() {
        let server = Server::start(|first, body| match (first, body) {
            ("POST /judge", "{\"node\":\"build\"}") => says(202, "fine by me"),
            ("POST /judge", "{\"x\":1}") => says(200, "also fine"),
            _ => says(400, "no"),
        });
        let custom = |more: Value| {
            let mut criterion = json!({"type": "custom", "webhookUrl": server.url("/judge")});
            for (name, value) in more.as_object().unwrap() {
                criterion[name] = value.clone();
            }
            criterion
        };
        table(vec![
            (custom(json!({})), Some(202), Ok("")),
            (custom(json!({"payload": {"x": 1}})), Some(200), Ok("")),
            (
                custom(json!({"payload": {"x": 2}})),
                Some(400),
                Err("status 400, not 2xx"),
            ),
            (
                custom(json!({"expectedResponse": {"statusCode": 202, "bodyMatch": "fine"}})),
                Some(202),
                Ok(""),
            ),
            (
                custom(json!({"expectedResponse": {"statusCode": 200}})),
                Some(202),
                Err("status 202, not 200"),
            ),
            (
                custom(json!({"expectedResponse": {"bodyMatch": "bad"}})),
                Some(202),
                Err("`bad` is not found in the answer"),
            ),
            (
                json!({"type": "custom", "webhook": server.url("/judge")}),
                Some(202),
                Ok(""),
            ),
        ]);
    }

    #[test]
    fn what_was_run_is_kept_so_that_it_can_be_read() {
        let result =
            checked(json!({"type": "command_succeeds", "command": "echo", "args": ["a b"]}));
        assert_eq!(result.ran, "echo 'a b'");
        assert_eq!(result.name, "it works");
        let long =
            checked(json!({"type": "test_passes", "command": "echo", "args": ["x".repeat(9999)]}));
        assert!(
            long.ran.len() <= MAX_RAN && long.excerpt.len() <= MAX_EXCERPT,
            "{long:?}"
        );
    }
}
