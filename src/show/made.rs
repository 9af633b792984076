//! Files that were created, and the hook, one line each.

use crate::api::made::{Created, HookMeans, HookState, Initialized, MadeFile};
use crate::api::namespace::{NamespaceChanged, NamespaceList};

/// The result of `planspec new`.
pub fn created(made: &Created) -> String {
    let mut text = format!("created {}\n", made.path);
    if let Some(schema) = &made.schema {
        text.push_str(&format!("created {schema} (for editors)\n"));
    }
    text
}

/// The result of `planspec init`.
pub fn initialized(made: &Initialized) -> String {
    let files = made.files.iter().map(|file| {
        let word = match file {
            MadeFile { created: true, .. } => "created",
            MadeFile { updated: true, .. } => "updated",
            _ => "kept as it is",
        };
        line(word, &file.path)
    });
    files.chain(made.hook.iter().map(put)).collect()
}

/// The result of installing a hook.
pub fn put(hook: &HookState) -> String {
    let word = match (hook.changed, hook.means) {
        (false, _) => "kept as it is",
        (true, HookMeans::Script) => "created",
        (true, HookMeans::Configuration) => "configured",
    };
    line(word, &hook.place)
}

/// The result of removing a hook.
pub fn removed(hook: &HookState) -> String {
    if hook.changed {
        line("removed", &hook.place)
    } else {
        String::new()
    }
}

/// Whether a hook is installed.
pub fn standing(hook: &HookState) -> String {
    if hook.installed {
        line("installed", &hook.place)
    } else {
        "not installed\n".to_owned()
    }
}

/// The namespaces of a repository, a line each.
pub fn namespaces(found: &NamespaceList) -> String {
    let head = ("NAME".to_owned(), "RESOURCES".to_owned(), "FILE".to_owned());
    let rows = found.items.iter().map(|one| {
        let path = one.path.clone().unwrap_or_default();
        (one.name.clone(), one.resources.to_string(), path)
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = rows.iter().map(|(name, ..)| name.len()).max();
    let width = width.unwrap_or_default();
    let lines = rows.iter().map(|(name, count, path)| {
        let line = format!("{name:<width$}   {count:<9}   {path}");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// The result of adding or removing a namespace.
pub fn namespace(changed: &NamespaceChanged) -> String {
    let word = match (changed.exists, &changed.commit) {
        (true, Some(_)) => "created",
        (false, Some(_)) => "deleted",
        (_, None) => "unchanged",
    };
    format!("namespace/{} {word}\n", changed.name)
}

fn line(word: &str, what: &str) -> String {
    format!("{word:<14} {what}\n")
}
