//! The pages of the board as HTML: one string for each page, always the same for the same answer.
//!
//! Everything that people wrote is text ([`html`]). A page loads nothing from other hosts, has no inline script or
//! style, and works without scripts. Every colour has a word beside it.

mod document;
mod graph;
mod home;
mod html;
mod node;
mod parts;
mod plan;
mod run;

use std::collections::BTreeSet;

pub use self::html::{Href, Html};
use self::parts::{command, crumbs};
use crate::api::board::{BrokenPage, Page, PageName};

/// Name of the style sheet, in the folder of the board.
pub const STYLE_FILE: &str = "board.css";
/// Name of the script in that folder.
pub const SCRIPT_FILE: &str = "board.js";
/// The style sheet.
pub const STYLE: &str = include_str!("board.css");
/// The script.
pub const SCRIPT: &str = include_str!("board.js");
/// What a page may load and do: the `Content-Security-Policy` that a server should send.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";
/// The policy of a page with buttons for a decision.
const DECIDING: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'";
/// Where a server reports changes, from the root of the board: any message means that the page is out of date.
pub const EVENTS: &str = "board/events";

/// How pages link to each other.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// The page with the links.
    pub at: &'a PageName,
    /// The pages that exist; all of them if `None`.
    pub known: Option<&'a BTreeSet<PageName>>,
    /// The requested path, if no such page exists.
    pub place: Option<&'a str>,
    /// Where the board is published, for the canonical address of each page.
    pub base_url: Option<&'a str>,
    /// Whether a server reports changes at [`EVENTS`].
    pub is_live: bool,
    /// The actor as whom the viewer can decide at the same address; `None` if nobody can.
    pub decides_as: Option<&'a str>,
}

impl Links<'_> {
    /// What the page may load and do.
    pub fn policy(&self) -> &'static str {
        match self.decides_as {
            Some(_) => DECIDING,
            None => POLICY,
        }
    }

    /// The referrer policy. The server takes decisions only from its own pages, so a deciding page sends its origin.
    pub fn referrer(&self) -> &'static str {
        match self.decides_as {
            Some(_) => "same-origin",
            None => "no-referrer",
        }
    }

    /// The path up to the folder of the board.
    fn root(&self) -> String {
        let place = self
            .place
            .map_or_else(|| self.at.to_string(), str::to_owned);
        "../".repeat(place.matches('/').count())
    }

    /// A file of the board.
    fn file(&self, name: &str) -> Href {
        Href::inside(format!("{}{name}", self.root()))
    }

    /// A link to a page; `None` if it does not exist.
    pub fn to(&self, page: &PageName) -> Option<Href> {
        let is_there = self.known.is_none_or(|known| known.contains(page));
        is_there.then(|| self.file(&page.to_string()))
    }

    /// A link to a place on this page.
    fn here(&self, id: &str) -> Href {
        Href::inside(format!("#{id}"))
    }

    /// The address of this page.
    fn canonical(&self) -> Option<Href> {
        let base = self.base_url?.trim_end_matches('/');
        let path = self.at.to_string();
        let path = path.strip_suffix("index.html").unwrap_or(&path);
        Href::web(&format!("{base}/{path}"))
    }
}

/// A page as HTML.
pub fn html(page: &Page, links: &Links<'_>) -> String {
    let mut main = Html::default();
    let title = match page {
        Page::Home(page) => home::home(&mut main, links, page),
        Page::Runs(page) => home::runs(&mut main, links, page),
        Page::Run(page) => run::run(&mut main, links, page),
        Page::History(page) => run::history(&mut main, links, page),
        Page::Node(page) => node::node(&mut main, links, page),
        Page::Plans(page) => plan::plans(&mut main, links, page),
        Page::Plan(page) => plan::plan(&mut main, links, page),
        Page::Revision(page) => plan::revision(&mut main, links, page),
        Page::Broken(page) => broken(&mut main, links, page, "This cannot be shown: "),
        Page::Refused(page) => broken(&mut main, links, page, ""),
    };
    frame(&title, &main, links)
}

fn broken(main: &mut Html, links: &Links<'_>, page: &BrokenPage, lead: &str) -> String {
    crumbs(main, links, &[(&page.title, None)]);
    main.element("h1", &[], &page.title);
    main.open("p", &[("class", "lead".into())]);
    main.text(lead).text(&page.message).close("p");
    if let Some(hint) = &page.hint {
        main.element("p", &[], hint);
    }
    page.title.clone()
}

