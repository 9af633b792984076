//! Finds shell syntax in commands, which no shell runs: they are split into words, and each word is
//! passed to the program unchanged.

/// Shells: their arguments may be shell syntax.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "dash", "ksh", "fish", "ash", "busybox"];
/// Words that begin a shell command and are not programs.
const WORDS: [&str; 17] = [
    "!", "{", "[[", ".", "cd", "export", "source", "set", "unset", "eval", "exec", "exit", "if",
    "for", "while", "until", "case",
];
/// Words of a list that are operators.
const OPERATORS: [&str; 14] = [
    "&&", "||", "|", "|&", ";", "&", ">", ">>", "<", "<<", "2>", "2>>", "2>&1", "&>",
];
/// Programs that take patterns, to search for files themselves.
const SEEKERS: [&str; 6] = ["find", "fd", "git", "grep", "rg", "ls-files"];
/// Maximum number of characters of a command that are shown.
const SHOWN: usize = 200;

/// A piece of shell syntax in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellPiece {
    /// Its text.
    pub text: String,
    /// Its meaning in a shell.
    pub what: &'static str,
}

impl ShellPiece {
    fn new(text: impl Into<String>, what: &'static str) -> ShellPiece {
        ShellPiece {
            text: text.into(),
            what,
        }
    }

    /// The message about it, in one sentence without a full stop.
    pub fn told(&self) -> String {
        let ShellPiece { text, what } = self;
        format!("this command does not run in a shell: `{text}` is a plain word here, not {what}")
    }
}

/// How to pass a command to a shell.
pub fn help(command: &str) -> String {
    let command = for_a_shell(command);
    format!("write `{command}`, with literal text in single quotes")
}

const OPERATOR: &str = "an operator";
const VARIABLE: &str = "a variable";
const PATTERN: &str = "a pattern";
const HOME: &str = "a home folder";
const ASSIGNMENT: &str = "an assignment";
const WORD: &str = "a word of the shell";

/// The quotes around a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// The first piece of shell syntax in a text that is split into words.
pub fn in_text(command: &str) -> Option<ShellPiece> {
    let command = command.trim();
    let mut quote = Quote::None;
    let mut word_from = None;
    let mut is_first = true;
    let mut is_plain = true;
    let mut chars = command.char_indices().peekable();
    let first: String = command
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    let is_shell = SHELLS.contains(&base_name(&first));
    if let Some(piece) = first_word(&first) {
        return Some(piece);
    }
    while let Some((at, one)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match (quote, one) {
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::Single, _) => {}
            (_, '\\') => {
                chars.next();
                word_from = word_from.or(Some(at));
            }
            (Quote::None, '\'') => (quote, is_plain) = (Quote::Single, false),
            (Quote::None, '"') => (quote, is_plain) = (Quote::Double, false),
            (Quote::Double, '$' | '`') if is_shell => {}
            (_, '`') => return Some(ShellPiece::new(rest(command, at), OPERATOR)),
            (_, '$') if next.is_some_and(is_of_a_variable) => {
                return Some(ShellPiece::new(rest(command, at), VARIABLE));
            }
            (Quote::Double, _) => {}
            (Quote::None, '\n') => return Some(ShellPiece::new("a second line", OPERATOR)),
            (Quote::None, '#') if word_from.is_none() => {
                // The rest of the line is a comment, for a shell and here.
                while chars.next_if(|(_, one)| *one != '\n').is_some() {}
            }
            (Quote::None, '|' | '&' | ';' | '<' | '>' | '(' | ')') => {
                return Some(ShellPiece::new(operator(&command[at..]), OPERATOR));
            }
            (Quote::None, one) if one.is_whitespace() => {
                (word_from, is_plain, is_first) = (None, true, false);
                continue;
            }
            (Quote::None, '~')
                if word_from.is_none()
                    && next.is_none_or(|next| next == '/' || next.is_whitespace()) =>
            {
                return Some(ShellPiece::new(rest(command, at), HOME));
            }
            (Quote::None, '*' | '?' | '[') => {
                let word = rest(command, word_from.unwrap_or(at));
                if is_pattern(&word, one) {
                    return Some(ShellPiece::new(word, PATTERN));
                }
            }
            (Quote::None, '=') if is_first && is_plain && is_name(&command[..at]) => {
                return Some(ShellPiece::new(rest(command, 0), ASSIGNMENT));
            }
            _ => {}
        }
        word_from = word_from.or(Some(at));
    }
    None
}

