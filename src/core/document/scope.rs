//! The files of a scope: the entries that begin with `path:`.
//!
//! Such an entry is a glob over paths from the repository's root. If it names a folder, or its
//! last part has no wildcard and so may be one, it includes everything below. `out_of_scope` takes precedence.
//! The other entries are for people.
//!
//! ```
//! # let text = include_str!("../../../examples/document/planspec/greeting.planspec.json");
//! use planspec::document::{self, scope::{Bounds, Verdict}};
//!
//! let document = document::parse("greeting.planspec.json", text.as_bytes())?;
//! let bounds = Bounds::of(&document.scope).unwrap();
//! assert_eq!(bounds.judge("greeting/hello.txt"), Verdict::Inside);
//! assert_eq!(bounds.judge("basket/price.txt"), Verdict::NotCovered);
//! let Verdict::Excluded(entry) = bounds.judge("greeting/legacy/hi.txt") else { panic!() };
//! assert_eq!(entry.text, "path:greeting/legacy/**");
//! # Ok::<(), Vec<planspec::document::Diagnostic>>(())
//! ```

use globset::Glob;

use super::model::Scope;
use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::glob::{Globs, glob, misleading};
use crate::path;

/// The prefix of entries about files.
const PREFIX: &str = "path:";
/// Maximum length of a glob.
const LONGEST: usize = 1000;

/// An entry of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `in_scope` or `out_of_scope`.
    pub list: &'static str,
    /// Its index there, from 0.
    pub index: usize,
    /// Its text.
    pub text: String,
}

impl Entry {
    /// Its path in the document.
    pub fn path(&self) -> Vec<PathStep> {
        path!["scope", self.list, self.index]
    }
}

/// The entries of both lists.
fn entries(scope: &Scope) -> impl Iterator<Item = Entry> {
    let lists = [
        ("in_scope", &scope.in_scope),
        ("out_of_scope", &scope.out_of_scope),
    ];
    lists.into_iter().flat_map(|(list, texts)| {
        let texts = texts.iter().enumerate();
        texts.map(move |(index, text)| Entry {
            list,
            index,
            text: text.clone(),
        })
    })
}

/// The globs of an entry; `None` if it is not about files.
///
/// # Errors
/// Why it is not a valid glob, as a sentence.
fn globs(text: &str) -> Result<Option<Vec<Glob>>, String> {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return Ok(None);
    };
    let rest = rest.trim();
    let from_root = rest.strip_prefix("./").or(rest.strip_prefix('/'));
    let path = from_root.unwrap_or(rest);
    let is_folder = path.ends_with('/');
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err("it names nothing".to_owned());
    }
    if path.chars().count() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    let no_name = |part: &str| matches!(part, "" | "." | "..");
    if let Some(part) = path.split('/').find(|part| no_name(part)) {
        return Err(format!("a repository path cannot contain `{part}`"));
    }
    let last = path.rsplit('/').next().unwrap_or(path);
    let may_be_folder = is_folder || !last.contains(['*', '?', '[']);
    let compiled = |text: &str| glob(text).map_err(|error| error.kind().to_string());
    let mut globs = vec![compiled(path)?];
    if may_be_folder {
        let below = compiled(&format!("{path}/**"))?;
        if is_folder {
            globs = vec![below]
        } else {
            globs.push(below)
        }
    }
    Ok(Some(globs))
}

/// The entries about files, of both lists.
pub(super) fn about_files(scope: &Scope) -> [Vec<String>; 2] {
    let of = |texts: &[String]| {
        let texts = texts.iter().filter(|text| text.starts_with(PREFIX));
        texts.cloned().collect()
    };
    [of(&scope.in_scope), of(&scope.out_of_scope)]
}

/// Reports entries about files that are not valid.
pub(super) fn check(found: &Finder<'_>, scope: &Scope, findings: &mut Vec<Diagnostic>) {
    for entry in entries(scope) {
        let named = entry.text.strip_prefix(PREFIX).map(str::trim);
        if let (Some((message, help)), Ok(_)) = (named.and_then(misleading), globs(&entry.text)) {
            let finding = found.at(Code::ODD_GLOB, entry.path(), Part::Value, message);
            findings.push(finding.help(help));
        }
        if let Err(why) = globs(&entry.text) {
            let message = format!("this entry starts with `path:` but names no files: {why}");
            let finding = found.at(Code::SCOPE_PATH, entry.path(), Part::Value, message);
            findings.push(finding.help(
                "write a path from the repository's root, such as `path:src/auth` or \
                 `path:**/*.md`, or `path:**` for all files",
            ));
        }
    }
}

/// The part of a scope that can be compared with files.
#[derive(Debug)]
pub struct Bounds {
    within: Covered,
    excluded: Covered,
    not_checkable: Vec<Entry>,
}

/// The files that match the entries of one list.
#[derive(Debug, Default)]
struct Covered {
    entries: Vec<Entry>,
    set: Globs,
    /// The entry of each glob of the set.
    owners: Vec<usize>,
}

