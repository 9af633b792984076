//! Names of resources on the command line: `KIND`, `KIND NAME`, `KIND/NAME`, a label selector.

use std::collections::BTreeSet;

use super::{Error, Result, suggestion};
use crate::core::base::invisible::is_invisible;
use crate::core::base::suggest::{choices, did_you_mean};
use crate::core::document::{name_of_revisions, name_of_stem};
use crate::core::resource::{Key, Kind, LabelExpression, LabelOperator, LabelSelector};

/// A kind, and perhaps the name of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The kind.
    pub kind: Kind,
    /// `NAME` or `NAMESPACE/NAME`.
    pub name: Option<String>,
}

impl Wanted {}

/// Parses `KIND NAME`, `KIND/NAME`, or a kind alone.
///
/// # Errors
/// There is no such kind, or two names are given.
pub fn wanted(kind: &str, name: Option<&str>) -> Result<Wanted> {
    if let (Some((first, rest)), None) = (kind.split_once('/'), name)
        && Kind::parse(first).is_none()
    {
        let error = no_kind(first, &[]);
        let kinds = error.hint.clone().unwrap_or_default();
        return Err(error.hint(format!(
            "write KIND NAME or KIND/NAME, such as `plan/{rest}`, and a namespace with `-n {first}`; {kinds}"
        )));
    }
    let (kind, name) = match (kind.split_once('/'), name) {
        (None, name) => (kind, name),
        (Some((kind, own)), None) => (kind, Some(own)),
        (Some((kind, own)), Some(name)) => {
            parse_kind(kind)?;
            return Err(Error::ambiguous(format!(
                "both `{own}` and `{name}` were given as the name"
            ))
            .hint(format!("give one of them: {kind}/{own}")));
        }
    };
    Ok(Wanted {
        kind: parse_kind(kind)?,
        name: name.map(str::to_owned),
    })
}

/// Parses `KIND NAME` or `KIND/NAME`, for exactly one resource.
///
/// # Errors
/// There is no such kind, or not exactly one name is given; `verb` is for the hint.
pub fn wanted_one(verb: &str, kind: &str, name: Option<&str>) -> Result<(Kind, String)> {
    let wanted = wanted(kind, name)?;
    match wanted.name {
        Some(name) => Ok((wanted.kind, name)),
        None => Err(Error::ambiguous(format!("`{kind}` names no resource"))
            .hint(format!("write `planspec {verb} {kind} NAME`"))),
    }
}

/// A resource, as named by a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its kind.
    pub kind: Kind,
    /// `NAME` or `NAMESPACE/NAME`.
    pub name: String,
    /// Its namespace, if the name is ambiguous.
    pub namespace: Option<String>,
}

impl Named {
    /// The resource of a kind with a name.
    pub fn new(kind: Kind, name: &str, namespace: Option<&str>) -> Named {
        Named {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        }
    }

    /// The namespace, if one is given, and the name alone.
    ///
    /// # Errors
    /// Two different namespaces are given.
    pub fn parts(&self) -> Result<(Option<&str>, &str)> {
        in_parts(&self.name, self.namespace.as_deref())
    }

    /// Whether this names the resource with a key.
    pub fn is(&self, key: &Key) -> bool {
        let meant = |(namespace, name): (Option<&str>, &str)| {
            let is_called = key.name == name || of_file(self.kind, name).contains(&key.name);
            is_called && namespace.is_none_or(|own| key.namespace == own)
        };
        key.kind == self.kind && self.parts().is_ok_and(meant)
    }

    /// The key that this names, among `keys`.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn among<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Result<&'a Key> {
        choose_among(keys, self.kind, &self.name, self.namespace.as_deref())
    }
}

/// The namespace of `NAME` or `NAMESPACE/NAME`, if one is given, and the name alone.
///
/// # Errors
/// Two different namespaces are given, or the name is not valid.
pub fn in_parts<'a>(
    name: &'a str,
    namespace: Option<&'a str>,
) -> Result<(Option<&'a str>, &'a str)> {
    check_name(name)?;
    match (name.split_once('/'), namespace) {
        (Some((own, rest)), Some(other)) if own != other => Err(two_namespaces((own, rest), other)),
        (Some((own, rest)), _) => Ok((Some(own), rest)),
        (None, namespace) => Ok((namespace, name)),
    }
}

/// Checks that a text can be `NAME` or `NAMESPACE/NAME`.
fn check_name(text: &str) -> Result {
    let is_name = text.split('/').count() <= 2
        && text.split('/').all(|part| !part.is_empty())
        && !text.chars().any(is_invisible);
    if is_name {
        return Ok(());
    }
    Err(Error::ambiguous(format!("`{text}` is not a name")).hint("write NAME or NAMESPACE/NAME"))
}