/// The first piece of shell syntax in a list of words, with the index of the word.
pub fn in_list<'w>(words: impl IntoIterator<Item = &'w str>) -> Option<(usize, ShellPiece)> {
    let words: Vec<&str> = words.into_iter().collect();
    let (first, _) = words.split_first()?;
    let program = base_name(first);
    if SHELLS.contains(&program) {
        return None;
    }
    if let Some(piece) = first_word(first) {
        return Some((0, piece));
    }
    if first.split_once('=').is_some_and(|(name, _)| is_name(name)) {
        return Some((0, ShellPiece::new(*first, ASSIGNMENT)));
    }
    let takes_commands = words
        .iter()
        .any(|word| matches!(*word, "-exec" | "-execdir" | "-ok"));
    words.iter().enumerate().skip(1).find_map(|(index, word)| {
        let is_option_of = words[index - 1].starts_with('-') && words[index - 1].len() > 2;
        let seeks = SEEKERS.contains(&program) || is_option_of;
        let what = if OPERATORS.contains(word) && !(takes_commands && *word == ";") {
            OPERATOR
        } else if is_variable(word) {
            VARIABLE
        } else if word.starts_with("~/") {
            HOME
        } else if word.contains('*') && !seeks && word.chars().all(is_of_a_path) {
            PATTERN
        } else {
            return None;
        };
        Some((index, ShellPiece::new(*word, what)))
    })
}

/// The words of a command: `command` is the program if there are `args`, else it is split as in a shell.
///
/// # Errors
/// Why there are none, in a sentence without a full stop.
pub fn words(command: &str, args: Option<&[String]>) -> Result<Vec<String>, &'static str> {
    let words = match args {
        Some(args) => std::iter::once(command.to_owned())
            .chain(args.iter().cloned())
            .collect(),
        None => shlex::split(command)
            .ok_or("its quotes do not match, so it cannot be split into words")?,
    };
    match words.first() {
        Some(program) if !program.trim().is_empty() => Ok(words),
        _ => Err("it names no program"),
    }
}

/// The words of a program's name, if there are several: then it is a whole command.
pub fn whole_command(program: &str) -> Option<Vec<String>> {
    let words = shlex::split(program)?;
    let is_path = words.first().is_some_and(|first| first.contains('/'));
    (words.len() > 1 && !is_path).then_some(words)
}

/// Whether a word is or contains a shell variable or substitution: `$NAME`, `${NAME}`, `$(COMMAND)`.
pub fn is_variable(word: &str) -> bool {
    let named = |text: &str| text.strip_prefix('$').is_some_and(is_name);
    let braced = word.split("${").skip(1).any(|rest| {
        let name = rest.split('}').next();
        rest.contains('}') && name.is_some_and(is_name)
    });
    named(word) || word.split(['/', ':']).any(named) || braced || word.contains("$(")
}

