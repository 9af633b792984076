//! Turns errors of the validator into messages.

use std::collections::HashSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::{Location, LocationSegment};
use serde_json::{Value, json};

use super::{SchemaProblem, fixes};
use crate::core::base::diagnostic::{Code, Part, PathStep, display_path};
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::words::{listed, quoted, type_of, type_words, unquoted};
use crate::core::resource::Duration;

/// An error, with what is needed to tell causes from consequences.
pub(super) struct Complaint {
    /// The path of the error, or of the missing field.
    subject: Vec<PathStep>,
    /// Of several errors with one subject, the one with the lowest rank is the cause.
    rank: u8,
    /// For an unknown field, the field that was probably meant.
    meant: Option<Vec<PathStep>>,
    problem: SchemaProblem,
}

/// Keeps one error for each subject; none about the form of an object with wrong fields, nor
/// about a missing field that exists under a mistyped name.
pub(super) fn reduce(mut complaints: Vec<Complaint>) -> Vec<SchemaProblem> {
    complaints.sort_by(|a, b| (&a.subject, a.rank).cmp(&(&b.subject, b.rank)));
    complaints.dedup_by(|later, first| later.subject == first.subject);
    let wrong_fields: HashSet<Vec<PathStep>> = complaints
        .iter()
        .filter(|c| {
            c.problem.code == Code::UNKNOWN_FIELD || c.problem.code == Code::FORBIDDEN_FIELD
        })
        .map(|c| parent(&c.subject).to_vec())
        .collect();
    let mistyped: HashSet<Vec<PathStep>> = complaints
        .iter_mut()
        .filter_map(|c| c.meant.take())
        .collect();
    let mut problems: Vec<SchemaProblem> = complaints
        .into_iter()
        .filter(|c| c.rank != SHAPE || !wrong_fields.contains(&c.subject))
        .filter(|c| c.problem.code != Code::MISSING_FIELD || !mistyped.contains(&c.subject))
        .map(|c| c.problem)
        .collect();
    problems.sort();
    problems.dedup();
    problems
}

impl Complaint {
    fn new(subject: Vec<PathStep>, rank: u8, problem: SchemaProblem) -> Complaint {
        Complaint {
            subject,
            rank,
            meant: None,
            problem,
        }
    }
}

const TYPE: u8 = 0;
const CHOICE: u8 = 1;
const LENGTH: u8 = 2;
const SYNTAX: u8 = 3;
const SHAPE: u8 = 4;

/// The messages for one error.
pub(super) fn complaints(
    root: &Value,
    instance: &Value,
    error: &ValidationError<'_>,
) -> Vec<Complaint> {
    let path = steps(instance, error.instance_path());
    let rule = rule(root, error.evaluation_path());
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![missing((root, instance), &rule, path, name, error)]
        }
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| misplaced(root, &rule, &path, name, instance))
            .collect(),
        Kind::PropertyNames { error: inner } => {
            let key = inner.instance().as_str().unwrap_or_default();
            let rule = self::rule(root, inner.evaluation_path());
            let path = [path, vec![PathStep::from(key)]].concat();
            let said = value_words(&rule, inner);
            vec![said.into_complaint(path, Part::Key, &format!("the key `{key}`"))]
        }
        Kind::UniqueItems => repeated(&path, error.instance()).into_iter().collect(),
        _ => {
            let name = name(&path);
            let mut said = value_words(&rule, error);
            if said.code == Code::WRONG_TYPE && rule.text("type") == Some("string") {
                said.help = text_with_a_colon(&path, error.instance()).or(said.help);
            }
            said.fix = value_fix((root, instance), &rule, &path, error);
            let is_needed = || error.instance().is_null() && rule.is_required(&path);
            if said.code == Code::WRONG_TYPE && is_needed() {
                said.help = Some("give it a value".to_owned());
            }
            vec![said.into_complaint(path, Part::Value, &name)]
        }
    }
}

