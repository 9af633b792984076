//! Notifies the reconciler that there is something new: one HTTP call after a record was sent. The record counts whether
//! or not the call succeeds, so a failure is only a note.
//!
//! The owner of the clone sets the address and the secret, in Git's configuration or in the environment. A file of the
//! repository can only name the kind of forge, whose address is that of the shared remote.

use std::time::Duration;

use super::environment::reach;
use super::store::{Store, View};
use crate::core::repository::forge::{Call, Forge, Project, host_of, plain_call};
use crate::git::remote;
use crate::worker::http::{self, HttpQuestion};
use crate::worker::signals::Stop;

/// `github`, `gitlab`, a URL, or `off`.
const WHOM: (&str, &str) = ("PLANSPEC_NUDGE", "planspec.nudge");
/// The token of the call.
const SECRET: (&str, &str) = ("PLANSPEC_NUDGE_TOKEN", "planspec.nudgeToken");
/// Timeout of the call.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum length of a response in a note.
const MAX_SHOWN: usize = 120;

/// The receiver of the call.
enum Whom {
    Forge(Forge),
    Url(String),
}

/// Notifies the configured receiver, and waits briefly for the response. Returns a note if that failed.
pub fn nudge(store: &Store, view: &View) -> Option<String> {
    let remote = store.remote.as_deref()?;
    let what = match call(store, view, remote) {
        Ok(call) => tell(store, call?),
        Err(why) => Err(why),
    };
    let why = what.err()?;
    Some(format!(
        "the record takes effect with the next reconcile, and no job could be started for it: {why}"
    ))
}

/// The call, if one is configured.
fn call(store: &Store, view: &View, remote: &str) -> Result<Option<Call>, String> {
    let secret = setting(store, SECRET);
    let (whom, is_own) = match setting(store, WHOM) {
        Some(word) => match read(&word)? {
            Some(whom) => (whom, true),
            None => return Ok(None),
        },
        None => match view.config.nudge {
            Some(forge) => (Whom::Forge(forge), false),
            None => return Ok(None),
        },
    };
    let forge = match whom {
        Whom::Url(url) => return Ok(Some(plain_call(&url, secret.as_deref()))),
        Whom::Forge(forge) => forge,
    };
    let Some(secret) = secret else {
        // A file is for everybody, and not everybody has a secret.
        let (variable, key) = SECRET;
        return if is_own {
            Err(format!(
                "{} needs a token: set {variable}, or `git config {key} TOKEN`",
                forge.word()
            ))
        } else {
            Ok(None)
        };
    };
    let project = project(store, remote)?;
    is_for(store, remote, &project)?;
    let call = forge.call(&project, &view.spec_branch, &secret);
    call.map(Some).map_err(name_it)
}

/// The project of the shared remote.
fn project(store: &Store, remote: &str) -> Result<Project, String> {
    let address = remote::address(&store.repo, remote).map_err(|error| error.to_string())?;
    Project::of(&address).map_err(name_it)
}

fn name_it(why: String) -> String {
    format!(
        "{why}; set the address to call: `git config {} URL`",
        WHOM.1
    )
}

/// Checks the host. A file may choose the shared remote; with remotes on several hosts, it could choose who gets the
/// secret.
fn is_for(store: &Store, remote: &str, project: &Project) -> Result<(), String> {
    if store.repo.config("planspec.remote").is_some() {
        return Ok(());
    }
    let others = store.repo.remotes().map_err(|error| error.to_string())?;
    for other in others.iter().filter(|other| *other != remote) {
        let address = remote::address(&store.repo, other).map_err(|error| error.to_string())?;
        let is_elsewhere = Project::of(&address).is_ok_and(|found| found.host() != project.host());
        if is_elsewhere {
            return Err(format!(
                "remotes `{remote}` and `{other}` are on two hosts, and only a file says which is \
                 shared; confirm that the token is for {}: `git config planspec.remote {remote}`",
                project.host()
            ));
        }
    }
    Ok(())
}

fn setting(store: &Store, (variable, key): (&str, &str)) -> Option<String> {
    let value = std::env::var(variable).ok();
    let value = value.or_else(|| store.repo.config(key))?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn read(word: &str) -> Result<Option<Whom>, String> {
    if matches!(word, "off" | "false" | "no" | "0") {
        return Ok(None);
    }
    if let Some(forge) = Forge::parse(word) {
        return Ok(Some(Whom::Forge(forge)));
    }
    let is_url = word.starts_with("https://") || word.starts_with("http://");
    if is_url {
        return Ok(Some(Whom::Url(word.to_owned())));
    }
    // It may contain a part of an address with a secret.
    let (variable, key) = WHOM;
    Err(format!(
        "{variable}, or `git config {key}`, is github, gitlab, an address that begins with https:// or http://, or off"
    ))
}

fn tell(store: &Store, call: Call) -> Result<(), String> {
    let host = host_of(&call.url).to_owned();
    let url = call.url.clone();
    let question = HttpQuestion {
        method: "POST".to_owned(),
        url: call.url,
        headers: call.headers,
        body: Some(call.body),
        // A redirect could send the secret elsewhere.
        follow: false,
        timeout: TIMEOUT,
        reach: reach(&store.repo),
    };
    let answer = http::ask(&question, &Stop::default())
        .map_err(|why| format!("{host}: {}", why.replace(&url, &host)))?;
    match answer.status {
        200..=299 => Ok(()),
        status @ 300..=399 => Err(format!(
            "{host} answers {status}: it redirects elsewhere, and the secret is not sent there"
        )),
        status => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = match setting(store, SECRET) {
                Some(secret) => text.replace(&secret, "…"),
                None => text,
            };
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            let colon = if shown.is_empty() { "" } else { ": " };
            let help = match status {
                401 | 403 | 404 => "; may the token start a job there?",
                _ => "",
            };
            Err(format!("{host} answers {status}{colon}{shown}{help}"))
        }
    }
}