/// A hint for a command with a name that several namespaces have.
pub fn choose_one<'a>(keys: impl IntoIterator<Item = &'a Key>) -> String {
    let namespaces = keys.into_iter().map(|key| key.namespace.as_str());
    let each = choices("", namespaces, |namespace| format!("`-n {namespace}`"));
    format!("choose one: {each}")
}

/// The error if the name has a namespace, and another one is given.
pub fn two_namespaces((own, name): (&str, &str), other: &str) -> Error {
    let message = format!("both `{own}` and `{other}` were given as the namespace of `{name}`");
    Error::ambiguous(message).hint(format!("give one of them: {own}/{name}, or {other}/{name}"))
}

/// The error that a namespace does not exist, with a suggestion.
fn unknown_namespace(namespace: Option<&str>, keys: &[&Key]) -> Option<String> {
    let namespace = namespace?;
    let known: BTreeSet<&str> = keys.iter().map(|key| key.namespace.as_str()).collect();
    if known.is_empty() || known.contains(namespace) {
        return None;
    }
    let near = did_you_mean(namespace, known);
    let meant = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Some(format!("there is no namespace `{namespace}`{meant}"))
}

/// The key of a kind that `NAME` or `NAMESPACE/NAME` names.
///
/// # Errors
/// There is none, or there are several.
pub fn choose_among<'a>(
    keys: impl Iterator<Item = &'a Key>,
    kind: Kind,
    name: &str,
    namespace: Option<&str>,
) -> Result<&'a Key> {
    let (namespace, name) = in_parts(name, namespace)?;
    let all: Vec<&Key> = keys.collect();
    let of_kind: Vec<&Key> = all.iter().filter(|key| key.kind == kind).copied().collect();
    let called = |name: &str| -> Vec<&Key> {
        let named = of_kind.iter().filter(|key| key.name == name);
        let found = named.filter(|key| namespace.is_none_or(|ns| key.namespace == ns));
        found.copied().collect()
    };
    let mut found = called(name);
    if found.is_empty() {
        found = of_file(kind, name)
            .iter()
            .flat_map(|name| called(name))
            .collect();
    }
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let place = namespace.map_or(String::new(), |ns| format!(" in namespace `{ns}`"));
            let word = kind.name().to_lowercase();
            let error = Error::not_found(format!("there is no {word} `{name}`{place}"));
            let elsewhere = of_kind.iter().filter(|key| key.name == name);
            let elsewhere: Vec<&str> = elsewhere.map(|key| key.namespace.as_str()).collect();
            let hint = match elsewhere.as_slice() {
                [] => unknown_namespace(namespace, &all)
                    .or_else(|| of_revision(kind, name, &called))
                    .or_else(|| suggestion(name, of_kind.iter().map(|key| key.name.as_str()))),
                [only] => Some(format!("there is one in namespace `{only}`")),
                several => {
                    let several = several.iter().copied();
                    let several = choices("", several, |namespace| format!("`{namespace}`"));
                    Some(format!("there are some in the namespaces {several}"))
                }
            };
            Err(error.maybe_hint(hint))
        }
        several => {
            let namespaces = several.iter().map(|key| key.namespace.as_str());
            let namespaces = choices("", namespaces, str::to_owned);
            Err(
                Error::ambiguous(format!("`{name}` is in several namespaces: {namespaces}"))
                    .hint(choose_one(several.iter().copied())),
            )
        }
    }
}

/// The names that a plan and its goal may have in a file of this name, which is what users see.
pub(super) fn of_file(kind: Kind, stem: &str) -> Vec<String> {
    // With letters that names can have, the name of the file is the only one.
    if !matches!(kind, Kind::Plan | Kind::Goal) || stem.is_ascii() {
        return Vec::new();
    }
    let stems = std::iter::once(stem).chain(name_of_revisions(stem));
    stems.map(name_of_stem).collect()
}

/// A hint if the name is that of a revision's file: the plan may have been meant.
fn of_revision<'k>(
    kind: Kind,
    stem: &str,
    called: &dyn Fn(&str) -> Vec<&'k Key>,
) -> Option<String> {
    let name = name_of_revisions(stem).filter(|_| matches!(kind, Kind::Plan | Kind::Goal))?;
    let has_any = !called(name).is_empty();
    has_any.then(|| format!("revisions in separate files have one name: `{name}`"))
}

/// `KIND/NAME`, or a name alone: an unknown kind is taken for a part of the name.
pub fn kind_and_name(text: &str) -> (Option<Kind>, &str) {
    match text.split_once('/') {
        Some((kind, name)) if Kind::parse(kind).is_some() => (Kind::parse(kind), name),
        _ => (None, text),
    }
}

/// Parses a kind.
///
/// # Errors
/// There is no such kind; the nearest is suggested.
pub fn parse_kind(text: &str) -> Result<Kind> {
    Kind::parse(text).ok_or_else(|| no_kind(text, &[]))
}