impl Covered {
    fn build(all: Vec<(Entry, Vec<Glob>)>) -> Result<Covered, String> {
        let mut covered = Covered::default();
        let mut set = Vec::new();
        for (entry, globs) in all {
            for glob in globs {
                set.push(glob);
                covered.owners.push(covered.entries.len());
            }
            covered.entries.push(entry);
        }
        covered.set = Globs::of(set)?;
        Ok(covered)
    }

    /// The first entry that matches a file.
    fn entry(&self, path: &str) -> Option<&Entry> {
        let first = self.set.first(path)?;
        self.entries.get(*self.owners.get(first)?)
    }
}

/// The files that match some texts, in the form of scope entries without `path:`.
#[derive(Debug, Default)]
pub struct Files(Covered);

impl Files {
    /// The files that match these texts.
    ///
    /// # Errors
    /// Which of them is not valid, and why, as a sentence.
    pub fn of(texts: &[String]) -> Result<Files, String> {
        let mut all = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let entry = Entry {
                list: "always",
                index,
                text: text.clone(),
            };
            let named = globs(&format!("{PREFIX}{text}"));
            let named = named.map_err(|why| format!("`{text}`: {why}"))?;
            all.push((entry, named.unwrap_or_default()));
        }
        Covered::build(all).map(Files)
    }

    /// Whether a file matches.
    pub fn hold(&self, path: &str) -> bool {
        self.0.set.is_match(path)
    }
}

/// The relation of a file to a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'b> {
    /// It is in scope.
    Inside,
    /// It matches this entry of `out_of_scope`.
    Excluded(&'b Entry),
    /// It matches no entry of `in_scope`.
    NotCovered,
}

impl Bounds {
    /// The bounds of a scope.
    ///
    /// # Errors
    /// Why an entry is not valid, as a sentence.
    pub fn of(scope: &Scope) -> Result<Bounds, String> {
        let (mut within, mut excluded, mut not_checkable) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries(scope) {
            match (globs(&entry.text)?, entry.list) {
                (None, _) => not_checkable.push(entry),
                (Some(globs), "in_scope") => within.push((entry, globs)),
                (Some(globs), _) => excluded.push((entry, globs)),
            }
        }
        Ok(Bounds {
            within: Covered::build(within)?,
            excluded: Covered::build(excluded)?,
            not_checkable,
        })
    }

    /// The bounds of the entries of `in_scope` and of `out_of_scope`.
    ///
    /// # Errors
    /// As [`Bounds::of`].
    pub fn of_entries([in_scope, out_of_scope]: &[Vec<String>; 2]) -> Result<Bounds, String> {
        Bounds::of(&Scope {
            in_scope: in_scope.clone(),
            out_of_scope: out_of_scope.clone(),
            assumptions: Vec::new(),
            open_questions: Vec::new(),
        })
    }