/// The fix of a value, from what was probably meant.
fn value_fix(
    (root, instance): (&Value, &Value),
    rule: &Rule<'_>,
    path: &[PathStep],
    error: &ValidationError<'_>,
) -> Option<Fix> {
    let value = error.instance().as_ref();
    match (error.kind(), value) {
        (Kind::Type { .. }, _) => fixes::typed((root, instance), rule, path, value),
        (Kind::Enum { options }, Value::String(given)) => {
            let allowed = options.as_array().into_iter().flatten();
            let allowed: Vec<&str> = allowed.filter_map(Value::as_str).collect();
            let (fix, _) = fixes::word(path, given, &allowed)?;
            Some(fixes::with_what_it_said(instance, path, given, fix))
        }
        (Kind::Format { .. }, Value::String(text)) => match rule.text("format") {
            Some("uuid") => None,
            Some("date-time") => fixes::time(path, text),
            _ => fixes::duration(path, text).or_else(|| fixes::no_duration(instance, path, text)),
        },
        (Kind::Pattern { .. }, Value::String(text)) => {
            let is_reviewer = path.starts_with(&["spec".into(), "reviewers".into()]);
            let person = fixes::person(text).filter(|_| is_reviewer);
            let name = person.or_else(|| fixes::name(rule, text))?;
            let is_output =
                matches!(path, [.., PathStep::Key(list), PathStep::Index(_)] if list == "outputs");
            let with = match Value::from(name) {
                name if is_output => json!({"name": name, "description": text}),
                name => name,
            };
            let with = with.into();
            let path = path.to_vec();
            Some(Fix::likely(Change::Replace { path, with }))
        }
        _ => None,
    }
}

/// The message about a value.
struct Said {
    code: Code,
    rank: u8,
    /// The part after the name of the value.
    message: String,
    label: String,
    help: Option<String>,
    fix: Option<Fix>,
}

impl Said {
    fn new(code: Code, rank: u8, message: impl Into<String>) -> Said {
        let message = message.into();
        Said {
            code,
            rank,
            label: message.clone(),
            message,
            help: None,
            fix: None,
        }
    }

    fn wrong_type(message: impl Into<String>) -> Said {
        Said::new(Code::WRONG_TYPE, TYPE, message)
    }

    fn out_of_range(message: impl Into<String>) -> Said {
        Said::new(Code::OUT_OF_RANGE, LENGTH, message)
    }

    fn bad_format(rank: u8, message: impl Into<String>) -> Said {
        Said::new(Code::BAD_FORMAT, rank, message)
    }

    fn label(mut self, label: impl Into<String>) -> Said {
        self.label = label.into();
        self
    }

    fn help(mut self, help: impl Into<String>) -> Said {
        self.help = Some(help.into());
        self
    }

    fn into_complaint(self, path: Vec<PathStep>, part: Part, name: &str) -> Complaint {
        let problem = SchemaProblem {
            message: format!("{name}: {}", self.message),
            path: path.clone(),
            part,
            code: self.code,
            label: self.label,
            help: self.help,
            fix: self.fix,
        };
        Complaint::new(path, self.rank, problem)
    }
}

fn value_words(rule: &Rule<'_>, error: &ValidationError<'_>) -> Said {
    let value = error.instance().as_ref();
    match error.kind() {
        Kind::Type { .. } => wrong_type(rule, value),
        Kind::Enum { options } => not_allowed(options.as_array().into_iter().flatten(), value),
        Kind::Constant { expected_value } => {
            not_allowed(std::iter::once(expected_value.as_ref()), value)
        }
        Kind::Format { .. } => bad_format(rule, value),
        Kind::Pattern { .. } => bad_syntax(rule, value),
        Kind::MinLength { .. } => Said::out_of_range("it is empty").help("write something there"),
        Kind::MaxLength { limit } => {
            let length = value.as_str().map_or(0, |text| text.chars().count());
            let message = format!("it has {length} characters, but at most {limit} are allowed");
            Said::out_of_range(message)
                .label(format!("longer than {limit} characters"))
                .help(format!("write at most {limit} characters"))
        }
        Kind::Minimum { .. } | Kind::Maximum { .. } => {
            let bound = |keyword| rule.schema.get(keyword).map_or(String::new(), unquoted);
            let range = format!("{} to {}", bound("minimum"), bound("maximum"));
            let message = format!("{} is out of range; {range} is allowed", quoted(value));
            Said::out_of_range(message)
                .help(format!("write a number from {range}"))
                .label(range)
        }
        Kind::MinItems { .. } | Kind::MinProperties { .. } => {
            Said::out_of_range("it is empty, at least one entry is expected")
                .label("at least one entry is expected")
                .help("add an entry")
        }
        Kind::MaxItems { limit } => {
            Said::out_of_range(format!("at most {limit} entries are allowed here"))
                .help(format!("keep only {limit}"))
        }
        Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } => {
            let shapes = rule.text("errorMessage");
            Said::bad_format(SHAPE, shapes.unwrap_or("it has none of the allowed shapes"))
                .label("it fits none of the shapes, or several")
                .help("write the fields of one shape only")
        }
        Kind::Custom { keyword, .. } if keyword == "wholeNumber" => {
            let whole = value.as_f64().unwrap_or_default();
            let expected = "a whole number is expected";
            Said::wrong_type(format!("{expected}, {} has a fraction", quoted(value)))
                .label(expected)
                .help(format!("write `{whole}`"))
        }
        _ => Said::bad_format(SHAPE, error.to_string()),
    }
}

