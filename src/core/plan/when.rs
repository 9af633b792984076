//! `when`: a CEL expression that decides whether a node runs.
//!
//! It is compiled when a plan is validated, so that mistakes are found early. CEL has no
//! type checker here: the names in it, and whether it can be true or false, are checked on the
//! parsed expression.

use std::collections::{BTreeMap, HashMap};

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators};
use cel::parser::PrattParser;
use cel::{Context, ExecutionError, IdedExpr, Value};
use serde_json::{Map, Value as Json};

use crate::core::base::suggest::suggestion;
use crate::core::base::words::{listed, shortened};
use crate::core::plan::mention::{Mention, Mentioned};
use crate::core::plan::parameters::Parameters;
use crate::core::resource::NodePhase;

/// Maximum length of a condition, in characters.
pub const MAX_CHARS: usize = 1024;

/// Maximum number of operators, dots and brackets of a condition. Parsing and evaluation recurse as
/// deep as they nest; with so many, a small stack is enough.
const MAX_OPERATORS: usize = 200;

/// Maximum length of the reason why a condition could not be evaluated, since it may contain values.
const MAX_REASON: usize = 300;

/// A compiled condition with only permitted names.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    expression: IdedExpr,
    mentions: Vec<Mention>,
    parameters: Parameters,
}

/// The data that a condition is evaluated on.
pub struct Facts<'a> {
    /// `nodes`: phase and outputs of the mentioned nodes.
    pub nodes: BTreeMap<&'a str, (NodePhase, &'a Map<String, Json>)>,
    /// `parameters`: the parameters of the run.
    pub parameters: &'a Map<String, Json>,
    /// `goal`: the spec of the goal, if the run serves one.
    pub goal: Option<&'a Json>,
}

/// A mistake in a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The kind of mistake.
    pub kind: MistakeKind,
    /// The message, in one sentence without a full stop.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

/// Kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MistakeKind {
    /// It cannot be evaluated, or never to true or false.
    Malformed,
    /// It mentions something that does not exist.
    UnknownName,
}

impl When {
    /// Compiles a condition.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn compile(text: &str) -> Result<When, Vec<Mistake>> {
        check_size(text).map_err(|mistake| vec![mistake])?;
        let mut mistakes = match PrattParser::default().parse(text) {
            Ok(mut expression) => match Walk::over(text, &expression) {
                walk if walk.mistakes.is_empty() => {
                    let mut mentions = walk.mentions;
                    mentions.sort();
                    mentions.dedup();
                    let mut parameters = walk.parameters;
                    // A parameter that is tested for is optional.
                    let optional = &parameters.optional;
                    parameters.needed.retain(|name| !optional.contains(name));
                    count_in_doubles(&mut expression);
                    return Ok(When {
                        expression,
                        mentions,
                        parameters,
                    });
                }
                walk => walk.mistakes,
            },
            Err(errors) => vec![syntax_error(&errors)],
        };
        if let Some(id) = subtracted_node(text) {
            let message =
                format!("`nodes.{id}` is a subtraction, because `-` cannot be part of a name here");
            let help = format!("write `nodes[\"{id}\"]`");
            mistakes = vec![Mistake::malformed(message, Some(help))];
        }
        Err(mistakes)
    }

    /// The mentioned nodes, sorted, with what is mentioned of them.
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    /// The mentioned parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Evaluates the condition.
    ///
    /// # Errors
    /// The message of the expression, shortened: something that it mentions does not exist, types do
    /// not match, or the result is neither true nor false.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, String> {
        let mut context = Context::default();
        let nodes = facts.nodes.iter().map(|(id, (phase, outputs))| {
            let fields = HashMap::from([
                ("phase".to_owned(), Value::from(phase.to_string())),
                ("outputs".to_owned(), map_value(outputs)),
            ]);
            ((*id).to_owned(), Value::from(fields))
        });
        context.add_variable_from_value("nodes", nodes.collect::<HashMap<_, _>>());
        context.add_variable_from_value("parameters", map_value(facts.parameters));
        context.add_variable_from_value("goal", facts.goal.map_or(Value::Null, value));
        context
            .add_function(AS_KEY, as_key)
            .and_then(|()| context.add_function(QUOTIENT, quotient))
            .and_then(|()| context.add_function(REMAINDER, remainder))
            .map_err(|error| shortened(&error.to_string(), MAX_REASON))?;
        match Value::resolve(&self.expression, &context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!(
                "it is neither true nor false, but of type {}",
                other.type_of()
            )),
            Err(error) => Err(shortened(&error.to_string(), MAX_REASON)),
        }
    }
}

/// No condition can call this itself, since `@` cannot be part of a name.
const AS_KEY: &str = "@key";
const QUOTIENT: &str = "@quotient";
const REMAINDER: &str = "@remainder";

