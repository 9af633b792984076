//! `planspec apply`: validate, put at the place, commit exactly that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::Context;
use super::store::Store;
use crate::core::config::Config;
use crate::core::diagnostic::Diagnostic;
use crate::core::manifest;
use crate::core::resource::{Key, Resource};
use crate::core::snapshot::Snapshot;
use crate::core::source::{Content, SourceFile};
use crate::core::yaml;
use crate::failure::{Failure, Outcome};
use crate::git::{Head, commit, files, read};
use crate::show::findings;

/// Validate resources, put them at their place in the repository, and commit exactly those files
///
/// A file that is part of the repository stays where it is. Anything else goes where the resource
/// stands already, else to planspec/NAMESPACE/KIND/NAME.yaml. Other staged changes stay staged.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true))]
pub struct Args {
    /// A file; - is standard input. May be repeated
    #[arg(short, long = "filename", value_name = "FILE", group = "input")]
    files: Vec<PathBuf>,
    /// A folder; may be repeated
    #[arg(short, long = "directory", value_name = "DIR", group = "input")]
    directories: Vec<PathBuf>,
    /// Look into the folders below as well
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Say what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Created,
    Configured,
    Unchanged,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Configured => "configured",
            Change::Unchanged => "unchanged",
        }
    }
}

/// The repository as HEAD has it, and the files that are to change.
pub(super) struct Edit<'a> {
    store: &'a Store,
    config: Config,
    head: BTreeMap<String, SourceFile>,
    before: Snapshot,
    changed: BTreeMap<String, String>,
    touched: Vec<(Key, String)>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let mut edit = Edit::begin(&store)?;
    for file in inputs(context, args, &edit.config)? {
        let Content::Bytes(bytes) = &file.content else {
            let Content::Refused(why) = &file.content else {
                continue;
            };
            return Err(Failure::usage(format!("{}: {why}", file.path)));
        };
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Failure::usage(format!("{} is not UTF-8 text", file.path)))?;
        edit.put(context, &file, &text)?;
    }
    edit.commit(context, args.message.as_deref(), args.dry_run)
}

fn inputs(context: &Context, args: &Args, config: &Config) -> Outcome<Vec<SourceFile>> {
    let base = context.dir.clone().unwrap_or_default();
    let limit = config.limits.file_bytes;
    let named: Vec<PathBuf> = args
        .files
        .iter()
        .map(|path| match path.as_os_str() == "-" {
            true => path.clone(),
            false => base.join(path),
        })
        .collect();
    let mut found = files::named(&named, limit);
    for directory in &args.directories {
        let dir = base.join(directory);
        found.extend(read::from_directory(&dir, args.recursive, limit)?);
    }
    Ok(found)
}

