//! The forge that a repository stands on: how it is told to start a job, from the address of a remote alone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the workflow of a forge listens for.
pub const EVENT: &str = "planspec";

/// A forge, by the way it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    /// GitHub: `repository_dispatch`.
    Github,
    /// GitLab: the trigger of a pipeline.
    Gitlab,
}

/// Where a project stands, by the address of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    scheme: &'static str,
    /// With the port, where it is one of the web.
    host: String,
    path: Vec<String>,
}

/// One call that tells a forge. It holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Where.
    pub url: String,
    /// What is said in the head.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: Value,
}

impl Project {
    /// The project at an address: `https://HOST/PATH`, `ssh://git@HOST/PATH` or `git@HOST:PATH`.
    ///
    /// # Errors
    /// In a sentence without a full stop: why no forge can be told there. It names no user and no password.
    pub fn of(address: &str) -> Result<Project, String> {
        let (scheme, authority, path) = match address.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (scheme.to_ascii_lowercase(), authority, path)
            }
            None => match address.split_once(':') {
                Some((authority, path)) if !authority.contains('/') && authority.len() > 1 => {
                    ("ssh".to_owned(), authority, path)
                }
                _ => return Err("the remote is a folder on this machine, not a forge".to_owned()),
            },
        };
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let (scheme, host) = match scheme.as_str() {
            "https" => ("https", host.to_owned()),
            "http" if is_this_machine(host) => ("http", host.to_owned()),
            "http" => {
                let why = "the remote uses http, which would expose the secret";
                return Err(why.to_owned());
            }
            "ssh" | "git+ssh" | "ssh+git" | "git" => ("https", of_web(without_port(host))),
            "file" => return Err("the remote is a folder on this machine, not a forge".to_owned()),
            _ => return Err("the address of the remote names no forge".to_owned()),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err("the address of the remote names no host".to_owned());
        }
        if !host.contains('.') && !is_this_machine(&host) {
            return Err(format!(
                "the remote's host `{host}` belongs to this machine or network"
            ));
        }
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let is_name = |part: &String| !matches!(part.as_str(), "" | "." | "..");
        if path.len() < 2 || !path.iter().all(is_name) {
            return Err("the address of the remote names no project".to_owned());
        }
        Ok(Project { scheme, host, path })
    }

    /// The host that is told, with its port.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Project {
    /// Where the files of a commit stand on the web, as far as their paths go; nothing where nobody says which
    /// forge it is.
    pub fn files_at(&self, forge: Option<Forge>, commit: &str) -> Option<String> {
        let is = |name: &str| self.host.split('.').any(|part| part == name);
        let forge = match forge {
            Some(forge) => forge,
            None if is("github") => Forge::Github,
            None if is("gitlab") => Forge::Gitlab,
            None => return None,
        };
        let between = match forge {
            Forge::Github => "blob",
            Forge::Gitlab => "-/blob",
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let is_safe = self.path.iter().all(|part| part.chars().all(is_plain));
        let Project { scheme, host, path } = self;
        let path = path.join("/");
        is_safe.then(|| format!("{scheme}://{host}/{path}/{between}/{commit}/"))
    }
}

impl Forge {
    /// As the configuration names it.
    pub fn parse(word: &str) -> Option<Forge> {
        match word {
            "github" => Some(Forge::Github),
            "gitlab" => Some(Forge::Gitlab),
            _ => None,
        }
    }

    /// As the configuration names it.
    pub fn word(self) -> &'static str {
        match self {
            Forge::Github => "github",
            Forge::Gitlab => "gitlab",
        }
    }

    /// How a project is told that there is something new, on a branch whose workflow is meant.
    ///
    /// # Errors
    /// In a sentence without a full stop: the project can be none of this forge.
    pub fn call(self, project: &Project, branch: &str, secret: &str) -> Result<Call, String> {
        let Project { scheme, host, path } = project;
        match self {
            Forge::Github => {
                let [owner, name] = path.as_slice() else {
                    let why = "the address of the remote names no project of GitHub: OWNER/NAME";
                    return Err(why.to_owned());
                };
                let root = match host.as_str() {
                    "github.com" | "www.github.com" => "https://api.github.com".to_owned(),
                    host if host.ends_with(".ghe.com") => format!("https://api.{host}"),
                    host => format!("{scheme}://{host}/api/v3"),
                };
                let (owner, name) = (encoded(owner), encoded(name));
                Ok(Call {
                    url: format!("{root}/repos/{owner}/{name}/dispatches"),
                    headers: vec![
                        ("Authorization", format!("Bearer {secret}")),
                        ("Accept", "application/vnd.github+json".to_owned()),
                        ("X-GitHub-Api-Version", "2022-11-28".to_owned()),
                    ],
                    body: json!({"event_type": EVENT}),
                })
            }
            Forge::Gitlab => {
                let path: Vec<String> = path.iter().map(|part| encoded(part)).collect();
                let project = path.join("%2F");
                Ok(Call {
                    url: format!("{scheme}://{host}/api/v4/projects/{project}/trigger/pipeline"),
                    headers: Vec::new(),
                    body: json!({"token": secret, "ref": branch}),
                })
            }
        }
    }
}

/// A call of whatever stands at an address that the owner of a clone has named.
pub fn plain_call(url: &str, secret: Option<&str>) -> Call {
    let secret = secret.map(|secret| ("Authorization", format!("Bearer {secret}")));
    Call {
        url: url.to_owned(),
        headers: secret.into_iter().collect(),
        body: json!({"event_type": EVENT}),
    }
}