fn bad_format(rule: &Rule<'_>, value: &Value) -> Said {
    let noun = match rule.text("format") {
        Some("uuid") => "UUID",
        Some("date-time") => "time",
        _ => "duration",
    };
    let why = value
        .as_str()
        .and_then(|text| text.parse::<Duration>().err());
    let why = why.filter(|_| noun == "duration");
    Said::bad_format(
        LENGTH,
        why.unwrap_or_else(|| format!("{} is not a {noun}", quoted(value))),
    )
    .label(format!("not a {noun}"))
    .help(rule.expected())
}

fn bad_syntax(rule: &Rule<'_>, value: &Value) -> Said {
    let said = if value == "" {
        Said::bad_format(SYNTAX, "it is empty")
    } else {
        let message = format!("{} has the wrong syntax", quoted(value));
        Said::bad_format(SYNTAX, message).label("wrong syntax")
    };
    said.help(rule.expected())
}

fn wrong_type(rule: &Rule<'_>, value: &Value) -> Said {
    let expected: Vec<&str> = match rule.schema.get("type") {
        Some(Value::String(one)) => vec![one],
        several => strings(several).collect(),
    };
    let words: Vec<&str> = expected.iter().map(|name| type_words(name)).collect();
    let found = match value {
        Value::Number(_) if expected == ["integer"] => "a number with a fraction",
        other => type_of(other),
    };
    let words = format!("{} is expected", words.join(" or "));
    let help = match rule.text("format") {
        // A number in quotes is no time either.
        Some("date-time") => Some(rule.expected()),
        _ => expected.first().and_then(|name| how_to_write(name, value)),
    };
    Said {
        help,
        ..Said::wrong_type(format!("{words}, but this is {found}")).label(words)
    }
}

/// The strings in a list of a schema.
fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str)
}

const A_LIST: &str = "write it as a list: ";
const LIST_IN_YAML: &str = "each entry on its own line, after `- `";
const LIST_IN_JSON: &str = "`[…]`";
const A_MAPPING: &str = "write it as a mapping: ";
const MAPPING_IN_YAML: &str = "each field on its own line, as `field: value`";
const MAPPING_IN_JSON: &str = "`{\"field\": …}`";
const COLON: &str = "a colon followed by a space starts a mapping: write ";

/// The help for a JSON text, if it differs: messages about values do not know the
/// format.
pub(super) fn in_json(help: String) -> String {
    if let Some(text) = help.strip_prefix(COLON) {
        return format!("write one text: {text}");
    }
    help.replace(LIST_IN_YAML, LIST_IN_JSON)
        .replace(MAPPING_IN_YAML, MAPPING_IN_JSON)
}

