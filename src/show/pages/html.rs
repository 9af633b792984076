//! HTML that is always well-formed: markup is written in this program, and everything else is escaped.

use std::fmt::Write;

use crate::core::base::escape;
use crate::core::base::invisible::unseen;
use crate::core::base::secrets::masked;

/// The target of a link: a page of the board, or a web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Href(String);

impl Href {
    /// A web address from a text; `None` for any other scheme, spaces, invisible characters or a secret.
    pub fn web(text: &str) -> Option<Href> {
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let is_web = lower.starts_with("https://") || lower.starts_with("http://");
        let is_plain = unseen(text).all(|(c, is_unseen)| !is_unseen && !c.is_whitespace());
        // A secret that is masked in the text must not appear in the address.
        let has_secret = masked(text) != text;
        (is_web && is_plain && !has_secret).then(|| Href(text.to_owned()))
    }

    /// A path of the board. Its names have no characters with a meaning in a URL.
    pub(super) fn inside(path: String) -> Href {
        Href(path)
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// The target of a link.
    Href(&'a Href),
    /// An attribute without a value.
    Set,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Value<'a> {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Value<'a> {
        Value::Text(text)
    }
}

impl<'a> From<&'a Href> for Value<'a> {
    fn from(href: &'a Href) -> Value<'a> {
        Value::Href(href)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

/// Attributes of an element.
pub type Attributes<'a> = [(&'static str, Value<'a>)];

/// A page as it grows. Names of elements and attributes are written in this program; anything else goes through
/// [`Html::text`], [`Html::lines`] or the value of an attribute.
#[derive(Debug, Default)]
pub struct Html {
    out: String,
}

impl Html {
    /// Markup written in this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.out.push_str(markup);
        self
    }

    /// The start tag of an element.
    pub fn open(&mut self, tag: &'static str, attributes: &Attributes<'_>) -> &mut Html {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            // Writing to a string cannot fail.
            match value {
                Value::Set => {}
                Value::Number(number) => {
                    let _ = write!(self.out, "=\"{number}\"");
                }
                Value::Text(text) => {
                    self.out.push_str("=\"");
                    escaped(&mut self.out, &escape::line(text));
                    self.out.push('"');
                }
                Value::Href(Href(to)) => {
                    self.out.push_str("=\"");
                    escaped(&mut self.out, to);
                    self.out.push('"');
                }
            }
        }
        self.out.push('>');
        self
    }

    /// The end tag of an element.
    pub fn close(&mut self, tag: &'static str) -> &mut Html {
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
        self
    }

    /// Text on one line; invisible characters, and those that reorder text, become visible.
    pub fn text(&mut self, text: &str) -> &mut Html {
        escaped(&mut self.out, &escape::line(text));
        self
    }

    /// Text that keeps its lines and tabs.
    pub fn lines(&mut self, text: &str) -> &mut Html {
        escaped(&mut self.out, &escape::printed(text.as_bytes()));
        self
    }

    /// An element with text in it.
    pub fn element(
        &mut self,
        tag: &'static str,
        attributes: &Attributes<'_>,
        text: &str,
    ) -> &mut Html {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// HTML from another builder.
    pub fn html(&mut self, other: &Html) -> &mut Html {
        self.out.push_str(&other.out);
        self
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The HTML as a string.
    pub fn into_string(self) -> String {
        self.out
    }
}

/// Text without markup, for elements and quoted attributes alike.
fn escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_text_and_what_is_not_seen_is_seen() {
        for (text, shown) in [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            (
                "\"><img src=x onerror='x'>&amp;",
                "&quot;&gt;&lt;img src=x onerror=&#39;x&#39;&gt;&amp;amp;",
            ),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("a\u{0}b\u{1b}[2K\nc", "a\\u{0}b\\u{1b}[2K\\nc"),
            ("https://a:secret@b/x", "https://***@b/x"),
        ] {
            let mut html = Html::default();
            html.text(text);
            let shown = shown.replace(
                "***",
                &masked("https://a:secret@b/x")["https://".len()..].replace("@b/x", ""),
            );
            assert_eq!(html.into_string(), shown, "{text}");
        }
        let mut html = Html::default();
        html.element("a", &[("title", "\" onclick=\"x\n\u{202e}".into())], "<b>");
        assert_eq!(
            html.into_string(),
            "<a title=\"&quot; onclick=&quot;x\\n\\u{202e}\">&lt;b&gt;</a>"
        );
        let mut html = Html::default();
        html.lines("one <b>\n\ttwo\u{202e}\r\n");
        assert_eq!(html.into_string(), "one &lt;b&gt;\n\ttwo\\u{202e}\n");
    }

    #[test]
    fn only_plain_addresses_of_the_web_become_links() {
        for text in [
            "https://example.com/a?b=c#d",
            "http://example.com",
            "HTTPS://EXAMPLE.COM/\u{e9}",
        ] {
            assert!(Href::web(text).is_some(), "{text}");
        }
        for text in [
            "javascript:alert(1)",
            " https://example.com",
            "https://example.com/ x",
            "java\nscript:x",
            "data:text/html,x",
            "//example.com",
            "ftp://example.com",
            "https",
            "https://e\u{202e}x",
            "https://me:secret@example.com/",
            "\u{1}javascript:x",
            "",
        ] {
            assert!(Href::web(text).is_none(), "{text}");
        }
        let href = Href::web("https://example.com/\"onclick='x'<").unwrap();
        let mut html = Html::default();
        html.open("a", &[("href", (&href).into())]);
        let shown = "<a href=\"https://example.com/&quot;onclick=&#39;x&#39;&lt;\">";
        assert_eq!(html.into_string(), shown);
    }
}