/// The host of a URL, to be shown: the rest may be a secret.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// Where the web is of what answers SSH on another name.
fn of_web(host: &str) -> String {
    match host {
        "ssh.github.com" => "github.com".to_owned(),
        "altssh.gitlab.com" => "gitlab.com".to_owned(),
        host => host.to_owned(),
    }
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => &host[..inner.len() + 2],
        None => host.split(':').next().unwrap_or(host),
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let parts: Vec<&str> = name.split('.').collect();
    let is_loopback = parts.len() == 4
        && parts[0] == "127"
        && parts.iter().all(|part| part.parse::<u8>().is_ok());
    is_loopback || name == "[::1]" || name.eq_ignore_ascii_case("localhost")
}

/// A part of a path, as it is written in a URL.
fn encoded(part: &str) -> String {
    let mut out = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(forge: Forge, address: &str) -> Result<String, String> {
        let project = Project::of(address)?;
        Ok(forge.call(&project, "main", "s3cret")?.url)
    }

    #[test]
    fn where_the_files_of_a_commit_stand() {
        let table = [
            (
                "git@github.com:a/b.git",
                None,
                Some("https://github.com/a/b/blob/c1/"),
            ),
            (
                "https://gitlab.example.org/g/s/p.git",
                None,
                Some("https://gitlab.example.org/g/s/p/-/blob/c1/"),
            ),
            (
                "https://code.example.org/a/b",
                Some(Forge::Gitlab),
                Some("https://code.example.org/a/b/-/blob/c1/"),
            ),
            // Nobody says which forge it is, or the address would not be one.
            ("https://code.example.org/a/b", None, None),
            ("https://github.com/a/b)(x", None, None),
        ];
        for (address, forge, expected) in table {
            let project = Project::of(address).unwrap();
            assert_eq!(
                project.files_at(forge, "c1").as_deref(),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn the_address_of_a_remote_says_where_the_forge_is() {
        let github = "https://api.github.com/repos/acme/plans/dispatches";
        for address in [
            "https://github.com/acme/plans.git",
            "https://github.com/acme/plans/",
            "https://ana:password@github.com/acme/plans",
            "git@github.com:acme/plans.git",
            "ssh://git@github.com/acme/plans.git",
            "ssh://git@ssh.github.com:443/acme/plans.git",
            "git://github.com/acme/plans",
        ] {
            assert_eq!(
                url(Forge::Github, address).as_deref(),
                Ok(github),
                "{address}"
            );
        }
        for (address, expected) in [
            (
                "git@git.example.com:acme/plans",
                "https://git.example.com/api/v3/repos/acme/plans/dispatches",
            ),
            (
                "https://acme.ghe.com/acme/plans",
                "https://api.acme.ghe.com/repos/acme/plans/dispatches",
            ),
            (
                "http://127.0.0.1:8080/acme/plans",
                "http://127.0.0.1:8080/api/v3/repos/acme/plans/dispatches",
            ),
        ] {
            assert_eq!(url(Forge::Github, address).as_deref(), Ok(expected));
        }
        for (address, expected) in [
            (
                "git@gitlab.com:group/sub/plans.git",
                "https://gitlab.com/api/v4/projects/group%2Fsub%2Fplans/trigger/pipeline",
            ),
            (
                "ssh://git@git.example.com:2222/a b/plans",
                "https://git.example.com/api/v4/projects/a%20b%2Fplans/trigger/pipeline",
            ),
            (
                "https://git.example.com:8443/a/plans?x",
                "https://git.example.com:8443/api/v4/projects/a%2Fplans%3Fx/trigger/pipeline",
            ),
        ] {
            assert_eq!(url(Forge::Gitlab, address).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_names_no_forge_is_told_without_a_password() {
        for (address, expected) in [
            ("/srv/git/plans.git", "a folder"),
            ("../plans", "a folder"),
            ("C:/git/plans", "a folder"),
            ("file:///srv/git/plans", "a folder"),
            ("http://ana:hidden@git.example.com/a/plans", "uses http"),
            ("http://127.example.com/a/plans", "uses http"),
            ("git@work:a/plans", "`work` belongs to this machine"),
            ("https://ana:hidden@/a/plans", "names no host"),
            ("https://a.example\\@b.example/a/plans", ""),
            ("https://git.example.com", "names no project"),
            ("https://git.example.com/plans", "names no project"),
            ("https://git.example.com/a/../plans", "names no project"),
            ("s3://a.example/a/plans", "names no forge"),
            ("", "a folder"),
        ] {
            match Project::of(address) {
                Ok(project) => assert_eq!(project.host(), "b.example", "{address}"),
                Err(why) => assert!(
                    why.contains(expected) && !why.contains("hidden"),
                    "{address}: {why}"
                ),
            }
        }
        let nested = Project::of("https://github.com/a/b/c").unwrap();
        assert!(Forge::Github.call(&nested, "main", "s").is_err());
    }

    #[test]
    fn the_secret_is_never_part_of_the_address() {
        let project = Project::of("https://git.example.com/a/plans").unwrap();
        let github = Forge::Github.call(&project, "main", "s3cret").unwrap();
        assert_eq!(
            github.headers[0],
            ("Authorization", "Bearer s3cret".to_owned())
        );
        assert_eq!(github.body, json!({"event_type": "planspec"}));
        let gitlab = Forge::Gitlab.call(&project, "trunk", "s3cret").unwrap();
        assert_eq!(gitlab.body, json!({"token": "s3cret", "ref": "trunk"}));
        for call in [
            github,
            gitlab,
            plain_call("https://x.example/", Some("s3cret")),
        ] {
            assert!(!call.url.contains("s3cret"));
        }
        assert_eq!(host_of("https://u:p@x.example:1/hook?key=k"), "x.example:1");
    }
}