impl<'a> Edit<'a> {
    /// Start from what HEAD holds.
    pub fn begin(store: &'a Store) -> Outcome<Edit<'a>> {
        let head = store.repo.head()?;
        let (config, files) = match head.commit() {
            Some(commit) => {
                let config = store.config_at(commit)?;
                let files = store.files(commit, &config)?;
                (config, files)
            }
            None => (Config::default(), Vec::new()),
        };
        let before = Snapshot::build(&files, &config);
        let head = files
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect();
        Ok(Edit {
            store,
            config,
            head,
            before,
            changed: BTreeMap::new(),
            touched: Vec::new(),
        })
    }

    /// The resources as HEAD has them.
    pub fn before(&self) -> &Snapshot {
        &self.before
    }

    /// Take in one file.
    fn put(&mut self, context: &Context, file: &SourceFile, text: &str) -> Outcome {
        let manifest = manifest::read(file, &self.config.limits);
        let stripped = strip(file, text, &self.config);
        if let Some((_, dropped)) = &stripped {
            context.terminal.note(&format!(
                "note: {}: {} is not taken over: only reconcile writes it",
                file.path,
                dropped.join(", ")
            ));
        }
        let text = stripped.map_or_else(|| text.to_owned(), |(text, _)| text);
        let keys: Vec<(usize, Key)> = manifest
            .entries
            .iter()
            .map(|entry| (entry.document, entry.key.clone()))
            .collect();
        if keys.is_empty() {
            self.refuse(context, file, &text, manifest.diagnostics)?;
        }
        let inside = self.store.repo.path_inside(Path::new(&file.path));
        if let Some(path) = inside.filter(|path| self.config.covers(path)) {
            self.touched
                .extend(keys.into_iter().map(|(_, key)| (key, path.clone())));
            self.changed.insert(path, text);
            return Ok(());
        }
        let ranges = yaml::split::documents(&text);
        for (document, key) in keys {
            let part = match ranges.get(document) {
                Some(range) if ranges.len() > 1 => {
                    text[range.clone()].trim_start_matches(['\r', '\n'])
                }
                _ => &text,
            };
            self.place(key, part)?;
        }
        Ok(())
    }

    /// Nothing in the file can be placed: show why.
    fn refuse(
        &self,
        context: &Context,
        file: &SourceFile,
        text: &str,
        found: Vec<Diagnostic>,
    ) -> Outcome {
        if found.is_empty() {
            return Err(Failure::not_met(format!(
                "{} holds no resources",
                file.path
            )));
        }
        show_findings(context, &found, &|_| Some(text.to_owned()));
        Err(Failure::findings())
    }

    /// Put the text of one resource where it stands already, else at its canonical place.
    pub fn place(&mut self, key: Key, text: &str) -> Outcome {
        let path = match self.before.definitions(&key) {
            [] => self.canonical_path(&key)?,
            [only] => only.path.clone(),
            several => {
                return Err(
                    Failure::not_met(format!("{key} is defined {} times", several.len()))
                        .hint("remove all but one of the definitions first"),
                );
            }
        };
        if self.is_unchanged(&key, &path, text) {
            self.touched.push((key, path));
            return Ok(());
        }
        let document = self.before.definition(&key).map(|d| d.document);
        let current = self
            .changed
            .get(&path)
            .cloned()
            .or_else(|| self.text_of(&path));
        let text = match (document, current) {
            (Some(document), Some(current)) => replace_document(&current, document, text),
            _ => text.to_owned(),
        };
        self.changed.insert(path.clone(), ensure_newline(text));
        self.touched.push((key, path));
        Ok(())
    }

    /// Whether HEAD says the same in other words.
    fn is_unchanged(&self, key: &Key, path: &str, text: &str) -> bool {
        let file = source_file(path, text);
        let new = manifest::read(&file, &self.config.limits)
            .entries
            .into_iter()
            .find(|entry| entry.key == *key)
            .and_then(|entry| entry.resource);
        new.is_some() && new.as_ref() == self.before.resource(key)
    }

    fn text_of(&self, path: &str) -> Option<String> {
        match &self.head.get(path)?.content {
            Content::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            Content::Refused(_) => None,
        }
    }

    /// `planspec/NAMESPACE/KIND/NAME.yaml`, or the same below the first folder that is configured.
    fn canonical_path(&self, key: &Key) -> Outcome<String> {
        let file = format!("{}/{}/{}.yaml", key.namespace, key.kind.plural(), key.name);
        let folders = self
            .config
            .paths
            .iter()
            .filter_map(|glob| {
                glob.strip_suffix("/**")
                    .or_else(|| glob.strip_suffix("/**/*"))
            })
            .filter(|folder| !folder.contains(['*', '?', '[', '{']));
        folders
            .map(|folder| format!("{folder}/{file}"))
            .find(|path| self.config.covers(path))
            .ok_or_else(|| {
                Failure::not_met(format!("the configured paths have no folder for {key}"))
                    .hint("put the file into the repository yourself, and apply it there")
            })
    }

    /// Validate everything together, commit what differs, and say what was done.
    pub fn commit(self, context: &Context, message: Option<&str>, dry_run: bool) -> Outcome {
        let after = self.after();
        let is_ours = |finding: &&Diagnostic| self.changed.contains_key(&finding.file);
        let found: Vec<Diagnostic> = after
            .diagnostics()
            .iter()
            .filter(is_ours)
            .cloned()
            .collect();
        show_findings(context, &found, &|file| after.text(file));
        if found.iter().any(Diagnostic::is_error) {
            return Err(Failure::findings());
        }
        let mut lines = String::new();
        let mut subjects = Vec::new();
        for (key, path) in &self.touched {
            let change = change_of(self.before.resource(key), after.resource(key));
            let name = format!("{}/{}", key.kind.name().to_lowercase(), key.name);
            lines.push_str(&format!("{name} {} ({path})\n", change.word()));
            if change != Change::Unchanged {
                subjects.push(name);
            }
        }
        let changed: Vec<(String, Option<Vec<u8>>)> = self
            .changed
            .iter()
            .filter(|(path, text)| self.text_of(path).as_ref() != Some(*text))
            .map(|(path, text)| (path.clone(), Some(text.clone().into_bytes())))
            .collect();
        if dry_run || changed.is_empty() {
            context.terminal.out(&lines);
            if dry_run && !changed.is_empty() {
                context.terminal.note("dry run: nothing was written");
            }
            return Ok(());
        }
        let message = message.map_or_else(|| subject_line(&subjects), str::to_owned);
        let id = commit::commit_files(&self.store.repo, &changed, &message)?;
        context.terminal.out(&lines);
        match id {
            Some(id) => self.say_where(context, &id),
            None => Ok(()),
        }
    }

    fn after(&self) -> Snapshot {
        let mut files = self.head.clone();
        for (path, text) in &self.changed {
            files.insert(path.clone(), source_file(path, text));
        }
        let files: Vec<SourceFile> = files.into_values().collect();
        Snapshot::build(&files, &self.config)
    }

    fn say_where(&self, context: &Context, id: &str) -> Outcome {
        let short = crate::show::reconcile::short(id);
        let branch = match self.store.repo.head()? {
            Head::Branch { name, .. } => name,
            _ => "a detached HEAD".to_owned(),
        };
        let next = match &self.store.remote {
            Some(remote) => format!("git push {remote} {branch}, then planspec reconcile"),
            None => "planspec reconcile".to_owned(),
        };
        context
            .terminal
            .note(&format!("committed {short} on {branch}; next: {next}"));
        let spec_branch = self.store.known().map(|view| view.spec_branch);
        if let Ok(spec_branch) = spec_branch
            && spec_branch != branch
        {
            context.terminal.note(&format!(
                "note: it takes effect when `{spec_branch}` has it"
            ));
        }
        Ok(())
    }
}

fn source_file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        blob: read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    }
}