/// The text for a mapping where a string is expected: one with a colon.
fn text_with_a_colon(path: &[PathStep], value: &Value) -> Option<String> {
    let fields = value.as_object()?;
    let (key, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let is_scope = matches!(path, [PathStep::Key(section), ..] if section == "scope");
    match value {
        Value::Array(_) | Value::Object(_) | Value::Null => None,
        value if is_scope && key == "path" => Some(format!("{COLON}`path:{}`", unquoted(value))),
        value => {
            let text = Value::String(format!("{key}: {}", unquoted(value)));
            Some(format!("{COLON}`{text}` in quotes"))
        }
    }
}

/// How to write a value so that it has the expected type. YAML 1.1 reads `yes` and `0777`
/// as a boolean and a number; YAML 1.2 reads strings, which people need to know.
pub(super) fn how_to_write(expected: &str, value: &Value) -> Option<String> {
    match (expected, value) {
        (_, Value::Null) => Some("give it a value, or remove the field".to_owned()),
        ("string", Value::Bool(_)) => Some(format!("write it in quotes: `\"{value}\"`")),
        ("string", Value::Number(number)) if number.is_f64() => {
            Some("write it in quotes".to_owned())
        }
        ("string", Value::Number(_)) => Some(format!("write it in quotes: `\"{value}\"`")),
        ("boolean", Value::String(text)) => Some(how_to_write_boolean(text)),
        ("boolean", Value::Number(_)) => Some("write `true` or `false`".to_owned()),
        ("integer" | "number", Value::String(text)) => how_to_write_number(text),
        ("array", _) => Some(format!("{A_LIST}{LIST_IN_YAML}")),
        ("object", _) => Some(format!("{A_MAPPING}{MAPPING_IN_YAML}")),
        ("string", _) => Some("write one text".to_owned()),
        ("boolean", _) => Some("write `true` or `false`".to_owned()),
        ("integer", _) => Some("write a whole number".to_owned()),
        ("number", _) => Some("write a number".to_owned()),
        _ => None,
    }
}

fn how_to_write_boolean(text: &str) -> String {
    let meant = match text.to_lowercase().as_str() {
        "true" => return "write `true`, without quotes".to_owned(),
        "false" => return "write `false`, without quotes".to_owned(),
        "yes" | "y" | "on" | "1" => "true",
        "no" | "n" | "off" | "0" => "false",
        _ => return "write `true` or `false`, without quotes".to_owned(),
    };
    format!("`{text}` is text; only `true` and `false` are booleans: write `{meant}`")
}

fn how_to_write_number(text: &str) -> Option<String> {
    let digits = text.replace('_', "");
    let zeros = digits.trim_start_matches('0');
    let leading = digits.len() - zeros.len();
    let plain = if zeros.starts_with(|c: char| c.is_ascii_digit()) {
        zeros
    } else {
        // `0` and `0.5` keep their zero.
        digits.get(leading.saturating_sub(1)..)?
    };
    let is_number = plain.parse::<f64>().is_ok_and(f64::is_finite);
    let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty());
    let octal = octal.and_then(|rest| u64::from_str_radix(rest, 8).ok());
    match (is_number, octal) {
        (false, _) => None,
        (true, _) if text.contains('_') => Some(format!(
            "`{text}` is text, because numbers have no `_`: write `{plain}`"
        )),
        (true, Some(octal)) => Some(format!(
            "`{text}` is text, because numbers have no leading zero: write `{plain}`, or `{octal}` \
             for an octal number"
        )),
        (true, _) if plain != text => Some(format!(
            "`{text}` is text, because numbers have no leading zero: write `{plain}`"
        )),
        (true, _) => Some(format!("write `{plain}`, without quotes")),
    }
}

fn not_allowed<'v>(options: impl Iterator<Item = &'v Value>, value: &Value) -> Said {
    let words: Vec<&str> = options.filter_map(Value::as_str).collect();
    let all = || format!("allowed: {}", listed(words.iter().copied()));
    let Some(given) = value.as_str() else {
        let rule = serde_json::json!({ "type": "string" });
        return wrong_type(&Rule::of(&rule), value).help(all());
    };
    let near = fixes::word(&[], given, &words).map(|(_, near)| near);
    let help = match near {
        Some(near) if words.len() > 1 => format!("did you mean `{near}`? {}", all()),
        Some(near) => format!("did you mean `{near}`?"),
        None => all(),
    };
    let message = format!("{} is not one of the allowed values", quoted(value));
    Said::new(Code::NOT_ALLOWED, CHOICE, message)
        .label("not an allowed value")
        .help(help)
}

