//! Files that were made, and the hook, a line each.

use crate::api::made::{Created, HookMeans, HookState, Initialized, MadeFile};

/// What was made of a template.
pub fn created(made: &Created) -> String {
    let mut text = format!("created {}\n", made.path);
    if let Some(schema) = &made.schema {
        text.push_str(&format!("created {schema} (for editors)\n"));
    }
    text
}

/// What was made of a repository.
pub fn initialized(made: &Initialized) -> String {
    let files = made.files.iter().map(|MadeFile { path, created }| {
        let word = if *created { "created" } else { "kept as it is" };
        line(word, path)
    });
    files.chain(made.hook.iter().map(put)).collect()
}

/// A hook that was to be installed.
pub fn put(hook: &HookState) -> String {
    let word = match (hook.changed, hook.means) {
        (false, _) => "kept as it is",
        (true, HookMeans::Script) => "created",
        (true, HookMeans::Configuration) => "configured",
    };
    line(word, &hook.place)
}

/// A hook that was to be removed; nothing where there was none.
pub fn removed(hook: &HookState) -> String {
    if hook.changed {
        line("removed", &hook.place)
    } else {
        String::new()
    }
}

/// Whether there is a hook.
pub fn standing(hook: &HookState) -> String {
    if hook.installed {
        line("installed", &hook.place)
    } else {
        "not installed\n".to_owned()
    }
}

fn line(word: &str, what: &str) -> String {
    format!("{word:<14} {what}\n")
}