/// Makes all numbers doubles, as in JSON, so that `4` and `4.0` are the same. CEL distinguishes
/// integers and doubles, and has no operators that mix them.
fn count_in_doubles(expression: &mut IdedExpr) {
    let mut todo = vec![expression];
    while let Some(expression) = todo.pop() {
        let id = expression.id;
        if let Expr::Call(call) = &expression.expr
            && matches!(call.func_name.as_str(), "size" | "int" | "uint")
        {
            // These functions return integers, whatever their arguments.
            let counted = std::mem::take(&mut expression.expr);
            expression.expr = called("double", id, counted);
            if let Expr::Call(double) = &mut expression.expr
                && let Some(IdedExpr {
                    expr: Expr::Call(call),
                    ..
                }) = double.args.first_mut()
            {
                todo.extend(call.args.iter_mut().chain(call.target.as_deref_mut()));
            }
            continue;
        }
        match &mut expression.expr {
            Expr::Literal(literal) => {
                let number = match literal {
                    #[allow(clippy::cast_precision_loss)]
                    LiteralValue::Int(whole) => *whole.inner() as f64,
                    #[allow(clippy::cast_precision_loss)]
                    LiteralValue::UInt(whole) => *whole.inner() as f64,
                    _ => continue,
                };
                *literal = LiteralValue::Double(number.into());
            }
            Expr::Call(call) => {
                match call.func_name.as_str() {
                    operators::MODULO => REMAINDER.clone_into(&mut call.func_name),
                    operators::DIVIDE => QUOTIENT.clone_into(&mut call.func_name),
                    operators::INDEX => call.args.iter_mut().skip(1).for_each(make_key),
                    _ => {}
                }
                todo.extend(call.args.iter_mut().chain(call.target.as_deref_mut()));
            }
            Expr::List(list) => todo.extend(&mut list.elements),
            Expr::Map(map) => {
                todo.extend(
                    map.entries
                        .iter_mut()
                        .filter_map(|entry| match &mut entry.expr {
                            EntryExpr::MapEntry(entry) => {
                                make_key(&mut entry.key);
                                Some(&mut entry.value)
                            }
                            EntryExpr::StructField(_) => None,
                        }),
                )
            }
            Expr::Select(select) => todo.push(&mut select.operand),
            Expr::Comprehension(_) | Expr::Struct(_) | Expr::Ident(_) | Expr::Unspecified => {}
        }
    }
}

/// `name(argument)`
fn called(name: &str, id: u64, argument: Expr) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args: vec![IdedExpr { id, expr: argument }],
    })
}

/// The index of a list or map must be an integer or a string.
fn make_key(index: &mut IdedExpr) {
    let key = std::mem::take(&mut index.expr);
    index.expr = called(AS_KEY, index.id, key);
}

fn as_key(key: Value) -> Value {
    match key {
        #[allow(clippy::cast_possible_truncation)]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < MAX_WHOLE => {
            Value::Int(number as i64)
        }
        key => key,
    }
}

/// Above this, not every integer is a double.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

fn quotient(one: f64, other: f64) -> Result<f64, ExecutionError> {
    if other == 0.0 {
        return Err(ExecutionError::DivisionByZero(one.into()));
    }
    Ok(one / other)
}

fn remainder(one: f64, other: f64) -> Result<f64, ExecutionError> {
    if other == 0.0 {
        return Err(ExecutionError::RemainderByZero(one.into()));
    }
    Ok(one % other)
}

/// JSON as a CEL value. Recurses as deep as the value nests, which was limited when it was read.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Json::Object(map) => map_value(map),
    }
}

fn map_value(map: &Map<String, Json>) -> Value {
    let entries = map.iter().map(|(key, json)| (key.clone(), value(json)));
    Value::from(entries.collect::<HashMap<_, _>>())
}

impl Mistake {
    fn malformed(message: impl Into<String>, help: Option<String>) -> Mistake {
        Mistake {
            kind: MistakeKind::Malformed,
            message: message.into(),
            help,
        }
    }

    fn unknown(message: impl Into<String>, help: String) -> Mistake {
        Mistake {
            kind: MistakeKind::UnknownName,
            message: message.into(),
            help: Some(help),
        }
    }
}

fn check_size(text: &str) -> Result<(), Mistake> {
    let split = Some("split the work into two nodes, each with its own condition".to_owned());
    let chars = text.chars().count();
    if chars > MAX_CHARS {
        let message = format!("it has {chars} characters; at most {MAX_CHARS} are allowed");
        return Err(Mistake::malformed(message, split));
    }
    let marks = text.chars().filter(|c| ".[({?!-+*/%<>=".contains(*c));
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let operators = marks.count() + words.filter(|word| *word == "in").count();
    if operators > MAX_OPERATORS {
        let message = format!("it has {operators} operators; at most {MAX_OPERATORS} are allowed");
        return Err(Mistake::malformed(message, split));
    }
    Ok(())
}

fn syntax_error(errors: &cel::ParseErrors) -> Mistake {
    let Some(first) = errors.errors.first() else {
        return Mistake::malformed("it is not a CEL expression", None);
    };
    let why = first.msg.trim_start_matches("Syntax error: ");
    let token = why.strip_prefix("mismatched input '");
    let token = token.and_then(|rest| rest.split_once("' expecting "));
    let why = match token {
        Some(("<EOF>", _)) => "it ends before it is complete".to_owned(),
        Some((token, _)) => format!("`{token}` is not expected"),
        None => why.to_owned(),
    };
    let place = match first.pos {
        (1, column) => format!(" at character {column}"),
        (line, column) if line > 1 => format!(" at line {line}, character {column}"),
        _ => String::new(),
    };
    let help = "write a CEL expression, for example `nodes[\"build\"].phase == \"Succeeded\"`";
    Mistake::malformed(format!("{why}{place}"), Some(help.to_owned()))
}