fn show_findings(
    context: &Context,
    found: &[Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
) {
    if found.is_empty() {
        return;
    }
    let colors = context.terminal.colors_err();
    let text = findings::render(found, text_of, findings::Format::Text, colors);
    context.terminal.note(text.trim_end());
    context.terminal.note(&findings::summary(found));
}

/// The text without what only `reconcile` writes, when there is any of it; comments are lost then.
fn strip(file: &SourceFile, text: &str, config: &Config) -> Option<(String, Vec<String>)> {
    let (documents, _) = yaml::read(&file.path, text.as_bytes(), &config.limits);
    let mut dropped: Vec<String> = Vec::new();
    let mut texts = Vec::new();
    for mut document in documents {
        let fields = manifest::strip_derived(&mut document.value);
        dropped.extend(fields.into_iter().map(str::to_owned));
        texts.push(yaml::write(&document.value));
    }
    dropped.sort();
    dropped.dedup();
    (!dropped.is_empty()).then(|| (texts.join("---\n"), dropped))
}

/// Replace one document of a stream, leaving the others as they are.
fn replace_document(stream: &str, document: usize, text: &str) -> String {
    let ranges = yaml::split::documents(stream);
    match ranges.get(document) {
        Some(range) if ranges.len() > 1 => format!(
            "{}\n{}{}",
            stream[..range.start].trim_end_matches(['\r', '\n']),
            ensure_newline(text.to_owned()),
            &stream[range.end..]
        ),
        _ => text.to_owned(),
    }
}

fn ensure_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn change_of(before: Option<&Resource>, after: Option<&Resource>) -> Change {
    match (before, after) {
        (None, _) => Change::Created,
        (Some(before), Some(after)) if before == after => Change::Unchanged,
        _ => Change::Configured,
    }
}

fn subject_line(names: &[String]) -> String {
    match names {
        [] => "Apply resources".to_owned(),
        [only] => format!("Apply {only}"),
        [first, others @ ..] => format!("Apply {first} and {} more", others.len()),
    }
}