    /// Compares the file at a path. If `in_scope` has no entries about files, all files that are not excluded are in
    /// scope.
    pub fn judge(&self, path: &str) -> Verdict<'_> {
        if let Some(entry) = self.excluded.entry(path) {
            return Verdict::Excluded(entry);
        }
        if self.within.entries.is_empty() || self.within.set.is_match(path) {
            Verdict::Inside
        } else {
            Verdict::NotCovered
        }
    }

    /// Whether `in_scope` has entries about files. Otherwise only people can tell what is in scope.
    pub fn says_files(&self) -> bool {
        !self.within.entries.is_empty()
    }

    /// The entries about files: those of `in_scope`, and those of `out_of_scope`.
    pub fn checkable(&self) -> (&[Entry], &[Entry]) {
        (&self.within.entries, &self.excluded.entries)
    }

    /// The entries that only people can judge.
    pub fn not_checkable(&self) -> &[Entry] {
        &self.not_checkable
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn scope(within: &[&str], out: &[&str]) -> Scope {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Scope {
            in_scope: list(within),
            out_of_scope: list(out),
            assumptions: Vec::new(),
            open_questions: Vec::new(),
        }
    }

    /// `+` inside, `-` not covered, else the entry that excludes it.
    fn judged(within: &[&str], out: &[&str], path: &str) -> String {
        match Bounds::of(&scope(within, out)).unwrap().judge(path) {
            Verdict::Inside => "+".to_owned(),
            Verdict::NotCovered => "-".to_owned(),
            Verdict::Excluded(entry) => entry.text.clone(),
        }
    }

    #[test]
    fn which_files_an_entry_is_about() {
        let table = [
            // A file, or a folder with everything below it.
            ("path:src/auth", "src/auth", true),
            ("path:src/auth", "src/auth/login.rs", true),
            ("path:src/auth", "src/auth/a/b/c.rs", true),
            ("path:src/auth", "src/authority.rs", false),
            ("path:src/auth", "lib/src/auth", false),
            ("path:src/auth/", "src/auth/login.rs", true),
            ("path:src/auth/", "src/auth", false),
            ("path:Makefile", "Makefile", true),
            ("path:src/{auth,login}", "src/login/a/b.rs", true),
            ("path:*/src", "a/src/b.rs", true),
            ("path:*/", "a/b/c.rs", true),
            ("path:*/", "a", false),
            // Globs: `*` stays in its folder, `**` does not.
            ("path:src/*", "src/a.rs", true),
            ("path:src/*", "src/a/b.rs", false),
            ("path:src/**", "src/a/b.rs", true),
            ("path:src/**", "src", false),
            ("path:**/*.md", "README.md", true),
            ("path:**/*.md", "docs/a/b.md", true),
            ("path:**", "any/thing", true),
            ("path:*.{ts,tsx}", "a.tsx", true),
            ("path:*.{ts,tsx}", "a/b.tsx", false),
            ("path:src/[ab].rs", "src/b.rs", true),
            ("path:src/[ab].rs", "src/b.rs/c", false),
            // Spaces are ignored.
            ("path: src/auth ", "src/auth/login.rs", true),
            ("path:/src/auth", "src/auth/login.rs", true),
            ("path:./src/auth", "src/auth/login.rs", true),
            ("path:src/my file", "src/my file", true),
            ("path:src/Auth", "src/auth", false),
            ("path:.github", ".github/workflows/ci.yml", true),
            ("path:**", ".hidden/.file", true),
            ("path:src/a\\*", "src/a*", true),
            ("path:src/a\\*", "src/ab", false),
            ("path:src", "src/a\nb\u{fffd}\"", true),
        ];
        for (entry, path, expected) in table {
            let within = judged(&[entry], &[], path);
            assert_eq!(within == "+", expected, "{entry} {path}");
            let without = judged(&["Prose"], &[entry], path);
            assert_eq!(without == entry, expected, "{entry} {path}");
        }
    }

    #[test]
    fn what_is_out_of_scope_wins_and_without_paths_nothing_is_missing() {
        let table: [(&[&str], &[&str], &str, &str); 7] = [
            (
                &["path:src"],
                &["path:src/old"],
                "src/old/a",
                "path:src/old",
            ),
            (
                &["path:src/old/a"],
                &["path:src/old"],
                "src/old/a",
                "path:src/old",
            ),
            (&["path:src"], &["path:src/old"], "src/new/a", "+"),
            (&["path:src"], &["path:src/old"], "docs/a", "-"),
            (&["Only the shop"], &["path:docs"], "src/a", "+"),
            (&["Only the shop"], &["path:docs"], "docs/a", "path:docs"),
            (
                &["path:a"],
                &["No b", "path:c", "path:**/d"],
                "c/d",
                "path:c",
            ),
        ];
        for (within, out, path, expected) in table {
            assert_eq!(
                judged(within, out, path),
                expected,
                "{within:?} {out:?} {path}"
            );
        }
    }

    #[test]
    fn entries_without_path_are_for_people() {
        let scope = scope(
            &["path:src", "The shop", "Path:x"],
            &[" path:y", "path:docs"],
        );
        let bounds = Bounds::of(&scope).unwrap();
        let told = |entries: &[Entry]| -> Vec<String> {
            let entries = entries.iter();
            entries
                .map(|entry| format!("{}[{}]", entry.list, entry.index))
                .collect()
        };
        let not_checkable = ["in_scope[1]", "in_scope[2]", "out_of_scope[0]"];
        assert_eq!(told(bounds.not_checkable()), not_checkable);
        assert_eq!(told(bounds.checkable().0), ["in_scope[0]"]);
        assert_eq!(told(bounds.checkable().1), ["out_of_scope[1]"]);
    }

    #[test]
    fn what_names_no_file() {
        let long = format!("path:{}", "a".repeat(LONGEST + 1));
        let table = [
            ("path:", "it names nothing"),
            ("path:  ", "it names nothing"),
            ("path:/", "it names nothing"),
            ("path:./", "it names nothing"),
            ("path:.", "a repository path cannot contain `.`"),
            ("path:../other", "a repository path cannot contain `..`"),
            ("path:a/./b", "a repository path cannot contain `.`"),
            ("path:a//b", "a repository path cannot contain ``"),
            ("path:src/[a", "unclosed character class"),
            ("path:src/{a", "unclosed alternate group"),
            ("path:[z-a]", "invalid range"),
            (&long, "longer than 1000 characters"),
        ];
        for (entry, why) in table {
            let said = globs(entry).unwrap_err();
            assert!(said.contains(why), "{entry}: {said}");
        }
        // A glob is either compiled or reported, however complex it is.
        let nested = format!("path:{}a{}", "{".repeat(480), "}".repeat(480));
        let many: Vec<String> = (0..2000).map(|n| format!("path:dir{n}/**/x*y")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(judged(&many, &[], "dir1999/a/b/xy"), "+");
        assert!(globs(&nested).is_err() || Bounds::of(&scope(&[&nested], &[])).is_err());
    }
}