fn missing(
    (root, instance): (&Value, &Value),
    rule: &Rule<'_>,
    path: Vec<PathStep>,
    name: &str,
    error: &ValidationError<'_>,
) -> Complaint {
    let pairs = rule.schema.get("dependentRequired");
    let pairs = pairs.filter(|_| rule.keyword == "dependentRequired");
    let mut pairs = pairs.and_then(Value::as_object).into_iter().flatten();
    let beside = pairs.find(|(present, needed)| {
        let is_there = error.instance().get(present.as_str()).is_some();
        is_there && strings(Some(needed)).any(|one| one == name)
    });
    let message = match (beside, rule.text("title"), path.last()) {
        (Some((present, _)), _, _) => format!("`{present}` also needs `{name}`"),
        (None, Some(title), Some(_)) => format!("{title} needs `{name}`"),
        (None, _, Some(_)) => format!("`{name}` is missing in `{}`", display_path(&path)),
        (None, _, None) => format!("`{name}` is missing"),
    };
    let part = match path.last() {
        Some(PathStep::Key(_)) => Part::Key,
        _ => Part::Value,
    };
    let problem = SchemaProblem {
        path: path.clone(),
        part,
        code: Code::MISSING_FIELD,
        message,
        label: format!("`{name}` is missing"),
        help: Some(match shape(root, rule, name) {
            Some(shape) => format!("add `{name}`: {shape}"),
            None => format!("add `{name}`"),
        }),
        fix: fixes::missing(instance, &path, name),
    };
    Complaint::new([path, vec![name.into()]].concat(), TYPE, problem)
}

/// The form of a field of an object, in words.
fn shape(root: &Value, rule: &Rule<'_>, name: &str) -> Option<String> {
    let mut schema = rule.schema.get("properties")?.get(name)?;
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        schema = follow(root, reference)?;
    }
    let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
    if let Some(options) = schema.get("enum") {
        let options: Vec<&str> = strings(Some(options)).collect();
        return Some(match options.as_slice() {
            [only] => format!("`{only}`"),
            several => format!("one of {}", listed(several.iter().copied())),
        });
    }
    if let Some(words) = text("patternErrorMessage") {
        return Some(words.to_owned());
    }
    Some(match text("type")? {
        "object" => match listed(strings(schema.get("required"))).as_str() {
            "" => "a mapping".to_owned(),
            fields => format!("a mapping with {fields}"),
        },
        "boolean" => "`true` or `false`".to_owned(),
        name => type_words(name).to_owned(),
    })
}

/// The message about an unknown field: one of another variant, or of none.
fn misplaced(
    root: &Value,
    rule: &Rule<'_>,
    path: &[PathStep],
    name: &str,
    instance: &Value,
) -> Complaint {
    let of_others = rule.variants.iter();
    let of_others = of_others.filter_map(|one| variant_schema(root, one));
    let homes: Vec<&str> = of_others
        .filter(|schema| has_field(schema, name))
        .filter_map(|schema| schema.get("title").and_then(Value::as_str))
        .collect();
    let mut meant = None;
    let mut fix_of_field = None;
    let (code, message, label, help) = match rule.text("title") {
        Some(title) if !homes.is_empty() => (
            Code::FORBIDDEN_FIELD,
            format!("`{name}` is not allowed in {title}"),
            format!("not in {title}"),
            format!("it belongs in {}", homes.join(" or ")),
        ),
        _ => {
            let object = at(instance, path).unwrap_or(instance);
            let fields = rule.schema.get("properties").and_then(Value::as_object);
            let known = || fields.into_iter().flatten().map(|(key, _)| key.as_str());
            let free: Vec<&str> = known().filter(|key| object.get(key).is_none()).collect();
            let misplaced = fixes::Misplaced {
                instance,
                path,
                name,
                free: &free,
            };
            let (help, found) = way_out((root, rule), &misplaced);
            let help = help.unwrap_or_else(|| format!("the fields here are {}", listed(known())));
            if let Some(fix) = found {
                meant = place_of(&fix);
                fix_of_field = Some(fix);
            }
            (
                Code::UNKNOWN_FIELD,
                format!("there is no field `{name}` in {}", self::name(path)),
                "no such field".to_owned(),
                help,
            )
        }
    };
    let path = [path, &[name.into()]].concat();
    let problem = SchemaProblem {
        path: path.clone(),
        part: Part::Key,
        code,
        message,
        label,
        help: Some(help),
        fix: fix_of_field,
    };
    Complaint {
        meant,
        ..Complaint::new(path, TYPE, problem)
    }
}