/// The error that there is no such kind; `more` are other words that are allowed here.
pub fn no_kind(text: &str, more: &[&str]) -> Error {
    let names = Kind::ALL.iter().flat_map(|kind| {
        [kind.plural()]
            .into_iter()
            .chain(kind.short().iter().copied())
    });
    let near = did_you_mean(text, names.chain(more.iter().copied()));
    let near = near.map(|near| format!("did you mean `{near}`?"));
    let hint = near.unwrap_or_else(|| {
        let kinds = Kind::ALL.iter().map(|kind| kind.plural());
        let all: Vec<&str> = kinds.chain(more.iter().copied()).collect();
        format!("the kinds are {}", all.join(", "))
    });
    Error::ambiguous(format!("there is no kind `{text}`")).hint(hint)
}

/// Parses a selector as in kubectl: `a=b`, `a==b`, `a!=b`, `a`, `!a`, joined by commas.
///
/// # Errors
/// A part of it is not a requirement on a label.
pub fn parse_selector(text: &str) -> std::result::Result<LabelSelector, String> {
    let mut selector = LabelSelector::default();
    if text.trim().is_empty() {
        return Ok(selector);
    }
    let parts = requirements(text);
    for part in parts {
        let expression = requirement(part.trim())
            .ok_or_else(|| format!("`{part}` is not a valid requirement: {FORMS}"))?;
        selector.match_expressions.push(expression);
    }
    Ok(selector)
}

/// The forms of the requirements of a selector.
const FORMS: &str = "write `KEY=VALUE`, `KEY!=VALUE`, `KEY in (A,B)`, `KEY notin (A,B)`, `KEY` or `!KEY`, with commas between them";

/// The parts between commas, except commas in parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    let parts = text.split(|c| {
        is_inside = match c {
            '(' => true,
            ')' => false,
            _ => is_inside,
        };
        c == ',' && !is_inside
    });
    parts.collect()
}

fn requirement(part: &str) -> Option<LabelExpression> {
    let expression = |key: &str, operator, values: Vec<String>| {
        let is_value = |value: &String| value.is_empty() || is_label(value);
        let (prefix, name) = key.split_once('/').unwrap_or(("x", key));
        (is_label(name) && is_label(prefix) && values.iter().all(is_value)).then(|| {
            LabelExpression {
                key: key.to_owned(),
                operator,
                values,
            }
        })
    };
    if let Some((before, list)) = part.split_once('(') {
        let values = list.strip_suffix(')')?.split(',');
        let values = values.map(|value| value.trim().to_owned()).collect();
        let mut words = before.split_whitespace();
        let (key, word, rest) = (words.next()?, words.next()?, words.next());
        let operator = match (word, rest) {
            ("in", None) => LabelOperator::In,
            ("notin", None) => LabelOperator::NotIn,
            _ => return None,
        };
        return expression(key, operator, values);
    }
    if let Some((key, value)) = part.split_once("!=") {
        let values = vec![value.trim().to_owned()];
        return expression(key.trim(), LabelOperator::NotIn, values);
    }
    if let Some((key, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return expression(key.trim(), LabelOperator::In, vec![value.trim().to_owned()]);
    }
    match part.strip_prefix('!') {
        Some(key) => expression(key.trim(), LabelOperator::DoesNotExist, Vec::new()),
        None => expression(part, LabelOperator::Exists, Vec::new()),
    }
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_label(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut letters = text.chars();
    is_end(letters.clone().next())
        && is_end(letters.clone().next_back())
        && letters.all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn selectors_are_those_of_kubernetes() {
        let told = |text: &str| -> Vec<String> {
            let selector = parse_selector(text).unwrap();
            let parts = selector.match_expressions.iter();
            parts
                .map(|one| format!("{} {:?} {:?}", one.key, one.operator, one.values))
                .collect()
        };
        for (text, parts) in [
            ("", &[][..]),
            ("env=prod", &["env In [\"prod\"]"]),
            (
                "env == prod , !old",
                &["env In [\"prod\"]", "old DoesNotExist []"],
            ),
            (
                "env in (a,b), team notin ( c )",
                &["env In [\"a\", \"b\"]", "team NotIn [\"c\"]"],
            ),
            (
                "x.example/env!=a,team",
                &["x.example/env NotIn [\"a\"]", "team Exists []"],
            ),
            ("env=", &["env In [\"\"]"]),
        ] {
            assert_eq!(told(text), parts, "{text}");
        }
        for text in [
            "env in (a,b",
            "env in a",
            "env of (a)",
            "in (a)",
            "a,,b",
            "=a",
            "env=a b",
            "env>3",
            "e nv",
            "!",
            "a=b=c",
        ] {
            let why = parse_selector(text).unwrap_err();
            assert!(
                why.contains("is not a valid requirement: write `KEY=VALUE`"),
                "{text}: {why}"
            );
        }
    }
}