/// A text, quoted so that a shell runs it.
fn for_a_shell(command: &str) -> String {
    let command: String = command.trim().chars().take(SHOWN).collect();
    format!("command: sh, args: [-c, '{}']", command.replace('\'', "''"))
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn first_word(word: &str) -> Option<ShellPiece> {
    WORDS.contains(&word).then(|| ShellPiece::new(word, WORD))
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    let is_letter = |one: char| one.is_ascii_alphabetic() || one == '_';
    letters.next().is_some_and(is_letter)
        && letters.all(|one| is_letter(one) || one.is_ascii_digit())
}

fn is_of_a_variable(one: char) -> bool {
    one.is_ascii_alphanumeric() || "_{(?#@*!$".contains(one)
}

fn is_of_a_path(one: char) -> bool {
    one.is_ascii_alphanumeric() || "_-./*".contains(one)
}

/// Such a character may be part of a URL, and `[` is a program.
fn is_pattern(word: &str, sign: char) -> bool {
    !word.contains("://") && (sign != '[' || word.len() > 1 && word.contains(']'))
}

fn operator(text: &str) -> String {
    text.chars()
        .take_while(|one| "|&;<>()".contains(*one))
        .collect()
}

/// From a position to the end of the word.
fn rest(command: &str, at: usize) -> String {
    command[at..]
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_found() {
        for (command, text, what) in [
            ("true && false", "&&", OPERATOR),
            ("test -d . ; exit 1", ";", OPERATOR),
            ("make||true", "||", OPERATOR),
            ("echo no errors | grep -q FATAL", "|", OPERATOR),
            ("make > log", ">", OPERATOR),
            ("(make)", "(", OPERATOR),
            ("echo `date`", "`date`", OPERATOR),
            ("make build\nmake test\n", "a second line", OPERATOR),
            ("test -n $UNSET", "$UNSET", VARIABLE),
            ("test -n \"${UNSET}\"", "${UNSET}\"", VARIABLE),
            ("test $(id -u) = 0", "$(id", VARIABLE),
            ("sh $SCRIPT", "$SCRIPT", VARIABLE),
            ("pytest tests/test_*.py", "tests/test_*.py", PATTERN),
            ("ls file[12]", "file[12]", PATTERN),
            ("cat ~/x", "~/x", HOME),
            ("CI=1 make", "CI=1", ASSIGNMENT),
            ("! grep -q FATAL log", "!", WORD),
            ("cd src", "cd", WORD),
        ] {
            assert_eq!(
                in_text(command),
                Some(ShellPiece::new(text, what)),
                "{command}"
            );
        }
    }

    #[test]
    fn what_a_program_is_given_as_it_is_is_none_of_it() {
        for command in [
            "make test",
            "cargo test --all-features # all of them\n",
            "grep -q 'a && b | $c *' file",
            "grep -q \"a && b | c *\" file",
            "grep -q \\$x \\* file",
            "grep -q end$ file",
            "sh -c 'test -n \"$HOME\" && true'",
            "sh -c \"test -n $HOME\"",
            "[ -d src ]",
            "curl https://example.com/?a=b",
            "env CI=1 make",
            "make CI=1",
            "git diff HEAD~2",
            "",
        ] {
            assert_eq!(in_text(command), None, "{command}");
        }
    }

    #[test]
    fn a_list_has_whole_words() {
        let found =
            |words: &[&str]| in_list(words.iter().copied()).map(|(at, piece)| (at, piece.what));
        for (words, at, what) in [
            (&["make", "&&", "make"][..], 1, OPERATOR),
            (&["make", "2>&1"], 1, OPERATOR),
            (&["echo", "$HOME"], 1, VARIABLE),
            (&["echo", "a/${HOME}/b"], 1, VARIABLE),
            (&["rm", "-f", "build/*.o"], 2, PATTERN),
            (&["ls", "~/x"], 1, HOME),
            (&["CI=1", "make"], 0, ASSIGNMENT),
            (&["cd", "src"], 0, WORD),
        ] {
            assert_eq!(found(words), Some((at, what)), "{words:?}");
        }
        for words in [
            &["make", "test"][..],
            &["sh", "-c", "a && b"],
            &["/bin/bash", "-ec", "$X", ">"],
            &["awk", "{print $NF}", "file"],
            &["find", ".", "-name", "*.o", "-exec", "rm", "{}", ";"],
            &["grep", "-r", "--include", "*.rs", "a.*b$"],
            &[],
        ] {
            assert_eq!(found(words), None, "{words:?}");
        }
    }
}