/// What to do with an unknown field: in words, and as a fix.
fn way_out(
    (root, rule): (&Value, &Rule<'_>),
    field: &fixes::Misplaced<'_>,
) -> (Option<String>, Option<Fix>) {
    let path = [field.path, &[field.name.into()]].concat();
    let moved = |to: Vec<PathStep>| Change::Move {
        path: path.clone(),
        to,
    };
    let home = |name: &str| home(root, rule, field.path, name, field.instance);
    let spelled = fixes::camel_case(field.name);
    if let Some((to, words)) = home(field.name).or_else(|| home(&spelled)) {
        return (Some(words), Some(Fix::certain(moved(to))));
    }
    if let Some(fix) = field.inline_gate() {
        let words = "name the approvers in a Gate, and refer to it from the node with `gateRef`";
        return (Some(words.to_owned()), Some(fix));
    }
    if let Some(fix) = field.meant() {
        let words = match place_of(&fix).as_deref() {
            Some([.., PathStep::Key(to)]) => format!("did you mean `{to}`?"),
            _ => String::new(),
        };
        return (Some(words), Some(fix));
    }
    let mut others = field.other_names().iter();
    if let Some((to, _)) = others.find_map(|name| home(name)) {
        let words = format!("did you mean `{}`?", display_path(&to));
        return (Some(words), Some(Fix::likely(moved(to))));
    }
    let kept = field.kept();
    (None, kept)
}

/// Where a fix puts a field.
fn place_of(fix: &Fix) -> Option<Vec<PathStep>> {
    let places = fix.changes.iter().filter_map(|change| match change {
        Change::Rename { path, to } => {
            Some([parent(path), &[PathStep::from(to.as_str())]].concat())
        }
        Change::Add { path, .. } => Some(path.clone()),
        Change::Move { to, .. } => Some(to.clone()),
        _ => None,
    });
    places.fold(None, |_, place| Some(place))
}

/// Whether an object of this schema may have a field.
fn has_field(schema: &Value, name: &str) -> bool {
    let fields = schema.get("properties");
    fields.is_some_and(|fields| fields.get(name).is_some())
}

/// The only place one level up or down where a field belongs, if it is free; and in words.
fn home(
    root: &Value,
    rule: &Rule<'_>,
    path: &[PathStep],
    name: &str,
    instance: &Value,
) -> Option<(Vec<PathStep>, String)> {
    let sections = root.get("properties")?.as_object()?;
    let home = match path {
        [PathStep::Key(section)]
            if sections.contains_key(section) && sections.contains_key(name) =>
        {
            Vec::new()
        }
        _ => {
            let fields = rule.schema.get("properties")?.as_object()?;
            let has = |schema: &Value| {
                let reference = schema.get("$ref").and_then(Value::as_str);
                let section = reference.and_then(|reference| follow(root, reference));
                has_field(section.unwrap_or(schema), name)
            };
            let mut homes = fields.iter().filter(|(_, schema)| has(schema));
            let (section, _) = homes.next().filter(|_| homes.next().is_none())?;
            [path, &[PathStep::from(section.as_str())]].concat()
        }
    };
    let words = match home.as_slice() {
        [] => format!(
            "it belongs at the top level, next to `{}`",
            display_path(path)
        ),
        home => format!("it belongs in `{}`", display_path(home)),
    };
    let place = [home, vec![PathStep::from(name)]].concat();
    at(instance, &place).is_none().then_some((place, words))
}

/// The first entry of a list that repeats an earlier one.
fn repeated(path: &[PathStep], list: &Value) -> Option<Complaint> {
    let mut seen = HashSet::new();
    let (index, item) = list
        .as_array()?
        .iter()
        .enumerate()
        .find(|(_, item)| !seen.insert(item.to_string()))?;
    let path = [path, &[index.into()]].concat();
    let problem = SchemaProblem {
        message: format!("{}: {} is already in the list", name(&path), quoted(item)),
        path: path.clone(),
        part: Part::Value,
        code: Code::DUPLICATE_ITEM,
        label: "again here".to_owned(),
        help: Some("remove it here".to_owned()),
        fix: None,
    };
    Some(Complaint::new(path, SYNTAX, problem))
}

/// The part of a schema that an error comes from.
pub(super) struct Rule<'s> {
    /// The schema object with the keyword.
    pub(super) schema: &'s Value,
    /// The keyword.
    keyword: String,
    /// The `if`/`then` pairs, if the schema object is in one of them.
    variants: &'s [Value],
    /// The schema of the object around it.
    object: Option<&'s Value>,
}