/// The frame of every page.
fn frame(title: &str, main: &Html, links: &Links<'_>) -> String {
    let mut page = Html::default();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let referrer = links.referrer().into();
    page.open(
        "meta",
        &[("name", "referrer".into()), ("content", referrer)],
    );
    page.raw("\n").open(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy".into()),
            ("content", links.policy().into()),
        ],
    );
    page.raw("\n").open("title", &[]).text(title);
    page.raw(" · planspec</title>\n");
    if let Some(own) = links.canonical() {
        page.open(
            "link",
            &[("rel", "canonical".into()), ("href", (&own).into())],
        );
        page.raw("\n");
    }
    page.raw("<link rel=\"icon\" href=\"data:,\">\n");
    let style = links.file(STYLE_FILE);
    page.open(
        "link",
        &[("rel", "stylesheet".into()), ("href", (&style).into())],
    );
    let script = links.file(SCRIPT_FILE);
    page.raw("\n").open(
        "script",
        &[("src", (&script).into()), ("defer", html::Value::Set)],
    );
    page.raw("</script>\n</head>\n");
    let events = links.file(EVENTS);
    let live = [("data-events", html::Value::Href(&events))];
    page.open("body", if links.is_live { &live } else { &[] });
    page.raw("\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
    top(&mut page, links);
    page.raw("<main id=\"main\">\n").html(main).raw("</main>\n");
    page.raw("<footer><p>Made by <code>planspec</code> from the repository and its status branch. Times are in UTC.</p></footer>\n");
    page.raw("</body>\n</html>\n");
    page.into_string()
}

fn top(page: &mut Html, links: &Links<'_>) {
    page.raw("<header class=\"top\"><nav aria-label=\"Board\"><ul>");
    let entries = [
        ("Board", PageName::Home),
        ("Runs", PageName::Runs),
        ("Plans", PageName::Plans),
    ];
    for (word, name) in entries {
        page.open("li", &[]);
        match links.to(&name) {
            Some(href) if *links.at == name => {
                page.open(
                    "a",
                    &[("href", (&href).into()), ("aria-current", "page".into())],
                );
                page.text(word).close("a");
            }
            Some(href) => {
                page.element("a", &[("href", (&href).into())], word);
            }
            None => {
                page.text(word);
            }
        }
        page.close("li");
    }
    page.raw("</ul></nav></header>\n");
}

/// Commands to copy, one per line.
fn commands(main: &mut Html, all: &[String]) {
    for one in all {
        command(main, one);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::api::board::Of;

    fn of(name: &str) -> Of {
        Of {
            namespace: "team".to_owned(),
            name: name.to_owned(),
        }
    }

    fn broken(title: &str, links: &Links<'_>) -> String {
        let page = BrokenPage {
            title: title.to_owned(),
            message: "<i>no</i>".to_owned(),
            hint: Some("look \u{202e}there".to_owned()),
        };
        html(&Page::Broken(page), links)
    }

    #[test]
    fn links_are_relative_and_lead_to_what_there_is() {
        let known = BTreeSet::from([PageName::Home, PageName::Run(of("a"))]);
        let at = PageName::Node(of("a"), "build".to_owned());
        let links = Links {
            at: &at,
            known: Some(&known),
            place: None,
            base_url: Some("https://example.com/x/"),
            is_live: false,
            decides_as: None,
        };
        let to = |page: &PageName| links.to(page);
        let run = to(&PageName::Run(of("a"))).unwrap();
        assert_eq!(
            run,
            Href::inside("../../../../runs/team/a/index.html".to_owned())
        );
        assert_eq!(to(&PageName::Run(of("b"))), None);
        assert_eq!(
            links.canonical(),
            Href::web("https://example.com/x/runs/team/a/nodes/build.html")
        );
        let all = Links {
            known: None,
            base_url: None,
            ..links
        };
        assert!(all.to(&PageName::Run(of("b"))).is_some());
        assert_eq!(all.canonical(), None);
    }

    #[test]
    fn a_page_says_what_is_wrong_and_holds_nothing_but_text() {
        let at = PageName::Run(of("a"));
        let links = Links {
            at: &at,
            known: None,
            place: None,
            base_url: None,
            is_live: true,
            decides_as: None,
        };
        let page = broken("</title><script>", &links);
        for said in [
            "<title>&lt;/title&gt;&lt;script&gt; · planspec</title>",
            "&lt;i&gt;no&lt;/i&gt;",
            "look \\u{202e}there",
            "data-events=\"../../../board/events\"",
            "<link rel=\"stylesheet\" href=\"../../../board.css\">",
            "<script src=\"../../../board.js\" defer></script>",
            "<main id=\"main\">",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        let still = broken(
            "x",
            &Links {
                is_live: false,
                decides_as: None,
                ..links
            },
        );
        assert!(!still.contains("data-events"), "{still}");
    }

    #[test]
    fn the_policy_of_a_page_allows_what_it_has_and_the_script_no_more() {
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
        ] {
            assert!(POLICY.contains(part));
        }
        assert!(!POLICY.contains("unsafe"));
        // What the policy of a page would refuse, or what would run its text.
        for refused in [
            "eval(",
            "innerHTML =",
            "document.write",
            "setAttribute(\"style",
            "http://",
            "https://",
        ] {
            assert!(!SCRIPT.contains(refused), "{refused}");
        }
        for refused in ["@import", "url(", "http"] {
            assert!(!STYLE.contains(refused), "{refused}");
        }
    }
}