/// The id in `nodes.security-review`, which CEL parses as `nodes.security - review`.
fn subtracted_node(text: &str) -> Option<&str> {
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices("nodes.").find_map(|(at, root)| {
        let behind = text.get(at + root.len()..)?;
        let end = behind.find(|c| !is_id(c)).unwrap_or(behind.len());
        let id = behind.get(..end)?.trim_end_matches('-');
        let starts_anew = !text.get(..at)?.ends_with(|c| is_id(c) || c == '.');
        (starts_anew && id.contains('-')).then_some(id)
    })
}

/// The variables of a condition.
const VARIABLES: [&str; 3] = ["nodes", "parameters", "goal"];

/// The fields of a Goal's spec, with their types.
const GOAL_FIELDS: [(&str, &str); 7] = [
    ("description", "a string"),
    ("constraints", "a map"),
    ("acceptanceCriteria", "a list"),
    ("planSelector", "a map"),
    ("timeout", "a string"),
    ("priority", "a number"),
    ("context", "a list"),
];

/// A function of the standard library.
struct Function {
    name: &'static str,
    /// Whether it is called as `x.f(…)`, and not as `f(x)`.
    method: bool,
    /// The number of arguments in parentheses.
    arguments: usize,
    /// The type of its result, if it is not a boolean.
    gives: Option<&'static str>,
}

const fn function(
    name: &'static str,
    method: bool,
    arguments: usize,
    gives: Option<&'static str>,
) -> Function {
    Function {
        name,
        method,
        arguments,
        gives,
    }
}

const FUNCTIONS: [Function; 13] = [
    function("size", false, 1, Some("a number")),
    function("size", true, 0, Some("a number")),
    function("contains", true, 1, None),
    function("startsWith", true, 1, None),
    function("endsWith", true, 1, None),
    function("bool", false, 1, None),
    function("dyn", false, 1, None),
    function("string", false, 1, Some("a string")),
    function("bytes", false, 1, Some("bytes")),
    function("int", false, 1, Some("a number")),
    function("uint", false, 1, Some("a number")),
    function("double", false, 1, Some("a number")),
    function("type", false, 1, Some("a type")),
];

/// A walk through an expression.
struct Walk<'e> {
    text: &'e str,
    /// The remaining expressions, each with whether it must be able to be true or false.
    todo: Vec<(&'e IdedExpr, bool)>,
    mentions: Vec<Mention>,
    parameters: Parameters,
    mistakes: Vec<Mistake>,
}

/// An access into a value.
#[derive(Clone, Copy)]
enum Access<'e> {
    /// `.name` or `["name"]`
    Name(&'e str),
    /// `[…]` with any other expression.
    Computed(&'e IdedExpr),
}

/// A variable with the accesses into it: `nodes["a"].phase`.
fn variable(expression: &IdedExpr) -> Option<(&str, Vec<Access<'_>>)> {
    let mut steps = Vec::new();
    let mut at = expression;
    loop {
        match &at.expr {
            Expr::Ident(name) => {
                steps.reverse();
                return Some((name, steps));
            }
            Expr::Select(select) => {
                steps.push(Access::Name(&select.field));
                at = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [of, index] = call.args.as_slice() else {
                    return None;
                };
                steps.push(text_of(index).map_or(Access::Computed(index), Access::Name));
                at = of;
            }
            _ => return None,
        }
    }
}

/// The value of a string literal.
fn text_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The node in `nodes["a"].phase`, or with another field, if the expression has this form.
fn node_in<'e>(expression: &'e IdedExpr, field: &str) -> Option<&'e str> {
    let ("nodes", steps) = variable(expression)? else {
        return None;
    };
    match steps.as_slice() {
        [Access::Name(node), Access::Name(name)] if *name == field => Some(node),
        _ => None,
    }
}