impl<'s> Rule<'s> {
    fn of(schema: &'s Value) -> Rule<'s> {
        Rule {
            schema,
            keyword: String::new(),
            variants: &[],
            object: None,
        }
    }

    /// Whether the field at `path` is required.
    fn is_required(&self, path: &[PathStep]) -> bool {
        let mut required = strings(self.object.and_then(|object| object.get("required")));
        matches!(path.last(), Some(PathStep::Key(field)) if required.any(|one| one == field))
    }

    /// The schema's description of a valid text.
    fn expected(&self) -> String {
        let words = self.text("patternErrorMessage");
        format!("expected: {}", words.unwrap_or("another syntax"))
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&'s str> {
        self.schema.get(keyword).and_then(Value::as_str)
    }
}

/// Finds the rule at the validator's location.
fn rule<'s>(root: &'s Value, way: &Location) -> Rule<'s> {
    let mut rule = Rule::of(root);
    let mut way = way.segments().map(|segment| segment.to_string()).peekable();
    while let Some(segment) = way.next() {
        if way.peek().is_none() {
            rule.keyword = segment;
            break;
        }
        match segment.as_str() {
            "$ref" => match follow(root, rule.text("$ref").unwrap_or_default()) {
                Some(schema) => {
                    rule.schema = schema;
                    continue;
                }
                None => break,
            },
            "allOf" => {
                rule.variants = match rule.schema.get("allOf") {
                    Some(Value::Array(list)) => list,
                    _ => &[],
                };
            }
            "properties" | "items" | "additionalProperties" => {
                rule.object = (segment == "properties").then_some(rule.schema);
                rule.variants = &[];
            }
            _ => {}
        }
        let below = match rule.schema {
            Value::Array(list) => segment
                .parse()
                .ok()
                .and_then(|index: usize| list.get(index)),
            other => other.get(&segment),
        };
        match below {
            Some(schema) => rule.schema = schema,
            None => break,
        }
    }
    rule
}

/// The target of a `$ref`.
pub(super) fn follow<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// The schema in the `then` of a variant.
fn variant_schema<'s>(root: &'s Value, variant: &'s Value) -> Option<&'s Value> {
    follow(root, variant.pointer("/then/$ref")?.as_str()?)
}

/// A path in the value. Keys that look like numbers are distinguished from indices by the value.
fn steps(instance: &Value, location: &Location) -> Vec<PathStep> {
    let mut here = Some(instance);
    let mut path = Vec::new();
    for segment in location.segments() {
        let list = here.and_then(Value::as_array);
        let step = match (segment, list) {
            (LocationSegment::Index(index), Some(list)) => {
                here = list.get(index);
                PathStep::Index(index)
            }
            (segment, _) => {
                let key = segment.to_string();
                here = here.and_then(|value| value.get(&key));
                PathStep::Key(key)
            }
        };
        path.push(step);
    }
    path
}

fn parent(path: &[PathStep]) -> &[PathStep] {
    path.split_last().map_or(path, |(_, parent)| parent)
}

/// Fields whose keys are names that people choose.
const BY_NAME: [&str; 2] = ["checks", "nodeBindings"];

/// `nodes[3]`: the last key of a path, with the indices after it.
fn name(path: &[PathStep]) -> String {
    let last_key = path
        .iter()
        .rposition(|step| matches!(step, PathStep::Key(_)))
        .unwrap_or_default();
    let is_by_name = |at: &usize| match path.get(*at) {
        Some(PathStep::Key(key)) => BY_NAME.contains(&key.as_str()),
        _ => false,
    };
    let above = last_key.checked_sub(1).filter(is_by_name);
    match path.get(above.unwrap_or(last_key)..) {
        None | Some([]) => "the document".to_owned(),
        Some(tail) => format!("`{}`", display_path(tail)),
    }
}
