//! Credentials in URLs: `https://user:password@host`, `https://host/?token=…`.

use std::borrow::Cow;
use std::ops::Range;

/// The replacement of a credential.
const MASK: &str = "***";
/// Names of parameters with credentials, in lower case without `-` and `_`.
const PARAMETERS: [&str; 16] = [
    "token",
    "accesstoken",
    "authtoken",
    "privatetoken",
    "apitoken",
    "refreshtoken",
    "idtoken",
    "apikey",
    "secret",
    "clientsecret",
    "password",
    "passwd",
    "pwd",
    "sig",
    "signature",
    "xamzsignature",
];
/// Prefixes of user names that are tokens.
const TOKENS: [&str; 6] = [
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "x-access-token",
];

/// The ranges of credentials in a text, in order.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let begin = from + at + 3;
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
        let end = text[begin..].find(ends).map_or(text.len(), |at| begin + at);
        of_url(text, begin..end, &mut found);
        from = end;
    }
    found
}

/// A text with its credentials masked.
pub fn masked(text: &str) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for secret in found {
        out.push_str(&text[from..secret.start]);
        out.push_str(MASK);
        from = secret.end;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// The same for the output of a program; bytes that are not text stay as they are.
pub fn masked_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(bytes).map(masked) {
        Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

/// The credentials in one URL, given the part after the scheme.
fn of_url(text: &str, url: Range<usize>, found: &mut Vec<Range<usize>>) {
    let rest = &text[url.clone()];
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if let Some(at) = rest[..authority].rfind('@') {
        let who = &rest[..at];
        let secret = match who.split_once(':') {
            Some((user, _)) => url.start + user.len() + 1..url.start + at,
            None if TOKENS.iter().any(|token| who.starts_with(token)) => url.start..url.start + at,
            None => 0..0,
        };
        if is_secret(&text[secret.clone()]) {
            found.push(secret);
        }
    }
    let mut from = authority;
    while let Some(at) = rest[from..].find(['?', '&', '#', ';']) {
        let begin = from + at + 1;
        let end = rest[begin..]
            .find(['?', '&', '#', ';'])
            .map_or(rest.len(), |at| begin + at);
        if let Some((name, value)) = rest[begin..end].split_once('=') {
            let plain = name.replace(['-', '_'], "").to_ascii_lowercase();
            if PARAMETERS.contains(&plain.as_str()) && is_secret(value) {
                found.push(url.start + end - value.len()..url.start + end);
            }
        }
        from = end;
    }
}

/// Whether a text is a secret, and not only a placeholder: `$TOKEN`, `${{ secrets.token }}`, `***`.
fn is_secret(text: &str) -> bool {
    let is_masked = text
        .chars()
        .all(|one| matches!(one, '*' | '…' | '.' | 'x' | 'X'));
    !text.is_empty() && !is_masked && !text.starts_with(['$', '{', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_and_masked() {
        for (text, shown) in [
            (
                "https://ana:s3cret@x.example/a",
                "https://ana:***@x.example/a",
            ),
            (
                "GET http://:pw@x:80/?a=b&Token=1&c=d failed",
                "GET http://:***@x:80/?a=b&Token=***&c=d failed",
            ),
            ("https://ana:p@ss@x.example", "https://ana:***@x.example"),
            ("https://x/#access_token=abc", "https://x/#access_token=***"),
            (
                "\"https://x/?api-key=k\" 'https://x/?sig=1'",
                "\"https://x/?api-key=***\" 'https://x/?sig=***'",
            ),
            ("https://ghp_abc@github.com/x", "https://***@github.com/x"),
            ("postgres://u:p@db/prod", "postgres://u:***@db/prod"),
        ] {
            assert_eq!(masked(text), shown);
            assert!(find(shown).is_empty(), "once is enough");
        }
        assert_eq!(
            masked_bytes(b"\xff http://a:b@c"),
            &b"\xff http://a:b@c"[..]
        );
        assert_eq!(masked_bytes(b"http://a:b@c"), &b"http://a:***@c"[..]);
    }

    #[test]
    fn what_is_none_stays() {
        for text in [
            "https://x.example/a?b=c&tokens=3",
            "ssh://git@github.com/a/b",
            "https://ana@x.example",
            "https://ana:$PASSWORD@x.example/?token=${TOKEN}",
            "ana:secret@x.example",
            "a ://",
            "https://x/@a:b",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