impl<'e> Walk<'e> {
    fn over(text: &'e str, expression: &'e IdedExpr) -> Walk<'e> {
        let mut walk = Walk {
            text,
            todo: vec![(expression, true)],
            mentions: Vec::new(),
            parameters: Parameters::default(),
            mistakes: Vec::new(),
        };
        while let Some((expression, decides)) = walk.todo.pop() {
            walk.visit(expression, decides);
        }
        walk
    }

    fn visit(&mut self, expression: &'e IdedExpr, decides: bool) {
        if let Some((name, steps)) = variable(expression) {
            // `has(…)` is always true or false.
            let is_test = matches!(&expression.expr, Expr::Select(select) if select.test);
            if name == "parameters" {
                self.parameter(&steps, is_test);
            }
            self.variable(name, &steps, decides && !is_test);
            return;
        }
        match &expression.expr {
            Expr::Call(call) => self.call(call, decides),
            Expr::Literal(literal) => self.literal(literal, decides),
            Expr::List(list) => {
                self.never(decides, "a list");
                self.look_at(&list.elements);
            }
            Expr::Map(map) => {
                self.never(decides, "a map");
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.todo.push((&entry.key, false));
                        self.todo.push((&entry.value, false));
                    }
                }
            }
            Expr::Select(select) => self.todo.push((&select.operand, false)),
            Expr::Comprehension(_) => self.malformed(
                "`all`, `exists`, `exists_one`, `filter` and `map` cannot be used here",
                "name the nodes one by one, with `&&` or `||` between them",
            ),
            Expr::Struct(_) | Expr::Ident(_) | Expr::Unspecified => {
                let message = "messages cannot be constructed here";
                self.mistakes.push(Mistake::malformed(message, None));
            }
        }
    }

    fn malformed(&mut self, message: impl Into<String>, help: impl Into<String>) {
        let help = Some(help.into());
        self.mistakes.push(Mistake::malformed(message, help));
    }

    fn unknown(&mut self, message: impl Into<String>, help: String) {
        self.mistakes.push(Mistake::unknown(message, help));
    }

    fn look_at(&mut self, expressions: &'e [IdedExpr]) {
        self.todo
            .extend(expressions.iter().map(|expression| (expression, false)));
    }

    /// Reports an expression that is never true or false where that is needed.
    fn never(&mut self, decides: bool, what: &str) {
        if decides {
            let message = format!("a condition must be true or false, but this is {what}");
            self.malformed(
                message,
                "compare it with something, for example `… == \"…\"`",
            );
        }
    }

    fn literal(&mut self, literal: &LiteralValue, decides: bool) {
        let what = match literal {
            LiteralValue::Boolean(_) => return,
            LiteralValue::String(_) => "a string",
            LiteralValue::Bytes(_) => "bytes",
            LiteralValue::Null => "null",
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => "a number",
        };
        self.never(decides, what);
    }

    fn call(&mut self, call: &'e CallExpr, decides: bool) {
        match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                self.todo.extend(call.args.iter().map(|side| (side, true)));
            }
            operators::CONDITIONAL => {
                let parts = call.args.iter().enumerate();
                self.todo
                    .extend(parts.map(|(at, part)| (part, at == 0 || decides)));
            }
            operators::EQUALS | operators::NOT_EQUALS => {
                if let [left, right] = call.args.as_slice() {
                    self.compared(left, right);
                    self.compared(right, left);
                }
                self.look_at(&call.args);
            }
            operators::IN => {
                if let [left, right] = call.args.as_slice() {
                    self.contained(left, right);
                }
                self.look_at(&call.args);
            }
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::INDEX => self.look_at(&call.args),
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => {
                self.never(decides, "a number");
                self.look_at(&call.args);
            }
            operators::ADD => {
                self.never(decides, "a sum");
                self.look_at(&call.args);
            }
            _ => self.function(call, decides),
        }
    }

    fn function(&mut self, call: &'e CallExpr, decides: bool) {
        self.look_at(&call.args);
        self.todo
            .extend(call.target.iter().map(|target| (&**target, false)));
        let name = call.func_name.as_str();
        let known = || FUNCTIONS.iter().filter(|function| function.name == name);
        let method = call.target.is_some();
        let fits = |function: &&Function| {
            function.method == method && function.arguments == call.args.len()
        };
        match (known().find(fits), known().next()) {
            (Some(function), _) => {
                if let Some(what) = function.gives {
                    self.never(decides, what);
                }
            }
            (None, Some(function)) => {
                let form = match (function.method, function.arguments) {
                    (true, 0) => format!("x.{name}()"),
                    (true, _) => format!("x.{name}(y)"),
                    (false, _) => format!("{name}(x)"),
                };
                let message = format!("`{name}` is called in a different way");
                self.malformed(message, format!("write `{form}`"));
            }
            (None, None) => {
                let mut names: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
                names.push("has");
                names.sort_unstable();
                names.dedup();
                let help = help_for(name, &names, "the functions are");
                let message = format!("there is no function `{name}`");
                self.unknown(message, help);
            }
        }
    }

    /// `nodes["a"].phase == "…"`: the word must be a phase.
    fn compared(&mut self, left: &IdedExpr, right: &IdedExpr) {
        let (Some(_), Some(word)) = (node_in(left, "phase"), text_of(right)) else {
            return;
        };
        let phases: Vec<String> = NodePhase::ALL.iter().map(NodePhase::to_string).collect();
        let phases: Vec<&str> = phases.iter().map(String::as_str).collect();
        if !phases.contains(&word) {
            let message = format!("there is no phase `{word}`");
            let help = help_for(word, &phases, "the phases are");
            self.unknown(message, help);
        }
    }

    /// `nodes["a"].phase in […]`, and `"x" in nodes["a"].outputs`.
    fn contained(&mut self, left: &IdedExpr, right: &'e IdedExpr) {
        if let Expr::List(list) = &right.expr {
            for word in &list.elements {
                self.compared(left, word);
            }
        }
        if let (Some(name), Some(node)) = (text_of(left), node_in(right, "outputs")) {
            let output = Mentioned::Output(name.to_owned());
            self.mentions.push(Mention::new(node, output));
        }
    }

    fn variable(&mut self, name: &str, steps: &[Access<'e>], decides: bool) {
        for step in steps {
            if let Access::Computed(index) = step {
                self.todo.push((index, false));
            }
        }
        match name {
            "nodes" => self.node(steps, decides),
            "goal" => self.goal(steps, decides),
            "parameters" if steps.is_empty() => self.never(decides, "a map"),
            "parameters" => {}
            _ => {
                let help = self.help_with(name);
                let message = format!("there is no `{name}` here");
                self.unknown(message, help);
            }
        }
    }

    fn parameter(&mut self, steps: &[Access<'e>], is_test: bool) {
        let found = &mut self.parameters;
        match steps {
            [Access::Name(name)] if is_test => {
                found.optional.insert((*name).to_owned());
            }
            [Access::Name(name), ..] => {
                found.needed.insert((*name).to_owned());
            }
            [] | [Access::Computed(_), ..] => found.any = true,
        }
    }

    fn help_with(&self, name: &str) -> String {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let before = self.text.split_once(&format!("-{name}")).map(|(text, _)| {
            let start = text.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
            text.get(start..).unwrap_or_default()
        });
        match before {
            Some(before) if !before.is_empty() => format!(
                "`{before}-{name}` is a subtraction; a name with `-` is written `[\"{before}-{name}\"]`"
            ),
            _ => help_for(name, &VARIABLES, "a condition can mention"),
        }
    }

    fn node(&mut self, steps: &[Access<'e>], decides: bool) {
        let example = "write for example `nodes[\"build\"].phase`";
        let (node, field, rest) = match steps {
            [] => return self.malformed("`nodes` alone does not name a node", example),
            [Access::Computed(_), ..] => {
                return self.malformed("write the node id as a string in quotes", example);
            }
            [Access::Name(node)] => {
                return self.malformed(
                    format!("`nodes[\"{node}\"]` does not say what to read from the node"),
                    format!(
                        "write `nodes[\"{node}\"].phase` or `nodes[\"{node}\"].outputs.<name>`"
                    ),
                );
            }
            [Access::Name(node), Access::Name(field), rest @ ..] => (*node, *field, rest),
            [Access::Name(_), Access::Computed(_), ..] => {
                let message = "write `.phase` or `.outputs` after the node";
                return self.malformed(message, example);
            }
        };
        match (field, rest) {
            ("phase", []) => {
                self.never(decides, "a string");
                self.mentions.push(Mention::new(node, Mentioned::Phase));
            }
            ("phase", _) => self.malformed(
                "`phase` is a string and has no fields",
                format!("write `nodes[\"{node}\"].phase == \"Succeeded\"`"),
            ),
            ("outputs", []) => {
                self.never(decides, "a map");
                self.mentions.push(Mention::new(node, Mentioned::Outputs));
            }
            ("outputs", [Access::Name(output), ..]) => {
                let output = Mentioned::Output((*output).to_owned());
                self.mentions.push(Mention::new(node, output));
            }
            ("outputs", [Access::Computed(_), ..]) => self.malformed(
                "write the output name as a string in quotes",
                format!("write `nodes[\"{node}\"].outputs.<name>`"),
            ),
            _ => {
                let help = help_for(field, &["phase", "outputs"], "it has");
                self.unknown(format!("a node has no `{field}` here"), help);
            }
        }
    }

    fn goal(&mut self, steps: &[Access<'e>], decides: bool) {
        match steps {
            [] => self.never(decides, "a map"),
            [Access::Computed(_), ..] => {
                let message = "write a field of the goal after a dot";
                self.malformed(message, "write for example `goal.priority`");
            }
            [Access::Name(field), rest @ ..] => {
                let known = GOAL_FIELDS.iter().find(|(name, _)| name == field);
                match known {
                    Some((_, what)) if rest.is_empty() => self.never(decides, what),
                    Some(_) => {}
                    None => {
                        let names = GOAL_FIELDS.map(|(name, _)| name);
                        let help = help_for(field, &names, "its fields are");
                        let message = format!("a goal has no field `{field}`");
                        self.unknown(message, help);
                    }
                }
            }
        }
    }
}

/// The help for a name: a suggestion, else all names.
fn help_for(word: &str, names: &[&str], otherwise: &str) -> String {
    let all = || format!("{otherwise} {}", listed(names.iter().copied()));
    suggestion(word, names.iter().copied(), all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::core::resource::schema::{self, SchemaKind};
    use proptest::prelude::*;

    fn mentions(text: &str) -> Vec<Mention> {
        match When::compile(text) {
            Ok(condition) => condition.mentions().to_vec(),
            Err(mistakes) => panic!("{text}: {mistakes:?}"),
        }
    }

    /// Kind, message and help of the only mistake.
    fn mistake(text: &str) -> (MistakeKind, String, String) {
        match When::compile(text).unwrap_err().as_slice() {
            [only] => (
                only.kind,
                only.message.clone(),
                only.help.clone().unwrap_or_default(),
            ),
            mistakes => panic!("{text}: {mistakes:?}"),
        }
    }

    fn phase(node: &str) -> Mention {
        Mention::new(node, Mentioned::Phase)
    }

    fn output(node: &str, name: &str) -> Mention {
        Mention::new(node, Mentioned::Output(name.to_owned()))
    }

    /// The result of a condition, with nodes `a` (Succeeded) and `b` (Failed).
    fn holds(text: &str) -> Result<bool, String> {
        let outputs = serde_json::json!({
            "count": 3, "ratio": 0.5, "big": 18446744073709551615_u64, "name": "x", "flag": true,
            "list": [1, "two"], "map": {"k": null},
        });
        let none = Map::new();
        let parameters = serde_json::json!({"env": "prod", "dry": false, "n": 2});
        let goal = serde_json::json!({"description": "d", "priority": 7});
        let facts = Facts {
            nodes: BTreeMap::from([
                ("a", (NodePhase::Succeeded, outputs.as_object().unwrap())),
                ("b", (NodePhase::Failed, &none)),
            ]),
            parameters: parameters.as_object().unwrap(),
            goal: Some(&goal),
        };
        When::compile(text).unwrap().holds(&facts)
    }

    #[test]
    fn conditions_are_evaluated() {
        let table = [
            ("true", true),
            ("nodes[\"a\"].phase == \"Succeeded\"", true),
            ("nodes.b.phase in [\"Succeeded\", \"Skipped\"]", false),
            (
                "nodes.a.outputs.count > 2 && nodes.a.outputs.count + 1 == 4",
                true,
            ),
            ("nodes.a.outputs.ratio * 2.0 == 1.0", true),
            ("nodes.a.outputs.ratio < 1", true),
            ("nodes.a.outputs.name.startsWith('x')", true),
            ("nodes.a.outputs.flag && !parameters.dry", true),
            ("nodes.a.outputs.list[1] == 'two'", true),
            ("size(nodes.a.outputs.list) == parameters.n", true),
            (
                "has(nodes.a.outputs.count) && !has(nodes.b.outputs.count)",
                true,
            ),
            ("'count' in nodes.a.outputs", true),
            ("nodes.a.outputs.map.k == null", true),
            ("parameters.env == 'prod' ? goal.priority > 5 : false", true),
            (
                "nodes.b.phase == 'Failed' || nodes.b.outputs.missing == 1",
                true,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
    }

    /// The notation of a number, in an output or in a condition, does not matter.
    #[test]
    fn numbers_are_doubles_however_they_are_written() {
        let judged = |text: &str, n: &str| {
            let outputs = serde_json::from_str(&format!("{{\"n\": {n}, \"list\": [1, 2, {n}]}}"));
            let outputs: Map<String, Json> = outputs.unwrap();
            let parameters = Map::new();
            let facts = Facts {
                nodes: BTreeMap::from([("a", (NodePhase::Succeeded, &outputs))]),
                parameters: &parameters,
                goal: None,
            };
            When::compile(&text.replace("$n", "nodes.a.outputs.n"))
                .unwrap()
                .holds(&facts)
        };
        for text in [
            "$n * 0.5 > 1",
            "$n + 1 == 5",
            "$n + 1 > 4.5",
            "$n == 4 && $n == 4.0 && 4u == $n",
            "-$n < 0 && 5 - $n == 1",
            "$n % 3 == 1 && $n / 8 == 0.5",
            "$n in [1, 4] && $n in [4.0]",
            "[1, 4] == [1.0, $n]",
            "size(nodes.a.outputs.list) + 1 == $n",
            "nodes.a.outputs.list.size() < $n * 1.5",
            "int($n + 0.7) == 4 && uint($n) + 0.5 == 4.5",
            "double('4') == $n",
            "nodes.a.outputs.list[$n - 2] == $n",
            "nodes.a.outputs.list[1] == 2",
            "{4: 'x'}[$n] == 'x' && {'a': $n}['a'] == 4",
            "string($n) == '4'",
            "type($n) == type(1)",
            "($n > 3 ? $n : 0) == 4",
        ] {
            for n in ["4", "4.0", "4e0"] {
                assert_eq!(judged(text, n), Ok(true), "{text} for {n}");
            }
        }
        for (text, why) in [
            ("$n / 0 == 1", "Division by zero"),
            ("$n % 0 == 1", "Remainder by zero"),
        ] {
            let said = judged(text, "4").unwrap_err();
            assert!(said.to_lowercase().contains(&why.to_lowercase()), "{said}");
        }
        assert!(judged("nodes.a.outputs.list[$n / 8] == 1", "4").is_err());
        // A condition can test whether the run has a goal.
        assert_eq!(judged("goal == null || goal.priority > 5", "4"), Ok(true));
        assert_eq!(judged("goal != null && has(goal.timeout)", "4"), Ok(false));
    }

    /// The documentation lists all functions.
    #[test]
    fn the_functions_are_documented() {
        let page = include_str!("../../../docs/executions.md");
        for function in &FUNCTIONS {
            let of = if function.method { "x." } else { "" };
            let name = format!("`{of}{}(", function.name);
            assert!(page.contains(&name), "{name}…)`");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_says_why() {
        let table = [
            ("nodes.b.outputs.count > 2", "No such key: count"),
            ("parameters.missing", "No such key: missing"),
            ("goal.constraints.urgent", "No such key: constraints"),
            (
                "parameters.env",
                "it is neither true nor false, but of type string",
            ),
            ("nodes.a.outputs.count / 0 == 1", "Division by zero"),
        ];
        for (text, reason) in table {
            let error = holds(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let long = format!("nodes.a.outputs.name + {:?} + 1 == 'x'", "y".repeat(900));
        assert!(holds(&long).unwrap_err().chars().count() <= MAX_REASON + 1);
    }

    #[test]
    fn what_a_condition_mentions() {
        let table = [
            ("true", vec![]),
            ("parameters.dryRun", vec![]),
            ("!parameters[\"dry-run\"]", vec![]),
            ("parameters.a.b[0] == 1 || \"x\" in parameters", vec![]),
            (
                "goal.priority > 5 && goal.constraints.idp == 'google'",
                vec![],
            ),
            ("goal.constraints.urgent", vec![]),
            ("nodes[\"a\"].phase == \"Succeeded\"", vec![phase("a")]),
            ("'Failed' != nodes.a.phase", vec![phase("a")]),
            (
                "nodes['a']['phase'] in ['Failed', 'Skipped']",
                vec![phase("a")],
            ),
            (
                "nodes[\"b\"].outputs.count >= 3 && nodes.a.outputs.ok",
                vec![output("a", "ok"), output("b", "count")],
            ),
            (
                "nodes.a.outputs.list[0].name == 'x'",
                vec![output("a", "list")],
            ),
            (
                "nodes.a.outputs.list[parameters.at]",
                vec![output("a", "list")],
            ),
            ("has(nodes.a.outputs.x)", vec![output("a", "x")]),
            (
                "'x' in nodes.a.outputs",
                vec![Mention::new("a", Mentioned::Outputs), output("a", "x")],
            ),
            (
                "size(nodes.a.outputs) > 1",
                vec![Mention::new("a", Mentioned::Outputs)],
            ),
            (
                "nodes.a.outputs.x ? nodes.b.outputs.y : false",
                vec![output("a", "x"), output("b", "y")],
            ),
            (
                "nodes.a.outputs.branch.startsWith('release/')",
                vec![output("a", "branch")],
            ),
            (
                "int(parameters.n) - 1 == nodes.a.outputs.n",
                vec![output("a", "n")],
            ),
            ("nodes.a.outputs.n-1 > 0", vec![output("a", "n")]),
            ("parameters.note == 'nodes.a-b is fine'", vec![]),
            ("{'k': nodes.a.outputs.x}.k", vec![output("a", "x")]),
            ("  // why\n true", vec![]),
        ];
        for (text, expected) in table {
            assert_eq!(mentions(text), expected, "{text}");
        }
    }

    #[test]
    fn a_hyphen_in_an_id_is_a_subtraction() {
        let table = [
            (
                "nodes.security-review.phase == \"Succeeded\"",
                "security-review",
            ),
            ("nodes.a-b-c.outputs.x", "a-b-c"),
            ("true && (nodes.step-1.phase == 'Failed')", "step-1"),
            ("nodes.build-in.phase == 'Failed'", "build-in"),
        ];
        for (text, id) in table {
            assert_eq!(
                mistake(text),
                (
                    MistakeKind::Malformed,
                    format!(
                        "`nodes.{id}` is a subtraction, because `-` cannot be part of a name here"
                    ),
                    format!("write `nodes[\"{id}\"]`")
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn a_condition_can_be_true_or_false() {
        let table = [
            ("'yes'", "a string"),
            ("1", "a number"),
            ("null", "null"),
            ("[true]", "a list"),
            ("{'a': true}", "a map"),
            ("1 + 1", "a sum"),
            ("-parameters.n", "a number"),
            ("nodes.a.phase", "a string"),
            ("nodes.a.outputs", "a map"),
            ("goal.priority", "a number"),
            ("goal.description", "a string"),
            ("goal", "a map"),
            ("parameters", "a map"),
            ("size(parameters.x)", "a number"),
            ("string(parameters.x)", "a string"),
            ("true && 'yes'", "a string"),
            ("!nodes.a.phase", "a string"),
            ("nodes.a.phase ? true : false", "a string"),
            ("parameters.x ? 1 : true", "a number"),
            ("(parameters.x || (true && (false || 7)))", "a number"),
        ];
        for (text, what) in table {
            let (kind, message, _) = mistake(text);
            assert_eq!(kind, MistakeKind::Malformed);
            let expected = format!("a condition must be true or false, but this is {what}");
            assert_eq!(message, expected, "{text}");
        }
    }

    #[test]
    fn it_mentions_only_what_exists() {
        let variables = "a condition can mention `nodes`, `parameters`, `goal`";
        let table = [
            (
                "node.a.phase == 'Failed'",
                "there is no `node` here",
                "did you mean `nodes`?",
            ),
            ("env.HOME == 'x'", "there is no `env` here", variables),
            (
                "paramters.x",
                "there is no `paramters` here",
                "did you mean `parameters`?",
            ),
            (
                "parameters.dry-run == 1",
                "there is no `run` here",
                "`dry-run` is a subtraction; a name with `-` is written `[\"dry-run\"]`",
            ),
            (
                "nodes.a.phse == 'Failed'",
                "a node has no `phse` here",
                "did you mean `phase`?",
            ),
            (
                "nodes.a.status == 'Failed'",
                "a node has no `status` here",
                "it has `phase`, `outputs`",
            ),
            (
                "nodes.a.phase == 'Suceeded'",
                "there is no phase `Suceeded`",
                "did you mean `Succeeded`?",
            ),
            (
                "nodes.a.phase in ['Failed', 'failed', 'Done']",
                "there is no phase `failed`",
                "did you mean `Failed`?",
            ),
            (
                "goal.priorty > 5",
                "a goal has no field `priorty`",
                "did you mean `priority`?",
            ),
            (
                "parameters.x.endswith('y')",
                "there is no function `endswith`",
                "did you mean `endsWith`?",
            ),
            (
                "matches(parameters.x, 'y')",
                "there is no function `matches`",
                "the functions are `bool`, `bytes`, `contains`, `double`, `dyn`, `endsWith`, `has`, `int`, \
                 `size`, `startsWith`, `string`, `type`, `uint`",
            ),
        ];
        for (text, message, help) in table {
            let mistakes = When::compile(text).unwrap_err();
            let first = &mistakes[0];
            assert_eq!(
                (first.kind, first.message.as_str(), first.help.as_deref()),
                (MistakeKind::UnknownName, message, Some(help)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        let table = [
            ("", "it ends before it is complete at character 1"),
            ("a b", "`b` is not expected at character 3"),
            (
                "true &&\n && true",
                "unexpected token at line 2, character 2",
            ),
            ("nodes == 1", "`nodes` alone does not name a node"),
            (
                "nodes[parameters.x].phase == 'Failed'",
                "write the node id as a string in quotes",
            ),
            (
                "nodes[0].phase == 'Failed'",
                "write the node id as a string in quotes",
            ),
            (
                "nodes.a == 1",
                "`nodes[\"a\"]` does not say what to read from the node",
            ),
            (
                "nodes.a[parameters.x] == 1",
                "write `.phase` or `.outputs` after the node",
            ),
            ("nodes.a.phase.x", "`phase` is a string and has no fields"),
            (
                "nodes.a.outputs[parameters.x]",
                "write the output name as a string in quotes",
            ),
            (
                "goal[parameters.x] == 1",
                "write a field of the goal after a dot",
            ),
            (
                "[1, 2].all(x, x > 0)",
                "`all`, `exists`, `exists_one`, `filter` and `map` cannot be used here",
            ),
            (
                "Goal{priority: 1} == 1",
                "messages cannot be constructed here",
            ),
            ("size() == 1", "`size` is called in a different way"),
            (
                "contains('a', 'b')",
                "`contains` is called in a different way",
            ),
            ("parameters.?x", "unsupported syntax '.?' at character 11"),
        ];
        for (text, message) in table {
            let (kind, said, _) = mistake(text);
            assert_eq!(
                (kind, said.as_str()),
                (MistakeKind::Malformed, message),
                "{text}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_told() {
        let mistakes = When::compile("env.A == 1 || nodes.a.phase == 'Dun' || 5").unwrap_err();
        let mut messages: Vec<&str> = mistakes.iter().map(|m| m.message.as_str()).collect();
        messages.sort_unstable();
        assert_eq!(
            messages,
            [
                "a condition must be true or false, but this is a number",
                "there is no `env` here",
                "there is no phase `Dun`"
            ]
        );
    }

    #[test]
    fn its_size_is_bounded() {
        let long = |chars: usize| format!("parameters.x == '{}'", "é".repeat(chars - 18));
        assert_eq!(mentions(&long(1024)), []);
        assert_eq!(
            mistake(&long(1025)).1,
            "it has 1025 characters; at most 1024 are allowed"
        );
        let sum = |terms: usize| format!("0{} == 1", "+1".repeat(terms));
        assert_eq!(mentions(&sum(198)), []);
        assert_eq!(
            mistake(&sum(199)).1,
            "it has 201 operators; at most 200 are allowed"
        );
        let chain = |links: usize| format!("true{}", " in [1]".repeat(links));
        assert_eq!(mentions(&chain(100)), []);
        assert_eq!(
            mistake(&chain(101)).1,
            "it has 202 operators; at most 200 are allowed"
        );
    }

    #[test]
    fn the_deepest_conditions_fit_on_the_stack_of_a_thread() {
        let pieces = [
            "!",
            "-",
            "!-",
            "(",
            "[",
            "{1:",
            "a.",
            "a[",
            "a(",
            "a?b:",
            "a?",
            "1+",
            "a==",
            "a<b==",
            "a in ",
            "a&&",
            "a||b&&",
            "[1].all(x,",
            "has(",
            "a?[{1:",
            "!(a.b[",
            "r'",
            "\"",
            "'''",
        ];
        for piece in pieces {
            for closing in ["", "a", "a)", "a]", "1}", ")", "]", ":c", ".a", "[1]", "()"] {
                for count in [20, 60, 99, 130, 199, 340] {
                    let text = piece.repeat(count) + "a" + &closing.repeat(count);
                    drop(When::compile(&text));
                }
            }
        }
    }

    #[test]
    fn every_function_that_is_known_exists() {
        let examples = BTreeMap::from([
            ("size", "size('ab') == 2 && 'ab'.size() == 2"),
            ("contains", "'ab'.contains('b')"),
            ("startsWith", "'ab'.startsWith('a')"),
            ("endsWith", "'ab'.endsWith('b')"),
            ("bool", "bool('true')"),
            ("dyn", "dyn(true)"),
            ("string", "string(5) == '5'"),
            ("bytes", "bytes('a') == b'a'"),
            ("int", "int('5') == 5"),
            ("uint", "uint(5) == 5u"),
            ("double", "double('1.5') == 1.5"),
            ("type", "type(1) == type(2)"),
        ]);
        for function in &FUNCTIONS {
            let text = examples[function.name];
            assert_eq!(mentions(text), [], "{text}");
            let expression = PrattParser::default().parse(text).unwrap();
            let found = cel::Value::resolve(&expression, &cel::Context::default());
            assert_eq!(found, Ok(cel::Value::Bool(true)), "{text}");
        }
    }

    #[test]
    fn the_fields_of_a_goal_are_those_of_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(schema::text(SchemaKind::Resource(
            crate::core::resource::Kind::Goal,
        )))
        .unwrap();
        let fields = schema["$defs"]["spec"]["properties"].as_object().unwrap();
        let fields: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(fields, GOAL_FIELDS.map(|(name, _)| name));
    }

    const PIECES: [&str; 48] = [
        "nodes",
        "parameters",
        "goal",
        ".",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "\"a\"",
        "'",
        "\"",
        ".phase",
        ".outputs",
        "x",
        "-",
        "!",
        "?",
        ":",
        ",",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        " in ",
        "1",
        "1.5",
        "1u",
        "0x",
        "true",
        "null",
        "has(",
        ".all(x,",
        "size(",
        "'Failed'",
        "r'",
        "b\"",
        "\\u12",
        "`",
        "é",
        "\u{202e}",
        "\u{0}",
        "//",
        "\n",
        "T{a:1}",
    ];

    proptest! {
        #[test]
        fn any_text_ends_in_a_condition_or_in_mistakes(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
            if let Err(mistakes) = When::compile(&pieces.concat()) {
                prop_assert!(!mistakes.is_empty());
            }
        }
    }
}
